//! Decisions about hunks.

use super::*;

#[test]
fn single_keys_decide_about_hunks() {
    let cases: &[(&[Key], &[Call])] = &[
        (&[Enter], &[Call::Keep(HunkSet::All)]),
        (&[Char('x')], &[Call::Reject(HunkSet::All)]),
        (&[Char('y')], &[Call::Keep(ids(&[1]))]),
        (&[Char('j'), Char(' ')], &[Call::Keep(ids(&[2]))]),
        (
            &[Char('j'), Char('j'), Char('k'), Char('n')],
            &[Call::Reject(ids(&[1]))],
        ),
        (
            &[Char('n'), Char('n')],
            &[Call::Reject(ids(&[1])), Call::Reject(ids(&[2]))],
        ),
        // Another key types, and then every key does.
        (&[Char('w'), Char('n')], &[]),
        (&[Char('i'), Char('n')], &[]),
    ];
    for (keys, want) in cases {
        let mut w = world();
        w.offered();
        keys.iter().for_each(|k| w.key(*k));
        assert_eq!(w.calls(), *want, "{keys:?}");
    }
    let mut w = world();
    w.offered();
    w.write("in");
    assert_eq!(w.text(), "n");
}

#[test]
fn what_was_kept_is_told_and_can_be_taken_back() {
    let mut w = world();
    w.offered();
    w.key(Enter);
    w.changed(1, HunkState::Kept);
    w.changed(
        2,
        HunkState::Conflicted {
            why: "the file changed".into(),
        },
    );
    w.reply(Reply::Decided {
        asked: HunkSet::All,
        outcome: Ok(Decided {
            kept: vec![HunkId(1)],
            rejected: vec![],
            conflicted: vec![(HunkId(2), "the file changed".into())],
        }),
    });
    let printed = w.printed();
    for want in [
        "shop.py:5 kept\n-    total = 0\n+    total = 1",
        "shop.py:12 not kept: the file changed",
        "kept 1 hunk (+1 -1)",
    ] {
        assert!(printed.contains(want), "{want}: {printed}");
    }
    w.calls();
    w.key(Char('u'));
    assert_eq!(w.calls(), [Call::Undo]);
    w.reply(Reply::Undone(Ok(UndoReply {
        op: Some(2),
        notes: vec!["fix it".into()],
        files: vec!["shop.py".into()],
        conflicts: vec![],
    })));
    assert!(w.printed().contains("undone: fix it (shop.py)"));
    w.key(Char('r'));
    assert!(w.calls().contains(&Call::Redo));
    // Once something is typed, letters are letters.
    w.write("x");
    w.key(Key::Backspace);
    w.key(Char('u'));
    assert_eq!((w.text().as_str(), w.calls().contains(&Call::Undo)), ("u", false));
}

#[test]
fn a_hunk_nobody_answers_for_is_taken_away() {
    let mut w = world();
    w.offered();
    w.key(Enter);
    w.reply(Reply::Decided {
        asked: HunkSet::All,
        outcome: Ok(Decided::default()),
    });
    assert!(w.printed().contains("withdrawn: it is no longer on offer"));
    assert!(!w.app.book.is_offering());
    // A refusal leaves them on offer.
    let mut w = world();
    w.offered();
    w.key(Enter);
    w.reply(Reply::Decided {
        asked: HunkSet::All,
        outcome: Err("disk full".into()),
    });
    assert_eq!(w.printed(), "disk full");
    assert_eq!(w.app.book.offered().count(), 2);
}

#[test]
fn the_budget_asks() {
    let cases: &[(Key, Call)] = &[
        (Char('g'), Call::RaiseBudget),
        (Enter, Call::Keep(HunkSet::All)),
        (Char('x'), Call::Reject(HunkSet::All)),
        (Esc, Call::Cancel),
    ];
    for (key, want) in cases {
        let mut w = world();
        w.write("one");
        w.key(Enter);
        w.begun(1, "one");
        w.event(Event::BudgetReached {
            turn: TurnId(1),
            lines: 90,
            max_lines: 80,
        });
        w.calls();
        w.key(*key);
        assert_eq!(w.calls(), std::slice::from_ref(want), "{key:?}");
    }
}

#[test]
fn a_hunk_is_edited_by_hand() {
    let mut w = world();
    w.offered();
    w.key(Char('e'));
    assert!(
        matches!(&w.acts[..], [Act::Edit { purpose: Purpose::Hunk(HunkId(1)), text, suffix }]
            if text == "    total = 1\n" && suffix == "-shop.py")
    );
    let purpose = Purpose::Hunk(HunkId(1));
    w.input(Input::Edited(purpose, Ok("    total = 1\n".into())));
    assert_eq!(w.calls(), [], "nothing was changed");
    w.input(Input::Edited(purpose, Ok("    total = 2\n".into())));
    let added = vec!["    total = 2".to_owned()];
    assert_eq!(
        w.calls(),
        [Call::Amend {
            hunk: HunkId(1),
            added
        }]
    );
    w.input(Input::Edited(purpose, Err("no vi here".into())));
    assert_eq!(w.printed(), "no vi here");
}
