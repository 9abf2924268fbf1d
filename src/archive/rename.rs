//! What the standard library lacks for giving a finished output its name: renaming that never replaces, exchanging two
//! names, syncing a folder and a file system, syncing ahead.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Renames `from` to `to`, where there must be nothing: `AlreadyExists` if there is. Both are on one file system.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat2(from, to, Flag::NoReplace) {
        Err(error) if is_unsupported(&error) => rename_new_in_steps(from, to),
        result => result,
    }
}

/// [`rename_new`] where the system cannot do it at once; a file that appears between the two steps would be lost.
fn rename_new_in_steps(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

/// Gives the folder `new` the name `old`, which another folder has, and tells where that one is now: it is not removed.
/// Where the kernel can, there is no moment without a folder named `old`.
pub(super) fn exchange(new: &Path, old: &Path) -> io::Result<PathBuf> {
    match renameat2(new, old, Flag::Exchange) {
        Ok(()) => Ok(new.to_path_buf()),
        Err(error) if is_unsupported(&error) => exchange_in_steps(new, old),
        Err(error) => Err(error),
    }
}

/// [`exchange`] where the system cannot do it at once. A run killed between the two steps leaves the old folder under
/// its temporary name, so nothing is lost even then.
fn exchange_in_steps(new: &Path, old: &Path) -> io::Result<PathBuf> {
    let spare = new.with_extension("old.part");
    fs::rename(old, &spare)?;
    let Err(error) = fs::rename(new, old) else {
        return Ok(spare);
    };
    match fs::rename(&spare, old) {
        Ok(()) => Err(error),
        Err(_) => {
            let told = format!("{error}; the old folder is now {}", spare.display());
            Err(io::Error::new(error.kind(), told))
        }
    }
}

#[derive(Clone, Copy)]
enum Flag {
    NoReplace,
    Exchange,
}

/// `renameat2(2)`. Called by number: not every C library that Rust links against has a function for it.
#[cfg(target_os = "linux")]
fn renameat2(from: &Path, to: &Path, flag: Flag) -> io::Result<()> {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    let from = CString::new(from.as_os_str().as_bytes())?;
    let to = CString::new(to.as_os_str().as_bytes())?;
    let flags = match flag {
        Flag::NoReplace => libc::RENAME_NOREPLACE,
        Flag::Exchange => libc::RENAME_EXCHANGE,
    };
    let here = libc::AT_FDCWD;
    // SAFETY: both strings end in NUL and outlive the call; the other arguments are plain numbers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            here,
            from.as_ptr(),
            here,
            to.as_ptr(),
            flags,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(not(target_os = "linux"))]
fn renameat2(_from: &Path, _to: &Path, _flag: Flag) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the kernel (ENOSYS, or EPERM from a sandbox that filters calls) or the file system (EINVAL) lacks the call.
/// A true lack of permission shows again in the fallback.
fn is_unsupported(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
}

/// Opens `folder` for [`sync_folder`]. `None` where a folder cannot be opened as a file; the file system orders its
/// renames by itself there.
pub(super) fn open_folder(folder: &Path) -> io::Result<Option<File>> {
    if cfg!(unix) {
        File::open(folder).map(Some)
    } else {
        Ok(None)
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: Option<File>) -> io::Result<()> {
    folder.map_or(Ok(()), |folder| folder.sync_all())
}

/// Has the system begin to write what waits of `file` to the disk, and does not wait for it: a later sync has less to do.
/// Where the system cannot, that sync does it all.
#[cfg(target_os = "linux")]
pub(super) fn begin_sync(file: &File) {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open for the whole call; the other arguments are plain numbers.
    unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
}

#[cfg(not(target_os = "linux"))]
pub(super) fn begin_sync(_file: &File) {}

/// Writes everything that waits to be written to the file system of `folder`, once. For a folder of millions of tiles
/// one fsync a file would take longer than the bake, as each waits for the disk.
#[cfg(target_os = "linux")]
pub(super) fn sync_file_system(folder: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let handle = File::open(folder)?;
    // SAFETY: the descriptor is open for the whole call.
    let result = unsafe { libc::syncfs(handle.as_raw_fd()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Writes everything that waits to be written. Systems without `syncfs` have at most this, which cannot fail and so
/// cannot tell of a failure either.
#[cfg(all(unix, not(target_os = "linux")))]
pub(super) fn sync_file_system(_folder: &Path) -> io::Result<()> {
    // SAFETY: no arguments, no result.
    unsafe { libc::sync() };
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn sync_file_system(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    type Exchange = fn(&Path, &Path) -> io::Result<PathBuf>;
    type Rename = fn(&Path, &Path) -> io::Result<()>;

    #[test]
    fn an_exchange_keeps_both_folders_whole() {
        for swap in [exchange as Exchange, exchange_in_steps] {
            let folder = tempfile::tempdir().unwrap();
            let (new, old) = (folder.path().join(".t.part"), folder.path().join("t"));
            fs::create_dir(&new).unwrap();
            fs::create_dir(&old).unwrap();
            fs::write(new.join("new"), "").unwrap();
            fs::write(old.join("old"), "").unwrap();
            let left = swap(&new, &old).unwrap();
            assert!(old.join("new").exists() && left.join("old").exists());
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }

    #[test]
    fn an_exchange_that_fails_leaves_the_old_folder_in_place() {
        for swap in [exchange as Exchange, exchange_in_steps] {
            let folder = tempfile::tempdir().unwrap();
            let old = folder.path().join("t");
            fs::create_dir(&old).unwrap();
            assert!(swap(&folder.path().join(".missing.part"), &old).is_err());
            assert!(old.is_dir());
        }
    }

    #[test]
    fn a_new_name_never_replaces() {
        for rename in [rename_new as Rename, rename_new_in_steps] {
            let folder = tempfile::tempdir().unwrap();
            let (a, b) = (folder.path().join("a"), folder.path().join("b"));
            fs::write(&a, "a").unwrap();
            fs::write(&b, "b").unwrap();
            assert_eq!(
                rename(&a, &b).unwrap_err().kind(),
                io::ErrorKind::AlreadyExists
            );
            fs::remove_file(&b).unwrap();
            rename(&a, &b).unwrap();
            assert_eq!(fs::read_to_string(&b).unwrap(), "a");
        }
    }
}
