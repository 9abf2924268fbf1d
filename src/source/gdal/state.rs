//! The files behind a raster, and what they look like from outside: [`FileState`].

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::path::Path;

use gdal::Dataset;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Bytes of a file that are summed up at once.
const CHUNK: usize = 1 << 20;

/// A file as it is without a look into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// Its name, as GDAL has it.
    pub path: String,
    /// Its size; `None` for what cannot be asked, such as a table in a database.
    pub bytes: Option<u64>,
    /// When it was changed, in seconds since 1970 and billionths of one.
    pub modified: Option<(i64, u32)>,
}

impl FileState {
    /// That of `path`, a file here or any that GDAL has under `/vsi`.
    pub fn of(path: &str) -> Self {
        let found = stat(path);
        Self {
            path: path.to_owned(),
            bytes: found.as_ref().map(|found| found.st_size as u64),
            modified: found
                .as_ref()
                .map(|found| (found.st_mtime, found.st_mtime_nsec as u32)),
        }
    }
}

impl FileState {
    /// SHA-256 of all that is in it.
    ///
    /// # Errors
    /// [`Kind::Input`](crate::error::Kind::Input) when it cannot be read to its end.
    pub fn sha256(&self) -> Result<[u8; 32]> {
        let unreadable = |found: &str| {
            Error::input(
                &self.path,
                format!("{found}; expected a file that can be read to its end"),
            )
        };
        let path =
            CString::new(self.path.as_str()).map_err(|_| unreadable("a name with a zero in it"))?;
        let (mut digest, mut n_read, mut chunk) = (Sha256::new(), 0_u64, vec![0_u8; CHUNK]);
        // SAFETY: the string ends with a zero; the handle is checked, and closed once; the buffer is as long as is said.
        unsafe {
            let file = gdal_sys::VSIFOpenL(path.as_ptr(), c"rb".as_ptr());
            if file.is_null() {
                return Err(unreadable("cannot be opened"));
            }
            loop {
                let n = gdal_sys::VSIFReadL(chunk.as_mut_ptr().cast(), 1, CHUNK as _, file);
                if n == 0 {
                    break;
                }
                n_read += n as u64;
                digest.update(&chunk[..n as usize]);
            }
            gdal_sys::VSIFCloseL(file);
        }
        match self.bytes {
            Some(bytes) if bytes != n_read => Err(unreadable(&format!(
                "{n_read} of {bytes} bytes could be read"
            ))),
            _ => Ok(digest.finalize().into()),
        }
    }
}

fn stat(path: &str) -> Option<libc::stat> {
    let path = CString::new(path).ok()?;
    let mut found = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: a string that ends with a zero, and room for what is written: where numbers of files have 64 bits, as here, GDAL's
    // is the system's own.
    let told = unsafe { gdal_sys::VSIStatL(path.as_ptr(), found.as_mut_ptr().cast()) };
    // SAFETY: numbers only, which were all zero before the call.
    (told == 0).then(|| unsafe { found.assume_init() })
}

/// How deep lists of lists are looked into.
const DEEPEST: usize = 8;

/// The names of the files that `dataset`, opened as `path`, is made of: its own, those beside it, and those that it refers to. In
/// the network nobody is asked what lies beside it.
pub(super) fn files(path: &str, dataset: &Dataset) -> Vec<String> {
    let mut names = Vec::new();
    add_files(path, dataset, DEEPEST, &mut names);
    names
}

fn add_files(path: &str, dataset: &Dataset, depth: usize, names: &mut Vec<String>) {
    let is_list = dataset.driver().short_name() == "VRT";
    if path.starts_with("/vsi") && !is_list {
        return add(path, names);
    }
    let listed = listed(dataset);
    add(path, names);
    for name in listed {
        if names.contains(&name) {
            continue;
        }
        add(&name, names);
        // GDAL lists what a list refers to, but not what lies beside that, nor what a list in it refers to.
        if is_list && depth > 0 && !name.starts_with("/vsi") {
            let beside = [".ovr", ".msk", ".aux.xml"].map(|ending| format!("{name}{ending}"));
            let there = beside.iter().filter(|name| Path::new(name).exists());
            there.for_each(|name| add(name, names));
            if name.to_lowercase().ends_with(".vrt")
                && let Ok(inner) = Dataset::open(&name)
            {
                add_files(&name, &inner, depth - 1, names);
            }
        }
    }
}

fn add(name: &str, names: &mut Vec<String>) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

fn listed(dataset: &Dataset) -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: the dataset is open; the list is ours to free.
    unsafe {
        let list = gdal_sys::GDALGetFileList(dataset.c_dataset());
        let mut next = list;
        while !next.is_null() && !(*next).is_null() {
            names.push(CStr::from_ptr(*next).to_string_lossy().into_owned());
            next = next.add(1);
        }
        gdal_sys::CSLDestroy(list);
    }
    names
}
