//! Jobs in a line each, for whoever only wants to know how many there are and which of them is done.

use super::{Jobs, lock, refusal};
use brisk_protocol::ErrorBody;
use brisk_protocol::jobs::JobBrief;
use std::path::Path;

/// Characters of the person's words that stand for a job.
const TEXT: usize = 80;

impl Jobs {
    /// The newest jobs of a repository, with every one that runs or waits for the person. Asked at every change: the
    /// rest of what is known of a job stays on disk.
    pub(crate) fn brief(&self, root: &Path, limit: usize) -> Result<Vec<JobBrief>, ErrorBody> {
        let lines = self.store().lines(root, limit).map_err(refusal)?;
        let held = lock(&self.held);
        Ok(lines
            .into_iter()
            .map(|line| JobBrief {
                job: line.id,
                text: line
                    .text
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .take(TEXT)
                    .collect(),
                state: line.state,
                running: held.contains_key(&line.id),
            })
            .collect())
    }
}
