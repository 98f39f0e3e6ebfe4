//! The gate on the wire: where a tree stands by the ledger, and checks that a person asks for. What a model says about
//! its work is in none of this.

use brisk_domain::evidence::Counts;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Method names.
pub mod method {
    /// Notification [`super::TreeNews`]: the tree of a repository, or where it stands, is another one.
    pub const STATE: &str = "_brisk/state";
    /// Request [`super::Verify`] -> [`super::Verified`]: runs checks. A person asks for it; no model can.
    pub const VERIFY: &str = "_brisk/verify";
    /// Notification to whoever asked, [`super::Verifying`]: how far the checks are.
    pub const VERIFYING: &str = "_brisk/verifying";
    /// Notification [`super::VerifyStop`]: the checks are not wanted any more.
    pub const VERIFY_STOP: &str = "_brisk/verify_stop";
}

/// How much of the policy was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "level", rename_all = "snake_case")]
pub enum Level {
    /// Every check.
    Full,
    /// Not these.
    Part {
        /// Names of checks.
        missing: Vec<String>,
    },
}

/// Where a tree stands, by the ledger. Its `Display` is what every client says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TreeState {
    /// Nothing was proved about it.
    Draft {
        /// A policy is confirmed, so that something could be.
        policy: bool,
    },
    /// A check runs on it now.
    Verifying {
        /// Which.
        check: String,
    },
    /// Checks passed on exactly this tree.
    Verified {
        /// All of them, or some.
        #[serde(flatten)]
        level: Level,
        /// Those that passed.
        scope: Vec<String>,
        /// Those that also failed on this very tree.
        flaky: Vec<String>,
    },
    /// A check failed on it.
    Failed {
        /// Which.
        check: String,
        /// Why, in words.
        why: String,
    },
    /// A check ran and proved nothing.
    Inconclusive {
        /// Which.
        check: String,
        /// Why, in words.
        why: String,
    },
    /// A check passed, and a person has to see these first.
    Flagged {
        /// Which.
        check: String,
        /// What was flagged, in words.
        concerns: Vec<String>,
    },
    /// It left.
    Shipped {
        /// How: `commit`, `push`, ...
        how: String,
        /// The commit that holds it.
        commit: Option<String>,
        /// It left on a person's word alone.
        waived: bool,
    },
    /// The ledger cannot be asked, or is not believed.
    Unknown {
        /// Why, in words.
        why: String,
    },
}

impl TreeState {
    /// The state without its circumstances: a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            TreeState::Draft { .. } => "draft",
            TreeState::Verifying { .. } => "verifying",
            TreeState::Verified { level, .. } => match level {
                Level::Full => "verified",
                Level::Part { .. } => "verified in part",
            },
            TreeState::Failed { .. } => "failed",
            TreeState::Inconclusive { .. } => "inconclusive",
            TreeState::Flagged { .. } => "flagged",
            TreeState::Shipped { waived: false, .. } => "shipped",
            TreeState::Shipped { waived: true, .. } => "shipped without evidence",
            TreeState::Unknown { .. } => "unknown",
        }
    }

    /// The circumstances, where there are any.
    fn detail(&self) -> Option<String> {
        Some(match self {
            TreeState::Draft { policy: true } => return None,
            TreeState::Draft { policy: false } => "no policy is confirmed here".to_owned(),
            TreeState::Verifying { check } => format!("{check} runs"),
            TreeState::Verified { level, scope, .. } => match level {
                Level::Full => {
                    let s = if scope.len() == 1 { "" } else { "s" };
                    format!("{} check{s}: {}", scope.len(), scope.join(", "))
                }
                Level::Part { missing } => {
                    format!("{}; not run: {}", scope.join(", "), missing.join(", "))
                }
            },
            TreeState::Failed { check, why } | TreeState::Inconclusive { check, why } => {
                format!("{check}: {why}")
            }
            TreeState::Flagged { concerns, .. } => concerns.join("; "),
            TreeState::Shipped { how, .. } => how.clone(),
            TreeState::Unknown { why } => why.clone(),
        })
    }
}

impl fmt::Display for TreeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        if let Some(detail) = self.detail() {
            write!(f, " ({detail})")?;
        }
        match self {
            TreeState::Verified { flaky, .. } if !flaky.is_empty() => {
                write!(f, ", flaky: {}", flaky.join(", "))
            }
            TreeState::Verified { .. }
            | TreeState::Draft { .. }
            | TreeState::Verifying { .. }
            | TreeState::Failed { .. }
            | TreeState::Inconclusive { .. }
            | TreeState::Flagged { .. }
            | TreeState::Shipped { .. }
            | TreeState::Unknown { .. } => Ok(()),
        }
    }
}

/// The tree of a repository and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeNews {
    /// Root of the repository.
    pub root: PathBuf,
    /// Its tree: what a commit of it would have.
    pub tree: String,
    /// Where that tree stands.
    pub state: TreeState,
}

/// Asks for checks to be run on the worktree as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// Absolute.
    pub cwd: PathBuf,
    /// The client's own number for this: [`Verifying`] and [`VerifyStop`] name it.
    pub run: u64,
    /// These checks; none: all of the policy.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Run what is known already, too.
    #[serde(default)]
    pub again: bool,
}

/// The checks of this number are to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyStop {
    /// As in [`Verify`].
    pub run: u64,
}

/// How one check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It counts.
    Passed,
    /// It passed, and a person has to look first.
    Flagged,
    /// It failed.
    Failed,
    /// It proves nothing.
    Inconclusive,
}

impl Outcome {
    /// As the command line says it.
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Flagged => "flagged",
            Outcome::Failed => "failed",
            Outcome::Inconclusive => "inconclusive",
        }
    }
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Which.
    pub check: String,
    /// The gate's judgement.
    pub outcome: Outcome,
    /// It in words; empty where it passed.
    pub why: String,
    /// Tests, where the output told of them.
    pub counts: Option<Counts>,
    /// It both passed and failed on this very tree.
    pub flaky: bool,
    /// Not run: the same was run before.
    pub memory: bool,
    /// How long the run took, milliseconds.
    pub ms: u64,
    /// The last lines that it wrote, where it did not pass.
    pub tail: Vec<String>,
    /// The file that has all that it wrote.
    pub log: PathBuf,
}

/// The line of a check, without what it wrote: `unit: passed, 12 passed, 0 failed, 1 skipped (1.2 s)`.
impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.outcome.word())?;
        if let Some(c) = self.counts {
            write!(
                f,
                ", {} passed, {} failed, {} skipped",
                c.passed, c.failed, c.skipped
            )?;
        }
        match (self.memory, self.ms) {
            (true, _) => f.write_str(" (from memory: same tree, policy and environment)"),
            (false, ms @ 0..1_000) => write!(f, " ({ms} ms)"),
            (false, ms) => write!(f, " ({:.1} s)", ms as f64 / 1e3),
        }
    }
}

/// How far the checks are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifying {
    /// As in [`Verify`].
    pub run: u64,
    /// What happened.
    #[serde(flatten)]
    pub step: VerifyStep,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum VerifyStep {
    /// A check begins.
    Started {
        /// Which.
        check: String,
        /// What it runs.
        argv: Vec<String>,
    },
    /// Why nothing happens yet, or something else than somebody may think.
    Note {
        /// About which check.
        check: String,
        /// One line.
        text: String,
    },
    /// A check is over.
    Ended(CheckReport),
}

/// The answer to [`Verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// It was stopped before its end.
    pub stopped: bool,
    /// The tree that the checks ran on, which may be another one than that of now.
    pub tree: String,
    /// Where that tree stands after them.
    pub state: TreeState,
    /// The checks that are over, in order.
    pub checks: Vec<CheckReport>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_check_is_one_line() {
        let report = |outcome, counts, memory, ms| CheckReport {
            check: "unit".into(),
            outcome,
            why: String::new(),
            counts,
            flaky: false,
            memory,
            ms,
            tail: vec![],
            log: PathBuf::new(),
        };
        let counts = Some(Counts {
            passed: 12,
            failed: 0,
            skipped: 1,
        });
        let cases = [
            (
                report(Outcome::Passed, counts, false, 1_249),
                "unit: passed, 12 passed, 0 failed, 1 skipped (1.2 s)",
            ),
            (report(Outcome::Failed, None, false, 38), "unit: failed (38 ms)"),
            (
                report(Outcome::Passed, None, true, 38),
                "unit: passed (from memory: same tree, policy and environment)",
            ),
        ];
        for (report, want) in cases {
            assert_eq!(report.to_string(), want);
        }
    }

    #[test]
    fn states_read_like_the_command_line_and_keep_their_form() {
        let names = |n: &[&str]| -> Vec<String> { n.iter().map(|s| (*s).to_owned()).collect() };
        let verified = |level, flaky: &[&str]| TreeState::Verified {
            level,
            scope: names(&["unit"]),
            flaky: names(flaky),
        };
        let part = Level::Part {
            missing: names(&["lint"]),
        };
        let cases = [
            (
                TreeState::Draft { policy: true },
                "draft",
                json!({"state": "draft", "policy": true}),
            ),
            (
                TreeState::Draft { policy: false },
                "draft (no policy is confirmed here)",
                json!({"state": "draft", "policy": false}),
            ),
            (
                TreeState::Verifying { check: "unit".into() },
                "verifying (unit runs)",
                json!({"state": "verifying", "check": "unit"}),
            ),
            (
                verified(Level::Full, &[]),
                "verified (1 check: unit)",
                json!({"state": "verified", "level": "full", "scope": ["unit"], "flaky": []}),
            ),
            (
                verified(part, &["unit"]),
                "verified in part (unit; not run: lint), flaky: unit",
                json!({"state": "verified", "level": "part", "missing": ["lint"], "scope": ["unit"], "flaky": ["unit"]}),
            ),
            (
                TreeState::Failed {
                    check: "unit".into(),
                    why: "exit code 1".into(),
                },
                "failed (unit: exit code 1)",
                json!({"state": "failed", "check": "unit", "why": "exit code 1"}),
            ),
            (
                TreeState::Shipped {
                    how: "commit".into(),
                    commit: None,
                    waived: true,
                },
                "shipped without evidence (commit)",
                json!({"state": "shipped", "how": "commit", "commit": null, "waived": true}),
            ),
        ];
        for (state, words, wire) in cases {
            assert_eq!(state.to_string(), words);
            assert_eq!(serde_json::to_value(&state).unwrap(), wire);
            assert_eq!(serde_json::from_value::<TreeState>(wire).unwrap(), state);
        }
    }
}
