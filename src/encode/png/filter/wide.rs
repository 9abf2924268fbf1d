//! The choice of filters for processors with wide vectors: the same code, compiled a second time.

use super::Rows;

/// As [`super::least_sum`], with the widest vectors that this processor has.
pub(super) fn least_sum(rows: &Rows, candidate: &mut Vec<u8>, best: &mut Vec<u8>) -> u8 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { least_sum_avx2(rows, candidate, best) };
    }
    super::least_sum(rows, candidate, best)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn least_sum_avx2(rows: &Rows, candidate: &mut Vec<u8>, best: &mut Vec<u8>) -> u8 {
    super::least_sum(rows, candidate, best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wide_and_plain_agree(
            row in prop::collection::vec(any::<u8>(), 1..700),
            above in prop::collection::vec(any::<u8>(), 700),
            left in 1..=8_usize,
        ) {
            let left = left.min(row.len());
            let rows = Rows { row: &row, above: &above[..row.len()], left };
            let buffers = || (vec![0; row.len()], vec![0; row.len()]);
            let ((mut a, mut b), (mut c, mut d)) = (buffers(), buffers());
            prop_assert_eq!(
                super::least_sum(&rows, &mut a, &mut b),
                super::super::least_sum(&rows, &mut c, &mut d)
            );
            prop_assert_eq!(b, d);
        }
    }
}
