//! Trees of the worktree: the ones that git itself would make, and nothing of the person's touched.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may"
)]

mod common;

use brisk_worktree::{Delta, TreeId, WorktreeError};
use common::*;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

fn sample() -> Place {
    let p = Place::with(&[
        ("a/b/one.txt", "one\n"),
        ("a-b/two", "two\n"),
        ("a.txt", "three\n"),
        ("run.sh", "#!/bin/sh\n"),
        ("dos", "x\r\n"),
        (".gitignore", "*.log\n"),
        ("keep.log", "log\n"),
    ]);
    p.mode("run.sh", 0o755);
    symlink("a.txt", p.root.join("link")).unwrap();
    p
}

fn git(dir: &Path, args: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(dir)
        .args(["-c", "core.autocrlf=false"])
        .args(args);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    let out = git.output().ok()?;
    assert!(
        out.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    Some(String::from_utf8(out.stdout).unwrap().trim().to_owned())
}

#[test]
fn a_tree_has_the_name_that_git_gives_it() {
    let p = sample();
    let before = p.tree();
    // Made once by `git write-tree` over the same files.
    assert_eq!(
        p.open().snapshot().unwrap().0,
        "efd4cc0e19f3c35fba2fb06d882344040ecc00bd"
    );
    assert_eq!(p.tree(), before);
}

#[test]
fn git_reads_the_tree_and_what_is_tracked_counts_even_if_ignored() {
    let p = sample();
    if git(&p.root, &["init", "-q", "."]).is_none() {
        println!("skipped, there is no git program here");
        return;
    }
    git(&p.root, &["config", "core.fsmonitor", "false-and-never-run"]);
    git(&p.root, &["add", "-A"]);
    git(&p.root, &["add", "-f", "keep.log"]);
    let want = git(&p.root, &["write-tree"]).unwrap();
    let before = p.tree();
    let repo = p.open();
    let tree = repo.snapshot().unwrap();
    assert_eq!(tree.0, want);
    assert_eq!(
        p.tree(),
        before,
        "index, objects, refs and configuration are as they were"
    );
    assert!(repo.files(100).contains(&"keep.log".to_owned()));
    let shadow = std::fs::read_dir(p.state.join("repos"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("shadow.git");
    let names = git(&shadow, &["ls-tree", "-r", "--name-only", &tree.0]).unwrap();
    assert_eq!(names.lines().count(), 8);
    assert_eq!(git(&shadow, &["show", &format!("{tree}:dos")]).unwrap(), "x");
    git(&shadow, &["fsck", "--no-dangling", "--strict"]);
}

#[test]
fn every_change_shows_however_fast_and_its_undoing_too() {
    let p = sample();
    let repo = p.open();
    let first = repo.snapshot().unwrap();
    let mut seen = vec![first.clone()];
    // Same size, same moment: times alone would not tell.
    for i in 0..20 {
        p.put("a.txt", &format!("th{i:02}e\n"));
        let tree = repo.snapshot().unwrap();
        assert!(!seen.contains(&tree), "change {i}");
        seen.push(tree);
    }
    p.put("a.txt", "three\n");
    assert_eq!(repo.snapshot().unwrap(), first);
    drop(repo);
    assert_eq!(p.open().snapshot().unwrap(), first);
}

#[test]
fn differences_are_told_by_path() {
    let p = sample();
    let repo = p.open();
    let tree = repo.snapshot().unwrap();
    assert_eq!(repo.diff_since(&tree).unwrap(), []);
    p.put("new/deep", "n\n");
    p.put("a/b/one.txt", "changed\n");
    p.put("ignored.log", "x\n");
    p.mode("run.sh", 0o644);
    std::fs::remove_file(p.root.join("a-b/two")).unwrap();
    std::fs::remove_file(p.root.join("link")).unwrap();
    symlink("dos", p.root.join("link")).unwrap();
    let found: Vec<(String, Delta)> = repo
        .diff_since(&tree)
        .unwrap()
        .into_iter()
        .map(|d| (d.path, d.delta))
        .collect();
    let want = [
        ("a-b/two", Delta::Deleted),
        ("a/b/one.txt", Delta::Modified),
        ("link", Delta::Modified),
        ("new/deep", Delta::Added),
        ("run.sh", Delta::Modified),
    ];
    assert_eq!(found, want.map(|(p, d)| (p.to_owned(), d)));
    for unknown in ["", "zz", "0123456789012345678901234567890123456789"] {
        let e = repo.diff_since(&TreeId(unknown.into()));
        assert!(matches!(e, Err(WorktreeError::UnknownTree { .. })), "{unknown:?}");
    }
}

#[test]
fn a_write_and_its_undo_come_back_to_the_same_tree() {
    let p = sample();
    let repo = p.open();
    let before = repo.snapshot().unwrap();
    write(
        &repo,
        1,
        1,
        vec![
            modify("a.txt", 0, "three\n", "3\n"),
            create("x/y", "\n"),
            delete("dos", "x\r\n"),
        ],
    )
    .unwrap();
    let after = repo.snapshot().unwrap();
    assert_ne!(before, after);
    repo.undo(brisk_worktree::Which::Last).unwrap();
    assert_eq!(repo.snapshot().unwrap(), before);
    repo.redo().unwrap();
    assert_eq!(repo.snapshot().unwrap(), after);
}

#[test]
fn odd_things_in_a_worktree_do_no_harm() {
    use std::os::unix::ffi::OsStrExt;
    let p = sample();
    let repo = p.open();
    let tree = repo.snapshot().unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, p.root.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    std::fs::create_dir(p.root.join("empty")).unwrap();
    p.put("nested/.git/HEAD", "ref: x\n");
    p.put("nested/file", "x\n");
    assert_eq!(repo.snapshot().unwrap(), tree);
    std::fs::write(p.root.join(std::ffi::OsStr::from_bytes(b"bad-\xff")), "x").unwrap();
    std::fs::File::create(p.root.join("huge"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    symlink("/etc/shadow", p.root.join("out")).unwrap();
    let found: Vec<String> = repo
        .diff_since(&tree)
        .unwrap()
        .into_iter()
        .map(|d| d.path)
        .collect();
    assert_eq!(found, ["bad-\u{fffd}", "huge", "out"]);
    assert_eq!(repo.snapshot().unwrap(), repo.snapshot().unwrap());
}
