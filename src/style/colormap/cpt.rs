//! GMT's colour palette tables: a colour, or two to run between, for each slice of values.
//!
//! Colours are those that GMT gives, but where a table says nothing: beyond its ends without lines `B` and `F` is the colour at
//! the end, as with gdaldem (GMT has black and white), and between slices that do not meet, which GMT refuses, and for keys
//! that are not there is nothing.

use super::segments::{Model, Segment, Segments};
use super::stops::{Given, Rule, Stops};
use super::{ColorMap, Colors, FileFault, Rgba, color, finite};

/// Whether a text without an ending that tells is one: gdaldem goes by the same.
pub(super) fn looks_so(text: &str) -> bool {
    let comments = text.lines().filter(|line| line.starts_with('#'));
    comments.clone().any(|line| line.contains("COLOR_MODEL"))
}

/// What has been read so far.
#[derive(Default)]
struct Table {
    hsv: bool,
    /// With a plus sign colours are also mixed as they are written.
    mixed_in_hsv: bool,
    /// What the values of the file are stretched to.
    range: Option<(f64, f64)>,
    slices: Vec<Segment>,
    keys: Vec<Given>,
    below: Option<Rgba>,
    above: Option<Rgba>,
    nodata: Option<Rgba>,
}

pub(super) fn parse(text: &str) -> Result<ColorMap, FileFault> {
    let mut table = Table::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let read = match line.strip_prefix('#') {
            Some(comment) => table.comment(comment),
            None => table.line(line),
        };
        read.map_err(|message| FileFault::at(number, message))?;
    }
    table.finish()
}

impl Table {
    fn comment(&mut self, comment: &str) -> Result<(), String> {
        let Some((key, value)) = comment.split_once('=') else {
            // A hinge moves with the data where GMT stretches a table.
            return match comment.trim() {
                "SOFT_HINGE" | "HARD_HINGE" => Err(hinge()),
                _ => Ok(()),
            };
        };
        let value = value.trim();
        match key.trim() {
            "COLOR_MODEL" => {
                let model = value.to_ascii_lowercase();
                let plain = model.strip_prefix('+').unwrap_or(&model);
                self.hsv = match plain {
                    "rgb" => false,
                    "hsv" => true,
                    _ => return Err(format!("colour model '{value}'; expected RGB or HSV")),
                };
                self.mixed_in_hsv = self.hsv && model.starts_with('+');
                Ok(())
            }
            "RANGE" => {
                let both = value.split_once('/');
                let both =
                    both.and_then(|(min, max)| Some((finite(min.trim())?, finite(max.trim())?)));
                match both {
                    Some((min, max)) if min < max => {
                        self.range = Some((min, max));
                        Ok(())
                    }
                    _ => Err(format!(
                        "range '{value}'; expected two numbers like -8000/8000"
                    )),
                }
            }
            "HINGE" => Err(hinge()),
            _ => Ok(()),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (line, label) = match line.split_once(';') {
            Some((line, label)) => (line, Some(label.trim().to_owned())),
            None => (line, None),
        };
        let mut fields: Vec<&str> = line.split_whitespace().collect();
        // Which ends are annotated.
        if fields.len() > 2 && matches!(fields.last(), Some(&("L" | "U" | "B"))) {
            fields.pop();
        }
        match fields.as_slice() {
            [] => Ok(()),
            ["B", color @ ..] => self.single(color).map(|color| self.below = Some(color)),
            ["F", color @ ..] => self.single(color).map(|color| self.above = Some(color)),
            ["N", color @ ..] => self.single(color).map(|color| self.nodata = Some(color)),
            [key, color] => {
                let (at, color) = (number(key)?, self.single(&[color])?);
                let mut key = Given::new(at, color);
                key.label = label;
                self.keys.push(key);
                Ok(())
            }
            [low, from, high, to] => self.slice(low, &[from], high, &[to], label),
            [low, r, g, b, high, x, y, z] => self.slice(low, &[r, g, b], high, &[x, y, z], label),
            _ => Err(format!(
                "{} fields; expected a slice: value, colour, value, colour, each colour one field or three",
                fields.len()
            )),
        }
    }

    fn slice(
        &mut self,
        low: &str,
        from: &[&str],
        high: &str,
        to: &[&str],
        label: Option<String>,
    ) -> Result<(), String> {
        let from = self.color(from)?;
        // A dash is the colour at the lower end again.
        let to = if to == ["-"] { from } else { self.color(to)? };
        let slice = Segment {
            low: number(low)?,
            high: number(high)?,
            from,
            to,
            model: if self.mixed_in_hsv {
                Model::Hsv
            } else {
                Model::Rgb
            },
            label,
        };
        if slice.low >= slice.high {
            return Err(format!(
                "a slice from {low} to {high}; expected the lesser value first"
            ));
        }
        if let Some(before) = self.slices.last().filter(|before| before.high > slice.low) {
            return Err(format!(
                "a slice from {low}; expected no less than {}, where the one above ends",
                before.high
            ));
        }
        self.slices.push(slice);
        Ok(())
    }

    /// A colour as bytes.
    fn single(&self, fields: &[&str]) -> Result<Rgba, String> {
        let [x, y, z, a] = self.color(fields)?;
        let [r, g, b] = if self.mixed_in_hsv {
            color::from_hsv([x, y, z])
        } else {
            [x, y, z]
        };
        Ok([r, g, b, a].map(|channel| (channel + 0.5) as u8))
    }

    /// A colour in one field or three: three numbers in the model that is mixed in, and alpha.
    fn color(&self, fields: &[&str]) -> Result<[f64; 4], String> {
        match *fields {
            [field] => self.one_field(field),
            [x, y, z] => self
                .three(&[x, y, z], self.hsv)
                .ok_or_else(|| bad(&fields.join(" "), self.hsv)),
            _ => Err(format!(
                "{} fields of a colour; expected one or three",
                fields.len()
            )),
        }
    }

    fn one_field(&self, field: &str) -> Result<[f64; 4], String> {
        if field == "-" {
            return Ok([0.0; 4]);
        }
        let (color, clear) = match field.split_once('@') {
            Some((color, clear)) => (
                color,
                finite(clear).filter(|clear| (0.0..=100.0).contains(clear)),
            ),
            None => (field, Some(0.0)),
        };
        let clear =
            clear.ok_or_else(|| format!("colour '{field}'; expected a percentage behind the @"))?;
        let slashes: Vec<&str> = color.split('/').collect();
        let dashes: Vec<&str> = color.split('-').collect();
        let found = if let [_, _, _] = slashes[..] {
            self.three(&slashes, false)
        } else if let [_, _, _] = dashes[..] {
            self.three(&dashes, true)
        } else if let Some(gray) = finite(color).filter(|gray| (0.0..=255.0).contains(gray)) {
            Some(self.mixable([gray; 3]))
        } else if let Some([r, g, b, _]) = color::from_hex(color).filter(|_| color.len() == 7) {
            Some(self.mixable([r, g, b].map(f64::from)))
        } else {
            color::of_x11(color).map(|rgb| self.mixable(rgb.map(f64::from)))
        };
        let mut found = found.ok_or_else(|| bad(field, false))?;
        found[3] = 255.0 * (1.0 - clear / 100.0);
        Ok(found)
    }

    fn three(&self, fields: &[&str], hsv: bool) -> Option<[f64; 4]> {
        let mut three = [0.0; 3];
        for (k, field) in fields.iter().enumerate() {
            let most = if !hsv {
                255.0
            } else if k == 0 {
                360.0
            } else {
                1.0
            };
            three[k] = finite(field).filter(|value| (0.0..=most).contains(value))?;
        }
        Some(match (hsv, self.mixed_in_hsv) {
            (true, true) => [three[0], three[1], three[2], 255.0],
            (true, false) => self.mixable(color::from_hsv(three)),
            (false, _) => self.mixable(three),
        })
    }

    /// Red, green and blue in the model that is mixed in, whole.
    fn mixable(&self, rgb: [f64; 3]) -> [f64; 4] {
        let [x, y, z] = if self.mixed_in_hsv {
            color::to_hsv(rgb)
        } else {
            rgb
        };
        [x, y, z, 255.0]
    }

    fn finish(mut self) -> Result<ColorMap, FileFault> {
        let colors = match (self.slices.is_empty(), self.keys.is_empty()) {
            (true, true) => {
                return Err(FileFault::whole(
                    "no colours; expected slices: value, colour, value, colour",
                ));
            }
            (false, false) => {
                let message = "both slices and single values; expected one of them";
                return Err(FileFault::whole(message));
            }
            (true, false) => Colors::Stops(Stops::new(self.keys, Rule::Exact)),
            (false, true) => {
                self.stretch()?;
                Colors::Segments(Segments::continued(self.slices, self.below, self.above))
            }
        };
        Ok(ColorMap {
            colors,
            nodata: self.nodata,
        })
    }

    /// Tables that GMT keeps for any use go from 0 to 1 and say what range they are meant for.
    fn stretch(&mut self) -> Result<(), FileFault> {
        let (Some((min, max)), [first, .., last] | [first @ last]) =
            (self.range, self.slices.as_slice())
        else {
            return Ok(());
        };
        let (low, high) = (first.low, last.high);
        let place = |value: f64| min + (value - low) / (high - low) * (max - min);
        for slice in &mut self.slices {
            (slice.low, slice.high) = (place(slice.low), place(slice.high));
            let apart = slice.low < slice.high;
            if !apart {
                return Err(FileFault::whole(
                    "slices too thin for the range; expected a range that keeps them apart",
                ));
            }
        }
        Ok(())
    }
}

fn hinge() -> String {
    "a hinge, which GMT moves with the data; expected a table made for its values, as makecpt writes".into()
}

fn bad(color: &str, hsv: bool) -> String {
    if hsv {
        format!("colour '{color}'; expected hue from 0 to 360, saturation and value from 0 to 1")
    } else {
        format!(
            "colour '{color}'; expected red, green and blue from 0 to 255, a gray, #rrggbb, h-s-v or a name"
        )
    }
}

fn number(field: &str) -> Result<f64, String> {
    finite(field).ok_or_else(|| format!("value '{field}'; expected a number"))
}
