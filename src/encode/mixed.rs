//! Mixed: JPEG where a tile is opaque, PNG with alpha where it is not. Most of a mosaic is opaque, and its edges lie well
//! over other maps.
//!
//! No container has a word for that which all readers know, so a tileset says it is of PNG, and in a row of its own,
//! `tile_formats`, that tiles are of JPEG, too. Why PNG:
//!
//! - Folders and servers have one template for all tiles, `{z}/{x}/{y}.png`. Browsers go by a picture's first bytes, not
//!   by its media type; MapLibre says `image/png` of whatever it fetched. A folder of MapProxy's, with `.mixed` for an end,
//!   has no media type on any host; GeoWebCache's `image/vnd.jpeg-png` is an answer of a server, not a file.
//! - MBTiles wants one `format`. GDAL's driver tells each tile's format by its bytes, and sees to alpha in a tileset of
//!   PNG; in one of JPEG edges would be black.
//! - PMTiles has one tile type, and servers refuse another extension than its own. Unknown (0) would be refused, too.
//!
//! What reads tiles of mixed formats by their metadata alone will fail at those that are JPEG; what wants all tiles to be
//! alike, such as `martin-cp` and other checkers, says so.

use super::{Edges, Encode, Format, Settings, check_size, encoder, has_transparency, only_8_bits};
use crate::error::{Error, Result};
use crate::raster::image::Image;

/// JPEG's, which are the longer ones, are refused by PNG for tiles with alpha: said before, for all.
const SIDE_MAX: usize = 16_000;

/// An encoder of JPEG and PNG.
pub(super) fn open(settings: &Settings) -> Result<Box<dyn Encode>> {
    if settings.lossless {
        return Err(
            Error::usage("mixed cannot be lossless: its opaque tiles are jpeg")
                .with_help("leave --lossless away, or write png or webp"),
        );
    }
    let opaque = encoder(Format::Jpeg, settings)?;
    let edge = match settings.edges {
        Edges::Exact => {
            let quality = None;
            encoder(
                Format::Png,
                &Settings {
                    quality,
                    ..*settings
                },
            )?
        }
        Edges::Lossy => encoder(Format::Palette, settings)?,
    };
    Ok(Box::new(Mixed { opaque, edge }))
}

struct Mixed {
    opaque: Box<dyn Encode>,
    edge: Box<dyn Encode>,
}

impl Encode for Mixed {
    fn format(&self) -> Format {
        Format::Mixed
    }

    fn encode(&mut self, image: &Image, out: &mut Vec<u8>) -> Result<()> {
        check_size(image, Format::Mixed, SIDE_MAX)?;
        let pixels = only_8_bits(image, Format::Mixed)?;
        match has_transparency(pixels, image.channels) {
            true => self.edge.encode(image, out),
            false => self.opaque.encode(image, out),
        }
    }
}
