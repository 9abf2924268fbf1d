//! What a recipe says becomes of tiles: qualities by zoom, and tiles that are made to fit.

use super::*;

fn recipe(format: Format) -> Recipe {
    format.into()
}

fn by(recipe: &Recipe, z: u8, image: &Image) -> (Vec<u8>, Fit) {
    let mut out = b"before".to_vec();
    let mut encoder = TileEncoder::new(recipe).unwrap();
    let fit = encoder.encode(z, image, &mut out).unwrap();
    assert!(out.starts_with(b"before"));
    (out.split_off(6), fit)
}

fn at(format: Format, quality: u8, image: &Image) -> Vec<u8> {
    let settings = Settings {
        quality: Some(quality),
        ..Settings::default()
    };
    encoded(&mut *encoder(format, &settings).unwrap(), image)
}

const LOSSY: [Format; 4] = [Format::Palette, Format::Jpeg, Format::Mixed, Format::Webp];

#[test]
fn each_zoom_has_the_quality_that_is_told_for_it() {
    let image = picture(photograph, Channels::Rgb, 64, 64);
    for format in LOSSY {
        let recipe = Recipe {
            settings: Settings {
                quality: Some(70),
                ..Settings::default()
            },
            quality_from: vec![(5, 50), (9, 20)],
            ..recipe(format)
        };
        let mut encoder = TileEncoder::new(&recipe).unwrap();
        for (z, quality) in [(0, 70), (4, 70), (5, 50), (8, 50), (9, 20), (30, 20)] {
            let mut out = Vec::new();
            encoder.encode(z, &image, &mut out).unwrap();
            assert!(out == at(format, quality, &image), "{format} {z}");
        }
        assert_eq!(encoder.class(6), encoder.class(8));
        assert_ne!(encoder.class(4), encoder.class(5));
    }
}

#[test]
fn without_a_first_quality_it_is_the_usual_one() {
    let image = picture(photograph, Channels::Rgb, 64, 64);
    let recipe = Recipe {
        quality_from: vec![(5, 50)],
        ..recipe(Format::Jpeg)
    };
    assert!(by(&recipe, 4, &image).0 == at(Format::Jpeg, JPEG_QUALITY, &image));
    assert!(by(&recipe, 5, &image).0 == at(Format::Jpeg, 50, &image));
}

#[test]
fn recipes_that_cannot_be_followed_are_refused() {
    let lossless = Settings {
        lossless: true,
        ..Settings::default()
    };
    let limited = |format, settings| Recipe {
        settings,
        tile_bytes_max: Some(5000),
        ..recipe(format)
    };
    let by_zoom = |format, quality_from: &[(u8, u8)]| Recipe {
        quality_from: quality_from.to_vec(),
        ..recipe(format)
    };
    let rows = [
        (by_zoom(Format::Jpeg, &[(3, 50), (4, 40)]), true),
        (by_zoom(Format::Jpeg, &[(4, 50), (3, 40)]), false),
        (by_zoom(Format::Jpeg, &[(3, 50), (3, 40)]), false),
        (by_zoom(Format::Jpeg, &[(3, 0)]), false),
        (by_zoom(Format::Png, &[(3, 50)]), false),
        (limited(Format::Jpeg, Settings::default()), true),
        (limited(Format::Mixed, Settings::default()), true),
        (limited(Format::Webp, Settings::default()), true),
        (limited(Format::Webp, lossless), false),
        (limited(Format::Png, Settings::default()), false),
    ];
    for (recipe, fine) in rows {
        match recipe.check() {
            Ok(()) => assert!(fine, "{recipe:?}"),
            Err(error) => assert!(!fine && error.kind() == Kind::Usage, "{error}"),
        }
        assert_eq!(TileEncoder::new(&recipe).is_ok(), fine);
    }
}

#[test]
fn tiles_are_made_to_fit_by_lowering_their_quality() {
    for format in LOSSY {
        for channels in [Channels::Rgb, Channels::Rgba] {
            let image = picture(photograph, channels, 256, 256);
            let whole = by(&recipe(format), 0, &image).0;
            let within = |max| {
                let recipe = Recipe {
                    tile_bytes_max: Some(max),
                    ..recipe(format)
                };
                by(&recipe, 0, &image)
            };
            assert_eq!(within(whole.len()), (whole.clone(), Fit::Fits));
            let mut last = whole.len();
            for part in [2, 3, 5] {
                let max = whole.len() / part;
                let (tile, fit) = within(max);
                assert_eq!(fit, Fit::Fits, "{format} {channels:?} in {max}");
                assert!(tile.len() <= max && tile.len() <= last);
                // The best that there is: with the quality that is asked for, or no less than half of what there may be.
                let lossy = Settings {
                    edges: Edges::Lossy,
                    ..Settings::default()
                };
                let best = encoded(&mut *encoder(format, &lossy).unwrap(), &image);
                assert!(
                    tile.len() > max / 2 || tile == best,
                    "{format} {channels:?}"
                );
                let decoded = image::load_from_memory(&tile).unwrap();
                let alphas = |image: &DynamicImage| -> Vec<u8> {
                    image.to_rgba8().pixels().map(|p| p[3]).collect()
                };
                if format == Format::Webp {
                    assert!(alphas(&decoded) == alphas(&expected(&image)));
                }
                last = tile.len();
            }
            let (tile, fit) = within(10);
            assert_eq!(fit, Fit::TooLarge);
            assert!(tile.len() > 10 && image::load_from_memory(&tile).is_ok());
        }
    }
}
