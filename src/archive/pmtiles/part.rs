//! Parts of an archive as they come out of its file: the header, and what is packed.

use super::header::{Compression, HEADER_BYTES, Header, Section};
use crate::archive::random_access::RandomAccess;
use crate::error::{Error, Result};
use crate::remote::download;

/// The header of `file`, which is called `name`.
///
/// # Errors
/// [`Kind::Input`](crate::error::Kind::Input) when the file is no archive; when it cannot be read.
pub(super) fn header(name: &str, file: &mut dyn RandomAccess) -> Result<Header> {
    let mut head = vec![0; HEADER_BYTES.min(usize::try_from(file.bytes()).unwrap_or(HEADER_BYTES))];
    file.read(0, &mut head)?;
    Header::parse(&head).map_err(|found| {
        let expected = format_args!("{found}; expected a PMTiles archive of version 3");
        let error = Error::input(name, expected);
        // An address need not tell by its end what is there.
        if file.is_far() && head.starts_with(b"SQLite format 3") {
            error.with_help(download(name))
        } else {
            error
        }
    })
}

/// Why there is nothing to be had from a part of a file that can be read.
pub(super) enum Unusable {
    /// It is longer than any should be.
    TooLong,
    /// It cannot be unpacked, for this reason.
    Damaged(String),
}

/// What `section` of `file` holds, which is at most `limit` bytes, packed and unpacked.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn unpacked(
    file: &mut dyn RandomAccess,
    section: Section,
    compression: Compression,
    limit: usize,
) -> Result<std::result::Result<Vec<u8>, Unusable>> {
    if section.bytes > limit as u64 {
        return Ok(Err(Unusable::TooLong));
    }
    let mut data = vec![0; section.bytes as usize];
    file.read(section.offset, &mut data)?;
    Ok(compression.unpack(data, limit).map_err(Unusable::Damaged))
}
