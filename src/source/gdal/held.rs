//! A raster in a file that is held in memory, as numbers: [`decode`].

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use gdal::errors::GdalError;
use gdal::raster::{ColorInterpretation, RasterBand};
use gdal::vsi::{MemFileRef, create_mem_file_from_ref};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use super::init;
use super::types::{is_signed_byte, type_name};
use crate::geo::transform::crs::gdal_message;
use crate::source::BANDS_MAX;

/// Pixels along a side, at most, as in tiles of pictures.
const SIDE_MAX: usize = 4096;

/// Samples, at most: 512 MB as they are held here.
const SAMPLES_MAX: usize = 1 << 26;

/// All that a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// What the samples of each band are, alpha not counted.
    pub bands: Vec<HeldBand>,
    /// The samples of each band, rows top to bottom.
    pub values: Vec<Vec<f64>>,
    /// For each pixel 0 where there is nothing, else up to 255.
    pub mask: Vec<u8>,
}

/// What the samples of a band are.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldBand {
    /// GDAL's word for their type.
    pub type_name: String,
    /// What a sample is multiplied by to be what it stands for; 1 where nothing is told.
    pub scale: f64,
    /// What is added then; 0 where nothing is told.
    pub offset: f64,
    /// The colours that samples stand for: red, green, blue, alpha.
    pub colours: Vec<[i16; 4]>,
}

impl fmt::Display for HeldBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.type_name)?;
        if (self.scale, self.offset) != (1.0, 0.0) {
            write!(f, " times {} plus {}", self.scale, self.offset)?;
        }
        match self.colours.len() {
            0 => Ok(()),
            n => write!(f, " with {n} colours"),
        }
    }
}

/// The raster that `bytes` are, a TIFF file of any kind that GDAL reads. 64-bit integers are as near as a double comes.
///
/// # Errors
/// What is found, where that is none, a damaged one, or one of more than 4096 pixels a side or 64 bands.
pub fn decode(bytes: &mut [u8]) -> Result<Held, String> {
    init();
    // Goes after the dataset that reads it.
    let (path, _file) = held(bytes)?;
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_READONLY,
        allowed_drivers: Some(&["GTiff"]),
        open_options: None,
        sibling_files: Some(&[]),
    };
    let dataset = Dataset::open_ex(&path, options).map_err(|error| reason(&error))?;
    let (width, height) = dataset.raster_size();
    let n_bands = dataset.raster_count();
    let fits = (1..=SIDE_MAX).contains(&width)
        && (1..=SIDE_MAX).contains(&height)
        && (1..=BANDS_MAX).contains(&n_bands)
        && width * height * n_bands <= SAMPLES_MAX;
    if !fits {
        return Err(format!(
            "{width} x {height} pixels with {n_bands} bands; expected at most {SIDE_MAX} a side and {BANDS_MAX} bands"
        ));
    }
    let mut held = Held {
        width,
        height,
        bands: Vec::new(),
        values: Vec::new(),
        mask: vec![0; width * height],
    };
    for k in 1..=n_bands {
        let band = dataset.rasterband(k).map_err(|error| reason(&error))?;
        if n_bands > 1 && band.color_interpretation() == ColorInterpretation::AlphaBand {
            continue;
        }
        held.take(&band).map_err(|error| reason(&error))?;
    }
    Ok(held)
}

/// `bytes` under a name that GDAL can open.
fn held(bytes: &mut [u8]) -> Result<(PathBuf, MemFileRef<'_>), String> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = PathBuf::from(format!("/vsimem/azulejo-{n}.tif"));
    let file = create_mem_file_from_ref(&path, bytes).map_err(|error| reason(&error))?;
    Ok((path, file))
}

fn reason(error: &GdalError) -> String {
    let said = match error {
        GdalError::NullPointer { msg, .. } | GdalError::CplError { msg, .. } if !msg.is_empty() => {
            msg.clone()
        }
        _ => gdal_message(),
    };
    format!("damaged ({said})")
}

impl Held {
    /// Adds a band. A pixel is there where one of its bands is.
    fn take(&mut self, band: &RasterBand) -> Result<(), GdalError> {
        let size = (self.width, self.height);
        let (_, mut values) = band
            .read_as::<f64>((0, 0), size, size, None)?
            .into_shape_and_vec();
        if is_signed_byte(band) {
            let above = values.iter_mut().filter(|value| **value > 127.0);
            above.for_each(|value| *value -= 256.0);
        }
        let mask = band.open_mask_band()?;
        let mask = mask.read_as::<u8>((0, 0), size, size, None)?;
        for (to, (&there, value)) in self.mask.iter_mut().zip(mask.data().iter().zip(&values)) {
            // What is no finite number is nothing here, too.
            *to = (*to).max(if value.is_finite() { there } else { 0 });
        }
        self.values.push(values);
        self.bands.push(HeldBand {
            type_name: type_name(band),
            scale: band.scale().unwrap_or(1.0),
            offset: band.offset().unwrap_or(0.0),
            colours: colours(band),
        });
        Ok(())
    }
}

fn colours(band: &RasterBand) -> Vec<[i16; 4]> {
    let Some(table) = band.color_table() else {
        return Vec::new();
    };
    let entries = (0..table.entry_count()).filter_map(|k| table.entry_as_rgb(k));
    entries
        .map(|colour| [colour.r, colour.g, colour.b, colour.a])
        .collect()
}
