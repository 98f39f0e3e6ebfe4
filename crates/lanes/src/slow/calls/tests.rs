//! What calls mean, and what is said of those that mean nothing.

use super::*;
use brisk_domain::tool::Arguments;

fn call(name: &str, arguments: &str) -> Result<Act, String> {
    read(&ToolCall {
        id: "c".into(),
        name: name.into(),
        arguments: Arguments::read(arguments),
    })
}

#[test]
fn calls_mean_what_the_lines_of_the_plain_text_protocol_mean() {
    let read = |path: &str, lines| {
        Act::Look(Look::Read {
            path: path.into(),
            lines,
        })
    };
    for (name, arguments, want) in [
        ("read", r#"{"path":"./a.rs"}"#, read("a.rs", None)),
        (
            "read",
            r#"{"path":"a.rs","first":3}"#,
            read("a.rs", Some((3, usize::MAX))),
        ),
        (
            "read",
            r#"{"path":"a.rs","last":3,"first":null}"#,
            read("a.rs", Some((1, 3))),
        ),
        ("list", "", Act::Look(Look::List { path: String::new() })),
        (
            "list",
            r#"{"path":"./src/"}"#,
            Act::Look(Look::List { path: "src".into() }),
        ),
        (
            "search",
            r#"{"text":"a.b"}"#,
            Act::Look(Look::Search { text: "a.b".into() }),
        ),
        (
            "search",
            r#"{"text":"a.b","path":"src"}"#,
            Act::Look(Look::Grep {
                pattern: "a\\.b".into(),
                below: "src".into(),
            }),
        ),
        (
            "search",
            r#"{"pattern":"a.b","text":""}"#,
            Act::Look(Look::Grep {
                pattern: "a.b".into(),
                below: String::new(),
            }),
        ),
        (
            "outline",
            r#"{"path":"a.rs"}"#,
            Act::Look(Look::Outline { path: "a.rs".into() }),
        ),
        (
            "run",
            r#"{"check":"unit"}"#,
            Act::Look(Look::Run { check: "unit".into() }),
        ),
        (
            "edit",
            r#"{"path":"a.rs","search":"x","replace":"y\n"}"#,
            Act::Edit(Edit::Lines {
                path: "a.rs".into(),
                search: "x".into(),
                replace: "y\n".into(),
            }),
        ),
        (
            "edit",
            r#"{"path":" ` ./my dir/a.rs ` ","search":" x","replace":""}"#,
            Act::Edit(Edit::Lines {
                path: "my dir/a.rs".into(),
                search: " x".into(),
                replace: String::new(),
            }),
        ),
        ("read", r#"{"path":"\"a.rs\""}"#, read("a.rs", None)),
        (
            "plan",
            r#"{"steps":["a","b"]}"#,
            Act::Plan(vec!["a".into(), "b".into()]),
        ),
        ("check", "{}", Act::Check),
        ("done", "", Act::Done),
        (
            "db__query",
            r#"{"sql":"x"}"#,
            Act::Look(Look::Tool {
                name: "db__query".into(),
                arguments: Map::from_iter([("sql".to_owned(), json!("x"))]),
            }),
        ),
    ] {
        assert_eq!(call(name, arguments), Ok(want), "{name} {arguments}");
    }
}

#[test]
fn what_means_nothing_is_said_in_words() {
    for (name, arguments, why) in [
        ("rm", r#"{"path":"/"}"#, "there is no tool \"rm\""),
        ("read", r#"{"path":"a""#, "no JSON object"),
        ("read", "{}", "`path` is missing"),
        ("read", r#"{"path":" "}"#, "`path` is empty"),
        ("read", r#"{"path":["a"]}"#, "`path` is a text"),
        ("read", r#"{"path":"a","first":5,"last":2}"#, "not above `last`"),
        ("read", r#"{"path":"a","first":-1}"#, "whole number"),
        ("read", r#"{"path":"a","offset":1}"#, "read takes no `offset`"),
        ("search", "{}", "either `text` or `pattern`"),
        (
            "search",
            r#"{"text":"a","pattern":"b"}"#,
            "either `text` or `pattern`",
        ),
        ("edit", r#"{"path":"a","search":"x"}"#, "`replace` is missing"),
        ("edit", r#"{"path":"a\nb","search":"x","replace":""}"#, "one line"),
        (
            "edit",
            r#"{"path":"` `","search":"x","replace":""}"#,
            "names no file",
        ),
        ("read", r#"{"path":"."}"#, "names no file"),
        ("apply_patch", r#"{"patch":"--- a"}"#, "*** Begin Patch"),
        ("plan", r#"{"steps":"a"}"#, "a list of texts"),
        ("done", r#"{"success":true}"#, "done takes no `success`"),
    ] {
        let said = call(name, arguments).unwrap_err();
        assert!(said.contains(why), "{name} {arguments}: {said}");
    }
}

#[test]
fn every_tool_is_understood_and_no_more_are_offered_than_may_be_used() {
    let kit = |checks: &[&str]| Kit {
        checks: checks.iter().map(|c| (*c).to_owned()).collect(),
        ..Kit::default()
    };
    let names = |format, kit: &Kit| -> Vec<String> {
        tools(format, kit)
            .into_iter()
            .map(|t| t.name.to_string())
            .collect()
    };
    let plain = names(EditFormat::SearchReplace, &kit(&[]));
    assert!(
        plain.contains(&"edit".to_owned()) && !plain.contains(&"run".to_owned()),
        "{plain:?}"
    );
    let patch = names(EditFormat::ApplyPatch, &kit(&["unit"]));
    assert!(
        patch.contains(&"apply_patch".to_owned()) && patch.contains(&"run".to_owned()),
        "{patch:?}"
    );
    for name in plain.iter().chain(&patch) {
        let said = call(name, r#"{"nothing":1}"#).unwrap_err();
        assert!(!said.contains("there is no tool"), "{name}: {said}");
    }
}
