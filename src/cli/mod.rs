//! The command line: options in, messages and exit codes out. clap and the terminal are known here and nowhere else.

mod args;
mod clip;
mod console;
mod convert;
mod diff;
mod doctor;
mod encoding;
mod environment;
mod expired;
mod explain;
mod fingerprint;
mod github;
mod ground;
mod holes;
mod human;
mod info;
mod interrupt;
mod job;
mod label;
mod lists;
mod looks;
mod memory;
mod merge;
mod metadata;
mod outputs;
mod panics;
mod plan;
mod progress;
mod provenance;
mod redact;
mod report;
mod resume;
mod rfc3339;
mod running;
mod sources;
mod style;
mod summary;
mod tile;
mod update;
mod values;
mod verify;
mod versions;
mod zooms;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use azulejo::error::{Error, Kind, Result};

use self::args::Command;
use self::console::Console;

/// Runs the program: what the shell is told in the end.
pub(crate) fn main() -> u8 {
    panics::install();
    let command = args::parse();
    let console = Console::new(command.loudness(), command.progress());
    console.install_logger();
    let result = catch_unwind(AssertUnwindSafe(|| run(command, &console)));
    match result.unwrap_or_else(|_| Err(panics::error())) {
        Ok(()) => 0,
        Err(error) => {
            console.error(&error);
            console.failed(&error);
            exit_code(error.kind())
        }
    }
}

fn run(command: Command, console: &Console) -> Result<()> {
    // A variable that nothing reads is a wish that nobody hears.
    for name in args::unknown_variables() {
        console.warn(&format!(
            "{name}: a variable that belongs to no option; expected AZULEJO_ and an option's long name"
        ));
    }
    match command {
        Command::Tile(args) => tile::run(&args, console),
        Command::Plan(args) => plan::run(&args, console),
        Command::Explain(args) => explain::run(*args, console),
        Command::Merge(args) => merge::run(&args, console),
        Command::Convert(args) => convert::run(&args, console),
        Command::Diff(args) => diff::run(&args, console),
        Command::Doctor(args) => doctor::run(&args, console),
        Command::Verify(args) => verify::run(&args, console),
        Command::Info(args) => info::run(&args, console),
    }
}

/// Ends the program at once. All that was written is on its way or on the disk by now. What GDAL and the hundred libraries that
/// it brings would do yet is to take their tables apart: 5 ms, a twelfth of what the smallest bake takes.
pub(crate) fn leave(code: u8) -> ! {
    // Nobody is left to be told that nobody listens.
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
    // SAFETY: a call of C that does not come back, and touches no memory of ours.
    unsafe { libc::_exit(code.into()) }
}

/// What the shell is told.
fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Internal => 1,
        Kind::Usage => 2,
        Kind::Input | Kind::Damaged => 3,
        Kind::Output => 4,
        Kind::Holes => 5,
        Kind::Found => 6,
        Kind::Limit => 7,
        Kind::NoOverlap => 8,
        Kind::Resources => 9,
        Kind::Retry => 75,
        Kind::Interrupted => 130,
    }
}

/// The same kind as a word, for programs that read JSON.
fn kind_name(error: &Error) -> &'static str {
    match error.kind() {
        Kind::Internal => "internal",
        Kind::Usage => "usage",
        Kind::Input | Kind::Damaged => "input",
        Kind::Output => "output",
        Kind::Holes => "holes",
        Kind::Found => "found",
        Kind::Limit => "limit",
        Kind::NoOverlap => "no-overlap",
        Kind::Resources => "resources",
        Kind::Retry => "retry",
        Kind::Interrupted => "interrupted",
    }
}
