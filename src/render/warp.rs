//! One source onto one tile: [`warp`].

use super::level;
use crate::error::{Error, Kind, Result};
use crate::geo::transform::map::TileMap;
use crate::raster::Raster;
use crate::raster::kernel::Resampling;
use crate::raster::resample::{Places, Sampler};
use crate::source::{Source, SourceInfo, Window};

/// How much of a source is read at once. None of it changes a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WindowLimits {
    /// A tile that needs more pixels than these, because it shrinks a source without overviews a lot, is made in pieces.
    usual_px: usize,
    /// The most that is read for a single pixel of a tile.
    most_px: usize,
}

impl Default for WindowLimits {
    /// 64 MB as RGB with a mask; for a single pixel 1 GB.
    fn default() -> Self {
        Self {
            usual_px: 1 << 24,
            most_px: 1 << 28,
        }
    }
}

impl super::Renderer<'_> {
    /// Has windows of at most `usual_px` pixels read at once, and of at most `most_px` for a single pixel of a tile that
    /// cannot be made of less. Changes no pixel.
    #[must_use]
    pub fn with_windows(mut self, usual_px: usize, most_px: usize) -> Self {
        self.scratch.limits = WindowLimits { usual_px, most_px };
        self
    }
}

/// Tile pixels located at once: all of a tile of 256, a strip of a larger one. Two places each are 2 MB.
const STRIP_PX: usize = 1 << 16;

/// Where the pixels of a strip of the tile lie in the chosen level of the source. Kept between tiles.
#[derive(Default)]
pub(super) struct Scratch {
    limits: WindowLimits,
    /// The strip's first row in the tile.
    first_row: usize,
    cols: Vec<f64>,
    rows: Vec<f64>,
    corner_cols: Vec<f64>,
    corner_rows: Vec<f64>,
    line: Line,
}

/// A row of the tile in the coordinates of a window.
#[derive(Default)]
struct Line {
    cols: Vec<f64>,
    rows: Vec<f64>,
    upper: (Vec<f64>, Vec<f64>),
    lower: (Vec<f64>, Vec<f64>),
}

/// A rectangle of the tile's pixels.
#[derive(Clone, Copy)]
struct Rect {
    col: usize,
    row: usize,
    width: usize,
    height: usize,
}

impl Rect {
    /// The rectangle cut in four, or in two where it is one pixel wide or high.
    fn quarters(self) -> impl Iterator<Item = Self> {
        let (w, h) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let halves = [(0, 0), (w, 0), (0, h), (w, h)];
        let piece = move |(col, row): (usize, usize)| Self {
            col: self.col + col,
            row: self.row + row,
            width: w.min(self.width - col),
            height: h.min(self.height - row),
        };
        halves
            .into_iter()
            .map(piece)
            .filter(|piece| piece.width > 0 && piece.height > 0)
    }
}

/// What `source` has to show in the tile that `map` is for; `None` when that is nothing.
pub(super) fn warp(
    source: &dyn Source,
    map: &TileMap,
    resampling: Resampling,
    scratch: &mut Scratch,
) -> Result<Option<Raster>> {
    let info = source.info();
    let size = map.size_px();
    // A cubic B-spline smooths even where pixels lie on pixels; all other kernels leave them alone.
    let smooths = resampling == Resampling::CubicSpline;
    if let Some((col, row)) = map.as_shift().filter(|_| !smooths) {
        return copy(source, size, col, row);
    }
    let scale = map.scale(info.placement.width, info.placement.height);
    let level = level::best(&info.levels, scale);
    let (full, chosen) = (info.levels[0], info.levels[level]);
    let shrink = (
        chosen.width as f64 / full.width as f64,
        chosen.height as f64 / full.height as f64,
    );
    let scale = (scale.0 * shrink.0, scale.1 * shrink.1);
    // A kernel wider than the whole source weighs all of it nearly alike; wider still changes nothing but its cost.
    let scale = (
        scale.0.min(chosen.width as f64 + 1.0),
        scale.1.min(chosen.height as f64 + 1.0),
    );
    let sampler = Sampler::new(resampling, scale, info.mask, info.palette);
    let mut tile = Raster::empty(size, size, info.bands, info.sample_type);
    let task = Task {
        source,
        level,
        sampler: &sampler,
        reach: (resampling.reach(scale.0), resampling.reach(scale.1)),
        size,
    };
    let rows = (STRIP_PX / size).max(1);
    for row in (0..size).step_by(rows) {
        let strip = Rect {
            col: 0,
            row,
            width: size,
            height: rows.min(size - row),
        };
        scratch.locate(map, info, shrink, strip, sampler.needs_corners());
        task.fill(strip, scratch, &mut tile)?;
    }
    Ok((!tile.is_empty()).then_some(tile))
}

/// The tile is a window of the source, pixel by pixel.
fn copy(source: &dyn Source, size: usize, col: i64, row: i64) -> Result<Option<Raster>> {
    let info = source.info();
    let (west, north) = (col.max(0), row.max(0));
    let east = (col + size as i64).min(info.placement.width as i64);
    let south = (row + size as i64).min(info.placement.height as i64);
    if west >= east || north >= south {
        return Ok(None);
    }
    let window = Window {
        col: west as usize,
        row: north as usize,
        width: (east - west) as usize,
        height: (south - north) as usize,
    };
    let pixels = source.read(0, window)?;
    if pixels.is_empty() {
        return Ok(None);
    }
    if window.width == size && window.height == size {
        return Ok(Some(pixels));
    }
    let mut tile = Raster::empty(size, size, info.bands, info.sample_type);
    tile.paint_under(&pixels, (west - col) as usize, (north - row) as usize);
    Ok(Some(tile))
}

impl Scratch {
    /// Finds where every pixel of `strip`, as wide as the tile, lies in the level that is `shrink` times the full size. A
    /// pixel whose centre falls outside the source becomes NaN.
    fn locate(
        &mut self,
        map: &TileMap,
        info: &SourceInfo,
        shrink: (f64, f64),
        strip: Rect,
        corners: bool,
    ) {
        let size = map.size_px();
        self.first_row = strip.row;
        self.cols.resize(size * strip.height, 0.0);
        self.rows.resize(size * strip.height, 0.0);
        let (width, height) = (info.placement.width as f64, info.placement.height as f64);
        // A hair beyond the edge is rounding.
        const HAIR: f64 = 1e-9;
        let lines = self
            .cols
            .chunks_exact_mut(size)
            .zip(self.rows.chunks_exact_mut(size));
        for (row, (cols, rows)) in lines.enumerate() {
            map.centres(strip.row + row, cols, rows);
            for (c, r) in cols.iter_mut().zip(rows) {
                let inside =
                    *c >= -HAIR && *c <= width + HAIR && *r >= -HAIR && *r <= height + HAIR;
                (*c, *r) = if inside {
                    (*c * shrink.0, *r * shrink.1)
                } else {
                    (f64::NAN, f64::NAN)
                };
            }
        }
        if !corners {
            return;
        }
        let n = size + 1;
        self.corner_cols.resize(n * (strip.height + 1), 0.0);
        self.corner_rows.resize(n * (strip.height + 1), 0.0);
        let lines = self
            .corner_cols
            .chunks_exact_mut(n)
            .zip(self.corner_rows.chunks_exact_mut(n));
        for (row, (cols, rows)) in lines.enumerate() {
            map.corners(strip.row + row, cols, rows);
            cols.iter_mut().for_each(|c| *c *= shrink.0);
            rows.iter_mut().for_each(|r| *r *= shrink.1);
        }
    }
}

impl Scratch {
    /// Puts one row of `rect` into `line`, in the coordinates of `window`. `size` is the tile's.
    fn take_line(&mut self, rect: Rect, window: Window, corners: bool, size: usize) {
        let (west, north) = (window.col as f64, window.row as f64);
        let row = rect.row - self.first_row;
        let line = &mut self.line;
        let centres = row * size + rect.col..row * size + rect.col + rect.width;
        shift(&mut line.cols, &self.cols[centres.clone()], west);
        shift(&mut line.rows, &self.rows[centres], north);
        if corners {
            let n = size + 1;
            let upper = row * n + rect.col..=row * n + rect.col + rect.width;
            let lower = upper.start() + n..=upper.end() + n;
            shift(&mut line.upper.0, &self.corner_cols[upper.clone()], west);
            shift(&mut line.upper.1, &self.corner_rows[upper], north);
            shift(&mut line.lower.0, &self.corner_cols[lower.clone()], west);
            shift(&mut line.lower.1, &self.corner_rows[lower], north);
        }
    }
}

/// What all pieces of a tile have in common.
struct Task<'a> {
    source: &'a dyn Source,
    level: usize,
    sampler: &'a Sampler,
    reach: (f64, f64),
    size: usize,
}

impl Task<'_> {
    /// Fills `rect` of the tile, in quarters when its window of the source is too large to be read at once. What a pixel
    /// becomes does not depend on how it was cut.
    fn fill(&self, rect: Rect, scratch: &mut Scratch, tile: &mut Raster) -> Result<()> {
        let Some(window) = self.window(rect, scratch) else {
            return Ok(());
        };
        if window.width * window.height > scratch.limits.usual_px
            && (rect.width > 1 || rect.height > 1)
        {
            for piece in rect.quarters() {
                self.fill(piece, scratch, tile)?;
            }
            return Ok(());
        }
        if window.width * window.height > scratch.limits.most_px {
            return Err(self.too_much(window));
        }
        let pixels = self.source.read(self.level, window)?;
        if pixels.is_empty() {
            return Ok(());
        }
        for row in rect.row..rect.row + rect.height {
            scratch.take_line(
                Rect {
                    row,
                    height: 1,
                    ..rect
                },
                window,
                self.sampler.needs_corners(),
                self.size,
            );
            let line = &scratch.line;
            let places = Places {
                cols: &line.cols,
                rows: &line.rows,
                upper: (&line.upper.0, &line.upper.1),
                lower: (&line.lower.0, &line.lower.1),
            };
            self.sampler
                .sample_row(&pixels, &places, tile, row, rect.col);
        }
        Ok(())
    }

    fn too_much(&self, window: Window) -> Error {
        let Window { width, height, .. } = window;
        let name = &self.source.info().name;
        let found = format!(
            "{name}: {width} x {height} of its pixels fall into one pixel of a tile; expected overviews, or a higher zoom"
        );
        let help = if self.source.outlines().len() > 1 {
            "--min-zoom and --max-zoom nearer to the sources' own resolution, or more --memory"
                .into()
        } else {
            format!("gdaladdo '{name}', or more --memory")
        };
        Error::new(Kind::Resources, found).with_help(help)
    }

    /// The window of the level that holds everything the pixels of `rect` are made of.
    fn window(&self, rect: Rect, scratch: &Scratch) -> Option<Window> {
        let rect = Rect {
            row: rect.row - scratch.first_row,
            ..rect
        };
        let level = self.source.info().levels[self.level];
        let (cols, rows) = if self.sampler.needs_corners() {
            let n = self.size + 1;
            (
                span(&scratch.corner_cols, n, rect, 1)?,
                span(&scratch.corner_rows, n, rect, 1)?,
            )
        } else {
            (
                span(&scratch.cols, self.size, rect, 0)?,
                span(&scratch.rows, self.size, rect, 0)?,
            )
        };
        let (col, col_end) = cut(cols, self.reach.0, level.width)?;
        let (row, row_end) = cut(rows, self.reach.1, level.height)?;
        Some(Window {
            col,
            row,
            width: col_end - col,
            height: row_end - row,
        })
    }
}

fn shift(to: &mut Vec<f64>, from: &[f64], by: f64) {
    to.clear();
    to.extend(from.iter().map(|v| v - by));
}

/// The smallest and the largest finite value in `rect` (and `extra` more columns and rows) of a grid `stride` wide.
fn span(values: &[f64], stride: usize, rect: Rect, extra: usize) -> Option<(f64, f64)> {
    let mut span: Option<(f64, f64)> = None;
    for row in rect.row..rect.row + rect.height + extra {
        let start = row * stride + rect.col;
        for &v in &values[start..start + rect.width + extra] {
            if v.is_finite() {
                span = Some(span.map_or((v, v), |(low, high)| (low.min(v), high.max(v))));
            }
        }
    }
    span
}

/// The whole pixels around a span, `reach` more on each side, as far as they lie within `0..size`.
fn cut((low, high): (f64, f64), reach: f64, size: usize) -> Option<(usize, usize)> {
    let first = (low - reach).floor().max(0.0);
    let end = (high + reach).ceil().min(size as f64);
    (first < end).then_some((first as usize, end as usize))
}
