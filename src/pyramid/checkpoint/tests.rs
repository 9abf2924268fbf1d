use std::sync::Arc;

use serde_json::json;

use super::super::emit::Emitted;
use super::super::node::Node;
use super::*;
use crate::archive::Digest;
use crate::encode::Fit;
use crate::raster::{Raster, SampleType};

const SHAPE: Shape = Shape {
    tile_size_px: 8,
    bands: 3,
    sample_type: SampleType::U8,
};

fn facts(quality: u32) -> Facts {
    let quality = ("--quality".to_owned(), json!(quality));
    let source = ("source a.tif".to_owned(), json!("12 bytes, changed at 5.0"));
    Facts::new([quality, source])
}

fn tile(z: u8, x: u32, y: u32) -> TileCoord {
    TileCoord::new(z, x, y)
}

fn emitted(tile: TileCoord, data: &Arc<[u8]>, fit: Fit) -> Emitted {
    Emitted {
        tile,
        data: Arc::clone(data),
        digest: Digest::of(data),
        fit,
    }
}

/// A shard with tiles of equal bytes, and a long one.
fn shard(sample_type: SampleType, seed: usize) -> Kept {
    let ocean: Arc<[u8]> = Arc::from(&b"ocean"[..]);
    let long: Arc<[u8]> = (0..20_000).map(|k| (k * seed) as u8).collect();
    let mut raster = Raster::empty(4, 4, 3, sample_type);
    for k in 0..raster.samples.len() {
        raster.set_sample(k, (k * seed % 200) as f64);
    }
    for (k, mask) in raster.mask.iter_mut().enumerate() {
        *mask = (k * 16) as u8;
    }
    Kept {
        tiles: vec![
            emitted(tile(5, 2, 2), &ocean, Fit::Fits),
            emitted(tile(5, 3, 2), &long, Fit::TooLarge),
            emitted(tile(5, 3, 3), &ocean, Fit::Fits),
        ],
        root: Node::Block(raster),
        looked_at: 17,
        beyond: seed.is_multiple_of(2),
    }
}

/// What there is to compare of one.
fn told(kept: &Kept) -> String {
    let tile = |tile: &Emitted| (tile.tile, tile.data.to_vec(), tile.digest, tile.fit);
    let tiles: Vec<_> = kept.tiles.iter().map(tile).collect();
    format!(
        "{:?} {:?} {} {}",
        tiles, kept.root, kept.looked_at, kept.beyond
    )
}

#[test]
fn a_shard_comes_back_as_it_was() {
    let key = facts(75).digest();
    for sample_type in [
        SampleType::U8,
        SampleType::U16,
        SampleType::F32,
        SampleType::F64,
    ] {
        let shape = Shape {
            sample_type,
            ..SHAPE
        };
        let kept = shard(sample_type, 7);
        let bytes = kept.write(&key, tile(4, 1, 1));
        let read = Kept::read(&bytes, &key, tile(4, 1, 1), shape).unwrap();
        assert_eq!(told(&read), told(&kept));
        let data: Vec<_> = read.tiles.iter().map(|tile| &tile.data).collect();
        assert!(Arc::ptr_eq(data[0], data[2]), "stored once");
    }
    for root in [Node::Empty, Node::new(SHAPE.empty(4)), {
        let mut solid = SHAPE.empty(4);
        solid.samples = crate::raster::Samples::U8([7, 0, 255].repeat(16));
        solid.mask.fill(255);
        Node::new(solid)
    }] {
        let kept = Kept {
            tiles: Vec::new(),
            root,
            looked_at: 0,
            beyond: false,
        };
        let bytes = kept.write(&key, tile(0, 0, 0));
        let read = Kept::read(&bytes, &key, tile(0, 0, 0), SHAPE).unwrap();
        assert_eq!(told(&read), told(&kept));
    }
}

#[test]
fn what_is_damaged_or_of_something_else_is_not_a_shard() {
    let (key, root) = (facts(75).digest(), tile(4, 1, 1));
    let bytes = shard(SampleType::U8, 3).write(&key, root);
    assert!(Kept::read(&bytes, &key, root, SHAPE).is_some());
    assert!(Kept::read(&bytes, &facts(80).digest(), root, SHAPE).is_none());
    assert!(Kept::read(&bytes, &key, tile(4, 1, 2), SHAPE).is_none());
    for n in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        assert!(
            Kept::read(&bytes[..n], &key, root, SHAPE).is_none(),
            "{n} bytes"
        );
        let mut flipped = bytes.clone();
        flipped[n] ^= 0x10;
        assert!(
            Kept::read(&flipped, &key, root, SHAPE).is_none(),
            "byte {n}"
        );
    }
    // With the right sum whatever is wrong must be told all the same.
    for n in (0..bytes.len() - 4).step_by(13) {
        let mut cut = bytes[..n].to_vec();
        let mut crc = libdeflater::Crc::new();
        crc.update(&cut);
        cut.extend(crc.sum().to_le_bytes());
        assert!(Kept::read(&cut, &key, root, SHAPE).is_none(), "{n} bytes");
    }
}

#[test]
fn facts_that_differ_are_named() {
    let differences = facts(75).differences(&facts(80));
    assert_eq!(differences, ["--quality was 75, is 80"]);
    let gone = Facts::new([("--quality".to_owned(), json!(75))]);
    assert_eq!(
        facts(75).differences(&gone),
        ["source a.tif was 12 bytes, changed at 5.0, is nothing"]
    );
    assert!(facts(75).differences(&facts(75)).is_empty());
    assert_ne!(facts(75).digest(), facts(80).digest());
    let (read, zoom) = Facts::read(&facts(75).write(9)).unwrap();
    assert_eq!((read, zoom), (facts(75), 9));
    for text in [&b""[..], b"{}", b"{\"schema\":\"azulejo-bake/0\"}", b"\xff"] {
        assert!(Facts::read(text).is_none());
    }
}

#[test]
fn shards_are_kept_and_taken_by_a_run_of_the_same_facts() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("x");
    let (root, other) = (tile(4, 1, 1), tile(4, 1, 2));
    let first = Checkpoint::resume(&place, facts(75)).unwrap();
    assert_eq!(first.shard_zoom(), None);
    assert!(!place.exists(), "nothing is kept yet");
    first.keep(root, 4, &shard(SampleType::U8, 7), 1000);
    assert_eq!(first.shards().kept, 1);
    let busy = Checkpoint::resume(&place, facts(75)).unwrap_err();
    assert_eq!(busy.kind(), Kind::Retry);
    drop(first);

    let refused = Checkpoint::resume(&place, facts(80)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Usage);
    assert!(refused.to_string().contains("--quality was 75, is 80"));

    let second = Checkpoint::resume(&place, facts(75)).unwrap();
    assert_eq!(second.shard_zoom(), Some(4));
    let taken = second.take(root, SHAPE).unwrap();
    assert_eq!(told(&taken), told(&shard(SampleType::U8, 7)));
    assert!(second.take(other, SHAPE).is_none());
    second.finish().unwrap();
    drop(second);
    assert!(!place.exists());
}

#[test]
fn a_run_that_begins_anew_removes_what_was_there_and_waits_before_it_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("x");
    let first = Checkpoint::resume(&place, facts(75)).unwrap();
    first.keep(tile(4, 1, 1), 4, &shard(SampleType::U8, 7), 0);
    drop(first);
    std::fs::write(place.join("mine.txt"), "stays").unwrap();

    let hour = Duration::from_secs(3600);
    let second = Checkpoint::begin(&place, facts(75), hour).unwrap();
    assert_eq!(second.shards().removed, 1);
    assert!(second.take(tile(4, 1, 1), SHAPE).is_none());
    second.keep(tile(4, 1, 1), 4, &shard(SampleType::U8, 7), 0);
    assert_eq!(second.shards().kept, 0);
    drop(second);
    let left: Vec<_> = std::fs::read_dir(&place).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "only what is not ours");
}

#[test]
fn what_may_have_holes_and_what_the_disk_has_no_room_for_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("x");
    let checkpoint = Checkpoint::resume(&place, facts(75)).unwrap();
    let checkpoint = checkpoint.keeping_if(|| false);
    checkpoint.keep(tile(4, 1, 1), 4, &shard(SampleType::U8, 7), 0);
    assert_eq!((checkpoint.shards().kept, checkpoint.failure()), (0, None));
    let checkpoint = checkpoint.keeping_if(|| true);
    checkpoint.keep(tile(4, 1, 1), 4, &shard(SampleType::U8, 7), u64::MAX);
    assert_eq!(checkpoint.shards().kept, 0);
    assert!(checkpoint.failure().unwrap().contains("room"));
    // And nothing after it.
    checkpoint.keep(tile(4, 1, 2), 4, &shard(SampleType::U8, 7), 0);
    assert_eq!(checkpoint.shards().kept, 0);
    drop(checkpoint);
    assert!(!place.exists(), "nobody could go on with it");
}
