//! Values and colour: from options to a [`Style`].

use azulejo::encode::Format;
use azulejo::error::{Error, Result};
use azulejo::mosaic::Mosaic;
use azulejo::pyramid::Progress;
use azulejo::pyramid::budget::Budget;
use azulejo::pyramid::plan::Plan;
use azulejo::pyramid::survey::{Means, Survey, survey};
use azulejo::raster::SampleType;
use azulejo::style::rescale::Stretch;
use azulejo::style::{Form, Step, Style};
use clap::Args;
use serde_json::{Value, json};

use super::console::Console;
use super::interrupt::Interrupt;
use super::progress::{Meter, Phase};

/// Between these percents of all values lies what `auto` shows.
const AUTO: Range = Range::Percents(2.0, 98.0);

/// Options of values and colour.
#[derive(Args)]
#[command(next_help_heading = "Values and colour")]
pub(super) struct StyleArgs {
    /// What becomes black and white: MIN,MAX; or two percentiles of all values that are shown, p2,p98; one such range for
    /// all bands, or one for each with ; between them. auto is p2,p98; none keeps 16-bit samples as they are, in 16-bit
    /// PNG. Percentiles are of the whole mosaic, the same for every tile, found before the first one: of all pixels, of an
    /// overview, or of a sample, as a note says. [default: none for 8-bit samples, auto for all others]
    #[arg(
        long,
        value_name = "RANGE[;RANGE]...|auto|none",
        value_delimiter = ';',
        value_parser = rescale,
        allow_hyphen_values = true
    )]
    rescale: Vec<Rescale>,

    /// Makes of samples what they stand for, by the scale and offset that their file has for them, before anything else is
    /// done with them.
    #[arg(long)]
    pub(super) unscale: bool,
}

/// What is asked for, for one band.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rescale {
    None,
    Auto,
    To(Range),
}

/// What becomes black and white.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Range {
    Values(f64, f64),
    Percents(f64, f64),
}

/// `0,3000`, `p2,p98`, `auto`, `none`.
fn rescale(text: &str) -> std::result::Result<Rescale, String> {
    let expected = "expected MIN,MAX, pLOW,pHIGH, auto or none";
    match text.trim() {
        "auto" => return Ok(Rescale::Auto),
        "none" => return Ok(Rescale::None),
        _ => {}
    }
    let (low, high) = text.split_once(',').ok_or(expected)?;
    let number = |text: &str| -> std::result::Result<f64, String> {
        let number: f64 = text.trim().parse().map_err(|_| expected.to_owned())?;
        let finite = number.is_finite().then_some(number);
        finite.ok_or_else(|| format!("{text} is no finite number; {expected}"))
    };
    let percent = |text: &str| text.trim().strip_prefix('p').map(number);
    match (percent(low), percent(high)) {
        (Some(low), Some(high)) => {
            let (low, high) = (low?, high?);
            if !(0.0 <= low && low < high && high <= 100.0) {
                return Err(format!(
                    "p{low} and p{high} are no range; expected percents from 0 to 100, the lower one first"
                ));
            }
            Ok(Rescale::To(Range::Percents(low, high)))
        }
        (None, None) => {
            let (low, high) = (number(low)?, number(high)?);
            if low == high {
                return Err(format!("{low} twice is no range; {expected}"));
            }
            Ok(Rescale::To(Range::Values(low, high)))
        }
        _ => Err(format!("a value and a percentile; {expected}")),
    }
}

impl std::fmt::Display for Rescale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Auto => f.write_str("auto"),
            Self::To(Range::Values(low, high)) => write!(f, "{low},{high}"),
            Self::To(Range::Percents(low, high)) => write!(f, "p{low},p{high}"),
        }
    }
}

/// What the tiles will look like, and what is to be told of it.
pub(super) struct Decided {
    /// For the plan.
    pub(super) style: Style,
    /// For the user.
    pub(super) notes: Vec<String>,
    /// For the report: what was asked for and what came of it.
    pub(super) told: Value,
}

/// What a survey needs.
pub(super) struct Site<'a> {
    pub(super) mosaic: &'a Mosaic,
    pub(super) plan: &'a Plan,
    pub(super) budget: &'a Budget,
    pub(super) console: &'a Console,
    pub(super) interrupt: &'a Interrupt,
}

impl StyleArgs {
    /// Refuses what makes no sense whatever the sources are.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage).
    pub(super) fn check(&self) -> Result<()> {
        let alone = |rescale: &Rescale| matches!(rescale, Rescale::None | Rescale::Auto);
        if self.rescale.len() > 1 && self.rescale.iter().any(alone) {
            return Err(Error::usage(
                "--rescale: auto and none are for all bands; expected one of them alone, or a range for each band",
            ));
        }
        Ok(())
    }

    /// Decides what tiles of `format` look like. Looks through the sources where it must.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for what the format cannot hold, and when a source cannot be read.
    pub(super) fn decide(&self, site: &Site, format: Format) -> Result<Decided> {
        let mosaic = site.mosaic;
        let form = Form {
            bands: mosaic.bands(),
            sample_type: mosaic.sample_type(),
        };
        let mut decided = Decided {
            style: Style::default(),
            notes: Vec::new(),
            told: json!({ "rescale": Value::Null }),
        };
        if let Some(ranges) = self.ranges(form) {
            let stretched = stretches(&ranges, form, site)?;
            decided.notes.extend(self.note(form, &stretched));
            decided.told = stretched.told();
            decided.style = Style::new(None, vec![Step::Rescale(stretched.list.into())], form)?;
        }
        check_format(decided.style.form(form)?, format)?;
        Ok(decided)
    }

    /// As they were asked for; null where nothing was.
    pub(super) fn json(&self) -> Value {
        let asked: Vec<String> = self.rescale.iter().map(ToString::to_string).collect();
        json!({
            "rescale": (!asked.is_empty()).then(|| asked.join(";")),
            "unscale": self.unscale,
        })
    }

    /// The ranges, one for all bands or one for each; `None` where values stay.
    fn ranges(&self, form: Form) -> Option<Vec<Range>> {
        match self.rescale[..] {
            [] if form.sample_type == SampleType::U8 => None,
            [] | [Rescale::Auto] => Some(vec![AUTO]),
            [Rescale::None] => None,
            _ => {
                let asked = self.rescale.iter().filter_map(|rescale| match rescale {
                    Rescale::To(range) => Some(*range),
                    _ => None,
                });
                Some(asked.collect())
            }
        }
    }

    /// What the user should know: where nothing was asked for, that something is done; and always what percentiles are.
    fn note(&self, form: Form, stretched: &Stretches) -> Option<String> {
        let of = stretched.of.as_ref()?;
        let ranges: Vec<String> = stretched.list.iter().map(ToString::to_string).collect();
        let ranges = ranges.join(";");
        let what = format!("{} values are stretched to 8 bits", form.sample_type);
        Some(match self.rescale[..] {
            [] => {
                let keep = if form.sample_type == SampleType::U16 {
                    ", --rescale none keeps 16 bits"
                } else {
                    ""
                };
                format!("{what}, 2 % to 98 % of {of}: --rescale '{ranges}' is the same{keep}")
            }
            _ => format!("{what}, percentiles of {of}: --rescale '{ranges}' is the same"),
        })
    }
}

/// Stretches, and where they come from.
struct Stretches {
    /// One for each band.
    list: Vec<Stretch>,
    /// What percentiles are of, if there are any.
    of: Option<String>,
    n_pixels: Option<u64>,
}

impl Stretches {
    fn told(&self) -> Value {
        let ranges = self.list.iter().map(|stretch| [stretch.low, stretch.high]);
        json!({
            "rescale": ranges.collect::<Vec<_>>(),
            "percentiles_of": self.of,
            "percentiles_pixels": self.n_pixels,
        })
    }
}

/// One stretch for each band of `form`, which may take a look at all pixels.
fn stretches(ranges: &[Range], form: Form, site: &Site) -> Result<Stretches> {
    if ranges.len() != 1 && ranges.len() != form.bands {
        return Err(Error::usage(format!(
            "--rescale: {} ranges for {} bands; expected one, or one for each",
            ranges.len(),
            form.bands
        )));
    }
    // Of each range its own percents, and the ends for where these are one value.
    let percents = |range: &Range| match *range {
        Range::Percents(low, high) => vec![low, high, 0.0, 100.0],
        Range::Values(..) => Vec::new(),
    };
    let asked: Vec<f64> = ranges.iter().flat_map(percents).collect();
    let survey = (!asked.is_empty())
        .then(|| look(site, &asked))
        .transpose()?;
    let found = |survey: &Survey, band: usize, (low, high): (f64, f64)| {
        let at = |percent: f64| {
            let k = asked.iter().position(|asked| *asked == percent);
            survey.percentiles[band][k.expect("every percent was asked for")]
        };
        let all = (at(0.0), at(100.0));
        if at(low) < at(high) {
            (at(low), at(high))
        } else {
            all
        }
    };
    let of_band = |band: usize| {
        let range = ranges[if ranges.len() == 1 { 0 } else { band }];
        let (low, high) = match (range, &survey) {
            (Range::Percents(low, high), Some(survey)) => found(survey, band, (low, high)),
            (Range::Values(low, high) | Range::Percents(low, high), _) => (low, high),
        };
        Stretch { low, high }
    };
    Ok(Stretches {
        list: (0..form.bands).map(of_band).collect(),
        n_pixels: survey.as_ref().map(|survey| survey.n_pixels),
        of: survey.map(|survey| survey.of),
    })
}

fn look(site: &Site, percents: &[f64]) -> Result<Survey> {
    let mut meter = Meter::start(site.console, Phase::Surveying);
    let mut tick = |done: u64, planned: u64| {
        site.interrupt.check()?;
        meter.update(&Progress {
            done,
            planned,
            stored: 0,
            bytes: 0,
        });
        Ok(())
    };
    let means = Means {
        jobs: site.budget.jobs,
        windows_px: (site.budget.window_px, site.budget.most_window_px),
    };
    let before = Style::default();
    survey(site.mosaic, site.plan, &before, percents, means, &mut tick)
}

/// Refuses pictures that the format cannot hold: scaling them down unasked would be silent loss.
fn check_format(form: Form, format: Format) -> Result<()> {
    let Form { bands, sample_type } = form;
    match sample_type {
        SampleType::U8 => {}
        SampleType::U16 if format.info().sixteen_bits => {}
        SampleType::U16 => {
            return Err(Error::usage(format!(
                "--rescale none: 16-bit samples, which {format} tiles cannot hold; expected 8-bit ones"
            ))
            .with_help("-f png keeps all 16 bits, --rescale auto makes 8 of them"));
        }
        other => {
            return Err(Error::usage(format!(
                "--rescale none: {} samples; expected 8-bit or 16-bit unsigned ones, which tiles can hold",
                other.gdal_name()
            ))
            .with_help("--rescale auto, or --rescale MIN,MAX"));
        }
    }
    if bands != 1 && bands != 3 {
        return Err(Error::usage(format!(
            "{bands} bands in a tile; expected 1 or 3"
        )));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    #[test]
    fn ranges_are_values_or_percents() {
        assert_eq!(rescale("auto"), Ok(Rescale::Auto));
        assert_eq!(rescale("none"), Ok(Rescale::None));
        let values = Rescale::To(Range::Values(-1.5, 1e3));
        assert_eq!(rescale("-1.5, 1e3"), Ok(values));
        let turned = Rescale::To(Range::Values(3.0, 0.0));
        assert_eq!(rescale("3,0"), Ok(turned));
        let percents = Rescale::To(Range::Percents(2.0, 99.5));
        assert_eq!(rescale("p2,p99.5"), Ok(percents));
        for range in [values, turned, percents] {
            assert_eq!(rescale(&range.to_string()), Ok(range));
        }
        for wrong in [
            "", "1", "1,1", "p2", "p2,98", "p98,p2", "p2,p2", "p-1,p5", "p2,p101", "nan,1",
            "0,inf", "1,2,3", "Auto", "0;1",
        ] {
            let told = rescale(wrong).unwrap_err();
            assert!(told.contains("expected"), "{wrong}: {told}");
        }
    }
}
