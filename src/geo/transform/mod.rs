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

impl Placement {
    /// The rectangle around the source in its own system; `None` for ground control points.
    pub fn bounds(&self) -> Option<Bounds> {
        let Georef::Affine(affine) = &self.georef else {
            return None;
        };
        let (w, h) = (self.width as f64, self.height as f64);
        let corners = [
            affine.apply(0.0, 0.0),
            affine.apply(w, 0.0),
            affine.apply(0.0, h),
            affine.apply(w, h),
        ];
        Some(corners[1..].iter().fold(
            Bounds::new(corners[0].0, corners[0].1, corners[0].0, corners[0].1),
            |b, &(x, y)| b.union(&Bounds::new(x, y, x, y)),
        ))
    }

    /// The source in degrees on WGS 84. West > east when it crosses the antimeridian. `None` when it has no place there.
    pub fn lon_lat_bounds(&self) -> Option<Bounds> {
        let lon_lat = Crs::lon_lat().ok()?;
        let projection = Projection::new(&self.crs, &lon_lat, None).ok()?;
        match (&self.georef, self.bounds()) {
            (Georef::Affine(Affine([_, _, c, _, e, _])), Some(bounds))
                if *c == 0.0 && *e == 0.0 =>
            {
                projection.apply_to_bounds(&bounds)
            }
            _ => self.outline_bounds(&projection),
        }
    }

    /// The outline of a turned source or one with control points, followed point by point.
    fn outline_bounds(&self, projection: &Projection) -> Option<Bounds> {
        let (mut xs, mut ys) = self.outline(64);
        let pixels = PixelGeoref::new(&self.georef).ok()?;
        pixels.to_coordinates(&mut xs, &mut ys);
        projection.apply(&mut xs, &mut ys);
        let mut bounds: Option<Bounds> = None;
        for (&x, &y) in xs.iter().zip(&ys).filter(|(x, _)| x.is_finite()) {
            let point = Bounds::new(x, y, x, y);
            bounds = Some(bounds.map_or(point, |b| b.union(&point)));
        }
        bounds
    }

    /// Points along the four edges, `n` steps each, in pixels.
    fn outline(&self, n: usize) -> (Vec<f64>, Vec<f64>) {
        let (w, h) = (self.width as f64, self.height as f64);
        let steps = (0..=n).map(|i| i as f64 / n as f64);
        steps
            .flat_map(|t| [(t * w, 0.0), (t * w, h), (0.0, t * h), (w, t * h)])
            .unzip()
    }
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
