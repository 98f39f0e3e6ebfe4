//! Why nothing was shipped, in words for a person.

use crate::error::WorktreeError;
use brisk_domain::evidence::Tree;

/// Why nothing was shipped. HEAD and refs are as they were; after a refused commit everything may be staged, as by
/// `git add`.
#[derive(Debug, thiserror::Error)]
pub enum PromoteError {
    /// The worktree is no longer what leave was given for.
    #[error("the worktree changed: it is tree {} now, and what was verified is tree {}", .is.short(), .verified.short())]
    Stale {
        /// What leave was given for.
        verified: Tree,
        /// What is there.
        is: Tree,
    },
    /// Git would ship something else than what was verified.
    #[error("git would ship tree {}, not tree {} which was verified: {why}", .is.short(), .verified.short())]
    Other {
        /// What leave was given for.
        verified: Tree,
        /// What git would make of it.
        is: Tree,
        /// What makes the difference, as far as can be said.
        why: String,
    },
    /// A merge, or something like one, is not settled: git has several contents for a path.
    #[error("git has conflicts to settle first: {paths}")]
    Unmerged {
        /// Which.
        paths: String,
    },
    /// Files that are tracked and not laid out (a sparse checkout): they would be shipped as deleted.
    #[error("these files are tracked and not checked out: {paths}")]
    Sparse {
        /// Which.
        paths: String,
    },
    /// A filter of the repository's own would change files on their way into git; it is a program, and not run.
    #[error(
        "the filter {filter} is not one of yours, so it was not run, and git would store these files without it: {paths}"
    )]
    Filter {
        /// Its name.
        filter: String,
        /// Which.
        paths: String,
    },
    /// Submodules with changes of their own: no check saw them, and they would not go along.
    #[error("these submodules have changes of their own, which no check saw: {paths}")]
    Submodule {
        /// Which.
        paths: String,
    },
    /// Git is told that the worktree is somewhere else.
    #[error("git is told that the worktree is {is}, not this one (core.worktree)")]
    Elsewhere {
        /// Where.
        is: String,
    },
    /// Git, or a hook, refused.
    #[error("git refused ({doing}): {said}")]
    Git {
        /// `git commit`.
        doing: String,
        /// Its words.
        said: String,
    },
    /// The worktree could not be read.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
}
