//! The bench's figures and how they read.

use std::fmt;

/// Whether drafts change an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Same {
    /// They do not.
    Yes,
    /// Up to rounding: sums are taken in another order in steps of many tokens. Plain decoding of the drafted answer has each
    /// of its tokens as the likeliest, or less than it by no more than rounding makes of a logit.
    Tie,
    /// They do.
    No,
}

/// One figure. `Display` gives the line that a person reads.
#[derive(Debug, Clone, PartialEq)]
pub enum BenchLine {
    /// Load time and the memory bound.
    Load {
        /// Milliseconds.
        ms: f64,
        /// Bytes, at most: mapped weights, and own memory.
        mapped: u64,
        /// Own memory, bytes.
        own: u64,
    },
    /// Prompt reading.
    Prefill {
        /// Tokens of the prompt.
        tokens: usize,
        /// Tokens per second.
        per_second: f64,
    },
    /// Plain decoding.
    Decode {
        /// Tokens per second.
        per_second: f64,
    },
    /// One edit, plain and with drafts.
    Edit {
        /// The task.
        name: &'static str,
        /// Tokens of the answer.
        tokens: usize,
        /// Of these, drafted and accepted.
        accepted: usize,
        /// Plain, tokens per second.
        plain: f64,
        /// With drafts, tokens per second.
        drafted: f64,
        /// Whether both answers are the same.
        same: Same,
        /// The answer with drafts.
        answer: String,
    },
    /// All edits of a class together: time of plain decoding over time with drafts.
    EditSet {
        /// Which class.
        name: &'static str,
        /// Number of edits.
        tasks: usize,
        /// How many times faster.
        ratio: f64,
        /// Edits whose answer is the same, but for ties.
        same: usize,
    },
    /// First token of a long prompt.
    FirstToken {
        /// Tokens of the prompt.
        tokens: usize,
        /// Nothing known, milliseconds.
        cold: f64,
        /// The file known, the instruction new, milliseconds.
        warm: f64,
    },
    /// From the drop of a handle to the engine's next request, milliseconds.
    Cancel {
        /// `prefill` or `decode`.
        phase: &'static str,
        /// Median.
        median: f64,
        /// 90th percentile.
        p90: f64,
    },
    /// First token of a person's request on an open file, alone and with background requests that run and wait.
    Beside {
        /// Background requests.
        jobs: usize,
        /// Alone, median, milliseconds.
        alone: f64,
        /// Beside them, median, milliseconds.
        beside: f64,
        /// Beside them, 90th percentile, milliseconds.
        p90: f64,
        /// One decode step of the background, median, milliseconds.
        step: f64,
    },
    /// A run that failed.
    Fault {
        /// In words.
        message: String,
    },
}

impl fmt::Display for BenchLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes = |same: &Same| match same {
            Same::Yes => "yes",
            Same::Tie => "up to a tie",
            Same::No => "NO",
        };
        match self {
            BenchLine::Load { ms, mapped, own } => write!(
                f,
                "load {ms:.0} ms; memory at most {} MB mapped and {} MB own",
                mapped / 1_000_000,
                own / 1_000_000
            ),
            BenchLine::Prefill { tokens, per_second } => {
                write!(f, "prefill of {tokens} tokens: {per_second:.1} tok/s")
            }
            BenchLine::Decode { per_second } => write!(f, "plain decode: {per_second:.1} tok/s"),
            BenchLine::Edit {
                name,
                tokens,
                accepted,
                plain,
                drafted,
                same,
                ..
            } => write!(
                f,
                "edit {name:<20} {tokens:4} tokens, {accepted:4} from drafts: {plain:5.1} -> {drafted:5.1} tok/s, \
                 {:.2}x, same output: {}",
                drafted / plain,
                yes(same)
            ),
            BenchLine::EditSet {
                name,
                tasks,
                ratio,
                same,
            } => {
                write!(f, "{name}: {ratio:.2}x, same output: {same} of {tasks}")
            }
            BenchLine::FirstToken { tokens, cold, warm } => write!(
                f,
                "first token of {tokens} tokens: cold {cold:.0} ms, file known {warm:.0} ms, {:.1} %",
                100.0 * warm / cold
            ),
            BenchLine::Cancel { phase, median, p90 } => {
                write!(f, "cancel in {phase}: median {median:.1} ms, p90 {p90:.1} ms")
            }
            BenchLine::Beside {
                jobs,
                alone,
                beside,
                p90,
                step,
            } => write!(
                f,
                "first token on an open file: alone {alone:.0} ms, beside {jobs} background requests {beside:.0} ms \
                 (p90 {p90:.0}); one decode step {step:.0} ms"
            ),
            BenchLine::Fault { message } => write!(f, "failed: {message}"),
        }
    }
}
