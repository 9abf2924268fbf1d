//! From a tile's bounds to its pixels: [`Renderer`]. Owns no threads; each worker has one of its own.

mod edge;
mod level;
mod lines;
mod warp;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::error::{Error, Result};
use crate::geo::bounds::Bounds;
use crate::geo::cover::Part;
use crate::geo::layout::{Layout, Place};
use crate::geo::polygon::Touch;
use crate::geo::transform::PixelTransform;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::map::TileMap;
use crate::geo::transform::ways::Ways;
use crate::mosaic::Mosaic;
use crate::mosaic::rule::blend::Blend;
use crate::raster::Raster;
use crate::raster::kernel::Resampling;

/// What every tile of a job has in common.
pub struct Job<'a> {
    /// The sources.
    pub mosaic: &'a Mosaic,
    /// Where the layers of the mosaic lie in the scheme, and what they are cut to.
    pub layout: &'a Layout,
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
    ways: Ways,
    /// Made when first needed.
    transforms: HashMap<Place, PixelTransform>,
    places: Vec<Place>,
    scratch: warp::Scratch,
    edge: edge::Edge,
}

/// Bytes that a renderer needs besides those of its tile for seams that are `reach_px` soft, when a pixel with its mask has
/// `pixel_bytes`: a layer with its margin, and how deep each pixel lies in it. Measured with 1000 pixels and 8 threads: no more.
pub fn seam_bytes(reach_px: f64, tile_size_px: usize, pixel_bytes: usize) -> usize {
    if reach_px > 0.0 {
        (tile_size_px + 2 * margin_px(reach_px)).pow(2) * (pixel_bytes + size_of::<f64>())
    } else {
        0
    }
}

/// Pixels beyond a tile that say how its seams look.
fn margin_px(reach_px: f64) -> usize {
    // The way to a source is laid out in cells, which come in pairs of 16 pixels.
    (reach_px.ceil() as usize + 1).next_multiple_of(32)
}

impl<'a> Renderer<'a> {
    /// A renderer for the thread that calls.
    pub fn new(job: &'a Job<'a>) -> Self {
        Self {
            job,
            ways: match job.layout.extent() {
                Some(extent) => Ways::within(job.crs, extent),
                None => Ways::to(job.crs),
            },
            transforms: HashMap::new(),
            places: Vec::new(),
            scratch: warp::Scratch::default(),
            edge: edge::Edge::new(job),
        }
    }

    /// The pixels of the tile that covers `bounds`, in the scheme's coordinates; `None` when there is nothing.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn render(&mut self, bounds: &Bounds) -> Result<Option<Raster>> {
        let clip = self.job.layout.clip();
        let touch = clip.map_or(Touch::Inside, |area| self.edge.touch(area, bounds));
        if touch == Touch::Outside {
            return Ok(None);
        }
        let mut places = std::mem::take(&mut self.places);
        self.job.layout.meeting(bounds, &mut places);
        let n_layers = places.chunk_by(|a, b| a.layer == b.layer).count();
        let tile = if self.job.mosaic.blends() && n_layers > 1 {
            self.blended(&places, bounds)
        } else {
            self.stacked(&places, bounds)
        };
        self.places = places;
        let tile = tile?;
        match (clip, tile) {
            (Some(area), Some(tile)) if touch == Touch::Edge => {
                Ok(self.edge.cut(area, bounds, tile))
            }
            (_, tile) => Ok(tile),
        }
    }

    /// The layers at `places` by the mosaic's rule.
    fn stacked(&mut self, places: &[Place], bounds: &Bounds) -> Result<Option<Raster>> {
        let mut tile = self.job.mosaic.start();
        for parts in places.chunk_by(|a, b| a.layer == b.layer) {
            if tile.done() {
                break;
            }
            if let Some(pixels) = self.layer(parts, bounds, self.job.tile_size_px)? {
                tile.feed(pixels);
            }
        }
        Ok(tile.finish())
    }

    /// The same with soft seams. How far a pixel is from the edge of its layer must be known beyond the tile, too.
    fn blended(&mut self, places: &[Place], bounds: &Bounds) -> Result<Option<Raster>> {
        let (size, reach) = (self.job.tile_size_px, self.job.mosaic.feather_px());
        let margin = margin_px(reach);
        let (x, y) = (
            bounds.width() / size as f64 * margin as f64,
            bounds.height() / size as f64 * margin as f64,
        );
        let around = Bounds::new(
            bounds.west - x,
            bounds.south - y,
            bounds.east + x,
            bounds.north + y,
        );
        let mut tile = Blend::default();
        for parts in places.chunk_by(|a, b| a.layer == b.layer) {
            if tile.done() {
                break;
            }
            if let Some(pixels) = self.layer(parts, &around, size + 2 * margin)? {
                tile.feed(&pixels, margin, reach);
            }
        }
        Ok(tile.finish())
    }

    /// What one layer has to show in `bounds`, `size_px` pixels a side: the parts of it, one for each time it must be taken round the Earth, side by side.
    fn layer(
        &mut self,
        parts: &[Place],
        bounds: &Bounds,
        size_px: usize,
    ) -> Result<Option<Raster>> {
        let mut canvas: Option<Raster> = None;
        for &place in parts {
            let transform = match self.transforms.entry(place) {
                Entry::Occupied(made) => made.into_mut(),
                Entry::Vacant(none) => {
                    none.insert(make_transform(self.job, &mut self.ways, place)?)
                }
            };
            let map = TileMap::new(transform, bounds, size_px);
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
}

fn make_transform(job: &Job, ways: &mut Ways, place: Place) -> Result<PixelTransform> {
    let info = job.mosaic.layers()[place.layer].info();
    let footprint = job.layout.footprints()[place.layer].as_ref();
    let part: &Part = &footprint.expect("a place is in a footprint").parts[place.part];
    let area = job.layout.area(place.layer);
    PixelTransform::new(ways, &info.placement, area, part.turns)
        .map_err(|e: Error| Error::input(&info.name, e))
}
