//! What the daemon's parts share: sessions, repositories, models, the log.

use super::actor::{self, Control, Handle, Means, Past};
use super::felt::Desk;
use super::fleet::Fleet;
use super::jobs::Jobs;
use super::log::Log;
use super::models::Models;
use super::now;
use super::standings::Standings;
use super::takeover::{self, Estate};
use crate::exit::Exit;
use crate::home::Home;
use brisk_domain::SessionId;
use brisk_protocol::{ErrorBody, ErrorCode};
use brisk_worktree::{Repo, WorktreeError, find_root};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// A refusal with the exit code that a command line client ends with.
pub(crate) fn refuse(exit: Exit, message: impl Into<String>) -> ErrorBody {
    ErrorBody {
        code: ErrorCode::Refused.number(),
        message: message.into(),
        data: Some(serde_json::json!({ "exit": exit.code() })),
    }
}

/// The exit code that a repository's error means.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "every refusal that is not the disk's is about the target"
)]
pub(crate) fn refuse_worktree(error: &WorktreeError) -> ErrorBody {
    let exit = match error {
        WorktreeError::DiskFull { .. }
        | WorktreeError::ReadOnly { .. }
        | WorktreeError::Unfinished { .. }
        | WorktreeError::Io { .. } => Exit::Disk,
        _ => Exit::Target,
    };
    refuse(exit, error.to_string())
}

pub(crate) struct Hub {
    pub(crate) home: Home,
    pub(crate) models: Arc<Models>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) standings: Arc<Standings>,
    pub(crate) log: Log,
    pub(crate) desk: Desk,
    pub(crate) started: std::time::Instant,
    pub(crate) clients: AtomicUsize,
    /// Microseconds of the monotonic clock at which something last happened.
    pub(crate) active_us: AtomicU64,
    /// Asks the daemon to end.
    pub(crate) leave: Notify,
    pub(crate) websocket: Mutex<Option<String>>,
    sessions: Mutex<HashMap<SessionId, Handle>>,
    repos: Mutex<HashMap<PathBuf, Arc<Repo>>>,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only maps are behind these locks: a panic elsewhere cannot leave them half changed.
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    pub(crate) fn new(
        home: Home,
        models: Arc<Models>,
        fleet: Arc<Fleet>,
        jobs: Arc<Jobs>,
        log: Log,
        desk: Desk,
    ) -> Hub {
        let standings = Standings::new(home.clone(), Arc::clone(&jobs));
        Hub {
            home,
            standings,
            models,
            fleet,
            jobs,
            log,
            desk,
            started: std::time::Instant::now(),
            clients: AtomicUsize::new(0),
            active_us: AtomicU64::new(now().0),
            leave: Notify::new(),
            websocket: Mutex::new(None),
            sessions: Mutex::new(HashMap::new()),
            repos: Mutex::new(HashMap::new()),
        }
    }

    pub(crate) fn touch(&self) {
        self.active_us.store(now().0, Ordering::Relaxed);
    }

    pub(crate) fn sessions(&self) -> usize {
        lock(&self.sessions).len()
    }

    /// The repository around a folder, opened once a daemon.
    pub(crate) async fn repo(self: &Arc<Hub>, cwd: &Path) -> Result<Arc<Repo>, ErrorBody> {
        if let Some(repo) = lock(&self.repos).get(cwd) {
            return Ok(Arc::clone(repo));
        }
        let (hub, cwd) = (Arc::clone(self), cwd.to_owned());
        let opened = tokio::task::spawn_blocking(move || {
            let inside = cwd.canonicalize().ok().and_then(|c| find_root(&c));
            let root = inside.ok_or_else(|| WorktreeError::NoRepository { start: cwd.clone() })?;
            let mut repos = lock(&hub.repos);
            let repo = match repos.get(&root) {
                Some(repo) => Arc::clone(repo),
                None => Arc::new(Repo::open(&root, &hub.home.state_dir().join("repositories"))?),
            };
            repos.insert(root, Arc::clone(&repo));
            repos.insert(cwd, Arc::clone(&repo));
            Ok::<_, WorktreeError>(repo)
        });
        match opened.await {
            Ok(Ok(repo)) => Ok(repo),
            Ok(Err(error)) => Err(refuse_worktree(&error)),
            Err(panic) => Err(refuse(Exit::Daemon, panic.to_string())),
        }
    }

    /// A repository by its top folder, if this daemon has it open.
    pub(crate) fn open_repo(&self, root: &Path) -> Option<Arc<Repo>> {
        lock(&self.repos)
            .get(root)
            .filter(|repo| repo.root() == root)
            .cloned()
    }

    /// Opens a new session.
    pub(crate) async fn new_session(self: &Arc<Hub>, cwd: &Path) -> Result<SessionId, ErrorBody> {
        let repo = self.repo(cwd).await?;
        let folder = cwd.to_owned();
        let made = self.log.with(move |log| log.create_session(&folder)).await;
        let id = made.map_err(|e| refuse(Exit::Disk, e))?;
        self.models.load_ahead();
        let handle = actor::start(id, Past::default(), cwd.to_owned(), repo, self.means());
        lock(&self.sessions).insert(id, handle);
        Ok(id)
    }

    /// A session by its id; one that an earlier daemon had goes on from its log.
    pub(crate) async fn session(self: &Arc<Hub>, id: SessionId) -> Result<Handle, ErrorBody> {
        if let Some(handle) = self.live(id) {
            return Ok(handle);
        }
        let unknown = || refuse(Exit::Target, format!("there is no session {id}"));
        // It may have been retired a moment ago: its last number counts.
        self.log.flush().await;
        let found = self
            .log
            .with(move |log| Ok(log.sessions()?.into_iter().find(|s| s.id == id)))
            .await;
        let session = found.map_err(|e| refuse(Exit::Disk, e))?.ok_or_else(unknown)?;
        let cwd = session.root;
        let repo = self.repo(&cwd).await?;
        let last = session.last.0;
        let estate = takeover::estate(&self.log, id, last).await;
        let Estate { endings, place } = estate.map_err(|e| refuse(Exit::Disk, e))?;
        let files = Arc::clone(&repo);
        let place = tokio::task::spawn_blocking(move || {
            // Without its file there is no place any more.
            let text = files.read(place.path()?).ok()?.text;
            Some((place, text))
        });
        let place = place.await.ok().flatten();
        let mut sessions = lock(&self.sessions);
        let handle = sessions.entry(id).or_insert_with(|| {
            let last = endings.last().map_or(last, |e| e.seq);
            endings.into_iter().for_each(|e| self.log.append(e));
            actor::start(id, Past { last, place }, cwd, repo, self.means())
        });
        Ok(handle.clone())
    }

    fn means(&self) -> Means {
        Means {
            models: Arc::clone(&self.models),
            fleet: Arc::clone(&self.fleet),
            log: self.log.clone(),
            desk: self.desk.clone(),
            standings: Arc::clone(&self.standings),
        }
    }

    /// A session that this daemon holds.
    pub(crate) fn live(&self, id: SessionId) -> Option<Handle> {
        lock(&self.sessions).get(&id).cloned()
    }

    /// Number of a session's last event on disk.
    pub(crate) async fn last(&self, id: SessionId) -> Result<u64, ErrorBody> {
        self.log.flush().await;
        let last = self.log.with(move |log| log.last(id)).await;
        last.map(|seq| seq.0).map_err(|e| refuse(Exit::Disk, e))
    }

    /// Drops a session that nobody watches and nothing waits in. Its log stays.
    pub(crate) fn retire(&self, id: SessionId) {
        lock(&self.sessions).remove(&id);
    }

    /// Ends every session, writes finished.
    pub(crate) async fn end_sessions(&self) {
        let handles: Vec<Handle> = lock(&self.sessions).drain().map(|(_, h)| h).collect();
        for handle in handles {
            let (done, over) = oneshot::channel();
            if handle.control.send(Control::Shutdown { done }).is_ok() {
                let _ = over.await;
            }
        }
        self.log.flush().await;
    }
}
