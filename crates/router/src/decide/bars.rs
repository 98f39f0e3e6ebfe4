//! Hard bounds. A model passes all of them or may not; a fact that a bound needs and nobody knows denies.

use super::{Question, ask};
use crate::breaker::Health;
use crate::fleet::{Member, Usable};
use crate::policy::{Bounds, Deny, FactName, Origin};
use crate::quota::Short;
use crate::scale::{LANES, Safety, Set, Tool, Trust};
use crate::score::Size;
use brisk_domain::{Lane, Now};
use serde::Serialize;

/// A bound that a model failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "bar", rename_all = "snake_case")]
pub enum Bar {
    /// The person named another model, or none, and this one is asked by name only.
    NotNamed,
    /// The lane is switched off.
    LaneOff,
    /// The model is switched off.
    Off,
    /// It is not for this lane.
    OtherLane,
    /// It cannot be used at all.
    Unusable {
        /// What is missing.
        why: String,
    },
    /// It failed too often.
    Down {
        /// Until when.
        until: Now,
    },
    /// Its window is not known.
    ContextUnknown,
    /// Nobody knows how large the prompt is.
    SizeUnknown,
    /// Prompt and answer do not fit.
    ContextTooSmall {
        /// Needed, tokens.
        needs: u32,
        /// There, tokens.
        has: u32,
    },
    /// Tools that are needed and not given.
    Tools {
        /// Their names; none: nobody knows which are needed.
        missing: Vec<&'static str>,
    },
    /// The repository is not trusted so far.
    Trust {
        /// Needed.
        needs: Trust,
        /// There, if anybody knows.
        has: Option<Trust>,
    },
    /// The task is too delicate.
    Safety {
        /// At most this.
        most: Safety,
        /// It is this, if anybody knows.
        is: Option<Safety>,
    },
    /// A policy denies it.
    Denied {
        /// Where it stands.
        origin: Origin,
        /// Facts that it hangs on and that nobody knows.
        unknown: Vec<FactName>,
    },
    /// Its quota is used up.
    Quota {
        /// What is short.
        short: Short,
    },
}

/// The policy's denials that hold for this task in this lane; the same for every model.
pub(super) fn denials<'a>(question: &Question<'a>, lane: Lane) -> Vec<&'a Deny> {
    let lane = lane_position(lane);
    let denies = question.policy.denies().iter();
    denies
        .filter(|deny| deny.lanes.has(lane) && deny.when.holds(question.shape) != Some(false))
        .collect()
}

pub(super) fn lane_position(lane: Lane) -> u32 {
    let at = LANES.iter().position(|(l, _)| *l == lane);
    at.and_then(|at| u32::try_from(at).ok()).unwrap_or(u32::MAX)
}

/// The first bound that a model fails.
pub(super) fn first(
    question: &Question<'_>,
    lane: Lane,
    denials: &[&Deny],
    member: &Member,
    size: Size,
) -> Option<Bar> {
    bars(question, lane, denials, member, size).find_map(|bar| bar)
}

/// Every bound that a model fails.
pub(super) fn all(
    question: &Question<'_>,
    lane: Lane,
    denials: &[&Deny],
    member: &Member,
    size: Size,
) -> Vec<Bar> {
    bars(question, lane, denials, member, size).flatten().collect()
}

type Check = fn(&Ctx<'_>) -> Option<Bar>;

struct Ctx<'a> {
    question: &'a Question<'a>,
    lane: Lane,
    denials: &'a [&'a Deny],
    member: &'a Member,
    size: Size,
}

fn bars(
    question: &Question<'_>,
    lane: Lane,
    denials: &[&Deny],
    member: &Member,
    size: Size,
) -> impl Iterator<Item = Option<Bar>> {
    // In the order in which a person would want to hear them: their own words, then what is there, then what the task
    // is, then what is left.
    const CHECKS: [Check; 9] = [
        named, switched, usable, context, tools, trust, safety, denied, quota,
    ];
    CHECKS.into_iter().map(move |check| {
        check(&Ctx {
            question,
            lane,
            denials,
            member,
            size,
        })
    })
}

impl Ctx<'_> {
    /// The lane's bounds and the model's.
    fn both(&self) -> [&Bounds; 2] {
        let policy = self.question.policy;
        [policy.lane(self.lane), &policy.model(&self.member.model.0).bounds]
    }
}

fn named(ctx: &Ctx<'_>) -> Option<Bar> {
    // A policy's list of candidates names nobody: a repository may write one, too.
    let other = match ctx.question.wish.model {
        Some(model) => *model != ctx.member.model,
        None => ctx.member.by_name,
    };
    other.then_some(Bar::NotNamed)
}

fn switched(ctx: &Ctx<'_>) -> Option<Bar> {
    let [lane, model] = ctx.both();
    let position = lane_position(ctx.lane);
    if !lane.enabled {
        Some(Bar::LaneOff)
    } else if !model.enabled {
        Some(Bar::Off)
    } else if !lane.names(&ctx.member.model.0) || !ctx.member.lanes.and(model.lanes).has(position) {
        Some(Bar::OtherLane)
    } else {
        None
    }
}

fn usable(ctx: &Ctx<'_>) -> Option<Bar> {
    match &ctx.member.usable {
        Usable::As(Health::Ready | Health::Probe) => None,
        Usable::As(Health::Down(until)) => Some(Bar::Down { until: *until }),
        Usable::Not(why) => Some(Bar::Unusable { why: why.clone() }),
    }
}

fn context(ctx: &Ctx<'_>) -> Option<Bar> {
    if ctx.question.shape.context.value.is_none() {
        return Some(Bar::SizeUnknown);
    }
    let needs = ctx.size.input.saturating_add(ctx.size.output);
    match ctx.member.context {
        0 => Some(Bar::ContextUnknown),
        has if has < needs => Some(Bar::ContextTooSmall { needs, has }),
        _ => None,
    }
}

fn tools(ctx: &Ctx<'_>) -> Option<Bar> {
    let [lane, model] = ctx.both();
    let given = lane.tools.and(model.tools).and(ctx.member.tools);
    match ctx.question.shape.tools.value {
        None if given == Set::ALL => None,
        None => Some(Bar::Tools { missing: Vec::new() }),
        Some(needs) if needs.within(given) => None,
        Some(needs) => Some(Bar::Tools {
            missing: Set(needs.0 & !given.0).names(Tool::NAMES),
        }),
    }
}

fn trust(ctx: &Ctx<'_>) -> Option<Bar> {
    let [lane, model] = ctx.both();
    let needs = lane.trust.max(model.trust)?;
    let has = ctx.question.shape.trust.value;
    (has < Some(needs)).then_some(Bar::Trust { needs, has })
}

fn safety(ctx: &Ctx<'_>) -> Option<Bar> {
    let [lane, model] = ctx.both();
    let most = crate::policy::least(lane.safety, model.safety)?;
    let is = ctx.question.shape.safety.value;
    is.is_none_or(|is| is > most).then_some(Bar::Safety { most, is })
}

fn denied(ctx: &Ctx<'_>) -> Option<Bar> {
    let model = &ctx.member.model.0;
    let mut denials = ctx.denials.iter();
    let deny = denials.find(|deny| deny.models.as_ref().is_none_or(|list| list.contains(model)))?;
    let mut unknown = Vec::new();
    if deny.when.holds(ctx.question.shape).is_none() {
        deny.when.unknown(ctx.question.shape, &mut unknown);
    }
    Some(Bar::Denied {
        origin: deny.origin,
        unknown,
    })
}

fn quota(ctx: &Ctx<'_>) -> Option<Bar> {
    let ask = ask(ctx.question.policy, ctx.member, ctx.lane, ctx.size);
    let short = ctx.question.ledger.check(&ask, ctx.question.now).err()?;
    Some(Bar::Quota { short })
}
