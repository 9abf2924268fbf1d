//! Parts of a file by HTTP: one request each, on one connection. What the server says about the whole file comes with every
//! part, so none is needed to ask for its length, and a file that is replaced meanwhile is found out.

use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{ptr, slice};

use super::options::{find_header, listening};
use super::{Ranges, Trouble};

/// What GDAL brings back. Laid out as in `cpl_http.h`.
#[repr(C)]
struct Answer {
    /// What curl says: 0 when it is content, whatever the server says.
    status: c_int,
    content_type: *mut c_char,
    /// curl's words, or `HTTP error code : 404`; null when all is well.
    error: *mut c_char,
    n_data: c_int,
    n_allocated: c_int,
    data: *mut u8,
    /// `Name=value`, ended by a null.
    headers: *mut *mut c_char,
    n_parts: c_int,
    parts: *mut std::ffi::c_void,
}

unsafe extern "C" {
    fn CPLHTTPFetch(address: *const c_char, options: *const *const c_char) -> *mut Answer;
    fn CPLHTTPDestroyResult(answer: *mut Answer);
}

/// curl's code for an answer longer than it was told to take.
const TOO_LONG: c_int = 63;

/// curl's code for an answer that it was stopped in the midst of: as above, where nobody knew before.
const STOPPED: c_int = 23;

/// curl's code for a line that broke.
const CUT: c_int = 18;

/// A file at an address.
pub(super) struct Http {
    address: CString,
    /// What GDAL calls our connection by.
    session: String,
    /// What the first answer said: the length, and what tells this file from others that may come into its place.
    whole: Option<Whole>,
}

#[derive(Clone, PartialEq, Eq)]
struct Whole {
    bytes: u64,
    /// `ETag`, or else `Last-Modified`.
    mark: Option<String>,
}

/// An answer that is a part of a file.
struct Part {
    whole: Whole,
    data: Vec<u8>,
}

impl Http {
    /// The file at `address`. Nothing is asked yet.
    pub(super) fn new(address: CString) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            address,
            session: format!("azulejo:{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            whole: None,
        }
    }

    /// Calls GDAL with `options`, and `take` with what comes back, which is freed then.
    fn ask<T>(&self, options: &[String], take: impl FnOnce(&Answer) -> T) -> Option<T> {
        let options: Vec<CString> = options
            .iter()
            .filter_map(|option| CString::new(option.as_str()).ok())
            .collect();
        let mut list: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        list.push(ptr::null());
        let (taken, _) = listening(|| {
            // SAFETY: the address and all options end with a null, and so does the list; all outlive the call.
            let answer = unsafe { CPLHTTPFetch(self.address.as_ptr(), list.as_ptr()) };
            // SAFETY: null, or an answer that is ours until it is destroyed, which it is once.
            unsafe {
                let taken = answer.as_ref().map(take);
                if !answer.is_null() {
                    CPLHTTPDestroyResult(answer);
                }
                taken
            }
        });
        taken
    }

    fn part(&self, offset: u64, n_bytes: usize) -> Result<Part, Trouble> {
        let options = [
            format!(
                "HEADERS=Range: bytes={offset}-{}",
                offset + n_bytes as u64 - 1
            ),
            // What ignores ranges is not to fill the memory.
            format!("MAX_FILE_SIZE={n_bytes}"),
            format!("PERSISTENT={}", self.session),
        ];
        let asked = self.ask(&options, |answer| answer.part(offset, n_bytes));
        asked.unwrap_or_else(|| Err(Trouble::Said("GDAL cannot fetch it".into())))
    }
}

impl Ranges for Http {
    fn begin(&mut self, n_bytes: usize) -> Result<(u64, Vec<u8>), Trouble> {
        let part = self.part(0, n_bytes)?;
        let bytes = part.whole.bytes;
        self.whole = Some(part.whole);
        Ok((bytes, part.data))
    }

    fn fetch(&mut self, offset: u64, n_bytes: usize) -> Result<Vec<u8>, Trouble> {
        let part = self.part(offset, n_bytes)?;
        if self
            .whole
            .as_ref()
            .is_some_and(|whole| *whole != part.whole)
        {
            return Err(Trouble::Changed);
        }
        Ok(part.data)
    }

    fn is_same(&mut self) -> Result<bool, Trouble> {
        // Every part was compared; the last of them only a moment ago.
        Ok(true)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        let close = format!("CLOSE_PERSISTENT={}", self.session);
        self.ask(&[close], |_| ());
    }
}

impl Answer {
    /// What was asked for: `n_bytes` at `offset`, or all up to the end of the file where that comes first.
    fn part(&self, offset: u64, n_bytes: usize) -> Result<Part, Trouble> {
        if let Some(said) = self.said() {
            return Err(self.trouble(said, offset));
        }
        let data = self.data();
        let mark = self.header("etag").or_else(|| self.header("last-modified"));
        let whole = |bytes| Whole { bytes, mark };
        let Some(range) = self.header("content-range") else {
            // The whole file, which is shorter than what was asked for.
            if offset == 0 {
                let whole = whole(data.len() as u64);
                return Ok(Part { whole, data });
            }
            return Err(Trouble::NoRanges);
        };
        let (first, bytes) = parse_range(&range).ok_or(Trouble::NoRanges)?;
        if first != offset {
            return Err(Trouble::NoRanges);
        }
        let expected = bytes.saturating_sub(offset).min(n_bytes as u64);
        if data.len() as u64 != expected {
            return Err(Trouble::Cut);
        }
        Ok(Part {
            whole: whole(bytes),
            data,
        })
    }

    /// The bytes that came.
    fn data(&self) -> Vec<u8> {
        match usize::try_from(self.n_data) {
            Ok(n) if !self.data.is_null() => {
                // SAFETY: GDAL has put so many bytes there, and leaves them while the answer lives.
                unsafe { slice::from_raw_parts(self.data, n) }.to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// What is wrong, by what curl or GDAL said.
    fn trouble(&self, said: String, offset: u64) -> Trouble {
        let status = said
            .strip_prefix("HTTP error code : ")
            .and_then(|code| code.trim().parse().ok());
        match (self.status, status) {
            (_, Some(416)) if offset == 0 => Trouble::Empty,
            (_, Some(416)) => Trouble::Changed,
            (_, Some(status)) => Trouble::Status(status),
            (TOO_LONG | STOPPED, None) => Trouble::NoRanges,
            (CUT, None) => Trouble::Cut,
            (_, None) => Trouble::Said(said),
        }
    }

    fn said(&self) -> Option<String> {
        // SAFETY: null, or a C string that lives as long as the answer.
        let text = unsafe { self.error.as_ref().map(|start| CStr::from_ptr(start)) };
        text.map(|text| text.to_string_lossy().into_owned())
    }

    /// The value of a header, by its name in lower case.
    fn header(&self, name: &str) -> Option<String> {
        // SAFETY: null, or a list of C strings that ends with a null and lives as long as the answer.
        unsafe { find_header(self.headers, name) }
    }
}

/// The length of the file and the part of it that an answer with these headers (`Name=value`) and this body is taken for, where
/// so many bytes at an offset were asked for. A door for tests with any bytes.
#[doc(hidden)]
pub fn part_of_answer(
    headers: &[CString],
    body: &[u8],
    (offset, n_bytes): (u64, usize),
) -> Option<(u64, Vec<u8>)> {
    let mut body = body.to_vec();
    let mut headers: Vec<*mut c_char> = headers
        .iter()
        .map(|header| header.as_ptr().cast_mut())
        .collect();
    headers.push(ptr::null_mut());
    let answer = Answer {
        status: 0,
        content_type: ptr::null_mut(),
        error: ptr::null_mut(),
        n_data: body.len().try_into().ok()?,
        n_allocated: body.len().try_into().ok()?,
        data: body.as_mut_ptr(),
        headers: headers.as_mut_ptr(),
        n_parts: 0,
        parts: ptr::null_mut(),
    };
    let part = answer.part(offset, n_bytes).ok()?;
    Some((part.whole.bytes, part.data))
}

/// The first byte and the length of the whole of `bytes 0-16383/100000`.
fn parse_range(text: &str) -> Option<(u64, u64)> {
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, whole.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_tells_where_a_part_is_and_how_long_the_whole_is() {
        assert_eq!(parse_range("bytes 5-9/100"), Some((5, 100)));
        for text in ["bytes 5-9/*", "bytes */100", "5-9/100", "bytes 5/100"] {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }
}
