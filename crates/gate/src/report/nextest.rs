//! `cargo nextest run`: a line for each test, and a summary.

use super::text::before_word;
use super::{Outcome, Report, Tests};
use brisk_domain::evidence::Counts;

pub(super) fn read(text: &str) -> Option<Result<Report, String>> {
    let is = |line: &&str| line.trim_start().starts_with("Summary [") && line.contains(" run: ");
    let summaries: Vec<&str> = text.lines().filter(is).collect();
    let starts = text
        .lines()
        .any(|l| l.trim_start().starts_with("Starting ") && l.contains(" across "));
    match summaries.as_slice() {
        [] => starts.then(|| Err("nextest ended without its summary".to_owned())),
        [one] => Some(whole(text, one)),
        _ => Some(Err("there are several summaries of nextest".to_owned())),
    }
}

fn whole(text: &str, summary: &str) -> Result<Report, String> {
    let mut tests = Tests::default();
    for line in text.lines() {
        let Some((word, rest)) = line.trim_start().split_once(" [") else {
            continue;
        };
        let outcome = match word.trim() {
            "PASS" | "LEAK" => Outcome::Passed,
            word if word.starts_with("FLAKY") => Outcome::Passed,
            "FAIL" | "TIMEOUT" | "ABORT" | "LEAK-FAIL" => Outcome::Failed,
            word if word.starts_with("SIG") => Outcome::Failed,
            "SKIP" => Outcome::Skipped,
            _ => continue,
        };
        let Some((_, name)) = rest.split_once(']') else {
            continue;
        };
        // `(3/12)` counts on and names nothing.
        let name = name.trim();
        let name = match name.strip_prefix('(').and_then(|n| n.split_once(')')) {
            Some((count, rest)) if count.contains('/') => rest.trim(),
            _ => name,
        };
        // Failures are told again below the summary.
        tests.set(name, outcome);
    }
    let (_, totals) = summary.split_once(" run: ").unwrap_or_default();
    // `5 passed (1 slow, 2 flaky)`: what stands in brackets are parts of it.
    let told = Counts {
        passed: before_word(totals, &["passed"]),
        failed: before_word(totals, &["failed", "timed", "exec"]),
        skipped: before_word(totals, &["skipped"]),
    };
    tests.agree("nextest", told)
}
