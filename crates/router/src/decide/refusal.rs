//! What a person is told when nobody may take a task: who was asked, why not, what to do next.

use super::{Bar, Barred, Question, Refused, decide};
use crate::policy::FactName;
use brisk_domain::Lane;

/// Why nobody may, in one line: each model that was asked, with its bound.
pub fn refusal(refused: &Refused<'_>) -> String {
    if let Some(model) = refused.no_such_model {
        return format!("there is no model {model}");
    }
    let mut out = format!("no model may take this in the {} lane", refused.lane);
    for (i, barred) in asked(refused).enumerate() {
        let lead = if i == 0 { ": " } else { "; " };
        out.push_str(&format!("{lead}{}: {}", barred.member.model, barred.bar));
    }
    out
}

/// Those that could have taken it: the person did not name another, and did not have to name them.
fn asked<'a, 'b>(refused: &'b Refused<'a>) -> impl Iterator<Item = &'b Barred<'a>> {
    refused.barred.iter().filter(|b| b.bar != Bar::NotNamed)
}

/// What to do next, the cheapest way out first: another name, a fact that is missing, a smaller task, patience, the
/// policy.
pub fn way_out(question: &Question<'_>, refused: &Refused<'_>) -> String {
    if question.wish.model.is_none() && question.fleet.iter().all(|m| m.by_name) {
        let others = if question.fleet.is_empty() {
            ""
        } else {
            ", or name one with --model"
        };
        return format!("configure a model, or fetch the default one with `brisk model pull`{others}");
    }
    if refused.no_such_model.is_some() {
        let names: Vec<&str> = question.fleet.iter().map(|m| m.model.0.as_str()).collect();
        return format!("name one of: {}", names.join(", "));
    }
    if let Some(other) = another(question, refused.lane) {
        return format!("name {other}, which may, or no model at all");
    }
    let bars: Vec<&Bar> = asked(refused).map(|b| &b.bar).collect();
    let any = |is: fn(&Bar) -> bool| bars.iter().any(|bar| is(bar));
    if any(trust_is_short) {
        return "`brisk trust show` says what this repository asks for and where it stands, `brisk trust add` trusts it"
            .to_owned();
    }
    if let Some(b) = asked(refused).find(|b| b.bar == Bar::ContextUnknown) {
        return format!("set the context window of {} in config.toml", b.member.model);
    }
    let size = |bar: &&Bar| {
        if let Bar::ContextTooSmall { needs, has } = bar {
            Some((*has, *needs))
        } else {
            None
        }
    };
    if let Some((has, needs)) = bars.iter().filter_map(size).max() {
        return format!("name fewer lines (FILE:A-B) or fewer files: {needs} tokens are needed, {has} fit");
    }
    if any(|bar| matches!(bar, Bar::Quota { .. } | Bar::Down { .. })) {
        return match frees(question, &bars) {
            Some(s) => format!("try again in {s} s, or add another model"),
            None => "try again when a request has ended, or add another model".to_owned(),
        };
    }
    if any(|bar| matches!(bar, Bar::Unusable { .. })) {
        return "`brisk model list` shows what each model is missing, `brisk model pull` fetches one"
            .to_owned();
    }
    "`brisk route explain` shows what forbids it; policy.toml beside config.toml is yours to change, .brisk/policy.toml \
     is the repository's"
        .to_owned()
}

/// The model that would be chosen had the person named none.
fn another(question: &Question<'_>, lane: Lane) -> Option<String> {
    question.wish.model?;
    let mut other = *question;
    other.wish.model = None;
    let decision = decide(&other).ok().filter(|d| d.lane == lane)?;
    decision.choice().map(|c| c.member.model.to_string())
}

fn trust_is_short(bar: &Bar) -> bool {
    matches!(bar, Bar::Trust { .. })
        || matches!(bar, Bar::Denied { unknown, .. } if unknown.contains(&FactName::Trust))
}

/// Seconds until the first of them may be asked again.
fn frees(question: &Question<'_>, bars: &[&Bar]) -> Option<u64> {
    let free = |bar: &&Bar| {
        if let Bar::Quota { short } = bar {
            short.free_at
        } else if let Bar::Down { until } = bar {
            Some(*until)
        } else {
            None
        }
    };
    let at = bars.iter().filter_map(free).min();
    at.map(|at| at.since(question.now).div_ceil(1_000_000).max(1))
}
