//! Places for a target that the person has begun to type: files by fuzzy match, and in a file its symbols and lines.

use super::hub::Hub;
use brisk_lanes::place::symbols_of;
use brisk_patch::{Language, SymbolKind};
use brisk_protocol::{CompleteRequest, Completion, ErrorBody};
use brisk_worktree::Repo;
// The matcher of an editor that people type into all day: case by case, boundaries and gaps weighed.
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use std::path::Path;
use std::sync::Arc;

/// Files beyond this number are not looked at.
const MAX_FILES: usize = 50_000;
/// More are never answered.
const MAX_ITEMS: usize = 200;

/// Answers a request; reads the repository, so not on a thread that others wait for.
pub(crate) async fn complete(hub: &Arc<Hub>, request: CompleteRequest) -> Result<Vec<Completion>, ErrorBody> {
    let repo = hub.repo(&request.cwd).await?;
    let found = tokio::task::spawn_blocking(move || {
        places(&repo, &request.cwd, &request.query, request.limit.min(MAX_ITEMS))
    });
    Ok(found.await.unwrap_or_default())
}

fn places(repo: &Repo, cwd: &Path, query: &str, limit: usize) -> Vec<Completion> {
    match query.split_once(':') {
        Some((file, part)) => inside(repo, cwd, file, part, limit),
        None => files(repo, cwd, query, limit),
    }
}

/// Files below the working folder by their path there, others of the repository not at all: targets are relative to it.
fn files(repo: &Repo, cwd: &Path, query: &str, limit: usize) -> Vec<Completion> {
    let prefix = below(repo, cwd);
    let all = repo.files(MAX_FILES);
    let names = all.iter().filter_map(|f| f.strip_prefix(prefix.as_str()));
    let prose = |name: &&str| Language::of_path(name).is_none();
    best(
        query,
        names,
        |name| *name,
        prose,
        Config::DEFAULT.match_paths(),
        limit,
    )
    .into_iter()
    .map(|name| Completion {
        target: name.to_owned(),
        detail: String::new(),
    })
    .collect()
}

/// The working folder below the root, with a slash at its end; empty at the root.
fn below(repo: &Repo, cwd: &Path) -> String {
    let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    let relative = cwd.strip_prefix(repo.root()).ok().and_then(Path::to_str);
    relative
        .filter(|r| !r.is_empty())
        .map_or_else(String::new, |r| format!("{r}/"))
}

/// The file that has this name, where no other has it: people name a file without its folder.
fn only(repo: &Repo, cwd: &Path, name: &str) -> Option<String> {
    let prefix = below(repo, cwd);
    let end = format!("/{name}");
    let all = repo.files(MAX_FILES);
    let mut found = all
        .iter()
        .filter_map(|f| f.strip_prefix(prefix.as_str()))
        .filter(|f| f.ends_with(&end));
    let first = found.next()?;
    found.next().is_none().then(|| first.to_owned())
}

/// What is in a file: its symbols, or lines where a number is begun.
fn inside(repo: &Repo, cwd: &Path, file: &str, part: &str, limit: usize) -> Vec<Completion> {
    let read = |file: &str| {
        let path = repo.relative(cwd, file).ok()?;
        Some((repo.read(&path).ok()?.text, path))
    };
    let (text, path, file) = match read(file) {
        Some((text, path)) => (text, path, file.to_owned()),
        None => match only(repo, cwd, file).and_then(|file| Some((read(&file)?, file))) {
            Some(((text, path), file)) => (text, path, file),
            None => return Vec::new(),
        },
    };
    let symbols = symbols_of(&path, &text);
    let place = |range: &std::ops::Range<usize>| format!("lines {}-{}", range.start + 1, range.end);
    if let Some(first) = part.split('-').next().and_then(|n| n.parse::<usize>().ok()) {
        let around = symbols
            .iter()
            .filter(|s| s.lines.contains(&first.saturating_sub(1)));
        let smallest = around.min_by_key(|s| s.lines.len());
        return smallest
            .map(|s| Completion {
                target: format!("{file}:{}-{}", s.lines.start + 1, s.lines.end),
                detail: s.qualified(),
            })
            .into_iter()
            .collect();
    }
    best(
        part,
        symbols.iter(),
        |s| s.name.as_str(),
        |_| false,
        Config::DEFAULT,
        limit,
    )
    .into_iter()
    .map(|s| {
        // An `impl` block is named by its head, which has blanks in it: its lines are a target that can be typed.
        let name = match s.kind {
            SymbolKind::Impl => format!("{}-{}", s.lines.start + 1, s.lines.end),
            SymbolKind::Function
            | SymbolKind::Method
            | SymbolKind::Type
            | SymbolKind::Interface
            | SymbolKind::Module
            | SymbolKind::Constant
            | SymbolKind::Macro => s.qualified(),
        };
        Completion {
            target: format!("{file}:{name}"),
            detail: format!("{}, {}", s.name, place(&s.lines)),
        }
    })
    .collect()
}

/// The items whose names fit, best first; all of them in their order when nothing is typed.
fn best<T>(
    query: &str,
    items: impl Iterator<Item = T>,
    name: impl Fn(&T) -> &str,
    later: impl Fn(&T) -> bool,
    config: Config,
    limit: usize,
) -> Vec<T> {
    if query.is_empty() {
        return items.take(limit).collect();
    }
    let pattern = Pattern::new(query, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy);
    let mut matcher = Matcher::new(config);
    let mut letters = Vec::new();
    let mut scored: Vec<(u32, usize, T)> = items
        .enumerate()
        .filter_map(|(n, item)| {
            let score = pattern.score(Utf32Str::new(name(&item), &mut letters), &mut matcher)?;
            Some((score, n, item))
        })
        .collect();
    // Among equals what is not for later, then the shorter name, then the earlier one.
    scored.sort_by(|a, b| {
        let rank = |i: &(u32, usize, T)| (later(&i.2), name(&i.2).len(), i.1);
        b.0.cmp(&a.0).then_with(|| rank(a).cmp(&rank(b)))
    });
    scored.into_iter().take(limit).map(|(_, _, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_testkit::fixture;

    #[test]
    fn places_fit_what_was_typed() {
        let dir = fixture::repo(&[
            ("src/shop.py", "def subtotal(items):\n    return 1\n\n\nclass Cart:\n    def total(self):\n        return 2\n"),
            ("src/shell.rs", "impl Foo for Bar {\n    fn go() {}\n}\n"),
            ("docs/shop.md", "# shop\n"),
            ("till.md", "# till\n"),
            ("src/deep/till.rs", "fn ring() {}\n"),
            (".gitignore", "target/\n"),
            ("target/shop.py", "x = 1\n"),
        ])
        .unwrap();
        let state = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let repo = Repo::open(&root, state.path()).unwrap();
        let cases: &[(&str, &str, &[&str])] = &[
            ("", "shop", &["src/shop.py", "docs/shop.md"]),
            ("", "sspy", &["src/shop.py"]),
            ("", "zzz", &[]),
            ("src", "", &["deep/till.rs", "shell.rs", "shop.py"]),
            // Code first, where both fit as well.
            ("", "till", &["src/deep/till.rs", "till.md"]),
            // A name without its folder, where one file has it.
            ("", "till.rs:", &["src/deep/till.rs:ring"]),
            ("src", "till.rs:ri", &["deep/till.rs:ring"]),
            ("", "nope.rs:", &[]),
            (
                "",
                "src/shop.py:",
                &[
                    "src/shop.py:subtotal",
                    "src/shop.py:Cart",
                    "src/shop.py:Cart.total",
                ],
            ),
            ("", "src/shop.py:sub", &["src/shop.py:subtotal"]),
            (
                "",
                "src/shop.py:tot",
                &["src/shop.py:Cart.total", "src/shop.py:subtotal"],
            ),
            ("", "src/shop.py:6", &["src/shop.py:6-7"]),
            ("", "src/shell.rs:Foo", &["src/shell.rs:1-3"]),
            ("", "missing.py:x", &[]),
        ];
        for (cwd, query, want) in cases {
            let got = places(&repo, &root.join(cwd), query, 10);
            let got: Vec<&str> = got.iter().map(|c| c.target.as_str()).collect();
            assert_eq!(got, *want, "{query:?} in {cwd:?}");
        }
    }
}
