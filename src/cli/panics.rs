//! Panics as errors: one plain message instead of a backtrace for each thread.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

use azulejo::error::{Error, Result};

/// What the first panic said, and its backtrace if `RUST_BACKTRACE` asks for one.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// From now on panics are silent, and [`error`] tells of them.
pub(super) fn install() {
    panic::set_hook(Box::new(|info| {
        let text = describe(info);
        FIRST
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(text);
    }));
}

/// The first panic of any thread as an error.
pub(super) fn error() -> Error {
    let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    let text = first.as_deref().unwrap_or("a panic without a message");
    Error::internal(format!("internal: {text}"))
        .with_help("this is a mistake in azulejo, please report it with the command that led to it")
}

/// An error once any thread has panicked, so that nobody waits for what that thread will never bring.
///
/// # Errors
/// The first panic.
pub(super) fn check() -> Result<()> {
    let panicked = FIRST
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some();
    if panicked { Err(error()) } else { Ok(()) }
}

fn describe(info: &PanicHookInfo) -> String {
    let payload = info.payload();
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = info
        .location()
        .map_or_else(String::new, |l| format!(" (at {}:{})", l.file(), l.line()));
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        format!("{text}{place}\n{backtrace}")
    } else {
        format!("{text}{place}")
    }
}
