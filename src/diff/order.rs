//! [`merged`]: the tiles of two tilesets in one walk.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::slice::Iter;

use crate::geo::tile::TileCoord;

/// A tile, and which of two tilesets have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// A only.
    InA(TileCoord),
    /// B only.
    InB(TileCoord),
    /// Both.
    InBoth(TileCoord),
}

impl Met {
    /// Its address.
    pub(crate) fn tile(self) -> TileCoord {
        match self {
            Self::InA(tile) | Self::InB(tile) | Self::InBoth(tile) => tile,
        }
    }
}

/// Tiles of `a` and `b`, both as [`Store::tiles`](crate::archive::Store::tiles) lists them, in that order.
pub(crate) fn merged<'a>(a: &'a [TileCoord], b: &'a [TileCoord]) -> Merged<'a> {
    Merged {
        a: a.iter().peekable(),
        b: b.iter().peekable(),
    }
}

/// See [`merged`].
pub(crate) struct Merged<'a> {
    a: Peekable<Iter<'a, TileCoord>>,
    b: Peekable<Iter<'a, TileCoord>>,
}

impl Iterator for Merged<'_> {
    type Item = Met;

    fn next(&mut self) -> Option<Met> {
        let order = match (self.a.peek(), self.b.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            // Most are in both: their places on the curve need not be known.
            (Some(a), Some(b)) if a == b => Ordering::Equal,
            (Some(a), Some(b)) => place(**a).cmp(&place(**b)),
        };
        match order {
            Ordering::Less => self.a.next().copied().map(Met::InA),
            Ordering::Greater => self.b.next().copied().map(Met::InB),
            Ordering::Equal => {
                self.b.next();
                self.a.next().copied().map(Met::InBoth)
            }
        }
    }
}

/// Where a tile stands in a list: zoom by zoom, root by root, along the curve.
fn place(tile: TileCoord) -> (u8, u32, u32, u64) {
    let z = tile.z();
    (z, tile.y() >> z, tile.x() >> z, tile.hilbert())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of two roots, in the order of a store.
    fn any_tiles() -> impl Strategy<Value = Vec<TileCoord>> {
        let one = (0_u8..4).prop_flat_map(|z| {
            (0..2_u32 << z, 0..1_u32 << z).prop_map(move |(x, y)| TileCoord::new(z, x, y))
        });
        proptest::collection::vec(one, 0..40).prop_map(|mut tiles| {
            tiles.sort_by_key(|&tile| place(tile));
            tiles.dedup();
            tiles
        })
    }

    proptest! {
        #[test]
        fn every_tile_comes_once_and_in_order(a in any_tiles(), b in any_tiles()) {
            let met: Vec<Met> = merged(&a, &b).collect();
            let places: Vec<_> = met.iter().map(|met| place(met.tile())).collect();
            prop_assert!(places.windows(2).all(|two| two[0] < two[1]));
            let has = |of: &[TileCoord], tile| of.contains(&tile);
            for met in &met {
                let tile = met.tile();
                let expected = match (has(&a, tile), has(&b, tile)) {
                    (true, true) => Met::InBoth(tile),
                    (true, false) => Met::InA(tile),
                    _ => Met::InB(tile),
                };
                prop_assert_eq!(*met, expected);
            }
            let n_common = a.iter().filter(|tile| b.contains(tile)).count();
            prop_assert_eq!(met.len(), a.len() + b.len() - n_common);
        }
    }
}
