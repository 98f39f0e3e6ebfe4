//! What callers give to a repository and get back from it.

use crate::history::History;
use crate::ids::{Digest, OpId};
use crate::journal::{Kind, Op};
use brisk_domain::{HunkId, SessionId, TurnId};
use brisk_patch::{Change, Text};
use std::collections::BTreeMap;

/// A text file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path below the root; a link that was named is resolved.
    pub path: String,
    /// Its text.
    pub text: Text,
    /// Its state at that moment.
    pub stamp: Stamp,
}

/// Tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Time of the last change, nanoseconds since 1970.
    pub mtime_ns: i128,
    /// SHA-256 of the bytes.
    pub digest: Digest,
}

/// Hunks to be written together.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Whose hunks. Together with `turn` and the hunk ids the label that an undo names, so a session's id must not be
    /// used again for another session of this repository; see [`crate::Repo::last_session`].
    pub session: SessionId,
    /// Of which turn.
    pub turn: TurnId,
    /// The changes; ids are distinct.
    pub changes: Vec<(HunkId, Change)>,
    /// For each modified path the text that its hunks were made for. Without one, the text on disk is taken.
    pub bases: BTreeMap<String, Text>,
    /// The person's words.
    pub note: String,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Its entry in the log; none if every change conflicted and nothing was written.
    pub op: Option<OpId>,
    /// Changes that are on disk now.
    pub kept: Vec<HunkId>,
    /// Changes that are not, each with the reason.
    pub conflicted: Vec<(HunkId, String)>,
    /// Of the kept ones, those that landed on other lines than they were made for.
    pub rebased: Vec<HunkId>,
}

/// What kind of entry an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpKind {
    /// Hunks were kept.
    Write {
        /// Whose.
        session: SessionId,
        /// Of which turn.
        turn: TurnId,
    },
    /// Hunks were taken out.
    Undo,
    /// What an undo took out was put back.
    Redo {
        /// The undo.
        of: OpId,
    },
}

/// One entry of the log, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpSummary {
    /// Which.
    pub op: OpId,
    /// What it was.
    pub kind: OpKind,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The person's words; of an undo or redo those of the write it was about.
    pub note: String,
    /// Paths below the root.
    pub files: Vec<String>,
    /// Changes of it that are in effect, out of all that it brought (both 0 for an undo).
    pub in_effect: (usize, usize),
}

impl OpSummary {
    pub(crate) fn of(op: &Op, history: &History) -> OpSummary {
        OpSummary {
            op: op.op,
            kind: match op.kind {
                Kind::Write { session, turn } => OpKind::Write { session, turn },
                Kind::Undo => OpKind::Undo,
                Kind::Redo { of } => OpKind::Redo { of },
            },
            at_ms: op.at_ms,
            note: op.note.clone(),
            files: op.files.iter().map(|f| f.path.clone()).collect(),
            in_effect: history.in_effect(op),
        }
    }
}
