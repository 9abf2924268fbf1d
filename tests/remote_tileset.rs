//! Tilesets that are read over the network.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test that cannot go on panics; one that is skipped says so.

mod desk;
mod program;
mod skip;
#[allow(dead_code)] // Its proxy fails in ways that are of no interest here.
mod store;
mod web;

use std::fs;
use std::path::Path;
use std::process::Command;

use azulejo::archive::open_store;
use serde_json::Value;

use self::desk::{Desk, Run, finish, fixture};
use self::store::{BUCKET, SECRET, Store};
use self::web::{Asked, Fate, Web};

/// The program, told of no other servers.
fn command(desk: &Desk, args: &[&str]) -> Command {
    let mut command = desk.command(args);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let is_others = ["GDAL_HTTP_", "CPL_", "AWS_"]
            .iter()
            .any(|start| name.starts_with(start));
        if is_others || name.to_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    // Nothing is to be waited for.
    command.env("GDAL_HTTP_RETRY_DELAY", "0.01");
    command
}

fn run(desk: &Desk, args: &[&str]) -> Run {
    finish(&mut command(desk, args))
}

/// An archive of the Bahamas at `a.pmtiles`, and in `web`.
fn small(desk: &Desk, web: &Web) -> String {
    let source = fixture("RGB.byte.tif");
    desk.run(&["tile", &source, "-o", "a.pmtiles", "--name", "A"])
        .ok();
    web.put("a.pmtiles", fs::read(desk.path("a.pmtiles")).unwrap())
}

/// `n` x `n` tiles of zoom 14 and those above, each of its own bytes, as `m.pmtiles`: enough of them for leaf directories.
fn large(desk: &Desk, n: u32, tile_bytes: usize) -> Vec<u8> {
    let mut db = desk.mbtiles("m.mbtiles");
    let all = db.transaction().unwrap();
    for z in 10..=14_u32 {
        let shift = 14 - z;
        let side = (n >> shift).max(1);
        for (x, y) in (0..side).flat_map(|x| (0..side).map(move |y| (x, y))) {
            let mut data = b"\x89PNG\r\n\x1a\n".to_vec();
            let mut word = u64::from(z) << 60 | u64::from(x) << 30 | u64::from(y);
            // As long as pictures are: some more, some less.
            let length = word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            let n_bytes = tile_bytes / 2 + length as usize % tile_bytes;
            data.extend((0..n_bytes).map(|_| {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (word >> 56) as u8
            }));
            let (x, y) = ((8192 >> shift) + x, (8192 >> shift) + y);
            all.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (z, x, y, data))
                .unwrap();
        }
    }
    all.commit().unwrap();
    desk.run(&["convert", "m.mbtiles", "-o", "m.pmtiles"]).ok();
    let data = fs::read(desk.path("m.pmtiles")).unwrap();
    let leaf_bytes = u64::from_le_bytes(data[48..56].try_into().unwrap());
    assert!(
        leaf_bytes > 0,
        "an archive of this size has leaf directories"
    );
    data
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

/// How many requests there were, and how many bytes they brought.
fn cost(asked: &[Asked]) -> (usize, usize) {
    (asked.len(), asked.iter().map(|asked| asked.n_sent).sum())
}

#[test]
fn what_is_converted_from_an_address_is_what_is_converted_from_the_file() {
    let (desk, web) = (Desk::new(), Web::start());
    let address = small(&desk, &web);
    let virtual_name = format!("/vsicurl/{address}");
    for (k, name) in ["a.pmtiles", &address, &virtual_name]
        .into_iter()
        .enumerate()
    {
        for (end, more) in [
            ("mbtiles", &[][..]),
            ("pmtiles", &[]),
            ("webp.pmtiles", &["-f", "webp", "-j", "3"]),
        ] {
            let output = format!("{k}.{end}");
            run(&desk, &[&["convert", name, "-o", &output], more].concat()).ok();
            desk.same(&output, &format!("0.{end}"));
        }
    }
    desk.same("1.pmtiles", "a.pmtiles");
    // A part was asked for each time, and by none but requests for parts.
    let asked = web.asked();
    assert!(
        asked
            .iter()
            .all(|asked| asked.method == "GET" && asked.range.is_some())
    );
}

#[test]
fn leaf_directories_and_pieces_come_in_few_requests_and_with_little_else() {
    let (desk, web) = (Desk::new(), Web::start());
    let data = large(&desk, 128, 1000);
    let n_bytes = data.len();
    let address = web.put("m.pmtiles", data);

    run(&desk, &["convert", &address, "-o", "all.mbtiles"]).ok();
    run(&desk, &["convert", "m.pmtiles", "-o", "expected.mbtiles"]).ok();
    desk.same("all.mbtiles", "expected.mbtiles");
    let (n_asked, n_sent) = cost(&web.asked());
    println!("all of {n_bytes} bytes: {n_asked} requests, {n_sent} bytes");
    assert!(n_asked < 80, "{n_asked}");
    assert!(n_sent < n_bytes * 5 / 4, "{n_sent} of {n_bytes}");

    let bbox = ["--bbox", "0.3,0.3,0.6,0.6"];
    run(
        &desk,
        &[&["convert", &address, "-o", "piece.pmtiles"], &bbox[..]].concat(),
    )
    .ok();
    run(
        &desk,
        &[
            &["convert", "m.pmtiles", "-o", "expected.pmtiles"],
            &bbox[..],
        ]
        .concat(),
    )
    .ok();
    desk.same("piece.pmtiles", "expected.pmtiles");
    let piece_bytes = fs::metadata(desk.path("piece.pmtiles")).unwrap().len();
    let (n_asked, n_sent) = cost(&web.asked());
    println!("a piece of {piece_bytes} bytes: {n_asked} requests, {n_sent} bytes");
    assert!(n_asked < 40, "{n_asked}");
    assert!(n_sent < n_bytes / 4, "{n_sent} of {n_bytes}");
}

#[test]
fn info_reads_the_directories_and_no_tiles() {
    let (desk, web) = (Desk::new(), Web::start());
    let data = large(&desk, 128, 1000);
    let n_bytes = data.len();
    let address = web.put("m.pmtiles", data);
    let told = json(&run(&desk, &["info", "--json", &address]).ok());
    let (n_asked, n_sent) = cost(&web.asked());
    println!("info of {n_bytes} bytes: {n_asked} requests, {n_sent} bytes");
    assert!(n_asked <= 6, "{n_asked}");
    assert!(n_sent < n_bytes / 20, "{n_sent} of {n_bytes}");
    let expected = json(&run(&desk, &["info", "--json", "m.pmtiles"]).ok());
    let (told, expected) = (&told["paths"][0], &expected["paths"][0]);
    for key in [
        "name",
        "format",
        "bounds",
        "center",
        "tiles",
        "bytes",
        "different",
        "zooms",
    ] {
        assert_eq!(told[key], expected[key], "{key}");
    }
    assert_eq!(told["path"], address.as_str());
    assert_eq!(
        (&told["counted_by"], &expected["counted_by"]),
        (&"directories".into(), &"tiles".into())
    );
    let text = run(&desk, &["info", &address]).ok().stdout;
    assert!(text.contains("directories"), "{text}");

    // A small one is in hand with the first request.
    let address = small(&desk, &web);
    web.asked();
    run(&desk, &["info", &address]).ok();
    assert_eq!(web.asked().len(), 1);
}

#[test]
fn servers_that_are_in_trouble_are_asked_again() {
    let (desk, web) = (Desk::new(), Web::start());
    let address = small(&desk, &web);
    let convert = ["convert", &*address, "--overwrite", "-o", "b.pmtiles"];
    for fate in [Fate::Answer(503), Fate::Answer(429), Fate::Cut] {
        // Each part at the first time.
        web.judge(move |_, n| if n % 2 == 0 { fate } else { Fate::Pass });
        run(&desk, &convert).ok();
        desk.same("a.pmtiles", "b.pmtiles");
        web.asked();
    }
    for (fate, said) in [
        (
            Fate::Answer(503),
            "the server is in trouble (503); expected",
        ),
        (Fate::Cut, "the answer ends too early; expected"),
    ] {
        web.judge(move |_, n| if n < 1 { Fate::Pass } else { fate });
        run(&desk, &convert)
            .fails(75, said)
            .says("help: try again later");
        assert_eq!(web.asked().len(), 1 + 4);
        let again = finish(command(&desk, &convert).env("GDAL_HTTP_MAX_RETRY", "1"));
        again.fails(75, said);
        assert_eq!(web.asked().len(), 1 + 2);
    }
    assert_eq!(desk.names(), ["a.pmtiles", "b.pmtiles"]);
}

#[test]
fn what_cannot_be_read_is_told_by_its_address_without_secrets() {
    let (desk, web) = (Desk::new(), Web::start());
    small(&desk, &web);
    web.put("a.mbtiles", b"SQLite format 3\0...".to_vec());
    web.put("other", b"SQLite format 3\0...".to_vec());
    web.put(
        "short.pmtiles",
        fs::read(desk.path("a.pmtiles")).unwrap()[..20_000].to_vec(),
    );
    web.put("empty.pmtiles", Vec::new());
    let with_secrets = |path: &str| {
        let address = web.address(path).replace("//", "//me:SECRET@");
        format!("{address}?sig=a.b/SECRET")
    };
    let rows: &[(&str, Option<Fate>, i32, &str)] = &[
        (
            "none.pmtiles",
            None,
            3,
            "no such file on the server (404); expected",
        ),
        (
            "a.pmtiles",
            Some(Fate::Answer(403)),
            3,
            "the server denies access (403); expected",
        ),
        (
            "a.pmtiles",
            Some(Fate::Answer(401)),
            3,
            "the server denies access (401); expected",
        ),
        (
            "a.pmtiles",
            Some(Fate::Answer(503)),
            75,
            "the server is in trouble (503); expected",
        ),
        (
            "a.pmtiles",
            Some(Fate::Whole),
            3,
            "the server sends whole files instead of parts; expected",
        ),
        (
            "a.pmtiles",
            Some(Fate::Endless),
            3,
            "the server sends whole files instead of parts; expected",
        ),
        (
            "a.mbtiles",
            None,
            3,
            "an MBTiles file that is not on this machine",
        ),
        (
            "folder/",
            None,
            3,
            "a folder that is not on this machine; expected",
        ),
        (
            "short.pmtiles",
            None,
            3,
            "in a file of 20000; expected a PMTiles archive that is whole",
        ),
        ("empty.pmtiles", None, 3, "expected a PMTiles archive"),
        ("other", None, 3, "expected a PMTiles archive"),
    ];
    for &(path, fate, code, said) in rows {
        web.judge(move |_, _| fate.unwrap_or(Fate::Pass));
        let name = with_secrets(path);
        let failed = run(&desk, &["convert", &name, "-o", "b.mbtiles", "-v"]).fails(code, said);
        assert!(!failed.stderr.contains("SECRET"), "{}", failed.stderr);
        assert!(
            failed.stderr.contains(&format!("{}: ", web.address(path))),
            "{}",
            failed.stderr
        );
        if path.ends_with("tiles") {
            let failed = run(&desk, &["info", &name]).fails(code, said);
            assert!(!failed.stderr.contains("SECRET"), "{}", failed.stderr);
        }
        let n_sent: usize = web.asked().iter().map(|asked| asked.n_sent).sum();
        assert!(n_sent < 8 << 20, "{path}: {n_sent} bytes");
    }
    assert_eq!(desk.names(), ["a.pmtiles"]);
    run(
        &desk,
        &["convert", &with_secrets("a.mbtiles"), "-o", "b.mbtiles"],
    )
    .says("help: download it first: curl");
    // Nobody is there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let name = format!("http://127.0.0.1:{port}/a.pmtiles");
    run(&desk, &["info", &name]).fails(75, "cannot be reached");
}

/// An archive of one tile that says nothing about itself.
fn nameless(tile: &[u8]) -> Vec<u8> {
    // One entry: id 0, one tile, its length, and its offset and one.
    let root = [1, 0, 1, tile.len() as u8, 1];
    let metadata = b"{}";
    let mut file = b"PMTiles\x03".to_vec();
    let mut offset = 127;
    for part in [&root[..], metadata, &[], tile] {
        file.extend((offset as u64).to_le_bytes());
        file.extend((part.len() as u64).to_le_bytes());
        offset += part.len();
    }
    // Three counts of one each, clustered, nothing compressed, PNG.
    file.extend([1_u64; 3].iter().flat_map(|n| n.to_le_bytes()));
    file.extend([1, 1, 1, 2]);
    file.resize(127, 0);
    [&file[..], &root, metadata, tile].concat()
}

#[test]
fn what_is_written_tells_no_secrets_either() {
    let (desk, web) = (Desk::new(), Web::start());
    let host = small(&desk, &web);
    // Without a name of its own: it gets one by its address.
    let data = nameless(b"\x89PNG\r\n\x1a\n");
    let nameless = web.put("n.pmtiles", data) + "?sig=SECRET/b.c";
    run(&desk, &["convert", &nameless, "-o", "o.pmtiles"]).ok();
    let told = json(&run(&desk, &["info", "--json", "o.pmtiles"]).ok());
    assert_eq!(told["paths"][0]["name"], "n");
    web.asked();

    let name = host.replace("//", "//me:SECRET@") + "?sig=a.b/SECRET";
    let args = ["convert", &name, "-o", "b.mbtiles", "--report", "r.json"];
    let done = run(&desk, &args).ok();
    let report = fs::read_to_string(desk.path("r.json")).unwrap();
    for text in [&done.stdout, &done.stderr, &report] {
        assert!(!text.contains("SECRET"), "{text}");
    }
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["tileset"]["path"], host.as_str());
    assert_eq!(report["options"]["tileset"], host.as_str());
    let info = run(&desk, &["info", "--json", &name]).ok();
    assert!(!info.stdout.contains("SECRET"), "{}", info.stdout);
    let login = |asked: &Asked| asked.headers["authorization"].clone();
    assert!(
        web.asked()
            .iter()
            .all(|asked| login(asked).starts_with("Basic "))
    );
}

#[test]
fn a_file_that_is_replaced_while_it_is_read_is_found_out() {
    let (desk, web) = (Desk::new(), Web::start());
    let address = small(&desk, &web);
    let source = fixture("RGB.byte.tif");
    desk.run(&["tile", &source, "-o", "c.pmtiles", "--name", "Another"])
        .ok();
    let other = fs::read(desk.path("c.pmtiles")).unwrap();
    // The second of two servers of one name has the new file.
    let second = Web::start();
    second.put("a.pmtiles", other.clone());
    let web = std::sync::Arc::new(web);
    let weak = std::sync::Arc::downgrade(&web);
    web.judge(move |_, n| {
        if n == 1
            && let Some(web) = weak.upgrade()
        {
            web.put("a.pmtiles", other.clone());
        }
        Fate::Pass
    });
    run(&desk, &["convert", &address, "-o", "b.pmtiles"]).fails(
        75,
        "another file is in its place since it was opened; expected",
    );
    assert_eq!(desk.names(), ["a.pmtiles", "c.pmtiles"]);
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let (desk, web) = (Desk::new(), Web::start());
    let address = small(&desk, &web);
    web.judge(|_, _| Fate::Silence);
    let mut info = command(&desk, &["info", &address]);
    info.env("GDAL_HTTP_LOW_SPEED_TIME", "1")
        .env("GDAL_HTTP_MAX_RETRY", "0");
    finish(&mut info).fails(75, "cannot be reached");
}

#[test]
fn an_archive_in_a_zip_file_is_read_where_it_is() {
    let desk = Desk::new();
    desk.run(&["tile", &fixture("RGB.byte.tif"), "-o", "a.pmtiles"])
        .ok();
    let name = format!(
        "/vsisubfile/0_1000000000,{}",
        desk.path("a.pmtiles").display()
    );
    run(
        &desk,
        &["convert", &name, "-o", "b.pmtiles", "--name", "RGB.byte"],
    )
    .ok();
    desk.same("a.pmtiles", "b.pmtiles");
    let missing = format!("/vsizip/{}/a.pmtiles", desk.path("none.zip").display());
    run(&desk, &["info", &missing]).fails(3, "expected");
}

#[test]
fn stores_are_opened_by_address_in_the_library_too() {
    let (desk, web) = (Desk::new(), Web::start());
    let address = small(&desk, &web);
    let mut far = open_store(Path::new(&address)).unwrap();
    let mut near = open_store(&desk.path("a.pmtiles")).unwrap();
    let tiles = near.tiles().unwrap();
    assert_eq!(far.tiles().unwrap(), tiles);
    for &tile in tiles.iter().rev() {
        assert_eq!(far.read(tile).unwrap(), near.read(tile).unwrap());
    }
    assert_eq!(far.metadata(), near.metadata());
    let places = far.places().unwrap().unwrap();
    assert!(places.iter().map(|row| row.0).eq(tiles));
    assert!(near.places().unwrap().is_none());
    far.check_unchanged().unwrap();
}

#[test]
fn an_archive_in_a_bucket_is_read_with_the_variables_that_write_there() {
    let Some(store) = Store::start() else { return };
    let desk = Desk::new();
    desk.run(&["tile", &fixture("RGB.byte.tif"), "-o", "a.pmtiles"])
        .ok();
    fs::copy(desk.path("a.pmtiles"), store.bucket().join("a.pmtiles")).unwrap();
    fs::copy(fixture("RGB.byte.tif"), store.bucket().join("a.tif")).unwrap();
    let name = format!("s3://{BUCKET}/a.pmtiles");
    let run = |args: &[&str]| finish(&mut store.command(&desk, args));
    let convert = ["convert", &*name, "--overwrite", "-o", "b.pmtiles"];
    run(&convert).ok();
    desk.same("a.pmtiles", "b.pmtiles");
    let seen = store.proxy.seen();
    assert!(seen.len() < 20, "{}", seen.len());
    // One to open it, and one at the end to see whether it is still the same.
    let is_start = |seen: &&store::Seen| seen.headers["range"] == "bytes=0-16383";
    assert_eq!(seen.iter().filter(is_start).count(), 2);
    let told = json(&run(&["info", "--json", &name]).ok());
    assert_eq!(told["paths"][0]["path"], name.as_str());
    // The same variables do for sources.
    run(&["tile", &format!("s3://{BUCKET}/a.tif"), "-o", "c.pmtiles"]).ok();
    // GDAL's own count more.
    let mut own = store.command(&desk, &convert);
    let host = store.proxy.address().replace("http://", "");
    own.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_S3_ENDPOINT", host)
        .env("AWS_HTTPS", "NO")
        .env("AWS_VIRTUAL_HOSTING", "FALSE");
    finish(&mut own).ok();

    let missing = format!("s3://{BUCKET}/none.pmtiles");
    run(&["info", &missing]).fails(3, "no such file on the server (404)");
    let mut wrong = store.command(&desk, &["info", &name]);
    wrong.env("AWS_SECRET_ACCESS_KEY", "no");
    let failed = finish(&mut wrong).fails(3, "the server denies access (403)");
    assert!(
        failed.stderr.contains("help: AWS_ACCESS_KEY_ID"),
        "{}",
        failed.stderr
    );
    assert!(!failed.stderr.contains(SECRET));
    // Replaced in the midst of it by one of the same length.
    let object = store.bucket().join("a.pmtiles");
    let data = fs::read(&object).unwrap();
    store.proxy.judge(move |_, n| {
        if n == 4 {
            let mut data = fs::read(&object).unwrap();
            data.reverse();
            // A store gives a new object a new time.
            std::thread::sleep(std::time::Duration::from_millis(1100));
            fs::write(&object, data).unwrap();
        }
        store::Fate::Pass
    });
    store.proxy.seen();
    run(&convert).fails(75, "another file is in its place since it was opened");
    fs::write(store.bucket().join("a.pmtiles"), data).unwrap();
    store.proxy.judge(|seen, _| match seen.method.as_str() {
        "GET" => store::Fate::Answer(503),
        _ => store::Fate::Pass,
    });
    let mut busy = store.command(&desk, &convert);
    busy.env("GDAL_HTTP_RETRY_DELAY", "0.01");
    finish(&mut busy).fails(75, "expected");
}

#[test]
fn an_archive_in_the_network_is_verified_where_it_is() {
    let (desk, web) = (Desk::new(), Web::start());
    let address = small(&desk, &web);
    let verify = |tileset: &str| -> Value {
        let run = run(&desk, &["verify", "-q", "--json", tileset]);
        serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr))
    };
    let (here, there) = (verify("a.pmtiles"), verify(&address));
    assert_eq!(there["sound"], true, "{there:#}");
    for key in ["tiles", "decoded", "compared", "zooms", "overviews"] {
        assert_eq!(here[key], there[key], "{key}");
    }
    let mut data = fs::read(desk.path("a.pmtiles")).unwrap();
    let n = data.len();
    data[n - 30_000] ^= 0xff;
    let damaged = verify(&web.put("b.pmtiles", data));
    assert_eq!(damaged["counts"]["damaged"], 1, "{damaged:#}");
}
