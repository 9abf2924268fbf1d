//! [`Cover`]: which tiles the sources may touch, at every zoom, in whole numbers, so that a tile is covered exactly when
//! one of its children is.

use crate::geo::bounds::Bounds;
use crate::geo::index::Index;
use crate::geo::scheme::Scheme;
use crate::geo::tile::TileCoord;

/// Tiles of the highest zoom, as rectangles that may overlap; the zooms above follow from them.
pub(super) struct Cover {
    zoom_max: u8,
    rects: Vec<TileRect>,
    /// Over the rectangles, in tiles.
    index: Index,
}

/// Tiles from (`west`, `north`) to (`east`, `south`), all included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TileRect {
    north: u32,
    west: u32,
    south: u32,
    east: u32,
}

impl TileRect {
    /// The same area `levels` zooms up.
    fn up(self, levels: u8) -> Self {
        Self {
            west: self.west >> levels,
            east: self.east >> levels,
            north: self.north >> levels,
            south: self.south >> levels,
        }
    }

    /// In tiles as they are counted; the index knows no directions.
    fn as_bounds(self) -> Bounds {
        let [west, north, east, south] =
            [self.west, self.north, self.east, self.south].map(f64::from);
        Bounds::new(west, north, east, south)
    }
}

impl Cover {
    /// The tiles of `zoom_max` that the areas touch by more than a thousandth of a pixel, which is `resolution` wide: less
    /// is rounding in a geotransform, and no pixel's centre lies there.
    pub(super) fn new<'a>(
        scheme: &Scheme,
        zoom_max: u8,
        resolution: f64,
        areas: impl Iterator<Item = &'a Bounds>,
    ) -> Self {
        let slack = resolution * 1e-3;
        let extent = scheme.extent();
        let (columns, rows) = scheme.matrix_size(zoom_max);
        let index = |offset: f64, size: f64, n: u64| {
            (offset / size * n as f64)
                .floor()
                .clamp(0.0, n as f64 - 1.0) as u32
        };
        let column = |x: f64| index(x - extent.west, extent.width(), columns);
        let row = |y: f64| index(extent.north - y, extent.height(), rows);
        let rect = |area: &Bounds| {
            let (west, north) = (column(area.west + slack), row(area.north - slack));
            // An area thinner than the slack still has the tile it lies in.
            let east = column(area.east - slack).max(west);
            let south = row(area.south + slack).max(north);
            TileRect {
                west,
                east,
                north,
                south,
            }
        };
        let mut rects: Vec<TileRect> = areas.map(rect).collect();
        rects.sort_unstable();
        rects.dedup();
        let boxes: Vec<Bounds> = rects.iter().map(|rect| rect.as_bounds()).collect();
        Self {
            zoom_max,
            rects,
            index: Index::new(&boxes),
        }
    }

    /// Whether the sources may touch `tile`, which is at or above the highest zoom.
    pub(super) fn holds(&self, tile: TileCoord) -> bool {
        let levels = self.zoom_max - tile.z();
        // The tiles of the highest zoom below it.
        let first = |v: u32| v << levels;
        let last = |v: u32| (v << levels) + ((1 << levels) - 1);
        let below = TileRect {
            north: first(tile.y()),
            west: first(tile.x()),
            south: last(tile.y()),
            east: last(tile.x()),
        };
        self.index.any(&below.as_bounds())
    }

    /// How many tiles of zoom `z` the sources may touch.
    pub(super) fn count(&self, z: u8) -> u64 {
        let up = |rect: &TileRect| rect.up(self.zoom_max - z);
        let mut rects: Vec<TileRect> = self.rects.iter().map(up).collect();
        rects.sort_unstable();
        rects.dedup();
        let mut edges: Vec<u64> = rects
            .iter()
            .flat_map(|r| [u64::from(r.north), u64::from(r.south) + 1])
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let mut total = 0;
        // Between two edges all rows hold the same columns: those of the rectangles that have begun and not ended.
        let mut open: Vec<TileRect> = Vec::new();
        let mut waiting = rects.into_iter().peekable();
        for rows in edges.windows(2) {
            open.retain(|rect| u64::from(rect.south) >= rows[0]);
            while let Some(rect) = waiting.next_if(|rect| u64::from(rect.north) <= rows[0]) {
                open.push(rect);
            }
            total += columns(&open) * (rows[1] - rows[0]);
        }
        total
    }

    /// The highest zoom at which one tile holds everything; 0 when none does.
    pub(super) fn zoom_of_one_tile(&self) -> u8 {
        let one = |z: &u8| {
            let mut rects = self.rects.iter().map(|rect| rect.up(self.zoom_max - z));
            let first = rects.next();
            first.is_none_or(|f| f.west == f.east && f.north == f.south && rects.all(|r| r == f))
        };
        (0..=self.zoom_max).rev().find(one).unwrap_or(0)
    }
}

/// How many columns the rectangles cover together.
fn columns(rects: &[TileRect]) -> u64 {
    let mut spans: Vec<(u64, u64)> = rects
        .iter()
        .map(|r| (u64::from(r.west), u64::from(r.east) + 1))
        .collect();
    spans.sort_unstable();
    let (mut total, mut reached) = (0, 0);
    for (west, end) in spans {
        total += end.saturating_sub(west.max(reached));
        reached = reached.max(end);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cover(zoom_max: u8, areas: &[Bounds]) -> (Scheme, Cover) {
        let scheme = Scheme::named("WebMercatorQuad").unwrap();
        let resolution = scheme.resolution(zoom_max, 256);
        let cover = Cover::new(&scheme, zoom_max, resolution, areas.iter());
        (scheme, cover)
    }

    fn tiles(scheme: &Scheme, cover: &Cover, z: u8) -> Vec<TileCoord> {
        let n = 1_u32 << z;
        let all = (0..n).flat_map(|y| (0..n).map(move |x| (x, y)));
        all.map(|(x, y)| scheme.tile(z, x, y).unwrap())
            .filter(|tile| cover.holds(*tile))
            .collect()
    }

    #[test]
    fn an_edge_that_is_a_hair_inside_the_next_tile_is_not_in_it() {
        let scheme = Scheme::named("WebMercatorQuad").unwrap();
        let tile = scheme.bounds(scheme.tile(5, 9, 11).unwrap());
        let pixel = tile.width() / 256.0;
        let grown = |by: f64| {
            Bounds::new(
                tile.west - by * pixel,
                tile.south - by * pixel,
                tile.east + by * pixel,
                tile.north + by * pixel,
            )
        };
        for (by, expected) in [(0.0, 1), (0.000_3, 1), (0.01, 9), (-0.01, 1)] {
            let (scheme, cover) = cover(5, &[grown(by)]);
            assert_eq!(
                (cover.count(5), tiles(&scheme, &cover, 5).len()),
                (expected, expected as usize),
                "{by}"
            );
            assert_eq!(
                cover.zoom_of_one_tile(),
                if expected == 1 { 5 } else { 2 },
                "{by}"
            );
        }
    }

    proptest! {
        #[test]
        fn counts_are_those_of_the_tiles_and_parents_are_covered_with_their_children(
            areas in proptest::collection::vec((-2e7..2e7, -2e7..2e7, 0.0..1e7, 0.0..1e7), 1..6)
        ) {
            let areas: Vec<Bounds> = areas.iter().map(|&(x, y, w, h): &(f64, f64, f64, f64)| Bounds::new(x, y, x + w, y + h)).collect();
            let (scheme, cover) = cover(5, &areas);
            for z in 0..=5 {
                let found = tiles(&scheme, &cover, z);
                prop_assert_eq!(cover.count(z), found.len() as u64);
                for tile in found.iter().filter(|tile| tile.z() < 5) {
                    prop_assert!(tile.children().iter().any(|child| cover.holds(*child)));
                }
                for tile in found {
                    prop_assert!(tile.parent().is_none_or(|parent| cover.holds(parent)));
                }
            }
        }
    }
}
