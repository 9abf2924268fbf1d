//! Colour maps: from one value to red, green, blue and alpha.
//!
//! A map has a name ([`ColorMap::parse`] knows matplotlib's), is typed as JSON ([`ColorMap::parse`] too), stands in a file
//! ([`ColorMap::from_file`]: GDAL's text for `gdaldem color-relief`, `.clr`, GMT's `.cpt`, QGIS's `.qml`, JSON), or is the
//! palette of a source ([`ColorMap::from_palette`]). All end as one of three: a table of 256 colours over a range, colours at
//! values (with or without those between), or colours over intervals.
//!
//! Absent here: files (callers read them), resampling, and the values' own history: a value is a number that the map knows, or
//! does not. What it does not know, and what is not a number, becomes transparent.
//!
//! Arithmetic is f64, added and multiplied in one order, so that colours are the same on every processor.

mod color;
mod cpt;
mod json;
mod named;
mod qml;
mod segments;
mod stops;
#[cfg(test)]
mod tests;
mod text;
mod xml;

use std::fmt;

use self::named::Table;
use self::segments::Segments;
use self::stops::Stops;
use super::fault::Fault;

/// Red, green, blue and alpha; colours are not multiplied by alpha.
pub type Rgba = [u8; 4];

/// What a value has that no colour is for.
const TRANSPARENT: Rgba = [0; 4];

/// What is wrong with the contents of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    /// The line, from 1; `None` if it is the file as a whole.
    pub line: Option<usize>,
    /// What was found, and what was expected.
    pub message: String,
}

impl FileFault {
    fn at(line: usize, message: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            message: message.into(),
        }
    }

    fn whole(message: impl Into<String>) -> Self {
        Self {
            line: None,
            message: message.into(),
        }
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for FileFault {}

/// What becomes of a value between those that a map gives colours for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// A colour between theirs; beyond the ends, the colour at the end. As gdaldem does by default.
    Interpolated,
    /// The colour of the nearest, of the greater one if both are as near. As gdaldem's `-nearest_color_entry`.
    Nearest,
    /// Nothing: transparent. As gdaldem's `-exact_color_entry`.
    Nothing,
}

/// How a map's entries are meant, for legends and metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Colours that run into each other; entries are stops.
    Ramp,
    /// One colour from a value to another; entries are intervals.
    Classes,
    /// A colour for each of some values; entries are these.
    Values,
}

/// One colour of a map, and what for.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The least value, perhaps minus infinity.
    pub from: f64,
    /// The value up to which the colour goes, perhaps infinity; the same as `from` for stops and single values.
    pub to: f64,
    /// The colour.
    pub color: Rgba,
    /// What the file calls it.
    pub label: Option<String>,
}

/// A function from one value to a colour.
#[derive(Debug, Clone, PartialEq)]
pub struct ColorMap {
    colors: Colors,
    nodata: Option<Rgba>,
}

#[derive(Debug, Clone, PartialEq)]
enum Colors {
    Table(Table),
    Stops(Stops),
    Segments(Segments),
}

impl ColorMap {
    /// The map that `text` names (matplotlib's names in any case, with `_r` turned round), or that it writes as JSON: colours
    /// for values, `{"1": "#rrggbb", "2": [r, g, b, a]}`, or for intervals without their upper ends,
    /// `[[[0, 10], "#rrggbb"], [[10, 20], [r, g, b, a]]]`, of which later ones lie over earlier ones.
    ///
    /// # Errors
    ///
    /// If there is no such name, or the JSON is none of the two.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let start = text.trim_start();
        let skipped = text.chars().count() - start.chars().count();
        let parsed = if start.starts_with(['{', '[']) {
            json::parse(start.trim_end())
        } else {
            named::table(start.trim_end()).map(|table| Colors::Table(table).into())
        };
        parsed.map_err(|fault| Fault::new(fault.column + skipped, fault.message))
    }

    /// The map in a file with these `bytes`. `name` is the file's and tells by its ending what is inside: `.cpt` is GMT's,
    /// `.qml` a style of QGIS, `.clr` values with one colour each, `.json` what [`ColorMap::parse`] reads; others are looked
    /// into, and are lines of `value red green blue [alpha]` as gdaldem reads them if they are nothing else.
    ///
    /// # Errors
    ///
    /// If the file is not of its kind, with the line where that shows.
    pub fn from_file(name: &str, bytes: &[u8]) -> Result<Self, FileFault> {
        if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
            return Err(FileFault::whole("text in UTF-16; expected UTF-8"));
        }
        // Labels in other encodings are no reason to refuse a map.
        let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes));
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("cpt") => return cpt::parse(&text),
            Some("qml") => return qml::parse(&text),
            Some("clr") => return text::parse(&text, text::Kind::Clr),
            Some("json") => return from_json(&text),
            _ => {}
        }
        match text.trim_start().chars().next() {
            Some('<') => qml::parse(&text),
            Some('{' | '[') => from_json(&text),
            _ if cpt::looks_so(&text) => cpt::parse(&text),
            _ => text::parse(&text, text::Kind::Relief),
        }
    }

    /// The palette of a source: the color of value k is `palette[k]`, and other values have none.
    pub fn from_palette(palette: &[Rgba]) -> Self {
        let stops = palette.iter().enumerate();
        let given = stops.map(|(k, &color)| stops::Given::new(k as f64, color));
        Colors::Stops(Stops::new(given.collect(), stops::Rule::Exact)).into()
    }

    /// Whether [`ColorMap::with_range`] would change the map.
    pub fn takes_range(&self) -> bool {
        match &self.colors {
            Colors::Table(_) => true,
            Colors::Stops(stops) => stops.has_percentages(),
            Colors::Segments(_) => false,
        }
    }

    /// Whether the map gives colours for percentages, and needs to be told of what: see [`ColorMap::with_range`].
    pub fn needs_range(&self) -> bool {
        matches!(&self.colors, Colors::Stops(stops) if stops.has_percentages() && !stops.has_range())
    }

    /// The map from `min` to `max`. Maps that have names and percentages are from 0 to 255 until then: for values that were
    /// rescaled to 8 bits.
    ///
    /// # Errors
    ///
    /// If the numbers are not finite and in order, or the map has values of its own.
    pub fn with_range(mut self, min: f64, max: f64) -> Result<Self, Fault> {
        if !(min.is_finite() && max.is_finite() && min <= max) {
            let found =
                format!("a range from {min} to {max}; expected two numbers, the lesser first");
            return Err(Fault::new(1, found));
        }
        match &mut self.colors {
            Colors::Table(table) => table.set_range(min, max),
            Colors::Stops(stops) if stops.has_percentages() => stops.set_range(min, max),
            _ => {
                return Err(Fault::new(
                    1,
                    "the colour map has values of its own; expected no range",
                ));
            }
        }
        Ok(self)
    }

    /// The map with another rule for values between those that it has colours for.
    ///
    /// # Errors
    ///
    /// If the map does not give colours for single values: one with a name, or of intervals.
    pub fn with_between(mut self, between: Between) -> Result<Self, Fault> {
        match &mut self.colors {
            Colors::Stops(stops) => {
                stops.set_rule(match between {
                    Between::Interpolated => stops::Rule::Linear { clip: false },
                    Between::Nearest => stops::Rule::Nearest,
                    Between::Nothing => stops::Rule::Exact,
                })?;
                Ok(self)
            }
            _ => Err(Fault::new(
                1,
                "the colour map has no entries for single values; expected a file or JSON with such",
            )),
        }
    }

    /// Whether values are names of things, like those of a palette, so that between two there is nothing, and resampling
    /// should be by nearest or mode.
    pub fn is_categorical(&self) -> bool {
        matches!(&self.colors, Colors::Stops(stops) if stops.rule() == stops::Rule::Exact)
    }

    /// How [`ColorMap::entries`] are meant.
    pub fn nature(&self) -> Nature {
        match &self.colors {
            Colors::Table(_) => Nature::Ramp,
            Colors::Stops(stops) => stops.nature(),
            Colors::Segments(segments) => segments.nature(),
        }
    }

    /// The colours in the order of their values: 256 for a map that has a name, else as the file or text gives them.
    pub fn entries(&self) -> Vec<Entry> {
        match &self.colors {
            Colors::Table(table) => table.entries(),
            Colors::Stops(stops) => stops.entries(),
            Colors::Segments(segments) => segments.entries(),
        }
    }

    /// The colour that the map gives to nodata (`nv` of gdaldem's files, `N` of GMT's). Nothing is painted with it here: under
    /// mask 0 stays nothing, as what lies outside of a source is masked as well.
    pub fn nodata(&self) -> Option<Rgba> {
        self.nodata
    }

    /// The colour of a value; transparent, `[0, 0, 0, 0]`, if there is none, and for what is not a number.
    pub fn color(&self, value: f64) -> Rgba {
        if value.is_nan() {
            return TRANSPARENT;
        }
        let color = match &self.colors {
            Colors::Table(table) => table.color(value),
            Colors::Stops(stops) => stops.color(value),
            Colors::Segments(segments) => segments.color(value),
        };
        if color[3] == 0 { TRANSPARENT } else { color }
    }

    /// Paints `values` into `rgb` (three bytes a value) and multiplies `mask` by the colours' alpha. What is masked out is
    /// black, also after that.
    ///
    /// # Panics
    ///
    /// If the lengths do not fit.
    pub fn apply(&self, values: &[f32], mask: &mut [u8], rgb: &mut [u8]) {
        let n = values.len();
        assert!(
            mask.len() == n && rgb.len() == 3 * n,
            "a mask byte and three colour bytes a value"
        );
        match &self.colors {
            Colors::Table(table) => paint(values, mask, rgb, |value| table.color(value.into())),
            Colors::Stops(stops) => match stops.dense() {
                Some(dense) => paint(values, mask, rgb, |value| {
                    dense
                        .get(value)
                        .unwrap_or_else(|| stops.color(value.into()))
                }),
                None => paint(values, mask, rgb, |value| stops.color(value.into())),
            },
            Colors::Segments(segments) => {
                paint(values, mask, rgb, |value| segments.color(value.into()));
            }
        }
    }
}

impl From<Colors> for ColorMap {
    fn from(colors: Colors) -> Self {
        Self {
            colors,
            nodata: None,
        }
    }
}

/// [`ColorMap::apply`] for one kind of map, so that the kind is asked for once.
fn paint(values: &[f32], mask: &mut [u8], rgb: &mut [u8], color: impl Fn(f32) -> Rgba) {
    let pixels = rgb.as_chunks_mut::<3>().0;
    for ((&value, mask), pixel) in values.iter().zip(mask).zip(pixels) {
        let seen = *mask != 0 && !value.is_nan();
        let [r, g, b, a] = if seen { color(value) } else { TRANSPARENT };
        *mask = times(*mask, a);
        *pixel = if *mask == 0 { [0; 3] } else { [r, g, b] };
    }
}

/// The product of two shares of 255, rounded.
fn times(a: u8, b: u8) -> u8 {
    ((u32::from(a) * u32::from(b) + 127) / 255) as u8
}

/// Whether a text can be the number of something on a map: finite.
fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A JSON file: faults are told by line.
fn from_json(text: &str) -> Result<ColorMap, FileFault> {
    if !text.trim_start().starts_with(['{', '[']) {
        return Err(FileFault::whole(
            "no JSON object or array; expected {\"1\": \"#rrggbb\", …} or [[[0, 10], \"#rrggbb\"], …]",
        ));
    }
    ColorMap::parse(text).map_err(|fault| {
        let before = text.chars().take(fault.column.saturating_sub(1));
        FileFault::at(1 + before.filter(|&c| c == '\n').count(), fault.message)
    })
}
