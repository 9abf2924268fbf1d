//! [`Selection`]: tiles that are wanted of a pyramid where that is not all of them.

use std::collections::HashSet;

use crate::geo::tile::TileCoord;

/// Some tiles of a pyramid.
#[derive(Debug)]
pub(super) struct Selection {
    wanted: HashSet<TileCoord>,
    /// Those and all tiles above them.
    above: HashSet<TileCoord>,
}

impl Selection {
    /// The selection of `wanted`.
    pub(super) fn new(wanted: impl IntoIterator<Item = TileCoord>) -> Self {
        let wanted: HashSet<TileCoord> = wanted.into_iter().collect();
        let mut above = HashSet::new();
        for &tile in &wanted {
            let mut next = Some(tile);
            while let Some(tile) = next.filter(|&tile| above.insert(tile)) {
                next = tile.parent();
            }
        }
        Self { wanted, above }
    }

    /// Whether `tile` is wanted.
    pub(super) fn has(&self, tile: TileCoord) -> bool {
        self.wanted.contains(&tile)
    }

    /// Whether a wanted tile is made of `tile`, or lies below it.
    pub(super) fn needs(&self, tile: TileCoord) -> bool {
        let parents = std::iter::successors(Some(tile), |tile| tile.parent());
        self.above.contains(&tile) || parents.skip(1).any(|tile| self.has(tile))
    }

    /// The lowest zoom of a wanted tile.
    pub(super) fn zoom_min(&self) -> Option<u8> {
        self.wanted.iter().map(|tile| tile.z()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_and_below_a_wanted_tile_is_needed_and_nothing_beside_it() {
        let t = TileCoord::new;
        let selection = Selection::new([t(3, 2, 5), t(1, 1, 1)]);
        for tile in [
            t(3, 2, 5),
            t(2, 1, 2),
            t(1, 0, 1),
            t(0, 0, 0),
            t(4, 5, 11),
            t(6, 16, 40),
            t(2, 3, 3),
        ] {
            assert!(selection.needs(tile), "{tile}");
        }
        for tile in [t(3, 3, 5), t(2, 0, 2), t(1, 0, 0), t(4, 6, 11)] {
            assert!(!selection.needs(tile), "{tile}");
        }
        assert!(selection.has(t(1, 1, 1)) && !selection.has(t(2, 1, 2)));
        assert_eq!(selection.zoom_min(), Some(1));
    }
}
