//! Colours written as JSON, as rio-tiler and titiler read them: for single values, or for intervals.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;

use super::segments::Segments;
use super::stops::{Given, Rule, Stops};
use super::{ColorMap, Colors, Fault, Rgba, color, finite};

/// The map that `text`, which begins with a brace or a bracket, writes.
pub(super) fn parse(text: &str) -> Result<ColorMap, Fault> {
    if text.starts_with('{') {
        values(text)
    } else {
        intervals(text)
    }
}

fn values(text: &str) -> Result<ColorMap, Fault> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let pairs = reader.deserialize_map(Pairs).and_then(|pairs| {
        reader.end()?;
        Ok(pairs)
    });
    let pairs = pairs.map_err(|error| broken(text, &error))?;
    let (mut given, mut seen) = (Vec::new(), BTreeSet::new());
    for (number, (key, value)) in pairs.iter().enumerate() {
        let fault = |message: String| Fault::new(column(text, number), message);
        let at = finite(key.trim())
            .ok_or_else(|| fault(format!("key \"{key}\"; expected a value, like \"12\"")))?;
        // There is one zero.
        if !seen.insert((at + 0.0).to_bits()) {
            return Err(fault(format!("a second colour for {at}; expected one")));
        }
        given.push(Given::new(at, color_of(value).map_err(fault)?));
    }
    if given.is_empty() {
        return Err(Fault::new(
            1,
            "no colours; expected {\"1\": \"#rrggbb\", …}",
        ));
    }
    Ok(Colors::Stops(Stops::new(given, Rule::Exact)).into())
}

fn intervals(text: &str) -> Result<ColorMap, Fault> {
    let rows: Vec<Value> = serde_json::from_str(text).map_err(|error| broken(text, &error))?;
    let mut layers = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let fault = |message: String| Fault::new(column(text, number), message);
        let layer = interval(row).map_err(fault)?;
        layers.push(layer);
    }
    if layers.is_empty() {
        return Err(Fault::new(
            1,
            "no colours; expected [[[0, 10], \"#rrggbb\"], …]",
        ));
    }
    Ok(Colors::Segments(Segments::layered(&layers)).into())
}

fn interval(row: &Value) -> Result<(f64, f64, Rgba), String> {
    let both = row.as_array().map(Vec::as_slice);
    let Some([ends, color]) = both else {
        return Err(format!("{}; expected [[min, max], colour]", short(row)));
    };
    let numbers = ends.as_array().map(Vec::as_slice);
    let ends = match numbers {
        Some([low, high]) => low.as_f64().zip(high.as_f64()),
        _ => None,
    };
    match ends {
        Some((low, high)) if low < high => Ok((low, high, color_of(color)?)),
        Some((low, high)) => Err(format!(
            "an interval from {low} to {high}; expected the lesser value first"
        )),
        None => Err(format!("{}; expected [[min, max], colour]", short(row))),
    }
}

fn color_of(value: &Value) -> Result<Rgba, String> {
    let found = match value {
        Value::String(text) => color::from_hex(text),
        Value::Array(channels) => from_channels(channels),
        _ => None,
    };
    found.ok_or_else(|| {
        format!(
            "colour {}; expected \"#rrggbb\", [r, g, b] or [r, g, b, a] from 0 to 255",
            short(value)
        )
    })
}

fn from_channels(channels: &[Value]) -> Option<Rgba> {
    let mut color = [255; 4];
    if !(3..=4).contains(&channels.len()) {
        return None;
    }
    for (place, channel) in color.iter_mut().zip(channels) {
        *place = channel.as_u64()?.try_into().ok()?;
    }
    Some(color)
}

/// A value in a message.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What serde says about a text that is no JSON.
fn broken(text: &str, error: &serde_json::Error) -> Fault {
    let said = error.to_string();
    let message = said.split(" at line ").next().unwrap_or(&said);
    // It counts bytes of the line.
    let lines = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1));
    let before: usize = lines.map(str::len).sum();
    let end = (before + error.column().saturating_sub(1)).min(text.len());
    let column = text.char_indices().take_while(|(at, _)| *at < end).count() + 1;
    Fault::new(column, format!("no JSON: {message}"))
}

/// Where the member or element with this number begins, in characters from 1. The text is whole JSON.
fn column(text: &str, number: usize) -> usize {
    let (mut depth, mut seen, mut quoted, mut escaped, mut awaited) = (0, 0, false, false, false);
    for (at, c) in text.chars().enumerate() {
        if awaited && !c.is_whitespace() {
            if seen == number {
                return at + 1;
            }
            seen += 1;
            awaited = false;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' => {
                depth += 1;
                awaited = depth == 1;
            }
            '}' | ']' => depth -= 1,
            ',' if depth == 1 => awaited = true,
            _ => {}
        }
    }
    1
}

/// An object's members in order, those too that are there twice.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}
