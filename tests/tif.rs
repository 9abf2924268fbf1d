//! Tiles of values from the command line, with GDAL's own programs as readers that nobody here wrote. Not by the library: a
//! process that has used PROJ must not fork, as the program is started here.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test that cannot go on panics; one that is skipped says so.

mod desk;
mod program;
mod skip;

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use azulejo::archive::open_store;
use azulejo::encode::Format;
use serde_json::Value;

use self::desk::{Desk, fixture};

/// The zoom of the sources that are made here, of which a pixel is one of the tiles'.
const ZOOM: u8 = 8;
/// The first tile that they lie on, and pixels along their sides: two tiles, and half a tile.
const FIRST: (u32, u32) = (130, 85);
const SIDE: usize = 640;

/// Types of GDAL's names, the bytes of a sample, and the smallest and the largest value to draw.
const TYPES: [(&str, usize, f64, f64); 8] = [
    ("Byte", 1, 0.0, 255.0),
    ("Int8", 1, -128.0, 127.0),
    ("UInt16", 2, 0.0, 65_535.0),
    ("Int16", 2, -32_768.0, 32_767.0),
    ("UInt32", 4, 0.0, 4_294_967_295.0),
    ("Int32", 4, -2_147_483_648.0, 2_147_483_647.0),
    ("Float32", 4, -1.5, 12_345.75),
    ("Float64", 8, -1e-3, 1e9),
];

/// West and north edge of a tile of Web Mercator, and its side, as mercantile has them.
fn place(z: u8, x: u32, y: u32) -> (f64, f64, f64) {
    let world = 2.0 * PI * 6_378_137.0;
    let side = world / f64::from(z).exp2();
    let half = world / 2.0;
    (f64::from(x) * side - half, half - f64::from(y) * side, side)
}

/// `value` as a sample of a type, little end first.
fn stored(kind: &str, value: f64) -> Vec<u8> {
    match kind {
        "Byte" => (value as u8).to_le_bytes().to_vec(),
        "Int8" => (value as i8).to_le_bytes().to_vec(),
        "UInt16" => (value as u16).to_le_bytes().to_vec(),
        "Int16" => (value as i16).to_le_bytes().to_vec(),
        "UInt32" => (value as u32).to_le_bytes().to_vec(),
        "Int32" => (value as i32).to_le_bytes().to_vec(),
        "Float32" => (value as f32).to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    }
}

/// And back.
fn value(kind: &str, bytes: &[u8]) -> f64 {
    macro_rules! of {
        ($kind:ty) => {
            <$kind>::from_le_bytes(bytes.try_into().unwrap()) as f64
        };
    }
    match kind {
        "Byte" => of!(u8),
        "Int8" => of!(i8),
        "UInt16" => of!(u16),
        "Int16" => of!(i16),
        "UInt32" => of!(u32),
        "Int32" => of!(i32),
        "Float32" => of!(f32),
        _ => of!(f64),
    }
}

/// A source: bands of samples in rows of [`SIDE`], and what is said of each.
struct Source<'a> {
    kind: &'a str,
    bands: Vec<Vec<f64>>,
    nodata: Option<f64>,
    /// More elements of each band, in XML.
    more: &'a str,
}

impl<'a> Source<'a> {
    /// Noise over the whole range of a type, with a hole where there is nodata.
    fn noise(kind: &'a str, n_bands: usize, nodata: Option<f64>) -> Self {
        let (_, _, low, high) = TYPES.iter().find(|row| row.0 == kind).unwrap();
        let band = |k: usize| {
            let pixel = |i: usize| {
                let random = (i as u64 + 1)
                    .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                    .rotate_left(k as u32 * 7 + 13);
                let part = (random >> 11) as f64 / (1_u64 << 53) as f64;
                let value = low + part * (high - low);
                let value = if kind.contains("Float") {
                    value
                } else {
                    value.round()
                };
                // As it is stored.
                let value = if kind == "Float32" {
                    f64::from(value as f32)
                } else {
                    value
                };
                match nodata {
                    Some(nodata) if is_hole(i) => nodata,
                    Some(nodata) if value == nodata => value + 1.0,
                    _ => value,
                }
            };
            (0..SIDE * SIDE).map(pixel).collect()
        };
        Self {
            kind,
            bands: (0..n_bands).map(band).collect(),
            nodata,
            more: "",
        }
    }

    /// Writes a raw file, and a VRT that says what it is.
    fn write(&self, desk: &Desk, name: &str) {
        let bytes = self.bands.iter().flatten();
        let bytes: Vec<u8> = bytes.flat_map(|&v| stored(self.kind, v)).collect();
        desk.write(&format!("{name}.raw"), bytes);
        let (west, north, side) = place(ZOOM, FIRST.0, FIRST.1);
        let pixel = side / 256.0;
        let (kind, more) = match self.kind {
            // GDAL before 3.7 has no such type.
            "Int8" => (
                "Byte",
                "<Metadata domain=\"IMAGE_STRUCTURE\"><MDI key=\"PIXELTYPE\">SIGNEDBYTE</MDI></Metadata>",
            ),
            kind => (kind, ""),
        };
        let n = stored(self.kind, 0.0).len();
        let mut vrt = format!(
            "<VRTDataset rasterXSize=\"{SIDE}\" rasterYSize=\"{SIDE}\"><SRS>EPSG:3857</SRS>\
             <GeoTransform>{west:?}, {pixel:?}, 0, {north:?}, 0, {:?}</GeoTransform>",
            -pixel
        );
        for k in 0..self.bands.len() {
            let nodata = self.nodata.map_or(String::new(), |v| {
                format!("<NoDataValue>{v:?}</NoDataValue>")
            });
            write!(
                vrt,
                "<VRTRasterBand dataType=\"{kind}\" band=\"{}\" subClass=\"VRTRawRasterBand\">{more}{nodata}{}\
                 <SourceFilename relativeToVRT=\"1\">{name}.raw</SourceFilename><ImageOffset>{}</ImageOffset>\
                 <PixelOffset>{n}</PixelOffset><LineOffset>{}</LineOffset><ByteOrder>LSB</ByteOrder></VRTRasterBand>",
                k + 1,
                self.more,
                k * SIDE * SIDE * n,
                SIDE * n
            )
            .unwrap();
        }
        desk.write(name, format!("{vrt}</VRTDataset>"));
    }

    /// What a pixel of a tile of the base is in band `k`; `None` where there is nothing.
    fn at(&self, k: usize, x: u32, y: u32, col: usize, row: usize) -> Option<f64> {
        let col = (x - FIRST.0) as usize * 256 + col;
        let row = (y - FIRST.1) as usize * 256 + row;
        let i = row * SIDE + col;
        let is_there = col < SIDE && row < SIDE && (self.nodata.is_none() || !is_hole(i));
        is_there.then(|| self.bands[k][i])
    }
}

/// Holes of one pixel and of hundreds, in the first tile and the next.
fn is_hole(i: usize) -> bool {
    let (col, row) = (i % SIDE, i / SIDE);
    (200..300).contains(&col) && (7..90).contains(&row) || (col * 7 + row * 13) % 97 == 0
}

/// A tile as GDAL's programs read it.
struct Read {
    info: Value,
    /// Bands, one whole after the other.
    bytes: Vec<u8>,
}

/// `None` where GDAL's programs are not there.
fn read(path: &Path) -> Option<Read> {
    let Ok(info) = Command::new("gdalinfo").arg("-json").arg(path).output() else {
        skip::skipped("gdalinfo is not there");
        return None;
    };
    assert!(
        info.status.success(),
        "{}: {}",
        path.display(),
        String::from_utf8_lossy(&info.stderr)
    );
    assert_eq!(
        String::from_utf8_lossy(&info.stderr),
        "",
        "{}",
        path.display()
    );
    let out = path.with_extension("raw");
    let translated = Command::new("gdal_translate")
        .args(["-q", "-of", "ENVI", "-co", "INTERLEAVE=BSQ"])
        .arg(path)
        .arg(&out)
        .status();
    assert!(translated.unwrap().success());
    let bytes = std::fs::read(&out).unwrap();
    for end in ["raw", "hdr", "raw.aux.xml", "tif.aux.xml"] {
        let _ = std::fs::remove_file(path.with_extension(end));
    }
    Some(Read {
        info: serde_json::from_slice(&info.stdout).unwrap(),
        bytes,
    })
}

impl Read {
    fn samples(&self, kind: &str, band: usize) -> Vec<f64> {
        let n = stored(kind, 0.0).len();
        let all = self.bytes.chunks_exact(n).map(|bytes| value(kind, bytes));
        all.skip(band * 256 * 256).take(256 * 256).collect()
    }

    fn n_bands(&self) -> usize {
        self.info["bands"].as_array().unwrap().len()
    }

    /// GDAL's word for a band's type; of bytes with a sign the one of newer versions.
    fn kind(&self, band: usize) -> String {
        let band = &self.info["bands"][band];
        match band["metadata"]["IMAGE_STRUCTURE"]["PIXELTYPE"].as_str() {
            Some("SIGNEDBYTE") => "Int8".to_owned(),
            _ => band["type"].as_str().unwrap().to_owned(),
        }
    }
}

/// The files of a folder of tiles by their addresses.
fn files(desk: &Desk, folder: &str) -> BTreeMap<(u8, u32, u32), PathBuf> {
    let mut store = open_store(&desk.path(folder)).unwrap();
    assert_eq!(store.metadata().format, Some(Format::Tif));
    let tiles = store.tiles().unwrap();
    let named = tiles.into_iter().map(|tile| {
        let (z, x, y) = (tile.z(), tile.x(), tile.y());
        ((z, x, y), desk.path(&format!("{folder}/{z}/{x}/{y}.tif")))
    });
    named.collect()
}

/// Two zooms, or those asked for.
fn bake(desk: &Desk, source: &str, out: &str, more: &[&str]) -> String {
    let zooms = format!("{}-{ZOOM}", ZOOM - 1);
    let zooms = ["-z", &zooms];
    let zooms = if more.contains(&"-z") {
        &[][..]
    } else {
        &zooms[..]
    };
    let args = ["tile", source, "-f", "tif", "-o", out];
    desk.run(&[&args[..], zooms, more].concat()).ok().stderr
}

/// Checks every sample of all tiles: of the base those of `source`, above the mean of four. `hole` is what is stored where
/// there is nothing.
fn check(desk: &Desk, source: &Source, folder: &str, hole: f64) -> bool {
    let kind = source.kind;
    for ((z, x, y), path) in files(desk, folder) {
        let Some(read) = read(&path) else {
            return false;
        };
        assert_eq!(read.n_bands(), source.bands.len());
        let (west, north, side) = place(z, x, y);
        let affine = read.info["geoTransform"].as_array().unwrap();
        let expected = [west, side / 256.0, 0.0, north, 0.0, -side / 256.0];
        for (found, expected) in affine.iter().zip(expected) {
            let found = found.as_f64().unwrap();
            assert!((found - expected).abs() <= 1e-8, "{z}/{x}/{y}: {affine:?}");
        }
        let wkt = read.info["coordinateSystem"]["wkt"].as_str().unwrap();
        assert!(wkt.contains("ID[\"EPSG\",3857]"), "{wkt}");
        for k in 0..source.bands.len() {
            assert_eq!(read.kind(k), kind);
            for (i, found) in read.samples(kind, k).into_iter().enumerate() {
                let (col, row) = (i % 256, i / 256);
                let here = format!("{kind} {z}/{x}/{y}, band {k}, column {col}, row {row}");
                let expected = if z == ZOOM {
                    source.at(k, x, y, col, row)
                } else {
                    mean(source, k, (x, y), (col, row))
                };
                let Some(expected) = expected else {
                    assert!(
                        found == hole || found.is_nan() && hole.is_nan(),
                        "{here}: {found}"
                    );
                    continue;
                };
                // A mean of integers is rounded, bytes to the even one; where that would be nodata it is the value beside.
                let most = match (z == ZOOM, kind) {
                    (true, _) => 0.0,
                    (_, "Float32" | "Float64") => expected.abs() * 1e-6,
                    _ => 0.5 + 1e-9 * expected.abs(),
                };
                let near_nodata = source
                    .nodata
                    .is_some_and(|nodata| (expected - nodata).abs() <= 0.5);
                let most = if near_nodata && z < ZOOM { 1.5 } else { most };
                assert!(
                    (found - expected).abs() <= most,
                    "{here}: {found}, not {expected}"
                );
            }
        }
    }
    true
}

/// The mean of what is there of four pixels.
fn mean(source: &Source, k: usize, (x, y): (u32, u32), (col, row): (usize, usize)) -> Option<f64> {
    let four = [(0, 0), (1, 0), (0, 1), (1, 1)]
        .into_iter()
        .filter_map(|(right, down)| {
            let (col, row) = (2 * col + right, 2 * row + down);
            let (x, y) = (2 * x + (col / 256) as u32, 2 * y + (row / 256) as u32);
            let inside = x >= FIRST.0 && y >= FIRST.1;
            inside
                .then(|| source.at(k, x, y, col % 256, row % 256))
                .flatten()
        });
    let values: Vec<f64> = four.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[test]
fn values_of_every_type_are_the_sources_own_and_means_above() {
    let desk = Desk::new();
    for (kind, _, low, _) in TYPES {
        let nodata = if kind.contains("Float") {
            -9999.0
        } else {
            low + 3.0
        };
        let source = Source::noise(kind, 2, Some(nodata));
        source.write(&desk, "source.vrt");
        let said = bake(&desk, "source.vrt", kind, &[]);
        assert!(
            said.contains(&format!(
                "tiles hold 2 bands of {kind}; what is not there is {nodata}"
            )),
            "{said}"
        );
        if !check(&desk, &source, kind, nodata) {
            return;
        }
        let path = files(&desk, kind).into_values().next().unwrap();
        let told = read(&path).unwrap().info["bands"][1]["noDataValue"].as_f64();
        assert_eq!(told, Some(nodata), "{kind}");
    }
}

#[test]
fn what_is_not_there_is_no_number_or_in_a_mask_where_there_is_no_nodata() {
    let desk = Desk::new();
    let check_flags = |folder: &str, expected: &[&[&str]]| {
        for path in files(&desk, folder).into_values() {
            let Some(read) = read(&path) else { return };
            let flags = &read.info["bands"][0]["mask"]["flags"];
            let flags: Vec<&str> = flags.as_array().map_or(Vec::new(), |flags| {
                flags.iter().map(|flag| flag.as_str().unwrap()).collect()
            });
            assert!(expected.contains(&&flags[..]), "{folder}: {flags:?}");
        }
    };
    // The source ends in the middle of tiles.
    let source = Source::noise("Float32", 1, None);
    source.write(&desk, "float.vrt");
    bake(&desk, "float.vrt", "float", &[]);
    check(&desk, &source, "float", f64::NAN);
    let source = Source::noise("Int16", 4, None);
    source.write(&desk, "int.vrt");
    bake(&desk, "int.vrt", "int", &[]);
    check(&desk, &source, "int", 0.0);
    check_flags("int", &[&[], &["PER_DATASET"]]);
    let n = |flags: &str| {
        let all = files(&desk, "int")
            .into_values()
            .filter_map(|path| read(&path));
        all.filter(|read| read.info["bands"][0]["mask"].to_string().contains(flags))
            .count()
    };
    // Two by two tiles are full, five have a hole, and so have those above.
    if read(&desk.path("int.vrt")).is_some() {
        assert_eq!(n("PER_DATASET"), files(&desk, "int").len() - 4);
    }
}

#[test]
fn alpha_of_a_source_stays_alpha() {
    let desk = Desk::new();
    let mut source = Source::noise("Byte", 4, None);
    source.more = "";
    for (i, alpha) in source.bands[3].iter_mut().enumerate() {
        *alpha = if is_hole(i) { 0.0 } else { 255.0 };
    }
    source.write(&desk, "rgba.vrt");
    let vrt = std::fs::read_to_string(desk.path("rgba.vrt")).unwrap();
    let flagged = "band=\"4\" subClass=\"VRTRawRasterBand\">";
    let vrt = vrt.replace(
        flagged,
        &format!("{flagged}<ColorInterp>Alpha</ColorInterp>"),
    );
    desk.write("rgba.vrt", vrt);
    let said = bake(&desk, "rgba.vrt", "rgba", &["-z", "8"]);
    assert!(said.contains("said by alpha"), "{said}");
    for ((_, x, y), path) in files(&desk, "rgba") {
        let Some(read) = read(&path) else { return };
        let roles = read.info["bands"].as_array().unwrap().iter();
        let roles: Vec<&str> = roles
            .map(|band| band["colorInterpretation"].as_str().unwrap())
            .collect();
        assert_eq!(roles, ["Red", "Green", "Blue", "Alpha"]);
        let bands: Vec<_> = (0..4).map(|k| read.samples("Byte", k)).collect();
        for i in 0..256 * 256 {
            let of = |k: usize| source.at(k, x, y, i % 256, i / 256).unwrap_or(0.0);
            let alpha = of(3);
            assert_eq!(bands[3][i], alpha);
            for (k, band) in bands[..3].iter().enumerate() {
                assert_eq!(band[i], if alpha == 0.0 { 0.0 } else { of(k) });
            }
        }
    }
}

#[test]
fn bands_are_all_or_those_asked_for_with_what_is_said_of_them() {
    let desk = Desk::new();
    let mut source = Source::noise("UInt16", 5, Some(0.0));
    source.more = "<Description>B&amp;w</Description><UnitType>m</UnitType><Offset>-0.1</Offset><Scale>0.0001</Scale>";
    source.write(&desk, "five.vrt");
    bake(&desk, "five.vrt", "all", &[]);
    if !check(&desk, &source, "all", 0.0) {
        return;
    }
    bake(&desk, "five.vrt", "two", &["-b", "5,2"]);
    for (at, path) in files(&desk, "two") {
        let (two, all) = (
            read(&path).unwrap(),
            read(&files(&desk, "all")[&at]).unwrap(),
        );
        assert_eq!(two.n_bands(), 2);
        assert_eq!(two.samples("UInt16", 0), all.samples("UInt16", 4));
        assert_eq!(two.samples("UInt16", 1), all.samples("UInt16", 1));
        for band in two.info["bands"].as_array().unwrap() {
            assert_eq!(band["description"], "B&w");
            assert_eq!(band["unit"], "m");
            assert_eq!(
                (band["scale"].as_f64(), band["offset"].as_f64()),
                (Some(0.0001), Some(-0.1))
            );
        }
    }
    // What scale and offset make of them, of the full digits of 32 bits, and nothing left to be done.
    bake(
        &desk,
        "five.vrt",
        "unscaled",
        &["-b", "1", "--unscale", "-z", "8"],
    );
    for ((z, x, y), path) in files(&desk, "unscaled") {
        let read = read(&path).unwrap();
        assert_eq!((z, read.kind(0).as_str()), (8, "Float32"));
        assert!(read.info["bands"][0]["scale"].is_null());
        for (i, found) in read.samples("Float32", 0).into_iter().enumerate() {
            match source.at(0, x, y, i % 256, i / 256) {
                None => assert!(found.is_nan()),
                Some(stored) => assert!((found - (stored * 0.0001 - 0.1)).abs() < 1e-6),
            }
        }
    }
}

#[test]
fn values_that_are_made_are_kept_as_they_are_made() {
    let desk = Desk::new();
    let source = Source::noise("Int16", 2, Some(-32_768.0));
    source.write(&desk, "two.vrt");
    let base = |name: &str, more: &[&str], kind: &str, n_bands: usize| -> Vec<((u32, u32), Read)> {
        bake(&desk, "two.vrt", name, &[&["-z", "8"], more].concat());
        let tiles = files(&desk, name).into_iter();
        let tiles = tiles.filter_map(|((_, x, y), path)| Some(((x, y), read(&path)?)));
        let tiles: Vec<_> = tiles.collect();
        for (_, read) in &tiles {
            assert_eq!(
                (read.kind(0).as_str(), read.n_bands()),
                (kind, n_bands),
                "{name}"
            );
        }
        tiles
    };
    for ((x, y), read) in base(
        "sums",
        &["--expression", "b1+b2; b1; b2; 7+0*b1"],
        "Float32",
        4,
    ) {
        assert!(
            read.info["bands"][0]["noDataValue"].as_str() == Some("NaN"),
            "{}",
            read.info["bands"][0]
        );
        for (i, found) in read.samples("Float32", 0).into_iter().enumerate() {
            let of = |k| source.at(k, x, y, i % 256, i / 256);
            match of(0).zip(of(1)) {
                None => assert!(found.is_nan()),
                Some((one, other)) => assert_eq!(found, one + other),
            }
        }
    }
    for ((x, y), read) in base("bytes", &["--rescale", "-100,155"], "Byte", 2) {
        assert!(read.info["bands"][0]["noDataValue"].is_null());
        for (i, found) in read.samples("Byte", 1).into_iter().enumerate() {
            let own = source.at(1, x, y, i % 256, i / 256);
            assert_eq!(found, own.map_or(0.0, |v| (v + 100.0).clamp(0.0, 255.0)));
        }
    }
    let one = ["-b", "1"];
    let slopes = base("slope", &[&one[..], &["--slope"]].concat(), "Float32", 1);
    let some_steep = |(_, read): &(_, Read)| read.samples("Float32", 0).iter().any(|v| *v > 80.0);
    assert!(slopes.is_empty() || slopes.iter().any(some_steep));
    base("shade", &[&one[..], &["--hillshade"]].concat(), "Byte", 1);
    let coloured = base(
        "colours",
        &[&one[..], &["--colormap", "viridis"]].concat(),
        "Byte",
        3,
    );
    for (_, read) in coloured {
        assert_eq!(read.info["bands"][2]["colorInterpretation"], "Blue");
    }
}

#[test]
fn palettes_keep_their_indices_and_colours() {
    let desk = Desk::new();
    let mut source = Source::noise("Byte", 1, None);
    for (i, value) in source.bands[0].iter_mut().enumerate() {
        *value = f64::from((i / 5 % 3) as u8);
    }
    source.more = "<ColorInterp>Palette</ColorInterp><ColorTable><Entry c1=\"1\" c2=\"2\" c3=\"3\" c4=\"255\"/>\
        <Entry c1=\"255\" c2=\"0\" c3=\"9\" c4=\"255\"/><Entry c1=\"0\" c2=\"77\" c3=\"0\" c4=\"255\"/></ColorTable>";
    source.write(&desk, "classes.vrt");
    bake(&desk, "classes.vrt", "classes", &[]);
    for ((z, x, y), path) in files(&desk, "classes") {
        let Some(read) = read(&path) else { return };
        let band = &read.info["bands"][0];
        assert_eq!(band["colorInterpretation"], "Palette");
        assert_eq!(
            band["colorTable"]["entries"][1],
            serde_json::json!([255, 0, 9, 255])
        );
        for (i, found) in read.samples("Byte", 0).into_iter().enumerate() {
            // Classes are never mixed.
            assert!(found <= 2.0);
            let own = (z == ZOOM).then(|| source.at(0, x, y, i % 256, i / 256));
            assert!(own.is_none_or(|own| own.unwrap_or(0.0) == found));
        }
    }
    Source::noise("Byte", 1, None).write(&desk, "plain.vrt");
    let args = [
        "tile",
        "classes.vrt",
        "plain.vrt",
        "-f",
        "tif",
        "-o",
        "both",
    ];
    desk.run(&args)
        .fails(3, "plain.vrt: a palette that is not that of classes.vrt");
}

#[test]
fn other_grids_are_told_by_their_codes() {
    let desk = Desk::new();
    let source = Source::noise("Int32", 1, Some(-1.0));
    source.write(&desk, "source.vrt");
    for (scheme, code) in [("WorldCRS84Quad", 4326), ("WorldMercatorWGS84Quad", 3395)] {
        bake(
            &desk,
            "source.vrt",
            scheme,
            &["--tiling-scheme", scheme, "--tile-size", "128"],
        );
        for ((z, x, y), path) in files(&desk, scheme) {
            let Some(read) = read(&path) else { return };
            let wkt = read.info["coordinateSystem"]["wkt"].as_str().unwrap();
            assert!(wkt.contains(&format!("ID[\"EPSG\",{code}]")), "{wkt}");
            assert_eq!(read.info["size"], serde_json::json!([128, 128]));
            let at = |k: usize| read.info["geoTransform"][k].as_f64().unwrap();
            if code == 4326 {
                let side = 180.0 / f64::from(z).exp2();
                assert!((at(0) - (f64::from(x) * side - 180.0)).abs() < 1e-12);
                assert!((at(3) - (90.0 - f64::from(y) * side)).abs() < 1e-12);
                assert!((at(1) - side / 128.0).abs() < 1e-15);
            }
        }
    }
}

/// A scheme of ten levels in a system of one's own.
fn own_scheme(crs: &str) -> String {
    let level = |z: u8| {
        let cell = 8e6 / 256.0 / f64::from(z).exp2();
        serde_json::json!({
            "id": z.to_string(), "scaleDenominator": cell / 0.00028, "cellSize": cell, "pointOfOrigin": [0.0, 8e6],
            "tileWidth": 256, "tileHeight": 256, "matrixWidth": 1 << z, "matrixHeight": 1 << z,
        })
    };
    let levels: Vec<Value> = (0..10).map(level).collect();
    serde_json::json!({ "id": "own", "crs": crs, "tileMatrices": levels }).to_string()
}

#[test]
fn a_system_without_a_code_is_spelt_out_or_refused() {
    let desk = Desk::new();
    Source::noise("Int16", 1, Some(-1.0)).write(&desk, "source.vrt");
    let laea = "+proj=laea +lat_0=47 +lon_0=9 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m +no_defs +type=crs";
    desk.write("laea.json", own_scheme(laea));
    let zoom = ["--tiling-scheme", "laea.json", "-z", "5"];
    bake(&desk, "source.vrt", "laea", &zoom);
    for ((z, x, y), path) in files(&desk, "laea") {
        let Some(read) = read(&path) else { return };
        let wkt = read.info["coordinateSystem"]["wkt"].as_str().unwrap();
        assert!(
            wkt.contains("Lambert Azimuthal Equal Area") && wkt.contains("4321000"),
            "{wkt}"
        );
        let side = 8e6 / f64::from(z).exp2();
        let affine = [
            f64::from(x) * side,
            side / 256.0,
            0.0,
            8e6 - f64::from(y) * side,
            0.0,
            -side / 256.0,
        ];
        assert_eq!(read.info["geoTransform"], serde_json::json!(affine));
    }
    let feet = "+proj=moll +lon_0=0 +y_0=-5000000 +units=us-ft +ellps=GRS80 +no_defs +type=crs";
    desk.write("moll.json", own_scheme(feet));
    let args = [
        "tile",
        "source.vrt",
        "-f",
        "tif",
        "--tiling-scheme",
        "moll.json",
        "-z",
        "5",
        "-o",
        "moll",
    ];
    desk.run(&args).fails(2, "GeoTIFF has no words for it");
    assert!(!desk.path("moll").exists());
}

#[test]
fn rules_and_scenes_have_values_too() {
    let desk = Desk::new();
    let source = Source::noise("Float64", 1, Some(-5.0));
    source.write(&desk, "a.vrt");
    source.write(&desk, "b.vrt");
    bake(
        &desk,
        "a.vrt",
        "counts",
        &["b.vrt", "--mosaic", "count", "-z", "8"],
    );
    for ((_, x, y), path) in files(&desk, "counts") {
        let Some(read) = read(&path) else { return };
        assert_eq!(
            (
                read.kind(0).as_str(),
                read.info["bands"][0]["noDataValue"].as_f64()
            ),
            ("Byte", Some(0.0))
        );
        for (i, found) in read.samples("Byte", 0).into_iter().enumerate() {
            let own = source.at(0, x, y, i % 256, i / 256);
            assert_eq!(found, if own.is_some() { 2.0 } else { 0.0 });
        }
    }
    let bands = ["one", "two", "three", "four"];
    for (k, band) in bands.iter().enumerate() {
        let mut source = Source::noise("UInt16", 1, Some(0.0));
        source.bands[0]
            .iter_mut()
            .filter(|v| **v > 0.0)
            .for_each(|v| *v = k as f64 + 1.0);
        source.write(&desk, &format!("x_{band}.vrt"));
    }
    let scene = [
        "x_two.vrt",
        "x_three.vrt",
        "x_four.vrt",
        "--stack",
        "{scene}_{band}.vrt",
        "-b",
        "four,one,two,three",
        "-z",
        "8",
    ];
    bake(&desk, "x_one.vrt", "scene", &scene);
    for path in files(&desk, "scene").into_values() {
        let read = read(&path).unwrap();
        for (k, (value, name)) in [(4.0, "four"), (1.0, "one"), (2.0, "two"), (3.0, "three")]
            .into_iter()
            .enumerate()
        {
            assert_eq!(read.info["bands"][k]["description"], name);
            assert!(
                read.samples("UInt16", k)
                    .iter()
                    .all(|v| *v == value || *v == 0.0)
            );
        }
    }
}

#[test]
fn warped_values_are_the_sources_with_the_nearest_kernel() {
    // Every value is one of the source's, whose own nodata marks what is beyond it.
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let run = [
        "tile", &source, "-f", "gtiff", "-r", "nearest", "-z", "9", "-o", "warped",
    ];
    desk.run(&run).ok();
    let picture = [
        "tile", &source, "-r", "nearest", "-z", "9", "-o", "pictures",
    ];
    desk.run(&picture).ok();
    let tiles = files(&desk, "warped");
    assert!(tiles.len() > 10);
    for ((z, x, y), path) in tiles {
        let Some(read) = read(&path) else { return };
        let png = std::fs::read(desk.path(&format!("pictures/{z}/{x}/{y}.png"))).unwrap();
        let png = image::load_from_memory(&png).unwrap().to_rgba8();
        let bands: Vec<_> = (0..3).map(|k| read.samples("Byte", k)).collect();
        for (i, pixel) in png.pixels().enumerate() {
            for (k, band) in bands.iter().enumerate() {
                let own = f64::from(pixel.0[k]);
                let expected = if pixel.0[3] > 0 { own } else { 0.0 };
                assert_eq!(band[i], expected, "{z}/{x}/{y}, band {k}, pixel {i}");
            }
        }
    }
}

#[test]
fn tiles_are_the_same_in_all_containers_on_any_number_of_threads_and_come_back() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let how = ["tile", &source, "-f", "geotiff", "-z", "5-9"];
    let bake = |more: &[&str]| desk.run(&[&how[..], more].concat()).ok().stderr;
    let said = bake(&[
        "-j",
        "1",
        "-o",
        "a",
        "-o",
        "a.mbtiles",
        "-o",
        "a.pmtiles",
        "--report",
        "a.json",
    ]);
    assert!(said.contains("PMTiles has no word"), "{said}");
    bake(&["-j", "2", "-o", "b", "-o", "b.mbtiles", "-o", "b.pmtiles"]);
    for (one, two) in [
        ("a", "b"),
        ("a.mbtiles", "b.mbtiles"),
        ("a.pmtiles", "b.pmtiles"),
    ] {
        desk.same(one, two);
    }
    let told: Value = serde_json::from_slice(&std::fs::read(desk.path("a.json")).unwrap()).unwrap();
    assert_eq!(told["options"]["format"], "tif");
    let values = &told["values"];
    assert_eq!(
        (&values["bands"], &values["gaps"], &values["nodata"]),
        (&3.into(), &"nodata".into(), &0.0.into())
    );
    let store = open_store(&desk.path("a.mbtiles")).unwrap();
    assert_eq!(store.metadata().rows["format"], "image/tiff");
    // Unknown, in the header.
    assert_eq!(desk.bytes("a.pmtiles")[Path::new("")][99], 0);
    for name in ["a", "a.mbtiles", "a.pmtiles"] {
        assert_eq!(
            open_store(&desk.path(name)).unwrap().metadata().format,
            Some(Format::Tif),
            "{name}"
        );
        let told = desk.run(&["info", "--json", name]).ok().stdout;
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["paths"][0]["format"], "tif", "{name}");
    }
    for (from, to) in [
        ("a", "c.mbtiles"),
        ("c.mbtiles", "c.pmtiles"),
        ("c.pmtiles", "c"),
    ] {
        desk.run(&["convert", from, "-o", to]).ok();
    }
    desk.same("a", "c");
    desk.same("a.mbtiles", "c.mbtiles");
    desk.same("a.pmtiles", "c.pmtiles");
    let sizes = ["0", "9"].map(|effort| {
        bake(&["--effort", effort, "-o", &format!("effort{effort}")]);
        let all = desk.bytes(&format!("effort{effort}"));
        all.values().map(Vec::len).sum::<usize>()
    });
    assert!(sizes[1] < sizes[0]);
}

/// One colour all over: the same values, at other places.
#[test]
fn tiles_of_one_value_have_places_of_their_own() {
    let desk = Desk::new();
    let mut source = Source::noise("Byte", 1, None);
    source.bands[0].fill(7.0);
    source.write(&desk, "flat.vrt");
    bake(&desk, "flat.vrt", "flat", &["--keep-blank"]);
    check(&desk, &source, "flat", 0.0);
    let all: std::collections::BTreeSet<Vec<u8>> = files(&desk, "flat")
        .into_values()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert_eq!(all.len(), files(&desk, "flat").len());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", "a.tif");
    let refused = |more: &[&str], said: &str| {
        let args = [&["tile", "a.tif", "-f", "tif", "-o", "out"], more].concat();
        desk.run(&args).fails(2, said);
    };
    refused(&["--quality", "80"], "quality has no meaning for tif");
    refused(&["--max-tile-bytes", "50KB"], "tif tiles keep every pixel");
    refused(
        &["--round", "3"],
        "--round: of heights, which tif tiles are not",
    );
    refused(
        &["--color-formula", "gamma rgb 1.2", "-b", "1"],
        "one band, which is gray",
    );
    refused(&["-b", "a"], "alpha alone");
    refused(&["-b", "9"], "no band 9");
    let picture = ["tile", "a.tif", "-b", "1,2", "-o", "out"];
    desk.run(&picture)
        .fails(2, "2 bands of colour; expected 1 or 3");
    desk.run(&["tile", "a.tif", "-z", "6", "-o", "png.mbtiles"])
        .ok();
    let convert = ["convert", "png.mbtiles", "-f", "tif", "-o", "out"];
    desk.run(&convert)
        .fails(2, "tif tiles hold values and where they lie");
    desk.run(&["tile", "a.tif", "-f", "tif", "-z", "6", "-o", "tif.mbtiles"])
        .ok();
    let convert = ["convert", "tif.mbtiles", "-f", "png", "-o", "out"];
    desk.run(&convert)
        .fails(3, "tif, which is not decoded here");
    assert_eq!(desk.names(), ["a.tif", "png.mbtiles", "tif.mbtiles"]);
}
