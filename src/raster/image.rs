//! [`Image`]: what an encoder takes. A raster whose mask has become an alpha channel, or has gone because all is opaque.

use super::{Raster, SampleType, Samples};
use crate::error::{Error, Result};

/// The channels of an [`Image`], in their order within a pixel. Alpha is straight, not premultiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// One channel.
    Gray,
    /// Gray, then alpha.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha.
    Rgba,
}

impl Channels {
    /// Values a pixel, alpha included.
    pub fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// Whether the last channel is alpha.
    pub fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }
}

/// The values of an image, interleaved, rows top to bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pixels {
    /// 8 bits a channel.
    U8(Vec<u8>),
    /// 16 bits a channel.
    U16(Vec<u16>),
}

/// A picture, ready for an encoder. Values under alpha 0 are 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Pixels from left to right.
    pub width: usize,
    /// Rows from top to bottom.
    pub height: usize,
    /// What a pixel is made of.
    pub channels: Channels,
    /// `width * height * channels.count()` values.
    pub pixels: Pixels,
}

impl Image {
    /// The picture that `raster` is: one band is gray, three are red, green and blue. Alpha is there only if some pixel
    /// is not whole, so opaque tiles come out without it.
    ///
    /// # Errors
    /// When the raster has neither one nor three bands, or samples that are neither 8-bit nor 16-bit unsigned.
    pub fn from_raster(raster: &Raster) -> Result<Self> {
        let opaque = raster.is_opaque();
        let channels = match (raster.bands(), opaque) {
            (1, true) => Channels::Gray,
            (1, false) => Channels::GrayAlpha,
            (3, true) => Channels::Rgb,
            (3, false) => Channels::Rgba,
            (n, _) => {
                return Err(Error::internal(format!(
                    "a picture has 1 or 3 bands, this raster has {n}"
                )));
            }
        };
        let (mask, bands) = (&raster.mask, raster.bands());
        let pixels = match (&raster.samples, raster.sample_type()) {
            (Samples::U8(values), _) if opaque => Pixels::U8(values.clone()),
            (Samples::U8(values), _) => Pixels::U8(with_alpha(values, mask, bands, |v| v, |m| m)),
            (Samples::F32(values), SampleType::U16) if opaque => {
                Pixels::U16(values.iter().map(|&v| to_u16(v)).collect())
            }
            // 257 = 65535 / 255: full stays full.
            (Samples::F32(values), SampleType::U16) => {
                Pixels::U16(with_alpha(values, mask, bands, to_u16, |m| {
                    u16::from(m) * 257
                }))
            }
            (_, other) => {
                return Err(Error::usage(format!(
                    "{} samples; expected 8-bit or 16-bit unsigned ones, which pictures can hold",
                    other.gdal_name()
                )));
            }
        };
        Ok(Self {
            width: raster.width(),
            height: raster.height(),
            channels,
            pixels,
        })
    }
}

fn with_alpha<S: Copy, T>(
    values: &[S],
    mask: &[u8],
    bands: usize,
    sample: impl Fn(S) -> T,
    alpha: impl Fn(u8) -> T,
) -> Vec<T> {
    let mut out = Vec::with_capacity(mask.len() * (bands + 1));
    for (pixel, &m) in values.chunks_exact(bands).zip(mask) {
        out.extend(pixel.iter().map(|&v| sample(v)));
        out.push(alpha(m));
    }
    out
}

/// Round half up; `as` saturates at both ends.
fn to_u16(value: f32) -> u16 {
    (value + 0.5) as u16
}
