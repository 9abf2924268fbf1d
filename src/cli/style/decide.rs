//! What is decided of [`StyleArgs`] when the sources are known: the [`Style`], and what is said of it.

use std::sync::Arc;

use azulejo::encode::Format;
use azulejo::error::{Error, Result};
use azulejo::mosaic::Mosaic;
use azulejo::pyramid::budget::Budget;
use azulejo::pyramid::plan::Plan;
use azulejo::raster::SampleType;
use azulejo::style::colormap::ColorMap;
use azulejo::style::ground::Ground;
use azulejo::style::legend::Legend;
use azulejo::style::relief::{Hillshade, Light, SlopeUnit};
use azulejo::style::{Form, Step, Style};
use serde_json::{Value, json};

use super::heights::TileFormat;
use super::rescale::{self, Range, Rescale, Stretches, Usual};
use super::{Map, StyleArgs, Surveys};
use crate::cli::console::Console;
use crate::cli::interrupt::Interrupt;

/// What the tiles will look like, and what is to be told of it.
pub(in crate::cli) struct Decided {
    /// For the plan.
    pub(in crate::cli) style: Style,
    /// For the user.
    pub(in crate::cli) notes: Vec<String>,
    /// For the report: what came of what was asked for.
    pub(in crate::cli) told: Value,
    /// For the metadata: what a later run, or whoever shows the tiles, must know.
    pub(in crate::cli) rows: Vec<(String, String)>,
    /// Of the colour map, if there is one.
    pub(super) legend: Option<Legend>,
}

/// What a survey needs.
pub(in crate::cli) struct Site<'a> {
    pub(in crate::cli) mosaic: &'a Mosaic,
    pub(in crate::cli) plan: &'a Plan,
    pub(in crate::cli) budget: &'a Budget,
    pub(in crate::cli) console: &'a Console,
    pub(in crate::cli) interrupt: &'a Interrupt,
    /// What need not be looked for again.
    pub(in crate::cli) surveys: &'a Surveys,
}

impl StyleArgs {
    /// Decides what tiles of `format` look like. Looks through the sources where it must.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for what the format cannot hold, and when a source cannot be read.
    pub(in crate::cli) fn decide(
        &self,
        site: &Site,
        format: &TileFormat,
        map: Map,
    ) -> Result<Decided> {
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
