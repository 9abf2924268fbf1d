//! [`Prior`]: the tileset of an earlier bake, and what was written down of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::checkpoint::{Kept, read_node};
use super::super::emit::Emitted;
use super::super::plan::Plan;
use super::super::walk::Shard;
use super::file::{Packed, Place, StateFile};
use super::{Sum, sum_of, tiles_below};
use crate::archive::{Digest, Store, open_store};
use crate::encode::Fit;
use crate::error::Result;
use crate::geo::tile::TileCoord;

/// A tileset that is brought up to date.
pub(super) struct Prior {
    state: StateFile,
    tileset: PathBuf,
    tile_bytes_max: Option<usize>,
    /// Each thread reads through one of its own; here are those that nobody has.
    stores: Mutex<Vec<Box<dyn Store>>>,
}

impl Prior {
    /// # Errors
    /// When the tileset cannot be read.
    pub(super) fn open(
        state: StateFile,
        tileset: &Path,
        tile_bytes_max: Option<usize>,
    ) -> Result<Self> {
        Ok(Self {
            state,
            tileset: tileset.to_owned(),
            tile_bytes_max,
            stores: Mutex::new(vec![open_store(tileset)?]),
        })
    }

    pub(super) fn shard_zoom(&self) -> Option<u8> {
        self.state.shard_zoom()
    }

    /// What was written down of the shard below `root`, if it was made of the same.
    pub(super) fn find(&self, root: TileCoord, key: &Sum) -> Option<&Place> {
        self.state.find(root).filter(|place| place.key == *key)
    }

    /// What the tiles of the shard below `root` come to, and its root as it was written down.
    pub(super) fn known(&self, root: TileCoord, key: &Sum) -> Option<(Sum, Packed)> {
        let place = self.find(root, key)?;
        Some((place.tiles, self.state.node(place)?))
    }

    /// The shard with its tiles; `None` when these are not what was baked, or what was written down is damaged.
    ///
    /// # Errors
    /// When the tileset cannot be read.
    pub(super) fn take(&self, place: &Place, plan: &Plan) -> Result<Option<Kept>> {
        let node = self.state.node(place).and_then(|packed| packed.node());
        let Some(root) = node.and_then(|node| read_node(&node, plan.shape)) else {
            return Ok(None);
        };
        let unused = self.stores().pop();
        let mut store = match unused {
            Some(store) => store,
            None => open_store(&self.tileset)?,
        };
        let mut tiles = Vec::new();
        for tile in tiles_below(plan, place.root) {
            // A damaged one is one that is baked again.
            let Ok(found) = store.read(tile) else {
                return Ok(None);
            };
            tiles.extend(found.map(|data| self.emitted(tile, data)));
        }
        self.stores().push(store);
        if sum_of(&tiles) != place.tiles {
            return Ok(None);
        }
        Ok(Some(Kept {
            shard: Shard {
                tiles,
                root,
                record: None,
            },
            looked_at: place.looked_at,
            beyond: place.beyond,
        }))
    }

    fn emitted(&self, tile: TileCoord, data: Vec<u8>) -> Emitted {
        let is_large = self.tile_bytes_max.is_some_and(|max| data.len() > max);
        Emitted {
            tile,
            digest: Digest::of(&data),
            data: Arc::from(data),
            fit: if is_large { Fit::TooLarge } else { Fit::Fits },
        }
    }

    fn stores(&self) -> std::sync::MutexGuard<'_, Vec<Box<dyn Store>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
