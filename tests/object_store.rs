//! Outputs in an object store.
#![cfg(feature = "object-store")]
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test that cannot go on panics; one that is skipped says so.

mod clouds;
mod desk;
mod program;
mod rivals;
mod skip;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::desk::{Desk, Run, finish, fixture};
use self::store::{Fate, KEY, SECRET, Seen, Store};

const FOLDER: &str = "s3://maps/a/";

/// The program run at `desk` with outputs in `store`.
fn run(store: &Store, desk: &Desk, args: &[&str]) -> Run {
    finish(&mut store.command(desk, args))
}

/// A bake of 27 tiles into `output`.
fn bake(store: &Store, desk: &Desk, output: &str, more: &[&str]) -> Run {
    let source = fixture("RGB.byte.tif");
    run(
        store,
        desk,
        &[&["tile", &source, "-o", output], more].concat(),
    )
}

/// Tiles of a side of `n`, all of them different and of no more than a picture's first bytes, as an MBTiles file.
fn many(desk: &Desk, name: &str, n: u32, filling: usize) {
    let mut db = desk.mbtiles(name);
    let all = db.transaction().unwrap();
    for (x, y) in (0..n).flat_map(|x| (0..n).map(move |y| (x, y))) {
        let mut data = b"\x89PNG\r\n\x1a\n".to_vec();
        data.extend(format!("{x} {y}").bytes());
        // Such bytes as no two tiles have.
        let mut word = u64::from(x) << 32 | u64::from(y);
        data.extend((0..filling).map(|_| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (word >> 56) as u8
        }));
        all.execute(
            "INSERT INTO tiles VALUES (14, ?, ?, ?)",
            (x + 8000, y + 8000, data),
        )
        .unwrap();
    }
    all.commit().unwrap();
}

/// `name`, a tileset, as a folder beside it.
fn folder_of(desk: &Desk, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    desk.run(&["convert", name, "-o", "folder"]).ok();
    desk.bytes("folder")
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn objects_are_what_the_files_of_a_folder_are_and_say_what_they_are() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    let report = ["-o", "folder", "--report", "r.json", "--scheme", "tms"];
    bake(&store, &desk, FOLDER, &report).ok();
    assert_eq!(store.objects("a"), desk.bytes("folder"));
    let seen = store.proxy.seen();
    let puts: Vec<&Seen> = seen.iter().filter(|seen| seen.method == "PUT").collect();
    assert_eq!(puts.len(), 29);
    for put in &puts {
        let is_tile = put.puts(".png");
        let (media_type, kept) = if is_tile {
            ("image/png", "public, max-age=86400")
        } else {
            ("application/json", "public, max-age=60")
        };
        assert_eq!(put.headers["content-type"], media_type);
        assert_eq!(put.headers["cache-control"], kept);
        assert_eq!(put.headers["if-none-match"], "*");
        assert!(!put.headers.contains_key("content-encoding"));
    }
    let last: Vec<&str> = puts[27..].iter().map(|put| &*put.target).collect();
    assert_eq!(last, ["a/metadata.json", "a/tilejson.json"]);
    let report = json(&fs::read(desk.path("r.json")).unwrap());
    let told = &report["outputs"][0];
    assert_eq!(
        (told["sent"].as_u64(), told["tiles"].as_u64()),
        (Some(27), Some(27))
    );
    assert_eq!(
        (&told["sha256"], &told["path"]),
        (&Value::Null, &FOLDER.into())
    );
    assert!(report["outputs"][1].get("sent").is_none());
}

#[test]
fn ten_thousand_tiles_go_up() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    many(&desk, "m.mbtiles", 100, 2000);
    let started = Instant::now();
    run(&store, &desk, &["convert", "m.mbtiles", "-o", FOLDER]).ok();
    let seconds = started.elapsed().as_secs_f64();
    println!("{:.0} objects a second", 10_000.0 / seconds);
    assert_eq!(store.objects("a"), folder_of(&desk, "m.mbtiles"));
}

#[test]
fn a_tileset_that_is_there_is_refused_and_a_second_run_sends_no_tile() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    bake(&store, &desk, FOLDER, &[]).ok();
    let before = store.objects("a");
    bake(&store, &desk, FOLDER, &[]).fails(4, "s3://maps/a/tilejson.json: exists already");
    store.proxy.seen();
    let run = bake(&store, &desk, FOLDER, &["--overwrite"]).ok();
    assert!(
        run.stdout.contains("0 sent, 27 there already"),
        "{}",
        run.stdout
    );
    let seen = store.proxy.seen();
    assert!(!seen.iter().any(|seen| seen.method == "PUT"), "{seen:?}");
    assert_eq!(store.objects("a"), before);
    // Other pictures are sent, and nothing else.
    bake(&store, &desk, FOLDER, &["--overwrite", "--effort", "6"]).ok();
    assert_ne!(store.objects("a"), before);
}

#[test]
fn an_unfinished_upload_is_gone_on_with_unless_it_is_of_other_tiles() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    bake(&store, &desk, FOLDER, &[]).ok();
    let all = store.objects("a");
    let bucket = store.bucket();
    for gone in ["a/tilejson.json", "a/9/145/220.png"] {
        fs::remove_file(bucket.join(gone)).unwrap();
    }
    store.proxy.seen();
    bake(&store, &desk, FOLDER, &[]).ok();
    let seen = store.proxy.seen();
    let puts: Vec<&str> = seen
        .iter()
        .filter(|seen| seen.method == "PUT")
        .map(|seen| &*seen.target)
        .collect();
    assert_eq!(puts, ["a/9/145/220.png", "a/tilejson.json"]);
    assert_eq!(store.objects("a"), all);

    fs::remove_file(bucket.join("a/tilejson.json")).unwrap();
    fs::write(bucket.join("a/9/145/220.png"), "of somebody else").unwrap();
    bake(&store, &desk, FOLDER, &[]).fails(4, "s3://maps/a/9/145/220.png: another object is there");
    assert_eq!(
        fs::read(bucket.join("a/9/145/220.png")).unwrap(),
        b"of somebody else"
    );
    bake(&store, &desk, FOLDER, &["--overwrite"]).ok();
    assert_eq!(store.objects("a"), all);
}

#[test]
fn what_is_wrong_with_the_store_is_told_at_once() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let tile = ["tile", source.as_str(), "-o", FOLDER];
    let with = |name: &str, value: &str| finish(store.command(&desk, &tile).env(name, value));
    let run = with("AWS_SECRET_ACCESS_KEY", "wrong");
    run.fails(
        4,
        "does not accept the credentials for bucket maps (SignatureDoesNotMatch",
    )
    .says("help: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    let run = with("AWS_ACCESS_KEY_ID", "AKIANOBODY");
    run.fails(4, "for bucket maps");
    with("AWS_PROFILE", "nobody").fails(2, "AWS_PROFILE=nobody: no such profile");
    with("AWS_ENDPOINT_URL", "http://far.example").fails(2, "an endpoint without TLS");
    let run = finish(
        store
            .command(&desk, &tile)
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY"),
    );
    run.fails(4, "no credentials for bucket maps");
    bake(&store, &desk, "s3://nosuchbucket/a/", &[])
        .fails(4, "no bucket nosuchbucket there (NoSuchBucket");
    bake(&store, &desk, "s3://nosuchbucket/a.pmtiles", &[])
        .fails(4, "no bucket nosuchbucket there (NoSuchBucket");
    // Who may list and not put is told before the first tile, too.
    store.proxy.judge(|seen, _| {
        if seen.method == "GET" {
            Fate::Pass
        } else {
            Fate::Answer(403)
        }
    });
    let run =
        bake(&store, &desk, FOLDER, &[]).fails(4, "no permission for it to be put in bucket maps");
    assert!(!run.stderr.contains("plan "), "{}", run.stderr);
    store.proxy.judge(|_, _| Fate::Lost);
    bake(&store, &desk, FOLDER, &["--retry-for", "1"]).fails(75, "tried again and again");
    assert!(store.objects("a").is_empty());
    assert_eq!(desk.names(), Vec::<String>::new());
}

#[test]
fn options_that_would_do_nothing_are_refused() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    for (more, said) in [
        (
            ["-o", "x", "--prune"].as_slice(),
            "--prune: of use for outputs in an object store",
        ),
        (&["-o", "x.pmtiles", "--publish", "v1"], "--publish: of use"),
        (
            &["-o", "s3://maps/a.pmtiles", "--publish", "v1"],
            "--publish: of use",
        ),
        (
            &["-o", "s3://maps/a/", "-o", "x", "--publish", "v1"],
            "--publish: of use",
        ),
        (
            &["-o", "x", "--cache-control", "no-store"],
            "--cache-control: of use",
        ),
        (&["-o", "x", "--retry-for", "3"], "--retry-for: of use"),
        (
            &["-o", "s3://maps/a/", "--publish", "7"],
            "--publish 7: no name of a version",
        ),
        (
            &["-o", "s3://maps/a/", "--publish", "tilejson.json"],
            "--publish tilejson.json: no name of a version",
        ),
        (
            &["-o", "s3://maps/a/", "--cache-control", "a\nb"],
            "expected plain text",
        ),
        (&["-o", "s3://maps/a.zip"], "no known kind of tileset"),
        (&["-o", "s3://me:secret@maps/a/"], "no bucket's name"),
        (&["-o", "ftp://maps/a/"], "an address in the network"),
    ] {
        desk.run(&[&["tile", source.as_str()], more].concat())
            .fails(2, said);
    }
    assert_eq!(desk.names(), Vec::<String>::new());
}

#[test]
fn every_object_is_right_though_the_store_is_busy_and_lines_break() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    many(&desk, "m.mbtiles", 10, 3000);
    // A third of the requests find it busy; others are lost on their way there, or on their way back.
    store.proxy.judge(|_, n| match n % 12 {
        0 | 3 | 6 | 9 => Fate::Answer(503),
        1 => Fate::Lost,
        7 => Fate::Unanswered,
        _ => Fate::Pass,
    });
    run(
        &store,
        &desk,
        &[
            "convert",
            "m.mbtiles",
            "-o",
            FOLDER,
            "-o",
            "s3://maps/b.pmtiles",
            "-o",
            "b.pmtiles",
        ],
    )
    .ok();
    store.proxy.judge(|_, _| Fate::Pass);
    assert_eq!(store.objects("a"), folder_of(&desk, "m.mbtiles"));
    let archive = fs::read(store.bucket().join("b.pmtiles")).unwrap();
    assert!(archive == fs::read(desk.path("b.pmtiles")).unwrap());
    let seen = store.proxy.seen();
    for fate in [Fate::Answer(503), Fate::Lost, Fate::Unanswered] {
        assert!(
            seen.iter()
                .any(|seen| seen.fate == fate && seen.puts(".png")),
            "{fate:?}"
        );
    }
}

#[test]
fn after_a_failure_nothing_of_the_run_is_left() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    many(&desk, "m.mbtiles", 20, 100);
    let bucket = store.bucket();
    // Of a run that was killed, and of others.
    let kept = folder_of(&desk, "m.mbtiles");
    let kept = kept
        .iter()
        .find(|(name, _)| name.extension().is_some_and(|e| e == "png"))
        .unwrap();
    let at = bucket.join("a").join(kept.0);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, kept.1).unwrap();
    fs::write(bucket.join("a/readme.txt"), "hands off").unwrap();
    let before = store.objects("a");
    for (fate, code, said) in [
        (Fate::Answer(403), 4, "no permission"),
        (Fate::Answer(503), 75, "the store is busy"),
        (Fate::Answer(500), 75, "tried again and again"),
        // What has arrived is deleted though nobody was told of it.
        (Fate::Unanswered, 75, "tried again and again"),
    ] {
        store.proxy.seen();
        store.proxy.judge(move |seen, n| {
            if n > 200 && seen.method == "PUT" {
                fate
            } else {
                Fate::Pass
            }
        });
        let args = [
            "convert",
            "m.mbtiles",
            "-o",
            FOLDER,
            "-o",
            "s3://maps/m.pmtiles",
            "-o",
            "x.mbtiles",
        ];
        run(&store, &desk, &[&args[..], &["--retry-for", "1"]].concat()).fails(code, said);
        assert!(store.proxy.n_seen() > 200);
        assert_eq!(store.objects("a"), before, "{fate:?}");
        assert!(!bucket.join("m.pmtiles").exists() && !desk.path("x.mbtiles").exists());
    }
    // All tiles are there, and what names them cannot be.
    store.proxy.judge(|seen, _| {
        if seen.puts("tilejson.json") {
            Fate::Answer(403)
        } else {
            Fate::Pass
        }
    });
    run(&store, &desk, &["convert", "m.mbtiles", "-o", FOLDER]).fails(4, "no permission");
    assert_eq!(store.objects("a"), before);
}

/// A conversion that has put more than a hundred objects and goes on.
fn half_way(store: &Store, desk: &Desk) -> Child {
    store.proxy.seen();
    store.proxy.judge(|seen, _| {
        if seen.method == "PUT" {
            Fate::Slow(20)
        } else {
            Fate::Pass
        }
    });
    let mut child = store
        .command(desk, &["convert", "m.mbtiles", "-o", FOLDER])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while store.proxy.n_seen() < 150 {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_killed_run_is_gone_on_with() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    many(&desk, "m.mbtiles", 40, 100);
    let mut child = half_way(&store, &desk);
    child.kill().unwrap();
    child.wait().unwrap();
    // What is under way still arrives.
    let mut there = store.objects("a").len();
    loop {
        thread::sleep(Duration::from_millis(300));
        let now = store.objects("a").len();
        if now == there {
            break;
        }
        there = now;
    }
    assert!((50..1500).contains(&there), "{there}");
    assert!(!store.bucket().join("a/tilejson.json").exists());
    store.proxy.seen();
    store.proxy.judge(|_, _| Fate::Pass);
    let run = run(&store, &desk, &["convert", "m.mbtiles", "-o", FOLDER]).ok();
    let sent = store
        .proxy
        .seen()
        .iter()
        .filter(|seen| seen.puts(".png"))
        .count();
    assert_eq!(sent, 1600 - there);
    let said = format!("{} sent, {there} there already", with_commas(sent));
    assert!(run.stdout.contains(&said), "{said:?} in {}", run.stdout);
    assert_eq!(store.objects("a"), folder_of(&desk, "m.mbtiles"));
}

/// Finished parts of a bake are kept here, whatever store its tiles go to.
#[test]
fn a_killed_bake_is_gone_on_with_from_what_was_kept_here() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let straight = |output: &'static str| {
        let args = ["tile", &source, "-z", "3-11", "-o", output];
        run(&store, &desk, &args).ok();
    };
    straight("s3://maps/straight/");
    straight("s3://maps/straight.pmtiles");
    let cache = desk.path("cache");
    for output in [FOLDER, "s3://maps/a.pmtiles"] {
        let more = ["--shard-height", "1", "--resume", "--report", "run.json"];
        let args = [&["tile", &source, "-z", "3-11", "-o", output][..], &more].concat();
        let command = || {
            let mut command = store.command(&desk, &args);
            command.env("XDG_CACHE_HOME", &cache).stderr(Stdio::null());
            command
        };
        store.proxy.judge(|seen, _| match &*seen.method {
            "PUT" => Fate::Slow(20),
            _ => Fate::Pass,
        });
        let mut child = command().spawn().unwrap();
        let parts = || {
            let folders = fs::read_dir(cache.join("azulejo")).into_iter().flatten();
            let files = folders
                .flatten()
                .flat_map(|folder| fs::read_dir(folder.path()));
            files.flatten().count()
        };
        while parts() < 6 {
            assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
            thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        store.proxy.judge(|_, _| Fate::Pass);
        finish(&mut command()).ok();
        let report =
            serde_json::from_slice::<Value>(&fs::read(desk.path("run.json")).unwrap()).unwrap();
        assert!(report["parts"]["taken"].as_u64().unwrap() >= 3, "{report}");
        assert_eq!(parts(), 0, "removed when it is done");
    }
    let tiles = |prefix: &str| {
        let mut objects = store.objects(prefix);
        objects.retain(|name, _| name.extension() == Some("png".as_ref()));
        assert!(objects.len() > 100);
        objects
    };
    assert!(tiles("a") == tiles("straight"));
    let archive = |name: &str| fs::read(store.bucket().join(name)).unwrap();
    assert!(archive("a.pmtiles") == archive("straight.pmtiles"));
}

fn with_commas(n: usize) -> String {
    if n < 1000 {
        n.to_string()
    } else {
        format!("{},{:03}", n / 1000, n % 1000)
    }
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    many(&desk, "m.mbtiles", 40, 100);
    let mut child = half_way(&store, &desk);
    // SAFETY: the child has not been waited for, so its number is its own.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(store.objects("a"), BTreeMap::new());
}

#[test]
fn an_interrupt_ends_a_run_whose_store_is_busy() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    many(&desk, "m.mbtiles", 40, 100);
    store.proxy.judge(|seen, n| {
        if n > 100 && seen.method == "PUT" {
            Fate::Answer(503)
        } else {
            Fate::Pass
        }
    });
    let mut child = store
        .command(&desk, &["convert", "m.mbtiles", "-o", FOLDER])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while store.proxy.n_seen() < 130 {
        thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: the child has not been waited for, so its number is its own.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(store.objects("a"), BTreeMap::new());
}

#[test]
fn tiles_of_other_runs_are_told_of_and_removed_when_asked() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    let bucket = store.bucket();
    bake(&store, &desk, FOLDER, &[]).ok();
    fs::write(bucket.join("a/readme.txt"), "hands off").unwrap();
    fs::create_dir_all(bucket.join("a/9/old")).unwrap();
    fs::write(bucket.join("a/9/old/1.png"), "hands off").unwrap();
    fs::write(bucket.join("a/9/145/220.jpg"), "an old tile").unwrap();
    let less = ["-z", "4-8", "--overwrite"];
    bake(&store, &desk, FOLDER, &less)
        .ok()
        .says("--prune removes them");
    assert!(bucket.join("a/9/145/220.png").exists());
    store.proxy.seen();
    let run = bake(&store, &desk, FOLDER, &[&less[..], &["--prune"]].concat()).ok();
    assert!(run.stdout.contains("removed"), "{}", run.stdout);
    // Whoever reads meanwhile finds what the TileJSON names.
    let seen = store.proxy.seen();
    let removed = seen
        .iter()
        .position(|seen| seen.target.contains("?delete"))
        .unwrap();
    assert!(!seen[removed..].iter().any(|seen| seen.method == "PUT"));
    bake(&store, &desk, "s3://maps/b/", &["-z", "4-8"]).ok();
    let mut wanted = store.objects("b");
    wanted.insert("readme.txt".into(), b"hands off".to_vec());
    wanted.insert("9/old/1.png".into(), b"hands off".to_vec());
    assert_eq!(store.objects("a"), wanted);
}

#[test]
fn tiles_are_removed_by_the_thousand() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    many(&desk, "m.mbtiles", 50, 0);
    run(&store, &desk, &["convert", "m.mbtiles", "-o", FOLDER]).ok();
    // A store that is busy for a while.
    store.proxy.seen();
    store.proxy.judge(|seen, n| {
        if seen.target.contains("?delete") && n % 2 == 0 {
            Fate::Answer(503)
        } else {
            Fate::Pass
        }
    });
    let run = bake(&store, &desk, FOLDER, &["--overwrite", "--prune"]).ok();
    assert!(run.stdout.contains("2,500"), "{}", run.stdout);
    bake(&store, &desk, "folder", &[]).ok();
    assert_eq!(store.objects("a"), desk.bytes("folder"));
}

#[test]
fn the_bucket_alone_is_a_folder_too() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    bake(&store, &desk, "s3://maps/", &[]).ok();
    bake(&store, &desk, "s3://maps/", &[]).fails(4, "s3://maps/tilejson.json: exists already");
}

#[test]
fn a_store_that_says_nothing_is_waited_for_no_longer_than_wanted() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    store.proxy.judge(|seen, _| {
        if seen.puts(".png") {
            Fate::Hangs
        } else {
            Fate::Pass
        }
    });
    // Without that it would be the two minutes of a connection.
    bake(&store, &desk, FOLDER, &["--retry-for", "6"]).fails(75, "no answer in 6 s");
    assert!(store.objects("a").is_empty());
}

#[test]
fn a_version_is_published_in_one_step() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    let bucket = store.bucket();
    let pointer = || json(&fs::read(bucket.join("a/tilejson.json")).unwrap())["tiles"][0].clone();
    let report = [
        "--publish",
        "v1",
        "-o",
        "s3://maps/c/",
        "--report",
        "r.json",
    ];
    bake(&store, &desk, FOLDER, &report).ok();
    assert_eq!(pointer(), "v1/{z}/{x}/{y}.png");
    bake(&store, &desk, "folder", &[]).ok();
    assert_eq!(store.objects("a/v1"), desk.bytes("folder"));
    assert_eq!(store.objects("a"), store.objects("c"));
    let seen = store.proxy.seen();
    let tile = seen.iter().find(|seen| seen.puts(".png")).unwrap();
    assert_eq!(
        tile.headers["cache-control"],
        "public, max-age=31536000, immutable"
    );

    bake(&store, &desk, FOLDER, &["--publish", "v1"])
        .fails(4, "s3://maps/a/v1/tilejson.json: exists already");
    // What fails changes nothing that anybody sees.
    store.proxy.judge(|seen, _| {
        if seen.puts("v2/tilejson.json") {
            Fate::Answer(403)
        } else {
            Fate::Pass
        }
    });
    bake(&store, &desk, FOLDER, &["--publish", "v2"]).fails(4, "no permission");
    assert_eq!(pointer(), "v1/{z}/{x}/{y}.png");
    assert!(store.objects("a/v2").is_empty());
    store.proxy.judge(|_, _| Fate::Pass);
    store.proxy.seen();
    bake(
        &store,
        &desk,
        FOLDER,
        &["--publish", "v2", "--cache-control", "no-store"],
    )
    .ok();
    assert_eq!(pointer(), "v2/{z}/{x}/{y}.png");
    assert_eq!(store.objects("a/v1"), store.objects("a/v2"));
    let seen = store.proxy.seen();
    assert!(
        seen.iter()
            .filter(|seen| seen.puts(".png"))
            .all(|seen| seen.headers["cache-control"] == "no-store")
    );
    assert_eq!(
        seen.iter()
            .rfind(|seen| seen.method == "PUT")
            .unwrap()
            .target,
        "a/tilejson.json"
    );

    // A tileset that lies there itself is not lost from sight.
    bake(&store, &desk, "s3://maps/b/", &[]).ok();
    bake(&store, &desk, "s3://maps/b/", &["--publish", "v1"])
        .fails(4, "of a tileset that lies beside it");
    bake(
        &store,
        &desk,
        "s3://maps/b/",
        &["--publish", "v1", "--overwrite"],
    )
    .ok();
}

#[test]
fn archives_go_up_in_parts_and_are_seen_when_they_are_whole() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    let temporary = tempfile::tempdir().unwrap();
    let bucket = store.bucket();
    // Several parts of 8 MiB.
    many(&desk, "m.mbtiles", 10, 200_000);
    let convert = |more: &[&str]| {
        let outputs = ["-o", "s3://maps/x/m.pmtiles", "-o", "s3://maps/x/n.mbtiles"];
        let args = [&["convert", "m.mbtiles"], &outputs[..], more].concat();
        finish(store.command(&desk, &args).env("TMPDIR", temporary.path()))
    };
    convert(&["-o", "m.pmtiles", "-o", "n.mbtiles", "--report", "r.json"]).ok();
    for (there, here) in [("x/m.pmtiles", "m.pmtiles"), ("x/n.mbtiles", "n.mbtiles")] {
        assert!(fs::read(bucket.join(there)).unwrap() == fs::read(desk.path(here)).unwrap());
    }
    let seen = store.proxy.seen();
    let parts: BTreeSet<&str> = seen
        .iter()
        .filter(|seen| seen.method == "PUT")
        .map(|seen| &*seen.target)
        .collect();
    assert!(
        parts.len() >= 6 && parts.iter().all(|part| part.contains("partNumber=")),
        "{parts:?}"
    );
    let begun = seen
        .iter()
        .find(|seen| seen.target == "x/m.pmtiles?uploads=")
        .or(seen
            .iter()
            .find(|seen| seen.target.starts_with("x/m.pmtiles?uploads")));
    let headers = &begun.unwrap().headers;
    assert_eq!(headers["content-type"], "application/vnd.pmtiles");
    assert_eq!(headers["cache-control"], "public, max-age=300");
    let report = json(&fs::read(desk.path("r.json")).unwrap());
    assert_eq!(
        report["outputs"][0]["sha256"],
        report["outputs"][2]["sha256"]
    );

    convert(&[]).fails(4, "s3://maps/x/m.pmtiles: exists already");
    convert(&["--overwrite"]).ok();
    fs::remove_file(bucket.join("x/m.pmtiles")).unwrap();
    fs::remove_file(bucket.join("x/n.mbtiles")).unwrap();
    store.proxy.judge(|seen, _| {
        if seen.target.contains("n.mbtiles?partNumber=2") {
            Fate::Answer(403)
        } else {
            Fate::Pass
        }
    });
    convert(&[]).fails(4, "no permission");
    assert_eq!(store.objects("x"), BTreeMap::new());
    let aborted = store.proxy.seen();
    let aborted = |name: &str| {
        aborted
            .iter()
            .any(|seen| seen.method == "DELETE" && seen.target.starts_with(name))
    };
    assert!(aborted("x/m.pmtiles?uploadId") && aborted("x/n.mbtiles?uploadId"));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn credentials_come_from_the_files_of_amazons_tools_and_are_never_seen() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    fs::create_dir(desk.path(".aws")).unwrap();
    let credentials =
        format!("[other]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n");
    desk.write(".aws/credentials", credentials);
    let config = format!(
        "[profile other]\nregion = eu-central-1\nendpoint_url = {}\n",
        store.proxy.address()
    );
    desk.write(".aws/config", config);
    let source = fixture("RGB.byte.tif");
    for (token, output, code) in [
        (None, "s3://maps/a/", 0),
        (Some("canary-session"), "s3://maps/b/", 4),
    ] {
        let args = ["tile", &source, "-vv", "-o", output, "--report", "r.json"];
        let mut command = store.command(&desk, &args);
        command
            .env("AWS_PROFILE", "other")
            .env("RUST_BACKTRACE", "1");
        match token {
            None => {
                for name in [
                    "AWS_ACCESS_KEY_ID",
                    "AWS_SECRET_ACCESS_KEY",
                    "AWS_ENDPOINT_URL",
                ] {
                    command.env_remove(name);
                }
            }
            // A token that this store knows nothing of.
            Some(token) => {
                command
                    .env("AWS_SESSION_TOKEN", token)
                    .env("AWS_SECRET_ACCESS_KEY", "canary-wrong");
            }
        }
        let run = finish(&mut command);
        assert_eq!(run.code, code, "{}", run.stderr);
        let report = fs::read_to_string(desk.path("r.json")).unwrap_or_default();
        for text in [run.stdout, run.stderr, report] {
            assert!(!text.contains("canary"), "{text}");
        }
    }
    let seen = store.proxy.seen();
    let signed = &seen[0].headers["authorization"];
    assert!(signed.contains("/eu-central-1/s3/"), "{signed}");
    assert!(!format!("{:?}", store.objects("a").keys()).contains("canary"));
}
