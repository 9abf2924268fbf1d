//! Where the pixels of a tile row have their supports in a window, found for the whole row at once: [`Supports`]. Most
//! supports are there as a whole, and their pixels are convolved in runs that ask nothing.

use super::avx2;
use super::bilinear;
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

/// The pixels that count along one axis.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// The first of them, relative to the one whose centre is at or before the place.
    pub(super) first: isize,
    pub(super) taps: usize,
}

impl From<&WeightTable> for Extent {
    fn from(table: &WeightTable) -> Self {
        Self {
            first: table.first,
            taps: table.taps,
        }
    }
}

/// The index of the first pixel of the support around pixel (column, row) `at` if all of it lies within the window and is whole.
#[inline]
pub(super) fn whole_support(
    source: &Raster,
    (cols, rows): (Extent, Extent),
    kind: MaskKind,
    at: (isize, isize),
) -> Option<usize> {
    let (w, h) = (source.width(), source.height());
    let first_col = usize::try_from(at.0 + cols.first).ok()?;
    let first_row = usize::try_from(at.1 + rows.first).ok()?;
    if first_col + cols.taps > w || first_row + rows.taps > h {
        return None;
    }
    let origin = first_row * w + first_col;
    let whole = kind == MaskKind::None
        || (0..rows.taps).all(|j| {
            source.mask[origin + j * w..][..cols.taps]
                .iter()
                .all(|&m| m == 255)
        });
    whole.then_some(origin)
}

/// Whether the places are all the same, to the bit. Mostly the last one tells that they are not.
fn is_level(places: &[f64]) -> bool {
    let first = places.first().map_or(0, |place| place.to_bits());
    let ends_alike = places.last().is_some_and(|last| last.to_bits() == first);
    ends_alike
        && places
            .iter()
            .fold(0, |differ, place| differ | (place.to_bits() ^ first))
            == 0
}

/// Whether `places` have these bits.
fn same(bits: &[u64], places: &[f64]) -> bool {
    let differ = |differ, (bits, place): (&u64, &f64)| differ | (bits ^ place.to_bits());
    bits.len() == places.len() && bits.iter().zip(places).fold(0, differ) == 0
}

/// Where a place lies between the pixel whose centre is at or before it, and the next.
pub(super) trait Offset: Copy + Default {
    /// That pixel, and the offset. What is no number, or is far beyond a window, comes to lie outside any.
    fn split(place: f64) -> (i32, Self);
}

/// The phase of a weight table: [`split`](crate::raster::weights::split) in 32 bits.
impl Offset for i32 {
    #[inline(always)]
    fn split(place: f64) -> (i32, Self) {
        const OFFSET: f64 = 4.0 * PHASES as f64;
        let steps = floor((place - 0.5) * PHASES as f64 + (OFFSET + 0.5)) - OFFSET as i32;
        (steps >> PHASES.ilog2(), steps & (PHASES as i32 - 1))
    }
}

/// The fraction itself.
impl Offset for f64 {
    #[inline(always)]
    fn split(place: f64) -> (i32, Self) {
        bilinear::split_32(place)
    }
}

/// The supports of a row's pixels.
#[derive(Default)]
pub(super) struct Supports<T> {
    /// The first pixel of each in the window. Of no meaning unless the support is whole, and so are the offsets.
    origins: Vec<i32>,
    cols: Vec<T>,
    rows: Vec<T>,
    /// 0 where a support is not known to be whole.
    whole: Vec<i32>,
    along: Along,
}

/// The columns of the last row's supports, for where those of the next row are the same. The offsets are still in
/// [`Supports::cols`].
#[derive(Default)]
struct Along {
    /// The places, as bits.
    places: Vec<u64>,
    /// The axis for which they were looked up; `None` where they were not, or the offsets have been changed since.
    axis: Option<Axis>,
    /// The first column of each support.
    first: Vec<i32>,
    /// 0 where the support is not within the window's columns.
    within: Vec<i32>,
}

/// Pixels one beside the other whose supports are whole: where each begins in the window, and the offsets of its place.
#[derive(Clone, Copy, Default)]
pub(super) struct Run<'a, T> {
    pub(super) origins: &'a [i32],
    pub(super) cols: &'a [T],
    pub(super) rows: &'a [T],
}

impl<T: Offset> Supports<T> {
    /// Finds the supports of the pixels at `places`.
    pub(super) fn find(
        &mut self,
        places: &Places,
        (cols, rows): (Extent, Extent),
        source: &Raster,
        whole: &Whole,
    ) {
        let n = places.cols.len();
        if n != self.cols.len() {
            self.along.axis = None;
        }
        self.origins.resize(n, 0);
        self.whole.resize(n, 0);
        self.cols.resize(n, T::default());
        self.rows.resize(n, T::default());
        if matches!(whole, Whole::Unknown) {
            self.whole.fill(0);
            return;
        }
        let (w, h) = (source.width() as i32, source.height() as i32);
        let (cols, rows) = (Axis::new(cols, w), Axis::new(rows, h));
        if is_level(places.rows) {
            self.find_level(places, (cols, rows), w);
        } else {
            self.along.axis = None;
            avx2::compiled(Locate {
                to: self,
                places,
                cols,
                rows,
                width: w,
            });
        }
        if let Whole::From(whole) = whole {
            for (flag, &origin) in self.whole.iter_mut().zip(&self.origins) {
                if *flag != 0 && whole[origin as usize] != 255 {
                    *flag = 0;
                }
            }
        }
    }

    /// Of a row that is level in the source, too. On most maps that have such rows, their columns are the same from row to row.
    fn find_level(&mut self, places: &Places, (cols, rows): (Axis, Axis), width: i32) {
        let n = places.cols.len();
        if self.along.axis != Some(cols) || !same(&self.along.places, places.cols) {
            self.along.axis = Some(cols);
            self.along.places.clear();
            let bits = places.cols.iter().map(|place| place.to_bits());
            self.along.places.extend(bits);
            self.along.first.resize(n, 0);
            self.along.within.resize(n, 0);
            for (i, &place) in places.cols.iter().enumerate() {
                let (first, offset) = cols.support(place);
                self.cols[i] = offset;
                self.along.first[i] = first;
                self.along.within[i] = i32::from(cols.holds(first));
            }
        }
        let (row, offset) = rows.support(places.rows[0]);
        self.rows.fill(offset);
        avx2::compiled(Beside {
            along: &self.along,
            start: row.wrapping_mul(width),
            within: i32::from(rows.holds(row)),
            origins: &mut self.origins,
            whole: &mut self.whole,
        });
    }

    /// Fills a row of pixels and their mask: runs of whole supports by `run`, all others one by one by what `pixel` finds at
    /// their places. Those that find nothing are left alone.
    #[inline]
    pub(super) fn fill<S, const N: usize>(
        &self,
        places: &Places,
        (dst, mask): (&mut [[S; N]], &mut [u8]),
        run: impl Fn(Run<T>, &mut [[S; N]]),
        pixel: impl Fn((f64, f64)) -> Option<([S; N], u8)>,
    ) {
        let mut start = 0;
        for flags in self.whole.chunk_by(|a, b| a == b) {
            let range = start..start + flags.len();
            start = range.end;
            let (dst, mask) = (&mut dst[range.clone()], &mut mask[range.clone()]);
            if flags[0] != 0 {
                let pixels = Run {
                    origins: &self.origins[range.clone()],
                    cols: &self.cols[range.clone()],
                    rows: &self.rows[range],
                };
                run(pixels, dst);
                mask.fill(255);
                continue;
            }
            let places = places.cols[range.clone()].iter().zip(&places.rows[range]);
            for ((dst, mask), (&col, &row)) in dst.iter_mut().zip(mask).zip(places) {
                if let Some(found) = pixel((col, row)) {
                    (*dst, *mask) = found;
                }
            }
        }
    }
}

/// The obvious loop: `split` for each place, and a comparison with the window's edges.
struct Locate<'a, T> {
    to: &'a mut Supports<T>,
    places: &'a Places<'a>,
    cols: Axis,
    rows: Axis,
    width: i32,
}

impl<T: Offset> avx2::Work for Locate<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Self {
            cols, rows, width, ..
        } = self;
        let n = self.places.cols.len();
        let (origins, whole) = (&mut self.to.origins[..n], &mut self.to.whole[..n]);
        let (to_cols, to_rows) = (&mut self.to.cols[..n], &mut self.to.rows[..n]);
        let (place_cols, place_rows) = (&self.places.cols[..n], &self.places.rows[..n]);
        for i in 0..n {
            let (col, col_offset) = cols.support(place_cols[i]);
            let (row, row_offset) = rows.support(place_rows[i]);
            origins[i] = row.wrapping_mul(width).wrapping_add(col);
            to_cols[i] = col_offset;
            to_rows[i] = row_offset;
            whole[i] = i32::from(cols.holds(col) & rows.holds(row));
        }
    }
}

/// The supports of a level row, whose columns are known.
struct Beside<'a> {
    along: &'a Along,
    /// The pixel with which their first row begins in the window.
    start: i32,
    /// 0 where their rows are not all within the window.
    within: i32,
    origins: &'a mut [i32],
    whole: &'a mut [i32],
}

impl avx2::Work for Beside<'_> {
    #[inline(always)]
    fn run(self) {
        for (origin, first) in self.origins.iter_mut().zip(&self.along.first) {
            *origin = self.start.wrapping_add(*first);
        }
        for (whole, within) in self.whole.iter_mut().zip(&self.along.within) {
            *whole = self.within & within;
        }
    }
}

/// How supports lie along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    /// The first pixel of a support, relative to the one whose centre is at or before the place.
    first: i32,
    /// The last pixel at which a support may begin; negative where none fits.
    last: i32,
}

/// Farther from a place than any support in a window begins.
const FAR: i32 = -(1 << 30);

impl Axis {
    fn new(extent: Extent, size: i32) -> Self {
        Self {
            first: i32::try_from(extent.first).map_or(FAR, |first| first.max(FAR)),
            last: i32::try_from(extent.taps).map_or(-1, |taps| size - taps),
        }
    }

    /// The first pixel of the support around `place`, and the offset of the place.
    #[inline(always)]
    fn support<T: Offset>(self, place: f64) -> (i32, T) {
        let (at, offset) = T::split(place);
        (at + self.first, offset)
    }

    #[inline(always)]
    fn holds(self, first: i32) -> bool {
        (first >= 0) & (first <= self.last)
    }
}

/// The whole number at or below `x`, which is taken for two thousand million where it is more, or no number. A cast says the
/// same, but processors have none for several at once that would.
#[inline(always)]
pub(super) fn floor(x: f64) -> i32 {
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
            let axis = Axis::new((&table).into(), MOST_SIDE_PX as i32);
            let (at, phase) = split(place);
            prop_assert_eq!(axis.support(place), ((at + table.first) as i32, phase as i32));
            let axis = Axis::new(bilinear::EXTENT, MOST_SIDE_PX as i32);
            let (at, fraction) = bilinear::split(place);
            prop_assert_eq!(axis.support(place), (at as i32, fraction));
            prop_assert!((0.0..1.0).contains(&fraction));
            prop_assert!((at as f64 + fraction + 0.5 - place).abs() <= 2_f64.powi(-33));
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

    proptest! {
        /// Rows one after the other by one [`Supports`], some of them level, are what each is by a new one, pixel by pixel.
        #[test]
        fn supports_of_level_rows_are_those_of_their_pixels(
            rows in prop::collection::vec((0..3_usize, -2.0..12.0_f64, any::<bool>(), any::<bool>()), 1..12),
            taps in 1..5_usize,
        ) {
            let lines = [
                vec![0.7, 1.9, 3.0, 4.4, 5.9, 7.0],
                vec![0.7, 1.9, 3.0, 4.4, 5.9, 8.0],
                vec![-3.0, f64::NAN, 3.0, 9.4, 11.0],
            ];
            let source = Raster::empty(10, 9, 1, crate::raster::SampleType::U8);
            let mut kept = Supports::<i32>::default();
            for (line, row, level, widened) in rows {
                let cols = &lines[line];
                let steps = |i: usize| if level { 0.0 } else { i as f64 * 0.1 };
                let at: Vec<f64> = (0..cols.len()).map(|i| row + steps(i)).collect();
                let places = Places { cols, rows: &at, upper: (&[], &[]), lower: (&[], &[]) };
                let extent = Extent { first: 1 - taps as isize, taps: 2 * taps };
                let other = Extent { first: 0, taps: 1 + usize::from(widened) };
                kept.find(&places, (other, extent), &source, &Whole::Everywhere);
                let (cols_axis, rows_axis) = (Axis::new(other, 10), Axis::new(extent, 9));
                for i in 0..cols.len() {
                    let (col, col_phase) = cols_axis.support::<i32>(cols[i]);
                    let (row, row_phase) = rows_axis.support::<i32>(at[i]);
                    let whole = cols_axis.holds(col) && rows_axis.holds(row);
                    prop_assert_eq!(kept.whole[i] != 0, whole);
                    if whole {
                        prop_assert_eq!((kept.cols[i], kept.rows[i]), (col_phase, row_phase));
                        prop_assert_eq!(kept.origins[i], row * 10 + col);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_nowhere_is_in_no_window() {
        let table = WeightTable::new(1.0, |x| 1.0 - x.abs(), 1.0);
        let axis = Axis::new((&table).into(), MOST_SIDE_PX as i32);
        for place in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1e12,
            1e12,
            -1.0,
            0.4,
        ] {
            assert!(!axis.holds(axis.support::<i32>(place).0), "{place}");
            assert!(!axis.holds(axis.support::<f64>(place).0), "{place}");
        }
        assert!(axis.holds(axis.support::<i32>(0.5).0));
        assert!(axis.holds(axis.support::<f64>(0.5).0));
    }
}
