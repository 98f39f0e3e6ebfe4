//! Whether a candidate passes its task's tests, and whether it parses at all. Nothing here uses the product: it
//! does not judge its own work.

use super::process::{argv, call};
use super::tasks::{Language, Set, Task};
use anyhow::{Context, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the checks of `check.py` may take; it has shorter limits of its own.
const CHECK: Duration = Duration::from_secs(400);
const PYTEST: Duration = Duration::from_secs(60);
const CARGO_TEST: Duration = Duration::from_secs(240);
const PARSE: Duration = Duration::from_secs(20);

/// Grades candidates.
#[derive(Debug)]
pub(super) struct Grader {
    /// The folder of the sets.
    pub(super) evals: PathBuf,
    /// A Python 3; with pytest for the sets that need it.
    pub(super) python: OsString,
    /// Builds of the Rust tasks' dependencies are shared here.
    pub(super) target: tempfile::TempDir,
}

impl Grader {
    /// Says what is missing before a model was asked anything.
    pub(super) async fn ready(&self, sets: &[Set]) -> anyhow::Result<()> {
        let pytest = |set: &Set| matches!(set, Set::QuixbugsPython | Set::PolyglotPython);
        let needed = if sets.iter().any(pytest) {
            "import pytest"
        } else {
            ""
        };
        let argv = argv![&self.python, "-c", needed];
        let called = call(&argv, &self.evals, &[], PARSE).await?;
        if !called.success() {
            bail!(
                "{} cannot run the checks ({}); name one that can with --python, and install pytest there",
                self.python.display(),
                called.complaint()
            );
        }
        Ok(())
    }

    /// Whether `text` is a whole program of the task's language.
    pub(super) async fn parses(&self, task: &Task, text: &str) -> anyhow::Result<bool> {
        match task.set.language() {
            Language::Rust => Ok(syn::parse_file(text).is_ok()),
            Language::Python => {
                let dir = tempfile::tempdir()?;
                let file = put(dir.path(), "candidate.py", text)?;
                let program = "import ast, sys; ast.parse(open(sys.argv[1], encoding='utf-8').read())";
                let argv = argv![&self.python, "-I", "-c", program, file];
                Ok(call(&argv, dir.path(), &[], PARSE).await?.success())
            }
        }
    }

    /// Whether `text` in place of the task's file passes the tests.
    ///
    /// # Errors
    /// The tests could not be run; tests that failed are no error.
    pub(super) async fn passes(&self, task: &Task, text: &str) -> anyhow::Result<bool> {
        let dir = tempfile::tempdir()?;
        match task.set {
            Set::FixPython | Set::FixRust => self.check_py(task, text, dir.path()).await,
            Set::QuixbugsPython => {
                let from = self.evals.join(task.set.name());
                for part in ["conftest.py", "json_testcases", "python_testcases"] {
                    copy(&from.join(part), &dir.path().join(part))?;
                }
                for (path, text) in task
                    .beside
                    .iter()
                    .map(|(path, text)| (path.as_str(), text.as_str()))
                    .chain([(task.file.as_str(), text)])
                {
                    put(dir.path(), path, text)?;
                }
                self.pytest(dir.path(), &format!("python_testcases/test_{}.py", task.id))
                    .await
            }
            Set::PolyglotPython => {
                copy(&self.evals.join(task.set.name()).join(&task.id), dir.path())?;
                put(dir.path(), &task.file, text)?;
                let test = task.file.replace(".py", "_test.py");
                self.pytest(dir.path(), &test).await
            }
            Set::PolyglotRust => {
                copy(&self.evals.join(task.set.name()).join(&task.id), dir.path())?;
                put(dir.path(), &task.file, text)?;
                let manifest = dir.path().join(".meta/Cargo-example.toml");
                if manifest.exists() {
                    std::fs::copy(manifest, dir.path().join("Cargo.toml"))?;
                }
                let env = [
                    ("CARGO_TARGET_DIR", dir.path().join("target").into()),
                    ("RUSTFLAGS", "-Awarnings".into()),
                ];
                let argv = argv!["cargo", "test", "-q", "--", "--include-ignored"];
                Ok(call(&argv, dir.path(), &env, CARGO_TEST).await?.success())
            }
        }
    }

    async fn check_py(&self, task: &Task, text: &str, dir: &Path) -> anyhow::Result<bool> {
        let file = put(dir, "candidate", text)?;
        let set = self.evals.join(format!("{}.jsonl", task.set.name()));
        let argv = argv![&self.python, self.evals.join("check.py"), set, &task.id, file];
        let env = [("HEF_RUST_TARGET", self.target.path().into())];
        let called = call(&argv, dir, &env, CHECK).await?;
        match called.out.trim() {
            "PASS" => Ok(true),
            "FAIL" => Ok(false),
            _ => bail!("check.py on {}: {}", task.id, called.complaint()),
        }
    }

    async fn pytest(&self, dir: &Path, test: &str) -> anyhow::Result<bool> {
        let argv = argv![
            &self.python,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            test
        ];
        Ok(call(&argv, dir, &[], PYTEST).await?.success())
    }
}

/// Writes a file below `dir`, making folders as needed.
pub(super) fn put(dir: &Path, path: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = dir.join(path);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(path)
}

/// Copies a file or a whole folder. The copy is writable, whatever the original is.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if from.is_dir() {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else {
        let bytes = std::fs::read(from).with_context(|| from.display().to_string())?;
        std::fs::write(to, bytes)?;
    }
    Ok(())
}
