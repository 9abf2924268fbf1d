//! WebP: lossy or lossless, 8 bits, with or without alpha (RFC 9649).
//!
//! Lossy tiles are made by libwebp. Lossless ones by `image-webp`, which is many times faster, or
//! by libwebp, which makes them smaller. All unsafe code of the encoders is in this file.

use std::ffi::{c_int, c_void};

use image_webp::{ColorType, WebPEncoder};
use libwebp_sys::{
    WebPConfig, WebPConfigLosslessPreset, WebPEncode, WebPEncodingError, WebPPicture,
    WebPPictureFree, WebPPictureImportRGB, WebPPictureImportRGBA,
};

use super::{Encode, Format, Settings, WEBP_QUALITY, by_effort, check_size, colours, only_8_bits};
use crate::error::{Error, Kind, Result};
use crate::raster::image::{Channels, Image};

/// libwebp's `WEBP_MAX_DIMENSION`; the lossless format alone would hold one more.
const SIDE_MAX: usize = 16_383;

/// libwebp's method of lossy encoding by effort, 0..=6. Time, size and structural similarity of a
/// relief map, tiles of 256 x 256 at quality 75: 0: 1.0 ms, 5.3 kB, 0.960; 1: 1.2, 5.0, 0.960; 2:
/// 1.7, 4.4, 0.961; 3 and 4: 4.1, 4.2, 0.963; 5: 4.6, 4.2, 0.963; 6: 8.0, 4.1, 0.962. Method 2 is the
/// default: as close as the faster ones in fewer bytes, and what follows costs more than twice the
/// time for a twentieth.
const METHODS: [c_int; 10] = [0, 1, 2, 2, 3, 3, 4, 5, 5, 6];

/// Who makes lossless tiles: libwebp with one of its lossless presets, 0..=9, or `image-webp`.
#[derive(Clone, Copy)]
struct Effort {
    level: Option<c_int>,
    /// For flat pictures, of which libwebp finds palette and repetitions, and `image-webp` neither.
    level_flat: Option<c_int>,
}

const fn effort(level: Option<c_int>, level_flat: Option<c_int>) -> Effort {
    Effort { level, level_flat }
}

/// Time and size of an aerial photograph, tiles of 256 x 256: `image-webp` 0.6 ms, 95 kB; level 0:
/// 2.4, 89; 1: 8, 84; 3: 22, 84; 6: 55, 84. Of a map: `image-webp` 0.4 ms, 36 kB; level 0: 1.9, 17;
/// 1: 2.7, 16; 2: 4, 15; 3: 6, 14; 6: 9, 14. Level 0 finds no palette, and levels from 7 on take up
/// to a second and save next to nothing, so neither serves maps.
const LOSSLESS: [Effort; 10] = [
    effort(None, None),
    effort(None, None),
    effort(None, Some(1)),
    effort(None, Some(1)),
    effort(Some(0), Some(2)),
    effort(Some(1), Some(2)),
    effort(Some(2), Some(3)),
    effort(Some(3), Some(3)),
    effort(Some(4), Some(6)),
    effort(Some(6), Some(6)),
];

/// Whether `tile` starts like a WebP (RFC 9649, section 2.4).
pub(super) fn sniff(tile: &[u8]) -> bool {
    tile.starts_with(b"RIFF") && tile.get(8..12) == Some(b"WEBP")
}

/// An encoder of WebP.
pub(super) fn open(settings: &Settings) -> Result<Box<dyn Encode>> {
    if settings.lossless && settings.quality.is_some() {
        return Err(Error::usage("quality has no meaning for lossless webp")
            .with_help("leave --quality or --lossless away; trade size for time with --effort"));
    }
    let (coder, coder_flat) = if settings.lossless {
        let effort = by_effort(&LOSSLESS, settings);
        (
            lossless_coder(effort.level)?,
            lossless_coder(effort.level_flat)?,
        )
    } else {
        let quality = settings.quality.unwrap_or(WEBP_QUALITY);
        let coder = lossy_coder(quality, by_effort(&METHODS, settings))?;
        (coder, coder)
    };
    Ok(Box::new(Webp {
        coder,
        coder_flat,
        colour: Vec::new(),
    }))
}

/// Who does the work.
#[derive(Clone, Copy)]
enum Coder {
    /// `image-webp`.
    FastLossless,
    /// libwebp, lossy or lossless as its configuration says.
    Libwebp(WebPConfig),
}

struct Webp {
    coder: Coder,
    /// For flat pictures.
    coder_flat: Coder,
    /// Pixels in red, green and blue, where the picture is gray.
    colour: Vec<u8>,
}

impl Encode for Webp {
    fn format(&self) -> Format {
        Format::Webp
    }

    fn encode(&mut self, image: &Image, out: &mut Vec<u8>) -> Result<()> {
        check_size(image, Format::Webp, SIDE_MAX)?;
        let pixels = only_8_bits(image, Format::Webp)?;
        let pixel_bytes = image.channels.count();
        let flat = colours::is_flat(pixels, image.width * pixel_bytes, pixel_bytes);
        let start = out.len();
        match if flat { &self.coder_flat } else { &self.coder } {
            Coder::FastLossless => fast_lossless(image, pixels, out),
            Coder::Libwebp(config) => {
                let pixels = in_colour(pixels, image.channels, &mut self.colour);
                encode_by_libwebp(config, image, pixels, out)
            }
        }
        .inspect_err(|_| out.truncate(start))
    }
}

fn fast_lossless(image: &Image, pixels: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let colour_type = match image.channels {
        Channels::Gray => ColorType::L8,
        Channels::GrayAlpha => ColorType::La8,
        Channels::Rgb => ColorType::Rgb8,
        Channels::Rgba => ColorType::Rgba8,
    };
    // `check_size` has seen to it that the sides fit.
    WebPEncoder::new(out)
        .encode(pixels, image.width as u32, image.height as u32, colour_type)
        .map_err(|error| Error::internal(format!("webp: {error}")))
}

/// libwebp takes red, green and blue only: gray samples are repeated into `buffer`.
fn in_colour<'a>(pixels: &'a [u8], channels: Channels, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    buffer.clear();
    match channels {
        Channels::Rgb | Channels::Rgba => return pixels,
        Channels::Gray => buffer.extend(pixels.iter().flat_map(|&v| [v, v, v])),
        Channels::GrayAlpha => {
            buffer.extend(
                pixels
                    .chunks_exact(2)
                    .flat_map(|p| [p[0], p[0], p[0], p[1]]),
            );
        }
    }
    buffer
}

/// libwebp's defaults: one thread, alpha lossless, values under alpha 0 free to change.
fn default_config() -> Result<WebPConfig> {
    WebPConfig::new().map_err(|()| Error::internal("webp: the library is of another version"))
}

fn lossy_coder(quality: u8, method: c_int) -> Result<Coder> {
    let config = default_config()?;
    Ok(Coder::Libwebp(WebPConfig {
        quality: libwebp_quality(quality),
        method,
        // The simple loop filter leaves more of a picture's texture than the normal one, in the same
        // number of bytes.
        filter_type: 0,
        ..config
    }))
}

/// The quality for libwebp with its simple loop filter that looks like `quality` with its defaults,
/// in a few percent fewer bytes: a hair lower in the middle of the scale, the same at its ends.
fn libwebp_quality(quality: u8) -> f32 {
    let quality = f32::from(quality);
    quality - quality * (100.0 - quality) / 1875.0
}

fn lossless_coder(level: Option<c_int>) -> Result<Coder> {
    let Some(level) = level else {
        return Ok(Coder::FastLossless);
    };
    let mut config = default_config()?;
    // Without this, pixels of alpha 0 come back in colours of their neighbours: lossless for the eye
    // only, and not the same as by `image-webp`.
    config.exact = 1;
    // SAFETY: the pointer is to a configuration that is initialised and ours alone.
    let ok = unsafe { WebPConfigLosslessPreset(&mut config, level) };
    match ok {
        0 => Err(Error::internal(format!("webp: no lossless level {level}"))),
        _ => Ok(Coder::Libwebp(config)),
    }
}

/// A picture of libwebp's, freed when it goes.
struct Picture(WebPPicture);

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: `self.0` was initialised by `WebPPicture::new`, and what it owns was allocated by
        // libwebp, if at all. Freeing a picture that owns nothing does nothing.
        unsafe { WebPPictureFree(&mut self.0) }
    }
}

/// Appends `pixels`, which are red, green, blue and perhaps alpha as `image` has it, to `out`.
fn encode_by_libwebp(
    config: &WebPConfig,
    image: &Image,
    pixels: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    let picture = WebPPicture::new();
    let mut picture =
        Picture(picture.map_err(|()| Error::internal("webp: the library is of another version"))?);
    let has_alpha = image.channels.has_alpha();
    let row_bytes = image.width * if has_alpha { 4 } else { 3 };
    // The calls below read this much of `pixels`, so soundness rests on it.
    assert_eq!(
        pixels.len(),
        row_bytes * image.height,
        "pixels fill the picture"
    );
    // `check_size` has seen to it that sides fit, and with them 4 bytes a pixel of a row.
    picture.0.width = image.width as c_int;
    picture.0.height = image.height as c_int;
    // Lossless coding starts from ARGB; lossy from YUV, which is then made in the import.
    picture.0.use_argb = config.lossless;
    let import = if has_alpha {
        WebPPictureImportRGBA
    } else {
        WebPPictureImportRGB
    };
    // SAFETY: the picture is initialised and ours; `pixels` holds `height` rows of `row_bytes`, and
    // is only read, and only during the call.
    if unsafe { import(&mut picture.0, pixels.as_ptr(), row_bytes as c_int) } == 0 {
        return Err(failure(picture.0.error_code));
    }
    picture.0.writer = Some(append);
    picture.0.custom_ptr = std::ptr::from_mut(out).cast();
    // SAFETY: configuration and picture are initialised, the picture has its pixels, and `append`
    // finds at `custom_ptr` the vector it expects, which nobody else touches during the call.
    if unsafe { WebPEncode(config, &mut picture.0) } == 0 {
        return Err(failure(picture.0.error_code));
    }
    Ok(())
}

/// libwebp's `WebPWriterFunction`: appends to the vector at `custom_ptr`.
extern "C" fn append(data: *const u8, n_bytes: usize, picture: *const WebPPicture) -> c_int {
    if n_bytes > 0 {
        // SAFETY: libwebp calls this with `n_bytes` readable bytes at `data`, which are its own,
        // and with the picture given to `WebPEncode`, whose `custom_ptr` is the vector that
        // `encode_by_libwebp` borrows exclusively.
        let (bytes, out) = unsafe {
            let out: *mut c_void = (*picture).custom_ptr;
            (
                std::slice::from_raw_parts(data, n_bytes),
                &mut *out.cast::<Vec<u8>>(),
            )
        };
        out.extend_from_slice(bytes);
    }
    1
}

fn failure(code: WebPEncodingError) -> Error {
    match code {
        WebPEncodingError::VP8_ENC_ERROR_OUT_OF_MEMORY
        | WebPEncodingError::VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY => {
            Error::new(Kind::Resources, "webp: out of memory while encoding a tile")
        }
        code => Error::internal(format!("webp: {code:?}")),
    }
}
