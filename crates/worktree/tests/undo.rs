//! Undo and redo: per hunk, turn and operation, over the person's own edits, across restarts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may"
)]

mod common;

use brisk_domain::{HunkId, SessionId, TurnId};
use brisk_worktree::{OpKind, Repo, Undone, Which, WorktreeError};
use common::*;

const S: SessionId = SessionId(1);

fn ids(u: &Undone) -> Vec<u64> {
    let mut v: Vec<u64> = u.hunks.iter().map(|t| t.hunk.0).collect();
    v.sort();
    v
}

fn nothing(r: Result<Undone, WorktreeError>) -> bool {
    matches!(r, Err(WorktreeError::Nothing { .. }))
}

#[test]
fn undo_is_unlimited_survives_restarts_and_comes_back() {
    let p = Place::with(&[("f", "0\n"), ("g", "keep\n")]);
    p.mode("g", 0o750);
    let mut states = vec![p.tree()];
    let mut repo = p.open();
    for i in 0..6u64 {
        let mut changes = vec![modify("f", 0, &format!("{i}\n"), &format!("{}\n", i + 1))];
        match i {
            1 => changes.push(create("new/a", "a\n")),
            3 => changes.push(delete("g", "keep\n")),
            4 => changes.push(modify("new/a", 1, "", "b\n")),
            _ => {}
        }
        write(&repo, i, i * 10, changes).unwrap();
        states.push(p.tree());
    }
    for round in 0..2 {
        for want in states.iter().rev().skip(1) {
            assert!(repo.undo(Which::Last).unwrap().conflicted.is_empty());
            assert_eq!(p.tree(), *want);
            drop(repo);
            repo = p.open();
        }
        assert!(nothing(repo.undo(Which::Last)));
        for want in &states[1..] {
            assert!(repo.redo().unwrap().conflicted.is_empty());
            assert_eq!(p.tree(), *want, "round {round}");
            drop(repo);
            repo = p.open();
        }
        assert!(nothing(repo.redo()));
    }
    assert_eq!(repo.log(100).unwrap().len(), 6 + 4 * 6);
}

#[test]
fn one_hunk_one_turn_or_one_operation_goes_out() {
    let start = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let p = Place::with(&[("f", start), ("g", "x\n")]);
    let repo = p.open();
    // Turn 1 writes twice, turn 2 in between; the second hunk of the first write shifts lines.
    let two = vec![
        modify("f", 1, "2\n", "two\n"),
        modify("f", 3, "4\n", "four\nfour\n"),
        modify("g", 0, "x\n", "y\n"),
    ];
    let first = write(&repo, 1, 1, two).unwrap().op.unwrap();
    write(&repo, 2, 10, vec![modify("f", 6, "6\n", "six\n")]).unwrap();
    write(&repo, 1, 20, vec![modify("f", 9, "9\n", "nine\n")]).unwrap();
    assert_eq!(p.get("f"), "1\ntwo\n3\nfour\nfour\n5\nsix\n7\n8\nnine\n");

    let u = repo.undo(Which::Hunk(S, HunkId(2))).unwrap();
    assert_eq!(
        (ids(&u), u.conflicted.len(), u.notes),
        (vec![2], 0, vec!["turn 1".to_owned()])
    );
    assert_eq!(p.get("f"), "1\ntwo\n3\n4\n5\nsix\n7\n8\nnine\n");
    assert!(nothing(repo.undo(Which::Hunk(S, HunkId(2)))), "it is out already");
    let hunk_undo = u.op.unwrap();

    let u = repo.undo(Which::Turn(S, TurnId(1))).unwrap();
    assert_eq!(ids(&u), [1, 3, 20]);
    assert_eq!(
        (p.get("f"), p.get("g")),
        ("1\n2\n3\n4\n5\nsix\n7\n8\n9\n".into(), "x\n".into())
    );
    assert!(nothing(repo.undo(Which::Op(first))));

    // An undo is undone by its name, whatever came since.
    let u = repo.undo(Which::Op(hunk_undo)).unwrap();
    assert_eq!(ids(&u), [2]);
    assert_eq!(p.get("f"), "1\n2\n3\nfour\nfour\n5\nsix\n7\n8\n9\n");
    assert_eq!(repo.redo().map(|u| ids(&u)).unwrap(), [1, 3, 20]);
    assert_eq!(p.get("f"), "1\ntwo\n3\nfour\nfour\n5\nsix\n7\n8\nnine\n");
    let u = repo.undo(Which::Op(first)).unwrap();
    assert_eq!(ids(&u), [1, 2, 3]);
    assert_eq!(p.get("f"), "1\n2\n3\n4\n5\nsix\n7\n8\nnine\n");

    let log = repo.log(3).unwrap();
    assert_eq!(log.len(), 3);
    assert_eq!(
        (log[0].kind, log[0].files.clone()),
        (OpKind::Undo, vec!["f".to_owned(), "g".to_owned()])
    );
    let kinds: Vec<(bool, (usize, usize))> = repo
        .log(100)
        .unwrap()
        .iter()
        .rev()
        .take(3)
        .map(|o| (matches!(o.kind, OpKind::Write { .. }), o.in_effect))
        .collect();
    assert_eq!(kinds, [(true, (0, 3)), (true, (1, 1)), (true, (1, 1))]);
    assert_eq!(repo.last_session().unwrap(), S);
    assert!(matches!(
        repo.undo(Which::Op(brisk_worktree::OpId(99))),
        Err(WorktreeError::UnknownOp { .. })
    ));
}

#[test]
fn the_persons_own_edits_stay() {
    let p = Place::with(&[("f", "1\n2\n3\n4\n5\n"), ("g", "1\n")]);
    let repo = p.open();
    let changes = vec![
        modify("f", 1, "2\n", "two\n"),
        modify("g", 0, "1\n", "one\n"),
        create("new", "n\n"),
    ];
    write(&repo, 1, 1, changes).unwrap();
    p.put("f", "0\n1\ntwo\n3\n4\n5\nmine\n");
    p.put("g", "mine\n");
    p.put("new", "n\nmine\n");
    let u = repo.undo(Which::Last).unwrap();
    let conflicted: Vec<&str> = u.conflicted.iter().map(|(t, _)| t.path.as_str()).collect();
    assert_eq!((ids(&u), conflicted), (vec![1], vec!["new", "g"]));
    assert_eq!(p.get("f"), "0\n1\n2\n3\n4\n5\nmine\n");
    assert_eq!((p.get("g"), p.get("new")), ("mine\n".into(), "n\nmine\n".into()));

    p.put("f", "0\n1\n2\n3\n4\nfive\nmine\n");
    assert_eq!(repo.redo().map(|u| ids(&u)).unwrap(), [1]);
    assert_eq!(p.get("f"), "0\n1\ntwo\n3\n4\nfive\nmine\n");

    // What could not go out is still in effect, and goes once the person made way.
    p.put("g", "one\n");
    std::fs::remove_file(p.root.join("f")).unwrap();
    let u = repo.undo(Which::Last).unwrap();
    assert_eq!((ids(&u), u.conflicted.len()), (vec![2], 2));
    assert_eq!(p.get("g"), "1\n");
    let u = repo.undo(Which::Last).unwrap();
    assert_eq!(
        (u.op, u.conflicted.len()),
        (None, 2),
        "nothing fits, nothing is written"
    );
}

#[test]
fn a_file_that_became_something_else_is_left_alone() {
    let p = Place::with(&[("f", "1\n"), ("g", "1\n"), ("h", "1\n")]);
    let repo = p.open();
    write(
        &repo,
        1,
        1,
        ["f", "g", "h"]
            .iter()
            .map(|f| modify(f, 0, "1\n", "2\n"))
            .collect(),
    )
    .unwrap();
    std::fs::write(p.root.join("f"), b"2\n\0").unwrap();
    std::fs::remove_file(p.root.join("g")).unwrap();
    std::os::unix::fs::symlink("h", p.root.join("g")).unwrap();
    let u = repo.undo(Which::Last).unwrap();
    assert_eq!((ids(&u), u.conflicted.len()), (vec![3], 2));
    assert_eq!(p.get("h"), "1\n");
}

#[test]
fn a_damaged_line_costs_itself_only() {
    let p = Place::with(&[("f", "1\n-\n2\n-\n3\n")]);
    let repo = p.open();
    for (i, (old, new)) in [("1\n", "a\n"), ("2\n", "b\n"), ("3\n", "c\n")]
        .into_iter()
        .enumerate()
    {
        write(&repo, 1, i as u64, vec![modify("f", i * 2, old, new)]).unwrap();
    }
    drop(repo);
    let log = std::fs::read_dir(p.state.join("repos"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("log.jsonl");
    let text = std::fs::read_to_string(&log)
        .unwrap()
        .replacen("\"op\":2", "\"op\":7", 1);
    std::fs::write(&log, text + "{\"sum\":\"torn").unwrap();
    let repo: Repo = p.open();
    assert_eq!(repo.recovered().map(|r| r.damaged_lines), Some(1));
    let u = repo.undo(Which::Turn(S, TurnId(1))).unwrap();
    assert_eq!(ids(&u), [0, 2]);
    assert_eq!(p.get("f"), "1\n-\nb\n-\n3\n");
}
