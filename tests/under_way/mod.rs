//! Bakes that last, for tests of what comes in between.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

/// A bake that takes minutes and tells of its progress in JSON, once it has been baking for a second.
pub(crate) fn under_way(command: &mut Command) -> (Child, BufReader<ChildStderr>) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(r#""event":"progress""#) {
        line.clear();
        assert!(
            stderr.read_line(&mut line).unwrap() > 0,
            "it ended too soon"
        );
    }
    (child, stderr)
}
