//! The filter stage of PNG: rows of bytes in, rows of residuals out (PNG 3rd edition, section 9).
//! Knows nothing of the compression that follows, but that it likes small and repeated values.

mod wide;

/// How rows are filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// Not at all. For flat pictures: deflate finds their repetitions better in the pixels.
    Plain,
    /// For each row the filter whose residuals, as signed bytes, have the least sum of magnitudes
    /// (PNG 3rd edition, section 12.7); the first of those that are equal.
    Adaptive,
}

/// Filters pictures; keeps its buffers from tile to tile.
#[derive(Default)]
pub(super) struct Filterer {
    filtered: Vec<u8>,
    /// Stands above the first row.
    zeros: Vec<u8>,
    candidate: Vec<u8>,
    best: Vec<u8>,
}

impl Filterer {
    /// `rows` of `row_bytes` each, filtered: a type byte before each row.
    ///
    /// `left` is the distance in bytes from a byte to the one it is predicted from: the bytes of a
    /// pixel, 1 if it has less than one.
    pub(super) fn filter(
        &mut self,
        rows: &[u8],
        row_bytes: usize,
        left: usize,
        strategy: Strategy,
    ) -> &[u8] {
        self.filtered.clear();
        self.filtered.reserve(rows.len() + rows.len() / row_bytes);
        for buffer in [&mut self.zeros, &mut self.candidate, &mut self.best] {
            buffer.clear();
            buffer.resize(row_bytes, 0);
        }
        let mut above = &self.zeros[..];
        for row in rows.chunks_exact(row_bytes) {
            let (kind, residuals) = match strategy {
                Strategy::Plain => (0, row),
                Strategy::Adaptive => {
                    let rows = Rows { row, above, left };
                    let kind = wide::least_sum(&rows, &mut self.candidate, &mut self.best);
                    (kind, &self.best[..])
                }
            };
            self.filtered.push(kind);
            self.filtered.extend_from_slice(residuals);
            above = row;
        }
        &self.filtered
    }
}

/// What a row is predicted from.
struct Rows<'a> {
    row: &'a [u8],
    above: &'a [u8],
    /// The distance to the left neighbour's byte.
    left: usize,
}

/// Leaves the residuals of the filter with the least sum in `best` and returns its type (PNG 3rd edition, section 9.2).
#[inline(always)]
fn least_sum(rows: &Rows, candidate: &mut Vec<u8>, best: &mut Vec<u8>) -> u8 {
    let &Rows { row, above, left } = rows;
    best.copy_from_slice(row);
    let mut least = (sum_of_magnitudes(row), 0);
    for kind in 1..5 {
        match kind {
            1 => sub(row, left, candidate),
            2 => up(row, above, candidate),
            3 => average(row, above, left, candidate),
            _ => paeth(row, above, left, candidate),
        }
        let sum = sum_of_magnitudes(candidate);
        if sum < least.0 {
            least = (sum, kind);
            std::mem::swap(candidate, best);
        }
    }
    least.1
}

/// The sum of |v| over residuals as signed bytes. `min(v, -v)` of unsigned bytes is |v| of signed
/// ones, and an instruction of its own in every vector unit. A sum in 32 bits, which holds that of a
/// row of 32 MB, is 3.5 times as fast as one in 64.
#[inline(always)]
fn sum_of_magnitudes(residuals: &[u8]) -> u32 {
    let magnitudes = residuals.iter().map(|&v| v.min(v.wrapping_neg()));
    magnitudes.map(u32::from).sum()
}

#[inline(always)]
fn sub(row: &[u8], left: usize, out: &mut [u8]) {
    let (head, tail) = out.split_at_mut(left);
    head.copy_from_slice(&row[..left]);
    for ((out, &x), &a) in tail.iter_mut().zip(&row[left..]).zip(row) {
        *out = x.wrapping_sub(a);
    }
}

#[inline(always)]
fn up(row: &[u8], above: &[u8], out: &mut [u8]) {
    for ((out, &x), &b) in out.iter_mut().zip(row).zip(above) {
        *out = x.wrapping_sub(b);
    }
}

#[inline(always)]
fn average(row: &[u8], above: &[u8], left: usize, out: &mut [u8]) {
    let (head, tail) = out.split_at_mut(left);
    for ((out, &x), &b) in head.iter_mut().zip(row).zip(above) {
        *out = x.wrapping_sub(b / 2);
    }
    for (((out, &x), &a), &b) in tail
        .iter_mut()
        .zip(&row[left..])
        .zip(row)
        .zip(&above[left..])
    {
        // (a + b) / 2 rounded down, without leaving 8 bits.
        *out = x.wrapping_sub((a & b) + ((a ^ b) >> 1));
    }
}

#[inline(always)]
fn paeth(row: &[u8], above: &[u8], left: usize, out: &mut [u8]) {
    let (head, tail) = out.split_at_mut(left);
    for ((out, &x), &b) in head.iter_mut().zip(row).zip(above) {
        *out = x.wrapping_sub(b);
    }
    let neighbours = row.iter().zip(&above[left..]).zip(above);
    for ((out, &x), ((&a, &b), &c)) in tail.iter_mut().zip(&row[left..]).zip(neighbours) {
        *out = x.wrapping_sub(paeth_predictor(a, b, c));
    }
}

/// The one of left, above and above left that is next to left + above - above left (PNG 3rd edition,
/// section 9.4). Selections only, no branches, in 16 bits: the loop around becomes vector code.
#[inline(always)]
fn paeth_predictor(a: u8, b: u8, c: u8) -> u8 {
    let (from_c_to_a, from_c_to_b) = (i16::from(a) - i16::from(c), i16::from(b) - i16::from(c));
    let distance_a = from_c_to_b.abs();
    let distance_b = from_c_to_a.abs();
    let distance_c = (from_c_to_a + from_c_to_b).abs();
    let b_or_c = if distance_b <= distance_c { b } else { c };
    let a_is_next = (distance_a <= distance_b) & (distance_a <= distance_c);
    if a_is_next { a } else { b_or_c }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the specification words it (PNG 3rd edition, section 9.4).
    fn paeth_of_the_specification(a: u8, b: u8, c: u8) -> u8 {
        let p = i32::from(a) + i32::from(b) - i32::from(c);
        let [pa, pb, pc] = [a, b, c].map(|v| (p - i32::from(v)).abs());
        if pa <= pb && pa <= pc {
            a
        } else if pb <= pc {
            b
        } else {
            c
        }
    }

    #[test]
    fn paeth_is_the_one_of_the_specification() {
        for (a, b) in (0..=255).flat_map(|a| (0..=255).map(move |b| (a, b))) {
            for c in 0..=255 {
                assert_eq!(
                    paeth_predictor(a, b, c),
                    paeth_of_the_specification(a, b, c)
                );
            }
        }
    }

    #[test]
    fn the_adaptive_choice_is_the_least_and_the_first_of_equals() {
        let mut filterer = Filterer::default();
        let rows = [[10, 20, 30, 40], [10, 20, 30, 40], [0, 0, 0, 0]].concat();
        let filtered = filterer.filter(&rows, 4, 1, Strategy::Adaptive);
        let expected = [[1, 10, 10, 10, 10], [2, 0, 0, 0, 0], [0, 0, 0, 0, 0]].concat();
        assert_eq!(filtered, expected);
    }
}
