//! `--json`: one object a line. `type` comes first, then `t_us`: microseconds since the command began. Text is exact,
//! nothing is made visible or cut. Line numbers are those of the daemon's events: 0-based, ends exclusive.
//!
//! `edit` and `ask`, in the order in which things happen:
//!
//! | type | fields |
//! |---|---|
//! | `started` | `version`, `session`, `cwd` |
//! | `turn_started` | `turn`, `text` |
//! | `place` | `path`, `start`, `end`, `why` |
//! | `route` | `lane`, `model`, `format`, `fallbacks` (models), `reasons` (objects by `kind`) |
//! | `first_token` | `turn` |
//! | `hunk_opened` | `hunk`, `path`, `at` |
//! | `hunk_line` | `hunk`, `kind` (`removed`, `added`), `text` |
//! | `hunk_dropped` | `hunk` |
//! | `hunk_ready` | `hunk`, `path`, `at`, `removed` (lines), `added` (lines) |
//! | `hunk_changed` | `hunk`, `state` (`ready`, `kept`, `rejected`, `withdrawn`, `conflicted`), `why`? |
//! | `prose`, `notice`, `queued` | `text` |
//! | `unqueued` | `text`, `why` |
//! | `budget` | `lines`, `max_lines` |
//! | `turn_ended` | `reason` (`end_turn`, `cancelled`, `failed`), `cause`?, `failure`? (`target`, `model`, `upstream`, `unusable`, `write`), `message`?, `ready`, `input_tokens`, `cached_tokens`, `output_tokens` |
//! | `kept` | last line of a command that wrote hunks: `exit` 0 or 6, `hunks`, `added`, `removed`, `conflicts`, `first_us`, `turn_us` |
//! | `done` | last line of a success that wrote nothing (`ask`): `exit`, `first_us`, `turn_us` |
//! | `error` | last line of any command that failed: `exit`, `message`, `hint`? |
//!
//! Every line that stands for an event also has `seq`, its place in the session's log, and `made_us`, CLOCK_MONOTONIC
//! microseconds of the daemon when it made the event (`started` has `began_us` on the same clock).
//! Other commands write one object whose `type` is the command's name, with the fields of the daemon's answer.

use crate::cli::outcome::Outcome;
use crate::exit::{CliError, Exit};
use brisk_domain::{Event, HunkState, LineKind, StopReason};
use brisk_protocol::Envelope;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A line: `type`, `t_us`, then the members of `fields`.
pub(crate) fn line(kind: &str, t_us: u64, fields: Value) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'a str,
        t_us: u64,
        #[serde(flatten)]
        fields: Map<String, Value>,
    }
    let fields = match fields {
        Value::Object(fields) => fields,
        Value::Null => Map::new(),
        value @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Map::from_iter([("value".to_owned(), value)])
        }
    };
    let mut text = serde_json::to_string(&Line {
        r#type: kind,
        t_us,
        fields,
    })
    .unwrap_or_default();
    text.push('\n');
    text
}

/// An answer of the daemon as a line.
pub(crate) fn answer(kind: &str, t_us: u64, answer: &impl Serialize) -> String {
    line(kind, t_us, serde_json::to_value(answer).unwrap_or_default())
}

/// The last line of a command that failed.
pub(crate) fn error(error: &CliError, t_us: u64) -> String {
    let mut fields = json!({"exit": error.exit.code(), "message": error.message});
    put(&mut fields, "hint", error.hint.clone());
    line("error", t_us, fields)
}

/// The last line of a turn.
pub(crate) fn outcome(outcome: &Outcome, t_us: u64) -> String {
    let mut fields = json!({"exit": outcome.exit.code()});
    let kind = match outcome.exit {
        Exit::Done if outcome.kept == 0 => "done",
        Exit::Done | Exit::Conflict => "kept",
        Exit::Nothing
        | Exit::Usage
        | Exit::Interrupted
        | Exit::Target
        | Exit::NoModel
        | Exit::Upstream
        | Exit::Daemon
        | Exit::Disk
        | Exit::Rejected
        | Exit::Undecided
        | Exit::OverBudget
        | Exit::Check
        | Exit::Red
        | Exit::Inconclusive
        | Exit::Flagged
        | Exit::Policy
        | Exit::Unverified
        | Exit::Stale
        | Exit::BaseMoved
        | Exit::Ledger
        | Exit::Confinement
        | Exit::Human
        | Exit::Git
        | Exit::Gate
        | Exit::Unproven
        | Exit::Killed => "error",
    };
    if kind == "kept" {
        put(&mut fields, "hunks", Some(outcome.kept));
        put(&mut fields, "added", Some(outcome.added));
        put(&mut fields, "removed", Some(outcome.removed));
        let conflicts: Vec<Value> = outcome
            .conflicts
            .iter()
            .map(|(hunk, why)| json!({"hunk": hunk, "why": why}))
            .collect();
        put(&mut fields, "conflicts", Some(conflicts));
    }
    put(&mut fields, "message", outcome.message.clone());
    put(&mut fields, "hint", outcome.hint.clone());
    put(&mut fields, "first_us", outcome.first_us);
    put(&mut fields, "turn_us", outcome.turn_us);
    line(kind, t_us, fields)
}

/// An event as a line.
pub(crate) fn event(envelope: &Envelope, t_us: u64) -> String {
    let (kind, mut fields) = match &envelope.event {
        Event::TurnStarted { turn, text } => ("turn_started", json!({"turn": turn, "text": text})),
        Event::PlaceFound {
            path,
            start,
            end,
            why,
            ..
        } => (
            "place",
            json!({"path": path, "start": start, "end": end, "why": why}),
        ),
        Event::Routed { route, .. } => (
            "route",
            json!({
                "lane": route.lane,
                "model": route.choice.model,
                "format": route.choice.format,
                "fallbacks": route.fallbacks.iter().map(|c| &c.model).collect::<Vec<_>>(),
                "reasons": route.reasons,
                "why": route.why(),
                "shape": route.shape,
            }),
        ),
        Event::FirstToken { turn } => ("first_token", json!({"turn": turn})),
        Event::HunkOpened { hunk, path, at, .. } => {
            ("hunk_opened", json!({"hunk": hunk, "path": path, "at": at}))
        }
        Event::HunkLine { hunk, kind, text, .. } => {
            let kind = match kind {
                LineKind::Removed => "removed",
                LineKind::Added => "added",
            };
            ("hunk_line", json!({"hunk": hunk, "kind": kind, "text": text}))
        }
        Event::HunkDropped { hunk, .. } => ("hunk_dropped", json!({"hunk": hunk})),
        Event::HunkReady {
            hunk,
            path,
            at,
            removed,
            added,
            ..
        } => (
            "hunk_ready",
            json!({"hunk": hunk, "path": path, "at": at, "removed": removed, "added": added}),
        ),
        Event::HunkChanged { hunk, state } => {
            let (state, why) = match state {
                HunkState::Ready => ("ready", None),
                HunkState::Kept => ("kept", None),
                HunkState::Rejected => ("rejected", None),
                HunkState::Withdrawn { why } => ("withdrawn", Some(why.clone())),
                HunkState::Conflicted { why } => ("conflicted", Some(why.clone())),
            };
            let mut fields = json!({"hunk": hunk, "state": state});
            put(&mut fields, "why", why);
            ("hunk_changed", fields)
        }
        Event::Prose { text, .. } => ("prose", json!({"text": text})),
        Event::Notice { text, .. } => ("notice", json!({"text": text})),
        Event::BudgetReached { lines, max_lines, .. } => {
            ("budget", json!({"lines": lines, "max_lines": max_lines}))
        }
        Event::Unqueued { text, why } => ("unqueued", json!({"text": text, "why": why})),
        Event::Queued { text } => ("queued", json!({"text": text})),
        Event::TurnEnded { settled, .. } => {
            let mut fields = json!({
                "ready": settled.ready,
                "input_tokens": settled.input_tokens,
                "cached_tokens": settled.cached_tokens,
                "output_tokens": settled.output_tokens,
            });
            match &settled.stop {
                StopReason::EndTurn => put(&mut fields, "reason", Some("end_turn")),
                StopReason::Cancelled { cause } => {
                    put(&mut fields, "reason", Some("cancelled"));
                    put(&mut fields, "cause", Some(cause));
                }
                StopReason::Failed { failure, message } => {
                    put(&mut fields, "reason", Some("failed"));
                    put(&mut fields, "failure", Some(failure));
                    put(&mut fields, "message", Some(message));
                }
            }
            ("turn_ended", fields)
        }
    };
    put(&mut fields, "seq", Some(envelope.seq));
    put(&mut fields, "made_us", Some(envelope.at_us));
    line(kind, t_us, fields)
}

fn put(fields: &mut Value, name: &str, value: Option<impl Serialize>) {
    if let (Value::Object(map), Some(value)) = (fields, value) {
        map.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
    }
}
