//! pytest with `-v`: a line for each test, and a summary between `=`.

use super::text::before_word;
use super::{Outcome, Report, Tests};
use brisk_domain::evidence::Counts;

const WORDS: &[(&str, Outcome)] = &[
    ("PASSED", Outcome::Passed),
    ("FAILED", Outcome::Failed),
    ("ERROR", Outcome::Failed),
    ("SKIPPED", Outcome::Skipped),
    ("XFAIL", Outcome::Skipped),
    ("XPASS", Outcome::Skipped),
];

pub(super) fn read(text: &str) -> Option<Result<Report, String>> {
    let begins = text.lines().any(|l| l.contains("= test session starts ="));
    let end = |line: &&str| {
        let bare = line.trim_matches(['=', ' ']);
        let timed = bare.rsplit_once(" in ").is_some_and(|(_, t)| {
            t.split_whitespace()
                .next()
                .is_some_and(|t| t.ends_with('s') && t.starts_with(|c: char| c.is_ascii_digit()))
        });
        let what = [
            "passed",
            "failed",
            "skipped",
            "error",
            "errors",
            "xfailed",
            "xpassed",
            "deselected",
        ];
        timed && (bare.starts_with("no tests ") || what.iter().any(|w| before_word(bare, &[w]) > 0))
    };
    let ends: Vec<&str> = text.lines().filter(end).collect();
    match ends.as_slice() {
        [] => begins.then(|| Err("pytest ended without its summary".to_owned())),
        [one] => Some(whole(text, one)),
        // Somebody else's words look like a summary, or the summary is not the only one.
        _ => begins.then(|| Err("there are several summaries of pytest".to_owned())),
    }
}

fn whole(text: &str, summary: &str) -> Result<Report, String> {
    let mut tests = Tests::default();
    for line in text.lines() {
        if let Some((name, outcome)) = one(line) {
            // A failing teardown says a second word on a test: it counts.
            tests.set(name, outcome);
        }
    }
    let of = |words| before_word(summary, words);
    let told = Counts {
        passed: of(&["passed"]),
        failed: of(&["failed", "error", "errors"]),
        skipped: of(&["skipped", "xfailed", "xpassed"]),
    };
    if told.passed > 0 && tests.count(Outcome::Passed) == 0 {
        return Err("its pytest output names no test: add -v to the command".to_owned());
    }
    tests.agree("pytest", told)
}

/// `a.py::test PASSED [ 50%]`, or with xdist `[gw0] [ 50%] PASSED a.py::test`.
fn one(line: &str) -> Option<(&str, Outcome)> {
    let line = line.trim_end();
    if let Some((_, rest)) = line.strip_prefix("[gw").and_then(|l| l.split_once("%] ")) {
        let (word, name) = rest.split_once(' ')?;
        let (_, outcome) = WORDS.iter().find(|(w, _)| *w == word)?;
        return name.contains("::").then_some((name, *outcome));
    }
    let mut line = line;
    if let Some((rest, percent)) = line.rsplit_once('[')
        && percent.ends_with("%]")
    {
        line = rest.trim_end();
    }
    // `SKIPPED (why)`.
    if line.ends_with(')') && line.contains(" SKIPPED (") {
        line = line.rsplit_once(" (").map_or(line, |(l, _)| l);
    }
    let (name, word) = line.rsplit_once(' ')?;
    let (_, outcome) = WORDS.iter().find(|(w, _)| *w == word)?;
    // In the short summary the word comes first, and a sentence may end in one.
    let named = name.split(' ').next().is_some_and(|first| first.contains("::"));
    named.then_some((name.trim_end(), *outcome))
}
