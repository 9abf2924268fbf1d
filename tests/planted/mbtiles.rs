//! Faults of MBTiles files, and of tiles wherever they are.

use azulejo::encode::Format;

use super::how::{
    OVER, TOP, at, blank, byte, change, change_in, cut, double, flip, foreign, lighten, lose_page,
    picture, recode, said, shift, spoil, sql, swap,
};
use super::{DB, Fault, NORMAL, row};

pub(super) const FAULTS: &[Fault] = &[
    row(
        "a byte of a tile is flipped",
        DB,
        |d| change(d, TOP, |data| flip(data)),
        &["damaged"],
    ),
    row(
        "a byte of an overview is flipped",
        DB,
        |d| change(d, OVER, |data| flip(data)),
        &["damaged"],
    ),
    row(
        "a JPEG has bytes of another",
        "j.mbtiles",
        |d| change_in(d, "j.mbtiles", TOP, &|data| spoil(data)),
        &["damaged", "parent"],
    ),
    row(
        "a tile is cut short",
        DB,
        |d| change(d, TOP, |data| data.truncate(data.len() / 2)),
        &["damaged"],
    ),
    row(
        "a tile is missing",
        DB,
        |d| sql(d, DB, &format!("DELETE FROM tiles WHERE {}", at(TOP))),
        &["hole"],
    ),
    row(
        "four tiles are missing",
        DB,
        |d| {
            sql(
                d,
                DB,
                "DELETE FROM tiles WHERE zoom_level = 10 AND tile_column / 2 = 145 AND (1023 - tile_row) / 2 = 219",
            )
        },
        &["hole"],
    ),
    row(
        "a tile is in another row",
        DB,
        |d| {
            sql(
                d,
                DB,
                &format!(
                    "UPDATE tiles SET tile_row = tile_row + 300 WHERE {}",
                    at(TOP)
                ),
            )
        },
        &["orphan"],
    ),
    row(
        "rows are counted from the north",
        DB,
        |d| {
            sql(
                d,
                DB,
                "UPDATE tiles SET tile_row = (1 << zoom_level) - 1 - tile_row",
            )
        },
        &["bounds"],
    ),
    row(
        "two tiles are swapped",
        DB,
        |d| swap(d, TOP, (10, 289, 438)),
        &["parent"],
    ),
    row(
        "two overviews are swapped",
        DB,
        |d| swap(d, OVER, (9, 144, 219)),
        &["parent"],
    ),
    row(
        "bounds are elsewhere",
        DB,
        |d| said(d, "bounds", "10,10,11,11"),
        &["bounds"],
    ),
    row(
        "bounds are too small",
        DB,
        |d| said(d, "bounds", "-77.9,24,-77.8,24.1"),
        &["bounds"],
    ),
    row(
        "bounds are the world's",
        DB,
        |d| said(d, "bounds", "-180,-85,180,85"),
        &["bounds"],
    ),
    row(
        "bounds are three numbers",
        DB,
        |d| said(d, "bounds", "-78,24,-77"),
        &["bounds"],
    ),
    row("the file is cut short", DB, |d| cut(d, DB), &["container"]),
    row(
        "something comes after the database",
        DB,
        |d| byte(d, DB, |bytes| bytes.extend([7; 4096])),
        &["container"],
    ),
    row(
        "a few bytes come after the database",
        DB,
        |d| byte(d, DB, |bytes| bytes.extend(b"few")),
        &["container"],
    ),
    row(
        "something comes after a picture",
        DB,
        |d| change(d, TOP, |data| data.extend(b"something")),
        &["damaged"],
    ),
    row(
        "a picture comes after a picture",
        DB,
        |d| change(d, TOP, |data| data.extend(data.clone())),
        &["damaged"],
    ),
    row(
        "the last byte of a picture is missing",
        DB,
        |d| change(d, TOP, |data| data.truncate(data.len() - 1)),
        &["damaged"],
    ),
    row(
        "something comes after a JPEG",
        "j.mbtiles",
        |d| change_in(d, "j.mbtiles", TOP, &|data| data.extend(b"something")),
        &["damaged"],
    ),
    row(
        "an overview is shifted by a pixel",
        DB,
        |d| picture(d, DB, OVER, |image| shift(image, 1)),
        &["shifted"],
    ),
    row(
        "an overview is shifted by three pixels",
        DB,
        |d| picture(d, DB, (8, 72, 109), |image| shift(image, 3)),
        &["shifted"],
    ),
    row(
        "a tile is shifted by four pixels",
        DB,
        |d| picture(d, DB, TOP, |image| shift(image, 4)),
        &["shifted"],
    ),
    row(
        "an overview of JPEG is shifted",
        "j.mbtiles",
        |d| picture(d, "j.mbtiles", OVER, |image| shift(image, 2)),
        &["shifted"],
    ),
    row(
        "a tile is of another bake",
        DB,
        |d| foreign(d, TOP),
        &["parent"],
    ),
    row(
        "an overview is of another bake",
        DB,
        |d| foreign(d, OVER),
        &["parent"],
    ),
    row(
        "a tile is lighter",
        DB,
        |d| picture(d, DB, TOP, lighten),
        &["parent"],
    ),
    row(
        "a tile lies outside the matrix",
        DB,
        |d| {
            sql(
                d,
                DB,
                "INSERT INTO tiles SELECT 10, 1024, 5, tile_data FROM tiles LIMIT 1",
            )
        },
        &["address"],
    ),
    row(
        "a tile lies at a zoom that is none",
        DB,
        |d| {
            sql(
                d,
                DB,
                "INSERT INTO tiles SELECT 31, 1, 1, tile_data FROM tiles LIMIT 1",
            )
        },
        &["address"],
    ),
    row(
        "a row is no number",
        DB,
        |d| {
            sql(
                d,
                DB,
                "INSERT INTO tiles SELECT 10, 1, 'abc', tile_data FROM tiles LIMIT 1",
            )
        },
        &["address"],
    ),
    row(
        "a tile is blank",
        DB,
        |d| picture(d, DB, TOP, blank),
        &["blank"],
    ),
    row(
        "an overview is blank",
        DB,
        |d| picture(d, DB, OVER, blank),
        &["blank"],
    ),
    row(
        "the format is another",
        DB,
        |d| said(d, "format", "jpg"),
        &["format"],
    ),
    row(
        "the format is none",
        DB,
        |d| said(d, "format", "bmp"),
        &["format"],
    ),
    row(
        "a tile has another size",
        DB,
        |d| picture(d, DB, TOP, double),
        &["size"],
    ),
    row(
        "all tiles have another size than is said",
        DB,
        |d| sql(d, DB, "INSERT INTO metadata VALUES ('tileSize', '512')"),
        &["size"],
    ),
    row(
        "a tile has no parent",
        DB,
        |d| sql(d, DB, &format!("DELETE FROM tiles WHERE {}", at(OVER))),
        &["orphan"],
    ),
    row(
        "a zoom is missing",
        DB,
        |d| sql(d, DB, "DELETE FROM tiles WHERE zoom_level = 8"),
        &["orphan"],
    ),
    row(
        "minzoom is too low",
        DB,
        |d| said(d, "minzoom", "2"),
        &["zooms"],
    ),
    row(
        "minzoom is too high",
        DB,
        |d| said(d, "minzoom", "6"),
        &["zooms"],
    ),
    row(
        "maxzoom is too high",
        DB,
        |d| said(d, "maxzoom", "12"),
        &["zooms"],
    ),
    row(
        "maxzoom is too low",
        DB,
        |d| said(d, "maxzoom", "9"),
        &["zooms"],
    ),
    row(
        "the center is outside",
        DB,
        |d| said(d, "center", "10,10,6"),
        &["center"],
    ),
    row(
        "the center is at another zoom",
        DB,
        |d| said(d, "center", "-77.7,24.5,15"),
        &["center"],
    ),
    row(
        "the type is none",
        DB,
        |d| said(d, "type", "satellite"),
        &["type"],
    ),
    row(
        "rows are there twice",
        DB,
        |d| {
            sql(
                d,
                DB,
                "DROP INDEX tile_index; INSERT INTO tiles SELECT * FROM tiles WHERE zoom_level = 7",
            )
        },
        &["duplicate"],
    ),
    row(
        "the index is missing",
        DB,
        |d| sql(d, DB, "DROP INDEX tile_index"),
        &["index"],
    ),
    row(
        "a tile has no bytes",
        DB,
        |d| change(d, TOP, Vec::clear),
        &["empty"],
    ),
    row(
        "a tile is NULL",
        DB,
        |d| {
            sql(
                d,
                DB,
                &format!("UPDATE tiles SET tile_data = NULL WHERE {}", at(TOP)),
            )
        },
        &["empty"],
    ),
    row(
        "a tile is of another format",
        DB,
        |d| recode(d, TOP, Format::Jpeg),
        &["tile-format"],
    ),
    row(
        "metadata says two things",
        DB,
        |d| {
            sql(
                d,
                DB,
                "DROP INDEX metadata_name; INSERT INTO metadata VALUES ('bounds', '1,2,3,4')",
            )
        },
        &["descriptions"],
    ),
    row(
        "a page of the database is lost",
        DB,
        lose_page,
        &["container"],
    ),
    row(
        "there is no table of metadata",
        DB,
        |d| sql(d, DB, "DROP TABLE metadata"),
        &["container"],
    ),
    row(
        "an image is not what it is called",
        NORMAL,
        |d| {
            sql(
                d,
                NORMAL,
                "UPDATE images SET tile_data = (SELECT tile_data FROM images ORDER BY tile_id LIMIT 1) WHERE tile_id = (SELECT max(tile_id) FROM images)",
            )
        },
        &["digest"],
    ),
    row(
        "an image is missing",
        NORMAL,
        |d| {
            sql(
                d,
                NORMAL,
                "DELETE FROM images WHERE tile_id = (SELECT max(tile_id) FROM images)",
            )
        },
        &["dangling"],
    ),
    row(
        "the sum of all tiles is another",
        NORMAL,
        |d| {
            sql(
                d,
                NORMAL,
                "UPDATE metadata SET value = '00112233445566778899AABBCCDDEEFF' WHERE name = 'agg_tiles_hash'",
            )
        },
        &["digest"],
    ),
    row(
        "images have no index",
        NORMAL,
        |d| sql(d, NORMAL, "DROP INDEX images_id"),
        &["index"],
    ),
    Fault {
        options: &["--report", "a.json"],
        ..row(
            "a tile has a byte more",
            DB,
            |d| change(d, TOP, |data| data.push(0)),
            &["digest"],
        )
    },
];
