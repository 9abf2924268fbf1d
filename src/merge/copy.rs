//! From a finished canvas to the file that is asked for: [`write`].

use std::ffi::{CStr, CString, c_char, c_double, c_int, c_void};
use std::path::Path;
use std::ptr;

use gdal::{Dataset, DriverManager};

use super::canvas::cannot;
use super::{BLOCK_PX, Compression, FileKind, FileOptions, Look};
use crate::error::{Error, Result};
use crate::geo::transform::crs::gdal_message;
use crate::raster::SampleType;

/// What GDAL calls while it copies: how far it is, 0 to 1.
struct Watch<'a> {
    tick: &'a mut dyn FnMut(f64) -> Result<()>,
    stopped: Option<Error>,
}

/// Copies `canvas` to `path`. `name` is what the output is called in messages; `tick` hears how much is done, from 0 to 1, and
/// may stop it.
pub(super) fn write(
    canvas: &Dataset,
    path: &Path,
    name: &str,
    options: &FileOptions,
    tick: &mut dyn FnMut(f64) -> Result<()>,
) -> Result<()> {
    let driver_name = match options.kind {
        FileKind::Cog => "COG",
        FileKind::GeoTiff => "GTiff",
    };
    let driver =
        DriverManager::get_driver_by_name(driver_name).map_err(|e| cannot(name, &e.to_string()))?;
    let path = path.to_str().and_then(|path| CString::new(path).ok());
    let path =
        path.ok_or_else(|| Error::output(name, "a name that is not UTF-8; expected one that is"))?;
    let words: Vec<CString> = creation_options(options)
        .into_iter()
        .map(|word| CString::new(word).expect("our own words have no zero bytes"))
        .collect();
    let mut list: Vec<*mut c_char> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
    list.push(ptr::null_mut());
    // What a TIFF cannot hold would go into a file beside it, under the temporary's name. All that we say, it can.
    let _quiet = WithoutSidecar::begin().map_err(|e| cannot(name, &e.to_string()))?;
    let mut watch = Watch {
        tick,
        stopped: None,
    };
    // SAFETY: all pointers live until the call returns; the list ends with null and is only read; `hear` gets `watch` back.
    let copy = unsafe {
        gdal_sys::CPLErrorReset();
        gdal_sys::GDALCreateCopy(
            driver.c_driver(),
            path.as_ptr(),
            canvas.c_dataset(),
            0,
            list.as_mut_ptr(),
            Some(hear),
            ptr::from_mut(&mut watch).cast(),
        )
    };
    if let Some(stopped) = watch.stopped {
        if !copy.is_null() {
            // SAFETY: made above, closed once.
            unsafe { gdal_sys::GDALClose(copy) };
        }
        return Err(stopped);
    }
    if copy.is_null() {
        return Err(cannot(name, &gdal_message()));
    }
    // What is written when it is closed can fail too, and only says so.
    // SAFETY: made above, closed once.
    let failed = unsafe {
        gdal_sys::CPLErrorReset();
        gdal_sys::GDALClose(copy);
        gdal_sys::CPLGetLastErrorType() >= gdal_sys::CPLErr::CE_Failure
    };
    if failed {
        return Err(cannot(name, &gdal_message()));
    }
    Ok(())
}

/// While it lives, GDAL writes no `.aux.xml` on this thread.
struct WithoutSidecar;

impl WithoutSidecar {
    fn begin() -> gdal::errors::Result<Self> {
        gdal::config::set_thread_local_config_option("GDAL_PAM_ENABLED", "NO").map(|()| Self)
    }
}

impl Drop for WithoutSidecar {
    fn drop(&mut self) {
        // It can only fail for names with zero bytes.
        let _ = gdal::config::clear_thread_local_config_option("GDAL_PAM_ENABLED");
    }
}

unsafe extern "C" fn hear(done: c_double, _: *const c_char, watch: *mut c_void) -> c_int {
    // SAFETY: the pointer is the one that `write` gave, and nobody else uses it meanwhile.
    let watch = unsafe { &mut *watch.cast::<Watch>() };
    if watch.stopped.is_none() {
        watch.stopped = (watch.tick)(done).err();
    }
    c_int::from(watch.stopped.is_none())
}

fn creation_options(options: &FileOptions) -> Vec<String> {
    let mut words = vec![
        format!("COMPRESS={}", options.compression.gdal_name()),
        format!("NUM_THREADS={}", options.jobs),
        "BIGTIFF=IF_SAFER".into(),
    ];
    if options.compression.predicts() {
        words.push(match options.kind {
            FileKind::Cog => "PREDICTOR=YES".into(),
            FileKind::GeoTiff => format!("PREDICTOR={}", if options.floats { 3 } else { 2 }),
        });
    }
    match options.kind {
        FileKind::Cog => {
            words.push(format!("BLOCKSIZE={BLOCK_PX}"));
            let kernel = if options.classes {
                "NEAREST"
            } else {
                "AVERAGE"
            };
            words.push(format!("OVERVIEW_RESAMPLING={kernel}"));
        }
        FileKind::GeoTiff => {
            words.push("TILED=YES".into());
            words.push(format!("BLOCKXSIZE={BLOCK_PX}"));
            words.push(format!("BLOCKYSIZE={BLOCK_PX}"));
        }
    }
    words
}

impl Compression {
    /// Whether differences between neighbours may be stored instead of samples.
    fn predicts(self) -> bool {
        matches!(self, Self::Deflate | Self::Lzw | Self::Zstd)
    }

    fn gdal_name(self) -> String {
        let row = Self::NAMES.iter().find(|row| row.1 == self);
        row.map_or("none", |row| row.0).to_uppercase()
    }

    /// Whether it is for such bands, and this GDAL can do it.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when it is not or cannot.
    pub(super) fn check(self, look: &Look) -> Result<()> {
        let (numbers, told): (&[usize], _) = match self {
            Self::Jpeg => (&[1, 3], "1 or 3"),
            Self::Webp => (&[3], "3"),
            _ => (&[], ""),
        };
        let palette = look.bands.iter().any(|band| !band.palette.is_empty());
        let fits =
            numbers.contains(&look.bands.len()) && look.sample_type == SampleType::U8 && !palette;
        if self.is_lossy() && !fits {
            return Err(Error::usage(format!(
                "--compress {}: {} bands of {}{}; expected {told} of Byte without a palette",
                self.gdal_name().to_lowercase(),
                look.bands.len(),
                look.stored_as(),
                if palette { " with a palette" } else { "" },
            ))
            .with_help("--compress deflate, or -b with other bands"));
        }
        let driver = DriverManager::get_driver_by_name("GTiff")
            .map_err(|e| Error::internal(format!("no driver for GeoTIFF ({e})")))?;
        // SAFETY: the driver lives as long as the program, and the names end with zeros.
        let list = unsafe {
            gdal_sys::GDALGetMetadataItem(
                driver.c_driver(),
                c"DMD_CREATIONOPTIONLIST".as_ptr(),
                ptr::null(),
            )
        };
        let known = if list.is_null() {
            String::new()
        } else {
            // SAFETY: not null, and ends with a zero.
            unsafe { CStr::from_ptr(list) }
                .to_string_lossy()
                .into_owned()
        };
        if known.contains(&format!(">{}<", self.gdal_name())) {
            return Ok(());
        }
        Err(Error::usage(format!(
            "--compress {}: this GDAL is built without it",
            self.gdal_name().to_lowercase()
        ))
        .with_help("--compress deflate"))
    }
}
