//! Clipping, from polygons to tiles: against `gdalwarp -cutline`, against a count of every tile, and by what must hold of
//! every clip.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod kept;
mod oracle;
mod program;
mod rasters;
mod skip;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azulejo::error::{Error, Kind, Result};
use azulejo::geo::affine::Affine;
use azulejo::geo::bounds::Bounds;
use azulejo::geo::polygon::Touch;
use azulejo::geo::scheme::Scheme;
use azulejo::geo::tile::TileCoord;
use azulejo::geo::transform::crs::Crs;
use azulejo::geo::transform::{Georef, Placement};
use azulejo::mosaic::Mosaic;
use azulejo::mosaic::clip::{Bbox, Clip, Cutline};
use azulejo::mosaic::rule::Rule;
use azulejo::pyramid::plan::{Plan, PlanOptions};
use azulejo::raster::kernel::Resampling;
use azulejo::raster::{Raster, SampleType, Samples};
use azulejo::render::Renderer;
use azulejo::source::gdal::{GdalSource, OpenOptions, init};
use azulejo::source::memory::MemorySource;
use azulejo::source::{Source, SourceInfo, Window};
use gdal::Dataset;
use gdal::raster::Buffer;

use self::kept::bake;
use self::oracle::{gdal_translate, ogr2ogr};
use self::rasters::{fixture, shared};

/// A star with a hole over the Bahamas, and a small triangle beside it.
const STAR: &str = r#"{"type":"MultiPolygon","coordinates":[
    [[[-78,24],[-77.7,24.6],[-77,24.7],[-77.7,25],[-78,25.6],[-78.3,25],[-79,24.7],[-78.3,24.6],[-78,24]],
     [[-78.1,24.6],[-77.9,24.6],[-77.9,24.9],[-78.1,24.9],[-78.1,24.6]]],
    [[[-77.3,25.1],[-77.1,25.4],[-77.5,25.4],[-77.3,25.1]]]]}"#;

fn source(path: &Path) -> Arc<dyn Source> {
    Arc::new(GdalSource::open(path.to_str().unwrap(), &OpenOptions::default()).unwrap())
}

fn web() -> Scheme {
    Scheme::named("WebMercatorQuad").unwrap()
}

fn boxes(crs: &str, sides: &[[f64; 4]]) -> Clip {
    let crs = Crs::parse(crs).unwrap();
    let boxes = sides.iter().map(|s| Bbox::new(*s, &crs).unwrap()).collect();
    Clip::new(boxes, None).unwrap()
}

fn cutline(path: &Path) -> Clip {
    let cutline = Cutline::open(path.to_str().unwrap()).unwrap();
    Clip::new(Vec::new(), Some(cutline)).unwrap()
}

fn star(folder: &Path) -> PathBuf {
    let path = folder.join("star.geojson");
    fs::write(&path, STAR).unwrap();
    path
}

fn render(mosaic: &Mosaic, plan: &Plan, tile: TileCoord) -> Option<Raster> {
    let job = plan.job(mosaic);
    Renderer::new(&job)
        .render(&plan.scheme.bounds(tile))
        .unwrap()
}

/// `gdalwarp` into memory; the bands, alpha last.
fn gdal_warp(path: &Path, args: &[&str]) -> Vec<Vec<u8>> {
    let warped = oracle::gdal_warp(&Dataset::open(path).unwrap(), args);
    let (width, height) = warped.raster_size();
    let band = |i| -> Buffer<u8> {
        let band = warped.rasterband(i).unwrap();
        band.read_as((0, 0), (width, height), (width, height), None)
            .unwrap()
    };
    (1..=warped.raster_count())
        .map(|i| band(i).data().to_vec())
        .collect()
}

/// Whether all of `mask` within `reach` pixels of (`col`, `row`), none of which lies beyond the tile, is `value`.
fn all_around(mask: &[u8], (col, row): (usize, usize), reach: usize, value: u8) -> bool {
    let range = |v: usize| v.saturating_sub(reach)..(v + reach + 1).min(256);
    let is_whole = |v: usize| range(v).len() == 2 * reach + 1;
    is_whole(col)
        && is_whole(row)
        && range(row).all(|r| range(col).all(|c| mask[r * 256 + c] == value))
}

/// Tiles of `raster` clipped to `polygons` are gdalwarp's: the same inside, nothing outside, and between the two a strip as
/// wide as GDAL's rasterising of the cutline in source pixels lets one expect: `reach` pixels of the tile.
#[track_caller]
fn check_against_gdalwarp(raster: &Path, polygons: &Path, (zoom, reach): (Option<u8>, usize)) {
    init();
    let mosaic = Mosaic::new(vec![source(raster)])
        .unwrap()
        .clipped(cutline(polygons));
    let options = PlanOptions {
        resampling: Some(Resampling::Bilinear),
        zoom_max: zoom,
        ..PlanOptions::new(web())
    };
    let plan = Plan::new(&mosaic, options).unwrap();
    let (mut inside, mut outside, mut edge, mut near) = (0_usize, 0_usize, 0_usize, 0);
    let (mut ours_sum, mut theirs_sum) = (0.0, 0.0);
    for tile in plan.tiles(plan.zoom_max) {
        let b = plan.scheme.bounds(tile);
        let extent = [b.west, b.south, b.east, b.north].map(|v| format!("{v:.17e}"));
        let [w, s, e, n] = extent.each_ref().map(String::as_str);
        let mut args = vec!["-of", "MEM", "-q", "-t_srs", "EPSG:3857", "-te", w, s, e, n];
        args.extend([
            "-ts",
            "256",
            "256",
            "-r",
            "bilinear",
            "-et",
            "0",
            "-dstalpha",
        ]);
        args.extend(["-wo", "UNIFIED_SRC_NODATA=YES"]);
        args.extend(["-cutline", polygons.to_str().unwrap()]);
        let theirs = gdal_warp(raster, &args);
        let alpha = theirs.last().unwrap();
        let ours = render(&mosaic, &plan, tile);
        let blank = Raster::empty(256, 256, mosaic.bands(), SampleType::U8);
        let ours = ours.unwrap_or(blank);
        let Samples::U8(values) = &ours.samples else {
            panic!("8-bit tiles")
        };
        for k in 0..256 * 256 {
            let at = (k % 256, k / 256);
            ours_sum += f64::from(ours.mask[k]);
            theirs_sum += f64::from(alpha[k]);
            if all_around(alpha, at, reach, 255) {
                inside += 1;
                assert_eq!(ours.mask[k], 255, "{tile} {at:?}");
                let bands = mosaic.bands();
                near += usize::from(
                    (0..bands).all(|band| values[k * bands + band].abs_diff(theirs[band][k]) <= 2),
                );
            } else if all_around(alpha, at, reach, 0) {
                outside += 1;
                assert_eq!(ours.mask[k], 0, "{tile} {at:?}");
            } else {
                edge += 1;
            }
        }
    }
    println!(
        "{}: {inside} px inside ({near} within 2), {outside} outside, {edge} near an edge; area {:.4} of gdalwarp's",
        polygons.display(),
        ours_sum / theirs_sum
    );
    assert!(inside > 1000 && outside > 1000 && edge > 100);
    assert!(near as f64 > 0.998 * inside as f64, "{near} of {inside}");
    assert!((ours_sum / theirs_sum - 1.0).abs() < 0.02);
}

#[test]
fn clipped_tiles_are_those_of_gdalwarp() {
    let folder = tempfile::tempdir().unwrap();
    check_against_gdalwarp(&fixture("RGB.byte.tif"), &star(folder.path()), (None, 2));
    // UTM on NAD27, in both; the file of polygons does not say so itself.
    let Some(csv) = shared("vector/cutline.csv") else {
        return;
    };
    let vrt = folder.path().join("cutline.vrt");
    let text = format!(
        "<OGRVRTDataSource><OGRVRTLayer name=\"cutline\"><SrcDataSource>{}</SrcDataSource>\
         <LayerSRS>EPSG:26711</LayerSRS><GeometryField encoding=\"WKT\" field=\"WKT\"/>\
         </OGRVRTLayer></OGRVRTDataSource>",
        csv.display()
    );
    fs::write(&vrt, text).unwrap();
    check_against_gdalwarp(&fixture("utmsmall.tif"), &vrt, (None, 2));
    // At 77 degrees north a pixel of the source is 23 of a tile high.
    let Some(aoi) = shared("vector/sample_aoi.geojson") else {
        return;
    };
    check_against_gdalwarp(&fixture("small_world.tif"), &aoi, (Some(3), 24));
}

/// The masks of all tiles of the fixture clipped to `polygons`, at the zoom it has by itself.
fn masks(polygons: &Path) -> Vec<(TileCoord, Vec<u8>)> {
    let mosaic = Mosaic::new(vec![source(&fixture("RGB.byte.tif"))]).unwrap();
    let mosaic = mosaic.clipped(cutline(polygons));
    let plan = Plan::new(&mosaic, PlanOptions::new(web())).unwrap();
    let tiles = plan.tiles(plan.zoom_max).into_iter();
    let mask = |tile| Some((tile, render(&mosaic, &plan, tile)?.mask));
    tiles.filter_map(mask).collect()
}

/// Clipped to `polygons`, tiles are covered as by `expected`, but for rounding.
#[track_caller]
fn covers_as(polygons: &Path, expected: &[(TileCoord, Vec<u8>)]) {
    let found = masks(polygons);
    assert_eq!(found.len(), expected.len());
    for ((tile, found), (other, expected)) in found.iter().zip(expected) {
        assert_eq!(tile, other);
        let off = |(a, b): (&u8, &u8)| a.abs_diff(*b) > 1;
        assert!(!found.iter().zip(expected).any(off), "{tile}");
    }
}

#[test]
fn polygons_count_whatever_file_they_are_in() {
    init();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let star = star(folder.path());
    let whole = masks(&star);
    assert!(whole.len() > 4);
    for (name, format) in [
        ("star.fgb", "FlatGeobuf"),
        ("star.shp", "ESRI Shapefile"),
        ("star.gml", "GML"),
    ] {
        ogr2ogr(&star, &path(name), &["-f", format]);
        covers_as(&path(name), &whole);
    }
    // Two layers, one polygon each; and a third without any.
    let text: serde_json::Value = serde_json::from_str(STAR).unwrap();
    let parts = text["coordinates"].as_array().unwrap();
    let gpkg = path("layers.gpkg");
    for (k, part) in parts.iter().enumerate() {
        let polygon = serde_json::json!({ "type": "Polygon", "coordinates": part });
        fs::write(path("part.geojson"), polygon.to_string()).unwrap();
        let layer = format!("layer{k}");
        let args = ["-f", "GPKG", "-update", "-nln", &layer];
        let args = if k == 0 {
            [&args[..2], &args[3..]].concat()
        } else {
            args.to_vec()
        };
        ogr2ogr(&path("part.geojson"), &gpkg, &args);
        let covered = |masks: &[(TileCoord, Vec<u8>)]| -> u64 {
            let bytes = masks.iter().flat_map(|(_, mask)| mask);
            bytes.map(|&byte| u64::from(byte)).sum()
        };
        assert_eq!(covered(&masks(&gpkg)) < covered(&whole), k == 0, "{k}");
    }
    let points = fixture("rgba_points.geojson");
    ogr2ogr(&points, &gpkg, &["-update", "-nln", "points"]);
    covers_as(&gpkg, &whole);
    let notes = Cutline::open(gpkg.to_str().unwrap()).unwrap();
    assert!(notes.notes()[0].contains("are no polygons and were passed over"));

    // A hole and two polygons in metres: straight edges there are not those in degrees, and GDAL's are the same.
    for (name, format) in [("utm.fgb", "FlatGeobuf"), ("utm.shp", "ESRI Shapefile")] {
        ogr2ogr(&star, &path(name), &["-f", format, "-t_srs", "EPSG:32618"]);
        check_against_gdalwarp(&fixture("RGB.byte.tif"), &path(name), (None, 2));
    }
    // What a Shapefile's coordinates are nobody can know without its .prj.
    fs::remove_file(path("utm.prj")).unwrap();
    let refusal = Cutline::open(path("utm.shp").to_str().unwrap()).unwrap_err();
    assert_eq!(refusal.kind(), Kind::Input);
    let said = refusal.to_string();
    assert!(
        said.contains("utm.shp: no coordinate reference system"),
        "{said}"
    );
    assert!(refusal.help().is_some_and(|help| help.contains("-a_srs")));
}

#[test]
fn tiles_are_those_that_source_and_clip_touch() {
    let folder = tempfile::tempdir().unwrap();
    let crossing = boxes(
        "OGC:CRS84",
        &[[170.0, -40.0, -170.0, 30.0], [0.0, 0.0, 1.0, 1.0]],
    );
    let cases = [
        ("RGB.byte.tif", cutline(&star(folder.path())), Some(11)),
        (
            "RGB.byte.tif",
            boxes(
                "EPSG:32618",
                &[[150_000.0, 2_700_000.0, 250_000.0, 2_720_000.0]],
            ),
            Some(11),
        ),
        ("small_world.tif", crossing, Some(6)),
    ];
    for (name, clip, zoom_max) in cases {
        let mosaic = Mosaic::new(vec![source(&fixture(name))]).unwrap();
        let options = || PlanOptions {
            zoom_max,
            ..PlanOptions::new(web())
        };
        let whole = Plan::new(&mosaic, options()).unwrap();
        let mosaic = mosaic.clipped(clip);
        let plan = Plan::new(&mosaic, options()).unwrap();
        let area = plan.layout.clip().unwrap();
        let z = plan.zoom_max;
        let expected: Vec<TileCoord> = whole
            .tiles(z)
            .into_iter()
            .filter(|tile| area.touch(&plan.scheme.bounds(*tile)) != Touch::Outside)
            .collect();
        assert_eq!(plan.tiles(z), expected, "{name}");
        assert_eq!(plan.count(z), expected.len() as u64);
        assert!(expected.len() > 4 && expected.len() < whole.tiles(z).len());
        // One tile holds them all at the zoom chosen as the lowest, and no deeper one's does.
        if plan.zoom_min > 0 {
            assert_eq!(
                (plan.count(plan.zoom_min), plan.count(plan.zoom_min + 1) > 1),
                (1, true)
            );
        }
    }
}

#[test]
fn threads_and_shards_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for feather in [0.0, 7.5] {
        let mosaic = Mosaic::new(vec![source(&fixture("RGB.byte.tif"))]).unwrap();
        let mosaic = mosaic
            .clipped(cutline(&star(folder.path())))
            .feathered(feather);
        let plan = Plan::new(&mosaic, PlanOptions::new(web())).unwrap();
        let first = bake(&mosaic, &plan, 1, None).0;
        assert!(!first.is_empty());
        for (jobs, height) in [
            (2, None),
            (8, None),
            (2, Some(0)),
            (8, Some(1)),
            (2, Some(30)),
        ] {
            assert!(
                bake(&mosaic, &plan, jobs, height).0 == first,
                "{jobs} {height:?}"
            );
        }
    }
}

#[test]
fn a_clip_that_holds_everything_changes_nothing() {
    let cases = [
        (
            "RGB.byte.tif",
            boxes("OGC:CRS84", &[[-100.0, 0.0, -50.0, 50.0]]),
        ),
        ("RGB.byte.tif", boxes("EPSG:32618", &[[0.0, 2e6, 1e6, 4e6]])),
        (
            "small_world.tif",
            boxes("OGC:CRS84", &[[-180.0, -90.0, 180.0, 90.0]]),
        ),
        (
            "small_world.tif",
            boxes("OGC:CRS84", &[[0.0, -90.0, 360.0, 90.0]]),
        ),
        (
            "s2_dateline_utm60.tif",
            boxes("OGC:CRS84", &[[170.0, -90.0, -170.0, 90.0]]),
        ),
        (
            "byte_pct.tif",
            boxes("OGC:CRS84", &[[-180.0, -90.0, 180.0, 90.0]]),
        ),
    ];
    for (name, clip) in cases {
        for feather in [0.0, 12.0] {
            let open = || Mosaic::new(vec![source(&fixture(name))]).unwrap();
            if open().sample_type() != SampleType::U8 || feather > 0.0 && open().is_palette() {
                continue;
            }
            let options = || PlanOptions::new(web());
            let plain = open();
            let plan = Plan::new(&plain, options()).unwrap();
            let expected = bake(&plain, &plan, 2, None).0;
            let clipped = open().clipped(clip.clone()).feathered(feather);
            let cut = Plan::new(&clipped, options()).unwrap();
            assert_eq!(
                (cut.bounds, cut.center),
                (plan.bounds, plan.center),
                "{name}"
            );
            assert!(
                bake(&clipped, &cut, 2, None).0 == expected,
                "{name} {feather}"
            );
        }
    }
}

#[test]
fn a_box_across_the_antimeridian_is_baked_on_both_sides() {
    let mosaic = Mosaic::new(vec![source(&fixture("small_world.tif"))]).unwrap();
    let mosaic = mosaic.clipped(boxes("OGC:CRS84", &[[157.5, -40.0, -157.5, 40.0]]));
    for (scheme, z) in [("WebMercatorQuad", 4), ("WorldCRS84Quad", 3)] {
        let options = PlanOptions {
            zoom_max: Some(z),
            ..PlanOptions::new(Scheme::named(scheme).unwrap())
        };
        let plan = Plan::new(&mosaic, options).unwrap();
        let mut columns: Vec<u32> = plan.tiles(z).iter().map(|tile| tile.x()).collect();
        columns.sort_unstable();
        columns.dedup();
        // Of 16 columns the first and the last: 22.5 degrees each.
        assert_eq!(columns, [0, 15], "{scheme}");
        let bounds = plan.bounds;
        assert_eq!((bounds.west, bounds.east), (-180.0, 180.0));
        assert!((bounds.south + 40.0).abs() < 1e-6 && (bounds.north - 40.0).abs() < 1e-6);
        assert!(plan.center.0.abs() > 179.999, "{:?}", plan.center);
        assert!(bake(&mosaic, &plan, 2, None).0.len() >= plan.count(z) as usize);
    }
}

/// A picture of one colour on the pixels of zoom 2 of WebMercatorQuad: all of its tiles 2/1/1 and 2/2/1.
fn plain(resampling: Resampling) -> (Mosaic, PlanOptions, f64) {
    let scheme = web();
    let bounds = scheme.bounds(scheme.tile(2, 1, 1).unwrap());
    let pixel = bounds.width() / 256.0;
    let samples = Samples::U8([200, 100, 50].repeat(512 * 256));
    let raster =
        Raster::from_parts(512, 256, 3, SampleType::U8, samples, vec![255; 512 * 256]).unwrap();
    let placement = Placement {
        crs: Crs::parse("EPSG:3857").unwrap(),
        georef: Georef::Affine(Affine([bounds.west, pixel, 0.0, bounds.north, 0.0, -pixel])),
        width: 512,
        height: 256,
    };
    let source = MemorySource::new("plain", raster, placement).unwrap();
    let options = PlanOptions {
        zoom_max: Some(2),
        resampling: Some(resampling),
        ..PlanOptions::new(scheme)
    };
    (Mosaic::new(vec![Arc::new(source)]).unwrap(), options, pixel)
}

#[test]
fn edges_are_covered_in_part_and_feathers_rise_evenly_across_tiles() {
    // From pixel 100.25 to 300.5, and from row 40 to 200.75, of the two tiles.
    let sides = |pixel: f64| {
        let origin = web().bounds(web().tile(2, 1, 1).unwrap());
        let at = |col: f64, row: f64| (origin.west + col * pixel, origin.north - row * pixel);
        let ((w, n), (e, s)) = (at(100.25, 40.0), at(300.5, 200.75));
        [w, s, e, n]
    };
    let depth = |col: usize, row: usize| {
        let (x, y) = (col as f64 + 0.5, row as f64 + 0.5);
        (x - 100.25).min(300.5 - x).min(y - 40.0).min(200.75 - y)
    };
    let part = |k: usize, low: f64, high: f64| {
        ((k as f64 + 1.0).min(high) - (k as f64).max(low)).clamp(0.0, 1.0)
    };
    for (resampling, feather) in [
        (Resampling::Bilinear, 0.0),
        (Resampling::Nearest, 0.0),
        (Resampling::Mode, 0.0),
        (Resampling::Cubic, 16.0),
        (Resampling::Average, 2.5),
    ] {
        let (mosaic, options, pixel) = plain(resampling);
        let mosaic = mosaic
            .clipped(boxes("EPSG:3857", &[sides(pixel)]))
            .feathered(feather);
        let plan = Plan::new(&mosaic, options).unwrap();
        let tiles = plan.tiles(2);
        assert_eq!(tiles.len(), 2);
        for tile in tiles {
            let raster = render(&mosaic, &plan, tile).unwrap();
            for k in 0..256 * 256 {
                let (col, row) = (k % 256 + 256 * (tile.x() as usize - 1), k / 256);
                let share = if feather > 0.0 {
                    (depth(col, row) / feather).clamp(0.0, 1.0)
                } else if resampling.keeps_values() {
                    f64::from(depth(col, row) >= 0.0)
                } else {
                    part(col, 100.25, 300.5) * part(row, 40.0, 200.75)
                };
                let found = f64::from(raster.mask[k]);
                assert!(
                    (found - 255.0 * share).abs() <= 0.51,
                    "{resampling:?} {feather} at {col} {row}: {found}, expected {}",
                    255.0 * share
                );
                let colour = [0, 1, 2].map(|band| raster.samples.get(3 * k + band));
                let expected = if found > 0.0 {
                    [200.0, 100.0, 50.0]
                } else {
                    [0.0; 3]
                };
                assert_eq!(colour, expected, "no fringe");
            }
        }
    }
}

#[test]
fn classes_are_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lens.geojson");
    // A slanted triangle over the palette's place, wherever that is.
    let palette = source(&fixture("byte_pct.tif"));
    let b = palette.info().placement.lon_lat_bounds().unwrap();
    let text = format!(
        r#"{{"type":"Polygon","coordinates":[[[{0},{1}],[{2},{1}],[{2},{3}],[{0},{1}]]]}}"#,
        b.west, b.south, b.east, b.north
    );
    fs::write(&path, text).unwrap();
    let mosaic = Mosaic::new(vec![palette]).unwrap().clipped(cutline(&path));
    assert!(mosaic.is_palette());
    let plan = Plan::new(&mosaic, PlanOptions::new(web())).unwrap();
    for (_, data) in bake(&mosaic, &plan, 2, None).0 {
        let picture = image::load_from_memory(&data).unwrap().to_rgba8();
        assert!(picture.pixels().all(|p| p.0[3] == 0 || p.0[3] == 255));
    }
    let refusal = Plan::new(&mosaic.feathered(3.0), PlanOptions::new(web())).map(|_| ());
    assert_eq!(refusal.unwrap_err().kind(), Kind::Usage);
}

#[test]
fn seams_are_blended_and_outer_edges_stay() {
    // Two pictures on the pixels of zoom 2: the upper from column 0 to 300, the lower from 200 to 512.
    let picture = |first: usize, end: usize, value: u8| -> Arc<dyn Source> {
        let (scheme, width) = (web(), end - first);
        let bounds = scheme.bounds(scheme.tile(2, 1, 1).unwrap());
        let pixel = bounds.width() / 256.0;
        let samples = Samples::U8(vec![value; width * 256]);
        let mask = vec![255; width * 256];
        let raster = Raster::from_parts(width, 256, 1, SampleType::U8, samples, mask).unwrap();
        let west = bounds.west + first as f64 * pixel;
        let placement = Placement {
            crs: Crs::parse("EPSG:3857").unwrap(),
            georef: Georef::Affine(Affine([west, pixel, 0.0, bounds.north, 0.0, -pixel])),
            width,
            height: 256,
        };
        Arc::new(MemorySource::new(format!("{value}"), raster, placement).unwrap())
    };
    let (a, b) = (picture(0, 300, 200), picture(200, 512, 100));
    for (rule, sources) in [
        (Rule::First, vec![Arc::clone(&a), Arc::clone(&b)]),
        (Rule::Last, vec![b, a]),
    ] {
        let mosaic = Mosaic::with_rule(sources, rule).unwrap().feathered(20.0);
        let options = PlanOptions {
            zoom_max: Some(2),
            ..PlanOptions::new(web())
        };
        let plan = Plan::new(&mosaic, options).unwrap();
        for tile in plan.tiles(2) {
            let raster = render(&mosaic, &plan, tile).unwrap();
            // Nothing lies below the outer edges.
            assert!(raster.is_opaque(), "{tile}");
            for k in 0..256 * 256 {
                let (col, row) = (k % 256 + 256 * (tile.x() as usize - 1), k / 256);
                // From the upper's edges; the lower one fades, too, but there is nothing below it.
                let upper = (300.0 - col as f64 - 0.5)
                    .min(row as f64 + 0.5)
                    .min(255.5 - row as f64)
                    .min(col as f64 + 0.5);
                let lower = (col as f64 + 0.5 - 200.0)
                    .min(row as f64 + 0.5)
                    .min(255.5 - row as f64)
                    .min(511.5 - col as f64);
                let weight = |depth: f64| (depth / 20.0).clamp(0.0, 1.0);
                let expected = match col {
                    0..200 => 200.0,
                    300.. => 100.0,
                    _ => {
                        let (above, below) = (weight(upper), weight(lower));
                        let shown = below * (1.0 - above);
                        (200.0 * above + 100.0 * shown) / (above + shown)
                    }
                };
                let found = raster.samples.get(k);
                // Weights are kept in 255 steps.
                let near = 100.0 / 255.0 + 0.51;
                let corner = upper.min(lower) < 2.0;
                assert!(
                    (found - expected).abs() <= near || corner,
                    "{rule:?} {col} {row}: {found}, {expected}"
                );
            }
        }
    }
}

/// A layer of one value, with a hole, 512 by 400 pixels in the system `crs` around a place in the Bahamas.
fn patch(crs: &str, value: u8, (west, north): (f64, f64), pixel: f64) -> Arc<dyn Source> {
    let (width, height) = (512, 400);
    let there = |k: usize| {
        let (x, y) = ((k % width) as f64 - 150.0, (k / width) as f64 - 250.0);
        if x.hypot(y) < 60.0 { 0 } else { 255 }
    };
    let mask: Vec<u8> = (0..width * height).map(there).collect();
    let samples = mask.iter().map(|&m| if m > 0 { value } else { 0 });
    let samples = Samples::U8(samples.collect());
    let raster = Raster::from_parts(width, height, 1, SampleType::U8, samples, mask).unwrap();
    let placement = Placement {
        crs: Crs::parse(crs).unwrap(),
        georef: Georef::Affine(Affine([west, pixel, 0.0, north, 0.0, -pixel])),
        width,
        height,
    };
    Arc::new(MemorySource::new(format!("{crs} {value}"), raster, placement).unwrap())
}

/// Three patches over each other, each in a system of its own.
fn patches() -> Vec<Arc<dyn Source>> {
    vec![
        patch("EPSG:32618", 220, (150_000.0, 2_770_000.0), 300.0),
        patch("OGC:CRS84", 120, (-78.2, 25.2), 0.003),
        patch("EPSG:3857", 20, (-8_760_000.0, 2_880_000.0), 320.0),
    ]
}

#[test]
fn wide_seams_are_one_picture_whatever_it_is_cut_into() {
    init();
    let folder = tempfile::tempdir().unwrap();
    let over = |rule| Mosaic::with_rule(patches(), rule).unwrap();
    let alone = Mosaic::new(patches().split_off(2)).unwrap();
    let clip = cutline(&star(folder.path()));
    for mosaic in [
        over(Rule::First).feathered(1000.0),
        over(Rule::Last).feathered(300.0),
        // The edge of a clip alone, and both.
        alone.feathered(1000.0).clipped(clip.clone()),
        over(Rule::First).feathered(400.0).clipped(clip),
    ] {
        let plan = |zoom: u8, tile_size_px| {
            let options = PlanOptions {
                zoom_max: Some(zoom),
                tile_size_px,
                resampling: Some(Resampling::Bilinear),
                ..PlanOptions::new(web())
            };
            Plan::new(&mosaic, options).unwrap()
        };
        // The same pixels, by fours in one tile.
        let (fine, whole) = (plan(9, 256), plan(8, 512));
        let all = whole.tiles(8).into_iter();
        let rendered = all.filter_map(|tile| Some((tile, render(&mosaic, &whole, tile)?)));
        let fullest = |of: &(TileCoord, Raster)| of.1.mask.iter().filter(|&&m| m > 0).count();
        let (parent, expected) = rendered.max_by_key(fullest).unwrap();
        assert!(fullest(&(parent, expected.clone())) > 10_000);
        let mut values = std::collections::BTreeSet::new();
        for (quarter, child) in parent.children().into_iter().enumerate() {
            let blank = || Raster::empty(256, 256, 1, SampleType::U8);
            let found = render(&mosaic, &fine, child).unwrap_or_else(blank);
            let (right, down) = (child.x() as usize % 2, child.y() as usize % 2);
            for k in 0..256 * 256 {
                let at = (down * 256 + k / 256) * 512 + right * 256 + k % 256;
                let (a, b) = (found.samples.get(k), expected.samples.get(at));
                assert!((a - b).abs() <= 1.0, "{quarter} {k}: {a}, {b}");
                assert!(
                    found.mask[k].abs_diff(expected.mask[at]) <= 1,
                    "{quarter} {k}"
                );
                values.insert((a as u8, found.mask[k]));
            }
        }
        assert!(values.len() > 10, "{}", values.len());
    }
}

#[test]
fn threads_shards_and_memory_change_no_seam() {
    init();
    let mosaic = Mosaic::with_rule(patches(), Rule::First)
        .unwrap()
        .feathered(150.0);
    let options = PlanOptions {
        zoom_max: Some(10),
        ..PlanOptions::new(web())
    };
    let plan = Plan::new(&mosaic, options).unwrap();
    let first = bake(&mosaic, &plan, 1, None).0;
    assert!(first.len() > 20, "{}", first.len());
    for (jobs, height) in [(2, None), (8, Some(0)), (8, Some(1)), (2, Some(30))] {
        assert!(
            bake(&mosaic, &plan, jobs, height).0 == first,
            "{jobs} {height:?}"
        );
    }

    // The program, with files in three systems that overlap.
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let names = [
        ("utm.tif", "-b 1 -b 2 -b 3"),
        (
            "degrees.tif",
            "-b 3 -b 1 -b 2 -a_srs EPSG:4326 -a_ullr -78.6 25.3 -76.9 24",
        ),
        (
            "web.tif",
            "-b 2 -b 3 -b 1 -a_srs EPSG:3857 -a_ullr -8720000 2820000 -8560000 2700000",
        ),
    ];
    for (name, args) in names {
        let args: Vec<&str> = args.split(' ').collect();
        gdal_translate(&fixture("RGB.byte.tif"), &here.join(name), &args);
    }
    let bake = |jobs: &str, memory: &str| {
        let line = "tile utm.tif degrees.tif web.tif --feather 40 --overwrite -o x.mbtiles";
        let mut args: Vec<&str> = line.split(' ').collect();
        args.extend(["-j", jobs, "--memory", memory]);
        let (code, _, stderr) = run(here, &args);
        assert_eq!(code, 0, "{stderr}");
        fs::read(here.join("x.mbtiles")).unwrap()
    };
    let first = bake("1", "128MiB");
    for (jobs, memory) in [
        ("1", "1GiB"),
        ("2", "128MiB"),
        ("8", "1GiB"),
        ("8", "128MiB"),
    ] {
        assert!(bake(jobs, memory) == first, "{jobs} {memory}");
    }
    // What a layer with a wide margin takes is part of the ceiling.
    let line = "tile utm.tif degrees.tif web.tif --feather 1000 -o y.mbtiles --memory 128MiB";
    let (code, _, stderr) = run(here, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(code, 9, "{stderr}");
    assert!(stderr.contains("help: --memory "), "{stderr}");
}

/// A source that must not be read.
struct Unread(SourceInfo);

impl Source for Unread {
    fn info(&self) -> &SourceInfo {
        &self.0
    }

    fn read(&self, _level: usize, _window: Window) -> Result<Raster> {
        Err(Error::internal("read, though it lies outside the clip"))
    }
}

#[test]
fn sources_outside_the_clip_are_neither_read_nor_counted() {
    let near = source(&fixture("RGB.byte.tif"));
    let mut far = near.info().clone();
    // Ten times as fine, and 600 km to the east.
    if let Georef::Affine(Affine(t)) = &mut far.placement.georef {
        t[0] += 600_000.0;
        t[1] /= 10.0;
        t[5] /= 10.0;
    }
    let sources: Vec<Arc<dyn Source>> = vec![Arc::new(Unread(far)), Arc::clone(&near)];
    let clip = || boxes("OGC:CRS84", &[[-78.5, 24.0, -77.5, 25.0]]);
    let both = Mosaic::new(sources).unwrap().clipped(clip());
    let plan = Plan::new(&both, PlanOptions::new(web())).unwrap();
    let alone = Mosaic::new(vec![near]).unwrap().clipped(clip());
    let expected = Plan::new(&alone, PlanOptions::new(web())).unwrap();
    assert_eq!(
        (plan.zoom_min, plan.zoom_max),
        (expected.zoom_min, expected.zoom_max)
    );
    assert_eq!(
        (plan.bounds, plan.center),
        (expected.bounds, expected.center)
    );
    assert!(bake(&both, &plan, 2, None).0 == bake(&alone, &expected, 2, None).0);
    let bounds = Bounds::new(-78.5, 24.0, -77.5, 25.0);
    let off = |a: f64, b: f64| (a - b).abs() > 1e-6;
    assert!(!off(plan.bounds.west, bounds.west) && !off(plan.bounds.north, bounds.north));

    let elsewhere = alone.clipped(boxes("OGC:CRS84", &[[10.0, 40.0, 11.0, 41.0]]));
    let error = Plan::new(&elsewhere, PlanOptions::new(web()))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NoOverlap);
    let said = error.to_string();
    assert!(
        said.contains("RGB.byte.tif") && said.contains("the box 10,40,11,41"),
        "{said}"
    );
}

/// Exit code, stdout and stderr of a run in `folder`.
fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = program::output(&mut program::program(folder, args));
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn the_program_clips_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    star(here);
    let raster = fixture("RGB.byte.tif");
    let raster = raster.to_str().unwrap();
    let (code, _, stderr) = run(
        here,
        &[
            "tile",
            raster,
            "--cutline",
            "star.geojson",
            "--bbox",
            "-79,24,-77,25",
            "--bbox=-79,25,-77,25.2",
            "--feather",
            "4",
            "-z",
            "7",
            "-o",
            "a",
            "--report",
            "r.json",
        ],
    );
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("clipped to 2 boxes and star.geojson, 4 px soft"),
        "{stderr}"
    );
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(here.join("r.json")).unwrap()).unwrap();
    let options = &report["options"];
    assert_eq!(options["cutline"], "star.geojson");
    assert_eq!(
        options["bbox"][0],
        serde_json::json!([-79.0, 24.0, -77.0, 25.0])
    );
    assert_eq!(
        (&options["feather"], &options["bbox-crs"]),
        (&serde_json::json!(4.0), &serde_json::Value::Null)
    );

    // From variables it is the same.
    let mut command = program::program(here, &["tile", raster, "-z", "7", "-o", "b"]);
    command
        .env("AZULEJO_BBOX", "-79,24,-77,25\n-79,25,-77,25.2")
        .env("AZULEJO_CUTLINE", "star.geojson")
        .env("AZULEJO_FEATHER", "4");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let tile = fs::read_dir(here.join("a/7"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let tile = fs::read_dir(tile.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let same = here
        .join("b")
        .join(tile.strip_prefix(here.join("a")).unwrap());
    assert_eq!(fs::read(tile).unwrap(), fs::read(same).unwrap());
}

#[test]
fn clips_that_cannot_be_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    star(here);
    let points = fixture("rgba_points.geojson");
    let (raster, points) = (fixture("RGB.byte.tif"), points.to_str().unwrap());
    let raster = raster.to_str().unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--bbox", "10,40,11,41"], 8, "the box 10,40,11,41"),
        (
            &["--bbox", "10,40,11,41", "--bbox", "11,40,12,41"],
            8,
            "2 boxes",
        ),
        (
            &["--cutline", "star.geojson", "--bbox", "-60,24,-50,25"],
            8,
            "star.geojson",
        ),
        (&["--bbox", "10,40,11"], 2, "expected west,south,east,north"),
        (
            &["--bbox", "10,40,11,nan"],
            2,
            "expected west,south,east,north",
        ),
        (&["--bbox", "10,40,10,41"], 2, "west is east"),
        (&["--bbox", "10,41,11,40"], 2, "south is not below north"),
        (&["--bbox", "10,40,11,95"], 2, "beyond the poles"),
        (&["--bbox", "1,2,3,4", "--bbox-crs", "EPSG:0"], 2, "EPSG:0"),
        (&["--bbox-crs", "EPSG:3857"], 2, "--bbox"),
        (
            &["--cutline", "none.geojson"],
            3,
            "none.geojson: no such file",
        ),
        (&["--cutline", points], 3, "no polygons in it"),
        (
            &["--cutline", raster],
            3,
            "a raster; expected a file with polygons",
        ),
        (&["--feather", "3"], 2, "--feather without an edge"),
        (
            &["--feather", "-1", "--cutline", "star.geojson"],
            2,
            "0 to 1000",
        ),
        (
            &[
                "--feather",
                "3",
                "--cutline",
                "star.geojson",
                "-r",
                "nearest",
            ],
            2,
            "nearest",
        ),
    ];
    for (args, code, said) in cases {
        let mut all = vec!["tile", raster, "-o", "out.mbtiles"];
        all.extend_from_slice(args);
        let (found, _, stderr) = run(here, &all);
        assert_eq!(found, *code, "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
        let names: Vec<_> = fs::read_dir(here)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names, ["star.geojson"], "{args:?}");
    }
    let args = [
        "tile",
        raster,
        "--cutline",
        "star.geojson",
        "--report",
        "star.geojson",
        "-o",
        "out",
    ];
    let (code, _, stderr) = run(here, &args);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("the cutline star.geojson"), "{stderr}");
    assert_eq!(fs::read_to_string(here.join("star.geojson")).unwrap(), STAR);
}
