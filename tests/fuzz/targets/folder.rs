//! A folder of tiles described by any texts, with files of any names: up to three files that describe it and a list of paths, with a
//! zero between each.

use std::fs;

use super::{container, scratch};

/// Files that are made.
const FILES: usize = 24;

/// Zoom, column, row, and one folder too many.
const DEPTH: usize = 4;

pub fn run(bytes: &[u8]) {
    let folder = scratch::empty("tiles");
    let mut parts = bytes.split(|&byte| byte == 0);
    for name in ["metadata.json", "tilejson.json", "tilemapresource.xml"] {
        let text = parts.next().unwrap_or_default();
        if !text.is_empty() {
            fs::write(folder.join(name), text).expect("a file in a folder of ours");
        }
    }
    let paths = parts.next().and_then(|list| std::str::from_utf8(list).ok());
    let paths = paths.unwrap_or_default().lines().take(FILES);
    for name in paths.filter(|name| scratch::stays_inside(name) && name.split('/').count() <= DEPTH)
    {
        let path = folder.join(name);
        // Where one file is the folder of another, or a name is too long, there is one less.
        let made = path.parent().map(fs::create_dir_all);
        if matches!(made, Some(Ok(()))) {
            let _ = fs::write(path, b"\x89PNG\r\n\x1a\n");
        }
    }
    container::read(&folder);
}
