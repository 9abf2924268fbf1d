//! The walk: from the sources to one finished subtree, depth first, children before their parent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, Kept};
use super::emit::{Emitted, Emitter};
use super::node::{Canvas, Node};
use super::plan::Plan;
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
    times: WalkTimes,
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
    pub(super) root: Node,
}

impl Shard {
    /// What it weighs while it waits for its turn.
    pub(super) fn bytes(&self) -> usize {
        self.tiles
            .iter()
            .map(|tile| tile.data.len() + size_of::<Emitted>())
            .sum()
    }
}

impl Shared {
    fn add(&self, shard: &Shard) {
        self.bytes
            .fetch_add(shard.bytes() as u64, Ordering::Relaxed);
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
            times: WalkTimes::default(),
        }
    }

    /// What was taken down since the last time.
    pub(super) fn take_trace(&mut self) -> (Trace, WalkTimes) {
        (self.renderer.take_trace(), std::mem::take(&mut self.times))
    }

    /// Bakes the subtree below `root`, or takes it from where it was kept.
    ///
    /// # Errors
    /// When a source cannot be read, or the run was stopped.
    pub(super) fn shard(&mut self, root: TileCoord) -> Result<Shard> {
        let Some(keeper) = self.keeper else {
            return self.bake(root);
        };
        if let Some(kept) = keeper.checkpoint.take(root, self.plan.shape) {
            self.shared
                .done
                .fetch_add(kept.looked_at, Ordering::Relaxed);
            if kept.beyond {
                self.plan.style.note_beyond();
            }
            self.shared.add(&kept.shard);
            return Ok(kept.shard);
        }
        let shard = self.bake(root)?;
        let kept = Kept {
            looked_at: self.looked_at,
            beyond: self.plan.style.were_beyond(),
            shard,
        };
        self.shared.add(&kept.shard);
        let output_bytes = keeper.output_bytes(self.shared);
        keeper
            .checkpoint
            .keep(root, keeper.shard_zoom, &kept, output_bytes);
        Ok(kept.shard)
    }

    fn bake(&mut self, root: TileCoord) -> Result<Shard> {
        self.emitted.clear();
        self.looked_at = 0;
        let root = self.walk(root)?;
        Ok(Shard {
            tiles: std::mem::take(&mut self.emitted),
            root,
        })
    }

    fn walk(&mut self, tile: TileCoord) -> Result<Node> {
        if !self.plan.covers(tile) {
            return Ok(Node::Empty);
        }
        let mut node = self.node(tile)?;
        if self.plan.wants(tile) {
            self.emitted.extend(self.emitter.emit(tile, &mut node)?);
            self.shared.done.fetch_add(1, Ordering::Relaxed);
            self.looked_at += 1;
        }
        let started = Instant::now();
        let reduced = node.reduce(self.plan.reducer);
        self.times.reduce += started.elapsed();
        Ok(reduced)
    }

    /// `tile`, which is covered, made of what is below it; what is below is emitted, it is not.
    ///
    /// # Errors
    /// As [`Walker::shard`].
    pub(super) fn node(&mut self, tile: TileCoord) -> Result<Node> {
        if self.plan.is_leaf(tile) {
            return self.render(tile);
        }
        let mut canvas = Canvas::empty(self.plan.shape);
        for child in tile.children() {
            canvas.place(child.quadrant(), self.walk(child)?);
        }
        let started = Instant::now();
        let node = canvas.into_node();
        self.times.reduce += started.elapsed();
        Ok(node)
    }

    fn render(&mut self, tile: TileCoord) -> Result<Node> {
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
        self.times.ground += started.elapsed();
        Ok(Some(ground))
    }
}
