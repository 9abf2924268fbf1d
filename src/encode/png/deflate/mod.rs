//! The compression stage of PNG: bytes in, a zlib stream (RFC 1950) out. Knows nothing of pixels.
//!
//! Two coders take turns: [`residuals`], which is fast and good at what photographs leave behind, and libdeflate, which finds
//! repetitions. For filtered rows a sample is compressed by both, and who does better does all.

mod bits;
mod huffman;
mod residuals;
mod runs;

use self::residuals::Residuals;
use crate::encode::zlib::Zlib;
use crate::error::Result;

/// When libdeflate is asked for filtered rows, too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Search {
    /// Never.
    Never,
    /// Where the sample that it compresses is at most so many thousandths of the other's. It finds more in all than in a
    /// sample: some three percent.
    Below(usize),
    /// Always, and the smaller of both streams is taken.
    Always,
}

/// Compresses at one level; keeps tables and buffers between tiles.
pub(super) struct Deflater {
    libdeflate: Zlib,
    residuals: Residuals,
    search: Search,
    sample: Vec<u8>,
    other: Vec<u8>,
}

impl Deflater {
    /// A compressor with libdeflate's `level`, 1..=12, for all that it is asked for.
    pub(super) fn new(level: i32, search: Search) -> Self {
        Self {
            libdeflate: Zlib::new(level),
            residuals: Residuals::default(),
            search,
            sample: Vec::new(),
            other: Vec::new(),
        }
    }

    /// Appends rows that are not filtered to `out` as a zlib stream: libdeflate finds their repetitions. After an error `out` is
    /// as it was.
    ///
    /// # Errors
    /// Never, as far as we know: the room given is what libdeflate asks for.
    pub(super) fn plain(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.libdeflate.compress(data, out)
    }

    /// Likewise, rows of `row_bytes` that are filtered.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub(super) fn filtered(
        &mut self,
        data: &[u8],
        row_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let tries_both = match self.search {
            Search::Never => false,
            Search::Below(thousandths) if data.len() > 4 * LEAST_SAMPLE_BYTES => {
                self.take_sample(data, row_bytes);
                let sample = std::mem::take(&mut self.sample);
                let sizes = self.both(&sample);
                self.sample = sample;
                let (fast, thorough) = sizes?;
                if thorough * 1000 <= fast * thousandths {
                    return self.libdeflate.compress(data, out);
                }
                false
            }
            Search::Below(_) | Search::Always => true,
        };
        let start = out.len();
        self.residuals.zlib(data, out);
        if tries_both {
            self.other.clear();
            let compressed = self.libdeflate.compress(data, &mut self.other);
            if let Err(error) = compressed {
                out.truncate(start);
                return Err(error);
            }
            if self.other.len() < out.len() - start {
                out.truncate(start);
                out.extend_from_slice(&self.other);
            }
        }
        Ok(())
    }

    /// Takes rows from two places, one in [`SAMPLED`] of them, of small pictures more.
    fn take_sample(&mut self, data: &[u8], row_bytes: usize) {
        let n_rows = data.len() / row_bytes;
        let least = LEAST_SAMPLE_BYTES.div_ceil(row_bytes);
        let n_taken = (n_rows / SAMPLED).max(least).min(n_rows) / 2;
        self.sample.clear();
        for quarter in [1, 3] {
            let first = n_rows * quarter / 4 - n_taken / 2;
            let rows = &data[first * row_bytes..(first + n_taken) * row_bytes];
            self.sample.extend_from_slice(rows);
        }
    }

    /// How long `data` becomes by the fast coder, and by libdeflate.
    fn both(&mut self, data: &[u8]) -> Result<(usize, usize)> {
        self.other.clear();
        self.residuals.zlib(data, &mut self.other);
        let fast = self.other.len();
        self.other.clear();
        self.libdeflate.compress(data, &mut self.other)?;
        Ok((fast, self.other.len()))
    }
}

/// One in so many rows tells how all will do.
const SAMPLED: usize = 16;

/// Of less than this, what a stream needs besides the data would say more than the data. Less than four times as much is
/// compressed by both.
const LEAST_SAMPLE_BYTES: usize = 12 << 10;
