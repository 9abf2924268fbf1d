//! `azulejo explain`: the tile is the one that `azulejo tile` stores, to the byte, and what is told of it is so.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use std::fs;
use std::path::Path;

use serde_json::Value;

use self::desk::{Desk, fixture};

/// Addresses and paths of the tiles in the folder `name`.
fn tiles(desk: &Desk, name: &str) -> Vec<(String, std::path::PathBuf)> {
    let files = desk.bytes(name).into_keys();
    let parts = |path: &Path| -> Vec<String> {
        path.with_extension("")
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect()
    };
    files
        .filter(|path| parts(path).len() == 3)
        .map(|path| (parts(&path).join("/"), path))
        .collect()
}

/// Bakes `job` and explains tiles of the lowest zoom, of the highest, and some between: the bytes are the same.
#[track_caller]
fn same_bytes(job: &[&str]) {
    let desk = Desk::new();
    desk.run(&[&["tile", "-q", "-o", "x"], job].concat()).ok();
    let mut all = tiles(&desk, "x");
    all.sort_by_key(|(address, _)| address.split('/').next().unwrap().parse::<u8>().unwrap());
    assert!(all.len() > 3, "{job:?}: {all:?}");
    let step = (all.len() / 6).max(1);
    let last = all.len() - 1;
    for (k, (address, path)) in all.iter().enumerate() {
        if k % step > 0 && k < last {
            continue;
        }
        desk.run(
            &[
                &["explain", "-q", "--overwrite", "-o", "t"],
                job,
                &[address.as_str()],
            ]
            .concat(),
        )
        .ok();
        let expected = fs::read(desk.path("x").join(path)).unwrap();
        assert!(
            fs::read(desk.path("t")).unwrap() == expected,
            "{job:?} {address}"
        );
    }
}

#[test]
fn the_bytes_are_those_of_a_bake() {
    let (rgb, heights) = (fixture("RGB.byte.tif"), fixture("n43_ontario.tif"));
    let (wide, classes) = (fixture("l8_lowres.tif"), fixture("small_world_pct.tif"));
    let (world, cutline) = (fixture("small_world.tif"), fixture("rgba_cutline.geojson"));
    let [rgb, heights, wide, classes, world, cutline] =
        [&rgb, &heights, &wide, &classes, &world, &cutline].map(String::as_str);
    for job in [
        &[rgb, "-z", "5-10"][..],
        &[rgb, "-z", "6-10", "-f", "jpeg", "--quality", "60,9:40"],
        &[rgb, "-z", "6-10", "-f", "webp", "--tile-size", "512"],
        &[rgb, "-z", "6-10", "-f", "mixed"],
        &[rgb, "-z", "6-10", "--cutline", cutline, "--feather", "5"],
        &[heights, "-z", "6-12", "--hillshade"],
        &[heights, "-z", "6-12", "-f", "terrarium", "-r", "lanczos"],
        &[heights, "-z", "6-12", "-f", "tif"],
        &[wide, "-z", "3-9", "--rescale", "auto", "-b", "1"],
        &[classes, "-z", "0-3"],
        &[world, rgb, "-z", "0-6", "--mosaic", "last"],
        &[rgb, world, "-z", "0-6", "--mosaic", "mean"],
        &[world, "-z", "0-4", "--tiling-scheme", "WorldCRS84Quad"],
    ] {
        same_bytes(job);
    }
}

#[track_caller]
fn told(desk: &Desk, args: &[&str]) -> Value {
    let run = desk
        .run(&[&["explain", "-q", "--json"], args].concat())
        .ok();
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_base_tile_is_told_source_by_source() {
    let desk = Desk::new();
    let rgb = fixture("RGB.byte.tif");
    let rgb = rgb.as_str();
    let found = told(&desk, &[rgb, "9/145/219"]);
    assert_eq!(found["schema"], "azulejo-explain/1");
    assert_eq!(found["is_base"], true);
    assert_eq!(found["path"], "9/145/219.png");
    assert_eq!(found["row_from_south"], 292);
    let layer = &found["layers"][0];
    assert_eq!(layer["way"], "grid");
    assert_eq!(layer["points"], 289);
    assert_eq!(layer["mask"], "binary");
    assert_eq!(layer["nodata"], "0");
    let read = &layer["read"];
    assert_eq!(read["level"], 0);
    assert_eq!(read["support"], serde_json::json!([4.0, 4.0]));
    // The tile is 256 pixels of 306 m at the equator, some 278 m there; the source's are 300 m.
    let scale = read["scale"][0].as_f64().unwrap();
    assert!((0.9..0.95).contains(&scale), "{scale}");
    let width = read["window"]["width"].as_f64().unwrap();
    assert!((240.0..256.0).contains(&width), "{width}");
    let valid = layer["valid_pixels"].as_u64().unwrap();
    assert_eq!(found["node"]["valid_pixels"].as_u64(), Some(valid));
    assert!(valid > 60_000 && layer["new_pixels"].as_u64() == Some(valid));
    assert!(found["blocks_decoded"].as_u64() > Some(0));
    for stage in [
        "open",
        "transform",
        "read",
        "warp",
        "reduce",
        "style",
        "encode",
    ] {
        assert!(found["seconds"][stage].is_number(), "{stage}: {found:#}");
    }
    assert_eq!(found["overview"], Value::Null);
}

#[test]
fn what_lies_below_others_is_hidden_and_not_read() {
    let desk = Desk::new();
    let (rgb, world) = (fixture("RGB.byte.tif"), fixture("small_world.tif"));
    let (rgb, world) = (rgb.as_str(), world.as_str());
    let hidden = |args: &[&str]| {
        let found = told(&desk, &[args, &["-z", "0-11", "11/581/881"]].concat());
        let layers = found["layers"].as_array().unwrap().len();
        (layers, found["hidden"].as_array().unwrap().len())
    };
    // That tile is whole in the picture of the Bahamas.
    assert_eq!(hidden(&[rgb, world]), (1, 1));
    assert_eq!(hidden(&[world, rgb]), (1, 1));
    assert_eq!(hidden(&[rgb, world, "--mosaic", "mean"]), (2, 0));
    let found = told(
        &desk,
        &[world, rgb, "--mosaic", "max", "-z", "0-9", "9/145/221"],
    );
    let (first, second) = (&found["layers"][0], &found["layers"][1]);
    assert_eq!(first["valid_pixels"], 65536);
    assert_eq!(second["new_pixels"], 0);
    assert!(second["valid_pixels"].as_u64() > Some(0), "{found:#}");
}

#[test]
fn an_overview_is_told_by_what_it_is_made_of() {
    let desk = Desk::new();
    let rgb = fixture("RGB.byte.tif");
    let rgb = rgb.as_str();
    let found = told(&desk, &[rgb, "6/18/27"]);
    assert_eq!(found["is_base"], false);
    assert_eq!(found["layers"], serde_json::json!([]));
    let overview = &found["overview"];
    assert_eq!(overview["base_zoom"], 9);
    let (all, with_data) = (&overview["base_tiles"], &overview["with_data"]);
    assert!(
        with_data.as_u64() <= all.as_u64() && with_data.as_u64() > Some(4),
        "{found:#}"
    );
    assert_eq!(overview["layers"][0]["levels"], serde_json::json!([0]));
    let run = desk.run(&["explain", "-q", rgb, "6/18/27"]).ok();
    assert!(
        run.stdout
            .contains("four pixels to one by average, 3 times"),
        "{}",
        run.stdout
    );
}

#[test]
fn coarse_tiles_take_overviews_of_the_source_and_say_why() {
    let desk = Desk::new();
    // With overviews of 396, 198 and 99 columns.
    desk.copy("RGB.byte.tif", "a.tif");
    let set = ["2", "4", "8"];
    let made = std::process::Command::new("gdaladdo")
        .arg("-q")
        .arg(desk.path("a.tif"))
        .args(set)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let level = |z: &str, tile: &str| {
        let found = told(&desk, &["a.tif", "-z", z, tile]);
        found["layers"][0]["read"]["level"].as_u64().unwrap()
    };
    assert_eq!(level("9", "9/145/219"), 0);
    assert_eq!(level("7", "7/36/54"), 1);
    assert_eq!(level("6", "6/18/27"), 2);
    assert_eq!(level("4", "4/4/6"), 3);
    let run = desk
        .run(&["explain", "-q", "a.tif", "-z", "7", "7/36/54"])
        .ok();
    let why = "overview 1 (396 x 359, pixels of 599 m): the coarsest that is as fine as the tile";
    assert!(run.stdout.contains(why), "{}", run.stdout);
    assert!(
        run.stdout.contains("times as wide as usual"),
        "{}",
        run.stdout
    );
}

#[test]
fn tiles_that_are_not_there_are_refused_with_what_there_is() {
    let desk = Desk::new();
    let rgb = fixture("RGB.byte.tif");
    let rgb = rgb.as_str();
    let explain = |args: &[&str]| desk.run(&[&["explain", "-q", rgb], args].concat());
    explain(&["9/0/0"]).fails(8, "no source meets it");
    explain(&["12/1167/1759"]).fails(2, "expected 4 to 9");
    explain(&["3/2/3"]).fails(2, "expected 4 to 9");
    explain(&["9/512/0"]).fails(2, "expected 0 to 511");
    explain(&["9/145"]).fails(2, "expected zoom, column and row last");
    explain(&["9/145/219/1"]).fails(2, "expected zoom, column and row last");
    explain(&["300/1/1"]).fails(2, "zoom 300");
    explain(&[]).fails(2, "expected zoom, column and row last");
    desk.run(&["explain", "9/145/219"])
        .fails(2, "sources before it");
    // What decides nothing about a tile is refused, and not passed over.
    for option in [
        &["--name", "x"][..],
        &["--scheme", "tms"],
        &["--resume"],
        &["--report", "x"],
    ] {
        explain(&[option, &["9/145/219"]].concat()).fails(2, "cannot be used with");
    }
    let without = [("--bbox", "-78,24.6,-77.9,24.7")];
    for (option, bbox) in without {
        explain(&[option, bbox, "9/146/220"]).fails(8, "no source meets it");
    }
    assert_eq!(desk.names(), [""; 0]);
}

#[test]
fn a_file_stays_without_overwrite_and_nothing_is_written_of_nothing() {
    let desk = Desk::new();
    let rgb = fixture("RGB.byte.tif");
    let rgb = rgb.as_str();
    desk.write("t.png", "mine");
    let explain = |args: &[&str]| desk.run(&[&["explain", "-q", rgb, "9/145/219"], args].concat());
    let explain_at =
        |tile: &str, args: &[&str]| desk.run(&[&["explain", "-q", rgb], args, &[tile]].concat());
    explain(&["-o", "t.png"]).fails(4, "t.png");
    explain_at("9/145/219", &["-o", "t.png"]).fails(4, "t.png");
    assert_eq!(fs::read(desk.path("t.png")).unwrap(), b"mine");
    let run = explain_at("9/145/219", &["-o", "t.png", "--overwrite"]).ok();
    assert!(run.stdout.contains("written to t.png"), "{}", run.stdout);
    assert!(
        fs::read(desk.path("t.png"))
            .unwrap()
            .starts_with(b"\x89PNG")
    );
    explain_at("9/145/219", &["-o", "t.jpg"]).fails(2, "expected a file that ends in .png");
    explain_at("9/145/219", &["-o", "a.png", "-o", "b.png"]).fails(2, "expected one");
    explain_at("9/145/219", &["-o", rgb, "--overwrite", "-f", "tif"]).fails(2, "the source");
    assert_eq!(desk.names(), ["t.png"]);
    // Within the rectangle around the source, but on its collar.
    let found = told(&desk, &[rgb, "9/147/219"]);
    assert_eq!(found["node"]["kind"], "empty", "{found:#}");
    assert_eq!(found["bytes"], Value::Null);
    explain_at("9/147/219", &["-o", "e.png"]).fails(8, "there is nothing on it");
    explain_at("9/147/219", &["-o", "e.png", "--keep-blank"]).ok();
    assert_eq!(desk.names(), ["e.png", "t.png"]);
}
