//! An explanation as lines for a person. Pure.

use super::explain::Told;
use crate::cli::style::Tone;
use crate::cli::{trust, words};
use brisk_router::decide::{LaneReason, Nearest, grounds};
use brisk_router::scale::Tool;
use brisk_router::score::Score;
use brisk_router::shape::{Evidence, Fact, Shape};

type Line = (Tone, String);

/// The whole explanation.
pub(super) fn lines(told: &Told<'_>) -> Vec<Line> {
    let mut out = vec![(Tone::Head, "shape".to_owned())];
    out.extend(shape(told));
    if let Some(standing) = told.standing {
        let (tone, line) = trust::line(standing);
        out.push((tone, format!("trust: {line}")));
    }
    out.push(lane(told));
    out.extend(live(told));
    out.extend(models(told));
    let heads = std::iter::once("nearest: ").chain(std::iter::repeat("         "));
    let near = told.nearest.iter().map(|n| sentence(n, told));
    out.extend(
        heads
            .zip(near)
            .map(|(head, line)| (Tone::Dim, format!("{head}{line}"))),
    );
    out
}

fn shape(told: &Told<'_>) -> Vec<Line> {
    let shape = told.question.shape;
    let mut out = Vec::new();
    let mut fact = |name: &str, value: Option<String>, because: &[Evidence]| {
        let because: Vec<String> = because.iter().map(|e| evidence(e, told.text, shape)).collect();
        let (tone, value) = match value {
            Some(value) => (Tone::Plain, value),
            None => (Tone::Dim, "unknown".to_owned()),
        };
        let line = format!("  {name:<12} {value:<12} {}", because.join(", "));
        out.push((tone, line.trim_end().to_owned()));
    };
    fact("intent", named(&shape.task, |t| t.name()), &shape.task.because);
    fact("scope", named(&shape.scope, |s| s.name()), &shape.scope.because);
    fact("files", number(&shape.files), &shape.files.because);
    fact("lines", number(&shape.lines), &shape.lines.because);
    fact("context", number(&shape.context), &shape.context.because);
    fact("reversible", number(&shape.reversible), &shape.reversible.because);
    fact(
        "ambiguity",
        named(&shape.ambiguity, |a| a.name()),
        &shape.ambiguity.because,
    );
    fact(
        "safety",
        named(&shape.safety, |s| s.name()),
        &shape.safety.because,
    );
    fact(
        "wants_tests",
        number(&shape.wants_tests),
        &shape.wants_tests.because,
    );
    let tools = shape.tools.value.map(|set| set.names(Tool::NAMES).join(", "));
    fact("tools", tools, &shape.tools.because);
    fact(
        "interactive",
        number(&shape.interactive),
        &shape.interactive.because,
    );
    fact(
        "latency",
        named(&shape.latency, |l| l.name()),
        &shape.latency.because,
    );
    fact("trust", named(&shape.trust, |t| t.name()), &shape.trust.because);
    out
}

fn named<T: Copy>(fact: &Fact<T>, name: impl Fn(T) -> &'static str) -> Option<String> {
    fact.value.map(|v| name(v).to_owned())
}

fn number<T: ToString>(fact: &Fact<T>) -> Option<String> {
    fact.value.as_ref().map(T::to_string)
}

/// What says a fact, in words.
pub(super) fn evidence(evidence: &Evidence, text: &str, shape: &Shape) -> String {
    match evidence {
        Evidence::Words { start, end } => format!("\"{}\"", text.get(*start..*end).unwrap_or_default()),
        Evidence::Place { index } => shape
            .sites
            .get(*index)
            .map_or_else(String::new, |s| s.path.clone()),
        Evidence::Told { what } => (*what).to_owned(),
        Evidence::Silence => "nothing speaks against it".to_owned(),
    }
}

fn lane(told: &Told<'_>) -> Line {
    let (lane, reasons) = match told.outcome {
        Ok(decision) => (decision.lane, &decision.lane_reasons),
        Err(refused) => (refused.lane, &refused.lane_reasons),
    };
    let reasons: Vec<String> = reasons.iter().map(|r| reason(r, told)).collect();
    (
        Tone::Head,
        format!("lane: {} ({})", lane.name(), reasons.join("; ")),
    )
}

/// Why a lane, with the facts that make its rule hold.
pub(super) fn reason(reason: &LaneReason, told: &Told<'_>) -> String {
    match reason {
        LaneReason::Named => "you named it".to_owned(),
        LaneReason::Default => "no rule holds, so it goes the careful way".to_owned(),
        LaneReason::FastIsBarred => "nobody may work in the fast lane".to_owned(),
        LaneReason::Rule { origin } => {
            let facts = grounds(reason, told.question.policy, told.question.shape);
            let names: Vec<&str> = facts.iter().map(|fact| fact.name()).collect();
            let facts = if names.is_empty() {
                String::new()
            } else {
                format!(": {}", names.join(", "))
            };
            format!("{origin}{facts}")
        }
    }
}

/// What happens today: the same line as in front of an edit, and what else it would say.
fn live(told: &Told<'_>) -> Vec<Line> {
    match told.live {
        Ok(plan) => {
            let notices = plan.notices.iter().map(|line| (Tone::Plain, format!("  {line}")));
            let route = (Tone::Head, words::route(&plan.route));
            std::iter::once(route).chain(notices).collect()
        }
        // Who is refused in both is told at the end.
        Err(_) if told.outcome.is_err() => Vec::new(),
        Err(why) => vec![(Tone::Head, format!("route: refused: {why}"))],
    }
}

fn models(told: &Told<'_>) -> Vec<Line> {
    let mut out = vec![(Tone::Head, "models".to_owned())];
    let barred = match told.outcome {
        Ok(decision) => {
            for (i, ranked) in decision.ranked().iter().enumerate() {
                let (mark, tone) = if i == 0 {
                    ('>', Tone::Good)
                } else {
                    (' ', Tone::Plain)
                };
                let shared = if ranked.same_pool {
                    "  (same vendor as the choice)"
                } else {
                    ""
                };
                let line = format!(
                    "  {mark} {:<22} {}{shared}",
                    ranked.member.model.0,
                    points(&ranked.score)
                );
                out.push((tone, line));
            }
            &decision.barred
        }
        Err(refused) => &refused.barred,
    };
    for b in barred {
        out.push((Tone::Dim, format!("    {:<22} no: {}", b.member.model.0, b.bar)));
    }
    if told.question.fleet.is_empty() {
        out.push((Tone::Dim, "    none is configured".to_owned()));
    }
    out
}

/// A score in points, with the parts that count.
fn points(score: &Score) -> String {
    let parts = [
        ("quality", score.quality),
        ("waiting", score.latency),
        ("cost", score.cost),
        ("warm", score.cache),
        ("load", score.load),
        ("order", score.order),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, value)| *value != 0)
        .map(|(name, value)| format!("{name} {:+.1}", thousandths(*value)))
        .collect();
    format!("{:.1} = {}", thousandths(score.total), parts.join(" "))
}

fn thousandths(value: i64) -> f64 {
    value as f64 / 1_000.0
}

fn sentence(nearest: &Nearest, told: &Told<'_>) -> String {
    match nearest {
        Nearest::Fact {
            fact,
            otherwise,
            lane,
            because,
        } => {
            let because: Vec<String> = because
                .iter()
                .filter(|e| **e != Evidence::Silence)
                .map(|e| evidence(e, told.text, told.question.shape))
                .collect();
            let because = if because.is_empty() {
                String::new()
            } else {
                format!(" ({} says otherwise)", because.join(", "))
            };
            let lane = lane.name();
            format!(
                "were {} {otherwise}{because}, it would go to the {lane} lane",
                fact.name()
            )
        }
        Nearest::Points { model, behind } => {
            format!("{model} is {:.1} points behind", thousandths(*behind))
        }
        Nearest::Bar { model, bar } => format!("{model} would be the choice, were it not for this: {bar}"),
    }
}
