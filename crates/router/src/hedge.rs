//! Two models for one answer: where the first is late beyond its own habit, the second starts too, and whoever speaks
//! first goes on alone.

use brisk_domain::Now;

/// When a second model is asked beside a silent one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hedge {
    /// Never. One that fails is still followed by its fallback.
    Never,
    /// When it is silent for longer than its own measured p95; where nothing is measured, not at all.
    #[default]
    Habit,
    /// When it is silent for so long, microseconds, whatever was measured.
    After(u64),
}

impl Hedge {
    /// When a model with this habit is late, microseconds; `None`: never. `p95_us`: of its time to first token.
    pub fn late_us(self, p95_us: Option<u64>) -> Option<u64> {
        match self {
            Hedge::Never => None,
            Hedge::Habit => p95_us,
            Hedge::After(us) => Some(us),
        }
    }
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// The choice of the route.
    First,
    /// Its fallback.
    Second,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The clock.
    Tick,
    /// A first token.
    Token(Runner),
    /// A runner failed before its first token.
    Failed(Runner),
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Start the second one beside the first.
    Start,
    /// This one's answer is taken. `cancel`: the other one runs, is to be stopped, and its lease to be settled.
    Take {
        /// Whose answer.
        winner: Runner,
        /// Whether the other one has to be stopped.
        cancel: bool,
    },
    /// Nobody is left; go on with the route's further fallbacks.
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first runs alone; the second starts at this moment, if it may.
    One {
        second_at: Option<Now>,
    },
    /// Both run.
    Two,
    /// Only this one is left.
    Left(Runner),
    Over,
}

/// One race.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race {
    state: State,
}

impl Race {
    /// The first one starts at `now`. `late_us`: silent for longer, it is late: the p95 of its own measured habit; without
    /// one there is no moment at which it is late, and the second starts only when it fails. `second`: there is a
    /// fallback.
    pub fn new(late_us: Option<u64>, second: bool, now: Now) -> Race {
        let late = late_us.filter(|_| second).map(|us| Now(now.0.saturating_add(us)));
        Race {
            state: if second {
                State::One { second_at: late }
            } else {
                State::Left(Runner::First)
            },
        }
    }

    /// When to say [`Seen::Tick`]; `None`: there is nothing to wait for.
    pub fn wake_at(&self) -> Option<Now> {
        match self.state {
            State::One { second_at } => second_at,
            State::Two | State::Left(_) | State::Over => None,
        }
    }

    /// Takes what happened. What comes after the end, or from a runner that is out, changes nothing.
    pub fn seen(&mut self, seen: Seen, now: Now) -> Option<Act> {
        let (state, act) = match (self.state, seen) {
            (State::One { second_at: Some(at) }, Seen::Tick) if now >= at => (State::Two, Act::Start),
            (State::One { .. }, Seen::Token(Runner::First)) => (State::Over, take(Runner::First, false)),
            (State::One { .. }, Seen::Failed(Runner::First)) => (State::Left(Runner::Second), Act::Start),
            (State::Two, Seen::Token(winner)) => (State::Over, take(winner, true)),
            (State::Two, Seen::Failed(runner)) => {
                self.state = State::Left(match runner {
                    Runner::First => Runner::Second,
                    Runner::Second => Runner::First,
                });
                return None;
            }
            (State::Left(left), Seen::Token(runner)) if left == runner => (State::Over, take(left, false)),
            (State::Left(left), Seen::Failed(runner)) if left == runner => (State::Over, Act::Lost),
            (State::One { .. } | State::Two | State::Left(_) | State::Over, _) => return None,
        };
        self.state = state;
        Some(act)
    }
}

fn take(winner: Runner, cancel: bool) -> Act {
    Act::Take { winner, cancel }
}
