//! A PMTiles archive taken apart, and put together as it should not be.

use std::fs;
use std::path::Path;

use libdeflater::{CompressionLvl, Compressor, Decompressor};

/// An entry of a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) run: u64,
}

/// An archive without leaf directories, by its parts.
pub(crate) struct Archive {
    /// Places of sections are told anew when it is written.
    pub(crate) header: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) metadata: Vec<u8>,
    pub(crate) data: Vec<u8>,
    /// Entries of a leaf directory; all are in the root where there is none.
    leaf: Option<usize>,
}

impl Archive {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let section = |at: usize| {
            let (offset, n) = (number(&bytes, at), number(&bytes, at + 8));
            bytes[offset..offset + n].to_vec()
        };
        assert_eq!(number(&bytes, 48), 0, "no leaf directories");
        Self {
            header: bytes[..127].to_vec(),
            entries: parse(&unpack(&section(8))),
            metadata: section(24),
            data: section(56),
            leaf: None,
        }
    }

    /// Has directories of `n` entries below the root.
    pub(crate) fn split(&mut self, n: usize) {
        self.leaf = Some(n);
    }

    pub(crate) fn write(&self, path: &Path) {
        let (mut root, mut leaves) = (self.entries.clone(), Vec::new());
        if let Some(n) = self.leaf {
            root.clear();
            for entries in self.entries.chunks(n) {
                let packed = pack(&serialise(entries));
                root.push(Entry {
                    id: entries[0].id,
                    offset: leaves.len() as u64,
                    length: packed.len() as u64,
                    run: 0,
                });
                leaves.extend(packed);
            }
        }
        let root = pack(&serialise(&root));
        let mut header = self.header.clone();
        let mut offset = 127;
        for (at, part) in [
            (8, &root),
            (24, &self.metadata),
            (40, &leaves),
            (56, &self.data),
        ] {
            header[at..at + 8].copy_from_slice(&(offset as u64).to_le_bytes());
            header[at + 8..at + 16].copy_from_slice(&(part.len() as u64).to_le_bytes());
            offset += part.len();
        }
        fs::write(
            path,
            [
                header,
                root,
                self.metadata.clone(),
                leaves,
                self.data.clone(),
            ]
            .concat(),
        )
        .unwrap();
    }
}

fn number(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

fn unpack(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 1 << 20];
    let n = Decompressor::new().gzip_decompress(data, &mut out).unwrap();
    out.truncate(n);
    out
}

fn pack(data: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(6).unwrap());
    let mut out = vec![0; compressor.gzip_compress_bound(data.len())];
    let n = compressor.gzip_compress(data, &mut out).unwrap();
    out.truncate(n);
    out
}

fn parse(mut bytes: &[u8]) -> Vec<Entry> {
    let mut take = || {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    };
    let n = take() as usize;
    let [ids, runs, lengths, offsets] =
        [(); 4].map(|()| (0..n).map(|_| take()).collect::<Vec<u64>>());
    let (mut id, mut behind) = (0, 0);
    (0..n)
        .map(|k| {
            id += ids[k];
            let offset = if offsets[k] == 0 {
                behind
            } else {
                offsets[k] - 1
            };
            behind = offset + lengths[k];
            Entry {
                id,
                offset,
                length: lengths[k],
                run: runs[k],
            }
        })
        .collect()
}

/// Ids that do not rise are written as they are if they are equal; nothing else can be.
fn serialise(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |mut value: u64| {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    };
    put(entries.len() as u64);
    let mut last = 0;
    for entry in entries {
        put(entry.id - last);
        last = entry.id;
    }
    entries.iter().for_each(|entry| put(entry.run));
    entries.iter().for_each(|entry| put(entry.length));
    entries.iter().for_each(|entry| put(entry.offset + 1));
    out
}
