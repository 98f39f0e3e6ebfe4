//! State that several threads wait on: a mutex, a condition, and a bound so that a broken test ends.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a `wait_*` waits before it gives up. Long enough for a busy machine, short enough for a person.
pub const WAIT: Duration = Duration::from_secs(20);

/// What was waited for did not happen within [`WAIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("waited for {0}, in vain")]
pub struct TimedOut(pub &'static str);

/// A value with a condition that is notified at each change.
#[derive(Debug, Default)]
pub(crate) struct Signal<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Signal<T> {
    /// Reads or writes the value without telling the waiters.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the value and wakes all waiters.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let out = change(&mut self.lock());
        self.changed.notify_all();
        out
    }

    /// Waits, without a bound, until `ready` gives something.
    pub(crate) fn until<R>(&self, mut ready: impl FnMut(&mut T) -> Option<R>) -> R {
        let mut guard = self.lock();
        loop {
            if let Some(out) = ready(&mut guard) {
                return out;
            }
            guard = self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until `ready` gives something or the moment has come.
    pub(crate) fn until_or<R>(
        &self,
        deadline: Instant,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        let mut guard = self.lock();
        loop {
            if let Some(out) = ready(&mut guard) {
                return Some(out);
            }
            let left = deadline
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())?;
            guard = self
                .changed
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until `ready` gives something, at most [`WAIT`].
    pub(crate) fn within<R>(
        &self,
        what: &'static str,
        ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Result<R, TimedOut> {
        self.until_or(Instant::now() + WAIT, ready).ok_or(TimedOut(what))
    }
}
