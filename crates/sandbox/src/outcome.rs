//! How a confined command ended, or why it did not run.

use crate::profile::{Mechanism, Profile};
use brisk_domain::evidence::Digest;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How a confined command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal, which did not come from us.
    Signal(i32),
    /// Its time was up.
    TimedOut,
    /// Somebody asked for it, see [`Stop`](crate::Stop).
    Stopped,
    /// It wrote more than it may.
    OutputCap,
}

/// A confined command that is over. Nothing that it started is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How.
    pub exit: Exit,
    /// From the start of the program to the end of its last process.
    pub wall: Duration,
    /// Processor time of all its processes, in steps of a clock tick (10 ms).
    pub cpu: Duration,
    /// Bytes of output that were handed out.
    pub output_bytes: u64,
    /// SHA-256 of the output, both streams as they came.
    pub log: Digest,
    /// What confined it.
    pub profile: Profile,
}

impl Outcome {
    /// The command ended by itself with code 0.
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }
}

/// A confined command that did not run, or whose end is not known. Never says how a command that ran ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The list of arguments was empty.
    #[error("nothing to run: the command is empty")]
    Empty,
    /// No such program inside of the sandbox.
    #[error(
        "`{program}` was not found in the sandbox; its folder must be in PATH and among the folders that are shown"
    )]
    NotFound {
        /// As it was called.
        program: String,
    },
    /// The program may not be run.
    #[error("`{program}` may not be run: permission denied; see `ls -l` on it")]
    NotPermitted {
        /// As it was called.
        program: String,
    },
    /// The working folder is not there.
    #[error("`{program}` cannot run in {}: no such folder in the sandbox", cwd.display())]
    NoFolder {
        /// As it was called.
        program: String,
        /// The folder.
        cwd: PathBuf,
    },
    /// A path that is never shown, or that is not there.
    #[error("{} cannot be shown to a confined command: {why}", path.display())]
    Refused {
        /// As it was named.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// One of the mechanisms failed, so nothing was run.
    #[error("the sandbox could not be closed ({mechanism}): {why}")]
    Open {
        /// Which.
        mechanism: Mechanism,
        /// What the system said.
        why: String,
    },
    /// The sandbox did not come up, so nothing was run.
    #[error("the sandbox did not start: {0}")]
    Setup(String),
    /// The command ran, but how it ended is not known.
    #[error("the command was lost: {0}")]
    Lost(String),
    /// Everything else.
    #[error("the sandbox failed: {0}")]
    Io(#[from] io::Error),
}
