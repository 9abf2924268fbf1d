//! The walk over the tree of tiles, from the sources to the sinks: [`build`].

pub mod budget;
pub mod checkpoint;
pub mod emit;
pub mod explain;
pub mod node;
pub mod plan;
pub mod sample;
pub mod state;
pub mod survey;
pub mod times;

mod cover;
mod crown;
pub(crate) mod places;
mod run;
mod selection;
mod walk;

pub use run::{Next, Parallel, aside, gather, stream};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sha2::{Digest as _, Sha256};

use self::budget::Budget;
use self::checkpoint::Checkpoint;
use self::crown::Crown;
use self::emit::{Emitted, Emitter};
use self::plan::Plan;
use self::state::{Keys, Ledger};
use self::times::{Clock, Times, Watch};
use self::walk::{Bookkeeper, Keeper, Shared, Walker};
use crate::archive::{Digest, Recent, Sink};
use crate::encode::{Fit, GeoKeys, Recipe, TileEncoder};
use crate::error::Result;
use crate::geo::tile::TileCoord;
use crate::geo::transform::geokeys;
use crate::mosaic::Mosaic;
use crate::raster::SampleType;
use crate::render::Renderer;

/// How to bake: none of these changes a byte of the output.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Threads.
    pub jobs: usize,
    /// Zooms that a shard spans; chosen by the number of tiles and threads when `None`.
    pub shard_height: Option<u8>,
    /// How the memory is divided.
    pub budget: Budget,
    /// Whether to add up [`Baked::digest`].
    pub digest: bool,
    /// Where finished shards are kept and taken from, if they are.
    pub checkpoint: Option<Arc<Checkpoint>>,
    /// Where it is written down what shards are made of, and what was written down the last time, if that is wanted.
    pub ledger: Option<Arc<Ledger>>,
}

/// How far a bake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Tiles looked at, stored or blank.
    pub done: u64,
    /// Tiles that will be looked at.
    pub planned: u64,
    /// Tiles handed to the sinks.
    pub stored: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Progress {
    /// Of work that hands no tiles to sinks.
    pub fn of(done: u64, planned: u64) -> Self {
        Self {
            done,
            planned,
            stored: 0,
            bytes: 0,
        }
    }
}

/// What was baked. Two are equal when their tiles are, however long it took.
#[derive(Debug, Clone)]
pub struct Baked {
    /// Tiles and bytes of each zoom; only zooms that have any.
    pub zooms: BTreeMap<u8, Zoom>,
    /// SHA-256 over all tiles in their order: for each, zoom, x and y as 4 bytes, the length of its data as 8 (all little
    /// end first), and the data. The same for every container. `None` when it was not asked for.
    pub digest: Option<[u8; 32]>,
    /// Tiles with more bytes than [`Recipe::tile_bytes_max`] even at the lowest quality.
    pub too_large: u64,
    /// Tiles with the same bytes as one before them, among those that have a [`Digest`]: of the last so many different ones.
    /// `None` where [`Baked::digest`] is.
    pub repeated: Option<u64>,
    /// Where the time went.
    pub times: Times,
}

impl PartialEq for Baked {
    fn eq(&self, other: &Self) -> bool {
        let tiles = |baked: &Self| (baked.digest, baked.too_large, baked.repeated);
        self.zooms == other.zooms && tiles(self) == tiles(other)
    }
}

impl Eq for Baked {}

/// The tiles of one zoom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Zoom {
    /// Stored tiles.
    pub tiles: u64,
    /// Bytes of their data.
    pub bytes: u64,
}

impl Baked {
    /// Tiles of all zooms.
    pub fn tiles(&self) -> u64 {
        self.zooms.values().map(|zoom| zoom.tiles).sum()
    }

    /// Bytes of all zooms.
    pub fn bytes(&self) -> u64 {
        self.zooms.values().map(|zoom| zoom.bytes).sum()
    }

    /// With the times of those who made it.
    pub(crate) fn timed(self, clock: &Clock) -> Self {
        let times = clock.times();
        Self { times, ..self }
    }
}

/// Renders and reduces every tile of `plan`, encodes it by `recipe`, and writes each to all `sinks`, in one order whatever the number of
/// threads. `watch` is told about ten times a second how far it is; an error of its stops the bake.
///
/// # Errors
/// When a source cannot be read, a sink cannot be written, or `watch` wants to stop. The sinks are not finished then.
pub fn build(
    mosaic: &Mosaic,
    plan: &Plan,
    recipe: &Recipe,
    sinks: &mut [Box<dyn Sink>],
    options: &BuildOptions,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<Baked> {
    let job = plan.job(mosaic);
    let recipe = &placed(recipe, plan)?;
    let emitter = || Ok(Emitter::new(TileEncoder::new(recipe)?, plan));
    let shared = Shared::default();
    let checkpoint = options.checkpoint.as_deref();
    let ledger = options.ledger.as_deref();
    let shard_zoom = shard_zoom(plan, recipe, options);
    let shards = plan.walk(shard_zoom);
    let planned = plan.count_all();
    let keeper = checkpoint.map(|checkpoint| Keeper {
        checkpoint,
        shard_zoom,
        planned,
        outputs: sinks.len() as u64,
    });
    let tally = std::cell::RefCell::new(Tally::new(options.digest));
    // Tiles above the shards.
    let in_crown = std::cell::Cell::new(0);
    let tick = || {
        let done = shared.done.load(Ordering::Relaxed) + in_crown.get();
        watch(&tally.borrow().progress(done.min(planned), planned))
    };
    let write = |emitted: Emitted| {
        for sink in sinks.iter_mut() {
            sink.write(emitted.tile, &emitted.data, emitted.digest)?;
        }
        let mut tally = tally.borrow_mut();
        tally.add(emitted.tile, &emitted.data);
        tally.meet(emitted.digest);
        tally.too_large += u64::from(emitted.fit == Fit::TooLarge);
        in_crown.set(in_crown.get() + u64::from(emitted.tile.z() < shard_zoom));
        Ok(())
    };
    let budget = &options.budget;
    let renderer = || Renderer::new(&job).with_windows(budget.window_px, budget.most_window_px);
    run::run(
        shards,
        run::Limits {
            jobs: options.jobs.max(1),
            shards_bytes: budget.shards_bytes,
            shard_bytes: shard_bytes(plan, shard_zoom),
        },
        &shared,
        || {
            let bookkeeper = ledger.map(|ledger| Bookkeeper {
                ledger,
                keys: Keys::new(plan, mosaic, ledger.identities()),
            });
            let walker = Walker::new(plan, renderer(), emitter()?, &shared, keeper, bookkeeper);
            Ok(walker)
        },
        tick,
        |next_shard| {
            let spent = Watch::start(&shared.clock);
            Crown::new(plan, shard_zoom, emitter()?, spent, next_shard, write)
                .with_ledger(ledger)
                .fold_all()
        },
    )?;
    let tally = tally.into_inner();
    watch(&tally.progress(planned, planned))?;
    Ok(tally.finish().timed(&shared.clock))
}

/// `recipe`, with the coordinate system of `plan` on the label of tiles that say where they lie.
fn placed(recipe: &Recipe, plan: &Plan) -> Result<Recipe> {
    let mut recipe = recipe.clone();
    if recipe.format.info().is_of_values() {
        let keys = geokeys::of(&plan.crs)?;
        recipe.label.keys = GeoKeys {
            directory: keys.directory,
            doubles: keys.doubles,
            ascii: keys.ascii,
        };
    }
    Ok(recipe)
}

/// Sums over the tiles that have gone to the sinks.
pub(crate) struct Tally {
    zooms: BTreeMap<u8, Zoom>,
    tiles: u64,
    bytes: u64,
    digest: Option<Sha256>,
    /// As [`Baked::too_large`].
    pub(crate) too_large: u64,
    seen: Recent<Digest, ()>,
    repeated: u64,
}

impl Tally {
    /// Nothing yet; with `digest` the tiles themselves are added up, too.
    pub(crate) fn new(digest: bool) -> Self {
        Self {
            zooms: BTreeMap::new(),
            tiles: 0,
            bytes: 0,
            digest: digest.then(Sha256::new),
            too_large: 0,
            seen: Recent::default(),
            repeated: 0,
        }
    }

    /// Counts the tile that was added, if one before it was the same. Those without a digest are hardly ever.
    pub(crate) fn meet(&mut self, digest: Option<Digest>) {
        let Some(digest) = digest.filter(|_| self.digest.is_some()) else {
            return;
        };
        match self.seen.find(digest) {
            Some(()) => self.repeated += 1,
            None => self.seen.remember(digest, ()),
        }
    }

    /// Adds a tile.
    pub(crate) fn add(&mut self, tile: TileCoord, data: &[u8]) {
        let zoom = self.zooms.entry(tile.z()).or_default();
        zoom.tiles += 1;
        zoom.bytes += data.len() as u64;
        self.tiles += 1;
        self.bytes += data.len() as u64;
        let Some(digest) = &mut self.digest else {
            return;
        };
        for number in [u32::from(tile.z()), tile.x(), tile.y()] {
            digest.update(number.to_le_bytes());
        }
        digest.update((data.len() as u64).to_le_bytes());
        digest.update(data);
    }

    /// How far it is once `done` of `planned` tiles have been looked at.
    pub(crate) fn progress(&self, done: u64, planned: u64) -> Progress {
        Progress {
            done,
            planned,
            stored: self.tiles,
            bytes: self.bytes,
        }
    }

    /// All of it.
    pub(crate) fn finish(self) -> Baked {
        Baked {
            zooms: self.zooms,
            repeated: self.digest.as_ref().map(|_| self.repeated),
            digest: self.digest.map(|digest| digest.finalize().into()),
            too_large: self.too_large,
            times: Times::default(),
        }
    }
}

/// The zoom of the shards' roots: that of the shards that are there, or else one that is low enough that a shard is worth a thread's
/// while, high enough that every thread has several and none is larger than the memory set aside for it.
fn shard_zoom(plan: &Plan, recipe: &Recipe, options: &BuildOptions) -> u8 {
    let kept = options.checkpoint.as_deref();
    let kept = kept.and_then(Checkpoint::shard_zoom);
    let written = options.ledger.as_deref().and_then(Ledger::shard_zoom);
    // What lies above the lowest zoom is no shard's any more.
    let written = written.filter(|z| (plan.zoom_min..=plan.zoom_max).contains(z));
    if let Some(there) = kept.or(written) {
        return there;
    }
    if let Some(height) = options.shard_height {
        return plan.zoom_max.saturating_sub(height).max(plan.zoom_min);
    }
    let pixels_log2 = 2 * plan.shape.tile_size_px.ilog2();
    let shard_log2 = shard_log2(plan, recipe, options);
    // At least one zoom, so that the largest tiles are not all reduced and encoded by the one thread that folds; unless
    // there is no memory even for that.
    let highest = (shard_log2.saturating_sub(pixels_log2) / 2).max(1) as u8;
    let fits = |height: &u8| {
        let root = plan.zoom_max.saturating_sub(*height);
        shard_bytes(plan, root) <= options.budget.shards_bytes / (2 * options.jobs.max(1))
    };
    let highest = (1..=highest).rev().find(fits).unwrap_or(0);
    let lowest_zoom = plan.zoom_max.saturating_sub(highest).max(plan.zoom_min);
    let enough = 16 * options.jobs.max(1) as u64;
    (lowest_zoom..=plan.zoom_max)
        .find(|&z| plan.count(z) >= enough)
        .unwrap_or(plan.zoom_max)
}

/// How many pixels of base tiles a shard has at best, as a power of two: 4 million, which are 64 tiles of 256 pixels, some 8 MB as
/// PNG. Larger ones only wait longer for each other.
///
/// Smaller ones where an update is to find what changed: a source then makes it bake less around itself. But what is written down
/// of each grows with their number. One source of nine 8-bit ones changed, 2,340 tiles of 239 MB as PNG, 33 MB as JPEG:
///
/// ```text
/// pixels            state        CPU of the update    PNG     JPEG
/// 2^20 (16 tiles)    5.6 MB      of a whole bake      36 %    30 %
/// 2^18 (4 tiles)    21.9 MB                           33 %
/// ```
fn shard_log2(plan: &Plan, recipe: &Recipe, options: &BuildOptions) -> u32 {
    let is_exact = recipe.format.quality(&recipe.settings).is_none();
    match (&options.ledger, plan.shape.sample_type) {
        (None, _) => 22,
        (Some(_), SampleType::U8) if is_exact => 18,
        (Some(_), _) => 20,
    }
}

/// What the tiles of a shard with its root at `shard_zoom` weigh at most, about: as if they could not be compressed.
fn shard_bytes(plan: &Plan, shard_zoom: u8) -> usize {
    let tile_bytes = plan.shape.tile_size_px.pow(2) * budget::pixel_bytes(&plan.shape);
    let height = u32::from(plan.zoom_max.saturating_sub(shard_zoom));
    let n_tiles = 4_usize.saturating_pow(height).saturating_mul(4) / 3;
    n_tiles.max(1).saturating_mul(tile_bytes)
}
