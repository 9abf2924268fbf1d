//! Predictors: what was done to the rows of a block before it was compressed, undone.

use super::header::Kind;

/// How samples are told from those before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    /// As they are.
    None,
    /// Each is the difference from the one before it in its band, as whole numbers of so many bytes.
    Horizontal(usize),
    /// Likewise, byte by byte: first the highest of all samples of a row, then the next, to the lowest.
    Floating,
}

impl Predictor {
    /// The one that TIFF has under `number`; `None` where it does not go with the samples or the compression.
    pub(super) fn of(number: u64, kind: Kind, compressed: bool) -> Option<Self> {
        match (number, kind) {
            (1, _) => Some(Self::None),
            (2, _) if compressed => Some(Self::Horizontal(kind.bytes())),
            (3, Kind::F32) if compressed => Some(Self::Floating),
            _ => None,
        }
    }

    /// Makes of `line`, a row of a block with `bands` samples a pixel, what it was: samples, their lowest byte first. `buffer`
    /// is any.
    pub(super) fn undo(self, line: &mut [u8], bands: usize, buffer: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Horizontal(1) => add_up(line, bands),
            Self::Horizontal(2) => add_up_wide(
                line,
                bands,
                u16::from_le_bytes,
                u16::to_le_bytes,
                u16::wrapping_add,
            ),
            Self::Horizontal(_) => add_up_wide(
                line,
                bands,
                u32::from_le_bytes,
                u32::to_le_bytes,
                u32::wrapping_add,
            ),
            Self::Floating => {
                add_up(line, bands);
                buffer.clear();
                buffer.extend_from_slice(line);
                gather(buffer, line);
            }
        }
    }
}

/// Adds to each byte the one `stride` before it.
fn add_up(line: &mut [u8], stride: usize) {
    match stride {
        1 => add_up_bytes(line),
        3 => add_up_of::<3>(line),
        4 => add_up_of::<4>(line),
        _ => {
            for k in stride..line.len() {
                line[k] = line[k].wrapping_add(line[k - stride]);
            }
        }
    }
}

/// Adds to each byte the one before it, eight at a time: the sums of two bytes in one register, in four lanes with room for eight
/// bits more, become running sums by one multiplication.
fn add_up_bytes(line: &mut [u8]) {
    const LANES: u64 = 0x0001_0001_0001_0001;
    const LOW: u64 = 0xff * LANES;
    let (eights, rest) = line.as_chunks_mut::<8>();
    let mut before = 0_u64;
    for eight in eights {
        let bytes = u64::from_le_bytes(*eight);
        let second = (bytes >> 8) & LOW;
        let sums = ((bytes & LOW) + second).wrapping_mul(LANES);
        let up_to_second = sums + (before & 0xff) * LANES;
        let up_to_first = up_to_second - second;
        *eight = ((up_to_second & LOW) << 8 | up_to_first & LOW).to_le_bytes();
        before += sums >> 48;
    }
    let mut sum = before as u8;
    for byte in rest {
        sum = sum.wrapping_add(*byte);
        *byte = sum;
    }
}

/// Sums in registers: the next addition need not wait until the last has been stored and loaded again.
fn add_up_of<const N: usize>(line: &mut [u8]) {
    let mut sums = [0_u8; N];
    for pixel in line.as_chunks_mut::<N>().0 {
        for (sum, byte) in sums.iter_mut().zip(pixel) {
            *sum = sum.wrapping_add(*byte);
            *byte = *sum;
        }
    }
}

/// The same with numbers of `BYTES` bytes.
fn add_up_wide<T: Copy + Default, const BYTES: usize>(
    line: &mut [u8],
    stride: usize,
    read: impl Fn([u8; BYTES]) -> T,
    write: impl Fn(T) -> [u8; BYTES],
    add: impl Fn(T, T) -> T,
) {
    let numbers = line.as_chunks_mut::<BYTES>().0;
    if stride == 1 {
        let mut sum = T::default();
        for number in numbers {
            sum = add(sum, read(*number));
            *number = write(sum);
        }
        return;
    }
    for k in stride..numbers.len() {
        numbers[k] = write(add(read(numbers[k]), read(numbers[k - stride])));
    }
}

/// Puts together the four bytes of each of the samples in `line`, which lie a quarter of `planes` apart, the highest first.
fn gather(planes: &[u8], line: &mut [u8]) {
    let n = line.len() / 4;
    let (high, rest) = planes.split_at(n);
    let (second, rest) = rest.split_at(n);
    let (third, low) = rest.split_at(n);
    for (i, sample) in line.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *sample = [low[i], third[i], second[i], high[i]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_are_added_up_as_one_after_the_other(
            line in prop::collection::vec(prop_oneof![Just(255_u8), any::<u8>()], 0..300),
        ) {
            let mut expected = line.clone();
            for k in 1..line.len() {
                expected[k] = expected[k].wrapping_add(expected[k - 1]);
            }
            let mut found = line;
            add_up_bytes(&mut found);
            prop_assert_eq!(found, expected);
        }
    }
}
