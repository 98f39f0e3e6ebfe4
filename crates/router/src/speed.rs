//! How fast a model is on this machine, from its last answers.

use serde::Serialize;

/// Answers that are remembered.
const KEPT: usize = 64;
/// Answers below which a percentile says little and the prior is used.
pub const ENOUGH: usize = 8;

/// Figures of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Speed {
    /// Time to first token, the middle one, microseconds.
    pub ttft_p50_us: u64,
    /// Time to first token, beyond which one of twenty lies, microseconds.
    pub ttft_p95_us: u64,
    /// Tokens a second, the middle one; at least 1.
    pub tokens_per_s: u32,
}

/// What is assumed of a model that nobody measured: not bad enough to be never tried.
pub const PRIOR: Speed = Speed {
    ttft_p50_us: 1_000_000,
    ttft_p95_us: 2_500_000,
    tokens_per_s: 40,
};

/// The last answers of one model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Track {
    /// Time to first token, and tokens a second where they are known.
    last: Vec<(u64, Option<u32>)>,
    next: usize,
}

impl Track {
    /// Counts an answer: time to first token, then so many tokens in so many microseconds. An answer of fewer than two
    /// tokens has no rate and is not counted.
    pub fn record(&mut self, ttft_us: u64, tokens: u64, after_us: u64) {
        if tokens < 2 {
            return;
        }
        let rate = (tokens - 1).saturating_mul(1_000_000) / after_us.max(1);
        self.push((ttft_us, Some(u32::try_from(rate).unwrap_or(u32::MAX).max(1))));
    }

    /// Counts an answer that was given up before its first token, after so many microseconds. Without these a race that
    /// is lost again and again would make a model look faster than it is.
    pub fn record_late(&mut self, silent_us: u64) {
        self.push((silent_us, None));
    }

    fn push(&mut self, sample: (u64, Option<u32>)) {
        match self.last.get_mut(self.next) {
            Some(slot) => *slot = sample,
            None => self.last.push(sample),
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// Percentiles by nearest rank; `None` until there are enough.
    pub fn speed(&self) -> Option<Speed> {
        if self.last.len() < ENOUGH {
            return None;
        }
        let mut ttft: Vec<u64> = self.last.iter().map(|(t, _)| *t).collect();
        let mut rates: Vec<u32> = self.last.iter().filter_map(|(_, r)| *r).collect();
        ttft.sort_unstable();
        rates.sort_unstable();
        Some(Speed {
            ttft_p50_us: rank(&ttft, 50)?,
            ttft_p95_us: rank(&ttft, 95)?,
            tokens_per_s: rank(&rates, 50)?,
        })
    }
}

fn rank<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}
