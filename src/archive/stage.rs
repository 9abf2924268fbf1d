//! From a free place to a finished output: [`Place`] says where an output may go, [`Temporary`] is what it is until
//! then, [`Staged`] a complete one that waits for its name, [`Published`] one that has it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::rename;
use super::temporary::{Shape, Temporary, sweep};
use crate::error::{Error, Result};

/// What to do about an output that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Refuse, and leave it untouched.
    Refuse,
    /// Replace it when the new one is complete, provided that it is a container of the same kind: never a folder with
    /// anything but tiles in it, never a file of another type. A symbolic link stays, what it points at is replaced.
    Replace,
}

/// A complete container that waits for its name: a synced file or folder under a temporary one, or objects that nothing names
/// yet. Dropped without [`Staged::publish`], it is removed.
#[must_use]
pub struct Staged(pub(super) Waiting);

/// Where it waits.
pub(super) enum Waiting {
    /// Beside its place.
    Here(Local),
    /// In a store.
    #[cfg_attr(not(feature = "object-store"), allow(dead_code))]
    There(Box<dyn Remote>),
}

/// A container in a store, complete but for what names it.
pub(super) trait Remote: Send {
    /// Where it will be, as it was asked for.
    fn path(&self) -> &Path;

    /// As [`Staged::check`]; by default nothing is asked.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// As [`Staged::publish`].
    fn publish(self: Box<Self>) -> Result<Published>;
}

/// A complete, synced file or folder under its temporary name.
pub(super) struct Local {
    pub(super) place: Place,
    pub(super) temporary: Temporary,
    pub(super) n_tiles: u64,
    pub(super) n_stored: u64,
    pub(super) bytes: u64,
    pub(super) sha256: Option<String>,
}

/// An output that has its final name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where it is, as it was asked for.
    pub path: PathBuf,
    /// The size of the file, or of all files of a folder together.
    pub bytes: u64,
    /// Tiles in it.
    pub n_tiles: u64,
    /// How often it holds the bytes of a tile: less where equal ones are stored once.
    pub n_stored: u64,
    /// SHA-256 of the file in lower-case hexadecimal digits; `None` for a folder.
    pub sha256: Option<String>,
    /// What went into an object store; `None` for what is here.
    pub transfer: Option<Transfer>,
}

/// Objects of an output that a run had to do with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Sent.
    pub sent: u64,
    /// There already, as they were to be.
    pub skipped: u64,
    /// Tiles of another run, removed.
    pub pruned: u64,
    /// Tiles of another run, still there.
    pub left: u64,
}

impl Staged {
    /// Where [`Staged::publish`] will put it, as it was asked for.
    pub fn path(&self) -> &Path {
        match &self.0 {
            Waiting::Here(local) => &local.place.asked,
            Waiting::There(remote) => remote.path(),
        }
    }

    /// Whether its place is still free, or may still be replaced, as far as can be told without publishing: asked of several
    /// outputs before the first is published, so that all are or none is.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::error::Kind::Output) when something has come into its place meanwhile.
    pub fn check(&self) -> Result<()> {
        match &self.0 {
            Waiting::Here(local) => local.place.check().map(drop),
            Waiting::There(remote) => remote.check(),
        }
    }

    /// Gives the container its final name in one step, and removes what it replaces.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::error::Kind::Output) when something has come into its place meanwhile, or the name
    /// cannot be given. What was there is then untouched and the container removed. Only when the disk fails while the
    /// new name is synced is the container in its place all the same.
    pub fn publish(self) -> Result<Published> {
        match self.0 {
            Waiting::Here(local) => local.publish(),
            Waiting::There(remote) => remote.publish(),
        }
    }
}

impl From<Local> for Staged {
    fn from(local: Local) -> Self {
        Self(Waiting::Here(local))
    }
}

impl Local {
    fn publish(mut self) -> Result<Published> {
        // Again, because a bake takes hours.
        let exists = self.place.check()?;
        // Before anything is renamed: a folder that may be written but not opened is found out in time.
        let folder = rename::open_folder(self.place.folder());
        let folder = folder.map_err(|error| self.place.writing(&error))?;
        let (from, to) = (self.temporary.path().to_path_buf(), &self.place.real);
        if let Ok(old) = fs::metadata(to) {
            // As if written in place: a tileset that only some could read stays so. Not worth failing for.
            let _ = fs::set_permissions(&from, old.permissions());
        }
        let left = match (exists, self.temporary.shape()) {
            (false, _) => rename::rename_new(&from, to).map(|()| None),
            (true, Shape::File) => fs::rename(&from, to).map(|()| None),
            (true, Shape::Folder) => rename::exchange(&from, to).map(Some),
        };
        self.temporary
            .becomes(left.map_err(|error| self.place.writing(&error))?);
        rename::sync_folder(folder).map_err(|error| self.place.writing(&error))?;
        let Self {
            place,
            n_tiles,
            n_stored,
            bytes,
            sha256,
            ..
        } = self;
        Ok(Published {
            path: place.asked,
            bytes,
            n_tiles,
            n_stored,
            sha256,
            transfer: None,
        })
    }
}

/// Where an output goes, checked when it is opened and again when it is published.
pub(super) struct Place {
    /// As the user said it, for messages.
    asked: PathBuf,
    /// Where it really goes: past symbolic links at the end of the path, without a slash at the end.
    real: PathBuf,
    overwrite: Overwrite,
    may_replace: fn(&Path) -> Result<()>,
}

impl Place {
    /// The place that `asked` names. If something is there and `overwrite` allows it, `may_replace` tells whether it is
    /// what we would write, so that nothing else is ever lost.
    pub(super) fn claim(
        asked: &Path,
        overwrite: Overwrite,
        may_replace: fn(&Path) -> Result<()>,
    ) -> Result<Self> {
        // Without the slash at its end, which would make the system follow a link.
        let real: PathBuf = asked.components().collect();
        if real.file_name().is_none() {
            return Err(Error::usage(format!(
                "{}: a path without a name at its end; expected one that may be created",
                asked.display()
            )));
        }
        let mut place = Self {
            asked: asked.to_path_buf(),
            real,
            overwrite,
            may_replace,
        };
        place.check_folder()?;
        place.check()?;
        if place.real.is_symlink() {
            place.real = fs::canonicalize(&place.real).map_err(|error| place.writing(&error))?;
            place.check_folder()?;
        }
        sweep(&place);
        Ok(place)
    }

    /// Whether something is there that will be replaced; an error if something is there that must not be.
    fn check(&self) -> Result<bool> {
        match fs::symlink_metadata(&self.real) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(self.writing(&error)),
            Ok(_) => {}
        }
        if self.overwrite == Overwrite::Refuse {
            return Err(Error::output(
                self.asked.display(),
                "exists already; expected a path that is free",
            )
            .with_help("--overwrite replaces it once the new one is complete"));
        }
        if !self.real.exists() {
            // As cp: what a link to nowhere was meant to name, nobody knows.
            return Err(Error::output(
                self.asked.display(),
                "a symbolic link to nothing; expected a file, a folder or no such path",
            ));
        }
        (self.may_replace)(&self.real)?;
        Ok(true)
    }

    fn check_folder(&self) -> Result<()> {
        let folder = self.folder();
        match fs::metadata(folder) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(Error::output(
                folder.display(),
                format_args!("a file; expected the folder of {}", self.shown()),
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::output(
                folder.display(),
                format_args!("no such folder; expected the folder of {}", self.shown()),
            )
            .with_help(format!("mkdir -p {}", folder.display()))),
            Err(error) => Err(Error::writing(folder.display(), &error)),
        }
    }

    /// The folder that the output lies in.
    pub(super) fn folder(&self) -> &Path {
        match self.real.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    /// Where it really goes.
    pub(super) fn real(&self) -> &Path {
        &self.real
    }

    /// The output's name as the user knows it.
    pub(super) fn shown(&self) -> std::path::Display<'_> {
        self.asked.display()
    }

    /// An I/O error while writing this output.
    pub(super) fn writing(&self, error: &io::Error) -> Error {
        Error::writing(self.shown(), error)
    }
}

/// Syncs a finished file and tells its size in bytes and its SHA-256 in hexadecimal digits.
pub(super) fn sync_and_digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    // The disk writes while the processor sums up.
    rename::begin_sync(&file);
    let mut digest = Sha256::new();
    // Long reads: with the few KiB of a default buffer, system calls would show; longer ones leave the processor's cache.
    let mut buffer = vec![0; 1 << 17];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => {
                file.sync_all()?;
                return Ok((bytes, format!("{:x}", digest.finalize())));
            }
            n => {
                digest.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
}
