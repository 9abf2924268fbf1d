//! [`StateFile`] and [`Writer`]: what is written down of a bake, as a file.
//!
//! ```text
//! "azulejo state 3\n"      16 bytes
//! nodes                    what roots of shards and tiles above them hand up, one after the other, each deflated
//! places                   for each of them: root (zoom 1, x 4, y 4), key 16, tiles 16, looked at 8, flags 1 (1: beyond),
//!                          offset 8, bytes 4, bytes inflated 4, CRC-32 of the bytes 4
//! about                    JSON: see [`About`]
//! offset of places 8, number of them 8, bytes of about 8, CRC-32 of places and about 4, "azulejo state 3\n"
//! ```
//!
//! Numbers are little end first. Nodes are only read when they are wanted: there may be more of them than memory.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use libdeflater::{CompressionLvl, Compressor, Decompressor};
use serde_json::{Value, json};

use super::super::checkpoint::Facts;
use super::{Record, Sum};
use crate::archive::{FileOutput, Overwrite, Staged};
use crate::error::{Error, Kind, Result};
use crate::geo::tile::{MAX_ZOOM, TileCoord};

/// What it begins and ends with. A door for tests with any bytes, as is [`PLACE`].
#[doc(hidden)]
pub const MAGIC: &[u8; 16] = b"azulejo state 3\n";

/// What it begins with in every version.
const NAME: &[u8] = b"azulejo state ";

/// Bytes of a place.
#[doc(hidden)]
pub const PLACE: usize = 9 + 16 + 16 + 8 + 1 + 8 + 4 + 4 + 4;

/// Bytes at the end.
const TAIL: usize = 8 + 8 + 8 + 4 + 16;

/// The most that deflate can make of a byte, rounded up: 258 bytes of two bits.
const MOST_DEFLATED: u64 = 1032;

/// Roots are small beside their tiles; the quickest level makes a half to a third of them.
const LEVEL: i32 = 1;

/// What is said of a bake as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// All that decides what the tiles are but the sources.
    pub facts: Facts,
    /// The sources by name, with what each is known again by, in their order.
    pub sources: Vec<(String, String)>,
    /// Whatever else must be the same the next time.
    pub frozen: Value,
}

impl About {
    fn json(&self) -> Value {
        json!({
            "facts": self.facts.json(),
            "sources": self.sources,
            "frozen": self.frozen,
        })
    }

    fn of(json: &Value) -> Option<Self> {
        let source = |pair: &Value| {
            let text = |k: usize| Some(pair.get(k)?.as_str()?.to_owned());
            Some((text(0)?, text(1)?))
        };
        let sources = json["sources"].as_array()?.iter().map(source);
        Some(Self {
            facts: Facts::new(json["facts"].as_object()?.clone()),
            sources: sources.collect::<Option<_>>()?,
            frozen: json["frozen"].clone(),
        })
    }
}

/// A node as it is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pyramid) struct Packed {
    bytes: Vec<u8>,
    inflated: u32,
}

impl Packed {
    /// Deflates `node`.
    ///
    /// # Errors
    /// None that could be met.
    pub(super) fn new(node: &[u8]) -> Result<Self> {
        let level = CompressionLvl::new(LEVEL).expect("a level of libdeflate's");
        let mut compressor = Compressor::new(level);
        let mut bytes = vec![0; compressor.deflate_compress_bound(node.len())];
        let n = compressor.deflate_compress(node, &mut bytes);
        let n = n.map_err(|_| Error::internal("deflate has less room than it asked for"))?;
        bytes.truncate(n);
        Ok(Self {
            bytes,
            // A root is a quarter of a tile of at most 4096 pixels.
            inflated: node.len() as u32,
        })
    }

    /// The node; `None` of damaged bytes.
    pub(super) fn node(&self) -> Option<Vec<u8>> {
        let mut node = vec![0; self.inflated as usize];
        let n = Decompressor::new().deflate_decompress(&self.bytes, &mut node);
        (n == Ok(node.len())).then_some(node)
    }
}

/// What was written down of a shard or of a tile above them, and where its node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) root: TileCoord,
    pub(super) key: Sum,
    pub(super) tiles: Sum,
    pub(super) looked_at: u64,
    pub(super) beyond: bool,
    offset: u64,
    bytes: u32,
    inflated: u32,
    crc: u32,
}

impl Place {
    /// What was written down, with the node that it says where to find.
    pub(super) fn record(&self, node: Packed) -> Record {
        Record {
            root: self.root,
            key: self.key,
            tiles: self.tiles,
            looked_at: self.looked_at,
            beyond: self.beyond,
            node,
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.root.z());
        out.extend(self.root.x().to_le_bytes());
        out.extend(self.root.y().to_le_bytes());
        out.extend(self.key);
        out.extend(self.tiles);
        out.extend(self.looked_at.to_le_bytes());
        out.push(u8::from(self.beyond));
        out.extend(self.offset.to_le_bytes());
        out.extend(self.bytes.to_le_bytes());
        out.extend(self.inflated.to_le_bytes());
        out.extend(self.crc.to_le_bytes());
    }

    fn of(mut bytes: &[u8]) -> Option<Self> {
        fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
            let (taken, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(*taken)
        }
        let bytes = &mut bytes;
        let [z] = take(bytes)?;
        let (x, y) = (take(bytes)?, take(bytes)?);
        let (x, y) = (u32::from_le_bytes(x), u32::from_le_bytes(y));
        if z > MAX_ZOOM {
            return None;
        }
        Some(Self {
            root: TileCoord::new(z, x, y),
            key: take(bytes)?,
            tiles: take(bytes)?,
            looked_at: u64::from_le_bytes(take(bytes)?),
            beyond: take::<1>(bytes)? != [0],
            offset: u64::from_le_bytes(take(bytes)?),
            bytes: u32::from_le_bytes(take(bytes)?),
            inflated: u32::from_le_bytes(take(bytes)?),
            crc: u32::from_le_bytes(take(bytes)?),
        })
    }
}

/// Writes down what is known of a bake, under a temporary name beside its place.
pub struct Writer {
    output: Option<(FileOutput, BufWriter<File>)>,
    places: Vec<Place>,
    offset: u64,
}

impl Writer {
    /// A writer of the file at `path`, where there may be another of its kind.
    ///
    /// # Errors
    /// [`Kind::Output`] when something else is there, or nothing can be written.
    pub fn create(path: &Path) -> Result<Self> {
        let output = FileOutput::create(path, Overwrite::Replace, check_ours)?;
        let failed = |error| Error::writing(path.display(), &error);
        let mut file = BufWriter::new(File::create(output.path()).map_err(failed)?);
        file.write_all(MAGIC).map_err(failed)?;
        Ok(Self {
            output: Some((output, file)),
            places: Vec::new(),
            offset: MAGIC.len() as u64,
        })
    }

    pub(super) fn write(&mut self, record: &Record) -> Result<()> {
        let packed = &record.node.bytes;
        let (output, file) = self.open()?;
        let written = file.write_all(packed);
        written.map_err(|error| Error::writing(output.shown(), &error))?;
        self.places.push(Place {
            root: record.root,
            key: record.key,
            tiles: record.tiles,
            looked_at: record.looked_at,
            beyond: record.beyond,
            offset: self.offset,
            bytes: packed.len() as u32,
            inflated: record.node.inflated,
            crc: crc(packed),
        });
        self.offset += packed.len() as u64;
        Ok(())
    }

    pub(super) fn finish(&mut self, about: &About) -> Result<Staged> {
        let mut end = Vec::with_capacity(self.places.len() * PLACE);
        self.places.iter().for_each(|place| place.put(&mut end));
        let about = about.json().to_string();
        end.extend(about.as_bytes());
        let sum = crc(&end);
        for number in [self.offset, self.places.len() as u64, about.len() as u64] {
            end.extend(number.to_le_bytes());
        }
        end.extend(sum.to_le_bytes());
        end.extend(MAGIC);
        let (output, file) = self.open()?;
        let written = file.write_all(&end).and_then(|()| file.flush());
        written.map_err(|error| Error::writing(output.shown(), &error))?;
        let (output, _) = self
            .output
            .take()
            .ok_or_else(|| Error::internal("written twice"))?;
        output.finish()
    }

    fn open(&mut self) -> Result<&mut (FileOutput, BufWriter<File>)> {
        self.output
            .as_mut()
            .ok_or_else(|| Error::internal("written after its end"))
    }
}

/// What was written down of a bake, to be read.
pub struct StateFile {
    path: PathBuf,
    file: File,
    about: About,
    places: HashMap<TileCoord, Place>,
}

impl StateFile {
    /// Reads what is at `path`, but for the roots.
    ///
    /// # Errors
    /// [`Kind::Input`] when it cannot be read, or is something else.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = || path.display();
        let unreadable =
            |error: io::Error| Error::input(shown(), format_args!("cannot be read ({error})"));
        // A pipe would keep us waiting.
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(Error::input(
                shown(),
                "no file; expected the state of a bake",
            ));
        }
        let file = File::open(path).map_err(unreadable)?;
        let (about, places) = Self::read(&file).ok_or_else(|| {
            let found = "damaged, or of another version; expected the state of a bake as --keep-state writes it";
            Error::input(shown(), found)
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            about,
            places,
        })
    }

    fn read(file: &File) -> Option<(About, HashMap<TileCoord, Place>)> {
        let length = file.metadata().ok()?.len();
        let tail_at = length.checked_sub(TAIL as u64)?;
        let mut tail = [0; TAIL];
        file.read_exact_at(&mut tail, tail_at).ok()?;
        let number = |at: usize| {
            let bytes = tail[at..at + 8].first_chunk();
            bytes.map(|bytes| u64::from_le_bytes(*bytes))
        };
        let (offset, n, about_bytes) = (number(0)?, number(8)?, number(16)?);
        let sum = u32::from_le_bytes(*tail[24..28].first_chunk()?);
        let places_bytes = n.checked_mul(PLACE as u64)?;
        let bytes = places_bytes.checked_add(about_bytes)?;
        if tail[28..] != MAGIC[..] || offset.checked_add(bytes)? != tail_at {
            return None;
        }
        let mut end = vec![0; usize::try_from(bytes).ok()?];
        file.read_exact_at(&mut end, offset).ok()?;
        if crc(&end) != sum {
            return None;
        }
        let (places, about) = end.split_at_checked(places_bytes as usize)?;
        let about = About::of(&serde_json::from_slice(about).ok()?)?;
        let places = places.chunks_exact(PLACE).map(Place::of);
        let places = places.map(|place| place.map(|place| (place.root, place)));
        Some((about, places.collect::<Option<_>>()?))
    }

    /// What it says of the bake as a whole.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many roots are there as they were written. A door for tests with any bytes.
    #[doc(hidden)]
    pub fn count_whole(&self) -> usize {
        let places = self.places.values();
        let roots = places.filter_map(|place| self.node(place)?.node());
        roots.count()
    }

    /// The zoom of the shards' roots: all others are above them.
    pub(super) fn shard_zoom(&self) -> Option<u8> {
        self.places.keys().map(|root| root.z()).max()
    }

    pub(super) fn find(&self, root: TileCoord) -> Option<&Place> {
        self.places.get(&root)
    }

    /// The root at `place`; `None` when it is damaged.
    pub(super) fn node(&self, place: &Place) -> Option<Packed> {
        let end = place.offset.checked_add(place.bytes.into())?;
        let most = u64::from(place.bytes).saturating_mul(MOST_DEFLATED);
        // Before there is memory for it: the numbers may be anybody's.
        if end > self.file.metadata().ok()?.len() || u64::from(place.inflated) > most {
            return None;
        }
        let mut bytes = vec![0; place.bytes as usize];
        self.file.read_exact_at(&mut bytes, place.offset).ok()?;
        (crc(&bytes) == place.crc).then_some(Packed {
            bytes,
            inflated: place.inflated,
        })
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = libdeflater::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Refuses to replace what is no state.
fn check_ours(path: &Path) -> Result<()> {
    let mut start = Vec::new();
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
    let was_read = is_file
        && File::open(path)
            .and_then(|file| file.take(NAME.len() as u64).read_to_end(&mut start))
            .is_ok();
    // A disk that lost power may have kept less than its name, or nothing.
    if was_read && NAME.starts_with(&start) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Output,
        format!(
            "{}: something else is where the state of the bake would be; expected such a state, or nothing",
            path.display()
        ),
    )
    .with_help("move it away"))
}
