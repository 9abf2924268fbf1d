//! [`audit`]: whether a container is what its kind should be, told without stopping at the first fault.
//!
//! A [`Store`](super::Store) ends at what it cannot make sense of. Here that is taken down, and the rest is looked at: the
//! list of tiles is of all that can be read. Tiles are not opened.

use std::path::Path;

use super::{open_store, pmtiles, tally};
use crate::error::{Error, Kind, Result};
use crate::geo::tile::TileCoord;
use crate::remote::{RemoteFile, virtual_name};

/// What may be wrong with a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// The container as a whole: damaged, cut short, something missing.
    Container,
    /// A directory of a PMTiles archive: damaged or out of order.
    Directory,
    /// A number in the header of a PMTiles archive that is not true.
    Header,
    /// Two parts of an archive that lie over each other.
    Overlap,
    /// A part of an archive that lies beyond its end.
    Beyond,
    /// An index that is missing.
    Index,
    /// A tile outside the matrix, or without an address.
    Address,
    /// A second tile at an address.
    Duplicate,
    /// A tile that is listed, whose bytes are not there.
    Dangling,
    /// A file that is named as no tile is.
    FileName,
    /// A file that is no part of a tileset.
    Stray,
    /// Descriptions of one tileset that disagree.
    Descriptions,
    /// Bytes that are not those that were summed up.
    Digest,
}

/// Something wrong with a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub flaw: Flaw,
    /// The tile, where it is one.
    pub tile: Option<TileCoord>,
    /// Where in the container.
    pub place: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

/// Faults that are kept: a container that has more is lost anyhow, and they are not to fill the memory.
const FAULTS_MAX: usize = 100_000;

/// What an audit has found.
#[derive(Debug, Default)]
pub struct Audit {
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// How many faults were left out, as there are very many.
    pub n_left_out: u64,
    /// What is unusual.
    pub notes: Vec<String>,
    /// Addresses of all tiles that can be asked for, as [`Store::tiles`](super::Store::tiles) lists them; `None` where none can.
    pub tiles: Option<Vec<TileCoord>>,
}

impl Audit {
    pub(super) fn add(
        &mut self,
        flaw: Flaw,
        place: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.push(Fault {
            flaw,
            tile: None,
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        });
    }

    fn push(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else {
            self.n_left_out += 1;
        }
    }

    pub(super) fn add_tile(
        &mut self,
        flaw: Flaw,
        tile: TileCoord,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.push(Fault {
            flaw,
            tile: Some(tile),
            place: format!("tile {tile}"),
            found: found.into(),
            expected: expected.into(),
        });
    }

    /// Takes down a failure to read the container itself; one that may pass, or that the user wanted, stays an error.
    pub(super) fn add_error(&mut self, error: Error) -> Result<()> {
        if !matches!(error.kind(), Kind::Input | Kind::Damaged) {
            return Err(error);
        }
        let text = error.to_string();
        // Messages mostly say what was expected.
        let told = text.split_once("; expected ");
        let (found, expected) = told.unwrap_or((&text, "a container that is whole"));
        self.add(Flaw::Container, "", found, expected);
        Ok(())
    }

    /// The list of tiles, sorted; those that come twice are faults.
    pub(super) fn list(&mut self, mut tiles: Vec<TileCoord>) {
        // An archive may list tens of millions in a few bytes, in their order: to sort them would take four times their memory.
        if !tiles.is_sorted_by_key(|&tile| tally::place(tile)) {
            tiles.sort_by_cached_key(|&tile| tally::place(tile));
        }
        let again: Vec<TileCoord> = tiles
            .windows(2)
            .filter(|pair| pair[0] == pair[1])
            .map(|pair| pair[1])
            .collect();
        for tile in again {
            self.add_tile(Flaw::Duplicate, tile, "stored once more", "each tile once");
        }
        tiles.dedup();
        self.tiles = Some(tiles);
    }
}

/// Called now and then with nothing; an error of its ends the work.
pub type Tick<'a> = dyn FnMut() -> Result<()> + 'a;

/// Looks at the container at `path`, which may be whatever [`open_store`] opens.
///
/// # Errors
/// [`Kind::Input`] when there is nothing there, or nothing of a kind that we know; [`Kind::Retry`] when a server does not
/// answer; those of `tick`.
pub fn audit(path: &Path, tick: &mut Tick<'_>) -> Result<Audit> {
    if let Some(name) = virtual_name(path) {
        // What cannot be read in the network is refused there.
        open_store(path)?;
        return pmtiles::audit_remote(RemoteFile::open(name)?, tick);
    }
    let archive = super::at(path)?;
    (archive.audit)(path, tick)
}
