//! Bounds of the fast lane. They are a contract with the person, checked by the session itself.

/// Bounds of one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Added plus removed lines before the lane stops and asks.
    pub max_lines: usize,
    /// Files that one turn may change.
    pub max_files: usize,
    /// Silence before the first token, microseconds. Long, because an embedded model reads its prompt on a CPU.
    pub first_token_us: u64,
    /// Silence between tokens, microseconds.
    pub stall_us: u64,
    /// A region longer than this is not rewritten whole, lines.
    pub max_region: usize,
    /// A file up to this length may be rewritten whole when its region failed, lines.
    pub max_whole_file: usize,
    /// Lines of the file around the region that the model is shown.
    pub context_lines: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_lines: 80,
            max_files: 2,
            first_token_us: 120_000_000,
            stall_us: 30_000_000,
            max_region: 120,
            max_whole_file: 200,
            context_lines: 40,
        }
    }
}
