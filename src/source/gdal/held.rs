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

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use gdal::DriverManager;
    use gdal::raster::{Buffer, GdalType, RasterCreationOptions};

    use super::*;

    /// A GeoTIFF of two columns, two rows and some bands; `finish` may add to it.
    fn file<T: GdalType + Copy>(bands: &[[T; 4]], finish: impl Fn(&mut Dataset)) -> Vec<u8> {
        init();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let options = RasterCreationOptions::from_iter(["COMPRESS=LZW", "TILED=YES"]);
        let created =
            driver.create_with_band_type_with_options::<T, _>(&path, 2, 2, bands.len(), &options);
        let mut dataset = created.unwrap();
        for (k, values) in bands.iter().enumerate() {
            let mut values = Buffer::new((2, 2), values.to_vec());
            let mut band = dataset.rasterband(k + 1).unwrap();
            band.write((0, 0), (2, 2), &mut values).unwrap();
        }
        finish(&mut dataset);
        dataset.close().unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn samples_come_as_they_are_and_what_is_nothing_is_masked() {
        let mut bytes = file(&[[-1.5_f32, 7.25, f32::NAN, -9999.0]], |dataset| {
            let mut band = dataset.rasterband(1).unwrap();
            band.set_no_data_value(Some(-9999.0)).unwrap();
            band.set_scale(0.5).unwrap();
        });
        let held = decode(&mut bytes).unwrap();
        assert_eq!((held.width, held.height), (2, 2));
        assert_eq!(held.mask, [255, 255, 0, 0]);
        assert_eq!(held.values[0][..2], [-1.5, 7.25]);
        assert_eq!(held.bands[0].to_string(), "Float32 times 0.5 plus 0");
    }

    #[test]
    fn alpha_is_no_band_and_a_pixel_is_there_in_any_band() {
        let of = [[1_u16, 2, 3, 4], [0, 65535, 0, 257]];
        let mut with_alpha = file(&of, |dataset| {
            let mut band = dataset.rasterband(2).unwrap();
            band.set_color_interpretation(ColorInterpretation::AlphaBand)
                .unwrap();
        });
        let held = decode(&mut with_alpha).unwrap();
        assert_eq!(held.values, [[1.0, 2.0, 3.0, 4.0]]);
        assert_eq!(held.mask, [0, 255, 0, 1]);
        let of = [[0_i16, 0, -3, 4], [0, 5, 0, 6]];
        let mut two = file(&of, |dataset| {
            for k in 1..=2 {
                let mut band = dataset.rasterband(k).unwrap();
                band.set_no_data_value(Some(0.0)).unwrap();
            }
        });
        let held = decode(&mut two).unwrap();
        assert_eq!((held.bands.len(), held.mask), (2, vec![0, 255, 255, 255]));
    }

    #[test]
    fn what_is_no_file_or_half_of_one_is_told() {
        let whole = file(&[[1_u8, 2, 3, 4]], |_| {});
        assert!(decode(&mut whole.clone()).is_ok());
        for mut bytes in [b"II*\0".to_vec(), whole[..whole.len() - 20].to_vec()] {
            let said = decode(&mut bytes).unwrap_err();
            assert!(said.starts_with("damaged ("), "{said}");
        }
    }
}
