//! Shade, slope and colours of heights in tiles beside `gdaldem`, which is given the same heights: those of the file, warped by
//! gdalwarp onto the tile and one pixel more on every side.
//!
//! Shade and slope are in metres on the ground, which get fewer from row to row of a tile in Web Mercator, and differ by some
//! tenths of a percent from west to east and from south to north. gdaldem before 3.11 knows one size of pixels for a raster. So it
//! is given every row of a tile by itself, with those above and below it, as a raster of three rows whose pixels measure what
//! that row's do: that is the only difference from calling it once, and holds for every version.

use azulejo::geo::bounds::Bounds;
use azulejo::geo::scheme::Scheme;
use azulejo::geo::tile::TileCoord;
use gdal::Dataset;
use gdal::raster::Buffer;

use super::desk::{Desk, fixture};
use super::oracle;
use super::tiles::tile_at;

const TILE: usize = 256;

/// A tile's heights, with one pixel more on every side.
const WIDE: usize = TILE + 2;

/// Above and below the zoom that fits the file.
const ZOOMS: [u8; 2] = [8, 9];

fn ontario() -> String {
    fixture("n43_ontario.tif")
}

fn bounds(tile: TileCoord) -> Bounds {
    Scheme::named("WebMercatorQuad").unwrap().bounds(tile)
}

/// What gdalwarp makes of a tile's heights, with its margin.
fn warped(source: &Dataset, tile: TileCoord) -> Vec<f32> {
    let b = bounds(tile);
    let (dx, dy) = (b.width() / TILE as f64, b.height() / TILE as f64);
    let place = [b.west - dx, b.south - dy, b.east + dx, b.north + dy];
    oracle::warped_onto(source, place, (WIDE, WIDE), "bilinear")
}

/// How wide and how high the pixels of a row are on the ground: Web Mercator takes degrees of the ellipsoid for degrees of a sphere of
/// the equator's radius, so lengths along a parallel and along a meridian are divided by different scales.
fn pixel_m(tile: TileCoord, row: usize) -> [f64; 2] {
    const RADIUS_M: f64 = 6_378_137.0;
    const E2: f64 = 0.006_694_379_990_141_316;
    let b = bounds(tile);
    let y = b.north - b.height() * (row as f64 + 0.5) / TILE as f64;
    let lat = (y / RADIUS_M).sinh().atan();
    let w = (1.0 - E2 * lat.sin().powi(2)).sqrt();
    let side = b.width() / TILE as f64;
    [
        side * lat.cos() / w,
        side * lat.cos() * (1.0 - E2) / w.powi(3),
    ]
}

/// pyproj's `Geod(ellps="WGS84").inv` from side to side of the pixel in the middle of these rows.
#[test]
fn pixels_measure_what_geodesics_do() {
    let tile = tile_at(8, 71, 93);
    for (row, expected) in GEODESICS {
        for (found, expected) in pixel_m(tile, row).into_iter().zip(expected) {
            assert!(
                (found / expected - 1.0).abs() < 1e-6,
                "{row}: {found} {expected}"
            );
        }
    }
}

const GEODESICS: [(usize, [f64; 2]); 3] = [
    (0, [439.951751, 438.427214]),
    (100, [442.875331, 441.320199]),
    (255, [447.402602, 445.799289]),
];

/// A raster in memory.
fn raster(heights: &[f32], size: (usize, usize), [wide, high]: [f64; 2]) -> Dataset {
    let driver = gdal::DriverManager::get_driver_by_name("MEM").unwrap();
    let mut dataset = driver
        .create_with_band_type::<f32, _>("", size.0, size.1, 1)
        .unwrap();
    dataset
        .set_geo_transform(&[0.0, wide, 0.0, 0.0, 0.0, -high])
        .unwrap();
    let mut band = dataset.rasterband(1).unwrap();
    band.set_no_data_value(Some(-9999.0)).unwrap();
    let mut values = Buffer::new(size, heights.to_vec());
    band.write((0, 0), size, &mut values).unwrap();
    dataset
}

/// What gdaldem makes of a tile, row by row.
fn gdaldem(heights: &[f32], tile: TileCoord, mode: &str, args: &[&str]) -> Vec<f64> {
    let mut all = Vec::new();
    for row in 0..TILE {
        let three = &heights[row * WIDE..(row + 3) * WIDE];
        let three = raster(three, (WIDE, 3), pixel_m(tile, row));
        let made = oracle::gdal_dem(&three, mode, None, args);
        let band = made.rasterband(1).unwrap();
        let line = band.read_as::<f64>((1, 1), (TILE, 1), (TILE, 1), None);
        all.extend_from_slice(line.unwrap().data());
    }
    all
}

/// By how much pixels differ: how many by nothing, by 1, and by more.
#[derive(Debug, Default, Clone, Copy)]
struct Apart {
    by: [usize; 3],
    most: u8,
}

impl Apart {
    fn add(&mut self, ours: u8, theirs: u8) {
        let by = ours.abs_diff(theirs);
        self.by[usize::from(by.min(2))] += 1;
        self.most = self.most.max(by);
    }

    fn n(&self) -> usize {
        self.by.iter().sum()
    }

    /// In a thousand.
    fn share(&self) -> f64 {
        (self.by[1] + self.by[2]) as f64 * 1000.0 / self.n() as f64
    }
}

/// Pixels at the edges of tiles, and all others.
#[derive(Default)]
struct Sides {
    edge: Apart,
    inner: Apart,
}

impl Sides {
    fn add(&mut self, k: usize, ours: u8, theirs: u8) {
        let at_edge = [k % TILE, k / TILE]
            .iter()
            .any(|&at| at == 0 || at == TILE - 1);
        let side = if at_edge {
            &mut self.edge
        } else {
            &mut self.inner
        };
        side.add(ours, theirs);
    }

    fn check(&self, what: &str) {
        let Self { edge, inner } = self;
        println!(
            "{what}: {} pixels, {:.2} in a thousand differ, by {} at most; {} at edges of tiles, {:.2} in a thousand, by {}",
            inner.n(),
            inner.share(),
            inner.most,
            edge.n(),
            edge.share(),
            edge.most
        );
        assert!(inner.n() > 200_000 && edge.n() > 2000, "{what}");
        for apart in [edge, inner] {
            assert!(apart.most <= 1 && apart.share() < 0.2, "{what}: {apart:?}");
        }
    }
}

/// Bakes Ontario with `args` and compares every tile with what `theirs` makes of its heights: a byte a pixel, or nothing where
/// gdaldem has nothing, which is also beside holes.
fn compare(what: &str, args: &[&str], theirs: impl Fn(&[f32], TileCoord) -> Vec<Option<u8>>) {
    let (desk, source) = (Desk::new(), Dataset::open(ontario()).unwrap());
    let mut sides = Sides::default();
    for z in ZOOMS {
        let to = format!("{z}/");
        desk.tile(&ontario(), &to, &[args, &["-z", &z.to_string()]].concat())
            .ok();
        for (tile, ours) in desk.pictures(&to, z) {
            let heights = warped(&source, tile);
            let mut seen = 0;
            for (k, (ours, theirs)) in ours.iter().zip(theirs(&heights, tile)).enumerate() {
                let height = heights[(k / TILE + 1) * WIDE + k % TILE + 1];
                seen += usize::from((height > -9999.0) != (ours[3] > 0));
                if let (Some(theirs), true) = (theirs, ours[3] > 0) {
                    sides.add(k, ours[0], theirs);
                }
            }
            assert!(
                seen < 20,
                "{what} {tile}: {seen} pixels are there in one alone"
            );
        }
    }
    sides.check(what);
}

#[test]
fn shade_across_tiles_is_gdaldems() {
    for (args, of_gdal) in [
        (&["--hillshade"][..], &[][..]),
        (
            &["--hillshade=100,20,8"],
            &["-az", "100", "-alt", "20", "-z", "8"],
        ),
        (
            &["--hillshade=315,45,20", "--light", "multidirectional"],
            &["-multidirectional", "-z", "20"],
        ),
        (
            &["--hillshade=315,45,20", "--light", "combined"],
            &["-combined", "-z", "20"],
        ),
    ] {
        compare(&args.join(" "), args, |heights, tile| {
            let shades = gdaldem(heights, tile, "hillshade", of_gdal).into_iter();
            // It begins at 1, and 0 is nothing.
            shades
                .map(|shade| (shade > 0.0).then_some(shade as u8))
                .collect()
        });
    }
}

#[test]
fn slopes_across_tiles_are_gdaldems() {
    for (args, of_gdal) in [
        (&["--slope", "--rescale", "0,4"][..], &[][..]),
        (&["--slope=percent", "--rescale", "0,8"], &["-p"]),
    ] {
        let most: f64 = args[2].split_once(',').unwrap().1.parse().unwrap();
        compare(&args.join(" "), args, |heights, tile| {
            let slopes = gdaldem(heights, tile, "slope", of_gdal).into_iter();
            let byte = |slope: f64| (slope / most * 255.0 + 0.5).min(255.0) as u8;
            slopes
                .map(|slope| (slope > -9999.0).then(|| byte(slope)))
                .collect()
        });
    }
}

/// Colours of GDAL's own test (autotest/utilities/data/color_file.txt).
const COLOURS: &str = "500 255 255 255\n450 235 220 175\n300 190 185 135\n150 240 250 150\n76 50 180 50\n75 200 230 255\n\
                       -32768 200 230 255\n";

#[test]
fn colours_across_tiles_are_gdaldems() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("colours.txt");
    std::fs::write(&file, COLOURS).unwrap();
    let (desk, source) = (Desk::new(), Dataset::open(ontario()).unwrap());
    let (mut apart, mut n_tiles) = (Apart::default(), 0);
    for z in ZOOMS {
        let to = format!("{z}/");
        let args = [
            "--color-relief",
            file.to_str().unwrap(),
            "-r",
            "bilinear",
            "-z",
        ];
        desk.tile(&ontario(), &to, &[&args[..], &[&z.to_string()]].concat())
            .ok();
        for (tile, ours) in desk.pictures(&to, z) {
            let heights = warped(&source, tile);
            let dem = raster(&heights, (WIDE, WIDE), [1.0, 1.0]);
            let made = oracle::gdal_dem(&dem, "color-relief", Some(&file), &["-alpha"]);
            let bands = [1, 2, 3, 4].map(|band| {
                let band = made.rasterband(band).unwrap();
                let inner = band.read_as::<u8>((1, 1), (TILE, TILE), (TILE, TILE), None);
                inner.unwrap().data().to_vec()
            });
            for (k, ours) in ours.iter().enumerate() {
                let there = heights[(k / TILE + 1) * WIDE + k % TILE + 1] > -9999.0;
                if there && ours[3] > 0 {
                    (0..4).for_each(|c| apart.add(ours[c], bands[c][k]));
                }
            }
            n_tiles += 1;
        }
    }
    println!(
        "colours: {} samples in {n_tiles} tiles, {:?}",
        apart.n(),
        apart
    );
    // Up to 3.6 at least, GDAL rounds up from .55, not from .5.
    assert!(
        apart.n() > 400_000 && apart.most <= 1 && apart.share() < 60.0,
        "{apart:?}"
    );
}
