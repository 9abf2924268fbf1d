//! Lines of a value and its colour: what `gdaldem color-relief` reads, what QGIS exports as text, and `.clr` files.

use super::stops::{At, Given, Rule, Stops};
use super::{ColorMap, Colors, FileFault, Rgba, color, finite};

/// Whose lines they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// gdaldem's, or QGIS's if they say so: colours between values.
    Relief,
    /// `.clr`: colours for these values alone.
    Clr,
}

/// What gdaldem parts the fields of a line by.
const SEPARATORS: [char; 4] = [' ', ',', '\t', ':'];

/// What a line says.
enum Line {
    Nothing,
    Nodata(Rgba),
    Stop(Given),
    Rule(Rule),
}

pub(super) fn parse(text: &str, kind: Kind) -> Result<ColorMap, FileFault> {
    let mut rule = match kind {
        Kind::Relief => Rule::Linear { clip: false },
        Kind::Clr => Rule::Exact,
    };
    let (mut given, mut nodata) = (Vec::new(), None);
    for (number, line) in (1..).zip(text.lines()) {
        match read(line).map_err(|message| FileFault::at(number, message))? {
            Line::Nothing => {}
            Line::Nodata(color) => nodata = Some(color),
            Line::Stop(stop) => {
                let endless = matches!(stop.at, At::Value(value) if value.is_infinite());
                if endless && rule != Rule::UpTo {
                    let message = "a colour at infinity; expected a finite value";
                    return Err(FileFault::at(number, message));
                }
                given.push(stop);
            }
            Line::Rule(other) => rule = other,
        }
    }
    if given.is_empty() {
        let message = "no colours; expected lines of value, red, green, blue and perhaps alpha";
        return Err(FileFault::whole(message));
    }
    let mut map = ColorMap::from(Colors::Stops(Stops::new(given, rule)));
    map.nodata = nodata;
    Ok(map)
}

fn read(line: &str) -> Result<Line, String> {
    let line = line.trim();
    if line.starts_with('#') || line.starts_with('/') {
        return Ok(Line::Nothing);
    }
    if let Some(rule) = line.strip_prefix("INTERPOLATION:") {
        return rule_of(rule.trim()).map(Line::Rule);
    }
    let mut fields: Vec<&str> = line
        .split(SEPARATORS)
        .filter(|field| !field.is_empty())
        .collect();
    let Some(&first) = fields.first() else {
        return Ok(Line::Nothing);
    };
    // What stands behind a colour may be a comment; `#` just behind the value begins a colour.
    let n = fields
        .iter()
        .skip(2)
        .position(|field| field.starts_with('#') || field.starts_with("//"));
    fields.truncate(n.map_or(fields.len(), |n| n + 2));
    let (color, rest) = color_of(&fields[1..])?;
    if first.eq_ignore_ascii_case("nv") || first.eq_ignore_ascii_case("nan") {
        return Ok(Line::Nodata(color));
    }
    let label = label(line, fields.len() - rest.len());
    let at = at(first)?;
    Ok(Line::Stop(Given { at, color, label }))
}

/// What is written behind so many fields, without a comment. In QGIS's lines a label is all behind the fifth comma.
fn label(line: &str, n_fields: usize) -> Option<String> {
    let mut rest = line;
    for _ in 0..n_fields {
        rest = rest.trim_start_matches(SEPARATORS);
        rest = &rest[rest.find(SEPARATORS).unwrap_or(rest.len())..];
    }
    let label = match line.splitn(6, ',').nth(5) {
        Some(label) => label,
        None => rest.trim_start_matches(SEPARATORS),
    };
    let end = [" #", " //"]
        .iter()
        .filter_map(|comment| label.find(comment))
        .min();
    let label = label[..end.unwrap_or(label.len())].trim();
    let is_comment = label.starts_with('#') || label.starts_with("//");
    (!label.is_empty() && !is_comment).then(|| label.to_owned())
}

fn rule_of(name: &str) -> Result<Rule, String> {
    match name {
        "INTERPOLATED" => Ok(Rule::Linear { clip: false }),
        "DISCRETE" => Ok(Rule::UpTo),
        "EXACT" => Ok(Rule::Exact),
        _ => Err(format!(
            "interpolation '{name}'; expected INTERPOLATED, DISCRETE or EXACT"
        )),
    }
}

fn at(field: &str) -> Result<At, String> {
    if let Some(percent) = field.strip_suffix('%') {
        return match finite(percent) {
            Some(percent) if (0.0..=100.0).contains(&percent) => Ok(At::Share(percent / 100.0)),
            _ => Err(format!(
                "value '{field}'; expected a percentage from 0% to 100%"
            )),
        };
    }
    match field.parse::<f64>() {
        Ok(value) if !value.is_nan() => Ok(At::Value(value)),
        _ => Err(format!(
            "value '{field}'; expected a number, a percentage or nv"
        )),
    }
}

/// A colour, and the fields behind it.
fn color_of<'a>(fields: &'a [&'a str]) -> Result<(Rgba, &'a [&'a str]), String> {
    let name = *fields
        .first()
        .ok_or("a value alone; expected red, green and blue, or a colour's name, behind it")?;
    if let Some([r, g, b]) = color::of_gdaldem(name) {
        let alpha = alpha(fields.get(1))?;
        return Ok(([r, g, b, alpha], fields.get(2..).unwrap_or_default()));
    }
    if let Some(color) = color::from_hex(name) {
        return Ok((color, &fields[1..]));
    }
    if finite(name).is_none() {
        return Err(format!(
            "colour '{name}'; expected red, green and blue from 0 to 255, or a name like white"
        ));
    }
    let [r, g, b, rest @ ..] = fields else {
        return Err(format!(
            "{} of red, green and blue; expected all three",
            fields.len()
        ));
    };
    let [r, g, b] = [channel(r)?, channel(g)?, channel(b)?];
    // QGIS's fifth field is always alpha; words there are a label.
    let is_alpha = rest.first().is_some_and(|field| finite(field).is_some());
    let a = if is_alpha { alpha(rest.first())? } else { 255 };
    Ok(([r, g, b, a], if is_alpha { &rest[1..] } else { rest }))
}

fn alpha(field: Option<&&str>) -> Result<u8, String> {
    field.map_or(Ok(255), |field| channel(field))
}

/// A channel; what is behind a decimal point is cut off, as gdaldem does.
fn channel(field: &str) -> Result<u8, String> {
    match finite(field) {
        Some(value) if (0.0..256.0).contains(&value) => Ok(value as u8),
        _ => Err(format!("colour value '{field}'; expected 0 to 255")),
    }
}
