//! Which tiles are baked, beside a brute-force cover: every pixel of every tile asked of GDAL whether a source is there.
//! Sources in 0..360, across the antimeridian, over a pole, all round the Earth, wider than it: each must be baked where it
//! is, nowhere else, and no more tiles be worked on than it touches.
//!
//! The one exception: a pixel's centre may be off by 0.02 source pixels, which is the program's promise. A tile all of whose
//! pixels are so near to an edge may be there or not.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "cover/brute.rs"]
mod brute;
#[path = "cover/grid.rs"]
mod grid;
mod oracle;
mod program;
mod skip;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gdal::raster::Buffer;
use gdal::spatial_ref::SpatialRef;

use self::brute::{Address, Brute, Found};
use self::grid::{ANTARCTIC, ARCTIC, DEGREES, Grid, MERCATOR, UTM_60};
use self::oracle::gdal_translate;
use self::program::program;

/// Zooms up to this one are looked through tile by tile.
const EXHAUSTIVE: u8 = 1;

/// Places that are the same on the Earth, in degrees, and on Mercator's and Plate Carrée's cylinders.
const ROUND_DEGREES: &[f64] = &[0.0, 360.0, -360.0];
const ROUND_METRES: &[f64] = &[0.0, 40_075_016.685_578_49, -40_075_016.685_578_49];
const ONCE: &[f64] = &[0.0];

/// A raster that says nothing about pixels that are not there, made for a test.
struct Made {
    name: &'static str,
    crs: &'static str,
    geotransform: [f64; 6],
    size: (usize, usize),
    turns: &'static [f64],
}

impl Made {
    /// North up, from `west` to `east` and from `south` to `north`.
    fn new(
        name: &'static str,
        crs: &'static str,
        [west, south, east, north]: [f64; 4],
        (width, height): (usize, usize),
        turns: &'static [f64],
    ) -> Self {
        let (dx, dy) = (
            (east - west) / width as f64,
            (north - south) / height as f64,
        );
        Self {
            name,
            crs,
            geotransform: [west, dx, 0.0, north, 0.0, -dy],
            size: (width, height),
            turns,
        }
    }

    fn write(&self, folder: &Path, value: impl Fn(usize, usize) -> u8) -> PathBuf {
        let path = folder.join(format!("{}.tif", self.name));
        let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
        let (width, height) = self.size;
        let mut dataset = driver
            .create_with_band_type::<u8, _>(&path, width, height, 1)
            .unwrap();
        dataset.set_geo_transform(&self.geotransform).unwrap();
        let srs = SpatialRef::from_definition(self.crs).unwrap();
        dataset.set_spatial_ref(&srs).unwrap();
        let values = (0..width * height).map(|k| value(k % width, k / width));
        let mut buffer = Buffer::new((width, height), values.collect());
        let mut band = dataset.rasterband(1).unwrap();
        band.write((0, 0), (width, height), &mut buffer).unwrap();
        dataset.close().unwrap();
        path
    }

    fn case(&self, folder: &Path) -> Case {
        Case {
            name: self.name.into(),
            path: self.write(folder, |col, row| ((col + row) % 256) as u8),
            crs: None,
            turns: self.turns,
        }
    }
}

/// A raster to be baked.
struct Case {
    name: String,
    path: PathBuf,
    /// For one that names none.
    crs: Option<&'static str>,
    turns: &'static [f64],
}

/// How many tiles may have been worked on.
#[derive(Clone, Copy)]
enum Work {
    /// Those that the raster touches: both are rectangles in the same directions.
    Touched,
    /// Those of the rectangle around it, on a cylinder, so many tiles wider on each side.
    Around(u32),
}

/// What the program did at one zoom.
struct Baked {
    tiles: BTreeSet<Address>,
    planned: u64,
}

fn bake(case: &Case, grid: &Grid, z: u8) -> Baked {
    let folder = tempfile::tempdir().unwrap();
    let scheme = grid.scheme(folder.path());
    let zoom = z.to_string();
    let mut args = vec![
        "tile",
        case.path.to_str().unwrap(),
        "-r",
        "nearest",
        "-z",
        &zoom,
    ];
    args.extend(["--tiling-scheme", scheme.to_str().unwrap(), "-o", "tiles/"]);
    args.extend(["--effort", "0", "--report", "report.json", "-q", "-j", "1"]);
    if let Some(crs) = case.crs {
        args.extend(["--src-crs", crs]);
    }
    let output = program::output(&mut program(folder.path(), &args));
    // The source is outside the grid.
    if output.status.code() == Some(8) {
        return Baked {
            tiles: BTreeSet::new(),
            planned: 0,
        };
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} {}: {errors}",
        case.name,
        grid.name
    );
    let report = std::fs::read(folder.path().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    Baked {
        tiles: tiles_in(&folder.path().join("tiles").join(&zoom), z),
        planned: report["plan"]["tiles_at_most"].as_u64().unwrap(),
    }
}

/// The tiles of zoom `z` in its folder.
fn tiles_in(folder: &Path, z: u8) -> BTreeSet<Address> {
    let mut tiles = BTreeSet::new();
    for column in std::fs::read_dir(folder).into_iter().flatten() {
        let column = column.unwrap();
        let x = column.file_name().to_str().unwrap().parse().unwrap();
        for file in std::fs::read_dir(column.path()).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let y = name.strip_suffix(".png").unwrap().parse().unwrap();
            tiles.insert((z, x, y));
        }
    }
    tiles
}

/// Tiles in the smallest rectangle around `tiles`, which may lie across the ends of a grid that goes round the Earth, `wider`
/// tiles larger on each side.
fn n_around(tiles: &BTreeSet<Address>, grid: &Grid, z: u8, wider: u32) -> u64 {
    let ys: Vec<u32> = tiles.iter().map(|t| t.2).collect();
    let (Some(north), Some(south)) = (ys.iter().min(), ys.iter().max()) else {
        return 0;
    };
    let xs: Vec<u32> = tiles
        .iter()
        .map(|t| t.1)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let columns = grid.columns(z);
    let gaps = xs.windows(2).map(|pair| pair[1] - pair[0] - 1);
    let gap = if grid.period.is_some() {
        gaps.chain([xs[0] + columns - 1 - xs[xs.len() - 1]])
            .max()
            .unwrap()
    } else {
        xs[0] + columns - 1 - xs[xs.len() - 1]
    };
    let width = (columns - gap + 2 * wider).min(columns);
    let height = (south - north + 1 + 2 * wider).min(grid.rows(z));
    u64::from(width) * u64::from(height)
}

/// Bakes `case` at each zoom by itself; returns what is wrong, and how many tiles may be there or not.
fn check(case: &Case, grid: &Grid, zooms: &[u8], work: Work, wrong: &mut Vec<String>) -> usize {
    let brute = Brute::new(&case.path, case.crs, grid, case.turns);
    let mut n_open = 0;
    for &z in zooms {
        let Found {
            sure,
            possible,
            touched,
        } = brute.find(z, z <= EXHAUSTIVE);
        let Baked { tiles, planned } = bake(case, grid, z);
        let missing: Vec<&Address> = sure.difference(&tiles).collect();
        let superfluous: Vec<&Address> = tiles.difference(&possible).collect();
        let most = match work {
            Work::Touched => touched.len() as u64,
            Work::Around(wider) => n_around(&touched, grid, z, wider),
        };
        n_open += possible.len() - sure.len();
        let line = format!(
            "{:28} {:15} z{z}: {:4} tiles, {:4} sure, {:4} possible, {:4} touched, {planned:4} planned of {most}",
            case.name,
            grid.name,
            tiles.len(),
            sure.len(),
            possible.len(),
            touched.len(),
        );
        println!("{line}");
        if !missing.is_empty() || !superfluous.is_empty() || planned > most {
            wrong.push(format!(
                "{line}; missing {missing:?}; superfluous {superfluous:?}"
            ));
        }
    }
    n_open
}

/// Made rasters, each on some grids.
fn check_made(rows: &[(Made, Grids)]) {
    azulejo::source::gdal::init();
    let folder = tempfile::tempdir().unwrap();
    let (mut wrong, mut n_open) = (Vec::new(), 0);
    for (made, grids) in rows {
        let case = made.case(folder.path());
        for (grid, zooms, work) in *grids {
            n_open += check(&case, grid, zooms, *work, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // All but a few of them around a pole that is on a raster's edge.
    assert!(n_open <= 8, "{n_open} tiles may be there or not");
}

/// On which grids, at which zooms.
type Grids = &'static [(&'static Grid, &'static [u8], Work)];

const ALL_ROUND: Grids = &[
    (&MERCATOR, &[0, 2], Work::Touched),
    (&DEGREES, &[0, 2], Work::Touched),
];
const SMALL: Grids = &[
    (&MERCATOR, &[2, 5], Work::Touched),
    (&DEGREES, &[0, 2, 4], Work::Touched),
];
/// The same for rasters that are curved on these grids.
const CURVED: Grids = &[
    (&MERCATOR, &[0, 3], Work::Around(0)),
    (&DEGREES, &[1, 2], Work::Around(0)),
];
/// And for those that are everywhere.
const EVERYWHERE: Grids = &[
    (&MERCATOR, &[0, 2], Work::Around(0)),
    (&DEGREES, &[0, 1], Work::Around(0)),
];
/// And for those with a pole on their edge, where places to all sides of it are a hair away.
const POLE_ON_EDGE: Grids = &[
    (&MERCATOR, &[1, 3], Work::Around(1)),
    (&DEGREES, &[1, 2], Work::Around(2)),
];

#[test]
fn degrees_all_round_the_earth_are_baked_where_they_are() {
    let made = |name, bounds, size| Made::new(name, "EPSG:4326", bounds, size, ROUND_DEGREES);
    let all = (360, 180);
    check_made(&[
        (
            made("-180..180", [-180.0, -90.0, 180.0, 90.0], all),
            ALL_ROUND,
        ),
        (made("0..360", [0.0, -90.0, 360.0, 90.0], all), ALL_ROUND),
        (
            made("-30..330", [-30.0, -90.0, 330.0, 90.0], all),
            ALL_ROUND,
        ),
        // A row of pixels' centres on each pole and a column of them on the meridian, as models of the weather have them.
        (
            made("centred", [-0.5, -90.5, 359.5, 90.5], (360, 181)),
            ALL_ROUND,
        ),
        // The first column once more at the end.
        (
            made("overlapping", [-180.5, -90.0, 180.5, 90.0], (361, 180)),
            ALL_ROUND,
        ),
        (
            made("cap", [-180.0, 80.0, 180.0, 90.0], (360, 10)),
            ALL_ROUND,
        ),
    ]);
}

#[test]
fn degrees_beyond_half_a_turn_are_baked_where_they_are() {
    const TWICE: &[f64] = &[0.0, 360.0, -360.0, 720.0];
    let made = |name, bounds, size| Made::new(name, "EPSG:4326", bounds, size, TWICE);
    let square = (100, 100);
    check_made(&[
        (made("170..190", [170.0, -10.0, 190.0, 10.0], square), SMALL),
        (
            made("-190..-170", [-190.0, 30.0, -170.0, 50.0], square),
            SMALL,
        ),
        (made("358..362", [358.0, -2.0, 362.0, 2.0], square), SMALL),
        (made("-2..2", [-2.0, 50.0, 2.0, 54.0], square), SMALL),
        (
            made("200..220", [200.0, -30.0, 220.0, -10.0], square),
            SMALL,
        ),
        (
            made("500..550", [500.0, -30.0, 550.0, -10.0], square),
            SMALL,
        ),
        (made("160..180", [160.0, 0.0, 180.0, 20.0], square), SMALL),
        (made("180..200", [180.0, 0.0, 200.0, 20.0], square), SMALL),
    ]);
}

#[test]
fn mercator_beyond_the_antimeridian_is_baked_where_it_is() {
    let made = |name, bounds| Made::new(name, "EPSG:3857", bounds, (200, 200), ROUND_METRES);
    check_made(&[
        (made("wider", [-25e6, -2e7, 25e6, 2e7]), ALL_ROUND),
        (made("0..40 Mm", [0.0, -1e7, 4e7, 1e7]), ALL_ROUND),
        (made("19..21 Mm", [19e6, 1e6, 21e6, 3e6]), SMALL),
        (made("-21..-19 Mm", [-21e6, -3e6, -19e6, -1e6]), SMALL),
    ]);
}

#[test]
fn projected_rasters_are_baked_where_they_are() {
    let made = |name, crs, side: f64, turns| {
        Made::new(name, crs, [-side, -side, side, side], (200, 200), turns)
    };
    let moved = |name, crs, bounds| Made::new(name, crs, bounds, (200, 200), ONCE);
    let himawari = "+proj=geos +lon_0=140.7 +h=35785831 +a=6378137 +b=6356752.314 +sweep=y";
    check_made(&[
        (made("south pole", "EPSG:3031", 3e6, ONCE), CURVED),
        (made("within 85 S", "EPSG:3031", 4e5, ONCE), CURVED),
        (
            moved("beside the north pole", "EPSG:3413", [-1e6, -4e6, 3e6, 4e5]),
            CURVED,
        ),
        (
            moved(
                "corner on the north pole",
                "EPSG:3995",
                [0.0, 0.0, 3e6, 3e6],
            ),
            POLE_ON_EDGE,
        ),
        (
            moved("edge on the north pole", "EPSG:3995", [-2e6, 0.0, 2e6, 3e6]),
            POLE_ON_EDGE,
        ),
        (moved("UTM 1", "EPSG:32601", [-5e5, 4e6, 1e6, 5e6]), CURVED),
        (
            moved("UTM 60 south", "EPSG:32760", [1e5, 4e6, 1.5e6, 5e6]),
            CURVED,
        ),
        (
            moved("UTM 33, wide", "EPSG:32633", [-2.5e6, 4e6, 3.5e6, 9.3e6]),
            CURVED,
        ),
        (made("full disk", himawari, 5.5e6, ONCE), CURVED),
        (
            made(
                "orthographic",
                "+proj=ortho +lat_0=40 +lon_0=170",
                6.5e6,
                ONCE,
            ),
            CURVED,
        ),
        (
            made("hemisphere", "+proj=laea +lat_0=90 +lon_0=20", 9.1e6, ONCE),
            CURVED,
        ),
    ]);
}

#[test]
fn worlds_are_baked_once() {
    let made = |name, crs, (x, y): (f64, f64), turns| {
        Made::new(name, crs, [-x, -y, x, y], (400, 200), turns)
    };
    let half = 20_037_508.342_789_244;
    let eqc = "+proj=eqc +lon_0=180 +datum=WGS84";
    check_made(&[
        (
            made("Mollweide", "+proj=moll", (1.805e7, 9.03e6), ONCE),
            EVERYWHERE,
        ),
        (
            made(
                "Mollweide, 150 E",
                "+proj=moll +lon_0=150",
                (1.805e7, 9.03e6),
                ONCE,
            ),
            EVERYWHERE,
        ),
        (
            made(
                "sinusoidal",
                "+proj=sinu +R=6371007.181",
                (20_015_109.354, 10_007_554.677),
                ONCE,
            ),
            EVERYWHERE,
        ),
        (
            made("Plate Carree, 180", eqc, (half, half / 2.0), ROUND_METRES),
            EVERYWHERE,
        ),
    ]);
}

#[test]
fn grids_around_poles_and_in_zones_are_covered_where_sources_are() {
    const POLAR: Grids = &[
        (&ARCTIC, &[0, 1], Work::Around(0)),
        (&ANTARCTIC, &[0, 1], Work::Around(0)),
        (&UTM_60, &[0, 2], Work::Around(1)),
    ];
    let made = |name, crs, bounds, turns| Made::new(name, crs, bounds, (360, 180), turns);
    check_made(&[
        (
            made(
                "-180..180",
                "EPSG:4326",
                [-180.0, -90.0, 180.0, 90.0],
                ROUND_DEGREES,
            ),
            POLAR,
        ),
        (
            made(
                "0..360",
                "EPSG:4326",
                [0.0, -90.0, 360.0, 90.0],
                ROUND_DEGREES,
            ),
            POLAR,
        ),
        (
            made(
                "170..190",
                "EPSG:4326",
                [170.0, 45.0, 190.0, 60.0],
                ROUND_DEGREES,
            ),
            POLAR,
        ),
        (
            made(
                "19..21 Mm",
                "EPSG:3857",
                [19e6, 5e6, 21e6, 8e6],
                ROUND_METRES,
            ),
            POLAR,
        ),
        (
            made("UTM 1", "EPSG:32601", [-5e5, 5e6, 1e6, 6e6], ONCE),
            POLAR,
        ),
        (
            made("south pole", "EPSG:3031", [-3e6, -3e6, 3e6, 3e6], ONCE),
            POLAR,
        ),
        (
            made("north pole", "EPSG:3413", [-3e6, -3e6, 3e6, 3e6], ONCE),
            POLAR,
        ),
    ]);
}

/// A file of the collection of real rasters, which not everybody has, at some zooms.
struct Given {
    file: &'static str,
    crs: Option<&'static str>,
    turns: &'static [f64],
    /// From its mask alone, without overviews: masks of those may differ. The last zoom is finer than the file's own and is
    /// made from the file itself, too, where tiles can hold its samples.
    zooms: &'static [u8],
    as_it_is: bool,
}

const fn given(file: &'static str, zooms: &'static [u8]) -> Given {
    Given {
        file,
        crs: None,
        turns: ONCE,
        zooms,
        as_it_is: true,
    }
}

const GIVEN: &[Given] = &[
    given("projections/cea.tif", &[2, 9, 11]),
    given("projections/esri_wkt_albers.tif", &[14, 17]),
    given("projections/goes_geostationary.tif", &[0, 1, 3]),
    Given {
        turns: ROUND_DEGREES,
        as_it_is: false,
        ..given("projections/nz_habitat_antimeridian.tif", &[0, 2, 3])
    },
    given("projections/s2_dateline_utm60.tif", &[1, 6, 10]),
    Given {
        as_it_is: false,
        ..given("projections/sea_ice_3031_cog.tif", &[0, 1, 2])
    },
    given("projections/sst_3413_rgba.tif", &[2, 4, 5]),
    given("projections/sst_4326_rgba.tif", &[2, 5, 7]),
    Given {
        crs: Some("EPSG:32618"),
        ..given("georef/a39se10.jpg", &[10, 13, 15])
    },
    given("georef/austria_pixelscale_area.tif", &[4, 6, 8]),
    given("georef/austria_pixelscale_point.tif", &[4, 6, 8]),
    given("georef/austria_tiepoints_area.tif", &[4, 6, 8]),
    given("georef/austria_tiepoints_point.tif", &[4, 6, 8]),
    given("georef/austria_transformation_area.tif", &[4, 6, 8]),
    given("georef/austria_transformation_point.tif", &[4, 6, 8]),
    given("georef/byte.tif", &[8, 11, 13]),
    given("georef/geomatrix.tif", &[12, 15, 17]),
    Given {
        crs: Some("EPSG:4326"),
        ..given("georef/non_square_pixels.tif", &[2, 5, 8])
    },
    Given {
        crs: Some("EPSG:32618"),
        ..given("georef/rotated.tif", &[13, 16, 18])
    },
    given("georef/s1_gcps_cog.tif", &[3, 7, 10]),
    Given {
        turns: ROUND_DEGREES,
        as_it_is: false,
        ..given("georef/southup_inverted_lat.tif", &[0, 1, 2])
    },
    given("georef/white-gemini-iv.vrt", &[3, 6, 9]),
];

/// Of the files in these folders one is not of the Earth, one is nowhere, and one is in a system that PROJ cannot undo: they are
/// refused, and other tests look at that.
#[test]
fn given_rasters_are_baked_where_they_are() {
    azulejo::source::gdal::init();
    let folder = tempfile::tempdir().unwrap();
    let (mut wrong, mut n_open) = (Vec::new(), 0);
    for given in GIVEN {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = root.join("../shared/data").join(given.file);
        let Ok(path) = path.canonicalize() else {
            skip::skipped(format_args!("../shared/data/{} is not there", given.file));
            continue;
        };
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mask = folder.path().join(format!("{name}.tif"));
        let args = ["-q", "-b", "mask", "-ot", "Byte", "-a_nodata", "0"];
        gdal_translate(&path, &mask, &args);
        let case = |path: PathBuf, what: &str| Case {
            name: format!("{name}{what}"),
            path,
            crs: given.crs,
            turns: given.turns,
        };
        let last = given.zooms.len() - 1;
        let work = Work::Around(0);
        let masked = case(mask, "");
        n_open += check(&masked, &MERCATOR, given.zooms, work, &mut wrong);
        if given.as_it_is {
            let itself = case(path, " itself");
            n_open += check(&itself, &MERCATOR, &given.zooms[last..], work, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(n_open <= 8, "{n_open} tiles may be there or not");
}
