//! `go test -v` and `go test -json`.

use super::{Outcome, Report, Tests};
use brisk_domain::evidence::Counts;
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) fn read(text: &str) -> Option<Result<Report, String>> {
    let events: Vec<Event> = text
        .lines()
        .filter(|l| l.starts_with('{'))
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    if events.iter().any(|e| e.package.is_some()) {
        return Some(from_events(events));
    }
    let package = text.lines().any(|l| packages(l).is_some());
    let test = text.lines().any(|l| test(l).is_some());
    (package || test).then(|| from_lines(text))
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "Package")]
    package: Option<String>,
    #[serde(rename = "Test")]
    test: Option<String>,
}

fn from_events(events: Vec<Event>) -> Result<Report, String> {
    // What began and how it ended, by package and test; a package without a test is itself.
    let mut all: BTreeMap<(String, Option<String>), Option<Outcome>> = BTreeMap::new();
    for event in events {
        let Some(package) = event.package else { continue };
        let slot = all.entry((package, event.test)).or_insert(None);
        match event.action.as_str() {
            "pass" => *slot = Some(Outcome::Passed),
            "fail" => *slot = Some(Outcome::Failed),
            "skip" => *slot = Some(Outcome::Skipped),
            _ => {}
        }
    }
    let mut tests = Tests::default();
    for ((package, test), outcome) in all {
        let outcome = outcome.ok_or_else(|| format!("{package} ended without its result"))?;
        if let Some(test) = test {
            tests.add(&format!("{package} {test}"), outcome);
        }
    }
    let told = counted(&tests);
    tests.agree("go", told)
}

fn from_lines(text: &str) -> Result<Report, String> {
    let mut tests = Tests::default();
    let mut open: Vec<(&str, Outcome)> = Vec::new();
    let mut running: Vec<&str> = Vec::new();
    let mut named = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== RUN ") {
            running.push(name.trim());
        } else if let Some((name, outcome)) = test(line) {
            running.retain(|r| *r != name);
            open.push((name, outcome));
            named = true;
        } else if let Some(package) = packages(line) {
            if let Some(name) = running.first() {
                return Err(format!("{package}: {name} began and did not end"));
            }
            for (name, outcome) in open.drain(..) {
                tests.add(&format!("{package} {name}"), outcome);
            }
        }
    }
    if !open.is_empty() || !running.is_empty() {
        return Err("a package ended without its result".to_owned());
    }
    if !named
        && text
            .lines()
            .any(|l| l.starts_with("ok ") && !l.contains("[no tests to run]"))
    {
        return Err("its go output names no test: add -v to the command".to_owned());
    }
    let told = counted(&tests);
    tests.agree("go", told)
}

/// go tells no totals.
fn counted(tests: &Tests) -> Counts {
    Counts {
        passed: tests.count(Outcome::Passed),
        failed: tests.count(Outcome::Failed),
        skipped: tests.count(Outcome::Skipped),
    }
}

/// `    --- PASS: TestA/b (0.00s)`.
fn test(line: &str) -> Option<(&str, Outcome)> {
    let (word, rest) = line.trim_start().strip_prefix("--- ")?.split_once(": ")?;
    let outcome = match word {
        "PASS" => Outcome::Passed,
        "FAIL" => Outcome::Failed,
        "SKIP" => Outcome::Skipped,
        _ => return None,
    };
    let (name, _) = rest.rsplit_once(" (")?;
    Some((name, outcome))
}

/// `ok  \tpkg\t0.1s`, `FAIL\tpkg\t0.1s`, `?   \tpkg\t[no test files]`.
fn packages(line: &str) -> Option<&str> {
    let mut parts = line.split('\t');
    let word = parts.next()?.trim_end();
    let package = parts.next()?;
    parts.next()?;
    matches!(word, "ok" | "FAIL" | "?").then_some(package)
}
