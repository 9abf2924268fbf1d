//! A tileset tells how it came about, the same whoever baked it.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use std::fs;
use std::path::Path;

use azulejo::archive::open_store;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::desk::{Desk, finish, fixture};

/// What the tileset at `path` tells of how it came about.
fn told(path: &Path) -> Option<Value> {
    let store = open_store(path).unwrap();
    store.metadata().json.get("provenance").cloned()
}

fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder with `data/a.tif`.
fn with_source() -> Desk {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", "data/a.tif");
    desk
}

const BAKE: [&str; 5] = ["tile", "data/a.tif", "-z", "6-8", "--provenance"];

#[test]
fn all_containers_tell_the_same_for_any_number_of_threads_anywhere() {
    let (desk, other) = (with_source(), with_source());
    let outputs = ["-o", "x.mbtiles", "-o", "x.pmtiles", "-o", "x"];
    desk.run(&[&BAKE[..], &outputs, &["-j", "1"]].concat()).ok();
    other
        .run(&[&BAKE[..], &outputs, &["-j", "3", "--memory", "256MiB"]].concat())
        .ok();
    for name in ["x.mbtiles", "x.pmtiles", "x"] {
        assert!(desk.bytes(name) == other.bytes(name), "{name}");
    }
    let of_mbtiles = told(&desk.path("x.mbtiles")).unwrap();
    assert_eq!(told(&desk.path("x.pmtiles")).unwrap(), of_mbtiles);
    assert_eq!(told(&desk.path("x")).unwrap(), of_mbtiles);
    let sum = sha256(&desk.path("data/a.tif"));
    let size = fs::metadata(desk.path("data/a.tif")).unwrap().len();
    assert_eq!(of_mbtiles["schema"], "azulejo-provenance/1");
    assert_eq!(of_mbtiles["versions"]["azulejo"], env!("CARGO_PKG_VERSION"));
    assert!(
        of_mbtiles["versions"]["gdal"].is_string() && of_mbtiles["versions"]["proj"].is_string()
    );
    let file = json!({ "name": "a.tif", "bytes": size, "sha256": sum });
    assert_eq!(
        of_mbtiles["sources"],
        json!([{ "name": "data/a.tif", "files": [file] }])
    );
    let options = &of_mbtiles["options"];
    for (name, value) in [
        ("min-zoom", json!(6)),
        ("max-zoom", json!(8)),
        ("resampling", json!("cubic")),
        ("format", json!("png")),
        ("mosaic", json!("first")),
    ] {
        assert_eq!(options[name], value, "{options}");
    }
    assert!(
        options.get("cutline").is_none() && options.get("jobs").is_none(),
        "{options}"
    );
    assert!(of_mbtiles.get("source_date_epoch").is_none());
}

#[test]
fn it_is_told_when_asked_for_only() {
    let desk = with_source();
    desk.run(&["tile", "data/a.tif", "-z", "6", "-o", "x.mbtiles"])
        .ok();
    assert_eq!(told(&desk.path("x.mbtiles")), None);
    let taken = ["--meta", "provenance=mine", "-o", "y.mbtiles"];
    desk.run(&[&BAKE[..], &taken].concat())
        .fails(2, "provenance");
    assert!(!desk.path("y.mbtiles").exists());
}

#[test]
fn other_sources_and_options_are_told_as_other() {
    let desk = with_source();
    let of = |args: &[&str]| {
        desk.run(&[&BAKE[..], args, &["-o", "x.mbtiles", "--overwrite", "-q"]].concat())
            .ok();
        told(&desk.path("x.mbtiles")).unwrap()
    };
    let first = of(&[]);
    assert_eq!(
        first,
        of(&["--name", "other", "--config", "GDAL_CACHEMAX=32"])
    );
    assert_eq!(of(&["-r", "nearest"])["options"]["resampling"], "nearest");
    // The polygons count, not where they are.
    let cutline = of(&["--cutline", &fixture("rgba_cutline.geojson")]);
    assert_eq!(cutline["others"][0]["option"], "cutline");
    assert_eq!(
        cutline["others"][0]["polygons_sha256"]
            .as_str()
            .unwrap()
            .len(),
        64
    );
    desk.write("data/a.tif.aux.xml", "<PAMDataset></PAMDataset>");
    let second = of(&[]);
    assert_eq!(second["sources"][0]["files"][1]["name"], "a.tif.aux.xml");
    assert_ne!(second["sources_sha256"], first["sources_sha256"]);
    let mut dated = desk.command(&[&BAKE[..], &["-o", "d.mbtiles"]].concat());
    finish(dated.env("SOURCE_DATE_EPOCH", "1700000000")).ok();
    assert_eq!(
        told(&desk.path("d.mbtiles")).unwrap()["source_date_epoch"],
        1_700_000_000
    );
}

#[test]
fn neither_secrets_nor_folders_of_the_machine_are_told() {
    let desk = with_source();
    let far = desk.path("data/a.tif");
    desk.write(
        "a.vrt",
        format!(
            r#"<VRTDataset rasterXSize="791" rasterYSize="718"><SRS>EPSG:32618</SRS>
            <GeoTransform>101985, 300.04, 0, 2826915, 0, -300.04</GeoTransform>
            <VRTRasterBand dataType="Byte" band="1"><SimpleSource>
            <SourceFilename>{}</SourceFilename><SourceBand>1</SourceBand>
            </SimpleSource></VRTRasterBand></VRTDataset>"#,
            far.display()
        ),
    );
    let bake = [
        "tile",
        "a.vrt",
        "-z",
        "7",
        "--provenance",
        "-o",
        "x.mbtiles",
    ];
    desk.run(&[&bake[..], &["--config", "MY_TOKEN=SECRET"]].concat())
        .ok();
    let told = told(&desk.path("x.mbtiles")).unwrap();
    let names: Vec<_> = told["sources"][0]["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| &file["name"])
        .collect();
    assert!(
        names.contains(&&json!("a.tif")) && names.contains(&&json!("a.vrt")),
        "{names:?}"
    );
    let text = told.to_string();
    let folder = desk.0.path().to_str().unwrap();
    assert!(!text.contains("SECRET") && !text.contains(folder), "{text}");
    assert_eq!(told["options"]["config"]["MY_TOKEN"], "***");
}

#[test]
fn convert_keeps_it_and_adds_what_it_changed() {
    let desk = with_source();
    desk.run(&[&BAKE[..], &["-o", "x.mbtiles", "-o", "x.pmtiles"]].concat())
        .ok();
    desk.run(&["convert", "x.mbtiles", "-o", "y.pmtiles"]).ok();
    desk.same("x.pmtiles", "y.pmtiles");
    desk.run(&["convert", "x.pmtiles", "-f", "webp", "-z", "7", "-o", "w"])
        .ok();
    let mut of_piece = told(&desk.path("w")).unwrap();
    let then = of_piece
        .as_object_mut()
        .unwrap()
        .shift_remove("then")
        .unwrap();
    assert_eq!(of_piece, told(&desk.path("x.mbtiles")).unwrap());
    assert_eq!(then[0]["options"]["format"], "webp");
    assert_eq!(then[0]["options"]["min-zoom"], 7);
    assert_eq!(then.as_array().unwrap().len(), 1);
    desk.run(&["verify", "x.pmtiles"]).ok();
    desk.run(&["verify", "w"]).ok();
}

#[test]
fn info_shows_it() {
    let desk = with_source();
    desk.run(&[&BAKE[..], &["-o", "x.mbtiles"]].concat()).ok();
    desk.run(&["convert", "x.mbtiles", "-z", "7", "-o", "x"])
        .ok();
    let shown = desk.run(&["info", "x"]).ok().stdout;
    let sum = sha256(&desk.path("data/a.tif"));
    for said in [
        format!("  made by    azulejo {}, GDAL ", env!("CARGO_PKG_VERSION")),
        "  options    min-zoom 6 · max-zoom 8 · ".to_owned(),
        "  from       data/a.tif · ".to_owned(),
        format!("sha256 {sum}\n"),
        "  then       azulejo ".to_owned(),
    ] {
        assert!(shown.contains(&said), "{said:?} in {shown}");
    }
    let run = desk.run(&["info", "--json", "x.mbtiles"]).ok();
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        json["paths"][0]["provenance"],
        told(&desk.path("x.mbtiles")).unwrap()
    );
}
