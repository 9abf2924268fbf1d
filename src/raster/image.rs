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
        let channels = channels(raster.bands(), opaque)?;
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

    /// Calls `take` with what [`Image::from_raster`] makes of `raster`. The samples are lent to the picture where they are
    /// its pixels, not copied: most tiles are opaque and of 8 bits.
    ///
    /// # Errors
    /// As [`Image::from_raster`], and those of `take`.
    pub fn lend<T>(raster: &mut Raster, take: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let opaque = raster.is_opaque();
        let lent = match &mut raster.samples {
            Samples::U8(values) if opaque => std::mem::take(values),
            _ => return take(&Self::from_raster(raster)?),
        };
        let mut image = Self {
            width: raster.width(),
            height: raster.height(),
            channels: Channels::Gray,
            pixels: Pixels::U8(lent),
        };
        let taken = channels(raster.bands(), true).and_then(|channels| {
            image.channels = channels;
            take(&image)
        });
        if let Pixels::U8(lent) = image.pixels {
            raster.samples = Samples::U8(lent);
        }
        taken
    }
}

fn channels(bands: usize, opaque: bool) -> Result<Channels> {
    Ok(match (bands, opaque) {
        (1, true) => Channels::Gray,
        (1, false) => Channels::GrayAlpha,
        (3, true) => Channels::Rgb,
        (3, false) => Channels::Rgba,
        (n, _) => {
            return Err(Error::internal(format!(
                "a picture has 1 or 3 bands, this raster has {n}"
            )));
        }
    })
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

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_the_picture_and_comes_back() {
        for bands in [1, 3] {
            for mask in [[255, 255], [255, 7]] {
                let samples = Samples::U8((1..=2 * bands as u8).collect());
                let mask = mask.to_vec();
                let mut raster =
                    Raster::from_parts(2, 1, bands, SampleType::U8, samples, mask).unwrap();
                let before = raster.clone();
                let lent = Image::lend(&mut raster, |image| Ok(image.clone())).unwrap();
                assert_eq!(lent, Image::from_raster(&before).unwrap());
                assert_eq!(raster, before);
                let failed = Image::lend(&mut raster, |_| Err::<(), _>(Error::internal("no")));
                assert!(failed.is_err());
                assert_eq!(raster, before);
            }
        }
        let mut two = Raster::empty(1, 1, 2, SampleType::U8);
        two.mask.fill(255);
        assert!(Image::lend(&mut two, |_| Ok(())).is_err());
        assert_eq!(two.samples.len(), 2);
    }
}
