//! Files to be read, in a folder of the calling thread's own.

use std::fs;
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().expect("a folder for files");
}

/// The folder; whatever others have left in it is still there.
pub(super) fn folder() -> PathBuf {
    FOLDER.with(|folder| folder.path().to_owned())
}

/// A file of that name with these bytes.
pub(super) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, bytes).expect("a file that can be written");
    path
}

/// A folder of that name with nothing in it.
pub(super) fn empty(name: &str) -> PathBuf {
    let path = folder().join(name);
    if path.exists() {
        fs::remove_dir_all(&path).expect("a folder of ours");
    }
    fs::create_dir(&path).expect("a folder that can be made");
    path
}

/// Whether `name`, joined to a folder, is something in it.
pub(super) fn stays_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}
