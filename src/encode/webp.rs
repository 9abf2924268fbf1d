//! WebP: lossy or lossless, 8 bits, with or without alpha (RFC 9649).
//!
//! In a lossy tileset opaque tiles are lossy, and tiles with transparency lossless: colour is stored for every four pixels,
//! so what is under the mask would bleed into the pixels at its edge (by two levels of 255 on average within three pixels
//! of it, on an orthophoto at quality 75). Opaque tiles have no alpha: lossy ones are of the simple format.
//!
//! Lossy tiles are made by libwebp. Lossless ones by `image-webp`, which is many times faster, or
//! by libwebp, which makes them smaller. All unsafe code of the encoders is in this file.

use std::ffi::{c_int, c_void};

use image_webp::{ColorType, WebPEncoder};
use libwebp_sys::{
    WebPConfig, WebPConfigLosslessPreset, WebPEncode, WebPEncodingError, WebPPicture,
    WebPPictureFree, WebPPictureImportRGB, WebPPictureImportRGBA,
};

use super::{
    Edges, Encode, Format, Settings, WEBP_QUALITY, by_effort, check_size, colours,
    has_transparency, only_8_bits, without_alpha,
};
use crate::error::{Error, Kind, Result};
use crate::raster::image::{Channels, Image};

/// libwebp's `WEBP_MAX_DIMENSION`; the lossless format alone would hold one more.
const SIDE_MAX: usize = 16_383;

/// libwebp's method of lossy encoding by effort, 0..=6. Time, size and structural similarity of an
/// orthophoto, tiles of 256 x 256 at quality 75: 0: 1.4 ms, 9.1 kB, 0.949; 1: 1.7, 8.8, 0.949; 2:
/// 2.3, 8.0, 0.950; 3: 5.1, 7.5, 0.953; 4: 5.1, 7.6, 0.953; 5: 5.9, 7.3, 0.952; 6: 13, 7.1, 0.951.
/// Method 2 is the default: as close as the faster ones in fewer bytes, and what follows costs more
/// than twice the time for a twentieth.
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

/// Time and size of an orthophoto, tiles of 256 x 256: `image-webp` as it is 0.4 ms, 74.1 kB, with
/// [`Predictor`] 0.5, 70.1; level 0: 2.7, 70.4; 1: 10, 67.6; 3 and 4: 24, 64.4; 5: 47, 63.8; 6: 54,
/// 63.6. Of a map: `image-webp` 0.4 ms, 36 kB; level 0: 1.9, 17; 1: 2.7, 16; 2: 4, 15; 3: 6, 14; 6: 9,
/// 14. Level 0 is no use for photographs and finds no palette, 4 is 3 again, and levels from 7 on
/// take up to a second and save next to nothing.
const LOSSLESS: [Effort; 10] = [
    effort(None, None),
    effort(None, None),
    effort(None, Some(1)),
    effort(None, Some(1)),
    effort(None, Some(2)),
    effort(Some(1), Some(2)),
    effort(Some(2), Some(3)),
    effort(Some(3), Some(3)),
    effort(Some(5), Some(6)),
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
    let effort = by_effort(&LOSSLESS, settings);
    let lossless = Lossless {
        coder: lossless_coder(effort.level, Coder::Predicted)?,
        coder_flat: lossless_coder(effort.level_flat, Coder::FastLossless)?,
    };
    let lossy = match settings.lossless {
        true => None,
        false => {
            let quality = settings.quality.unwrap_or(WEBP_QUALITY);
            Some(lossy_coder(quality, by_effort(&METHODS, settings))?)
        }
    };
    Ok(Box::new(Webp {
        lossy,
        lossless,
        edges: settings.edges,
        colour: Vec::new(),
        predictor: Predictor::default(),
    }))
}

/// Who does the work.
#[derive(Clone, Copy)]
enum Coder {
    /// `image-webp`, which predicts each pixel from the one above.
    FastLossless,
    /// `image-webp` with the better prediction of [`Predictor`].
    Predicted,
    /// libwebp, lossy or lossless as its configuration says.
    Libwebp(WebPConfig),
}

struct Lossless {
    coder: Coder,
    /// For flat pictures.
    coder_flat: Coder,
}

struct Webp {
    /// `None` if all tiles are lossless.
    lossy: Option<Coder>,
    lossless: Lossless,
    edges: Edges,
    /// Pixels in red, green and blue, where the picture is gray.
    colour: Vec<u8>,
    predictor: Predictor,
}

impl Encode for Webp {
    fn format(&self) -> Format {
        Format::Webp
    }

    fn encode(&mut self, image: &Image, out: &mut Vec<u8>) -> Result<()> {
        check_size(image, Format::Webp, SIDE_MAX)?;
        let pixels = only_8_bits(image, Format::Webp)?;
        let transparent = has_transparency(pixels, image.channels);
        if image.channels.has_alpha() && !transparent {
            return self.encode(&without_alpha(image, pixels), out);
        }
        let start = out.len();
        let coder = match self.lossy {
            Some(lossy) if !transparent || self.edges == Edges::Lossy => lossy,
            _ => self.lossless.coder_for(image, pixels),
        };
        match &coder {
            Coder::FastLossless => fast_lossless(image, pixels, out),
            Coder::Predicted => self.predictor.encode(image, pixels, out),
            Coder::Libwebp(config) => {
                let pixels = in_colour(pixels, image.channels, &mut self.colour);
                encode_by_libwebp(config, image, pixels, out)
            }
        }
        .inspect_err(|_| out.truncate(start))
    }
}

impl Lossless {
    fn coder_for(&self, image: &Image, pixels: &[u8]) -> Coder {
        let pixel_bytes = image.channels.count();
        match colours::is_flat(pixels, image.width * pixel_bytes, pixel_bytes) {
            true => self.coder_flat,
            false => self.coder,
        }
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

/// Makes `image-webp` predict better: it knows of the fourteen predictors of RFC 9649 (section 4.1) only
/// number 2, the pixel above, for the whole picture. Photographs want number 13, the mean of left and
/// above, plus half of how far that is from the pixel above left: it saves 6 % of bytes.
///
/// What is written are differences from the prediction. So `image-webp` gets a picture whose
/// differences from the pixel above are the real picture's differences from predictor 13, and
/// afterwards the number of the predictor in the file is changed from 2 to 13. The first row and the
/// first column are predicted alike by all predictors.
#[derive(Default)]
struct Predictor {
    /// The picture for `image-webp`.
    disguised: Vec<u8>,
    /// The row above and this one, green subtracted from red and blue, as it is when predicted.
    above: Vec<u8>,
    here: Vec<u8>,
    /// The row of the disguised picture, green subtracted.
    sums: Vec<u8>,
}

/// The start of the stream of `image-webp` after the header, lowest bit first, before the number of
/// the predictor: subtract green, 3 bits; predictor in blocks of 512, 6; no cache of colours, 1; a
/// prefix code of one symbol, which follows in 8 bits, 3.
const BEFORE_PREDICTOR: u32 = 0b101 | 0b11_1001 << 3 | 0b101 << 10;
const PREDICTOR_SHIFT: u32 = 13;
/// Where that starts: RIFF header, 12 bytes; chunk header, 8; signature and size, 5.
const TRANSFORMS_AT: usize = 25;

impl Predictor {
    fn encode(&mut self, image: &Image, pixels: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match image.channels {
            Channels::Gray => self.disguise::<1>(pixels, image.width),
            Channels::GrayAlpha => self.disguise::<2>(pixels, image.width),
            Channels::Rgb => self.disguise::<3>(pixels, image.width),
            Channels::Rgba => self.disguise::<4>(pixels, image.width),
        }
        let start = out.len();
        fast_lossless(image, &self.disguised, out)?;
        if unmask(&mut out[start..]) {
            return Ok(());
        }
        // A version of `image-webp` that writes something else: it may predict as it likes.
        out.truncate(start);
        fast_lossless(image, pixels, out)
    }

    /// Fills `disguised` from rows of `width` pixels of `N` channels.
    fn disguise<const N: usize>(&mut self, pixels: &[u8], width: usize) {
        let row_bytes = width * N;
        self.disguised.clear();
        self.disguised.reserve(pixels.len());
        for (y, row) in pixels.chunks_exact(row_bytes).enumerate() {
            std::mem::swap(&mut self.above, &mut self.here);
            self.here.clear();
            self.here.extend_from_slice(row);
            if N >= 3 {
                for pixel in self.here.chunks_exact_mut(N) {
                    pixel[0] = pixel[0].wrapping_sub(pixel[1]);
                    pixel[2] = pixel[2].wrapping_sub(pixel[1]);
                }
            }
            if y == 0 {
                self.sums.clear();
                self.sums.extend_from_slice(&self.here);
            } else {
                add_differences::<N>(&self.here, &self.above, &mut self.sums);
            }
            let first = self.disguised.len();
            self.disguised.extend_from_slice(&self.sums);
            if N >= 3 {
                for pixel in self.disguised[first..].chunks_exact_mut(N) {
                    pixel[0] = pixel[0].wrapping_add(pixel[1]);
                    pixel[2] = pixel[2].wrapping_add(pixel[1]);
                }
            }
        }
    }
}

/// Adds to `sums` how far `here` is from its prediction, modulo 256.
fn add_differences<const N: usize>(here: &[u8], above: &[u8], sums: &mut [u8]) {
    for i in 0..N {
        sums[i] = sums[i].wrapping_add(here[i].wrapping_sub(above[i]));
    }
    let lefts = here.iter().zip(&here[N..]);
    let aboves = above.iter().zip(&above[N..]);
    for (sum, ((&left, &value), (&above_left, &above))) in
        sums[N..].iter_mut().zip(lefts.zip(aboves))
    {
        let predicted = predict(left, above, above_left);
        *sum = sum.wrapping_add(value.wrapping_sub(predicted));
    }
}

/// Predictor 13 of RFC 9649: `ClampAddSubtractHalf(Average2(L, T), TL)`.
fn predict(left: u8, above: u8, above_left: u8) -> u8 {
    let mean = (i16::from(left) + i16::from(above)) / 2;
    (mean + (mean - i16::from(above_left)) / 2).clamp(0, 255) as u8
}

/// Changes the predictor in a file of `image-webp`'s from 2 to 13. False if the file starts
/// otherwise than it should; then it is as it was.
fn unmask(file: &mut [u8]) -> bool {
    let Some(&[a, b, c]) = file.get(TRANSFORMS_AT..TRANSFORMS_AT + 3) else {
        return false;
    };
    let bits = u32::from_le_bytes([a, b, c, 0]);
    let with = |predictor: u32| BEFORE_PREDICTOR | predictor << PREDICTOR_SHIFT;
    let symbol_end = PREDICTOR_SHIFT + 8;
    if file.get(12..16) != Some(b"VP8L") || bits & ((1 << symbol_end) - 1) != with(2) {
        return false;
    }
    let bits = bits >> symbol_end << symbol_end | with(13);
    file[TRANSFORMS_AT..TRANSFORMS_AT + 3].copy_from_slice(&bits.to_le_bytes()[..3]);
    true
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

/// libwebp with preset `level`, or without a level `fast`.
fn lossless_coder(level: Option<c_int>, fast: Coder) -> Result<Coder> {
    let Some(level) = level else {
        return Ok(fast);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::image::Pixels;
    use proptest::prelude::*;

    fn channels() -> impl Strategy<Value = Channels> {
        prop_oneof![
            Just(Channels::Gray),
            Just(Channels::GrayAlpha),
            Just(Channels::Rgb),
            Just(Channels::Rgba),
        ]
    }

    proptest! {
        /// Both decoders, image-webp's and libwebp's, give back what went in.
        #[test]
        fn predicted_pictures_come_back_exactly(
            channels in channels(),
            width in 1_usize..40,
            height in 1_usize..20,
            noise in prop::collection::vec(any::<u8>(), 40 * 20 * 4),
        ) {
            let n = width * height * channels.count();
            let image = Image { width, height, channels, pixels: Pixels::U8(noise[..n].to_vec()) };
            let mut buffer = Vec::new();
            // Bytes that are there already are left alone.
            let mut out = vec![7; 3];
            let pixels = only_8_bits(&image, Format::Webp).unwrap();
            Predictor::default().encode(&image, pixels, &mut out).unwrap();
            let file = &out[3..];
            let bits = u32::from_le_bytes(file[TRANSFORMS_AT..][..4].try_into().unwrap());
            prop_assert_eq!(bits >> PREDICTOR_SHIFT & 0xFF, 13);
            let colour = in_colour(pixels, channels, &mut buffer);
            let decoded = image::load_from_memory(file).unwrap();
            let (there, ours) = if channels.has_alpha() {
                (decoded.to_rgba8().into_raw(), by_libwebp(file, n_pixels(&image) * 4, true))
            } else {
                (decoded.to_rgb8().into_raw(), by_libwebp(file, n_pixels(&image) * 3, false))
            };
            prop_assert_eq!(&there[..], colour);
            prop_assert_eq!(&ours[..], colour);
        }
    }

    fn n_pixels(image: &Image) -> usize {
        image.width * image.height
    }

    fn by_libwebp(file: &[u8], n: usize, alpha: bool) -> Vec<u8> {
        let (mut width, mut height) = (0, 0);
        let decode = if alpha {
            libwebp_sys::WebPDecodeRGBA
        } else {
            libwebp_sys::WebPDecodeRGB
        };
        // SAFETY: `file` is readable for its length; the sides are ours to write to.
        let decoded = unsafe { decode(file.as_ptr(), file.len(), &mut width, &mut height) };
        assert!(!decoded.is_null(), "libwebp reads the file");
        let channels = if alpha { 4 } else { 3 };
        assert_eq!(width as usize * height as usize * channels, n);
        // SAFETY: libwebp's buffer holds that many bytes, and is freed once, after they are copied.
        unsafe {
            let pixels = std::slice::from_raw_parts(decoded, n).to_vec();
            libwebp_sys::WebPFree(decoded.cast());
            pixels
        }
    }

    #[test]
    fn files_of_another_kind_are_left_alone() {
        let mut file: Vec<u8> = (0..40).collect();
        let before = file.clone();
        assert!(!unmask(&mut file));
        assert_eq!(file, before);
        assert!(!unmask(&mut []));
    }

    #[test]
    fn lower_quality_stays_lower() {
        let all: Vec<f32> = (1..=100).map(libwebp_quality).collect();
        assert!(all.is_sorted_by(|a, b| a < b));
        assert!(all[0] > 0.0 && all[99] == 100.0);
    }
}
