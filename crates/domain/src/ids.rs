//! Identifiers and time. Ids come from counters that their owner keeps, so that a run replays.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! counter_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// Gives the next id and counts on.
            pub fn take(&mut self) -> $name {
                self.0 += 1;
                *self
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

counter_id!(
    /// One session of one person in one repository.
    SessionId, "s"
);
counter_id!(
    /// One prompt and what came of it, counted within a session.
    TurnId, "t"
);
counter_id!(
    /// One hunk offered to the person, counted within a session.
    HunkId, "h"
);
counter_id!(
    /// One effect that the session asked for. A report for an id that the session has forgotten changes nothing.
    EffectId, "e"
);

counter_id!(
    /// One piece of delegated work, counted by the store that holds it.
    JobId, "j"
);

/// A model's name as configuration knows it, for example `qwen2.5-coder-1.5b`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelId(pub String);

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A moment, in microseconds of a monotonic clock that the shell reads. Only differences mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Now(pub u64);

impl Now {
    /// Microseconds since an earlier moment; zero if `earlier` is later.
    pub fn since(self, earlier: Now) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
