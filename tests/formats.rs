//! Formats of tiles, from the command line into containers and out again, with GDAL as a reader that nobody here wrote.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test that cannot go on panics; one that is skipped says so.

mod desk;
mod program;
mod skip;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use azulejo::archive::open_store;
use azulejo::encode::Format;
use azulejo::geo::tile::TileCoord;
use serde_json::Value;

use self::desk::{Desk, Run, fixture};

impl Desk {
    /// Tiles of the Bahamas, part of which are at the edge of the picture and part within.
    fn tile(&self, args: &[&str]) -> Run {
        let source = fixture("RGB.byte.tif");
        // Black is a colour here, or nearly all tiles would have holes.
        let how = ["tile", &source, "--nodata", "none", "-z", "5-10"];
        self.run(&[&how[..], args].concat())
    }

    fn tiles(&self, name: &str) -> BTreeMap<TileCoord, Vec<u8>> {
        let mut store = open_store(&self.path(name)).unwrap();
        let tiles = store.tiles().unwrap();
        let read = |tile| (tile, store.read(tile).unwrap().unwrap());
        tiles.into_iter().map(read).collect()
    }

    fn row(&self, name: &str, key: &str) -> Option<String> {
        let store = open_store(&self.path(name)).unwrap();
        store.metadata().rows.get(key).cloned()
    }

    fn report(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }
}

/// A tile's pixels in red, green, blue and alpha.
fn pixels(tile: &[u8]) -> Vec<[u8; 4]> {
    let decoded = image::load_from_memory(tile).unwrap().to_rgba8();
    decoded.pixels().map(|p| p.0).collect()
}

fn is_opaque(tile: &[u8]) -> bool {
    pixels(tile).iter().all(|p| p[3] == 255)
}

const OUTPUTS: [&str; 6] = ["-o", "a.mbtiles", "-o", "a.pmtiles", "-o", "a"];

#[test]
fn mixed_tiles_are_jpeg_within_and_png_at_edges() {
    let desk = Desk::new();
    desk.tile(&[&["-f", "mixed"], &OUTPUTS[..]].concat()).ok();
    desk.tile(&["-o", "exact.mbtiles"]).ok();
    let exact = desk.tiles("exact.mbtiles");
    for name in ["a.mbtiles", "a.pmtiles", "a"] {
        let tiles = desk.tiles(name);
        assert_eq!(tiles.len(), exact.len());
        let mut n_of = BTreeMap::new();
        for (at, tile) in &tiles {
            let format = Format::sniff(tile).unwrap();
            *n_of.entry(format.name()).or_insert(0) += 1;
            match is_opaque(&exact[at]) {
                true => assert_eq!(format, Format::Jpeg, "{at}"),
                false => assert!(tile == &exact[at], "{at}: not the PNG of before"),
            }
        }
        assert!(n_of["jpeg"] > 3 && n_of["png"] > 3, "{n_of:?}");
        let rows = ["format", "tile_formats"].map(|key| desk.row(name, key).unwrap());
        assert_eq!(rows, ["png", "jpg,png"], "{name}");
        let store = open_store(&desk.path(name)).unwrap();
        assert_eq!(store.metadata().format, Some(Format::Mixed), "{name}");
        let told = desk.run(&["info", "--json", name]).ok().stdout;
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["paths"][0]["format"], "mixed", "{name}");
    }
    assert!(desk.bytes("a").keys().all(|path| {
        let end = path.extension().unwrap();
        end == "png" || end == "json"
    }));
    // The type of PNG in the header.
    let archive = &desk.bytes("a.pmtiles")[Path::new("")];
    assert_eq!(archive[99], 2);
}

#[test]
fn mixed_tilesets_have_the_same_bytes_however_they_came_into_their_container() {
    let desk = Desk::new();
    desk.tile(&[&["-f", "mixed"], &OUTPUTS[..]].concat()).ok();
    let convert = |from: &str, to: &str| {
        let run = desk.run(&["convert", from, "-o", to]).ok();
        assert!(!run.stderr.contains("kept as they are"), "{}", run.stderr);
    };
    convert("a", "b.mbtiles");
    convert("b.mbtiles", "b.pmtiles");
    convert("b.pmtiles", "b");
    desk.same("a.mbtiles", "b.mbtiles");
    desk.same("a.pmtiles", "b.pmtiles");
    desk.same("a", "b");
    // A piece that has nothing but edges stays what it was said to be.
    desk.run(&["convert", "a", "-z", "5", "-o", "piece.mbtiles"])
        .ok();
    let formats = ["format", "tile_formats"].map(|key| desk.row("piece.mbtiles", key).unwrap());
    assert_eq!(formats, ["png", "jpg,png"]);
}

/// The bands of a raster, each whole, as GDAL's own program reads them; `None` if it is not there. Not by the library: a
/// process that has used PROJ must not fork, as the program is started here.
fn bands(path: &Path) -> Option<Vec<Vec<u8>>> {
    let out = path.with_extension("raw");
    let mut translate = Command::new("gdal_translate");
    translate
        .args(["-q", "-of", "ENVI", "-co", "INTERLEAVE=BSQ"])
        .arg(path)
        .arg(&out);
    let Ok(status) = translate.status() else {
        skip::skipped("gdal_translate is not there");
        return None;
    };
    assert!(status.success());
    let header = std::fs::read_to_string(path.with_extension("hdr")).unwrap();
    let number = |key: &str| -> usize {
        let line = header.lines().find_map(|line| line.strip_prefix(key));
        let value = line.unwrap().trim_start_matches([' ', '=']);
        value.trim().parse().unwrap()
    };
    assert!(header.contains("interleave = bsq"));
    let band_bytes = number("samples") * number("lines");
    let data = std::fs::read(&out).unwrap();
    let bands: Vec<_> = data.chunks(band_bytes).map(<[u8]>::to_vec).collect();
    assert_eq!(bands.len(), number("bands"));
    Some(bands)
}

#[test]
fn gdal_sees_the_edges_of_mixed_tiles() {
    let desk = Desk::new();
    desk.tile(&["-f", "mixed", "-o", "mixed.mbtiles"]).ok();
    desk.tile(&["-o", "exact.mbtiles"]).ok();
    let of = |name| bands(&desk.path(name));
    let (Some(mixed), Some(exact)) = (of("mixed.mbtiles"), of("exact.mbtiles")) else {
        return;
    };
    assert_eq!((mixed.len(), exact.len()), (4, 4));
    assert!(mixed[3] == exact[3], "another alpha");
    for value in [0, 255] {
        assert!(mixed[3].contains(&value));
    }
    for (mixed, exact) in mixed.iter().zip(&exact) {
        let errors = mixed
            .iter()
            .zip(exact)
            .map(|(&a, &b)| f64::from(a.abs_diff(b)));
        let mean = errors.sum::<f64>() / mixed.len() as f64;
        assert!(mean < 4.0, "{mean} on average");
    }
}

#[test]
fn lossy_webp_is_exact_wherever_something_is_transparent() {
    let desk = Desk::new();
    desk.tile(&["-f", "webp", "-o", "a.mbtiles"]).ok();
    desk.tile(&["-o", "exact.mbtiles"]).ok();
    let exact = desk.tiles("exact.mbtiles");
    let mut n_of = BTreeMap::new();
    for (at, tile) in desk.tiles("a.mbtiles") {
        let kind = std::str::from_utf8(&tile[12..16]).unwrap().to_owned();
        match is_opaque(&exact[&at]) {
            true => assert_eq!(kind, "VP8 ", "{at}"),
            false => assert!(pixels(&tile) == pixels(&exact[&at]), "{at}: other pixels"),
        }
        *n_of.entry(kind).or_insert(0) += 1;
    }
    assert!(n_of.len() == 2 && n_of.values().all(|&n| n > 3), "{n_of:?}");
}

#[test]
fn lossy_edges_are_smaller_and_their_alpha_is_exact() {
    let desk = Desk::new();
    desk.tile(&["-o", "exact.mbtiles"]).ok();
    let exact = desk.tiles("exact.mbtiles");
    for format in ["webp", "mixed"] {
        let bake = |output: &str, more: &[&str]| {
            desk.tile(&[&["-f", format, "-o", output], more].concat())
                .ok();
            desk.tiles(output)
        };
        let usual = bake(&format!("{format}.mbtiles"), &[]);
        let lossy = bake(&format!("{format}-lossy.mbtiles"), &["--lossy-edges"]);
        let (mut n, mut before, mut after) = (0, 0, 0);
        for (at, tile) in &lossy {
            if is_opaque(&exact[at]) {
                assert!(tile == &usual[at], "{format} {at}");
                continue;
            }
            let alpha = |tile: &[u8]| pixels(tile).iter().map(|p| p[3]).collect::<Vec<_>>();
            let same = alpha(tile) == alpha(&exact[at]);
            assert!(same || format == "mixed", "{format} {at}");
            (n, before, after) = (n + 1, before + usual[at].len(), after + tile.len());
        }
        assert!(
            n > 3 && after * 10 < before * 7,
            "{format}: {after} of {before}"
        );
    }
}

#[test]
fn palettes_are_png_to_all_the_world_and_the_same_for_any_number_of_threads() {
    let desk = Desk::new();
    let palette = ["-f", "palette", "--report", "report.json"];
    desk.tile(&[&palette, &OUTPUTS[..]].concat()).ok();
    desk.tile(&["-f", "palette", "-j", "1", "-o", "one.mbtiles"])
        .ok();
    desk.same("a.mbtiles", "one.mbtiles");
    assert_eq!(desk.row("a.mbtiles", "format").as_deref(), Some("png"));
    assert_eq!(desk.row("a.mbtiles", "tile_formats"), None);
    let options = &desk.report("report.json")["options"];
    assert_eq!(
        (&options["format"], &options["quality"]),
        (&"palette".into(), &100.into())
    );
    desk.run(&["convert", "a", "-o", "b.mbtiles"]).ok();
    desk.same("a.mbtiles", "b.mbtiles");
    desk.tile(&["-o", "exact.mbtiles"]).ok();
    let exact = desk.tiles("exact.mbtiles");
    for (at, tile) in desk.tiles("a.mbtiles") {
        // Colour type 3, of at most 8 bits (PNG 3rd edition, section 11.2.1).
        assert!(tile[25] == 3 && tile[24] <= 8, "{at}");
        for (now, before) in pixels(&tile).iter().zip(pixels(&exact[&at])) {
            let kinds = [now[3], before[3]].map(|a| u8::from(a > 0) + u8::from(a == 255));
            assert_eq!(kinds[0], kinds[1], "{at}");
        }
    }
}

/// Whether Pillow is here and reads AVIF.
#[cfg(feature = "avif")]
fn pillow(script: &str, folder: &Path) -> Option<String> {
    let can = "from PIL import features; import sys; sys.exit(not features.check('avif'))";
    let python = |script: &str| {
        Command::new("python3")
            .args(["-c", script])
            .current_dir(folder)
            .output()
    };
    if !python(can).is_ok_and(|done| done.status.success()) {
        skip::skipped("no Pillow that reads AVIF is there");
        return None;
    }
    let done = python(script).unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    Some(String::from_utf8(done.stdout).unwrap())
}

#[cfg(feature = "avif")]
#[test]
fn avif_is_read_by_others_and_carried_along() {
    let desk = Desk::new();
    desk.tile(&[&["-f", "avif"], &OUTPUTS[..]].concat()).ok();
    desk.tile(&["-f", "avif", "-j", "1", "-o", "one.mbtiles"])
        .ok();
    desk.same("a.mbtiles", "one.mbtiles");
    desk.tile(&["-o", "exact"]).ok();
    let script = "
import glob, sys
from PIL import Image, ImageChops, ImageStat
kinds = set()
for path in sorted(glob.glob('exact/*/*/*.png')):
    exact = Image.open(path)
    tile = Image.open(path.replace('exact', 'a', 1).replace('.png', '.avif'))
    opaque = 'A' not in exact.convert('RGBA').getbands() or exact.convert('RGBA').getextrema()[3] == (255, 255)
    assert tile.mode == ('RGB' if opaque else 'RGBA'), (path, tile.mode)
    kinds.add(opaque)
    a, b = exact.convert('RGBA'), tile.convert('RGBA')
    alpha = ImageStat.Stat(ImageChops.difference(a.getchannel('A'), b.getchannel('A')))
    assert alpha.extrema[0][1] <= 8, (path, alpha.extrema)
    if opaque:
        error = ImageStat.Stat(ImageChops.difference(a, b)).mean[:3]
        assert max(error) < 8, (path, error)
print(len(kinds))
";
    let Some(said) = pillow(script, desk.0.path()) else {
        return;
    };
    assert_eq!(said.trim(), "2", "tiles with and without alpha");
    assert_eq!(desk.row("a.mbtiles", "format").as_deref(), Some("avif"));
    assert_eq!(desk.bytes("a.pmtiles")[Path::new("")][99], 5);
    for (from, to) in [
        ("a", "b.mbtiles"),
        ("b.mbtiles", "b.pmtiles"),
        ("b.pmtiles", "b"),
    ] {
        desk.run(&["convert", from, "-o", to]).ok();
        desk.same(&to.replacen('b', "a", 1), to);
    }
}

#[cfg(not(feature = "avif"))]
#[test]
fn avif_that_is_not_built_in_is_refused() {
    let desk = Desk::new();
    desk.tile(&["-f", "avif", "-o", "x.mbtiles"])
        .fails(2, "built without avif");
    assert_eq!(desk.names(), Vec::<String>::new());
}

#[test]
fn quality_goes_by_zoom() {
    let desk = Desk::new();
    let bake = |quality: &str, name: &str| {
        let args = ["-f", "jpeg", "--quality", quality, "--report", "r.json"];
        desk.tile(&[&args[..], &["-o", name]].concat()).ok();
        desk.tiles(name)
    };
    let (high, low) = (bake("70", "70.mbtiles"), bake("30", "30.mbtiles"));
    let both = bake("70,8:30", "both.mbtiles");
    let told = &desk.report("r.json")["options"]["quality"];
    assert_eq!(told, "70,8:30");
    for (at, tile) in both {
        let expected = if at.z() < 8 { &high } else { &low };
        assert!(tile == expected[&at], "{at}");
    }
    assert_ne!(high, low);
}

#[test]
fn no_tile_has_more_bytes_than_it_may_but_for_those_that_are_counted() {
    let desk = Desk::new();
    let rows = [
        ("jpeg", 9000),
        ("mixed", 9000),
        ("webp", 9000),
        ("palette", 25_000),
    ];
    for (format, most) in rows {
        let limited = |bytes: &str, name: &str| {
            let args = [
                "-f",
                format,
                "--max-tile-bytes",
                bytes,
                "--report",
                "r.json",
            ];
            desk.tile(&[&args[..], &["-o", name]].concat()).ok()
        };
        let name = format!("{format}.mbtiles");
        let run = limited(&most.to_string(), &name);
        assert!(
            !run.stderr.contains("larger than"),
            "{format}: {}",
            run.stderr
        );
        let sizes: Vec<usize> = desk.tiles(&name).values().map(Vec::len).collect();
        assert!(sizes.iter().all(|&n| n <= most), "{format}: {sizes:?}");
        assert!(
            sizes.iter().any(|&n| n > most * 3 / 4),
            "{format}: {sizes:?}"
        );
        assert_eq!(desk.report("r.json")["tiles_too_large"], 0);

        let one = format!("{format}-one.mbtiles");
        let most = most.to_string();
        let args = ["-f", format, "--max-tile-bytes", &most, "-j", "1"];
        desk.tile(&[&args[..], &["-o", &one]].concat()).ok();
        desk.same(&name, &one);

        let name = format!("{format}-200.mbtiles");
        let run = limited("200", &name);
        let n_large = desk.tiles(&name).values().filter(|t| t.len() > 200).count();
        assert!(n_large > 0);
        run.says(&format!("in which they are: {n_large}"));
        let report = desk.report("r.json");
        assert_eq!(report["tiles_too_large"], n_large);
        assert_eq!(report["options"]["max-tile-bytes"], 200);
    }
}

#[test]
fn what_means_nothing_for_a_format_is_refused() {
    let desk = Desk::new();
    let check = |args: &str, said: &str| {
        let args: Vec<&str> = args.split(' ').chain(["-o", "x.mbtiles"]).collect();
        desk.tile(&args).fails(2, said);
    };
    check("--quality 70,8:30", "quality has no meaning for png");
    check("-f webp --lossless --quality 8:30", "lossless webp");
    check("-f jpeg --quality 8:30,7:20", "do not ascend");
    check("-f jpeg --quality 70,60", "as in 70,14:50,16:40");
    check("--max-tile-bytes 9kB", "png tiles keep every pixel");
    check(
        "-f webp --lossless --max-tile-bytes 9kB",
        "webp tiles keep every pixel",
    );
    check("-f jpeg --max-tile-bytes 0", "as in 50KB");
    check("-f mixed --lossless", "mixed cannot be lossless");
    check("-f palette --lossless", "palette cannot be lossless");
    check("--lossy-edges", "expected webp or mixed");
    check("-f jpeg --lossy-edges", "expected webp or mixed");
    check("-f webp --lossless --lossy-edges", "cannot be used with");
    assert_eq!(desk.names(), Vec::<String>::new());
}
