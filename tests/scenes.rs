//! Scenes put together from files of single bands, by pattern and as products of Sentinel-2: with GDAL as the witness, and
//! with files that hold the same in another form.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test that cannot go on panics.

mod oracle;
mod program;
mod rasters;
mod skip;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};

use azulejo::mosaic::manifest;
use azulejo::mosaic::scenes;
use azulejo::raster::kernel::Resampling;
use azulejo::raster::{Raster, SampleType};
use azulejo::source::Source;
use azulejo::source::gdal::{BandChoice, BandId, GdalSource, OpenOptions, init};
use gdal::{Dataset, DriverManager, Metadata};
use image::DynamicImage;
use tempfile::TempDir;

use self::oracle::{gdal_translate, gdal_warp};
use self::rasters::{fixture, shared};

struct Desk(TempDir);

struct Run {
    code: i32,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        init();
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Run {
        let output = program::output(&mut program::program(self.0.path(), args));
        Run {
            code: output.status.code().unwrap_or(-1),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The tiles that `azulejo tile` makes of these arguments, by their place.
    #[track_caller]
    fn bake(&self, args: &[&str]) -> BTreeMap<String, Vec<u8>> {
        // Samples as they are, of 16 bits where the files have them.
        let how = ["-o", "out", "--overwrite", "--rescale", "none"];
        let run = self.run(&[&["tile"], args, &how].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let mut tiles = BTreeMap::new();
        collect(&self.path("out"), "", &mut tiles);
        assert!(!tiles.is_empty());
        tiles
    }

    #[track_caller]
    fn fails(&self, args: &[&str], code: i32, said: &[&str]) {
        let run = self.run(&[&["tile"], args, &["-o", "none"]].concat());
        assert_eq!(run.code, code, "{}", run.stderr);
        for said in said {
            assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
        }
        assert!(!self.path("none").exists());
    }
}

fn collect(folder: &Path, place: &str, tiles: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let place = format!("{place}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &place, tiles);
        } else if place.ends_with(".png") {
            tiles.insert(place, fs::read(path).unwrap());
        }
    }
}

/// `gdal_translate`, without a file of metadata beside the new one.
fn translate(source: &Path, target: &Path, args: &str) {
    gdal_translate(source, target, &args.split_whitespace().collect::<Vec<_>>());
    let _ = fs::remove_file(format!("{}.aux.xml", target.display()));
}

/// `gdalwarp -et 0` into memory.
fn warp(source: &Path, args: &str) -> Vec<f64> {
    let all = format!("-of MEM -et 0 {args}");
    let source = Dataset::open(source).unwrap();
    let warped = gdal_warp(&source, &all.split_whitespace().collect::<Vec<_>>());
    let band = warped.rasterband(1).unwrap();
    let read = band.read_as::<f64>((0, 0), band.size(), band.size(), None);
    read.unwrap().data().to_vec()
}

/// Writes the file at `source` into a zip file, as `name`.
fn zip(archive: &Path, name: &str, source: &Path) {
    let path = format!("/vsizip/{}/{name}", archive.display());
    let path = CString::new(path).unwrap();
    let bytes = fs::read(source).unwrap();
    // SAFETY: the strings end with nulls, the handle is checked and closed once.
    unsafe {
        let file = gdal_sys::VSIFOpenL(path.as_ptr(), c"wb".as_ptr());
        assert!(!file.is_null());
        let n = gdal_sys::VSIFWriteL(bytes.as_ptr().cast(), 1, bytes.len() as _, file);
        assert_eq!(n as usize, bytes.len());
        assert_eq!(gdal_sys::VSIFCloseL(file), 0);
    }
}

/// Writes all of a product into a zip file.
fn zip_all(desk: &Desk, product: &str, archive: &str) {
    let all = desk.path(&format!("{product}/**/*"));
    for path in glob::glob(all.to_str().unwrap()).unwrap() {
        let path = path.unwrap();
        if path.is_file() {
            let name = path.strip_prefix(desk.0.path()).unwrap();
            zip(&desk.path(archive), name.to_str().unwrap(), &path);
        }
    }
}

/// A band of the fixture, with part of its black collar, on the grid of a Sentinel-2 tile in pixels of `metres`.
fn write_band(target: &Path, metres: usize, band: usize, more: &str) {
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    let n = 3600 / metres;
    let driver = if target.extension().unwrap() == "jp2" {
        "-of JP2OpenJPEG -co REVERSIBLE=YES -co QUALITY=100"
    } else {
        "-of GTiff"
    };
    let args = format!(
        "{driver} -b {band} -srcwin 60 60 360 360 -outsize {n} {n} -r average -a_srs EPSG:32632 \
         -a_ullr 399960 5200020 403560 5196420 -a_nodata none {more}"
    );
    translate(&fixture("RGB.byte.tif"), target, &args);
}

const SIXTEEN_BITS: &str = "-ot UInt16 -scale 0 255 0 10200";

const METADATA: &str = "<?xml version=\"1.0\"?>\n<n1:Level_User_Product><n1:General_Info><Product_Image_Characteristics>\
    <Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>\
    </Special_Values><Special_Values><SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT>\
    <SPECIAL_VALUE_INDEX>65535</SPECIAL_VALUE_INDEX></Special_Values>\
    </Product_Image_Characteristics></n1:General_Info></n1:Level_User_Product>";

const L1C: &str = "S2B_MSIL1C_20220618T102559_N0400_R108_T32TLS_20220618T123043.SAFE";
const L2A: &str = "S2B_MSIL2A_20220618T102559_N0400_R108_T32TLS_20220618T135630.SAFE";

/// Products of both levels, laid out as ESA's. `false` when this GDAL does not write JPEG 2000.
fn write_products(desk: &Desk) -> bool {
    let writes = DriverManager::get_driver_by_name("JP2OpenJPEG").is_ok();
    if !writes {
        skip::skipped("this GDAL has no JP2OpenJPEG driver");
        return false;
    }
    let stem = "T32TLS_20220618T102559";
    let folder = format!("{L2A}/GRANULE/L2A_T32TLS_A027590_20220618T102601/IMG_DATA");
    for (metres, bands) in [
        (10, "B02 B03 B04 B08"),
        (20, "B02 B03 B04 B05 B8A SCL"),
        (60, "B01 B02 B03 B04 B05 B8A"),
    ] {
        for (k, band) in bands.split(' ').enumerate() {
            let name = format!("{folder}/R{metres}m/{stem}_{band}_{metres}m.jp2");
            write_band(&desk.path(&name), metres, k % 3 + 1, SIXTEEN_BITS);
        }
        let name = format!("{folder}/R{metres}m/{stem}_TCI_{metres}m.jp2");
        write_band(&desk.path(&name), metres, 1, "-b 2 -b 3");
    }
    fs::write(desk.path(L2A).join("MTD_MSIL2A.xml"), METADATA).unwrap();
    let folder = format!("{L1C}/GRANULE/L1C_T32TLS_A027590_20220618T102601/IMG_DATA");
    for (metres, bands) in [(60, "B01"), (10, "B02 B03 B04 B08"), (20, "B05 B8A")] {
        for (k, band) in bands.split(' ').enumerate() {
            let name = format!("{folder}/{stem}_{band}.jp2");
            write_band(&desk.path(&name), metres, k % 3 + 1, SIXTEEN_BITS);
        }
    }
    write_band(
        &desk.path(&format!("{folder}/{stem}_TCI.jp2")),
        10,
        1,
        "-b 2 -b 3",
    );
    fs::write(desk.path(L1C).join("MTD_MSIL1C.xml"), METADATA).unwrap();
    true
}

/// The file of a band in a product of [`write_products`].
fn jp2(desk: &Desk, product: &str, band: &str) -> String {
    let found = glob::glob(
        desk.path(&format!("{product}/GRANULE/*/IMG_DATA/**/*_{band}*.jp2"))
            .to_str()
            .unwrap(),
    );
    let found = found.unwrap().next().unwrap().unwrap();
    found.to_str().unwrap().to_owned()
}

/// All of the one scene that `names` and `pattern` make, its bands brought together by `resampling`.
fn read(names: &[String], pattern: Option<&str>, bands: &str, resampling: Resampling) -> Raster {
    let manifest = manifest::expand(names, &mut std::io::empty()).unwrap();
    let pattern = pattern.map(|pattern| pattern.parse().unwrap());
    let items = scenes::items(&manifest, pattern.as_ref()).unwrap().items;
    assert_eq!(items.len(), 1);
    let options = OpenOptions {
        bands: Some(BandChoice {
            colour: bands
                .split(',')
                .map(|name| BandId::Name(name.into()))
                .collect(),
            alpha: false,
        }),
        ..OpenOptions::default()
    };
    let opened = items[0].open(&options, resampling).unwrap();
    let source = opened.over(&|source| source).unwrap();
    whole(source.as_ref())
}

fn whole(source: &dyn Source) -> Raster {
    source.read(0, source.info().levels[0].whole()).unwrap()
}

fn picture(png: &[u8]) -> DynamicImage {
    image::load_from_memory(png).unwrap()
}

#[test]
fn three_files_make_the_picture_that_one_file_has() {
    let Some(folder) = shared("multispectral") else {
        return;
    };
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let desk = Desk::new();
    // With nodata they differ: the one file has pixels of which only some bands are 0.
    let same = ["-z", "6-9", "--nodata", "none"];
    let one = desk.bake(&[&[file("l8_rgb.tif").as_str()], &same[..]].concat());
    let bands = ["l8_blue.tif", "l8_red.tif", "l8_green.tif"].map(file);
    let names = bands.each_ref().map(String::as_str);
    for choice in [&[][..], &["-b", "red,green,blue"]] {
        let pattern = ["--stack", "{scene}_{band}.tif"];
        let three = desk.bake(&[&names[..], &pattern, &same, choice].concat());
        assert!(one.keys().eq(three.keys()));
        for (place, tile) in &one {
            let (a, b) = (
                picture(tile).to_rgba16(),
                picture(&three[place]).to_rgba16(),
            );
            for (a, b) in a.pixels().zip(b.pixels()) {
                let near = (0..3).all(|k| a.0[k].abs_diff(b.0[k]) <= 1);
                assert!(near && a.0[3] == b.0[3], "{place}: {a:?} {b:?}");
            }
        }
    }
    let open = |path: &str| whole(&GdalSource::open(path, &OpenOptions::default()).unwrap());
    let (rgb, alone) = (
        open(&file("l8_rgb.tif")),
        bands.each_ref().map(|path| open(path)),
    );
    let raster = read(
        &bands,
        Some("{scene}_{band}.tif"),
        "red,green,blue",
        Resampling::Cubic,
    );
    let mut n_there = 0;
    for (i, mask) in raster.mask.iter().enumerate() {
        let values = |of: &Raster| [0, 1, 2].map(|k| of.samples.get(i * 3 + k));
        let (ours, theirs) = (values(&raster), values(&rgb));
        let all = alone.iter().all(|band| band.mask[i] == 255);
        assert_eq!(*mask == 255, all, "{i}");
        n_there += usize::from(*mask == 255);
        let near = ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() <= 1.0);
        assert!(near || *mask == 0, "{i}: {ours:?} {theirs:?}");
    }
    assert_eq!(n_there, 255 * 259 - 19952);
}

#[test]
fn coarser_bands_come_as_gdalwarp_brings_them() {
    let desk = Desk::new();
    let pixels = [("B04", 10), ("B05", 20), ("B01", 60)];
    for (k, (band, metres)) in pixels.into_iter().enumerate() {
        let path = desk.path(&format!("s_{band}.tif"));
        write_band(&path, metres, k + 1, &format!("{SIXTEEN_BITS} -a_nodata 0"));
    }
    let names = [desk.path("*.tif").to_str().unwrap().to_owned()];
    for (resampling, word) in [
        (Resampling::Nearest, "near"),
        (Resampling::Bilinear, "bilinear"),
        (Resampling::Cubic, "cubic"),
        (Resampling::CubicSpline, "cubicspline"),
        (Resampling::Lanczos, "lanczos"),
    ] {
        let raster = read(
            &names,
            Some("{scene}_{band}.tif"),
            "B04,B05,B01",
            resampling,
        );
        assert_eq!((raster.width(), raster.height()), (360, 360));
        let theirs = pixels.map(|(band, _)| {
            let args = format!(
                "-r {word} -te 399960 5196420 403560 5200020 -ts 360 360 -dstnodata -1 -ot Float64"
            );
            warp(&desk.path(&format!("s_{band}.tif")), &args)
        });
        let (mut n, mut sum, mut most, mut n_masks) = (0, 0.0, 0.0_f64, 0);
        for i in 0..360 * 360 {
            let there = theirs.iter().all(|band| band[i] != -1.0);
            if there != (raster.mask[i] == 255) {
                n_masks += 1;
            } else if there {
                for (k, band) in theirs.iter().enumerate() {
                    let off = (raster.samples.get(i * 3 + k) - band[i].clamp(0.0, 65535.0)).abs();
                    (n, sum, most) = (n + 1, sum + off, most.max(off));
                }
            }
        }
        let mean = sum / f64::from(n);
        println!("{word}: {n} samples, mean {mean}, most {most}, {n_masks} masks");
        assert!(n > 200_000, "{word}");
        assert_eq!(n_masks, 0, "{word}");
        assert!(
            mean < 0.5 && most < 20.0,
            "{word}: mean {mean}, most {most}"
        );
    }
}

#[test]
fn a_product_is_shown_in_true_colours() {
    let desk = Desk::new();
    if !write_products(&desk) {
        return;
    }
    for product in [L1C, L2A] {
        let tiles = desk.bake(&[product]);
        let file = jp2(&desk, product, "TCI");
        assert_eq!(tiles, desk.bake(&[&file, "--nodata", "0"]), "{product}");
        let colours = tiles.values().map(|tile| picture(tile).color());
        assert!(colours.clone().all(|colour| colour.bits_per_pixel() <= 32));
        // The collar is not there, unless somebody says so.
        assert_ne!(tiles, desk.bake(&[product, "--nodata", "none"]));
        let metadata = if product == L1C {
            "MTD_MSIL1C.xml"
        } else {
            "MTD_MSIL2A.xml"
        };
        assert_eq!(tiles, desk.bake(&[&format!("{product}/{metadata}")]));
    }
}

#[test]
fn a_product_gives_bands_by_name() {
    let desk = Desk::new();
    if !write_products(&desk) {
        return;
    }
    for product in [L1C, L2A] {
        let tiles = desk.bake(&[product, "-b", "B04,B03,B02"]);
        assert!(
            tiles
                .values()
                .all(|tile| picture(tile).color().bits_per_pixel() >= 48)
        );
        assert_eq!(
            tiles,
            desk.bake(&[
                product,
                "-b",
                "red,GREEN,b2",
                "-j",
                "1",
                "--memory",
                "128MiB"
            ])
        );
        // The same three files by a pattern, and all of one resolution.
        let files = ["B02", "B03", "B04"].map(|band| jp2(&desk, product, band));
        let files = files.each_ref().map(String::as_str);
        let pattern = if product == L1C {
            "{scene}_{band}.jp2"
        } else {
            "{scene}_{band}_10m.jp2"
        };
        let by_pattern = [&files[..], &["--stack", pattern, "--nodata", "0"]].concat();
        assert_eq!(tiles, desk.bake(&by_pattern), "{product}");
        desk.fails(&[product, "-b", "B11"], 3, &[product, "no band B11", "B8A"]);
        // Of mixed resolutions, as GDAL brings them together.
        let raster = read(
            &[desk.path(product).to_str().unwrap().to_owned()],
            None,
            "B8A,B04,B01",
            Resampling::Bilinear,
        );
        assert_eq!(
            (raster.width(), raster.sample_type()),
            (360, SampleType::U16)
        );
        let theirs = ["B8A", "B04", "B01"].map(|band| {
            let args = "-r bilinear -te 399960 5196420 403560 5200020 -ts 360 360 -srcnodata 0 -dstnodata -1 -ot Float64";
            warp(Path::new(&jp2(&desk, product, band)), args)
        });
        for i in 0..360 * 360 {
            let there = theirs.iter().all(|band| band[i] != -1.0);
            assert_eq!(there, raster.mask[i] == 255, "{i}");
            for (k, band) in theirs.iter().enumerate().filter(|_| there) {
                assert!(
                    (raster.samples.get(i * 3 + k) - band[i]).abs() < 20.0,
                    "{i}"
                );
            }
        }
    }
}

#[test]
fn a_product_may_be_zipped_and_lie_among_others() {
    let desk = Desk::new();
    if !write_products(&desk) {
        return;
    }
    zip_all(&desk, L2A, "product.zip");
    for choice in [&[][..], &["-b", "B8A"], &["-b", "B8A,B04,B01"]] {
        let folder = desk.bake(&[&[L2A], choice].concat());
        assert_eq!(folder, desk.bake(&[&["product.zip"], choice].concat()));
        let inside = format!("/vsizip/product.zip/{L2A}");
        assert_eq!(folder, desk.bake(&[&[inside.as_str()], choice].concat()));
    }
    let run = desk.run(&["tile", L2A, "-b", "SCL", "-r", "nearest", "-o", "classes"]);
    assert!(
        run.code == 0 && run.stderr.contains("SCL has classes"),
        "{}",
        run.stderr
    );
    // Both products and the zip file, however they are named.
    let named = desk.bake(&[L1C, L2A, "product.zip"]);
    assert_eq!(named, desk.bake(&["."]));
    assert_eq!(named, desk.bake(&["*.SAFE", "*.zip"]));
}

#[test]
fn bands_taken_at_a_coarser_resolution_are_told_of_once() {
    let desk = Desk::new();
    if !write_products(&desk) {
        return;
    }
    let said = |args: &[&str]| -> Vec<String> {
        let run = desk.run(args);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let notes = run.stderr.lines().filter(|line| line.contains("taken at"));
        notes.map(ToOwned::to_owned).collect()
    };
    let rgb = ["-b", "B04,B03,B02", "--overwrite"];
    let tile = |product| said(&[&["tile", product, "-o", "x.mbtiles"], &rgb[..]].concat());
    let merge = |product| said(&[&["merge", product, "-o", "x.tif"], &rgb[..]].concat());
    assert!(tile(L2A).is_empty() && merge(L2A).is_empty());
    let fine = jp2(&desk, L2A, "B04_10m");
    fs::remove_file(&fine).unwrap();
    let told = format!("note: {L2A}: no B04 at 10 m; taken at 20 m");
    assert_eq!(tile(L2A), [told.as_str()]);
    assert_eq!(merge(L2A), [told.as_str()]);
    // Nobody asks for it.
    let others = said(&["tile", L2A, "-b", "B03", "-o", "x.mbtiles", "--overwrite"]);
    assert!(others.is_empty());
    // It is the coarser file's band that is shown.
    let pattern = ["--stack", "{scene}_{band}_*0m.jp2", "--nodata", "0"];
    let files = ["B02_10m", "B03_10m", "B04_20m"].map(|band| jp2(&desk, L2A, band));
    let files = files.each_ref().map(String::as_str);
    let by_pattern = [&files[..], &pattern, &["-b", "B04,B03,B02"]].concat();
    let product = desk.bake(&[L2A, "-b", "B04,B03,B02"]);
    assert_eq!(product, desk.bake(&by_pattern));

    fs::remove_file(jp2(&desk, L2A, "B03_10m")).unwrap();
    fs::remove_file(jp2(&desk, L2A, "B02_10m")).unwrap();
    fs::remove_file(jp2(&desk, L2A, "B02_20m")).unwrap();
    let told = [("B04, B03", 20), ("B02", 60)]
        .map(|(bands, metres)| format!("note: {L2A}: no {bands} at 10 m; taken at {metres} m"));
    assert_eq!(tile(L2A), told);
}

#[test]
fn products_of_several_dates_are_sources_over_each_other() {
    let desk = Desk::new();
    if !write_products(&desk) {
        return;
    }
    // The other date's: half a tile to the east, and with other values.
    let may = "S2A_MSIL2A_20220509T102601_N0400_R108_T32TLS_20220509T164501.SAFE";
    let folder = format!("{may}/GRANULE/L2A_T32TLS_A035934_20220509T102604/IMG_DATA/R10m");
    for (k, band) in ["B02", "B03", "B04"].iter().enumerate() {
        let name = format!("{folder}/T32TLS_20220509T102601_{band}_10m.jp2");
        let more = format!("{SIXTEEN_BITS} -a_ullr 401760 5199120 405360 5195520");
        write_band(&desk.path(&name), 10, 3 - k, &more);
    }
    fs::write(desk.path(may).join("MTD_MSIL2A.xml"), METADATA).unwrap();
    let archive = format!("{may}.zip");
    zip_all(&desk, may, &archive);
    let files: Vec<String> = [may, L2A]
        .iter()
        .flat_map(|product| ["B02", "B03", "B04"].map(|band| jp2(&desk, product, band)))
        .collect();
    // Files of the later date first, as its product below.
    let files: Vec<&str> = files[3..]
        .iter()
        .chain(&files[..3])
        .map(String::as_str)
        .collect();
    let rgb = ["-b", "B04,B03,B02"];
    let pattern = ["--stack", "{scene}_{band}_10m.jp2", "--nodata", "0"];
    let mut seen = Vec::new();
    for rule in ["first", "last", "min", "max", "mean", "count"] {
        let how = [&rgb[..], &["--mosaic", rule]].concat();
        let products = desk.bake(&[&[L2A, &archive], &how[..]].concat());
        let plain = desk.bake(&[&files[..], &pattern, &how].concat());
        assert_eq!(products, plain, "{rule}");
        assert!(!seen.contains(&products), "{rule}");
        seen.push(products);
    }
    let soft = [&rgb[..], &["--feather", "20"]].concat();
    let products = desk.bake(&[&[L2A, &archive], &soft[..]].concat());
    assert_eq!(products, desk.bake(&[&files[..], &pattern, &soft].concat()));
    assert!(!seen.contains(&products));
}

#[test]
fn granules_are_scenes_and_other_products_are_refused() {
    let desk = Desk::new();
    if !write_products(&desk) {
        return;
    }
    let granule = desk.path(&format!("{L1C}/GRANULE/L1C_T32TLS_A027590_20220618T102601"));
    let other = granule.with_file_name("L1C_T32TMS_A027590_20220618T102601");
    let data = other.join("IMG_DATA");
    write_band(
        &data.join("T32TMS_20220618T102559_TCI.jp2"),
        10,
        1,
        "-b 2 -b 3 -a_ullr 403560 5200020 407160 5196420",
    );
    let run = desk.run(&["tile", L1C, "-o", "two", "--report", "report.json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(desk.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["sources"].as_array().unwrap().len(), 2);
    fs::remove_dir_all(&other).unwrap();
    fs::remove_dir_all(&granule).unwrap();
    let info = program::program(desk.0.path(), &["info", "--json", L2A])
        .output()
        .unwrap();
    let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    let told = &info["paths"][0];
    assert_eq!(
        (&told["kind"], &told["shown"][0]),
        (&"sentinel-2".into(), &"TCI".into()),
        "{told}"
    );
    assert_eq!(told["bands"].as_array().unwrap().len(), 9);
    desk.fails(&[L1C], 3, &[L1C, "without pictures"]);
    let old = "S2A_OPER_PRD_MSIL1C_PDMC_20150818T101451_R022.SAFE";
    fs::create_dir(desk.path(old)).unwrap();
    fs::write(
        desk.path(old)
            .join("S2A_OPER_MTD_SAFL1C_PDMC_20150818T101451_R022.xml"),
        METADATA,
    )
    .unwrap();
    desk.fails(&[old], 3, &[old, "until 2016"]);
}

#[test]
fn files_that_make_no_scene_are_refused() {
    let desk = Desk::new();
    for (name, metres) in [
        ("a_red", 10),
        ("a_green", 20),
        ("a_blue", 10),
        ("b_red", 10),
        ("c_red", 10),
    ] {
        write_band(&desk.path(&format!("{name}.tif")), metres, 1, "");
    }
    write_band(&desk.path("c_green.tif"), 10, 1, "-a_srs EPSG:32633");
    write_band(&desk.path("c_blue.tif"), 10, 1, "");
    write_band(&desk.path("d/a_red.tif"), 10, 1, "");
    write_band(&desk.path("plain.tif"), 10, 1, "");
    let pattern = "{scene}_{band}.tif";
    let rgb = ["--stack", pattern, "-b", "red,green,blue"];
    let check = |names: &[&str], said: &[&str]| desk.fails(&[names, &rgb].concat(), 3, said);
    check(
        &["a_*.tif", "b_*.tif"],
        &["b: no band green; expected one of red"],
    );
    check(
        &["a_*.tif", "d/a_red.tif"],
        &["d/a_red.tif: band red of scene a, as is a_red.tif"],
    );
    check(
        &["c_*.tif"],
        &["c_green.tif: another coordinate system (EPSG:32633) than in c_red.tif"],
    );
    check(
        &["a_*.tif", "plain.tif"],
        &["plain.tif: a name that does not match {scene}_{band}.tif"],
    );
}

#[test]
fn files_of_other_names_in_a_folder_are_passed_over() {
    let desk = Desk::new();
    for name in ["a_red", "a_green", "a_blue", "plain"] {
        write_band(&desk.path(&format!("in/{name}.tif")), 10, 1, "");
    }
    let run = desk.run(&["tile", "in", "--stack", "{scene}_{band}.tif", "-o", "out"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("in/plain.tif: does not match {scene}_{band}.tif and was passed over"),
        "{}",
        run.stderr
    );
    // Bands of 1 and 3 files stand side by side as nothing.
    desk.fails(
        &["in", "--stack", "{scene}/{band}.tif"],
        3,
        &["4 bands", "a_red | plain", "choice of 1 or 3"],
    );
    desk.fails(&["in", "--stack", "{scene}.tif"], 2, &["no {band}"]);
}

#[test]
fn damage_in_one_band_is_a_hole_in_all() {
    let desk = Desk::new();
    let tiled = "-co TILED=YES -co COMPRESS=DEFLATE -co BLOCKXSIZE=64 -co BLOCKYSIZE=64";
    for (band, metres) in [("red", 10), ("green", 10), ("blue", 20)] {
        write_band(&desk.path(&format!("a_{band}.tif")), metres, 2, tiled);
    }
    let blue = desk.path("a_blue.tif");
    let item = |what: &str| -> usize {
        let dataset = Dataset::open(&blue).unwrap();
        let band = dataset.rasterband(1).unwrap();
        band.metadata_item(&format!("BLOCK_{what}_1_1"), "TIFF")
            .unwrap()
            .parse()
            .unwrap()
    };
    let (offset, size) = (item("OFFSET"), item("SIZE"));
    let mut bytes = fs::read(&blue).unwrap();
    bytes[offset..offset + size].fill(0xff);
    fs::write(&blue, bytes).unwrap();
    let stack = [
        "tile",
        "a_red.tif",
        "a_green.tif",
        "a_blue.tif",
        "--stack",
        "{scene}_{band}.tif",
    ];
    desk.fails(&stack[1..], 3, &["a_blue.tif: damaged"]);
    let skip = [
        "--on-read-error",
        "skip",
        "-o",
        "out",
        "--report",
        "report.json",
    ];
    let run = desk.run(&[&stack[..], &skip].concat());
    assert_eq!(run.code, 5, "{}", run.stderr);
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(desk.path("report.json")).unwrap()).unwrap();
    let holes = report["holes"].as_array().unwrap();
    assert_eq!(holes.len(), 1, "{holes:?}");
    let hole = ["source", "level", "col", "row", "width"].map(|key| holes[0][key].to_string());
    assert_eq!(hole, ["\"a_blue.tif\"", "0", "64", "64", "64"]);
    assert_eq!(report["options"]["stack"], "{scene}_{band}.tif");
    // Each file is decoded through the one cache, each block once.
    assert_eq!(
        report["reads"]["blocks_decoded"],
        report["reads"]["blocks_touched"]
    );
}
