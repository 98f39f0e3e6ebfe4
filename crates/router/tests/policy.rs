//! Policy files as data: what is found in them, and that a repository's file never widens anything.

use brisk_router::checks;
use brisk_router::policy::{BUILT_IN, Level, Policy, lint, read_person, read_repository, unpriced};
use proptest::prelude::*;

const KNOWN: &[&str] = &["big", "small"];

/// The findings of a person's file as `line:column level message`.
fn person(text: &str) -> Vec<String> {
    let (file, mut found) = read_person(text);
    found.extend(lint(text, &file, KNOWN));
    found.iter().map(line).collect()
}

fn line(f: &brisk_router::policy::Finding) -> String {
    let level = match f.level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    format!("{}:{} {level} {}", f.line, f.column, f.message)
}

/// Exactly one finding, at this place, with these words in it.
fn check(found: &[String], place: &str, words: &str) {
    let sound = matches!(found, [one] if one.starts_with(place) && one.contains(words));
    assert!(sound, "wanted {place} ... {words}, got {found:#?}");
}

#[test]
fn what_is_built_in_is_sound() {
    assert_eq!(person(BUILT_IN), Vec::<String>::new());
    assert!(Policy::built_in().rules().len() >= 3);
    assert!(!Policy::built_in().denies().is_empty());
}

#[test]
fn a_bound_of_money_needs_prices() {
    let lane = "[lanes.fast]\nquota = { dollars_per_day = 5 }\n";
    let model = "[models.big]\nquota = { dollars_per_day = 5 }\n";
    let price = "price = { input = 1, output = 2 }\n";
    let cases = [
        (lane.to_owned(), &[][..], Some("2:")),
        (lane.to_owned(), &["small"], None),
        (format!("{lane}[models.big]\n{price}"), &[], None),
        (model.to_owned(), &["small"], Some("2:")),
        (model.to_owned(), &["big"], None),
        (format!("{model}{price}"), &[], None),
        // Only whom the lane may ask counts.
        (format!("{lane}candidates = [\"big\"]\n"), &["small"], Some("2:")),
        (format!("{lane}candidates = [\"small\"]\n"), &["small"], None),
        (lane.to_owned(), &["slow"], Some("2:")),
        (lane.replace("fast", "slow"), &["slow"], None),
    ];
    let slow: Vec<&str> = KNOWN.iter().copied().chain(["slow"]).collect();
    for (text, priced, place) in cases {
        let found = unpriced(&text, &read_person(&text).0, [KNOWN, &slow], priced);
        let found: Vec<String> = found.iter().map(line).collect();
        match place {
            Some(place) => check(&found, place, "price"),
            None => assert_eq!(found, Vec::<String>::new(), "{text}"),
        }
    }
}

#[test]
fn a_full_file_is_read() {
    let text = "default = \"fast\"\n\
        [lanes.fast]\ntools = [\"read\"]\ncandidates = [\"big\"]\ntrust.min = \"known\"\n\
        quota = { concurrent = 4, tokens_per_min = 200_000, dollars_per_day = 2.5, reserve_percent = 25 }\n\
        [models.big]\nlanes = [\"slow\"]\nsafety.max = \"guarded\"\nprice = { input = 1.25, output = 10 }\nquality = 90\npool = \"p\"\n\
        [score]\nlatency = 9000\n\
        [[rule]]\nwhen = { any = [{ safety.min = \"sensitive\" }, { all = [{ files = 3 }, { paths = [\"src/**\"] }] }] }\nlane = \"slow\"\n\
        [[deny]]\nwhen = { interactive = true }\nmodels = [\"small\"]\n";
    assert_eq!(person(text), Vec::<String>::new());
    let policy = Policy::built_in().with(&read_person(text).0);
    let fast = policy.lane(brisk_domain::Lane::Fast);
    assert_eq!(fast.limits.money, Some(2_500_000));
    assert_eq!(fast.limits.reserve_percent, Some(25));
    assert_eq!(policy.model("big").input_price, Some(1_250_000));
    assert_eq!(policy.model("big").output_price, Some(10_000_000));
    assert_eq!(policy.weights().latency, 9_000);
    assert_eq!(policy.default_lane(), brisk_domain::Lane::Fast);
    assert_eq!(policy.rules().len(), Policy::built_in().rules().len() + 1);
}

#[test]
fn mistakes_have_line_and_column() {
    let rule = |when: &str| format!("# a comment\n[[rule]]\nwhen = {when}\nlane = \"slow\"\n");
    let cases: &[(String, &str, &str)] = &[
        ("defalt = \"slow\"".into(), "1:1 error", "unknown key `defalt`"),
        ("default = \"slow".into(), "1:", "error"),
        (
            "[lanes.swift]\nenabled = true".into(),
            "1:8 error",
            "unknown lane `swift`; known: fast, slow",
        ),
        (
            "[lanes.fast]\nspeed = 1".into(),
            "2:1 error",
            "unknown key of a lane `speed`",
        ),
        (
            "[models.huge]\nquality = 3".into(),
            "1:9 error",
            "unknown model `huge`; known: big, small",
        ),
        ("[models.big]\nquality = 300".into(), "2:11 error", "0 to 100"),
        (
            "[models.big]\nprice = { input = -1 }".into(),
            "2:19 error",
            "dollars",
        ),
        (
            "[lanes.fast]\nquota = { tokens = 3 }".into(),
            "2:11 error",
            "unknown quota `tokens`",
        ),
        ("[score]\nluck = 3".into(), "2:1 error", "unknown weight `luck`"),
        (
            rule("{ colour = \"red\" }"),
            "3:10 error",
            "unknown fact `colour`; known: ambiguity",
        ),
        (
            rule("{ scope = \"galaxy\" }"),
            "3:18 error",
            "unknown value of scope `galaxy`",
        ),
        (
            rule("{ files.least = 2 }"),
            "3:16 error",
            "unknown bound of files `least`",
        ),
        (rule("{ paths = [] }"), "3:18 error", "write at least one pattern"),
        (
            rule("{ paths = [\"a/**\", \"[bad\"] }"),
            "3:27 error",
            "`[bad` has a bracket that is not closed",
        ),
        (
            "[lanes.fast]\ncandidates = []".into(),
            "2:14 error",
            "a list of no models lets nobody work",
        ),
        (
            "[[deny]]\nmodels = []\nwhen = {}".into(),
            "2:10 error",
            "denies nothing",
        ),
        (
            "[lanes.fast]\nenabled = false\n[lanes.slow]\nenabled = false".into(),
            "4:1 warning",
            "everything is refused",
        ),
        (
            rule("{ files.min = 5, files.max = 2 }"),
            "3:10 error",
            "files cannot be at least 5 and at most 2",
        ),
        (
            rule("{ safety = { min = \"sensitive\", max = \"normal\" } }"),
            "3:10 error",
            "safety cannot be at least sensitive and at most normal",
        ),
        (
            rule("{ all = [{ lines.max = 5 }, { lines.min = 9 }] }"),
            "3:8 error",
            "this never holds: its bounds on lines contradict",
        ),
        (
            rule("{ reversible = true, any = [{ reversible = false }, { files = 1 }] }"),
            "3:8 warning",
            "a part of this never holds: its bounds on reversible",
        ),
        (rule("{ any = [] }"), "3:10 error", "`any` of nothing"),
        (rule("3"), "3:8 error", "a condition is a table"),
        (
            "[[rule]]\nlane = \"fast\"".into(),
            "1:1 error",
            "a rule needs `when`",
        ),
        ("[[rule]]\nwhen = {}".into(), "1:1 error", "a rule needs `lane`"),
        (
            "[[deny]]\nwhen = {}\nmodels = [\"tiny\"]".into(),
            "3:11 error",
            "unknown model `tiny`",
        ),
        ("[rule]\nwhen = {}".into(), "1:", "double brackets"),
        (
            "[lanes.fast]\nhedge = \"no\"".into(),
            "2:9 error",
            "true or false",
        ),
        (
            "[lanes.fast]\nhedge = { after_ms = 0 }".into(),
            "2:22 error",
            "1 or more",
        ),
        (
            "[lanes.fast]\nhedge = { before_ms = 9, after_ms = 1 }".into(),
            "2:11 error",
            "unknown key of hedge",
        ),
        ("[lanes.fast]\nhedge = {}".into(), "2:9 error", "{ after_ms = N }"),
        (
            "[lanes.slow]\nhedge = true".into(),
            "2:1 error",
            "only in the fast lane",
        ),
    ];
    for (text, place, words) in cases {
        check(&person(text), place, words);
    }
}

#[test]
fn a_rule_that_is_never_reached_is_named() {
    let two = |first: &str, second: &str| {
        format!("[[rule]]\nwhen = {first}\nlane = \"slow\"\n[[rule]]\nwhen = {second}\nlane = \"fast\"\n")
    };
    let hidden = [
        ("{}", "{ files = 1 }"),
        ("{ files.max = 5 }", "{ files.max = 2 }"),
        ("{ files.max = 5 }", "{ files = 3, reversible = true }"),
        ("{ safety.min = \"guarded\" }", "{ safety = \"sensitive\" }"),
        (
            "{ any = [{ intent = \"edit\" }, { files.min = 3 }] }",
            "{ intent = \"edit\", scope = \"file\" }",
        ),
        ("{ tools = [\"run\", \"network\"] }", "{ tools = \"run\" }"),
        ("{ paths = [\"a/**\", \"b/**\"] }", "{ paths = [\"a/**\"] }"),
    ];
    for (first, second) in hidden {
        check(
            &person(&two(first, second)),
            "5:8 warning",
            "never reached: the one in line 2",
        );
    }
    let seen = [
        ("{ files = 1 }", "{}"),
        ("{ files.max = 2 }", "{ files.max = 5 }"),
        ("{ intent = \"edit\", files = 1 }", "{ intent = \"edit\" }"),
        (
            "{ any = [{ intent = \"edit\" }, { files.min = 3 }] }",
            "{ files.min = 2 }",
        ),
        ("{ tools = \"run\" }", "{ tools = [\"run\", \"network\"] }"),
        ("{ files.max = 2 }", "{ lines.max = 2 }"),
    ];
    for (first, second) in seen {
        assert_eq!(
            person(&two(first, second)),
            Vec::<String>::new(),
            "{first} then {second}"
        );
    }
}

#[test]
fn a_repository_that_loosens_is_told_and_changes_nothing() {
    let person = "[lanes.fast]\ncandidates = [\"small\"]\nquota.concurrent = 2\ntrust.min = \"known\"\n\
                  [models.big]\nenabled = false\nsafety.max = \"normal\"\n";
    let base = Policy::built_in().with(&read_person(person).0);
    let cases = [
        (
            "default = \"fast\"",
            "1:1 error",
            "`default` is the person's to say",
        ),
        (
            "[[rule]]\nwhen = {}\nlane = \"fast\"",
            "1:3 error",
            "`rule` is the person's to say",
        ),
        ("[score]\nlatency = 1", "1:2 error", "`score` is the person's"),
        (
            "[lanes.fast]\ntools = [\"read\", \"run\"]",
            "2:1 error",
            "lanes.fast.tools is wider",
        ),
        (
            "[lanes.fast]\ncandidates = [\"big\", \"small\"]",
            "2:1 error",
            "lanes.fast.candidates is wider",
        ),
        (
            "[lanes.fast]\nquota.concurrent = 3",
            "2:1 error",
            "lanes.fast.quota is wider",
        ),
        (
            "[lanes.fast]\nquota.reserve_percent = 3",
            "2:7 error",
            "`reserve_percent` is the person's",
        ),
        (
            "[lanes.fast]\nhedge = false",
            "2:1 error",
            "`hedge` is the person's",
        ),
        (
            "[lanes.fast]\ntrust.min = \"untrusted\"",
            "2:1 error",
            "lanes.fast.trust is wider",
        ),
        (
            "[models.big]\nenabled = true",
            "2:1 error",
            "models.big.enabled is wider",
        ),
        (
            "[models.big]\nsafety.max = \"sensitive\"",
            "2:1 error",
            "models.big.safety is wider",
        ),
        (
            "[models.big]\nprice.input = 0",
            "2:1 error",
            "`price` is the person's",
        ),
    ];
    for (text, place, words) in cases {
        let (less, found) = read_repository(text, &base);
        let found: Vec<String> = found.iter().map(line).collect();
        check(&found, place, words);
        let with = base.clone().tighten(&less);
        assert_eq!(with.rules(), base.rules(), "{text}");
        assert_eq!(with.default_lane(), base.default_lane(), "{text}");
        assert_eq!(with.model("big"), base.model("big"), "{text}");
        let (own, was) = (
            with.lane(brisk_domain::Lane::Fast),
            base.lane(brisk_domain::Lane::Fast),
        );
        assert_eq!(&own.meet(was), own, "{text}");
    }
    let tighter = "[lanes.slow]\nenabled = false\n[lanes.fast]\nquota.concurrent = 1\ncandidates = []\n\
                   [[deny]]\nwhen = { paths = [\"infra/**\"] }\nlane = \"fast\"\n";
    let (less, found) = read_repository(tighter, &base);
    assert!(found.is_empty(), "{found:?}");
    let with = base.clone().tighten(&less);
    assert!(!with.lane(brisk_domain::Lane::Slow).enabled);
    assert_eq!(with.lane(brisk_domain::Lane::Fast).limits.concurrent, Some(1));
    assert_eq!(with.denies().len(), base.denies().len() + 1);
}

#[test]
fn the_example_of_the_page_is_sound() {
    let page = include_str!("../../../docs/routing.md");
    let example = page
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let text = example.unwrap_or_default();
    assert!(text.contains("[[rule]]"));
    let (file, mut found) = read_person(text);
    found.extend(lint(text, &file, &["spark", "local"]));
    assert_eq!(found.iter().map(line).collect::<Vec<_>>(), Vec::<String>::new());
}

/// Words of policies, so that random files come near to sound ones.
fn words() -> impl Strategy<Value = String> {
    let known = [
        "[lanes.fast]\n",
        "[lanes.slow]\n",
        "[models.a]\n",
        "[models.\"b\"]\n",
        "[[rule]]\n",
        "[[deny]]\n",
        "[score]\n",
        "when = ",
        "lane = \"fast\"\n",
        "lane = \"slow\"\n",
        "default = \"fast\"\n",
        "{ files.max = 2 }\n",
        "{}\n",
        "{ any = [{ intent = \"edit\" }, { safety.min = \"guarded\" }] }\n",
        "{ paths = [\"a/**\", \"[\"] }\n",
        "candidates = [\"a\"]\n",
        "candidates = []\n",
        "tools = [\"read\"]\n",
        "enabled = false\n",
        "enabled = true\n",
        "trust.min = \"known\"\n",
        "safety.max = \"normal\"\n",
        "quota = { concurrent = 1, dollars_per_day = 0.5 }\n",
        "quota.tokens_per_min = 9\n",
        "hedge = { after_ms = 3 }\n",
        "hedge = false\n",
        "price = { input = 1, output = 2 }\n",
        "models = [\"b\"]\n",
        "quality = 7\n",
        "pool = \"p\"\n",
        "latency = 1\n",
        "= ",
        "\"",
        "\u{e4}",
        "\n",
        "# x",
    ];
    let part = prop_oneof![
        8 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => ".{0,6}",
    ];
    prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn whatever_files_say_findings_have_a_place_and_repositories_tighten(person in words(), repository in words()) {
        checks::policies(&person, &repository);
    }
}
