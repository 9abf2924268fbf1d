//! Products of Sentinel-2 in ESA's SAFE format, as folders or zipped: [`scenes`].
//!
//! ```text
//! S2B_MSIL2A_….SAFE/
//!     MTD_MSIL2A.xml
//!     GRANULE/L2A_T32TLS_…/IMG_DATA/
//!         R10m/T32TLS_…_B04_10m.jp2     level 2A: a folder for each resolution
//!         R20m/T32TLS_…_B04_20m.jp2
//!         T32TLS_…_B04.jp2              level 1C: all in one
//! ```
//!
//! GDAL's own driver puts bands together at a fixed resolution. Here the JP2 files are opened, the finest of each band, and
//! brought to one grid when they are read.

use std::path::Path;

use super::gdal::{list, read_text, vsi_path};
use super::stack::scene::{BandFile, Scene};
use crate::error::{Error, Result};

/// Where a product says what it is.
const METADATA: [&str; 2] = ["MTD_MSIL1C.xml", "MTD_MSIL2A.xml"];

/// Folders of a granule's pictures, the finest first, and the metres of a pixel there.
const RESOLUTIONS: [(&str, u32); 3] = [("R10m", 10), ("R20m", 20), ("R60m", 60)];

/// The metres of a pixel of each band where it is finest, of those that products of level 2A have.
const FINEST: [(u32, &[&str]); 3] = [
    (10, &["B02", "B03", "B04", "B08", "TCI", "AOT", "WVP"]),
    (20, &["B05", "B06", "B07", "B8A", "B11", "B12", "SCL"]),
    // Since 2022 B01 is there at 20 m, too.
    (60, &["B01", "B09"]),
];

/// What a file's name may end with behind the band's.
const ENDINGS: [&str; 3] = ["_10m", "_20m", "_60m"];

/// The most that is read of a product's metadata; they have some 50 kB.
const MOST_METADATA_BYTES: usize = 1 << 20;

/// The scenes of the product at `name`: its folder, the file of its metadata, or a zip file that has one or more in it; on
/// disk or anywhere GDAL reads. A scene for each granule, sorted by name. `None` when it is no product of Sentinel-2.
///
/// # Errors
/// [`Kind::Input`](crate::error::Kind::Input) for products of the format used until 2016, and for ones without pictures.
pub fn scenes(name: &str) -> Option<Result<Vec<Scene>>> {
    let roots = roots(name);
    if roots.is_empty() {
        return None;
    }
    let several = roots.len() > 1;
    let all = roots.iter().map(|root| {
        let title = match root.rsplit_once('/') {
            Some((_, product)) if several => format!("{name}/{product}"),
            _ => name.to_owned(),
        };
        granules(&title, root)
    });
    Some(all.collect::<Result<Vec<_>>>().map(|all| all.concat()))
}

/// Whether `path` is a product, or a zip file with products in it.
pub fn is_product(path: &Path) -> bool {
    path.to_str().is_some_and(|path| !roots(path).is_empty())
}

fn is_root(names: &[String]) -> bool {
    names
        .iter()
        .any(|name| METADATA.contains(&name.as_str()) || is_old(name))
}

/// Whether `name` is that of the metadata of a product of the format used until 2016.
fn is_old(name: &str) -> bool {
    name.ends_with(".xml") && (name.contains("_MTD_SAFL1C_") || name.contains("_MTD_SAFL2A_"))
}

/// The folders of the products that `name` stands for, as GDAL calls them.
fn roots(name: &str) -> Vec<String> {
    let path = vsi_path(name.trim_end_matches('/'));
    let (folder, file) = path.rsplit_once('/').unwrap_or((".", &path));
    let ending = file.rsplit('.').next().unwrap_or_default().to_lowercase();
    let zipped = || match path.starts_with("/vsizip/") {
        true => path.clone(),
        false => format!("/vsizip/{path}"),
    };
    if METADATA.contains(&file) || is_old(file) {
        return vec![folder.to_owned()];
    }
    match ending.as_str() {
        "zip" => {
            let base = zipped();
            let names = list(&base);
            if is_root(&names) {
                return vec![base];
            }
            let inner = names.iter().map(|name| format!("{base}/{name}"));
            let safe = inner.filter(|inner| inner.to_lowercase().ends_with(".safe"));
            safe.filter(|inner| is_root(&list(inner))).collect()
        }
        "safe" => Some(path.clone())
            .filter(|path| is_root(&list(path)))
            .into_iter()
            .collect(),
        // Renamed, but a product all the same.
        _ if Path::new(&path).is_dir() && is_root(&list(&path)) => vec![path],
        _ => Vec::new(),
    }
}

/// The scenes of the product in the folder `root`, which is called `name`.
fn granules(name: &str, root: &str) -> Result<Vec<Scene>> {
    let names = list(root);
    let Some(metadata) = names.iter().find(|name| METADATA.contains(&name.as_str())) else {
        let found = "a Sentinel-2 product of the format used until 2016; expected one with MTD_MSIL1C.xml or MTD_MSIL2A.xml";
        return Err(Error::input(name, found).with_help(
            "name the JP2 files in its GRANULE folders, with --stack '{scene}_{band}.jp2'",
        ));
    };
    let text = read_text(&format!("{root}/{metadata}"), MOST_METADATA_BYTES);
    let nodata = text.as_deref().and_then(nodata).unwrap_or(0.0);
    let folder = format!("{root}/GRANULE");
    let granules = list(&folder);
    let several = granules.len() > 1;
    let mut scenes = Vec::new();
    for granule in &granules {
        let bands = bands(&format!("{folder}/{granule}/IMG_DATA"));
        if !bands.is_empty() {
            let name = if several {
                format!("{name}/{granule}")
            } else {
                name.to_owned()
            };
            scenes.push(Scene {
                name,
                bands,
                nodata: Some(nodata),
            });
        }
    }
    if scenes.is_empty() {
        let found =
            "a Sentinel-2 product without pictures; expected JP2 files in GRANULE/*/IMG_DATA";
        return Err(Error::input(name, found));
    }
    Ok(scenes)
}

/// The finest file of each band in `folder`, a granule's `IMG_DATA`.
fn bands(folder: &str) -> Vec<BandFile> {
    let inner = RESOLUTIONS.map(|(name, metres)| (format!("{folder}/{name}"), Some(metres)));
    let folders = [(folder.to_owned(), None)].into_iter().chain(inner);
    let mut bands: Vec<BandFile> = Vec::new();
    for (folder, metres) in folders {
        for file in list(&folder) {
            let Some(name) = band_of(&file) else { continue };
            if bands.iter().all(|band| band.name != name) {
                let path = format!("{folder}/{file}");
                bands.push(BandFile {
                    name: name.to_owned(),
                    path,
                    coarser: metres.and_then(|metres| coarser(name, metres)),
                });
            }
        }
    }
    bands.sort_by(|a, b| a.name.cmp(&b.name));
    bands
}

/// The metres of a pixel that `band` should have and those it has, if these are more.
fn coarser(band: &str, metres: u32) -> Option<(u32, u32)> {
    let (finest, _) = FINEST.iter().find(|(_, bands)| bands.contains(&band))?;
    (*finest < metres).then_some((*finest, metres))
}

/// `B04` of `T32TLS_20220618T102559_B04_10m.jp2`.
fn band_of(file: &str) -> Option<&str> {
    let stem = file.strip_suffix(".jp2")?;
    let stem = ENDINGS
        .iter()
        .find_map(|ending| stem.strip_suffix(ending))
        .unwrap_or(stem);
    let (_, band) = stem.rsplit_once('_')?;
    (!band.is_empty()).then_some(band)
}

/// The value that `metadata` gives as that of pixels without data:
///
/// ```text
/// <Special_Values>
///     <SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>
///     <SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
/// </Special_Values>
/// ```
fn nodata(metadata: &str) -> Option<f64> {
    let (_, after) = metadata.split_once("<SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>")?;
    let (_, after) = after.split_once("<SPECIAL_VALUE_INDEX>")?;
    let (value, _) = after.split_once('<')?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_named_by_their_files() {
        let check = |file, expected| assert_eq!(band_of(file), expected, "{file}");
        check("T32TLS_20220618T102559_B04.jp2", Some("B04"));
        check("T32TLS_20220618T102559_B8A_20m.jp2", Some("B8A"));
        check("L2A_T32TLS_20170618T102559_TCI_10m.jp2", Some("TCI"));
        check("T32TLS_20220618T102559_B04_10m.jp2.aux.xml", None);
        check("B04.jp2", None);
    }

    #[test]
    fn nodata_is_what_the_metadata_say() {
        let text = "<Special_Values>\n<SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>\n\
                    <SPECIAL_VALUE_INDEX>7</SPECIAL_VALUE_INDEX></Special_Values>\
                    <SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT>\
                    <SPECIAL_VALUE_INDEX>65535</SPECIAL_VALUE_INDEX>";
        assert_eq!(nodata(text), Some(7.0));
        assert_eq!(nodata("<x/>"), None);
    }
}
