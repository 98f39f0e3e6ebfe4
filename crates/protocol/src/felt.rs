//! What a turn felt like: moments and nothing else. No words of the person, no code, no name of a file is in here.
//!
//! [`Felt`] is the tracker that every client runs; what it finishes with, a [`FeltRecord`], goes to the daemon as
//! `_brisk/felt`. The daemon knows the rest (model, tokens, hunks and what became of them) and joins both by session
//! and turn.

mod track;
mod words;

pub use track::Felt;
pub use words::asks_for_tests;

use brisk_domain::{SessionId, TurnId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who made the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// `brisk edit` and `brisk ask`.
    Cli,
    /// The terminal client.
    Tui,
    /// An editor's plugin.
    Editor,
    /// Anything else; also a client that sent no record.
    Other,
}

/// The moments of a turn, in the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The person pressed Enter.
    Key,
    /// The daemon began the turn.
    Acknowledged,
    /// The request left for the model; only the daemon knows.
    Request,
    /// The answer's first token came.
    FirstToken,
    /// The place of the first hunk is known.
    Place,
    /// The first line of a hunk is painted.
    FirstLine,
    /// The first whole hunk is painted.
    FirstHunk,
    /// The end of the turn is painted.
    Complete,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 8] = [
        Stage::Key,
        Stage::Acknowledged,
        Stage::Request,
        Stage::FirstToken,
        Stage::Place,
        Stage::FirstLine,
        Stage::FirstHunk,
        Stage::Complete,
    ];

    /// Its name as it is stored and written out.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Key => "key",
            Stage::Acknowledged => "acknowledged",
            Stage::Request => "request",
            Stage::FirstToken => "first_token",
            Stage::Place => "place",
            Stage::FirstLine => "first_line",
            Stage::FirstHunk => "first_hunk",
            Stage::Complete => "complete",
        }
    }
}

/// When the stages were reached, microseconds of CLOCK_MONOTONIC. A later stage is never before an earlier one; a
/// stage that a turn did not reach is not there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<Stage, u64>", into = "BTreeMap<Stage, u64>")]
pub struct Stages(BTreeMap<Stage, u64>);

/// Moments that run backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the moments of a turn run backwards")]
pub struct Backwards;

impl Stages {
    /// Writes a stage down the first time that it is reached. A moment that would run backwards is moved to its
    /// neighbour: clocks of two processes differ by less than anybody feels.
    pub fn mark(&mut self, stage: Stage, at_us: u64) {
        if self.0.contains_key(&stage) {
            return;
        }
        let floor = self.0.range(..stage).next_back().map_or(0, |(_, us)| *us);
        let ceiling = self.0.range(stage..).next().map_or(u64::MAX, |(_, us)| *us);
        self.0.insert(stage, at_us.clamp(floor, ceiling));
    }

    /// When a stage was reached.
    pub fn at(&self, stage: Stage) -> Option<u64> {
        self.0.get(&stage).copied()
    }

    /// Microseconds between two stages; none if one was not reached, or if they are in the wrong order.
    pub fn between(&self, from: Stage, to: Stage) -> Option<u64> {
        self.at(to)?.checked_sub(self.at(from)?)
    }

    /// One turn from both sides. The daemon knows best when it began the turn and asked the model; everything else
    /// counts as the client saw it.
    pub fn joined(client: &Stages, daemon: &Stages) -> Stages {
        let mut joined = Stages::default();
        for stage in Stage::ALL {
            let (first, second) = match stage {
                Stage::Acknowledged | Stage::Request => (daemon, client),
                Stage::Key
                | Stage::FirstToken
                | Stage::Place
                | Stage::FirstLine
                | Stage::FirstHunk
                | Stage::Complete => (client, daemon),
            };
            if let Some(us) = first.at(stage).or_else(|| second.at(stage)) {
                joined.mark(stage, us);
            }
        }
        joined
    }
}

impl TryFrom<BTreeMap<Stage, u64>> for Stages {
    type Error = Backwards;

    fn try_from(moments: BTreeMap<Stage, u64>) -> Result<Stages, Backwards> {
        if moments.values().is_sorted() {
            Ok(Stages(moments))
        } else {
            Err(Backwards)
        }
    }
}

impl From<Stages> for BTreeMap<Stage, u64> {
    fn from(stages: Stages) -> BTreeMap<Stage, u64> {
        stages.0
    }
}

/// What the person felt of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopFelt {
    /// When the key was pressed, microseconds of CLOCK_MONOTONIC.
    pub key: u64,
    /// Microseconds from the key to the turn's last paint; none if nothing was painted after it.
    pub silent_after: Option<u64>,
}

/// One turn as a client felt it: the parameters of `_brisk/felt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeltRecord {
    /// Which session.
    pub session_id: SessionId,
    /// Which turn.
    pub turn: TurnId,
    /// Who felt it.
    pub client: ClientKind,
    /// The moments.
    pub stages: Stages,
    /// Set if the person stopped the turn.
    #[serde(default)]
    pub stop: Option<StopFelt>,
}

#[cfg(test)]
mod tests;
