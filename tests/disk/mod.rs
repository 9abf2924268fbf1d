//! Disks of any size, in memory.
#![allow(dead_code)] // No test program needs all of it.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(crate) fn is_root() -> bool {
    // SAFETY: no arguments, no failure.
    unsafe { libc::geteuid() == 0 }
}

/// Runs `work` with a disk in memory mounted at `at`. Only this thread and the programs that it starts see it, and it goes
/// when they have ended. Skipped where mounting is not allowed.
pub(crate) fn with_disk(at: &Path, options: &CStr, work: impl FnOnce()) {
    let at = CString::new(at.as_os_str().as_bytes()).unwrap();
    // SAFETY: C strings that outlive the calls, null where the kernel ignores the argument.
    let mounted = is_root()
        && unsafe {
            let private = libc::MS_REC | libc::MS_PRIVATE;
            let null = std::ptr::null;
            libc::unshare(libc::CLONE_NEWNS) == 0
                && libc::mount(null(), c"/".as_ptr(), null(), private, std::ptr::null()) == 0
                && libc::mount(
                    c"none".as_ptr(),
                    at.as_ptr(),
                    c"tmpfs".as_ptr(),
                    0,
                    options.as_ptr().cast(),
                ) == 0
        };
    if !mounted {
        super::skip::skipped("a disk in memory cannot be mounted here");
        return;
    }
    work();
    // SAFETY: as above.
    assert_eq!(unsafe { libc::umount2(at.as_ptr(), libc::MNT_DETACH) }, 0);
}

pub(crate) fn remount_read_only(at: &Path) {
    remount(at, libc::MS_RDONLY, c"");
}

/// Gives the disk at `at` other options, such as another size.
pub(crate) fn change(at: &Path, options: &CStr) {
    remount(at, 0, options);
}

fn remount(at: &Path, flags: libc::c_ulong, options: &CStr) {
    let at = CString::new(at.as_os_str().as_bytes()).unwrap();
    // SAFETY: C strings that outlive the call.
    let done = unsafe {
        libc::mount(
            c"none".as_ptr(),
            at.as_ptr(),
            c"tmpfs".as_ptr(),
            libc::MS_REMOUNT | flags,
            options.as_ptr().cast(),
        )
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}
