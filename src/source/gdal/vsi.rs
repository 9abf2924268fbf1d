//! Folders and texts on GDAL's virtual file systems: inside of zip files, on the network, or on disk.

use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering};

use super::init;
use crate::error::{Error, Kind, Result};

/// The names in the folder at `path`, sorted; empty when there is no such folder, or nothing in it. Names that are not
/// UTF-8 are left out: GDAL could not open them.
pub fn list(path: &str) -> Vec<String> {
    init();
    let found = gdal::vsi::read_dir(path, false).unwrap_or_default();
    let mut names: Vec<String> = found
        .iter()
        .filter_map(|name| name.to_str())
        .map(|name| name.trim_end_matches('/').to_owned())
        .filter(|name| !matches!(name.as_str(), "" | "." | ".."))
        .collect();
    names.sort();
    names
}

/// The text of the file at `path`, of which no more than `most_bytes` are read; `None` when it cannot be read.
pub fn read_text(path: &str, most_bytes: usize) -> Option<String> {
    init();
    let path = CString::new(path).ok()?;
    let mut bytes = vec![0_u8; most_bytes];
    // SAFETY: both strings end with a null; the handle is checked, and closed once.
    unsafe {
        let file = gdal_sys::VSIFOpenL(path.as_ptr(), c"rb".as_ptr());
        if file.is_null() {
            return None;
        }
        let n = gdal_sys::VSIFReadL(bytes.as_mut_ptr().cast(), 1, most_bytes as _, file);
        gdal_sys::VSIFCloseL(file);
        bytes.truncate(n as usize);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Calls `take` with the name of a file that has `bytes` and ends in `extension`. It is in memory, and gone afterwards.
///
/// # Errors
/// Those of `take`; [`Kind::Resources`] when there is no room for a copy.
pub fn with_bytes<T>(
    bytes: &[u8],
    extension: &str,
    take: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    init();
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("/vsimem/azulejo-{n}.{extension}");
    let path = CString::new(name.as_str()).map_err(|_| Error::internal("a name with a null"))?;
    let no_room = || Error::new(Kind::Resources, "out of memory for a copy of a tile");
    // SAFETY: the copy has as many bytes as are written to it, and belongs to GDAL from then on: handles that threads keep
    // open may outlive this call. The name ends with a null.
    unsafe {
        let copy = gdal_sys::VSIMalloc(bytes.len().max(1)).cast::<u8>();
        if copy.is_null() {
            return Err(no_room());
        }
        copy.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        let file = gdal_sys::VSIFileFromMemBuffer(path.as_ptr(), copy, bytes.len() as _, 1);
        if file.is_null() {
            gdal_sys::VSIFree(copy.cast());
            return Err(no_room());
        }
        gdal_sys::VSIFCloseL(file);
    }
    let taken = take(&name);
    // SAFETY: as above.
    unsafe { gdal_sys::VSIUnlink(path.as_ptr()) };
    taken
}
