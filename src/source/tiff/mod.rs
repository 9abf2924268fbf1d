//! Blocks of plain TIFF files, decoded here: [`Blocks`].
//!
//! Most rasters are TIFF files of bytes, 16-bit numbers or floats, deflated or not compressed at all, and to decode them is much
//! of the work of a bake. What is read here has gone through no cache of blocks and no conversion but the one that is wanted.
//! Whatever is not plain, or damaged, is left to GDAL, which also knows what to say of it: nothing is told of failures here.
//!
//! Absent here: masks, nodata, coordinates, and GDAL.

mod header;
mod predictor;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use libdeflater::Decompressor;

use super::Window;
pub use header::{Kind, Layout, geo_tags};

/// Bytes of the largest block that is decoded here. A thread holds one, and as much of what it is decoded from.
const MOST_BLOCK_BYTES: usize = 4 << 20;

/// Where samples go.
#[derive(Debug)]
pub enum Values<'a> {
    /// Bytes.
    U8(&'a mut [u8]),
    /// What else there is.
    F32(&'a mut [f32]),
}

/// What a thread needs to decode blocks, and the last one it did: bands of one block may be asked for one after the other.
pub struct Blocks {
    decompressor: Decompressor,
    packed: Vec<u8>,
    samples: Vec<u8>,
    line: Vec<u8>,
    /// Whose samples these are: a file's number and a block's.
    last: Option<(u64, usize)>,
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            decompressor: Decompressor::new(),
            packed: Vec::new(),
            samples: Vec::new(),
            line: Vec::new(),
            last: None,
        }
    }
}

impl Blocks {
    /// Reads `bands` (from 1 on) of `window` of the picture that `layout` says of `file`, interleaved by pixel into `values`.
    /// Files are told apart by `id`. `None` when that cannot be done here, and `values` may hold anything: where the window
    /// has part of a block only, a block is not there, or is not as it should be.
    pub fn read(
        &mut self,
        (file, id): (&mut File, u64),
        layout: &Layout,
        window: Window,
        bands: &[usize],
        mut values: Values,
    ) -> Option<()> {
        if bands
            .iter()
            .any(|&band| !(1..=layout.bands).contains(&band))
        {
            return None;
        }
        let (width, height) = layout.block;
        let (cols, rows) = (
            spans(window.col, window.width, width, layout.width)?,
            spans(window.row, window.height, height, layout.height)?,
        );
        let across = layout.width.div_ceil(width);
        let planes = if layout.planar {
            layout.height.div_ceil(height) * across
        } else {
            0
        };
        for row in rows {
            for col in cols.clone() {
                let block = row * across + col;
                let place = Window {
                    col: col * width,
                    row: row * height,
                    width: width.min(layout.width - col * width),
                    height: height.min(layout.height - row * height),
                };
                if !layout.planar {
                    self.decode(file, id, layout, block, row)?;
                    self.put(layout, bands, place, window, &mut values, (0, bands.len()))?;
                    continue;
                }
                for (k, band) in bands.iter().enumerate() {
                    self.decode(file, id, layout, block + (band - 1) * planes, row)?;
                    self.put(layout, &[1], place, window, &mut values, (k, bands.len()))?;
                }
            }
        }
        Some(())
    }

    /// Makes block `index`, which is in row `row` of blocks, the last one.
    fn decode(
        &mut self,
        file: &mut File,
        id: u64,
        layout: &Layout,
        index: usize,
        row: usize,
    ) -> Option<()> {
        if self.last == Some((id, index)) {
            return Some(());
        }
        self.last = None;
        let (offset, packed_bytes) = *layout.places.get(index)?;
        let line_bytes = layout.line_bytes()?;
        let bytes = line_bytes.checked_mul(layout.block_rows(row))?;
        let packed_bytes = usize::try_from(packed_bytes).ok()?;
        if offset == 0 || packed_bytes == 0 || bytes.max(packed_bytes) > MOST_BLOCK_BYTES {
            return None;
        }
        file.seek(SeekFrom::Start(offset)).ok()?;
        self.samples.resize(bytes, 0);
        if layout.deflated {
            self.packed.resize(packed_bytes, 0);
            file.read_exact(&mut self.packed).ok()?;
            let unpacked = self
                .decompressor
                .zlib_decompress(&self.packed, &mut self.samples);
            unpacked.ok().filter(|&n| n == bytes)?;
        } else {
            if packed_bytes != bytes {
                return None;
            }
            file.read_exact(&mut self.samples).ok()?;
        }
        for line in self.samples.chunks_exact_mut(line_bytes) {
            layout
                .predictor
                .undo(line, layout.block_bands(), &mut self.line);
        }
        self.last = Some((id, index));
        Some(())
    }

    /// Copies `bands` of the last block, of which the picture has what is at `place`, to where they belong in `window`: to the
    /// samples from `first` on of pixels that have `n`.
    fn put(
        &self,
        layout: &Layout,
        bands: &[usize],
        place: Window,
        window: Window,
        values: &mut Values,
        (first, n): (usize, usize),
    ) -> Option<()> {
        let line_bytes = layout.line_bytes()?;
        let of_block = layout.block_bands();
        for (line, samples) in self
            .samples
            .chunks_exact(line_bytes)
            .take(place.height)
            .enumerate()
        {
            let to = (place.row - window.row + line) * window.width + place.col - window.col;
            let (to, px) = (to * n, place.width);
            let line = Line {
                bands,
                of_block,
                first,
                n,
            };
            match (&mut *values, layout.kind) {
                (Values::U8(values), Kind::U8) => {
                    line.copy(samples, &mut values[to..to + px * n], |[v]| v)
                }
                (Values::F32(values), kind) => {
                    let values = &mut values[to..to + px * n];
                    match kind {
                        Kind::U8 => line.copy(samples, values, |[v]| f32::from(v)),
                        Kind::U16 => {
                            line.copy(samples, values, |v| f32::from(u16::from_le_bytes(v)))
                        }
                        Kind::I16 => {
                            line.copy(samples, values, |v| f32::from(i16::from_le_bytes(v)))
                        }
                        Kind::F32 => line.copy(samples, values, f32::from_le_bytes),
                    }
                }
                (Values::U8(_), _) => return None,
            }
        }
        Some(())
    }
}

/// Which blocks of `size` pixels lie under `n` pixels from `first` on, of `whole`; `None` where one of them does in part only.
fn spans(first: usize, n: usize, size: usize, whole: usize) -> Option<std::ops::Range<usize>> {
    let end = first + n;
    let all = first.is_multiple_of(size) && (end.is_multiple_of(size) || end == whole);
    all.then(|| first / size..end.div_ceil(size))
}

/// How the samples of a row of a block become those of pixels.
struct Line<'a> {
    bands: &'a [usize],
    /// Samples of a pixel in the block.
    of_block: usize,
    /// The first sample of a pixel to fill, and how many it has.
    first: usize,
    n: usize,
}

impl Line<'_> {
    fn copy<T, const BYTES: usize>(
        &self,
        from: &[u8],
        to: &mut [T],
        value: impl Fn([u8; BYTES]) -> T,
    ) {
        let samples = from.as_chunks::<BYTES>().0;
        match (self.bands, self.of_block, self.n) {
            // All there is, in its order.
            ([1], 1, 1) | ([1, 2, 3], 3, 3) => {
                to.iter_mut()
                    .zip(samples)
                    .for_each(|(to, &from)| *to = value(from));
            }
            // Colours without their alpha.
            ([1, 2, 3], 4, 3) => {
                let pixels = samples.as_chunks::<4>().0.iter();
                for (to, from) in to.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
                    *to = [value(from[0]), value(from[1]), value(from[2])];
                }
            }
            _ => {
                let pixels = samples.chunks_exact(self.of_block);
                for (to, from) in to.chunks_exact_mut(self.n).zip(pixels) {
                    for (to, &band) in to[self.first..].iter_mut().zip(self.bands) {
                        *to = value(from[band - 1]);
                    }
                }
            }
        }
    }
}
