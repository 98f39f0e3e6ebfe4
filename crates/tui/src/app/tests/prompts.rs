//! From what is typed to what is asked.

use super::*;

#[test]
fn a_prompt_is_sent_with_its_places() {
    let cases: &[(&str, &str, &[&str], Intent)] = &[
        ("fix it", "fix it", &[], Intent::Edit),
        (
            "fix @shop.py:subtotal now",
            "fix @shop.py:subtotal now",
            &["shop.py:subtotal"],
            Intent::Edit,
        ),
        (
            "fix @src/a, and @b.rs:10-20.",
            "fix @src/a, and @b.rs:10-20.",
            &["src/a", "b.rs:10-20"],
            Intent::Edit,
        ),
        (
            "@shop.py:subtotal: round it",
            "@shop.py:subtotal: round it",
            &["shop.py:subtotal"],
            Intent::Edit,
        ),
        ("add @property to it", "add @property to it", &[], Intent::Edit),
        ("mail a@b.c", "mail a@b.c", &[], Intent::Edit),
        ("/ask why @shop.py", "why @shop.py", &["shop.py"], Intent::Ask),
        ("/edit /etc is wrong", "/etc is wrong", &[], Intent::Edit),
    ];
    for (typed, text, targets, intent) in cases {
        let mut w = world();
        w.app.composer.set(typed);
        w.key(Enter);
        let calls = w.calls();
        let [Call::Prompt { text: t, extras, .. }] = &calls[..] else {
            panic!("{typed}: {calls:?}")
        };
        assert_eq!(
            (t.as_str(), &extras.targets[..], extras.intent),
            (
                *text,
                &targets.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()[..],
                *intent
            ),
            "{typed}"
        );
        assert!(!extras.auto_keep);
    }
}

#[test]
fn enter_during_a_turn_steers_and_tab_queues() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    assert_eq!(w.prompts(), ["one"]);
    w.write("later");
    w.key(Tab);
    w.write("other");
    w.key(Enter);
    assert_eq!(w.prompts(), ["other"]);
    w.ended(
        1,
        StopReason::Cancelled {
            cause: CancelReason::Steered,
        },
        0,
    );
    // The steer's own turn comes first; the queue waits for its end.
    assert_eq!(w.prompts(), Vec::<String>::new());
    w.begun(2, "other");
    w.ended(2, StopReason::EndTurn, 0);
    assert_eq!(w.prompts(), ["later"]);
    assert!(w.app.queue.is_empty());
}

#[test]
fn the_queue_is_edited_and_waits_after_a_stop() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    for text in ["two", "three"] {
        w.write(text);
        w.key(Tab);
    }
    w.key(Up);
    assert_eq!(w.text(), "three");
    w.key(Ctrl('u'));
    w.key(Esc);
    assert_eq!(w.calls().last(), Some(&Call::Cancel));
    w.ended(1, interrupted(), 0);
    assert_eq!(w.prompts(), Vec::<String>::new());
    w.key(Enter);
    assert_eq!(w.prompts(), ["two"]);
}

#[test]
fn esc_stops_first_whatever_is_open_and_twice_discards() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.calls();
    w.write("/he");
    assert!(w.app.menu.is_some());
    w.key(Esc);
    assert_eq!(w.calls(), [Call::Cancel]);
    assert_eq!(w.text(), "/he", "what is written stays");
    w.ready(1, 1, 4, &["a"], &["b"]);
    w.ended(1, interrupted(), 1);
    assert_eq!(w.calls(), []);
    w.now += 100_000;
    w.key(Esc);
    assert_eq!(w.calls(), [Call::Reject(HunkSet::All)]);

    // Both keys before the daemon has answered.
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.ready(1, 1, 4, &["a"], &["b"]);
    w.calls();
    w.key(Esc);
    w.key(Esc);
    w.ended(1, interrupted(), 1);
    assert_eq!(w.calls(), [Call::Cancel, Call::Reject(HunkSet::All)]);
}

#[test]
fn a_refused_prompt_is_back_in_the_composer() {
    let mut w = world();
    w.write("fix @nope.py");
    w.key(Enter);
    w.reply(Reply::Prompt {
        number: 1,
        outcome: Err("there is no file nope.py".into()),
    });
    assert_eq!(w.printed(), "there is no file nope.py");
    assert!(w.app.live.is_none());
    assert!(w.text().contains("nope.py"), "{}", w.text());
}

#[test]
fn words_of_an_answer_are_printed_by_lines() {
    let mut w = world();
    w.app.composer.set("/ask why");
    w.key(Enter);
    w.begun(1, "why");
    w.printed();
    for text in ["It ", "is\nso.\nBe", "cause"] {
        w.event(Event::Prose {
            turn: TurnId(1),
            text: text.into(),
        });
    }
    assert_eq!(w.printed(), "It is\nso.");
    assert_eq!(w.app.live.as_ref().unwrap().prose.row(), "Because");
    w.ended(1, StopReason::EndTurn, 0);
    assert_eq!(w.printed(), "Because");
}

/// What is above never changes, and a word that no longer fits moves as one: in the scrollback and in the pane.
#[test]
fn words_of_an_answer_are_broken_at_spaces_and_code_is_not() {
    let told = |plain, columns| {
        let mut w = World::unconnected(Setup {
            plain,
            rows: 24,
            columns,
            ..Setup::default()
        });
        w.connect(1, 0);
        w.begun(1, "why");
        w.printed();
        let mut seen = Vec::new();
        for text in [
            "It adds the numbers of all it",
            "ems. So\n```\nlet total = items",
            ".sum_of_all();\n```\n",
        ] {
            w.event(Event::Prose {
                turn: TurnId(1),
                text: text.into(),
            });
            let size = crate::Size {
                columns: 24,
                rows: 10,
            };
            let frame = crate::frame(&w.app, size);
            let pane: String = frame.cells.content.iter().map(|c| c.symbol()).collect();
            seen.push((w.printed(), pane));
        }
        seen
    };
    let rows = told(false, 24);
    assert_eq!(rows[0].0, "It adds the numbers of");
    assert!(rows[0].1.contains("all it"), "{rows:?}");
    assert_eq!(rows[1].0, "all items. So\n```");
    assert_eq!(rows[2].0, "let total = items.sum_of_all();\n```");
    let text: Vec<String> = told(true, 24).into_iter().map(|(printed, _)| printed).collect();
    assert_eq!(
        text,
        [
            "",
            "It adds the numbers of all items. So\n```",
            "let total = items.sum_of_all();\n```"
        ]
    );
}

#[test]
fn places_and_commands_are_completed() {
    let mut w = world();
    w.write("fix @sh");
    assert_eq!(w.calls().last(), Some(&Call::Complete { query: "sh".into() }));
    let item = |t: &str| Completion {
        target: t.into(),
        detail: String::new(),
    };
    // An answer for what is no longer there.
    w.reply(Reply::Completed {
        query: "s".into(),
        items: vec![item("old")],
    });
    assert!(w.app.menu.is_none());
    w.reply(Reply::Completed {
        query: "sh".into(),
        items: vec![item("shop.py"), item("Makefile")],
    });
    w.key(Key::Down);
    w.key(Tab);
    assert_eq!(w.text(), "fix @Makefile ");
    w.key(Enter);
    let calls = w.calls();
    let path = "Makefile".to_owned();
    assert!(calls.contains(&Call::Warm { path }));
    assert!(
        matches!(&calls[..], [.., Call::Prompt { extras, .. }] if extras.targets == ["Makefile"]),
        "{calls:?}"
    );

    // What is written whole is sent; another choice is taken.
    let cases: &[(&str, &[Key], &str)] = &[
        ("@a.py:run", &[Enter], ""),
        ("@a.py:Two.run", &[Enter], ""),
        ("@a.py:run", &[Key::Down, Enter], "@a.py:Two.run "),
        ("@a.py:ru", &[Enter], "@a.py:One.run "),
        ("@a.py:1-9", &[Enter], ""),
        ("@a.py:1-", &[Enter], "@a.py:One.run "),
    ];
    for (word, keys, text) in cases {
        let mut w = world();
        w.write(word);
        w.reply(Reply::Completed {
            query: word[1..].into(),
            items: vec![item("a.py:One.run"), item("a.py:Two.run")],
        });
        keys.iter().for_each(|k| w.key(*k));
        assert_eq!(w.text(), *text, "{word} {keys:?}");
    }

    // A menu that is still there for an earlier word completes it, and never puts another one in its place.
    for (rest, text) in [("9", ""), ("2", ""), ("", "@a.py:1-20 ")] {
        let mut w = world();
        w.write("@a.py:1-");
        w.reply(Reply::Completed {
            query: "a.py:1-".into(),
            items: vec![item("a.py:1-20")],
        });
        w.write(rest);
        w.key(Enter);
        assert_eq!(w.text(), text, "{rest}");
    }

    let mut w = world();
    w.write("/red");
    w.key(Enter);
    assert_eq!(w.calls(), [Call::Redo]);
    assert_eq!(w.text(), "");
}

#[test]
fn tab_sends_nothing_where_no_turn_runs() {
    let mut w = world();
    w.write("fix @nowhere");
    w.calls();
    w.key(Tab);
    assert_eq!((w.calls(), w.text().as_str()), (vec![], "fix @nowhere"));
    assert!(w.app.hint.as_ref().is_some_and(|h| h.contains("Enter sends")));
}

#[test]
fn a_command_in_the_history_opens_no_menu() {
    let mut w = world();
    for text in ["/vi", "/vi", "/log", "one more"] {
        w.app.composer.set(text);
        w.app.composer.take();
    }
    for want in ["one more", "/log", "/vi"] {
        w.key(Up);
        assert_eq!((w.text().as_str(), w.app.menu.is_none()), (want, true));
    }
}

#[test]
fn a_model_that_is_not_there_is_not_chosen() {
    let models = || {
        let text = r#"{"models": [{"id": "tiny", "state": "loaded", "source": "embedded", "ready": true}]}"#;
        Reply::Models(Ok(serde_json::from_str(text).unwrap()))
    };
    let tiny = || Some(ModelId("tiny".into()));
    for (asked, chosen, told) in [
        ("nope", None, "there is no model nope; these are there:\ntiny"),
        ("tiny", tiny(), "model: tiny"),
    ] {
        let mut w = world();
        w.app.composer.set(&format!("/model {asked}"));
        w.key(Enter);
        assert_eq!(w.calls(), [Call::Models]);
        w.reply(models());
        assert_eq!(w.app.model, chosen);
        assert!(w.printed().starts_with(told), "{asked}");
        // Alone it says what is chosen and what there is, and changes nothing; its own word takes it back.
        w.write("/model ");
        w.key(Enter);
        assert_eq!(w.calls(), [Call::Models]);
        w.reply(models());
        let printed = w.printed();
        let now = chosen.as_ref().map_or("as Brisk chooses", |m| m.0.as_str());
        assert!(
            printed.starts_with(&format!("model: {now}; to choose: /model ID, or auto"))
                && printed.contains("\ntiny"),
            "{printed}"
        );
        assert_eq!(w.app.model, chosen);
        w.write("/model auto");
        w.key(Enter);
        assert_eq!((w.app.model.clone(), w.calls()), (None, vec![]));
    }
}

#[test]
fn nothing_is_ever_run() {
    let mut w = world();
    w.write("!rm -rf /");
    w.key(Enter);
    assert_eq!(w.calls(), []);
    assert!(w.printed().contains("not run: rm -rf /"));
    w.write("/frobnicate");
    w.key(Enter);
    assert_eq!(w.calls(), []);
    assert!(w.printed().contains("no command /frobnicate"));
}

#[test]
fn a_failure_is_told_and_holds_the_queue() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.write("two");
    w.key(Tab);
    w.calls();
    w.ended(
        1,
        StopReason::Failed {
            failure: Failure::Upstream,
            message: "tiny could not be reached".into(),
        },
        0,
    );
    assert!(w.printed().contains("tiny could not be reached"));
    assert_eq!(w.calls(), []);
    assert!(w.app.held);
}

#[test]
fn who_names_no_place_is_told_where_it_goes() {
    let place = "place: shop.py:4-8 (symbol subtotal)";
    for (text, told) in [("round it", true), ("round it @shop.py:subtotal", false)] {
        let mut w = world();
        w.app.composer.set(text);
        w.key(Enter);
        w.begun(1, text);
        let printed = w.printed();
        assert_eq!(printed.ends_with(place), told, "{printed}");
    }
}
