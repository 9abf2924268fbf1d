//! Archives that others wrote, badly or in bad faith: an error that says what it is, never a panic, never much memory.

use super::super::store::open;
use super::*;

/// The parts of an archive, to be put together as its writer likes.
#[derive(Clone)]
struct Parts {
    root: Vec<u8>,
    metadata: Vec<u8>,
    leaves: Vec<u8>,
    data: Vec<u8>,
    change: Change,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            root: serialise(&[entry(0, 0, 4, 1)]),
            metadata: b"{}".to_vec(),
            leaves: Vec::new(),
            data: b"tile".to_vec(),
            change: |_| {},
        }
    }
}

impl Parts {
    /// The file: header, root, metadata, leaves, data, nothing compressed.
    fn file(&self) -> Vec<u8> {
        let mut end = HEADER_BYTES as u64;
        let mut section = |part: &[u8]| {
            let bytes = part.len() as u64;
            end += bytes;
            let offset = end - bytes;
            Section { offset, bytes }
        };
        let mut header = Header {
            root: section(&self.root),
            metadata: section(&self.metadata),
            leaves: section(&self.leaves),
            data: section(&self.data),
            n_addressed: 0,
            n_entries: 0,
            n_contents: 0,
            clustered: false,
            internal: Compression::None,
            tile: Compression::None,
            tile_type: 2,
            zoom_min: 0,
            zoom_max: 1,
            bounds: Bounds::new(-1.0, -1.0, 1.0, 1.0),
            center: (0.0, 0.0, 0),
        };
        (self.change)(&mut header);
        let mut file = header.to_bytes().to_vec();
        for part in [&self.root, &self.metadata, &self.leaves, &self.data] {
            file.extend_from_slice(part);
        }
        file
    }
}

/// The bytes of a tile, if it is there.
type Data = Option<Vec<u8>>;

/// A header, made to lie.
type Change = fn(&mut Header);

/// Opens `file` as an archive, lists its tiles and reads those that are asked for.
fn read_file(file: &[u8], ids: &[u64]) -> Result<(Vec<TileCoord>, Vec<Data>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.pmtiles");
    fs::write(&path, file).unwrap();
    let mut store = open(&path)?;
    let tiles = store.tiles()?;
    let read = ids
        .iter()
        .map(|&id| store.read(tile(id)))
        .collect::<Result<_>>()?;
    Ok((tiles, read))
}

/// Checks that `file` is refused with words that say `said`.
fn refused(file: &[u8], said: &str) {
    let told = read_file(file, &[0]).expect_err(said);
    assert_eq!(told.kind(), Kind::Input, "{told}");
    assert!(
        told.to_string().contains(said),
        "`{told}` does not say `{said}`"
    );
    assert!(told.to_string().contains("; expected "), "{told}");
}

#[test]
fn archives_need_not_be_as_we_write_them() {
    // Leaves of leaves, tiles in any order, one within another, and a gap.
    let low = serialise(&[entry(0, 9, 3, 1), entry(1, 0, 4, 2)]);
    let high = serialise(&[entry(7, 2, 6, 1), entry(20, 5, 1, 2)]);
    let middle = serialise(&[
        entry(0, 0, low.len() as u32, 0),
        entry(7, low.len() as u64, high.len() as u32, 0),
    ]);
    let at = (low.len() + high.len()) as u64;
    let parts = Parts {
        root: serialise(&[entry(0, at, middle.len() as u32, 0), entry(30, 1, 1, 1)]),
        leaves: [low, high, middle].concat(),
        data: b"0123456789ab".to_vec(),
        ..Parts::default()
    };
    let expected: Vec<(u64, &[u8])> = vec![
        (0, b"9ab"),
        (1, b"0123"),
        (2, b"0123"),
        (7, b"234567"),
        (20, b"5"),
        (21, b"5"),
        (30, b"1"),
    ];
    let ids: Vec<u64> = (0..40).collect();
    let (tiles, read) = read_file(&parts.file(), &ids).unwrap();
    assert!(
        tiles
            .into_iter()
            .map(TileCoord::pmtiles_id)
            .eq(expected.iter().map(|row| row.0))
    );
    for (id, found) in ids.into_iter().zip(read) {
        let known = expected.iter().find(|row| row.0 == id);
        assert_eq!(found.as_deref(), known.map(|row| row.1), "{id}");
    }
}

#[test]
fn compressed_tiles_are_unpacked_and_unknown_formats_told_by_their_bytes() {
    let png = b"\x89PNG\r\n\x1a\n...";
    let packed = gzip::pack(png);
    let parts = Parts {
        root: serialise(&[entry(0, 0, packed.len() as u32, 1)]),
        data: packed,
        change: |header| {
            header.tile = Compression::Gzip;
            header.tile_type = 0;
        },
        ..Parts::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.pmtiles");
    fs::write(&path, parts.file()).unwrap();
    let mut store = open(&path).unwrap();
    assert_eq!(store.metadata().format, Some(Format::Png));
    assert_eq!(store.read(tile(0)).unwrap().unwrap(), png);
}

#[test]
fn what_the_header_tells_is_the_metadata() {
    let parts = Parts {
        metadata:
            br#"{"name": "n", "minzoom": "9", "tileSize": 512, "vector_layers": [{"id": "a"}]}"#
                .to_vec(),
        change: |header| header.tile_type = 1,
        ..Parts::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.pmtiles");
    fs::write(&path, parts.file()).unwrap();
    let store = open(&path).unwrap();
    let found = store.metadata();
    assert_eq!(found.name.as_deref(), Some("n"));
    assert_eq!((found.zoom_min, found.zoom_max), (Some(0), Some(1)));
    assert_eq!(found.bounds, Some(Bounds::new(-1.0, -1.0, 1.0, 1.0)));
    assert_eq!(found.center, Some((0.0, 0.0, 0)));
    assert_eq!(found.tile_size_px, Some(512));
    assert_eq!((found.format, found.rows["format"].as_str()), (None, "pbf"));
    assert_eq!(found.rows["vector_layers"], r#"[{"id":"a"}]"#);
}

#[test]
fn what_is_no_archive_of_version_3_is_told() {
    let whole = Parts::default().file();
    assert!(read_file(&whole, &[0]).is_ok());
    refused(b"", "an empty file");
    refused(b"SQLite format 3\0", "not a PMTiles archive");
    refused(b"PMTiles", "not a PMTiles archive");
    refused(b"PMTiles\x03", "a header that is cut off");
    refused(&whole[..126], "a header that is cut off");
    refused(b"PM\x02\x00......", "version 2 of PMTiles");
    let mut later = whole.clone();
    later[7] = 4;
    refused(&later, "version 4 of PMTiles");
    for length in HEADER_BYTES..whole.len() {
        refused(&whole[..length], "in a file of");
    }
}

#[test]
fn headers_that_lie_are_told() {
    let rows: [(Change, &str); 9] = [
        (
            |h| h.root.bytes = u64::MAX,
            "root directory of 18446744073709551615 bytes",
        ),
        (|h| h.root.offset = u64::MAX, "root directory"),
        (
            |h| h.metadata.bytes = 1 << 40,
            "metadata of 1099511627776 bytes",
        ),
        (|h| h.leaves.bytes = 1 << 40, "leaf directories of"),
        (|h| h.data.offset += 1, "tile data of 4 bytes"),
        (
            |h| h.internal = Compression::Other(3),
            "directories in Brotli compression",
        ),
        (
            |h| h.tile = Compression::Other(4),
            "tiles in Zstandard compression",
        ),
        (
            |h| h.tile = Compression::Other(77),
            "tiles in unknown (77) compression",
        ),
        (
            |h| h.internal = Compression::Gzip,
            "a directory with damaged gzip data",
        ),
    ];
    for (change, said) in rows {
        let parts = Parts {
            change,
            ..Parts::default()
        };
        refused(&parts.file(), said);
    }
    let tile = |h: &mut Header| h.tile = Compression::Gzip;
    let parts = Parts {
        change: tile,
        ..Parts::default()
    };
    refused(&parts.file(), "a tile with damaged gzip data");
}

#[test]
fn directories_that_make_no_sense_are_told() {
    let root = |root: &[u8], said: &str| {
        let root = root.to_vec();
        let parts = Parts {
            root,
            ..Parts::default()
        };
        refused(&parts.file(), said);
    };
    root(&[], "a directory that is cut off");
    root(&[0xff; 12], "a directory that is cut off");
    // A count of 2^62, and one that the bytes do not account for.
    root(
        &[
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, 1, 1, 1, 1,
        ],
        "entries that is cut off",
    );
    root(
        &[2, 1, 1, 1, 1, 1, 1, 1],
        "a directory of 2 entries that is cut off",
    );
    root(&[1, 0x80, 0x80, 0x80, 0x80], "a directory that is cut off");
    root(&[1, 0, 1, 0, 1], "entry 0 makes no sense");
    root(&[1, 0, 1, 4, 0], "entry 0 makes no sense");
    root(&[2, 5, 0, 1, 1, 4, 4, 1, 1], "entry 1 is out of order");
    root(&[2, 5, 2, 3, 1, 4, 4, 1, 1], "entry 1 is out of order");
    root(
        &serialise(&[entry(0, u64::MAX - 5, 4, 1)]),
        "a tile outside the tile data",
    );
    root(
        &serialise(&[entry(0, 1, 4, 1)]),
        "a tile outside the tile data",
    );
    root(
        &serialise(&[entry(0, 0, u32::MAX, 1)]),
        "a tile outside the tile data",
    );
    root(
        &serialise(&[entry(0, 0, 4, 0)]),
        "outside the leaf directories",
    );
    root(
        &serialise(&[entry(first_past_the_last(), 0, 4, 1)]),
        "below zoom 30",
    );
    root(&serialise(&[entry(u64::MAX - 1, 0, 4, 1)]), "below zoom 30");
    // Thousands of millions of tiles in one entry.
    root(&serialise(&[entry(0, 0, 4, u32::MAX)]), "too many to list");
    let mut many = vec![entry(0, 0, 4, u32::MAX)];
    many.push(entry(1 << 40, 0, 4, u32::MAX));
    root(&serialise(&many), "too many to list");
}

#[test]
fn leaves_that_make_no_sense_are_told() {
    let check = |root: &[Entry], leaves: Vec<u8>, said: &str| {
        let parts = Parts {
            root: serialise(root),
            leaves,
            ..Parts::default()
        };
        refused(&parts.file(), said);
    };
    // A leaf that points at itself.
    let mut round = serialise(&[entry(0, 0, 5, 0)]);
    assert_eq!(round.len(), 5);
    check(
        &[entry(0, 0, 5, 0)],
        round.clone(),
        "more than 4 directories",
    );
    // One that the root points at twice.
    let leaf = serialise(&[entry(0, 0, 4, 1)]);
    let twice = [entry(0, 0, 5, 0), entry(9, 0, 5, 0)];
    check(&twice, leaf.clone(), "does not begin where the root says");
    // One that goes on behind the next.
    let wide = serialise(&[entry(0, 0, 4, 20)]);
    let next = serialise(&[entry(9, 0, 4, 1)]);
    let root = [entry(0, 0, 5, 0), entry(9, 5, 5, 0)];
    check(&root, [wide, next].concat(), "out of order");
    check(
        &[entry(0, 1, 5, 0)],
        leaf.clone(),
        "outside the leaf directories",
    );
    check(
        &[entry(0, 0, 1, 0)],
        vec![0],
        "does not begin where the root says",
    );
    check(&[entry(0, 0, 3, 0)], leaf, "cut off");
    round.truncate(0);
    check(&[entry(0, 0, 5, 0)], round, "outside the leaf directories");
}

#[test]
fn what_unpacks_to_more_than_it_may_is_told() {
    let bomb = gzip::pack(&vec![0; 17 << 20]);
    assert!(bomb.len() < 20_000);
    let parts = Parts {
        root: bomb,
        change: |header| header.internal = Compression::Gzip,
        ..Parts::default()
    };
    refused(&parts.file(), "bytes when unpacked");
    // A length at the end of gzip data that is not true, too long and too short.
    for told in [u32::MAX, 1, 0] {
        let mut packed = gzip::pack(&serialise(&[entry(0, 0, 4, 1)]));
        let end = packed.len() - 4;
        packed[end..].copy_from_slice(&told.to_le_bytes());
        let parts = Parts {
            root: packed,
            change: |header| header.internal = Compression::Gzip,
            ..Parts::default()
        };
        refused(&parts.file(), "a directory with damaged gzip data");
    }
}

#[test]
fn metadata_that_are_no_json_object_are_told() {
    for metadata in [&b"[]"[..], b"{", b"\xff\xfe"] {
        let parts = Parts {
            metadata: metadata.to_vec(),
            ..Parts::default()
        };
        refused(&parts.file(), "not a JSON object");
    }
    let silent = Parts {
        metadata: Vec::new(),
        ..Parts::default()
    };
    assert!(read_file(&silent.file(), &[0]).is_ok());
}

/// What may happen to a file on its way.
#[derive(Debug, Clone)]
enum Damage {
    Set(usize, u8),
    Truncate(usize),
    Insert(usize, u8),
}

fn any_damage() -> impl Strategy<Value = Vec<Damage>> {
    // Most of it where the header and the directories are.
    let at = prop_oneof![3 => 0usize..300, 1 => 0usize..5000];
    let one = prop_oneof![
        8 => (at.clone(), any::<u8>()).prop_map(|(at, to)| Damage::Set(at, to)),
        1 => at.clone().prop_map(Damage::Truncate),
        1 => (at, any::<u8>()).prop_map(|(at, to)| Damage::Insert(at, to)),
    ];
    proptest::collection::vec(one, 1..6)
}

fn damaged(mut file: Vec<u8>, damage: &[Damage]) -> Vec<u8> {
    for step in damage {
        match *step {
            Damage::Set(at, to) => {
                if let Some(byte) = file.get_mut(at) {
                    *byte = to;
                }
            }
            Damage::Truncate(at) => file.truncate(at),
            Damage::Insert(at, what) => file.insert(at.min(file.len()), what),
        }
    }
    file
}

/// An archive with two leaves of two leaves, nothing compressed, so that damage gets to the numbers.
fn deep() -> Vec<u8> {
    let leaf = |first: u64| {
        let entries: Vec<Entry> = (0..5).map(|n| entry(first + 2 * n, n, 4, 1)).collect();
        serialise(&entries)
    };
    let lows: Vec<Vec<u8>> = [0, 10, 20, 30].map(leaf).into();
    let place = |n: usize| lows[..n].iter().map(Vec::len).sum::<usize>() as u64;
    let pointer = |n: usize| entry(10 * n as u64, place(n), lows[n].len() as u32, 0);
    let middles = [0, 2].map(|n| serialise(&[pointer(n), pointer(n + 1)]));
    let at = place(4);
    let root = [
        entry(0, at, middles[0].len() as u32, 0),
        entry(20, at + middles[0].len() as u64, middles[1].len() as u32, 0),
    ];
    Parts {
        root: serialise(&root),
        leaves: [lows.concat(), middles.concat()].concat(),
        data: b"12345678".to_vec(),
        ..Parts::default()
    }
    .file()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn damage_is_told_or_harmless(damage in any_damage(), is_deep: bool) {
        let file = if is_deep { deep() } else { Parts::default().file() };
        let ids: Vec<u64> = (0..40).collect();
        if let Err(told) = read_file(&damaged(file, &damage), &ids) {
            prop_assert_eq!(told.kind(), Kind::Input);
            prop_assert!(told.to_string().contains("t.pmtiles: "), "{}", told);
        }
    }
}

#[test]
fn the_deep_archive_is_sound() {
    let (tiles, _) = read_file(&deep(), &[0, 38]).unwrap();
    assert_eq!(tiles.len(), 20);
}

/// An audit goes on after a fault; all the same it comes to an end, and keeps what fits the memory.
#[test]
fn audits_of_endless_directories_end() {
    let folder = tempfile::tempdir().unwrap();
    let look = |parts: &Parts| {
        let path = folder.path().join("t.pmtiles");
        fs::write(&path, parts.file()).unwrap();
        super::super::audit(&path, &mut || Ok(())).unwrap()
    };
    // The same leaf again and again, each time where it does not belong.
    let many: Vec<Entry> = (0..100_000).map(|k| entry(k, k, 1, 1)).collect();
    let leaf = serialise(&many);
    let again: Vec<Entry> = (0..100_000)
        .map(|k| entry(k, 0, leaf.len() as u32, 0))
        .collect();
    let found = look(&Parts {
        root: serialise(&again),
        leaves: leaf,
        ..Parts::default()
    });
    let last = found.faults.last().unwrap();
    assert_eq!(last.found, "lies over another one");
    assert!(found.n_left_out > 0);
    assert_eq!(found.tiles, None);
    // More entries than are kept, of which packing leaves next to nothing.
    let half = |first: u64| -> Vec<u8> {
        let entries: Vec<Entry> = (first..first + (1 << 21) + 1)
            .map(|id| entry(id, 0, 1, 1))
            .collect();
        super::super::gzip::pack(&serialise(&entries))
    };
    let (low, high) = (half(0), half(1 << 22));
    let root = serialise(&[
        entry(0, 0, low.len() as u32, 0),
        entry(1 << 22, low.len() as u64, high.len() as u32, 0),
    ]);
    let found = look(&Parts {
        root: super::super::gzip::pack(&root),
        metadata: Vec::new(),
        leaves: [low, high].concat(),
        change: |header| header.internal = Compression::Gzip,
        ..Parts::default()
    });
    let said: Vec<_> = found.faults.iter().map(|fault| &*fault.found).collect();
    assert_eq!(said, ["more than 4194304 entries"]);
    assert_eq!(found.tiles, None);
}
