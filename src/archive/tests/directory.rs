//! What only folders have.

use super::*;

fn replace() -> SinkOptions {
    SinkOptions {
        overwrite: Overwrite::Replace,
        ..options()
    }
}

#[test]
fn rows_count_from_the_end_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for (rows, file) in [(RowScheme::Xyz, "2/1/0.png"), (RowScheme::Tms, "2/1/3.png")] {
        let path = folder.path().join(rows.name());
        bake(&path, &SinkOptions { rows, ..options() }, &metadata());
        assert_eq!(
            fs::read(path.join(file)).unwrap(),
            data(TileCoord::new(2, 1, 0))
        );
        assert_eq!(
            names(&path),
            ["0", "1", "2", "3", "metadata.json", "tilejson.json"]
        );
    }
    assert_eq!(
        contents(&folder.path().join("xyz")),
        contents(&folder.path().join("tms"))
    );
}

#[test]
fn the_size_of_a_folder_is_that_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let published = bake(&path, &options(), &metadata());
    let mut bytes: u64 = contents(&path).values().map(|data| data.len() as u64).sum();
    for name in ["metadata.json", "tilejson.json"] {
        bytes += fs::metadata(path.join(name)).unwrap().len();
    }
    assert_eq!((published.bytes, published.sha256), (bytes, None));
}

#[test]
fn tilejson_is_what_version_2_2_of_the_specification_wants() {
    let text = metadata().tilejson(RowScheme::Xyz);
    let expected = r#"{
  "tilejson": "2.2.0",
  "name": "Azulejos, \"Lisboa\" ✓",
  "version": "1.0.0",
  "tiles": [
    "{z}/{x}/{y}.png"
  ],
  "scheme": "xyz",
  "tileSize": 256,
  "minzoom": 0,
  "maxzoom": 3,
  "bounds": [
    -9.25,
    38.5,
    -9,
    38.8125
  ],
  "center": [
    -9.125,
    38.65625,
    2
  ],
  "format": "png",
  "type": "overlay",
  "description": "Painted tiles",
  "attribution": "<a href=\"https://example.org\">someone</a>",
  "generator": "a test"
}
"#;
    assert_eq!(text, expected);
    let retina = Metadata {
        tile_size_px: 512,
        format: Format::Jpeg,
        ..metadata()
    };
    let text = retina.tilejson(RowScheme::Tms);
    for part in [
        "\"tileSize\": 512",
        "{z}/{x}/{y}.jpg",
        "\"scheme\": \"tms\"",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn metadata_json_is_flat_strings_and_numbers_are_short() {
    let west = -0.0;
    let bounds = Bounds::new(west, 1e-7, 0.1 + 0.2, 85.0);
    let plain = Metadata {
        bounds,
        description: None,
        attribution: None,
        ..metadata()
    };
    let text = plain.metadata_json();
    let object: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
    assert_eq!(object["bounds"], "0,0.0000001,0.3,85");
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    let expected = [
        "bounds",
        "center",
        "format",
        "generator",
        "maxzoom",
        "minzoom",
        "name",
        "type",
        "version",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn a_folder_with_anything_else_in_it_is_never_replaced() {
    for foreign in [
        "Documents/letter.txt",
        "notes.txt",
        "31/0/0.png",
        "07/0/0.png",
        "1/photos/0.png",
        "1/0.png",
        "1/0/0.docx",
        "1/0/0.png/x",
        "1/0/0.png.aux.xml",
        "metadata.json/x",
        ".profile",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t");
        bake(&path, &options(), &metadata());
        let foreign = path.join(foreign);
        let parent = foreign.parent().unwrap();
        if parent.is_file() {
            fs::remove_file(parent).unwrap();
        }
        fs::create_dir_all(parent).unwrap();
        fs::write(&foreign, "precious").unwrap();
        expect_error(
            open_sink(&path, &replace()),
            Kind::Output,
            "not part of a tileset",
        );
        assert_eq!(fs::read(&foreign).unwrap(), b"precious");
    }
}

#[test]
fn what_comes_into_the_old_folder_during_the_bake_saves_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    bake(&path, &options(), &metadata());
    let staged = stage(&path, &replace(), &metadata(), &tiles((1, 1))[..3]);
    fs::write(path.join("notes.txt"), "precious").unwrap();
    expect_error(staged.publish(), Kind::Output, "notes.txt");
    assert!(path.join("notes.txt").exists());
    assert_eq!(names(folder.path()), ["t"]);
}

#[test]
#[cfg(unix)]
fn links_in_a_folder_are_not_followed_when_it_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (path, home) = (folder.path().join("t"), folder.path().join("home"));
    fs::create_dir_all(home.join("0")).unwrap();
    fs::write(home.join("0/0.png"), "precious").unwrap();
    bake(&path, &options(), &metadata());
    std::os::unix::fs::symlink(&home, path.join("9")).unwrap();
    expect_error(
        open_sink(&path, &replace()),
        Kind::Output,
        "not part of a tileset",
    );
    assert!(home.join("0/0.png").exists());
}

#[test]
fn a_leftover_within_the_old_folder_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    bake(&path, &options(), &metadata());
    fs::write(path.join(".a.mbtiles.azulejo-1-0.part"), "").unwrap();
    bake(&path, &replace(), &metadata());
    assert_eq!(
        names(&path),
        ["0", "1", "2", "3", "metadata.json", "tilejson.json"]
    );
}

/// Writes files with a byte each, but for those that have text.
fn lay(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn addresses(path: &Path) -> Vec<String> {
    open_store(path)
        .unwrap()
        .tiles()
        .unwrap()
        .iter()
        .map(TileCoord::to_string)
        .collect()
}

#[test]
fn folders_of_other_programs_are_read() {
    let tiles = [("0/0/0.jpeg", "a"), ("1/1/0.jpeg", "b")];
    let mercator = r#"<TileMap><TileSets profile="mercator"></TileSets></TileMap>"#;
    let geodetic = r#"<TileMap><TileSets profile="geodetic">
        <TileSet href="1" units-per-pixel="0.35156250000000" order="1"/></TileSets></TileMap>"#;
    type Files<'a> = &'a [(&'a str, &'a str)];
    let rows: [(Files<'_>, &[&str]); 7] = [
        (&[], &["0/0/0", "1/1/0"]),
        (
            &[("metadata.json", r#"{"scheme": "tms"}"#)],
            &["0/0/0", "1/1/1"],
        ),
        (
            &[("tilejson.json", r#"{"scheme": "tms", "minzoom": 0}"#)],
            &["0/0/0", "1/1/1"],
        ),
        (&[("tilemapresource.xml", mercator)], &["0/0/0", "1/1/1"]),
        (
            &[("tilemapresource.xml", geodetic), ("1/3/1.jpeg", "c")],
            &["0/0/0", "1/1/1", "1/3/0"],
        ),
        // Not ours to look at, and no reason to fail.
        (
            &[
                ("index.html", ""),
                ("1/1/0.jpeg.aux.xml", ""),
                ("1/01/0.jpeg", ""),
            ],
            &["0/0/0", "1/1/0"],
        ),
        (
            &[("1/1/00.jpeg", ""), ("1/0/x.jpeg", ""), ("99/0/0.jpeg", "")],
            &["0/0/0", "1/1/0"],
        ),
    ];
    for (more, expected) in rows {
        let folder = tempfile::tempdir().unwrap();
        lay(folder.path(), &tiles);
        lay(folder.path(), more);
        assert_eq!(addresses(folder.path()), expected, "{more:?}");
        let store = open_store(folder.path()).unwrap();
        assert_eq!(store.metadata().format, Some(Format::Jpeg));
    }
}

#[test]
fn damaged_folders_are_told() {
    let global = r#"<TileMap><TileSets profile="geodetic">
        <TileSet href="0" units-per-pixel="1.40625000000000" order="0"/></TileSets></TileMap>"#;
    for (name, text, told) in [
        ("metadata.json", "{", "not a JSON object"),
        ("tilejson.json", "[]", "not a JSON object"),
        ("tilemapresource.xml", "<TileMap/>", "profile none"),
        ("tilemapresource.xml", global, "profile geodetic"),
        ("1/2/0.png", "a", "1/2/0 is outside the tile matrix"),
        (
            "1/1/0.webp",
            "a",
            "1/1/0.webp beside tiles that end in .png",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        lay(folder.path(), &[("0/0/0.png", "a"), (name, text)]);
        let tiles = open_store(folder.path()).and_then(|mut store| store.tiles());
        expect_error(tiles, Kind::Input, told);
    }
}
