//! `cargo test`: blocks of `running N tests` ... `test result: ...`, one for each test program.

use super::text::{before_word, number};
use super::{Outcome, Report, Tests};
use brisk_domain::evidence::Counts;

pub(super) fn read(text: &str) -> Option<Result<Report, String>> {
    let begins =
        |line: &str| line.starts_with("running ") && (line.ends_with(" tests") || line.ends_with(" test"));
    text.lines().any(begins).then(|| blocks(text, begins))
}

fn blocks(text: &str, begins: impl Fn(&str) -> bool) -> Result<Report, String> {
    let mut tests = Tests::default();
    let mut told = Counts::default();
    let mut announced: Option<u64> = None;
    let mut named = 0;
    for line in text.lines() {
        if begins(line) {
            if announced.is_some() {
                return Err("a test program ended without its result".to_owned());
            }
            announced = line.strip_prefix("running ").and_then(number);
            named = 0;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            let of = |word| before_word(result, &[word]);
            let ran = of("passed") + of("failed") + of("ignored") + of("measured");
            match announced.take() {
                None => return Err("a result of tests came that nothing had announced".to_owned()),
                Some(n) if n != ran || n != named => {
                    return Err(format!(
                        "{n} tests were announced, {named} named, and {ran} counted"
                    ));
                }
                Some(_) => {}
            }
            told.passed += of("passed");
            told.failed += of("failed");
            told.skipped += of("ignored");
        } else if announced.is_some()
            && let Some((name, outcome)) = line.strip_prefix("test ").and_then(one)
        {
            tests.add(&name, outcome);
            named += 1;
        }
    }
    if announced.is_some() {
        return Err("a test program ended without its result".to_owned());
    }
    tests.agree("libtest", told)
}

/// `a::b ... ok`, `a::b - should panic ... ok`, `src/lib.rs - a::b (line 3) ... ok`.
fn one(line: &str) -> Option<(String, Outcome)> {
    let (name, end) = line.rsplit_once(" ... ")?;
    let outcome = match end.split([' ', ',', ':']).next()? {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "ignored" => Outcome::Skipped,
        // A benchmark is measured, and none of the three.
        "bench" => Outcome::Skipped,
        _ => return None,
    };
    // The line of an example moves with every edit above it.
    let name = match name.rsplit_once(" (line ") {
        Some((name, _)) => name,
        None => name.strip_suffix(" - should panic").unwrap_or(name),
    };
    Some((name.to_owned(), outcome))
}
