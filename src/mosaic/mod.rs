//! Several sources as one: [`Mosaic`], layers in paint order. The first valid pixel wins.

mod aligned;
pub mod manifest;

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::raster::SampleType;
use crate::source::{Source, SourceInfo};

pub use aligned::Aligned;

/// Sources in paint order, all of the same number of bands and the same sample type.
pub struct Mosaic {
    layers: Vec<Arc<dyn Source>>,
    bands: usize,
    sample_type: SampleType,
    palette: bool,
}

impl Mosaic {
    /// The mosaic of `sources`, the first on top. Neighbours in the list that lie on one pixel grid become one layer, so that
    /// a picture cut into files is resampled as if it had never been cut.
    ///
    /// # Errors
    /// [`Kind::Input`] when there are no sources, or when one differs from the first in bands or type.
    pub fn new(sources: Vec<Arc<dyn Source>>) -> Result<Self> {
        let Some(first) = sources.first() else {
            return Err(Error::new(
                Kind::Input,
                "no sources; expected at least one raster",
            ));
        };
        let first = first.info().clone();
        for source in &sources {
            check_alike(&first, source.info())?;
        }
        let palette = sources.iter().all(|source| source.info().palette);
        Ok(Self {
            layers: aligned::join(sources),
            bands: first.bands,
            sample_type: first.sample_type,
            palette,
        })
    }

    /// The layers, the first on top.
    pub fn layers(&self) -> &[Arc<dyn Source>] {
        &self.layers
    }

    /// Bands of every layer: 1 or 3.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// Sample type of every layer.
    pub fn sample_type(&self) -> SampleType {
        self.sample_type
    }

    /// Whether every source has a palette, so that its values are classes.
    pub fn is_palette(&self) -> bool {
        self.palette
    }
}

fn check_alike(first: &SourceInfo, other: &SourceInfo) -> Result<()> {
    if other.bands != first.bands {
        return Err(Error::input(
            &other.name,
            format_args!(
                "{} band(s); expected {}, as in {}",
                other.bands, first.bands, first.name
            ),
        ));
    }
    if other.sample_type != first.sample_type {
        return Err(Error::input(
            &other.name,
            format_args!(
                "{} samples; expected {} ones, as in {}",
                other.sample_type.gdal_name(),
                first.sample_type.gdal_name(),
                first.name
            ),
        ));
    }
    Ok(())
}
