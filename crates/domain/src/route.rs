//! What a task looks like and where it goes.

use crate::ids::ModelId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Change text.
    #[default]
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

/// How much the person minds waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// Comes back later.
    Relaxed,
    /// Waits, and may look elsewhere.
    Normal,
    /// Watches the text come.
    Instant,
}

impl Latency {
    /// All values, in their order.
    pub const ALL: &'static [Latency] = &[Latency::Relaxed, Latency::Normal, Latency::Instant];
    /// Their names, in the same order.
    pub const NAMES: &'static [&'static str] = &["relaxed", "normal", "instant"];

    /// The name in policies and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Latency::Relaxed => "relaxed",
            Latency::Normal => "normal",
            Latency::Instant => "instant",
        }
    }

    /// The value with this name.
    pub fn from_name(name: &str) -> Option<Latency> {
        Latency::ALL.iter().copied().find(|v| v.name() == name)
    }
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
    /// The best by score of those that may.
    // The second name is what logs of earlier versions hold; they count none.
    #[serde(alias = "first_eligible")]
    Best {
        /// The model.
        model: ModelId,
        /// How many may; 0: an earlier version took the first.
        #[serde(default)]
        of: usize,
    },
    /// The person named the lane.
    Named,
    /// A rule of a policy sends it to the lane.
    Rule {
        /// Whose, and the line: "your policy, line 3".
        origin: String,
        /// It is what Brisk does when nobody says otherwise.
        built_in: bool,
        /// The facts that make it hold.
        facts: Vec<String>,
    },
    /// No rule holds.
    NoRule,
    /// It belongs in the slow lane, it was asked for live, and nothing forbids that.
    NotHere {
        /// The facts that say so; none: no rule holds.
        facts: Vec<String>,
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
            Reason::Best { of: 0, .. } => f.write_str("first that fits"),
            Reason::Best { of: 1, .. } => f.write_str("the only one that fits"),
            Reason::Best { of, .. } => write!(f, "best of {of}"),
            Reason::Named => f.write_str("you named the lane"),
            Reason::Rule { origin, .. } => f.write_str(origin),
            Reason::NoRule => f.write_str("no rule holds"),
            Reason::NotHere { facts } if facts.is_empty() => f.write_str("no rule speaks of it"),
            Reason::NotHere { facts } => write!(f, "done live, though it looks slow: {}", facts.join(", ")),
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
    /// The shape that was decided on: facts by the names that policies have, and their values. Numbers and names only.
    #[serde(default)]
    pub shape: BTreeMap<String, String>,
}

impl Route {
    /// The reasons in a line; empty without any. That a rule of the built-in policy holds goes without saying.
    pub fn why(&self) -> String {
        let said = |reason: &&Reason| !matches!(reason, Reason::Rule { built_in: true, .. });
        let all: Vec<String> = self.reasons.iter().filter(said).map(Reason::to_string).collect();
        all.join("; ")
    }
}
