//! The dataset that a merged raster is painted on: [`Canvas`].

use std::cell::Cell;
use std::ffi::{CString, c_int};
use std::path::Path;

use gdal::raster::{Buffer, RasterCreationOptions};
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DriverManager, Metadata};

use super::grid::Grid;
use super::{BLOCK_PX, Look};
use crate::error::{Error, Kind, Result};
use crate::raster::gaps::{Gaps, beside, whole};
use crate::raster::{Raster, SampleType, Samples};
use crate::source::gdal::BandFacts;

/// A dataset in memory or in a file, filled block by block.
pub(super) struct Canvas<'a> {
    dataset: Dataset,
    look: &'a Look,
    /// For messages.
    name: String,
    masked: bool,
    /// Valid samples that became the value beside nodata.
    moved: Cell<u64>,
    /// Blocks that are there all over, as long as there is no mask.
    painted: Vec<(usize, usize)>,
}

impl<'a> Canvas<'a> {
    /// An empty canvas for `grid`; in memory without a `path`.
    pub(super) fn create(
        grid: &Grid,
        look: &'a Look,
        path: Option<&Path>,
        name: String,
    ) -> Result<Self> {
        let failed = |e: gdal::errors::GdalError| cannot(&name, &e.to_string());
        let n_bands = look.bands.len() + usize::from(look.gaps == Gaps::Alpha);
        let size = (grid.width, grid.height);
        let mut dataset = match path {
            None => create(
                "MEM",
                "",
                size,
                n_bands,
                look.sample_type,
                RasterCreationOptions::new(),
            ),
            Some(path) => {
                let block = BLOCK_PX.to_string();
                let options = [
                    ("TILED", "YES"),
                    ("BLOCKXSIZE", &block),
                    ("BLOCKYSIZE", &block),
                    ("BIGTIFF", "YES"),
                    ("SPARSE_OK", "TRUE"),
                    ("INTERLEAVE", "BAND"),
                ];
                let options = options.into_iter().map(|(k, v)| format!("{k}={v}"));
                let path = path.to_str().ok_or_else(|| {
                    Error::output(
                        path.display(),
                        "a name that is not UTF-8; expected one that is",
                    )
                })?;
                create(
                    "GTiff",
                    path,
                    size,
                    n_bands,
                    look.sample_type,
                    options.collect(),
                )
            }
        }
        .map_err(failed)?;
        dataset.set_geo_transform(&grid.affine.0).map_err(failed)?;
        let srs = SpatialRef::from_wkt(grid.crs.wkt()).map_err(failed)?;
        dataset.set_spatial_ref(&srs).map_err(failed)?;
        let mut canvas = Self {
            dataset,
            look,
            name,
            masked: false,
            moved: Cell::new(0),
            painted: Vec::new(),
        };
        canvas.describe(path.is_none())?;
        Ok(canvas)
    }

    /// Says of the bands what their sources said.
    fn describe(&mut self, in_memory: bool) -> Result<()> {
        for (k, facts) in self.look.bands.iter().enumerate() {
            let mut band = self.band(k + 1)?;
            let said = say(&mut band, facts);
            said.map_err(|e| cannot(&self.name, &e.to_string()))?;
            if let Gaps::Nodata(value) = self.look.gaps {
                band.set_no_data_value(Some(value))
                    .map_err(|e| cannot(&self.name, &e.to_string()))?;
                // Blocks of a sparse file that nothing is painted on read as this by themselves.
                if value != 0.0 && in_memory {
                    // SAFETY: the band is open.
                    unsafe { gdal_sys::GDALFillRaster(band.c_rasterband(), value, 0.0) };
                }
            }
        }
        if self.look.gaps == Gaps::Alpha {
            let alpha = self.band(self.look.bands.len() + 1)?;
            // SAFETY: the band is open.
            unsafe {
                gdal_sys::GDALSetRasterColorInterpretation(
                    alpha.c_rasterband(),
                    gdal_sys::GDALColorInterp::GCI_AlphaBand,
                )
            };
        }
        Ok(())
    }

    fn band(&self, number: usize) -> Result<gdal::raster::RasterBand<'_>> {
        self.dataset
            .rasterband(number)
            .map_err(|e| cannot(&self.name, &e.to_string()))
    }

    /// Paints `bands`, one raster of one band for each from the one at index `first` on, with the upper left corner at
    /// (column, row). What lies beyond the canvas is cut off; `None` is nothing all over. What is there is what is there of
    /// the very first band.
    pub(super) fn paint(
        &mut self,
        (col, row): (usize, usize),
        first: usize,
        bands: &[Option<Raster>],
    ) -> Result<()> {
        let (columns, rows) = self.dataset.raster_size();
        let size = (BLOCK_PX.min(columns - col), BLOCK_PX.min(rows - row));
        let place = ((col as isize, row as isize), size);
        for (k, raster) in bands.iter().enumerate() {
            if let Some(raster) = raster {
                self.write(first + k + 1, place, raster)?;
            }
        }
        if first > 0 {
            return Ok(());
        }
        let mask = bands
            .first()
            .and_then(Option::as_ref)
            .map(|r| cut(&r.mask, r.width(), size));
        match (self.look.gaps, mask) {
            (Gaps::Alpha, Some(alpha)) => self.write_alpha(place, &alpha),
            (Gaps::Mask, Some(mut mask)) => {
                mask.iter_mut().filter(|m| **m > 0).for_each(|m| *m = 255);
                self.write_mask(place, mask)
            }
            (Gaps::Mask, None) => self.write_mask(place, vec![0; size.0 * size.1]),
            _ => Ok(()),
        }
    }

    fn write(
        &mut self,
        number: usize,
        place: ((isize, isize), (usize, usize)),
        raster: &Raster,
    ) -> Result<()> {
        let size = place.1;
        let mut band = self.band(number)?;
        let written = match &raster.samples {
            Samples::U8(values) => {
                let values = self.filled(values, raster, size, f64::from, |v| v as u8);
                band.write(place.0, size, &mut Buffer::new(size, values))
            }
            Samples::F32(values) => {
                let values = self.filled(values, raster, size, f64::from, |v| v as f32);
                band.write(place.0, size, &mut Buffer::new(size, values))
            }
            Samples::F64(values) => {
                let values = self.filled(values, raster, size, |v| v, |v| v);
                band.write(place.0, size, &mut Buffer::new(size, values))
            }
        };
        written.map_err(|e| cannot(&self.name, &e.to_string()))
    }

    /// The part of `values` that is `size`, with what is not there as the file says it.
    fn filled<T: Copy>(
        &self,
        values: &[T],
        raster: &Raster,
        size: (usize, usize),
        to: impl Fn(T) -> f64,
        from: impl Fn(f64) -> T,
    ) -> Vec<T> {
        let mut part = cut(values, raster.width(), size);
        let mask = cut(&raster.mask, raster.width(), size);
        let (hole, avoid) = match self.look.gaps {
            Gaps::Nodata(value) => (from(value), Some(value)),
            _ => (from(0.0), None),
        };
        for (value, mask) in part.iter_mut().zip(mask) {
            if mask == 0 {
                *value = hole;
            } else if let Some(nodata) = avoid {
                let own = to(*value);
                let kept = beside(own, nodata, self.look.sample_type);
                if kept != own {
                    self.moved.set(self.moved.get() + 1);
                    *value = from(kept);
                }
            }
        }
        part
    }

    fn write_alpha(&mut self, place: ((isize, isize), (usize, usize)), alpha: &[u8]) -> Result<()> {
        let whole = whole(self.look.sample_type) / 255.0;
        let values: Vec<f64> = alpha
            .iter()
            .map(|&a| (f64::from(a) * whole).round())
            .collect();
        let mut band = self.band(self.look.bands.len() + 1)?;
        band.write(place.0, place.1, &mut Buffer::new(place.1, values))
            .map_err(|e| cannot(&self.name, &e.to_string()))
    }

    /// Writes into the mask band, which is made when there is first something that is not there.
    fn write_mask(&mut self, place: ((isize, isize), (usize, usize)), mask: Vec<u8>) -> Result<()> {
        if !self.masked {
            if mask.iter().all(|&m| m == 255) {
                let ((col, row), _) = place;
                self.painted.push((col as usize, row as usize));
                return Ok(());
            }
            gdal::config::set_thread_local_config_option("GDAL_TIFF_INTERNAL_MASK", "YES")
                .and_then(|()| self.dataset.rasterband(1)?.create_mask_band(true))
                .map_err(|e| cannot(&self.name, &e.to_string()))?;
            self.masked = true;
            let (columns, rows) = self.dataset.raster_size();
            for (col, row) in std::mem::take(&mut self.painted) {
                let size = (BLOCK_PX.min(columns - col), BLOCK_PX.min(rows - row));
                let whole = vec![255; size.0 * size.1];
                self.put_mask(((col as isize, row as isize), size), whole)?;
            }
        }
        self.put_mask(place, mask)
    }

    fn put_mask(&self, place: ((isize, isize), (usize, usize)), mask: Vec<u8>) -> Result<()> {
        let failed = |e: gdal::errors::GdalError| cannot(&self.name, &e.to_string());
        let first = self.band(1)?;
        let mut band = first.open_mask_band().map_err(failed)?;
        band.write(place.0, place.1, &mut Buffer::new(place.1, mask))
            .map_err(failed)
    }

    /// All that was painted, flushed; and how many valid samples became the value beside nodata.
    pub(super) fn finish(mut self) -> Result<(Dataset, u64)> {
        self.dataset
            .flush_cache()
            .map_err(|e| cannot(&self.name, &e.to_string()))?;
        Ok((self.dataset, self.moved.get()))
    }
}

/// The first columns and rows of values that are `width` wide.
fn cut<T: Copy>(values: &[T], width: usize, size: (usize, usize)) -> Vec<T> {
    values
        .chunks_exact(width)
        .take(size.1)
        .flat_map(|line| &line[..size.0])
        .copied()
        .collect()
}

fn say(band: &mut gdal::raster::RasterBand, facts: &BandFacts) -> gdal::errors::Result<()> {
    if !facts.description.is_empty() {
        band.set_description(&facts.description)?;
    }
    if let Some(scale) = facts.scale.filter(|s| *s != 1.0) {
        band.set_scale(scale)?;
    }
    if let Some(offset) = facts.offset.filter(|o| *o != 0.0) {
        band.set_offset(offset)?;
    }
    // SAFETY: the band is open; the table is copied and destroyed here; the unit lives for the call.
    unsafe {
        let band = band.c_rasterband();
        gdal_sys::GDALSetRasterColorInterpretation(band, facts.interpretation);
        if !facts.palette.is_empty() {
            let table = gdal_sys::GDALCreateColorTable(gdal_sys::GDALPaletteInterp::GPI_RGB);
            for (k, [c1, c2, c3, c4]) in facts.palette.iter().copied().enumerate() {
                let entry = gdal_sys::GDALColorEntry { c1, c2, c3, c4 };
                gdal_sys::GDALSetColorEntry(table, k as c_int, &entry);
            }
            gdal_sys::GDALSetRasterColorTable(band, table);
            gdal_sys::GDALDestroyColorTable(table);
        }
        if let Ok(unit) = CString::new(facts.unit.as_str())
            && !facts.unit.is_empty()
        {
            gdal_sys::GDALSetRasterUnitType(band, unit.as_ptr());
        }
    }
    Ok(())
}

fn create(
    driver: &str,
    path: &str,
    size: (usize, usize),
    n_bands: usize,
    sample_type: SampleType,
    options: RasterCreationOptions,
) -> gdal::errors::Result<Dataset> {
    let driver = DriverManager::get_driver_by_name(driver)?;
    macro_rules! of {
        ($kind:ty) => {
            driver.create_with_band_type_with_options::<$kind, _>(
                path, size.0, size.1, n_bands, &options,
            )
        };
    }
    if let (SampleType::I8, Some(int8)) = (sample_type, int8()) {
        return create_as(int8, &driver, path, size, (n_bands, &options));
    }
    match sample_type {
        SampleType::U8 => of!(u8),
        // GDAL before 3.7 has no type for bytes with a sign; a wider one holds them all.
        SampleType::I8 | SampleType::I16 => of!(i16),
        SampleType::U16 => of!(u16),
        SampleType::U32 => of!(u32),
        SampleType::I32 => of!(i32),
        SampleType::F32 => of!(f32),
        SampleType::F64 => of!(f64),
    }
}

/// GDAL's type of bytes with a sign, if it has one: from 3.7 on.
pub(super) fn int8() -> Option<gdal_sys::GDALDataType::Type> {
    // SAFETY: the name ends with a zero.
    let found = unsafe { gdal_sys::GDALGetDataTypeByName(c"Int8".as_ptr()) };
    (found != gdal_sys::GDALDataType::GDT_Unknown).then_some(found)
}

/// A dataset of a type that the crate does not know.
fn create_as(
    kind: gdal_sys::GDALDataType::Type,
    driver: &gdal::Driver,
    path: &str,
    size: (usize, usize),
    (n_bands, options): (usize, &RasterCreationOptions),
) -> gdal::errors::Result<Dataset> {
    let path = CString::new(path)?;
    let int = |n: usize| c_int::try_from(n);
    // SAFETY: all pointers live until the call returns; the handle is checked, and owned from then on.
    unsafe {
        let handle = gdal_sys::GDALCreate(
            driver.c_driver(),
            path.as_ptr(),
            int(size.0)?,
            int(size.1)?,
            int(n_bands)?,
            kind,
            options.as_ptr(),
        );
        if handle.is_null() {
            return Err(gdal::errors::GdalError::NullPointer {
                method_name: "GDALCreate",
                msg: crate::geo::transform::crs::gdal_message(),
            });
        }
        Ok(Dataset::from_c_dataset(handle))
    }
}

pub(super) fn cannot(name: &str, reason: &str) -> Error {
    let kind = if reason.contains("No space left") {
        Kind::Resources
    } else {
        Kind::Output
    };
    Error::new(kind, format!("{name}: cannot be written ({reason})"))
}
