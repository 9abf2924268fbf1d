//! Values and colour: from options to a [`Style`].

mod heights;
mod legend;
mod parse;
mod rescale;

use std::path::PathBuf;
use std::sync::Arc;

use azulejo::encode::Format;
use azulejo::error::{Error, Result};
use azulejo::mosaic::Mosaic;
use azulejo::pyramid::budget::Budget;
use azulejo::pyramid::plan::Plan;
use azulejo::raster::SampleType;
use azulejo::raster::kernel::Resampling;
use azulejo::raster::reduce::Reducer;
use azulejo::source::gdal::{BandChoice, BandId};
use azulejo::style::colormap::ColorMap;
use azulejo::style::expression::numbered_band;
use azulejo::style::ground::Ground;
use azulejo::style::legend::Legend;
use azulejo::style::relief::{Hillshade, Light, SlopeUnit};
use azulejo::style::terrain::Rounding;
use azulejo::style::{Form, Step, Style};
use clap::Args;
use serde_json::{Value, json};

use super::console::Console;
use super::interrupt::Interrupt;
use super::values;

pub(super) use self::heights::TileFormat;
pub(super) use self::legend::LegendFile;
use self::parse::{Formulas, Lit, Spelled};
use self::rescale::{Range, Rescale, Stretches, Usual};

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
    #[arg(long, value_name = "LIGHT", value_parser = parse::light, requires = "hillshade")]
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

/// What the tiles will look like, and what is to be told of it.
pub(super) struct Decided {
    /// For the plan.
    pub(super) style: Style,
    /// For the user.
    pub(super) notes: Vec<String>,
    /// For the report: what came of what was asked for.
    pub(super) told: Value,
    /// For the metadata: what a later run, or whoever shows the tiles, must know.
    pub(super) rows: Vec<(String, String)>,
    /// Of the colour map, if there is one.
    legend: Option<Legend>,
}

/// What a survey needs.
pub(super) struct Site<'a> {
    pub(super) mosaic: &'a Mosaic,
    pub(super) plan: &'a Plan,
    pub(super) budget: &'a Budget,
    pub(super) console: &'a Console,
    pub(super) interrupt: &'a Interrupt,
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

    /// Decides what tiles of `format` look like. Looks through the sources where it must.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for what the format cannot hold, and when a source cannot be read.
    pub(super) fn decide(&self, site: &Site, format: &TileFormat, map: Map) -> Result<Decided> {
        let form = Form {
            bands: site.mosaic.bands(),
            sample_type: site.mosaic.sample_type(),
        };
        let mut decided = Decided {
            style: Style::default(),
            notes: Vec::new(),
            told: json!({ "rescale": Value::Null }),
            rows: Vec::new(),
            legend: None,
        };
        let (ground, mut map) = self.ground(site, map.0, &mut decided)?;
        let mut steps: Vec<Step> = Vec::new();
        if let Some(heights) = self.encoded(site, format)? {
            let name = heights.encoding.name().to_owned();
            decided.rows.push(("encoding".to_owned(), name));
            steps.push(Step::Terrain(Arc::new(heights)));
        }
        if let Some(expression) = &self.expression {
            steps.push(Step::Expression(Arc::clone(&expression.what)));
        }
        let before = Style::new(ground, steps, form)?;
        let by_percents = |map: &mut ColorMap| {
            map.needs_range() && self.rescale.is_empty() && self.slope.is_none()
        };
        if let Some(found) = map.take_if(by_percents) {
            let over = over_all(site, &before, found, [0.0, 100.0], &mut decided)?;
            decided.legend = Some(Legend::new(&over.0, Some(over.1), self.title()));
            let steps = [before.steps(), &[Step::ColorMap(Arc::new(over.0))]].concat();
            return self.finished(decided, None, steps, form, format);
        }
        let values = (form, &before, format);
        let stretched = self.stretched(site, values, map.as_ref(), &mut decided)?;
        let ground = before.ground().cloned();
        let mut steps = before.steps().to_vec();
        if let Some(stretched) = &stretched {
            steps.push(Step::Rescale(stretched.list.clone().into()));
        }
        if let Some(found) = map.take() {
            let stretch = stretched
                .as_ref()
                .and_then(|stretched| stretched.list.first());
            decided.legend = Some(match stretch {
                Some(stretch) => Legend::stretched(&found, *stretch, self.title()),
                None => Legend::new(&found, None, self.title()),
            });
            steps.push(Step::ColorMap(Arc::new(found)));
        }
        self.finished(decided, ground, steps, form, format)
    }

    fn title(&self) -> &str {
        self.legend_title.as_deref().unwrap_or_default()
    }

    /// With the colour formula, and checked against the format.
    fn finished(
        &self,
        mut decided: Decided,
        ground: Option<Ground>,
        mut steps: Vec<Step>,
        form: Form,
        format: &TileFormat,
    ) -> Result<Decided> {
        if let Some(formula) = &self.color_formula {
            let plain = Style::new(ground.clone(), steps.clone(), form)?.form(form)?;
            if plain.bands == 1 {
                return Err(Error::usage(
                    "--color-formula: one band, which is gray; expected three of colour",
                )
                .with_help("--colormap NAME, or -b NUMBER,NUMBER,NUMBER"));
            }
            steps.push(Step::Formula(Arc::clone(&formula.what)));
        }
        decided.style = Style::new(ground, steps, form)?;
        check_format(decided.style.form(form)?, format.picture)?;
        Ok(decided)
    }

    /// What base tiles become, and the colour map if it is not used up by that.
    fn ground(
        &self,
        site: &Site,
        map: Option<ColorMap>,
        decided: &mut Decided,
    ) -> Result<(Option<Ground>, Option<ColorMap>)> {
        if let Some(unit) = self.slope {
            return Ok((Some(Ground::Slope(unit)), map));
        }
        let Some(lit) = &self.hillshade else {
            return Ok((None, map));
        };
        let light = self.light.unwrap_or(Light::Plain);
        let hillshade = Hillshade::new(light, lit.azimuth, lit.altitude, lit.z_factor)?;
        let Some(map) = map else {
            if !self.rescale.is_empty() {
                return Err(Error::usage(
                    "--rescale: a range for shade, which has its own; expected --colormap NAME beside it, whose heights these are",
                ));
            }
            return Ok((Some(Ground::Shade(hillshade)), None));
        };
        // Of heights: a map without values of its own is over all of them.
        let (map, over) = if map.takes_range() {
            let (map, range) = self.over_heights(site, map, decided)?;
            (map, Some(range))
        } else if self.rescale.is_empty() {
            (map, None)
        } else {
            return Err(Error::usage(
                "--rescale: a colour map with heights of its own under --hillshade; expected one without, such as a name",
            ));
        };
        decided.legend = Some(Legend::new(&map, over, self.title()));
        Ok((Some(Ground::ShadedColours(hillshade, Arc::new(map))), None))
    }

    /// `map`, which has no heights of its own, over those asked for; or over nearly all of them.
    fn over_heights(
        &self,
        site: &Site,
        map: ColorMap,
        decided: &mut Decided,
    ) -> Result<(ColorMap, (f64, f64))> {
        let percents = match self.rescale[..] {
            [] if map.needs_range() => [0.0, 100.0],
            [] => [1.0, 99.0],
            [Rescale::Auto] => [2.0, 98.0],
            [Rescale::To(Range::Percents(low, high))] => [low, high],
            [Rescale::To(Range::Values(low, high))] => {
                let map = map.with_range(low, high);
                let map =
                    map.map_err(|fault| Error::usage(format!("--rescale: {}", fault.message)))?;
                return Ok((map, (low, high)));
            }
            _ => {
                return Err(Error::usage(
                    "--rescale: none, or more than one range, for heights under --hillshade; expected MIN,MAX or pLOW,pHIGH",
                ));
            }
        };
        over_all(site, &Style::default(), map, percents, decided)
    }

    /// The stretch of what `before` makes of values of the form `form` for tiles of `format`, if there is one.
    fn stretched(
        &self,
        site: &Site,
        (form, before, format): (Form, &Style, &TileFormat),
        map: Option<&ColorMap>,
        decided: &mut Decided,
    ) -> Result<Option<Stretches>> {
        let values = before.form(form)?;
        // A map with values of its own wants them as they are.
        let own = map.is_some_and(|map| !map.takes_range());
        let as_they_are = format.picture.info().is_of_values() && map.is_none();
        let usual = match self.slope {
            _ if own || as_they_are => Usual::Nothing,
            Some(SlopeUnit::Degrees) => Usual::Range(0.0, 90.0),
            Some(SlopeUnit::Percent) => Usual::Range(0.0, 100.0),
            None => Usual::ByDepth,
        };
        let Some(ranges) = rescale::ranges(&self.rescale, values, usual) else {
            return Ok(None);
        };
        if before.ground().is_some() && ranges.iter().any(rescale::Range::is_percents) {
            return Err(Error::usage(
                "--rescale: percentiles of a slope, which nobody has looked at before the tiles are made; expected MIN,MAX",
            ));
        }
        let stretched = rescale::stretches(&ranges, values, before, site)?;
        decided
            .notes
            .extend(rescale::note(&self.rescale, values, &stretched));
        if self.rescale.is_empty()
            && is_one_of_reals(values)
            && self.slope.is_none()
            && map.is_none()
            && self.expression.is_none()
        {
            decided.notes.push(
                "one band of floating point, shown in gray: of heights, --hillshade or -f terrarium shows more".to_owned(),
            );
        }
        decided.told = stretched.told();
        if stretched.of.is_some() {
            decided.rows.push(("rescale".to_owned(), stretched.text()));
        }
        Ok(Some(stretched))
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

/// `map` over the values between two percents of all that `before` makes.
fn over_all(
    site: &Site,
    before: &Style,
    map: ColorMap,
    percents: [f64; 2],
    decided: &mut Decided,
) -> Result<(ColorMap, (f64, f64))> {
    let survey = rescale::look(site, before, &percents)?;
    let (low, high) = match survey.percentiles[..] {
        [ref one] => (one[0], one[1]),
        ref many => {
            return Err(
                Error::usage(format!("--colormap: {} bands; expected one", many.len()))
                    .with_help("-b NUMBER, or --expression"),
            );
        }
    };
    let (text, of) = (percents.map(|p| p.to_string()).join(" % to "), &survey.of);
    decided.notes.push(format!(
        "colours are over values from {low} to {high}, {text} % of {of}"
    ));
    decided.told = json!({ "colours": [low, high], "percentiles_of": of });
    let map = map
        .with_range(low, high)
        .map_err(|fault| Error::usage(format!("--colormap: {}", fault.message)))?;
    Ok((map, (low, high)))
}

fn is_one_of_reals(form: Form) -> bool {
    form.bands == 1 && matches!(form.sample_type, SampleType::F32 | SampleType::F64)
}

/// Refuses pictures that the format cannot hold: scaling them down unasked would be silent loss.
fn check_format(form: Form, format: Format) -> Result<()> {
    let Form { bands, sample_type } = form;
    if format.info().is_of_values() {
        return Ok(());
    }
    if bands != 1 && bands != 3 {
        let help =
            "--expression 'red; green; blue' makes three, -b NUMBER,NUMBER,NUMBER takes them";
        return Err(Error::usage(format!(
            "{bands} bands in a tile; expected 1, which is gray, or 3, which are red, green and blue"
        ))
        .with_help(help));
    }
    match sample_type {
        SampleType::U8 => Ok(()),
        SampleType::U16 if format.info().sixteen_bits => Ok(()),
        SampleType::U16 => Err(Error::usage(format!(
            "--rescale none: 16-bit samples, which {format} tiles cannot hold; expected 8-bit ones"
        ))
        .with_help("-f png keeps all 16 bits, --rescale auto makes 8 of them")),
        other => Err(Error::usage(format!(
            "--rescale none: {} samples; expected 8-bit or 16-bit unsigned ones, which tiles can hold",
            other.gdal_name()
        ))
        .with_help("--rescale auto, or --rescale MIN,MAX")),
    }
}
