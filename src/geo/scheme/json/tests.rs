//! What is read, and what is refused: files as published, and a small grid with one thing changed at a time.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::error::Kind;
use serde_json::json;

/// Tile matrix sets as their authors publish them; not part of this repository.
const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/tms");

/// A published file; says so where it is not there.
fn published(name: &str) -> Option<Result<Scheme>> {
    let path = format!("{SHARED}/{name}.json");
    if Path::new(&path).exists() {
        return Some(Scheme::open(&path));
    }
    // Past the harness, which keeps what passing tests print to itself; once is enough.
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| {
        let line = format!("skipped: {path} is not there, nor perhaps others\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    });
    None
}

fn parse(document: &Value) -> Result<Scheme> {
    super::read(&document.to_string(), Path::new("grids/mine.json"))
}

/// A quadtree of three levels on UTM 32, over 4096 x 4096 km.
fn utm() -> Value {
    let level = |z: u32| {
        json!({
            "id": z.to_string(), "cellSize": 16000.0 / f64::from(1 << z), "pointOfOrigin": [-1548000, 8000000.5],
            "tileWidth": 256, "tileHeight": 256, "matrixWidth": 1 << z, "matrixHeight": 1 << z
        })
    };
    json!({"crs": "EPSG:32632", "tileMatrices": [level(0), level(1), level(2)]})
}

/// That grid with one value changed.
fn utm_with(pointer: &str, value: Value) -> Value {
    let mut document = utm();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[key] = value;
    document
}

/// A set of the first edition: scales instead of cells, no axes.
fn first_edition(crs: &str, origin: [f64; 2], scale: f64, columns: u32) -> Value {
    let level = |z: u32| {
        json!({
            "type": "TileMatrixType", "identifier": z.to_string(), "scaleDenominator": scale / f64::from(1 << z),
            "topLeftCorner": origin, "tileWidth": 256, "tileHeight": 256,
            "matrixWidth": columns << z, "matrixHeight": 1 << z
        })
    };
    json!({
        "type": "TileMatrixSetType", "title": "Old", "identifier": "Old", "supportedCRS": crs,
        "tileMatrix": [level(0), level(1)]
    })
}

#[test]
fn published_quadtrees_are_read() {
    let rows = [
        ("EuropeanETRS89_LAEAQuad", "EPSG:3035", (1, 1), 15),
        ("NZTM2000Quad", "EPSG:2193", (1, 1), 21),
        ("UPSArcticWGS84Quad", "EPSG:5041", (1, 1), 24),
        ("UPSAntarcticWGS84Quad", "EPSG:5042", (1, 1), 24),
        ("WebMercatorQuad", "EPSG:3857", (1, 1), 24),
        ("WorldMercatorWGS84Quad", "EPSG:3395", (1, 1), 24),
        ("WorldCRS84Quad", "OGC:CRS84", (2, 1), 23),
        ("WGS1984Quad", "EPSG:4326", (2, 1), 23),
    ];
    for (name, crs, roots, zoom_max) in rows {
        let Some(scheme) = published(name) else {
            return;
        };
        let scheme = scheme.unwrap();
        assert_eq!((scheme.id(), scheme.crs()), (name, crs));
        assert_eq!(
            (scheme.matrix_size(0), scheme.zoom_max()),
            (roots, zoom_max)
        );
    }
}

#[test]
fn published_grids_that_are_no_quadtrees_are_refused() {
    let rows = [
        (
            "LINZAntarticaMapTilegrid",
            "level 1 is 1 x 1 tiles after 1 x 1",
        ),
        ("CanadianNAD83_LCC", "level 1 is 8 x 8 tiles after 5 x 5"),
        (
            "CDB1GlobalGrid",
            "level ids are not consecutive whole numbers from 0 (\"-10\"",
        ),
        ("GNOSISGlobalGrid", "variable matrix widths at level 1"),
        (
            "UTM31WGS84Quad",
            "level ids are not consecutive whole numbers from 0 (\"1\"",
        ),
    ];
    for (name, found) in rows {
        let Some(scheme) = published(name) else {
            return;
        };
        let error = scheme.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), Kind::Input);
        assert!(text.contains(&format!("{name}.json: {found}")), "{text}");
        assert!(
            text.contains("; expected a quadtree: every level twice"),
            "{text}"
        );
    }
}

#[test]
fn published_grids_lie_where_others_put_them() {
    let Some(nz) = published("NZTM2000Quad") else {
        return;
    };
    let (nz, web) = (nz.unwrap(), Scheme::named("WebMercatorQuad").unwrap());
    let extent = nz.extent();
    let sides = [extent.west, extent.south, extent.east, extent.north];
    let expected = [-3260586.7284, 419435.9938, 6758167.443, 10438190.1652];
    for (side, expected) in sides.iter().zip(expected) {
        assert!((side - expected).abs() < 1e-4, "{side} is not {expected}");
    }
    for z in 0..=21 {
        let ratio = nz.resolution(z, 256) / web.resolution(z + 2, 256);
        assert!((ratio - 1.0).abs() < 1e-11, "{z}: {ratio}");
    }
    // North before east in the file; written east before north everywhere else.
    let europe = published("EuropeanETRS89_LAEAQuad").unwrap().unwrap();
    assert_eq!(europe.origin(), (2000000.0, 5500000.0));
    let (latlon, lonlat) = (
        published("WGS1984Quad"),
        Scheme::named("WorldCRS84Quad").unwrap(),
    );
    assert_eq!(latlon.unwrap().unwrap().extent(), lonlat.extent());
    for name in [
        "WebMercatorQuad",
        "WorldCRS84Quad",
        "WorldMercatorWGS84Quad",
    ] {
        let (theirs, ours) = (
            published(name).unwrap().unwrap(),
            Scheme::named(name).unwrap(),
        );
        let off = theirs.extent().west - ours.extent().west;
        assert!(
            off.abs() < 1e-7 && theirs.extent().east == -theirs.extent().west,
            "{name}"
        );
        assert!(
            (theirs.root_size() - ours.root_size()).abs() < 1e-6,
            "{name}"
        );
    }
}

#[test]
fn our_own_files_hold_the_powers_of_two_at_every_level() {
    for name in Scheme::names() {
        let scheme = Scheme::named(name).unwrap();
        let (_, text) = super::super::find(name).unwrap();
        let document: Document = serde_json::from_str(text).unwrap();
        assert_eq!(document.tile_matrices.len(), usize::from(MAX_ZOOM) + 1);
        for (z, level) in (0..).zip(&document.tile_matrices) {
            let ratio = level.cell_size.unwrap() / scheme.resolution(z, 256);
            assert!((ratio - 1.0).abs() < 1e-15, "{name} {z}: {ratio}");
        }
        let first = &document.tile_matrices[0];
        let metres = crs::axes(scheme.crs()).unwrap().metres_per_unit;
        let cell = first.scale_denominator.unwrap() * STANDARD_PIXEL_M / metres;
        assert!(
            (cell / first.cell_size.unwrap() - 1.0).abs() < 1e-15,
            "{name}"
        );
    }
}

#[test]
fn the_first_edition_means_the_same_grids() {
    let world = 20037508.342789244;
    let rows = [
        (
            "urn:ogc:def:crs:EPSG::3857",
            [-world, world],
            559082264.0287178,
            1,
            "WebMercatorQuad",
        ),
        (
            "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            [-180.0, 90.0],
            279541132.014358,
            2,
            "WorldCRS84Quad",
        ),
        // No axes are named here: the CRS knows that latitude comes first.
        (
            "urn:ogc:def:crs:EPSG::4326",
            [90.0, -180.0],
            279541132.0143589,
            2,
            "WorldCRS84Quad",
        ),
    ];
    for (crs, origin, scale, columns, name) in rows {
        let old = parse(&first_edition(crs, origin, scale, columns)).unwrap();
        let new = Scheme::named(name).unwrap();
        assert_eq!((old.id(), old.title(), old.zoom_max()), ("Old", "Old", 1));
        assert_eq!(old.extent(), new.extent(), "{crs}");
    }
}

#[test]
fn axes_are_those_that_are_named_and_else_those_of_the_crs() {
    let rows = [
        ("EPSG:32632", json!(["E", "N"]), false),
        ("EPSG:32632", json!(["N", "E"]), true),
        ("EPSG:32632", Value::Null, false),
        ("EPSG:4326", Value::Null, true),
        ("EPSG:4326", json!(["Lon", "Lat"]), false),
        ("EPSG:2193", Value::Null, true),
        ("EPSG:2193", json!(["X", "Y"]), false),
        ("EPSG:3035", json!(["Y", "X"]), true),
        ("EPSG:5041", Value::Null, false),
        ("EPSG:32661", Value::Null, true),
        ("EPSG:3031", Value::Null, false),
        // Its axis X points north.
        ("EPSG:31467", json!(["X", "Y"]), true),
        ("EPSG:31467", Value::Null, true),
        ("OGC:CRS84", json!([]), false),
    ];
    for (crs, axes, north_first) in rows {
        let mut document = utm_with("/orderedAxes", axes.clone());
        document["crs"] = json!(crs);
        let expected = if north_first {
            (8000000.5, -1548000.0)
        } else {
            (-1548000.0, 8000000.5)
        };
        assert_eq!(parse(&document).unwrap().origin(), expected, "{crs} {axes}");
    }
}

#[test]
fn an_origin_in_the_south_is_the_same_grid() {
    let mut document = utm();
    for level in document["tileMatrices"].as_array_mut().unwrap() {
        level["cornerOfOrigin"] = json!("bottomLeft");
        level["pointOfOrigin"] = json!([-1548000, 8000000.5 - 4096000.0]);
    }
    assert_eq!(parse(&document).unwrap(), parse(&utm()).unwrap());
}

#[test]
fn what_a_file_may_leave_open_is_filled_in() {
    let mut document = utm();
    document["tileMatrices"].as_array_mut().unwrap().reverse();
    document["tileMatrices"][0]["id"] = json!(2);
    document["tileMatrices"][0]["tileWidth"] = json!(256.0);
    document["tileMatrices"][0]["variableMatrixWidths"] = json!([]);
    let scheme = parse(&document).unwrap();
    assert_eq!(scheme, parse(&utm()).unwrap());
    assert_eq!((scheme.id(), scheme.title()), ("mine", "mine"));
    assert_eq!((scheme.root_size(), scheme.zoom_max()), (4096000.0, 2));
}

#[test]
fn levels_deeper_than_ours_are_left_out() {
    let mut document = utm();
    let levels: Vec<_> = (0..40)
        .map(|z| {
            let mut level = document["tileMatrices"][0].clone();
            let side = f64::from(z).exp2();
            level["id"] = json!(z.to_string());
            level["cellSize"] = json!(16000.0 / side);
            level["matrixWidth"] = json!(side);
            level["matrixHeight"] = json!(side);
            level
        })
        .collect();
    document["tileMatrices"] = json!(levels);
    assert_eq!(parse(&document).unwrap().zoom_max(), MAX_ZOOM);
}

#[test]
fn what_is_no_quadtree_or_no_sense_is_told_in_a_sentence() {
    let rows = [
        (
            "/tileMatrices/1/cellSize",
            json!(6400),
            "levels shrink by 2.500000, not 2",
        ),
        (
            "/tileMatrices/2/cellSize",
            json!(6400),
            "level 2 shrinks level 0 by 2.500000, not 4",
        ),
        (
            "/tileMatrices/1/cellSize",
            json!(-8000),
            "levels shrink by -2.000000, not 2",
        ),
        (
            "/tileMatrices/1/cellSize",
            json!(0),
            "levels shrink by inf, not 2",
        ),
        (
            "/tileMatrices/1/cellSize",
            Value::Null,
            "level 1 has no cell size",
        ),
        (
            "/tileMatrices/1/tileWidth",
            json!(512),
            "tile size changes from 256 to 512 x 256 pixels at level 1",
        ),
        (
            "/tileMatrices/2/matrixHeight",
            json!(3),
            "level 2 is 4 x 3 tiles after 2 x 2",
        ),
        (
            "/tileMatrices/2/matrixHeight",
            json!(1e300),
            "level 2 is 4 x 1000",
        ),
        (
            "/tileMatrices/1/pointOfOrigin",
            json!([-1548000, 8000001.5]),
            "the origin of level 1 is [-1548000.0, 8000001.5]",
        ),
        (
            "/tileMatrices/1/cornerOfOrigin",
            json!("bottomLeft"),
            "the origin of level 1",
        ),
        (
            "/tileMatrices/1/cornerOfOrigin",
            json!("middle"),
            "not a tile matrix set (unknown variant",
        ),
        (
            "/tileMatrices/1/variableMatrixWidths",
            json!([{"coalesce": 2}]),
            "variable matrix widths at level 1",
        ),
        (
            "/tileMatrices/1/id",
            json!("one"),
            "level ids are not consecutive whole numbers from 0 (\"one\"",
        ),
        (
            "/tileMatrices/1/id",
            json!("2"),
            "level ids are not consecutive",
        ),
        (
            "/tileMatrices/1/id",
            json!({}),
            "level ids are not consecutive",
        ),
        ("/tileMatrices", json!([]), "there are no levels"),
        (
            "/tileMatrices",
            json!(7),
            "not a tile matrix set (invalid type",
        ),
        (
            "/tileMatrices/0/cellSize",
            json!(0),
            "the cell size of level 0 is 0",
        ),
        (
            "/tileMatrices/0/cellSize",
            Value::Null,
            "level 0 has no cellSize",
        ),
        (
            "/tileMatrices/0/tileHeight",
            json!(512),
            "tiles are 256 x 512 pixels",
        ),
        (
            "/tileMatrices/0/matrixWidth",
            json!(0),
            "the matrix width of level 0 is 0",
        ),
        (
            "/tileMatrices/0/matrixWidth",
            json!(1.5),
            "the matrix width of level 0 is 1.5",
        ),
        (
            "/tileMatrices/0/matrixWidth",
            json!(1e12),
            "the matrix width of level 0 is 1000000000000",
        ),
        (
            "/tileMatrices/0/pointOfOrigin",
            json!([1]),
            "not a tile matrix set (invalid length",
        ),
        (
            "/crs",
            json!("EPSG:999999"),
            "CRS EPSG:999999 is unknown to GDAL",
        ),
        (
            "/crs",
            json!("EPSG:5513"),
            "CRS EPSG:5513 counts southing on its first axis",
        ),
        (
            "/crs",
            json!("https://example.org/my.wkt"),
            "crs \"https://example.org/my.wkt\" names no coordinate system",
        ),
        (
            "/crs",
            json!({"name": "x"}),
            "crs {\"name\":\"x\"} names no coordinate system",
        ),
    ];
    for (pointer, value, found) in rows {
        let error = parse(&utm_with(pointer, value.clone())).unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("grids/mine.json: {found}")),
            "{pointer} {value}: {text}"
        );
        assert!(text.contains("; expected "), "{text}");
    }
}

#[test]
fn numbers_beyond_reason_are_refused() {
    let one = |cell: f64, origin: f64, width: f64| {
        let mut document = utm();
        document["tileMatrices"] = json!([{
            "id": "0", "cellSize": cell, "pointOfOrigin": [origin, 0],
            "tileWidth": 256, "tileHeight": 256, "matrixWidth": width, "matrixHeight": 1
        }]);
        parse(&document)
    };
    assert!(one(1.0, 0.0, 4294967295.0).is_ok());
    for (cell, origin) in [(1e307, 0.0), (1.0, 1e300), (1e-300, 1.0)] {
        let text = one(cell, origin, 1.0).unwrap_err().to_string();
        assert!(
            text.contains("expected numbers that tell them apart"),
            "{text}"
        );
    }
    let mut wide = utm();
    for z in 0..3 {
        wide["tileMatrices"][z]["matrixWidth"] = json!(2000000000u64 << z);
    }
    let text = parse(&wide).unwrap_err().to_string();
    assert!(
        text.contains("level 2 is 8000000000 x 4 tiles; expected at most 4294967296"),
        "{text}"
    );
}

#[test]
fn text_that_is_no_tile_matrix_set_is_refused_with_its_path() {
    let utm = utm().to_string();
    let rows = [
        "".to_owned(),
        "{}".to_owned(),
        "[1, 2]".to_owned(),
        "\u{0}".to_owned(),
        utm.replace("16000.0", "NaN"),
        utm.replace("16000.0", "1e999"),
        utm[..utm.len() / 2].to_owned(),
        "[".repeat(100_000),
    ];
    for text in rows {
        let error = Scheme::from_json(&text, Path::new("mine.json")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("mine.json: not a tile matrix set ("),
            "{text}"
        );
        assert!(
            text.ends_with("; expected an OGC TileMatrixSet in JSON"),
            "{text}"
        );
    }
}
