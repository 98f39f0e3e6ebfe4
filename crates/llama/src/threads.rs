//! How many threads the next step gets: all on a quiet machine, one beside a busy compiler.
//!
//! The threads of a step wait for each other after every operation, so that one thread without a core holds up all.
//! Measured with two cores and a load of three to five: two threads decode 3.3-3.8 tokens a second, one thread
//! 5.2-6.8. So both are tried, the faster one is kept, and the other is tried again now and then: often while one
//! thread is in use, because the work beside it ends some time; else seldom, because a try costs almost a step.

/// Each so many steps with one thread, all are tried.
const TRY_ALL: u32 = 12;
/// Each so many steps with all threads, one is tried.
const TRY_ONE: u32 = 200;
/// The first step that tries one thread: the ones before it are slow from loading.
const FIRST_TRY: u32 = 4;
/// Weight of a new observation.
const FRESH: f64 = 0.3;

/// The choice between all threads and one.
pub(crate) struct Threads {
    all: usize,
    /// Time of a step over what it should cost, for all threads and for one.
    seen: [Option<f64>; 2],
    steps: u32,
}

impl Threads {
    pub(crate) fn new(all: usize) -> Self {
        Self {
            all: all.max(1),
            seen: [None; 2],
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
        if self.all == 1 {
            return 1;
        }
        match self.seen {
            [Some(all), Some(one)] if one < all && !self.steps.is_multiple_of(TRY_ALL) => 1,
            [Some(all), Some(one)] if one < all => self.all,
            [Some(_), Some(_)] if !self.steps.is_multiple_of(TRY_ONE) => self.all,
            [_, None] if self.steps < FIRST_TRY => self.all,
            _ => 1,
        }
    }

    /// A short step with so many threads took `cost`: its time over what a step of its size costs beside others.
    pub(crate) fn took(&mut self, threads: usize, cost: f64) {
        let seen = &mut self.seen[usize::from(threads != self.all)];
        *seen = Some(seen.map_or(cost, |seen| seen + FRESH * (cost - seen)));
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
        assert!(run(&mut threads, 1.0, 1.8) <= 1, "quiet");
        assert!(run(&mut threads, 4.0, 2.0) > 50, "busy, one is better");
        assert!(run(&mut threads, 3.0, 5.0) < 10, "busy, but all are better");
        assert!(run(&mut threads, 1.0, 1.8) <= 1, "quiet again");
        assert!(run(&mut Threads::new(2), 4.0, 2.0) > 50, "busy from the start");
    }

    #[test]
    fn one_core_has_no_choice() {
        let mut threads = Threads::new(1);
        assert_eq!(run(&mut threads, 9.0, 9.0), 60);
    }
}
