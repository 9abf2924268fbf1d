//! One suite over all rows of [`FORMATS`]: what is encoded decodes to what it was, by a decoder that
//! is not ours, and gives the same bytes whatever was encoded before.

// Not only tests unwrap here, but also their helpers.
#![allow(clippy::unwrap_used)]

mod pictures;
mod recipe;
mod values;

use image::DynamicImage;
use proptest::prelude::*;

use super::*;
use crate::error::Kind;
use crate::raster::image::Channels;
use pictures::{CHANNELS, SIZES, SUBJECTS, in_16_bits, photograph, picture, random_picture};

/// What a decoder should give for `image`, alpha included: 16 bits if it has them, else 8.
fn expected(image: &Image) -> DynamicImage {
    let (width, height) = (image.width as u32, image.height as u32);
    let dynamic = match (&image.pixels, image.channels) {
        (Pixels::U8(v), Channels::Gray) => {
            image::GrayImage::from_raw(width, height, v.clone()).map(Into::into)
        }
        (Pixels::U8(v), Channels::GrayAlpha) => {
            image::GrayAlphaImage::from_raw(width, height, v.clone()).map(Into::into)
        }
        (Pixels::U8(v), Channels::Rgb) => {
            image::RgbImage::from_raw(width, height, v.clone()).map(Into::into)
        }
        (Pixels::U8(v), Channels::Rgba) => {
            image::RgbaImage::from_raw(width, height, v.clone()).map(Into::into)
        }
        (Pixels::U16(v), Channels::Gray) => {
            image::ImageBuffer::from_raw(width, height, v.clone()).map(DynamicImage::ImageLuma16)
        }
        (Pixels::U16(v), Channels::GrayAlpha) => {
            image::ImageBuffer::from_raw(width, height, v.clone()).map(DynamicImage::ImageLumaA16)
        }
        (Pixels::U16(v), Channels::Rgb) => {
            image::ImageBuffer::from_raw(width, height, v.clone()).map(DynamicImage::ImageRgb16)
        }
        (Pixels::U16(v), Channels::Rgba) => {
            image::ImageBuffer::from_raw(width, height, v.clone()).map(DynamicImage::ImageRgba16)
        }
    };
    dynamic.unwrap()
}

fn assert_same(tile: &[u8], image: &Image, what: &str) {
    let (decoded, expected) = (image::load_from_memory(tile).unwrap(), expected(image));
    match image.pixels {
        Pixels::U8(_) => assert!(
            decoded.to_rgba8() == expected.to_rgba8(),
            "{what}: 8-bit pixels differ"
        ),
        Pixels::U16(_) => {
            assert!(
                decoded.color().bytes_per_pixel() / decoded.color().channel_count() == 2,
                "{what}: not 16 bits"
            );
            assert!(
                decoded.to_rgba16() == expected.to_rgba16(),
                "{what}: 16-bit pixels differ"
            );
        }
    }
}

/// The peak signal-to-noise ratio in dB of what one sees over white.
fn psnr(tile: &[u8], image: &Image) -> f64 {
    let over_white = |image: &DynamicImage| -> Vec<f64> {
        let rgba = image.to_rgba8();
        let pixels = rgba.pixels().flat_map(|p| {
            let alpha = f64::from(p[3]) / 255.0;
            [p[0], p[1], p[2]].map(|v| f64::from(v) * alpha + 255.0 * (1.0 - alpha))
        });
        pixels.collect()
    };
    let decoded = image::load_from_memory(tile).unwrap();
    let (a, b) = (over_white(&decoded), over_white(&expected(image)));
    assert_eq!(a.len(), b.len(), "another size came out");
    let error = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64;
    10.0 * (255.0 * 255.0 / error.max(1e-9)).log10()
}

fn encoded(encoder: &mut dyn Encode, image: &Image) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encoder.encode(image, &mut out).unwrap();
    assert!(out.starts_with(b"before"), "encoders append");
    out.split_off(6)
}

/// The chunk types of a PNG, in their order.
fn chunks(mut png: &[u8]) -> Vec<&[u8]> {
    png = &png[8..];
    let mut kinds = Vec::new();
    while !png.is_empty() {
        let length = u32::from_be_bytes(png[..4].try_into().unwrap()) as usize;
        kinds.push(&png[4..8]);
        png = &png[12 + length..];
    }
    kinds
}

/// Runs the suite for one row of [`FORMATS`] with some settings. `floor_db` is the least PSNR;
/// `None` if tiles are exact.
fn check(format: Format, settings: Settings, floor_db: Option<f64>) {
    let info = format.info();
    let mut worker = encoder(format, &settings).unwrap();
    assert_eq!(worker.format(), format);
    for (subject, draw) in SUBJECTS {
        for channels in CHANNELS {
            for (width, height) in SIZES {
                let image = picture(draw, channels, width, height);
                let images = if info.sixteen_bits {
                    vec![in_16_bits(&image), image]
                } else {
                    vec![image]
                };
                for image in &images {
                    let what =
                        format!("{format} {settings:?}: {subject} {channels:?} {width} x {height}");
                    let tile = encoded(&mut *worker, image);
                    let found = Format::sniff(&tile);
                    assert!(found.is_some_and(|f| format.holds(f)), "{what}: {found:?}");
                    let transparent = is_transparent(image);
                    match floor_db {
                        None => assert_same(&tile, image, &what),
                        // What keeps alpha, keeps tiles that have it.
                        Some(_) if transparent && info.alpha && format != Format::Palette => {
                            assert_same(&tile, image, &what)
                        }
                        Some(floor) => {
                            let decoded = image::load_from_memory(&tile).unwrap();
                            let alpha = transparent && info.alpha;
                            assert_eq!(decoded.color().has_alpha(), alpha, "{what}: alpha");
                            let db = psnr(&tile, image);
                            assert!(db >= floor, "{what}: {db:.1} dB");
                        }
                    }
                    assert!(
                        encoded(&mut *worker, image) == tile,
                        "{what}: other bytes the second time"
                    );
                    let mut fresh = encoder(format, &settings).unwrap();
                    assert!(
                        encoded(&mut *fresh, image) == tile,
                        "{what}: other bytes from a fresh encoder"
                    );
                }
            }
        }
    }
}

/// Whether some pixel is not opaque.
fn is_transparent(image: &Image) -> bool {
    let decoded = expected(image).to_rgba8();
    decoded.pixels().any(|p| p[3] < 255)
}

fn effort(effort: u8) -> Settings {
    Settings {
        effort: Some(effort),
        ..Settings::default()
    }
}

#[test]
fn png_comes_back_exactly() {
    check(Format::Png, Settings::default(), None);
    for e in [0, 1, 9] {
        check(Format::Png, effort(e), None);
    }
}

#[test]
fn lossless_webp_comes_back_exactly() {
    let lossless = Settings {
        lossless: true,
        ..Settings::default()
    };
    check(Format::Webp, lossless, None);
    for e in [0, 4, 6] {
        check(
            Format::Webp,
            Settings {
                effort: Some(e),
                ..lossless
            },
            None,
        );
    }
}

// The floors are those of a map's hard edges with colour stored for every four pixels.
#[test]
fn jpeg_comes_back_alike() {
    check(Format::Jpeg, Settings::default(), Some(22.0));
    for e in [0, 5, 7, 9] {
        check(Format::Jpeg, effort(e), Some(22.0));
    }
    check(
        Format::Jpeg,
        Settings {
            quality: Some(95),
            ..Settings::default()
        },
        Some(32.0),
    );
}

#[test]
fn lossy_webp_comes_back_alike() {
    check(Format::Webp, Settings::default(), Some(22.0));
    for e in [0, 1, 5] {
        check(Format::Webp, effort(e), Some(22.0));
    }
}

/// The colours that a picture comes back with, and whether pixels are still of the same kind: transparent ones exactly so.
fn check_palette(image: &Image, tile: &[u8], n_colours: usize, what: &str) {
    let (there, before) = (
        image::load_from_memory(tile).unwrap().to_rgba8(),
        expected(image).to_rgba8(),
    );
    let colours = |image: &image::RgbaImage| -> std::collections::BTreeSet<[u8; 4]> {
        image.pixels().map(|p| p.0).collect()
    };
    if colours(&before).len() <= n_colours {
        assert!(there == before, "{what}: few colours are not kept");
    }
    assert!(colours(&there).len() <= n_colours, "{what}: too many");
    for (there, before) in there.pixels().zip(before.pixels()) {
        let kept = match before[3] {
            0 => there.0 == [0; 4],
            255 => there[3] == 255,
            _ => (1..255).contains(&there[3]),
        };
        assert!(kept, "{what}: {before:?} became {there:?}");
    }
}

#[test]
fn palette_comes_back_alike() {
    check(Format::Palette, Settings::default(), Some(28.0));
    check(Format::Palette, effort(9), Some(28.0));
}

#[test]
fn palette_has_as_many_colours_as_its_quality_says() {
    for (quality, n) in [
        (None, 256),
        (Some(100), 256),
        (Some(50), 128),
        (Some(6), 15),
        (Some(1), 4),
    ] {
        let settings = Settings {
            quality,
            ..Settings::default()
        };
        let mut palette = encoder(Format::Palette, &settings).unwrap();
        for (subject, draw) in SUBJECTS {
            for channels in CHANNELS {
                let image = picture(draw, channels, 100, 70);
                let tile = encoded(&mut *palette, &image);
                check_palette(
                    &image,
                    &tile,
                    n,
                    &format!("{subject} {channels:?} {quality:?}"),
                );
            }
        }
    }
}

/// Of more pixels than are looked at to choose colours, a few kinds of them at a few places only.
#[test]
fn palettes_of_large_tiles_have_all_kinds_of_pixels() {
    let draw = |col: u32, row: u32| match (col, row) {
        (1000, 7) => [0; 4],
        (2000, 100) => [9, 200, 3, 77],
        _ => [col as u8, row as u8, (col / 7) as u8, 255],
    };
    let image = picture(draw, Channels::Rgba, 2100, 600);
    let mut palette = encoder(Format::Palette, &Settings::default()).unwrap();
    check_palette(&image, &encoded(&mut *palette, &image), 256, "large");
}

#[test]
fn mixed_comes_back_alike_and_edges_exactly() {
    check(Format::Mixed, Settings::default(), Some(22.0));
    check(Format::Mixed, effort(0), Some(22.0));
}

/// Opaque or not, whatever channels say.
#[test]
fn mixed_is_jpeg_where_a_tile_is_opaque_and_png_where_it_is_not() {
    let mut mixed = encoder(Format::Mixed, &Settings::default()).unwrap();
    let settings = Settings::default();
    let of = |format, image: &Image| encoded(&mut *encoder(format, &settings).unwrap(), image);
    for channels in CHANNELS {
        for (subject, draw) in SUBJECTS {
            let image = picture(draw, channels, 64, 48);
            let format = match is_transparent(&image) {
                true => Format::Png,
                false => Format::Jpeg,
            };
            assert!(
                encoded(&mut *mixed, &image) == of(format, &image),
                "{subject} {channels:?}: not as {format}"
            );
        }
    }
    let opaque = |col, row| [col as u8, row as u8, 9, 255];
    let with = encoded(&mut *mixed, &picture(opaque, Channels::Rgba, 64, 48));
    let without = encoded(&mut *mixed, &picture(opaque, Channels::Rgb, 64, 48));
    assert!(with == without);
    assert_eq!(Format::sniff(&with), Some(Format::Jpeg));
}

/// A chunk `VP8 ` alone is lossy without alpha, `VP8L` lossless; what has `VP8X` may be anything (RFC 9649, section 2).
#[test]
fn webp_is_lossy_where_a_tile_is_opaque_and_lossless_where_it_is_not() {
    let mut webp = encoder(Format::Webp, &Settings::default()).unwrap();
    for channels in CHANNELS {
        for (subject, draw) in SUBJECTS {
            let image = picture(draw, channels, 64, 48);
            let tile = encoded(&mut *webp, &image);
            let expected: &[u8] = match is_transparent(&image) {
                true => b"VP8L",
                false => b"VP8 ",
            };
            assert_eq!(&tile[12..16], expected, "{subject} {channels:?}");
        }
    }
}

#[test]
fn opaque_webp_has_no_alpha_whatever_the_channels_say() {
    let opaque = |col: u32, row: u32| [(col * row) as u8, row as u8, 9, 255];
    let lossless = Settings {
        lossless: true,
        ..Settings::default()
    };
    for settings in [Settings::default(), lossless] {
        let mut webp = encoder(Format::Webp, &settings).unwrap();
        for (with, without) in [
            (Channels::Rgba, Channels::Rgb),
            (Channels::GrayAlpha, Channels::Gray),
        ] {
            let with = encoded(&mut *webp, &picture(opaque, with, 64, 48));
            assert!(with == encoded(&mut *webp, &picture(opaque, without, 64, 48)));
            let decoded = image::load_from_memory(&with).unwrap();
            assert!(!decoded.color().has_alpha());
        }
    }
}

#[test]
fn alpha_of_lossy_webp_is_exact_even_where_colours_are_not() {
    let image = picture(photograph, Channels::Rgba, 256, 256);
    let lossy = Settings {
        edges: Edges::Lossy,
        ..Settings::default()
    };
    let tile = encoded(&mut *encoder(Format::Webp, &lossy).unwrap(), &image);
    assert_eq!(&tile[12..16], b"VP8X");
    let decoded = image::load_from_memory(&tile).unwrap().to_rgba8();
    assert!(
        decoded
            .pixels()
            .map(|p| p[3])
            .eq(expected(&image).to_rgba8().pixels().map(|p| p[3]))
    );
}

#[test]
fn every_effort_works_and_the_default_is_one_of_them() {
    let image = picture(photograph, Channels::Rgb, 64, 64);
    for (info, lossless) in FORMATS
        .iter()
        .flat_map(|info| [(info, false), (info, true)])
    {
        let always_lossy = [Format::Jpeg, Format::Mixed, Format::Palette, Format::Avif];
        let built_in = cfg!(feature = "avif") || info.format != Format::Avif;
        // Of values no picture is made; their own tests see to that.
        if info.is_of_values() || !built_in || lossless && always_lossy.contains(&info.format) {
            continue;
        }
        let tile = |effort| {
            let settings = Settings {
                lossless,
                effort,
                ..Settings::default()
            };
            encoded(&mut *encoder(info.format, &settings).unwrap(), &image)
        };
        let tiles: Vec<_> = (0..=9).map(|e| tile(Some(e))).collect();
        assert!(
            tiles[9].len() <= tiles[0].len(),
            "{}: effort is worth it",
            info.name
        );
        assert!(
            tile(None) == tiles[usize::from(DEFAULT_EFFORT)],
            "{}",
            info.name
        );
    }
}

#[test]
fn more_quality_is_more_bytes_and_closer() {
    let image = picture(photograph, Channels::Rgb, 256, 256);
    for format in [Format::Palette, Format::Jpeg, Format::Mixed, Format::Webp] {
        let mut last = (0, 0.0);
        for quality in [1, 25, 50, 75, 89, 90, 100] {
            let settings = Settings {
                quality: Some(quality),
                ..Settings::default()
            };
            let tile = encoded(&mut *encoder(format, &settings).unwrap(), &image);
            let now = (tile.len(), psnr(&tile, &image));
            assert!(
                now.0 > last.0 && now.1 > last.1,
                "{format} {quality}: {now:?} after {last:?}"
            );
            last = now;
        }
    }
}

#[test]
fn solid_pngs_are_tiny_and_no_chunk_is_there_without_need() {
    let mut encoder = encoder(Format::Png, &Settings::default()).unwrap();
    let solid = encoded(
        &mut *encoder,
        &picture(|_, _| [1, 2, 3, 255], Channels::Rgb, 256, 256),
    );
    assert!(solid.len() < 120, "{} bytes", solid.len());
    assert_eq!(chunks(&solid), [b"IHDR", b"PLTE", b"IDAT", b"IEND"]);
    let empty = encoded(
        &mut *encoder,
        &picture(|_, _| [0; 4], Channels::Rgba, 256, 256),
    );
    assert_eq!(
        chunks(&empty),
        [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"]
    );
    let photo = encoded(&mut *encoder, &picture(photograph, Channels::Rgb, 256, 256));
    assert_eq!(chunks(&photo), [b"IHDR", b"IDAT", b"IEND"]);
}

#[test]
fn formats_are_found_by_all_their_names() {
    for info in &FORMATS {
        let names = info.aliases.iter().chain([
            &info.name,
            &info.extension,
            &info.mbtiles,
            &info.media_type,
        ]);
        for name in names {
            // Several are stored as PNG.
            let meant = match *name {
                "png" | "image/png" => Format::Png,
                _ => info.format,
            };
            assert_eq!(Format::from_name(name).unwrap(), meant);
            assert_eq!(Format::from_name(&name.to_uppercase()).unwrap(), meant);
        }
        assert_eq!(info.format.info().name, info.format.to_string());
    }
    let error = Format::from_name("gif").unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown tile format 'gif'; expected one of png, palette, jpeg, mixed, webp, avif, tif"
    );
    for bytes in [&b""[..], b"RIFF", b"RIFF....WAVE", b"GIF89a", b"\x89PNG"] {
        assert_eq!(Format::sniff(bytes), None);
    }
    for start in [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"] {
        assert_eq!(Format::sniff(start), Some(Format::Tif));
    }
    let avif = |file: &[u8]| Format::sniff(file) == Some(Format::Avif);
    assert!(avif(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf...."));
    assert!(avif(b"\0\0\0\x18ftypmif1\0\0\0\0miafavif...."));
    // Another brand, one beyond the box, one that is cut off.
    assert!(!avif(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"));
    assert!(!avif(b"\0\0\0\x14ftypmif1\0\0\0\0miafavif"));
    assert!(!avif(b"\0\0\0\x18ftypmif1\0\0\0\0miafavi"));
}

/// No decoder here reads AVIF; `tests/formats.rs` asks one.
#[cfg(feature = "avif")]
#[test]
fn avif_is_avif_and_the_same_every_time() {
    for effort in [0, 3, 6] {
        let settings = Settings {
            effort: Some(effort),
            ..Settings::default()
        };
        let mut worker = encoder(Format::Avif, &settings).unwrap();
        for (_, draw) in SUBJECTS {
            for channels in CHANNELS {
                let image = picture(draw, channels, 70, 50);
                let tile = encoded(&mut *worker, &image);
                assert_eq!(Format::sniff(&tile), Some(Format::Avif));
                assert!(encoded(&mut *worker, &image) == tile);
                // Alpha is a second picture (AV1 Image File Format, section 4.1).
                let auxiliary = tile.windows(4).any(|bytes| bytes == b"auxC");
                assert_eq!(auxiliary, is_transparent(&image));
            }
        }
    }
}

#[cfg(not(feature = "avif"))]
#[test]
fn without_the_feature_avif_is_refused() {
    let error = encoder(Format::Avif, &Settings::default()).err().unwrap();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(
        error
            .help()
            .is_some_and(|help| help.contains("--features avif"))
    );
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let quality = |q| Settings {
        quality: Some(q),
        ..Settings::default()
    };
    let lossless = Settings {
        lossless: true,
        ..Settings::default()
    };
    let rows: [(Format, Settings, bool); 17] = [
        (Format::Palette, quality(1), true),
        (Format::Palette, lossless, false),
        (Format::Mixed, quality(1), true),
        (Format::Mixed, lossless, false),
        (Format::Png, quality(80), false),
        (Format::Png, lossless, true),
        (Format::Jpeg, quality(0), false),
        (Format::Jpeg, quality(1), true),
        (Format::Jpeg, quality(100), true),
        (Format::Jpeg, quality(101), false),
        (Format::Jpeg, lossless, false),
        (Format::Jpeg, effort(10), false),
        (Format::Webp, quality(0), false),
        (Format::Webp, quality(100), true),
        (Format::Webp, lossless, true),
        (
            Format::Webp,
            Settings {
                quality: Some(80),
                ..lossless
            },
            false,
        ),
        (Format::Webp, effort(9), true),
    ];
    for (format, settings, fine) in rows {
        match encoder(format, &settings) {
            Ok(_) => assert!(fine, "{format} {settings:?}"),
            Err(error) => assert!(
                !fine && error.kind() == Kind::Usage,
                "{format} {settings:?}: {error}"
            ),
        }
    }
}

#[test]
fn pictures_that_do_not_fit_are_errors_and_leave_no_bytes() {
    let gray = |width: usize, height: usize, n: usize| Image {
        width,
        height,
        channels: Channels::Gray,
        pixels: Pixels::U8(vec![7; n]),
    };
    let deep = in_16_bits(&gray(2, 2, 4));
    let lossless = Settings {
        lossless: true,
        ..Settings::default()
    };
    let rows = [
        (Format::Png, Settings::default(), gray(0, 4, 0), Kind::Usage),
        (
            Format::Png,
            Settings::default(),
            gray(16_001, 1, 16_001),
            Kind::Usage,
        ),
        (
            Format::Png,
            Settings::default(),
            gray(4, 4, 15),
            Kind::Internal,
        ),
        (
            Format::Jpeg,
            Settings::default(),
            gray(65_501, 1, 65_501),
            Kind::Usage,
        ),
        (
            Format::Jpeg,
            Settings::default(),
            gray(usize::MAX, 2, 4),
            Kind::Usage,
        ),
        (
            Format::Jpeg,
            Settings::default(),
            gray(4, 4, 17),
            Kind::Internal,
        ),
        (Format::Jpeg, Settings::default(), deep.clone(), Kind::Usage),
        (
            Format::Webp,
            Settings::default(),
            gray(16_384, 1, 16_384),
            Kind::Usage,
        ),
        (
            Format::Mixed,
            Settings::default(),
            gray(16_001, 1, 16_001),
            Kind::Usage,
        ),
        (
            Format::Mixed,
            Settings::default(),
            deep.clone(),
            Kind::Usage,
        ),
        (Format::Webp, lossless, gray(1, 16_384, 16_384), Kind::Usage),
        (Format::Webp, lossless, deep.clone(), Kind::Usage),
        (Format::Webp, Settings::default(), deep, Kind::Usage),
    ];
    for (format, settings, image, kind) in rows {
        let mut out = vec![1, 2, 3];
        let error = encoder(format, &settings)
            .unwrap()
            .encode(&image, &mut out)
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.help().is_some(), kind == Kind::Usage, "{error}");
        assert_eq!(out, [1, 2, 3]);
    }
    // The longest sides are fine.
    for (format, side) in [
        (Format::Png, 16_000),
        (Format::Jpeg, 65_500),
        (Format::Webp, 16_383),
    ] {
        encoded(
            &mut *encoder(format, &Settings::default()).unwrap(),
            &gray(side, 1, side),
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_picture_comes_back_from_png(images in prop::collection::vec(random_picture(), 1..4), e in 0..=5u8) {
        let mut worker = encoder(Format::Png, &effort(e)).unwrap();
        for image in &images {
            assert_same(&encoded(&mut *worker, image), image, "random picture");
        }
    }

    #[test]
    fn any_picture_keeps_its_kinds_of_pixels_in_a_palette(image in random_picture(), quality in 1..=100u8) {
        if matches!(image.pixels, Pixels::U8(_)) {
            let settings = Settings { quality: Some(quality), ..Settings::default() };
            let tile = encoded(&mut *encoder(Format::Palette, &settings).unwrap(), &image);
            let n = (usize::from(quality) * 256 / 100).max(4);
            check_palette(&image, &tile, n, "random picture");
        }
    }

    #[test]
    fn any_picture_comes_back_from_formats_that_keep_edges(image in random_picture()) {
        if matches!(image.pixels, Pixels::U8(_)) {
            for format in [Format::Mixed, Format::Webp] {
                let tile = encoded(&mut *encoder(format, &Settings::default()).unwrap(), &image);
                prop_assert!(Format::sniff(&tile).is_some_and(|f| format.holds(f)));
                if is_transparent(&image) {
                    assert_same(&tile, &image, "random picture");
                } else {
                    let decoded = image::load_from_memory(&tile).unwrap();
                    prop_assert_eq!((decoded.width() as usize, decoded.height() as usize), (image.width, image.height));
                    prop_assert!(!decoded.color().has_alpha());
                }
            }
        }
    }
}
