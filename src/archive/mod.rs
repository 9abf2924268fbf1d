//! Containers of tiles: written through [`Sink`], read through [`Store`]. One file (or folder) per container, one row
//! of [`ARCHIVES`] each.
//!
//! A sink writes under a temporary name beside its final place. [`Sink::finish`] completes and syncs it,
//! [`Staged::publish`] gives it its name; so several outputs can be finished first and published together, and an
//! output has its final name only when it is whole.
//!
//! A path that is the address of an object store goes there by [`remote`](crate::remote): tiles as objects while they come, a
//! file once it is complete.
//!
//! Absent here: pixels, threads.

mod audit;
mod digest;
mod directory;
mod disk;
mod file;
mod file_type;
mod hosting;
mod mbtiles;
mod metadata;
#[cfg(feature = "object-store")]
mod objects;
mod pmtiles;
mod random_access;
mod recent;
mod rename;
mod stage;
mod stored;
mod tally;
mod temporary;
#[cfg(test)]
mod tests;

pub use audit::{Audit, Fault, Flaw, Tick, audit};
pub use digest::Digest;
pub use disk::Disk;
pub use file::{FileOutput, Scratch};
pub use file_type::FileType;
pub use hosting::Host;
pub use mbtiles::{MbtilesOptions, MbtilesType};
pub use metadata::{DEFAULT_VERSION, Metadata, RowScheme, TilesetKind};
pub(crate) use recent::Recent;
pub use stage::{Overwrite, Published, Staged, Transfer};
pub use stored::StoredMetadata;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::encode::Format;
use crate::error::{Error, Kind, Result};
use crate::geo::tile::TileCoord;
use crate::remote::{Location, Patience, RemoteFile, download, virtual_name, without_query};

/// A container being written: open, write, finish, publish. Dropped before [`Staged::publish`], it leaves nothing
/// behind.
pub trait Sink: Send {
    /// Adds a tile: its address, its bytes and their digest. Tiles come in post-order (children before their parent), each
    /// once, the same order for every run.
    ///
    /// After an error the container is spoilt: it can only be dropped.
    ///
    /// # Errors
    /// [`Kind::Resources`] when the disk is full, [`Kind::Output`] when the file cannot be written, [`Kind::Internal`]
    /// when the tile is outside the matrix, has no bytes or came before (some containers tell only at the end).
    fn write(&mut self, tile: TileCoord, data: &[u8], digest: Option<Digest>) -> Result<()>;

    /// Completes the container and syncs it to disk, still under its temporary name.
    ///
    /// # Errors
    /// As [`Sink::write`], and when the metadata is not true of what was written.
    fn finish(self: Box<Self>, metadata: &Metadata) -> Result<Staged>;
}

/// A container being read. Nothing is ever written, not even beside it.
pub trait Store: Send {
    /// What the container says about itself.
    fn metadata(&self) -> &StoredMetadata;

    /// The addresses of all tiles: zooms ascending, within a zoom root by root, within a root along the Hilbert curve
    /// (for one root that is ascending PMTiles id). Each once.
    ///
    /// # Errors
    /// [`Kind::Input`] when the container is damaged or holds an address that its matrix does not have.
    fn tiles(&mut self) -> Result<Vec<TileCoord>>;

    /// The bytes of a tile; `None` if it is not there.
    ///
    /// # Errors
    /// [`Kind::Input`] when the container is damaged.
    fn read(&mut self, tile: TileCoord) -> Result<Option<Vec<u8>>>;

    /// How the tiles are kept; `None` where there is one way only, or one that we do not know.
    ///
    /// # Errors
    /// [`Kind::Input`] when the container is damaged.
    fn storage(&mut self) -> Result<Option<Storage>> {
        Ok(None)
    }

    /// All tiles as [`Store::tiles`] lists them, with where each lies; `None` unless reading them all would cost much more than
    /// listing them, and the container knows where they lie.
    ///
    /// # Errors
    /// As [`Store::tiles`].
    fn places(&mut self) -> Result<Option<Vec<(TileCoord, Place)>>> {
        Ok(None)
    }

    /// Prepares for reading `tiles`, listed as by [`Store::tiles`], and no others: of what is far away nothing else is fetched
    /// then. Others can still be read.
    ///
    /// # Errors
    /// As [`Store::read`].
    fn expect(&mut self, _tiles: &[TileCoord]) -> Result<()> {
        Ok(())
    }

    /// From now on waiting for a server ends with an error of kind [`Kind::Interrupted`] once `stop` is set.
    fn heed(&mut self, _stop: Arc<AtomicBool>) {}

    /// Makes sure that what is read over the network is still what was opened.
    ///
    /// # Errors
    /// [`Kind::Retry`] when another file has taken its place, or nobody answers.
    fn check_unchanged(&mut self) -> Result<()> {
        Ok(())
    }
}

/// How to write a container.
#[derive(Debug, Clone)]
pub struct SinkOptions {
    /// What to do about an output that exists.
    pub overwrite: Overwrite,
    /// How a directory numbers its rows. MBTiles always counts from the south; PMTiles has no rows.
    pub rows: RowScheme,
    /// The format of the tiles.
    pub format: Format,
    /// Tiles at zoom 0, across and down: (1, 1), or (2, 1) for `WorldCRS84Quad`.
    pub matrix_roots: (u32, u32),
    /// What only an MBTiles file can be told.
    pub mbtiles: MbtilesOptions,
    /// Whom a folder has notes for.
    pub hosts: Vec<Host>,
    /// What only an output in an object store can be told.
    pub remote: RemoteOptions,
}

/// How to write into an object store.
#[derive(Debug, Clone, Default)]
pub struct RemoteOptions {
    /// `Cache-Control` of tiles and archives; without it a day, of archives five minutes, of a version that is published
    /// for good.
    pub cache_control: Option<String>,
    /// The folder that tiles go into, below that of the output, whose `tilejson.json` names it when they are there.
    pub publish: Option<String>,
    /// Whether tiles of other runs are removed at the end.
    pub prune: bool,
    /// How long to try again, and who may end that.
    pub patience: Patience,
}

/// How a container keeps its tiles, where containers of its kind differ in that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// The type of an MBTiles file.
    pub kind: MbtilesType,
    /// How many tiles are stored: of equal ones each is counted, unless they are stored once.
    pub n_stored: u64,
}

/// Where in its container a tile lies. Tiles that lie at the same place are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Bytes before it.
    pub offset: u64,
    /// Bytes of it, as stored.
    pub bytes: u32,
}

/// How a container is opened for writing.
type Create = fn(&Path, &SinkOptions) -> Result<Box<dyn Sink>>;

/// Processor time that writing takes, encoding left out. For forecasts: about what the thread that writes took on an Intel Xeon, by a
/// profile, for 5,759 tiles of 638 MB and 3,534 tiles of 1.1 MB, with all that is written in the page cache.
#[derive(Debug, Clone, Copy)]
pub struct Writing {
    /// Seconds for each tile.
    pub tile_s: f64,
    /// Seconds for each byte: copied, and read once more for the digest of a file.
    pub byte_s: f64,
}

/// A kind of container.
pub struct Archive {
    /// The end of its paths without the dot, in any case; `None` for folders.
    pub suffix: Option<&'static str>,
    /// Whether it holds grids with several tiles at zoom 0.
    pub several_roots: bool,
    /// What writing takes.
    pub writing: Writing,
    create: Create,
    open: fn(&Path) -> Result<Box<dyn Store>>,
    audit: fn(&Path, &mut Tick<'_>) -> Result<Audit>,
}

/// Every container there is.
pub const ARCHIVES: &[Archive] = &[
    Archive {
        suffix: Some("mbtiles"),
        several_roots: true,
        writing: Writing {
            tile_s: 20e-6,
            byte_s: 1.7e-9,
        },
        create: mbtiles::create,
        open: mbtiles::open,
        audit: mbtiles::audit,
    },
    Archive {
        suffix: Some("pmtiles"),
        several_roots: false,
        writing: Writing {
            tile_s: 20e-6,
            byte_s: 1.5e-9,
        },
        create: pmtiles::create,
        open: pmtiles::open,
        audit: pmtiles::audit,
    },
    Archive {
        suffix: None,
        several_roots: true,
        writing: Writing {
            tile_s: 150e-6,
            byte_s: 0.3e-9,
        },
        create: directory::create,
        open: directory::open,
        audit: directory::audit,
    },
];

/// Opens the container that `path` names: by its suffix, or a folder if it has none or ends in a slash.
///
/// All that can be checked without tiles is checked here: whether the place is free or may be replaced, and, by making
/// the temporary file, whether its folder can be written.
///
/// # Errors
/// [`Kind::Usage`] for a suffix that no container has and for a grid that the container cannot hold, [`Kind::Output`] when the output exists (see [`Overwrite`]) or
/// cannot be written.
pub fn open_sink(path: &Path, options: &SinkOptions) -> Result<Box<dyn Sink>> {
    let archive = check_sink(path, options)?;
    match Location::parse(path)? {
        None => (archive.create)(path, options),
        Some(location) => create_remote(archive, path, &location, options),
    }
}

/// The container that `path` names, if it can hold tiles on such a grid. Nothing is opened.
///
/// # Errors
/// [`Kind::Usage`] as [`open_sink`].
pub fn check_sink(path: &Path, options: &SinkOptions) -> Result<&'static Archive> {
    let (columns, rows) = options.matrix_roots;
    if columns == 0 || rows == 0 {
        return Err(Error::internal(
            "a tile matrix has at least one tile at zoom 0",
        ));
    }
    let archive = by_name(path, Kind::Usage)?;
    if !archive.several_roots && (columns, rows) != (1, 1) {
        return Err(Error::usage(format!(
            "{}: {columns} x {rows} tiles at zoom 0, which this container cannot number; expected one tile, as in WebMercatorQuad",
            path.display()
        ))
        .with_help("write an MBTiles file or a folder with -o"));
    }
    Ok(archive)
}

#[cfg(feature = "object-store")]
fn create_remote(
    archive: &Archive,
    path: &Path,
    location: &Location,
    options: &SinkOptions,
) -> Result<Box<dyn Sink>> {
    match archive.suffix {
        None => objects::create(path, location, options),
        Some(suffix) => objects::create_file((archive.create, suffix), path, location, options),
    }
}

#[cfg(not(feature = "object-store"))]
fn create_remote(
    _archive: &Archive,
    path: &Path,
    _location: &Location,
    _options: &SinkOptions,
) -> Result<Box<dyn Sink>> {
    Err(Error::usage(format!(
        "{}: an object store, which this program was built without; expected a path",
        path.display()
    ))
    .with_help("cargo install --locked --features object-store --path ."))
}

/// Whether [`open_sink`] makes a folder of files of `path`, going by its name.
pub fn names_folder(path: &Path) -> bool {
    let is_local = Location::parse(path).is_ok_and(|location| location.is_none());
    is_local && by_name(path, Kind::Usage).is_ok_and(|archive| archive.suffix.is_none())
}

/// Opens the container at `path` for reading; a folder whatever its name is. An address, or a name of GDAL's that begins with
/// `/vsi`, is that of a PMTiles archive, of which parts are read.
///
/// # Errors
/// [`Kind::Input`] when there is nothing, or nothing that we can read; [`Kind::Retry`] when a server does not answer.
pub fn open_store(path: &Path) -> Result<Box<dyn Store>> {
    if let Some(name) = virtual_name(path) {
        return open_virtual(name);
    }
    (at(path)?.open)(path)
}

/// The row of [`ARCHIVES`] that reads what is at `path`.
fn at(path: &Path) -> Result<&'static Archive> {
    let found = std::fs::metadata(path)
        .map_err(|error| Error::input(path.display(), format_args!("cannot be read ({error})")))?;
    if found.is_dir() {
        return Ok(folders());
    }
    if !found.is_file() {
        // Not to be read here and there, and who reads a pipe waits for somebody to write.
        let what = file_type::what_is(found.file_type());
        let expected = supported();
        return Err(Error::input(
            path.display(),
            format_args!("{what}, not a tileset; expected {expected}"),
        ));
    }
    by_name(path, Kind::Input)
}

/// Opens the container with a name that only GDAL can open.
fn open_virtual(name: &str) -> Result<Box<dyn Store>> {
    let file = without_query(name);
    if file.ends_with('/') {
        let found = "a folder that is not on this machine; expected a PMTiles archive, or a path";
        return Err(Error::input(name, found));
    }
    let suffix = Path::new(file).extension();
    if suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("mbtiles")) {
        let found = "an MBTiles file that is not on this machine, which SQLite cannot read in parts; expected a PMTiles archive, or a path";
        return Err(Error::input(name, found).with_help(download(name)));
    }
    pmtiles::open_remote(RemoteFile::open(name)?)
}

/// Whether the folder at `path` has the outer shape of a tileset: folders of zooms, or a file with metadata. It need not
/// be one that [`open_store`] can read.
pub fn resembles_tileset(path: &Path) -> bool {
    path.is_dir() && directory::resembles_tileset(path)
}

/// The row of [`ARCHIVES`] that writes or reads `path`, going by its name alone. A path that fits none is an error of
/// `kind`.
fn by_name(path: &Path, kind: Kind) -> Result<&'static Archive> {
    let shown = path.display();
    let text = path.as_os_str().to_string_lossy();
    let location = Location::parse(path)?;
    if text.contains("://") && location.is_none() {
        return Err(Error::new(
            kind,
            format!(
                "{shown}: an address in the network; expected {}",
                supported()
            ),
        ));
    }
    let is_bucket = location.is_some_and(|location| location.key.is_empty());
    let says_folder = text.ends_with(std::path::is_separator) || is_bucket;
    // Nobody who types these wants a folder of that name.
    if text == "-" || (is_suffix_alone(path) && !says_folder) {
        let here = if text.contains(std::path::is_separator) {
            ""
        } else {
            "./"
        };
        return Err(Error::new(
            kind,
            format!("{shown}: not a name; expected {}", supported()),
        )
        .with_help(format!("for a folder of that name: {here}{shown}/")));
    }
    let Some(suffix) = path.extension().filter(|_| !says_folder) else {
        return Ok(folders());
    };
    let suffix = suffix.to_string_lossy();
    let known = |archive: &&Archive| {
        archive
            .suffix
            .is_some_and(|s| s.eq_ignore_ascii_case(&suffix))
    };
    ARCHIVES.iter().find(known).ok_or_else(|| {
        let error = Error::new(
            kind,
            format!(
                "{shown}: no known kind of tileset; expected {}",
                supported()
            ),
        );
        match kind {
            Kind::Usage => error.with_help(format!("for a folder of that name: -o {shown}/")),
            _ => error,
        }
    })
}

/// Whether the last part of `path` is `.mbtiles` or the like, with no name before it.
fn is_suffix_alone(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix('.').is_some_and(|rest| {
        let known =
            |archive: &Archive| archive.suffix.is_some_and(|s| s.eq_ignore_ascii_case(rest));
        ARCHIVES.iter().any(known)
    })
}

fn folders() -> &'static Archive {
    ARCHIVES
        .iter()
        .find(|archive| archive.suffix.is_none())
        .expect("one archive is the folder")
}

/// What an output may be, as text: `a path that ends in .mbtiles, or a folder`.
fn supported() -> String {
    let suffixes: Vec<String> = ARCHIVES
        .iter()
        .filter_map(|a| a.suffix)
        .map(|s| format!(".{s}"))
        .collect();
    format!("a path that ends in {}, or a folder", suffixes.join(", "))
}
