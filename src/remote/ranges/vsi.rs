//! Parts of a file on one of GDAL's virtual file systems: object stores, with their signatures, or what lies in a zip file.

use std::ffi::{CStr, CString, c_char, c_int};
use std::io::SeekFrom;
use std::ptr;

use super::options::{find_header, listening};
use super::{Ranges, Trouble};

unsafe extern "C" {
    // As in `cpl_vsi_error.h`.
    fn VSIErrorReset();
    fn VSIGetLastErrorMsg() -> *const c_char;
}

/// An open file of GDAL's, used by one thread at a time.
struct Handle(*mut gdal_sys::VSILFILE);

// SAFETY: GDAL's virtual files belong to no thread; only two at once may not use one, and nobody but its owner can.
unsafe impl Send for Handle {}

/// A virtual file.
pub(super) struct Virtual {
    path: CString,
    file: Option<Handle>,
    /// Its length and its mark, as they were found.
    found: Option<(u64, Option<String>)>,
}

impl Virtual {
    /// The file at `path`, a name in GDAL's form. Nothing is asked yet.
    pub(super) fn new(path: CString) -> Self {
        Self {
            path,
            file: None,
            found: None,
        }
    }

    /// Opens the file, if it is not open.
    fn open(&mut self) -> Result<&Handle, Trouble> {
        if self.file.is_none() {
            let (opened, said) = listening(|| {
                // SAFETY: both strings end with a null; what is told about an error is copied before anything else is asked.
                unsafe {
                    VSIErrorReset();
                    let file = gdal_sys::VSIFOpenExL(self.path.as_ptr(), c"rb".as_ptr(), 1);
                    if file.is_null() {
                        Err(last_words())
                    } else {
                        Ok(Handle(file))
                    }
                }
            });
            let file = opened.map_err(|told| {
                let told = Some(told).filter(|told| !told.is_empty()).or(said);
                Trouble::of_words(&told.unwrap_or_default())
            })?;
            self.file = Some(file);
        }
        self.file.as_ref().ok_or(Trouble::Cut)
    }

    /// What tells this file from others of its name: the `ETag` of its store, or when it was changed last. It is asked for, and
    /// then GDAL knows what it would ask for when the file is opened.
    fn mark(&self) -> Option<String> {
        let (mark, _) = listening(|| {
            // SAFETY: both strings end with a null; the list, null or of strings and ended by a null, is freed once.
            unsafe {
                let list = gdal_sys::VSIGetFileMetadata(
                    self.path.as_ptr(),
                    c"HEADERS".as_ptr(),
                    ptr::null_mut(),
                );
                let find = |name| find_header(list, name);
                let mark = find("etag").or_else(|| find("last-modified"));
                gdal_sys::CSLDestroy(list);
                mark
            }
        });
        mark
    }

    /// The length and the mark of the file, which is open then.
    fn facts(&mut self) -> Result<(u64, Option<String>), Trouble> {
        let mark = self.mark();
        if mark.is_none() && self.open().is_err() {
            // GDAL says why only to who asks first.
            self.forget();
        }
        let file = self.open()?;
        let (bytes, _) = listening(|| file.seek(SeekFrom::End(0)));
        Ok((bytes.ok_or(Trouble::Cut)?, mark))
    }

    /// Closes the file, and makes GDAL forget what it knows of it.
    fn forget(&mut self) {
        self.file = None;
        // SAFETY: the path ends with a null.
        unsafe { gdal_sys::VSICurlPartialClearCache(self.path.as_ptr()) };
    }
}

/// What GDAL says of the last failure on a virtual file system.
///
/// # Safety
/// Nothing else of GDAL's may be called on this thread meanwhile.
unsafe fn last_words() -> String {
    // SAFETY: a C string, never null, that lives until GDAL is asked for something else.
    let text = unsafe { CStr::from_ptr(VSIGetLastErrorMsg()) };
    text.to_string_lossy().into_owned()
}

impl Handle {
    /// Goes to a place, and tells where that is.
    fn seek(&self, to: SeekFrom) -> Option<u64> {
        let (offset, whence): (u64, c_int) = match to {
            SeekFrom::Start(offset) => (offset, libc::SEEK_SET),
            SeekFrom::End(_) => (0, libc::SEEK_END),
            SeekFrom::Current(_) => (0, libc::SEEK_CUR),
        };
        // SAFETY: the file is open.
        unsafe {
            let done = gdal_sys::VSIFSeekL(self.0, offset, whence);
            (done == 0).then(|| gdal_sys::VSIFTellL(self.0))
        }
    }

    fn read(&self, offset: u64, n_bytes: usize) -> Result<Vec<u8>, Trouble> {
        let mut data = vec![0_u8; n_bytes];
        let (n_read, said) = listening(|| {
            self.seek(SeekFrom::Start(offset))?;
            // SAFETY: the buffer has room for so many bytes, and the file is open.
            Some(unsafe { gdal_sys::VSIFReadL(data.as_mut_ptr().cast(), 1, n_bytes, self.0) })
        });
        match (n_read, said) {
            (Some(n), _) if n == n_bytes => Ok(data),
            (_, Some(said)) => Err(Trouble::of_words(&said)),
            _ => Err(Trouble::Cut),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: open until now, and closed once.
        listening(|| unsafe { gdal_sys::VSIFCloseL(self.0) });
    }
}

impl Ranges for Virtual {
    fn begin(&mut self, n_bytes: usize) -> Result<(u64, Vec<u8>), Trouble> {
        // What another file of that name was like does not count.
        self.forget();
        let found = self.facts()?;
        let bytes = found.0;
        self.found = Some(found);
        let n_bytes = usize::try_from(bytes).unwrap_or(n_bytes).min(n_bytes);
        Ok((bytes, self.open()?.read(0, n_bytes)?))
    }

    fn fetch(&mut self, offset: u64, n_bytes: usize) -> Result<Vec<u8>, Trouble> {
        let read = self.open()?.read(offset, n_bytes);
        if read.is_err() {
            // GDAL keeps what it could not read as something that is not there. When it is opened again, GDAL says why.
            if !self.is_same()? {
                return Err(Trouble::Changed);
            }
        }
        read
    }

    fn is_same(&mut self) -> Result<bool, Trouble> {
        self.forget();
        let facts = self.facts()?;
        Ok(self.found.as_ref() == Some(&facts))
    }
}
