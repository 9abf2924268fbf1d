//! AVIF: lossy, 8 bits, with or without alpha (AV1 Image File Format 1.1), by rav1e. Written only by a program that was
//! built with the feature `avif`; told from other formats by all.
//!
//! Colour is lossy at edges, too; alpha has the highest quality there is, which is not exact, as rav1e knows no lossless way: a
//! transparent pixel may get an alpha of 1 or 2. One thread makes a tile.
//!
//! MBTiles 1.3 wants the media type of formats that it does not name. Readers that know AVIF at all look for `avif`, as
//! they do for `webp`, so that is what is written; `image/avif` is understood.

use super::{Encode, Settings};
use crate::error::Result;

/// Whether `tile` starts with the box of a file type that names AVIF among its brands (ISO/IEC 14496-12, section 4.3):
///
/// ```text
/// length, u32 BE | "ftyp" | major brand | version, u32 | brands, 4 bytes each
/// ```
pub(super) fn sniff(tile: &[u8]) -> bool {
    let Some((head, _)) = tile.split_first_chunk::<12>() else {
        return false;
    };
    let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let brands = tile.get(16..length.min(tile.len())).unwrap_or_default();
    let is_avif = |brand: &[u8]| brand == b"avif" || brand == b"avis";
    &head[4..8] == b"ftyp" && (is_avif(&head[8..]) || brands.chunks_exact(4).any(is_avif))
}

/// An encoder of AVIF.
#[cfg(not(feature = "avif"))]
pub(super) fn open(_: &Settings) -> Result<Box<dyn Encode>> {
    Err(
        crate::error::Error::usage("this azulejo was built without avif; expected another format")
            .with_help("cargo install --locked --features avif --path ."),
    )
}

#[cfg(feature = "avif")]
pub(super) use encoder::open;

#[cfg(feature = "avif")]
mod encoder {
    use ravif::{BitDepth, EncodedImage, Encoder, Img, RGB8, RGBA8};

    use super::{Encode, Result, Settings};
    use crate::encode::{
        AVIF_QUALITY, Format, by_effort, check_size, has_transparency, only_8_bits, without_alpha,
    };
    use crate::error::Error;
    use crate::raster::image::{Channels, Image};

    /// rav1e's speed by effort, 10..=1. Time and size of an orthophoto, tiles of 256 x 256 at quality 60, by speed: 10: 40 ms,
    /// 7.3 kB; 9: 50, 7.0; 8 and 7: 115, 6.8; 6 and 5: 140, 6.8. What follows takes seconds.
    const SPEEDS: [u8; 10] = [10, 10, 9, 9, 8, 8, 6, 6, 4, 3];

    /// AV1 could hold 65 536, at tens of bytes of memory a pixel.
    const SIDE_MAX: usize = 16_000;

    pub(in crate::encode) fn open(settings: &Settings) -> Result<Box<dyn Encode>> {
        if settings.lossless {
            return Err(Error::usage("avif cannot be lossless")
                .with_help("leave --lossless away, or write png or webp"));
        }
        let quality = settings.quality.unwrap_or(AVIF_QUALITY);
        let encoder = Encoder::new()
            .with_quality(f32::from(quality))
            .with_alpha_quality(100.0)
            .with_speed(by_effort(&SPEEDS, settings))
            .with_bit_depth(BitDepth::Eight)
            .with_num_threads(Some(1));
        Ok(Box::new(Avif { encoder }))
    }

    struct Avif {
        encoder: Encoder<'static>,
    }

    impl Encode for Avif {
        fn format(&self) -> Format {
            Format::Avif
        }

        fn encode(&mut self, image: &Image, out: &mut Vec<u8>) -> Result<()> {
            check_size(image, Format::Avif, SIDE_MAX)?;
            let pixels = only_8_bits(image, Format::Avif)?;
            if image.channels.has_alpha() && !has_transparency(pixels, image.channels) {
                return self.encode(&without_alpha(image, pixels), out);
            }
            out.extend_from_slice(&self.encoded(image, pixels)?.avif_file);
            Ok(())
        }
    }

    impl Avif {
        fn encoded(&self, image: &Image, pixels: &[u8]) -> Result<EncodedImage> {
            let (width, height) = (image.width, image.height);
            let encoded = match image.channels {
                Channels::Gray | Channels::Rgb => {
                    let pixels = rgb(pixels, image.channels);
                    self.encoder
                        .encode_rgb(Img::new(&pixels[..], width, height))
                }
                Channels::GrayAlpha | Channels::Rgba => {
                    let pixels = rgba(pixels, image.channels);
                    self.encoder
                        .encode_rgba(Img::new(&pixels[..], width, height))
                }
            };
            encoded.map_err(|error| Error::internal(format!("avif: {error}")))
        }
    }

    fn rgb(pixels: &[u8], channels: Channels) -> Vec<RGB8> {
        match channels {
            Channels::Gray => pixels.iter().map(|&v| RGB8::new(v, v, v)).collect(),
            _ => {
                let pixels = pixels.as_chunks::<3>().0.iter();
                pixels.map(|&[r, g, b]| RGB8::new(r, g, b)).collect()
            }
        }
    }

    fn rgba(pixels: &[u8], channels: Channels) -> Vec<RGBA8> {
        match channels {
            Channels::GrayAlpha => {
                let pixels = pixels.as_chunks::<2>().0.iter();
                pixels.map(|&[v, a]| RGBA8::new(v, v, v, a)).collect()
            }
            _ => {
                let pixels = pixels.as_chunks::<4>().0.iter();
                pixels.map(|&[r, g, b, a]| RGBA8::new(r, g, b, a)).collect()
            }
        }
    }
}
