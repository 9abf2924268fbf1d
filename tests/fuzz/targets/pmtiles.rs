//! Any bytes as a PMTiles archive: header, directories, metadata, tiles, and the audit of it all.

use super::{container, scratch};

pub fn run(bytes: &[u8]) {
    container::read(&scratch::file("a.pmtiles", bytes));
}
