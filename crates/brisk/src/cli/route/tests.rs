use super::explain::Told;
use super::{json, text};
use brisk_domain::{Intent, ModelId, Now};
use brisk_router::decide::{Question, Wish, decide, nearest, refusal, way_out};
use brisk_router::fleet::{Member, Price, Usable};
use brisk_router::policy::Policy;
use brisk_router::quota::Ledger;
use brisk_router::shape::{Given, Site, shape};
use brisk_router::speed::Speed;
use serde_json::Value;

fn fleet() -> Vec<Member> {
    let speed = Some(Speed {
        ttft_p50_us: 200_000,
        ttft_p95_us: 500_000,
        tokens_per_s: 100,
    });
    let near = Member {
        price: Some(Price { input: 0, output: 0 }),
        quality: Some(25),
        speed,
        ..Member::new(ModelId("near".into()), 8_192)
    };
    let far = Member {
        usable: Usable::Not("the variable KEY holds no key".into()),
        ..Member::new(ModelId("far".into()), 8_192)
    };
    vec![near, far]
}

/// Lines and object of one explanation.
fn explain(words: &str, target: &str, fleet: &[Member]) -> (String, Value) {
    let given = Given {
        sites: vec![Site::parse(target)],
        interactive: Some(true),
        context_tokens: Some(900),
        ..Given::only(Intent::Edit)
    };
    let (shape, policy, ledger) = (shape(words, &given), Policy::built_in(), Ledger::default());
    let question = Question {
        shape: &shape,
        wish: Wish::default(),
        fleet,
        policy: &policy,
        ledger: &ledger,
        now: Now(0),
    };
    let outcome = decide(&question);
    let told = Told {
        text: words,
        question: &question,
        outcome: &outcome,
        nearest: &nearest(&question, &outcome),
        live: &brisk_router::live::plan(&question).map_err(|no| no.why),
        standing: None,
    };
    let lines: Vec<String> = text::lines(&told).into_iter().map(|(_, line)| line).collect();
    let mut page = lines.join("\n");
    if let Err(refused) = &outcome {
        page.push_str(&format!(
            "\n! {}\n! {}",
            refusal(refused),
            way_out(&question, refused)
        ));
    }
    (page, json::fields(&told))
}

#[test]
fn a_page_for_a_person() {
    let (page, _) = explain("rename user to account", "src/auth/session.rs:3-9", &fleet());
    insta::assert_snapshot!(page, @r#"
    shape
      intent       rename       "rename"
      scope        selection    src/auth/session.rs
      files        1            src/auth/session.rs
      lines        7            lines that were named
      context      900          size of the files
      reversible   true         nothing speaks against it
      ambiguity    clear        src/auth/session.rs
      safety       sensitive    src/auth/session.rs
      wants_tests  false        nothing speaks against it
      tools        read, edit   nothing speaks against it
      interactive  true         client
      latency      instant      client
      trust        unknown
    lane: slow (the built-in policy, line 19: safety)
    route: fast lane, near (done live, though it looks slow: safety; the only one that fits)
      looks like work for the slow lane (`brisk delegate`): it is sensitive. Done live: nothing is run or tested (--lane fast hides this line)
    models
      > near                   73.9 = quality +75.0 waiting -1.1
        far                    no: the variable KEY holds no key
    nearest: were safety normal (src/auth/session.rs says otherwise), it would go to the fast lane
             far would be the choice, were it not for this: the variable KEY holds no key
    "#);
}

#[test]
fn an_object_for_a_script() {
    let (_, object) = explain("rename total to amount", "shop.py", &fleet());
    assert_eq!(object["lane"], "fast");
    assert_eq!(object["model"], "near");
    assert_eq!(object["fallbacks"], serde_json::json!([]));
    assert_eq!(object["shape"]["intent"]["value"], "rename");
    assert_eq!(object["shape"]["intent"]["because"][0]["from"], "words");
    assert_eq!(
        object["shape"]["tools"]["value"],
        serde_json::json!(["read", "edit"])
    );
    assert_eq!(object["reasons"][0]["why"], "rule");
    assert_eq!(object["candidates"][1]["refused"]["bar"], "unusable");
    assert!(object["candidates"][0]["score"]["total"].is_i64());
}

#[test]
fn refusals_name_a_way_out() {
    let cases = [
        ("fix the typo", &[][..], "! configure a model"),
        (
            "run the tests and fix what fails",
            &fleet()[..],
            "! `brisk trust show` says what this repository asks for",
        ),
        (
            "fix the typo",
            &fleet()[1..],
            "far: the variable KEY holds no key",
        ),
    ];
    for (words, fleet, want) in cases {
        let (page, object) = explain(words, "a.py", fleet);
        assert!(page.contains(want), "{page}");
        assert_eq!(object["model"], Value::Null);
    }
}
