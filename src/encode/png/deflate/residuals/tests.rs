#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

use proptest::prelude::*;

use super::*;

/// What a decoder that is not ours makes of the stream for `data`.
fn assert_comes_back(residuals: &mut Residuals, data: &[u8]) -> usize {
    let mut out = b"before".to_vec();
    residuals.zlib(data, &mut out);
    assert!(out.starts_with(b"before"), "the stream is appended");
    let stream = &out[6..];
    let mut decoded = vec![0; data.len()];
    let n = libdeflater::Decompressor::new()
        .zlib_decompress(stream, &mut decoded)
        .unwrap();
    assert!(
        n == data.len() && decoded == data,
        "{n} of {} bytes",
        data.len()
    );
    stream.len()
}

/// Numbers by a multiplicative congruential generator (L'Ecuyer's).
fn numbers(seed: u64) -> impl Iterator<Item = u32> {
    let mut state = u128::from(seed) << 1 | 1;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(0xDA94_2042_E4DD_58B5);
        (state >> 96) as u32
    })
}

#[test]
fn little_and_much_data_come_back() {
    let mut residuals = Residuals::default();
    for n in [
        0, 1, 2, 3, 9, 255, 24_575, 24_576, 49_152, 73_727, 73_728, 98_304, 400_000,
    ] {
        let zeros = assert_comes_back(&mut residuals, &vec![0; n]);
        assert!(zeros <= 300 + n / 200, "{zeros} bytes for {n} zeros");
        let photograph: Vec<u8> = numbers(7)
            .map(|v| (v.trailing_zeros() as u8).wrapping_sub(2))
            .take(n)
            .collect();
        assert_comes_back(&mut residuals, &photograph);
        // Noise is stored: with its headers it is little longer than it was.
        let noise: Vec<u8> = numbers(9).map(|v| v as u8).take(n).collect();
        let stored = assert_comes_back(&mut residuals, &noise);
        assert!(
            stored <= n + 6 + 5 * (n / BLOCK_BYTES * 2 + 2),
            "{stored} bytes for {n} of noise"
        );
    }
}

#[test]
fn codes_that_would_be_too_long_are_cut() {
    // Each value twice as often as the one before it makes the deepest tree: 16 levels.
    let data = (0..16_u8).flat_map(|value| std::iter::repeat_n(value * 11, 1 << value));
    // Mixed, or they would be runs.
    let mut order: Vec<_> = numbers(3).zip(data).collect();
    order.sort_unstable();
    let data: Vec<u8> = order.into_iter().map(|(_, value)| value).collect();
    let mut residuals = Residuals::default();
    assert_comes_back(&mut residuals, &data);
    let longest = residuals.block.symbols.lengths.iter().max();
    assert_eq!(longest, Some(&(LITERAL_LIMIT as u8)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_come_back(
        pieces in prop::collection::vec((any::<u64>(), 0..9_u32, 0..30_000_usize, any::<bool>()), 0..6)
    ) {
        let mut residuals = Residuals::default();
        let mut data = Vec::new();
        for (seed, bits, n, run) in pieces {
            match run {
                true => data.extend(std::iter::repeat_n(seed as u8, n)),
                false => data.extend(numbers(seed).map(|v| (v & ((1 << bits) - 1)) as u8).take(n)),
            }
            assert_comes_back(&mut residuals, &data);
        }
    }
}
