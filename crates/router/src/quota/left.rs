//! What is left of every account that has a bound, for people.

use super::ledger::{Ledger, Usage, pick};
use super::{Bound, Limits};
use brisk_domain::Now;
use serde::Serialize;

use crate::scale::LANES;

/// One bound of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The lane, of a lane's account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<&'static str>,
    /// The model, of a model's account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Which bound.
    pub bound: Bound,
    /// How much there is: requests, tokens, or micro-dollars.
    pub limit: u64,
    /// How much of it is left.
    pub left: u64,
}

impl Ledger {
    /// Every bound there is: those of the lanes, then those of the models by name.
    pub fn left(&self, now: Now) -> Vec<Left> {
        let mut out = Vec::new();
        for (lane, name) in LANES {
            let (usage, _) = pick(lane, self.lanes());
            let (limits, _) = pick(lane, self.lane_limits());
            each(limits, &[usage], now, |bound, limit, left| {
                out.push(Left {
                    lane: Some(name),
                    model: None,
                    bound,
                    limit,
                    left,
                });
            });
        }
        let nothing = [Usage::default(), Usage::default()];
        for (name, limits) in self.model_limits() {
            let [fast, slow] = self.usage_of(name).unwrap_or(&nothing);
            each(limits, &[fast, slow], now, |bound, limit, left| {
                out.push(Left {
                    lane: None,
                    model: Some(name.clone()),
                    bound,
                    limit,
                    left,
                });
            });
        }
        out
    }
}

fn each(limits: &Limits, usages: &[&Usage], now: Now, mut tell: impl FnMut(Bound, u64, u64)) {
    let sum = |of: &dyn Fn(&Usage) -> u64| usages.iter().map(|u| of(u)).sum::<u64>();
    let all: [(Bound, Option<u64>, u64); 4] = [
        (Bound::Concurrent, limits.concurrent, sum(&|u| u.concurrent)),
        (Bound::Requests, limits.requests, sum(&|u| u.requests.used(now))),
        (Bound::Tokens, limits.tokens, sum(&|u| u.tokens.used(now))),
        (Bound::Money, limits.money, sum(&|u| u.money.used(now))),
    ];
    for (bound, limit, used) in all {
        if let Some(limit) = limit {
            tell(bound, limit, limit.saturating_sub(used));
        }
    }
}
