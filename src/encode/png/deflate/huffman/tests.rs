#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::*;

/// The bits of an optimal code without a limit: the sum of all inner nodes, by the textbook.
fn least_bits(counts: &[u32]) -> u64 {
    let mut heap: BinaryHeap<_> = counts
        .iter()
        .filter(|n| **n > 0)
        .map(|&n| Reverse(u64::from(n)))
        .collect();
    let mut bits = 0;
    while heap.len() > 1 {
        let Reverse(a) = heap.pop().unwrap();
        let Reverse(b) = heap.pop().unwrap();
        bits += a + b;
        heap.push(Reverse(a + b));
    }
    bits
}

fn lengths(counts: &[u32], limit: usize) -> Vec<u8> {
    let mut lengths = vec![0; counts.len()];
    Builder::default().lengths(counts, limit, &mut lengths);
    lengths
}

/// How much of all codes of `limit` bits is used: all is one.
fn used(lengths: &[u8], limit: usize) -> u32 {
    let present = lengths.iter().filter(|l| **l > 0);
    present.map(|&l| 1 << (limit - usize::from(l))).sum()
}

#[test]
fn the_codes_of_the_specification() {
    // The example of RFC 1951, section 3.2.2; the first bit of a code is its lowest here.
    let mut found = [0; 8];
    codes(&[3, 3, 3, 3, 3, 2, 4, 4], &mut found);
    let expected = [0b010, 0b110, 0b001, 0b101, 0b011, 0b00, 0b0111, 0b1111];
    assert_eq!(found, expected);
}

#[test]
fn one_symbol_or_none_still_make_a_code() {
    assert_eq!(lengths(&[0, 0, 0], 7), [1, 1, 0]);
    assert_eq!(lengths(&[5, 0, 0], 7), [1, 1, 0]);
    assert_eq!(lengths(&[0, 0, 5], 7), [1, 0, 1]);
}

proptest! {
    #[test]
    fn lengths_are_optimal_or_at_the_limit(
        counts in prop::collection::vec(prop_oneof![Just(0), 1..20_u32, 0..1_000_000_u32], 2..286),
        limit in 9..=MAX_BITS,
    ) {
        let lengths = lengths(&counts, limit);
        prop_assert_eq!(used(&lengths, limit), 1 << limit, "a complete code");
        let n_present = counts.iter().filter(|n| **n > 0).count();
        for (n, length) in counts.iter().zip(&lengths) {
            prop_assert!(n_present < 2 || (*n > 0) == (*length > 0));
        }
        let bits: u64 = counts.iter().zip(&lengths).map(|(&n, &l)| u64::from(n) * u64::from(l)).sum();
        let least = least_bits(&counts);
        if n_present > 1 {
            prop_assert!(bits >= least);
            let longest = usize::from(*lengths.iter().max().unwrap());
            prop_assert!(bits == least || longest == limit, "{} bits for {}", bits, least);
        }
    }
}
