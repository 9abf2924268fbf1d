//! What the system says of the disk.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes that the disk with `folder` has left for us; `None` where that cannot be told.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut found = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: a path that ends with a zero, and room for what is written.
    let told = unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) };
    if told != 0 {
        return None;
    }
    // SAFETY: the call has succeeded, so it was written.
    let found = unsafe { found.assume_init() };
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
