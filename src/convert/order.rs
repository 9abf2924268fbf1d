//! [`post_order`]: from the order in which stores list tiles to the one in which sinks want them.

use std::cmp::Reverse;

use crate::geo::tile::TileCoord;

/// Where a tile stands in the walk: its root's row and column, where its stretch of the curve ends, told in tiles of the
/// deepest zoom, and deeper tiles first, as several end where their parent does.
type Place = (u32, u32, u64, Reverse<u8>);

/// The tiles of one zoom that are still to come, and the place of the first of them.
struct Zoom<'a> {
    tiles: &'a [TileCoord],
    place: Place,
}

/// See [`post_order`].
pub(crate) struct PostOrder<'a> {
    deepest: u8,
    /// Those that have tiles left.
    zooms: Vec<Zoom<'a>>,
}

/// `tiles`, which come as [`Store::tiles`](crate::archive::Store::tiles) gives them, in the order of
/// [`Sink::write`](crate::archive::Sink::write): root by root, children along the curve before their parent.
///
/// Each zoom is in order by itself, so they are merged: nothing is sorted and no second list is made.
pub(crate) fn post_order(tiles: &[TileCoord]) -> PostOrder<'_> {
    let deepest = tiles.last().map_or(0, |tile| tile.z());
    let zooms = tiles.chunk_by(|a, b| a.z() == b.z());
    PostOrder {
        deepest,
        zooms: zooms
            .map(|tiles| Zoom {
                tiles,
                place: place(tiles[0], deepest),
            })
            .collect(),
    }
}

/// Indices are below 4^30, and so are ends at most that: they fit `u64`.
fn place(tile: TileCoord, deepest: u8) -> Place {
    let z = tile.z();
    let end = (tile.hilbert() + 1) << (2 * (deepest - z));
    (tile.y() >> z, tile.x() >> z, end, Reverse(z))
}

impl Iterator for PostOrder<'_> {
    type Item = TileCoord;

    fn next(&mut self) -> Option<TileCoord> {
        // At most 31 zooms: looking at them all costs less than reading a tile.
        let first = (0..self.zooms.len()).min_by_key(|&k| self.zooms[k].place)?;
        let zoom = &mut self.zooms[first];
        let (tile, rest) = zoom.tiles.split_first()?;
        match rest.first() {
            Some(&next) => {
                let place = place(next, self.deepest);
                debug_assert!(place > zoom.place, "a store's tiles are in order");
                *zoom = Zoom { tiles: rest, place };
            }
            None => drop(self.zooms.remove(first)),
        }
        Some(*tile)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::geo::tile::MAX_ZOOM;

    /// As a store lists them.
    fn listed(tiles: &BTreeSet<TileCoord>) -> Vec<TileCoord> {
        let mut tiles: Vec<_> = tiles.iter().copied().collect();
        tiles.sort_by_key(|t| (t.z(), t.y() >> t.z(), t.x() >> t.z(), t.hilbert()));
        tiles
    }

    /// The walk itself, down to `deepest`, taking note of those that are in `tiles`.
    fn walk(tile: TileCoord, deepest: u8, tiles: &BTreeSet<TileCoord>, found: &mut Vec<TileCoord>) {
        if tile.z() < deepest {
            for child in tile.children() {
                walk(child, deepest, tiles, found);
            }
        }
        found.extend(tiles.get(&tile));
    }

    /// Tiles of zooms 0 to 5 in a scheme of two roots across and two down, with gaps anywhere.
    fn any_tiles() -> impl Strategy<Value = BTreeSet<TileCoord>> {
        let tile = (0..=5u8).prop_flat_map(|z| {
            let side = 2u32 << z;
            (0..side, 0..side).prop_map(move |(x, y)| TileCoord::new(z, x, y))
        });
        prop::collection::btree_set(tile, 0..200)
    }

    #[test]
    fn the_deepest_tiles_have_their_places() {
        let last = TileCoord::from_pmtiles_id(((1u64 << 62) - 1) / 3 - 1).unwrap();
        let mut tiles = vec![last];
        while let Some(parent) = tiles[0].parent() {
            tiles.insert(0, parent);
        }
        assert_eq!(last.z(), MAX_ZOOM);
        let found: Vec<_> = post_order(&tiles).collect();
        tiles.reverse();
        assert_eq!(found, tiles);
    }

    proptest! {
        #[test]
        fn any_tiles_come_as_in_a_walk_over_the_tree(tiles in any_tiles()) {
            let mut expected = Vec::new();
            for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                walk(TileCoord::new(0, x, y), 5, &tiles, &mut expected);
            }
            let listed = listed(&tiles);
            prop_assert_eq!(post_order(&listed).collect::<Vec<_>>(), expected);
        }
    }
}
