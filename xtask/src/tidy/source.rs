//! Rules about Rust source: what only some crates may name, what nobody may leave behind, how long a file may be.

use super::tokens::{Named, Role, named};
use super::{Finding, Level};

/// Crates without I/O, clock or randomness.
const PURE: &[&str] = &["patch", "domain", "router", "gate", "lanes"];

/// What the pure crates may not name: beginnings of paths.
const IMPURE: &[&[&str]] = &[
    &["tokio"],
    &["rand"],
    &["getrandom"],
    &["rustix"],
    &["std", "env"],
    &["std", "fs"],
    &["std", "io"],
    &["std", "net"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["std", "time", "*"],
    &["time", "Instant"],
    &["time", "SystemTime"],
];

/// The crates that may spawn processes. `testkit` and `xtask` are not part of the product.
const SPAWNERS: &[&str] = &["sandbox", "testkit", "xtask"];

/// Paths that spawn a process, or bring in what does; wherever in a path they occur.
const SPAWN: &[&[&str]] = &[
    &["process", "Command"],
    &["std", "process", "*"],
    &["tokio", "process"],
];

/// The only crate with `unsafe`.
const UNSAFE: &str = "llama";

/// Macros that stand for work not done, or for a look inside that was forgotten.
const UNDONE: &[&str] = &["todo", "unimplemented", "dbg"];

/// Marks of work not done, in comments too. (Spelt in two halves, or this file would break its own rule.)
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Lines of a file in `src`: beyond the first a warning, beyond the second an error.
const LONG: usize = 500;
const TOO_LONG: usize = 700;

/// The findings in one Rust file; `path` is relative to the workspace.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let place = Place::of(path);
    if path.starts_with("crates/") && path.ends_with("/src/lib.rs") && !text.starts_with("//!") {
        found.push(Finding::error(
            path,
            0,
            "begins without `//!`: one line on what the crate is for",
        ));
    }
    if path.contains("/src/") {
        found.extend(length(path, text.lines().count()));
    }
    for (number, line) in text.lines().enumerate() {
        for mark in MARKS.iter().filter(|mark| has_word(line, mark)) {
            let message = format!("`{mark}`: do it, or say what is so and why");
            found.push(Finding::error(path, number + 1, message));
        }
    }
    match named(text) {
        Ok(all) => {
            for one in &all {
                let wrong = place.wrong(one);
                found.extend(
                    wrong.map(|why| {
                        Finding::error(path, one.line, format!("`{}`: {why}", one.path.join("::")))
                    }),
                );
            }
        }
        Err(message) => found.push(Finding::error(path, 0, format!("is not Rust: {message}"))),
    }
    found
}

fn length(path: &str, lines: usize) -> Option<Finding> {
    let level = match lines {
        n if n > TOO_LONG => Level::Error,
        n if n > LONG => Level::Warning,
        _ => return None,
    };
    Some(Finding {
        path: path.to_owned(),
        line: 0,
        level,
        message: format!("{lines} lines; split it (warned beyond {LONG}, refused beyond {TOO_LONG})"),
    })
}

/// Whether `word` occurs in `line` with no letter, digit or `_` beside it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let before = line.get(..at).and_then(|s| s.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|s| s.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// Where a file lies.
struct Place<'a> {
    /// Without the `brisk-` of its package; `xtask`, or empty elsewhere.
    crate_: &'a str,
    /// All of it is test code.
    test: bool,
}

impl Place<'_> {
    fn of(path: &str) -> Place<'_> {
        let mut parts = path.split('/');
        let crate_ = match (parts.next(), parts.next()) {
            (Some("crates"), Some(name)) => name,
            (Some("xtask"), _) => "xtask",
            _ => "",
        };
        let test = path
            .split('/')
            .any(|part| matches!(part, "tests" | "benches" | "tests.rs"));
        Place { crate_, test }
    }

    /// What is wrong with naming this here.
    fn wrong(&self, named: &Named) -> Option<String> {
        let path: Vec<&str> = named.path.iter().map(String::as_str).collect();
        let last = path.last().copied().unwrap_or_default();
        if named.role == Role::Macro && UNDONE.contains(&last) {
            return Some("finish it first".to_owned());
        }
        if named.role == Role::Attribute && path == ["ignore"] {
            return Some("a test that does not run is no test".to_owned());
        }
        if path == ["unsafe"] && self.crate_ != UNSAFE {
            return Some(format!("only crates/{UNSAFE} may contain it"));
        }
        if self.test || named.test {
            return None;
        }
        let has = |wanted: &[&str]| path.windows(wanted.len()).any(|w| w == wanted);
        if !SPAWNERS.contains(&self.crate_) && SPAWN.iter().any(|p| has(p)) {
            return Some("only crates/sandbox spawns processes; take a `Runner`".to_owned());
        }
        if PURE.contains(&self.crate_) && IMPURE.iter().any(|p| path.starts_with(p)) {
            return Some(format!(
                "{} has no I/O, clock or randomness; take the value as an argument",
                self.crate_
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule() {
        let mark = concat!("// FIX", "ME later\n");
        let cases: &[(&str, &str, usize)] = &[
            ("crates/brisk/src/a.rs", "use std::process::Command;", 1),
            (
                "crates/brisk/src/a.rs",
                "use std::{process::{Command, Stdio}};",
                1,
            ),
            (
                "crates/brisk/src/a.rs",
                "use std::process; fn f() { process::Command::new(x) }",
                1,
            ),
            ("crates/brisk/src/a.rs", "use tokio::process;", 1),
            (
                "crates/brisk/src/a.rs",
                "std::process::id(); domain::Command::Keep",
                0,
            ),
            (
                "crates/brisk/src/a.rs",
                "#[cfg(test)] mod t { use std::process::Command; }",
                0,
            ),
            ("crates/brisk/tests/a.rs", "use std::process::Command;", 0),
            ("crates/sandbox/src/a.rs", "use tokio::process::Command;", 0),
            ("xtask/src/a.rs", "use std::process::Command;", 0),
            ("crates/llama/src/a.rs", "unsafe { f() }", 0),
            ("crates/patch/src/a.rs", "unsafe { f() }", 1),
            ("crates/brisk/tests/a.rs", "#[test] fn t() { unsafe { f() } }", 1),
            ("crates/lanes/src/a.rs", "use tokio::sync::mpsc;", 1),
            ("crates/lanes/src/a.rs", "use std::time::{Duration, Instant};", 1),
            (
                "crates/gate/src/a.rs",
                "use std::time; fn f() { time::SystemTime::now() }",
                1,
            ),
            ("crates/domain/src/a.rs", "fn f() { std::fs::read(p) }", 1),
            ("crates/router/src/a.rs", "use std::net::*; use rand::Rng;", 2),
            (
                "crates/patch/src/a.rs",
                "//! No std::fs, no tokio.\nuse std::time::Duration;",
                0,
            ),
            ("crates/patch/src/a/tests.rs", "use std::fs;", 0),
            ("crates/patch/benches/a.rs", "use std::time::Instant;", 0),
            ("crates/store/src/a.rs", "use std::fs; use tokio::sync;", 0),
            ("crates/x/src/a.rs", "fn f() { todo!() }", 1),
            ("crates/x/src/a.rs", "fn f() { unimplemented!() }", 1),
            ("crates/x/tests/a.rs", "fn f() { dbg!(1) }", 1),
            ("crates/x/tests/a.rs", "#[test] #[ignore] fn f() {}", 1),
            ("crates/x/tests/a.rs", "#[test] #[ignore = \"slow\"] fn f() {}", 1),
            ("crates/x/src/a.rs", "fn ignore() {} fn todo() {}", 0),
            ("crates/x/src/a.rs", mark, 1),
            ("crates/x/src/a.rs", "// FIXMENT XXXX MY_TODO\n", 0),
            ("crates/x/src/lib.rs", "//! X.\n", 0),
            ("crates/x/src/lib.rs", "// X.\n", 1),
            ("crates/x/src/a.rs", "fn f( {", 1),
        ];
        for (path, text, want) in cases {
            let found = check(path, text);
            assert_eq!(found.len(), *want, "{path}: {text}: {found:?}");
        }
    }

    #[test]
    fn long_files() {
        let check = |path: &str, lines: usize| {
            let found = check(path, &"//\n".repeat(lines));
            found.first().map(|f| f.level)
        };
        assert_eq!(check("crates/x/src/a.rs", 500), None);
        assert_eq!(check("crates/x/src/a.rs", 501), Some(Level::Warning));
        assert_eq!(check("crates/x/src/a.rs", 700), Some(Level::Warning));
        assert_eq!(check("xtask/src/a.rs", 701), Some(Level::Error));
        assert_eq!(check("crates/x/tests/a.rs", 701), None);
    }
}
