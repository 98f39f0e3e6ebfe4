//! Where a turn goes: the decision is made of data that came with the files, and told with its reasons.

use crate::world::{ANSWER, World, model, prompt, world, world_with};
use brisk_domain::port::{FaultSource, Finish, ModelEvent, Usage};
use brisk_domain::{Failure, Intent, Lane, Latency, ModelId, Prompt, Reason, StopReason, Target};
use brisk_lanes::{Denied, Input, Limits, Reach, edits_first};
use brisk_router::fleet::Member;
use brisk_router::policy::{Policy, read_person, read_repository};
use brisk_router::quota::Frees;
use brisk_router::speed::Speed;
use std::sync::Arc;

fn policy(person: &str, repository: &str) -> Arc<Policy> {
    let (own, findings) = read_person(person);
    assert!(findings.is_empty(), "{findings:?}");
    let base = Policy::built_in().with(&own);
    let (less, findings) = read_repository(repository, &base);
    assert!(findings.is_empty(), "{findings:?}");
    Arc::new(base.tighten(&less))
}

/// No model may take it, and waiting does not mend that.
fn failed(w: &World) -> String {
    ended(w, Failure::Model)
}

/// Nobody may for a while.
fn paused(w: &World) -> String {
    ended(w, Failure::Upstream)
}

fn ended(w: &World, want: Failure) -> String {
    match w.stop_reason() {
        Some(StopReason::Failed { failure, message }) if failure == want => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_reasons_are_data_and_one_line() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    let route = w.route().unwrap();
    assert_eq!(route.choice.model.0, "small");
    assert_eq!(route.fallbacks.len(), 1);
    assert_eq!(route.why(), "best of 2");
    assert!(matches!(&route.reasons[0], Reason::Rule { built_in: true, facts, .. } if !facts.is_empty()));
    assert_eq!(route.shape["intent"], "edit");
    assert_eq!(route.shape["files"], "1");
    assert!(w.notices().is_empty());
}

#[test]
fn a_wish_is_rule_zero_and_still_bounded() {
    let cases = [
        ("", "small", "best of 2"),
        ("model next", "next", "you named it"),
        ("lane fast", "small", "you named the lane; best of 2"),
        ("lane slow", "", "the slow lane is `brisk delegate`"),
        (
            "model none",
            "",
            "there is no model none. Next: name one of: small, next",
        ),
        (
            "model tiny",
            "",
            "tokens of context, has 100. Next: name small, which may, or no model at all",
        ),
    ];
    for (wish, want, why) in cases {
        let mut w = world();
        let mut p = prompt("count both sides twice");
        match wish.split_once(' ') {
            Some(("lane", name)) => p.lane = Some(if name == "fast" { Lane::Fast } else { Lane::Slow }),
            Some((_, name)) => p.model = Some(ModelId(name.into())),
            None => {}
        }
        if wish == "model tiny" {
            w.board.fleet.push(Member::new(ModelId("tiny".into()), 100));
        }
        w.ask(p);
        if want.is_empty() {
            let said = failed(&w);
            assert!(said.contains(why), "{wish}: {said}");
            assert!(w.running.is_empty(), "{wish}");
        } else {
            assert_eq!(
                (w.asked(), w.route().unwrap().why().as_str()),
                (vec![want], why),
                "{wish}"
            );
        }
    }
}

/// How urgent it is decides between one that is good and one that is quick.
#[test]
fn latency_changes_the_choice() {
    let member = |name: &str, quality, ttft| Member {
        quality: Some(quality),
        speed: Some(Speed {
            ttft_p50_us: ttft,
            ttft_p95_us: ttft,
            tokens_per_s: 1_000,
        }),
        ..model(name)
    };
    let fleet = vec![member("good", 60, 4_000_000), member("quick", 30, 50_000)];
    for (latency, want) in [
        (None, "quick"),
        (Some(Latency::Instant), "quick"),
        (Some(Latency::Relaxed), "good"),
    ] {
        let mut w = world_with(Limits::default(), fleet.clone());
        w.ask(Prompt {
            latency,
            ..prompt("count both sides twice")
        });
        assert_eq!(w.asked(), [want], "{latency:?}");
    }
}

/// What looks like work for the slow lane costs a line and not the edit; what a policy forbids is refused.
#[test]
fn a_guess_costs_a_line_and_a_bound_the_edit() {
    let deny = "[[deny]]\nwhen = { paths = [\"*.py\"] }\nlane = \"fast\"\n";
    let careful = "[lanes.fast]\nsafety.max = \"guarded\"\n";
    let slow = "[[rule]]\nwhen = { intent = \"edit\" }\nlane = \"slow\"\n";
    // Request, the person's policy, the repository's, words of the line or of the refusal.
    let cases = [
        ("count both sides twice", "", "", None, None),
        ("rename total to sum", "", "", None, None),
        ("fix the bug in here", "", "", None, None),
        (
            "make the tests pass",
            "",
            "",
            Some("done when something passes"),
            None,
        ),
        ("store the password hashed", "", "", None, None),
        (
            "run the linter and fix what it says",
            "",
            "",
            Some("to be run"),
            None,
        ),
        (
            "store the password hashed",
            careful,
            "",
            None,
            Some("takes guarded work at most"),
        ),
        (
            "store the password hashed",
            "",
            careful,
            None,
            Some("takes guarded work at most"),
        ),
        (
            "count both sides twice",
            deny,
            "",
            None,
            Some("denied by your policy, line 2"),
        ),
        (
            "count both sides twice",
            "",
            deny,
            None,
            Some("denied by the repository's policy, line 2"),
        ),
        ("count both sides twice", slow, "", None, None),
    ];
    for (request, person, repository, line, refusal) in cases {
        let mut w = world();
        w.board.policy = policy(person, repository);
        w.ask(prompt(request));
        match refusal {
            Some(words) => {
                let said = failed(&w);
                assert!(
                    said.contains(words) && said.contains("brisk route explain"),
                    "{request}: {said}"
                );
            }
            None => {
                assert_eq!(w.asked(), ["small"], "{request}");
                match (line, w.notices().as_slice()) {
                    (None, []) => {}
                    (Some(words), [notice]) => assert!(notice.contains(words), "{notice}"),
                    (line, notices) => panic!("{request}: {line:?} {notices:?}"),
                }
            }
        }
        // With the person's own word for it nothing is said, and what is forbidden stays forbidden.
        let mut w = world();
        w.board.policy = policy(person, repository);
        w.ask(Prompt {
            lane: Some(Lane::Fast),
            ..prompt(request)
        });
        assert_eq!(w.running.is_empty(), refusal.is_some(), "{request}");
        assert!(w.notices().is_empty(), "{request}: {:?}", w.notices());
    }
}

/// The place counts, also where nobody named it.
#[test]
fn a_place_that_was_found_is_a_place_for_policies() {
    let deny = "[[deny]]\nwhen = { paths = [\"a.py\"] }\n";
    let named = prompt("count both sides twice").targets;
    for targets in [
        vec![],
        named,
        vec![Target {
            path: "a.py".into(),
            lines: Some((5, 7)),
            symbol: None,
        }],
    ] {
        let mut w = world();
        w.board.policy = policy(deny, "");
        w.ask(Prompt {
            targets: targets.clone(),
            ..prompt("count both sides twice")
        });
        assert!(failed(&w).contains("denied"), "{targets:?}");
    }
}

#[test]
fn without_a_board_there_is_no_turn() {
    let mut w = world();
    w.tell(brisk_domain::Command::Prompt(prompt("x")));
    let effect = w.gathering.take().unwrap();
    let gathered = brisk_lanes::Gathered {
        files: vec![("a.py".into(), w.text.clone())],
        hint: w.hint.clone(),
        why: String::new(),
        board: Err("policy.toml:3:1: wrong".into()),
    };
    w.feed(Input::Gathered {
        effect,
        result: Ok(gathered),
    });
    assert_eq!(failed(&w), "policy.toml:3:1: wrong");
}

/// After a vendor's limit those of the same vendor are passed over; after anything else they are not.
#[test]
fn a_limit_of_a_vendor_passes_over_its_other_models() {
    let of = |pool: &str, name: &str| Member {
        pool: pool.into(),
        ..model(name)
    };
    let denied = |reach| Denied {
        message: "used up".into(),
        reach,
        frees: Frees::Ended,
    };
    for (way, want) in [
        ("network", Some("twin")),
        ("429", Some("other")),
        ("denied model", Some("twin")),
        ("denied pool", Some("other")),
        ("denied lane", None),
    ] {
        let fleet = vec![of("v", "first"), of("v", "twin"), of("w", "other")];
        let mut w = world_with(Limits::default(), fleet);
        w.ask(prompt("count both sides twice"));
        let effect = w.current();
        match way {
            "network" => w.fails(effect, FaultSource::Network, "cut"),
            "429" => w.fails(effect, FaultSource::Quota, "too many"),
            "denied model" => w.feed(Input::Denied {
                effect,
                denied: denied(Reach::Model),
            }),
            "denied pool" => w.feed(Input::Denied {
                effect,
                denied: denied(Reach::Pool),
            }),
            _ => w.feed(Input::Denied {
                effect,
                denied: denied(Reach::Lane),
            }),
        }
        assert_eq!(w.asked().get(1).copied(), want, "{way}");
        assert_eq!(
            w.notices().len(),
            usize::from(want.is_some()),
            "{way}: told in one line"
        );
        if want.is_none() {
            assert_eq!(paused(&w), "used up; try again when a request has ended");
        }
    }
}

/// Only a live turn says how long; whether waiting helps is how the turn ends.
#[test]
fn who_is_denied_is_told_whether_waiting_helps() {
    let used_up = |frees| Denied {
        message: "used up".into(),
        reach: Reach::Lane,
        frees,
    };
    let at = Frees::At(brisk_domain::Now(3_000_000));
    for (frees, failure, said) in [
        (at, Failure::Upstream, "used up; try again in 3 s"),
        (Frees::Never, Failure::Model, "used up"),
    ] {
        let mut w = world();
        w.ask(prompt("count both sides twice"));
        let effect = w.current();
        w.feed(Input::Denied {
            effect,
            denied: used_up(frees),
        });
        let Some(StopReason::Failed { failure: is, message }) = w.stop_reason() else {
            panic!("{frees:?}");
        };
        assert_eq!((is, message.as_str()), (failure, said));
    }
}

/// The accounts are part of the board: who has nothing left is not asked, and the person is told in one line.
#[test]
fn who_has_nothing_left_is_passed_over() {
    let mut w = world();
    w.board.ledger.block("small", brisk_domain::Now(1_000_000));
    w.ask(prompt("count both sides twice"));
    assert_eq!(w.asked(), ["next"]);
    assert_eq!(
        w.notices(),
        ["small: its vendor asked to wait, again in 1 s; next takes it"]
    );
    w.say(ANSWER);
    w.done();
    assert_eq!(w.stop_reason(), Some(StopReason::EndTurn));
    let mut w = world();
    for pool in ["small", "next"] {
        w.board.ledger.block(pool, brisk_domain::Now(3_000_000));
    }
    w.ask(prompt("count both sides twice"));
    assert!(paused(&w).contains("Next: try again in 3 s"), "{}", paused(&w));
}

/// Who would be asked first is whom a plain edit goes to, with everything that keeps a model from it.
#[test]
fn a_plain_edit_is_foreseen() {
    let first = |person: &str, blocked: &[&str]| {
        let mut w = world();
        w.board.policy = policy(person, "");
        for pool in blocked {
            w.board.ledger.block(pool, brisk_domain::Now(9));
        }
        let found = edits_first(&w.board, "a.py", brisk_domain::Now(1));
        found.map_or_else(String::new, |candidate| candidate.model.0)
    };
    let off = "[models.small]\nenabled = false\n";
    let deny = "[[deny]]\nwhen = { paths = [\"*.py\"] }\n";
    for (person, blocked, want) in [
        ("", &[][..], "small"),
        (off, &[], "next"),
        ("", &["small"], "next"),
        ("", &["small", "next"], ""),
        (deny, &[], ""),
    ] {
        assert_eq!(first(person, blocked), want, "{person} {blocked:?}");
    }
}

/// An answer in words that was cut is not shown as whole, and one without a word is none.
#[test]
fn an_answer_that_is_cut_or_empty_is_not_whole() {
    // What comes, how it ends, who is asked then, words of the line.
    let cases = [
        ("It adds.", Finish::Stop, vec!["small"], None),
        (
            "It adds",
            Finish::Length,
            vec!["small"],
            Some("the answer is cut"),
        ),
        (
            "\n",
            Finish::Stop,
            vec!["small", "next"],
            Some("small answered nothing; trying next"),
        ),
        (
            "",
            Finish::Length,
            vec!["small", "next"],
            Some("reached its limit before it said anything; trying next"),
        ),
    ];
    for (said, finish, asked, line) in cases {
        let mut w = world();
        w.ask(Prompt {
            intent: Intent::Ask,
            ..prompt("what does it do?")
        });
        let effect = w.current();
        if !said.is_empty() {
            w.say(said);
        }
        let usage = Usage::default();
        w.report(effect, ModelEvent::Done { finish, usage });
        assert_eq!(w.asked(), asked, "{said:?}");
        let notices = w.notices();
        assert_eq!(notices.len(), usize::from(line.is_some()), "{notices:?}");
        assert!(
            notices.iter().all(|n| line.is_some_and(|line| n.contains(line))),
            "{notices:?}"
        );
        if asked.len() > 1 {
            w.done();
            assert!(
                matches!(w.stop_reason(), Some(StopReason::Failed { .. })),
                "nobody said anything"
            );
        } else {
            assert_eq!(w.stop_reason(), Some(StopReason::EndTurn));
        }
    }
}

#[test]
fn a_question_goes_fast_whatever_it_is_about() {
    let mut w = world();
    w.ask(Prompt {
        intent: Intent::Ask,
        ..prompt("how would one migrate the passwords of all services and run the tests?")
    });
    assert_eq!(w.asked(), ["small"]);
    assert!(w.notices().is_empty());
}
