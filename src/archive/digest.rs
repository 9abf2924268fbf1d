//! [`Digest`]: by what tiles that come again and again are known.

use sha2::{Digest as _, Sha256};

/// The longest tile that has one. Tiles that come again and again are of one colour, and short:
///
/// ```text
/// one colour, effort 0   256 px   512 px   1024 px
/// PNG                      0.1      0.1        0.2 kB
/// WebP                     0.3      0.9        3.0 kB
/// JPEG                     1.7      4.7       17.0 kB, 1.8 kB for 512 pixels at effort 3
/// ```
///
/// Of longer ones no two were equal in orthophotos, shaded relief and land cover, and to sum them all up would be work for
/// nothing.
pub(super) const LIKELY_BYTES: usize = 8192;

/// What a tile's bytes come to. 128 bits of SHA-256: that two different tiles have the same is less likely than that the
/// disk lies. Made by whoever makes the tile, on a thread of its own; containers that store equal tiles once go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of a tile that is likely to come again; `None` of a longer one.
    pub fn of(data: &[u8]) -> Option<Self> {
        (data.len() <= LIKELY_BYTES).then(|| Self::of_parts(&[data]))
    }

    /// The digest of `parts`, one after the other.
    pub(super) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        parts.iter().for_each(|part| digest.update(part));
        let digest = digest.finalize();
        Self(*digest.first_chunk().expect("32 bytes are more than 16"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tiles_have_one_and_different_ones_another() {
        assert_eq!(Digest::of(&[0; LIKELY_BYTES + 1]), None);
        assert!(Digest::of(&[0; LIKELY_BYTES]).is_some());
        assert_eq!(Digest::of(b"ab"), Some(Digest::of_parts(&[b"a", b"b"])));
        assert_ne!(Digest::of(b"a"), Digest::of(b"b"));
    }
}
