//! An archive being read: [`open`]. Archives of others need not be clustered, and may have leaves of leaves.
//!
//! Nothing that the file says is believed: every place is checked against the file, every length against a limit, and
//! ids must rise through all directories, so that each leaf is seen once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::directory::{self, Entry};
use super::header::{Compression, Header, Section};
use super::part::{self, Unusable};
use crate::archive::metadata::text;
use crate::archive::random_access::{LocalFile, RandomAccess};
use crate::archive::stored::Rows;
use crate::archive::{Place, Store, StoredMetadata};
use crate::encode::{FORMATS, Format};
use crate::error::{Error, Result};
use crate::geo::tile::{MAX_ZOOM, TileCoord};
use crate::remote::RemoteFile;

/// The longest directory, packed and unpacked: two million entries and more, where writers put a few thousand.
pub(super) const DIRECTORY_BYTES_MAX: usize = 16 << 20;

/// The longest metadata. Statistics of vector tiles take some megabytes.
const METADATA_BYTES_MAX: usize = 64 << 20;

/// The longest tile.
const TILE_BYTES_MAX: usize = 256 << 20;

/// Directories on the way to a tile: the root, and three more, as readers in browsers have it.
pub(super) const DIRECTORIES_MAX: usize = 4;

/// Leaf directories that are kept: one a zoom and some.
const LEAVES_KEPT: usize = 40;

/// Their entries, some 12 MB.
const ENTRIES_KEPT: usize = 1 << 19;

/// As many addresses are listed of any archive; of one with more bytes than this, as many as it has bytes. An entry of a
/// few bytes may stand for thousands of millions of tiles, which would not fit into memory.
pub(super) const ADDRESSES_MAX: u64 = 1 << 25;

/// Opens the archive at `path` for reading.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Store>> {
    let file = LocalFile::open(path, "a PMTiles archive")?;
    read(path.to_path_buf(), Box::new(file))
}

/// Opens the archive in the network that `file` is.
pub(crate) fn open_remote(file: RemoteFile) -> Result<Box<dyn Store>> {
    let path = PathBuf::from(file.name());
    read(path, Box::new(file))
}

fn read(path: PathBuf, mut file: Box<dyn RandomAccess>) -> Result<Box<dyn Store>> {
    let file_bytes = file.bytes();
    let header = part::header(&path.to_string_lossy(), &mut *file)?;
    for (what, compression) in [("directories", header.internal), ("tiles", header.tile)] {
        if let Compression::Other(_) = compression {
            return Err(Error::input(
                path.display(),
                format_args!("{what} in {compression} compression; expected gzip or none"),
            ));
        }
    }
    let mut store = PmtilesStore {
        path,
        file,
        file_bytes,
        header,
        root: Vec::new(),
        leaves: Vec::new(),
        metadata: StoredMetadata::from_rows(BTreeMap::new()),
    };
    store.check_sections()?;
    store.root = store.directory(store.header.root)?;
    store.metadata = StoredMetadata::from_rows(store.rows()?);
    if store.metadata.format.is_none() {
        // What is damaged is told when it is asked for.
        let first = store.root.first().map(|entry| entry.id);
        let tile = first.and_then(|id| store.read_id(id).ok()?);
        store.metadata.format = tile.and_then(|data| Format::sniff(&data));
    }
    Ok(Box::new(store))
}

struct PmtilesStore {
    path: PathBuf,
    file: Box<dyn RandomAccess>,
    file_bytes: u64,
    header: Header,
    root: Vec<Entry>,
    /// Leaf directories that were read, and where they are, the last used at the end: neighbours share one, and who goes
    /// through all zooms at once comes back to one of each.
    leaves: Vec<(Section, Vec<Entry>)>,
    metadata: StoredMetadata,
}

/// What is done with an entry of a tile.
type Visit<'a> = dyn FnMut(&Entry) -> std::result::Result<(), String> + 'a;

impl PmtilesStore {
    fn damaged(&self, found: impl std::fmt::Display) -> Error {
        Error::input(
            self.path.display(),
            format_args!("{found}; expected a PMTiles archive that is whole"),
        )
    }

    /// Whether all sections lie in the file.
    fn check_sections(&self) -> Result<()> {
        let whole = Section {
            offset: 0,
            bytes: self.file_bytes,
        };
        for (what, section) in self.header.sections() {
            if section.bytes > 0 && whole.part(section.offset, section.bytes).is_none() {
                return Err(self.damaged(format_args!(
                    "{what} of {} bytes at {} in a file of {}",
                    section.bytes, section.offset, self.file_bytes
                )));
            }
        }
        Ok(())
    }

    /// What a part of the file holds, which is `what`, packed in that way, and at most `limit` bytes.
    fn unpacked(
        &mut self,
        what: &str,
        section: Section,
        compression: Compression,
        limit: usize,
    ) -> Result<Vec<u8>> {
        let data = part::unpacked(&mut *self.file, section, compression, limit)?;
        data.map_err(|unusable| match unusable {
            Unusable::TooLong => self.damaged(format_args!(
                "{what} of {} bytes; expected at most {limit}",
                section.bytes
            )),
            Unusable::Damaged(found) => self.damaged(format_args!("{what} with {found}")),
        })
    }

    fn directory(&mut self, section: Section) -> Result<Vec<Entry>> {
        let packed = self.header.internal;
        let bytes = self.unpacked("a directory", section, packed, DIRECTORY_BYTES_MAX)?;
        directory::parse(&bytes).map_err(|found| self.damaged(found))
    }

    /// The leaf directory that an entry points at.
    fn leaf_of(&mut self, entry: &Entry) -> Result<Vec<Entry>> {
        let section = self
            .header
            .leaves
            .part(entry.offset, entry.length.into())
            .ok_or_else(|| self.damaged("a leaf directory outside the leaf directories"))?;
        let known = self.leaves.iter().position(|(known, _)| *known == section);
        let leaf = match known {
            Some(at) => self.leaves.remove(at).1,
            None => self.directory(section)?,
        };
        if leaf.first().is_none_or(|first| first.id < entry.id) {
            return Err(self.damaged("a leaf directory that does not begin where the root says"));
        }
        Ok(leaf)
    }

    /// Lets go of the leaf directories that have not been used for longest, as long as there are too many.
    fn forget(&mut self) {
        let mut n_entries: usize = self.leaves.iter().map(|(_, leaf)| leaf.len()).sum();
        while self.leaves.len() > LEAVES_KEPT || n_entries > ENTRIES_KEPT && self.leaves.len() > 1 {
            n_entries -= self.leaves.remove(0).1.len();
        }
    }

    /// Its metadata as rows: what the file says in JSON, and what the header says in numbers.
    fn rows(&mut self) -> Result<Rows> {
        let json = match self.header.metadata {
            Section { bytes: 0, .. } => Vec::new(),
            section => {
                let packed = self.header.internal;
                self.unpacked("metadata", section, packed, METADATA_BYTES_MAX)?
            }
        };
        let mut rows = if json.is_empty() {
            BTreeMap::new()
        } else {
            StoredMetadata::rows_of_json(&String::from_utf8_lossy(&json)).ok_or_else(|| {
                Error::input(
                    self.path.display(),
                    "metadata that is not a JSON object; expected one",
                )
            })?
        };
        let Header {
            tile_type,
            zoom_min,
            zoom_max,
            bounds,
            center,
            ..
        } = self.header;
        let mut put = |key: &str, value: String| rows.insert(key.to_string(), value.into());
        if let Some(format) = format_name(tile_type) {
            put("format", format.to_string());
        }
        put("minzoom", zoom_min.to_string());
        put("maxzoom", zoom_max.to_string());
        // All zeros where the writer did not know.
        if bounds.sides() != [0.0; 4] {
            let (lon, lat, zoom) = center;
            put("bounds", bounds.sides().map(text).join(","));
            put("center", format!("{},{},{zoom}", text(lon), text(lat)));
        }
        Ok(rows)
    }

    /// Shows `visit` the entries of all tiles, in the order of their ids, which is checked.
    fn visit(
        &mut self,
        entries: &[Entry],
        level: usize,
        end: u64,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        for (at, entry) in entries.iter().enumerate() {
            // Within a directory this was checked when it was read; here, that a leaf ends where the next begins.
            if entry.end().is_none_or(|id| id > end) {
                return Err(self.damaged("directories that are out of order"));
            }
            if entry.run > 0 {
                visit(entry).map_err(|found| self.damaged(found))?;
                continue;
            }
            if level == DIRECTORIES_MAX {
                return Err(self.too_deep());
            }
            let leaf = self.leaf_of(entry)?;
            let end = entries.get(at + 1).map_or(end, |next| next.id);
            self.visit(&leaf, level + 1, end, visit)?;
        }
        Ok(())
    }

    fn too_deep(&self) -> Error {
        self.damaged(format_args!(
            "more than {DIRECTORIES_MAX} directories on the way to a tile"
        ))
    }

    fn visit_all(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        let root = std::mem::take(&mut self.root);
        let done = self.visit(&root, 1, u64::MAX, visit);
        self.root = root;
        done
    }

    /// How many tiles there are, if they are not too many.
    fn count(&mut self) -> Result<usize> {
        let most = ADDRESSES_MAX.max(self.file_bytes);
        let mut n_tiles = 0u64;
        self.visit_all(&mut |entry| add_run(&mut n_tiles, entry, most))?;
        Ok(n_tiles as usize)
    }

    /// Shows `visit` every tile, if they are not too many.
    fn visit_tiles(&mut self, visit: &mut dyn FnMut(TileCoord, &Entry)) -> Result<()> {
        let most = ADDRESSES_MAX.max(self.file_bytes);
        let mut n_tiles = 0u64;
        self.visit_all(&mut |entry| {
            add_run(&mut n_tiles, entry, most)?;
            for id in entry.id..entry.id + u64::from(entry.run) {
                let tile = TileCoord::from_pmtiles_id(id).ok_or_else(|| {
                    format!("a tile with id {id}, which is below zoom {MAX_ZOOM}")
                })?;
                visit(tile, entry);
            }
            Ok(())
        })
    }

    /// Where the tile with an id is.
    fn place_of(&mut self, id: u64) -> Result<Option<Section>> {
        let mut found = directory::find(&self.root, id).copied();
        for _ in 1..DIRECTORIES_MAX {
            let Some(entry) = found.filter(|entry| entry.run == 0) else {
                break;
            };
            let section = self.header.leaves.part(entry.offset, entry.length.into());
            let leaf = self.leaf_of(&entry)?;
            found = directory::find(&leaf, id).copied();
            self.leaves.extend(section.map(|section| (section, leaf)));
            self.forget();
        }
        let Some(entry) = found else {
            return Ok(None);
        };
        if entry.run == 0 {
            return Err(self.too_deep());
        }
        let section = self.header.data.part(entry.offset, entry.length.into());
        section
            .map(Some)
            .ok_or_else(|| self.damaged("a tile outside the tile data"))
    }

    /// The bytes of the tile with an id.
    fn read_id(&mut self, id: u64) -> Result<Option<Vec<u8>>> {
        let Some(section) = self.place_of(id)? else {
            return Ok(None);
        };
        self.unpacked("a tile", section, self.header.tile, TILE_BYTES_MAX)
            .map(Some)
    }
}

/// Counts the tiles of an entry; refuses more than `most` in all.
fn add_run(n_tiles: &mut u64, entry: &Entry, most: u64) -> std::result::Result<(), String> {
    *n_tiles = n_tiles.saturating_add(entry.run.into());
    if *n_tiles > most {
        return Err(format!(
            "more than {most} tiles, which are too many to list"
        ));
    }
    Ok(())
}

/// What an MBTiles file would call a tile type.
fn format_name(tile_type: u8) -> Option<&'static str> {
    match tile_type {
        // Unknown, or another one than those that the specification knows.
        0 => None,
        1 => Some("pbf"),
        _ => FORMATS
            .iter()
            .find(|format| format.pmtiles == tile_type)
            .map(|format| format.mbtiles),
    }
}

impl Store for PmtilesStore {
    fn metadata(&self) -> &StoredMetadata {
        &self.metadata
    }

    fn tiles(&mut self) -> Result<Vec<TileCoord>> {
        // What is far away is not read twice for the sake of a list that has its length from the start.
        let mut tiles = match self.file.is_far() {
            true => Vec::new(),
            false => Vec::with_capacity(self.count()?),
        };
        self.visit_tiles(&mut |tile, _| tiles.push(tile))?;
        Ok(tiles)
    }

    fn places(&mut self) -> Result<Option<Vec<(TileCoord, Place)>>> {
        if !self.file.is_far() {
            return Ok(None);
        }
        let mut places = Vec::new();
        self.visit_tiles(&mut |tile, entry| {
            let (offset, bytes) = (entry.offset, entry.length);
            places.push((tile, Place { offset, bytes }));
        })?;
        Ok(Some(places))
    }

    fn expect(&mut self, tiles: &[TileCoord]) -> Result<()> {
        if !self.file.is_far() {
            return Ok(());
        }
        let mut parts: Vec<(u64, u64)> = Vec::new();
        for tile in tiles {
            let place = self.place_of(tile.pmtiles_id())?;
            let part = place.map(|section| (section.offset, section.bytes));
            // Equal tiles beside each other are one.
            if part.as_ref() != parts.last() {
                parts.extend(part);
            }
        }
        self.file.expect(parts);
        Ok(())
    }

    fn heed(&mut self, stop: Arc<AtomicBool>) {
        self.file.heed(stop);
    }

    fn check_unchanged(&mut self) -> Result<()> {
        self.file.check_unchanged()
    }

    fn read(&mut self, tile: TileCoord) -> Result<Option<Vec<u8>>> {
        let side = 1u64 << tile.z();
        if u64::from(tile.x()) >= side || u64::from(tile.y()) >= side {
            return Ok(None);
        }
        self.read_id(tile.pmtiles_id())
    }
}
