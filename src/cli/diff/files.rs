//! `--expired` and `--heatmap`: claimed before the work, written after it, complete or not there.

use std::fs;
use std::path::Path;

use azulejo::archive::{FileOutput, Overwrite, Staged};
use azulejo::diff::{Difference, Heatmap, Pair};
use azulejo::encode::{Format, Settings, encoder};
use azulejo::error::{Error, Result};
use azulejo::geo::changes::ListKind;

use super::DiffArgs;
use crate::cli::lists::ListFile;
use crate::cli::report::check_replaced;

/// What is to be written.
pub(super) struct Files {
    expired: Option<ListFile>,
    heatmap: Option<FileOutput>,
}

/// Makes sure that files end in what they will be.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage) where one does not.
pub(super) fn check_names(args: &DiffArgs) -> Result<()> {
    args.expired.as_deref().map(ListKind::of).transpose()?;
    args.heatmap.as_deref().map_or(Ok(()), check_png)
}

impl Files {
    /// Makes temporary files beside those that are asked for, whose names were checked; it shows that they can be written.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for outlines that the tiles do not have;
    /// [`Kind::Output`](azulejo::error::Kind::Output) when a file cannot be written.
    pub(super) fn create(args: &DiffArgs, pair: &Pair) -> Result<Self> {
        let scheme = pair.scheme();
        let list = args.expired.as_deref();
        let list = list.map(|path| ListFile::create(path, scheme.as_ref()));
        let map = args.heatmap.as_deref().map(|path| {
            FileOutput::create(path, Overwrite::Replace, |path| check_replaced(path, "map"))
        });
        Ok(Self {
            expired: list.transpose()?,
            heatmap: map.transpose()?,
        })
    }

    /// Writes what was found, and gives the files their names.
    ///
    /// # Errors
    /// When the disk is full, or something has come into their places.
    pub(super) fn write(self, found: &Difference) -> Result<()> {
        let mut staged = Vec::new();
        if let Some(list) = self.expired {
            staged.push(list.write(&found.changes)?);
        }
        if let (Some(file), Some(heatmap)) = (self.heatmap, &found.heatmap) {
            staged.push(write_map(heatmap, file)?);
        }
        staged.iter().try_for_each(Staged::check)?;
        let mut staged = staged.into_iter();
        staged.try_for_each(|file| file.publish().map(drop))
    }
}

fn check_png(path: &Path) -> Result<()> {
    let is_png = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("png"));
    if is_png {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{}: a map is a picture; expected a path that ends in .png",
        path.display()
    )))
}

fn write_map(heatmap: &Heatmap, file: FileOutput) -> Result<Staged> {
    let mut png = Vec::new();
    encoder(Format::Png, &Settings::default())?.encode(&heatmap.image(), &mut png)?;
    fs::write(file.path(), png).map_err(|error| Error::writing(file.shown(), &error))?;
    file.finish()
}
