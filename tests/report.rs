//! `--report`: what it tells is true, adds up, and is as its schema says. That last thing is looked at after every run of the
//! program in any test, see `program::output`; here is what makes sure that the schema would notice.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use gdal::raster::{Buffer, RasterCreationOptions};
use gdal::{Dataset, DriverManager, Metadata};
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::desk::{Desk, fixture};

fn bahamas() -> String {
    fixture("RGB.byte.tif")
}

fn read(desk: &Desk, name: &str) -> Value {
    serde_json::from_slice(&fs::read(desk.path(name)).unwrap()).unwrap()
}

/// What `args` report, which must be well.
fn report(desk: &Desk, args: &[&str]) -> Value {
    desk.run(&[args, &["--report", "r.json"]].concat()).ok();
    read(desk, "r.json")
}

fn numbers(object: &Value) -> BTreeMap<&str, f64> {
    let fields = object.as_object().unwrap().iter();
    fields
        .map(|(name, value)| (name.as_str(), value.as_f64().unwrap()))
        .collect()
}

fn sum(object: &Value) -> f64 {
    numbers(object).values().sum()
}

/// A raster of one gray, `size` pixels a side.
fn plain(desk: &Desk, name: &str, size: usize) {
    let head = format!("P5 {size} {size} 255\n");
    desk.write(
        &format!("{name}.pgm"),
        [head.as_bytes(), &vec![7_u8; size * size]].concat(),
    );
    desk.write(&format!("{name}.wld"), "100\n0\n0\n-100\n50\n-50\n");
}

#[test]
fn the_figures_of_a_bake_add_up() {
    let desk = Desk::new();
    let outputs = ["-o", "x.mbtiles", "-o", "x.pmtiles", "-o", "x"];
    let told = report(
        &desk,
        &[&["tile", &bahamas(), "-z", "3-11", "-j", "2"][..], &outputs].concat(),
    );
    for name in ["tiles", "bytes"] {
        let zooms = told["zooms"].as_array().unwrap().iter();
        let of_zooms: u64 = zooms.map(|zoom| zoom[name].as_u64().unwrap()).sum();
        assert_eq!(told[name], of_zooms, "{name}");
    }
    for output in told["outputs"].as_array().unwrap() {
        assert_eq!(output["tiles"], told["tiles"]);
    }
    // What a folder has besides its tiles tells of them.
    assert!(told["outputs"][2]["bytes"].as_u64() > told["bytes"].as_u64());
    let planned = told["plan"]["zooms"].as_array().unwrap().iter();
    let planned: u64 = planned.map(|zoom| zoom["tiles"].as_u64().unwrap()).sum();
    assert_eq!(told["plan"]["tiles_at_most"], planned);
    assert!(told["tiles"].as_u64().unwrap() <= planned);

    let (times, all) = (&told["times"], told["seconds"].as_f64().unwrap());
    let phases = sum(&times["phases_s"]);
    assert!((phases - all).abs() < 0.2, "{phases} of {all}: {times}");
    let bake = times["phases_s"]["bake"].as_f64().unwrap();
    let workers = times["workers"].as_f64().unwrap();
    assert_eq!(workers, 2.0);
    let stages = numbers(&times["stages_s"]);
    for stage in ["decode", "render", "reduce", "encode", "write"] {
        assert!(stages[stage] > 0.0, "{stage}: {times}");
    }
    // The workers, and the one that writes: nobody can have been at two things at once, or have done little else.
    let spent = sum(&times["stages_s"]) + sum(&times["waiting_s"]);
    let there = (workers + 1.0) * bake;
    assert!(spent <= 1.1 * there + 0.05, "{spent} of {there}: {times}");
    assert!(spent >= 0.5 * there - 0.1, "{spent} of {there}: {times}");
}

#[test]
fn files_are_told_with_size_time_and_sum() {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", "a.tif");
    let translate = ["-q", "-of", "VRT", "a.tif", "a.vrt"];
    let made = std::process::Command::new("gdal_translate")
        .args(translate)
        .current_dir(desk.0.path())
        .status();
    assert!(made.unwrap().success());
    let args = ["tile", "a.vrt", "-z", "5", "-o", "x.mbtiles", "--overwrite"];
    for how in ["stat", "content"] {
        let told = report(&desk, &[&args[..], &["--fingerprint", how]].concat());
        let files = told["sources"][0]["files"].as_array().unwrap();
        let names: Vec<&str> = files
            .iter()
            .map(|file| file["path"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a.tif", "a.vrt"]);
        for file in files {
            let path = desk.path(file["path"].as_str().unwrap());
            let found = fs::metadata(&path).unwrap();
            assert_eq!(file["bytes"], found.len());
            let seconds = found.mtime() as f64 + found.mtime_nsec() as f64 / 1e9;
            assert!((file["modified_s"].as_f64().unwrap() - seconds).abs() < 1e-5);
            let text = file["modified"].as_str().unwrap();
            assert!(
                text.ends_with(&format!(".{:09}Z", found.mtime_nsec())),
                "{text}"
            );
            let sum = format!("{:x}", Sha256::digest(fs::read(&path).unwrap()));
            let expected = if how == "content" {
                json!(sum)
            } else {
                Value::Null
            };
            assert_eq!(file["sha256"], expected);
        }
    }
    // A file that another command reads.
    let told = report(&desk, &["merge", "a.vrt", "-o", "m.tif"]);
    let files = told["sources"][0]["files"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!(
        files[0]["bytes"],
        fs::metadata(desk.path("a.tif")).unwrap().len()
    );
    let told = report(&desk, &["convert", "x.mbtiles", "-o", "y"]);
    let file = &told["tileset"]["file"];
    assert_eq!(file["path"], "x.mbtiles");
    assert_eq!(
        file["bytes"],
        fs::metadata(desk.path("x.mbtiles")).unwrap().len()
    );
    let told = report(&desk, &["convert", "y", "-o", "z"]);
    assert_eq!(told["tileset"]["file"], Value::Null);
}

/// Noise, so that every block is as long as the others, but for the first, which is damaged.
fn damaged(path: &Path) {
    let size = 256;
    let options = [
        "TILED=YES",
        "BLOCKXSIZE=128",
        "BLOCKYSIZE=128",
        "COMPRESS=DEFLATE",
    ];
    let options: RasterCreationOptions = options.into_iter().collect();
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut dataset = driver
        .create_with_band_type_with_options::<u8, _>(path, size, size, 1, &options)
        .unwrap();
    dataset.set_projection("EPSG:4326").unwrap();
    dataset
        .set_geo_transform(&[7.0, 0.0005, 0.0, 47.0, 0.0, -0.0005])
        .unwrap();
    let values = (0..size * size)
        .map(|k| ((k * 2_654_435_761) >> 13) as u8)
        .collect();
    let mut band = dataset.rasterband(1).unwrap();
    band.write((0, 0), (size, size), &mut Buffer::new((size, size), values))
        .unwrap();
    drop(dataset);
    let dataset = Dataset::open(path).unwrap();
    let item = |name: &str| -> u64 {
        let item = dataset.rasterband(1).unwrap().metadata_item(name, "TIFF");
        item.unwrap().parse().unwrap()
    };
    let (offset, bytes) = (item("BLOCK_OFFSET_1_0"), item("BLOCK_SIZE_1_0"));
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&vec![0xff; bytes as usize]).unwrap();
}

#[test]
fn what_was_left_out_is_told() {
    let desk = Desk::new();
    damaged(&desk.path("a.tif"));
    let args = [
        "tile",
        "a.tif",
        "-o",
        "x",
        "--on-read-error",
        "skip",
        "--report",
        "r.json",
    ];
    let run = desk.run(&args);
    assert_eq!(run.code, 5, "{}", run.stderr);
    let told = read(&desk, "r.json");
    let hole = json!([{ "source": "a.tif", "level": 0, "col": 128, "row": 0, "width": 128, "height": 128 }]);
    assert_eq!(told["holes"], hole);
}

#[test]
fn tiles_that_are_stored_once_are_counted() {
    let desk = Desk::new();
    plain(&desk, "a", 2048);
    let tile = [
        "tile",
        "a.pgm",
        "--src-crs",
        "EPSG:3857",
        "--mbtiles-type",
        "normalized",
    ];
    let all = ["-o", "x.mbtiles", "-o", "x.pmtiles", "-o", "x"];
    let told = report(&desk, &[&tile[..], &all].concat());
    let n_tiles = told["tiles"].as_u64().unwrap();
    let stored = |k: usize| told["outputs"][k]["stored"].as_u64().unwrap();
    // Tiles inside are alike, and so are those along an edge.
    let db = Connection::open(desk.path("x.mbtiles")).unwrap();
    let n: i64 = db
        .query_row("SELECT count(*) FROM images", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored(0), n.unsigned_abs());
    let archive = fs::read(desk.path("x.pmtiles")).unwrap();
    // "Number of tile contents" in the header of PMTiles 3.
    let n = u64::from_le_bytes(archive[88..96].try_into().unwrap());
    assert_eq!(stored(1), n);
    assert!(stored(0) < stored(1) && stored(1) < n_tiles, "{told}");
    assert_eq!(stored(2), n_tiles);
    let mut different: Vec<Vec<u8>> = desk.bytes("x").into_values().collect();
    different.sort();
    different.dedup();
    // Two files tell of the tileset.
    let repeated = n_tiles - (different.len() as u64 - 2);
    assert_eq!(told["tiles_repeated"], repeated);
    assert_eq!(stored(0), n_tiles - repeated);
    // As they are, and encoded anew.
    for more in [&["-o", "y.pmtiles"][..], &["-f", "webp", "-o", "y.mbtiles"]] {
        let told = report(&desk, &[&["convert", "x"][..], more].concat());
        assert_eq!(told["tiles_repeated"], repeated, "{more:?}");
    }
}

/// All but times, memory, and where it was written.
fn lasting(mut told: Value) -> Value {
    for name in ["seconds", "times", "peak_memory_bytes"] {
        assert!(
            told.as_object_mut().unwrap().remove(name).is_some(),
            "{name}"
        );
    }
    told
}

#[test]
fn the_same_job_reports_the_same_but_for_its_times() {
    let desk = Desk::new();
    let source = bahamas();
    let tile = [
        "tile",
        &source,
        "-z",
        "3-9",
        "-f",
        "webp",
        "-o",
        "x.mbtiles",
        "-o",
        "x",
        "-j",
        "1",
        "--memory",
        "512MiB",
    ];
    let merge = [
        "merge", &source, "-o", "m.tif", "-j", "1", "--memory", "512MiB",
    ];
    let convert = ["convert", "x", "-f", "png", "-o", "y.pmtiles"];
    for args in [&tile[..], &merge, &convert] {
        let args = [args, &["--overwrite"]].concat();
        let (first, second) = (report(&desk, &args), report(&desk, &args));
        assert!(first["times"] != second["times"]);
        assert_eq!(lasting(first), lasting(second), "{args:?}");
    }
}

#[test]
fn a_merge_and_a_copy_tell_where_their_time_went() {
    let desk = Desk::new();
    let merged = report(
        &desk,
        &[
            "merge",
            &bahamas(),
            "--crs",
            "EPSG:3857",
            "-o",
            "m.tif",
            "-j",
            "2",
        ],
    );
    desk.run(&["tile", &bahamas(), "-z", "3-10", "-o", "x.mbtiles"])
        .ok();
    let copied = report(&desk, &["convert", "x.mbtiles", "-o", "y.pmtiles"]);
    let anew = [
        "convert",
        "x.mbtiles",
        "-f",
        "webp",
        "-o",
        "z.pmtiles",
        "-j",
        "2",
    ];
    let recoded = report(&desk, &anew);
    for (told, workers, stages) in [
        (&merged, 2, &["decode", "render", "paint"][..]),
        (&copied, 0, &["read", "write"][..]),
        (&recoded, 2, &["read", "encode", "write"][..]),
    ] {
        let (times, all) = (&told["times"], told["seconds"].as_f64().unwrap());
        assert_eq!(times["workers"], workers);
        let phases = sum(&times["phases_s"]);
        assert!((phases - all).abs() < 0.2, "{phases} of {all}: {times}");
        let found = numbers(&times["stages_s"]);
        for stage in stages {
            assert!(found[stage] > 0.0, "{stage}: {times}");
        }
        let spent = sum(&times["stages_s"]) + sum(&times["waiting_s"]);
        assert!(
            spent <= 1.1 * (f64::from(workers) + 1.0) * all + 0.05,
            "{times}"
        );
    }
    assert_eq!(copied["times"]["stages_s"]["encode"], 0.0);
}

/// Every option that is told can be given, and is in the help under that name.
#[test]
fn options_are_told_by_their_names() {
    let desk = Desk::new();
    desk.run(&["tile", &bahamas(), "-z", "4", "-o", "a"]).ok();
    for args in [
        &["tile", &bahamas(), "-z", "4", "-o", "x"][..],
        &["convert", "a", "-f", "webp", "-o", "y"],
        &["merge", &bahamas(), "-o", "m.tif"],
    ] {
        let told = report(&desk, args);
        assert_eq!(told["command"], args[0]);
        let help = desk.run(&[args[0], "--help"]).ok().stdout;
        for name in told["options"].as_object().unwrap().keys() {
            let option = format!("--{name}");
            let is_end = |c: Option<char>| c.is_none_or(|c| c != '-' && !c.is_alphanumeric());
            let mut found = help.split(option.as_str()).skip(1);
            let is_there = found.any(|after| is_end(after.chars().next()));
            let has_no_option = ["sources", "tileset"].contains(&name.as_str());
            assert!(is_there || has_no_option, "{option} of {}", args[0]);
        }
    }
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let desk = Desk::new();
    let baked = report(&desk, &["tile", &bahamas(), "-z", "4", "-o", "x.mbtiles"]);
    let copied = report(&desk, &["convert", "x.mbtiles", "-o", "y"]);
    let merged = report(&desk, &["merge", &bahamas(), "-o", "m.tif"]);
    let refuses = |report: &Value| {
        std::panic::catch_unwind(|| program::schema::check_report(report)).is_err()
    };
    for told in [&baked, &copied, &merged] {
        assert!(!refuses(told));
        // A field that nobody has described, at any place; and one that is missing.
        for pointer in [
            "",
            "/versions",
            "/times",
            "/times/phases_s",
            "/times/stages_s",
            "/times/waiting_s",
            "/outputs/0",
        ] {
            let mut more = told.clone();
            more.pointer_mut(pointer).unwrap()["new"] = json!(1);
            assert!(refuses(&more), "{pointer}");
            let names: Vec<String> = told
                .pointer(pointer)
                .unwrap()
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect();
            for name in names {
                let mut less = told.clone();
                less.pointer_mut(pointer)
                    .unwrap()
                    .as_object_mut()
                    .unwrap()
                    .remove(&name);
                assert!(refuses(&less), "{pointer} without {name}");
            }
        }
    }
    for (pointer, wrong) in [
        ("/schema", json!("azulejo-report/2")),
        ("/command", json!("merge")),
        ("/seconds", json!(-1)),
        ("/tiles", json!(1.5)),
        ("/tiles_sha256", json!("none")),
        ("/sources", json!([])),
        ("/sources/0/files/0/modified", json!("yesterday")),
        ("/sources/0/mask", json!("maybe")),
        ("/plan/bounds", json!([0, 0, 1])),
        ("/options/min-zoom", json!({ "zoom": 4 })),
        ("/notes", json!([""])),
    ] {
        let mut told = baked.clone();
        *told.pointer_mut(pointer).unwrap() = wrong;
        assert!(refuses(&told), "{pointer}");
    }
}

/// The line that says how far it is comes after a second only; the schema of all others is looked at by every run.
#[test]
fn the_schema_of_progress_refuses_what_is_wrong() {
    let refuses =
        |line: Value| std::panic::catch_unwind(|| program::schema::check_progress(&line)).is_err();
    let progress = json!({
        "event": "progress", "done": 1, "planned": 2, "stored": 1, "bytes": 5, "elapsed_s": 1.0, "rate_per_s": 1.0,
        "eta_s": null,
    });
    assert!(!refuses(progress.clone()));
    for name in ["done", "bytes", "eta_s"] {
        let mut less = progress.clone();
        less.as_object_mut().unwrap().remove(name);
        assert!(refuses(less), "{name}");
    }
    for line in [
        json!({ "event": "note" }),
        json!({ "event": "note", "text": 5 }),
        json!({ "event": "note", "text": "a", "new": 1 }),
        json!({ "event": "Note 1", "text": "a" }),
        json!({ "event": "end", "stored": 1, "bytes": 1 }),
        json!({ "event": "log", "level": "loud", "target": "a", "text": "a" }),
        json!({ "event": "error", "kind": "usage", "exit_code": 0, "message": "a", "help": null }),
        json!({ "event": "opening", "done": 1, "planned": 2, "stored": 1, "elapsed_s": 1.0, "rate_per_s": 1.0, "eta_s": 0 }),
    ] {
        assert!(refuses(line.clone()), "{line}");
    }
}
