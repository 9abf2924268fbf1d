//! Convolution: a weighted sum over a rectangle of source pixels, by tables.

use super::avx2::{self, Input};
use super::bilinear;
use super::level;
use super::supports::{Run, Supports, Whole, whole_support};
use super::{MaskKind, Pixels, Places};
use crate::raster::sample::Sample;
use crate::raster::weights::{WEIGHT_BITS, WeightTable, split};

/// The weights for both axes, and what happens where part of the support is missing.
pub(super) struct Tables<'a> {
    pub(super) cols: &'a WeightTable,
    pub(super) rows: &'a WeightTable,
    /// Looks only at the four pixels around the place then.
    pub(super) steps_down: bool,
    /// Leaves a pixel out when less than half of its support is there.
    pub(super) needs_half: bool,
}

/// A sample type that can be convolved.
pub(super) trait Lane: Sample {
    /// Of weights.
    type Weight: Copy + Into<f64>;
    /// The table's weights of this type.
    fn weights(table: &WeightTable, phase: usize) -> &[Self::Weight];
    /// The pixel with these phases whose support begins at the window's pixel `origin` and is whole. Of `TAPS` taps each way, or
    /// [`ANY`].
    fn whole<const N: usize, const TAPS: usize>(
        input: &Input<Self>,
        origin: usize,
        phases: (usize, usize),
    ) -> [Self; N];
    /// Pixels whose supports are whole, in a faster way that makes the same of them. `false` when nothing was done: there is none.
    fn by_vectors<const N: usize>(input: &Input<Self>, dst: &mut [[Self; N]]) -> bool;
    /// The same for [`bilinear`].
    fn between_by_vectors<const N: usize>(
        input: &bilinear::Input<Self>,
        dst: &mut [[Self; N]],
    ) -> bool;
}

/// Bits dropped between the two passes, so that the second stays within 32: 8 + 14 - 7 + 14 = 29 and a sign.
pub(super) const ROW_SHIFT: u32 = 7;

/// Bits that are left to drop after the second.
pub(super) const SUM_SHIFT: u32 = 2 * WEIGHT_BITS - ROW_SHIFT;

impl Lane for u8 {
    type Weight = i32;

    #[inline]
    fn weights(table: &WeightTable, phase: usize) -> &[i32] {
        table.fixed(phase)
    }

    #[inline(always)]
    fn whole<const N: usize, const TAPS: usize>(
        input: &Input<Self>,
        origin: usize,
        (col_phase, row_phase): (usize, usize),
    ) -> [Self; N] {
        let (col_taps, row_taps) = match TAPS {
            ANY => (input.cols.taps, input.rows.taps),
            taps => (taps, taps),
        };
        let col_weights = &input.cols.fixed(col_phase)[..col_taps];
        let row_weights = &input.rows.fixed(row_phase)[..row_taps];
        let mut total = [1 << (SUM_SHIFT - 1); N];
        for (j, &row_weight) in row_weights.iter().enumerate() {
            let start = (origin + j * input.width) * N;
            let line = &input.samples[start..start + col_taps * N];
            let mut sums = [1 << (ROW_SHIFT - 1); N];
            for (&weight, pixel) in col_weights.iter().zip(line.as_chunks::<N>().0) {
                for band in 0..N {
                    sums[band] += weight * i32::from(pixel[band]);
                }
            }
            for band in 0..N {
                total[band] += row_weight * (sums[band] >> ROW_SHIFT);
            }
        }
        total.map(|sum: i32| (sum >> SUM_SHIFT).clamp(0, 255) as Self)
    }

    fn by_vectors<const N: usize>(input: &Input<Self>, dst: &mut [[Self; N]]) -> bool {
        let dst = dst.as_flattened_mut();
        match N {
            1 => avx2::gray(input, dst.as_chunks_mut().0),
            3 => avx2::rgb(input, dst.as_chunks_mut().0),
            _ => false,
        }
    }

    fn between_by_vectors<const N: usize>(
        input: &bilinear::Input<Self>,
        dst: &mut [[Self; N]],
    ) -> bool {
        let dst = dst.as_flattened_mut();
        match N {
            1 => avx2::gray_between(input, dst.as_chunks_mut().0),
            3 => avx2::rgb_between(input, dst.as_chunks_mut().0),
            _ => false,
        }
    }
}

/// Floating point: weights and sums have more digits than samples of 32 bits, or wide kernels would lose the last of 16.
macro_rules! floating_lane {
    ($float:ty, $gray:expr, $gray_between:expr, $rgb_between:expr) => {
        impl Lane for $float {
            type Weight = f64;

            #[inline]
            fn weights(table: &WeightTable, phase: usize) -> &[f64] {
                table.real(phase)
            }

            #[inline(always)]
            fn whole<const N: usize, const TAPS: usize>(
                input: &Input<Self>,
                origin: usize,
                phases: (usize, usize),
            ) -> [Self; N] {
                real::<Self, N, TAPS>(input, origin, phases).map(|sum| sum as Self)
            }

            /// Of three bands the plain loops become vectors by themselves.
            fn by_vectors<const N: usize>(input: &Input<Self>, dst: &mut [[Self; N]]) -> bool {
                let gray: fn(&Input<Self>, &mut [[Self; 1]]) -> bool = $gray;
                level::sum(input, dst)
                    || N == 1 && gray(input, dst.as_flattened_mut().as_chunks_mut().0)
            }

            fn between_by_vectors<const N: usize>(
                input: &bilinear::Input<Self>,
                dst: &mut [[Self; N]],
            ) -> bool {
                let gray: fn(&bilinear::Input<Self>, &mut [[Self; 1]]) -> bool = $gray_between;
                let rgb: fn(&bilinear::Input<Self>, &mut [[Self; 3]]) -> bool = $rgb_between;
                let dst = dst.as_flattened_mut();
                match N {
                    1 => gray(input, dst.as_chunks_mut().0),
                    3 => rgb(input, dst.as_chunks_mut().0),
                    _ => false,
                }
            }
        }
    };
}

floating_lane!(
    f32,
    avx2::gray_f32,
    avx2::gray_f32_between,
    avx2::rgb_f32_between
);
floating_lane!(f64, |_, _| false, |_, _| false, |_, _| false);

/// [`Lane::whole`] in floating point: column by column, each summed up first, so that those beside each other are made together.
#[inline(always)]
fn real<S: Lane, const N: usize, const TAPS: usize>(
    input: &Input<S>,
    origin: usize,
    (col_phase, row_phase): (usize, usize),
) -> [f64; N] {
    let mut total = [0.0; N];
    if TAPS == ANY {
        let rows = input.rows.real(row_phase);
        let (fours, rest) = input.cols.real(col_phase).as_chunks::<4>();
        for (k, four) in fours.iter().enumerate() {
            add_columns(input, origin + 4 * k, (four, rows), &mut total);
        }
        for (k, one) in rest.iter().enumerate() {
            add_columns(
                input,
                origin + 4 * fours.len() + k,
                (&[*one], rows),
                &mut total,
            );
        }
    } else {
        let cols = input.cols.real_of::<TAPS>(col_phase);
        let rows = input.rows.real_of::<TAPS>(row_phase);
        add_columns(input, origin, (cols, rows), &mut total);
    }
    total
}

/// Adds weighted columns to `total`, the first of them at the window's pixel `origin`.
#[inline(always)]
fn add_columns<S: Lane, const N: usize, const COLS: usize>(
    input: &Input<S>,
    origin: usize,
    (cols, rows): (&[f64; COLS], &[f64]),
    total: &mut [f64; N],
) {
    let mut sums = [[0.0; N]; COLS];
    for (j, &weight) in rows.iter().enumerate() {
        let line = input.samples[(origin + j * input.width) * N..]
            .as_chunks::<N>()
            .0;
        let line: &[[S; N]; COLS] = line
            .first_chunk()
            .expect("whole supports lie within the window");
        for (sum, pixel) in sums.as_flattened_mut().iter_mut().zip(line.as_flattened()) {
            *sum += weight * pixel.value();
        }
    }
    for (&weight, sums) in cols.iter().zip(&sums) {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += weight * sum;
        }
    }
}

/// One row of the tile.
pub(super) fn row<S: Lane>(
    source: &Pixels<S>,
    places: &Places,
    tables: &Tables,
    mask_kind: MaskKind,
    (supports, whole): (&mut Supports<i32>, &Whole),
    dst: &mut [S],
    mask: &mut [u8],
) {
    let extents = (tables.cols.into(), tables.rows.into());
    supports.find(places, extents, source.raster, whole);
    match source.raster.bands() {
        1 => row_of_bands::<S, 1>(source, places, tables, mask_kind, supports, dst, mask),
        3 => row_of_bands::<S, 3>(source, places, tables, mask_kind, supports, dst, mask),
        n => unreachable!("{n} bands are sampled one by one"),
    }
}

fn row_of_bands<S: Lane, const N: usize>(
    source: &Pixels<S>,
    places: &Places,
    tables: &Tables,
    mask_kind: MaskKind,
    supports: &Supports<i32>,
    dst: &mut [S],
    mask: &mut [u8],
) {
    supports.fill(
        places,
        (dst.as_chunks_mut::<N>().0, mask),
        |pixels, dst| {
            let input = Input {
                samples: source.samples,
                width: source.raster.width(),
                cols: tables.cols,
                rows: tables.rows,
                run: pixels,
            };
            run(&input, dst);
        },
        |place| pixel(source, place, tables, mask_kind),
    );
}

/// Pixels whose supports are whole, by the fastest way there is for them.
fn run<S: Lane, const N: usize>(input: &Input<S>, dst: &mut [[S; N]]) {
    if !S::by_vectors(input, dst) {
        avx2::compiled(PlainRun { input, dst });
    }
}

struct PlainRun<'a, S, const N: usize> {
    input: &'a Input<'a, S>,
    dst: &'a mut [[S; N]],
}

impl<S: Lane, const N: usize> avx2::Work for PlainRun<'_, S, N> {
    #[inline(always)]
    fn run(self) {
        plain_of_taps(self.input, self.dst);
    }
}

/// Where no kernel is widened, the number of taps is known here, and the loops over them unroll: more than twice as fast.
#[inline(always)]
fn plain_of_taps<S: Lane, const N: usize>(input: &Input<S>, dst: &mut [[S; N]]) {
    match (input.cols.taps, input.rows.taps) {
        (4, 4) => plain::<S, N, 4>(input, dst),
        (6, 6) => plain::<S, N, 6>(input, dst),
        _ => plain::<S, N, ANY>(input, dst),
    }
}

/// As many taps as the tables have.
const ANY: usize = 0;

/// Pixels whose supports are whole.
#[inline(always)]
pub(super) fn plain<S: Lane, const N: usize, const TAPS: usize>(
    input: &Input<S>,
    dst: &mut [[S; N]],
) {
    let run = input.run;
    let phases = run.cols.iter().zip(run.rows);
    for ((dst, &origin), (&col_phase, &row_phase)) in dst.iter_mut().zip(run.origins).zip(phases) {
        let phases = (col_phase as usize, row_phase as usize);
        *dst = S::whole::<N, TAPS>(input, origin as usize, phases);
    }
}

/// Any pixel and its mask, by looking at everything; `None` where there is nothing.
fn pixel<S: Lane, const N: usize>(
    source: &Pixels<S>,
    place: (f64, f64),
    tables: &Tables,
    mask_kind: MaskKind,
) -> Option<([S; N], u8)> {
    let centre = source.holding(place.0, place.1)?;
    if source.raster.mask[centre] == 0 {
        return None;
    }
    let (col, row) = (split(place.0), split(place.1));
    let extents = (tables.cols.into(), tables.rows.into());
    if let Some(origin) = whole_support(source.raster, extents, mask_kind, (col.0, row.0)) {
        let input = Input {
            samples: source.samples,
            width: source.raster.width(),
            cols: tables.cols,
            rows: tables.rows,
            run: Run::default(),
        };
        let pixel = S::whole::<N, ANY>(&input, origin, (col.1, row.1));
        return Some((pixel, 255));
    }
    if tables.steps_down {
        return bilinear::pixel(source, place, mask_kind);
    }
    let first = (col.0 + tables.cols.first, row.0 + tables.rows.first);
    let weights = (
        S::weights(tables.cols, col.1),
        S::weights(tables.rows, row.1),
    );
    let part = masked(source, first, weights).filter(|part| part.half || !tables.needs_half)?;
    Some((part.pixel, part.mask(mask_kind)))
}

/// What a support makes that is there in part.
pub(super) struct Part<S, const N: usize> {
    pub(super) pixel: [S; N],
    /// How much of the pixel is covered, of 255.
    covered: u8,
    /// Whether at least half of the support's pixels are there; those outside the source are not asked.
    half: bool,
}

impl<S, const N: usize> Part<S, N> {
    pub(super) fn mask(&self, kind: MaskKind) -> u8 {
        match kind {
            MaskKind::Graded => self.covered,
            MaskKind::None | MaskKind::Binary => 255,
        }
    }
}

/// Where part of the support is missing or covers in part: every pixel from (column, row) `first` on counts by its mask. Those
/// outside, and those that are not there at all, do not count, for the cover neither: as in GDAL's warper, an edge stays as
/// sharp as it was.
pub(super) fn masked<S: Lane, W: Copy + Into<f64>, const N: usize>(
    source: &Pixels<S>,
    first: (isize, isize),
    (col_weights, row_weights): (&[W], &[W]),
) -> Option<Part<S, N>> {
    let (width, height) = (
        source.raster.width() as isize,
        source.raster.height() as isize,
    );
    // Of bytes and weights in whole numbers these are whole numbers below 2^53, which an f64 adds as integers do.
    let mut sums = [0.0; N];
    let (mut covered, mut inside) = (0.0, 0.0);
    let (mut asked, mut there) = (0_usize, 0_usize);
    for (j, &row_weight) in row_weights.iter().enumerate() {
        let r = first.1 + j as isize;
        if r < 0 || r >= height {
            continue;
        }
        for (i, &col_weight) in col_weights.iter().enumerate() {
            let c = first.0 + i as isize;
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
            let share = col_weight.into() * row_weight.into();
            let weight = share * f64::from(mask);
            inside += share;
            covered += weight;
            for (sum, &value) in sums.iter_mut().zip(source.pixel(k)) {
                *sum += weight * value.value();
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

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;
    use crate::raster::kernel::{KERNELS, Method};
    use crate::raster::{Raster, SampleType, Samples, of_one_kind};
    use proptest::prelude::*;

    /// A row of the tile, pixel by pixel and by whatever is fastest: samples as bits, and masks.
    fn both_ways(
        source: &Raster,
        places: &Places,
        tables: &Tables,
        kind: MaskKind,
    ) -> [(Vec<u64>, Vec<u8>); 2] {
        let n = places.cols.len();
        [false, true].map(|fast| {
            let mut tile = Raster::empty(n, 1, source.bands(), source.sample_type());
            let mask = &mut tile.mask;
            of_one_kind!((&source.samples, &mut tile.samples), |src, dst| {
                let pixels = Pixels {
                    samples: src,
                    raster: source,
                };
                if fast {
                    let whole = Whole::new(source, kind, tables.cols.taps, tables.rows.taps);
                    let mut supports = Supports::default();
                    row(
                        &pixels,
                        places,
                        tables,
                        kind,
                        (&mut supports, &whole),
                        dst,
                        mask,
                    );
                } else {
                    match source.bands() {
                        1 => plainly::<_, 1>(&pixels, places, tables, kind, dst, mask),
                        _ => plainly::<_, 3>(&pixels, places, tables, kind, dst, mask),
                    }
                }
            });
            let samples = (0..n * source.bands()).map(|k| tile.samples.get(k).to_bits());
            (samples.collect(), tile.mask)
        })
    }

    fn plainly<S: Lane, const N: usize>(
        source: &Pixels<S>,
        places: &Places,
        tables: &Tables,
        kind: MaskKind,
        dst: &mut [S],
        mask: &mut [u8],
    ) {
        for (i, dst) in dst.as_chunks_mut::<N>().0.iter_mut().enumerate() {
            let place = (places.cols[i], places.rows[i]);
            if let Some(found) = pixel(source, place, tables, kind) {
                (*dst, mask[i]) = found;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn a_row_is_its_pixels_one_by_one(
            size in (1..40_usize, 1..40_usize),
            bands in prop::sample::select(vec![1_usize, 3]),
            sample_type in prop::sample::select(vec![SampleType::U8, SampleType::U16, SampleType::F32, SampleType::F64]),
            kernel in prop::sample::select((0..KERNELS.len()).filter(|&k| matches!(KERNELS[k].method, Method::Convolution { .. })).collect::<Vec<_>>()),
            scale in (0.5..3.0_f64, 0.5..3.0_f64),
            widened in any::<bool>(),
            (kind, holes) in prop::sample::select(vec![(MaskKind::None, 0), (MaskKind::Binary, 0), (MaskKind::Binary, 2), (MaskKind::Graded, 2), (MaskKind::Graded, 60)]),
            (from, to) in ((-3.0..43.0_f64, -3.0..43.0_f64), (-3.0..43.0_f64, -3.0..43.0_f64)),
            level in any::<bool>(),
            n in 1..70_usize,
            seed in any::<u32>(),
        ) {
            let source = noise(size, bands, sample_type, holes, seed);
            let Method::Convolution { radius, weight } = KERNELS[kernel].method else {
                unreachable!("others are left out");
            };
            let table = |scale: f64| WeightTable::new(radius, weight, if widened { scale } else { 1.0 });
            let (cols, rows) = (table(scale.0), table(scale.1));
            let tables = Tables {
                cols: &cols,
                rows: &rows,
                steps_down: radius == 2.0 && !widened,
                needs_half: radius == 3.0,
            };
            // Along a line, with one place that is nowhere.
            let along = |a: f64, b: f64, nowhere: usize| -> Vec<f64> {
                (0..n).map(|i| if i == nowhere { f64::NAN } else { a + (b - a) * i as f64 / n as f64 }).collect()
            };
            let within = |v: f64, size: usize| if (0.0..=size as f64).contains(&v) { v } else { f64::NAN };
            let place_cols: Vec<f64> = along(from.0, to.0, seed as usize % 97).into_iter().map(|v| within(v, size.0)).collect();
            let place_rows: Vec<f64> = along(from.1, if level { from.1 } else { to.1 }, n).into_iter().map(|v| within(v, size.1)).collect();
            let places = Places { cols: &place_cols, rows: &place_rows, upper: (&[], &[]), lower: (&[], &[]) };
            let [plain, fast] = both_ways(&source, &places, &tables, kind);
            prop_assert_eq!(plain, fast);
        }
    }

    /// Where the processor has no vectors, runs are made by the plain loops alone.
    #[test]
    fn a_run_by_vectors_is_a_run_by_plain_loops() {
        fn check<S: Lane + std::fmt::Debug, const N: usize>(samples: &[S], width: usize) {
            for kernel in &KERNELS {
                let Method::Convolution { radius, weight } = kernel.method else {
                    continue;
                };
                for scale in [(1.0, 1.0), (1.4, 1.0), (2.7, 3.9)] {
                    let cols = WeightTable::new(radius, weight, scale.0);
                    let rows = WeightTable::new(radius, weight, scale.1);
                    let height = samples.len() / N / width;
                    let (across, down) = (width - cols.taps + 1, height - rows.taps + 1);
                    let n = across * down;
                    let origins: Vec<i32> = (0..n)
                        .map(|k| (k / across * width + k % across) as i32)
                        .collect();
                    let phases = |step: usize| -> Vec<i32> {
                        (0..n).map(|k| (k * step % 512) as i32).collect()
                    };
                    let (col_phases, row_phases) = (phases(7), phases(13));
                    let in_last_row = |of: &[i32]| of[n - across..].to_vec();
                    let any = (origins, col_phases, row_phases);
                    let level = (in_last_row(&any.0), in_last_row(&any.1), vec![71; across]);
                    for (origins, col_phases, row_phases) in [any, level] {
                        let input = Input {
                            samples,
                            width,
                            cols: &cols,
                            rows: &rows,
                            run: Run {
                                origins: &origins,
                                cols: &col_phases,
                                rows: &row_phases,
                            },
                        };
                        let mut plainly = vec![[S::default(); N]; origins.len()];
                        plain::<S, N, ANY>(&input, &mut plainly);
                        let mut by_vectors = plainly.clone();
                        by_vectors.fill([S::default(); N]);
                        run(&input, &mut by_vectors);
                        assert_eq!(plainly, by_vectors, "{} {scale:?}", kernel.name);
                        plain_of_taps(&input, &mut by_vectors);
                        assert_eq!(plainly, by_vectors, "{} {scale:?}", kernel.name);
                    }
                }
            }
        }
        for (bands, sample_type) in [
            (1, SampleType::U8),
            (3, SampleType::U8),
            (1, SampleType::F32),
            (3, SampleType::F32),
            (3, SampleType::F64),
        ] {
            let raster = noise((41, 37), bands, sample_type, 0, 5);
            match (&raster.samples, bands) {
                (Samples::U8(values), 1) => check::<_, 1>(values, 41),
                (Samples::U8(values), _) => check::<_, 3>(values, 41),
                (Samples::F32(values), 1) => check::<_, 1>(values, 41),
                (Samples::F32(values), _) => check::<_, 3>(values, 41),
                (Samples::F64(values), _) => check::<_, 3>(values, 41),
            }
        }
    }
}
