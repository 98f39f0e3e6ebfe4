//! Undo, redo, status and log of a repository, as the protocol tells them.

use super::felt::Desk;
use crate::home::Home;
use crate::verify::{standing, why};
use brisk_protocol::gate::TreeState;
use brisk_protocol::{LogEntry, LogReply, RepoStatus, UndoReply, UndoWhat};
use brisk_worktree::{OpId, OpKind, OpSummary, Recovery, Repo, Undone, Which, WorktreeError};

pub(crate) fn undo(repo: &Repo, what: &UndoWhat, desk: &Desk) -> Result<UndoReply, WorktreeError> {
    let which = match *what {
        UndoWhat::Last => Which::Last,
        UndoWhat::Op { op } => Which::Op(OpId(op)),
        UndoWhat::Turn { session, turn } => Which::Turn(session, turn),
        UndoWhat::Hunk { session, hunk } => Which::Hunk(session, hunk),
    };
    let done = repo.undo(which)?;
    desk.undone(done.hunks.iter().map(|t| (t.session, t.hunk)));
    Ok(reply(done))
}

pub(crate) fn redo(repo: &Repo) -> Result<UndoReply, WorktreeError> {
    repo.redo().map(reply)
}

fn reply(done: Undone) -> UndoReply {
    let mut files: Vec<String> = done.hunks.into_iter().map(|t| t.path).collect();
    files.dedup();
    let conflicts = done
        .conflicted
        .into_iter()
        .map(|(t, why)| format!("{} {}: {why}", t.path, t.hunk))
        .collect();
    UndoReply {
        op: done.op.map(|op| op.0),
        notes: done.notes,
        files,
        conflicts,
    }
}

fn in_effect(op: &OpSummary) -> bool {
    matches!(op.kind, OpKind::Write { .. }) && op.in_effect.0 > 0
}

/// What was written, and the ledger's line for the tree as it is now.
pub(crate) fn status(home: &Home, repo: &Repo) -> Result<RepoStatus, WorktreeError> {
    let log = repo.log(usize::MAX)?;
    let (tree, state) = match standing(home, repo.root()) {
        Ok((tree, state)) => (tree.to_string(), state),
        Err(e) => (repo.snapshot()?.to_string(), TreeState::Unknown { why: why(&e) }),
    };
    Ok(RepoStatus {
        root: repo.root().to_owned(),
        tree,
        state,
        undoable: log.iter().filter(|op| in_effect(op)).count(),
        last: log.iter().find(|op| in_effect(op)).map(|op| op.note.clone()),
        recovered: repo.recovered().map(recovered),
    })
}

/// What opening the repository found and mended, for the person.
fn recovered(r: &Recovery) -> String {
    let mut parts = Vec::new();
    let mut say = |n: usize, words: &str| {
        if n > 0 {
            parts.push(format!("{n} {words}"));
        }
    };
    say(r.completed.len(), "interrupted edits were completed");
    say(r.swept.len(), "unfinished edits were taken back");
    say(r.left.len(), "files were left as you had changed them");
    say(
        r.damaged_lines,
        "damaged lines of the operation log were passed over",
    );
    parts.join(", ")
}

pub(crate) fn log(repo: &Repo, limit: usize) -> Result<LogReply, WorktreeError> {
    let entry = |op: OpSummary| LogEntry {
        undone: op.in_effect.0 == 0 && op.in_effect.1 > 0,
        op: op.op.0,
        kind: match op.kind {
            OpKind::Write { .. } => "edit".into(),
            OpKind::Undo => "undo".into(),
            OpKind::Redo { .. } => "redo".into(),
        },
        note: op.note,
        files: op.files,
        at: op.at_ms / 1000,
    };
    Ok(LogReply {
        entries: repo.log(limit)?.into_iter().map(entry).collect(),
    })
}
