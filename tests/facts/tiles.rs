//! Which tiles have data.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::slice::from_ref;

use azulejo::archive::RowScheme;
use azulejo::geo::scheme::Scheme;
use azulejo::pyramid::plan::{Blank, PlanOptions};
use azulejo::raster::kernel::Resampling;

use crate::bench::{Address, bake, bake_to, data, defaults, nearest, translate, zooms};

/// How many tiles rio-pmtiles, rio-mbtiles or GDAL make of a file, with nearest and without empty ones.
struct Count {
    file: &'static str,
    zooms: (u8, u8),
    theirs: usize,
    /// Tiles that the rio tools store though no pixel of the source reaches them. They ask whether the rectangle around the
    /// tile, in the source's system and a pixel wider on each side, has data; then they reproject, and store what comes out,
    /// even if that is nothing. Reprojecting with rasterio leaves these tiles empty, as we do.
    empty: &'static [Address],
}

/// Of the tiles around `RGB.byte.tif`.
const BESIDE_THE_SCENE: &[Address] = &[(7, 35, 54), (8, 71, 109), (10, 293, 442)];

/// `alpha_nz.tif` begins at the corner of four tiles, of which its pixels fill one.
const BESIDE_THE_CORNER: &[Address] = &[
    (13, 8076, 5076),
    (13, 8076, 5077),
    (13, 8077, 5077),
    (14, 16153, 10153),
    (14, 16153, 10154),
    (14, 16154, 10154),
    (15, 32307, 20307),
    (15, 32307, 20308),
    (15, 32308, 20308),
];

#[test]
fn as_many_tiles_have_data_as_the_peers_find_pixels_for() {
    let count = |file, zooms, theirs, empty| Count {
        file,
        zooms,
        theirs,
        empty,
    };
    let landsat = |zooms, theirs| count("rgb/RGB.byte.tif", zooms, theirs, BESIDE_THE_SCENE);
    let rows = [
        landsat((4, 10), 70),
        landsat((6, 7), 6),
        landsat((0, 8), 19),
        landsat((6, 8), 12),
        landsat((0, 7), 13),
        count("rgb/rgb-fa48952.vrt", (4, 10), 70, BESIDE_THE_SCENE),
        count("multispectral/s2_tci_cog.tif", (5, 10), 30, &[]),
        count(
            "alpha_mask_nodata/alpha_nz.tif",
            (10, 15),
            15,
            BESIDE_THE_CORNER,
        ),
        count("mosaic/chilliwack_592_5452.tif", (11, 15), 18, &[]),
        count("mosaic/kamloops_6156D.tif", (12, 16), 31, &[]),
        count("golden/small_world.tif", (0, 3), 85, &[]),
        count("golden/small_world.tif", (0, 0), 1, &[]),
    ];
    let mut failures = Vec::new();
    for row in rows {
        let Some(path) = data(row.file) else { continue };
        let tileset = bake(&[path], zooms(row.zooms, nearest())).unwrap();
        let asked = |a: &&Address| (row.zooms.0..=row.zooms.1).contains(&a.0);
        let empty: Vec<_> = row.empty.iter().filter(asked).collect();
        let stored = empty.iter().filter(|a| tileset.tiles.contains_key(a));
        if tileset.tiles.len() + empty.len() != row.theirs || stored.count() > 0 {
            let by_zoom: Vec<_> = (row.zooms.0..=row.zooms.1)
                .map(|z| tileset.count(z))
                .collect();
            failures.push(format!(
                "{} {:?}: {by_zoom:?} and {} empty; expected {}",
                row.file,
                row.zooms,
                empty.len(),
                row.theirs
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_city_scene_has_as_many_tiles_at_each_zoom_as_rio_pmtiles_makes() {
    let Some(path) = data("multispectral/s2_tci_cog.tif") else {
        return;
    };
    let tileset = bake(&[path], zooms((5, 10), nearest())).unwrap();
    let found: Vec<usize> = (5..=10).map(|z| tileset.count(z)).collect();
    assert_eq!(found, [2, 2, 2, 4, 4, 16]);
}

/// The rio tools find 12 tiles. They take the picture for the rectangle between two of its corners; its data is in the far
/// east, beyond the shorter northern edge, and of the columns there they see one. Two of the 12 are empty.
#[test]
fn a_wide_picture_has_all_its_tiles_beyond_the_corners_too() {
    let Some(path) = data("rgb/rgb-193f513.vrt") else {
        return;
    };
    let tileset = bake(&[path], zooms((4, 10), nearest())).unwrap();
    let found: Vec<usize> = (4..=10).map(|z| tileset.count(z)).collect();
    assert_eq!(found, [1, 2, 2, 3, 3, 6, 9], "as rasterio reprojects it");
    let seen = tileset.tiles.keys().filter(|a| a.1 << (10 - a.0) <= 287);
    let empty = BESIDE_THE_SCENE.iter().filter(|a| a.1 << (10 - a.0) <= 287);
    assert_eq!(seen.count() + empty.count(), 12);
}

/// All but three: see [`BESIDE_THE_SCENE`].
#[test]
fn the_tiles_of_a_landsat_scene_are_those_of_rio_pmtiles() {
    let Some(path) = data("rgb/RGB.byte.tif") else {
        return;
    };
    let tileset = bake(&[path], zooms((4, 10), nearest())).unwrap();
    let rows: &[(u8, RangeInclusive<u32>, RangeInclusive<u32>, usize)] = &[
        (4, 4..=4, 6..=6, 1),
        (5, 8..=9, 13..=13, 2),
        (6, 17..=18, 27..=27, 2),
        (7, 35..=36, 54..=55, 3),
        (8, 71..=73, 109..=110, 5),
        (9, 143..=146, 218..=221, 14),
        (10, 287..=293, 436..=442, 40),
    ];
    for (z, columns, rows, n) in rows {
        let of_zoom: Vec<Address> = tileset
            .tiles
            .keys()
            .copied()
            .filter(|a| a.0 == *z)
            .collect();
        let span = |values: Vec<u32>| *values.iter().min().unwrap()..=*values.iter().max().unwrap();
        assert_eq!(
            span(of_zoom.iter().map(|a| a.1).collect()),
            *columns,
            "x at z{z}"
        );
        assert_eq!(
            span(of_zoom.iter().map(|a| a.2).collect()),
            *rows,
            "y at z{z}"
        );
        assert_eq!(of_zoom.len(), *n, "z{z}");
    }
    // Quadkeys 0320 and 032022.
    assert!(tileset.tiles.contains_key(&(4, 4, 6)));
    assert!(!tileset.tiles.contains_key(&(6, 16, 27)));
}

#[test]
fn a_source_with_nothing_on_it_has_no_tiles_unless_blank_ones_are_kept() {
    let Some(path) = data("rgb/RGB.byte.tif") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.tif");
    translate(&path, &empty, &["-scale", "0", "255", "0", "0"]);
    for (blank, expected) in [(Blank::Skip, 0), (Blank::Keep, 6)] {
        let options = PlanOptions {
            blank,
            ..zooms((6, 7), nearest())
        };
        let tileset = bake(from_ref(&empty), options).unwrap();
        assert_eq!(tileset.tiles.len(), expected, "{blank:?}");
    }
}

/// gdal2tiles names its rows from the south.
#[test]
fn a_diagonal_strip_leaves_out_the_tiles_that_gdal2tiles_leaves_out() {
    let Some(path) = data("golden/test_gdal2tiles_exclude_transparent.tif") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, resampling) in [("nearest", Some(Resampling::Nearest)), ("default", None)] {
        let options = PlanOptions {
            resampling,
            ..zooms((14, 16), defaults())
        };
        let output = folder.path().join(name);
        bake_to(from_ref(&path), options, &output, RowScheme::Tms).unwrap();
        for (x, rows) in [
            (21898, vec![]),
            (21899, vec![22704, 22705]),
            (21900, vec![22705]),
        ] {
            for row in 22700..22710 {
                let file = output.join(format!("15/{x}/{row}.png"));
                assert_eq!(file.exists(), rows.contains(&row), "{name} 15/{x}/{row}");
            }
        }
    }
}

#[test]
fn a_small_file_is_the_one_tile_that_gdal_makes_of_it() {
    let Some(path) = data("georef/byte.tif") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let utm = folder.path().join("byte_utm11.tif");
    translate(&path, &utm, &["-a_srs", "EPSG:32611"]);
    let tileset = bake(from_ref(&utm), defaults()).unwrap();
    assert_eq!(tileset.addresses(), BTreeSet::from([(11, 354, 818)]));
    let options = PlanOptions {
        zoom_min: Some(10),
        ..defaults()
    };
    let tileset = bake(&[utm], options).unwrap();
    let expected = BTreeSet::from([(10, 177, 409), (11, 354, 818)]);
    assert_eq!(tileset.addresses(), expected);
    if let Some(palette) = data("palette/byte_pct.tif") {
        let tileset = bake(&[palette], zooms((10, 11), defaults())).unwrap();
        assert_eq!(tileset.addresses(), expected);
    }
}

#[test]
fn the_world_is_one_tile_of_mercator_and_two_of_degrees() {
    let Some(path) = data("golden/small_world.tif") else {
        return;
    };
    let tileset = bake(from_ref(&path), defaults()).unwrap();
    assert_eq!(tileset.addresses(), BTreeSet::from([(0, 0, 0)]));
    let options = PlanOptions {
        scheme: Scheme::named("WorldCRS84Quad").unwrap(),
        ..zooms((0, 0), defaults())
    };
    let tileset = bake(&[path], options).unwrap();
    assert_eq!(tileset.addresses(), BTreeSet::from([(0, 0, 0), (0, 1, 0)]));
}

/// Tiles of martin's and rio-tiler's tests.
#[test]
fn tiles_that_servers_answer_with_are_there() {
    let rows: &[(&str, u8, &[Address])] = &[
        (
            "golden/naip_martin_256_lzw_z3.tif",
            18,
            &[(16, 10677, 24336)],
        ),
        (
            "golden/naip_martin_512_deflate_z2.tif",
            17,
            &[(16, 10677, 24336)],
        ),
        (
            "multispectral/l8_cog_nodata.tif",
            9,
            &[(7, 43, 24), (7, 42, 24)],
        ),
        (
            "multispectral/l8_cog_uint16.tif",
            9,
            &[(7, 43, 24), (7, 42, 24)],
        ),
        ("georef/s1_gcps_cog.tif", 10, &[(8, 183, 120)]),
        (
            "projections/s2_dateline_utm60.tif",
            10,
            &[(8, 0, 84), (8, 255, 84)],
        ),
    ];
    let mut failures = Vec::new();
    for &(file, zoom_max, there) in rows {
        let Some(path) = data(file) else { continue };
        let options = PlanOptions {
            tile_size_px: if file.contains("512") { 512 } else { 256 },
            ..zooms((there[0].0, zoom_max), nearest())
        };
        let tileset = bake(&[path], options).unwrap();
        let missing = there.iter().filter(|a| !tileset.tiles.contains_key(a));
        failures.extend(missing.map(|a| format!("{file}: {a:?} is not there")));
        if tileset.tiles.contains_key(&(7, 38, 24)) {
            failures.push(format!("{file}: has a tile that it lies outside of"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_scene_across_the_antimeridian_is_planned_on_both_sides_and_not_between() {
    let Some(path) = data("projections/s2_dateline_utm60.tif") else {
        return;
    };
    let tileset = bake(&[path], zooms((8, 8), nearest())).unwrap();
    let columns: BTreeSet<u32> = tileset.tiles.keys().map(|a| a.1).collect();
    println!(
        "columns at z8: {columns:?}, planned {}",
        tileset.plan.count(8)
    );
    assert!(columns.contains(&0) && columns.contains(&255));
    assert!(
        columns.iter().all(|x| !(3..=252).contains(x)),
        "{columns:?}"
    );
    assert!(
        tileset.plan.count(8) <= 16,
        "{} planned",
        tileset.plan.count(8)
    );
}

/// The edge of these lies less than a pixel inside the next tile. They hold no pixels.
#[test]
fn an_edge_beside_a_tile_edge_does_not_fail() {
    for (file, z) in [
        ("vrt/bounds_close_to_tile_bounds_x.vrt", 21),
        ("vrt/bounds_close_to_tile_bounds_x.vrt", 10),
        ("vrt/bounds_close_to_tile_bounds_y.vrt", 21),
        ("vrt/bounds_close_to_tile_bounds_y.vrt", 10),
    ] {
        let Some(path) = data(file) else { continue };
        let tileset = bake(&[path], zooms((z, z), defaults())).unwrap();
        assert!(tileset.tiles.is_empty(), "{file} z{z}");
        assert!(tileset.plan.count(z) > 0, "{file} z{z}");
    }
}
