//! From a tile's bounds to its pixels: [`Renderer`]. Owns no threads; each worker has one of its own.

mod level;
mod warp;

use crate::error::{Error, Result};
use crate::geo::bounds::Bounds;
use crate::geo::cover::Part;
use crate::geo::layout::{Layout, Place};
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
    /// Where the layers of the mosaic lie in the scheme.
    pub layout: &'a Layout,
    /// The scheme's coordinate system.
    pub crs: &'a Crs,
    /// The kernel.
    pub resampling: Resampling,
    /// Pixels a side.
    pub tile_size_px: usize,
}

/// Transformations that a renderer keeps. Each holds two pipelines of PROJ's, some 50 kB together; a tile with more layers
/// makes them anew.
const KEPT: usize = 128;

/// Renders tiles, one after the other. Keeps what is dear to build: PROJ's transformations, and buffers.
pub struct Renderer<'a> {
    job: &'a Job<'a>,
    /// The transformations used last, the latest at the end.
    transforms: Vec<(Place, PixelTransform)>,
    places: Vec<Place>,
    scratch: warp::Scratch,
}

impl<'a> Renderer<'a> {
    /// A renderer for the thread that calls.
    pub fn new(job: &'a Job<'a>) -> Self {
        Self {
            job,
            transforms: Vec::new(),
            places: Vec::new(),
            scratch: warp::Scratch::default(),
        }
    }

    /// The pixels of the tile that covers `bounds`, in the scheme's coordinates; `None` when there is nothing.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn render(&mut self, bounds: &Bounds) -> Result<Option<Raster>> {
        let mut places = std::mem::take(&mut self.places);
        self.job.layout.meeting(bounds, &mut places);
        let mut tile = self.job.mosaic.start();
        let layers = places.chunk_by(|a, b| a.layer == b.layer);
        for parts in layers {
            if tile.done() {
                break;
            }
            if let Some(pixels) = self.layer(parts, bounds)? {
                tile.feed(pixels);
            }
        }
        self.places = places;
        Ok(tile.finish())
    }

    /// What one layer has to show: the parts of it, one for each time it must be taken round the Earth, side by side.
    fn layer(&mut self, parts: &[Place], bounds: &Bounds) -> Result<Option<Raster>> {
        let mut canvas: Option<Raster> = None;
        for &place in parts {
            let slot = self.transform(place)?;
            let transform = &self.transforms[slot].1;
            let map = TileMap::new(transform, bounds, self.job.tile_size_px);
            let layer = self.job.mosaic.layers()[place.layer].as_ref();
            let painted = warp::warp(layer, &map, self.job.resampling, &mut self.scratch)?;
            canvas = match (canvas, painted) {
                (None, painted) => painted,
                (some, None) => some,
                (Some(mut canvas), Some(painted)) => {
                    canvas.paint_under(&painted, 0, 0);
                    Some(canvas)
                }
            };
        }
        Ok(canvas)
    }

    /// Where the transformation for `place` is kept; made when it is not there yet.
    fn transform(&mut self, place: Place) -> Result<usize> {
        let kept = &mut self.transforms;
        let entry = match kept.iter().rposition(|(p, _)| *p == place) {
            // The usual case: the tile before needed the same.
            Some(k) if k + 1 == kept.len() => return Ok(k),
            Some(k) => kept.remove(k),
            None => {
                if kept.len() >= KEPT {
                    kept.remove(0);
                }
                (place, make_transform(self.job, place)?)
            }
        };
        kept.push(entry);
        Ok(kept.len() - 1)
    }
}

fn make_transform(job: &Job, place: Place) -> Result<PixelTransform> {
    let info = job.mosaic.layers()[place.layer].info();
    let footprint = job.layout.footprints()[place.layer].as_ref();
    let part: &Part = &footprint.expect("a place is in a footprint").parts[place.part];
    PixelTransform::new(job.crs, &info.placement, part.turns)
        .map_err(|e: Error| Error::input(&info.name, e))
}
