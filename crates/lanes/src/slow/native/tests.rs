//! A model that calls tools, from its first call to evidence; and what bad ones are told.

use crate::slow::{Attempt, Brief, Effect, Kit, Look, plan_in};
use brisk_domain::evidence::{Digest, Tree};
use brisk_domain::job::{AttemptId, Bounds, Checked, End, Found, Proof, Step};
use brisk_domain::port::{Role, Usage};
use brisk_domain::tool::{Arguments, ToolCall, ToolRequest, ToolResult, Tooling, Turn};
use brisk_domain::{Candidate, EditFormat, JobId, ModelId};
use brisk_patch::Text;
use std::sync::Arc;

const SHOP: &str = "def total(items):\n    return 0\n\ndef other():\n    return 1\n";

fn attempt(context: usize) -> Attempt {
    with(context, Tooling::Native)
}

fn with(context: usize, tooling: Tooling) -> Attempt {
    let brief = Brief {
        id: AttemptId {
            job: JobId(1),
            number: 1,
        },
        text: "make total add up".into(),
        files: vec![],
        paths: Arc::new(["shop.py", "docs/a.md"].map(String::from).into()),
        links: Arc::new(["link".to_owned()].into()),
        instructions: None,
        model: Candidate {
            model: ModelId("m".into()),
            format: EditFormat::SearchReplace,
            context,
        },
        bounds: Bounds::default(),
        strategy: 0,
        only: None,
    };
    let kit = Kit {
        tooling,
        checks: vec!["unit".into()],
        tools: vec![],
    };
    Attempt::with(brief, &kit)
}

struct World {
    attempt: Attempt,
    steps: Vec<Step>,
    calls: usize,
    /// What was refused of the last answer.
    refused: String,
}

impl World {
    fn new(context: usize) -> World {
        World {
            attempt: attempt(context),
            steps: vec![],
            calls: 0,
            refused: String::new(),
        }
    }

    fn take(&mut self, step: Step) {
        self.steps.push(step.clone());
        self.attempt.take(step);
    }

    /// One answer with these calls, and everything that follows until the model is asked again or it is over.
    fn call(&mut self, calls: &[(&str, &str)]) -> Option<End> {
        let calls = calls.iter().map(|(name, arguments)| {
            self.calls += 1;
            ToolCall {
                id: format!("c{}", self.calls),
                name: (*name).into(),
                arguments: Arguments::read(arguments),
            }
        });
        let calls = calls.collect();
        self.take(Step::Called {
            text: String::new(),
            calls,
            usage: Usage::default(),
        });
        self.attempt.refused().clone_into(&mut self.refused);
        self.settle()
    }

    fn settle(&mut self) -> Option<End> {
        loop {
            let step = match self.attempt.next() {
                Effect::Converse(_) => return None,
                Effect::Over(end) => return Some(end),
                Effect::Ask(request) => panic!("it is asked in words: {request:?}"),
                Effect::Look(looks) => Step::Looked {
                    found: looks.iter().map(look).collect(),
                },
                Effect::Check => Step::Checked(check(&self.attempt)),
            };
            self.take(step);
        }
    }

    fn request(&self) -> ToolRequest {
        match self.attempt.next() {
            Effect::Converse(request) => *request,
            other @ (Effect::Ask(_) | Effect::Look(_) | Effect::Check | Effect::Over(_)) => {
                panic!("{other:?}")
            }
        }
    }

    /// The results that the model was told last.
    fn told(&self) -> Vec<ToolResult> {
        let turns = self.request().turns;
        let results = turns.into_iter().rev().find_map(|t| match t {
            Turn::Results { results } => Some(results),
            Turn::User { .. } | Turn::Assistant { .. } => None,
        });
        results.unwrap()
    }
}

fn look(look: &Look) -> Found {
    let words = |text: &str| Found::Words { text: text.into() };
    match look {
        Look::Read { path, .. } | Look::Outline { path } => Found::File {
            path: path.clone(),
            text: SHOP.into(),
        },
        Look::Search { .. } | Look::Grep { .. } => words("shop.py:2:     return 0"),
        Look::Run { check } if check == "unit" => words("unit: red\nexpected 6, got 0"),
        Look::Run { .. } | Look::Tool { .. } | Look::List { .. } => Found::Refused {
            text: "there is no such thing".into(),
        },
    }
}

fn check(attempt: &Attempt) -> Checked {
    let changed = attempt.changed();
    let shop = changed.get("shop.py").map(Text::joined).unwrap_or_default();
    let tree = Tree::parse(&"1".repeat(40)).unwrap();
    if shop.contains("sum(items)") {
        let line = Digest::parse(&"c".repeat(64)).unwrap();
        return Checked::Proven {
            proof: Proof::new(tree, vec![line]).unwrap(),
        };
    }
    Checked::Unproven {
        tree,
        passed: 0,
        failed: 1,
        said: "unit: red\nexpected 6".into(),
    }
}

const WRONG: (&str, &str) = (
    "edit",
    r#"{"path":"shop.py","search":"    return 0","replace":"    return 7"}"#,
);
const RIGHT: (&str, &str) = (
    "edit",
    r#"{"path":"shop.py","search":"    return 7","replace":"    return sum(items)"}"#,
);

fn good() -> World {
    let mut world = World::new(32_000);
    assert_eq!(
        world.call(&[("plan", r#"{"steps":["look","mend"]}"#), ("list", "{}")]),
        None
    );
    assert_eq!(world.call(&[("search", r#"{"text":"return 0"}"#)]), None);
    assert_eq!(
        world.call(&[
            ("read", r#"{"path":"shop.py","first":1,"last":2}"#),
            ("outline", r#"{"path":"shop.py"}"#),
            ("run", r#"{"check":"unit"}"#),
        ]),
        None
    );
    world
}

#[test]
fn the_way_of_a_good_attempt() {
    let mut world = good();
    let told = world.told();
    let ids: Vec<&str> = told.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["c4", "c5", "c6"], "each call has its own result, in order");
    assert!(
        told[0].text.contains("return 0") && !told[0].text.contains("def other"),
        "{told:?}"
    );
    assert!(told[1].text.contains("4-5 function other"), "{told:?}");
    assert!(told[2].text.contains("expected 6, got 0"), "{told:?}");
    assert_eq!(world.call(&[WRONG]), None);
    assert!(world.told()[0].text.starts_with("changed"));
    // Only what is asked for is checked, and its call hears what came of it.
    assert_eq!(world.call(&[("check", "{}")]), None);
    assert!(world.told()[0].text.contains("expected 6"), "{:?}", world.told());
    let end = world.call(&[RIGHT, ("done", "{}")]);
    assert!(matches!(end, Some(End::Proven { .. })), "{end:?}");
    let plans: Vec<_> = world.steps.iter().filter_map(plan_in).collect();
    assert_eq!(plans, [["look", "mend"]]);
}

#[test]
fn words_alone_prove_nothing_but_what_was_changed_is_checked() {
    let mut world = good();
    world.call(&[WRONG]);
    let say = |world: &mut World, text: &str| {
        world.take(Step::Said {
            text: text.into(),
            usage: Usage::default(),
        });
        world.settle()
    };
    assert_eq!(say(&mut world, "All tests pass."), None);
    let turns = world.request().turns;
    assert!(
        matches!(turns.last(), Some(Turn::User { text }) if text.contains("expected 6")),
        "{turns:?}"
    );
    let mut end = None;
    for n in 0..4 {
        assert_eq!(end, None);
        end = say(&mut world, &format!("They do pass {n}."));
    }
    let Some(End::Failed { why, best: Some(_) }) = end else {
        panic!("{end:?}");
    };
    assert!(why.contains("4 answers in a row led nowhere"), "{why}");
}

#[test]
fn an_edit_that_came_unread_goes_in_when_it_is_given_again() {
    let mut world = World::new(32_000);
    for turn in 0..3 {
        // Being shown a file is a way forward, as often as there is one.
        let other = format!(r#"{{"path":"docs/a.md","search":"{turn}","replace":"x"}}"#);
        assert_eq!(world.call(&[("edit", &other)]), None);
    }
    assert_eq!(world.call(&[WRONG]), None);
    assert!(world.told()[0].text.contains("not read before"));
    assert_eq!(world.call(&[WRONG]), None);
    assert!(world.told()[0].text.starts_with("changed"), "{:?}", world.told());
    assert_eq!(world.attempt.changed().len(), 1);
}

/// What a bad model calls again and again, and what it is told.
#[test]
fn every_bad_model_is_told_in_results_and_comes_to_an_end() {
    let cases: [(&str, &str, &str, &str); 10] = [
        ("an unknown tool", "rm", r#"{"path":"/"}"#, "there is no tool"),
        ("no JSON", "read", r#"{"path":"#, "no JSON object"),
        ("a wrong argument", "read", r#"{"file":"a"}"#, "`path` is missing"),
        (
            "reads outside",
            "read",
            r#"{"path":"../../etc/passwd"}"#,
            "not a path inside",
        ),
        (
            "searches outside",
            "search",
            r#"{"text":"a","path":"../x"}"#,
            "not a path inside",
        ),
        (
            "writes outside",
            "edit",
            r#"{"path":"../x","search":"","replace":"1"}"#,
            "not a path inside",
        ),
        (
            "a check that is none",
            "run",
            r#"{"check":"rm -rf /"}"#,
            "no such thing",
        ),
        ("a server that is none", "db__drop", "{}", "no such thing"),
        (
            "claims success",
            "done",
            "{}",
            "Nothing in the repository is changed",
        ),
        (
            "a file that is none",
            "outline",
            r#"{"path":"no.py"}"#,
            "there is no file",
        ),
    ];
    for (name, tool, arguments, want) in cases {
        let mut world = World::new(32_000);
        for turn in 0..4 {
            let end = world.call(&[(tool, arguments)]);
            if turn == 3 {
                let Some(End::Failed { why, .. }) = end else {
                    panic!("{name}: {end:?}");
                };
                assert!(why.contains("4 answers in a row led nowhere"), "{name}: {why}");
                // The cause, and not what the model was told to do about its repetition.
                let cause = match name {
                    "claims success" => "nothing was changed; then the same answer again",
                    _ => want,
                };
                assert!(
                    why.contains(cause) && !why.contains("Do something else"),
                    "{name}: {why}"
                );
                break;
            }
            assert_eq!(end, None, "{name}");
            let told = world.told();
            // What looks find stands in the log anyway.
            let kept = match (want, turn) {
                ("no such thing", 0) => "",
                _ => told[0].text.as_str(),
            };
            assert_eq!(world.refused, kept, "{name}");
            let want = if turn == 0 { want } else { "" };
            assert!(told[0].failed && told[0].text.contains(want), "{name}: {told:?}");
        }
        assert!(world.attempt.changed().is_empty(), "{name}");
    }
}

#[test]
fn a_model_that_goes_in_circles_is_told_and_stopped() {
    let mut world = World::new(32_000);
    let mut end = None;
    let mut seen = false;
    for n in 0..6 {
        end = world.call(&[("read", r#"{"path":"shop.py"}"#)]);
        if end.is_some() {
            break;
        }
        seen |= n > 0 && world.told()[0].text.contains("same answer before");
    }
    assert!(seen && matches!(end, Some(End::Failed { .. })), "{end:?}");
    // Others that are different each time meet the bound of answers.
    let mut world = World::new(32_000);
    let end = (0..400).find_map(|n| world.call(&[("search", &format!(r#"{{"text":"{n}"}}"#))]));
    let Some(End::Failed { why, .. }) = end else {
        panic!("{end:?}");
    };
    assert!(why.contains("it took more than"), "{why}");
}

#[test]
fn what_is_refused_beside_something_good_is_no_waste_and_nothing_unread_is_edited() {
    let mut world = World::new(32_000);
    // The file is shown in place of the edit.
    assert_eq!(world.call(&[WRONG, ("done", "{}")]), None);
    let told = world.told();
    assert!(
        told[0].text.contains("not read before") && told[0].text.contains("def total"),
        "{told:?}"
    );
    assert!(
        told[1].failed && told[1].text.contains("nothing was checked"),
        "{told:?}"
    );
    assert!(world.attempt.changed().is_empty());
    assert_eq!(world.call(&[WRONG]), None);
    assert_eq!(world.attempt.changed().len(), 1);
}

#[test]
fn the_person_is_heard_between_a_result_and_the_next_call() {
    let mut world = World::new(32_000);
    world.take(Step::Called {
        text: String::new(),
        calls: vec![ToolCall {
            id: "c1".into(),
            name: "search".into(),
            arguments: Arguments::read(r#"{"text":"x"}"#),
        }],
        usage: Usage::default(),
    });
    world.take(Step::Steered { text: "hurry".into() });
    world.settle();
    let turns = world.request().turns;
    let [Turn::Assistant { .. }, Turn::Results { .. }, Turn::User { text }] = &turns[..] else {
        panic!("{turns:?}");
    };
    assert!(text.contains("The person says: hurry"));
}

#[test]
fn the_same_steps_lead_to_the_same_place_from_anywhere() {
    let mut world = good();
    world.call(&[WRONG, ("check", "{}")]);
    world.call(&[RIGHT]);
    for cut in 0..=world.steps.len() {
        let mut again = attempt(32_000);
        let (first, rest) = world.steps.split_at(cut);
        first.iter().for_each(|step| again.take(step.clone()));
        let before = again.next();
        again.take(match &before {
            Effect::Converse(_) => Step::Looked { found: vec![] },
            Effect::Ask(_) | Effect::Look(_) | Effect::Check | Effect::Over(_) => Step::Said {
                text: "late".into(),
                usage: Usage::default(),
            },
        });
        assert_eq!(again.next(), before, "{cut}");
        rest.iter().for_each(|step| again.take(step.clone()));
        assert_eq!(again.next(), world.attempt.next(), "{cut}");
    }
    // A model that has lost its tools meanwhile reads the same conversation in words.
    let mut words = attempt(32_000);
    words.tools.clear();
    world.steps.iter().for_each(|step| words.take(step.clone()));
    let Effect::Ask(request) = words.next() else {
        panic!("{:?}", words.next());
    };
    let roles: Vec<Role> = request.messages.iter().skip(1).map(|m| m.role).collect();
    assert!(roles.windows(2).all(|w| w[0] != w[1]), "{roles:?}");
    assert!(
        request
            .messages
            .iter()
            .any(|m| m.text.contains("search {\"text\":\"return 0\"}"))
    );
}

/// The person's configuration may have changed between the steps and the restart that takes them again.
#[test]
fn steps_mean_the_same_with_and_without_tools() {
    let said = |text: &str| Step::Said {
        text: text.into(),
        usage: Usage::default(),
    };
    let file = || Found::File {
        path: "shop.py".into(),
        text: SHOP.into(),
    };
    let edit = "shop.py\n<<<<<<< SEARCH\n    return 0\n=======\n    return 7\n>>>>>>> REPLACE\n";
    let looked = || Step::Looked { found: vec![file()] };
    let in_words = vec![
        said("```do\nread shop.py\n```\n"),
        looked(),
        said(&format!("{edit}```do\nread shop.py\n```\n")),
        said("Let me think."),
        said("done"),
        Step::Checked(check(&with(32_000, Tooling::Words))),
        said("It is right."),
    ];
    let mut world = good();
    // More than a model without tools may answer.
    (0..12).for_each(|n| drop(world.call(&[("search", &format!(r#"{{"text":"{n}"}}"#))])));
    world.call(&[WRONG]);
    world.take(said("All tests pass."));
    world.settle();
    let place = |attempt: &Attempt| match attempt.next() {
        Effect::Ask(_) | Effect::Converse(_) => "asks".to_owned(),
        other @ (Effect::Look(_) | Effect::Check | Effect::Over(_)) => format!("{other:?}"),
    };
    for (name, steps) in [("words", in_words), ("calls", world.steps)] {
        let [mut words, mut calls] = [Tooling::Words, Tooling::Native].map(|t| with(32_000, t));
        for (n, step) in steps.into_iter().enumerate() {
            words.take(step.clone());
            calls.take(step);
            assert_eq!(place(&words), place(&calls), "{name} {n}");
            assert_eq!(words.changed(), calls.changed(), "{name} {n}");
            assert_eq!(words.wasted, calls.wasted, "{name} {n}");
        }
        assert_eq!((words.changed().len(), words.rounds), (1, 1), "{name}");
    }
}

/// What is put into a file is never read as a patch of other files.
#[test]
fn the_tool_says_how_its_edit_is_written() {
    let mut world = good();
    let patch = "*** Begin Patch\n*** Add File: evil.py\n+x = 1\n*** End Patch";
    let arguments = serde_json::json!({"path": "new.md", "search": "", "replace": patch}).to_string();
    assert_eq!(world.call(&[("edit", &arguments)]), None);
    let changed = world.attempt.changed();
    let texts: Vec<(&str, String)> = changed.iter().map(|(p, t)| (p.as_str(), t.joined())).collect();
    assert_eq!(texts, [("new.md", format!("{patch}\n"))]);
    // In words the marker that comes first says it.
    let block = |text: &str| format!("a.md\n<<<<<<< SEARCH\n=======\n{text}\n>>>>>>> REPLACE\n");
    world.take(Step::Said {
        text: block(patch).replace("a.md", "b.md"),
        usage: Usage::default(),
    });
    let paths: Vec<String> = world.attempt.changed().into_keys().collect();
    assert_eq!(paths, ["b.md", "new.md"]);
    world.settle();
    let of_blocks: String = block("x").lines().map(|l| format!("+{l}\n")).collect();
    world.take(Step::Said {
        text: format!("*** Begin Patch\n*** Add File: c.md\n{of_blocks}*** End Patch\n"),
        usage: Usage::default(),
    });
    assert_eq!(world.attempt.changed()["c.md"].joined(), block("x"));
}

#[test]
fn the_window_holds_whatever_comes_and_no_result_loses_its_call() {
    for context in [4_096, 8_192, 32_768] {
        let mut world = World::new(context);
        for n in 0..60 {
            let long = format!("{n}{}", "x".repeat(context));
            world.take(Step::Called {
                text: long.clone(),
                calls: vec![
                    ToolCall {
                        id: format!("a{n}"),
                        name: "search".into(),
                        arguments: Arguments::read(&format!(r#"{{"text":"{n}"}}"#)),
                    },
                    ToolCall {
                        id: format!("b{n}"),
                        name: "list".into(),
                        arguments: Arguments::read("{}"),
                    },
                ],
                usage: Usage::default(),
            });
            if let Effect::Look(looks) = world.attempt.next() {
                let found = looks.iter().map(|_| Found::Words { text: long.clone() });
                world.take(Step::Looked {
                    found: found.collect(),
                });
            }
            let Effect::Converse(request) = world.attempt.next() else {
                break;
            };
            let opening: usize = request.plain.messages.iter().map(|m| m.text.len()).sum();
            let tokens = (opening + request.bytes()) / 3 + request.plain.max_tokens;
            assert!(tokens <= context, "{context}: {tokens} after {n}");
            let mut open: Vec<String> = Vec::new();
            for turn in &request.turns {
                match turn {
                    Turn::Assistant { calls, .. } => {
                        assert!(open.is_empty(), "a call without a result");
                        open = calls.iter().map(|c| c.id.clone()).collect();
                    }
                    Turn::Results { results } => {
                        let ids: Vec<String> = results.iter().map(|r| r.id.clone()).collect();
                        assert_eq!(ids, std::mem::take(&mut open));
                    }
                    Turn::User { .. } => {}
                }
            }
            assert!(open.is_empty());
        }
        let opening = world.request().plain.messages[1].text.clone();
        assert!(opening.contains("earlier messages are left out"), "{context}");
    }
}
