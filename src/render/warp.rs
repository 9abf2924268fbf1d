//! One source onto one tile: [`warp`].

use super::level;
use crate::error::{Error, Kind, Result};
use crate::geo::transform::map::TileMap;
use crate::raster::Raster;
use crate::raster::kernel::Resampling;
use crate::raster::resample::{Places, Sampler};
use crate::source::{Source, SourceInfo, Window, read_across};

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

/// Tile pixels located at once: all of a tile of 256, a strip of a larger one. Three places each are 3 MB.
const STRIP_PX: usize = 1 << 16;

/// Where the pixels of a strip of the tile lie in the chosen level of the source. Kept between tiles.
#[derive(Default)]
pub(super) struct Scratch {
    limits: WindowLimits,
    /// The strip's first row in the tile.
    first_row: usize,
    /// Of all pixels.
    pixels: Located,
    /// One row of them in the coordinates of a window.
    line: Located,
    /// The corners along the upper and the lower edge of a row.
    edges: [(Vec<f64>, Vec<f64>); 2],
}

/// Columns and rows of pixels' centres and, where a kernel asks for them, of their upper left and lower right corners.
#[derive(Default)]
struct Located {
    centre: (Vec<f64>, Vec<f64>),
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

/// Source pixels that are rounding, beyond an edge.
const HAIR: f64 = 1e-9;

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
        // The tile is a window of the source, pixel by pixel.
        let tile = read_across(source, 0, (col, row), (size, size))?;
        return Ok(tile.filter(|tile| !tile.is_empty()));
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
        // Nearest looks at nothing beside the centre, which lies in the source.
        closes: resampling != Resampling::Nearest && map.closes(info.placement.width),
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
        let (width, height) = (info.placement.width as f64, info.placement.height as f64);
        let size = map.size_px();
        self.first_row = strip.row;
        let centre = &mut self.pixels.centre;
        resize(centre, size * strip.height);
        for (row, start) in (0..size * strip.height).step_by(size).enumerate() {
            let line = start..start + size;
            map.centres(
                strip.row + row,
                &mut centre.0[line.clone()],
                &mut centre.1[line],
            );
        }
        if corners {
            self.locate_corners(map, width, shrink, strip);
        }
        let centre = &mut self.pixels.centre;
        for (c, r) in centre.0.iter_mut().zip(&mut centre.1) {
            let inside = *c >= -HAIR && *c <= width + HAIR && *r >= -HAIR && *r <= height + HAIR;
            (*c, *r) = if inside {
                (*c * shrink.0, *r * shrink.1)
            } else {
                (f64::NAN, f64::NAN)
            };
        }
    }

    /// The corners of the pixels of `strip`, whose centres are located, at full resolution.
    fn locate_corners(&mut self, map: &TileMap, width: f64, shrink: (f64, f64), strip: Rect) {
        let size = map.size_px();
        let closes = map.closes(width as usize);
        let Located {
            centre,
            upper,
            lower,
        } = &mut self.pixels;
        resize(upper, size * strip.height);
        resize(lower, size * strip.height);
        for (row, start) in (0..size * strip.height).step_by(size).enumerate() {
            for (edge, (cols, rows)) in self.edges.iter_mut().enumerate() {
                cols.resize(size + 1, 0.0);
                rows.resize(size + 1, 0.0);
                map.corners(strip.row + row + edge, cols, rows);
            }
            let [above, below] = &self.edges;
            for i in 0..size {
                let k = start + i;
                let centre = (centre.0[k], centre.1[k]);
                // Of a source that closes each place is in it once, by its centre.
                if closes && !(centre.0 >= -HAIR && centre.0 <= width + HAIR) {
                    for place in [&mut *upper, &mut *lower] {
                        (place.0[k], place.1[k]) = (f64::NAN, f64::NAN);
                    }
                    continue;
                }
                let place = map.beside(centre, (above.0[i], above.1[i]));
                (upper.0[k], upper.1[k]) = (place.0 * shrink.0, place.1 * shrink.1);
                let place = map.beside(centre, (below.0[i + 1], below.1[i + 1]));
                (lower.0[k], lower.1[k]) = (place.0 * shrink.0, place.1 * shrink.1);
            }
        }
    }

    /// Puts one row of `rect` into `line`, in the coordinates of `window`. `size` is the tile's.
    fn take_line(&mut self, rect: Rect, window: Cutout, corners: bool, size: usize) {
        let start = (rect.row - self.first_row) * size + rect.col;
        let pixels = start..start + rect.width;
        let take = |to: &mut (Vec<f64>, Vec<f64>), from: &(Vec<f64>, Vec<f64>)| {
            shift(&mut to.0, &from.0[pixels.clone()], window.col as f64);
            shift(&mut to.1, &from.1[pixels.clone()], window.row as f64);
        };
        take(&mut self.line.centre, &self.pixels.centre);
        if corners {
            take(&mut self.line.upper, &self.pixels.upper);
            take(&mut self.line.lower, &self.pixels.lower);
        }
    }
}

fn resize((cols, rows): &mut (Vec<f64>, Vec<f64>), n: usize) {
    cols.resize(n, 0.0);
    rows.resize(n, 0.0);
}

/// What all pieces of a tile have in common.
struct Task<'a> {
    source: &'a dyn Source,
    level: usize,
    sampler: &'a Sampler,
    reach: (f64, f64),
    /// Whether an area or a kernel that ends beyond the last column goes on at the first, and the other way round.
    closes: bool,
    size: usize,
}

/// A rectangle of a level of the source. Its columns may be beyond the ends of one that closes.
#[derive(Clone, Copy)]
struct Cutout {
    col: isize,
    row: usize,
    width: usize,
    height: usize,
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
        let pixels = self.read(window)?;
        if pixels.is_empty() {
            return Ok(());
        }
        let mut over = self.sampler.over(&pixels);
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
                cols: &line.centre.0,
                rows: &line.centre.1,
                upper: (&line.upper.0, &line.upper.1),
                lower: (&line.lower.0, &line.lower.1),
            };
            over.sample_row(&places, tile, row, rect.col);
        }
        Ok(())
    }

    fn too_much(&self, window: Cutout) -> Error {
        let Cutout { width, height, .. } = window;
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

    /// The pixels of `cutout`, in as many pieces as it takes to go round the Earth.
    fn read(&self, cutout: Cutout) -> Result<Raster> {
        let Cutout {
            col,
            row,
            width,
            height,
        } = cutout;
        let level_width = self.source.info().levels[self.level].width;
        let piece = |col: usize, width: usize| {
            let window = Window {
                col,
                row,
                width,
                height,
            };
            self.source.read(self.level, window)
        };
        if let Some(col) = usize::try_from(col)
            .ok()
            .filter(|col| col + width <= level_width)
        {
            return piece(col, width);
        }
        let info = self.source.info();
        let mut pixels = Raster::empty(width, height, info.bands, info.sample_type);
        let mut done = 0;
        while done < width {
            let from = (col + done as isize).rem_euclid(level_width as isize) as usize;
            let n = (width - done).min(level_width - from);
            pixels.paint_under(&piece(from, n)?, done, 0);
            done += n;
        }
        Ok(pixels)
    }

    /// The part of the level that holds everything the pixels of `rect` are made of.
    fn window(&self, rect: Rect, scratch: &Scratch) -> Option<Cutout> {
        let rect = Rect {
            row: rect.row - scratch.first_row,
            ..rect
        };
        let level = self.source.info().levels[self.level];
        let pixels = &scratch.pixels;
        let lists = match self.sampler.needs_corners() {
            true => [&pixels.upper, &pixels.lower],
            false => [&pixels.centre, &pixels.centre],
        };
        let cols = span(lists.map(|(cols, _)| cols.as_slice()), self.size, rect)?;
        let rows = span(lists.map(|(_, rows)| rows.as_slice()), self.size, rect)?;
        let (width, height) = (level.width as isize, level.height as isize);
        let beyond = if self.closes { width } else { 0 };
        let (col, col_end) = cut(cols, self.reach.0, (-beyond, width + beyond))?;
        let (row, row_end) = cut(rows, self.reach.1, (0, height))?;
        Some(Cutout {
            col,
            row: row as usize,
            width: (col_end - col) as usize,
            height: (row_end - row) as usize,
        })
    }
}

fn shift(to: &mut Vec<f64>, from: &[f64], by: f64) {
    to.clear();
    to.extend(from.iter().map(|v| v - by));
}

/// The smallest and the largest finite value in `rect` of two grids `stride` wide.
fn span(grids: [&[f64]; 2], stride: usize, rect: Rect) -> Option<(f64, f64)> {
    let mut span: Option<(f64, f64)> = None;
    for values in grids {
        for row in rect.row..rect.row + rect.height {
            let start = row * stride + rect.col;
            for &v in values[start..start + rect.width]
                .iter()
                .filter(|v| v.is_finite())
            {
                span = Some(span.map_or((v, v), |(low, high)| (low.min(v), high.max(v))));
            }
        }
    }
    span
}

/// The whole pixels around a span, `reach` more on each side, as far as they lie within the range `from..end`.
fn cut((low, high): (f64, f64), reach: f64, (from, end): (isize, isize)) -> Option<(isize, isize)> {
    let first = (low - reach).floor().max(from as f64);
    let end = (high + reach).ceil().min(end as f64);
    (first < end).then_some((first as isize, end as isize))
}
