//! The hard bounds: a candidate passes all of them or is refused by name.

use brisk_domain::{Candidate, Intent, TaskShape};

/// Room that an answer needs at least, tokens.
pub const ANSWER_FLOOR_TOKENS: usize = 256;

/// Room for one line of a region that is rewritten, tokens: about 60 bytes, generous for code.
pub const ANSWER_TOKENS_PER_LINE: usize = 16;

/// A bound that a candidate failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Prompt and answer do not fit into its window.
    #[error("needs {needs} tokens of context, has {has}")]
    ContextTooSmall {
        /// Prompt and room for the answer, tokens.
        needs: usize,
        /// Its window, tokens.
        has: usize,
    },
    /// The configuration gives no window (0).
    #[error("its context window is not known")]
    ContextUnknown,
    /// No such model in the fleet.
    #[error("not configured")]
    NotConfigured,
}

/// Tokens of context that a task takes: its prompt and room for the answer.
pub fn tokens_needed(shape: &TaskShape) -> usize {
    let answer = match shape.intent {
        Intent::Edit => shape.region_lines.saturating_mul(ANSWER_TOKENS_PER_LINE),
        Intent::Ask => 0,
    };
    shape
        .context_tokens
        .saturating_add(answer.max(ANSWER_FLOOR_TOKENS))
}

/// Whether a candidate may take a task at all.
///
/// # Errors
/// The first bound that it fails.
pub fn eligible(shape: &TaskShape, candidate: &Candidate) -> Result<(), Why> {
    let needs = tokens_needed(shape);
    match candidate.context {
        0 => Err(Why::ContextUnknown),
        has if has < needs => Err(Why::ContextTooSmall { needs, has }),
        _ => Ok(()),
    }
}
