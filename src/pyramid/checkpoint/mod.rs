//! Finished shards kept as files, so that a bake that was cut off can go on: [`Checkpoint`].
//!
//! The folder has `bake.json`, which says what is baked, and a file for each finished shard, called by the address of its
//! root. Nothing in it is ever changed: a file is written under another name and gets its own when it is complete, and what a power
//! failure leaves of one is told by its checksum. A shard that is missing or damaged is baked again.

mod facts;
mod shard;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

pub use self::facts::Facts;
#[doc(hidden)]
pub use self::shard::read_again;
pub(super) use self::shard::{Kept, read_node, write_node};
use super::node::Shape;
use crate::archive::Disk;
use crate::error::{Error, Kind, Result};
use crate::geo::tile::TileCoord;

/// What says what is baked.
const ABOUT: &str = "bake.json";

/// What is locked as long as a run works with the folder.
const LOCK: &str = "lock";

/// What the names of finished shards end in.
const SHARD: &str = ".shard";

/// What a bake keeps, and what an earlier one has kept for it.
pub struct Checkpoint {
    folder: PathBuf,
    facts: Facts,
    /// Their digest.
    key: [u8; 32],
    /// The zoom of the roots of the shards that are there.
    shard_zoom: Option<u8>,
    /// From when on shards are kept.
    keeps_from: Instant,
    /// Says whether what is being baked now is worth keeping.
    may_keep: Box<dyn Fn() -> bool + Send + Sync>,
    /// Held as long as this is there. Made with the folder, by the first shard.
    lock: OnceLock<File>,
    /// Whether the folder says what is baked.
    is_made: Mutex<bool>,
    /// Why no more shards are kept.
    failure: Mutex<Option<String>>,
    closed: AtomicBool,
    kept: AtomicU64,
    taken: AtomicU64,
    removed: AtomicU64,
    /// Whether what was there could not be told from anything else.
    was_unusable: bool,
}

/// What came of a [`Checkpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shards {
    /// Taken from the run that was cut off.
    pub taken: u64,
    /// Baked and kept.
    pub kept: u64,
    /// Of that run, removed.
    pub removed: u64,
}

impl Checkpoint {
    /// A checkpoint in `folder` for a bake of `facts`: an earlier one of the same facts is gone on with, and shards are kept from the
    /// first one on.
    ///
    /// # Errors
    /// [`Kind::Usage`] when the folder has shards of other facts, which it names; [`Kind::Retry`] when another run works with
    /// them; [`Kind::Output`] when the folder cannot be read.
    pub fn resume(folder: &Path, facts: Facts) -> Result<Self> {
        let mut checkpoint = Self::new(folder, facts, Duration::ZERO);
        let about = folder.join(ABOUT);
        let text = match read_file(&about) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                checkpoint.was_unusable = true;
                checkpoint.discard()?;
                return Ok(checkpoint);
            }
            Err(error) => return Err(Error::writing(about.display(), &error)),
        };
        checkpoint.hold()?;
        // A file that the power failed over has shards that nobody can tell apart.
        let Some((before, shard_zoom)) = Facts::read(&text) else {
            checkpoint.was_unusable = true;
            checkpoint.discard()?;
            return Ok(checkpoint);
        };
        // From here on they stay, whatever comes of this run.
        checkpoint.shard_zoom = Some(shard_zoom);
        checkpoint.is_made = Mutex::new(true);
        let differences = before.differences(&checkpoint.facts);
        if !differences.is_empty() {
            let found = differences.join("; ");
            return Err(Error::usage(format!(
                "--resume: what is there ({}) was baked otherwise: {found}",
                folder.display()
            ))
            .with_help("leave --resume out to bake all of it, or give what was given then"));
        }
        Ok(checkpoint)
    }

    /// A checkpoint in `folder` for a bake of `facts` that begins at the beginning: what an earlier one has left is removed, and
    /// shards are kept once the bake has taken `patience`, as one that is over soon is soon done again.
    ///
    /// # Errors
    /// [`Kind::Retry`] when another run works with the folder, [`Kind::Output`] when it cannot be removed.
    pub fn begin(folder: &Path, facts: Facts, patience: Duration) -> Result<Self> {
        let checkpoint = Self::new(folder, facts, patience);
        checkpoint.discard()?;
        Ok(checkpoint)
    }

    fn new(folder: &Path, facts: Facts, patience: Duration) -> Self {
        Self {
            folder: folder.to_owned(),
            key: facts.digest(),
            facts,
            shard_zoom: None,
            keeps_from: Instant::now() + patience,
            may_keep: Box::new(|| true),
            lock: OnceLock::new(),
            is_made: Mutex::new(false),
            failure: Mutex::new(None),
            closed: AtomicBool::new(false),
            kept: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            removed: AtomicU64::new(0),
            was_unusable: false,
        }
    }

    /// Keeps no shard for which `may_keep` says no when it is finished, such as one that may have holes.
    #[must_use]
    pub fn keeping_if(mut self, may_keep: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.may_keep = Box::new(may_keep);
        self
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The zoom at which the shards that are there have their roots, if there are any: the tree must be cut there again.
    pub(super) fn shard_zoom(&self) -> Option<u8> {
        self.shard_zoom
    }

    /// Whether finished shards of a bake may be in `folder`: something there says of what bake.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(ABOUT).is_file()
    }

    /// Whether there is something to go on with.
    pub fn is_of_use(&self) -> bool {
        self.shard_zoom.is_some() || self.kept.load(Ordering::Relaxed) > 0
    }

    /// Whether there was something, but nobody could tell of what bake.
    pub fn was_unusable(&self) -> bool {
        self.was_unusable
    }

    /// How many shards were taken and kept so far.
    pub fn shards(&self) -> Shards {
        Shards {
            taken: self.taken.load(Ordering::Relaxed),
            kept: self.kept.load(Ordering::Relaxed),
            removed: self.removed.load(Ordering::Relaxed),
        }
    }

    /// Why shards were not kept, if they should have been.
    pub fn failure(&self) -> Option<String> {
        self.failure
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Removes everything: the bake is done.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn finish(&self) -> Result<()> {
        self.remove()
    }

    /// The shard below `root`, if it is there and whole.
    pub(super) fn take(&self, root: TileCoord, shape: Shape) -> Option<Kept> {
        self.shard_zoom?;
        let bytes = read_file(&self.path(root)).ok()?;
        let kept = Kept::read(&bytes, &self.key, root, shape)?;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(kept)
    }

    /// Keeps the shard below `root`, if it is time to, and if the disk has room for it besides `output_bytes` more.
    /// A disk that is full does not end the bake: it only ends this.
    pub(super) fn keep(&self, root: TileCoord, shard_zoom: u8, kept: &Kept, output_bytes: u64) {
        if self.closed.load(Ordering::Relaxed)
            || Instant::now() < self.keeps_from
            || !(self.may_keep)()
        {
            return;
        }
        let bytes = kept.write(&self.key, root);
        if let Err(error) = self.try_keep(root, shard_zoom, &bytes, output_bytes) {
            let mut failure = self
                .failure
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            self.closed.store(true, Ordering::Relaxed);
            failure.get_or_insert(error.to_string());
        }
    }

    fn try_keep(
        &self,
        root: TileCoord,
        shard_zoom: u8,
        bytes: &[u8],
        output_bytes: u64,
    ) -> Result<()> {
        self.make(shard_zoom)?;
        let needed = output_bytes.saturating_add(bytes.len() as u64);
        let disk = Disk::of(&self.folder);
        if disk.is_some_and(|disk| disk.free_bytes < needed) {
            return Err(Error::new(
                Kind::Resources,
                "the disk has room for the output alone",
            ));
        }
        write_whole(&self.path(root), bytes)?;
        self.kept.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the folder, and says in it what is baked.
    fn make(&self, shard_zoom: u8) -> Result<()> {
        let mut is_made = self
            .is_made
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if *is_made {
            return Ok(());
        }
        self.hold()?;
        write_whole(&self.folder.join(ABOUT), &self.facts.write(shard_zoom))?;
        *is_made = true;
        Ok(())
    }

    /// Makes the folder if there is none, and locks it.
    fn hold(&self) -> Result<()> {
        if self.lock.get().is_some() {
            return Ok(());
        }
        let failed = |error: io::Error| Error::writing(self.folder.display(), &error);
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let lock = self.folder.join(LOCK);
        // Never what a link points at, nor with anything in it.
        let opened = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&lock);
        let lock = opened.map_err(|error| {
            let is_folder = fs::symlink_metadata(&lock).is_ok_and(|found| found.is_dir());
            if is_folder {
                let found = "a folder; expected a file of ours, or nothing of that name";
                return Error::output(lock.display(), found).with_help("move it away");
            }
            Error::writing(lock.display(), &error)
        })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Error::new(
                    Kind::Retry,
                    format!(
                        "{}: another run bakes the same output; expected none",
                        self.folder.display()
                    ),
                ));
            }
            // Some file systems know no locks.
            Err(fs::TryLockError::Error(_)) => {}
        }
        // Whoever comes second has locked the same file once more.
        let _ = self.lock.set(lock);
        Ok(())
    }

    /// Removes what an earlier run has left, unless that run is still at work.
    fn discard(&self) -> Result<()> {
        if !self.folder.exists() {
            return Ok(());
        }
        self.hold()?;
        let entries = fs::read_dir(&self.folder)
            .map_err(|error| Error::writing(self.folder.display(), &error))?;
        // What cannot be removed keeps nothing else from it, and is in nobody's way.
        for entry in entries.flatten() {
            match remove_ours(&entry.path()) {
                Ok(was_shard) => {
                    self.removed
                        .fetch_add(u64::from(was_shard), Ordering::Relaxed);
                }
                Err(error) => log::warn!("{error}"),
            }
        }
        Ok(())
    }

    fn remove(&self) -> Result<()> {
        if self.lock.get().is_none() {
            return Ok(());
        }
        self.discard()?;
        let failed = |error: io::Error| Error::writing(self.folder.display(), &error);
        fs::remove_file(self.folder.join(LOCK)).map_err(failed)?;
        match fs::remove_dir(&self.folder) {
            // Somebody has put something there.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            result => result.map_err(failed),
        }
    }

    fn path(&self, root: TileCoord) -> PathBuf {
        let (z, x, y) = (root.z(), root.x(), root.y());
        self.folder.join(format!("{z}-{x}-{y}{SHARD}"))
    }
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint")
            .field("folder", &self.folder)
            .field("shards", &self.shards())
            .finish_non_exhaustive()
    }
}

impl Drop for Checkpoint {
    /// Nothing stays of what nobody could go on with.
    fn drop(&mut self) {
        let Shards { taken, kept, .. } = self.shards();
        if taken + kept == 0 && self.shard_zoom.is_none() {
            let _ = self.remove();
        }
    }
}

/// Writes a file that is whole or not there.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let aside = path.with_extension("part");
    let written = fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&aside);
        Error::writing(path.display(), &error)
    })
}

/// Removes a file of ours, unless it is the lock; what is not ours stays. Whether it was a shard.
fn remove_ours(path: &Path) -> Result<bool> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Ok(false);
    };
    let is_shard = name.strip_suffix(SHARD).is_some_and(is_address);
    let is_aside = name.strip_suffix(".part").is_some_and(is_address);
    if !is_shard && !is_aside && name != ABOUT && name != "bake.part" {
        return Ok(false);
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::output(
            path.display(),
            format_args!("cannot be removed ({error}); expected a file of ours"),
        )),
        _ => Ok(is_shard),
    }
}

/// Whether `name` is `Z-X-Y`.
fn is_address(name: &str) -> bool {
    let mut n = 0;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    name.split('-').inspect(|_| n += 1).all(is_number) && n == 3
}

/// Reads a file, and nothing else: a pipe would keep us waiting.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    fs::read(path)
}

#[cfg(test)]
mod tests;
