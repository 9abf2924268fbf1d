//! Faults of folders.

use std::fs;

use super::how::{edit, rename};
use super::{Fault, row};

pub(super) const FAULTS: &[Fault] = &[
    row(
        "a file is called 00.png",
        "a",
        |d| rename(d, "a/10/291/438.png", "a/10/291/00.png"),
        &["file-name"],
    ),
    row(
        "a folder is called 010",
        "a",
        |d| rename(d, "a/10", "a/010"),
        &["file-name"],
    ),
    row(
        "a file is there by mistake",
        "a",
        |d| d.write("a/10/291/438.png.bak", "old"),
        &["stray"],
    ),
    row(
        "a text lies beside the zooms",
        "a",
        |d| d.write("a/todo.txt", "bake it again"),
        &["stray"],
    ),
    row(
        "a picture has another end",
        "a",
        |d| rename(d, "a/10/291/438.png", "a/10/291/438.jpg"),
        &["file-name"],
    ),
    row(
        "tilejson.json has other zooms",
        "a",
        |d| edit(d, "a/tilejson.json", "\"maxzoom\": 10", "\"maxzoom\": 9"),
        &["descriptions"],
    ),
    row(
        "tilejson.json names other files",
        "a",
        |d| edit(d, "a/tilejson.json", "{y}.png", "{y}.jpg"),
        &["descriptions"],
    ),
    row(
        "tilejson.json is no JSON",
        "a",
        |d| d.write("a/tilejson.json", "{"),
        &["container"],
    ),
    row(
        "rows of a folder are counted from the other end",
        "a",
        |d| edit(d, "a/tilejson.json", "\"xyz\"", "\"tms\""),
        &["bounds"],
    ),
    row(
        "a file is missing",
        "a",
        |d| fs::remove_file(d.path("a/10/291/438.png")).unwrap(),
        &["hole"],
    ),
    row(
        "a file is empty",
        "a",
        |d| d.write("a/10/291/438.png", ""),
        &["empty"],
    ),
    row(
        "a file lies outside the matrix",
        "a",
        |d| {
            fs::create_dir(d.path("a/10/5000")).unwrap();
            fs::copy(d.path("a/10/291/438.png"), d.path("a/10/5000/3.png")).unwrap();
        },
        &["address"],
    ),
];
