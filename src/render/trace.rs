//! What a tile was made of: [`Trace`], taken down by the renderer where it decides, so that it says what was done.

use std::time::{Duration, Instant};

use super::warp::Cutout;
use crate::geo::polygon::Touch;
use crate::geo::transform::map::Way;
use crate::raster::Raster;

/// What was taken down of tiles since the last time it was asked for.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Tiles, in the order in which they were rendered.
    pub tiles: Vec<TileTrace>,
    /// What it took.
    pub spent: Spent,
}

/// What one tile was rendered of.
#[derive(Debug, Clone, Default)]
pub struct TileTrace {
    /// How the tile lies to the clip; `None` without one.
    pub clip: Option<ClipTouch>,
    /// Layers that were warped, in paint order, once for each time that they are taken round the Earth.
    pub uses: Vec<LayerUse>,
    /// Layers that lie here too and were not read, as those before them cover the tile.
    pub hidden: Vec<usize>,
    /// Whether there is something on it.
    pub has_data: bool,
}

/// How a tile lies to what all is clipped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipTouch {
    /// Wholly within.
    Inside,
    /// The edge, or its softness, reaches into it.
    Edge,
    /// Wholly without: nothing was read.
    Outside,
}

impl From<Touch> for ClipTouch {
    fn from(touch: Touch) -> Self {
        match touch {
            Touch::Inside => Self::Inside,
            Touch::Edge => Self::Edge,
            Touch::Outside => Self::Outside,
        }
    }
}

/// How one layer came into a tile.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerUse {
    /// Of the mosaic's, in paint order.
    pub layer: usize,
    /// How often it was taken round the Earth westwards.
    pub turns: i32,
    /// The way from the tile's pixels to the layer's.
    pub way: Way,
    /// Points at which PROJ was asked for it.
    pub points: u64,
    /// What was read; `None` where the way leads nowhere in the layer.
    pub read: Option<Read>,
    /// Pixels of the tile, its margin left out, that it has in full or in part.
    pub valid_px: u64,
    /// Those of them that no layer before it has.
    pub new_px: u64,
}

/// What was read of a layer for a tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Read {
    /// 0 is the full resolution, others are overviews.
    pub level: usize,
    /// Pixels of the full resolution in a pixel of the tile, along columns and rows.
    pub scale: (f64, f64),
    /// The same of the level.
    pub level_scale: (f64, f64),
    /// Pixels of the level that the kernel looks at for one of the tile, along columns and rows. 1 where the tile is the level
    /// pixel by pixel.
    pub support_px: (f64, f64),
    /// The first column of the level; below 0, or beyond the last, once more round the Earth.
    pub col: i64,
    /// The first row.
    pub row: u64,
    /// Columns; 0 if no pixel was read.
    pub width: u64,
    /// Rows.
    pub height: u64,
    /// In how many pieces it was read.
    pub pieces: u32,
}

/// Time by stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Finding the way from pixel to pixel.
    pub transform: Duration,
    /// Reading and decoding blocks.
    pub read: Duration,
    /// All of rendering, these two included.
    pub render: Duration,
}

impl Spent {
    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        self.transform += other.transform;
        self.read += other.read;
        self.render += other.render;
    }

    /// Rendering without finding the way and reading.
    pub fn warp(&self) -> Duration {
        self.render
            .saturating_sub(self.transform)
            .saturating_sub(self.read)
    }
}

/// Where a renderer takes down what it does, and which pixels of the tile in hand some layer has.
#[derive(Default)]
pub(super) struct Recorder {
    trace: Trace,
    covered: Vec<bool>,
}

impl Recorder {
    pub(super) fn take(&mut self) -> Trace {
        std::mem::take(&mut self.trace)
    }

    /// Begins a tile.
    pub(super) fn begin(&mut self, clip: Option<Touch>) {
        self.covered.clear();
        self.trace.tiles.push(TileTrace {
            clip: clip.map(ClipTouch::from),
            ..TileTrace::default()
        });
    }

    /// Ends it, begun at `started`.
    pub(super) fn end(&mut self, started: Instant, has_data: bool) {
        self.trace.spent.render += started.elapsed();
        self.tile()
            .into_iter()
            .for_each(|tile| tile.has_data = has_data);
    }

    fn tile(&mut self) -> Option<&mut TileTrace> {
        self.trace.tiles.last_mut()
    }

    /// Takes down that `layer` was not needed.
    pub(super) fn hide(&mut self, layer: usize) {
        self.tile()
            .into_iter()
            .for_each(|tile| tile.hidden.push(layer));
    }

    /// Takes down a use, and what it took.
    pub(super) fn add(&mut self, used: LayerUse, transform: Duration, read: Duration) {
        self.trace.spent.transform += transform;
        self.trace.spent.read += read;
        self.tile()
            .into_iter()
            .for_each(|tile| tile.uses.push(used.clone()));
    }

    /// Takes down which pixels `layer`, rendered with `margin` more on each side, has in the tile. They are those of its last use.
    pub(super) fn fed(&mut self, layer: usize, pixels: &Raster, margin: usize) {
        let width = pixels.width();
        let (cols, rows) = (width - 2 * margin, pixels.height() - 2 * margin);
        self.covered.resize(cols * rows, false);
        let (mut valid, mut new) = (0, 0);
        for (row, covered) in self.covered.chunks_exact_mut(cols).enumerate() {
            let start = (row + margin) * width + margin;
            for (&mask, covered) in pixels.mask[start..start + cols].iter().zip(covered) {
                valid += u64::from(mask > 0);
                new += u64::from(mask > 0 && !*covered);
                *covered |= mask > 0;
            }
        }
        let uses = self.tile().into_iter().flat_map(|tile| &mut tile.uses);
        if let Some(used) = uses.last().filter(|used| used.layer == layer) {
            (used.valid_px, used.new_px) = (valid, new);
        }
    }
}

/// What warping takes down of one layer.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) read: Option<Read>,
    pub(super) spent: Duration,
}

impl Reading {
    /// Adds a piece that is read.
    pub(super) fn piece(&mut self, piece: Cutout) {
        let Some(read) = &mut self.read else { return };
        let (col, row) = (piece.col as i64, piece.row as u64);
        let (width, height) = (piece.width as u64, piece.height as u64);
        read.pieces += 1;
        if read.pieces == 1 {
            (read.col, read.row, read.width, read.height) = (col, row, width, height);
            return;
        }
        let east = (read.col + read.width as i64).max(col + width as i64);
        let south = (read.row + read.height).max(row + height);
        read.col = read.col.min(col);
        read.row = read.row.min(row);
        read.width = (east - read.col) as u64;
        read.height = south - read.row;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_to_the_rectangle_around_them() {
        let mut reading = Reading {
            read: Some(Read {
                level: 0,
                scale: (1.0, 1.0),
                level_scale: (1.0, 1.0),
                support_px: (4.0, 4.0),
                col: 0,
                row: 0,
                width: 0,
                height: 0,
                pieces: 0,
            }),
            spent: Duration::ZERO,
        };
        for (col, row) in [(10, 20), (-5, 25), (8, 19)] {
            reading.piece(Cutout {
                col,
                row,
                width: 4,
                height: 4,
            });
        }
        let read = reading.read.expect("set above");
        assert_eq!((read.col, read.row), (-5, 19));
        assert_eq!((read.width, read.height, read.pieces), (19, 10, 3));
    }
}
