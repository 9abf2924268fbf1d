//! [`StoredMetadata`]: what a tileset that we read says about itself, as far as it can be understood.

use std::collections::BTreeMap;

use serde_json::Value;

use super::metadata::{DEFAULT_SCHEME, JSON, OUR_NAMES, TILE_FORMATS, names_of};
use crate::encode::{FORMATS, Format, FormatInfo};
use crate::geo::bounds::Bounds;

/// Rows as found: text, or members of a JSON object.
pub(super) type Rows = BTreeMap<String, Value>;

/// The metadata of a tileset as found. A field is `None` where the tileset does not say it, or not in a way that we
/// understand; `rows` then still has the text. Nothing is checked against the tiles.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredMetadata {
    /// Every row by its name, as text.
    pub rows: BTreeMap<String, String>,
    /// Those that [`Metadata`](super::Metadata) has no field for and that are not text but other JSON, as what they are.
    pub json: BTreeMap<String, Value>,
    /// What people call it.
    pub name: Option<String>,
    /// The format that the metadata tells or, if it is silent, that the first tile shows.
    pub format: Option<Format>,
    /// Where there is data, in degrees of WGS 84.
    pub bounds: Option<Bounds>,
    /// Where a viewer starts: longitude, latitude, zoom.
    pub center: Option<(f64, f64, u8)>,
    /// The lowest zoom, as told.
    pub zoom_min: Option<u8>,
    /// The highest zoom, as told.
    pub zoom_max: Option<u8>,
    /// Pixels along a side of a tile, as told; nearly always 256 where nothing is.
    pub tile_size_px: Option<u32>,
    /// The tiling scheme; `WebMercatorQuad` where nothing is told.
    pub scheme_id: String,
    /// Tiles at zoom 0, across and down; (1, 1) where nothing is told.
    pub matrix_roots: (u32, u32),
}

impl StoredMetadata {
    /// Reads what it can from `found`.
    pub(super) fn from_rows(found: Rows) -> Self {
        let (mut rows, mut json) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in found {
            let is_ours = OUR_NAMES.contains(&key.as_str());
            if is_ours && value.is_null() {
                continue;
            }
            let text = match &value {
                Value::String(text) => text.clone(),
                value if is_ours => as_row(value),
                value => value.to_string(),
            };
            if !is_ours && !value.is_string() {
                json.insert(key.clone(), value);
            }
            rows.insert(key, text);
        }
        let get = |key: &str| rows.get(key).map(|value| value.trim());
        let tile_size = || {
            ["tileSize", "tile_size", "tilesize"]
                .into_iter()
                .find_map(get)
        };
        Self {
            name: rows.get("name").cloned(),
            format: get(TILE_FORMATS)
                .and_then(parse_formats)
                .or_else(|| get("format").and_then(parse_format)),
            bounds: get("bounds").and_then(parse_bounds),
            center: get("center").and_then(parse_center),
            zoom_min: get("minzoom").and_then(|z| z.parse().ok()),
            zoom_max: get("maxzoom").and_then(|z| z.parse().ok()),
            tile_size_px: tile_size()
                .and_then(|px| px.parse().ok())
                .filter(|&px| px > 0),
            scheme_id: get("tiling_scheme").unwrap_or(DEFAULT_SCHEME).to_string(),
            matrix_roots: get("matrix_roots").and_then(parse_roots).unwrap_or((1, 1)),
            rows,
            json,
        }
    }

    /// The rows that [`Metadata`](super::Metadata) has no field for, as [`Metadata::extra`](super::Metadata::extra) takes
    /// them, by name.
    pub fn extra(&self) -> Vec<(String, Value)> {
        let is_extra = |key: &str| !key.is_empty() && !OUR_NAMES.contains(&key);
        let rows = self.rows.iter().filter(|(key, _)| is_extra(key));
        rows.map(|(key, text)| {
            let json = self.json.get(key).cloned();
            (key.clone(), json.unwrap_or_else(|| text.clone().into()))
        })
        .collect()
    }

    /// The members of a JSON object as rows. `None` if `text` is not a JSON object.
    pub(super) fn rows_of_json(text: &str) -> Option<Rows> {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            return None;
        };
        Some(object.into_iter().collect())
    }

    /// Takes the row `json` of an MBTiles file apart, as [`Metadata::rows`](super::Metadata::rows) and others have put it
    /// together: an object of what is not text. If anything in it is text, or has the name of another row, it stays.
    pub(super) fn unpack_json(rows: &mut Rows) {
        let text = rows.get(JSON).and_then(Value::as_str);
        let Some(members) = text.and_then(Self::rows_of_json) else {
            return;
        };
        let is_free = |key: &String| key == JSON || !rows.contains_key(key);
        let is_extra = |key: &String| !key.is_empty() && !OUR_NAMES.contains(&key.as_str());
        let fits =
            |(key, value): (&String, &Value)| !value.is_string() && is_free(key) && is_extra(key);
        if !members.is_empty() && members.iter().all(fits) {
            rows.remove(JSON);
            rows.extend(members);
        }
    }
}

/// What stands in a TileJSON as numbers and lists reads as it would in an MBTiles row.
fn as_row(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_number) => items
            .iter()
            .map(Value::to_string)
            .collect::<Vec<_>>()
            .join(","),
        other => other.to_string(),
    }
}

/// A format by its name or, as MBTiles allows, its media type.
fn parse_format(text: &str) -> Option<Format> {
    let format = Format::from_name(text.strip_prefix("image/").unwrap_or(text)).ok()?;
    Some(format.info().stored)
}

/// The format whose tiles are of several, by their names: `jpg,png`.
fn parse_formats(text: &str) -> Option<Format> {
    let told = |info: &&FormatInfo| info.tiles.len() > 1 && names_of(info.tiles) == text;
    FORMATS.iter().find(told).map(|info| info.format)
}

/// `west,south,east,north`, if it is a rectangle.
fn parse_bounds(text: &str) -> Option<Bounds> {
    let [west, south, east, north] = numbers(text)?[..] else {
        return None;
    };
    (west <= east && south <= north).then(|| Bounds::new(west, south, east, north))
}

/// `lon,lat,zoom`.
fn parse_center(text: &str) -> Option<(f64, f64, u8)> {
    let [lon, lat, zoom] = numbers(text)?[..] else {
        return None;
    };
    // Some writers give a fraction of a zoom; a viewer that starts at a whole one is as good.
    (0.0..256.0)
        .contains(&zoom)
        .then_some((lon, lat, zoom as u8))
}

/// `across,down`.
fn parse_roots(text: &str) -> Option<(u32, u32)> {
    let (across, down) = text.split_once(',')?;
    let parse = |n: &str| n.trim().parse::<u32>().ok().filter(|&n| n > 0);
    Some((parse(across)?, parse(down)?))
}

fn numbers(text: &str) -> Option<Vec<f64>> {
    let parse = |part: &str| part.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    text.split(',').map(parse).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    fn read(json: &str) -> StoredMetadata {
        StoredMetadata::from_rows(StoredMetadata::rows_of_json(json).unwrap())
    }

    #[test]
    fn rows_and_tilejson_read_alike() {
        let rows = read(
            r#"{"bounds": "-10.5, 1,20,30.25", "center": "1.5,2,3", "minzoom": "0", "maxzoom": " 4",
                "format": "image/jpeg", "tilesize": "512", "matrix_roots": "2,1"}"#,
        );
        let tilejson = read(
            r#"{"bounds": [-10.5, 1, 20, 30.25], "center": [1.5, 2, 3], "minzoom": 0, "maxzoom": 4,
                "format": "jpg", "tileSize": 512, "matrix_roots": [2, 1]}"#,
        );
        assert_eq!(rows.bounds, Some(Bounds::new(-10.5, 1.0, 20.0, 30.25)));
        assert_eq!(rows.center, Some((1.5, 2.0, 3)));
        assert_eq!((rows.zoom_min, rows.zoom_max), (Some(0), Some(4)));
        assert_eq!(
            (rows.format, rows.tile_size_px),
            (Some(Format::Jpeg), Some(512))
        );
        assert_eq!(rows.matrix_roots, (2, 1));
        assert_eq!(rows.scheme_id, "WebMercatorQuad");
        let no_rows = |m: StoredMetadata| StoredMetadata {
            rows: BTreeMap::new(),
            json: BTreeMap::new(),
            ..m
        };
        assert_eq!(no_rows(rows), no_rows(tilejson));
    }

    #[test]
    fn formats_go_by_what_tiles_are_in_all_spellings() {
        for (json, format) in [
            (r#"{"format": "png"}"#, Some(Format::Png)),
            (
                r#"{"format": "png", "tile_formats": "jpg,png"}"#,
                Some(Format::Mixed),
            ),
            (r#"{"tile_formats": "jpg,png"}"#, Some(Format::Mixed)),
            // As MapProxy and GeoWebCache call it.
            (r#"{"format": "mixed"}"#, Some(Format::Mixed)),
            (r#"{"format": "image/vnd.jpeg-png"}"#, Some(Format::Mixed)),
            (
                r#"{"format": "webp", "tile_formats": "gif,tiff"}"#,
                Some(Format::Webp),
            ),
            (
                r#"{"format": "webp", "tile_formats": "webp"}"#,
                Some(Format::Webp),
            ),
            (r#"{"format": "palette"}"#, Some(Format::Png)),
            (r#"{"format": "image/avif"}"#, Some(Format::Avif)),
            (r#"{"format": "pbf"}"#, None),
        ] {
            assert_eq!(read(json).format, format, "{json}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_none_and_kept_as_text() {
        for (key, value) in [
            ("bounds", "1,2,3"),
            ("bounds", "10,0,-10,5"),
            ("bounds", "nan,0,1,1"),
            ("center", "1,2"),
            ("center", "1,2,-1"),
            ("minzoom", "low"),
            ("maxzoom", "300"),
            ("tileSize", "0"),
            ("matrix_roots", "0,1"),
            ("matrix_roots", "2"),
            ("matrix_roots", "4294967296,1"),
            ("format", "pbf"),
        ] {
            let found = read(&format!(r#"{{"{key}": "{value}"}}"#));
            assert_eq!(found.rows[key], value);
            let rows = found.rows.clone();
            let empty = StoredMetadata {
                rows,
                ..StoredMetadata::from_rows(BTreeMap::new())
            };
            assert_eq!(found, empty, "{key} = {value}");
        }
    }

    #[test]
    fn text_that_is_no_json_object_is_none() {
        for text in ["", "[1]", "{\"a\":", "3"] {
            assert_eq!(StoredMetadata::rows_of_json(text), None);
        }
    }
}
