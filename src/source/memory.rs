//! A source in memory: pictures made by tests and by programs that have pixels but no file.

use super::{Level, Source, SourceInfo, Window};
use crate::error::Result;
use crate::geo::transform::Placement;
use crate::raster::resample::MaskKind;
use crate::raster::{Raster, Samples};

/// A raster with a place on the Earth.
pub struct MemorySource {
    info: SourceInfo,
    raster: Raster,
}

impl MemorySource {
    /// `raster` at `placement`, whose size must be the raster's.
    pub fn new(name: impl Into<String>, raster: Raster, placement: Placement) -> Self {
        let mask = if raster.is_opaque() {
            MaskKind::None
        } else if raster.mask.iter().all(|&m| m == 0 || m == 255) {
            MaskKind::Binary
        } else {
            MaskKind::Graded
        };
        let info = SourceInfo {
            name: name.into(),
            placement,
            sample_type: raster.sample_type(),
            bands: raster.bands(),
            mask,
            palette: false,
            levels: vec![Level {
                width: raster.width(),
                height: raster.height(),
                block: (raster.width(), raster.height()),
            }],
            notes: Vec::new(),
        };
        Self { info, raster }
    }
}

impl Source for MemorySource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn read(&self, _level: usize, window: Window) -> Result<Raster> {
        let Window {
            col,
            row,
            width,
            height,
        } = window;
        let (bands, stride) = (self.raster.bands(), self.raster.width());
        let lines = || (row..row + height).map(|r| r * stride + col);
        fn cut<T: Copy>(
            values: &[T],
            starts: impl Iterator<Item = usize>,
            width: usize,
            bands: usize,
        ) -> Vec<T> {
            starts
                .flat_map(|start| {
                    values[start * bands..(start + width) * bands]
                        .iter()
                        .copied()
                })
                .collect()
        }
        let samples = match &self.raster.samples {
            Samples::U8(values) => Samples::U8(cut(values, lines(), width, bands)),
            Samples::F32(values) => Samples::F32(cut(values, lines(), width, bands)),
        };
        let mask = cut(&self.raster.mask, lines(), width, 1);
        Raster::from_parts(
            width,
            height,
            bands,
            self.raster.sample_type(),
            samples,
            mask,
        )
    }
}
