//! GDAL's own programs, called as functions: what ours is compared with.

#![allow(dead_code)] // No test calls all of them.

use std::ffi::{CString, c_char, c_int};
use std::path::Path;
use std::ptr;

use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

fn c_args(args: &[&str]) -> (Vec<CString>, Vec<*mut c_char>) {
    let owned: Vec<CString> = args.iter().map(|a| CString::new(*a).unwrap()).collect();
    let pointers = owned
        .iter()
        .map(|a| a.as_ptr().cast_mut())
        .chain([ptr::null_mut()])
        .collect();
    (owned, pointers)
}

/// `gdalwarp` into memory.
pub(crate) fn gdal_warp(source: &Dataset, args: &[&str]) -> Dataset {
    let (_owned, mut argv) = c_args(args);
    // SAFETY: the arguments end with a null and outlive the calls; the handles are checked.
    unsafe {
        let options = gdal_sys::GDALWarpAppOptionsNew(argv.as_mut_ptr(), ptr::null_mut());
        assert!(!options.is_null(), "{args:?}");
        let mut error: c_int = 0;
        let mut handle = source.c_dataset();
        let warped = gdal_sys::GDALWarp(
            c"".as_ptr(),
            ptr::null_mut(),
            1,
            &mut handle,
            options,
            &mut error,
        );
        gdal_sys::GDALWarpAppOptionsFree(options);
        assert!(!warped.is_null(), "gdalwarp {args:?}");
        Dataset::from_c_dataset(warped)
    }
}

/// `source` on the pixels of a place in Web Mercator, west, south, east, north, placed exactly, as floating point: -9999 where
/// there is nothing.
pub(crate) fn warped_onto(
    source: &Dataset,
    place: [f64; 4],
    size: (usize, usize),
    kernel: &str,
) -> Vec<f32> {
    let [west, south, east, north] = place.map(|side| format!("{side:.9}"));
    let (width, height) = (size.0.to_string(), size.1.to_string());
    let args = [
        &["-of", "MEM", "-ot", "Float32", "-dstnodata", "-9999"][..],
        &["-t_srs", "EPSG:3857", "-et", "0", "-r", kernel],
        &["-te", &west, &south, &east, &north],
        &["-ts", &width, &height],
    ];
    let warped = gdal_warp(source, &args.concat());
    let band = warped.rasterband(1).unwrap();
    band.read_as::<f32>((0, 0), size, size, None)
        .unwrap()
        .data()
        .to_vec()
}

/// `gdaldem` of `mode` into memory.
pub(crate) fn gdal_dem(
    source: &Dataset,
    mode: &str,
    colours: Option<&Path>,
    args: &[&str],
) -> Dataset {
    let (_owned, mut argv) = c_args(&[&["-of", "MEM"], args].concat());
    let mode = CString::new(mode).unwrap();
    let colours = colours.map(|path| CString::new(path.to_str().unwrap()).unwrap());
    // SAFETY: as above; strings and handles outlive the calls.
    unsafe {
        let options = gdal_sys::GDALDEMProcessingOptionsNew(argv.as_mut_ptr(), ptr::null_mut());
        assert!(!options.is_null(), "{args:?}");
        let mut error: c_int = 0;
        let made = gdal_sys::GDALDEMProcessing(
            c"".as_ptr(),
            source.c_dataset(),
            mode.as_ptr(),
            colours.as_ref().map_or(ptr::null(), |path| path.as_ptr()),
            options,
            &mut error,
        );
        gdal_sys::GDALDEMProcessingOptionsFree(options);
        assert!(!made.is_null(), "gdaldem {mode:?} {args:?}");
        Dataset::from_c_dataset(made)
    }
}

/// `ogr2ogr` into a file.
pub(crate) fn ogr2ogr(source: &Path, target: &Path, args: &[&str]) {
    let vector = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_VECTOR,
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open_ex(source, vector).unwrap();
    let (_owned, mut argv) = c_args(args);
    let name = CString::new(target.to_str().unwrap()).unwrap();
    let none = ptr::null_mut();
    // SAFETY: as above.
    unsafe {
        let options = gdal_sys::GDALVectorTranslateOptionsNew(argv.as_mut_ptr(), none);
        assert!(!options.is_null(), "{args:?}");
        let (mut error, mut handle): (c_int, _) = (0, dataset.c_dataset());
        let name = name.as_ptr();
        let out =
            gdal_sys::GDALVectorTranslate(name, none.cast(), 1, &mut handle, options, &mut error);
        gdal_sys::GDALVectorTranslateOptionsFree(options);
        assert!(!out.is_null(), "ogr2ogr {args:?}");
        gdal_sys::GDALClose(out);
    }
}

/// `gdal_translate` into a file.
pub(crate) fn gdal_translate(source: &Path, target: &Path, args: &[&str]) {
    let dataset = Dataset::open(source).unwrap();
    let (_owned, mut argv) = c_args(args);
    let name = CString::new(target.to_str().unwrap()).unwrap();
    // SAFETY: as above.
    unsafe {
        let options = gdal_sys::GDALTranslateOptionsNew(argv.as_mut_ptr(), ptr::null_mut());
        let mut error: c_int = 0;
        let out = gdal_sys::GDALTranslate(name.as_ptr(), dataset.c_dataset(), options, &mut error);
        gdal_sys::GDALTranslateOptionsFree(options);
        assert!(!out.is_null(), "gdal_translate {args:?}");
        gdal_sys::GDALClose(out);
    }
}
