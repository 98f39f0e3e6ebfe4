//! Searches over a repository of 100,000 files, warm. Prints one JSON object a line: `what`, and `us`, microseconds of
//! each run. `cargo bench -p brisk-worktree --bench search`

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use brisk_worktree::{Needle, Shadow};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

const FILES: usize = 100_000;
const LINES: usize = 30;
const RUNS: usize = 40;

/// Lines that a search of delegated work finds at most.
const HITS: usize = 40;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let top = tempfile::tempdir()?;
    let (root, state) = (top.path().join("repo"), top.path().join("state"));
    std::fs::create_dir_all(root.join(".git"))?;
    for i in 0..FILES {
        let folder = root.join(format!("part{}/src/mod{}", i % 40, i / 40 % 50));
        std::fs::create_dir_all(&folder)?;
        let mut text = String::new();
        for line in 0..LINES {
            writeln!(
                text,
                "    let value_{line} = compute({i}, {line}).unwrap_or_default();"
            )?;
        }
        if i == FILES - 1 {
            text.push_str("fn the_needle() {}\n");
        }
        std::fs::write(folder.join(format!("file{i}.rs")), text)?;
    }
    let mut shadow = Shadow::open(&root, &state)?;
    let tree = shadow.tree()?;
    let base = shadow.base(&tree)?;
    let none = BTreeMap::new();
    let first = Instant::now();
    let found = shadow.search(&base, &none, &Needle::text("the_needle")?, "", HITS);
    println!(
        "{{\"what\":\"cold, once for a tree\",\"us\":[{}]}}",
        first.elapsed().as_micros()
    );
    if found.lines.len() != 1 {
        return Err(format!("one line holds it: {found:?}").into());
    }
    for (what, needle, hits) in [
        ("a word of every file", Needle::text("unwrap_or_default")?, HITS),
        ("a word of one file", Needle::text("the_needle")?, 1),
        ("a word of no file", Needle::text("nobody_wrote_this")?, 0),
        ("an expression", Needle::pattern(r"fn \w+_needle\(")?, 1),
    ] {
        let mut us = Vec::new();
        for _ in 0..RUNS {
            let begun = Instant::now();
            let found = shadow.search(&base, &none, &needle, "", HITS);
            us.push(begun.elapsed().as_micros());
            if found.lines.len() != hits {
                return Err(format!("{what}: {} lines", found.lines.len()).into());
            }
        }
        println!("{{\"what\":\"{what}\",\"us\":{us:?}}}");
    }
    Ok(())
}
