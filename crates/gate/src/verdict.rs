//! What one run says about its tree: exit code *and* counts *and* names of tests, and whether the tree stayed what it
//! was.

use brisk_domain::evidence::{Counts, Ended, Flag, Limit, Run, Summary};
use std::fmt;

/// The judgement on one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It passed, and nothing about the change needs a person's eyes.
    Green,
    /// It passed; these things need a person's word first.
    Flagged(Vec<String>),
    /// It failed.
    Red(Red),
    /// It says nothing.
    Inconclusive(Doubt),
}

/// Why a run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Red {
    /// Its exit code.
    Exit {
        /// Which.
        code: i32,
        /// Tests that failed, where it told.
        failed: u64,
    },
    /// A signal ended it.
    Signal {
        /// Which.
        signal: i32,
    },
}

/// Why a run says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// Its time was up.
    TimedOut,
    /// It was stopped at a limit.
    Limited(Limit),
    /// No summary that could be believed.
    Unreadable(String),
    /// It ended with 0 and told of failed tests.
    Contradiction {
        /// How many.
        failed: u64,
    },
    /// No test passed.
    NothingRan {
        /// What it told.
        counts: Counts,
    },
    /// It changed the files that it tested.
    Changed {
        /// Some of them.
        paths: Vec<String>,
    },
}

impl Verdict {
    /// Judges a run.
    pub fn of(run: &Run) -> Verdict {
        match run.ended {
            Ended::TimedOut => return Verdict::Inconclusive(Doubt::TimedOut),
            Ended::Limited { what } => return Verdict::Inconclusive(Doubt::Limited(what)),
            Ended::Signalled { signal } => return Verdict::Red(Red::Signal { signal }),
            Ended::Exited { code } if code != 0 => {
                let failed = match &run.summary {
                    Summary::Tests { counts, .. } => counts.failed,
                    Summary::ExitOnly | Summary::Unreadable { .. } => 0,
                };
                return Verdict::Red(Red::Exit { code, failed });
            }
            Ended::Exited { .. } => {}
        }
        if !run.changed.is_empty() {
            let paths = run.changed.clone();
            return Verdict::Inconclusive(Doubt::Changed { paths });
        }
        let mut concerns: Vec<String> = run.flags.iter().map(Flag::to_string).collect();
        match &run.summary {
            Summary::ExitOnly => {}
            Summary::Unreadable { why } => return Verdict::Inconclusive(Doubt::Unreadable(why.clone())),
            Summary::Tests {
                counts,
                missing,
                missing_count,
                newly_skipped,
                ..
            } => {
                if counts.failed > 0 {
                    let failed = counts.failed;
                    return Verdict::Inconclusive(Doubt::Contradiction { failed });
                }
                if counts.passed == 0 {
                    return Verdict::Inconclusive(Doubt::NothingRan { counts: *counts });
                }
                if *missing_count > 0 {
                    concerns.push(format!(
                        "{missing_count} of the tests that passed before did not now: {}",
                        some(missing)
                    ));
                }
                if !newly_skipped.is_empty() {
                    concerns.push(format!("newly skipped: {}", some(newly_skipped)));
                }
            }
        }
        if concerns.is_empty() {
            Verdict::Green
        } else {
            concerns.sort();
            Verdict::Flagged(concerns)
        }
    }
}

/// The first few names.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}

impl fmt::Display for Red {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Red::Exit { code, failed: 0 } => write!(f, "exit code {code}"),
            Red::Exit { code, failed: 1 } => write!(f, "1 test failed (exit code {code})"),
            Red::Exit { code, failed } => write!(f, "{failed} tests failed (exit code {code})"),
            Red::Signal { signal } => write!(f, "ended by signal {signal}"),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::TimedOut => f.write_str("its time was up"),
            Doubt::Limited(Limit::Output) => f.write_str("it wrote more than is read"),
            Doubt::Limited(Limit::Stopped) => f.write_str("it was stopped"),
            Doubt::Unreadable(why) => f.write_str(why),
            Doubt::Contradiction { failed } => {
                write!(f, "it ended with exit code 0 and told of {failed} failed tests")
            }
            Doubt::NothingRan { counts } => write!(f, "no test passed ({} skipped)", counts.skipped),
            Doubt::Changed { paths } => write!(f, "it changed the files that it tested: {}", some(paths)),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Green => f.write_str("passed"),
            Verdict::Flagged(concerns) => f.write_str(&concerns.join("; ")),
            Verdict::Red(red) => red.fmt(f),
            Verdict::Inconclusive(doubt) => doubt.fmt(f),
        }
    }
}
