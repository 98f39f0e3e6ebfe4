//! How many threads the next step gets: all on a quiet machine, one beside a busy compiler.
//!
//! The threads of a step wait for each other after every operation, so that one thread without a core holds up all.
//! Measured with two cores and a load of three to five: two threads decode 3.3-3.8 tokens a second, one thread
//! 5.2-6.8. A step that takes much longer than such steps once took says that the machine is busy; then the better
//! of both is used, and the other is tried now and then.

/// A step this much slower than the best that was seen is held up by others.
const BUSY: f64 = 1.7;
/// While busy, each so many steps the other choice is tried.
const TRY_EVERY: u32 = 12;
/// Weight of a new observation.
const FRESH: f64 = 0.3;
/// The best that was seen fades, so that a lucky moment does not count for ever.
const FADE: f64 = 1.0005;

/// The choice between all threads and one.
pub(crate) struct Threads {
    all: usize,
    /// Time of a step over what it should cost, for all threads and for one.
    seen: [Option<f64>; 2],
    best: f64,
    steps: u32,
}

impl Threads {
    pub(crate) fn new(all: usize) -> Self {
        Self {
            all: all.max(1),
            seen: [None; 2],
            best: f64::INFINITY,
            steps: 0,
        }
    }

    /// Threads for a long step: several cores are worth it there even when shared.
    pub(crate) fn all(&self) -> usize {
        self.all
    }

    /// Threads for the next short step.
    pub(crate) fn next(&mut self) -> usize {
        self.steps = self.steps.wrapping_add(1);
        let Some(all) = self.seen[0] else { return self.all };
        if self.all == 1 || all <= BUSY * self.best {
            return self.all;
        }
        let one_is_better = self.seen[1].is_none_or(|one| one < all);
        let tries = self.steps.is_multiple_of(TRY_EVERY);
        if one_is_better != tries { 1 } else { self.all }
    }

    /// A short step with so many threads took `cost`: its time over what a step of its size costs beside others.
    pub(crate) fn took(&mut self, threads: usize, cost: f64) {
        let seen = &mut self.seen[usize::from(threads != self.all)];
        *seen = Some(seen.map_or(cost, |seen| seen + FRESH * (cost - seen)));
        if threads == self.all {
            self.best = (self.best * FADE).min(cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs steps whose cost depends on the threads; gives how many of the last 60 used one thread.
    fn run(threads: &mut Threads, all: f64, one: f64) -> usize {
        (0..120)
            .map(|_| {
                let count = threads.next();
                threads.took(count, if count == 1 { one } else { all });
                count
            })
            .skip(60)
            .filter(|&count| count == 1)
            .count()
    }

    #[test]
    fn one_thread_while_others_work_and_only_then() {
        let mut threads = Threads::new(2);
        assert_eq!(run(&mut threads, 1.0, 1.8), 0, "quiet");
        assert!(run(&mut threads, 4.0, 2.0) > 50, "busy, one is better");
        assert!(run(&mut threads, 3.0, 5.0) < 10, "busy, but all are better");
        assert_eq!(run(&mut threads, 1.0, 1.8), 0, "quiet again");
    }

    #[test]
    fn one_core_has_no_choice() {
        let mut threads = Threads::new(1);
        assert_eq!(run(&mut threads, 9.0, 9.0), 60);
    }
}
