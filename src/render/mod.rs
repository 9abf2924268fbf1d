//! From a tile's bounds to its pixels: [`Renderer`]. Owns no threads; each worker has one of its own.

mod level;
mod warp;

use crate::error::{Error, Result};
use crate::geo::bounds::Bounds;
use crate::geo::cover::Footprint;
use crate::geo::transform::PixelTransform;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::map::TileMap;
use crate::mosaic::Mosaic;
use crate::raster::Raster;
use crate::raster::kernel::Resampling;

/// What every tile of a job has in common.
pub struct Job<'a> {
    /// The sources.
    pub mosaic: &'a Mosaic,
    /// Where each layer of the mosaic lies in the scheme; `None` for one that does not meet it.
    pub footprints: &'a [Option<Footprint>],
    /// The scheme's coordinate system.
    pub crs: &'a Crs,
    /// The kernel.
    pub resampling: Resampling,
    /// Pixels a side.
    pub tile_size_px: usize,
}

/// Renders tiles, one after the other. Keeps what is dear to build: PROJ's transformations, and buffers.
pub struct Renderer<'a> {
    job: &'a Job<'a>,
    /// For each layer, one transformation for each part of its footprint; made when first needed.
    transforms: Vec<Option<Vec<PixelTransform>>>,
    scratch: warp::Scratch,
}

impl<'a> Renderer<'a> {
    /// A renderer for the thread that calls.
    pub fn new(job: &'a Job<'a>) -> Self {
        let transforms = job.footprints.iter().map(|_| None).collect();
        Self {
            job,
            transforms,
            scratch: warp::Scratch::default(),
        }
    }

    /// The pixels of the tile that covers `bounds`, in the scheme's coordinates; `None` when there is nothing.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn render(&mut self, bounds: &Bounds) -> Result<Option<Raster>> {
        let mut canvas: Option<Raster> = None;
        for (k, layer) in self.job.mosaic.layers().iter().enumerate() {
            let Some(footprint) = &self.job.footprints[k] else {
                continue;
            };
            for (p, part) in footprint.parts.iter().enumerate() {
                if !part.boxes.iter().any(|b| b.intersects(bounds)) {
                    continue;
                }
                if canvas.as_ref().is_some_and(Raster::is_opaque) {
                    return Ok(canvas);
                }
                let transforms = match &mut self.transforms[k] {
                    Some(transforms) => transforms,
                    none => none.insert(transforms(self.job, k)?),
                };
                let map = TileMap::new(&transforms[p], bounds, self.job.tile_size_px);
                let painted =
                    warp::warp(layer.as_ref(), &map, self.job.resampling, &mut self.scratch)?;
                canvas = match (canvas, painted) {
                    (None, painted) => painted,
                    (some, None) => some,
                    (Some(mut canvas), Some(painted)) => {
                        canvas.paint_under(&painted, 0, 0);
                        Some(canvas)
                    }
                };
            }
        }
        Ok(canvas)
    }
}

fn transforms(job: &Job, layer: usize) -> Result<Vec<PixelTransform>> {
    let info = job.mosaic.layers()[layer].info();
    let Some(footprint) = &job.footprints[layer] else {
        return Ok(Vec::new());
    };
    let make =
        |part: &crate::geo::cover::Part| PixelTransform::new(job.crs, &info.placement, part.turns);
    footprint
        .parts
        .iter()
        .map(make)
        .collect::<Result<_>>()
        .map_err(|e: Error| Error::input(&info.name, e))
}
