//! From a node to the bytes of a tile: [`Emitter`]. Every worker has one; the crown has one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::node::{Node, Pixel, Shape};
use super::plan::{Blank, Plan};
use super::selection::Selection;
use crate::archive::Digest;
use crate::encode::{Fit, Place, TileEncoder};
use crate::error::Result;
use crate::geo::scheme::Scheme;
use crate::geo::tile::TileCoord;
use crate::raster::Raster;
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

/// What `tiles` weigh while they wait for their turn, in bytes.
pub(super) fn weight(tiles: &[Emitted]) -> usize {
    let each = tiles.iter();
    each.map(|tile| tile.data.len() + size_of::<Emitted>())
        .sum()
}

/// Bytes, what they come to, and whether they are few enough.
type Encoded = (Arc<[u8]>, Option<Digest>, Fit);

/// A tile of one colour: `None` for what looks like nothing; and whether it is of a height beyond what its encoding can tell.
type Remembered = (Option<Encoded>, bool);

/// What the zooms of a style and of an encoder have in common.
type Class = (Option<u8>, Option<u8>);

/// One-colour tiles remembered by each thread. A land-cover map has tens of colours; an orthophoto has next to none.
const REMEMBERED: usize = 1024;

/// Encodes tiles, and remembers those of one colour, unless they say where they lie.
pub struct Emitter {
    encoder: TileEncoder,
    style: Style,
    shape: Shape,
    blank: Blank,
    scheme: Scheme,
    /// By what looks and is encoded alike, and the colour.
    remembered: HashMap<(Class, Option<Pixel>), Remembered>,
    buffer: Vec<u8>,
    selection: Option<Arc<Selection>>,
    times: EmitTimes,
}

/// What emitting took so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EmitTimes {
    pub(super) style: Duration,
    pub(super) encode: Duration,
}

impl Emitter {
    /// An emitter of tiles of `plan` in the encoder's format.
    pub fn new(encoder: TileEncoder, plan: &Plan) -> Self {
        Self {
            encoder,
            style: plan.style.clone(),
            shape: plan.shape,
            blank: plan.blank,
            scheme: plan.scheme.clone(),
            remembered: HashMap::new(),
            buffer: Vec::new(),
            selection: plan.selection().cloned(),
            times: EmitTimes::default(),
        }
    }

    /// What it took so far.
    pub(super) fn times(&self) -> EmitTimes {
        self.times
    }

    /// The bytes of a tile; `None` for a blank one that is not to be stored, and for one that nobody wants. `node` lends its pixels, and is the same after.
    ///
    /// # Errors
    /// When the format cannot hold the picture.
    pub fn emit(&mut self, tile: TileCoord, node: &mut Node) -> Result<Option<Emitted>> {
        let is_wanted = |selection: &Arc<Selection>| selection.has(tile);
        if !self.selection.as_ref().is_none_or(is_wanted) {
            return Ok(None);
        }
        let encoded = match node {
            Node::Empty if self.blank == Blank::Skip => None,
            Node::Empty => self.simple(tile, None)?,
            Node::Solid(pixel) => self.simple(tile, Some(*pixel))?,
            Node::Block(raster) => self.styled(tile, raster)?,
        };
        Ok(encoded.map(|(data, digest, fit)| Emitted {
            tile,
            data,
            digest,
            fit,
        }))
    }

    fn simple(&mut self, tile: TileCoord, pixel: Option<Pixel>) -> Result<Option<Encoded>> {
        let z = tile.z();
        let key = ((self.style.class(z), self.encoder.class(z)), pixel);
        if let Some((known, is_beyond)) = self.remembered.get(&key) {
            if *is_beyond {
                self.style.note_beyond();
            }
            return Ok(known.clone());
        }
        let mut raster = match pixel {
            Some(pixel) => self.shape.solid(pixel),
            None => self.shape.empty(self.shape.tile_size_px),
        };
        let were_beyond = self.style.take_beyond_here();
        let encoded = self.styled(tile, &mut raster)?;
        let is_beyond = self.style.take_beyond_here();
        if were_beyond || is_beyond {
            self.style.note_beyond();
        }
        if self.encoder.tells_place() {
            return Ok(encoded);
        }
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(key, (encoded.clone(), is_beyond));
        Ok(encoded)
    }

    /// `None` where the style leaves nothing to be seen, and that is not to be stored.
    fn styled(&mut self, tile: TileCoord, raster: &mut Raster) -> Result<Option<Encoded>> {
        let started = Instant::now();
        let picture = self.style.apply(tile.z(), raster);
        self.times.style += started.elapsed();
        let Some(mut picture) = picture else {
            return self.encode(tile, raster).map(Some);
        };
        if self.blank == Blank::Skip && picture.is_empty() {
            return Ok(None);
        }
        self.encode(tile, &mut picture).map(Some)
    }

    fn encode(&mut self, tile: TileCoord, raster: &mut Raster) -> Result<Encoded> {
        let started = Instant::now();
        self.buffer.clear();
        let bounds = self.scheme.bounds(tile);
        let place = Place {
            z: tile.z(),
            west: bounds.west,
            north: bounds.north,
            pixel: self.scheme.resolution(tile.z(), raster.width() as u32),
        };
        let fit = self
            .encoder
            .encode_raster(place, raster, &mut self.buffer)?;
        let data = Arc::from(self.buffer.as_slice());
        let digest = Digest::of(&self.buffer);
        self.times.encode += started.elapsed();
        Ok((data, digest, fit))
    }
}
