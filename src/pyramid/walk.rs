//! The walk: from the sources to one finished subtree, depth first, children before their parent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, Kept};
use super::emit::{Emitted, Emitter, weight};
use super::node::{Canvas, Node};
use super::plan::Plan;
use super::state::{Handed, Keys, Ledger, Record, Sum, Taken};
use super::times::{Clock, Stage, Watch};
use crate::error::{Error, Kind, Result};
use crate::geo::bounds::Bounds;
use crate::geo::tile::TileCoord;
use crate::geo::transform::metres::Metres;
use crate::raster::Raster;
use crate::render::Renderer;
use crate::render::trace::Trace;
use crate::style::ground::Ground;

/// What the threads share: how far they are, and whether to stop.
#[derive(Default)]
pub(super) struct Shared {
    /// Tiles looked at, stored or not.
    pub(super) done: AtomicU64,
    /// Bytes of those to be stored.
    pub(super) bytes: AtomicU64,
    /// Set when somebody wants the run to end.
    pub(super) stop: AtomicBool,
    /// What they have spent their time on.
    pub(super) clock: Clock,
}

/// One thread's walk over shards.
pub(super) struct Walker<'a> {
    plan: &'a Plan,
    renderer: Renderer<'a>,
    emitter: Emitter,
    shared: &'a Shared,
    emitted: Vec<Emitted>,
    /// Tiles of this shard looked at.
    looked_at: u64,
    /// Made when first needed.
    metres: Option<Metres>,
    keeper: Option<Keeper<'a>>,
    bookkeeper: Option<Bookkeeper<'a>>,
    spent: Watch<'a>,
    /// What was done with base tiles by looking at neighbours took, since it was told.
    ground: Duration,
    /// Of what is on the watch, what was told.
    told: Duration,
}

/// Who writes down what shards are made of, and takes those that are made of the same as before.
pub(super) struct Bookkeeper<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) keys: Keys<'a>,
}

/// What a walk took, besides rendering and emitting.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WalkTimes {
    /// Quarters put together, and four pixels made one.
    pub(super) reduce: Duration,
    /// What is done with base tiles by looking at neighbours.
    pub(super) ground: Duration,
}

/// Where finished shards are kept.
#[derive(Clone, Copy)]
pub(super) struct Keeper<'a> {
    pub(super) checkpoint: &'a Checkpoint,
    /// The zoom of the shards' roots.
    pub(super) shard_zoom: u8,
    /// Tiles that will be looked at.
    pub(super) planned: u64,
    /// How often each tile is written.
    pub(super) outputs: u64,
}

/// A finished subtree: its tiles in post-order, and what its root hands up.
pub(super) struct Shard {
    /// Encoded tiles, children before their parent.
    pub(super) tiles: Vec<Emitted>,
    /// The root, reduced: a quarter of its pixels.
    pub(super) root: Handed,
    /// What is to be written down of it, if somebody does.
    pub(super) record: Option<Record>,
}

impl Shard {
    /// What it weighs while it waits for its turn.
    pub(super) fn bytes(&self) -> usize {
        weight(&self.tiles)
    }
}

impl Shared {
    fn add(&self, tiles: &[Emitted]) {
        self.bytes
            .fetch_add(weight(tiles) as u64, Ordering::Relaxed);
    }
}

impl Keeper<'_> {
    /// Bytes that the outputs will still come to, by what they have come to so far.
    fn output_bytes(&self, shared: &Shared) -> u64 {
        let done = shared.done.load(Ordering::Relaxed).max(1);
        let bytes = shared.bytes.load(Ordering::Relaxed);
        let ahead = self.planned.saturating_sub(done) as f64 / done as f64;
        (bytes as f64 * ahead * self.outputs as f64) as u64
    }
}

impl<'a> Walker<'a> {
    /// A walker for the thread that calls.
    pub(super) fn new(
        plan: &'a Plan,
        renderer: Renderer<'a>,
        emitter: Emitter,
        shared: &'a Shared,
        keeper: Option<Keeper<'a>>,
        bookkeeper: Option<Bookkeeper<'a>>,
    ) -> Self {
        Self {
            plan,
            renderer,
            emitter,
            shared,
            emitted: Vec::new(),
            looked_at: 0,
            metres: None,
            keeper,
            bookkeeper,
            spent: Watch::start(&shared.clock),
            ground: Duration::ZERO,
            told: Duration::ZERO,
        }
    }

    /// What was taken down since the last time.
    pub(super) fn take_trace(&mut self) -> (Trace, WalkTimes) {
        let reduce = self.spent.of(Stage::Reduce);
        let times = WalkTimes {
            reduce: reduce - std::mem::replace(&mut self.told, reduce),
            ground: std::mem::take(&mut self.ground),
        };
        (self.renderer.take_trace(), times)
    }

    /// [`Walker::shard`], by the watch.
    ///
    /// # Errors
    /// As there.
    pub(super) fn watched(&mut self, root: TileCoord) -> Result<Shard> {
        self.spent.restart();
        let shard = self.shard(root);
        // Baking has told of its own time.
        self.spent.lap(Stage::Keep);
        shard
    }

    /// Bakes the subtree below `root`, or takes it from where it was kept, or from the tileset that is brought up to date.
    ///
    /// # Errors
    /// When a source or that tileset cannot be read, or the run was stopped.
    fn shard(&mut self, root: TileCoord) -> Result<Shard> {
        let key = match &mut self.bookkeeper {
            Some(bookkeeper) => Some(bookkeeper.keys.key(root)?),
            None => None,
        };
        if let Some(kept) = self.kept(root) {
            return self.booked(root, key, kept);
        }
        if let Some(Taken { tiles, record }) = self.unchanged(root, key.as_ref())? {
            return Ok(Shard {
                tiles,
                root: Handed::Written(record.node.clone()),
                record: Some(record),
            });
        }
        let kept = self.bake(root)?;
        if let Some(keeper) = self.keeper {
            self.shared.add(&kept.tiles);
            let output_bytes = keeper.output_bytes(self.shared);
            keeper
                .checkpoint
                .keep(root, keeper.shard_zoom, &kept, output_bytes);
        }
        self.booked(root, key, kept)
    }

    /// The shard below `root`, if a run that was cut off has kept it.
    fn kept(&self, root: TileCoord) -> Option<Kept> {
        let kept = self.keeper?.checkpoint.take(root, self.plan.shape)?;
        self.count(&kept.tiles, kept.looked_at, kept.beyond);
        Some(kept)
    }

    /// The shard below `root`, if the tileset has it as it would be baked.
    fn unchanged(&self, root: TileCoord, key: Option<&Sum>) -> Result<Option<Taken>> {
        let (Some(bookkeeper), Some(key)) = (&self.bookkeeper, key) else {
            return Ok(None);
        };
        if self.shared.stop.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted, "stopped"));
        }
        let taken = bookkeeper.ledger.take_shard(root, key, self.plan)?;
        if let Some(Taken { tiles, record }) = &taken {
            self.count(tiles, record.looked_at, record.beyond);
        }
        Ok(taken)
    }

    /// Counts what was not baked here.
    fn count(&self, tiles: &[Emitted], looked_at: u64, beyond: bool) {
        self.shared.done.fetch_add(looked_at, Ordering::Relaxed);
        if beyond {
            self.plan.style.note_beyond();
        }
        self.shared.add(tiles);
    }

    /// The shard, with what is to be written down of it.
    fn booked(&self, root: TileCoord, key: Option<Sum>, kept: Kept) -> Result<Shard> {
        let record = self.bookkeeper.as_ref().zip(key);
        let record = record.map(|(bookkeeper, key)| bookkeeper.ledger.record(root, key, &kept));
        Ok(Shard {
            record: record.transpose()?,
            tiles: kept.tiles,
            root: Handed::Node(kept.root),
        })
    }

    fn bake(&mut self, root: TileCoord) -> Result<Kept> {
        self.spent.lap(Stage::Keep);
        self.emitted.clear();
        self.looked_at = 0;
        self.plan.style.take_beyond_here();
        let root = self.walk(root)?;
        Ok(Kept {
            tiles: std::mem::take(&mut self.emitted),
            root,
            looked_at: self.looked_at,
            beyond: self.plan.style.take_beyond_here(),
        })
    }

    fn walk(&mut self, tile: TileCoord) -> Result<Node> {
        if !self.plan.covers(tile) {
            return Ok(Node::Empty);
        }
        let mut node = self.node(tile)?;
        if self.plan.wants(tile) {
            let emitted = self.encode(tile, &mut node)?;
            self.emitted.extend(emitted);
            self.shared.done.fetch_add(1, Ordering::Relaxed);
            self.looked_at += 1;
            self.spent.lap(Stage::Encode);
        }
        let reduced = node.reduce(self.plan.reducer);
        self.spent.lap(Stage::Reduce);
        Ok(reduced)
    }

    /// `tile`, which is covered, made of what is below it; what is below is emitted, it is not.
    ///
    /// # Errors
    /// As [`Walker::shard`].
    pub(super) fn node(&mut self, tile: TileCoord) -> Result<Node> {
        if self.plan.is_leaf(tile) {
            let node = self.render(tile)?;
            self.spent.lap(Stage::Render);
            return Ok(node);
        }
        let mut canvas = Canvas::empty(self.plan.shape);
        for child in tile.children() {
            canvas.place(child.quadrant(), self.walk(child)?);
        }
        let node = canvas.into_node();
        self.spent.lap(Stage::Reduce);
        Ok(node)
    }

    /// What is stored of `tile`; `None` for a blank one that is not.
    ///
    /// # Errors
    /// When the format cannot hold the picture.
    pub(super) fn encode(&mut self, tile: TileCoord, node: &mut Node) -> Result<Option<Emitted>> {
        self.emitter.emit(tile, node)
    }

    /// The pixels of a tile of the base.
    ///
    /// # Errors
    /// As [`Walker::shard`].
    pub(super) fn render(&mut self, tile: TileCoord) -> Result<Node> {
        if self.shared.stop.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted, "stopped"));
        }
        let bounds = self.plan.scheme.bounds(tile);
        let pixels = match self.plan.style.ground() {
            None => self.renderer.render(&bounds)?,
            Some(ground) => self.lay_out(ground, &bounds)?,
        };
        Ok(pixels.map_or(Node::Empty, Node::new))
    }

    /// What `ground` makes of the tile with its margin.
    fn lay_out(&mut self, ground: &Ground, bounds: &Bounds) -> Result<Option<Raster>> {
        let Some(heights) = self.renderer.render(bounds)? else {
            return Ok(None);
        };
        let metres = match &self.metres {
            Some(metres) => metres,
            None => self.metres.insert(Metres::of(&self.plan.crs)?),
        };
        let rows = metres.rows(bounds, self.plan.shape.tile_size_px);
        let started = Instant::now();
        let ground = ground.apply(&heights, &rows);
        self.ground += started.elapsed();
        Ok(Some(ground))
    }
}
