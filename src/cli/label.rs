//! What tiles of values say of themselves, and which bands they have: `-f tif`.

use azulejo::encode::{BandLabel, Label};
use azulejo::error::{Error, Result};
use azulejo::mosaic::rule::Rule;
use azulejo::mosaic::scenes::Item;
use azulejo::raster::SampleType;
use azulejo::raster::gaps::Gaps;
use azulejo::raster::resample::MaskKind;
use azulejo::source::SourceInfo;
use azulejo::source::gdal::{BandChoice, BandFacts, BandId, Nodata, OpenOptions};
use azulejo::style::Form;
use serde_json::{Value, json};

use super::args::TileArgs;
use super::human;
use super::merge::{Band, bands_of};

/// How the files of `item` are opened for tiles that keep its values: with all bands where none are asked for.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn with_all_bands(item: &Item, options: &OpenOptions) -> Result<OpenOptions> {
    let mut options = options.clone();
    if let (Item::File(_), None) = (item, &options.bands) {
        let bands = bands_of(item, &[], &options)?;
        options.bands = Some(BandChoice {
            colour: bands
                .iter()
                .map(|band| BandId::Number(band.number))
                .collect(),
            alpha: bands.iter().any(|band| band.alpha),
        });
    }
    Ok(options)
}

/// What the first source says of the bands whose values are kept; nothing of values that are made of them.
pub(super) struct Told(Vec<Band>);

impl Told {
    /// What the first of `items` says.
    ///
    /// # Errors
    /// When a file cannot be read; [`Kind::Input`](azulejo::error::Kind::Input) for palettes that differ.
    pub(super) fn read(args: &TileArgs, items: &[Item], options: &OpenOptions) -> Result<Self> {
        // How many there are is nothing that a source could say.
        let keeps = args.style.keeps_values(&args.format) && args.source.mosaic != Rule::Count;
        let (Some((first, others)), true) = (items.split_first(), keeps) else {
            return Ok(Self(Vec::new()));
        };
        let asked = options.bands.as_ref().map(|choice| &choice.colour[..]);
        let read = |item| bands_of(item, asked.unwrap_or_default(), options);
        let told = Self(read(first)?);
        for other in others.iter().filter(|_| told.is_palette()) {
            check_palette(&told.0, &read(other)?)?;
        }
        Ok(told)
    }

    /// Whether the values are classes with colours.
    pub(super) fn is_palette(&self) -> bool {
        matches!(&self.0[..], [band] if !band.facts.palette.is_empty())
    }

    /// What tiles of the form `form` say.
    pub(super) fn label(&self, args: &TileArgs, infos: &[SourceInfo], form: Form) -> Label {
        // Scaled samples are others than the file's own.
        let is_scaled = |band: &Band| {
            band.facts.scale.is_some_and(|s| s != 1.0)
                || band.facts.offset.is_some_and(|o| o != 0.0)
        };
        let unscaled = args.style.unscale && self.0.iter().any(is_scaled);
        // Stretched ones, too, and these mean nothing else any more.
        let own = !args.style.stretches();
        let bands = self.0.iter().filter(|_| own);
        let label = |band: &Band| BandLabel {
            description: band.facts.description.clone(),
            scale: band.facts.scale.filter(|_| !unscaled),
            offset: band.facts.offset.filter(|_| !unscaled),
            unit: band.facts.unit.clone(),
        };
        let nodata = self.nodata(args).filter(|_| own && !unscaled);
        let is_soft = args.source.clip.feather > 0.0
            || infos.iter().any(|info| info.mask == MaskKind::Graded);
        let palette = self.is_palette() && own && form.sample_type == SampleType::U8;
        Label {
            gaps: gaps(nodata, is_soft, form.sample_type),
            bands: bands.map(label).collect(),
            palette: self
                .0
                .iter()
                .filter(|_| palette)
                .flat_map(|band| colours(&band.facts))
                .collect(),
            ..Label::default()
        }
    }

    /// The value that means "nothing here" in all bands.
    fn nodata(&self, args: &TileArgs) -> Option<f64> {
        if args.source.mosaic == Rule::Count && args.style.keeps_values(&args.format) {
            // Where there is nothing, there are none.
            return Some(0.0);
        }
        let first = self.0.first()?;
        match &args.source.nodata {
            Some(Nodata::Sets(sets)) => sets.first().and_then(|set| set.first().copied()),
            Some(Nodata::Ignore) => None,
            // Of bands of which some have none, none is taken for nothing.
            None if self.0.iter().any(|band| band.facts.nodata.is_none()) => first.nodata,
            None => first.nodata.or(first.facts.nodata),
        }
    }
}

/// Refuses indices that stand for other colours than the first source's.
fn check_palette(first: &[Band], other: &[Band]) -> Result<()> {
    match (first, other) {
        ([first], [other]) if first.facts.palette != other.facts.palette => {
            let found = format!(
                "a palette that is not that of {}; expected one palette",
                first.path
            );
            Err(Error::input(&other.path, found)
                .with_help("-f png shows the colours of both, --expression b1 keeps indices alone"))
        }
        _ => Ok(()),
    }
}

/// By `nodata`, if the type has that value; else floating point by what is no number, and integers by alpha where pixels may
/// be there in part, by a mask where they may not.
fn gaps(nodata: Option<f64>, is_soft: bool, sample_type: SampleType) -> Gaps {
    match nodata.filter(|value| sample_type.holds(*value)) {
        Some(value) => Gaps::Nodata(value),
        None if sample_type.range().is_none() => Gaps::Nodata(f64::NAN),
        None if is_soft => Gaps::Alpha,
        None => Gaps::Mask,
    }
}

fn colours(facts: &BandFacts) -> Vec<[u8; 3]> {
    let byte = |v: i16| v.clamp(0, 255) as u8;
    let colours = facts.palette.iter();
    colours.map(|&[r, g, b, _]| [r, g, b].map(byte)).collect()
}

/// What the user should know of tiles of the form `form`.
pub(super) fn note(args: &TileArgs, label: &Label, form: Form) -> String {
    let gaps = match label.gaps {
        Gaps::Nodata(value) => value.to_string(),
        Gaps::Alpha => "said by alpha, one band more".to_owned(),
        Gaps::Mask => "said by a mask, in tiles that have holes".to_owned(),
    };
    let unknown = if args.outputs.writes("pmtiles") {
        "; PMTiles has no word for their format, so its header says unknown"
    } else {
        ""
    };
    format!(
        "tiles hold {} of {}; what is not there is {gaps}{unknown}",
        human::counted(form.bands as u64, "band"),
        form.sample_type.gdal_name(),
    )
}

/// For the report.
pub(super) fn json(label: &Label, form: Form) -> Value {
    let (gaps, nodata) = match label.gaps {
        Gaps::Nodata(value) if value.is_finite() => ("nodata", json!(value)),
        Gaps::Nodata(value) => ("nodata", json!(value.to_string())),
        Gaps::Alpha => ("alpha", Value::Null),
        Gaps::Mask => ("mask", Value::Null),
    };
    json!({
        "bands": form.bands,
        "sample_type": form.sample_type.gdal_name(),
        "gaps": gaps,
        "nodata": nodata,
    })
}
