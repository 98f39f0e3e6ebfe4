//! Hunks: changes as values. They apply, invert, and map positions; nothing here knows of files on disk.

use crate::text::Text;

/// One contiguous change of one file: from line `at` (0-based) the lines `old` become `new`.
/// Lines hold their terminators. A pure insertion has an empty `old` and lands *before* line `at`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hunk {
    /// First changed line of the text that the hunk was made for, 0-based.
    pub at: usize,
    /// The lines that must be there.
    pub old: Vec<String>,
    /// The lines that take their place.
    pub new: Vec<String>,
}

/// A change of one path. A turn's patch is a list of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Lines of an existing file change.
    Modify {
        /// Path below the repository root, `/` between components.
        path: String,
        /// The change.
        hunk: Hunk,
    },
    /// A file that does not exist comes to be.
    Create {
        /// Path below the repository root.
        path: String,
        /// Its whole text.
        text: Text,
    },
    /// A file goes.
    Delete {
        /// Path below the repository root.
        path: String,
        /// The text that must be there, so that the change inverts.
        old: Text,
    },
}

/// Why a hunk does not apply to a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The lines at the hunk's place are not the ones that it was made for.
    #[error("line {} is not what the patch was made for", .line + 1)]
    Mismatch {
        /// First line that differs, 0-based.
        line: usize,
    },
    /// Two hunks of one set change the same lines.
    #[error("two hunks change line {}", .line + 1)]
    Overlap {
        /// First line claimed twice, 0-based.
        line: usize,
    },
}

impl Hunk {
    /// Line after the last changed one, in the old text.
    pub fn old_end(&self) -> usize {
        self.at + self.old.len()
    }

    /// Lines added minus lines removed.
    pub fn delta(&self) -> isize {
        self.new.len() as isize - self.old.len() as isize
    }

    /// Added plus removed lines, the unit of the patch budget.
    pub fn size(&self) -> usize {
        self.old.len() + self.new.len()
    }
}

impl Change {
    /// The path that changes.
    pub fn path(&self) -> &str {
        match self {
            Change::Modify { path, .. } | Change::Create { path, .. } | Change::Delete { path, .. } => path,
        }
    }

    /// Added plus removed lines.
    pub fn size(&self) -> usize {
        match self {
            Change::Modify { hunk, .. } => hunk.size(),
            Change::Create { text, .. } => text.len(),
            Change::Delete { old, .. } => old.len(),
        }
    }
}

/// Applies hunks whose `at` all refer to `text` as it is (in any order). All or nothing.
pub fn apply(text: &Text, hunks: &[Hunk]) -> Result<Text, ApplyError> {
    let mut order: Vec<&Hunk> = hunks.iter().collect();
    order.sort_by_key(|h| (h.at, h.old_end()));
    let old = text.lines();
    let mut out: Vec<String> = Vec::with_capacity(old.len());
    let mut next = 0;
    for h in order {
        if h.at < next {
            return Err(ApplyError::Overlap { line: h.at });
        }
        if h.old_end() > old.len() {
            return Err(ApplyError::Mismatch {
                line: old.len().min(h.at),
            });
        }
        if let Some(i) = h.old.iter().zip(&old[h.at..]).position(|(a, b)| a != b) {
            return Err(ApplyError::Mismatch { line: h.at + i });
        }
        out.extend_from_slice(&old[next..h.at]);
        out.extend_from_slice(&h.new);
        next = h.old_end();
    }
    out.extend_from_slice(&old[next..]);
    Ok(Text::from_lines(text.has_bom(), out))
}

/// The hunks that undo `hunks`: they apply to the text that `hunks` made.
pub fn invert(hunks: &[Hunk]) -> Vec<Hunk> {
    let mut order: Vec<&Hunk> = hunks.iter().collect();
    order.sort_by_key(|h| (h.at, h.old_end()));
    let mut shift = 0isize;
    order
        .into_iter()
        .map(|h| {
            let at = h.at.saturating_add_signed(shift);
            shift += h.delta();
            Hunk {
                at,
                old: h.new.clone(),
                new: h.old.clone(),
            }
        })
        .collect()
}

/// Where line `line` of the old text is after `hunks`; a line inside a changed range maps to the range's start.
pub fn map_line(hunks: &[Hunk], line: usize) -> usize {
    let mut shift = 0isize;
    let mut order: Vec<&Hunk> = hunks.iter().collect();
    order.sort_by_key(|h| (h.at, h.old_end()));
    for h in order {
        if h.old_end() <= line {
            shift += h.delta();
        } else if h.at <= line {
            return h.at.saturating_add_signed(shift);
        }
    }
    line.saturating_add_signed(shift)
}
