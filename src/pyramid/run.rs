//! The only worker threads there are: [`run`] has shards baked in parallel and hands them over in plan order;
//! [`stream`] and [`gather`] do that with anything. [`aside`] has one thing done on one of them.

mod gather;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use gather::{Next, Parallel, gather, stream};

use super::times::{Clock, Stage};
use super::walk::{Shard, Shared, Walker};
use crate::error::{Error, Kind, Result};
use crate::geo::tile::TileCoord;

/// How many threads, and how much memory for the encoded tiles that they bring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) jobs: usize,
    /// Bytes of shards that are being baked or wait, finished, for one before them. Workers that would go beyond it wait:
    /// with room for as many finished shards as there are threads that happens only when one shard takes very much longer
    /// than its neighbours.
    pub(super) shards_bytes: usize,
    /// Bytes that a shard may come to.
    pub(super) shard_bytes: usize,
}

/// How often the calling thread looks up while it waits: for progress, and for a request to stop.
const TICK: Duration = Duration::from_millis(100);

/// Shards between those who bake and the one who folds.
struct Queue<'a> {
    limits: Limits,
    clock: &'a Clock,
    state: Mutex<State>,
    /// A shard is there.
    arrived: Condvar,
    /// A shard has gone.
    departed: Condvar,
}

#[derive(Default)]
struct State {
    ready: BTreeMap<usize, Result<Shard>>,
    waiting_bytes: usize,
    /// Shards being baked.
    n_started: usize,
    /// The shard that the folding thread wants next.
    wanted: usize,
    closed: bool,
}

/// Bakes `shards` on as many threads as `limits` says, each with a walker of its own from `walker`, and calls `fold` on this thread with a
/// function that gives the next shard in order. `tick` is called about ten times a second while that waits; an error of
/// its stops the run.
///
/// # Errors
/// The first error in plan order of a shard, or that of `fold` or `tick`.
pub(super) fn run<'a>(
    shards: impl Iterator<Item = TileCoord> + Send,
    limits: Limits,
    shared: &Shared,
    walker: impl Fn() -> Result<Walker<'a>> + Sync,
    mut tick: impl FnMut() -> Result<()>,
    fold: impl FnOnce(&mut dyn FnMut() -> Result<Shard>) -> Result<()>,
) -> Result<()> {
    let jobs = limits.jobs;
    let queue = Queue {
        limits,
        clock: &shared.clock,
        state: Mutex::default(),
        arrived: Condvar::new(),
        departed: Condvar::new(),
    };
    // Taken from one by one: a list of them may be longer than the memory.
    let shards = Mutex::new(shards.enumerate());
    let (started, worked) = (Instant::now(), Mutex::new(Duration::ZERO));
    let work = || {
        let began = Instant::now();
        queue.work(&shards, &walker);
        *worked.lock().unwrap_or_else(PoisonError::into_inner) += began.elapsed();
    };
    let folded = beside(jobs, work, || {
        // Whatever happens here, a panic too: the threads are done when this is.
        let _stop = StopOnDrop {
            queue: &queue,
            shared,
        };
        fold(&mut || queue.take(&mut tick))
    })?;
    let worked = worked.into_inner().unwrap_or_else(PoisonError::into_inner);
    let there = started.elapsed() * u32::try_from(jobs).unwrap_or(u32::MAX);
    shared
        .clock
        .add(Stage::AwaitWork, there.saturating_sub(worked));
    folded
}

/// Calls `work` on each of `jobs` threads and, meanwhile, `here` on this one; returns when all are done.
///
/// # Errors
/// [`Kind::Resources`] when the system gives no more threads.
fn beside<R>(jobs: usize, work: impl Fn() + Sync, here: impl FnOnce() -> R) -> Result<R> {
    with_threads(jobs, |threads| {
        threads.in_place_scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|_| work());
            }
            here()
        })
    })
}

/// `work`, done on a thread on which sources have been opened if there is one, while this one waits: what needs PROJ finds its database open.
///
/// # Errors
/// As `work`, and [`Kind::Resources`] when the system gives no more threads.
pub fn aside<R: Send>(work: impl FnOnce() -> Result<R> + Send) -> Result<R> {
    with_threads(1, |threads| threads.install(work))?
}

/// What `work` makes of at least `jobs` threads that nobody else gives work to. They are kept for the next who asks: libraries hold things
/// for a thread, and to open PROJ's database for one takes 5 ms.
fn with_threads<R>(jobs: usize, work: impl FnOnce(&rayon::ThreadPool) -> R) -> Result<R> {
    static IDLE: Mutex<Option<rayon::ThreadPool>> = Mutex::new(None);
    let idle = || IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = idle().take();
    let enough = kept.filter(|threads| threads.current_num_threads() >= jobs);
    let threads = enough.map_or_else(|| started(jobs), Ok)?;
    let made = work(&threads);
    idle().replace(threads);
    Ok(made)
}

fn started(jobs: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .thread_name(|k| format!("worker-{k}"))
        .build()
        .map_err(|e| {
            Error::new(
                Kind::Resources,
                format!("{jobs} threads cannot be started ({e}); expected a smaller --jobs"),
            )
        })
}

/// Ends the work of all threads when it goes, by return or by panic.
struct StopOnDrop<'a> {
    queue: &'a Queue<'a>,
    shared: &'a Shared,
}

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.queue.close();
    }
}

impl Queue<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked while holding the lock has left nothing half done: every change is one insertion.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One worker: takes up shard after shard until there are none.
    fn work<'a>(
        &self,
        shards: &Mutex<impl Iterator<Item = (usize, TileCoord)>>,
        walker: &(impl Fn() -> Result<Walker<'a>> + Sync),
    ) {
        let next = || {
            let mut shards = shards.lock().unwrap_or_else(PoisonError::into_inner);
            shards.next()
        };
        // A thread without a shard needs no walker.
        let Some(mut taken) = next() else { return };
        // A panic must not leave the folding thread waiting for a shard that never comes.
        let made = catch_unwind(AssertUnwindSafe(walker))
            .unwrap_or_else(|_| Err(Error::internal("a worker could not start")));
        let mut walker = match made {
            Ok(walker) => walker,
            Err(error) => return self.put(taken.0, Err(error)),
        };
        loop {
            let (index, tile) = taken;
            if !self.may_start(index) {
                return;
            }
            // As above.
            let shard = catch_unwind(AssertUnwindSafe(|| walker.watched(tile)))
                .unwrap_or_else(|_| Err(Error::internal(format!("baking {tile} failed"))));
            let failed = shard.is_err();
            self.put(index, shard);
            if failed {
                return;
            }
            match next() {
                Some(following) => taken = following,
                None => return,
            }
        }
    }

    /// Waits until there is room. The shard that is wanted next never waits, so this cannot lock up.
    fn may_start(&self, index: usize) -> bool {
        let mut state = self.lock();
        let Limits {
            shards_bytes,
            shard_bytes,
            ..
        } = self.limits;
        let is_full = |state: &State| {
            let started_bytes = (state.n_started + 1).saturating_mul(shard_bytes);
            state.waiting_bytes.saturating_add(started_bytes) > shards_bytes
        };
        let mut since = None;
        while !state.closed && state.wanted < index && is_full(&state) {
            since.get_or_insert_with(Instant::now);
            state = self
                .departed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(since) = since {
            self.clock.add(Stage::AwaitRoom, since.elapsed());
        }
        state.n_started += 1;
        !state.closed
    }

    fn put(&self, index: usize, shard: Result<Shard>) {
        let mut state = self.lock();
        state.waiting_bytes += shard.as_ref().map_or(0, Shard::bytes);
        state.n_started = state.n_started.saturating_sub(1);
        state.ready.insert(index, shard);
        self.arrived.notify_all();
        // A shard mostly weighs less than was set aside for it.
        self.departed.notify_all();
    }

    /// The next shard in order, waited for.
    fn take(&self, tick: &mut impl FnMut() -> Result<()>) -> Result<Shard> {
        loop {
            let mut state = self.lock();
            let wanted = state.wanted;
            if let Some(shard) = state.ready.remove(&wanted) {
                state.wanted += 1;
                state.waiting_bytes -= shard.as_ref().map_or(0, Shard::bytes);
                self.departed.notify_all();
                drop(state);
                tick()?;
                return shard;
            }
            let (state, _) = self
                .arrived
                .wait_timeout(state, TICK)
                .unwrap_or_else(PoisonError::into_inner);
            drop(state);
            tick()?;
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.departed.notify_all();
    }
}

#[cfg(test)]
mod tests;
