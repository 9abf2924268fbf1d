//! From the bytes of a tile back to an [`Image`], whoever has written them.

use image::{DynamicImage, ImageReader, Limits};

use super::Format;
use crate::raster::image::{Channels, Image, Pixels};

/// Pixels along a side of a tile, at most: as many as those of the largest that are baked.
const SIDE_MAX: u32 = 4096;

/// Bytes that decoding a tile may take, pixels included: 16 bits of four channels, twice.
const BYTES_MAX: u64 = 1 << 28;

/// The picture of a tile of any of our formats. As in a bake, alpha is there only if some pixel is not whole, and values
/// under alpha 0 are 0. Palettes, fewer bits than 8 and colour spaces of JPEG become plain samples.
///
/// # Errors
/// What is found, where that is no picture, a damaged one, or one of more than 4096 pixels a side.
pub fn decode(tile: &[u8]) -> Result<Image, String> {
    let format = match Format::sniff(tile) {
        Some(Format::Png) => image::ImageFormat::Png,
        Some(Format::Jpeg) => image::ImageFormat::Jpeg,
        Some(Format::Webp) => image::ImageFormat::WebP,
        Some(other) => {
            return Err(format!(
                "{other}, which is not decoded here; expected png, jpeg or webp"
            ));
        }
        None => return Err("no picture that we know".into()),
    };
    let mut reader = ImageReader::with_format(std::io::Cursor::new(tile), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(BYTES_MAX);
    reader.limits(limits);
    // The decoder makes gray of what is missing.
    if format == image::ImageFormat::Jpeg && !is_whole(tile) {
        return Err("a jpeg that is cut short".into());
    }
    let decoded = reader
        .decode()
        .map_err(|error| format!("damaged ({error})"))?;
    let (width, height) = (decoded.width() as usize, decoded.height() as usize);
    let (channels, pixels) = match decoded {
        DynamicImage::ImageLuma8(image) => (Channels::Gray, Pixels::U8(image.into_raw())),
        DynamicImage::ImageLumaA8(image) => (Channels::GrayAlpha, Pixels::U8(image.into_raw())),
        DynamicImage::ImageRgb8(image) => (Channels::Rgb, Pixels::U8(image.into_raw())),
        DynamicImage::ImageRgba8(image) => (Channels::Rgba, Pixels::U8(image.into_raw())),
        DynamicImage::ImageLuma16(image) => (Channels::Gray, Pixels::U16(image.into_raw())),
        DynamicImage::ImageLumaA16(image) => (Channels::GrayAlpha, Pixels::U16(image.into_raw())),
        DynamicImage::ImageRgb16(image) => (Channels::Rgb, Pixels::U16(image.into_raw())),
        DynamicImage::ImageRgba16(image) => (Channels::Rgba, Pixels::U16(image.into_raw())),
        other => return Err(format!("samples of {:?}", other.color())),
    };
    let (channels, pixels) = match pixels {
        Pixels::U8(values) => tidy(channels, values, Pixels::U8),
        Pixels::U16(values) => tidy(channels, values, Pixels::U16),
    };
    Ok(Image {
        width,
        height,
        channels,
        pixels,
    })
}

/// Whether a JPEG has an end (marker EOI) after the last of its scans (SOS). Neither can be part of a scan's data, where
/// every byte FF is followed by 0 or a restart marker (ITU-T T.81, B.1.1.5).
fn is_whole(jpeg: &[u8]) -> bool {
    let last = |marker: u8| jpeg.windows(2).rposition(|two| two == [0xFF, marker]);
    last(0xD9) > last(0xDA)
}

/// Drops alpha that says nothing, and colours that nobody sees.
fn tidy<T: Sample>(
    channels: Channels,
    mut values: Vec<T>,
    pixels: impl Fn(Vec<T>) -> Pixels,
) -> (Channels, Pixels) {
    let n = channels.count();
    let (opaque, without_alpha) = match channels {
        Channels::Gray | Channels::Rgb => return (channels, pixels(values)),
        Channels::GrayAlpha => (Channels::Gray, 1),
        Channels::Rgba => (Channels::Rgb, 3),
    };
    if values.chunks_exact(n).all(|pixel| pixel[n - 1] == T::WHOLE) {
        let colours = values
            .chunks_exact(n)
            .flat_map(|pixel| &pixel[..without_alpha]);
        return (opaque, pixels(colours.copied().collect()));
    }
    for pixel in values.chunks_exact_mut(n) {
        if pixel[n - 1] == T::NOTHING {
            pixel.fill(T::NOTHING);
        }
    }
    (channels, pixels(values))
}

/// A sample, and what alpha means in it.
trait Sample: Copy + PartialEq {
    const NOTHING: Self;
    const WHOLE: Self;
}

impl Sample for u8 {
    const NOTHING: Self = 0;
    const WHOLE: Self = u8::MAX;
}

impl Sample for u16 {
    const NOTHING: Self = 0;
    const WHOLE: Self = u16::MAX;
}
