//! The compression stage of PNG: bytes in, a zlib stream (RFC 1950) out. Knows nothing of pixels.

use libdeflater::{CompressionLvl, Compressor};

use crate::error::{Error, Result};

/// Compresses at one level; keeps the tables of the compressor between tiles.
pub(super) struct Deflater {
    level: i32,
    compressor: Option<Compressor>,
}

impl Deflater {
    /// A compressor of libdeflate's `level`, 1..=12. It takes its memory (0.1 to 1 MB, by level)
    /// when it is used first.
    pub(super) fn new(level: i32) -> Self {
        Self {
            level,
            compressor: None,
        }
    }

    /// Appends `data` to `out` as a zlib stream. After an error `out` is as it was.
    ///
    /// # Errors
    /// Never, as far as we know: the room given is what libdeflate asks for.
    pub(super) fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => {
                let level = CompressionLvl::new(self.level).map_err(|_| {
                    Error::internal(format!("png: no deflate level {}", self.level))
                })?;
                none.insert(Compressor::new(level))
            }
        };
        let start = out.len();
        out.resize(start + compressor.zlib_compress_bound(data.len()), 0);
        match compressor.zlib_compress(data, &mut out[start..]) {
            Ok(n) => out.truncate(start + n),
            Err(error) => {
                out.truncate(start);
                return Err(Error::internal(format!("png: {error}")));
            }
        }
        Ok(())
    }
}
