//! Where the worktree stands, as every client says it: one function for the daemon, the commands and the live client.

use super::Gate;
use crate::exit::CliError;
use crate::home::Home;
use brisk_domain::evidence::Tree;
use brisk_gate::{Level, Reason, State};
use brisk_protocol::gate::{self as wire, TreeState};
use std::path::Path;

/// The tree of the repository around a folder, and where it stands.
///
/// # Errors
/// When there is no repository that a tree could be taken of.
pub(crate) fn standing(home: &Home, cwd: &Path) -> Result<(Tree, TreeState), CliError> {
    Gate::open(home, cwd)?.standing()
}

impl Gate {
    /// The tree as it is now, and where it stands. A ledger that is not believed is a state, too.
    ///
    /// # Errors
    /// When no tree can be taken.
    pub(crate) fn standing(&mut self) -> Result<(Tree, TreeState), CliError> {
        // Where nothing was ever confirmed nothing can stand but as a draft, and nobody is asked.
        if self.confirmed().is_none() {
            let tree = self.tree()?;
            return Ok((tree, TreeState::Draft { policy: false }));
        }
        match self.state() {
            Ok((tree, state)) => Ok((tree, told(state.as_ref()))),
            Err(e) => {
                let tree = self.tree()?;
                Ok((tree, TreeState::Unknown { why: why(&e) }))
            }
        }
    }
}

/// Why it is not known where a tree stands, with what to do next.
pub(crate) fn why(e: &CliError) -> String {
    match &e.hint {
        Some(hint) => format!("{}; {hint}", e.message),
        None => e.message.clone(),
    }
}

/// The gate's state as it is told. `None`: no policy is in force.
pub(crate) fn told(state: Option<&State>) -> TreeState {
    match state {
        None => TreeState::Draft { policy: false },
        Some(State::Draft) => TreeState::Draft { policy: true },
        Some(State::Verifying { check }) => TreeState::Verifying { check: check.clone() },
        Some(State::Verified { level, scope, flaky }) => TreeState::Verified {
            level: match level {
                Level::Full => wire::Level::Full,
                Level::Part { missing } => wire::Level::Part {
                    missing: missing.clone(),
                },
            },
            scope: scope.clone(),
            flaky: flaky.clone(),
        },
        Some(State::Failed { check, red }) => TreeState::Failed {
            check: check.clone(),
            why: red.to_string(),
        },
        Some(State::Inconclusive { check, reason }) => match reason {
            Reason::Doubt(doubt) => TreeState::Inconclusive {
                check: check.clone(),
                why: doubt.to_string(),
            },
            Reason::Flagged(concerns) => TreeState::Flagged {
                check: check.clone(),
                concerns: concerns.clone(),
            },
        },
        Some(State::Shipped { how, commit, waived }) => TreeState::Shipped {
            how: how.clone(),
            commit: commit.as_ref().map(ToString::to_string),
            waived: *waived,
        },
    }
}
