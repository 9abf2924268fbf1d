//! Which bands are merged, and what the output says of them: [`Choice`].

use std::sync::Arc;

use azulejo::error::{Error, Result};
use azulejo::merge::Look;
use azulejo::mosaic::Mosaic;
use azulejo::mosaic::rule::Rule;
use azulejo::mosaic::scenes::Item;
use azulejo::raster::SampleType;
use azulejo::raster::gaps::Gaps;
use azulejo::raster::kernel::Resampling;
use azulejo::raster::resample::MaskKind;
use azulejo::source::gdal::{
    BandChoice, BandFacts, BandId, FileFacts, GdalSource, Nodata, OpenOptions,
};
use azulejo::source::stack::scene::Scene;
use azulejo::source::{Source, SourceInfo};

use super::args::MergeArgs;

/// GDAL's colour interpretation of what is no colour, as a count; and of gray.
const UNDEFINED: u32 = 0;
const GRAY: u32 = 1;

/// A band of a file.
pub(in crate::cli) struct Band {
    pub(in crate::cli) path: String,
    /// Counted from 1.
    pub(in crate::cli) number: usize,
    /// Whether the file says by alpha what is there.
    pub(in crate::cli) alpha: bool,
    /// Whether it is decoded without the others of the file.
    apart: bool,
    /// What means "nothing here", whatever the file says.
    pub(in crate::cli) nodata: Option<f64>,
    pub(in crate::cli) facts: BandFacts,
}

/// The bands of one file or scene whose values are kept, in the order of the output: those `asked` for, or all but alpha.
pub(in crate::cli) fn bands_of(
    item: &Item,
    asked: &[BandId],
    options: &OpenOptions,
) -> Result<Vec<Band>> {
    match item {
        Item::File(name) => {
            let file = FileFacts::read(name, options)?;
            let chosen = asked.iter().map(|id| file.number_of(id));
            let chosen = chosen.collect::<Result<Vec<_>>>()?;
            let numbers = if chosen.is_empty() {
                colours(&file)
            } else {
                chosen
            };
            if numbers.is_empty() {
                return Err(Error::input(
                    name,
                    "nothing but an alpha band; expected at least one band of values",
                ));
            }
            Ok(numbers.into_iter().map(|n| band(&file, n, None)).collect())
        }
        Item::Scene(scene) => bands_of_scene(scene, asked, options),
    }
}

/// What the user should know of the files behind the bands of a scene that are merged.
pub(super) fn notes_of(item: &Item, args: &MergeArgs) -> Result<Vec<String>> {
    match item {
        Item::File(_) => Ok(Vec::new()),
        Item::Scene(scene) => Ok(scene.notes(&chosen_of(scene, &args.source.bands)?)),
    }
}

/// Indices of the bands of `scene` that are asked for, or of those it is usually shown by.
fn chosen_of(scene: &Scene, ids: &[BandId]) -> Result<Vec<usize>> {
    let choice = BandChoice {
        colour: ids.to_vec(),
        alpha: false,
    };
    Ok(scene.choose((!ids.is_empty()).then_some(&choice))?.bands)
}

fn bands_of_scene(scene: &Scene, ids: &[BandId], options: &OpenOptions) -> Result<Vec<Band>> {
    let mut bands = Vec::new();
    for index in chosen_of(scene, ids)? {
        let own = &scene.bands[index];
        let file = FileFacts::read(&own.path, options)?;
        let numbers = colours(&file);
        let single = numbers.len() == 1;
        for number in numbers {
            let mut band = band(&file, number, scene.nodata);
            if single {
                band.facts.description.clone_from(&own.name);
            }
            bands.push(band);
        }
    }
    Ok(bands)
}

/// All bands but alpha.
fn colours(file: &FileFacts) -> Vec<usize> {
    (1..=file.bands.len())
        .filter(|number| Some(*number) != file.alpha)
        .collect()
}

fn band(file: &FileFacts, number: usize, nodata: Option<f64>) -> Band {
    Band {
        path: file.name().to_owned(),
        number,
        alpha: file.alpha.is_some_and(|alpha| alpha != number),
        apart: file.apart,
        nodata,
        facts: file.bands[number - 1].clone(),
    }
}

/// Opens `bands`, those of one file with one handle.
///
/// # Errors
/// As [`GdalSource::open`], and for nodata values that are not one for all bands or one for each.
pub(super) fn open(
    bands: &[Band],
    args: &MergeArgs,
    common: &OpenOptions,
) -> Result<Vec<Arc<dyn Source>>> {
    let mut sources: Vec<Arc<dyn Source>> = Vec::with_capacity(bands.len());
    let n = bands.len();
    for run in bands.chunk_by(|a, b| a.path == b.path) {
        let first = sources.len();
        let options = run.iter().enumerate().map(|(k, band)| {
            Ok(OpenOptions {
                bands: Some(BandChoice {
                    colour: vec![BandId::Number(band.number)],
                    alpha: band.alpha,
                }),
                nodata: nodata_of(band, args, first + k, n)?,
                ..common.clone()
            })
        });
        let opened = GdalSource::open_each(&run[0].path, &options.collect::<Result<Vec<_>>>()?)?;
        sources.extend(opened.into_iter().map(|s| Arc::new(s) as Arc<dyn Source>));
    }
    Ok(sources)
}

/// What means "nothing here" in a band, the one at `index` of `n`.
fn nodata_of(band: &Band, args: &MergeArgs, index: usize, n: usize) -> Result<Option<Nodata>> {
    let Some(Nodata::Sets(sets)) = &args.source.nodata else {
        let own = band.nodata.map(|value| Nodata::Sets(vec![vec![value]]));
        return Ok(args.source.nodata.clone().or(own));
    };
    let value = |set: &Vec<f64>| match set[..] {
        [one] => Ok(vec![one]),
        _ if set.len() == n => Ok(vec![set[index]]),
        _ => Err(Error::usage(format!(
            "--nodata: {} values in a set; expected 1, or one for each band ({n})",
            set.len()
        ))),
    };
    let values = sets.iter().map(value).collect::<Result<_>>()?;
    Ok(Some(Nodata::Sets(values)))
}

/// Whether none of `bands` is decoded along with the next.
fn are_apart(bands: &[Band]) -> bool {
    let mut pairs = bands.windows(2);
    pairs.all(|pair| pair[0].apart || pair[0].path != pair[1].path)
}

/// What all items have in common.
pub(super) struct Choice {
    /// What the first item says of each band.
    facts: Vec<BandFacts>,
    /// What the first item says is nothing, whatever its files say.
    nodata: Option<f64>,
    /// Whether any file says by alpha what is there.
    alpha: bool,
    /// Whether each band can be read without the others.
    pub(super) apart: bool,
}

impl Choice {
    /// # Errors
    /// [`Kind::Input`](azulejo::error::Kind::Input) when an item has another number of bands than the first.
    pub(super) fn new(items: &[Vec<Band>]) -> Result<Self> {
        let first = items
            .first()
            .and_then(|bands| Some((bands, bands.first()?)))
            .ok_or_else(|| Error::internal("a merge of no bands"))?;
        for bands in items {
            if let Some(other) = bands.first().filter(|_| bands.len() != first.0.len()) {
                return Err(Error::input(
                    &other.path,
                    format_args!(
                        "{} bands; expected {}, as in {}",
                        bands.len(),
                        first.0.len(),
                        first.1.path
                    ),
                )
                .with_help("-b with bands that all have"));
            }
            let palettes = bands
                .iter()
                .zip(first.0)
                .map(|(own, firsts)| own.facts.palette == firsts.facts.palette);
            if let Some(k) = palettes.into_iter().position(|same| !same) {
                return Err(Error::input(
                    &bands[k].path,
                    format_args!(
                        "a palette that is not that of {}; expected one palette",
                        first.1.path
                    ),
                )
                .with_help(format!(
                    "gdal_translate -expand rgba '{}' colours.tif, and likewise the others",
                    bands[k].path
                )));
            }
        }
        Ok(Self {
            facts: first.0.iter().map(|band| band.facts.clone()).collect(),
            nodata: first.1.nodata,
            alpha: items.iter().flatten().any(|band| band.alpha),
            apart: items.iter().all(|bands| are_apart(bands)),
        })
    }

    pub(super) fn n_bands(&self) -> usize {
        self.facts.len()
    }

    /// What holds the samples of all bands.
    pub(super) fn sample_type(&self) -> SampleType {
        let types = self.facts.iter().map(|band| band.sample_type);
        types.reduce(SampleType::union).unwrap_or(SampleType::U8)
    }

    /// Refuses what cannot be done with the bands.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for arithmetic with classes.
    pub(super) fn check(&self, args: &MergeArgs) -> Result<()> {
        let classes = self.facts.iter().any(|band| !band.palette.is_empty());
        let mixes = matches!(args.source.mosaic, Rule::Mean | Rule::Median)
            || !matches!(args.resampling, Resampling::Nearest | Resampling::Mode);
        if classes && mixes {
            return Err(Error::usage(
                "indices of a palette, which cannot be mixed; expected -r nearest or mode, and a rule that takes one of them",
            ));
        }
        Ok(())
    }

    /// What somebody who marks colours by `--nodata` should know.
    pub(super) fn note(&self, args: &MergeArgs) -> Option<String> {
        let Some(Nodata::Sets(sets)) = &args.source.nodata else {
            return None;
        };
        let are_colours = sets.len() > 1 && sets.iter().any(|set| set.len() > 1);
        are_colours.then(|| {
            "each band is looked at by itself: a value of --nodata is nothing in its band, whatever the others have"
                .to_owned()
        })
    }

    /// What the output says of itself.
    pub(super) fn look(&self, args: &MergeArgs, infos: &[SourceInfo], mosaics: &[Mosaic]) -> Look {
        let counts = args.source.mosaic == Rule::Count;
        let mut bands = self.facts.clone();
        let several = bands.len() > 1;
        for band in bands
            .iter_mut()
            .filter(|b| several && b.interpretation == GRAY)
        {
            // Of files of one band each; together they are not.
            band.interpretation = UNDEFINED;
        }
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
        if args.compress.is_lossy() {
            // Values that are nearly nodata would be taken for it, and nodata that is nearly kept for values.
            return Gaps::Mask;
        }
        let told = match &args.source.nodata {
            Some(Nodata::Sets(sets)) => sets.first().and_then(|set| set.first().copied()),
            Some(Nodata::Ignore) => None,
            None => self.nodata.or(self.facts[0].nodata),
        };
        if let Some(value) = told.filter(|value| sample_type.holds(*value)) {
            return Gaps::Nodata(value);
        }
        let graded = infos.iter().any(|info| info.mask == MaskKind::Graded);
        if self.alpha && graded {
            Gaps::Alpha
        } else {
            Gaps::Mask
        }
    }
}
