//! All accounts and everything that is borrowed.

use super::window::Window;
use super::{Amount, Bound, DAY_US, Frees, Lease, Limits, MINUTE_US, Short, Whose};
use brisk_domain::{Lane, Now};
use std::collections::BTreeMap;

/// A wish to borrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    /// For this lane.
    pub lane: Lane,
    /// From this model.
    pub model: &'a str,
    /// The model's vendor, as far as limits go.
    pub pool: &'a str,
    /// What it will take.
    pub estimate: Amount,
}

/// A request of an earlier ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past<'a> {
    /// Its lane.
    pub lane: Lane,
    /// Its model.
    pub model: &'a str,
    /// How long ago, microseconds.
    pub age_us: u64,
    /// What it used; its estimate, where nobody lived to say.
    pub used: Amount,
}

/// What one lane uses of one account, or a lane of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) concurrent: u64,
    pub(super) requests: Window,
    pub(super) tokens: Window,
    pub(super) money: Window,
}

impl Default for Usage {
    fn default() -> Usage {
        Usage {
            concurrent: 0,
            requests: Window::new(MINUTE_US),
            tokens: Window::new(MINUTE_US),
            money: Window::new(DAY_US),
        }
    }
}

/// Where something was counted, so that it can be given back there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slots {
    tokens: i64,
    money: i64,
}

impl Usage {
    fn take(&mut self, amount: Amount, now: Now) -> Slots {
        self.concurrent += 1;
        self.requests.add(now, 1);
        Slots {
            tokens: self.tokens.add(now, amount.tokens),
            money: self.money.add(now, amount.money.unwrap_or(0)),
        }
    }

    /// Something that ended before this ledger began.
    fn remember(&mut self, past: &Past<'_>, now: Now) {
        self.requests.add_past(now, past.age_us, 1);
        self.tokens.add_past(now, past.age_us, past.used.tokens);
        self.money
            .add_past(now, past.age_us, past.used.money.unwrap_or(0));
    }

    fn settle(&mut self, slots: Slots, estimate: Amount, used: Amount, now: Now) {
        self.concurrent = self.concurrent.saturating_sub(1);
        correct(&mut self.tokens, slots.tokens, estimate.tokens, used.tokens, now);
        let (before, after) = (estimate.money.unwrap_or(0), used.money.unwrap_or(0));
        correct(&mut self.money, slots.money, before, after, now);
    }
}

/// More counts now; less is given back where it was counted.
fn correct(window: &mut Window, slot: i64, estimate: u64, used: u64, now: Now) {
    match used.checked_sub(estimate) {
        Some(more) => {
            window.add(now, more);
        }
        None => window.give_back(slot, estimate - used),
    }
}

/// One account's sums against bounds, all of which are one lane's or one model's.
struct Sums<'a> {
    all: &'a [&'a Usage],
    limits: Limits,
    whose: Whose,
}

impl Sums<'_> {
    fn check(&self, amount: Amount, now: Now) -> Result<(), Short> {
        let concurrent = self.all.iter().map(|u| u.concurrent).sum();
        self.fits(Bound::Concurrent, self.limits.concurrent, concurrent, 1, || {
            Frees::Ended
        })?;
        self.window(Bound::Requests, self.limits.requests, 1, now, |u| &u.requests)?;
        self.window(Bound::Tokens, self.limits.tokens, amount.tokens, now, |u| {
            &u.tokens
        })?;
        match (self.limits.money, amount.money) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(self.short(Bound::Price, 0, 0, Frees::Never)),
            (limit, Some(money)) => self.window(Bound::Money, limit, money, now, |u| &u.money),
        }
    }

    fn window(
        &self,
        bound: Bound,
        limit: Option<u64>,
        wanted: u64,
        now: Now,
        of: impl Fn(&Usage) -> &Window,
    ) -> Result<(), Short> {
        let Some(limit) = limit else { return Ok(()) };
        let used = self.all.iter().map(|u| of(u).used(now)).sum();
        self.fits(bound, Some(limit), used, wanted, || {
            let windows: Vec<&Window> = self.all.iter().map(|u| of(u)).collect();
            Window::free_at(&windows, now, wanted, limit).map_or(Frees::Never, Frees::At)
        })
    }

    fn fits(
        &self,
        bound: Bound,
        limit: Option<u64>,
        used: u64,
        wanted: u64,
        frees: impl FnOnce() -> Frees,
    ) -> Result<(), Short> {
        match limit {
            Some(limit) if wanted > limit => Err(self.short(bound, limit, wanted, Frees::Never)),
            Some(limit) if used.saturating_add(wanted) > limit => {
                Err(self.short(bound, limit.saturating_sub(used), wanted, frees()))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn short(&self, bound: Bound, left: u64, wanted: u64, frees: Frees) -> Short {
        Short {
            whose: self.whose,
            bound,
            left,
            wanted,
            frees,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    lane: Lane,
    model: String,
    estimate: Amount,
    in_lane: Slots,
    in_model: Slots,
}

/// All accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    lane_limits: [Limits; 2],
    model_limits: BTreeMap<String, Limits>,
    lanes: [Usage; 2],
    models: BTreeMap<String, [Usage; 2]>,
    blocked: BTreeMap<String, Now>,
    open: BTreeMap<u64, Open>,
    last: u64,
}

fn index(lane: Lane) -> usize {
    match lane {
        Lane::Fast => 0,
        Lane::Slow => 1,
    }
}

pub(super) fn pick<T>(lane: Lane, [fast, slow]: &[T; 2]) -> (&T, &T) {
    match lane {
        Lane::Fast => (fast, slow),
        Lane::Slow => (slow, fast),
    }
}

impl Ledger {
    /// Sets a lane's bounds. What is borrowed stays borrowed.
    pub fn limit_lane(&mut self, lane: Lane, limits: Limits) {
        if let Some(own) = self.lane_limits.get_mut(index(lane)) {
            *own = limits;
        }
    }

    /// Sets a model's bounds.
    pub fn limit_model(&mut self, model: &str, limits: Limits) {
        self.model_limits.insert(model.to_owned(), limits);
    }

    /// A vendor said not to come back before `until`.
    pub fn block(&mut self, pool: &str, until: Now) {
        let own = self.blocked.entry(pool.to_owned()).or_default();
        *own = (*own).max(until);
    }

    /// Whether it could be borrowed now.
    ///
    /// # Errors
    /// The first bound that has no room.
    pub fn check(&self, ask: &Ask<'_>, now: Now) -> Result<(), Short> {
        if let Some(until) = self.blocked.get(ask.pool).filter(|until| **until > now) {
            return Err(Short {
                whose: Whose::Pool,
                bound: Bound::Blocked,
                left: 0,
                wanted: 1,
                frees: Frees::At(*until),
            });
        }
        let (own, _) = pick(ask.lane, &self.lanes);
        let (limits, other) = pick(ask.lane, &self.lane_limits);
        let lane = Sums {
            all: &[own],
            limits: *limits,
            whose: Whose::Lane,
        };
        lane.check(ask.estimate, now)?;
        let Some(limits) = self.model_limits.get(ask.model) else {
            return Ok(());
        };
        let nothing = [Usage::default(), Usage::default()];
        let usage = self.models.get(ask.model).unwrap_or(&nothing);
        let (own, others) = pick(ask.lane, usage);
        let share = Sums {
            all: &[own],
            limits: without(limits, other.reserve_percent.unwrap_or(0)),
            whose: Whose::Share,
        };
        let whole = Sums {
            all: &[own, others],
            limits: *limits,
            whose: Whose::Model,
        };
        whole.check(ask.estimate, now)?;
        share.check(ask.estimate, now)
    }

    /// The same a minute after the last request that runs now has ended. For work that can wait so long: what is left of a
    /// day's money stays as it is.
    #[must_use]
    pub fn at_rest(mut self) -> Ledger {
        self.open.clear();
        for usage in self.lanes.iter_mut().chain(self.models.values_mut().flatten()) {
            *usage = Usage {
                money: usage.money.clone(),
                ..Usage::default()
            };
        }
        self
    }

    /// Borrows, from both accounts or from neither.
    ///
    /// # Errors
    /// The first bound that has no room; nothing is taken then.
    pub fn borrow(&mut self, ask: &Ask<'_>, now: Now) -> Result<Lease, Short> {
        self.check(ask, now)?;
        let at = index(ask.lane);
        let [fast, slow] = &mut self.lanes;
        let lane = if at == 0 { fast } else { slow };
        let in_lane = lane.take(ask.estimate, now);
        let [fast, slow] = self.models.entry(ask.model.to_owned()).or_default();
        let model = if at == 0 { fast } else { slow };
        let in_model = model.take(ask.estimate, now);
        self.last += 1;
        let open = Open {
            lane: ask.lane,
            model: ask.model.to_owned(),
            estimate: ask.estimate,
            in_lane,
            in_model,
        };
        self.open.insert(self.last, open);
        Ok(Lease {
            id: self.last,
            lane: ask.lane,
            estimate: ask.estimate,
        })
    }

    /// Puts what was used in the place of the estimate. What was used beyond it counts from now on, and may go over a
    /// bound: it happened.
    pub fn settle(&mut self, lease: Lease, used: Amount, now: Now) {
        if let Some(open) = self.open.remove(&lease.id) {
            self.close(&open, used, now);
        }
    }

    /// Counts a request of an earlier ledger. It runs no more: of requests at once it takes nothing.
    pub fn remember(&mut self, past: &Past<'_>, now: Now) {
        let at = index(past.lane);
        if let Some(lane) = self.lanes.get_mut(at) {
            lane.remember(past, now);
        }
        let model = self.models.entry(past.model.to_owned()).or_default();
        if let Some(own) = model.get_mut(at) {
            own.remember(past, now);
        }
    }

    /// Leases get numbers beyond this one from here on.
    pub fn number_after(&mut self, last: u64) {
        self.last = self.last.max(last);
    }

    fn close(&mut self, open: &Open, used: Amount, now: Now) {
        let at = index(open.lane);
        if let Some(lane) = self.lanes.get_mut(at) {
            lane.settle(open.in_lane, open.estimate, used, now);
        }
        if let Some(model) = self.models.get_mut(&open.model).and_then(|both| both.get_mut(at)) {
            model.settle(open.in_model, open.estimate, used, now);
        }
    }

    pub(super) fn lanes(&self) -> &[Usage; 2] {
        &self.lanes
    }

    pub(super) fn lane_limits(&self) -> &[Limits; 2] {
        &self.lane_limits
    }

    pub(super) fn model_limits(&self) -> &BTreeMap<String, Limits> {
        &self.model_limits
    }

    pub(super) fn usage_of(&self, model: &str) -> Option<&[Usage; 2]> {
        self.models.get(model)
    }

    /// Requests that run in a lane.
    pub fn running(&self, lane: Lane) -> u64 {
        pick(lane, &self.lanes).0.concurrent
    }
}

/// Bounds less a share of each; a bound that is there leaves at least nothing.
fn without(limits: &Limits, percent: u32) -> Limits {
    let less = |bound: Option<u64>| {
        bound.map(|b| b - b.saturating_mul(u64::from(percent.min(100))).div_ceil(100).min(b))
    };
    Limits {
        concurrent: less(limits.concurrent),
        requests: less(limits.requests),
        tokens: less(limits.tokens),
        money: less(limits.money),
        reserve_percent: None,
    }
}
