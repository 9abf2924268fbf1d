//! [`Prior`]: the tileset of an earlier bake, and what was written down of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::emit::Emitted;
use super::file::{Place, StateFile};
use super::{Sum, Taken, sum_of};
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

    /// What was written down of `root` and what is below it, if it was made of the same.
    pub(super) fn find(&self, root: TileCoord, key: &Sum) -> Option<&Place> {
        self.state.find(root).filter(|place| place.key == *key)
    }

    /// What `place` is of, with its `tiles`, those that it may have in their order; `None` when these are not what was baked, or what was
    /// written down is damaged.
    ///
    /// # Errors
    /// When the tileset cannot be read.
    pub(super) fn take(&self, place: &Place, tiles: &[TileCoord]) -> Result<Option<Taken>> {
        let Some(node) = self.state.node(place) else {
            return Ok(None);
        };
        let unused = self.stores().pop();
        let mut store = match unused {
            Some(store) => store,
            None => open_store(&self.tileset)?,
        };
        let mut found = Vec::new();
        for &tile in tiles {
            // A damaged one is one that is baked again.
            let Ok(data) = store.read(tile) else {
                return Ok(None);
            };
            found.extend(data.map(|data| self.emitted(tile, data)));
        }
        self.stores().push(store);
        Ok((sum_of(&found) == place.tiles).then(|| Taken {
            tiles: found,
            record: place.record(node),
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
