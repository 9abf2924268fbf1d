//! Which bands are merged, and what the output says of them: [`Choice`].

use azulejo::error::{Error, Result};
use azulejo::merge::{Compression, Gaps, Look};
use azulejo::mosaic::Mosaic;
use azulejo::mosaic::rule::Rule;
use azulejo::raster::SampleType;
use azulejo::raster::resample::MaskKind;
use azulejo::source::SourceInfo;
use azulejo::source::gdal::{BandChoice, BandFacts, BandId, FileFacts, Nodata, OpenOptions};

use super::args::MergeArgs;

/// GDAL's colour interpretations that a rule may take away: what a count is, is no colour.
const UNDEFINED: u32 = 0;

/// The bands that are merged.
pub(super) struct Choice {
    /// As the user names them; `None` for the number that is the same in all files.
    ids: Vec<BandId>,
    /// What the first file says of each.
    facts: Vec<BandFacts>,
    /// Whether any file says by alpha what is there.
    alpha: bool,
}

impl Choice {
    /// The bands that `args` asks for: by default all of the first file but alpha.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for bands that a file does not have.
    pub(super) fn new(args: &MergeArgs, files: &[FileFacts]) -> Result<Self> {
        let first = files
            .first()
            .ok_or_else(|| Error::internal("a merge of no files"))?;
        let ids: Vec<BandId> = if args.bands.is_empty() {
            (1..=first.bands.len())
                .filter(|number| Some(*number) != first.alpha)
                .map(BandId::Number)
                .collect()
        } else {
            args.bands.clone()
        };
        if ids.is_empty() {
            return Err(Error::input(
                first.name(),
                "nothing but an alpha band; expected at least one band of values",
            ));
        }
        let facts = ids
            .iter()
            .map(|id| Ok(first.bands[first.number_of(id)? - 1].clone()));
        Ok(Self {
            facts: facts.collect::<Result<_>>()?,
            ids,
            alpha: files.iter().any(|file| file.alpha.is_some()),
        })
    }

    pub(super) fn n_bands(&self) -> usize {
        self.ids.len()
    }

    /// What holds the samples of all bands.
    pub(super) fn sample_type(&self) -> SampleType {
        let types = self.facts.iter().map(|band| band.sample_type);
        types.reduce(SampleType::union).unwrap_or(SampleType::U8)
    }

    /// How to open a file for one of the bands.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) when it does not have the band.
    pub(super) fn options(
        &self,
        args: &MergeArgs,
        common: &OpenOptions,
        file: &FileFacts,
        band: usize,
    ) -> Result<OpenOptions> {
        let number = file.number_of(&self.ids[band])?;
        let nodata = match &args.nodata {
            Some(Nodata::Sets(sets)) => {
                let values = sets.iter().map(|set| self.value_for(set, band));
                let values: Vec<Vec<f64>> = values.collect::<Result<_>>()?;
                Some(Nodata::Sets(values))
            }
            other => other.clone(),
        };
        Ok(OpenOptions {
            bands: Some(BandChoice {
                colour: vec![BandId::Number(number)],
                alpha: file.alpha.is_some_and(|alpha| alpha != number),
            }),
            nodata,
            ..common.clone()
        })
    }

    /// The value of a set that is for `band`.
    fn value_for(&self, set: &[f64], band: usize) -> Result<Vec<f64>> {
        match set {
            [one] => Ok(vec![*one]),
            _ if set.len() == self.n_bands() => Ok(vec![set[band]]),
            _ => Err(Error::usage(format!(
                "--nodata: {} values in a set; expected 1, or one for each band ({})",
                set.len(),
                self.n_bands()
            ))),
        }
    }

    /// What the output says of itself.
    pub(super) fn look(&self, args: &MergeArgs, infos: &[SourceInfo], mosaics: &[Mosaic]) -> Look {
        let counts = args.mosaic == Rule::Count;
        let mut bands = self.facts.clone();
        for band in bands.iter_mut().filter(|_| counts) {
            band.palette.clear();
            band.interpretation = UNDEFINED;
            (band.scale, band.offset) = (None, None);
        }
        let types = mosaics.iter().map(Mosaic::sample_type);
        let sample_type = types.reduce(SampleType::union).unwrap_or(SampleType::U8);
        Look {
            bands,
            sample_type,
            gaps: self.gaps(args, infos, sample_type, counts),
        }
    }

    fn gaps(
        &self,
        args: &MergeArgs,
        infos: &[SourceInfo],
        sample_type: SampleType,
        counts: bool,
    ) -> Gaps {
        if counts {
            // Where there is nothing, there are none.
            return Gaps::Nodata(0.0);
        }
        let told = match &args.nodata {
            Some(Nodata::Sets(sets)) => sets.first().and_then(|set| set.first().copied()),
            Some(Nodata::Ignore) => None,
            None => self.facts[0].nodata,
        };
        if let Some(value) = told.filter(|value| sample_type.holds(*value)) {
            return Gaps::Nodata(value);
        }
        let lossy = matches!(args.compress, Compression::Jpeg);
        let graded = infos.iter().any(|info| info.mask == MaskKind::Graded);
        if self.alpha && graded && !lossy {
            Gaps::Alpha
        } else {
            Gaps::Mask
        }
    }
}
