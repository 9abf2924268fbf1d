//! A folder to work in, and the program run there.
#![allow(dead_code)] // No test program needs all of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use tempfile::TempDir;

use super::program;

/// A folder to work in, with nothing in it.
pub(crate) struct Desk(pub(crate) TempDir);

/// What a run left behind.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program, to be run here.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        program::program(self.0.path(), args)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        finish(&mut self.command(args))
    }

    /// The names of all that is here, hidden files too, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// An MBTiles file for PNG tiles, without any.
    pub(crate) fn mbtiles(&self, name: &str) -> Connection {
        let db = Connection::open(self.path(name)).unwrap();
        db.execute_batch(
            "CREATE TABLE metadata (name text, value text);
             CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob);
             CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row);
             INSERT INTO metadata VALUES ('name', 'many'), ('format', 'png');",
        )
        .unwrap();
        db
    }

    /// A raster of the project's own, under another name.
    pub(crate) fn copy(&self, fixture_name: &str, name: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::copy(fixture(fixture_name), self.path(name)).unwrap();
    }

    /// All files of a container, by their paths in it.
    pub(crate) fn bytes(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        fn add(root: &Path, path: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
            if path.is_dir() {
                for entry in fs::read_dir(path).unwrap() {
                    add(root, &entry.unwrap().path(), found);
                }
            } else {
                let name = path.strip_prefix(root).unwrap().to_path_buf();
                found.insert(name, fs::read(path).unwrap());
            }
        }
        let (mut found, root) = (BTreeMap::new(), self.path(name));
        add(&root, &root, &mut found);
        assert!(!found.is_empty());
        found
    }

    #[track_caller]
    pub(crate) fn same(&self, a: &str, b: &str) {
        assert!(self.bytes(a) == self.bytes(b), "{a} and {b} differ");
    }
}

pub(crate) fn finish(command: &mut Command) -> Run {
    let output = program::output(command);
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, said: &str) -> Self {
        assert!(self.stderr.contains(said), "{said:?} in {}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, code: i32, said: &str) -> Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        assert!(self.stderr.contains(said), "{said:?} in {}", self.stderr);
        assert_eq!(self.stdout, "", "stdout is for results");
        self
    }
}

/// A raster of the project's own.
pub(crate) fn fixture(name: &str) -> String {
    format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}
