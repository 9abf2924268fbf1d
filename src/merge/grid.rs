//! [`Grid`]: where the pixels of a merged raster lie.

use crate::error::{Error, Kind, Result};
use crate::geo::affine::Affine;
use crate::geo::bounds::Bounds;
use crate::geo::cover::Footprint;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::reach::Reach;
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

/// The most pixels that anybody means.
const MOST_PX_IN_ALL: f64 = 1e12;

/// The most pixels of a grid that nobody asked for in numbers, for each pixel of the sources; a few are always allowed.
const MOST_PX_EACH: f64 = 64.0;
const FEW_PX: f64 = 1e9;

/// How much narrower it must be to go across the antimeridian than not to.
const ACROSS: f64 = 0.5;

/// The most turns round the Earth that a grid may lie in, either side of the middle.
const MOST_TURNS: f64 = 2.0;

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
        let bounds = match options.bounds {
            Some(bounds) => bounds,
            None => all_of(sources, &crs)?,
        };
        check_turns(&bounds, &crs)?;
        let (x, y) = match options.resolution {
            Some(resolution) => resolution,
            None => resolution_of(first, &crs, bounds).ok_or_else(|| no_place(sources[0], &crs))?,
        };
        let count = |length: f64, step: f64| {
            if options.bounds.is_some() {
                (length / step).round().max(1.0)
            } else {
                (length / step - HAIR).ceil().max(1.0)
            }
        };
        let (columns, rows) = (count(bounds.width(), x), count(bounds.height(), y));
        let told = options.bounds.is_some() || options.resolution.is_some();
        check_size((columns, rows), sources, told)?;
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
            Georef::Affine(affine) if is_north_up(&affine) => {
                let grid = Self {
                    crs: placement.crs.clone(),
                    affine,
                    width: placement.width,
                    height: placement.height,
                };
                check_turns(&grid.bounds(), &grid.crs)?;
                Ok(grid)
            }
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
        let part = self.part_of(clip)?;
        if let Some(half) = self.half_a_turn() {
            // What lies at both ends of the world is in one piece half a turn on.
            let on = half.part_of(clip)?;
            let width = |part: &Option<Bounds>| part.map_or(f64::INFINITY, |part| part.width());
            if width(&on) < ACROSS * width(&part) {
                return half.cut_to(on, clip);
            }
        }
        self.cut_to(part, clip)
    }

    /// The same pixels, begun half a turn further east; of a grid that goes round the Earth in whole pixels.
    fn half_a_turn(&self) -> Option<Self> {
        let (x, y) = self.pixel();
        let period = self.crs.period()?;
        let bounds = self.bounds();
        let n = (period / x).round();
        if (n * x - period).abs() > HAIR * x || self.width as f64 != n {
            return None;
        }
        let west = bounds.west + (n / 2.0).floor() * x;
        Some(Self {
            affine: Affine([west, x, 0.0, bounds.north, 0.0, -y]),
            ..self.clone()
        })
    }

    /// The rectangle around what of `clip` lies in the grid.
    fn part_of(&self, clip: &Clip) -> Result<Option<Bounds>> {
        let target = Target {
            crs: &self.crs,
            extent: self.bounds(),
            tolerance: CLIP_TOLERANCE_PX * self.pixel().0,
        };
        let area = clip.place(target)?.area.bounds();
        Ok(area.and_then(|area| area.intersection(&self.bounds())))
    }

    /// The whole pixels around `part`.
    fn cut_to(self, part: Option<Bounds>, clip: &Clip) -> Result<Self> {
        let (x, y) = self.pixel();
        let Some(part) = part else {
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
        .with_help("--crs with a system that has it, or --bounds and --res")
}

/// Refuses more pixels than can be meant. `told`: by `--res` or `--bounds`.
fn check_size((columns, rows): (f64, f64), sources: &[&dyn Source], told: bool) -> Result<()> {
    let size = format!("{columns} x {rows} pixels");
    if !(columns <= MOST_PX && rows <= MOST_PX && columns * rows <= MOST_PX_IN_ALL) {
        return Err(Error::usage(format!(
            "{size}; expected at most {MOST_PX} each way, and {MOST_PX_IN_ALL:e} in all"
        ))
        .with_help("--res with larger pixels, or --bounds with less"));
    }
    let of = |source: &&dyn Source| {
        let placement = &source.info().placement;
        placement.width as f64 * placement.height as f64
    };
    let most = sources.iter().map(of).sum::<f64>() * MOST_PX_EACH;
    if !told && columns * rows > most.max(FEW_PX) {
        return Err(Error::usage(format!(
            "{size}, {MOST_PX_EACH} times as many as the sources have, or more; expected sources near each other, in a system that shows them whole"
        ))
        .with_help("--bounds with what is wanted, or --res with the size of the pixels"));
    }
    Ok(())
}

/// Refuses what lies further round the Earth than coordinates go.
fn check_turns(bounds: &Bounds, crs: &Crs) -> Result<()> {
    let Some(period) = crs.period() else {
        return Ok(());
    };
    let most = MOST_TURNS * period * (1.0 + HAIR);
    let (west, east) = (bounds.west - crs.middle(), bounds.east - crs.middle());
    if west.abs() <= most && east.abs() <= most {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{} to {} in {}: more than {MOST_TURNS} times round the Earth; expected x within that",
        bounds.west,
        bounds.east,
        crs.name()
    ))
    .with_help("--bounds in units of that system"))
}

/// The rectangle around all `sources`.
fn all_of(sources: &[&dyn Source], crs: &Crs) -> Result<Bounds> {
    let mut reach = Reach::to(crs)?;
    let (mut all, mut own) = (Vec::with_capacity(sources.len()), false);
    for (k, source) in sources.iter().enumerate() {
        let placement = &source.info().placement;
        let bounds = reach.bounds(placement)?;
        all.push(bounds.ok_or_else(|| no_place(*source, crs))?);
        own = if k == 0 {
            reach.is_own(placement)?
        } else {
            own
        };
    }
    let plain = all.iter().copied().reduce(|a, b| a.union(&b));
    let plain = plain.ok_or_else(|| Error::internal("a grid for no sources"))?;
    let Some(period) = crs.period() else {
        return Ok(plain);
    };
    let across = together(&all, period);
    // A hair: files round the size of their pixels.
    if plain.width() <= period * (1.0 + HAIR) && across.width() >= ACROSS * plain.width() {
        return Ok(plain);
    }
    if own {
        return Ok(across);
    }
    let half = crs.middle() - period / 2.0;
    let turns = ((across.west - half + period * 1e-9) / period).floor();
    Ok(turned(&across, -turns * period))
}

/// The narrowest rectangle around `all`, each but the first taken round the Earth to where that brings it.
fn together(all: &[Bounds], period: f64) -> Bounds {
    let first = all[0];
    // From how far east of the first one's west each begins.
    let mut order: Vec<(f64, &Bounds)> = all
        .iter()
        .map(|b| ((b.west - first.west).rem_euclid(period), b))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut end, mut gap, mut cut) = (0.0_f64, 0.0_f64, f64::INFINITY);
    for (west, bounds) in &order {
        if *west - end > gap {
            (gap, cut) = (*west - end, *west);
        }
        end = end.max(*west + bounds.width());
    }
    if end >= period {
        // All that overlaps the first again from the west is beside it there.
        let over = order.iter().filter(|(west, b)| west + b.width() > period);
        cut = over.map(|(west, _)| *west).fold(cut, f64::min);
    } else if period - end >= gap {
        cut = f64::INFINITY;
    }
    let place = |(west, bounds): &(f64, &Bounds)| {
        let west = if *west >= cut { west - period } else { *west };
        let turns = ((first.west + west - bounds.west) / period).round();
        turned(bounds, turns * period)
    };
    let around = order.iter().map(place).reduce(|a, b| a.union(&b));
    let mut around = around.unwrap_or(first);
    if around.width() > period {
        // All round the Earth, and nothing twice.
        (around.west, around.east) = if first.width() >= period * (1.0 - HAIR) {
            (first.west, first.east)
        } else {
            (around.west, around.west + period)
        };
    }
    around
}

fn turned(bounds: &Bounds, by: f64) -> Bounds {
    Bounds::new(
        bounds.west + by,
        bounds.south,
        bounds.east + by,
        bounds.north,
    )
}

/// Width and height of a pixel of `first` in the target system: its own where that is the same and it lies straight, else
/// those of a square of the same area.
fn resolution_of(first: &Placement, crs: &Crs, bounds: Bounds) -> Option<(f64, f64)> {
    let mut ways = Ways::within(crs, &bounds);
    let way = ways.way(&first.crs, None).ok()?;
    if let Georef::Affine(Affine([_, x, c, _, e, y])) = first.georef
        && way.to_target.is_identity()
        && c == 0.0
        && e == 0.0
    {
        return Some((x.abs(), y.abs()));
    }
    let footprint = Footprint::new(first, &[first.whole()], bounds, crs, (&mut ways, None));
    let side = footprint.ok()??.resolution;
    Some((side, side))
}
