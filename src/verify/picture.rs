//! [`Picture`]: the pixels of a tile as what they mean, whatever the format.

use crate::encode::{Format, decode};
use crate::error::Error;
use crate::geo::transform::crs::Crs;
use crate::raster::image::{Channels, Image, Pixels};
use crate::raster::{Raster, SampleType, Samples};
use crate::source::Source;
use crate::source::gdal::{GdalSource, OpenOptions, damage_in, with_bytes};
use crate::style::terrain::Encoding;

/// What the pixels of a tileset mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    /// Colours.
    Colours,
    /// Heights, written as colours.
    Heights(Encoding),
}

impl Meaning {
    /// By the word that tilesets have for it, and heights at 0 and 1 where they tell.
    pub(super) fn from_word(word: Option<&str>) -> Self {
        match word {
            Some("terrarium") => Self::Heights(Encoding::TERRARIUM),
            Some("mapbox") => Self::Heights(Encoding::TERRAIN_RGB),
            _ => Self::Colours,
        }
    }
}

/// A tile's pixels: floating point, whatever they were.
pub(super) struct Picture {
    /// Three bands of colours, one of heights, or all of a tile of values.
    pub(super) raster: Raster,
    /// What counts as one step of 255: 1 for colours.
    pub(super) unit: f32,
    /// Whether the format says what is not there.
    pub(super) has_alpha: bool,
    /// Whether the tile is of a format that keeps every pixel. Palettes may have fewer colours than there were.
    pub(super) is_lossless: bool,
}

impl Picture {
    /// The pixels of `tile`; `None` if it is of a format that cannot be decoded here.
    ///
    /// # Errors
    /// What is wrong with it otherwise.
    pub(super) fn read(tile: &[u8], meaning: Meaning) -> Result<Option<Self>, String> {
        let Some(format) = Format::sniff(tile) else {
            return Err("no picture that we know".to_owned());
        };
        match format {
            Format::Avif => Ok(None),
            Format::Tif => Self::of_values(tile).map(Some),
            _ => {
                let picture = Self::of_image(&decode(tile)?, meaning)?;
                let is_lossless = is_lossless(format, tile);
                Ok(Some(Self {
                    is_lossless,
                    has_alpha: format.info().alpha,
                    ..picture
                }))
            }
        }
    }

    fn of_image(image: &Image, meaning: Meaning) -> Result<Self, String> {
        let (values, mask) = colours(image);
        let (bands, values, unit) = match meaning {
            Meaning::Colours => (3, values, 1.0),
            Meaning::Heights(encoding) => {
                let (values, unit) = heights(&values, &mask, encoding);
                (1, values, unit)
            }
        };
        let samples = Samples::F32(values);
        let (width, height) = (image.width, image.height);
        let raster = Raster::from_parts(width, height, bands, SampleType::F32, samples, mask);
        Ok(Self {
            raster: raster.map_err(|error| error.to_string())?,
            unit,
            has_alpha: false,
            is_lossless: false,
        })
    }

    /// A tile of values, which GDAL reads.
    fn of_values(tile: &[u8]) -> Result<Self, String> {
        let read = |name: &str| {
            let told = OpenOptions {
                // Where a tile lies is told by its address.
                crs: Some(Crs::parse("EPSG:3857")?),
                indices: true,
                ..OpenOptions::default()
            };
            let open = |options: &OpenOptions| GdalSource::open(name, options);
            let plain = OpenOptions {
                crs: None,
                ..told.clone()
            };
            let source = open(&plain).or_else(|_| open(&told))?;
            source.read(0, source.info().levels[0].whole())
        };
        let raster = with_bytes(tile, "tif", read).map_err(|error: Error| error.to_string())?;
        let (width, height, bands) = (raster.width(), raster.height(), raster.bands());
        let values: Vec<f32> = match raster.samples {
            Samples::U8(values) => values.into_iter().map(f32::from).collect(),
            Samples::F32(values) => values,
            Samples::F64(values) => values.into_iter().map(|value| value as f32).collect(),
        };
        let unit = range(&values, &raster.mask, bands) / 255.0;
        let samples = Samples::F32(values);
        let raster =
            Raster::from_parts(width, height, bands, SampleType::F32, samples, raster.mask);
        Ok(Self {
            raster: raster.map_err(|error| error.to_string())?,
            unit: unit.max(f32::MIN_POSITIVE),
            has_alpha: true,
            is_lossless: true,
        })
    }
}

/// What is wrong at the end of the picture that `tile` is: something comes after it, or it is missing. Readers pass over it, but no
/// encoder writes it.
pub(super) fn bad_end(tile: &[u8]) -> Option<String> {
    let beyond = |n: usize| (n > 0).then(|| format!("{n} bytes after the end of the picture"));
    let cut = || "cut short: the end of the picture is missing".to_owned();
    match Format::sniff(tile)? {
        Format::Png => {
            // The last chunk: no bytes, its name, its sum (PNG specification, 11.2.5).
            const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
            match tile.windows(END.len()).position(|bytes| bytes == END) {
                Some(end) => beyond(tile.len() - end - END.len()),
                None => Some(cut()),
            }
        }
        Format::Webp => {
            // The container tells its length, but for 8 bytes of its own; it is even (RFC 9649, 2.4).
            let told = u32::from_le_bytes(*tile.get(4..8)?.first_chunk()?);
            let told = (told as usize).checked_add(8)?;
            if tile.len() < told {
                return Some(cut());
            }
            beyond(tile.len().saturating_sub(told.next_multiple_of(2)))
        }
        Format::Jpeg => {
            const END: &[u8] = b"\xff\xd9";
            (!tile.ends_with(END)).then(|| "other bytes after the end of the picture".to_owned())
        }
        _ => None,
    }
}

/// Damage in `tile` that decoding it does not tell of: JPEG has no sums, and one broken code spoils all that follow.
///
/// # Errors
/// As [`damage_in`].
pub(super) fn hidden_damage(tile: &[u8]) -> Result<Option<String>, Error> {
    match Format::sniff(tile) {
        Some(Format::Jpeg) => damage_in(tile, "jpg"),
        _ => Ok(None),
    }
}

/// Whether `tile` has its pixels as they were, as far as its first bytes tell.
fn is_lossless(format: Format, tile: &[u8]) -> bool {
    /// Where a PNG has the type of its colours, and the type of those with a palette (PNG specification, 11.2.2).
    const COLOUR_TYPE: usize = 25;
    const PALETTE: u8 = 3;
    match format {
        Format::Png => tile.get(COLOUR_TYPE).is_some_and(|&found| found != PALETTE),
        // The chunk of lossless pictures comes soon, if there is one.
        Format::Webp => tile[..tile.len().min(64)]
            .windows(4)
            .any(|word| word == b"VP8L"),
        _ => false,
    }
}

/// The samples of a picture, or of one made of it.
pub(super) fn values(raster: &Raster) -> &[f32] {
    match &raster.samples {
        Samples::F32(values) => values,
        _ => &[],
    }
}

/// Red, green and blue from 0 to 255, interleaved, and alpha.
fn colours(image: &Image) -> (Vec<f32>, Vec<u8>) {
    let n = image.channels.count();
    let n_pixels = image.width * image.height;
    let (mut values, mut mask) = (
        Vec::with_capacity(n_pixels * 3),
        Vec::with_capacity(n_pixels),
    );
    let mut put = |pixel: [f32; 4], has_alpha: bool| {
        match image.channels {
            Channels::Gray | Channels::GrayAlpha => values.extend([pixel[0]; 3]),
            Channels::Rgb | Channels::Rgba => values.extend(&pixel[..3]),
        }
        mask.push(if has_alpha {
            pixel[n - 1].round() as u8
        } else {
            255
        });
    };
    let has_alpha = image.channels.has_alpha();
    let mut each = |at: &dyn Fn(usize) -> f32| {
        for pixel in 0..n_pixels {
            let mut found = [0.0; 4];
            for (k, value) in found.iter_mut().enumerate().take(n) {
                *value = at(pixel * n + k);
            }
            put(found, has_alpha);
        }
    };
    match &image.pixels {
        Pixels::U8(values) => each(&|at| f32::from(values[at])),
        // 257 = 65535 / 255.
        Pixels::U16(values) => each(&|at| f32::from(values[at]) / 257.0),
    }
    (values, mask)
}

/// The heights that colours tell, and a step: a part of their range, or of what they are rounded to if that is more.
fn heights(colours: &[f32], mask: &[u8], encoding: Encoding) -> (Vec<f32>, f32) {
    let codes: Vec<u32> = colours
        .as_chunks::<3>()
        .0
        .iter()
        .map(|rgb| {
            let [red, green, blue] = rgb.map(|value| value as u32);
            red << 16 | green << 8 | blue
        })
        .collect();
    let mut seen = codes
        .iter()
        .zip(mask)
        .filter(|&(_, &m)| m > 0)
        .map(|(&code, _)| code);
    let first = seen.next().unwrap_or(0);
    let differ = seen.fold(0, |bits, code| bits | (code ^ first));
    // Low bits that are equal everywhere were done without.
    let rounded = if differ == 0 {
        0
    } else {
        differ.trailing_zeros().min(16)
    };
    let step = encoding.interval() * f64::from(1u32 << rounded);
    let height = |&code: &u32| (encoding.base() + encoding.interval() * f64::from(code)) as f32;
    let heights: Vec<f32> = codes
        .iter()
        .zip(mask)
        .map(|(code, &m)| if m > 0 { height(code) } else { 0.0 })
        .collect();
    let unit = (range(&heights, mask, 1) / 255.0).max(step as f32);
    (heights, unit)
}

/// From the smallest to the largest value that is there.
fn range(values: &[f32], mask: &[u8], bands: usize) -> f32 {
    let pixels = values.chunks_exact(bands.max(1)).zip(mask);
    let there = pixels.filter(|&(_, &m)| m > 0).flat_map(|(pixel, _)| pixel);
    let (low, high) = there.fold((f32::MAX, f32::MIN), |(low, high), &value| {
        (low.min(value), high.max(value))
    });
    (high - low).max(0.0)
}
