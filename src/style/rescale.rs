//! Linear stretches: values to bytes.

use crate::raster::resample::{Work, compiled};
use crate::raster::{Raster, SampleType, Samples};

/// What becomes black, and what white, of one band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// The value that becomes 0, as all below it do.
    pub low: f64,
    /// The value that becomes 255, as all above it do.
    pub high: f64,
}

impl Stretch {
    /// The byte that `value` becomes: the nearest, halves upwards. Where the ends are one value, what is above it is white.
    #[inline]
    pub fn byte(self, value: f64) -> u8 {
        let scaled = (value - self.low) * self.scale();
        // A cast keeps within the type; of no number it makes 0.
        (scaled + 0.5) as u8
    }

    #[inline]
    fn scale(self) -> f64 {
        if self.high == self.low {
            f64::MAX
        } else {
            255.0 / (self.high - self.low)
        }
    }
}

impl std::fmt::Display for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", self.low, self.high)
    }
}

/// `raster` with each band stretched by its own of `stretches`.
pub(super) fn apply(stretches: &[Stretch], raster: &Raster) -> Raster {
    let mut out = Raster::empty(
        raster.width(),
        raster.height(),
        raster.bands(),
        SampleType::U8,
    );
    out.mask.copy_from_slice(&raster.mask);
    if let Samples::U8(bytes) = &mut out.samples {
        match &raster.samples {
            Samples::U8(values) => by_table(stretches, values, bytes),
            Samples::F32(values) => one_by_one(stretches, values, bytes),
            Samples::F64(values) => one_by_one(stretches, values, bytes),
        }
    }
    // What is hidden is 0, and 0 may have become something.
    out.clear_hidden();
    out
}

fn by_table(stretches: &[Stretch], values: &[u8], bytes: &mut [u8]) {
    let table = |stretch: &Stretch| -> [u8; 256] {
        std::array::from_fn(|value| stretch.byte(value as f64))
    };
    let tables: Vec<[u8; 256]> = stretches.iter().map(table).collect();
    let bands = stretches.len();
    for (from, to) in values
        .chunks_exact(bands)
        .zip(bytes.chunks_exact_mut(bands))
    {
        for ((from, to), table) in from.iter().zip(to).zip(&tables) {
            *to = table[usize::from(*from)];
        }
    }
}

/// Loops over as many samples as come again and again, so that they can be made several at a time.
fn one_by_one<S: Copy + Into<f64>>(stretches: &[Stretch], values: &[S], bytes: &mut [u8]) {
    match *stretches {
        [one] => each([one], values, bytes),
        [red, green, blue] => each([red, green, blue], values, bytes),
        _ => {
            let bands = stretches.len();
            for (from, to) in values
                .chunks_exact(bands)
                .zip(bytes.chunks_exact_mut(bands))
            {
                for ((&from, to), stretch) in from.iter().zip(to).zip(stretches) {
                    *to = stretch.byte(from.into());
                }
            }
        }
    }
}

fn each<S: Copy + Into<f64>, const N: usize>(
    stretches: [Stretch; N],
    values: &[S],
    bytes: &mut [u8],
) {
    compiled(Each {
        lows: stretches.map(|stretch| stretch.low),
        scales: stretches.map(Stretch::scale),
        values: values.as_chunks().0,
        bytes: bytes.as_chunks_mut().0,
    });
}

struct Each<'a, S, const N: usize> {
    lows: [f64; N],
    scales: [f64; N],
    values: &'a [[S; N]],
    bytes: &'a mut [[u8; N]],
}

impl<S: Copy + Into<f64>, const N: usize> Work for Each<'_, S, N> {
    #[inline(always)]
    fn run(self) {
        let Self { lows, scales, .. } = self;
        for (from, to) in self.values.iter().zip(self.bytes) {
            for band in 0..N {
                let scaled = (from[band].into() - lows[band]) * scales[band];
                to[band] = (scaled + 0.5) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_black_and_white_and_halves_go_upwards() {
        let stretch = Stretch {
            low: 100.0,
            high: 1120.0,
        };
        let bytes = [-5.0, 100.0, 101.9, 102.0, 610.0, 1120.0, 9e9, f64::NAN];
        assert_eq!(
            bytes.map(|v| stretch.byte(v)),
            [0, 0, 0, 1, 128, 255, 255, 0]
        );
        let turned = Stretch {
            low: 10.0,
            high: 0.0,
        };
        assert_eq!([0.0, 10.0, 12.0].map(|v| turned.byte(v)), [255, 0, 0]);
        let flat = Stretch {
            low: 3.0,
            high: 3.0,
        };
        assert_eq!([2.0, 3.0, 3.5].map(|v| flat.byte(v)), [0, 0, 255]);
    }

    #[test]
    fn all_kinds_of_samples_become_the_same_bytes() {
        let values: Vec<u8> = (0..=255).cycle().take(12 * 64).collect();
        let reals = || values.iter().map(|&v| f64::from(v));
        for bands in [1, 2, 3, 4] {
            let stretches: Vec<Stretch> = (0..bands)
                .map(|band| Stretch {
                    low: f64::from(7 * band),
                    high: 200.0 - f64::from(band),
                })
                .collect();
            let bands = bands as usize;
            let n = values.len() / bands;
            let of = |sample_type, samples| {
                let raster =
                    Raster::from_parts(n, 1, bands, sample_type, samples, vec![255; n]).unwrap();
                apply(&stretches, &raster)
            };
            let bytes = of(SampleType::U8, Samples::U8(values.clone()));
            let floats = Samples::F32(reals().map(|v| v as f32).collect());
            assert_eq!(of(SampleType::U16, floats), bytes);
            assert_eq!(of(SampleType::F64, Samples::F64(reals().collect())), bytes);
        }
    }
}
