//! What a job takes while it runs, against its budget: over all of its attempts, and while answers stream.

use super::{Held, Jobs, lock, note};
use crate::daemon::fleet::Ticket;
use brisk_domain::job::AttemptId;
use brisk_domain::spending::{Budget, Spent};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub(super) struct Purse {
    budget: Budget,
    taken: Mutex<Taken>,
}

struct Taken {
    /// By requests that are over.
    done: Spent,
    /// By the request that each attempt waits for, as far as one can tell.
    now: BTreeMap<u32, Spent>,
}

impl Purse {
    /// `done`: what the job took before.
    pub(super) fn new(budget: Budget, done: Spent) -> Purse {
        let now = BTreeMap::new();
        Purse {
            budget,
            taken: Mutex::new(Taken { done, now }),
        }
    }

    /// The job took this much before, and not what was known when the purse was made. Before any attempt begins.
    pub(super) fn opens_with(&self, done: Spent) {
        lock(&self.taken).done = done;
    }

    /// What an attempt's request took so far. Gives why it must end, for people, if it must.
    pub(super) fn takes(&self, attempt: u32, so_far: Spent) -> Option<String> {
        let mut taken = lock(&self.taken);
        taken.now.insert(attempt, so_far);
        taken.used_up(&self.budget)
    }

    /// An attempt's request is over.
    pub(super) fn took(&self, attempt: u32, all: Spent) {
        let mut taken = lock(&self.taken);
        taken.now.remove(&attempt);
        taken.done = taken.done.and(all);
    }

    /// Why nothing more may be asked for, for people.
    pub(super) fn used_up(&self) -> Option<String> {
        lock(&self.taken).used_up(&self.budget)
    }
}

impl Taken {
    fn used_up(&self, budget: &Budget) -> Option<String> {
        let all = self.now.values().fold(self.done, |all, one| all.and(*one));
        budget.used_up(all)
    }
}

/// What one request takes. It is on the job's account before its answer becomes a step: a request that is made again
/// costs again.
pub(super) struct Bill<'a> {
    pub(super) jobs: &'a Arc<Jobs>,
    pub(super) held: &'a Arc<Held>,
    pub(super) id: AttemptId,
    pub(super) ticket: Ticket,
}

impl Bill<'_> {
    /// More of the answer came. Gives why it must end, for people, if it must.
    pub(super) fn grows(&self) -> Option<String> {
        self.held.purse.takes(self.id.number, self.ticket.spent())
    }
}

impl Drop for Bill<'_> {
    fn drop(&mut self) {
        let spent = self.ticket.spent();
        self.held.purse.took(self.id.number, spent);
        if self.held.purse.used_up().is_some() {
            self.held.tell_others();
        }
        if spent != Spent::default()
            && let Err(e) = self.jobs.store().charge(self.id, spent)
        {
            note(&format!("{}: what it took was not noted: {e}", self.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_streams_counts_for_all_attempts_and_only_once() {
        let tokens = |tokens| Spent { tokens, micros: 0 };
        let budget = Budget {
            tokens: Some(100),
            micros: None,
        };
        let purse = Purse::new(budget, tokens(40));
        assert_eq!(purse.takes(1, tokens(20)), None);
        assert_eq!(
            purse.takes(1, tokens(30)),
            None,
            "not on top of what it was before"
        );
        assert!(purse.takes(2, tokens(30)).is_some());
        purse.took(2, tokens(25));
        assert_eq!(purse.used_up(), None, "the server counted less");
        purse.took(1, tokens(35));
        assert!(purse.used_up().is_some_and(|why| why.contains("100 tokens")));
    }
}
