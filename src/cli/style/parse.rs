//! Texts of users: expressions, formulas, colour maps.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use azulejo::error::{Error, Result};
use azulejo::style::colormap::ColorMap;
use azulejo::style::expression::Expression;
use azulejo::style::fault::Fault;
use azulejo::style::formula::Formula;
use azulejo::style::relief::{Light, SlopeUnit};
use azulejo::style::terrain::Rounding;

/// Why a value is not one, as clap shows it.
type Refusal = String;

/// An expression.
#[derive(Debug, Clone)]
pub(super) struct Spelled {
    pub(super) what: Arc<Expression>,
}

/// A colour formula, and how it was written.
#[derive(Debug, Clone)]
pub(super) struct Formulas {
    pub(super) what: Arc<Formula>,
    pub(super) text: String,
}

/// Where the light of a hillshade is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lit {
    pub(super) azimuth: f64,
    pub(super) altitude: f64,
    pub(super) z_factor: f64,
}

impl std::fmt::Display for Lit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{}", self.azimuth, self.altitude, self.z_factor)
    }
}

/// `(b2 - b1) / (b2 + b1)`.
pub(super) fn expression(text: &str) -> std::result::Result<Spelled, Refusal> {
    let parsed = Expression::parse(text).map_err(|fault| pointed(&fault, text))?;
    Ok(Spelled {
        what: Arc::new(parsed),
    })
}

/// `gamma rgb 1.2`.
pub(super) fn formula(text: &str) -> std::result::Result<Formulas, Refusal> {
    let parsed = Formula::parse(text).map_err(|fault| pointed(&fault, text))?;
    Ok(Formulas {
        what: Arc::new(parsed),
        text: text.to_owned(),
    })
}

/// `5,9:2,12:0`.
pub(super) fn rounding(text: &str) -> std::result::Result<Rounding, Refusal> {
    Rounding::parse(text).map_err(|fault| pointed(&fault, text))
}

/// What [`rounding`] reads.
pub(super) fn rounding_text(rounding: &Rounding) -> String {
    match rounding {
        Rounding::None => "none".to_owned(),
        Rounding::Auto => "auto".to_owned(),
        Rounding::FromZoom(steps) => {
            let step = |(zoom, bits): &(u8, u8)| match zoom {
                0 => bits.to_string(),
                zoom => format!("{zoom}:{bits}"),
            };
            steps.iter().map(step).collect::<Vec<_>>().join(",")
        }
    }
}

/// The fault with the text below it, and a caret below that.
fn pointed(fault: &Fault, text: &str) -> Refusal {
    let shown = fault.under(text).replace('\n', "\n  ");
    format!("{}\n\n  {shown}", fault.message)
}

/// `315,45,1`, or the first of these.
pub(super) fn lit(text: &str) -> std::result::Result<Lit, Refusal> {
    let expected = "expected AZIMUTH,ALTITUDE,FACTOR, degrees and a number, or the first of these";
    let numbers: Vec<f64> = text
        .split(',')
        .map(|part| part.trim().parse::<f64>().ok().filter(|n| n.is_finite()))
        .collect::<Option<_>>()
        .ok_or(expected)?;
    let (azimuth, altitude, z_factor) = match numbers[..] {
        [azimuth] => (azimuth, 45.0, 1.0),
        [azimuth, altitude] => (azimuth, altitude, 1.0),
        [azimuth, altitude, z_factor] => (azimuth, altitude, z_factor),
        _ => return Err(expected.to_owned()),
    };
    Ok(Lit {
        azimuth,
        altitude,
        z_factor,
    })
}

/// A height.
pub(super) fn metres(text: &str) -> std::result::Result<f32, Refusal> {
    let height = text.trim().parse::<f32>().ok();
    let height = height.filter(|height| height.is_finite());
    height.ok_or_else(|| "expected metres, a finite number".to_owned())
}

pub(super) fn light(text: &str) -> std::result::Result<Light, Refusal> {
    Light::named(text).ok_or_else(|| {
        let names: Vec<&str> = Light::NAMES.iter().map(|row| row.0).collect();
        format!("expected one of {}", names.join(", "))
    })
}

pub(super) fn slope(text: &str) -> std::result::Result<SlopeUnit, Refusal> {
    match text {
        "degrees" => Ok(SlopeUnit::Degrees),
        "percent" => Ok(SlopeUnit::Percent),
        _ => Err("expected degrees or percent".to_owned()),
    }
}

/// The map that `text` names, writes out, or names the file of.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage) for a name that there is not, [`Kind::Input`](azulejo::error::Kind::Input)
/// for a file that is no map.
pub(super) fn colormap(text: &str) -> Result<ColorMap> {
    let path = Path::new(text);
    let is_written_out = text.trim_start().starts_with(['{', '[']);
    if !is_written_out && path.exists() {
        let bytes = fs::read(path)
            .map_err(|error| Error::input(text, format_args!("cannot be read ({error})")))?;
        return ColorMap::from_file(text, &bytes)
            .map_err(|fault| Error::input(text, format_args!("no colour map: {fault}")));
    }
    ColorMap::parse(text).map_err(|fault| {
        if is_written_out {
            Error::usage(format!("--colormap: {}", pointed(&fault, text)))
        } else {
            Error::usage(format!(
                "--colormap: {}; {text:?} is no file",
                fault.message
            ))
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    #[test]
    fn faults_are_pointed_at() {
        let told = expression("b1 + * b2").unwrap_err();
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[2..], ["  b1 + * b2", "       ^"], "{told}");
        assert!(formula("gamma rgb").is_err());
        assert!(rounding("5,3").unwrap_err().contains("^"));
    }

    #[test]
    fn lights_have_one_to_three_numbers() {
        let check = |text: &str, expected: &str| {
            assert_eq!(lit(text).unwrap().to_string(), expected);
        };
        check("315", "315,45,1");
        check("0,30", "0,30,1");
        check("-45, 60, 2.5", "-45,60,2.5");
        for wrong in ["", "x", "1,2,3,4", "1,,2", "nan"] {
            assert!(lit(wrong).unwrap_err().contains("expected"), "{wrong}");
        }
    }

    #[test]
    fn roundings_are_told_as_they_are_read() {
        for text in ["none", "auto", "5", "5,9:2,12:0"] {
            assert_eq!(rounding_text(&rounding(text).unwrap()), text);
        }
    }
}
