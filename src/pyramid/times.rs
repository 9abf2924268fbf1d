//! Where time goes: [`Times`], summed over threads, and the watch that each thread keeps of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a thread does, or waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reads tiles of another tileset.
    Read,
    /// Renders base tiles or blocks, and reads the sources for that.
    Render,
    /// Puts children together, and reduces what is handed to the parent.
    Reduce,
    /// Styles and encodes; of tiles of another tileset, decodes them before.
    Encode,
    /// Takes finished parts from where they are kept, or keeps them there.
    Keep,
    /// Hands tiles to the outputs, or paints blocks.
    Write,
    /// Has all that it may make waiting for the thread that writes.
    AwaitRoom,
    /// Has nothing left to make while others still do.
    AwaitWork,
    /// Wants to write what is not made yet.
    AwaitTiles,
}

/// How many stages there are.
const N_STAGES: usize = Stage::AwaitTiles as usize + 1;

/// How long each stage took, summed over the threads that were at it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times([Duration; N_STAGES]);

impl Times {
    /// That of one stage.
    pub fn of(&self, stage: Stage) -> Duration {
        self.0[stage as usize]
    }

    fn add(&mut self, stage: Stage, time: Duration) {
        self.0[stage as usize] += time;
    }
}

/// Sums that all threads add to, in billionths of a second.
#[derive(Default)]
pub(crate) struct Clock([AtomicU64; N_STAGES]);

impl Clock {
    /// Adds `time` to what was spent on `stage`.
    pub(crate) fn add(&self, stage: Stage, time: Duration) {
        let billionths = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0[stage as usize].fetch_add(billionths, Ordering::Relaxed);
    }

    /// What has been added so far.
    pub(crate) fn times(&self) -> Times {
        let read = |sum: &AtomicU64| Duration::from_nanos(sum.load(Ordering::Relaxed));
        Times(self.0.each_ref().map(read))
    }
}

/// A thread's own watch: all time since it was started belongs to one stage or another, so that a look at it costs one call
/// of the system's clock. Dropped, it adds its sums to those of all.
pub(crate) struct Watch<'a> {
    clock: &'a Clock,
    sums: Times,
    last: Instant,
}

impl<'a> Watch<'a> {
    /// A watch that starts now.
    pub(crate) fn start(clock: &'a Clock) -> Self {
        Self {
            clock,
            sums: Times::default(),
            last: Instant::now(),
        }
    }

    /// Starts anew: what has passed since the last look is no stage's.
    pub(crate) fn restart(&mut self) {
        self.last = Instant::now();
    }

    /// What this watch has of `stage`.
    pub(crate) fn of(&self, stage: Stage) -> Duration {
        self.sums.of(stage)
    }

    /// What has passed since the last look was spent on `stage`.
    pub(crate) fn lap(&mut self, stage: Stage) {
        let now = Instant::now();
        self.sums.add(stage, now - self.last);
        self.last = now;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        for (sum, time) in self.clock.0.iter().zip(self.sums.0) {
            let billionths = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            sum.fetch_add(billionths, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_time_between_two_looks_is_of_the_stage_that_is_told() {
        let (clock, started) = (Clock::default(), Instant::now());
        let mut watch = Watch::start(&clock);
        let spend = |time| while_spinning(time);
        spend(3);
        watch.lap(Stage::Render);
        spend(5);
        watch.restart();
        spend(2);
        watch.lap(Stage::Render);
        watch.lap(Stage::Encode);
        assert_eq!(clock.times(), Times::default());
        drop(watch);
        clock.add(Stage::AwaitRoom, Duration::from_millis(7));
        let (times, all) = (clock.times(), started.elapsed());
        let render = times.of(Stage::Render);
        assert!(render >= Duration::from_millis(5), "{times:?}");
        assert!(render <= all - Duration::from_millis(5), "{times:?}");
        assert!(times.of(Stage::Encode) <= all - render);
        assert_eq!(times.of(Stage::AwaitRoom), Duration::from_millis(7));
        assert_eq!(times.of(Stage::Write), Duration::ZERO);
    }

    fn while_spinning(milliseconds: u64) {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(milliseconds) {
            std::hint::spin_loop();
        }
    }
}
