//! Fetching a model: first from the publisher's hub, then from the mirror; the checksum of the whole decides.

use crate::exit::{CliError, Exit};
use crate::models::catalogue::Entry;
use crate::models::verify::{self, Files};
use crate::models::{hub, parts};
use brisk_sandbox::{EnvRule, Runner};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// Base address of the publisher's hub.
const HUB: &str = "https://huggingface.co";

/// Left free on the disk, bytes: a full disk breaks more than a fetch.
const MARGIN: u64 = 32 << 20;

/// How often the lock of another process is asked for.
const LOCK_POLL: Duration = Duration::from_millis(500);

/// Where bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The publisher's model hub.
    Hub,
    /// Python packages that hold the file in parts.
    Mirror,
}

/// What a pull reports, in the order in which it happens. For people and progress bars; nothing depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Another process is fetching this model; this one goes on when that is done.
    Waiting,
    /// A source is asked.
    Trying {
        /// Which.
        source: Source,
        /// Its address, or the first package's name.
        from: String,
        /// Bytes that are already here.
        have: u64,
    },
    /// More bytes are on disk.
    Bytes {
        /// From where.
        source: Source,
        /// On disk now.
        done: u64,
        /// In the whole file.
        total: u64,
    },
    /// A part of the mirror is on disk.
    Part {
        /// Which, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// A source failed; the next one is tried.
    Failed {
        /// Which.
        source: Source,
        /// Why.
        why: String,
    },
    /// The whole file is being read for its checksum.
    Verifying {
        /// Read so far, bytes.
        done: u64,
        /// In the whole file, bytes.
        total: u64,
    },
}

/// Where progress goes.
pub type Report<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// A pull that did not end with a model. What was fetched stays for the next one, except after a wrong checksum.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No room for the file.
    #[error("not enough space in {}: {needed} more bytes are needed, {free} are free", dir.display())]
    DiskFull {
        /// The models' folder.
        dir: PathBuf,
        /// Bytes still to be written, with a margin.
        needed: u64,
        /// Bytes that may be written.
        free: u64,
    },
    /// A file or folder of ours could not be used.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was being done ("cannot write").
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// All bytes came, but they are not the model. They have been removed.
    #[error("{file} was fetched but has the wrong checksum ({found}); it has been removed")]
    Checksum {
        /// Name of the file.
        file: String,
        /// SHA-256 of what came.
        found: String,
    },
    /// No source gave the whole file.
    #[error("{file} could not be fetched, {kept} bytes of it are here. The hub: {hub}. The mirror: {mirror}")]
    Unreachable {
        /// Name of the file.
        file: String,
        /// Why not from the hub.
        hub: String,
        /// Why not from the mirror.
        mirror: String,
        /// What is here, bytes.
        kept: u64,
    },
}

impl FetchError {
    /// What the person can do next.
    pub fn hint(&self) -> &'static str {
        match self {
            FetchError::DiskFull { .. } => {
                "free some space there, then pull again: it goes on where it stopped"
            }
            FetchError::Io { .. } => {
                "see the rights on that folder, then pull again: it goes on where it stopped"
            }
            FetchError::Checksum { .. } => {
                "`brisk model pull` again begins anew; if that fails too, fetch a GGUF file yourself and set \
                 BRISK_MODEL=/path/to.gguf"
            }
            FetchError::Unreachable { .. } => {
                "`brisk model pull` again goes on where it stopped; or set BRISK_MODEL=/path/to.gguf to use a file of \
                 your own"
            }
        }
    }
}

impl From<FetchError> for CliError {
    fn from(error: FetchError) -> CliError {
        let exit = match &error {
            FetchError::DiskFull { .. } | FetchError::Io { .. } => Exit::Disk,
            FetchError::Checksum { .. } | FetchError::Unreachable { .. } => Exit::NoModel,
        };
        let hint = error.hint();
        CliError::new(exit, error.to_string()).hint(hint)
    }
}

/// Why a source gave up.
#[derive(Debug)]
pub(super) enum SourceError {
    /// Something is wrong here: no other source would help.
    Here(FetchError),
    /// Something is wrong there.
    There(String),
}

/// Brings the whole, checked file of `entry` into `dir` and gives its path. What is already there is used: a whole
/// file is not fetched again, a beginning is continued, whichever source it came from.
///
/// Dropping the future stops everything; what is on disk stays for the next time.
///
/// # Errors
/// [`FetchError`], with the next step in [`FetchError::hint`].
pub async fn pull(entry: &Entry, dir: &Path, progress: Report<'_>) -> Result<PathBuf, FetchError> {
    Puller::official().pull(entry, dir, progress).await
}

/// The world that a pull happens in.
#[derive(Debug, Clone)]
pub(super) struct Puller {
    /// Base address of the hub.
    pub(super) hub: String,
    /// Runs the package client.
    pub(super) runner: Runner,
    /// The package client's environment.
    pub(super) env: Vec<EnvRule>,
    /// Bytes that may be written below a folder.
    pub(super) free: fn(&Path) -> io::Result<u64>,
}

impl Puller {
    fn official() -> Puller {
        Puller {
            hub: HUB.to_owned(),
            runner: Runner::plain(),
            env: parts::environment(),
            free: free_bytes,
        }
    }

    pub(super) async fn pull(
        &self,
        entry: &Entry,
        dir: &Path,
        progress: Report<'_>,
    ) -> Result<PathBuf, FetchError> {
        let job = Job {
            entry,
            files: Files::of(entry, dir),
            dir: dir.to_owned(),
            free: self.free,
        };
        std::fs::create_dir_all(dir).map_err(|error| job.io("cannot make", dir, error))?;
        let _lock = job.lock(progress).await?;
        if job.is_whole().await? {
            return Ok(job.files.whole);
        }
        if job.have()? < entry.bytes {
            job.room(entry.bytes - job.have()?)?;
            self.fetch(&job, progress).await?;
        }
        job.settle(progress).await
    }

    async fn fetch(&self, job: &Job<'_>, progress: Report<'_>) -> Result<(), FetchError> {
        let hub = match hub::fetch(job, &self.hub, progress).await {
            Ok(()) => return Ok(()),
            Err(SourceError::Here(error)) => return Err(error),
            Err(SourceError::There(why)) => why,
        };
        progress(Progress::Failed {
            source: Source::Hub,
            why: hub.clone(),
        });
        let mirror = match parts::fetch(job, self.runner, &self.env, progress).await {
            Ok(()) => return Ok(()),
            Err(SourceError::Here(error)) => return Err(error),
            Err(SourceError::There(why)) => why,
        };
        progress(Progress::Failed {
            source: Source::Mirror,
            why: mirror.clone(),
        });
        Err(FetchError::Unreachable {
            file: job.entry.file.to_owned(),
            hub,
            mirror,
            kept: job.have()?,
        })
    }
}

/// One model on its way into one folder.
pub(super) struct Job<'a> {
    pub(super) entry: &'a Entry,
    pub(super) files: Files,
    dir: PathBuf,
    free: fn(&Path) -> io::Result<u64>,
}

impl Job<'_> {
    /// Bytes of the beginning that are on disk.
    pub(super) fn have(&self) -> Result<u64, FetchError> {
        match std::fs::metadata(&self.files.part) {
            Ok(part) => Ok(part.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(self.io("cannot read", &self.files.part, error)),
        }
    }

    /// Refuses to begin what cannot be finished for want of space.
    pub(super) fn room(&self, needed: u64) -> Result<(), FetchError> {
        let needed = needed + MARGIN;
        let free = (self.free)(&self.dir).map_err(|error| self.io("cannot read", &self.dir, error))?;
        if free < needed {
            Err(FetchError::DiskFull {
                dir: self.dir.clone(),
                needed,
                free,
            })
        } else {
            Ok(())
        }
    }

    /// Sorts what the system said about a file of ours.
    pub(super) fn io(&self, doing: &'static str, path: &Path, source: io::Error) -> FetchError {
        if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        ) {
            let needed = self.entry.bytes.saturating_sub(self.have().unwrap_or(0)) + MARGIN;
            let free = (self.free)(&self.dir).unwrap_or(0);
            FetchError::DiskFull {
                dir: self.dir.clone(),
                needed,
                free,
            }
        } else {
            FetchError::Io {
                doing,
                path: path.to_owned(),
                source,
            }
        }
    }

    async fn lock(&self, progress: Report<'_>) -> Result<File, FetchError> {
        let failed = |error| self.io("cannot lock", &self.files.whole, error);
        let lock = self.files.lock_file().map_err(failed)?;
        // Asked for again and again instead of waited for: a waiting thread could not be cancelled.
        let mut ticks = tokio::time::interval(LOCK_POLL);
        let mut told = false;
        loop {
            ticks.tick().await;
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if told => {}
                Err(TryLockError::WouldBlock) => {
                    progress(Progress::Waiting);
                    told = true;
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }

    /// Whether the whole file is there already. A damaged one is taken away.
    async fn is_whole(&self) -> Result<bool, FetchError> {
        let (entry, dir) = (self.entry.clone(), self.dir.clone());
        let status = tokio::task::spawn_blocking(move || verify::status(&entry, &dir)).await;
        match status.map_err(|error| self.io("cannot read", &self.files.whole, io::Error::other(error)))? {
            verify::Status::Present => Ok(true),
            verify::Status::Partial { .. } | verify::Status::Missing => Ok(false),
            verify::Status::Corrupt { .. } => {
                verify::gone(std::fs::remove_file(&self.files.whole))
                    .map_err(|error| self.io("cannot remove", &self.files.whole, error))?;
                Ok(false)
            }
        }
    }

    /// Checks the fetched bytes and gives them their name, or removes them.
    async fn settle(self, progress: Report<'_>) -> Result<PathBuf, FetchError> {
        let total = self.entry.bytes;
        let (send, mut receive) = mpsc::unbounded_channel();
        let path = self.files.part.clone();
        // Stops when nobody listens any more.
        let hashing = tokio::task::spawn_blocking(move || {
            verify::sha256_of(&path, &mut |done| send.send(done).is_ok())
        });
        while let Some(done) = receive.recv().await {
            progress(Progress::Verifying { done, total });
        }
        let found = hashing
            .await
            .map_err(io::Error::other)
            .and_then(|result| result)
            .map_err(|error| self.io("cannot read", &self.files.part, error))?
            .unwrap_or_default();
        if found != self.entry.sha256 {
            self.discard()?;
            return Err(FetchError::Checksum {
                file: self.entry.file.to_owned(),
                found,
            });
        }
        let files = &self.files;
        let named = File::open(&files.part)
            .and_then(|part| part.sync_all())
            .and_then(|()| std::fs::rename(&files.part, &files.whole))
            .and_then(|()| File::open(&self.dir)?.sync_all());
        named.map_err(|error| self.io("cannot write", &files.whole, error))?;
        // Both only save work later: without the mark the file is read once more, the list is stale from now on.
        let _ = files.mark_verified(self.entry.sha256);
        let _ = std::fs::remove_file(&files.parts);
        Ok(self.files.whole)
    }

    /// Removes a beginning that cannot be the model's.
    pub(super) fn discard(&self) -> Result<(), FetchError> {
        for path in [&self.files.part, &self.files.parts] {
            verify::gone(std::fs::remove_file(path))
                .map_err(|error| self.io("cannot remove", path, error))?;
        }
        Ok(())
    }
}

fn free_bytes(dir: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
