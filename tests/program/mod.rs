//! The program under test, as a child process that the tester's own surroundings do not touch.
#![allow(dead_code)] // No test program needs all of it.

pub(crate) mod schema;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Once;

/// The program, to be run in `folder`, with none of the tester's own settings.
pub(crate) fn program<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azulejo"));
    let starts = ["AZULEJO_", "RUST_", "GITHUB_"];
    let ours = |name: &str| starts.iter().any(|start| name.starts_with(start));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    ends_by_signals();
    command
        .env_remove("GDAL_NUM_THREADS")
        .env_remove("SOURCE_DATE_EPOCH")
        .current_dir(folder)
        .stdin(Stdio::null())
        .args(args);
    command
}

/// Runs the program to its end, and makes sure that what it has told other programs is as its schemas say.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    schema::check_told(command, output.status.code(), &output.stderr);
    output
}

/// Whatever started the tests in the background may have had these ignored, and children inherit that. It is mended here and not
/// in each child (by `pre_exec`): that would have the standard library fork, and what PROJ does in a process that was forked never
/// ends when another test is within PROJ.
fn ends_by_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: no handler is set but the default one, which may be at any time.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    });
}
