//! Decisions as data, and the promises that hold for all of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use brisk_domain::{Intent, Lane, ModelId, Now};
use brisk_router::breaker::Health;
use brisk_router::decide::{
    Bar, Decision, LaneReason, Nearest, Question, Refused, Wish, decide, nearest, size,
};
use brisk_router::fleet::{Member, Price, Usable};
use brisk_router::policy::{FactName, Policy, read_person, read_repository};
use brisk_router::quota::{Ledger, Limits};
use brisk_router::scale::{LANES, Latency, Set, Tool, Trust};
use brisk_router::shape::{Fact, Given, SAID, Shape, Site, shape};
use brisk_router::speed::Speed;
use proptest::prelude::*;

fn read(text: &str, targets: &[&str]) -> Shape {
    let given = Given {
        sites: targets.iter().map(|t| Site::parse(t)).collect(),
        interactive: Some(true),
        context_tokens: Some(1_000),
        trust: Some(Trust::Known),
        ..Given::only(Intent::Edit)
    };
    shape(text, &given)
}

fn member(name: &str, quality: u8, ttft_ms: u64, dollars: u64) -> Member {
    Member {
        quality: Some(quality),
        speed: Some(Speed {
            ttft_p50_us: ttft_ms * 500,
            ttft_p95_us: ttft_ms * 1_000,
            tokens_per_s: 100,
        }),
        price: Some(Price {
            input: dollars * 1_000_000,
            output: dollars * 4_000_000,
        }),
        ..Member::new(ModelId(name.into()), 8_192)
    }
}

fn fleet() -> Vec<Member> {
    vec![
        member("near", 40, 300, 0),
        member("far", 80, 1_500, 3),
        member("wise", 95, 9_000, 10),
    ]
}

struct World {
    policy: Policy,
    fleet: Vec<Member>,
    ledger: Ledger,
}

fn world(person: &str) -> World {
    let (file, found) = read_person(person);
    assert!(found.is_empty(), "{found:?}");
    World {
        policy: Policy::built_in().with(&file),
        fleet: fleet(),
        ledger: Ledger::default(),
    }
}

fn ask<'a>(world: &'a World, shape: &'a Shape, wish: Wish<'a>) -> Question<'a> {
    Question {
        shape,
        wish,
        fleet: &world.fleet,
        policy: &world.policy,
        ledger: &world.ledger,
        now: Now(10),
    }
}

/// `fast: near > far; wise: why`, or `no slow: ...`.
fn line(outcome: &Result<Decision<'_>, Refused<'_>>) -> String {
    let (lane, ranked, barred) = match outcome {
        Ok(d) => (d.lane.name().to_owned(), d.ranked(), &d.barred),
        Err(r) => (format!("no {}", r.lane.name()), &[][..], &r.barred),
    };
    let names: Vec<&str> = ranked.iter().map(|r| r.member.model.0.as_str()).collect();
    let mut line = format!("{lane}: {}", names.join(" > "));
    for b in barred {
        line.push_str(&format!("; {}: {}", b.member.model, b.bar));
    }
    line
}

const EDIT: (&str, &[&str]) = ("rename total to amount", &["shop.py"]);

fn check(world: &World, (text, targets): (&str, &[&str]), wish: Wish<'_>, want: &str) {
    let shape = read(text, targets);
    assert_eq!(line(&decide(&ask(world, &shape, wish))), want, "{text}");
}

#[test]
fn lanes_and_order() {
    let w = world("");
    let none = Wish::default();
    check(&w, EDIT, none, "fast: far > near > wise");
    check(&w, ("migrate all services", &[]), none, "slow: wise > far > near");
    let slow = Wish {
        lane: Some(Lane::Slow),
        ..none
    };
    check(&w, EDIT, slow, "slow: wise > far > near");
    let mut hurry = read(EDIT.0, EDIT.1);
    hurry.latency = Fact::new(Latency::Instant, SAID);
    assert_eq!(line(&decide(&ask(&w, &hurry, slow))), "slow: far > wise > near");
    let near = ModelId("near".into());
    let named = Wish {
        model: Some(&near),
        ..none
    };
    check(
        &w,
        EDIT,
        named,
        "fast: near; far: you did not name it; wise: you did not name it",
    );
    let gone = ModelId("gone".into());
    let shape = read(EDIT.0, EDIT.1);
    let refused = decide(&ask(
        &w,
        &shape,
        Wish {
            model: Some(&gone),
            ..none
        },
    ))
    .unwrap_err();
    assert_eq!(refused.no_such_model, Some(&gone));
}

#[test]
fn bounds_come_before_everything() {
    let none = Wish::default();
    let w = world("[models.far]\nenabled = false\n[models.wise]\nlanes = [\"slow\"]");
    check(
        &w,
        EDIT,
        none,
        "fast: near; far: switched off; wise: not for this lane",
    );
    let wise = ModelId("wise".into());
    let named = Wish {
        lane: Some(Lane::Fast),
        model: Some(&wise),
    };
    check(
        &w,
        EDIT,
        named,
        "no fast: ; near: you did not name it; far: you did not name it; wise: not for this lane",
    );

    let w = world("[models.near]\nsafety.max = \"normal\"\n[models.far]\ntrust.min = \"trusted\"");
    let far = "needs a repository that is trusted; this one is known";
    check(
        &w,
        ("add a role check", &["api/orders.go"]),
        none,
        &format!("slow: wise; near: takes normal work at most; this is sensitive; far: {far}"),
    );

    let w = world("[[deny]]\nwhen = { paths = [\"infra/**\"] }\nmodels = [\"far\", \"near\"]");
    let yours = "denied by your policy, line 2";
    check(
        &w,
        ("sort the keys", &["infra/a.json"]),
        none,
        &format!("fast: wise; near: {yours}; far: {yours}"),
    );
    check(
        &w,
        ("sort the keys", &["src/a.json"]),
        none,
        "fast: far > near > wise",
    );
    let unknown = "denied by your policy, line 2, because this is not known: paths";
    let explicit = Wish {
        lane: Some(Lane::Fast),
        ..none
    };
    check(
        &w,
        ("sort the keys", &[]),
        explicit,
        &format!("fast: wise; near: {unknown}; far: {unknown}"),
    );

    let mut w = world("[lanes.slow]\nenabled = false");
    w.fleet.truncate(1);
    check(
        &w,
        ("fix the flaky test", &["a.py"]),
        none,
        "no slow: ; near: the lane is switched off",
    );
}

#[test]
fn who_is_asked_by_name_is_never_asked_unasked() {
    let none = Wish::default();
    // A list of candidates may be a repository's: it names nobody.
    for policy in ["", "[lanes.fast]\ncandidates = [\"far\"]\n", "default = \"slow\""] {
        let mut w = world(policy);
        w.fleet.iter_mut().for_each(|m| m.by_name = m.model.0 == "far");
        for text in [EDIT, ("migrate all services", &[])] {
            let shape = read(text.0, text.1);
            let said = line(&decide(&ask(&w, &shape, none)));
            assert!(said.contains("far: you did not name it"), "{policy}: {said}");
        }
        let far = ModelId("far".into());
        let named = Wish {
            model: Some(&far),
            ..none
        };
        let shape = read(EDIT.0, EDIT.1);
        let said = line(&decide(&ask(&w, &shape, named)));
        assert!(said.contains(": far"), "{policy}: {said}");
    }
}

#[test]
fn what_needs_commands_is_never_fast_and_never_runs_untrusted() {
    let w = world("[lanes.slow]\ncandidates = [\"wise\"]");
    let text = ("run the tests and fix what fails", &["src/cart.rs"][..]);
    let fast = Wish {
        lane: Some(Lane::Fast),
        ..Wish::default()
    };
    check(
        &w,
        text,
        fast,
        "no fast: ; near: may not run; far: may not run; wise: may not run",
    );
    let mut shape = read(text.0, text.1);
    for (trust, want) in [
        (Some(Trust::Known), true),
        (Some(Trust::Untrusted), false),
        (None, false),
    ] {
        shape.trust.value = trust;
        assert_eq!(
            decide(&ask(&w, &shape, Wish::default())).is_ok(),
            want,
            "{trust:?}"
        );
    }
}

#[test]
fn a_barred_fast_lane_gives_way_and_a_barred_slow_one_does_not() {
    let w = world("[lanes.fast]\nenabled = false");
    let shape = read(EDIT.0, EDIT.1);
    let decision = decide(&ask(&w, &shape, Wish::default())).unwrap();
    assert_eq!(decision.lane, Lane::Slow);
    assert_eq!(decision.lane_reasons.last(), Some(&LaneReason::FastIsBarred));
    let named = Wish {
        lane: Some(Lane::Fast),
        ..Wish::default()
    };
    assert!(decide(&ask(&w, &shape, named)).is_err());
}

#[test]
fn fallbacks_know_their_vendor() {
    let mut w = world("");
    w.fleet.push(member("third", 1, 9_000, 10));
    for name in ["far", "near"] {
        let one = w.fleet.iter_mut().find(|m| m.model.0 == name);
        one.unwrap().pool = "vendor".into();
    }
    let shape = read(EDIT.0, EDIT.1);
    let decision = decide(&ask(&w, &shape, Wish::default())).unwrap();
    let far = &decision.choice().unwrap().member.model;
    assert_eq!(far.0, "far");
    let shared: Vec<bool> = decision.fallbacks().iter().map(|r| r.same_pool).collect();
    assert_eq!(shared, [true, false, false]);
}

#[test]
fn health_quota_and_size_bar_a_model() {
    let mut w = world("");
    w.fleet[0].usable = Usable::As(Health::Down(Now(99)));
    w.fleet[1].usable = Usable::Not("no key".into());
    w.fleet[2].context = 1_100;
    let wise = "wise: needs 1256 tokens of context, has 1100";
    check(
        &w,
        EDIT,
        Wish::default(),
        &format!("no fast: ; near: failed several times; it is tried again soon; far: no key; {wise}"),
    );
    let mut w = world("");
    w.ledger.limit_model(
        "far",
        Limits {
            tokens: Some(10),
            ..Limits::default()
        },
    );
    let far = "far: its tokens a minute are 10 at most, 1256 wanted";
    check(&w, EDIT, Wish::default(), &format!("fast: near > wise; {far}"));
}

#[test]
fn the_nearest_thing_is_named() {
    let w = world("[models.far]\nenabled = false");
    let text = ("rename user to account", &["src/auth/session.rs"][..]);
    let shape = read(text.0, text.1);
    let question = ask(&w, &shape, Wish::default());
    let outcome = decide(&question);
    assert_eq!(line(&outcome), "slow: wise > near; far: switched off");
    let all = nearest(&question, &outcome);
    let (fact, points) = (&all[0], &all[1]);
    assert!(
        matches!(fact, Nearest::Fact { fact: FactName::Safety, otherwise: "normal", lane: Lane::Fast, because } if !because.is_empty()),
        "{fact:?}"
    );
    assert!(
        matches!(points, Nearest::Points { model, behind } if model.0 == "near" && *behind > 0),
        "{points:?}"
    );

    let shape = read(EDIT.0, EDIT.1);
    let question = ask(&w, &shape, Wish::default());
    let all = nearest(&question, &decide(&question));
    let bar = all.last().unwrap();
    assert!(
        matches!(bar, Nearest::Bar { model, bar: Bar::Off } if model.0 == "far"),
        "{all:?}"
    );
}

const TEXTS: &[(&str, &[&str])] = &[
    EDIT,
    ("migrate all services", &[]),
    ("run the tests and fix what fails", &["src/cart.rs"]),
    ("rename user to account", &["src/auth/session.rs"]),
    ("drop the users table", &[]),
    ("it does not work", &[]),
    ("sort the keys", &["infra/a.json", "b.json"]),
];

fn shapes() -> impl Strategy<Value = Shape> {
    (
        0..TEXTS.len(),
        prop::option::of(0usize..3),
        prop::option::of(0usize..3),
        prop::option::of(0u32..9_000),
    )
        .prop_map(|(i, trust, latency, context)| {
            let (text, targets) = TEXTS[i];
            let mut shape = read(text, targets);
            shape.trust.value = trust.map(|t| Trust::ALL[t]);
            shape.latency.value = latency.map(|l| Latency::ALL[l]);
            shape.context.value = context;
            shape
        })
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let one = (
        0u8..=100,
        1u64..5_000,
        0u64..20,
        0u32..12_000,
        1u64..4,
        0u64..16,
        any::<bool>(),
        0u32..4,
    );
    prop::collection::vec(one, 0..8).prop_map(|all| {
        let all = all.into_iter().enumerate();
        all.map(
            |(i, (quality, ttft, price, context, lanes, tools, warm, busy))| Member {
                context,
                lanes: Set(lanes),
                tools: Set(tools | 3),
                warm,
                busy,
                slots: 2,
                pool: format!("p{}", i % 2),
                ..member(&format!("m{i}"), quality, ttft, price)
            },
        )
        .collect()
    })
}

/// Fragments of policy files; any of them may come together.
const PIECES: &[&str] = &[
    "[models.m0]\nenabled = false\n",
    "[models.m1]\ntrust.min = \"trusted\"\n",
    "[models.m2]\nsafety.max = \"normal\"\nlanes = [\"fast\"]\n",
    "[models.m3]\ntools = [\"read\"]\n",
    "[models.m4]\nquota.tokens_per_min = 900\n",
    "[lanes.fast]\ncandidates = [\"m0\", \"m1\", \"m2\"]\n",
    "[lanes.slow]\ntrust.min = \"known\"\nquota.requests_per_min = 0\n",
    "[[deny]]\nwhen = { paths = [\"src/**\"] }\nlane = \"fast\"\n",
    "[[deny]]\nwhen = { trust.max = \"untrusted\" }\nmodels = [\"m5\", \"m1\"]\n",
    "[[deny]]\nwhen = { any = [{ files.min = 2 }, { reversible = false }] }\nmodels = [\"m2\"]\n",
    "[[rule]]\nwhen = { reversible = false }\nlane = \"fast\"\n",
    "[[rule]]\nwhen = {}\nlane = \"slow\"\n",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<bool>(), PIECES.len()).prop_map(|on| {
        let chosen = PIECES.iter().zip(on).filter(|(_, on)| *on);
        // Inside one file each table may stand once; they do.
        chosen.map(|(piece, _)| *piece).collect()
    })
}

fn wishes() -> impl Strategy<Value = (Option<Lane>, Option<ModelId>)> {
    (
        prop::option::of(prop::sample::select(vec![Lane::Fast, Lane::Slow])),
        prop::option::of("m[0-9]").prop_map(|m| m.map(ModelId)),
    )
}

fn limits(ledger: &mut Ledger, policy: &Policy, fleet: &[Member]) {
    for (lane, _) in LANES {
        ledger.limit_lane(lane, policy.lane(lane).limits);
    }
    for member in fleet {
        ledger.limit_model(&member.model.0, policy.model(&member.model.0).bounds.limits);
    }
}

/// Everybody who may, in each lane, with the model named so that nothing else plays a part.
fn eligible(question: &Question<'_>) -> Vec<(Lane, String)> {
    let mut out = Vec::new();
    for (lane, _) in LANES {
        for member in question.fleet {
            let wish = Wish {
                lane: Some(lane),
                model: Some(&member.model),
            };
            if decide(&Question { wish, ..*question }).is_ok() {
                out.push((lane, member.model.0.clone()));
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_forbidden_is_ever_chosen(
        shape in shapes(), fleet in members(), person in pieces(), (lane, model) in wishes(),
    ) {
        let policy = Policy::built_in().with(&read_person(&person).0);
        let mut ledger = Ledger::default();
        limits(&mut ledger, &policy, &fleet);
        let wish = Wish { lane, model: model.as_ref() };
        let question = Question { shape: &shape, wish, fleet: &fleet, policy: &policy, ledger: &ledger, now: Now(5) };
        let outcome = decide(&question);
        prop_assert_eq!(&outcome, &decide(&question), "the same facts, the same decision");
        let Ok(decision) = outcome else { return Ok(()) };
        if let Some(lane) = lane {
            prop_assert_eq!(decision.lane, lane);
        }
        let needs = size(&shape);
        for ranked in decision.ranked() {
            let (m, bounds) = (ranked.member, &policy.model(&ranked.member.model.0).bounds);
            let lane = policy.lane(decision.lane);
            prop_assert!(model.as_ref().is_none_or(|named| *named == m.model));
            prop_assert!(bounds.enabled && lane.enabled && lane.names(&m.model.0));
            prop_assert!(m.context >= needs.input + needs.output && shape.context.value.is_some());
            prop_assert!(shape.trust.value >= bounds.trust && shape.trust.value >= lane.trust);
            prop_assert!(bounds.safety.is_none_or(|most| shape.safety.value.is_some_and(|is| is <= most)));
            let tools = shape.tools.value.unwrap_or(Set::ALL);
            prop_assert!(tools.within(m.tools.and(bounds.tools).and(lane.tools)));
            if decision.lane == Lane::Fast {
                prop_assert!(!tools.has(Tool::Run as u32) && !tools.has(Tool::Network as u32));
            }
            for deny in policy.denies() {
                let here = decision.lane == Lane::Fast;
                let lane = deny.lanes.has(u32::from(!here));
                let model = deny.models.as_ref().is_none_or(|list| list.contains(&m.model.0));
                prop_assert!(!(lane && model) || deny.when.holds(&shape) == Some(false));
            }
        }
        let totals: Vec<i64> = decision.ranked().iter().map(|r| r.score.total).collect();
        prop_assert!(totals.is_sorted_by(|a, b| a >= b));
        prop_assert_eq!(decision.ranked().len() + decision.barred.len(), fleet.len());
    }

    #[test]
    fn a_repository_never_widens(
        shape in shapes(), fleet in members(), person in pieces(), repository in pieces(),
    ) {
        let base = Policy::built_in().with(&read_person(&person).0);
        // Findings are of no interest here: whatever it says, nothing may get wider.
        let tight = base.clone().tighten(&read_repository(&repository, &base).0);
        let may = |policy: &Policy| {
            let mut ledger = Ledger::default();
            limits(&mut ledger, policy, &fleet);
            let wish = Wish::default();
            eligible(&Question { shape: &shape, wish, fleet: &fleet, policy, ledger: &ledger, now: Now(5) })
        };
        let (before, after) = (may(&base), may(&tight));
        prop_assert!(after.iter().all(|one| before.contains(one)), "{before:?} {after:?}");
        prop_assert_eq!(tight.rules(), base.rules());
    }

    #[test]
    fn slower_dearer_or_with_less_quota_never_helps(
        shape in shapes(), mut fleet in members(), which in 0usize..8, more in 1u64..4_000, kind in 0u8..4,
    ) {
        prop_assume!(!fleet.is_empty());
        let which = which % fleet.len();
        let policy = Policy::built_in();
        let place = |fleet: &[Member], ledger: &Ledger| {
            let wish = Wish::default();
            let question = Question { shape: &shape, wish, fleet, policy: &policy, ledger, now: Now(5) };
            match decide(&question) {
                Ok(d) => {
                    let name = format!("m{which}");
                    let at = d.ranked().iter().position(|r| r.member.model.0 == name);
                    (Some(d.lane), at.unwrap_or(usize::MAX))
                }
                Err(_) => (None, usize::MAX),
            }
        };
        let mut ledger = Ledger::default();
        let (lane, before) = place(&fleet, &ledger);
        let one = &mut fleet[which];
        let speed = one.speed.as_mut().unwrap();
        let price = one.price.as_mut().unwrap();
        match kind {
            0 => speed.ttft_p95_us += more * 1_000,
            1 => speed.tokens_per_s = speed.tokens_per_s.saturating_sub(u32::try_from(more % 99).unwrap()).max(1),
            2 => { price.input += more * 10_000; price.output += more * 10_000; }
            _ => ledger.limit_model(&one.model.0.clone(), Limits { tokens: Some(more), ..Limits::default() }),
        }
        let (after_lane, after) = place(&fleet, &ledger);
        if lane == after_lane {
            prop_assert!(after >= before, "{before} {after}");
        } else {
            prop_assert!(after_lane != Some(Lane::Fast), "an emptied lane gives way to the slow one or to nothing");
            prop_assert_eq!(before, 0, "and only when its last one went");
        }
    }
}
