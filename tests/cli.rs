//! The program as its users meet it: options in; files, messages and exit codes out.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;
mod under_way;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use azulejo::archive::open_store;
use serde_json::Value;

use self::desk::{Desk, finish, fixture};
use self::under_way::under_way;

fn bahamas() -> String {
    fixture("RGB.byte.tif")
}

/// Tiles and their bytes for each zoom of an MBTiles file.
fn zooms(path: &Path) -> Vec<(i64, i64, i64)> {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut query = db
        .prepare(
            "SELECT zoom_level, count(*), sum(length(tile_data)) FROM tiles GROUP BY 1 ORDER BY 1",
        )
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn metadata(path: &Path, name: &str) -> String {
    let db = rusqlite::Connection::open(path).unwrap();
    let row = "SELECT value FROM metadata WHERE name = ?";
    db.query_row(row, [name], |row| row.get(0)).unwrap()
}

/// The zooms of `x.mbtiles`, first and last.
fn zoom_range(desk: &Desk) -> (i64, i64) {
    let found = zooms(&desk.path("x.mbtiles"));
    (found[0].0, found[found.len() - 1].0)
}

/// A raster in degrees without any pixel that counts.
fn blank_vrt(west: f64, north: f64) -> String {
    format!(
        r#"<VRTDataset rasterXSize="64" rasterYSize="64"><SRS>OGC:CRS84</SRS>
        <GeoTransform>{west}, 0.01, 0, {north}, 0, -0.01</GeoTransform>
        <VRTRasterBand dataType="Byte" band="1"><NoDataValue>0</NoDataValue></VRTRasterBand></VRTDataset>"#
    )
}

#[test]
fn one_source_and_one_output_are_enough() {
    let desk = Desk::new();
    let run = desk.run(&["tile", &bahamas(), "-o", "x.mbtiles"]).ok();
    assert_eq!(zoom_range(&desk), (4, 9));
    assert_eq!(metadata(&desk.path("x.mbtiles"), "name"), "RGB.byte");
    assert_eq!(metadata(&desk.path("x.mbtiles"), "type"), "overlay");
    let line = run.stdout.lines().collect::<Vec<_>>();
    assert_eq!(line.len(), 1, "{}", run.stdout);
    assert!(line[0].starts_with("x.mbtiles  "), "{}", line[0]);
    assert!(line[0].contains(" tiles · ") && line[0].contains(" · sha256 "));
    let stderr: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(stderr[0], "sources  1 raster in EPSG:32618, 300 m, 568 kpx");
    assert!(
        stderr[1].starts_with("plan     z4-z9 · ")
            && stderr[1].ends_with(" · cubic, average · png · WebMercatorQuad")
    );
    assert_eq!(desk.names(), ["x.mbtiles"]);
}

#[test]
fn zooms_are_read_in_every_spelling() {
    let check = |args: &[&str], expected: (i64, i64)| {
        let desk = Desk::new();
        let source = bahamas();
        let all = [&["tile", &source, "-o", "x.mbtiles"], args].concat();
        desk.run(&all).ok();
        assert_eq!(zoom_range(&desk), expected, "{args:?}");
    };
    check(&["-z", "5-7"], (5, 7));
    check(&["-z", "5..7"], (5, 7));
    check(&["-z7"], (7, 7));
    check(&["--zoom", "8-"], (8, 9));
    check(&["-z", "-6"], (4, 6));
    check(&["--zoom=-6"], (4, 6));
    check(&["-z", "auto"], (4, 9));
    check(&["-z", "0-auto"], (0, 9));
    check(&["--min-zoom", "7"], (7, 9));
    check(&["--max-zoom", "5"], (4, 5));
    check(&["--minzoom", "6", "--maxzoom", "7"], (6, 7));
    check(&["--zoom-level-strategy", "lower"], (4, 8));
    // A zoom's tiles cover the same whatever their pixels.
    check(&["--tile-size", "512"], (4, 8));
}

#[test]
fn options_that_make_no_sense_end_with_2_before_anything_is_written() {
    let wide = fixture("l8_lowres.tif");
    let check = |source: &str, args: &[&str], said: &str| {
        let desk = Desk::new();
        let all = [&["tile", source], args].concat();
        desk.run(&all).fails(2, said);
        assert_eq!(desk.names(), [""; 0], "{args:?}");
    };
    let to_x = |args: &[&'static str]| [&["-o", "x.mbtiles"], args].concat();
    let source = &bahamas();
    check(source, &[], "--output");
    check(source, &to_x(&["--frobnicate"]), "--frobnicate");
    check(source, &to_x(&["-z", "9-5"]), "lowest zoom first");
    check(
        source,
        &to_x(&["-z", "5", "--min-zoom", "4"]),
        "cannot be used with",
    );
    check(source, &to_x(&["--min-zoom", "12"]), "12 to 9");
    check(source, &to_x(&["--max-zoom", "99"]), "99");
    check(source, &to_x(&["-r", "gauss"]), "lanczos");
    check(source, &to_x(&["-f", "gif"]), "expected one of png");
    check(source, &to_x(&["--tile-size", "300"]), "power of two");
    check(source, &to_x(&["--quality", "101"]), "101");
    check(source, &to_x(&["--quality", "80"]), "quality");
    check(
        source,
        &to_x(&["--tiling-scheme", "Square"]),
        "WebMercatorQuad",
    );
    check(source, &to_x(&["--src-crs", "EPSG:banana"]), "banana");
    check(source, &to_x(&["-b", "1,2"]), "1 or 3");
    check(source, &to_x(&["-b", "0"]), "no band 0");
    check(
        source,
        &to_x(&["-b", "3,2,4"]),
        "no band 4; expected 1 to 3",
    );
    check(source, &to_x(&["-b", "B04"]), "help: azulejo info");
    check(source, &to_x(&["-b", "1,2,3,a"]), "flagged as alpha");
    check(source, &to_x(&["--nodata", "x"]), "no number");
    check(source, &to_x(&["--nodata", "-1"]), "from 0 to 255");
    check(source, &to_x(&["--nodata", "1,2"]), "2 values in a set");
    let palette = fixture("byte_pct.tif");
    check(&palette, &to_x(&["-b", "1,1,1"]), "a palette");
    check(source, &to_x(&["--meta", "format=gif"]), "format");
    check(source, &to_x(&["--meta", "nothing"]), "NAME=VALUE");
    check(source, &to_x(&["-j", "0"]), "ALL_CPUS");
    check(source, &to_x(&["-v", "-q"]), "cannot be used with");
    check(source, &["-o", "x.tif"], "x.tif");
    check(source, &["-o", "x/", "-o", "./x"], "the same place");
    check(
        source,
        &to_x(&["--report", "./x.mbtiles"]),
        "the same place",
    );
    check(
        &wide,
        &to_x(&["-f", "jpeg", "--rescale", "none"]),
        "16-bit samples",
    );
    check(
        &wide,
        &to_x(&["-f", "webp", "--rescale", "none"]),
        "help: -f png",
    );
    Desk::new().run(&["bake"]).fails(2, "bake");
    Desk::new().run(&[]).fails(2, "Usage");
}

#[test]
fn bands_and_nodata_are_taken_as_told_and_told_in_the_report() {
    let desk = Desk::new();
    let source = &bahamas();
    let bake = |args: &[&str]| {
        let all = ["tile", source, "-z", "6", "-o", "x.mbtiles", "--overwrite"];
        let all = [&all[..], &["--report", "r.json"], args].concat();
        desk.run(&all).ok();
        json(&desk.path("r.json"))
    };
    let digest = |report: &Value| report["tiles_sha256"].as_str().unwrap().to_owned();
    let plain = bake(&[]);
    assert_eq!(plain["options"]["bands"], Value::Null);
    let said = bake(&["-b", "1,2,3", "--nodata", "0"]);
    assert_eq!(digest(&plain), digest(&said), "what is the default anyway");
    assert_eq!(said["options"]["bands"], "1,2,3");
    assert_eq!(said["options"]["nodata"], "0");
    let turned = bake(&["-b", "3,2,1"]);
    assert_ne!(digest(&plain), digest(&turned));
    let gray = bake(&["--bands", "2"]);
    assert_eq!(gray["sources"][0]["bands"], 1);
    let whole = bake(&["--nodata", "none"]);
    assert_eq!(whole["sources"][0]["mask"], "none");
    assert_eq!(whole["options"]["nodata"], "none");
}

#[test]
fn samples_that_tiles_cannot_hold_are_stretched_or_refused() {
    let desk = Desk::new();
    for (file, name, code) in [
        ("n43_ontario.tif", "Int16", 0),
        // Nothing is there: there is no range.
        ("southup_inverted_lat.tif", "Float32", 8),
    ] {
        let path = fixture(file);
        let output = format!("{name}.mbtiles");
        let none = ["tile", &path, "--rescale", "none", "-o", &output];
        desk.run(&none)
            .fails(2, &format!("{name} samples; expected 8-bit or 16-bit"));
        let run = desk.run(&["tile", &path, "-o", &output]);
        match code {
            0 => assert!(run.ok().stderr.contains("--rescale '75,349' is the same")),
            code => {
                run.fails(code, "no valid pixel");
            }
        }
        let run = desk.run(&["info", "--json", &path]).ok();
        let all: Value = serde_json::from_str(&run.stdout).unwrap();
        let raster = &all["paths"][0];
        assert_eq!(raster["bands"][0]["type"], name);
        assert!(raster["zoom_max"].is_u64(), "{raster}");
    }
}

#[test]
fn an_output_never_takes_the_place_of_a_source() {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", "in/a.tif");
    let source = desk.path("in/a.tif");
    let source = source.to_str().unwrap();
    for output in ["in/a.tif/", "in"] {
        let args = ["tile", source, "-o", output, "--overwrite"];
        desk.run(&args).fails(2, "the source");
    }
    let report = ["tile", source, "-o", "x.mbtiles", "--report", "in/a.tif"];
    desk.run(&report).fails(2, "the source");
    assert_eq!(fs::read(source).unwrap(), fs::read(bahamas()).unwrap());
}

#[test]
fn a_report_takes_the_place_of_a_report_only() {
    let desk = Desk::new();
    let bake = |report: &str| {
        let source = bahamas();
        let zooms = ["-z", "5", "--overwrite", "--report", report];
        desk.run(&[&["tile", &source, "-o", "x.mbtiles"], &zooms[..]].concat())
    };
    for mine in [
        "what I wrote",
        "{\"type\": \"FeatureCollection\"}",
        "{\"schema\": \"azulejo-report/1\"} and more",
    ] {
        desk.write("mine.txt", mine);
        bake("mine.txt").fails(4, "something else than a report is there");
        assert_eq!(fs::read(desk.path("mine.txt")).unwrap(), mine.as_bytes());
        assert!(!desk.path("x.mbtiles").exists());
    }
    desk.write("new.json", "");
    for _ in 0..2 {
        bake("new.json").ok();
    }
    // Elsewhere that is standard output, and here no name that anybody would choose.
    bake("-").fails(2, "- is no file");
    assert!(!desk.path("-").exists());
    bake("./-").ok();
    assert!(desk.path("-").exists());
}

#[test]
fn an_output_never_takes_the_place_of_a_list_or_a_tiling_scheme() {
    let desk = Desk::new();
    desk.write("list.txt", format!("{}\n", bahamas()));
    desk.write("own.json", many_roots(2));
    let before = desk.names();
    let list = ["tile", "@list.txt", "-o", "x.mbtiles", "--report"];
    desk.run(&[&list[..], &["list.txt"]].concat())
        .fails(2, "the list of sources list.txt");
    let scheme = [&list[..], &["own.json", "--tiling-scheme", "own.json"]].concat();
    desk.run(&scheme).fails(2, "the tiling scheme own.json");
    assert_eq!(desk.names(), before);
    assert_eq!(
        fs::read_to_string(desk.path("own.json")).unwrap(),
        many_roots(2)
    );
}

/// The world of Web Mercator as one zoom of `n` by `n` tiles.
fn many_roots(n: u32) -> String {
    let world = 20_037_508.342_789_244;
    let cell = 2.0 * world / f64::from(n) / 256.0;
    format!(
        r#"{{"id": "Many", "crs": "http://www.opengis.net/def/crs/EPSG/0/3857", "tileMatrices": [{{"id": "0",
        "cellSize": {cell}, "pointOfOrigin": [-{world}, {world}], "tileWidth": 256, "tileHeight": 256,
        "matrixWidth": {n}, "matrixHeight": {n}}}]}}"#
    )
}

#[test]
fn a_scheme_of_a_billion_roots_is_baked_where_the_source_is() {
    let desk = Desk::new();
    desk.write("many.json", many_roots(30_000));
    let args = [
        "tile",
        &fixture("utmsmall.tif"),
        "--tiling-scheme",
        "many.json",
    ];
    let mut child =
        piped(&mut desk.command(&[&args[..], &["-o", "x.mbtiles", "-o", "y"]].concat()));
    assert_eq!(wait(&mut child), Some(0));
    let n_tiles = zooms(&desk.path("x.mbtiles"))[0].1;
    assert!((10..100).contains(&n_tiles), "{n_tiles}");
    let info = desk.run(&["info", "--json", "x.mbtiles", "y"]).ok().stdout;
    let info: Value = serde_json::from_str(&info).unwrap();
    for path in [&info["paths"][0], &info["paths"][1]] {
        assert_eq!(path["metadata"]["matrix_roots"], "30000,30000");
        assert_eq!(path["tiles"], n_tiles);
    }
}

#[test]
fn sources_that_cannot_be_used_end_with_3() {
    let check = |sources: &[&str], said: &str| {
        let desk = Desk::new();
        desk.write("text.tif", "no raster");
        desk.write("empty.txt", "# nothing\n\n");
        desk.write("list.txt", "\nmissing.tif\n");
        fs::create_dir(desk.path("folder")).unwrap();
        let before = desk.names();
        let args = [&["tile"], sources, &["-o", "x.mbtiles"]].concat();
        desk.run(&args).fails(3, said);
        assert_eq!(desk.names(), before);
    };
    check(
        &["missing.tif"],
        "error: missing.tif: no such file; expected a raster",
    );
    check(&["text.tif"], "error: text.tif: ");
    check(&["*.jp2"], "no file matches");
    check(&["folder"], "a folder without rasters");
    check(&["@empty.txt"], "no sources in it");
    check(&["@list.txt"], "(line 2 of list.txt)");
    check(&["@none.txt"], "none.txt");
    check(&["-"], "standard input");
    check(&[&fixture("rotated.tif")], "help: --src-crs");
    check(&[&fixture("byte_truncated.tif")], "byte_truncated.tif");
}

#[test]
fn sources_and_grid_that_do_not_meet_end_with_8() {
    let desk = Desk::new();
    desk.write("blank.vrt", blank_vrt(10.0, 50.0));
    desk.write("polar.vrt", blank_vrt(10.0, 89.0));
    let args = ["tile", "blank.vrt", "-o", "x.mbtiles"];
    desk.run(&args).fails(8, "no valid pixel");
    let polar = ["tile", "polar.vrt", "-o", "x.mbtiles"];
    desk.run(&polar).fails(8, "WebMercatorQuad");
    assert_eq!(desk.names(), ["blank.vrt", "polar.vrt"]);
    desk.run(&[&args[..], &["--keep-blank"]].concat()).ok();
    assert!(!zooms(&desk.path("x.mbtiles")).is_empty());
}

#[test]
fn every_option_can_come_from_the_environment_and_the_command_line_wins() {
    let bake = |variables: &[(&str, &str)], args: &[&str]| {
        let desk = Desk::new();
        let source = bahamas();
        let mut command = desk.command(&[&["tile", &source], args].concat());
        let run = finish(command.envs(variables.iter().copied()));
        (desk, run)
    };
    let (desk, run) = bake(
        &[
            ("AZULEJO_OUTPUT", "x.mbtiles\ny/"),
            ("AZULEJO_ZOOM", "-6"),
            ("AZULEJO_META", "a=1,2\nb=3"),
            ("AZULEJO_FORMAT", "webp"),
            ("AZULEJO_JOBS", "ALL_CPUS"),
            ("AZULEJO_QUIET", "1"),
            ("AZULEJO_QUALITY", ""),
        ],
        &[],
    );
    run.ok();
    assert_eq!(desk.names(), ["x.mbtiles", "y"]);
    assert_eq!(zoom_range(&desk), (4, 6));
    let x = desk.path("x.mbtiles");
    let found = ["a", "b", "format"].map(|name| metadata(&x, name));
    assert_eq!(found, ["1,2", "3", "webp"]);

    let variables = [
        ("AZULEJO_ZOOM", "4"),
        ("AZULEJO_OUTPUT", "y.mbtiles"),
        ("AZULEJO_OVERWRITE", "0"),
    ];
    let (desk, run) = bake(&variables, &["-o", "x.mbtiles", "-z", "5-6"]);
    run.ok();
    assert_eq!(desk.names(), ["x.mbtiles"]);
    assert_eq!(zoom_range(&desk), (5, 6));

    let rivals = [("AZULEJO_ZOOM", "4"), ("AZULEJO_QUIET", "1")];
    let (desk, run) = bake(&rivals, &["-o", "x.mbtiles", "--min-zoom=8", "-v"]);
    assert!(run.ok().stderr.contains("plan "));
    assert_eq!(zoom_range(&desk), (8, 9));
    let (desk, run) = bake(&[("AZULEJO_MIN_ZOOM", "8")], &["-o", "x.mbtiles", "-z4-5"]);
    run.ok();
    assert_eq!(zoom_range(&desk), (4, 5));

    let (_, run) = bake(&[("AZULEJO_FORMAT", "gif")], &["-o", "x.mbtiles"]);
    run.fails(2, "gif");
    let (_, run) = bake(&[("GDAL_NUM_THREADS", "many")], &["-o", "x.mbtiles"]);
    run.fails(2, "GDAL_NUM_THREADS=many");
    let (_, run) = bake(&[("AZULEJO_FROMAT", "webp")], &["-o", "x.mbtiles"]);
    assert!(run.ok().stderr.contains("warning: AZULEJO_FROMAT"));
}

#[test]
fn threads_come_from_where_gdals_users_set_them() {
    let jobs = |variable: Option<&str>, args: &[&str]| {
        let desk = Desk::new();
        let source = bahamas();
        let all = [
            &[
                "tile",
                &source,
                "-z4",
                "-o",
                "x.mbtiles",
                "--report",
                "r.json",
            ],
            args,
        ]
        .concat();
        let mut command = desk.command(&all);
        finish(command.envs(variable.map(|value| ("GDAL_NUM_THREADS", value)))).ok();
        json(&desk.path("r.json"))["options"]["jobs"]
            .as_i64()
            .unwrap()
    };
    let all = std::thread::available_parallelism().unwrap().get() as i64;
    assert_eq!(jobs(None, &[]), all);
    assert_eq!(jobs(Some("3"), &[]), 3);
    assert_eq!(jobs(Some("ALL_CPUS"), &[]), all);
    assert_eq!(jobs(Some("3"), &["--config", "GDAL_NUM_THREADS=5"]), 5);
    assert_eq!(jobs(Some("3"), &["--num-threads", "7"]), 7);
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn quiet_leaves_the_results_and_the_errors() {
    let desk = Desk::new();
    let run = desk
        .run(&["tile", &bahamas(), "-q", "-f", "jpeg", "-o", "x.mbtiles"])
        .ok();
    assert_eq!(run.stderr, "");
    assert_eq!(run.stdout.lines().count(), 1);
    let run = desk.run(&["tile", &bahamas(), "-q", "-o", "x.mbtiles"]);
    run.fails(4, "error: x.mbtiles: ");
}

#[test]
fn notes_say_what_is_not_obvious_once_each() {
    let desk = Desk::new();
    let run = desk
        .run(&["tile", &bahamas(), "-f", "jpeg", "-o", "x.mbtiles"])
        .ok();
    assert_eq!(run.stderr.matches("note: ").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("white where there is no data"));
    let run = desk
        .run(&["tile", &fixture("l8_lowres.tif"), "-o", "y.mbtiles"])
        .ok();
    assert!(
        run.stderr
            .contains("note: 16-bit values are stretched to 8 bits, 2 % to 98 % of all pixels")
    );
    let run = desk
        .run(&["tile", &bahamas(), &bahamas(), "-o", "z.mbtiles"])
        .ok();
    assert!(run.stderr.contains("named more than once"));
}

#[test]
fn the_type_of_an_mbtiles_file_is_chosen_and_told() {
    let desk = Desk::new();
    let source = bahamas();
    let kind_of = |name: &str| {
        let run = desk.run(&["info", "--json", name]).ok();
        let found: Value = serde_json::from_str(&run.stdout).unwrap();
        let tileset = &found["paths"][0];
        let kind = tileset["mbtiles_type"]
            .as_str()
            .unwrap_or("none")
            .to_owned();
        (
            kind,
            tileset["tiles"].clone(),
            tileset["tiles_stored"].clone(),
        )
    };
    // Most of the tiles of the blank world are blank.
    let bake = [
        "tile",
        &source,
        "-z",
        "0-9",
        "--keep-blank",
        "--bbox=-81,23,-74,27",
    ];
    for kind in ["flat", "normalized"] {
        let output = format!("{kind}.mbtiles");
        let how = ["--mbtiles-type", kind, "--agg-hash", "-o", &output];
        desk.run(&[&bake[..], &how[..]].concat()).ok();
        assert_eq!(kind_of(&output).0, kind);
    }
    let [flat, normalized] = ["flat", "normalized"].map(|kind| {
        let path = desk.path(&format!("{kind}.mbtiles"));
        (zooms(&path), metadata(&path, "agg_tiles_hash"))
    });
    assert_eq!(flat, normalized);
    let (_, tiles, stored) = kind_of("normalized.mbtiles");
    assert!(stored.as_u64() < tiles.as_u64(), "{stored} of {tiles}");
    let text = desk.run(&["info", "normalized.mbtiles"]).ok().stdout;
    let line = format!("stored     normalized · {stored} different tiles\n");
    assert!(text.contains(&line), "{text}");
    // Whether they are stored once or not, equal tiles are counted.
    for name in ["flat.mbtiles", "normalized.mbtiles"] {
        let found = desk.run(&["info", "--json", name]).ok().stdout;
        let found: Value = serde_json::from_str(&found).unwrap();
        let tileset = &found["paths"][0];
        let db = rusqlite::Connection::open(desk.path(name)).unwrap();
        let count = |sql: &str| -> i64 { db.query_row(sql, [], |row| row.get(0)).unwrap() };
        let different = "SELECT count(DISTINCT tile_data) FROM tiles";
        assert_eq!(tileset["different"], count(different));
        let lowest = &tileset["zooms"][0];
        assert_eq!(
            lowest["different"],
            count(&format!("{different} WHERE zoom_level = 0"))
        );
        assert!(
            text.contains(&format!("{tiles} tiles · {stored} different · ")),
            "{text}"
        );
    }

    let mut by_variable = desk.command(&["tile", &source, "-o", "x.mbtiles", "--report", "r.json"]);
    by_variable.env("AZULEJO_MBTILES_TYPE", "normalized");
    finish(&mut by_variable).ok();
    assert_eq!(kind_of("x.mbtiles").0, "normalized");
    let report: Value = serde_json::from_slice(&fs::read(desk.path("r.json")).unwrap()).unwrap();
    assert_eq!(report["options"]["mbtiles-type"], "normalized");
    assert_eq!(report["options"]["agg-hash"], false);
}

#[test]
fn what_only_mbtiles_files_can_be_told_is_refused_without_one() {
    let desk = Desk::new();
    let source = bahamas();
    for (option, output) in [
        ("--mbtiles-type=flat", "x.pmtiles"),
        ("--mbtiles-type=normalized", "x"),
        ("--agg-hash", "x"),
    ] {
        let said = option.split('=').next().unwrap();
        let said = format!("{said}: no output is an MBTiles file");
        let args = ["tile", &source, option, "-o", output];
        desk.run(&args).fails(2, &said);
        desk.run(&[&args[..], &["-o", "y.MBTILES", "--overwrite"]].concat())
            .ok();
        fs::remove_file(desk.path(output))
            .or_else(|_| fs::remove_dir_all(desk.path(output)))
            .unwrap();
    }
    let args = [
        "tile",
        &source,
        "--mbtiles-type",
        "compact",
        "-o",
        "x.mbtiles",
    ];
    desk.run(&args).fails(2, "expected one of flat, normalized");
    assert_eq!(desk.names(), ["y.MBTILES"]);
}

#[test]
fn tiles_that_mbtiles_readers_misplace_or_cannot_read_are_noted() {
    let desk = Desk::new();
    let notes = |args: &[&str]| {
        let run = desk.run(&[&["tile"], args, &["--overwrite"]].concat()).ok();
        let notes = run.stderr.lines().filter(|line| line.starts_with("note: "));
        notes.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    let (source, deep) = (&bahamas(), &fixture("l8_lowres.tif"));
    let degrees = ["--tiling-scheme", "WorldCRS84Quad", "-z5"];
    let note = "note: MBTiles readers take the tiles for Web Mercator; these are of WorldCRS84Quad";
    assert_eq!(
        notes(&[&[source, "-o", "x.mbtiles"], &degrees[..]].concat()),
        note
    );
    assert_eq!(notes(&[&[source, "-o", "x"], &degrees[..]].concat()), "");
    let ellipsoid = ["--tiling-scheme", "WorldMercatorWGS84Quad", "-z5"];
    let note = "note: PMTiles readers take the tiles for Web Mercator; these are of WorldMercatorWGS84Quad";
    assert_eq!(
        notes(&[&[source, "-o", "x.pmtiles"], &ellipsoid[..]].concat()),
        note
    );
    assert_eq!(notes(&[source, "-o", "x.mbtiles", "-z5"]), "");
    desk.write("same.json", many_roots(1));
    let same = [source, "-o", "x.mbtiles", "--tiling-scheme", "same.json"];
    assert_eq!(notes(&same), "");
    assert!(
        notes(&[deep, "-z5", "--rescale", "none", "-o", "y.mbtiles"])
            .ends_with("GDAL's MBTiles driver does not read them as such")
    );
    assert!(notes(&[deep, "-z5", "--rescale", "none", "-o", "y"]).ends_with("16-bit PNG"));
}

#[test]
fn one_bake_puts_the_same_tiles_into_every_container() {
    let all = |path: &Path| {
        let mut store = open_store(path).unwrap();
        let tiles = store.tiles().unwrap();
        let mut read = |tile| (tile, store.read(tile).unwrap().unwrap());
        tiles.into_iter().map(&mut read).collect::<Vec<_>>()
    };
    for options in [
        &["-z5-9", "--keep-blank"][..],
        &["-f", "jpeg", "--tile-size", "512"],
    ] {
        let desk = Desk::new();
        let outputs = ["-o", "x.mbtiles", "-o", "x.pmtiles", "-o", "x"];
        desk.run(&[&["tile", &bahamas()], &outputs[..], options].concat())
            .ok();
        let expected = all(&desk.path("x.mbtiles"));
        assert!(expected.len() > 10);
        assert!(all(&desk.path("x.pmtiles")) == expected);
        assert!(all(&desk.path("x")) == expected);
        let args = ["info", "--json", "x.mbtiles", "x.pmtiles"];
        let info: Value = serde_json::from_str(&desk.run(&args).ok().stdout).unwrap();
        let [mbtiles, pmtiles] = [0, 1].map(|at| &info["paths"][at]);
        for key in [
            "name",
            "format",
            "tile_size",
            "tiling_scheme",
            "tiles",
            "bytes",
            "zooms",
        ] {
            assert_eq!(mbtiles[key], pmtiles[key], "{key}");
        }
        // Again, into what is there.
        let args = ["tile", &bahamas(), "-o", "x.pmtiles"];
        desk.run(&args).fails(4, "x.pmtiles: exists already");
        desk.run(&[&args[..], options, &["--overwrite"]].concat())
            .ok();
        assert!(all(&desk.path("x.pmtiles")) == expected);
        assert_eq!(desk.names(), ["x", "x.mbtiles", "x.pmtiles"]);
    }
}

#[test]
fn json_progress_is_json_for_options_that_are_refused_too() {
    let desk = Desk::new();
    let json = |args: &[&str], variable: Option<&str>| {
        let mut command = desk.command(&[&["tile", "a.tif", "-o", "x"], args].concat());
        let run = finish(command.envs(variable.map(|style| ("AZULEJO_PROGRESS", style))));
        assert_eq!(run.code, 2);
        serde_json::from_str::<Value>(run.stderr.trim()).ok()
    };
    for (args, variable) in [
        (&["--progress", "json", "--frobnicate"][..], None),
        (&["--progress=json", "--frobnicate"], Some("plain")),
        (&["--frobnicate"], Some("json")),
    ] {
        let event = json(args, variable).unwrap();
        assert_eq!(
            (&event["event"], &event["exit_code"]),
            (&"error".into(), &2.into())
        );
        let message = event["message"].as_str().unwrap();
        assert!(
            message.starts_with("unexpected argument '--frobnicate'"),
            "{message}"
        );
    }
    let text = (&["--progress", "plain", "--frobnicate"][..], Some("json"));
    assert_eq!(json(text.0, text.1), None);
    let version = desk.run(&["--version"]).ok();
    assert!(version.stdout.starts_with("azulejo "));
}

/// A server for as long as the test runs: `answer` to every request, ranges as asked for. Its address.
fn serve(status: &'static str, body: Vec<u8>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(stream.unwrap(), status, &body);
        }
    });
    address.to_string()
}

fn answer(mut stream: std::net::TcpStream, status: &str, body: &[u8]) -> std::io::Result<()> {
    let (mut range, mut head) = (None, false);
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_lowercase();
        head |= line.starts_with("head ");
        if let Some((first, last)) = line
            .strip_prefix("range: bytes=")
            .and_then(|r| r.split_once('-'))
        {
            let last = last.parse().unwrap_or(usize::MAX).min(body.len() - 1);
            range = Some((first.parse::<usize>().unwrap(), last));
        }
        if line.is_empty() {
            break;
        }
    }
    let size = body.len();
    let (status, extra, body) = match range.filter(|(first, last)| !head && first <= last) {
        Some((first, last)) => {
            let extra = format!("Content-Range: bytes {first}-{last}/{size}\r\n");
            ("206 Partial Content", extra, &body[first..=last])
        }
        None => (status, String::new(), body),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nAccept-Ranges: bytes\r\n{extra}Connection: close\r\n\r\n"
    )?;
    if head { Ok(()) } else { stream.write_all(body) }
}

/// The command without the surroundings' proxies.
fn straight(command: &mut Command) -> &mut Command {
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env("no_proxy", "127.0.0.1")
}

#[test]
fn failures_of_the_network_end_with_75_and_missing_files_with_3() {
    let desk = Desk::new();
    let run = |address: &str| {
        let source = format!("http://{address}/a.tif");
        finish(straight(&mut desk.command(&[
            "tile",
            &source,
            "-o",
            "x.mbtiles",
        ])))
    };
    // A port that was free a moment ago: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr();
    let free = free.unwrap().to_string();
    run(&free).fails(75, "a.tif: cannot be opened");
    run(&serve("503 Service Unavailable", b"busy".into())).fails(75, "503");
    run(&serve("429 Too Many Requests", b"slowly".into())).fails(75, "429");
    run(&serve("404 Not Found", b"none".into())).fails(3, "404");
    assert_eq!(desk.names(), [""; 0]);
}

#[test]
fn what_gives_access_to_a_source_is_not_told() {
    let desk = Desk::new();
    let host = serve("200 OK", fs::read(fixture("utmsmall.tif")).unwrap());
    let source = format!("http://me:SECRET@{host}/b.tif?sig=abc/SECRET");
    let mut command = desk.command(&["tile", &source, "-o", "x.mbtiles", "--report", "r.json"]);
    let run = finish(straight(&mut command)).ok();
    assert_eq!(metadata(&desk.path("x.mbtiles"), "name"), "b");
    let report = fs::read_to_string(desk.path("r.json")).unwrap();
    assert!(report.contains(&format!("http://{host}/b.tif")), "{report}");
    let bytes = fs::read(desk.path("x.mbtiles")).unwrap();
    let bytes = String::from_utf8_lossy(&bytes);
    for text in [&report, &run.stderr, &run.stdout, bytes.as_ref()] {
        assert!(!text.contains("SECRET"), "{text}");
    }
    let wrong = source.replace(&host, &serve("404 Not Found", b"none".into()));
    for style in ["plain", "json"] {
        let args = ["tile", &wrong, "-o", "y", "--progress", style, "-vv"];
        let run = finish(straight(&mut desk.command(&args)));
        assert_eq!(run.code, 3);
        assert!(
            run.stderr.contains("/b.tif") && !run.stderr.contains("SECRET"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_dataset_in_place_of_a_name_is_called_as_its_output() {
    let desk = Desk::new();
    let source = blank_vrt(10.0, 50.0);
    desk.run(&["tile", &source, "--keep-blank", "-o", "x.mbtiles"])
        .ok();
    assert_eq!(metadata(&desk.path("x.mbtiles"), "name"), "x");
}

#[test]
fn a_full_stdout_withholds_no_report_and_a_link_to_one_stays() {
    let desk = Desk::new();
    desk.write("real.json", "{\"schema\": \"azulejo-report/0\"}");
    std::os::unix::fs::symlink("real.json", desk.path("r.json")).unwrap();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = desk.command(&["tile", &bahamas(), "-z4", "-o", "x", "--report", "r.json"]);
    let run = finish(command.stdout(full));
    assert_eq!(run.code, 4);
    run.says("standard output: cannot be written")
        .says("; written all the same: x\n");
    assert!(desk.path("r.json").is_symlink());
    assert_eq!(json(&desk.path("real.json"))["schema"], "azulejo-report/1");
    assert_eq!(desk.names(), ["r.json", "real.json", "x"]);
}

#[test]
fn json_progress_is_one_object_a_line() {
    let desk = Desk::new();
    let args = [
        "tile",
        &bahamas(),
        "-z",
        "0-12",
        "--progress",
        "json",
        "-o",
        "x.mbtiles",
    ];
    let run = desk.run(&args).ok();
    let events: Vec<Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| {
        events
            .iter()
            .filter(|e| e["event"] == name)
            .collect::<Vec<_>>()
    };
    let total: i64 = zooms(&desk.path("x.mbtiles"))
        .iter()
        .map(|zoom| zoom.1)
        .sum();
    assert_eq!(of("end")[0]["stored"], total);
    let planned = &of("start")[0]["planned"];
    for event in of("progress") {
        assert_eq!(&event["planned"], planned);
        assert!(event["done"].as_i64() <= planned.as_i64());
        for name in ["stored", "bytes", "elapsed_s", "rate_per_s"] {
            assert!(event[name].is_number(), "{event}");
        }
    }
    let run = desk.run(&args);
    let event: Value = serde_json::from_str(run.stderr.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&event["event"], &event["exit_code"]),
        (&"error".into(), &4.into())
    );
}

#[test]
fn the_report_agrees_with_the_outputs() {
    let desk = Desk::new();
    desk.write("r.json", "{\"schema\": \"azulejo-report/0\"}");
    let run = program::output(
        desk.command(&[
            "tile",
            &bahamas(),
            "-o",
            "x.mbtiles",
            "-o",
            "y/",
            "--report",
            "r.json",
            "--config",
            "AWS_SECRET_ACCESS_KEY=hidden",
        ])
        .env("SOURCE_DATE_EPOCH", "1700000000"),
    );
    assert!(run.status.success());
    assert_eq!(desk.names(), ["r.json", "x.mbtiles", "y"]);
    let report = json(&desk.path("r.json"));
    assert_eq!(report["schema"], "azulejo-report/1");
    assert_eq!(report["source_date_epoch"], 1_700_000_000);
    let found = zooms(&desk.path("x.mbtiles"));
    let told: Vec<(i64, i64, i64)> = report["zooms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zoom| {
            ["zoom", "tiles", "bytes"]
                .map(|name| zoom[name].as_i64().unwrap())
                .into()
        })
        .collect();
    assert_eq!(told, found);
    assert_eq!(
        report["tiles"],
        found.iter().map(|zoom| zoom.1).sum::<i64>()
    );
    let size = fs::metadata(desk.path("x.mbtiles")).unwrap().len();
    assert_eq!(report["outputs"][0]["bytes"], size);
    let stdout = String::from_utf8(run.stdout).unwrap();
    let sha256 = report["outputs"][0]["sha256"].as_str().unwrap();
    assert!(stdout.contains(sha256) && sha256.len() == 64);
    assert_eq!(report["sources"][0]["crs"], "EPSG:32618");
    assert_eq!(report["options"]["resampling"], "cubic");
    assert!(!report.to_string().contains("hidden"), "a secret");
    for name in ["azulejo", "gdal", "proj", "sqlite"] {
        let version = report["versions"][name].as_str().unwrap();
        assert!(
            version.starts_with(|c: char| c.is_ascii_digit()),
            "{name} {version}"
        );
    }
}

#[test]
fn a_report_that_cannot_be_written_ends_with_4_before_the_work() {
    let desk = Desk::new();
    let args = [
        "tile",
        &bahamas(),
        "-o",
        "x.mbtiles",
        "--report",
        "none/r.json",
    ];
    desk.run(&args).fails(4, "none/r.json");
    desk.run(&["tile", &bahamas(), "-o", "x.mbtiles", "--report", "."])
        .fails(2, "one inside the other");
    assert_eq!(desk.names(), [""; 0]);
}

#[test]
fn what_exists_stays_untouched_without_overwrite() {
    let desk = Desk::new();
    desk.run(&["tile", &bahamas(), "-z4", "-o", "x.mbtiles"])
        .ok();
    let before = fs::read(desk.path("x.mbtiles")).unwrap();
    let again = ["tile", &bahamas(), "-z5", "-o", "x.mbtiles", "-o", "y/"];
    desk.run(&again).fails(4, "help: --overwrite");
    assert_eq!(fs::read(desk.path("x.mbtiles")).unwrap(), before);
    assert_eq!(desk.names(), ["x.mbtiles"]);
    desk.run(&[&again[..], &["--overwrite"]].concat()).ok();
    assert_eq!(zoom_range(&desk), (5, 5));
    assert_eq!(desk.names(), ["x.mbtiles", "y"]);
}

#[test]
fn a_place_that_is_taken_during_the_run_keeps_all_outputs_back() {
    for taken in ["b.pmtiles", "c"] {
        let desk = Desk::new();
        let outputs = ["-o", "a.mbtiles", "-o", "b.pmtiles", "-o", "c"];
        let source = bahamas();
        let args = [&["tile", &source, "-z", "4-11"], &outputs[..]].concat();
        let mut child = piped(&mut desk.command(&args));
        let started = Instant::now();
        while !desk.names().iter().any(|name| name.starts_with(".c.")) {
            assert!(started.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(1));
        }
        desk.write(taken, "somebody else's");
        let mut said = String::new();
        let mut stderr = child.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
        assert_eq!(wait(&mut child), Some(4), "{said}");
        assert!(said.contains(&format!("{taken}: exists already")), "{said}");
        assert!(!said.contains("written all the same"), "{said}");
        assert_eq!(desk.names(), [taken]);
        assert_eq!(fs::read(desk.path(taken)).unwrap(), b"somebody else's");
    }
}

#[test]
fn two_outputs_of_one_bake_hold_the_same_tiles() {
    for rows in ["xyz", "tms"] {
        let desk = Desk::new();
        let args = [
            "tile",
            &bahamas(),
            "-o",
            "x.mbtiles",
            "-o",
            "y",
            "--scheme",
            rows,
        ];
        let run = desk.run(&args).ok();
        let names: Vec<&str> = run
            .stdout
            .lines()
            .filter_map(|line| line.split("  ").next())
            .collect();
        assert_eq!(names, ["x.mbtiles", "y"]);
        let db = rusqlite::Connection::open(desk.path("x.mbtiles")).unwrap();
        let mut query = db
            .prepare("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles")
            .unwrap();
        let mut tiles = query.query([]).unwrap();
        let mut n_tiles = 0;
        while let Some(tile) = tiles.next().unwrap() {
            let [z, x, y] = [0, 1, 2].map(|i| tile.get::<_, i64>(i).unwrap());
            let row = if rows == "tms" { y } else { (1 << z) - 1 - y };
            let file = desk.path(&format!("y/{z}/{x}/{row}.png"));
            assert_eq!(
                fs::read(&file).unwrap(),
                tile.get::<_, Vec<u8>>(3).unwrap(),
                "{file:?}"
            );
            n_tiles += 1;
        }
        let png = glob::glob(desk.path("y/*/*/*.png").to_str().unwrap()).unwrap();
        assert_eq!(png.count(), n_tiles);
    }
}

#[test]
fn threads_and_shards_never_change_a_byte() {
    let bake = |args: &[&str]| {
        let desk = Desk::new();
        let source = bahamas();
        desk.run(&[&["tile", &source, "-z", "-10", "-o", "x.mbtiles"], args].concat())
            .ok();
        fs::read(desk.path("x.mbtiles")).unwrap()
    };
    let one = bake(&["-j1"]);
    for args in [
        &["-j4"][..],
        &["-j3", "--shard-height", "0"],
        &["--shard-height", "2"],
        &["--shard-height", "30"],
    ] {
        assert!(bake(args) == one, "{args:?}");
    }
}

#[test]
fn patterns_folders_and_lists_name_sources() {
    let desk = Desk::new();
    desk.copy("byte.tif", "in/b.tif");
    desk.copy("utmsmall.tif", "in/a.tif");
    desk.write("in/readme.txt", "no raster");
    desk.write("in/a.tfw", "60\n0\n0\n-60\n0\n0\n");
    desk.write("list.txt", "# both\nin/a.tif\n\n  in/b.tif\n");
    let check = |source: &str, stdin: &str, note: Option<&str>| {
        let args = [
            "tile",
            source,
            "-o",
            "x.mbtiles",
            "--overwrite",
            "--report",
            "r.json",
        ];
        let mut command = desk.command(&args);
        let mut child = piped(command.stdin(Stdio::piped()));
        child
            .stdin
            .take()
            .unwrap()
            .write_all(stdin.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        program::schema::check_told(&command, output.status.code(), &output.stderr);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        let report = json(&desk.path("r.json"));
        let names: Vec<&Value> = report["sources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| &s["name"])
            .collect();
        assert_eq!(names, ["in/a.tif", "in/b.tif"], "{source}");
        match note {
            Some(note) => assert!(stderr.contains(note), "{stderr}"),
            None => assert!(!stderr.contains("note: "), "{stderr}"),
        }
    };
    check("in/*.tif", "", None);
    check("**/?.tif", "", None);
    check("in", "", Some("note: in: readme.txt is no raster"));
    check("@list.txt", "", None);
    check("-", "in/a.tif\r\nin/b.tif", None);
}

fn piped(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(child: &Child, signal: libc::c_int) {
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: a signal to our own child, which has not been waited for.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

/// The exit code; the test fails when it takes half a minute.
fn wait(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(30) {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("still running");
}

#[test]
fn a_signal_ends_the_bake_with_130_and_leaves_nothing() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let desk = Desk::new();
        let source = bahamas();
        let outputs = ["-o", "x.mbtiles", "-o", "y", "--report", "r.json"];
        let args = [
            &["tile", &source, "-z", "0-16", "--progress", "json"],
            &outputs[..],
        ]
        .concat();
        let (mut child, stderr) = under_way(&mut desk.command(&args));
        assert!(desk.names().len() >= 3, "temporaries: {:?}", desk.names());
        send(&child, signal);
        // As `timeout` does, which sends its signal to the program and to its group.
        send(&child, libc::SIGTERM);
        assert_eq!(wait(&mut child), Some(130));
        let last = stderr.lines().last().unwrap().unwrap();
        let last: Value = serde_json::from_str(&last).unwrap();
        assert_eq!(
            last["message"],
            "interrupted; nothing was written under x.mbtiles, y"
        );
        assert_eq!(desk.names(), [""; 0]);
    }
}

#[test]
fn signals_that_the_shell_had_ignored_stay_ignored() {
    let desk = Desk::new();
    let script = r#"trap "" HUP; exec "$0" "$@""#;
    let mut command = Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_azulejo")])
        .args([
            "tile",
            &bahamas(),
            "-z",
            "0-16",
            "--progress",
            "json",
            "-o",
            "x.mbtiles",
        ])
        .current_dir(desk.0.path());
    let (mut child, mut stderr) = under_way(&mut command);
    send(&child, libc::SIGHUP);
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    stderr.read_line(&mut line).unwrap();
    assert_eq!(line.matches(r#""event":"progress""#).count(), 2, "{line}");
    send(&child, libc::SIGTERM);
    assert_eq!(wait(&mut child), Some(130));
}

#[test]
fn info_describes_rasters_and_tilesets() {
    let desk = Desk::new();
    desk.run(&["tile", &bahamas(), "-o", "x.mbtiles", "-o", "y/"])
        .ok();
    let source = bahamas();
    let run = desk
        .run(&[
            "info",
            "--json",
            &source,
            "x.mbtiles",
            "y",
            &fixture("rotated.tif"),
        ])
        .ok();
    let all: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(all["schema"], "azulejo-info/1");
    let [raster, mbtiles, folder, unplaced] = [0, 1, 2, 3].map(|i| &all["paths"][i]);
    assert_eq!(raster["driver"], "GTiff");
    assert_eq!(
        (&raster["zoom_min"], &raster["zoom_max"]),
        (&4.into(), &9.into())
    );
    assert_eq!(raster["bands"][2]["colour"], "blue");
    let total: i64 = zooms(&desk.path("x.mbtiles"))
        .iter()
        .map(|zoom| zoom.1)
        .sum();
    assert_eq!(mbtiles["tiles"], total);
    assert_eq!(mbtiles["zooms"], folder["zooms"]);
    assert_eq!(mbtiles["format"], "png");
    assert_eq!(mbtiles["bounds"], folder["bounds"]);
    assert_eq!(unplaced["crs"], Value::Null);
    assert!(
        unplaced["refused"]
            .as_str()
            .unwrap()
            .contains("coordinate reference system")
    );

    let run = desk.run(&["info", "missing.tif", &source, "gone.mbtiles", "x.mbtiles"]);
    assert_eq!(run.code, 3);
    assert!(run.stdout.contains("EPSG:32618") && run.stdout.contains("WebMercatorQuad"));
    assert!(run.stderr.contains("missing.tif") && run.stderr.contains("gone.mbtiles"));
}

#[test]
fn info_says_what_is_wrong_with_a_folder_of_tiles() {
    let desk = Desk::new();
    for name in ["a/1/0", "b/1/0", "c/1"] {
        fs::create_dir_all(desk.path(name)).unwrap();
    }
    desk.write("a/1/0/0.png", "tile");
    desk.write("a/metadata.json", "{");
    desk.run(&["info", "a"])
        .fails(3, "a/metadata.json: not a JSON object");
    desk.run(&["info", "b"])
        .fails(3, "b: a folder without tiles");
    // A folder of rasters stays one, whatever else is in it.
    desk.copy("utmsmall.tif", "c/u.tif");
    desk.write("c/metadata.json", "[]");
    assert!(desk.run(&["info", "c"]).ok().stdout.contains("c/u.tif"));
}

#[test]
fn versions_and_help_go_to_stdout() {
    let desk = Desk::new();
    let version = desk.run(&["--version"]).ok().stdout;
    for name in ["azulejo ", "GDAL ", "PROJ ", "SQLite "] {
        assert!(version.contains(name), "{version}");
    }
    let help = desk.run(&["tile", "--help"]).ok().stdout;
    for heading in [
        "Sources:",
        "Grid:",
        "Tiles:",
        "Outputs:",
        "Running:",
        "Examples:",
        "Exit codes:",
    ] {
        assert!(help.contains(heading), "{heading} in {help}");
    }
    assert!(help.contains("alpha of avif is nearly exact"), "{help}");
    assert!(help.contains("--provenance"), "{help}");
    for command in ["tile", "merge", "convert", "verify", "diff"] {
        let help = desk.run(&[command, "--help"]).ok().stdout;
        assert!(help.contains("GITHUB_STEP_SUMMARY"), "{command}: {help}");
    }
    for command in ["explain", "verify"] {
        let help = desk.run(&[command, "--help"]).ok().stdout;
        for heading in ["Sources:", "Grid:", "Tiles:", "Examples:", "Exit codes:"] {
            assert!(help.contains(heading), "{heading} in {help}");
        }
        // What is refused is not offered.
        assert!(!help.contains("--mbtiles-type"), "{help}");
        assert!(!help.contains("--cache-control"), "{help}");
    }
}

#[test]
fn a_closed_pipe_is_nobodys_panic() {
    let desk = Desk::new();
    let source = bahamas();
    let mut child = piped(&mut desk.command(&["info", &source, &source, &source]));
    drop(child.stdout.take());
    assert_eq!(wait(&mut child), Some(0));
}
