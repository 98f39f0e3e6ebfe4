//! A live turn's route: the decision, made for the lane that the person asked in.
//!
//! Live turns run in the fast lane; the slow one is asked for by delegating. What a rule sends there is done live all the same,
//! unless a bound forbids it: rules read words, and a word that was misread must not cost the edit. It costs one line,
//! and only where the work is more than an edit in a place, see [`worth_a_line`]. The fast lane runs nothing, so of the
//! tools that the words ask for only reading and editing count here.

use crate::decide::{
    Bar, Decision, LaneReason, Question, Refused, ask, decide, grounds, refusal, size, way_out,
};
use crate::fleet::Member;
use crate::policy::{FactName, Layer, Policy};
use crate::quota::{Amount, Frees, Ledger};
use crate::scale::{Set, Task, Tool, Trust};
use crate::score::Size;
use crate::shape::{Evidence, Fact, Shape};
use brisk_domain::{Candidate, Lane, ModelId, Now, Reason, Route};
use std::sync::Arc;

/// What a decision is made of beside the task: the world at one moment, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// The models, in the person's order, with speed and health.
    pub fleet: Vec<Member>,
    /// The policy, all layers.
    pub policy: Arc<Policy>,
    /// The accounts.
    pub ledger: Ledger,
    /// What the person said about the repository.
    pub trust: Option<Trust>,
}

impl Board {
    /// These models, the built-in policy, and nothing borrowed.
    pub fn of(fleet: Vec<Member>) -> Board {
        Board {
            fleet,
            policy: Arc::new(Policy::built_in()),
            ledger: Ledger::default(),
            trust: None,
        }
    }
}

/// One model that may be asked, the choice first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Which, and how it is used.
    pub candidate: Candidate,
    /// Models of one pool share their vendor's limits.
    pub pool: String,
    /// Silent for longer, microseconds, it is late: its own p95 of the time to first token, or what the policy says.
    /// `None`: not measured, or never late.
    pub late_us: Option<u64>,
    /// What a request is expected to take.
    pub estimate: Amount,
}

/// Where a live turn goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// As clients are told.
    pub route: Route,
    /// Whom to ask, in order; as many as the route has candidates.
    pub legs: Vec<Leg>,
    /// What the person is to know before it begins, a line each.
    pub notices: Vec<String>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPlan {
    /// Why nobody may take it, and what to do next, for the person.
    pub why: String,
    /// Somebody may in a while: a quota is used up, or a model failed a moment ago.
    pub passes: bool,
}

impl NoPlan {
    fn lasting(why: impl Into<String>) -> NoPlan {
        NoPlan {
            why: why.into(),
            passes: false,
        }
    }
}

/// Routes a live turn.
///
/// # Errors
/// Nobody may take it.
pub fn plan(question: &Question<'_>) -> Result<Plan, NoPlan> {
    if question.wish.lane == Some(Lane::Slow) {
        return Err(NoPlan::lasting(
            "the slow lane is `brisk delegate`; to edit live leave --lane out, or say --lane fast",
        ));
    }
    let first = decide(question);
    if let Ok(decision) = &first
        && decision.lane == Lane::Fast
    {
        return made(question, decision, None).ok_or_else(nobody);
    }
    let shape = Shape {
        tools: hands(question.shape),
        ..question.shape.clone()
    };
    let mut live = Question {
        shape: &shape,
        ..*question
    };
    live.wish.lane = Some(Lane::Fast);
    match decide(&live) {
        Ok(decision) => {
            let belongs = match &first {
                Ok(decision) => decision.lane_reasons.first().copied(),
                Err(refused) => refused.lane_reasons.first().copied(),
            };
            // Barred from the fast lane by its tools alone, it did not belong in the slow one.
            let aside = belongs.filter(|_| question.wish.lane.is_none());
            made(question, &decision, aside).ok_or_else(nobody)
        }
        Err(refused) => Err(said(&live, &refused)),
    }
}

fn nobody() -> NoPlan {
    NoPlan::lasting("no model may take this")
}

fn said(question: &Question<'_>, refused: &Refused<'_>) -> NoPlan {
    NoPlan {
        why: format!("{}. Next: {}", refusal(refused), way_out(question, refused)),
        passes: refused
            .barred
            .iter()
            .any(|b| b.bar.frees().is_some_and(Frees::passes)),
    }
}

/// The tools of the fast lane, as far as the task needs them.
fn hands(shape: &Shape) -> Fact<Set> {
    let own = Set::of([Tool::Read as u32, Tool::Edit as u32]);
    Fact {
        value: Some(shape.tools.value.map_or(own, |set| set.and(own))),
        because: shape.tools.because.clone(),
    }
}

/// `aside`: the reason for the slow lane, where the work belongs there.
fn made(question: &Question<'_>, decision: &Decision<'_>, aside: Option<LaneReason>) -> Option<Plan> {
    let legs: Vec<Leg> = decision
        .ranked()
        .iter()
        .map(|ranked| leg(question, ranked.member, decision.lane))
        .collect();
    let mut candidates = legs.iter().map(|leg| leg.candidate.clone());
    let choice = candidates.next()?;
    let fallbacks = candidates.collect();
    let mut notices = Vec::new();
    let lane_reason = match aside {
        Some(reason) => {
            let facts = grounds(&reason, question.policy, question.shape);
            if facts.iter().any(|fact| worth_a_line(*fact, question.shape)) {
                notices.push(calmly(question, &reason, &facts));
            }
            Reason::NotHere { facts: names(&facts) }
        }
        None => match decision.lane_reasons.first() {
            Some(reason @ LaneReason::Rule { origin }) => Reason::Rule {
                origin: origin.to_string(),
                built_in: origin.layer == Layer::BuiltIn,
                facts: names(&grounds(reason, question.policy, question.shape)),
            },
            Some(LaneReason::Named) => Reason::Named,
            Some(LaneReason::Default | LaneReason::FastIsBarred) | None => Reason::NoRule,
        },
    };
    let model_reason = match question.wish.model {
        Some(model) => Reason::Explicit { model: model.clone() },
        None => Reason::Best {
            model: choice.model.clone(),
            of: legs.len(),
        },
    };
    let mut reasons = vec![lane_reason, model_reason];
    let mut passed: Vec<String> = Vec::new();
    for barred in &decision.barred {
        let model = &barred.member.model;
        match &barred.bar {
            // What a model is and what it is for is no reason of this task.
            Bar::NotNamed | Bar::LaneOff | Bar::Off | Bar::OtherLane | Bar::Unusable { .. } => continue,
            Bar::Quota { .. } | Bar::Down { .. } => {
                let again = again(&barred.bar, question.now);
                passed.push(format!("{model}: {}{again}", barred.bar));
            }
            Bar::ContextUnknown
            | Bar::SizeUnknown
            | Bar::ContextTooSmall { .. }
            | Bar::Tools { .. }
            | Bar::Trust { .. }
            | Bar::Safety { .. }
            | Bar::Denied { .. } => {}
        }
        reasons.push(Reason::Refused {
            model: model.clone(),
            why: barred.bar.to_string(),
        });
    }
    if !passed.is_empty() {
        notices.push(format!("{}; {} takes it", passed.join("; "), choice.model));
    }
    Some(Plan {
        route: Route {
            lane: decision.lane,
            choice,
            fallbacks,
            reasons,
            shape: question.shape.facts(),
        },
        legs,
        notices,
    })
}

/// When a model may be asked again, as words that follow the reason; empty where nobody knows.
fn again(bar: &Bar, now: Now) -> String {
    let seconds = bar.frees().and_then(|frees| frees.seconds(now));
    seconds.map_or_else(String::new, |s| format!(", again in {s} s"))
}

fn leg(question: &Question<'_>, member: &Member, lane: Lane) -> Leg {
    Leg {
        candidate: member.candidate(),
        pool: member.pool.clone(),
        late_us: question
            .policy
            .hedge()
            .late_us(member.speed.map(|speed| speed.ttft_p95_us)),
        estimate: ask(question.policy, member, lane, size(question.shape)).estimate,
    }
}

fn names(facts: &[FactName]) -> Vec<String> {
    facts.iter().map(|fact| fact.name().to_owned()).collect()
}

/// Whether a fact that speaks for the slow lane is worth a line of the person's screen. That words are vague, or that a
/// bug is hunted in a named place, is the daily work of the fast lane, and the person sees the hunk before it counts.
fn worth_a_line(fact: FactName, shape: &Shape) -> bool {
    match fact {
        // A word like "token" is read wrong too often; a path like `auth/` is not.
        FactName::Safety => shape
            .safety
            .because
            .iter()
            .any(|e| matches!(e, Evidence::Place { .. })),
        FactName::Reversible | FactName::Scope | FactName::WantsTests | FactName::Tools => true,
        FactName::Intent => matches!(shape.task.value, Some(Task::Migrate | Task::Operate)),
        FactName::Files
        | FactName::Lines
        | FactName::Context
        | FactName::Ambiguity
        | FactName::Interactive
        | FactName::Latency
        | FactName::Trust
        | FactName::Paths => false,
    }
}

/// The line.
fn calmly(question: &Question<'_>, reason: &LaneReason, facts: &[FactName]) -> String {
    let told: Vec<&str> = facts
        .iter()
        .filter(|fact| worth_a_line(**fact, question.shape))
        .map(|fact| in_words(*fact))
        .collect();
    let whose = match reason {
        LaneReason::Rule { origin } if origin.layer != Layer::BuiltIn => format!(" ({origin})"),
        LaneReason::Rule { .. } | LaneReason::Named | LaneReason::Default | LaneReason::FastIsBarred => {
            String::new()
        }
    };
    format!(
        "looks like work for the slow lane (`brisk delegate`): {}{whose}. Done live: nothing is run or tested \
         (--lane fast hides this line)",
        told.join(", ")
    )
}

fn in_words(fact: FactName) -> &'static str {
    match fact {
        FactName::Safety => "it is sensitive",
        FactName::Reversible => "an undo may not bring everything back",
        FactName::Scope => "it reaches far",
        FactName::WantsTests => "it is done when something passes",
        FactName::Tools => "something is to be run",
        FactName::Intent => "it is more than an edit",
        FactName::Files
        | FactName::Lines
        | FactName::Context
        | FactName::Ambiguity
        | FactName::Interactive
        | FactName::Latency
        | FactName::Trust
        | FactName::Paths => fact.name(),
    }
}

impl Board {
    /// What a request of this size is expected to take; `None`: there is no such model.
    pub fn estimate(&self, model: &ModelId, lane: Lane, size: Size) -> Option<Amount> {
        let member = self.fleet.iter().find(|m| m.model == *model)?;
        Some(ask(&self.policy, member, lane, size).estimate)
    }
}

/// The board as a question's parts that do not depend on the task.
impl Board {
    /// Asks this board.
    pub fn question<'a>(&'a self, shape: &'a Shape, wish: crate::decide::Wish<'a>, now: Now) -> Question<'a> {
        Question {
            shape,
            wish,
            fleet: &self.fleet,
            policy: &self.policy,
            ledger: &self.ledger,
            now,
        }
    }
}
