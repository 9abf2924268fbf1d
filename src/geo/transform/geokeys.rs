//! Coordinate systems as GeoTIFF names them (OGC 19-008r4): [`of`].
//!
//! Those that EPSG has a code for, which are nearly all, are that code. Of others GDAL knows how their parameters are
//! spelled out; it is asked for an empty file, and whether it finds the same system in it again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use gdal::vsi::{get_vsi_mem_file_bytes_owned, unlink_mem_file};
use gdal::{Dataset, DriverManager};

use super::crs::Crs;
use crate::error::{Error, Result};

/// The three tags of a coordinate system.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GeoKeys {
    /// `GeoKeyDirectory`, tag 34735.
    pub directory: Vec<u16>,
    /// `GeoDoubleParams`, tag 34736; mostly empty.
    pub doubles: Vec<f64>,
    /// `GeoAsciiParams`, tag 34737; mostly empty.
    pub ascii: String,
}

/// From here on codes are not EPSG's: 32767 is "user-defined" (section 7.4).
const CODES_END: u32 = 32_767;

/// The keys of `crs`, for coordinates with x (east, longitude) first, as all are in GeoTIFF, of pixels that are areas.
///
/// # Errors
/// [`Kind::Usage`](crate::error::Kind::Usage) for a system that GeoTIFF has no words for.
pub fn of(crs: &Crs) -> Result<GeoKeys> {
    match code(crs) {
        Some(code) => Ok(coded(crs.is_geographic(), code)),
        None => spelt_out(crs),
    }
}

/// The code for a system of two axes, by EPSG.
fn code(crs: &Crs) -> Option<u16> {
    let degrees = Crs::lon_lat().ok()?;
    let epsg = match crs.epsg() {
        // OGC:CRS84, in which the axes have the order that they always have here.
        None if crs.is_geographic() && same(crs, &degrees) => degrees.epsg(),
        code => code.filter(|&code| code < CODES_END),
    };
    let is_plain = ["GEOGCRS", "PROJCRS"]
        .iter()
        .any(|word| crs.wkt().starts_with(word));
    epsg.filter(|_| is_plain)
        .and_then(|code| code.try_into().ok())
}

/// Version 1.1.0, and three keys in ascending order; of each its number, 0 for a value that stands here, how many, and it.
fn coded(geographic: bool, code: u16) -> GeoKeys {
    let (model, name) = if geographic { (2, 2048) } else { (1, 3072) };
    let rows: [[u16; 4]; 4] = [
        [1, 1, 0, 3],
        // GTModelTypeGeoKey.
        [1024, 0, 1, model],
        // GTRasterTypeGeoKey: pixels are areas.
        [1025, 0, 1, 1],
        // GeodeticCRSGeoKey or ProjectedCRSGeoKey.
        [name, 0, 1, code],
    ];
    GeoKeys {
        directory: rows.concat(),
        ..GeoKeys::default()
    }
}

/// The keys that GDAL writes for `crs`.
fn spelt_out(crs: &Crs) -> Result<GeoKeys> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = PathBuf::from(format!("/vsimem/azulejo-geokeys-{n}.tif"));
    let found = written_by_gdal(crs, &path);
    // Mostly there is no such file any more.
    let _ = unlink_mem_file(&path);
    found.ok_or_else(|| {
        Error::usage(format!(
            "the coordinate system of the tiling scheme ({}): GeoTIFF has no words for it; expected one of EPSG's",
            crs.name()
        ))
        .with_help("another --tiling-scheme, or a format of pictures")
    })
}

fn written_by_gdal(crs: &Crs, path: &std::path::Path) -> Option<GeoKeys> {
    let driver = DriverManager::get_driver_by_name("GTiff").ok()?;
    let srs = crs.spatial_ref().ok()?;
    let mut dataset = driver.create(path, 1, 1, 1).ok()?;
    dataset
        .set_geo_transform(&[0.0, 1.0, 0.0, 0.0, 0.0, -1.0])
        .ok()?;
    dataset.set_spatial_ref(&srs).ok()?;
    dataset.close().ok()?;
    // Where GDAL puts what a TIFF cannot hold.
    let in_tiff = unlink_mem_file(path.with_extension("tif.aux.xml")).is_err();
    let read = Dataset::open(path).and_then(|dataset| dataset.spatial_ref());
    let read = read.ok().and_then(|read| Crs::from_spatial_ref(&read));
    let bytes = get_vsi_mem_file_bytes_owned(path).ok()?;
    if !in_tiff || !read.is_some_and(|read| same(&read, crs)) {
        return None;
    }
    tags(&bytes).filter(|keys| !keys.directory.is_empty())
}

/// Whether both are one system, but for names and the order of axes.
fn same(one: &Crs, other: &Crs) -> bool {
    let (Ok(one), Ok(other)) = (one.spatial_ref(), other.spatial_ref()) else {
        return false;
    };
    let options = [
        c"IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES".as_ptr(),
        std::ptr::null(),
    ];
    // SAFETY: both handles live until the end of the call, and the options end with a null.
    unsafe { gdal_sys::OSRIsSameEx(one.to_c_hsrs(), other.to_c_hsrs(), options.as_ptr()) != 0 }
}

/// The tags of the coordinate system in the first directory of a TIFF with its little end first.
fn tags(tiff: &[u8]) -> Option<GeoKeys> {
    let short = |at: usize| Some(u16::from_le_bytes(*tiff.get(at..)?.first_chunk()?));
    let long = |at: usize| Some(u32::from_le_bytes(*tiff.get(at..)?.first_chunk()?) as usize);
    if !tiff.starts_with(b"II*\0") {
        return None;
    }
    let start = long(4)?;
    let mut keys = GeoKeys::default();
    for k in 0..usize::from(short(start)?) {
        let field = start + 2 + 12 * k;
        // All three are longer than what has room in a field.
        let (n, at) = (long(field + 4)?, long(field + 8)?);
        match short(field)? {
            34735 => {
                let shorts = (0..n).map(|k| short(at + 2 * k));
                keys.directory = shorts.collect::<Option<_>>()?;
            }
            34736 => {
                let bytes = tiff.get(at..at + 8 * n)?.as_chunks::<8>().0;
                keys.doubles = bytes.iter().map(|b| f64::from_le_bytes(*b)).collect();
            }
            34737 => {
                let text = std::str::from_utf8(tiff.get(at..at + n)?).ok()?;
                keys.ascii = text.trim_end_matches('\0').to_owned();
            }
            _ => {}
        }
    }
    Some(keys)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    fn keys(crs: &str) -> GeoKeys {
        of(&Crs::parse(crs).unwrap()).unwrap()
    }

    #[test]
    fn systems_of_epsg_are_their_codes() {
        for (crs, model, name, code) in [
            ("EPSG:3857", 1, 3072, 3857),
            ("EPSG:32632", 1, 3072, 32632),
            ("EPSG:2193", 1, 3072, 2193),
            ("EPSG:4326", 2, 2048, 4326),
            ("OGC:CRS84", 2, 2048, 4326),
        ] {
            let expected = [
                1, 1, 0, 3, 1024, 0, 1, model, 1025, 0, 1, 1, name, 0, 1, code,
            ];
            assert_eq!(keys(crs).directory, expected, "{crs}");
            assert!(keys(crs).doubles.is_empty() && keys(crs).ascii.is_empty());
        }
    }

    #[test]
    fn other_systems_are_spelt_out() {
        let albers = keys("+proj=aea +lat_1=20 +lat_2=50 +lat_0=40 +lon_0=-96 +datum=NAD83");
        // ProjectedCRSGeoKey is user-defined.
        let rows = albers.directory.as_chunks::<4>().0;
        assert!(rows.contains(&[3072, 0, 1, 32767]), "{rows:?}");
        assert!(albers.doubles.contains(&-96.0), "{:?}", albers.doubles);
        // A height does not keep the rest from being told.
        assert!(!keys("EPSG:7405").directory.is_empty());
    }

    #[test]
    fn what_geotiff_cannot_say_is_refused_with_a_way_out() {
        let oblique = "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +datum=WGS84 +type=crs";
        let error = of(&Crs::parse(oblique).unwrap()).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Usage);
        assert!(error.help().is_some());
    }
}
