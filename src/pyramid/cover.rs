//! [`Cover`]: which tiles the sources may touch, at every zoom, in whole numbers, so that a tile is covered exactly when
//! one of its children is.

use std::ops::Range;

use crate::geo::bounds::Bounds;
use crate::geo::index::Index;
use crate::geo::polygon::Area;
use crate::geo::scheme::Scheme;
use crate::geo::tile::TileCoord;

/// Tiles of the highest zoom, as rectangles that may overlap; the zooms above follow from them.
pub(super) struct Cover {
    zoom_max: u8,
    rects: Vec<TileRect>,
    /// Over the rectangles, in tiles.
    index: Index,
}

/// Rows that hold the same columns, and those columns.
type Band = (Range<u64>, Vec<Range<u64>>);

/// Tiles from (`west`, `north`) to (`east`, `south`), all included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TileRect {
    north: u32,
    west: u32,
    south: u32,
    east: u32,
}

impl TileRect {
    /// West, north, east and south.
    fn new([west, north, east, south]: [u32; 4]) -> Self {
        Self {
            north,
            west,
            south,
            east,
        }
    }

    /// What it shares with `other`, which it meets.
    fn common(&self, other: &Self) -> Self {
        Self {
            north: self.north.max(other.north),
            west: self.west.max(other.west),
            south: self.south.min(other.south),
            east: self.east.min(other.east),
        }
    }

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
        Self::of(zoom_max, areas.map(rect).collect())
    }

    fn of(zoom_max: u8, mut rects: Vec<TileRect>) -> Self {
        rects.sort_unstable();
        rects.dedup();
        let boxes: Vec<Bounds> = rects.iter().map(|rect| rect.as_bounds()).collect();
        Self {
            zoom_max,
            rects,
            index: Index::new(&boxes),
        }
    }

    /// Those of the tiles that `area`, too, touches.
    pub(super) fn clipped(self, scheme: &Scheme, area: &Area) -> Self {
        let (columns, rows) = scheme.matrix_size(self.zoom_max);
        let cells = area.cells(&scheme.extent(), columns, rows);
        let cells = Self::of(
            self.zoom_max,
            cells.into_iter().map(TileRect::new).collect(),
        );
        let mut both = Vec::new();
        // Sources may lie over each other a hundred deep; bands do not.
        for (rows, columns) in self.bands(self.zoom_max) {
            for columns in columns {
                let rect = TileRect::new(
                    [columns.start, rows.start, columns.end - 1, rows.end - 1]
                        // Both come from `u32`s.
                        .map(|v| v as u32),
                );
                cells.index.visit(&rect.as_bounds(), |k| {
                    both.push(rect.common(&cells.rects[k]));
                    true
                });
            }
        }
        Self::of(self.zoom_max, both)
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
        let length = |range: &Range<u64>| range.end - range.start;
        self.bands(z)
            .map(|(rows, columns)| columns.iter().map(length).sum::<u64>() * length(&rows))
            .sum()
    }

    /// How many tiles of zoom `z` the smallest rectangle has that holds all of them.
    pub(super) fn count_around(&self, z: u8) -> u64 {
        let up = |rect: &TileRect| rect.up(self.zoom_max - z);
        let around = self.rects.iter().map(up).reduce(|a, b| TileRect {
            north: a.north.min(b.north),
            west: a.west.min(b.west),
            south: a.south.max(b.south),
            east: a.east.max(b.east),
        });
        let side = |first: u32, last: u32| u64::from(last - first) + 1;
        around.map_or(0, |r| side(r.west, r.east) * side(r.north, r.south))
    }

    /// The tiles of zoom 0 that the sources may touch, row by row from the north-west, one by one.
    pub(super) fn roots(&self) -> impl Iterator<Item = TileCoord> + Send + use<> {
        self.bands(0).flat_map(|(rows, columns)| {
            rows.flat_map(move |y| {
                let xs = columns.clone().into_iter().flatten();
                // Both come from `u32`s.
                xs.map(move |x| TileCoord::new(0, x as u32, y as u32))
            })
        })
    }

    /// The tiles of zoom `z` that the sources may touch: bands of rows from the north, each with its columns, which are
    /// in order and apart from each other.
    fn bands(&self, z: u8) -> impl Iterator<Item = Band> + Send + use<> {
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
        // Between two edges all rows hold the same columns: those of the rectangles that have begun and not ended.
        let mut open: Vec<TileRect> = Vec::new();
        let mut waiting = rects.into_iter().peekable();
        let mut edges = edges.into_iter().peekable();
        std::iter::from_fn(move || {
            let first = edges.next()?;
            let end = *edges.peek()?;
            open.retain(|rect| u64::from(rect.south) >= first);
            while let Some(rect) = waiting.next_if(|rect| u64::from(rect.north) <= first) {
                open.push(rect);
            }
            Some((first..end, columns(&open)))
        })
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

/// The columns that the rectangles cover together, in order, none twice.
fn columns(rects: &[TileRect]) -> Vec<Range<u64>> {
    let mut spans: Vec<Range<u64>> = rects
        .iter()
        .map(|r| u64::from(r.west)..u64::from(r.east) + 1)
        .collect();
    spans.sort_unstable_by_key(|span| span.start);
    let mut apart: Vec<Range<u64>> = Vec::new();
    for span in spans {
        match apart.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => apart.push(span),
        }
    }
    apart
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

    /// A scheme of `n` by `n` roots and no zoom below them.
    fn many_roots(n: u32) -> Scheme {
        let json = format!(
            r#"{{"crs": "http://www.opengis.net/def/crs/EPSG/0/32632", "tileMatrices": [{{"id": "0",
            "cellSize": 1, "pointOfOrigin": [0, 0], "tileWidth": 256, "tileHeight": 256,
            "matrixWidth": {n}, "matrixHeight": {n}}}]}}"#
        );
        Scheme::from_json(&json, std::path::Path::new("many.json")).unwrap()
    }

    #[test]
    fn only_covered_roots_are_visited_however_many_there_are() {
        let side = 256.0;
        let scheme = many_roots(u32::MAX);
        let corner =
            |x: f64, y: f64| Bounds::new(x * side, -(y + 2.0) * side, (x + 2.0) * side, -y * side);
        let (near, far) = (corner(1.0, 1.0), corner(4_000_000_000.0, 4_000_000_000.0));
        let cover = Cover::new(&scheme, 0, 1.0, [far, near].iter());
        let found: Vec<(u32, u32)> = cover.roots().map(|t| (t.x(), t.y())).collect();
        let f = 4_000_000_000;
        assert_eq!(
            found,
            [
                (1, 1),
                (2, 1),
                (1, 2),
                (2, 2),
                (f, f),
                (f + 1, f),
                (f, f + 1),
                (f + 1, f + 1)
            ]
        );
    }

    proptest! {
        #[test]
        fn roots_are_those_of_the_scheme_that_are_covered_in_its_order(
            areas in proptest::collection::vec((0.0..30.0, 0.0..30.0, 0.0..9.0, 0.0..9.0), 1..8)
        ) {
            let scheme = many_roots(40);
            let area = |&(x, y, w, h): &(f64, f64, f64, f64)| Bounds::new(x, -y - h, x + w, -y);
            let areas: Vec<Bounds> = areas.iter().map(area).map(|b| {
                Bounds::new(b.west * 256.0, b.south * 256.0, b.east * 256.0, b.north * 256.0)
            }).collect();
            let cover = Cover::new(&scheme, 0, 1.0, areas.iter());
            let expected: Vec<TileCoord> = scheme.roots().filter(|root| cover.holds(*root)).collect();
            prop_assert_eq!(cover.roots().collect::<Vec<_>>(), expected);
        }

        #[test]
        fn counts_are_those_of_the_tiles_and_parents_are_covered_with_their_children(
            areas in proptest::collection::vec((-2e7..2e7, -2e7..2e7, 0.0..1e7, 0.0..1e7), 1..6)
        ) {
            let areas: Vec<Bounds> = areas.iter().map(|&(x, y, w, h): &(f64, f64, f64, f64)| Bounds::new(x, y, x + w, y + h)).collect();
            let (scheme, cover) = cover(5, &areas);
            for z in 0..=5 {
                let found = tiles(&scheme, &cover, z);
                prop_assert_eq!(cover.count(z), found.len() as u64);
                let side = |place: fn(&TileCoord) -> u32| {
                    let places = found.iter().map(place);
                    let ends = places.clone().max().zip(places.min());
                    ends.map_or(0, |(last, first)| u64::from(last - first) + 1)
                };
                prop_assert_eq!(cover.count_around(z), side(|tile| tile.x()) * side(|tile| tile.y()));
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
