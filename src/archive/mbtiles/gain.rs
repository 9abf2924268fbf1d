//! [`Gain`]: whether it pays to store equal tiles once, told while they come.

use super::super::digest::Digest;
use super::super::recent::Recent;

/// Bytes that a tile's name takes in the row of its place.
const NAME_BYTES: u64 = 33;

/// Bytes that a different tile takes besides: its row, its name once more, and both again in the index of names.
const CONTENT_BYTES: u64 = 85;

/// Bytes that a place takes in either type, with its entry in the index.
const PLACE_BYTES: u64 = 30;

/// It pays where at least one part in so many is saved. For less it is not worth writing all tiles a second time, nor that
/// readers look twice for each.
const PARTS: u64 = 10;

/// Bytes at the beginning and at the end of a long tile that, with its length, tell it from others. Formats compress: what
/// differs in one pixel differs in all that follows, and the end of a PNG is its checksum.
const HEAD_BYTES: usize = 256;
const TAIL_BYTES: usize = 1024;

/// What has come so far. An estimate, for which no tile is ever confused with another in the file itself; it depends on
/// the tiles and their order alone.
#[derive(Default)]
pub(super) struct Gain {
    seen: Recent<Digest, ()>,
    n_tiles: u64,
    n_repeated: u64,
    bytes: u64,
    repeated_bytes: u64,
}

impl Gain {
    /// Counts a tile with its digest, if it has one.
    pub(super) fn add(&mut self, data: &[u8], digest: Option<Digest>) {
        let sample = digest.unwrap_or_else(|| sample(data));
        let bytes = data.len() as u64;
        self.n_tiles += 1;
        self.bytes += bytes;
        if self.seen.find(sample).is_some() {
            self.n_repeated += 1;
            self.repeated_bytes += bytes;
        } else {
            self.seen.remember(sample, ());
        }
    }

    /// Whether a file that stores equal tiles once is so much smaller that it pays.
    pub(super) fn pays(&self) -> bool {
        let flat = self.bytes + PLACE_BYTES * self.n_tiles;
        let n_contents = self.n_tiles - self.n_repeated;
        let normalized =
            flat - self.repeated_bytes + NAME_BYTES * self.n_tiles + CONTENT_BYTES * n_contents;
        normalized + flat / PARTS < flat
    }
}

/// What a tile without a digest is told by.
fn sample(data: &[u8]) -> Digest {
    let head = &data[..HEAD_BYTES.min(data.len())];
    let tail = &data[data.len().saturating_sub(TAIL_BYTES)..];
    Digest::of_parts(&[&data.len().to_le_bytes(), head, tail])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pays(tiles: impl Iterator<Item = Vec<u8>>) -> bool {
        let mut gain = Gain::default();
        tiles.for_each(|tile| gain.add(&tile, Digest::of(&tile)));
        gain.pays()
    }

    #[test]
    fn it_pays_when_many_tiles_are_equal() {
        let tile = |n: usize, length: usize| [n.to_le_bytes().to_vec(), vec![7; length]].concat();
        assert!(!pays(std::iter::empty()));
        assert!(!pays((0..1000).map(|n| tile(n, 2000))));
        assert!(pays((0..1000).map(|_| tile(1, 2000))));
        assert!(pays((0..1000).map(|n| tile(n % 500, 2000))));
        assert!(!pays((0..1000).map(|n| tile(n % 990, 2000))));
        // The names of the others are longer than what is saved.
        assert!(!pays((0..1000).map(|n| tile(n % 700, 20))));
    }

    #[test]
    fn long_tiles_are_told_apart_by_both_ends_and_their_length() {
        let tile = vec![0; 5000];
        let other = |at: usize| {
            let mut other = tile.clone();
            other[at] = 1;
            sample(&other)
        };
        assert_eq!(sample(&tile), other(2000));
        for at in [0, HEAD_BYTES - 1, 5000 - TAIL_BYTES, 4999] {
            assert_ne!(sample(&tile), other(at), "{at}");
        }
        assert_ne!(sample(&tile), sample(&tile[1..]));
    }
}
