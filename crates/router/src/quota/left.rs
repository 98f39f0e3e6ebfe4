//! What is left of an account's limits, for people.

use super::ledger::{Ledger, Usage, pick};
use super::window::Window;
use super::{Bound, Limits};
use brisk_domain::{Lane, Now};

impl Ledger {
    /// What is left of each limit of a lane: the bound, what is left, and of how much. Requests at once are no store
    /// that runs out, and are not among them.
    pub fn lane_left(&self, lane: Lane, now: Now) -> Vec<(Bound, u64, u64)> {
        let (limits, _) = pick(lane, self.lane_limits());
        let (own, _) = pick(lane, self.lanes());
        left(limits, &[own], now)
    }

    /// The same of a model, for both lanes together.
    pub fn model_left(&self, model: &str, now: Now) -> Vec<(Bound, u64, u64)> {
        let Some(limits) = self.model_limits().get(model) else {
            return Vec::new();
        };
        let nothing = [Usage::default(), Usage::default()];
        let [fast, slow] = self.usage_of(model).unwrap_or(&nothing);
        left(limits, &[fast, slow], now)
    }
}

fn left(limits: &Limits, all: &[&Usage], now: Now) -> Vec<(Bound, u64, u64)> {
    let used = |of: fn(&Usage) -> &Window| all.iter().map(|u| of(u).used(now)).sum::<u64>();
    let bounds = [
        (Bound::Requests, limits.requests, used(|u| &u.requests)),
        (Bound::Tokens, limits.tokens, used(|u| &u.tokens)),
        (Bound::Money, limits.money, used(|u| &u.money)),
    ];
    let left = |(bound, limit, used): (Bound, Option<u64>, u64)| {
        limit.map(|limit| (bound, limit.saturating_sub(used), limit))
    };
    bounds.into_iter().filter_map(left).collect()
}
