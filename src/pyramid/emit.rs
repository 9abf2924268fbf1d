//! From a node to the bytes of a tile: [`Emitter`]. Every worker has one; the crown has one.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::{Node, Pixel, Shape};
use super::plan::Blank;
use crate::archive::Digest;
use crate::encode::{Fit, TileEncoder};
use crate::error::Result;
use crate::geo::tile::TileCoord;
use crate::raster::Raster;
use crate::raster::image::Image;
use crate::style::Style;

/// An encoded tile on its way to the sinks.
#[derive(Debug, Clone)]
pub struct Emitted {
    /// Its address.
    pub tile: TileCoord,
    /// Its bytes; shared by all tiles of one colour that one thread made.
    pub data: Arc<[u8]>,
    /// What they come to, if they are likely to come again.
    pub digest: Option<Digest>,
    /// Whether it has as few bytes as it should.
    pub fit: Fit,
}

/// Bytes, what they come to, and whether they are few enough.
type Encoded = (Arc<[u8]>, Option<Digest>, Fit);

/// What the zooms of a style and of an encoder have in common.
type Class = (Option<u8>, Option<u8>);

/// One-colour tiles remembered by each thread. A land-cover map has tens of colours; an orthophoto has next to none.
const REMEMBERED: usize = 1024;

/// Encodes tiles, and remembers those of one colour.
pub struct Emitter {
    encoder: TileEncoder,
    style: Style,
    shape: Shape,
    blank: Blank,
    /// By what looks and is encoded alike, and the colour. `None` for what looks like nothing.
    remembered: HashMap<(Class, Option<Pixel>), Option<Encoded>>,
    buffer: Vec<u8>,
}

impl Emitter {
    /// An emitter of tiles in the encoder's format, made of values of `shape` by `style`.
    pub fn new(encoder: TileEncoder, style: Style, shape: Shape, blank: Blank) -> Self {
        Self {
            encoder,
            style,
            shape,
            blank,
            remembered: HashMap::new(),
            buffer: Vec::new(),
        }
    }

    /// The bytes of a tile; `None` for a blank one that is not to be stored. `node` lends its pixels, and is the same after.
    ///
    /// # Errors
    /// When the format cannot hold the picture.
    pub fn emit(&mut self, tile: TileCoord, node: &mut Node) -> Result<Option<Emitted>> {
        let encoded = match node {
            Node::Empty if self.blank == Blank::Skip => None,
            Node::Empty => self.simple(tile.z(), None)?,
            Node::Solid(pixel) => self.simple(tile.z(), Some(*pixel))?,
            Node::Block(raster) => self.styled(tile.z(), raster)?,
        };
        Ok(encoded.map(|(data, digest, fit)| Emitted {
            tile,
            data,
            digest,
            fit,
        }))
    }

    fn simple(&mut self, z: u8, pixel: Option<Pixel>) -> Result<Option<Encoded>> {
        let key = ((self.style.class(z), self.encoder.class(z)), pixel);
        if let Some(known) = self.remembered.get(&key) {
            return Ok(known.clone());
        }
        let mut raster = match pixel {
            Some(pixel) => self.shape.solid(pixel),
            None => self.shape.empty(self.shape.tile_size_px),
        };
        let encoded = self.styled(z, &mut raster)?;
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(key, encoded.clone());
        Ok(encoded)
    }

    /// `None` where the style leaves nothing to be seen, and that is not to be stored.
    fn styled(&mut self, z: u8, raster: &mut Raster) -> Result<Option<Encoded>> {
        let Some(mut picture) = self.style.apply(z, raster) else {
            return self.encode(z, raster).map(Some);
        };
        if self.blank == Blank::Skip && picture.is_empty() {
            return Ok(None);
        }
        self.encode(z, &mut picture).map(Some)
    }

    fn encode(&mut self, z: u8, raster: &mut Raster) -> Result<Encoded> {
        self.buffer.clear();
        let Self {
            encoder, buffer, ..
        } = self;
        let fit = Image::lend(raster, |image| encoder.encode(z, image, buffer))?;
        let data = Arc::from(self.buffer.as_slice());
        Ok((data, Digest::of(&self.buffer), fit))
    }
}
