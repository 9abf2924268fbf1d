//! How well a parent agrees with its children: [`compare`], and what is too little, [`Typical::judge`].
//!
//! What made the overviews is not known for certain, and lossy formats change both sides; so measures are taken that sharpness
//! and noise leave alone: means of blocks, their correlation, and whether the two fit better when one is moved. What is usual
//! in a tileset is looked for first, in a sample.

use super::picture::values;
use crate::raster::Raster;
use crate::raster::reduce::Reducer;

/// How far, in pixels of the parent, a better fit is looked for.
const REACH: isize = 4;

/// What pixels differ by, of 255, for which lossy formats are to blame.
const NOISE: f32 = 4.0;

/// Blocks along a side of a quadrant.
const BLOCKS: usize = 16;

/// A quadrant of a parent beside the child that it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    /// Mean difference of pixels that both have, in steps of 255.
    pub(super) pixels: f32,
    /// The same of the means of blocks.
    pub(super) blocks: f32,
    /// The correlation of the means of blocks; 1 where there is no contrast to speak of.
    pub(super) correlation: f32,
    /// Mean difference of masks, of 255.
    pub(super) mask: f32,
    /// Which part of the quadrant both have, pixels that are there in part counted so.
    pub(super) share: f32,
    /// As [`Quarter::is_lossless`].
    pub(super) is_lossless: bool,
}

impl Pair {
    /// Whether there is enough of both to see that one is moved.
    pub(super) fn can_show_a_shift(&self) -> bool {
        self.share >= SHIFT_SHARE
    }

    /// Whether the two differ by more than rounding and what lossy formats do to a smooth picture.
    pub(super) fn is_apart(&self) -> bool {
        self.pixels > 3.0
    }
}

/// A place where a child fits better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// To the east, in pixels of the parent.
    pub(super) col: isize,
    /// To the south.
    pub(super) row: isize,
    /// As [`Pair::pixels`], at that place.
    pub(super) pixels: f32,
    /// The same where it should be, over as many pixels.
    pub(super) unmoved: f32,
    /// Part of those that differ by more than [`NOISE`] where it should be.
    pub(super) differing: f32,
}

/// A child reduced, and where in its parent it should be.
pub(super) struct Quarter<'a> {
    /// Half the size of the parent.
    pub(super) child: &'a Raster,
    pub(super) parent: &'a Raster,
    /// As [`TileCoord::quadrant`](crate::geo::tile::TileCoord::quadrant).
    pub(super) quadrant: (usize, usize),
    /// Whether both have every pixel as it was.
    pub(super) is_lossless: bool,
    /// What counts as one step of 255.
    pub(super) unit: f32,
}

impl Quarter<'_> {
    /// Index of a pixel of the child in the parent, moved.
    fn at(&self, col: isize, row: isize) -> Option<usize> {
        let (width, height) = (self.child.width() as isize, self.child.height() as isize);
        // Not beyond the quadrant: there another child begins.
        if !(0..width).contains(&col) || !(0..height).contains(&row) {
            return None;
        }
        let col = col + width * self.quadrant.0 as isize;
        let row = row + height * self.quadrant.1 as isize;
        Some(row as usize * self.parent.width() + col as usize)
    }

    /// How pixels differ, of those at least `margin` from the edge, with the child moved.
    fn difference(&self, (col, row): (isize, isize), margin: isize) -> Option<Apart> {
        let (a, b, bands) = (values(self.child), values(self.parent), self.child.bands());
        let (width, height) = (self.child.width() as isize, self.child.height() as isize);
        let (mut sum, mut weight, mut differing) = (0.0f64, 0.0f64, 0.0f64);
        let noise = NOISE * self.unit * bands as f32;
        for r in margin..height - margin {
            for c in margin..width - margin {
                let Some(at) = self.at(c + col, r + row) else {
                    continue;
                };
                let own = (r * width + c) as usize;
                let w = f64::from(self.child.mask[own].min(self.parent.mask[at]));
                if w == 0.0 {
                    continue;
                }
                let (own, at) = (own * bands, at * bands);
                let apart: f32 = a[own..own + bands]
                    .iter()
                    .zip(&b[at..at + bands])
                    .map(|(a, b)| (a - b).abs())
                    .sum();
                sum += w * f64::from(apart);
                weight += w;
                differing += if apart > noise { w } else { 0.0 };
            }
        }
        let n_pixels = (self.child.width() * self.child.height()) as f64;
        (weight > 0.0).then(|| Apart {
            pixels: (sum / weight / bands as f64) as f32 / self.unit,
            share: (weight / 255.0 / n_pixels) as f32,
            differing: (differing / weight) as f32,
        })
    }

    /// How well the child fits where it is, as a place.
    pub(super) fn here(&self) -> Option<Shift> {
        let Apart {
            pixels, differing, ..
        } = self.difference((0, 0), REACH)?;
        Some(Shift {
            col: 0,
            row: 0,
            pixels,
            unmoved: pixels,
            differing,
        })
    }

    /// Whether the child fits better where it is than a pixel beside: not where all is of one colour.
    pub(super) fn has_a_place(&self) -> bool {
        let at = |place| self.difference(place, REACH).map(|apart| apart.pixels);
        let Some(unmoved) = at((0, 0)) else {
            return false;
        };
        let mut beside = [(1, 0), (0, 1)].into_iter().filter_map(at);
        beside.any(|moved| moved > 0.3 + 1.3 * unmoved)
    }

    /// Where among the places near by the child fits best, its own left out.
    pub(super) fn shift(&self) -> Option<Shift> {
        if self.child.width() < 8 * REACH as usize || self.child.height() < 8 * REACH as usize {
            return None;
        }
        let unmoved = self.difference((0, 0), REACH)?;
        let mut best: Option<Shift> = None;
        for row in -REACH..=REACH {
            for col in -REACH..=REACH {
                if (col, row) == (0, 0) {
                    continue;
                }
                let Some(moved) = self.difference((col, row), REACH) else {
                    continue;
                };
                // Less of both to compare is no better fit.
                let is_as_much = moved.share > 0.75 * unmoved.share;
                if is_as_much && best.is_none_or(|best| moved.pixels < best.pixels) {
                    best = Some(Shift {
                        col,
                        row,
                        pixels: moved.pixels,
                        unmoved: unmoved.pixels,
                        differing: unmoved.differing,
                    });
                }
            }
        }
        best
    }
}

/// How pixels differ, and how many there are to tell.
struct Apart {
    pixels: f32,
    share: f32,
    differing: f32,
}

/// Compares a child with its quadrant; `None` where they share no pixels.
pub(super) fn compare(quarter: &Quarter<'_>) -> Option<Pair> {
    let (child, parent) = (quarter.child, quarter.parent);
    let (width, height) = (child.width(), child.height());
    let mask_apart: u64 = (0..width * height)
        .filter_map(|own| {
            let at = quarter.at((own % width) as isize, (own / width) as isize)?;
            Some(u64::from(child.mask[own].abs_diff(parent.mask[at])))
        })
        .sum();
    let apart = quarter.difference((0, 0), 0)?;
    let (ours, theirs) = blocks(quarter);
    let blocks_apart: f32 = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).sum();
    Some(Pair {
        pixels: apart.pixels,
        blocks: blocks_apart / ours.len().max(1) as f32 / quarter.unit,
        correlation: correlation(&ours, &theirs, 2.0 * quarter.unit),
        mask: mask_apart as f32 / (width * height) as f32,
        share: apart.share,
        is_lossless: quarter.is_lossless,
    })
}

/// Means of the blocks that both have, band by band, of the child and of the parent.
fn blocks(quarter: &Quarter<'_>) -> (Vec<f32>, Vec<f32>) {
    let (child, parent) = (quarter.child, quarter.parent);
    let (a, b, bands) = (values(child), values(parent), child.bands());
    let side = child.width().div_ceil(BLOCKS).max(1);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for band in 0..bands {
        for top in (0..child.height()).step_by(side) {
            for left in (0..child.width()).step_by(side) {
                let (mut sums, mut weight) = ([0.0f64; 2], 0.0f64);
                for row in top..(top + side).min(child.height()) {
                    for col in left..(left + side).min(child.width()) {
                        let Some(at) = quarter.at(col as isize, row as isize) else {
                            continue;
                        };
                        let own = row * child.width() + col;
                        let w = f64::from(child.mask[own].min(parent.mask[at])) / 255.0;
                        sums[0] += w * f64::from(a[own * bands + band]);
                        sums[1] += w * f64::from(b[at * bands + band]);
                        weight += w;
                    }
                }
                // A few pixels at an edge say little.
                if weight >= (side * side) as f64 / 4.0 {
                    ours.push((sums[0] / weight) as f32);
                    theirs.push((sums[1] / weight) as f32);
                }
            }
        }
    }
    (ours, theirs)
}

/// Pearson's, of lists of one length; 1 where both vary by less than `least`.
fn correlation(a: &[f32], b: &[f32], least: f32) -> f32 {
    let n = a.len() as f64;
    if a.is_empty() {
        return 1.0;
    }
    let mean = |list: &[f32]| list.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a) - mean_a, f64::from(b) - mean_b);
        both += a * b;
        square_a += a * a;
        square_b += b * b;
    }
    let deviation = |square: f64| (square / n).sqrt();
    if deviation(square_a) < f64::from(least) && deviation(square_b) < f64::from(least) {
        return 1.0;
    }
    (both / (square_a * square_b).sqrt().max(f64::MIN_POSITIVE)) as f32
}

/// What is usual in a tileset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Typical {
    /// What its overviews were made by: as recorded, or what fits best.
    pub reducer: Reducer,
    /// Median difference of pixels between a child, reduced, and its parent, in steps of 255.
    pub pixels: f32,
    /// The same of the means of blocks.
    pub blocks: f32,
    /// What the means of blocks differ by in all but a tenth of the pairs. Maps are drawn anew for every zoom, and some of
    /// their tiles have little in common with their parents.
    pub blocks_most: f32,
    /// Median difference of masks.
    pub mask: f32,
    /// Whether parents are made of their children as they are stored, to the pixel: of lossless formats.
    pub is_exact: bool,
    /// Pairs that were looked at for this.
    pub pairs: usize,
}

/// What is wrong with a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// One of them has another shape.
    Mask,
    /// They show different things.
    Different,
    /// They fit better when one is moved.
    Shifted(Shift),
}

/// The least part of a quadrant that is compared.
const SHARE: f32 = 0.05;

/// The least part of a quadrant that can be seen to be moved.
const SHIFT_SHARE: f32 = 0.25;

/// The least part of the pixels that differ when a tile was moved. In a picture that is white but for a few lines and an edge, as
/// what was cut off at 255 is, these are 1 to 6 of 100, and other programs' overviews may fit better anywhere.
const MOVED_SHARE: f32 = 0.1;

/// Differences up to this are those of rounding.
pub(super) const ROUNDING: f32 = 0.6;

impl Typical {
    /// What is usual in `sample`, made with `reducer`.
    pub(super) fn of(reducer: Reducer, sample: &[Pair]) -> Self {
        let at = |part: f64, what: fn(&Pair) -> f32| {
            let mut list: Vec<f32> = sample.iter().map(what).collect();
            list.sort_by(f32::total_cmp);
            let last = list.len().saturating_sub(1);
            list.get((last as f64 * part) as usize)
                .copied()
                .unwrap_or(0.0)
        };
        Self {
            reducer,
            pixels: at(0.5, |pair| pair.pixels),
            blocks: at(0.5, |pair| pair.blocks),
            blocks_most: at(0.9, |pair| pair.blocks),
            mask: at(0.5, |pair| pair.mask),
            is_exact: sample.len() >= 4 && at(0.8, |pair| pair.pixels) <= ROUNDING,
            pairs: sample.len(),
        }
    }

    /// What is wrong with `pair`, if something is. `shift` is asked only where it matters.
    pub(super) fn judge(
        &self,
        pair: &Pair,
        shift: impl FnOnce() -> Option<Shift>,
    ) -> Option<Verdict> {
        if pair.can_show_a_shift()
            && pair.pixels > 1.0 + 2.0 * self.pixels
            && let Some(shift) = shift().filter(|shift| self.is_moved(pair, shift))
        {
            return Some(Verdict::Shifted(shift));
        }
        // A pixel's width along an edge through the whole quadrant is 2 of 255.
        if pair.mask > 12.0 + 4.0 * self.mask {
            return Some(Verdict::Mask);
        }
        // A sliver at the edge of the data is mostly pixels that are there in part, whose colours are anything.
        if pair.share < SHARE {
            return None;
        }
        // Where parents are made of their children nearly to the pixel, a tenth of the pairs may well be faults.
        let usual = if self.pixels > 1.0 {
            1.5 * self.blocks_most
        } else {
            0.0
        };
        let is_far = |least: f32, times: f32| pair.blocks > least + usual.max(times * self.blocks);
        let is_unlike = pair.correlation < 0.6 && is_far(4.0, 3.0);
        let is_other = pair.correlation < 0.8 && is_far(40.0, 6.0);
        (is_unlike || is_other).then_some(Verdict::Different)
    }

    /// Whether a better fit elsewhere means that something was moved.
    fn is_moved(&self, pair: &Pair, shift: &Shift) -> bool {
        let Shift {
            col,
            row,
            pixels,
            unmoved,
            differing,
        } = *shift;
        // A lossy format may change as much, and overviews that are not made of their children to the pixel.
        let is_exact = self.is_exact && pair.is_lossless;
        let least = if is_exact { 1.0 } else { 2.0 };
        let is_much = unmoved > 1.0 + 2.0 * self.pixels && unmoved - pixels > least;
        if !is_much || differing < MOVED_SHARE {
            return false;
        }
        if is_exact {
            return pixels <= ROUNDING + 0.1 * unmoved;
        }
        let is_far = col.abs().max(row.abs()) > 1;
        if pair.is_lossless {
            // Who has lost nothing and is not exact has other overviews than ours: GDAL's lie up to a pixel off.
            return is_far && pixels < 0.35 * unmoved;
        }
        let left = if is_far { 0.6 } else { 0.35 };
        pixels < left * unmoved && pixels < 4.0 + 2.0 * self.pixels
    }

    /// Which of the children of one parent, or rather of their `pairs`, is not what the parent was made of, though the others are.
    /// One by itself says little: some tilesets are exact in places only, where values have colours or were cut off.
    pub(super) fn changed(&self, pairs: &[Pair]) -> Option<usize> {
        let all = || pairs.iter().enumerate();
        let (at, most) = all().max_by(|(_, a), (_, b)| a.pixels.total_cmp(&b.pixels))?;
        if pairs.len() < 3 || most.share < SHARE {
            return None;
        }
        let others = |is_usual: &dyn Fn(&Pair) -> bool| {
            all().all(|(other, pair)| other == at || is_usual(pair))
        };
        // Of four pixels every program has its own nearest one.
        let to_the_pixel = self.is_exact
            && self.reducer != Reducer::Nearest
            && most.is_lossless
            && most.pixels > 3.0
            && others(&|pair| pair.pixels <= ROUNDING);
        let in_colour = self.blocks_most < 4.0
            && most.blocks > 12.0 + 6.0 * self.blocks
            && others(&|pair| pair.blocks <= 2.0 + 2.0 * self.blocks);
        (to_the_pixel || in_colour).then_some(at)
    }
}

#[cfg(test)]
mod tests;
