//! What a bake leaves beside its output so that a later one can bring that up to date: [`Ledger`].
//!
//! For every shard it says what its pixels were made of (see `keys`), what its tiles come to, and what its root handed up; and the
//! same for every tile above the shards, which is made of those below it. A later bake takes tiles from the tileset as
//! they are when nothing that they are made of has changed and they are still what was baked; all others it makes anew,
//! those above the shards of what those below them have handed up. What comes of it is what baking all of it would have come to.

mod file;
mod keys;
mod prior;

use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::Xxh3;

pub use self::file::{About, StateFile, Writer};
#[doc(hidden)]
pub use self::file::{MAGIC, PLACE};
use self::file::{Packed, Place};
pub(super) use self::keys::Keys;
use self::prior::Prior;
use super::checkpoint::{Kept, read_node, write_node};
use super::emit::Emitted;
use super::node::{Node, Shape};
use super::plan::Plan;
use crate::archive::Staged;
use crate::error::{Error, Kind, Result};
use crate::geo::tile::TileCoord;

/// By what something is known again: 128 bits of SHA-256, or of tiles of XXH3, which is as good against chance and takes a tenth of
/// the time.
pub type Sum = [u8; 16];

/// What is known of a shard once it is finished, or of a tile above the shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) root: TileCoord,
    /// What its pixels are made of.
    pub(super) key: Sum,
    /// Its tiles.
    pub(super) tiles: Sum,
    /// Tiles looked at, stored or blank.
    pub(super) looked_at: u64,
    /// Whether some heights may have been beyond what their encoding can tell.
    pub(super) beyond: bool,
    /// What its root hands up, as [`write_node`] has it.
    pub(super) node: Packed,
}

impl Record {
    /// What is to be written down of the shard below `root`, made of what `key` says.
    ///
    /// # Errors
    /// None that could be met.
    pub(super) fn new(root: TileCoord, key: Sum, kept: &Kept) -> Result<Self> {
        Ok(Self {
            root,
            key,
            tiles: sum_of(&kept.tiles),
            looked_at: kept.looked_at,
            beyond: kept.beyond,
            node: Packed::new(&write_node(&kept.root))?,
        })
    }
}

/// A shard, or a tile above the shards, that is in the tileset as it would be baked.
pub(super) struct Taken {
    /// Its tiles.
    pub(super) tiles: Vec<Emitted>,
    /// What was written down of it, and is again.
    pub(super) record: Record,
}

/// What a tile hands up: a quarter of its pixels, or what was written down of them, which is only read where it is wanted.
pub(super) enum Handed {
    Node(Node),
    Written(Packed),
}

impl Handed {
    /// The pixels, of tiles of `shape`.
    ///
    /// # Errors
    /// [`Kind::Input`] when what was written down is no node, though its sum is right.
    pub(super) fn node(self, shape: Shape) -> Result<Node> {
        match self {
            Self::Node(node) => Ok(node),
            Self::Written(packed) => {
                let node = packed.node().and_then(|node| read_node(&node, shape));
                node.ok_or_else(|| {
                    Error::new(
                        Kind::Input,
                        "the state of the tileset is damaged; expected what was written down of its tiles",
                    )
                    .with_help("--overwrite bakes all of it, and keeps it for the next --update")
                })
            }
        }
    }
}

/// How the shards of an update came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Updated {
    /// Taken from the tileset as they are.
    pub clean: u64,
    /// Baked, or taken from a run that was cut off.
    pub dirty: u64,
    /// Of those that were baked, the ones that nothing has touched but whose tiles are not what was baked.
    pub altered: u64,
}

/// What is written down of a bake, and what was written down of the one before it.
pub struct Ledger {
    /// What each source is, in the order in which they were given to the mosaic.
    identities: Vec<Sum>,
    prior: Option<Prior>,
    writer: Mutex<Writer>,
    clean: AtomicU64,
    dirty: AtomicU64,
    altered: AtomicU64,
}

impl Ledger {
    /// A ledger of a bake of sources with these `identities`, in the order of the mosaic's sources, written by `writer`.
    pub fn new(identities: Vec<Sum>, writer: Writer) -> Self {
        Self {
            identities,
            prior: None,
            writer: Mutex::new(writer),
            clean: AtomicU64::new(0),
            dirty: AtomicU64::new(0),
            altered: AtomicU64::new(0),
        }
    }

    /// The ledger of a bake that brings the tileset at `tileset` up to date, which was baked as `before` says. The facts of both
    /// must be the same but for the sources. Tiles that are longer than `tile_bytes_max` are too large.
    ///
    /// # Errors
    /// [`Kind::Input`] when the tileset cannot be read.
    pub fn updating(
        mut self,
        before: StateFile,
        tileset: &Path,
        tile_bytes_max: Option<usize>,
    ) -> Result<Self> {
        self.prior = Some(Prior::open(before, tileset, tile_bytes_max)?);
        Ok(self)
    }

    /// The zoom at which the tree must be cut into shards again, so that something can be taken.
    pub(super) fn shard_zoom(&self) -> Option<u8> {
        self.prior.as_ref().and_then(Prior::shard_zoom)
    }

    pub(super) fn identities(&self) -> &[Sum] {
        &self.identities
    }

    /// The shard below `root` whose pixels are made of what `key` says, if the tileset has it as it was baked.
    ///
    /// # Errors
    /// When the tileset cannot be read.
    pub(super) fn take_shard(
        &self,
        root: TileCoord,
        key: &Sum,
        plan: &Plan,
    ) -> Result<Option<Taken>> {
        let Some((prior, place)) = self.find(root, key) else {
            return Ok(None);
        };
        let taken = prior.take(place, &tiles_below(plan, root))?;
        let count = match taken {
            Some(_) => &self.clean,
            None => &self.altered,
        };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(taken)
    }

    /// `tile`, which is above the shards and made of what `key` says, if the tileset has it as it was baked.
    ///
    /// # Errors
    /// When the tileset cannot be read.
    pub(super) fn take_tile(&self, tile: TileCoord, key: &Sum) -> Result<Option<Taken>> {
        match self.find(tile, key) {
            Some((prior, place)) => prior.take(place, &[tile]),
            None => Ok(None),
        }
    }

    fn find(&self, root: TileCoord, key: &Sum) -> Option<(&Prior, &Place)> {
        let prior = self.prior.as_ref()?;
        Some((prior, prior.find(root, key)?))
    }

    /// Counts a shard that was not taken from the tileset, and says what is to be written down of it.
    ///
    /// # Errors
    /// None that could be met.
    pub(super) fn record(&self, root: TileCoord, key: Sum, kept: &Kept) -> Result<Record> {
        self.dirty.fetch_add(1, Ordering::Relaxed);
        Record::new(root, key, kept)
    }

    /// Writes a record down. They come in the order of the plan.
    ///
    /// # Errors
    /// When the disk is full.
    pub(super) fn write(&self, record: &Record) -> Result<()> {
        self.writer().write(record)
    }

    /// How the shards came about so far.
    pub fn updated(&self) -> Updated {
        Updated {
            clean: self.clean.load(Ordering::Relaxed),
            dirty: self.dirty.load(Ordering::Relaxed),
            altered: self.altered.load(Ordering::Relaxed),
        }
    }

    /// Completes what was written down: it waits for its name, which it should get after the tileset.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(&self, about: &About) -> Result<Staged> {
        self.writer().finish(about)
    }

    fn writer(&self) -> std::sync::MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("updated", &self.updated())
            .finish_non_exhaustive()
    }
}

/// What tiles come to, with their addresses, in their order.
fn sum_of(tiles: &[Emitted]) -> Sum {
    let mut sum = Xxh3::new();
    for tile in tiles {
        let at = tile.tile;
        sum.update(&[at.z()]);
        sum.update(&at.x().to_le_bytes());
        sum.update(&at.y().to_le_bytes());
        sum.update(&(tile.data.len() as u64).to_le_bytes());
        sum.update(&tile.data);
    }
    sum.digest128().to_le_bytes()
}

/// What a tile above the shards is made of: what the four below it are made of, `None` of those that are not covered.
pub(super) fn key_of(below: [Option<Sum>; 4]) -> Sum {
    let mut sum = Sha256::new();
    for key in below {
        sum.update([u8::from(key.is_some())]);
        sum.update(key.unwrap_or_default());
    }
    cut(&sum.finalize().into())
}

/// The first half of a SHA-256.
fn cut(digest: &[u8; 32]) -> Sum {
    *digest.first_chunk().expect("32 bytes are more than 16")
}

/// The covered tiles of the shard below `root`, children before their parent: all that it may have tiles of.
fn tiles_below(plan: &Plan, root: TileCoord) -> Vec<TileCoord> {
    fn walk(plan: &Plan, tile: TileCoord, found: &mut Vec<TileCoord>) {
        if !plan.covers(tile) {
            return;
        }
        if !plan.is_leaf(tile) {
            for child in tile.children() {
                walk(plan, child, found);
            }
        }
        found.push(tile);
    }
    let mut found = Vec::new();
    walk(plan, root, &mut found);
    found
}

#[cfg(test)]
mod tests;
