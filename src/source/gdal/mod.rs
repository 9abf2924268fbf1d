//! Sources that GDAL reads: [`GdalSource`].
//!
//! GDAL's datasets belong to one thread at a time, so each thread opens its own, and keeps the few it used last. Blocks of
//! plain TIFF files are decoded by [`tiff`]; masks, and all else, by GDAL.

mod bands;
mod damage;
mod facts;
mod header;
pub mod held;
mod messages;
mod read;
mod state;
mod systems;
mod types;
mod vsi;

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Once, Weak};
use std::{fmt, fs};

use gdal::errors::GdalError;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use super::tiff::{self, Layout};
use super::{Level, Source, SourceInfo, Window};
use crate::error::{Error, Kind, Result};
use crate::geo::transform::crs::{Crs, gdal_message};
use crate::raster::Raster;
use crate::remote::{self, network};

use self::messages::watched;

pub use crate::remote::vsi_path;
pub use bands::{BandChoice, BandId};
pub use damage::damage_in;
pub use facts::{BandFacts, FileFacts};
pub use messages::disk_was_full;
pub use state::FileState;
pub use types::type_name;
pub use vsi::{list, read_text, with_bytes};

pub(super) use bands::band_named;

/// Datasets that all threads together keep open. A mosaic of thousands of files would otherwise run out of file
/// descriptors: a process has 1024 of them unless somebody says otherwise, and GDAL wants some for itself.
const OPEN_AT_ONCE: usize = 128;

/// Datasets a thread keeps open: see [`share_handles`].
static OPEN_PER_THREAD: AtomicUsize = AtomicUsize::new(32);

/// Divides the datasets that may be open at once, 128, among `jobs` threads; each has at least two.
pub fn share_handles(jobs: usize) {
    OPEN_PER_THREAD.store((OPEN_AT_ONCE / jobs.max(1)).max(2), Ordering::Relaxed);
}

/// The most bytes that GDAL's own cache of blocks may hold.
pub fn cache_max_bytes() -> u64 {
    init();
    // SAFETY: no arguments; it reads the configuration at the first call.
    u64::try_from(unsafe { gdal_sys::GDALGetCacheMax64() }).unwrap_or(0)
}

/// How to open a source, besides its name.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// For sources that carry no coordinate reference system of their own.
    pub crs: Option<Crs>,
    /// `KEY=VALUE` for the format's driver.
    pub driver: Vec<String>,
    /// The bands to take. `None`: those of a source of 1 or 3 bands, with the alpha band where there is one; of more, those
    /// flagged as red, green and blue or else the first 3; of 2, the first.
    pub bands: Option<BandChoice>,
    /// What means "nothing here" instead of the file's nodata values. `None`: those.
    pub nodata: Option<Nodata>,
    /// Whether the samples of a palette are its indices. Otherwise they are its colours.
    pub indices: bool,
    /// Whether a pixel is there only where none of its bands has its nodata value: for those who compute with them. Otherwise it
    /// is where one of them has another.
    pub all_bands: bool,
    /// Whether samples become what they stand for, by the scale and offset that the file has for them: floating point.
    pub unscale: bool,
    /// Whether 8-bit samples are held as wider ones, so that what kernels and reducers make of them keeps its fractions: for
    /// heights, which would become steps of whole metres.
    pub fractions: bool,
}

/// Which samples mean "nothing here". Samples that are no finite numbers always do, and so do alpha and mask bands.
#[derive(Debug, Clone, PartialEq)]
pub enum Nodata {
    /// No other value.
    Ignore,
    /// A pixel is not there when its bands have the values of one of these sets. A set has one value for each band, or one
    /// for all of them.
    Sets(Vec<Vec<f64>>),
}

impl fmt::Display for Nodata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sets(sets) = self else {
            return f.write_str("none");
        };
        let set = |set: &Vec<f64>| set.iter().map(ToString::to_string).collect::<Vec<_>>();
        let sets: Vec<String> = sets.iter().map(|values| set(values).join(",")).collect();
        f.write_str(&sets.join(";").to_lowercase())
    }
}

/// A raster that GDAL reads.
pub struct GdalSource {
    info: SourceInfo,
    reader: read::Reader,
    file: File,
    /// Those that it is made of.
    files: Vec<String>,
    /// Of a file whose rows can only be decoded one after the other: for each level the first row that cannot, if known.
    /// None of those after it can.
    lost_from: Vec<AtomicUsize>,
}

/// What it takes to open a file once more.
#[derive(Debug, Clone)]
struct File {
    /// As the user gave it.
    name: String,
    /// As GDAL wants it: [`vsi_path`] of the name.
    path: String,
    options: Vec<String>,
    /// Whether it is a TIFF file on a disk, opened as it is.
    is_tiff: bool,
    /// Whether nothing lies beside it that GDAL takes for a part of it.
    is_alone: bool,
    /// Tells files apart in the threads' lists of open ones.
    id: u64,
    /// There as long as any source of the file is.
    in_use: Arc<()>,
}

impl GdalSource {
    /// Opens `name` (a path, or anything GDAL opens) and reads its header.
    ///
    /// # Errors
    /// [`Kind::Input`] when it is missing, not a raster, of 64-bit integers or complex numbers, or
    /// has no place on the Earth; [`Kind::Retry`] when the network or a server fails;
    /// [`Kind::Usage`] for bands or nodata values that it cannot have, and for `OVERVIEW_LEVEL` among the driver's options.
    pub fn open(name: &str, options: &OpenOptions) -> Result<Self> {
        let mut one = Self::open_each(name, std::slice::from_ref(options))?;
        one.pop()
            .ok_or_else(|| Error::internal("a file was opened for nobody"))
    }

    /// Opens `name` once for several sources of its bands, which share what GDAL has decoded. The driver's options are those
    /// of the first.
    ///
    /// # Errors
    /// As [`GdalSource::open`].
    pub fn open_each(name: &str, options: &[OpenOptions]) -> Result<Vec<Self>> {
        init();
        let Some(first) = options.first() else {
            return Ok(Vec::new());
        };
        refuse_levels(first)?;
        let mut file = File::new(name, first);
        let dataset = file.open(0)?;
        file.is_tiff = dataset.driver().short_name() == "GTiff"
            && first.driver.is_empty()
            && !file.path.starts_with("/vsi");
        let files = state::files(&file.path, &dataset);
        file.is_alone = files.len() == 1;
        let source = |options: &OpenOptions| {
            let (info, reader) = header::describe(&file, &dataset, options)?;
            let sequential = dataset.driver().short_name() == "JPEG";
            let lost_from = info.levels.iter().map(|_| AtomicUsize::new(usize::MAX));
            Ok(Self {
                lost_from: if sequential {
                    lost_from.collect()
                } else {
                    Vec::new()
                },
                file: file.clone(),
                files: files.clone(),
                info,
                reader,
            })
        };
        options.iter().map(source).collect()
    }

    /// Whether a row of `window` comes after one that could not be read, in a file that is read from its start.
    fn is_lost(&self, level: usize, window: Window) -> bool {
        let lost_from = self.lost_from.get(level);
        lost_from.is_some_and(|row| window.row + window.height > row.load(Ordering::Relaxed))
    }

    fn damaged(&self, level: usize, window: Window, reason: &str) -> Error {
        if let Some(row) = self.lost_from.get(level).filter(|_| window.height == 1) {
            row.fetch_min(window.row, Ordering::Relaxed);
        }
        Error::new(
            Kind::Damaged,
            format!(
                "{}: damaged or out of reach at column {}, row {} ({} x {} pixels): {reason}",
                self.file.name, window.col, window.row, window.width, window.height
            ),
        )
        .with_help(
            "--on-read-error skip leaves it out; --config GDAL_ERROR_ON_LIBJPEG_WARNING=NO takes what GDAL makes of it",
        )
    }
}

/// Refuses the one option of all drivers that would take the place of what [`File::open`] tells them.
fn refuse_levels(options: &OpenOptions) -> Result<()> {
    // GDAL takes a colon for an equals sign.
    let key = |option: &str| {
        option
            .split(['=', ':'])
            .next()
            .map(str::trim)
            .map(str::to_uppercase)
    };
    let mut driver = options.driver.iter();
    match driver.find(|option| key(option).as_deref() == Some("OVERVIEW_LEVEL")) {
        None => Ok(()),
        Some(option) => Err(Error::usage(format!(
            "--oo {option}: azulejo chooses overviews itself, for each tile; expected other open options"
        ))
        .with_help("--max-zoom, for tiles no finer than an overview")),
    }
}

impl Source for GdalSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn files(&self) -> Result<Vec<String>> {
        Ok(self.files.clone())
    }

    fn read(&self, level: usize, window: Window) -> Result<Raster> {
        if self.is_lost(level, window) {
            return Err(self.damaged(level, window, "so is what comes before it"));
        }
        self.file.with_handle(level, |handle| {
            let input = handle.input(&self.info.levels[level], self.file.id);
            let (read, damage) = watched(|| self.reader.read(&input, window, &self.info));
            if let Some(reason) = damage {
                let error = self.damaged(level, window, &reason);
                return Err(error);
            }
            read.map_err(|error| match error.kind() {
                Kind::Input if says_too_many(&error.to_string()) => too_many_open(&self.file.name),
                Kind::Input => error.with_kind(Kind::Damaged),
                _ => error,
            })
        })
    }
}

impl File {
    fn new(name: &str, options: &OpenOptions) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            name: name.into(),
            path: vsi_path(name),
            options: options.driver.clone(),
            is_tiff: false,
            is_alone: false,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            in_use: Arc::default(),
        }
    }

    /// A new handle on a level: 0 is the full resolution, n the n-th overview.
    fn open(&self, level: usize) -> Result<Dataset> {
        // GDAL says "not recognized" of both; the user should know which.
        let looks_local = !self.path.starts_with("/vsi")
            && !self.path.starts_with(['<', '{'])
            && !self.path.contains(':');
        if looks_local && !Path::new(&self.path).exists() {
            return Err(Error::input(&self.name, "no such file; expected a raster"));
        }
        let mut options: Vec<String> = self.options.clone();
        if level > 0 {
            options.push(format!("OVERVIEW_LEVEL={}", level - 1));
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let flags = GdalOpenFlags::GDAL_OF_RASTER
            | GdalOpenFlags::GDAL_OF_READONLY
            | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR;
        // SAFETY: no arguments; clears this thread's last message, so that an old one is not blamed.
        unsafe { gdal_sys::CPLErrorReset() };
        Dataset::open_ex(
            &self.path,
            DatasetOptions {
                open_flags: flags,
                allowed_drivers: None,
                open_options: Some(&options),
                sibling_files: None,
            },
        )
        .map_err(|e| {
            // The message is in the error: the crate takes it from GDAL and clears it there.
            let reason = match e {
                GdalError::NullPointer { msg, .. } if !msg.is_empty() => msg,
                _ => gdal_message(),
            };
            if says_too_many(&reason) || looks_local && no_handle_left(&self.path) {
                return too_many_open(&self.name);
            }
            let kind = network::kind(&self.path, &reason);
            let said = format!("cannot be opened ({reason}); expected a raster that GDAL reads");
            let error = Error::new(kind, format!("{}: {said}", self.name));
            match kind {
                Kind::Retry => {
                    error.with_help("try again later, or --config GDAL_HTTP_MAX_RETRY=5")
                }
                _ => error,
            }
        })
    }

    /// The file, and how the blocks of the level are stored, if they can be decoded here; otherwise GDAL reads everything.
    fn plain(&self, level: usize) -> Option<(fs::File, Layout)> {
        if level > 0 || !self.is_tiff {
            return None;
        }
        let mut file = fs::File::open(&self.path).ok()?;
        let layout = Layout::read(&mut file)?;
        Some((file, layout))
    }

    /// All that GDAL finds a coordinate system by, where that is in a few tags of the file.
    fn geo_tags(&self) -> Option<Vec<u8>> {
        if !self.is_tiff || !self.is_alone {
            return None;
        }
        tiff::geo_tags(&mut fs::File::open(&self.path).ok()?)
    }

    fn with_handle<T>(&self, level: usize, f: impl FnOnce(&mut Handle) -> Result<T>) -> Result<T> {
        thread_local! {
            /// This thread's handles, the last used at the end.
            static OPEN: RefCell<Vec<Open>> = const { RefCell::new(Vec::new()) };
        }
        OPEN.with_borrow_mut(|open| {
            let key = (self.id, level);
            let mut entry = match open.iter().position(|entry| entry.key == key) {
                Some(k) => open.remove(k),
                None => {
                    // Threads outlive the work that they opened files for.
                    open.retain(|entry| entry.in_use.strong_count() > 0);
                    while open.len() >= OPEN_PER_THREAD.load(Ordering::Relaxed) {
                        open.remove(0);
                    }
                    let handle = Handle {
                        dataset: self.open(level)?,
                        plain: self.plain(level),
                    };
                    Open {
                        key,
                        in_use: Arc::downgrade(&self.in_use),
                        handle,
                    }
                }
            };
            let result = f(&mut entry.handle);
            // After a failure GDAL's drivers are in a state that nobody knows: some then read what is not there.
            if result.is_ok() {
                open.push(entry);
            }
            result
        })
    }
}

/// A level of a file that a thread has open.
struct Open {
    /// The file's number, and the level.
    key: (u64, usize),
    in_use: Weak<()>,
    handle: Handle,
}

/// A thread's own way into a file.
struct Handle {
    dataset: Dataset,
    /// Where its blocks can be decoded without GDAL.
    plain: Option<(fs::File, Layout)>,
}

impl Handle {
    /// What windows are read from, of a level of the file number `id`.
    fn input<'a>(&'a mut self, level: &Level, id: u64) -> read::Input<'a> {
        // What GDAL takes for something else is something else.
        let is_level = |layout: &Layout| {
            (layout.width, layout.height) == (level.width, level.height)
                && layout.block == level.block
        };
        let plain = self.plain.as_mut().filter(|(_, layout)| is_level(layout));
        read::Input {
            dataset: &self.dataset,
            plain: plain.map(|(file, layout)| read::Plain::new(file, id, layout)),
        }
    }
}

/// Whether GDAL's message is that of the system for want of file handles.
fn says_too_many(message: &str) -> bool {
    message.to_lowercase().contains("too many open files")
}

/// Whether the file cannot be opened for want of handles: GDAL says of it that it is no raster.
fn no_handle_left(path: &str) -> bool {
    // Of this process (EMFILE), and of the system (ENFILE).
    let codes = [Some(24), Some(23)];
    std::fs::File::open(path).is_err_and(|e| codes.contains(&e.raw_os_error()))
}

fn too_many_open(name: &str) -> Error {
    let found = format!("{name}: too many open files; expected a higher limit of the system's");
    Error::new(Kind::Resources, found).with_help("ulimit -n 4096")
}

/// Whether GDAL takes the file at `path` for a raster, by its header alone.
pub fn is_raster(path: &Path) -> bool {
    init();
    let Some(path) = path.to_str() else {
        return false;
    };
    let flags = GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_READONLY;
    Dataset::open_ex(
        path,
        DatasetOptions {
            open_flags: flags,
            allowed_drivers: None,
            open_options: None,
            sibling_files: None,
        },
    )
    .is_ok_and(|dataset| dataset.raster_count() > 0)
}

/// Registers GDAL's drivers, takes its messages off stderr and tells it of object stores (see [`remote::configure`]); the first
/// call counts. [`GdalSource::open`] does so
/// itself. Coordinate systems and schemes need no drivers and do not; whoever parses them first and wants GDAL's messages
/// in the log calls this before.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: called once; the handler is a plain function that never unwinds, and may be set at any time.
        unsafe {
            gdal_sys::CPLSetErrorHandler(Some(messages::forward));
            gdal_sys::GDALAllRegister();
        }
        remote::configure();
    });
}
