//! What differs between two tilesets.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;
mod under_way;
#[allow(dead_code)] // Nothing fails on the way here.
mod web;

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use azulejo::archive::open_store;
use azulejo::diff::{DiffOptions, Pair};
use azulejo::geo::changes::Change;
use azulejo::source::gdal::init;
use gdal::raster::Buffer;
use gdal::vector::LayerAccess;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use image::{ExtendedColorType, ImageEncoder, RgbaImage};
use rusqlite::Connection;
use serde_json::{Value, json};

use self::desk::{Desk, Run, finish, fixture};
use self::web::Web;

/// A tile of an MBTiles file: zoom, column, row from the south, and its bytes.
type Row = ((u8, u32, u32), Vec<u8>);

impl Desk {
    fn diff(&self, args: &[&str]) -> Run {
        self.run(&[&["diff"], args].concat())
    }

    /// What is found, which is a difference or not as said.
    #[track_caller]
    fn found(&self, different: bool, args: &[&str]) -> Value {
        let run = self.diff(&[&["--json"], args].concat());
        assert_eq!(run.code, if different { 6 } else { 0 }, "{}", run.stderr);
        let found: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(found["schema"], "azulejo-diff/1");
        assert_eq!(found["different"], different);
        found
    }

    /// Tiles of a source of the project's own, as PNG.
    fn bake(&self, source: &str, args: &[&str]) {
        let source = fixture(source);
        self.run(&[&["tile", &source], args].concat()).ok();
    }

    /// Two folders of tiles, `old` and `new`, of a picture in which a rectangle is another one in the second.
    fn changed_region(&self, more: &[&str]) {
        self.copy("RGB.byte.tif", "scene.tif");
        let tile = ["tile", "scene.tif", "-z", "6-9", "-o"];
        self.run(&[&tile[..], &["old"], more].concat()).ok();
        repaint(&self.path("scene.tif"), (300, 250), (60, 40));
        self.run(&[&tile[..], &["new"], more].concat()).ok();
    }

    /// An MBTiles file with these PNG tiles.
    fn with_tiles(&self, name: &str, tiles: &[Row]) {
        let mut db = self.mbtiles(name);
        let all = db.transaction().unwrap();
        for ((z, x, y), data) in tiles {
            let insert = "INSERT INTO tiles VALUES (?, ?, ?, ?)";
            all.execute(insert, (z, x, y, data)).unwrap();
        }
        all.commit().unwrap();
    }
}

impl Run {
    #[track_caller]
    fn differs(self, said: &str) -> Self {
        assert_eq!(self.code, 6, "{}", self.stderr);
        assert!(self.stdout.contains(said), "{said:?} in {}", self.stdout);
        self
    }
}

/// Brightens a rectangle of a raster: upper left pixel, size.
fn repaint(path: &Path, at: (isize, isize), size: (usize, usize)) {
    init();
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_UPDATE,
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open_ex(path, options).unwrap();
    for k in 1..=dataset.raster_count() {
        let mut band = dataset.rasterband(k).unwrap();
        let values = band.read_as::<f64>(at, size, size, None).unwrap();
        let values = values.data().iter().map(|v| (v + 90.0).min(250.0));
        let mut values = Buffer::new(size, values.collect::<Vec<f64>>());
        band.write(at, size, &mut values).unwrap();
    }
}

/// The pixels of a PNG file as red, green, blue and alpha, decoded by GDAL.
fn pixels(path: &Path) -> Vec<[u8; 4]> {
    init();
    let dataset = Dataset::open(path).unwrap();
    let size = dataset.raster_size();
    let bands: Vec<Vec<u8>> = (1..=dataset.raster_count())
        .map(|k| {
            let band = dataset.rasterband(k).unwrap();
            let values = band.read_as::<u8>((0, 0), size, size, None).unwrap();
            values.data().to_vec()
        })
        .collect();
    let band = dataset.rasterband(1).unwrap();
    let table = band.color_table();
    let pixel = |k: usize| match (&table, &bands[..]) {
        (Some(table), [indices]) => {
            let colour = table.entry_as_rgb(indices[k].into()).unwrap();
            [colour.r, colour.g, colour.b, colour.a].map(|v| v as u8)
        }
        (_, [gray]) => [gray[k], gray[k], gray[k], 255],
        (_, [gray, alpha]) => [gray[k], gray[k], gray[k], alpha[k]],
        (_, [red, green, blue]) => [red[k], green[k], blue[k], 255],
        (_, [red, green, blue, alpha]) => [red[k], green[k], blue[k], alpha[k]],
        _ => panic!("{} bands", bands.len()),
    };
    (0..size.0 * size.1).map(pixel).collect()
}

/// How two pictures differ: max, mean, PSNR, pixels visible in both, and in one only.
#[derive(Debug, PartialEq)]
struct Apart {
    max: u8,
    mean: f64,
    psnr: Option<f64>,
    pixels: u64,
    mask: u64,
}

fn apart(a: &[[u8; 4]], b: &[[u8; 4]]) -> Apart {
    assert_eq!(a.len(), b.len());
    let visible = |pixel: &[u8; 4]| pixel[3] > 0;
    let in_both = || a.iter().zip(b).filter(|(a, b)| visible(a) && visible(b));
    let samples = in_both().flat_map(|(a, b)| {
        let n = if (a[3], b[3]) == (255, 255) { 3 } else { 4 };
        (0..n).map(|k| a[k].abs_diff(b[k]))
    });
    let samples: Vec<u8> = samples.collect();
    let n = samples.len().max(1) as f64;
    let sum: f64 = samples.iter().map(|&v| f64::from(v)).sum();
    let squares: f64 = samples.iter().map(|&v| f64::from(v).powi(2)).sum();
    let masked = a.iter().zip(b).filter(|(a, b)| visible(a) != visible(b));
    Apart {
        max: samples.iter().copied().max().unwrap_or(0),
        mean: sum / n,
        psnr: (squares > 0.0).then(|| 20.0 * 255_f64.log10() - 10.0 * (squares / n).log10()),
        pixels: in_both().count() as u64,
        mask: masked.count() as u64,
    }
}

/// All tiles of two folders that differ in what GDAL sees, by address.
fn apart_by_gdal(desk: &Desk, a: &str, b: &str) -> BTreeMap<String, Apart> {
    let mut found = BTreeMap::new();
    for tile in open_store(&desk.path(a)).unwrap().tiles().unwrap() {
        let of = |folder: &str| pixels(&desk.path(folder).join(format!("{tile}.png")));
        let apart = apart(&of(a), &of(b));
        if apart.max > 0 || apart.mask > 0 {
            found.insert(tile.to_string(), apart);
        }
    }
    found
}

/// Changes, as JSON tells of them, by address.
fn changes(found: &Value) -> BTreeMap<String, Value> {
    let changes = found["changes"].as_array().unwrap().iter();
    changes
        .map(|change| (change["tile"].as_str().unwrap().to_owned(), change.clone()))
        .collect()
}

fn counts(
    equal: u64,
    reencoded: u64,
    within: u64,
    changed: u64,
    added: u64,
    removed: u64,
) -> Value {
    json!({
        "equal": equal,
        "reencoded": reencoded,
        "within_tolerance": within,
        "changed": changed,
        "added": added,
        "removed": removed,
    })
}

/// A PNG of one size with these colours, over and over.
fn png(side: u32, colours: &[[u8; 4]]) -> Vec<u8> {
    let mut image = RgbaImage::new(side, side);
    for (k, pixel) in image.pixels_mut().enumerate() {
        pixel.0 = colours[k % colours.len()];
    }
    let mut out = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut out);
    let written = encoder.write_image(&image, side, side, ExtendedColorType::Rgba8);
    written.unwrap();
    out
}

const RED: [u8; 4] = [200, 10, 10, 255];
const BLUE: [u8; 4] = [10, 10, 200, 255];
const CLEAR: [u8; 4] = [0; 4];

#[test]
fn one_bake_is_the_same_in_every_container() {
    let desk = Desk::new();
    let outputs = ["a.mbtiles", "a.pmtiles", "a"].map(|name| ["-o", name]);
    let flat = ["--mbtiles-type", "flat"];
    desk.bake("RGB.byte.tif", &[&outputs.concat()[..], &flat].concat());
    let normalized = ["--mbtiles-type", "normalized", "--agg-hash"];
    let args = [&["-o", "n.mbtiles"][..], &normalized].concat();
    desk.bake("RGB.byte.tif", &args);
    desk.bake("RGB.byte.tif", &["-o", "tms", "--scheme", "tms"]);
    let all = ["a.mbtiles", "a.pmtiles", "a", "n.mbtiles", "tms"];
    let n_tiles = open_store(&desk.path("a")).unwrap().tiles().unwrap().len() as u64;
    for a in all {
        for b in all {
            let found = desk.found(false, &[a, b]);
            assert_eq!(found["tiles"], counts(n_tiles, 0, 0, 0, 0, 0), "{a} {b}");
            assert_eq!(found["metadata"], json!([]));
            assert_eq!(found["changes"], json!([]));
        }
    }
    let run = desk.diff(&["a.mbtiles", "tms"]).ok();
    assert!(run.stdout.ends_with("no difference\n"), "{}", run.stdout);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_changed_region_changes_the_tiles_that_gdal_says() {
    let desk = Desk::new();
    desk.changed_region(&[]);
    let expected = apart_by_gdal(&desk, "old", "new");
    let n_tiles = open_store(&desk.path("old"))
        .unwrap()
        .tiles()
        .unwrap()
        .len();
    assert!((4..n_tiles).contains(&expected.len()), "{expected:?}");
    desk.run(&["convert", "new", "-o", "new.pmtiles"]).ok();
    for b in ["new", "new.pmtiles"] {
        let found = desk.found(true, &["old", b]);
        let changes = changes(&found);
        assert!(changes.keys().eq(expected.keys()), "{changes:?}");
        for (tile, expected) in &expected {
            let found = &changes[tile];
            assert_eq!(found["change"], "changed");
            assert_eq!(found["max"], f64::from(expected.max), "{tile}");
            assert_eq!(found["pixels"], expected.pixels, "{tile}");
            assert_eq!(found["mask"], expected.mask, "{tile}");
            assert_eq!(found["of"], 255.0);
            let near = |key: &str, expected: f64| {
                let found = found[key].as_f64().unwrap();
                assert!((found - expected).abs() < 1e-9, "{tile} {key}: {found}");
            };
            near("mean", expected.mean);
            near("psnr", expected.psnr.unwrap());
        }
        let n = expected.len() as u64;
        assert_eq!(found["tiles"]["changed"], n);
        assert_eq!(found["tiles"]["equal"], n_tiles as u64 - n);
        let largest = expected.values().map(|apart| apart.max).max().unwrap();
        assert_eq!(found["largest"]["max"], f64::from(largest));
        let of_zooms = found["zooms"].as_array().unwrap().iter();
        let changed = of_zooms.map(|zoom| zoom["changed"].as_u64().unwrap());
        assert_eq!(changed.sum::<u64>(), n);
    }
    // The same on any number of threads.
    let on = |jobs: &str| desk.diff(&["--json", "old", "new", "-j", jobs]).stdout;
    assert_eq!(on("1"), on("5"));
    let run = desk.diff(&["old", "new"]).differs("changed");
    assert!(
        run.stderr.contains("error: old and new differ: "),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("dB"), "{}", run.stdout);
}

#[test]
fn a_tolerance_makes_equal_what_differs_by_no_more() {
    let desk = Desk::new();
    for quality in ["75", "80"] {
        let to = format!("q{quality}");
        let args = ["-f", "jpeg", "--quality", quality, "-z", "7-9", "-o", &to];
        desk.bake("RGB.byte.tif", &args);
    }
    let found = desk.found(true, &["q75", "q80"]);
    let all = changes(&found);
    let n_tiles = open_store(&desk.path("q75"))
        .unwrap()
        .tiles()
        .unwrap()
        .len();
    assert_eq!(all.len(), n_tiles, "every tile has another quality");
    let max = |change: &Value| change["max"].as_f64().unwrap();
    let largest = all.values().map(max).fold(0.0, f64::max);
    assert!(largest > 3.0);
    let upto = |tolerance: f64| {
        let tolerance = tolerance.to_string();
        let args = ["q75", "q80", "--tolerance", &tolerance];
        (
            desk.diff(&args),
            desk.diff(&[&["--json"], &args[..]].concat()),
        )
    };
    let (run, json) = upto(largest);
    run.ok();
    let found: Value = serde_json::from_str(&json.ok().stdout).unwrap();
    assert_eq!(found["tiles"], counts(0, 0, n_tiles as u64, 0, 0, 0));
    let (run, json) = upto(largest - 1.0);
    run.differs("within");
    let found: Value = serde_json::from_str(&json.stdout).unwrap();
    let beyond = all.values().filter(|change| max(change) == largest).count();
    assert_eq!(changes(&found).len(), beyond);
    assert_eq!(
        found["tiles"]["within_tolerance"],
        (n_tiles - beyond) as u64
    );
}

#[test]
fn zooms_that_one_has_are_added_or_removed() {
    let desk = Desk::new();
    desk.bake("RGB.byte.tif", &["-z", "5-9", "-o", "all.mbtiles"]);
    for (zooms, to) in [("5-8", "low.pmtiles"), ("6-9", "high")] {
        desk.run(&["convert", "all.mbtiles", "-z", zooms, "-o", to])
            .ok();
    }
    let n = |zooms: std::ops::RangeInclusive<u8>| {
        let tiles = open_store(&desk.path("all.mbtiles"))
            .unwrap()
            .tiles()
            .unwrap();
        tiles
            .iter()
            .filter(|tile| zooms.contains(&tile.z()))
            .count() as u64
    };
    let found = desk.found(true, &["low.pmtiles", "high"]);
    assert_eq!(
        found["tiles"],
        counts(n(6..=8), 0, 0, 0, n(9..=9), n(5..=5))
    );
    assert_eq!(found["a"]["tiles"], n(5..=8));
    assert_eq!(found["b"]["tiles"], n(6..=9));
    for (tile, change) in changes(&found) {
        let is_new = tile.starts_with("9/");
        assert_eq!(change["change"], if is_new { "added" } else { "removed" });
        assert!(change.get("max").is_none());
    }
    let keys: Vec<&Value> = found["metadata"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["key"])
        .collect();
    assert!(
        keys.contains(&&json!("minzoom")) && keys.contains(&&json!("maxzoom")),
        "{keys:?}"
    );
    let found = desk.found(true, &["all.mbtiles", "low.pmtiles"]);
    assert_eq!(found["tiles"], counts(n(5..=8), 0, 0, 0, 0, n(9..=9)));
}

#[test]
fn what_tilesets_say_counts_unless_only_tiles_are_asked_for() {
    let desk = Desk::new();
    desk.bake("RGB.byte.tif", &["-z", "6-7", "-o", "a.mbtiles"]);
    let said = [
        "--name",
        "Other",
        "--attribution",
        "us",
        "--meta",
        "zone=18",
    ];
    let convert = ["convert", "a.mbtiles", "-o", "b.pmtiles"];
    desk.run(&[&convert[..], &said].concat()).ok();
    let found = desk.found(true, &["a.mbtiles", "b.pmtiles"]);
    let expected = json!([
        { "key": "attribution", "a": null, "b": "us" },
        { "key": "name", "a": "RGB.byte", "b": "Other" },
        { "key": "zone", "a": null, "b": "18" },
    ]);
    assert_eq!(found["metadata"], expected);
    assert_eq!(found["changes"], json!([]));
    let run = desk.diff(&["a.mbtiles", "b.pmtiles"]);
    let run = run.differs("name: \"RGB.byte\" in A, \"Other\" in B");
    assert!(run.stderr.contains("3 lines of metadata"), "{}", run.stderr);
    desk.diff(&["a.mbtiles", "b.pmtiles", "--tiles-only"]).ok();
}

#[test]
fn masks_are_compared_and_what_nobody_sees_is_not() {
    let desk = Desk::new();
    let at = |z, x, y, data: Vec<u8>| ((z, x, y), data);
    let hidden = [9, 9, 9, 0];
    let soft = [200, 10, 10, 250];
    let a = [
        at(1, 0, 0, png(256, &[RED, CLEAR])),
        at(1, 1, 0, png(256, &[RED, CLEAR])),
        at(1, 0, 1, png(256, &[RED, RED, RED, BLUE])),
        at(1, 1, 1, png(256, &[RED, soft])),
    ];
    let b = [
        // Another colour where there is nothing to be seen.
        at(1, 0, 0, png(256, &[RED, hidden])),
        // One pixel of four less, one of four more.
        at(1, 1, 0, png(256, &[RED, CLEAR, CLEAR, BLUE])),
        at(1, 0, 1, png(256, &[RED, RED, RED, CLEAR])),
        at(1, 1, 1, png(256, &[RED, RED])),
    ];
    desk.with_tiles("a.mbtiles", &a);
    desk.with_tiles("b.mbtiles", &b);
    let found = desk.found(true, &["a.mbtiles", "b.mbtiles"]);
    assert_eq!(found["tiles"], counts(0, 1, 0, 3, 0, 0));
    let changes = changes(&found);
    let all = 256 * 256;
    // Rows count from the north here.
    let mask = &changes["1/1/1"];
    assert_eq!((&mask["max"], &mask["psnr"]), (&json!(0.0), &Value::Null));
    assert_eq!(
        (&mask["pixels"], &mask["mask"]),
        (&json!(all / 4), &json!(all / 2))
    );
    let less = &changes["1/0/0"];
    assert_eq!(
        (&less["pixels"], &less["mask"]),
        (&json!(all / 4 * 3), &json!(all / 4))
    );
    let fainter = &changes["1/1/0"];
    assert_eq!(
        (&fainter["max"], &fainter["mask"]),
        (&json!(5.0), &json!(0))
    );
    // Of seven samples of two pixels one differs, by 5.
    assert!((fainter["mean"].as_f64().unwrap() - 5.0 / 7.0).abs() < 1e-12);
    let found = desk.found(true, &["a.mbtiles", "b.mbtiles", "--tolerance", "5"]);
    assert_eq!(found["tiles"], counts(0, 1, 1, 2, 0, 0));
    desk.found(false, &["a.mbtiles", "b.mbtiles", "--tolerance", "255"]);
    let run = desk.diff(&["a.mbtiles", "b.mbtiles"]);
    run.differs("1 tile · 1 of them encoded anew");
}

#[test]
fn lists_of_all_forms_say_the_same() {
    let desk = Desk::new();
    let old = [
        ((3, 1, 1), png(256, &[RED])),
        ((3, 2, 1), png(256, &[RED])),
        ((3, 3, 3), png(256, &[RED])),
    ];
    let mut new = old.to_vec();
    new[0].1 = png(256, &[BLUE]);
    new[1].0 = (3, 7, 7);
    desk.with_tiles("a.mbtiles", &old);
    desk.with_tiles("b.mbtiles", &new);
    for name in ["l.txt", "l.json", "l.geojson"] {
        desk.write(name, "replaced");
        let args = ["a.mbtiles", "b.mbtiles", "--expired", name];
        desk.diff(&args).differs("changed");
    }
    let text = fs::read_to_string(desk.path("l.txt")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["3/1/6", "3/2/6", "3/7/0"]);
    let lists: Value = serde_json::from_slice(&fs::read(desk.path("l.json")).unwrap()).unwrap();
    let expected = json!({ "added": ["3/7/0"], "changed": ["3/1/6"], "removed": ["3/2/6"] });
    assert_eq!(lists, expected);

    init();
    let list = Dataset::open(desk.path("l.geojson")).unwrap();
    let mut layer = list.layer(0).unwrap();
    let mut found = BTreeMap::new();
    for feature in layer.features() {
        let whole = |name: &str| {
            let at = feature.field_index(name).unwrap();
            feature.field_as_integer(at).unwrap().unwrap()
        };
        let at = feature.field_index("change").unwrap();
        let change = feature.field_as_string(at).unwrap().unwrap();
        let geometry = feature.geometry().unwrap();
        assert_eq!(geometry.geometry_name(), "POLYGON");
        let e = geometry.envelope();
        let tile = format!("{}/{}/{}", whole("z"), whole("x"), whole("y"));
        found.insert(tile, (change, [e.MinX, e.MinY, e.MaxX, e.MaxY]));
    }
    let lat = |row: f64| {
        let y = std::f64::consts::PI * (1.0 - row / 4.0);
        y.sinh().atan().to_degrees()
    };
    for (tile, change, x, y) in [
        ("3/1/6", "changed", 1.0, 6.0),
        ("3/2/6", "removed", 2.0, 6.0),
        ("3/7/0", "added", 7.0, 0.0),
    ] {
        let (found_change, sides) = &found[tile];
        assert_eq!(found_change, change);
        let lon = |column: f64| column * 45.0 - 180.0;
        let expected = [lon(x), lat(y + 1.0), lon(x + 1.0), lat(y)];
        let off = sides.iter().zip(expected).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f64::max) < 1e-7, "{tile}: {sides:?}");
    }
    assert_eq!(found.len(), 3);

    // Nothing to purge is a list, too.
    for name in ["l.txt", "l.json", "l.geojson"] {
        desk.diff(&["a.mbtiles", "a.mbtiles", "--expired", name])
            .ok();
    }
    assert_eq!(fs::read(desk.path("l.txt")).unwrap(), b"");
    let none = Dataset::open(desk.path("l.geojson")).unwrap();
    assert_eq!(none.layer(0).unwrap().feature_count(), 0);
}

#[test]
fn files_that_cannot_be_are_refused_before_the_work() {
    let desk = Desk::new();
    desk.with_tiles("a.mbtiles", &[((3, 1, 1), png(256, &[RED]))]);
    fs::create_dir(desk.path("folder.txt")).unwrap();
    desk.run(&["convert", "a.mbtiles", "-o", "a"]).ok();
    let tiles = desk.bytes("a");
    for within in ["a/metadata.json", "a/3/1/list.json"] {
        desk.run(&["diff", "a", "a.mbtiles", "--expired", within])
            .fails(2, "within the tileset a");
    }
    desk.run(&["diff", "a.mbtiles", "a", "--heatmap", "a/3/1/1.png"])
        .fails(2, "within the tileset a");
    assert!(desk.bytes("a") == tiles);
    let before = desk.names();
    for (args, code, said) in [
        (&["--expired", "l.csv"][..], 2, ".txt, .json or .geojson"),
        (&["--expired", "l"], 2, ".txt, .json or .geojson"),
        (&["--heatmap", "map.jpg"], 2, ".png"),
        (&["--expired", "a.mbtiles"], 2, "the tileset a.mbtiles"),
        (&["--expired", "no/l.txt"], 4, "no/l.txt"),
        (&["--expired", "folder.txt"], 4, "folder.txt"),
        (&["--tolerance", "-1"], 2, "0 or more"),
        (&["--tolerance", "nan"], 2, "0 or more"),
    ] {
        let args = [&["a.mbtiles", "a.mbtiles"], args].concat();
        desk.diff(&args).fails(code, said);
        assert_eq!(desk.names(), before, "{args:?}");
    }
}

#[test]
fn a_grid_that_nobody_knows_has_addresses_but_no_outlines() {
    let desk = Desk::new();
    for (name, colour) in [("a.mbtiles", RED), ("b.mbtiles", BLUE)] {
        desk.with_tiles(name, &[((3, 1, 1), png(256, &[colour]))]);
        let db = Connection::open(desk.path(name)).unwrap();
        let insert =
            "INSERT INTO metadata VALUES ('tiling_scheme', 'Mine'), ('matrix_roots', '1,1')";
        db.execute(insert, ()).unwrap();
    }
    let diff = |list: &str| desk.diff(&["a.mbtiles", "b.mbtiles", "--expired", list]);
    diff("l.txt").differs("1 tile");
    assert_eq!(fs::read_to_string(desk.path("l.txt")).unwrap(), "3/1/6\n");
    let before = desk.names();
    let refused = diff("l.geojson").says("help: lists that end in .txt or .json");
    refused.fails(2, "a scheme that nobody knows");
    assert_eq!(desk.names(), before);
}

#[test]
fn a_map_shows_where_tiles_differ() {
    let desk = Desk::new();
    let gray = |v: u8| png(256, &[[v, v, v, 255]]);
    // Columns and rows of zoom 4, from the south, and what is there in A and B.
    let old: Vec<_> = (0..6).map(|x| ((4, 2 + x, 9), gray(100))).collect();
    let mut new = old.clone();
    for (tile, value) in new.iter_mut().zip([100, 103, 115, 140, 200, 255]) {
        tile.1 = gray(value);
    }
    let (mut old, mut new) = (old, new);
    old.push(((4, 2, 8), gray(1)));
    new.push(((4, 7, 8), gray(1)));
    // The same colours, otherwise encoded; and overviews, which are not on the map.
    old.push(((4, 4, 8), png(256, &[RED])));
    new.push(((4, 4, 8), png(256, &[RED, RED, CLEAR])));
    new.push(((3, 1, 4), gray(9)));
    desk.with_tiles("a.mbtiles", &old);
    desk.with_tiles("b.mbtiles", &new);
    let args = [
        "a.mbtiles",
        "b.mbtiles",
        "--heatmap",
        "map.png",
        "--tolerance",
        "3",
    ];
    desk.diff(&args)
        .differs("of zoom 4 · 6 x 2 squares of 32 px");
    let map = image::open(desk.path("map.png")).unwrap().into_rgba8();
    assert_eq!(map.dimensions(), (6 * 32, 2 * 32));
    let at = |column: u32, row: u32| {
        let (x, y) = (column * 32, row * 32);
        let colour = map.get_pixel(x, y).0;
        assert_eq!(
            map.get_pixel(x + 31, y + 31).0,
            colour,
            "squares are of one colour"
        );
        colour
    };
    let equal = at(0, 0);
    assert_eq!(equal, [222, 222, 222, 255]);
    assert_eq!(at(1, 0), [170, 190, 210, 255], "within the tolerance");
    assert_eq!(at(2, 0), [254, 178, 76, 255], "by 15");
    assert_eq!(at(3, 0), [253, 141, 60, 255], "by 40");
    assert_eq!(at(4, 0), [227, 26, 28, 255], "by 100");
    assert_eq!(at(5, 0), [128, 0, 38, 255], "by 155");
    assert_eq!(at(0, 1), [55, 90, 200, 255], "removed");
    assert_eq!(at(5, 1), [27, 158, 119, 255], "added");
    assert_eq!(at(2, 1), [128, 0, 38, 255], "pixels that went");
    assert_eq!(at(1, 1), [0; 4], "nothing");
}

#[test]
fn damaged_tiles_are_changed_and_damaged_tilesets_unreadable() {
    let desk = Desk::new();
    let whole = png(256, &[RED, BLUE]);
    let cut = whole[..whole.len() / 2].to_vec();
    let text = b"<html>".to_vec();
    let at = |y: u32, data: &Vec<u8>| ((2, 1, y), data.clone());
    desk.with_tiles(
        "a.mbtiles",
        &[at(0, &whole), at(1, &whole), at(2, &cut), at(3, &whole)],
    );
    desk.with_tiles(
        "b.mbtiles",
        &[at(0, &whole), at(1, &cut), at(2, &cut), at(3, &text)],
    );
    let run = desk.diff(&["--json", "a.mbtiles", "b.mbtiles", "--tolerance", "255"]);
    assert_eq!(run.code, 6);
    assert!(
        run.stderr
            .contains("2 tiles with other bytes that could not be decoded"),
        "{}",
        run.stderr
    );
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(found["tiles"], counts(2, 0, 0, 2, 0, 0));
    assert_eq!(found["not_compared"], 2);
    let changes = changes(&found);
    let reason = |tile: &str| changes[tile]["reason"].as_str().unwrap().to_owned();
    assert!(
        reason("2/1/2").starts_with("in B: damaged"),
        "{}",
        reason("2/1/2")
    );
    assert!(
        reason("2/1/0").starts_with("in B: no picture"),
        "{}",
        reason("2/1/0")
    );

    desk.write(
        "cut.pmtiles",
        &fs::read(desk.path("a.mbtiles")).unwrap()[..100],
    );
    desk.write("text.mbtiles", "no database");
    fs::create_dir(desk.path("empty")).unwrap();
    for other in [
        "cut.pmtiles",
        "text.mbtiles",
        "empty",
        "gone.mbtiles",
        "a.tif",
    ] {
        desk.diff(&["a.mbtiles", other]).fails(3, other);
        desk.diff(&[other, "a.mbtiles"]).fails(3, other);
    }
    desk.diff(&["a.mbtiles", "/dev/null"]).fails(
        3,
        "/dev/null: a device, not a tileset; expected a path that ends in",
    );
    // Half an archive: the list of tiles is there, the tiles are not.
    desk.bake("RGB.byte.tif", &["-z", "6-9", "-o", "c.pmtiles"]);
    let data = fs::read(desk.path("c.pmtiles")).unwrap();
    desk.write("half.pmtiles", &data[..data.len() / 2]);
    let before = desk.names();
    let args = ["c.pmtiles", "half.pmtiles", "--expired", "l.txt"];
    desk.diff(&args).fails(3, "half.pmtiles");
    assert_eq!(desk.names(), before);
}

#[test]
fn a_tileset_is_what_it_is() {
    let desk = Desk::new();
    desk.bake("RGB.byte.tif", &["-o", "a.pmtiles", "-o", "a"]);
    for name in ["a.pmtiles", "a"] {
        let found = desk.found(false, &[name, name]);
        assert_eq!(found["tiles"]["equal"], found["a"]["tiles"]);
        assert_eq!(found["largest"], Value::Null);
    }
}

#[test]
fn many_differences_are_counted_and_the_first_of_them_told() {
    let desk = Desk::new();
    let all = |colour: [u8; 4]| -> Vec<_> {
        let data = png(256, &[colour]);
        (0..30).map(|x| ((5, x, 3), data.clone())).collect()
    };
    desk.with_tiles("a.mbtiles", &all(RED));
    desk.with_tiles("b.mbtiles", &all(BLUE));
    let run = desk
        .diff(&["a.mbtiles", "b.mbtiles"])
        .differs("and 10 more: --json");
    let listed = run.stdout.lines().filter(|line| line.starts_with("  5/"));
    assert_eq!(listed.count(), 20);
    let found = desk.found(true, &["a.mbtiles", "b.mbtiles"]);
    assert_eq!(changes(&found).len(), 30);
    assert_eq!(found["changes_left_out"], 0);

    let mut pair = Pair::open(&desk.path("a.mbtiles"), &desk.path("b.mbtiles")).unwrap();
    let options = DiffOptions {
        tolerance: 0.0,
        jobs: 2,
        listed_max: 7,
        heatmap: false,
    };
    let found = pair.compare(&options, &mut |_| Ok(())).unwrap();
    assert_eq!((found.listed.len(), found.changes.len()), (7, 30));
    let first: Vec<_> = found.changes.iter().take(7).collect();
    let listed: Vec<_> = found.listed.iter().map(|l| (l.tile, l.change)).collect();
    assert_eq!(listed, first);
    assert!(
        found
            .changes
            .iter()
            .all(|(_, change)| change == Change::Changed)
    );
}

#[test]
fn tilesets_of_other_grids_or_sizes_are_not_compared() {
    let desk = Desk::new();
    let bake = |args: &[&str]| desk.bake("small_world.tif", &[&["-z", "0-1"], args].concat());
    bake(&["-o", "web.mbtiles"]);
    bake(&["-o", "degrees", "--tiling-scheme", "WorldCRS84Quad"]);
    bake(&[
        "-o",
        "ellipsoid.pmtiles",
        "--tiling-scheme",
        "WorldMercatorWGS84Quad",
    ]);
    bake(&["-o", "large.pmtiles", "--tile-size", "512"]);
    for (other, said) in [
        ("degrees", "WorldCRS84Quad (2 x 1 at zoom 0)"),
        ("ellipsoid.pmtiles", "WorldMercatorWGS84Quad"),
        ("large.pmtiles", "of 512"),
    ] {
        desk.diff(&["web.mbtiles", other]).fails(2, said);
        desk.diff(&[other, "web.mbtiles"]).fails(
            2,
            "WebMercatorQuad|256"
                .split('|')
                .nth(usize::from(other == "large.pmtiles"))
                .unwrap(),
        );
    }
    // What a tileset does not tell its tiles show, and single ones may be of another size.
    desk.with_tiles("a.mbtiles", &[((0, 0, 0), png(512, &[RED]))]);
    desk.with_tiles(
        "b.mbtiles",
        &[((0, 0, 0), png(512, &[RED])), ((1, 0, 0), png(256, &[RED]))],
    );
    desk.with_tiles(
        "c.mbtiles",
        &[((0, 0, 0), png(512, &[RED])), ((1, 0, 0), png(512, &[RED]))],
    );
    desk.with_tiles("d.mbtiles", &[((0, 0, 0), png(256, &[RED]))]);
    desk.diff(&["a.mbtiles", "d.mbtiles"])
        .fails(2, "tiles of one size");
    let found = desk.found(true, &["b.mbtiles", "c.mbtiles"]);
    assert_eq!(found["tiles"], counts(1, 0, 0, 1, 0, 0));
    assert_eq!(
        changes(&found)["1/0/1"]["reason"],
        "256 x 256 pixels in A, 512 x 512 in B"
    );
    // Grids with two roots have lists, too.
    desk.run(&["convert", "degrees", "-z", "1", "-o", "one"])
        .ok();
    desk.diff(&["degrees", "one", "--tiles-only", "--expired", "l.geojson"])
        .differs("2 tiles");
    let text = fs::read_to_string(desk.path("l.geojson")).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    let ring = &list["features"][1]["geometry"]["coordinates"][0];
    assert_eq!(
        *ring,
        json!([[0, -90], [180, -90], [180, 90], [0, 90], [0, -90]])
    );
}

#[test]
fn tiles_of_values_are_compared_as_numbers() {
    let desk = Desk::new();
    desk.copy("byte.tif", "scene.tif");
    let tile = ["tile", "scene.tif", "-f", "tif", "-o"];
    desk.run(&[&tile[..], &["a"]].concat()).ok();
    desk.run(&[&tile[..], &["packed.mbtiles", "--effort", "0"]].concat())
        .ok();
    let found = desk.found(false, &["a", "packed.mbtiles"]);
    assert_eq!(found["tiles"]["changed"], 0);
    assert!(found["tiles"]["reencoded"].as_u64().unwrap() > 0, "{found}");

    repaint(&desk.path("scene.tif"), (0, 0), (20, 20));
    desk.run(&[&tile[..], &["b"]].concat()).ok();
    let found = desk.found(true, &["a", "b", "--heatmap", "map.png"]);
    let changes = changes(&found);
    assert!(!changes.is_empty());
    init();
    for (tile, change) in &changes {
        let read = |folder: &str| {
            let dataset = Dataset::open(desk.path(&format!("{folder}/{tile}.tif"))).unwrap();
            let size = dataset.raster_size();
            let band = dataset.rasterband(1).unwrap();
            let values = band.read_as::<f64>((0, 0), size, size, None).unwrap();
            let mask = band.open_mask_band().unwrap();
            let mask = mask.read_as::<u8>((0, 0), size, size, None).unwrap();
            let there = mask.data().iter().map(|&m| m > 0);
            let pixels = values.data().iter().copied().zip(there);
            pixels.collect::<Vec<(f64, bool)>>()
        };
        let (a, b) = (read("a"), read("b"));
        let in_both = a.iter().zip(&b).filter(|(a, b)| a.1 && b.1);
        let apart: Vec<f64> = in_both.map(|(a, b)| (a.0 - b.0).abs()).collect();
        let max = apart.iter().copied().fold(0.0, f64::max);
        assert!(max > 80.0);
        assert_eq!(change["max"], max, "{tile}");
        assert_eq!(change["pixels"], apart.len() as u64, "{tile}");
        assert_eq!(
            (&change["psnr"], &change["of"]),
            (&Value::Null, &Value::Null)
        );
        let mean = apart.iter().sum::<f64>() / apart.len() as f64;
        assert!((change["mean"].as_f64().unwrap() - mean).abs() < 1e-9);
    }
    let tolerant = |n: f64| desk.diff(&["a", "b", "--tolerance", &n.to_string()]).code;
    let largest = found["largest"]["max"].as_f64().unwrap();
    assert_eq!((tolerant(largest - 0.5), tolerant(largest)), (6, 0));
    let map = image::open(desk.path("map.png")).unwrap().into_rgba8();
    assert!(
        map.pixels().any(|p| p.0 == [128, 0, 38, 255]),
        "the largest of all"
    );
    // The same numbers of another type are other tiles.
    desk.run(&[
        "tile",
        "scene.tif",
        "-f",
        "tif",
        "--expression",
        "b1",
        "-o",
        "floats",
    ])
    .ok();
    let found = desk.found(true, &["b", "floats", "--tiles-only"]);
    let reasons: Vec<&Value> = found["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["reason"])
        .collect();
    assert!(
        reasons
            .iter()
            .all(|r| **r == "band 1 is Byte in A, Float32 in B"),
        "{reasons:?}"
    );
}

#[test]
fn sixteen_bits_are_compared_with_all_their_bits() {
    let desk = Desk::new();
    let deep = |value: u16| {
        let mut out = Cursor::new(Vec::new());
        let image = image::ImageBuffer::from_pixel(256, 256, image::Luma([value]));
        let image = image::DynamicImage::ImageLuma16(image);
        image.write_to(&mut out, image::ImageFormat::Png).unwrap();
        out.into_inner()
    };
    let at = |x: u32, data: Vec<u8>| ((1, x, 0), data);
    let shallow = png(256, &[[100, 100, 100, 255]]);
    desk.with_tiles("a.mbtiles", &[at(0, deep(1000)), at(1, shallow)]);
    desk.with_tiles("b.mbtiles", &[at(0, deep(1300)), at(1, deep(100 * 257))]);
    let found = desk.found(true, &["a.mbtiles", "b.mbtiles"]);
    assert_eq!(found["tiles"], counts(0, 1, 0, 1, 0, 0));
    let change = &changes(&found)["1/0/1"];
    assert_eq!(
        (&change["max"], &change["of"]),
        (&json!(300.0), &json!(65535.0))
    );
    let tolerant = |n: &str| {
        desk.diff(&["a.mbtiles", "b.mbtiles", "--tolerance", n])
            .code
    };
    assert_eq!((tolerant("1.1"), tolerant("1.2")), (6, 0));
}

#[test]
fn archives_in_the_network_are_compared() {
    let (desk, web) = (Desk::new(), Web::start());
    desk.bake("RGB.byte.tif", &["-z", "6-9", "-o", "a.pmtiles"]);
    let address = web.put("a.pmtiles", fs::read(desk.path("a.pmtiles")).unwrap());
    let diff = |args: &[&str]| {
        let mut command = desk.command(&[&["diff"], args].concat());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("GDAL_HTTP_") || name.to_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        finish(&mut command)
    };
    let found = diff(&["--json", "a.pmtiles", &address]).ok();
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(found["tiles"]["equal"], found["b"]["tiles"]);
    // Of a part only what both have is asked for; what gives access is not told.
    let convert = ["convert", "a.pmtiles", "-z", "6-7", "-o", "low"];
    desk.run(&convert).ok();
    let signed = format!("{address}?sig=SECRET");
    web.asked();
    for more in [&[][..], &["--json"]] {
        let run = diff(&[&[&signed, "low"], more].concat()).differs("a.pmtiles");
        assert!(!(run.stdout + &run.stderr).contains("SECRET"));
    }
    let sent: usize = web.asked().iter().map(|asked| asked.n_sent).sum();
    let whole = fs::metadata(desk.path("a.pmtiles")).unwrap().len() as usize;
    assert!(sent < 2 * whole, "{sent} bytes twice, of {whole}");
    let gone = web.address("gone.pmtiles");
    diff(&["a.pmtiles", &gone]).fails(3, "gone.pmtiles");
}

#[test]
fn a_comparison_that_is_interrupted_leaves_nothing() {
    let desk = Desk::new();
    let all = |colour: [u8; 4]| -> Vec<_> {
        let data = png(1024, &[colour]);
        (0..400).map(|x| ((9, x, 3), data.clone())).collect()
    };
    desk.with_tiles("a.mbtiles", &all(RED));
    desk.with_tiles("b.mbtiles", &all(BLUE));
    let before = desk.names();
    let args = [
        "diff",
        "a.mbtiles",
        "b.mbtiles",
        "--expired",
        "l.txt",
        "--progress",
        "json",
        "-j",
        "1",
    ];
    let (mut child, _stderr) = under_way::under_way(&mut desk.command(&args));
    // SAFETY: a signal to a child of ours that has not been waited for.
    unsafe { libc::kill(child.id().cast_signed(), libc::SIGINT) };
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(desk.names(), before);
}

#[test]
fn tiles_that_another_program_has_deleted_are_removed() {
    let desk = Desk::new();
    desk.bake(
        "RGB.byte.tif",
        &["-z", "6-7", "--mbtiles-type", "flat", "-o", "a.mbtiles"],
    );
    fs::copy(desk.path("a.mbtiles"), desk.path("b.mbtiles")).unwrap();
    let db = Connection::open(desk.path("b.mbtiles")).unwrap();
    db.execute("DELETE FROM tiles WHERE zoom_level = 6", ())
        .unwrap();
    drop(db);
    let found = desk.found(true, &["a.mbtiles", "b.mbtiles"]);
    assert_eq!(found["tiles"]["changed"], 0);
    let removed = changes(&found);
    assert!(!removed.is_empty() && removed.keys().all(|tile| tile.starts_with("6/")));
    assert_eq!(found["metadata"], json!([]), "which says what it said");
}
