//! Values and colour: from options to a [`Style`].

mod decide;
mod heights;
mod legend;
mod parse;
mod rescale;
mod surveys;

use std::path::PathBuf;

use azulejo::error::{Error, Result};
use azulejo::raster::kernel::Resampling;
use azulejo::raster::reduce::Reducer;
use azulejo::source::gdal::{BandChoice, BandId};
use azulejo::style::colormap::ColorMap;
use azulejo::style::expression::numbered_band;
use azulejo::style::relief::{Light, SlopeUnit};
use azulejo::style::terrain::Rounding;
use clap::Args;
use serde_json::{Value, json};

use super::values;

pub(super) use self::decide::{Decided, Site};
pub(super) use self::heights::TileFormat;
pub(super) use self::legend::LegendFile;
use self::parse::{Formulas, Lit, Spelled};
use self::rescale::Rescale;
pub(super) use self::surveys::Surveys;

/// Options of values and colour.
#[derive(Args)]
#[command(next_help_heading = "Values and colour")]
pub(super) struct StyleArgs {
    /// Values made of the bands: one output, or three as red, green and blue (any number with -f tif), with ; between them. b1 is a source's first
    /// band; other names are its bands' own, in quotes where they are no words. + - * / % **, comparisons, & | ~,
    /// where(c,a,b), min, max, clip, abs, sqrt, exp, log, log10, floor, sin and others, as in numexpr and rio-tiler. Where there
    /// is no number, as in a division by 0, there is nothing, and where one of the bands has its nodata value.
    #[arg(long, value_name = "EXPR", value_parser = parse::expression, allow_hyphen_values = true)]
    expression: Option<Spelled>,

    /// What becomes black and white: MIN,MAX; or two percentiles of all values that are shown, p2,p98; one such range for
    /// all bands, or one for each with ; between them. auto is p2,p98; none keeps 16-bit samples as they are, in 16-bit
    /// PNG. Percentiles are of the whole mosaic, the same for every tile, found before the first one: of all pixels, of an
    /// overview, or of a sample, as a note says. [default: none for 8-bit samples and -f tif, auto for all others]
    #[arg(
        long,
        value_name = "RANGE[;RANGE]...|auto|none",
        value_delimiter = ';',
        value_parser = rescale::rescale,
        allow_hyphen_values = true
    )]
    rescale: Vec<Rescale>,

    /// Makes of samples what they stand for, by the scale and offset that their file has for them, before anything else is
    /// done with them.
    #[arg(long)]
    pub(super) unscale: bool,

    /// Colours for one band: a name of matplotlib's (viridis, terrain_r), over what --rescale makes black to white; or for the
    /// values themselves a file of gdaldem's color-relief, .clr, GMT's .cpt, QGIS's .qml, or JSON, written out or in a file:
    /// '{"1": "#0000ff", "2": [0, 128, 0]}', '[[[0, 10], "#ffffff"], [[10, 99], "#000000"]]'. With --rescale those values are
    /// what it makes, 0 to 255. Colours for nodata (nv) are left out: what is not there is transparent. With --hillshade,
    /// which is then laid over it, the map is of heights: a name over those of --rescale, or from the 1st percentile to the 99th.
    #[arg(long, value_name = "NAME|FILE|JSON", visible_alias = "color-relief")]
    pub(super) colormap: Option<String>,

    /// What is done with the colours in the end, in rio-color's words: 'gamma rgb 1.2, sigmoidal rgb 6 0.4, saturation 1.1'.
    #[arg(long, value_name = "FORMULA", value_parser = parse::formula)]
    color_formula: Option<Formulas>,

    /// Shade of heights, as gdaldem has it: of light from an azimuth, at an altitude, on heights times a factor. Metres
    /// whatever the grid; neighbours across the edges of tiles. [default: 315,45,1]
    #[arg(
        long,
        value_name = "AZ,ALT,Z",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "315,45,1",
        value_parser = parse::lit,
        conflicts_with_all = ["expression", "slope"]
    )]
    hillshade: Option<Lit>,

    /// How --hillshade lights the ground: plain, multidirectional (from four sides; no azimuth), combined (steep ground
    /// darker) or igor (for laying over other maps).
    // What excludes `hillshade` is said once more: clap takes what is excluded for not required.
    #[arg(
        long,
        value_name = "LIGHT",
        value_parser = parse::light,
        requires = "hillshade",
        conflicts_with_all = ["expression", "slope"]
    )]
    light: Option<Light>,

    /// Slope of heights, in degrees or percent. Shown from 0 to 90 degrees, or 100 percent, unless --rescale says otherwise; with
    /// -f tif kept as it is.
    #[arg(
        long,
        value_name = "degrees|percent",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "degrees",
        value_parser = parse::slope,
        conflicts_with = "expression"
    )]
    slope: Option<SlopeUnit>,

    /// With -f terrain-rgb, the height in metres that the code 0 stands for. [default: -10000]
    #[arg(long, value_name = "METRES", allow_hyphen_values = true)]
    height_base: Option<f64>,

    /// With -f terrain-rgb, metres from one code to the next. [default: 0.1]
    #[arg(long, value_name = "METRES", allow_hyphen_values = true)]
    height_interval: Option<f64>,

    /// With -f terrain-rgb and terrarium, how many of the lowest bits heights do without, which makes tiles smaller: 5, or by
    /// zoom 5,9:2,12:0; auto for as many as turn no slope by more than 0.22 degrees. [default: none]
    #[arg(long, value_name = "BITS[,ZOOM:BITS]...|auto|none", value_parser = parse::rounding)]
    round: Option<Rounding>,

    /// With -f terrain-rgb and terrarium, the height of what is not there. Without it, it is transparent.
    #[arg(long, value_name = "METRES", value_parser = parse::metres, allow_hyphen_values = true)]
    nodata_height: Option<f32>,

    /// Writes a legend of --colormap: .png, .svg or .json. One that exists is replaced with --overwrite only.
    #[arg(long, value_name = "FILE", requires = "colormap")]
    pub(super) legend: Option<PathBuf>,

    /// What the legend is of, and in what unit.
    #[arg(long, value_name = "TEXT", requires = "legend")]
    legend_title: Option<String>,
}

/// A colour map, read.
#[derive(Clone)]
pub(super) struct Map(Option<ColorMap>);

impl StyleArgs {
    /// Refuses what makes no sense whatever the sources are, and reads the colour map.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage), and when a file cannot be read.
    pub(super) fn check(&self, format: &TileFormat) -> Result<Map> {
        rescale::check(&self.rescale)?;
        self.check_heights(format)?;
        let map = self.colormap.as_deref().map(parse::colormap).transpose()?;
        Ok(Map(map))
    }

    /// The bands to take for tiles of `format`: those of the expression, or those asked for.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) when both are named, and for more than a picture can have.
    pub(super) fn bands(
        &self,
        asked: &[BandId],
        format: &TileFormat,
    ) -> Result<Option<BandChoice>> {
        let Some(expression) = &self.expression else {
            return match self.keeps_values(format) {
                true => values::any_bands(asked),
                false => values::colours(asked),
            };
        };
        let is_alpha =
            |band: &BandId| matches!(band, BandId::Name(name) if name.eq_ignore_ascii_case("a"));
        if !asked.iter().all(is_alpha) {
            return Err(Error::usage(
                "--bands: the expression names the bands that it takes; expected none but a, for alpha",
            ));
        }
        let band = |name: &String| match numbered_band(name) {
            Some(index) => BandId::Number(index + 1),
            None => BandId::Name(name.clone()),
        };
        let bands = expression.what.bands();
        if bands.is_empty() {
            return Err(Error::usage(
                "--expression: no band; expected at least one, such as b1",
            ));
        }
        Ok(Some(BandChoice {
            colour: bands.iter().map(band).collect(),
            alpha: !asked.is_empty(),
        }))
    }

    /// Whether the samples of a palette are its indices in tiles of `format`.
    pub(super) fn takes_indices(&self, format: &TileFormat) -> bool {
        self.keeps_values(format) || self.colormap.is_some() || self.expression.is_some()
    }

    /// Whether tiles of `format` have the sources' own bands, each by itself, though perhaps stretched.
    pub(super) fn keeps_values(&self, format: &TileFormat) -> bool {
        let made = [
            self.expression.is_some(),
            self.colormap.is_some(),
            self.color_formula.is_some(),
            self.hillshade.is_some(),
            self.slope.is_some(),
        ];
        format.picture.info().is_of_values() && !made.contains(&true)
    }

    /// Whether values are stretched to bytes because somebody wants that.
    pub(super) fn stretches(&self) -> bool {
        !matches!(self.rescale[..], [] | [Rescale::None])
    }

    /// Whether values are made of several bands, which takes all of them.
    pub(super) fn computes(&self) -> bool {
        self.expression.is_some()
    }

    /// Whether samples are heights.
    pub(super) fn takes_heights(&self, format: &TileFormat) -> bool {
        format.heights.is_some() || self.hillshade.is_some() || self.slope.is_some()
    }

    /// The kernel and the reducer where nobody asks for others.
    pub(super) fn usual(
        &self,
        map: &Map,
        format: &TileFormat,
    ) -> (Option<Resampling>, Option<Reducer>) {
        let is_classes = map.0.as_ref().is_some_and(ColorMap::is_categorical);
        if is_classes {
            (Some(Resampling::Nearest), Some(Reducer::Mode))
        } else {
            let is_heights = self.takes_heights(format);
            (is_heights.then_some(Resampling::Bilinear), None)
        }
    }

    /// As they were asked for; null where nothing was.
    pub(super) fn json(&self) -> Value {
        let asked: Vec<String> = self.rescale.iter().map(ToString::to_string).collect();
        let light = self.light.map(|light| {
            let row = Light::NAMES.iter().find(|row| row.1 == light);
            row.map_or("", |row| row.0)
        });
        let slope = self.slope.map(|unit| match unit {
            SlopeUnit::Degrees => "degrees",
            SlopeUnit::Percent => "percent",
        });
        json!({
            "expression": self.expression.as_ref().map(|e| e.what.to_string()),
            "rescale": (!asked.is_empty()).then(|| asked.join(";")),
            "unscale": self.unscale,
            "colormap": self.colormap,
            "color-formula": self.color_formula.as_ref().map(|f| f.text.as_str()),
            "hillshade": self.hillshade.as_ref().map(ToString::to_string),
            "light": light,
            "slope": slope,
            "height-base": self.height_base,
            "height-interval": self.height_interval,
            "round": self.round.as_ref().map(parse::rounding_text),
            "nodata-height": self.nodata_height,
            "legend": self.legend.as_ref().map(|path| path.to_string_lossy()),
            "legend-title": self.legend_title,
        })
    }
}
