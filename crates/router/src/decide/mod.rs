//! The decision: lane, model, fallbacks, and why.
//!
//! Hard bounds come first, and what is denied stays denied; then the lane, by the person's word, else by the first rule
//! that holds, else by default; then the score. A fast lane in which nobody may work gives way to the slow one, never
//! the other way round: what was sent to the slow lane needs its checks. The same arguments give the same decision.

mod bars;
mod nearest;
mod refusal;
mod say;

use crate::fleet::Member;
use crate::policy::{Origin, Policy};
use crate::quota::{Amount, Ask, Ledger};
use crate::scale::Latency;
use crate::score::{Score, Size, money, price, score};
use crate::shape::{SAID, Shape};
pub use bars::Bar;
use brisk_domain::{Lane, ModelId, Now};
pub use nearest::{Nearest, nearest};
pub use refusal::{refusal, way_out};
pub use say::grounds;
use serde::Serialize;

/// Room that an answer needs at least, tokens.
const ANSWER_FLOOR: u32 = 256;
/// Tokens of an answer for each line that is written: about 60 bytes, generous for code.
pub const PER_LINE: u32 = 16;

/// What the person said about this prompt. Rule 0, and subject to every bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish<'a> {
    /// `--lane`.
    pub lane: Option<Lane>,
    /// `--model`.
    pub model: Option<&'a ModelId>,
}

/// Everything that a decision is made of.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The task.
    pub shape: &'a Shape,
    /// What the person said.
    pub wish: Wish<'a>,
    /// The models, in the person's order.
    pub fleet: &'a [Member],
    /// The policy, all layers.
    pub policy: &'a Policy,
    /// The accounts.
    pub ledger: &'a Ledger,
    /// The moment.
    pub now: Now,
}

/// Why this lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum LaneReason {
    /// The person said it.
    Named,
    /// This rule.
    Rule {
        /// Where it stands.
        origin: Origin,
    },
    /// No rule holds.
    Default,
    /// Nobody may work in the fast lane, where it belongs.
    FastIsBarred,
}

/// A model that may take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranked<'a> {
    /// Which.
    pub member: &'a Member,
    /// How good it is for this.
    pub score: Score,
    /// It shares the choice's vendor limits: of no use when those are what failed.
    pub same_pool: bool,
}

/// A model that may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Barred<'a> {
    /// Which.
    pub member: &'a Member,
    /// The first bound that it fails.
    pub bar: Bar,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Where.
    pub lane: Lane,
    /// Why there, the latest reason last.
    pub lane_reasons: Vec<LaneReason>,
    /// Who, and then whoever comes next, in order. Never empty.
    ranked: Vec<Ranked<'a>>,
    /// Who may not, in the person's order.
    pub barred: Vec<Barred<'a>>,
}

/// Nobody may take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused<'a> {
    /// The lane that it belongs in.
    pub lane: Lane,
    /// Why there.
    pub lane_reasons: Vec<LaneReason>,
    /// Everybody, with the first bound of each.
    pub barred: Vec<Barred<'a>>,
    /// The person named a model that is not in the fleet.
    pub no_such_model: Option<&'a ModelId>,
}

impl<'a> Decision<'a> {
    /// The choice.
    pub fn choice(&self) -> Option<&Ranked<'a>> {
        self.ranked.first()
    }

    /// Who comes next, in order.
    pub fn fallbacks(&self) -> &[Ranked<'a>] {
        self.ranked.get(1..).unwrap_or_default()
    }

    /// Everybody who may, the choice first.
    pub fn ranked(&self) -> &[Ranked<'a>] {
        &self.ranked
    }
}

/// Tokens that a task takes.
pub fn size(shape: &Shape) -> Size {
    let lines = shape.lines.value.unwrap_or(0);
    let answer = shape.answer.unwrap_or_else(|| lines.saturating_mul(PER_LINE));
    Size {
        input: shape.context.value.unwrap_or(0),
        output: answer.max(ANSWER_FLOOR),
    }
}

/// How much waiting matters in a lane: nobody watches the slow one, unless the person said how urgent it is.
pub(crate) fn urgency(shape: &Shape, lane: Lane) -> Latency {
    match (shape.latency.value, lane) {
        (Some(latency), Lane::Fast) => latency,
        (Some(latency), Lane::Slow) if shape.latency.because.contains(&SAID) => latency,
        (None, Lane::Fast) => Latency::Normal,
        (_, Lane::Slow) => Latency::Relaxed,
    }
}

/// The account that a task on a model would be charged to, with the estimate.
pub fn ask<'a>(policy: &Policy, member: &'a Member, lane: Lane, size: Size) -> Ask<'a> {
    let tokens = u64::from(size.input) + u64::from(size.output);
    let price = price(member, policy.model(&member.model.0));
    Ask {
        lane,
        model: &member.model.0,
        pool: &member.pool,
        estimate: Amount {
            tokens,
            money: price.map(|p| money(p, size)),
        },
    }
}

/// Decides.
///
/// # Errors
/// [`Refused`] when nobody may take it.
pub fn decide<'a>(question: &Question<'a>) -> Result<Decision<'a>, Refused<'a>> {
    let (lane, reason) = lane(question);
    let mut reasons = vec![reason];
    match rank(question, lane) {
        (ranked, barred) if !ranked.is_empty() => Ok(Decision {
            lane,
            lane_reasons: reasons,
            ranked,
            barred,
        }),
        (_, barred) => {
            if lane == Lane::Fast && question.wish.lane.is_none() {
                let (ranked, barred) = rank(question, Lane::Slow);
                if !ranked.is_empty() {
                    reasons.push(LaneReason::FastIsBarred);
                    return Ok(Decision {
                        lane: Lane::Slow,
                        lane_reasons: reasons,
                        ranked,
                        barred,
                    });
                }
            }
            let exists = |model: &ModelId| question.fleet.iter().any(|m| m.model == *model);
            Err(Refused {
                lane,
                lane_reasons: reasons,
                barred,
                no_such_model: question.wish.model.filter(|model| !exists(model)),
            })
        }
    }
}

fn lane(question: &Question<'_>) -> (Lane, LaneReason) {
    if let Some(lane) = question.wish.lane {
        return (lane, LaneReason::Named);
    }
    let mut rules = question.policy.rules().iter();
    match rules.find(|rule| rule.when.holds(question.shape) == Some(true)) {
        Some(rule) => (rule.lane, LaneReason::Rule { origin: rule.origin }),
        None => (question.policy.default_lane(), LaneReason::Default),
    }
}

fn rank<'a>(question: &Question<'a>, lane: Lane) -> (Vec<Ranked<'a>>, Vec<Barred<'a>>) {
    let denials = bars::denials(question, lane);
    let size = size(question.shape);
    let latency = urgency(question.shape, lane);
    let mut ranked: Vec<Ranked<'a>> = Vec::with_capacity(question.fleet.len());
    let mut barred = Vec::new();
    for (place, member) in question.fleet.iter().enumerate() {
        match bars::first(question, lane, &denials, member, size) {
            Some(bar) => barred.push(Barred { member, bar }),
            None => {
                let policy = question.policy.model(&member.model.0);
                let weights = question.policy.weights();
                ranked.push(Ranked {
                    member,
                    score: score(member, policy, weights, lane, latency, size, place),
                    same_pool: false,
                });
            }
        }
    }
    // Stable: equals stay in the person's order.
    ranked.sort_by_key(|r| std::cmp::Reverse(r.score.total));
    let mut rest = ranked.iter_mut();
    if let Some(choice) = rest.next() {
        let pool = &choice.member.pool;
        rest.for_each(|r| r.same_pool = r.member.pool == *pool);
    }
    (ranked, barred)
}
