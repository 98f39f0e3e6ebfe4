//! Turns at what only so many may do at once. Checks: builds and tests take whole cores, and a person is editing on this
//! machine, so no more of them run than half of its cores, at least one. Attempts: each has a thread and texts in memory.

use super::lock;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often whoever waits looks whether it is still wanted, should nobody say so.
const LOOK: Duration = Duration::from_millis(100);

pub(super) struct Turns {
    free: Mutex<usize>,
    given: Condvar,
}

/// Leave to do it, until it goes.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    pub(super) fn of_this_machine() -> Turns {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Turns::of((cores / 2).max(1))
    }

    pub(super) fn of(count: usize) -> Turns {
        Turns {
            free: Mutex::new(count),
            given: Condvar::new(),
        }
    }

    /// Waits for a turn; `None` once it is not wanted any more.
    pub(super) fn take(&self, wanted: impl Fn() -> bool) -> Option<Turn<'_>> {
        let mut free = lock(&self.free);
        while *free == 0 {
            if !wanted() {
                return None;
            }
            let waited = self.given.wait_timeout(free, LOOK);
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *free -= 1;
        Some(Turn(self))
    }

    /// Has everybody who waits look now whether they are still wanted.
    pub(super) fn look(&self) {
        // Whoever has just looked waits by the time that the lock is free.
        drop(lock(&self.free));
        self.given.notify_all();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.free) += 1;
        self.0.given.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_turns_than_there_are_and_none_for_who_is_not_wanted() {
        let turns = Turns::of(1);
        let first = turns.take(|| true);
        assert!(first.is_some());
        assert!(turns.take(|| false).is_none());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.take(|| true).is_some());
            drop(first);
            assert!(waiting.join().unwrap());
        });
        assert!(turns.take(|| false).is_some(), "what is free needs no waiting");
    }
}
