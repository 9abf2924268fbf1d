//! Archives of tiles that others wrote.

use azulejo::archive::{Store, open_store};
use azulejo::encode::Format;
use azulejo::error::Kind;
use azulejo::geo::bounds::Bounds;
use azulejo::geo::tile::TileCoord;

use crate::bench::data;

/// How many tiles a store has at each zoom; all are read.
fn read_all(store: &mut dyn Store) -> Vec<usize> {
    let tiles = store.tiles().unwrap();
    for &tile in &tiles {
        assert!(store.read(tile).unwrap().is_some(), "{tile}");
    }
    let deepest = tiles.iter().map(|tile| tile.z()).max().unwrap();
    let at = |z: u8| tiles.iter().filter(|tile| tile.z() == z).count();
    (0..=deepest).map(at).collect()
}

#[test]
fn the_pmtiles_archive_of_the_specification_is_read() {
    let Some(path) = data("containers/stamen_toner_z3.pmtiles") else {
        return;
    };
    let mut store = open_store(&path).unwrap();
    assert_eq!(read_all(&mut *store), [1, 4, 16, 64]);
    let found = store.metadata().clone();
    assert_eq!(found.format, Some(Format::Png));
    assert_eq!((found.zoom_min, found.zoom_max), (Some(0), Some(3)));
    assert_eq!(found.bounds, Some(Bounds::new(-180.0, -85.0, 180.0, 85.0)));
    let tile = TileCoord::from_pmtiles_id(0).unwrap();
    let data = store.read(tile).unwrap().unwrap();
    let picture = image::load_from_memory(&data).unwrap();
    assert_eq!((picture.width(), picture.height()), (256, 256));
}

#[test]
fn a_pmtiles_archive_out_of_order_is_read() {
    let Some(path) = data("containers/unclustered.pmtiles") else {
        return;
    };
    assert_eq!(read_all(&mut *open_store(&path).unwrap()), [0, 2]);
}

#[test]
fn a_pmtiles_archive_of_vector_tiles_is_described() {
    let Some(path) = data("containers/test_fixture_1.pmtiles") else {
        return;
    };
    let mut store = open_store(&path).unwrap();
    assert_eq!(read_all(&mut *store), [1]);
    let found = store.metadata();
    assert_eq!((found.format, found.rows["format"].as_str()), (None, "pbf"));
    assert_eq!(found.bounds, Some(Bounds::new(0.0, 0.0, 0.999_999_9, 1.0)));
}

#[test]
fn pmtiles_archives_that_are_none_are_refused() {
    for (name, said) in [
        ("invalid.pmtiles", "not a PMTiles archive"),
        ("invalid_v4.pmtiles", "version 4"),
    ] {
        let Some(path) = data(&format!("corrupt/{name}")) else {
            return;
        };
        let told = open_store(&path).map(drop).unwrap_err();
        assert_eq!(told.kind(), Kind::Input);
        assert!(told.to_string().contains(said), "{told}");
    }
}
