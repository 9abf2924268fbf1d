//! Shade and slope beside what `gdaldem` makes of the same heights, and heights as colours beside rio-rgbify's.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod skip;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use azulejo::style::relief::{Ground, Hillshade, Light, Relief, SlopeUnit, to_bytes};
use azulejo::style::terrain::Encoding;

/// Heights as read, without a margin.
struct Dem {
    path: PathBuf,
    heights: Vec<f32>,
    mask: Vec<u8>,
    width: usize,
    height: usize,
    /// In the units of the file's coordinates.
    pixel: [f64; 2],
}

/// Runs one of GDAL's programs; `None` where there is none.
fn run(program: &str, args: &[&str]) -> Option<()> {
    match Command::new(program).args(args).output() {
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{program} {args:?}: {told}");
            Some(())
        }
        Err(_) => {
            skip::skipped(format!("no {program}"));
            None
        }
    }
}

fn floats(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let (chunks, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    chunks
        .iter()
        .map(|&chunk| f32::from_le_bytes(chunk))
        .collect()
}

/// Writes heights as a raw file with a header. -9999 is nothing.
fn write(folder: &Path, width: usize, height: usize, pixel: [f64; 2], heights: Vec<f32>) -> Dem {
    let path = folder.join("heights.bin");
    let bytes: Vec<u8> = heights.iter().flat_map(|h| h.to_le_bytes()).collect();
    fs::write(&path, bytes).unwrap();
    let [wide, high] = pixel;
    let header = format!(
        "ENVI\nsamples = {width}\nlines = {height}\nbands = 1\nheader offset = 0\nfile type = ENVI Standard\ndata type = 4\n\
         interleave = bsq\nbyte order = 0\ndata ignore value = -9999\n\
         map info = {{UTM, 1, 1, 500000, 5000000, {wide}, {high}, 31, North, WGS-84}}\n"
    );
    fs::write(folder.join("heights.hdr"), header).unwrap();
    Dem {
        path,
        mask: heights
            .iter()
            .map(|&h| if h == -9999.0 { 0 } else { 255 })
            .collect(),
        heights,
        width,
        height,
        pixel,
    }
}

/// Reads a raster of the project's data, if that is there, as floats.
fn read(folder: &Path, name: &str, size: [usize; 2], pixel: [f64; 2]) -> Option<Dem> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/dem")
        .join(name);
    if !source.exists() {
        skip::skipped(format!("no {name}"));
        return None;
    }
    let raw = folder.join("read.bin");
    let args = [
        "-q",
        "-of",
        "ENVI",
        "-ot",
        "Float32",
        source.to_str()?,
        raw.to_str()?,
    ];
    run("gdal_translate", &args)?;
    let heights = floats(&raw);
    let [width, height] = size;
    assert_eq!(heights.len(), width * height);
    Some(Dem {
        path: source,
        mask: vec![255; heights.len()],
        heights,
        width,
        height,
        pixel,
    })
}

/// Hills of all slopes, with noise on them.
fn hills(width: usize, height: usize) -> Vec<f32> {
    let mut noise = 1u32;
    (0..width * height)
        .map(|at| {
            let (x, y) = ((at % width) as f32, (at / width) as f32);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let rough = (noise >> 16) as f32 / 65536.0;
            (x / 9.0).sin() * (y / 14.0).cos() * (x + y) + rough * (x / 20.0) + 700.0
        })
        .collect()
}

/// What ours makes of it, pixels times `scale` metres.
fn ours(dem: &Dem, relief: Relief, scale: f64) -> Vec<f32> {
    let (width, height) = (dem.width, dem.height);
    let (mut heights, mut mask) = (Vec::new(), Vec::new());
    for row in 0..height + 2 {
        for col in 0..width + 2 {
            let inside = (1..=width).contains(&col) && (1..=height).contains(&row);
            let at = inside.then(|| (row - 1) * width + col - 1);
            heights.push(at.map_or(0.0, |at| dem.heights[at]));
            mask.push(at.map_or(0, |at| dem.mask[at]));
        }
    }
    let pixel_m = vec![dem.pixel.map(|size| size * scale); height];
    let ground = Ground {
        heights: &heights,
        mask: &mask,
        width,
        height,
        pixel_m: &pixel_m,
    };
    let mut out = vec![0.0; width * height];
    let mut out_mask = vec![0; width * height];
    relief.apply(&ground, &mut out, &mut out_mask);
    assert_eq!(out_mask, dem.mask);
    out
}

fn gdaldem(dem: &Dem, args: &[&str]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.bin");
    let (mode, options) = args.split_first()?;
    let ends = [
        &[
            *mode,
            dem.path.to_str()?,
            out.to_str()?,
            "-q",
            "-of",
            "ENVI",
        ],
        options,
    ]
    .concat();
    run("gdaldem", &ends)?;
    Some(fs::read(out).unwrap())
}

fn lit(light: Light, azimuth: f64, altitude: f64, z_factor: f64) -> Relief {
    Relief::Hillshade(Hillshade::new(light, azimuth, altitude, z_factor).unwrap())
}

/// Ours and theirs of hillshades: how many differ, the most by which any does, and of how many. Where theirs is 0, nothing, they do
/// not count.
fn differences(ours: &[f32], theirs: &[u8]) -> (usize, u8, usize) {
    let mut bytes = vec![0; ours.len()];
    to_bytes(ours, &mut bytes);
    let pairs = || bytes.iter().zip(theirs).filter(|pair| *pair.1 > 0);
    let by = || pairs().map(|(a, b)| a.abs_diff(*b)).filter(|&by| by > 0);
    (by().count(), by().max().unwrap_or(0), pairs().count())
}

/// GDAL's checksum of bytes: `GDALChecksumImage`.
fn checksum(bytes: &[u8]) -> u32 {
    const PRIMES: [u8; 11] = [7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43];
    let rests = bytes
        .iter()
        .zip(PRIMES.iter().cycle())
        .map(|(byte, prime)| byte % prime);
    rests.map(u32::from).sum::<u32>() & 0xffff
}

/// What to ask of both.
fn hillshades() -> Vec<(Relief, Vec<&'static str>)> {
    let all = |args: &[&'static str]| [&["hillshade"], args].concat();
    vec![
        (lit(Light::Plain, 315.0, 45.0, 1.0), all(&[])),
        (
            lit(Light::Plain, 100.0, 20.0, 2.5),
            all(&["-az", "100", "-alt", "20", "-z", "2.5"]),
        ),
        (
            lit(Light::Multidirectional, 315.0, 45.0, 1.0),
            all(&["-multidirectional"]),
        ),
        (
            lit(Light::Multidirectional, 0.0, 60.0, 3.0),
            all(&["-multidirectional", "-alt", "60", "-z", "3"]),
        ),
        (lit(Light::Combined, 315.0, 45.0, 1.0), all(&["-combined"])),
        (
            lit(Light::Combined, 20.0, 70.0, 0.5),
            all(&["-combined", "-az", "20", "-alt", "70", "-z", "0.5"]),
        ),
        (lit(Light::Igor, 315.0, 45.0, 1.0), all(&["-igor"])),
        (
            lit(Light::Igor, 190.0, 45.0, 4.0),
            all(&["-igor", "-az", "190", "-z", "4"]),
        ),
    ]
}

/// Compares on `dem`, edges too but for the four corners, where GDAL takes the gradient of one side only.
fn compare(dem: &Dem, scale: &str, what: &str) -> Option<()> {
    let (width, height) = (dem.width, dem.height);
    let corners = [0, width - 1, (height - 1) * width, height * width - 1];
    for (relief, args) in hillshades() {
        let args = [&args[..], &["-s", scale, "-compute_edges"]].concat();
        let mut theirs = gdaldem(dem, &args)?;
        let shades = ours(dem, relief, scale.parse().unwrap());
        for at in corners {
            theirs[at] = 0;
        }
        let (n, most, of) = differences(&shades, &theirs);
        assert!(of > width * height * 9 / 10, "{what} {args:?}");
        assert!(
            most <= 1 && n * 1000 <= of,
            "{what} {args:?}: {n} of {of}, by {most}"
        );
    }
    for (unit, percent) in [(SlopeUnit::Degrees, &[][..]), (SlopeUnit::Percent, &["-p"])] {
        let args = [&["slope", "-s", scale, "-compute_edges"], percent].concat();
        let bytes = gdaldem(dem, &args)?;
        let theirs: Vec<f32> = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&b| f32::from_le_bytes(b))
            .collect();
        let slopes = ours(dem, Relief::Slope(unit), scale.parse().unwrap());
        let mut most: f32 = 0.0;
        for (at, (&a, &b)) in slopes.iter().zip(&theirs).enumerate() {
            if b != -9999.0 && !corners.contains(&at) {
                most = most.max((a - b).abs() / b.abs().max(1.0));
            }
        }
        // Theirs sums heights as floats, ours differences.
        assert!(most < 3e-4, "{what} {args:?}: {most}");
    }
    Some(())
}

#[test]
fn shade_and_slope_of_hills_are_those_of_gdaldem() {
    let folder = tempfile::tempdir().unwrap();
    let dem = write(folder.path(), 200, 150, [20.0, 20.0], hills(200, 150));
    compare(&dem, "1", "hills");
}

#[test]
fn pixels_need_not_be_square() {
    let folder = tempfile::tempdir().unwrap();
    let dem = write(folder.path(), 120, 90, [30.0, 12.5], hills(120, 90));
    not_square(&dem);
}

/// Compares where pixels are not square: inner pixels, and without Igor's light, for which GDAL takes the aspect
/// from differences of heights alone.
fn not_square(dem: &Dem) -> Option<()> {
    let inner = (dem.width - 2) * (dem.height - 2);
    for (relief, args) in hillshades() {
        if args.contains(&"-igor") {
            continue;
        }
        let theirs = gdaldem(dem, &args)?;
        let (n, most, of) = differences(&ours(dem, relief, 1.0), &theirs);
        assert!(
            of == inner && most <= 1 && n * 1000 <= of,
            "{args:?}: {n}, by {most}"
        );
    }
    Some(())
}

#[test]
fn round_holes_all_is_as_it_would_be_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut heights = hills(100, 80);
    for (at, height) in heights.iter_mut().enumerate() {
        if at % 37 == 0 || (40..55).contains(&(at % 100)) && (20..60).contains(&(at / 100)) {
            *height = -9999.0;
        }
    }
    let dem = write(folder.path(), 100, 80, [20.0, 20.0], heights);
    for (relief, args) in hillshades() {
        let Some(theirs) = gdaldem(&dem, &args) else {
            return;
        };
        let shades = ours(&dem, relief, 1.0);
        let (n, most, of) = differences(&shades, &theirs);
        assert!(
            of > 4000 && most <= 1 && n * 1000 <= of,
            "{args:?}: {n} of {of}, by {most}"
        );
        // Theirs has nothing beside holes; ours has, and is nothing only where there is no height.
        let empty = |at: usize| shades[at] == 0.0;
        assert!(
            (0..8000).all(|at| empty(at) == (dem.mask[at] == 0)),
            "{args:?}"
        );
    }
}

#[test]
fn hillshade_of_a_real_dem_has_gdals_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let pixel = [1.0 / 120.0, 1.0 / 120.0];
    let Some(dem) = read(folder.path(), "n43_ontario.tif", [121, 121], pixel) else {
        return;
    };
    let shades = ours(&dem, lit(Light::Plain, 315.0, 45.0, 30.0), 111_120.0);
    let mut bytes = vec![0; shades.len()];
    to_bytes(&shades, &mut bytes);
    // GDAL leaves the edges out when nobody asks for them.
    for (at, byte) in bytes.iter_mut().enumerate() {
        let (col, row) = (at % 121, at / 121);
        if [0, 120].contains(&col) || [0, 120].contains(&row) {
            *byte = 0;
        }
    }
    // As GDAL's own tests have it (autotest/utilities/test_gdaldem.py).
    assert_eq!(checksum(&bytes), 45587);
    compare(&dem, "111120", "Ontario");
}

#[test]
fn real_dems_of_floats_are_shaded_as_by_gdaldem() {
    let folder = tempfile::tempdir().unwrap();
    let pixel = [6.721808968646656, 6.059025744365499];
    let Some(dem) = read(folder.path(), "elev_sf_float32.tif", [512, 512], pixel) else {
        return;
    };
    not_square(&dem);
}

/// The codes that `encoding` writes heights as.
fn codes(encoding: &Encoding, heights: &[f32]) -> Vec<u32> {
    let mut rgb = vec![0; heights.len() * 3];
    encoding.encode(heights, 0, &mut rgb);
    of_colours(&rgb)
}

fn of_colours(rgb: &[u8]) -> Vec<u32> {
    let colours = rgb.as_chunks::<3>().0;
    colours
        .iter()
        .map(|&[r, g, b]| u32::from_be_bytes([0, r, g, b]))
        .collect()
}

#[test]
fn heights_are_coded_as_by_rio_rgbify_but_rounded() {
    let folder = tempfile::tempdir().unwrap();
    let Some(dem) = read(folder.path(), "elev_sf_float32.tif", [512, 512], [1.0, 1.0]) else {
        return;
    };
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/golden/rgbify/elev-rgb.tif");
    let raw = folder.path().join("golden.bin");
    let args = [
        "-q",
        "-of",
        "ENVI",
        "-co",
        "INTERLEAVE=BIP",
        golden.to_str().unwrap(),
        raw.to_str().unwrap(),
    ];
    let Some(()) = run("gdal_translate", &args) else {
        return;
    };
    let theirs = of_colours(&fs::read(raw).unwrap());
    let encoding = Encoding::terrain_rgb(-100.0, 0.001).unwrap();
    let ours = codes(&encoding, &dem.heights);
    assert_eq!(ours.len(), theirs.len());
    // They cut the fraction off, with some noise.
    let cut = |h: f32| ((f64::from(h) + 100.0) / 0.001) as u32;
    let equal = dem
        .heights
        .iter()
        .zip(&theirs)
        .filter(|(h, code)| cut(**h) == **code)
        .count();
    assert!(equal * 1000 > theirs.len() * 996, "{equal}");
    let above = ours
        .iter()
        .zip(&theirs)
        .map(|(a, b)| i64::from(*a) - i64::from(*b));
    assert!(
        above.clone().all(|n| (0..=2).contains(&n)),
        "{:?}",
        above.max()
    );

    // And none of ours is off by more than half an interval, in any encoding.
    for encoding in [encoding, Encoding::TERRARIUM, Encoding::TERRAIN_RGB] {
        let codes = codes(&encoding, &dem.heights);
        for (&height, code) in dem.heights.iter().zip(codes) {
            let [_, rgb @ ..] = code.to_be_bytes();
            let off = (encoding.decode(rgb) - f64::from(height)).abs();
            assert!(off <= encoding.interval() * 0.500_001, "{height}: {off}");
        }
    }
}
