//! What can go wrong, in words for the person: what happened, where, and what to do next.

use brisk_patch::NotText;
use std::io;
use std::path::PathBuf;

use crate::ids::OpId;

/// Everything that reading or writing a repository may refuse. The worktree is unchanged after any of these.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// No `.git` at or above the place.
    #[error("{} is not inside a git repository; run `git init` there, or go to a repository", .start.display())]
    NoRepository {
        /// Where the search began.
        start: PathBuf,
    },
    /// Brisk's own data would lie inside the repository.
    #[error("the state folder {} lies inside the repository {}; set BRISK_HOME to a folder outside of it", .state.display(), .root.display())]
    StateInside {
        /// The state folder.
        state: PathBuf,
        /// The repository.
        root: PathBuf,
    },
    /// A path that leads out of the repository.
    #[error("{path} is outside of the repository; name a file below its root")]
    Outside {
        /// As it was given.
        path: String,
    },
    /// A path into git's own folder.
    #[error("{path} belongs to git itself; Brisk never reads or writes below .git")]
    InGitDir {
        /// As it was given.
        path: String,
    },
    /// A write through a symbolic link, or a link that leads out.
    #[error(
        "{path} is, or goes through, a symbolic link; name the file that it points to, inside the repository"
    )]
    Symlink {
        /// Path below the root.
        path: String,
    },
    /// A folder, pipe, socket or device.
    #[error("{path} is {what}, not a file; name a text file")]
    NotAFile {
        /// Path below the root.
        path: String,
        /// What it is, with its article.
        what: &'static str,
    },
    /// The bytes are not a text that Brisk edits.
    #[error("{path} cannot be edited: {why}")]
    NotText {
        /// Path below the root.
        path: String,
        /// What is wrong with its bytes.
        why: NotText,
    },
    /// No such file.
    #[error("{path} does not exist (any more); check the name, or whether it was renamed")]
    Missing {
        /// Path below the root.
        path: String,
    },
    /// The file or its folder has no write permission for its owner.
    #[error("{path} is read-only; allow writing (`chmod u+w {path}`) and try again")]
    ReadOnly {
        /// Path below the root.
        path: String,
    },
    /// The file has several names; replacing one would part it from the others.
    #[error(
        "{path} has {links} names (hard links) and a write would part it from the others; make it a file of its own first (`cp {path} {path}.new && mv {path}.new {path}`)"
    )]
    HardLinked {
        /// Path below the root.
        path: String,
        /// Number of names.
        links: u64,
    },
    /// Too big to be edited; decided from its metadata.
    #[error("{path} has {bytes} bytes; files over {} MiB are not edited; split it or leave it out", brisk_patch::MAX_BYTES / 1024 / 1024)]
    TooLarge {
        /// Path below the root.
        path: String,
        /// Its size.
        bytes: u64,
    },
    /// Another process holds this repository.
    #[error("another Brisk daemon works in {}; use that one (`brisk daemon status`) or stop it first", .root.display())]
    Busy {
        /// The repository.
        root: PathBuf,
    },
    /// No space left.
    #[error("the disk is full (at {}), or a quota or file size limit (`ulimit -f`) is used up; nothing was changed; free some space and try again", .path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// There is nothing that could be undone or redone.
    #[error("nothing to {what}; `brisk log` lists what was done")]
    Nothing {
        /// `undo` or `redo`.
        what: &'static str,
    },
    /// An operation that the log does not know.
    #[error("there is no operation {op}; `brisk log` lists what was done")]
    UnknownOp {
        /// As it was given.
        op: OpId,
    },
    /// A snapshot that this repository does not have.
    #[error("there is no snapshot {tree} of this repository; take a new one")]
    UnknownTree {
        /// As it was given.
        tree: String,
    },
    /// The operation is decided but a rename failed; it is completed before the next one, or at the next start.
    #[error("{op} is decided but could not be completed at {}: {source}; it is completed before the next write here, or at the next start", .path.display())]
    Unfinished {
        /// Which operation.
        op: OpId,
        /// Where it stopped.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else that the system refused.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// A verb phrase: `read`, `write the journal`.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Turns a system error into ours; a full disk, a used-up quota or a limit on the size of files keeps its own name.
pub(crate) fn io_at(
    doing: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> WorktreeError {
    let path = path.into();
    move |source| {
        if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        ) {
            WorktreeError::DiskFull { path }
        } else {
            WorktreeError::Io { doing, path, source }
        }
    }
}
