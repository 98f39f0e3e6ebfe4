//! Whether a WebSocket is worth trying now. Pure: the moment is given.
//!
//! A server that says that it has none is asked again after minutes; one that failed, after a pause that doubles. It
//! is never given up.

use std::time::{Duration, Instant};

/// How long a refusal by the server itself is remembered.
const REFUSED: Duration = Duration::from_secs(5 * 60);

/// The first pause after a failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Why a WebSocket did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The server has none here (426, 404 and their like).
    Refused,
    /// It could not be opened, or died before it was of use.
    Failed,
}

/// What to do about opening one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Try {
    /// Open one and wait for it.
    Now,
    /// Open one beside a request that takes another way: nobody waits for an attempt after a failure.
    Beside,
    /// Not yet.
    Later,
}

/// The record of one server.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failures: u32,
    until: Option<Instant>,
}

impl Health {
    pub(crate) fn attempt(&self, now: Instant) -> Try {
        match self.until {
            None => Try::Now,
            Some(until) if now >= until => Try::Beside,
            Some(_) => Try::Later,
        }
    }

    pub(crate) fn trouble(&mut self, what: Trouble, now: Instant) {
        let pause = match what {
            Trouble::Refused => REFUSED,
            Trouble::Failed => {
                let doubled = PAUSES.0.saturating_mul(1 << self.failures.min(16));
                self.failures += 1;
                doubled.min(PAUSES.1)
            }
        };
        self.until = Some(now + pause);
    }

    /// An attempt is on its way; no second one beside it.
    pub(crate) fn trying(&mut self, now: Instant) {
        self.until = self.until.map(|_| now + PAUSES.1);
    }

    pub(crate) fn works(&mut self) {
        *self = Health::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_tried_again_beside_and_success_forgets_it() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let mut health = Health::default();
        assert_eq!(health.attempt(start), Try::Now);
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            health.trouble(Trouble::Failed, at(now));
            assert_eq!(health.attempt(at(now + pause - 1)), Try::Later, "{pause}");
            assert_eq!(health.attempt(at(now + pause)), Try::Beside, "{pause}");
            now += pause;
        }
        health.trying(at(now));
        assert_eq!(health.attempt(at(now)), Try::Later);
        health.works();
        assert_eq!(health.attempt(at(now)), Try::Now);
    }

    #[test]
    fn a_refusal_is_remembered_for_minutes_and_never_for_good() {
        let now = Instant::now();
        let mut health = Health::default();
        health.trouble(Trouble::Refused, now);
        assert_eq!(health.attempt(now + Duration::from_secs(299)), Try::Later);
        assert_eq!(health.attempt(now + Duration::from_secs(300)), Try::Beside);
    }
}
