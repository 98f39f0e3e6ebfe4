#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else comes is a failure of the test"
)]

use super::*;
use brisk_domain::evidence::{Digest, Tree};
use brisk_domain::job::Proof;
use brisk_domain::parts::Scope;
use brisk_domain::port::{Role, Usage};
use brisk_domain::{CancelReason, EditFormat, JobId, ModelId};
use std::sync::Arc;

const SHOP: &str = "def total(items):\n    return 0\n";
const NOTES: &str = "one\ntwo\nthree\n";

fn right() -> String {
    edit("shop.py", "    return 0\n", "    return sum(items)\n")
}

fn edit(path: &str, old: &str, new: &str) -> String {
    format!("{path}\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n")
}

fn requests(lines: &str) -> String {
    format!("```do\n{lines}\n```\n")
}

fn brief(bounds: Bounds, context: usize) -> Brief {
    let paths = ["shop.py", "notes.txt", "docs/a.md", "docs/b.md"];
    Brief {
        id: AttemptId {
            job: JobId(1),
            number: 1,
        },
        text: "make total add up".into(),
        files: vec![],
        paths: Arc::new(paths.map(String::from).into()),
        links: Arc::new(["link".to_owned()].into()),
        instructions: Some("Use four spaces.".into()),
        model: Candidate {
            model: ModelId("m".into()),
            format: EditFormat::SearchReplace,
            context,
        },
        bounds,
        strategy: 0,
        only: None,
    }
}

/// The world around an attempt: what is in the base, and checks that pass once the total adds up.
struct World {
    attempt: Attempt,
    steps: Vec<Step>,
    checks: u32,
    /// All that was refused.
    refused: String,
}

impl World {
    fn new(bounds: Bounds, context: usize) -> World {
        World {
            attempt: Attempt::new(brief(bounds, context)),
            steps: vec![],
            checks: 0,
            refused: String::new(),
        }
    }

    fn take(&mut self, step: Step) {
        self.steps.push(step.clone());
        self.attempt.take(step);
    }

    /// Answers everything but the model. Gives the end, or `None` when the model is to be asked.
    fn settle(&mut self) -> Option<End> {
        loop {
            let step = match self.attempt.next() {
                Effect::Ask(_) => return None,
                Effect::Converse(request) => panic!("it has no tools: {request:?}"),
                Effect::Over(end) => return Some(end),
                Effect::Look(looks) => Step::Looked {
                    found: looks.iter().map(look).collect(),
                },
                Effect::Check => {
                    self.checks += 1;
                    Step::Checked(check(&self.attempt.changed()))
                }
            };
            self.take(step);
        }
    }

    fn say(&mut self, text: &str) -> Option<End> {
        self.take(Step::Said {
            text: text.into(),
            usage: Usage::default(),
        });
        self.refused.push_str(self.attempt.refused());
        self.settle()
    }

    /// What the model was told last.
    fn told(&self) -> String {
        match self.attempt.next() {
            Effect::Ask(request) => request.messages.last().unwrap().text.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

fn look(look: &Look) -> Found {
    match look {
        Look::Read { path, .. } => Found::File {
            path: path.clone(),
            text: if path == "shop.py" { SHOP } else { NOTES }.into(),
        },
        other => Found::Words {
            text: format!("{other}: shop.py:2: return 0"),
        },
    }
}

fn tree(n: usize) -> Tree {
    Tree::parse(&format!("{n:040x}")).unwrap()
}

fn check(changed: &BTreeMap<String, Text>) -> Checked {
    let shop = changed.get("shop.py").map(Text::joined).unwrap_or_default();
    if shop.contains("sum(items)") {
        let line = Digest::parse(&"c".repeat(64)).unwrap();
        return Checked::Proven {
            proof: Proof::new(tree(1), vec![line]).unwrap(),
        };
    }
    Checked::Unproven {
        tree: tree(shop.len()),
        passed: 1,
        failed: 2,
        said: "test: 2 tests failed\nexpected 6, got 0".into(),
    }
}

#[test]
fn the_way_of_a_good_attempt() {
    let mut world = World::new(Bounds::default(), 8_192);
    assert_eq!(world.say(&requests("list\nsearch return 0\nread shop.py")), None);
    let told = world.told();
    assert!(
        told.contains("docs/\n") && told.contains("def total") && told.contains("shop.py:2"),
        "{told}"
    );
    assert_eq!(
        world.say(&edit("shop.py", "    return 0\n", "    return 1\n")),
        None
    );
    let told = world.told();
    assert!(
        told.contains("expected 6, got 0") && told.contains("5 more rounds"),
        "{told}"
    );
    let end = world.say(&edit("shop.py", "    return 1\n", "    return sum(items)\n"));
    let Some(End::Proven { size, .. }) = end else {
        panic!("{end:?}");
    };
    assert_eq!((size, world.checks), (PatchSize { lines: 2, files: 1 }, 2));
}

/// What a bad model says again and again, with what it is told at least once, and how it ends.
#[test]
fn every_bad_model_is_told_in_words_and_comes_to_an_end() {
    let all_of_it: String = (0..900).map(|n| format!("x{n} = {n}\n")).collect();
    let cases: Vec<(&str, Vec<String>, &str)> = vec![
        (
            "unknown requests",
            vec![requests("run rm -rf /"), requests("browse http://x")],
            "There is no request",
        ),
        (
            "outside",
            vec![requests("read ../../etc/passwd"), requests("read .GIT/config")],
            "not a path inside",
        ),
        (
            "writes outside",
            vec![
                edit("../x.py", "", "1\n"),
                edit(".git/hooks/post-commit", "", "1\n"),
            ],
            "inside the repository",
        ),
        (
            "repeats itself",
            vec![requests("read notes.txt")],
            "same answer before",
        ),
        (
            "claims success",
            vec!["All tests pass now!".into(), "It works, I ran them.".into()],
            "no request and no edit",
        ),
        (
            "done at once",
            vec![requests("done"), "done\n".into()],
            "Nothing in the repository is changed",
        ),
        (
            "checks nothing",
            vec![requests("check"), "check".into()],
            "Nothing in the repository is changed",
        ),
        (
            "says nothing",
            vec![String::new(), " \n".into()],
            "no request and no edit",
        ),
        (
            "rewrites everything",
            vec![edit("big.py", "", &all_of_it), edit("big2.py", "", &all_of_it)],
            "are allowed",
        ),
        (
            "makes a file that is there",
            vec![edit("notes.txt", "", "x = 1\n")],
            "exists already",
        ),
        (
            "changes nothing",
            vec![
                requests("read shop.py"),
                edit("shop.py", "    return 0\n", "    return 0\n"),
            ],
            "an edit changes nothing",
        ),
        (
            "breaks the syntax",
            vec![
                requests("read shop.py"),
                edit("shop.py", "    return 0\n", "    return (((\n"),
            ],
            "syntax error",
        ),
        (
            "quotes what is not there",
            vec![
                requests("read shop.py"),
                edit("shop.py", "    return 7\n", "    return 8\n"),
            ],
            "not there",
        ),
        (
            "differs in case",
            vec![edit("Shop.py", "", "1\n"), edit("SHOP.PY", "", "1\n")],
            "differs only in case",
        ),
        (
            "a file for a folder",
            vec![edit("docs", "", "1\n"), edit("notes.txt/x", "", "1\n")],
            "cannot have one name",
        ),
    ];
    for (name, answers, told) in cases {
        let mut world = World::new(Bounds::default(), 32_000);
        let mut seen = String::new();
        let mut end = None;
        for turn in 0..200 {
            // Each says its things in turn, with a word that makes them differ: or they would count as repeated.
            let answer = answers.get(turn % answers.len()).unwrap();
            let varied = if name.starts_with("repeats") {
                answer.clone()
            } else {
                format!("{answer}\n# {turn}\n")
            };
            end = world.say(&varied);
            if end.is_some() {
                break;
            }
            seen.push_str(&world.told());
        }
        assert!(matches!(end, Some(End::Failed { .. })), "{name}: {end:?}");
        assert!(seen.contains(told), "{name}: {seen}");
        assert!(world.refused.contains(told), "{name}: {}", world.refused);
        assert!(world.attempt.changed().is_empty(), "{name}");
    }
}

#[test]
fn checks_that_never_pass_end_it_with_the_best_that_there_was() {
    let bounds = Bounds {
        rounds: 3,
        ..Bounds::default()
    };
    let mut world = World::new(bounds, 8_192);
    world.say(&requests("read shop.py"));
    let mut end = None;
    for n in 0..3 {
        assert_eq!(end, None, "{n}");
        end = world.say(&edit(
            "shop.py",
            &format!("    return {n}\n"),
            &format!("    return {}\n", n + 1),
        ));
    }
    let Some(End::Failed {
        why,
        best: Some(best),
    }) = end
    else {
        panic!("{end:?}");
    };
    assert!(
        why.contains("after 3 rounds of checks: test: 2 tests failed"),
        "{why}"
    );
    assert_eq!((best.failed, best.size.lines), (2, 2));
}

#[test]
fn a_file_that_was_not_read_is_shown_before_it_is_edited() {
    let mut world = World::new(Bounds::default(), 8_192);
    assert_eq!(world.say(&right()), None);
    let told = world.told();
    assert!(
        told.contains("was not read before") && told.contains("def total"),
        "{told}"
    );
    assert!(world.attempt.changed().is_empty());
    // The very same answer: the reason for which it was refused is gone.
    assert!(matches!(world.say(&right()), Some(End::Proven { .. })));
}

#[test]
fn what_the_person_says_between_steps_is_told_with_the_next_one() {
    let mut world = World::new(Bounds::default(), 8_192);
    world.take(Step::Steered {
        text: "only touch shop.py".into(),
    });
    assert!(world.told().contains("The person says: only touch shop.py"));
    world.take(Step::Stopped {
        cause: CancelReason::OverBudget,
    });
    let Effect::Over(End::Failed { why, .. }) = world.attempt.next() else {
        panic!("it goes on");
    };
    assert_eq!(why, "its time was up");
}

#[test]
fn the_same_steps_lead_to_the_same_place_from_anywhere() {
    let mut world = World::new(Bounds::default(), 8_192);
    world.say(&requests("read shop.py\nsearch x"));
    world.say("hm");
    world.say(&edit("shop.py", "    return 0\n", "    return 2\n"));
    world.take(Step::Steered { text: "hurry".into() });
    world.say(&edit("shop.py", "    return 2\n", "    return sum(items)\n"));
    for cut in 0..=world.steps.len() {
        let mut again = Attempt::new(brief(Bounds::default(), 8_192));
        world
            .steps
            .iter()
            .take(cut)
            .for_each(|step| again.take(step.clone()));
        // What a killed worker had begun and not written down is done anew; a stray report of it changes nothing.
        let before = again.next();
        let stray = match &before {
            Effect::Ask(_) => Step::Looked { found: vec![] },
            _ => Step::Said {
                text: "late".into(),
                usage: Usage::default(),
            },
        };
        again.take(stray);
        assert_eq!(again.next(), before, "{cut}");
        world
            .steps
            .iter()
            .skip(cut)
            .for_each(|step| again.take(step.clone()));
        assert_eq!(again.next(), world.attempt.next(), "{cut}");
    }
}

#[test]
fn the_window_holds_whatever_is_shown() {
    for context in [2_048, 4_096, 8_192] {
        let mut world = World::new(Bounds::default(), context);
        let long = "x".repeat(context * 9);
        for n in 0..30 {
            if let Effect::Look(looks) = world.attempt.next() {
                let found = looks
                    .iter()
                    .map(|_| Found::Words { text: long.clone() })
                    .collect();
                world.take(Step::Looked { found });
            }
            let Effect::Ask(request) = world.attempt.next() else {
                break;
            };
            let bytes: usize = request.messages.iter().map(|m| m.text.len()).sum();
            let tokens = bytes / talk_bytes() + request.max_tokens;
            assert!(tokens <= context, "{context}: {tokens} after {n}");
            let roles: Vec<Role> = request.messages.iter().skip(1).map(|m| m.role).collect();
            assert!(roles.windows(2).all(|w| w[0] != w[1]), "{roles:?}");
            assert_eq!(roles.last(), Some(&Role::User));
            if n > 20 {
                assert!(request.messages[1].text.contains("earlier messages are left out"));
            }
            world.take(Step::Said {
                text: format!("{}\n{n}", requests(&format!("search {n}"))),
                usage: Usage::default(),
            });
        }
    }
}

fn talk_bytes() -> usize {
    3
}

/// An attempt at a part changes what it declared, new files among that, and nothing else; and what does not pass alone is
/// handed over once its model is ready with it.
#[test]
fn a_part_keeps_to_its_files_and_hands_over_what_does_not_pass_alone() {
    let mut world = World::new(Bounds::default(), 8_192);
    world.attempt = Attempt::new(Brief {
        only: Some(vec![
            Scope::new("docs/").unwrap(),
            Scope::new("notes.txt").unwrap(),
        ]),
        ..brief(Bounds::default(), 8_192)
    });
    for (path, old) in [("shop.py", "    return 0\n"), ("new.txt", ""), ("docs.txt", "")] {
        assert_eq!(world.say(&edit(path, old, "x\n")), None);
        let told = world.told();
        let want = format!("{path}: this part may change nothing but docs, notes.txt");
        assert!(told.contains(&want), "{told}");
        assert_eq!((world.attempt.size().lines, world.checks), (0, 0));
        // Looking is free: what was refused does not add up.
        world.say(&requests(&format!("read notes.txt\nsearch {path}")));
    }
    assert_eq!(world.say(&edit("docs/new.md", "", "x\n")), None, "red, and told");
    assert_eq!(world.say(&edit("notes.txt", "two\n", "2\n")), None);
    assert_eq!(world.checks, 2);
    let Some(End::Failed {
        why,
        best: Some(best),
    }) = world.say(&requests("done"))
    else {
        panic!("{:?}", world.attempt.next());
    };
    assert_eq!(
        (why.as_str(), best.size.files),
        (words::HANDED_OVER, 2),
        "the newer of two that are as red"
    );
    let mut whole = World::new(Bounds::default(), 8_192);
    whole.say(&edit("docs/new.md", "", "x\n"));
    assert_eq!(
        whole.say(&requests("done")),
        None,
        "whoever has the whole task goes on"
    );
}

/// What cannot be checked is no partial change, and nothing that a part hands over.
#[test]
fn a_change_that_is_none_is_told_and_leaves_nothing() {
    let refused = || Step::Refused {
        said: "docs/new.md: a link is in the way".into(),
    };
    let part = |bounds: Bounds| {
        let mut attempt = Attempt::new(Brief {
            only: Some(vec![Scope::new("docs/").unwrap()]),
            ..brief(bounds, 8_192)
        });
        attempt.take(Step::Said {
            text: edit("docs/new.md", "", "x\n"),
            usage: Usage::default(),
        });
        assert_eq!(attempt.next(), Effect::Check);
        attempt.take(refused());
        attempt
    };
    let mut attempt = part(Bounds::default());
    let Effect::Ask(request) = attempt.next() else {
        panic!("{:?}", attempt.next());
    };
    assert!(
        request
            .messages
            .last()
            .unwrap()
            .text
            .contains("a link is in the way")
    );
    // That its model is ready does not make a change of it.
    attempt.take(Step::Said {
        text: requests("done"),
        usage: Usage::default(),
    });
    assert_eq!(attempt.next(), Effect::Check);
    let once = Bounds {
        rounds: 1,
        ..Bounds::default()
    };
    assert!(
        matches!(part(once).next(), Effect::Over(End::Failed { best: None, why }) if why.contains("a link")),
    );
}

/// One step says it all: a kill after it leaves the attempt over, and it is kept only where nothing else is.
#[test]
fn what_nobody_could_check_is_kept_behind_what_was() {
    let untested = Step::Untested {
        tree: Tree::parse(&"9".repeat(40)).unwrap(),
        message: "nothing can be checked".into(),
    };
    for (checked, want) in [(0, true), (1, false)] {
        let mut world = World::new(Bounds::default(), 8_192);
        for n in 0..checked {
            world.say(&edit("new.txt", "", &format!("{n}\n")));
        }
        world.take(Step::Said {
            text: edit("more.txt", "", "x\n"),
            usage: Usage::default(),
        });
        assert_eq!(world.attempt.next(), Effect::Check);
        world.attempt.take(untested.clone());
        let Effect::Over(End::Failed {
            why,
            best: Some(best),
        }) = world.attempt.next()
        else {
            panic!("{:?}", world.attempt.next());
        };
        assert_eq!((why.as_str(), best.untested), ("nothing can be checked", want));
    }
}
