//! [`Gate`]: how many requests are under way at a time.
//!
//! Additive increase, multiplicative decrease, as TCP does it: every answer lets a little more through, every word of a busy
//! store halves it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// At the beginning, and at most. Stores answer in some tens of milliseconds, so this is a few hundred to a few thousand
/// objects a second.
const FIRST: f64 = 16.0;
const MOST: f64 = 64.0;

pub(super) struct Gate {
    state: Mutex<State>,
    left: Notify,
}

struct State {
    limit: f64,
    running: usize,
    /// Counts how often the limit was halved: requests of one round are halved for once.
    round: u64,
}

/// A request that may be under way. Dropped, it makes room for another.
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    round: u64,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                limit: FIRST,
                running: 0,
                round: 0,
            }),
            left: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is whole in one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that are under way.
    pub(super) fn n_running(&self) -> usize {
        self.lock().running
    }

    /// Waits until there is room for a request.
    pub(super) async fn enter(&self) -> Pass<'_> {
        loop {
            if let Some(pass) = self.try_enter() {
                return pass;
            }
            self.left.notified().await;
        }
    }

    fn try_enter(&self) -> Option<Pass<'_>> {
        let mut state = self.lock();
        let room = state.running < state.limit as usize;
        room.then(|| {
            state.running += 1;
            Pass {
                gate: self,
                round: state.round,
            }
        })
    }
}

impl Pass<'_> {
    /// The store has answered.
    pub(super) fn answered(&self) {
        let mut state = self.gate.lock();
        let more = state.limit + 1.0 / state.limit;
        state.limit = more.min(MOST);
        drop(state);
        // There may be room for two.
        self.gate.left.notify_one();
    }

    /// The store is busy.
    pub(super) fn throttled(&self) {
        let mut state = self.gate.lock();
        if state.round == self.round {
            state.limit = (state.limit / 2.0).max(1.0);
            state.round += 1;
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.lock().running -= 1;
        self.gate.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests that get through at once.
    fn room(gate: &Gate) -> usize {
        let passes: Vec<_> = std::iter::from_fn(|| gate.try_enter()).collect();
        passes.len()
    }

    #[test]
    fn a_busy_store_is_asked_half_as_much_once_a_round_and_never_nothing() {
        let gate = Gate::new();
        let passes: Vec<_> = (0..16).filter_map(|_| gate.try_enter()).collect();
        assert_eq!(passes.len(), 16);
        assert!(gate.try_enter().is_none());
        passes.iter().for_each(Pass::throttled);
        drop(passes);
        assert_eq!(room(&gate), 8);
        for _ in 0..10 {
            if let Some(pass) = gate.try_enter() {
                pass.throttled();
            }
        }
        assert_eq!(room(&gate), 1);
    }

    #[test]
    fn answers_let_more_through_up_to_a_limit() {
        let gate = Gate::new();
        for _ in 0..17 {
            if let Some(pass) = gate.try_enter() {
                pass.answered();
            }
        }
        assert_eq!(room(&gate), 17);
        for _ in 0..10_000 {
            if let Some(pass) = gate.try_enter() {
                pass.answered();
            }
        }
        assert_eq!(room(&gate), 64);
    }
}
