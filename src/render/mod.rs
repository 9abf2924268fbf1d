//! From a tile's bounds to its pixels: [`Renderer`]. Owns no threads; each worker has one of its own.

mod edge;
mod level;
mod lines;
pub mod trace;
mod warp;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Instant;

use self::trace::{LayerUse, Recorder, Trace};

use crate::error::{Error, Result};
use crate::geo::bounds::Bounds;
use crate::geo::cover::Part;
use crate::geo::layout::{Layout, Place};
use crate::geo::polygon::Touch;
use crate::geo::transform::PixelTransform;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::map::{CELLS_PX, TileMap};
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
    /// Pixels beyond each side of a tile that are rendered with it.
    pub margin_px: usize,
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
    /// Where what is done is taken down, if it is.
    recorder: Option<Recorder>,
}

/// Bytes that a renderer needs besides those of its tile for seams that are `reach_px` soft, when a pixel with its mask has
/// `pixel_bytes`: a layer with its margin, and how deep each pixel lies in it. Measured with 1000 pixels and 8 threads: no more.
pub fn seam_bytes(reach_px: f64, tile_size_px: usize, pixel_bytes: usize) -> usize {
    if reach_px > 0.0 {
        (tile_size_px + 2 * seam_px(reach_px)).pow(2) * (pixel_bytes + size_of::<f64>())
    } else {
        0
    }
}

/// Pixels beyond a tile that say how its seams look.
pub(crate) fn seam_px(reach_px: f64) -> usize {
    reach_px.ceil() as usize + 1
}

/// What is rendered of a layer: the middle of a square that the way to its source is laid out for.
struct Frame {
    /// Of the square.
    bounds: Bounds,
    /// Pixels a side of the square.
    size_px: usize,
    /// Pixels along each side of it that nobody asks for.
    unseen_px: usize,
}

impl Frame {
    /// The tile of `size_px` pixels a side that covers `bounds`, with `margin_px` more on each side.
    fn new(bounds: &Bounds, size_px: usize, margin_px: usize) -> Self {
        let laid_px = margin_px.next_multiple_of(CELLS_PX);
        Self {
            bounds: grown(bounds, size_px, laid_px),
            size_px: size_px + 2 * laid_px,
            unseen_px: laid_px - margin_px,
        }
    }
}

/// What a tile of `size_px` pixels a side covers with `margin_px` more on each side.
fn grown(bounds: &Bounds, size_px: usize, margin_px: usize) -> Bounds {
    let share = margin_px as f64 / size_px as f64;
    let (x, y) = (bounds.width() * share, bounds.height() * share);
    Bounds::new(
        bounds.west - x,
        bounds.south - y,
        bounds.east + x,
        bounds.north + y,
    )
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
            recorder: None,
        }
    }

    /// Has what is done taken down, for [`Renderer::take_trace`].
    #[must_use]
    pub fn traced(mut self) -> Self {
        self.recorder = Some(Recorder::default());
        self
    }

    /// What was done since the last time it was asked for; nothing unless it is taken down.
    pub fn take_trace(&mut self) -> Trace {
        self.recorder
            .as_mut()
            .map(Recorder::take)
            .unwrap_or_default()
    }

    /// The pixels of the tile that covers `bounds`, in the scheme's coordinates, and of the job's margin around it; `None`
    /// when there is nothing.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn render(&mut self, bounds: &Bounds) -> Result<Option<Raster>> {
        if self.recorder.is_none() {
            return self.tile(bounds);
        }
        let started = Instant::now();
        let tile = self.tile(bounds)?;
        if let Some(recorder) = &mut self.recorder {
            recorder.end(started, tile.is_some());
        }
        Ok(tile)
    }

    fn tile(&mut self, bounds: &Bounds) -> Result<Option<Raster>> {
        let clip = self.job.layout.clip();
        let seen = grown(bounds, self.job.tile_size_px, self.job.margin_px);
        let touch = clip.map_or(Touch::Inside, |area| self.edge.touch(area, &seen));
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(clip.map(|_| touch));
        }
        if touch == Touch::Outside {
            return Ok(None);
        }
        let mut places = std::mem::take(&mut self.places);
        self.job.layout.meeting(&seen, &mut places);
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
                Ok(self.edge.cut(area, &seen, tile))
            }
            (_, tile) => Ok(tile),
        }
    }

    /// The layers at `places` by the mosaic's rule.
    fn stacked(&mut self, places: &[Place], bounds: &Bounds) -> Result<Option<Raster>> {
        let mut tile = self.job.mosaic.start();
        let frame = Frame::new(bounds, self.job.tile_size_px, self.job.margin_px);
        for parts in places.chunk_by(|a, b| a.layer == b.layer) {
            if tile.done() {
                self.hide(parts);
                continue;
            }
            if let Some(pixels) = self.layer(parts, &frame)? {
                self.fed(parts, &pixels, self.job.margin_px);
                tile.feed(pixels);
            }
        }
        Ok(tile.finish())
    }

    /// The same with soft seams. How far a pixel is from the edge of its layer must be known beyond the tile, too.
    fn blended(&mut self, places: &[Place], bounds: &Bounds) -> Result<Option<Raster>> {
        let reach = self.job.mosaic.feather_px();
        let seam = seam_px(reach);
        let frame = Frame::new(bounds, self.job.tile_size_px, self.job.margin_px + seam);
        let mut tile = Blend::default();
        for parts in places.chunk_by(|a, b| a.layer == b.layer) {
            if tile.done() {
                self.hide(parts);
                continue;
            }
            if let Some(pixels) = self.layer(parts, &frame)? {
                self.fed(parts, &pixels, self.job.margin_px + seam);
                tile.feed(&pixels, seam, reach);
            }
        }
        Ok(tile.finish())
    }

    /// Takes down, if that is wanted, that the layer of `parts` is not needed.
    fn hide(&mut self, parts: &[Place]) {
        if let (Some(recorder), [place, ..]) = (&mut self.recorder, parts) {
            recorder.hide(place.layer);
        }
    }

    /// Takes down, if that is wanted, what the layer of `parts` has in the tile.
    fn fed(&mut self, parts: &[Place], pixels: &Raster, margin_px: usize) {
        if let (Some(recorder), [place, ..]) = (&mut self.recorder, parts) {
            recorder.fed(place.layer, pixels, margin_px);
        }
    }

    /// What one layer has to show in `frame`: the parts of it, one for each time it must be taken round the Earth, side by side.
    fn layer(&mut self, parts: &[Place], frame: &Frame) -> Result<Option<Raster>> {
        let mut canvas: Option<Raster> = None;
        for &place in parts {
            let started = self.recorder.is_some().then(Instant::now);
            let transform = match self.transforms.entry(place) {
                Entry::Occupied(made) => made.into_mut(),
                Entry::Vacant(none) => {
                    none.insert(make_transform(self.job, &mut self.ways, place)?)
                }
            };
            let asked = transform.asked();
            let map = TileMap::new(transform, &frame.bounds, frame.size_px);
            let found = started.map(|started| (started.elapsed(), transform.asked() - asked));
            let way = map.way(transform);
            self.scratch.reading = found.map(|_| trace::Reading::default());
            let layer = self.job.mosaic.layers()[place.layer].as_ref();
            let middle = warp::Middle {
                map: &map,
                unseen_px: frame.unseen_px,
            };
            let painted = warp::warp(layer, middle, self.job.resampling, &mut self.scratch)?;
            if let (Some(recorder), Some((took, points)), Some(reading)) =
                (&mut self.recorder, found, self.scratch.reading.take())
            {
                let used = LayerUse {
                    layer: place.layer,
                    turns: part_of(self.job, place).turns,
                    way,
                    points,
                    read: reading.read,
                    valid_px: 0,
                    new_px: 0,
                };
                recorder.add(used, took, reading.spent);
            }
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

/// The way to the part at `place` of a layer.
///
/// # Errors
/// When PROJ knows none.
pub(crate) fn make_transform(job: &Job, ways: &mut Ways, place: Place) -> Result<PixelTransform> {
    let info = job.mosaic.layers()[place.layer].info();
    let area = job.layout.area(place.layer);
    PixelTransform::new(ways, &info.placement, area, part_of(job, place).turns)
        .map_err(|e: Error| Error::input(&info.name, e))
}

fn part_of<'a>(job: &Job<'a>, place: Place) -> &'a Part {
    let footprint = job.layout.footprints()[place.layer].as_ref();
    &footprint.expect("a place is in a footprint").parts[place.part]
}
