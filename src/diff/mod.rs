//! What differs between two tilesets of any containers, A and B: [`Pair`] is the one way in.
//!
//! Both lists of tiles are in one order, so they are walked together, once. Tiles with the same bytes are the same and are not looked
//! into; others are decoded, on all threads, and compared pixel by pixel. Pictures that are equal but for their encoding count
//! as equal, and pixels that nobody sees do not count.

mod heatmap;
mod metadata;
pub(crate) mod order;
pub(crate) mod pixels;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::heatmap::Heatmap;
use self::heatmap::Mark;
pub use self::metadata::Said;
use self::order::{Met, merged};
pub use self::pixels::Measure;
use self::pixels::{Shown, compare, decode};
use crate::archive::{Store, StoredMetadata, open_store};
use crate::error::{Error, Result};
use crate::geo::changes::{Change, Changes};
use crate::geo::scheme::Scheme;
use crate::geo::tile::TileCoord;
use crate::pyramid::{Parallel, Progress, stream};

/// Tiles that are handed to the threads at a time: enough that few wait at the end, few enough to be listed.
const BATCH: usize = 4096;

/// Tiles for each thread that may be in the making, or wait: only what was found out about them does.
const AHEAD: usize = 32;

/// Pixels along a side of a tile where nothing is told and no tile shows it, as every reader has it.
const TILE_SIZE_PX: u32 = 256;

/// Tiles that are looked at, at most, to find out how large they are.
const LOOKED_AT: usize = 8;

/// Two tilesets that can be compared: of one grid, with tiles of one size.
pub struct Pair {
    a: Tileset,
    b: Tileset,
    tile_size_px: u32,
}

/// A tileset that is being read.
struct Tileset {
    path: PathBuf,
    store: Box<dyn Store>,
    /// As the store lists them.
    tiles: Vec<TileCoord>,
}

/// How to compare.
#[derive(Debug, Clone, Copy)]
pub struct DiffOptions {
    /// The largest difference that is none: see [`Measure::is_within`].
    pub tolerance: f64,
    /// Threads.
    pub jobs: usize,
    /// Tiles of which [`Difference::listed`] tells, at most.
    pub listed_max: usize,
    /// Whether a map is wanted.
    pub heatmap: bool,
}

/// What differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Of every zoom that has tiles.
    pub zooms: BTreeMap<u8, Counts>,
    /// All tiles that were added, changed or removed, in the order of stores.
    pub changes: Changes,
    /// The first of them, with how they differ.
    pub listed: Vec<Listed>,
    /// The tile with the largest difference beyond the tolerance, the first of several.
    pub largest: Option<(TileCoord, Measure)>,
    /// What the tilesets say about themselves otherwise than each other.
    pub metadata: Vec<Said>,
    /// Where tiles differ, if a map was wanted.
    pub heatmap: Option<Heatmap>,
    /// Changed tiles that could not be compared, and the first of them with the reason.
    pub not_compared: Option<(u64, String)>,
}

/// Tiles, counted by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The same bytes.
    pub equal: u64,
    /// Other bytes that show the same.
    pub reencoded: u64,
    /// Different within the tolerance.
    pub within: u64,
    /// Different.
    pub changed: u64,
    /// In B only.
    pub added: u64,
    /// In A only.
    pub removed: u64,
}

/// A tile that is not what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its address.
    pub tile: TileCoord,
    /// What became of it.
    pub change: Change,
    /// How far what it shows is apart, of a changed tile whose two could be compared.
    pub measure: Option<Measure>,
    /// Why not, of one whose two could not.
    pub reason: Option<String>,
}

impl Counts {
    /// Adds those of `other`.
    pub fn add(&mut self, other: &Self) {
        self.equal += other.equal;
        self.reencoded += other.reencoded;
        self.within += other.within;
        self.changed += other.changed;
        self.added += other.added;
        self.removed += other.removed;
    }

    /// Tiles in A.
    pub fn in_a(&self) -> u64 {
        self.in_both() + self.removed
    }

    /// Tiles in B.
    pub fn in_b(&self) -> u64 {
        self.in_both() + self.added
    }

    fn in_both(&self) -> u64 {
        self.equal + self.reencoded + self.within + self.changed
    }
}

impl Difference {
    /// Tiles of all zooms.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.zooms.values().for_each(|zoom| total.add(zoom));
        total
    }
}

impl Pair {
    /// Opens the tilesets at `a` and `b`, or at addresses (see [`open_store`]), and lists their tiles.
    ///
    /// # Errors
    /// [`Kind::Input`](crate::error::Kind::Input) when one cannot be read; [`Kind::Retry`](crate::error::Kind::Retry) when a
    /// server does not answer; [`Kind::Usage`](crate::error::Kind::Usage) when they are of different grids or sizes of tiles.
    pub fn open(a: &Path, b: &Path) -> Result<Self> {
        let (mut a, mut b) = (Tileset::open(a)?, Tileset::open(b)?);
        check_grids(&a, &b)?;
        let (size_a, size_b) = (a.tile_size_px()?, b.tile_size_px()?);
        if let (Some(one), Some(other)) = (size_a, size_b)
            && one != other
        {
            let (one, other) = (format!("tiles of {one} pixels"), format!("of {other}"));
            return Err(unlike(&a, &b, &one, &other, "tiles of one size"));
        }
        Ok(Self {
            tile_size_px: size_a.or(size_b).unwrap_or(TILE_SIZE_PX),
            a,
            b,
        })
    }

    /// From now on waiting for a server ends with an error of kind [`Kind::Interrupted`](crate::error::Kind::Interrupted) once
    /// `stop` is set.
    pub fn heed(&mut self, stop: &Arc<AtomicBool>) {
        self.a.store.heed(Arc::clone(stop));
        self.b.store.heed(Arc::clone(stop));
    }

    /// Tiles in A and in B.
    pub fn n_tiles(&self) -> (usize, usize) {
        (self.a.tiles.len(), self.b.tiles.len())
    }

    /// Pixels along a side of a tile.
    pub fn tile_size_px(&self) -> u32 {
        self.tile_size_px
    }

    /// The scheme of both, if we know one of that name and shape.
    pub fn scheme(&self) -> Option<Scheme> {
        let stored = self.a.store.metadata();
        let (columns, rows) = stored.matrix_roots;
        let scheme = Scheme::named(&stored.scheme_id).ok()?;
        (scheme.matrix_size(0) == (columns.into(), rows.into())).then_some(scheme)
    }

    /// Finds all differences. `watch` is told before each tile how far it is; an error of its ends the work. What is found is
    /// the same on any number of threads.
    ///
    /// # Errors
    /// When a tileset is damaged (a damaged tile is no error but changed, unless both have the same bytes) or, in the network, another one by now, or `watch` wants
    /// to stop.
    pub fn compare(
        &mut self,
        options: &DiffOptions,
        watch: &mut dyn FnMut(&Progress) -> Result<()>,
    ) -> Result<Difference> {
        let Self { a, b, .. } = self;
        let (tiles_a, tiles_b) = (std::mem::take(&mut a.tiles), std::mem::take(&mut b.tiles));
        let mut found = Found::new(options, &tiles_a, &tiles_b);
        found.difference.metadata = metadata::differences(a.store.metadata(), b.store.metadata());
        let planned = expect_common((a, &tiles_a), (b, &tiles_b))?;
        let mut done = 0;
        let mut order = merged(&tiles_a, &tiles_b);
        loop {
            let batch: Vec<Met> = order.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let parallel = Parallel {
                jobs: options.jobs,
                ahead: options.jobs * AHEAD,
            };
            // Stores are read by one at a time, and quickly: it is decoding that takes long.
            let stores = (Mutex::new(&mut *a), Mutex::new(&mut *b));
            let make = |(): &mut (), k: usize| outcome(batch[k], &stores);
            stream(
                parallel,
                batch.len(),
                || Ok(()),
                make,
                |next| {
                    for &met in &batch {
                        let progress = Progress::of(done, planned);
                        watch(&progress)?;
                        let Some(outcome) = next(&mut || watch(&progress))? else {
                            break;
                        };
                        found.add(met.tile(), outcome);
                        done += 1;
                    }
                    Ok(())
                },
            )?;
        }
        watch(&Progress::of(planned, planned))?;
        a.store.check_unchanged()?;
        b.store.check_unchanged()?;
        (a.tiles, b.tiles) = (tiles_a, tiles_b);
        Ok(found.difference)
    }
}

impl Tileset {
    fn open(path: &Path) -> Result<Self> {
        let mut store = open_store(path)?;
        let tiles = store.tiles()?;
        Ok(Self {
            path: path.to_path_buf(),
            store,
            tiles,
        })
    }

    /// What the tileset tells, else what one of its first tiles shows.
    fn tile_size_px(&mut self) -> Result<Option<u32>> {
        if let Some(told) = self.store.metadata().tile_size_px {
            return Ok(Some(told));
        }
        for k in 0..self.tiles.len().min(LOOKED_AT) {
            let mut data = self.read(self.tiles[k])?;
            let width = match decode(&mut data) {
                Ok(Shown::Picture(image)) => image.width,
                Ok(Shown::Values(held)) => held.width,
                Err(_) => continue,
            };
            return Ok(u32::try_from(width).ok());
        }
        Ok(None)
    }

    fn read(&mut self, tile: TileCoord) -> Result<Vec<u8>> {
        self.store.read(tile)?.ok_or_else(|| {
            let found = format!("tile {tile} is listed but not there; expected a tileset that is whole and not being changed");
            Error::input(self.path.display(), found)
        })
    }
}

/// Prepares for reading the tiles that both have: of others nothing but the address matters. How many tiles there are in all.
fn expect_common(a: (&mut Tileset, &[TileCoord]), b: (&mut Tileset, &[TileCoord])) -> Result<u64> {
    let (mut n_all, mut common) = (0, Vec::new());
    for met in merged(a.1, b.1) {
        n_all += 1;
        if let Met::InBoth(tile) = met {
            common.push(tile);
        }
    }
    for (tileset, tiles) in [a, b] {
        if common.len() < tiles.len() {
            tileset.store.expect(&common)?;
        }
    }
    Ok(n_all)
}

/// Refuses tilesets whose tiles of one address lie elsewhere.
fn check_grids(a: &Tileset, b: &Tileset) -> Result<()> {
    let grid = |stored: &StoredMetadata| {
        let (columns, rows) = stored.matrix_roots;
        format!(
            "tiles of {} ({columns} x {rows} at zoom 0)",
            stored.scheme_id
        )
    };
    let (of_a, of_b) = (grid(a.store.metadata()), grid(b.store.metadata()));
    if of_a == of_b {
        return Ok(());
    }
    Err(unlike(a, b, &of_a, &of_b, "tilesets of one grid"))
}

fn unlike(a: &Tileset, b: &Tileset, of_a: &str, of_b: &str, expected: &str) -> Error {
    let (a, b) = (a.path.display(), b.path.display());
    Error::usage(format!("{a} has {of_a}, {b} {of_b}; expected {expected}"))
}

/// What became of a tile.
enum Outcome {
    Added,
    Removed,
    Equal,
    /// Other bytes, this far apart.
    Apart(Measure),
    /// Too unlike to be compared, and in what.
    Unlike(String),
    /// Other bytes that cannot be decoded, and why.
    Unread(String),
}

/// Two tilesets, each read by one thread at a time.
type Stores<'a> = (Mutex<&'a mut Tileset>, Mutex<&'a mut Tileset>);

fn outcome(met: Met, stores: &Stores) -> Result<Outcome> {
    let tile = match met {
        Met::InA(_) => return Ok(Outcome::Removed),
        Met::InB(_) => return Ok(Outcome::Added),
        Met::InBoth(tile) => tile,
    };
    let read = |tileset: &Mutex<&mut Tileset>| {
        let mut tileset = tileset.lock().unwrap_or_else(PoisonError::into_inner);
        tileset.read(tile)
    };
    let (mut in_a, mut in_b) = (read(&stores.0)?, read(&stores.1)?);
    if in_a == in_b {
        return Ok(Outcome::Equal);
    }
    let read = |name: &str, data: &mut Vec<u8>| {
        if data.is_empty() {
            return Err(format!("no bytes in {name}"));
        }
        decode(data).map_err(|what| format!("in {name}: {what}"))
    };
    let shown = read("A", &mut in_a).and_then(|a| Ok((a, read("B", &mut in_b)?)));
    Ok(match shown {
        Err(what) => Outcome::Unread(what),
        Ok((a, b)) => match compare(&a, &b).map_err(|unlike| unlike.to_string()) {
            Ok(measure) => Outcome::Apart(measure),
            Err(what) => Outcome::Unlike(what),
        },
    })
}

/// What was found so far.
struct Found {
    difference: Difference,
    tolerance: f64,
    listed_max: usize,
}

impl Found {
    fn new(options: &DiffOptions, a: &[TileCoord], b: &[TileCoord]) -> Self {
        Self {
            difference: Difference {
                zooms: BTreeMap::new(),
                changes: Changes::default(),
                listed: Vec::new(),
                largest: None,
                metadata: Vec::new(),
                heatmap: options.heatmap.then(|| Heatmap::new(a, b)),
                not_compared: None,
            },
            tolerance: options.tolerance,
            listed_max: options.listed_max,
        }
    }

    fn add(&mut self, tile: TileCoord, outcome: Outcome) {
        let counts = self.difference.zooms.entry(tile.z()).or_default();
        let mark = match outcome {
            Outcome::Equal => {
                counts.equal += 1;
                Mark::Same
            }
            Outcome::Apart(measure) if measure.is_nothing() => {
                counts.reencoded += 1;
                Mark::Alike
            }
            Outcome::Apart(measure) if measure.is_within(self.tolerance) => {
                counts.within += 1;
                Mark::Alike
            }
            Outcome::Added => {
                counts.added += 1;
                self.list(tile, Change::Added, None, None);
                Mark::Added
            }
            Outcome::Removed => {
                counts.removed += 1;
                self.list(tile, Change::Removed, None, None);
                Mark::Removed
            }
            Outcome::Apart(measure) => {
                counts.changed += 1;
                self.list(tile, Change::Changed, Some(measure), None);
                self.rank(tile, measure);
                Mark::Changed(measure.largest())
            }
            Outcome::Unlike(what) => {
                counts.changed += 1;
                self.list(tile, Change::Changed, None, Some(what));
                Mark::Changed(f64::INFINITY)
            }
            Outcome::Unread(what) => {
                counts.changed += 1;
                let first = || (0, format!("{tile}, {what}"));
                self.difference.not_compared.get_or_insert_with(first).0 += 1;
                self.list(tile, Change::Changed, None, Some(what));
                Mark::Changed(f64::INFINITY)
            }
        };
        if let Some(heatmap) = &mut self.difference.heatmap {
            heatmap.mark(tile, mark);
        }
    }

    fn list(
        &mut self,
        tile: TileCoord,
        change: Change,
        measure: Option<Measure>,
        reason: Option<String>,
    ) {
        self.difference.changes.push(tile, change);
        if self.difference.listed.len() < self.listed_max {
            self.difference.listed.push(Listed {
                tile,
                change,
                measure,
                reason,
            });
        }
    }

    fn rank(&mut self, tile: TileCoord, measure: Measure) {
        if measure.full.is_none()
            && let Some(heatmap) = &mut self.difference.heatmap
        {
            heatmap.tell_values();
        }
        let so_far = self.difference.largest;
        if so_far.is_none_or(|(_, largest)| measure.largest() > largest.largest()) {
            self.difference.largest = Some((tile, measure));
        }
    }
}
