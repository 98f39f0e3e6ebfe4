//! Files that decide how tests run, or which tests there are: whole files, and parts of manifests.

use super::Change;
use toml::{Table, Value};

/// Files that are nothing but settings of a runner, by name.
const SETTINGS: &[&str] = &[
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "tox.ini",
    "noxfile.py",
    "sitecustomize.py",
    "usercustomize.py",
    "Makefile",
    "makefile",
    "GNUmakefile",
    "justfile",
    "Justfile",
    ".justfile",
    "nextest.toml",
    ".mocharc.json",
    ".mocharc.js",
    ".mocharc.cjs",
    ".mocharc.yml",
    ".mocharc.yaml",
    "rust-toolchain",
    "rust-toolchain.toml",
    ".npmrc",
    ".pnpmfile.cjs",
    ".taprc",
    "bunfig.toml",
    "deno.json",
    "deno.jsonc",
    "setup.py",
    "build.rs",
];

/// Beginnings of such names.
const SETTINGS_OF: &[&str] = &[
    "jest.config.",
    "vitest.config.",
    "vitest.workspace.",
    "vite.config.",
    "babel.config.",
    ".babelrc",
    "karma.conf.",
    "ava.config.",
    "playwright.config.",
    "cypress.config.",
];

/// Why a change is one of how tests run.
pub(super) fn runner(change: &Change) -> Option<String> {
    let path = change.path.as_str();
    let name = path.rsplit('/').next().unwrap_or(path);
    let in_cargo = path.starts_with(".cargo/") || path.contains("/.cargo/");
    if SETTINGS.contains(&name) || SETTINGS_OF.iter().any(|s| name.starts_with(s)) {
        return Some("decides how tests are run or counted".to_owned());
    }
    if in_cargo {
        return Some("can change what cargo runs (`runner`, `rustflags`, aliases)".to_owned());
    }
    let differs = |look: fn(&str) -> Vec<String>, what: &str| {
        let now = change.after.as_deref().map(look).unwrap_or_default();
        let then = change.before.as_deref().map(look).unwrap_or_default();
        (now != then).then(|| what.to_owned())
    };
    match name {
        "Cargo.toml" => differs(cargo, "changes which tests cargo builds and runs"),
        "pyproject.toml" => differs(pyproject, "changes the settings of pytest"),
        "setup.cfg" => differs(setup_cfg, "changes the settings of pytest"),
        "package.json" => differs(package, "changes its scripts or the settings of a test runner"),
        _ => None,
    }
}

/// The parts of a manifest that decide which tests there are. What cannot be read is a part of its own, so that
/// breaking it shows.
fn cargo(text: &str) -> Vec<String> {
    let Ok(table) = text.parse::<Table>() else {
        return vec![text.to_owned()];
    };
    let mut out = Vec::new();
    let target = |kind: &str, v: &Value| -> Option<String> {
        let table = v.as_table()?;
        let keys = ["name", "path", "test", "harness", "doctest", "required-features"];
        let mut parts: Vec<String> = keys
            .iter()
            .filter_map(|k| Some(format!("{k}={}", table.get(*k)?)))
            .collect();
        // A name and a path alone add a target; only tests count by being there.
        if !matches!(kind, "test" | "bench") && !keys.iter().skip(2).any(|k| table.contains_key(*k)) {
            parts.clear();
        }
        (!parts.is_empty()).then(|| format!("{kind} {}", parts.join(" ")))
    };
    for kind in ["lib", "bin", "test", "bench", "example"] {
        match table.get(kind) {
            Some(Value::Array(all)) => out.extend(all.iter().filter_map(|v| target(kind, v))),
            Some(one) => out.extend(target(kind, one)),
            None => {}
        }
    }
    let package = table.get("package").and_then(Value::as_table);
    for key in ["autotests", "autobins", "autobenches", "build"] {
        out.extend(package.and_then(|p| Some(format!("{key} {}", p.get(key)?))));
    }
    let workspace = table.get("workspace").and_then(Value::as_table);
    for key in ["members", "exclude", "default-members"] {
        out.extend(workspace.and_then(|p| Some(format!("{key} {}", p.get(key)?))));
    }
    out
}

fn pyproject(text: &str) -> Vec<String> {
    let Ok(table) = text.parse::<Table>() else {
        return vec![text.to_owned()];
    };
    let tool = table.get("tool").and_then(Value::as_table);
    ["pytest", "tox", "nox", "coverage"]
        .iter()
        .filter_map(|k| Some(format!("{k} {}", tool?.get(*k)?)))
        .collect()
}

/// The lines of every section that has to do with tests.
fn setup_cfg(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut out = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with('[') {
            inside = line.contains("pytest") || line.contains("tox");
        }
        if inside {
            out.push(line.to_owned());
        }
    }
    out
}

fn package(text: &str) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return vec![text.to_owned()];
    };
    ["scripts", "jest", "mocha", "ava", "vitest", "tap", "c8", "nyc"]
        .iter()
        .filter_map(|k| Some(format!("{k} {}", value.get(*k)?)))
        .collect()
}
