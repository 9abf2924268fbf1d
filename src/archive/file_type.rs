//! [`FileType`]: types of files, told by how they begin.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::error::{Error, Result};

/// As many bytes as the longest beginning has.
const LONGEST: usize = 16;

/// A type of files.
#[derive(Debug, Clone, Copy)]
pub struct FileType {
    /// A file of it, as in "an MBTiles file".
    pub name: &'static str,
    /// What makes it one to a program that looks at its first bytes, as in "an SQLite database".
    pub format: &'static str,
    /// What files of it begin with, one of these; 16 bytes at most.
    pub beginnings: &'static [&'static [u8]],
}

impl FileType {
    /// Whether a file begins with `head`, its first bytes, 16 at least if it has as many.
    pub fn fits(&self, head: &[u8]) -> bool {
        self.beginnings.iter().any(|start| head.starts_with(start))
    }

    /// Makes sure that the file at `path`, which is to be replaced, is of this type, or empty: nothing else is ever lost.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::error::Kind::Output) for everything else, with what it is.
    pub fn check_replaced(&self, path: &Path) -> Result<()> {
        let refuse = |found: String| {
            let expected = format_args!("{found}; expected {} to replace", self.name);
            Err(Error::output(path.display(), expected)
                .with_help("move it away, or write to another path with -o"))
        };
        let found = fs::metadata(path).map_err(|error| Error::writing(path.display(), &error))?;
        if found.is_dir() {
            return refuse("a folder".into());
        }
        if !found.is_file() {
            return refuse("not a regular file".into());
        }
        let head = head(path, LONGEST).map_err(|error| Error::writing(path.display(), &error))?;
        if !head.is_empty() && !self.fits(&head) {
            return refuse(format!("not {}", self.format));
        }
        Ok(())
    }
}

/// What something is called that is no file and no folder.
pub(super) fn what_is(found: fs::FileType) -> &'static str {
    if found.is_fifo() {
        "a pipe"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// The first `n_bytes` of a file, or fewer if there are fewer.
pub(super) fn head(path: &Path, n_bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(n_bytes);
    File::open(path)?
        .take(n_bytes as u64)
        .read_to_end(&mut head)?;
    Ok(head)
}
