use super::*;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::ways::Ways;
use crate::geo::transform::{Georef, Placement};

const WEB_MERCATOR_HALF: f64 = 20_037_508.342_789_244;

fn web_mercator_tile(z: u8, x: u32, y: u32) -> Bounds {
    let size = 2.0 * WEB_MERCATOR_HALF / f64::from(1_u32 << z);
    let (west, north) = (
        -WEB_MERCATOR_HALF + f64::from(x) * size,
        WEB_MERCATOR_HALF - f64::from(y) * size,
    );
    Bounds::new(west, north - size, west + size, north)
}

fn source(crs: &str, geotransform: [f64; 6], width: usize, height: usize) -> PixelTransform {
    turned(crs, geotransform, (width, height), 0)
}

fn turned(
    crs: &str,
    geotransform: [f64; 6],
    (width, height): (usize, usize),
    turns: i32,
) -> PixelTransform {
    let placement = Placement {
        crs: Crs::parse(crs).unwrap(),
        georef: Georef::Affine(Affine(geotransform)),
        width,
        height,
    };
    let mut ways = Ways::to(&Crs::parse("EPSG:3857").unwrap());
    PixelTransform::new(&mut ways, &placement, placement.lon_lat_bounds(), turns).unwrap()
}

/// The same map as [`TileMap::new`] makes, but never along two axes.
fn on_a_grid(transform: &PixelTransform, bounds: &Bounds, size_px: usize) -> TileMap {
    let tile = Affine::over(bounds, size_px, size_px);
    let mut grid = Grid::new(transform, &tile, (0, 0), 2 * CELL_PX, size_px / CELL_PX + 1);
    grid.refine(transform, &tile, (0, 0));
    TileMap {
        size_px,
        kind: Kind::Grid(grid),
        turn_px: transform.turn_px(),
    }
}

/// The largest distance between centres and corners of two maps, in source pixels.
fn farthest(a: &TileMap, b: &TileMap) -> f64 {
    let size = a.size_px();
    let mut farthest: f64 = 0.0;
    let line = || (vec![0.0; size + 1], vec![0.0; size + 1]);
    let ((mut a_cols, mut a_rows), (mut b_cols, mut b_rows)) = (line(), line());
    for half_row in 0..=2 * size {
        let half_col = half_row % 2;
        let n = size + 1 - half_col;
        a.line(half_row, half_col, &mut a_cols[..n], &mut a_rows[..n]);
        b.line(half_row, half_col, &mut b_cols[..n], &mut b_rows[..n]);
        for i in 0..n {
            let apart = (a_cols[i] - b_cols[i]).hypot(a_rows[i] - b_rows[i]);
            // Where either has no place, this does.
            farthest = farthest.max(if apart.is_nan() { f64::INFINITY } else { apart });
        }
    }
    farthest
}

/// The largest distance between the map and PROJ's own answer, in source pixels, over every centre of the tile that
/// lies in the source; and how many there were.
fn worst(transform: &PixelTransform, bounds: &Bounds, size: usize, source: f64) -> (f64, usize) {
    let map = TileMap::new(transform, bounds, size);
    let tile = Affine::over(bounds, size, size);
    let (mut cols, mut rows) = (vec![0.0; size], vec![0.0; size]);
    let (mut worst, mut n): (f64, usize) = (0.0, 0);
    for row in 0..size {
        map.centres(row, &mut cols, &mut rows);
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = (0..size)
            .map(|i| tile.apply(i as f64 + 0.5, row as f64 + 0.5))
            .unzip();
        transform.to_source(&mut xs, &mut ys);
        for i in 0..size {
            if xs[i] >= 0.0 && xs[i] <= source && ys[i] >= 0.0 && ys[i] <= source {
                worst = worst.max((cols[i] - xs[i]).hypot(rows[i] - ys[i]));
                assert!(cols[i].is_finite() && rows[i].is_finite());
                n += 1;
            }
        }
    }
    (worst, n)
}

#[test]
fn the_map_is_within_a_fiftieth_of_a_source_pixel_of_proj_at_any_zoom() {
    // A large source in each system, so that low zooms are strongly bent and shrink it a lot.
    let systems: [(&str, [f64; 6], (f64, f64)); 8] = [
        (
            "EPSG:32633",
            [166_000.0, 30.0, 0.0, 6_000_000.0, 0.0, -30.0],
            (15.0, 50.0),
        ),
        (
            "EPSG:4326",
            [-10.0, 0.001, 0.0, 60.0, 0.0, -0.001],
            (5.0, 52.0),
        ),
        (
            "EPSG:3035",
            [2_500_000.0, 100.0, 0.0, 5_500_000.0, 0.0, -100.0],
            (20.0, 48.0),
        ),
        (
            "EPSG:28992",
            [0.0, 10.0, 0.0, 640_000.0, 0.0, -10.0],
            (5.4, 52.1),
        ),
        (
            "EPSG:27700",
            [0.0, 30.0, 0.0, 1_200_000.0, 0.0, -30.0],
            (-2.0, 53.0),
        ),
        (
            "EPSG:3031",
            [-4_000_000.0, 200.0, 0.0, 4_000_000.0, 0.0, -200.0],
            (100.0, -75.0),
        ),
        (
            "EPSG:3413",
            [-4_000_000.0, 200.0, 0.0, 4_000_000.0, 0.0, -200.0],
            (-40.0, 75.0),
        ),
        (
            "EPSG:32660",
            [166_000.0, 30.0, 5.0, 6_000_000.0, 5.0, -30.0],
            (178.0, 52.0),
        ),
    ];
    for (crs, geotransform, (lon, lat)) in systems {
        let transform = source(crs, geotransform, 30_000, 30_000);
        for z in [0_u8, 1, 3, 5, 7, 9, 11, 13, 16] {
            let n = f64::from(1_u32 << z);
            let x = ((lon + 180.0) / 360.0 * n) as u32;
            let latitude = f64::to_radians(lat);
            let y = ((1.0 - latitude.tan().asinh() / std::f64::consts::PI) / 2.0 * n) as u32;
            for size in [64, 256, 512] {
                let (worst, n) = worst(&transform, &web_mercator_tile(z, x, y), size, 30_000.0);
                assert!(
                    worst <= 0.02,
                    "{crs} at {z}/{x}/{y}, {size} pixels: {worst}"
                );
                assert!(n > 0 || z < 2, "{crs} at {z}/{x}/{y}: nothing to compare");
            }
        }
    }
}

#[test]
fn along_two_axes_the_map_is_projs_where_a_grid_would_be_near_it() {
    let wide = |west: f64, north: f64| [west, 0.02, 0.0, north, 0.0, -0.02];
    // Degrees, in 0..360 and south-up too, and both kinds of cylinders.
    let systems = [
        ("EPSG:4326", wide(-180.0, 90.0), 0),
        ("EPSG:4326", wide(0.0, 90.0), 1),
        ("OGC:CRS84", [-180.0, 0.02, 0.0, -90.0, 0.0, 0.02], 0),
        ("EPSG:3395", [-2e7, 2000.0, 0.0, 2e7, 0.0, -2000.0], 0),
        ("EPSG:4087", [-2e7, 2000.0, 0.0, 1e7, 0.0, -2000.0], 0),
    ];
    let (mut n_bent, mut n_linear, mut n_exact) = (0, 0, 0);
    for (crs, geotransform, turns) in systems {
        let transform = turned(crs, geotransform, (18_000, 9_000), turns);
        for (z, x, y) in [
            (0, 0, 0),
            (1, 0, 1),
            (3, 5, 2),
            (6, 12, 20),
            (7, 100, 1),
            (11, 1100, 700),
        ] {
            for size in [64, 128] {
                let bounds = web_mercator_tile(z, x, y);
                let map = TileMap::new(&transform, &bounds, size);
                let Kind::Axes(..) = map.kind else {
                    panic!("{crs} at {z}/{x}/{y}: no two axes");
                };
                let grid = on_a_grid(&transform, &bounds, size);
                for row in 0..size {
                    let rows = map.linear_rows(row);
                    assert_eq!(rows, grid.linear_rows(row));
                    n_bent += usize::from(rows == 1);
                    n_linear += usize::from(rows > 1);
                }
                let name = format!("{crs} at {z}/{x}/{y}, {size} pixels");
                assert!(farthest(&map, &grid) < 0.02, "{name}");
                let (worst, n) = worst(&transform, &bounds, size, 18_000.0);
                assert!(worst < 1e-7, "{name}: {worst}");
                n_exact += n;
            }
        }
    }
    assert!(n_bent > 1000 && n_linear > 1000, "{n_bent} {n_linear}");
    assert!(n_exact > 100_000, "{n_exact}");
}

#[test]
fn what_turns_or_tears_is_kept_on_a_grid() {
    let whole = [-180.0, 0.02, 0.0, 90.0, 0.0, -0.02];
    let sheared = [-180.0, 0.02, 1e-9, 90.0, 0.0, -0.02];
    let zone = [166_000.0, 30.0, 0.0, 6_000_000.0, 0.0, -30.0];
    let degrees = Crs::parse("EPSG:4326").unwrap();
    for (crs, geotransform) in [("EPSG:4326", sheared), ("EPSG:32633", zone)] {
        let map = TileMap::new(
            &source(crs, geotransform, 9000, 9000),
            &web_mercator_tile(5, 17, 11),
            256,
        );
        assert!(matches!(map.kind, Kind::Grid(_)), "{crs}");
    }
    // Half of the tile lies beyond the end of the Earth, whose places lead to the other end.
    let placement = Placement {
        crs: Crs::parse("EPSG:3857").unwrap(),
        georef: Georef::Affine(Affine([-2e7, 2000.0, 0.0, 2e7, 0.0, -2000.0])),
        width: 20_000,
        height: 20_000,
    };
    let beyond = Bounds::new(170.0, -10.0, 190.0, 10.0);
    let mut ways = Ways::within(&degrees, &beyond);
    let transform = PixelTransform::new(&mut ways, &placement, None, 0).unwrap();
    let map = TileMap::new(&transform, &beyond, 256);
    assert!(matches!(map.kind, Kind::Grid(_)), "torn");
    let map = TileMap::new(
        &source("EPSG:4326", whole, 9000, 9000),
        &web_mercator_tile(5, 17, 11),
        256,
    );
    assert!(
        matches!(map.kind, Kind::Axes(..)),
        "the same, neither turned nor torn"
    );
}

#[test]
fn a_source_on_the_tiles_own_grid_is_a_shift_and_one_beside_it_is_not() {
    let size = 2.0 * WEB_MERCATOR_HALF / 256.0 / 256.0;
    let grid = |east: f64, scale: f64| {
        [
            -WEB_MERCATOR_HALF + east * size,
            size * scale,
            0.0,
            WEB_MERCATOR_HALF,
            0.0,
            -size * scale,
        ]
    };
    let shift = |geotransform| {
        TileMap::new(
            &source("EPSG:3857", geotransform, 4096, 4096),
            &web_mercator_tile(8, 2, 3),
            256,
        )
        .as_shift()
    };
    assert_eq!(shift(grid(0.0, 1.0)), Some((512, 768)));
    assert_eq!(
        shift(grid(256.0, 0.999_999_58)),
        Some((256, 768)),
        "rounded as files round it"
    );
    assert_eq!(
        shift(grid(0.02, 1.0)),
        None,
        "a fiftieth of a pixel off is off"
    );
    assert_eq!(shift(grid(0.0, 0.999)), None, "a little finer is finer");
}

#[test]
fn a_hull_holds_all_corners_and_little_more() {
    // A UTM zone's own tiles, and some far west of it: whole cells, so up to one more on each side, whose pixels may be turned.
    let utm = [3e5, 10.0, 0.0, 5.5e6, 0.0, -10.0];
    check_hull(
        &source("EPSG:32633", utm, 10_000, 10_000),
        2.0 * CELL_PX as f64,
    );
    // Along two axes every half pixel is known.
    let degrees = [12.0, 1e-4, 0.0, 49.5, 0.0, -1e-4];
    check_hull(&source("EPSG:4326", degrees, 10_000, 10_000), 0.0);
}

/// Whether hulls hold what lies in them, and no more than `beyond_px` pixels of the tile beyond it.
fn check_hull(transform: &PixelTransform, beyond_px: f64) {
    for (z, x, y) in [
        (12, 2190, 1420),
        (9, 273, 177),
        (7, 68, 44),
        (11, 1094, 710),
    ] {
        let map = TileMap::new(transform, &web_mercator_tile(z, x, y), 256);
        for (row, height, first, last) in [
            (0, 256, 0, 256),
            (0, 16, 0, 256),
            (5, 30, 0, 256),
            (240, 16, 0, 256),
            (255, 1, 0, 256),
            (31, 194, 31, 225),
            (70, 3, 17, 40),
        ] {
            let Some(hull) = map.hull(first..last, row..row + height) else {
                assert!(z < 11, "zoom {z} is linear");
                continue;
            };
            let (mut cols, mut rows) = (vec![0.0; 257], vec![0.0; 257]);
            let mut exact = [(f64::INFINITY, f64::NEG_INFINITY); 2];
            for row in row..=row + height {
                map.corners(row, &mut cols, &mut rows);
                for (span, values) in exact.iter_mut().zip([&cols, &rows]) {
                    for &v in &values[first..=last] {
                        *span = (span.0.min(v), span.1.max(v));
                    }
                }
            }
            let px = (cols[1] - cols[0]).hypot(rows[1] - rows[0]);
            let more = beyond_px * px + 1e-9;
            for (hull, exact) in hull.into_iter().zip(exact) {
                assert!(
                    hull.0 <= exact.0 + 1e-9 && hull.1 >= exact.1 - 1e-9,
                    "{hull:?} {exact:?}"
                );
                assert!(
                    hull.0 >= exact.0 - more && hull.1 <= exact.1 + more,
                    "{hull:?} {exact:?}"
                );
            }
        }
    }
}

#[test]
fn centres_lie_between_corners() {
    let transform = source(
        "EPSG:32633",
        [166_000.0, 30.0, 0.0, 6_000_000.0, 0.0, -30.0],
        30_000,
        30_000,
    );
    let map = TileMap::new(&transform, &web_mercator_tile(9, 277, 173), 256);
    let (mut cols, mut rows) = (vec![0.0; 256], vec![0.0; 256]);
    let (mut upper, mut lower) = (
        (vec![0.0; 257], vec![0.0; 257]),
        (vec![0.0; 257], vec![0.0; 257]),
    );
    for row in 0..256 {
        map.centres(row, &mut cols, &mut rows);
        map.corners(row, &mut upper.0, &mut upper.1);
        map.corners(row + 1, &mut lower.0, &mut lower.1);
        for i in 0..256 {
            let middle = (
                (upper.0[i] + lower.0[i + 1]) / 2.0,
                (upper.1[i] + lower.1[i + 1]) / 2.0,
            );
            assert!(
                (cols[i] - middle.0).hypot(rows[i] - middle.1) < 1e-3,
                "pixel {i}, {row}"
            );
        }
    }
}

#[test]
fn a_sliver_beside_the_antimeridian_has_the_scale_of_its_pixels() {
    let geotransform = [178.0, 0.005, 0.0, 2.0, 0.0, -0.005];
    for (turns, x, west) in [(1, 255, false), (0, 0, true)] {
        let transform = turned("EPSG:4326", geotransform, (800, 400), turns);
        let tile = web_mercator_tile(8, x, 127);
        let margin = tile.width() / 8.0;
        let around = Bounds::new(
            tile.west - margin,
            tile.south - margin,
            tile.east + margin,
            tile.north + margin,
        );
        let (cols, rows) = TileMap::new(&transform, &around, 320).scale(800, 400);
        for scale in [cols, rows] {
            assert!((1.0..1.2).contains(&scale), "{west}: {cols} {rows}");
        }
    }
}
