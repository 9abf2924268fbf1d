//! Reading a window: samples and mask, in as few calls of GDAL as there can be.

use std::ffi::{c_int, c_void};
use std::ptr;

use gdal::Dataset;
use gdal_sys::{CPLErr, GDALDataType, GDALRWFlag};

use crate::error::{Error, Kind, Result};
use crate::geo::transform::crs::gdal_message;
use crate::raster::{Raster, SampleType, Samples};
use crate::source::{SourceInfo, Window};

/// Where the mask of a source comes from.
#[derive(Debug, Clone)]
pub(super) struct MaskBytes {
    /// From a mask band of the dataset, inside the file or beside it.
    pub(super) band: bool,
    /// From an alpha band, 1-based.
    pub(super) alpha: Option<usize>,
    /// Pixels of this value, in all bands, are not there.
    pub(super) nodata: Option<Vec<u16>>,
}

/// How to read a source's windows.
#[derive(Debug)]
pub(super) struct Reader {
    /// The colour bands, 1-based: one, or three.
    pub(super) bands: Vec<usize>,
    pub(super) mask: MaskBytes,
    pub(super) palette: Option<Vec<[u8; 4]>>,
    pub(super) name: String,
}

impl Reader {
    /// Reads `window` of `dataset`, which is one level of the source.
    pub(super) fn read(
        &self,
        dataset: &Dataset,
        window: Window,
        info: &SourceInfo,
    ) -> Result<Raster> {
        let n = window.width * window.height;
        match info.sample_type {
            SampleType::U8 => {
                let mut values: Vec<u8> = self.samples(dataset, window)?;
                let mut mask = self.mask_bytes(dataset, window, n)?;
                if let Some(nodata) = &self.mask.nodata {
                    hide(&values, nodata, &mut mask);
                }
                if let Some(palette) = &self.palette {
                    values = expand(&values, palette, &mut mask);
                }
                clear_hidden(&mut values, &mask, info.bands);
                Raster::from_parts(
                    window.width,
                    window.height,
                    info.bands,
                    info.sample_type,
                    Samples::U8(values),
                    mask,
                )
            }
            SampleType::U16 => {
                let values: Vec<u16> = self.samples(dataset, window)?;
                let mut mask = self.mask_bytes(dataset, window, n)?;
                if let Some(nodata) = &self.mask.nodata {
                    hide(&values, nodata, &mut mask);
                }
                let mut values: Vec<f32> = values.into_iter().map(f32::from).collect();
                clear_hidden(&mut values, &mask, info.bands);
                Raster::from_parts(
                    window.width,
                    window.height,
                    info.bands,
                    info.sample_type,
                    Samples::F32(values),
                    mask,
                )
            }
        }
    }

    fn samples<T: Stored>(&self, dataset: &Dataset, window: Window) -> Result<Vec<T>> {
        let mut values = vec![T::default(); window.width * window.height * self.bands.len()];
        self.fill(dataset, window, &self.bands, &mut values)?;
        Ok(values)
    }

    fn mask_bytes(&self, dataset: &Dataset, window: Window, n: usize) -> Result<Vec<u8>> {
        if self.mask.band {
            return self.mask_band(dataset, window, n);
        }
        let Some(alpha) = self.mask.alpha else {
            return Ok(vec![255; n]);
        };
        let deep = dataset
            .rasterband(alpha)
            .is_ok_and(|band| band.band_type() == gdal::raster::GdalDataType::UInt16);
        if deep {
            let mut values = vec![0_u16; n];
            self.fill(dataset, window, &[alpha], &mut values)?;
            // 257 = 65535 / 255, rounded half up.
            return Ok(values
                .into_iter()
                .map(|v| ((u32::from(v) + 128) / 257) as u8)
                .collect());
        }
        let mut values = vec![0_u8; n];
        self.fill(dataset, window, &[alpha], &mut values)?;
        Ok(values)
    }

    fn mask_band(&self, dataset: &Dataset, window: Window, n: usize) -> Result<Vec<u8>> {
        let band = dataset.rasterband(self.bands[0]).and_then(|band| {
            // SAFETY: the band lives as long as the dataset; so does its mask, which belongs to it.
            let mask = unsafe { gdal_sys::GDALGetMaskBand(band.c_rasterband()) };
            if mask.is_null() {
                Err(gdal::errors::GdalError::NullPointer {
                    method_name: "GDALGetMaskBand",
                    msg: String::new(),
                })
            } else {
                Ok(mask)
            }
        });
        let band = band.map_err(|e| {
            Error::input(&self.name, format_args!("its mask cannot be opened ({e})"))
        })?;
        let mut values = vec![0_u8; n];
        let [col, row, width, height] = ints(window)?;
        // SAFETY: the buffer holds width * height bytes, the spacing that zeros ask for.
        let code = unsafe {
            gdal_sys::CPLErrorReset();
            gdal_sys::GDALRasterIOEx(
                band,
                GDALRWFlag::GF_Read,
                col,
                row,
                width,
                height,
                values.as_mut_ptr().cast::<c_void>(),
                width,
                height,
                GDALDataType::GDT_Byte,
                0,
                0,
                ptr::null_mut(),
            )
        };
        self.check(code, window)?;
        // A mask band says whether, not how much.
        values
            .iter_mut()
            .for_each(|v| *v = if *v > 0 { 255 } else { 0 });
        Ok(values)
    }

    /// Reads `bands` of `window`, interleaved by pixel, in one call.
    fn fill<T: Stored>(
        &self,
        dataset: &Dataset,
        window: Window,
        bands: &[usize],
        values: &mut [T],
    ) -> Result<()> {
        debug_assert_eq!(values.len(), window.width * window.height * bands.len());
        let [col, row, width, height] = ints(window)?;
        let mut list: Vec<c_int> = bands.iter().map(|&b| b as c_int).collect();
        let size = size_of::<T>() as i64;
        let pixel = size * bands.len() as i64;
        // SAFETY: the buffer holds width * height * bands values of the type said, spaced as said.
        let code = unsafe {
            gdal_sys::CPLErrorReset();
            gdal_sys::GDALDatasetRasterIOEx(
                dataset.c_dataset(),
                GDALRWFlag::GF_Read,
                col,
                row,
                width,
                height,
                values.as_mut_ptr().cast::<c_void>(),
                width,
                height,
                T::GDAL,
                list.len() as c_int,
                list.as_mut_ptr(),
                pixel,
                pixel * i64::from(width),
                size,
                ptr::null_mut(),
            )
        };
        self.check(code, window)
    }

    fn check(&self, code: CPLErr::Type, window: Window) -> Result<()> {
        if code == CPLErr::CE_None {
            return Ok(());
        }
        let Window {
            col,
            row,
            width,
            height,
        } = window;
        Err(Error::new(
            Kind::Input,
            format!(
                "{}: damaged or out of reach at column {col}, row {row} ({width} x {height} pixels): {}",
                self.name,
                gdal_message()
            ),
        ))
    }
}

fn ints(window: Window) -> Result<[c_int; 4]> {
    let int = |v: usize| {
        c_int::try_from(v).map_err(|_| Error::internal("a window beyond what GDAL can address"))
    };
    Ok([
        int(window.col)?,
        int(window.row)?,
        int(window.width)?,
        int(window.height)?,
    ])
}

trait Stored: Copy + Default {
    const GDAL: GDALDataType::Type;
}

impl Stored for u8 {
    const GDAL: GDALDataType::Type = GDALDataType::GDT_Byte;
}

impl Stored for u16 {
    const GDAL: GDALDataType::Type = GDALDataType::GDT_UInt16;
}

/// Clears the mask where every band has its nodata value.
fn hide<T: Copy + Into<u32>>(values: &[T], nodata: &[u16], mask: &mut [u8]) {
    for (pixel, mask) in values.chunks_exact(nodata.len()).zip(mask) {
        if pixel
            .iter()
            .zip(nodata)
            .all(|(&v, &n)| v.into() == u32::from(n))
        {
            *mask = 0;
        }
    }
}

/// The colours of palette indices. An index beyond the palette's end means nothing.
fn expand(indices: &[u8], palette: &[[u8; 4]], mask: &mut [u8]) -> Vec<u8> {
    let mut colours = Vec::with_capacity(indices.len() * 3);
    for (&index, mask) in indices.iter().zip(mask) {
        let [r, g, b, a] = palette.get(usize::from(index)).copied().unwrap_or_default();
        colours.extend([r, g, b]);
        *mask = (*mask).min(a);
    }
    colours
}

/// Zeros the samples of pixels that are not there, so that they cannot leak into anything.
fn clear_hidden<T: Copy + Default>(values: &mut [T], mask: &[u8], bands: usize) {
    for (pixel, &m) in values.chunks_exact_mut(bands).zip(mask) {
        if m == 0 {
            pixel.fill(T::default());
        }
    }
}
