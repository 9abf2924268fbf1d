//! [`Footprint`]: which part of a tiling scheme a source touches, and how fine its pixels are there.

use super::bounds::Bounds;
use super::transform::crs::Crs;
use super::transform::map::median;
use super::transform::ways::Ways;
use super::transform::{PixelRect, PixelTransform, Placement};
use crate::error::Result;

/// Points a side of the grid that is laid over a source to find its outline.
const SAMPLES: usize = 9;

/// Where these are too few, as for sources as large as countries: pieces, each way, that are looked at one by one. Some sources
/// lie bent or turned in the scheme, around a pole or on both sides of the antimeridian, and fill little of one rectangle.
const PIECES: usize = 8;

/// How far a source may bulge between [`SAMPLES`], in pixels of its own.
const ENOUGH_PX: f64 = 0.05;

/// Where one source lies in the system of a tiling scheme.
#[derive(Debug, Clone, PartialEq)]
pub struct Footprint {
    /// One for each time the source must be taken round the Earth to be met; see [`Ways::turns`].
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
    /// Where the source at `placement` lies in `extent`, in coordinates of `target`. `None` when they do not meet. `rects` are
    /// the parts that have pixels; all of it, for most. `ways` lead to `target`; `area` is as there.
    ///
    /// # Errors
    /// When PROJ knows no way between the two systems.
    pub fn new(
        placement: &Placement,
        rects: &[PixelRect],
        extent: Bounds,
        target: &Crs,
        (ways, area): (&mut Ways, Option<Bounds>),
    ) -> Result<Option<Self>> {
        // Only what goes all round the Earth wraps, or beyond where PROJ gives coordinates.
        let period = target
            .period()
            .filter(|p| (extent.width() - p).abs() < p * 1e-6 || ways.go_beyond());
        let mut parts = Vec::new();
        let mut resolution = None;
        for turns in ways.turns(placement)? {
            let transform = PixelTransform::new(ways, placement, area, turns)?;
            let world = World { extent, period };
            let boxes: Vec<Bounds> = rects
                .iter()
                .flat_map(|rect| boxes(&transform, rect, &world))
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
fn boxes(transform: &PixelTransform, rect: &PixelRect, world: &World) -> Vec<Bounds> {
    let whole = Piece::new(rect);
    let few = Samples::new(transform, &whole, world.period);
    if few.are_enough(&whole) {
        return world.boxes(transform, &whole, &few);
    }
    let pieces = whole.cut(PIECES);
    let samples: Vec<Samples> = pieces
        .iter()
        .map(|piece| Samples::new(transform, piece, world.period))
        .collect();
    // Part of the source has no place there, as the corners around a geostationary disc: towards the limb the places run
    // away between two samples, but seen from the other side all is smooth. So it is at a pole, where all of them meet.
    let seen = samples
        .iter()
        .any(|samples| samples.failed)
        .then(|| seen_from_target(transform, &whole, &world.extent));
    let mut all = Vec::new();
    for (k, (piece, samples)) in pieces.iter().zip(&samples).enumerate() {
        let mut boxes = world.boxes(transform, piece, samples);
        for seen in seen.iter().flat_map(|seen| seen[k]).flatten() {
            match boxes.iter_mut().find(|b| b.intersects(&seen)) {
                Some(near) => *near = near.union(&seen),
                None => boxes.push(seen),
            }
        }
        all.extend(boxes);
    }
    simplest(all)
}

/// One rectangle instead of `boxes` where it is hardly larger than they are together.
fn simplest(boxes: Vec<Bounds>) -> Vec<Bounds> {
    let area = |b: &Bounds| b.width() * b.height();
    let around = boxes.iter().copied().reduce(|a, b| a.union(&b));
    match around {
        Some(around) if area(&around) * 0.9 <= boxes.iter().map(area).sum() => vec![around],
        _ => boxes,
    }
}

impl World {
    /// The rectangles around a piece of the source by the points laid over it.
    fn boxes(&self, transform: &PixelTransform, piece: &Piece, samples: &Samples) -> Vec<Bounds> {
        let extent = &self.extent;
        let Some(mut around) = samples.bounds() else {
            return Vec::new();
        };
        for (x, y) in poles_inside(transform, piece, extent) {
            // Around a pole there is every longitude: the whole width, up to the pole itself.
            around = Bounds::new(
                extent.west,
                around.south.min(y),
                extent.east,
                around.north.max(y),
            )
            .union(&Bounds::new(x, y, x, y));
        }
        let Some(period) = self.period else {
            return around.intersection(extent).into_iter().collect();
        };
        if around.width() >= period {
            let whole = Bounds::new(extent.west, around.south, extent.east, around.north);
            return whole.intersection(extent).into_iter().collect();
        }
        let shifted = |turn: i64| {
            let shift = turn as f64 * period;
            Bounds::new(
                around.west + shift,
                around.south,
                around.east + shift,
                around.north,
            )
            .intersection(extent)
        };
        let first = ((extent.west - around.east) / period).floor() as i64;
        let last = ((extent.east - around.west) / period).ceil() as i64;
        (first..=last).filter_map(shifted).collect()
    }
}

/// A rectangle of a source, in its pixels, which need not be whole.
#[derive(Clone, Copy)]
struct Piece {
    col: f64,
    row: f64,
    width: f64,
    height: f64,
}

impl Piece {
    fn new(rect: &PixelRect) -> Self {
        let (col, row) = rect.at(0.0, 0.0);
        Self {
            col,
            row,
            width: rect.width as f64,
            height: rect.height as f64,
        }
    }

    /// A place in it, from (0, 0) at the upper left to (1, 1) at the lower right corner.
    fn at(&self, right: f64, down: f64) -> (f64, f64) {
        (self.col + self.width * right, self.row + self.height * down)
    }

    /// `n` by `n` pieces of it, row by row.
    fn cut(&self, n: usize) -> Vec<Self> {
        let (width, height) = (self.width / n as f64, self.height / n as f64);
        let piece = |k: usize| Self {
            col: self.col + width * (k % n) as f64,
            row: self.row + height * (k / n) as f64,
            width,
            height,
        };
        (0..n * n).map(piece).collect()
    }

    /// Whether a place lies in it by more than `slack` pixels; with a negative one, how far outside.
    fn holds(&self, col: f64, row: f64, slack: f64) -> bool {
        col >= self.col + slack
            && col <= self.col + self.width - slack
            && row >= self.row + slack
            && row <= self.row + self.height - slack
    }
}

/// A grid of points over a part of the source, in target coordinates; NaN where there is no image.
struct Samples {
    /// Points a side.
    n: usize,
    xs: Vec<f64>,
    ys: Vec<f64>,
    /// Whether any point has no image.
    failed: bool,
}

impl Samples {
    /// With a period, each row of points is followed without a jump, so that a source across the antimeridian comes out in
    /// one piece, beyond the edge of the scheme.
    fn new(transform: &PixelTransform, piece: &Piece, period: Option<f64>) -> Self {
        let n = SAMPLES;
        let step = |k: usize| k as f64 / (n - 1) as f64;
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = (0..n * n)
            .map(|k| piece.at(step(k % n), step(k / n)))
            .unzip();
        transform.to_target(&mut xs, &mut ys);
        let failed = xs.iter().any(|x| !x.is_finite());
        if let Some(period) = period {
            let mut row_start: Option<f64> = None;
            for row in xs.chunks_exact_mut(n) {
                let mut last = row_start;
                for x in row.iter_mut().filter(|x| x.is_finite()) {
                    if let Some(last) = last {
                        *x -= ((*x - last) / period).round() * period;
                    }
                    last = Some(*x);
                }
                row_start = row.iter().copied().find(|x| x.is_finite()).or(row_start);
            }
        }
        Self { n, xs, ys, failed }
    }

    /// Whether the source is so nearly straight between the points that more would not tell more of it.
    fn are_enough(&self, piece: &Piece) -> bool {
        let (n, last) = (self.n, self.n - 1);
        let middle = (n / 2) * n + n / 2;
        // A pixel, as large as it is in the middle.
        let across = |k: usize| (self.xs[k] - self.xs[middle]).hypot(self.ys[k] - self.ys[middle]);
        let steps = (piece.width / last as f64, piece.height / last as f64);
        let pixel = (across(middle + 1) / steps.0).min(across(middle + n) / steps.1);
        let bulges =
            |values: &[f64]| (0..n * n).all(|k| self.bulge(values, k) <= ENOUGH_PX * pixel);
        !self.failed && pixel > 0.0 && bulges(&self.xs) && bulges(&self.ys)
    }

    /// The rectangle around the source, by the points and how far the source can bulge between them.
    fn bounds(&self) -> Option<Bounds> {
        let least = |values: &[f64]| {
            (0..values.len())
                .filter(|&k| values[k].is_finite())
                .min_by(|&a, &b| values[a].total_cmp(&values[b]))
        };
        let most = |values: &[f64]| {
            (0..values.len())
                .filter(|&k| values[k].is_finite())
                .max_by(|&a, &b| values[a].total_cmp(&values[b]))
        };
        let low = |values: &[f64]| least(values).map(|k| values[k] - self.bulge(values, k));
        let high = |values: &[f64]| most(values).map(|k| values[k] + self.bulge(values, k));
        Some(Bounds::new(
            low(&self.xs)?,
            low(&self.ys)?,
            high(&self.xs)?,
            high(&self.ys)?,
        ))
    }

    /// How far beyond point `k`, an extreme, a parabola through it and its neighbours on either side can reach, along rows
    /// and along columns: an eighth of its second difference.
    fn bulge(&self, values: &[f64], k: usize) -> f64 {
        let between = |before: usize, after: usize| {
            let second = (values[before] - 2.0 * values[k] + values[after]).abs();
            if second.is_finite() {
                second / 8.0
            } else {
                0.0
            }
        };
        let (col, row, last) = (k % self.n, k / self.n, self.n - 1);
        let along_row = if col > 0 && col < last {
            between(k - 1, k + 1)
        } else {
            0.0
        };
        let along_column = if row > 0 && row < last {
            between(k - self.n, k + self.n)
        } else {
            0.0
        };
        along_row + along_column
    }
}

/// Of a grid over `extent`, the points that lie in each of the [`PIECES`] of `whole`: the rectangles around those in the western
/// and in the eastern half of the extent, a step wider on each side.
fn seen_from_target(
    transform: &PixelTransform,
    whole: &Piece,
    extent: &Bounds,
) -> Vec<[Option<Bounds>; 2]> {
    const N: usize = 512;
    /// A thousandth of a pixel beyond an edge is rounding.
    const SLACK_PX: f64 = 1e-3;
    let (width, height) = (extent.width() / N as f64, extent.height() / N as f64);
    let part = |along: f64| ((along * PIECES as f64) as usize).min(PIECES - 1);
    let mut seen = vec![[None; 2]; PIECES * PIECES];
    for line in 0..=N {
        let y = extent.south + height * line as f64;
        let places: Vec<f64> = (0..=N).map(|i| extent.west + width * i as f64).collect();
        let (mut xs, mut ys) = (places.clone(), vec![y; N + 1]);
        transform.to_source(&mut xs, &mut ys);
        for (i, (x, (col, row))) in places.into_iter().zip(xs.into_iter().zip(ys)).enumerate() {
            if !whole.holds(col, row, SLACK_PX) {
                continue;
            }
            let (right, down) = (
                part((col - whole.col) / whole.width),
                part((row - whole.row) / whole.height),
            );
            let around = Bounds::new(x - width, y - height, x + width, y + height);
            let Some(around) = around.intersection(extent) else {
                continue;
            };
            let half = &mut seen[down * PIECES + right][usize::from(i > N / 2)];
            *half = Some(half.map_or(around, |half: Bounds| half.union(&around)));
        }
    }
    seen
}

/// The poles that lie inside a piece of the source, in target coordinates as far as they have any, else at the extent's edge.
fn poles_inside(transform: &PixelTransform, piece: &Piece, extent: &Bounds) -> Vec<(f64, f64)> {
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
            xs.iter().zip(&ys).all(|(&c, &r)| piece.holds(c, r, 0.0))
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
