//! Weight tables: a kernel sampled at fixed fractions of a pixel, normalised so that a constant stays a constant.

/// Fractions of a source pixel at which a kernel is sampled. With half a step, 1/4096 pixel, about three samples of a thousand
/// are one off in a photograph; with a quarter of the phases twice as many are.
pub const PHASES: usize = 2048;

/// Phases that share a row where a kernel is widened, as a power of two: such tables are made for each tile.
const SHARED_WIDENED: u32 = 2;

/// Bits of a fixed-point weight: 1.0 is `1 << WEIGHT_BITS`.
pub const WEIGHT_BITS: u32 = 14;

/// Weights for one axis: a row of `taps` for each phase; where the kernel is widened, for each few phases.
pub struct WeightTable {
    /// Source pixels that count, from the first on.
    pub taps: usize,
    /// The first of them, relative to the pixel whose centre is at or before the place.
    pub first: isize,
    /// Phases that share a row, as a power of two: a kernel twice as wide is half as steep. So the table does not grow.
    shared: u32,
    fixed: Vec<i32>,
    /// The same, two in one.
    pairs: Vec<i32>,
    real: Vec<f64>,
}

impl WeightTable {
    /// The table of `weight`, which reaches `radius` source pixels, widened `scale` times (at least 1).
    pub fn new(radius: f64, weight: fn(f64) -> f64, scale: f64) -> Self {
        let scale = scale.max(1.0);
        let reach = (radius * scale).ceil() as usize;
        let (taps, first) = (2 * reach, 1 - reach as isize);
        let widened = if scale > 1.0 { SHARED_WIDENED } else { 0 };
        let shared = ((scale as usize).ilog2() + widened).min(PHASES.ilog2());
        let n_rows = PHASES >> shared;
        let mut fixed = Vec::with_capacity(n_rows * taps);
        let mut real = Vec::with_capacity(n_rows * taps);
        for row in 0..n_rows {
            // In the middle of the phases that share it.
            let offset =
                ((row << shared) as f64 + ((1 << shared) - 1) as f64 / 2.0) / PHASES as f64;
            let raw: Vec<f64> = (0..taps)
                .map(|k| weight(((first + k as isize) as f64 - offset) / scale))
                .collect();
            let sum: f64 = raw.iter().sum();
            real.extend(raw.iter().map(|w| w / sum));
            fixed.extend(to_fixed(&raw, sum));
        }
        let pairs = fixed.as_chunks().0.iter().map(|&two| pair(two)).collect();
        Self {
            taps,
            first,
            shared,
            fixed,
            pairs,
            real,
        }
    }

    fn row(&self, phase: usize) -> std::ops::Range<usize> {
        let row = phase >> self.shared;
        row * self.taps..(row + 1) * self.taps
    }

    /// Fixed-point weights at `phase`; they sum to `1 << WEIGHT_BITS`.
    pub fn fixed(&self, phase: usize) -> &[i32] {
        &self.fixed[self.row(phase)]
    }

    /// [`WeightTable::fixed`], two in one: the first in the lower 16 bits, the second above. There is an even number of them.
    pub fn pairs(&self, phase: usize) -> &[i32] {
        let row = self.row(phase);
        &self.pairs[row.start / 2..row.end / 2]
    }

    /// The first `N` of [`WeightTable::pairs`] where there are `2 * N` taps: sooner found where the number is known.
    #[inline]
    pub fn pairs_of<const N: usize>(&self, phase: usize) -> &[i32; N] {
        let rest = &self.pairs[(phase >> self.shared) * N..];
        rest.first_chunk()
            .expect("a table has a row for each phase")
    }

    /// [`WeightTable::fixed`] where there are `N` taps.
    #[inline]
    pub fn fixed_of<const N: usize>(&self, phase: usize) -> &[i32; N] {
        let rest = &self.fixed[(phase >> self.shared) * N..];
        rest.first_chunk()
            .expect("a table has a row for each phase")
    }

    /// [`WeightTable::real`] where there are `N` taps.
    #[inline]
    pub fn real_of<const N: usize>(&self, phase: usize) -> &[f64; N] {
        let rest = &self.real[(phase >> self.shared) * N..];
        rest.first_chunk()
            .expect("a table has a row for each phase")
    }

    /// Weights at `phase`; they sum to 1 but for rounding.
    pub fn real(&self, phase: usize) -> &[f64] {
        &self.real[self.row(phase)]
    }
}

/// Rounds the weights so that their sum is exact: each takes what is left of the rounded sum of all up to it, and is within one unit
/// of itself. Where a kernel is so wide that its weights are less than a unit, some are one and the others none, evenly spread;
/// rounded one by one they would all be none.
fn to_fixed(raw: &[f64], sum: f64) -> Vec<i32> {
    let one = f64::from(1 << WEIGHT_BITS);
    let (mut exact, mut given) = (0.0, 0);
    raw.iter()
        .map(|w| {
            exact += w / sum * one;
            let fixed = exact.round() as i32 - given;
            given += fixed;
            fixed
        })
        .collect()
}

/// No weight is much above 1, so that each fits 16 bits.
fn pair([first, second]: [i32; 2]) -> i32 {
    debug_assert!([first, second].iter().all(|&w| i16::try_from(w).is_ok()));
    (first & 0xffff) | (second << 16)
}

/// Splits a place along one axis (pixel corners at whole numbers) into the pixel whose centre is at or before it, and the
/// phase from there to the next. `place` is at least -1.
#[inline]
pub fn split(place: f64) -> (isize, usize) {
    // Rounded by a cast, which is one instruction where `round` is a call. It cuts towards zero; the offset keeps it on one
    // side of that for every place down to two pixels before the first.
    const OFFSET: f64 = 4.0 * PHASES as f64;
    let steps = ((place - 0.5) * PHASES as f64 + (OFFSET + 0.5)) as isize - OFFSET as isize;
    (
        steps.div_euclid(PHASES as isize),
        steps.rem_euclid(PHASES as isize) as usize,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::kernel::{KERNELS, Method};

    #[test]
    fn fixed_weights_sum_to_one_exactly_at_every_phase_and_scale() {
        for kernel in &KERNELS {
            let Method::Convolution { radius, weight } = kernel.method else {
                continue;
            };
            for scale in [0.5, 1.0, 1.03, 1.5, 2.0, 3.7, 16.0] {
                let table = WeightTable::new(radius, weight, scale);
                for phase in 0..PHASES {
                    assert_eq!(
                        table.fixed(phase).iter().sum::<i32>(),
                        1 << WEIGHT_BITS,
                        "{} x {scale} at {phase}",
                        kernel.name
                    );
                    let sum: f64 = table.real(phase).iter().sum();
                    assert!(
                        (sum - 1.0).abs() < 1e-12,
                        "{} x {scale} at {phase}: {sum}",
                        kernel.name
                    );
                }
            }
        }
    }

    #[test]
    fn fixed_weights_are_the_true_ones_however_wide_the_kernel() {
        for kernel in &KERNELS {
            let Method::Convolution { radius, weight } = kernel.method else {
                continue;
            };
            for scale in [1.0, 2.3, 16.0, 700.0, 5000.0, 50_000.0] {
                let table = WeightTable::new(radius, weight, scale);
                for phase in [0, 1, PHASES / 3, PHASES - 1] {
                    let (fixed, real) = (table.fixed(phase), table.real(phase));
                    let name = kernel.name;
                    assert_eq!(
                        fixed.iter().sum::<i32>(),
                        1 << WEIGHT_BITS,
                        "{name} x {scale}"
                    );
                    let one = f64::from(1 << WEIGHT_BITS);
                    for (&fixed, real) in fixed.iter().zip(real) {
                        let off = (f64::from(fixed) - real * one).abs();
                        assert!(
                            off <= 1.0 + 1e-6,
                            "{name} x {scale}: {fixed} for {}",
                            real * one
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_place_is_split_at_pixel_centres() {
        assert_eq!(split(0.5), (0, 0));
        assert_eq!(split(1.0), (0, PHASES / 2));
        assert_eq!(split(0.0), (-1, PHASES / 2));
        assert_eq!(
            split(7.499_999),
            (7, 0),
            "rounding carries into the next pixel"
        );
    }
}
