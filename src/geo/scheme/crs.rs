//! How tile matrix sets name coordinate systems, and what the axes of one are.
//!
//! GDAL knows the axes, so this is the one file of `geo`, besides `transform`, that calls it.

use std::path::Path;

use gdal::spatial_ref::SpatialRef;
use serde_json::{Map, Value};

/// The first axis and the unit of a coordinate system.
pub(super) struct Axes {
    /// Whether coordinates are written north before east.
    pub(super) north_first: bool,
    /// The short name of the first axis, e.g. `E`, `N`, `X`, `Lat`.
    pub(super) first_abbreviation: String,
    /// Metres in one unit; for degrees, along the equator of the ellipsoid.
    pub(super) metres_per_unit: f64,
}

/// What GDAL's `SetFromUserInput` understands, made of the `crs` (17-083r4) or `supportedCRS` (17-083r2)
/// of a tile matrix set: a URI, or an object with `uri`, `wkt` or `referenceSystem`. `None` for anything else.
pub(super) fn definition(crs: &Value) -> Option<String> {
    match crs {
        Value::String(text) => from_text(text),
        Value::Object(object) => object
            .get("uri")
            .and_then(Value::as_str)
            .and_then(from_text)
            .or_else(|| object.get("wkt").and_then(from_wkt))
            .or_else(|| object.get("referenceSystem").and_then(from_metadata)),
        _ => None,
    }
}

/// `EPSG:2193` from any spelling of an OGC name; other text as it is, for GDAL to judge. No addresses on the web but
/// OGC's, and no paths: GDAL would go and fetch the ones, and read the others, pipes too.
fn from_text(text: &str) -> Option<String> {
    let text = text.trim();
    // A "safe CURIE": [EPSG:3857].
    let text = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    if let Some((authority, version, code)) = from_url(text).or_else(|| from_urn(text)) {
        return match authority.to_ascii_uppercase().as_str() {
            // PROJ has one authority for each edition of these.
            "IAU" if !version.is_empty() => Some(format!("IAU_{version}:{code}")),
            authority => Some(format!("{authority}:{code}")),
        };
    }
    let remote = ["http://", "https://", "/vsi"]
        .iter()
        .any(|prefix| text.to_ascii_lowercase().starts_with(prefix));
    (!text.is_empty() && !remote && !Path::new(text).exists()).then(|| text.to_owned())
}

/// Authority, version and code of `http://www.opengis.net/def/crs/EPSG/0/3857`.
fn from_url(text: &str) -> Option<(&str, &str, &str)> {
    let text = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))?;
    let path = text
        .strip_prefix("www.")
        .unwrap_or(text)
        .strip_prefix("opengis.net/def/crs/")?;
    match path.split('/').collect::<Vec<_>>()[..] {
        [authority, version, code] if !code.is_empty() => Some((authority, version, code)),
        _ => None,
    }
}

/// Authority, version and code of `urn:ogc:def:crs:EPSG::2193`, the version mostly empty.
fn from_urn(text: &str) -> Option<(&str, &str, &str)> {
    let name = ["urn:ogc:def:crs:", "urn:x-ogc:def:crs:"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    match name.split(':').collect::<Vec<_>>()[..] {
        [authority, version, code] if !code.is_empty() => Some((authority, version, code)),
        [authority, code] if !code.is_empty() => Some((authority, "", code)),
        _ => None,
    }
}

/// `wkt` holds PROJJSON by the standard, and WKT as text in some files.
fn from_wkt(wkt: &Value) -> Option<String> {
    match wkt {
        Value::String(text) => from_text(text),
        Value::Object(_) => Some(wkt.to_string()),
        _ => None,
    }
}

/// `referenceSystem` holds an ISO 19115 `MD_ReferenceSystem`: an identifier of code and code space, in it or one level
/// down. Some write PROJJSON there.
fn from_metadata(system: &Value) -> Option<String> {
    let system = system.as_object()?;
    if system.contains_key("type") && system.contains_key("coordinate_system") {
        return Some(Value::Object(system.clone()).to_string());
    }
    let below = ["referenceSystemIdentifier", "identifier", "id"];
    let below = below.iter().filter_map(|key| system.get(*key)?.as_object());
    std::iter::once(system).chain(below).find_map(identifier)
}

/// The definition that an ISO 19115 `MD_Identifier` stands for.
fn identifier(identifier: &Map<String, Value>) -> Option<String> {
    let code = match identifier.get("code")? {
        Value::String(code) => code.clone(),
        Value::Number(code) => code.to_string(),
        _ => return None,
    };
    match identifier.get("codeSpace").and_then(Value::as_str) {
        Some(space) if !space.is_empty() && !code.contains(':') => Some(format!("{space}:{code}")),
        _ => from_text(&code),
    }
}

/// The axes of the coordinate system with that definition, or a clause that says what is wrong with it.
pub(super) fn axes(definition: &str) -> Result<Axes, String> {
    let unknown = |error| {
        format!("CRS {definition} is unknown to GDAL ({error}); expected one it can look up")
    };
    let system = SpatialRef::from_definition(definition).map_err(unknown)?;
    let projjson = system.to_projjson().map_err(unknown)?;
    let projjson: Value = serde_json::from_str(&projjson).unwrap_or_default();
    let axis = &horizontal(&projjson)["coordinate_system"]["axis"][0];
    let text = |key: &str| axis[key].as_str().unwrap_or_default().to_ascii_lowercase();
    let (name, direction) = (text("name"), text("direction"));
    if ["westing", "southing"]
        .iter()
        .any(|other| name.contains(other))
    {
        return Err(format!(
            "CRS {definition} counts {name} on its first axis; expected axes that grow east and north"
        ));
    }
    // Names come first: around a pole every direction is south (or north), and the names still tell the axes apart.
    let north_first = match name.as_str() {
        name if name.contains("north") || name.contains("lat") => true,
        name if name.contains("east") || name.contains("lon") => false,
        _ => direction == "north" || direction == "south",
    };
    let metres_per_unit = if system.is_geographic() {
        system.angular_units() * system.semi_major().map_err(unknown)?
    } else {
        system.linear_units()
    };
    let first_abbreviation = axis["abbreviation"].as_str().unwrap_or_default().to_owned();
    Ok(Axes {
        north_first,
        first_abbreviation,
        metres_per_unit,
    })
}

/// The part of a coordinate system that has the horizontal axes.
fn horizontal(projjson: &Value) -> &Value {
    [&projjson["components"][0], &projjson["source_crs"]]
        .into_iter()
        .find(|part| part.is_object())
        .map_or(projjson, horizontal)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_name_a_crs_is_understood() {
        let rows = [
            (
                json!("http://www.opengis.net/def/crs/EPSG/0/3857"),
                "EPSG:3857",
            ),
            (
                json!("https://www.opengis.net/def/crs/EPSG/0/3857"),
                "EPSG:3857",
            ),
            (
                json!("http://opengis.net/def/crs/EPSG/9.9.1/2193"),
                "EPSG:2193",
            ),
            (
                json!("http://www.opengis.net/def/crs/OGC/1.3/CRS84"),
                "OGC:CRS84",
            ),
            (
                json!("http://www.opengis.net/def/crs/IAU/2015/49900"),
                "IAU_2015:49900",
            ),
            (json!("urn:ogc:def:crs:EPSG::2193"), "EPSG:2193"),
            (json!("urn:ogc:def:crs:epsg:6.18.3:3857"), "EPSG:3857"),
            (json!("urn:ogc:def:crs:OGC:1.3:CRS84"), "OGC:CRS84"),
            (json!("[EPSG:3857]"), "EPSG:3857"),
            (json!("ESRI:102100"), "ESRI:102100"),
            (
                json!({"uri": "http://www.opengis.net/def/crs/EPSG/0/3035"}),
                "EPSG:3035",
            ),
            (json!({"wkt": "PROJCS[\"Mine\"]"}), "PROJCS[\"Mine\"]"),
            (
                json!({"wkt": {"type": "ProjectedCRS"}}),
                "{\"type\":\"ProjectedCRS\"}",
            ),
            (
                json!({"referenceSystem": {"code": "3035", "codeSpace": "EPSG"}}),
                "EPSG:3035",
            ),
            (
                json!({"referenceSystem": {"referenceSystemIdentifier": {"code": 2193, "codeSpace": "EPSG"}}}),
                "EPSG:2193",
            ),
            (
                json!({"referenceSystem": {"code": "urn:ogc:def:crs:EPSG::2193"}}),
                "EPSG:2193",
            ),
        ];
        for (crs, expected) in rows {
            assert_eq!(definition(&crs).as_deref(), Some(expected), "{crs}");
        }
    }

    #[test]
    fn what_names_no_crs_is_none() {
        let rows = [
            json!(null),
            json!(3857),
            json!(""),
            json!("http://www.opengis.net/def/crs/EPSG/0/"),
            json!("https://example.org/crs.wkt"),
            json!("/vsicurl/https://example.org/crs.wkt"),
            json!("/dev/stdin"),
            json!("Cargo.toml"),
            json!({}),
            json!({"uri": 1}),
            json!({"wkt": 1}),
            json!({"referenceSystem": {"title": "?"}}),
        ];
        for crs in rows {
            assert_eq!(definition(&crs), None, "{crs}");
        }
    }

    #[test]
    fn projjson_is_understood_by_gdal() {
        let nz = SpatialRef::from_epsg(2193).unwrap().to_projjson().unwrap();
        let nz: Value = serde_json::from_str(&nz).unwrap();
        for crs in [json!({"wkt": nz}), json!({"referenceSystem": nz})] {
            assert!(axes(&definition(&crs).unwrap()).unwrap().north_first);
        }
    }

    #[test]
    fn units_are_those_of_the_crs() {
        let rows = [
            ("EPSG:3857", 1.0),
            ("EPSG:2263", 0.3048006096),
            ("OGC:CRS84", 111319.4907932736),
            // With a height: the horizontal axes are what counts.
            ("EPSG:7405", 1.0),
        ];
        for (crs, metres) in rows {
            let found = axes(crs).unwrap();
            assert!((found.metres_per_unit / metres - 1.0).abs() < 1e-9, "{crs}");
            assert!(!found.north_first, "{crs}");
        }
    }
}
