//! From a pixel of a tile to a pixel of a source: [`PixelTransform`] exactly, by PROJ; [`map::TileMap`] for a whole tile,
//! by PROJ on a coarse grid.
//!
//! This is, with `source`, the only place that calls GDAL for coordinates.

pub mod crs;
pub mod gcp;
pub mod map;

use self::crs::{Crs, Projection};
use self::gcp::{Gcp, GcpTransform};
use super::affine::Affine;
use super::bounds::Bounds;
use crate::error::{Error, Kind, Result};

/// How a picture's pixels are tied to coordinates.
#[derive(Debug, Clone, PartialEq)]
pub enum Georef {
    /// A geotransform: north-up, south-up, rotated or sheared.
    Affine(Affine),
    /// Ground control points.
    Gcps(Vec<Gcp>),
}

/// Where a source lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The system of its coordinates.
    pub crs: Crs,
    /// Its pixels in that system.
    pub georef: Georef,
    /// Pixels from left to right.
    pub width: usize,
    /// Rows from top to bottom.
    pub height: usize,
}

/// A rectangle of a source's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelRect {
    /// The first column.
    pub col: usize,
    /// The first row.
    pub row: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl PixelRect {
    /// A place in it, from (0, 0) at the upper left to (1, 1) at the lower right corner.
    pub fn at(&self, right: f64, down: f64) -> (f64, f64) {
        (
            self.col as f64 + self.width as f64 * right,
            self.row as f64 + self.height as f64 * down,
        )
    }
}

impl Placement {
    /// All of the source.
    pub fn whole(&self) -> PixelRect {
        PixelRect {
            col: 0,
            row: 0,
            width: self.width,
            height: self.height,
        }
    }

    /// The rectangle around the source in its own system; `None` for ground control points.
    pub fn bounds(&self) -> Option<Bounds> {
        self.bounds_of(self.whole())
    }

    fn bounds_of(&self, rect: PixelRect) -> Option<Bounds> {
        let Georef::Affine(affine) = &self.georef else {
            return None;
        };
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].map(|(right, down)| {
            let (col, row) = rect.at(right, down);
            affine.apply(col, row)
        });
        around(corners)
    }

    /// The source in degrees on WGS 84. West > east when it crosses the antimeridian. `None` when it has no place there.
    pub fn lon_lat_bounds(&self) -> Option<Bounds> {
        self.lon_lat_bounds_of(&[self.whole()])
            .into_iter()
            .flatten()
            .next()
    }

    /// Parts of the source in degrees on WGS 84, each as [`Placement::lon_lat_bounds`].
    pub fn lon_lat_bounds_of(&self, rects: &[PixelRect]) -> Vec<Option<Bounds>> {
        let projection =
            Crs::lon_lat().and_then(|lon_lat| Projection::new(&self.crs, &lon_lat, None));
        let (Ok(projection), Ok(pixels)) = (projection, PixelGeoref::new(&self.georef)) else {
            return vec![None; rects.len()];
        };
        let upright = matches!(&self.georef, Georef::Affine(Affine([_, _, c, _, e, _])) if *c == 0.0 && *e == 0.0);
        let bounds = |rect: &PixelRect| match self.bounds_of(*rect) {
            Some(bounds) if upright => projection.apply_to_bounds(&bounds),
            // Turned, or with control points: the outline, point by point.
            _ => {
                let steps = (0..=64).map(|i| f64::from(i) / 64.0);
                let outline = steps.flat_map(|t| [(t, 0.0), (t, 1.0), (0.0, t), (1.0, t)]);
                let (mut xs, mut ys): (Vec<f64>, Vec<f64>) =
                    outline.map(|(right, down)| rect.at(right, down)).unzip();
                pixels.to_coordinates(&mut xs, &mut ys);
                projection.apply(&mut xs, &mut ys);
                around(xs.into_iter().zip(ys))
            }
        };
        rects.iter().map(bounds).collect()
    }
}

/// The rectangle around the points that are finite, if there are any.
fn around(points: impl IntoIterator<Item = (f64, f64)>) -> Option<Bounds> {
    points
        .into_iter()
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .map(|(x, y)| Bounds::new(x, y, x, y))
        .reduce(|all, point| all.union(&point))
}

enum PixelGeoref {
    Affine { forward: Affine, inverse: Affine },
    Gcps(GcpTransform),
}

impl PixelGeoref {
    fn new(georef: &Georef) -> Result<Self> {
        match georef {
            Georef::Affine(forward) => {
                let inverse = forward.inverse().ok_or_else(|| {
                    Error::new(
                        Kind::Input,
                        "a geotransform without an area; expected pixels with a width and a height",
                    )
                })?;
                Ok(Self::Affine {
                    forward: *forward,
                    inverse,
                })
            }
            Georef::Gcps(gcps) => Ok(Self::Gcps(GcpTransform::new(gcps)?)),
        }
    }

    fn to_coordinates(&self, cols: &mut [f64], rows: &mut [f64]) {
        match self {
            Self::Affine { forward, .. } => apply_affine(forward, cols, rows),
            Self::Gcps(gcps) => gcps.to_coordinates(cols, rows),
        }
    }

    fn to_pixels(&self, xs: &mut [f64], ys: &mut [f64]) {
        match self {
            Self::Affine { inverse, .. } => apply_affine(inverse, xs, ys),
            Self::Gcps(gcps) => gcps.to_pixels(xs, ys),
        }
    }
}

fn apply_affine(affine: &Affine, xs: &mut [f64], ys: &mut [f64]) {
    for (x, y) in xs.iter_mut().zip(ys) {
        (*x, *y) = affine.apply(*x, *y);
    }
}

/// The exact way between a target system and the pixels of one source. Belongs to the thread that made it.
pub struct PixelTransform {
    to_source_crs: Projection,
    to_target_crs: Projection,
    pixels: PixelGeoref,
    /// Added to x in the source's system: the source taken once more round the Earth.
    shift_x: f64,
    affine: Option<Affine>,
}

impl PixelTransform {
    /// Between coordinates in `target` and pixels of the source at `placement`, with the source moved `turns` times round
    /// the Earth westwards (0 but for sources that lie in 0..360 or cross the antimeridian; see [`turns`]).
    ///
    /// # Errors
    /// [`Kind::Input`] when PROJ knows no way between the two systems, or the control points determine nothing.
    pub fn new(target: &Crs, placement: &Placement, turns: i32) -> Result<Self> {
        let area = placement
            .lon_lat_bounds()
            .filter(|b| b.south >= -90.0 && b.north <= 90.0);
        let to_source_crs = Projection::new(target, &placement.crs, area)?;
        let to_target_crs = Projection::new(&placement.crs, target, area)?;
        let shift_x = f64::from(turns) * placement.crs.period().unwrap_or(0.0);
        let pixels = PixelGeoref::new(&placement.georef)?;
        let affine = match &pixels {
            PixelGeoref::Affine { inverse, .. } if to_source_crs.is_identity() => {
                let Affine([a, b, c, d, e, f]) = *inverse;
                Some(Affine([a + b * shift_x, b, c, d + e * shift_x, e, f]))
            }
            _ => None,
        };
        Ok(Self {
            to_source_crs,
            to_target_crs,
            pixels,
            shift_x,
            affine,
        })
    }

    /// The whole way as six numbers, when both systems are the same and the source has a geotransform.
    pub fn as_affine(&self) -> Option<Affine> {
        self.affine
    }

    /// Target coordinates to source pixels (column, row; corners at whole numbers), in place. NaN where there is no image.
    pub fn to_source(&self, xs: &mut [f64], ys: &mut [f64]) {
        self.to_source_crs.apply(xs, ys);
        if self.shift_x != 0.0 {
            xs.iter_mut().for_each(|x| *x += self.shift_x);
        }
        self.pixels.to_pixels(xs, ys);
    }

    /// Source pixels to target coordinates, in place. NaN where there is no image.
    pub fn to_target(&self, cols: &mut [f64], rows: &mut [f64]) {
        self.pixels.to_coordinates(cols, rows);
        if self.shift_x != 0.0 {
            cols.iter_mut().for_each(|x| *x -= self.shift_x);
        }
        self.to_target_crs.apply(cols, rows);
    }
}

/// How often, and which way, a source must be taken round the Earth so that every part of it is met by coordinates as
/// PROJ gives them, within half a turn of the middle: `[0]` for most, `[0, 1]` for one in 0..360, `[0, -1]` for one that
/// runs from -190 to -170.
pub fn turns(placement: &Placement) -> Vec<i32> {
    let (Some(period), Some(bounds)) = (placement.crs.period(), placement.bounds()) else {
        return vec![0];
    };
    // A thousandth of a pixel beyond the half turn is rounding, not data.
    let slack = bounds.width() / placement.width.max(1) as f64 * 1e-3;
    let first = ((bounds.west + slack + period / 2.0) / period).floor();
    let last = ((bounds.east - slack + period / 2.0) / period).floor();
    if !first.is_finite() || !last.is_finite() || last < first || last - first > 2.0 {
        return vec![0];
    }
    (first as i32..=last as i32).collect()
}
