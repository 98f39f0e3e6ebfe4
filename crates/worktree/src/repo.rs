//! One repository, open: reading, writing, undo, snapshots. One value of [`Repo`] serves all threads of the daemon.

mod effect;

pub use effect::in_effect;

use crate::blobs::Blobs;
use crate::commit::{Outcome, Plan, PlannedFile, Store};
use crate::error::{WorktreeError, io_at};
use crate::history::{History, Task, Which};
use crate::ids::{Digest, OpId, TreeId};
use crate::journal::{Journal, Kind};
use crate::op::{Applied, File, OpSummary, Operation, Stamp};
use crate::path::{RelPath, find_root, relative, resolve};
use crate::plan::{Fitted, fit};
use crate::probe::{Calm, Probe};
use crate::recover::{Pending, Recovery, Sorted, sort};
use crate::root::Root;
use crate::snapshot::{Difference, Snapshots};
use crate::undo::{Undone, decode, steps};
use crate::walk;
use brisk_domain::{HunkId, SessionId};
use brisk_patch::{Change, Text};
use rustix::fs::FlockOperation;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File as Handle};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The person's repository. `Send + Sync`; calls block, so the daemon makes them from blocking threads.
pub struct Repo {
    store: Store,
    state: Mutex<State>,
    snapshots: Mutex<Snapshots>,
    recovered: Option<Recovery>,
    /// Held locked for as long as this value lives.
    _lock: Handle,
}

struct State {
    journal: Journal,
    history: History,
    /// The newest operation id given out.
    last: OpId,
    /// Decided operations that could not be completed; tried again before the next one.
    pending: Vec<Pending>,
}

/// What of an operation has to fit, for any of it to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Any,
    All,
}

/// A file that changes while it is being compared is read again this often before the write gives up.
const ATTEMPTS: usize = 8;

impl Repo {
    /// Opens the repository at or above `start`. Brisk's own data goes into a folder of its own below `state_home`.
    /// What a crash cut off is completed or swept away first.
    ///
    /// # Errors
    /// `NoRepository`; `StateInside` if `state_home` lies in the repository; `Busy` if another process has it open.
    pub fn open(start: &Path, state_home: &Path) -> Result<Repo, WorktreeError> {
        Repo::open_probed(start, state_home, Arc::new(Calm))
    }

    /// [`Repo::open`] with a probe that is asked before every step of a write: how tests cut one off.
    ///
    /// # Errors
    /// As [`Repo::open`].
    pub fn open_probed(
        start: &Path,
        state_home: &Path,
        probe: Arc<dyn Probe>,
    ) -> Result<Repo, WorktreeError> {
        let none = || WorktreeError::NoRepository {
            start: start.to_owned(),
        };
        let root = start
            .canonicalize()
            .ok()
            .and_then(|s| find_root(&s))
            .ok_or_else(none)?;
        let home = resolve(&std::path::absolute(state_home).map_err(io_at("find", state_home))?);
        if home.as_ref().is_none_or(|h| h.starts_with(&root)) {
            return Err(WorktreeError::StateInside {
                state: state_home.to_owned(),
                root,
            });
        }
        let state = state_folder(state_home, &root)?;
        let lock = lock(&state.join("lock"), &root)?;
        let at = |doing, name: &str| io_at(doing, state.join(name));
        std::fs::write(state.join("root"), root.as_os_str().as_bytes()).map_err(at("write", "root"))?;

        let blobs = Blobs::open(&state.join("blobs")).map_err(at("open", "blobs"))?;
        let path = state.join("log.jsonl");
        let (mut journal, loaded) = Journal::open(&path).map_err(io_at("open the journal", &path))?;
        let store = Store {
            root: Root::open(&root).map_err(io_at("open", &root))?,
            blobs,
            probe,
        };
        let Sorted { over, pending, last } = sort(loaded.entries);
        let mut recovery = Recovery {
            damaged_lines: loaded.damaged,
            ..Recovery::default()
        };
        let mut ended = over;
        for p in pending {
            match store.recover(&mut journal, &p)? {
                Some(left) => {
                    recovery.completed.push(p.op.op);
                    recovery.left.extend(left.iter().cloned());
                    ended.push((p.op, left));
                }
                None => recovery.swept.push(p.op.op),
            }
        }
        ended.sort_by_key(|(op, _)| op.op);
        let mut history = History::default();
        ended.into_iter().for_each(|(op, left)| history.push(op, &left));
        Ok(Repo {
            store,
            state: Mutex::new(State {
                journal,
                history,
                last,
                pending: Vec::new(),
            }),
            snapshots: Mutex::new(Snapshots::open(&state)?),
            recovered: (recovery != Recovery::default()).then_some(recovery),
            _lock: lock,
        })
    }

    /// The repository's top folder, canonical.
    pub fn root(&self) -> &Path {
        self.store.root.path()
    }

    /// What was done at the opening about operations that a crash had cut off.
    pub fn recovered(&self) -> Option<&Recovery> {
        self.recovered.as_ref()
    }

    /// Reads a text file. A link to a file inside the repository is followed, never out of it.
    ///
    /// # Errors
    /// `Outside`, `InGitDir`, `Symlink`, `Missing`, `NotAFile`, `NotText`, `TooLarge` (from the metadata), `Io`.
    pub fn read(&self, path: &str) -> Result<File, WorktreeError> {
        let (path, seen) = self.store.root.read_through(&RelPath::new(path)?)?;
        let text = decode(path.as_str(), &seen.bytes)?;
        let digest = Digest::of(&seen.bytes);
        let stamp = Stamp {
            size: seen.meta.size,
            mtime_ns: seen.meta.mtime_ns,
            digest,
        };
        Ok(File {
            path: path.as_str().to_owned(),
            text,
            stamp,
        })
    }

    /// Turns a path that the person typed while in folder `cwd` into one below the root. It need not exist.
    ///
    /// # Errors
    /// `Outside`, `InGitDir`.
    pub fn relative(&self, cwd: &Path, arg: &str) -> Result<String, WorktreeError> {
        relative(self.root(), cwd, arg).map(|p| p.as_str().to_owned())
    }

    /// Paths that git tracks, and those that it would (not ignored), sorted; at most `limit`.
    pub fn files(&self, limit: usize) -> Vec<String> {
        walk::files(self.root(), limit)
    }

    /// Writes the changes that fit, all of them atomically together and journalled: a crash at any point leaves, after
    /// the next opening, either all of these or none. Changes that do not fit, even rebased over the person's edits,
    /// are in `conflicted` and take no part.
    ///
    /// # Errors
    /// Nothing was changed: `Outside`, `InGitDir`, `Symlink`, `NotAFile`, `NotText`, `TooLarge`, `ReadOnly`,
    /// `HardLinked`, `DiskFull`, `Io`. `Unfinished` alone means that the write is decided and still to be completed.
    pub fn write(&self, op: Operation) -> Result<Applied, WorktreeError> {
        self.write_if(op, Need::Any)
    }

    /// The same for changes that belong together: where one of them does not fit, none is written. Only what somebody
    /// changes in the very moment of the rename can still be left out.
    ///
    /// # Errors
    /// As [`Repo::write`].
    pub fn write_whole(&self, op: Operation) -> Result<Applied, WorktreeError> {
        self.write_if(op, Need::All)
    }

    fn write_if(&self, op: Operation, need: Need) -> Result<Applied, WorktreeError> {
        let mut by_path: BTreeMap<&str, Vec<(HunkId, &Change)>> = BTreeMap::new();
        for (id, change) in &op.changes {
            by_path.entry(change.path()).or_default().push((*id, change));
        }
        let mut state = self.state()?;
        for _ in 0..ATTEMPTS {
            let mut applied = Applied::default();
            let mut files = Vec::new();
            for (path, changes) in &by_path {
                let rel = RelPath::new(path)?;
                let before = self.store.root.read(&rel)?;
                let now = before.as_ref().map(|s| decode(path, &s.bytes)).transpose()?;
                let Fitted {
                    result,
                    kept,
                    rebased,
                    conflicted,
                } = fit(changes, op.bases.get(*path), now.as_ref());
                applied.conflicted.extend(conflicted);
                applied.kept.extend(kept);
                applied.rebased.extend(rebased);
                if let Some((text, what)) = result {
                    let after = text.as_ref().map(Text::encode);
                    files.push(PlannedFile {
                        path: rel,
                        before,
                        after,
                        mode: None,
                        what,
                    });
                }
            }
            if need == Need::All && !applied.conflicted.is_empty() {
                return Ok(Applied {
                    conflicted: applied.conflicted,
                    ..Applied::default()
                });
            }
            if files.is_empty() {
                return Ok(applied);
            }
            let kind = Kind::Write {
                session: op.session,
                turn: op.turn,
            };
            let plan = Plan {
                kind,
                note: op.note.clone(),
                files,
                prune: Vec::new(),
            };
            if let Outcome::Done { op: done, left } = self.commit(&mut state, plan)? {
                applied.op = Some(done.op);
                let lost = |id: &HunkId| {
                    op.changes
                        .iter()
                        .any(|(i, c)| i == id && left.contains(&c.path().to_owned()))
                };
                let (gone, kept) = applied.kept.into_iter().partition(lost);
                applied.kept = kept;
                applied.rebased.retain(|id| !lost(id));
                applied
                    .conflicted
                    .extend(gone.into_iter().map(|id| (id, CHANGING.to_owned())));
                state.history.push(done, &left);
                return Ok(applied);
            }
        }
        let conflicted = op
            .changes
            .iter()
            .map(|(id, _)| (*id, CHANGING.to_owned()))
            .collect();
        Ok(Applied {
            conflicted,
            ..Applied::default()
        })
    }

    /// Takes out what was written, rebased over everything that came later; what later edits touched is `conflicted`
    /// and stays. An undo is an operation like any other: it can be undone by its id, or by [`Repo::redo`].
    ///
    /// # Errors
    /// `Nothing` if nothing of it is in effect, `UnknownOp`; else as [`Repo::write`].
    pub fn undo(&self, which: Which) -> Result<Undone, WorktreeError> {
        self.turn_back("undo", |h| {
            h.undo(which).map_err(|op| WorktreeError::UnknownOp { op })
        })
    }

    /// Puts back what the newest undo since the last write took out; again for the one before it.
    ///
    /// # Errors
    /// `Nothing` if there is none; else as [`Repo::write`].
    pub fn redo(&self) -> Result<Undone, WorktreeError> {
        self.turn_back("redo", |h| Ok(h.redo()))
    }

    fn turn_back(
        &self,
        what: &'static str,
        task: impl Fn(&History) -> Result<Option<Task>, WorktreeError>,
    ) -> Result<Undone, WorktreeError> {
        let mut state = self.state()?;
        let task = task(&state.history)?.ok_or(WorktreeError::Nothing { what })?;
        for _ in 0..ATTEMPTS {
            let mut s = steps(&self.store, &state.history, &task)?;
            if s.files.is_empty() {
                return Ok(s.told);
            }
            let kind = match &task {
                Task::TakeOut(_) => Kind::Undo,
                Task::PutBack { undo, .. } => Kind::Redo { of: *undo },
            };
            let plan = Plan {
                kind,
                note: s.told.notes.join("; "),
                files: s.files,
                prune: s.prune,
            };
            if let Outcome::Done { op, left } = self.commit(&mut state, plan)? {
                let (lost, hunks) = s.told.hunks.into_iter().partition(|t| left.contains(&t.path));
                s.told.hunks = hunks;
                s.told
                    .conflicted
                    .extend(Vec::into_iter(lost).map(|t| (t, CHANGING.to_owned())));
                s.told.op = Some(op.op);
                state.history.push(op, &left);
                return Ok(s.told);
            }
        }
        let s = steps(&self.store, &state.history, &task)?;
        let conflicted = s
            .told
            .hunks
            .into_iter()
            .map(|t| (t, CHANGING.to_owned()))
            .chain(s.told.conflicted)
            .collect();
        Ok(Undone {
            conflicted,
            notes: s.told.notes,
            ..Undone::default()
        })
    }

    /// The newest entries of the operation log, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Io`, while an operation that could not be completed still cannot be.
    pub fn log(&self, limit: usize) -> Result<Vec<OpSummary>, WorktreeError> {
        let state = self.state()?;
        Ok(state
            .history
            .newest()
            .take(limit)
            .map(|op| OpSummary::of(op, &state.history))
            .collect())
    }

    /// The greatest session id in the log: new sessions of this repository count on from here.
    ///
    /// # Errors
    /// As [`Repo::log`].
    pub fn last_session(&self) -> Result<SessionId, WorktreeError> {
        let state = self.state()?;
        let sessions = state.history.newest().map(|op| match op.kind {
            Kind::Write { session, .. } => session,
            Kind::Undo | Kind::Redo { .. } => SessionId(0),
        });
        Ok(sessions.max().unwrap_or_default())
    }

    /// Content of the worktree now (tracked, and untracked but not ignored), as a tree in the shadow git folder.
    ///
    /// # Errors
    /// `DiskFull`, `Io`.
    pub fn snapshot(&self) -> Result<TreeId, WorktreeError> {
        self.snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(self.root())
    }

    /// Paths whose content differs between a snapshot and now.
    ///
    /// # Errors
    /// `UnknownTree`, `DiskFull`, `Io`.
    pub fn diff_since(&self, tree: &TreeId) -> Result<Vec<Difference>, WorktreeError> {
        self.snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .diff_since(self.root(), tree)
    }

    /// The state, with what was left over completed first.
    fn state(&self) -> Result<MutexGuard<'_, State>, WorktreeError> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        while let Some(p) = state.pending.first() {
            if let Some(left) = self.store.recover(&mut state.journal, p)? {
                state.history.push(p.op.clone(), &left);
            }
            state.pending.remove(0);
        }
        Ok(guard)
    }

    fn commit(&self, state: &mut State, plan: Plan) -> Result<Outcome, WorktreeError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let salt = (now.as_nanos() as u64) ^ u64::from(std::process::id()).rotate_left(40);
        state.last = OpId(state.last.0 + 1);
        let id = state.last;
        let done = self
            .store
            .commit(&mut state.journal, id, salt, now.as_millis() as u64, plan);
        done.map_err(|failed| {
            state.pending.extend(failed.pending.map(|p| *p));
            failed.error
        })
    }
}

const CHANGING: &str = "the file was changed by somebody else in the moment of the write";

/// The folder for one repository, readable by its owner alone: it holds contents of the person's files.
pub(crate) fn state_folder(home: &Path, root: &Path) -> Result<PathBuf, WorktreeError> {
    let state = state_place(home, root);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&state)
        .map_err(io_at("make", &state))?;
    Ok(state)
}

/// Where that folder is.
fn state_place(home: &Path, root: &Path) -> PathBuf {
    let key: String = Digest::of(root.as_os_str().as_bytes())
        .to_string()
        .chars()
        .take(32)
        .collect();
    home.join("repos").join(key)
}

fn lock(path: &Path, root: &Path) -> Result<Handle, WorktreeError> {
    let io = io_at("open", path);
    let file = Handle::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(io)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(WorktreeError::Busy {
            root: root.to_owned(),
        }),
        Err(e) => Err(io_at("lock", path)(e.into())),
    }
}
