//! What about a change a person should see before it counts as verified: settings that decide how tests run or are
//! counted, files of tests that are gone, assertions that are fewer.

mod settings;

use crate::policy::Policy;
use brisk_domain::evidence::Flag;
use settings::runner;
use std::collections::BTreeSet;

/// One path that differs from the base. `None`: not there, or no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Below the root.
    pub path: String,
    /// On the base.
    pub before: Option<String>,
    /// Now.
    pub after: Option<String>,
}

/// Words that assert, in any language.
const ASSERTS: &[&str] = &[
    "assert", "expect(", ".should", "t.Error", "t.Fatal", "t.Fail", "require.", "raises(",
];

/// Flags that are written down one by one, and bytes of them: evidence must stay small enough to travel.
const LISTED: usize = 40;
const LISTED_BYTES: usize = 8 << 10;

/// Everything that a person should see, sorted; what is beyond a bound as a count and a digest.
pub fn flags(changes: &[Change], policy: &Policy) -> Vec<Flag> {
    let mut out = Vec::new();
    let run = Run::of(policy);
    let mut arrived = arrivals(changes);
    for change in changes {
        let path = &change.path;
        if path == "brisk.toml" {
            let same = change
                .after
                .as_ref()
                .is_some_and(|text| crate::digest(text.as_bytes()) == *policy.digest());
            if !same {
                out.push(Flag::PolicyChanged);
            }
            continue;
        }
        if policy.protects(path) {
            out.push(Flag::Protected { path: path.clone() });
        }
        let what = match run.runs(change) {
            true => Some("is what a check runs".to_owned()),
            false => runner(change),
        };
        if let Some(what) = what {
            out.push(Flag::RunnerChanged {
                path: path.clone(),
                what,
            });
        }
        if !moved(change, &mut arrived) {
            out.extend(tests(change));
        }
    }
    out.sort();
    out.dedup();
    bounded(out)
}

fn bounded(mut all: Vec<Flag>) -> Vec<Flag> {
    let words: Vec<String> = all.iter().map(Flag::to_string).collect();
    let mut bytes = 0;
    let fit = |w: &&String| {
        bytes += w.len();
        bytes <= LISTED_BYTES
    };
    let keep = words.iter().take(LISTED).take_while(fit).count();
    if keep < all.len() {
        let count = (all.len() - keep) as u64;
        let digest = crate::digest(words.join("\n").as_bytes());
        all.truncate(keep);
        all.push(Flag::More { count, digest });
    }
    all
}

/// Files of tests that are new, by their text.
fn arrivals(changes: &[Change]) -> Vec<&str> {
    let new = changes.iter().filter(|c| c.before.is_none());
    let tests = new.filter_map(|c| c.after.as_deref().filter(|t| shows_tests(&c.path, t)));
    tests.filter(|t| !t.is_empty()).collect()
}

/// Whether a file that is gone is a new file of tests elsewhere, byte for byte. Each of these is found once.
fn moved(change: &Change, arrived: &mut Vec<&str>) -> bool {
    let gone = change.before.as_deref().filter(|_| change.after.is_none());
    let at = gone.and_then(|text| arrived.iter().position(|t| *t == text));
    at.map(|at| arrived.swap_remove(at)).is_some()
}

/// Files that the commands of a policy name.
struct Run(BTreeSet<String>);

impl Run {
    fn of(policy: &Policy) -> Run {
        let mut out = BTreeSet::new();
        for check in policy.checks().values() {
            let mut module = false;
            for word in &check.run {
                // A word may be a line for a shell, or an option with its value.
                let parts = word.split(|c: char| c.is_whitespace() || ";&|()<>=\"'`,:$".contains(c));
                out.extend(parts.map(|p| plain(p).to_owned()));
                if module {
                    // Python looks for a module in the working folder first.
                    let path = word.replace('.', "/");
                    out.extend(["", "/__init__", "/__main__"].map(|end| format!("{path}{end}.py")));
                }
                module = word == "-m";
            }
        }
        out.remove("");
        Run(out)
    }

    /// Whether a change is one of what a check runs. A file of tests that is named is judged by its assertions.
    fn runs(&self, change: &Change) -> bool {
        self.0.contains(&change.path) && !is_test(&change.path)
    }
}

/// A path as the tree has it.
fn plain(word: &str) -> &str {
    let mut word = word;
    while let Some(rest) = word.strip_prefix("./") {
        word = rest.trim_start_matches('/');
    }
    word
}

fn test_by_name(name: &str) -> bool {
    name.starts_with("test_")
        || ["_test.py", "_test.go", "_test.rb", "_spec.rb"]
            .iter()
            .any(|e| name.ends_with(e))
        || name.contains(".test.")
        || name.contains(".spec.")
}

fn source(name: &str) -> bool {
    let ends = [
        ".py", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".rs", ".go", ".rb",
    ];
    ends.iter().any(|e| name.ends_with(e))
}

/// A source file that is named as tests are.
fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    test_by_name(name) && source(name)
}

/// Whether a file holds tests, by its name, or by what stands in it.
pub fn shows_tests(path: &str, text: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let folder = |dir: &str| path.split('/').rev().skip(1).any(|p| p == dir);
    test_by_name(name)
        || (source(name) && (folder("tests") || folder("test") || folder("__tests__")))
        || (name.ends_with(".rs") && (text.contains("#[test]") || text.contains("::test]")))
}

fn tests(change: &Change) -> Option<Flag> {
    let before = change.before.as_deref()?;
    if !shows_tests(&change.path, before) {
        return None;
    }
    let path = change.path.clone();
    let Some(after) = change.after.as_deref() else {
        return Some(Flag::TestsDeleted { path });
    };
    let (before, after) = (assertions(before), assertions(after));
    (after < before).then_some(Flag::TestsGutted { path, before, after })
}

/// Lines that assert something and are no remark.
fn assertions(text: &str) -> u64 {
    let remark = |l: &str| l.starts_with("//") || l.starts_with('#') && !l.starts_with("#[");
    let counts = |l: &&str| !remark(l) && ASSERTS.iter().any(|a| l.contains(a));
    text.lines().map(str::trim_start).filter(counts).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, before: Option<&str>, after: Option<&str>) -> Vec<String> {
        let policy =
            Policy::parse("[verify]\nprotect = [\"ci/**\"]\n[verify.checks.a]\nrun = [\"x\"]\n").unwrap();
        let change = Change {
            path: path.into(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        };
        flags(&[change], &policy).iter().map(Flag::to_string).collect()
    }

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> Change {
        Change {
            path: path.into(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        }
    }

    #[test]
    fn what_a_check_runs_is_seen() {
        let policy = |run: &str| Policy::parse(&format!("[verify.checks.a]\nrun = {run}\n")).unwrap();
        for (run, path, seen) in [
            (r#"["./test.sh"]"#, "test.sh", true),
            (r#"["test.sh"]"#, "test.sh", true),
            (r#"["./test.sh"]"#, "sub/test.sh", false),
            (
                r#"["sh", "-c", "cd x; ./ci/test.sh && true"]"#,
                "ci/test.sh",
                true,
            ),
            (r#"["tool", "--config=ci/rules.txt"]"#, "ci/rules.txt", true),
            (r#"["python3", "-m", "tools.check"]"#, "tools/check.py", true),
            (r#"["python3", "-m", "unittest", "-v"]"#, "unittest.py", true),
            (r#"["python3", "-m", "unittest"]"#, "unittest/__init__.py", true),
            (r#"["cargo", "test"]"#, "test.py", false),
            // What a file of tests lost is told by its assertions.
            (r#"["pytest", "tests/test_a.py"]"#, "tests/test_a.py", false),
        ] {
            let said = flags(&[change(path, Some("a"), Some("b"))], &policy(run));
            assert_eq!(!said.is_empty(), seen, "{run} {path}: {said:?}");
        }
    }

    #[test]
    fn a_file_of_tests_that_only_moved_is_not_gone() {
        let policy = Policy::parse("[verify.checks.a]\nrun = [\"x\"]\n").unwrap();
        let text = Some("def test_a():\n    assert 1\n");
        let said = |changes: &[Change]| flags(changes, &policy).len();
        let gone = |path: &str| change(path, text, None);
        assert_eq!(
            said(&[gone("test_a.py"), change("tests/test_a.py", None, text)]),
            0
        );
        assert_eq!(said(&[gone("test_a.py"), change("notes.txt", None, text)]), 1);
        let one_for_two = [
            gone("test_a.py"),
            gone("test_b.py"),
            change("test_c.py", None, text),
        ];
        assert_eq!(said(&one_for_two), 1);
        let other = change("tests/test_a.py", None, Some("def test_a(): pass\n"));
        assert_eq!(said(&[gone("test_a.py"), other]), 1);
    }

    #[test]
    fn what_is_flagged_is_bounded_and_still_names_all_of_it() {
        let policy = Policy::parse("[verify.checks.a]\nrun = [\"x\"]\n").unwrap();
        let gone = |n: usize, path: &str| change(&format!("{path}{n}/test_a.py"), Some("assert 1"), None);
        let some = |path: &str| flags(&(0..700).map(|n| gone(n, path)).collect::<Vec<_>>(), &policy);
        let all = some("a");
        assert_eq!(all.len(), LISTED + 1);
        assert!(matches!(all.last(), Some(Flag::More { count: 660, .. })));
        let long = some(&"a".repeat(1_000));
        let bytes: usize = long.iter().map(|f| f.to_string().len()).sum();
        assert!(bytes < 2 * LISTED_BYTES, "{bytes}");
        // Seen is what was there: another change beyond the bound is another word.
        let mut changes: Vec<Change> = (0..700).map(|n| gone(n, "a")).collect();
        changes.push(gone(0, "z"));
        assert_ne!(all.last(), flags(&changes, &policy).last());
    }

    #[test]
    fn what_a_person_should_see() {
        let pair = "def test_a():\n    assert f() == 1\n    assert g() == 2\n";
        let gutted = "def test_a():\n    # assert f() == 1\n    pass\n    assert g() == 2\n";
        let cargo = "[package]\nname = \"a\"\n";
        let policy = "[verify]\nprotect = [\"ci/**\"]\n[verify.checks.a]\nrun = [\"x\"]\n";
        // path, before, after, what is said
        let cases: &[(&str, Option<&str>, Option<&str>, &str)] = &[
            ("src/shop.py", Some("a"), Some("b"), ""),
            (
                "tests/test_a.py",
                Some(pair),
                Some(&format!("{pair}\n    assert 3\n")),
                "",
            ),
            (
                "tests/test_a.py",
                Some(pair),
                Some(gutted),
                "2 assertions became 1",
            ),
            ("tests/test_a.py", Some(pair), None, "a file of tests is gone"),
            (
                "src/a.rs",
                Some("#[test]\nfn a() { assert!(x) }"),
                Some("#[test]\nfn a() {}"),
                "1 assertions became 0",
            ),
            ("src/a.rs", Some("fn a() { assert!(x) }"), Some("fn a() {}"), ""),
            (
                "a_test.go",
                Some("t.Errorf(1)"),
                Some(""),
                "1 assertions became 0",
            ),
            ("x.test.ts", Some("expect(1)"), None, "a file of tests is gone"),
            ("conftest.py", None, Some("x"), "decides how tests"),
            ("a/b/conftest.py", Some("x"), Some("y"), "decides how tests"),
            ("sitecustomize.py", None, Some("x"), "decides how tests"),
            ("pytest.ini", None, Some("[pytest]"), "decides how tests"),
            ("Makefile", Some("a"), Some("b"), "decides how tests"),
            (".config/nextest.toml", None, Some("x"), "decides how tests"),
            ("jest.config.js", None, Some("x"), "decides how tests"),
            ("vite.config.ts", None, Some("x"), "decides how tests"),
            (".babelrc", None, Some("x"), "decides how tests"),
            ("a/build.rs", None, Some("x"), "decides how tests"),
            ("setup.py", None, Some("x"), "decides how tests"),
            (
                ".cargo/config.toml",
                None,
                Some("runner = \"true\""),
                "can change what cargo runs",
            ),
            ("sub/.cargo/config", None, Some(""), "can change what cargo runs"),
            (
                "Cargo.toml",
                Some(cargo),
                Some("[package]\nname = \"a\"\n[lib]\ntest = false\n"),
                "which tests cargo",
            ),
            (
                "Cargo.toml",
                Some(cargo),
                Some("[package]\nname = \"a\"\n[[test]]\nname = \"t\"\nharness = false\n"),
                "which tests cargo",
            ),
            (
                "Cargo.toml",
                Some(cargo),
                Some("[package]\nname = \"a\"\nautotests = false\n"),
                "which tests cargo",
            ),
            (
                "Cargo.toml",
                Some("[workspace]\nmembers = [\"a\", \"b\"]"),
                Some("[workspace]\nmembers = [\"a\"]"),
                "which tests cargo",
            ),
            (
                "Cargo.toml",
                Some(cargo),
                Some("[package]\nname = \"a\"\n[dependencies]\nserde = \"1\"\n"),
                "",
            ),
            (
                "Cargo.toml",
                Some(cargo),
                Some("[package]\nname = \"a\"\n[lib]\nname = \"b\"\n"),
                "",
            ),
            (
                "pyproject.toml",
                Some("[project]\nname = \"a\""),
                Some("[tool.pytest.ini_options]\naddopts = \"--co\""),
                "settings of pytest",
            ),
            (
                "pyproject.toml",
                Some("[project]\nname = \"a\""),
                Some("[project]\nname = \"b\""),
                "",
            ),
            (
                "setup.cfg",
                Some("[metadata]\n"),
                Some("[metadata]\n[tool:pytest]\naddopts = --co\n"),
                "settings of pytest",
            ),
            (
                "package.json",
                Some("{\"scripts\":{\"test\":\"jest\"}}"),
                Some("{\"scripts\":{\"test\":\"true\"}}"),
                "scripts",
            ),
            (
                "package.json",
                Some("{\"version\":\"1\"}"),
                Some("{\"version\":\"2\"}"),
                "",
            ),
            ("ci/run.sh", Some("a"), Some("b"), "protected by the policy"),
            (
                "brisk.toml",
                Some("a"),
                Some("b"),
                "differs from the confirmed policy",
            ),
            ("brisk.toml", Some("a"), None, "differs from the confirmed policy"),
            ("brisk.toml", None, Some(policy), ""),
        ];
        for (path, before, after, want) in cases {
            let said = found(path, *before, *after).join("; ");
            assert!(
                said.contains(want) && said.is_empty() == want.is_empty(),
                "{path}: {said:?}, not {want:?}"
            );
        }
    }
}
