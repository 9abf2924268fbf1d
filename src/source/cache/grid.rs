//! How a level is cut into units: [`Grid`].

use crate::source::{Level, Window};

/// Pixels of a unit that is made of several blocks: a quarter of a megapixel. Less, and a tile is put together from many
/// pieces; more, and much is decoded that nobody asked for.
const UNIT_PX: usize = 512 * 512;

/// Blocks of fewer columns are put side by side until they have about [`UNIT_SIDE_PX`].
const NARROW_PX: usize = 256;

const UNIT_SIDE_PX: usize = 512;

/// The units of a level, counted from its upper left corner, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    width: usize,
    height: usize,
    /// The file's blocks, no larger than the level.
    block: (usize, usize),
    /// The units, likewise.
    unit: (usize, usize),
}

impl Grid {
    /// The units of `level`, of at most `most_unit_bytes` each where a row of pixels is not more than that.
    pub(super) fn new(level: &Level, pixel_bytes: usize, most_unit_bytes: usize) -> Self {
        let (width, height) = (level.width, level.height);
        let block = (
            level.block.0.clamp(1, width.max(1)),
            level.block.1.clamp(1, height.max(1)),
        );
        let most_px = (most_unit_bytes / pixel_bytes).max(1);
        let unit = if block.0.saturating_mul(block.1) > most_px {
            cut(block, most_px)
        } else {
            group(block, (width, height), most_px.min(UNIT_PX))
        };
        Self {
            width,
            height,
            block,
            unit,
        }
    }

    /// Columns and rows of a unit.
    pub(super) fn unit(&self) -> (usize, usize) {
        self.unit
    }

    /// The units that `window` touches: their numbers and places.
    pub(super) fn units(&self, window: Window) -> impl Iterator<Item = (u64, Window)> + use<> {
        let grid = *self;
        let n_cols = self.width.div_ceil(self.unit.0) as u64;
        grid.touched(self.unit, window).map(move |(x, y)| {
            let index = y as u64 * n_cols + x as u64;
            (index, grid.place(grid.unit, x, y))
        })
    }

    /// The blocks that `window` touches: the part of each that lies within it, and the whole.
    pub(super) fn blocks(&self, window: Window) -> impl Iterator<Item = (Window, Window)> + use<> {
        let grid = *self;
        grid.touched(self.block, window).map(move |(x, y)| {
            let whole = grid.place(grid.block, x, y);
            let (col, row) = (whole.col.max(window.col), whole.row.max(window.row));
            let part = Window {
                col,
                row,
                width: (whole.col + whole.width).min(window.col + window.width) - col,
                height: (whole.row + whole.height).min(window.row + window.height) - row,
            };
            (part, whole)
        })
    }

    fn touched(
        &self,
        cell: (usize, usize),
        window: Window,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let cols = window.col / cell.0..(window.col + window.width).div_ceil(cell.0);
        let rows = window.row / cell.1..(window.row + window.height).div_ceil(cell.1);
        rows.flat_map(move |y| cols.clone().map(move |x| (x, y)))
    }

    fn place(&self, cell: (usize, usize), x: usize, y: usize) -> Window {
        let (col, row) = (x * cell.0, y * cell.1);
        Window {
            col,
            row,
            width: cell.0.min(self.width - col),
            height: cell.1.min(self.height - row),
        }
    }
}

/// A part of a block that is too large: as many whole rows as may be, for GDAL decodes all of the block for each part.
/// Parts of one block are alike; where there are several such blocks, a part may reach into the next.
fn cut((cols, rows): (usize, usize), most_px: usize) -> (usize, usize) {
    let evenly = |n: usize, most: usize| n.div_ceil(n.div_ceil(most));
    match most_px / cols {
        0 => (evenly(cols, most_px), 1),
        most_rows => (cols, evenly(rows, most_rows)),
    }
}

/// Several whole blocks of at most `most_px` pixels together, about as wide as high where the blocks allow it.
fn group(
    (cols, rows): (usize, usize),
    (width, height): (usize, usize),
    most_px: usize,
) -> (usize, usize) {
    let across = if cols < NARROW_PX {
        UNIT_SIDE_PX.min(most_px / rows) / cols
    } else {
        1
    };
    let unit_cols = (cols * across.max(1)).min(width.next_multiple_of(cols));
    let down = if rows < NARROW_PX {
        most_px / unit_cols / rows
    } else {
        1
    };
    let unit_rows = (rows * down.max(1)).min(height.next_multiple_of(rows));
    (unit_cols, unit_rows)
}
