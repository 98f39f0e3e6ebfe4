//! Jobs in a line each, for whoever only wants to know how many there are and which of them is done.

use super::{Jobs, lock, refusal};
use brisk_protocol::ErrorBody;
use brisk_protocol::jobs::JobBrief;
use std::path::Path;

/// Characters of the person's words that stand for a job.
const TEXT: usize = 80;

impl Jobs {
    /// The newest jobs of a repository.
    pub(crate) fn brief(&self, root: &Path, limit: usize) -> Result<Vec<JobBrief>, ErrorBody> {
        let rows = self.store().jobs(usize::MAX).map_err(refusal)?;
        let held = lock(&self.held);
        let ours = rows.into_iter().filter(|row| row.root == root).take(limit);
        Ok(ours
            .map(|row| JobBrief {
                job: row.id,
                text: row
                    .task
                    .text
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .take(TEXT)
                    .collect(),
                state: row.state,
                running: held.contains_key(&row.id),
            })
            .collect())
    }
}
