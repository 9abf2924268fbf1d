//! Reducers: four pixels into one, on the way up the pyramid. One row of [`REDUCERS`] each.
//!
//! A reducer sees exactly 2 x 2 pixels, so tiles need no margins and have no seams. A pixel of the mask counts as much as
//! its mask says.

use super::Raster;
use super::sample::{Sample, of_one_kind};

/// How four pixels become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reducer {
    /// The mean, each pixel weighed by its mask.
    Average,
    /// The north-western one.
    Nearest,
    /// The most frequent colour, each pixel weighed by its mask, under the largest mask that it has. There is one where at least
    /// two of the four are there, however much they cover.
    Mode,
    /// The smallest value of each band.
    Min,
    /// The largest value of each band.
    Max,
}

/// Every reducer and its name on the command line.
pub const REDUCERS: [(&str, Reducer); 5] = [
    ("average", Reducer::Average),
    ("nearest", Reducer::Nearest),
    ("mode", Reducer::Mode),
    ("min", Reducer::Min),
    ("max", Reducer::Max),
];

impl Reducer {
    /// The reducer of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        REDUCERS.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// This reducer's name.
    pub fn name(self) -> &'static str {
        REDUCERS
            .iter()
            .find(|row| row.1 == self)
            .expect("every reducer has a row")
            .0
    }

    /// `raster` at half the size. Width and height must be even.
    pub fn reduce(self, raster: &Raster) -> Raster {
        let mut out = Raster::empty(
            raster.width() / 2,
            raster.height() / 2,
            raster.bands(),
            raster.sample_type(),
        );
        of_one_kind!((&raster.samples, &mut out.samples), |src, dst| {
            self.reduce_samples(src, dst, raster, &mut out.mask);
        });
        out
    }

    fn reduce_samples<S: Quarter>(
        self,
        src: &[S],
        dst: &mut [S],
        raster: &Raster,
        mask: &mut [u8],
    ) {
        let (width, bands) = (raster.width(), raster.bands());
        let half = width / 2;
        for (row, (dst, out_mask)) in dst
            .chunks_exact_mut(half * bands)
            .zip(mask.chunks_exact_mut(half))
            .enumerate()
        {
            let line = 2 * row * width;
            let upper = &src[line * bands..(line + width) * bands];
            let lower = &src[(line + width) * bands..(line + 2 * width) * bands];
            let (upper_mask, lower_mask) = (
                &raster.mask[line..line + width],
                &raster.mask[line + width..line + 2 * width],
            );
            if self == Self::Average && upper_mask.iter().chain(lower_mask).all(|&m| m == 255) {
                average_opaque(upper, lower, bands, dst);
                out_mask.fill(255);
                continue;
            }
            for (i, (dst, out_mask)) in dst.chunks_exact_mut(bands).zip(out_mask).enumerate() {
                let (left, right) = (2 * i * bands, (2 * i + 1) * bands);
                let pixels = [
                    &upper[left..right],
                    &upper[right..right + bands],
                    &lower[left..right],
                    &lower[right..right + bands],
                ];
                let masks = [
                    upper_mask[2 * i],
                    upper_mask[2 * i + 1],
                    lower_mask[2 * i],
                    lower_mask[2 * i + 1],
                ];
                *out_mask = self.reduce_pixel(pixels, masks, dst);
            }
        }
    }

    fn reduce_pixel<S: Quarter>(self, pixels: [&[S]; 4], masks: [u8; 4], dst: &mut [S]) -> u8 {
        let sum: u32 = masks.iter().map(|&m| u32::from(m)).sum();
        if sum == 0 {
            return 0;
        }
        let extreme = |dst: &mut [S], better: fn(&S, &S) -> bool| {
            for (band, out) in dst.iter_mut().enumerate() {
                let mut values = (0..4).filter(|&k| masks[k] > 0).map(|k| pixels[k][band]);
                let first = values.next().expect("the sum of the masks is not zero");
                *out = values.fold(first, |best, v| if better(&v, &best) { v } else { best });
            }
            masks.into_iter().max().unwrap_or(0)
        };
        match self {
            Self::Average => {
                for (band, out) in dst.iter_mut().enumerate() {
                    *out = S::weighted_mean(
                        [
                            pixels[0][band],
                            pixels[1][band],
                            pixels[2][band],
                            pixels[3][band],
                        ],
                        masks,
                        sum,
                    );
                }
                // Half to even in integers, as for the samples; never down to nothing.
                (quarter(sum) as u8).max(1)
            }
            Self::Nearest => {
                if masks[0] > 0 {
                    dst.copy_from_slice(pixels[0]);
                }
                masks[0]
            }
            Self::Mode => {
                if masks.iter().filter(|&&m| m > 0).count() < 2 {
                    return 0;
                }
                // The first of the most frequent, so that ties have one answer.
                let alike = |k: usize| {
                    let same = (0..4).filter(move |&j| pixels[j] == pixels[k]);
                    same.map(|j| masks[j])
                };
                let votes = |k: usize| alike(k).map(u32::from).sum::<u32>();
                let best = (0..4)
                    .rev()
                    .filter(|&k| masks[k] > 0)
                    .max_by_key(|&k| votes(k))
                    .expect("the sum of the masks is not zero");
                dst.copy_from_slice(pixels[best]);
                alike(best).max().unwrap_or(0)
            }
            Self::Min => extreme(dst, |a, b| a < b),
            Self::Max => extreme(dst, |a, b| a > b),
        }
    }
}

/// A quarter of `sum`, half to even: rounding half up would lighten each level by an eighth of a step on average.
fn quarter(sum: u32) -> u32 {
    (sum + 1 + ((sum >> 2) & 1)) >> 2
}

/// A sample of which four can be averaged.
trait Quarter: Sample {
    fn mean(values: [Self; 4]) -> Self;
    fn weighted_mean(values: [Self; 4], weights: [u8; 4], sum: u32) -> Self;

    /// The means of two rows of pixels with three bands.
    fn average_rgb(upper: &[Self], lower: &[Self], dst: &mut [Self]) {
        average_bands::<Self, 3>(upper, lower, dst);
    }
}

impl Quarter for u8 {
    #[inline]
    fn mean(values: [Self; 4]) -> Self {
        // u16 keeps the vectors narrow.
        let sum: u16 = values.iter().map(|&v| u16::from(v)).sum();
        ((sum + 1 + ((sum >> 2) & 1)) >> 2) as Self
    }

    fn weighted_mean(values: [Self; 4], weights: [u8; 4], sum: u32) -> Self {
        let total: u32 = values
            .iter()
            .zip(weights)
            .map(|(&v, w)| u32::from(v) * u32::from(w))
            .sum();
        let (whole, rest) = (total / sum, total % sum);
        let up = 2 * rest > sum || (2 * rest == sum && whole % 2 == 1);
        (whole + u32::from(up)) as Self
    }

    fn average_rgb(upper: &[Self], lower: &[Self], dst: &mut [Self]) {
        average_rgb_bytes(upper, lower, dst);
    }
}

impl Quarter for f32 {
    #[inline]
    fn mean(values: [Self; 4]) -> Self {
        ((values[0] + values[1]) + (values[2] + values[3])) * 0.25
    }

    fn weighted_mean(values: [Self; 4], weights: [u8; 4], sum: u32) -> Self {
        let part = |k: usize| values[k] * Self::from(weights[k]);
        ((part(0) + part(1)) + (part(2) + part(3))) / sum as Self
    }
}

impl Quarter for f64 {
    #[inline]
    fn mean(values: [Self; 4]) -> Self {
        ((values[0] + values[1]) + (values[2] + values[3])) * 0.25
    }

    fn weighted_mean(values: [Self; 4], weights: [u8; 4], sum: u32) -> Self {
        let part = |k: usize| values[k] * Self::from(weights[k]);
        ((part(0) + part(1)) + (part(2) + part(3))) / Self::from(sum)
    }
}

fn average_opaque<S: Quarter>(upper: &[S], lower: &[S], bands: usize, dst: &mut [S]) {
    match bands {
        1 => average_bands::<S, 1>(upper, lower, dst),
        3 => S::average_rgb(upper, lower, dst),
        _ => {
            for (i, out) in dst.iter_mut().enumerate() {
                let k = i / bands * 2 * bands + i % bands;
                *out = S::mean([upper[k], upper[k + bands], lower[k], lower[k + bands]]);
            }
        }
    }
}

fn average_bands<S: Quarter, const N: usize>(upper: &[S], lower: &[S], dst: &mut [S]) {
    for (i, out) in dst.chunks_exact_mut(N).enumerate() {
        let (u, l) = (
            &upper[2 * N * i..2 * N * (i + 1)],
            &lower[2 * N * i..2 * N * (i + 1)],
        );
        for band in 0..N {
            out[band] = S::mean([u[band], u[N + band], l[band], l[N + band]]);
        }
    }
}

/// [`average_bands`] of three bands, laid out for vectors: each byte is averaged with the one a pixel after it, and of the
/// means every other pixel is taken.
fn average_rgb_bytes(upper: &[u8], lower: &[u8], dst: &mut [u8]) {
    const IN: usize = 96;
    const OUT: usize = IN / 2;
    let (uppers, lowers) = (upper.chunks_exact(IN), lower.chunks_exact(IN));
    let (upper_rest, lower_rest) = (uppers.remainder(), lowers.remainder());
    let mut outs = dst.chunks_exact_mut(OUT);
    for ((upper, lower), out) in uppers.zip(lowers).zip(&mut outs) {
        let mut sums = [0_u16; IN];
        for ((sum, &u), &l) in sums.iter_mut().zip(upper).zip(lower) {
            *sum = u16::from(u) + u16::from(l);
        }
        let mut means = [0_u8; IN];
        for ((mean, &left), &right) in means.iter_mut().zip(&sums).zip(&sums[3..]) {
            let sum = left + right;
            *mean = ((sum + 1 + ((sum >> 2) & 1)) >> 2) as u8;
        }
        // Four bytes are moved as one; the fourth is overwritten by the next pixel.
        let mut pixels = [0_u8; OUT + 1];
        for i in 0..OUT / 3 {
            pixels[3 * i..3 * i + 4].copy_from_slice(&means[6 * i..6 * i + 4]);
        }
        out.copy_from_slice(&pixels[..OUT]);
    }
    average_bands::<u8, 3>(upper_rest, lower_rest, outs.into_remainder());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::raster::{SampleType, Samples};

    proptest! {
        #[test]
        fn bytes_in_vectors_have_the_same_means(
            (upper, lower) in (0_usize..80).prop_flat_map(|n| {
                let row = || prop::collection::vec(any::<u8>(), 6 * n);
                (row(), row())
            }),
        ) {
            let mut fast = vec![0; upper.len() / 2];
            let mut plain = fast.clone();
            average_rgb_bytes(&upper, &lower, &mut fast);
            average_bands::<u8, 3>(&upper, &lower, &mut plain);
            prop_assert_eq!(fast, plain);
        }
    }

    fn raster(values: &[u8], mask: &[u8]) -> Raster {
        Raster::from_parts(
            2,
            2,
            1,
            SampleType::U8,
            Samples::U8(values.to_vec()),
            mask.to_vec(),
        )
        .unwrap()
    }

    fn check(reducer: Reducer, values: &[u8; 4], mask: &[u8; 4], expected: (u8, u8)) {
        let out = reducer.reduce(&raster(values, mask));
        assert_eq!(
            (&out.samples, out.mask[0]),
            (&Samples::U8(vec![expected.0]), expected.1),
            "{reducer:?} of {values:?} under {mask:?}"
        );
    }

    #[test]
    fn four_pixels_become_one() {
        const ALL: [u8; 4] = [255; 4];
        check(Reducer::Average, &[10, 20, 30, 40], &ALL, (25, 255));
        // GDAL's own test of averaging around nodata 20: round(80 / 3), alpha three quarters.
        check(
            Reducer::Average,
            &[10, 0, 30, 40],
            &[255, 0, 255, 255],
            (27, 191),
        );
        check(Reducer::Average, &[1, 2, 2, 1], &ALL, (2, 255));
        check(Reducer::Average, &[1, 1, 0, 0], &ALL, (0, 255));
        check(Reducer::Average, &[200, 0, 0, 0], &[1, 0, 0, 0], (200, 1));
        check(Reducer::Average, &[0; 4], &[0; 4], (0, 0));
        check(Reducer::Nearest, &[10, 20, 30, 40], &ALL, (10, 255));
        check(
            Reducer::Nearest,
            &[0, 20, 30, 40],
            &[0, 255, 255, 255],
            (0, 0),
        );
        check(Reducer::Mode, &[3, 7, 7, 1], &ALL, (7, 255));
        check(Reducer::Mode, &[3, 7, 3, 7], &ALL, (3, 255));
        check(Reducer::Mode, &[0, 7, 0, 9], &[0, 255, 0, 255], (7, 255));
        check(Reducer::Mode, &[0, 7, 0, 0], &[0, 255, 0, 0], (0, 0));
        // Pixels that cover in part are there, and stay so.
        check(Reducer::Mode, &[7; 4], &[100; 4], (7, 100));
        check(Reducer::Mode, &[7, 0, 0, 9], &[1, 0, 0, 2], (9, 2));
        check(Reducer::Mode, &[7, 7, 9, 3], &[80, 90, 160, 0], (7, 90));
        check(Reducer::Mode, &[7, 0, 0, 0], &[100, 0, 0, 0], (0, 0));
        check(
            Reducer::Min,
            &[0, 20, 30, 40],
            &[0, 255, 255, 255],
            (20, 255),
        );
        check(
            Reducer::Max,
            &[10, 20, 30, 40],
            &[255, 255, 255, 0],
            (30, 255),
        );
    }

    #[test]
    fn a_constant_stays_constant_and_noise_keeps_its_mean() {
        for (name, reducer) in REDUCERS {
            assert_eq!(Reducer::from_name(name), Some(reducer));
            let flat = Raster::from_parts(
                8,
                8,
                3,
                SampleType::U8,
                Samples::U8(vec![77; 192]),
                vec![255; 64],
            )
            .unwrap();
            let out = reducer.reduce(&flat);
            assert_eq!(
                (out.width(), out.samples, out.mask),
                (4, Samples::U8(vec![77; 48]), vec![255; 16]),
                "{name}"
            );
        }
        // A fixed pseudo-random picture, five levels up: the mean must not drift.
        let mut state = 1_u32;
        let noise: Vec<u8> = (0..1024 * 1024)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let mean = |v: &[u8]| v.iter().map(|&v| f64::from(v)).sum::<f64>() / v.len() as f64;
        let before = mean(&noise);
        let mut raster = Raster::from_parts(
            1024,
            1024,
            1,
            SampleType::U8,
            Samples::U8(noise),
            vec![255; 1024 * 1024],
        )
        .unwrap();
        for _ in 0..5 {
            raster = Reducer::Average.reduce(&raster);
        }
        let Samples::U8(after) = &raster.samples else {
            panic!("8 bits stay 8 bits")
        };
        assert!(
            (mean(after) - before).abs() < 0.1,
            "{} against {before}",
            mean(after)
        );
    }
}
