//! Bilinear where it is not widened: what lies between four pixels, exactly.
//!
//! A sample is what [`between`] says in an f64, rounded half up; a place counts to 2⁻³² pixel, see [`split`]. What is faster
//! ([`avx2`]) computes in an f32 first, and anew by [`between`] what comes so near to half a step between two bytes that it
//! might be rounded the wrong way.

use super::avx2;
use super::convolve::{Lane, Part, masked};
use super::supports::{Extent, Run, Supports, Whole, floor, whole_support};
use super::{MaskKind, Pixels, Places};

/// The two pixels that count on each axis: the one whose centre is at or before the place, and the next.
pub(super) const EXTENT: Extent = Extent { first: 0, taps: 2 };

/// What a run of whole supports is made of: the samples of a window `width` pixels wide.
#[derive(Clone, Copy)]
pub(super) struct Input<'a, S> {
    pub(super) samples: &'a [S],
    pub(super) width: usize,
    pub(super) run: Run<'a, f64>,
}

/// A place along one axis (pixel corners at whole numbers), counted from the centre of the first pixel and rounded to 2⁻³²
/// pixel. A window that begins elsewhere takes other bits from a place, far behind these: so a pixel does not depend on how
/// a tile was cut into windows, nor a tie on the last bit of a sine.
#[inline(always)]
fn from_centre(place: f64) -> f64 {
    // Added to a number below 2^19 it leaves so many bits to fractions.
    const MAGIC: f64 = 1.5 * (1_u64 << 20) as f64;
    (place - 0.5) + MAGIC - MAGIC
}

/// Splits a place into the pixel whose centre is at or before it, and how far it is from there to the next.
pub(super) fn split(place: f64) -> (isize, f64) {
    let x = from_centre(place);
    (x.floor() as isize, x - x.floor())
}

/// [`split`] in 32 bits. What is no number, or is far beyond a window, comes to lie outside any.
#[inline(always)]
pub(super) fn split_32(place: f64) -> (i32, f64) {
    let x = from_centre(place);
    let at = floor(x);
    (at, x - f64::from(at))
}

/// The sample at a fraction of the way from the upper left of `corners` (upper two, lower two) to the right and down.
#[inline(always)]
fn between(corners: [[f64; 2]; 2], right: f64, down: f64) -> f64 {
    let [upper, lower] = corners.map(|[a, b]| a * (1.0 - right) + b * right);
    upper * (1.0 - down) + lower * down
}

/// The pixel whose support begins at `origin` and is whole.
#[inline(always)]
pub(super) fn exact<S: Lane, const N: usize>(
    samples: &[S],
    width: usize,
    origin: usize,
    (right, down): (f64, f64),
) -> [S; N] {
    let two = |from: usize| {
        let two = samples[from * N..].as_chunks::<N>().0.first_chunk::<2>();
        two.expect("whole supports lie within the window")
    };
    let [upper, lower] = [two(origin), two(origin + width)];
    std::array::from_fn(|band| {
        let corners = [upper, lower].map(|two| two.map(|pixel| pixel[band].value()));
        S::from_mean(between(corners, right, down))
    })
}

/// One row of the tile.
pub(super) fn row<S: Lane>(
    source: &Pixels<S>,
    places: &Places,
    mask_kind: MaskKind,
    (supports, whole): (&mut Supports<f64>, &Whole),
    dst: &mut [S],
    mask: &mut [u8],
) {
    supports.find(places, (EXTENT, EXTENT), source.raster, whole);
    match source.raster.bands() {
        1 => row_of_bands::<S, 1>(source, places, mask_kind, supports, dst, mask),
        3 => row_of_bands::<S, 3>(source, places, mask_kind, supports, dst, mask),
        n => unreachable!("a tile has 1 or 3 bands, not {n}"),
    }
}

fn row_of_bands<S: Lane, const N: usize>(
    source: &Pixels<S>,
    places: &Places,
    mask_kind: MaskKind,
    supports: &Supports<f64>,
    dst: &mut [S],
    mask: &mut [u8],
) {
    supports.fill(
        places,
        (dst.as_chunks_mut::<N>().0, mask),
        |run, dst| {
            let input = Input {
                samples: source.samples,
                width: source.raster.width(),
                run,
            };
            if !S::between_by_vectors(&input, dst) {
                avx2::compiled(Plain { input, dst });
            }
        },
        |place| pixel(source, place, mask_kind),
    );
}

/// The obvious loop.
struct Plain<'a, S, const N: usize> {
    input: Input<'a, S>,
    dst: &'a mut [[S; N]],
}

impl<S: Lane, const N: usize> avx2::Work for Plain<'_, S, N> {
    #[inline(always)]
    fn run(self) {
        let Input {
            samples,
            width,
            run,
        } = self.input;
        let fractions = run.cols.iter().zip(run.rows);
        for ((dst, &origin), (&right, &down)) in self.dst.iter_mut().zip(run.origins).zip(fractions)
        {
            *dst = exact(samples, width, origin as usize, (right, down));
        }
    }
}

/// Any pixel and its mask, by looking at everything; `None` where there is nothing.
pub(super) fn pixel<S: Lane, const N: usize>(
    source: &Pixels<S>,
    (col, row): (f64, f64),
    mask_kind: MaskKind,
) -> Option<([S; N], u8)> {
    let centre = source.holding(col, row)?;
    if source.raster.mask[centre] == 0 {
        return None;
    }
    let ((col, right), (row, down)) = (split(col), split(row));
    if let Some(origin) = whole_support(source.raster, (EXTENT, EXTENT), mask_kind, (col, row)) {
        let width = source.raster.width();
        let pixel = exact(source.samples, width, origin, (right, down));
        return Some((pixel, 255));
    }
    let weights = [[1.0 - right, right], [1.0 - down, down]];
    let part: Part<S, N> = masked(source, (col, row), (&weights[0], &weights[1]))?;
    Some((part.pixel, part.mask(mask_kind)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::super::{Over, Sampler};
    use super::*;
    use crate::raster::kernel::Resampling;
    use crate::raster::{Raster, SampleType};
    use proptest::prelude::*;

    /// A row of the tile: samples as bits, and masks.
    fn row_of(over: &mut Over, places: &Places) -> (Vec<u64>, Vec<u8>) {
        let source = over.source;
        let n = places.cols.len();
        let mut tile = Raster::empty(n, 1, source.bands(), source.sample_type());
        over.sample_row(places, &mut tile, 0, 0);
        let samples = (0..n * source.bands()).map(|k| tile.samples.get(k).to_bits());
        (samples.collect(), tile.mask)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        #[test]
        fn a_row_is_its_pixels_one_by_one(
            size in (1..40_usize, 1..40_usize),
            bands in prop::sample::select(vec![1_usize, 3]),
            sample_type in prop::sample::select(vec![SampleType::U8, SampleType::U8, SampleType::U16, SampleType::F64]),
            (kind, holes) in prop::sample::select(vec![(MaskKind::None, 0), (MaskKind::Binary, 0), (MaskKind::Binary, 2), (MaskKind::Graded, 60)]),
            (from, to) in ((-3.0..43.0_f64, -3.0..43.0_f64), (-3.0..43.0_f64, -3.0..43.0_f64)),
            // Parts of a pixel to which places are rounded: the fewer, the more ties.
            parts in prop::sample::select(vec![2.0, 4.0, 16.0, 1024.0, 1e15]),
            n in 1..70_usize,
            seed in any::<u32>(),
        ) {
            let source = noise(size, bands, sample_type, holes, seed);
            let along = |from: f64, to: f64, size: usize| -> Vec<f64> {
                let place = |i: usize| ((from + (to - from) * i as f64 / n as f64) * parts).round() / parts;
                let within = |v: f64| if (0.0..=size as f64).contains(&v) { v } else { f64::NAN };
                (0..n).map(|i| within(place(i))).collect()
            };
            let (cols, rows) = (along(from.0, to.0, size.0), along(from.1, to.1, size.1));
            let places = Places { cols: &cols, rows: &rows, upper: (&[], &[]), lower: (&[], &[]) };
            let sampler = Sampler::new(Resampling::Bilinear, (1.0, 0.7), kind, false);
            let mut over = sampler.over(&source);
            let fast = row_of(&mut over, &places);
            over.whole = Whole::Unknown;
            prop_assert_eq!(row_of(&mut over, &places), fast);
        }

        /// In whole numbers, where nothing is rounded but the result; with vectors, and without.
        #[test]
        fn bytes_are_the_true_ones_rounded_half_up(
            bits in prop::sample::select(vec![1_u32, 2, 4, 7, 20]),
            n in 1..70_usize,
            seed in any::<u32>(),
        ) {
            check::<1>(bits, n, seed)?;
            check::<3>(bits, n, seed)?;
        }
    }

    fn check<const N: usize>(bits: u32, n: usize, seed: u32) -> Result<(), TestCaseError> {
        let (width, height) = (17, 9);
        let source = noise((width, height), N, SampleType::U8, 0, seed);
        let crate::raster::Samples::U8(samples) = &source.samples else {
            unreachable!("bytes were asked for");
        };
        let mut state = u64::from(seed) | 1;
        let mut random = move |end: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % end
        };
        let one = 1_u64 << bits;
        // All but the window's last corner has vectors.
        let origins: Vec<i32> = (0..n)
            .map(|_| (random(height as u64 - 1) * width as u64 + random(width as u64 - 2)) as i32)
            .collect();
        let [cols, rows]: [Vec<u64>; 2] =
            std::array::from_fn(|_| (0..n).map(|_| random(one)).collect());
        let fractions =
            |steps: &[u64]| -> Vec<f64> { steps.iter().map(|&k| k as f64 / one as f64).collect() };
        let input = Input {
            samples,
            width,
            run: Run {
                origins: &origins,
                cols: &fractions(&cols),
                rows: &fractions(&rows),
            },
        };
        let mut by_vectors = vec![[0; N]; n];
        if !u8::between_by_vectors(&input, &mut by_vectors) {
            avx2::compiled(Plain {
                input,
                dst: &mut by_vectors,
            });
        }
        let mut plainly = vec![[0; N]; n];
        avx2::Work::run(Plain {
            input,
            dst: &mut plainly,
        });
        for k in 0..n {
            let (right, down) = (cols[k], rows[k]);
            for band in 0..N {
                let at =
                    |beyond: usize| u64::from(samples[(origins[k] as usize + beyond) * N + band]);
                let upper = at(0) * (one - right) + at(1) * right;
                let lower = at(width) * (one - right) + at(width + 1) * right;
                let both = upper * (one - down) + lower * down;
                let wanted = ((2 * both + one * one) / (2 * one * one)) as u8;
                prop_assert_eq!((plainly[k][band], by_vectors[k][band]), (wanted, wanted));
            }
        }
        Ok(())
    }

    #[test]
    fn a_place_is_split_at_pixel_centres() {
        assert_eq!(split(0.5), (0, 0.0));
        assert_eq!(split(0.0), (-1, 0.5));
        assert_eq!(
            split(7.499_999_999_999),
            (7, 0.0),
            "rounding carries into the next pixel"
        );
        // A window that begins elsewhere.
        let place = 0.1 + 0.2;
        assert_eq!(split(place + 37.0), (36, split(place).1));
    }
}
