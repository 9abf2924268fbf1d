//! Tilesets from one container into others.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test that cannot go on panics; one that is skipped says so.

mod desk;
mod program;
mod skip;
mod under_way;

use std::fs;
use std::io::BufRead;
use std::path::Path;

use azulejo::archive::open_store;
use azulejo::geo::tile::TileCoord;
use rusqlite::Connection;
use serde_json::Value;

use self::desk::{Desk, Run, fixture};

/// A row of `tiles`: zoom, column and row from the south, and the bytes.
type Row<'a> = ((u8, u32, u32), &'a [u8]);

/// What this is all about, for a folder to work in.
impl Desk {
    /// With a tileset of the Bahamas in every container: `a.mbtiles`, `a.pmtiles` and the folder `a`, zooms 4 to 9.
    fn with_tilesets(more: &[&str]) -> Self {
        let desk = Self::new();
        let source = fixture("RGB.byte.tif");
        let outputs = ["-o", "a.mbtiles", "-o", "a.pmtiles", "-o", "a"];
        let args = [&["tile", &source], &outputs[..], more].concat();
        desk.run(&args).ok();
        desk
    }

    fn convert(&self, args: &[&str]) -> Run {
        self.run(&[&["convert"], args].concat())
    }

    fn tiles(&self, name: &str) -> Vec<TileCoord> {
        open_store(&self.path(name)).unwrap().tiles().unwrap()
    }

    /// A metadata row.
    fn row(&self, name: &str, key: &str) -> String {
        open_store(&self.path(name)).unwrap().metadata().rows[key].clone()
    }

    /// An MBTiles file such as others write, with only these rows and tiles: zoom, column, row from the south.
    fn foreign(&self, name: &str, rows: &[(&str, &str)], tiles: &[Row]) {
        let db = Connection::open(self.path(name)).unwrap();
        db.execute_batch(
            "CREATE TABLE metadata (name text, value text);
             CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob);",
        )
        .unwrap();
        for &row in rows {
            db.execute("INSERT INTO metadata VALUES (?, ?)", row)
                .unwrap();
        }
        for ((z, x, y), data) in tiles {
            let insert = "INSERT INTO tiles VALUES (?, ?, ?, ?)";
            db.execute(insert, (z, x, y, data)).unwrap();
        }
    }
}

/// A picture's first bytes: all that a conversion looks at.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand so on";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0and so on";

/// A number out of a list of them.
fn number(text: &str, at: usize) -> f64 {
    text.split(',').nth(at).unwrap().parse().unwrap()
}

#[test]
fn a_tileset_has_the_same_bytes_however_it_came_into_its_container() {
    let said = ["--name", "Bahamas", "--description", "All \"of\" it, ä"];
    let more = ["--attribution", "<b>USGS</b>", "--type", "baselayer"];
    let rows = ["--meta", "zone=18", "--meta", "area=N", "--meta", "id=0"];
    let version = ["--version-string", "2.1.0"];
    let desk = Desk::with_tilesets(&[&said[..], &more, &rows, &version].concat());
    desk.convert(&["a", "-o", "b.mbtiles"]).ok();
    desk.convert(&["b.mbtiles", "-o", "b.pmtiles"]).ok();
    desk.convert(&["b.pmtiles", "-o", "b", "-o", "c.mbtiles"])
        .ok();
    desk.same("a.mbtiles", "b.mbtiles");
    desk.same("a.pmtiles", "b.pmtiles");
    desk.same("a", "b");
    desk.same("a.mbtiles", "c.mbtiles");
}

#[test]
fn tile_sizes_formats_and_rows_from_the_south_are_carried() {
    let how = ["-f", "webp", "--tile-size", "512", "--scheme", "tms"];
    let desk = Desk::with_tilesets(&how);
    let run = desk.convert(&["a", "-o", "b.mbtiles", "-o", "b.pmtiles"]);
    run.ok();
    desk.same("a.mbtiles", "b.mbtiles");
    desk.same("a.pmtiles", "b.pmtiles");
    let run = desk.convert(&["a.pmtiles", "--scheme", "tms", "-o", "b"]);
    run.ok();
    desk.same("a", "b");
}

#[test]
fn grids_with_two_roots_are_carried_where_they_fit() {
    let desk = Desk::new();
    let source = fixture("small_world.tif");
    let how = ["--tiling-scheme", "WorldCRS84Quad", "--max-zoom", "3"];
    let tile = ["tile", &source, "-o", "a", "-o", "a.mbtiles"];
    desk.run(&[&tile[..], &how].concat()).ok();
    desk.convert(&["a.mbtiles", "-o", "b"]).ok();
    desk.convert(&["b", "-o", "b.mbtiles"]).ok();
    desk.same("a", "b");
    desk.same("a.mbtiles", "b.mbtiles");
    let before = desk.names();
    desk.convert(&["a", "-o", "c.mbtiles", "-o", "b.pmtiles"])
        .fails(2, "2 x 1 tiles at zoom 0");
    assert_eq!(desk.names(), before);
    // Options that other commands have are no help.
    for args in [
        &["a", "-o", "b.pmtiles"][..],
        &["a", "-o", "c", "--bbox", "530,0,540,10"],
        &["a", "-o", "c", "--bbox", "0,0,10,95"],
    ] {
        let run = desk.convert(args);
        assert!(!run.stderr.contains("-crs") && !run.stderr.contains("-scheme"));
        run.fails(2, "help: ");
    }
}

#[test]
fn a_piece_has_its_zooms_and_its_bounds() {
    let desk = Desk::with_tilesets(&[]);
    let all = desk.tiles("a");
    let run = desk.convert(&["a.mbtiles", "-z", "5-7", "-o", "z.pmtiles"]);
    run.ok().says("tileset  z5-z7 · ");
    let zooms: Vec<_> = all
        .iter()
        .copied()
        .filter(|t| (5..=7).contains(&t.z()))
        .collect();
    assert_eq!(desk.tiles("z.pmtiles"), zooms);
    assert_eq!(desk.row("z.pmtiles", "minzoom"), "5");
    assert_eq!(desk.row("z.pmtiles", "maxzoom"), "7");
    assert_eq!(desk.row("z.pmtiles", "bounds"), desk.row("a", "bounds"));
    assert_eq!(number(&desk.row("z.pmtiles", "center"), 2), 5.0);

    // The tile 9/145/219, to the last decimal that people write.
    let bbox = "-78.046875,24.5271348,-77.34375,25.1651734";
    let args = [
        "a.pmtiles",
        "--min-zoom",
        "8",
        "--bbox",
        bbox,
        "-o",
        "b.mbtiles",
    ];
    desk.convert(&args).ok();
    let found: Vec<_> = desk
        .tiles("b.mbtiles")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, ["8/72/109", "9/145/219"]);
    assert_eq!(desk.row("b.mbtiles", "bounds"), bbox);
    let center = desk.row("b.mbtiles", "center");
    let (lon, lat) = (number(&center, 0), number(&center, 1));
    assert!(-78.046875 < lon && lon < -77.34375 && 24.52 < lat && lat < 25.17);
    assert_eq!(number(&center, 2), 8.0);
}

#[test]
fn a_region_takes_the_tiles_that_its_polygons_meet() {
    let desk = Desk::with_tilesets(&[]);
    // A triangle around the middle of 9/145/219, and nothing of its neighbours.
    let ring = "[[-77.8,24.7],[-77.5,24.7],[-77.6,25.0],[-77.8,24.7]]";
    let region = format!(r#"{{"type": "Polygon", "coordinates": [{ring}]}}"#);
    fs::write(desk.path("aoi.geojson"), region).unwrap();
    let args = ["a", "--region", "aoi.geojson", "-o", "b.mbtiles"];
    desk.convert(&args).ok();
    let found = desk.tiles("b.mbtiles");
    let deepest: Vec<_> = found.iter().filter(|tile| tile.z() == 9).collect();
    assert_eq!(deepest.len(), 1);
    assert_eq!(deepest[0].to_string(), "9/145/219");
    let bounds = desk.row("b.mbtiles", "bounds");
    for (at, expected) in [-77.8, 24.7, -77.5, 25.0].into_iter().enumerate() {
        assert!((number(&bounds, at) - expected).abs() < 1e-5, "{bounds}");
    }
    let run = desk.convert(&["a", "--region", "a/metadata.json", "-o", "c.mbtiles"]);
    run.fails(3, "metadata.json");
}

#[test]
fn nothing_left_ends_with_8_and_writes_nothing() {
    let desk = Desk::with_tilesets(&[]);
    let before = desk.names();
    for (args, said) in [
        (["--bbox", "10,10,11,11"], "no tiles within the box"),
        (["-z", "12-"], "no tiles from zoom 12 on"),
    ] {
        let args = [&["a", "-o", "b.mbtiles", "-o", "b"], &args[..]].concat();
        desk.convert(&args).fails(8, said);
    }
    let args = ["a", "-o", "b", "--min-zoom", "7", "--max-zoom", "6"];
    desk.convert(&args).fails(2, "zooms 7 to 6");
    assert_eq!(desk.names(), before);
}

#[test]
fn what_the_user_says_about_the_tileset_counts_more() {
    let desk = Desk::with_tilesets(&["--meta", "id=1", "--attribution", "me"]);
    let says = ["--name", "New", "--description", "cut", "--meta", "id=2"];
    let args = [&["a", "-o", "b.mbtiles", "--type", "baselayer"], &says[..]].concat();
    desk.convert(&args).ok();
    let rows = [
        ("name", "New"),
        ("description", "cut"),
        ("id", "2"),
        ("type", "baselayer"),
        ("attribution", "me"),
        ("version", "1.0.0"),
    ];
    for (key, value) in rows {
        assert_eq!(desk.row("b.mbtiles", key), value);
    }
    desk.convert(&["a", "-o", "c.mbtiles", "--meta", "format=gif"])
        .fails(2, "format");
}

#[test]
fn outputs_that_exist_stay_unless_they_may_be_replaced() {
    let desk = Desk::with_tilesets(&[]);
    fs::write(desk.path("b.mbtiles"), "").unwrap();
    let before = desk.names();
    let args = ["a", "-o", "b.pmtiles", "-o", "b.mbtiles"];
    desk.convert(&args).fails(4, "b.mbtiles");
    assert_eq!(desk.names(), before, "one fails, none is published");
    desk.convert(&[&args[..], &["--overwrite"]].concat()).ok();
    desk.same("a.mbtiles", "b.mbtiles");
    desk.same("a.pmtiles", "b.pmtiles");
    for same in ["a", "./a/", "a/../a"] {
        let args = ["a", "-o", same, "--overwrite"];
        desk.convert(&args).fails(2, "the tileset a");
    }
    let args = ["a", "-o", "x.mbtiles", "--report", "x.mbtiles"];
    desk.convert(&args).fails(2, "the same place");
}

#[test]
fn what_a_tileset_does_not_tell_is_derived_from_its_tiles() {
    let desk = Desk::new();
    // In the highest zoom 3/4/2 and 3/5/2, from Greenwich to 90 degrees east.
    let tiles: [Row; 3] = [((3, 4, 5), JPEG), ((3, 5, 5), JPEG), ((2, 2, 2), JPEG)];
    desk.foreign("in.mbtiles", &[], &tiles);
    let run = desk.convert(&["in.mbtiles", "-o", "x"]);
    run.ok().says("no name, bounds, center, type");
    assert_eq!(desk.row("x", "name"), "in");
    assert_eq!(desk.row("x", "format"), "jpg");
    assert_eq!(desk.row("x", "bounds"), "0,40.9798981,90,66.5132604");
    assert_eq!(desk.row("x", "center"), "45,53.7465793,2");
    assert_eq!(desk.row("x", "minzoom"), "2");
    assert_eq!(desk.row("x", "maxzoom"), "3");
    assert_eq!(fs::read(desk.path("x/3/5/2.jpg")).unwrap(), JPEG);
}

#[test]
fn metadata_that_is_not_true_is_put_right() {
    let desk = Desk::new();
    let rows = [
        ("name", "n"),
        ("format", "png"),
        ("minzoom", "0"),
        ("maxzoom", "22"),
        ("bounds", "-200,-95,10,80"),
    ];
    desk.foreign("in.mbtiles", &rows, &[((1, 0, 0), JPEG), ((1, 1, 1), b"")]);
    let run = desk.convert(&["in.mbtiles", "-o", "x.mbtiles"]);
    run.ok()
        .says("its metadata says png, its tiles are jpeg")
        .says("passed over: 1");
    let row = |key| desk.row("x.mbtiles", key);
    assert_eq!(row("format"), "jpg");
    assert_eq!((row("minzoom"), row("maxzoom")), ("1".into(), "1".into()));
    assert_eq!(row("bounds"), "-180,-90,10,80");
    assert_eq!(desk.tiles("x.mbtiles").len(), 1);
}

#[test]
fn tiles_of_several_formats_are_kept_with_a_warning() {
    let desk = Desk::new();
    let tiles: [Row; 3] = [((0, 0, 0), PNG), ((1, 0, 0), JPEG), ((1, 1, 1), JPEG)];
    desk.foreign("in.mbtiles", &[("format", "jpg")], &tiles);
    let run = desk.convert(&["in.mbtiles", "-o", "x.pmtiles"]);
    run.ok().says(
        "warning: in.mbtiles: tiles that are png, kept as they are among those that are jpeg: 1",
    );
    assert_eq!(desk.row("x.pmtiles", "format"), "jpg");
    let mut store = open_store(&desk.path("x.pmtiles")).unwrap();
    let top = store.tiles().unwrap()[0];
    assert_eq!(store.read(top).unwrap().unwrap(), PNG);
}

#[test]
fn what_is_no_tileset_of_pictures_is_refused_and_leaves_nothing() {
    let desk = Desk::new();
    desk.foreign(
        "pbf.mbtiles",
        &[("format", "pbf")],
        &[((0, 0, 0), b"\x1f\x8b")],
    );
    desk.foreign("told.mbtiles", &[], &[((0, 0, 0), b"\x1f\x8b")]);
    let late: [Row; 2] = [((1, 0, 0), PNG), ((1, 1, 1), b"garbage")];
    desk.foreign("late.mbtiles", &[], &late);
    desk.foreign("none.mbtiles", &[], &[]);
    desk.foreign("empty.mbtiles", &[], &[((0, 0, 0), b"")]);
    fs::write(desk.path("text.mbtiles"), "no database").unwrap();
    let before = desk.names();
    for (name, said) in [
        (
            "pbf",
            "vector tiles (pbf); expected png, jpeg, webp, avif or tif",
        ),
        ("told", "tile 0/0/0 is no picture that we know"),
        ("late", "tile 1/1/0 is no picture that we know"),
        ("none", "no tiles in it"),
        ("empty", "no tile with any bytes"),
        ("text", "not an SQLite database"),
        ("missing", "cannot be read"),
    ] {
        let args = [&format!("{name}.mbtiles"), "-o", "x.mbtiles", "-o", "x"];
        desk.convert(&args).fails(3, said);
        assert_eq!(desk.names(), before, "{name}");
    }
}

#[test]
fn a_truncated_archive_is_refused_and_leaves_nothing() {
    let desk = Desk::with_tilesets(&[]);
    for name in ["a.mbtiles", "a.pmtiles"] {
        let whole = fs::read(desk.path(name)).unwrap();
        let before = desk.names();
        for part in [whole.len() / 3, whole.len() - 5000] {
            fs::write(desk.path(name), &whole[..part]).unwrap();
            let run = desk.convert(&[name, "-o", "x.mbtiles", "-o", "x"]);
            run.fails(3, &format!("{name}: "));
            assert_eq!(desk.names(), before);
        }
    }
}

#[test]
fn the_report_tells_what_was_done() {
    let desk = Desk::with_tilesets(&["--report", "bake.json"]);
    let args = ["a.pmtiles", "-o", "b.mbtiles", "-o", "b", "--report"];
    desk.convert(&[&args[..], &["all.json"]].concat()).ok();
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(desk.path(name)).unwrap()).unwrap()
    };
    let (baked, all) = (read("bake.json"), read("all.json"));
    for key in ["schema", "tiles", "bytes", "zooms", "tiles_sha256"] {
        assert!(baked[key] != Value::Null);
        assert_eq!(baked[key], all[key], "{key}");
    }
    assert_eq!(all["outputs"].as_array().unwrap().len(), 2);
    assert_eq!(all["outputs"][0]["sha256"], baked["outputs"][0]["sha256"]);

    let args = ["a", "-z", "9", "-o", "c.mbtiles", "--report", "piece.json"];
    desk.convert(&args).ok();
    let piece = read("piece.json");
    assert_eq!(piece["tileset"]["tiles"], all["tiles"]);
    assert_eq!(piece["tileset"]["taken"], piece["tiles"]);
    assert_eq!(piece["options"]["min-zoom"], 9);
}

#[test]
fn others_tilesets_go_into_every_container_and_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/containers");
    let names = [
        "stamen_toner_z3.pmtiles",
        "unclustered.pmtiles",
        "geography-class-png.mbtiles",
        "some-empty-tiles.mbtiles",
    ];
    for name in names {
        let path = folder.join(name);
        if !path.exists() {
            skip::skipped(path.display());
            continue;
        }
        let desk = Desk::new();
        let path = path.to_str().unwrap();
        let all = ["-o", "a", "-o", "a.mbtiles", "-o", "a.pmtiles"];
        desk.convert(&[&[path], &all[..]].concat()).ok();
        desk.convert(&["a", "-o", "b.mbtiles"]).ok();
        desk.convert(&["b.mbtiles", "-o", "b.pmtiles"]).ok();
        desk.convert(&["b.pmtiles", "-o", "b"]).ok();
        desk.same("a.mbtiles", "b.mbtiles");
        desk.same("a.pmtiles", "b.pmtiles");
        desk.same("a", "b");
        let mut theirs = open_store(Path::new(path)).unwrap();
        let mut ours = open_store(&desk.path("b")).unwrap();
        let mut n = 0;
        for tile in theirs.tiles().unwrap() {
            let data = theirs.read(tile).unwrap().unwrap();
            if !data.is_empty() {
                assert_eq!(ours.read(tile).unwrap().unwrap(), data, "{tile}");
                n += 1;
            }
        }
        assert_eq!(ours.tiles().unwrap().len(), n);
    }
}

#[test]
fn a_signal_ends_the_work_with_130_and_leaves_nothing() {
    let desk = Desk::new();
    desk.foreign("in.mbtiles", &[], &[]);
    // Half a million tiles, so that there is time.
    let db = Connection::open(desk.path("in.mbtiles")).unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 524287)
                INSERT INTO tiles SELECT 10, i / 1024, i % 1024, ? FROM n";
    db.execute(fill, [PNG]).unwrap();
    db.execute_batch("CREATE UNIQUE INDEX i ON tiles (zoom_level, tile_column, tile_row)")
        .unwrap();
    drop(db);
    let args = ["convert", "in.mbtiles", "-o", "x", "-o", "x.mbtiles"];
    let args = [&args[..], &["--progress", "json", "--report", "r.json"]].concat();
    let mut command = program::program(desk.0.path(), &args);
    let (mut child, stderr) = under_way::under_way(&mut command);
    assert!(desk.names().len() >= 4, "temporaries: {:?}", desk.names());
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: a signal to our own child, which has not been waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
    let last = stderr.lines().last().unwrap().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        last.contains("nothing was written under x, x.mbtiles"),
        "{last}"
    );
    assert_eq!(desk.names(), ["in.mbtiles"]);
}

/// MapLibre's own program checks the hashes of tiles and of the whole.
#[test]
fn maplibres_validator_accepts_both_types_of_mbtiles() {
    let validates = |desk: &Desk, name: &str| {
        let mut command = std::process::Command::new("mbtiles");
        command.arg("validate").arg(desk.path(name));
        match command.output() {
            Ok(run) => Some((
                run.status.success(),
                String::from_utf8_lossy(&run.stderr).into_owned(),
            )),
            Err(_) => None,
        }
    };
    let desk = Desk::with_tilesets(&["--keep-blank", "--bbox=-81,23,-74,27"]);
    for kind in ["flat", "normalized"] {
        let name = format!("{kind}.mbtiles");
        desk.convert(&["a", "-o", &name, "--mbtiles-type", kind, "--agg-hash"])
            .ok();
        let Some((is_valid, said)) = validates(&desk, &name) else {
            skip::skipped("there is no program mbtiles");
            return;
        };
        assert!(
            is_valid && said.contains("agg_tiles_hash has been verified"),
            "{name}: {said}"
        );
        // It does look: another tile, and the sum is wrong.
        let db = Connection::open(desk.path(&name)).unwrap();
        let table = if kind == "flat" { "tiles" } else { "images" };
        let change = format!("UPDATE {table} SET tile_data = x'89504e47' WHERE rowid = 1");
        db.execute(&change, []).unwrap();
        drop(db);
        assert!(!validates(&desk, &name).unwrap().0, "{name} is damaged");
    }
}

/// A lossless tileset holds what a bake has encoded, so encoding it anew gives what that bake would have given.
#[test]
fn tiles_encoded_anew_are_those_of_a_bake() {
    let desk = Desk::with_tilesets(&[]);
    let source = fixture("RGB.byte.tif");
    let hows: [&[&str]; 7] = [
        &["-f", "jpeg"],
        &["-f", "webp"],
        &["-f", "webp", "--lossless"],
        &["-f", "palette"],
        &["-f", "mixed", "--quality", "70,7:40"],
        &["-f", "jpeg", "--max-tile-bytes", "6KB"],
        &["-f", "png", "--effort", "6"],
    ];
    for how in hows {
        let baked = ["tile", &source, "-q", "-o", "b", "--overwrite"];
        desk.run(&[&baked[..], how].concat()).ok();
        for (jobs, name) in [("1", "a.mbtiles"), ("8", "a.pmtiles"), ("2", "a")] {
            let args = [name, "-o", "c", "--overwrite", "-j", jobs];
            desk.convert(&[&args[..], how].concat()).ok();
            assert!(desk.bytes("b") == desk.bytes("c"), "{how:?} from {name}");
        }
    }
    // And back, where nothing is lost.
    desk.convert(&["a", "-f", "webp", "--lossless", "-o", "w.pmtiles"])
        .ok();
    desk.convert(&["w.pmtiles", "-f", "png", "-o", "d"]).ok();
    desk.same("a", "d");
}

#[test]
fn tiles_of_the_format_asked_for_stay_as_they_are() {
    let desk = Desk::with_tilesets(&["-f", "jpeg"]);
    desk.convert(&["a", "-f", "jpeg", "-o", "b"]).ok();
    desk.same("a", "b");
    // JPEGs have lost enough: they are taken into a mixed tileset as they are.
    desk.convert(&["a", "-f", "mixed", "-o", "c"]).ok();
    let jpegs = desk
        .bytes("a")
        .into_iter()
        .filter(|(name, _)| name.extension().unwrap() == "jpg");
    let c = desk.bytes("c");
    assert!(jpegs.count() > 10 && c.keys().any(|name| name.ends_with("tilejson.json")));
    for (name, data) in desk
        .bytes("a")
        .into_iter()
        .filter(|(name, _)| name.extension().unwrap() == "jpg")
    {
        assert!(c[&name.with_extension("png")] == data, "{}", name.display());
    }
    // Another quality is another tile.
    desk.convert(&["a", "--quality", "20", "-o", "d", "--report", "r.json"])
        .ok();
    let sum = |name: &str| desk.bytes(name).values().map(Vec::len).sum::<usize>();
    assert!(sum("d") * 2 < sum("a"));
    let report: Value = serde_json::from_slice(&fs::read(desk.path("r.json")).unwrap()).unwrap();
    assert_eq!(report["options"]["format"], "jpeg");
    assert_eq!(report["options"]["quality"], 20);
}

#[test]
fn tiles_that_cannot_be_encoded_anew_are_named() {
    let desk = Desk::with_tilesets(&[]);
    let before = desk.names();
    let tile = desk.tiles("a")[3];
    let path = desk.path(&format!("a/{}/{}/{}.png", tile.z(), tile.x(), tile.y()));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let said = format!("a: tile {tile}: ");
    desk.convert(&["a", "-f", "webp", "-o", "b", "-o", "b.mbtiles"])
        .fails(3, &said);
    assert_eq!(desk.names(), before);
    // JPEGs that are cut short, of which a decoder makes gray; and pictures far beyond any tile.
    let photograph = fs::read(fixture("demo.jpg")).unwrap();
    desk.foreign(
        "cut.mbtiles",
        &[],
        &[((0, 0, 0), &photograph[..photograph.len() / 2])],
    );
    desk.convert(&["cut.mbtiles", "-f", "webp", "-o", "b"])
        .fails(3, "tile 0/0/0: a jpeg that is cut short");
    desk.foreign("whole.mbtiles", &[], &[((0, 0, 0), &photograph)]);
    desk.convert(&["whole.mbtiles", "-f", "webp", "-o", "w"])
        .ok()
        .says("pictures that are not of 256 x 256 pixels, as its metadata has it, kept so: 1");
    let mut vast = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut vast);
    let pixels = vec![0; 4097 * 4097];
    let kind = image::ExtendedColorType::L8;
    image::ImageEncoder::write_image(encoder, &pixels, 4097, 4097, kind).unwrap();
    desk.foreign("vast.mbtiles", &[], &[((0, 0, 0), &vast)]);
    desk.convert(&["vast.mbtiles", "-f", "webp", "-o", "b"])
        .fails(3, "tile 0/0/0: damaged");
    let deep = fixture("l8_lowres.tif");
    let how = ["-o", "deep", "-q", "--rescale", "none"];
    desk.run(&[&["tile", &deep][..], &how].concat()).ok();
    desk.convert(&["deep", "-f", "jpeg", "-o", "b"])
        .fails(3, "jpeg cannot hold 16-bit samples");
    desk.convert(&["a.mbtiles", "-f", "png", "--quality", "5", "-o", "b"])
        .fails(2, "quality");
    desk.convert(&["a.mbtiles", "--lossless", "-f", "jpeg", "-o", "b"])
        .fails(2, "lossless");
    assert!(!desk.path("b").exists());
}

#[test]
fn a_database_that_is_cut_short_is_refused_wherever_it_is_cut() {
    let desk = Desk::with_tilesets(&[]);
    let whole = fs::read(desk.path("a.mbtiles")).unwrap();
    for left in [
        40,
        100,
        4000,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        fs::write(desk.path("cut.mbtiles"), &whole[..left]).unwrap();
        desk.convert(&["cut.mbtiles", "-o", "b"])
            .fails(3, "cut short");
    }
    // A row twice is told.
    let tile: &[u8] = PNG;
    desk.foreign(
        "twice.mbtiles",
        &[("format", "pbf")],
        &[((0, 0, 0), tile), ((0, 0, 0), tile), ((1, 0, 0), tile)],
    );
    let run = desk.convert(&["twice.mbtiles", "-o", "c"]).ok();
    run.says("a tile that has one already, passed over: 1")
        .says("its metadata says pbf, its tiles are png");
}

#[test]
fn a_piece_across_the_antimeridian_has_its_center_in_it() {
    let desk = Desk::new();
    let all =
        (0..4).flat_map(|z: u8| (0..4_u32.pow(z.into())).map(move |k| (z, k >> z, k % (1 << z))));
    let tiles: Vec<Row> = all.map(|at| (at, PNG)).collect();
    let bbox = ["--bbox", "170,-50,-170,-30"];
    // Told centers that lie in the piece stay, on either side.
    for (told, expected) in [
        ("175,-45,1", (175.0, -45.0)),
        ("-171,-45,1", (-171.0, -45.0)),
        ("0,0,1", (-180.0, -40.0)),
        ("0,-40,1", (-180.0, -40.0)),
    ] {
        let _ = fs::remove_file(desk.path("w.mbtiles"));
        desk.foreign("w.mbtiles", &[("center", told)], &tiles);
        let args = ["w.mbtiles", "-o", "x.pmtiles", "--overwrite"];
        desk.convert(&[&args[..], &bbox].concat()).ok();
        let center = desk.row("x.pmtiles", "center");
        assert_eq!((number(&center, 0), number(&center, 1)), expected, "{told}");
        assert_eq!(desk.row("x.pmtiles", "bounds"), "-180,-50,180,-30");
        let n = desk.tiles("x.pmtiles").len();
        assert!(n > 6 && n < tiles.len());
    }
    // More on one side of it than on the other.
    let args = ["w.mbtiles", "-o", "y", "--bbox", "170,-50,-160,-30"];
    desk.convert(&args).ok();
    assert_eq!(number(&desk.row("y", "center"), 0), -175.0);
    let args = ["w.mbtiles", "-o", "z", "--bbox", "160,-50,-170,-30"];
    desk.convert(&args).ok();
    assert_eq!(number(&desk.row("z", "center"), 0), 175.0);
}

#[test]
fn metadata_that_is_json_stays_what_it_is() {
    let desk = Desk::with_tilesets(&[]);
    let extra = r#"{"arr": [], "foo": {"b": 1, "a": [2.5, null]}, "nul": null, "num": 5,
        "pair": [1, 2], "text": "{\"a\": 1}", "vector_layers": [], "yes": true}"#;
    let extra: Value = serde_json::from_str(extra).unwrap();
    let parse = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(desk.path(name)).unwrap()).unwrap()
    };
    let mut told = parse("a/metadata.json");
    let members = extra.as_object().unwrap().clone();
    told.as_object_mut().unwrap().extend(members.clone());
    desk.write("a/metadata.json", told.to_string());
    let steps = [
        ("a", "b.pmtiles"),
        ("b.pmtiles", "b"),
        ("b", "c.mbtiles"),
        ("c.mbtiles", "c.pmtiles"),
        ("c.mbtiles", "d.mbtiles"),
        ("d.mbtiles", "d"),
    ];
    for (from, to) in steps {
        desk.convert(&[from, "-o", to]).ok();
    }
    for (key, value) in &members {
        for file in ["b/metadata.json", "b/tilejson.json"] {
            assert_eq!(&parse(file)[key], value, "{key} in {file}");
        }
    }
    desk.same("b.pmtiles", "c.pmtiles");
    desk.same("c.mbtiles", "d.mbtiles");
    desk.same("b", "d");
    // In the database they are where others look for them.
    let db = Connection::open(desk.path("c.mbtiles")).unwrap();
    let row = |name: &str| -> String {
        let sql = "SELECT value FROM metadata WHERE name = ?";
        db.query_row(sql, [name], |row| row.get(0)).unwrap()
    };
    let json: Value = serde_json::from_str(&row("json")).unwrap();
    assert_eq!(json.as_object().unwrap().len(), members.len() - 1);
    assert!(
        json.as_object()
            .unwrap()
            .iter()
            .all(|(key, value)| &extra[key] == value)
    );
    assert_eq!(row("text"), extra["text"].as_str().unwrap());
    // What is not ours to take apart stays: text in it, the name of another row, no object.
    for json in [
        r#"{"a": "text"}"#,
        r#"{"type": 1}"#,
        r#"{"foo": 1}"#,
        "{}",
        "[1]",
        "no",
    ] {
        let _ = fs::remove_file(desk.path("f.mbtiles"));
        desk.foreign(
            "f.mbtiles",
            &[("json", json), ("foo", "x")],
            &[((0, 0, 0), PNG)],
        );
        let args = ["f.mbtiles", "-o", "g", "-o", "g.mbtiles", "--overwrite"];
        desk.convert(&args).ok();
        assert_eq!(parse("g/metadata.json")["json"], json);
        assert_eq!(desk.row("g.mbtiles", "json"), json);
    }
}

#[test]
fn threads_that_encode_keep_to_what_ulimit_leaves() {
    let desk = Desk::with_tilesets(&[]);
    let before = desk.names();
    let run = |kib: u32, jobs: u32| {
        let program = env!("CARGO_BIN_EXE_azulejo");
        let line = format!(
            "ulimit -c 0; ulimit -v {kib}; exec '{program}' convert a.mbtiles -f webp -j {jobs} -o x.mbtiles"
        );
        let mut shell = std::process::Command::new("sh");
        desk::finish(shell.args(["-c", &line]).current_dir(desk.0.path()))
    };
    run(200_000, 2)
        .fails(9, "by ulimit, of which")
        .says("help: ulimit -v");
    assert_eq!(desk.names(), before);
    run(400_000, 64).ok().says("of 64 threads");
}
