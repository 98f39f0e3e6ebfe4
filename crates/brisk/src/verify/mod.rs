//! The shell around the gate: where the ledger, the key and the confirmed policy lie, what the repository stands on,
//! and how a check is run. Needs no daemon.

mod adopted;
mod agent;
mod alone;
mod asked;
mod book;
mod check;
mod git;
mod origin;
mod outside;
mod pin;
mod probing;
mod prove;
mod signer;
mod standing;

pub(crate) use adopted::{Parted, parted};
pub(crate) use alone::Alone;
pub(crate) use asked::{Asked, Ended, Told};
pub(crate) use check::Plan;
pub(crate) use git::Lent;
pub(crate) use outside::{Believed, Checked, check_commit, ledger_at, only_ledger};
pub(crate) use pin::{Confirmed, proposal, unreadable};
pub(crate) use signer::Wanted;
pub(crate) use standing::{standing, told, why};

use crate::exit::{CliError, Exit};
use crate::home::Home;
use book::Book;
use brisk_domain::evidence::Tree;
use brisk_gate::{Act, Ledger, LedgerError, Policy, PublicKey, State};
use brisk_sandbox::Stop;
use brisk_worktree::{PromoteError, Shadow, WorktreeError, stored, take};
use probing::Probing;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What the repository stands on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Base {
    /// What the worktree is compared with: HEAD, or, where the worktree is HEAD, the commit before it. So a change is
    /// judged by what it changed, whether it is committed already or not. `None` where there was nothing before.
    pub tree: Option<Tree>,
    /// `brisk.toml` of HEAD, by the id of the file.
    pub policy: Option<Tree>,
    /// Where the person's objects are.
    pub objects: PathBuf,
}

/// What git has at HEAD and before it.
struct Heads {
    head: Option<Tree>,
    before: Option<Tree>,
    policy: Option<Tree>,
    objects: PathBuf,
}

impl Heads {
    fn read(git: &mut Lent) -> Result<Heads, CliError> {
        let names = ["HEAD^{tree}", "HEAD^1^{tree}", "HEAD:brisk.toml"];
        let fixed = ["rev-parse", "--path-format=absolute", "--git-path", "objects"];
        let all: Vec<&str> = fixed.iter().chain(&names).copied().collect();
        let said = git.read(&all)?;
        let mut lines = said.out.lines();
        let objects = lines.next().map(PathBuf::from).filter(|p| p.is_absolute());
        let objects = objects.ok_or_else(|| {
            CliError::new(Exit::Git, "git cannot read this repository")
                .hint("`git status` says what is wrong with it")
        })?;
        // Git answers in order, up to the first name that names nothing; that one it only repeats.
        let mut ids: Vec<Option<Tree>> = lines.map_while(|l| Tree::parse(l).map(Some)).collect();
        if said.code != 0 && ids.len() < names.len() {
            ids.push(None);
        }
        for name in names.iter().skip(ids.len()) {
            ids.push(git.id(name)?);
        }
        let mut ids = ids.into_iter();
        let [head, before, policy] = [(); 3].map(|()| ids.next().flatten());
        Ok(Heads {
            head,
            before,
            policy,
            objects,
        })
    }

    fn base(self, tree: &Tree) -> Base {
        let is_head = self.head.as_ref() == Some(tree);
        Base {
            tree: if is_head { self.before } else { self.head },
            policy: self.policy,
            objects: self.objects,
        }
    }
}

/// One repository as the gate sees it.
pub(crate) struct Gate {
    pub shadow: Shadow,
    pub git: Lent,
    dir: PathBuf,
    /// Where the event log is.
    events: PathBuf,
    book: Book,
    /// Checks run in the slot of this attempt, and end when this is used; else in the person's.
    attempt: Option<(String, Stop)>,
    /// A check in the person's slot ends when this is used.
    stop: Option<Stop>,
    probing: Option<Probing>,
}

impl Gate {
    /// Opens the repository that the command runs in. The key and the folders are made if they are missing.
    pub(crate) fn open(home: &Home, cwd: &Path) -> Result<Gate, CliError> {
        home.prepare()?;
        let shadow = Shadow::open(cwd, home.state_dir()).map_err(worktree)?;
        let dir = shadow.state().join("gate");
        Ok(Gate {
            git: Lent::of(shadow.root())?,
            // One key and ledger for all worktrees: what was verified in one may be pushed from another.
            book: Book::open(&shadow.shared().join("gate"))?,
            dir,
            events: home.state_dir().join("events"),
            shadow,
            attempt: None,
            stop: None,
            probing: None,
        })
    }

    /// Content of the worktree now, as git would store it.
    pub(crate) fn tree(&mut self) -> Result<Tree, CliError> {
        stored(&mut self.shadow, &mut self.git).map_err(|e| {
            let next = match e {
                PromoteError::Worktree(e) => return worktree(e),
                PromoteError::Elsewhere { .. } => "`git config --unset core.worktree`",
                PromoteError::Stale { .. }
                | PromoteError::Other { .. }
                | PromoteError::Unmerged { .. }
                | PromoteError::Sparse { .. }
                | PromoteError::Filter { .. }
                | PromoteError::Submodule { .. }
                | PromoteError::Git { .. } => "`git status` says what is wrong with it",
            };
            CliError::new(Exit::Git, e.to_string()).hint(next)
        })
    }

    /// Takes a tree of the person's own objects over, so that it can be laid out and compared.
    pub(crate) fn take_over(&mut self, objects: &Path, tree: &Tree) -> Result<(), CliError> {
        take(&mut self.shadow, &mut self.git, objects, tree).map_err(worktree)
    }

    /// What a tree stands on. One call of git where there is a history.
    pub(crate) fn base(&mut self, tree: &Tree) -> Result<Base, CliError> {
        Ok(Heads::read(&mut self.git)?.base(tree))
    }

    /// The worktree as it is now, what it stands on, and how many microseconds the first took. Git is asked meanwhile.
    pub(crate) fn stand(&mut self) -> Result<(Tree, Base, u64), CliError> {
        let root = self.shadow.root().to_owned();
        thread::scope(|scope| {
            let heads = scope.spawn(move || Heads::read(&mut Lent::of(&root)?));
            let began = Instant::now();
            let tree = self.tree()?;
            let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            let heads = heads
                .join()
                .map_err(|_| CliError::new(Exit::Git, "git cannot be asked"))??;
            let base = heads.base(&tree);
            Ok((tree, base, took))
        })
    }

    /// The policy that the person confirmed, if it is still the one of HEAD.
    pub(crate) fn policy(&self, base: &Base) -> Result<Policy, CliError> {
        pin::in_force(&self.dir, base)
    }

    /// Every policy that was confirmed here, for commits that bring none themselves.
    pub(crate) fn all_confirmed(&self) -> Vec<String> {
        pin::all(&self.dir)
    }

    /// The text that the person confirmed last, in force or not.
    pub(crate) fn confirmed(&self) -> Option<String> {
        pin::text(&self.dir).ok()
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

    /// From here on another key signs: one of the person's, or the repository's own again.
    pub(crate) fn sign_with(&mut self, wanted: Option<&Wanted>) -> Result<(), CliError> {
        let root = self.shadow.root();
        if let Some(Wanted::File(path)) = wanted
            && path.canonicalize().is_ok_and(|p| p.starts_with(root))
        {
            // It would be a part of the tree: tested, shown to every check, and shipped.
            let why = format!("{} lies in the repository that it would sign for", path.display());
            return Err(CliError::new(Exit::Usage, why).hint("move it out of there; `~/.ssh` is its place"));
        }
        self.book.sign_with(wanted)
    }

    /// The ledger's file.
    pub(crate) fn ledger_path(&self) -> PathBuf {
        self.book.folder().join("ledger")
    }

    /// Brisk's folder for the gate of this repository.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the worktree stands now. `None` without a policy in force: nothing can be verified then.
    pub(crate) fn state(&mut self) -> Result<(Tree, Option<State>), CliError> {
        let tree = self.tree()?;
        let base = self.base(&tree)?;
        let Ok(policy) = self.policy(&base) else {
            return Ok((tree, None));
        };
        let state = self
            .ledger()?
            .state(&tree, &policy, base.tree.as_ref())
            .map_err(ledger)?;
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
