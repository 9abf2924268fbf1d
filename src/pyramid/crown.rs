//! The crown: the zooms above the shards, folded as the shards arrive. What comes out is the post-order of the whole tree,
//! wherever it was cut into shards; hence the same bytes for any number of threads.

use std::time::Duration;

use super::checkpoint::Kept;
use super::emit::{Emitted, Emitter};
use super::node::{Canvas, Node};
use super::plan::Plan;
use super::state::{Handed, Ledger, Record, Sum, Taken, key_of};
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
    ledger: Option<&'a Ledger>,
    /// The next shard in plan order.
    next_shard: N,
    /// Takes each tile, from the shards and from here.
    emit: E,
}

/// A tile that was passed on, or is not covered.
struct Folded {
    handed: Handed,
    /// What it is made of, if that is written down.
    key: Option<Sum>,
}

impl Folded {
    const fn nothing() -> Self {
        Self {
            handed: Handed::Node(Node::Empty),
            key: None,
        }
    }
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
            ledger: None,
            next_shard,
            emit,
        }
    }

    /// One that writes down what its tiles are made of, and takes those that the tileset has.
    pub(super) fn with_ledger(self, ledger: Option<&'a Ledger>) -> Self {
        Self { ledger, ..self }
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

    /// Passes `tile` on, if it is covered, and what is below it.
    fn fold(&mut self, tile: TileCoord) -> Result<Folded> {
        if !self.plan.covers(tile) {
            return Ok(Folded::nothing());
        }
        if tile.z() == self.shard_zoom {
            return self.shard();
        }
        let below = self.below(tile)?;
        let key = self
            .ledger
            .map(|_| key_of(below.each_ref().map(|folded| folded.key)));
        if let Some(taken) = self.unchanged(tile, key)? {
            return Ok(taken);
        }
        let mut node = self.put_together(tile, below)?;
        self.plan.style.take_beyond_here();
        let emitted = self.emitter.emit(tile, &mut node)?;
        self.spent.lap(Stage::Encode);
        let tiles: Vec<Emitted> = emitted.into_iter().collect();
        for emitted in &tiles {
            (self.emit)(emitted.clone())?;
        }
        self.spent.lap(Stage::Write);
        let root = node.reduce(self.plan.reducer);
        self.spent.lap(Stage::Reduce);
        let Some((ledger, key)) = self.ledger.zip(key) else {
            let handed = Handed::Node(root);
            return Ok(Folded { handed, key });
        };
        let kept = Kept {
            tiles,
            root,
            looked_at: 1,
            beyond: self.plan.style.take_beyond_here(),
        };
        ledger.write(&Record::new(tile, key, &kept)?)?;
        self.spent.lap(Stage::Keep);
        Ok(Folded {
            handed: Handed::Node(kept.root),
            key: Some(key),
        })
    }

    /// Passes the next shard on.
    fn shard(&mut self) -> Result<Folded> {
        self.spent.lap(Stage::Reduce);
        let shard = (self.next_shard)()?;
        self.spent.lap(Stage::AwaitTiles);
        if let (Some(ledger), Some(record)) = (self.ledger, &shard.record) {
            ledger.write(record)?;
        }
        for tile in shard.tiles {
            (self.emit)(tile)?;
        }
        self.spent.lap(Stage::Write);
        Ok(Folded {
            handed: shard.root,
            key: shard.record.map(|record| record.key),
        })
    }

    /// Passes on `tile`, which is above the shards, as the tileset has it, if that is what would come of it.
    fn unchanged(&mut self, tile: TileCoord, key: Option<Sum>) -> Result<Option<Folded>> {
        let Some((ledger, key)) = self.ledger.zip(key) else {
            return Ok(None);
        };
        let Some(Taken { tiles, record }) = ledger.take_tile(tile, &key)? else {
            return Ok(None);
        };
        if record.beyond {
            self.plan.style.note_beyond();
        }
        ledger.write(&record)?;
        self.spent.lap(Stage::Keep);
        for tile in tiles {
            (self.emit)(tile)?;
        }
        self.spent.lap(Stage::Write);
        Ok(Some(Folded {
            handed: Handed::Written(record.node),
            key: Some(key),
        }))
    }

    /// The four below `tile`, which is above the shards, passed on.
    fn below(&mut self, tile: TileCoord) -> Result<[Folded; 4]> {
        let mut below = [const { Folded::nothing() }; 4];
        for (folded, child) in below.iter_mut().zip(tile.children()) {
            *folded = self.fold(child)?;
        }
        Ok(below)
    }

    /// `tile`, made of the four below it, in the order of its children.
    fn put_together(&mut self, tile: TileCoord, below: [Folded; 4]) -> Result<Node> {
        let shape = self.plan.shape;
        let mut canvas = Canvas::empty(shape);
        for (child, folded) in tile.children().into_iter().zip(below) {
            canvas.place(child.quadrant(), folded.handed.node(shape)?);
        }
        let node = canvas.into_node();
        self.spent.lap(Stage::Reduce);
        Ok(node)
    }

    /// `tile`, which is above the shards, made of what is below it; what is below is passed on, it is not.
    ///
    /// # Errors
    /// As [`Crown::fold_all`].
    pub(super) fn node(&mut self, tile: TileCoord) -> Result<Node> {
        let below = self.below(tile)?;
        self.put_together(tile, below)
    }

    /// What putting quarters together and making one pixel of four took so far.
    pub(super) fn reducing(&self) -> Duration {
        self.spent.of(Stage::Reduce)
    }
}
