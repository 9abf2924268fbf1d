//! One suite for every row of [`ARCHIVES`]; what only one container has is tested in the files below, and in
//! `place` where outputs may go and what happens to what is there.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod directory;
mod mbtiles;
mod place;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::geo::bounds::Bounds;

/// The bytes of a tile: they tell which one it is, their number varies from a few to several pages.
fn data(tile: TileCoord) -> Vec<u8> {
    let label = format!("{tile};");
    let length = 5 + (tile.x() as usize * 977 + tile.y() as usize * 3301) % 12_000;
    label
        .bytes()
        .cycle()
        .take(length.max(label.len()))
        .collect()
}

/// Tiles of zooms 0 to 3, children before their parents, with holes.
fn tiles(roots: (u32, u32)) -> Vec<TileCoord> {
    fn walk(tile: TileCoord, out: &mut Vec<TileCoord>) {
        if tile.z() < 3 {
            tile.children()
                .into_iter()
                .for_each(|child| walk(child, out));
        }
        if (tile.x() + 2 * tile.y()) % 5 != 3 {
            out.push(tile);
        }
    }
    let mut out = Vec::new();
    for y in 0..roots.1 {
        for x in 0..roots.0 {
            walk(TileCoord::new(0, x, y), &mut out);
        }
    }
    out
}

thread_local! {
    /// The type of MBTiles file that [`options`] asks for.
    static KIND: Cell<Option<MbtilesType>> = const { Cell::new(None) };
}

fn options() -> SinkOptions {
    SinkOptions {
        overwrite: Overwrite::Refuse,
        rows: RowScheme::Xyz,
        format: Format::Png,
        matrix_roots: (1, 1),
        hosts: Vec::new(),
        mbtiles: MbtilesOptions {
            kind: KIND.get(),
            agg_hash: false,
        },
        remote: RemoteOptions::default(),
    }
}

fn metadata() -> Metadata {
    Metadata {
        name: "Azulejos, \"Lisboa\" ✓".into(),
        description: Some("Painted tiles".into()),
        attribution: Some("<a href=\"https://example.org\">someone</a>".into()),
        kind: TilesetKind::Overlay,
        version: DEFAULT_VERSION.into(),
        format: Format::Png,
        bounds: Bounds::new(-9.25, 38.5, -9.0, 38.8125),
        center: (-9.125, 38.65625, 2),
        zoom_min: 0,
        zoom_max: 3,
        tile_size_px: 256,
        scheme_id: "WebMercatorQuad".into(),
        matrix_roots: (1, 1),
        extra: vec![("generator".into(), "a test".into())],
    }
}

/// Writes `tiles` to a sink at `path` and finishes it.
fn stage(path: &Path, options: &SinkOptions, metadata: &Metadata, tiles: &[TileCoord]) -> Staged {
    let mut sink = open_sink(path, options).unwrap();
    for &tile in tiles {
        sink.write(tile, &data(tile), Digest::of(&data(tile)))
            .unwrap();
    }
    sink.finish(metadata).unwrap()
}

/// Bakes the tiles of [`tiles`] to `path`.
fn bake(path: &Path, options: &SinkOptions, metadata: &Metadata) -> Published {
    stage(path, options, metadata, &tiles(options.matrix_roots))
        .publish()
        .unwrap()
}

/// All tiles of a container with their bytes.
fn contents(path: &Path) -> BTreeMap<TileCoord, Vec<u8>> {
    let mut store = open_store(path).unwrap();
    let tiles = store.tiles().unwrap();
    tiles
        .into_iter()
        .map(|tile| (tile, store.read(tile).unwrap().unwrap()))
        .collect()
}

/// Runs `test` for every archive, for MBTiles of every type, with an empty folder and a path in it.
fn for_each_archive(test: impl Fn(&Archive, &Path, &Path)) {
    let kinds = [None, Some(MbtilesType::Flat), Some(MbtilesType::Normalized)];
    for (archive, kind) in ARCHIVES.iter().flat_map(|a| kinds.map(|kind| (a, kind))) {
        if archive.suffix != Some("mbtiles") && kind.is_some() {
            continue;
        }
        KIND.set(kind);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(match archive.suffix {
            Some(suffix) => format!("t.{suffix}"),
            None => "t".to_string(),
        });
        test(archive, folder.path(), &path);
    }
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The error of something that must fail, which is of `kind` and says `text` in its message or its help.
fn expect_error<T>(result: Result<T>, kind: Kind, text: &str) {
    let Err(error) = result else {
        panic!("no error, where one was to say: {text}")
    };
    let said = format!("{error}; help: {}", error.help().unwrap_or_default());
    assert_eq!(error.kind(), kind, "{said}");
    assert!(said.contains(text), "`{said}` does not say `{text}`");
}

#[test]
fn what_was_written_is_read_back() {
    for_each_archive(|_, folder, path| {
        let published = bake(path, &options(), &metadata());
        let mut store = open_store(path).unwrap();
        let found = store.tiles().unwrap();
        let mut expected = tiles((1, 1));
        assert_eq!(published.n_tiles, expected.len() as u64);
        expected.sort_by_key(|tile| tile.pmtiles_id());
        assert_eq!(found, expected);
        for tile in expected {
            assert_eq!(store.read(tile).unwrap().unwrap(), data(tile), "{tile}");
        }
        for (z, x, y) in [(2, 3, 0), (9, 1, 1), (3, 90, 0), (3, 0, 90)] {
            assert_eq!(store.read(TileCoord::new(z, x, y)).unwrap(), None);
        }
        assert_eq!(names(folder).len(), 1, "nothing else is left");
        assert_eq!(published.path, path);
    });
}

#[test]
fn metadata_reads_back_true() {
    for_each_archive(|_, _, path| {
        bake(path, &options(), &metadata());
        let (found, told) = (open_store(path).unwrap().metadata().clone(), metadata());
        assert_eq!(found.name.as_ref(), Some(&told.name));
        assert_eq!(found.format, Some(told.format));
        assert_eq!(found.bounds, Some(told.bounds));
        assert_eq!(found.center, Some(told.center));
        assert_eq!((found.zoom_min, found.zoom_max), (Some(0), Some(3)));
        assert_eq!(found.scheme_id, told.scheme_id);
        assert_eq!(found.rows, told.rows().into_iter().collect());
        assert_eq!(found.rows["generator"], "a test");
        assert_eq!(found.rows["bounds"], "-9.25,38.5,-9,38.8125");
    });
}

#[test]
fn all_containers_hold_the_same_tiles() {
    let mut all = Vec::new();
    for_each_archive(|_, _, path| {
        bake(path, &options(), &metadata());
        assert!(!contents(path).is_empty());
    });
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.mbtiles", "b.MBTiles", "c", "d.x/", "e.PMTiles"] {
        bake(&folder.path().join(name), &options(), &metadata());
        all.push(contents(&folder.path().join(name)));
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_scheme_with_two_roots_keeps_its_addresses() {
    for_each_archive(|archive, _, path| {
        if !archive.several_roots {
            return;
        }
        for (roots, rows) in [
            ((2, 1), RowScheme::Xyz),
            ((2, 1), RowScheme::Tms),
            ((1, 3), RowScheme::Xyz),
            ((1, 3), RowScheme::Tms),
        ] {
            let overwrite = Overwrite::Replace;
            let options = SinkOptions {
                rows,
                overwrite,
                matrix_roots: roots,
                ..options()
            };
            let metadata = Metadata {
                scheme_id: "WorldCRS84Quad".to_string(),
                matrix_roots: roots,
                tile_size_px: 512,
                ..metadata()
            };
            bake(path, &options, &metadata);
            let expected = tiles(roots)
                .into_iter()
                .map(|tile| (tile, data(tile)))
                .collect();
            assert_eq!(contents(path), expected);
            let found = open_store(path).unwrap().metadata().clone();
            assert_eq!(found.scheme_id, "WorldCRS84Quad");
            assert_eq!(found.matrix_roots, roots);
            assert_eq!(found.tile_size_px, Some(512));
        }
    });
}

#[test]
fn a_scheme_with_several_roots_is_refused_by_containers_that_cannot_number_it() {
    for_each_archive(|archive, folder, path| {
        for matrix_roots in [(2, 1), (1, 2)] {
            let options = SinkOptions {
                matrix_roots,
                ..options()
            };
            if !archive.several_roots {
                let told = open_sink(path, &options);
                expect_error(
                    told,
                    Kind::Usage,
                    "expected one tile, as in WebMercatorQuad; help: write an MBTiles",
                );
            }
        }
        assert_eq!(names(folder), [""; 0]);
    });
}

#[test]
fn a_scheme_with_more_roots_than_a_byte_holds_is_read_back() {
    for_each_archive(|archive, _, path| {
        if !archive.several_roots {
            return;
        }
        for rows in [RowScheme::Xyz, RowScheme::Tms] {
            let options = SinkOptions {
                rows,
                overwrite: Overwrite::Replace,
                matrix_roots: (300, 300),
                ..options()
            };
            let metadata = Metadata {
                scheme_id: "Own".to_string(),
                matrix_roots: (300, 300),
                ..metadata()
            };
            let corners = [(0, 0), (299, 0), (0, 299), (299, 299)];
            let corners = corners.map(|(x, y)| TileCoord::new(0, x, y));
            stage(path, &options, &metadata, &corners)
                .publish()
                .unwrap();
            assert_eq!(
                open_store(path).unwrap().metadata().matrix_roots,
                (300, 300)
            );
            assert_eq!(
                contents(path),
                corners.map(|tile| (tile, data(tile))).into()
            );
        }
    });
}

#[test]
fn a_tile_that_cannot_be_true_spoils_the_container() {
    let far = TileCoord::new(2, 4, 0);
    let good = TileCoord::new(1, 1, 1);
    for_each_archive(|_, folder, path| {
        for (tile, bytes) in [(far, &b"data"[..]), (good, b"")] {
            let mut sink = open_sink(path, &options()).unwrap();
            expect_error(
                sink.write(tile, bytes, Digest::of(bytes)),
                Kind::Internal,
                "tile",
            );
            expect_error(
                sink.write(good, b"data", None),
                Kind::Internal,
                "after a failure",
            );
            expect_error(
                sink.finish(&metadata()),
                Kind::Internal,
                "after a failed write",
            );
        }
        let mut sink = open_sink(path, &options()).unwrap();
        sink.write(good, b"one", None).unwrap();
        let told = sink
            .write(good, b"two", None)
            .and_then(|()| sink.finish(&metadata()));
        expect_error(told, Kind::Internal, "written twice");
        assert_eq!(names(folder), [""; 0]);
    });
}

#[test]
fn metadata_that_is_not_true_of_the_tiles_is_refused() {
    let bounds = |west, south, east, north| Metadata {
        bounds: Bounds::new(west, south, east, north),
        ..metadata()
    };
    let extra = |key: &str| Metadata {
        extra: vec![(key.into(), "v".into()); 2],
        ..metadata()
    };
    let rows: [(Metadata, Kind, &str); 13] = [
        (
            Metadata {
                format: Format::Webp,
                ..metadata()
            },
            Kind::Internal,
            "another format",
        ),
        (
            Metadata {
                matrix_roots: (2, 1),
                ..metadata()
            },
            Kind::Internal,
            "tile matrix",
        ),
        (
            Metadata {
                zoom_max: 2,
                ..metadata()
            },
            Kind::Internal,
            "outside the zooms",
        ),
        (
            Metadata {
                zoom_min: 3,
                ..metadata()
            },
            Kind::Internal,
            "zooms 3 to 3",
        ),
        (
            Metadata {
                name: String::new(),
                ..metadata()
            },
            Kind::Usage,
            "expected a name",
        ),
        (
            bounds(170.0, 0.0, -170.0, 1.0),
            Kind::Internal,
            "not on the globe",
        ),
        (
            bounds(0.0, 0.0, 181.0, 1.0),
            Kind::Internal,
            "not on the globe",
        ),
        (
            bounds(f64::NAN, 0.0, 1.0, 1.0),
            Kind::Internal,
            "not on the globe",
        ),
        (
            Metadata {
                center: (0.0, 91.0, 0),
                ..metadata()
            },
            Kind::Internal,
            "center",
        ),
        (extra("bounds"), Kind::Usage, "written by azulejo itself"),
        (extra("tile_size"), Kind::Usage, "written by azulejo itself"),
        (extra("tilesize"), Kind::Usage, "written by azulejo itself"),
        (extra("mine"), Kind::Usage, "given twice"),
    ];
    for_each_archive(|_, folder, path| {
        for (metadata, kind, text) in &rows {
            let mut sink = open_sink(path, &options()).unwrap();
            sink.write(TileCoord::new(3, 0, 0), b"data", None).unwrap();
            expect_error(sink.finish(metadata), *kind, text);
        }
        assert_eq!(names(folder), [""; 0]);
    });
}

#[test]
fn a_path_says_what_container_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.tiles", "a.tif", "a.zip", "map-1.5", "s3://bucket/tiles/"] {
        let path = folder.path().join(name);
        expect_error(
            open_sink(&path, &options()),
            Kind::Usage,
            "ends in .mbtiles, .pmtiles, or a folder",
        );
    }
    for name in [".mbtiles", "o/.MBTiles"] {
        let path = folder.path().join(name);
        expect_error(open_sink(&path, &options()), Kind::Usage, "not a name");
    }
    drop(open_sink(&folder.path().join(".mbtiles/"), &options()).unwrap());
    expect_error(
        open_store(&folder.path().join("none")),
        Kind::Input,
        "cannot be read",
    );
    fs::write(folder.path().join("a.tif"), "II*").unwrap();
    expect_error(
        open_store(&folder.path().join("a.tif")),
        Kind::Input,
        "no known kind",
    );
    expect_error(
        open_store(folder.path()),
        Kind::Input,
        "a folder without tiles",
    );
    assert_eq!(names(folder.path()), ["a.tif"]);
}
