//! A tileset, described.

use std::collections::BTreeMap;
use std::path::Path;

use azulejo::archive::{Storage, StoredMetadata, open_store};
use azulejo::error::Result;
use serde_json::{Map, Value, json};

use super::{Description, degrees};
use crate::cli::human;

/// Tiles and bytes of a zoom.
#[derive(Default)]
struct Zoom {
    tiles: u64,
    bytes: u64,
}

/// Describes the tileset at `path`. Reads all of its tiles, since only they know their size.
///
/// # Errors
/// When it cannot be read.
pub(super) fn describe(path: &Path) -> Result<Description> {
    let mut store = open_store(path)?;
    let mut zooms: BTreeMap<u8, Zoom> = BTreeMap::new();
    for tile in store.tiles()? {
        let zoom = zooms.entry(tile.z()).or_default();
        zoom.tiles += 1;
        zoom.bytes += store.read(tile)?.map_or(0, |data| data.len() as u64);
    }
    let storage = store.storage()?;
    let metadata = store.metadata();
    let tiles: u64 = zooms.values().map(|zoom| zoom.tiles).sum();
    let bytes: u64 = zooms.values().map(|zoom| zoom.bytes).sum();
    let mut lines = vec![(
        "tiles",
        format!(
            "{} · {}",
            human::counted(tiles, "tile"),
            human::bytes(bytes)
        ),
    )];
    lines.extend(storage.map(|storage| ("stored", stored(storage, tiles))));
    lines.extend(metadata_lines(metadata));
    lines.extend(zooms.iter().map(|(z, zoom)| {
        let text = format!(
            "{z:>2}  {} · {}",
            human::counted(zoom.tiles, "tile"),
            human::bytes(zoom.bytes)
        );
        ("zoom", text)
    }));
    Ok(Description {
        title: path.display().to_string(),
        lines,
        json: json(path, metadata, storage, &zooms, (tiles, bytes)),
    })
}

/// `flat`, or `normalized · 12 different tiles`.
fn stored(storage: Storage, tiles: u64) -> String {
    let kind = storage.kind.name();
    if storage.n_stored == tiles {
        return kind.to_owned();
    }
    let n_stored = human::counted(storage.n_stored, "different tile");
    format!("{kind} · {n_stored}")
}

fn metadata_lines(metadata: &StoredMetadata) -> Vec<(&'static str, String)> {
    let row = |key: &str| metadata.rows.get(key).cloned();
    let size = metadata.tile_size_px.unwrap_or(256);
    let format = metadata.format.map(|f| f.name().to_owned());
    let found = [
        ("name", metadata.name.clone()),
        ("format", format.or_else(|| row("format"))),
        ("tile size", Some(format!("{size} pixels"))),
        ("scheme", Some(metadata.scheme_id.clone())),
        ("bounds", metadata.bounds.as_ref().map(degrees)),
        (
            "center",
            metadata
                .center
                .map(|(lon, lat, zoom)| format!("{lon:.6}, {lat:.6}, zoom {zoom}")),
        ),
        ("type", row("type")),
        ("version", row("version")),
        ("about", row("description")),
        ("thanks to", row("attribution")),
    ];
    found
        .into_iter()
        .filter_map(|(label, text)| Some((label, text?)))
        .collect()
}

fn json(
    path: &Path,
    metadata: &StoredMetadata,
    storage: Option<Storage>,
    zooms: &BTreeMap<u8, Zoom>,
    (tiles, bytes): (u64, u64),
) -> Value {
    let zooms = zooms
        .iter()
        .map(|(z, zoom)| json!({ "zoom": z, "tiles": zoom.tiles, "bytes": zoom.bytes }));
    let bounds = metadata.bounds.map(|b| [b.west, b.south, b.east, b.north]);
    let rows = metadata.rows.iter();
    json!({
        "path": path.to_string_lossy(),
        "kind": "tileset",
        "name": metadata.name,
        "format": metadata.format.map(|f| f.name()),
        "tile_size": metadata.tile_size_px.unwrap_or(256),
        "tiling_scheme": metadata.scheme_id,
        "bounds": bounds,
        "center": metadata.center.map(|(lon, lat, zoom)| json!([lon, lat, zoom])),
        "tiles": tiles,
        "bytes": bytes,
        "mbtiles_type": storage.map(|storage| storage.kind.name()),
        "tiles_stored": storage.map(|storage| storage.n_stored),
        "zooms": zooms.collect::<Vec<_>>(),
        "metadata": rows.map(|(key, value)| (key.clone(), json!(value))).collect::<Map<_, _>>(),
    })
}
