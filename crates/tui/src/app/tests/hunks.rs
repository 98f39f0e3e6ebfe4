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
        (&[Char('s'), Char('n')], &[]),
        (&[Char('i'), Char('n')], &[]),
    ];
    for (keys, want) in cases {
        let mut w = world();
        w.offered();
        for key in *keys {
            w.key(*key);
            w.pause();
        }
        assert_eq!(w.calls(), *want, "{keys:?}");
    }
    // Decisions in a row wait for nothing but the last one's pause.
    let mut w = world();
    w.offered();
    w.write("nn");
    w.pause();
    assert_eq!(w.calls(), [Call::Reject(ids(&[1])), Call::Reject(ids(&[2]))]);
}

/// An offer, or what is left of one: something was kept, or undone.
fn before(moment: &str) -> World {
    let mut w = world();
    w.offered();
    if moment != "offered" {
        w.key(Enter);
        w.reply(Reply::Decided {
            asked: HunkSet::All,
            outcome: Ok(Decided {
                kept: vec![HunkId(1), HunkId(2)],
                ..Decided::default()
            }),
        });
        w.app.after = if moment == "kept" {
            After::Kept
        } else {
            After::Undone
        };
    }
    w.calls();
    w
}

#[test]
fn a_word_that_begins_with_a_command_is_a_word() {
    let words: &[(&str, &[&str])] = &[
        (
            "offered",
            &[
                "no, multiply",
                "next",
                "explain why",
                "what is it",
                "why",
                "extract it",
                "keep the name",
                "know",
                "join them",
                "yes but",
                "instead",
                "if empty",
                "in C",
                "x is wrong",
                "y is wrong",
            ],
        ),
        ("kept", &["use sha256", "undo that", "update it", "upper"]),
        ("undone", &["rename it", "return early", "remove it", "use it"]),
    ];
    for (moment, words) in words {
        for word in *words {
            let mut w = before(moment);
            w.key(Char('j'));
            w.pause();
            if *moment != "offered" {
                w.key(Key::Backspace);
            }
            let chosen = w.app.selected;
            for c in word.chars() {
                w.key(Char(c));
                w.now += 150_000;
            }
            w.pause();
            assert_eq!((w.text().as_str(), w.calls()), (*word, vec![]), "{moment}");
            assert_eq!(w.app.selected, chosen, "{word}");
            assert!(!w.acts.iter().any(|a| matches!(a, Act::Edit { .. })), "{word}");
        }
    }
    // `i` begins to write. Typed on at once it is a letter where that makes a word, and what follows it is none that
    // requests begin with.
    let begun: &[(&str, &str)] = &[
        ("ino, multiply", "no, multiply"),
        ("iuse round", "use round"),
        ("inever mind", "never mind"),
        ("iNow round", "Now round"),
        ("idon't round", "don't round"),
        ("ideal with None", "ideal with None"),
        ("idx is wrong", "idx is wrong"),
        ("isinstance, not type", "isinstance, not type"),
        ("impl Display", "impl Display"),
        ("iter.next()", "iter.next()"),
        ("img", "img"),
        ("isEmpty()", "isEmpty()"),
        ("isort it", "isort it"),
        ("iadd() too", "iadd() too"),
        ("ich will", "ich will"),
        ("i18n", "i18n"),
        ("i/o errors", "i/o errors"),
        ("i = 0", "i = 0"),
        ("iinsert a check", "insert a check"),
        ("insert a check", "insert a check"),
        ("init it", "init it"),
        ("i think so", "i think so"),
        ("i'd round", "i'd round"),
        ("i@shop.py:total round", "@shop.py:total round"),
        ("i/ask why", "/ask why"),
        ("i3 more", "i3 more"),
        ("item_price is wrong", "item_price is wrong"),
        ("irow_count is off", "irow_count is off"),
        ("iqueue2 is off", "iqueue2 is off"),
        ("imax is wrong", "imax is wrong"),
        ("imaximize it", "maximize it"),
        ("is it?", "is it?"),
        // Words of no list: with the letter they would be none.
        ("ipaginate it", "paginate it"),
        ("inormalize names", "normalize names"),
        ("imap the names", "imap the names"),
        ("icache it", "cache it"),
        ("iencode the name", "encode the name"),
        ("inest them", "nest them"),
        ("i\u{fc}berall runden", "\u{fc}berall runden"),
        ("icon is wrong", "icon is wrong"),
        ("iconfigure it", "configure it"),
        ("itemize them", "itemize them"),
        ("iterate twice", "iterate twice"),
        ("identify it", "identify it"),
        ("idempotent, please", "idempotent, please"),
        ("iValue is wrong", "iValue is wrong"),
        ("iOS only", "iOS only"),
        ("isolate it", "isolate it"),
        ("improve it", "improve it"),
        ("invalid names", "invalid names"),
        ("irrelevant", "irrelevant"),
        ("issubset", "issubset"),
    ];
    for (typed, text) in begun {
        let mut w = before("offered");
        for c in typed.chars() {
            w.key(Char(c));
            w.now += 30_000;
        }
        assert_eq!(w.text(), *text, "{typed}");
        w.key(Enter);
        assert_eq!((w.prompts().len(), w.text().as_str()), (1, ""), "{typed}");
    }
    // Sent in the middle of a word; and wiped again.
    for (typed, sent) in [("ins", "ins"), ("if", "if"), ("in", "in"), ("ino", "no")] {
        let mut w = before("offered");
        w.write(typed);
        w.key(Enter);
        assert_eq!(w.prompts(), [sent]);
    }
    let mut w = before("offered");
    w.write("in");
    w.key(Key::Backspace);
    w.write("use it");
    assert_eq!(w.text(), "use it");
    // vi's keys: it is its own key, too, and so is a word that begins with a command.
    for (typed, text) in [
        ("inow round", "now round"),
        ("idx", "idx"),
        ("no, halve", "no, halve"),
    ] {
        let mut w = before("offered");
        w.app.composer.toggle_vi();
        w.key(Esc);
        assert_eq!(w.app.composer.vi(), Some("NORMAL"));
        w.write(typed);
        assert_eq!((w.text().as_str(), w.app.composer.vi()), (text, Some("INSERT")));
    }
    // A pause after it: it was the key, whatever follows.
    let mut w = before("offered");
    w.key(Char('i'));
    w.pause();
    w.write("f");
    assert_eq!((w.text().as_str(), w.calls()), ("f", vec![]));
    let mut w = before("offered");
    w.key(Char('i'));
    w.input(Input::Typed(Typed::Paste("not this".into())));
    assert_eq!(w.text(), "not this");
    // A paste goes on with what was typed, too.
    let mut w = before("offered");
    w.key(Char('n'));
    w.input(Input::Typed(Typed::Paste("ot this".into())));
    w.pause();
    assert_eq!((w.text().as_str(), w.calls()), ("not this", vec![]));
}

#[test]
fn a_command_letter_is_taken_back_or_done_at_once() {
    for key in [Esc, Key::Backspace, Ctrl('c')] {
        let mut w = before("offered");
        w.key(Char('x'));
        w.key(key);
        w.pause();
        assert_eq!((w.calls(), w.text().as_str()), (vec![], ""), "{key:?}");
        assert_eq!(w.app.book.offered().count(), 2);
    }
    // Enter does not wait, and means nothing more: the other hunk is not kept with it.
    let mut w = before("offered");
    w.key(Char('n'));
    w.key(Enter);
    assert_eq!(w.calls(), [Call::Reject(ids(&[1]))]);
    assert_eq!(w.app.due(), None);
    // Another key comes after it.
    let mut w = before("offered");
    w.key(Char('n'));
    w.key(Key::Down);
    assert_eq!(w.calls(), [Call::Reject(ids(&[1]))]);
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
            missing: vec![],
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
    w.pause();
    assert_eq!(w.calls(), [Call::Undo]);
    w.reply(Reply::Undone(Ok(UndoReply {
        op: Some(2),
        notes: vec![format!("fix it {}", "and more ".repeat(20))],
        files: vec!["shop.py".into()],
        conflicts: vec![],
    })));
    let printed = w.printed();
    assert!(
        printed.starts_with("undone: fix it and more") && printed.ends_with("(shop.py); r brings it back"),
        "{printed}"
    );
    assert!(printed.len() < 120, "{printed}");
    w.key(Char('r'));
    w.pause();
    assert!(w.calls().contains(&Call::Redo));
    // A command is no text: what it was about is still there.
    for command in ["/vi", "/vi", "/verify", "/lane"] {
        w.app.composer.set(command);
        w.key(Enter);
    }
    w.reply(Reply::Verified {
        run: 1,
        outcome: Err("no policy is confirmed here".into()),
    });
    w.calls();
    w.key(Char('u'));
    w.pause();
    assert_eq!(w.calls(), [Call::Undo]);
    // Once something is typed, letters are letters.
    w.write("x");
    w.key(Key::Backspace);
    w.key(Char('u'));
    w.pause();
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
    // Key, with a finished hunk or without, call. Without one there is nothing to keep and nothing to reject.
    let cases: &[(Key, bool, &[Call])] = &[
        (Char('g'), true, &[Call::RaiseBudget]),
        (Char('g'), false, &[Call::RaiseBudget]),
        (Enter, true, &[Call::Keep(HunkSet::All)]),
        (Enter, false, &[]),
        (Char('x'), true, &[Call::Reject(HunkSet::All)]),
        (Char('x'), false, &[]),
        (Esc, true, &[Call::Cancel]),
        (Esc, false, &[Call::Cancel]),
    ];
    for (key, finished, want) in cases {
        let mut w = world();
        w.write("one");
        w.key(Enter);
        w.begun(1, "one");
        if *finished {
            w.ready(1, 1, 4, &["    total = 0"], &["    total = 1"]);
        }
        w.at_budget();
        w.calls();
        w.key(*key);
        w.pause();
        assert_eq!(w.calls(), *want, "{key:?}, finished: {finished}");
    }
}

#[test]
fn a_hunk_is_edited_by_hand() {
    let mut w = world();
    w.offered();
    w.key(Char('e'));
    w.pause();
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
    // What was there before: nothing would change.
    w.input(Input::Edited(purpose, Ok("    total = 0\n".into())));
    assert_eq!(w.calls(), [Call::Reject(ids(&[1]))]);
    w.printed();
    w.input(Input::Edited(purpose, Err("no vi here".into())));
    assert_eq!(w.printed(), "no vi here");
}

#[test]
fn a_pure_deletion_is_edited_from_an_empty_text() {
    let purpose = Purpose::Hunk(HunkId(1));
    let cases: &[(&str, &[&str])] = &[("", &[]), ("\n", &[""]), ("pass\n", &["pass"])];
    for (text, added) in cases {
        let mut w = world();
        w.begun(1, "less");
        w.ready(1, 1, 4, &["    total = 0"], &[]);
        w.ended(1, StopReason::EndTurn, 1);
        w.calls();
        w.printed();
        w.key(Char('e'));
        w.pause();
        assert!(
            matches!(&w.acts[..], [Act::Edit { text, .. }] if text.is_empty()),
            "{:?}",
            w.acts
        );
        w.input(Input::Edited(purpose, Ok((*text).into())));
        let added: Vec<String> = added.iter().map(|l| (*l).to_owned()).collect();
        let amend = Call::Amend {
            hunk: HunkId(1),
            added,
        };
        let want = if text.is_empty() { vec![] } else { vec![amend] };
        assert_eq!(w.calls(), want, "{text:?}");
    }
}

#[test]
fn what_the_person_wrote_for_a_hunk_is_never_lost() {
    type Happens = fn(&mut World);
    let edited: Happens = |w| {
        let text = Ok("    total = 2\n".into());
        w.input(Input::Edited(Purpose::Hunk(HunkId(1)), text));
    };
    let withdrawn: Happens = |w| {
        w.changed(
            1,
            HunkState::Withdrawn {
                why: "a turn began".into(),
            },
        );
    };
    let taken: Happens = |w| w.ready(1, 1, 4, &["    total = 0"], &["    total = 2"]);
    let refused: Happens = |w| w.reply(Reply::Done(Err("no".into())));
    let lost: Happens = |w| w.input(Input::Lost);
    let cases: &[(&str, &[Happens], bool)] = &[
        ("gone before", &[withdrawn, edited], true),
        ("gone on the way", &[edited, withdrawn], true),
        ("refused", &[edited, refused], true),
        ("lost on the way", &[edited, lost], true),
        ("lost before", &[lost, edited], true),
        ("taken", &[edited, taken, withdrawn], false),
    ];
    for (name, happens, back) in cases {
        for written in ["", "half"] {
            let mut w = world();
            w.offered();
            w.key(Char('e'));
            w.pause();
            w.app.composer.set(written);
            happens.iter().for_each(|h| h(&mut w));
            assert_eq!(w.printed().contains("what you wrote"), *back, "{name}");
            if *back && !written.is_empty() {
                assert_eq!(w.text(), written, "{name}");
                w.key(Ctrl('p'));
            }
            let want = if *back { "    total = 2" } else { written };
            assert_eq!(w.text(), want, "{name} {written:?}");
        }
    }
}

#[test]
fn a_question_mark_helps_and_w_explains_wherever_they_are_pressed() {
    let mut w = before("offered");
    w.key(Char('?'));
    assert!(w.app.help);
    w.key(Char('?'));
    assert!(!w.app.help);
    assert_eq!((w.calls(), w.text().as_str()), (vec![], ""));
    w.key(Char('j'));
    w.pause();
    w.key(Char('w'));
    assert_eq!(w.calls(), [], "it may be a word");
    w.pause();
    let calls = w.calls();
    let [Call::Prompt { text, extras, .. }] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert!(text.starts_with("Explain this change in shop.py:12"), "{text}");
    assert_eq!(
        (extras.intent, &extras.targets[..]),
        (Intent::Ask, &["shop.py".to_owned()][..])
    );
    assert_eq!(w.app.book.offered().count(), 2);
}
