//! Leave to ship, and the reasons why there is none.

use crate::ledger::{Ledger, LedgerError};
use crate::policy::Policy;
use crate::state::{CheckState, check_state};
use crate::statement::Act;
use crate::verdict::{Doubt, Red, Verdict};
use brisk_domain::evidence::{Digest, Tree};
use std::fmt;

/// Leave to ship exactly one tree, once. Only this crate makes one, from evidence or from a signed waiver; shipping
/// takes it by value.
///
/// ```
/// # use brisk_gate::Promotable;
/// fn ship(leave: Promotable) -> String {
///     leave.tree().to_string()
/// }
/// fn once(leave: Promotable) -> String {
///     ship(leave)
/// }
/// ```
///
/// Twice does not compile:
///
/// ```compile_fail,E0382
/// # use brisk_gate::Promotable;
/// fn ship(leave: Promotable) -> String {
///     leave.tree().to_string()
/// }
/// fn twice(leave: Promotable) -> String {
///     ship(leave);
///     ship(leave)
/// }
/// ```
///
/// nor does a copy:
///
/// ```compile_fail,E0599
/// # use brisk_gate::Promotable;
/// fn copy(leave: Promotable) -> Promotable {
///     leave.clone()
/// }
/// ```
///
/// nor one that is made from nothing:
///
/// ```compile_fail,E0451
/// # use brisk_gate::Promotable;
/// # use brisk_domain::evidence::{Digest, Tree};
/// fn forge(tree: Tree, policy: Option<Digest>) -> Promotable {
///     Promotable { tree, policy, receipts: vec![], waived: false }
/// }
/// ```
#[derive(Debug)]
#[must_use = "leave to ship is for `worktree::promote`"]
pub struct Promotable {
    tree: Tree,
    policy: Option<Digest>,
    receipts: Vec<Digest>,
    waived: bool,
}

impl Promotable {
    /// What may ship.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The policy that was met; `None` on a waiver.
    pub fn policy(&self) -> Option<&Digest> {
        self.policy.as_ref()
    }

    /// Digests of the ledger's lines that prove it.
    pub fn receipts(&self) -> &[Digest] {
        &self.receipts
    }

    /// On a person's word, without evidence.
    pub fn waived(&self) -> bool {
        self.waived
    }
}

/// Why a tree may not ship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Nothing was ever proved about it.
    Unverified,
    /// What was proved is about another tree: something changed since.
    Stale {
        /// The newest tree that something was proved about.
        verified: Tree,
    },
    /// A check runs on it now.
    Verifying {
        /// Which.
        check: String,
    },
    /// Some checks of the policy have not run on it.
    Part {
        /// Which.
        missing: Vec<String>,
    },
    /// A check failed.
    Failed {
        /// Which.
        check: String,
        /// Why.
        red: Red,
    },
    /// A check proved nothing.
    Inconclusive {
        /// Which.
        check: String,
        /// Why.
        doubt: Doubt,
    },
    /// A person has to see something first.
    Flagged {
        /// What.
        concerns: Vec<String>,
    },
    /// The evidence compares with another base than the one it would be shipped onto.
    BaseMoved {
        /// What it was compared with.
        was: Option<Tree>,
        /// What is there now.
        is: Option<Tree>,
    },
    /// The ledger is not believed.
    Ledger(LedgerError),
}

/// A refusal to ship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was to be shipped.
    pub tree: Tree,
    /// Why not.
    pub why: Why,
}

impl Refusal {
    /// The one command that would mend it.
    pub fn next(&self) -> String {
        match &self.why {
            Why::Unverified | Why::Stale { .. } | Why::BaseMoved { .. } => "brisk verify".to_owned(),
            Why::Verifying { .. } => "brisk status".to_owned(),
            Why::Part { missing } => format!("brisk verify {}", missing.join(" ")),
            Why::Failed { check, .. } | Why::Inconclusive { check, .. } => format!("brisk verify {check}"),
            Why::Flagged { .. } => "brisk verify --acknowledge REASON".to_owned(),
            Why::Ledger(_) => "brisk gate log".to_owned(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tree = self.tree.short();
        match &self.why {
            Why::Unverified => write!(f, "tree {tree} is a draft: nothing was ever proved about it"),
            Why::Stale { verified } => write!(
                f,
                "tree {tree} is a draft: what was verified is tree {}, and something changed since",
                verified.short()
            ),
            Why::Verifying { check } => write!(f, "{check} is still running on tree {tree}"),
            Why::Part { missing } => write!(f, "not run on tree {tree}: {}", missing.join(", ")),
            Why::Failed { check, red } => write!(f, "{check} failed on tree {tree}: {red}"),
            Why::Inconclusive { check, doubt } => write!(f, "{check} proved nothing on tree {tree}: {doubt}"),
            Why::Flagged { concerns } => write!(f, "a person has to see this first: {}", concerns.join("; ")),
            Why::BaseMoved { was, is } => {
                let name =
                    |t: &Option<Tree>| t.as_ref().map_or("nothing".to_owned(), |t| t.short().to_owned());
                write!(
                    f,
                    "the base moved from {} to {}: the result needs evidence of its own",
                    name(was),
                    name(is)
                )
            }
            Why::Ledger(e) => write!(f, "the ledger is not believed: {e}"),
        }
    }
}

impl Ledger {
    /// Leave to ship `tree` onto `base`, if every check of the policy passed on exactly that tree.
    ///
    /// # Errors
    /// Why not.
    pub fn promote(&self, tree: &Tree, policy: &Policy, base: Option<&Tree>) -> Result<Promotable, Refusal> {
        self.receipts(tree, policy, base)
            .map(|receipts| Promotable {
                tree: tree.clone(),
                policy: Some(policy.digest().clone()),
                receipts,
                waived: false,
            })
            .map_err(|why| Refusal {
                tree: tree.clone(),
                why,
            })
    }

    fn receipts(&self, tree: &Tree, policy: &Policy, base: Option<&Tree>) -> Result<Vec<Digest>, Why> {
        if let Some((_, check)) = self.running.as_ref().filter(|(t, _)| t == tree) {
            return Err(Why::Verifying { check: check.clone() });
        }
        let acts = self.about(tree).map_err(Why::Ledger)?;
        let mut receipts = Vec::new();
        let mut missing = Vec::new();
        for name in policy.checks().keys() {
            let check = || name.clone();
            match check_state(&acts, policy.digest(), name, base) {
                CheckState::Never => missing.push(check()),
                CheckState::OtherBase { was } => {
                    return Err(Why::BaseMoved {
                        was,
                        is: base.cloned(),
                    });
                }
                CheckState::Ran { line, verdict, .. } => match verdict {
                    Verdict::Red(red) => return Err(Why::Failed { check: check(), red }),
                    Verdict::Inconclusive(doubt) => {
                        return Err(Why::Inconclusive {
                            check: check(),
                            doubt,
                        });
                    }
                    Verdict::Flagged(concerns) => return Err(Why::Flagged { concerns }),
                    Verdict::Green => receipts.push(line),
                },
            }
        }
        match (missing.is_empty(), receipts.is_empty()) {
            (true, false) => Ok(receipts),
            (false, false) => Err(Why::Part { missing }),
            (_, true) => Err(self
                .newest_green(policy, tree)?
                .map_or(Why::Unverified, |verified| Why::Stale { verified })),
        }
    }

    /// The other tree of the newest run that passed under a policy.
    fn newest_green(&self, policy: &Policy, but: &Tree) -> Result<Option<Tree>, Why> {
        let acts = self.newest(usize::MAX).map_err(Why::Ledger)?;
        Ok(acts.into_iter().find_map(|r| match r.act {
            Act::Ran(run)
                if run.tree != *but
                    && run.policy == *policy.digest()
                    && Verdict::of(&run) == Verdict::Green =>
            {
                Some(run.tree)
            }
            Act::Ran(_)
            | Act::Acknowledged { .. }
            | Act::Shipped { .. }
            | Act::Adopted { .. }
            | Act::Waived { .. } => None,
        }))
    }

    /// Leave to ship on a person's word: the newest act of the ledger must be that word, about this tree. What ships
    /// is recorded after it, so that one waiver is good for one shipment.
    ///
    /// # Errors
    /// `Unverified` where there is no such word, `Ledger` where it is not believed.
    pub fn waiver(&self, tree: &Tree) -> Result<Promotable, Refusal> {
        let refuse = |why| Refusal {
            tree: tree.clone(),
            why,
        };
        let newest = self.newest(1).map_err(|e| refuse(Why::Ledger(e)))?.pop();
        match newest {
            Some(r) if matches!(&r.act, Act::Waived { tree: t, .. } if t == tree) => Ok(Promotable {
                tree: tree.clone(),
                policy: None,
                receipts: vec![r.hash],
                waived: true,
            }),
            _ => Err(refuse(Why::Unverified)),
        }
    }
}
