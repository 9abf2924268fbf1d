//! What may be wrong with a folder of tiles, see [`audit`](crate::archive::audit).

use std::ffi::OsStr;
use std::fs::DirEntry;
use std::path::Path;

use serde_json::Value;

use super::{
    METADATA, TILEJSON, describe_folder, entries, first_tile, numbered, numeral, open, read_json,
    tile_name,
};
use crate::archive::audit::{Audit, Flaw, Tick};
use crate::archive::stored::Rows;
use crate::archive::{Host, RowScheme, StoredMetadata, tally, temporary};
use crate::encode::Format;
use crate::error::{Error, Result};
use crate::geo::tile::MAX_ZOOM;

/// Ends of files that programs put beside and among tiles: viewers, descriptions, places in Google Earth.
const COMPANIONS: [&str; 15] = [
    "html", "htm", "js", "css", "json", "geojson", "xml", "kml", "md", "mapml", "conf", "svg",
    "ico", "map", "grid",
];

/// Looks at the folder at `path`.
pub(in crate::archive) fn audit(path: &Path, tick: &mut Tick<'_>) -> Result<Audit> {
    let mut audit = Audit::default();
    if let Err(error) = open(path) {
        // A folder that has nothing of a tileset is none.
        if !super::resembles_tileset(path) {
            return Err(error);
        }
        audit.add_error(error)?;
        return Ok(audit);
    }
    let (rows, scheme) = describe_folder(path)?;
    let roots = StoredMetadata::from_rows(rows).matrix_roots;
    let extension = first_tile(path).map_err(|error| unreadable(path, &error))?;
    let mut folder = Folder {
        root: path,
        scheme,
        roots,
        extension,
        tiles: Vec::new(),
        audit,
    };
    folder.walk(tick)?;
    folder.descriptions()?;
    let Folder {
        mut audit, tiles, ..
    } = folder;
    audit.list(tiles);
    Ok(audit)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::input(path.display(), format_args!("cannot be read ({error})"))
}

struct Folder<'a> {
    root: &'a Path,
    scheme: RowScheme,
    roots: (u32, u32),
    /// The end of the first tile's name; `None` if there is no tile.
    extension: Option<String>,
    tiles: Vec<crate::geo::tile::TileCoord>,
    audit: Audit,
}

impl Folder<'_> {
    fn entries(&self, folder: &Path) -> Result<Vec<DirEntry>> {
        let mut found = entries(folder).map_err(|error| unreadable(folder, &error))?;
        found.sort_by_key(DirEntry::file_name);
        Ok(found)
    }

    /// The path of an entry as a finding tells it.
    fn told(&self, entry: &DirEntry) -> String {
        let path = entry.path();
        let within = path.strip_prefix(self.root).unwrap_or(&path);
        within.to_string_lossy().replace('\\', "/")
    }

    fn walk(&mut self, tick: &mut Tick<'_>) -> Result<()> {
        for zoom in self.entries(self.root)? {
            tick()?;
            if !zoom.path().is_dir() {
                self.file(&zoom);
                continue;
            }
            let name = zoom.file_name();
            match numeral::<u8>(&name).filter(|&z| z <= MAX_ZOOM) {
                Some(z) => self.zoom(z, &zoom, tick)?,
                None if is_number(&name) => {
                    let expected =
                        format!("a zoom from 0 to {MAX_ZOOM}, written as 7 and not as 07");
                    self.misnamed(&zoom, &expected);
                }
                None if is_temporary(&name) => self.temporary(&zoom),
                // Pictures and code of a viewer, versions of the tileset: nothing to do with its tiles.
                None => {
                    let told = self.told(&zoom);
                    self.audit
                        .notes
                        .push(format!("{told}/ is no zoom, and was not looked into"));
                }
            }
        }
        Ok(())
    }

    fn zoom(&mut self, z: u8, zoom: &DirEntry, tick: &mut Tick<'_>) -> Result<()> {
        for column in self.entries(&zoom.path())? {
            tick()?;
            if !column.path().is_dir() {
                self.file(&column);
                continue;
            }
            match numeral::<u32>(&column.file_name()) {
                Some(x) => self.column((z, x), &column)?,
                None => self.misnamed(
                    &column,
                    "the number of a column, written as 7 and not as 07",
                ),
            }
        }
        Ok(())
    }

    fn column(&mut self, (z, x): (u8, u32), column: &DirEntry) -> Result<()> {
        for entry in self.entries(&column.path())? {
            let name = entry.file_name();
            let is_folder = entry.path().is_dir();
            let Some((row, extension)) = tile_name(&name).filter(|_| !is_folder) else {
                let stem = name.to_str().and_then(|name| name.split_once('.'));
                let is_picture =
                    stem.is_some_and(|(_, extension)| Format::from_name(extension).is_ok());
                if is_picture && !is_folder {
                    let expected =
                        "the number of a row, a dot and an extension, as in 7.png and not 07.png";
                    self.misnamed(&entry, expected);
                } else if is_folder {
                    self.stray(&entry);
                } else {
                    self.file(&entry);
                }
                continue;
            };
            if self.extension.as_ref() != Some(&extension) {
                let expected = self.extension.as_deref().unwrap_or_default();
                let expected = format!("tiles that end in .{expected}, as the first one does");
                self.misnamed(&entry, &expected);
                continue;
            }
            let y = numbered(self.scheme, (z, row), self.roots);
            match y.and_then(|y| tally::address(z, x.into(), y, self.roots)) {
                Some(tile) => self.tiles.push(tile),
                None => {
                    let told = self.told(&entry);
                    let expected = "one that is in it";
                    self.audit
                        .add(Flaw::Address, told, "no tile of the matrix", expected);
                }
            }
        }
        Ok(())
    }

    /// Takes down a file that is no tile, unless it is known what it is there for.
    fn file(&mut self, entry: &DirEntry) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_temporary(&entry.file_name()) {
            return self.temporary(entry);
        }
        let end = name.rsplit('.').next().unwrap_or_default().to_lowercase();
        let is_note = Host::ALL.iter().any(|host| host.file_name() == name);
        // Hidden ones are what file managers and servers leave.
        let is_hidden = name.starts_with('.');
        let is_companion = name.contains('.') && COMPANIONS.contains(&end.as_str());
        if !is_note && !is_hidden && !is_companion {
            self.stray(entry);
        }
    }

    fn stray(&mut self, entry: &DirEntry) {
        let place = self.told(entry);
        let expected = "nothing but tiles and what describes them";
        self.audit
            .add(Flaw::Stray, place, "no part of a tileset", expected);
    }

    fn temporary(&mut self, entry: &DirEntry) {
        let place = self.told(entry);
        let found = "left of a write that was not finished";
        self.audit
            .add(Flaw::Stray, place, found, "nothing of the kind");
    }

    fn misnamed(&mut self, entry: &DirEntry, expected: &str) {
        let place = self.told(entry);
        self.audit
            .add(Flaw::FileName, place, "a name that no tile has", expected);
    }

    /// Whether the files that describe the folder say the same.
    fn descriptions(&mut self) -> Result<()> {
        let tilejson = read_json(&self.root.join(TILEJSON))?;
        let metadata = read_json(&self.root.join(METADATA))?;
        if let (Some(tilejson), Some(_)) = (&tilejson, &self.extension) {
            self.template(tilejson);
        }
        let (Some(tilejson), Some(metadata)) = (tilejson, metadata) else {
            return Ok(());
        };
        let [a, b] = [&tilejson, &metadata].map(|rows| StoredMetadata::from_rows(rows.clone()));
        for key in [
            "name",
            "description",
            "attribution",
            "version",
            "type",
            "minzoom",
            "maxzoom",
            "tiling_scheme",
        ] {
            if let (Some(a), Some(b)) = (a.rows.get(key), b.rows.get(key))
                && a.trim() != b.trim()
            {
                self.disagree(key, a, b);
            }
        }
        for key in ["bounds", "center"] {
            if let (Some(a), Some(b)) = (a.rows.get(key), b.rows.get(key))
                && !alike(a, b)
            {
                self.disagree(key, a, b);
            }
        }
        Ok(())
    }

    fn disagree(&mut self, key: &str, a: &str, b: &str) {
        let place = format!("{TILEJSON}, {key}");
        self.audit.add(
            Flaw::Descriptions,
            place,
            a,
            format!("{b}, as {METADATA} has it"),
        );
    }

    /// Whether the address of tiles in a TileJSON is that of the files, where it is one beside it.
    fn template(&mut self, tilejson: &Rows) {
        let template = tilejson.get("tiles").and_then(|tiles| tiles[0].as_str());
        let Some(end) = template.and_then(|template| template.strip_prefix("{z}/{x}/{y}.")) else {
            return;
        };
        let expected = self.extension.clone().unwrap_or_default();
        if end != expected {
            let place = format!("{TILEJSON}, tiles");
            let found = Value::from(end).to_string();
            self.audit.add(
                Flaw::Descriptions,
                place,
                format!("tiles that end in {found}"),
                format!(".{expected}"),
            );
        }
    }
}

/// Whether two lists of numbers are the same to about a millimetre.
fn alike(a: &str, b: &str) -> bool {
    let numbers = |text: &str| -> Option<Vec<f64>> {
        text.split(',').map(|n| n.trim().parse().ok()).collect()
    };
    match (numbers(a), numbers(b)) {
        (Some(a), Some(b)) => {
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-8)
        }
        _ => a.trim() == b.trim(),
    }
}

fn is_number(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_temporary(name: &OsStr) -> bool {
    name.to_str().is_some_and(temporary::is_temporary_name)
}
