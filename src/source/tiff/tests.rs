//! Blocks beside those that GDAL decodes of the same files.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

use std::fs::{self, File};
use std::io::Cursor;
use std::path::Path;

use gdal::raster::{Buffer, GdalType, RasterCreationOptions};
use gdal::{Dataset, DriverManager};
use proptest::prelude::*;

use super::*;

/// Whole numbers that no two neighbours share much of.
fn noise(n: usize) -> impl Iterator<Item = u32> {
    let mut state = 0x9e37_79b9_u32;
    (0..n).map(move |k| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // Smooth and rough parts.
        if k / 7 % 2 == 0 { k as u32 * 3 } else { state }
    })
}

/// Makes a file of `size` with `bands` of `value`, and closes it.
fn write<T: Copy + GdalType>(
    path: &Path,
    (width, height): (usize, usize),
    bands: usize,
    options: &str,
    value: impl Fn(u32) -> T,
) {
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let options = RasterCreationOptions::from_iter(options.split_whitespace());
    let dataset = driver
        .create_with_band_type_with_options::<T, _>(path, width, height, bands, &options)
        .unwrap();
    let mut values = noise(width * height * bands);
    for band in 1..=bands {
        let data = values.by_ref().take(width * height).map(&value).collect();
        let mut buffer = Buffer::new((width, height), data);
        let mut band = dataset.rasterband(band).unwrap();
        band.write((0, 0), (width, height), &mut buffer).unwrap();
    }
}

/// What GDAL reads of `window`, the bands after each other.
fn by_gdal(path: &Path, window: Window, bands: &[usize]) -> Vec<f32> {
    let dataset = Dataset::open(path).unwrap();
    let n = bands.len();
    let mut all = vec![0.0; window.width * window.height * n];
    for (k, &band) in bands.iter().enumerate() {
        let size = (window.width, window.height);
        let from = (window.col as isize, window.row as isize);
        let band = dataset.rasterband(band).unwrap();
        let values = band.read_as::<f32>(from, size, size, None).unwrap();
        for (to, &from) in all.iter_mut().skip(k).step_by(n).zip(values.data()) {
            *to = from;
        }
    }
    all
}

fn ours(path: &Path, layout: &Layout, window: Window, bands: &[usize]) -> Option<Vec<f32>> {
    let mut file = File::open(path).unwrap();
    let n = window.width * window.height * bands.len();
    let mut blocks = Blocks::default();
    let mut values = vec![-1.0; n];
    let read = blocks.read(
        (&mut file, 7),
        layout,
        window,
        bands,
        Values::F32(&mut values),
    );
    if layout.kind == Kind::U8 {
        let mut bytes = vec![1; n];
        let again = blocks.read(
            (&mut file, 7),
            layout,
            window,
            bands,
            Values::U8(&mut bytes),
        );
        assert_eq!(again, read);
        if read.is_some() {
            assert!(
                bytes
                    .iter()
                    .zip(&values)
                    .all(|(&byte, &value)| f32::from(byte) == value)
            );
        }
    }
    read.map(|()| values)
}

fn check(path: &Path, bands: usize) {
    let layout = Layout::read(&mut File::open(path).unwrap());
    let layout = layout.unwrap_or_else(|| panic!("{path:?} is plain"));
    let (width, height) = (layout.width, layout.height);
    let whole = Window {
        col: 0,
        row: 0,
        width,
        height,
    };
    let mut windows = vec![whole];
    // The last block, and two beside each other.
    let (col, row) = (
        (width - 1) / layout.block.0 * layout.block.0,
        (height - 1) / layout.block.1 * layout.block.1,
    );
    windows.push(Window {
        col,
        row,
        width: width - col,
        height: height - row,
    });
    windows.push(Window {
        width: width.min(2 * layout.block.0),
        height: height.min(layout.block.1),
        ..whole
    });
    let choices: Vec<Vec<usize>> = match bands {
        1 => vec![vec![1]],
        n => vec![
            (1..=n).collect(),
            vec![n],
            vec![n, 1],
            (1..=n.min(3)).collect(),
        ],
    };
    for window in windows {
        for bands in &choices {
            let found = ours(path, &layout, window, bands);
            let found = found.unwrap_or_else(|| panic!("{path:?}: {window:?}"));
            let expected = by_gdal(path, window, bands);
            let same = found
                .iter()
                .zip(&expected)
                .all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{path:?}: bands {bands:?} of {window:?}");
        }
    }
}

#[test]
fn plain_files_have_the_samples_that_gdal_finds_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    let blocks = [
        "",
        "TILED=YES BLOCKXSIZE=32 BLOCKYSIZE=48",
        "BLOCKYSIZE=7",
        "BLOCKYSIZE=200",
    ];
    let others = [
        "",
        "INTERLEAVE=BAND",
        "BIGTIFF=YES",
        "INTERLEAVE=BAND BIGTIFF=YES",
    ];
    for (bands, size) in [
        (1, (70, 61)),
        (2, (33, 49)),
        (3, (70, 61)),
        (4, (64, 48)),
        (5, (9, 3)),
    ] {
        for (blocks, other) in blocks.iter().flat_map(|b| others.map(|o| (b, o))) {
            for packed in ["", "COMPRESS=DEFLATE", "COMPRESS=DEFLATE PREDICTOR=2"] {
                let options = format!("{blocks} {other} {packed} PHOTOMETRIC=MINISBLACK");
                write(&path, size, bands, &options, |v| v as u8);
                check(&path, bands);
                write(&path, size, bands, &options, |v| v as u16);
                check(&path, bands);
                write(&path, size, bands, &options, |v| v as i16);
                check(&path, bands);
                write(&path, size, bands, &options, |v| {
                    f32::from_bits(v & 0x7f7f_ffff)
                });
                check(&path, bands);
            }
            let options = format!("{blocks} {other} COMPRESS=DEFLATE PREDICTOR=3");
            write(&path, size, bands, &options, |v| v as f32 / 7.0);
            check(&path, bands);
        }
    }
}

#[test]
fn what_is_not_plain_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    let layout = |path: &Path| Layout::read(&mut File::open(path).unwrap());
    for options in [
        "COMPRESS=LZW",
        "COMPRESS=JPEG",
        "NBITS=7",
        "ENDIANNESS=BIG",
        "PHOTOMETRIC=MINISWHITE",
    ] {
        write(&path, (40, 40), 1, options, |v| v as u8 % 100);
        assert_eq!(layout(&path), None, "{options}");
    }
    write(&path, (40, 40), 1, "", f64::from);
    assert_eq!(layout(&path), None);
    write(&path, (40, 40), 1, "COMPRESS=DEFLATE", |v| v);
    assert_eq!(layout(&path), None);
    fs::write(&path, b"II*\0").unwrap();
    assert_eq!(layout(&path), None);
    // Blocks that nobody has written, a part of a block, and bands that are not there.
    write(
        &path,
        (40, 40),
        1,
        "SPARSE_OK=YES COMPRESS=DEFLATE TILED=YES BLOCKXSIZE=16 BLOCKYSIZE=16",
        |_| 0_u8,
    );
    let sparse = layout(&path).unwrap();
    let window = |col, width| Window {
        col,
        row: 0,
        width,
        height: 16,
    };
    assert_eq!(ours(&path, &sparse, window(0, 16), &[1]), None);
    write(
        &path,
        (40, 40),
        1,
        "COMPRESS=DEFLATE TILED=YES BLOCKXSIZE=16 BLOCKYSIZE=16",
        |v| v as u8,
    );
    let plain = layout(&path).unwrap();
    assert!(ours(&path, &plain, window(16, 24), &[1]).is_some());
    for (window, bands) in [
        (window(1, 15), [1]),
        (window(0, 15), [1]),
        (window(0, 16), [2]),
        (window(0, 16), [0]),
    ] {
        assert_eq!(
            ours(&path, &plain, window, &bands),
            None,
            "{window:?} {bands:?}"
        );
    }
}

#[test]
fn damage_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    write(
        &path,
        (64, 64),
        1,
        "COMPRESS=DEFLATE TILED=YES BLOCKXSIZE=64 BLOCKYSIZE=64",
        |v| v as u8,
    );
    let layout = Layout::read(&mut File::open(&path).unwrap()).unwrap();
    let whole = Window {
        col: 0,
        row: 0,
        width: 64,
        height: 64,
    };
    assert!(ours(&path, &layout, whole, &[1]).is_some());
    let sound = fs::read(&path).unwrap();
    let (offset, n) = layout.places[0];
    for k in [0, n / 2, n - 1] {
        let mut bytes = sound.clone();
        bytes[(offset + k) as usize] ^= 0x5a;
        fs::write(&path, bytes).unwrap();
        assert_eq!(ours(&path, &layout, whole, &[1]), None, "byte {k} of {n}");
    }
    fs::write(&path, &sound[..sound.len() - 9]).unwrap();
    let cut = ours(&path, &layout, whole, &[1]);
    assert!(cut.is_none() || offset + n <= sound.len() as u64 - 9);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// Whatever the header says: nothing panics, nor takes more memory than the file could mean.
    #[test]
    fn any_header_is_read_or_refused(
        changes in prop::collection::vec((0..420_usize, any::<u8>()), 1..6),
        big in any::<bool>(),
    ) {
        let mut bytes = header(big);
        for (at, byte) in changes {
            let n = bytes.len();
            bytes[at % n] = byte;
        }
        if let Some(said) = geo_tags(&mut Cursor::new(&bytes)) {
            prop_assert!(said.len() <= 2 * bytes.len());
        }
        if let Some(layout) = Layout::read(&mut Cursor::new(&bytes)) {
            prop_assert!(layout.width > 0 && layout.height > 0 && layout.bands > 0);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.tif");
            fs::write(&path, &bytes).unwrap();
            let block = Window {
                col: 0,
                row: 0,
                width: layout.block.0.min(layout.width),
                height: layout.block.1.min(layout.height),
            };
            if block.width * block.height < 1 << 20 {
                let _ = ours(&path, &layout, block, &[1]);
            }
        }
    }
}

#[test]
fn what_a_file_says_of_its_system_is_found_byte_for_byte() {
    let said = |bytes: &[u8]| geo_tags(&mut Cursor::new(bytes));
    let (small, big) = (header(false), header(true));
    let found = said(&small).unwrap();
    // Of each tag its number, its type and how many values there are, in 12 bytes before them.
    assert_eq!(found.len(), 12 + 8 * 2 + 12 + 3);
    assert!(found.ends_with(b"ab|"));
    assert_eq!(said(&big), Some(found.clone()));
    let changed = |at: usize, byte: u8| {
        let mut bytes = small.clone();
        assert_ne!(std::mem::replace(&mut bytes[at], byte), byte);
        said(&bytes)
    };
    let text = small.windows(3).position(|part| part == b"ab|").unwrap();
    assert_ne!(changed(text, b'c').unwrap(), found);
    assert_ne!(changed(GEO_AT + 14, 9).unwrap(), found);
    // Samples are not of the system.
    assert_eq!(changed(519, 9).unwrap(), found);
    // Far more than there is; of a type that says nothing here; no such tag at all.
    let tag = small
        .windows(2)
        .position(|part| part == 34735_u16.to_le_bytes());
    let tag = tag.unwrap();
    assert_eq!(changed(tag + 6, 1), None);
    assert_eq!(changed(tag + 2, 7), None);
    assert_eq!(changed(tag, 0), None);
    let plain = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/byte.tif")).unwrap();
    assert!(said(&plain).is_some() && said(&plain[..100]).is_none());
}

/// Where eight shorts stand of what the file says of its system.
const GEO_AT: usize = 302 + 16;

/// A file of 20 x 10 bytes in two strips.
fn header(big: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if big {
        bytes.extend(*b"II\x2b\0\x08\0\0\0");
        bytes.extend(16_u64.to_le_bytes());
    } else {
        bytes.extend(*b"II\x2a\0");
        bytes.extend(8_u32.to_le_bytes());
    }
    let tags: [(u16, u16, u64, u64); 11] = [
        (256, 3, 1, 20),
        (257, 3, 1, 10),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 2, 302),
        (277, 3, 1, 1),
        (278, 3, 1, 5),
        (279, 4, 2, 310),
        (34735, 3, 8, GEO_AT as u64),
        (34737, 2, 3, u64::from(u32::from_le_bytes(*b"ab|\0"))),
    ];
    if big {
        bytes.extend(11_u64.to_le_bytes());
    } else {
        bytes.extend(11_u16.to_le_bytes());
    }
    for (tag, kind, n, value) in tags {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        if big {
            bytes.extend(n.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        } else {
            bytes.extend((n as u32).to_le_bytes());
            bytes.extend((value as u32).to_le_bytes());
        }
    }
    bytes.resize(302, 0);
    for number in [340_u32, 440, 100, 100] {
        bytes.extend(number.to_le_bytes());
    }
    for short in [1_u16, 1, 0, 1, 1024, 0, 1, 1] {
        bytes.extend(short.to_le_bytes());
    }
    bytes.resize(540, 3);
    bytes
}
