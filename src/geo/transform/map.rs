//! [`TileMap`]: where every pixel of a tile lies in a source.
//!
//! PROJ is asked at the corners of a grid of 16-pixel cells, 289 points for a tile of 256; between them the map is
//! bilinear. Whether that is good enough is measured on the same points: every second one, left out, shows what
//! interpolating over twice the distance would have done, and the error of a smooth map falls to a quarter when the
//! distance is halved. Cells where it is not good enough get a grid of 4-pixel cells of their own. Of those, cells that are
//! still bent are cut in four, again and again, until they are linear or every point is computed. That is so at once where
//! PROJ fails at a corner or the map leaps (poles, the antimeridian, the limb of a geostationary disc). Where columns depend
//! on x alone and rows on y alone, all this is not needed: see `axes`.

mod axes;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::axes::Axes;
use super::{PixelTransform, closes};
use crate::geo::affine::Affine;
use crate::geo::bounds::Bounds;

/// Pixels a cell of the coarsest grid, each way. The smallest tile is 64 pixels, so cells always come in pairs.
const CELL_PX: usize = 16;

/// What a tile's pixels a side are a multiple of.
pub const CELLS_PX: usize = 2 * CELL_PX;

/// The error that a linear cell may have, in source pixels. The contract is 0.02; the rest is margin.
const TOLERANCE_PX: f64 = 0.002;

/// The error that any place may have, in source pixels.
const ERROR_PX: f64 = 0.02;

/// Half pixels of the cells into which one of the coarsest grid is cut; these are halved.
const FINE: usize = 8;

/// A map this close to a whole-pixel shift all over the tile, in source pixels, is one: the source was cut to this very
/// grid and its geotransform was rounded on the way.
const SNAP_PX: f64 = 1.0 / 256.0;

/// How a tile's pixels are led to a source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By whole pixels: the tile is a window of the source.
    Shift,
    /// By six numbers: both are of one coordinate system.
    Affine,
    /// Columns by x alone and rows by y alone.
    Axes,
    /// By PROJ on a grid, straight between its points.
    Grid,
}

impl Way {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shift => "shift",
            Self::Affine => "affine",
            Self::Axes => "axes",
            Self::Grid => "grid",
        }
    }

    /// How far, in source pixels, a place may be from where PROJ has it.
    pub fn error_px(self) -> f64 {
        match self {
            Self::Shift => SNAP_PX,
            Self::Affine => 0.0,
            Self::Axes | Self::Grid => ERROR_PX,
        }
    }
}

/// Where the pixels of one tile lie in one source, in columns and rows of its full resolution, corners at whole numbers.
pub struct TileMap {
    size_px: usize,
    kind: Kind,
    turn_px: Option<(f64, f64)>,
}

enum Kind {
    /// Tile pixel (i, j) is source pixel (i + col, j + row), whole.
    Shift {
        col: i64,
        row: i64,
    },
    Grid(Grid),
    /// With the coarsest points.
    Axes(Grid, Axes),
}

/// Half pixels from a cell's left edge to its corners and to its centres; as numbers, for converting them takes longer than
/// what they are for. A cell has up to 16 of each, and one corner more at the end of the tile.
const HALF_PIXELS: [[f64; CELL_PX + 1]; 2] = {
    let mut halves = [[0.0; CELL_PX + 1]; 2];
    let mut i = 0;
    while i <= CELL_PX {
        halves[0][i] = (2 * i) as f64;
        halves[1][i] = (2 * i + 1) as f64;
        i += 1;
    }
    halves
};

/// A square grid of points, the finer ones inside a cell of the coarser.
struct Grid {
    /// Half pixels a cell, each way: 32, 8, 4, 2, or 1, where there is a point for every centre and every corner.
    cell: usize,
    /// Points a side: cells + 1.
    n: usize,
    cols: Vec<f64>,
    rows: Vec<f64>,
    /// One for each cell, row by row; `Some` where the cell is not linear.
    finer: Vec<Option<Box<Grid>>>,
}

impl TileMap {
    /// The map of the tile that lays `size_px` by `size_px` pixels over `bounds` in the transform's target system.
    pub fn new(transform: &PixelTransform, bounds: &Bounds, size_px: usize) -> Self {
        debug_assert!(size_px.is_multiple_of(CELLS_PX), "cells come in pairs");
        let tile = Affine::over(bounds, size_px, size_px);
        if let Some(shift) = transform
            .as_affine()
            .and_then(|to_source| whole_shift(&tile, &to_source, size_px))
        {
            return Self {
                size_px,
                kind: shift,
                turn_px: None,
            };
        }
        let mut grid = Grid::new(transform, &tile, (0, 0), 2 * CELL_PX, size_px / CELL_PX + 1);
        let kind = if transform.as_affine().is_some() {
            Kind::Grid(grid)
        } else if let Some(axes) = Axes::new(transform, &tile, &grid) {
            Kind::Axes(grid, axes)
        } else {
            grid.refine(transform, &tile, (0, 0));
            Kind::Grid(grid)
        };
        Self {
            size_px,
            kind,
            turn_px: transform.turn_px(),
        }
    }

    /// The whole-pixel shift (columns, rows) that this map is, if it is one: the tile is then a window of the source.
    pub fn as_shift(&self) -> Option<(i64, i64)> {
        match self.kind {
            Kind::Shift { col, row } => Some((col, row)),
            Kind::Grid(_) | Kind::Axes(..) => None,
        }
    }

    /// How pixels are led to the source by this map, which was made by `transform`.
    pub fn way(&self, transform: &PixelTransform) -> Way {
        match self.kind {
            Kind::Shift { .. } => Way::Shift,
            Kind::Axes(..) => Way::Axes,
            Kind::Grid(_) if transform.as_affine().is_some() => Way::Affine,
            Kind::Grid(_) => Way::Grid,
        }
    }

    /// Pixels a side.
    pub fn size_px(&self) -> usize {
        self.size_px
    }

    /// Source columns and rows of the pixel centres of tile row `row`, NaN where there is no image.
    pub fn centres(&self, row: usize, cols: &mut [f64], rows: &mut [f64]) {
        self.line(2 * row + 1, 1, cols, rows);
    }

    /// Source columns and rows of the pixel corners along the upper edge of tile row `row` (`size_px` is the lower edge of
    /// the last): `size_px + 1` of them.
    pub fn corners(&self, row: usize, cols: &mut [f64], rows: &mut [f64]) {
        self.line(2 * row, 0, cols, rows);
    }

    /// `place` in the source, or the same place as many times round the Earth as bring it nearest to `centre`. Of a tile pixel
    /// that lies across the ends of its source, PROJ puts one corner at the one end and the other at the other.
    pub fn beside(&self, centre: (f64, f64), place: (f64, f64)) -> (f64, f64) {
        let Some((cols, rows)) = self.turn_px else {
            return place;
        };
        let along = (place.0 - centre.0) * cols + (place.1 - centre.1) * rows;
        let turns = (along / (cols * cols + rows * rows)).round();
        if turns == 0.0 {
            return place;
        }
        (place.0 - turns * cols, place.1 - turns * rows)
    }

    /// Whether the same place may be found more than once, round the Earth: [`TileMap::beside`] then says something.
    pub fn turns(&self) -> bool {
        self.turn_px.is_some()
    }

    /// Whether the last column of a source `width` pixels wide lies beside its first, once round the Earth.
    pub fn closes(&self, width: usize) -> bool {
        closes(self.turn_px, width)
    }

    /// Rows from `row` on, at least one, between which the map is linear along each column: what lies between the first and
    /// the last of them lies between their places.
    pub fn linear_rows(&self, row: usize) -> usize {
        let cell_row = row / CELL_PX;
        let is_linear = match &self.kind {
            Kind::Shift { .. } => return self.size_px - row,
            Kind::Grid(grid) => grid.is_linear(cell_row),
            Kind::Axes(_, axes) => axes.is_linear(cell_row),
        };
        if is_linear {
            (cell_row + 1) * CELL_PX - row
        } else {
            1
        }
    }

    /// The smallest and largest column, and row, of all that lies in these columns and rows of the tile, or a little more. `None`
    /// where that takes a closer look: the map is bent there, has no image, or goes round the Earth.
    pub fn hull(&self, cols: Range<usize>, rows: Range<usize>) -> Option<[(f64, f64); 2]> {
        let grid = match &self.kind {
            Kind::Shift { .. } => return None,
            // Nowhere torn, so not round the Earth either.
            Kind::Axes(_, axes) => return axes.hull(cols, rows),
            Kind::Grid(grid) => grid,
        };
        let cells = |px: Range<usize>| px.start / CELL_PX..px.end.div_ceil(CELL_PX);
        let (cols, rows) = (cells(cols), cells(rows));
        let is_bent = |row: usize| {
            let row = &grid.finer[row * (grid.n - 1)..];
            row[cols.clone()].iter().any(Option::is_some)
        };
        if self.turns() || rows.clone().any(is_bent) {
            return None;
        }
        // Between its points a linear map has no extremes.
        let span = |values: &[f64]| {
            let mut span = (f64::INFINITY, f64::NEG_INFINITY);
            for row in rows.start..=rows.end {
                for &v in &values[row * grid.n..][cols.start..=cols.end] {
                    if !v.is_finite() {
                        return None;
                    }
                    span = (span.0.min(v), span.1.max(v));
                }
            }
            Some(span)
        };
        Some([span(&grid.cols)?, span(&grid.rows)?])
    }

    /// Points at half-pixel line `half_row`, every second half pixel from `half_col` on.
    fn line(&self, half_row: usize, half_col: usize, cols: &mut [f64], rows: &mut [f64]) {
        match &self.kind {
            Kind::Shift { col, row } => {
                for (i, (c, r)) in cols.iter_mut().zip(rows).enumerate() {
                    *c = *col as f64 + (2 * i + half_col) as f64 / 2.0;
                    *r = *row as f64 + half_row as f64 / 2.0;
                }
            }
            Kind::Grid(grid) => grid.line(half_row, half_col, cols, rows),
            Kind::Axes(_, axes) => axes.line(half_row, half_col, cols, rows),
        }
    }

    /// Whether the way from one point of `grid` to another is half round the Earth, or more.
    fn goes_round(&self, grid: &Grid, from: usize, to: usize) -> bool {
        self.turn_px.is_some_and(|(cols, rows)| {
            let along =
                (grid.cols[to] - grid.cols[from]) * cols + (grid.rows[to] - grid.rows[from]) * rows;
            along.abs() > (cols * cols + rows * rows) / 2.0
        })
    }

    /// Source pixels a tile pixel spans along the source's columns and rows: how much the tile shrinks a source of `width` by
    /// `height` pixels, the median over those cells that meet it. (1, 1) where none does.
    pub fn scale(&self, width: usize, height: usize) -> (f64, f64) {
        let (Kind::Grid(grid) | Kind::Axes(grid, _)) = &self.kind else {
            return (1.0, 1.0);
        };
        let n = grid.n;
        let meets = |values: [f64; 4], size: usize| {
            let low = values.into_iter().fold(f64::INFINITY, f64::min);
            let high = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
            low <= size as f64 && high >= 0.0
        };
        let (mut sx, mut sy) = (Vec::new(), Vec::new());
        for k in (0..n * n).filter(|k| k % n + 1 < n && k / n + 1 < n) {
            let (here, right, down) = (k, k + 1, k + n);
            let corners = |values: &[f64]| [here, right, down, down + 1].map(|k| values[k]);
            if !meets(corners(&grid.cols), width) || !meets(corners(&grid.rows), height) {
                continue;
            }
            // Torn where places go round the Earth, a cell says nothing of its pixels.
            if self.goes_round(grid, here, right) || self.goes_round(grid, here, down) {
                continue;
            }
            let step = CELL_PX as f64;
            let along = |values: &[f64]| {
                ((values[right] - values[here]) / step).hypot((values[down] - values[here]) / step)
            };
            sx.push(along(&grid.cols));
            sy.push(along(&grid.rows));
        }
        (median(sx).unwrap_or(1.0), median(sy).unwrap_or(1.0))
    }
}

/// The middle of the finite values.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn whole_shift(tile: &Affine, to_source: &Affine, size_px: usize) -> Option<Kind> {
    let size = size_px as f64;
    let at = |i: f64, j: f64| {
        let (x, y) = tile.apply(i, j);
        to_source.apply(x, y)
    };
    let (col, row) = at(0.0, 0.0);
    let (col, row) = (col.round(), row.round());
    let whole = [(0.0, 0.0), (size, 0.0), (0.0, size), (size, size)]
        .iter()
        .all(|&(i, j)| {
            let (c, r) = at(i, j);
            (c - i - col).abs() <= SNAP_PX && (r - j - row).abs() <= SNAP_PX
        });
    (whole && col.abs() < 1e15 && row.abs() < 1e15).then_some(Kind::Shift {
        col: col as i64,
        row: row as i64,
    })
}

impl Grid {
    /// `n` by `n` points, `cell` half pixels apart, from (column, row) `origin` of the tile on, in half pixels.
    fn new(
        transform: &PixelTransform,
        tile: &Affine,
        origin: (usize, usize),
        cell: usize,
        n: usize,
    ) -> Self {
        let at = |origin: usize, k: usize| (origin + k * cell) as f64 / 2.0;
        let (mut cols, mut rows): (Vec<f64>, Vec<f64>) = (0..n * n)
            .map(|k| tile.apply(at(origin.0, k % n), at(origin.1, k / n)))
            .unzip();
        let places = (cell == 1).then(|| (cols.clone(), rows.clone()));
        transform.to_source(&mut cols, &mut rows);
        // What is smooth is no nonsense, and asking PROJ is dear.
        if let Some(places) = places.filter(|_| leaps(&cols, &rows, n)) {
            (cols, rows) = places;
            let Affine([.., height]) = *tile;
            transform.to_source_and_back(&mut cols, &mut rows, height.abs());
        }
        let finer = (0..(n - 1) * (n - 1)).map(|_| None).collect();
        Self {
            cell,
            n,
            cols,
            rows,
            finer,
        }
    }

    /// Finds the cells that are not linear and gives them grids of their own.
    fn refine(&mut self, transform: &PixelTransform, tile: &Affine, origin: (usize, usize)) {
        let last = self.n - 1;
        for (row, col) in (0..last)
            .step_by(2)
            .flat_map(|r| (0..last).step_by(2).map(move |c| (r, c)))
        {
            if self.is_smooth(row, col) {
                continue;
            }
            for (r, c) in [
                (row, col),
                (row, col + 1),
                (row + 1, col),
                (row + 1, col + 1),
            ] {
                let origin = (origin.0 + c * self.cell, origin.1 + r * self.cell);
                let grid = self.finer(transform, tile, origin, (r, c));
                self.finer[r * last + c] = Some(Box::new(grid));
            }
        }
    }

    /// The grid of the cell at (row, column) `at`, whose upper left corner is at `origin`.
    fn finer(
        &self,
        transform: &PixelTransform,
        tile: &Affine,
        origin: (usize, usize),
        at: (usize, usize),
    ) -> Self {
        if self.cell > FINE {
            let mut grid = Self::new(transform, tile, origin, FINE, self.cell / FINE + 1);
            grid.refine(transform, tile, origin);
            return grid;
        }
        let mut grid = self.halved(transform, tile, origin, at);
        // What has no image at points one or two pixels apart has none between them.
        if grid.cols.iter().all(|col| col.is_nan()) {
            return grid;
        }
        // Where it is torn, points say little of those between them.
        if leaps(&grid.cols, &grid.rows, grid.n) {
            return Self::new(transform, tile, origin, 1, self.cell + 1);
        }
        if grid.cell > 1 {
            grid.refine(transform, tile, origin);
        }
        grid
    }

    /// The cell at (row, column) `at` cut in four. Its corners are known; PROJ is asked for the other points.
    fn halved(
        &self,
        transform: &PixelTransform,
        tile: &Affine,
        origin: (usize, usize),
        at: (usize, usize),
    ) -> Self {
        const NEW: [usize; 5] = [1, 3, 4, 5, 7];
        let cell = self.cell / 2;
        let half_pixels = |origin: usize, k: usize| (origin + k * cell) as f64 / 2.0;
        let (mut new_cols, mut new_rows): (Vec<f64>, Vec<f64>) = NEW
            .iter()
            .map(|k| tile.apply(half_pixels(origin.0, k % 3), half_pixels(origin.1, k / 3)))
            .unzip();
        transform.to_source(&mut new_cols, &mut new_rows);
        let first = at.0 * self.n + at.1;
        let corners = [first, first + 1, first + self.n, first + self.n + 1];
        let join = |known: &[f64], new: &[f64]| {
            let [nw, ne, sw, se] = corners.map(|k| known[k]);
            vec![nw, new[0], ne, new[1], new[2], new[3], sw, new[4], se]
        };
        Self {
            cell,
            n: 3,
            cols: join(&self.cols, &new_cols),
            rows: join(&self.rows, &new_rows),
            finer: (0..4).map(|_| None).collect(),
        }
    }

    /// Whether the four cells with their upper left corner at grid point (`row`, `col`) are linear enough, by what their
    /// five inner points say of the square of twice their size.
    fn is_smooth(&self, row: usize, col: usize) -> bool {
        let n = self.n;
        [&self.cols, &self.rows].iter().all(|values| {
            let at = |r: usize, c: usize| values[(row + r) * n + col + c];
            let (nw, ne, sw, se) = (at(0, 0), at(0, 2), at(2, 0), at(2, 2));
            let guesses = [
                (at(0, 1), (nw + ne) / 2.0),
                (at(2, 1), (sw + se) / 2.0),
                (at(1, 0), (nw + sw) / 2.0),
                (at(1, 2), (ne + se) / 2.0),
                (at(1, 1), (nw + ne + sw + se) / 4.0),
            ];
            // Where the tile enlarges the source, an error must be small beside the tile's pixels too. Two cells span
            // as many pixels as one has half pixels.
            let step = (ne - nw).hypot(sw - nw) / self.cell as f64;
            guesses
                .iter()
                .all(|(exact, guess)| is_close(*exact, *guess, step))
        })
    }

    /// Whether no cell of a row of them has a grid of its own.
    fn is_linear(&self, cell_row: usize) -> bool {
        let cells = cell_row * (self.n - 1)..(cell_row + 1) * (self.n - 1);
        self.finer[cells].iter().all(Option::is_none)
    }

    /// Every second point of the line at `half_row` half pixels below the grid's upper edge, from `half_col` (0 or 1) on.
    fn line(&self, half_row: usize, half_col: usize, cols: &mut [f64], rows: &mut [f64]) {
        let n = self.n;
        if self.cell == 1 {
            let start = half_row * n + half_col;
            for (out, values) in [(cols, &self.cols), (rows, &self.rows)] {
                out.iter_mut()
                    .zip(values[start..].iter().step_by(2))
                    .for_each(|(v, exact)| *v = *exact);
            }
            return;
        }
        // The lower edge of the last row belongs to the last cell, and so does the right edge.
        let cell_row = (half_row / self.cell).min(n - 2);
        let down = half_row - cell_row * self.cell;
        let t = down as f64 / self.cell as f64;
        let len = cols.len();
        for cell_col in 0..n - 1 {
            let first = cell_col * self.cell / 2;
            let end = if cell_col == n - 2 {
                len
            } else {
                first + self.cell / 2
            };
            let (out_cols, out_rows) = (&mut cols[first..end], &mut rows[first..end]);
            if let Some(finer) = &self.finer[cell_row * (n - 1) + cell_col] {
                finer.line(down, half_col, out_cols, out_rows);
                continue;
            }
            let k = cell_row * n + cell_col;
            for (out, values) in [(out_cols, &self.cols), (out_rows, &self.rows)] {
                let left = values[k] + (values[k + n] - values[k]) * t;
                let right = values[k + 1] + (values[k + n + 1] - values[k + 1]) * t;
                let step = (right - left) / self.cell as f64;
                for (v, half) in out.iter_mut().zip(&HALF_PIXELS[half_col]) {
                    *v = left + step * half;
                }
            }
        }
    }
}

/// Whether a point is near enough to where the points around it, each a cell away, say it is. `step` source pixels make a
/// pixel of the tile.
fn is_close(exact: f64, guess: f64, step: f64) -> bool {
    // NaN makes the comparison false.
    (exact - guess).abs() <= 4.0 * TOLERANCE_PX * step.min(1.0)
}

/// Whether any of `n` by `n` points is not about halfway between its neighbours.
fn leaps(cols: &[f64], rows: &[f64], n: usize) -> bool {
    let leaps = |before: usize, k: usize, after: usize| {
        let step = (cols[after] - cols[before]).hypot(rows[after] - rows[before]);
        let bend = (cols[before] - 2.0 * cols[k] + cols[after])
            .hypot(rows[before] - 2.0 * rows[k] + rows[after]);
        // Points without an image lie nowhere.
        bend.is_nan() || bend > step / 2.0
    };
    (0..n * n).any(|k| {
        let (col, row) = (k % n, k / n);
        (col > 0 && col + 1 < n && leaps(k - 1, k, k + 1))
            || (row > 0 && row + 1 < n && leaps(k - n, k, k + n))
    })
}
