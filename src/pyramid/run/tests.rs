//! That nobody waits for ever, whoever panics.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

use std::sync::Arc;

use super::*;
use crate::encode::{Format, TileEncoder};
use crate::geo::affine::Affine;
use crate::geo::scheme::Scheme;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::{Georef, Placement};
use crate::mosaic::Mosaic;
use crate::pyramid::emit::Emitter;
use crate::pyramid::plan::{Plan, PlanOptions};
use crate::raster::{Raster, SampleType, Samples};
use crate::render::Renderer;
use crate::source::memory::MemorySource;

/// Runs `work` on a thread of its own and tells what came of it; the test fails when that takes half a minute.
fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = tell.send(work());
    });
    let told = told.recv_timeout(Duration::from_secs(30));
    told.expect("somebody waits for ever")
}

/// Shards without end, a hundred a second.
fn shards() -> impl Iterator<Item = TileCoord> + Send {
    (0..)
        .map(|k| TileCoord::new(5, k % 32, 0))
        .inspect(|_| std::thread::sleep(Duration::from_millis(10)))
}

/// One pixel at the equator.
fn pixel() -> Mosaic {
    let raster =
        Raster::from_parts(1, 1, 1, SampleType::U8, Samples::U8(vec![7]), vec![255]).unwrap();
    let placement = Placement {
        crs: Crs::parse("EPSG:3857").unwrap(),
        georef: Georef::Affine(Affine([0.0, 1000.0, 0.0, 0.0, 0.0, -1000.0])),
        width: 1,
        height: 1,
    };
    let source = MemorySource::new("pixel", raster, placement).unwrap();
    Mosaic::new(vec![Arc::new(source)]).unwrap()
}

/// Of two threads, with memory for whatever there is.
fn limits() -> Limits {
    Limits {
        jobs: 2,
        shards_bytes: usize::MAX,
        shard_bytes: 1,
    }
}

#[test]
fn a_worker_that_panics_before_its_first_shard_is_an_error() {
    let told = soon(|| {
        let no_walker = || -> Result<Walker<'static>> { panic!("as the test wants") };
        run(
            shards(),
            limits(),
            &Shared::default(),
            no_walker,
            || Ok(()),
            |next| next().map(drop),
        )
    });
    assert!(told.unwrap_err().to_string().contains("could not start"));
}

#[test]
fn a_fold_that_panics_ends_the_workers() {
    let panicked = soon(|| {
        let mosaic = pixel();
        let scheme = Scheme::named("WebMercatorQuad").unwrap();
        let plan = Plan::new(&mosaic, PlanOptions::new(scheme)).unwrap();
        let job = plan.job(&mosaic);
        let shared = Shared::default();
        let walker = || {
            let encoder = TileEncoder::new(&Format::Png.into())?;
            let emitter = Emitter::new(encoder, &plan);
            Ok(Walker::new(
                &plan,
                Renderer::new(&job),
                emitter,
                &shared,
                None,
                None,
            ))
        };
        let folding = || {
            run(
                shards(),
                limits(),
                &shared,
                walker,
                || Ok(()),
                |next| {
                    next()?;
                    panic!("as the test wants")
                },
            )
        };
        catch_unwind(AssertUnwindSafe(folding)).is_err()
    });
    assert!(panicked);
}
