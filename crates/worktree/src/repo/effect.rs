//! What of the operations of a repository is in effect, for whoever keeps something about one of them.

use super::{Repo, state_place};
use crate::error::{WorktreeError, io_at};
use crate::history::History;
use crate::ids::OpId;
use crate::journal::{Journal, Kind};
use crate::recover::{Sorted, sort};
use std::path::Path;

/// Whether something of each of these operations is in effect in the repository at `root` (canonical), by its log alone:
/// nothing is opened, completed or locked, and nothing below the root is looked at. `None` if the log does not know it.
///
/// # Errors
/// `Io`.
pub fn in_effect(root: &Path, state_home: &Path, ops: &[OpId]) -> Result<Vec<Option<bool>>, WorktreeError> {
    let path = state_place(state_home, root).join("log.jsonl");
    let loaded = Journal::read(&path).map_err(io_at("read", &path))?;
    let Sorted { over, pending, .. } = sort(loaded.entries);
    // What is decided counts as done: whoever opens the repository completes it.
    let decided = pending
        .into_iter()
        .filter(|p| p.committed)
        .map(|p| (p.op, Vec::new()));
    let mut all: Vec<_> = over.into_iter().chain(decided).collect();
    all.sort_by_key(|(op, _)| op.op);
    let mut history = History::default();
    all.into_iter().for_each(|(op, left)| history.push(op, &left));
    Ok(ops.iter().map(|op| history.stands(*op)).collect())
}

impl Repo {
    /// Completes what was decided and could not be completed. Files are not as they will be before this.
    ///
    /// # Errors
    /// `Io`, `DiskFull` while it still cannot be.
    pub fn settle(&self) -> Result<(), WorktreeError> {
        self.state().map(drop)
    }

    /// Whether something of an operation is in effect; `None` if the log does not know it.
    ///
    /// # Errors
    /// As [`Repo::settle`].
    pub fn in_effect(&self, op: OpId) -> Result<Option<bool>, WorktreeError> {
        Ok(self.state()?.history.stands(op))
    }

    /// The newest write with these words of which something is in effect.
    ///
    /// # Errors
    /// As [`Repo::settle`].
    pub fn written_as(&self, note: &str) -> Result<Option<OpId>, WorktreeError> {
        let state = self.state()?;
        let writes = state
            .history
            .newest()
            .filter(|op| matches!(op.kind, Kind::Write { .. }) && op.note == note);
        let mut live = writes.filter(|op| state.history.in_effect(op).0 > 0);
        Ok(live.next().map(|op| op.op))
    }
}
