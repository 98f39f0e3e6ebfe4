//! A task's own tests as what has to pass in its repository.

use super::process::{argv, call};
use super::product::SHORT;
use super::tasks::{Language, Set, Task};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::Path;

/// The sets whose tests can be a policy.
pub(super) const SETS: [Set; 4] = [
    Set::FixPython,
    Set::FixRust,
    Set::PolyglotPython,
    Set::PolyglotRust,
];

/// What the Rust fixes import, as `check.py` gives it to them.
const FIX_MANIFEST: &str = "[package]\nname = \"task\"\nversion = \"0.0.0\"\nedition = \"2018\"\n\n[dependencies]\n\
                            rand = \"0.4\"\nregex = \"1\"\nmd5 = \"0.7\"\n";

/// A task's check: the policy, and files beside the task's own.
pub(super) struct Check {
    pub(super) policy: String,
    pub(super) files: Vec<(String, String)>,
}

/// The check of a task.
pub(super) fn check(task: &Task, evals: &Path) -> anyhow::Result<Check> {
    match task.set {
        Set::FixPython => {
            let name = task.symbol.as_deref().context("a task names its function")?;
            let tests = tests_of(evals, task)?;
            let text = format!(
                "from {name} import *\nfrom {name} import {name}\n{}\n",
                tests.trim_start()
            );
            Ok(Check {
                policy: unit(&["python3", "test_task.py"], "exit"),
                files: vec![("test_task.py".to_owned(), text)],
            })
        }
        Set::PolyglotPython => {
            let module = task.file.trim_end_matches(".py");
            let test = format!("{module}_test");
            let name = format!("{test}.py");
            let text = std::fs::read_to_string(evals.join(task.set.name()).join(&task.id).join(&name))
                .with_context(|| format!("the tests of {}", task.id))?;
            Ok(Check {
                policy: unit(&["python3", "-m", "unittest", "-v", &test], "unittest"),
                files: vec![(name, text)],
            })
        }
        Set::FixRust => {
            // They reach what is private, and must not lie in the file that is edited.
            let tests = format!(
                "include!(\"../src/lib.rs\");\n\n{}\n",
                tests_of(evals, task)?.trim()
            );
            Ok(Check {
                policy: unit(&["cargo", "test", "--test", "task", "--no-fail-fast"], "libtest"),
                files: vec![
                    ("Cargo.toml".to_owned(), FIX_MANIFEST.to_owned()),
                    ("tests/task.rs".to_owned(), tests),
                ],
            })
        }
        Set::PolyglotRust => {
            let folder = evals.join(task.set.name()).join(&task.id);
            let mut files = Vec::new();
            gather(&folder.join("tests"), "tests", &mut files)?;
            let example = folder.join(".meta/Cargo-example.toml");
            let manifest = match example.exists() {
                true => example,
                false => folder.join("Cargo.toml"),
            };
            let text = std::fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
            files.push(("Cargo.toml".to_owned(), text));
            let run = ["cargo", "test", "--no-fail-fast", "--", "--include-ignored"];
            Ok(Check {
                policy: unit(&run, "libtest"),
                files,
            })
        }
        Set::QuixbugsPython => {
            let names: Vec<&str> = SETS.iter().map(|set| set.name()).collect();
            bail!(
                "the tests of {} are no policy: they need pytest and files that are shared; take --set {}",
                task.set.name(),
                names.join(", ")
            )
        }
    }
}

/// What a repository needs before its first commit: what Rust imports is fetched now, for checks have no network.
pub(super) async fn prepare(task: &Task, dir: &Path) -> anyhow::Result<()> {
    match task.set.language() {
        Language::Python => Ok(()),
        Language::Rust => {
            let called = call(&argv!["cargo", "fetch"], dir, &[], SHORT * 4).await?;
            if !called.success() {
                bail!("`cargo fetch` for {}: {}", task.id, called.complaint());
            }
            Ok(())
        }
    }
}

fn unit(run: &[&str], parse: &str) -> String {
    let run: Vec<String> = run.iter().map(|word| format!("{word:?}")).collect();
    let env = match parse {
        "libtest" => "env = { CARGO_NET_OFFLINE = \"true\" }\n",
        _ => "",
    };
    format!(
        "[verify.checks.unit]\nrun = [{}]\nparse = \"{parse}\"\ntimeout_s = 240\n{env}",
        run.join(", ")
    )
}

fn tests_of(evals: &Path, task: &Task) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Row {
        id: String,
        tests: String,
    }
    let path = evals.join(format!("{}.jsonl", task.set.name()));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    for row in text.lines().map(serde_json::from_str::<Row>) {
        let row = row?;
        if row.id == task.id {
            return Ok(row.tests);
        }
    }
    bail!("{} has no tests of {}", path.display(), task.id)
}

/// Every text below a folder, by its path in the repository.
fn gather(folder: &Path, name: &str, files: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            gather(&entry.path(), &name, files)?;
        } else {
            files.push((name, std::fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::task;
    use super::*;

    #[test]
    fn a_tasks_tests_are_the_policy() {
        let dir = tempfile::tempdir().unwrap();
        let row = "{\"id\": \"Python/1\", \"tests\": \"\\n\\ncheck(f)\"}\n";
        for set in ["humanevalfix-python", "humanevalfix-rust"] {
            std::fs::write(dir.path().join(format!("{set}.jsonl")), row).unwrap();
        }
        let rust = dir.path().join("polyglot-rust/Python/1");
        for (path, text) in [
            ("tests/deep/a.rs", "deep"),
            ("tests/b.rs", "b"),
            ("Cargo.toml", "plain"),
        ] {
            let path = rust.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let made = |set| {
            let mut made = check(&Task { set, ..task() }, dir.path()).unwrap();
            made.files.sort();
            made
        };
        let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());

        let python = made(Set::FixPython);
        assert!(python.policy.contains("run = [\"python3\", \"test_task.py\"]"));
        let want = "from f import *\nfrom f import f\ncheck(f)\n";
        assert_eq!(python.files, [file("test_task.py", want)]);

        let fix = made(Set::FixRust);
        assert!(fix.policy.contains("parse = \"libtest\"") && fix.policy.contains("CARGO_NET_OFFLINE"));
        let want = "include!(\"../src/lib.rs\");\n\ncheck(f)\n";
        assert_eq!(fix.files[1], file("tests/task.rs", want));

        let exercise = || made(Set::PolyglotRust).files;
        let (deep, b) = (file("tests/deep/a.rs", "deep"), file("tests/b.rs", "b"));
        assert_eq!(exercise(), [file("Cargo.toml", "plain"), b, deep]);
        std::fs::create_dir(rust.join(".meta")).unwrap();
        std::fs::write(rust.join(".meta/Cargo-example.toml"), "with crates").unwrap();
        assert_eq!(exercise()[0].1, "with crates");

        let set = Set::QuixbugsPython;
        let error = check(&Task { set, ..task() }, dir.path()).err().unwrap();
        assert!(error.to_string().contains("humanevalfix-rust"), "{error}");
    }
}
