//! Legends: what the colours of a map mean, as pixels, SVG or JSON.
//!
//! A ramp is drawn as a bar with some five round values below it, classes and single values as patches with labels. Colours
//! that can be seen through lie on gray checks.
//!
//! Absent here: encoders (pixels are handed back) and fonts of the system (pixels have letters of our own, SVG names none).

mod draw;
mod font;
mod svg;
#[cfg(test)]
mod tests;
mod ticks;

use serde_json::{Value, json};

use super::colormap::{ColorMap, Entry, Nature, Rgba};
use super::rescale::Stretch;

/// A legend, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Legend {
    title: String,
    body: Body,
    /// What [`Legend::json`] says.
    json: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Body {
    Ramp(Ramp),
    /// Patches with labels; how many more there are.
    Patches(Vec<(Rgba, String)>, usize),
}

#[derive(Debug, Clone, PartialEq)]
struct Ramp {
    /// From left to right, over the whole range.
    colors: Vec<Rgba>,
    /// Where along the bar, from 0 to 1, and what.
    ticks: Vec<(f64, String)>,
}

/// Colours of a bar: one a pixel at the least scale.
const BAR: usize = 256;

/// Patches in a drawing; with more it would be higher than a screen.
const PATCHES_MAX: usize = 40;

/// An image: width, height, and four bytes a pixel, rows from the top.
pub type Pixels = (usize, usize, Vec<u8>);

impl Legend {
    /// The legend of `map` for values in `range`, or those that the map has colours for. `title` says what the values are, and
    /// in what unit; it may be empty.
    pub fn new(map: &ColorMap, range: Option<(f64, f64)>, title: &str) -> Self {
        Self::of(
            map.nature(),
            |value| map.color(value),
            map.entries(),
            range,
            title,
        )
    }

    /// The same where `map` gives colours to what `stretch` has made of the values.
    pub fn stretched(map: &ColorMap, stretch: Stretch, title: &str) -> Self {
        let Stretch { low, high } = stretch;
        let value = |byte: f64| low + (high - low) * (byte / 255.0);
        let mut entries = map.entries();
        for entry in &mut entries {
            let ends = (value(entry.from), value(entry.to));
            (entry.from, entry.to) = (ends.0.min(ends.1), ends.0.max(ends.1));
        }
        if high < low {
            entries.reverse();
        }
        let color = |value: f64| map.color(f64::from(stretch.byte(value)));
        let range = (low.min(high), low.max(high));
        Self::of(map.nature(), color, entries, Some(range), title)
    }

    fn of(
        nature: Nature,
        color: impl Fn(f64) -> Rgba,
        entries: Vec<Entry>,
        range: Option<(f64, f64)>,
        title: &str,
    ) -> Self {
        // What cannot be drawn is left out.
        let title: String = title
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let (body, mut json) = match nature {
            Nature::Ramp => ramp(color, &entries, range.unwrap_or_else(|| extent(&entries))),
            nature => patches(&entries, nature, range),
        };
        json["title"] = title.trim().into();
        Self {
            title: title.trim().into(),
            body,
            json,
        }
    }

    /// The legend as pixels, letters and bar `scale` times as large as the least (5 × 7 pixels a letter).
    pub fn pixels(&self, scale: usize) -> Pixels {
        draw::pixels(self, scale.clamp(1, 16))
    }

    /// The legend as an SVG document that needs nothing else.
    pub fn svg(&self) -> String {
        svg::document(self)
    }

    /// The legend as JSON: `type` (`ramp`, `classes` or `values`), `title`, and `stops` with `value` and `color`, `range` and
    /// `ticks` of a ramp, or `entries` with `value` (or `from` and `to`, null for no end), `color` and `label`.
    pub fn json(&self) -> &Value {
        &self.json
    }
}

/// From the least value to the greatest, as far as they are finite.
fn extent(entries: &[Entry]) -> (f64, f64) {
    let ends = entries.iter().flat_map(|entry| [entry.from, entry.to]);
    let finite = ends.filter(|end| end.is_finite());
    let (min, max) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), end| {
        (min.min(end), max.max(end))
    });
    if min <= max { (min, max) } else { (0.0, 255.0) }
}

fn ramp(color: impl Fn(f64) -> Rgba, entries: &[Entry], (min, max): (f64, f64)) -> (Body, Value) {
    let at = |share: f64| min * (1.0 - share) + max * share;
    let colors = (0..BAR).map(|k| color(at(k as f64 / (BAR - 1) as f64)));
    let ticks = ticks::round_values(min, max);
    let inside = entries
        .iter()
        .filter(|entry| min < entry.from && entry.from < max);
    let mut stops = vec![json!({"value": number(min), "color": hex(color(min))})];
    stops.extend(inside.map(|entry| {
        let mut stop = json!({"value": number(entry.from), "color": hex(entry.color)});
        if let Some(label) = &entry.label {
            stop["label"] = label.as_str().into();
        }
        stop
    }));
    stops.push(json!({"value": number(max), "color": hex(color(max))}));
    let json = json!({
        "type": "ramp",
        "range": [number(min), number(max)],
        "ticks": ticks.iter().map(|tick| number(tick.0)).collect::<Vec<_>>(),
        "stops": stops,
    });
    let whole = max - min;
    let share = |value: f64| {
        if whole > 0.0 {
            ((value - min) / whole).clamp(0.0, 1.0)
        } else {
            0.5
        }
    };
    let ramp = Ramp {
        colors: colors.collect(),
        ticks: ticks
            .into_iter()
            .map(|(value, label)| (share(value), label))
            .collect(),
    };
    (Body::Ramp(ramp), json)
}

fn patches(entries: &[Entry], nature: Nature, range: Option<(f64, f64)>) -> (Body, Value) {
    let (min, max) = range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    // A class's upper end may be part of it or not.
    let meets = |entry: &&Entry| entry.to >= min && entry.from <= max;
    let shown: Vec<&Entry> = entries.iter().filter(meets).collect();
    let listed = shown.iter().map(|entry| {
        let mut listed = match nature {
            Nature::Classes => json!({"from": number(entry.from), "to": number(entry.to)}),
            _ => json!({"value": number(entry.from)}),
        };
        listed["color"] = hex(entry.color).into();
        listed["label"] = label(entry).into();
        listed
    });
    let json = json!({
        "type": if nature == Nature::Classes { "classes" } else { "values" },
        "entries": listed.collect::<Vec<_>>(),
    });
    let all = shown.iter().map(|entry| (entry.color, label(entry)));
    let drawn: Vec<_> = all.take(PATCHES_MAX).collect();
    let n_more = shown.len() - drawn.len();
    (Body::Patches(drawn, n_more), json)
}

/// The label that an entry has, or its values.
fn label(entry: &Entry) -> String {
    if let Some(label) = &entry.label {
        return label
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
    }
    match (entry.from.is_finite(), entry.to.is_finite()) {
        (true, true) if entry.from == entry.to => ticks::short(entry.from),
        (true, true) => format!("{} – {}", ticks::short(entry.from), ticks::short(entry.to)),
        (true, false) => format!("> {}", ticks::short(entry.from)),
        (false, true) => format!("≤ {}", ticks::short(entry.to)),
        (false, false) => "all".into(),
    }
}

/// A number in JSON, which has no infinity; whole ones without a point.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

/// `#rrggbb`, with alpha if it is not whole.
fn hex([r, g, b, a]: Rgba) -> String {
    let color = format!("#{r:02x}{g:02x}{b:02x}");
    if a == 255 {
        color
    } else {
        format!("{color}{a:02x}")
    }
}
