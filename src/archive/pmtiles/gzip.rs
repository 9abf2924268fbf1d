//! gzip in one piece, with a limit on what comes out.

use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};

/// The most that deflate can make of a byte, rounded up: 258 bytes of two bits.
const EXPANSION_MAX: usize = 1032;

/// The default of gzip. Directories are small beside tiles, whatever the level.
const LEVEL: i32 = 6;

/// `data`, compressed. There is no time and no name in it: the same data give the same bytes.
pub(super) fn pack(data: &[u8]) -> Vec<u8> {
    let level = CompressionLvl::new(LEVEL).expect("a level of libdeflate's");
    let mut compressor = Compressor::new(level);
    let mut out = vec![0; compressor.gzip_compress_bound(data.len())];
    let n = compressor
        .gzip_compress(data, &mut out)
        .expect("room for the worst case");
    out.truncate(n);
    out
}

/// What was compressed; what is wrong if it was nothing, or more than `limit` bytes.
pub(super) fn unpack(data: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let limit = limit.min(data.len().saturating_mul(EXPANSION_MAX));
    // The last four bytes tell the length, but need not be true.
    let told = data.last_chunk().map_or(0, |end| u32::from_le_bytes(*end));
    let mut out = vec![0; limit.min(told as usize)];
    let mut decompressor = Decompressor::new();
    loop {
        match decompressor.gzip_decompress(data, &mut out) {
            Ok(n) => {
                out.truncate(n);
                return Ok(out);
            }
            Err(DecompressionError::InsufficientSpace) if out.len() < limit => {
                let longer = out.len().saturating_mul(2).max(1 << 16);
                out.resize(longer.min(limit), 0);
            }
            Err(DecompressionError::InsufficientSpace) => {
                return Err(format!("more than {limit} bytes when unpacked"));
            }
            Err(DecompressionError::BadData) => return Err("damaged gzip data".into()),
        }
    }
}
