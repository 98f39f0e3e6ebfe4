//! How far the person trusts a repository. What they said is kept outside of it, and holds for the files that they saw:
//! once one of those is another, it is stale, which counts as not trusted.
//!
//! `brisk trust add` says it of everything that would be honoured, and confirms the checks of `brisk.toml` with it;
//! `brisk verify --accept` confirms the checks, and makes the repository known with it; `brisk trust remove` takes both
//! back. Nobody else writes here.

mod asks;

pub(crate) use asks::{Asks, Content, digest, of_text};

use crate::home::Home;
use crate::verify::{user, wall_ms};
use brisk_router::scale::Trust;
use brisk_store::{StoreError, TrustRow, TrustStore};
use brisk_worktree::find_root;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where a repository stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody said anything about it.
    Unknown,
    /// What was said cannot be read; why.
    Unreadable(String),
    /// It was said of other files.
    Stale {
        /// What was said.
        said: TrustRow,
        /// The files that changed, came or went.
        changed: Vec<String>,
    },
    /// It holds.
    Is(Trust, TrustRow),
}

impl Standing {
    /// As a fact of routing. What nobody said is not known; what is stale holds no more.
    pub(crate) fn fact(&self) -> Option<Trust> {
        match self {
            Standing::Unknown | Standing::Unreadable(_) => None,
            Standing::Stale { .. } => Some(Trust::Untrusted),
            Standing::Is(trust, _) => Some(*trust),
        }
    }

    /// One word for programs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Standing::Unknown => "unknown",
            Standing::Unreadable(_) => "unreadable",
            Standing::Stale { .. } => "stale",
            Standing::Is(trust, _) => trust.name(),
        }
    }

    /// What was said, whether it holds or not.
    pub(crate) fn said(&self) -> Option<&TrustRow> {
        match self {
            Standing::Unknown | Standing::Unreadable(_) => None,
            Standing::Stale { said, .. } | Standing::Is(_, said) => Some(said),
        }
    }

    /// Why nothing of the repository may run unseen, with what to do next; nothing where it may.
    pub(crate) fn bars_work(&self) -> Option<String> {
        let why = match self {
            Standing::Is(Trust::Known | Trust::Trusted, _) => return None,
            // To say it again would fail the same way.
            Standing::Unreadable(why) => {
                return Some(format!(
                    "whether this repository is trusted cannot be read ({why}). Next: move trust.db in the state folder \
                     away, then `brisk trust add`"
                ));
            }
            Standing::Is(Trust::Untrusted, _) => "you said that this repository is not trusted".to_owned(),
            Standing::Unknown => "nobody said that this repository is trusted".to_owned(),
            Standing::Stale { changed, .. } => {
                format!(
                    "trust in this repository is stale: {} changed since",
                    changed.join(", ")
                )
            }
        };
        Some(format!(
            "{why}. Next: `brisk trust show` says what it asks for, `brisk trust add` trusts it"
        ))
    }
}

/// Everything that was said, for one process.
#[derive(Debug)]
pub(crate) struct Trusts {
    state: PathBuf,
    /// Opened when something is there to be read, or to be written.
    store: Mutex<Option<TrustStore>>,
}

impl Trusts {
    /// Of this home. Reads nothing yet.
    pub(crate) fn of(home: &Home) -> Trusts {
        Trusts {
            state: home.state_dir().to_owned(),
            store: Mutex::default(),
        }
    }

    /// Where the repository around a folder stands, by its files as they are now. A folder in no repository is unknown.
    pub(crate) fn standing(&self, folder: &Path) -> Standing {
        match root_of(folder) {
            Some(root) => self.standing_with(&root, &Asks::of(&root)),
            None => Standing::Unknown,
        }
    }

    /// The same, for what a repository with this root asks for.
    pub(crate) fn standing_with(&self, root: &Path, asks: &Asks) -> Standing {
        let said = match self.said(root) {
            Ok(Some(said)) => said,
            Ok(None) => return Standing::Unknown,
            Err(e) => return Standing::Unreadable(e.to_string()),
        };
        // A level of a later version is none that is known here.
        let level = Trust::from_name(&said.level).unwrap_or(Trust::Untrusted);
        let now = asks.pins();
        if now.as_ref().is_some_and(|pins| digest(pins) == said.digest) {
            return Standing::Is(level, said);
        }
        let mut changed: Vec<String> = asks.unusable();
        let now = now.unwrap_or_default();
        let differs = |(path, content): &&(String, String)| {
            let has = |(p, c): &(String, String)| p == path && c == content;
            !(said.pins.iter().any(has) && now.iter().any(has))
        };
        changed.extend(now.iter().filter(differs).map(|(path, _)| path.clone()));
        changed.extend(said.pins.iter().filter(differs).map(|(path, _)| path.clone()));
        changed.sort();
        changed.dedup();
        Standing::Stale { said, changed }
    }

    /// Why a job that runs may not go on, with what to do next: nobody says now that its repository is trusted. Mostly
    /// the person took it back; what was said may also be lost, or never have been asked for when the job began. That a
    /// file changed meanwhile stops none: it runs what was confirmed, on the tree that it began with.
    pub(crate) fn taken_back(&self, root: &Path) -> Option<String> {
        matches!(self.said(root), Ok(None))
            .then(|| "nobody says now that this repository is trusted. Next: `brisk trust add`, then delegate again".to_owned())
    }

    /// Says it of these files, which the person has seen, in the place of what was said before.
    pub(crate) fn say(&self, root: &Path, level: Trust, pins: &[(String, String)]) -> Result<(), StoreError> {
        let row = TrustRow {
            level: level.name().to_owned(),
            who: user(),
            at_ms: wall_ms(),
            digest: digest(pins),
            pins: pins.to_vec(),
        };
        self.with(|store| store.put(root, &row))
    }

    /// Takes it back. `false`: nothing was said.
    pub(crate) fn take_back(&self, root: &Path) -> Result<bool, StoreError> {
        self.with(|store| store.remove(root))
    }

    fn said(&self, root: &Path) -> Result<Option<TrustRow>, StoreError> {
        let open = self
            .store
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some();
        // To look makes no file.
        if !open && !TrustStore::path_in(&self.state).exists() {
            return Ok(None);
        }
        self.with(|store| store.get(root))
    }

    /// A damaged store is moved away when it is opened first, by whichever process: that is said there and then.
    fn open(&self) -> Result<TrustStore, StoreError> {
        let opened = TrustStore::open(&self.state)?;
        if let Some(aside) = opened.set_aside() {
            // Where nobody reads it, nothing is trusted all the same.
            let _ = writeln!(
                std::io::stderr(),
                "brisk: what was said about trust was damaged ({}); it lies in {}, and no repository is trusted now. \
                 Next: `brisk trust add` in those that you trust",
                aside.why,
                aside.path.display()
            );
        }
        Ok(opened)
    }

    fn with<T>(&self, f: impl FnOnce(&TrustStore) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match store.take() {
            Some(open) => open,
            None => self.open()?,
        };
        f(store.insert(open))
    }
}

/// The root of the repository around a folder, as it is written down.
pub(crate) fn root_of(folder: &Path) -> Option<PathBuf> {
    folder.canonicalize().ok().and_then(|folder| find_root(&folder))
}

#[cfg(test)]
mod tests;
