//! PNG: lossless, 8 or 16 bits, by our own writer (PNG 3rd edition, W3C Recommendation).
//!
//! Three stages that do not know each other: [`layout`] chooses how pixels are stored, [`filter`]
//! turns them into residuals, [`deflate`] compresses those. This file writes the chunks and decides
//! which filters and which level a tile gets. No ancillary chunk but `tRNS` is written.

mod deflate;
mod filter;
mod layout;
mod palette;

pub(super) use palette::open as open_palette;

use deflate::{Deflater, Search};
use filter::{Filterer, Strategy};
use layout::{ColourType, Layout, Layouter};

use super::{Encode, Format, Settings, by_effort, check_size, colours};
use crate::error::{Error, Result};
use crate::raster::image::Image;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// What a level of effort means.
#[derive(Clone, Copy)]
struct Effort {
    /// Whether repetitions are looked for in filtered pictures.
    search: Search,
    /// libdeflate's level for those.
    level: i32,
    /// And for unfiltered ones: they are less data and repeat more, so searching costs less.
    level_flat: i32,
}

const fn effort(search: Search, level: i32, level_flat: i32) -> Effort {
    Effort {
        search,
        level,
        level_flat,
    }
}

/// Time and size of an orthophoto, tiles of 256 x 256, by effort: 0: 0.4 ms, 97 kB; 3: 0.9, 94; 4: 1.9, 91; 5: 2.9, 89; 9: 31, 85.
/// Where residuals hardly repeat, as of a satellite's picture of the whole Earth, 0 to 5 all take 0.5 ms. Level 3 is the default as
/// the last at which that is so for most pictures.
const EFFORTS: [Effort; 10] = [
    effort(Search::Never, 1, 1),
    effort(Search::Below(950), 1, 2),
    effort(Search::Below(970), 1, 4),
    effort(Search::Below(985), 1, 6),
    effort(Search::Below(1000), 3, 6),
    effort(Search::Below(1040), 5, 7),
    effort(Search::Always, 7, 8),
    effort(Search::Always, 8, 9),
    effort(Search::Always, 9, 9),
    effort(Search::Always, 12, 12),
];

/// Whether `tile` starts like a PNG (PNG 3rd edition, section 5.2).
pub(super) fn sniff(tile: &[u8]) -> bool {
    tile.starts_with(&SIGNATURE)
}

/// An encoder of PNG.
pub(super) fn open(settings: &Settings) -> Result<Box<dyn Encode>> {
    if settings.quality.is_some() {
        return Err(
            Error::usage("quality has no meaning for png, which is lossless").with_help(
                "leave --quality away, trade size for time with --effort, or write jpeg or webp",
            ),
        );
    }
    Ok(Box::new(Png {
        layouter: Layouter::new(),
        coder: Coder::new(by_effort(&EFFORTS, settings)),
    }))
}

struct Png {
    layouter: Layouter,
    coder: Coder,
}

/// From a layout to a file.
struct Coder {
    filterer: Filterer,
    deflater: Deflater,
    deflater_flat: Deflater,
}

impl Coder {
    fn new(effort: Effort) -> Self {
        Self {
            filterer: Filterer::default(),
            deflater: Deflater::new(effort.level, effort.search),
            deflater_flat: Deflater::new(effort.level_flat, Search::Never),
        }
    }

    /// Appends `image`, which is laid out as `layout`, to `out`.
    fn encode(&mut self, image: &Image, layout: &Layout, out: &mut Vec<u8>) -> Result<()> {
        let strategy = match wants_filters(layout) {
            true => Strategy::Adaptive,
            false => Strategy::Plain,
        };
        let filtered_row_bytes = layout.row_bytes + 1;
        let residuals = self.filterer.filter(
            layout.rows,
            layout.row_bytes,
            layout.pixel_bytes(),
            strategy,
        );
        let start = out.len();
        write(image, layout, out, |out| match strategy {
            Strategy::Plain => self.deflater_flat.plain(residuals, out),
            Strategy::Adaptive => self.deflater.filtered(residuals, filtered_row_bytes, out),
        })
        .inspect_err(|_| out.truncate(start))
    }
}

impl Encode for Png {
    fn format(&self) -> Format {
        Format::Png
    }

    fn encode(&mut self, image: &Image, out: &mut Vec<u8>) -> Result<()> {
        check_size(image, Format::Png, SIDE_MAX)?;
        self.coder.encode(image, &self.layouter.layout(image), out)
    }
}

/// Appends signature and chunks (PNG 3rd edition, section 5.6); `data` appends what `IDAT` holds.
fn write(
    image: &Image,
    layout: &Layout,
    out: &mut Vec<u8>,
    data: impl FnOnce(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    out.extend_from_slice(&SIGNATURE);
    chunk(out, b"IHDR", |out| header(image, layout, out))?;
    if !layout.palette.is_empty() {
        palette(layout, out)?;
    }
    chunk(out, b"IDAT", data)?;
    chunk(out, b"IEND", |_| Ok(()))
}

/// Keeps the only `IDAT` chunk within the 2^31 - 1 bytes of a chunk, at 8 bytes a pixel, with room
/// for what deflate may add.
const SIDE_MAX: usize = 16_000;

/// Whether predicting pixels from their neighbours makes `layout` smaller.
///
/// Not if it is flat. Indices are numbers in name only, so a difference of two means something only
/// if the palette is a ramp (gray, or a coloured elevation) and the picture runs along it.
fn wants_filters(layout: &Layout) -> bool {
    if layout.bit_depth < 8 || colours::is_flat(layout.rows, layout.row_bytes, layout.pixel_bytes())
    {
        return false;
    }
    layout.colour_type != ColourType::Indexed || runs_along(layout)
}

/// Whether neighbouring indices are close: at random they would be a third of the palette apart;
/// these are at most an eighth.
fn runs_along(layout: &Layout) -> bool {
    let (mut sum, mut n) = (0, 0);
    for row in layout.rows.chunks_exact(layout.row_bytes).step_by(8) {
        sum += row
            .windows(2)
            .map(|pair| usize::from(pair[0].abs_diff(pair[1])))
            .sum::<usize>();
        n += row.len() - 1;
    }
    8 * sum <= n * layout.palette.len()
}

/// Appends a chunk (PNG 3rd edition, section 5.3):
///
/// ```text
/// +----------------+---------------+------------------+------------------------+
/// | length, u32 BE | type, 4 bytes | data, by `write` | CRC-32 of type+data BE |
/// +----------------+---------------+------------------+------------------------+
/// ```
fn chunk(
    out: &mut Vec<u8>,
    kind: &[u8; 4],
    write: impl FnOnce(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(kind);
    write(out)?;
    let length = u32::try_from(out.len() - start - 8)
        .map_err(|_| Error::internal("png: a chunk of more than 4 GB"))?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    let crc = libdeflater::crc32(&out[start + 4..]);
    out.extend_from_slice(&crc.to_be_bytes());
    Ok(())
}

/// The data of `IHDR` (PNG 3rd edition, section 11.2.1): width, height, bit depth, colour type,
/// compression 0, filter method 0, not interlaced.
fn header(image: &Image, layout: &Layout, out: &mut Vec<u8>) -> Result<()> {
    for side in [image.width, image.height] {
        // `check_size` has seen to it that this fits.
        out.extend_from_slice(&(side as u32).to_be_bytes());
    }
    out.extend_from_slice(&[layout.bit_depth, layout.colour_type as u8, 0, 0, 0]);
    Ok(())
}

/// `PLTE`, and `tRNS` as far as colours are not opaque; the palette has those first (PNG 3rd
/// edition, sections 11.2.2 and 11.3.1.1).
fn palette(layout: &Layout, out: &mut Vec<u8>) -> Result<()> {
    chunk(out, b"PLTE", |out| {
        out.extend(
            layout
                .palette
                .iter()
                .flat_map(|&[red, green, blue, _]| [red, green, blue]),
        );
        Ok(())
    })?;
    let alphas = layout.palette.iter().map(|colour| colour[3]);
    let mut alphas = alphas.take_while(|&alpha| alpha < 255).peekable();
    if alphas.peek().is_none() {
        return Ok(());
    }
    chunk(out, b"tRNS", |out| {
        out.extend(alphas);
        Ok(())
    })
}
