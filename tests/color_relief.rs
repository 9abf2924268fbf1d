//! Colour maps beside `gdaldem color-relief` of the GDAL that is linked.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod oracle;
mod rasters;
mod skip;

use std::path::{Path, PathBuf};

use azulejo::source::gdal::init;
use azulejo::style::colormap::{Between, ColorMap};
use gdal::Dataset;
use gdal::raster::Buffer;

use self::oracle::gdal_dem;
use self::rasters::{fixture, shared};
use self::skip::skipped;

/// Heights of GDAL's own test (autotest/utilities/data/color_file.txt).
const HEIGHTS: &str = "500   255 255 255\n450   235 220 175\n300   190 185 135\n150    240 250 150\n76      50  180  50\n\
                       75  200 230 255\n-32768 200 230 255\n";

/// `gdaldem color-relief -alpha`: four bytes a pixel.
fn color_relief(source: &Dataset, file: &Path, args: &[&str]) -> Vec<u8> {
    let all = [&["-alpha"], args].concat();
    let relief = gdal_dem(source, "color-relief", Some(file), &all);
    let bands: Vec<Vec<u8>> = (1..=4).map(|band| read(&relief, band)).collect();
    (0..bands[0].len())
        .flat_map(|k| [0, 1, 2, 3].map(|band| bands[band][k]))
        .collect()
}

fn read<T: Copy + gdal::raster::GdalType>(dataset: &Dataset, band: usize) -> Vec<T> {
    let band = dataset.rasterband(band).unwrap();
    let size = band.size();
    let values: Buffer<T> = band.read_as((0, 0), size, size, None).unwrap();
    values.data().to_vec()
}

/// The same by a colour map of ours.
fn painted(map: &ColorMap, values: &[f32]) -> Vec<u8> {
    let mut mask = vec![255; values.len()];
    let mut rgb = vec![0; 3 * values.len()];
    map.apply(values, &mut mask, &mut rgb);
    let pixels = rgb.as_chunks::<3>().0.iter().zip(mask);
    pixels.flat_map(|(&[r, g, b], a)| [r, g, b, a]).collect()
}

/// What GDAL's tests know pictures by (GDALChecksumImage).
fn checksum(bytes: impl Iterator<Item = u8>) -> u32 {
    const PRIMES: [u32; 11] = [7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43];
    bytes
        .zip(PRIMES.into_iter().cycle())
        .fold(0, |sum, (byte, prime)| {
            (sum + u32::from(byte) % prime) & 0xFFFF
        })
}

#[test]
fn heights_have_the_colors_that_the_tests_of_gdal_expect() {
    init();
    let values: Vec<f32> = read(&Dataset::open(fixture("n43_ontario.tif")).unwrap(), 1);
    let map = ColorMap::from_file("color_file.txt", HEIGHTS.as_bytes()).unwrap();
    let sums = |map: &ColorMap| {
        let all = painted(map, &values);
        [0, 1, 2, 3].map(|band| checksum(all.iter().skip(band).step_by(4).copied()))
    };
    // The first three from autotest/utilities/test_gdaldem.py.
    assert_eq!(sums(&map), [55066, 37594, 47768, 48613]);
    // From gdaldem 3.6.
    let nearest = map.with_between(Between::Nearest).unwrap();
    assert_eq!(sums(&nearest), [57296, 42926, 47181, 48613]);
}

/// How the GDAL that is linked differs from later ones.
struct Quirks {
    /// Colours are rounded up from .55 (up to 3.6 at least), not from .5.
    rounds_down: bool,
    /// Of exact entries only the least is found (up to 3.6 at least).
    misses_entries: bool,
}

fn quirks(folder: &Path) -> Quirks {
    let path = folder.join("three.tif");
    let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
    let three = driver
        .create_with_band_type::<f32, _>(&path, 3, 1, 1)
        .unwrap();
    let mut values = Buffer::new((3, 1), vec![0.0_f32, 5.5, 10.0]);
    three
        .rasterband(1)
        .unwrap()
        .write((0, 0), (3, 1), &mut values)
        .unwrap();
    let file = folder.join("three.txt");
    std::fs::write(&file, "0 0 0 0\n10 10 10 10\n").unwrap();
    Quirks {
        rounds_down: color_relief(&three, &file, &[])[4] == 5,
        misses_entries: color_relief(&three, &file, &["-exact_color_entry"])[11] == 0,
    }
}

/// Sources, and files with colours for them.
fn pairs() -> Vec<(PathBuf, &'static str)> {
    let mut pairs = vec![
        (fixture("n43_ontario.tif"), HEIGHTS),
        (
            fixture("n43_ontario.tif"),
            "nv 0 0 0 0\n80 red 0\n100 green\n100 blue\n163.5 #808080\n400:1:2:3:4\n",
        ),
        (
            fixture("byte.tif"),
            "0% white\n50%,127,0,0,64\n100% black\n",
        ),
        (fixture("byte.tif"), "107 1 2 3\n123 4 5 6\n132 7 8 9 10\n"),
    ];
    let more = [
        (
            "dem/elev_sf_float32.tif",
            "0 0 97 71\n20.25 16 122 47\n50 232 215 125\n50 161 67 0\n200 255 255 255 0\n",
        ),
        (
            "dem/dc_dsm_2m.tif",
            "0% 0 0 0\n33% 255 0 0\n66% 0 255 0 100\n100% 255 255 255\n",
        ),
        (
            "dem/zion_srtm_uint16.tif",
            "1000 0 97 71\n1500.5 16 122 47\n2000 232 215 125\n2600 255 255 255\n",
        ),
        (
            "dem/craterlake_int16.tif",
            "0 0 97 71\n1800 16 122 47\n2000 232 215 125\n2600 255 255 255\n",
        ),
    ];
    for (name, colors) in more {
        if let Some(path) = shared(name) {
            pairs.push((path, colors));
        }
    }
    pairs
}

#[test]
fn rasters_have_the_colors_that_gdaldem_gives_them() {
    init();
    let folder = tempfile::tempdir().unwrap();
    let quirks = quirks(folder.path());
    if quirks.misses_entries {
        skipped("exact entries beside gdaldem's, which finds the least alone in this version");
    }
    for (path, colors) in pairs() {
        // A copy, as GDAL writes statistics beside what percentages are of.
        let copy = folder.path().join(path.file_name().unwrap());
        std::fs::copy(&path, &copy).unwrap();
        let dataset = Dataset::open(&copy).unwrap();
        // gdaldem does not know what stands for a digit here.
        let file = folder.path().join("colors.txt");
        std::fs::write(&file, colors.replace("#808080", "128 128 128")).unwrap();
        let values: Vec<f32> = read(&dataset, 1);
        let band = dataset.rasterband(1).unwrap();
        let nodata = band.no_data_value().map(|value| value as f32);
        let mut map = ColorMap::from_file("colors.txt", colors.as_bytes()).unwrap();
        if map.needs_range() {
            let told = band.compute_raster_min_max(false).unwrap();
            map = map.with_range(told.min, told.max).unwrap();
        }
        for (between, arg) in [
            (Between::Interpolated, None),
            (Between::Nearest, Some("-nearest_color_entry")),
            (Between::Nothing, Some("-exact_color_entry")),
        ] {
            if between == Between::Nothing && quirks.misses_entries {
                continue;
            }
            let map = map.clone().with_between(between).unwrap();
            let ours = painted(&map, &values);
            let theirs = color_relief(&dataset, &file, arg.as_slice());
            let (mut n, mut n_apart) = (0, 0);
            let pixels = ours
                .as_chunks::<4>()
                .0
                .iter()
                .zip(theirs.as_chunks::<4>().0);
            for (value, (ours, theirs)) in values.iter().zip(pixels) {
                // Nodata is masked before it comes to a map.
                if Some(*value) == nodata || value.is_nan() {
                    continue;
                }
                n += 1;
                // What is transparent has no other colour with us.
                if ours == theirs || (ours[3] == 0 && theirs[3] == 0) {
                    continue;
                }
                n_apart += 1;
                let near = ours
                    .iter()
                    .zip(theirs)
                    .all(|(a, b)| *a == *b || *a == *b + 1);
                let known = quirks.rounds_down && between == Between::Interpolated && near;
                assert!(known, "{path:?} {between:?} {value}: {ours:?}, {theirs:?}");
            }
            println!(
                "{}: {between:?}, {n} pixels, {n_apart} rounded otherwise",
                path.display()
            );
            assert!(
                n > 100 && n_apart * 4 < n,
                "{path:?} {between:?}: {n_apart} of {n}"
            );
        }
    }
}
