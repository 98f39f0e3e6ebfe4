//! What a write does to files, and what it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may"
)]

mod common;

use brisk_domain::HunkId;
use brisk_patch::NotText;
use brisk_worktree::{OpId, Repo, Which, WorktreeError};
use common::*;
use std::os::unix::fs::{MetadataExt, symlink};

#[test]
fn several_files_change_together_and_keep_what_is_theirs() {
    let p = Place::with(&[("run.sh", "a\nb\nc\n"), ("old.txt", "x\n"), ("dos.txt", "a\r\nb")]);
    p.mode("run.sh", 0o755);
    let before = p.root.join("run.sh").metadata().unwrap();
    let repo = p.open();
    let changes = vec![
        modify("run.sh", 0, "a\n", "A\n"),
        modify("run.sh", 2, "c\n", "c\nd\n"),
        modify("dos.txt", 1, "b", "B\r\nC"),
        create("new/deep/f.txt", "hello\n"),
        delete("old.txt", "x\n"),
    ];
    let done = write(&repo, 1, 1, changes).unwrap();
    assert_eq!(done.kept.len(), 5);
    assert!(done.conflicted.is_empty() && done.rebased.is_empty());
    assert_eq!(p.get("run.sh"), "A\nb\nc\nd\n");
    assert_eq!(p.get("dos.txt"), "a\r\nB\r\nC");
    assert_eq!(p.get("new/deep/f.txt"), "hello\n");
    assert!(!p.exists("old.txt"));
    let after = p.root.join("run.sh").metadata().unwrap();
    assert_eq!(after.mode(), before.mode());
    let time = |m: &std::fs::Metadata| (m.mtime(), m.mtime_nsec());
    assert!(time(&after) > time(&before), "the time of change moves on");
    assert!(
        p.tree()
            .keys()
            .all(|k| !k.contains(".brisk") && !k.contains("lock")),
        "nothing of ours stays"
    );
}

#[test]
fn changes_that_belong_together_are_written_all_or_none() {
    let p = Place::with(&[("a", "1\n"), ("there", "mine\n")]);
    let before = p.tree();
    let repo = p.open();
    let both = || vec![modify("a", 0, "1\n", "2\n"), create("there", "theirs\n")];
    let none = repo.write_whole(operation(1, 1, both())).unwrap();
    assert_eq!((none.op, none.kept.len(), none.conflicted.len()), (None, 0, 1));
    assert_eq!(none.conflicted[0].0, HunkId(2));
    assert_eq!(p.tree(), before);
    assert!(repo.log(1).unwrap().is_empty());
    std::fs::remove_file(p.root.join("there")).unwrap();
    let all = repo.write_whole(operation(1, 1, both())).unwrap();
    assert_eq!((all.kept.len(), all.conflicted.len()), (2, 0));
    assert_eq!(
        (p.get("a").as_str(), p.get("there").as_str()),
        ("2\n", "theirs\n")
    );
}

#[test]
fn it_is_known_what_is_in_effect() {
    let p = Place::with(&[("a", "1\n")]);
    let repo = p.open();
    let op = write(&repo, 1, 1, vec![modify("a", 0, "1\n", "2\n")])
        .unwrap()
        .op
        .unwrap();
    assert_eq!(repo.in_effect(op).unwrap(), Some(true));
    assert_eq!(repo.written_as("turn 1").unwrap(), Some(op));
    assert_eq!(repo.written_as("turn 2").unwrap(), None);
    repo.undo(Which::Last).unwrap();
    assert_eq!(repo.in_effect(op).unwrap(), Some(false));
    assert_eq!(repo.written_as("turn 1").unwrap(), None);
    repo.redo().unwrap();
    assert_eq!(repo.written_as("turn 1").unwrap(), Some(op));
    assert_eq!(repo.in_effect(OpId(99)).unwrap(), None);
}

#[test]
fn a_file_from_the_future_still_moves_on() {
    let p = Place::with(&[("a", "1\n")]);
    let file = std::fs::File::options()
        .write(true)
        .open(p.root.join("a"))
        .unwrap();
    let future = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    file.set_modified(future).unwrap();
    let before = p.root.join("a").metadata().unwrap().modified().unwrap();
    write(&p.open(), 1, 1, vec![modify("a", 0, "1\n", "2\n")]).unwrap();
    assert!(p.root.join("a").metadata().unwrap().modified().unwrap() > before);
}

#[test]
fn hunks_follow_the_persons_own_edits_or_say_conflicted() {
    let base = "1\n2\n3\n4\n5\n6\n7\n8\n";
    struct Case {
        now: &'static str,
        want: &'static str,
        kept: &'static [u64],
        rebased: &'static [u64],
    }
    // Hunk 1 changes line 3, hunk 2 adds a line after line 7.
    let cases = [
        Case {
            now: base,
            want: "1\n2\nX\n4\n5\n6\n7\nY\n8\n",
            kept: &[1, 2],
            rebased: &[],
        },
        Case {
            now: "0\n1\n2\n3\n4\n5\n6\n7\n8\n",
            want: "0\n1\n2\nX\n4\n5\n6\n7\nY\n8\n",
            kept: &[1, 2],
            rebased: &[1, 2],
        },
        Case {
            now: "1\n2\n3\n4\nmine\n6\n7\n8\n",
            want: "1\n2\nX\n4\nmine\n6\n7\nY\n8\n",
            kept: &[1, 2],
            rebased: &[],
        },
        Case {
            now: "1\n2\nmine\n4\n5\n6\n7\n8\n",
            want: "1\n2\nmine\n4\n5\n6\n7\nY\n8\n",
            kept: &[2],
            rebased: &[],
        },
        Case {
            now: "",
            want: "",
            kept: &[],
            rebased: &[],
        },
    ];
    for c in cases {
        let p = Place::with(&[("f", c.now)]);
        let repo = p.open();
        let mut op = operation(
            1,
            1,
            vec![modify("f", 2, "3\n", "X\n"), modify("f", 7, "", "Y\n")],
        );
        op.bases.insert("f".into(), text(base));
        let done = repo.write(op).unwrap();
        assert_eq!(p.get("f"), c.want);
        assert_eq!(
            (done.kept, done.rebased),
            (hunks(c.kept), hunks(c.rebased)),
            "{:?}",
            c.now
        );
        assert_eq!(done.conflicted.len(), 2 - c.kept.len());
        assert_eq!(done.op.is_some(), !c.kept.is_empty());
    }
}

#[test]
fn what_no_longer_fits_is_conflicted_and_the_rest_is_written() {
    let p = Place::with(&[
        ("a", "1\n"),
        ("here", "mine\n"),
        ("edited", "mine\n"),
        ("twice", "1\n2\n"),
    ]);
    let repo = p.open();
    let changes = vec![
        modify("gone", 0, "1\n", "2\n"),
        create("here", "x\n"),
        delete("edited", "old\n"),
        delete("never", "old\n"),
        modify("a", 0, "1\n", "2\n"),
        modify("twice", 0, "1\n2\n", "x\n"),
        modify("twice", 1, "2\n", "y\n"),
        modify("twice", 7, "2\n", "y\n"),
    ];
    let done = write(&repo, 1, 1, changes).unwrap();
    assert_eq!(done.kept, hunks(&[5, 6]));
    let mut ids: Vec<HunkId> = done.conflicted.iter().map(|(id, _)| *id).collect();
    ids.sort();
    assert_eq!(ids, hunks(&[1, 2, 3, 4, 7, 8]));
    assert!(done.conflicted.iter().all(|(_, why)| !why.is_empty()));
    assert_eq!(
        (p.get("a"), p.get("here"), p.get("edited"), p.get("twice")),
        ("2\n".into(), "mine\n".into(), "mine\n".into(), "x\n".into())
    );
}

type Right = fn(&WorktreeError) -> bool;

#[test]
fn a_refusal_names_the_file_and_changes_nothing() {
    let p = Place::with(&[
        ("ok", "1\n"),
        ("ro", "1\n"),
        ("shut/f", "1\n"),
        ("one", "1\n"),
        ("real", "1\n"),
        ("utf", ""),
    ]);
    std::fs::write(p.root.join("bin"), b"1\n\0").unwrap();
    std::fs::write(p.root.join("latin"), b"1\n\xe4").unwrap();
    std::fs::File::create(p.root.join("big"))
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    p.mode("ro", 0o444);
    std::fs::hard_link(p.root.join("one"), p.root.join("two")).unwrap();
    symlink("real", p.root.join("link")).unwrap();
    symlink("/tmp", p.root.join("out")).unwrap();
    symlink(".git", p.root.join("alias")).unwrap();
    p.mode("shut", 0o555);
    let repo = p.open();
    let before = p.tree();
    let cases: Vec<(&str, Right)> = vec![
        ("../evil", |e| matches!(e, WorktreeError::Outside { .. })),
        ("/etc/passwd", |e| matches!(e, WorktreeError::Outside { .. })),
        (".git/config", |e| matches!(e, WorktreeError::InGitDir { .. })),
        ("sub/.GIT/hooks/x", |e| {
            matches!(e, WorktreeError::InGitDir { .. })
        }),
        ("link", |e| matches!(e, WorktreeError::Symlink { .. })),
        ("out/x", |e| matches!(e, WorktreeError::Symlink { .. })),
        ("alias/config", |e| matches!(e, WorktreeError::Symlink { .. })),
        ("ro", |e| matches!(e, WorktreeError::ReadOnly { .. })),
        ("shut/f", |e| matches!(e, WorktreeError::ReadOnly { .. })),
        ("one", |e| matches!(e, WorktreeError::HardLinked { links: 2, .. })),
        ("big", |e| {
            matches!(
                e,
                WorktreeError::TooLarge {
                    bytes: 104_857_600,
                    ..
                }
            )
        }),
        ("bin", |e| {
            matches!(
                e,
                WorktreeError::NotText {
                    why: NotText::Binary { at: 2 },
                    ..
                }
            )
        }),
        ("latin", |e| {
            matches!(
                e,
                WorktreeError::NotText {
                    why: NotText::NotUtf8 { at: 2 },
                    ..
                }
            )
        }),
        ("shut", |e| matches!(e, WorktreeError::NotAFile { .. })),
    ];
    for (path, right) in cases {
        let changes = vec![modify("ok", 0, "1\n", "2\n"), modify(path, 0, "1\n", "2\n")];
        let e = write(&repo, 1, 1, changes).unwrap_err();
        assert!(right(&e), "{path}: {e:?}");
        let named = e.to_string();
        assert!(named.contains(path) || named.contains("shut is"), "{named}");
        let e = write(
            &repo,
            1,
            1,
            vec![modify("ok", 0, "1\n", "2\n"), create(path, "x\n")],
        );
        // A text that is there already is a conflict of that change alone.
        if !matches!(path, "ro" | "one" | "shut/f") {
            assert!(e.is_err(), "{path}");
        }
        assert_eq!(p.get("ok") == "1\n", e.is_err(), "{path}");
        p.put("ok", "1\n");
    }
    for path in ["shut/new", "shut/new/deep", "ok/below", "link/below", "out/new"] {
        assert!(write(&repo, 1, 1, vec![create(path, "x\n")]).is_err(), "{path}");
    }
    let mut after = p.tree();
    after.insert("ok".into(), before["ok"].clone());
    assert_eq!(after, before);
}

#[test]
fn reading_tells_why_not() {
    let p = Place::with(&[("a/b.txt", "1\n")]);
    symlink("a/b.txt", p.root.join("link")).unwrap();
    symlink("../state", p.root.join("out")).unwrap();
    let repo = p.open();
    let file = repo.read("link").unwrap();
    assert_eq!(
        (file.path.as_str(), file.text.joined().as_str(), file.stamp.size),
        ("a/b.txt", "1\n", 2)
    );
    assert_eq!(repo.read("a/b.txt").unwrap().stamp, file.stamp);
    assert!(matches!(repo.read("a/none"), Err(WorktreeError::Missing { .. })));
    assert!(matches!(repo.read("a"), Err(WorktreeError::NotAFile { .. })));
    assert!(matches!(repo.read("out/x"), Err(WorktreeError::Symlink { .. })));
    assert!(matches!(
        repo.read("../state"),
        Err(WorktreeError::Outside { .. })
    ));
    assert_eq!(repo.relative(&p.root.join("a"), "../link").unwrap(), "a/b.txt");
}

#[test]
fn one_daemon_per_repository_and_state_outside_of_it() {
    let p = Place::with(&[("sub/f", "1\n")]);
    let repo = Repo::open(&p.root.join("sub"), &p.state).unwrap();
    assert_eq!(repo.root(), p.root);
    assert!(matches!(
        Repo::open(&p.root, &p.state),
        Err(WorktreeError::Busy { .. })
    ));
    drop(repo);
    assert!(p.open().recovered().is_none());
    assert!(matches!(
        Repo::open(&p.root, &p.root.join("x/y")),
        Err(WorktreeError::StateInside { .. })
    ));
    let outside = p.root.parent().unwrap();
    assert!(matches!(
        Repo::open(outside, &p.state),
        Err(WorktreeError::NoRepository { .. })
    ));
    assert!(matches!(
        Repo::open(&outside.join("nowhere"), &p.state),
        Err(WorktreeError::NoRepository { .. })
    ));
}
