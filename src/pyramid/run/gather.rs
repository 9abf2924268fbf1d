//! [`gather`]: one result for each of many things, made in parallel.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use super::{TICK, pool};
use crate::error::{Error, Result};

/// `make` of each of `items`, on `jobs` threads, in the order of the items. `tick` is called on this thread about ten times
/// a second with the number of those that are done, and once at the end; an error of its stops the work.
///
/// # Errors
/// The first error in the order of the items, or that of `tick`.
pub fn gather<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    make: impl Fn(&T) -> Result<R> + Sync,
    mut tick: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<R>> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    // Items are taken in order, so all before the first that fails are taken when the others stop.
    let work = |made: std::sync::mpsc::Sender<(usize, Result<R>)>| {
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            let result = catch_unwind(AssertUnwindSafe(|| make(item)))
                .unwrap_or_else(|_| Err(Error::internal("a worker failed")));
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            // Nobody listens when the calling thread has given up.
            let _ = made.send((index, result));
        }
    };
    let (sender, receiver) = channel();
    let jobs = jobs.min(items.len()).max(1);
    pool(jobs)?.in_place_scope(|scope| {
        for _ in 0..jobs {
            let (sender, work) = (sender.clone(), &work);
            scope.spawn(move |_| work(sender));
        }
        drop(sender);
        let collected = collect(items.len(), &receiver, &mut tick);
        stop.store(true, Ordering::Relaxed);
        collected
    })
}

/// What comes in, put in order, until all who send are gone.
fn collect<R>(
    n: usize,
    receiver: &Receiver<(usize, Result<R>)>,
    tick: &mut impl FnMut(usize) -> Result<()>,
) -> Result<Vec<R>> {
    let mut results: Vec<Option<Result<R>>> = (0..n).map(|_| None).collect();
    let (mut done, mut told) = (0, std::time::Instant::now());
    loop {
        match receiver.recv_timeout(TICK) {
            Ok((index, result)) => {
                results[index] = Some(result);
                done += 1;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if told.elapsed() >= TICK {
            told = std::time::Instant::now();
            tick(done)?;
        }
    }
    tick(done)?;
    // What is missing comes after an error.
    results.into_iter().map_while(|result| result).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
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
