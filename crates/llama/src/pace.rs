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
const COSTS_AS_IN_FILE: [f64; SIZES.len()] = [1.0, 2.8, 4.2, 6.5, 6.6, 6.7, 8.3, 8.9, 11.8, 13.5];
/// How often the first token of a guess holds, before anything was seen; in the order of [`Kind`]. As in 600 small hunks
/// of four repositories, cut into tokens of Qwen2.5.
const FIRST: [f64; KINDS] = [0.97, 0.75, 0.45, 0.1, 0.7, 0.5, 0.65, 0.92];
/// How often each further token of a draft holds.
const FURTHER: f64 = 0.975;
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

/// Tokens that are expected, and what they cost in steps of one token.
#[derive(Default)]
struct Stretch {
    tokens: f64,
    cost: f64,
}

impl Stretch {
    fn rate(&self) -> f64 {
        self.tokens / self.cost
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

    /// The number of draft tokens that gives most tokens per time for a guess of this kind; 0 where a step of one token
    /// comes first.
    ///
    /// One step is not looked at alone: where all of its draft holds, the answer follows the old text and the next draft is
    /// long. So a doubtful guess is tried by the one token that is due anyway, and a wrong one costs nothing.
    pub(crate) fn draft_tokens(&self, kind: Kind) -> usize {
        let sizes = || 0..SIZES.len();
        let faster = |a: &Stretch, b: &Stretch| a.rate().total_cmp(&b.rate());
        let follows = self.first[Kind::Following as usize].share();
        let next = sizes()
            .map(|index| self.step(follows, index).0)
            .max_by(faster)
            .unwrap_or_default();
        let first = self.first[kind as usize].share();
        let with_next = |index: usize| {
            let (step, all) = self.step(first, index);
            Stretch {
                tokens: step.tokens + all * next.tokens,
                cost: step.cost + all * next.cost,
            }
        };
        let best = sizes().max_by(|&a, &b| faster(&with_next(a), &with_next(b)));
        SIZES[best.unwrap_or(0)] - 1
    }

    /// What a step of the size at `index` gives and costs where the first token of a guess holds so often, and how often all
    /// of its draft does; without a draft, how often the guess would have held.
    fn step(&self, first: f64, index: usize) -> (Stretch, f64) {
        let further = self.further.share();
        let drafts = i32::try_from(SIZES[index] - 1).unwrap_or(0);
        let held = first * (1.0 - further.powi(drafts)) / (1.0 - further);
        let step = Stretch {
            tokens: 1.0 + held,
            cost: self.costs[index],
        };
        (step, first * further.powi((drafts - 1).max(0)))
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

    /// The next token was as a guess of this kind had it, or not.
    pub(crate) fn guessed(&mut self, kind: Kind, held: bool) {
        self.first[kind as usize].add(f64::from(u8::from(held)), 1.0);
    }

    /// A draft of this kind was checked.
    pub(crate) fn judged(&mut self, kind: Kind, drafted: usize, accepted: usize) {
        if drafted == 0 {
            return;
        }
        self.guessed(kind, accepted > 0);
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
            pace.judged(Kind::LineStart, 7, 0);
        }
        assert_eq!(pace.draft_tokens(Kind::LineStart), 0);
        for _ in 0..50 {
            pace.judged(Kind::Following, 31, 31);
        }
        assert!(pace.draft_tokens(Kind::Following) >= 31);
    }

    #[test]
    fn a_doubtful_guess_is_tried_by_one_token_first() {
        let mut pace = Pace::new(false);
        assert!(pace.draft_tokens(Kind::Following) >= 31);
        assert_eq!(
            pace.draft_tokens(Kind::NextLine),
            0,
            "a wide step costs nine of one"
        );
        for _ in 0..50 {
            pace.guessed(Kind::NextLine, true);
        }
        assert!(
            pace.draft_tokens(Kind::NextLine) >= 31,
            "what held without a draft"
        );
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
