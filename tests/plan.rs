//! `azulejo plan` beside what `azulejo tile` then does: counts, bytes, limits, and that nothing is written.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use self::desk::{Desk, fixture};

/// A job: sources, which are fixtures, and options.
type Job = (&'static [&'static str], &'static [&'static str]);

const JOBS: [Job; 17] = [
    (&["RGB.byte.tif"], &[]),
    (&["RGB.byte.tif"], &["-z", "0-10"]),
    (&["RGB.byte.tif"], &["-z", "9", "-f", "webp"]),
    (
        &["RGB.byte.tif"],
        &["-z", "3-11", "--bbox", "-78,24,-77,25"],
    ),
    (&["RGB.byte.tif"], &["--tile-size", "512", "-f", "jpeg"]),
    (&["RGB.byte.tif"], &["--tile-size", "64", "-r", "nearest"]),
    (
        &["RGB.byte.tif"],
        &["--tiling-scheme", "WorldCRS84Quad", "-z", "0-9"],
    ),
    (&["small_world.tif"], &["-z", "0-3", "-f", "palette"]),
    (
        &["small_world.tif"],
        &["--tiling-scheme", "WorldMercatorWGS84Quad"],
    ),
    (
        &["small_world.tif"],
        &["--bbox", "170,-50,-170,-30", "-z", "2-7"],
    ),
    (
        &["s2_dateline_utm60.tif"],
        &["-z", "4-9", "--rescale", "0,4000"],
    ),
    (&["n43_ontario.tif"], &["-f", "terrain-rgb"]),
    (&["n43_ontario.tif"], &["-f", "tif", "-z", "6-13"]),
    (
        &["austria_pixelscale_area.tif"],
        &["-f", "mixed", "--keep-blank"],
    ),
    (&["hro_mask.tif"], &["-z", "14-20"]),
    (
        &["RGB.byte.tif", "small_world.tif"],
        &["-z", "0-5", "--mosaic", "last"],
    ),
    (
        &["test_gdal2tiles_exclude_transparent.tif"],
        &["--zoom", "-18"],
    ),
];

/// `command` with the sources and options of `job`, and `more`.
fn args(command: &str, job: &Job, more: &[&str]) -> Vec<String> {
    let sources = job.0.iter().map(|name| fixture(name));
    let options = job.1.iter().chain(more).map(|&option| option.to_owned());
    std::iter::once(command.to_owned())
        .chain(sources)
        .chain(options)
        .collect()
}

#[track_caller]
fn run(desk: &Desk, args: &[String]) -> desk::Run {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    desk.run(&args).ok()
}

fn plan(desk: &Desk, job: &Job, more: &[&str]) -> Value {
    let more = [&["--json"], more].concat();
    serde_json::from_str(&run(desk, &args("plan", job, &more)).stdout).unwrap()
}

/// The report of a bake.
fn bake(desk: &Desk, job: &Job, more: &[&str]) -> Value {
    let outputs = ["-o", "x.mbtiles", "--overwrite", "--report", "r.json"];
    run(desk, &args("tile", job, &[&outputs, more].concat()));
    serde_json::from_slice(&fs::read(desk.path("r.json")).unwrap()).unwrap()
}

/// One of the numbers of each zoom.
fn by_zoom(zooms: &Value, name: &str) -> BTreeMap<u64, u64> {
    let zooms = zooms.as_array().unwrap().iter();
    let number = |zoom: &Value, name: &str| zoom[name].as_u64().unwrap();
    zooms
        .map(|zoom| (number(zoom, "zoom"), number(zoom, name)))
        .collect()
}

#[track_caller]
fn holds(told: &Value, found: &Value, what: &str) {
    let found = found.as_f64().unwrap();
    let (low, high) = (
        told["low"].as_f64().unwrap(),
        told["high"].as_f64().unwrap(),
    );
    assert!(
        (low..=high).contains(&found),
        "{what}: {found} beside {told}"
    );
}

#[test]
fn tiles_are_counted_exactly() {
    for job in &JOBS {
        let desk = Desk::new();
        let told = plan(&desk, job, &[]);
        let report = bake(&desk, job, &[]);
        let planned = by_zoom(&told["zooms"], "tiles");
        assert_eq!(
            planned,
            by_zoom(&report["plan"]["zooms"], "tiles"),
            "{job:?}"
        );
        assert_eq!(told["tiles"], report["plan"]["tiles_at_most"], "{job:?}");
        assert!(
            told["tiles_around"].as_u64() >= told["tiles"].as_u64(),
            "{job:?}"
        );
        holds(&told["stored"], &report["tiles"], "stored");
        holds(&told["bytes"], &report["bytes"], "bytes");
        if told["sample"]["whole"] == true {
            let stored = by_zoom(&told["zooms"], "stored");
            let found = by_zoom(&report["zooms"], "tiles");
            for (zoom, stored) in stored {
                assert_eq!(stored, found.get(&zoom).copied().unwrap_or(0), "{job:?}");
            }
            assert_eq!(told["bytes"]["estimate"], report["bytes"], "{job:?}");
        }
        // All tiles that are looked at are stored then.
        if !job.1.contains(&"--keep-blank") {
            let kept = bake(&desk, job, &["--keep-blank"]);
            assert_eq!(planned, by_zoom(&kept["zooms"], "tiles"), "{job:?}");
        }
    }
}

#[test]
fn what_is_told_of_a_sample_holds() {
    let jobs: [Job; 6] = [
        (&["RGB.byte.tif"], &["-z", "4-12"]),
        (&["RGB.byte.tif"], &["-z", "8-12", "-f", "jpeg"]),
        (&["small_world.tif"], &["-z", "0-5"]),
        (
            &["s2_dateline_utm60.tif"],
            &["-z", "6-12", "--rescale", "0,4000"],
        ),
        (
            &["test_gdal2tiles_exclude_transparent.tif"],
            &["--zoom", "-19"],
        ),
        (&["austria_pixelscale_area.tif"], &["-z", "5-11"]),
    ];
    for job in &jobs {
        let desk = Desk::new();
        let told = plan(&desk, job, &[]);
        let sample = &told["sample"];
        assert_eq!(sample["whole"], false, "{job:?}");
        assert!(sample["tiles"].as_u64().unwrap() * 4 < told["tiles"].as_u64().unwrap());
        let report = bake(&desk, job, &[]);
        holds(
            &told["stored"],
            &report["tiles"],
            &format!("{job:?}: stored"),
        );
        holds(&told["bytes"], &report["bytes"], &format!("{job:?}: bytes"));
        // Always the same, with any number of threads.
        let again = plan(&desk, job, &["-j", "1"]);
        assert_eq!(told["bytes"], again["bytes"], "{job:?}");
        assert_eq!(told["zooms"], again["zooms"], "{job:?}");
    }
}

/// Six places first, and twice as many each time as long as bytes are told no better than by half to each side.
#[test]
fn a_sample_grows_until_it_tells_enough() {
    let place = |job: Job| {
        let told = plan(&Desk::new(), &job, &[]);
        let bytes = |which: &str| told["bytes"][which].as_f64().unwrap();
        let open = (bytes("high") - bytes("low")) / bytes("estimate");
        (told["sample"]["places"].as_u64().unwrap(), open)
    };
    let (n_places, open) = place((&["small_world.tif"], &["-z", "0-6", "-f", "jpeg"]));
    assert!(n_places == 12 && open <= 1.0, "{n_places} {open}");
    let (n_places, open) = place((&["RGB.byte.tif"], &["-z", "4-12"]));
    assert!(n_places == 24 && open <= 1.0, "{n_places} {open}");
    // Here all that may be looked at tells no more.
    let (n_places, open) = place((&["austria_pixelscale_area.tif"], &["-z", "5-11"]));
    assert!(n_places == 32 && open > 1.0, "{n_places} {open}");
}

#[test]
fn a_plan_has_all_that_programs_want_to_know() {
    let desk = Desk::new();
    let outputs = [
        "-o",
        "x.mbtiles",
        "-o",
        "y/",
        "-o",
        "s3://b/z/",
        "-o",
        "gs://b/z.pmtiles",
    ];
    let told = plan(
        &desk,
        &JOBS[0],
        &[&outputs[..], &["--hosting", "nginx", "-j", "1"]].concat(),
    );
    assert_eq!(told["schema"], "azulejo-plan/1");
    assert_eq!(told["zoom_min"], 4);
    assert_eq!(told["zoom_max"], 9);
    assert_eq!(told["tiling_scheme"], "WebMercatorQuad");
    assert_eq!(told["jobs"], 1);
    assert_eq!(told["confidence"], 0.95);
    for name in ["bytes", "seconds", "cpu_seconds", "stored"] {
        let [low, estimate, high] =
            ["low", "estimate", "high"].map(|end| told[name][end].as_f64().unwrap());
        assert!(
            0.0 < low && low <= estimate && estimate <= high,
            "{name}: {told}"
        );
    }
    let share = told["blank_share"].as_f64().unwrap();
    assert!((0.1..0.5).contains(&share), "{share}");
    let peak = told["memory_bytes"]["peak"].as_u64().unwrap();
    assert!(peak > 16 << 20 && peak <= told["memory_bytes"]["ceiling"].as_u64().unwrap());
    assert_eq!(
        told["temporary_bytes"]["unpublished"],
        told["bytes"]["estimate"]
    );
    assert_eq!(told["temporary_bytes"]["finished_parts"], 0);
    let stored = told["stored"]["estimate"].as_u64().unwrap();
    let found = |k: usize, name: &str| told["outputs"][k][name].as_u64();
    assert_eq!((found(0, "files"), found(0, "puts")), (Some(1), Some(0)));
    assert_eq!(found(1, "files"), Some(stored + 3));
    assert_eq!(
        (found(2, "objects"), found(2, "puts")),
        (Some(stored + 2), Some(stored + 2))
    );
    assert_eq!((found(3, "objects"), found(3, "puts")), (Some(1), Some(3)));
    assert!(told["sample"]["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_plan_is_a_table_for_people_and_needs_no_output() {
    let desk = Desk::new();
    let run = run(
        &desk,
        &args(
            "plan",
            &JOBS[1],
            &["-o", "x.mbtiles", "--max-tiles", "1000000"],
        ),
    );
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("zoom "), "{}", run.stdout);
    assert!(lines[1].starts_with("z0 "), "{}", run.stdout);
    assert!(lines[12].starts_with("all "), "{}", run.stdout);
    for label in [
        "tiles ", "bytes ", "time ", "memory ", "disk ", "output ", "sample ",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(label)),
            "{label}: {}",
            run.stdout
        );
    }
    assert!(run.stderr.contains("plan     z0-z10 · "), "{}", run.stderr);
    let without = desk.run(&["plan", &fixture("RGB.byte.tif"), "-q"]).ok();
    assert_eq!(without.stderr, "");
    assert!(
        without.stdout.contains("which is all"),
        "{}",
        without.stdout
    );
}

#[test]
fn nothing_is_written_and_what_is_there_is_only_told_of() {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", "in/RGB.byte.tif");
    desk.write("x.mbtiles", "something");
    for name in ["tmp", "cache"] {
        fs::create_dir(desk.path(name)).unwrap();
    }
    let mut command = desk.command(&[
        "plan",
        "in/RGB.byte.tif",
        "-z",
        "4-12",
        "-o",
        "x.mbtiles",
        "-o",
        "y/",
        "--report",
        "r.json",
    ]);
    command
        .env("TMPDIR", desk.path("tmp"))
        .env("XDG_CACHE_HOME", desk.path("cache"));
    let run = desk::finish(&mut command).ok();
    assert!(
        run.stderr.contains("x.mbtiles: exists already"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("y/: exists"), "{}", run.stderr);
    assert_eq!(desk.names(), ["cache", "in", "tmp", "x.mbtiles"]);
    assert_eq!(desk.bytes("in").len(), 1);
    for name in ["tmp", "cache"] {
        assert_eq!(fs::read_dir(desk.path(name)).unwrap().count(), 0, "{name}");
    }
    assert_eq!(fs::read(desk.path("x.mbtiles")).unwrap(), b"something");
}

#[test]
fn too_many_tiles_end_with_7_before_anything_is_baked() {
    let desk = Desk::new();
    let told = plan(&desk, &JOBS[0], &[]);
    let n = told["tiles"].as_u64().unwrap();
    let (less, all) = ((n - 1).to_string(), n.to_string());
    let source = fixture("RGB.byte.tif");
    let said = format!("{n} tiles to look at; expected at most {less}, by --max-tiles");
    let check = |command: &str| {
        let args = [
            command,
            &source,
            "-o",
            "x.mbtiles",
            "--report",
            "r.json",
            "--max-tiles",
        ];
        let run = desk.run(&[&args[..], &[less.as_str()]].concat());
        assert!(
            run.stderr.contains(&format!("--max-tiles {n}")),
            "{}",
            run.stderr
        );
        assert!(
            run.stderr.contains("help: --max-zoom 8 has 15 tiles; "),
            "{}",
            run.stderr
        );
        run.fails(7, &said);
        assert_eq!(desk.names(), [""; 0], "{command}");
    };
    check("plan");
    check("tile");
    desk.run(&["plan", &source, "--max-tiles", &all]).ok();
    desk.run(&["tile", &source, "--max-tiles", &all, "-o", "x.mbtiles"])
        .ok();
    desk.run(&["tile", &source, "--max-tiles", "0", "-o", "y.mbtiles"])
        .fails(2, "--max-tiles");
}

#[test]
fn too_many_bytes_end_with_7_before_anything_is_baked() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let check = |more: &[&str]| {
        let args = [&[more[0], &source, "-o", "x.mbtiles"], &more[1..]].concat();
        let run = desk.run(&args);
        assert!(
            run.stderr.contains("help: --max-zoom 8 has about "),
            "{}",
            run.stderr
        );
        run.fails(7, " of tiles; expected at most 1.0 MB, by --max-bytes");
        assert_eq!(desk.names(), [""; 0], "{more:?}");
    };
    check(&["plan", "--max-bytes", "1MB"]);
    check(&["tile", "--max-bytes", "1MB"]);
    check(&["tile", "--max-bytes", "1MB", "-q", "--resume"]);
    desk.run(&["tile", &source, "--max-bytes", "much", "-o", "x.mbtiles"])
        .fails(2, "20GB");
}

#[test]
fn a_sample_changes_no_byte_and_is_told_in_the_plan() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let bake = |output: &str, more: &[&str]| {
        let args = [
            "tile", &source, "-z", "5-11", "--name", "x", "--report", "r.json", "-o", output,
        ];
        let run = desk.run(&[&args[..], more].concat()).ok();
        let report: Value =
            serde_json::from_slice(&fs::read(desk.path("r.json")).unwrap()).unwrap();
        (run, report)
    };
    let (run, with) = bake("a.mbtiles", &["--max-bytes", "1GB"]);
    let plan = run
        .stderr
        .lines()
        .find(|line| line.starts_with("plan "))
        .unwrap();
    assert!(
        plan.contains(" tiles at most · about ") && plan.contains(" memory of "),
        "{plan}"
    );
    assert_eq!(with["options"]["max-bytes"], 1_000_000_000);
    let (run, without) = bake("b.mbtiles", &[]);
    assert!(!run.stderr.contains("memory of"), "{}", run.stderr);
    desk.same("a.mbtiles", "b.mbtiles");
    // What was decoded for the sample is not counted as the bake's.
    assert_eq!(
        with["reads"]["blocks_touched"],
        without["reads"]["blocks_touched"]
    );
}

#[test]
fn a_damaged_source_ends_a_plan_as_it_ends_a_bake() {
    let desk = Desk::new();
    let source = fixture("byte_truncated.tif");
    desk.run(&["plan", &source]).fails(3, "byte_truncated.tif");
    let run = desk.run(&["plan", &source, "--on-read-error", "skip"]).ok();
    assert!(run.stdout.contains("bytes "), "{}", run.stdout);
}

#[test]
fn sources_elsewhere_end_a_plan_with_8() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    desk.run(&["plan", &source, "--bbox", "10,10,11,11"])
        .fails(8, "does not meet");
}

#[test]
fn a_long_sample_shows_how_far_it_is_and_can_be_interrupted() {
    let desk = Desk::new();
    let source = fixture("small_world.tif");
    // Slow to encode: this would take minutes.
    let options = [
        "-z",
        "0-9",
        "--tile-size",
        "1024",
        "-f",
        "webp",
        "--lossless",
        "--effort",
        "9",
    ];
    let args = [&["plan", &source, "--progress", "json"], &options[..]].concat();
    let mut child = desk
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut events = events.skip_while(|event| event["event"] != "sampling");
    let sampling = events.next().expect("progress is shown");
    assert!(
        sampling["planned"].as_u64() > sampling["done"].as_u64(),
        "{sampling}"
    );
    let id = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: a signal to a child that has not been waited for.
    unsafe { libc::kill(id, libc::SIGINT) };
    let error = events.find(|event| event["event"] == "error").unwrap();
    assert_eq!(error["kind"], "interrupted");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(desk.names(), [""; 0]);
}
