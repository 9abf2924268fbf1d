//! Runs of pixels whose supports lie in the same rows of the window with the same weights, as all of a tile's row do where a
//! map's columns and rows follow from x and y each by itself: what lies under them is summed up column by column once, for all
//! the pixels that share a column. Sums are in the order of [`convolve`](super::convolve), which makes the same bytes without.

use super::avx2::{self, Input};
use super::convolve::Lane;

/// Makes a run in floating point, if it is such a one. `false` when nothing was done.
pub(super) fn sum<S: Lane, const N: usize>(input: &Input<S>, dst: &mut [[S; N]]) -> bool {
    let Some(columns) = columns(input) else {
        return false;
    };
    avx2::compiled(Level {
        input,
        columns,
        dst,
    });
    true
}

/// The columns under a run, the pixel of the window in which they begin and their number; `None` where supports lie in other
/// rows, or share so little that it saves nothing.
fn columns<S>(input: &Input<S>) -> Option<(usize, usize)> {
    let run = input.run;
    let (&first_phase, &origin) = (run.rows.first()?, run.origins.first()?);
    let (mut least, mut most, mut differ) = (origin, origin, 0);
    for (&origin, &phase) in run.origins.iter().zip(run.rows) {
        least = least.min(origin);
        most = most.max(origin);
        differ |= phase ^ first_phase;
    }
    let (least, most) = (least as usize, most as usize);
    let n = most - least + input.cols.taps;
    let level = differ == 0 && least / input.width == most / input.width;
    (level && n < run.origins.len() * input.cols.taps).then_some((least, n))
}

struct Level<'a, S, const N: usize> {
    input: &'a Input<'a, S>,
    columns: (usize, usize),
    dst: &'a mut [[S; N]],
}

impl<S: Lane, const N: usize> avx2::Work for Level<'_, S, N> {
    #[inline(always)]
    fn run(self) {
        let Self {
            input,
            columns: (first, n),
            dst,
        } = self;
        let mut sums = vec![[0.0; N]; n];
        let phase = input.run.rows[0] as usize;
        for (j, &weight) in input.rows.real(phase).iter().enumerate() {
            let line = &input.samples[(first + j * input.width) * N..][..n * N];
            for (sum, value) in sums.as_flattened_mut().iter_mut().zip(line) {
                *sum += weight * value.value();
            }
        }
        let weights_of = input.cols;
        match weights_of.taps {
            2 => across(input, first, &sums, dst, |phase| {
                weights_of.real_of::<2>(phase)
            }),
            4 => across(input, first, &sums, dst, |phase| {
                weights_of.real_of::<4>(phase)
            }),
            _ => across(input, first, &sums, dst, |phase| weights_of.real(phase)),
        }
    }
}

/// The pixels of a run, from the sums of the columns from the window's pixel `first` on.
#[inline(always)]
fn across<'a, S: Lane, W: AsRef<[f64]> + ?Sized + 'a, const N: usize>(
    input: &Input<S>,
    first: usize,
    sums: &[[f64; N]],
    dst: &mut [[S; N]],
    weights: impl Fn(usize) -> &'a W,
) {
    let run = input.run;
    for ((dst, &origin), &phase) in dst.iter_mut().zip(run.origins).zip(run.cols) {
        let weights = weights(phase as usize).as_ref();
        let sums = &sums[origin as usize - first..][..weights.len()];
        let mut total = [0.0; N];
        for (&weight, sums) in weights.iter().zip(sums) {
            for (total, sum) in total.iter_mut().zip(sums) {
                *total += weight * sum;
            }
        }
        *dst = total.map(S::from_mean);
    }
}

#[cfg(test)]
mod tests {
    use super::super::supports::Run;
    use super::*;
    use crate::raster::weights::WeightTable;

    #[test]
    fn only_pixels_that_share_rows_and_columns_are_summed_up_together() {
        let table = WeightTable::new(1.0, |x| 1.0 - x.abs(), 1.5);
        assert_eq!(table.taps, 4);
        let samples = [0_f32; 200];
        let columns_of = |origins: &[i32], rows: &[i32]| {
            let cols = vec![0; origins.len()];
            let run = Run {
                origins,
                cols: &cols,
                rows,
            };
            columns(&Input {
                samples: &samples,
                width: 20,
                cols: &table,
                rows: &table,
                run,
            })
        };
        assert_eq!(columns_of(&[23, 24, 24, 29], &[5; 4]), Some((23, 10)));
        assert_eq!(columns_of(&[29, 24, 23], &[5; 3]), Some((23, 10)));
        assert_eq!(columns_of(&[23, 24, 24, 29], &[5, 5, 6, 5]), None);
        assert_eq!(columns_of(&[36, 38, 40], &[5; 3]), None, "the row below");
        assert_eq!(columns_of(&[20, 30], &[5; 2]), None, "far apart");
        assert_eq!(columns_of(&[20], &[5]), None, "alone");
        assert_eq!(columns_of(&[], &[]), None);
    }
}
