//! What is wrong with tilesets is found, and nothing in those that are sound.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test that cannot go on panics; one that is skipped says so.

mod desk;
mod planted;
mod program;
mod skip;

use std::fs;
use std::path::Path;

use serde_json::Value;

use self::desk::{Desk, Run, fixture};
use self::planted::{Archive, FAULTS};

impl Desk {
    /// With a tileset of the Bahamas in every container: `a.mbtiles`, `n.mbtiles` (normalized), `a.pmtiles`, the folder `a` and
    /// `j.mbtiles` (JPEG); and another one of it in `b.mbtiles`.
    fn with_tilesets() -> Self {
        let desk = Self::new();
        let source = fixture("RGB.byte.tif");
        let bake = |args: &[&str]| {
            let fixed = ["tile", &source, "-z", "5-10", "-q"];
            desk.run(&[&fixed[..], args].concat()).ok();
        };
        let flat = ["--mbtiles-type", "flat"];
        bake(
            &[
                &[
                    "-o",
                    "a.mbtiles",
                    "-o",
                    "a.pmtiles",
                    "-o",
                    "a",
                    "--report",
                    "a.json",
                ],
                &flat[..],
            ]
            .concat(),
        );
        bake(&[
            "-o",
            "n.mbtiles",
            "--mbtiles-type",
            "normalized",
            "--agg-hash",
        ]);
        bake(&["-o", "b.mbtiles", "-b", "3,1,2"]);
        bake(&["-o", "j.mbtiles", "-f", "jpeg"]);
        desk
    }

    fn verify(&self, args: &[&str]) -> Run {
        self.run(&[&["verify", "-q"], args].concat())
    }

    /// What is found, as JSON, with the exit code that belongs to it.
    #[track_caller]
    fn found(&self, args: &[&str]) -> Value {
        let run = self.verify(&[args, &["--json"]].concat());
        let told: Value = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|_| panic!("{args:?}: {}", run.stderr));
        let code = if told["sound"] == true { 0 } else { 6 };
        assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
        told
    }

    #[track_caller]
    fn is_sound(&self, args: &[&str]) -> Value {
        let told = self.found(args);
        assert_eq!(
            told["findings"],
            serde_json::json!([]),
            "{args:?}: {told:#}"
        );
        told
    }
}

/// A copy of the folder `from`, or of the file, in the place of `to`.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

#[test]
fn every_planted_fault_is_found() {
    let made = Desk::with_tilesets();
    let mut missed = Vec::new();
    for fault in FAULTS.into_iter().flatten() {
        let desk = Desk::new();
        for name in [
            "a.mbtiles",
            "n.mbtiles",
            "a.pmtiles",
            "a",
            "j.mbtiles",
            "b.mbtiles",
            "a.json",
        ] {
            if fault.needs(name) {
                copy(&made.path(name), &desk.path(name));
            }
        }
        (fault.plant)(&desk);
        let told = desk.found(&[&[fault.tileset], fault.options].concat());
        let counts = told["counts"].as_object().unwrap();
        if !fault.kinds.iter().any(|&kind| counts.contains_key(kind)) {
            missed.push(format!(
                "{}: {:?} expected, {counts:?} found",
                fault.name, fault.kinds
            ));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(FAULTS.into_iter().flatten().count() >= 40);
}

/// Where all pairs of tiles are off there is nothing to learn from.
#[test]
fn a_zoom_that_was_moved_as_a_whole_is_found() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    for (name, format) in [
        ("p.mbtiles", "png"),
        ("j.mbtiles", "jpeg"),
        ("w.mbtiles", "webp"),
    ] {
        let zooms = ["-z", "8-9", "--mbtiles-type", "flat", "--overwrite"];
        let bake = [
            &["tile", &source, "-o", name, "-q", "-f", format],
            &zooms[..],
        ]
        .concat();
        // What is lossy and a pixel off may have been made so.
        let least = if format == "png" { 1 } else { 2 };
        for by in least..=3 {
            desk.run(&bake).ok();
            desk.is_sound(&[name]);
            planted::move_zoom(&desk, name, 8, by);
            let told = desk.found(&[name]);
            assert!(
                told["counts"]["shifted"].as_u64() > Some(0),
                "{name} {by}: {told:#}"
            );
            // And the zoom below, by half as much.
            desk.run(&bake).ok();
            planted::move_zoom(&desk, name, 9, 2 * by - 1);
            let told = desk.found(&[name]);
            if by == 1 {
                // Half a pixel: GDAL's overviews lie so.
                let notes = told["notes"].to_string();
                assert!(notes.contains("moved by 1 pixels east"), "{told:#}");
            } else {
                assert!(
                    told["counts"]["shifted"].as_u64() > Some(0),
                    "{name} {by}, below: {told:#}"
                );
            }
        }
    }
}

/// What readers can do without is unusual, and no fault.
#[test]
fn rows_that_the_metadata_should_have_are_missed() {
    let desk = Desk::with_tilesets();
    let all = ["DELETE FROM metadata WHERE name IN ('name', 'format')"];
    planted::sql(&desk, "a.mbtiles", all[0]);
    let told = desk.is_sound(&["a.mbtiles"]);
    let notes = told["notes"].to_string();
    assert!(notes.contains("no name and no format"), "{notes}");
}

#[test]
fn what_was_not_tampered_with_has_no_faults() {
    let desk = Desk::with_tilesets();
    for name in [
        "a.mbtiles",
        "n.mbtiles",
        "a.pmtiles",
        "a",
        "b.mbtiles",
        "j.mbtiles",
    ] {
        let told = desk.is_sound(&[name]);
        assert_eq!(told["decoded"], told["tiles"], "{name}");
        assert_eq!(told["overviews"]["reducer"], "average", "{name}");
        let is_exact = name != "j.mbtiles";
        assert_eq!(told["overviews"]["exact"], is_exact, "{name}");
    }
    for name in ["a.mbtiles", "a.pmtiles", "a"] {
        let told = desk.is_sound(&[name, "--report", "a.json"]);
        let report = desk.path("a.json");
        let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
        assert_eq!(told["tiles_sha256"], report["tiles_sha256"]);
        desk.is_sound(&[name, "--digest", report["tiles_sha256"].as_str().unwrap()]);
    }
    // The same on any number of threads.
    assert_eq!(desk.found(&["a", "-j", "1"]), desk.found(&["a", "-j", "5"]));
}

/// Zooms to bake small rasters at, unless others are asked for: with one tile there is little to compare.
const ZOOMS: &[(&str, &str)] = &[
    ("n43_ontario.tif", "6-12"),
    ("l8_lowres.tif", "3-9"),
    ("small_world.tif", "0-3"),
    ("small_world_pct.tif", "0-3"),
];

/// Options of bakes whose tilesets are sound, of a raster of ours.
const SOUND: &[(&str, &str, &[&str])] = &[
    ("tms-rows", "RGB.byte.tif", &["--scheme", "tms"]),
    ("blank", "RGB.byte.tif", &["--keep-blank"]),
    (
        "blank.mbtiles",
        "RGB.byte.tif",
        &["--keep-blank", "-f", "jpeg"],
    ),
    ("mixed.pmtiles", "RGB.byte.tif", &["-f", "mixed"]),
    (
        "webp.mbtiles",
        "RGB.byte.tif",
        &["-f", "webp", "--quality", "40"],
    ),
    (
        "exact.mbtiles",
        "RGB.byte.tif",
        &["-f", "webp", "--lossless"],
    ),
    (
        "coarse.mbtiles",
        "RGB.byte.tif",
        &["-f", "jpeg", "--quality", "20"],
    ),
    ("palette.mbtiles", "RGB.byte.tif", &["-f", "palette"]),
    (
        "few.mbtiles",
        "RGB.byte.tif",
        &["-f", "palette", "--quality", "20"],
    ),
    (
        "nearest",
        "RGB.byte.tif",
        &["--overview-resampling", "nearest"],
    ),
    (
        "mode",
        "RGB.byte.tif",
        &["--overview-resampling", "mode", "-r", "nearest"],
    ),
    (
        "min",
        "RGB.byte.tif",
        &["--overview-resampling", "min", "-f", "webp"],
    ),
    (
        "max",
        "RGB.byte.tif",
        &["--overview-resampling", "max", "-f", "jpeg"],
    ),
    ("large.pmtiles", "RGB.byte.tif", &["--tile-size", "512"]),
    ("small.mbtiles", "RGB.byte.tif", &["--tile-size", "64"]),
    ("deep.mbtiles", "byte.tif", &["-z", "5-16"]),
    (
        "deep-nearest.mbtiles",
        "byte.tif",
        &["-z", "8-17", "-r", "nearest"],
    ),
    ("classes.mbtiles", "small_world_pct.tif", &[]),
    ("world.mbtiles", "small_world.tif", &["-z", "0-4"]),
    (
        "degrees.mbtiles",
        "small_world.tif",
        &["--tiling-scheme", "WorldCRS84Quad"],
    ),
    (
        "degrees",
        "small_world.tif",
        &["--tiling-scheme", "WorldCRS84Quad", "--scheme", "tms"],
    ),
    (
        "clipped.mbtiles",
        "RGB.byte.tif",
        &["--cutline", "@rgba_cutline.geojson"],
    ),
    (
        "box.mbtiles",
        "RGB.byte.tif",
        &["--bbox", "-78,24,-77.5,24.3"],
    ),
    ("holes.mbtiles", "hro_mask.tif", &["-z", "10-22"]),
    (
        "dateline.mbtiles",
        "s2_dateline_utm60.tif",
        &["-z", "2-9", "--rescale", "p2,p98"],
    ),
    ("terrarium.mbtiles", "n43_ontario.tif", &["-f", "terrarium"]),
    (
        "rounded.pmtiles",
        "n43_ontario.tif",
        &["-f", "terrain-rgb", "--round", "auto"],
    ),
    ("shade.mbtiles", "n43_ontario.tif", &["--hillshade"]),
    (
        "coloured.mbtiles",
        "n43_ontario.tif",
        &["--colormap", "rainbow"],
    ),
    (
        "coloured-relief.mbtiles",
        "n43_ontario.tif",
        &["--hillshade", "--colormap", "terrain", "-f", "webp"],
    ),
    ("values", "n43_ontario.tif", &["-f", "tif"]),
    ("values.mbtiles", "RGB.byte.tif", &["-f", "tif"]),
    (
        "deep16.mbtiles",
        "l8_lowres.tif",
        &["--rescale", "none", "-b", "1"],
    ),
    ("stretched.mbtiles", "l8_lowres.tif", &["-b", "1"]),
    (
        "rainbow.mbtiles",
        "l8_lowres.tif",
        &["-b", "1", "--colormap", "jet"],
    ),
    (
        "rotated.mbtiles",
        "rotated.tif",
        &["--src-crs", "EPSG:4326", "-z", "0-4"],
    ),
    ("two-zooms.mbtiles", "RGB.byte.tif", &["-z", "10"]),
];

#[test]
fn sound_tilesets_of_every_kind_have_no_faults() {
    let desk = Desk::new();
    let mut wrong = Vec::new();
    for (name, source, options) in SOUND {
        let source = fixture(source);
        let options = options.iter().map(|option| {
            option
                .strip_prefix('@')
                .map_or((*option).to_owned(), fixture)
        });
        let options: Vec<String> = options.collect();
        let mut args = vec!["tile", &source, "-o", name, "-q", "--overwrite"];
        args.extend(options.iter().map(String::as_str));
        let zooms = ZOOMS.iter().find(|row| source.ends_with(row.0));
        if let Some((_, zooms)) = zooms.filter(|_| !args.contains(&"-z")) {
            args.extend(["-z", zooms]);
        }
        desk.run(&args).ok();
        let told = desk.found(&[name]);
        if told["sound"] != true {
            wrong.push(format!("{name}: {:#}", told["findings"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tilesets_of_other_programs_have_no_faults() {
    let Some(folder) = data("containers") else {
        return;
    };
    let desk = Desk::new();
    for name in [
        "geography-class-png.mbtiles",
        "some-empty-tiles.mbtiles",
        "stamen_toner_z3.pmtiles",
        "test_fixture_1.pmtiles",
        "unclustered.pmtiles",
        "tms_NaturalEarthII",
    ] {
        copy(&folder.join(name), &desk.path(name));
        desk.is_sound(&[name]);
    }
}

/// A folder of the data that is beside the checkout, where there is any.
fn data(name: &str) -> Option<std::path::PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    if !path.is_dir() {
        skip::skipped(format_args!("{} is not there", path.display()));
        return None;
    }
    Some(path)
}

#[test]
fn a_piece_of_a_tileset_has_no_faults() {
    let desk = Desk::with_tilesets();
    let bbox = ["--bbox", "-78,24,-77.5,24.3"];
    for to in ["piece.mbtiles", "piece.pmtiles", "piece"] {
        desk.run(&[&["convert", "a.mbtiles", "-o", to][..], &bbox].concat())
            .ok();
        desk.is_sound(&[to]);
    }
    desk.run(&["convert", "a.mbtiles", "-z", "7-9", "-o", "middle.pmtiles"])
        .ok();
    desk.is_sound(&["middle.pmtiles"]);
}

#[test]
fn leaf_directories_are_looked_into() {
    let desk = Desk::with_tilesets();
    let mut archive = Archive::read(&desk.path("a.pmtiles"));
    archive.split(20);
    archive.write(&desk.path("leaves.pmtiles"));
    desk.is_sound(&["leaves.pmtiles"]);
    let mut bytes = fs::read(desk.path("leaves.pmtiles")).unwrap();
    let leaves = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
    bytes[leaves + 12] ^= 0xff;
    fs::write(desk.path("leaves.pmtiles"), bytes).unwrap();
    let told = desk.found(&["leaves.pmtiles"]);
    assert!(told["counts"]["directory"].as_u64() >= Some(1), "{told:#}");
    // The tiles of the others were looked at all the same.
    assert!(told["decoded"].as_u64() > Some(10), "{told:#}");
}

#[test]
fn people_see_what_was_looked_at_and_what_was_found() {
    let desk = Desk::with_tilesets();
    let run = desk.verify(&["a.mbtiles"]).ok();
    for said in [
        "a.mbtiles\n",
        "compared with their parents by average",
        "seams",
        "found      nothing\n",
    ] {
        assert!(run.stdout.contains(said), "{said:?} in {}", run.stdout);
    }
    assert_eq!(run.stderr, "");
    fs::write(desk.path("a/notes.txt"), "by hand").unwrap();
    let run = desk.verify(&["a"]);
    assert_eq!(run.code, 6);
    assert!(
        run.stdout
            .contains("1 stray: a file is no part of a tileset\n"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("notes.txt: no part of a tileset"),
        "{}",
        run.stdout
    );
    assert_eq!(run.stderr, "error: a: 1 finding of 1 kind; expected none\n");
    let run = desk.verify(&["a", "--ignore", "stray,seam"]).ok();
    assert!(
        run.stdout.contains("stray: 1 passed over, as asked for"),
        "{}",
        run.stdout
    );
}

#[test]
fn what_is_no_tileset_ends_with_3_and_options_that_make_no_sense_with_2() {
    let desk = Desk::new();
    desk.write("text.mbtiles", "no database at all, just words, and as many as a header has: one hundred bytes and some more of them");
    desk.write("text.pmtiles", "no archive");
    fs::create_dir(desk.path("empty")).unwrap();
    for (args, said) in [
        (&["missing.mbtiles"][..], "cannot be read"),
        (&["text.mbtiles"], "not an SQLite database"),
        (&["text.pmtiles"], "not a PMTiles archive"),
        (&["empty"], "a folder without tiles"),
        (&["text.mbtiles", "--report", "text.pmtiles"], "no report"),
    ] {
        desk.verify(args).fails(3, said);
    }
    for (args, said) in [
        (
            &["a.mbtiles", "--digest", "12"][..],
            "64 hexadecimal digits",
        ),
        (&["a.mbtiles", "--ignore", "colour"], "no kind of findings"),
        (&[], "TILESET"),
    ] {
        desk.verify(args).fails(2, said);
    }
}
