//! What values a mosaic has: [`survey`], which finds percentiles of all its pixels, or of a sample that says what it is.
//!
//! Percentiles are those of the pixels that are shown, once each, within the clip, without what is not there: between two
//! values in order they are interpolated linearly, as numpy's `percentile` does. Values are counted in 65,536 bins: whole
//! numbers of up to 16 bits one by one, others by the upper half of their bits; a second look counts the lower half of those
//! few bins that hold what was asked for. So percentiles are exact, and a value far off does no harm; 64 bits are rounded to
//! 32.

use std::collections::BTreeMap;

use super::plan::Plan;
use super::{Parallel, stream};
use crate::error::{Error, Kind, Result};
use crate::geo::tile::TileCoord;
use crate::mosaic::Mosaic;
use crate::raster::kernel::Resampling;
use crate::raster::{Raster, SampleType, Samples};
use crate::render::{Job, Renderer};
use crate::source::{Source, Window};
use crate::style::Style;

/// Pixels that are enough: the error of a percentile falls with the root of their number, to a hundredth of a percent.
const ENOUGH_PX: u64 = 1 << 24;

/// An overview of fewer pixels says less than a sample of the whole.
const TOO_FEW_PX: u64 = 1 << 18;

/// Pixels a side of a piece of a source that is looked at, at least.
const PIECE_PX: usize = 512;

/// Pieces a thread that are read ahead.
const AHEAD: usize = 2;

/// How a survey is made.
#[derive(Debug, Clone, Copy)]
pub struct Means {
    /// Threads.
    pub jobs: usize,
    /// Pixels of a source that are read at once, usually and at most: see [`Renderer::with_windows`].
    pub windows_px: (usize, usize),
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// For each band the percentiles that were asked for, in that order.
    pub percentiles: Vec<Vec<f64>>,
    /// Pixels that were looked at and are there.
    pub n_pixels: u64,
    /// Which these are, in words.
    pub of: String,
}

/// The percentiles `percents` (0 to 100) of every band of what `before` makes of `mosaic`, as `plan` has it. `tick` hears how
/// many pieces are done, of how many; an error of its ends the work.
///
/// # Errors
/// [`Kind::NoOverlap`] when there is no pixel, and when a source cannot be read.
pub fn survey(
    mosaic: &Mosaic,
    plan: &Plan,
    before: &Style,
    percents: &[f64],
    means: Means,
    tick: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<Survey> {
    let pieces = Pieces::choose(mosaic, plan);
    let keys = Keys::of(mosaic.sample_type(), before);
    let mut first: Vec<Bins> = Vec::new();
    let half = pieces.len() as u64;
    let total = if keys.are_whole() { half } else { 2 * half };
    pieces.each(means, before, &mut |done, raster| {
        count(keys, raster, &mut first, |bins, key| bins.add(key >> 16));
        tick(done, total)
    })?;
    let Some(n_pixels) = first.first().map(Bins::total).filter(|n| *n > 0) else {
        return Err(Error::new(
            Kind::NoOverlap,
            "no valid pixel to find a stretch for; expected at least one",
        )
        .with_help("--rescale MIN,MAX"));
    };
    let ranks = ranks(percents, n_pixels);
    let wanted = |bins: &Bins| -> BTreeMap<u32, Bins> {
        let at = ranks.iter().map(|rank| bins.holding(*rank).0);
        at.map(|bin| (bin, Bins::default())).collect()
    };
    let mut second: Vec<BTreeMap<u32, Bins>> = first.iter().map(wanted).collect();
    if !keys.are_whole() {
        pieces.each(means, before, &mut |done, raster| {
            count(keys, raster, &mut second, |fine, key| {
                if let Some(bins) = fine.get_mut(&(key >> 16)) {
                    bins.add(key & 0xffff);
                }
            });
            tick(half + done, total)
        })?;
    }
    let value = |band: usize, rank: u64| {
        let (bin, before) = first[band].holding(rank);
        let low = match keys {
            Keys::Whole(_) => 0,
            Keys::Real => second[band][&bin].holding(rank - before).0,
        };
        keys.value(bin << 16 | low)
    };
    let percentiles = (0..first.len()).map(|band| {
        let between = percents.iter().map(|&percent| {
            let (rank, part) = place(percent, n_pixels);
            let low = value(band, rank);
            let high = value(band, (rank + 1).min(n_pixels - 1));
            low + (high - low) * part
        });
        between.collect()
    });
    Ok(Survey {
        percentiles: percentiles.collect(),
        n_pixels,
        of: pieces.told(plan),
    })
}

/// Where a percentile lies among `n` values in order: the rank of the one at or below it, and how far it is to the next.
fn place(percent: f64, n: u64) -> (u64, f64) {
    let at = percent / 100.0 * (n - 1) as f64;
    (at as u64, at.fract())
}

fn ranks(percents: &[f64], n: u64) -> Vec<u64> {
    let both = |&percent: &f64| {
        let (rank, _) = place(percent, n);
        [rank, (rank + 1).min(n - 1)]
    };
    percents.iter().flat_map(both).collect()
}

/// How often each of 65,536 numbers came.
struct Bins(Vec<u64>);

impl Default for Bins {
    fn default() -> Self {
        Self(vec![0; 1 << 16])
    }
}

impl Bins {
    fn add(&mut self, bin: u32) {
        self.0[bin as usize] += 1;
    }

    fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The bin that holds the value of that rank, and how many values lie in those before it.
    fn holding(&self, rank: u64) -> (u32, u64) {
        let mut before = 0;
        for (bin, n) in (0..).zip(&self.0) {
            if rank < before + n {
                return (bin, before);
            }
            before += n;
        }
        unreachable!("ranks are below the number of values")
    }
}

/// Calls `add` with every sample that is there, as a number that rises with it, and with what belongs to its band.
fn count<T: Default>(
    keys: Keys,
    raster: &Raster,
    of_bands: &mut Vec<T>,
    mut add: impl FnMut(&mut T, u32),
) {
    fn each<S: Copy, T>(
        values: &[S],
        mask: &[u8],
        of_bands: &mut [T],
        add: &mut impl FnMut(&mut T, u32),
        key: impl Fn(S) -> u32,
    ) {
        for (pixel, mask) in values.chunks_exact(of_bands.len()).zip(mask) {
            if *mask > 0 {
                for (&value, of_band) in pixel.iter().zip(of_bands.iter_mut()) {
                    add(of_band, key(value));
                }
            }
        }
    }
    of_bands.resize_with(raster.bands(), T::default);
    let add = &mut add;
    match &raster.samples {
        Samples::U8(v) => each(v, &raster.mask, of_bands, add, |v| keys.key(f32::from(v))),
        Samples::F32(v) => each(v, &raster.mask, of_bands, add, |v| keys.key(v)),
        Samples::F64(v) => each(v, &raster.mask, of_bands, add, |v| keys.key(v as f32)),
    }
}

/// How values become numbers of 32 bits that rise with them.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Keys {
    /// Whole numbers of up to 16 bits, from this one on: they are the upper half.
    Whole(f32),
    /// Any that are finite. Both zeros have one number.
    Real,
}

impl Keys {
    /// For what `before` makes of samples of `sample_type`.
    fn of(sample_type: SampleType, before: &Style) -> Self {
        match sample_type.range() {
            Some((low, high)) if before.is_plain() && high - low < 65536.0 => {
                Self::Whole(low as f32)
            }
            _ => Self::Real,
        }
    }

    fn are_whole(self) -> bool {
        matches!(self, Self::Whole(_))
    }

    #[inline]
    fn key(self, value: f32) -> u32 {
        match self {
            Self::Whole(low) => ((value - low) as u32) << 16,
            Self::Real => {
                let bits = (value + 0.0).to_bits();
                if bits >> 31 == 0 {
                    bits | 1 << 31
                } else {
                    !bits
                }
            }
        }
    }

    fn value(self, key: u32) -> f64 {
        match self {
            Self::Whole(low) => f64::from(key >> 16) + f64::from(low),
            Self::Real if key >> 31 == 1 => f64::from(f32::from_bits(key & !(1 << 31))),
            Self::Real => f64::from(f32::from_bits(!key)),
        }
    }
}

/// What is looked at.
enum Pieces<'a> {
    /// Windows of a level of the one source there is.
    Windows {
        source: &'a dyn Source,
        level: usize,
        windows: Vec<Window>,
        every: usize,
    },
    /// Tiles, each pixel of them the source pixel nearest to it.
    Tiles {
        plan: &'a Plan,
        mosaic: &'a Mosaic,
        tiles: Vec<TileCoord>,
        every: usize,
    },
}

impl<'a> Pieces<'a> {
    fn choose(mosaic: &'a Mosaic, plan: &'a Plan) -> Self {
        match mosaic.layers() {
            [layer]
                if mosaic.clip().is_none() && mosaic.sample_type() == layer.info().sample_type =>
            {
                Self::windows(layer.as_ref())
            }
            _ => Self::tiles(mosaic, plan),
        }
    }

    /// The finest level that has not too many pixels, or else pieces of the source itself, evenly spread.
    fn windows(source: &'a dyn Source) -> Self {
        let levels = &source.info().levels;
        let pixels = |level: usize| levels[level].width as u64 * levels[level].height as u64;
        let level = (0..levels.len())
            .find(|&level| pixels(level) <= ENOUGH_PX)
            .filter(|&level| level == 0 || pixels(level) >= TOO_FEW_PX)
            .unwrap_or(0);
        let of = levels[level];
        let side = |block: usize| block.max(1) * PIECE_PX.div_ceil(block.max(1));
        let (width, height) = (side(of.block.0).min(4096), side(of.block.1).min(4096));
        let mut windows = Vec::new();
        for row in (0..of.height).step_by(height) {
            for col in (0..of.width).step_by(width) {
                windows.push(Window {
                    col,
                    row,
                    width: width.min(of.width - col),
                    height: height.min(of.height - row),
                });
            }
        }
        let every = pixels(level).div_ceil(ENOUGH_PX).max(1) as usize;
        Self::Windows {
            source,
            level,
            windows: spread(windows.into_iter(), every),
            every,
        }
    }

    /// The tiles of the lowest zoom that has enough pixels if all layers have overviews for it, or else tiles of the base,
    /// evenly spread.
    fn tiles(mosaic: &'a Mosaic, plan: &'a Plan) -> Self {
        let tile_px = (plan.shape.tile_size_px * plan.shape.tile_size_px) as u64;
        let pixels = |z: u8| plan.count(z).saturating_mul(tile_px);
        let enough = (0..=plan.zoom_max).rev().find(|&z| pixels(z) <= ENOUGH_PX);
        let zoom =
            enough.filter(|&z| z == plan.zoom_max || have_overviews(mosaic, plan.zoom_max - z));
        let zoom = zoom.unwrap_or(plan.zoom_max);
        let every = pixels(zoom).div_ceil(ENOUGH_PX).max(1) as usize;
        Self::Tiles {
            plan,
            mosaic,
            tiles: spread(plan.walk(zoom), every),
            every,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Windows { windows, .. } => windows.len(),
            Self::Tiles { tiles, .. } => tiles.len(),
        }
    }

    /// `of every 3rd tile of zoom 14`.
    fn told(&self, plan: &Plan) -> String {
        let (every, what) = match self {
            Self::Windows {
                source,
                level,
                every,
                ..
            } => {
                let levels = &source.info().levels;
                let shrink = levels[0].width as f64 / levels[*level].width as f64;
                let what = match level {
                    0 if *every == 1 => "all pixels".to_owned(),
                    0 => "pieces of the source".to_owned(),
                    _ => format!("the overview 1:{}", shrink.round()),
                };
                (*every, what)
            }
            Self::Tiles { tiles, every, .. } => {
                let zoom = tiles.first().map_or(plan.zoom_max, |tile| tile.z());
                (*every, format!("the tiles of zoom {zoom}"))
            }
        };
        match every {
            1 => what,
            n => format!("one in {n} of {what}"),
        }
    }

    /// Has all pieces read in parallel, styled by `before`, and handed to `take` in order with how many there are so far.
    fn each(
        &self,
        means: Means,
        before: &Style,
        take: &mut dyn FnMut(u64, &Raster) -> Result<()>,
    ) -> Result<()> {
        let parallel = Parallel {
            jobs: means.jobs,
            ahead: AHEAD * means.jobs,
        };
        let styled = |raster: Raster| before.apply(0, &raster).unwrap_or(raster);
        let hand = |next: &mut super::run::Next<'_, Option<Raster>>| {
            let mut done = 0;
            while let Some(piece) = next(&mut || Ok(()))? {
                done += 1;
                if let Some(raster) = piece {
                    take(done, &raster)?;
                }
            }
            Ok(())
        };
        match self {
            Self::Windows {
                source,
                level,
                windows,
                ..
            } => {
                let read =
                    |(): &mut (), k: usize| Ok(Some(styled(source.read(*level, windows[k])?)));
                stream(parallel, windows.len(), || Ok(()), read, hand)
            }
            Self::Tiles {
                plan,
                mosaic,
                tiles,
                ..
            } => {
                let job = Job {
                    resampling: Resampling::Nearest,
                    ..plan.job(mosaic)
                };
                let (usual_px, most_px) = means.windows_px;
                let renderer = || Ok(Renderer::new(&job).with_windows(usual_px, most_px));
                let render = |renderer: &mut Renderer, k: usize| {
                    let bounds = plan.scheme.bounds(tiles[k]);
                    Ok(renderer.render(&bounds)?.map(styled))
                };
                stream(parallel, tiles.len(), renderer, render, hand)
            }
        }
    }
}

/// Every so-manieth, from the middle of the first so many on.
fn spread<T>(items: impl Iterator<Item = T>, every: usize) -> Vec<T> {
    let mut spread: Vec<T> = Vec::new();
    for (k, item) in items.enumerate() {
        if k % every == every / 2 || k == 0 && every > 1 {
            spread.push(item);
        }
    }
    spread
}

/// Whether every layer has overviews for `zooms` zooms above the base, or nearly.
fn have_overviews(mosaic: &Mosaic, zooms: u8) -> bool {
    mosaic.layers().iter().all(|layer| {
        let levels = &layer.info().levels;
        let smallest = levels.iter().map(|level| level.width).min().unwrap_or(1);
        let wanted = levels[0].width >> zooms.min(31);
        smallest <= wanted.max(1) * 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numpy's `percentile` with its usual, linear method.
    fn percentile(values: &mut [f32], percent: f64) -> f64 {
        values.sort_by(f32::total_cmp);
        let at = percent / 100.0 * (values.len() - 1) as f64;
        let low = f64::from(values[at as usize]);
        let high = f64::from(values[(at as usize + 1).min(values.len() - 1)]);
        low + (high - low) * at.fract()
    }

    proptest! {
        #[test]
        fn keys_rise_with_their_values_and_give_them_back(a in -1e30..1e30_f32, b in -1e-3..1e-3_f32, whole in 0..65536_u32) {
            for value in [a, b, a * b, 0.0, -0.0, f32::MIN_POSITIVE] {
                prop_assert_eq!(Keys::Real.value(Keys::Real.key(value)), f64::from(value + 0.0));
            }
            prop_assert_eq!(a < b, Keys::Real.key(a) < Keys::Real.key(b));
            for low in [0.0, -32768.0] {
                let value = whole as f32 + low;
                prop_assert_eq!(Keys::Whole(low).key(value), whole << 16);
                prop_assert_eq!(Keys::Whole(low).value(whole << 16), f64::from(value));
            }
        }

        #[test]
        fn bins_in_bins_find_every_rank(mut values in prop::collection::vec(-1e4..1e4_f32, 1..500), percent in 0.0..=100.0_f64) {
            let n = values.len() as u64;
            let keys: Vec<u32> = values.iter().map(|&v| Keys::Real.key(v)).collect();
            let mut first = Bins::default();
            keys.iter().for_each(|key| first.add(key >> 16));
            let found: Vec<f64> = ranks(&[percent], n).into_iter().map(|rank| {
                let (bin, before) = first.holding(rank);
                let mut second = Bins::default();
                let within = keys.iter().filter(|&key| key >> 16 == bin);
                within.for_each(|key| second.add(key & 0xffff));
                Keys::Real.value(bin << 16 | second.holding(rank - before).0)
            }).collect();
            let part = place(percent, n).1;
            prop_assert_eq!(found[0] + (found[1] - found[0]) * part, percentile(&mut values, percent));
        }
    }

    #[test]
    fn what_is_spread_is_spread_evenly() {
        assert_eq!(spread(0..5, 1), [0, 1, 2, 3, 4]);
        assert_eq!(spread(0..10, 3), [0, 1, 4, 7]);
        assert_eq!(spread(0..2, 5), [0]);
        assert_eq!(spread(0..0, 5), [0; 0]);
    }
}
