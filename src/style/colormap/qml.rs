//! Styles of QGIS: the colours of a raster with one band, as a ramp or as a palette.
//!
//! Colours between entries are rounded, where QGIS cuts off: they can be one level apart.

use super::stops::{At, Given, Rule, Stops};
use super::xml::{Tag, Tags};
use super::{ColorMap, Colors, FileFault, color, finite};

pub(super) fn parse(text: &str) -> Result<ColorMap, FileFault> {
    let (mut rule, mut given, mut opacity) = (None, Vec::new(), 1.0);
    // Styles have other items, too.
    let mut inside = false;
    let mut renderer = None;
    for tag in Tags::of(text) {
        let tag = tag.map_err(|(line, message)| FileFault::at(line, message))?;
        let read = match tag.name {
            "colorrampshader" | "colorPalette" if tag.closes => {
                inside = false;
                Ok(())
            }
            _ if tag.closes => Ok(()),
            "rasterrenderer" => {
                renderer = tag.get("type");
                opacity_of(&tag).map(|value| opacity = value)
            }
            "colorrampshader" => {
                inside = true;
                rule_of(&tag).map(|found| rule = Some(found))
            }
            "colorPalette" => {
                (inside, rule) = (true, Some(Rule::Exact));
                Ok(())
            }
            "item" | "paletteEntry" if inside => {
                entry(&tag, rule == Some(Rule::UpTo)).map(|entry| given.push(entry))
            }
            _ => Ok(()),
        };
        read.map_err(|message| FileFault::at(tag.line, message))?;
    }
    if given.is_empty() {
        let found = renderer.map_or("no style of a raster".into(), |name| {
            format!("a style of type '{name}'")
        });
        return Err(FileFault::whole(format!(
            "{found} without colours for values; expected one of type singlebandpseudocolor or paletted"
        )));
    }
    for entry in &mut given {
        entry.color[3] = (f64::from(entry.color[3]) * opacity + 0.5) as u8;
    }
    let rule = rule.unwrap_or(Rule::Exact);
    Ok(Colors::Stops(Stops::new(given, rule)).into())
}

fn opacity_of(tag: &Tag) -> Result<f64, String> {
    let Some(text) = tag.get("opacity") else {
        return Ok(1.0);
    };
    let opacity = finite(&text).filter(|opacity| (0.0..=1.0).contains(opacity));
    opacity.ok_or_else(|| format!("opacity '{text}'; expected 0 to 1"))
}

fn rule_of(tag: &Tag) -> Result<Rule, String> {
    let name = tag.get("colorRampType").unwrap_or("INTERPOLATED".into());
    match name.as_str() {
        "INTERPOLATED" => Ok(Rule::Linear {
            clip: tag.get("clip").as_deref() == Some("1"),
        }),
        "DISCRETE" => Ok(Rule::UpTo),
        "EXACT" => Ok(Rule::Exact),
        _ => Err(format!(
            "colorRampType '{name}'; expected INTERPOLATED, DISCRETE or EXACT"
        )),
    }
}

/// An entry; the last of classes may go up to infinity.
fn entry(tag: &Tag, endless: bool) -> Result<Given, String> {
    let missing = |what: &str| {
        format!("an entry without {what}; expected value, color and perhaps alpha and label")
    };
    let value = tag.get("value").ok_or_else(|| missing("a value"))?;
    let at = match value.parse::<f64>() {
        Ok(at) if at.is_finite() || (endless && !at.is_nan()) => at,
        _ => return Err(format!("value '{value}'; expected a number")),
    };
    let text = tag.get("color").ok_or_else(|| missing("a color"))?;
    let [r, g, b, _] =
        color::from_hex(&text).ok_or_else(|| format!("colour '{text}'; expected #rrggbb"))?;
    let alpha = match tag.get("alpha") {
        Some(text) => text
            .parse()
            .map_err(|_| format!("alpha '{text}'; expected 0 to 255"))?,
        None => 255,
    };
    Ok(Given {
        at: At::Value(at),
        color: [r, g, b, alpha],
        label: tag.get("label").filter(|label| !label.is_empty()),
    })
}
