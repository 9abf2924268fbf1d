//! From a level of a stack to a level of one of its bands: [`Way`].

use crate::error::{Error, Result};
use crate::geo::affine::Affine;
use crate::geo::transform::{Georef, Placement};
use crate::raster::Raster;
use crate::raster::kernel::Resampling;
use crate::raster::resample::{Places, Sampler};
use crate::source::{Level, Source, SourceInfo, Window, read_across};

/// How a band is read for one level of a stack.
pub(super) struct Way {
    /// The band's own level.
    pub(super) level: usize,
    /// Its size.
    size: (usize, usize),
    cols: Axis,
    rows: Axis,
    how: How,
}

enum How {
    /// Pixels lie on pixels, so many columns and rows further.
    Shift(i64, i64),
    Resample {
        sampler: Box<Sampler>,
        reach: (f64, f64),
    },
}

/// Along one axis: where a place in the stack's level lies in the band's, corners at whole numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    at: f64,
    step: f64,
}

/// Pixels that a grid may be off and still count as the same: what geotransforms lose by being written as decimals.
const SLACK: f64 = 0.01;

/// How much coarser a level of the stack may be than the band's nearest finer one, on each axis: less than twice, which is
/// what a band without overviews would come to. Such a level is better not offered: who reads the stack then shrinks all
/// bands by one kernel in one go.
const MOST_SHRINK: f64 = 1.9;

impl Axis {
    /// Where the centre of pixel `index` lies, to a millionth of a pixel. A whole power of two of them to a pixel: so the
    /// place less a window's corner is exact, and a pixel is the same in every window.
    fn centre(&self, index: usize) -> f64 {
        const STEPS: f64 = (1 << 20) as f64;
        ((self.at + self.step * (index as f64 + 0.5)) * STEPS).round() / STEPS
    }

    /// The distance, when pixels lie on pixels along all of the `n`.
    fn shift(&self, n: usize) -> Option<i64> {
        let near = |a: f64, b: f64| (a - b).abs() <= SLACK;
        let first = self.at.round();
        let last = self.at + self.step * n as f64;
        (near(self.at, first) && near(last, first + n as f64) && first.abs() < 1e9)
            .then_some(first as i64)
    }

    /// From pixels of a level that is `stack` full pixels wide a pixel, to those of one that is `band` wide.
    fn between(&self, stack: f64, band: f64) -> Self {
        Self {
            at: self.at / band,
            step: self.step * stack / band,
        }
    }
}

/// The ways from `info`, a band, to the levels of a stack on the grid of `finest`: to the first, and to as many more as the
/// band can serve.
pub(super) fn all(
    finest: &SourceInfo,
    info: &SourceInfo,
    resampling: Resampling,
) -> Result<Vec<Way>> {
    let (cols, rows) = relate(finest, info)?;
    let mut ways = Vec::new();
    for level in &finest.levels {
        let stack = shrink(&finest.levels[0], level);
        let own = best(
            &info.levels,
            (cols.step.abs() * stack.0, rows.step.abs() * stack.1),
        );
        let band = shrink(&info.levels[0], &info.levels[own]);
        let (cols, rows) = (cols.between(stack.0, band.0), rows.between(stack.1, band.1));
        let scale = (cols.step.abs(), rows.step.abs());
        if !ways.is_empty() && (scale.0 > MOST_SHRINK || scale.1 > MOST_SHRINK) {
            break;
        }
        let size = (info.levels[own].width, info.levels[own].height);
        let how = match (cols.shift(level.width), rows.shift(level.height)) {
            (Some(right), Some(down)) => How::Shift(right, down),
            _ => How::Resample {
                sampler: Box::new(Sampler::new(resampling, scale, info.mask, info.palette)),
                reach: (resampling.reach(scale.0), resampling.reach(scale.1)),
            },
        };
        ways.push(Way {
            level: own,
            size,
            cols,
            rows,
            how,
        });
    }
    Ok(ways)
}

/// How many full pixels a pixel of `level` is wide and high.
fn shrink(full: &Level, level: &Level) -> (f64, f64) {
    (
        full.width as f64 / level.width as f64,
        full.height as f64 / level.height as f64,
    )
}

/// The coarsest of `levels` whose pixels are no larger than so many full ones; a percent of slack, as overviews round
/// their size up.
fn best(levels: &[Level], most: (f64, f64)) -> usize {
    let fits = |level: &Level| {
        let (x, y) = shrink(&levels[0], level);
        x <= most.0 * 1.01 && y <= most.1 * 1.01
    };
    levels.iter().rposition(fits).unwrap_or(0)
}

/// The area of a pixel in the units of the source's system; without bounds for control points.
pub(super) fn pixel_area(info: &SourceInfo) -> f64 {
    match &info.placement.georef {
        Georef::Affine(Affine([_, b, c, _, e, f])) => (b * f - c * e).abs(),
        Georef::Gcps(_) => f64::INFINITY,
    }
}

/// From full pixels of `first` to full pixels of `other`.
fn relate(first: &SourceInfo, other: &SourceInfo) -> Result<(Axis, Axis)> {
    let (a, b) = (&first.placement, &other.placement);
    let refused = |found: &str, expected: &str| {
        let name = &first.name;
        let what =
            format_args!("{found} than in {name}; expected {expected} for bands of one scene");
        Error::input(&other.name, what)
    };
    if !same_crs(a, b) {
        let found = format!("another coordinate system ({})", b.crs.name());
        return Err(refused(&found, a.crs.name()));
    }
    if a == b {
        let same = Axis { at: 0.0, step: 1.0 };
        return Ok((same, same));
    }
    let (Georef::Affine(grid), Georef::Affine(own)) = (&a.georef, &b.georef) else {
        return Err(refused(
            "other control points",
            "the same, or geotransforms",
        ));
    };
    let turned = || refused("pixels turned another way", "grids that are parallel");
    let inverse = own.inverse().ok_or_else(turned)?;
    let to_own = |col: usize, row: usize| {
        let (x, y) = grid.apply(col as f64, row as f64);
        inverse.apply(x, y)
    };
    let (origin, right, down) = (to_own(0, 0), to_own(a.width, 0), to_own(0, a.height));
    let parallel = (right.1 - origin.1).abs() <= SLACK && (down.0 - origin.0).abs() <= SLACK;
    if !parallel {
        return Err(turned());
    }
    Ok((
        Axis {
            at: origin.0,
            step: (right.0 - origin.0) / a.width as f64,
        },
        Axis {
            at: origin.1,
            step: (down.1 - origin.1) / a.height as f64,
        },
    ))
}

/// Formats write one system in different words; a code of EPSG's means the same in all of them.
fn same_crs(a: &Placement, b: &Placement) -> bool {
    a.crs == b.crs || a.crs.name().starts_with("EPSG:") && a.crs.name() == b.crs.name()
}

impl Way {
    /// Whether the band has a pixel for each of `level`, the stack's, if it has all of its own.
    pub(super) fn covers(&self, level: &Level) -> bool {
        if let How::Shift(right, down) = self.how {
            let covers = |at: i64, n: usize, size: usize| at >= 0 && at as usize + n <= size;
            return covers(right, level.width, self.size.0)
                && covers(down, level.height, self.size.1);
        }
        let covers = |axis: Axis, n: usize, size: usize| {
            let within = |index| (0.0..=size as f64).contains(&axis.centre(index));
            within(0) && within(n - 1)
        };
        covers(self.cols, level.width, self.size.0) && covers(self.rows, level.height, self.size.1)
    }

    /// What `source`, the band, has in `window` of the stack's level; `None` when that is nothing.
    pub(super) fn read(&self, source: &dyn Source, window: Window) -> Result<Option<Raster>> {
        let raster = match &self.how {
            How::Shift(right, down) => {
                let at = (window.col as i64 + right, window.row as i64 + down);
                read_across(source, self.level, at, (window.width, window.height))?
            }
            How::Resample { sampler, reach } => self.resample(source, window, sampler, *reach)?,
        };
        Ok(raster.filter(|raster| !raster.is_empty()))
    }

    fn resample(
        &self,
        source: &dyn Source,
        window: Window,
        sampler: &Sampler,
        reach: (f64, f64),
    ) -> Result<Option<Raster>> {
        let mut cols = centres(self.cols, window.col, window.width, self.size.0);
        let mut rows = centres(self.rows, window.row, window.height, self.size.1);
        let (Some((west, east)), Some((north, south))) = (
            cut(&cols, reach.0, self.size.0),
            cut(&rows, reach.1, self.size.1),
        ) else {
            return Ok(None);
        };
        let part = Window {
            col: west,
            row: north,
            width: east - west,
            height: south - north,
        };
        let pixels = source.read(self.level, part)?;
        cols.iter_mut().for_each(|col| *col -= west as f64);
        rows.iter_mut().for_each(|row| *row -= north as f64);
        let mut raster = empty(window, source.info());
        let mut over = sampler.over(&pixels);
        for (index, &row) in rows.iter().enumerate().filter(|(_, row)| row.is_finite()) {
            let places = Places {
                cols: &cols,
                rows: &vec![row; cols.len()],
                upper: (&[], &[]),
                lower: (&[], &[]),
            };
            over.sample_row(&places, &mut raster, index, 0);
        }
        Ok(Some(raster))
    }
}

fn empty(window: Window, info: &SourceInfo) -> Raster {
    Raster::empty(window.width, window.height, 1, info.sample_type)
}

/// Where the centres of `n` pixels from `first` on lie; NaN outside the band.
fn centres(axis: Axis, first: usize, n: usize, size: usize) -> Vec<f64> {
    (first..first + n)
        .map(|index| axis.centre(index))
        .map(|at| match (0.0..=size as f64).contains(&at) {
            true => at,
            false => f64::NAN,
        })
        .collect()
}

/// The whole pixels around the places that are there, `reach` more on each side, as far as the band has them.
fn cut(places: &[f64], reach: f64, size: usize) -> Option<(usize, usize)> {
    let there = || places.iter().copied().filter(|at| at.is_finite());
    let low = there().fold(f64::INFINITY, f64::min);
    let high = there().fold(f64::NEG_INFINITY, f64::max);
    let first = (low - reach).floor().max(0.0);
    let end = (high + reach).ceil().min(size as f64);
    (first < end).then_some((first as usize, end as usize))
}
