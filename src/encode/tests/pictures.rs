//! The pictures that the suite encodes.

use proptest::prelude::*;

use crate::raster::image::{Channels, Image, Pixels};

pub(super) const CHANNELS: [Channels; 4] = [
    Channels::Gray,
    Channels::GrayAlpha,
    Channels::Rgb,
    Channels::Rgba,
];

pub(super) const SIZES: [(usize, usize); 7] = [
    (1, 1),
    (64, 64),
    (4096, 1),
    (256, 256),
    (97, 131),
    (3, 5),
    (1, 300),
];

/// A subject: red, green, blue and alpha of the pixel at a column and row. Alpha matters only in
/// pictures that have it.
pub(super) type Subject = (&'static str, fn(u32, u32) -> [u8; 4]);

pub(super) const SUBJECTS: [Subject; 5] = [
    ("photograph", photograph),
    ("map", map),
    ("smooth map", smooth_map),
    ("solid", |_, _| [12, 200, 34, 255]),
    ("nothing", |_, _| [0; 4]),
];

/// A slope with some noise, fading out towards a corner that is empty.
pub(super) fn photograph(col: u32, row: u32) -> [u8; 4] {
    let noise = (col.wrapping_mul(0x9E37_79B9) ^ row.wrapping_mul(0x85EB_CA6B))
        .wrapping_mul(0xC2B2_AE35)
        >> 29;
    let wave = |x: u32, period: f32| (60.0 + 50.0 * (x as f32 / period).sin()) as u32;
    let [red, green, blue] = [wave(col, 41.0), wave(row, 53.0), wave(col + row, 67.0)]
        .map(|v| (v + 2 * noise + 60) as u8);
    let alpha = (4 * (col + row)).saturating_sub(300).min(255) as u8;
    [red, green, blue, alpha]
}

/// Areas of five colours, one of them transparent.
pub(super) fn map(col: u32, row: u32) -> [u8; 4] {
    let colours = [
        [250, 240, 230, 255],
        [0, 0, 0, 0],
        [90, 120, 200, 255],
        [200, 220, 180, 255],
        [180, 60, 60, 128],
    ];
    colours[((col / 37 + row / 23 * 2 + col * row / 4000) % 5) as usize]
}

/// A map with a graded background of more than 256 colours.
pub(super) fn smooth_map(col: u32, row: u32) -> [u8; 4] {
    let [red, green, blue, alpha] = map(col, row);
    [
        red.max((row / 2) as u8),
        green,
        blue.max((col / 3) as u8),
        alpha,
    ]
}

pub(super) fn picture(
    subject: fn(u32, u32) -> [u8; 4],
    channels: Channels,
    width: usize,
    height: usize,
) -> Image {
    let mut values = Vec::new();
    for (row, col) in
        (0..height as u32).flat_map(|row| (0..width as u32).map(move |col| (row, col)))
    {
        let mut rgba = subject(col, row);
        if channels.has_alpha() && rgba[3] == 0 {
            rgba = [0; 4];
        }
        match channels {
            Channels::Gray => values.push(rgba[1]),
            Channels::GrayAlpha => values.extend([rgba[1], rgba[3]]),
            Channels::Rgb => values.extend(&rgba[..3]),
            Channels::Rgba => values.extend(rgba),
        }
    }
    Image {
        width,
        height,
        channels,
        pixels: Pixels::U8(values),
    }
}

/// The same picture in 16 bits, with low bytes that are not the high ones.
pub(super) fn in_16_bits(image: &Image) -> Image {
    let Pixels::U8(values) = &image.pixels else {
        panic!("8 bits")
    };
    let values = values
        .iter()
        .map(|&v| (u16::from(v) * 257) ^ u16::from(v & 15))
        .collect();
    Image {
        pixels: Pixels::U16(values),
        ..image.clone()
    }
}

/// A picture of at most `n_colours` colours at random places.
pub(super) fn random_picture() -> impl Strategy<Value = Image> {
    let n_colours = prop::sample::select(vec![1, 2, 3, 4, 5, 15, 16, 17, 255, 256, 257, 4000]);
    let sides = prop_oneof![(1..40usize, 1..40usize), (60..90usize, 30..60usize)];
    let channels = prop::sample::select(CHANNELS.to_vec());
    (sides, channels, n_colours, any::<bool>(), any::<u64>()).prop_map(
        |((width, height), channels, n_colours, deep, seed)| {
            // Sequence by L'Ecuyer's multiplicative congruential generator: cheap, and shrinks well
            // with the sides.
            let mut state = u128::from(seed) << 1 | 1;
            let mut random = move || {
                state = state.wrapping_mul(0xDA94_2042_E4DD_58B5);
                (state >> 64) as u64
            };
            let colours: Vec<[u16; 4]> = (0..n_colours)
                .map(|_| {
                    let value = random();
                    let [a, b, c, d] = [0, 16, 32, 48].map(|shift| (value >> shift) as u16);
                    match d % 4 {
                        0 => [a, b, c, u16::MAX],
                        1 if channels.has_alpha() => [0; 4],
                        _ => [a, b, c, d | 0x0100],
                    }
                })
                .collect();
            let mut values = Vec::new();
            for _ in 0..width * height {
                let [r, g, b, a] = colours[random() as usize % n_colours];
                match channels {
                    Channels::Gray => values.push(r),
                    Channels::GrayAlpha => values.extend([r, a]),
                    Channels::Rgb => values.extend([r, g, b]),
                    Channels::Rgba => values.extend([r, g, b, a]),
                }
            }
            let pixels = match deep {
                true => Pixels::U16(values),
                false => Pixels::U8(values.iter().map(|&v| (v >> 8) as u8).collect()),
            };
            Image {
                width,
                height,
                channels,
                pixels,
            }
        },
    )
}
