//! What goes into a turn, what comes out of it, and where it can be in between.

use crate::cli::keys::Key;
use crate::cli::outcome::Outcome;
use crate::exit::CliError;
use brisk_domain::{Event, HunkId, Intent};
use brisk_protocol::{Decided, HunkSet};

/// What the turn is told.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// The daemon says that something happened.
    Event(&'a Event),
    /// The prompt was answered: the turn is over for the daemon.
    Answered(Result<(), CliError>),
    /// Keep or reject was answered.
    Decided(Result<Decided, CliError>),
    /// The person pressed a key.
    Key(Key),
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// The connection is gone.
    Gone,
}

/// What the daemon is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    /// Stop generating.
    Cancel,
    /// Write hunks.
    Keep(HunkSet),
    /// Drop hunks.
    Reject(HunkSet),
    /// Go on beyond the budget.
    RaiseBudget,
}

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// Send this.
    Send(Call),
    /// The turn is over for the client.
    End(Outcome),
}

/// What the person is asked, as the faces show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// Nothing yet: the model reads (`false`) or writes (`true`).
    Streaming(bool),
    /// Stop was asked for, and is not confirmed.
    Stopping,
    /// The budget is reached, with something that could be kept or without.
    Budget(bool),
    /// Which hunks to keep: number and whether it is chosen.
    Review(Vec<(usize, bool)>),
    /// One hunk after the other: this one?
    Step(usize),
    /// A decision is being written.
    Writing,
}

/// What kind of turn this is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Edit or ask.
    pub intent: Intent,
    /// Somebody can press keys.
    pub interactive: bool,
    /// The daemon keeps hunks by itself when the turn ends well.
    pub auto_keep: bool,
}

/// Where the turn is.
#[derive(Debug)]
pub(super) enum Phase {
    Streaming,
    Stopping,
    Budget,
    /// Ended badly and without hunks; the answer to the prompt tells the exit.
    Ended,
    /// Ended well with `auto_keep`: the daemon writes.
    Settling,
    Review(Vec<(HunkId, bool)>),
    Step {
        yes: Vec<HunkId>,
        no: Vec<HunkId>,
        left: Vec<HunkId>,
    },
    Deciding {
        answers: usize,
        /// What the daemon said meanwhile: why it could not write.
        trouble: Option<String>,
    },
    Over,
}
