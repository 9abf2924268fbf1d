#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

use super::*;
use crate::error::Kind;
use crate::geo::polygon::Touch;
use crate::geo::scheme::Scheme;
use std::fs;

/// A clip in a named scheme, to a ten-thousandth of a unit of 1 m or 1e-5 degrees.
fn placed(clip: &Clip, scheme: &str) -> (Placed, Bounds) {
    let scheme = Scheme::named(scheme).unwrap();
    let crs = Crs::parse(scheme.crs()).unwrap();
    let extent = scheme.extent();
    let target = Target {
        crs: &crs,
        extent,
        tolerance: extent.width() / 4e11,
    };
    (clip.place(target).unwrap(), extent)
}

fn boxes(crs: &str, sides: &[[f64; 4]]) -> Clip {
    let crs = Crs::parse(crs).unwrap();
    let boxes = sides.iter().map(|s| Bbox::new(*s, &crs).unwrap());
    Clip::new(boxes.collect(), None).unwrap()
}

/// Polygons from GeoJSON geometries.
fn cutline(geometries: &[&str]) -> Result<Cutline> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.geojson");
    let feature = |g: &&str| format!(r#"{{"type":"Feature","properties":{{}},"geometry":{g}}}"#);
    let features: Vec<String> = geometries.iter().map(feature).collect();
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        features.join(",")
    );
    fs::write(&path, text).unwrap();
    Cutline::open(path.to_str().unwrap())
}

fn rect(w: f64, s: f64, e: f64, n: f64) -> String {
    format!("[[{w},{s}],[{e},{s}],[{e},{n}],[{w},{n}],[{w},{s}]]")
}

/// Whether places in degrees are inside, looked at as squares of a hundredth of a degree.
#[track_caller]
fn check_places(clip: &Clip, scheme: &str, places: &[(f64, f64, bool)]) {
    let (placed, _) = placed(clip, scheme);
    let crs = Crs::parse(Scheme::named(scheme).unwrap().crs()).unwrap();
    let way = Projection::new(&Crs::lon_lat().unwrap(), &crs, None).unwrap();
    for &(lon, lat, expected) in places {
        let around = Bounds::new(lon - 0.005, lat - 0.005, lon + 0.005, lat + 0.005);
        let square = way.apply_to_bounds(&around).unwrap();
        // Not by `touch`: where a ring is cut on its way round the Earth, that takes an edge to be.
        let mut inside = Vec::new();
        placed.area.coverage(&square, 1, 1, &mut inside);
        let expected = if expected { 255 } else { 0 };
        assert_eq!(inside, [expected], "{lon} {lat} in {scheme}");
    }
}

#[test]
fn a_box_across_the_antimeridian_is_on_both_sides() {
    let clips = [
        boxes("OGC:CRS84", &[[170.0, -20.0, -160.0, 10.0]]),
        boxes("OGC:CRS84", &[[170.0, -20.0, 200.0, 10.0]]),
        boxes("OGC:CRS84", &[[-190.0, -20.0, -160.0, 10.0]]),
        boxes(
            "OGC:CRS84",
            &[[170.0, -20.0, 180.0, 10.0], [-180.0, -20.0, -160.0, 10.0]],
        ),
        boxes(
            "EPSG:3832",
            &[[2_226_389.8, -2_258_423.6, 5_565_974.5, 1_111_475.1]],
        ),
    ];
    for (k, clip) in clips.iter().enumerate() {
        for scheme in [
            "WebMercatorQuad",
            "WorldCRS84Quad",
            "WorldMercatorWGS84Quad",
        ] {
            if k == 4 && scheme != "WorldMercatorWGS84Quad" {
                continue;
            }
            let places = [
                (170.5, 0.0, true),
                (179.98, 0.0, true),
                (-179.98, 0.0, true),
                (-160.5, 9.5, true),
                (-159.5, 0.0, false),
                (169.5, 0.0, false),
                (0.0, 0.0, false),
                (175.0, 10.5, false),
            ];
            check_places(clip, scheme, &places);
            let bounds = placed(clip, scheme).0.bounds.unwrap();
            let found = [bounds.west, bounds.south, bounds.east, bounds.north];
            for (found, expected) in found.iter().zip([170.0, -20.0, 200.0, 10.0]) {
                assert!((found - expected).abs() < 1e-4, "{k} {scheme}: {bounds:?}");
            }
        }
    }
}

#[test]
fn polygons_cross_the_antimeridian_in_one_piece_or_cut() {
    let hole = rect(-176.0, 1.0, -172.0, 5.0);
    let beyond = format!(
        r#"{{"type":"Polygon","coordinates":[{},{}]}}"#,
        rect(170.0, -10.0, 195.0, 10.0),
        rect(184.0, 1.0, 188.0, 5.0)
    );
    let cut = format!(
        r#"{{"type":"MultiPolygon","coordinates":[[{}],[{},{hole}]]}}"#,
        rect(170.0, -10.0, 180.0, 10.0),
        rect(-180.0, -10.0, -165.0, 10.0)
    );
    for geometry in [beyond, cut] {
        let clip = Clip::new(Vec::new(), Some(cutline(&[&geometry]).unwrap())).unwrap();
        for scheme in ["WebMercatorQuad", "WorldCRS84Quad"] {
            let places = [
                (171.0, 0.0, true),
                (179.99, 3.0, true),
                (-179.99, 3.0, true),
                (-174.0, 3.0, false),
                (-170.0, 3.0, true),
                (-164.0, 3.0, false),
                (0.0, 0.0, false),
            ];
            check_places(&clip, scheme, &places);
            // No edge where it is cut: a ramp is as deep there as anywhere.
            let (placed, extent) = placed(&clip, scheme);
            let unit = extent.width() / 360.0;
            let bounds = Bounds::new(extent.east - unit, 0.0, extent.east, unit);
            let mut out = Vec::new();
            placed.area.ramp(&bounds, 64, 64, 32.0, &mut out);
            assert!(out.iter().all(|&v| v == 255), "{scheme}");
        }
    }
}

#[test]
fn rings_round_a_pole_hold_it() {
    // Squares of 2000 km round the poles, in polar stereographic.
    for (crs, sign) in [("EPSG:3413", 1.0), ("EPSG:3031", -1.0)] {
        let side = 3e6;
        let clip = boxes(crs, &[[-side, -side, side, side]]);
        for scheme in ["WorldCRS84Quad", "WebMercatorQuad"] {
            let mut places = vec![(0.0, sign * 50.0, false), (0.0, sign * -80.0, false)];
            for lon in [-179.9, -135.0, -90.3, 0.1, 44.0, 101.0, 179.9] {
                places.push((lon, sign * 75.0, true));
                places.push((lon, sign * 84.9, true));
            }
            check_places(&clip, scheme, &places);
        }
    }
    // A quarter, with its corner on the pole: longitudes 0 to 90 in 3031.
    let clip = boxes("EPSG:3031", &[[0.0, 0.0, 1e6, 1e6]]);
    let places = [
        (45.0, -85.0, true),
        (5.0, -83.0, true),
        (85.0, -83.0, true),
        (95.0, -85.0, false),
        (-5.0, -85.0, false),
        (-135.0, -84.0, false),
    ];
    check_places(&clip, "WorldCRS84Quad", &places);
    check_places(&clip, "WebMercatorQuad", &places[..5]);
}

#[test]
fn the_whole_world_holds_all_of_every_scheme() {
    let world = format!(
        r#"{{"type":"Polygon","coordinates":[{}]}}"#,
        rect(-180.0, -90.0, 180.0, 90.0)
    );
    let clips = [
        boxes("OGC:CRS84", &[[-180.0, -90.0, 180.0, 90.0]]),
        boxes("OGC:CRS84", &[[0.0, -90.0, 360.0, 90.0]]),
        boxes("EPSG:3857", &[[-3e7 + 9e6, -3e7, 19e6, 3e7]]),
        Clip::new(Vec::new(), Some(cutline(&[&world]).unwrap())).unwrap(),
    ];
    for (k, clip) in clips.iter().enumerate() {
        for scheme in [
            "WebMercatorQuad",
            "WorldCRS84Quad",
            "WorldMercatorWGS84Quad",
        ] {
            let (placed, extent) = placed(clip, scheme);
            let (x, y) = (extent.width() / 64.0, extent.height() / 64.0);
            for k in 0..64 * 64 {
                let (w, s) = (
                    extent.west + x * f64::from(k % 64),
                    extent.south + y * f64::from(k / 64),
                );
                // In Web Mercator all but the last rows of degrees.
                let square = Bounds::new(w, s, w + x, s + y);
                if !(k / 64 == 0 || k / 64 == 63) || clip.cutline.is_some() {
                    let touch = placed.area.touch(&square);
                    assert_ne!(touch, Touch::Outside, "{scheme} {square:?}");
                }
            }
            if k != 2 {
                let mut inside = Vec::new();
                placed.area.coverage(&extent, 256, 256, &mut inside);
                assert!(inside.iter().all(|&v| v == 255), "{k} {scheme}");
            }
        }
    }
}

#[test]
fn edges_are_as_curved_as_they_are() {
    // A side of 600 km along a UTM grid line, told in Mercator: against PROJ at places that no vertex lies on.
    let sides = [100_000.0, 5_000_000.0, 900_000.0, 6_500_000.0];
    let clip = boxes("EPSG:32632", &[sides]);
    let web = Crs::parse("EPSG:3857").unwrap();
    let tolerance = 0.05;
    let target = Target {
        crs: &web,
        extent: Scheme::named("WebMercatorQuad").unwrap().extent(),
        tolerance,
    };
    let placed = clip.place(target).unwrap();
    let way = Projection::new(&Crs::parse("EPSG:32632").unwrap(), &web, None).unwrap();
    let [w, s, e, n] = sides;
    for k in 0..1000 {
        let t = (f64::from(k) + 0.317) / 1000.0;
        let (x, y) = (w + (e - w) * t, s + (n - s) * t);
        for (px, py) in [(x, s), (x, n), (w, y), (e, y)] {
            let (mut xs, mut ys) = ([px], [py]);
            way.apply(&mut xs, &mut ys);
            let around = |by: f64| Bounds::new(xs[0] - by, ys[0] - by, xs[0] + by, ys[0] + by);
            assert_eq!(placed.area.touch(&around(2.0 * tolerance)), Touch::Edge);
        }
        // A little inside is inside, a little outside is outside.
        for (px, py, expected) in [
            (x, s + 1.0, Touch::Inside),
            (x, s - 1.0, Touch::Outside),
            (w + 1.0, y, Touch::Inside),
            (w - 1.0, y, Touch::Outside),
        ] {
            let (mut xs, mut ys) = ([px], [py]);
            way.apply(&mut xs, &mut ys);
            let by = 0.1;
            let around = Bounds::new(xs[0] - by, ys[0] - by, xs[0] + by, ys[0] + by);
            assert_eq!(placed.area.touch(&around), expected, "{px} {py}");
        }
    }
}

#[test]
fn a_scheme_that_does_not_go_round_the_earth_takes_what_it_has() {
    let json = r#"{"crs": "http://www.opengis.net/def/crs/EPSG/0/32632", "tileMatrices": [{"id": "0",
        "cellSize": 4000, "pointOfOrigin": [0, 6500000], "tileWidth": 256, "tileHeight": 256,
        "matrixWidth": 1, "matrixHeight": 1}]}"#;
    let scheme = Scheme::from_json(json, std::path::Path::new("utm.json")).unwrap();
    let crs = Crs::parse(scheme.crs()).unwrap();
    let extent = scheme.extent();
    let target = Target {
        crs: &crs,
        extent,
        tolerance: 1.0,
    };
    for sides in [
        [-180.0, -90.0, 180.0, 90.0],
        [0.0, -90.0, 360.0, 90.0],
        [100.0, -90.0, 99.0, 90.0],
    ] {
        let placed = boxes("OGC:CRS84", &[sides]).place(target).unwrap();
        assert_eq!(placed.area.touch(&extent), Touch::Inside, "{sides:?}");
    }
    let placed = boxes("OGC:CRS84", &[[100.0, -80.0, 120.0, 80.0]])
        .place(target)
        .unwrap();
    assert_eq!(placed.area.touch(&extent), Touch::Outside);
    assert_eq!(placed.bounds, None);
}

#[test]
fn boxes_that_are_none_are_refused() {
    let degrees = Crs::lon_lat().unwrap();
    let utm = Crs::parse("EPSG:32632").unwrap();
    let check = |crs: &Crs, sides: [f64; 4], said: &str| {
        let error = Bbox::new(sides, crs).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().contains(said), "{error}");
    };
    check(&degrees, [1.0, 2.0, 1.0, 3.0], "west is east");
    check(&degrees, [1.0, 3.0, 2.0, 3.0], "south is not below north");
    check(&degrees, [1.0, 4.0, 2.0, 3.0], "south is not below north");
    check(&degrees, [1.0, -91.0, 2.0, 3.0], "beyond the poles");
    check(&degrees, [1.0, 0.0, 2.0, 90.1], "beyond the poles");
    check(&degrees, [500_000.0, 0.0, 500_100.0, 80.0], "a longitude");
    check(&degrees, [-180.0, 0.0, 181.0, 80.0], "more than once");
    check(&degrees, [f64::NAN, 0.0, 1.0, 80.0], "not all finite");
    check(&degrees, [0.0, 0.0, f64::INFINITY, 80.0], "not all finite");
    check(&utm, [2.0, 0.0, 1.0, 1.0], "which has no antimeridian");
    assert!(Bbox::new([2.0, 0.0, 1.0, 1.0], &degrees).is_ok());
}

#[test]
fn polygons_are_found_in_whatever_holds_them() {
    let count = |geometries: &[&str]| {
        let cutline = cutline(geometries).unwrap();
        let polygons = cutline
            .shapes()
            .iter()
            .map(|s| s.polygons.len())
            .sum::<usize>();
        (polygons, cutline.notes().len())
    };
    let square = rect(0.0, 0.0, 1.0, 1.0);
    let polygon = format!(r#"{{"type":"Polygon","coordinates":[{square}]}}"#);
    let multi = format!(r#"{{"type":"MultiPolygon","coordinates":[[{square}],[{square}]]}}"#);
    let point = r#"{"type":"Point","coordinates":[0,0]}"#;
    let collection =
        format!(r#"{{"type":"GeometryCollection","geometries":[{point},{multi},{polygon}]}}"#);
    let high = r#"{"type":"Polygon","coordinates":[[[0,0,9],[1,0,9],[1,1,9],[0,0,9]]]}"#;
    assert_eq!(count(&[&polygon]), (1, 0));
    assert_eq!(count(&[&multi, high]), (3, 0));
    assert_eq!(count(&[&collection]), (3, 0));
    assert_eq!(count(&[&polygon, point, "null"]), (1, 1));

    for (geometries, said) in [
        (&[point][..], "no polygons in it"),
        (&["null"], "no polygons in it"),
        (&[], "no features in it"),
    ] {
        let error = cutline(geometries).unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn curves_become_lines_and_files_without_a_system_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("circle.csv");
    let name = path.to_str().unwrap();
    // A circle of radius 10 in two arcs.
    let wkt = "CURVEPOLYGON(CIRCULARSTRING(-10 0,0 10,10 0,0 -10,-10 0))";
    fs::write(&path, format!("id,WKT\n1,\"{wkt}\"\n")).unwrap();
    let error = Cutline::open(name).unwrap_err();
    assert_eq!(error.kind(), Kind::Input);
    assert!(
        error.to_string().contains("no coordinate reference system"),
        "{error}"
    );
    assert!(error.help().unwrap().contains("ogr2ogr -a_srs"));

    let vrt = folder.path().join("circle.vrt");
    let text = format!(
        "<OGRVRTDataSource><OGRVRTLayer name=\"circle\"><SrcDataSource>{name}</SrcDataSource>\
         <LayerSRS>EPSG:4326</LayerSRS><GeometryField encoding=\"WKT\" field=\"WKT\"/>\
         </OGRVRTLayer></OGRVRTDataSource>"
    );
    fs::write(&vrt, text).unwrap();
    let cutline = Cutline::open(vrt.to_str().unwrap()).unwrap();
    let ring = &cutline.shapes()[0].polygons[0][0];
    assert!(ring.len() > 1000, "{}", ring.len());
    for [x, y] in ring {
        assert!((x.hypot(*y) - 10.0).abs() < 1e-9);
    }
}

#[test]
fn files_that_are_no_cutlines_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.txt");
    fs::write(&text, "no polygons").unwrap();
    let raster = format!("{}/fixtures/byte.tif", env!("CARGO_MANIFEST_DIR"));
    for (name, said) in [
        ("none.geojson", "no such file"),
        (raster.as_str(), "a raster; expected a file with polygons"),
        (text.to_str().unwrap(), "cannot be opened"),
    ] {
        let error = Cutline::open(name).unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
        assert!(error.to_string().starts_with(name), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn clips_go_by_what_they_were_asked_for() {
    assert_eq!(
        boxes("OGC:CRS84", &[[1.5, 2.0, 3.0, 4.0]]).name(),
        "the box 1.5,2,3,4"
    );
    let two = boxes("OGC:CRS84", &[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]);
    assert_eq!(two.name(), "2 boxes");
    let square = format!(
        r#"{{"type":"Polygon","coordinates":[{}]}}"#,
        rect(0.0, 0.0, 1.0, 1.0)
    );
    let cutline = cutline(&[&square]).unwrap();
    let said = format!("2 boxes and {}", cutline.name());
    let both = Clip::new(two.boxes, Some(cutline)).unwrap();
    assert_eq!(both.name(), said);
    assert!(Clip::new(Vec::new(), None).is_none());
    // Nothing lies in both.
    let apart = Clip::new(
        boxes("OGC:CRS84", &[[5.0, 6.0, 7.0, 8.0]]).boxes,
        both.cutline,
    )
    .unwrap();
    let (apart, _) = placed(&apart, "WebMercatorQuad");
    assert!(apart.area.bounds().is_none() && apart.bounds.is_none());
}
