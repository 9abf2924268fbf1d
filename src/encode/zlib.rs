//! libdeflate: bytes in, a zlib stream (RFC 1950) out.

use libdeflater::{CompressionLvl, Compressor};

use crate::error::{Error, Result};

/// libdeflate at one level. It takes its memory (0.1 to 1 MB, by level) when it is used first.
pub(super) struct Zlib {
    level: i32,
    compressor: Option<Compressor>,
}

impl Zlib {
    /// Of `level`, 1..=12.
    pub(super) fn new(level: i32) -> Self {
        Self {
            level,
            compressor: None,
        }
    }

    /// Appends `data`, compressed, to `out`. After an error `out` is as it was.
    ///
    /// # Errors
    /// Never, as far as we know: the room given is what libdeflate asks for.
    pub(super) fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => {
                let level = CompressionLvl::new(self.level)
                    .map_err(|_| Error::internal(format!("no deflate level {}", self.level)))?;
                none.insert(Compressor::new(level))
            }
        };
        let start = out.len();
        out.resize(start + compressor.zlib_compress_bound(data.len()), 0);
        match compressor.zlib_compress(data, &mut out[start..]) {
            Ok(n) => out.truncate(start + n),
            Err(error) => {
                out.truncate(start);
                return Err(Error::internal(format!("deflate: {error}")));
            }
        }
        Ok(())
    }
}
