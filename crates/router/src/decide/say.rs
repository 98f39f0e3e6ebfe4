//! Bounds and reasons in words.

use super::{Bar, LaneReason};
use crate::policy::{FactName, Layer, Origin, Policy, Test};
use crate::shape::Shape;
use std::fmt;

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layer = match self.layer {
            Layer::BuiltIn => "the built-in policy",
            Layer::Person => "your policy",
            Layer::Repository => "the repository's policy",
        };
        write!(f, "{layer}, line {}", self.line)
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bar::NotNamed => f.write_str("you did not name it"),
            Bar::LaneOff => f.write_str("the lane is switched off"),
            Bar::Off => f.write_str("switched off"),
            Bar::OtherLane => f.write_str("not for this lane"),
            Bar::Unusable { why } => f.write_str(why),
            Bar::Down { .. } => f.write_str("failed several times; it is tried again soon"),
            Bar::ContextUnknown => f.write_str("its context window is not known"),
            Bar::SizeUnknown => f.write_str("the size of the prompt is not known"),
            Bar::ContextTooSmall { needs, has } => write!(f, "needs {needs} tokens of context, has {has}"),
            Bar::Tools { missing } if missing.is_empty() => {
                f.write_str("which tools are needed is not known")
            }
            Bar::Tools { missing } => write!(f, "may not {}", missing.join(", ")),
            Bar::Trust { needs, has } => match has {
                Some(has) => write!(
                    f,
                    "needs a repository that is {}; this one is {}",
                    needs.name(),
                    has.name()
                ),
                None => write!(
                    f,
                    "needs a repository that is {}; about this one nothing is known",
                    needs.name()
                ),
            },
            Bar::Safety { most, is } => match is {
                Some(is) => write!(f, "takes {} work at most; this is {}", most.name(), is.name()),
                None => write!(f, "takes {} work at most; of this it is not known", most.name()),
            },
            Bar::Denied { origin, unknown } if unknown.is_empty() => write!(f, "denied by {origin}"),
            Bar::Denied { origin, unknown } => {
                let names: Vec<&str> = unknown.iter().map(|fact: &FactName| fact.name()).collect();
                write!(
                    f,
                    "denied by {origin}, because this is not known: {}",
                    names.join(", ")
                )
            }
            Bar::Quota { short } => short.fmt(f),
        }
    }
}

/// The facts that make the rule of a reason hold, each once, by their names.
pub fn grounds(reason: &LaneReason, policy: &Policy, shape: &Shape) -> Vec<FactName> {
    let LaneReason::Rule { origin } = reason else {
        return Vec::new();
    };
    let mut rules = policy.rules().iter();
    let Some(rule) = rules.find(|rule| rule.origin == *origin) else {
        return Vec::new();
    };
    let mut tests: Vec<&Test> = Vec::new();
    rule.when.grounds(shape, &mut tests);
    let mut facts: Vec<FactName> = Vec::new();
    for test in tests {
        if !facts.contains(&test.fact()) {
            facts.push(test.fact());
        }
    }
    facts
}
