//! Runs of one byte in residuals, and how deflate says their lengths.

/// Literal bytes, then a run that repeats the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sequence {
    /// How many bytes go before the run as they are.
    pub(super) n_literals: usize,
    /// How often the byte before it is repeated: 3 to 258 times; 0 at the end of the data, where there is no run.
    pub(super) length: usize,
}

/// The longest run that one symbol says.
const MAX_LENGTH: usize = 258;

/// The shortest worth saying; zeros cost little more than a bit each. What is left of a long run may be shorter.
const MIN_LENGTH: usize = 12;

/// Appends what `data` is made of to `out`. Runs of [`MIN_LENGTH`] are found if they fill one of the words of eight bytes from
/// the second byte on, those of twice that always.
pub(super) fn find(data: &[u8], out: &mut Vec<Sequence>) {
    let mut done = 0;
    let mut before = data.first().copied();
    let words = data.get(1..).unwrap_or_default().as_chunks::<8>().0;
    for (k, word) in words.iter().enumerate() {
        let at = 1 + 8 * k;
        let Some(last) = before.replace(word[7]) else {
            break;
        };
        let here = u64::from_le_bytes(*word);
        // Each byte of the word repeats the one before it.
        if here != here << 8 | u64::from(last) || at < done {
            continue;
        }
        // The first byte of a run is written as it is.
        let back = data[done..at]
            .iter()
            .rev()
            .take_while(|&&v| v == last)
            .count();
        let mut from = at - back + 1;
        let end = at + data[at..].iter().take_while(|&&v| v == last).count();
        while end.saturating_sub(from) >= MIN_LENGTH {
            let length = (end - from).min(MAX_LENGTH);
            out.push(Sequence {
                n_literals: from - done,
                length,
            });
            from += length;
            done = from;
        }
    }
    out.push(Sequence {
        n_literals: data.len() - done,
        length: 0,
    });
}

/// A length as a code, counted from 0, the number of bits that follow it, and what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coded {
    pub(super) code: usize,
    pub(super) n_extra: u32,
    pub(super) extra: u32,
}

/// The code of a length of 3 to 258 (RFC 1951, section 3.2.5): eight codes without extra bits, then four with one, four with two
/// and so on; the longest has one of its own.
#[inline]
pub(super) fn code(length: usize) -> Coded {
    debug_assert!((3..=MAX_LENGTH).contains(&length), "{length}");
    if length == MAX_LENGTH {
        return Coded {
            code: 28,
            n_extra: 0,
            extra: 0,
        };
    }
    let value = length as u32 - 3;
    let n_extra = (value | 1).ilog2().saturating_sub(2);
    Coded {
        code: ((n_extra << 2) + (value >> n_extra)) as usize,
        n_extra,
        extra: value & ((1 << n_extra) - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_specification() {
        let bases = [
            3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99,
            115, 131, 163, 195, 227, 258,
        ];
        for length in 3..=MAX_LENGTH {
            let coded = code(length);
            let expected = bases.iter().rposition(|&base| base <= length);
            assert_eq!(Some(coded.code), expected, "{length}");
            assert_eq!(bases[coded.code] + coded.extra as usize, length);
            assert!(coded.extra < 1 << coded.n_extra);
        }
        assert_eq!((code(257).n_extra, code(10).n_extra), (5, 0));
    }

    fn expand(data: &[u8], sequences: &[Sequence]) -> Vec<u8> {
        let mut out = Vec::new();
        for sequence in sequences {
            let n = out.len();
            out.extend_from_slice(&data[n..n + sequence.n_literals]);
            assert!(sequence.length == 0 || (3..=MAX_LENGTH).contains(&sequence.length));
            let last = out.last().copied();
            out.extend((0..sequence.length).map(|_| last.expect("a byte to repeat")));
        }
        out
    }

    #[test]
    fn runs_of_any_length_anywhere_are_found() {
        for n in (0..600).chain([1000, 5000]) {
            for lead in 0..9 {
                let mut data: Vec<u8> = (1..=lead).collect();
                data.extend(vec![0; n]);
                data.extend([7, 8]);
                let mut sequences = Vec::new();
                find(&data, &mut sequences);
                assert_eq!(expand(&data, &sequences), data, "{n} after {lead}");
                let literals: usize = sequences.iter().map(|s| s.n_literals).sum();
                if n > 2 * MIN_LENGTH {
                    assert!(
                        literals <= usize::from(lead) + 3 + MIN_LENGTH,
                        "{n} after {lead}"
                    );
                }
            }
        }
    }
}
