//! Any bytes as an MBTiles file: SQLite opens them, or what has its beginning.

use super::{container, scratch};

pub fn run(bytes: &[u8]) {
    container::read(&scratch::file("a.mbtiles", bytes));
}
