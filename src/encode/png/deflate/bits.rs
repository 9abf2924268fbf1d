//! Bits into bytes, the first in the lowest place (RFC 1951, section 3.1.1).

/// Appends bits to a buffer whose room was made before.
pub(super) struct BitWriter<'a> {
    out: &'a mut [u8],
    n_bytes: usize,
    /// Not yet in `out`: `n_bits` of them, from the lowest on.
    bits: u64,
    n_bits: u32,
}

/// Bytes beyond those of the stream that the buffer must have: whole words are written.
pub(super) const SLACK_BYTES: usize = 8;

impl<'a> BitWriter<'a> {
    /// Writes to `out`, from its start.
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        Self {
            out,
            n_bytes: 0,
            bits: 0,
            n_bits: 0,
        }
    }

    /// Adds the lowest `n` bits of `value`, whose other bits are 0. At most 56 may be added between two calls of
    /// [`Self::flush`].
    #[inline(always)]
    pub(super) fn put(&mut self, value: u64, n: u32) {
        self.bits |= value << self.n_bits;
        self.n_bits += n;
        debug_assert!(self.n_bits < 64, "flushed too late");
    }

    /// Moves whole bytes to the buffer; less than 8 bits stay.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        self.out[self.n_bytes..self.n_bytes + 8].copy_from_slice(&self.bits.to_le_bytes());
        self.n_bytes += (self.n_bits / 8) as usize;
        self.bits >>= self.n_bits / 8 * 8;
        self.n_bits %= 8;
    }

    /// Fills the last byte up with zeros.
    pub(super) fn align(&mut self) {
        self.flush();
        if self.n_bits > 0 {
            self.n_bits = 8;
            self.flush();
        }
    }

    /// Adds whole bytes; the writer must be aligned.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.n_bits, 0, "aligned");
        self.out[self.n_bytes..self.n_bytes + bytes.len()].copy_from_slice(bytes);
        self.n_bytes += bytes.len();
    }

    /// How many whole bytes were written.
    pub(super) fn n_bytes(&self) -> usize {
        self.n_bytes
    }
}
