//! Our SQLite and libgdal's are the same copy: with two of them in one process libgdal crashes as soon as it opens a
//! GeoPackage or an MBTiles file.

#![allow(clippy::unwrap_used)]

use azulejo::source::gdal::init;
use gdal::vector::LayerAccess;
use gdal::{Dataset, DriverManager};

#[test]
fn gdal_opens_geopackages_and_mbtiles_after_sqlite_was_used() {
    init();
    let folder = tempfile::tempdir().unwrap();
    let database = rusqlite::Connection::open(folder.path().join("ours.sqlite")).unwrap();
    database
        .execute_batch("create table t(a); insert into t values (1);")
        .unwrap();

    let vector = folder.path().join("vector.gpkg");
    let mut package = DriverManager::get_driver_by_name("GPKG")
        .unwrap()
        .create_vector_only(&vector)
        .unwrap();
    package
        .create_layer(gdal::vector::LayerOptions {
            name: "places",
            ..Default::default()
        })
        .unwrap();
    package.close().unwrap();
    assert_eq!(
        Dataset::open(&vector).unwrap().layer(0).unwrap().name(),
        "places"
    );

    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/small_world.tif");
    let picture = Dataset::open(fixture).unwrap();
    for (driver, file) in [("GPKG", "raster.gpkg"), ("MBTiles", "tiles.mbtiles")] {
        let path = folder.path().join(file);
        let copy = picture
            .create_copy(
                &DriverManager::get_driver_by_name(driver).unwrap(),
                &path,
                &Default::default(),
            )
            .unwrap();
        copy.close().unwrap();
        let read = Dataset::open(&path).unwrap();
        assert!(
            read.rasterband(1)
                .unwrap()
                .checksum((0, 0), (64, 64))
                .unwrap()
                > 0,
            "{file}"
        );
    }

    // And SQL inside libgdal, on a connection of its own, while ours is open.
    let package = Dataset::open(&vector).unwrap();
    let answer = package
        .execute_sql(
            "select 1 + 1 as two",
            None,
            gdal::vector::sql::Dialect::SQLITE,
        )
        .unwrap();
    assert!(answer.is_some());
    let ours: i64 = database
        .query_row("select a from t", [], |row| row.get(0))
        .unwrap();
    assert_eq!(ours, 1);
}
