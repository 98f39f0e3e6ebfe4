//! `python -m unittest -v`.

use super::text::number;
use super::{Outcome, Report, Tests};
use brisk_domain::evidence::Counts;

pub(super) fn read(text: &str) -> Option<Result<Report, String>> {
    let ran: Vec<(usize, u64)> = text
        .lines()
        .enumerate()
        .filter_map(|(at, l)| {
            let rest = l.strip_prefix("Ran ")?;
            (rest.contains(" test") && rest.contains(" in ")).then_some((at, number(rest)?))
        })
        .collect();
    let shaped = text.lines().any(|l| one(l).is_some());
    match ran.as_slice() {
        [] => shaped.then(|| Err("unittest ended without its summary".to_owned())),
        [(at, count)] => Some(whole(text, *at, *count)),
        _ => Some(Err("there are several summaries of unittest".to_owned())),
    }
}

fn whole(text: &str, at: usize, count: u64) -> Result<Report, String> {
    let mut tests = Tests::default();
    let mut heading = None;
    for line in text.lines().take(at) {
        if let Some((name, outcome)) = one(line) {
            tests.add(name, outcome);
            heading = None;
        } else if let Some(name) = begun(line) {
            // The test wrote something meanwhile: its outcome comes on a line of its own.
            heading = Some(name);
        } else if line.starts_with("test") && line.ends_with(')') && line.contains(" (") {
            // A test with a docstring: its name stands alone, its outcome after the first line of the docstring.
            heading = Some(line);
        } else if let (Some(name), Some(outcome)) = (heading, ending(line).or_else(|| word(line))) {
            tests.add(name, outcome);
            heading = None;
        }
    }
    let verdict = text
        .lines()
        .skip(at + 1)
        .find(|l| ["OK", "FAILED", "NO TESTS RAN"].iter().any(|w| l.starts_with(w)))
        .ok_or_else(|| "unittest ended without its verdict".to_owned())?;
    let (_, listed) = verdict.split_once('(').unwrap_or_default();
    let pairs: Vec<(&str, &str)> = listed.split(", ").filter_map(|p| p.split_once('=')).collect();
    let of = |word: &str| {
        let found = pairs.iter().find(|(w, _)| *w == word);
        found.and_then(|(_, n)| number(n)).unwrap_or(0)
    };
    let failed = of("failures") + of("errors") + of("unexpected successes");
    let skipped = of("skipped") + of("expected failures");
    if count > 0
        && tests.count(Outcome::Passed) + tests.count(Outcome::Failed) + tests.count(Outcome::Skipped) == 0
    {
        return Err("its unittest output names no test: add -v to the command".to_owned());
    }
    // Failures of whole classes are told and not counted as run.
    let passed = count.saturating_sub(failed + skipped);
    tests.agree(
        "unittest",
        Counts {
            passed,
            failed,
            skipped,
        },
    )
}

/// `test_a (shop.T.test_a) ... ok`.
fn one(line: &str) -> Option<(&str, Outcome)> {
    begun(line).zip(ending(line))
}

/// The name in a line that begins so, whatever follows.
fn begun(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(" ... ")?;
    let (test, place) = name.strip_suffix(')')?.split_once(" (")?;
    let shaped = !test.contains(' ') && !place.contains(' ');
    shaped.then_some(name)
}

fn ending(line: &str) -> Option<Outcome> {
    line.rsplit_once(" ... ").and_then(|(_, end)| word(end))
}

fn word(end: &str) -> Option<Outcome> {
    match end.trim_end() {
        "ok" => Some(Outcome::Passed),
        "FAIL" | "ERROR" | "unexpected success" => Some(Outcome::Failed),
        "expected failure" => Some(Outcome::Skipped),
        end if end.starts_with("skipped '") || end.starts_with("skipped \"") => Some(Outcome::Skipped),
        _ => None,
    }
}
