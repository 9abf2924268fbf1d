//! What only MBTiles has.

use std::path::PathBuf;

use gdal::raster::ResampleAlg;
use gdal::{Dataset, DatasetOptions, Metadata as _};
use rusqlite::{Connection, OpenFlags};

use super::*;

/// A database at a path that lives as long as the folder.
fn baked() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.mbtiles");
    bake(&path, &options(), &metadata());
    (folder, path)
}

fn query<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> T {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn the_file_is_plain_mbtiles() {
    let (_folder, path) = baked();
    let file = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    assert_eq!(query::<i64>(&file, "PRAGMA application_id"), 0x4d50_4258);
    assert_eq!(query::<String>(&file, "PRAGMA encoding"), "UTF-8");
    assert_eq!(query::<String>(&file, "PRAGMA journal_mode"), "delete");
    assert_eq!(query::<i64>(&file, "PRAGMA freelist_count"), 0);
    assert_eq!(query::<String>(&file, "PRAGMA integrity_check"), "ok");
    // Versions for writing and reading: 1 is the rollback journal, which needs no file beside it.
    assert_eq!(fs::read(&path).unwrap()[18..20], [1, 1]);
    let row: i64 = query(
        &file,
        "SELECT tile_row FROM tiles WHERE CAST(tile_data AS TEXT) LIKE '2/1/0;%'",
    );
    assert_eq!(row, 3, "rows count from the south");
    let plan: String = file
        .query_row(
            "EXPLAIN QUERY PLAN SELECT tile_data FROM tiles
             WHERE zoom_level = 1 AND tile_column = 1 AND tile_row = 1",
            [],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("tile_index"), "{plan}");
    for table in ["tiles", "metadata"] {
        let sql = format!("INSERT INTO {table} SELECT * FROM {table} LIMIT 1");
        let file = Connection::open(&path).unwrap();
        assert!(file.execute(&sql, []).is_err(), "{table} takes a row twice");
    }
}

#[test]
fn the_file_is_as_small_as_a_vacuum_would_make_it() {
    let (folder, path) = baked();
    let copy = folder.path().join("copy");
    let file = Connection::open(&path).unwrap();
    file.execute("VACUUM INTO ?", [copy.to_str().unwrap()])
        .unwrap();
    let copy = Connection::open(copy).unwrap();
    let pages = |file| query::<i64>(file, "PRAGMA page_count");
    assert_eq!(pages(&file), pages(&copy));
}

#[test]
fn the_same_tiles_give_the_same_bytes() {
    let (_folder, first) = baked();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let folder = tempfile::tempdir().unwrap();
    let second = folder.path().join("u.mbtiles");
    let published = bake(&second, &options(), &metadata());
    let (first, second) = (fs::read(first).unwrap(), fs::read(second).unwrap());
    assert!(first == second);
    assert_eq!(published.bytes, second.len() as u64);
    use sha2::{Digest, Sha256};
    assert_eq!(
        published.sha256,
        Some(format!("{:x}", Sha256::digest(&second)))
    );
}

#[test]
fn tiles_beyond_the_cache_give_the_same_bytes_too() {
    let folder = tempfile::tempdir().unwrap();
    let digests: Vec<_> = ["a.mbtiles", "b.mbtiles"]
        .iter()
        .map(|name| {
            let mut sink = open_sink(&folder.path().join(name), &options()).unwrap();
            for x in 0..2000 {
                sink.write(TileCoord::new(11, x, x / 3), &[x as u8; 12_000], None)
                    .unwrap();
            }
            let metadata = Metadata {
                zoom_max: 11,
                ..metadata()
            };
            sink.finish(&metadata).unwrap().publish().unwrap().sha256
        })
        .collect();
    assert_eq!(digests[0], digests[1]);
    let file = Connection::open(folder.path().join("a.mbtiles")).unwrap();
    assert_eq!(query::<String>(&file, "PRAGMA integrity_check"), "ok");
}

/// A tile of one colour.
fn png(color: [u8; 3]) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(256, 256, image::Rgb(color));
    picture.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

#[test]
fn gdal_reads_every_tile_where_it_belongs() {
    let color = |x: u32, y: u32| [40 + 60 * x as u8, 40 + 60 * y as u8, 200];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.mbtiles");
    let mut sink = open_sink(&path, &options()).unwrap();
    for (x, y) in [(0, 0), (0, 1), (1, 1), (1, 0)] {
        sink.write(TileCoord::new(1, x, y), &png(color(x, y)), None)
            .unwrap();
    }
    sink.write(TileCoord::new(0, 0, 0), &png([70, 70, 200]), None)
        .unwrap();
    let bounds = Bounds::new(-180.0, -85.0, 180.0, 85.0);
    let metadata = Metadata {
        bounds,
        center: (0.0, 0.0, 0),
        zoom_max: 1,
        ..metadata()
    };
    sink.finish(&metadata).unwrap().publish().unwrap();

    let drivers = DatasetOptions {
        allowed_drivers: Some(&["MBTiles"]),
        ..Default::default()
    };
    let dataset = Dataset::open_ex(&path, drivers).unwrap();
    assert_eq!(dataset.driver().short_name(), "MBTiles");
    assert_eq!(dataset.metadata_item("name", ""), Some(metadata.name));
    let (width, height) = dataset.raster_size();
    let [west, scale_x, _, north, _, scale_y] = dataset.geo_transform().unwrap();
    // Half the length of the equator on the Mercator map.
    let half = 20_037_508.342_789_244;
    assert!((scale_x - half / 256.0).abs() < 1e-6 && (scale_y + half / 256.0).abs() < 1e-6);
    for (x, y) in [(0, 0), (0, 1), (1, 1), (1, 0)] {
        // The middle of the tile, wherever GDAL lets the picture begin.
        let col = ((f64::from(x) - 0.5) * half - west) / scale_x;
        let row = ((0.5 - f64::from(y)) * half - north) / scale_y;
        assert!((0.0..width as f64).contains(&col) && (0.0..height as f64).contains(&row));
        let read = |band| {
            let band = dataset.rasterband(band).unwrap();
            let at = (col as isize, row as isize);
            let window =
                band.read_as::<u8>(at, (1, 1), (1, 1), Some(ResampleAlg::NearestNeighbour));
            window.unwrap().data()[0]
        };
        assert_eq!([read(1), read(2), read(3)], color(x, y), "tile 1/{x}/{y}");
    }
}

#[test]
fn files_of_other_programs_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t#1%?.mbtiles");
    let file = Connection::open(&path).unwrap();
    // Equal tiles stored once, numbers as numbers, no format, a name twice, and in write-ahead mode.
    file.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE map (zoom_level, tile_column, tile_row, tile_id);
         CREATE TABLE images (tile_data blob, tile_id);
         CREATE VIEW tiles AS SELECT zoom_level, tile_column, tile_row, tile_data
             FROM map JOIN images USING (tile_id);
         CREATE TABLE metadata (name, value);
         INSERT INTO metadata VALUES ('minzoom', 0), ('maxzoom', 1.0), ('name', NULL), (NULL, 'x'),
             ('type', 'overlay'), ('type', 'baselayer');
         INSERT INTO map VALUES (0, 0, 0, 'a'), (1, 0, 1, 'a'), (1, 1, 0, 'b');
         INSERT INTO images VALUES (x'89504e470d0a1a0a', 'a'), (NULL, 'b');",
    )
    .unwrap();
    drop(file);
    let before = names(folder.path());
    let mut store = open_store(&path).unwrap();
    let found: Vec<String> = store
        .tiles()
        .unwrap()
        .iter()
        .map(TileCoord::to_string)
        .collect();
    assert_eq!(found, ["0/0/0", "1/0/0", "1/1/1"]);
    assert_eq!(
        store.read(TileCoord::new(1, 0, 0)).unwrap().unwrap().len(),
        8
    );
    assert_eq!(
        store.read(TileCoord::new(1, 1, 1)).unwrap(),
        Some(Vec::new())
    );
    assert_eq!(store.read(TileCoord::new(1, 0, 1)).unwrap(), None);
    assert_eq!(store.metadata().format, Some(Format::Png));
    assert_eq!(store.metadata().zoom_min, Some(0));
    assert_eq!(store.metadata().rows["type"], "overlay");
    assert_eq!(
        names(folder.path()),
        before,
        "reading left something beside the file"
    );
    drop(store);
    assert_eq!(names(folder.path()), before);
}

#[test]
fn whole_numbers_are_read_in_any_dress() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, kind: &str, at: [&str; 3]| {
        let path = folder.path().join(name);
        let columns = ["zoom_level", "tile_column", "tile_row"].map(|c| format!("{c} {kind}"));
        let (columns, values) = (columns.join(", "), at.join(", "));
        let file = Connection::open(&path).unwrap();
        file.execute_batch(&format!(
            "CREATE TABLE tiles ({columns}, tile_data blob);
             CREATE TABLE metadata (name text, value text);
             INSERT INTO tiles VALUES ({values}, x'89504e470d0a1a0a'), (0, 0, 0, x'00');"
        ))
        .unwrap();
        open_store(&path).unwrap()
    };
    let (integers, texts) = (["2", "1", "3"], ["'2'", "'1'", "'3'"]);
    for (k, kind) in ["integer", "text", "real", "", "blob"].iter().enumerate() {
        for (n, at) in [integers, texts, ["2.0", "1.0", "3.0"], ["'2'", "1", "3.0"]]
            .iter()
            .enumerate()
        {
            // A column of text makes text of any number, with its fraction.
            if *kind == "text" && n > 1 {
                continue;
            }
            let mut store = make(&format!("{k}-{n}.mbtiles"), kind, *at);
            let tiles = store.tiles().unwrap();
            let expected = [TileCoord::new(0, 0, 0), TileCoord::new(2, 1, 0)];
            assert_eq!(tiles, expected, "{kind:?} {at:?}");
            for (tile, n_bytes) in tiles.into_iter().zip([1, 8]) {
                let data = store.read(tile).unwrap();
                assert_eq!(data.unwrap().len(), n_bytes, "{kind:?} {at:?} {tile}");
            }
        }
    }
    for (k, (at, said)) in [
        (["'2.0'", "1", "3"], "zoom_level is the text \"2.0\""),
        (["2", "1.5", "3"], "tile_column is 1.5"),
        (["2", "1", "NULL"], "tile_row is NULL"),
        (["2", "1", "x'01'"], "CAST(tile_row AS INTEGER)"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut store = make(&format!("bad-{k}.mbtiles"), "", at);
        expect_error(store.tiles(), Kind::Input, said);
    }
}

#[test]
fn damaged_files_are_told() {
    let sql = |text: &'static str| {
        move |path: &Path| {
            Connection::open(path).unwrap().execute_batch(text).unwrap();
        }
    };
    let edit = |change: fn(&mut Vec<u8>)| {
        move |path: &Path| {
            let mut bytes = fs::read(path).unwrap();
            change(&mut bytes);
            fs::write(path, bytes).unwrap();
        }
    };
    type Damage<'a> = Box<dyn Fn(&Path) + 'a>;
    let rows: [(Damage<'_>, &str); 9] = [
        (Box::new(edit(Vec::clear)), "an empty file"),
        (Box::new(edit(|bytes| bytes.truncate(50))), ""),
        (Box::new(edit(|bytes| bytes.truncate(20_000))), "damaged"),
        (
            Box::new(edit(|bytes| bytes[0] = b'X')),
            "not an SQLite database",
        ),
        (Box::new(edit(|bytes| bytes[100..].fill(0xa5))), "damaged"),
        (Box::new(sql("DROP TABLE tiles")), "no such table: tiles"),
        (
            Box::new(sql("DROP TABLE metadata")),
            "no such table: metadata",
        ),
        (
            Box::new(sql("INSERT INTO tiles VALUES (2, 4, 0, 'x')")),
            "zoom 2, column 4, row 0",
        ),
        (
            Box::new(sql("INSERT INTO tiles VALUES ('a', 'b', 'c', 'x')")),
            "expected a whole number",
        ),
    ];
    for (damage, told) in rows {
        let (_folder, path) = baked();
        damage(&path);
        let tiles = open_store(&path).and_then(|mut store| store.tiles());
        expect_error(tiles, Kind::Input, told);
    }
    for (z, x, y) in [
        (-1, 0, 0),
        (31, 0, 0),
        (300, 0, 0),
        (1, -1, 0),
        (1, 0, -1),
        (1, 0, i64::MAX),
        (1, 0, i64::MIN),
    ] {
        let (_folder, path) = baked();
        let file = Connection::open(&path).unwrap();
        file.execute("INSERT INTO tiles VALUES (?, ?, ?, 'x')", [z, x, y])
            .unwrap();
        expect_error(
            open_store(&path).unwrap().tiles(),
            Kind::Input,
            "outside the matrix",
        );
    }
}

/// A view's SQL is that of whoever wrote the file.
#[test]
fn views_that_have_no_end_are_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let n = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n)";
    let metadata = "CREATE TABLE metadata (name text, value text);";
    let tiles = |from: &str| {
        format!(
            "{metadata} CREATE VIEW tiles AS {n}
             SELECT 0 AS zoom_level, 0 AS tile_column, 0 AS tile_row, x'00' AS tile_data FROM {from}"
        )
    };
    let texts = |text: &str| {
        format!(
            "CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data);
             CREATE VIEW metadata AS {n} SELECT 'a' || i AS name, {text} AS value FROM n"
        )
    };
    let soon = "a view in it takes longer to read than any tileset of its length";
    for (k, (sql, said)) in [
        (tiles("n WHERE i < 0"), soon),
        (tiles("n"), soon),
        (texts("hex(zeroblob(1000000))"), "metadata of more than"),
        (texts("'b'"), soon),
        (texts("zeroblob(999999999)"), "too big"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{k}.mbtiles"));
        Connection::open(&path)
            .unwrap()
            .execute_batch(&sql)
            .unwrap();
        let tiles = open_store(&path).and_then(|mut store| store.tiles());
        expect_error(tiles, Kind::Input, said);
        let audit = audit(&path, &mut || Ok(())).unwrap();
        assert!(audit.faults[0].found.contains(said), "{:?}", audit.faults);
    }
}

#[test]
fn a_journal_beside_the_file_is_never_played_into_another() {
    for end in ["-wal", "-journal"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.mbtiles");
        let journal = folder.path().join(format!("t.mbtiles{end}"));
        fs::write(&journal, "pages").unwrap();
        expect_error(open_sink(&path, &options()), Kind::Output, "journal");
        fs::remove_file(&journal).unwrap();
        bake(&path, &options(), &metadata());
        fs::write(&journal, "pages").unwrap();
        let replace = SinkOptions {
            overwrite: Overwrite::Replace,
            ..options()
        };
        expect_error(open_sink(&path, &replace), Kind::Output, "journal");
        expect_error(open_store(&path), Kind::Input, "journal");
        assert_eq!(fs::read(&journal).unwrap(), b"pages");
    }
}

#[test]
#[cfg(unix)]
fn a_replaced_file_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = baked();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    bake(
        &path,
        &SinkOptions {
            overwrite: Overwrite::Replace,
            ..options()
        },
        &metadata(),
    );
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

fn of_type(kind: Option<MbtilesType>) -> SinkOptions {
    SinkOptions {
        mbtiles: MbtilesOptions {
            kind,
            agg_hash: true,
        },
        ..options()
    }
}

/// Writes all of zoom 6, the tile at (x, y) with the bytes that `data` gives.
fn bake_world(path: &Path, kind: Option<MbtilesType>, data: impl Fn(u32, u32) -> Vec<u8>) -> u64 {
    let mut sink = open_sink(path, &of_type(kind)).unwrap();
    for at in 0..64 * 64 {
        let (x, y) = (at / 64, at % 64);
        sink.write(
            TileCoord::new(6, x, y),
            &data(x, y),
            Digest::of(&data(x, y)),
        )
        .unwrap();
    }
    let metadata = Metadata {
        zoom_max: 6,
        ..metadata()
    };
    let published = sink.finish(&metadata).unwrap().publish().unwrap();
    assert_eq!(published.bytes, fs::metadata(path).unwrap().len());
    published.bytes
}

const TYPES: [Option<MbtilesType>; 3] =
    [None, Some(MbtilesType::Flat), Some(MbtilesType::Normalized)];

/// What [`bake_world`] makes of every type, in the order of [`TYPES`].
fn worlds(folder: &Path, data: impl Fn(u32, u32) -> Vec<u8>) -> [(PathBuf, u64); 3] {
    TYPES.map(|kind| {
        let path = folder.join(format!(
            "{}.mbtiles",
            kind.map_or("auto", MbtilesType::name)
        ));
        let bytes = bake_world(&path, kind, &data);
        (path, bytes)
    })
}

/// The bytes of a file, and what type its tables are of.
fn told(path: &Path) -> (Vec<u8>, Option<Storage>) {
    let storage = open_store(path).unwrap().storage().unwrap();
    (fs::read(path).unwrap(), storage)
}

#[test]
fn oceans_are_stored_once_when_nobody_says_how() {
    let folder = tempfile::tempdir().unwrap();
    // Of one colour on three sides out of four.
    let ocean = |x: u32, y: u32| {
        let n = if x < 32 && y < 32 {
            x * 64 + y
        } else {
            u32::MAX
        };
        [n.to_le_bytes().to_vec(), vec![1; 3000]].concat()
    };
    let [(auto, _), (flat, flat_bytes), (normalized, bytes)] = worlds(folder.path(), ocean);
    assert!(bytes * 5 < flat_bytes * 2, "{bytes} of {flat_bytes}");
    assert!(told(&auto).0 == told(&normalized).0, "one type, two files");
    assert_eq!(contents(&flat), contents(&normalized));
    let of = |kind, n_stored| Some(Storage { kind, n_stored });
    assert_eq!(told(&flat).1, of(MbtilesType::Flat, 4096));
    assert_eq!(told(&auto).1, of(MbtilesType::Normalized, 32 * 32 + 1));
    assert_eq!(names(folder.path()).len(), 3, "nothing else is left");
}

#[test]
fn a_tileset_of_oceans_is_a_tenth_of_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let [_, (_, flat), (_, normalized)] = worlds(folder.path(), |_, _| vec![1; 1700]);
    assert!(normalized * 10 < flat, "{normalized} of {flat}");
}

#[test]
fn tiles_that_are_all_different_are_stored_flat_when_nobody_says_how() {
    let folder = tempfile::tempdir().unwrap();
    let land = |x: u32, y: u32| [x.to_le_bytes(), y.to_le_bytes()].concat().repeat(100);
    let [(auto, _), (flat, _), (normalized, _)] = worlds(folder.path(), land);
    assert!(told(&auto).0 == told(&flat).0);
    assert_eq!(contents(&flat), contents(&normalized));
    let n_stored = told(&normalized).1.unwrap().n_stored;
    assert_eq!(n_stored, 4096);
}

#[test]
fn both_types_are_as_other_programs_want_them() {
    let folder = tempfile::tempdir().unwrap();
    let worlds = worlds(folder.path(), |x, y| vec![u8::from(x == y); 900]);
    let hashes = worlds.each_ref().map(|(path, _)| {
        let file = Connection::open(path).unwrap();
        assert_eq!(query::<i64>(&file, "PRAGMA application_id"), 0x4d50_4258);
        assert_eq!(query::<i64>(&file, "PRAGMA freelist_count"), 0);
        assert_eq!(query::<String>(&file, "PRAGMA integrity_check"), "ok");
        let sql = "SELECT value FROM metadata WHERE name = 'agg_tiles_hash'";
        query::<String>(&file, sql)
    });
    // Reckoned by Python's hashlib.
    assert_eq!(hashes, ["70807203D9471688EAC37AC7F31C9AB3"; 3]);

    let file = Connection::open(&worlds[2].0).unwrap();
    let plan = |sql: &str| -> Vec<String> {
        let mut query = file.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = query.query_map([], |row| row.get(3)).unwrap();
        steps.map(|step| step.unwrap()).collect()
    };
    let one =
        "SELECT tile_data FROM tiles WHERE zoom_level = 1 AND tile_column = 1 AND tile_row = 1";
    let all = "SELECT * FROM tiles ORDER BY zoom_level, tile_column, tile_row";
    for (sql, way) in [(one, "SEARCH map"), (all, "SCAN map")] {
        let steps = plan(sql);
        assert!(
            steps.len() == 2
                && steps[0].starts_with(way)
                && steps[0].contains("map_index")
                && steps[1].starts_with("SEARCH images")
                && steps[1].contains("images_id"),
            "{steps:?}"
        );
    }
    let mut images = file
        .prepare("SELECT tile_id, tile_data FROM images")
        .unwrap();
    let images = images.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    for image in images.unwrap() {
        let (name, data): (String, Vec<u8>) = image.unwrap();
        use md5::Digest;
        assert_eq!(name, format!("{:x}", md5::Md5::digest(data)));
    }
    for table in ["map", "images", "metadata"] {
        let sql = format!("INSERT INTO {table} SELECT * FROM {table} LIMIT 1");
        assert!(file.execute(&sql, []).is_err(), "{table} takes a row twice");
    }
}

#[test]
fn a_hash_of_other_tiles_is_not_handed_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.mbtiles");
    let metadata = Metadata {
        extra: vec![("agg_tiles_hash".into(), "of others".into())],
        ..metadata()
    };
    bake(&path, &of_type(None), &metadata);
    let found = open_store(&path).unwrap().metadata().rows["agg_tiles_hash"].clone();
    assert_eq!(found.len(), 32, "{found}");
}

#[test]
fn either_type_replaces_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.mbtiles");
    for kind in [TYPES[1], TYPES[2], TYPES[1]] {
        let options = SinkOptions {
            overwrite: Overwrite::Replace,
            ..of_type(kind)
        };
        bake(&path, &options, &metadata());
        assert_eq!(told(&path).1.map(|storage| storage.kind), kind);
        assert_eq!(contents(&path).len(), tiles((1, 1)).len());
    }
}
