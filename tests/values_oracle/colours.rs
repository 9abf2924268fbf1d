//! Colour maps beside matplotlib's, formulas beside rio-color's: the goldens of `src/style`, from the command line into tiles.

use gdal::raster::Buffer;
use gdal::spatial_ref::SpatialRef;

use super::desk::{Desk, fixture};
use super::tiles::tile_at;

use azulejo::geo::scheme::Scheme;

/// What `scripts/colormaps.py` noted of matplotlib's: name, the colours at [`PLACES`], a digest.
const MATPLOTLIB: &str = include_str!("../../src/style/colormap/tests/matplotlib.txt");

/// Places, of 256, that are noted.
const PLACES: [u8; 5] = [0, 64, 128, 200, 255];

/// What rio-color makes of 200 colours by twelve formulas.
const RIO_COLOR: &str = include_str!("../../src/style/formula/tests/rio_color.txt");

/// A colour in six hexadecimal digits.
fn colour(digits: &str) -> [u8; 3] {
    let [_, rgb @ ..] = u32::from_str_radix(digits, 16).unwrap().to_be_bytes();
    rgb
}

/// A map is over the 256 grays that a stretch makes, as rio-tiler has it: values are rounded to grays first. (matplotlib cuts values
/// into 256 equal parts, which is another colour of the map beside it at places.)
#[test]
fn maps_in_tiles_have_the_colours_of_matplotlib() {
    let (desk, source) = (Desk::new(), fixture("n43_ontario.tif"));
    let over = ["--rescale", "75,349", "-z", "8"];
    desk.tile(&source, "gray/", &over).ok();
    let grays = desk.pictures("gray/", 8);
    let mut n = [0; PLACES.len()];
    for name in [
        "viridis",
        "terrain_r",
        "RdYlGn",
        "twilight",
        "tab20",
        "gist_earth",
    ] {
        let line = MATPLOTLIB
            .lines()
            .find(|line| line.split(' ').next() == Some(name));
        let noted: Vec<&str> = line
            .unwrap()
            .split(' ')
            .skip(1)
            .take(PLACES.len())
            .collect();
        let args = [&over[..], &["--colormap", name, "--overwrite"]].concat();
        desk.tile(&source, "map/", &args).ok();
        for (tile, found) in desk.pictures("map/", 8) {
            for (found, gray) in found.into_iter().zip(&grays[&tile]) {
                assert_eq!(found[3], gray[3], "{name} {tile}");
                let place = PLACES.iter().position(|place| *place == gray[0]);
                if let (Some(place), true) = (place, gray[3] > 0) {
                    assert_eq!(found[..3], colour(noted[place]), "{name} {tile}");
                    n[place] += 1;
                }
            }
        }
    }
    println!("pixels beside matplotlib's at {PLACES:?}: {n:?}");
    assert!(n.into_iter().all(|n| n > 100), "{n:?}");
}

/// A raster with these colours in its columns, on the pixels of tile 10/536/360.
fn columns(desk: &Desk, colours: &[[u8; 3]]) -> String {
    const HIGH: usize = 4;
    let bounds = Scheme::named("WebMercatorQuad")
        .unwrap()
        .bounds(tile_at(10, 536, 360));
    let pixel = bounds.width() / 256.0;
    let path = desk.path("colours.tif");
    let size = (colours.len(), HIGH);
    let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut raster = driver
        .create_with_band_type::<u8, _>(&path, size.0, size.1, 3)
        .unwrap();
    raster
        .set_spatial_ref(&SpatialRef::from_epsg(3857).unwrap())
        .unwrap();
    raster
        .set_geo_transform(&[bounds.west, pixel, 0.0, bounds.north, 0.0, -pixel])
        .unwrap();
    for band in 0..3 {
        let row = colours.iter().map(|colour| colour[band]);
        let values: Vec<u8> = row.cycle().take(size.0 * HIGH).collect();
        let mut values = Buffer::new(size, values);
        raster
            .rasterband(band + 1)
            .unwrap()
            .write((0, 0), size, &mut values)
            .unwrap();
    }
    path.to_str().unwrap().to_owned()
}

#[test]
fn formulas_in_tiles_make_the_colours_of_rio_color() {
    let lines = || RIO_COLOR.lines().filter(|line| !line.starts_with('#'));
    let formulas = lines().filter_map(|line| line.strip_prefix("= "));
    let rows: Vec<Vec<[u8; 3]>> = lines()
        .filter(|line| !line.starts_with('='))
        .map(|line| line.split(' ').map(colour).collect())
        .collect();
    let given: Vec<[u8; 3]> = rows.iter().map(|row| row[0]).collect();
    let (desk, mut n, mut higher) = (Desk::new(), 0, 0);
    let source = columns(&desk, &given);
    for (k, formula) in formulas.enumerate() {
        let args = [
            "-z",
            "10",
            "-r",
            "nearest",
            "--overwrite",
            "--color-formula",
            formula,
        ];
        desk.tile(&source, "t/", &args).ok();
        let picture = &desk.pictures("t/", 10)[&tile_at(10, 536, 360)];
        for (col, row) in rows.iter().enumerate() {
            assert_eq!(picture[col][3], 255);
            for (ours, theirs) in picture[col].iter().zip(row[k + 1]) {
                // They cut the fraction off; what is a hair below a whole number is that number here.
                assert!(
                    *ours == theirs || *ours == theirs + 1,
                    "{formula}: {row:?} {ours}"
                );
                n += 1;
                higher += usize::from(*ours > theirs);
            }
        }
    }
    println!("{n} channels beside rio-color's, {higher} higher by 1");
    assert!(n == 200 * 12 * 3 && higher * 40 < n, "{higher} of {n}");
}
