//! A circuit breaker for one upstream: after some failures in a row nobody asks it for a while, then one does.

use brisk_domain::Now;
use serde::Serialize;

/// Failures in a row that open it.
pub const FAILURES: u32 = 3;
/// How long it stays open the first time, microseconds; doubled with each probe that fails.
pub const FIRST_US: u64 = 2_000_000;
/// At most so long.
pub const LONGEST_US: u64 = 120_000_000;
/// A probe that did not report within this time is given up, and another one may go.
pub const PROBE_US: u64 = 30_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Now, wait_us: u64 },
    Half { since: Now, wait_us: u64 },
}

/// What routing may make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Ask.
    Ready,
    /// One may ask, to see.
    Probe,
    /// Nobody asks before this moment; while a probe is on its way, the moment at which it is given up.
    Down(Now),
}

/// Leave to ask once. It comes back as a report.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "report what came of it"]
pub struct Pass {
    generation: u64,
}

/// How asking went, as far as the upstream is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Answered,
    /// It failed.
    Failed,
    /// The person stopped it before either: says nothing.
    Stopped,
}

/// One breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    /// Counts openings and probes, so that a late report of an earlier time changes nothing.
    generation: u64,
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker {
            state: State::Closed { failures: 0 },
            generation: 0,
        }
    }
}

impl Breaker {
    /// How it stands.
    pub fn health(&self, now: Now) -> Health {
        match self.state {
            State::Closed { .. } => Health::Ready,
            State::Open { until, .. } if now < until => Health::Down(until),
            State::Open { .. } => Health::Probe,
            State::Half { since, .. } if now.since(since) < PROBE_US => Health::Down(Now(since.0 + PROBE_US)),
            State::Half { .. } => Health::Probe,
        }
    }

    /// Leave to ask.
    ///
    /// # Errors
    /// The moment before which nobody asks.
    pub fn admit(&mut self, now: Now) -> Result<Pass, Now> {
        match (self.health(now), self.state) {
            (Health::Down(until), _) => Err(until),
            (Health::Ready, _) | (_, State::Closed { .. }) => Ok(self.pass()),
            (Health::Probe, State::Open { wait_us, .. } | State::Half { wait_us, .. }) => {
                self.generation += 1;
                self.state = State::Half { since: now, wait_us };
                Ok(self.pass())
            }
        }
    }

    fn pass(&self) -> Pass {
        Pass {
            generation: self.generation,
        }
    }

    /// Takes a report. One of an earlier generation changes nothing.
    pub fn report(&mut self, pass: Pass, outcome: Outcome, now: Now) {
        if pass.generation != self.generation {
            return;
        }
        match (self.state, outcome) {
            (State::Closed { .. } | State::Half { .. }, Outcome::Answered) => {
                self.state = State::Closed { failures: 0 };
            }
            (State::Closed { failures }, Outcome::Failed) if failures + 1 < FAILURES => {
                self.state = State::Closed {
                    failures: failures + 1,
                };
            }
            (State::Closed { .. }, Outcome::Failed) => self.open(FIRST_US, now),
            (State::Half { wait_us, .. }, Outcome::Failed) => {
                self.open(wait_us.saturating_mul(2).min(LONGEST_US), now);
            }
            // The next one may probe at once.
            (State::Half { wait_us, .. }, Outcome::Stopped) => {
                self.state = State::Open { until: now, wait_us };
            }
            (State::Closed { .. }, Outcome::Stopped) | (State::Open { .. }, _) => {}
        }
    }

    fn open(&mut self, wait_us: u64, now: Now) {
        self.generation += 1;
        let until = Now(now.0.saturating_add(wait_us));
        self.state = State::Open { until, wait_us };
    }
}
