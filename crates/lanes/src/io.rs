//! What goes into a session and what comes out. The fast lane's effects read, generate, write and tell: there is
//! no effect that runs a command, a test, or a commit.

use brisk_domain::port::{GenerateRequest, ModelEvent};
use brisk_domain::{CancelReason, Command, EffectId, Event, HunkId, Now, Prompt, TurnId};
use brisk_patch::{Change, Text};
use brisk_router::live::Board;
use brisk_router::quota::{Amount, Frees};
use std::collections::BTreeMap;
use std::ops::Range;

/// A report to the session. A report for an effect that the session has forgotten changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A client said something.
    Command(Command),
    /// The answer to [`Effect::Gather`].
    Gathered {
        /// Of which effect.
        effect: EffectId,
        /// The files and the place, or why there is none (for the person).
        result: Result<Gathered, String>,
    },
    /// A report of [`Effect::Generate`].
    Model {
        /// Of which effect.
        effect: EffectId,
        /// The report.
        event: ModelEvent,
    },
    /// [`Effect::Generate`] was not begun.
    Denied {
        /// Of which effect.
        effect: EffectId,
        /// Why.
        denied: Denied,
    },
    /// The answer to [`Effect::Write`].
    Written {
        /// Of which effect.
        effect: EffectId,
        /// What reached the disk, or why nothing did (for the person).
        result: Result<Wrote, String>,
    },
    /// The moment asked for with [`Effect::Wake`] has come.
    Woke {
        /// Of which generation.
        effect: EffectId,
    },
    /// The turn is stopped for a reason other than the person's key.
    Stop {
        /// Which.
        cause: CancelReason,
    },
}

/// Why a request was not begun: a quota was used up, or a breaker open, since the route was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// In words, which stay the same while it holds.
    pub message: String,
    /// For whom else it holds.
    pub reach: Reach,
    /// When it may be begun; never, where no bound can be met, or nobody has that name.
    pub frees: Frees,
}

/// For whom a setback holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This model.
    Model,
    /// Every model of its vendor.
    Pool,
    /// Everything in the lane.
    Lane,
}

/// What the shell found in the repository for a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    /// Texts of the files that the prompt is about; the first is the one to change.
    pub files: Vec<(String, Text)>,
    /// Where in the first file.
    pub hint: Hint,
    /// Why here, in words.
    pub why: String,
    /// What the turn is routed by, or why there is nothing to decide with (for the person).
    pub board: Result<Board, String>,
}

/// Where in a file the change belongs, as far as the person or the search has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Only the file.
    File,
    /// Lines, 0-based.
    Lines(Range<usize>),
    /// A symbol by name.
    Symbol(String),
}

/// Where a turn worked: a prompt that follows it and names no place is about the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// The file.
    pub path: String,
    /// The symbol, by its whole name, where the place was one.
    pub symbol: Option<String>,
    /// The lines otherwise, 0-based, as they are when all that was kept is written.
    pub lines: Option<Range<usize>>,
    /// Other files that the person named.
    pub others: Vec<String>,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wrote {
    /// On disk now.
    pub kept: Vec<HunkId>,
    /// Not written, with the reason.
    pub conflicted: Vec<(HunkId, String)>,
}

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Read the files that a prompt names, or find its place.
    Gather {
        /// Report with this id.
        id: EffectId,
        /// What for.
        prompt: Prompt,
        /// Where the turn before worked, for a prompt that names no place.
        before: Option<Before>,
    },
    /// Ask a model. The shell keeps the handle under the id.
    Generate {
        /// Report with this id.
        id: EffectId,
        /// The request.
        request: GenerateRequest,
        /// What it is expected to take of its model's quota.
        estimate: Amount,
    },
    /// Drop the handle of a generation. The session has already forgotten it.
    Stop {
        /// Which.
        id: EffectId,
        /// Why.
        cause: CancelReason,
    },
    /// Report [`Input::Woke`] at a moment, unless the generation was stopped before.
    Wake {
        /// Which generation.
        id: EffectId,
        /// When.
        at: Now,
    },
    /// Write hunks to disk, all or nothing save for those that no longer fit.
    Write {
        /// Report with this id.
        id: EffectId,
        /// The turn that they come from.
        turn: TurnId,
        /// The person's words.
        note: String,
        /// What.
        changes: Vec<(HunkId, Change)>,
        /// The texts that the changes were made for.
        bases: BTreeMap<String, Text>,
    },
    /// Tell the clients.
    Emit(Event),
}
