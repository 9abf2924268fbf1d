//! [`Footprint`]: which part of a tiling scheme a source touches, and how fine its pixels are there.

use super::bounds::Bounds;
use super::scheme::Scheme;
use super::transform::crs::Crs;
use super::transform::map::median;
use super::transform::{PixelRect, PixelTransform, Placement, turns};
use crate::error::Result;

/// Points a side of the grid that is laid over a source to find its outline.
const SAMPLES: usize = 65;

/// The same where a source is made of many parts, which are the smaller for it.
const SAMPLES_OF_MANY: usize = 17;

/// Where one source lies in the system of a tiling scheme.
#[derive(Debug, Clone, PartialEq)]
pub struct Footprint {
    /// One for each time the source must be taken round the Earth to be met; see [`turns`].
    pub parts: Vec<Part>,
    /// Target units that a source pixel spans, the square root of its area there; the median over the source.
    pub resolution: f64,
}

/// A source, taken `turns` times round the Earth, and the rectangles around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// For [`PixelTransform::new`].
    pub turns: i32,
    /// In the scheme's system and within its extent: for each part of the source one, or two either side of the
    /// antimeridian. Never too small, and never much too large.
    pub boxes: Vec<Bounds>,
}

impl Footprint {
    /// Where the source at `placement` lies in `scheme`, whose coordinate system is `target`. `None` when they do not meet.
    /// `rects` are the parts that have pixels; all of it, for most.
    ///
    /// # Errors
    /// When PROJ knows no way between the two systems.
    pub fn new(
        placement: &Placement,
        rects: &[PixelRect],
        scheme: &Scheme,
        target: &Crs,
    ) -> Result<Option<Self>> {
        let extent = scheme.extent();
        // Only a scheme that goes all round the Earth wraps.
        let period = target
            .period()
            .filter(|p| (extent.width() - p).abs() < p * 1e-6);
        let mut parts = Vec::new();
        let mut resolution = None;
        for turns in turns(placement) {
            let transform = PixelTransform::new(target, placement, turns)?;
            let samples = if rects.len() > 4 {
                SAMPLES_OF_MANY
            } else {
                SAMPLES
            };
            let world = World { extent, period };
            let boxes: Vec<Bounds> = rects
                .iter()
                .flat_map(|rect| boxes(&transform, rect, samples, &world))
                .collect();
            if boxes.is_empty() {
                continue;
            }
            resolution = resolution.or_else(|| native_resolution(&transform, placement, &extent));
            parts.push(Part { turns, boxes });
        }
        Ok(resolution.map(|resolution| Self { parts, resolution }))
    }

    /// All rectangles of all parts.
    pub fn boxes(&self) -> impl Iterator<Item = &Bounds> {
        self.parts.iter().flat_map(|part| &part.boxes)
    }
}

/// What a scheme covers, and how far along x it repeats itself.
struct World {
    extent: Bounds,
    period: Option<f64>,
}

/// The rectangles around a part of the source, cut to what the scheme covers.
fn boxes(
    transform: &PixelTransform,
    rect: &PixelRect,
    samples: usize,
    world: &World,
) -> Vec<Bounds> {
    let extent = &world.extent;
    let Some(fine) = sampled_bounds(transform, rect, samples, world.period) else {
        return Vec::new();
    };
    // What half the points would have missed bounds what these miss.
    let coarse = sampled_bounds(transform, rect, samples / 2 + 1, world.period).unwrap_or(fine);
    let grown = |fine: f64, coarse: f64| fine + (fine - coarse);
    let mut around = Bounds::new(
        grown(fine.west, coarse.west.max(fine.west)),
        grown(fine.south, coarse.south.max(fine.south)),
        grown(fine.east, coarse.east.min(fine.east)),
        grown(fine.north, coarse.north.min(fine.north)),
    );
    for (x, y) in poles_inside(transform, rect, extent) {
        // Around a pole there is every longitude: the whole width, up to the pole itself.
        around = Bounds::new(
            extent.west,
            around.south.min(y),
            extent.east,
            around.north.max(y),
        )
        .union(&Bounds::new(x, y, x, y));
    }
    let Some(period) = world.period else {
        return around.intersection(extent).into_iter().collect();
    };
    if around.width() >= period {
        around = Bounds::new(extent.west, around.south, extent.east, around.north);
    }
    let shifted = |shift: &f64| {
        Bounds::new(
            around.west + shift,
            around.south,
            around.east + shift,
            around.north,
        )
        .intersection(extent)
    };
    [-period, 0.0, period].iter().filter_map(shifted).collect()
}

/// The bounds of `n` by `n` points over the source. With a period, each row of points is followed without a jump, so that
/// a source across the antimeridian comes out in one piece, beyond the edge of the scheme.
fn sampled_bounds(
    transform: &PixelTransform,
    rect: &PixelRect,
    n: usize,
    period: Option<f64>,
) -> Option<Bounds> {
    let step = |k: usize| k as f64 / (n - 1) as f64;
    let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = (0..n * n)
        .map(|k| rect.at(step(k % n), step(k / n)))
        .unzip();
    transform.to_target(&mut xs, &mut ys);
    let mut bounds: Option<Bounds> = None;
    let mut row_start: Option<f64> = None;
    for row in 0..n {
        let mut last = row_start;
        for k in row * n..(row + 1) * n {
            if !xs[k].is_finite() {
                continue;
            }
            let mut x = xs[k];
            if let (Some(period), Some(last)) = (period, last) {
                x -= ((x - last) / period).round() * period;
            }
            if last == row_start {
                row_start = Some(x);
            }
            last = Some(x);
            let point = Bounds::new(x, ys[k], x, ys[k]);
            bounds = Some(bounds.map_or(point, |b| b.union(&point)));
        }
    }
    bounds
}

/// The poles that lie inside the source, in target coordinates as far as they have any, else at the extent's edge.
fn poles_inside(transform: &PixelTransform, rect: &PixelRect, extent: &Bounds) -> Vec<(f64, f64)> {
    let middle = (extent.west + extent.east) / 2.0;
    // The points nearest to the poles that the scheme has; when all along its edge they fall inside, the pole does.
    [extent.south, extent.north]
        .into_iter()
        .filter(|&y| {
            let n = 16;
            let mut xs: Vec<f64> = (0..n)
                .map(|i| extent.west + extent.width() * (i as f64 + 0.5) / n as f64)
                .collect();
            let mut ys = vec![y; n];
            transform.to_source(&mut xs, &mut ys);
            let (west, north) = rect.at(0.0, 0.0);
            let (east, south) = rect.at(1.0, 1.0);
            xs.iter()
                .zip(&ys)
                .all(|(&c, &r)| c >= west && c <= east && r >= north && r <= south)
        })
        .map(|y| (middle, y))
        .collect()
}

/// The size of the source's pixels in target units: the square root of their area, the median over a grid of places
/// within the extent; over all places when none is.
fn native_resolution(
    transform: &PixelTransform,
    placement: &Placement,
    extent: &Bounds,
) -> Option<f64> {
    const N: usize = 21;
    let place = |k: usize, size: usize| size as f64 * (k as f64 + 0.5) / N as f64;
    let step = 0.5;
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    for k in 0..N * N {
        let (col, row) = (
            place(k % N, placement.width),
            place(k / N, placement.height),
        );
        for (c, r) in [
            (col - step, row),
            (col + step, row),
            (col, row - step),
            (col, row + step),
        ] {
            xs.push(c);
            ys.push(r);
        }
    }
    transform.to_target(&mut xs, &mut ys);
    let areas = |within: &dyn Fn(f64, f64) -> bool| -> Vec<f64> {
        let places = xs.chunks_exact(4).zip(ys.chunks_exact(4));
        places
            .filter(|(x, y)| x.iter().zip(*y).all(|(&x, &y)| within(x, y)))
            .map(|(x, y)| ((x[1] - x[0]) * (y[3] - y[2]) - (x[3] - x[2]) * (y[1] - y[0])).abs())
            .filter(|&area| area > 0.0)
            .collect()
    };
    let inside = |x: f64, y: f64| {
        x >= extent.west && x <= extent.east && y >= extent.south && y <= extent.north
    };
    median(areas(&inside))
        .or_else(|| median(areas(&|_, _| true)))
        .map(f64::sqrt)
}
