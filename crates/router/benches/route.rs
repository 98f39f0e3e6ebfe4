//! How long a shape and a decision take, and what they allocate: `cargo bench -p brisk-router`.
//!
//! Fifty models, a policy of three layers, quotas on every model; each prompt in turn. Percentiles are of single calls,
//! by nearest rank; allocations are the most of any prompt.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use brisk_domain::{Intent, Lane, ModelId, Now};
use brisk_router::decide::{Question, Wish, decide};
use brisk_router::fleet::{Member, Price};
use brisk_router::policy::{Policy, read_person, read_repository};
use brisk_router::quota::{Ledger, Limits};
use brisk_router::scale::Trust;
use brisk_router::shape::{Given, Site, shape};
use brisk_router::speed::Speed;
use std::hint::black_box;
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

fn percentiles(name: &str, mut call: impl FnMut(usize)) {
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
    println!(
        "{name:<10} p50 {:>6.1} us  p99 {:>6.1} us  max {:>8.1} us  allocations {}",
        at(50),
        at(99),
        at(100),
        most.unwrap_or(0)
    );
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
    percentiles("shape", |i| {
        let (text, given) = &prompts[i % prompts.len()];
        black_box(shape(text, given));
    });
    let shapes: Vec<_> = prompts.iter().map(|(text, given)| shape(text, given)).collect();
    percentiles("decision", |i| {
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
}
