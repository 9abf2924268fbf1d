//! Mixed: JPEG where a tile is opaque, PNG with alpha where it is not. Most of a mosaic is opaque, and its edges lie well
//! over other maps.
//!
//! No container has a word for that which all readers know. So a tileset says that it is of PNG, and in a row of its own,
//! `tile_formats`, that tiles are of JPEG, too. Why PNG:
//!
//! - Folders and servers have one address for all tiles, `{z}/{x}/{y}.png`. Browsers go by a picture's first bytes, not by
//!   its media type. MapProxy's `.mixed` has no media type on static hosts, and GeoWebCache's `image/vnd.jpeg-png` is what
//!   a client asks a server for, not a file.
//! - MBTiles has one `format`, and of the two that readers know PNG is the one that may have alpha. GDAL tells each tile's by
//!   its bytes, and reads four bands whatever it says.
//! - PMTiles has one tile type, and servers answer only to its extension. One of unknown type (0) has none.
//!
//! What wants all tiles to be alike will refuse such a tileset, whatever it says: Martin does, for MBTiles, if it finds both
//! formats among those that it looks at.

use super::{Edges, Encode, Format, Settings, check_size, encoder, has_transparency, only_8_bits};
use crate::error::{Error, Result};
use crate::raster::image::Image;

/// PNG's: JPEG could be longer, but whether a tile can be had must not depend on its edges.
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
