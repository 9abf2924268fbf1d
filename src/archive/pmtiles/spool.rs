//! [`Spool`]: a file for what must wait before it has a place in the archive.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use super::super::stage::Place;
use super::super::temporary::{Shape, Temporary};
use crate::error::Result;

/// Bytes that are gathered before they are written. Tiles of an orthophoto are mostly longer and written as they come.
const BUFFER_BYTES: usize = 1 << 16;

/// Bytes that [`Spool::move_into`] moves at a time, so much more than the data the disk must have room for.
const STEP_BYTES: u64 = 64 << 20;

/// A file beside the output, on its disk, that is only ever appended to. Where a file without a name can be, it has none:
/// not even a run that is killed leaves it behind.
pub(super) struct Spool {
    file: BufWriter<File>,
    bytes: u64,
    /// After the file, so that it is closed when this is removed.
    _temporary: Option<Temporary>,
}

impl Spool {
    /// An empty one.
    pub(super) fn create(place: &Place) -> Result<Self> {
        let temporary = Temporary::create(place, Shape::File)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(temporary.path())
            .map_err(|error| place.writing(&error))?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            bytes: 0,
            _temporary: (!cfg!(unix)).then_some(temporary),
        })
    }

    /// How much is in it.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends `data`.
    pub(super) fn append(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data)?;
        self.bytes += data.len() as u64;
        Ok(())
    }

    /// Forgets all that is in it.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        self.file.get_ref().set_len(0)?;
        self.bytes = 0;
        Ok(())
    }

    /// Reads `length` bytes at `offset`, which have been appended. Nothing may be appended after.
    pub(super) fn read(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        // This also writes what was gathered.
        self.file.seek(SeekFrom::Start(offset))?;
        let mut data = vec![0; length];
        self.file.get_mut().read_exact(&mut data)?;
        Ok(data)
    }

    /// Moves all that is in it into `archive`, to `offset`. From the end forwards, giving back the room of what was moved:
    /// so the disk never holds everything twice. The kernel copies from file to file.
    pub(super) fn move_into(self, archive: &mut File, offset: u64) -> io::Result<()> {
        self.move_into_by(archive, offset, STEP_BYTES)
    }

    /// [`Spool::move_into`], some bytes at a time.
    pub(super) fn move_into_by(
        self,
        archive: &mut File,
        offset: u64,
        step_bytes: u64,
    ) -> io::Result<()> {
        let mut file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        let mut left = self.bytes;
        while left > 0 {
            let step = left.min(step_bytes);
            left -= step;
            file.seek(SeekFrom::Start(left))?;
            archive.seek(SeekFrom::Start(offset + left))?;
            if io::copy(&mut (&file).take(step), archive)? != step {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.set_len(left)?;
        }
        Ok(())
    }
}
