//! `azulejo verify --against`: tilesets that are not what the sources make are found out, and sound ones are not.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use std::fs;

use azulejo::encode::{Format, Settings, decode, encoder};
use azulejo::raster::image::Pixels;
use rusqlite::Connection;
use serde_json::Value;

use self::desk::{Desk, fixture};

impl Desk {
    /// What is found, as JSON.
    #[track_caller]
    fn against(&self, args: &[&str]) -> Value {
        let run = self.run(&[&["verify", "-q", "--json"], args].concat());
        let told: Value = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|_| panic!("{args:?}: {}", run.stderr));
        let code = if told["sound"] == true { 0 } else { 6 };
        assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
        told
    }

    /// Findings of a kind.
    #[track_caller]
    fn count(&self, kind: &str, args: &[&str]) -> u64 {
        let told = self.against(args);
        told["counts"][kind].as_u64().unwrap_or(0)
    }

    fn sql(&self, statement: &str) {
        let db = Connection::open(self.path("x.mbtiles")).unwrap();
        db.execute_batch(statement).unwrap();
    }
}

/// A raster that is the picture of the Bahamas, its upper left corner elsewhere.
fn moved(east: f64, north: f64) -> String {
    let band = |k: u8| {
        format!(
            r#"<VRTRasterBand dataType="Byte" band="{k}"><NoDataValue>0</NoDataValue><SimpleSource>
            <SourceFilename>{}</SourceFilename><SourceBand>{k}</SourceBand></SimpleSource></VRTRasterBand>"#,
            fixture("RGB.byte.tif")
        )
    };
    let (x, y) = (101_985.0 + east, 2_826_915.0 + north);
    let (width, height) = (300.037_926_675_094_8, 300.041_782_729_805);
    format!(
        r#"<VRTDataset rasterXSize="791" rasterYSize="718"><SRS>EPSG:32618</SRS>
        <GeoTransform>{x}, {width}, 0, {y}, 0, -{height}</GeoTransform>{}{}{}</VRTDataset>"#,
        band(1),
        band(2),
        band(3)
    )
}

#[test]
fn what_the_sources_make_has_no_faults() {
    let (rgb, heights) = (fixture("RGB.byte.tif"), fixture("n43_ontario.tif"));
    let (wide, world) = (fixture("l8_lowres.tif"), fixture("small_world.tif"));
    let (classes, cutline) = (
        fixture("small_world_pct.tif"),
        fixture("rgba_cutline.geojson"),
    );
    let [rgb, heights, wide, world, classes, cutline] =
        [&rgb, &heights, &wide, &world, &classes, &cutline].map(String::as_str);
    // Sources, zooms, and options.
    let bakes: [(&[&str], &str, &[&str]); 10] = [
        (&[rgb], "5-10", &[]),
        (&[rgb], "6-10", &["-f", "jpeg", "--quality", "60,9:40"]),
        (
            &[rgb],
            "6-10",
            &["-f", "webp", "--tile-size", "512", "-r", "lanczos"],
        ),
        (
            &[rgb],
            "6-10",
            &["--cutline", cutline, "--feather", "4", "--keep-blank"],
        ),
        (&[heights], "6-12", &["--hillshade=300,40,2"]),
        (
            &[heights],
            "6-12",
            &["-f", "terrain-rgb", "--height-base", "-100", "--round", "2"],
        ),
        (
            &[wide],
            "3-9",
            &["-b", "1", "--rescale", "p1,p99", "--colormap", "viridis"],
        ),
        (&[classes], "0-3", &[]),
        (
            &[world, rgb],
            "0-6",
            &["--mosaic", "last", "--bbox", "-90,10,-60,40"],
        ),
        (&[heights], "6-12", &["-f", "tif"]),
    ];
    for (sources, zooms, options) in bakes {
        let desk = Desk::new();
        let baked = ["-z", zooms, "-o", "x.mbtiles", "--report", "x.json"];
        desk.run(&[&["tile", "-q"], sources, &baked[..], options].concat())
            .ok();
        let all = ["x.mbtiles", "--sample", "all", "--against"];
        // By the report, or by options; zooms are the tileset's own.
        for how in [&["--report", "x.json"][..], options] {
            let told = desk.against(&[&all[..], sources, how].concat());
            assert_eq!(
                told["findings"],
                serde_json::json!([]),
                "{options:?} {how:?}: {told:#}"
            );
            let against = &told["against"];
            assert_eq!(
                against["equal"], told["tiles"],
                "{options:?} {how:?}: {against:#}"
            );
            assert_eq!(against["tiles"], against["of"]);
            assert!(!told["notes"].to_string().contains("versions"));
        }
    }
}

#[test]
fn tiles_of_another_bake_are_found_out() {
    let desk = Desk::new();
    let rgb = fixture("RGB.byte.tif");
    let rgb = rgb.as_str();
    desk.write("moved.vrt", moved(300.037_926_675_094_8, 0.0));
    desk.write("same.vrt", moved(0.0, 0.0));
    for (source, options) in [
        (rgb, &["-b", "3,2,1"][..]),
        (rgb, &["-r", "bilinear"]),
        (rgb, &["--overview-resampling", "nearest"]),
        (rgb, &["--color-formula", "gamma rgb 1.02"]),
        ("moved.vrt", &[]),
    ] {
        let baked = [
            "tile",
            "-q",
            "--overwrite",
            "-z",
            "5-10",
            "-o",
            "x.mbtiles",
            source,
        ];
        desk.run(&[&baked, options].concat()).ok();
        // By itself the tileset is sound.
        assert_eq!(desk.against(&["x.mbtiles"])["sound"], true);
        let found = desk.count("source", &["x.mbtiles", "--against", rgb]);
        assert!(found > 10, "{source} {options:?}: {found}");
        let told = desk.against(&[&["x.mbtiles", "--against", source], options].concat());
        assert_eq!(told["sound"], true, "{source} {options:?}: {told:#}");
        // The largest difference is told, and who takes it for none finds nothing.
        let told = desk.against(&[
            "x.mbtiles",
            "--against",
            rgb,
            "--sample",
            "all",
            "--tolerance",
            "255",
        ]);
        assert_eq!(told["counts"]["source"], Value::Null, "{told:#}");
        assert!(told["against"]["within_tolerance"].as_u64() > Some(10));
        assert!(told["against"]["largest"]["max"].as_f64() > Some(0.0));
    }
    desk.run(&[
        "tile",
        "-q",
        "--overwrite",
        "-z",
        "5-10",
        "-o",
        "x.mbtiles",
        "same.vrt",
    ])
    .ok();
    assert_eq!(
        desk.against(&["x.mbtiles", "--against", rgb])["sound"],
        true
    );
}

/// A desk with tiles of the Bahamas in `x.mbtiles`.
fn baked() -> (Desk, String) {
    let (desk, rgb) = (Desk::new(), fixture("RGB.byte.tif"));
    let baked = [
        "tile",
        "-q",
        "-z",
        "5-10",
        "--mbtiles-type",
        "flat",
        "-o",
        "x.mbtiles",
        &rgb,
    ];
    desk.run(&baked).ok();
    (desk, rgb)
}

/// Some tile of zoom 10 in the middle of the picture.
const AT: &str = "zoom_level = 10 AND tile_column = 290 AND tile_row = 583";

#[test]
fn one_tile_that_was_changed_is_found_and_told() {
    for (fault, kind, plant) in [
        (
            "swapped",
            "source",
            format!(
                "UPDATE tiles SET tile_data = (SELECT tile_data FROM tiles WHERE zoom_level = 10 AND tile_column = 291 \
                 AND tile_row = 583) WHERE {AT}"
            ),
        ),
        (
            "missing",
            "missing",
            format!("DELETE FROM tiles WHERE {AT}"),
        ),
        (
            "too many",
            "surplus",
            "INSERT INTO tiles SELECT 10, 296, 583, tile_data FROM tiles LIMIT 1".to_owned(),
        ),
    ] {
        let (desk, rgb) = baked();
        let rgb = rgb.as_str();
        desk.sql(&plant);
        let told = desk.against(&["x.mbtiles", "--against", rgb, "--sample", "all"]);
        assert_eq!(told["counts"][kind], 1, "{fault}: {told:#}");
        let ignored = desk.count(
            kind,
            &[
                "x.mbtiles",
                "--ignore",
                kind,
                "--against",
                rgb,
                "--sample",
                "all",
            ],
        );
        assert_eq!(ignored, 0, "{fault}");
    }
}

#[test]
fn a_tile_whose_colours_are_a_little_off_is_found_and_a_tolerance_takes_it() {
    let (desk, rgb) = baked();
    let rgb = rgb.as_str();
    let db = Connection::open(desk.path("x.mbtiles")).unwrap();
    let query = format!("SELECT tile_data FROM tiles WHERE {AT}");
    let tile: Vec<u8> = db.query_row(&query, [], |row| row.get(0)).unwrap();
    let mut image = decode(&tile).unwrap();
    let Pixels::U8(values) = &mut image.pixels else {
        panic!("8 bits")
    };
    // One pixel in a hundred, by 2 of 255.
    let n = image.channels.count();
    let red = values.iter_mut().step_by(100 * n);
    red.for_each(|value| *value = value.saturating_add(2));
    let mut changed = Vec::new();
    encoder(Format::Png, &Settings::default())
        .unwrap()
        .encode(&image, &mut changed)
        .unwrap();
    let update = format!("UPDATE tiles SET tile_data = ? WHERE {AT}");
    db.execute(&update, [&changed]).unwrap();
    // Nobody sees that without the source.
    assert_eq!(desk.against(&["x.mbtiles"])["sound"], true);
    let all = ["x.mbtiles", "--sample", "all", "--against", rgb];
    let told = desk.against(&all);
    let finding = &told["findings"][0];
    assert_eq!(told["findings_total"], 1, "{told:#}");
    assert_eq!(
        (&finding["kind"], &finding["place"]),
        (&"source".into(), &"10/290/440".into())
    );
    let found = finding["found"].as_str().unwrap();
    assert!(
        found.starts_with("1.0 % of its pixels differ: max 2 · mean 0.00"),
        "{found}"
    );
    let told = desk.against(&[&all[..], &["--tolerance", "2"]].concat());
    assert_eq!(
        (&told["sound"], &told["against"]["within_tolerance"]),
        (&true.into(), &1.into())
    );
    // Other bytes of the same pixels are no difference.
    let settings = Settings {
        effort: Some(9),
        ..Settings::default()
    };
    let mut smaller = Vec::new();
    let same = decode(&tile).unwrap();
    encoder(Format::Png, &settings)
        .unwrap()
        .encode(&same, &mut smaller)
        .unwrap();
    db.execute(&update, [&smaller]).unwrap();
    let told = desk.against(&all);
    assert_eq!(
        (&told["sound"], &told["against"]["reencoded"]),
        (&true.into(), &1.into())
    );
}

#[test]
fn a_sample_is_of_all_zooms_and_the_same_every_time() {
    let (desk, rgb) = baked();
    let rgb = rgb.as_str();
    let look = |args: &[&str]| desk.against(&[&["x.mbtiles", "--against", rgb], args].concat());
    let told = look(&["--sample", "9"]);
    let against = &told["against"];
    assert_eq!(against["tiles"], 9, "{told:#}");
    assert!(against["of"].as_u64() > Some(60));
    assert_eq!(against, &look(&["--sample", "9", "-j", "1"])["against"]);
    // From a zoom on; then tiles above are not baked.
    let told = look(&["--sample", "all", "--min-zoom", "9"]);
    let (some, all) = (
        told["against"]["of"].as_u64(),
        look(&["--sample", "all"])["against"]["of"].as_u64(),
    );
    assert!(some < all && some > Some(40), "{some:?} {all:?}");
    // A piece without its lowest zoom and its base has the same tiles; the base is told.
    desk.run(&["convert", "-q", "x.mbtiles", "-z", "6-8", "-o", "p.pmtiles"])
        .ok();
    let told = desk.against(&[
        "p.pmtiles",
        "--against",
        rgb,
        "--sample",
        "all",
        "--max-zoom",
        "10",
    ]);
    assert_eq!(
        (&told["sound"], &told["against"]["equal"]),
        (&true.into(), &told["tiles"]),
        "{told:#}"
    );
    // Without that, the base would be another.
    assert!(desk.count("source", &["p.pmtiles", "--against", rgb]) > 0);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let (desk, rgb) = baked();
    let rgb = rgb.as_str();
    let verify = |args: &[&str]| desk.run(&[&["verify", "-q", "x.mbtiles"], args].concat());
    for (args, said) in [
        (&["--resampling", "cubic"][..], "--against"),
        (&["--sample", "5"], "--against"),
        (&["--memory", "1GiB"], "--against"),
        (
            &["--against", rgb, "-o", "y.mbtiles"],
            "cannot be used with",
        ),
        (&["--against", rgb, "--name", "y"], "cannot be used with"),
        (&["--against", rgb, "--sample", "0"], "1 or more, or all"),
        (&["--against", rgb, "--tolerance", "-1"], "0 or more"),
        (
            &["--against", rgb, "-f", "jpeg"],
            "tiles in png; expected jpeg",
        ),
        (
            &["--against", rgb, "--tiling-scheme", "WorldCRS84Quad"],
            "tiles of WebMercatorQuad",
        ),
        (
            &["--against", rgb, "--max-zoom", "9"],
            "tiles of zoom 10; expected none beyond 9",
        ),
    ] {
        verify(args).fails(2, said);
    }
    verify(&["--against", "none.tif"]).fails(3, "none.tif");
    desk.run(&[
        "convert",
        "-q",
        "x.mbtiles",
        "-o",
        "y.pmtiles",
        "--report",
        "y.json",
    ])
    .ok();
    verify(&["--against", rgb, "--report", "y.json"]).fails(3, "a report of 'azulejo tile'");
    // Variables for bakes do not get in the way of a look at the tileset alone.
    let mut command = desk.command(&["verify", "-q", "x.mbtiles"]);
    command
        .env("AZULEJO_RESAMPLING", "nearest")
        .env("AZULEJO_MEMORY", "1GiB")
        .env("AZULEJO_NAME", "x");
    desk::finish(&mut command).ok();
    let mut command = desk.command(&["verify", "-q", "x.mbtiles", "--against", rgb]);
    command.env("AZULEJO_RESAMPLING", "nearest");
    assert_eq!(desk::finish(&mut command).code, 6);
    assert_eq!(desk.names(), ["x.mbtiles", "y.json", "y.pmtiles"]);
}

#[test]
fn people_see_how_many_are_the_same() {
    let (desk, rgb) = baked();
    let rgb = rgb.as_str();
    let run = desk
        .run(&[
            "verify",
            "-q",
            "x.mbtiles",
            "--against",
            rgb,
            "--sample",
            "8",
        ])
        .ok();
    assert!(run.stdout.contains("8 of "), "{}", run.stdout);
    assert!(
        run.stdout.contains("tiles baked once more: "),
        "{}",
        run.stdout
    );
    desk.sql(&format!("DELETE FROM tiles WHERE {AT}"));
    let run = desk.run(&[
        "verify",
        "-q",
        "x.mbtiles",
        "--against",
        rgb,
        "--sample",
        "all",
    ]);
    assert_eq!(run.code, 6);
    assert!(
        run.stdout
            .contains("10/290/440: missing; expected a tile, as the sources have data there"),
        "{}",
        run.stdout
    );
    // A report of other versions is told.
    desk.run(&[
        "tile",
        "-q",
        rgb,
        "-z",
        "9",
        "-o",
        "n.mbtiles",
        "--report",
        "n.json",
    ])
    .ok();
    let report = fs::read_to_string(desk.path("n.json")).unwrap();
    let mut report: Value = serde_json::from_str(&report).unwrap();
    report["versions"]["gdal"] = "1.0.0".into();
    desk.write("n.json", report.to_string());
    let run = desk
        .run(&[
            "verify",
            "-q",
            "n.mbtiles",
            "--report",
            "n.json",
            "--against",
            rgb,
        ])
        .ok();
    assert!(run.stdout.contains("gdal 1.0.0 then"), "{}", run.stdout);
}
