//! [`Zoom`]: what is known of one zoom while its tiles come.

use std::io;

use super::super::digest::Digest;
use super::super::recent::Recent;
use super::super::stage::Place;
use super::directory::{Entry, put_varint, take_varint};
use super::spool::Spool;
use crate::error::{Error, Result};
use crate::geo::tile::TileCoord;

/// Bytes of entries that a zoom keeps in memory. An orthophoto's take five each.
const CHUNK_BYTES: usize = 1 << 16;

/// A part of the data of one zoom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Blob {
    /// From the beginning of the zoom's data.
    pub(super) offset: u64,
    pub(super) length: u32,
}

/// A tile by its zoom and its content.
type Key = (u8, Digest);

/// What all zooms share.
pub(super) struct Common {
    pub(super) place: Place,
    /// The last tiles that were new, and where they are.
    repeats: Recent<Key, Blob>,
    /// Entries of all zooms, in chunks.
    log: Option<Spool>,
}

impl Common {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            repeats: Recent::default(),
            log: None,
        }
    }
}

/// The tiles of one zoom, which come in ascending order of their ids.
///
/// Equal tiles share their bytes within a zoom. They could not with those of another: how far apart two zooms are in the
/// archive is known when all is there. What is repeated takes some hundred bytes, once a zoom.
#[derive(Default)]
pub(super) struct Zoom {
    data: Option<Spool>,
    /// The last entry, which a tile may still join. Its offset is that of a [`Blob`].
    open: Option<Entry>,
    /// The last tile that was too long for a digest, and where it is: equal ones are found where they stand in a row.
    long: (Vec<u8>, Blob),
    log: Log,
    n_contents: u64,
}

/// Entries that no tile can join any more, each as four varints: ids left out before it, its run, its length, and how far
/// before the end of the data it begins, 0 where it begins there. Kept in chunks in a file that all zooms share: a
/// pyramid of 20 million tiles has 100 MB of them, and none of that is in memory.
#[derive(Default)]
struct Log {
    n_entries: u64,
    /// The chunk under way.
    bytes: Vec<u8>,
    /// Of earlier ones offset and length in the file.
    chunks: Vec<(u64, usize)>,
    at: Position,
}

/// Where the next entry is expected: ids and data that follow on those before take the least room.
#[derive(Default, Clone, Copy)]
struct Position {
    id: u64,
    end: u64,
}

impl Zoom {
    /// Bytes of all its tiles, repeated ones once.
    pub(super) fn bytes(&self) -> u64 {
        self.data.as_ref().map_or(0, Spool::bytes)
    }

    /// Entries, once [`Zoom::close`] was called.
    pub(super) fn n_entries(&self) -> u64 {
        self.log.n_entries
    }

    /// Tiles, repeated ones once.
    pub(super) fn n_contents(&self) -> u64 {
        self.n_contents
    }

    /// Its data, if it has any.
    pub(super) fn into_data(self) -> Option<Spool> {
        self.data
    }

    /// Adds a tile.
    pub(super) fn add(
        &mut self,
        tile: TileCoord,
        (data, digest): (&[u8], Option<Digest>),
        common: &mut Common,
    ) -> Result<()> {
        let id = tile.pmtiles_id();
        let next = self.open.and_then(|open| open.end()).unwrap_or(0);
        if id < next {
            let what = if id + 1 == next {
                "was written twice"
            } else {
                "came out of order, or was written twice"
            };
            let shown = common.place.shown();
            return Err(Error::internal(format!("{shown}: tile {tile} {what}")));
        }
        let key = digest.map(|digest| (tile.z(), digest));
        let known = match key {
            Some(key) => common.repeats.find(key),
            None => Some(self.long.1).filter(|_| self.long.0 == data),
        };
        let blob = match known {
            Some(blob) => blob,
            None => self.append(key, data, common)?,
        };
        self.enter(id, blob, common)
    }

    /// Appends data that is not there yet.
    fn append(&mut self, key: Option<Key>, data: &[u8], common: &mut Common) -> Result<Blob> {
        let Common { place, repeats, .. } = common;
        let length = u32::try_from(data.len()).map_err(|_| {
            Error::output(place.shown(), "a tile of more than 4 GiB; expected less")
        })?;
        let blob = Blob {
            offset: self.bytes(),
            length,
        };
        spool(&mut self.data, place)?
            .append(data)
            .map_err(|error| place.writing(&error))?;
        self.n_contents += 1;
        match key {
            Some(key) => repeats.remember(key, blob),
            None => {
                self.long.0.clear();
                self.long.0.extend_from_slice(data);
                self.long.1 = blob;
            }
        }
        Ok(blob)
    }

    /// Joins a tile to the last entry, or begins another.
    fn enter(&mut self, id: u64, blob: Blob, common: &mut Common) -> Result<()> {
        if let Some(open) = &mut self.open
            && open.end() == Some(id)
            && (open.offset, open.length) == (blob.offset, blob.length)
            && open.run < u32::MAX
        {
            open.run += 1;
            return Ok(());
        }
        self.close(common)?;
        self.open = Some(Entry {
            id,
            offset: blob.offset,
            length: blob.length,
            run: 1,
        });
        Ok(())
    }

    /// Puts down the last entry.
    pub(super) fn close(&mut self, common: &mut Common) -> Result<()> {
        let Some(entry) = self.open.take() else {
            return Ok(());
        };
        self.log.push(entry);
        if self.log.bytes.len() >= CHUNK_BYTES {
            let Common { place, log, .. } = common;
            let log = spool(log, place)?;
            self.log
                .put_away(log)
                .map_err(|error| place.writing(&error))?;
        }
        Ok(())
    }

    /// Hands on all entries, whose offsets are counted from `start` before the zoom's data.
    pub(super) fn give(
        &self,
        start: u64,
        common: &mut Common,
        take: &mut dyn FnMut(Entry) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut at = Position::default();
        for &(offset, length) in &self.log.chunks {
            let log = common.log.as_mut().ok_or(io::ErrorKind::UnexpectedEof)?;
            let chunk = log.read(offset, length)?;
            give_chunk(&chunk, &mut at, start, take)?;
        }
        give_chunk(&self.log.bytes, &mut at, start, take)
    }
}

impl Log {
    fn push(&mut self, entry: Entry) {
        put_varint(&mut self.bytes, entry.id - self.at.id);
        put_varint(&mut self.bytes, entry.run.into());
        put_varint(&mut self.bytes, entry.length.into());
        put_varint(&mut self.bytes, self.at.end - entry.offset);
        self.at.pass(&entry);
        self.n_entries += 1;
    }

    /// Moves the chunk under way to `file`.
    fn put_away(&mut self, file: &mut Spool) -> io::Result<()> {
        self.chunks.push((file.bytes(), self.bytes.len()));
        file.append(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}

impl Position {
    fn pass(&mut self, entry: &Entry) {
        self.id = entry.id + u64::from(entry.run);
        self.end = self.end.max(entry.offset + u64::from(entry.length));
    }
}

/// The entries of one chunk, which begins where `at` is.
fn give_chunk(
    mut chunk: &[u8],
    at: &mut Position,
    start: u64,
    take: &mut dyn FnMut(Entry) -> io::Result<()>,
) -> io::Result<()> {
    while !chunk.is_empty() {
        let mut number = || take_varint(&mut chunk).ok_or(io::ErrorKind::InvalidData);
        let mut entry = Entry {
            id: at.id + number()?,
            run: number()? as u32,
            length: number()? as u32,
            offset: at.end - number()?,
        };
        at.pass(&entry);
        entry.offset += start;
        take(entry)?;
    }
    Ok(())
}

/// The spool in `slot`, made if it is not there yet.
fn spool<'a>(slot: &'a mut Option<Spool>, place: &Place) -> Result<&'a mut Spool> {
    match slot {
        Some(spool) => Ok(spool),
        None => Ok(slot.insert(Spool::create(place)?)),
    }
}
