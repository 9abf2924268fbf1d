//! Where files lie, and at which zoom.

use azulejo::geo::bounds::Bounds;
use azulejo::geo::scheme::{Scheme, Strategy};
use azulejo::geo::transform::Georef;
use azulejo::pyramid::plan::PlanOptions;
use azulejo::source::Source;

use crate::bench::{bake, data, defaults, plan, source, translate, zooms};

fn sides(b: Bounds) -> [f64; 4] {
    [b.west, b.south, b.east, b.north]
}

#[test]
fn bounds_in_degrees_are_those_of_the_peers() {
    let rows = [
        // rasterio, transform_bounds with 21 points an edge; the rio tools write less, from two corners.
        (
            "rgb/RGB.byte.tif",
            [
                -78.95864996545055,
                23.564991210854686,
                -76.57492370013823,
                25.550873767433984,
            ],
            1e-9,
        ),
        // martin.
        (
            "golden/naip_martin_256_lzw_z3.tif",
            [
                -121.34948730468746,
                41.96357478222515,
                -121.34399414062497,
                41.97174336327965,
            ],
            1e-9,
        ),
        (
            "golden/naip_martin_512_deflate_z2.tif",
            [
                -121.34948730468746,
                41.96357478222515,
                -121.34399414062497,
                41.97174336327965,
            ],
            1e-9,
        ),
        // rasterio, from_gcps: four control points in a system of their own. The file's other system and its geotransform, by
        // which GDAL 3.6 places it in the sea, mean nothing.
        (
            "rgb/RGB.byte.gcp.vrt",
            [
                -123.48779801502117,
                49.48606400504706,
                -123.4001356044251,
                49.52811858573391,
            ],
            1e-9,
        ),
        // GDAL's MBTiles driver, which writes the corners of the warped picture: the shift from NAD27 as a constant.
        (
            "georef/byte.tif",
            [
                -117.6420540294745,
                33.89160566594387,
                -117.6290077648661,
                33.90243460427036,
            ],
            1e-4,
        ),
    ];
    for (file, expected, tolerance) in rows {
        let Some(path) = data(file) else { continue };
        let found = sides(plan(&path, defaults()).unwrap().bounds);
        for (found, expected) in found.into_iter().zip(expected) {
            let off = (found - expected).abs();
            assert!(
                off <= tolerance,
                "{file}: {found} is {off:e} from {expected}"
            );
        }
    }
}

/// West and north are GDAL's to the last digit; its south and east are those of its own output, which ends at a whole pixel,
/// 10 m short of the file. Here they are rasterio's.
#[test]
fn a_small_file_in_utm_lies_where_gdal_says_and_in_that_tile() {
    let Some(path) = data("georef/byte.tif") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let utm = folder.path().join("byte.tif");
    translate(&path, &utm, &["-a_srs", "EPSG:32611"]);
    let plan = plan(&utm, defaults()).unwrap();
    let expected = [
        -117.64116991516866,
        33.88977962806005,
        -117.6281121092753,
        33.900668703926094,
    ];
    for (found, expected) in sides(plan.bounds).into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
    }
    let tiles = plan.tiles(11);
    assert_eq!(tiles.len(), 1);
    let bounds = plan.scheme.bounds(tiles[0]);
    assert!((bounds.west + 13110479.09147343).abs() < 1e-6);
    assert!((bounds.north - 4030983.1236470547).abs() < 1e-6);
    assert!((plan.scheme.resolution(11, 256) / 76.43702828517625 - 1.0).abs() < 1e-12);
}

#[test]
fn the_native_zoom_is_the_one_that_gdal_and_martin_choose() {
    use Strategy::{Lower, Nearest, Upper};
    let Some(byte) = data("georef/byte.tif") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("byte_1024.tif");
    translate(&byte, &large, &["-outsize", "1024", "1024"]);
    let mut rows = vec![
        (byte.clone(), Nearest, 256, 11),
        (byte.clone(), Lower, 256, 11),
        (byte, Upper, 256, 12),
        (large, Nearest, 256, 17),
    ];
    for (file, size, zoom) in [
        ("golden/naip_martin_256_lzw_z3.tif", 256, 18),
        ("golden/naip_martin_512_deflate_z2.tif", 512, 17),
        ("golden/small_world.tif", 256, 0),
        ("multispectral/l8_cog_nodata.tif", 256, 9),
        ("georef/s1_gcps_cog.tif", 256, 10),
        // martin's exact grids must not become a zoom more, or less, by rounding.
        ("alpha_mask_nodata/cogeo_internal_mask.tif", 256, 18),
        ("palette/landcover_3857_cog.tif", 256, 17),
    ] {
        rows.extend(data(file).map(|path| (path, Nearest, size, zoom)));
    }
    for (path, strategy, tile_size_px, zoom) in rows {
        let options = PlanOptions {
            strategy,
            tile_size_px,
            ..defaults()
        };
        let plan = plan(&path, options).unwrap();
        assert_eq!(plan.zoom_max, zoom, "{} {strategy:?}", path.display());
    }
}

/// Our rule: the deepest zoom at which all data is on one tile, so that a map can begin with a whole picture. rio-tiler and
/// martin take the zoom at which the file's coarsest overview would be read; that depends on how the file was stored, and
/// for a file without overviews is its native zoom.
#[test]
fn the_lowest_zoom_is_where_all_data_is_on_one_tile() {
    let rows = [
        // The same as rio-tiler's or GDAL's.
        ("georef/byte.tif", 11, 11),
        ("multispectral/l8_lowres.tif", 6, 6),
        ("palette/GeogToWGS84GeoKey5.tif", 15, 15),
        ("golden/small_world.tif", 0, 0),
        // At zooms 4 and 5 it lies on both sides of a tile's edge.
        ("multispectral/l8_cog_nodata.tif", 3, 5),
        ("georef/s1_gcps_cog.tif", 4, 7),
        ("golden/naip_martin_256_lzw_z3.tif", 11, 16),
    ];
    let mut failures = Vec::new();
    for (file, ours, theirs) in rows {
        let Some(path) = data(file) else { continue };
        let plan = plan(&path, defaults()).unwrap();
        let one = plan.count(plan.zoom_min) == 1;
        let next = plan.zoom_min == plan.zoom_max || plan.count(plan.zoom_min + 1) > 1;
        if plan.zoom_min != ours || !one || !next {
            let found = plan.zoom_min;
            failures.push(format!("{file}: {found}, not {ours}; a peer says {theirs}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Twice each: a tie point and a scale, several tie points (GDAL 3.6 hands these over as ground control points), a matrix.
/// Where a tie point is the middle of a pixel, the corner is half a pixel off.
#[test]
fn georeferencing_written_in_three_ways_is_the_same() {
    for (kind, (x0, y0)) in [
        ("area", (4302000.0, 2811000.0)),
        ("point", (4301500.0, 2811500.0)),
    ] {
        let mut tilesets = Vec::new();
        for how in ["pixelscale", "tiepoints", "transformation"] {
            let Some(path) = data(&format!("georef/austria_{how}_{kind}.tif")) else {
                continue;
            };
            let placement = source(&path).unwrap().info().placement.clone();
            let place = |col: f64, row: f64| (x0 + 1000.0 * col, y0 - 1000.0 * row);
            match &placement.georef {
                Georef::Affine(affine) => {
                    assert_eq!(affine.apply(0.0, 0.0), (x0, y0), "{how} {kind}");
                    assert_eq!(
                        affine.apply(507.0, 190.0),
                        place(507.0, 190.0),
                        "{how} {kind}"
                    );
                }
                Georef::Gcps(gcps) => {
                    assert_eq!(gcps.len(), 4, "{how} {kind}");
                    let right = gcps.iter().all(|g| (g.x, g.y) == place(g.col, g.row));
                    assert!(right, "{how} {kind}: {gcps:?}");
                }
            }
            tilesets.push((how, bake(&[path], defaults()).unwrap()));
        }
        for pair in tilesets.windows(2) {
            let ((a, one), (b, other)) = (&pair[0], &pair[1]);
            assert_eq!(one.addresses(), other.addresses(), "{kind}: {a} and {b}");
            assert!(
                one.baked.digest == other.baked.digest,
                "{kind}: {a} and {b}"
            );
            let (one, other) = (sides(one.plan.bounds), sides(other.plan.bounds));
            let close = one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(close, "{kind}: {a} {one:?} and {b} {other:?}");
        }
    }
}

#[test]
fn zooms_that_cannot_be_are_refused() {
    let Some(path) = data("georef/byte.tif") else {
        return;
    };
    for (range, words) in [
        ((12, 11), "not a range"),
        ((0, 31), "zoom 31"),
        ((31, 31), "zoom 31"),
    ] {
        let error = plan(&path, zooms(range, defaults())).err().unwrap();
        assert_eq!(error.kind(), azulejo::error::Kind::Usage, "{range:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = Scheme::named("WebMercatorQuad")
        .unwrap()
        .tile(1, 2, 0)
        .unwrap_err();
    assert!(error.to_string().contains("expected 0 to 1"), "{error}");
    for size in [0, 100, 8192] {
        let options = PlanOptions {
            tile_size_px: size,
            ..defaults()
        };
        assert!(plan(&path, options).is_err(), "{size}");
    }
}
