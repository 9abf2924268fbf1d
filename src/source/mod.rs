//! Where pixels come from: [`Source`], a raster that can be read window by window.
//!
//! Whatever a source has to say of what is not there (nodata, alpha, masks, transparent palette entries) becomes the mask
//! of the [`Raster`] it fills, and is never seen again.

pub mod cache;
pub mod gdal;
pub mod memory;
pub mod meter;
pub mod safe;
pub mod stack;
pub mod tiff;

use crate::error::{Error, Result};
use crate::geo::transform::{PixelRect, Placement};
use crate::raster::resample::MaskKind;
use crate::raster::{Raster, SampleType};

/// A rectangle of pixels within one level of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first column.
    pub col: usize,
    /// The first row.
    pub row: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// A resolution at which a source can be read: the full one, or an overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Columns and rows of the blocks in which the file stores it: those at the right and lower edge may reach beyond.
    pub block: (usize, usize),
}

/// What a source is, known without reading a pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceInfo {
    /// The file's name as the user gave it, for messages.
    pub name: String,
    /// Where it lies, and its size.
    pub placement: Placement,
    /// What its samples are.
    pub sample_type: SampleType,
    /// As many as [`Source::read`] fills: a palette counts as the three colours it stands for, alpha not at all.
    pub bands: usize,
    /// How its mask is to be understood.
    pub mask: MaskKind,
    /// Whether the values are classes, not measurements: colours must not be mixed.
    pub palette: bool,
    /// Full resolution first, then overviews, each smaller than the one before. Never empty.
    pub levels: Vec<Level>,
    /// What the user should know about how this source is read, one sentence each.
    pub notes: Vec<String>,
}

/// A raster that can be read from any thread.
pub trait Source: Send + Sync {
    /// What it is.
    fn info(&self) -> &SourceInfo;

    /// The rectangles of pixels that it is made of, for finding the tiles it touches: several for a source put together
    /// from files.
    fn outlines(&self) -> Vec<PixelRect> {
        vec![self.info().placement.whole()]
    }

    /// The names of what lies in each of [`Source::outlines`].
    fn names(&self) -> Vec<String> {
        vec![self.info().name.clone(); self.outlines().len()]
    }

    /// The names of the files that it is read from, as GDAL has them, in no order that means anything.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn files(&self) -> Result<Vec<String>> {
        Ok(vec![self.info().name.clone()])
    }

    /// Reads `window` of level `level`, which must lie within that level.
    ///
    /// # Errors
    /// [`Kind::Damaged`](crate::error::Kind::Damaged), naming the file, when the data is damaged or out of reach;
    /// [`Kind::Input`](crate::error::Kind::Input) when the file is gone.
    fn read(&self, level: usize, window: Window) -> Result<Raster>;
}

impl Level {
    /// All of it.
    pub fn whole(&self) -> Window {
        Window {
            col: 0,
            row: 0,
            width: self.width,
            height: self.height,
        }
    }
}

/// Reads `width` by `height` pixels of level `level`, the first of which is at `col` and `row`: there is nothing where they
/// lie beyond it. `None` when all of them do.
pub(crate) fn read_across(
    source: &dyn Source,
    level: usize,
    (col, row): (i64, i64),
    (width, height): (usize, usize),
) -> Result<Option<Raster>> {
    let info = source.info();
    let full = info.levels[level];
    let (west, north) = (col.max(0), row.max(0));
    let east = (col + width as i64).min(full.width as i64);
    let south = (row + height as i64).min(full.height as i64);
    if west >= east || north >= south {
        return Ok(None);
    }
    let window = Window {
        col: west as usize,
        row: north as usize,
        width: (east - west) as usize,
        height: (south - north) as usize,
    };
    let pixels = source.read(level, window)?;
    if (window.width, window.height) == (width, height) {
        return Ok(Some(pixels));
    }
    let mut raster = Raster::empty(width, height, info.bands, info.sample_type);
    raster.paint_under(&pixels, (west - col) as usize, (north - row) as usize);
    Ok(Some(raster))
}

/// The most bands of a source: more than any that a picture is made of.
pub const BANDS_MAX: usize = 64;

/// Refuses a source called `name` of no bands, or of more than [`BANDS_MAX`].
///
/// # Errors
/// [`Kind::Input`](crate::error::Kind::Input).
pub(crate) fn check_bands(name: &str, bands: usize) -> Result<()> {
    match bands {
        1..=BANDS_MAX => Ok(()),
        _ => Err(Error::input(
            name,
            format_args!("{bands} bands; expected 1 to {BANDS_MAX}, with or without a mask"),
        )),
    }
}
