//! GDAL, PROJ, SQLite: their versions, their data, and what they can read.

use std::ffi::{CStr, CString};

use gdal::spatial_ref::{CoordTransform, SpatialRef};
use gdal::{Driver, DriverManager, Metadata};

use super::Check;
use crate::cli::versions;

/// What is looked at.
pub(super) fn checks() -> Vec<Check> {
    vec![
        Check::well("azulejo", azulejo()),
        gdal_data(),
        proj_data(),
        Check::well("SQLite", rusqlite::version()),
        rasters(),
        codecs(),
        vectors(),
        network(),
    ]
}

/// The version, and what was built in.
fn azulejo() -> String {
    let built_in = [
        ("object stores", cfg!(feature = "object-store")),
        ("avif", cfg!(feature = "avif")),
    ];
    let words = built_in.map(|(name, is_there)| {
        let not = if is_there { "with" } else { "without" };
        format!("{not} {name}")
    });
    format!("{}, {}", versions::AZULEJO, words.join(", "))
}

fn gdal_data() -> Check {
    // A file of GDAL's own data that all versions have.
    let found = find("gdal", "gdalvrt.xsd");
    let version = versions::gdal();
    match found {
        Some(path) => {
            let folder = path.rsplit_once('/').map_or(path.as_str(), |(f, _)| f);
            Check::well("GDAL", format!("{version}, data in {folder}"))
        }
        None => Check::well("GDAL", format!("{version}, without its data"))
            .better("set GDAL_DATA to the folder with gdalvrt.xsd, or install GDAL's data (Debian: gdal-data)"),
    }
}

/// GDAL's own way of finding its files.
fn find(class: &str, name: &str) -> Option<String> {
    let (class, name) = (CString::new(class).ok()?, CString::new(name).ok()?);
    // SAFETY: strings that end with a zero; what comes back is null or one that lives until the next call on this thread.
    unsafe {
        let found = gdal_sys::CPLFindFile(class.as_ptr(), name.as_ptr());
        (!found.is_null()).then(|| CStr::from_ptr(found).to_string_lossy().into_owned())
    }
}

/// Whether coordinates can be transformed, by a system that is only in the database.
fn proj_data() -> Check {
    let version = versions::proj();
    let way = SpatialRef::from_epsg(2056)
        .and_then(|swiss| Ok((swiss, SpatialRef::from_epsg(4326)?)))
        .and_then(|(swiss, degrees)| CoordTransform::new(&swiss, &degrees));
    let variables = ["PROJ_DATA", "PROJ_LIB"];
    let told = variables
        .iter()
        .find_map(|name| Some((name, std::env::var(name).ok()?)));
    match (way, told) {
        (Ok(_), _) => Check::well("PROJ", format!("{version}, knows coordinate systems")),
        (Err(_), Some((name, folder))) => Check::well(
            "PROJ",
            format!("{version}, cannot use the database in {folder}"),
        )
        .needed(format!(
            "unset {name}, or set it to the folder of PROJ {version} with proj.db"
        )),
        (Err(_), None) => Check::well("PROJ", format!("{version}, without its database")).needed(
            "set PROJ_DATA to the folder with proj.db, or install PROJ's data (Debian: proj-data)",
        ),
    }
}

/// Drivers that people have rasters for: GDAL's name, and whether ordinary jobs need it.
const RASTERS: [(&str, bool); 12] = [
    ("GTiff", true),
    ("VRT", true),
    ("MEM", true),
    ("PNG", false),
    ("JPEG", false),
    ("WEBP", false),
    ("JP2OpenJPEG", false),
    ("netCDF", false),
    ("HDF5", false),
    ("HFA", false),
    ("Zarr", false),
    ("GRIB", false),
];

fn rasters() -> Check {
    let is_there = |name: &str| DriverManager::get_driver_by_name(name).is_ok();
    let (there, missing): (Vec<_>, Vec<_>) = RASTERS.iter().partition(|(name, _)| is_there(name));
    let names = |list: &[(&str, bool)]| list.iter().map(|row| row.0).collect::<Vec<_>>().join(" ");
    let check = Check::well("rasters", names(&there));
    let missing_names = names(&missing);
    if missing.iter().any(|(_, is_needed)| *is_needed) {
        return check.needed(format!(
            "this GDAL lacks {missing_names}: install another build of it"
        ));
    }
    if missing.is_empty() {
        return check;
    }
    check.better(format!(
        "this GDAL lacks {missing_names}: files of these formats cannot be read"
    ))
}

/// Compressions of TIFF files.
const CODECS: [&str; 8] = [
    "LZW", "DEFLATE", "JPEG", "ZSTD", "LZMA", "LERC", "WEBP", "JXL",
];

fn codecs() -> Check {
    let options = DriverManager::get_driver_by_name("GTiff")
        .ok()
        .and_then(|driver: Driver| driver.metadata_item("DMD_CREATIONOPTIONLIST", ""))
        .unwrap_or_default();
    let (there, missing): (Vec<&str>, Vec<&str>) = CODECS
        .iter()
        .partition(|name| options.contains(&format!(">{name}<")));
    let check = Check::well("TIFF codecs", there.join(" "));
    if missing.is_empty() {
        return check;
    }
    check.better(format!(
        "TIFF files compressed by {} cannot be read by this GDAL",
        missing.join(" ")
    ))
}

/// Formats of cutlines.
const VECTORS: [&str; 4] = ["GeoJSON", "GPKG", "ESRI Shapefile", "FlatGeobuf"];

fn vectors() -> Check {
    let is_there = |name: &&str| DriverManager::get_driver_by_name(name).is_ok();
    let (there, missing): (Vec<&str>, Vec<&str>) = VECTORS.iter().partition(|name| is_there(name));
    let check = Check::well("cutlines", there.join(", "));
    if missing.is_empty() {
        return check;
    }
    check.better(format!(
        "this GDAL lacks {} for --cutline",
        missing.join(", ")
    ))
}

fn network() -> Check {
    // The driver of what is fetched by HTTP is there when libcurl is built in.
    if DriverManager::get_driver_by_name("HTTP").is_ok() {
        return Check::well("network", "https://, s3://, gs://, az:// can be read");
    }
    Check::well("network", "none")
        .better("this GDAL is built without libcurl: sources must be files here")
}
