//! From a raster to the bytes of a tile, and from pictures back. One file (or folder) per format, one row of [`FORMATS`]
//! each: a new format is a variant of [`Format`], a row, and a file with an encoder.
//!
//! There are formats of pictures and formats of values. [`Encode`] makes a tile of an [`Image`], [`EncodeValues`] one of
//! [`Values`]: samples of any type in any number of bands, with the place where they lie and a [`Label`] that all tiles
//! share; both with fixed settings. Whoever has rasters need not know which: a [`Recipe`] says how the tiles of a whole
//! tileset are made (settings, qualities by zoom, the most bytes a tile may have, the label), and a [`TileEncoder`] goes by it.
//!
//! Absent here: files, threads and geography: where a tile lies is numbers that are passed on. An encoder is a value that a
//! worker owns; it may keep buffers between tiles.

mod avif;
mod colours;
mod decode;
mod jpeg;
mod mixed;
mod png;
mod recipe;
#[cfg(test)]
mod tests;
mod tiff;
mod values;
mod webp;
mod zlib;

pub use decode::decode;
pub use recipe::{Fit, Recipe, TileEncoder};
pub use values::{BandLabel, EncodeValues, GeoKeys, Label, Place, Values};

use crate::error::{Error, Result};
use crate::raster::image::{Channels, Image, Pixels};

/// A tile format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lossless, with or without alpha, 8 or 16 bits.
    Png,
    /// PNG of at most 256 colours, exact where a tile has no more.
    Palette,
    /// Lossy, no alpha.
    Jpeg,
    /// JPEG where a tile is opaque, PNG where it is not.
    Mixed,
    /// Lossy or lossless, with or without alpha.
    Webp,
    /// Lossy, with or without alpha.
    Avif,
    /// Values as they are, with their place on the Earth: GeoTIFF.
    Tif,
}

/// Encodes pictures as tiles of one format with fixed settings: the same picture gives the same
/// bytes, always.
pub trait Encode: Send {
    /// The format that was asked for.
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
    /// 1..=100 for lossy formats; without it [`FormatInfo::quality`].
    pub quality: Option<u8>,
    /// Every pixel comes back as it went in.
    pub lossless: bool,
    /// 0 (fastest) ..= 9 (smallest); without it [`DEFAULT_EFFORT`].
    pub effort: Option<u8>,
    /// What tiles with transparency may lose.
    pub edges: Edges,
}

/// What happens to tiles with transparency in formats that keep them exactly and others not: lossy WebP, and mixed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Edges {
    /// Every pixel comes back as it went in.
    #[default]
    Exact,
    /// Colours may change as the quality says: such a tile would have too many bytes.
    Lossy,
}

/// The quality of JPEG tiles when none is asked for.
pub const JPEG_QUALITY: u8 = 85;
/// The quality of lossy WebP tiles when none is asked for.
pub const WEBP_QUALITY: u8 = 75;
/// The quality of AVIF tiles when none is asked for: about as near as WebP at its own.
pub const AVIF_QUALITY: u8 = 75;
/// The effort when none is asked for: the last one before time rises faster than size falls.
pub const DEFAULT_EFFORT: u8 = 3;

/// What is known about a format: a row of [`FORMATS`].
#[derive(Debug)]
pub struct FormatInfo {
    /// Which format the row is about.
    pub format: Format,
    /// Its name on a command line.
    pub name: &'static str,
    /// The format that a tileset of such tiles is said to be of: another one for names that say how tiles are made.
    pub stored: Format,
    /// What its tiles may be, each by itself.
    pub tiles: &'static [Format],
    /// The quality when none is asked for; `None` if it knows no quality.
    pub quality: Option<u8>,
    /// Other names that are understood.
    pub aliases: &'static [&'static str],
    /// The extension of its files, without the dot.
    pub extension: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// The value of `format` in the metadata of an MBTiles file (MBTiles 1.3, "Content").
    pub mbtiles: &'static str,
    /// The tile type in the header of a PMTiles archive (specification, version 3); 0 where it has none for the format.
    pub pmtiles: u8,
    /// Whether it keeps alpha; a format that does not shows the picture over white.
    pub alpha: bool,
    /// Whether it holds 16 bits a channel.
    pub sixteen_bits: bool,
    /// Whether a tile starts like one of this format, where tiles tell.
    sniff: Option<fn(&[u8]) -> bool>,
    open: Open,
}

/// What encoders of a format take, and how they are made.
#[derive(Debug)]
enum Open {
    Pictures(fn(&Settings) -> Result<Box<dyn Encode>>),
    Values(fn(&Settings, &Label) -> Result<Box<dyn EncodeValues>>),
}

impl FormatInfo {
    /// Whether its tiles hold values as they are, and not a picture of them.
    pub fn is_of_values(&self) -> bool {
        matches!(self.open, Open::Values(_))
    }
}

/// All formats, the one that suits most pictures without a word from the user first.
pub static FORMATS: [FormatInfo; 7] = [
    FormatInfo {
        format: Format::Png,
        name: "png",
        stored: Format::Png,
        tiles: &[Format::Png],
        quality: None,
        aliases: &[],
        extension: "png",
        media_type: "image/png",
        mbtiles: "png",
        pmtiles: 2,
        alpha: true,
        sixteen_bits: true,
        sniff: Some(png::sniff),
        open: Open::Pictures(png::open),
    },
    FormatInfo {
        format: Format::Palette,
        name: "palette",
        stored: Format::Png,
        tiles: &[Format::Png],
        // All 256 colours.
        quality: Some(100),
        aliases: &["png8"],
        extension: "png",
        media_type: "image/png",
        mbtiles: "png",
        pmtiles: 2,
        alpha: true,
        sixteen_bits: false,
        sniff: None,
        open: Open::Pictures(png::open_palette),
    },
    FormatInfo {
        format: Format::Jpeg,
        name: "jpeg",
        stored: Format::Jpeg,
        tiles: &[Format::Jpeg],
        quality: Some(JPEG_QUALITY),
        aliases: &["jpg"],
        extension: "jpg",
        media_type: "image/jpeg",
        mbtiles: "jpg",
        pmtiles: 3,
        alpha: false,
        sixteen_bits: false,
        sniff: Some(jpeg::sniff),
        open: Open::Pictures(jpeg::open),
    },
    FormatInfo {
        format: Format::Mixed,
        name: "mixed",
        stored: Format::Mixed,
        tiles: &[Format::Jpeg, Format::Png],
        quality: Some(JPEG_QUALITY),
        // GeoWebCache's media type, without `image/`.
        aliases: &["vnd.jpeg-png"],
        extension: "png",
        media_type: "image/png",
        mbtiles: "png",
        pmtiles: 2,
        alpha: true,
        sixteen_bits: false,
        sniff: None,
        open: Open::Pictures(mixed::open),
    },
    FormatInfo {
        format: Format::Webp,
        name: "webp",
        stored: Format::Webp,
        tiles: &[Format::Webp],
        quality: Some(WEBP_QUALITY),
        aliases: &[],
        extension: "webp",
        media_type: "image/webp",
        mbtiles: "webp",
        pmtiles: 4,
        alpha: true,
        sixteen_bits: false,
        sniff: Some(webp::sniff),
        open: Open::Pictures(webp::open),
    },
    FormatInfo {
        format: Format::Avif,
        name: "avif",
        stored: Format::Avif,
        tiles: &[Format::Avif],
        quality: Some(AVIF_QUALITY),
        aliases: &[],
        extension: "avif",
        media_type: "image/avif",
        mbtiles: "avif",
        pmtiles: 5,
        alpha: true,
        sixteen_bits: false,
        sniff: Some(avif::sniff),
        open: Open::Pictures(avif::open),
    },
    FormatInfo {
        format: Format::Tif,
        name: "tif",
        stored: Format::Tif,
        tiles: &[Format::Tif],
        quality: None,
        aliases: &["tiff", "gtiff", "geotiff"],
        extension: "tif",
        media_type: "image/tiff",
        // Formats that MBTiles does not name go by their media type.
        mbtiles: "image/tiff",
        pmtiles: 0,
        alpha: true,
        sixteen_bits: true,
        sniff: Some(tiff::sniff),
        open: Open::Values(tiff::open),
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

    /// The format a user calls `name`: its name or an alias, in any case, or its media type. File extensions and the
    /// `format` values of MBTiles are among these; several formats have those of PNG, which is then meant.
    ///
    /// # Errors
    /// When there is no such format.
    pub fn from_name(name: &str) -> Result<Self> {
        let name = match name.split_at_checked("image/".len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case("image/") => rest,
            _ => name,
        };
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
            .find(|info| info.sniff.is_some_and(|sniff| sniff(tile)))
            .map(|info| info.format)
    }

    /// Whether a tile that is `other` by itself belongs into a tileset of this format.
    pub fn holds(self, other: Self) -> bool {
        self.info().tiles.contains(&other)
    }

    /// The quality that `settings` come to; `None` if they keep every pixel.
    pub fn quality(self, settings: &Settings) -> Option<u8> {
        let default = self.info().quality.filter(|_| !settings.lossless)?;
        Some(settings.quality.unwrap_or(default))
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

/// An encoder of pictures as tiles of `format`, as the user wants it.
///
/// An option that would be ignored is refused, so that nobody believes it did something: a quality
/// for a lossless tile, lossless JPEG. `lossless` with PNG is fine, it asks for what PNG is.
///
/// # Errors
/// When a setting is out of range or means nothing for this format, and for a format of values.
pub fn encoder(format: Format, settings: &Settings) -> Result<Box<dyn Encode>> {
    check_ranges(settings)?;
    match format.info().open {
        Open::Pictures(open) => open(settings),
        Open::Values(_) => Err(no_pictures(format)),
    }
}

/// An encoder of values that all say of themselves what `label` says.
///
/// # Errors
/// As [`encoder`], and for a format of pictures.
pub fn values_encoder(
    format: Format,
    settings: &Settings,
    label: &Label,
) -> Result<Box<dyn EncodeValues>> {
    check_ranges(settings)?;
    match format.info().open {
        Open::Values(open) => open(settings, label),
        Open::Pictures(_) => Err(Error::internal(format!("{format} tiles hold pictures"))),
    }
}

fn check_ranges(settings: &Settings) -> Result<()> {
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
    Ok(())
}

/// A picture is not what `format` is made of.
fn no_pictures(format: Format) -> Error {
    Error::usage(format!(
        "{format} tiles hold values and where they lie, which pictures do not tell; expected a format of pictures"
    ))
    .with_help(format!("'azulejo tile -f {format}' makes such tiles of the rasters themselves"))
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

/// Whether some pixel of a picture of 8 bits is not opaque.
fn has_transparency(pixels: &[u8], channels: Channels) -> bool {
    match channels {
        Channels::Gray | Channels::Rgb => false,
        Channels::GrayAlpha => pixels.as_chunks::<2>().0.iter().any(|p| p[1] < 255),
        Channels::Rgba => pixels.as_chunks::<4>().0.iter().any(|p| p[3] < 255),
    }
}

/// `image`, which has alpha and whose values are `pixels`, without it.
fn without_alpha(image: &Image, pixels: &[u8]) -> Image {
    let (channels, opaque) = match image.channels {
        Channels::Gray | Channels::GrayAlpha => (
            Channels::Gray,
            pixels.as_chunks::<2>().0.iter().map(|p| p[0]).collect(),
        ),
        Channels::Rgb | Channels::Rgba => {
            let colours = pixels.as_chunks::<4>().0.iter();
            (
                Channels::Rgb,
                colours.flat_map(|&[r, g, b, _]| [r, g, b]).collect(),
            )
        }
    };
    Image {
        channels,
        pixels: Pixels::U8(opaque),
        ..*image
    }
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
