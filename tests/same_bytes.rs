//! The same job gives the same bytes: whoever else is written beside it, on however many threads, with however much memory,
//! at any time.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use std::collections::BTreeMap;
use std::path::PathBuf;

use self::desk::{Desk, fixture};

const OUTPUTS: [&str; 3] = ["x.mbtiles", "x.pmtiles", "x"];

/// Threads, a ceiling of memory, and whether time is told.
const SETTINGS: [(&str, &str, Option<&str>); 6] = [
    ("1", "128MiB", None),
    ("1", "2GiB", Some("0")),
    ("2", "128MiB", Some("1700000000")),
    ("2", "2GiB", None),
    ("8", "200MiB", None),
    ("8", "2GiB", Some("1")),
];

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What `azulejo tile` makes of `job` under every setting, and of each output alone: all of it is equal.
fn check(job: &[&str]) {
    let bake = |setting: usize, outputs: &[&str]| -> Vec<Files> {
        let (jobs, memory, epoch) = SETTINGS[setting];
        let desk = Desk::new();
        let run = ["-q", "-j", jobs, "--memory", memory];
        let named = outputs.iter().flat_map(|output| ["-o", output]);
        let args: Vec<&str> = [&["tile"], job, &run]
            .concat()
            .into_iter()
            .chain(named)
            .collect();
        let mut command = desk.command(&args);
        if let Some(epoch) = epoch {
            command.env("SOURCE_DATE_EPOCH", epoch);
        }
        desk::finish(&mut command).ok();
        outputs.iter().map(|output| desk.bytes(output)).collect()
    };
    let expected = bake(0, &OUTPUTS);
    for (setting, how) in SETTINGS.iter().enumerate().skip(1) {
        let found = bake(setting, &OUTPUTS);
        for (k, output) in OUTPUTS.iter().enumerate() {
            assert!(found[k] == expected[k], "{output} by {how:?}");
        }
    }
    for (k, output) in OUTPUTS.iter().enumerate() {
        for setting in [k, 5 - k] {
            let alone = bake(setting, &[*output]);
            assert!(
                alone[0] == expected[k],
                "{output} alone by {:?}",
                SETTINGS[setting]
            );
        }
    }
}

#[test]
fn of_an_orthophoto() {
    check(&[&fixture("RGB.byte.tif"), "-z", "3-10"]);
}

#[test]
fn of_the_world_in_lossy_tiles_of_another_size() {
    let world = fixture("small_world.tif");
    check(&[&world, "-z", "0-3", "-f", "webp", "--tile-size", "512"]);
}

#[test]
fn of_tiles_that_are_mostly_equal() {
    let world = fixture("small_world.tif");
    check(&[
        &world,
        "-z",
        "0-5",
        "--bbox",
        "-170,-60,-120,-20",
        "-f",
        "jpeg",
        "--keep-blank",
    ]);
}

/// A part of RGB.byte.tif as a file of its own, said to lie at `place` (west, north, pixel) in `crs`.
fn cut(
    desk: &Desk,
    name: &str,
    (col, row, width, height): (u32, u32, u32, u32),
    crs: &str,
    place: [f64; 3],
) {
    let [west, north, pixel] = place;
    let band = |band: u32| {
        let rect = format!("xSize=\"{width}\" ySize=\"{height}\"");
        format!(
            "<VRTRasterBand dataType=\"Byte\" band=\"{band}\"><NoDataValue>0</NoDataValue><SimpleSource>\
             <SourceFilename>{}</SourceFilename><SourceBand>{band}</SourceBand>\
             <SrcRect xOff=\"{col}\" yOff=\"{row}\" {rect}/><DstRect xOff=\"0\" yOff=\"0\" {rect}/>\
             </SimpleSource></VRTRasterBand>",
            fixture("RGB.byte.tif")
        )
    };
    let bands: String = (1..=3).map(band).collect();
    let text = format!(
        "<VRTDataset rasterXSize=\"{width}\" rasterYSize=\"{height}\"><SRS>{crs}</SRS>\
         <GeoTransform>{west}, {pixel}, 0, {north}, 0, -{pixel}</GeoTransform>{bands}</VRTDataset>"
    );
    desk.write(name, text);
}

/// Files of one grid make one layer, whichever thread opens them, and whatever else it has opened before.
#[test]
fn files_of_one_grid_after_one_of_another_system() {
    let desk = Desk::new();
    cut(
        &desk,
        "m.vrt",
        (500, 240, 263, 240),
        "EPSG:3857",
        [-8_612_990.5, 2_863_567.2, 330.5],
    );
    let utm = |name: &str, col: u32| {
        let west = 101_985.0 + 300.0 * f64::from(col);
        cut(
            &desk,
            name,
            (col, 210, 280, 249),
            "EPSG:32618",
            [west, 2_763_906.0, 300.0],
        );
    };
    utm("a.vrt", 234);
    utm("b.vrt", 498);
    let paths = ["m.vrt", "a.vrt", "b.vrt"].map(|name| desk.path(name).display().to_string());
    let [m, a, b] = paths.each_ref().map(String::as_str);
    check(&[m, a, b, "-z", "9", "-r", "lanczos", "--name", "x"]);
}
