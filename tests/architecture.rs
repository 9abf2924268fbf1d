//! The import rules of the house, read from the source: see the floor plan in `src/lib.rs`.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// What each floor may import, besides itself.
const MAY_IMPORT: [(&str, &[&str]); 15] = [
    ("error", &[]),
    ("remote", &["error"]),
    ("geo", &["error"]),
    ("raster", &["error"]),
    ("source", &["error", "geo", "raster", "remote"]),
    ("mosaic", &["error", "geo", "raster", "source"]),
    ("render", &["error", "geo", "raster", "source", "mosaic"]),
    ("style", &["error", "raster"]),
    ("encode", &["error", "raster"]),
    ("archive", &["error", "geo", "encode", "remote"]),
    (
        "pyramid",
        &[
            "error", "geo", "raster", "source", "mosaic", "render", "style", "encode", "archive",
        ],
    ),
    (
        "merge",
        &[
            "error", "geo", "raster", "source", "mosaic", "render", "archive", "pyramid",
        ],
    ),
    (
        "convert",
        &[
            "error", "geo", "mosaic", "encode", "archive", "pyramid", "remote",
        ],
    ),
    (
        "diff",
        &[
            "error", "geo", "raster", "source", "encode", "archive", "pyramid",
        ],
    ),
    (
        "verify",
        &[
            "error", "geo", "raster", "source", "mosaic", "style", "encode", "archive", "pyramid",
            "convert", "diff",
        ],
    ),
];

/// Words that may stand only in some places (a path's beginning, below `src`).
const ONLY_IN: [(&str, &[&str]); 18] = [
    // The network has one floor, and so has waiting for it.
    ("tokio::", &["remote/"]),
    ("object_store::", &["remote/"]),
    ("reqwest::", &["remote/"]),
    ("rustls::", &["remote/"]),
    ("futures_util::", &["remote/"]),
    ("async ", &["remote/"]),
    ("clap::", &["cli/", "main.rs"]),
    ("indicatif::", &["cli/"]),
    (
        "gdal::",
        &[
            "remote/ranges/",
            "source/gdal/",
            "geo/transform/",
            "geo/scheme/",
            "merge/",
            "mosaic/clip/",
            "cli/",
        ],
    ),
    (
        "gdal_sys::",
        &[
            "remote/ranges/",
            "source/gdal/",
            "geo/transform/",
            "merge/",
            "mosaic/clip/",
            "cli/",
        ],
    ),
    ("std::thread", &["cli/values.rs", "remote/ranges/"]),
    ("thread::spawn", &[]),
    ("thread::scope", &[]),
    ("use rayon", &["pyramid/run.rs"]),
    (
        "use gdal",
        &[
            "remote/ranges/",
            "source/gdal/",
            "geo/transform/",
            "geo/scheme/",
            "merge/",
            "mosaic/clip/",
            "cli/",
        ],
    ),
    ("rayon::", &["pyramid/run.rs"]),
    // Code for certain processors has a plain twin beside it, and a test that holds them equal.
    (
        "target_feature(",
        &["raster/resample/avx2.rs", "encode/png/filter/wide.rs"],
    ),
    // Otherwise only calls of C.
    (
        "unsafe ",
        &[
            "raster/resample/avx2.rs",
            "encode/png/filter/wide.rs",
            "encode/webp.rs",
            "remote/ranges/",
            "source/gdal/",
            "source/meter.rs",
            "geo/transform/",
            "geo/scheme/",
            "merge/",
            "mosaic/clip/",
            "archive/",
            "cli/",
        ],
    ),
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every file below `src`: its path there, with `/`, and its text without comments.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    assert!(files.len() > 30, "the source was not found: {files:?}");
    files
        .into_iter()
        // Tests may look at the program from wherever they like.
        .filter(|path| {
            !path.iter().any(|part| part == "tests")
                && path.file_name().is_some_and(|name| name != "tests.rs")
        })
        .map(|path| {
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            let text = fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            (name, code)
        })
        .collect()
}

fn floor_of(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The top-level modules that `code` names as `crate::module` (or by climbing to it with `super`), in `use` lines or inline,
/// one or several in braces.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for root in ["crate::", "super::super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            found.extend(first_names(&code[at + root.len()..]));
        }
    }
    found
}

/// The first names of a path, or of each path in braces.
fn first_names(paths: &str) -> Vec<String> {
    let name = |path: &str| {
        path.trim()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let Some(inside) = paths.strip_prefix('{') else {
        return vec![name(paths)];
    };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&inside[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn every_module_imports_only_the_floors_below_it() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let floor = floor_of(&file);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|row| row.0 == floor) else {
            assert!(
                ["cli", "main", "lib"].contains(&floor),
                "{file}: a module that the floor plan does not know"
            );
            continue;
        };
        for module in imports(&code) {
            let known = MAY_IMPORT.iter().any(|row| row.0 == module);
            if known && module != floor && !allowed.contains(&module.as_str()) {
                wrong.push(format!("{file} imports {module}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn some_crates_are_used_in_one_place_only() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        for (word, places) in ONLY_IN {
            // `use gdal::` and `gdal::`, but not `source::gdal::`.
            let used = code.match_indices(word).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            });
            if used && !places.iter().any(|place| file.starts_with(place)) {
                wrong.push(format!("{file} uses {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Ways of writing a program that the house does without, and ways around the rules above.
const NOWHERE: [&str; 2] = ["extern crate ", "use {"];

#[test]
fn nothing_goes_around_the_rules() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        // `use {a, b}` would hide a crate's name from the test above.
        wrong.extend(
            NOWHERE
                .iter()
                .filter(|word| {
                    code.lines()
                        .any(|line| line.trim_start().starts_with(*word))
                })
                .map(|word| format!("{file}: {word}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_binary_uses_the_library_by_its_public_names() {
    for (file, code) in sources()
        .iter()
        .filter(|(file, _)| floor_of(file) == "cli" || floor_of(file) == "main")
    {
        for module in imports(code) {
            assert!(
                module == "cli" || !MAY_IMPORT.iter().any(|row| row.0 == module),
                "{file} reaches into {module} as if it were part of it"
            );
        }
    }
}

#[test]
fn the_rules_are_read_as_they_are_written() {
    assert_eq!(imports("use crate::geo::tile::TileCoord;"), ["geo"]);
    assert_eq!(
        imports("use crate::{error, raster::Raster};"),
        ["error", "raster"]
    );
    assert_eq!(imports("fn f(x: &crate::mosaic::Mosaic) {}"), ["mosaic"]);
    assert_eq!(
        imports("use crate::{error::{Error, Kind}, mosaic::Mosaic};"),
        ["error", "mosaic"]
    );
    assert_eq!(imports("use super::super::raster::Raster;"), ["raster"]);
    assert_eq!(imports("use other_crate::geo;"), Vec::<String>::new());
}
