//! An output of one file that somebody else writes: [`FileOutput`].

use std::path::Path;

use super::stage::{Local, Overwrite, Place, Staged, sync_and_digest};
use super::temporary::{Shape, Temporary};
use crate::error::Result;

/// A place for a file, and a temporary beside it that may be written.
pub struct FileOutput {
    place: Place,
    temporary: Temporary,
}

impl FileOutput {
    /// Claims `path`. What is there is replaced when `overwrite` says so and `may_replace` does not object.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::error::Kind::Output) when something is there that must stay, or nothing can be written there.
    pub fn create(
        path: &Path,
        overwrite: Overwrite,
        may_replace: fn(&Path) -> Result<()>,
    ) -> Result<Self> {
        let place = Place::claim(path, overwrite, may_replace)?;
        let temporary = Temporary::create(&place, Shape::File)?;
        Ok(Self { place, temporary })
    }

    /// The temporary, an empty file that may be overwritten.
    pub fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// The output's name as the user knows it.
    pub fn shown(&self) -> std::path::Display<'_> {
        self.place.shown()
    }

    /// Another temporary beside the output, for what is needed on the way to it. Removed when dropped.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::error::Kind::Output) when it cannot be made.
    pub fn scratch(&self) -> Result<Scratch> {
        Temporary::create(&self.place, Shape::File).map(Scratch)
    }

    /// The finished file, synced, which waits for its name.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::error::Kind::Output) when it cannot be read back.
    pub fn finish(self) -> Result<Staged> {
        let Self { place, temporary } = self;
        let (bytes, sha256) =
            sync_and_digest(temporary.path()).map_err(|error| place.writing(&error))?;
        Ok(Local {
            place,
            temporary,
            n_tiles: 0,
            n_stored: 0,
            bytes,
            sha256: Some(sha256),
        }
        .into())
    }
}

/// A file that goes when this goes.
pub struct Scratch(Temporary);

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
