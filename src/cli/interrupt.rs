//! Ctrl-C, SIGTERM and SIGHUP: the first ends the run cleanly, one that comes a moment later at once. SIGXFSZ: a file that may
//! not grow is an error like a full disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use azulejo::error::{Error, Kind, Result};

/// Signals that come so soon after the first one are the same: `timeout` sends its own to the program and to its group.
const SAME: Duration = Duration::from_secs(1);

/// Whether somebody wants the run to end.
#[derive(Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over the signals. To be called once.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn install() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&flag);
        // Whoever started us may have had signals ignored: `nohup` SIGHUP, a script SIGINT for what it runs with `&`.
        let ignored: Vec<libc::c_int> = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP]
            .into_iter()
            .filter(|&signal| is_ignored(signal))
            .collect();
        let mut first = None;
        ctrlc::set_handler(move || {
            seen.store(true, Ordering::Relaxed);
            if first.get_or_insert_with(Instant::now).elapsed() > SAME {
                // SAFETY: ends the process without running anything more; other threads may be anywhere.
                unsafe { libc::_exit(130) };
            }
        })
        .map_err(|e| Error::internal(format!("signals cannot be caught ({e})")))?;
        // What writes beyond `ulimit -f` is then told so, and can clean up.
        for signal in ignored.into_iter().chain([libc::SIGXFSZ]) {
            // SAFETY: ignoring a signal runs no code of ours.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
        Ok(Self(flag))
    }

    /// What is set once a signal has come, for those who wait where nobody can ask.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// An error of kind [`Kind::Interrupted`] once a signal has come.
    ///
    /// # Errors
    /// As said.
    pub(super) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted, "interrupted"));
        }
        Ok(())
    }
}

fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: all zeros is a valid `sigaction`; with no new action given, the call only reports the present one.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut now) == 0
            && now.sa_sigaction == libc::SIG_IGN
    }
}
