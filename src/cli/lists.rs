//! `--expired`: lists of tiles that are not what they were, claimed before the work, written after it, complete or not there.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use azulejo::archive::{FileOutput, Overwrite, Staged};
use azulejo::error::{Error, Result};
use azulejo::geo::changes::{Changes, ListForm, ListKind};
use azulejo::geo::scheme::Scheme;

use super::report::check_replaced;

/// A list that is still to be written.
pub(super) struct ListFile {
    form: ListForm,
    file: FileOutput,
}

impl ListFile {
    /// Makes a temporary file beside `path`, for a list of tiles of `scheme`; it shows that it can be written.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for an ending that no list has, and for outlines that the tiles do not have;
    /// [`Kind::Output`](azulejo::error::Kind::Output) when the file cannot be written.
    pub(super) fn create(path: &Path, scheme: Option<&Scheme>) -> Result<Self> {
        Ok(Self {
            form: ListKind::of(path)?.form(scheme)?,
            file: FileOutput::create(path, Overwrite::Replace, |path| {
                check_replaced(path, "list")
            })?,
        })
    }

    /// Writes the list, which then waits for its name.
    ///
    /// # Errors
    /// When the disk is full.
    pub(super) fn write(self, changes: &Changes) -> Result<Staged> {
        let written = File::create(self.file.path()).and_then(|out| {
            let mut out = BufWriter::new(out);
            changes.write(&self.form, &mut out)?;
            out.flush()
        });
        written.map_err(|error| Error::writing(self.file.shown(), &error))?;
        self.file.finish()
    }
}
