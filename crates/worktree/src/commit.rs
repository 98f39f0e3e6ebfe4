//! One atomic write of several files.
//!
//! Contents and an intent go to the state folder first; then each new content goes into a temporary file beside its
//! target; then the journal says *commit*, and from that moment the operation happens, if need be at the next start
//! (`recover.rs`). Nothing here cleans up in a destructor: what a crash leaves is what recovery expects.

use crate::blobs::Blobs;
use crate::error::{WorktreeError, io_at};
use crate::ids::{Digest, OpId};
use crate::journal::{Entry, FileOp, Journal, Kind, Op, What};
use crate::path::RelPath;
use crate::probe::{Probe, Step};
use crate::recover::Pending;
use crate::root::{Meta, Root, Seen, stat_in};
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid, fchmod, fchown, fstat, futimens, mkdirat, openat,
    renameat, unlinkat,
};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs::File as Handle;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

/// What one operation is to do, decided from files as they were read.
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) note: String,
    pub(crate) files: Vec<PlannedFile>,
    /// Folders to remove at the end if they are empty then.
    pub(crate) prune: Vec<String>,
}

/// One file of a plan.
pub(crate) struct PlannedFile {
    pub(crate) path: RelPath,
    pub(crate) before: Option<Seen>,
    pub(crate) after: Option<Vec<u8>>,
    /// Permission bits of a file that comes back; a file that is there keeps its own.
    pub(crate) mode: Option<u32>,
    pub(crate) what: What,
}

/// How a commit ended.
pub(crate) enum Outcome {
    /// It happened, but for the paths in `left`, which somebody changed in the very moment of the rename.
    Done { op: Op, left: Vec<String> },
    /// A file changed since it was read. Nothing was written; plan again.
    Changed,
}

/// A commit that failed.
pub(crate) struct Failed {
    pub(crate) error: WorktreeError,
    /// The operation, if it is decided all the same and has to be completed.
    pub(crate) pending: Option<Box<Pending>>,
}

impl From<WorktreeError> for Failed {
    fn from(error: WorktreeError) -> Failed {
        Failed { error, pending: None }
    }
}

/// Everything that a write goes through.
pub(crate) struct Store {
    pub(crate) root: Root,
    pub(crate) blobs: Blobs,
    pub(crate) probe: Arc<dyn Probe>,
}

impl Store {
    /// Carries a plan out: all of it or, with an error or `Changed`, nothing.
    pub(crate) fn commit(
        &self,
        journal: &mut Journal,
        id: OpId,
        salt: u64,
        at_ms: u64,
        plan: Plan,
    ) -> Result<Outcome, Failed> {
        for f in &plan.files {
            self.check_writable(f)?;
        }
        let folders = self.missing_folders(&plan.files)?;
        let op = Op {
            op: id,
            salt,
            at_ms,
            kind: plan.kind,
            note: plan.note,
            files: plan.files.iter().map(PlannedFile::record).collect(),
            folders,
            prune: plan.prune,
        };

        let contents = plan.files.iter().flat_map(|f| {
            f.before
                .as_ref()
                .map(|s| s.bytes.as_slice())
                .into_iter()
                .chain(f.after.as_deref())
        });
        self.probe
            .at(Step::Blobs)
            .and_then(|()| self.blobs.put(contents))
            .map_err(io_at("store contents in", self.blobs.path()))?;
        self.probe
            .at(Step::Intent)
            .and_then(|()| journal.append(&[Entry::Intent(op.clone())]))
            .map_err(io_at("write the journal", journal.path()))?;

        let ready = self.prepare(&op, &plan.files).and_then(|dirs| {
            self.probe
                .at(Step::Compare)
                .map_err(io_at("compare files in", self.root.path()))?;
            if !self.unchanged(&dirs, &plan.files)? {
                return Ok(None);
            }
            self.probe
                .at(Step::Commit)
                .and_then(|()| journal.append(&[Entry::Commit { op: id }]))
                .map_err(io_at("write the journal", journal.path()))?;
            Ok(Some(dirs))
        });
        let dirs = match ready {
            Ok(Some(dirs)) => dirs,
            stopped => {
                self.remove_temps(&op);
                // Without this line the next start finds an intent alone, which means the same.
                journal.append(&[Entry::Abort { op: id }]).unwrap_or(());
                return stopped.map(|_| Outcome::Changed).map_err(Failed::from);
            }
        };

        let finished = self.place(&op, &plan.files, &dirs).and_then(|left| {
            self.prune(&op);
            let done = Entry::Done {
                op: id,
                left: left.clone(),
            };
            let told = self.probe.at(Step::Done).and_then(|()| journal.append(&[done]));
            told.map_err(|source| unfinished(&op, journal.path())(source))?;
            Ok(left)
        });
        match finished {
            Ok(left) => Ok(Outcome::Done { op, left }),
            Err(error) => Err(Failed {
                error,
                pending: Some(Box::new(Pending { op, committed: true })),
            }),
        }
    }

    /// Mode bits decide, not a try: a superuser may write anything, and is not meant to.
    fn check_writable(&self, f: &PlannedFile) -> Result<(), WorktreeError> {
        let path = f.path.as_str();
        if let Some(seen) = &f.before {
            if seen.meta.mode & 0o200 == 0 {
                return Err(WorktreeError::ReadOnly {
                    path: path.to_owned(),
                });
            }
            if seen.meta.links > 1 {
                return Err(WorktreeError::HardLinked {
                    path: path.to_owned(),
                    links: seen.meta.links,
                });
            }
        }
        // The nearest folder that exists is the one that is written to.
        let mut above: Vec<Option<&str>> = std::iter::once(None).chain(f.path.folders().map(Some)).collect();
        while let Some(folder) = above.pop() {
            match self.root.folder(folder) {
                Ok(fd) => {
                    let stat = fstat(&fd).map_err(|e| self.io("look at", folder, e.into()))?;
                    if Meta::of(&stat).mode & 0o200 == 0 {
                        return Err(WorktreeError::ReadOnly {
                            path: folder.unwrap_or(".").to_owned(),
                        });
                    }
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(self.folder_error(folder, e)),
            }
        }
        Ok(())
    }

    /// Folders that new files need and that are not there, outermost first.
    fn missing_folders(&self, files: &[PlannedFile]) -> Result<Vec<String>, WorktreeError> {
        let mut missing = BTreeSet::new();
        for f in files.iter().filter(|f| f.after.is_some()) {
            for folder in f.path.folders() {
                match self.root.folder(Some(folder)) {
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {
                        missing.insert(folder.to_owned());
                    }
                    Err(e) => return Err(self.folder_error(Some(folder), e)),
                }
            }
        }
        Ok(missing.into_iter().collect())
    }

    fn folder_error(&self, folder: Option<&str>, e: io::Error) -> WorktreeError {
        let path = folder.unwrap_or(".").to_owned();
        match Errno::from_io_error(&e) {
            Some(Errno::LOOP) => WorktreeError::Symlink { path },
            Some(Errno::NOTDIR) => WorktreeError::NotAFile {
                path,
                what: "a file, not a folder",
            },
            _ => self.io("open the folder", folder, e),
        }
    }

    fn io(&self, doing: &'static str, folder: Option<&str>, e: io::Error) -> WorktreeError {
        io_at(doing, self.root.path().join(folder.unwrap_or("")))(e)
    }

    /// Makes folders and temporary files; gives each file's folder, open.
    fn prepare(&self, op: &Op, files: &[PlannedFile]) -> Result<Vec<OwnedFd>, WorktreeError> {
        for folder in &op.folders {
            self.probe
                .at(Step::Folder)
                .and_then(|()| self.make_folder(folder))
                .map_err(|e| self.io("make the folder", Some(folder), e))?;
        }
        let mut dirs = Vec::with_capacity(files.len());
        for (i, f) in files.iter().enumerate() {
            let (folder, _) = f.path.split();
            let io = |e| self.io("write in", folder, e);
            let dir = self.root.folder(folder).map_err(io)?;
            self.probe.at(Step::Temp(i)).map_err(io)?;
            if let Some(bytes) = &f.after {
                let like = f.before.as_ref().map(|s| &s.meta);
                write_temp(dir.as_fd(), &temp_name(op, i), bytes, like, op.files[i].mode).map_err(io)?;
            }
            dirs.push(dir);
        }
        self.blobs
            .sync()
            .map_err(io_at("store contents in", self.blobs.path()))?;
        Ok(dirs)
    }

    pub(crate) fn make_folder(&self, folder: &str) -> io::Result<()> {
        let (parent, name) = folder
            .rsplit_once('/')
            .map_or((None, folder), |(p, n)| (Some(p), n));
        match mkdirat(self.root.folder(parent)?, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn unchanged(&self, dirs: &[OwnedFd], files: &[PlannedFile]) -> Result<bool, WorktreeError> {
        for (f, dir) in files.iter().zip(dirs) {
            let (folder, name) = f.path.split();
            let now = stat_in(dir.as_fd(), name).map_err(|e| self.io("look at", folder, e))?;
            if now != f.before.as_ref().map(|s| s.meta) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Renames and removes; gives the paths that somebody else changed between the last comparison and the rename.
    fn place(&self, op: &Op, files: &[PlannedFile], dirs: &[OwnedFd]) -> Result<Vec<String>, WorktreeError> {
        let mut left = Vec::new();
        for (i, (f, dir)) in files.iter().zip(dirs).enumerate() {
            let (_, name) = f.path.split();
            let temp = temp_name(op, i);
            let placed = self.probe.at(Step::Place(i)).and_then(|()| {
                let same = stat_in(dir.as_fd(), name)? == f.before.as_ref().map(|s| s.meta);
                Ok(same && put(dir.as_fd(), f, &temp, name)?)
            });
            let placed = placed.map_err(unfinished(op, &self.root.path().join(f.path.as_str())))?;
            if !placed {
                left.push(f.path.as_str().to_owned());
                if f.after.is_some() {
                    // Best effort: the name is in the journal, and recovery looks for it.
                    unlinkat(dir, &temp, AtFlags::empty()).unwrap_or(());
                }
            }
        }
        let synced = self
            .probe
            .at(Step::SyncFolders)
            .and_then(|()| self.sync_folders(op, dirs));
        synced.map_err(unfinished(op, self.root.path()))?;
        Ok(left)
    }

    fn sync_folders(&self, op: &Op, dirs: &[OwnedFd]) -> io::Result<()> {
        let mut seen = BTreeSet::new();
        for (f, dir) in op.files.iter().zip(dirs) {
            if seen.insert(f.path.rsplit_once('/').map(|(folder, _)| folder)) {
                rustix::fs::fsync(dir)?;
            }
        }
        for parent in op.folders.iter().map(|f| f.rsplit_once('/').map(|(p, _)| p)) {
            if seen.insert(parent) {
                rustix::fs::fsync(self.root.folder(parent)?)?;
            }
        }
        Ok(())
    }

    /// Removes what an operation that does not happen has left. Best effort each: recovery tries again.
    pub(crate) fn remove_temps(&self, op: &Op) {
        for (i, f) in op.files.iter().enumerate() {
            let folder = f.path.rsplit_once('/').map(|(folder, _)| folder);
            if let Ok(dir) = self.root.folder(folder) {
                unlinkat(dir, temp_name(op, i), AtFlags::empty()).unwrap_or(());
            }
        }
        for folder in op.folders.iter().rev() {
            self.remove_folder(folder);
        }
    }

    /// Removes the folders that an undone write had made, as far as they are empty.
    pub(crate) fn prune(&self, op: &Op) {
        op.prune
            .iter()
            .rev()
            .for_each(|folder| self.remove_folder(folder));
    }

    /// Removes a folder if it is empty.
    fn remove_folder(&self, folder: &str) {
        let (parent, name) = folder
            .rsplit_once('/')
            .map_or((None, folder), |(p, n)| (Some(p), n));
        if let Ok(dir) = self.root.folder(parent) {
            unlinkat(dir, name, AtFlags::REMOVEDIR).unwrap_or(());
        }
    }
}

impl PlannedFile {
    fn record(&self) -> FileOp {
        FileOp {
            path: self.path.as_str().to_owned(),
            before: self.before.as_ref().map(|s| Digest::of(&s.bytes)),
            after: self.after.as_deref().map(Digest::of),
            // Set-id bits do not survive a write, as the kernel has it for writes in place.
            mode: self
                .before
                .as_ref()
                .map(|s| s.meta.permissions() & 0o777)
                .or(self.mode),
            what: self.what.clone(),
        }
    }
}

/// Name of a temporary file beside its target.
pub(crate) fn temp_name(op: &Op, index: usize) -> String {
    format!(".brisk-{}-{:x}-{index}.tmp", op.op.0, op.salt)
}

/// Writes a new file and waits until it is on disk. It takes owner and mode of the file that it will replace.
pub(crate) fn write_temp(
    dir: BorrowedFd<'_>,
    name: &str,
    bytes: &[u8],
    like: Option<&Meta>,
    mode: Option<u32>,
) -> io::Result<()> {
    let first = Mode::from_raw_mode(if mode.is_some() { 0o600 } else { 0o666 });
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = Handle::from(openat(dir, name, flags, first)?);
    file.write_all(bytes)?;
    if let Some(like) = like {
        let mine = Meta::of(&fstat(&file)?);
        if mine.owner != like.owner {
            // Only a superuser may give a file away; for anyone else it becomes their own.
            fchown(
                &file,
                Some(Uid::from_raw(like.owner.0)),
                Some(Gid::from_raw(like.owner.1)),
            )
            .unwrap_or(());
        }
        // Clocks tick coarsely and files may come from the future; tools that compare times must see a change.
        if mine.mtime_ns <= like.mtime_ns {
            let next = like.mtime_ns + 1;
            let time = Timespec {
                tv_sec: (next / 1_000_000_000) as i64,
                tv_nsec: (next % 1_000_000_000) as _,
            };
            futimens(
                &file,
                &Timestamps {
                    last_access: time,
                    last_modification: time,
                },
            )?;
        }
    }
    if let Some(mode) = mode {
        fchmod(&file, Mode::from_raw_mode(mode))?;
    }
    file.sync_all()
}

fn unfinished(op: &Op, path: &Path) -> impl FnOnce(io::Error) -> WorktreeError {
    let (op, path) = (op.op, path.to_owned());
    move |source| WorktreeError::Unfinished { op, path, source }
}

/// The last system call of one file. False: a file appeared where none was.
fn put(dir: BorrowedFd<'_>, f: &PlannedFile, temp: &str, name: &str) -> io::Result<bool> {
    match (&f.before, &f.after) {
        (None, None) => {}
        (Some(_), None) => unlinkat(dir, name, AtFlags::empty())?,
        (Some(_), Some(_)) => renameat(dir, temp, dir, name)?,
        (None, Some(_)) => return place_new(dir, temp, name),
    }
    Ok(true)
}

/// Gives a temporary file its name, never over another file.
pub(crate) fn place_new(dir: BorrowedFd<'_>, temp: &str, name: &str) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    match rustix::fs::renameat_with(dir, temp, dir, name, rustix::fs::RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(true),
        Err(Errno::EXIST) => return Ok(false),
        // Not every file system knows the flag.
        Err(Errno::INVAL | Errno::NOSYS) => {}
        Err(e) => return Err(e.into()),
    }
    if stat_in(dir, name)?.is_some() {
        return Ok(false);
    }
    renameat(dir, temp, dir, name)?;
    Ok(true)
}
