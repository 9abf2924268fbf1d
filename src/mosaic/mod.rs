//! Several sources as one: [`Mosaic`], layers in paint order, and the rule for where they lie over each other.

mod aligned;
mod alike;
pub mod clip;
pub mod manifest;
pub mod rule;
pub mod scenes;

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::geo::transform::PixelRect;
use crate::raster::SampleType;
use crate::source::{Source, check_bands};

use self::clip::Clip;
use self::rule::{Combine, Rule};

pub use aligned::Aligned;

/// Sources in paint order.
pub struct Mosaic {
    sources: Vec<Arc<dyn Source>>,
    layers: Vec<Arc<dyn Source>>,
    /// How many sources each layer is made of.
    made_of: Vec<usize>,
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

    /// The mosaic of `sources` by `rule`. Its type holds the samples of all of them, which stay what they are; gray beside
    /// colour counts as colour. Neighbours in the list that lie on one pixel grid become one layer, so that a
    /// picture cut into files is resampled as if it had never been cut.
    ///
    /// # Errors
    /// [`Kind::Input`] when there are no sources, or they have different numbers of bands, but for gray beside colour.
    pub fn with_rule(sources: Vec<Arc<dyn Source>>, rule: Rule) -> Result<Self> {
        if sources.is_empty() {
            return Err(Error::new(
                Kind::Input,
                "no sources; expected at least one raster",
            ));
        }
        for source in &sources {
            check_bands(&source.info().name, source.info().bands)?;
        }
        check_alike(&sources)?;
        let palette = sources.iter().all(|source| source.info().palette);
        let mut sources = alike::alike(sources);
        let (bands, sample_type) = (sources[0].info().bands, sources[0].info().sample_type);
        if rule.reverses() {
            sources.reverse();
        }
        let (layers, made_of) = aligned::join(sources.clone(), rule.takes_one());
        // What comes of counting is a number, whatever was counted.
        let (bands, sample_type, palette) = match rule {
            Rule::Count if layers.len() > 255 => (1, SampleType::U16, false),
            Rule::Count => (1, SampleType::U8, false),
            _ => (bands, sample_type, palette),
        };
        Ok(Self {
            sources,
            layers,
            made_of,
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
        let takes_one = self.rule.takes_one() && !self.blends();
        (self.layers, self.made_of) = aligned::join(sources, takes_one);
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

    /// The sources that layer `layer` is made of, by their numbers in the order in which they were given, each with the
    /// rectangles of the layer's pixels that it has.
    pub fn members(&self, layer: usize) -> Vec<(usize, Vec<PixelRect>)> {
        let before: usize = self.made_of[..layer].iter().sum();
        let mut outlines = self.layers[layer].outlines().into_iter();
        let n = self.made_of[layer];
        let member = |k: usize| {
            let rects = self.sources[k].outlines().len();
            let rects = outlines.by_ref().take(rects).collect();
            let given = if self.rule.reverses() {
                self.sources.len() - 1 - k
            } else {
                k
            };
            (given, rects)
        };
        (before..before + n).map(member).collect()
    }

    /// Bands of the mosaic.
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

/// Refuses sources of different numbers of bands. Gray is a colour.
fn check_alike(sources: &[Arc<dyn Source>]) -> Result<()> {
    let most = sources.iter().max_by_key(|source| source.info().bands);
    let Some(most) = most.map(|source| source.info()) else {
        return Ok(());
    };
    let fits = |bands: usize| bands == most.bands || (bands, most.bands) == (1, 3);
    let odd = sources.iter().find(|source| !fits(source.info().bands));
    odd.map_or(Ok(()), |odd| {
        let info = odd.info();
        let found = format_args!(
            "bands of values: {}; expected {}, as {} has",
            info.bands, most.bands, most.name
        );
        Err(Error::input(&info.name, found).with_help("-b takes the same bands of all"))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;
    use crate::error::Result;
    use crate::geo::affine::Affine;
    use crate::geo::transform::crs::Crs;
    use crate::geo::transform::{Georef, Placement};
    use crate::raster::resample::MaskKind;
    use crate::raster::{Raster, Samples};
    use crate::source::memory::MemorySource;
    use crate::source::{Level, SourceInfo, Window};

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

    fn placement() -> Placement {
        Placement {
            crs: Crs::parse("EPSG:3857").unwrap(),
            georef: Georef::Affine(Affine([0.0, 1.0, 0.0, 0.0, 0.0, -1.0])),
            width: 2,
            height: 1,
        }
    }

    #[test]
    fn types_and_bands_that_differ_are_brought_together() {
        let source = |bands, sample_type, samples| -> Arc<dyn Source> {
            let raster = Raster::from_parts(2, 1, bands, sample_type, samples, vec![255; 2]);
            Arc::new(MemorySource::new("made", raster.unwrap(), placement()).unwrap())
        };
        let gray = source(1, SampleType::U8, Samples::U8(vec![7, 9]));
        let colour = source(
            3,
            SampleType::I16,
            Samples::F32(vec![1.0, -2.0, 3.0, 4.0, 5.0, 6.0]),
        );
        let wide = source(1, SampleType::I32, Samples::F64(vec![70_000.0, -1.0]));
        let mosaic = Mosaic::new(vec![gray.clone(), colour.clone()]).unwrap();
        assert_eq!((mosaic.bands(), mosaic.sample_type()), (3, SampleType::I16));
        let read = |mosaic: &Mosaic, layer: usize| {
            let window = Window {
                col: 0,
                row: 0,
                width: 2,
                height: 1,
            };
            mosaic.layers()[layer].read(0, window).unwrap().samples
        };
        let spread = vec![7.0, 7.0, 7.0, 9.0, 9.0, 9.0];
        assert_eq!(read(&mosaic, 0), Samples::F32(spread.clone()));
        let mosaic = Mosaic::new(vec![gray.clone(), colour, wide]).unwrap();
        assert_eq!(mosaic.sample_type(), SampleType::I32);
        let spread = spread.into_iter().map(f64::from).collect();
        assert_eq!(read(&mosaic, 0), Samples::F64(spread));
        assert!(Arc::ptr_eq(
            &Mosaic::new(vec![gray.clone()]).unwrap().layers()[0],
            &gray
        ));
    }

    #[test]
    fn no_bands_and_far_too_many_are_refused() {
        for (bands, good) in [(0, false), (1, true), (2, true), (64, true), (65, false)] {
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
                assert!(error.to_string().contains("expected 1 to 64"), "{error}");
            }
        }
    }
}
