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

/// One-colour tiles remembered by each thread. A land-cover map has tens of colours; an orthophoto has next to none.
const REMEMBERED: usize = 1024;

/// Encodes tiles, and remembers those of one colour.
pub struct Emitter {
    encoder: TileEncoder,
    shape: Shape,
    blank: Blank,
    /// By what is encoded alike, and the colour.
    remembered: HashMap<(Option<u8>, Option<Pixel>), Encoded>,
    buffer: Vec<u8>,
}

impl Emitter {
    /// An emitter of tiles of `shape` in the encoder's format.
    pub fn new(encoder: TileEncoder, shape: Shape, blank: Blank) -> Self {
        Self {
            encoder,
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
        let (data, digest, fit) = match node {
            Node::Empty if self.blank == Blank::Skip => return Ok(None),
            Node::Empty => self.simple(tile.z(), None)?,
            Node::Solid(pixel) => self.simple(tile.z(), Some(*pixel))?,
            Node::Block(raster) => self.encode(tile.z(), raster)?,
        };
        Ok(Some(Emitted {
            tile,
            data,
            digest,
            fit,
        }))
    }

    fn simple(&mut self, z: u8, pixel: Option<Pixel>) -> Result<Encoded> {
        let key = (self.encoder.class(z), pixel);
        if let Some(known) = self.remembered.get(&key) {
            return Ok(known.clone());
        }
        let mut raster = match pixel {
            Some(pixel) => self.shape.solid(pixel),
            None => self.shape.empty(self.shape.tile_size_px),
        };
        let encoded = self.encode(z, &mut raster)?;
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(key, encoded.clone());
        Ok(encoded)
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
