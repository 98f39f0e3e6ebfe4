//! `node --test`: its TAP and its `spec` output, both with totals (`# pass 3`, `\u{2139} pass 3`).

use super::tap::point;
use super::text::number;
use super::{Outcome, Report, Tests};
use brisk_domain::evidence::Counts;

const TOTALS: &[&str] = &["tests", "pass", "fail", "cancelled", "skipped", "todo"];

pub(super) fn read(text: &str) -> Option<Result<Report, String>> {
    let totals = totals(text)?;
    Some(totals.and_then(|t| {
        let tests = if text.lines().any(|l| l.starts_with("TAP version ")) {
            from_tap(text)
        } else {
            from_spec(text)
        };
        let [all, passed, failed, cancelled, skipped, todo] = t;
        let failed = failed + cancelled;
        let skipped = skipped + todo;
        if all != passed + failed + skipped {
            return Err("the totals of node do not add up".to_owned());
        }
        tests.agree(
            "node",
            Counts {
                passed,
                failed,
                skipped,
            },
        )
    }))
}

/// The totals, in the order of their names; `None` if there are none, an error if they are there more than once.
pub(super) fn totals(text: &str) -> Option<Result<[u64; 6], String>> {
    let mut found = [None; 6];
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("\u{2139} ")) else {
            continue;
        };
        let Some((word, n)) = rest.split_once(' ') else {
            continue;
        };
        let at = TOTALS.iter().position(|t| *t == word);
        let digits = !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
        if let Some(slot) = at.and_then(|at| found.get_mut(at)).filter(|_| digits) {
            if slot.is_some() {
                return Some(Err("there are several summaries of node".to_owned()));
            }
            *slot = number(n);
        }
    }
    match found {
        [Some(a), Some(b), Some(c), Some(d), Some(e), Some(f)] => Some(Ok([a, b, c, d, e, f])),
        _ => None,
    }
}

fn from_tap(text: &str) -> Tests {
    let mut path: Vec<&str> = Vec::new();
    let mut points: Vec<(String, Outcome)> = Vec::new();
    for line in text.lines() {
        let bare = line.trim_start_matches(' ');
        let depth = (line.len() - bare.len()) / 4;
        if let Some(name) = bare.strip_prefix("# Subtest: ") {
            path.truncate(depth);
            path.push(name);
        } else if let Some((name, outcome)) = point(bare) {
            path.truncate(depth);
            let above: String = path.iter().map(|p| format!("{p} > ")).collect();
            points.push((format!("{above}{name}"), outcome));
        } else if bare == "type: 'suite'" {
            // A suite is no test, and is not in the totals.
            points.pop();
        }
    }
    let mut tests = Tests::default();
    points
        .iter()
        .for_each(|(name, outcome)| tests.add(name, *outcome));
    tests
}

fn from_spec(text: &str) -> Tests {
    let mut path: Vec<String> = Vec::new();
    let mut tests = Tests::default();
    for line in text.lines() {
        // Below this stand the failures once more.
        if line.ends_with("failing tests:") {
            break;
        }
        let bare = line.trim_start_matches(' ');
        let depth = (line.len() - bare.len()) / 2;
        let Some((mark, rest)) = bare.split_once(' ') else {
            continue;
        };
        let outcome = match mark {
            "\u{25b6}" => {
                path.truncate(depth);
                path.push(timeless(rest).to_owned());
                continue;
            }
            "\u{2714}" => Outcome::Passed,
            "\u{2716}" => Outcome::Failed,
            "\u{fe63}" => Outcome::Skipped,
            _ => continue,
        };
        let outcome = if rest.ends_with("# SKIP") || rest.ends_with(concat!("# TO", "DO")) {
            Outcome::Skipped
        } else {
            outcome
        };
        let name = timeless(rest);
        // Newer versions end a suite with a line like that of a test.
        if path.get(depth).is_some_and(|p| p == name) {
            path.truncate(depth);
            continue;
        }
        path.truncate(depth);
        let above: String = path.iter().map(|p| format!("{p} > ")).collect();
        tests.add(&format!("{above}{name}"), outcome);
    }
    tests
}

/// Without `(0.5ms)` and what follows it.
fn timeless(name: &str) -> &str {
    match name.rsplit_once(" (") {
        Some((name, time)) if time.contains("ms)") => name,
        _ => name,
    }
}
