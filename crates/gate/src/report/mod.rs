//! What the output of a test runner says, read so that a lie has to be whole: names and totals must agree.
//!
//! An output that is no report, or one that contradicts itself, is an error with its reason, never a guess.

mod go;
mod junit;
mod libtest;
mod nextest;
mod node;
mod pytest;
mod tap;
mod text;
mod unittest;

use crate::digest::digest;
use crate::policy::Parse;
use brisk_domain::evidence::{Counts, Summary};
use std::collections::{BTreeMap, BTreeSet};

/// How many names are listed in evidence; the whole list is kept by its digest.
const LISTED: usize = 20;

/// How one test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It ran and passed.
    Passed,
    /// It ran and failed.
    Failed,
    /// It did not run, or was expected to fail.
    Skipped,
}

/// A whole report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose words: `libtest`.
    pub format: &'static str,
    /// Every test by name.
    pub tests: BTreeMap<String, Outcome>,
}

/// Names of the tests of an earlier run that passed, and of those that were skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Before {
    /// Sorted.
    pub passed: BTreeSet<String>,
    /// Sorted.
    pub skipped: BTreeSet<String>,
}

impl Before {
    /// The list as it is kept: a line `+NAME` for each that passed, `-NAME` for each that was skipped.
    pub fn parse(text: &str) -> Before {
        let mut before = Before::default();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('+') {
                before.passed.insert(name.to_owned());
            } else if let Some(name) = line.strip_prefix('-') {
                before.skipped.insert(name.to_owned());
            }
        }
        before
    }
}

/// Tests as a reader meets them. Two of one name become `name` and `name #2`, so that none hides another.
#[derive(Debug, Default)]
pub(crate) struct Tests(BTreeMap<String, Outcome>);

impl Tests {
    pub(crate) fn add(&mut self, name: &str, outcome: Outcome) {
        let name = text::one_line(name);
        let mut key = name.clone();
        let mut nth = 1u64;
        while self.0.contains_key(&key) {
            nth += 1;
            key = format!("{name} #{nth}");
        }
        self.0.insert(key, outcome);
    }

    /// The last word on a name counts.
    pub(crate) fn set(&mut self, name: &str, outcome: Outcome) {
        self.0.insert(text::one_line(name), outcome);
    }

    pub(crate) fn count(&self, outcome: Outcome) -> u64 {
        self.0.values().filter(|o| **o == outcome).count() as u64
    }

    /// The report, if its names agree with the totals that the output tells.
    pub(crate) fn agree(self, format: &'static str, told: Counts) -> Result<Report, String> {
        let named = Counts {
            passed: self.count(Outcome::Passed),
            failed: self.count(Outcome::Failed),
            skipped: self.count(Outcome::Skipped),
        };
        if named.passed != told.passed {
            return Err(format!(
                "its {format} output tells of {} passed tests and names {}",
                told.passed, named.passed
            ));
        }
        if told.failed > 0 && named.failed == 0 {
            return Err(format!(
                "its {format} output tells of {} failed tests and names none",
                told.failed
            ));
        }
        Ok(Report {
            format,
            tests: self.0,
        })
    }
}

/// `None`: not this format.
type Read = fn(&str) -> Option<Result<Report, String>>;

const READERS: &[(Parse, Read)] = &[
    (Parse::Libtest, libtest::read),
    (Parse::Nextest, nextest::read),
    (Parse::Pytest, pytest::read),
    (Parse::Unittest, unittest::read),
    (Parse::Node, node::read),
    (Parse::Go, go::read),
    (Parse::Tap, tap::read),
];

/// Reads the output of a check (both streams, in the order in which they came), or the file that it wrote.
///
/// # Errors
/// Why there is no report to be believed.
pub fn read(parse: Parse, output: &str, file: Option<&str>) -> Result<Report, String> {
    let none = || "no summary of tests was found in its output".to_owned();
    if parse == Parse::Junit {
        let file = file.ok_or_else(|| "it wrote no report".to_owned())?;
        return junit::read(file);
    }
    let plain = text::plain(output);
    if parse != Parse::Auto {
        let reader = READERS.iter().find(|(p, _)| *p == parse).map(|(_, r)| r);
        return reader.and_then(|r| r(&plain)).unwrap_or_else(|| Err(none()));
    }
    let mut found: Vec<Result<Report, String>> = READERS.iter().filter_map(|(_, r)| r(&plain)).collect();
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(none()),
        (Some(one), true) => one,
        (Some(_), false) => {
            Err("its output holds reports of several runners: make each a check of its own".to_owned())
        }
    }
}

impl Report {
    /// How many ended how.
    pub fn counts(&self) -> Counts {
        let count = |o| self.tests.values().filter(|x| **x == o).count() as u64;
        Counts {
            passed: count(Outcome::Passed),
            failed: count(Outcome::Failed),
            skipped: count(Outcome::Skipped),
        }
    }

    /// Names as they are kept: see [`Before::parse`].
    pub fn list(&self) -> String {
        let line = |(name, outcome): (&String, &Outcome)| match outcome {
            Outcome::Passed => Some(format!("+{name}\n")),
            Outcome::Skipped => Some(format!("-{name}\n")),
            Outcome::Failed => None,
        };
        self.tests.iter().filter_map(line).collect()
    }

    /// As evidence, compared with what passed before.
    pub fn summary(&self, before: &Before) -> Summary {
        let is = |name: &String, outcome| self.tests.get(name) == Some(&outcome);
        let missing: Vec<&String> = before.passed.iter().filter(|n| !is(n, Outcome::Passed)).collect();
        let skipped = self.tests.iter().filter(|(_, o)| **o == Outcome::Skipped);
        let newly = skipped.map(|(n, _)| n).filter(|n| !before.skipped.contains(*n));
        // Without anything before, a skipped test is no news.
        let known = !before.passed.is_empty() || !before.skipped.is_empty();
        Summary::Tests {
            format: self.format.to_owned(),
            counts: self.counts(),
            passed: digest(self.list().as_bytes()),
            missing_count: missing.len() as u64,
            missing: missing.into_iter().take(LISTED).cloned().collect(),
            newly_skipped: newly.filter(|_| known).take(LISTED).cloned().collect(),
        }
    }
}
