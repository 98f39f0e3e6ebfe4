//! Delegated work: what is asked, what each attempt did step by step, and how it ended.
//!
//! A job is *ready* only with a [`Proof`], and a proof is never empty: that work succeeded is said by evidence, not by
//! whoever did it.

use crate::cancel::CancelReason;
use crate::evidence::{Digest, Tree};
use crate::ids::JobId;
use crate::parts::{Division, Parts};
use crate::port::Usage;
use crate::route::Candidate;
use crate::spending::{Budget, Spent};
use crate::tool::ToolCall;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One try at a job, by one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// Of which job.
    pub job: JobId,
    /// Counted from 1 within the job.
    pub number: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}a{}", self.job, self.number)
    }
}

/// What bounds every attempt of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// How often the checks may run.
    pub rounds: u32,
    /// Minutes of wall clock, from when the job was handed over.
    pub minutes: u32,
    /// Lines that the patch may add and remove together.
    pub lines: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            rounds: 6,
            minutes: 60,
            lines: 600,
        }
    }
}

/// When attempts are stopped because another one has been proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rivalry {
    /// One goes on for as long as its patch is not larger than the smallest that is proven.
    #[default]
    Smallest,
    /// The first that is proven ends all the others.
    First,
}

/// Whether an attempt cannot win any more: by the rule, against the best that is proven. What it has changed so far is
/// `mine`.
pub fn needless(rule: Rivalry, proven: (PatchSize, u32), mine: (PatchSize, u32)) -> bool {
    match rule {
        Rivalry::First => proven.1 != mine.1,
        Rivalry::Smallest => mine.0 > proven.0,
    }
}

/// What is handed over. It is whole before anything starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The person's words.
    pub text: String,
    /// Files that the person named, below the root.
    pub files: Vec<String>,
    /// What the work starts from.
    pub base: Tree,
    /// The base holds what was not committed.
    pub draft: bool,
    /// Who tries: one attempt for each, in order, unless the task is divided.
    pub models: Vec<Candidate>,
    /// Bounds of each attempt.
    pub bounds: Bounds,
    /// What all attempts together may take.
    #[serde(default)]
    pub budget: Budget,
    /// What a proven attempt means for the others.
    #[serde(default)]
    pub rivalry: Rivalry,
    /// As one, or in parts. In parts each has an attempt of its own, and `models` are those that take them, in turn.
    #[serde(default)]
    pub division: Division,
    /// Checks may run in a sandbox without all of its parts; the evidence says so.
    pub degraded: bool,
}

/// Evidence that a tree passed every check of the policy: the lines of the gate's ledger that say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawProof")]
pub struct Proof {
    tree: Tree,
    lines: Vec<Digest>,
}

#[derive(Deserialize)]
struct RawProof {
    tree: Tree,
    lines: Vec<Digest>,
}

impl TryFrom<RawProof> for Proof {
    type Error = &'static str;
    fn try_from(raw: RawProof) -> Result<Proof, &'static str> {
        Proof::new(raw.tree, raw.lines).ok_or("a proof names at least one line of the ledger")
    }
}

impl Proof {
    /// `None` without a line: nothing proves nothing.
    pub fn new(tree: Tree, lines: Vec<Digest>) -> Option<Proof> {
        (!lines.is_empty()).then_some(Proof { tree, lines })
    }

    /// What was proved.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Digests of the ledger's lines.
    pub fn lines(&self) -> &[Digest] {
        &self.lines
    }
}

/// How large a patch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct PatchSize {
    /// Lines that come and go.
    pub lines: usize,
    /// Files that change.
    pub files: usize,
}

/// What the checks said about what an attempt has made so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "checked", rename_all = "snake_case")]
pub enum Checked {
    /// All of them passed.
    Proven {
        /// Evidence.
        proof: Proof,
    },
    /// Not all of them.
    Unproven {
        /// What was checked.
        tree: Tree,
        /// How many checks passed before the first that did not.
        passed: u32,
        /// Tests that failed in it, where it told.
        failed: u64,
        /// What it said, cut.
        said: String,
    },
}

/// What a look at the repository found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Found {
    /// A text file, whole.
    File {
        /// Below the root.
        path: String,
        /// Its text.
        text: String,
    },
    /// Anything else, in words.
    Words {
        /// The words.
        text: String,
    },
    /// It was not done, and is not: what was asked for is not there or not allowed. The model is told; an attempt that
    /// hears nothing else comes to its end.
    Refused {
        /// Why.
        text: String,
    },
}

/// One completed step of an attempt. An attempt is what its steps make it: whoever takes them again, in order, stands
/// where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The model answered.
    Said {
        /// The whole answer.
        text: String,
        /// What it took.
        usage: Usage,
    },
    /// The model answered with calls of its tools.
    Called {
        /// What it said beside them.
        text: String,
        /// At least one.
        calls: Vec<ToolCall>,
        /// What it took.
        usage: Usage,
    },
    /// The repository was looked at.
    Looked {
        /// As many as were asked for, in order.
        found: Vec<Found>,
    },
    /// The checks ran.
    Checked(Checked),
    /// What was made is no change that could be checked: it goes through a link, or takes back what it may not.
    Refused {
        /// Why, for the model.
        said: String,
    },
    /// The checks cannot run on it, and will not: the attempt is over.
    Untested {
        /// What would have been checked.
        tree: Tree,
        /// Why, for people.
        message: String,
    },
    /// A server of tools is not there: the attempt has none of its tools. Nothing else follows from it.
    Lacks {
        /// By the name that the person gave it.
        server: String,
        /// Why, for people.
        why: String,
    },
    /// The person said something more.
    Steered {
        /// Their words.
        text: String,
    },
    /// The model cannot be asked any more.
    Faulted {
        /// Why.
        message: String,
    },
    /// Somebody or something stopped the attempt.
    Stopped {
        /// Why.
        cause: CancelReason,
    },
    /// The task was divided. This and what follows are steps of the queue ([`QUEUE`]), not of an attempt.
    Divided {
        /// Into these.
        parts: Parts,
    },
    /// Parts were joined to what was joined before, and every check passes on all of it.
    Joined {
        /// Their numbers.
        parts: Vec<u32>,
        /// Evidence about the joined tree.
        proof: Proof,
    },
    /// Parts were to be joined, and what they came to does not pass, or is none.
    PutBack {
        /// Their numbers.
        parts: Vec<u32>,
        /// What they came to; `None`: they stood in each other's way.
        tree: Option<Tree>,
        /// Why, as the checks say it.
        said: String,
    },
}

/// The number under which a divided job keeps the steps of its queue: no attempt has it. As a winner it means that all
/// parts together are what counts.
pub const QUEUE: u32 = 0;

/// The best of what was not proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    /// Its content.
    pub tree: Tree,
    /// Against the base.
    pub size: PatchSize,
    /// How many checks passed.
    pub passed: u32,
    /// Tests that failed.
    pub failed: u64,
    /// Nobody knows whether it passes: the checks could not run on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untested: bool,
}

impl Partial {
    /// The smaller is the better: first what was checked, then what passes more, then the smaller patch.
    pub fn rank(&self) -> impl Ord + use<> {
        let red = (std::cmp::Reverse(self.passed), self.failed);
        (self.untested, red, self.size)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum End {
    /// Every check passes on what it made.
    Proven {
        /// Evidence.
        proof: Proof,
        /// Against the base.
        size: PatchSize,
    },
    /// It did not get there.
    Failed {
        /// Why, for people.
        why: String,
        /// The best that it had.
        best: Option<Partial>,
    },
}

/// What can be merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Number of the attempt that won; [`QUEUE`]: all parts together.
    pub winner: u32,
    /// Evidence about what it made.
    pub proof: Proof,
    /// Against the base.
    pub size: PatchSize,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JobState {
    /// Handed over, and not over.
    Open,
    /// There is a change, with evidence.
    Ready(Ready),
    /// No attempt got there.
    Failed {
        /// Why, for people.
        why: String,
        /// Whose partial change is the best, and that change.
        best: Option<(u32, Partial)>,
    },
    /// The person stopped it.
    Cancelled,
    /// The change is in the person's worktree.
    Merged {
        /// What was merged.
        ready: Ready,
        /// Number of the operation that wrote it (`brisk undo`); none where the worktree had all of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        op: Option<u64>,
    },
    /// The person does not want it.
    Dropped,
}

impl JobState {
    /// As clients and the command line call it.
    pub const fn name(&self) -> &'static str {
        match self {
            JobState::Open => "open",
            JobState::Ready(_) => "ready",
            JobState::Failed { .. } => "failed",
            JobState::Cancelled => "cancelled",
            JobState::Merged { .. } => "merged",
            JobState::Dropped => "dropped",
        }
    }
}

/// Judges the ends of all attempts of a job: evidence first, then the smaller patch, then the lower cost, then whoever
/// was named first. What an attempt says about itself counts for nothing.
pub fn judge<'a>(ends: impl IntoIterator<Item = (u32, &'a End, Spent)>) -> JobState {
    let mut ready: Option<(Ready, Spent)> = None;
    let mut best: Option<(u32, Partial)> = None;
    let mut whys = Vec::new();
    for (number, end, spent) in ends {
        match end {
            End::Proven { proof, size } => {
                if ready
                    .as_ref()
                    .is_none_or(|(r, cost)| (*size, spent, number) < (r.size, *cost, r.winner))
                {
                    let won = Ready {
                        winner: number,
                        proof: proof.clone(),
                        size: *size,
                    };
                    ready = Some((won, spent));
                }
            }
            End::Failed { why, best: partial } => {
                whys.push(format!("a{number}: {why}"));
                if let Some(p) = partial
                    && best.as_ref().is_none_or(|(_, b)| p.rank() < b.rank())
                {
                    best = Some((number, p.clone()));
                }
            }
        }
    }
    match ready {
        Some((ready, _)) => JobState::Ready(ready),
        None => JobState::Failed {
            why: whys.join("; "),
            best,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(n: u8) -> Tree {
        Tree::parse(&format!("{n:040x}")).unwrap()
    }

    fn proven(n: u8, lines: usize) -> End {
        let proof = Proof::new(tree(n), vec![Digest::parse(&"a".repeat(64)).unwrap()]).unwrap();
        End::Proven {
            proof,
            size: PatchSize { lines, files: 1 },
        }
    }

    fn failed(passed: u32, failed: u64) -> End {
        let best = Partial {
            tree: tree(9),
            size: PatchSize { lines: 1, files: 1 },
            passed,
            failed,
            untested: false,
        };
        End::Failed {
            why: "red".into(),
            best: Some(best),
        }
    }

    fn free((number, end): (u32, &End)) -> (u32, &End, Spent) {
        (number, end, Spent::default())
    }

    #[test]
    fn evidence_wins_then_the_smaller_patch_then_the_order() {
        let winner = |ends: &[End]| match judge((1..).zip(ends).map(free)) {
            JobState::Ready(ready) => Some(ready.winner),
            JobState::Failed { .. } => None,
            JobState::Open | JobState::Cancelled | JobState::Merged { .. } | JobState::Dropped => {
                panic!("not judged")
            }
        };
        let gone = End::Failed {
            why: "gone".into(),
            best: None,
        };
        for (ends, want) in [
            (vec![], None),
            (vec![gone.clone()], None),
            (vec![failed(9, 0), proven(1, 500)], Some(2)),
            (vec![proven(1, 40), gone.clone(), proven(2, 4)], Some(3)),
            (vec![proven(1, 4), proven(2, 4)], Some(1)),
        ] {
            assert_eq!(winner(&ends), want, "{ends:?}");
        }
        let ends = [failed(1, 3), failed(2, 9), failed(2, 1), gone];
        let JobState::Failed { why, best } = judge((1..).zip(&ends).map(free)) else {
            panic!("nothing was proved");
        };
        assert_eq!(best.unwrap().0, 3);
        assert_eq!(why, "a1: red; a2: red; a3: red; a4: gone");
        // What nobody checked looks as if nothing failed in it.
        let mut unknown = failed(0, 0);
        if let End::Failed { best: Some(best), .. } = &mut unknown {
            best.untested = true;
        }
        let ends = [unknown, failed(0, 1)];
        let judged = judge((1..).zip(&ends).map(free));
        assert!(
            matches!(
                judged,
                JobState::Failed {
                    best: Some((2, _)),
                    ..
                }
            ),
            "{judged:?}"
        );
    }

    #[test]
    fn of_two_patches_of_one_size_the_cheaper_wins() {
        let spent = |micros, tokens| Spent { micros, tokens };
        for (first, second, want) in [
            (spent(0, 0), spent(0, 0), 1),
            (spent(9, 1), spent(8, 9), 2),
            (spent(0, 90), spent(0, 80), 2),
            (spent(1, 80), spent(1, 90), 1),
        ] {
            let ends = [(1, proven(1, 4), first), (2, proven(2, 4), second)];
            let judged = judge(ends.iter().map(|(n, end, spent)| (*n, end, *spent)));
            let JobState::Ready(ready) = judged else {
                panic!("proven");
            };
            assert_eq!(ready.winner, want, "{first:?} {second:?}");
        }
    }

    #[test]
    fn an_attempt_is_needless_once_it_cannot_win_by_the_rule() {
        let size = |lines, files| PatchSize { lines, files };
        for (rule, proven, mine, want) in [
            (Rivalry::Smallest, size(4, 1), size(0, 0), false),
            (Rivalry::Smallest, size(4, 1), size(4, 1), false),
            (Rivalry::Smallest, size(4, 1), size(4, 2), true),
            (Rivalry::Smallest, size(4, 1), size(5, 1), true),
            (Rivalry::First, size(4, 1), size(0, 0), true),
            (Rivalry::First, size(4, 1), size(2, 1), true),
        ] {
            assert_eq!(needless(rule, (proven, 2), (mine, 1)), want, "{rule:?} {mine:?}");
        }
        assert!(
            !needless(Rivalry::First, (size(4, 1), 1), (size(4, 1), 1)),
            "itself"
        );
    }

    #[test]
    fn nothing_proves_nothing() {
        assert_eq!(Proof::new(tree(1), vec![]), None);
    }
}
