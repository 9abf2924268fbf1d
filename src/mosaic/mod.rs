//! Several sources as one: [`Mosaic`], layers in paint order, and the rule for where they lie over each other.

mod aligned;
pub mod clip;
pub mod manifest;
pub mod rule;

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::raster::SampleType;
use crate::source::{Source, SourceInfo, check_bands};

use self::clip::Clip;
use self::rule::{Combine, Rule};

pub use aligned::Aligned;

/// Sources in paint order, all of the same number of bands and the same sample type.
pub struct Mosaic {
    sources: Vec<Arc<dyn Source>>,
    layers: Vec<Arc<dyn Source>>,
    rule: Rule,
    bands: usize,
    sample_type: SampleType,
    palette: bool,
    clip: Option<Clip>,
    feather_px: f64,
}

impl Mosaic {
    /// The mosaic of `sources` in which the first valid pixel wins: [`Mosaic::with_rule`] with [`Rule::First`].
    ///
    /// # Errors
    /// As there.
    pub fn new(sources: Vec<Arc<dyn Source>>) -> Result<Self> {
        Self::with_rule(sources, Rule::First)
    }

    /// The mosaic of `sources` by `rule`. Neighbours in the list that lie on one pixel grid become one layer, so that a
    /// picture cut into files is resampled as if it had never been cut.
    ///
    /// # Errors
    /// [`Kind::Input`] when there are no sources, when they have other than 1 or 3 bands, or when one differs from the
    /// first in bands or type.
    pub fn with_rule(mut sources: Vec<Arc<dyn Source>>, rule: Rule) -> Result<Self> {
        let Some(first) = sources.first() else {
            return Err(Error::new(
                Kind::Input,
                "no sources; expected at least one raster",
            ));
        };
        let first = first.info().clone();
        check_bands(&first.name, first.bands)?;
        for source in &sources {
            check_alike(&first, source.info())?;
        }
        let palette = sources.iter().all(|source| source.info().palette);
        if rule.reverses() {
            sources.reverse();
        }
        let layers = aligned::join(sources.clone(), rule.takes_one());
        // What comes of counting is a number, whatever was counted.
        let (bands, sample_type, palette) = match rule {
            Rule::Count if layers.len() > 255 => (1, SampleType::U16, false),
            Rule::Count => (1, SampleType::U8, false),
            _ => (first.bands, first.sample_type, palette),
        };
        Ok(Self {
            sources,
            layers,
            rule,
            bands,
            sample_type,
            palette,
            clip: None,
            feather_px: 0.0,
        })
    }

    /// The mosaic cut to `clip`.
    #[must_use]
    pub fn clipped(mut self, clip: Clip) -> Self {
        self.clip = Some(clip);
        self
    }

    /// The mosaic with soft edges, `feather_px` pixels of a base tile wide. Where it is clipped there is nothing at the edge
    /// itself and all of it so far within. Where only one source decides, what lies above fades out likewise towards its own
    /// edge as far as something lies below.
    #[must_use]
    pub fn feathered(mut self, feather_px: f64) -> Self {
        self.feather_px = feather_px;
        // Sources that overlap within one layer would have a hard seam.
        let sources = self.sources.clone();
        self.layers = aligned::join(sources, self.rule.takes_one() && !self.blends());
        self
    }

    /// What it is cut to.
    pub fn clip(&self) -> Option<&Clip> {
        self.clip.as_ref()
    }

    /// Whether seams between layers are soft.
    pub fn blends(&self) -> bool {
        self.feather_px > 0.0 && self.rule.takes_one()
    }

    /// How soft edges are, in pixels of base tiles.
    pub fn feather_px(&self) -> f64 {
        self.feather_px
    }

    /// The rule for pixels that several layers have.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// A tile that waits for the layers that meet it, in paint order.
    pub fn start(&self) -> Box<dyn Combine> {
        self.rule.start(self.sample_type)
    }

    /// The layers in paint order.
    pub fn layers(&self) -> &[Arc<dyn Source>] {
        &self.layers
    }

    /// Bands of the mosaic: 1 or 3.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// Sample type of the mosaic.
    pub fn sample_type(&self) -> SampleType {
        self.sample_type
    }

    /// Whether the colours stand for classes: every source has a palette.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;
    use crate::error::Result;
    use crate::geo::affine::Affine;
    use crate::geo::transform::crs::Crs;
    use crate::geo::transform::{Georef, Placement};
    use crate::raster::Raster;
    use crate::raster::resample::MaskKind;
    use crate::source::{Level, Window};

    /// A source of somebody else's, who has not read what bands may be.
    struct Foreign(SourceInfo);

    impl Source for Foreign {
        fn info(&self) -> &SourceInfo {
            &self.0
        }

        fn read(&self, _level: usize, _window: Window) -> Result<Raster> {
            unreachable!("nothing is read")
        }
    }

    #[test]
    fn other_numbers_of_bands_than_1_and_3_are_refused() {
        for (bands, good) in [(0, false), (1, true), (2, false), (3, true), (4, false)] {
            let info = SourceInfo {
                name: "foreign".into(),
                placement: Placement {
                    crs: Crs::parse("EPSG:3857").unwrap(),
                    georef: Georef::Affine(Affine([0.0, 1.0, 0.0, 0.0, 0.0, -1.0])),
                    width: 1,
                    height: 1,
                },
                sample_type: SampleType::U8,
                bands,
                mask: MaskKind::None,
                palette: false,
                levels: vec![Level {
                    width: 1,
                    height: 1,
                    block: (1, 1),
                }],
                notes: Vec::new(),
            };
            let made = Mosaic::new(vec![Arc::new(Foreign(info))]);
            assert_eq!(made.is_ok(), good, "{bands}");
            if let Err(error) = made {
                assert!(error.to_string().contains("expected 1 or 3"), "{error}");
            }
        }
    }
}
