//! The points between which a write may be cut off, so that tests can cut it there.

use std::io;

/// What a write is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Store old and new contents in the state folder.
    Blobs,
    /// Append the intent to the journal.
    Intent,
    /// Make a folder for a new file.
    Folder,
    /// Write the temporary file of the file with this index.
    Temp(usize),
    /// Compare every file with what was read, for the last time.
    Compare,
    /// Append the commit to the journal: before it nothing happened, after it everything will.
    Commit,
    /// Rename over, or remove, the file with this index.
    Place(usize),
    /// Sync the folders.
    SyncFolders,
    /// Append the end to the journal.
    Done,
}

/// Is asked before every step of a write. An error makes the step fail as if the disk had said so; a panic leaves
/// everything as a crash would, because no step cleans up while unwinding.
pub trait Probe: Send + Sync {
    /// Called before `step`.
    fn at(&self, step: Step) -> io::Result<()>;
}

/// Lets every step happen.
pub(crate) struct Calm;

impl Probe for Calm {
    fn at(&self, _: Step) -> io::Result<()> {
        Ok(())
    }
}
