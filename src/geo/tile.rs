//! [`TileCoord`]: a tile's address, its family, and its place on the Hilbert curve.

use std::fmt;

/// The deepest zoom there is. 2^30 tiles a side keep every address within `u32`, and every Hilbert index within `u64`.
pub const MAX_ZOOM: u8 = 30;

/// The address of a tile: zoom, x from the west, y from the NORTH downwards (row 0 is the northernmost).
///
/// Made by [`Scheme::tile`](super::scheme::Scheme::tile), which checks it once, or from another tile. A scheme may have
/// several roots side by side at zoom 0 (`WorldCRS84Quad` has two): root `(x >> z, y >> z)` is then the tile's tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileCoord {
    z: u8,
    x: u32,
    y: u32,
}

impl TileCoord {
    /// The tile `z/x/y`. For addresses from outside use [`Scheme::tile`](super::scheme::Scheme::tile), which knows how
    /// many tiles there are.
    pub(crate) fn new(z: u8, x: u32, y: u32) -> Self {
        debug_assert!(z <= MAX_ZOOM);
        Self { z, x, y }
    }

    /// The zoom, 0 at the top.
    pub fn z(self) -> u8 {
        self.z
    }

    /// The column, from the west.
    pub fn x(self) -> u32 {
        self.x
    }

    /// The row, from the north.
    pub fn y(self) -> u32 {
        self.y
    }

    /// The tile that holds this one, a zoom up; `None` at zoom 0.
    pub fn parent(self) -> Option<Self> {
        (self.z > 0).then(|| Self::new(self.z - 1, self.x / 2, self.y / 2))
    }

    /// The four tiles a zoom down, in the order of the Hilbert curve. Not to be called at [`MAX_ZOOM`].
    pub fn children(self) -> [Self; 4] {
        let (z, x, y) = (self.z + 1, self.x * 2, self.y * 2);
        let mut children = [
            Self::new(z, x, y),
            Self::new(z, x + 1, y),
            Self::new(z, x, y + 1),
            Self::new(z, x + 1, y + 1),
        ];
        children.sort_by_key(|child| child.hilbert());
        children
    }

    /// Which quarter of its parent this tile is: `(0, 0)` north-west, `(1, 0)` north-east, `(0, 1)` south-west, `(1, 1)`
    /// south-east.
    pub fn quadrant(self) -> (usize, usize) {
        ((self.x % 2) as usize, (self.y % 2) as usize)
    }

    /// The place of this tile among those of its root and zoom, along the Hilbert curve that PMTiles uses (spec v3,
    /// section 4.1). Shifted right by two it is the parent's place, which is why a walk in this order visits every zoom
    /// in ascending order.
    pub fn hilbert(self) -> u64 {
        let side = 1u64 << self.z;
        let (mut x, mut y) = (
            u64::from(self.x) & (side - 1),
            u64::from(self.y) & (side - 1),
        );
        let mut index = 0;
        let mut half = side / 2;
        while half > 0 {
            let rx = u64::from(x & half > 0);
            let ry = u64::from(y & half > 0);
            index += half * half * ((3 * rx) ^ ry);
            // Turn the quadrant so that the curve enters and leaves it at the right corners.
            if ry == 0 {
                if rx == 1 {
                    x = (side - 1) - x;
                    y = (side - 1) - y;
                }
                std::mem::swap(&mut x, &mut y);
            }
            half /= 2;
        }
        index
    }

    /// The PMTiles tile id: all tiles of the zooms above, then the place along the curve. For schemes with one root.
    pub fn pmtiles_id(self) -> u64 {
        first_id(self.z) + self.hilbert()
    }

    /// The tile with the PMTiles id `id`; `None` past the last one of [`MAX_ZOOM`].
    pub fn from_pmtiles_id(id: u64) -> Option<Self> {
        let z = (0..=MAX_ZOOM).find(|&z| id < first_id(z + 1))?;
        let mut rest = id - first_id(z);
        let (mut x, mut y) = (0, 0);
        // From the smallest quadrant outwards, each turned as `hilbert` turned it.
        let mut half = 1u64;
        while half < 1 << z {
            let rx = 1 & (rest >> 1);
            let ry = 1 & (rest ^ rx);
            if ry == 0 {
                if rx == 1 {
                    x = half - 1 - x;
                    y = half - 1 - y;
                }
                std::mem::swap(&mut x, &mut y);
            }
            x += half * rx;
            y += half * ry;
            rest >>= 2;
            half *= 2;
        }
        // Both are less than 2^30.
        Some(Self::new(z, x as u32, y as u32))
    }
}

/// The PMTiles id of the first tile of a zoom: how many there are above.
fn first_id(z: u8) -> u64 {
    ((1u64 << (2 * u32::from(z))) - 1) / 3
}

impl fmt::Display for TileCoord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.z, self.x, self.y)
    }
}

impl fmt::Debug for TileCoord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tile(z: u8, x: u32, y: u32) -> TileCoord {
        TileCoord::new(z, x, y)
    }

    /// A tile of a scheme with one root.
    fn any_tile() -> impl Strategy<Value = TileCoord> {
        (0..=MAX_ZOOM).prop_flat_map(|z| {
            let side = 1u32 << z;
            (0..side, 0..side).prop_map(move |(x, y)| tile(z, x, y))
        })
    }

    #[test]
    fn pmtiles_ids_are_those_of_the_specification() {
        let rows = [
            ((0, 0, 0), 0),
            ((1, 0, 0), 1),
            ((1, 0, 1), 2),
            ((1, 1, 1), 3),
            ((1, 1, 0), 4),
            ((2, 0, 0), 5),
        ];
        for ((z, x, y), id) in rows {
            assert_eq!(tile(z, x, y).pmtiles_id(), id, "{z}/{x}/{y}");
        }
        assert_eq!(TileCoord::from_pmtiles_id(first_id(MAX_ZOOM + 1)), None);
        assert_eq!(TileCoord::from_pmtiles_id(u64::MAX), None);
    }

    #[test]
    fn the_curve_visits_each_tile_of_a_zoom_once_and_only_steps_to_neighbours() {
        for z in 0..=7 {
            let side = 1u32 << z;
            let tiles = (0..side).flat_map(|y| (0..side).map(move |x| tile(z, x, y)));
            let mut walk: Vec<_> = tiles.collect();
            walk.sort_by_key(|tile| tile.hilbert());
            for (place, tile) in walk.iter().enumerate() {
                assert_eq!(tile.hilbert(), place as u64);
            }
            for pair in walk.windows(2) {
                let steps = pair[0].x().abs_diff(pair[1].x()) + pair[0].y().abs_diff(pair[1].y());
                assert_eq!(steps, 1, "{} to {}", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn every_id_of_a_zoom_comes_after_those_of_the_zoom_above() {
        for z in 0..MAX_ZOOM {
            // The curve starts in the north-west and ends in the north-east.
            let last = tile(z, (1 << z) - 1, 0).pmtiles_id();
            assert_eq!(tile(z + 1, 0, 0).pmtiles_id(), last + 1);
        }
    }

    #[test]
    fn ancestors_and_descendants_are_those_of_mercantile() {
        let start = tile(10, 486, 332);
        let parent = start.parent();
        assert_eq!(parent, Some(tile(9, 243, 166)));
        assert_eq!(parent.and_then(TileCoord::parent), Some(tile(8, 121, 83)));
        assert_eq!(tile(0, 0, 0).parent(), None);
        assert_eq!(
            tile(0, 1, 0).parent(),
            None,
            "the second root of a scheme with two"
        );

        let children = tile(9, 243, 166).children().into_iter();
        let mut grandchildren: Vec<_> = children.flat_map(TileCoord::children).collect();
        grandchildren.sort();
        let expected = (972..=975).flat_map(|x| (664..=667).map(move |y| tile(11, x, y)));
        assert!(grandchildren.into_iter().eq(expected));
    }

    #[test]
    fn quadrants_from_the_root_down_spell_the_quadkey() {
        let mut quadkey = Vec::new();
        let mut at = Some(tile(10, 486, 332));
        while let Some(tile) = at.filter(|tile| tile.z() > 0) {
            let (right, down) = tile.quadrant();
            quadkey.push((2 * down + right).to_string());
            at = tile.parent();
        }
        quadkey.reverse();
        assert_eq!(quadkey.concat(), "0313102310");
    }

    #[test]
    fn each_root_has_a_curve_of_its_own() {
        for (x, y) in [(0, 0), (1, 0), (1, 1), (0, 1)] {
            assert_eq!(tile(1, 2 + x, y).hilbert(), tile(1, x, y).hilbert());
        }
    }

    #[test]
    fn a_tile_is_written_as_its_address() {
        assert_eq!(tile(10, 486, 332).to_string(), "10/486/332");
        assert_eq!(format!("{:?}", tile(0, 0, 0)), "0/0/0");
    }

    proptest! {
        #[test]
        fn a_tile_is_found_by_its_pmtiles_id(tile in any_tile()) {
            prop_assert_eq!(TileCoord::from_pmtiles_id(tile.pmtiles_id()), Some(tile));
        }

        #[test]
        fn a_place_on_the_curve_shifted_by_two_is_the_parents(tile in any_tile()) {
            if let Some(parent) = tile.parent() {
                prop_assert_eq!(tile.hilbert() >> 2, parent.hilbert());
            }
        }

        #[test]
        fn children_are_the_four_quadrants_in_the_order_of_the_curve(tile in any_tile()) {
            prop_assume!(tile.z() < MAX_ZOOM);
            let children = tile.children();
            let mut quadrants: Vec<_> = children.iter().map(|child| child.quadrant()).collect();
            for (child, place) in children.iter().zip(0..) {
                prop_assert_eq!(child.parent(), Some(tile));
                prop_assert_eq!(child.hilbert(), 4 * tile.hilbert() + place);
            }
            quadrants.sort();
            prop_assert_eq!(quadrants, vec![(0, 0), (0, 1), (1, 0), (1, 1)]);
        }
    }
}
