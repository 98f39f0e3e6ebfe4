//! `undo`, `redo`, `status`, `log`: one question to the daemon, one answer on the screen.

use crate::cli::args::UndoArgs;
use crate::cli::context::Context;
use crate::cli::style::{Tone, count};
use crate::cli::{connect, cwd, json, say, trust, verify};
use crate::exit::{CliError, Exit};
use crate::trust::Trusts;
use brisk_domain::{HunkId, SessionId, TurnId};
use brisk_protocol::{
    LogEntry, LogReply, LogRequest, QuotaBound, QuotaLeft, QuotaOf, QuotaReply, RepoRequest, RepoStatus,
    UndoReply, UndoRequest, UndoWhat, method,
};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// `undo [OP] [--turn S:T] [--hunk S:H]`; the definition of the command line lets only one of them through.
pub(crate) fn undo(context: &Context, args: &UndoArgs) -> Result<Exit, CliError> {
    let what = match (args.op, args.turn, args.hunk) {
        (Some(op), _, _) => UndoWhat::Op { op },
        (None, Some((session, turn)), _) => UndoWhat::Turn {
            session: SessionId(session),
            turn: TurnId(turn),
        },
        (None, None, Some((session, hunk))) => UndoWhat::Hunk {
            session: SessionId(session),
            hunk: HunkId(hunk),
        },
        (None, None, None) => UndoWhat::Last,
    };
    let reply: UndoReply =
        connect::open(&context.home)?.call(method::UNDO, &UndoRequest { cwd: cwd()?, what })?;
    undone(context, "undo", "undone", &reply)
}

/// `redo`.
pub(crate) fn redo(context: &Context) -> Result<Exit, CliError> {
    let reply: UndoReply = connect::open(&context.home)?.call(method::REDO, &RepoRequest { cwd: cwd()? })?;
    undone(context, "redo", "redone", &reply)
}

fn undone(context: &Context, kind: &str, verb: &str, reply: &UndoReply) -> Result<Exit, CliError> {
    if context.json {
        say::object(context, kind, reply)?;
    } else {
        say::lines(context, &undo_lines(verb, reply))?;
    }
    Ok(if reply.conflicts.is_empty() {
        Exit::Done
    } else {
        Exit::Conflict
    })
}

fn undo_lines(verb: &str, reply: &UndoReply) -> Vec<(Tone, String)> {
    let mut lines = Vec::new();
    if reply.op.is_some() {
        let notes = reply.notes.join("; ");
        let files = reply.files.join(", ");
        lines.push((Tone::Good, format!("{verb}: {notes} ({files})")));
    }
    for conflict in &reply.conflicts {
        lines.push((Tone::Bad, format!("not {verb}: {conflict}")));
    }
    lines
}

/// `status`.
pub(crate) fn status(context: &Context) -> Result<Exit, CliError> {
    let here = RepoRequest { cwd: cwd()? };
    let mut link = connect::open(&context.home)?;
    let status: RepoStatus = link.call(method::STATUS, &here)?;
    let quota = link.call::<QuotaReply>(method::QUOTA, &here);
    let standing = Trusts::of(&context.home).standing(&status.root);
    if context.json {
        let mut fields = serde_json::to_value(&status).unwrap_or_default();
        if let Value::Object(map) = &mut fields {
            map.insert("gate".to_owned(), tree_line(&status).into());
            map.insert("trust".to_owned(), standing.word().into());
            map.insert(
                "quota".to_owned(),
                quota.map_or(Value::Null, |reply| json!(reply.left)),
            );
        }
        say::raw(&json::line("status", context.t_us(), fields))?;
    } else {
        let mut lines = status_lines(&status);
        let (tone, line) = trust::line(&standing);
        lines.push((tone, format!("trust: {line}")));
        match quota {
            Ok(reply) => lines.extend(reply.left.iter().map(|left| (Tone::Plain, left_line(left)))),
            Err(e) => lines.push((Tone::Warn, e.message)),
        }
        say::lines(context, &lines)?;
    }
    Ok(Exit::Done)
}

/// `quota: fast lane, 3 of 5 requests left in a minute`.
fn left_line(left: &QuotaLeft) -> String {
    let whose = match &left.of {
        QuotaOf::Lane(lane) => format!("{lane} lane"),
        QuotaOf::Model(model) => model.to_string(),
    };
    let (some, all) = (left.left, left.limit);
    let what = match left.bound {
        QuotaBound::Requests => format!("{some} of {all} requests left in a minute"),
        QuotaBound::Tokens => format!("{some} of {all} tokens left in a minute"),
        QuotaBound::Money => format!("${:.2} of ${:.2} left in 24 hours", dollars(some), dollars(all)),
    };
    format!("quota: {whose}, {what}")
}

/// Micro-dollars as dollars.
fn dollars(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// The ledger's line for the tree.
fn tree_line(status: &RepoStatus) -> String {
    let short = status.tree.get(..12).unwrap_or(&status.tree);
    format!("tree {short}: {}", status.state)
}

fn status_lines(status: &RepoStatus) -> Vec<(Tone, String)> {
    let mut lines = vec![
        (
            verify::tone(&status.state),
            format!("{}: {}", status.root.display(), tree_line(status)),
        ),
        (Tone::Plain, format!("{} to undo", count(status.undoable, "edit"))),
    ];
    if let Some(last) = &status.last {
        lines.push((Tone::Dim, format!("newest: {last}")));
    }
    if let Some(recovered) = &status.recovered {
        lines.push((Tone::Warn, format!("recovered: {recovered}")));
    }
    lines
}

/// `log`.
pub(crate) fn log(context: &Context, limit: usize) -> Result<Exit, CliError> {
    let request = LogRequest { cwd: cwd()?, limit };
    let reply: LogReply = connect::ask(&context.home, method::LOG, &request)?;
    if context.json {
        for entry in &reply.entries {
            say::object(context, "log", entry)?;
        }
        return Ok(Exit::Done);
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    let mut lines: Vec<_> = reply.entries.iter().map(|e| log_line(e, now)).collect();
    if lines.is_empty() {
        lines.push((Tone::Dim, "nothing written here yet".into()));
    }
    say::lines(context, &lines)?;
    Ok(Exit::Done)
}

fn log_line(entry: &LogEntry, now: u64) -> (Tone, String) {
    let undone = if entry.undone { " (undone)" } else { "" };
    let tone = if entry.undone { Tone::Dim } else { Tone::Plain };
    let text = format!(
        "{:>4} {:>10} {:<4} {}: {}{undone}",
        entry.op,
        ago(now.saturating_sub(entry.at)),
        entry.kind,
        entry.files.join(", "),
        entry.note,
    );
    (tone, text)
}

/// `5 s ago`, `3 h ago`.
pub(crate) fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_reads_like_a_sentence() {
        let line = |of, bound, left, limit| {
            left_line(&QuotaLeft {
                of,
                bound,
                left,
                limit,
            })
        };
        let fast = QuotaOf::Lane(brisk_domain::Lane::Fast);
        let m = QuotaOf::Model(brisk_domain::ModelId("m".into()));
        assert_eq!(
            line(fast, QuotaBound::Requests, 3, 5),
            "quota: fast lane, 3 of 5 requests left in a minute"
        );
        assert_eq!(
            line(m, QuotaBound::Money, 4_800_000, 5_000_000),
            "quota: m, $4.80 of $5.00 left in 24 hours"
        );
    }

    #[test]
    fn answers_read_like_sentences() {
        let reply = |op, files: &[&str], conflicts: &[&str]| UndoReply {
            op,
            notes: vec!["rename x".into()],
            files: files.iter().map(|s| s.to_string()).collect(),
            conflicts: conflicts.iter().map(|s| s.to_string()).collect(),
        };
        let text = |r| {
            undo_lines("undone", &r)
                .into_iter()
                .map(|(_, l)| l)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            text(reply(Some(4), &["a", "b"], &["c h1: changed"])),
            ["undone: rename x (a, b)", "not undone: c h1: changed"]
        );
        assert_eq!(
            text(reply(None, &[], &["a: changed"])),
            ["not undone: a: changed"]
        );

        let entry = LogEntry {
            op: 3,
            kind: "edit".into(),
            note: "rename x".into(),
            files: vec!["a".into()],
            at: 1_000,
            undone: true,
        };
        assert_eq!(
            log_line(&entry, 1_120),
            (Tone::Dim, "   3  2 min ago edit a: rename x (undone)".into())
        );
    }
}
