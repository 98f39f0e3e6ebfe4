//! The sets of edit tasks, each in the layout that it came in.

use anyhow::{Context, anyhow};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};
use std::path::Path;

/// A set of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Set {
    /// One wrong Python function.
    #[value(name = "humanevalfix-python")]
    #[serde(rename = "humanevalfix-python")]
    FixPython,
    /// One wrong Rust function.
    #[value(name = "humanevalfix-rust")]
    #[serde(rename = "humanevalfix-rust")]
    FixRust,
    /// One wrong line in a classic algorithm.
    QuixbugsPython,
    /// An exercise to write from a stub.
    PolyglotPython,
    /// An exercise to write from a stub.
    PolyglotRust,
}

/// The language of a task's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Rust,
}

impl Set {
    /// As it is called on the command line and on disk.
    pub(super) fn name(self) -> &'static str {
        match self {
            Set::FixPython => "humanevalfix-python",
            Set::FixRust => "humanevalfix-rust",
            Set::QuixbugsPython => "quixbugs-python",
            Set::PolyglotPython => "polyglot-python",
            Set::PolyglotRust => "polyglot-rust",
        }
    }

    pub(super) fn language(self) -> Language {
        match self {
            Set::FixPython | Set::QuixbugsPython | Set::PolyglotPython => Language::Python,
            Set::FixRust | Set::PolyglotRust => Language::Rust,
        }
    }
}

/// One edit to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) set: Set,
    pub(super) id: String,
    /// The file to edit, relative to the repository that is made for the task.
    pub(super) file: String,
    pub(super) before: String,
    /// A text that passes.
    pub(super) reference: String,
    /// Other files of the repository: path and text.
    pub(super) beside: Vec<(String, String)>,
    pub(super) instruction: String,
    /// The function that is wrong, where the set knows it.
    pub(super) symbol: Option<String>,
    /// Added plus removed lines of the reference's difference; at least 1.
    pub(super) minimal: usize,
}

/// Added plus removed lines between two texts.
pub(super) fn changed_lines(before: &str, after: &str) -> usize {
    TextDiff::from_lines(before, after)
        .iter_all_changes()
        .filter(|change| change.tag() != ChangeTag::Equal)
        .count()
}

/// The tasks of a set in its order; with a limit, that many spread evenly over it.
pub(super) fn load(evals: &Path, set: Set, limit: Option<usize>) -> anyhow::Result<Vec<Task>> {
    let tasks = match set {
        Set::FixPython | Set::FixRust => fixes(evals, set),
        Set::QuixbugsPython => quixbugs(evals),
        Set::PolyglotPython | Set::PolyglotRust => polyglot(evals, set),
    }
    .with_context(|| format!("the set {} in {}", set.name(), evals.display()))?;
    let wanted = limit.unwrap_or(tasks.len());
    let step = tasks.len().checked_div(wanted).unwrap_or(1).max(1);
    Ok(tasks.into_iter().step_by(step).take(wanted).collect())
}

#[derive(Deserialize)]
struct Fix {
    id: String,
    before: String,
    after: String,
    instruction: String,
    entry_point: String,
    minimal_changed_lines: usize,
}

fn fixes(evals: &Path, set: Set) -> anyhow::Result<Vec<Task>> {
    let text = read(&evals.join(format!("{}.jsonl", set.name())))?;
    text.lines()
        .map(|line| {
            let fix: Fix = serde_json::from_str(line)?;
            let file = match set.language() {
                Language::Python => format!("{}.py", fix.entry_point),
                Language::Rust => "src/lib.rs".to_owned(),
            };
            Ok(Task {
                set,
                id: fix.id,
                file,
                before: fix.before,
                reference: fix.after,
                beside: Vec::new(),
                instruction: fix.instruction,
                symbol: Some(fix.entry_point),
                minimal: fix.minimal_changed_lines.max(1),
            })
        })
        .collect()
}

fn quixbugs(evals: &Path) -> anyhow::Result<Vec<Task>> {
    let root = evals.join(Set::QuixbugsPython.name());
    let node = "python_programs/node.py";
    let beside = vec![(node.to_owned(), read(&root.join(node))?)];
    let mut tasks = Vec::new();
    for test in names(&root.join("python_testcases"))? {
        let Some(name) = test.strip_prefix("test_").and_then(|n| n.strip_suffix(".py")) else {
            continue;
        };
        let file = format!("python_programs/{name}.py");
        let before = read(&root.join(&file))?;
        let reference = read(&root.join("correct_python_programs").join(format!("{name}.py")))?;
        tasks.push(Task {
            set: Set::QuixbugsPython,
            id: name.to_owned(),
            file,
            minimal: changed_lines(&before, &reference).max(1),
            before,
            reference,
            beside: beside.clone(),
            instruction: format!("Fix the bug in {name}."),
            symbol: Some(name.to_owned()),
        });
    }
    Ok(tasks)
}

#[derive(Deserialize)]
struct Exercise {
    files: ExerciseFiles,
}

#[derive(Deserialize)]
struct ExerciseFiles {
    solution: Vec<String>,
    example: Vec<String>,
}

fn polyglot(evals: &Path, set: Set) -> anyhow::Result<Vec<Task>> {
    let root = evals.join(set.name());
    let mut tasks = Vec::new();
    for name in names(&root)? {
        let folder = root.join(&name);
        let config: Exercise = serde_json::from_str(&read(&folder.join(".meta/config.json"))?)?;
        let missing = || anyhow!("{name}: .meta/config.json names no solution or no example");
        let (file, others) = config.files.solution.split_first().ok_or_else(missing)?;
        let example = config.files.example.first().ok_or_else(missing)?;
        let mut instruction = "Write the code of this exercise.\n".to_owned();
        for part in ["instructions.md", "instructions.append.md"] {
            let part = folder.join(".docs").join(part);
            if part.exists() {
                instruction.push('\n');
                instruction.push_str(&read(&part)?);
            }
        }
        let before = read(&folder.join(file))?;
        let reference = read(&folder.join(example))?;
        tasks.push(Task {
            set,
            id: name.clone(),
            file: file.clone(),
            minimal: changed_lines(&before, &reference).max(1),
            before,
            reference,
            beside: others
                .iter()
                .map(|path| Ok((path.clone(), read(&folder.join(path))?)))
                .collect::<anyhow::Result<_>>()?,
            instruction,
            symbol: None,
        });
    }
    Ok(tasks)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn lines_that_changed() {
        let check = |a, b, want| assert_eq!(changed_lines(a, b), want, "{a:?} {b:?}");
        check("a\nb\n", "a\nb\n", 0);
        check("a\nb\n", "a\nc\n", 2);
        check("a\nb\n", "a\nx\nb\n", 1);
        check("a\nb", "a\nb\n", 2);
    }

    #[test]
    fn a_limit_spreads_over_the_set() {
        let lines: String = (0..10)
            .map(|i| {
                format!(
                    "{{\"id\": \"Python/{i}\", \"before\": \"a\", \"after\": \"b\", \"instruction\": \"Fix f.\", \
                     \"entry_point\": \"f\", \"minimal_changed_lines\": 0}}\n"
                )
            })
            .collect();
        let dir = tree(&[("humanevalfix-python.jsonl", &lines)]);
        for (limit, want) in [
            (None, 10),
            (Some(0), 0),
            (Some(1), 1),
            (Some(3), 3),
            (Some(7), 7),
            (Some(99), 10),
        ] {
            let tasks = load(dir.path(), Set::FixPython, limit).unwrap();
            assert_eq!(tasks.len(), want, "{limit:?}");
        }
        let three = load(dir.path(), Set::FixPython, Some(3)).unwrap();
        assert_eq!(three[2].id, "Python/6");
        assert_eq!((three[0].file.as_str(), three[0].minimal), ("f.py", 1));
        let error = load(dir.path(), Set::FixRust, None).unwrap_err();
        assert!(format!("{error:#}").contains("humanevalfix-rust"), "{error:#}");
    }

    #[test]
    fn folders() {
        let config =
            r#"{"files": {"solution": ["src/lib.rs", "Cargo.toml"], "example": [".meta/example.rs"]}}"#;
        let dir = tree(&[
            ("quixbugs-python/python_programs/node.py", "class Node: pass\n"),
            ("quixbugs-python/python_programs/gcd.py", "def gcd(a): a\n"),
            (
                "quixbugs-python/correct_python_programs/gcd.py",
                "def gcd(a): b\n",
            ),
            ("quixbugs-python/python_testcases/test_gcd.py", ""),
            ("quixbugs-python/python_testcases/node.py", ""),
            ("polyglot-rust/fizzy/.meta/config.json", config),
            ("polyglot-rust/fizzy/.meta/example.rs", "fn f() {}\n"),
            ("polyglot-rust/fizzy/.docs/instructions.md", "Do it.\n"),
            ("polyglot-rust/fizzy/src/lib.rs", ""),
            ("polyglot-rust/fizzy/Cargo.toml", "[package]\n"),
        ]);
        let gcd = load(dir.path(), Set::QuixbugsPython, None).unwrap();
        assert_eq!(gcd.len(), 1);
        assert_eq!((gcd[0].id.as_str(), gcd[0].minimal), ("gcd", 2));
        assert_eq!(gcd[0].file, "python_programs/gcd.py");
        let fizzy = load(dir.path(), Set::PolyglotRust, None).unwrap();
        assert_eq!(fizzy[0].minimal, 1);
        assert_eq!(fizzy[0].beside[0].0, "Cargo.toml");
        assert!(fizzy[0].instruction.ends_with("Do it.\n"));
    }
}
