//! `azulejo merge` beside GDAL's warper and beside what can be said of every pixel by hand.

#![allow(clippy::unwrap_used)]

mod oracle;
mod program;

use std::path::{Path, PathBuf};
use std::process::Output;

use gdal::raster::{Buffer, GdalType, RasterCreationOptions};
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DriverManager, Metadata};

use self::oracle::{gdal_translate, gdal_warp};
use self::program::program;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut all = vec!["merge"];
    all.extend(args);
    program(folder, &all).output().unwrap()
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
        (&["a.tif", "-o", "text.tif", "--overwrite"], 4, "no TIFF"),
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
