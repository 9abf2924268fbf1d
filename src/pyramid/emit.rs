//! From a node to the bytes of a tile: [`Emitter`]. Every worker has one; the crown has one.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::{Node, Pixel, Shape};
use super::plan::Blank;
use crate::encode::Encode;
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
}

/// One-colour tiles remembered by each thread. A land-cover map has tens of colours; an orthophoto has next to none.
const REMEMBERED: usize = 1024;

/// Encodes tiles, and remembers those of one colour.
pub struct Emitter {
    encoder: Box<dyn Encode>,
    shape: Shape,
    blank: Blank,
    remembered: HashMap<Option<Pixel>, Arc<[u8]>>,
    buffer: Vec<u8>,
}

impl Emitter {
    /// An emitter of tiles of `shape` in the encoder's format.
    pub fn new(encoder: Box<dyn Encode>, shape: Shape, blank: Blank) -> Self {
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
        let data = match node {
            Node::Empty if self.blank == Blank::Skip => return Ok(None),
            Node::Empty => self.simple(None)?,
            Node::Solid(pixel) => self.simple(Some(*pixel))?,
            Node::Block(raster) => self.encode(raster)?,
        };
        Ok(Some(Emitted { tile, data }))
    }

    fn simple(&mut self, pixel: Option<Pixel>) -> Result<Arc<[u8]>> {
        if let Some(data) = self.remembered.get(&pixel) {
            return Ok(Arc::clone(data));
        }
        let mut raster = match pixel {
            Some(pixel) => self.shape.solid(pixel),
            None => self.shape.empty(self.shape.tile_size_px),
        };
        let data = self.encode(&mut raster)?;
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(pixel, Arc::clone(&data));
        Ok(data)
    }

    fn encode(&mut self, raster: &mut Raster) -> Result<Arc<[u8]>> {
        self.buffer.clear();
        let Self {
            encoder, buffer, ..
        } = self;
        Image::lend(raster, |image| encoder.encode(image, buffer))?;
        Ok(Arc::from(self.buffer.as_slice()))
    }
}
