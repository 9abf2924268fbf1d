//! What is looked at in one go: the children of one tile, and that tile: [`units`].

use std::ops::Range;

use crate::geo::tile::TileCoord;

/// Up to four tiles of one parent, there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// `None` at zoom 0.
    pub(super) parent: Option<TileCoord>,
    /// Whether the parent is a tile of the tileset.
    pub(super) has_parent: bool,
    /// Whether these are tiles of the lowest zoom, which need no parent.
    pub(super) is_lowest: bool,
    /// Which of the tiles they are; none where a parent has no children though its zoom is not the last.
    pub(super) children: Range<usize>,
}

/// All units of `tiles`, listed as by [`Store::tiles`](crate::archive::Store::tiles), in that order.
pub(super) fn units(tiles: &[TileCoord]) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut above: &[TileCoord] = &[];
    let mut start = 0;
    for zoom in tiles.chunk_by(|a, b| a.z() == b.z()) {
        let mut parents = match above.first() {
            Some(parent) if parent.z() + 1 == zoom[0].z() => above,
            _ => &[],
        };
        let is_lowest = start == 0;
        for family in zoom.chunk_by(|a, b| a.parent().is_some() && a.parent() == b.parent()) {
            let parent = family[0].parent();
            let at = parent.map_or(0, |parent| {
                parents.partition_point(|&tile| place(tile) < place(parent))
            });
            let (alone, rest) = parents.split_at(at);
            units.extend(alone.iter().map(|&tile| childless(tile, start)));
            let has_parent = rest.first().is_some_and(|&tile| Some(tile) == parent);
            parents = if has_parent { &rest[1..] } else { rest };
            units.push(Unit {
                parent,
                has_parent,
                is_lowest,
                children: start..start + family.len(),
            });
            start += family.len();
        }
        units.extend(parents.iter().map(|&tile| childless(tile, start)));
        above = zoom;
    }
    units
}

fn childless(tile: TileCoord, at: usize) -> Unit {
    Unit {
        parent: Some(tile),
        has_parent: true,
        is_lowest: false,
        children: at..at,
    }
}

/// What a store's tiles of one zoom are sorted by.
fn place(tile: TileCoord) -> (u32, u32, u64) {
    let z = tile.z();
    (tile.y() >> z, tile.x() >> z, tile.hilbert())
}

/// Whether `tile` is one of `tiles`, listed as by a store.
pub(super) fn has(tiles: &[TileCoord], tile: TileCoord) -> bool {
    let key = |tile: TileCoord| (tile.z(), place(tile));
    tiles
        .binary_search_by_key(&key(tile), |&tile| key(tile))
        .is_ok()
}

/// Those of `units` that have both a parent and children.
pub(super) fn families(units: &[Unit]) -> Vec<&Unit> {
    let is_family = |unit: &&Unit| unit.has_parent && !unit.children.is_empty();
    units.iter().filter(is_family).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_come_with_their_parents_and_parents_without_children_too() {
        let t = TileCoord::new;
        let mut tiles = vec![
            t(1, 0, 0),
            t(1, 1, 0),
            t(2, 0, 0),
            t(2, 1, 1),
            t(2, 3, 3),
            t(4, 9, 9),
        ];
        tiles.sort_by_key(|&tile| (tile.z(), place(tile)));
        let found = units(&tiles);
        let told: Vec<_> = found
            .iter()
            .map(|unit| {
                (
                    unit.parent,
                    unit.has_parent,
                    unit.is_lowest,
                    unit.children.len(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (Some(t(0, 0, 0)), false, true, 2),
                (Some(t(1, 0, 0)), true, false, 2),
                (Some(t(1, 1, 1)), false, false, 1),
                (Some(t(1, 1, 0)), true, false, 0),
                (Some(t(3, 4, 4)), false, false, 1),
            ]
        );
        for &tile in &tiles {
            assert!(has(&tiles, tile));
        }
        assert!(!has(&tiles, t(2, 0, 1)) && !has(&tiles, t(3, 4, 4)));
    }

    #[test]
    fn roots_beside_each_other_are_no_family() {
        let roots = [TileCoord::new(0, 0, 0), TileCoord::new(0, 1, 0)];
        let found = units(&roots);
        assert_eq!(found.len(), 2);
        assert!(
            found
                .iter()
                .all(|unit| unit.parent.is_none() && unit.is_lowest)
        );
    }
}
