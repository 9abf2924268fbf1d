//! A finished shard as bytes, and back: [`Kept`].
//!
//! ```text
//! "azulejo shard 1\n"   16 bytes
//! the facts' digest     32
//! root                  zoom 1, x 4, y 4
//! tiles looked at       8
//! flags                 1    1: some heights were beyond what their encoding can tell
//! number of tiles       4
//! each tile             zoom 1, x 4, y 4, fit 1 (1: too large), same 4, and unless that is the number of an
//!                       earlier tile with the same bytes (otherwise 2^32 - 1): length 4, data
//! root's node           kind 1 (0 empty, 1 one colour, 2 pixels)
//!   one colour          samples, 3 x 8
//!   pixels              width 4, height 4, samples, mask
//! CRC-32 of all that    4
//! ```
//!
//! Numbers are little end first.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::emit::{Emitted, weight};
use super::super::node::{Node, Pixel, Shape};
use crate::archive::Digest;
use crate::encode::Fit;
use crate::geo::tile::{MAX_ZOOM, TileCoord};
use crate::raster::{Raster, Samples};

const MAGIC: &[u8; 16] = b"azulejo shard 1\n";

/// In place of the number of an earlier tile.
const OWN: u32 = u32::MAX;

/// A shard that was baked, and what is to be known of how it came about.
pub(in crate::pyramid) struct Kept {
    /// Encoded tiles, children before their parent.
    pub(in crate::pyramid) tiles: Vec<Emitted>,
    /// What the root hands up.
    pub(in crate::pyramid) root: Node,
    /// Tiles looked at, stored or blank.
    pub(in crate::pyramid) looked_at: u64,
    /// Whether some heights may have been beyond what their encoding can tell.
    pub(in crate::pyramid) beyond: bool,
}

impl Kept {
    /// As a file of the bake with these facts.
    pub(super) fn write(&self, facts: &[u8; 32], root: TileCoord) -> Vec<u8> {
        let mut out = Vec::with_capacity(weight(&self.tiles) + 4096);
        out.extend(MAGIC);
        out.extend(facts);
        put_address(&mut out, root);
        out.extend(self.looked_at.to_le_bytes());
        out.push(u8::from(self.beyond));
        out.extend((self.tiles.len() as u32).to_le_bytes());
        let mut first: HashMap<*const u8, u32> = HashMap::new();
        for (k, tile) in self.tiles.iter().enumerate() {
            put_address(&mut out, tile.tile);
            out.push(u8::from(tile.fit == Fit::TooLarge));
            let same = *first.entry(tile.data.as_ptr()).or_insert(k as u32);
            if same == k as u32 {
                out.extend(OWN.to_le_bytes());
                out.extend((tile.data.len() as u32).to_le_bytes());
                out.extend(&*tile.data);
            } else {
                out.extend(same.to_le_bytes());
            }
        }
        put_node(&mut out, &self.root);
        out.extend(crc(&out).to_le_bytes());
        out
    }

    /// The shard below `root` of the bake with these facts, whose tiles are of `shape`; `None` of anything else.
    pub(super) fn read(
        bytes: &[u8],
        facts: &[u8; 32],
        root: TileCoord,
        shape: Shape,
    ) -> Option<Self> {
        let (bytes, sum) = bytes.split_last_chunk::<4>()?;
        if crc(bytes) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut input = Input(bytes);
        if input.take::<16>()? != *MAGIC || input.take::<32>()? != *facts {
            return None;
        }
        if input.address()? != root {
            return None;
        }
        let looked_at = u64::from_le_bytes(input.take()?);
        let [flags] = input.take()?;
        let n = input.number()?;
        let mut tiles: Vec<Emitted> = Vec::new();
        for _ in 0..n {
            tiles.push(input.tile(&tiles)?);
        }
        let root = input.node(shape)?;
        input.0.is_empty().then_some(Self {
            tiles,
            root,
            looked_at,
            beyond: flags & 1 > 0,
        })
    }
}

/// A root's node as bytes.
pub(in crate::pyramid) fn write_node(node: &Node) -> Vec<u8> {
    let mut out = Vec::new();
    put_node(&mut out, node);
    out
}

/// The node that [`write_node`] has written, of tiles of `shape`; `None` of anything else.
pub(in crate::pyramid) fn read_node(bytes: &[u8], shape: Shape) -> Option<Node> {
    let mut input = Input(bytes);
    let node = input.node(shape)?;
    input.0.is_empty().then_some(node)
}

/// What is understood of `bytes` as the file of a finished shard, written again. A door for tests with any bytes.
#[doc(hidden)]
pub fn read_again(
    bytes: &[u8],
    facts: &[u8; 32],
    root: TileCoord,
    shape: Shape,
) -> Option<Vec<u8>> {
    let kept = Kept::read(bytes, facts, root, shape)?;
    Some(kept.write(facts, root))
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = libdeflater::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn put_address(out: &mut Vec<u8>, tile: TileCoord) {
    out.push(tile.z());
    out.extend(tile.x().to_le_bytes());
    out.extend(tile.y().to_le_bytes());
}

fn put_node(out: &mut Vec<u8>, node: &Node) {
    match node {
        Node::Empty => out.push(0),
        Node::Solid(pixel) => {
            out.push(1);
            pixel
                .bits()
                .iter()
                .for_each(|bits| out.extend(bits.to_le_bytes()));
        }
        Node::Block(raster) => {
            out.push(2);
            out.extend((raster.width() as u32).to_le_bytes());
            out.extend((raster.height() as u32).to_le_bytes());
            match &raster.samples {
                Samples::U8(values) => out.extend(values),
                Samples::F32(values) => values.iter().for_each(|v| out.extend(v.to_le_bytes())),
                Samples::F64(values) => values.iter().for_each(|v| out.extend(v.to_le_bytes())),
            }
            out.extend(&raster.mask);
        }
    }
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn address(&mut self) -> Option<TileCoord> {
        let [z] = self.take()?;
        let (x, y) = (self.number()?, self.number()?);
        (z <= MAX_ZOOM).then(|| TileCoord::new(z, x, y))
    }

    fn tile(&mut self, before: &[Emitted]) -> Option<Emitted> {
        let tile = self.address()?;
        let [fit] = self.take()?;
        let same = self.number()?;
        let data = if same == OWN {
            let n = self.number()? as usize;
            Arc::from(self.bytes(n)?)
        } else {
            Arc::clone(&before.get(same as usize)?.data)
        };
        Some(Emitted {
            tile,
            digest: Digest::of(&data),
            data,
            fit: if fit > 0 { Fit::TooLarge } else { Fit::Fits },
        })
    }

    fn node(&mut self, shape: Shape) -> Option<Node> {
        Some(match self.take()? {
            [0] => Node::Empty,
            [1] => {
                let mut bits = [0; 3];
                for bits in &mut bits {
                    *bits = u64::from_le_bytes(self.take()?);
                }
                Node::Solid(Pixel::from_bits(bits))
            }
            [2] => Node::Block(self.raster(shape)?),
            _ => return None,
        })
    }

    fn raster(&mut self, shape: Shape) -> Option<Raster> {
        let (width, height) = (self.number()? as usize, self.number()? as usize);
        if width > shape.tile_size_px || height > shape.tile_size_px {
            return None;
        }
        let n = width * height * shape.bands;
        let mut samples = Samples::zeros(shape.sample_type, n);
        match &mut samples {
            Samples::U8(values) => values.copy_from_slice(self.bytes(n)?),
            Samples::F32(values) => {
                for (value, bytes) in values.iter_mut().zip(self.bytes(4 * n)?.as_chunks().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
            Samples::F64(values) => {
                for (value, bytes) in values.iter_mut().zip(self.bytes(8 * n)?.as_chunks().0) {
                    *value = f64::from_le_bytes(*bytes);
                }
            }
        }
        let mask = self.bytes(width * height)?.to_vec();
        Raster::from_parts(width, height, shape.bands, shape.sample_type, samples, mask).ok()
    }
}
