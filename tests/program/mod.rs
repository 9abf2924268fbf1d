//! The program under test, as a child process that the tester's own surroundings do not touch.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program, to be run in `folder`, with none of the tester's own settings.
pub(crate) fn program<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azulejo"));
    let ours = |name: &str| name.starts_with("AZULEJO_") || name.starts_with("RUST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    command
        .env_remove("GDAL_NUM_THREADS")
        .env_remove("SOURCE_DATE_EPOCH")
        .current_dir(folder)
        .stdin(Stdio::null())
        .args(args);
    // Whatever started the tests in the background may have had these ignored, and children inherit that.
    // SAFETY: between fork and exec only `signal` is called, which may be.
    unsafe {
        command.pre_exec(|| {
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                libc::signal(signal, libc::SIG_DFL);
            }
            Ok(())
        });
    }
    command
}
