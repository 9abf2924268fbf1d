//! The header of a TIFF file: [`Layout`].
//!
//! TIFF 6.0 (Adobe, 1992): sections 2 (directories), 14 and the third technical note of Photoshop (predictors), 15 (tiles); and
//! BigTIFF, which has wider numbers in the same places.

use std::io::{Read, Seek, SeekFrom};

use super::predictor::Predictor;

/// How the first picture of a file is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Columns and rows of a block. Tiles are stored whole, strips end with the picture.
    pub block: (usize, usize),
    /// Whether blocks are tiles.
    pub(super) tiled: bool,
    /// Samples a pixel.
    pub bands: usize,
    /// Whether each band has blocks of its own.
    pub(super) planar: bool,
    /// What all samples are.
    pub kind: Kind,
    pub(super) deflated: bool,
    pub(super) predictor: Predictor,
    /// Where each block is in the file, and its bytes there: row by row, band by band if they have their own.
    pub(super) places: Vec<(u64, u64)>,
}

/// Samples that are understood here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    U8,
    /// 16 bits without a sign.
    U16,
    /// 16 bits with a sign.
    I16,
    /// Floating point of 32 bits.
    F32,
}

impl Kind {
    /// Of a sample.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::F32 => 4,
        }
    }
}

/// The most blocks that are kept track of: 4 MB of places for each thread that has the file open, and 68 Gpx in blocks of 512.
const MOST_BLOCKS: usize = 1 << 18;

impl Layout {
    /// Reads the header of `file`. `None` where anything is not as plain as it mostly is: other software reads that.
    pub fn read(file: &mut (impl Read + Seek)) -> Option<Self> {
        let tags = Tags::read(file)?;
        let one = |tag: u16, default: u64| match tags.find(tag) {
            Some(entry) => tags.one(entry),
            None => Some(default),
        };
        let size = |tag: u16| usize::try_from(one(tag, 0)?).ok().filter(|&n| n > 0);
        let (width, height, bands) = (size(IMAGE_WIDTH)?, size(IMAGE_LENGTH)?, one(SAMPLES, 1)?);
        let bands = usize::try_from(bands)
            .ok()
            .filter(|n| (1..=64).contains(n))?;
        // Bits from the highest on, rows from the top; gray, colours or indices.
        let plain = one(FILL_ORDER, 1)? == 1
            && one(ORIENTATION, 1)? == 1
            && matches!(one(PHOTOMETRIC, u64::MAX)?, 1..=3);
        let (bits, format) = (tags.same(file, BITS, 1)?, tags.same(file, FORMAT, 1)?);
        let kind = match (bits, format) {
            (8, 1) => Kind::U8,
            (16, 1) => Kind::U16,
            (16, 2) => Kind::I16,
            (32, 3) => Kind::F32,
            _ => return None,
        };
        let deflated = match one(COMPRESSION, 1)? {
            1 => false,
            8 | 32946 => true,
            _ => return None,
        };
        let planar = match one(PLANAR, 1)? {
            1 => false,
            2 => bands > 1,
            _ => return None,
        };
        let predictor = Predictor::of(one(PREDICTOR, 1)?, kind, deflated)?;
        let tiled = tags.find(TILE_WIDTH).is_some();
        let (block, offsets, counts) = if tiled {
            let block = (size(TILE_WIDTH)?, size(TILE_LENGTH)?);
            (block, TILE_OFFSETS, TILE_BYTE_COUNTS)
        } else {
            let rows = one(ROWS_PER_STRIP, u64::MAX)?.min(height as u64) as usize;
            ((width, rows.max(1)), STRIP_OFFSETS, STRIP_BYTE_COUNTS)
        };
        let grid = width
            .div_ceil(block.0)
            .checked_mul(height.div_ceil(block.1))?;
        let n = grid.checked_mul(if planar { bands } else { 1 })?;
        if n > MOST_BLOCKS || !plain {
            return None;
        }
        let offsets = tags.list(file, offsets, n)?;
        let counts = tags.list(file, counts, n)?;
        Some(Self {
            width,
            height,
            block,
            tiled,
            bands,
            planar,
            kind,
            deflated,
            predictor,
            places: offsets.into_iter().zip(counts).collect(),
        })
    }

    /// Rows that the blocks of row `row` of blocks have.
    pub(super) fn block_rows(&self, row: usize) -> usize {
        if self.tiled {
            return self.block.1;
        }
        self.block.1.min(self.height - row * self.block.1)
    }

    /// Bytes of a row of a block.
    pub(super) fn line_bytes(&self) -> Option<usize> {
        let samples = self.block.0.checked_mul(self.block_bands())?;
        samples.checked_mul(self.kind.bytes())
    }

    /// Samples of a pixel in a block.
    pub(super) fn block_bands(&self) -> usize {
        if self.planar { 1 } else { self.bands }
    }
}

/// What the first directory of `file` says of its coordinate system: the three tags of GeoTIFF (OGC 19-008r4, section 6.1), each with its
/// number, its type and how many values it has, byte for byte. `None` where there is no such thing, or more of it than there should be.
pub fn geo_tags(file: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    let tags = Tags::read(file)?;
    tags.find(GEO_KEY_DIRECTORY)?;
    let mut said = Vec::new();
    for tag in [GEO_KEY_DIRECTORY, GEO_DOUBLES, GEO_TEXT] {
        let Some(entry) = tags.find(tag) else {
            continue;
        };
        let value_bytes = match entry.kind {
            2 => 1,
            3 => 2,
            12 => 8,
            _ => return None,
        };
        let n = usize::try_from(entry.n).ok();
        let n = n.filter(|&n| n <= MOST_GEO_VALUES)?;
        said.extend_from_slice(&tag.to_le_bytes());
        said.extend_from_slice(&entry.kind.to_le_bytes());
        said.extend_from_slice(&entry.n.to_le_bytes());
        said.extend(tags.bytes(file, entry, n * value_bytes)?);
    }
    Some(said)
}

/// Values of a tag of a coordinate system; they mostly have a few dozen.
const MOST_GEO_VALUES: usize = 4096;

const IMAGE_WIDTH: u16 = 256;
const IMAGE_LENGTH: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const FILL_ORDER: u16 = 266;
const STRIP_OFFSETS: u16 = 273;
const ORIENTATION: u16 = 274;
const SAMPLES: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const STRIP_BYTE_COUNTS: u16 = 279;
const PLANAR: u16 = 284;
const PREDICTOR: u16 = 317;
const TILE_WIDTH: u16 = 322;
const TILE_LENGTH: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const TILE_BYTE_COUNTS: u16 = 325;
const FORMAT: u16 = 339;
const GEO_KEY_DIRECTORY: u16 = 34735;
const GEO_DOUBLES: u16 = 34736;
const GEO_TEXT: u16 = 34737;

/// The first directory of a file.
struct Tags {
    big: bool,
    entries: Vec<Entry>,
}

/// A tag: its type, how many values it has, and the bytes that hold them or say where they are.
struct Entry {
    tag: u16,
    kind: u16,
    n: u64,
    value: [u8; 8],
}

impl Entry {
    /// Bytes of one value, if it is a whole number.
    fn value_bytes(&self) -> Option<usize> {
        match self.kind {
            3 => Some(2),
            4 => Some(4),
            16 => Some(8),
            _ => None,
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |n, &byte| n << 8 | u64::from(byte))
}

impl Tags {
    fn read(file: &mut (impl Read + Seek)) -> Option<Self> {
        let mut start = [0; 16];
        file.seek(SeekFrom::Start(0)).ok()?;
        file.read_exact(&mut start).ok()?;
        // Little-endian, as nearly all are: II; then 42, or 43 and the width of offsets.
        let (big, offset) = match start {
            [b'I', b'I', 42, 0, offset @ .., _, _, _, _, _, _, _, _] => (false, number(&offset)),
            [b'I', b'I', 43, 0, 8, 0, 0, 0, offset @ ..] => (true, number(&offset)),
            _ => return None,
        };
        file.seek(SeekFrom::Start(offset)).ok()?;
        let (count_bytes, entry_bytes) = if big { (8, 20) } else { (2, 12) };
        let mut count = [0; 8];
        file.read_exact(&mut count[..count_bytes]).ok()?;
        let n = usize::try_from(number(&count))
            .ok()
            .filter(|&n| n <= 4096)?;
        let mut bytes = vec![0; n * entry_bytes];
        file.read_exact(&mut bytes).ok()?;
        let entries = bytes.chunks_exact(entry_bytes).map(|entry| {
            let (n, value) = entry[4..].split_at(if big { 8 } else { 4 });
            let mut padded = [0; 8];
            padded[..value.len()].copy_from_slice(value);
            Entry {
                tag: number(&entry[..2]) as u16,
                kind: number(&entry[2..4]) as u16,
                n: number(n),
                value: padded,
            }
        });
        Some(Self {
            big,
            entries: entries.collect(),
        })
    }

    fn find(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    /// The value of a tag that has one.
    fn one(&self, entry: &Entry) -> Option<u64> {
        let bytes = entry.value_bytes().filter(|_| entry.n == 1)?;
        let fits = bytes <= self.room();
        fits.then(|| number(&entry.value[..bytes]))
    }

    /// Bytes of an entry for its values.
    fn room(&self) -> usize {
        if self.big { 8 } else { 4 }
    }

    /// The `n` values of `tag`.
    fn list(&self, file: &mut (impl Read + Seek), tag: u16, n: usize) -> Option<Vec<u64>> {
        let entry = self.find(tag).filter(|entry| entry.n == n as u64)?;
        let value_bytes = entry.value_bytes()?;
        let bytes = self.bytes(file, entry, n * value_bytes)?;
        Some(bytes.chunks_exact(value_bytes).map(number).collect())
    }

    /// All `n` bytes of the values of `entry`.
    fn bytes(&self, file: &mut (impl Read + Seek), entry: &Entry, n: usize) -> Option<Vec<u8>> {
        if n <= self.room() {
            return Some(entry.value[..n].to_vec());
        }
        let mut bytes = vec![0; n];
        file.seek(SeekFrom::Start(number(&entry.value))).ok()?;
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The value that all of `tag` have: one for each band.
    fn same(&self, file: &mut (impl Read + Seek), tag: u16, default: u64) -> Option<u64> {
        let Some(entry) = self.find(tag) else {
            return Some(default);
        };
        let n = usize::try_from(entry.n)
            .ok()
            .filter(|n| (1..=64).contains(n))?;
        let values = self.list(file, tag, n)?;
        let first = values[0];
        values.iter().all(|&value| value == first).then_some(first)
    }
}
