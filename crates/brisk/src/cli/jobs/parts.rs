//! The parts of a divided job in words. Pure.

use super::text::{Line, first_line};
use crate::cli::style::Tone;
use brisk_domain::parts::{Part, Parts, Standing};
use brisk_protocol::jobs::{PartView, SplitView};

/// Where a part stands.
fn standing(part: &PartView) -> (Tone, String) {
    match &part.standing {
        Standing::Open => (Tone::Plain, "is worked on".to_owned()),
        Standing::Proven => (Tone::Plain, "passes alone, and waits to be joined".to_owned()),
        Standing::Unproven => (
            Tone::Plain,
            "does not pass alone, and waits for the other parts".to_owned(),
        ),
        Standing::Joined => (Tone::Good, "joined".to_owned()),
        Standing::PutBack { why } => (Tone::Warn, format!("put back: {why}")),
        Standing::LeftOut { why } => (Tone::Bad, format!("left out: {why}")),
    }
}

fn named(part: &PartView) -> String {
    let files: Vec<&str> = part.files.iter().map(|f| f.as_str()).collect();
    format!("{} ({})", first_line(&part.text), files.join(", "))
}

/// One line for each part, and what is done with them.
pub(super) fn table(split: &SplitView) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for part in &split.parts {
        let (tone, why) = standing(part);
        lines.push((tone, format!("  part {}: {}: {why}", part.number, named(part))));
    }
    if !split.doing.is_empty() {
        lines.push((Tone::Plain, format!("  queue: {}", split.doing)));
    }
    lines
}

/// How many parts are joined, of how many.
pub(super) fn joined(split: &SplitView) -> String {
    let joined = split.parts.iter().filter(|p| p.standing == Standing::Joined);
    match split.parts.len() {
        0 => "in parts".to_owned(),
        all => format!("{}/{all} joined", joined.count()),
    }
}

/// What is new since the last look.
pub(super) fn news(before: Option<&SplitView>, now: &SplitView) -> Vec<Line> {
    let mut lines = Vec::new();
    for part in &now.parts {
        let was = before.and_then(|b| b.parts.iter().find(|p| p.number == part.number));
        match was {
            None => lines.push((Tone::Head, format!("part {}: {}", part.number, named(part)))),
            Some(was) if was.standing == part.standing => {}
            Some(_) => {
                let (tone, why) = standing(part);
                lines.push((tone, format!("part {}: {why}", part.number)));
            }
        }
    }
    if !now.doing.is_empty() && before.is_none_or(|b| b.doing != now.doing) {
        lines.push((Tone::Plain, format!("queue: {}", now.doing)));
    }
    lines
}

/// Parts by their numbers.
pub(super) fn which(parts: &[u32]) -> String {
    let names: Vec<String> = parts.iter().map(u32::to_string).collect();
    match names.len() {
        1 => format!("part {}", names.concat()),
        _ => format!("parts {}", names.join(", ")),
    }
}

/// What each part is to do, one a line.
pub(super) fn list(parts: &Parts) -> String {
    let line = |(n, part): (u32, &Part)| {
        let files: Vec<&str> = part.files.iter().map(|f| f.as_str()).collect();
        format!("part {n}: {} ({})\n", first_line(&part.text), files.join(", "))
    };
    (1..).zip(parts.list()).map(line).collect()
}
