//! Heights in colours beside the file they come from, gdalwarp, and rio-rgbify.

use std::collections::BTreeMap;
use std::path::Path;

use azulejo::geo::scheme::Scheme;
use azulejo::geo::tile::TileCoord;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use super::desk::Desk;
use super::tiles::{child_at, heights, mapbox, terrarium};
use super::{data, oracle};

/// A file of heights, and where its pixels are.
struct Dem {
    values: Vec<f64>,
    size: (usize, usize),
    /// A geotransform.
    place: [f64; 6],
}

fn dem(path: &str) -> Dem {
    let dataset = Dataset::open(path).unwrap();
    let band = dataset.rasterband(1).unwrap();
    let size = band.size();
    let values = band.read_as::<f64>((0, 0), size, size, None).unwrap();
    Dem {
        values: values.data().to_vec(),
        size,
        place: dataset.geo_transform().unwrap(),
    }
}

impl Dem {
    /// The pixel over the middle of a tile's pixel; nothing beside the file, or where two are as near.
    fn at(&self, tile: TileCoord, k: usize) -> Option<f64> {
        let b = Scheme::named("WebMercatorQuad").unwrap().bounds(tile);
        let part = |n: usize| (n as f64 + 0.5) / 256.0;
        let [east, north] = [
            b.west + b.width() * part(k % 256),
            b.north - b.height() * part(k / 256),
        ];
        let [col, row] = [
            (east - self.place[0]) / self.place[1],
            (north - self.place[3]) / self.place[5],
        ];
        let edge = |at: f64| (at - at.round()).abs() < 1e-6;
        let inside =
            (0.0..self.size.0 as f64).contains(&col) && (0.0..self.size.1 as f64).contains(&row);
        (inside && !edge(col) && !edge(row))
            .then(|| self.values[row as usize * self.size.0 + col as usize])
    }
}

/// A format of heights: its name, half a step of it, and what a colour stands for.
type Format = (&'static str, f64, fn([f64; 3]) -> f64);

/// Both of them.
const FORMATS: [Format; 2] = [
    ("terrarium", 0.5 / 256.0, terrarium),
    ("terrain-rgb", 0.05, mapbox),
];

/// San Francisco's heights, in the coordinates of the tiles.
const HEIGHTS: &str = "dem/elev_sf_float32.tif";

#[test]
fn heights_of_pixels_are_those_of_the_file() {
    let Some(source) = data(HEIGHTS) else { return };
    let (desk, dem) = (Desk::new(), dem(&source));
    for (format, half, height) in FORMATS {
        let args = ["-f", format, "-z", "15", "-r", "nearest"];
        desk.tile(&source, &format!("{format}/"), &args).ok();
        let (mut n, mut worst) = (0, 0.0_f64);
        for (tile, found) in heights(&desk.pictures(&format!("{format}/"), 15), height) {
            for (k, found) in found.into_iter().enumerate() {
                if let Some(expected) = dem.at(tile, k) {
                    worst = worst.max((found.unwrap() - expected).abs());
                    n += 1;
                }
            }
        }
        println!("{format}: {n} heights, worst {worst:.6} m");
        assert!(
            n > 300_000 && worst <= half * 1.0001,
            "{format}: {worst} of {n}"
        );
    }
}

#[test]
fn resampled_heights_are_those_of_gdalwarp_and_overviews_their_means() {
    let Some(source) = data(HEIGHTS) else { return };
    let dataset = Dataset::open(&source).unwrap();
    let desk = Desk::new();
    for (format, half, height) in FORMATS {
        let to = format!("{format}/");
        desk.tile(&source, &to, &["-f", format, "-z", "14-16"]).ok();
        let at = |z: u8| heights(&desk.pictures(&to, z), height);
        let (mut n, mut worst) = (0, 0.0_f64);
        for (tile, found) in at(16) {
            let b = Scheme::named("WebMercatorQuad").unwrap().bounds(tile);
            let place = [b.west, b.south, b.east, b.north];
            let theirs = oracle::warped_onto(&dataset, place, (256, 256), "bilinear");
            for (found, theirs) in found.into_iter().zip(theirs) {
                if let (Some(found), true) = (found, theirs > -9999.0) {
                    worst = worst.max((found - f64::from(theirs)).abs());
                    n += 1;
                }
            }
        }
        println!("{format}: {n} heights beside gdalwarp, worst {worst:.6} m");
        assert!(
            n > 1_000_000 && worst <= half + 1e-3,
            "{format}: {worst} of {n}"
        );
        for z in [14, 15] {
            check_means(&at(z), &at(z + 1), 2.0 * half, format);
        }
        check_colours_would_not_do(&desk, &to, (half, height));
    }
}

/// The four pixels below one.
fn below<T: Copy>(base: &BTreeMap<TileCoord, Vec<T>>, tile: TileCoord, k: usize) -> Option<[T; 4]> {
    let (col, row) = (2 * (k % 256), 2 * (k / 256));
    let child = base.get(&child_at(tile, (col / 256, row / 256)))?;
    Some(
        [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(c, r)| child[(row % 256 + r) * 256 + col % 256 + c]),
    )
}

/// Compares heights with the means of the four below them. Each of both is off by up to half of a step.
fn check_means(
    over: &BTreeMap<TileCoord, Vec<Option<f64>>>,
    base: &BTreeMap<TileCoord, Vec<Option<f64>>>,
    step: f64,
    format: &str,
) {
    let (mut n, mut worst) = (0, 0.0_f64);
    for (tile, over) in over {
        for (k, found) in over.iter().enumerate() {
            if let (Some([Some(a), Some(b), Some(c), Some(d)]), Some(found)) =
                (below(base, *tile, k), found)
            {
                worst = worst.max((found - (a + b + c + d) / 4.0).abs());
                n += 1;
            }
        }
    }
    println!("{format}: {n} heights of an overview, worst {worst:.6} m");
    assert!(
        n > 500 && worst <= step * 1.0001,
        "{format}: {worst} of {n}"
    );
}

/// The same heights show when someone takes means of colours.
fn check_colours_would_not_do(desk: &Desk, to: &str, (half, height): (f64, fn([f64; 3]) -> f64)) {
    let (over, base) = (desk.pictures(to, 15), desk.pictures(to, 16));
    let over = heights(&over, height);
    let mut wrong = 0;
    for (tile, over) in &over {
        for (k, found) in over.iter().enumerate() {
            if let (Some(four), Some(found)) = (below(&base, *tile, k), found) {
                let mean = [0, 1, 2]
                    .map(|c| (four.iter().map(|p| f64::from(p[c])).sum::<f64>() / 4.0).round());
                wrong += usize::from((height(mean) - found).abs() > 4.0 * half);
            }
        }
    }
    assert!(wrong > 1000, "{wrong}: these heights cannot tell");
}

#[test]
fn heights_are_those_that_rio_rgbify_wrote() {
    let (Some(source), Some(golden)) = (data(HEIGHTS), data("golden/rgbify/elev-rgb.tif")) else {
        return;
    };
    let desk = Desk::new();
    let near = ["-z", "15", "-r", "nearest"];
    let codes = [
        "-f",
        "terrain-rgb",
        "--height-base",
        "-100",
        "--height-interval",
        "0.001",
    ];
    desk.tile(&source, "ours/", &[&near[..], &codes].concat())
        .ok();
    desk.tile(&golden, "theirs/", &near).ok();
    let code = |[r, g, b, _]: [u8; 4]| i64::from(u32::from_be_bytes([0, r, g, b]));
    let theirs = desk.pictures("theirs/", 15);
    let (mut n, mut above) = (0, [0_usize; 3]);
    for (tile, ours) in desk.pictures("ours/", 15) {
        for (ours, theirs) in ours.into_iter().zip(&theirs[&tile]) {
            assert_eq!(ours[3], theirs[3], "{tile}");
            if ours[3] > 0 {
                // They cut the fraction off, with some noise; ours is rounded.
                let more = code(ours) - code(*theirs);
                assert!((0..=2).contains(&more), "{tile}: {ours:?} {theirs:?}");
                above[more as usize] += 1;
                n += 1;
            }
        }
    }
    println!("{n} codes beside rio-rgbify's: {above:?} higher by 0, 1, 2");
    assert!(n > 300_000 && above[2] * 100 < n, "{above:?}");
}

/// A copy of a file of heights with holes in it: single pixels, and a block of them.
fn holed(desk: &Desk, source: &str, nodata: &str) -> String {
    let copy = desk.path("holed.tif");
    oracle::gdal_translate(Path::new(source), &copy, &["-a_nodata", nodata]);
    let update = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_UPDATE,
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open_ex(&copy, update).unwrap();
    let mut band = dataset.rasterband(1).unwrap();
    let size = band.size();
    let mut values = band.read_as::<f64>((0, 0), size, size, None).unwrap();
    for (k, value) in values.data_mut().iter_mut().enumerate() {
        let (col, row) = (k % size.0, k / size.0);
        let block =
            (size.0 / 3..size.0 / 2).contains(&col) && (size.1 / 4..size.1 / 2).contains(&row);
        if block || k % 37 == 0 {
            *value = nodata.parse().unwrap();
        }
    }
    band.write((0, 0), size, &mut values).unwrap();
    copy.to_str().unwrap().to_owned()
}

#[test]
fn nothing_stands_out_beside_holes() {
    for (name, z, nodata) in [
        // Heights of 8 bits are no whole metres once they are resampled.
        ("georef/byte.tif", 13, "0"),
        ("dem/n43_ontario.tif", 9, "-32767"),
        ("dem/elev_sf_float32.tif", 15, "-32767"),
        ("dem/craterlake_int16.tif", 13, "-32767"),
        ("dem/alps_lv95_nodata.tif", 16, "-32767"),
    ] {
        let Some(source) = data(name) else { continue };
        let desk = Desk::new();
        let source = holed(&desk, &source, nodata);
        let nodata: f64 = nodata.parse().unwrap();
        let values = dem(&source).values.into_iter().filter(|v| *v != nodata);
        let ends = values.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        for format in FORMATS {
            println!("{name} with holes");
            check_beside_holes(&desk, &source, z, format, ends);
        }
    }
}

/// Base tiles beside gdalwarp, those above beside their means, and whether all heights are from the lowest to the highest.
fn check_beside_holes(
    desk: &Desk,
    source: &str,
    z: u8,
    (format, half, height): Format,
    (least, most): (f64, f64),
) {
    let (dataset, zooms) = (Dataset::open(source).unwrap(), format!("{}-{z}", z - 3));
    desk.tile(source, "t/", &["-f", format, "-z", &zooms, "--overwrite"])
        .ok();
    let (mut n, mut n_holes, mut alone, mut worst) = (0, 0, 0, 0.0_f64);
    for z in z - 3..=z {
        for (tile, found) in heights(&desk.pictures("t/", z), height) {
            for height in found.into_iter().flatten() {
                let inside = height >= least - half * 1.01 && height <= most + half * 1.01;
                assert!(
                    inside,
                    "{source} {format} {tile}: {height} beside {least} to {most}"
                );
            }
        }
    }
    for (tile, found) in heights(&desk.pictures("t/", z), height) {
        let b = Scheme::named("WebMercatorQuad").unwrap().bounds(tile);
        let place = [b.west, b.south, b.east, b.north];
        let theirs = oracle::warped_onto(&dataset, place, (256, 256), "bilinear");
        for (found, theirs) in found.into_iter().zip(theirs) {
            match found {
                Some(found) if theirs > -9999.0 => {
                    worst = worst.max((found - f64::from(theirs)).abs());
                    n += 1;
                }
                None if theirs == -9999.0 => n_holes += 1,
                _ => alone += 1,
            }
        }
    }
    let at = |z: u8| heights(&desk.pictures("t/", z), height);
    check_means(&at(z - 1), &at(z), 2.0 * half, format);
    println!(
        "{format}: {n} heights beside gdalwarp, worst {worst:.6} m; {n_holes} holes, {alone} in one alone"
    );
    assert!(
        n > 3000 && worst <= half + 1e-3,
        "{source} {format}: {worst} of {n}"
    );
    assert!(
        n_holes > 1000 && alone * 1000 < n,
        "{source} {format}: {alone} of {n_holes}"
    );
}
