//! What a piece of work costs the thread that does it.

use std::time::Instant;

use super::Anything;

/// Seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) cpu_s: f64,
    pub(crate) wall_s: f64,
}

/// A batch of passes takes at least so much CPU time: the scheduler's clock may be 4 ms late.
const BATCH_S: f64 = 0.25;
/// Batches of which the median counts, if they are not slow.
const BATCHES: usize = 3;
/// No more of them when this is over.
const ENOUGH_S: f64 = 1.0;

/// Does `work` once.
pub(crate) fn once<T>(work: impl FnOnce() -> Anything<T>) -> Anything<(T, Cost)> {
    let (cpu, wall) = (cpu_s(), Instant::now());
    let made = work()?;
    let wall_s = wall.elapsed().as_secs_f64();
    let cpu_s = match (cpu, cpu_s()) {
        (Some(before), Some(after)) => after - before,
        _ => wall_s,
    };
    Ok((made, Cost { cpu_s, wall_s }))
}

/// What a pass of `work`, which times itself, costs: the median of some batches of passes.
pub(crate) fn repeated(mut work: impl FnMut() -> Anything<Cost>) -> Anything<Cost> {
    let mut batches: Vec<Cost> = Vec::new();
    let mut total_s = 0.0;
    while batches.len() < BATCHES && total_s < ENOUGH_S {
        let (mut sum, mut n) = (Cost::default(), 0.0);
        while sum.cpu_s < BATCH_S {
            let cost = work()?;
            sum.cpu_s += cost.cpu_s;
            sum.wall_s += cost.wall_s;
            n += 1.0;
        }
        total_s += sum.cpu_s;
        batches.push(Cost {
            cpu_s: sum.cpu_s / n,
            wall_s: sum.wall_s / n,
        });
    }
    batches.sort_by(|a, b| a.cpu_s.total_cmp(&b.cpu_s));
    Ok(batches[batches.len() / 2])
}

/// CPU seconds of this thread so far, as Linux's scheduler counts them; `None` elsewhere. Good to some milliseconds.
fn cpu_s() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = told.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}
