//! Tiles as they come out of a bake, in memory.

use std::sync::{Arc, Mutex};

use azulejo::archive::{Digest, Metadata, Sink, Staged};
use azulejo::encode::Format;
use azulejo::error::Result;
use azulejo::geo::tile::TileCoord;
use azulejo::mosaic::Mosaic;
use azulejo::pyramid::budget::Budget;
use azulejo::pyramid::plan::Plan;
use azulejo::pyramid::{Baked, BuildOptions, build};

/// Encoded tiles in the order in which they came.
pub(crate) type Tiles = Vec<(TileCoord, Vec<u8>)>;

/// A sink that keeps what it is given, in order.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Tiles>>);

impl Sink for Kept {
    fn write(&mut self, tile: TileCoord, data: &[u8], digest: Option<Digest>) -> Result<()> {
        assert_eq!(digest, Digest::of(data), "{tile}");
        self.0.lock().unwrap().push((tile, data.to_vec()));
        Ok(())
    }

    fn finish(self: Box<Self>, _metadata: &Metadata) -> Result<Staged> {
        unreachable!("the tests read what was kept")
    }
}

/// Bakes PNG tiles into `sinks`.
pub(crate) fn bake_into(
    mosaic: &Mosaic,
    plan: &Plan,
    sinks: &mut [Box<dyn Sink>],
    jobs: usize,
    shard_height: Option<u8>,
) -> Baked {
    let how = BuildOptions {
        jobs,
        shard_height,
        budget: Budget::default(),
        digest: true,
        checkpoint: None,
        ledger: None,
    };
    build(mosaic, plan, &Format::Png.into(), sinks, &how, &mut |_| {
        Ok(())
    })
    .unwrap()
}

/// The tiles that a bake makes, and what it tells of them.
pub(crate) fn bake(
    mosaic: &Mosaic,
    plan: &Plan,
    jobs: usize,
    shard_height: Option<u8>,
) -> (Tiles, Baked) {
    let kept = Kept::default();
    let mut sinks: [Box<dyn Sink>; 1] = [Box::new(kept.clone())];
    let baked = bake_into(mosaic, plan, &mut sinks, jobs, shard_height);
    let tiles = std::mem::take(&mut *kept.0.lock().unwrap());
    (tiles, baked)
}
