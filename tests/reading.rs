//! How sources are read: each block about once, under a ceiling of memory that changes no byte; and what becomes of blocks
//! that are damaged and of files that go away.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod program;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use azulejo::error::Kind;
use azulejo::source::cache::{BlockCache, Cached, OnReadError};
use azulejo::source::gdal::{GdalSource, OpenOptions as Opening};
use azulejo::source::{Source, Window};
use gdal::raster::{Buffer, RasterCreationOptions};
use gdal::{Dataset, DriverManager, Metadata};
use serde_json::Value;
use tempfile::TempDir;

/// A raster of noise in degrees, `size` pixels a side, its north-west corner at `corner`.
fn noise(path: &Path, size: usize, block: usize, corner: (f64, f64)) {
    let side = block.to_string();
    let tiling = if block > 0 {
        vec![
            "TILED=YES".to_owned(),
            format!("BLOCKXSIZE={side}"),
            format!("BLOCKYSIZE={side}"),
        ]
    } else {
        vec!["BLOCKYSIZE=1".to_owned()]
    };
    let options: RasterCreationOptions = tiling
        .iter()
        .map(String::as_str)
        .chain(["COMPRESS=DEFLATE", "INTERLEAVE=PIXEL"])
        .collect();
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut dataset = driver
        .create_with_band_type_with_options::<u8, _>(path, size, size, 3, &options)
        .unwrap();
    dataset.set_projection("EPSG:4326").unwrap();
    dataset
        .set_geo_transform(&[corner.0, 0.0005, 0.0, corner.1, 0.0, -0.0005])
        .unwrap();
    let mut state = 1_u32;
    for band in 1..=3 {
        let values = (0..size * size)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let mut buffer = Buffer::new((size, size), values);
        let mut band = dataset.rasterband(band).unwrap();
        band.write((0, 0), (size, size), &mut buffer).unwrap();
    }
}

/// Overwrites one tile of a GeoTIFF; overview 0 is the full resolution.
fn damage(path: &Path, overview: usize, (x, y): (usize, usize)) {
    let item = |what: &str| -> u64 {
        let dataset = Dataset::open(path).unwrap();
        let mut band = dataset.rasterband(1).unwrap();
        if overview > 0 {
            band = band.overview(overview - 1).unwrap();
        }
        let name = format!("BLOCK_{what}_{x}_{y}");
        band.metadata_item(&name, "TIFF").unwrap().parse().unwrap()
    };
    let (offset, size) = (item("OFFSET"), item("SIZE"));
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&vec![0xff; size as usize]).unwrap();
}

struct Desk(TempDir);

struct Run {
    code: i32,
    stderr: String,
    report: Value,
}

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        program::program(self.0.path(), args)
    }

    /// Bakes into `x.mbtiles`, which is gone afterwards like the report.
    fn bake(&self, args: &[&str]) -> Run {
        let fixed = ["-o", "x.mbtiles", "--overwrite", "--report", "x.json"];
        let output = program::output(&mut self.command(&[&["tile"], args, &fixed].concat()));
        let report = fs::read(self.path("x.json")).unwrap_or_default();
        let _ = fs::remove_file(self.path("x.json"));
        Run {
            code: output.status.code().unwrap_or(-1),
            stderr: String::from_utf8(output.stderr).unwrap(),
            report: serde_json::from_slice(&report).unwrap_or_default(),
        }
    }

    fn has_output(&self) -> bool {
        let names = fs::read_dir(self.0.path()).unwrap();
        names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            // Finished parts of a run that took long are no output.
            .any(|name| name.contains("mbtiles") && !name.ends_with(".azulejo-resume"))
    }
}

#[test]
fn each_block_is_decoded_about_once_and_no_ceiling_changes_a_byte() {
    let desk = Desk::new();
    for (name, block) in [("tiled.tif", 256), ("strips.tif", 0)] {
        noise(&desk.path(name), 1800, block, (7.0, 47.0));
        let mut digests = Vec::new();
        for how in [
            ["--memory", "128MiB", "-j", "1"],
            ["--memory", "128MiB", "-j", "4"],
            ["--memory", "1GiB", "-j", "1"],
            ["--memory", "1GiB", "-j", "4"],
        ] {
            let run = desk.bake(&[&[name, "--max-zoom", "12"], &how[..]].concat());
            assert_eq!(run.code, 0, "{}", run.stderr);
            let count = |what: &str| run.report["reads"][what].as_u64().unwrap();
            let (decoded, touched) = (count("blocks_decoded"), count("blocks_touched"));
            // Units of 145 rows, or blocks.
            let expected = if block > 0 { 64 } else { 13 };
            assert_eq!(touched, expected, "{name}");
            assert!(decoded * 10 <= touched * 11, "{name}: {decoded}/{touched}");
            assert_eq!(run.report["holes"], Value::Array(Vec::new()));
            digests.push(run.report["tiles_sha256"].as_str().unwrap().to_owned());
        }
        digests.dedup();
        assert_eq!(digests.len(), 1, "{name}");
    }
}

#[test]
fn too_little_memory_is_refused_or_means_fewer_threads() {
    let desk = Desk::new();
    noise(&desk.path("a.tif"), 300, 256, (7.0, 47.0));
    let run = desk.bake(&["a.tif", "--memory", "100MiB"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("at least 128MiB"), "{}", run.stderr);
    let run = desk.bake(&["a.tif", "--memory", "128MiB", "-j", "64"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let note = "of 64 threads";
    assert!(run.stderr.contains(note), "{}", run.stderr);
    assert!(run.report["notes"].to_string().contains(note));
    assert!(run.report["options"]["jobs"].as_u64().unwrap() < 64);
    let run = desk.bake(&["a.tif", "--memory", "256MiB", "--tile-size", "4096"]);
    assert_eq!(run.code, 9);
    assert!(run.stderr.contains("help: --memory "), "{}", run.stderr);
}

#[test]
fn a_damaged_block_ends_the_bake_or_becomes_a_hole() {
    let desk = Desk::new();
    let path = desk.path("a.tif");
    // Blocks of which a unit holds several.
    noise(&path, 1024, 128, (7.0, 47.0));
    let whole = GdalSource::open(path.to_str().unwrap(), &Opening::default()).unwrap();
    let all = Window {
        col: 0,
        row: 0,
        width: 1024,
        height: 1024,
    };
    let expected = whole.read(0, all).unwrap();
    damage(&path, 0, (3, 5));
    damage(&path, 0, (7, 0));

    let run = desk.bake(&["a.tif", "-z", "12"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    let named = ["column 384, row 640 (128 x", "column 896, row 0 (128 x"];
    assert!(
        run.stderr.contains("a.tif: damaged") && named.iter().any(|n| run.stderr.contains(n)),
        "{}",
        run.stderr
    );
    assert!(!desk.has_output());

    let mut reports = Vec::new();
    for jobs in ["1", "4"] {
        let run = desk.bake(&["a.tif", "-z", "12", "--on-read-error", "skip", "-j", jobs]);
        assert_eq!(run.code, 5, "{}", run.stderr);
        assert!(desk.has_output());
        let warned: Vec<&str> = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("warning: "))
            .collect();
        assert_eq!(
            warned,
            [
                "warning: a.tif: damaged at column 896, row 0: a hole of 128 x 128 pixels",
                "warning: a.tif: damaged at column 384, row 640: a hole of 128 x 128 pixels",
            ]
        );
        reports.push((
            run.report["holes"].clone(),
            run.report["tiles_sha256"].clone(),
        ));
    }
    assert_eq!(reports[0], reports[1]);
    let hole = |col: u64, row: u64| {
        serde_json::json!({
            "source": "a.tif", "level": 0, "col": col, "row": row, "width": 128, "height": 128,
        })
    };
    assert_eq!(
        reports[0].0,
        serde_json::json!([hole(896, 0), hole(384, 640)])
    );

    // What may have holes is not kept for a run that goes on: the block may be whole then.
    noise(&desk.path("b.tif"), 1024, 128, (7.0, 47.0));
    let kept = |name: &str| {
        let how = [
            "-z",
            "14",
            "--on-read-error",
            "skip",
            "--shard-height",
            "1",
            "--resume",
        ];
        let run = desk.bake(&[&[name][..], &how].concat());
        run.report["parts"]["kept"].as_u64().unwrap()
    };
    let (with_holes, whole) = (kept("a.tif"), kept("b.tif"));
    assert!(with_holes < whole, "{with_holes} of {whole}");

    let inner = GdalSource::open(path.to_str().unwrap(), &Opening::default()).unwrap();
    let refused = inner.read(0, all).unwrap_err();
    assert_eq!(refused.kind(), Kind::Damaged);
    let cache = Arc::new(BlockCache::new(8 << 20, 1 << 20));
    let cached = Cached::new(Arc::new(inner), cache, OnReadError::Skip);
    let found = cached.read(0, all).unwrap();
    for (k, mask) in found.mask.iter().enumerate() {
        let block = (k % 1024 / 128, k / 1024 / 128);
        let lost = [(3, 5), (7, 0)].contains(&block);
        assert_eq!(*mask, if lost { 0 } else { 255 }, "{block:?}");
    }
    let bands = |raster: &azulejo::raster::Raster| match &raster.samples {
        azulejo::raster::Samples::U8(values) => values.clone(),
        _ => unreachable!("8-bit samples"),
    };
    let (found, expected, mask) = (bands(&found), bands(&expected), &found.mask);
    for (k, mask) in mask.iter().enumerate().filter(|(_, mask)| **mask > 0) {
        let pixel = 3 * k..3 * k + 3;
        assert_eq!(found[pixel.clone()], expected[pixel], "{k} {mask}");
    }
}

/// GDAL fills a JPEG that ends early with gray, warns, and calls that success.
/// Its bands are three sources to a merge; the block is one.
#[test]
fn a_merge_tells_of_a_damaged_block_once() {
    let desk = Desk::new();
    noise(&desk.path("a.tif"), 1024, 128, (7.0, 47.0));
    damage(&desk.path("a.tif"), 0, (3, 5));
    let merge = |policy: &str| {
        let args = ["merge", "a.tif", "-o", "m.tif", "--report", "r.json"];
        let policy = ["--on-read-error", policy];
        program::output(&mut desk.command(&[&args[..], &policy].concat()))
    };
    assert_eq!(merge("fail").status.code(), Some(3));
    assert!(!desk.path("m.tif").exists() && !desk.path("r.json").exists());
    let output = merge("skip");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    let report: Value = serde_json::from_slice(&fs::read(desk.path("r.json")).unwrap()).unwrap();
    let holes = report["holes"].as_array().unwrap();
    assert_eq!(holes.len(), 1, "{holes:?}");
    assert_eq!(
        (&holes[0]["col"], &holes[0]["row"]),
        (&384.into(), &640.into())
    );
    assert_eq!(
        said.matches("a hole of 128 x 128 pixels").count(),
        1,
        "{said}"
    );
}

/// A limit of the address space is no place to fail in: neither the allocator nor GDAL's threads come back from there.
#[test]
fn what_ulimit_leaves_is_kept_to_or_refused() {
    let desk = Desk::new();
    noise(&desk.path("a.tif"), 1024, 128, (7.0, 47.0));
    let run = |kib: u32, command: &str, output: &str| {
        let program = env!("CARGO_BIN_EXE_azulejo");
        let line = format!(
            "ulimit -v {kib}; exec '{program}' {command} a.tif -j 2 --memory 1GiB -o {output}"
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(desk.0.path());
        let output = shell.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    for (command, output) in [("tile", "x.mbtiles"), ("merge", "x.tif")] {
        let (code, said) = run(200_000, command, output);
        assert_eq!(code, Some(9), "{said}");
        assert!(
            said.contains("by ulimit") && said.contains("help: ulimit -v"),
            "{said}"
        );
        assert_eq!(fs::read_dir(desk.0.path()).unwrap().count(), 1, "{said}");
    }
    for (command, output) in [("tile", "x.mbtiles"), ("merge", "x.tif")] {
        let (code, said) = run(600_000, command, output);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("which is what ulimit leaves"), "{said}");
    }
}

#[test]
fn a_jpeg_cut_short_is_damaged_from_there_on() {
    let desk = Desk::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo.jpg");
    let bytes = std::fs::read(fixture).unwrap();
    std::fs::write(desk.path("whole.jpg"), &bytes).unwrap();
    std::fs::write(desk.path("cut.jpg"), &bytes[..bytes.len() / 2]).unwrap();
    for name in ["whole.jgw", "cut.jgw"] {
        std::fs::write(desk.path(name), "0.001\n0\n0\n-0.001\n7\n47\n").unwrap();
    }
    let bake = |args: &[&str]| desk.bake(&[args, &["--src-crs", "EPSG:4326"]].concat());
    for zoom in ["7", "10"] {
        let run = bake(&["cut.jpg", "-z", zoom]);
        assert_eq!(run.code, 3, "{}", run.stderr);
        let said = ["cut.jpg: damaged", "row ", "help: --on-read-error skip"];
        assert!(
            said.iter().all(|said| run.stderr.contains(said)),
            "{}",
            run.stderr
        );
        assert!(!desk.has_output());
    }
    let mut reports = Vec::new();
    for jobs in ["1", "4"] {
        let run = bake(&["cut.jpg", "-z", "10", "--on-read-error", "skip", "-j", jobs]);
        assert_eq!(run.code, 5, "{}", run.stderr);
        reports.push((
            run.report["holes"].clone(),
            run.report["tiles_sha256"].clone(),
        ));
    }
    assert_eq!(reports[0], reports[1]);
    let holes = reports[0].0.as_array().unwrap();
    // All rows from the first that is not there down to the last.
    let first = holes[0]["row"].as_u64().unwrap();
    assert!(
        first > 100 && holes.len() as u64 == 512 - first,
        "{first} {}",
        holes.len()
    );
    let allowed = ["cut.jpg", "--config", "GDAL_ERROR_ON_LIBJPEG_WARNING=NO"];
    assert_eq!(bake(&allowed).code, 0);
    assert_eq!(bake(&["whole.jpg"]).code, 0);
}

#[test]
fn a_damaged_block_of_an_overview_is_a_hole_too() {
    let desk = Desk::new();
    let path = desk.path("a.tif");
    noise(&path, 1024, 128, (7.0, 47.0));
    let mut dataset = Dataset::open_ex(
        &path,
        gdal::DatasetOptions {
            open_flags: gdal::GdalOpenFlags::GDAL_OF_UPDATE,
            ..Default::default()
        },
    )
    .unwrap();
    dataset.build_overviews("AVERAGE", &[2, 4], &[]).unwrap();
    drop(dataset);
    damage(&path, 1, (2, 1));
    // At full resolution nothing is wrong.
    let run = desk.bake(&["a.tif", "-z", "12", "--on-read-error", "skip"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = desk.bake(&["a.tif", "-z", "9", "--on-read-error", "skip"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("of overview 1: a hole"));
    let holes = run.report["holes"].as_array().unwrap();
    assert_eq!(holes.len(), 1, "{holes:?}");
    assert_eq!(holes[0]["level"], 1);
    assert_eq!(
        (&holes[0]["row"], &holes[0]["height"]),
        (&128.into(), &128.into())
    );
    assert_eq!(holes[0]["col"], 256);
    let run = desk.bake(&["a.tif", "-z", "9"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
}

/// Bakes `args`, and calls `disturb` when the first tile is about to be made.
fn disturbed(desk: &Desk, args: &[&str], disturb: impl FnOnce()) -> (i32, String) {
    let fixed = ["-o", "x.mbtiles", "-j", "1", "--progress", "json"];
    let mut child = desk
        .command(&[&["tile"], args, &fixed].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let started = lines.any(|line| line.unwrap().contains(r#""event":"start""#));
    assert!(started);
    disturb();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    (child.wait().unwrap().code().unwrap(), rest.join("\n"))
}

#[test]
fn a_source_that_goes_away_while_it_is_read_ends_with_3_and_leaves_nothing() {
    let desk = Desk::new();
    let path = desk.path("a.tif");
    noise(&path, 1800, 256, (7.0, 47.0));
    let long = ["-z", "12", "--effort", "9"];
    let (code, said) = disturbed(&desk, &[&["a.tif"], &long[..]].concat(), || {
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(200_000).unwrap();
    });
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("a.tif: damaged"), "{said}");
    assert!(!desk.has_output());

    noise(&path, 1800, 256, (-100.0, -30.0));
    // In the last quarter of the walk, so that nobody has opened it yet.
    let last = desk.path("b.tif");
    noise(&last, 300, 256, (100.0, 47.0));
    let (code, said) = disturbed(&desk, &[&["a.tif", "b.tif"], &long[..]].concat(), || {
        fs::remove_file(&last).unwrap();
    });
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("b.tif: no such file"), "{said}");
    assert!(!desk.has_output());
}

#[test]
fn too_many_open_files_are_a_matter_of_resources() {
    let desk = Desk::new();
    for k in 0..40 {
        // Apart from each other, and each in the way of several tiles.
        let corner = (
            7.0 + 0.04 * f64::from(k % 8),
            47.0 - 0.04 * f64::from(k / 8),
        );
        noise(&desk.path(&format!("{k:02}.tif")), 64, 64, corner);
    }
    let run = |limit: &str| {
        let program = env!("CARGO_BIN_EXE_azulejo");
        let line =
            format!("ulimit -n {limit}; exec '{program}' tile '*.tif' -z 9 -j 1 -o x.mbtiles");
        Command::new("sh")
            .args(["-c", &line])
            .current_dir(desk.0.path())
            .output()
            .unwrap()
    };
    // With 10 there are not even enough for PROJ's database.
    for limit in ["10", "20"] {
        let output = run(limit);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(9), "{limit}: {said}");
        assert!(said.contains("too many open files"), "{limit}: {said}");
        assert!(said.contains("help: ulimit -n"), "{limit}: {said}");
        assert!(!desk.has_output());
    }
    // The limit is what was wrong.
    let output = run("200");
    assert_eq!(output.status.code(), Some(0));
}
