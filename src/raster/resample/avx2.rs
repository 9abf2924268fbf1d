//! Whole supports by AVX2, where the processor has it. Everything here has a plain twin in [`convolve`](super::convolve) or
//! [`bilinear`], which gives the same bytes: integers are added in any order, floating point in the twin's, and what is
//! computed with fewer bits than the twin has is left to it where that might show.

use super::bilinear;
use super::supports::Run;
use crate::raster::weights::WeightTable;

/// What a run of whole supports is made of: the samples of a window `width` pixels wide, and the weights for both axes.
#[derive(Clone, Copy)]
pub(super) struct Input<'a, S> {
    pub(super) samples: &'a [S],
    pub(super) width: usize,
    pub(super) cols: &'a WeightTable,
    pub(super) rows: &'a WeightTable,
    pub(super) run: Run<'a, i32>,
}

impl<S> Input<'_, S> {
    /// Whether `beyond` samples after the end of every support can be read, of pixels of `bands` samples: all but those in the
    /// window's last corner.
    #[cfg(target_arch = "x86_64")]
    fn goes_on(&self, bands: usize, beyond: usize) -> bool {
        let reach = (self.rows.taps - 1) * self.width + self.cols.taps;
        (last(self.run) + reach) * bands + beyond <= self.samples.len()
    }
}

impl<S> bilinear::Input<'_, S> {
    /// As above.
    #[cfg(target_arch = "x86_64")]
    fn goes_on(&self, bands: usize, beyond: usize) -> bool {
        (last(self.run) + self.width + 2) * bands + beyond <= self.samples.len()
    }
}

/// The first pixel of the last support in the window.
#[cfg(target_arch = "x86_64")]
fn last<T>(run: Run<T>) -> usize {
    run.origins.iter().fold(0, |last, &k| last.max(k)) as usize
}

/// A loop that is worth compiling for more than one processor.
pub(crate) trait Work {
    /// Does it. Must be inlined, and so must what it calls.
    fn run(self);
}

/// Runs `work`, compiled for AVX2 where the processor has it: the same arithmetic, more of it at once.
#[inline]
pub(crate) fn compiled(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { x86::compiled(work) };
    }
    work.run();
}

/// Bytes of RGB. `false` when nothing was done.
pub(super) fn rgb(input: &Input<u8>, dst: &mut [[u8; 3]]) -> bool {
    #[cfg(target_arch = "x86_64")]
    // The last load of a row takes up to four bytes more than there are.
    if is_x86_feature_detected!("avx2") && input.goes_on(3, 4) {
        // SAFETY: the processor has AVX2.
        unsafe { x86::rgb(input, dst) };
        return true;
    }
    false
}

/// Bytes of one band. `false` when nothing was done.
pub(super) fn gray(input: &Input<u8>, dst: &mut [[u8; 1]]) -> bool {
    #[cfg(target_arch = "x86_64")]
    // The last load of a row takes up to two bytes more than there are.
    if is_x86_feature_detected!("avx2") && input.goes_on(1, 2) {
        // SAFETY: the processor has AVX2.
        unsafe { x86::gray(input, dst) };
        return true;
    }
    false
}

/// One band in floating point. `false` when nothing was done.
pub(super) fn gray_f32(input: &Input<f32>, dst: &mut [[f32; 1]]) -> bool {
    #[cfg(target_arch = "x86_64")]
    // The last load of a row takes up to three values more than there are.
    if is_x86_feature_detected!("avx2") && input.goes_on(1, 3) {
        // SAFETY: the processor has AVX2.
        unsafe { x86::gray_f32(input, dst) };
        return true;
    }
    false
}

/// Bytes of RGB between four pixels. `false` when nothing was done.
pub(super) fn rgb_between(input: &bilinear::Input<u8>, dst: &mut [[u8; 3]]) -> bool {
    #[cfg(target_arch = "x86_64")]
    // A load takes two bytes more than two pixels have.
    if is_x86_feature_detected!("avx2") && input.goes_on(3, 2) {
        // SAFETY: the processor has AVX2.
        unsafe { x86::rgb_between(input, dst) };
        return true;
    }
    false
}

/// Bytes of one band between four pixels. `false` when nothing was done.
pub(super) fn gray_between(input: &bilinear::Input<u8>, dst: &mut [[u8; 1]]) -> bool {
    #[cfg(target_arch = "x86_64")]
    // A load takes two bytes more than two pixels have.
    if is_x86_feature_detected!("avx2") && input.goes_on(1, 2) {
        // SAFETY: the processor has AVX2.
        unsafe { x86::gray_between(input, dst) };
        return true;
    }
    false
}

/// RGB in floating point between four pixels. `false` when nothing was done.
pub(super) fn rgb_f32_between(input: &bilinear::Input<f32>, dst: &mut [[f32; 3]]) -> bool {
    #[cfg(target_arch = "x86_64")]
    // A load takes one value more than a pixel has.
    if is_x86_feature_detected!("avx2") && input.goes_on(3, 1) {
        // SAFETY: the processor has AVX2.
        unsafe { x86::rgb_f32_between(input, dst) };
        return true;
    }
    false
}

/// One band in floating point between four pixels. `false` when nothing was done.
pub(super) fn gray_f32_between(input: &bilinear::Input<f32>, dst: &mut [[f32; 1]]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { x86::gray_f32_between(input, dst) };
        return true;
    }
    false
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::super::convolve::{ROW_SHIFT, SUM_SHIFT};
    use super::{Input, Work, bilinear};
    use crate::raster::weights::WeightTable;

    #[target_feature(enable = "avx2")]
    pub(super) fn compiled(work: impl Work) {
        work.run();
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_16(bytes: &[u8], at: usize) -> __m128i {
        let bytes: &[u8; 16] = bytes[at..]
            .first_chunk()
            .expect("runs end where samples do");
        // SAFETY: the array has the 16 bytes that are read; they need not be aligned.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_8(bytes: &[u8], at: usize) -> __m128i {
        let bytes: &[u8; 8] = bytes[at..]
            .first_chunk()
            .expect("runs end where samples do");
        _mm_cvtsi64_si128(i64::from_le_bytes(*bytes))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_4(bytes: &[u8], at: usize) -> i32 {
        let bytes: &[u8; 4] = bytes[at..]
            .first_chunk()
            .expect("runs end where samples do");
        i32::from_le_bytes(*bytes)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_floats(values: &[f32], at: usize) -> __m128 {
        let values: &[f32; 4] = values[at..]
            .first_chunk()
            .expect("runs end where samples do");
        // SAFETY: the array has the 4 values that are read; they need not be aligned.
        unsafe { _mm_loadu_ps(values.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_two_floats(values: &[f32], at: usize) -> __m128 {
        let values: &[f32; 2] = values[at..]
            .first_chunk()
            .expect("runs end where samples do");
        let bits = values.map(f32::to_bits).map(u64::from);
        _mm_castsi128_ps(_mm_cvtsi64_si128((bits[0] | bits[1] << 32) as i64))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store_floats(values: __m128) -> [f32; 4] {
        let mut out = [0.0; 4];
        // SAFETY: the array has room for the 4 values; they need not be aligned.
        unsafe { _mm_storeu_ps(out.as_mut_ptr(), values) };
        out
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store_doubles(values: __m256d) -> [f64; 4] {
        let mut out = [0.0; 4];
        // SAFETY: the array has room for the 4 values; they need not be aligned.
        unsafe { _mm256_storeu_pd(out.as_mut_ptr(), values) };
        out
    }

    /// Calls `$name` with the number of taps, and half of it, as constants where it is a usual one, so that its loops unroll; 0
    /// is any.
    macro_rules! of_taps {
        ($name:ident, $input:expr, $dst:expr) => {
            match ($input.cols.taps, $input.rows.taps) {
                (4, 4) => $name::<4, 2>($input, $dst),
                (6, 6) => $name::<6, 3>($input, $dst),
                _ => $name::<0, 0>($input, $dst),
            }
        };
    }

    /// `N` values from `first` on; the last one stands in for those that are not there.
    #[inline(always)]
    fn group<T: Copy, const N: usize>(list: &[T], first: usize) -> [T; N] {
        let list = &list[first..];
        match list.first_chunk() {
            Some(all) => *all,
            None => std::array::from_fn(|i| list[i.min(list.len() - 1)]),
        }
    }

    #[inline(always)]
    fn pairs<const HALF: usize>(table: &WeightTable, phase: i32) -> &[i32] {
        match HALF {
            0 => table.pairs(phase as usize),
            _ => table.pairs_of::<HALF>(phase as usize),
        }
    }

    #[inline(always)]
    fn singles<const TAPS: usize>(table: &WeightTable, phase: i32) -> &[i32] {
        match TAPS {
            0 => table.fixed(phase as usize),
            _ => table.fixed_of::<TAPS>(phase as usize),
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn rgb(input: &Input<u8>, dst: &mut [[u8; 3]]) {
        of_taps!(rgb_of, input, dst);
    }

    #[target_feature(enable = "avx2")]
    fn rgb_of<const TAPS: usize, const HALF: usize>(input: &Input<u8>, dst: &mut [[u8; 3]]) {
        let mut weights = Vec::new();
        let run = input.run;
        let (fours, rest) = dst.as_chunks_mut::<4>();
        for (k, dst) in fours.iter_mut().enumerate() {
            let origins = group(run.origins, 4 * k);
            let phases = (group(run.cols, 4 * k), group(run.rows, 4 * k));
            four_rgb::<TAPS, HALF>(input, origins, phases, &mut weights, dst);
        }
        if !rest.is_empty() {
            let k = run.origins.len() - rest.len();
            let phases = (group(run.cols, k), group(run.rows, k));
            let mut four = [[0; 3]; 4];
            four_rgb::<TAPS, HALF>(
                input,
                group(run.origins, k),
                phases,
                &mut weights,
                &mut four,
            );
            rest.copy_from_slice(&four[..rest.len()]);
        }
    }

    /// Four pixels, two in one register: one in each half.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn four_rgb<const TAPS: usize, const HALF: usize>(
        input: &Input<u8>,
        origins: [i32; 4],
        (cols, rows): ([i32; 4], [i32; 4]),
        weights: &mut Vec<__m256i>,
        dst: &mut [[u8; 3]; 4],
    ) {
        let mut twos = [_mm256_setzero_si256(); 2];
        for (k, two) in twos.iter_mut().enumerate() {
            let (a, b) = (2 * k, 2 * k + 1);
            let places = [origins[a], origins[b]];
            let phases = ([cols[a], cols[b]], [rows[a], rows[b]]);
            *two = two_rgb::<TAPS, HALF>(input, places, phases, weights);
        }
        pack_four(twos, dst);
    }

    /// Two times two pixels as 32-bit numbers to bytes, which clamps them.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn pack_four(twos: [__m256i; 2], dst: &mut [[u8; 3]; 4]) {
        // A C A C in the lower half, B D B D in the upper, four bytes each.
        let words = _mm256_packs_epi32(twos[0], twos[1]);
        let bytes = _mm256_packus_epi16(words, words);
        let order = _mm256_setr_epi32(0, 4, 1, 5, 0, 0, 0, 0);
        let pixels = _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order));
        let three = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
        let packed = _mm_shuffle_epi8(pixels, three);
        let (low, high) = dst.as_flattened_mut().split_at_mut(8);
        low.copy_from_slice(&_mm_cvtsi128_si64(packed).to_le_bytes());
        high.copy_from_slice(&_mm_extract_epi32::<2>(packed).to_le_bytes());
    }

    /// One value in the lower half, another in the upper.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn halves(low: i32, high: i32) -> __m256i {
        let low = _mm256_castsi128_si256(_mm_set1_epi32(low));
        _mm256_inserti128_si256::<1>(low, _mm_set1_epi32(high))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn join(low: __m128i, high: __m128i) -> __m256i {
        _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high)
    }

    /// Two pixels as 32-bit numbers, red, green, blue and nothing each. `weights` is a buffer.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn two_rgb<const TAPS: usize, const HALF: usize>(
        input: &Input<u8>,
        origins: [i32; 2],
        (cols, rows): ([i32; 2], [i32; 2]),
        weights: &mut Vec<__m256i>,
    ) -> __m256i {
        let mut fixed = [_mm256_setzero_si256(); HALF];
        let low = pairs::<HALF>(input.cols, cols[0]);
        let high = pairs::<HALF>(input.cols, cols[1]);
        let col_weights = if HALF == 0 {
            weights.clear();
            for (&low, &high) in low.iter().zip(high) {
                weights.push(halves(low, high));
            }
            &weights[..]
        } else {
            for (i, fixed) in fixed.iter_mut().enumerate() {
                *fixed = halves(low[i], high[i]);
            }
            &fixed[..]
        };
        let row_weights = [
            singles::<TAPS>(input.rows, rows[0]),
            singles::<TAPS>(input.rows, rows[1]),
        ];
        let starts = [3 * origins[0] as usize, 3 * origins[1] as usize];
        // Of two pixels side by side: both reds as 16 bits, both greens, both blues. And of the two that follow.
        let pair = _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
        let next = _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
        let (pair, next) = (join(pair, pair), join(next, next));
        let half = _mm256_set1_epi32(1 << (ROW_SHIFT - 1));
        let mut total = _mm256_set1_epi32(1 << (SUM_SHIFT - 1));
        for (j, (&low, &high)) in row_weights[0].iter().zip(row_weights[1]).enumerate() {
            let down = 3 * j * input.width;
            let (a, b) = (starts[0] + down, starts[1] + down);
            let mut sum = half;
            let (fours, rest) = col_weights.as_chunks::<2>();
            for (i, four) in fours.iter().enumerate() {
                let low = load_16(input.samples, a + 12 * i);
                let high = load_16(input.samples, b + 12 * i);
                let bytes = join(low, high);
                let first = _mm256_madd_epi16(_mm256_shuffle_epi8(bytes, pair), four[0]);
                let second = _mm256_madd_epi16(_mm256_shuffle_epi8(bytes, next), four[1]);
                sum = _mm256_add_epi32(sum, _mm256_add_epi32(first, second));
            }
            if let [two] = rest {
                let low = load_8(input.samples, a + 12 * fours.len());
                let high = load_8(input.samples, b + 12 * fours.len());
                let bytes = _mm256_shuffle_epi8(join(low, high), pair);
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(bytes, *two));
            }
            let row = _mm256_srai_epi32::<{ ROW_SHIFT as i32 }>(sum);
            let weight = halves(low, high);
            total = _mm256_add_epi32(total, _mm256_mullo_epi32(row, weight));
        }
        _mm256_srai_epi32::<{ SUM_SHIFT as i32 }>(total)
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn gray(input: &Input<u8>, dst: &mut [[u8; 1]]) {
        of_taps!(gray_of, input, dst);
    }

    #[target_feature(enable = "avx2")]
    fn gray_of<const TAPS: usize, const HALF: usize>(input: &Input<u8>, dst: &mut [[u8; 1]]) {
        let mut weights = Vec::new();
        let run = input.run;
        for (k, dst) in dst.as_flattened_mut().chunks_mut(8).enumerate() {
            let origins = group(run.origins, 8 * k);
            let phases = (group(run.cols, 8 * k), group(run.rows, 8 * k));
            let total = eight_gray::<TAPS, HALF>(input, origins, phases, &mut weights);
            pack_eight(total, dst);
        }
    }

    /// Eight pixels as 32-bit numbers to bytes, which clamps them: as many as `dst` has room for.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn pack_eight(total: __m256i, dst: &mut [u8]) {
        // The first four in the lower half, the others in the upper.
        let words = _mm256_packs_epi32(total, total);
        let bytes = _mm256_packus_epi16(words, words);
        let low = _mm256_extract_epi32::<0>(bytes).to_le_bytes();
        let high = _mm256_extract_epi32::<4>(bytes).to_le_bytes();
        if let [first @ .., _, _, _, _] = dst
            && first.len() == 4
        {
            first.copy_from_slice(&low);
            dst[4..].copy_from_slice(&high);
        } else {
            let both = low.into_iter().chain(high);
            dst.iter_mut().zip(both).for_each(|(to, from)| *to = from);
        }
    }

    /// One number for each pixel, of whatever `value` says.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn eight(value: impl Fn(usize) -> i32) -> __m256i {
        _mm256_setr_epi32(
            value(0),
            value(1),
            value(2),
            value(3),
            value(4),
            value(5),
            value(6),
            value(7),
        )
    }

    /// Eight pixels side by side. `weights` is a buffer.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn eight_gray<const TAPS: usize, const HALF: usize>(
        input: &Input<u8>,
        origins: [i32; 8],
        (cols, rows): ([i32; 8], [i32; 8]),
        weights: &mut Vec<__m256i>,
    ) -> __m256i {
        let mut fixed = [_mm256_setzero_si256(); HALF];
        let pairs = |p: usize| pairs::<HALF>(input.cols, cols[p]);
        let col_weights = if HALF == 0 {
            weights.clear();
            for i in 0..input.cols.taps / 2 {
                weights.push(eight(|p| pairs(p)[i]));
            }
            &weights[..]
        } else {
            for (i, fixed) in fixed.iter_mut().enumerate() {
                *fixed = eight(|p| pairs(p)[i]);
            }
            &fixed[..]
        };
        let row_weights = |p: usize| singles::<TAPS>(input.rows, rows[p]);
        // Of four bytes: the first two as 16 bits, and the other two.
        let pair = _mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1);
        let next = _mm_setr_epi8(2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1);
        let (pair, next) = (join(pair, pair), join(next, next));
        let half = _mm256_set1_epi32(1 << (ROW_SHIFT - 1));
        let mut total = _mm256_set1_epi32(1 << (SUM_SHIFT - 1));
        for j in 0..if TAPS == 0 { input.rows.taps } else { TAPS } {
            let start = |p: usize| origins[p] as usize + j * input.width;
            let mut sum = half;
            let (fours, rest) = col_weights.as_chunks::<2>();
            for (i, four) in fours.iter().enumerate() {
                let bytes = eight(|p| load_4(input.samples, start(p) + 4 * i));
                let first = _mm256_madd_epi16(_mm256_shuffle_epi8(bytes, pair), four[0]);
                let second = _mm256_madd_epi16(_mm256_shuffle_epi8(bytes, next), four[1]);
                sum = _mm256_add_epi32(sum, _mm256_add_epi32(first, second));
            }
            if let [two] = rest {
                let bytes = eight(|p| load_4(input.samples, start(p) + 4 * fours.len()));
                let bytes = _mm256_shuffle_epi8(bytes, pair);
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(bytes, *two));
            }
            let row = _mm256_srai_epi32::<{ ROW_SHIFT as i32 }>(sum);
            let weight = eight(|p| row_weights(p)[j]);
            total = _mm256_add_epi32(total, _mm256_mullo_epi32(row, weight));
        }
        _mm256_srai_epi32::<{ SUM_SHIFT as i32 }>(total)
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn gray_f32(input: &Input<f32>, dst: &mut [[f32; 1]]) {
        match input.cols.taps {
            2 => gray_f32_of::<2>(input, dst),
            4 => gray_f32_of::<4>(input, dst),
            _ => gray_f32_of::<0>(input, dst),
        }
    }

    /// One pixel at a time, four columns beside each other. `COLS` is the number of columns where it is a usual one; 0 is any.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn gray_f32_of<const COLS: usize>(input: &Input<f32>, dst: &mut [[f32; 1]]) {
        let run = input.run;
        let phases = run.cols.iter().zip(run.rows);
        for ((dst, &origin), (&col, &row)) in dst.iter_mut().zip(run.origins).zip(phases) {
            let cols = match COLS {
                0 => input.cols.real(col as usize),
                _ => input.cols.real_of::<COLS>(col as usize),
            };
            let rows = input.rows.real(row as usize);
            let mut total = 0.0;
            for (k, weights) in cols.chunks(4).enumerate() {
                let mut sums = _mm256_setzero_pd();
                let mut at = origin as usize + 4 * k;
                for &weight in rows {
                    let values = _mm256_cvtps_pd(load_floats(input.samples, at));
                    sums = _mm256_add_pd(sums, _mm256_mul_pd(_mm256_set1_pd(weight), values));
                    at += input.width;
                }
                // One after the other, as the twin does.
                let sums = store_doubles(sums);
                for (weight, sum) in weights.iter().zip(sums) {
                    total += weight * sum;
                }
            }
            *dst = [total as f32];
        }
    }

    /// How near an f32 may come to half a step between two bytes before it is left to the twin. It is off by less than 2⁻¹⁴:
    /// a fraction by 2⁻²⁵, which moves no byte by more than 2⁻¹⁷, and so much each product, sum and difference is rounded,
    /// being below 256. Three of them make a row, four more what lies between two rows.
    const NEAR: f32 = 1.0 / 8192.0;

    /// What lies on the way from `a` to `b`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn way(a: __m256, b: __m256, fraction: __m256) -> __m256 {
        _mm256_add_ps(a, _mm256_mul_ps(_mm256_sub_ps(b, a), fraction))
    }

    /// The whole numbers nearest to `values`, and a bit for each value that is so near to the middle of two that it might
    /// belong to the other.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn rounded(values: __m256) -> (__m256i, u32) {
        let whole = _mm256_cvtps_epi32(values);
        let off = _mm256_sub_ps(values, _mm256_cvtepi32_ps(whole));
        let off = _mm256_andnot_ps(_mm256_set1_ps(-0.0), off);
        let near = _mm256_cmp_ps::<_CMP_GE_OQ>(off, _mm256_set1_ps(0.5 - NEAR));
        (whole, _mm256_movemask_ps(near) as u32)
    }

    /// Four fractions with fewer bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn shortened(fractions: [f64; 4]) -> __m128 {
        let [a, b, c, d] = fractions;
        _mm256_cvtpd_ps(_mm256_setr_pd(a, b, c, d))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn all_shortened([a, b, c, d, e, f, g, h]: [f64; 8]) -> __m256 {
        _mm256_set_m128(shortened([e, f, g, h]), shortened([a, b, c, d]))
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn rgb_between(input: &bilinear::Input<u8>, dst: &mut [[u8; 3]]) {
        let (fours, rest) = dst.as_chunks_mut::<4>();
        for (k, dst) in fours.iter_mut().enumerate() {
            four_rgb_between(input, 4 * k, dst);
        }
        if !rest.is_empty() {
            let mut four = [[0; 3]; 4];
            four_rgb_between(input, 4 * fours.len(), &mut four);
            rest.copy_from_slice(&four[..rest.len()]);
        }
    }

    /// The pixels from `first` on, two in one register: one in each half.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn four_rgb_between(input: &bilinear::Input<u8>, first: usize, dst: &mut [[u8; 3]; 4]) {
        let run = input.run;
        let origins: [i32; 4] = group(run.origins, first);
        let fractions = (group(run.cols, first), group(run.rows, first));
        let cols = _mm256_castps128_ps256(shortened(fractions.0));
        let rows = _mm256_castps128_ps256(shortened(fractions.1));
        let [a, b, c, d] = origins.map(|origin| 3 * origin as usize);
        let order = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
        let (col, row) = (
            _mm256_permutevar8x32_ps(cols, order),
            _mm256_permutevar8x32_ps(rows, order),
        );
        let (first, near) = two_rgb_between(input, [a, b], col, row);
        let order = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
        let (col, row) = (
            _mm256_permutevar8x32_ps(cols, order),
            _mm256_permutevar8x32_ps(rows, order),
        );
        let (second, near_too) = two_rgb_between(input, [c, d], col, row);
        pack_four([first, second], dst);
        let near = near | near_too << 8;
        if near != 0 {
            for p in (0..4).filter(|p| near >> (4 * p) & 15 != 0) {
                let fractions = (fractions.0[p], fractions.1[p]);
                dst[p] =
                    bilinear::exact(input.samples, input.width, origins[p] as usize, fractions);
            }
        }
    }

    /// Two pixels as [`rounded`] has them, red, green, blue and nothing each.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn two_rgb_between(
        input: &bilinear::Input<u8>,
        starts: [usize; 2],
        col: __m256,
        row: __m256,
    ) -> (__m256i, u32) {
        let upper = line_between(input.samples, starts, col);
        let lower = line_between(input.samples, starts.map(|at| at + 3 * input.width), col);
        rounded(way(upper, lower, row))
    }

    /// What lies between two pixels and the next ones of their rows.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn line_between(samples: &[u8], [low, high]: [usize; 2], col: __m256) -> __m256 {
        // The first and the second of two pixels side by side: its samples as 32 bits.
        let left = _mm_setr_epi8(0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, -1, -1, -1, -1);
        let right = _mm_setr_epi8(3, -1, -1, -1, 4, -1, -1, -1, 5, -1, -1, -1, -1, -1, -1, -1);
        let bytes = join(load_8(samples, low), load_8(samples, high));
        let left = _mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, join(left, left)));
        let right = _mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, join(right, right)));
        way(left, right, col)
    }

    /// Eight pixels side by side.
    #[target_feature(enable = "avx2")]
    pub(super) fn gray_between(input: &bilinear::Input<u8>, dst: &mut [[u8; 1]]) {
        let run = input.run;
        for (k, dst) in dst.chunks_mut(8).enumerate() {
            let origins: [i32; 8] = group(run.origins, 8 * k);
            let fractions: ([f64; 8], [f64; 8]) = (group(run.cols, 8 * k), group(run.rows, 8 * k));
            let (col, row) = (all_shortened(fractions.0), all_shortened(fractions.1));
            let upper = eight_between(input.samples, origins, 0, col);
            let lower = eight_between(input.samples, origins, input.width, col);
            let (total, near) = rounded(way(upper, lower, row));
            pack_eight(total, dst.as_flattened_mut());
            if near != 0 {
                for (p, dst) in dst.iter_mut().enumerate() {
                    if near >> p & 1 != 0 {
                        let fractions = (fractions.0[p], fractions.1[p]);
                        let origin = origins[p] as usize;
                        *dst = bilinear::exact(input.samples, input.width, origin, fractions);
                    }
                }
            }
        }
    }

    /// What lies on the way from `a` to `b`, as the twin has it.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn exact_way(a: __m256d, b: __m256d, fraction: __m256d) -> __m256d {
        let rest = _mm256_sub_pd(_mm256_set1_pd(1.0), fraction);
        _mm256_add_pd(_mm256_mul_pd(a, rest), _mm256_mul_pd(b, fraction))
    }

    /// Four pixels side by side.
    #[target_feature(enable = "avx2")]
    pub(super) fn gray_f32_between(input: &bilinear::Input<f32>, dst: &mut [[f32; 1]]) {
        let run = input.run;
        let (fours, rest) = dst.as_flattened_mut().as_chunks_mut::<4>();
        for (k, dst) in fours.iter_mut().enumerate() {
            *dst = four_f32_between(input, 4 * k);
        }
        if !rest.is_empty() {
            let four = four_f32_between(input, run.origins.len() - rest.len());
            rest.copy_from_slice(&four[..rest.len()]);
        }
    }

    /// The pixels from `first` on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn four_f32_between(input: &bilinear::Input<f32>, first: usize) -> [f32; 4] {
        let run = input.run;
        let origins: [i32; 4] = group(run.origins, first);
        let [col, row] = [run.cols, run.rows].map(|fractions| {
            let [a, b, c, d] = group(fractions, first);
            _mm256_setr_pd(a, b, c, d)
        });
        let line = |beyond: usize| {
            let pairs = origins.map(|at| load_two_floats(input.samples, at as usize + beyond));
            let first = _mm_movelh_ps(pairs[0], pairs[1]);
            let second = _mm_movelh_ps(pairs[2], pairs[3]);
            let left = _mm_shuffle_ps::<0b10_00_10_00>(first, second);
            let right = _mm_shuffle_ps::<0b11_01_11_01>(first, second);
            exact_way(_mm256_cvtps_pd(left), _mm256_cvtps_pd(right), col)
        };
        store_floats(_mm256_cvtpd_ps(exact_way(line(0), line(input.width), row)))
    }

    /// One pixel at a time, all its bands beside each other.
    #[target_feature(enable = "avx2")]
    pub(super) fn rgb_f32_between(input: &bilinear::Input<f32>, dst: &mut [[f32; 3]]) {
        let run = input.run;
        let fractions = run.cols.iter().zip(run.rows);
        for ((dst, &origin), (&col, &row)) in dst.iter_mut().zip(run.origins).zip(fractions) {
            let col = _mm256_set1_pd(col);
            let line = |start: usize| {
                let left = _mm256_cvtps_pd(load_floats(input.samples, start));
                let right = _mm256_cvtps_pd(load_floats(input.samples, start + 3));
                exact_way(left, right, col)
            };
            let start = 3 * origin as usize;
            let total = exact_way(
                line(start),
                line(start + 3 * input.width),
                _mm256_set1_pd(row),
            );
            let [red, green, blue, _] = store_floats(_mm256_cvtpd_ps(total));
            *dst = [red, green, blue];
        }
    }

    /// What lies between eight pixels, `beyond` after the origins, and the next ones of their rows.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn eight_between(samples: &[u8], origins: [i32; 8], beyond: usize, col: __m256) -> __m256 {
        let bytes = eight(|p| load_4(samples, origins[p] as usize + beyond));
        let byte = _mm256_set1_epi32(255);
        let left = _mm256_and_si256(bytes, byte);
        let right = _mm256_and_si256(_mm256_srli_epi32::<8>(bytes), byte);
        way(_mm256_cvtepi32_ps(left), _mm256_cvtepi32_ps(right), col)
    }
}
