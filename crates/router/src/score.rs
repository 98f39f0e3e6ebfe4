//! The score of a model for a task, in millipoints; more is better.
//!
//! ```text
//! score =  quality weight x quality (0-100) x (fast: 1, slow: 3)
//!        - latency weight x seconds of waiting x (instant 3, normal 1, relaxed 0.1)
//!        - cost weight    x cents
//!        + cache weight, where the prefix is warm
//!        - load weight    x taken slots / slots, at most twice
//!        - order weight   x place in the person's order
//! ```
//!
//! Waiting is the time to first token (p95 where the person watches, p50 where they do not, else between the two) and
//! the expected answer at the model's own rate. What nobody measured or said is assumed: [`crate::speed::PRIOR`], [`PRICE_PRIOR`],
//! [`QUALITY_PRIOR`]. All of it is whole numbers, so that the same facts give the same order everywhere.

use crate::fleet::{Member, Price};
use crate::policy::{ModelPolicy, Weights};
use crate::scale::Latency;
use crate::speed::PRIOR;
use brisk_domain::Lane;
use serde::Serialize;

/// Assumed where no price is known: that of a large remote model, micro-dollars per million tokens.
pub const PRICE_PRIOR: Price = Price {
    input: 3_000_000,
    output: 15_000_000,
};

/// Assumed where nobody said how good a model is.
pub const QUALITY_PRIOR: u8 = 40;

/// What a task takes of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Tokens read.
    pub input: u32,
    /// Tokens written.
    pub output: u32,
}

/// A score and its parts, millipoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Score {
    /// The sum.
    pub total: i64,
    /// How good it is.
    pub quality: i64,
    /// How long it takes.
    pub latency: i64,
    /// What it costs.
    pub cost: i64,
    /// What it need not read again.
    pub cache: i64,
    /// How busy it is.
    pub load: i64,
    /// Where the person put it.
    pub order: i64,
}

/// A price in micro-dollars.
pub fn money(price: Price, size: Size) -> u64 {
    let part = |price: u64, tokens: u32| u128::from(price) * u128::from(tokens);
    let sum = part(price.input, size.input) + part(price.output, size.output);
    u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// The price that holds: the person's word, else what is known.
pub fn price(member: &Member, policy: &ModelPolicy) -> Option<Price> {
    match (policy.input_price, policy.output_price, member.price) {
        (Some(input), Some(output), _) => Some(Price { input, output }),
        (input, output, Some(known)) => Some(Price {
            input: input.unwrap_or(known.input),
            output: output.unwrap_or(known.output),
        }),
        (_, _, None) => None,
    }
}

/// Scores one model. `place`: in the person's order, from 0.
pub fn score(
    member: &Member,
    policy: &ModelPolicy,
    weights: &Weights,
    lane: Lane,
    latency: Latency,
    size: Size,
    place: usize,
) -> Score {
    let weigh = |weight: u32, amount: u64, per: u64| {
        let value = u128::from(weight) * u128::from(amount) / u128::from(per.max(1));
        // Far beyond any sum that means something, and small enough that sums stay within an i64.
        i64::try_from(value).unwrap_or(i64::MAX).min(i64::MAX / 16)
    };
    let quality = policy.quality.or(member.quality).unwrap_or(QUALITY_PRIOR);
    let hard = match lane {
        Lane::Fast => 1,
        Lane::Slow => 3,
    };
    let speed = member.speed.unwrap_or(PRIOR);
    let (ttft, tenths) = match latency {
        Latency::Instant => (speed.ttft_p95_us, 30),
        Latency::Normal => (speed.ttft_p50_us.midpoint(speed.ttft_p95_us), 10),
        Latency::Relaxed => (speed.ttft_p50_us, 1),
    };
    let writing = u64::from(size.output) * 1_000_000 / u64::from(speed.tokens_per_s.max(1));
    let waiting = ttft.saturating_add(writing);
    let dollars = money(price(member, policy).unwrap_or(PRICE_PRIOR), size);
    let taken = u64::from(member.busy.min(member.slots.saturating_mul(2)));
    let place = u64::try_from(place).unwrap_or(u64::MAX);
    let mut score = Score {
        total: 0,
        quality: weigh(weights.quality, u64::from(quality) * hard, 1),
        latency: -weigh(weights.latency, waiting.saturating_mul(tenths), 10_000_000),
        cost: -weigh(weights.cost, dollars, 10_000),
        cache: if member.warm { i64::from(weights.cache) } else { 0 },
        load: -weigh(weights.load, taken, u64::from(member.slots)),
        order: -weigh(weights.order, place, 1),
    };
    score.total = score.quality + score.latency + score.cost + score.cache + score.load + score.order;
    score
}
