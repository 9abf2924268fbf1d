//! What outputs will be, by their names alone: [`Target`].

use std::path::PathBuf;

use azulejo::archive::{Archive, Overwrite, check_sink};
use azulejo::encode::Format;
use azulejo::error::Result;
use azulejo::remote::{Location, part_bytes};

use super::OutputArgs;
use crate::cli::interrupt::Interrupt;

/// Files beside the tiles of a folder: `metadata.json` and `tilejson.json`.
const OWN_FILES: u64 = 2;

/// An output that is not there yet.
pub(in crate::cli) struct Target {
    pub(in crate::cli) path: PathBuf,
    /// What it is a row of.
    pub(in crate::cli) archive: &'static Archive,
    /// Whether it is in an object store.
    pub(in crate::cli) is_remote: bool,
    /// Whether something is there that must stay.
    pub(in crate::cli) is_taken: bool,
    /// Files beside the tiles.
    n_own: u64,
}

impl OutputArgs {
    /// The outputs, checked as far as that goes without a look at stores and without writing: none may be there.
    ///
    /// # Errors
    /// As [`OutputArgs::open`], but not for outputs that exist or cannot be written.
    pub(in crate::cli) fn targets(
        &self,
        format: Format,
        matrix_roots: (u32, u32),
        overwrite: Overwrite,
        interrupt: &Interrupt,
    ) -> Result<Vec<Target>> {
        let options = self.options(format, matrix_roots, overwrite, interrupt)?;
        let hosts = options.hosts.len() as u64;
        let published = u64::from(options.remote.publish.is_some());
        let target = |path: &PathBuf| {
            let archive = check_sink(path, &options)?;
            let is_remote = Location::parse(path)?.is_some();
            let more = if is_remote { published } else { hosts };
            Ok(Target {
                path: path.clone(),
                archive,
                is_remote,
                is_taken: !is_remote
                    && overwrite == Overwrite::Refuse
                    && path.symlink_metadata().is_ok(),
                n_own: OWN_FILES + more,
            })
        };
        self.paths.iter().map(target).collect()
    }
}

impl Target {
    /// Whether it is a folder of files, or of objects.
    pub(in crate::cli) fn is_folder(&self) -> bool {
        self.archive.suffix.is_none()
    }

    /// Files or objects, of so many tiles.
    pub(in crate::cli) fn n_files(&self, n_tiles: u64) -> u64 {
        if self.is_folder() {
            n_tiles + self.n_own
        } else {
            1
        }
    }

    /// Requests that put something into a store, of tiles of so many bytes together. An archive goes in parts, with a request before
    /// them and one after.
    pub(in crate::cli) fn n_puts(&self, n_tiles: u64, bytes: u64) -> u64 {
        match (self.is_remote, self.is_folder()) {
            (false, _) => 0,
            (true, true) => self.n_files(n_tiles),
            (true, false) => bytes.div_ceil(part_bytes(bytes)).max(1) + 2,
        }
    }
}
