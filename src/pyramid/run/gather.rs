//! [`stream`]: a row of things made in parallel and handed over in order; [`gather`], the same into a list.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{TICK, beside};
use crate::error::{Error, Result};

/// How much is done in parallel.
#[derive(Debug, Clone, Copy)]
pub struct Parallel {
    /// Threads.
    pub jobs: usize,
    /// Things that may be in the making, or wait, at one time.
    pub ahead: usize,
}

/// `make` of each of `items`, on `jobs` threads, in the order of the items. `tick` is called on this thread with the number
/// of those that are done, about ten times a second and more often; an error of its stops the work.
///
/// # Errors
/// The first error in the order of the items, or that of `tick`.
pub fn gather<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    make: impl Fn(&T) -> Result<R> + Sync,
    mut tick: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<R>> {
    let parallel = Parallel {
        jobs,
        ahead: usize::MAX,
    };
    let mut made = Vec::with_capacity(items.len());
    stream(
        parallel,
        items.len(),
        || Ok(()),
        |(), index| make(&items[index]),
        |next| {
            while let Some(item) = next(&mut || tick(made.len()))? {
                made.push(item);
                tick(made.len())?;
            }
            Ok(())
        },
    )?;
    Ok(made)
}

/// Gives the next thing in order, `None` after the last. Calls the function it is given about ten times a second while it
/// waits.
pub type Next<'a, R> = dyn FnMut(&mut dyn FnMut() -> Result<()>) -> Result<Option<R>> + 'a;

/// Makes `n` things in parallel, each of its index by `make`, which gets what `start` has made for its thread; calls `take`
/// on this thread with a function that gives them one by one in order.
///
/// # Errors
/// The first error in order, or that of `take`.
pub fn stream<S, R: Send>(
    parallel: Parallel,
    n: usize,
    start: impl Fn() -> Result<S> + Sync,
    make: impl Fn(&mut S, usize) -> Result<R> + Sync,
    take: impl FnOnce(&mut Next<'_, R>) -> Result<()>,
) -> Result<()> {
    let jobs = parallel.jobs.min(n).max(1);
    let belt = Belt {
        n,
        ahead: parallel.ahead.max(1),
        state: Mutex::new(State {
            begun: 0,
            taken: 0,
            ready: BTreeMap::new(),
            closed: false,
        }),
        arrived: Condvar::new(),
        departed: Condvar::new(),
    };
    let work = || belt.work(&start, &make);
    beside(jobs, work, || {
        // Whatever happens here, a panic too: the threads are done when this is.
        let _close = CloseOnDrop(&belt);
        take(&mut |tick| belt.take(tick))
    })?
}

/// What lies between those who make and the one who takes.
struct Belt<R> {
    n: usize,
    ahead: usize,
    state: Mutex<State<R>>,
    arrived: Condvar,
    departed: Condvar,
}

struct State<R> {
    begun: usize,
    taken: usize,
    ready: BTreeMap<usize, Result<R>>,
    closed: bool,
}

struct CloseOnDrop<'a, R>(&'a Belt<R>);

impl<R> Drop for CloseOnDrop<'_, R> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.departed.notify_all();
    }
}

impl<R> Belt<R> {
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        // Every change is one assignment or insertion: nothing is half done when a thread has died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next to be made, when there is room for it; `None` when there are no more.
    fn begin(&self) -> Option<usize> {
        let mut state = self.lock();
        while !state.closed && state.begun < self.n && state.begun - state.taken >= self.ahead {
            state = self
                .departed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed || state.begun == self.n {
            return None;
        }
        state.begun += 1;
        Some(state.begun - 1)
    }

    /// One worker: makes one after the other until there are no more, or one fails.
    fn work<S>(
        &self,
        start: &(impl Fn() -> Result<S> + Sync),
        make: &(impl Fn(&mut S, usize) -> Result<R> + Sync),
    ) {
        let mut tools = None;
        while let Some(index) = self.begin() {
            // A panic must not leave the taking thread waiting for what never comes.
            let result = catch_unwind(AssertUnwindSafe(|| {
                let tools = match &mut tools {
                    Some(tools) => tools,
                    none => none.insert(start()?),
                };
                make(tools, index)
            }))
            .unwrap_or_else(|_| Err(Error::internal("a worker failed")));
            let failed = result.is_err();
            self.lock().ready.insert(index, result);
            self.arrived.notify_all();
            if failed {
                return;
            }
        }
    }

    fn take(&self, tick: &mut dyn FnMut() -> Result<()>) -> Result<Option<R>> {
        loop {
            let mut state = self.lock();
            if state.taken == self.n {
                return Ok(None);
            }
            let wanted = state.taken;
            if let Some(result) = state.ready.remove(&wanted) {
                state.taken += 1;
                self.departed.notify_all();
                return result.map(Some);
            }
            let (state, _) = self
                .arrived
                .wait_timeout(state, TICK)
                .unwrap_or_else(PoisonError::into_inner);
            drop(state);
            tick()?;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::error::Kind;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        for jobs in [1, 2, 8, 2000] {
            let mut told = 0;
            let made = gather(
                jobs,
                &items,
                |&item| Ok(item * 2),
                |done| {
                    told = done;
                    Ok(())
                },
            );
            assert_eq!(made.unwrap(), (0..2000).step_by(2).collect::<Vec<_>>());
            assert_eq!(told, 1000);
        }
        assert!(
            gather(2, &[], |_: &u8| Ok(()), |_| Ok(()))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn no_more_than_told_are_made_ahead() {
        let (made, mut taken) = (AtomicUsize::new(0), 0);
        let parallel = Parallel { jobs: 4, ahead: 3 };
        let make = |tools: &mut usize, index: usize| {
            *tools += 1;
            made.fetch_add(1, Ordering::Relaxed);
            Ok((index, *tools))
        };
        let take = |next: &mut Next<'_, (usize, usize)>| {
            while let Some((index, tools)) = next(&mut || Ok(()))? {
                assert_eq!(index, taken);
                assert!(tools <= index + 1);
                taken += 1;
                assert!(made.load(Ordering::Relaxed) <= taken + 3);
            }
            Ok(())
        };
        stream(parallel, 100, || Ok(0), make, take).unwrap();
        assert_eq!(taken, 100);
    }

    #[test]
    fn the_first_error_is_told_and_ends_the_work() {
        let items: Vec<usize> = (0..100_000).collect();
        let made = AtomicUsize::new(0);
        for jobs in [1, 2, 8] {
            let make = |&item: &usize| {
                made.fetch_add(1, Ordering::Relaxed);
                match item % 50 {
                    7.. if item > 7 => Err(Error::new(Kind::Input, format!("item {item}"))),
                    // Slower than those after it, which fail too.
                    7 => {
                        std::hint::black_box((0..3_000_000).map(f64::from).sum::<f64>());
                        Err(Error::new(Kind::Input, "item 7"))
                    }
                    _ => Ok(item),
                }
            };
            let error = gather(jobs, &items, make, |_| Ok(())).unwrap_err();
            assert_eq!(error.to_string(), "item 7");
        }
        assert!(made.load(Ordering::Relaxed) < 1000);
    }

    #[test]
    fn a_panic_and_a_wish_to_stop_end_it() {
        let error = gather(
            2,
            &[1, 2, 3],
            |_| -> Result<()> { panic!("as the test wants") },
            |_| Ok(()),
        );
        assert_eq!(error.unwrap_err().kind(), Kind::Internal);
        let stop = |_| Err(Error::new(Kind::Interrupted, "stop"));
        let error = gather(2, &[1, 2, 3], |&item| Ok(item), stop);
        assert_eq!(error.unwrap_err().kind(), Kind::Interrupted);
    }
}
