//! What has to be run before something ships: `brisk.toml`, read strictly.

use crate::digest::digest;
use brisk_domain::evidence::Digest;
use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Seconds that a check may take when the policy does not say.
const TIMEOUT_S: u64 = 900;

/// How the output of a check is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parse {
    /// The format that the output has, whichever that is.
    #[default]
    Auto,
    /// `cargo test`.
    Libtest,
    /// `cargo nextest run`.
    Nextest,
    /// pytest, best with `-v`.
    Pytest,
    /// `python -m unittest -v`.
    Unittest,
    /// `node --test`.
    Node,
    /// `go test -v` or `go test -json`.
    Go,
    /// The Test Anything Protocol.
    Tap,
    /// A JUnit XML file, see [`Check::report`].
    Junit,
    /// No tests: the exit code alone counts.
    Exit,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The command, never a line for a shell.
    pub run: Vec<String>,
    /// Paths that it is about; without any it is about all.
    #[serde(default)]
    pub scope: Vec<String>,
    /// Seconds that it may take.
    #[serde(default = "timeout")]
    pub timeout_s: u64,
    /// Variables that it gets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables of the person's that it gets.
    #[serde(default)]
    pub pass: Vec<String>,
    /// How its output is read.
    #[serde(default)]
    pub parse: Parse,
    /// A file that it writes its report to, below the root (`junit`).
    #[serde(default)]
    pub report: Option<String>,
    /// Ignored folders of the person's worktree that it may read (`node_modules`).
    #[serde(default)]
    pub borrow: Vec<String>,
    /// It may use the network.
    #[serde(default)]
    pub network: bool,
}

fn timeout() -> u64 {
    TIMEOUT_S
}

/// A policy in force.
#[derive(Debug, Clone)]
pub struct Policy {
    digest: Digest,
    checks: BTreeMap<String, Check>,
    protect: GlobSet,
    scopes: BTreeMap<String, GlobSet>,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is no TOML of the right shape.
    #[error("brisk.toml cannot be read: {why}")]
    Malformed {
        /// What the reader said.
        why: String,
    },
    /// It asks for nothing.
    #[error("brisk.toml names no check: add [verify.checks.NAME] with run = [\"...\"]")]
    Empty,
    /// A check without a command.
    #[error("the check {name} has an empty `run`")]
    NoCommand {
        /// Which.
        name: String,
    },
    /// A name that could not be typed or shown.
    #[error("{name:?} is no name for a check: letters, digits, `-` and `_` only")]
    Name {
        /// As written.
        name: String,
    },
    /// A pattern that cannot be read, or a path that leads out.
    #[error("{pattern:?} cannot be used: {why}")]
    Pattern {
        /// As written.
        pattern: String,
        /// Why.
        why: String,
    },
}

#[derive(Deserialize)]
struct File {
    verify: Verify,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    #[serde(default)]
    protect: Vec<String>,
    #[serde(default)]
    checks: BTreeMap<String, Check>,
}

impl Policy {
    /// Reads `brisk.toml`. Unknown words are errors: a misspelt bound would bound nothing. Other tables than `verify`
    /// are for others.
    ///
    /// # Errors
    /// [`PolicyError`], in words for the person.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        let file: File = toml::from_str(text).map_err(|e| PolicyError::Malformed {
            why: e.to_string().trim_end().to_owned(),
        })?;
        let Verify { protect, checks } = file.verify;
        if checks.is_empty() {
            return Err(PolicyError::Empty);
        }
        let mut scopes = BTreeMap::new();
        for (name, check) in &checks {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if name.is_empty() || !name.chars().all(plain) {
                return Err(PolicyError::Name { name: name.clone() });
            }
            if check.run.first().is_none_or(String::is_empty) {
                return Err(PolicyError::NoCommand { name: name.clone() });
            }
            for path in check.borrow.iter().chain(&check.report) {
                below(path)?;
            }
            scopes.insert(name.clone(), globs(&check.scope)?);
        }
        Ok(Policy {
            digest: digest(text.as_bytes()),
            protect: globs(&protect)?,
            checks,
            scopes,
        })
    }

    /// SHA-256 of the text: what evidence is bound to.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Every check by name. All of them are needed before something ships.
    pub fn checks(&self) -> &BTreeMap<String, Check> {
        &self.checks
    }

    /// A check by name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.get(name)
    }

    /// Whether a check is about any of these paths.
    pub fn concerns<'a>(&self, check: &str, mut paths: impl Iterator<Item = &'a str>) -> bool {
        match self.scopes.get(check) {
            Some(scope) if !scope.is_empty() => paths.any(|p| scope.is_match(p)),
            Some(_) => true,
            None => false,
        }
    }

    /// Whether the policy protects a path.
    pub fn protects(&self, path: &str) -> bool {
        self.protect.is_match(path)
    }
}

fn below(path: &str) -> Result<(), PolicyError> {
    let part = |p: &str| !matches!(p, "" | "." | ".." | ".git");
    if path.split('/').all(part) {
        Ok(())
    } else {
        Err(PolicyError::Pattern {
            pattern: path.to_owned(),
            why: "name a path below the root".to_owned(),
        })
    }
}

fn globs(patterns: &[String]) -> Result<GlobSet, PolicyError> {
    let bad = |pattern: &str, e: globset::Error| PolicyError::Pattern {
        pattern: pattern.to_owned(),
        why: e.kind().to_string(),
    };
    let mut set = GlobSetBuilder::new();
    for p in patterns {
        set.add(Glob::new(p).map_err(|e| bad(p, e))?);
    }
    set.build().map_err(|e| bad("", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_strictly() {
        let good = "[other]\nx = 1\n[verify]\nprotect = [\"ci/**\"]\n[verify.checks.test]\nrun = [\"cargo\", \"test\"]\nscope = [\"src/**\"]\n[verify.checks.lint]\nrun = [\"make\", \"lint\"]\nparse = \"exit\"\n";
        let policy = Policy::parse(good).unwrap();
        assert_eq!(policy.checks().len(), 2);
        assert!(policy.protects("ci/a/b") && !policy.protects("src/ci"));
        assert!(policy.concerns("test", ["src/a"].into_iter()));
        assert!(!policy.concerns("test", ["README"].into_iter()));
        assert!(policy.concerns("lint", std::iter::empty()));
        assert_ne!(
            policy.digest(),
            Policy::parse(&format!("{good}\n")).unwrap().digest()
        );

        let check = |body: &str| Policy::parse(&format!("[verify.checks.a]\n{body}")).unwrap_err();
        for (error, want) in [
            (Policy::parse("").unwrap_err(), "missing field `verify`"),
            (Policy::parse("[verify]").unwrap_err(), "names no check"),
            (check("run = []"), "empty `run`"),
            (check("run = \"make\""), "cannot be read"),
            (check("run = [\"x\"]\nruns = 1"), "unknown field"),
            (check("run = [\"x\"]\nborrow = [\"../x\"]"), "below the root"),
            (check("run = [\"x\"]\nreport = \"/etc/passwd\""), "below the root"),
            (check("run = [\"x\"]\nscope = [\"a{\"]"), "cannot be used"),
            (
                Policy::parse("[verify.checks.\"a b\"]\nrun = [\"x\"]").unwrap_err(),
                "no name for a check",
            ),
        ] {
            assert!(error.to_string().contains(want), "{error}: {want}");
        }
    }
}
