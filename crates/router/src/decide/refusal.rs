//! What a person is told when nobody may take a task: who was asked, why not, what to do next.

use super::{Bar, Barred, Question, Refused, decide};
use crate::policy::FactName;
use crate::quota::{Bound, Frees, RAISE, Short};
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
    let passes = bars.iter().filter_map(|bar| bar.frees()).filter(|f| f.passes());
    if let Some(first) = passes.min_by_key(|f| f.seconds(question.now).unwrap_or(u64::MAX)) {
        return match first.seconds(question.now) {
            Some(s) => format!("try again in {s} s, or add another model"),
            None => "try again when a request has ended, or add another model".to_owned(),
        };
    }
    if let Some((b, short)) = asked(refused).find_map(|b| Some((b, b.bar.short()?))) {
        let model = &b.member.model;
        return match short.bound {
            Bound::Price => format!("give the price of {model} in the routing policy ([models.\"{model}\"])"),
            Bound::Concurrent | Bound::Requests | Bound::Tokens | Bound::Money | Bound::Blocked => {
                format!("{RAISE}, or ask for less")
            }
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

impl Bar {
    /// When it is gone, where it is about how much was asked lately; `None` for all others, which stay.
    pub(crate) fn frees(&self) -> Option<Frees> {
        if let Bar::Quota { short } = self {
            Some(short.frees)
        } else if let Bar::Down { until } = self {
            Some(Frees::At(*until))
        } else {
            None
        }
    }

    fn short(&self) -> Option<&Short> {
        if let Bar::Quota { short } = self {
            Some(short)
        } else {
            None
        }
    }
}
