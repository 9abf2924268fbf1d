//! [`Node`]: what a finished tile hands to its parent. [`Canvas`]: where a parent puts its four children together.

use crate::raster::reduce::Reducer;
use crate::raster::{Raster, SampleType, Samples};

/// The pixels of a tile, or of a quarter of one, as cheaply as they can be said: an ocean is a handful of these.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Nothing.
    Empty,
    /// One colour, whole, all over.
    Solid(Pixel),
    /// Anything else.
    Block(Raster),
}

/// One pixel of at most three bands: its samples, as bits, so that it can be compared and looked up. 8-bit samples are themselves, others the bits
/// of their `f32` or `f64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pixel([u64; 3]);

/// What all nodes of a job have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Pixels a side of a tile.
    pub tile_size_px: usize,
    /// Samples a pixel.
    pub bands: usize,
    /// Of every sample.
    pub sample_type: SampleType,
}

impl Node {
    /// The node that `raster` is, said as cheaply as it can be.
    pub fn new(raster: Raster) -> Self {
        match (raster.mask.first(), uniform(&raster)) {
            (Some(0), _) if raster.is_empty() => Self::Empty,
            (Some(255), Some(pixel)) => Self::Solid(pixel),
            _ => Self::Block(raster),
        }
    }

    /// A quarter of the pixels: what travels up. `self` is a whole tile.
    #[must_use]
    pub fn reduce(self, reducer: Reducer) -> Self {
        match self {
            Self::Block(raster) => Self::new(reducer.reduce(&raster)),
            simple => simple,
        }
    }
}

/// The pixel that all of `raster` consists of, if all of it is whole and alike. One of more bands than a picture has is
/// not worth the look.
fn uniform(raster: &Raster) -> Option<Pixel> {
    fn all_alike<T: PartialEq>(values: &[T], bands: usize) -> bool {
        // Every sample equals the one a pixel before it.
        values[bands..].iter().zip(values).all(|(a, b)| a == b)
    }
    let bands = raster.bands();
    if bands > 3 {
        return None;
    }
    let mut pixel = [0; 3];
    fn bits<T: Copy>(pixel: &mut [u64; 3], values: &[T], bits: impl Fn(T) -> u64) {
        pixel
            .iter_mut()
            .zip(values)
            .for_each(|(p, &v)| *p = bits(v));
    }
    match &raster.samples {
        Samples::U8(values) if all_alike(values, bands) => {
            bits(&mut pixel, &values[..bands], u64::from);
        }
        Samples::F32(values) if all_alike(values, bands) => {
            bits(&mut pixel, &values[..bands], |v| u64::from(v.to_bits()));
        }
        Samples::F64(values) if all_alike(values, bands) => {
            bits(&mut pixel, &values[..bands], f64::to_bits);
        }
        _ => return None,
    }
    raster.is_opaque().then_some(Pixel(pixel))
}

impl Pixel {
    /// Its samples, as bits.
    pub(super) fn bits(self) -> [u64; 3] {
        self.0
    }

    /// The pixel that has these.
    pub(super) fn from_bits(bits: [u64; 3]) -> Self {
        Self(bits)
    }

    fn fill(self, samples: &mut Samples, bands: usize) {
        fn repeat<T: Copy>(values: &mut [T], pixel: &[T]) {
            for to in values.chunks_exact_mut(pixel.len()) {
                to.copy_from_slice(pixel);
            }
        }
        match samples {
            Samples::U8(values) => repeat(values, &self.0.map(|p| p as u8)[..bands]),
            Samples::F32(values) => {
                repeat(values, &self.0.map(|p| f32::from_bits(p as u32))[..bands]);
            }
            Samples::F64(values) => repeat(values, &self.0.map(f64::from_bits)[..bands]),
        }
    }
}

impl Shape {
    /// The raster of a whole tile of one colour.
    pub fn solid(&self, pixel: Pixel) -> Raster {
        let mut raster = self.empty(self.tile_size_px);
        pixel.fill(&mut raster.samples, self.bands);
        raster.mask.fill(255);
        raster
    }

    /// An empty raster `size` pixels a side.
    pub fn empty(&self, size: usize) -> Raster {
        Raster::empty(size, size, self.bands, self.sample_type)
    }
}

/// A tile being put together from its children, each a quarter of it.
pub struct Canvas {
    shape: Shape,
    /// North-west, north-east, south-west, south-east.
    quarters: [Node; 4],
}

impl Canvas {
    /// A tile with nothing on it.
    pub fn empty(shape: Shape) -> Self {
        Self {
            shape,
            quarters: [const { Node::Empty }; 4],
        }
    }

    /// Puts a reduced child into its quadrant (0 or 1 from the west, 0 or 1 from the north).
    pub fn place(&mut self, (x, y): (usize, usize), node: Node) {
        self.quarters[2 * y + x] = node;
    }

    /// The whole tile.
    pub fn into_node(self) -> Node {
        let [first, rest @ ..] = &self.quarters;
        if !matches!(first, Node::Block(_)) && rest.iter().all(|node| node == first) {
            let [first, ..] = self.quarters;
            return first;
        }
        let size = self.shape.tile_size_px;
        let mut tile = self.shape.empty(size);
        for (k, node) in self.quarters.into_iter().enumerate() {
            let (col, row) = (k % 2 * (size / 2), k / 2 * (size / 2));
            match node {
                Node::Empty => {}
                Node::Block(raster) => tile.paint_under(&raster, col, row),
                Node::Solid(pixel) => {
                    let mut quarter = self.shape.empty(size / 2);
                    pixel.fill(&mut quarter.samples, self.shape.bands);
                    quarter.mask.fill(255);
                    tile.paint_under(&quarter, col, row);
                }
            }
        }
        // Two halves of one colour each, say, are a block; four blocks can not have become one colour.
        Node::Block(tile)
    }
}
