//! How long a shape and a decision take and what they allocate, what racing callers get of a quota, and how the labelled
//! prompts are routed: `cargo bench -p brisk-router`, one object a line.
//!
//! Fifty models, a policy of three layers, quotas on every model; each prompt in turn. Percentiles are of single calls,
//! by nearest rank; allocations are the most of any prompt.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and one that cannot go on has none"
)]

#[path = "../tests/labelled/set.rs"]
mod set;

use brisk_domain::{Intent, Lane, ModelId, Now};
use brisk_router::decide::{Question, Wish, decide};
use brisk_router::fleet::{Member, Price};
use brisk_router::policy::{Policy, read_person, read_repository};
use brisk_router::quota::{Amount, Ask, Ledger, Limits, Quotas};
use brisk_router::scale::Trust;
use brisk_router::shape::{Given, Site, shape};
use brisk_router::speed::Speed;
use serde_json::json;
use set::{FOURTH, Prompt, SECOND, SET, THIRD, TRIAL, held_out, prompts, score};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const MODELS: u32 = 50;
const CALLS: usize = 100_000;

const PROMPTS: &[(&str, &[&str])] = &[
    ("rename total to amount", &["shop.py"]),
    ("just quickly migrate all services to the new logger", &[]),
    (
        "the grid flickers when all rows are collapsed: skip the repaint if rows is empty",
        &["src/grid.ts:paint"],
    ),
    ("make all tests pass", &[]),
    ("change == to constant-time compare", &["crypto/hmac.rs:verify"]),
    (
        "pass the logger as a parameter",
        &["svc/run.go:start", "svc/log.go"],
    ),
];

const PERSON: &str = "[lanes.fast]\nquota = { concurrent = 400, tokens_per_min = 9_000_000, reserve_percent = 20 }\n\
    [[rule]]\nwhen = { paths = [\"docs/**\", \"**/*.md\"] }\nlane = \"fast\"\n\
    [[deny]]\nwhen = { paths = [\"secret/**\"] }\nmodels = [\"m7\", \"m8\"]\n";
const REPOSITORY: &str = "[[deny]]\nwhen = { paths = [\"infra/**\", \"deploy/**\"] }\nlane = \"fast\"\n";

fn member(i: u32) -> Member {
    Member {
        quality: Some(u8::try_from(20 + i).unwrap_or(70)),
        speed: Some(Speed {
            ttft_p50_us: 100_000 + u64::from(i * 7_919 % 900_000),
            ttft_p95_us: 400_000 + u64::from(i * 104_729 % 2_000_000),
            tokens_per_s: 30 + i * 13 % 200,
        }),
        price: Some(Price {
            input: u64::from(i) * 100_000,
            output: u64::from(i) * 400_000,
        }),
        pool: format!("pool{}", i % 7),
        warm: i.is_multiple_of(11),
        ..Member::new(ModelId(format!("m{i}")), 32_768)
    }
}

fn percentiles(name: &str, reach_us: f64, mut call: impl FnMut(usize)) {
    for i in 0..CALLS / 10 {
        call(i);
    }
    let mut times: Vec<u128> = (0..CALLS)
        .map(|i| {
            let start = Instant::now();
            call(i);
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| {
        times
            .get((CALLS * percent).div_ceil(100) - 1)
            .copied()
            .unwrap_or(0) as f64
            / 1e3
    };
    let most = (0..PROMPTS.len())
        .map(|i| allocation_counter::measure(|| call(i)).count_total)
        .max();
    say(&format!("{name}, p50"), at(50), "us", None);
    say(&format!("{name}, p99"), at(99), "us", Some(("at_most", reach_us)));
    let most = most.unwrap_or(0) as f64;
    say(
        &format!("{name}, allocations"),
        most,
        "count",
        Some(("at_most", MOST_ALLOCATIONS)),
    );
}

/// Allocations of one call that are no storm.
const MOST_ALLOCATIONS: f64 = 64.0;

fn say(label: &str, value: f64, unit: &str, reach: Option<(&str, f64)>) {
    let reach = reach.map(|(how, bound)| json!({ how: bound }));
    println!(
        "{}",
        json!({"label": label, "value": value, "unit": unit, "reach": reach})
    );
}

/// Sixty-four callers race for one model's quota, each bound in turn; what they got beyond it.
fn race() {
    const CALLERS: usize = 64;
    const ROUNDS: u64 = 2_000;
    let unbounded = Limits::default();
    let cases = [
        Limits {
            concurrent: Some(7),
            ..unbounded
        },
        Limits {
            requests: Some(10_000),
            ..unbounded
        },
        Limits {
            tokens: Some(500_000),
            ..unbounded
        },
        Limits {
            money: Some(500_000),
            ..unbounded
        },
    ];
    let (mut beyond, mut granted) = (0, 0);
    for limits in cases {
        let mut ledger = Ledger::default();
        ledger.limit_model("m", limits);
        let quotas = Quotas::new(ledger);
        let (running, worst) = (AtomicU64::new(0), AtomicU64::new(0));
        let (requests, tokens) = (AtomicU64::new(0), AtomicU64::new(0));
        let start = Barrier::new(CALLERS);
        std::thread::scope(|scope| {
            for caller in 0..CALLERS as u64 {
                let (quotas, start) = (&quotas, &start);
                let (running, worst, requests, tokens) = (&running, &worst, &requests, &tokens);
                scope.spawn(move || {
                    start.wait();
                    for round in 0..ROUNDS {
                        let n = 1 + (caller * 31 + round * 17) % 90;
                        let estimate = Amount {
                            tokens: n,
                            money: Some(n),
                        };
                        let ask = Ask {
                            lane: Lane::Fast,
                            model: "m",
                            pool: "p",
                            estimate,
                        };
                        let Ok(lease) = quotas.borrow(&ask, Now(1)) else {
                            continue;
                        };
                        worst.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        requests.fetch_add(1, Ordering::SeqCst);
                        tokens.fetch_add(n, Ordering::SeqCst);
                        std::thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        quotas.settle(lease, estimate, Now(1));
                    }
                });
            }
        });
        let over = |used: u64, bound: Option<u64>| bound.map_or(0, |bound| used.saturating_sub(bound));
        let tokens = tokens.into_inner();
        granted += requests.load(Ordering::SeqCst);
        beyond += over(worst.into_inner(), limits.concurrent)
            + over(requests.into_inner(), limits.requests)
            + over(tokens, limits.tokens)
            + over(tokens, limits.money);
    }
    say(
        "admitted beyond a bound, 64 racing callers",
        beyond as f64,
        "count",
        Some(("at_most", 0.0)),
    );
    say("admitted within it", granted as f64, "count", None);
}

/// The labelled prompts, those that rules were tuned on and those that were held out apart.
fn labelled() {
    let (out, tuned): (Vec<Prompt>, Vec<Prompt>) = prompts(SET).into_iter().partition(|p| held_out(&p.text));
    let sets = [
        ("labelled, held-out third", out),
        ("labelled, tuned two thirds", tuned),
        ("labelled, second set, tuned", prompts(SECOND)),
        ("labelled, third set, tuned", prompts(THIRD)),
        ("labelled, fourth set, tuned", prompts(FOURTH)),
        ("labelled, trial set, tuned", prompts(TRIAL)),
    ];
    for (name, prompts) in sets {
        let score = score(&prompts, false);
        let share = 100.0 * score.right as f64 / score.all as f64;
        say(
            &format!("{name} (n = {}), as labelled", score.all),
            share,
            "%",
            Some(("at_least", 95.0)),
        );
        let unsafe_ = score.unsafe_ as f64;
        say(
            &format!("{name}, risky ones in the fast lane"),
            unsafe_,
            "count",
            Some(("at_most", 0.0)),
        );
    }
}

fn main() {
    let base = Policy::built_in().with(&read_person(PERSON).0);
    let (less, _) = read_repository(REPOSITORY, &base);
    let policy = base.tighten(&less);
    let fleet: Vec<Member> = (0..MODELS).map(member).collect();
    let mut ledger = Ledger::default();
    for lane in [Lane::Fast, Lane::Slow] {
        ledger.limit_lane(lane, policy.lane(lane).limits);
    }
    for m in &fleet {
        let limits = Limits {
            tokens: Some(1_000_000),
            requests: Some(10_000),
            money: Some(5_000_000),
            ..Limits::default()
        };
        ledger.limit_model(&m.model.0, limits);
    }
    let given = |targets: &[&str]| Given {
        sites: targets.iter().map(|t| Site::parse(t)).collect(),
        interactive: Some(true),
        context_tokens: Some(3_000),
        trust: Some(Trust::Known),
        ..Given::only(Intent::Edit)
    };
    let prompts: Vec<_> = PROMPTS
        .iter()
        .map(|(text, targets)| (*text, given(targets)))
        .collect();
    percentiles("shape of a prompt", 50.0, |i| {
        let (text, given) = &prompts[i % prompts.len()];
        black_box(shape(text, given));
    });
    let shapes: Vec<_> = prompts.iter().map(|(text, given)| shape(text, given)).collect();
    percentiles("decision among 50 models", 50.0, |i| {
        let question = Question {
            shape: &shapes[i % shapes.len()],
            wish: Wish::default(),
            fleet: &fleet,
            policy: &policy,
            ledger: &ledger,
            now: Now(1_000),
        };
        let _ = black_box(decide(&question).is_ok());
    });
    race();
    labelled();
}
