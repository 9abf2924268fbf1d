//! Which cells of a grid an area touches: [`cells`].

use super::{Area, Touch};
use crate::geo::bounds::Bounds;

/// The most squares that the search keeps at a time. More would be finer than any plan needs.
const SQUARES: usize = 150_000;

/// Cells in a square of side `1 << level`, by the column and row of its north-western one.
#[derive(Clone, Copy)]
struct Square {
    level: u32,
    col: u64,
    row: u64,
}

/// As [`Area::cells`]: squares are quartered where an edge runs through them, all to the same depth.
pub(super) fn cells(area: &Area, extent: &Bounds, columns: u64, rows: u64) -> Vec<[u32; 4]> {
    if columns == 0 || rows == 0 {
        return Vec::new();
    }
    let grid = GridOf {
        extent,
        columns,
        rows,
    };
    let top = columns.max(rows).next_power_of_two().ilog2();
    let whole = Square {
        level: top,
        col: 0,
        row: 0,
    };
    let (mut inside, mut edge) = (Vec::new(), Vec::new());
    grid.judge(area, whole, &mut inside, &mut edge);
    for level in (0..top).rev() {
        let (mut more, mut finer) = (Vec::new(), Vec::new());
        for square in &edge {
            for (right, down) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let quarter = Square {
                    level,
                    col: square.col + (right << level),
                    row: square.row + (down << level),
                };
                grid.judge(area, quarter, &mut more, &mut finer);
            }
        }
        if inside.len() + more.len() + finer.len() > SQUARES {
            break;
        }
        inside.append(&mut more);
        edge = finer;
    }
    inside.append(&mut edge);
    let rects = inside.iter().map(|square| grid.cells_of(square));
    merge(rects.collect())
}

struct GridOf<'a> {
    extent: &'a Bounds,
    columns: u64,
    rows: u64,
}

impl GridOf<'_> {
    /// West, north, east and south, the last two exclusive, cut to the grid.
    fn cells_of(&self, square: &Square) -> [u64; 4] {
        let side = 1 << square.level;
        [
            square.col,
            square.row,
            (square.col + side).min(self.columns),
            (square.row + side).min(self.rows),
        ]
    }

    fn judge(&self, area: &Area, square: Square, inside: &mut Vec<Square>, edge: &mut Vec<Square>) {
        if square.col >= self.columns || square.row >= self.rows {
            return;
        }
        let [west, north, east, south] = self.cells_of(&square);
        let (width, height) = (
            self.extent.width() / self.columns as f64,
            self.extent.height() / self.rows as f64,
        );
        let bounds = Bounds::new(
            self.extent.west + width * west as f64,
            self.extent.north - height * south as f64,
            self.extent.west + width * east as f64,
            self.extent.north - height * north as f64,
        );
        // Of large squares no more is left out than of a single cell, and of that half of what `touch` leaves out: what it
        // finds touched must be among these, though the cell's edges are rounded another way there.
        let thin = super::MARGIN / 2.0;
        match area.touch_within(&bounds, width * thin, height * thin) {
            Touch::Outside => {}
            Touch::Inside => inside.push(square),
            Touch::Edge => edge.push(square),
        }
    }
}

/// Rectangles that do not overlap as few larger ones: spans of whole rows, joined where they are the same in rows that
/// follow each other.
fn merge(mut rects: Vec<[u64; 4]>) -> Vec<[u32; 4]> {
    let mut heights: Vec<u64> = rects.iter().flat_map(|r| [r[1], r[3]]).collect();
    heights.sort_unstable();
    heights.dedup();
    rects.sort_unstable_by_key(|r| r[1]);
    let mut coming = rects.into_iter().peekable();
    let (mut active, mut open, mut done) = (Vec::new(), Vec::new(), Vec::new());
    for pair in heights.windows(2) {
        let (north, south) = (pair[0], pair[1]);
        active.retain(|r: &[u64; 4]| r[3] > north);
        while let Some(rect) = coming.next_if(|r| r[1] <= north) {
            active.push(rect);
        }
        active.sort_unstable_by_key(|r| r[0]);
        let spans = spans(&active);
        let same = |open: &[[u64; 4]]| {
            open.len() == spans.len()
                && open
                    .iter()
                    .zip(&spans)
                    .all(|(o, s)| [o[0], o[2]] == *s && o[3] == north)
        };
        if same(&open) {
            open.iter_mut().for_each(|o| o[3] = south);
        } else {
            done.append(&mut join(&mut open, &spans, north, south));
        }
    }
    done.append(&mut open);
    let last = |end: u64| (end - 1) as u32;
    done.into_iter()
        .map(|[w, n, e, s]| [w as u32, n as u32, last(e), last(s)])
        .collect()
}

/// Goes on with those of `open` that are among `spans`, begins the others, and returns those that ended.
fn join(open: &mut Vec<[u64; 4]>, spans: &[[u64; 2]], north: u64, south: u64) -> Vec<[u64; 4]> {
    let mut before = std::mem::take(open).into_iter().peekable();
    let mut ended = Vec::new();
    for &[west, east] in spans {
        while let Some(o) = before.next_if(|o| o[0] < west) {
            ended.push(o);
        }
        match before.next_if(|o| [o[0], o[2]] == [west, east] && o[3] == north) {
            Some([w, n, e, _]) => open.push([w, n, e, south]),
            None => open.push([west, north, east, south]),
        }
    }
    ended.extend(before);
    ended
}

/// Ranges of columns, joined where they meet.
fn spans(rects: &[[u64; 4]]) -> Vec<[u64; 2]> {
    let mut spans: Vec<[u64; 2]> = Vec::new();
    for r in rects {
        match spans.last_mut() {
            Some(last) if r[0] <= last[1] => last[1] = last[1].max(r[2]),
            _ => spans.push([r[0], r[2]]),
        }
    }
    spans
}
