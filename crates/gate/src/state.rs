//! What the ledger says about a tree under a policy.

use crate::ledger::{Ledger, LedgerError, Recorded};
use crate::policy::Policy;
use crate::statement::Act;
use crate::verdict::{Doubt, Red, Verdict};
use brisk_domain::evidence::{Digest, Run, Tree};

/// Where a tree stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing was proved about it.
    Draft,
    /// A check runs on it now.
    Verifying {
        /// Which.
        check: String,
    },
    /// Checks passed on exactly this tree under exactly this policy.
    Verified {
        /// All of them, or some.
        level: Level,
        /// Those that passed.
        scope: Vec<String>,
        /// Those that also failed on this very tree: they cannot be relied on.
        flaky: Vec<String>,
    },
    /// A check failed on it.
    Failed {
        /// Which.
        check: String,
        /// Why.
        red: Red,
    },
    /// A check ran and proved nothing yet.
    Inconclusive {
        /// Which.
        check: String,
        /// Why.
        reason: Reason,
    },
    /// It left.
    Shipped {
        /// As recorded.
        how: String,
        /// The commit that holds it.
        commit: Option<Tree>,
        /// It left on a person's word alone.
        waived: bool,
    },
}

/// How much of the policy was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Level {
    /// Every check.
    Full,
    /// Not these.
    Part {
        /// Names of checks.
        missing: Vec<String>,
    },
}

/// Why a check proved nothing yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Its output or its end.
    Doubt(Doubt),
    /// A person has to see these first.
    Flagged(Vec<String>),
}

/// Where one check stands on one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckState {
    /// It has not run.
    Never,
    /// It ran.
    Ran {
        /// The newest run.
        run: Box<Run>,
        /// Digest of that run's line.
        line: Digest,
        /// Its verdict, with what a person has acknowledged taken into account.
        verdict: Verdict,
        /// It both passed and failed on this tree.
        flaky: bool,
    },
    /// It passed, compared with something else than what the tree stands on: what was lost since is not known.
    OtherBase {
        /// What the newest such run was compared with.
        was: Option<Tree>,
    },
}

impl Ledger {
    /// Where a tree stands on a base. An edit makes another tree, which is a draft; undoing it brings back what was
    /// proved.
    ///
    /// # Errors
    /// When a line about the tree is not believed.
    pub fn state(&self, tree: &Tree, policy: &Policy, base: Option<&Tree>) -> Result<State, LedgerError> {
        if let Some((_, check)) = self.running.as_ref().filter(|(t, _)| t == tree) {
            return Ok(State::Verifying { check: check.clone() });
        }
        let acts = self.about(tree)?;
        let mut passed = Vec::new();
        let mut flaky = Vec::new();
        let mut missing = Vec::new();
        let mut doubt = None;
        for name in policy.checks().keys() {
            match check_state(&acts, policy.digest(), name, base) {
                CheckState::Never | CheckState::OtherBase { .. } => missing.push(name.clone()),
                CheckState::Ran {
                    verdict,
                    flaky: unsteady,
                    ..
                } => {
                    let reason = match verdict {
                        Verdict::Green => {
                            passed.push(name.clone());
                            if unsteady {
                                flaky.push(name.clone());
                            }
                            continue;
                        }
                        Verdict::Red(red) => {
                            let check = name.clone();
                            return Ok(State::Failed { check, red });
                        }
                        Verdict::Flagged(concerns) => Reason::Flagged(concerns),
                        Verdict::Inconclusive(why) => Reason::Doubt(why),
                    };
                    doubt.get_or_insert(State::Inconclusive {
                        check: name.clone(),
                        reason,
                    });
                }
            }
        }
        if let Some(doubt) = doubt {
            return Ok(doubt);
        }
        if let Some(shipped) = shipped(&acts, policy, missing.is_empty()) {
            return Ok(shipped);
        }
        Ok(if passed.is_empty() {
            State::Draft
        } else {
            State::Verified {
                level: if missing.is_empty() {
                    Level::Full
                } else {
                    Level::Part { missing }
                },
                scope: passed,
                flaky,
            }
        })
    }

    /// Where one check stands on a tree with this base.
    ///
    /// # Errors
    /// When a line about the tree is not believed.
    pub fn check_state(
        &self,
        tree: &Tree,
        policy: &Policy,
        check: &str,
        base: Option<&Tree>,
    ) -> Result<CheckState, LedgerError> {
        Ok(check_state(&self.about(tree)?, policy.digest(), check, base))
    }

    /// The newest run of a check on a tree in the same environment, if what it said still counts: the same again
    /// would say the same. A run that proved nothing is not remembered.
    ///
    /// # Errors
    /// When a line about the tree is not believed.
    pub fn remembered(
        &self,
        tree: &Tree,
        policy: &Policy,
        check: &str,
        environment: &Digest,
        base: Option<&Tree>,
    ) -> Result<Option<Run>, LedgerError> {
        let same = |run: &Run| -> bool {
            run.policy == *policy.digest()
                && run.check == check
                && run.environment == *environment
                && stands_on(run, base)
        };
        let acts = self.about(tree)?;
        let runs = acts.into_iter().filter_map(|r| match r.act {
            Act::Ran(run) => Some(*run),
            Act::Acknowledged { .. } | Act::Shipped { .. } | Act::Adopted { .. } | Act::Waived { .. } => None,
        });
        let newest = runs.rev().find(same);
        Ok(newest.filter(|run| !matches!(Verdict::of(run), Verdict::Inconclusive(_))))
    }
}

/// Whether a run was compared with this base. On a base that has the same content, or on none, nothing can have been
/// lost.
fn stands_on(run: &Run, base: Option<&Tree>) -> bool {
    base.is_none() || base == Some(&run.tree) || run.base.as_ref() == base
}

pub(crate) fn check_state(
    acts: &[Recorded],
    policy: &Digest,
    check: &str,
    base: Option<&Tree>,
) -> CheckState {
    let runs = acts.iter().filter_map(|r| match &r.act {
        Act::Ran(run) if run.policy == *policy && run.check == check => Some((run, &r.hash)),
        Act::Ran(_)
        | Act::Acknowledged { .. }
        | Act::Shipped { .. }
        | Act::Adopted { .. }
        | Act::Waived { .. } => None,
    });
    let (mut newest, mut elsewhere) = (None, None);
    let (mut passes, mut failures) = (false, false);
    for (run, line) in runs {
        let verdict = Verdict::of(run);
        let passed = matches!(verdict, Verdict::Green | Verdict::Flagged(_));
        passes |= passed;
        failures |= matches!(verdict, Verdict::Red(_));
        // A failure is one on every base; that it passed is only half of the answer.
        if passed && !stands_on(run, base) {
            elsewhere = Some(run.base.clone());
        } else {
            newest = Some((run, line, verdict));
        }
    }
    match (newest, elsewhere) {
        (None, None) => CheckState::Never,
        (None, Some(was)) => CheckState::OtherBase { was },
        (Some((run, line, verdict)), _) => CheckState::Ran {
            run: run.clone(),
            line: line.clone(),
            verdict: acknowledged(acts, policy, verdict),
            flaky: passes && failures,
        },
    }
}

/// A flagged run counts once a person has seen every single thing that was flagged.
fn acknowledged(acts: &[Recorded], policy: &Digest, verdict: Verdict) -> Verdict {
    let Verdict::Flagged(concerns) = verdict else {
        return verdict;
    };
    let seen = |concern: &String| {
        acts.iter().any(|r| match &r.act {
            Act::Acknowledged {
                policy: p, concerns, ..
            } => p == policy && concerns.contains(concern),
            Act::Ran(_) | Act::Shipped { .. } | Act::Adopted { .. } | Act::Waived { .. } => false,
        })
    };
    let open: Vec<String> = concerns.into_iter().filter(|c| !seen(c)).collect();
    if open.is_empty() {
        Verdict::Green
    } else {
        Verdict::Flagged(open)
    }
}

/// The newest shipment, if it still counts: one without a waiver only while its evidence does.
fn shipped(acts: &[Recorded], policy: &Policy, proved: bool) -> Option<State> {
    acts.iter().rev().find_map(|r| match &r.act {
        Act::Shipped {
            how,
            commit,
            waived,
            policy: under,
            ..
        } if *waived || (proved && under.as_ref() == Some(policy.digest())) => Some(State::Shipped {
            how: how.clone(),
            commit: commit.clone(),
            waived: *waived,
        }),
        Act::Shipped { .. }
        | Act::Ran(_)
        | Act::Acknowledged { .. }
        | Act::Adopted { .. }
        | Act::Waived { .. } => None,
    })
}
