//! What is well formed and still cannot be meant.

use super::boxes::{boxes, covers};
use super::read::Person;
use super::values::Place;
use super::{Finding, Level, Origin, When};

/// Findings beyond those of reading: conditions that never hold, rules that an earlier one takes everything from,
/// models that do not exist. `known`: the models that do.
pub fn lint(text: &str, file: &Person, known: &[&str]) -> Vec<Finding> {
    let mut out = Vec::new();
    for (name, span) in &file.named {
        if !known.contains(&name.as_str()) {
            let list = if known.is_empty() {
                "there is none yet".to_owned()
            } else {
                format!("known: {}", known.join(", "))
            };
            out.push(Place { text }.finding(Level::Error, span, format!("unknown model `{name}`; {list}")));
        }
    }
    if file.lanes.iter().all(|lane| lane.enabled == Some(false)) {
        let last = file.lanes.iter().filter_map(|lane| lane.places.get("enabled"));
        if let Some(span) = last.max_by_key(|span| span.start) {
            let message = "both lanes are switched off: everything is refused".to_owned();
            out.push(Place { text }.finding(Level::Warning, span, message));
        }
    }
    let all: Vec<(&When, Origin)> = file
        .rules
        .iter()
        .map(|rule| (&rule.when, rule.origin))
        .chain(file.denies.iter().map(|deny| (&deny.when, deny.origin)))
        .collect();
    for (when, origin) in all {
        out.extend(never(when, origin));
    }
    for (index, rule) in file.rules.iter().enumerate() {
        let Some(own) = boxes(&rule.when) else { continue };
        if own.iter().all(|b| b.empty().is_some()) {
            continue;
        }
        let earlier = file.rules.iter().take(index);
        let by = earlier
            .filter_map(|other| Some((boxes(&other.when)?, other.origin)))
            .find(|(wide, _)| covers(wide, &own));
        if let Some((_, by)) = by {
            out.push(at(
                Level::Warning,
                rule.origin,
                format!(
                    "this rule is never reached: the one in line {} takes all of it",
                    by.line
                ),
            ));
        }
    }
    out.sort_by_key(|f| (f.line, f.column));
    out
}

/// Bounds of money that no model can keep, because nobody knows what it costs: it is refused under them. `known`: the
/// models that work in each lane, in the order of [`crate::scale::LANES`]. `priced`: the models of the fleet whose price is known;
/// prices of the file count, too.
pub fn unpriced(text: &str, file: &Person, known: [&[&str]; 2], priced: &[&str]) -> Vec<Finding> {
    let has = |name: &str| {
        let own = file.models.get(name);
        priced.contains(&name) || own.is_some_and(|m| m.input_price.is_some() && m.output_price.is_some())
    };
    let lanes = file.lanes.iter().zip(known).filter_map(|(lane, known)| {
        let listed = |name: &str| {
            lane.candidates
                .as_ref()
                .is_none_or(|l| l.iter().any(|n| n == name))
        };
        let none = !known.iter().any(|name| listed(name) && has(name));
        (lane.limits.money.is_some() && none)
            .then_some((lane, "no model of this lane has a price: each is refused"))
    });
    let models = file.models.iter().filter_map(|(name, model)| {
        let bounds = &model.bounds;
        (bounds.limits.money.is_some() && !has(name))
            .then_some((bounds, "this model has no price: it is refused"))
    });
    lanes
        .chain(models)
        .map(|(bounds, what)| {
            let span = bounds.places.get("quota").cloned().unwrap_or_default();
            let message = format!("dollars are bounded, and {what}; say `price` in config.toml or here");
            Place { text }.finding(Level::Warning, &span, message)
        })
        .collect()
}

/// A condition of which a whole alternative can never hold.
fn never(when: &When, origin: Origin) -> Option<Finding> {
    let all = boxes(when)?;
    let fact = all.iter().find_map(|b| b.empty())?;
    let (level, what) = if all.iter().all(|b| b.empty().is_some()) {
        (Level::Error, "this never holds")
    } else {
        (Level::Warning, "a part of this never holds")
    };
    let message = format!("{what}: its bounds on {} contradict each other", fact.name());
    Some(at(level, origin, message))
}

fn at(level: Level, origin: Origin, message: String) -> Finding {
    Finding {
        level,
        line: origin.line,
        column: origin.column,
        message,
    }
}
