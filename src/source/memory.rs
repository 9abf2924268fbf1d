//! A source in memory: pictures made by tests and by programs that have pixels but no file.

use super::{Level, Source, SourceInfo, Window};
use crate::error::Result;
use crate::geo::transform::Placement;
use crate::raster::Raster;
use crate::raster::resample::MaskKind;

/// A raster with a place on the Earth.
pub struct MemorySource {
    info: SourceInfo,
    raster: Raster,
}

impl MemorySource {
    /// `raster` at `placement`, whose size must be the raster's. Pixels with a sample that is no finite number are not there.
    pub fn new(name: impl Into<String>, mut raster: Raster, placement: Placement) -> Self {
        raster.clear_hidden();
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
        Ok(self.raster.crop(col, row, width, height))
    }
}
