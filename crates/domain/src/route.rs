//! What a task looks like and where it goes.

use crate::ids::ModelId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The two ways of working.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Live edits: streamed, stoppable, never runs anything.
    Fast,
    /// Delegated work that is validated until green.
    Slow,
}

impl Lane {
    /// As policies, the command line and sentences call it.
    pub const fn name(self) -> &'static str {
        match self {
            Lane::Fast => "fast",
            Lane::Slow => "slow",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the person wants of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Change text.
    Edit,
    /// Answer in words; nothing is changed.
    Ask,
}

/// How a model writes its edits; it follows the model, from measured tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditFormat {
    /// A region is rewritten whole and aligned back into a minimal diff; then the whole file as the fallback.
    Region,
    /// Search/replace blocks.
    SearchReplace,
    /// The `apply_patch` grammar.
    ApplyPatch,
}

/// Facts about a task that routing reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskShape {
    /// Edit or ask.
    pub intent: Intent,
    /// Number of files named or found.
    pub files: usize,
    /// Lines in the region that is open for change.
    pub region_lines: usize,
    /// Prompt size, estimated at four bytes a token.
    pub context_tokens: usize,
}

/// One model that may take the task, with how it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which model.
    pub model: ModelId,
    /// Its edit format.
    pub format: EditFormat,
    /// Its context window, tokens.
    pub context: usize,
}

/// Why a route is what it is, as data. `Display` gives the words that every client uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// The person named the model.
    Explicit {
        /// The model.
        model: ModelId,
    },
    /// First of the lane's candidates that is eligible.
    FirstEligible {
        /// The model.
        model: ModelId,
    },
    /// A candidate that was refused.
    Refused {
        /// The model.
        model: ModelId,
        /// The bound that it failed, in words.
        why: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Explicit { .. } => f.write_str("you named it"),
            Reason::FirstEligible { .. } => f.write_str("first that fits"),
            Reason::Refused { model, why } => write!(f, "not {model}: {why}"),
        }
    }
}

/// Where the task goes. `fallbacks` are tried in order when `choice` fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Which lane.
    pub lane: Lane,
    /// Which model.
    pub choice: Candidate,
    /// What comes next if it fails.
    pub fallbacks: Vec<Candidate>,
    /// Why.
    pub reasons: Vec<Reason>,
}

impl Route {
    /// The reasons in a line; empty without any.
    pub fn why(&self) -> String {
        let all: Vec<String> = self.reasons.iter().map(Reason::to_string).collect();
        all.join("; ")
    }
}
