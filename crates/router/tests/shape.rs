//! Shapes as data: one fact of one prompt, and what said so.

use brisk_domain::Intent;
use brisk_router::policy::FactName;
use brisk_router::scale::{Latency, Tool, Trust};
use brisk_router::shape::{Evidence, Fact, Given, Shape, Site, shape};
use proptest::prelude::*;

fn given(targets: &[&str]) -> Given {
    Given {
        sites: targets.iter().map(|t| Site::parse(t)).collect(),
        interactive: Some(true),
        ..Given::only(Intent::Edit)
    }
}

/// `value: evidence, evidence`.
fn line<T>(fact: &Fact<T>, name: impl Fn(&T) -> String, text: &str, shape: &Shape) -> String {
    let value = fact.value.as_ref().map_or_else(|| "unknown".to_owned(), name);
    let because = fact.because.iter().map(|e| match e {
        Evidence::Words { start, end } => text[*start..*end].to_owned(),
        Evidence::Place { index } => format!("@{}", shape.sites[*index].path),
        Evidence::Told { what } => format!("({what})"),
        Evidence::Silence => "-".to_owned(),
    });
    format!("{value}: {}", because.collect::<Vec<_>>().join(", "))
}

fn fact(name: FactName, text: &str, shape: &Shape) -> String {
    match name {
        FactName::Intent => line(&shape.task, |v| v.name().to_owned(), text, shape),
        FactName::Scope => line(&shape.scope, |v| v.name().to_owned(), text, shape),
        FactName::Files => line(&shape.files, u32::to_string, text, shape),
        FactName::Lines => line(&shape.lines, u32::to_string, text, shape),
        FactName::Context => line(&shape.context, u32::to_string, text, shape),
        FactName::Reversible => line(&shape.reversible, bool::to_string, text, shape),
        FactName::Ambiguity => line(&shape.ambiguity, |v| v.name().to_owned(), text, shape),
        FactName::Safety => line(&shape.safety, |v| v.name().to_owned(), text, shape),
        FactName::WantsTests => line(&shape.wants_tests, bool::to_string, text, shape),
        FactName::Tools => line(&shape.tools, |v| v.names(Tool::NAMES).join(" "), text, shape),
        FactName::Interactive => line(&shape.interactive, bool::to_string, text, shape),
        FactName::Latency => line(&shape.latency, |v| v.name().to_owned(), text, shape),
        FactName::Trust => line(&shape.trust, |v| v.name().to_owned(), text, shape),
        FactName::Paths => shape
            .sites
            .iter()
            .map(|s| s.path.as_str())
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn check(name: FactName, text: &str, targets: &[&str], want: &str) {
    let shape = shape(text, &given(targets));
    assert_eq!(
        fact(name, text, &shape),
        want,
        "{} of {text:?} {targets:?}",
        name.name()
    );
}

#[test]
fn each_fact_has_what_said_it() {
    use FactName::{
        Ambiguity, Files, Intent, Latency, Lines, Paths, Reversible, Safety, Scope, Tools, WantsTests,
    };
    let cases: &[(FactName, &str, &[&str], &str)] = &[
        (Intent, "rename a to b", &["x.rs"], "rename: rename"),
        (Intent, "rename a to b and deploy", &["x.rs"], "operate: deploy"),
        (Intent, "hm", &["x.rs"], "unknown: "),
        (Intent, "open port 22 to the world", &["x.rs"], "edit: open"),
        (Intent, "build the SQL with an f-string", &["x.rs"], "edit: build"),
        (Scope, "convert everything here", &["src/"], "repository: @src/"),
        (Scope, "rename a to b", &["x.rs:3-9"], "selection: @x.rs"),
        (Scope, "rename a to b", &["x.rs"], "file: @x.rs"),
        (Scope, "rename a to b", &["x.rs", "y.rs"], "files: @x.rs, @y.rs"),
        (Scope, "retry in fetch_page", &[], "file: fetch_page"),
        (Scope, "rename a to b everywhere", &[], "repository: everywhere"),
        (
            Scope,
            "update the client in all our repositories",
            &[],
            "cross-repo: all our repositories",
        ),
        (Scope, "make it shine", &[], "unknown: "),
        (Files, "rename a to b", &["x.rs", "y.rs"], "2: @x.rs, @y.rs"),
        (Files, "rename a to b everywhere", &[], "unknown: "),
        (
            Lines,
            "shorten this",
            &["x.rs:10-30"],
            "21: (lines that were named)",
        ),
        (Reversible, "rename a to b", &["x.rs"], "true: -"),
        (
            Reversible,
            "drop the users table",
            &[],
            "false: drop the users table",
        ),
        (
            Reversible,
            "add a column",
            &["db/migrations/7.sql"],
            "false: @db/migrations/7.sql",
        ),
        (Ambiguity, "it doesn't work", &[], "vague: doesn't work"),
        (Ambiguity, "rename a to b", &["x.rs"], "clear: @x.rs"),
        (Ambiguity, "rename a to b", &[], "open: rename"),
        (Safety, "rename a to b", &["x.rs"], "normal: -"),
        (
            Safety,
            "rename a to b",
            &["src/auth/x.rs"],
            "sensitive: @src/auth/x.rs",
        ),
        (Safety, "store the password", &["x.rs"], "sensitive: password"),
        (Safety, "fix the typo", &["docs/authentication.md"], "normal: -"),
        (Safety, "add a line", &["app/.npmrc"], "sensitive: @app/.npmrc"),
        (
            Safety,
            "sort",
            &["helm/values-prod.yaml"],
            "sensitive: @helm/values-prod.yaml",
        ),
        (Safety, "sort", &["src/product.rs"], "normal: -"),
        (Safety, "set verify=False", &["x.py"], "sensitive: verify=False"),
        (
            Safety,
            "make it always return true",
            &["x.py"],
            "sensitive: always return true",
        ),
        (Safety, "sort the steps", &["deploy.yml"], "guarded: @deploy.yml"),
        (
            WantsTests,
            "make all tests pass",
            &[],
            "true: all tests, tests pass",
        ),
        (WantsTests, "rename a to b", &["x.rs"], "false: -"),
        (Tools, "rename a to b", &["x.rs"], "read edit: -"),
        (
            Tools,
            "add a test, then run pytest",
            &["x.py"],
            "read edit run: run pytest",
        ),
        (
            Latency,
            "no hurry, sort the imports",
            &["x.py"],
            "relaxed: no hurry",
        ),
        (Latency, "sort the imports", &["x.py"], "instant: (client)"),
        (
            Paths,
            "use src/a.py in `b.rs`, please (see c.md).",
            &["x.py"],
            "x.py src/a.py b.rs c.md",
        ),
    ];
    for (name, text, targets, want) in cases {
        check(*name, text, targets, want);
    }
}

#[test]
fn what_nobody_told_is_unknown() {
    let shape = shape("rename a to b", &Given::only(Intent::Edit));
    assert_eq!(
        (shape.trust.value, shape.context.value, shape.interactive.value),
        (None, None, None)
    );
    assert_eq!(shape.latency.value, None);
}

#[test]
fn the_person_has_the_last_word_on_latency() {
    let given = Given {
        latency: Some(Latency::Relaxed),
        trust: Some(Trust::Known),
        ..given(&["x.py"])
    };
    let shape = shape("sort the imports", &given);
    assert_eq!(shape.latency.value, Some(Latency::Relaxed));
    assert_eq!(shape.trust.value, Some(Trust::Known));
}

proptest! {
    #[test]
    fn any_text_has_a_shape_whose_evidence_is_in_it(
        text in "([a-z'\"`./:(){}é→\u{301} \n_-]|drop|tests|src/|\\.rs|all|until){0,80}",
        targets in prop::collection::vec("[a-z./:0-9-]{0,12}", 0..3),
    ) {
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        let given = given(&targets);
        let shape = shape(&text, &given);
        // Slices the text at every evidence: a wrong offset panics.
        for (_, name) in FactName::ALL {
            fact(*name, &text, &shape);
        }
        prop_assert_eq!(&shape, &brisk_router::shape::shape(&text, &given));
        prop_assert!(shape.sites.starts_with(&given.sites));
        brisk_router::checks::prompt(&text, &targets, false);
    }
}
