//! Sources of different types and bands as if they had one: [`alike`].

use std::sync::Arc;

use crate::error::Result;
use crate::geo::transform::PixelRect;
use crate::raster::{Raster, SampleType};
use crate::source::{Source, SourceInfo, Window};

/// A source with its values in a wider type, or its gray as three colours.
struct Alike {
    inner: Arc<dyn Source>,
    info: SourceInfo,
}

/// `sources` with the type that holds the samples of all of them, and with three bands where one of them has three: gray is
/// a colour. Values stay what they are.
pub(super) fn alike(sources: Vec<Arc<dyn Source>>) -> Vec<Arc<dyn Source>> {
    let infos = || sources.iter().map(|source| source.info());
    let bands = infos().map(|info| info.bands).max().unwrap_or(1);
    let types = infos().map(|info| info.sample_type);
    let sample_type = types.reduce(SampleType::union).unwrap_or(SampleType::U8);
    let make = |inner: Arc<dyn Source>| -> Arc<dyn Source> {
        let info = inner.info();
        if (info.bands, info.sample_type) == (bands, sample_type) {
            return inner;
        }
        let info = SourceInfo {
            bands,
            sample_type,
            ..info.clone()
        };
        Arc::new(Alike { inner, info })
    };
    sources.into_iter().map(make).collect()
}

impl Source for Alike {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn outlines(&self) -> Vec<PixelRect> {
        self.inner.outlines()
    }

    fn names(&self) -> Vec<String> {
        self.inner.names()
    }

    fn read(&self, level: usize, window: Window) -> Result<Raster> {
        let raster = self.inner.read(level, window)?;
        Ok(raster
            .with_type(self.info.sample_type)
            .with_bands(self.info.bands))
    }
}
