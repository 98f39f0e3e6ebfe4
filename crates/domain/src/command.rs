//! What a person may ask of a session.

use crate::ids::{HunkId, ModelId};
use crate::route::{Intent, Lane, Latency};
use serde::{Deserialize, Serialize};

/// A place that the person named. Lines are 1-based and inclusive, as people and editors count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Path below the repository root, `/` between components.
    pub path: String,
    /// `FILE:A-B`.
    pub lines: Option<(usize, usize)>,
    /// `FILE:SYMBOL`.
    pub symbol: Option<String>,
}

/// One request in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The person's words.
    pub text: String,
    /// Where; empty means that the place is to be found.
    pub targets: Vec<Target>,
    /// Edit or ask.
    pub intent: Intent,
    /// A model that the person named.
    pub model: Option<ModelId>,
    /// A lane that the person named.
    pub lane: Option<Lane>,
    /// How much waiting matters, where the person said so.
    pub latency: Option<Latency>,
    /// Hunks are kept as soon as the turn ends, without a question.
    pub auto_keep: bool,
}

/// Which hunks of the current turn a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HunkSelector {
    /// Every hunk still offered.
    All,
    /// These.
    Ids(Vec<HunkId>),
}

/// What a client may tell a session. There is no command that runs a program: the fast lane has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Start a turn; during a turn, redirect it at once (steer).
    Prompt(Prompt),
    /// Start a turn when the current one has ended.
    Queue(Prompt),
    /// Take queued prompts back: the newest with these words, or without words all of them.
    Unqueue(Option<String>),
    /// Stop the turn, and drop what is queued behind it; finished hunks stay offered.
    Interrupt,
    /// Write hunks to disk.
    Keep(HunkSelector),
    /// Drop hunks.
    Reject(HunkSelector),
    /// Let the turn grow beyond its budget and go on.
    RaiseBudget,
    /// The person's own text in place of what an offered hunk adds; lines without terminators.
    Amend {
        /// Which.
        hunk: HunkId,
        /// What it adds from now on.
        added: Vec<String>,
    },
}
