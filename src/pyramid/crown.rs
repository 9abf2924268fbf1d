//! The crown: the zooms above the shards, folded as the shards arrive. What comes out is the post-order of the whole tree,
//! wherever it was cut into shards; hence the same bytes for any number of threads.

use std::time::Duration;

use super::emit::{Emitted, Emitter};
use super::node::{Canvas, Node};
use super::plan::Plan;
use super::times::{Stage, Watch};
use super::walk::Shard;
use crate::error::Result;
use crate::geo::tile::TileCoord;

/// Folds shards, handed to it in the order of the plan, and passes every tile on.
pub(super) struct Crown<'a, N, E> {
    plan: &'a Plan,
    shard_zoom: u8,
    emitter: Emitter,
    spent: Watch<'a>,
    /// The next shard in plan order.
    next_shard: N,
    /// Takes each tile, from the shards and from here.
    emit: E,
}

impl<'a, N: FnMut() -> Result<Shard>, E: FnMut(Emitted) -> Result<()>> Crown<'a, N, E> {
    /// A crown over shards whose roots are at `shard_zoom`.
    pub(super) fn new(
        plan: &'a Plan,
        shard_zoom: u8,
        emitter: Emitter,
        spent: Watch<'a>,
        next_shard: N,
        emit: E,
    ) -> Self {
        Self {
            plan,
            shard_zoom,
            emitter,
            spent,
            next_shard,
            emit,
        }
    }

    /// Folds everything below the tiles of the lowest zoom, one after the other.
    ///
    /// # Errors
    /// Whatever a shard or the receiver of the tiles says.
    pub(super) fn fold_all(&mut self) -> Result<()> {
        for top in self.plan.walk(self.plan.zoom_min) {
            self.fold(top)?;
        }
        Ok(())
    }

    fn fold(&mut self, tile: TileCoord) -> Result<Node> {
        if !self.plan.covers(tile) {
            return Ok(Node::Empty);
        }
        if tile.z() == self.shard_zoom {
            self.spent.lap(Stage::Reduce);
            let shard = (self.next_shard)()?;
            self.spent.lap(Stage::AwaitTiles);
            for tile in shard.tiles {
                (self.emit)(tile)?;
            }
            self.spent.lap(Stage::Write);
            return Ok(shard.root);
        }
        let mut node = self.node(tile)?;
        let emitted = self.emitter.emit(tile, &mut node)?;
        self.spent.lap(Stage::Encode);
        if let Some(emitted) = emitted {
            (self.emit)(emitted)?;
            self.spent.lap(Stage::Write);
        }
        let reduced = node.reduce(self.plan.reducer);
        self.spent.lap(Stage::Reduce);
        Ok(reduced)
    }

    /// `tile`, which is above the shards, made of what is below it; what is below is passed on, it is not.
    ///
    /// # Errors
    /// As [`Crown::fold_all`].
    pub(super) fn node(&mut self, tile: TileCoord) -> Result<Node> {
        let mut canvas = Canvas::empty(self.plan.shape);
        for child in tile.children() {
            canvas.place(child.quadrant(), self.fold(child)?);
        }
        let node = canvas.into_node();
        self.spent.lap(Stage::Reduce);
        Ok(node)
    }

    /// What putting quarters together and making one pixel of four took so far.
    pub(super) fn reducing(&self) -> Duration {
        self.spent.of(Stage::Reduce)
    }
}
