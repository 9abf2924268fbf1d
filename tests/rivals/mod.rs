//! Runs that write to the same place at the same time: none takes away what is not its own, and who ends well is whole.

use std::fs;
use std::process::Stdio;

use rusqlite::Connection;

use super::desk::Desk;
use super::store::{Fate, Store};
use super::{FOLDER, bake, folder_of, many, run};

/// A tile of [`bake`].
const TILE: &str = "9/145/220.png";

#[test]
fn of_two_runs_at_once_who_ends_well_has_all_its_objects() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    many(&desk, "one.mbtiles", 20, 100);
    fs::copy(desk.path("one.mbtiles"), desk.path("two.mbtiles")).unwrap();
    // Every tenth column is different, so most of what they meet of each other is the same.
    Connection::open(desk.path("two.mbtiles"))
        .unwrap()
        .execute(
            "UPDATE tiles SET tile_data = tile_data || 'x' WHERE tile_column % 10 = 5",
            [],
        )
        .unwrap();
    let names = ["one.mbtiles", "two.mbtiles"];
    let wanted = names.map(|name| {
        let tiles = folder_of(&desk, name);
        fs::remove_dir_all(desk.path("folder")).unwrap();
        tiles
    });
    for round in 0..5 {
        let output = store.address(&format!("{round}/"));
        // Where answers are lost nobody can tell whose an object is, and it stays.
        let are_lost = round % 2 == 1;
        store.proxy.judge(move |seen, n| match (n + round) % 9 {
            _ if seen.method != "PUT" => Fate::Pass,
            0 if are_lost => Fate::Unanswered,
            n => Fate::Slow(n as u64 % 5),
        });
        let children = names.map(|name| {
            let args = ["convert", name, "-o", &output];
            let mut command = store.command(&desk, &args);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().unwrap()
        });
        let ends = children.map(|child| child.wait_with_output().unwrap());
        let there = store.objects(&round.to_string());
        let said = ends
            .each_ref()
            .map(|end| String::from_utf8_lossy(&end.stderr));
        let n_well = ends.iter().filter(|end| end.status.success()).count();
        assert!(n_well < 2, "{said:?}");
        for (end, wanted) in ends.iter().zip(&wanted) {
            if end.status.success() {
                assert!(there == *wanted, "{} objects, {said:?}", there.len());
            }
        }
        if n_well == 0 && !are_lost {
            assert!(there.is_empty(), "{} objects, {said:?}", there.len());
        }
    }
}

#[test]
fn what_another_run_has_put_there_is_left_to_it() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    // It comes before our request, and nobody tells us what it is.
    let bucket = store.bucket();
    for fate in [Fate::Answer(403), Fate::Pass] {
        let (place, is_ended) = (bucket.clone(), fate);
        store.proxy.judge(move |seen, _| {
            if seen.puts(TILE) {
                let path = place.join(&seen.target);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "of another run").unwrap();
            }
            if seen.method == "HEAD" {
                is_ended
            } else {
                Fate::Pass
            }
        });
        let said = match fate {
            Fate::Pass => "a/9/145/220.png: another run is writing there",
            _ => "no permission",
        };
        bake(&store, &desk, FOLDER, &[]).fails(4, said);
        let there = fs::read(bucket.join("a").join(TILE)).unwrap();
        assert_eq!(there, b"of another run");
        if fate == Fate::Pass {
            assert_eq!(store.objects("a").len(), 1);
        }
        store.proxy.judge(|_, _| Fate::Pass);
        fs::remove_dir_all(bucket.join("a")).unwrap();
    }
}

#[test]
fn what_was_found_there_and_is_gone_is_missed() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    bake(&store, &desk, FOLDER, &[]).ok();
    store.remove("a/tilejson.json");
    store.remove("a/metadata.json");
    let path = store.bucket().join("a").join(TILE);
    store.proxy.judge(move |seen, _| {
        if seen.puts("metadata.json") {
            fs::remove_file(&path).unwrap();
        }
        Fate::Pass
    });
    bake(&store, &desk, FOLDER, &[]).fails(75, "a/9/145/220.png: was there, and is gone");
    store.proxy.judge(|_, _| Fate::Pass);
    bake(&store, &desk, FOLDER, &[]).ok();
}

#[test]
fn a_run_that_fails_leaves_a_tileset_that_was_published_meanwhile() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    many(&desk, "m.mbtiles", 10, 100);
    let bucket = store.bucket();
    store.proxy.judge(move |seen, _| {
        if !seen.puts("metadata.json") {
            return Fate::Pass;
        }
        fs::write(bucket.join("a/tilejson.json"), "of another run").unwrap();
        Fate::Answer(403)
    });
    run(&store, &desk, &["convert", "m.mbtiles", "-o", FOLDER])
        .fails(4, "no permission")
        .says("100 objects of this run are left");
    assert_eq!(store.objects("a").len(), 101);
}
