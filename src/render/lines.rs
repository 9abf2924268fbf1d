//! Where the pixels of a tile lie in a level of a source, one row at a time: [`Lines`].

use super::warp::{Middle, Rect};
use crate::geo::transform::map::TileMap;
use crate::raster::resample::Places;
use crate::source::SourceInfo;

/// Source pixels that are rounding, beyond an edge.
const HAIR: f64 = 1e-9;

/// The way from a tile to the chosen level of a source.
pub(super) struct Way<'a> {
    map: &'a TileMap,
    /// Pixels along each side of the map that are not of the tile.
    unseen: usize,
    /// The source's size at full resolution.
    width: f64,
    height: f64,
    /// How many times smaller the level is than that.
    shrink: (f64, f64),
    /// Whether the corners of pixels are asked for, besides their centres.
    corners: bool,
    /// Whether places are in the source as often as it goes round the Earth.
    closes: bool,
}

impl<'a> Way<'a> {
    /// The way by the map of `middle`, which is to the full resolution.
    pub(super) fn new(
        Middle { map, unseen_px }: Middle<'a>,
        info: &SourceInfo,
        shrink: (f64, f64),
        corners: bool,
    ) -> Self {
        Self {
            map,
            unseen: unseen_px,
            width: info.placement.width as f64,
            height: info.placement.height as f64,
            shrink,
            corners,
            closes: map.closes(info.placement.width),
        }
    }

    /// What whole rows of the tile cover, or a little more, if that is easily told and lies well within the source, as it mostly
    /// does.
    fn extent_inside(&self, rect: Rect) -> Option<Extent> {
        if rect.width < self.map.size_px() - 2 * self.unseen {
            return None;
        }
        let of_map = |first: usize, n: usize| self.unseen + first..self.unseen + first + n;
        let (cols, rows) = (of_map(rect.col, rect.width), of_map(rect.row, rect.height));
        let [cols, rows] = self.map.hull(cols, rows)?;
        let inside = self.holds(cols.0, rows.0) && self.holds(cols.1, rows.1);
        let (right, down) = self.shrink;
        inside.then_some(Extent {
            cols: (cols.0 * right, cols.1 * right),
            rows: (rows.0 * down, rows.1 * down),
            inside: true,
        })
    }

    fn holds(&self, col: f64, row: f64) -> bool {
        (col >= -HAIR) & (col <= self.width + HAIR) & (row >= -HAIR) & (row <= self.height + HAIR)
    }
}

/// What a rectangle of the tile covers of the level.
pub(super) struct Extent {
    /// The smallest and the largest column, and row.
    pub(super) cols: (f64, f64),
    pub(super) rows: (f64, f64),
    /// Whether the centre of every pixel lies in the source.
    pub(super) inside: bool,
}

/// The places of one row of a tile. Kept between rows and tiles.
#[derive(Default)]
pub(super) struct Lines {
    /// Pixels of the map before the first of the tile.
    unseen: usize,
    centre: Line,
    /// Upper left corners.
    upper: Line,
    /// Lower right corners.
    lower: Line,
    /// The corners along the upper and the lower edge of a row, in the source's full resolution.
    edges: [Line; 2],
}

#[derive(Default)]
struct Line {
    cols: Vec<f64>,
    rows: Vec<f64>,
}

impl Line {
    fn resize(&mut self, n: usize) {
        self.cols.resize(n, 0.0);
        self.rows.resize(n, 0.0);
    }
}

impl Lines {
    /// Finds where row `row` of the tile lies, relative to `origin` in the level. A pixel whose centre falls outside the source
    /// becomes NaN; `inside` says that there is none.
    pub(super) fn locate(&mut self, way: &Way, row: usize, origin: (f64, f64), inside: bool) {
        let size = way.map.size_px();
        self.unseen = way.unseen;
        self.centre.resize(size);
        let Line { cols, rows } = &mut self.centre;
        way.map.centres(row + way.unseen, cols, rows);
        if way.corners {
            self.locate_corners(way, row, origin);
        }
        let Line { cols, rows } = &mut self.centre;
        let (right, down) = way.shrink;
        if inside {
            cols.iter_mut()
                .for_each(|col| *col = *col * right - origin.0);
            rows.iter_mut()
                .for_each(|row| *row = *row * down - origin.1);
            return;
        }
        for (col, row) in cols.iter_mut().zip(rows) {
            (*col, *row) = if way.holds(*col, *row) {
                (*col * right - origin.0, *row * down - origin.1)
            } else {
                (f64::NAN, f64::NAN)
            };
        }
    }

    /// The corners of the pixels of `row`, whose centres are located, at full resolution.
    fn locate_corners(&mut self, way: &Way, row: usize, origin: (f64, f64)) {
        let size = way.map.size_px();
        for (edge, Line { cols, rows }) in self.edges.iter_mut().enumerate() {
            cols.resize(size + 1, 0.0);
            rows.resize(size + 1, 0.0);
            way.map.corners(row + way.unseen + edge, cols, rows);
        }
        let [above, below] = &self.edges;
        let (right, down) = way.shrink;
        self.upper.resize(size);
        self.lower.resize(size);
        let sides = [(&mut self.upper, above, 0), (&mut self.lower, below, 1)];
        for (to, from, beside) in sides {
            if way.map.turns() {
                for i in 0..size {
                    let centre = (self.centre.cols[i], self.centre.rows[i]);
                    // Of a source that closes each place is in it once, by its centre.
                    let away = way.closes && !(centre.0 >= -HAIR && centre.0 <= way.width + HAIR);
                    let corner = (from.cols[i + beside], from.rows[i + beside]);
                    let (col, row) = way.map.beside(centre, corner);
                    (to.cols[i], to.rows[i]) = if away {
                        (f64::NAN, f64::NAN)
                    } else {
                        (col * right - origin.0, row * down - origin.1)
                    };
                }
                continue;
            }
            for (to, col) in to.cols.iter_mut().zip(&from.cols[beside..]) {
                *to = col * right - origin.0;
            }
            for (to, row) in to.rows.iter_mut().zip(&from.rows[beside..]) {
                *to = row * down - origin.1;
            }
        }
    }

    /// The places of `n` pixels of the row that was located last, from `first` on.
    pub(super) fn places(&self, first: usize, n: usize) -> Places<'_> {
        let first = self.unseen + first;
        fn of(line: &[f64], first: usize, n: usize) -> &[f64] {
            line.get(first..first + n).unwrap_or(&[])
        }
        Places {
            cols: of(&self.centre.cols, first, n),
            rows: of(&self.centre.rows, first, n),
            upper: (
                of(&self.upper.cols, first, n),
                of(&self.upper.rows, first, n),
            ),
            lower: (
                of(&self.lower.cols, first, n),
                of(&self.lower.rows, first, n),
            ),
        }
    }

    /// What `rect` covers; `None` when that is nothing. Where the map is linear, the first and the last row say it for all
    /// between them, if they lie in the source, which has no dents.
    pub(super) fn extent(&mut self, way: &Way, rect: Rect) -> Option<Extent> {
        if let Some(extent) = way.extent_inside(rect) {
            return Some(extent);
        }
        let mut extent = Extent {
            cols: (f64::INFINITY, f64::NEG_INFINITY),
            rows: (f64::INFINITY, f64::NEG_INFINITY),
            inside: true,
        };
        let end = rect.row + rect.height;
        let mut row = rect.row;
        while row < end {
            let last = (row + way.map.linear_rows(row + way.unseen)).min(end) - 1;
            let ends = self.extend(way, row, rect, &mut extent);
            let ends = self.extend(way, last, rect, &mut extent) && ends;
            if !ends || way.corners && way.map.turns() {
                for row in row + 1..last {
                    self.extend(way, row, rect, &mut extent);
                }
            }
            row = last + 1;
        }
        (extent.cols.0 <= extent.cols.1 && extent.rows.0 <= extent.rows.1).then_some(extent)
    }

    /// Adds one row. Whether all of its centres, and its corners where there are any, are somewhere.
    fn extend(&mut self, way: &Way, row: usize, rect: Rect, extent: &mut Extent) -> bool {
        self.locate(way, row, (0.0, 0.0), false);
        let places = self.places(rect.col, rect.width);
        let centres = (places.cols, places.rows);
        let finite = |list: &[f64]| list.iter().fold(true, |all, v| all & v.is_finite());
        let inside = finite(centres.0);
        extent.inside &= inside;
        let lists: &[(&[f64], &[f64])] = match way.corners {
            true => &[places.upper, places.lower],
            false => &[centres],
        };
        for (cols, rows) in lists {
            extent.cols = span(cols, extent.cols);
            extent.rows = span(rows, extent.rows);
        }
        let all = |(cols, rows): &(&[f64], &[f64])| finite(cols) && finite(rows);
        inside && lists.iter().all(all)
    }
}

/// `span` with the finite values, several at once.
fn span(values: &[f64], (low, high): (f64, f64)) -> (f64, f64) {
    let (mut lows, mut highs) = ([low; 4], [high; 4]);
    let mut add = |i: usize, v: f64| {
        // Without a jump; a comparison with NaN is false.
        let finite = v.abs() < f64::INFINITY;
        lows[i] = if finite & (v < lows[i]) { v } else { lows[i] };
        highs[i] = if finite & (v > highs[i]) { v } else { highs[i] };
    };
    let (fours, rest) = values.as_chunks::<4>();
    for four in fours {
        for (i, &v) in four.iter().enumerate() {
            add(i, v);
        }
    }
    for &v in rest {
        add(0, v);
    }
    let low = lows.into_iter().fold(low, f64::min);
    let high = highs.into_iter().fold(high, f64::max);
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_of_what_is_finite() {
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        for (values, expected) in [
            (vec![], none),
            (vec![nan, inf, -inf, nan, nan], none),
            (vec![3.0], (3.0, 3.0)),
            (
                vec![nan, 2.0, -1.0, inf, 9.0, 4.0, -inf, nan, 7.0],
                (-1.0, 9.0),
            ),
        ] {
            assert_eq!(span(&values, none), expected, "{values:?}");
        }
        assert_eq!(span(&[1.0], (0.0, 0.5)), (0.0, 1.0));
    }
}
