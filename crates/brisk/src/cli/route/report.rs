//! `route report`: what decisions were worth. Reads the felt store and decides each stored turn once more; asks nobody.

use super::World;
use crate::cli::context::Context;
use crate::cli::style::{Tone, count};
use crate::cli::{cwd, say};
use crate::exit::{CliError, Exit};
use brisk_domain::{Intent, Lane, ModelId, Now};
use brisk_protocol::Stage;
use brisk_router::decide::Wish;
use brisk_router::hindsight::{Class, Ending, Past, Tried, hindsight};
use brisk_router::live::plan;
use brisk_router::shape::Shape;
use brisk_store::FeltStore;
use brisk_store::felt::{FeltTurn, HunkRow, Outcome};

type Line = (Tone, String);

/// Reports on every turn that is stored.
pub(super) fn run(context: &Context) -> Result<Exit, CliError> {
    let world = World::load(context, &cwd()?)?;
    let dir = context.home.state_dir().join("events");
    // To look makes no file.
    let turns = if FeltStore::path_in(&dir).exists() {
        FeltStore::open(&dir)
            .and_then(|store| store.turns(0))
            .map_err(|e| CliError::new(Exit::Disk, e.to_string()))?
    } else {
        Vec::new()
    };
    let past: Vec<Past> = turns.iter().filter_map(past).collect();
    let now = Now(context.now_us());
    let classes = hindsight(&past, |shape| world.today(shape, now));
    if context.json {
        let fields = serde_json::json!({"turns": past.len(), "classes": classes});
        say::object(context, "route_report", &fields)?;
    } else {
        say::lines(context, &lines(&classes))?;
    }
    Ok(Exit::Done)
}

impl World {
    /// Whom a live turn of this shape would go to now.
    fn today(&self, shape: &Shape, now: Now) -> Option<ModelId> {
        let mut question = self.question(shape, now);
        question.wish = Wish {
            lane: Some(Lane::Fast),
            model: None,
        };
        plan(&question).ok().map(|plan| plan.route.choice.model)
    }
}

/// A stored turn, if it was decided upon and somebody said what became of it.
fn past(turn: &FeltTurn) -> Option<Past> {
    if turn.shape.is_empty() {
        return None;
    }
    let (ending, stayed, offered) = ending(turn)?;
    Some(Past {
        shape: Shape::of_facts(&turn.shape),
        model: turn.model.clone()?,
        ending,
        stayed,
        offered,
        took_us: turn.stages.between(Stage::Acknowledged, Stage::Complete)?,
    })
}

/// How it ended, hunks that stayed, hunks that were decided; none where nobody has decided.
fn ending(turn: &FeltTurn) -> Option<(Ending, u32, u32)> {
    if turn.end.starts_with("failed") {
        return Some((Ending::Failed, 0, 1));
    }
    if turn.intent == Some(Intent::Ask) {
        return (turn.end == "end_turn").then_some((Ending::Kept, 1, 1));
    }
    let number = |is: fn(&HunkRow) -> bool| {
        let count = turn.hunks.iter().filter(|hunk| is(hunk)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let kept = number(|hunk| matches!(hunk.outcome, Outcome::Kept { .. }));
    let undone = number(|hunk| hunk.undone_after_us.is_some());
    let offered = kept + number(|hunk| hunk.outcome == Outcome::Rejected);
    let stayed = kept.saturating_sub(undone);
    let ending = match (offered, kept, stayed) {
        (0, ..) if turn.end == "end_turn" && turn.hunks.is_empty() => return Some((Ending::Failed, 0, 1)),
        (0, ..) => return None,
        (_, 0, _) => Ending::Rejected,
        (_, _, 0) => Ending::Undone,
        _ if stayed < offered => Ending::Partly,
        _ => Ending::Kept,
    };
    Some((ending, stayed, offered))
}

fn lines(classes: &[Class]) -> Vec<Line> {
    if classes.is_empty() {
        let line = "no turn with an outcome is stored yet; keep or reject an edit, then ask again";
        return vec![(Tone::Plain, line.to_owned())];
    }
    classes.iter().flat_map(class).collect()
}

fn class(class: &Class) -> Vec<Line> {
    let mut out = vec![(
        Tone::Head,
        format!("{} ({})", class.class, count(class.turns, "turn")),
    )];
    out.extend(class.tried.iter().map(|tried| one(tried, class.best.as_ref())));
    let today = match (class.unknown_today, class.turns) {
        (unknown, turns) if unknown == turns => "not known".to_owned(),
        (0, _) => points(class.regret_today),
        (unknown, _) => format!(
            "{} ({} not known)",
            points(class.regret_today),
            count(unknown, "turn")
        ),
    };
    let regret = match class.best {
        Some(_) => format!(
            "  regret a turn: {} as decided, {today} as it would be decided today",
            points(class.regret)
        ),
        None => "  regret: no model has enough turns here".to_owned(),
    };
    out.push((Tone::Dim, regret));
    out
}

fn one(tried: &Tried, best: Option<&ModelId>) -> Line {
    let (mark, tone) = if best == Some(&tried.model) {
        ('>', Tone::Good)
    } else {
        (' ', Tone::Plain)
    };
    let endings: Vec<String> = tried
        .endings
        .iter()
        .map(|(ending, n)| format!("{n} {}", word(*ending)))
        .collect();
    let worth = points(tried.worth);
    let turns = count(tried.turns, "turn");
    (
        tone,
        format!(
            "  {mark} {:<22} {worth:>7}  {turns}: {}",
            tried.model.0,
            endings.join(", ")
        ),
    )
}

fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Kept => "kept",
        Ending::Partly => "kept in part",
        Ending::Undone => "undone",
        Ending::Rejected => "rejected",
        Ending::Failed => "failed",
    }
}

fn points(millipoints: i64) -> String {
    format!("{:.1}", millipoints as f64 / 1_000.0)
}

#[cfg(test)]
mod tests;
