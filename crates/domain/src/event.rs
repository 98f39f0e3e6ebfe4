//! What a session tells its clients. Every event gets a gapless sequence number where it is logged.

use crate::cancel::CancelReason;
use crate::ids::{HunkId, TurnId};
use crate::route::Route;
use serde::{Deserialize, Serialize};

/// Which side of a hunk a streamed line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A line that goes.
    Removed,
    /// A line that comes.
    Added,
}

/// What has become of a hunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum HunkState {
    /// Whole, parses, and waits for the person.
    Ready,
    /// Written to disk.
    Kept,
    /// The person said no.
    Rejected,
    /// Taken back before the person decided: a check failed, or a better answer came.
    Withdrawn {
        /// Why, in words.
        why: String,
    },
    /// The file changed underneath and the hunk no longer fits.
    Conflicted {
        /// Why, in words.
        why: String,
    },
}

/// What a failed turn failed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The file, lines or symbol cannot be edited.
    Target,
    /// No model can take the task, or the model cannot be set up.
    Model,
    /// The model failed, stalled or could not be reached.
    Upstream,
    /// The model answered, but no answer passed the checks.
    Unusable,
    /// The hunks could not be written; they are still offered.
    Write,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum StopReason {
    /// The model said all.
    EndTurn,
    /// Stopped from outside.
    Cancelled {
        /// By what.
        cause: CancelReason,
    },
    /// It came to nothing.
    Failed {
        /// What kind of failure: decides what a command ends with.
        failure: Failure,
        /// What happened, and what to do next.
        message: String,
    },
}

/// Summary of a turn that is over: nothing of it will come any more, decisions excepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// How it ended.
    pub stop: StopReason,
    /// Hunks that wait for the person.
    pub ready: usize,
    /// Tokens read by the model, and of these from a cache.
    pub input_tokens: usize,
    /// Of these, answered from a prefix cache.
    pub cached_tokens: usize,
    /// Tokens written by the model.
    pub output_tokens: usize,
}

/// One fact that clients are told. Lines are 0-based in the text that the turn started from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A turn began.
    TurnStarted {
        /// Which.
        turn: TurnId,
        /// The person's words.
        text: String,
    },
    /// Brisk found the place itself, or resolved the one named.
    PlaceFound {
        /// Which turn.
        turn: TurnId,
        /// File.
        path: String,
        /// First line, 0-based.
        start: usize,
        /// Line after the last.
        end: usize,
        /// Why here, in words ("symbol parse_header", "around what you named").
        why: String,
    },
    /// Lane and model were chosen.
    Routed {
        /// Which turn.
        turn: TurnId,
        /// The choice with its reasons.
        route: Route,
    },
    /// First token of the answer has come.
    FirstToken {
        /// Which turn.
        turn: TurnId,
    },
    /// The place of the next hunk is known; clients scroll there.
    HunkOpened {
        /// Which turn.
        turn: TurnId,
        /// Which hunk.
        hunk: HunkId,
        /// File.
        path: String,
        /// First line, 0-based.
        at: usize,
    },
    /// A line of an open hunk. It may still be minimised away: `HunkReady` is what counts.
    HunkLine {
        /// Which turn.
        turn: TurnId,
        /// Which hunk.
        hunk: HunkId,
        /// Goes or comes.
        kind: LineKind,
        /// The line without its terminator.
        text: String,
    },
    /// An open hunk came to nothing: no difference was left.
    HunkDropped {
        /// Which turn.
        turn: TurnId,
        /// Which hunk.
        hunk: HunkId,
    },
    /// A hunk is whole: it parses and waits for keep or reject.
    HunkReady {
        /// Which turn.
        turn: TurnId,
        /// Which hunk.
        hunk: HunkId,
        /// File.
        path: String,
        /// First line, 0-based, in the text that the turn started from.
        at: usize,
        /// Lines that go, without terminators.
        removed: Vec<String>,
        /// Lines that come, without terminators.
        added: Vec<String>,
    },
    /// The state of a hunk changed.
    HunkChanged {
        /// Which hunk.
        hunk: HunkId,
        /// Its state now.
        state: HunkState,
    },
    /// Words of the model outside of any hunk, or the answer to a question.
    Prose {
        /// Which turn.
        turn: TurnId,
        /// A piece of text.
        text: String,
    },
    /// Something that the person should know, without ending the turn (a fallback, a rung of the ladder).
    Notice {
        /// Which turn.
        turn: TurnId,
        /// One line.
        text: String,
    },
    /// The patch reached its budget; the turn waits for `RaiseBudget`, keep or reject.
    BudgetReached {
        /// Which turn.
        turn: TurnId,
        /// Lines so far.
        lines: usize,
        /// The bound.
        max_lines: usize,
    },
    /// A turn is queued behind the current one.
    Queued {
        /// The person's words.
        text: String,
    },
    /// A queued prompt will not run: nothing of it was begun.
    Unqueued {
        /// The person's words.
        text: String,
        /// Why, in words.
        why: String,
    },
    /// The turn is over.
    TurnEnded {
        /// Which turn.
        turn: TurnId,
        /// Summary.
        settled: Settled,
    },
}
