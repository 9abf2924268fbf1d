//! Any picture written as PNG by any effort, or as lossless WebP, comes back as it went in, by a decoder that is not ours.

use azulejo::encode::{Format, Settings, encoder};
use azulejo::raster::image::{Channels, Image, Pixels};

pub fn run(recipe: &[u8]) {
    let Some((&[kind, effort, width, height], strokes)) = recipe.split_first_chunk::<4>() else {
        return;
    };
    let (image, deep) = picture(
        kind,
        usize::from(width) + 1,
        usize::from(height) + 1,
        strokes,
    );
    let format = match kind & 8 {
        0 => Format::Png,
        _ if deep => return,
        _ => Format::Webp,
    };
    let settings = Settings {
        lossless: true,
        effort: Some(effort % 10),
        ..Settings::default()
    };
    let mut bytes = Vec::new();
    encoder(format, &settings)
        .expect("settings that there are")
        .encode(&image, &mut bytes)
        .expect("a picture that the format can hold");
    let decoded = image::load_from_memory(&bytes).expect("a whole file");
    match &image.pixels {
        Pixels::U8(_) => assert_eq!(decoded.to_rgba8().into_raw(), rgba(&image)),
        Pixels::U16(values) => assert_eq!(
            decoded.to_rgba16().into_raw(),
            spread(values, image.channels)
        ),
    }
}

/// A picture of such a size, painted with `strokes`; whether it has 16 bits.
fn picture(kind: u8, width: usize, height: usize, strokes: &[u8]) -> (Image, bool) {
    let channels = [
        Channels::Gray,
        Channels::GrayAlpha,
        Channels::Rgb,
        Channels::Rgba,
    ][usize::from(kind % 4)];
    let deep = kind & 4 != 0;
    let n = width * height * channels.count();
    let bytes = paint(strokes, if deep { 2 * n } else { n });
    let mut image = Image {
        width,
        height,
        channels,
        pixels: match deep {
            false => Pixels::U8(bytes),
            true => Pixels::U16(
                bytes
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|&two| u16::from_le_bytes(two))
                    .collect(),
            ),
        },
    };
    // What pictures promise: nothing is under alpha 0.
    if channels.has_alpha() {
        match &mut image.pixels {
            Pixels::U8(values) => clear(values, channels.count()),
            Pixels::U16(values) => clear(values, channels.count()),
        }
    }
    (image, deep)
}

fn clear<T: Copy + Default + PartialEq>(values: &mut [T], n: usize) {
    for pixel in values.chunks_exact_mut(n) {
        if pixel[n - 1] == T::default() {
            pixel.fill(T::default());
        }
    }
}

/// `n` bytes by strokes of four: what, how long, and two numbers. They are repeated until all is painted.
fn paint(strokes: &[u8], n: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(n);
    let strokes = strokes.as_chunks::<4>().0;
    let mut state = 1_u32;
    while out.len() < n {
        let before = out.len();
        for &[what, long, a, b] in strokes {
            let long = (usize::from(long) + 1) << (what >> 4);
            let long = long.min(n - out.len());
            match what % 4 {
                0 => out.extend(std::iter::repeat_n(a, long)),
                1 => out.extend((0..long).map(|k| a.wrapping_add((k as u8).wrapping_mul(b)))),
                2 => out.extend((0..long).map(|_| {
                    state = state.wrapping_mul(0x915F_77F5).wrapping_add(u32::from(b));
                    a.wrapping_add((state >> 24) as u8 & (b | 1))
                })),
                // What was painted some bytes ago.
                _ => {
                    let back = usize::from(u16::from_le_bytes([a, b])) + 1;
                    for _ in 0..long {
                        let byte = out.len().checked_sub(back).map_or(0, |k| out[k]);
                        out.push(byte);
                    }
                }
            }
        }
        if out.len() == before {
            out.resize(n, 0);
        }
    }
    out
}

/// The picture as red, green, blue and alpha.
fn rgba(image: &Image) -> Vec<u8> {
    match &image.pixels {
        Pixels::U8(values) => spread(values, image.channels),
        Pixels::U16(_) => Vec::new(),
    }
}

trait Whole: Copy {
    const WHOLE: Self;
}

impl Whole for u8 {
    const WHOLE: Self = Self::MAX;
}

impl Whole for u16 {
    const WHOLE: Self = Self::MAX;
}

fn spread<T: Whole>(values: &[T], channels: Channels) -> Vec<T> {
    let pixels = values.chunks_exact(channels.count());
    pixels
        .flat_map(|pixel| match *pixel {
            [gray] => [gray, gray, gray, T::WHOLE],
            [gray, alpha] => [gray, gray, gray, alpha],
            [red, green, blue] => [red, green, blue, T::WHOLE],
            [red, green, blue, alpha] => [red, green, blue, alpha],
            _ => unreachable!("pixels have one to four channels"),
        })
        .collect()
}
