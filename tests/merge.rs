//! `azulejo merge` beside GDAL's warper and beside what can be said of every pixel by hand.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod oracle;
mod program;
mod rasters;
mod skip;

use std::path::{Path, PathBuf};
use std::process::Output;

use gdal::raster::{Buffer, GdalType, RasterCreationOptions};
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DriverManager, Metadata};

use self::oracle::{gdal_translate, gdal_warp};
use self::program::program;
use self::rasters::{fixture, shared};

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut all = vec!["merge"];
    all.extend(args);
    program::output(&mut program(folder, &all))
}

/// Runs what must end well.
fn merged(folder: &Path, args: &[&str]) {
    let output = run(folder, args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let ours = name.contains(".azulejo-") || name.starts_with("out.tif.");
        assert!(!ours, "{args:?} leaves {name}");
    }
}

/// Runs what must fail, leaving nothing: its exit code and what it says.
fn refused(folder: &Path, args: &[&str]) -> (i32, String) {
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = names();
    let output = run(folder, args);
    assert_eq!(names(), before, "{args:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), said)
}

/// All samples of a band.
fn values(path: &Path, band: usize) -> Vec<f64> {
    let dataset = Dataset::open(path).unwrap();
    values_of(&dataset, band)
}

fn values_of(dataset: &Dataset, band: usize) -> Vec<f64> {
    let size = dataset.raster_size();
    let band = dataset.rasterband(band).unwrap();
    let read = band.read_as::<f64>((0, 0), size, size, None).unwrap();
    read.data().to_vec()
}

/// A raster of two bands of `T` in UTM 32N whose first pixel is at (`col`, `row`) of a grid of 10 m.
fn write<T: GdalType + Copy>(
    path: &Path,
    (col, row): (i32, i32),
    (width, height): (usize, usize),
    nodata: f64,
    value: impl Fn(usize, i32, i32) -> T,
) {
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let options = RasterCreationOptions::from_iter(["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"]);
    let mut dataset = driver
        .create_with_band_type_with_options::<T, _>(path, width, height, 2, &options)
        .unwrap();
    let (west, north) = (
        500_000.0 + 10.0 * f64::from(col),
        5e6 - 10.0 * f64::from(row),
    );
    dataset
        .set_geo_transform(&[west, 10.0, 0.0, north, 0.0, -10.0])
        .unwrap();
    dataset
        .set_spatial_ref(&SpatialRef::from_epsg(32632).unwrap())
        .unwrap();
    for number in 1..=2 {
        let cells = (0..width * height).map(|k| {
            let (i, j) = ((k % width) as i32, (k / width) as i32);
            value(number, col + i, row + j)
        });
        let mut band = dataset.rasterband(number).unwrap();
        band.set_no_data_value(Some(nodata)).unwrap();
        let mut buffer = Buffer::new((width, height), cells.collect());
        band.write((0, 0), (width, height), &mut buffer).unwrap();
    }
    dataset.close().unwrap();
}

/// Places, sizes and what is in three rasters that overlap: what each has at a pixel of the grid, if anything.
const RECTS: [(i32, i32, usize, usize); 3] =
    [(0, 0, 700, 300), (350, 100, 400, 520), (-20, 250, 500, 100)];

fn sample(k: usize, band: usize, col: i32, row: i32) -> Option<f64> {
    let (west, north, width, height) = RECTS[k];
    let inside =
        (west..west + width as i32).contains(&col) && (north..north + height as i32).contains(&row);
    let hash = (col * 7 + row * 13 + band as i32 * 31 + k as i32 * 57).rem_euclid(97);
    (inside && hash % 9 != 0).then(|| f64::from(hash) * 3.0 - 120.0)
}

/// What a rule makes of the values of the sources that have one, in their order.
fn combine(rule: &str, all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (n, mean) = (all.len(), all.iter().sum::<f64>() / all.len() as f64);
    match rule {
        "first" => all[0],
        "last" => all[n - 1],
        "min" => sorted[0],
        "max" => sorted[n - 1],
        "mean" => mean,
        "median" => (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0,
        "count" => n as f64,
        _ => panic!("{rule}"),
    }
}

const NODATA: f64 = -999.0;

fn three_sources<T: GdalType + Copy>(folder: &Path, to: fn(f64) -> T) {
    for (k, (col, row, width, height)) in RECTS.into_iter().enumerate() {
        let path = folder.join(format!("s{k}.tif"));
        write::<T>(
            &path,
            (col, row),
            (width, height),
            NODATA,
            |band, col, row| to(sample(k, band, col, row).unwrap_or(NODATA)),
        );
    }
}

#[test]
fn every_rule_is_what_it_says_pixel_for_pixel() {
    let folder = tempfile::tempdir().unwrap();
    three_sources::<f32>(folder.path(), |v| v as f32);
    let (west, north, width, height) = (-20, 0, 770, 620);
    for rule in ["first", "last", "min", "max", "mean", "median", "count"] {
        merged(
            folder.path(),
            &[
                "s0.tif",
                "s1.tif",
                "s2.tif",
                "-o",
                "out.tif",
                "--overwrite",
                "--mosaic",
                rule,
            ],
        );
        let path = folder.path().join("out.tif");
        let dataset = Dataset::open(&path).unwrap();
        assert_eq!(dataset.raster_size(), (width, height));
        let affine = dataset.geo_transform().unwrap();
        assert_eq!(affine, [499_800.0, 10.0, 0.0, 5e6, 0.0, -10.0]);
        let missing = if rule == "count" { 0.0 } else { NODATA };
        assert_eq!(
            dataset.rasterband(1).unwrap().no_data_value(),
            Some(missing)
        );
        for band in 1..=2 {
            let found = values(&path, band);
            for (k, found) in found.into_iter().enumerate() {
                let (col, row) = (west + (k % width) as i32, north + (k / width) as i32);
                let all: Vec<f64> = (0..3).filter_map(|k| sample(k, band, col, row)).collect();
                let expected = if all.is_empty() {
                    missing
                } else {
                    combine(rule, &all)
                };
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{rule} {band} {col} {row}: {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn types_and_nodata_are_kept() {
    fn check<T: GdalType + Copy>(to: fn(f64) -> T, name: &str) {
        let folder = tempfile::tempdir().unwrap();
        three_sources::<T>(folder.path(), to);
        merged(folder.path(), &["s0.tif", "s1.tif", "-o", "out.tif"]);
        let path = folder.path().join("out.tif");
        let dataset = Dataset::open(&path).unwrap();
        let band = dataset.rasterband(2).unwrap();
        assert_eq!(band.band_type().name(), name);
        assert_eq!(band.no_data_value(), Some(NODATA));
        // The second source begins 350 columns and 100 rows from the first, which is north-west of all.
        let found = values(&path, 2);
        let expected = sample(0, 2, 3, 5).or(sample(1, 2, 3, 5)).unwrap_or(NODATA);
        assert_eq!(found[5 * 750 + 3], expected);
    }
    check::<i16>(|v| v as i16, "Int16");
    check::<i32>(|v| v as i32, "Int32");
    check::<f32>(|v| v as f32, "Float32");
    check::<f64>(|v| v, "Float64");
}

#[test]
fn the_same_bytes_for_any_threads_and_memory_also_by_way_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    // As doubles 100 MB, beyond a third of the ceiling.
    write::<f64>(
        &folder.path().join("s.tif"),
        (0, 0),
        (2600, 1700),
        NODATA,
        |band, col, row| f64::from((col * 3 + row * band as i32) % 1000),
    );
    let settings: [&[&str]; 4] = [
        &["-j", "1", "--memory", "2GiB"],
        &["-j", "2", "--memory", "2GiB"],
        &["-j", "2", "--memory", "220MiB"],
        &["-j", "8", "--memory", "300MiB"],
    ];
    let mut first: Option<Vec<u8>> = None;
    for setting in settings {
        let mut args = vec![
            "s.tif",
            "-o",
            "out.tif",
            "--overwrite",
            "--res",
            "9.7",
            "-r",
            "cubic",
            // With blocks on which there is nothing.
            "--bounds",
            "490000,4981000,528000,5002000",
        ];
        args.extend(setting);
        merged(folder.path(), &args);
        let bytes = std::fs::read(folder.path().join("out.tif")).unwrap();
        assert!(
            *first.get_or_insert_with(|| bytes.clone()) == bytes,
            "{setting:?}"
        );
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 2, "a temporary is left behind");
    }
}

#[test]
fn the_report_agrees_with_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three_sources::<i16>(folder, |v| v as i16);
    let args = [
        "s0.tif", "s1.tif", "s2.tif", "--mosaic", "max", "-j", "2", "-o", "out.tif", "--report",
        "r.json",
    ];
    merged(folder, &args);
    let report = std::fs::read_to_string(folder.join("r.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let out = Dataset::open(folder.join("out.tif")).unwrap();
    let (width, height) = out.raster_size();
    assert_eq!(report["schema"], "azulejo-report/1");
    assert_eq!(report["grid"]["width"], width);
    assert_eq!(report["grid"]["height"], height);
    assert_eq!(
        report["grid"]["geotransform"],
        serde_json::json!(out.geo_transform().unwrap())
    );
    assert_eq!(report["type"], "Int16");
    assert_eq!(report["nodata"], NODATA);
    assert_eq!(report["options"]["mosaic"], "max");
    assert_eq!(report["options"]["compress"], "deflate");
    assert_eq!(report["sources"].as_array().unwrap().len(), 3);
    assert_eq!(report["sources"][0]["bands"], 2);
    let bytes = std::fs::metadata(folder.join("out.tif")).unwrap().len();
    assert_eq!(report["outputs"][0]["bytes"], bytes);
    let touched = report["reads"]["blocks_touched"].as_u64().unwrap();
    assert!(touched > 0 && report["reads"]["blocks_decoded"].as_u64().unwrap() >= touched);
    // Neither may stand where the other one goes, or where something is read.
    for place in ["out2.tif", "s0.tif"] {
        let args = ["s0.tif", "-o", "out2.tif", "--report", place];
        let (code, said) = refused(folder, &args);
        assert_eq!(code, 2, "{said}");
    }
}

/// Bands that are stored together are read in another order than others.
#[test]
fn how_the_bands_of_a_source_are_stored_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (how, name) in [("PIXEL", "together.tif"), ("BAND", "apart.tif")] {
        let options = ["-co", &format!("INTERLEAVE={how}"), "-co", "TILED=YES"];
        gdal_translate(&fixture("RGB.byte.tif"), &folder.join(name), &options);
        let out = format!("out-{name}");
        let common = ["--crs", "EPSG:3857", "--res", "100", "-r", "cubic"];
        let args = [&[name, "-o", &out, "--memory", "128MiB"][..], &common].concat();
        merged(folder, &args);
    }
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(bytes("out-together.tif") == bytes("out-apart.tif"));
}

#[test]
fn into_another_system_it_is_what_gdals_warper_makes() {
    let folder = tempfile::tempdir().unwrap();
    let source = fixture("RGB.byte.tif");
    let dataset = Dataset::open(&source).unwrap();
    let name = source.to_str().unwrap();
    for (kernel, gdals) in [
        ("nearest", "near"),
        ("bilinear", "bilinear"),
        ("cubic", "cubic"),
    ] {
        merged(
            folder.path(),
            &[
                name,
                "-o",
                "out.tif",
                "--overwrite",
                "--crs",
                "EPSG:3857",
                "--res",
                "250",
                "-r",
                kernel,
                "--bounds",
                "-8750000,2720000,-8600000,2900000",
            ],
        );
        let warped = gdal_warp(
            &dataset,
            &[
                "-of",
                "MEM",
                "-q",
                "-t_srs",
                "EPSG:3857",
                "-te",
                "-8750000",
                "2720000",
                "-8600000",
                "2900000",
                "-tr",
                "250",
                "250",
                "-r",
                gdals,
                "-et",
                "0",
                "-wo",
                "XSCALE=1",
                "-wo",
                "YSCALE=1",
            ],
        );
        for band in 1..=3 {
            let (ours, theirs) = (
                values(&folder.path().join("out.tif"), band),
                values_of(&warped, band),
            );
            assert_eq!(ours.len(), theirs.len());
            let near = ours
                .iter()
                .zip(&theirs)
                .filter(|(a, b)| (**a - **b).abs() <= 2.0)
                .count();
            let share = near as f64 / ours.len() as f64;
            assert!(share > 0.998, "{kernel} {band}: {share}");
        }
    }
}

#[test]
fn a_scene_of_single_bands_becomes_one_file_with_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let source = fixture("RGB.byte.tif");
    for (number, name) in [("1", "red"), ("2", "green"), ("3", "nir")] {
        let path = folder.path().join(format!("may_{name}.tif"));
        gdal_translate(&source, &path, &["-b", number]);
    }
    // Half as fine.
    let coarse = folder.path().join("may_swir.tif");
    gdal_translate(
        &source,
        &coarse,
        &["-b", "1", "-outsize", "50%", "50%", "-r", "average"],
    );
    let stack = ["--stack", "{scene}_{band}.tif", "-o", "out.tif"];
    merged(
        folder.path(),
        &[&["may_*.tif", "-b", "swir,nir,red,green"], &stack[..]].concat(),
    );
    let path = folder.path().join("out.tif");
    let dataset = Dataset::open(&path).unwrap();
    let names = (1..=4).map(|k| dataset.rasterband(k).unwrap().description().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["swir", "nir", "red", "green"]);
    assert_eq!(dataset.raster_size(), (791, 718));
    for (band, original) in [(2, 3), (3, 1), (4, 2)] {
        assert!(values(&path, band) == values(&source, original), "{band}");
    }
    // Nearest: four of the finest pixels are one of the coarse.
    let (width, _) = Dataset::open(&coarse).unwrap().raster_size();
    let (fine, coarse) = (values(&path, 1), values(&coarse, 1));
    for (col, row) in [(301, 201), (400, 300), (0, 0), (555, 666)] {
        let own = (col * 2 + 1) * width / (2 * 791);
        assert_eq!(fine[row * 791 + col], coarse[row / 2 * width + own]);
    }
    let (code, said) = refused(
        folder.path(),
        &[
            "may_*.tif",
            "-b",
            "blue",
            "--stack",
            "{scene}_{band}.tif",
            "-o",
            "x.tif",
        ],
    );
    assert_eq!(code, 3, "{said}");
}

#[test]
fn a_cutline_cuts_as_gdals_warper_does_and_the_output_is_cropped_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let ring = "[-78.2,24.1],[-77.1,24.3],[-76.9,25.2],[-77.6,24.9],[-78.4,25.3],[-78.2,24.1]";
    let hole = "[-77.7,24.5],[-77.4,24.5],[-77.4,24.7],[-77.7,24.5]";
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{{}},"geometry":
        {{"type":"Polygon","coordinates":[[{ring}],[{hole}]]}}}}]}}"#
    );
    let cutline = folder.path().join("cut.geojson");
    std::fs::write(&cutline, text).unwrap();
    let source = fixture("RGB.byte.tif");
    let name = source.to_str().unwrap();
    let cut = ["--cutline", "cut.geojson", "-o", "out.tif", "--overwrite"];
    merged(folder.path(), &[&[name, "--like", name], &cut[..]].concat());
    let dataset = Dataset::open(&source).unwrap();
    let warped = gdal_warp(
        &dataset,
        &["-of", "MEM", "-q", "-cutline", cutline.to_str().unwrap()],
    );
    for band in 1..=3 {
        let ours = values(&folder.path().join("out.tif"), band);
        let theirs = values_of(&warped, band);
        let equal = ours.iter().zip(&theirs).filter(|(a, b)| a == b).count();
        let share = equal as f64 / theirs.len() as f64;
        assert!(share > 0.9995, "band {band}: {share}");
        let n = ours.iter().filter(|v| **v > 0.0).count();
        assert!(n > 50_000 && n < ours.len() / 2, "{n}");
    }
    // Without a grid of its own, the output holds the polygon and no more, on the source's pixels.
    merged(folder.path(), &[&[name], &cut[..]].concat());
    let cropped = Dataset::open(folder.path().join("out.tif")).unwrap();
    let (whole, part) = (
        dataset.geo_transform().unwrap(),
        cropped.geo_transform().unwrap(),
    );
    let steps = [
        (part[0] - whole[0]) / whole[1],
        (part[3] - whole[3]) / whole[5],
    ];
    assert!(
        steps
            .iter()
            .all(|s| (s - s.round()).abs() < 1e-6 && *s > 50.0),
        "{steps:?}"
    );
    let (width, height) = cropped.raster_size();
    assert!(width < 600 && height < 500, "{width} {height}");
    let (code, said) = refused(
        folder.path(),
        &[name, "--bbox", "10,10,11,11", "-o", "none.tif"],
    );
    assert_eq!(code, 8, "{said}");
}

#[test]
fn a_palette_an_alpha_band_and_a_mask_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let merge = |name: &str| {
        merged(
            folder.path(),
            &[
                fixture(name).to_str().unwrap(),
                "-o",
                "out.tif",
                "--overwrite",
            ],
        );
        Dataset::open(folder.path().join("out.tif")).unwrap()
    };
    let palette = merge("small_world_pct.tif");
    assert_eq!(palette.raster_count(), 1);
    let table = palette.rasterband(1).unwrap();
    assert_eq!(table.color_table().unwrap().entry_count(), 256);
    assert_eq!(
        values_of(&palette, 1),
        values(&fixture("small_world_pct.tif"), 1)
    );

    let masked = merge("hro_mask.tif");
    let original = Dataset::open(fixture("hro_mask.tif")).unwrap();
    let mask = |dataset: &Dataset| {
        let band = dataset.rasterband(1).unwrap();
        let mask = band.open_mask_band().unwrap();
        let size = dataset.raster_size();
        mask.read_as::<u8>((0, 0), size, size, None)
            .unwrap()
            .data()
            .to_vec()
    };
    assert!(mask(&masked) == mask(&original));
    assert!(mask(&masked).contains(&0) && mask(&masked).contains(&255));

    let rgba = folder.path().join("rgba.tif");
    gdal_translate(
        &fixture("hro_mask.tif"),
        &rgba,
        &[
            "-b",
            "1",
            "-b",
            "2",
            "-b",
            "3",
            "-b",
            "mask",
            "-colorinterp_4",
            "alpha",
        ],
    );
    merged(folder.path(), &["rgba.tif", "-o", "out.tif", "--overwrite"]);
    let alpha = Dataset::open(folder.path().join("out.tif")).unwrap();
    assert_eq!(alpha.raster_count(), 4);
    assert_eq!(values_of(&alpha, 4), values(&rgba, 4));
}

#[test]
fn the_output_is_cloud_optimized_unless_asked_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let source = fixture("RGB.byte.tif");
    let name = source.to_str().unwrap();
    for compress in ["deflate", "lzw", "none", "zstd"] {
        merged(
            folder.path(),
            &[name, "-o", "out.tif", "--overwrite", "--compress", compress],
        );
        let dataset = Dataset::open(folder.path().join("out.tif")).unwrap();
        let item = |key| dataset.metadata_item(key, "IMAGE_STRUCTURE");
        assert_eq!(item("LAYOUT").as_deref(), Some("COG"));
        let told = (compress != "none").then(|| compress.to_uppercase());
        assert_eq!(item("COMPRESSION"), told);
        assert_eq!(dataset.rasterband(1).unwrap().overview_count().unwrap(), 1);
        for band in 1..=3 {
            assert!(values_of(&dataset, band) == values(&source, band));
        }
    }
    merged(
        folder.path(),
        &[name, "-o", "plain.tif", "-f", "gtiff", "-b", "3,1"],
    );
    let plain = Dataset::open(folder.path().join("plain.tif")).unwrap();
    assert_eq!(plain.raster_count(), 2);
    assert_eq!(plain.rasterband(1).unwrap().overview_count().unwrap(), 0);
    assert!(values_of(&plain, 1) == values(&source, 3));
    // However the bands are told.
    let plain_bytes = std::fs::read(folder.path().join("plain.tif")).unwrap();
    for (variable, bands) in [("3,1", &[][..]), ("2", &["-b", "3", "-b", "1"])] {
        let args = [
            "merge",
            name,
            "-o",
            "told.tif",
            "-f",
            "gtiff",
            "--overwrite",
        ];
        let mut command = program(folder.path(), &[&args, bands].concat());
        let output = command.env("AZULEJO_BANDS", variable).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let told = std::fs::read(folder.path().join("told.tif")).unwrap();
        assert!(told == plain_bytes, "{variable} {bands:?}");
    }
    // On the grid of another.
    merged(
        folder.path(),
        &[
            name,
            "-o",
            "like.tif",
            "--like",
            "plain.tif",
            "--compress",
            "lzw",
        ],
    );
    let like = Dataset::open(folder.path().join("like.tif")).unwrap();
    assert_eq!(
        like.geo_transform().unwrap(),
        plain.geo_transform().unwrap()
    );
}

#[test]
fn lossy_files_say_by_a_mask_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let source = fixture("RGB.byte.tif");
    let mask = |path: &Path| {
        let dataset = Dataset::open(path).unwrap();
        let band = dataset.rasterband(1).unwrap();
        let mask = band.open_mask_band().unwrap();
        let size = dataset.raster_size();
        let read = mask.read_as::<u8>((0, 0), size, size, None).unwrap();
        read.data().to_vec()
    };
    for compress in ["jpeg", "webp"] {
        let args = [source.to_str().unwrap(), "-o", "out.tif", "--overwrite"];
        merged(
            folder.path(),
            &[&args[..], &["--compress", compress]].concat(),
        );
        let path = folder.path().join("out.tif");
        let dataset = Dataset::open(&path).unwrap();
        assert_eq!(dataset.rasterband(1).unwrap().no_data_value(), None);
        assert!(mask(&path) == mask(&source), "{compress}");
    }
}

#[test]
fn valid_samples_never_become_nodata_unsaid() {
    let folder = tempfile::tempdir().unwrap();
    let value = |_, col: i32, _| f64::from(col % 5);
    write::<i16>(
        &folder.path().join("a.tif"),
        (0, 0),
        (90, 70),
        3.0,
        |b, c, r| value(b, c, r) as i16,
    );
    write::<i16>(
        &folder.path().join("b.tif"),
        (90, 0),
        (90, 70),
        4.0,
        |b, c, r| value(b, c, r) as i16,
    );
    let output = run(folder.path(), &["a.tif", "b.tif", "-o", "out.tif"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("2,520 valid samples had the value 3"),
        "{said}"
    );
    let found = values(&folder.path().join("out.tif"), 1);
    for (k, found) in found.iter().enumerate().take(180) {
        let (own, first) = ((k % 5) as f64, k < 90);
        let expected = match (own, first) {
            (3.0, true) | (4.0, false) => 3.0,
            (3.0, false) => 4.0,
            (own, _) => own,
        };
        assert_eq!(*found, expected, "{k}");
    }
}

/// What of a dataset is there, by its mask.
fn present(dataset: &Dataset) -> Vec<bool> {
    let size = dataset.raster_size();
    let band = dataset.rasterband(1).unwrap();
    let mask = band.open_mask_band().unwrap();
    let read = mask.read_as::<u8>((0, 0), size, size, None).unwrap();
    read.data().iter().map(|&m| m > 0).collect()
}

/// Merges `source` and warps it onto the same grid by GDAL: all but a five-hundredth of the pixels must be alike, where they
/// are there and in what they are. The geotransform and the size of the grid.
fn beside_gdal(source: &Path, args: &[&str], kernel: &str) -> ([f64; 6], (usize, usize)) {
    let folder = tempfile::tempdir().unwrap();
    let name = source.to_str().unwrap();
    merged(
        folder.path(),
        &[&[name, "-o", "out.tif", "-r", kernel], args].concat(),
    );
    let ours = Dataset::open(folder.path().join("out.tif")).unwrap();
    let (affine, size) = (ours.geo_transform().unwrap(), ours.raster_size());
    let east = affine[0] + affine[1] * size.0 as f64;
    let south = affine[3] + affine[5] * size.1 as f64;
    let sides = [affine[0], south, east, affine[3]].map(|side| side.to_string());
    let size_px = [size.0.to_string(), size.1.to_string()];
    let srs = ours.spatial_ref().unwrap().to_wkt().unwrap();
    let gdals = if kernel == "nearest" { "near" } else { kernel };
    let mut options: Vec<&str> = "-of MEM -q -et 0 -dstalpha -wo XSCALE=1 -wo YSCALE=1 -wo SAMPLE_GRID=YES -wo SOURCE_EXTRA=50"
        .split(' ')
        .collect();
    options.extend(["-t_srs", &srs, "-r", gdals, "-te"]);
    options.extend(sides.iter().map(String::as_str));
    options.extend(["-ts", &size_px[0], &size_px[1]]);
    let original = Dataset::open(source).unwrap();
    let first = original.rasterband(1).unwrap();
    if first.band_type().name().starts_with("Float") && first.no_data_value().is_none() {
        // What is no number is nothing.
        options.extend(["-srcnodata", "nan"]);
    }
    let theirs = gdal_warp(&original, &options);
    let alpha = values_of(&theirs, theirs.raster_count());
    let there: Vec<bool> = alpha.iter().map(|&alpha| alpha > 0.0).collect();
    let own = present(&ours);
    let share = |good: usize, all: usize| good as f64 / all as f64;
    let same = own.iter().zip(&there).filter(|(a, b)| a == b).count();
    let masks = share(same, own.len());
    assert!(masks >= 0.998, "{args:?} {kernel}: masks {masks}");
    let both: Vec<usize> = (0..own.len()).filter(|&k| own[k] && there[k]).collect();
    assert!(both.len() > 500, "{args:?}: {} pixels", both.len());
    for band in 1..theirs.raster_count() {
        let (a, b) = (values_of(&ours, band), values_of(&theirs, band));
        let near = both.iter().filter(|&&k| (a[k] - b[k]).abs() <= 2.0).count();
        let alike = share(near, both.len());
        assert!(alike >= 0.998, "{args:?} {kernel} {band}: {alike}");
    }
    (affine, size)
}

#[test]
fn a_source_across_the_antimeridian_lies_in_one_piece_beyond_180_degrees() {
    let Some(utm) = shared("projections/s2_dateline_utm60.tif") else {
        return;
    };
    for kernel in ["nearest", "bilinear"] {
        // A kernel widens where the grid is coarser than the source, GDAL's does not as it is asked here.
        let finer = ["--crs", "EPSG:4326", "--res", "0.0008"];
        let (affine, size) = beside_gdal(&utm, &finer, kernel);
        let width = affine[1] * size.0 as f64;
        assert!((177.9..178.1).contains(&affine[0]), "{affine:?}");
        assert!((3.2..3.6).contains(&width), "{width}");
        beside_gdal(&utm, &["--crs", "EPSG:3832", "--res", "120"], kernel);
        let beyond = ["--crs", "EPSG:4326", "--res", "0.0008"];
        for bounds in ["179,51,181,52", "-181,51,-179,52"] {
            beside_gdal(&utm, &[&beyond[..], &["--bounds", bounds]].concat(), kernel);
        }
    }
    // Two either side of it, whichever comes first, and in two systems.
    let folder = tempfile::tempdir().unwrap();
    let (west, east) = (folder.path().join("w.tif"), folder.path().join("e.tif"));
    let cut = |path: &Path, srs: &str, te: [&str; 4], tr: &str| {
        let args = [
            &["-q", "-t_srs", srs, "-r", "near", "-tr", tr, tr, "-te"],
            &te[..],
        ]
        .concat();
        let warped = gdal_warp(
            &Dataset::open(&utm).unwrap(),
            &[&["-of", "MEM"], &args[..]].concat(),
        );
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        warped
            .create_copy(&driver, path, &RasterCreationOptions::new())
            .unwrap()
            .close()
            .unwrap();
    };
    cut(&west, "EPSG:4326", ["-180", "51", "-179.5", "52"], "0.005");
    cut(&east, "EPSG:4326", ["179.6", "51", "179.9", "52"], "0.005");
    let grid = |first: &str, second: &str, args: &[&str]| {
        let all = [&[first, second, "-o", "out.tif", "--overwrite"], args].concat();
        merged(folder.path(), &all);
        let found = Dataset::open(folder.path().join("out.tif")).unwrap();
        (found.geo_transform().unwrap()[0], found.raster_size())
    };
    assert_eq!(grid("e.tif", "w.tif", &[]).1, (180, 200));
    assert!((grid("e.tif", "w.tif", &[]).0 - 179.6).abs() < 1e-9);
    // The first source's own longitudes are kept.
    assert!((grid("w.tif", "e.tif", &[]).0 + 180.4).abs() < 1e-9);
    cut(
        &west,
        "EPSG:32601",
        ["290000", "5650000", "330000", "5750000"],
        "500",
    );
    cut(
        &east,
        "EPSG:32660",
        ["600000", "5650000", "640000", "5750000"],
        "500",
    );
    for (first, second) in [("w.tif", "e.tif"), ("e.tif", "w.tif")] {
        let (west, size) = grid(first, second, &["--crs", "EPSG:4326", "--res", "0.005"]);
        assert!((178.0..179.0).contains(&west), "{west}");
        assert!((300..800).contains(&size.0), "{size:?}");
    }
}

/// A picture of the world whose columns begin at `west`, which is a whole number of its pixels of 0.9 degrees from -180.
fn world_from(folder: &Path, name: &str, west: f64) -> PathBuf {
    let source = Dataset::open(fixture("small_world.tif")).unwrap();
    let path = folder.join(name);
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut dataset = driver
        .create_with_band_type::<u8, _>(&path, 400, 200, 3)
        .unwrap();
    dataset
        .set_geo_transform(&[west, 0.9, 0.0, 90.0, 0.0, -0.9])
        .unwrap();
    dataset
        .set_spatial_ref(&source.spatial_ref().unwrap())
        .unwrap();
    let shift = ((west + 180.0) / 0.9).round() as i64;
    for band in 1..=3 {
        let values = values_of(&source, band);
        let rolled = (0..400 * 200).map(|k: i64| {
            let col = (k % 400 + shift).rem_euclid(400);
            values[(k / 400 * 400 + col) as usize] as u8
        });
        let mut buffer = Buffer::new((400, 200), rolled.collect());
        dataset
            .rasterband(band)
            .unwrap()
            .write((0, 0), (400, 200), &mut buffer)
            .unwrap();
    }
    dataset.close().unwrap();
    path
}

#[test]
fn longitudes_beyond_180_are_filled_as_the_earth_goes_round() {
    let folder = tempfile::tempdir().unwrap();
    let own = |name: &str| values(&folder.path().join(name), 2);
    let other = world_from(folder.path(), "other.tif", 0.0);
    let world = fixture("small_world.tif");
    let name = world.to_str().unwrap();
    // A file of 0..360 stays as it is.
    merged(
        folder.path(),
        &["other.tif", "-o", "out.tif", "-r", "bilinear"],
    );
    assert!(own("out.tif") == own("other.tif"));
    let out = ["-o", "out.tif", "--overwrite"];
    for args in [
        &[name, "--bounds", "0,-90,360,90"][..],
        &[name, "--like", "other.tif"],
        &[name, "--like", "other.tif", "-r", "bilinear"],
        &["other.tif", name],
    ] {
        merged(folder.path(), &[args, &out[..]].concat());
        assert!(own("out.tif") == own("other.tif"), "{args:?}");
    }
    // Twice and a half round.
    merged(
        folder.path(),
        &[&[name, "--bounds", "-360,-90,540,90"], &out[..]].concat(),
    );
    let (wide, once) = (own("out.tif"), values(&world, 2));
    assert_eq!(wide.len(), 1000 * 200);
    for (k, value) in wide.iter().enumerate() {
        let (col, row) = (k % 1000, k / 1000);
        assert_eq!(*value, once[row * 400 + (col + 200) % 400], "{col} {row}");
    }
    // From another system of degrees, and from metres.
    let datum = folder.path().join("nad83.tif");
    gdal_translate(&world, &datum, &["-a_srs", "EPSG:4269"]);
    merged(
        folder.path(),
        &[&["nad83.tif", "--like", "other.tif"], &out[..]].concat(),
    );
    assert!(own("out.tif") == own("other.tif"));
    let finer = ["--res", "0.3", "--bounds", "150,-50,210,50"];
    beside_gdal(&other, &finer, "nearest");
    beside_gdal(&other, &finer, "bilinear");
    // Too far is a mistake.
    let (code, said) = refused(
        folder.path(),
        &[name, "--bounds", "-900,-90,0,90", "-o", "no.tif"],
    );
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("round the Earth"), "{said}");
}

#[test]
fn clips_apply_beyond_180_degrees_and_crop_across_the_antimeridian() {
    let folder = tempfile::tempdir().unwrap();
    let world = fixture("small_world.tif");
    let name = world.to_str().unwrap();
    let out = ["-o", "out.tif", "--overwrite", "--res", "0.9"];
    let ring = "[170.1,-45],[188.1,-45],[188.1,-27],[170.1,-27],[170.1,-45]";
    let text = format!(r#"{{"type":"Polygon","coordinates":[[{ring}]]}}"#);
    std::fs::write(folder.path().join("cut.geojson"), text).unwrap();
    for clip in [
        ["--bbox", "170.1,-45,-171.9,-27"],
        ["--cutline", "cut.geojson"],
    ] {
        merged(
            folder.path(),
            &[&[name, "--nodata", "none"][..], &clip, &out[..]].concat(),
        );
        let cropped = Dataset::open(folder.path().join("out.tif")).unwrap();
        assert_eq!(cropped.raster_size(), (20, 20), "{clip:?}");
        let west = cropped.geo_transform().unwrap()[0];
        assert!((west - 170.1).abs() < 1e-9, "{west}");
        assert!(present(&cropped).iter().all(|there| *there), "{clip:?}");
        let bounds = ["--bounds", "0,-90,360,90"];
        merged(
            folder.path(),
            &[&[name][..], &clip, &bounds, &out[..]].concat(),
        );
        let wide = present(&Dataset::open(folder.path().join("out.tif")).unwrap());
        for (k, there) in wide.iter().enumerate() {
            let (col, row) = (k % 400, k / 400);
            let expected = (189..209).contains(&col) && (130..150).contains(&row);
            assert_eq!(*there, expected, "{clip:?} {col} {row}");
        }
    }
}

#[test]
fn the_world_has_a_grid_in_every_system_that_shows_a_part_of_it() {
    let world = fixture("small_world.tif");
    // The half width and height of what can be seen, in millions, and the least and most that a pixel may measure beside a
    // hundred thousand.
    for (crs, x, y, kernel) in [
        ("EPSG:3031", 3.333, 3.333, "bilinear"),
        ("EPSG:3413", 3.315, 3.315, "nearest"),
        ("EPSG:3995", 3.333, 3.333, "nearest"),
        ("EPSG:3857", 20.038, 20.049, "nearest"),
        ("+proj=ortho +lat_0=40 +lon_0=10", 6.378, 6.38, "bilinear"),
        ("+proj=laea +lat_0=90", 12.74, 12.74, "nearest"),
        ("+proj=geos +h=35785831 +lon_0=-75", 5.434, 5.416, "nearest"),
        ("+proj=ortho +lat_0=0 +lon_0=180", 6.378, 6.357, "nearest"),
    ] {
        let (affine, size) = beside_gdal(&world, &["--crs", crs], kernel);
        let pixel = affine[1];
        assert!((3e4..1.5e5).contains(&pixel), "{crs}: {pixel}");
        for (half, n) in [(x, size.0), (y, size.1)] {
            let found = n as f64 * pixel / 2.0;
            let slack = pixel + 0.002 * half * 1e6;
            assert!((found - half * 1e6).abs() < slack, "{crs}: {found} {half}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for crs in [
        "EPSG:32633",
        "+proj=gnom +lat_0=90",
        "+proj=lcc +lat_1=33 +lat_2=45",
    ] {
        merged(
            folder.path(),
            &[
                world.to_str().unwrap(),
                "--crs",
                crs,
                "-o",
                "out.tif",
                "--overwrite",
            ],
        );
        let (width, height) = Dataset::open(folder.path().join("out.tif"))
            .unwrap()
            .raster_size();
        assert!(
            (100..1000).contains(&width) && (100..1000).contains(&height),
            "{crs}"
        );
    }
}

#[test]
fn polar_and_geostationary_sources_are_what_gdals_warper_makes_of_them() {
    let degrees = |bounds: &'static str, res: &'static str| {
        ["--crs", "EPSG:4326", "--res", res, "--bounds", bounds]
    };
    for kernel in ["nearest", "bilinear"] {
        if let Some(ice) = shared("projections/sea_ice_3031_cog.tif") {
            beside_gdal(&ice, &degrees("90,-78,270,-55", "0.05"), kernel);
        }
        if let Some(disc) = shared("projections/goes_geostationary.tif") {
            beside_gdal(&disc, &degrees("205,-60,365,60", "0.2"), kernel);
            beside_gdal(&disc, &["--crs", "EPSG:4326"], kernel);
        }
        if let Some(sst) = shared("projections/sst_4326_rgba.tif") {
            beside_gdal(&sst, &["--crs", "EPSG:3031", "--res", "1400"], kernel);
        }
        // Its ends meet: other kernels reach across there, as GDAL's do not.
        let round =
            (kernel == "nearest").then(|| shared("projections/nz_habitat_antimeridian.tif"));
        if let Some(habitat) = round.flatten() {
            beside_gdal(&habitat, &["--crs", "EPSG:3031", "--res", "50000"], kernel);
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(fixture("RGB.byte.tif"), folder.path().join("a.tif")).unwrap();
    std::fs::copy(fixture("small_world.tif"), folder.path().join("b.tif")).unwrap();
    std::fs::write(folder.path().join("text.tif"), "text").unwrap();
    std::fs::copy(fixture("small_world_pct.tif"), folder.path().join("p.tif")).unwrap();
    std::fs::copy(fixture("byte_pct.tif"), folder.path().join("q.tif")).unwrap();
    let rows: [(&[&str], i32, &str); 20] = [
        (&["a.tif", "-o", "out.png"], 2, "ends in .tif"),
        (&["a.tif", "-o", "b.tif"], 4, "exists already"),
        (
            &["a.tif", "-o", "a.tif", "--overwrite"],
            2,
            "the source a.tif",
        ),
        (
            &["a.tif", "-o", "text.tif", "--overwrite"],
            4,
            "not a TIFF file",
        ),
        (&["text.tif", "-o", "out.tif"], 3, "text.tif"),
        (&["none.tif", "-o", "out.tif"], 3, "none.tif"),
        (&["a.tif", "-b", "4", "-o", "out.tif"], 2, "no band 4"),
        (
            &["a.tif", "--bounds", "0,0,1,1", "-o", "out.tif"],
            8,
            "no valid pixel",
        ),
        (&["a.tif", "--res", "0", "-o", "out.tif"], 2, "positive"),
        (&["a.tif", "--res", "1e-9", "-o", "out.tif"], 2, "pixels"),
        (
            &["a.tif", "--like", "b.tif", "--res", "2", "-o", "out.tif"],
            2,
            "--like",
        ),
        (
            &["a.tif", "--nodata", "1,2", "-o", "out.tif"],
            2,
            "--nodata",
        ),
        (&["p.tif", "q.tif", "-o", "out.tif"], 3, "one palette"),
        (
            &["p.tif", "-r", "cubic", "-o", "out.tif"],
            2,
            "cannot be mixed",
        ),
        (
            &[
                "p.tif", "p.tif", "a.tif", "--mosaic", "mean", "-b", "1", "-o", "out.tif",
            ],
            3,
            "palette",
        ),
        (
            &["p.tif", "--mosaic", "mean", "-o", "out.tif"],
            2,
            "cannot be mixed",
        ),
        (
            &["p.tif", "--compress", "jpeg", "-o", "out.tif"],
            2,
            "without a palette",
        ),
        (
            &["a.tif", "-b", "1", "--compress", "webp", "-o", "out.tif"],
            2,
            "expected 3 of Byte",
        ),
        (
            &[
                "a.tif",
                "--bbox",
                "-78,24,-77,25",
                "--feather",
                "3",
                "-o",
                "out.tif",
            ],
            2,
            "half there",
        ),
        (
            &["a.tif", "--compress", "gzip", "-o", "out.tif"],
            2,
            "deflate",
        ),
    ];
    for (args, code, word) in rows {
        let (found, said) = refused(folder.path(), args);
        assert_eq!(found, code, "{args:?}: {said}");
        assert!(said.contains(word), "{args:?}: {said}");
    }
}
