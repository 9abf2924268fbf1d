//! What a bake will take, as far as a sample tells: [`Outlook`].

use std::time::{Duration, Instant};

use azulejo::error::Result;
use azulejo::pyramid::Progress;
use azulejo::pyramid::budget::pixel_bytes;
use azulejo::pyramid::sample::{self, Forecast, Of};
use azulejo::pyramid::survey::Means;
use azulejo::source::SourceInfo;

use crate::cli::console::Console;
use crate::cli::interrupt::Interrupt;
use crate::cli::job::{Job, Ready};
use crate::cli::memory;
use crate::cli::outputs::Target;
use crate::cli::progress::{Meter, Phase};
use crate::cli::report::peak_memory_bytes;
use crate::cli::values::Jobs;

/// Of the time that its processors have, the part in which a bake keeps them at work: measured, 0.93 to 0.97 on two.
const AT_WORK: f64 = 0.95;

/// Pixels of base tiles in a part of a bake that is finished in one piece, usually.
const SHARD_PX: f64 = (1 << 22) as f64;

/// Finished parts a thread that wait to be written, and one in the making.
const SHARDS_A_THREAD: f64 = 2.0;

/// Of an output that is being written: SQLite's cache, and the first tiles.
const WRITER_BYTES: u64 = 24 << 20;

/// A bake that takes no longer keeps no finished parts.
pub(super) const PARTS_KEPT_FROM: Duration = Duration::from_secs(10);

/// Thirty thousand years.
const LONGEST_S: f64 = 1e12;

/// What is to come.
pub(in crate::cli) struct Outlook {
    /// Of the tiles.
    pub(in crate::cli) forecast: Forecast,
    /// Seconds of processor time of all of the run, reading and writing included.
    pub(super) cpu_s: Of,
    /// Seconds by the clock.
    pub(in crate::cli) wall_s: Of,
    pub(in crate::cli) memory: Memory,
    pub(super) sampled: Sampled,
}

/// Bytes of memory.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Memory {
    /// The most at one time, about.
    pub(in crate::cli) peak: u64,
    /// What is never gone beyond.
    pub(in crate::cli) ceiling: u64,
}

/// The sample.
pub(super) struct Sampled {
    pub(super) n_tiles: u64,
    pub(super) n_clusters: usize,
    pub(super) is_whole: bool,
    pub(super) time: Duration,
}

impl Outlook {
    /// Takes a sample of `ready`, which a bake of `job` would write to `targets` and which has begun at `started`. What has been read
    /// for it is forgotten.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub(in crate::cli) fn take(
        (job, ready): (&Job, &Ready),
        targets: &[Target],
        started: Instant,
        (console, interrupt): (&Console, &Interrupt),
    ) -> Result<Self> {
        let before = Before {
            cpu_s: memory::process_cpu().as_secs_f64(),
            wall_s: started.elapsed().as_secs_f64(),
        };
        let begun = Instant::now();
        let mut meter = Meter::start(console, Phase::Sampling);
        let mut tick = |done: u64, planned: u64| {
            interrupt.check()?;
            meter.update(&Progress::of(done, planned));
            Ok(())
        };
        let budget = &ready.budget;
        let means = Means {
            jobs: budget.jobs,
            windows_px: (budget.window_px, budget.most_window_px),
        };
        let sample = sample::take(&ready.mosaic, &ready.plan, &job.recipe, means, &mut tick)?;
        drop(meter);
        let forecast = sample.forecast(&ready.plan);
        let memory = memory_of(ready, &forecast, (sample.decoded_px(), targets.len()));
        ready.cache.forget();
        let writing_s = writing_s(targets, &forecast);
        let (cpu_s, wall_s) = times(&forecast.cpu_s, &before, writing_s, budget.jobs);
        Ok(Self {
            cpu_s,
            wall_s,
            memory,
            sampled: Sampled {
                n_tiles: sample.n_tiles(),
                n_clusters: sample.n_clusters(),
                is_whole: sample.is_whole,
                time: begun.elapsed(),
            },
            forecast,
        })
    }

    /// How long the run takes, about.
    pub(in crate::cli) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.wall_s.estimate.min(LONGEST_S))
    }

    /// Bytes of finished parts that the run keeps until it is complete, at most.
    pub(super) fn parts_bytes(&self) -> f64 {
        let after = PARTS_KEPT_FROM.as_secs_f64();
        let part = 1.0 - after / self.wall_s.estimate.max(after);
        self.forecast.bytes.estimate * part
    }
}

/// What a run has taken before its sample.
struct Before {
    cpu_s: f64,
    wall_s: f64,
}

/// Processor time and time by the clock of the whole run: what there was `before`, the tiles on `jobs` threads, and writing on one more.
fn times(tiles: &Of, before: &Before, writing_s: f64, jobs: usize) -> (Of, Of) {
    let cores = Jobs::all().0;
    let spread = |cpu_s: f64, threads: usize| cpu_s / threads.min(cores).max(1) as f64;
    let wall_s = |tiles_s: f64| {
        let slowest = spread(tiles_s, jobs).max(writing_s);
        before.wall_s + slowest.max(spread(tiles_s + writing_s, jobs + 1)) / AT_WORK
    };
    let of = |with: &dyn Fn(f64) -> f64| Of {
        estimate: with(tiles.estimate),
        low: with(tiles.low),
        high: with(tiles.high),
    };
    let cpu_s = of(&|tiles_s| before.cpu_s + tiles_s + writing_s);
    (cpu_s, of(&wall_s))
}

/// Seconds of processor time that it takes to write the tiles.
fn writing_s(targets: &[Target], forecast: &Forecast) -> f64 {
    let of = |target: &Target| {
        let cost = &target.archive.writing;
        forecast.stored.estimate * cost.tile_s + forecast.bytes.estimate * cost.byte_s
    };
    targets.iter().map(of).sum()
}

/// What the process has had so far, when the cache is full and finished parts wait.
fn memory_of(ready: &Ready, forecast: &Forecast, (decoded_px, n_outputs): (u64, usize)) -> Memory {
    let budget = &ready.budget;
    let base = forecast.zooms.last();
    let tile_bytes = base.map_or(0.0, |zoom| zoom.bytes / (zoom.tiles as f64).max(1.0));
    let tile_px = (ready.plan.shape.tile_size_px as f64).powi(2);
    let shard_bytes = tile_bytes / tile_px * SHARD_PX * 4.0 / 3.0;
    let waiting = (shard_bytes * SHARDS_A_THREAD * budget.jobs as f64)
        .min(budget.shards_bytes as f64)
        .min(forecast.bytes.estimate);
    let whole = |info: &SourceInfo| {
        let level = &info.levels[0];
        (level.width as u64).saturating_mul(level.height as u64)
    };
    let all_px = ready.infos.iter().map(whole).fold(0, u64::saturating_add);
    let pixel_bytes = pixel_bytes(&ready.demand.shape) as f64;
    // What there is nothing of takes no room.
    let held_bytes = ready.cache.held_bytes() as f64;
    let filled = held_bytes / (decoded_px as f64 * pixel_bytes).max(held_bytes).max(1.0);
    let most_cached = (all_px as f64 * pixel_bytes * filled).min(budget.cache_bytes as f64);
    let to_fill = (most_cached - held_bytes).max(0.0);
    let ceiling = ready.demand.ceiling_bytes;
    let peak = peak_memory_bytes() + (to_fill + waiting) as u64 + WRITER_BYTES * n_outputs as u64;
    Memory {
        peak: peak.min(ceiling),
        ceiling,
    }
}
