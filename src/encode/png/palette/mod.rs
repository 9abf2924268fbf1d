//! PNG with a palette: exact where a tile has few enough colours, else the nearest of a chosen few, dithered.
//!
//! Pixels are of three kinds, which never mix: transparent ones stay exactly transparent, opaque ones opaque, and those in
//! between take colours of their own. [`choose`] finds the colours, [`dither`] gives each pixel one.
//!
//! Own code, not `quantizr`: that one raises floats to fractions of a power, by a library that is another one on every
//! system, and adds them up in an order that differs between processors; and it knows nothing of the three kinds. It is
//! whole numbers here, and of floats only what IEEE 754 leaves no choice about.

mod choose;
mod dither;
mod nearest;

use super::layout::{ColourType, Layout, pack};
use super::{Coder, EFFORTS, SIDE_MAX};
use crate::encode::colours::{Indexer, MAX_COLOURS, Rgba, light};
use crate::encode::png::layout::Layouter;
use crate::encode::{
    Encode, Format, Settings, by_effort, check_size, has_transparency, only_8_bits, without_alpha,
};
use crate::error::{Error, Result};
use crate::raster::image::{Channels, Image};

/// The fewest colours: one of each kind, and one more.
const MIN_COLOURS: usize = 4;

/// An encoder of PNG with palettes. Its quality is the number of colours, in hundredths of 256.
pub(in crate::encode) fn open(settings: &Settings) -> Result<Box<dyn Encode>> {
    if settings.lossless {
        return Err(Error::usage(
            "palette cannot be lossless: most pictures have more than 256 colours",
        )
        .with_help("leave --lossless away, or write png, which has a palette where it is exact"));
    }
    let n = usize::from(Format::Palette.quality(settings).unwrap_or(100)) * MAX_COLOURS / 100;
    Ok(Box::new(Palette {
        n_colours: n.clamp(MIN_COLOURS, MAX_COLOURS),
        indexer: Indexer::new(),
        layouter: Layouter::new(),
        coder: Coder::new(by_effort(&EFFORTS, settings)),
        pixels: Vec::new(),
        rows: Vec::new(),
    }))
}

struct Palette {
    n_colours: usize,
    indexer: Indexer,
    layouter: Layouter,
    coder: Coder,
    /// Pixels in red, green, blue and alpha.
    pixels: Vec<Rgba>,
    rows: Vec<u8>,
}

impl Encode for Palette {
    fn format(&self) -> Format {
        Format::Palette
    }

    fn encode(&mut self, image: &Image, out: &mut Vec<u8>) -> Result<()> {
        check_size(image, Format::Palette, SIDE_MAX)?;
        let samples = only_8_bits(image, Format::Palette)?;
        if image.channels.has_alpha() && !has_transparency(samples, image.channels) {
            return self.encode(&without_alpha(image, samples), out);
        }
        let exact = self
            .indexer
            .palette(samples, image.channels, self.n_colours);
        if exact.is_some() {
            return self.coder.encode(image, &self.layouter.layout(image), out);
        }
        in_rgba(samples, image.channels, &mut self.pixels);
        let mut palette = choose::colours(&self.pixels, self.n_colours);
        // In the order of exact palettes, for the same reasons.
        palette.sort_unstable_by_key(|&colour| (colour[3] == 255, light(colour)));
        let mut indices = dither::indices(&self.pixels, image.width, &palette);
        let bit_depth = match palette.len() {
            ..=4 => 2,
            5..=16 => 4,
            _ => 8,
        };
        if bit_depth < 8 {
            pack(&indices, image.width, bit_depth, &mut self.rows);
            std::mem::swap(&mut indices, &mut self.rows);
        }
        let layout = Layout {
            colour_type: ColourType::Indexed,
            bit_depth,
            palette: &palette,
            row_bytes: (image.width * usize::from(bit_depth)).div_ceil(8),
            rows: &indices,
        };
        self.coder.encode(image, &layout, out)
    }
}

/// The kinds of pixels, which have colours of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Transparent,
    Between,
    Opaque,
}

fn kind(colour: Rgba) -> Kind {
    match colour[3] {
        0 => Kind::Transparent,
        255 => Kind::Opaque,
        _ => Kind::Between,
    }
}

fn in_rgba(samples: &[u8], channels: Channels, out: &mut Vec<Rgba>) {
    out.clear();
    match channels {
        Channels::Gray => out.extend(samples.iter().map(|&v| [v, v, v, 255])),
        Channels::GrayAlpha => {
            let pixels = samples.as_chunks::<2>().0.iter();
            out.extend(pixels.map(|&[v, a]| [v, v, v, a]));
        }
        Channels::Rgb => {
            let pixels = samples.as_chunks::<3>().0.iter();
            out.extend(pixels.map(|&[r, g, b]| [r, g, b, 255]));
        }
        Channels::Rgba => out.extend_from_slice(samples.as_chunks::<4>().0),
    }
}
