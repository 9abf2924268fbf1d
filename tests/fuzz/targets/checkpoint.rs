//! What a bake that was cut off has left: any bytes as a finished shard, and any JSON as what says what is baked.

use std::fs;

use azulejo::error::Kind;
use azulejo::geo::tile::TileCoord;
use azulejo::pyramid::checkpoint::{Checkpoint, Facts, read_again};
use azulejo::pyramid::node::Shape;
use azulejo::raster::SampleType;
use libdeflater::Crc;
use serde_json::{Map, Value};

use super::scratch;

/// The sum of the facts, which is compared and nothing else.
const KEY: [u8; 32] = *b"what thirty-two bytes stand for.";

pub fn run(bytes: &[u8]) {
    match bytes.split_first() {
        Some((&0, text)) => about(text),
        Some((&shape, body)) => shard(shape, body),
        None => {}
    }
}

/// Of a shard: any tile.
const ROOT: u64 = 60;

/// As it stands in the file.
fn address(tile: TileCoord) -> Vec<u8> {
    let (x, y) = (tile.x().to_le_bytes(), tile.y().to_le_bytes());
    [&[tile.z()], &x[..], &y[..]].concat()
}

/// A shard that is read is one that is written as it was read.
fn shard(shape: u8, body: &[u8]) {
    let shape = Shape {
        tile_size_px: [1, 2, 16][usize::from(shape) % 3],
        bands: usize::from(shape >> 2) % 4 + 1,
        sample_type: [SampleType::U8, SampleType::F32, SampleType::F64]
            [usize::from(shape >> 4) % 3],
    };
    let root = TileCoord::from_pmtiles_id(ROOT).expect("a tile of zoom 3");
    let mut file = [
        &b"azulejo shard 1\n"[..],
        &KEY,
        &[3, 5, 0, 0, 0, 2, 0, 0, 0],
        body,
    ]
    .concat();
    // Without its sum nothing would get any further.
    let mut crc = Crc::new();
    crc.update(&file);
    file.extend(crc.sum().to_le_bytes());
    let read = |file: &[u8], key| read_again(file, &key, root, shape);
    if let Some(once) = read(&file, KEY) {
        assert_eq!(read(&once, KEY).as_ref(), Some(&once));
        assert_eq!(read(&once, [0; 32]), None);
        for at in [0, once.len() / 2, once.len() - 1] {
            let mut damaged = once.clone();
            damaged[at] ^= 1;
            assert_eq!(read(&damaged, KEY), None);
        }
    }
}

/// Facts come back as they were written, differ in nothing from themselves, and what is none is no reason to fail.
fn about(text: &[u8]) {
    let folder = scratch::empty("resume");
    fs::write(folder.join("bake.json"), text).expect("a file in a folder of ours");
    let members: Map<String, Value> = serde_json::from_slice(text).unwrap_or_default();
    let facts = Facts::new(members);
    let file = facts.write(7);
    let (again, shard_zoom) = Facts::read(&file).expect("what ours wrote");
    assert_eq!((&again, shard_zoom), (&facts, 7));
    assert_eq!(facts.differences(&again), Vec::<String>::new());
    match Checkpoint::resume(&folder, facts) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), Kind::Usage, "{error}"),
    }
}
