//! What of the operations of a repository is in effect, for whoever keeps something about one of them.

use super::Repo;
use crate::error::WorktreeError;
use crate::ids::OpId;
use crate::journal::Kind;

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
        let state = self.state()?;
        let found = state.history.op(op);
        Ok(found.map(|op| state.history.in_effect(op).0 > 0))
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
