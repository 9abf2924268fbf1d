//! [`Axes`]: a map of which columns depend on x alone and rows on y alone, as between degrees and Mercator.
//!
//! Two lines of places then say what a square of them would: where the coarsest cells are bent, PROJ is asked once, at every
//! half pixel along the tile's diagonal. What lies between points is kept by the same rules as in [`Grid`], and is the same.

use super::{FINE, Grid, is_close};
use crate::geo::affine::Affine;
use crate::geo::transform::PixelTransform;

/// Places along both axes of a tile.
pub(super) struct Axes {
    cols: Line,
    rows: Line,
}

/// Columns along x or rows along y, at every half pixel from one end of the tile to the other.
struct Line {
    values: Vec<f64>,
    /// One for each of the coarsest cells: whether it is not linear.
    bent: Vec<bool>,
}

impl Axes {
    /// The map whose coarsest points are those of `grid`. `None` where one axis depends on both, and where the map is torn or
    /// has no image.
    pub(super) fn new(transform: &PixelTransform, tile: &Affine, grid: &Grid) -> Option<Self> {
        let n = grid.n;
        // To the last bit: nothing less tells that it is so between these points.
        let apart = (0..n * n)
            .all(|k| grid.cols[k] == grid.cols[k % n] && grid.rows[k] == grid.rows[k / n * n]);
        if !apart {
            return None;
        }
        let last = (n - 1) * grid.cell;
        let (mut cols, mut rows) = (vec![f64::NAN; last + 1], vec![f64::NAN; last + 1]);
        for k in 0..n {
            (cols[k * grid.cell], rows[k * grid.cell]) = (grid.cols[k], grid.rows[k * n]);
        }
        let is_bent = |line: &[f64]| {
            (0..last)
                .step_by(2 * grid.cell)
                .any(|first| !is_smooth(line, first, grid.cell))
        };
        if is_bent(&cols) || is_bent(&rows) {
            let place = |k: usize| tile.apply(k as f64 / 2.0, k as f64 / 2.0);
            (cols, rows) = (0..=last).map(place).unzip();
            transform.to_source(&mut cols, &mut rows);
            if !cols.iter().chain(&rows).all(|v| v.is_finite()) {
                return None;
            }
        }
        Some(Self {
            cols: Line::new(&cols, grid.cell)?,
            rows: Line::new(&rows, grid.cell)?,
        })
    }

    /// As [`Grid::line`].
    pub(super) fn line(
        &self,
        half_row: usize,
        half_col: usize,
        cols: &mut [f64],
        rows: &mut [f64],
    ) {
        let exact = self.cols.values[half_col..].iter().step_by(2);
        cols.iter_mut()
            .zip(exact)
            .for_each(|(v, exact)| *v = *exact);
        rows.fill(self.rows.values[half_row]);
    }

    /// Whether the map is linear along each column in a row of the coarsest cells.
    pub(super) fn is_linear(&self, cell_row: usize) -> bool {
        !self.rows.bent[cell_row]
    }
}

impl Line {
    /// Between points of `exact` `cell` half pixels apart, or fewer where it is bent. `None` where it is torn.
    fn new(exact: &[f64], cell: usize) -> Option<Self> {
        let last = exact.len() - 1;
        let mut line = Self {
            values: vec![0.0; exact.len()],
            bent: vec![false; last / cell],
        };
        for first in (0..last).step_by(2 * cell) {
            let bent = line.lay_pair(exact, first, cell)?;
            line.bent[first / cell] = bent;
            line.bent[first / cell + 1] = bent;
        }
        Some(line)
    }

    /// Two cells from `first` on. Whether they are bent; `None` where they are torn.
    fn lay_pair(&mut self, exact: &[f64], first: usize, cell: usize) -> Option<bool> {
        let bent = !is_smooth(exact, first, cell);
        for first in [first, first + cell] {
            if bent {
                self.lay_bent(exact, first, cell)?;
            } else {
                self.lay_linear(exact, first, cell);
            }
        }
        Some(bent)
    }

    fn lay_bent(&mut self, exact: &[f64], first: usize, cell: usize) -> Option<()> {
        let finer = if cell > FINE { FINE } else { cell / 2 };
        if cell <= FINE && leaps(exact, first, finer) {
            return None;
        }
        if finer == 1 {
            self.values[first..=first + cell].copy_from_slice(&exact[first..=first + cell]);
            return Some(());
        }
        for first in (first..first + cell).step_by(2 * finer) {
            self.lay_pair(exact, first, finer)?;
        }
        Some(())
    }

    fn lay_linear(&mut self, exact: &[f64], first: usize, cell: usize) {
        let (from, to) = (exact[first], exact[first + cell]);
        // Its last point is that of the next cell, where there is one.
        for (k, value) in self.values[first..=first + cell].iter_mut().enumerate() {
            *value = from + (to - from) * (k as f64 / cell as f64);
        }
    }
}

/// Whether two cells are linear enough, by what the point between them says of both as one.
fn is_smooth(line: &[f64], first: usize, cell: usize) -> bool {
    let (from, middle, to) = (line[first], line[first + cell], line[first + 2 * cell]);
    is_close(middle, (from + to) / 2.0, (to - from).abs() / cell as f64)
}

/// Whether the middle of three points is not about halfway.
fn leaps(line: &[f64], first: usize, step: usize) -> bool {
    let (from, middle, to) = (line[first], line[first + step], line[first + 2 * step]);
    let bend = (from - 2.0 * middle + to).abs();
    bend.is_nan() || bend > (to - from).abs() / 2.0
}
