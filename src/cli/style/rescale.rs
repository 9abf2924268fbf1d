//! `--rescale`: from what is asked for to stretches.

use azulejo::error::{Error, Result};
use azulejo::pyramid::Progress;
use azulejo::pyramid::survey::{Means, Survey, survey};
use azulejo::raster::SampleType;
use azulejo::style::rescale::Stretch;
use azulejo::style::{Form, Style};
use serde_json::{Value, json};

use super::Site;
use crate::cli::progress::{Meter, Phase};

/// Between these percents of all values lies what `auto` shows.
const AUTO: Range = Range::Percents(2.0, 98.0);

/// What is asked for, for one band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rescale {
    None,
    Auto,
    To(Range),
}

/// What becomes black and white.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Range {
    Values(f64, f64),
    Percents(f64, f64),
}

/// `0,3000`, `p2,p98`, `auto`, `none`.
pub(super) fn rescale(text: &str) -> std::result::Result<Rescale, String> {
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
            if !(high - low).is_finite() {
                return Err(format!("{low} and {high} are too far apart; {expected}"));
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

/// Refuses a list that means nothing.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage).
pub(super) fn check(asked: &[Rescale]) -> Result<()> {
    let alone = |rescale: &Rescale| matches!(rescale, Rescale::None | Rescale::Auto);
    if asked.len() > 1 && asked.iter().any(alone) {
        return Err(Error::usage(
            "--rescale: auto and none are for all bands; expected one of them alone, or a range for each band",
        ));
    }
    Ok(())
}

/// The ranges for values of the form `form`, one for all bands or one for each; `None` where values stay. `by_itself` is what
/// holds where nothing is asked for.
pub(super) fn ranges(asked: &[Rescale], form: Form, by_itself: Usual) -> Option<Vec<Range>> {
    match (asked, by_itself) {
        ([], Usual::Range(low, high)) => Some(vec![Range::Values(low, high)]),
        ([], Usual::Nothing) | ([Rescale::None], _) => None,
        ([], Usual::ByDepth) if form.sample_type == SampleType::U8 => None,
        ([] | [Rescale::Auto], _) => Some(vec![AUTO]),
        _ => {
            let asked = asked.iter().filter_map(|rescale| match rescale {
                Rescale::To(range) => Some(*range),
                _ => None,
            });
            Some(asked.collect())
        }
    }
}

/// What becomes of values that nobody has said anything about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Usual {
    /// Bytes stay, all others are stretched.
    ByDepth,
    /// They have one range by their nature.
    Range(f64, f64),
    /// They stay.
    Nothing,
}

impl Range {
    /// Whether all pixels must be looked at for it.
    pub(super) fn is_percents(&self) -> bool {
        matches!(self, Self::Percents(..))
    }
}

/// What the user should know: where nothing was asked for, that something is done; and always what percentiles are.
pub(super) fn note(asked: &[Rescale], form: Form, stretched: &Stretches) -> Option<String> {
    let of = stretched.of.as_ref()?;
    let ranges = stretched.text();
    let what = format!("{} values are stretched to 8 bits", form.sample_type);
    Some(match asked {
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

/// Stretches, and where they come from.
pub(super) struct Stretches {
    /// One for each band.
    pub(super) list: Vec<Stretch>,
    /// What percentiles are of, if there are any.
    pub(super) of: Option<String>,
    n_pixels: Option<u64>,
}

impl Stretches {
    /// As `--rescale` takes them.
    pub(super) fn text(&self) -> String {
        let ranges: Vec<String> = self.list.iter().map(ToString::to_string).collect();
        ranges.join(";")
    }

    /// For the report.
    pub(super) fn told(&self) -> Value {
        let ranges = self.list.iter().map(|stretch| [stretch.low, stretch.high]);
        json!({
            "rescale": ranges.collect::<Vec<_>>(),
            "percentiles_of": self.of,
            "percentiles_pixels": self.n_pixels,
        })
    }
}

/// One stretch for each band of `form`, which may take a look at all pixels.
pub(super) fn stretches(
    ranges: &[Range],
    form: Form,
    before: &Style,
    site: &Site,
) -> Result<Stretches> {
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
        .then(|| look(site, before, &asked))
        .transpose()?;
    let numbers = survey
        .iter()
        .flat_map(|survey| survey.percentiles.iter().flatten());
    if !numbers.copied().all(f64::is_finite) {
        return Err(Error::usage(
            "--rescale: values beyond 3.4e38, of which percentiles are not found; expected MIN,MAX",
        ));
    }
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

/// The percentiles of what `before` makes of the mosaic.
pub(super) fn look(site: &Site, before: &Style, percents: &[f64]) -> Result<Survey> {
    let look = || look_through(site, before, percents);
    site.surveys.find(percents, look)
}

fn look_through(site: &Site, before: &Style, percents: &[f64]) -> Result<Survey> {
    let mut meter = Meter::start(site.console, Phase::Surveying);
    let mut tick = |done: u64, planned: u64| {
        site.interrupt.check()?;
        meter.update(&Progress::of(done, planned));
        Ok(())
    };
    let means = Means {
        jobs: site.budget.jobs,
        windows_px: (site.budget.window_px, site.budget.most_window_px),
    };
    survey(site.mosaic, site.plan, before, percents, means, &mut tick)
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
            "",
            "1",
            "-1e308,1e308",
            "p2",
            "p2,98",
            "p98,p2",
            "p2,p2",
            "p-1,p5",
            "p2,p101",
            "nan,1",
            "0,inf",
            "1,2,3",
            "Auto",
            "0;1",
        ] {
            let told = rescale(wrong).unwrap_err();
            assert!(told.contains("expected"), "{wrong}: {told}");
        }
    }
}
