//! Why something was stopped.

use serde::{Deserialize, Serialize};

/// Why work was stopped, in ascending severity: when two reasons meet, the greater one is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// A better answer made this one needless.
    Superseded,
    /// The person redirected the turn with a new prompt.
    Steered,
    /// The person pressed stop.
    Interrupted,
    /// The patch grew beyond the turn's budget.
    OverBudget,
    /// The model went silent, or repeated itself, beyond the lane's bound.
    Stalled,
    /// The client went away and its mode says that this ends the turn.
    ClientGone,
    /// The daemon is going.
    Shutdown,
}
