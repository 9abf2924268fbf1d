//! A source in memory: pictures made by tests and by programs that have pixels but no file.

use super::{Level, Source, SourceInfo, Window, check_bands};
use crate::error::{Error, Result};
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
    ///
    /// # Errors
    /// [`Kind::Input`](crate::error::Kind::Input) when the sizes differ, or the raster has no bands, or too many.
    pub fn new(name: impl Into<String>, mut raster: Raster, placement: Placement) -> Result<Self> {
        let name = name.into();
        let (found, told) = (
            (raster.width(), raster.height()),
            (placement.width, placement.height),
        );
        if found != told {
            return Err(Error::input(
                name,
                format_args!(
                    "{} x {} pixels; expected {} x {}, as its placement says",
                    found.0, found.1, told.0, told.1
                ),
            ));
        }
        check_bands(&name, raster.bands())?;
        raster.clear_hidden();
        let mask = if raster.is_opaque() {
            MaskKind::None
        } else if raster.mask.iter().all(|&m| m == 0 || m == 255) {
            MaskKind::Binary
        } else {
            MaskKind::Graded
        };
        let info = SourceInfo {
            name,
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
        Ok(Self { info, raster })
    }
}

impl Source for MemorySource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn read(&self, _level: usize, window: Window) -> Result<Raster> {
        Ok(self
            .raster
            .crop(window.col, window.row, window.width, window.height))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;
    use crate::geo::affine::Affine;
    use crate::geo::transform::Georef;
    use crate::geo::transform::crs::Crs;
    use crate::raster::{SampleType, Samples};

    #[test]
    fn a_raster_that_is_not_what_its_placement_says_is_refused() {
        let make = |width: usize, bands: usize| {
            let samples = Samples::U8(vec![7; 4 * bands]);
            let raster =
                Raster::from_parts(2, 2, bands, SampleType::U8, samples, vec![255; 4]).unwrap();
            let placement = Placement {
                crs: Crs::parse("EPSG:3857").unwrap(),
                georef: Georef::Affine(Affine([0.0, 1.0, 0.0, 0.0, 0.0, -1.0])),
                width,
                height: 2,
            };
            let told = MemorySource::new("m", raster, placement);
            told.map_or_else(|error| error.to_string(), |_| "made".to_owned())
        };
        assert_eq!((make(2, 1), make(2, 3)), ("made".into(), "made".into()));
        assert!(make(3, 1).starts_with("m: 2 x 2 pixels; expected 3 x 2"));
        assert!(make(2, 0).starts_with("m: 0 bands; expected 1 to 64"));
    }
}
