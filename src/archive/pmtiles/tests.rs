//! What only PMTiles archives have; the suite that all containers share is in `archive/tests`.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod hostile;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom};

use proptest::prelude::*;

use super::directory::{find, parse, put_varint, serialise, take_varint};
use super::*;
use crate::archive::{
    DEFAULT_VERSION, MbtilesOptions, Overwrite, Published, RemoteOptions, RowScheme, TilesetKind,
    open_sink, open_store,
};
use crate::encode::Format;
use crate::error::Kind;
use crate::geo::bounds::Bounds;

type Tiles = BTreeMap<u64, Vec<u8>>;

fn entry(id: u64, offset: u64, length: u32, run: u32) -> Entry {
    Entry {
        id,
        offset,
        length,
        run,
    }
}

fn tile(id: u64) -> TileCoord {
    TileCoord::from_pmtiles_id(id).unwrap()
}

fn options() -> SinkOptions {
    SinkOptions {
        overwrite: Overwrite::Replace,
        rows: RowScheme::Xyz,
        format: Format::Webp,
        matrix_roots: (1, 1),
        mbtiles: MbtilesOptions::default(),
        hosts: Vec::new(),
        remote: RemoteOptions::default(),
    }
}

fn metadata() -> Metadata {
    Metadata {
        name: "Azulejos".into(),
        description: None,
        attribution: None,
        kind: TilesetKind::Overlay,
        version: DEFAULT_VERSION.into(),
        format: Format::Webp,
        bounds: Bounds::new(-9.25, 38.5, -9.0, 38.8125),
        center: (-9.125, 38.65625, 2),
        zoom_min: 0,
        zoom_max: MAX_ZOOM,
        tile_size_px: 512,
        scheme_id: "WebMercatorQuad".into(),
        matrix_roots: (1, 1),
        extra: Vec::new(),
    }
}

/// Bakes tiles in the order of their ids: any order in which each zoom ascends is as good as post-order.
fn bake(path: &Path, tiles: &Tiles) -> Published {
    let mut sink = open_sink(path, &options()).unwrap();
    for (&id, data) in tiles {
        sink.write(tile(id), data, Digest::of(data)).unwrap();
    }
    sink.finish(&metadata()).unwrap().publish().unwrap()
}

/// Reads an archive by hand, without the store: its header, all entries of its tiles, its tiles; and checks what its
/// specification wants of them.
fn inspect(path: &Path) -> (Header, Vec<Entry>, Tiles) {
    let file = fs::read(path).unwrap();
    let header = Header::parse(&file).unwrap();
    let cut = |at: Section| &file[at.offset as usize..at.end() as usize];
    assert!(header.root.end() < 16_384);
    assert_eq!(header.data.end(), file.len() as u64);
    let directory = |at: Section| parse(&gzip::unpack(cut(at), 1 << 24).unwrap()).unwrap();
    let mut entries = Vec::new();
    for found in directory(header.root) {
        if found.run > 0 {
            entries.push(found);
            continue;
        }
        let leaf = header.leaves.part(found.offset, found.length.into());
        let leaf = directory(leaf.unwrap());
        assert_eq!(leaf[0].id, found.id);
        entries.extend(leaf);
    }
    let (mut tiles, mut end, mut n_contents) = (Tiles::new(), 0, 0);
    for pair in entries.windows(2) {
        assert!(pair[0].end().unwrap() <= pair[1].id, "ids rise");
    }
    for found in &entries {
        assert!(found.offset <= end, "clustered: further on, or back");
        if found.offset == end {
            end += u64::from(found.length);
            n_contents += 1;
        }
        let data = header.data.part(found.offset, found.length.into()).unwrap();
        for id in found.id..found.end().unwrap() {
            tiles.insert(id, cut(data).to_vec());
        }
    }
    assert!(header.clustered);
    assert_eq!(header.data.bytes, end);
    assert_eq!(header.n_contents, n_contents);
    assert_eq!(header.n_entries, entries.len() as u64);
    assert_eq!(header.n_addressed, tiles.len() as u64);
    (header, entries, tiles)
}

/// All tiles, as the store reads them.
fn read_all(path: &Path) -> Tiles {
    let mut store = open_store(path).unwrap();
    let tiles = store.tiles().unwrap();
    let ids: Vec<u64> = tiles.iter().map(|tile| tile.pmtiles_id()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    ids.into_iter()
        .map(|id| (id, store.read(tile(id)).unwrap().unwrap()))
        .collect()
}

#[test]
fn varints_are_those_of_the_specification() {
    let mut bytes = &[0x00, 0x01, 0x7f, 0xe5, 0x8e, 0x26][..];
    for expected in [0, 1, 127, 624_485] {
        assert_eq!(take_varint(&mut bytes), Some(expected));
    }
    assert_eq!(take_varint(&mut bytes), None);
    let mut largest = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f][..];
    assert_eq!(take_varint(&mut largest), Some((1 << 53) - 1));
    let too_large = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert_eq!(take_varint(&mut &too_large[..]), None);
    assert_eq!(take_varint(&mut &[0x80; 11][..]), None);
}

#[test]
fn entries_are_found_as_the_specification_says() {
    let rows: [(&[Entry], u64, Option<u64>); 8] = [
        (&[entry(100, 1, 1, 1)], 101, None),
        (&[entry(100, 1, 1, 1)], 99, None),
        (&[entry(3, 3, 1, 2), entry(5, 5, 1, 2)], 4, Some(3)),
        (&[entry(3, 3, 1, 2), entry(5, 5, 1, 2)], 7, None),
        (&[entry(100, 1, 1, 1), entry(150, 2, 2, 2)], 151, Some(2)),
        (&[entry(50, 1, 1, 2), entry(100, 2, 2, 1)], 51, Some(1)),
        (&[entry(100, 1, 1, 0)], 150, Some(1)),
        (&[], 0, None),
    ];
    for (entries, id, expected) in rows {
        let found = find(entries, id).map(|entry| entry.offset);
        assert_eq!(found, expected, "{id} in {entries:?}");
    }
}

#[test]
fn a_directory_is_columns_of_varints() {
    let entries = [
        entry(5, 0, 300, 1),
        entry(6, 300, 7, 1),
        entry(300, 0, 300, 3),
    ];
    #[rustfmt::skip]
    let bytes = [
        3,
        5, 1, 0xa6, 0x02,
        1, 1, 3,
        0xac, 0x02, 7, 0xac, 0x02,
        1, 0, 1,
    ];
    assert_eq!(serialise(&entries), bytes);
    assert_eq!(parse(&bytes), Ok(entries.to_vec()));
}

#[test]
fn numbers_in_a_header_are_where_the_specification_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.pmtiles");
    bake(&path, &[(0, vec![9; 5]), (2, vec![8; 70])].into());
    let file = fs::read(&path).unwrap();
    assert_eq!(&file[..8], b"PMTiles\x03");
    let number = |at: usize| u64::from_le_bytes(*file[at..].first_chunk().unwrap());
    let degrees = |at: usize| i32::from_le_bytes(*file[at..].first_chunk().unwrap());
    assert_eq!(number(8), 127, "the root follows the header");
    assert_eq!(number(24), 127 + number(16), "the metadata follow");
    assert_eq!(number(40), number(24) + number(32));
    assert_eq!(number(48), 0, "no leaves");
    assert_eq!((number(56), number(64)), (number(40), 75));
    assert_eq!([72, 80, 88].map(number), [2, 2, 2]);
    // Clustered; gzip inside, tiles as they are, WebP; zooms.
    assert_eq!(file[96..102], [1, 2, 1, 4, 0, 30]);
    assert_eq!(
        [102, 106, 110, 114].map(degrees),
        [-92_500_000, 385_000_000, -90_000_000, 388_125_000]
    );
    assert_eq!(
        (file[118], degrees(119), degrees(123)),
        (2, -91_250_000, 386_562_500)
    );
    let json = &file[number(24) as usize..number(40) as usize];
    let json = gzip::unpack(json, 1000).unwrap();
    assert_eq!(
        String::from_utf8(json).unwrap(),
        r#"{"name":"Azulejos","type":"overlay","version":"1.0.0","tileSize":"512"}"#
    );
}

#[test]
fn many_tiles_are_listed_in_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.pmtiles");
    // Lengths that cannot be guessed, so that directories are long.
    let length = |id: u64| 8 + (id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize;
    let data = |id: u64| {
        id.to_le_bytes()
            .into_iter()
            .cycle()
            .take(length(id))
            .collect()
    };
    let n = u64::from(u16::MAX);
    let tiles: Tiles = (0..n)
        .map(|at| at * at / 1000 + at)
        .map(|id| (id, data(id)))
        .collect();
    bake(&path, &tiles);
    let (header, entries, found) = inspect(&path);
    assert!(header.leaves.bytes > 0);
    assert_eq!(entries.len() as u64, n);
    assert!(found == tiles);
    assert!(read_all(&path) == tiles);
    let mut store = open_store(&path).unwrap();
    // Across leaves and back, and between tiles.
    for id in [n * n / 1000, 0, 5_000_000, 70, 3_141_592] {
        assert_eq!(
            store.read(tile(id)).unwrap(),
            tiles.get(&id).cloned(),
            "{id}"
        );
    }
}

#[test]
fn leaves_grow_until_the_root_can_hold_them() {
    let folder = tempfile::tempdir().unwrap();
    let claim = Place::claim(&folder.path().join("t"), Overwrite::Refuse, |_| Ok(()));
    let mut common = Common::new(claim.unwrap());
    let mut zooms: Vec<Zoom> = (0..=9).map(|_| Zoom::default()).collect();
    let n = first_id(10);
    // More than a zoom keeps in memory, of lengths and with holes that cannot be guessed.
    let random = |id: u64| {
        let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40
    };
    let is_there = |id: &u64| random(*id) % 3 != 1;
    for id in (0..n).filter(is_there) {
        let tile = tile(id);
        let data = random(id)
            .to_le_bytes()
            .repeat(1 + random(id) as usize % 100);
        zooms[usize::from(tile.z())]
            .add(tile, (&data, Digest::of(&data)), &mut common)
            .unwrap();
    }
    for zoom in &mut zooms {
        zoom.close(&mut common).unwrap();
    }
    let mut expected = Vec::new();
    let mut note = |entry| {
        expected.push(entry);
        Ok(())
    };
    give_all(&zooms, &mut common, &mut note).unwrap();
    assert!(
        expected
            .iter()
            .map(|entry| entry.id)
            .eq((0..n).filter(is_there))
    );
    let Directories { root, leaves } = Directories::in_leaves(&zooms, &mut common, 2).unwrap();
    let (root, mut leaves) = (gzip::unpack(&root, 1 << 24).unwrap(), leaves.unwrap());
    let root = parse(&root).unwrap();
    let found: Vec<Entry> = root
        .iter()
        .flat_map(|leaf| {
            let packed = leaves.read(leaf.offset, leaf.length as usize).unwrap();
            parse(&gzip::unpack(&packed, 1 << 24).unwrap()).unwrap()
        })
        .collect();
    assert!(found == expected);
    let first = leaves.read(0, root[0].length as usize).unwrap();
    let first = parse(&gzip::unpack(&first, 1 << 24).unwrap()).unwrap();
    assert!(first.len() > 2 && first.len() < 100, "{}", first.len());
}

#[test]
fn equal_tiles_of_a_zoom_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.pmtiles");
    let (sea, land) = (vec![1; 100], vec![2; 120]);
    let long = |byte: u8| vec![byte; 20_000];
    // Zoom 3 begins at 21. A long tile is found only where it is the last of its length.
    let tiles: Tiles = [
        (0, sea.clone()),
        (21, sea.clone()),
        (22, sea.clone()),
        (23, land.clone()),
        (24, sea.clone()),
        (26, sea.clone()),
        (30, long(3)),
        (31, long(3)),
        (32, sea.clone()),
        (33, long(3)),
        (34, long(4)),
        (35, long(3)),
    ]
    .into();
    bake(&path, &tiles);
    let (header, entries, found) = inspect(&path);
    assert!(found == tiles);
    let expected = [
        entry(0, 0, 100, 1),
        entry(21, 100, 100, 2),
        entry(23, 200, 120, 1),
        entry(24, 100, 100, 1),
        entry(26, 100, 100, 1),
        entry(30, 320, 20_000, 2),
        entry(32, 100, 100, 1),
        entry(33, 320, 20_000, 1),
        entry(34, 20_320, 20_000, 1),
        entry(35, 40_320, 20_000, 1),
    ];
    assert_eq!(entries, expected);
    assert_eq!((header.n_addressed, header.n_contents), (12, 6));
    assert!(read_all(&path) == tiles);
}

#[test]
fn the_same_tiles_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let tiles: Tiles = (0..2000).map(|id| (id * 3, vec![id as u8; 50])).collect();
    let bakes = ["a.pmtiles", "b.pmtiles"].map(|name| bake(&folder.path().join(name), &tiles));
    assert_eq!(bakes[0].sha256, bakes[1].sha256);
    assert_eq!(bakes[0].bytes, fs::metadata(&bakes[0].path).unwrap().len());
}

#[test]
fn an_archive_without_tiles_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sink = open_sink(&folder.path().join("t.pmtiles"), &options()).unwrap();
    let told = sink.finish(&metadata()).map(drop).unwrap_err();
    assert_eq!(told.kind(), Kind::Output);
    assert!(told.to_string().contains("no tiles; expected one at least"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn tiles_that_do_not_ascend_within_a_zoom_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (second, said) in [(7, "written twice"), (6, "out of order")] {
        let mut sink = open_sink(&folder.path().join("t.pmtiles"), &options()).unwrap();
        sink.write(tile(7), b"one", None).unwrap();
        // Another zoom does not matter.
        sink.write(tile(1), b"one", None).unwrap();
        let told = sink.write(tile(second), b"one", None).unwrap_err();
        assert_eq!(told.kind(), Kind::Internal);
        assert!(told.to_string().contains(said), "{told}");
    }
}

#[test]
fn what_is_spooled_is_moved_in_steps_from_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let place = Place::claim(&path, Overwrite::Refuse, |_| Ok(())).unwrap();
    let mut spool = Spool::create(&place).unwrap();
    let data: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
    spool.append(b"forgotten").unwrap();
    spool.clear().unwrap();
    for part in data.chunks(70_001) {
        spool.append(part).unwrap();
    }
    assert_eq!(spool.read(123_456, 1000).unwrap(), data[123_456..][..1000]);
    assert_eq!(spool.bytes(), data.len() as u64);
    let mut file = File::create_new(&path).unwrap();
    file.write_all(b"before").unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    spool.move_into_by(&mut file, 6, 99_999).unwrap();
    assert!(fs::read(&path).unwrap() == [b"before", &data[..]].concat());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Tiles of some zooms, near each other and far, many of them equal, short and long.
fn any_tiles() -> impl Strategy<Value = Tiles> {
    let near = (0u64..400, 0u64..4).prop_map(|(id, zoom)| match zoom {
        0 => id,
        zoom => (1 << (9 * zoom + 3)) + id,
    });
    let id = prop_oneof![4 => near, 1 => 0..first_past_the_last()];
    let data = prop_oneof![
        6 => (0u8..3).prop_map(|colour| vec![colour; 60]),
        3 => proptest::collection::vec(any::<u8>(), 1..300),
        1 => (0u8..2).prop_map(|colour| vec![colour; 9000]),
    ];
    proptest::collection::btree_map(id, data, 1..200)
}

fn first_past_the_last() -> u64 {
    first_id(MAX_ZOOM + 1)
}

/// The id of the first tile of a zoom.
fn first_id(z: u8) -> u64 {
    ((1u64 << (2 * u32::from(z))) - 1) / 3
}

fn any_entries() -> impl Strategy<Value = Vec<Entry>> {
    let step = (
        0u64..1 << 40,
        0u32..5,
        1u32..,
        prop_oneof![Just(None), (0u64..1 << 50).prop_map(Some)],
    );
    proptest::collection::vec(step, 0..100).prop_map(|steps| {
        let mut entries: Vec<Entry> = Vec::new();
        for (gap, run, length, place) in steps {
            let last = entries.last();
            let id = last.map_or(0, |last| last.end().unwrap()) + gap;
            let behind = last.map_or(0, |last| last.offset + u64::from(last.length));
            entries.push(entry(id, place.unwrap_or(behind), length, run));
        }
        entries
    })
}

proptest! {
    #[test]
    fn any_tiles_come_back(tiles in any_tiles()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.pmtiles");
        prop_assert_eq!(bake(&path, &tiles).n_tiles, tiles.len() as u64);
        let (_, _, found) = inspect(&path);
        prop_assert!(found == tiles);
        prop_assert!(read_all(&path) == tiles);
    }

    #[test]
    fn any_directory_comes_back(entries in any_entries()) {
        prop_assert_eq!(parse(&serialise(&entries)), Ok(entries));
    }

    #[test]
    fn any_number_comes_back(value in any::<u64>(), shift in 0u32..64) {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, value >> shift);
        prop_assert_eq!(take_varint(&mut &bytes[..]), Some(value >> shift));
    }

    #[test]
    fn any_bytes_come_back_from_gzip(data in proptest::collection::vec(0u8..4, 0..3000), limit in 0usize..3000) {
        let unpacked = gzip::unpack(&gzip::pack(&data), limit);
        if data.len() <= limit {
            prop_assert_eq!(unpacked, Ok(data));
        } else {
            prop_assert!(unpacked.unwrap_err().contains("more than"));
        }
    }
}
