//! Where the pixels of a tile row have their supports in a window, found for the whole row at once: [`Supports`]. Most
//! supports are there as a whole, and their pixels are convolved in runs that ask nothing.

use super::avx2;
use super::{MaskKind, Places};
use crate::raster::Raster;
use crate::raster::weights::{PHASES, WeightTable};

/// Columns and rows of a window beyond which steps of a phase do not fit 32 bits.
const MOST_SIDE_PX: usize = 1 << (30 - PHASES.ilog2());

/// In which of a window's rectangles every pixel is whole.
pub(super) enum Whole {
    /// In all of them.
    Everywhere,
    /// In those whose upper left corner is 255 here.
    From(Vec<u8>),
    /// Nobody knows: each support is looked at.
    Unknown,
}

impl Whole {
    /// For rectangles of `cols` by `rows` pixels of `source`.
    pub(super) fn new(source: &Raster, kind: MaskKind, cols: usize, rows: usize) -> Self {
        let (w, h) = (source.width(), source.height());
        if w > MOST_SIDE_PX || h > MOST_SIDE_PX || w * h > i32::MAX as usize {
            return Self::Unknown;
        }
        if source.is_opaque() {
            return Self::Everywhere;
        }
        if kind == MaskKind::None || cols > w || rows > h {
            return Self::Unknown;
        }
        let across = all_of(source.mask.clone(), cols, 1);
        Self::From(all_of(across, rows, w))
    }
}

/// Each value becomes 255 if it and those that follow it, `n` in all and `step` apart, are; those that lie beyond the end
/// count as if they were.
fn all_of(mut values: Vec<u8>, n: usize, step: usize) -> Vec<u8> {
    let mut other = vec![0; values.len()];
    let mut and = |values: &mut Vec<u8>, by: usize| {
        let by = (by * step).min(values.len());
        let n = values.len() - by;
        for ((to, a), b) in other.iter_mut().zip(&values[..n]).zip(&values[by..]) {
            *to = a & b;
        }
        other[n..].copy_from_slice(&values[n..]);
        std::mem::swap(values, &mut other);
    };
    let mut done = 1;
    while 2 * done <= n {
        and(&mut values, done);
        done *= 2;
    }
    and(&mut values, n - done);
    values
}

/// The supports of a row's pixels.
#[derive(Default)]
pub(super) struct Supports {
    /// The first pixel of each in the window. Of no meaning unless the support is whole, and so are the phases.
    origins: Vec<i32>,
    col_phases: Vec<i32>,
    row_phases: Vec<i32>,
    /// 0 where a support is not known to be whole.
    whole: Vec<i32>,
}

/// Pixels one beside the other whose supports are whole: where each begins in the window, and its phases.
#[derive(Clone, Copy, Default)]
pub(super) struct Run<'a> {
    pub(super) origins: &'a [i32],
    pub(super) col_phases: &'a [i32],
    pub(super) row_phases: &'a [i32],
}

impl Supports {
    /// Finds the supports of the pixels at `places`.
    pub(super) fn find(
        &mut self,
        places: &Places,
        (cols, rows): (&WeightTable, &WeightTable),
        source: &Raster,
        whole: &Whole,
    ) {
        let n = places.cols.len();
        for list in [
            &mut self.origins,
            &mut self.col_phases,
            &mut self.row_phases,
            &mut self.whole,
        ] {
            list.resize(n, 0);
        }
        if matches!(whole, Whole::Unknown) {
            self.whole.fill(0);
            return;
        }
        let (w, h) = (source.width() as i32, source.height() as i32);
        avx2::compiled(Locate {
            to: self,
            places,
            cols: Axis::new(cols, w),
            rows: Axis::new(rows, h),
            width: w,
        });
        if let Whole::From(whole) = whole {
            for (flag, &origin) in self.whole.iter_mut().zip(&self.origins) {
                if *flag != 0 && whole[origin as usize] != 255 {
                    *flag = 0;
                }
            }
        }
    }

    /// The row in runs of whole supports and of others: the first pixel of each, how many there are, and whether they are
    /// whole.
    pub(super) fn runs(&self) -> impl Iterator<Item = (usize, usize, bool)> + use<'_> {
        let mut first = 0;
        self.whole.chunk_by(|a, b| a == b).map(move |run| {
            let start = first;
            first += run.len();
            (start, run.len(), run[0] != 0)
        })
    }

    /// `n` pixels from `first` on.
    pub(super) fn run(&self, first: usize, n: usize) -> Run<'_> {
        let range = first..first + n;
        Run {
            origins: &self.origins[range.clone()],
            col_phases: &self.col_phases[range.clone()],
            row_phases: &self.row_phases[range],
        }
    }
}

/// The obvious loop: `split` for each place, and a comparison with the window's edges.
struct Locate<'a> {
    to: &'a mut Supports,
    places: &'a Places<'a>,
    cols: Axis,
    rows: Axis,
    width: i32,
}

impl avx2::Work for Locate<'_> {
    #[inline(always)]
    fn run(self) {
        let Self {
            cols, rows, width, ..
        } = self;
        let n = self.places.cols.len();
        let (origins, whole) = (&mut self.to.origins[..n], &mut self.to.whole[..n]);
        let col_phases = &mut self.to.col_phases[..n];
        let row_phases = &mut self.to.row_phases[..n];
        let (place_cols, place_rows) = (&self.places.cols[..n], &self.places.rows[..n]);
        for i in 0..n {
            let (col, col_phase) = cols.support(place_cols[i]);
            let (row, row_phase) = rows.support(place_rows[i]);
            origins[i] = row.wrapping_mul(width).wrapping_add(col);
            col_phases[i] = col_phase;
            row_phases[i] = row_phase;
            whole[i] = i32::from(cols.holds(col) & rows.holds(row));
        }
    }
}

/// How supports lie along one axis.
#[derive(Clone, Copy)]
struct Axis {
    /// The first pixel of a support, relative to the one whose centre is at or before the place.
    first: i32,
    /// The last pixel at which a support may begin; negative where none fits.
    last: i32,
}

/// Farther from a place than any support in a window begins.
const FAR: i32 = -(1 << 30);

impl Axis {
    fn new(table: &WeightTable, size: i32) -> Self {
        Self {
            first: i32::try_from(table.first).map_or(FAR, |first| first.max(FAR)),
            last: i32::try_from(table.taps).map_or(-1, |taps| size - taps),
        }
    }

    /// The first pixel and the phase of the support around `place`: [`split`](crate::raster::weights::split) in 32 bits. What is
    /// no number, or is far beyond a window, comes to lie outside any.
    #[inline(always)]
    fn support(self, place: f64) -> (i32, i32) {
        const OFFSET: f64 = 4.0 * PHASES as f64;
        let steps = floor((place - 0.5) * PHASES as f64 + (OFFSET + 0.5)) - OFFSET as i32;
        let at = steps >> PHASES.ilog2();
        (at + self.first, steps & (PHASES as i32 - 1))
    }

    #[inline(always)]
    fn holds(self, first: i32) -> bool {
        (first >= 0) & (first <= self.last)
    }
}

/// The whole number at or below `x`, which is taken for two thousand million where it is more, or no number. A cast says the
/// same, but processors have none for several at once that would.
#[inline(always)]
fn floor(x: f64) -> i32 {
    const MOST: f64 = 2e9;
    // Added to a number of less than 32 bits it leaves no room for fractions, and the whole number in the lowest bits.
    const MAGIC: f64 = 1.5 * (1_u64 << 52) as f64;
    let x = if x < MOST { x } else { MOST };
    let x = if x > -MOST { x } else { -MOST };
    let shifted = x + MAGIC;
    let nearest = shifted.to_bits() as i32;
    nearest - i32::from(shifted - MAGIC > x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::weights::split;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_support_begins_where_split_says(place in -3.4..MOST_SIDE_PX as f64, taps in 1..40_usize) {
            let table = WeightTable::new(taps as f64, |x| 1.0 / (1.0 + x * x), 1.0);
            let axis = Axis::new(&table, MOST_SIDE_PX as i32);
            let (at, phase) = split(place);
            prop_assert_eq!(axis.support(place), ((at + table.first) as i32, phase as i32));
        }

        #[test]
        fn the_floor_is_that_of_the_standard_library(x in -1e9..1e9_f64, whole in -1000..1000_i32) {
            for x in [x, f64::from(whole), f64::from(whole) + 0.5, f64::from(whole) - 1e-12] {
                prop_assert_eq!(f64::from(floor(x)), x.floor());
            }
        }

        #[test]
        fn all_of_asks_each(n in 1..9_usize, step in 1..5_usize, values in prop::collection::vec(253..=255_u8, 1..60)) {
            let found = all_of(values.clone(), n, step);
            for (k, found) in found.iter().enumerate() {
                let all = (0..n).filter_map(|i| values.get(k + i * step)).all(|&v| v == 255);
                prop_assert_eq!(*found == 255, all);
            }
        }
    }

    #[test]
    fn what_is_nowhere_is_in_no_window() {
        let table = WeightTable::new(1.0, |x| 1.0 - x.abs(), 1.0);
        let axis = Axis::new(&table, MOST_SIDE_PX as i32);
        for place in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1e12,
            1e12,
            -1.0,
            0.4,
        ] {
            assert!(!axis.holds(axis.support(place).0), "{place}");
        }
        assert!(axis.holds(axis.support(0.5).0));
    }
}
