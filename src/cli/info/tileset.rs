//! A tileset, described.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use azulejo::archive::{Storage, StoredMetadata, open_store};
use azulejo::error::Result;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Description, degrees};
use crate::cli::report::place;
use crate::cli::{human, provenance};

/// How the tiles of an archive in the network were counted.
const BY_DIRECTORIES: &str =
    "by the archive's directories, as stored; equal tiles at two places are two";

/// Tiles of a zoom, or of all.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    tiles: u64,
    bytes: u64,
    /// How many of them differ from all that came before, of this zoom or of lower ones.
    different: u64,
}

/// Tiles by their first 64 bits of SHA-256: of ten million, two are taken for one once in a hundred thousand tilesets.
#[derive(Default)]
struct Seen(HashSet<u64>);

impl Seen {
    /// Whether no such tile came before.
    fn is_new(&mut self, tile: &[u8]) -> bool {
        let digest = Sha256::digest(tile);
        let start = digest.first_chunk().expect("SHA-256 has 32 bytes");
        self.0.insert(u64::from_le_bytes(*start))
    }
}

impl Count {
    fn add(&mut self, bytes: u64, is_new: bool) {
        self.tiles += 1;
        self.bytes += bytes;
        self.different += u64::from(is_new);
    }

    /// `5 tiles · 3 different · 12 kB`.
    fn told(&self) -> String {
        let different = if self.different == self.tiles {
            String::new()
        } else {
            format!(" · {} different", human::count(self.different))
        };
        format!(
            "{}{different} · {}",
            human::counted(self.tiles, "tile"),
            human::bytes(self.bytes)
        )
    }
}

/// Describes the tileset at `path`. Reads all of its tiles, since only they know what they are; of an archive in the network,
/// only the directories.
///
/// # Errors
/// When it cannot be read.
pub(super) fn describe(path: &Path) -> Result<Description> {
    let mut store = open_store(path)?;
    let mut zooms: BTreeMap<u8, Count> = BTreeMap::new();
    let (mut all, mut seen) = (Count::default(), Seen::default());
    let places = store.places()?;
    let is_read = places.is_none();
    if let Some(places) = places {
        let mut seen = HashSet::new();
        for (tile, place) in places {
            let is_new = seen.insert(place);
            zooms
                .entry(tile.z())
                .or_default()
                .add(place.bytes.into(), is_new);
            all.add(place.bytes.into(), is_new);
        }
    } else {
        for tile in store.tiles()? {
            let data = store.read(tile)?.unwrap_or_default();
            let is_new = seen.is_new(&data);
            zooms
                .entry(tile.z())
                .or_default()
                .add(data.len() as u64, is_new);
            all.add(data.len() as u64, is_new);
        }
    }
    let storage = store.storage()?;
    let metadata = store.metadata();
    let mut lines = vec![("tiles", all.told())];
    if !is_read {
        lines.push(("counted", BY_DIRECTORIES.to_owned()));
    }
    lines.extend(storage.map(|storage| ("stored", stored(storage, all.tiles))));
    lines.extend(metadata_lines(metadata));
    let told = metadata
        .json
        .get(provenance::NAME)
        .filter(|told| told.is_object());
    lines.extend(told.map(provenance::lines).unwrap_or_default());
    let zoom = |(z, count): (&u8, &Count)| ("zoom", format!("{z:>2}  {}", count.told()));
    lines.extend(zooms.iter().map(zoom));
    Ok(Description {
        title: place(path),
        lines,
        json: json((path, is_read), metadata, storage, &zooms, all),
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
    (path, is_read): (&Path, bool),
    metadata: &StoredMetadata,
    storage: Option<Storage>,
    zooms: &BTreeMap<u8, Count>,
    all: Count,
) -> Value {
    let zooms = zooms.iter().map(|(z, count)| {
        json!({
            "zoom": z,
            "tiles": count.tiles,
            "bytes": count.bytes,
            "different": count.different,
        })
    });
    let bounds = metadata.bounds.map(|b| [b.west, b.south, b.east, b.north]);
    let rows = metadata.rows.iter();
    json!({
        "path": place(path),
        "kind": "tileset",
        "name": metadata.name,
        "format": metadata.format.map(|f| f.name()),
        "tile_size": metadata.tile_size_px.unwrap_or(256),
        "tiling_scheme": metadata.scheme_id,
        "bounds": bounds,
        "center": metadata.center.map(|(lon, lat, zoom)| json!([lon, lat, zoom])),
        "tiles": all.tiles,
        "bytes": all.bytes,
        "different": all.different,
        "counted_by": if is_read { "tiles" } else { "directories" },
        "mbtiles_type": storage.map(|storage| storage.kind.name()),
        "tiles_stored": storage.map(|storage| storage.n_stored),
        "zooms": zooms.collect::<Vec<_>>(),
        "provenance": metadata.json.get(provenance::NAME),
        "metadata": rows.map(|(key, value)| (key.clone(), json!(value))).collect::<Map<_, _>>(),
    })
}
