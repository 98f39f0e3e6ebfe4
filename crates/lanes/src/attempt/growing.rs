//! The hunk that is being written: how large it is going to be at least.

use super::{Attempt, span};
use crate::prompt::Rung;
use brisk_domain::{HunkId, LineKind};

/// A hunk that has begun and not closed.
pub(super) struct Growing {
    pub(super) hunk: HunkId,
    /// Line of the old text where it begins.
    at: usize,
    /// Lines that it has put in so far, without blank ones, which may be no part of it in the end.
    added: usize,
}

impl Growing {
    pub(super) fn new(hunk: HunkId, at: usize) -> Growing {
        Growing { hunk, at, added: 0 }
    }

    pub(super) fn take(&mut self, kind: LineKind, text: &str) {
        self.added += usize::from(kind == LineKind::Added && !text.trim().is_empty());
    }
}

impl Attempt {
    /// Set when the open hunk is beyond the budget whatever follows: the lines that are certain. Every line that it
    /// puts in may yet turn out to be one of the old lines that are left, and no other. A model that goes on and on is
    /// stopped by this long before its answer ends.
    pub(super) fn outgrown(&self) -> Option<usize> {
        let (budget, open) = (self.budget.as_ref()?, self.open.as_ref()?);
        if !self.is_rewrite() || self.rung == Rung::WholeFile {
            // Changes outside of the place, which are not taken, would count.
            return None;
        }
        let left = span(&self.work, self.rung).end.saturating_sub(open.at);
        let certain = self.spent.lines() + open.added.saturating_sub(left);
        (certain > budget.max_lines).then_some(certain)
    }
}
