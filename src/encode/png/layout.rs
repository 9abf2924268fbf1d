//! How a picture is stored in a PNG: colour type, bit depth, palette, and rows of bytes to match
//! (PNG 3rd edition, sections 6 and 7). All of it is exact: pixels come back as they went in.

use crate::encode::colours::{Indexer, MAX_COLOURS, Rgba};
use crate::raster::image::{Channels, Image, Pixels};

/// The colour type in the header (PNG 3rd edition, table 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColourType {
    Gray = 0,
    Rgb = 2,
    Indexed = 3,
    GrayAlpha = 4,
    Rgba = 6,
}

/// A picture as rows of bytes.
pub(super) struct Layout<'a> {
    pub(super) colour_type: ColourType,
    /// Bits a channel, or bits an index: 1, 2, 4, 8 or 16.
    pub(super) bit_depth: u8,
    /// The colours that indices stand for; empty if the samples are not indices.
    pub(super) palette: &'a [Rgba],
    pub(super) row_bytes: usize,
    /// Rows top to bottom, each padded to a whole byte, 16-bit samples high byte first.
    pub(super) rows: &'a [u8],
}

impl Layout<'_> {
    /// The bytes of a pixel, 1 if it has less than one.
    pub(super) fn pixel_bytes(&self) -> usize {
        let channels = match self.colour_type {
            ColourType::Gray | ColourType::Indexed => 1,
            ColourType::GrayAlpha => 2,
            ColourType::Rgb => 3,
            ColourType::Rgba => 4,
        };
        (channels * usize::from(self.bit_depth)).div_ceil(8)
    }
}

/// Chooses layouts; keeps its buffers from tile to tile.
pub(super) struct Layouter {
    indexer: Indexer,
    gray: Vec<u8>,
    rows: Vec<u8>,
}

impl Layouter {
    pub(super) fn new() -> Self {
        Self {
            indexer: Indexer::new(),
            gray: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The smallest layout that holds `image`, which is not empty, exactly.
    ///
    /// 16-bit samples stay 16 bits even if 8 would hold them: a reader of data tiles would take
    /// tiles of two depths for two scales.
    pub(super) fn layout<'a>(&'a mut self, image: &'a Image) -> Layout<'a> {
        let (width, channels) = (image.width, image.channels);
        match &image.pixels {
            Pixels::U16(samples) => {
                self.rows.clear();
                self.rows
                    .extend(samples.iter().flat_map(|v| v.to_be_bytes()));
                direct(&self.rows, channels, 16, width)
            }
            Pixels::U8(samples) => match without_colour(samples, channels, &mut self.gray) {
                Some(channels) => {
                    let Self {
                        indexer,
                        gray,
                        rows,
                    } = self;
                    indexed(gray, channels, width, indexer, rows)
                        .unwrap_or_else(|| direct(gray, channels, 8, width))
                }
                None => {
                    let Self { indexer, rows, .. } = self;
                    indexed(samples, channels, width, indexer, rows)
                        .unwrap_or_else(|| direct(samples, channels, 8, width))
                }
            },
        }
    }
}

/// Samples as they are.
fn direct(rows: &[u8], channels: Channels, bit_depth: u8, width: usize) -> Layout<'_> {
    let colour_type = match channels {
        Channels::Gray => ColourType::Gray,
        Channels::GrayAlpha => ColourType::GrayAlpha,
        Channels::Rgb => ColourType::Rgb,
        Channels::Rgba => ColourType::Rgba,
    };
    let row_bytes = width * channels.count() * usize::from(bit_depth / 8);
    Layout {
        colour_type,
        bit_depth,
        palette: &[],
        row_bytes,
        rows,
    }
}

/// Drops two of three equal colour channels, into `out`, and returns the channels that are left. A
/// gray picture in red, green and blue is common: hill shades, historic photographs.
fn without_colour(samples: &[u8], channels: Channels, out: &mut Vec<u8>) -> Option<Channels> {
    let (gray, left) = match channels {
        Channels::Rgb => (samples.chunks_exact(3).all(is_gray), Channels::Gray),
        Channels::Rgba => (samples.chunks_exact(4).all(is_gray), Channels::GrayAlpha),
        Channels::Gray | Channels::GrayAlpha => return None,
    };
    if !gray {
        return None;
    }
    out.clear();
    for pixel in samples.chunks_exact(channels.count()) {
        out.extend_from_slice(&pixel[2..]);
    }
    Some(left)
}

fn is_gray(pixel: &[u8]) -> bool {
    pixel[0] == pixel[1] && pixel[1] == pixel[2]
}

/// Indices into an exact palette, if that is smaller than the samples.
///
/// Gray samples of less than 8 bits would do for some pictures without any palette, but GDAL hands
/// them out unscaled (15, not 255, for 4-bit white), so its users would see nearly black tiles.
/// Palettes it understands, and the at most 16 entries cost less than 64 bytes.
fn indexed<'a>(
    samples: &[u8],
    channels: Channels,
    width: usize,
    indexer: &'a mut Indexer,
    rows: &'a mut Vec<u8>,
) -> Option<Layout<'a>> {
    // 8-bit indices are no smaller than 8-bit gray.
    let max = if channels == Channels::Gray {
        16
    } else {
        MAX_COLOURS
    };
    let (palette, indices) = indexer.palette(samples, channels, max)?;
    let bit_depth = match palette.len() {
        ..=2 => 1,
        3..=4 => 2,
        5..=16 => 4,
        _ => 8,
    };
    let row_bytes = (width * usize::from(bit_depth)).div_ceil(8);
    // PLTE and tRNS, each with 12 bytes around it.
    let palette_bytes = 24 + 4 * palette.len();
    if palette_bytes + row_bytes * (indices.len() / width) >= samples.len() {
        return None;
    }
    let rows = match bit_depth {
        8 => indices,
        _ => {
            pack(indices, width, bit_depth, rows);
            rows
        }
    };
    Some(Layout {
        colour_type: ColourType::Indexed,
        bit_depth,
        palette,
        row_bytes,
        rows,
    })
}

/// Packs indices of `bit_depth` 1, 2 or 4 into bytes, the leftmost in the high bits (PNG 3rd
/// edition, section 7.2). The unused low bits at the end of a row are 0.
pub(super) fn pack(indices: &[u8], width: usize, bit_depth: u8, out: &mut Vec<u8>) {
    let depth = u32::from(bit_depth);
    let per_byte = 8 / usize::from(bit_depth);
    out.clear();
    for row in indices.chunks_exact(width) {
        out.extend(row.chunks(per_byte).map(|group| {
            let missing = (per_byte - group.len()) as u32;
            group.iter().fold(0, |byte, &index| (byte << depth) | index) << (missing * depth)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout_of(image: &Image) -> (ColourType, u8, usize) {
        let mut layouter = Layouter::new();
        let layout = layouter.layout(image);
        (layout.colour_type, layout.bit_depth, layout.palette.len())
    }

    fn image(channels: Channels, colour: impl Fn(usize) -> Vec<u8>) -> Image {
        let pixels = Pixels::U8((0..64 * 64).flat_map(colour).collect());
        Image {
            width: 64,
            height: 64,
            channels,
            pixels,
        }
    }

    #[test]
    fn palettes_take_the_fewest_bits() {
        use ColourType::{Gray, Indexed, Rgb};
        let rows: [(usize, (ColourType, u8, usize)); 10] = [
            (1, (Indexed, 1, 1)),
            (2, (Indexed, 1, 2)),
            (3, (Indexed, 2, 3)),
            (4, (Indexed, 2, 4)),
            (5, (Indexed, 4, 5)),
            (16, (Indexed, 4, 16)),
            (17, (Indexed, 8, 17)),
            (255, (Indexed, 8, 255)),
            (256, (Indexed, 8, 256)),
            (257, (Rgb, 8, 0)),
        ];
        for (n, expected) in rows {
            let colours = image(Channels::Rgb, |i| {
                vec![(i % n) as u8, (i % n / 256) as u8, 9]
            });
            assert_eq!(layout_of(&colours), expected, "{n} colours");
        }
        for (n, expected) in [
            (2, (Indexed, 1, 2)),
            (16, (Indexed, 4, 16)),
            (17, (Gray, 8, 0)),
        ] {
            let grays = image(Channels::Gray, |i| vec![(i % n) as u8]);
            assert_eq!(layout_of(&grays), expected, "{n} grays");
            let grays = image(Channels::Rgb, |i| vec![(i % n) as u8; 3]);
            assert_eq!(layout_of(&grays), expected, "{n} grays in RGB");
        }
    }

    #[test]
    fn pixels_pack_from_the_high_bits_and_rows_end_at_a_byte() {
        let mut out = Vec::new();
        pack(&[1, 0, 1, 1, 0, 1], 3, 1, &mut out);
        assert_eq!(out, [0b1010_0000, 0b1010_0000]);
        pack(&[3, 1, 2, 0, 1, 2], 6, 2, &mut out);
        assert_eq!(out, [0b1101_1000, 0b0110_0000]);
        pack(&[15, 1, 7], 3, 4, &mut out);
        assert_eq!(out, [0xF1, 0x70]);
    }
}
