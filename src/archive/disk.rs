//! [`Disk`]: what the system says of the disk that something lies on.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A disk, as it was when it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that it has left for us.
    pub free_bytes: u64,
    /// Whether it can only be read.
    pub is_read_only: bool,
}

impl Disk {
    /// The disk with the file or folder at `path`; `None` where that cannot be told.
    pub fn of(path: &Path) -> Option<Self> {
        let path = CString::new(path.as_os_str().as_bytes()).ok()?;
        let mut found = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: a path that ends with a zero, and room for what is written.
        let told = unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) };
        if told != 0 {
            return None;
        }
        // SAFETY: the call has succeeded, so it was written.
        let found = unsafe { found.assume_init() };
        Some(Self {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            is_read_only: found.f_flag & libc::ST_RDONLY > 0,
        })
    }
}
