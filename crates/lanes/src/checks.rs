//! What must hold whatever a model answers in delegated work. Property tests and fuzz targets call these; each asserts.

use crate::slow::{Attempt, Brief, Effect, Kit, Look};
use brisk_domain::job::{AttemptId, Bounds, Checked, Found, Step};
use brisk_domain::port::Usage;
use brisk_domain::tool::{Arguments, ToolCall, Tooling};
use brisk_domain::{Candidate, EditFormat, JobId, ModelId};
use std::sync::Arc;

const SHOP: &str = "def total(items):\n    return 0\n";

/// Lines that the patch may have.
const LINES: usize = 20;

fn attempt(tooling: Tooling) -> Attempt {
    let kit = Kit {
        tooling,
        checks: vec!["unit".to_owned()],
        tools: Vec::new(),
    };
    let brief = Brief {
        id: AttemptId {
            job: JobId(1),
            number: 1,
        },
        text: "make it add up".to_owned(),
        files: Vec::new(),
        paths: Arc::new(["shop.py", "docs/a.md"].map(String::from).into()),
        links: Arc::new(["link".to_owned()].into()),
        instructions: None,
        model: Candidate {
            model: ModelId("m".to_owned()),
            format: EditFormat::SearchReplace,
            context: 4_096,
        },
        bounds: Bounds {
            lines: LINES,
            ..Bounds::default()
        },
        strategy: 0,
        only: None,
    };
    Attempt::with(brief, &kit)
}

/// Answers in plain text, each read as actions.
pub fn words(answers: &[&str]) {
    let said = |text: &&str| Step::Said {
        text: (*text).to_owned(),
        usage: Usage::default(),
    };
    holds(Tooling::Words, answers.iter().map(said).collect());
}

/// Answers with one call each: a tool's name and what was written as its arguments.
pub fn calls(answers: &[(&str, &str)]) {
    let called = |(n, (name, arguments)): (usize, &(&str, &str))| Step::Called {
        text: String::new(),
        calls: vec![ToolCall {
            id: format!("c{n}"),
            name: (*name).to_owned(),
            arguments: Arguments::read(arguments),
        }],
        usage: Usage::default(),
    };
    holds(Tooling::Native, answers.iter().enumerate().map(called).collect());
}

/// Nothing outside is asked for or changed, the patch keeps its bound, and whoever takes the same steps again stands at
/// the same place.
fn holds(tooling: Tooling, answers: Vec<Step>) {
    let mut live = attempt(tooling);
    let mut again = attempt(tooling);
    for answer in answers {
        let mut step = Some(answer);
        while let Some(next) = step {
            live.take(next.clone());
            again.take(next);
            assert_eq!(live.next(), again.next(), "the same steps lead to the same place");
            step = match live.next() {
                Effect::Ask(_) | Effect::Converse(_) | Effect::Over(_) => None,
                Effect::Check => Some(Step::Checked(unproven(&live))),
                Effect::Look(looks) => Some(Step::Looked {
                    found: looks.iter().map(look).collect(),
                }),
            };
            for path in live.changed().keys() {
                assert!(is_inside(path), "{path:?} was changed");
            }
            assert!(live.size().lines <= LINES, "the patch keeps its bound");
        }
    }
}

fn look(look: &Look) -> Found {
    match look {
        Look::Read { path, .. } | Look::Outline { path } => {
            assert!(is_inside(path), "{path:?} was asked for");
            Found::File {
                path: path.clone(),
                text: SHOP.to_owned(),
            }
        }
        Look::List { path } | Look::Grep { below: path, .. } => {
            assert!(path.is_empty() || is_inside(path), "{path:?} was asked for");
            Found::Words { text: path.clone() }
        }
        Look::Search { text } => Found::Words { text: text.clone() },
        Look::Run { .. } | Look::Tool { .. } => Found::Refused { text: String::new() },
    }
}

fn unproven(attempt: &Attempt) -> Checked {
    let tree = brisk_domain::evidence::Tree::parse(&format!("{:040x}", attempt.size().lines));
    match tree {
        Some(tree) => Checked::Unproven {
            tree,
            passed: 0,
            failed: 1,
            said: "red".to_owned(),
        },
        None => unreachable!("forty digits are a tree's name"),
    }
}

/// In other words than the reducer's: no way leads up, to the root of the machine, or into git's folder.
fn is_inside(path: &str) -> bool {
    let bad = |part: &str| {
        matches!(part, "" | "." | "..") || part.to_lowercase().starts_with(".git") && part.len() == 4
    };
    !path.split(['/', '\\']).any(bad)
}

/// A plan of parts, as a model answers it: whatever is taken for one holds no two parts that may change the same file, and
/// says the same when it is written down and read again.
pub fn plan(answer: &str) {
    let Ok(parts) = crate::slow::read_parts(answer) else {
        return;
    };
    let mut again = String::from("```parts\n");
    for (n, part) in parts.list().iter().enumerate() {
        for other in parts.list().iter().skip(n + 1) {
            assert!(!part.files.iter().any(|f| other.files.iter().any(|o| o.meets(f))));
        }
        let files: Vec<&str> = part.files.iter().map(|f| f.as_str()).collect();
        assert!(
            files
                .iter()
                .all(|f| !f.starts_with('/') && !f.split('/').any(|p| p == ".."))
        );
        again.push_str(&format!("part: {}\nfiles: {}\n", part.text, files.join(", ")));
    }
    again.push_str("```\n");
    assert_eq!(crate::slow::read_parts(&again), Ok(parts));
}
