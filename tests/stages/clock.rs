//! What a piece of work costs the thread that does it.

use std::time::Instant;

use super::Anything;

/// Seconds.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Cost {
    pub(crate) cpu_s: f64,
    pub(crate) wall_s: f64,
}

/// Work is repeated until it took so much CPU time.
const ENOUGH_S: f64 = 0.4;
/// And so many times, if it is not slow.
const PASSES: usize = 3;

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

/// The median of what `work` says it costs, done often enough to tell.
pub(crate) fn repeated(mut work: impl FnMut() -> Anything<Cost>) -> Anything<Cost> {
    let mut costs: Vec<Cost> = Vec::new();
    loop {
        costs.push(work()?);
        let total_s: f64 = costs.iter().map(|cost| cost.cpu_s).sum();
        if total_s >= 2.0 * ENOUGH_S || (total_s >= ENOUGH_S && costs.len() >= PASSES) {
            break;
        }
    }
    costs.sort_by(|a, b| a.cpu_s.total_cmp(&b.cpu_s));
    Ok(costs[costs.len() / 2])
}

/// CPU seconds of this thread so far, as Linux's scheduler counts them; `None` elsewhere. Good to some milliseconds.
fn cpu_s() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = told.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}
