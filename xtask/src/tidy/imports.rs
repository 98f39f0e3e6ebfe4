//! Who may import whom: the table of ARCHITECTURE.md as a constant, against the manifests.

use super::Finding;
use serde::Deserialize;

/// What a crate may import.
enum May {
    /// These crates of ours.
    Import(&'static [&'static str]),
    /// All of them.
    All,
}

/// One line per crate, without the `brisk-` of its package. A new line or a new word here is a matter for review.
const TABLE: &[(&str, May)] = &[
    ("patch", May::Import(&[])),
    ("domain", May::Import(&["patch"])),
    ("protocol", May::Import(&["domain"])),
    ("router", May::Import(&["domain"])),
    ("gate", May::Import(&["domain"])),
    ("lanes", May::Import(&["domain", "patch", "router", "gate"])),
    ("providers", May::Import(&["domain", "protocol"])),
    ("llama", May::Import(&["domain", "protocol"])),
    ("worktree", May::Import(&["patch", "domain", "gate"])),
    ("sandbox", May::Import(&["domain"])),
    ("store", May::Import(&["domain", "protocol"])),
    (
        "gateway",
        May::Import(&["domain", "protocol", "router", "providers", "store"]),
    ),
    ("tui", May::Import(&["protocol", "patch"])),
    ("eval", May::Import(&["protocol", "patch"])),
    ("testkit", May::Import(&["domain"])),
    ("brisk", May::All),
    ("xtask", May::All),
];

/// Only tests may import it.
const DEV_ONLY: &str = "testkit";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Absent for a normal one.
    kind: Option<String>,
    /// Present for a crate of ours.
    path: Option<String>,
}

fn short(package: &str) -> &str {
    package.strip_prefix("brisk-").unwrap_or(package)
}

fn row(name: &str) -> Option<&'static May> {
    TABLE
        .iter()
        .find(|(crate_, _)| *crate_ == name)
        .map(|(_, may)| may)
}

/// Every edge that the table does not have.
pub(super) fn check(metadata: &str) -> anyhow::Result<Vec<Finding>> {
    let metadata: Metadata = serde_json::from_str(metadata)?;
    let mut found = Vec::new();
    for package in &metadata.packages {
        let from = short(&package.name);
        let place = match from {
            "xtask" => "xtask/Cargo.toml".to_owned(),
            _ => format!("crates/{from}/Cargo.toml"),
        };
        let Some(may) = row(from) else {
            found.push(Finding::error(
                &place,
                0,
                format!("the crate {from} has no line in the table of xtask/src/tidy/imports.rs"),
            ));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.path.is_some()) {
            let to = short(&dependency.name);
            let dev = dependency.kind.as_deref() == Some("dev");
            let wrong = if row(to).is_none() {
                Some("it has no line in the table of xtask/src/tidy/imports.rs")
            } else if to == DEV_ONLY {
                (!dev).then_some("it is for tests only")
            } else {
                match may {
                    May::All => None,
                    May::Import(list) if list.contains(&to) => None,
                    May::Import(_) => Some("the table in xtask/src/tidy/imports.rs has no such edge"),
                }
            };
            if let Some(why) = wrong {
                found.push(Finding::error(
                    &place,
                    0,
                    format!("{from} may not import {to}: {why}"),
                ));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `edges`: importing package, imported package, kind.
    fn findings(edges: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        let packages: Vec<_> = edges
            .iter()
            .map(|(from, to, kind)| {
                serde_json::json!({"name": from, "dependencies": [
                    {"name": to, "kind": kind, "path": "/x"},
                    {"name": "serde", "kind": null},
                ]})
            })
            .collect();
        let found = check(&serde_json::json!({ "packages": packages }).to_string()).unwrap();
        found.into_iter().map(|f| f.message).collect()
    }

    #[test]
    fn edges() {
        let good = [
            ("brisk-lanes", "brisk-router", None),
            ("brisk-worktree", "brisk-domain", None),
            ("brisk-providers", "brisk-testkit", Some("dev")),
            ("brisk-domain", "brisk-patch", Some("dev")),
            ("brisk", "brisk-llama", None),
            ("brisk", "brisk-testkit", Some("dev")),
            ("xtask", "brisk-sandbox", None),
        ];
        assert_eq!(findings(&good), Vec::<String>::new());
        let bad = [
            (
                ("brisk-patch", "brisk-domain", None),
                "patch may not import domain",
            ),
            (
                ("brisk-patch", "brisk-domain", Some("dev")),
                "patch may not import domain",
            ),
            (("brisk-eval", "brisk-lanes", None), "eval may not import lanes"),
            (
                ("brisk-store", "brisk-llama", Some("build")),
                "store may not import llama",
            ),
            (("brisk", "brisk-testkit", None), "brisk may not import testkit"),
            (("brisk-lanes", "brisk-core", None), "lanes may not import core"),
            (("brisk-core", "brisk-domain", None), "the crate core has no line"),
        ];
        for (edge, want) in bad {
            let found = findings(&[edge]);
            assert!(
                found.len() == 1 && found[0].starts_with(want),
                "{edge:?}: {found:?}"
            );
        }
    }

    #[test]
    fn the_table_has_no_circle() {
        // Every crate imports only crates whose depth is known already; the loop ends when no depth is added.
        let mut known: Vec<&str> = Vec::new();
        loop {
            let next = TABLE.iter().find(|(name, may)| {
                !known.contains(name)
                    && match may {
                        May::All => true,
                        May::Import(list) => list.iter().all(|to| known.contains(to)),
                    }
            });
            match next {
                Some((name, _)) => known.push(name),
                None => break,
            }
        }
        assert_eq!(known.len(), TABLE.len(), "{known:?}");
    }
}
