//! What a bake changes in the tileset that it replaces: [`Watch`], on the way to the first output.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use azulejo::archive::{Digest, Metadata, Sink, Staged, Store, open_store};
use azulejo::error::{Error, Result};
use azulejo::geo::changes::{Change, Changes};
use azulejo::geo::tile::TileCoord;

/// The tiles of a tileset that is replaced, and how those that replace them differ.
pub(super) struct Watch {
    /// `None` where there is none.
    before: Option<Box<dyn Store>>,
    /// Its tiles that have not come again so far.
    left: HashSet<TileCoord>,
    changes: Changes,
}

impl Watch {
    /// A look at what replaces the tileset at `path`, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn new(path: &Path) -> Result<Arc<Mutex<Self>>> {
        let mut before = path.exists().then(|| open_store(path)).transpose()?;
        let left = match &mut before {
            Some(store) => store.tiles()?.into_iter().collect(),
            None => HashSet::new(),
        };
        Ok(Arc::new(Mutex::new(Self {
            before,
            left,
            changes: Changes::default(),
        })))
    }

    fn see(&mut self, tile: TileCoord, data: &[u8]) -> Result<()> {
        if !self.left.remove(&tile) {
            self.changes.push(tile, Change::Added);
            return Ok(());
        }
        let before = match &mut self.before {
            Some(store) => store.read(tile)?,
            None => None,
        };
        if before.as_deref() != Some(data) {
            self.changes.push(tile, Change::Changed);
        }
        Ok(())
    }

    /// All that differs, once all tiles have come.
    pub(super) fn changes(watch: &Mutex<Self>) -> Changes {
        let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = std::mem::take(&mut watch.changes);
        watch
            .left
            .drain()
            .for_each(|tile| changes.push(tile, Change::Removed));
        changes.sort();
        changes
    }
}

/// A sink whose tiles are watched.
pub(super) struct Watched {
    pub(super) sink: Box<dyn Sink>,
    pub(super) watch: Arc<Mutex<Watch>>,
}

impl Sink for Watched {
    fn write(&mut self, tile: TileCoord, data: &[u8], digest: Option<Digest>) -> Result<()> {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.see(tile, data).map_err(|error| {
            Error::new(error.kind(), format!("--expired: {error}"))
                .with_help("azulejo verify says what is wrong with the tileset that is replaced")
        })?;
        drop(watch);
        self.sink.write(tile, data, digest)
    }

    fn finish(self: Box<Self>, metadata: &Metadata) -> Result<Staged> {
        self.sink.finish(metadata)
    }
}
