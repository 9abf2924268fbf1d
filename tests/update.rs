//! Tilesets brought up to date: the same bytes as of a full bake, with no more baked than was touched, and what changed told.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gdal::raster::{Buffer, GdalType};
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DriverManager};
use serde_json::Value;

use self::desk::{Desk, fixture};

/// Zooms of all bakes here: parts have their roots at the last but one.
const ZOOMS: [&str; 4] = ["-z", "7-11", "--shard-height", "1"];

/// Metres round the Earth.
const ROUND: f64 = 40_075_016.685_578_49;

/// A tile of the parts' zoom, in metres.
const PART: f64 = ROUND / 1024.0;

/// Pixels of zoom 11, in metres.
const PIXEL: f64 = ROUND / 2048.0 / 256.0;

/// Numbers that look like chance, the same every time: xorshift64 (Marsaglia, "Xorshift RNGs", 2003).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A raster in metres of EPSG:3857: from (west, north), with square pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    west: f64,
    north: f64,
    pixel: f64,
    width: usize,
    height: usize,
}

impl Place {
    /// Somewhere in a square of four by four parts, on no grid that another one is on.
    fn any(chance: &mut Chance) -> Self {
        let pixel = PIXEL * (0.7 + chance.share());
        let size = |chance: &mut Chance| (PART / pixel * (0.3 + 1.2 * chance.share())) as usize;
        Self {
            west: PART * 4.0 * chance.share(),
            north: PART * 4.0 * chance.share(),
            pixel,
            width: size(chance),
            height: size(chance),
        }
    }

    /// Parts that it may touch when a kernel reaches a few pixels further, as columns and rows of parts.
    fn parts(&self) -> BTreeSet<(i64, i64)> {
        let reach = 8.0 * self.pixel.max(PIXEL);
        let part = |v: f64| (v / PART).floor() as i64;
        let (east, south) = (
            self.west + self.pixel * self.width as f64,
            self.north - self.pixel * self.height as f64,
        );
        let columns = part(self.west - reach)..=part(east + reach);
        let rows = part(south - reach)..=part(self.north + reach);
        columns
            .flat_map(|column| rows.clone().map(move |row| (column, row)))
            .collect()
    }

    /// A raster of it that is still to be written.
    fn create<T: GdalType>(&self, path: &Path, bands: usize) -> Dataset {
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let mut raster = driver
            .create_with_band_type::<T, _>(path, self.width, self.height, bands)
            .unwrap();
        raster
            .set_spatial_ref(&SpatialRef::from_epsg(3857).unwrap())
            .unwrap();
        raster
            .set_geo_transform(&[self.west, self.pixel, 0.0, self.north, 0.0, -self.pixel])
            .unwrap();
        raster
    }

    /// Writes one height all over it.
    fn write_heights(&self, path: &Path, value: f32) {
        let raster = self.create::<f32>(path, 1);
        let size = (self.width, self.height);
        let mut buffer = Buffer::new(size, vec![value; size.0 * size.1]);
        let mut band = raster.rasterband(1).unwrap();
        band.write((0, 0), size, &mut buffer).unwrap();
        raster.close().unwrap();
    }

    /// Writes a picture of it, another one for each `seed`, with a hole where the file says there is nothing.
    fn write(&self, path: &Path, seed: u64) {
        let _ = fs::remove_file(path);
        let (width, height) = (self.width, self.height);
        let raster = self.create::<u8>(path, 3);
        for band in 1..=3 {
            let value = |k: usize| {
                let (col, row) = (k % width, k / width);
                let hole = (col as i64 - 20).pow(2) + (row as i64 - 25).pow(2) < 150;
                let wave = (col as u64 * (3 + band as u64) + row as u64 * 5 + seed * 37) % 255;
                if hole { 0 } else { 1 + wave as u8 }
            };
            let data = (0..width * height).map(value).collect();
            let mut buffer = Buffer::new((width, height), data);
            let mut band = raster.rasterband(band).unwrap();
            band.set_no_data_value(Some(0.0)).unwrap();
            band.write((0, 0), (width, height), &mut buffer).unwrap();
        }
        raster.close().unwrap();
    }
}

/// A file of the script: its number, its place, and how often it was written.
#[derive(Debug, Clone, Copy)]
struct Source {
    number: usize,
    place: Place,
}

impl Source {
    fn name(&self) -> String {
        format!("s{}.tif", self.number)
    }
}

/// A list of sources that changes step by step.
struct Script {
    desk: Desk,
    chance: Chance,
    sources: Vec<Source>,
    written: u64,
    n_made: usize,
}

impl Script {
    fn new(seed: u64) -> Self {
        let mut script = Self {
            desk: Desk::new(),
            chance: Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            sources: Vec::new(),
            written: seed,
            n_made: 0,
        };
        for _ in 0..6 {
            script.add();
        }
        script
    }

    fn write(&mut self, source: Source) {
        self.written += 1;
        let path = self.desk.path(&source.name());
        source.place.write(&path, self.written);
    }

    fn add(&mut self) -> BTreeSet<(i64, i64)> {
        let place = Place::any(&mut self.chance);
        let source = Source {
            number: self.n_made,
            place,
        };
        self.n_made += 1;
        self.write(source);
        let at = self.chance.below(self.sources.len() + 1);
        self.sources.insert(at, source);
        place.parts()
    }

    /// Changes something. What it is, and the parts that it may touch.
    fn step(&mut self) -> (String, BTreeSet<(i64, i64)>) {
        let k = self.chance.below(self.sources.len());
        match self.chance.below(5) {
            0 if self.sources.len() > 3 => {
                let gone = self.sources.remove(k);
                (format!("removed {}", gone.name()), gone.place.parts())
            }
            0 | 1 => ("added one".to_owned(), self.add()),
            2 => {
                let other = self.chance.below(self.sources.len());
                self.sources.swap(k, other);
                let [a, b] = [k, other].map(|k| self.sources[k].place.parts());
                (format!("swapped {k} and {other}"), &a | &b)
            }
            3 => {
                let before = self.sources[k].place.parts();
                self.sources[k].place = Place::any(&mut self.chance);
                let source = self.sources[k];
                self.write(source);
                let told = format!("moved {}", source.name());
                (told, &before | &source.place.parts())
            }
            _ => {
                let source = self.sources[k];
                self.write(source);
                (format!("changed {}", source.name()), source.place.parts())
            }
        }
    }

    fn tile(&self, output: &str, options: &[&str], more: &[&str]) {
        let names: Vec<String> = self.sources.iter().map(Source::name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let name = ["--name", "made", "-q", "-o", output];
        let args = [&["tile"], &names[..], &ZOOMS, &name, options, more].concat();
        self.desk.run(&args).ok();
    }
}

fn json(desk: &Desk, name: &str) -> Value {
    serde_json::from_slice(&fs::read(desk.path(name)).unwrap()).unwrap()
}

/// A script of four steps, each an update that is compared with a full bake.
fn follow(seed: u64, ending: &str, options: &[&str]) -> (u64, u64) {
    let mut script = Script::new(seed);
    let (kept, whole) = (format!("kept{ending}"), format!("whole{ending}"));
    script.tile(&kept, options, &["--keep-state"]);
    let (mut baked, mut all) = (0, 0);
    for _ in 0..4 {
        let (what, touched) = script.step();
        let before = format!("before{ending}");
        copy(&script.desk, &kept, &before);
        let update = ["--update", "--expired", "list.json", "--report", "run.json"];
        script.tile(&kept, options, &update);
        script.tile(&whole, options, &["--overwrite"]);
        let at = format!("script {seed}: {what}");
        let same = script.desk.bytes(&kept) == script.desk.bytes(&whole);
        assert!(same, "{at}");
        let report = json(&script.desk, "run.json");
        let count = |name: &str| report["update"][name].as_u64().unwrap();
        let n = count("parts_baked");
        assert!(
            n <= touched.len() as u64,
            "{at}: {n} parts baked, {} touched",
            touched.len()
        );
        assert_eq!(count("parts_altered"), 0, "{at}");
        (baked, all) = (baked + n, all + n + count("parts_taken"));
        let diff = ["diff", &before, &kept, "-q", "--expired", "diff.json"];
        let code = script.desk.run(&diff).code;
        assert!([0, 6].contains(&code), "{at}");
        let lists = ["list.json", "diff.json"].map(|name| json(&script.desk, name));
        assert_eq!(lists[0], lists[1], "{at}");
    }
    (baked, all)
}

/// A copy of a container, of which nothing was there, or another copy.
fn copy(desk: &Desk, from: &str, to: &str) {
    let _ = fs::remove_dir_all(desk.path(to));
    for (name, bytes) in desk.bytes(from) {
        let path = if name.as_os_str().is_empty() {
            desk.path(to)
        } else {
            desk.path(to).join(name)
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Scripts in turn over these options.
fn scripts(seeds: std::ops::Range<u64>, ending: &str, options: &[&[&str]]) {
    let (mut baked, mut all) = (0, 0);
    for seed in seeds {
        let options = options[seed as usize % options.len()];
        let (b, a) = follow(seed, ending, options);
        (baked, all) = (baked + b, all + a);
    }
    assert!(baked * 10 < all * 9, "{baked} of {all} parts were baked");
}

#[test]
fn an_mbtiles_file_is_what_a_full_bake_makes() {
    let options: [&[&str]; 3] = [&[], &["-r", "lanczos", "--mosaic", "last"], &["-f", "jpeg"]];
    scripts(0..7, ".mbtiles", &options);
}

#[test]
fn a_pmtiles_archive_is_what_a_full_bake_makes() {
    let options: [&[&str]; 3] = [
        &["-r", "nearest"],
        &["--mosaic", "mean"],
        &["--feather", "9"],
    ];
    scripts(7..14, ".pmtiles", &options);
}

#[test]
fn a_folder_is_what_a_full_bake_makes() {
    let options: [&[&str]; 3] = [
        &["-r", "bilinear", "--tile-size", "512"],
        &["--keep-blank"],
        &["--bbox", "0.1,0.1,1,1", "--scheme", "tms"],
    ];
    scripts(14..20, "", &options);
}

/// Four files cut from one grid, two by two, as names of a list in order.
fn grid(desk: &Desk) -> Vec<Source> {
    let size = (PART / PIXEL) as usize;
    let file = |number: usize| {
        let (col, row) = (number % 2, number / 2);
        let place = Place {
            west: PIXEL * (37 + col * size) as f64,
            north: PIXEL * (1000.0 - (row * size) as f64),
            pixel: PIXEL,
            width: size,
            height: size,
        };
        let source = Source { number, place };
        place.write(&desk.path(&source.name()), number as u64);
        source
    };
    (0..4).map(file).collect()
}

#[test]
fn of_files_cut_from_one_grid_only_what_one_touches_is_baked() {
    let desk = Desk::new();
    let sources = grid(&desk);
    let names: Vec<String> = sources.iter().map(Source::name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let tile = |names: &[&str], output: &str, more: &[&str]| {
        let name = ["--name", "made", "-q", "-o", output];
        desk.run(&[&["tile"], names, &ZOOMS, &name, more].concat())
            .ok();
    };
    let update = ["--update", "--report", "run.json"];
    tile(&names[..3], "kept.mbtiles", &["--keep-state"]);
    let same_as_whole = |names: &[&str]| {
        tile(names, "whole.mbtiles", &["--overwrite"]);
        desk.same("kept.mbtiles", "whole.mbtiles");
        json(&desk, "run.json")["update"]["parts_baked"]
            .as_u64()
            .unwrap()
    };
    // One within the rectangle around the others.
    tile(&names, "kept.mbtiles", &update);
    same_as_whole(&names);
    let last = sources[3].place;
    last.write(&desk.path(names[3]), 99);
    tile(&names, "kept.mbtiles", &update);
    let baked = same_as_whole(&names);
    assert!((1..=last.parts().len() as u64).contains(&baked), "{baked}");
    tile(&names, "kept.mbtiles", &update);
    assert_eq!(same_as_whole(&names), 0);
}

#[test]
fn a_stretch_that_was_found_stays() {
    let desk = Desk::new();
    desk.copy("l8_lowres.tif", "a.tif");
    let common = ["tile", "a.tif", "-z", "5-9", "--shard-height", "1"];
    let kept = ["--name", "x", "-o", "kept.mbtiles"];
    desk.run(
        &[
            &common[..],
            &kept,
            &["--keep-state", "--report", "run.json"],
        ]
        .concat(),
    )
    .ok();
    let found = json(&desk, "run.json")["values"]["rescale"].clone();
    let ranges = found.as_array().unwrap().iter();
    let range = |range: &Value| format!("{},{}", range[0], range[1]);
    let ranges = ranges.map(range).collect::<Vec<_>>().join(";");
    // Brighter in a corner: another stretch would be found.
    let mut raster = gdal::Dataset::open_ex(
        desk.path("a.tif"),
        gdal::DatasetOptions {
            open_flags: gdal::GdalOpenFlags::GDAL_OF_UPDATE,
            ..Default::default()
        },
    );
    let raster = raster.as_mut().unwrap();
    for band in 1..=raster.raster_count() {
        let mut buffer = Buffer::new((40, 40), vec![60_000_u16; 1600]);
        let mut band = raster.rasterband(band).unwrap();
        band.write((0, 0), (40, 40), &mut buffer).unwrap();
    }
    raster.flush_cache().unwrap();
    let update = ["--update", "--report", "run.json"];
    desk.run(&[&common[..], &kept, &update].concat()).ok();
    assert_eq!(json(&desk, "run.json")["values"]["rescale"], found);
    let whole = ["--name", "x", "-o", "whole.mbtiles", "--rescale", &ranges];
    // That it was found and not given is told in the metadata.
    let row = format!("rescale={ranges}");
    desk.run(&[&common[..], &whole, &["--meta", &row]].concat())
        .ok();
    desk.same("kept.mbtiles", "whole.mbtiles");
    let auto = ["--name", "x", "-o", "auto.mbtiles"];
    desk.run(&[&common[..], &auto].concat()).ok();
    assert!(desk.bytes("auto.mbtiles") != desk.bytes("kept.mbtiles"));
}

/// A fixture, its pyramid, and what was written down of it.
fn baked(more: &[&str]) -> Desk {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", "a.tif");
    desk.run(&[&TILE[..], &["--keep-state"], more].concat())
        .ok();
    desk
}

const TILE: [&str; 9] = [
    "tile",
    "a.tif",
    "-o",
    "x.mbtiles",
    "-z",
    "5-9",
    "--shard-height",
    "1",
    "-q",
];

#[test]
fn other_options_are_refused_unless_all_is_to_be_baked() {
    let desk = baked(&[]);
    let before = desk.bytes("x.mbtiles");
    let webp = [&TILE[..], &["--update", "-f", "webp"]].concat();
    desk.run(&webp)
        .fails(2, "--update: all of x.mbtiles would change: ")
        .says("--overwrite bakes all of it");
    assert!(desk.bytes("x.mbtiles") == before);
    desk.run(&[&webp[..], &["--overwrite"]].concat()).ok();
    desk.run(&webp).ok();
    let kernel = [&webp[..], &["-r", "nearest"]].concat();
    desk.run(&kernel)
        .fails(2, "--resampling was cubic, is nearest");
}

#[test]
fn without_a_state_nothing_is_brought_up_to_date() {
    let desk = baked(&[]);
    let update = [&TILE[..], &["--update"]].concat();
    let state = desk.path("x.mbtiles.azulejo-state");
    let whole = fs::read(&state).unwrap();
    let mut damaged = whole.clone();
    let end = damaged.len() - 60;
    damaged[end] ^= 1;
    for broken in [&damaged[..], &whole[..whole.len() / 2], b""] {
        fs::write(&state, broken).unwrap();
        desk.run(&update).fails(3, "damaged, or of another version");
    }
    // What a lost disk leaves of it is in nobody's way.
    for short in [0, 5, 20] {
        fs::write(&state, &whole[..short]).unwrap();
        desk.run(&update).fails(3, "damaged, or of another version");
        desk.run(&[&update[..], &["--overwrite"]].concat()).ok();
    }
    fs::remove_file(&state).unwrap();
    desk.run(&update)
        .fails(2, "was baked without --keep-state")
        .says("--overwrite bakes all of it");
    let said = desk.run(&[&update[..8], &["--update", "--overwrite"]].concat());
    said.ok().says("all is baked");
    desk.run(&update).ok();
    // Nothing is there: everything is new.
    let other = [&["tile", "a.tif", "-o", "y.pmtiles"], &update[4..]].concat();
    desk.run(&other).ok();
    desk.run(&other).ok();
}

#[test]
fn tiles_that_are_not_what_was_baked_are_baked_again() {
    let desk = baked(&[]);
    let before = desk.bytes("x.mbtiles");
    let db = rusqlite::Connection::open(desk.path("x.mbtiles")).unwrap();
    let n = db
        .execute(
            "UPDATE tiles SET tile_data = zeroblob(length(tile_data)) WHERE zoom_level = 9 AND rowid IN
             (SELECT rowid FROM tiles WHERE zoom_level = 9 LIMIT 3)",
            [],
        )
        .unwrap();
    assert_eq!(n, 3);
    drop(db);
    let update = ["--update", "--report", "run.json"];
    desk.run(&[&TILE[..], &update].concat()).ok();
    let altered = &json(&desk, "run.json")["update"]["parts_altered"];
    assert!((1..=3).contains(&altered.as_u64().unwrap()), "{altered}");
    assert!(desk.bytes("x.mbtiles") == before);
    // Roots that are damaged, too.
    let state = desk.path("x.mbtiles.azulejo-state");
    let mut bytes = fs::read(&state).unwrap();
    bytes[200] ^= 0x55;
    fs::write(&state, bytes).unwrap();
    desk.run(&[&TILE[..], &update].concat()).ok();
    assert_eq!(json(&desk, "run.json")["update"]["parts_altered"], 1);
    assert!(desk.bytes("x.mbtiles") == before);
}

/// Seconds that an update spent on encoding, and the parts that it baked.
fn encoded(desk: &Desk) -> (f64, u64) {
    let report = json(desk, "run.json");
    let encode = &report["times"]["stages_s"]["encode"];
    let parts = &report["update"]["parts_baked"];
    (encode.as_f64().unwrap(), parts.as_u64().unwrap())
}

#[test]
fn tiles_above_the_parts_are_taken_where_nothing_below_them_has_changed() {
    let desk = baked(&[]);
    let before = desk.bytes("x.mbtiles");
    let update = [&TILE[..], &["--update", "--report", "run.json"]].concat();
    desk.run(&update).ok();
    assert_eq!(encoded(&desk), (0.0, 0));
    assert!(desk.bytes("x.mbtiles") == before);
    // One that is not what was baked is made anew, of what those below it have handed up.
    let db = rusqlite::Connection::open(desk.path("x.mbtiles")).unwrap();
    let sql = "UPDATE tiles SET tile_data = zeroblob(length(tile_data)) WHERE zoom_level IN (6, 7)";
    assert!(db.execute(sql, []).unwrap() > 1);
    drop(db);
    desk.run(&update).ok();
    let (seconds, parts) = encoded(&desk);
    assert!(seconds > 0.0 && parts == 0, "{seconds} s, {parts} parts");
    assert!(desk.bytes("x.mbtiles") == before);
    // And so is one of whose node nothing can be read: that of the last tile comes last.
    let state = desk.path("x.mbtiles.azulejo-state");
    let mut bytes = fs::read(&state).unwrap();
    let end = bytes.len() - 44;
    let places = u64::from_le_bytes(bytes[end..end + 8].try_into().unwrap());
    bytes[places as usize - 1] ^= 0x55;
    fs::write(&state, bytes).unwrap();
    desk.run(&update).ok();
    let (seconds, parts) = encoded(&desk);
    assert!(seconds > 0.0 && parts == 0, "{seconds} s, {parts} parts");
    assert!(desk.bytes("x.mbtiles") == before);
}

#[test]
fn that_heights_are_beyond_is_told_as_long_as_they_are() {
    let desk = Desk::new();
    // On grids of their own, so that one is not made anew without the other.
    let part = |name: &str, col: f64, pixel: f64, value: f32| {
        let place = Place {
            west: PART * col,
            north: PART * 0.9,
            pixel,
            width: 300,
            height: 300,
        };
        place.write_heights(&desk.path(name), value);
    };
    // What is baked first must not pass it on to what comes then, on either side.
    part("high.tif", 4.1, PIXEL, 30_000.0);
    part("low.tif", 0.1, PIXEL * 1.1, 300.0);
    part("east.tif", 8.1, PIXEL * 1.2, 300.0);
    let tile = |sources: &[&str], more: &[&str]| {
        let format = ["-f", "terrain-rgb", "--height-interval", "0.001"];
        let base = ["--height-base", "0", "-o", "x.mbtiles", "-j", "1"];
        desk.run(&[&["tile"], sources, &ZOOMS, &format, &base, more].concat())
    };
    let told = "some heights are beyond";
    let all = ["low.tif", "high.tif", "east.tif"];
    tile(&all, &["--keep-state"]).ok().says(told);
    tile(&all, &["--update"]).ok().says(told);
    for _ in 0..2 {
        let ran = tile(&["low.tif", "east.tif"], &["--update"]).ok();
        assert!(!ran.stderr.contains(told), "{}", ran.stderr);
    }
}

#[test]
fn zooms_above_the_parts_come_and_go() {
    let desk = baked(&[]);
    for zooms in ["3-9", "7-9", "6-9", "8-9", "9-9", "5-9"] {
        let options = ["tile", "a.tif", "-z", zooms, "-q", "--name", "x"];
        let update = ["--update", "--report", "run.json", "-o", "x.mbtiles"];
        desk.run(&[&options[..], &update].concat()).ok();
        let whole = ["--overwrite", "-o", "w.mbtiles"];
        desk.run(&[&options[..], &whole].concat()).ok();
        desk.same("x.mbtiles", "w.mbtiles");
    }
}

#[test]
fn content_counts_where_it_is_asked_for() {
    let desk = baked(&["--fingerprint", "content"]);
    let update = [
        &TILE[..],
        &[
            "--fingerprint",
            "content",
            "--update",
            "--report",
            "run.json",
        ],
    ]
    .concat();
    let bytes = fs::read(desk.path("a.tif")).unwrap();
    desk.write("a.tif", bytes);
    desk.run(&update).ok();
    assert_eq!(json(&desk, "run.json")["update"]["parts_baked"], 0);
    // By time it would be another file, and these are other means.
    desk.run(&[&TILE[..], &["--update"]].concat())
        .fails(2, "--fingerprint was content, is stat");
}

#[test]
fn several_outputs_and_an_interrupted_update_come_to_the_same() {
    let desk = baked(&[]);
    desk.copy("RGB.byte.tif", "b.tif");
    let sources = ["tile", "a.tif", "b.tif"];
    let outputs = ["-o", "x.mbtiles", "-o", "y", "-o", "z.pmtiles"];
    let rest = &TILE[4..];
    let name = ["--name", "x"];
    let update = [
        &sources[..],
        &outputs,
        rest,
        &name,
        &["--update", "--resume"],
    ]
    .concat();
    desk.run(&update).ok();
    let whole = ["-o", "w.mbtiles", "-o", "v", "-o", "u.pmtiles"];
    desk.run(&[&sources[..], &whole, rest, &name].concat()).ok();
    for (a, b) in [
        ("x.mbtiles", "w.mbtiles"),
        ("y", "v"),
        ("z.pmtiles", "u.pmtiles"),
    ] {
        desk.same(a, b);
    }
}

#[test]
fn what_a_bake_changes_is_listed_without_an_update_too() {
    let desk = baked(&[]);
    let list = ["--expired", "list.txt", "--overwrite"];
    desk.run(&[&TILE[..], &list].concat()).ok();
    assert_eq!(fs::read_to_string(desk.path("list.txt")).unwrap(), "");
    let zooms = ["tile", "a.tif", "-o", "x.mbtiles", "-z", "4-8", "-q"];
    let list = ["--expired", "list.json", "--overwrite"];
    desk.run(&[&zooms[..], &list].concat()).ok();
    let lists = json(&desk, "list.json");
    let n = |kind: &str| lists[kind].as_array().unwrap().len();
    assert!(
        n("added") == 1 && n("removed") > 4 && n("changed") > 0,
        "{lists}"
    );
    let new = ["tile", "a.tif", "-o", "new/", "-z", "4", "-q"];
    desk.run(&[&new[..], &["--expired", "list.txt"]].concat())
        .ok();
    let listed = fs::read_to_string(desk.path("list.txt")).unwrap();
    assert_eq!(listed.lines().count(), 1);
    desk.run(&[&TILE[..], &["--overwrite", "--expired", "list.doc"]].concat())
        .fails(2, "no known kind of list");
    let there = fixture("RGB.byte.tif");
    let s3 = ["tile", &there, "-o", "s3://bucket/x/", "--update"];
    desk.run(&s3).fails(2, "every output is in an object store");
}
