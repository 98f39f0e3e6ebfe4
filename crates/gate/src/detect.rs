//! A first policy for a repository that has none, from the files that lie at its root. The person confirms it.

use std::collections::BTreeSet;

/// Proposes a `brisk.toml`. `files`: every path of the tree, and `.venv/bin/python` where there is one; `read`: the text of one of them. `None`: nothing that
/// could be run was recognised.
pub fn propose(files: &BTreeSet<String>, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    let has = |name: &str| files.contains(name);
    let mut checks: Vec<(&str, &str, &str, &str)> = Vec::new();
    if has("Cargo.toml") {
        let run = r#"["cargo", "test", "--workspace", "--no-fail-fast"]"#;
        checks.push((
            "cargo",
            run,
            "libtest",
            "env = { CARGO_NET_OFFLINE = \"true\" }\n",
        ));
    }
    if let Some(package) = read("package.json") {
        let scripts = serde_json::from_str::<serde_json::Value>(&package).ok();
        if scripts.is_some_and(|p| p.pointer("/scripts/test").is_some()) {
            let run = if has("pnpm-lock.yaml") {
                r#"["pnpm", "test"]"#
            } else {
                r#"["npm", "test", "--silent"]"#
            };
            checks.push(("node", run, "auto", "borrow = [\"node_modules\"]\n"));
        }
    }
    if has("go.mod") {
        checks.push(("go", r#"["go", "test", "-v", "./..."]"#, "go", ""));
    }
    checks.extend(python(files, &read));
    if checks.is_empty() {
        let recipe = |name: &str| {
            read(name).is_some_and(|t| {
                t.lines()
                    .any(|l| l.starts_with("test:") || l.starts_with("test "))
            })
        };
        if recipe("justfile") || recipe("Justfile") {
            checks.push(("just", r#"["just", "test"]"#, "auto", ""));
        } else if recipe("Makefile") {
            checks.push(("make", r#"["make", "test"]"#, "auto", ""));
        }
    }
    if checks.is_empty() {
        return None;
    }
    let mut out = String::from(
        "# What has to pass before something ships. Changes count only once you confirm them.\n",
    );
    for (name, run, parse, more) in checks {
        out.push_str(&format!(
            "\n[verify.checks.{name}]\nrun = {run}\nparse = \"{parse}\"\ntimeout_s = 900\n{more}"
        ));
    }
    Some(out)
}

fn python(
    files: &BTreeSet<String>,
    read: &impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, &'static str, &'static str, &'static str)> {
    let tests = files.iter().any(|f| {
        let name = f.rsplit('/').next().unwrap_or(f);
        name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"))
    });
    let says = |file: &str, word: &str| read(file).is_some_and(|t| t.contains(word));
    let pytest = files.contains("pytest.ini")
        || files.contains("conftest.py")
        || says("pyproject.toml", "pytest")
        || says("requirements-dev.txt", "pytest")
        || says("requirements.txt", "pytest")
        || says("tox.ini", "pytest");
    // Their own interpreter, with what is installed there: the system's would lack it.
    if files.contains(".venv/bin/python") && !files.contains("uv.lock") && (pytest || tests) {
        return Some(match pytest {
            true => (
                "pytest",
                r#"[".venv/bin/python", "-m", "pytest", "-v"]"#,
                "pytest",
                "borrow = [\".venv\"]\n",
            ),
            false => (
                "unittest",
                r#"[".venv/bin/python", "-m", "unittest", "-v"]"#,
                "unittest",
                "borrow = [\".venv\"]\n",
            ),
        });
    }
    Some(match (tests, pytest, files.contains("uv.lock")) {
        (_, true, true) => (
            "pytest",
            r#"["uv", "run", "--offline", "pytest", "-v"]"#,
            "pytest",
            "borrow = [\".venv\"]\n",
        ),
        (_, true, false) => ("pytest", r#"["python3", "-m", "pytest", "-v"]"#, "pytest", ""),
        (true, false, _) => (
            "unittest",
            r#"["python3", "-m", "unittest", "-v"]"#,
            "unittest",
            "",
        ),
        (false, false, _) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn what_is_recognised() {
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            (&[("README", "")], &[]),
            (&[("Cargo.toml", "")], &["cargo test --workspace --no-fail-fast"]),
            (
                &[("package.json", "{\"scripts\":{\"test\":\"x\"}}")],
                &["npm test --silent"],
            ),
            (
                &[
                    ("package.json", "{\"scripts\":{\"test\":\"x\"}}"),
                    ("pnpm-lock.yaml", ""),
                ],
                &["pnpm test"],
            ),
            (&[("package.json", "{}")], &[]),
            (&[("go.mod", ""), ("Makefile", "test:\n")], &["go test -v ./..."]),
            (
                &[("pyproject.toml", "pytest"), ("uv.lock", "")],
                &["uv run --offline pytest -v"],
            ),
            (&[("conftest.py", "")], &["python3 -m pytest -v"]),
            (&[("tests/test_a.py", "")], &["python3 -m unittest -v"]),
            (
                &[("conftest.py", ""), (".venv/bin/python", "")],
                &[".venv/bin/python -m pytest -v"],
            ),
            (
                &[("tests/test_a.py", ""), (".venv/bin/python", "")],
                &[".venv/bin/python -m unittest -v"],
            ),
            (&[("Makefile", "test: all\n")], &["make test"]),
            (&[("Makefile", "build:\n")], &[]),
            (&[("justfile", "test:\n")], &["just test"]),
            (
                &[("Cargo.toml", ""), ("go.mod", "")],
                &["cargo test --workspace --no-fail-fast", "go test -v ./..."],
            ),
        ];
        for (files, want) in cases {
            let names = files.iter().map(|(n, _)| (*n).to_owned()).collect();
            let read = |n: &str| files.iter().find(|(f, _)| *f == n).map(|(_, t)| (*t).to_owned());
            let text = propose(&names, read);
            let runs: Vec<String> = text.map_or(vec![], |t| {
                let policy = Policy::parse(&t).unwrap();
                policy.checks().values().map(|c| c.run.join(" ")).collect()
            });
            assert_eq!(runs, *want, "{files:?}");
        }
    }
}
