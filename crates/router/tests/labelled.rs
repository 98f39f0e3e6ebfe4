//! A labelled set of prompts. A third of it, chosen by a hash of the text, is held out: rules are tuned on the rest, whose
//! mistakes the test names; of the held-out third it tells only the numbers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and the numbers are what it is for"
)]

use brisk_domain::{Intent, Lane, ModelId, Now};
use brisk_router::decide::{Question, Wish, decide};
use brisk_router::fleet::Member;
use brisk_router::policy::Policy;
use brisk_router::quota::Ledger;
use brisk_router::scale::{Trust, lane_named};
use brisk_router::shape::{Given, Site, shape};

const SET: &str = include_str!("data/prompts.jsonl");
/// Written when the rules for the first set were done, and then tuned on.
const SECOND: &str = include_str!("data/second.jsonl");
/// Written when the rules for both were done, and then tuned on too.
const THIRD: &str = include_str!("data/third.jsonl");

struct Prompt {
    text: String,
    given: Given,
    lane: Lane,
    /// In the fast lane it would do harm.
    risk: bool,
}

fn prompts(set: &str) -> Vec<Prompt> {
    set.lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let sites = value["targets"].as_array().into_iter().flatten();
            let ask = value["ask"].as_bool() == Some(true);
            Prompt {
                text: value["text"].as_str().unwrap().to_owned(),
                given: Given {
                    sites: sites.map(|t| Site::parse(t.as_str().unwrap())).collect(),
                    interactive: Some(true),
                    context_tokens: Some(1_000),
                    trust: Some(Trust::Known),
                    ..Given::only(if ask { Intent::Ask } else { Intent::Edit })
                },
                lane: lane_named(value["lane"].as_str().unwrap()).unwrap(),
                risk: value["risk"].as_bool() == Some(true),
            }
        })
        .collect()
}

/// FNV-1a, so that the split stays the same for ever.
fn held_out(text: &str) -> bool {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    hash % 3 == 0
}

#[derive(Debug, Default)]
struct Score {
    all: usize,
    right: usize,
    /// Labelled slow, routed fast.
    too_fast: usize,
    /// Of these, with a risk.
    unsafe_: usize,
}

fn score(prompts: &[Prompt], tell: bool) -> Score {
    let policy = Policy::built_in();
    let fleet = [Member::new(ModelId("m".into()), 32_768)];
    let ledger = Ledger::default();
    let mut out = Score::default();
    for prompt in prompts {
        let shape = shape(&prompt.text, &prompt.given);
        let question = Question {
            shape: &shape,
            wish: Wish::default(),
            fleet: &fleet,
            policy: &policy,
            ledger: &ledger,
            now: Now(0),
        };
        let lane = decide(&question).map_or_else(|refused| refused.lane, |decision| decision.lane);
        out.all += 1;
        out.right += usize::from(lane == prompt.lane);
        let too_fast = lane == Lane::Fast && prompt.lane == Lane::Slow;
        out.too_fast += usize::from(too_fast);
        out.unsafe_ += usize::from(too_fast && prompt.risk);
        if tell && lane != prompt.lane {
            println!(
                "{:?} instead of {:?}: {:?}\n  {shape:?}",
                lane, prompt.lane, prompt.text
            );
        }
    }
    out
}

fn check(prompts: &[Prompt], tell: bool) {
    let score = score(prompts, tell);
    println!("{score:?}");
    assert!(score.right * 100 >= score.all * 95, "{score:?}");
    assert_eq!(score.unsafe_, 0, "{score:?}");
}

#[test]
fn the_set_is_large_and_split_in_thirds() {
    let all = prompts(SET);
    assert!(all.len() >= 120);
    let out = all.iter().filter(|p| held_out(&p.text)).count();
    assert!(
        (all.len() / 4..all.len() * 5 / 12).contains(&out),
        "{out} of {}",
        all.len()
    );
    for lane in [Lane::Fast, Lane::Slow] {
        assert!(all.iter().filter(|p| p.lane == lane).count() >= 50);
    }
}

#[test]
fn tuning_two_thirds() {
    let (_, tuning): (Vec<_>, Vec<_>) = prompts(SET).into_iter().partition(|p| held_out(&p.text));
    check(&tuning, true);
}

#[test]
fn second_set() {
    check(&prompts(SECOND), true);
}

#[test]
fn third_set() {
    check(&prompts(THIRD), true);
}

#[test]
fn held_out_third() {
    let (out, _): (Vec<_>, Vec<_>) = prompts(SET).into_iter().partition(|p| held_out(&p.text));
    check(&out, false);
}
