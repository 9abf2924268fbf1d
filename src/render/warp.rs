//! One source onto one tile: [`warp`].

use std::time::Instant;

use super::level;
use super::lines::{Lines, Way};
use super::trace::{Read, Reading};
use crate::error::{Error, Kind, Result};
use crate::geo::transform::map::TileMap;
use crate::raster::Raster;
use crate::raster::kernel::Resampling;
use crate::raster::resample::Sampler;
use crate::source::{Level, Source, Window, read_across};

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

/// Tile pixels made of one window, if it is not too large: all of a tile of 256, a strip of a larger one.
const STRIP_PX: usize = 1 << 16;

/// Kept between tiles.
#[derive(Default)]
pub(super) struct Scratch {
    limits: WindowLimits,
    lines: Lines,
    /// Where what is read is taken down, if it is.
    pub(super) reading: Option<Reading>,
}

impl Scratch {
    /// Takes down, if that is wanted, which level is read, how much the tile shrinks the source and the level, and what of the level
    /// a pixel is made of.
    fn choose(&mut self, level: usize, scales: ((f64, f64), (f64, f64)), support_px: (f64, f64)) {
        let Some(reading) = &mut self.reading else {
            return;
        };
        reading.read = Some(Read {
            level,
            scale: scales.0,
            level_scale: scales.1,
            support_px,
            col: 0,
            row: 0,
            width: 0,
            height: 0,
            pieces: 0,
        });
    }

    /// What `read` gives for `piece`, taken down if that is wanted.
    fn read<T>(&mut self, piece: Cutout, read: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(reading) = &mut self.reading else {
            return read();
        };
        reading.piece(piece);
        let started = Instant::now();
        let read = read();
        reading.spent += started.elapsed();
        read
    }
}

/// A rectangle of the tile's pixels.
#[derive(Clone, Copy)]
pub(super) struct Rect {
    pub(super) col: usize,
    pub(super) row: usize,
    pub(super) width: usize,
    pub(super) height: usize,
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

/// The middle of a tile, which is all that is wanted of it.
#[derive(Clone, Copy)]
pub(super) struct Middle<'a> {
    pub(super) map: &'a TileMap,
    /// Pixels along each side of the tile that are not wanted.
    pub(super) unseen_px: usize,
}

impl Middle<'_> {
    /// Pixels a side.
    pub(super) fn size_px(&self) -> usize {
        self.map.size_px() - 2 * self.unseen_px
    }
}

/// What `source` has to show in the middle of a tile; `None` when that is nothing.
pub(super) fn warp(
    source: &dyn Source,
    middle: Middle,
    resampling: Resampling,
    scratch: &mut Scratch,
) -> Result<Option<Raster>> {
    let info = source.info();
    let Middle { map, unseen_px } = middle;
    let size = middle.size_px();
    // A cubic B-spline smooths even where pixels lie on pixels; all other kernels leave them alone.
    let smooths = resampling == Resampling::CubicSpline;
    if let Some((col, row)) = map.as_shift().filter(|_| !smooths) {
        // The tile is a window of the source, pixel by pixel.
        let unseen = unseen_px as i64;
        let first = (col + unseen, row + unseen);
        let tile = match overlap(first, size, info.levels[0]) {
            None => None,
            Some(piece) => {
                scratch.choose(0, ((1.0, 1.0), (1.0, 1.0)), (1.0, 1.0));
                scratch.read(piece, || read_across(source, 0, first, (size, size)))?
            }
        };
        return Ok(tile.filter(|tile| !tile.is_empty()));
    }
    let full_scale = map.scale(info.placement.width, info.placement.height);
    let scale = full_scale;
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
    let support = (resampling.support(scale.0), resampling.support(scale.1));
    scratch.choose(level, (full_scale, scale), support);
    let sampler = Sampler::new(resampling, scale, info.mask, info.palette);
    let mut tile = Raster::empty(size, size, info.bands, info.sample_type);
    let task = Task {
        source,
        level,
        sampler: &sampler,
        way: Way::new(middle, info, shrink, sampler.needs_corners()),
        reach: (resampling.reach(scale.0), resampling.reach(scale.1)),
        // Nearest looks at nothing beside the centre, which lies in the source.
        closes: resampling != Resampling::Nearest && map.closes(info.placement.width),
    };
    let rows = (STRIP_PX / size).max(1);
    for row in (0..size).step_by(rows) {
        let strip = Rect {
            col: 0,
            row,
            width: size,
            height: rows.min(size - row),
        };
        task.fill(strip, scratch, &mut tile)?;
    }
    Ok((!tile.is_empty()).then_some(tile))
}

/// What all pieces of a tile have in common.
struct Task<'a> {
    source: &'a dyn Source,
    level: usize,
    sampler: &'a Sampler,
    way: Way<'a>,
    reach: (f64, f64),
    /// Whether an area or a kernel that ends beyond the last column goes on at the first, and the other way round.
    closes: bool,
}

/// A rectangle of a level of the source. Its columns may be beyond the ends of one that closes.
#[derive(Clone, Copy)]
pub(super) struct Cutout {
    pub(super) col: isize,
    pub(super) row: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Task<'_> {
    /// Fills `rect` of the tile, in quarters when its window of the source is too large to be read at once. What a pixel
    /// becomes does not depend on how it was cut.
    fn fill(&self, rect: Rect, scratch: &mut Scratch, tile: &mut Raster) -> Result<()> {
        let Some((window, inside)) = self.window(rect, &mut scratch.lines) else {
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
        let pixels = scratch.read(window, || self.read(window))?;
        if pixels.is_empty() {
            return Ok(());
        }
        let mut over = self.sampler.over(&pixels);
        let origin = (window.col as f64, window.row as f64);
        for row in rect.row..rect.row + rect.height {
            scratch.lines.locate(&self.way, row, origin, inside);
            let places = scratch.lines.places(rect.col, rect.width);
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

    /// The part of the level that holds everything the pixels of `rect` are made of, and whether all of them lie in the source.
    fn window(&self, rect: Rect, lines: &mut Lines) -> Option<(Cutout, bool)> {
        let level = self.source.info().levels[self.level];
        let extent = lines.extent(&self.way, rect)?;
        let (width, height) = (level.width as isize, level.height as isize);
        let beyond = if self.closes { width } else { 0 };
        let (col, col_end) = cut(extent.cols, self.reach.0, (-beyond, width + beyond))?;
        let (row, row_end) = cut(extent.rows, self.reach.1, (0, height))?;
        let window = Cutout {
            col,
            row: row as usize,
            width: (col_end - col) as usize,
            height: (row_end - row) as usize,
        };
        Some((window, extent.inside))
    }
}

/// What a square of `size` pixels from `first` on shares with `level`.
fn overlap(first: (i64, i64), size: usize, level: Level) -> Option<Cutout> {
    let along = |first: i64, n: usize| {
        let (from, end) = (first.max(0), (first + size as i64).min(n as i64));
        (from < end).then_some((from as usize, (end - from) as usize))
    };
    let ((col, width), (row, height)) =
        (along(first.0, level.width)?, along(first.1, level.height)?);
    Some(Cutout {
        col: col as isize,
        row,
        width,
        height,
    })
}

/// The whole pixels around a span, `reach` more on each side, as far as they lie within the range `from..end`.
fn cut((low, high): (f64, f64), reach: f64, (from, end): (isize, isize)) -> Option<(isize, isize)> {
    let first = (low - reach).floor().max(from as f64);
    let end = (high + reach).ceil().min(end as f64);
    (first < end).then_some((first as isize, end as isize))
}
