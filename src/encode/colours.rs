//! How many colours a picture has: exact palettes, and whether it is flat like a map or continuous
//! like a photograph.

use crate::raster::image::Channels;

/// A colour: red, green, blue, alpha.
pub(super) type Rgba = [u8; 4];

/// The most colours a palette holds.
pub(super) const MAX_COLOURS: usize = 256;

/// Four times [`MAX_COLOURS`]: at most a quarter full, a probe rarely meets another colour.
const SLOTS: usize = 4 * MAX_COLOURS;

/// Finds exact palettes; keeps its buffers from picture to picture.
pub(super) struct Indexer {
    /// A hash table with linear probing. `slots[s]` is one more than an index into `colours`, or 0.
    slots: Box<[u16; SLOTS]>,
    colours: Vec<Rgba>,
    indices: Vec<u8>,
}

impl Indexer {
    pub(super) fn new() -> Self {
        Self {
            slots: Box::new([0; SLOTS]),
            colours: Vec::new(),
            indices: Vec::new(),
        }
    }

    /// The colours of a picture and the index of each pixel's, if there are at most `max`, which is
    /// [`MAX_COLOURS`] or less. A photograph is given up after a few hundred pixels.
    ///
    /// The order of colours depends on the set of colours alone: first those that are not opaque
    /// (then the alpha of the rest need not be stored), each group from dark to light (then
    /// neighbours in a continuous picture have indices that are close), ties by value.
    pub(super) fn palette(
        &mut self,
        pixels: &[u8],
        channels: Channels,
        max: usize,
    ) -> Option<(&[Rgba], &[u8])> {
        match channels {
            Channels::Gray => self.collect::<1>(pixels, max, |[v]| [v, v, v, 255]),
            Channels::GrayAlpha => self.collect::<2>(pixels, max, |[v, a]| [v, v, v, a]),
            Channels::Rgb => self.collect::<3>(pixels, max, |[r, g, b]| [r, g, b, 255]),
            Channels::Rgba => self.collect::<4>(pixels, max, |rgba| rgba),
        }?;
        self.sort();
        Some((&self.colours, &self.indices))
    }

    /// Indexes pixels in the order in which their colours appear; `None` if there are too many.
    fn collect<const N: usize>(
        &mut self,
        pixels: &[u8],
        max: usize,
        colour: impl Fn([u8; N]) -> Rgba,
    ) -> Option<()> {
        self.slots.fill(0);
        self.colours.clear();
        self.indices.clear();
        let mut last = None;
        for &pixel in pixels.as_chunks::<N>().0 {
            let colour = colour(pixel);
            // Runs are what pictures with few colours are made of.
            let index = match last {
                Some((same, index)) if same == colour => index,
                _ => self.index(colour, max)?,
            };
            last = Some((colour, index));
            self.indices.push(index);
        }
        Some(())
    }

    /// The index of `colour`, which is new or known; `None` if it is new and one too many.
    fn index(&mut self, colour: Rgba, max: usize) -> Option<u8> {
        // Fibonacci hashing: the high bits of a product with 2^32 / golden ratio.
        let hash = u32::from_le_bytes(colour).wrapping_mul(0x9E37_79B9);
        let mut slot = (hash >> (32 - SLOTS.ilog2())) as usize;
        loop {
            match self.slots[slot] {
                0 => break,
                n if self.colours[usize::from(n) - 1] == colour => return Some((n - 1) as u8),
                _ => slot = (slot + 1) % SLOTS,
            }
        }
        if self.colours.len() >= max {
            return None;
        }
        self.colours.push(colour);
        self.slots[slot] = self.colours.len() as u16;
        Some((self.colours.len() - 1) as u8)
    }

    /// Brings colours into the order that [`Self::palette`] promises, and indices along.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.colours.len()).collect();
        order.sort_unstable_by_key(|&i| {
            let colour = self.colours[i];
            (colour[3] == 255, light(colour))
        });
        let mut new_index = [0u8; MAX_COLOURS];
        for (new, &old) in order.iter().enumerate() {
            new_index[old] = new as u8;
        }
        self.colours = order.iter().map(|&i| self.colours[i]).collect();
        for index in &mut self.indices {
            *index = new_index[usize::from(*index)];
        }
    }
}

/// From dark to light, ties by value.
pub(super) fn light(colour: Rgba) -> (u32, Rgba) {
    (luma(colour), colour)
}

/// A thousand times the brightness, with the weights of ITU-R BT.601.
fn luma([red, green, blue, _]: Rgba) -> u32 {
    299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue)
}

/// Whether a picture is made of areas of one colour, as drawn maps are, rather than of shades.
///
/// Counts how many pixels look like their left neighbour: at least half in a map, a few percent in
/// a photograph. Stretches of one colour are left out, or a photograph of a coast, or one that ends
/// within the tile, would pass for a map. Looks at one row in eight.
pub(super) fn is_flat(rows: &[u8], row_bytes: usize, pixel_bytes: usize) -> bool {
    match pixel_bytes {
        1 => is_flat_of::<1>(rows, row_bytes),
        2 => is_flat_of::<2>(rows, row_bytes),
        3 => is_flat_of::<3>(rows, row_bytes),
        4 => is_flat_of::<4>(rows, row_bytes),
        6 => is_flat_of::<6>(rows, row_bytes),
        // Four channels of 16 bits are the longest there are.
        _ => is_flat_of::<8>(rows, row_bytes),
    }
}

fn is_flat_of<const N: usize>(rows: &[u8], row_bytes: usize) -> bool {
    let (mut n_equal, mut n) = (0, 0);
    // From the middle of each group of eight, as the edge of a picture is often special.
    let first = (rows.len() / row_bytes / 2).min(4);
    for row in rows.chunks_exact(row_bytes).skip(first).step_by(8) {
        for stretch in row.as_chunks::<N>().0.chunks(STRETCH) {
            let n_here = stretch.len() - 1;
            let n_equal_here = stretch.windows(2).filter(|two| two[0] == two[1]).count();
            if n_equal_here < n_here {
                n_equal += n_equal_here;
                n += n_here;
            }
        }
    }
    2 * n_equal >= n
}

/// Pixels of a stretch in [`is_flat`]: shorter than the distance of lines in most maps, longer than
/// the accidental runs in most photographs.
const STRETCH: usize = 16;
