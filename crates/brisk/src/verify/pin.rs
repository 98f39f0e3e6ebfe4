//! The policy that the person confirmed, kept outside of the repository.
//!
//! It is never read from the tree under test. Where HEAD has a `brisk.toml`, that one is what can be confirmed, and a
//! later commit that changes it must be confirmed anew; where HEAD has none, the file of the worktree or the proposal.

use crate::exit::{CliError, Exit};
use crate::verify::check::toolchain_folders;
use crate::verify::{Base, Gate, worktree};
use crate::whole;
use brisk_domain::evidence::Tree;
use brisk_gate::{Found, Policy, PolicyError, VENV, propose};
use brisk_sandbox::found_inside;
use brisk_worktree::Shadow;
use std::path::{Path, PathBuf};

/// Where the text of a policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// `brisk.toml` of HEAD.
    Head,
    /// `brisk.toml` of the worktree; HEAD has none.
    Worktree,
    /// Proposed from what lies there; nobody has a `brisk.toml`.
    Proposed,
}

fn path(dir: &Path) -> PathBuf {
    dir.join("policy.toml")
}

/// The text that was confirmed.
pub(super) fn text(dir: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path(dir))
}

/// The confirmed policy, unless HEAD has another one by now.
pub(super) fn in_force(dir: &Path, base: &Base) -> Result<Policy, CliError> {
    let text = match text(dir) {
        Ok(text) => text,
        Err(_) => {
            return Err(CliError::new(
                Exit::Policy,
                "no policy was confirmed here: what has to pass is not known",
            )
            .hint("`brisk verify` shows a proposal; `brisk verify --accept` confirms it"));
        }
    };
    let same = base.policy.is_none() || base.policy == Shadow::id_of(&text);
    if !same {
        return Err(CliError::new(
            Exit::Policy,
            "HEAD has another brisk.toml than the one that was confirmed",
        )
        .hint("look at it, then `brisk verify --accept`"));
    }
    Policy::parse(&text).map_err(unreadable)
}

pub(super) fn confirm(dir: &Path, text: &str) -> Result<Policy, CliError> {
    let policy = Policy::parse(text).map_err(unreadable)?;
    let put = |to: &Path| {
        to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        whole::replace(to, text.as_bytes())
    };
    // What was verified under it stays so when another one is confirmed.
    let kept = Shadow::id_of(text).map(|id| dir.join("policies").join(format!("{id}.toml")));
    kept.map_or(Ok(()), |to| put(&to))
        .and_then(|()| put(&path(dir)))
        .map_err(|e| CliError::new(Exit::Disk, format!("the policy cannot be kept: {e}")))?;
    Ok(policy)
}

impl Gate {
    /// Whether a confirmed `brisk.toml` with this text would be the one that is in force: HEAD has it, or none.
    pub(crate) fn would_run(&mut self, text: &str) -> Result<bool, CliError> {
        let head = self.git.id("HEAD:brisk.toml")?;
        Ok(head.is_none() || head == Shadow::id_of(text))
    }

    /// Nothing is confirmed any more. What was verified under earlier policies stays so. `false`: nothing was.
    pub(crate) fn unconfirm(&self) -> Result<bool, CliError> {
        match std::fs::remove_file(path(&self.dir)) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(CliError::new(
                Exit::Disk,
                format!("the confirmed policy cannot be taken back: {e}"),
            )),
        }
    }
}

/// Every text that was confirmed, the one of now first.
pub(super) fn all(dir: &Path) -> Vec<String> {
    let kept = std::fs::read_dir(dir.join("policies"))
        .into_iter()
        .flatten()
        .flatten();
    let mut kept: Vec<PathBuf> = kept.map(|e| e.path()).collect();
    kept.sort();
    let mut all: Vec<String> = Vec::new();
    for path in [path(dir)].into_iter().chain(kept) {
        all.extend(std::fs::read_to_string(path).ok().filter(|t| !all.contains(t)));
    }
    all
}

/// What could be confirmed.
pub(crate) fn proposal(gate: &mut Gate, base: &Base, tree: &Tree) -> Result<(Confirmed, String), CliError> {
    if base.policy.is_some() {
        let said = gate.git.read(&["cat-file", "blob", "HEAD:brisk.toml"])?;
        // Lines came without their ends; a file that did not end in one is found by its id.
        let texts = [said.out.clone(), said.out.trim_end_matches('\n').to_owned()];
        let text = texts.into_iter().find(|t| Shadow::id_of(t) == base.policy);
        return text.map(|t| (Confirmed::Head, t)).ok_or_else(|| {
            CliError::new(Exit::Policy, "brisk.toml of HEAD is no plain text")
                .hint("write it anew with plain line ends, and commit it")
        });
    }
    if let Some(text) = gate.shadow.text(tree, "brisk.toml").map_err(worktree)? {
        return Ok((Confirmed::Worktree, text));
    }
    let mut paths = gate.shadow.paths(tree).map_err(worktree)?;
    let environment = gate
        .shadow
        .lendable(tree, &[".venv".to_owned()])
        .map_err(worktree)?;
    if !environment.is_empty() && gate.shadow.root().join(VENV).is_file() {
        paths.insert(VENV.to_owned());
    }
    let read = |path: &str| gate.shadow.text(tree, path).ok().flatten();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let shown = toolchain_folders();
    let found = Found {
        files: &paths,
        read: &read,
        has: &|program| found_inside(program, &path, &shown).is_some(),
    };
    propose(&found).map(|t| (Confirmed::Proposed, t)).ok_or_else(|| {
        CliError::new(
            Exit::Policy,
            "there is no brisk.toml, and nothing was recognised that could be run",
        )
        .hint("write brisk.toml: [verify.checks.test] with run = [\"your\", \"command\"]")
    })
}

pub(crate) fn unreadable(e: PolicyError) -> CliError {
    CliError::new(Exit::Policy, e.to_string()).hint("see docs/gate.md for the form of brisk.toml")
}
