//! Routing as data: a fleet, a shape, a choice, and the line that people read.

use brisk_domain::{Candidate, EditFormat, Intent, Lane, ModelId, Reason, TaskShape};
use brisk_router::{Fleet, NoRoute, Why, eligible, route, tokens_needed};
use proptest::prelude::*;

fn candidate(name: &str, context: usize) -> Candidate {
    Candidate {
        model: ModelId(name.to_owned()),
        format: EditFormat::Region,
        context,
    }
}

fn edit(region_lines: usize, context_tokens: usize) -> TaskShape {
    TaskShape {
        intent: Intent::Edit,
        files: 1,
        region_lines,
        context_tokens,
    }
}

/// Lists like `a=4096 b=8192`.
fn list(text: &str) -> Vec<Candidate> {
    let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
    pairs
        .map(|(name, context)| candidate(name, context.parse().unwrap_or(0)))
        .collect()
}

fn check(fast: &str, slow: &str, explicit: Option<&str>, shape: &TaskShape, want: &str) {
    let fleet = Fleet {
        fast: list(fast),
        slow: list(slow),
    };
    let explicit = explicit.map(|name| ModelId(name.to_owned()));
    let got = match route(shape, explicit.as_ref(), &fleet) {
        Ok(route) => {
            let names: Vec<&str> = route.fallbacks.iter().map(|c| c.model.0.as_str()).collect();
            let next = if names.is_empty() {
                String::new()
            } else {
                format!("; if it fails: {}", names.join(", "))
            };
            format!(
                "{} in the {} lane: {}{next}",
                route.choice.model,
                route.lane,
                route.why()
            )
        }
        Err(none) => none.to_string(),
    };
    assert_eq!(got, want);
}

#[test]
fn the_first_eligible_wins_and_the_rest_falls_back() {
    let small = edit(20, 1000);
    check("a=4096", "", None, &small, "a in the fast lane: first that fits");
    check(
        "a=4096 b=8192",
        "c=9999",
        None,
        &small,
        "a in the fast lane: first that fits; if it fails: b",
    );
    check(
        "a=1000 b=8192 c=8192",
        "",
        None,
        &small,
        "b in the fast lane: first that fits; not a: needs 1320 tokens of context, has 1000; if it fails: c",
    );
    check(
        "a=4096 a=4096",
        "",
        None,
        &small,
        "a in the fast lane: first that fits",
    );
    check(
        "a=1000",
        "b=9000",
        None,
        &small,
        "b in the slow lane: first that fits; not a: needs 1320 tokens of context, has 1000",
    );
    check(
        "a=0 b=4096",
        "",
        None,
        &small,
        "b in the fast lane: first that fits; not a: its context window is not known",
    );
}

#[test]
fn a_named_model_is_rule_zero_and_still_has_to_fit() {
    let small = edit(20, 1000);
    check(
        "a=4096 b=8192",
        "",
        Some("b"),
        &small,
        "b in the fast lane: you named it",
    );
    check(
        "a=4096",
        "b=8192",
        Some("b"),
        &small,
        "b in the slow lane: you named it",
    );
    check(
        "a=4096 b=1000",
        "",
        Some("b"),
        &small,
        "no model can take this: b: needs 1320 tokens of context, has 1000. Next: name a, which fits, or no model at all",
    );
}

#[test]
fn nobody_fits_and_the_next_step_is_named() {
    let large = edit(100, 8000);
    check(
        "a=4096 b=8192",
        "",
        None,
        &large,
        "no model can take this: a: needs 9600 tokens of context, has 4096; b: needs 9600 tokens of context, has 8192. \
         Next: name fewer lines (FILE:A-B) or fewer files: 9600 tokens are needed, 8192 fit",
    );
    check(
        "a=0",
        "",
        None,
        &large,
        "no model can take this: a: its context window is not known. \
         Next: set the context window of a in the configuration",
    );
    check(
        "",
        "",
        None,
        &large,
        "no model can take this. Next: configure a model, or fetch the default one with `brisk model pull`",
    );
    check(
        "a=9 b=9",
        "a=9",
        Some("z"),
        &large,
        "no model can take this: z: not configured. Next: name one of: a, b",
    );
    check(
        "a=99999",
        "",
        Some("z"),
        &large,
        "no model can take this: z: not configured. Next: name a, which fits, or no model at all",
    );
}

#[test]
fn a_question_needs_no_room_for_its_region() {
    let ask = TaskShape {
        intent: Intent::Ask,
        ..edit(1000, 1000)
    };
    assert_eq!(tokens_needed(&ask), 1256);
    assert_eq!(tokens_needed(&edit(1000, 1000)), 17_000);
    assert_eq!(tokens_needed(&edit(usize::MAX, usize::MAX)), usize::MAX);
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    prop::collection::vec(
        ("[a-d]", 0usize..6000).prop_map(|(name, context)| candidate(&name, context)),
        0..6,
    )
}

proptest! {
    #[test]
    fn routes_hold_their_promises(
        fast in candidates(),
        slow in candidates(),
        explicit in prop::option::of("[a-e]"),
        region_lines in 0usize..400,
        context_tokens in 0usize..5000,
    ) {
        let fleet = Fleet { fast, slow };
        let shape = edit(region_lines, context_tokens);
        let explicit = explicit.map(ModelId);
        let outcome = route(&shape, explicit.as_ref(), &fleet);
        prop_assert_eq!(&outcome, &route(&shape, explicit.as_ref(), &fleet));
        let asked = || {
            let lanes = [(Lane::Fast, &fleet.fast), (Lane::Slow, &fleet.slow)];
            let named = explicit.clone();
            lanes.into_iter().flat_map(|(lane, list)| list.iter().map(move |c| (lane, c)))
                .filter(move |(_, c)| named.as_ref().is_none_or(|m| c.model == *m))
        };
        match outcome {
            Ok(route) => {
                let first = asked().find(|(_, c)| eligible(&shape, c).is_ok());
                prop_assert_eq!(first, Some((route.lane, &route.choice)));
                for fallback in &route.fallbacks {
                    prop_assert!(eligible(&shape, fallback).is_ok());
                    prop_assert!(asked().any(|(lane, c)| lane == route.lane && c == fallback));
                    prop_assert!(*fallback != route.choice);
                }
                let rule = route.reasons.first();
                match explicit {
                    Some(model) => prop_assert_eq!(rule, Some(&Reason::Explicit { model })),
                    None => {
                        let model = route.choice.model.clone();
                        prop_assert_eq!(rule, Some(&Reason::FirstEligible { model }));
                    }
                }
            }
            Err(NoRoute { refused, .. }) => {
                prop_assert!(asked().all(|(_, c)| eligible(&shape, c).is_err()));
                let unknown = refused.iter().filter(|r| r.why == Why::NotConfigured).count();
                prop_assert_eq!(refused.len() - unknown, asked().count());
            }
        }
    }
}
