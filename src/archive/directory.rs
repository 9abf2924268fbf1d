//! A folder of tiles.
//!
//! ```text
//! Z/X/Y.png        zoom, column from the west, row from the north (xyz) or from the south (tms)
//! metadata.json    the rows of an MBTiles metadata table as one flat object, of strings but for other JSON that was read
//! tilejson.json    TileJSON 2.2.0, with `scheme` for the rows and `tiles` relative to itself
//! nginx.conf, …    notes for who serves it, where they are asked for (see `hosting`)
//! ```
//!
//! Folders of other programs may lack one or both files, or have `tilemapresource.xml` (gdal2tiles) instead.

mod audit;

use std::ffi::OsStr;
use std::fs::{self, DirEntry, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::stage::{Local, Place};
use super::stored::Rows;
use super::tally::{self, Tally};
use super::temporary::{self, Shape, Temporary};
use super::{
    Digest, Host, Metadata, RowScheme, Sink, SinkOptions, Staged, Store, StoredMetadata, rename,
};
use crate::encode::Format;
use crate::error::{Error, Result};
use crate::geo::tile::{MAX_ZOOM, TileCoord};
pub(super) use audit::audit;

pub(super) const METADATA: &str = "metadata.json";
pub(super) const TILEJSON: &str = "tilejson.json";
const TILE_MAP_RESOURCE: &str = "tilemapresource.xml";

/// Opens a new folder in the place of `path`.
pub(super) fn create(path: &Path, options: &SinkOptions) -> Result<Box<dyn Sink>> {
    let place = Place::claim(path, options.overwrite, may_replace)?;
    let temporary = Temporary::create(&place, Shape::Folder)?;
    let layout = Layout {
        folder: temporary.path().to_path_buf(),
        extension: options.format.extension().to_string(),
        rows: options.rows,
        roots: options.matrix_roots,
    };
    Ok(Box::new(DirectorySink {
        layout,
        temporary,
        place,
        tally: Tally::new(options),
        hosts: options.hosts.clone(),
    }))
}

/// Whether the folder that is to be replaced, and then removed, holds nothing but a tileset. All of it is looked at:
/// that is little beside the removing.
fn may_replace(path: &Path) -> Result<()> {
    let found = fs::metadata(path).map_err(|error| Error::writing(path.display(), &error))?;
    if !found.is_dir() {
        return Err(Error::output(
            path.display(),
            "a file; expected a folder to replace",
        ));
    }
    if is_mount_point(path, &found) {
        return Err(Error::output(
            path.display(),
            "a mount point; expected a folder that can be renamed",
        )
        .with_help(format!(
            "write to a folder inside it: {}",
            path.join("tiles").display()
        )));
    }
    for entry in entries_to_replace(path)? {
        let (name, is_folder) = describe(&entry)?;
        match name.to_str() {
            Some(METADATA | TILEJSON) if !is_folder => {}
            Some(name) if !is_folder && Host::ALL.iter().any(|h| h.file_name() == name) => {}
            Some(name) if temporary::is_temporary_name(name) => {}
            _ if is_folder && numeral::<u8>(&name).is_some_and(|z| z <= MAX_ZOOM) => {
                check_columns(&entry.path())?;
            }
            _ => return Err(foreign(&entry)),
        }
    }
    Ok(())
}

/// Whether a zoom's folder holds nothing but columns of tiles.
fn check_columns(zoom: &Path) -> Result<()> {
    for column in entries_to_replace(zoom)? {
        let (name, is_folder) = describe(&column)?;
        if !is_folder || numeral::<u32>(&name).is_none() {
            return Err(foreign(&column));
        }
        for tile in entries_to_replace(&column.path())? {
            let (name, is_folder) = describe(&tile)?;
            if is_folder || tile_name(&name).is_none() {
                return Err(foreign(&tile));
            }
        }
    }
    Ok(())
}

fn entries_to_replace(folder: &Path) -> Result<Vec<DirEntry>> {
    entries(folder).map_err(|error| Error::writing(folder.display(), &error))
}

/// The name of an entry and whether it is a folder; a link is none, whatever it points at.
fn describe(entry: &DirEntry) -> Result<(std::ffi::OsString, bool)> {
    let kind = entry
        .file_type()
        .map_err(|error| Error::writing(entry.path().display(), &error))?;
    Ok((entry.file_name(), kind.is_dir()))
}

fn foreign(entry: &DirEntry) -> Error {
    Error::output(
        entry.path().display(),
        "not part of a tileset; expected nothing but tiles in a folder that is to be replaced",
    )
    .with_help("move it away, or write to another folder with -o")
}

/// Whether another file system begins at `path`, whose root cannot be renamed.
#[cfg(unix)]
fn is_mount_point(path: &Path, found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path.join("..")).is_ok_and(|parent| parent.dev() != found.dev())
}

#[cfg(not(unix))]
fn is_mount_point(_path: &Path, _found: &fs::Metadata) -> bool {
    false
}

/// Where tiles are in a folder.
struct Layout {
    folder: PathBuf,
    /// The end of every tile's name, without the dot.
    extension: String,
    rows: RowScheme,
    roots: (u32, u32),
}

impl Layout {
    /// The row, from the north, that a folder numbers `y`; or the number that it gives row `y`. `None` if there is no
    /// such row.
    fn row(&self, z: u8, y: u32) -> Option<i64> {
        numbered(self.rows, (z, y), self.roots)
    }

    /// The file of a tile.
    fn path(&self, tile: TileCoord) -> Option<PathBuf> {
        let row = self.row(tile.z(), tile.y())?;
        let row = u32::try_from(row).ok()?;
        let name = name_of((tile.z(), tile.x(), row), &self.extension);
        Some(self.folder.join(name))
    }
}

/// A folder being written.
struct DirectorySink {
    layout: Layout,
    temporary: Temporary,
    place: Place,
    tally: Tally,
    hosts: Vec<Host>,
}

impl Sink for DirectorySink {
    fn write(&mut self, tile: TileCoord, data: &[u8], _digest: Option<Digest>) -> Result<()> {
        let Self {
            layout,
            place,
            tally,
            ..
        } = self;
        tally.add(tile, data, || {
            let path = layout
                .path(tile)
                .ok_or_else(|| Error::internal("a row that is not there"))?;
            write_new(&path, data).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    Error::internal(format!("{}: tile {tile} was written twice", place.shown()))
                }
                _ => place.writing(&error),
            })
        })
    }

    fn finish(self: Box<Self>, metadata: &Metadata) -> Result<Staged> {
        self.tally.check(metadata)?;
        let Self {
            layout,
            temporary,
            place,
            tally,
            hosts,
        } = *self;
        let mut bytes = tally.bytes();
        let notes = hosts
            .iter()
            .map(|host| (host.file_name(), host.text(metadata.format)));
        // Last, so that a folder that has a TileJSON has its tiles.
        for (name, text) in notes.chain([
            (METADATA, metadata.metadata_json()),
            (TILEJSON, metadata.tilejson(layout.rows)),
        ]) {
            write_new(&layout.folder.join(name), text.as_bytes())
                .map_err(|error| place.writing(&error))?;
            bytes += text.len() as u64;
        }
        rename::sync_file_system(temporary.path()).map_err(|error| place.writing(&error))?;
        Ok(Local {
            place,
            temporary,
            n_tiles: tally.n_tiles(),
            n_stored: tally.n_tiles(),
            bytes,
            sha256: None,
        }
        .into())
    }
}

/// Writes a file that must not exist yet. Only the first tile of a column finds its folder missing, so nobody needs to
/// remember which ones there are. The disk begins to write it at once: nothing is left to do when all are there.
fn write_new(path: &Path, data: &[u8]) -> io::Result<()> {
    let mut file = match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            File::create_new(path)?
        }
        result => result?,
    };
    file.write_all(data)?;
    rename::begin_sync(&file);
    Ok(())
}

/// Opens the folder at `path` for reading.
pub(super) fn open(path: &Path) -> Result<Box<dyn Store>> {
    let (rows, scheme) = describe_folder(path)?;
    let mut metadata = StoredMetadata::from_rows(rows);
    let first = first_tile(path)
        .map_err(|error| Error::input(path.display(), format_args!("cannot be read ({error})")))?;
    if first.is_none() && metadata.rows.is_empty() {
        return Err(Error::input(
            path.display(),
            format_args!("a folder without tiles; expected Z/X/Y.png or {METADATA}"),
        ));
    }
    // The files themselves know best how they end: `.jpeg` is as good as `.jpg`.
    let told = metadata.format.map(Format::extension).unwrap_or_default();
    let extension = first.unwrap_or_else(|| told.to_string());
    metadata.format = metadata
        .format
        .or_else(|| Format::from_name(&extension).ok());
    let roots = metadata.matrix_roots;
    let layout = Layout {
        folder: path.to_path_buf(),
        extension,
        rows: scheme,
        roots,
    };
    Ok(Box::new(DirectoryStore { layout, metadata }))
}

/// Whether `folder` has a folder named as a zoom, or one of the files that describe tilesets.
pub(super) fn resembles_tileset(folder: &Path) -> bool {
    let described = [METADATA, TILEJSON, TILE_MAP_RESOURCE]
        .iter()
        .any(|name| folder.join(name).exists());
    described
        || numbered_folders::<u8>(folder)
            .is_ok_and(|zooms| zooms.iter().any(|(z, _)| *z <= MAX_ZOOM))
}

/// What a folder says about itself: its metadata as rows, and how its rows of tiles are numbered. From north to south
/// where nothing is said.
fn describe_folder(folder: &Path) -> Result<(Rows, RowScheme)> {
    let tilejson = read_json(&folder.join(TILEJSON))?;
    let metadata = read_json(&folder.join(METADATA))?;
    let found = if tilejson.is_none() && metadata.is_none() {
        read_tile_map_resource(&folder.join(TILE_MAP_RESOURCE))?
    } else {
        None
    };
    let scheme = [&tilejson, &metadata, &found]
        .into_iter()
        .flatten()
        .find_map(|rows| rows.get("scheme"))
        .map_or(RowScheme::Xyz, |scheme| match scheme.as_str() {
            Some("tms") => RowScheme::Tms,
            _ => RowScheme::Xyz,
        });
    Ok((metadata.or(tilejson).or(found).unwrap_or_default(), scheme))
}

/// The text of a file; `None` if there is none.
fn read_text(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::input(
            path.display(),
            format_args!("cannot be read ({error})"),
        )),
    }
}

fn read_json(path: &Path) -> Result<Option<Rows>> {
    let Some(text) = read_text(path)? else {
        return Ok(None);
    };
    match StoredMetadata::rows_of_json(&text) {
        None => Err(Error::input(
            path.display(),
            "not a JSON object; expected metadata",
        )),
        rows => Ok(rows),
    }
}

/// The rows that gdal2tiles' description of a folder stands for. It counts rows from the south.
fn read_tile_map_resource(path: &Path) -> Result<Option<Rows>> {
    let Some(text) = read_text(path)? else {
        return Ok(None);
    };
    let mut rows = Rows::from([("scheme".to_string(), "tms".into())]);
    match attribute(&text, "profile") {
        Some("mercator" | "global-mercator") => {}
        // There is a second kind, with a single tile over the world at zoom 0, which no scheme of ours is.
        Some("geodetic" | "global-geodetic") if has_two_roots(&text) => {
            rows.insert("tiling_scheme".to_string(), "WorldCRS84Quad".into());
            rows.insert("matrix_roots".to_string(), "2,1".into());
        }
        profile => {
            let profile = profile.unwrap_or("none");
            return Err(Error::input(
                path.display(),
                format_args!(
                    "profile {profile}; expected mercator, or geodetic with two tiles at zoom 0"
                ),
            ));
        }
    }
    Ok(Some(rows))
}

/// Whether a geodetic folder has tiles of 180 degrees at zoom 0: 180 / 256 = 0.703125 degrees a pixel.
fn has_two_roots(text: &str) -> bool {
    let Some(at) = text.find("<TileSet ") else {
        return false;
    };
    let element = text[at..].split('>').next().unwrap_or_default();
    let parse = |name| attribute(element, name).and_then(|value| value.parse::<f64>().ok());
    match (parse("units-per-pixel"), parse("order")) {
        (Some(units), Some(order)) => (units * order.exp2() - 0.703_125).abs() < 1e-9,
        _ => false,
    }
}

/// The value of the first attribute `name` in some XML.
fn attribute<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let start = xml.find(&format!(" {name}=\""))? + name.len() + 3;
    xml[start..].split('"').next()
}

/// The extension of the first tile, the one with the lowest zoom, column and row; `None` if there are no tiles.
fn first_tile(folder: &Path) -> io::Result<Option<String>> {
    for (_, zoom) in numbered_folders::<u8>(folder)? {
        for (_, column) in numbered_folders::<u32>(&zoom)? {
            let names = entries(&column)?.into_iter().map(|entry| entry.file_name());
            if let Some((_, extension)) = names.filter_map(|name| tile_name(&name)).min() {
                return Ok(Some(extension));
            }
        }
    }
    Ok(None)
}

/// The folders in `folder` whose names are whole numbers, in their order.
fn numbered_folders<T: Ord + Numeral>(folder: &Path) -> io::Result<Vec<(T, PathBuf)>> {
    let numbered = |entry: DirEntry| Some((numeral(&entry.file_name())?, entry.path()));
    let mut folders: Vec<_> = entries(folder)?.into_iter().filter_map(numbered).collect();
    folders.retain(|(_, path)| path.is_dir());
    folders.sort();
    Ok(folders)
}

fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    fs::read_dir(folder)?.collect()
}

/// The name of a tile's file below the folder, by zoom, column and row as the folder numbers it.
pub(super) fn name_of((z, x, row): (u8, u32, u32), extension: &str) -> String {
    format!("{z}/{x}/{row}.{extension}")
}

/// The number of row `y` from the north in a folder of `rows`, or back. `None` if there is no such row.
pub(super) fn numbered(rows: RowScheme, (z, y): (u8, u32), roots: (u32, u32)) -> Option<i64> {
    match rows {
        RowScheme::Xyz => Some(y.into()),
        RowScheme::Tms => tally::flip(z, y.into(), roots),
    }
}

/// Row and extension of a tile's file name, if it is one: a number, a dot, the end of a picture's name.
pub(super) fn tile_name(name: &OsStr) -> Option<(u32, String)> {
    let (row, extension) = name.to_str()?.split_once('.')?;
    Format::from_name(extension).ok()?;
    Some((numeral(OsStr::new(row))?, extension.to_string()))
}

pub(super) trait Numeral: std::str::FromStr + ToString {}
impl Numeral for u8 {}
impl Numeral for u32 {}

/// A number in the one way in which it is written as a file name: `7`, not `07` or `+7`, which nobody would look for.
pub(super) fn numeral<T: Numeral>(name: &OsStr) -> Option<T> {
    let name = name.to_str()?;
    name.parse::<T>()
        .ok()
        .filter(|number| number.to_string() == name)
}

/// A folder being read.
struct DirectoryStore {
    layout: Layout,
    metadata: StoredMetadata,
}

impl DirectoryStore {
    /// Adds the tiles of one zoom; entries that are no tiles are passed over. Tiles of two formats are an error: which of
    /// them is meant, nobody knows.
    fn add_zoom(&self, z: u8, zoom: &Path, tiles: &mut Vec<TileCoord>) -> io::Result<()> {
        for (x, column) in numbered_folders::<u32>(zoom)? {
            for entry in entries(&column)? {
                let Some((row, extension)) = tile_name(&entry.file_name()) else {
                    continue;
                };
                if extension != self.layout.extension {
                    let told = format!(
                        "{z}/{x}/{row}.{extension} beside tiles that end in .{}; expected one format",
                        self.layout.extension
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, told));
                }
                let y = self.layout.row(z, row);
                let tile = y.and_then(|y| tally::address(z, x.into(), y, self.layout.roots));
                tiles.push(tile.ok_or_else(|| {
                    let told = format!("{z}/{x}/{row} is outside the tile matrix");
                    io::Error::new(io::ErrorKind::InvalidData, told)
                })?);
            }
        }
        Ok(())
    }
}

impl Store for DirectoryStore {
    fn metadata(&self) -> &StoredMetadata {
        &self.metadata
    }

    fn tiles(&mut self) -> Result<Vec<TileCoord>> {
        let folder = &self.layout.folder;
        let failed =
            |error| Error::input(folder.display(), format_args!("cannot be read ({error})"));
        let mut tiles = Vec::new();
        for (z, zoom) in numbered_folders::<u8>(folder).map_err(failed)? {
            if z <= MAX_ZOOM {
                self.add_zoom(z, &zoom, &mut tiles).map_err(failed)?;
            }
        }
        tally::sort(&mut tiles);
        Ok(tiles)
    }

    fn read(&mut self, tile: TileCoord) -> Result<Option<Vec<u8>>> {
        let Some(path) = self.layout.path(tile) else {
            return Ok(None);
        };
        match fs::read(&path) {
            Ok(data) => Ok(Some(data)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::input(
                path.display(),
                format_args!("cannot be read ({error})"),
            )),
        }
    }
}
