//! The labelled prompts, and how the built-in policy routes them. Beside the test, the bench counts by it.

use brisk_domain::{Intent, Lane, ModelId, Now};
use brisk_router::decide::{Question, Wish, decide};
use brisk_router::fleet::Member;
use brisk_router::policy::Policy;
use brisk_router::quota::Ledger;
use brisk_router::scale::{Trust, lane_named};
use brisk_router::shape::{Given, Site, shape};

/// The first.
pub(crate) const SET: &str = include_str!("../data/prompts.jsonl");
/// Written when the rules for the first set were done, and then tuned on.
pub(crate) const SECOND: &str = include_str!("../data/second.jsonl");
/// Written when the rules for both were done, and then tuned on too.
pub(crate) const THIRD: &str = include_str!("../data/third.jsonl");
/// Written by somebody who had not read the rules, run once, and then tuned on too.
pub(crate) const FOURTH: &str = include_str!("../data/fourth.jsonl");

/// What a platform team tried on it, with harmless likes of the same words; tuned on.
pub(crate) const TRIAL: &str = include_str!("../data/trial.jsonl");

/// One of them.
pub(crate) struct Prompt {
    /// The words.
    pub(crate) text: String,
    given: Given,
    /// Where it belongs.
    pub(crate) lane: Lane,
    /// In the fast lane it would do harm.
    risk: bool,
}

/// Those of a set.
pub(crate) fn prompts(set: &str) -> Vec<Prompt> {
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

/// Whether a prompt of the first set is held out: FNV-1a, so that the split stays the same for ever.
pub(crate) fn held_out(text: &str) -> bool {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    hash % 3 == 0
}

/// What became of a set.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Score {
    /// Prompts.
    pub(crate) all: usize,
    /// Routed as labelled.
    pub(crate) right: usize,
    /// Labelled slow, routed fast.
    pub(crate) too_fast: usize,
    /// Of these, with a risk.
    pub(crate) unsafe_: usize,
}

/// Routes them. `tell`: prints each that goes elsewhere.
pub(crate) fn score(prompts: &[Prompt], tell: bool) -> Score {
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
