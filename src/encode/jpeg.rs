//! JPEG: lossy, 8 bits, gray or colour, by mozjpeg (ITU-T T.81, JFIF 1.02).
//!
//! JPEG has no alpha: pictures that have are shown over white.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mozjpeg::{ColorSpace, Compress};

use super::{Encode, Format, JPEG_QUALITY, Settings, by_effort, check_size, only_8_bits};
use crate::error::{Error, Result};
use crate::raster::image::{Channels, Image};

/// What a level of effort means. In the order of these steps, a relief map in tiles of 256 x 256 at
/// quality 85 takes 0.16, 0.42, 0.95, 3.6 and 5.5 ms and 11.1, 10.6, 10.4, 8.0 and 7.8 kB a tile, the
/// last two 0.8 dB further from the original.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effort {
    /// libjpeg's defaults: sequential, Huffman tables of the standard.
    Fastest,
    /// The same with Huffman tables made for the tile.
    Huffman,
    /// Progressive, by libjpeg's script.
    Progressive,
    /// With trellis quantisation, progressive by a fixed script.
    Trellis,
    /// mozjpeg's defaults: with trellis quantisation, and the best of several scripts.
    Best,
}

const EFFORTS: [Effort; 10] = [
    Effort::Fastest,
    Effort::Fastest,
    Effort::Huffman,
    Effort::Huffman,
    Effort::Progressive,
    Effort::Progressive,
    Effort::Progressive,
    Effort::Trellis,
    Effort::Trellis,
    Effort::Best,
];

/// From this quality on colour is stored for every pixel (4:4:4), below for every four (4:2:0):
/// who asks for so much quality looks at edges, and colour edges are what 4:2:0 blurs.
const FULL_COLOUR_QUALITY: u8 = 90;

/// libjpeg's `JPEG_MAX_DIMENSION`.
const SIDE_MAX: usize = 65_500;

/// Whether `tile` starts like a JPEG: marker SOI, then another marker (ITU-T T.81, annex B).
pub(super) fn sniff(tile: &[u8]) -> bool {
    tile.starts_with(&[0xFF, 0xD8, 0xFF])
}

/// An encoder of JPEG.
pub(super) fn open(settings: &Settings) -> Result<Box<dyn Encode>> {
    if settings.lossless {
        return Err(Error::usage("jpeg cannot be lossless")
            .with_help("leave --lossless away, or write png or webp"));
    }
    Ok(Box::new(Jpeg {
        quality: settings.quality.unwrap_or(JPEG_QUALITY),
        effort: by_effort(&EFFORTS, settings),
        opaque: Vec::new(),
    }))
}

struct Jpeg {
    quality: u8,
    effort: Effort,
    /// Pixels over white, where the picture has alpha.
    opaque: Vec<u8>,
}

impl Encode for Jpeg {
    fn format(&self) -> Format {
        Format::Jpeg
    }

    fn encode(&mut self, image: &Image, out: &mut Vec<u8>) -> Result<()> {
        check_size(image, Format::Jpeg, SIDE_MAX)?;
        let mut pixels = only_8_bits(image, Format::Jpeg)?;
        if image.channels.has_alpha() {
            over_white(pixels, image.channels.count(), &mut self.opaque);
            pixels = &self.opaque;
        }
        let colour_space = match image.channels {
            Channels::Gray | Channels::GrayAlpha => ColorSpace::JCS_GRAYSCALE,
            Channels::Rgb | Channels::Rgba => ColorSpace::JCS_RGB,
        };
        let start = out.len();
        guarded(|| {
            let mut compress = Compress::new(colour_space);
            configure(&mut compress, self.effort, self.quality, colour_space);
            compress.set_size(image.width, image.height);
            let mut started = compress.start_compress(&mut *out)?;
            started.write_scanlines(pixels)?;
            started.finish().map(drop)
        })
        .inspect_err(|_| out.truncate(start))
    }
}

/// Runs `work` with libjpeg, which reports errors by unwinding, and turns them into ours.
///
/// What `work` borrows mutably may be half written after an error, no worse.
fn guarded(work: impl FnOnce() -> io::Result<()>) -> Result<()> {
    let message = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(_) => "unknown failure".to_owned(),
        },
    };
    Err(Error::internal(format!("jpeg: {message}")))
}

fn configure(compress: &mut Compress, effort: Effort, quality: u8, colour_space: ColorSpace) {
    // A profile resets everything else, so it goes first.
    match effort {
        Effort::Fastest | Effort::Huffman | Effort::Progressive => compress.set_fastest_defaults(),
        Effort::Trellis => compress.set_optimize_scans(false),
        Effort::Best => {}
    }
    compress.set_optimize_coding(effort != Effort::Fastest);
    if matches!(effort, Effort::Progressive | Effort::Trellis) {
        compress.set_progressive_mode();
    }
    compress.set_quality(f32::from(quality));
    if colour_space == ColorSpace::JCS_RGB {
        let side = if quality < FULL_COLOUR_QUALITY { 2 } else { 1 };
        compress.set_chroma_sampling_pixel_sizes((side, side), (side, side));
    }
}

/// Composites pixels of `channels` channels, alpha last, over white.
fn over_white(pixels: &[u8], channels: usize, out: &mut Vec<u8>) {
    out.clear();
    for pixel in pixels.chunks_exact(channels) {
        let (&alpha, colour) = pixel.split_last().expect("a pixel has channels");
        out.extend(colour.iter().map(|&v| {
            let sum = u32::from(v) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
            // Rounded to the nearest; at most 255.
            ((sum + 127) / 255) as u8
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_libjpeg_become_errors() {
        let error = guarded(|| {
            let mut compress = Compress::new(ColorSpace::JCS_GRAYSCALE);
            compress.set_size(0, 0);
            compress.start_compress(Vec::new()).map(drop)
        })
        .expect_err("a picture without pixels is no JPEG");
        assert!(
            error
                .to_string()
                .starts_with("jpeg: libjpeg fatal error: Empty"),
            "{error}"
        );
    }

    #[test]
    fn alpha_shows_white() {
        let mut out = Vec::new();
        over_white(&[10, 0, 10, 255, 0, 128, 100, 51], 2, &mut out);
        assert_eq!(out, [255, 10, 127, 224]);
    }
}
