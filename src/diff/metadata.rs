//! What two tilesets say about themselves, compared: [`Said`].

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::archive::StoredMetadata;

/// Something that one tileset says otherwise than the other, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What it is about: the name of a row.
    pub key: String,
    /// What A says.
    pub a: Option<Value>,
    /// What B says.
    pub b: Option<Value>,
}

/// Rows that are text for people.
const TEXTS: [&str; 5] = ["name", "description", "attribution", "type", "version"];

/// Rows that are sums over a container's tiles: they say nothing that the tiles do not say, and not every container has them.
const SUMS: [&str; 1] = ["agg_tiles_hash"];

/// Parts of a degree that every container tells.
const PER_DEGREE: f64 = 1e7;

/// What `a` and `b` do not both say, by what every container can say: spellings of one format, and numbers as text or not, are the
/// same. Grids and sizes of tiles are not looked at: they are the same in tilesets that can be compared.
pub(super) fn differences(a: &StoredMetadata, b: &StoredMetadata) -> Vec<Said> {
    let (mut of_a, mut of_b) = (rows(a), rows(b));
    let keys: Vec<String> = of_a.keys().chain(of_b.keys()).cloned().collect();
    let mut found = Vec::new();
    for key in keys {
        let (a, b) = (of_a.remove(&key), of_b.remove(&key));
        if a != b {
            found.push(Said { key, a, b });
        }
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found
}

fn rows(stored: &StoredMetadata) -> BTreeMap<String, Value> {
    let text = |key: &str| stored.rows.get(key).map(|text| json!(text));
    let round = |degrees: f64| (degrees * PER_DEGREE).round() / PER_DEGREE;
    let bounds = stored.bounds.map(|b| json!(b.sides().map(round)));
    let center = stored
        .center
        .map(|(lon, lat, z)| json!([round(lon), round(lat), z]));
    let format = stored.format.map(|format| json!(format.name()));
    // What is not understood is compared as it stands there.
    let understood = [
        ("format", format),
        ("bounds", bounds),
        ("center", center),
        ("minzoom", stored.zoom_min.map(|z| json!(z))),
        ("maxzoom", stored.zoom_max.map(|z| json!(z))),
    ];
    let own = understood.map(|(key, value)| (key, value.or_else(|| text(key))));
    let texts = TEXTS.map(|key| (key, text(key)));
    let own = own.into_iter().chain(texts);
    let own = own.filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let extra = stored.extra().into_iter();
    let extra = extra.filter(|(key, _)| !SUMS.contains(&key.as_str()));
    own.chain(extra).collect()
}
