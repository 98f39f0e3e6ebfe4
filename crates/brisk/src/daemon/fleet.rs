//! What this daemon knows of its models beside how to reach them: how fast they were lately, whether they are up, and
//! what is left of every quota. One for all sessions. It gives a session the board that a turn is routed by, and a ticket
//! for each request, which settles itself.

mod journal;
mod ticket;

pub(crate) use ticket::{Ticket, prompt};

use crate::home::Home;
use crate::routing::{self, Texts};
use crate::trust::Trusts;
use brisk_domain::{Lane, ModelId, Now};
use brisk_lanes::{Denied, Reach};
use brisk_protocol::{QuotaBound, QuotaLeft, QuotaOf};
use brisk_router::breaker::{Breaker, Health};
use brisk_router::fleet::{Member, Usable};
use brisk_router::live::Board;
use brisk_router::policy::Policy;
use brisk_router::quota::{Amount, Ask, Bound, Frees, Lease, Ledger, Quotas, RAISE, Whose};
use brisk_router::speed::Track;
use journal::Journal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What changes about one model.
#[derive(Debug, Default)]
struct State {
    breaker: Breaker,
    track: Track,
    /// Requests that run.
    busy: u32,
}

/// A policy with the texts that it was read from.
type Read = (Texts, Arc<Policy>);

/// See the module.
pub(crate) struct Fleet {
    home: Home,
    trusts: Trusts,
    /// In the person's order; speed and health are filled in for each board.
    members: Vec<Member>,
    states: Mutex<BTreeMap<ModelId, State>>,
    quotas: Quotas,
    journal: Journal,
    /// By folder: reading a policy again takes longer than seeing that its text is the same.
    policies: Mutex<BTreeMap<PathBuf, Read>>,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic elsewhere leaves behind is whole: every change under these locks is one step.
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fleet {
    /// These models, with what earlier daemons took of the quotas. How fast they were is read from the store by a thread of its own: until it has, they count as not
    /// measured.
    pub(crate) fn start(home: &Home, members: Vec<Member>) -> Arc<Fleet> {
        let mut ledger = Ledger::default();
        let journal = Journal::start(home.state_dir(), &mut ledger);
        let fleet = Arc::new(Fleet {
            home: home.clone(),
            trusts: Trusts::of(home),
            members,
            states: Mutex::default(),
            quotas: Quotas::new(ledger),
            journal,
            policies: Mutex::default(),
        });
        let (seeded, home) = (Arc::clone(&fleet), home.clone());
        std::thread::spawn(move || {
            for (model, track) in routing::tracks(&home) {
                let mut states = lock(&seeded.states);
                let state = states.entry(model).or_default();
                // What was measured since is newer.
                if state.track == Track::default() {
                    state.track = track;
                }
            }
        });
        fleet
    }

    /// The world as it is now, for a turn in this folder. Reads policy files.
    ///
    /// # Errors
    /// Why there is nothing to decide with, for the person.
    pub(crate) fn board(&self, cwd: &Path, now: Now) -> Result<Board, String> {
        let policy = self.policy(cwd)?;
        let states = lock(&self.states);
        let live = |member: &Member| {
            let mut member = member.clone();
            if let Some(state) = states.get(&member.model) {
                member.speed = state.track.speed();
                member.busy = state.busy;
                if member.usable == Usable::As(Health::Ready) {
                    member.usable = Usable::As(state.breaker.health(now));
                }
            }
            member
        };
        let mut fleet: Vec<Member> = self.members.iter().map(live).collect();
        routing::pools(&mut fleet, &policy);
        drop(states);
        let mut ledger = self.quotas.with(|ledger| ledger.clone());
        routing::limit(&mut ledger, &policy, &fleet);
        Ok(Board {
            fleet,
            policy,
            ledger,
            trust: self.trusts.standing(cwd).fact(),
        })
    }

    /// What the person said about repositories.
    pub(crate) fn trusts(&self) -> &Trusts {
        &self.trusts
    }

    /// What is left where policies set limits; lanes first.
    ///
    /// # Errors
    /// As with [`Fleet::board`].
    pub(crate) fn quota(&self, cwd: &Path, now: Now) -> Result<Vec<QuotaLeft>, String> {
        let board = self.board(cwd, now)?;
        let told = |of: QuotaOf, all: Vec<(Bound, u64, u64)>| {
            all.into_iter().filter_map(move |(bound, left, limit)| {
                let bound = match bound {
                    Bound::Requests => QuotaBound::Requests,
                    Bound::Tokens => QuotaBound::Tokens,
                    Bound::Money => QuotaBound::Money,
                    Bound::Concurrent | Bound::Price | Bound::Blocked => return None,
                };
                let of = of.clone();
                Some(QuotaLeft {
                    of,
                    bound,
                    left,
                    limit,
                })
            })
        };
        let mut out = Vec::new();
        for lane in [Lane::Fast, Lane::Slow] {
            out.extend(told(QuotaOf::Lane(lane), board.ledger.lane_left(lane, now)));
        }
        for member in &board.fleet {
            let all = board.ledger.model_left(&member.model.0, now);
            out.extend(told(QuotaOf::Model(member.model.clone()), all));
        }
        Ok(out)
    }

    fn policy(&self, cwd: &Path) -> Result<Arc<Policy>, String> {
        let say = |e: routing::PolicyError| {
            format!("{e}. Next: correct it; `brisk route check` shows everything that is wrong with it")
        };
        let texts = Texts::read(&self.home, cwd).map_err(say)?;
        if let Some((of, policy)) = lock(&self.policies).get(cwd)
            && *of == texts
        {
            return Ok(Arc::clone(policy));
        }
        let known: Vec<&str> = self.members.iter().map(|m| m.model.0.as_str()).collect();
        let policy = Arc::new(texts.policy(&known).map_err(say)?);
        lock(&self.policies).insert(cwd.to_owned(), (texts, Arc::clone(&policy)));
        Ok(policy)
    }

    /// What a request took is known.
    fn settle(&self, lease: Lease, used: Amount, now: Now) {
        self.journal.settled(&lease, used);
        self.quotas.settle(lease, used, now);
    }

    /// The end: what quotas were used for is on disk when this returns.
    pub(crate) fn close(&self) {
        self.journal.close();
    }

    /// Leave to ask a model: its breaker lets it pass, and its quota has room under this policy.
    ///
    /// # Errors
    /// Why not, and for whom else that holds.
    pub(crate) fn admit(
        self: &Arc<Fleet>,
        model: &ModelId,
        lane: Lane,
        estimate: Amount,
        policy: &Policy,
        now: Now,
    ) -> Result<Ticket, Denied> {
        let Some(mut member) = self.members.iter().find(|m| m.model == *model).cloned() else {
            return Err(Denied {
                message: format!("there is no model {model}; see `brisk model list`"),
                reach: Reach::Model,
                frees: Frees::Never,
            });
        };
        routing::pools(std::slice::from_mut(&mut member), policy);
        let ask = Ask {
            lane,
            model: &model.0,
            pool: &member.pool,
            estimate,
        };
        let lease = self.quotas.with(|ledger: &mut Ledger| {
            // Each repository may have tightened its own bounds: they are those of whoever borrows.
            routing::limit(ledger, policy, std::slice::from_ref(&member));
            ledger.borrow(&ask, now)
        });
        let lease = lease.map_err(|short| Denied {
            message: match (short.frees, short.bound) {
                (Frees::At(_) | Frees::Ended, _) | (Frees::Never, Bound::Price) => {
                    format!("{model}: {short}")
                }
                (Frees::Never, _) => format!("{model}: {short}; {RAISE}"),
            },
            reach: match short.whose {
                Whose::Lane => Reach::Lane,
                Whose::Model | Whose::Share => Reach::Model,
                Whose::Pool => Reach::Pool,
            },
            frees: short.frees,
        })?;
        self.journal.lent(&lease, lane, &model.0);
        let mut states = lock(&self.states);
        let state = states.entry(model.clone()).or_default();
        let pass = match state.breaker.admit(now) {
            Ok(pass) => pass,
            Err(until) => {
                drop(states);
                self.settle(lease, Amount::default(), now);
                return Err(Denied {
                    message: format!("{model} failed several times"),
                    reach: Reach::Model,
                    frees: Frees::At(until),
                });
            }
        };
        state.busy += 1;
        drop(states);
        let price = brisk_router::score::price(&member, policy.model(&model.0));
        Ok(Ticket::new(Arc::clone(self), member, price, lease, pass, now))
    }
}

#[cfg(test)]
mod tests;
