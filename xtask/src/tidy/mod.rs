//! Review comments as a program: each rule is one that people would otherwise have to repeat.

mod imports;
mod links;
mod manifests;
mod source;
mod tokens;

use anyhow::Context;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Printed.
    Warning,
    /// Printed, and the run fails.
    Error,
}

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// File, relative to the workspace.
    path: String,
    /// 1-based; 0 where the whole file is meant.
    line: usize,
    pub(crate) level: Level,
    message: String,
}

impl Finding {
    fn error(path: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            path: path.to_owned(),
            line,
            level: Level::Error,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Warning => "warning",
            Level::Error => "error",
        };
        match self.line {
            0 => write!(f, "{level}: {}: {}", self.path, self.message),
            line => write!(f, "{level}: {}:{line}: {}", self.path, self.message),
        }
    }
}

/// What `cargo metadata` says about the workspace at `root`.
pub(crate) fn metadata(root: &Path) -> anyhow::Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    anyhow::ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("cargo metadata")
}

/// Every finding in the tree at `root`, sorted. `metadata` is the JSON of `cargo metadata --no-deps`.
pub(crate) fn check(root: &Path, metadata: &str) -> anyhow::Result<Vec<Finding>> {
    let mut found = imports::check(metadata)?;
    for path in files(root)? {
        let name = path.to_string_lossy();
        let wanted = matches!(
            path.extension().and_then(|e| e.to_str()),
            Some("rs" | "toml" | "md")
        );
        // Goldens and fixtures are somebody's input, right or wrong on purpose.
        if !wanted || name.split('/').any(|part| part == "golden" || part == "fixtures") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root.join(&path)) else {
            found.push(Finding::error(&name, 0, "cannot be read as UTF-8 text"));
            continue;
        };
        match path.extension().and_then(|e| e.to_str()) {
            Some("rs") => found.extend(source::check(&name, &text)),
            Some("toml") => found.extend(manifests::check(&name, &text)),
            _ => found.extend(links::check(root, &name, &text)),
        }
    }
    found.sort();
    Ok(found)
}

/// Files that git would take, relative to `root`.
fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let walk = ignore::WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .git_global(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for entry in walk {
        let entry = entry?;
        if entry.file_type().is_some_and(|t| t.is_file()) {
            files.push(entry.path().strip_prefix(root)?.to_owned());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n";

    /// A sound little workspace with `changes` made to it; the messages of all findings.
    fn check_tree(changes: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let sound = [
            ("Cargo.toml", "[workspace]\n"),
            (".gitignore", "/target\n"),
            ("README.md", "# x\n\nSee [the map](docs/map.md#rooms).\n"),
            (
                "docs/map.md",
                "# Map\n\n[home](../README.md) [out](https://example.org/x)\n",
            ),
            ("target/junk.rs", "fn broken( {"),
            ("crates/patch/Cargo.toml", MANIFEST),
            (
                "crates/patch/src/lib.rs",
                "//! Text.\n\nuse std::collections::BTreeMap;\n",
            ),
            ("crates/patch/tests/golden/a.rs", "fn broken( {"),
        ];
        for (path, text) in sound.iter().chain(changes) {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = check(dir.path(), r#"{"packages": []}"#).unwrap();
        found.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_sound_tree_has_no_findings() {
        assert_eq!(check_tree(&[]), Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_file_is_looked_at() {
        let cases = [
            (
                "crates/patch/src/a.rs",
                "use std::fs;\n",
                "crates/patch/src/a.rs:1: `std::fs`",
            ),
            (
                "crates/patch/Cargo.toml",
                "[package]\n",
                "crates/patch/Cargo.toml: ",
            ),
            ("docs/map.md", "\n[gone](gone.md)\n", "docs/map.md:2: "),
            (
                "crates/patch/src/lib.rs",
                "fn f() {}\n",
                "crates/patch/src/lib.rs: ",
            ),
        ];
        for (path, text, want) in cases {
            let found = check_tree(&[(path, text)]);
            assert!(found.len() == 1 && found[0].contains(want), "{path}: {found:?}");
        }
    }
}
