//! The Test Anything Protocol: a plan, and a numbered line for each test.

use super::text::number;
use super::{Outcome, Report, Tests};
use brisk_domain::evidence::Counts;

pub(super) fn read(text: &str) -> Option<Result<Report, String>> {
    // node writes TAP too, with totals of its own that are stricter.
    if super::node::totals(text).is_some() {
        return None;
    }
    let plan: Vec<u64> = text.lines().filter_map(plan).collect();
    match plan.as_slice() {
        [] => text
            .lines()
            .any(|l| l.starts_with("TAP version "))
            .then(|| Err("the TAP output has no plan".to_owned())),
        [n] => Some(whole(text, *n)),
        _ => Some(Err("the TAP output has several plans".to_owned())),
    }
}

fn plan(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("1..")?;
    let n = number(rest)?;
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    (after.is_empty() || after.starts_with('#')).then_some(n)
}

fn whole(text: &str, plan: u64) -> Result<Report, String> {
    if text.lines().any(|l| l.starts_with("Bail out!")) {
        return Err("the TAP output bailed out".to_owned());
    }
    let mut tests = Tests::default();
    let mut told = Counts::default();
    for line in text.lines() {
        if let Some((name, outcome)) = point(line) {
            match outcome {
                Outcome::Passed => told.passed += 1,
                Outcome::Failed => told.failed += 1,
                Outcome::Skipped => told.skipped += 1,
            }
            tests.add(name, outcome);
        }
    }
    let ran = told.passed + told.failed + told.skipped;
    if ran != plan {
        return Err(format!("{plan} tests were planned and {ran} came"));
    }
    tests.agree("tap", told)
}

/// `ok 1 - name`, `not ok 2 name # SKIP why`. What stands further in belongs to a test of its own.
pub(super) fn point(line: &str) -> Option<(&str, Outcome)> {
    let (rest, passed) = match line.strip_prefix("not ok") {
        Some(rest) => (rest, false),
        None => (line.strip_prefix("ok")?, true),
    };
    if !(rest.is_empty() || rest.starts_with(' ')) {
        return None;
    }
    let rest = rest.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    let (name, directive) = rest
        .split_once(" # ")
        .or_else(|| rest.split_once("# "))
        .unwrap_or((rest, ""));
    let directive = directive.trim_start().to_ascii_uppercase();
    let outcome = if directive.starts_with("SKIP") || directive.starts_with(concat!("TO", "DO")) {
        Outcome::Skipped
    } else if passed {
        Outcome::Passed
    } else {
        Outcome::Failed
    };
    Some((name.trim(), outcome))
}
