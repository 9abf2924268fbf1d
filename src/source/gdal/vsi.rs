//! Folders and texts on GDAL's virtual file systems: inside of zip files, on the network, or on disk.

use std::ffi::CString;

use super::init;

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
