//! Tests that cannot do their work here, for want of files or rights, say so and pass.

use std::fmt::Display;
use std::io::Write;
use std::sync::Once;

/// Says that something was left out because of `what`: the first time in a program of tests past the harness, which keeps
/// what passing tests print to itself; every time with `--nocapture`.
pub(crate) fn skipped(what: impl Display) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let line = format!("skipped: {what}, and perhaps more; --nocapture tells\n");
        // In one piece, as other tests write too.
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
    println!("skipped: {what}");
}
