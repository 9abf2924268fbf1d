//! States come back as they were written, and nothing else is taken for one.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::*;
use crate::error::Kind;
use crate::pyramid::checkpoint::Facts;

fn record(k: u8) -> Record {
    Record {
        root: TileCoord::new(7, u32::from(k), 3),
        key: [k; 16],
        tiles: [k + 1; 16],
        looked_at: 80 + u64::from(k),
        beyond: k % 2 == 1,
        node: Packed::new(&node(k)).unwrap(),
    }
}

fn node(k: u8) -> Vec<u8> {
    (0..5000).map(|n| (n / 50) as u8 ^ k).collect()
}

fn about() -> About {
    About {
        facts: Facts::new([("--quality".to_owned(), json!(75))]),
        sources: vec![
            ("a.tif".into(), "7 bytes".into()),
            ("b.tif".into(), "8".into()),
        ],
        frozen: json!([{ "n_pixels": u64::MAX }]),
    }
}

fn write(path: &Path) {
    let mut writer = Writer::create(path).unwrap();
    (0..9).for_each(|k| writer.write(&record(k)).unwrap());
    writer.finish(&about()).unwrap().publish().unwrap();
    assert!(writer.finish(&about()).is_err());
}

#[test]
fn what_was_written_down_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.azulejo-state");
    write(&path);
    write(&path);
    let state = StateFile::open(&path).unwrap();
    assert_eq!(*state.about(), about());
    assert_eq!(state.shard_zoom(), Some(7));
    for k in 0..9 {
        let record = record(k);
        let place = state.find(record.root).unwrap();
        assert_eq!((place.key, place.tiles), (record.key, record.tiles));
        let counted = (place.looked_at, place.beyond);
        assert_eq!(counted, (record.looked_at, record.beyond));
        assert_eq!(state.node(place), Some(record.node));
        assert_eq!(state.node(place).unwrap().node(), Some(node(k)));
    }
    assert!(state.find(TileCoord::new(7, 9, 3)).is_none());
}

#[test]
fn damage_is_found_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.azulejo-state");
    write(&path);
    let whole = fs::read(&path).unwrap();
    let all_as_written = |state: &StateFile| {
        (0..9).all(|k| {
            let place = state.find(record(k).root);
            let node = place.and_then(|place| state.node(place));
            node == Some(record(k).node)
        })
    };
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, damaged).unwrap();
        // The first bytes only tell other programs what it is.
        let found = match StateFile::open(&path) {
            Ok(state) => !all_as_written(&state),
            Err(error) => error.kind() == Kind::Input,
        };
        assert!(found || at < 16, "byte {at}");
    }
    for length in [0, 1, 16, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(StateFile::open(&path).is_err(), "{length} bytes");
    }
    fs::remove_file(&path).unwrap();
    assert!(StateFile::open(&path).is_err());
    assert!(StateFile::open(folder.path()).is_err());
}

#[test]
fn nothing_else_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.azulejo-state");
    fs::write(&path, "somebody's own notes, longer than a few bytes").unwrap();
    let refused = Writer::create(&path).err().unwrap();
    assert_eq!(refused.kind(), Kind::Output);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(Writer::create(&path).is_err());
}
