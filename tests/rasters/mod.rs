//! Rasters to test with.
#![allow(dead_code)] // No test program needs all of it.

use std::path::{Path, PathBuf};

use super::skip::skipped;

/// One of the project's own.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    fixtures.join(name)
}

/// One of a collection that not everybody has; `None`, and a word of it, where it is not there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let collection = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = collection.join(name);
    if !path.exists() {
        skipped(format_args!("{} is not there", path.display()));
        return None;
    }
    Some(path)
}
