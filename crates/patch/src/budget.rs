//! The patch budget: how many lines and files one turn may change before it stops and asks.

use crate::hunk::Change;
use std::collections::BTreeSet;

/// Bounds of one turn's patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Added plus removed lines.
    pub max_lines: usize,
    /// Files that change.
    pub max_files: usize,
}

/// What a turn has used so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent {
    lines: usize,
    files: BTreeSet<String>,
}

/// A change that goes beyond the budget. It is charged all the same, so that the figures tell the whole patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    /// Too many lines.
    #[error("the patch has {lines} changed lines, the budget is {max}")]
    Lines {
        /// Lines with this change.
        lines: usize,
        /// The bound.
        max: usize,
    },
    /// Too many files.
    #[error("the patch changes {files} files, the budget is {max}")]
    Files {
        /// Files with this change.
        files: usize,
        /// The bound.
        max: usize,
    },
}

impl Spent {
    /// Added plus removed lines so far.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Charges a change; beyond the budget it is still counted.
    pub fn charge(&mut self, budget: &Budget, change: &Change) -> Result<(), OverBudget> {
        self.lines += change.size();
        self.files.insert(change.path().to_owned());
        if self.files.len() > budget.max_files {
            return Err(OverBudget::Files {
                files: self.files.len(),
                max: budget.max_files,
            });
        }
        if self.lines > budget.max_lines {
            return Err(OverBudget::Lines {
                lines: self.lines,
                max: budget.max_lines,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunk::Hunk;

    fn change(path: &str, lines: usize) -> Change {
        let hunk = Hunk {
            at: 0,
            old: vec![],
            new: vec!["x\n".into(); lines],
        };
        Change::Modify {
            path: path.into(),
            hunk,
        }
    }

    #[test]
    fn lines_and_files_are_bounded() {
        let budget = Budget {
            max_lines: 5,
            max_files: 2,
        };
        let mut spent = Spent::default();
        assert_eq!(spent.charge(&budget, &change("a", 3)), Ok(()));
        assert_eq!(spent.charge(&budget, &change("b", 2)), Ok(()));
        assert_eq!(
            spent.charge(&budget, &change("a", 1)),
            Err(OverBudget::Lines { lines: 6, max: 5 })
        );
        assert_eq!(
            spent.charge(&budget, &change("c", 0)),
            Err(OverBudget::Files { files: 3, max: 2 })
        );
    }
}
