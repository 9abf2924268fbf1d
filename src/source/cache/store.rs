//! What is kept of a unit, and how windows are put together from units.

use crate::error::Result;

use crate::raster::{Raster, Samples, of_one_kind};
use crate::source::{SourceInfo, Window};

/// Bytes of a pixel of the source with its mask.
pub(super) fn pixel_bytes(info: &SourceInfo) -> usize {
    info.bands * Samples::zeros(info.sample_type, 0).sample_bytes() + 1
}

/// What a unit at `place` weighs at most, its entry in the cache included.
pub(super) fn most_bytes(info: &SourceInfo, place: Window) -> usize {
    place.width * place.height * pixel_bytes(info) + ENTRY_BYTES
}

/// A finished unit. A mask that is the same all over is not kept pixel by pixel, and of nothing there is nothing to keep.
pub(super) enum Unit {
    Empty,
    Opaque(Samples),
    Masked(Samples, Vec<u8>),
}

impl Unit {
    pub(super) fn new(raster: Raster) -> Self {
        if raster.is_opaque() {
            Self::Opaque(raster.samples)
        } else if raster.is_empty() {
            Self::Empty
        } else {
            Self::Masked(raster.samples, raster.mask)
        }
    }

    /// What it weighs, likewise.
    pub(super) fn bytes(&self) -> usize {
        let samples = |samples: &Samples| samples.len() * samples.sample_bytes();
        match self {
            Self::Empty => ENTRY_BYTES,
            Self::Opaque(values) => ENTRY_BYTES + samples(values),
            Self::Masked(values, mask) => ENTRY_BYTES + samples(values) + mask.len(),
        }
    }
}

/// Of the maps that hold a unit, roughly.
const ENTRY_BYTES: usize = 256;

/// A window being put together.
pub(super) struct Canvas<'a> {
    info: &'a SourceInfo,
    window: Window,
    samples: Samples,
    mask: Vec<u8>,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(window: Window, info: &'a SourceInfo) -> Self {
        let n = window.width * window.height;
        Self {
            info,
            window,
            samples: Samples::zeros(info.sample_type, n * info.bands),
            mask: vec![0; n],
        }
    }

    /// Copies what `unit`, which lies at `place`, has of the window.
    pub(super) fn put(&mut self, unit: &Unit, place: Window) {
        let (samples, mask) = match unit {
            Unit::Empty => return,
            Unit::Opaque(samples) => (samples, None),
            Unit::Masked(samples, mask) => (samples, Some(mask)),
        };
        let lines = Lines::new(place, self.window);
        of_one_kind!((&mut self.samples, samples), |to, from| {
            lines.copy(to, from, self.info.bands)
        });
        match mask {
            Some(mask) => lines.copy(&mut self.mask, mask, 1),
            None => lines.fill(&mut self.mask, 255),
        }
    }

    pub(super) fn finish(self) -> Result<Raster> {
        let (window, info) = (self.window, self.info);
        Raster::from_parts(
            window.width,
            window.height,
            info.bands,
            info.sample_type,
            self.samples,
            self.mask,
        )
    }
}

/// What two windows have in common: where it begins in each, in pixels, and how they are laid out.
struct Lines {
    from: usize,
    from_stride: usize,
    to: usize,
    to_stride: usize,
    width: usize,
    height: usize,
}

impl Lines {
    /// `from` and `to` touch each other.
    fn new(from: Window, to: Window) -> Self {
        let (col, row) = (from.col.max(to.col), from.row.max(to.row));
        let start = |of: Window| (row - of.row) * of.width + col - of.col;
        Self {
            from: start(from),
            from_stride: from.width,
            to: start(to),
            to_stride: to.width,
            width: (from.col + from.width).min(to.col + to.width) - col,
            height: (from.row + from.height).min(to.row + to.height) - row,
        }
    }

    fn copy<T: Copy>(&self, to: &mut [T], from: &[T], bands: usize) {
        let n = self.width * bands;
        for line in 0..self.height {
            let from = &from[(self.from + line * self.from_stride) * bands..][..n];
            to[(self.to + line * self.to_stride) * bands..][..n].copy_from_slice(from);
        }
    }

    fn fill(&self, to: &mut [u8], value: u8) {
        for line in 0..self.height {
            to[self.to + line * self.to_stride..][..self.width].fill(value);
        }
    }
}
