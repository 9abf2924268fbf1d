//! From a pixel of a tile to a pixel of a source: [`PixelTransform`] exactly, by PROJ; [`map::TileMap`] for a whole tile,
//! by PROJ on a coarse grid.
//!
//! Where PROJ is asked: nobody above calls it for coordinates.

pub mod crs;
pub mod gcp;
pub mod geokeys;
pub mod map;
pub mod metres;
pub mod reach;
pub mod rings;
pub mod ways;

use std::cell::Cell;
use std::rc::Rc;

use self::crs::Crs;
use self::gcp::{Gcp, GcpTransform};
use self::ways::{Way, Ways};
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

    /// The rectangle around the source in its own system, by its outline where it has control points.
    fn bounds_with_gcps(&self) -> Option<Bounds> {
        let pixels = PixelGeoref::new(&self.georef).ok()?;
        self.bounds_on_the_way(&pixels)
    }

    /// The same for any source: of one with control points, the rectangle around its outline.
    fn bounds_on_the_way(&self, pixels: &PixelGeoref) -> Option<Bounds> {
        self.bounds().or_else(|| {
            let (mut xs, mut ys) = outline(&self.whole());
            pixels.to_coordinates(&mut xs, &mut ys);
            around(xs.into_iter().zip(ys))
        })
    }

    /// The source in degrees on WGS 84. West > east when it crosses the antimeridian. `None` when it has no place there.
    pub fn lon_lat_bounds(&self) -> Option<Bounds> {
        let mut ways = Ways::to_lon_lat().ok()?;
        self.lon_lat_bounds_of(&[self.whole()], &mut ways)
            .into_iter()
            .flatten()
            .next()
    }

    /// Parts of the source in degrees on WGS 84, each as [`Placement::lon_lat_bounds`], by `ways` to there.
    pub fn lon_lat_bounds_of(&self, rects: &[PixelRect], ways: &mut Ways) -> Vec<Option<Bounds>> {
        let (Ok(way), Ok(pixels)) = (ways.way(&self.crs, None), PixelGeoref::new(&self.georef))
        else {
            return vec![None; rects.len()];
        };
        let bounds = |rect: &PixelRect| {
            let around = self.bounds_of(*rect);
            if way.to_target.is_identity() && around.is_some() {
                return around;
            }
            let (mut xs, mut ys) = outline(rect);
            pixels.to_coordinates(&mut xs, &mut ys);
            way.to_target.apply(&mut xs, &mut ys);
            match around {
                // Part of the edge has no place there, as around a geostationary disc. GDAL looks inside, too; but it makes
                // a transformation for each question.
                Some(around) if xs.iter().any(|x| x.is_nan()) => {
                    way.to_target.apply_to_bounds(&around)
                }
                _ => around_lon_lat(&xs, &ys),
            }
        };
        rects.iter().map(bounds).collect()
    }
}

/// Points along the edge of `rect`, clockwise from its upper left corner: columns and rows.
fn outline(rect: &PixelRect) -> (Vec<f64>, Vec<f64>) {
    const STEPS: u32 = 64;
    let side = |from: (f64, f64), to: (f64, f64)| {
        (0..STEPS).map(move |i| {
            let t = f64::from(i) / f64::from(STEPS);
            (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t)
        })
    };
    side((0.0, 0.0), (1.0, 0.0))
        .chain(side((1.0, 0.0), (1.0, 1.0)))
        .chain(side((1.0, 1.0), (0.0, 1.0)))
        .chain(side((0.0, 1.0), (0.0, 0.0)))
        .map(|(right, down)| rect.at(right, down))
        .unzip()
}

/// The rectangle around a closed outline in degrees, followed without a jump; west > east where it crosses the antimeridian.
fn around_lon_lat(lons: &[f64], lats: &[f64]) -> Option<Bounds> {
    let mut points: Vec<(f64, f64)> = lons
        .iter()
        .copied()
        .zip(lats.iter().copied())
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect();
    let first = *points.first()?;
    points.push(first);
    let mut last = first.0;
    for (lon, _) in &mut points {
        *lon -= ((*lon - last) / 360.0).round() * 360.0;
        last = *lon;
    }
    let mut bounds = around(points.iter().copied())?;
    if (last - first.0).abs() > 180.0 {
        // Once round a pole: it is inside.
        let north = points.iter().map(|(_, lat)| lat).sum::<f64>() > 0.0;
        bounds.south = if north { bounds.south } else { -90.0 };
        bounds.north = if north { 90.0 } else { bounds.north };
        return Some(Bounds::new(-180.0, bounds.south, 180.0, bounds.north));
    }
    if bounds.width() >= 360.0 {
        return Some(Bounds::new(-180.0, bounds.south, 180.0, bounds.north));
    }
    let turns = ((bounds.west + 180.0) / 360.0).floor() * 360.0;
    (bounds.west, bounds.east) = (bounds.west - turns, bounds.east - turns);
    if bounds.east > 180.0 {
        bounds.east -= 360.0;
    }
    Some(bounds)
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
    way: Rc<Way>,
    pixels: PixelGeoref,
    /// Added to x in the source's system: the source taken once more round the Earth.
    shift_x: f64,
    affine: Option<Affine>,
    turn_px: Option<(f64, f64)>,
    asked: Cell<u64>,
}

impl PixelTransform {
    /// Between coordinates in the target of `ways` and pixels of the source at `placement`, with the source moved `turns`
    /// times round the Earth westwards (0 but for sources that lie in 0..360 or cross the antimeridian; see [`turns`]).
    /// `area` as in [`Ways::way`].
    ///
    /// # Errors
    /// [`Kind::Input`] when PROJ knows no way between the two systems, or the control points determine nothing.
    pub fn new(
        ways: &mut Ways,
        placement: &Placement,
        area: Option<Bounds>,
        turns: i32,
    ) -> Result<Self> {
        let way = ways.way(&placement.crs, area)?;
        let shift_x = f64::from(turns) * placement.crs.period().unwrap_or(0.0);
        let pixels = PixelGeoref::new(&placement.georef)?;
        let affine = match &pixels {
            PixelGeoref::Affine { inverse, .. } if way.to_source.is_identity() => {
                let Affine([a, b, c, d, e, f]) = *inverse;
                Some(Affine([a + b * shift_x, b, c, d + e * shift_x, e, f]))
            }
            _ => None,
        };
        let turn_px = match (&pixels, placement.crs.period()) {
            (PixelGeoref::Affine { inverse, .. }, Some(period)) => {
                let Affine([_, b, _, _, e, _]) = *inverse;
                Some((b * period, e * period))
            }
            _ => None,
        };
        Ok(Self {
            way,
            pixels,
            shift_x,
            affine,
            turn_px,
            asked: Cell::new(0),
        })
    }

    /// The whole way as six numbers, when both systems are the same and the source has a geotransform.
    pub fn as_affine(&self) -> Option<Affine> {
        self.affine
    }

    /// Points at which PROJ was asked so far.
    pub fn asked(&self) -> u64 {
        self.asked.get()
    }

    /// Counts `n` points, unless there is nothing to ask.
    fn count(&self, n: usize) {
        if !self.way.to_source.is_identity() {
            self.asked.set(self.asked.get() + n as u64);
        }
    }

    /// Columns and rows from any pixel to where the same place comes again, once round the Earth. `None` where it does not, or
    /// where control points tell the pixels' places.
    pub fn turn_px(&self) -> Option<(f64, f64)> {
        self.turn_px
    }

    /// Whether the last column of a source `width` pixels wide lies beside its first, once round the Earth.
    pub fn closes(&self, width: usize) -> bool {
        closes(self.turn_px, width)
    }

    /// Target coordinates to source pixels (column, row; corners at whole numbers), in place. NaN where there is no image.
    pub fn to_source(&self, xs: &mut [f64], ys: &mut [f64]) {
        self.count(xs.len());
        self.way.apply_to_source(xs, ys);
        self.place(xs, ys);
    }

    /// The same, but NaN, too, for places that do not lead back to where they came from: far outside a projection's domain, as
    /// a quarter of the Earth from a zone's middle, what PROJ says may mean nothing. `tolerance` is in the target's units. Only
    /// y is compared, which does not go round the Earth and is the same for all meridians at a pole.
    pub fn to_source_and_back(&self, xs: &mut [f64], ys: &mut [f64], tolerance: f64) {
        self.count(xs.len());
        let asked = ys.to_vec();
        self.way.apply_to_source(xs, ys);
        let (mut back_xs, mut back_ys) = (xs.to_vec(), ys.to_vec());
        self.way.to_target.apply(&mut back_xs, &mut back_ys);
        for (k, back) in back_ys.into_iter().enumerate() {
            if (back - asked[k]).abs() > tolerance {
                (xs[k], ys[k]) = (f64::NAN, f64::NAN);
            }
        }
        self.place(xs, ys);
    }

    /// Coordinates in the source's system to its pixels.
    fn place(&self, xs: &mut [f64], ys: &mut [f64]) {
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
        self.way.to_target.apply(cols, rows);
    }
}

/// Whether a turn round the Earth, in pixels of a source `width` of them wide, is all of it.
fn closes(turn_px: Option<(f64, f64)>, width: usize) -> bool {
    // Files round the size of their pixels.
    const SLACK_PX: f64 = 0.1;
    turn_px.is_some_and(|(cols, rows)| {
        (cols.abs() - width as f64).abs() < SLACK_PX && rows.abs() < SLACK_PX
    })
}

/// How often, and which way, a source must be taken round the Earth so that every part of it is met by coordinates as
/// PROJ gives them, within half a turn of the middle: `[0]` for most, `[0, 1]` for one in 0..360, `[0, -1]` for one that
/// runs from -190 to -170.
pub fn turns(placement: &Placement) -> Vec<i32> {
    let bounds = placement.bounds_with_gcps();
    let (Some(period), Some(bounds)) = (placement.crs.period(), bounds) else {
        return vec![0];
    };
    let middle = placement.crs.middle();
    // A thousandth of a pixel beyond the half turn is rounding, not data.
    let slack = bounds.width() / placement.width.max(1) as f64 * 1e-3;
    let first = ((bounds.west - middle + slack + period / 2.0) / period).floor();
    let last = ((bounds.east - middle - slack + period / 2.0) / period).floor();
    if !first.is_finite() || !last.is_finite() || last < first || last - first > 2.0 {
        return vec![0];
    }
    (first as i32..=last as i32).collect()
}

#[cfg(test)]
mod tests;
