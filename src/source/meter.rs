//! What decoding costs: processor time of the thread that calls, and how many pixels are decoded beside those that are asked
//! for. A forecast needs both: a tile that is made by itself has blocks decoded that its neighbours would share.

use std::cell::Cell;
use std::ops::{AddAssign, Sub};
use std::time::Duration;

/// What a thread has decoded so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Processor time that it took.
    pub cpu: Duration,
    /// Pixels decoded, in whole units of the cache.
    pub decoded_px: u64,
    /// Pixels that were asked for.
    pub asked_px: u64,
}

impl AddAssign for Decoded {
    fn add_assign(&mut self, more: Self) {
        self.cpu += more.cpu;
        self.decoded_px += more.decoded_px;
        self.asked_px += more.asked_px;
    }
}

impl Sub for Decoded {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            decoded_px: self.decoded_px - before.decoded_px,
            asked_px: self.asked_px - before.asked_px,
        }
    }
}

thread_local! {
    static DECODED: Cell<Decoded> = const { Cell::new(Decoded { cpu: Duration::ZERO, decoded_px: 0, asked_px: 0 }) };
}

/// What the thread that calls has decoded so far, of all sources that are read through a cache.
pub fn decoded_here() -> Decoded {
    DECODED.get()
}

/// Processor time of the thread that calls, from when it began.
pub fn thread_cpu() -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call fills in the struct that it is given.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    debug_assert_eq!(code, 0, "every thread has such a clock");
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Counts pixels that somebody asks for.
pub(super) fn ask(px: usize) {
    let mut sum = DECODED.get();
    sum.asked_px += px as u64;
    DECODED.set(sum);
}

/// Does `decode`, which makes so many pixels, and counts them and its time.
pub(super) fn decode<T>(px: usize, decode: impl FnOnce() -> T) -> T {
    let before = thread_cpu();
    let made = decode();
    let mut sum = DECODED.get();
    sum.cpu += thread_cpu().saturating_sub(before);
    sum.decoded_px += px as u64;
    DECODED.set(sum);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decoded_is_counted_with_its_time() {
        let before = decoded_here();
        ask(7);
        let sum = decode(100, || {
            (0..3_000_000_u64).map(std::hint::black_box).sum::<u64>()
        });
        assert!(sum > 0);
        let found = decoded_here() - before;
        assert_eq!((found.asked_px, found.decoded_px), (7, 100));
        assert!(found.cpu > Duration::from_micros(100), "{:?}", found.cpu);
    }
}
