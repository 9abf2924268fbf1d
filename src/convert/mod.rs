//! A tileset, or a piece of it, from one container into others: [`Tileset`] is the one way in.
//!
//! Tiles go from the [`Store`] to the [`Sink`]s one by one, as they are, unless another format is asked for. They come in the
//! order of a bake, and with the metadata of one; so a container has the same bytes whether it was baked or converted.

mod metadata;
mod order;
mod piece;
mod recode;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub(crate) use self::metadata::degrees;
use self::metadata::{TILE_SIZE_PX, Told};
pub(crate) use self::order::post_order;
pub use self::piece::Piece;
pub use self::recode::Recoding;
use crate::archive::{Digest, Metadata, Sink, Store, StoredMetadata, open_store};
use crate::encode::{FORMATS, Format};
use crate::error::{Error, Result};
use crate::geo::bounds::Bounds;
use crate::geo::scheme::Scheme;
use crate::geo::tile::TileCoord;
use crate::pyramid::times::{Clock, Stage, Watch};
use crate::pyramid::{Baked, Progress, Tally};
use crate::remote::{virtual_name, without_query};

/// A tileset that is being read, or a piece of one.
pub struct Tileset {
    path: PathBuf,
    store: Box<dyn Store>,
    /// As the store lists them; at least one.
    tiles: Vec<TileCoord>,
    /// Of the whole tileset.
    n_all: usize,
    /// `None` when its scheme is not known.
    scheme: Option<Scheme>,
    /// What it was cut to, in degrees.
    cut: Option<Bounds>,
}

/// What a tileset will say about itself, and what of it the tileset that was read does not say.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// All that a sink wants to know.
    pub metadata: Metadata,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Tiles and bytes, counted and added up as those of a bake.
    pub tiles: Baked,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Tileset {
    /// Opens the tileset at `path`, or at an address (see [`open_store`]), and lists its tiles.
    ///
    /// # Errors
    /// [`Kind::Input`](crate::error::Kind::Input) when it cannot be read, has no tiles, or vector tiles;
    /// [`Kind::Retry`](crate::error::Kind::Retry) when a server does not answer.
    pub fn open(path: &Path) -> Result<Self> {
        let mut store = open_store(path)?;
        check_format(path, store.metadata())?;
        let tiles = store.tiles()?;
        if tiles.is_empty() {
            return Err(Error::input(
                path.display(),
                "no tiles in it; expected at least one",
            ));
        }
        let scheme = scheme_of(store.metadata());
        Ok(Self {
            path: path.to_path_buf(),
            n_all: tiles.len(),
            store,
            tiles,
            scheme,
            cut: None,
        })
    }

    /// From now on waiting for a server ends with an error of kind [`Kind::Interrupted`](crate::error::Kind::Interrupted) once
    /// `stop` is set.
    pub fn heed(&mut self, stop: Arc<AtomicBool>) {
        self.store.heed(stop);
    }

    /// Leaves what lies in `piece`.
    ///
    /// # Errors
    /// As [`Tileset::open`], and
    /// [`Kind::NoOverlap`](crate::error::Kind::NoOverlap) when that is nothing; [`Kind::Input`](crate::error::Kind::Input)
    /// for an area in a tileset whose scheme is not known.
    pub fn cut(&mut self, piece: &Piece) -> Result<()> {
        let id = self.store.metadata().scheme_id.as_str();
        let scheme = self.scheme.as_ref().ok_or(id);
        let path = self.path.display().to_string();
        self.cut = piece.cut(&path, scheme, &mut self.tiles)?;
        if self.tiles.len() < self.n_all {
            self.store.expect(&self.tiles)?;
        }
        Ok(())
    }

    /// Tiles that are left, and those of the whole.
    pub fn n_tiles(&self) -> (usize, usize) {
        (self.tiles.len(), self.n_all)
    }

    /// What the tileset says about itself.
    pub fn stored(&self) -> &StoredMetadata {
        self.store.metadata()
    }

    /// The format of the tiles: the one that the tileset tells if one tile at least belongs to it, else that of the first tile.
    /// Where a tileset is true to itself one tile is read for that.
    ///
    /// # Errors
    /// [`Kind::Input`](crate::error::Kind::Input) when there is a tile of no known format before, or no tile has any bytes.
    pub fn format(&mut self) -> Result<Format> {
        let told = self.store.metadata().format;
        let mut first = None;
        for k in 0..self.tiles.len() {
            let tile = self.tiles[k];
            let data = self.read(tile)?;
            if data.is_empty() {
                continue;
            }
            let found = self.sniff(tile, &data)?;
            if told.is_none_or(|told| told.holds(found)) {
                return Ok(told.unwrap_or(found));
            }
            first = first.or(Some(found));
        }
        first.ok_or_else(|| {
            let found = "no tile with any bytes in it; expected at least one";
            Error::input(self.path.display(), found)
        })
    }

    /// What a container of the piece, with tiles of `format`, is to say about itself.
    ///
    /// # Errors
    /// When PROJ knows no way from the tiles to degrees.
    pub fn describe(&self, format: Format) -> Result<Described> {
        let stored = self.store.metadata();
        let mut told = Told {
            stored,
            scheme: self.scheme.as_ref(),
            tiles: &self.tiles,
            cut: self.cut,
            missing: Vec::new(),
        };
        let name = stored.name.clone().filter(|name| !name.is_empty());
        if name.is_none() {
            told.missing.push("name");
        }
        let bounds = told.bounds()?;
        let center = told.center(&bounds);
        let (zoom_min, zoom_max) = told.zooms();
        let row = |key: &str| stored.rows.get(key).cloned();
        let metadata = Metadata {
            name: name.unwrap_or_else(|| self.stem()),
            description: row("description"),
            attribution: row("attribution"),
            kind: told.kind(),
            version: told.version(),
            format,
            bounds,
            center,
            zoom_min,
            zoom_max,
            tile_size_px: stored.tile_size_px.unwrap_or(TILE_SIZE_PX),
            scheme_id: stored.scheme_id.clone(),
            matrix_roots: stored.matrix_roots,
            extra: stored.extra(),
        };
        let mut notes = Vec::new();
        if !told.missing.is_empty() {
            notes.push(format!(
                "{}: its metadata has no {}; taken from its tiles and file name, or as usual",
                self.path.display(),
                told.missing.join(", ")
            ));
        }
        let told = stored.rows.get("format").map(|row| row.trim());
        let known = |row: &str| Format::from_name(row.trim_start_matches("image/")).is_ok();
        let untrue = |row: &&str| !row.is_empty() && !known(row);
        let told = match told.filter(untrue) {
            Some(row) => Some(row.to_owned()),
            None => stored
                .format
                .filter(|&told| told != format)
                .map(|f| f.to_string()),
        };
        if let Some(told) = told {
            notes.push(format!(
                "{}: its metadata says {told}, its tiles are {format}",
                self.path.display()
            ));
        }
        Ok(Described { metadata, notes })
    }

    /// Writes every tile to all `sinks`, which were opened for tiles of `format`, as it is. Tiles without bytes are passed
    /// over. `watch` is told before each tile how far it is; an error of its ends the work. With `digest` the tiles are
    /// added up.
    ///
    /// # Errors
    /// When the tileset is damaged or, in the network, another one by now, a sink cannot be written, or `watch` wants to stop. The sinks are not finished then.
    pub fn copy(
        &mut self,
        format: Format,
        sinks: &mut [Box<dyn Sink>],
        digest: bool,
        watch: &mut dyn FnMut(&Progress) -> Result<()>,
    ) -> Result<Copied> {
        let clock = Clock::default();
        let mut spent = Watch::start(&clock);
        let mut tally = Tally::new(digest);
        let mut n_empty = 0;
        let mut others: BTreeMap<&str, u64> = BTreeMap::new();
        let planned = self.tiles.len() as u64;
        let tiles = std::mem::take(&mut self.tiles);
        for (done, tile) in (0..).zip(post_order(&tiles)) {
            watch(&tally.progress(done, planned))?;
            spent.restart();
            let data = self.read(tile)?;
            spent.lap(Stage::Read);
            if data.is_empty() {
                n_empty += 1;
                continue;
            }
            let found = match self.sniff(tile, &data) {
                Ok(found) => found,
                Err(error) => {
                    // Or it is a part of another file by now.
                    self.store.check_unchanged()?;
                    return Err(error);
                }
            };
            if !format.holds(found) {
                *others.entry(found.name()).or_default() += 1;
            }
            let digest = Digest::of(&data);
            for sink in sinks.iter_mut() {
                sink.write(tile, &data, digest)?;
            }
            tally.add(tile, &data);
            tally.meet(digest);
            spent.lap(Stage::Write);
        }
        drop(spent);
        watch(&tally.progress(planned, planned))?;
        self.store.check_unchanged()?;
        self.tiles = tiles;
        let notes = self.notes(format, n_empty, &others);
        Ok(Copied {
            tiles: tally.finish().timed(&clock),
            notes,
        })
    }

    fn notes(&self, format: Format, n_empty: u64, others: &BTreeMap<&str, u64>) -> Vec<String> {
        let shown = self.path.display();
        let mut notes = Vec::new();
        if n_empty > 0 {
            notes.push(format!(
                "{shown}: tiles without bytes, which no container of ours holds, were passed over: {n_empty}"
            ));
        }
        for (other, n) in others {
            notes.push(format!(
                "{shown}: tiles that are {other}, kept as they are among those that are {format}: {n}"
            ));
        }
        notes
    }

    fn read(&mut self, tile: TileCoord) -> Result<Vec<u8>> {
        self.store.read(tile)?.ok_or_else(|| {
            let found = format!("tile {tile} is listed but not there; expected a tileset that is whole and not being changed");
            Error::input(self.path.display(), found)
        })
    }

    fn sniff(&self, tile: TileCoord, data: &[u8]) -> Result<Format> {
        Format::sniff(data).ok_or_else(|| {
            Error::input(
                self.path.display(),
                format_args!(
                    "tile {tile} is no picture that we know; expected {}",
                    known()
                ),
            )
        })
    }

    /// The file's name without its end, for a tileset without a name.
    fn stem(&self) -> String {
        let path = match virtual_name(&self.path) {
            Some(name) => Path::new(without_query(name)),
            None => &self.path,
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if stem.is_empty() {
            "tiles".to_owned()
        } else {
            stem.into_owned()
        }
    }
}

/// Refuses tiles that say of themselves that they are of no format of ours, before they are looked at.
fn check_format(path: &Path, stored: &StoredMetadata) -> Result<()> {
    let told = stored.rows.get("format").map(|format| format.trim());
    match (stored.format, told) {
        (None, Some(told)) if !told.is_empty() => {
            let what = if ["pbf", "mvt"].contains(&told) {
                "vector tiles"
            } else {
                "tiles of a format that we do not know"
            };
            Err(Error::input(
                path.display(),
                format_args!("{what} ({told}); expected {}", known()),
            ))
        }
        _ => Ok(()),
    }
}

/// `png, jpeg or webp`.
fn known() -> String {
    let single = FORMATS.iter().filter(|info| info.tiles == [info.format]);
    let names: Vec<&str> = single.map(|info| info.name).collect();
    match &names[..] {
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
        [] => String::new(),
    }
}

/// The scheme that the tiles are of, if we know one of that name and shape.
pub(crate) fn scheme_of(stored: &StoredMetadata) -> Option<Scheme> {
    let (columns, rows) = stored.matrix_roots;
    let scheme = Scheme::named(&stored.scheme_id).ok()?;
    (scheme.matrix_size(0) == (columns.into(), rows.into())).then_some(scheme)
}
