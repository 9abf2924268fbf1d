//! A deflate of our own for residuals of photographs, several times as fast as one for all kinds of data. It looks for no
//! repetitions but runs of one byte: in residuals most others are accidents, and to say where the bytes were before costs as
//! much as the bytes. What it has are Huffman codes, made anew every few rows.

use super::bits::{BitWriter, SLACK_BYTES};
use super::huffman::{Builder, codes as canonical};
use super::runs::{self, Sequence};

/// Bytes of a block; the last may have half as much more or less. A block costs some 80 bytes for its codes, and they suit what
/// is in it better than those of the whole tile.
const BLOCK_BYTES: usize = 48 << 10;

/// The longest code of a literal or length: four literals fit between two flushes.
const LITERAL_LIMIT: usize = 14;

/// The symbol that ends a block (RFC 1951, section 3.2.5).
const END_OF_BLOCK: usize = 256;
/// The symbol of the first length code.
const FIRST_LENGTH: usize = 257;
/// Symbols for literals, the end of a block and lengths.
const N_SYMBOLS: usize = 286;

/// The lengths of the codes for distances: of the two that a decoder may want, the first says 1, and no other is used.
const DISTANCE_LENGTHS: [u8; 2] = [1, 1];
/// Bits of the first of these codes, which is 0.
const DISTANCE_BITS: u32 = 1;

/// Compresses residuals; keeps its buffers from tile to tile.
#[derive(Default)]
pub(super) struct Residuals {
    sequences: Vec<Sequence>,
    block: Block,
}

/// The first two bytes of a stream: deflate with a window of 32 KiB, by the fastest algorithm (RFC 1950, section 2.2).
const ZLIB_HEADER: [u8; 2] = [0x78, 0x01];

impl Residuals {
    /// Appends `data` to `out` as a zlib stream.
    pub(super) fn zlib(&mut self, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&ZLIB_HEADER);
        self.compress(data, out);
        out.extend_from_slice(&libdeflater::adler32(data).to_be_bytes());
    }

    /// Appends `data` to `out` as deflate blocks, the last one marked as such.
    fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + bound(data.len()), 0);
        let mut writer = BitWriter::new(&mut out[start..]);
        let n_blocks = ((data.len() + BLOCK_BYTES / 2) / BLOCK_BYTES).max(1);
        for k in 0..n_blocks {
            let is_last = k + 1 == n_blocks;
            let end = if is_last {
                data.len()
            } else {
                (k + 1) * BLOCK_BYTES
            };
            let block = &data[k * BLOCK_BYTES..end];
            self.sequences.clear();
            runs::find(block, &mut self.sequences);
            self.block
                .write(block, &self.sequences, is_last, &mut writer);
        }
        writer.align();
        let n = writer.n_bytes();
        out.truncate(start + n);
    }
}

/// Bytes that hold the blocks of `n` bytes at worst: all stored, each piece with its header and the padding before it.
fn bound(n: usize) -> usize {
    n + 6 * (n / STORED_BYTES + n / BLOCK_BYTES + 2) + SLACK_BYTES
}

/// The most that a stored block holds.
const STORED_BYTES: usize = (1 << 16) - 1;

/// Writes one block; keeps its tables.
#[derive(Default)]
struct Block {
    builder: Builder,
    symbols: Alphabet<N_SYMBOLS>,
    header: Header,
}

/// The symbols of one kind in a block: how often each occurs, and its code.
struct Alphabet<const N: usize> {
    counts: [u32; N],
    lengths: [u8; N],
    codes: [u16; N],
}

impl<const N: usize> Default for Alphabet<N> {
    fn default() -> Self {
        Self {
            counts: [0; N],
            lengths: [0; N],
            codes: [0; N],
        }
    }
}

impl<const N: usize> Alphabet<N> {
    /// Makes the codes for the counts.
    fn build(&mut self, builder: &mut Builder, limit: usize) {
        builder.lengths(&self.counts, limit, &mut self.lengths);
        canonical(&self.lengths, &mut self.codes);
    }

    /// Bits of all symbols together.
    fn bits(&self) -> usize {
        let pairs = self.counts.iter().zip(&self.lengths);
        pairs
            .map(|(&n, &length)| n as usize * usize::from(length))
            .sum()
    }

    /// Writes a symbol and the extra bits of its code.
    #[inline(always)]
    fn put(&self, symbol: usize, (extra, n_extra): (u32, u32), out: &mut BitWriter) {
        let length = u32::from(self.lengths[symbol]);
        let bits = u64::from(self.codes[symbol]) | u64::from(extra) << length;
        out.put(bits, length + n_extra);
    }
}

impl Block {
    /// Writes `data`, which `sequences` says once more.
    fn write(&mut self, data: &[u8], sequences: &[Sequence], is_last: bool, out: &mut BitWriter) {
        let extra_bits = self.count(data, sequences);
        self.symbols.build(&mut self.builder, LITERAL_LIMIT);
        self.header.build(&self.symbols.lengths, &mut self.builder);
        let bits = self.header.bits() + self.symbols.bits() + extra_bits;
        if bits >= 8 * (data.len() + 5) {
            return store(data, is_last, out);
        }
        // The second and third bit say: codes of its own (RFC 1951, section 3.2.3).
        out.put(u64::from(is_last) | 2 << 1, 3);
        self.header.write(out);
        self.body(data, sequences, out);
    }

    /// Counts the symbols, and adds up the bits beside their codes.
    fn count(&mut self, data: &[u8], sequences: &[Sequence]) -> usize {
        let counts = &mut self.symbols.counts;
        counts.fill(0);
        // With four counters a byte equal ones in a row do not wait for each other.
        let mut four = [[0_u32; 256]; 4];
        let (mut at, mut extra_bits) = (0, 0);
        for sequence in sequences {
            let groups = data[at..at + sequence.n_literals].as_chunks::<4>();
            for &[a, b, c, d] in groups.0 {
                four[0][usize::from(a)] += 1;
                four[1][usize::from(b)] += 1;
                four[2][usize::from(c)] += 1;
                four[3][usize::from(d)] += 1;
            }
            for &value in groups.1 {
                four[0][usize::from(value)] += 1;
            }
            at += sequence.n_literals + sequence.length;
            if sequence.length > 0 {
                let coded = runs::code(sequence.length);
                counts[FIRST_LENGTH + coded.code] += 1;
                extra_bits += (coded.n_extra + DISTANCE_BITS) as usize;
            }
        }
        for (k, n) in counts[..256].iter_mut().enumerate() {
            *n = four.iter().map(|counts| counts[k]).sum();
        }
        counts[END_OF_BLOCK] = 1;
        extra_bits
    }

    fn body(&self, data: &[u8], sequences: &[Sequence], out: &mut BitWriter) {
        // Code and length in one word, so that a literal is one look-up.
        let mut table = [0_u32; 256];
        let pairs = self.symbols.codes.iter().zip(&self.symbols.lengths);
        for (entry, (&code, &length)) in table.iter_mut().zip(pairs) {
            *entry = u32::from(code) | u32::from(length) << 16;
        }
        let code = |byte: u8| {
            let entry = table[usize::from(byte)];
            (u64::from(entry & 0xFFFF), entry >> 16)
        };
        let join = |a: (u64, u32), b: (u64, u32)| (a.0 | b.0 << a.1, a.1 + b.1);
        let mut at = 0;
        for sequence in sequences {
            let groups = data[at..at + sequence.n_literals].as_chunks::<4>();
            for &[a, b, c, d] in groups.0 {
                // In pairs, so that not each waits for the one before it.
                let (bits, n) = join(join(code(a), code(b)), join(code(c), code(d)));
                out.put(bits, n);
                out.flush();
            }
            for &byte in groups.1 {
                let (bits, n) = code(byte);
                out.put(bits, n);
            }
            out.flush();
            at += sequence.n_literals + sequence.length;
            if sequence.length > 0 {
                let coded = runs::code(sequence.length);
                // The distance's code is a zero at the end.
                let extra = (coded.extra, coded.n_extra + DISTANCE_BITS);
                self.symbols.put(FIRST_LENGTH + coded.code, extra, out);
                out.flush();
            }
        }
        self.symbols.put(END_OF_BLOCK, (0, 0), out);
        out.flush();
    }
}

/// Writes `data` as it is (RFC 1951, section 3.2.4).
fn store(data: &[u8], is_last: bool, out: &mut BitWriter) {
    let n_pieces = data.len().div_ceil(STORED_BYTES).max(1);
    for k in 0..n_pieces {
        let piece = &data[k * STORED_BYTES..data.len().min((k + 1) * STORED_BYTES)];
        out.put(u64::from(is_last && k + 1 == n_pieces), 3);
        out.align();
        let n = piece.len() as u16;
        out.bytes(&n.to_le_bytes());
        out.bytes(&(!n).to_le_bytes());
        out.bytes(piece);
    }
}

/// The lengths of a block's codes, themselves in codes (RFC 1951, section 3.2.7).
#[derive(Default)]
struct Header {
    /// Lengths of the codes of literals and run lengths that are written.
    n_lengths: usize,
    /// Symbols of the third alphabet, and what their extra bits say.
    symbols: Vec<(u8, u8)>,
    alphabet: Alphabet<N_LENGTH_CODES>,
}

const N_LENGTH_CODES: usize = 19;

/// The longest code of that alphabet.
const LENGTH_LIMIT: usize = 7;

/// The order in which the lengths of that alphabet are written: those seldom used last, where they can be left out.
const ORDER: [usize; N_LENGTH_CODES] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Extra bits of symbols 16 (the last length 3 to 6 times), 17 (0, 3 to 10 times) and 18 (0, 11 to 138 times).
fn repeat_bits(symbol: u8) -> u32 {
    match symbol {
        16 => 2,
        17 => 3,
        18 => 7,
        _ => 0,
    }
}

impl Header {
    fn build(&mut self, lengths: &[u8; N_SYMBOLS], builder: &mut Builder) {
        let n = lengths.iter().rposition(|&l| l > 0).map_or(0, |k| k + 1);
        self.n_lengths = n.max(FIRST_LENGTH);
        self.symbols.clear();
        for run in lengths[..self.n_lengths].chunk_by(|a, b| a == b) {
            repeat(run[0], run.len(), &mut self.symbols);
        }
        self.symbols
            .extend(DISTANCE_LENGTHS.map(|length| (length, 0)));
        self.alphabet.counts.fill(0);
        for &(symbol, _) in &self.symbols {
            self.alphabet.counts[usize::from(symbol)] += 1;
        }
        self.alphabet.build(builder, LENGTH_LIMIT);
    }

    /// How many lengths of the third alphabet are written.
    fn n_codes(&self) -> usize {
        let used = |&k: &usize| self.alphabet.lengths[k] > 0;
        ORDER.iter().rposition(used).map_or(4, |k| (k + 1).max(4))
    }

    /// Bits of the block's header, the first three included.
    fn bits(&self) -> usize {
        let extra = self.symbols.iter().map(|&(symbol, _)| repeat_bits(symbol));
        3 + 14 + 3 * self.n_codes() + self.alphabet.bits() + extra.sum::<u32>() as usize
    }

    fn write(&self, out: &mut BitWriter) {
        let n_codes = self.n_codes();
        out.put((self.n_lengths - FIRST_LENGTH) as u64, 5);
        out.put((DISTANCE_LENGTHS.len() - 1) as u64, 5);
        out.put((n_codes - 4) as u64, 4);
        for &k in &ORDER[..n_codes] {
            out.flush();
            out.put(u64::from(self.alphabet.lengths[k]), 3);
        }
        for &(symbol, extra) in &self.symbols {
            out.flush();
            let extra = (u32::from(extra), repeat_bits(symbol));
            self.alphabet.put(usize::from(symbol), extra, out);
        }
        out.flush();
    }
}

/// Appends `n` times the code length `length`.
fn repeat(length: u8, mut n: usize, out: &mut Vec<(u8, u8)>) {
    if length == 0 {
        while n >= 11 {
            let now = n.min(138);
            out.push((18, (now - 11) as u8));
            n -= now;
        }
        if n >= 3 {
            out.push((17, (n - 3) as u8));
            n = 0;
        }
    } else {
        out.push((length, 0));
        n -= 1;
        while n >= 3 {
            let now = n.min(6);
            out.push((16, (now - 3) as u8));
            n -= now;
        }
    }
    out.extend(std::iter::repeat_n((length, 0), n));
}

#[cfg(test)]
mod tests;
