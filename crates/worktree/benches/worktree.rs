//! Prints how long snapshots of 2,000 files and writes of one file take. `cargo bench -p brisk-worktree`

use brisk_domain::{HunkId, SessionId, TurnId};
use brisk_patch::{Change, Hunk};
use brisk_worktree::{Operation, Repo, Which};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const FILES: usize = 2_000;
const LINES: usize = 80;
const RUNS: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let top = tempfile::tempdir()?;
    let (root, state) = (top.path().join("repo"), top.path().join("state"));
    std::fs::create_dir_all(root.join(".git"))?;
    for i in 0..FILES {
        let dir = root.join(format!("crate{}/src/part{}", i % 20, i / 20 % 10));
        std::fs::create_dir_all(&dir)?;
        let body: String = (0..LINES)
            .map(|l| format!("let value_{l} = compute({i}, {l});\n"))
            .collect();
        std::fs::write(dir.join(format!("file{i}.rs")), body)?;
    }
    let repo = Repo::open(&root, &state)?;
    let timed = |what: &str, f: &dyn Fn() -> Result<(), Box<dyn std::error::Error>>, runs: usize| {
        let mut times = Vec::new();
        for _ in 0..runs {
            let start = Instant::now();
            f()?;
            times.push(start.elapsed());
        }
        report(what, times);
        Ok::<(), Box<dyn std::error::Error>>(())
    };
    timed(
        &format!("tree of {FILES} files, cold"),
        &|| Ok(repo.snapshot().map(|_| ())?),
        1,
    )?;
    // The first snapshot met files that were written a moment before, and does not trust their times.
    timed(
        "tree, files just written",
        &|| Ok(repo.snapshot().map(|_| ())?),
        1,
    )?;
    timed("tree, warm", &|| Ok(repo.snapshot().map(|_| ())?), 50)?;
    timed(
        "list of files",
        &|| {
            (repo.files(usize::MAX).len() == FILES)
                .then_some(())
                .ok_or_else(|| "files are missing".into())
        },
        50,
    )?;
    drop(repo);
    let open = Instant::now();
    let repo = Repo::open(&root, &state)?;
    report("open", vec![open.elapsed()]);
    timed(
        "tree, first of a new process",
        &|| Ok(repo.snapshot().map(|_| ())?),
        1,
    )?;

    let mut writes = Vec::new();
    for i in 0..RUNS {
        let path = format!("crate0/src/part0/file{}.rs", 0);
        let old = repo.read(&path)?.text.lines()[40].clone();
        let hunk = Hunk {
            at: 40,
            old: vec![old],
            new: vec![format!("let changed = {i};\n")],
        };
        let op = Operation {
            session: SessionId(1),
            turn: TurnId(i as u64),
            changes: vec![(HunkId(i as u64), Change::Modify { path, hunk })],
            bases: BTreeMap::new(),
            note: "bench".into(),
        };
        let start = Instant::now();
        repo.write(op)?;
        writes.push(start.elapsed());
    }
    report("write of one file", writes);
    timed("undo", &|| Ok(repo.undo(Which::Last).map(|_| ())?), RUNS)?;
    timed("tree after a write", &|| Ok(repo.snapshot().map(|_| ())?), 1)?;
    raw_sync(top.path())
}

/// What one sync costs on this disk, to read the writes by: one of one file takes eight.
fn raw_sync(dir: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Write;
    let mut file = std::fs::File::create(dir.join("sync"))?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        file.write_all(&[b'x'; 300])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    report("one append and sync alone", times);
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the purpose of a bench")]
fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |q: usize| times[(times.len() - 1) * q / 100].as_secs_f64() * 1e3;
    println!(
        "{what:32} p50 {:8.2} ms   p99 {:8.2} ms   n {}",
        at(50),
        at(99),
        times.len()
    );
}
