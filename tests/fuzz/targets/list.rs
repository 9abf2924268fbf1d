//! Any text as a list of sources, with files beside it that patterns may find.

use std::collections::HashSet;
use std::fs;

use azulejo::error::Kind;
use azulejo::mosaic::manifest::expand;

use super::scratch;

/// Folders in one pattern: each `**` goes through all of them.
const DEPTH: usize = 6;

pub fn run(bytes: &[u8]) {
    let folder = scratch::empty("sources");
    for name in [
        "a.tif",
        "a[1].tif",
        "b.tif.ovr",
        ".hidden.tif",
        "below/c.tif",
        "below/d/e.txt",
    ] {
        let path = folder.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(path, b"II*\0"))
            .expect("a file in a folder of ours");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        let error = expand(&["-"], &mut &*bytes).expect_err("a list is UTF-8");
        assert_eq!(error.kind(), Kind::Input);
        return;
    };
    // Every path lies in that folder: fuzzing is to look into no other.
    let here = folder.to_string_lossy();
    let line = |line: &str| match line.trim() {
        "" => Some(String::new()),
        path if path.starts_with(['#', '@']) || path == "-" => Some(path.to_owned()),
        path if scratch::stays_inside(path) && path.split('/').count() <= DEPTH => {
            Some(format!("{here}/{path}"))
        }
        _ => None,
    };
    let lines: Vec<String> = text.lines().filter_map(line).collect();
    match expand(&["-"], &mut lines.join("\n").as_bytes()) {
        Ok(found) => {
            assert!(!found.names.is_empty());
            let different: HashSet<&String> = found.names.iter().collect();
            assert_eq!(different.len(), found.names.len());
            assert!(found.in_folders.iter().all(|name| different.contains(name)));
        }
        Err(error) => assert!(matches!(error.kind(), Kind::Input | Kind::Usage), "{error}"),
    }
}
