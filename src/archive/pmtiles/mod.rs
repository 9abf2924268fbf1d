//! PMTiles 3, a tileset as one file that is read by ranges: from a disk, or from any server that knows HTTP ranges.
//!
//! ```text
//! header       127 bytes: where the rest is, counts, zooms, bounds (see `header`)
//! root         gzip: a directory of tiles or of leaf directories (see `directory`); with the header less than 16,384 bytes
//! metadata     gzip: a JSON object of strings, the rows of Metadata::rows that the header does not have
//! leaves       gzip, each: directories of tiles; absent while the root holds all entries
//! tiles        every different tile of a zoom once, in ascending order of ids ("clustered")
//! ```
//!
//! A tile's id is its place on the Hilbert curves of all zooms, one after the other. Tiles come to us in post-order, in which
//! every zoom by itself ascends. So each zoom has a file of its own beside the output, and at the end they are put
//! together: nothing is sorted, and nothing is kept in memory but what equal tiles are found by.

mod audit;
mod directory;
mod gzip;
mod header;
mod part;
mod spool;
mod store;
#[cfg(test)]
mod tests;
mod zoom;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use super::file_type::FileType;
use super::stage::{self, Local, Place};
use super::tally::Tally;
use super::temporary::{Shape, Temporary};
use super::{Digest, Metadata, Sink, SinkOptions, Staged};
use crate::error::{Error, Result};
use crate::geo::tile::{MAX_ZOOM, TileCoord};
use directory::Entry;
use header::{Compression, HEADER_BYTES, Header, MAGIC, Section};
use spool::Spool;
use zoom::{Common, Zoom};

pub(super) use audit::{audit, audit_remote};
pub(super) use store::{open, open_remote};

/// What an archive looks like.
const TYPE: FileType = FileType {
    name: "a PMTiles archive",
    format: "a PMTiles archive",
    beginnings: &[MAGIC],
};

/// The longest root: with the header it must be less than 16 KiB, which readers fetch at once.
const ROOT_BYTES_MAX: usize = (1 << 14) - 1 - HEADER_BYTES;

/// More entries than this are not tried in one directory: at two or three bytes each when packed they do not fit.
const FLAT_ENTRIES_MAX: u64 = 1 << 14;

/// Entries of a leaf, in some 12 kB: a reader gets to a tile in three short reads.
const LEAF_ENTRIES: u64 = 4096;

/// As many leaves as surely fit the root, at some three bytes each.
const LEAVES: u64 = 4096;

/// Opens a new archive in the place of `path`.
pub(super) fn create(path: &Path, options: &SinkOptions) -> Result<Box<dyn Sink>> {
    let place = Place::claim(path, options.overwrite, |path| TYPE.check_replaced(path))?;
    let temporary = Temporary::create(&place, Shape::File)?;
    Ok(Box::new(PmtilesSink {
        zooms: (0..=MAX_ZOOM).map(|_| Zoom::default()).collect(),
        common: Common::new(place),
        temporary,
        tally: Tally::new(options),
    }))
}

/// An archive being written.
struct PmtilesSink {
    /// By their numbers.
    zooms: Vec<Zoom>,
    common: Common,
    /// The archive. Nothing is in it before all tiles are there.
    temporary: Temporary,
    tally: Tally,
}

impl Sink for PmtilesSink {
    fn write(&mut self, tile: TileCoord, data: &[u8], digest: Option<Digest>) -> Result<()> {
        let Self {
            zooms,
            common,
            tally,
            ..
        } = self;
        tally.add(tile, data, || {
            zooms[usize::from(tile.z())].add(tile, (data, digest), common)
        })
    }

    fn finish(self: Box<Self>, metadata: &Metadata) -> Result<Staged> {
        self.tally.check(metadata)?;
        let Self {
            mut zooms,
            mut common,
            temporary,
            tally,
        } = *self;
        if tally.n_tiles() == 0 {
            return Err(Error::output(
                common.place.shown(),
                "no tiles; expected one at least, as a PMTiles directory cannot be empty",
            )
            .with_help("--keep-blank stores tiles without data, too"));
        }
        for zoom in &mut zooms {
            zoom.close(&mut common)?;
        }
        let n_stored = zooms.iter().map(Zoom::n_contents).sum();
        let directories = Directories::make(&zooms, &mut common)?;
        let header = header_of(metadata, &tally, &zooms);
        let Common { place, .. } = common;
        assemble(temporary.path(), header, directories, metadata, zooms)
            .map_err(|error| place.writing(&error))?;
        let (bytes, sha256) =
            stage::sync_and_digest(temporary.path()).map_err(|error| place.writing(&error))?;
        Ok(Local {
            place,
            temporary,
            n_tiles: tally.n_tiles(),
            n_stored,
            bytes,
            sha256: Some(sha256),
        }
        .into())
    }
}

/// All directories of an archive.
struct Directories {
    root: Vec<u8>,
    leaves: Option<Spool>,
}

impl Directories {
    /// One directory if it is short enough, otherwise leaves as short as the root allows.
    fn make(zooms: &[Zoom], common: &mut Common) -> Result<Self> {
        let n_entries: u64 = zooms.iter().map(Zoom::n_entries).sum();
        if n_entries <= FLAT_ENTRIES_MAX {
            let root = directory::flat(&mut |take| give_all(zooms, common, take));
            let root = root.map_err(|error| common.place.writing(&error))?;
            if root.len() <= ROOT_BYTES_MAX {
                return Ok(Self { root, leaves: None });
            }
        }
        Self::in_leaves(zooms, common, LEAF_ENTRIES.max(n_entries / LEAVES))
    }

    /// Leaves of `leaf_entries`, or of as many more as it takes for the root to hold them.
    fn in_leaves(zooms: &[Zoom], common: &mut Common, mut leaf_entries: u64) -> Result<Self> {
        let mut leaves = Spool::create(&common.place)?;
        loop {
            let root = leaves.clear().and_then(|()| {
                directory::split(
                    leaf_entries,
                    &mut |take| give_all(zooms, common, take),
                    &mut |leaf| leaves.append(leaf),
                )
            });
            let root = root.map_err(|error| common.place.writing(&error))?;
            if root.len() <= ROOT_BYTES_MAX {
                let leaves = Some(leaves);
                return Ok(Self { root, leaves });
            }
            // Ends at the latest with one leaf that has all.
            leaf_entries += leaf_entries / 4 + 1;
        }
    }
}

/// Hands on the entries of all zooms, in the order of their ids.
fn give_all(
    zooms: &[Zoom],
    common: &mut Common,
    take: &mut dyn FnMut(Entry) -> io::Result<()>,
) -> io::Result<()> {
    let mut start = 0;
    for zoom in zooms {
        zoom.give(start, common, take)?;
        start += zoom.bytes();
    }
    Ok(())
}

/// A header with everything but where things are.
fn header_of(metadata: &Metadata, tally: &Tally, zooms: &[Zoom]) -> Header {
    let nowhere = Section::default();
    Header {
        root: nowhere,
        metadata: nowhere,
        leaves: nowhere,
        data: nowhere,
        n_addressed: tally.n_tiles(),
        n_entries: zooms.iter().map(Zoom::n_entries).sum(),
        n_contents: zooms.iter().map(Zoom::n_contents).sum(),
        clustered: true,
        internal: Compression::Gzip,
        tile: Compression::None,
        tile_type: metadata.format.info().pmtiles,
        zoom_min: metadata.zoom_min,
        zoom_max: metadata.zoom_max,
        bounds: metadata.bounds,
        center: metadata.center,
    }
}

/// Puts the archive together in the empty file at `path`.
fn assemble(
    path: &Path,
    mut header: Header,
    directories: Directories,
    metadata: &Metadata,
    zooms: Vec<Zoom>,
) -> io::Result<()> {
    let Directories { root, leaves } = directories;
    let json = gzip::pack(metadata.pmtiles_json().as_bytes());
    let follow = |before: Section, bytes: u64| Section {
        offset: before.end(),
        bytes,
    };
    let front = Section {
        offset: 0,
        bytes: HEADER_BYTES as u64,
    };
    header.root = follow(front, root.len() as u64);
    header.metadata = follow(header.root, json.len() as u64);
    header.leaves = follow(header.metadata, leaves.as_ref().map_or(0, Spool::bytes));
    header.data = follow(header.leaves, zooms.iter().map(Zoom::bytes).sum());
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(&[&header.to_bytes(), &root[..], &json[..]].concat())?;
    if let Some(leaves) = leaves {
        leaves.move_into(&mut file, header.leaves.offset)?;
    }
    let mut at = header.data.offset;
    for zoom in zooms {
        let bytes = zoom.bytes();
        if let Some(data) = zoom.into_data() {
            data.move_into(&mut file, at)?;
        }
        at += bytes;
    }
    Ok(())
}
