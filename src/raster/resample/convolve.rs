//! Convolution: a weighted sum over a rectangle of source pixels, by tables.

use super::{MaskKind, Pixels, Places};
use crate::raster::sample::Sample;
use crate::raster::weights::{WEIGHT_BITS, WeightTable, split};

/// The weights for both axes, and those for where part of the support is missing.
pub(super) struct Tables<'a> {
    pub(super) cols: &'a WeightTable,
    pub(super) rows: &'a WeightTable,
    pub(super) fallback: Option<&'a WeightTable>,
    /// Leaves a pixel out when less than half of its support is there.
    pub(super) needs_half: bool,
}

/// A sample type that can be convolved.
pub(super) trait Lane: Sample {
    /// Of weights and of sums on the way.
    type Weight: Copy + Default;
    /// The table's weights of this type.
    fn weights(table: &WeightTable, phase: usize) -> &[Self::Weight];
    /// Adds a weighted sample to the sum over a row.
    fn add(sum: Self::Weight, weight: Self::Weight, value: Self) -> Self::Weight;
    /// Adds a weighted row to the sum over all rows.
    fn add_row(sum: Self::Weight, weight: Self::Weight, row: Self::Weight) -> Self::Weight;
    /// The sum over all rows as a sample.
    fn finish(sum: Self::Weight) -> Self;
    /// Adds `value` under `mask` with the product of two weights to `(weighted values, weights)`.
    fn add_masked(
        sum: &mut f64,
        col_weight: Self::Weight,
        row_weight: Self::Weight,
        mask: u8,
        value: Self,
    );
    /// The product of two weights as a share of one.
    fn share(col_weight: Self::Weight, row_weight: Self::Weight) -> f64;
}

/// Bits dropped between the two passes, so that the second stays within 32: 8 + 14 - 7 + 14 = 29 and a sign.
const ROW_SHIFT: u32 = 7;

impl Lane for u8 {
    type Weight = i32;

    #[inline]
    fn weights(table: &WeightTable, phase: usize) -> &[i32] {
        table.fixed(phase)
    }

    #[inline]
    fn add(sum: i32, weight: i32, value: Self) -> i32 {
        sum + weight * i32::from(value)
    }

    #[inline]
    fn add_row(sum: i32, weight: i32, row: i32) -> i32 {
        sum + weight * ((row + (1 << (ROW_SHIFT - 1))) >> ROW_SHIFT)
    }

    #[inline]
    fn finish(sum: i32) -> Self {
        const SHIFT: u32 = 2 * WEIGHT_BITS - ROW_SHIFT;
        ((sum + (1 << (SHIFT - 1))) >> SHIFT).clamp(0, 255) as Self
    }

    #[inline]
    fn add_masked(sum: &mut f64, col_weight: i32, row_weight: i32, mask: u8, value: Self) {
        // Whole numbers below 2^53 in an f64 are integer arithmetic: exact, on every processor.
        *sum += (i64::from(col_weight * row_weight) * i64::from(u32::from(mask) * u32::from(value)))
            as f64;
    }

    #[inline]
    fn share(col_weight: i32, row_weight: i32) -> f64 {
        f64::from(col_weight * row_weight)
    }
}

/// Floating point: weights and sums have more digits than samples of 32 bits, or wide kernels would lose the last of 16.
macro_rules! floating_lane {
    ($float:ty) => {
        impl Lane for $float {
            type Weight = f64;

            #[inline]
            fn weights(table: &WeightTable, phase: usize) -> &[f64] {
                table.real(phase)
            }

            #[inline]
            fn add(sum: f64, weight: f64, value: Self) -> f64 {
                sum + weight * f64::from(value)
            }

            #[inline]
            fn add_row(sum: f64, weight: f64, row: f64) -> f64 {
                sum + weight * row
            }

            #[inline]
            fn finish(sum: f64) -> Self {
                sum as Self
            }

            #[inline]
            fn add_masked(sum: &mut f64, col_weight: f64, row_weight: f64, mask: u8, value: Self) {
                *sum += col_weight * row_weight * f64::from(mask) * f64::from(value);
            }

            #[inline]
            fn share(col_weight: f64, row_weight: f64) -> f64 {
                col_weight * row_weight
            }
        }
    };
}

floating_lane!(f32);
floating_lane!(f64);

/// One row of the tile.
pub(super) fn row<S: Lane>(
    source: &Pixels<S>,
    places: &Places,
    tables: &Tables,
    mask_kind: MaskKind,
    dst: &mut [S],
    mask: &mut [u8],
) {
    match source.raster.bands() {
        1 => row_of_bands::<S, 1>(source, places, tables, mask_kind, dst, mask),
        3 => row_of_bands::<S, 3>(source, places, tables, mask_kind, dst, mask),
        n => unreachable!("a tile has 1 or 3 bands, not {n}"),
    }
}

/// Where no kernel is widened, the number of taps is known here, and the loops over them unroll: more than twice as fast.
fn row_of_bands<S: Lane, const N: usize>(
    source: &Pixels<S>,
    places: &Places,
    tables: &Tables,
    mask_kind: MaskKind,
    dst: &mut [S],
    mask: &mut [u8],
) {
    match (tables.cols.taps, tables.rows.taps) {
        (2, 2) => row_of::<S, N, 2>(source, places, tables, mask_kind, dst, mask),
        (4, 4) => row_of::<S, N, 4>(source, places, tables, mask_kind, dst, mask),
        (6, 6) => row_of::<S, N, 6>(source, places, tables, mask_kind, dst, mask),
        _ => row_of::<S, N, ANY>(source, places, tables, mask_kind, dst, mask),
    }
}

/// As many taps as the tables have.
const ANY: usize = 0;

fn row_of<S: Lane, const N: usize, const TAPS: usize>(
    source: &Pixels<S>,
    places: &Places,
    tables: &Tables,
    mask_kind: MaskKind,
    dst: &mut [S],
    mask: &mut [u8],
) {
    let dst = dst.as_chunks_mut::<N>().0;
    for (i, (dst, mask)) in dst.iter_mut().zip(mask).enumerate() {
        let (col, row) = (places.cols[i], places.rows[i]);
        let Some(centre) = source.holding(col, row) else {
            continue;
        };
        if source.raster.mask[centre] == 0 {
            continue;
        }
        let (col, row) = (split(col), split(row));
        if let Some(origin) = whole_support(source, tables, mask_kind, col.0, row.0) {
            *dst = convolve::<S, N, TAPS>(source, tables, origin, col.1, row.1);
            *mask = 255;
        } else {
            let (cols, rows) = tables
                .fallback
                .map_or((tables.cols, tables.rows), |bilinear| (bilinear, bilinear));
            let part = convolve_masked::<S, N>(source, (cols, rows), col, row);
            if let Some(part) = part.filter(|part| part.half || !tables.needs_half) {
                *dst = part.pixel;
                *mask = if mask_kind == MaskKind::Graded {
                    part.covered
                } else {
                    255
                };
            }
        }
    }
}

/// The index of the first pixel of the support around (`col`, `row`) if all of it lies within the window and is whole.
#[inline]
fn whole_support<S>(
    source: &Pixels<S>,
    tables: &Tables,
    mask_kind: MaskKind,
    col: isize,
    row: isize,
) -> Option<usize> {
    let (w, h) = (source.raster.width(), source.raster.height());
    let (first_col, first_row) = (col + tables.cols.first, row + tables.rows.first);
    if first_col < 0 || first_row < 0 {
        return None;
    }
    let (first_col, first_row) = (first_col as usize, first_row as usize);
    if first_col + tables.cols.taps > w || first_row + tables.rows.taps > h {
        return None;
    }
    let origin = first_row * w + first_col;
    let whole = mask_kind == MaskKind::None
        || (0..tables.rows.taps).all(|j| {
            source.raster.mask[origin + j * w..][..tables.cols.taps]
                .iter()
                .all(|&m| m == 255)
        });
    whole.then_some(origin)
}

/// The plain case: all of the support is there.
#[inline(always)]
fn convolve<S: Lane, const N: usize, const TAPS: usize>(
    source: &Pixels<S>,
    tables: &Tables,
    origin: usize,
    col_phase: usize,
    row_phase: usize,
) -> [S; N] {
    let (col_taps, row_taps) = match TAPS {
        ANY => (tables.cols.taps, tables.rows.taps),
        taps => (taps, taps),
    };
    let width = source.raster.width();
    let col_weights = &S::weights(tables.cols, col_phase)[..col_taps];
    let row_weights = &S::weights(tables.rows, row_phase)[..row_taps];
    let mut total = [S::Weight::default(); N];
    for (j, &row_weight) in row_weights.iter().enumerate() {
        let start = (origin + j * width) * N;
        let line = source.samples[start..start + col_taps * N]
            .as_chunks::<N>()
            .0;
        let mut sums = [S::Weight::default(); N];
        for (&weight, pixel) in col_weights.iter().zip(line) {
            for band in 0..N {
                sums[band] = S::add(sums[band], weight, pixel[band]);
            }
        }
        for band in 0..N {
            total[band] = S::add_row(total[band], row_weight, sums[band]);
        }
    }
    total.map(S::finish)
}

/// What a support makes that is there in part.
struct Part<S, const N: usize> {
    pixel: [S; N],
    /// How much of the pixel is covered, of 255.
    covered: u8,
    /// Whether at least half of the support's pixels are there; those outside the source are not asked.
    half: bool,
}

/// Where part of the support is missing or covers in part: every pixel counts by its mask. Those outside, and those that
/// are not there at all, do not count, for the cover neither: as in GDAL's warper, an edge stays as sharp as it was.
fn convolve_masked<S: Lane, const N: usize>(
    source: &Pixels<S>,
    (cols, rows): (&WeightTable, &WeightTable),
    (col, col_phase): (isize, usize),
    (row, row_phase): (isize, usize),
) -> Option<Part<S, N>> {
    let (width, height) = (
        source.raster.width() as isize,
        source.raster.height() as isize,
    );
    let mut sums = [0.0; N];
    let (mut covered, mut inside) = (0.0, 0.0);
    let (mut asked, mut there) = (0_usize, 0_usize);
    for (j, &row_weight) in S::weights(rows, row_phase).iter().enumerate() {
        let r = row + rows.first + j as isize;
        if r < 0 || r >= height {
            continue;
        }
        for (i, &col_weight) in S::weights(cols, col_phase).iter().enumerate() {
            let c = col + cols.first + i as isize;
            if c < 0 || c >= width {
                continue;
            }
            let k = (r * width + c) as usize;
            let mask = source.raster.mask[k];
            asked += 1;
            if mask == 0 {
                continue;
            }
            there += 1;
            let share = S::share(col_weight, row_weight);
            inside += share;
            covered += share * f64::from(mask);
            for (sum, &value) in sums.iter_mut().zip(source.pixel(k)) {
                S::add_masked(sum, col_weight, row_weight, mask, value);
            }
        }
    }
    if covered <= 0.0 || inside <= 0.0 {
        return None;
    }
    let share = (covered / inside + 0.5).clamp(0.0, 255.0) as u8;
    (share > 0).then(|| Part {
        pixel: sums.map(|sum| S::from_mean(sum / covered)),
        covered: share,
        half: there >= asked / 2,
    })
}
