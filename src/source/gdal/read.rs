//! Reading a window: samples and mask, in as few calls of GDAL as there can be, or none.

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::ptr;

use gdal::Dataset;
use gdal::raster::{GdalDataType, RasterBand};
use gdal_sys::{CPLErr, GDALDataType, GDALRWFlag};

use crate::error::{Error, Kind, Result};
use crate::geo::transform::crs::gdal_message;
use crate::raster::{Raster, SampleType, Samples};
use crate::source::tiff::{Blocks, Layout, Values};
use crate::source::{SourceInfo, Window};

/// Where the mask of a source comes from.
#[derive(Debug, Clone)]
pub(super) struct MaskBytes {
    /// From a mask band of the dataset, inside the file or beside it.
    pub(super) band: bool,
    /// From an alpha band.
    pub(super) alpha: Option<Alpha>,
    /// Pixels that have the values of one of these sets, each with a value for every band, are not there.
    pub(super) nodata: Vec<Vec<f64>>,
    /// Or that have one of these values in its band.
    pub(super) any_band: bool,
}

/// An alpha band.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alpha {
    /// Counted from 1.
    band: usize,
    depth: Depth,
}

#[derive(Debug, Clone, Copy)]
enum Depth {
    Eight,
    Sixteen,
    /// Any other; the value that covers all.
    Other(f64),
}

impl Alpha {
    /// The alpha band `band`, the `index`th. Other types than unsigned ones of 8 and 16 bits are understood as GDAL's warper
    /// does.
    pub(super) fn new(index: usize, band: &RasterBand) -> Self {
        let depth = match band.band_type() {
            GdalDataType::UInt8 => Depth::Eight,
            GdalDataType::UInt16 => Depth::Sixteen,
            GdalDataType::Int16 => Depth::Other(f64::from(i16::MAX)),
            _ => Depth::Other(255.0),
        };
        Self { band: index, depth }
    }
}

/// One level of a source.
pub(super) struct Input<'a> {
    pub(super) dataset: &'a Dataset,
    /// Where its blocks can be decoded without GDAL.
    pub(super) plain: Option<Plain<'a>>,
}

/// Blocks of a plain TIFF file.
pub(super) struct Plain<'a> {
    /// With what tells it from others.
    file: RefCell<(&'a mut File, u64)>,
    layout: &'a Layout,
}

impl<'a> Plain<'a> {
    pub(super) fn new(file: &'a mut File, id: u64, layout: &'a Layout) -> Self {
        let file = RefCell::new((file, id));
        Self { file, layout }
    }

    /// [`Blocks::read`].
    fn read(&self, window: Window, bands: &[usize], values: Values) -> Option<()> {
        thread_local! {
            static BLOCKS: RefCell<Blocks> = RefCell::default();
        }
        let (file, id) = &mut *self.file.borrow_mut();
        BLOCKS
            .with_borrow_mut(|blocks| blocks.read((file, *id), self.layout, window, bands, values))
    }
}

/// How to read a source's windows.
#[derive(Debug)]
pub(super) struct Reader {
    /// The colour bands, 1-based: one, or three.
    pub(super) bands: Vec<usize>,
    /// What they are read as; palette indices, where there is a palette.
    pub(super) stored: SampleType,
    /// Of each of them scale and offset, where samples are to become what they stand for.
    pub(super) scales: Option<Vec<(f64, f64)>>,
    /// Which of them hold bytes with a sign that GDAL reads without.
    pub(super) signed_bytes: Vec<bool>,
    pub(super) mask: MaskBytes,
    pub(super) palette: Option<Vec<[u8; 4]>>,
    pub(super) name: String,
}

impl Reader {
    /// Reads `window` of `input`, which is one level of the source.
    pub(super) fn read(&self, input: &Input, window: Window, info: &SourceInfo) -> Result<Raster> {
        let mut mask = self.mask_bytes(input, window, window.width * window.height)?;
        let (samples, mask) = match (&self.palette, Samples::zeros(self.stored, 0)) {
            (Some(palette), Samples::U8(_)) => {
                let indices: Vec<u8> = self.samples(input, window, &mut mask)?;
                (Samples::U8(expand(&indices, palette, &mut mask)), mask)
            }
            (Some(palette), _) => {
                let indices: Vec<u16> = self.samples(input, window, &mut mask)?;
                (Samples::U8(expand(&indices, palette, &mut mask)), mask)
            }
            (None, Samples::U8(_)) => (Samples::U8(self.samples(input, window, &mut mask)?), mask),
            (None, Samples::F32(_)) => {
                (Samples::F32(self.samples(input, window, &mut mask)?), mask)
            }
            (None, Samples::F64(_)) => {
                (Samples::F64(self.samples(input, window, &mut mask)?), mask)
            }
        };
        let sample_type = match self.scales {
            Some(_) => self.stored,
            None => info.sample_type,
        };
        let (width, height) = (window.width, window.height);
        let mut raster = Raster::from_parts(width, height, info.bands, sample_type, samples, mask)?;
        if let Some(scales) = &self.scales {
            raster = unscaled(raster.with_type(info.sample_type), scales);
        }
        raster.clear_hidden();
        Ok(raster)
    }

    /// Reads the samples of the colour bands, and clears `mask` where they are nodata. GDAL converts what it stores
    /// otherwise.
    fn samples<T: Stored>(&self, input: &Input, window: Window, mask: &mut [u8]) -> Result<Vec<T>> {
        let n_bands = self.bands.len();
        let mut values = vec![T::default(); window.width * window.height * n_bands];
        self.fill(input, window, &self.bands, &mut values)?;
        for k in (0..n_bands).filter(|&k| self.signed_bytes[k]) {
            let band = values.iter_mut().skip(k).step_by(n_bands);
            band.for_each(|v| *v = v.with_sign());
        }
        for set in &self.mask.nodata {
            let set: Vec<T> = set.iter().map(|&value| T::from_f64(value)).collect();
            if self.mask.any_band {
                hide_any(&values, &set, mask);
            } else {
                hide(&values, &set, mask);
            }
        }
        Ok(values)
    }

    fn mask_bytes(&self, input: &Input, window: Window, n: usize) -> Result<Vec<u8>> {
        let mask = match self.mask.band {
            true => Some(self.mask_band(input.dataset, window, n)?),
            false => None,
        };
        let alpha = match self.mask.alpha {
            Some(alpha) => Some(self.alpha_band(input, window, n, alpha)?),
            None => None,
        };
        Ok(match (mask, alpha) {
            (Some(mask), Some(mut alpha)) => {
                let both = alpha.iter_mut().zip(mask);
                both.for_each(|(alpha, mask)| *alpha = mask.min(*alpha));
                alpha
            }
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => vec![255; n],
        })
    }

    fn alpha_band(&self, input: &Input, window: Window, n: usize, alpha: Alpha) -> Result<Vec<u8>> {
        Ok(match alpha.depth {
            Depth::Eight => {
                let mut values = vec![0_u8; n];
                self.fill(input, window, &[alpha.band], &mut values)?;
                values
            }
            Depth::Sixteen => {
                let mut values = vec![0_u16; n];
                self.fill(input, window, &[alpha.band], &mut values)?;
                // 257 = 65535 / 255, rounded half up.
                let byte = |v| ((u32::from(v) + 128) / 257) as u8;
                values.into_iter().map(byte).collect()
            }
            Depth::Other(most) => {
                let mut values = vec![0_f64; n];
                self.fill(input, window, &[alpha.band], &mut values)?;
                // The cast keeps within 0..=255, and makes 0 of what is no number.
                let byte = |v| (v / most * 255.0 + 0.5) as u8;
                values.into_iter().map(byte).collect()
            }
        })
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
        input: &Input,
        window: Window,
        bands: &[usize],
        values: &mut [T],
    ) -> Result<()> {
        debug_assert_eq!(values.len(), window.width * window.height * bands.len());
        if let (Some(plain), Some(values)) = (&input.plain, T::plainly(values))
            && plain.read(window, bands, values).is_some()
        {
            return Ok(());
        }
        let [col, row, width, height] = ints(window)?;
        let mut list: Vec<c_int> = bands.iter().map(|&b| b as c_int).collect();
        let size = size_of::<T>() as i64;
        let pixel = size * bands.len() as i64;
        // SAFETY: the buffer holds width * height * bands values of the type said, spaced as said.
        let code = unsafe {
            gdal_sys::CPLErrorReset();
            gdal_sys::GDALDatasetRasterIOEx(
                input.dataset.c_dataset(),
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

/// A type that samples are read as.
trait Stored: Copy + Default + PartialEq {
    const GDAL: GDALDataType::Type;
    /// From a value that the type holds but for rounding.
    fn from_f64(value: f64) -> Self;
    /// The same values as what blocks are decoded to without GDAL; `None` where they are not.
    fn plainly(_values: &mut [Self]) -> Option<Values<'_>> {
        None
    }
    /// From a byte without a sign to the one with a sign that it stands for.
    #[must_use]
    fn with_sign(self) -> Self {
        self
    }
}

impl Stored for u8 {
    const GDAL: GDALDataType::Type = GDALDataType::GDT_Byte;

    fn plainly(values: &mut [Self]) -> Option<Values<'_>> {
        Some(Values::U8(values))
    }

    fn from_f64(value: f64) -> Self {
        value as Self
    }
}

impl Stored for u16 {
    const GDAL: GDALDataType::Type = GDALDataType::GDT_UInt16;

    fn from_f64(value: f64) -> Self {
        value as Self
    }
}

impl Stored for f32 {
    const GDAL: GDALDataType::Type = GDALDataType::GDT_Float32;

    fn plainly(values: &mut [Self]) -> Option<Values<'_>> {
        Some(Values::F32(values))
    }

    fn from_f64(value: f64) -> Self {
        value as Self
    }

    fn with_sign(self) -> Self {
        Self::from(self as u8 as i8)
    }
}

impl Stored for f64 {
    const GDAL: GDALDataType::Type = GDALDataType::GDT_Float64;

    fn from_f64(value: f64) -> Self {
        value
    }

    fn with_sign(self) -> Self {
        Self::from(self as u8 as i8)
    }
}

/// Clears the mask where every band has its value of `nodata`. A value that is no number equals none here; such samples are
/// nothing anyway.
fn hide<T: Copy + PartialEq>(values: &[T], nodata: &[T], mask: &mut [u8]) {
    if let [nodata] = *nodata {
        // Without a jump, several at once.
        for (&value, mask) in values.iter().zip(mask) {
            *mask = if value == nodata { 0 } else { *mask };
        }
        return;
    }
    for (pixel, mask) in values.chunks_exact(nodata.len()).zip(mask) {
        if pixel == nodata {
            *mask = 0;
        }
    }
}

/// Clears the mask where any band has its value of `nodata`.
fn hide_any<T: Copy + PartialEq>(values: &[T], nodata: &[T], mask: &mut [u8]) {
    for (pixel, mask) in values.chunks_exact(nodata.len()).zip(mask) {
        if pixel
            .iter()
            .zip(nodata)
            .any(|(value, nodata)| value == nodata)
        {
            *mask = 0;
        }
    }
}

/// `raster`, of floating point, with every sample times its band's scale plus its offset.
fn unscaled(mut raster: Raster, scales: &[(f64, f64)]) -> Raster {
    let bands = scales.len();
    let value = |v: f64, (scale, offset): (f64, f64)| v * scale + offset;
    match &mut raster.samples {
        Samples::U8(_) => {}
        Samples::F32(values) => {
            for pixel in values.chunks_exact_mut(bands) {
                let both = pixel.iter_mut().zip(scales);
                both.for_each(|(v, &scale)| *v = value(f64::from(*v), scale) as f32);
            }
        }
        Samples::F64(values) => {
            for pixel in values.chunks_exact_mut(bands) {
                let both = pixel.iter_mut().zip(scales);
                both.for_each(|(v, &scale)| *v = value(*v, scale));
            }
        }
    }
    raster
}

/// The colours of palette indices. An index beyond the palette's end means nothing.
fn expand<T: Copy + PartialEq + Into<usize>>(
    indices: &[T],
    palette: &[[u8; 4]],
    mask: &mut [u8],
) -> Vec<u8> {
    /// Maps have long runs of one class: so many pixels are looked at together.
    const RUN_PX: usize = 32;
    let mut colours = vec![0; indices.len() * 3];
    let runs = indices.chunks(RUN_PX).zip(mask.chunks_mut(RUN_PX));
    for ((indices, mask), colours) in runs.zip(colours.chunks_mut(3 * RUN_PX)) {
        let colours = colours.as_chunks_mut::<3>().0;
        let first = indices[0];
        if indices
            .iter()
            .fold(true, |all, &index| all & (index == first))
        {
            let [r, g, b, a] = palette.get(first.into()).copied().unwrap_or_default();
            colours.fill([r, g, b]);
            mask.iter_mut().for_each(|mask| *mask = (*mask).min(a));
            continue;
        }
        for ((&index, mask), colour) in indices.iter().zip(mask).zip(colours) {
            let [r, g, b, a] = palette.get(index.into()).copied().unwrap_or_default();
            *colour = [r, g, b];
            *mask = (*mask).min(a);
        }
    }
    colours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_class_are_expanded_as_single_pixels_are() {
        let palette: Vec<[u8; 4]> = (0..40).map(|k| [k, 2 * k, 3 * k, 255 - k]).collect();
        // A run, all kinds, a run again that ends early; an index beyond the palette.
        let mut indices = vec![7_u8; 32];
        indices.extend(0..32);
        indices.extend([200; 10]);
        let mut mask = vec![255; indices.len()];
        (mask[3], mask[40]) = (0, 0);
        let colours = expand(&indices, &palette, &mut mask);
        assert_eq!(colours.len(), 3 * indices.len());
        for (k, &index) in indices.iter().enumerate() {
            let colour = palette.get(usize::from(index)).copied();
            let [r, g, b, a] = colour.unwrap_or_default();
            assert_eq!(colours[3 * k..3 * k + 3], [r, g, b], "{k}");
            let is_hidden = k == 3 || k == 40;
            assert_eq!(mask[k], if is_hidden { 0 } else { a }, "{k}");
        }
    }
}
