//! GeoTIFF (OGC 19-008r4, on TIFF 6.0): values of any sample type, up to 64 bands, with their place on the Earth.
//!
//! One strip of all bands, interleaved, in zlib streams with differences of neighbours, which all readers of TIFF know. What is
//! not there is a nodata value (GDAL's tag 42113), alpha, or a mask of one bit a pixel in a second directory, which a tile
//! without holes does not have.
//!
//! ```text
//! "II" | 42, u16 | 8, u32            the file header: little end first
//! directory of the values            see `ifd`
//! directory of the mask, if any
//! strip of the values | strip of the mask, if any
//! ```

mod ifd;
mod predict;

use std::fmt::Write as _;

use self::ifd::{Field, Fields, directory};
use self::predict::Stored;
use super::values::{BandLabel, EncodeValues, Label, Values};
use super::zlib::Zlib;
use super::{Settings, by_effort};
use crate::error::{Error, Result};
use crate::raster::gaps::{Gaps, beside, whole};
use crate::raster::{Raster, SampleType, of_any_kind};

/// libdeflate's level by effort. Predicted values hardly repeat, so little is to be gained: by efforts 0, 3 and 9 tiles of heights in
/// 32-bit floating point came to 296, 287 and 281 kB, in 16-bit integers to 96, 91 and 85.
const LEVELS: [i32; 10] = [1, 2, 4, 6, 7, 8, 9, 10, 11, 12];

/// Bytes of a tile's samples, at most: many readers count them in 31 bits.
const BYTES_MAX: usize = i32::MAX as usize;

/// Bytes of the file header.
const HEADER_BYTES: usize = 8;

/// Whether `tile` starts like a TIFF, of either byte order, or one of more than 4 GB (TIFF 6.0, section 2; BigTIFF).
pub(super) fn sniff(tile: &[u8]) -> bool {
    [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]
        .iter()
        .any(|start| tile.starts_with(*start))
}

/// An encoder of GeoTIFF.
pub(super) fn open(settings: &Settings, label: &Label) -> Result<Box<dyn EncodeValues>> {
    if settings.quality.is_some() {
        return Err(
            Error::usage("quality has no meaning for tif, which keeps values as they are")
                .with_help("leave --quality away, or trade size for time with --effort"),
        );
    }
    Ok(Box::new(Tiff {
        label: label.clone(),
        zlib: Zlib::new(by_effort(&LEVELS, settings)),
        raw: Vec::new(),
        strips: Vec::new(),
    }))
}

struct Tiff {
    label: Label,
    zlib: Zlib,
    /// A strip before it is compressed.
    raw: Vec<u8>,
    /// All of them, compressed.
    strips: Vec<u8>,
}

/// What the samples of a file are.
struct Layout {
    bits: u16,
    format: u16,
    predictor: u16,
    /// Alpha included.
    n_samples: usize,
}

impl EncodeValues for Tiff {
    fn encode(&mut self, tile: &Values, out: &mut Vec<u8>) -> Result<()> {
        let raster = tile.raster;
        self.raw.clear();
        self.strips.clear();
        let layout = match raster.sample_type() {
            SampleType::U8 => self.lay_out::<u8>(raster),
            SampleType::I8 => self.lay_out::<i8>(raster),
            SampleType::U16 => self.lay_out::<u16>(raster),
            SampleType::I16 => self.lay_out::<i16>(raster),
            SampleType::U32 => self.lay_out::<u32>(raster),
            SampleType::I32 => self.lay_out::<i32>(raster),
            SampleType::F32 => self.lay_out::<f32>(raster),
            SampleType::F64 => self.lay_out::<f64>(raster),
        }?;
        self.zlib.compress(&self.raw, &mut self.strips)?;
        let values_bytes = self.strips.len();
        let has_mask = self.label.gaps == Gaps::Mask && !raster.is_opaque();
        if has_mask {
            self.raw.clear();
            mask_bits(raster, &mut self.raw);
            self.zlib.compress(&self.raw, &mut self.strips)?;
        }
        // Where things are does not change how long directories are.
        let fields = |at: usize| self.fields(tile, &layout, (at, values_bytes));
        let mask = |at: usize| mask_fields(raster, (at, self.strips.len() - values_bytes));
        let first_bytes = directory(&fields(0), HEADER_BYTES, 0).len();
        let second = HEADER_BYTES + first_bytes;
        let second_bytes = match has_mask {
            true => directory(&mask(0), second, 0).len(),
            false => 0,
        };
        let strips = second + second_bytes;
        if u32::try_from(strips + self.strips.len()).is_err() {
            return Err(too_large(raster));
        }
        let next = if has_mask { second } else { 0 };
        out.extend_from_slice(b"II*\0");
        out.extend_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
        out.extend(directory(&fields(strips), HEADER_BYTES, next));
        if has_mask {
            out.extend(directory(&mask(strips + values_bytes), second, 0));
        }
        out.extend_from_slice(&self.strips);
        Ok(())
    }
}

impl Tiff {
    /// Fills `raw` with all rows as they are compressed.
    fn lay_out<T: Stored>(&mut self, raster: &Raster) -> Result<Layout> {
        let n_samples = raster.bands() + usize::from(self.label.gaps == Gaps::Alpha);
        let n_bytes = (raster.width() * raster.height())
            .checked_mul(n_samples * size_of::<T>())
            .filter(|&n| n > 0 && n <= BYTES_MAX)
            .ok_or_else(|| too_large(raster))?;
        self.raw.reserve(n_bytes);
        of_any_kind!(&raster.samples, |values| rows::<_, T>(
            values,
            raster,
            self.label.gaps,
            &mut self.raw
        ));
        Ok(Layout {
            bits: T::BITS,
            format: T::FORMAT,
            predictor: T::PREDICTOR,
            n_samples,
        })
    }

    /// The fields of the directory of values, which are the strip at `strip`: where it is, and its bytes.
    fn fields(&self, tile: &Values, layout: &Layout, strip: (usize, usize)) -> Fields {
        let (raster, label) = (tile.raster, &self.label);
        let n = layout.n_samples;
        let bytes = raster.sample_type() == SampleType::U8;
        let palette = (bytes && n == 1 && !label.palette.is_empty()).then(|| colours(label));
        // 3 for palettes, 2 for red, green and blue, 1 for values.
        let photometric = match (&palette, bytes, raster.bands()) {
            (Some(_), ..) => 3,
            (None, true, 3) => 2,
            _ => 1,
        };
        let colour_samples = if photometric == 2 { 3 } else { 1 };
        let mut extra = vec![0; n - colour_samples];
        if let (Gaps::Alpha, Some(last)) = (label.gaps, extra.last_mut()) {
            // Straight, not premultiplied.
            *last = 2;
        }
        let mut fields = size_fields(raster, 0);
        fields.extend([
            (258, Field::Shorts(vec![layout.bits; n])),
            (259, Field::short(DEFLATE)),
            (262, Field::short(photometric)),
            (273, Field::Long(strip.0 as u32)),
            (277, Field::short(n as u16)),
            (278, Field::Long(raster.height() as u32)),
            (279, Field::Long(strip.1 as u32)),
            (284, Field::short(1)),
            (317, Field::short(layout.predictor)),
        ]);
        fields.extend(palette.map(|colours| (320, Field::Shorts(colours))));
        if !extra.is_empty() {
            fields.push((338, Field::Shorts(extra)));
        }
        fields.push((339, Field::Shorts(vec![layout.format; n])));
        fields.extend(self.geography(tile));
        let told = metadata(&label.bands);
        fields.extend(told.map(|text| (42112, Field::Text(text))));
        if let Gaps::Nodata(value) = label.gaps {
            let stored = match raster.sample_type() {
                SampleType::F32 => f64::from(value as f32),
                _ => value,
            };
            fields.push((42113, Field::Text(number(stored))));
        }
        fields
    }

    /// Where the tile lies: the size of a pixel, the upper left corner of the first one, and the coordinate system.
    fn geography(&self, tile: &Values) -> Fields {
        let place = tile.place;
        let mut fields = vec![
            (33550, Field::Doubles(vec![place.pixel, place.pixel, 0.0])),
            (
                33922,
                Field::Doubles(vec![0.0, 0.0, 0.0, place.west, place.north, 0.0]),
            ),
        ];
        let keys = &self.label.keys;
        if !keys.directory.is_empty() {
            fields.push((34735, Field::Shorts(keys.directory.clone())));
        }
        if !keys.doubles.is_empty() {
            fields.push((34736, Field::Doubles(keys.doubles.clone())));
        }
        if !keys.ascii.is_empty() {
            fields.push((34737, Field::Text(keys.ascii.clone())));
        }
        fields
    }
}

/// zlib streams (tag 259).
const DEFLATE: u16 = 8;

/// What both directories begin with; `kind` is what the picture is for (tag 254).
fn size_fields(raster: &Raster, kind: u32) -> Fields {
    vec![
        (254, Field::Long(kind)),
        (256, Field::Long(raster.width() as u32)),
        (257, Field::Long(raster.height() as u32)),
    ]
}

/// The fields of the directory of the mask (TIFF 6.0, tag 262, value 4).
fn mask_fields(raster: &Raster, strip: (usize, usize)) -> Fields {
    let mut fields = size_fields(raster, 4);
    fields.extend([
        (258, Field::short(1)),
        (259, Field::short(DEFLATE)),
        (262, Field::short(4)),
        (273, Field::Long(strip.0 as u32)),
        (277, Field::short(1)),
        (278, Field::Long(raster.height() as u32)),
        (279, Field::Long(strip.1 as u32)),
        (284, Field::short(1)),
    ]);
    fields
}

/// A bit a pixel, set where there is something, the first one the highest; rows begin with a byte.
fn mask_bits(raster: &Raster, out: &mut Vec<u8>) {
    for row in raster.mask.chunks_exact(raster.width()) {
        let byte = |pixels: &[u8]| {
            let bits = pixels.iter().enumerate();
            bits.fold(0, |byte, (k, &m)| byte | u8::from(m > 0) << (7 - k))
        };
        out.extend(row.chunks(8).map(byte));
    }
}

/// Appends all rows of `values`, those of `raster`, as they are compressed.
fn rows<S: Copy + Into<f64>, T: Stored>(
    values: &[S],
    raster: &Raster,
    gaps: Gaps,
    out: &mut Vec<u8>,
) {
    let (width, bands, sample_type) = (raster.width(), raster.bands(), raster.sample_type());
    let nodata = match gaps {
        Gaps::Nodata(value) => Some(value),
        Gaps::Alpha | Gaps::Mask => None,
    };
    let hole = T::nearest(nodata.unwrap_or(0.0));
    let finished = |value: S| match sample_type.range() {
        Some((low, high)) => (value.into() + 0.5).floor().clamp(low, high),
        None => value.into(),
    };
    let moved = |value: f64| nodata.map_or(value, |nodata| beside(value, nodata, sample_type));
    let is_taken_for_nothing = |value: &S| moved(finished(*value)) != finished(*value);
    let full = whole(sample_type) / 255.0;
    let n_samples = bands + usize::from(gaps == Gaps::Alpha);
    let mut row: Vec<T> = Vec::with_capacity(width * n_samples);
    let mut spare = Vec::new();
    for (values, mask) in values
        .chunks_exact(width * bands)
        .zip(raster.mask.chunks_exact(width))
    {
        row.clear();
        for (pixel, &m) in values.chunks_exact(bands).zip(mask) {
            match m {
                0 => row.extend(std::iter::repeat_n(hole, bands)),
                // As in sources, a pixel is nothing when all its bands are; single ones may have the value.
                _ if pixel.iter().all(is_taken_for_nothing) => {
                    row.extend(pixel.iter().map(|&v| T::nearest(moved(finished(v)))));
                }
                _ => row.extend(pixel.iter().map(|&v| T::nearest(finished(v)))),
            }
            if gaps == Gaps::Alpha {
                row.push(T::nearest(f64::from(m) * full));
            }
        }
        T::predict(&mut row, n_samples, &mut spare, out);
    }
}

/// The table of colours (tag 320): 256 of red, then of green, then of blue, 16 bits each.
fn colours(label: &Label) -> Vec<u16> {
    let of = |k: usize, band: usize| label.palette.get(k).map_or(0, |colour| colour[band]);
    let all = (0..3).flat_map(|band| (0..256).map(move |k| (k, band)));
    // 257 = 65535 / 255: full stays full.
    all.map(|(k, band)| u16::from(of(k, band)) * 257).collect()
}

/// What GDAL keeps in its own tag of bands, as XML; `None` where there is nothing to say.
fn metadata(bands: &[BandLabel]) -> Option<String> {
    let mut items = String::new();
    for (k, band) in bands.iter().enumerate() {
        // Twice, as GDAL writes and reads it.
        let text = |text: &str| (!text.is_empty()).then(|| escaped(&escaped(text)));
        let rows = [
            ("DESCRIPTION", "description", text(&band.description)),
            (
                "OFFSET",
                "offset",
                band.offset.filter(|v| *v != 0.0).map(number),
            ),
            (
                "SCALE",
                "scale",
                band.scale.filter(|v| *v != 1.0).map(number),
            ),
            ("UNITTYPE", "unittype", text(&band.unit)),
        ];
        for (name, role, value) in rows {
            if let Some(value) = value {
                // Writing into a string never fails.
                let _ = writeln!(
                    items,
                    "  <Item name=\"{name}\" sample=\"{k}\" role=\"{role}\">{value}</Item>"
                );
            }
        }
    }
    (!items.is_empty()).then(|| format!("<GDALMetadata>\n{items}</GDALMetadata>\n"))
}

fn escaped(text: &str) -> String {
    // A zero would end the tag.
    let text = text.replace('\0', "").replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

/// The shortest number that reads back as `value`, as C's `strtod` does: `-9999`, `0.1`, `1e300`, `nan`.
fn number(value: f64) -> String {
    let text = format!("{value:?}").to_lowercase();
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn too_large(raster: &Raster) -> Error {
    Error::usage(format!(
        "a tif tile of {} x {} pixels with {} bands of {}; expected at least one pixel, and less than 2 GB of samples",
        raster.width(),
        raster.height(),
        raster.bands(),
        raster.sample_type().gdal_name()
    ))
    .with_help("a smaller --tile-size, or fewer bands with -b")
}
