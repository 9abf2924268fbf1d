//! What planting takes.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};

use azulejo::archive::open_store;
use azulejo::encode::{Format, Settings, decode, encoder};
use azulejo::geo::tile::TileCoord;
use azulejo::raster::image::{Channels, Image, Pixels};
use rusqlite::Connection;

use super::archive::{Archive, Entry};
use super::{DB, PM};
use crate::desk::Desk;

/// A tile of the highest zoom with data all over it, and its parent: zoom, column and row from the north.
pub(super) const TOP: (u8, u32, u32) = (10, 290, 439);
pub(super) const OVER: (u8, u32, u32) = (9, 145, 219);

pub(crate) fn sql(desk: &Desk, name: &str, sql: &str) {
    let db = Connection::open(desk.path(name)).unwrap();
    db.execute_batch(sql).unwrap();
    assert!(
        db.changes() > 0 || sql.starts_with("DROP"),
        "{sql} changes nothing"
    );
}

/// The condition for a tile.
pub(super) fn at((z, x, y): (u8, u32, u32)) -> String {
    let row = (1u32 << z) - 1 - y;
    format!("zoom_level = {z} AND tile_column = {x} AND tile_row = {row}")
}

pub(super) fn said(desk: &Desk, name: &str, value: &str) {
    sql(
        desk,
        DB,
        &format!("UPDATE metadata SET value = '{value}' WHERE name = '{name}'"),
    );
}

pub(super) fn tile(desk: &Desk, name: &str, tile: (u8, u32, u32)) -> Vec<u8> {
    let mut store = open_store(&desk.path(name)).unwrap();
    let is_it = |found: &&TileCoord| (found.z(), found.x(), found.y()) == tile;
    let tiles = store.tiles().unwrap();
    let found = *tiles.iter().find(is_it).unwrap();
    store.read(found).unwrap().unwrap()
}

pub(super) fn put(desk: &Desk, name: &str, tile: (u8, u32, u32), data: &[u8]) {
    let db = Connection::open(desk.path(name)).unwrap();
    let n = db.execute(
        &format!("UPDATE tiles SET tile_data = ? WHERE {}", at(tile)),
        [data],
    );
    assert_eq!(n, Ok(1));
}

pub(super) fn change_in(
    desk: &Desk,
    name: &str,
    at: (u8, u32, u32),
    change: &dyn Fn(&mut Vec<u8>),
) {
    let mut data = tile(desk, name, at);
    change(&mut data);
    put(desk, name, at, &data);
}

pub(super) fn change(desk: &Desk, at: (u8, u32, u32), change: fn(&mut Vec<u8>)) {
    change_in(desk, DB, at, &change);
}

pub(super) fn flip(data: &mut [u8]) {
    let middle = data.len() / 2;
    data[middle] ^= 0x10;
}

/// What a disk may do to a JPEG.
pub(super) fn spoil(data: &mut [u8]) {
    let n = data.len();
    for at in (n / 3..n / 3 + 40).step_by(3) {
        data[at] = data[at].wrapping_add(77).min(0xfe);
    }
}

pub(super) fn flip_at(bytes: &mut [u8], at: usize) {
    bytes[at] ^= 0xff;
}

pub(super) fn swap(desk: &Desk, a: (u8, u32, u32), b: (u8, u32, u32)) {
    let [of_a, of_b] = [a, b].map(|at| tile(desk, DB, at));
    put(desk, DB, a, &of_b);
    put(desk, DB, b, &of_a);
}

pub(super) fn foreign(desk: &Desk, at: (u8, u32, u32)) {
    put(desk, DB, at, &tile(desk, "b.mbtiles", at));
}

/// Changes the picture of a tile.
pub(super) fn picture(desk: &Desk, name: &str, at: (u8, u32, u32), change: fn(Image) -> Image) {
    let data = tile(desk, name, at);
    let image = change(decode(&data).unwrap());
    let settings = Settings {
        effort: Some(0),
        ..Settings::default()
    };
    let mut out = Vec::new();
    let mut encoder = encoder(Format::sniff(&data).unwrap(), &settings).unwrap();
    encoder.encode(&image, &mut out).unwrap();
    put(desk, name, at, &out);
}

/// Moves the pictures of all tiles of zoom `z` by so many pixels to the west.
pub(crate) fn move_zoom(desk: &Desk, name: &str, z: u8, by: usize) {
    let mut store = open_store(&desk.path(name)).unwrap();
    let tiles = store.tiles().unwrap();
    drop(store);
    for tile in tiles.iter().filter(|tile| tile.z() == z) {
        let at = (tile.z(), tile.x(), tile.y());
        match by {
            1 => picture(desk, name, at, |image| shift(image, 1)),
            2 => picture(desk, name, at, |image| shift(image, 2)),
            3 => picture(desk, name, at, |image| shift(image, 3)),
            _ => picture(desk, name, at, |image| shift(image, 5)),
        }
    }
}

pub(super) fn recode(desk: &Desk, at: (u8, u32, u32), format: Format) {
    let image = decode(&tile(desk, DB, at)).unwrap();
    let mut out = Vec::new();
    encoder(format, &Settings::default())
        .unwrap()
        .encode(&image, &mut out)
        .unwrap();
    put(desk, DB, at, &out);
}

/// Each pixel by `of` column and row: the one that is taken instead.
pub(super) fn rearranged(image: &Image, of: impl Fn(usize, usize) -> (usize, usize)) -> Pixels {
    let (n, width) = (image.channels.count(), image.width);
    let Pixels::U8(values) = &image.pixels else {
        panic!("tiles of 8 bits");
    };
    let pixels = (0..width * image.height).flat_map(|k| {
        let (col, row) = of(k % width, k / width);
        let from = (row * width + col) * n;
        values[from..from + n].to_vec()
    });
    Pixels::U8(pixels.collect())
}

pub(super) fn shift(image: Image, by: usize) -> Image {
    let width = image.width;
    let pixels = rearranged(&image, |col, row| ((col + by).min(width - 1), row));
    Image { pixels, ..image }
}

pub(super) fn lighten(mut image: Image) -> Image {
    let Pixels::U8(values) = &mut image.pixels else {
        panic!("tiles of 8 bits");
    };
    for value in values {
        *value = value.saturating_add(40);
    }
    image
}

pub(super) fn blank(image: Image) -> Image {
    Image {
        channels: Channels::Rgba,
        pixels: Pixels::U8(vec![0; image.width * image.height * 4]),
        ..image
    }
}

pub(super) fn double(image: Image) -> Image {
    let side = image.width;
    let n = image.channels.count();
    let Pixels::U8(values) = &image.pixels else {
        panic!("tiles of 8 bits");
    };
    let pixels = (0..4 * side * side).flat_map(|k| {
        let from = (k / (4 * side) * side + k % (2 * side) / 2) * n;
        values[from..from + n].to_vec()
    });
    Image {
        width: 2 * side,
        height: 2 * side,
        channels: image.channels,
        pixels: Pixels::U8(pixels.collect()),
    }
}

pub(super) fn cut(desk: &Desk, name: &str) {
    let file = OpenOptions::new()
        .write(true)
        .open(desk.path(name))
        .unwrap();
    let n = file.metadata().unwrap().len();
    file.set_len(n * 2 / 3).unwrap();
}

/// Fills a page in the middle of a database with something else.
pub(super) fn lose_page(desk: &Desk) {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(desk.path(DB))
        .unwrap();
    let mut head = [0; 18];
    file.read_exact(&mut head).unwrap();
    let page = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 1 << 16,
        bytes => u64::from(bytes),
    };
    let n = file.metadata().unwrap().len() / page;
    // The last pages are those of the index, which is made last.
    file.seek(SeekFrom::Start((n - 2) * page)).unwrap();
    file.write_all(&vec![0xa5; page as usize]).unwrap();
}

pub(super) fn byte(desk: &Desk, name: &str, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(desk.path(name)).unwrap();
    change(&mut bytes);
    fs::write(desk.path(name), bytes).unwrap();
}

pub(super) fn entries(desk: &Desk, change: impl Fn(&mut Vec<Entry>)) {
    let mut archive = Archive::read(&desk.path(PM));
    change(&mut archive.entries);
    archive.write(&desk.path(PM));
}

pub(super) fn rename(desk: &Desk, from: &str, to: &str) {
    fs::rename(desk.path(from), desk.path(to)).unwrap();
}

pub(super) fn edit(desk: &Desk, name: &str, from: &str, to: &str) {
    let text = fs::read_to_string(desk.path(name)).unwrap();
    assert!(text.contains(from), "{from:?} in {text}");
    fs::write(desk.path(name), text.replace(from, to)).unwrap();
}
