//! Where two tilesets differ, as a picture: [`Heatmap`].

use crate::geo::tile::TileCoord;
use crate::raster::image::{Channels, Image, Pixels};

/// Squares along a side, at most, and pixels, about.
const SIDE_PX: u32 = 2048;

/// Pixels along the side of a tile's square, at most.
const SQUARE_PX: u32 = 32;

/// What has become of a tile, for a map: where a square stands for several, the last of these is shown.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum Mark {
    /// There is none.
    Nothing,
    /// The same.
    Same,
    /// The same but for the encoding, or within the tolerance.
    Alike,
    /// In B only.
    Added,
    /// In A only.
    Removed,
    /// Changed, by this much of 255, or of values as they are.
    Changed(f64),
}

/// Red, green, blue, alpha.
type Colour = [u8; 4];

const NOTHING: Colour = [0; 4];
const SAME: Colour = [222, 222, 222, 255];
const ALIKE: Colour = [170, 190, 210, 255];
const ADDED: Colour = [27, 158, 119, 255];
const REMOVED: Colour = [55, 90, 200, 255];

/// Differences of 255 up to the first number have the colour beside it: from yellow to dark red.
const HEAT: [(f64, Colour); 5] = [
    (4.0, [254, 217, 118, 255]),
    (16.0, [254, 178, 76, 255]),
    (48.0, [253, 141, 60, 255]),
    (112.0, [227, 26, 28, 255]),
    (f64::INFINITY, [128, 0, 38, 255]),
];

/// A map of one zoom, a square for each tile: coloured by the largest difference of the tile and of those below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    zoom: u8,
    /// The first column and row.
    first: (u32, u32),
    columns: u32,
    rows: u32,
    marks: Vec<Mark>,
    /// Whether differences are of values, which have no largest one: then they are told as parts of the largest there is.
    of_values: bool,
}

/// Columns and rows of tiles, both ends included.
#[derive(Debug, Clone, Copy)]
struct Extent {
    west: u32,
    north: u32,
    east: u32,
    south: u32,
}

impl Extent {
    /// Of `tiles`, which are of one zoom.
    fn of(tiles: &[TileCoord]) -> Option<Self> {
        let one = |tile: &TileCoord| Self {
            west: tile.x(),
            north: tile.y(),
            east: tile.x(),
            south: tile.y(),
        };
        tiles.iter().map(one).reduce(Self::union)
    }

    fn union(self, other: Self) -> Self {
        Self {
            west: self.west.min(other.west),
            north: self.north.min(other.north),
            east: self.east.max(other.east),
            south: self.south.max(other.south),
        }
    }

    /// The same `zooms` further up.
    fn above(self, zooms: u8) -> Self {
        Self {
            west: self.west >> zooms,
            north: self.north >> zooms,
            east: self.east >> zooms,
            south: self.south >> zooms,
        }
    }

    fn size(self) -> (u32, u32) {
        (self.east - self.west + 1, self.south - self.north + 1)
    }
}

impl Heatmap {
    /// An empty map for what is in `a` and `b`, both as stores list them: of the highest zoom that both have at which what they
    /// have there and below fits; without a zoom that both have, the highest of all that fits.
    pub(super) fn new(a: &[TileCoord], b: &[TileCoord]) -> Self {
        let deepest = |tiles: &[TileCoord]| tiles.last().map(|tile| tile.z());
        let has = |tiles: &[TileCoord], z: u8| {
            let at = tiles.partition_point(|tile| tile.z() < z);
            tiles.get(at).is_some_and(|tile| tile.z() == z)
        };
        let top = deepest(a).max(deepest(b)).unwrap_or(0);
        let common = (0..=top).rev().find(|&z| has(a, z) && has(b, z));
        let highest = common.unwrap_or(top);
        let extents = (0..=highest).rev().map(|z| (z, extent(z, a, b)));
        let fits = |extent: Option<Extent>| {
            extent.is_none_or(|extent| {
                let (columns, rows) = extent.size();
                columns.max(rows) <= SIDE_PX
            })
        };
        let mut fitting = extents.filter(|(_, extent)| fits(*extent));
        // Zoom 0 fits in any scheme that we know; one that has more roots is cut off.
        let (zoom, found) = fitting.next().unwrap_or((0, extent(0, a, b)));
        let (columns, rows) = found.map_or((1, 1), Extent::size);
        let (columns, rows) = (columns.min(SIDE_PX), rows.min(SIDE_PX));
        Self {
            zoom,
            first: found.map_or((0, 0), |extent| (extent.west, extent.north)),
            columns,
            rows,
            marks: vec![Mark::Nothing; columns as usize * rows as usize],
            of_values: false,
        }
    }

    /// The zoom of the tiles that squares stand for.
    pub fn zoom(&self) -> u8 {
        self.zoom
    }

    /// Columns and rows of squares.
    pub fn size(&self) -> (u32, u32) {
        (self.columns, self.rows)
    }

    /// Pixels along the side of a square.
    pub fn square_px(&self) -> u32 {
        (SIDE_PX / self.columns.max(self.rows)).clamp(1, SQUARE_PX)
    }

    /// From now on differences are of values.
    pub(super) fn tell_values(&mut self) {
        self.of_values = true;
    }

    /// Marks a tile; those above the map's zoom are not on it.
    pub(super) fn mark(&mut self, tile: TileCoord, mark: Mark) {
        let Some(below) = tile.z().checked_sub(self.zoom) else {
            return;
        };
        let col = (tile.x() >> below).checked_sub(self.first.0);
        let row = (tile.y() >> below).checked_sub(self.first.1);
        if let (Some(col), Some(row)) = (col, row)
            && col < self.columns
            && row < self.rows
        {
            let at = row as usize * self.columns as usize + col as usize;
            if mark > self.marks[at] {
                self.marks[at] = mark;
            }
        }
    }

    /// The map, north up.
    pub fn image(&self) -> Image {
        let side = self.square_px() as usize;
        let largest = self
            .marks
            .iter()
            .fold(0.0, |largest: f64, mark| match mark {
                Mark::Changed(by) if by.is_finite() => largest.max(*by),
                _ => largest,
            });
        let scale = match self.of_values {
            true if largest > 0.0 => 255.0 / largest,
            _ => 1.0,
        };
        let mut pixels = Vec::new();
        for row in self.marks.chunks_exact(self.columns as usize) {
            let start = pixels.len();
            for mark in row {
                let colour = colour(*mark, scale);
                (0..side).for_each(|_| pixels.extend_from_slice(&colour));
            }
            let end = pixels.len();
            (1..side).for_each(|_| pixels.extend_from_within(start..end));
        }
        Image {
            width: self.columns as usize * side,
            height: self.rows as usize * side,
            channels: Channels::Rgba,
            pixels: Pixels::U8(pixels),
        }
    }
}

/// What the tiles of zoom `z` and below, of both, cover there.
fn extent(z: u8, a: &[TileCoord], b: &[TileCoord]) -> Option<Extent> {
    let zooms = |tiles: &'_ [TileCoord]| {
        let from = tiles.partition_point(|tile| tile.z() < z);
        let zooms = tiles[from..].chunk_by(|one, other| one.z() == other.z());
        zooms
            .filter_map(|tiles| Some(Extent::of(tiles)?.above(tiles[0].z() - z)))
            .reduce(Extent::union)
    };
    [zooms(a), zooms(b)]
        .into_iter()
        .flatten()
        .reduce(Extent::union)
}

fn colour(mark: Mark, scale: f64) -> Colour {
    match mark {
        Mark::Nothing => NOTHING,
        Mark::Same => SAME,
        Mark::Alike => ALIKE,
        Mark::Added => ADDED,
        Mark::Removed => REMOVED,
        Mark::Changed(by) => {
            let of_255 = by * scale;
            let mut classes = HEAT.iter();
            let class = classes.find(|(most, _)| of_255 <= *most);
            class.map_or(HEAT[HEAT.len() - 1].1, |(_, colour)| *colour)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    fn tiles(of: &[(u8, u32, u32)]) -> Vec<TileCoord> {
        of.iter()
            .map(|&(z, x, y)| TileCoord::new(z, x, y))
            .collect()
    }

    fn pixel(image: &Image, col: usize, row: usize) -> Colour {
        let Pixels::U8(values) = &image.pixels else {
            panic!("8 bits");
        };
        let at = (row * image.width + col) * 4;
        [values[at], values[at + 1], values[at + 2], values[at + 3]]
    }

    #[test]
    fn the_zoom_is_the_highest_of_both_that_fits() {
        let of = |a: &[(u8, u32, u32)], b: &[(u8, u32, u32)]| {
            let map = Heatmap::new(&tiles(a), &tiles(b));
            (map.zoom(), map.size(), map.square_px())
        };
        let near = [(4, 3, 3), (5, 6, 6), (5, 7, 7)];
        assert_eq!(of(&near, &near), (5, (2, 2), 32));
        assert_eq!(of(&near, &near[..1]), (4, (1, 1), 32));
        assert_eq!(of(&near[..1], &near[1..]), (5, (2, 2), 32));
        assert_eq!(of(&[], &[]), (0, (1, 1), 32));
        // 4096 tiles from one end to the other at zoom 12, half as many a zoom up.
        let far = [(11, 0, 0), (12, 0, 0), (12, 4095, 0)];
        assert_eq!(of(&far, &far), (11, (2048, 1), 1));
    }

    #[test]
    fn squares_show_the_largest_difference_of_what_they_stand_for() {
        let all = tiles(&[(2, 1, 1), (3, 2, 2), (3, 3, 2), (3, 2, 3), (4, 7, 7)]);
        let mut map = Heatmap::new(&all, &all[..4]);
        assert_eq!((map.zoom(), map.size()), (3, (2, 2)));
        // Not on the map.
        map.mark(all[0], Mark::Changed(255.0));
        map.mark(all[1], Mark::Same);
        map.mark(all[2], Mark::Changed(3.0));
        map.mark(all[2], Mark::Changed(60.0));
        map.mark(all[2], Mark::Removed);
        map.mark(all[3], Mark::Alike);
        map.mark(all[4], Mark::Removed);
        let image = map.image();
        assert_eq!((image.width, image.height), (64, 64));
        assert_eq!(pixel(&image, 31, 31), SAME);
        assert_eq!(pixel(&image, 32, 0), HEAT[3].1);
        assert_eq!(pixel(&image, 0, 32), ALIKE);
        assert_eq!(pixel(&image, 63, 63), REMOVED);
    }

    #[test]
    fn differences_of_values_are_parts_of_the_largest() {
        let all = tiles(&[(1, 0, 0), (1, 1, 0), (1, 0, 1)]);
        let mut map = Heatmap::new(&all, &all);
        map.tell_values();
        map.mark(all[0], Mark::Changed(0.001));
        map.mark(all[1], Mark::Changed(1.0));
        map.mark(all[2], Mark::Changed(f64::INFINITY));
        let image = map.image();
        assert_eq!(pixel(&image, 0, 0), HEAT[0].1);
        assert_eq!(pixel(&image, 32, 0), HEAT[4].1);
        assert_eq!(pixel(&image, 0, 32), HEAT[4].1);
        assert_eq!(pixel(&image, 63, 63), NOTHING);
    }
}
