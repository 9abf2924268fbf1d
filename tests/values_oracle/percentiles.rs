//! Percentiles beside numpy's, and what stretches make of them.

use azulejo::raster::image::{Image, Pixels};
use serde_json::Value;

use super::desk::Desk;
use super::{data, lines};

/// What `percentiles.py` found.
const PERCENTILES: &str = include_str!("percentiles.txt");

#[test]
fn percentiles_of_satellite_scenes_are_those_of_numpy() {
    let (mut percents, mut worst) = (Vec::new(), 0.0_f64);
    for line in lines(PERCENTILES) {
        if let Some(list) = line.strip_prefix("= ") {
            percents = list.split(' ').collect();
            continue;
        }
        let fields: Vec<&str> = line.split(' ').collect();
        let [name, bands, n_pixels, found @ ..] = &fields[..] else {
            panic!("{line}")
        };
        let Some(source) = data(name) else { continue };
        for asked in [["2", "98"], ["25", "99.9"], ["0", "100"]] {
            let report = stretched(&source, bands, asked);
            assert_eq!(
                report["percentiles_pixels"].to_string(),
                **n_pixels,
                "{name}"
            );
            assert_eq!(report["percentiles_of"], "all pixels", "{name}");
            let ours: Vec<[f64; 2]> = serde_json::from_value(report["rescale"].clone()).unwrap();
            assert_eq!(ours.len(), found.len(), "{name}");
            for (ours, theirs) in ours.iter().zip(found) {
                let theirs: Vec<f64> = theirs.split(',').map(|p| p.parse().unwrap()).collect();
                for (ours, percent) in ours.iter().zip(asked) {
                    let k = percents.iter().position(|p| *p == percent).unwrap();
                    let range = theirs[theirs.len() - 1] - theirs[0];
                    worst = worst.max((ours - theirs[k]).abs() / range);
                }
            }
        }
    }
    println!("worst percentile: {worst:e} of the range of values");
    // A bin of 65,536 would be 1.5e-5; each value has its own.
    assert!(worst < 1e-12, "{worst:e}");
}

/// What the report of a stretch between two percentiles says.
fn stretched(source: &str, bands: &str, asked: [&str; 2]) -> Value {
    let desk = Desk::new();
    let [low, high] = asked;
    let range = format!("p{low},p{high}");
    let args = [
        "-z",
        "8",
        "--report",
        "r.json",
        "--rescale",
        &range,
        if bands.contains('b') {
            "--expression"
        } else {
            "-b"
        },
        bands,
    ];
    desk.tile(source, "t/", &args).ok();
    desk.report("r.json")["values"].clone()
}

/// The samples of a picture of one band, and whether they are there.
fn samples(image: &Image) -> Vec<(f64, bool)> {
    let values: Vec<f64> = match &image.pixels {
        Pixels::U8(values) => values.iter().map(|&v| v.into()).collect(),
        Pixels::U16(values) => values.iter().map(|&v| v.into()).collect(),
    };
    match image.channels.count() {
        1 => values.into_iter().map(|v| (v, true)).collect(),
        2 => values.chunks_exact(2).map(|p| (p[0], p[1] > 0.0)).collect(),
        n => panic!("{n} channels"),
    }
}

#[test]
fn one_stretch_is_for_all_tiles_of_all_zooms() {
    for (name, zooms) in [
        ("multispectral/l8_lowres.tif", "4-8"),
        ("multispectral/l8_red.tif", "5-8"),
        ("multispectral/l8_web_aligned.tif", "6-8"),
        ("multispectral/s2_B09_600m.tif", "6-9"),
    ] {
        let Some(source) = data(name) else { continue };
        let desk = Desk::new();
        let args = ["-z", zooms, "--report", "r.json", "--rescale"];
        desk.tile(&source, "kept/", &[&args[..], &["none"]].concat())
            .ok();
        desk.tile(&source, "stretched/", &[&args[..], &["auto"]].concat())
            .ok();
        let ends = &desk.report("r.json")["values"]["rescale"][0];
        let [low, high] = [0, 1].map(|k| ends[k].as_f64().unwrap());
        let (mut n, mut n_tiles, mut worst) = (0, 0, 0.0_f64);
        let (first, last) = zooms.split_once('-').unwrap();
        for z in first.parse().unwrap()..=last.parse().unwrap() {
            let kept = desk.images("kept/", z);
            let stretched = desk.pictures("stretched/", z);
            assert!(kept.keys().eq(stretched.keys()), "{name} {z}");
            n_tiles += kept.len();
            for (tile, kept) in &kept {
                for ((value, there), byte) in samples(kept).into_iter().zip(&stretched[tile]) {
                    assert_eq!(there, byte[3] > 0, "{name} {tile}");
                    if there {
                        let exact = ((value - low) / (high - low)).clamp(0.0, 1.0) * 255.0;
                        worst = worst.max((f64::from(byte[0]) - exact).abs());
                        n += 1;
                    }
                }
            }
        }
        println!("{name}: {n} pixels in {n_tiles} tiles, {low} to {high}, worst {worst:.3} of 255");
        // Samples are rounded to whole numbers where they are kept, and once, in the end, where they are stretched.
        let rounded = 0.5 * 255.0 / (high - low);
        assert!(
            n_tiles > 5 && n > 50_000 && worst <= 0.5 + rounded + 1e-6,
            "{name}: {worst}"
        );
    }
}
