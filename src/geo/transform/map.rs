//! [`TileMap`]: where every pixel of a tile lies in a source.
//!
//! PROJ is asked at the corners of a grid of 16-pixel cells, 289 points for a tile of 256; between them the map is
//! bilinear. Whether that is good enough is measured on the same points: every second one, left out, shows what
//! interpolating over twice the distance would have done, and the error of a smooth map falls to a quarter when the
//! distance is halved. Cells where it is not good enough get a grid of 4-pixel cells of their own. Of those, cells that are
//! still bent are cut in four, again and again, until they are linear or every point is computed. That is so at once where
//! PROJ fails at a corner or the map leaps (poles, the antimeridian, the limb of a geostationary disc).

mod axes;

use self::axes::Axes;
use super::PixelTransform;
use crate::geo::affine::Affine;
use crate::geo::bounds::Bounds;

/// Pixels a cell of the coarsest grid, each way. The smallest tile is 64 pixels, so cells always come in pairs.
const CELL_PX: usize = 16;

/// The error that a linear cell may have, in source pixels. The contract is 0.02; the rest is margin.
const TOLERANCE_PX: f64 = 0.002;

/// Half pixels of the cells into which one of the coarsest grid is cut; these are halved.
const FINE: usize = 8;

/// A map this close to a whole-pixel shift all over the tile, in source pixels, is one: the source was cut to this very
/// grid and its geotransform was rounded on the way.
const SNAP_PX: f64 = 1.0 / 256.0;

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
        debug_assert!(size_px.is_multiple_of(2 * CELL_PX), "cells come in pairs");
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
        // Files round the size of their pixels.
        const SLACK_PX: f64 = 0.1;
        self.turn_px.is_some_and(|(cols, rows)| {
            (cols.abs() - width as f64).abs() < SLACK_PX && rows.abs() < SLACK_PX
        })
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

    /// The smallest and largest column, and row, of all that lies in `height` tile rows from `row` on, or a little more. `None`
    /// where that takes a closer look: the map is bent there, has no image, or goes round the Earth.
    pub fn hull(&self, row: usize, height: usize) -> Option<[(f64, f64); 2]> {
        let Kind::Grid(grid) = &self.kind else {
            return None;
        };
        let (first, end) = (row / CELL_PX, (row + height).div_ceil(CELL_PX));
        let cells = first * (grid.n - 1)..end * (grid.n - 1);
        if self.turns() || grid.finer[cells].iter().any(Option::is_some) {
            return None;
        }
        // Between its points a linear map has no extremes.
        let points = first * grid.n..(end + 1) * grid.n;
        let span = |values: &[f64]| {
            let mut span = (f64::INFINITY, f64::NEG_INFINITY);
            for &v in values {
                if !v.is_finite() {
                    return None;
                }
                span = (span.0.min(v), span.1.max(v));
            }
            Some(span)
        };
        Some([span(&grid.cols[points.clone()])?, span(&grid.rows[points])?])
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::transform::crs::Crs;
    use crate::geo::transform::ways::Ways;
    use crate::geo::transform::{Georef, Placement};

    const WEB_MERCATOR_HALF: f64 = 20_037_508.342_789_244;

    fn web_mercator_tile(z: u8, x: u32, y: u32) -> Bounds {
        let size = 2.0 * WEB_MERCATOR_HALF / f64::from(1_u32 << z);
        let (west, north) = (
            -WEB_MERCATOR_HALF + f64::from(x) * size,
            WEB_MERCATOR_HALF - f64::from(y) * size,
        );
        Bounds::new(west, north - size, west + size, north)
    }

    fn source(crs: &str, geotransform: [f64; 6], width: usize, height: usize) -> PixelTransform {
        turned(crs, geotransform, (width, height), 0)
    }

    fn turned(
        crs: &str,
        geotransform: [f64; 6],
        (width, height): (usize, usize),
        turns: i32,
    ) -> PixelTransform {
        let placement = Placement {
            crs: Crs::parse(crs).unwrap(),
            georef: Georef::Affine(Affine(geotransform)),
            width,
            height,
        };
        let mut ways = Ways::to(&Crs::parse("EPSG:3857").unwrap());
        PixelTransform::new(&mut ways, &placement, placement.lon_lat_bounds(), turns).unwrap()
    }

    /// The same map as [`TileMap::new`] makes, but never along two axes.
    fn on_a_grid(transform: &PixelTransform, bounds: &Bounds, size_px: usize) -> TileMap {
        let tile = Affine::over(bounds, size_px, size_px);
        let mut grid = Grid::new(transform, &tile, (0, 0), 2 * CELL_PX, size_px / CELL_PX + 1);
        grid.refine(transform, &tile, (0, 0));
        TileMap {
            size_px,
            kind: Kind::Grid(grid),
            turn_px: transform.turn_px(),
        }
    }

    /// The largest distance between centres and corners of two maps, in source pixels.
    fn farthest(a: &TileMap, b: &TileMap) -> f64 {
        let size = a.size_px();
        let mut farthest: f64 = 0.0;
        let line = || (vec![0.0; size + 1], vec![0.0; size + 1]);
        let ((mut a_cols, mut a_rows), (mut b_cols, mut b_rows)) = (line(), line());
        for half_row in 0..=2 * size {
            let half_col = half_row % 2;
            let n = size + 1 - half_col;
            a.line(half_row, half_col, &mut a_cols[..n], &mut a_rows[..n]);
            b.line(half_row, half_col, &mut b_cols[..n], &mut b_rows[..n]);
            for i in 0..n {
                let apart = (a_cols[i] - b_cols[i]).hypot(a_rows[i] - b_rows[i]);
                // Where either has no place, this does.
                farthest = farthest.max(if apart.is_nan() { f64::INFINITY } else { apart });
            }
        }
        farthest
    }

    /// The largest distance between the map and PROJ's own answer, in source pixels, over every centre of the tile that
    /// lies in the source; and how many there were.
    fn worst(
        transform: &PixelTransform,
        bounds: &Bounds,
        size: usize,
        source: f64,
    ) -> (f64, usize) {
        let map = TileMap::new(transform, bounds, size);
        let tile = Affine::over(bounds, size, size);
        let (mut cols, mut rows) = (vec![0.0; size], vec![0.0; size]);
        let (mut worst, mut n): (f64, usize) = (0.0, 0);
        for row in 0..size {
            map.centres(row, &mut cols, &mut rows);
            let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = (0..size)
                .map(|i| tile.apply(i as f64 + 0.5, row as f64 + 0.5))
                .unzip();
            transform.to_source(&mut xs, &mut ys);
            for i in 0..size {
                if xs[i] >= 0.0 && xs[i] <= source && ys[i] >= 0.0 && ys[i] <= source {
                    worst = worst.max((cols[i] - xs[i]).hypot(rows[i] - ys[i]));
                    assert!(cols[i].is_finite() && rows[i].is_finite());
                    n += 1;
                }
            }
        }
        (worst, n)
    }

    #[test]
    fn the_map_is_within_a_fiftieth_of_a_source_pixel_of_proj_at_any_zoom() {
        // A large source in each system, so that low zooms are strongly bent and shrink it a lot.
        let systems: [(&str, [f64; 6], (f64, f64)); 8] = [
            (
                "EPSG:32633",
                [166_000.0, 30.0, 0.0, 6_000_000.0, 0.0, -30.0],
                (15.0, 50.0),
            ),
            (
                "EPSG:4326",
                [-10.0, 0.001, 0.0, 60.0, 0.0, -0.001],
                (5.0, 52.0),
            ),
            (
                "EPSG:3035",
                [2_500_000.0, 100.0, 0.0, 5_500_000.0, 0.0, -100.0],
                (20.0, 48.0),
            ),
            (
                "EPSG:28992",
                [0.0, 10.0, 0.0, 640_000.0, 0.0, -10.0],
                (5.4, 52.1),
            ),
            (
                "EPSG:27700",
                [0.0, 30.0, 0.0, 1_200_000.0, 0.0, -30.0],
                (-2.0, 53.0),
            ),
            (
                "EPSG:3031",
                [-4_000_000.0, 200.0, 0.0, 4_000_000.0, 0.0, -200.0],
                (100.0, -75.0),
            ),
            (
                "EPSG:3413",
                [-4_000_000.0, 200.0, 0.0, 4_000_000.0, 0.0, -200.0],
                (-40.0, 75.0),
            ),
            (
                "EPSG:32660",
                [166_000.0, 30.0, 5.0, 6_000_000.0, 5.0, -30.0],
                (178.0, 52.0),
            ),
        ];
        for (crs, geotransform, (lon, lat)) in systems {
            let transform = source(crs, geotransform, 30_000, 30_000);
            for z in [0_u8, 1, 3, 5, 7, 9, 11, 13, 16] {
                let n = f64::from(1_u32 << z);
                let x = ((lon + 180.0) / 360.0 * n) as u32;
                let latitude = f64::to_radians(lat);
                let y = ((1.0 - latitude.tan().asinh() / std::f64::consts::PI) / 2.0 * n) as u32;
                for size in [64, 256, 512] {
                    let (worst, n) = worst(&transform, &web_mercator_tile(z, x, y), size, 30_000.0);
                    assert!(
                        worst <= 0.02,
                        "{crs} at {z}/{x}/{y}, {size} pixels: {worst}"
                    );
                    assert!(n > 0 || z < 2, "{crs} at {z}/{x}/{y}: nothing to compare");
                }
            }
        }
    }

    #[test]
    fn along_two_axes_the_map_is_what_a_grid_would_keep() {
        let wide = |west: f64, north: f64| [west, 0.02, 0.0, north, 0.0, -0.02];
        // Degrees, in 0..360 and south-up too, and both kinds of cylinders.
        let systems = [
            ("EPSG:4326", wide(-180.0, 90.0), 0),
            ("EPSG:4326", wide(0.0, 90.0), 1),
            ("OGC:CRS84", [-180.0, 0.02, 0.0, -90.0, 0.0, 0.02], 0),
            ("EPSG:3395", [-2e7, 2000.0, 0.0, 2e7, 0.0, -2000.0], 0),
            ("EPSG:4087", [-2e7, 2000.0, 0.0, 1e7, 0.0, -2000.0], 0),
        ];
        let (mut n_bent, mut n_linear) = (0, 0);
        for (crs, geotransform, turns) in systems {
            let transform = turned(crs, geotransform, (18_000, 9_000), turns);
            for (z, x, y) in [
                (0, 0, 0),
                (1, 0, 1),
                (3, 5, 2),
                (6, 12, 20),
                (7, 100, 1),
                (11, 1100, 700),
            ] {
                for size in [64, 128] {
                    let bounds = web_mercator_tile(z, x, y);
                    let map = TileMap::new(&transform, &bounds, size);
                    let Kind::Axes(..) = map.kind else {
                        panic!("{crs} at {z}/{x}/{y}: no two axes");
                    };
                    let grid = on_a_grid(&transform, &bounds, size);
                    for row in 0..size {
                        let rows = map.linear_rows(row);
                        assert_eq!(rows, grid.linear_rows(row));
                        n_bent += usize::from(rows == 1);
                        n_linear += usize::from(rows > 1);
                    }
                    assert!(farthest(&map, &grid) < 1e-8, "{crs} at {z}/{x}/{y}");
                }
            }
        }
        assert!(n_bent > 1000 && n_linear > 1000, "{n_bent} {n_linear}");
    }

    #[test]
    fn what_turns_or_tears_is_kept_on_a_grid() {
        let whole = [-180.0, 0.02, 0.0, 90.0, 0.0, -0.02];
        let sheared = [-180.0, 0.02, 1e-9, 90.0, 0.0, -0.02];
        let zone = [166_000.0, 30.0, 0.0, 6_000_000.0, 0.0, -30.0];
        let degrees = Crs::parse("EPSG:4326").unwrap();
        for (crs, geotransform) in [("EPSG:4326", sheared), ("EPSG:32633", zone)] {
            let map = TileMap::new(
                &source(crs, geotransform, 9000, 9000),
                &web_mercator_tile(5, 17, 11),
                256,
            );
            assert!(matches!(map.kind, Kind::Grid(_)), "{crs}");
        }
        // Half of the tile lies beyond the end of the Earth, whose places lead to the other end.
        let placement = Placement {
            crs: Crs::parse("EPSG:3857").unwrap(),
            georef: Georef::Affine(Affine([-2e7, 2000.0, 0.0, 2e7, 0.0, -2000.0])),
            width: 20_000,
            height: 20_000,
        };
        let beyond = Bounds::new(170.0, -10.0, 190.0, 10.0);
        let mut ways = Ways::within(&degrees, &beyond);
        let transform = PixelTransform::new(&mut ways, &placement, None, 0).unwrap();
        let map = TileMap::new(&transform, &beyond, 256);
        assert!(matches!(map.kind, Kind::Grid(_)), "torn");
        let map = TileMap::new(
            &source("EPSG:4326", whole, 9000, 9000),
            &web_mercator_tile(5, 17, 11),
            256,
        );
        assert!(
            matches!(map.kind, Kind::Axes(..)),
            "the same, neither turned nor torn"
        );
    }

    #[test]
    fn a_source_on_the_tiles_own_grid_is_a_shift_and_one_beside_it_is_not() {
        let size = 2.0 * WEB_MERCATOR_HALF / 256.0 / 256.0;
        let grid = |east: f64, scale: f64| {
            [
                -WEB_MERCATOR_HALF + east * size,
                size * scale,
                0.0,
                WEB_MERCATOR_HALF,
                0.0,
                -size * scale,
            ]
        };
        let shift = |geotransform| {
            TileMap::new(
                &source("EPSG:3857", geotransform, 4096, 4096),
                &web_mercator_tile(8, 2, 3),
                256,
            )
            .as_shift()
        };
        assert_eq!(shift(grid(0.0, 1.0)), Some((512, 768)));
        assert_eq!(
            shift(grid(256.0, 0.999_999_58)),
            Some((256, 768)),
            "rounded as files round it"
        );
        assert_eq!(
            shift(grid(0.02, 1.0)),
            None,
            "a fiftieth of a pixel off is off"
        );
        assert_eq!(shift(grid(0.0, 0.999)), None, "a little finer is finer");
    }

    #[test]
    fn a_hull_holds_all_corners_and_little_more() {
        // A UTM zone's own tiles, and some far west of it.
        let transform = source(
            "EPSG:32633",
            [3e5, 10.0, 0.0, 5.5e6, 0.0, -10.0],
            10_000,
            10_000,
        );
        for (z, x, y) in [
            (12, 2190, 1420),
            (9, 273, 177),
            (7, 68, 44),
            (11, 1094, 710),
        ] {
            let map = TileMap::new(&transform, &web_mercator_tile(z, x, y), 256);
            for (row, height) in [(0, 256), (0, 16), (5, 30), (240, 16), (255, 1)] {
                let Some(hull) = map.hull(row, height) else {
                    assert!(z < 11, "zoom {z} is linear");
                    continue;
                };
                let (mut cols, mut rows) = (vec![0.0; 257], vec![0.0; 257]);
                let mut exact = [(f64::INFINITY, f64::NEG_INFINITY); 2];
                for row in row..=row + height {
                    map.corners(row, &mut cols, &mut rows);
                    for (span, values) in exact.iter_mut().zip([&cols, &rows]) {
                        for &v in values {
                            *span = (span.0.min(v), span.1.max(v));
                        }
                    }
                }
                // Whole cells, so up to one more at both ends of the rows, whose pixels may be turned.
                let px = (cols[1] - cols[0]).hypot(rows[1] - rows[0]);
                let more = 2.0 * CELL_PX as f64 * px;
                for (hull, exact) in hull.into_iter().zip(exact) {
                    assert!(
                        hull.0 <= exact.0 + 1e-9 && hull.1 >= exact.1 - 1e-9,
                        "{hull:?} {exact:?}"
                    );
                    assert!(
                        hull.0 >= exact.0 - more && hull.1 <= exact.1 + more,
                        "{hull:?} {exact:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn centres_lie_between_corners() {
        let transform = source(
            "EPSG:32633",
            [166_000.0, 30.0, 0.0, 6_000_000.0, 0.0, -30.0],
            30_000,
            30_000,
        );
        let map = TileMap::new(&transform, &web_mercator_tile(9, 277, 173), 256);
        let (mut cols, mut rows) = (vec![0.0; 256], vec![0.0; 256]);
        let (mut upper, mut lower) = (
            (vec![0.0; 257], vec![0.0; 257]),
            (vec![0.0; 257], vec![0.0; 257]),
        );
        for row in 0..256 {
            map.centres(row, &mut cols, &mut rows);
            map.corners(row, &mut upper.0, &mut upper.1);
            map.corners(row + 1, &mut lower.0, &mut lower.1);
            for i in 0..256 {
                let middle = (
                    (upper.0[i] + lower.0[i + 1]) / 2.0,
                    (upper.1[i] + lower.1[i + 1]) / 2.0,
                );
                assert!(
                    (cols[i] - middle.0).hypot(rows[i] - middle.1) < 1e-3,
                    "pixel {i}, {row}"
                );
            }
        }
    }
}
