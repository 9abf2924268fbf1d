//! [`Grid`]: where the pixels of a merged raster lie.

use crate::error::{Error, Kind, Result};
use crate::geo::affine::Affine;
use crate::geo::bounds::Bounds;
use crate::geo::cover::Footprint;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::rings::Target;
use crate::geo::transform::ways::Ways;
use crate::geo::transform::{Georef, Placement};
use crate::mosaic::clip::Clip;
use crate::source::Source;

/// A north-up grid of pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Its coordinate system.
    pub crs: Crs,
    /// Pixels to coordinates.
    pub affine: Affine,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// What is told of a grid; the rest comes from the sources.
#[derive(Debug, Clone, Default)]
pub struct GridOptions {
    /// The system. `None`: that of the first source.
    pub crs: Option<Crs>,
    /// Width and height of a pixel, in units of the system. `None`: those of the first source, there.
    pub resolution: Option<(f64, f64)>,
    /// What the grid covers, in the system; the east and south edges move to whole pixels. `None`: all sources.
    pub bounds: Option<Bounds>,
}

/// A part of a pixel that is rounding, not data.
const HAIR: f64 = 1e-3;

/// How far edges of a clip may stray, in pixels.
const CLIP_TOLERANCE_PX: f64 = 0.02;

/// The most columns or rows that GDAL counts.
const MOST_PX: f64 = i32::MAX as f64;

impl Grid {
    /// The grid for `sources`.
    ///
    /// # Errors
    /// [`Kind::Input`] when a source has no place in the system; [`Kind::Usage`] when there would be no pixels, or more than
    /// a file can have.
    pub fn choose(sources: &[&dyn Source], options: &GridOptions) -> Result<Self> {
        let first = &sources
            .first()
            .ok_or_else(|| Error::internal("a grid for no sources"))?
            .info()
            .placement;
        let crs = options.crs.clone().unwrap_or_else(|| first.crs.clone());
        let mut ways = Ways::to(&crs);
        let bounds = match options.bounds {
            Some(bounds) => bounds,
            None => all_of(sources, &mut ways, &crs)?,
        };
        let (x, y) = match options.resolution {
            Some(resolution) => resolution,
            None => resolution_of(first, &mut ways, &crs, bounds)
                .ok_or_else(|| no_place(sources[0], &crs))?,
        };
        let count = |length: f64, step: f64| {
            if options.bounds.is_some() {
                (length / step).round().max(1.0)
            } else {
                (length / step - HAIR).ceil().max(1.0)
            }
        };
        let (columns, rows) = (count(bounds.width(), x), count(bounds.height(), y));
        if !(columns <= MOST_PX && rows <= MOST_PX) {
            return Err(Error::usage(format!(
                "{columns} x {rows} pixels; expected at most {MOST_PX} each way"
            ))
            .with_help("--res with larger pixels, or --bounds with less"));
        }
        Ok(Self {
            crs,
            affine: Affine([bounds.west, x, 0.0, bounds.north, 0.0, -y]),
            width: columns as usize,
            height: rows as usize,
        })
    }

    /// The grid on which `source` lies.
    ///
    /// # Errors
    /// [`Kind::Input`] when it is turned, or has control points instead of a geotransform.
    pub fn like(source: &dyn Source) -> Result<Self> {
        let info = source.info();
        let placement = &info.placement;
        match placement.georef {
            Georef::Affine(affine) if is_north_up(&affine) => Ok(Self {
                crs: placement.crs.clone(),
                affine,
                width: placement.width,
                height: placement.height,
            }),
            _ => Err(Error::input(
                &info.name,
                "turned, south up or with control points; expected a raster with north up",
            )),
        }
    }

    /// The part of the grid that holds all of `clip`, of whole pixels.
    ///
    /// # Errors
    /// [`Kind::NoOverlap`] when nothing of it lies in the grid.
    pub fn cropped(self, clip: &Clip) -> Result<Self> {
        let (x, y) = self.pixel();
        let target = Target {
            crs: &self.crs,
            extent: self.bounds(),
            tolerance: CLIP_TOLERANCE_PX * x,
        };
        let area = clip.place(target)?.area.bounds();
        let Some(part) = area.and_then(|area| area.intersection(&self.bounds())) else {
            let found = format!("{}: does not meet the sources", clip.name());
            return Err(Error::new(
                Kind::NoOverlap,
                format!("{found}; expected a clip that touches them"),
            ));
        };
        let (west, north) = self.affine.apply(0.0, 0.0);
        let first = |length: f64, step: f64| (length / step + HAIR).floor().max(0.0);
        let last = |length: f64, step: f64, n: usize| (length / step - HAIR).ceil().min(n as f64);
        let (left, top) = (first(part.west - west, x), first(north - part.north, y));
        let right = last(part.east - west, x, self.width).max(left + 1.0);
        let bottom = last(north - part.south, y, self.height).max(top + 1.0);
        let (west, north) = self.affine.apply(left, top);
        Ok(Self {
            affine: Affine([west, x, 0.0, north, 0.0, -y]),
            width: (right - left) as usize,
            height: (bottom - top) as usize,
            crs: self.crs,
        })
    }

    /// The rectangle that `size` by `size` pixels from (`col`, `row`) on cover; they may reach beyond the grid.
    pub fn block(&self, col: usize, row: usize, size: usize) -> Bounds {
        let (west, north) = self.affine.apply(col as f64, row as f64);
        let (east, south) = self.affine.apply((col + size) as f64, (row + size) as f64);
        Bounds::new(west, south, east, north)
    }

    /// Width and height of a pixel.
    pub fn pixel(&self) -> (f64, f64) {
        (self.affine.0[1], -self.affine.0[5])
    }

    /// The rectangle that it covers.
    pub fn bounds(&self) -> Bounds {
        let (west, north) = self.affine.apply(0.0, 0.0);
        let (east, south) = self.affine.apply(self.width as f64, self.height as f64);
        Bounds::new(west, south, east, north)
    }
}

fn is_north_up(affine: &Affine) -> bool {
    let Affine([_, x, c, _, e, y]) = *affine;
    x > 0.0 && y < 0.0 && c == 0.0 && e == 0.0
}

fn no_place(source: &dyn Source, crs: &Crs) -> Error {
    let found = format!("no place in {}; expected one", crs.name());
    Error::new(Kind::NoOverlap, format!("{}: {found}", source.info().name))
        .with_help("--crs with a system that has it, or --bounds")
}

/// The rectangle around all `sources`.
fn all_of(sources: &[&dyn Source], ways: &mut Ways, crs: &Crs) -> Result<Bounds> {
    let mut all: Option<Bounds> = None;
    for source in sources {
        let found = source.info().placement.bounds_in(ways)?;
        let bounds = found.ok_or_else(|| no_place(*source, crs))?;
        all = Some(all.map_or(bounds, |all| all.union(&bounds)));
    }
    all.ok_or_else(|| Error::internal("a grid for no sources"))
}

/// Width and height of a pixel of `first` in the target system: its own where that is the same and it lies straight, else
/// those of a square of the same area.
fn resolution_of(
    first: &Placement,
    ways: &mut Ways,
    crs: &Crs,
    bounds: Bounds,
) -> Option<(f64, f64)> {
    let way = ways.way(&first.crs, None).ok()?;
    if let Georef::Affine(Affine([_, x, c, _, e, y])) = first.georef
        && way.to_target.is_identity()
        && c == 0.0
        && e == 0.0
    {
        return Some((x.abs(), y.abs()));
    }
    let footprint = Footprint::new(first, &[first.whole()], bounds, crs, (ways, None));
    let side = footprint.ok()??.resolution;
    Some((side, side))
}
