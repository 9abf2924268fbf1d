//! How often units are decoded, how long that takes, and how long threads wait for those that another decodes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often units were decoded. A unit is a block of the file, several small ones, or a part of a very large one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    /// Decodings.
    pub blocks_decoded: u64,
    /// Different units among them.
    pub blocks_touched: u64,
}

/// How long they are read, summed over all threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadTimes {
    /// Reading files and decoding what is in them.
    pub decoding: Duration,
    /// Waiting for what another thread was decoding.
    pub waiting: Duration,
}

impl ReadTimes {
    /// What has been added since it was `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            decoding: self.decoding.saturating_sub(before.decoding),
            waiting: self.waiting.saturating_sub(before.waiting),
        }
    }
}

/// The sums, in billionths of a second.
#[derive(Default)]
pub(super) struct Clock {
    decoding: AtomicU64,
    waiting: AtomicU64,
}

impl Clock {
    /// What `decode` makes.
    pub(super) fn decoding<T>(&self, decode: impl FnOnce() -> T) -> T {
        timed(&self.decoding, decode)
    }

    /// What `wait` has waited for.
    pub(super) fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        timed(&self.waiting, wait)
    }

    pub(super) fn times(&self) -> ReadTimes {
        let read = |sum: &AtomicU64| Duration::from_nanos(sum.load(Ordering::Relaxed));
        ReadTimes {
            decoding: read(&self.decoding),
            waiting: read(&self.waiting),
        }
    }
}

fn timed<T>(sum: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let made = work();
    let billionths = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
    sum.fetch_add(billionths, Ordering::Relaxed);
    made
}
