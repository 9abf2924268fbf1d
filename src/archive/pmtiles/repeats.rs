//! [`Repeats`]: which tiles came before, as far as they are likely to come again.

use sha2::{Digest, Sha256};

use super::super::recent::Recent;
use super::zoom::Blob;

/// The longest tile whose digest is taken. Tiles that come again and again are of one colour, and short:
///
/// ```text
/// one colour, effort 0   256 px   512 px   1024 px
/// PNG                      0.1      0.1        0.2 kB
/// WebP                     0.3      0.9        3.0 kB
/// JPEG                     1.7      4.7       17.0 kB, 1.8 kB for 512 pixels at effort 3
/// ```
///
/// Of longer ones no two were equal in orthophotos, shaded relief and land cover, and to sum them all up would be work for
/// nothing. What is of one colour and longer still is found where it stands in a row.
const LIKELY_BYTES: usize = 8192;

/// A tile by its zoom and its content. 128 bits of SHA-256: that two different tiles have the same is less likely than
/// that the disk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(u8, [u8; 16]);

impl Key {
    /// The key of a tile that is likely to come again.
    pub(super) fn of(z: u8, data: &[u8]) -> Option<Self> {
        if data.len() > LIKELY_BYTES {
            return None;
        }
        let digest = Sha256::digest(data);
        let half = digest.first_chunk().expect("32 bytes are more than 16");
        Some(Self(z, *half))
    }
}

/// The last tiles that were new, and where they are.
pub(super) type Repeats = Recent<Key, Blob>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zooms_and_long_tiles_are_kept_apart() {
        assert_ne!(Key::of(3, b"a"), Key::of(4, b"a"));
        assert_eq!(Key::of(3, &[0; LIKELY_BYTES + 1]), None);
        assert!(Key::of(3, &[0; LIKELY_BYTES]).is_some());
    }
}
