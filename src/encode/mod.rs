//! From an [`Image`] to the bytes of a tile, and back. One file (or folder) per format, one row of [`FORMATS`]
//! each: a new format is a variant of [`Format`], a row, and a file with an encoder.
//!
//! Absent here: files and threads. An encoder is a value that a worker owns; it may keep buffers
//! between tiles.

mod colours;
mod decode;
mod jpeg;
mod png;
#[cfg(test)]
mod tests;
mod webp;

pub use decode::decode;

use crate::error::{Error, Result};
use crate::raster::image::{Image, Pixels};

/// A tile format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lossless, with or without alpha, 8 or 16 bits.
    Png,
    /// Lossy, no alpha.
    Jpeg,
    /// Lossy or lossless, with or without alpha.
    Webp,
}

/// Encodes pictures as tiles of one format with fixed settings: the same picture gives the same
/// bytes, always.
pub trait Encode: Send {
    /// The format of what comes out.
    fn format(&self) -> Format;
    /// Appends the encoded `image` to `out`. After an error `out` is as it was.
    ///
    /// # Errors
    /// When the format cannot hold the picture.
    fn encode(&mut self, image: &Image, out: &mut Vec<u8>) -> Result<()>;
}

/// What the user may choose about the encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// 1..=100 for lossy formats; without it [`JPEG_QUALITY`] or [`WEBP_QUALITY`].
    pub quality: Option<u8>,
    /// Every pixel comes back as it went in.
    pub lossless: bool,
    /// 0 (fastest) ..= 9 (smallest); without it [`DEFAULT_EFFORT`].
    pub effort: Option<u8>,
}

/// The quality of JPEG tiles when none is asked for.
pub const JPEG_QUALITY: u8 = 85;
/// The quality of lossy WebP tiles when none is asked for.
pub const WEBP_QUALITY: u8 = 75;
/// The effort when none is asked for: the last one before time rises faster than size falls.
pub const DEFAULT_EFFORT: u8 = 3;

/// What is known about a format: a row of [`FORMATS`].
#[derive(Debug)]
pub struct FormatInfo {
    /// Which format the row is about.
    pub format: Format,
    /// Its name on a command line.
    pub name: &'static str,
    /// Other names that are understood.
    pub aliases: &'static [&'static str],
    /// The extension of its files, without the dot.
    pub extension: &'static str,
    /// The value of `format` in the metadata of an MBTiles file (MBTiles 1.3, "Content").
    pub mbtiles: &'static str,
    /// The tile type in the header of a PMTiles archive (specification, version 3).
    pub pmtiles: u8,
    /// Whether it keeps alpha; a format that does not shows the picture over white.
    pub alpha: bool,
    /// Whether it holds 16 bits a channel.
    pub sixteen_bits: bool,
    sniff: fn(&[u8]) -> bool,
    open: fn(&Settings) -> Result<Box<dyn Encode>>,
}

/// All formats, the one that suits most pictures without a word from the user first.
pub static FORMATS: [FormatInfo; 3] = [
    FormatInfo {
        format: Format::Png,
        name: "png",
        aliases: &[],
        extension: "png",
        mbtiles: "png",
        pmtiles: 2,
        alpha: true,
        sixteen_bits: true,
        sniff: png::sniff,
        open: png::open,
    },
    FormatInfo {
        format: Format::Jpeg,
        name: "jpeg",
        aliases: &["jpg"],
        extension: "jpg",
        mbtiles: "jpg",
        pmtiles: 3,
        alpha: false,
        sixteen_bits: false,
        sniff: jpeg::sniff,
        open: jpeg::open,
    },
    FormatInfo {
        format: Format::Webp,
        name: "webp",
        aliases: &[],
        extension: "webp",
        mbtiles: "webp",
        pmtiles: 4,
        alpha: true,
        sixteen_bits: false,
        sniff: webp::sniff,
        open: webp::open,
    },
];

impl Format {
    /// The row of [`FORMATS`] about this format.
    pub fn info(self) -> &'static FormatInfo {
        FORMATS
            .iter()
            .find(|info| info.format == self)
            .expect("every format has a row in FORMATS")
    }

    /// The format a user calls `name`: its name or an alias, in any case. File extensions and the
    /// `format` values of MBTiles are among these.
    ///
    /// # Errors
    /// When there is no such format.
    pub fn from_name(name: &str) -> Result<Self> {
        let known = |info: &&FormatInfo| {
            let mut names = info.aliases.iter().chain([&info.name]);
            names.any(|known| known.eq_ignore_ascii_case(name))
        };
        FORMATS
            .iter()
            .find(known)
            .map(|info| info.format)
            .ok_or_else(|| {
                let names: Vec<_> = FORMATS.iter().map(|info| info.name).collect();
                Error::usage(format!(
                    "unknown tile format '{name}'; expected one of {}",
                    names.join(", ")
                ))
            })
    }

    /// The format of an encoded tile, told by its first bytes.
    pub fn sniff(tile: &[u8]) -> Option<Self> {
        FORMATS
            .iter()
            .find(|info| (info.sniff)(tile))
            .map(|info| info.format)
    }

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The extension of its files, without the dot.
    pub fn extension(self) -> &'static str {
        self.info().extension
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An encoder for `format` as the user wants it.
///
/// An option that would be ignored is refused, so that nobody believes it did something: a quality
/// for a lossless tile, lossless JPEG. `lossless` with PNG is fine, it asks for what PNG is.
///
/// # Errors
/// When a setting is out of range or means nothing for this format.
pub fn encoder(format: Format, settings: &Settings) -> Result<Box<dyn Encode>> {
    if let Some(quality) = settings.quality.filter(|q| !(1..=100).contains(q)) {
        return Err(Error::usage(format!(
            "quality {quality} is out of range; expected 1 to 100"
        )));
    }
    if let Some(effort) = settings.effort.filter(|&e| e > 9) {
        return Err(Error::usage(format!(
            "effort {effort} is out of range; expected 0 (fastest) to 9 (smallest)"
        )));
    }
    (format.info().open)(settings)
}

/// The row of `table` for the effort asked for. Each encoder has one row per effort.
fn by_effort<T: Copy>(table: &[T; 10], settings: &Settings) -> T {
    let effort = settings.effort.unwrap_or(DEFAULT_EFFORT);
    table[usize::from(effort).min(table.len() - 1)]
}

/// Checks that `image` is what it says and no longer than `side_max` pixels on either side.
fn check_size(image: &Image, format: Format, side_max: usize) -> Result<()> {
    let Image {
        width,
        height,
        channels,
        pixels,
    } = image;
    if *width == 0 || *height == 0 || *width > side_max || *height > side_max {
        return Err(Error::usage(format!(
            "a {format} tile cannot be {width} x {height} pixels; expected 1 to {side_max} a side"
        ))
        .with_help("choose another tile size"));
    }
    let n = match pixels {
        Pixels::U8(values) => values.len(),
        Pixels::U16(values) => values.len(),
    };
    if width
        .checked_mul(*height)
        .and_then(|n| n.checked_mul(channels.count()))
        != Some(n)
    {
        return Err(Error::internal(format!(
            "picture: {n} values for {width} x {height} pixels of {channels:?}"
        )));
    }
    Ok(())
}

/// The values of an 8-bit picture, for formats that hold no other.
fn only_8_bits(image: &Image, format: Format) -> Result<&[u8]> {
    match &image.pixels {
        Pixels::U8(values) => Ok(values),
        Pixels::U16(_) => Err(Error::usage(format!(
            "{format} cannot hold 16-bit samples; expected 8-bit ones"
        ))
        .with_help("write PNG, or bring the samples to 8 bits before")),
    }
}
