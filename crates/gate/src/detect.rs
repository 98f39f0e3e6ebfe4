//! A first policy for a repository that has none, from the files that lie at its root. The person confirms it.

use std::collections::BTreeSet;

/// What the proposal is made from.
pub struct Found<'a> {
    /// Every path of the tree, and [`VENV`] where that is one.
    pub files: &'a BTreeSet<String>,
    /// The text of one of them.
    pub read: &'a dyn Fn(&str) -> Option<String>,
    /// Whether a check finds a program of this name.
    pub has: &'a dyn Fn(&str) -> bool,
}

/// The interpreter of a virtual environment in the repository.
pub const VENV: &str = ".venv/bin/python";

/// A check as it is proposed.
struct Proposed {
    name: &'static str,
    run: &'static [&'static str],
    parse: &'static str,
    /// Further lines.
    more: &'static str,
    /// What the person should know: what is missing here, and what would mend it.
    notes: Vec<String>,
}

impl Proposed {
    fn new(name: &'static str, run: &'static [&'static str], parse: &'static str) -> Proposed {
        Proposed {
            name,
            run,
            parse,
            more: "",
            notes: Vec::new(),
        }
    }

    fn more(mut self, lines: &'static str) -> Proposed {
        self.more = lines;
        self
    }

    fn note(mut self, text: impl Into<String>) -> Proposed {
        self.notes.push(text.into());
        self
    }

    fn text(&self, has: &dyn Fn(&str) -> bool) -> String {
        let mut out = String::from("\n");
        let program = self.run.first().copied().unwrap_or_default();
        if !program.contains('/') && !has(program) {
            out.push_str(&format!(
                "# {program} is not where a check looks for programs: this cannot run here yet.\n"
            ));
        }
        for note in &self.notes {
            out.push_str(&format!("# {note}\n"));
        }
        let words: Vec<String> = self.run.iter().map(|w| format!("{w:?}")).collect();
        out.push_str(&format!(
            "[verify.checks.{}]\nrun = [{}]\nparse = \"{}\"\ntimeout_s = 900\n{}",
            self.name,
            words.join(", "),
            self.parse,
            self.more
        ));
        out
    }
}

/// Proposes a `brisk.toml` of what can run here, with what is missing said beside it. `None`: nothing that could be run
/// was recognised.
pub fn propose(found: &Found<'_>) -> Option<String> {
    let mut checks: Vec<Proposed> = Vec::new();
    if found.files.contains("Cargo.toml") {
        let run = &["cargo", "test", "--workspace", "--no-fail-fast"];
        checks.push(Proposed::new("cargo", run, "libtest").more("env = { CARGO_NET_OFFLINE = \"true\" }\n"));
    }
    checks.extend(node(found));
    if found.files.contains("go.mod") {
        checks.push(Proposed::new("go", &["go", "test", "-v", "./..."], "go"));
    }
    checks.extend(python(found));
    if checks.is_empty() {
        checks.extend(recipe(found));
    }
    if checks.is_empty() {
        return None;
    }
    let mut out = String::from(
        "# What has to pass before something ships. Changes count only once you confirm them.\n",
    );
    for check in checks {
        out.push_str(&check.text(found.has));
    }
    Some(out)
}

/// The test script of a package, by the package manager whose lock file lies there.
fn node(found: &Found<'_>) -> Option<Proposed> {
    let package: serde_json::Value = serde_json::from_str(&(found.read)("package.json")?).ok()?;
    let script = package.pointer("/scripts/test")?.as_str()?;
    // What `npm init` writes.
    if script.contains("no test specified") {
        return None;
    }
    let npm =
        || Proposed::new("node", &["npm", "test", "--silent"], "auto").more("borrow = [\"node_modules\"]\n");
    if !found.files.contains("pnpm-lock.yaml") {
        return Some(npm());
    }
    Some(match (found.has)("pnpm") || !(found.has)("npm") {
        true => Proposed::new("node", &["pnpm", "test"], "auto").more("borrow = [\"node_modules\"]\n"),
        false => npm().note("pnpm is not where a check looks for programs; npm runs the same script."),
    })
}

/// A recipe `test`, where nothing else says how to test.
fn recipe(found: &Found<'_>) -> Option<Proposed> {
    let recipe = |name: &&str| {
        (found.read)(name).is_some_and(|t| {
            let starts = |l: &str, end: &str| l.trim_start_matches('@').starts_with(&format!("test{end}"));
            t.lines()
                .any(|l| (starts(l, ":") || starts(l, " ")) && l.contains(':') && !l.contains(":="))
        })
    };
    let just = ["justfile", "Justfile", ".justfile"].iter().any(&recipe);
    let make = ["GNUmakefile", "makefile", "Makefile"].iter().any(recipe);
    let with_just = Proposed::new("just", &["just", "test"], "auto");
    let with_make = Proposed::new("make", &["make", "test"], "auto");
    match (just, make) {
        (true, true) if !(found.has)("just") && (found.has)("make") => {
            Some(with_make.note("just is not where a check looks for programs; make has such a recipe, too."))
        }
        (true, _) => Some(with_just),
        (false, true) => Some(with_make),
        (false, false) => None,
    }
}

const BORROW: &str = "borrow = [\".venv\"]\n";

fn python(found: &Found<'_>) -> Option<Proposed> {
    let has = |name: &str| found.files.contains(name);
    let tests = found.files.iter().any(|f| {
        let name = f.rsplit('/').next().unwrap_or(f);
        name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"))
    });
    let says = |file: &str| (found.read)(file).is_some_and(|t| t.contains("pytest"));
    let settings = [
        "pyproject.toml",
        "setup.cfg",
        "tox.ini",
        "requirements-dev.txt",
        "requirements.txt",
    ];
    let pytest = has("pytest.ini") || has("conftest.py") || settings.iter().any(|f| says(f));
    if !pytest && !tests {
        return None;
    }
    let (venv, lock, uv) = (has(VENV), has("uv.lock"), (found.has)("uv"));
    let sync = "`uv sync` first: a check has no network, and is lent what lies in .venv.";
    // Without a cache of its own uv would write to the person's, and it must not change what it is lent.
    let run: &[&str] = match pytest {
        true => &[
            "uv",
            "run",
            "--offline",
            "--no-sync",
            "--no-cache",
            "pytest",
            "-v",
        ],
        false => &[
            "uv",
            "run",
            "--offline",
            "--no-sync",
            "--no-cache",
            "python",
            "-m",
            "unittest",
            "-v",
        ],
    };
    let (name, parse) = match pytest {
        true => ("pytest", "pytest"),
        false => ("unittest", "unittest"),
    };
    if lock && uv {
        let check = Proposed::new(name, run, parse).more(BORROW);
        return Some(if venv { check } else { check.note(sync) });
    }
    let missing = |check: Proposed, instead: &str| match lock {
        true => check.note(format!(
            "uv.lock is there, and uv is not where a check looks for programs; {instead}"
        )),
        false => check,
    };
    // Their own interpreter, with what is installed there: the system's would lack it.
    if venv {
        let run: &[&str] = match pytest {
            true => &[VENV, "-m", "pytest", "-v"],
            false => &[VENV, "-m", "unittest", "-v"],
        };
        return Some(missing(
            Proposed::new(name, run, parse).more(BORROW),
            "the environment that it made is used as it is.",
        ));
    }
    let run: &[&str] = match pytest {
        true => &["python3", "-m", "pytest", "-v"],
        false => &["python3", "-m", "unittest", "-v"],
    };
    Some(missing(
        Proposed::new(name, run, parse),
        "install uv and run `uv sync` for what the lock file names: this Python has only what is installed for it.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    const SCRIPT: &str = "{\"scripts\":{\"test\":\"node --test\"}}";
    const NO_SCRIPT: &str = "{\"scripts\":{\"test\":\"echo \\\"Error: no test specified\\\" && exit 1\"}}";
    const UV_PYTEST: &str = "uv run --offline --no-sync --no-cache pytest -v";

    /// Files with their texts, programs that are missing, what is proposed, and what is said beside it.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a [&'a str], &'a str);

    fn check(cases: &[Case<'_>]) {
        for (files, missing, want, note) in cases {
            let names = files.iter().map(|(n, _)| (*n).to_owned()).collect();
            let read = |n: &str| files.iter().find(|(f, _)| *f == n).map(|(_, t)| (*t).to_owned());
            let found = Found {
                files: &names,
                read: &read,
                has: &|program| !missing.contains(&program),
            };
            let text = propose(&found).unwrap_or_default();
            let policy = Policy::parse(&text).ok();
            let runs: Vec<String> =
                policy.map_or(vec![], |p| p.checks().values().map(|c| c.run.join(" ")).collect());
            assert_eq!(runs, *want, "{files:?} without {missing:?}");
            let notes: Vec<&str> = text.lines().skip(1).filter(|l| l.starts_with('#')).collect();
            match note.is_empty() {
                true => assert!(notes.is_empty(), "{files:?}: {notes:?}"),
                false => assert!(notes.concat().contains(note), "{files:?}: {notes:?}, not {note}"),
            }
        }
    }

    #[test]
    fn what_is_recognised() {
        check(&[
            (&[("README", "")], &[], &[], ""),
            (
                &[("Cargo.toml", "")],
                &[],
                &["cargo test --workspace --no-fail-fast"],
                "",
            ),
            (&[("sub/Cargo.toml", "")], &[], &[], ""),
            (&[("package.json", SCRIPT)], &[], &["npm test --silent"], ""),
            (
                &[("package.json", SCRIPT), ("package-lock.json", "")],
                &[],
                &["npm test --silent"],
                "",
            ),
            (
                &[("package.json", SCRIPT), ("pnpm-lock.yaml", "")],
                &[],
                &["pnpm test"],
                "",
            ),
            (&[("package.json", "{}")], &[], &[], ""),
            (&[("package.json", "no JSON")], &[], &[], ""),
            (&[("package.json", NO_SCRIPT)], &[], &[], ""),
            (
                &[("go.mod", ""), ("Makefile", "test:\n")],
                &[],
                &["go test -v ./..."],
                "",
            ),
            (&[("conftest.py", "")], &[], &["python3 -m pytest -v"], ""),
            (&[("pytest.ini", "")], &[], &["python3 -m pytest -v"], ""),
            (
                &[("setup.cfg", "[tool:pytest]")],
                &[],
                &["python3 -m pytest -v"],
                "",
            ),
            (&[("pyproject.toml", "[project]")], &[], &[], ""),
            (&[("tests/test_a.py", "")], &[], &["python3 -m unittest -v"], ""),
            (&[("a_test.py", "")], &[], &["python3 -m unittest -v"], ""),
            (&[("contest.py", "")], &[], &[], ""),
            (
                &[("conftest.py", ""), (VENV, "")],
                &[],
                &[".venv/bin/python -m pytest -v"],
                "",
            ),
            (
                &[("tests/test_a.py", ""), (VENV, "")],
                &[],
                &[".venv/bin/python -m unittest -v"],
                "",
            ),
            (&[("Makefile", "test: all\n")], &[], &["make test"], ""),
            (&[("GNUmakefile", "test :\n")], &[], &["make test"], ""),
            (&[("makefile", "test:\n")], &[], &["make test"], ""),
            (&[("Makefile", "build:\n")], &[], &[], ""),
            (&[("Makefile", "test := 1\ntests: x\n")], &[], &[], ""),
            (&[("justfile", "test:\n")], &[], &["just test"], ""),
            (&[(".justfile", "@test *args:\n")], &[], &["just test"], ""),
            (
                &[("justfile", "test:\n"), ("Makefile", "test:\n")],
                &[],
                &["just test"],
                "",
            ),
            (
                &[
                    ("Cargo.toml", ""),
                    ("go.mod", ""),
                    ("package.json", SCRIPT),
                    ("conftest.py", ""),
                ],
                &[],
                &[
                    "cargo test --workspace --no-fail-fast",
                    "go test -v ./...",
                    "npm test --silent",
                    "python3 -m pytest -v",
                ],
                "",
            ),
        ]);
    }

    #[test]
    fn what_can_run_here_is_proposed_and_what_is_missing_is_said() {
        let uv = ("uv.lock", "");
        let pytest = ("pyproject.toml", "pytest");
        let venv = (VENV, "");
        check(&[
            (&[pytest, uv, venv], &[], &[UV_PYTEST], ""),
            (&[pytest, uv], &[], &[UV_PYTEST], "`uv sync` first"),
            (
                &[("tests/test_a.py", ""), uv, venv],
                &[],
                &["uv run --offline --no-sync --no-cache python -m unittest -v"],
                "",
            ),
            (
                &[pytest, uv, venv],
                &["uv"],
                &[".venv/bin/python -m pytest -v"],
                "uv is not where a check looks",
            ),
            (
                &[pytest, uv],
                &["uv"],
                &["python3 -m pytest -v"],
                "install uv and run `uv sync`",
            ),
            (&[uv], &[], &[], ""),
            (
                &[("package.json", SCRIPT), ("pnpm-lock.yaml", "")],
                &["pnpm"],
                &["npm test --silent"],
                "npm runs the same script",
            ),
            (
                &[("package.json", SCRIPT), ("pnpm-lock.yaml", "")],
                &["pnpm", "npm"],
                &["pnpm test"],
                "pnpm is not where a check looks",
            ),
            (
                &[("justfile", "test:\n"), ("Makefile", "test:\n")],
                &["just"],
                &["make test"],
                "make has such a recipe",
            ),
            (
                &[("justfile", "test:\n")],
                &["just"],
                &["just test"],
                "just is not where",
            ),
            (
                &[("Cargo.toml", "")],
                &["cargo"],
                &["cargo test --workspace --no-fail-fast"],
                "cargo is not where",
            ),
            (
                &[("go.mod", "")],
                &["go"],
                &["go test -v ./..."],
                "go is not where",
            ),
            (
                &[("conftest.py", "")],
                &["python3"],
                &["python3 -m pytest -v"],
                "python3 is not where",
            ),
        ]);
    }
}
