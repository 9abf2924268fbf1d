//! Which tiles are compared when not all are: [`Sample::of`].

use crate::geo::tile::TileCoord;

/// How many tiles are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// All.
    All,
    /// So many, of all zooms and from all over each of them; always the first and the last.
    Tiles(usize),
}

impl Sample {
    /// Those of `tiles`, listed as by [`Store::tiles`](crate::archive::Store::tiles), in that order. The same every time.
    pub(super) fn of(self, tiles: &[TileCoord]) -> Vec<TileCoord> {
        let Self::Tiles(wanted) = self else {
            return tiles.to_vec();
        };
        let zooms: Vec<&[TileCoord]> = tiles.chunk_by(|a, b| a.z() == b.z()).collect();
        let counts: Vec<usize> = zooms.iter().map(|zoom| zoom.len()).collect();
        let shares = shares(&counts, wanted);
        let picked = zooms.iter().zip(shares).enumerate();
        let picked = picked.flat_map(|(k, (zoom, n))| spread(zoom, n, k == 0));
        picked.copied().collect()
    }
}

/// How many of each zoom: as many of one as of another, as far as they have them, but at least one.
fn shares(counts: &[usize], wanted: usize) -> Vec<usize> {
    let mut shares = vec![0; counts.len()];
    let mut left = wanted.max(2);
    // From the ends on: the first and the last are never left out.
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&k| k.min(counts.len() - 1 - k));
    while left > 0 {
        let before = left;
        for &k in &order {
            if left > 0 && shares[k] < counts[k] {
                shares[k] += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    shares
}

/// `n` of `list`, evenly, its ends among them; one alone is the first of the first zoom, the last of any other.
fn spread<T>(list: &[T], n: usize, is_first: bool) -> impl Iterator<Item = &T> {
    let last = list.len().saturating_sub(1);
    (0..n).map(move |k| {
        let at = match n {
            1 if is_first => 0,
            1 => last,
            _ => (k * last + (n - 1) / 2) / (n - 1),
        };
        &list[at]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles(counts: &[u32]) -> Vec<TileCoord> {
        let zooms = (3..).zip(counts);
        zooms
            .flat_map(|(z, &n)| (0..n).map(move |x| TileCoord::new(z, x, 0)))
            .collect()
    }

    #[test]
    fn a_sample_is_of_all_zooms_and_has_both_ends() {
        for counts in [&[1, 2, 5, 17, 900][..], &[1], &[7, 3], &[1, 1, 1, 4]] {
            let all = tiles(counts);
            for wanted in [1, 2, 3, 8, 64, 5000] {
                let found = Sample::Tiles(wanted).of(&all);
                let least = wanted.max(2).min(all.len());
                assert_eq!(found.len(), least, "{counts:?} {wanted}");
                assert_eq!(found.first(), all.first());
                assert_eq!(found.last(), all.last());
                assert!(found.is_sorted(), "{found:?}");
                assert!(found.windows(2).all(|pair| pair[0] != pair[1]));
                if wanted >= counts.len() {
                    let mut zooms: Vec<u8> = found.iter().map(|tile| tile.z()).collect();
                    zooms.dedup();
                    assert_eq!(zooms.len(), counts.len());
                }
            }
            assert_eq!(Sample::All.of(&all), all);
        }
        assert!(Sample::Tiles(5).of(&[]).is_empty());
    }
}
