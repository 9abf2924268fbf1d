//! Values and colour, from the command line into tiles: stretches, expressions, colour maps, heights.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod oracle;
mod program;
#[path = "desk/tiles.rs"]
mod tiles;

use std::path::Path;

use azulejo::encode::decode;
use azulejo::geo::scheme::Scheme;
use gdal::Dataset;
use serde_json::Value;

use self::desk::{Desk, fixture};
use self::tiles::{child_at, heights, mapbox, terrarium};

fn ontario() -> String {
    fixture("n43_ontario.tif")
}

fn bahamas() -> String {
    fixture("RGB.byte.tif")
}

/// Numpy's `percentile` of the same files: `np.percentile(band.compressed(), [2, 98])`, masked arrays of rasterio.
#[test]
fn percentiles_are_numpys() {
    let desk = Desk::new();
    for (source, asked, expected) in [
        (ontario(), "auto", vec![[75.0, 349.0]]),
        (ontario(), "p2,p98", vec![[75.0, 349.0]]),
        (fixture("l8_lowres.tif"), "auto", vec![[9158.56, 35877.6]]),
    ] {
        let args = ["--overwrite", "--report", "r.json", "--rescale", asked];
        desk.tile(&source, "t/", &args).ok();
        let report = desk.report("r.json");
        let found = report["values"]["rescale"].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            for (found, expected) in found.as_array().unwrap().iter().zip(expected) {
                let off = (found.as_f64().unwrap() - expected).abs();
                assert!(off < 1e-6, "{found} {expected}");
            }
        }
        // A later run can do the same.
        let told = desk.row("t/", "rescale").unwrap();
        let again = ["--rescale", &told, "--overwrite"];
        desk.tile(&source, "again/", &again).ok();
        let z = report["plan"]["zoom_max"].as_u64().unwrap() as u8;
        assert!(desk.pictures("t/", z) == desk.pictures("again/", z));
    }
}

#[test]
fn a_stretch_is_what_gdal_scale_makes() {
    let desk = Desk::new();
    let (source, scaled) = (fixture("l8_lowres.tif"), desk.path("scaled.tif"));
    let args = ["-ot", "Byte", "-scale", "9000", "36000", "0", "255"];
    oracle::gdal_translate(Path::new(&source), &scaled, &args);
    let near = ["-r", "nearest"];
    desk.tile(scaled.to_str().unwrap(), "gdal/", &near).ok();
    desk.tile(
        &source,
        "ours/",
        &[&near[..], &["--rescale", "9000,36000"]].concat(),
    )
    .ok();
    let (ours, gdal) = (desk.pictures("ours/", 6), desk.pictures("gdal/", 6));
    assert!(!ours.is_empty());
    for (tile, ours) in ours {
        // GDAL keeps 0 for nodata, and makes 1 of it elsewhere.
        let alike = ours.iter().zip(&gdal[&tile]);
        let off = alike.filter(|(a, b)| a[0] != b[0] && a[0] > 0).count();
        assert_eq!(off, 0, "{tile}");
    }
}

#[test]
fn an_expression_of_the_bands_themselves_is_the_picture() {
    let desk = Desk::new();
    desk.tile(&bahamas(), "plain/", &[]).ok();
    let same = ["--expression", "b1; b2; b3", "--rescale", "0,255"];
    desk.tile(&bahamas(), "same/", &same).ok();
    let turned = ["--expression", "b3;b1", "--rescale", "0,255"];
    desk.tile(&bahamas(), "turned/", &turned)
        .fails(2, "2 bands in a tile");
    // Kernels round bytes, where values of floating point are rounded once, in the end.
    let (plain, same) = (desk.pictures("plain/", 10), desk.pictures("same/", 10));
    assert_eq!(plain.len(), same.len());
    for (tile, plain) in plain {
        let off = plain.iter().zip(&same[&tile]);
        let off = off.filter(|(a, b)| (0..3).any(|k| a[k].abs_diff(b[k]) > 1) || a[3] != b[3]);
        assert_eq!(off.count(), 0, "{tile}");
    }
}

#[test]
fn ratios_are_those_of_the_pixels_shown() {
    let desk = Desk::new();
    let plain = ["-r", "nearest", "-z", "10"];
    desk.tile(&bahamas(), "plain/", &plain).ok();
    let ratio = ["--expression", "(b1 - b2) / (b1 + b2)", "--rescale", "-1,1"];
    desk.tile(&bahamas(), "ratio/", &[&plain[..], &ratio].concat())
        .ok();
    let ratios = desk.pictures("ratio/", 10);
    for (tile, plain) in desk.pictures("plain/", 10) {
        for (plain, found) in plain.iter().zip(&ratios[&tile]) {
            let [red, green, ..] = plain.map(f64::from);
            // The file's nodata is 0.
            if plain[3] == 0 || red == 0.0 || green == 0.0 {
                assert_eq!(found[3], 0, "nothing is nothing, nor is what is made of it");
                continue;
            }
            let ratio = (red - green) / (red + green);
            let expected = (ratio + 1.0) / 2.0 * 255.0;
            assert!(
                (f64::from(found[0]) - expected).abs() <= 0.51,
                "{plain:?} {found:?}"
            );
        }
    }
}

#[test]
fn faults_in_expressions_are_pointed_at() {
    let desk = Desk::new();
    let faulty = ["--expression", "b1 + * 2"];
    desk.tile(&bahamas(), "x/", &faulty)
        .fails(2, "\n  b1 + * 2\n       ^");
    desk.tile(&bahamas(), "x/", &["--expression", "b7"])
        .fails(2, "no band 7");
    desk.tile(&bahamas(), "x/", &["--expression", "b1", "-b", "2"])
        .fails(2, "--bands");
    assert!(desk.names().is_empty());
}

#[test]
fn colour_maps_are_over_the_stretch_or_over_values() {
    let desk = Desk::new();
    let named = ["--colormap", "gray", "--rescale", "75,349"];
    desk.tile(&ontario(), "named/", &named).ok();
    desk.tile(&ontario(), "gray/", &["--rescale", "75,349"])
        .ok();
    // Matplotlib's grays are cut off to bytes, not rounded.
    let gray = desk.pictures("gray/", 7);
    for (tile, named) in desk.pictures("named/", 7) {
        let near = |(a, b): (&[u8; 4], &[u8; 4])| (0..4).all(|k| a[k].abs_diff(b[k]) <= 1);
        assert!(named.iter().zip(&gray[&tile]).all(near), "{tile}");
    }
    // Of values: above 200 m red, and nothing else.
    let own = [
        "--colormap",
        "[[[200, 9000], \"#ff0000\"]]",
        "-r",
        "nearest",
    ];
    desk.tile(&ontario(), "own/", &own).ok();
    let pixels: Vec<[u8; 4]> = desk.pictures("own/", 7).into_values().flatten().collect();
    assert!(pixels.contains(&[255, 0, 0, 255]));
    assert!(pixels.iter().all(|p| *p == [255, 0, 0, 255] || p[3] == 0));
    desk.tile(&ontario(), "x/", &["--colormap", "virids"])
        .fails(2, "viridis");
    desk.write("broken.cpt", "0 red 1\n");
    desk.tile(&ontario(), "x/", &["--colormap", "broken.cpt"])
        .fails(3, "broken.cpt: no colour map: line 1");
}

#[test]
fn legends_are_written_beside_the_tiles() {
    let desk = Desk::new();
    for ending in ["png", "svg", "json"] {
        let legend = format!("legend.{ending}");
        let args = [
            "--colormap",
            "viridis",
            "--legend",
            &legend,
            "--legend-title",
            "Height, m",
        ];
        desk.tile(&ontario(), &format!("{ending}/"), &args).ok();
        // As outputs do, it stays where nobody says otherwise.
        let before = std::fs::read(desk.path(&legend)).unwrap();
        desk.tile(&ontario(), "x/", &args).fails(4, &legend);
        desk.tile(&ontario(), "x/", &[&args[..], &["--overwrite"]].concat())
            .ok();
        assert_eq!(std::fs::read(desk.path(&legend)).unwrap(), before);
        std::fs::remove_dir_all(desk.path("x")).unwrap();
        let bytes = std::fs::read(desk.path(&legend)).unwrap();
        match ending {
            "png" => assert!(decode(&bytes).unwrap().width > 256),
            "svg" => assert!(String::from_utf8(bytes).unwrap().contains("Height, m")),
            _ => {
                let legend: Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(legend["range"], serde_json::json!([75, 349]));
                // Those of the tiles: viridis from end to end.
                let stops = legend["stops"].as_array().unwrap();
                let ends = [&stops[0], &stops[stops.len() - 1]].map(|stop| &stop["color"]);
                assert_eq!(ends, ["#440154", "#fde724"]);
            }
        }
    }
    let wrong = ["--colormap", "viridis", "--legend", "legend.pdf"];
    desk.tile(&ontario(), "x/", &wrong)
        .fails(2, ".png, .svg or .json");
    desk.tile(&ontario(), "x/", &["--legend", "l.png"])
        .fails(2, "--colormap");
    desk.write("map.json", "{\"100\": \"#ff0000\"}");
    let both = [
        "--colormap",
        "map.json",
        "--legend",
        "map.json",
        "--overwrite",
    ];
    desk.tile(&ontario(), "x/", &both)
        .fails(2, "the colour map map.json");
}

#[test]
fn heights_are_gdals_and_overviews_are_means_of_heights() {
    let desk = Desk::new();
    for (format, interval, encoding) in [
        ("terrarium", 1.0 / 256.0, "terrarium"),
        ("terrain-rgb", 0.1, "mapbox"),
    ] {
        let height = |rgb| {
            if format == "terrarium" {
                terrarium(rgb)
            } else {
                mapbox(rgb)
            }
        };
        let to = format!("{format}/");
        desk.tile(&ontario(), &to, &["-f", format, "-z", "6-8"])
            .ok();
        assert_eq!(desk.row(&to, "encoding").as_deref(), Some(encoding));
        let at = |z: u8| heights(&desk.pictures(&to, z), height);
        let (base, over) = (at(8), at(7));
        // The base beside gdalwarp.
        let scheme = Scheme::named("WebMercatorQuad").unwrap();
        let source = Dataset::open(ontario()).unwrap();
        let (mut n, mut off) = (0, 0);
        for (tile, heights) in &base {
            let b = scheme.bounds(*tile);
            let place = [b.west, b.south, b.east, b.north];
            let warped = oracle::warped_onto(&source, place, (256, 256), "bilinear");
            for (ours, gdal) in heights.iter().zip(warped) {
                match ours {
                    // Fractions of whole metres stay.
                    Some(ours) if gdal > -9999.0 => {
                        n += 1;
                        off += usize::from((ours - f64::from(gdal)).abs() > interval + 0.02);
                    }
                    _ => {}
                }
            }
        }
        assert!(n > 40_000 && off * 1000 < n, "{off} of {n}");
        // Four below and one above.
        let mut n = 0;
        for (tile, heights) in &over {
            for (k, found) in heights.iter().enumerate() {
                let (col, row) = (2 * (k % 256), 2 * (k / 256));
                let child = child_at(*tile, (col / 256, row / 256));
                let Some(child) = base.get(&child) else {
                    continue;
                };
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)];
                let four = four.map(|(c, r)| child[(row % 256 + r) * 256 + col % 256 + c]);
                if let ([Some(a), Some(b), Some(c), Some(d)], Some(found)) = (four, found) {
                    let mean = (a + b + c + d) / 4.0;
                    assert!(
                        (found - mean).abs() <= interval,
                        "{tile} {k}: {found} {mean}"
                    );
                    n += 1;
                }
            }
        }
        assert!(n > 10_000, "{n}");
    }
}

#[test]
fn heights_of_nothing_are_transparent_or_what_was_asked_for() {
    let desk = Desk::new();
    let plain = ["-f", "terrarium", "-z", "7"];
    desk.tile(&ontario(), "holes/", &plain).ok();
    desk.tile(
        &ontario(),
        "sea/",
        &[&plain[..], &["--nodata-height", "-5"]].concat(),
    )
    .ok();
    let (holes, sea) = (desk.pictures("holes/", 7), desk.pictures("sea/", 7));
    let mut n = 0;
    for (tile, holes) in holes {
        for (hole, sea) in holes.iter().zip(&sea[&tile]) {
            assert!(hole[3] == 0 || hole == sea);
            assert_eq!(sea[3], 255);
            if hole[3] == 0 {
                assert_eq!(terrarium([sea[0], sea[1], sea[2]].map(f64::from)), -5.0);
                n += 1;
            }
        }
    }
    assert!(n > 0);
    for (args, said) in [
        (&["-f", "terrarium", "--rescale", "0,1"][..], "--rescale"),
        (&["-f", "png", "--round", "3"], "--round"),
        (
            &["-f", "terrarium", "--height-interval", "1"],
            "--height-interval",
        ),
        (
            &["-f", "terrain-rgb", "--height-interval", "1e-8"],
            "24 bits",
        ),
        (&["-f", "terrarium", "--nodata-height", "nan"], "finite"),
        (
            &["-f", "terrain-rgb", "--nodata-height", "-20000"],
            "-10000",
        ),
        (&["--hillshade", "--rescale", "0,100"], "--colormap"),
        (&["--light", "igor"], "--hillshade"),
        (&["--slope", "--light", "igor"], "--light"),
        (&["--expression", "b1", "--light", "plain"], "--light"),
        (&["--slope", "--hillshade"], "--hillshade"),
    ] {
        desk.tile(&ontario(), "x/", args).fails(2, said);
    }
}

#[test]
fn heights_that_cannot_be_told_are_said() {
    let desk = Desk::new();
    let high = ["-f", "terrain-rgb", "--height-base", "300", "-z", "6"];
    let run = desk.tile(&ontario(), "high/", &high).ok();
    assert!(run.stderr.contains("beyond the 300 to"), "{}", run.stderr);
    let run = desk.tile(&ontario(), "all/", &["-f", "terrain-rgb", "-z", "6"]);
    assert!(!run.ok().stderr.contains("beyond"));
}

#[test]
fn colours_under_shade_are_over_the_heights_asked_for() {
    let desk = Desk::new();
    let shaded = [
        "--hillshade",
        "--colormap",
        "gray",
        "-z",
        "6",
        "--legend",
        "l.json",
    ];
    desk.tile(
        &ontario(),
        "a/",
        &[&shaded[..], &["--rescale", "100,200"]].concat(),
    )
    .ok();
    let legend: Value = desk.report("l.json");
    assert_eq!(legend["range"], serde_json::json!([100, 200]));
    desk.tile(&ontario(), "b/", &[&shaded[..], &["--overwrite"]].concat())
        .ok();
    assert_ne!(desk.pictures("a/", 6), desk.pictures("b/", 6));
}

/// As rio-tiler has it: nothing can be computed of what is not there.
#[test]
fn expressions_have_no_pixel_that_one_of_their_bands_lacks() {
    let desk = Desk::new();
    let path = desk.path("two.tif");
    let args = ["-b", "1", "-b", "2", "-a_nodata", "50"];
    oracle::gdal_translate(Path::new(&bahamas()), &path, &args);
    let two = path.to_str().unwrap();
    let base = ["-f", "tif", "-r", "nearest", "-z", "8"];
    desk.tile(two, "e/", &[&base[..], &["--expression", "b1;b2"]].concat())
        .ok();
    desk.tile(two, "v/", &base).ok();
    let count = |folder: &str| {
        let (mut there, mut fifty) = (0, 0);
        for (y, x) in [
            (110, 72),
            (110, 73),
            (109, 72),
            (109, 73),
            (108, 72),
            (108, 73),
        ] {
            let path = desk.path(&format!("{folder}/8/{x}/{y}.tif"));
            let Ok(tile) = Dataset::open(path) else {
                continue;
            };
            let read = |k: usize| {
                let band = tile.rasterband(k).unwrap();
                let values = band.read_as::<f64>((0, 0), (256, 256), (256, 256), None);
                values.unwrap().data().to_vec()
            };
            for (a, b) in read(1).into_iter().zip(read(2)) {
                there += usize::from(!a.is_nan() && (a, b) != (50.0, 50.0));
                fifty += usize::from((a == 50.0) != (b == 50.0));
            }
        }
        (there, fifty)
    };
    let ((computed, with_fifty), (kept, kept_fifty)) = (count("e"), count("v"));
    assert!(kept_fifty > 100, "{kept_fifty} of {kept}");
    assert_eq!((computed, with_fifty), (kept - kept_fifty, 0));
}

/// Tiles of 256 pixels, four together, and the one of 512 that covers the same ground.
fn check_seamless(desk: &Desk, args: &[&str]) {
    let (small, large) = (["-z", "8"], ["-z", "7", "--tile-size", "512"]);
    desk.tile(
        &ontario(),
        "small/",
        &[args, &small, &["--overwrite"]].concat(),
    )
    .ok();
    desk.tile(
        &ontario(),
        "large/",
        &[args, &large, &["--overwrite"]].concat(),
    )
    .ok();
    let small = desk.pictures("small/", 8);
    let mut n = 0;
    for (tile, large) in &desk.pictures("large/", 7) {
        for (k, found) in large.iter().enumerate() {
            let (col, row) = (k % 512, k / 512);
            let child = child_at(*tile, (col / 256, row / 256));
            let expected = small
                .get(&child)
                .map(|child| child[row % 256 * 256 + col % 256]);
            let expected = expected.unwrap_or([0; 4]);
            // A ruler that is laid on at other rows is another by a hair.
            let near = (0..3).all(|b| found[b].abs_diff(expected[b]) <= 1);
            assert!(
                near && found[3] == expected[3],
                "{tile} {k}: {found:?} {expected:?}"
            );
            n += usize::from(found[3] > 0);
        }
    }
    assert!(n > 40_000, "{n}");
}

#[test]
fn relief_has_no_seams_between_tiles() {
    let desk = Desk::new();
    check_seamless(&desk, &["--hillshade"]);
    check_seamless(&desk, &["--hillshade=0,60,3", "--light", "combined"]);
    check_seamless(&desk, &["--slope", "--rescale", "0,10"]);
    check_seamless(&desk, &["--hillshade", "--colormap", "terrain"]);
}

/// What lies across the antimeridian is shaded as what lies across Greenwich: half round the Earth are whole tiles.
#[test]
fn relief_has_no_line_at_the_antimeridian() {
    let desk = Desk::new();
    for (name, west, east) in [("there", "179", "181"), ("here", "-1", "1")] {
        let path = desk.path(&format!("{name}.tif"));
        let corners = ["-a_srs", "EPSG:4326", "-a_ullr", west, "45", east, "43"];
        oracle::gdal_translate(Path::new(&ontario()), &path, &corners);
        let source = path.to_str().unwrap();
        desk.tile(
            source,
            &format!("{name}/"),
            &["--hillshade=315,45,9", "-z", "8"],
        )
        .ok();
    }
    let (here, there) = (desk.pictures("here/", 8), desk.pictures("there/", 8));
    assert_eq!(here.len(), there.len());
    let mut n = 0;
    for (tile, found) in there {
        let x = (tile.x() + 128) % 256;
        let (_, expected) = here
            .iter()
            .find(|(other, _)| (other.x(), other.y()) == (x, tile.y()))
            .unwrap();
        for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
            // Places to the last bits of other longitudes.
            let near = (0..4).all(|b| found[b].abs_diff(expected[b]) <= 1);
            assert!(near, "{tile} {k}: {found:?} {expected:?}");
            n += usize::from(found[3] > 0);
        }
    }
    assert!(n > 40_000, "{n}");
}

#[test]
fn options_are_told_in_the_report() {
    let desk = Desk::new();
    let args = [
        "--hillshade=300,40",
        "--light",
        "igor",
        "--colormap",
        "terrain_r",
        "--color-formula",
        "saturation 1.2",
        "--report",
        "r.json",
    ];
    desk.tile(&ontario(), "t/", &args).ok();
    let options = &desk.report("r.json")["options"];
    for (option, value) in [
        ("hillshade", "300,40,1"),
        ("light", "igor"),
        ("colormap", "terrain_r"),
        ("color-formula", "saturation 1.2"),
        ("resampling", "bilinear"),
    ] {
        assert_eq!(options[option], value);
    }
    assert!(options["slope"].is_null());
}

#[test]
fn formulas_change_colours_alone() {
    let desk = Desk::new();
    desk.tile(&bahamas(), "plain/", &["-z", "8"]).ok();
    let formula = ["-z", "8", "--color-formula", "gamma rgb 2, saturation 0"];
    desk.tile(&bahamas(), "gray/", &formula).ok();
    let gray = desk.pictures("gray/", 8);
    let mut differ = false;
    for (tile, plain) in desk.pictures("plain/", 8) {
        for (plain, gray) in plain.iter().zip(&gray[&tile]) {
            assert_eq!(plain[3], gray[3]);
            assert!(gray[0].abs_diff(gray[2]) <= 2, "{gray:?}");
            differ |= plain != gray;
        }
    }
    assert!(differ);
    desk.tile(&ontario(), "x/", &["--color-formula", "gamma r 2"])
        .fails(2, "one band");
}

#[test]
fn percentages_of_a_colour_file_are_of_all_values() {
    let desk = Desk::new();
    desk.write("ramp.txt", "0% 0 0 0\n100% 255 255 255\n");
    let run = desk.tile(
        &ontario(),
        "t/",
        &["--colormap", "ramp.txt", "-r", "nearest"],
    );
    // The lowest and the highest height of the file.
    run.ok().says("colours are over values from 75 to 460");
    let found: Vec<u8> = desk
        .pictures("t/", 7)
        .into_values()
        .flatten()
        .filter(|p| p[3] > 0)
        .map(|p| p[0])
        .collect();
    assert_eq!(
        (found.iter().min(), found.iter().max()),
        (Some(&0), Some(&255))
    );
}
