//! What may be wrong with a PMTiles archive, see [`audit`](crate::archive::audit).

use std::collections::HashSet;
use std::path::Path;

use super::directory::{self, Entry};
use super::header::{HEADER_BYTES, Header, Section};
use super::part::{self, Unusable};
use super::store::{ADDRESSES_MAX, DIRECTORIES_MAX, DIRECTORY_BYTES_MAX};
use crate::archive::audit::{Audit, Fault, Flaw, Tick};
use crate::archive::random_access::{LocalFile, RandomAccess};
use crate::error::Result;
use crate::geo::tile::{MAX_ZOOM, TileCoord};
use crate::remote::RemoteFile;

/// Header and root directory lie in these first bytes, so that one request fetches both (specification, section 3).
const FIRST_BYTES: u64 = 16_384;

/// As many entries are kept of any archive; of one with more bytes than this, as many as it has bytes: each takes some in the
/// directories, packed, and stands for tiles that take more.
const ENTRIES_MAX: u64 = 1 << 22;

/// The highest type of tiles that there is: vector tiles of MapLibre's own (specification, section 3.3).
const TILE_TYPE_MAX: u8 = 6;

/// Looks at the archive at `path`.
pub(in crate::archive) fn audit(path: &Path, tick: &mut Tick<'_>) -> Result<Audit> {
    let file = LocalFile::open(path, "a PMTiles archive")?;
    look(&path.to_string_lossy(), Box::new(file), tick)
}

/// Looks at the archive in the network that `file` is.
pub(in crate::archive) fn audit_remote(file: RemoteFile, tick: &mut Tick<'_>) -> Result<Audit> {
    let name = file.name().to_owned();
    look(&name, Box::new(file), tick)
}

fn look(name: &str, mut file: Box<dyn RandomAccess>, tick: &mut Tick<'_>) -> Result<Audit> {
    let file_bytes = file.bytes();
    let header = part::header(name, &mut *file)?;
    let mut auditor = Auditor {
        file,
        header,
        audit: Audit::default(),
        entries: Vec::new(),
        n_addressed: 0,
        most: ADDRESSES_MAX.max(file_bytes),
        most_entries: ENTRIES_MAX.max(file_bytes),
        leaf_bytes: 0,
        has_given_up: false,
    };
    auditor.tile_type();
    if auditor.sections(file_bytes) {
        let root = auditor.header.root;
        if let Some(entries) = auditor.directory("the root directory", root)? {
            auditor.walk(&entries, 1, u64::MAX, tick)?;
            if !auditor.has_given_up {
                auditor.places();
                auditor.counts();
                auditor.list();
            }
        }
    }
    Ok(auditor.audit)
}

/// What is looked at, and what was found.
struct Auditor {
    file: Box<dyn RandomAccess>,
    header: Header,
    audit: Audit,
    /// Those of tiles, in the order of the directories.
    entries: Vec<Entry>,
    n_addressed: u64,
    /// Addresses that are listed at most.
    most: u64,
    /// Entries that are kept at most.
    most_entries: u64,
    /// Of the leaf directories that were read, as they are stored.
    leaf_bytes: u64,
    /// Whether there is so much, or so little of it true, that nothing more is looked at.
    has_given_up: bool,
}

impl Auditor {
    /// Whether the type of tiles is one that there is (specification, section 3.3).
    fn tile_type(&mut self) {
        let told = self.header.tile_type;
        if told > TILE_TYPE_MAX {
            let expected = format!("0 to {TILE_TYPE_MAX}");
            self.audit
                .add(Flaw::Header, "tile type", told.to_string(), expected);
        }
    }

    /// Whether all sections lie in the file; and not over each other.
    fn sections(&mut self, file_bytes: u64) -> bool {
        let root = self.header.root;
        let header = Section {
            offset: 0,
            bytes: HEADER_BYTES as u64,
        };
        let whole = Section {
            offset: 0,
            bytes: file_bytes,
        };
        let mut sections = vec![("header", header)];
        sections.extend(self.header.sections());
        sections.retain(|(_, section)| section.bytes > 0);
        let mut is_whole = true;
        for (what, section) in &sections {
            if whole.part(section.offset, section.bytes).is_none() {
                is_whole = false;
                let found = format!("{} bytes at {}", section.bytes, section.offset);
                let expected = format!("a part of the file, which has {file_bytes} bytes");
                self.audit.add(Flaw::Beyond, *what, found, expected);
            }
        }
        if !is_whole {
            return false;
        }
        if root.end() > FIRST_BYTES {
            let found = format!("ends at {}", root.end());
            let expected = format!("in the first {FIRST_BYTES} bytes");
            self.audit
                .add(Flaw::Header, "root directory", found, expected);
        }
        let end = sections.iter().map(|(_, section)| section.end()).max();
        let end = end.unwrap_or_default();
        if file_bytes > end {
            let found = format!("{} bytes after its last part", file_bytes - end);
            self.audit
                .add(Flaw::Container, "", found, format!("{end} bytes"));
        }
        sections.sort_by_key(|(_, section)| section.offset);
        for pair in sections.windows(2) {
            if pair[0].1.end() > pair[1].1.offset {
                let found = format!("lies over the {}", pair[0].0);
                self.audit
                    .add(Flaw::Overlap, pair[1].0, found, "parts beside each other");
            }
        }
        true
    }

    /// The entries of a directory as far as they can be read; `None` if it cannot be unpacked. Whatever is wrong is taken down.
    fn directory(&mut self, what: &str, section: Section) -> Result<Option<Vec<Entry>>> {
        let packed = self.header.internal;
        let unpacked = match part::unpacked(&mut *self.file, section, packed, DIRECTORY_BYTES_MAX) {
            Ok(unpacked) => unpacked,
            Err(error) => {
                self.audit.add_error(error)?;
                return Ok(None);
            }
        };
        let expected = "a directory as the specification has it";
        let mut faults = Vec::new();
        let entries = match unpacked {
            Ok(bytes) => directory::parse_all(&bytes, &mut |fault| faults.push(fault)),
            Err(Unusable::TooLong) => {
                let found = format!("{} bytes", section.bytes);
                let expected = format!("at most {DIRECTORY_BYTES_MAX}");
                self.audit.add(Flaw::Directory, what, found, expected);
                None
            }
            Err(Unusable::Damaged(found)) => {
                faults.push(found);
                None
            }
        };
        for found in faults {
            self.audit.add(Flaw::Directory, what, found, expected);
        }
        Ok(entries)
    }

    /// Goes through all directories below one with `entries`, whose ids are below `end`.
    fn walk(
        &mut self,
        entries: &[Entry],
        level: usize,
        end: u64,
        tick: &mut Tick<'_>,
    ) -> Result<()> {
        for (at, entry) in entries.iter().enumerate() {
            if self.has_given_up {
                return Ok(());
            }
            let next = entries.get(at + 1).map_or(end, |next| next.id.min(end));
            if entry.run > 0 {
                self.take(*entry, end);
                continue;
            }
            tick()?;
            let what = format!("the leaf directory at {}", entry.offset);
            if level == DIRECTORIES_MAX {
                let found = format!("more than {DIRECTORIES_MAX} directories on the way to a tile");
                self.audit.add(Flaw::Directory, what, found, "fewer");
                continue;
            }
            let Some(section) = self.header.leaves.part(entry.offset, entry.length.into()) else {
                let found = format!("{} bytes, beyond the leaf directories", entry.length);
                self.audit.add(Flaw::Beyond, what, found, "a part of them");
                continue;
            };
            // Each is read once, unless they lie over each other: a few bytes could be read again and again then.
            self.leaf_bytes += section.bytes;
            if self.leaf_bytes > self.header.leaves.bytes {
                let expected = "directories beside each other";
                self.give_up(
                    Flaw::Overlap,
                    what,
                    "lies over another one".into(),
                    expected,
                );
                return Ok(());
            }
            let Some(leaf) = self.directory(&what, section)? else {
                continue;
            };
            if leaf.first().is_none_or(|first| first.id < entry.id) {
                let found = "does not begin where the directory above it says";
                self.audit
                    .add(Flaw::Directory, what, found, format!("id {}", entry.id));
                continue;
            }
            self.walk(&leaf, level + 1, next, tick)?;
        }
        Ok(())
    }

    /// Takes down why nothing more is looked at, whatever else there is.
    fn give_up(&mut self, flaw: Flaw, place: String, found: String, expected: &str) {
        self.audit.faults.push(Fault {
            flaw,
            tile: None,
            place,
            found,
            expected: expected.to_owned(),
        });
        self.has_given_up = true;
    }

    /// Takes the entry of a tile, in a directory whose ids are below `end`.
    fn take(&mut self, entry: Entry, end: u64) {
        if self.entries.len() as u64 >= self.most_entries {
            let found = format!("more than {} entries", self.most_entries);
            let expected = "fewer, in an archive of its length";
            return self.give_up(Flaw::Directory, "directories".into(), found, expected);
        }
        if entry.end().is_none_or(|id| id > end) {
            let place = place_of(&entry);
            let found = "in a directory that comes before the one it belongs into";
            self.audit.add(
                Flaw::Directory,
                place,
                found,
                "directories in the order of ids",
            );
        }
        if self
            .header
            .data
            .part(entry.offset, entry.length.into())
            .is_none()
        {
            let found = format!(
                "{} bytes at {} of the tile data, which has {}",
                entry.length, entry.offset, self.header.data.bytes
            );
            self.audit
                .add(Flaw::Beyond, place_of(&entry), found, "a part of it");
        }
        self.n_addressed = self.n_addressed.saturating_add(entry.run.into());
        self.entries.push(entry);
    }

    /// Whether tiles lie beside each other, or at the same place, and in order if the header says so.
    fn places(&mut self) {
        let mut seen = HashSet::new();
        let mut last_end = 0;
        let mut unordered = None;
        for entry in &self.entries {
            if seen.insert(entry.offset) && entry.offset < last_end {
                unordered = unordered.or(Some(*entry));
            }
            last_end = last_end.max(entry.offset.saturating_add(entry.length.into()));
        }
        if let Some(entry) = unordered.filter(|_| self.header.clustered) {
            let found = "before the data of tiles with lower ids, in an archive that is said to be clustered";
            self.audit.add(
                Flaw::Header,
                place_of(&entry),
                found,
                "tile data in the order of ids",
            );
        }
        let mut entries: Vec<Entry> = self.entries.clone();
        entries.sort_by_key(|entry| (entry.offset, entry.length));
        entries.dedup_by_key(|entry| (entry.offset, entry.length));
        for pair in entries.windows(2) {
            let end = pair[0].offset.saturating_add(pair[0].length.into());
            if end > pair[1].offset {
                let found = format!("its data begins within that of {}", place_of(&pair[0]));
                let expected = "data beside each other, or the same";
                self.audit
                    .add(Flaw::Overlap, place_of(&pair[1]), found, expected);
            }
        }
    }

    /// Whether the header counts right, where it counts.
    fn counts(&mut self) {
        let contents: HashSet<u64> = self.entries.iter().map(|entry| entry.offset).collect();
        let Header {
            n_addressed,
            n_entries,
            n_contents,
            ..
        } = self.header;
        for (what, told, found) in [
            ("addressed tiles", n_addressed, self.n_addressed),
            ("tile entries", n_entries, self.entries.len() as u64),
            ("tile contents", n_contents, contents.len() as u64),
        ] {
            if told != 0 && told != found {
                let place = format!("number of {what}");
                self.audit
                    .add(Flaw::Header, place, told.to_string(), found.to_string());
            }
        }
    }

    fn list(&mut self) {
        if self.n_addressed > self.most {
            let found = format!("{} tiles, which are too many to list", self.n_addressed);
            self.audit.add(
                Flaw::Directory,
                "directories",
                found,
                format!("at most {}", self.most),
            );
            return;
        }
        let mut tiles = Vec::new();
        for entry in std::mem::take(&mut self.entries) {
            for id in entry.id..entry.id.saturating_add(entry.run.into()) {
                match TileCoord::from_pmtiles_id(id) {
                    Some(tile) => tiles.push(tile),
                    None => {
                        let found = format!("below zoom {MAX_ZOOM}");
                        self.audit
                            .add(Flaw::Address, format!("id {id}"), found, "a tile");
                        break;
                    }
                }
            }
        }
        self.audit.list(tiles);
    }
}

/// An entry's first tile, for messages.
fn place_of(entry: &Entry) -> String {
    match TileCoord::from_pmtiles_id(entry.id) {
        Some(tile) => format!("tile {tile} (id {})", entry.id),
        None => format!("id {}", entry.id),
    }
}
