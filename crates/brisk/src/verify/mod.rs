//! The shell around the gate: where the ledger, the key and the confirmed policy lie, what the repository stands on,
//! and how a check is run. Needs no daemon.

mod book;
mod check;
mod git;
mod outside;
mod pin;

pub(crate) use check::{Heard, Plan};
pub(crate) use git::Lent;
pub(crate) use outside::{Checked, check_commit, ledger_at};
pub(crate) use pin::{Confirmed, proposal};

use crate::exit::{CliError, Exit};
use crate::home::Home;
use book::Book;
use brisk_domain::evidence::Tree;
use brisk_gate::{Act, Ledger, LedgerError, Policy, PublicKey, State};
use brisk_worktree::{Shadow, WorktreeError};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the repository stands on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Base {
    /// The tree of HEAD, if there is a commit.
    pub tree: Option<Tree>,
    /// Its `brisk.toml`, by the id of the file.
    pub policy: Option<Tree>,
    /// Where the person's objects are.
    pub objects: PathBuf,
}

/// One repository as the gate sees it.
pub(crate) struct Gate {
    pub shadow: Shadow,
    pub git: Lent,
    dir: PathBuf,
    book: Book,
}

impl Gate {
    /// Opens the repository that the command runs in. The key and the folders are made if they are missing.
    pub(crate) fn open(home: &Home, cwd: &Path) -> Result<Gate, CliError> {
        home.prepare()?;
        let shadow = Shadow::open(cwd, home.state_dir()).map_err(worktree)?;
        let dir = shadow.state().join("gate");
        Ok(Gate {
            git: Lent::new(shadow.root())?,
            book: Book::open(&dir)?,
            dir,
            shadow,
        })
    }

    /// What HEAD is. One call of git where there is a policy, three where there is no commit.
    pub(crate) fn base(&mut self) -> Result<Base, CliError> {
        let fixed = ["rev-parse", "--path-format=absolute", "--git-path", "objects"];
        let more: [&[&str]; 3] = [&["HEAD^{tree}", "HEAD:brisk.toml"], &["HEAD^{tree}"], &[]];
        for wanted in more {
            let args: Vec<&str> = fixed.iter().chain(wanted).copied().collect();
            let said = self.git.read(&args)?;
            if said.code == 0 {
                let mut lines = said.out.lines();
                let objects = PathBuf::from(lines.next().unwrap_or_default());
                let mut next = || lines.next().and_then(Tree::parse);
                return Ok(Base {
                    tree: next(),
                    policy: next(),
                    objects,
                });
            }
        }
        Err(CliError::new(Exit::Git, "git cannot read this repository")
            .hint("`git status` says what is wrong with it"))
    }

    /// The policy that the person confirmed, if it is still the one of HEAD.
    pub(crate) fn policy(&self, base: &Base) -> Result<Policy, CliError> {
        pin::in_force(&self.dir, base)
    }

    /// Confirms a policy.
    pub(crate) fn confirm(&self, text: &str) -> Result<Policy, CliError> {
        pin::confirm(&self.dir, text)
    }

    /// The ledger as it is now, with the check that runs, if one does.
    pub(crate) fn ledger(&self) -> Result<Ledger, CliError> {
        let ledger = self.book.read()?;
        Ok(match check::running(&self.dir) {
            Some((tree, check)) => ledger.while_running(tree, check),
            None => ledger,
        })
    }

    /// Signs an act and adds it to the ledger.
    pub(crate) fn record(&self, act: Act) -> Result<Ledger, CliError> {
        self.book.add(act)
    }

    /// The key that signs here.
    pub(crate) fn public(&self) -> PublicKey {
        self.book.public()
    }

    /// The ledger's file.
    pub(crate) fn ledger_path(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    /// Brisk's folder for the gate of this repository.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the worktree stands now. `None` without a policy in force: nothing can be verified then.
    pub(crate) fn state(&mut self) -> Result<(Tree, Option<State>), CliError> {
        let base = self.base()?;
        let tree = self.shadow.tree().map_err(worktree)?;
        let Ok(policy) = self.policy(&base) else {
            return Ok((tree, None));
        };
        let state = self.ledger()?.state(&tree, &policy).map_err(ledger)?;
        Ok((tree, Some(state)))
    }
}

/// A refusal of the worktree.
pub(crate) fn worktree(e: WorktreeError) -> CliError {
    let disk = matches!(e, WorktreeError::DiskFull { .. } | WorktreeError::ReadOnly { .. });
    let exit = if disk { Exit::Disk } else { Exit::Target };
    CliError::new(exit, e.to_string())
}

/// A ledger that is not believed.
pub(crate) fn ledger(e: LedgerError) -> CliError {
    CliError::new(Exit::Ledger, e.to_string())
        .hint("keep the folder that `brisk doctor` names as state for whoever looks into it; then move its `gate` away")
}

/// Milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What the person is called on this machine.
pub(crate) fn user() -> String {
    let name = ["USER", "LOGNAME"].iter().find_map(|n| std::env::var(n).ok());
    name.filter(|n| !n.is_empty())
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
