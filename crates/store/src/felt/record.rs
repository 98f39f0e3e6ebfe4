//! What is written down of a turn, and how it is read again.

use super::word;
use brisk_domain::port::FaultSource;
use brisk_domain::{CancelReason, Failure, HunkId, Intent, Lane, ModelId, SessionId, StopReason, TurnId};
use brisk_protocol::{ClientKind, Stages, StopFelt};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Token counts of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tokens {
    /// Read by the model.
    pub input: u64,
    /// Of these, from a cache.
    pub cached: u64,
    /// Written by the model.
    pub output: u64,
}

/// What has become of a hunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody decided.
    Undecided,
    /// Written to disk, CLOCK_MONOTONIC microseconds.
    Kept {
        /// When.
        at_us: u64,
    },
    /// The person said no.
    Rejected,
    /// Taken back before the person decided.
    Withdrawn,
    /// The file changed underneath.
    Conflicted,
}

impl Outcome {
    /// As it is stored and written out.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Undecided => "undecided",
            Outcome::Kept { .. } => "kept",
            Outcome::Rejected => "rejected",
            Outcome::Withdrawn => "withdrawn",
            Outcome::Conflicted => "conflicted",
        }
    }

    pub(super) fn kept_us(self) -> Option<u64> {
        match self {
            Outcome::Kept { at_us } => Some(at_us),
            Outcome::Undecided | Outcome::Rejected | Outcome::Withdrawn | Outcome::Conflicted => None,
        }
    }

    pub(super) fn named(name: &str, kept_us: Option<u64>) -> Outcome {
        match (name, kept_us) {
            ("kept", Some(at_us)) => Outcome::Kept { at_us },
            ("rejected", _) => Outcome::Rejected,
            ("withdrawn", _) => Outcome::Withdrawn,
            ("conflicted", _) => Outcome::Conflicted,
            _ => Outcome::Undecided,
        }
    }
}

/// Why a turn asked a model once more, or another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryCause {
    /// It could not be reached, or the stream was cut.
    Network,
    /// The server or the engine refused or broke.
    Upstream,
    /// Quota or rate limit.
    Quota,
    /// The model file or the configuration.
    Setup,
    /// The request itself.
    Request,
    /// The answer came and passed no check.
    Unusable,
    /// It said nothing for too long.
    Stalled,
}

impl RetryCause {
    /// As it is stored and written out.
    pub fn name(self) -> String {
        word(&self)
    }
}

impl From<FaultSource> for RetryCause {
    fn from(source: FaultSource) -> RetryCause {
        match source {
            FaultSource::Network => RetryCause::Network,
            FaultSource::Upstream => RetryCause::Upstream,
            FaultSource::Quota => RetryCause::Quota,
            FaultSource::Setup => RetryCause::Setup,
            FaultSource::Request => RetryCause::Request,
        }
    }
}

/// How a turn ended, without the words of a failure: those may name files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnEnd {
    /// The model said all.
    EndTurn,
    /// Stopped from outside.
    Cancelled(CancelReason),
    /// It came to nothing.
    Failed(Failure),
}

impl TurnEnd {
    /// As it is stored and written out: `end_turn`, or `cancelled:` or `failed:` with the cause.
    pub fn name(self) -> String {
        match self {
            TurnEnd::EndTurn => "end_turn".to_owned(),
            TurnEnd::Cancelled(cause) => format!("cancelled:{}", word(&cause)),
            TurnEnd::Failed(failure) => format!("failed:{}", word(&failure)),
        }
    }
}

impl From<&StopReason> for TurnEnd {
    fn from(stop: &StopReason) -> TurnEnd {
        match stop {
            StopReason::EndTurn => TurnEnd::EndTurn,
            StopReason::Cancelled { cause } => TurnEnd::Cancelled(*cause),
            StopReason::Failed { failure, .. } => TurnEnd::Failed(*failure),
        }
    }
}

/// A hunk that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HunkFelt {
    /// Which.
    pub hunk: HunkId,
    /// Lines that come.
    pub added: u64,
    /// Lines that go.
    pub removed: u64,
    /// What has become of it so far.
    pub outcome: Outcome,
}

/// A turn that is over, as the daemon saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnFelt {
    /// Which session.
    pub session: SessionId,
    /// Which turn.
    pub turn: TurnId,
    /// When it began, microseconds since 1970.
    pub began_us: u64,
    /// Where it went; none if it was never routed.
    pub lane: Option<Lane>,
    /// Who answered last.
    pub model: Option<ModelId>,
    /// Edit or ask.
    pub intent: Intent,
    /// Its prompt asked for tests ([`brisk_protocol::asks_for_tests`]).
    pub asked_for_tests: bool,
    /// How it ended.
    pub end: TurnEnd,
    /// The moments that the daemon knows.
    pub stages: Stages,
    /// What it cost.
    pub tokens: Tokens,
    /// The shape that it was routed by: facts by their names, and their values. No words, no paths.
    pub shape: BTreeMap<String, String>,
    /// Every hunk that was ready once.
    pub hunks: Vec<HunkFelt>,
    /// Why a model was asked again, in order.
    pub retries: Vec<RetryCause>,
}

/// A hunk as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HunkRow {
    /// Lines that come.
    pub added: u64,
    /// Lines that go.
    pub removed: u64,
    /// What has become of it.
    pub outcome: Outcome,
    /// Microseconds from keep to undo.
    pub undone_after_us: Option<u64>,
}

/// A turn as it is read: both sides joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeltTurn {
    /// Which session.
    pub session: SessionId,
    /// Which turn.
    pub turn: TurnId,
    /// The person's own day, `YYYY-MM-DD`.
    pub day: String,
    /// Who felt it.
    pub client: ClientKind,
    /// Where it went.
    pub lane: Option<Lane>,
    /// Who answered last.
    pub model: Option<ModelId>,
    /// Edit or ask.
    pub intent: Option<Intent>,
    /// Its prompt asked for tests.
    pub asked_for_tests: bool,
    /// How it ended: [`TurnEnd::name`].
    pub end: String,
    /// The moments.
    pub stages: Stages,
    /// What the person felt of a stop.
    pub stop: Option<StopFelt>,
    /// Microseconds from the stop key until the model let go.
    pub model_stopped_after: Option<u64>,
    /// What it cost.
    pub tokens: Tokens,
    /// The shape that it was routed by; empty where none was written down.
    pub shape: BTreeMap<String, String>,
    /// Its hunks.
    pub hunks: Vec<HunkRow>,
    /// Why a model was asked again.
    pub retries: Vec<RetryCause>,
}
