//! How much to draft: the length with the best expected rate, from what steps cost and how often guesses hold.
//!
//! Both are learned while working: steps of 4, 8, 16 or 32 tokens cost differently on each CPU, and a person who
//! renames things gives other odds than one who writes new code. Nothing here touches the answer's text.

use crate::draft::{KINDS, Kind};
use std::time::Duration;

/// Step sizes that are considered: the token that is due and its draft. Kernels work in blocks of these sizes, one
/// more token would cost a whole block.
const SIZES: [usize; 10] = [1, 4, 7, 8, 12, 16, 24, 32, 48, 64];
/// What such a step costs beside a step of one token, before anything was measured: with repacked weights, and with
/// those as in the file, which are unpacked for each step of 8 tokens or more.
const COSTS: [f64; SIZES.len()] = [1.0, 1.7, 2.6, 2.5, 2.8, 3.1, 4.3, 5.1, 8.0, 9.5];
const COSTS_AS_IN_FILE: [f64; SIZES.len()] = [1.0, 2.8, 4.2, 6.4, 6.6, 6.9, 8.8, 9.3, 11.8, 15.0];
/// How often the first token of a guess holds, before anything was seen; in the order of [`Kind`].
const FIRST: [f64; KINDS] = [0.97, 0.9, 0.55, 0.3, 0.5, 0.6, 0.35];
/// How often each further token holds.
const FURTHER: f64 = 0.96;
/// Observations that such an expectation is worth.
const PRIOR: f64 = 12.0;
/// Weight of a new observation of a cost.
const FRESH: f64 = 0.1;

/// A share of successes.
#[derive(Clone, Copy)]
struct Odds {
    hits: f64,
    tries: f64,
}

impl Odds {
    fn prior(share: f64) -> Self {
        Self {
            hits: share * PRIOR,
            tries: PRIOR,
        }
    }

    fn share(self) -> f64 {
        // Nothing is ever certain: an endless draft would look free.
        (self.hits / self.tries).min(0.998)
    }

    /// Old observations fade, so that the odds follow the work.
    fn add(&mut self, hits: f64, tries: f64) {
        let fade = (8.0 * PRIOR / (self.tries + tries)).min(1.0);
        self.hits = (self.hits + hits) * fade;
        self.tries = (self.tries + tries) * fade;
    }
}

/// What was learned about this machine and this work.
pub(crate) struct Pace {
    /// Microseconds of a step of one token, as all steps together say.
    unit: Option<f64>,
    prior: [f64; SIZES.len()],
    costs: [f64; SIZES.len()],
    /// Steps of each size that were seen.
    seen: [u32; SIZES.len()],
    first: [Odds; KINDS],
    further: Odds,
}

impl Pace {
    pub(crate) fn new(repacked: bool) -> Self {
        let prior = if repacked { COSTS } else { COSTS_AS_IN_FILE };
        Self {
            unit: None,
            prior,
            costs: prior,
            seen: [0; SIZES.len()],
            first: FIRST.map(Odds::prior),
            further: Odds::prior(FURTHER),
        }
    }

    /// The number of draft tokens that gives most tokens per time for a guess of this kind; 0 when plain decoding
    /// is faster.
    pub(crate) fn draft_tokens(&self, kind: Kind) -> usize {
        let (first, further) = (self.first[kind as usize].share(), self.further.share());
        let rate = |index: usize| {
            let drafts = i32::try_from(SIZES[index] - 1).unwrap_or(0);
            let expected = first * (1.0 - further.powi(drafts)) / (1.0 - further).max(1e-6);
            (1.0 + expected) / self.costs[index]
        };
        let best = (0..SIZES.len())
            .max_by(|&a, &b| rate(a).total_cmp(&rate(b)))
            .unwrap_or(0);
        SIZES[best] - 1
    }

    /// What a step over `tokens` tokens costs beside a step of one.
    pub(crate) fn cost(&self, tokens: usize) -> f64 {
        let index = SIZES
            .iter()
            .position(|&size| size >= tokens)
            .unwrap_or(SIZES.len() - 1);
        self.costs[index]
    }

    /// A step over `tokens` tokens took so long.
    pub(crate) fn took(&mut self, tokens: usize, time: Duration) {
        let micros = time.as_secs_f64() * 1e6;
        let Some(index) = SIZES.iter().position(|&size| size >= tokens) else {
            return;
        };
        let unit = self.unit.get_or_insert(micros / self.costs[index]);
        let seen = micros / *unit;
        *unit += FRESH * (micros / self.costs[index] - *unit);
        // A step that another program held up says nothing about its size.
        if index > 0 && SIZES[index] == tokens && seen < 3.0 * self.costs[index] {
            // What was expected counts like one observation: another machine's figure.
            let weight = (1.0 / f64::from(self.seen[index] + 2)).max(FRESH);
            self.seen[index] = self.seen[index].saturating_add(1);
            let cost = self.costs[index] + weight * (seen - self.costs[index]);
            self.costs[index] = cost.clamp(self.prior[index] * 0.3, self.prior[index] * 2.5);
        }
    }

    /// A draft of this kind was checked.
    pub(crate) fn judged(&mut self, kind: Kind, drafted: usize, accepted: usize) {
        if drafted == 0 {
            return;
        }
        self.first[kind as usize].add(f64::from(u8::from(accepted > 0)), 1.0);
        if accepted > 0 {
            let held = (accepted - 1) as f64;
            self.further
                .add(held, held + f64::from(u8::from(accepted < drafted)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sure_guesses_draft_long_and_lost_ones_not_at_all() {
        let mut pace = Pace::new(true);
        assert!(pace.draft_tokens(Kind::Following) >= 15);
        for _ in 0..50 {
            pace.judged(Kind::Hunch, 7, 0);
        }
        assert_eq!(pace.draft_tokens(Kind::Hunch), 0);
        for _ in 0..50 {
            pace.judged(Kind::Following, 31, 31);
        }
        assert!(pace.draft_tokens(Kind::Following) >= 31);
    }

    #[test]
    fn cheap_wide_steps_are_used() {
        let mut wide = Pace::new(true);
        let mut narrow = Pace::new(true);
        for _ in 0..100 {
            for &size in &SIZES {
                // As on an accelerator, and as on one slow core.
                wide.took(size, Duration::from_millis(20));
                narrow.took(size, Duration::from_millis(20 * size as u64));
            }
        }
        assert!(wide.draft_tokens(Kind::Following) > narrow.draft_tokens(Kind::Following));
    }
}
