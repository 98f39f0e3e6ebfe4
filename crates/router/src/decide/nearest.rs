//! The nearest thing that would have changed a decision.

use super::{Bar, Decision, Question, Refused, bars, decide, lane, size, urgency};
use crate::policy::FactName;
use crate::scale::{Ambiguity, Safety, Scope, Set, Task, Tool};
use crate::score::score;
use crate::shape::{Evidence, Fact, Shape};
use brisk_domain::{Lane, ModelId};
use serde::Serialize;

/// One thing that would have changed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "nearest", rename_all = "snake_case")]
pub enum Nearest {
    /// Were this fact otherwise, the work would go to another lane.
    Fact {
        /// Which fact.
        fact: FactName,
        /// What it would have to be.
        otherwise: &'static str,
        /// Where it would go.
        lane: Lane,
        /// What says that it is as it is.
        because: Vec<Evidence>,
    },
    /// The second is this far behind.
    Points {
        /// Who.
        model: ModelId,
        /// Millipoints.
        behind: i64,
    },
    /// This one would have been the choice, were it not for one bound.
    Bar {
        /// Who.
        model: ModelId,
        /// Which bound.
        bar: Bar,
    },
}

/// At most one of each kind. Slower than a decision: for people who ask.
pub fn nearest(question: &Question<'_>, outcome: &Result<Decision<'_>, Refused<'_>>) -> Vec<Nearest> {
    let mut out = Vec::new();
    out.extend(fact(question));
    let (lane, best) = match outcome {
        Ok(decision) => {
            if let [first, second, ..] = decision.ranked() {
                out.push(Nearest::Points {
                    model: second.member.model.clone(),
                    behind: first.score.total - second.score.total,
                });
            }
            (decision.lane, decision.choice().map(|c| c.score.total))
        }
        Err(refused) => (refused.lane, None),
    };
    out.extend(bar(question, lane, best));
    out
}

/// The barred model of the best score that fails one bound only and would be the choice.
fn bar(question: &Question<'_>, lane: Lane, best: Option<i64>) -> Option<Nearest> {
    let denials = bars::denials(question, lane);
    let size = size(question.shape);
    let latency = urgency(question.shape, lane);
    let mut found: Option<(i64, Nearest)> = None;
    for (place, member) in question.fleet.iter().enumerate() {
        let mut all = bars::all(question, lane, &denials, member, size);
        let (Some(bar), true) = (all.pop(), all.is_empty()) else {
            continue;
        };
        let policy = question.policy.model(&member.model.0);
        let weights = question.policy.weights();
        let total = score(member, policy, weights, lane, latency, size, place).total;
        let wins = best.is_none_or(|best| total > best) && found.as_ref().is_none_or(|(t, _)| total > *t);
        if wins {
            let model = member.model.clone();
            found = Some((total, Nearest::Bar { model, bar }));
        }
    }
    found.map(|(_, nearest)| nearest)
}

/// A change to a shape: the fact, what it becomes, and how.
type Change = (FactName, &'static str, fn(&mut Shape));

/// Facts with the value that speaks for the other lane, the likeliest mistake first.
const CALMER: &[Change] = &[
    (FactName::Safety, "normal", |s| {
        s.safety.value = Some(Safety::Normal)
    }),
    (FactName::WantsTests, "false", |s| {
        s.wants_tests.value = Some(false);
        s.tools.value = s
            .tools
            .value
            .map(|t| t.and(Set::of([Tool::Read as u32, Tool::Edit as u32])));
    }),
    (FactName::Tools, "read, edit", |s| {
        s.tools.value = Some(Set::of([Tool::Read as u32, Tool::Edit as u32]));
    }),
    (FactName::Ambiguity, "clear", |s| {
        s.ambiguity.value = Some(Ambiguity::Clear)
    }),
    (FactName::Reversible, "true", |s| s.reversible.value = Some(true)),
    (FactName::Scope, "file", |s| {
        s.scope.value = Some(Scope::File);
        s.files.value = Some(1);
    }),
    (FactName::Intent, "edit", |s| s.task.value = Some(Task::Edit)),
];

const GRAVER: &[Change] = &[
    (FactName::Safety, "sensitive", |s| {
        s.safety.value = Some(Safety::Sensitive)
    }),
    (FactName::WantsTests, "true", |s| s.wants_tests.value = Some(true)),
    (FactName::Scope, "repository", |s| {
        s.scope.value = Some(Scope::Repository)
    }),
    (FactName::Ambiguity, "vague", |s| {
        s.ambiguity.value = Some(Ambiguity::Vague)
    }),
];

fn fact(question: &Question<'_>) -> Option<Nearest> {
    if question.wish.lane.is_some() {
        return None;
    }
    let (now, _) = lane(question);
    let changes = match now {
        Lane::Fast => GRAVER,
        Lane::Slow => CALMER,
    };
    changes.iter().find_map(|(fact, otherwise, change)| {
        let mut shape = question.shape.clone();
        change(&mut shape);
        if shape == *question.shape {
            return None;
        }
        let other = Question {
            shape: &shape,
            ..*question
        };
        let (then, _) = lane(&other);
        // A lane that would then refuse is no way out.
        let open = decide(&other).is_ok_and(|d| d.lane == then);
        (then != now && open).then(|| Nearest::Fact {
            fact: *fact,
            otherwise,
            lane: then,
            because: because(question.shape, *fact),
        })
    })
}

/// What says a fact.
fn because(shape: &Shape, fact: FactName) -> Vec<Evidence> {
    fn of<T>(fact: &Fact<T>) -> Vec<Evidence> {
        fact.because.clone()
    }
    match fact {
        FactName::Intent => of(&shape.task),
        FactName::Scope => of(&shape.scope),
        FactName::Files => of(&shape.files),
        FactName::Lines => of(&shape.lines),
        FactName::Context => of(&shape.context),
        FactName::Reversible => of(&shape.reversible),
        FactName::Ambiguity => of(&shape.ambiguity),
        FactName::Safety => of(&shape.safety),
        FactName::WantsTests => of(&shape.wants_tests),
        FactName::Tools => of(&shape.tools),
        FactName::Interactive => of(&shape.interactive),
        FactName::Latency => of(&shape.latency),
        FactName::Trust => of(&shape.trust),
        FactName::Paths => Vec::new(),
    }
}
