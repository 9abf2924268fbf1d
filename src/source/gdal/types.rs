//! GDAL's types of samples and ours.

use std::ffi::CStr;

use gdal::Metadata;
use gdal::raster::RasterBand;
use gdal_sys::GDALDataType;

use super::File;
use crate::error::{Error, Result};
use crate::raster::SampleType;

/// `GDT_Int8`, which GDAL has from 3.7 on, and `GDT_Float16`, from 3.11 on: what we are built with may not know them.
const INT8: GDALDataType::Type = 14;
const FLOAT16: GDALDataType::Type = 15;

/// The type of `band`'s samples.
///
/// # Errors
/// When it has values that none of ours holds: 64-bit integers, complex numbers.
pub(super) fn sample_type(file: &File, band: &RasterBand) -> Result<SampleType> {
    Ok(match raw_type(band) {
        GDALDataType::GDT_Byte if is_signed_byte(band) => SampleType::I8,
        GDALDataType::GDT_Byte => SampleType::U8,
        INT8 => SampleType::I8,
        GDALDataType::GDT_UInt16 => SampleType::U16,
        GDALDataType::GDT_Int16 => SampleType::I16,
        GDALDataType::GDT_UInt32 => SampleType::U32,
        GDALDataType::GDT_Int32 => SampleType::I32,
        FLOAT16 | GDALDataType::GDT_Float32 => SampleType::F32,
        GDALDataType::GDT_Float64 => SampleType::F64,
        _ => {
            let found = type_name(band);
            let name = &file.name;
            return Err(Error::input(
                name,
                format_args!("{found} samples; expected integers of at most 32 bits, or floats"),
            )
            .with_help(format!(
                "gdal_translate -ot Byte -scale '{name}' scaled.tif, for tiles; -ot Float64 keeps the values for a merge"
            )));
        }
    })
}

/// Whether the bytes of `band` have a sign: how GDAL before 3.7 said `Int8`.
pub(super) fn is_signed_byte(band: &RasterBand) -> bool {
    let said = || band.metadata_item("PIXELTYPE", "IMAGE_STRUCTURE");
    raw_type(band) == GDALDataType::GDT_Byte && said().is_some_and(|said| said == "SIGNEDBYTE")
}

/// The crate turns types that it does not know into errors.
fn raw_type(band: &RasterBand) -> GDALDataType::Type {
    // SAFETY: the band is open.
    unsafe { gdal_sys::GDALGetRasterDataType(band.c_rasterband()) }
}

/// GDAL's word for a band's type, those that the crate does not know (complex numbers) too. Bytes with a sign are `Int8`,
/// as newer versions of GDAL call them.
pub fn type_name(band: &RasterBand) -> String {
    if is_signed_byte(band) {
        return SampleType::I8.gdal_name().into();
    }
    // SAFETY: the name is a constant of GDAL's, or null.
    let name = unsafe { gdal_sys::GDALGetDataTypeName(raw_type(band)) };
    if name.is_null() {
        return "unknown".into();
    }
    // SAFETY: not null, and ends with one.
    unsafe { CStr::from_ptr(name) }
        .to_string_lossy()
        .into_owned()
}
