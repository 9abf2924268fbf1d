//! [`Temporary`]: what an output is until it is complete.
//!
//! A run that is killed leaves its temporaries behind. The next run that is to write the same output removes them: each is
//! locked by the run that fills it, and a lock ends with its run.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::stage::Place;
use crate::error::{Error, Result};

/// What a container is on disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One file.
    File,
    /// A folder of files.
    Folder,
}

/// A file or folder of our own making, removed when dropped unless it has been renamed.
pub(super) struct Temporary {
    path: PathBuf,
    shape: Shape,
    /// What is to be removed: the temporary itself, then what it was exchanged with.
    left: Option<PathBuf>,
    /// Open as long as the temporary is in use; `None` where the file system knows no locks.
    _lock: Option<File>,
}

impl Temporary {
    /// Makes an empty file or folder beside `place`, on the same file system so that it can be renamed. It is called
    /// `.NAME.azulejo-PID-N.part`.
    pub(super) fn create(place: &Place, shape: Shape) -> Result<Self> {
        // Several sinks of one run may have the same name in different folders, or a dead run our process id.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let start = start_of_names(place);
        loop {
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let pid = std::process::id();
            let path = place.folder().join(format!("{start}{pid}-{n}.part"));
            let made = match shape {
                Shape::File => File::create_new(&path).map(drop),
                Shape::Folder => fs::create_dir(&path),
            };
            match made {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(Error::writing(place.folder().display(), &error)),
            }
            // Another machine may have taken it for one of a dead run before it was locked.
            if let Lock::Ours(lock) = Lock::take(&path) {
                return Ok(Self {
                    left: Some(path.clone()),
                    path,
                    shape,
                    _lock: lock,
                });
            }
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// It has been renamed; `left` is what is to be removed in its place.
    pub(super) fn becomes(&mut self, left: Option<PathBuf>) {
        self.left = left;
    }
}

/// Whether a temporary is in use.
enum Lock {
    /// By us, from now on.
    Ours(Option<File>),
    /// By somebody else, or it is gone.
    Theirs,
}

impl Lock {
    fn take(path: &Path) -> Self {
        let Ok(file) = File::open(path) else {
            return Self::Theirs;
        };
        match file.try_lock() {
            Ok(()) if path.exists() => Self::Ours(Some(file)),
            Ok(()) | Err(TryLockError::WouldBlock) => Self::Theirs,
            Err(TryLockError::Error(_)) => Self::Ours(None),
        }
    }
}

/// Removes what runs that were killed have left of the output at `place`. What cannot be removed stays: it is in nobody's
/// way.
pub(super) fn sweep(place: &Place) {
    let start = start_of_names(place);
    let Ok(entries) = fs::read_dir(place.folder()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(&start)) else {
            continue;
        };
        let path = entry.path();
        if !is_numbered(rest) || is_running(rest) {
            continue;
        }
        // Locked as long as it is being removed. Where there are no locks, it may be in use on another machine.
        let Lock::Ours(Some(_lock)) = Lock::take(&path) else {
            continue;
        };
        let removed = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
        match removed.or_else(gone) {
            Ok(()) => log::info!("{}: left by a run that was killed, removed", path.display()),
            Err(error) => log::info!(
                "{}: left by a run that was killed ({error})",
                path.display()
            ),
        }
    }
}

/// Whether the end of a name is `PID-N.part`. A folder that a run was about to replace where names cannot be exchanged has
/// another name: it may be all that is left.
fn is_numbered(rest: &str) -> bool {
    let numbers = rest.strip_suffix(".part").and_then(|r| r.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    numbers.is_some_and(|(pid, n)| is_number(pid) && is_number(n))
}

/// Whether the process that the end of a name tells is alive, and is not this one. GDAL makes some files anew, and a new
/// file is not locked.
fn is_running(rest: &str) -> bool {
    let pid = rest.split('-').next().and_then(|pid| pid.parse().ok());
    let Some(pid) = pid.filter(|&pid: &libc::pid_t| pid > 0) else {
        return false;
    };
    // In a container every run may have the same number. This one is only beginning, and holds locks of what it has.
    if u32::try_from(pid) == Ok(std::process::id()) {
        return false;
    }
    // SAFETY: signal 0 is not sent; the call only tells whether there is such a process.
    let found = unsafe { libc::kill(pid, 0) };
    found == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// What the names of all temporaries of an output begin with.
fn start_of_names(place: &Place) -> String {
    let name = place.real().file_name().unwrap_or_default();
    // File names end at 255 bytes on most systems; the name is only there to be recognised.
    let name: String = name.to_string_lossy().chars().take(50).collect();
    format!(".{name}.azulejo-")
}

/// What somebody else has removed need not be.
fn gone(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(path) = &self.left else { return };
        let removed = match self.shape {
            Shape::File => fs::remove_file(path),
            Shape::Folder => fs::remove_dir_all(path),
        };
        if let Err(error) = removed.or_else(gone) {
            log::warn!(
                "{}: a temporary that cannot be removed ({error})",
                path.display()
            );
        }
    }
}

/// Whether `name` is one that [`Temporary::create`] gives.
pub(super) fn is_temporary_name(name: &str) -> bool {
    name.starts_with('.') && name.contains(".azulejo-") && name.ends_with(".part")
}
