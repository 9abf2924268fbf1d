//! [`Axes`]: a map of which columns depend on x alone and rows on y alone, as between degrees and Mercator.
//!
//! Two lines of places then say what a square of them would. That is so little that these are PROJ's own, or as good: in a
//! picture with straight edges a row of pixels may lie within a thousandth of a pixel of where all of it rounds the other way.

use std::ops::Range;

use super::{Grid, is_close};
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
    /// One for each of the coarsest cells: whether [`Grid`] would not have it linear.
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
        let coarse = (
            &grid.cols[..n],
            grid.rows.iter().step_by(n).copied().collect::<Vec<_>>(),
        );
        let is_bent = |line: &[f64]| {
            (0..n - 1)
                .step_by(2)
                .any(|k| !is_smooth([line[k], line[k + 1], line[k + 2]], grid.cell))
        };
        if !is_bent(coarse.0) && !is_bent(&coarse.1) {
            return Some(Self {
                cols: Line::through(coarse.0, grid.cell),
                rows: Line::through(&coarse.1, grid.cell),
            });
        }
        let place = |k: usize| tile.apply(k as f64 / 2.0, k as f64 / 2.0);
        let (mut cols, mut rows): (Vec<f64>, Vec<f64>) =
            (0..=(n - 1) * grid.cell).map(place).unzip();
        transform.to_source(&mut cols, &mut rows);
        if !cols.iter().chain(&rows).all(|v| v.is_finite()) {
            return None;
        }
        Some(Self {
            cols: Line::of_all(cols, grid.cell)?,
            rows: Line::of_all(rows, grid.cell)?,
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

    /// As [`TileMap::hull`](super::TileMap::hull).
    pub(super) fn hull(&self, cols: Range<usize>, rows: Range<usize>) -> Option<[(f64, f64); 2]> {
        let span = |line: &Line, px: Range<usize>| {
            let mut span = (f64::INFINITY, f64::NEG_INFINITY);
            for &v in &line.values[2 * px.start..=2 * px.end] {
                span = (span.0.min(v), span.1.max(v));
            }
            let finite = span.0.is_finite() && span.1.is_finite();
            finite.then_some(span)
        };
        Some([span(&self.cols, cols)?, span(&self.rows, rows)?])
    }

    /// Whether the map is linear along each column in a row of the coarsest cells.
    pub(super) fn is_linear(&self, cell_row: usize) -> bool {
        !self.rows.bent[cell_row]
    }
}

impl Line {
    /// Of the exact places at every half pixel. `None` where the line is torn.
    fn of_all(exact: Vec<f64>, cell: usize) -> Option<Self> {
        let line = Self::new(exact, cell);
        let torn = |cell_index: usize| {
            let first = cell_index * cell;
            (first..first + cell)
                .step_by(2)
                .any(|first| leaps(&line.values, first, 1))
        };
        let is_torn = (0..line.bent.len()).any(|k| line.bent[k] && torn(k));
        (!is_torn).then_some(line)
    }

    /// Of points `cell` half pixels apart, between which nothing is bent: a cubic through the two on either side. A line that
    /// would do for [`Grid`] is off by 0.002 pixels, this by a hundred-thousandth of that, and what it costs is not PROJ's.
    fn through(points: &[f64], cell: usize) -> Self {
        let last = points.len() - 1;
        let mut values = Vec::with_capacity(last * cell + 1);
        for k in 0..last {
            // At the ends the two on one side are farther off.
            let first = k.saturating_sub(1).min(last - 3);
            let four = &points[first..first + 4];
            let from = (k - first) as f64;
            values.extend((0..cell).map(|i| cubic(four, from + i as f64 / cell as f64)));
        }
        values.extend(points.last());
        Self::new(values, cell)
    }

    fn new(values: Vec<f64>, cell: usize) -> Self {
        let pairs = (0..values.len() - 1).step_by(2 * cell);
        let bent = pairs.flat_map(|first| {
            let three = [first, first + cell, first + 2 * cell].map(|k| values[k]);
            [!is_smooth(three, cell); 2]
        });
        Self {
            bent: bent.collect(),
            values,
        }
    }
}

/// The cubic through four points at 0, 1, 2 and 3 (Lagrange's), at `t`. At these it is what they are.
fn cubic(points: &[f64], t: f64) -> f64 {
    let [a, b, c, d] = [t, t - 1.0, t - 2.0, t - 3.0];
    points[0] * (b * c * d / -6.0)
        + points[1] * (a * c * d / 2.0)
        + points[2] * (a * b * d / -2.0)
        + points[3] * (a * b * c / 6.0)
}

/// Whether two cells, each of `cell` half pixels, are linear enough, by what the point between them says of both as one.
fn is_smooth([from, middle, to]: [f64; 3], cell: usize) -> bool {
    is_close(middle, (from + to) / 2.0, (to - from).abs() / cell as f64)
}

/// Whether the middle of three points is not about halfway.
fn leaps(line: &[f64], first: usize, step: usize) -> bool {
    let (from, middle, to) = (line[first], line[first + step], line[first + 2 * step]);
    let bend = (from - 2.0 * middle + to).abs();
    bend.is_nan() || bend > (to - from).abs() / 2.0
}
