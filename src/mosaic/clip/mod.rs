//! [`Clip`]: the part of the Earth that a mosaic is cut to, as the user says it: rectangles and polygons, each in its own
//! coordinate system. [`Clip::place`] says it in a tiling scheme's.

mod bbox;
mod cutline;

use crate::error::{Error, Result};
use crate::geo::bounds::Bounds;
use crate::geo::polygon::{Area, Place, Polygon};
use crate::geo::transform::crs::{Crs, Projection};
use crate::geo::transform::rings::{Rings, Target, around};

pub use self::bbox::Bbox;
pub use self::cutline::Cutline;

/// Rectangles united, cut with the polygons of a file: where pixels must lie.
#[derive(Debug, Clone)]
pub struct Clip {
    boxes: Vec<Bbox>,
    cutline: Option<Cutline>,
}

/// Polygons of one system: each a list of rings.
#[derive(Debug, Clone)]
pub(super) struct Shapes {
    crs: Crs,
    polygons: Vec<Vec<Vec<Place>>>,
}

/// A clip in a tiling scheme.
pub struct Placed {
    /// In the scheme's system.
    pub area: Area,
    /// The rectangle around it in degrees on WGS 84: longitudes from -180 on, in one piece, beyond 180 where it crosses the
    /// antimeridian. `None` when nothing of it meets the scheme.
    pub bounds: Option<Bounds>,
}

impl Clip {
    /// What lies in one of `boxes`, if there are any, and in one of the polygons of `cutline`, if there is one. `None`
    /// without either.
    pub fn new(boxes: Vec<Bbox>, cutline: Option<Cutline>) -> Option<Self> {
        (!boxes.is_empty() || cutline.is_some()).then_some(Self { boxes, cutline })
    }

    /// What it is called in messages: `city.geojson`, `the box 2,48,3,49`, `2 boxes and city.geojson`.
    pub fn name(&self) -> String {
        let boxes = match &self.boxes[..] {
            [] => None,
            [one] => Some(format!("the box {one}")),
            more => Some(format!("{} boxes", more.len())),
        };
        let cutline = self
            .cutline
            .as_ref()
            .map(|cutline| cutline.name().to_owned());
        let names: Vec<String> = boxes.into_iter().chain(cutline).collect();
        names.join(" and ")
    }

    /// The file of polygons.
    pub fn cutline(&self) -> Option<&Cutline> {
        self.cutline.as_ref()
    }

    /// The clip in the system of `target`. Edges are straight in the system that they are given in, and as curved in that of
    /// `target` as they are there, to within its tolerance.
    ///
    /// # Errors
    /// When PROJ knows no way between two systems.
    pub fn place(&self, target: Target) -> Result<Placed> {
        let mut unions = Vec::new();
        let mut pieces: Option<Bounds> = None;
        let boxes: Vec<Shapes> = self.boxes.iter().map(Bbox::shapes).collect();
        let cutline = self.cutline.as_ref().map(Cutline::shapes);
        for shapes in [Some(&boxes[..]).filter(|b| !b.is_empty()), cutline] {
            let Some(shapes) = shapes else { continue };
            let (mut union, mut piece) = (Vec::new(), None);
            for shapes in shapes {
                shapes.place(target, &mut union, &mut piece)?;
            }
            unions.push(union);
            pieces = match (pieces, piece) {
                (Some(all), Some(piece)) => Some(widest(&all, &piece, target.crs.period())),
                (None, piece) => piece,
                (all, None) => all,
            };
        }
        let area = Area::new(unions);
        let meets = area.bounds().is_some_and(|b| b.intersects(&target.extent));
        let bounds = match pieces.filter(|_| meets) {
            Some(pieces) => Some(lon_lat(&pieces, target)?),
            None => None,
        };
        Ok(Placed { area, bounds })
    }
}

impl Shapes {
    /// Adds the polygons as they are in `target` to `union`, and the rectangle around them, without turns, to `piece`.
    fn place(
        &self,
        target: Target,
        union: &mut Vec<Polygon>,
        piece: &mut Option<Bounds>,
    ) -> Result<()> {
        let places = self.polygons.iter().flatten();
        let Some(all) = places
            .filter_map(|ring| around(ring))
            .reduce(|a, b| a.union(&b))
        else {
            return Ok(());
        };
        let way = Rings::new(&self.crs, &all, target)?;
        for polygon in &self.polygons {
            let mut rings = Vec::new();
            for image in polygon.iter().flat_map(|ring| way.images(ring)) {
                let found = around(&image);
                let turned = way.turns(image);
                if let Some(found) = found.filter(|_| !turned.is_empty()) {
                    let joined = piece.map_or(found, |all| {
                        near(&all, &found, target.crs.period()).union(&all)
                    });
                    *piece = Some(joined);
                }
                rings.extend(turned);
            }
            union.extend(Polygon::new(rings));
        }
        Ok(())
    }
}

/// `bounds`, taken round the Earth to where it is nearest to `all`.
fn near(all: &Bounds, bounds: &Bounds, period: Option<f64>) -> Bounds {
    let apart = (all.west + all.east - bounds.west - bounds.east) / 2.0;
    turned(bounds, period.map_or(0.0, |p| (apart / p).round() * p))
}

fn turned(bounds: &Bounds, shift: f64) -> Bounds {
    Bounds::new(
        bounds.west + shift,
        bounds.south,
        bounds.east + shift,
        bounds.north,
    )
}

/// What `a` and `b` share, on the turn round the Earth on which that is most; `a` when they share nothing.
fn widest(a: &Bounds, b: &Bounds, period: Option<f64>) -> Bounds {
    let b = near(a, b, period);
    let period = period.unwrap_or(0.0);
    [-period, 0.0, period]
        .iter()
        .filter_map(|shift| a.intersection(&turned(&b, *shift)))
        .max_by(|a, b| a.width().total_cmp(&b.width()))
        .unwrap_or(*a)
}

/// `piece` of the target in degrees: see [`Placed::bounds`].
fn lon_lat(piece: &Bounds, target: Target) -> Result<Bounds> {
    let way = Projection::new(target.crs, &Crs::lon_lat()?, None)?;
    let extent = &target.extent;
    let (south, north) = (
        piece.south.clamp(extent.south, extent.north),
        piece.north.clamp(extent.south, extent.north),
    );
    let Some(period) = target.crs.period() else {
        let cut = piece.intersection(extent).unwrap_or(*extent);
        let mut bounds = way
            .apply_to_bounds(&cut)
            .ok_or_else(|| Error::usage(format!("{}: no way to degrees", target.crs.name())))?;
        if bounds.west > bounds.east {
            bounds.east += 360.0;
        }
        return Ok(bounds);
    };
    let middle = target.crs.middle();
    let west = piece.west - ((piece.west - middle) / period).round() * period;
    let (mut xs, mut ys) = ([west, middle], [south, north]);
    way.apply(&mut xs, &mut ys);
    let width = (piece.width() / period * 360.0).min(360.0);
    let west = xs[0] - ((xs[0] + 180.0 + 1e-9) / 360.0).floor() * 360.0;
    let latitude = |y: f64, pole: f64| {
        if y.is_finite() {
            y.clamp(-90.0, 90.0)
        } else {
            pole
        }
    };
    Ok(Bounds::new(
        west,
        latitude(ys[0], -90.0),
        west + width,
        latitude(ys[1], 90.0),
    ))
}

#[cfg(test)]
mod tests;
