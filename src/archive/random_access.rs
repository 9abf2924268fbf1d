//! [`RandomAccess`]: a file that is read here and there, on this machine or not.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::error::{Error, Result};
use crate::remote::RemoteFile;

/// A file of which any part can be read.
pub(super) trait RandomAccess: Send {
    /// How long it is.
    fn bytes(&self) -> u64;

    /// Reads the bytes at `offset` into all of `buffer`.
    ///
    /// # Errors
    /// [`Kind::Input`](crate::error::Kind::Input) when they cannot be read, [`Kind::Retry`](crate::error::Kind::Retry) when
    /// they might be later.
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()>;

    /// Whether reading costs much more than it does on a disk.
    fn is_far(&self) -> bool {
        false
    }

    /// Told what will be read, by first bytes and lengths, and little else.
    fn expect(&mut self, _parts: Vec<(u64, u64)>) {}

    /// As [`Store::heed`](super::Store::heed).
    fn heed(&mut self, _stop: Arc<AtomicBool>) {}

    /// As [`Store::check_unchanged`](super::Store::check_unchanged).
    fn check_unchanged(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A file on this machine.
pub(super) struct LocalFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl LocalFile {
    /// Opens the file at `path`, which is to be `expected`.
    ///
    /// # Errors
    /// [`Kind::Input`](crate::error::Kind::Input) when it cannot be read or is not a regular file.
    pub(super) fn open(path: &Path, expected: &str) -> Result<Self> {
        let unreadable =
            |error| Error::input(path.display(), format_args!("cannot be read ({error})"));
        // Not a pipe, on which reading would wait for somebody to write.
        if !path.is_file() {
            let found = format_args!("not a regular file; expected {expected}");
            return Err(Error::input(path.display(), found));
        }
        let file = File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        Ok(Self {
            path: path.to_path_buf(),
            file,
            bytes,
        })
    }
}

impl RandomAccess for LocalFile {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.file.read_exact(buffer))
            .map_err(|error| {
                Error::input(
                    self.path.display(),
                    format_args!("cannot be read ({error})"),
                )
            })
    }
}

impl RandomAccess for RemoteFile {
    fn bytes(&self) -> u64 {
        RemoteFile::bytes(self)
    }

    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        RemoteFile::read(self, offset, buffer)
    }

    fn is_far(&self) -> bool {
        true
    }

    fn expect(&mut self, parts: Vec<(u64, u64)>) {
        RemoteFile::expect(self, parts);
    }

    fn heed(&mut self, stop: Arc<AtomicBool>) {
        RemoteFile::heed(self, stop);
    }

    fn check_unchanged(&mut self) -> Result<()> {
        RemoteFile::check_unchanged(self)
    }
}
