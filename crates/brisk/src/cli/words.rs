//! Sentences made of facts, shared by the live and the plain face. Pure.

use crate::cli::outcome::Outcome;
use crate::cli::style;
use crate::cli::turn::Question;
use brisk_domain::{CancelReason, Route};

/// `src/x.rs:10-32`; lines come 0-based with an exclusive end.
pub(crate) fn span(path: &str, start: usize, end: usize) -> String {
    match end.saturating_sub(start) {
        0 | 1 => format!("{path}:{}", start + 1),
        _ => format!("{path}:{}-{end}", start + 1),
    }
}

/// Where the edit goes and why there.
pub(crate) fn place(path: &str, start: usize, end: usize, why: &str) -> String {
    format!("place: {} ({why})", span(path, start, end))
}

/// Lane and model with their reasons.
pub(crate) fn route(route: &Route) -> String {
    let why = match route.why() {
        none if none.is_empty() => none,
        why => format!(" ({why})"),
    };
    format!("route: {} lane, {}{why}", route.lane, route.choice.model)
}

/// The budget was reached.
pub(crate) fn budget(lines: usize, max_lines: usize) -> String {
    format!("the patch has {lines} changed lines, its budget is {max_lines}")
}

/// Why a turn was stopped.
pub(crate) fn cancelled(cause: CancelReason) -> &'static str {
    match cause {
        CancelReason::Superseded => "a better answer took its place",
        CancelReason::Steered => "redirected by another prompt",
        CancelReason::Interrupted => "interrupted",
        CancelReason::OverBudget => "stopped at the patch budget",
        CancelReason::Stalled => "the model went silent or repeated itself; it was stopped",
        CancelReason::ClientGone => "the client went away",
        CancelReason::Shutdown => "the daemon is going",
    }
}

/// The line after a turn of which something was kept.
pub(crate) fn summary(outcome: &Outcome) -> String {
    let mut text = format!(
        "kept {}, +{} -{}",
        style::count(outcome.kept, "hunk"),
        outcome.added,
        outcome.removed
    );
    if let Some(us) = outcome.first_us {
        text.push_str(&format!(", {} to the first line", style::duration(us)));
    }
    if let Some(us) = outcome.turn_us {
        text.push_str(&format!(", {} in all", style::duration(us)));
    }
    text.push_str(" \u{b7} undo: brisk undo");
    text
}

/// What the person is asked.
pub(crate) fn question(question: &Question) -> String {
    match question {
        Question::Streaming(false) => "reading\u{2026} Esc stops".into(),
        Question::Streaming(true) => "writing\u{2026} Esc stops".into(),
        Question::Stopping => "stopping\u{2026} Ctrl-C ends at once".into(),
        Question::Writing => "writing to disk\u{2026}".into(),
        Question::Budget(true) => "g go on \u{b7} Enter keep these \u{b7} n reject \u{b7} Esc stop".into(),
        Question::Budget(false) => "g go on \u{b7} Esc stop".into(),
        Question::Step(number) => {
            format!("keep {number}? y yes \u{b7} n no \u{b7} a all the rest \u{b7} Esc stop")
        }
        Question::Review(chosen) => {
            let off: Vec<String> = chosen
                .iter()
                .filter(|(_, yes)| !yes)
                .map(|(n, _)| n.to_string())
                .collect();
            let keep = match (off.len(), chosen.len()) {
                (0, 1) => "Enter keep".into(),
                (0, _) => "Enter keep all".into(),
                (o, n) if o == n => "Enter keep none".into(),
                _ => format!("Enter keep all but {}", off.join(" ")),
            };
            let some = if chosen.len() > 1 {
                " \u{b7} 1-9 toggle \u{b7} s one by one"
            } else {
                ""
            };
            format!("{keep} \u{b7} n reject{some} \u{b7} Esc leave")
        }
    }
}
