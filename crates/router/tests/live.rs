//! A live turn's route: a person at work is not bothered, and what a bound forbids is not done.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use brisk_domain::{Intent, Lane, ModelId, Now};
use brisk_router::decide::{Wish, decide};
use brisk_router::fleet::{Member, Usable};
use brisk_router::live::{Board, plan};
use brisk_router::policy::{Policy, read_person};
use brisk_router::quota::{Amount, Ask};
use brisk_router::shape::{Given, Shape, Site, shape};
use brisk_router::speed::Speed;
use proptest::prelude::*;

fn task(text: &str, target: Option<&str>, found: &str) -> Shape {
    let given = Given {
        sites: target.map(Site::parse).into_iter().collect(),
        found: vec![Site::parse(found)],
        interactive: Some(true),
        context_tokens: Some(1_000),
        ..Given::only(Intent::Edit)
    };
    shape(text, &given)
}

fn model(name: &str) -> Member {
    Member::new(ModelId(name.into()), 32_768)
}

/// Everyday edits, those of the README among them: neither refused nor commented on, with a place or without one.
#[test]
fn everyday_edits_are_not_bothered() {
    let board = Board::of(vec![model("m")]);
    let prompts = [
        (
            "items have a quantity: multiply each price by item['quantity']",
            "shop.py:subtotal",
        ),
        ("rename total to amount", "shop.py"),
        ("return early when empty", "src/cart.rs:12-30"),
        ("add a docstring", "shop.py:with_tax"),
        ("retry three times in fetch_page", "src/fetch.py"),
        ("Fix the bug in rpn_eval.", "python_programs/rpn_eval.py:rpn_eval"),
        ("Fix bugs in prod_signs.", "prod_signs.py:prod_signs"),
        ("Fix bugs in encrypt.", "src/lib.rs:encrypt"),
        ("handle the empty list", "src/lib.rs:mean"),
        ("use a set instead of a list", "src/seen.py"),
        ("split this into two functions", "src/parse.ts:40-90"),
        ("log the token count", "src/count.rs:count"),
        ("make the key optional", "src/map.go:Get"),
        ("count every word once", "words.py:count"),
        ("why is this slow? use a dict", "index.py:lookup"),
        ("write a test for mean", "tests/test_mean.py"),
    ];
    for (text, target) in prompts {
        let path = target.split(':').next().unwrap();
        for named in [Some(target), Some(path), None] {
            let shape = task(text, named, path);
            let plan = plan(&board.question(&shape, Wish::default(), Now(0))).unwrap();
            assert_eq!(
                (plan.route.lane, plan.notices),
                (Lane::Fast, vec![]),
                "{text} {named:?}"
            );
        }
    }
}

/// What would disappoint is said in one line.
#[test]
fn more_than_an_edit_costs_one_line() {
    let board = Board::of(vec![model("m")]);
    let prompts = [
        ("make the tests pass", "a.py", "done when something passes"),
        (
            "run the benchmarks and make it faster",
            "a.py",
            "something is to be run",
        ),
        (
            "check the signature first",
            "src/auth/login.rs:verify",
            "it is sensitive",
        ),
        (
            "deploy this to production",
            "a.py",
            "an undo may not bring everything back",
        ),
    ];
    for (text, target, words) in prompts {
        let shape = task(text, Some(target), target);
        let plan = plan(&board.question(&shape, Wish::default(), Now(0))).unwrap();
        let [line] = plan.notices.as_slice() else {
            panic!("{text}: {:?}", plan.notices);
        };
        assert!(line.contains(words) && !line.contains('\n'), "{text}: {line}");
    }
}

#[test]
fn a_shape_that_was_written_down_comes_back() {
    for (text, target) in [
        ("deploy this", "a.py"),
        ("rename x", "a.py:3-9"),
        ("", "infra/b.tf"),
    ] {
        let shape = task(text, Some(target), target);
        let facts = shape.facts();
        assert_eq!(Shape::of_facts(&facts).facts(), facts);
        assert!(facts.values().all(|v| !v.contains('/')), "no paths: {facts:?}");
    }
}

proptest! {
    /// Whatever the words: the plan is of the fast lane, the same each time, and names nobody whom a bound forbids.
    #[test]
    fn a_plan_never_names_who_is_barred(
        words in "[a-z ]{0,20}(deploy|test|rename|auth|run|fix)[a-z ]{0,20}",
        up in prop::collection::vec(any::<bool>(), 1..6),
        contexts in prop::collection::vec(0u32..3_000, 6),
        named in prop::option::of(0usize..6),
    ) {
        let fleet: Vec<Member> = up.iter().zip(&contexts).enumerate().map(|(i, (up, context))| Member {
            usable: if *up { model("x").usable } else { Usable::Not("gone".into()) },
            ..Member::new(ModelId(format!("m{i}")), *context)
        }).collect();
        let board = Board::of(fleet);
        let shape = task(&words, Some("a.py"), "a.py");
        let wished = named.map(|n| ModelId(format!("m{n}")));
        let wish = Wish { lane: None, model: wished.as_ref() };
        let question = board.question(&shape, wish, Now(0));
        let one = plan(&question);
        prop_assert_eq!(&one, &plan(&question));
        let may = |name: &str| board.fleet.iter().any(|m| m.model.0 == name && m.context >= 1_256 && m.usable == model("x").usable);
        match one {
            Ok(plan) => {
                prop_assert_eq!(plan.route.lane, Lane::Fast);
                prop_assert_eq!(plan.legs.len(), plan.route.fallbacks.len() + 1);
                for leg in &plan.legs {
                    prop_assert!(may(&leg.candidate.model.0));
                    prop_assert!(wished.as_ref().is_none_or(|w| *w == leg.candidate.model));
                }
            }
            Err(said) => {
                prop_assert!(said.why.contains("Next: ") && decide(&question).is_err());
                prop_assert!(!board.fleet.iter().any(|m| may(&m.model.0) && wished.as_ref().is_none_or(|w| *w == m.model)));
            }
        }
    }
}

/// When a model is late is its own habit, unless the person says otherwise.
#[test]
fn the_person_says_when_a_second_model_is_asked() {
    let measured = Member {
        speed: Some(Speed {
            ttft_p50_us: 1_000,
            ttft_p95_us: 7_000,
            tokens_per_s: 10,
        }),
        ..model("m")
    };
    for (text, want) in [
        ("", [Some(7_000), None]),
        ("[lanes.fast]\nhedge = true\n", [Some(7_000), None]),
        ("[lanes.fast]\nhedge = false\n", [None, None]),
        (
            "[lanes.fast]\nhedge = { after_ms = 250 }\n",
            [Some(250_000), Some(250_000)],
        ),
    ] {
        let (file, found) = read_person(text);
        assert!(found.is_empty(), "{found:?}");
        let board = Board {
            policy: Policy::built_in().with(&file).into(),
            ..Board::of(vec![measured.clone(), model("n")])
        };
        let shape = task("rename total to amount", Some("shop.py"), "shop.py");
        let plan = plan(&board.question(&shape, Wish::default(), Now(0))).unwrap();
        let late: Vec<_> = ["m", "n"]
            .iter()
            .map(|name| {
                plan.legs
                    .iter()
                    .find(|leg| leg.candidate.model.0 == *name)
                    .unwrap()
                    .late_us
            })
            .collect();
        assert_eq!(late, want, "{text}");
    }
}

/// Waiting is only named where it helps, and else what does.
#[test]
fn who_gets_no_plan_is_told_whether_to_wait() {
    let shape = task("rename total to amount", Some("a.py"), "a.py");
    let price = "[lanes.fast]\nquota = { dollars_per_day = 1.0 }\n";
    for (policy, passes, next) in [
        (
            "[models.m]\nquota = { requests_per_min = 1 }\n",
            true,
            "Next: try again in ",
        ),
        (
            "[models.m]\nquota = { tokens_per_min = 9 }\n",
            false,
            "Next: raise it in the routing policy",
        ),
        (price, false, "Next: give the price of m in the routing policy"),
    ] {
        let (file, findings) = read_person(policy);
        assert!(findings.is_empty(), "{findings:?}");
        let mut board = Board::of(vec![model("m")]);
        board.policy = Policy::built_in().with(&file).into();
        board
            .ledger
            .limit_model("m", board.policy.model("m").bounds.limits);
        board
            .ledger
            .limit_lane(Lane::Fast, board.policy.lane(Lane::Fast).limits);
        let one = Ask {
            lane: Lane::Fast,
            model: "m",
            pool: "m",
            estimate: Amount {
                tokens: 1,
                money: Some(0),
            },
        };
        let _borrowed = board.ledger.borrow(&one, Now(0));
        let no = plan(&board.question(&shape, Wish::default(), Now(0))).unwrap_err();
        assert!(no.passes == passes && no.why.contains(next), "{no:?}");
    }
}
