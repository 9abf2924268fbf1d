//! The walk: from the sources to one finished subtree, depth first, children before their parent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::emit::{Emitted, Emitter};
use super::node::{Canvas, Node};
use super::plan::Plan;
use crate::error::{Error, Kind, Result};
use crate::geo::bounds::Bounds;
use crate::geo::tile::TileCoord;
use crate::geo::transform::metres::Metres;
use crate::raster::Raster;
use crate::render::Renderer;
use crate::style::ground::Ground;

/// What the threads share: how far they are, and whether to stop.
#[derive(Default)]
pub(super) struct Shared {
    /// Tiles looked at, stored or not.
    pub(super) done: AtomicU64,
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
    /// Made when first needed.
    metres: Option<Metres>,
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

impl<'a> Walker<'a> {
    /// A walker for the thread that calls.
    pub(super) fn new(
        plan: &'a Plan,
        renderer: Renderer<'a>,
        emitter: Emitter,
        shared: &'a Shared,
    ) -> Self {
        Self {
            plan,
            renderer,
            emitter,
            shared,
            emitted: Vec::new(),
            metres: None,
        }
    }

    /// Bakes the subtree below `root`.
    ///
    /// # Errors
    /// When a source cannot be read, or the run was stopped.
    pub(super) fn shard(&mut self, root: TileCoord) -> Result<Shard> {
        self.emitted.clear();
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
        let mut node = if self.plan.is_leaf(tile) {
            self.render(tile)?
        } else {
            let mut canvas = Canvas::empty(self.plan.shape);
            for child in tile.children() {
                canvas.place(child.quadrant(), self.walk(child)?);
            }
            canvas.into_node()
        };
        if self.plan.wants(tile) {
            self.emitted.extend(self.emitter.emit(tile, &mut node)?);
            self.shared.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(node.reduce(self.plan.reducer))
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
        Ok(Some(ground.apply(&heights, &rows)))
    }
}
