//! The 127 bytes at the beginning of an archive.

use super::gzip;
use crate::archive::metadata::PER_DEGREE;
use crate::geo::bounds::Bounds;

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 127;

/// The first bytes of every archive; the version follows.
pub(super) const MAGIC: &[u8] = b"PMTiles";

/// The version that we write and read.
const VERSION: u8 = 3;

/// A part of the file: where it begins and how long it is, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl Section {
    /// Where the next section may begin.
    pub(super) fn end(self) -> u64 {
        self.offset + self.bytes
    }

    /// `bytes` of this section from `offset` on, counted in it; `None` if they are not all in it.
    pub(super) fn part(self, offset: u64, bytes: u64) -> Option<Self> {
        let end = offset.checked_add(bytes)?;
        (end <= self.bytes).then_some(Self {
            offset: self.offset.checked_add(offset)?,
            bytes,
        })
    }
}

/// How a part of an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// Stored as it is. Archives that do not say what they do are taken to mean this.
    None,
    Gzip,
    /// One that we do not read.
    Other(u8),
}

impl Compression {
    fn from_code(code: u8) -> Self {
        match code {
            0 | 1 => Self::None,
            2 => Self::Gzip,
            other => Self::Other(other),
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::None => 1,
            Self::Gzip => 2,
            Self::Other(code) => code,
        }
    }

    /// What `data` stands for, which is at most `limit` bytes; otherwise what is wrong with it.
    pub(super) fn unpack(self, data: Vec<u8>, limit: usize) -> Result<Vec<u8>, String> {
        match self {
            Self::None => Ok(data),
            Self::Gzip => gzip::unpack(&data, limit),
            Self::Other(_) => Err(format!("{self} compression; expected none or gzip")),
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("no"),
            Self::Gzip => f.write_str("gzip"),
            Self::Other(3) => f.write_str("Brotli"),
            Self::Other(4) => f.write_str("Zstandard"),
            Self::Other(code) => write!(f, "unknown ({code})"),
        }
    }
}

/// What a header says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) root: Section,
    pub(super) metadata: Section,
    pub(super) leaves: Section,
    pub(super) data: Section,
    /// Tiles, repeated ones too. This and the next two are 0 where nobody counted.
    pub(super) n_addressed: u64,
    /// Entries for tiles in all directories.
    pub(super) n_entries: u64,
    /// Different places in the data that entries point at.
    pub(super) n_contents: u64,
    /// Whether the data lies in the order of the ids.
    pub(super) clustered: bool,
    /// Of directories and metadata.
    pub(super) internal: Compression,
    /// Of tiles.
    pub(super) tile: Compression,
    /// 1 for vector tiles, others as in [`FormatInfo`](crate::encode::FormatInfo); 0 where nothing is said.
    pub(super) tile_type: u8,
    pub(super) zoom_min: u8,
    pub(super) zoom_max: u8,
    /// In degrees of WGS 84.
    pub(super) bounds: Bounds,
    /// Longitude, latitude, zoom.
    pub(super) center: (f64, f64, u8),
}

impl Header {
    /// The bytes of the file.
    pub(super) fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        for section in [self.root, self.metadata, self.leaves, self.data] {
            out.extend_from_slice(&section.offset.to_le_bytes());
            out.extend_from_slice(&section.bytes.to_le_bytes());
        }
        for count in [self.n_addressed, self.n_entries, self.n_contents] {
            out.extend_from_slice(&count.to_le_bytes());
        }
        out.push(self.clustered.into());
        out.extend([self.internal.code(), self.tile.code(), self.tile_type]);
        out.extend([self.zoom_min, self.zoom_max]);
        for degrees in self.bounds.sides() {
            out.extend_from_slice(&scaled(degrees).to_le_bytes());
        }
        let (lon, lat, zoom) = self.center;
        out.push(zoom);
        out.extend_from_slice(&scaled(lon).to_le_bytes());
        out.extend_from_slice(&scaled(lat).to_le_bytes());
        out.try_into().expect("the fields above are 127 bytes")
    }

    /// The parts of the file that it names, each by what it is.
    pub(super) fn sections(&self) -> [(&'static str, Section); 4] {
        [
            ("root directory", self.root),
            ("metadata", self.metadata),
            ("leaf directories", self.leaves),
            ("tile data", self.data),
        ]
    }

    /// The header that a file begins with; what is found instead if it is none.
    pub(super) fn parse(head: &[u8]) -> Result<Self, String> {
        if head.is_empty() {
            return Err("an empty file".into());
        }
        // The second version had a magic number of two bytes, and another layout.
        let version = match head.strip_prefix(MAGIC) {
            Some([version, ..]) => *version,
            None if head.starts_with(b"PM\x02\x00") => 2,
            _ => return Err("not a PMTiles archive".into()),
        };
        if version != VERSION {
            return Err(format!("version {version} of PMTiles"));
        }
        let Some(fields) = head.first_chunk::<HEADER_BYTES>() else {
            return Err("a header that is cut off".into());
        };
        let section = |at: usize| Section {
            offset: number(fields, at),
            bytes: number(fields, at + 8),
        };
        Ok(Self {
            root: section(8),
            metadata: section(24),
            leaves: section(40),
            data: section(56),
            n_addressed: number(fields, 72),
            n_entries: number(fields, 80),
            n_contents: number(fields, 88),
            clustered: fields[96] == 1,
            internal: Compression::from_code(fields[97]),
            tile: Compression::from_code(fields[98]),
            tile_type: fields[99],
            zoom_min: fields[100],
            zoom_max: fields[101],
            bounds: Bounds {
                west: degrees(fields, 102),
                south: degrees(fields, 106),
                east: degrees(fields, 110),
                north: degrees(fields, 114),
            },
            center: (degrees(fields, 119), degrees(fields, 123), fields[118]),
        })
    }
}

fn number(fields: &[u8; HEADER_BYTES], at: usize) -> u64 {
    let bytes = fields[at..].first_chunk();
    u64::from_le_bytes(*bytes.expect("fields end within the header"))
}

fn degrees(fields: &[u8; HEADER_BYTES], at: usize) -> f64 {
    let bytes = fields[at..].first_chunk();
    let value = i32::from_le_bytes(*bytes.expect("fields end within the header"));
    f64::from(value) / PER_DEGREE
}

/// Degrees as they are stored: to about a centimetre on the ground.
fn scaled(degrees: f64) -> i32 {
    (degrees * PER_DEGREE).round() as i32
}
