//! Connections, drafts, sessions, modes.

use super::*;

#[test]
fn a_daemon_that_dies_gives_the_prompt_back() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.ready(1, 1, 4, &["a"], &["b"]);
    w.calls();
    w.input(Input::Lost);
    assert!(w.printed().contains("connection to the daemon is lost"));
    // What is written meanwhile is not lost either.
    w.write("two");
    w.key(Enter);
    let last = w.seq;
    w.connect(2, last);
    let calls = w.calls();
    assert_eq!(calls.first(), Some(&Call::Resume { from: last + 1 }));
    let printed = w.printed();
    assert!(
        printed.contains("its prompt is back") && printed.contains("withdrawn"),
        "{printed}"
    );
    assert_eq!(w.text(), "one");
    // The end that the new daemon writes for it says nothing more.
    w.ended(
        1,
        StopReason::Cancelled {
            cause: CancelReason::Shutdown,
        },
        0,
    );
    assert!(!w.printed().contains("the daemon is going"));
    assert!(w.app.hint.as_ref().is_some_and(|h| h.contains("up arrow")));
    assert!(
        calls
            .iter()
            .any(|c| matches!(c, Call::Prompt { text, .. } if text == "two"))
            || w.app.queue.iter().any(|q| q.text == "two")
    );

    // The same daemon: the turn goes on.
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.input(Input::Lost);
    let last = w.seq;
    w.connect(1, last);
    assert!(w.app.live.is_some());
    assert_eq!(w.text(), "");
}

#[test]
fn a_place_is_not_lost_with_its_prompt() {
    // Queued and taken back.
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.write("two in @shop.py:3-9 ");
    w.key(Tab);
    w.key(Up);
    assert_eq!(w.text(), "two in @shop.py:3-9");
    // Queued, for the next start; a question stays one.
    w.key(Tab);
    w.app.composer.set("/ask why @shop.py");
    w.key(Tab);
    w.input(Input::Hangup);
    let saved = w.acts.iter().rev().find_map(|a| {
        let Act::Save(draft) = a else { return None };
        Some(draft.clone())
    });
    let mut next = World::unconnected(Setup {
        draft: saved,
        ..Setup::default()
    });
    let queued: Vec<_> = next.app.queue.drain(..).map(|w| (w.targets, w.intent)).collect();
    assert_eq!(
        queued,
        [
            (vec!["shop.py:3-9".to_owned()], Intent::Edit),
            (vec!["shop.py".to_owned()], Intent::Ask)
        ]
    );
    // The daemon died.
    let mut w = world();
    w.write("one in @shop.py:3-9 ");
    w.key(Enter);
    w.begun(1, "one in @shop.py:3-9");
    w.input(Input::Lost);
    let last = w.seq;
    w.connect(2, last);
    assert_eq!(w.text(), "one in @shop.py:3-9");
}

#[test]
fn what_a_dead_daemon_offered_is_not_on_offer_later() {
    // The log of a session: one turn with hunks, then one of the daemon that took it over; or of the same daemon.
    for (next, offered) in [(None, 0), (Some(2), 2)] {
        let mut w = world();
        w.offered();
        let next = next.unwrap_or(w.seq + 1);
        w.begun(next, "more");
        w.ended(next, StopReason::EndTurn, 0);
        assert_eq!(w.app.book.offered().count(), offered, "turn {next}");
        assert_eq!(w.printed().contains("withdrawn"), offered == 0, "turn {next}");
    }
}

#[test]
fn a_request_that_failed_is_there_to_be_mended() {
    let failed = || StopReason::Failed {
        failure: Failure::Target,
        message: "symbol Signer has 191 lines".into(),
    };
    let sent = || {
        let mut w = world();
        w.write("shorten @signer.py:Signer");
        w.key(Esc);
        w.key(Enter);
        w.begun(1, "shorten @signer.py:Signer");
        w
    };
    let mut w = sent();
    w.ended(1, failed(), 0);
    assert_eq!(w.text(), "shorten @signer.py:Signer");
    // How a place is named here, the daemon does not know.
    assert!(w.app.hint.as_ref().is_some_and(|h| h.contains("@file:symbol")));
    // Not over what is written, and not where keys are for hunks.
    let mut w = sent();
    w.write("half");
    w.ended(1, failed(), 0);
    assert_eq!(w.text(), "half");
    let mut w = sent();
    w.ready(1, 1, 4, &["a"], &["b"]);
    w.ended(1, failed(), 1);
    assert_eq!(w.text(), "");
}

#[test]
fn events_come_once_and_a_long_past_is_cut() {
    let mut w = World::unconnected(Setup {
        rows: 10,
        ..Setup::default()
    });
    w.connect(1, 3_000);
    assert_eq!(w.calls().first(), Some(&Call::Resume { from: 2_001 }));
    w.seq = 2_000;
    for turn in 0..500 {
        w.event(Event::TurnStarted {
            turn: TurnId(turn),
            text: format!("prompt {turn}"),
        });
        w.ended(turn, StopReason::EndTurn, 0);
    }
    let printed = w.printed();
    assert!(
        printed.contains("prompt 499") && !printed.contains("prompt 400"),
        "{printed}"
    );
    assert!(printed.lines().count() <= 21, "{printed}");
    w.seq -= 1;
    w.ended(499, StopReason::EndTurn, 0);
    assert_eq!(w.printed(), "", "an event that was seen already");
    w.begun(501, "now");
    assert!(w.printed().contains("now"));
}

#[test]
fn ctrl_c_stops_clears_and_leaves() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.calls();
    w.key(Ctrl('c'));
    assert_eq!(w.calls(), [Call::Cancel]);
    w.ended(1, interrupted(), 0);
    w.write("half");
    w.key(Ctrl('c'));
    assert_eq!(w.text(), "");
    w.key(Up);
    assert_eq!(w.text(), "half");
    // It clears, and leaves at the second time; what it cleared is back at the next start.
    w.acts.clear();
    w.key(Ctrl('c'));
    assert!(!w.acts.contains(&Act::Quit));
    assert!(
        w.app
            .hint
            .as_ref()
            .is_some_and(|h| h.contains("Ctrl-C again leaves"))
    );
    w.now += 1_000_000;
    w.key(Ctrl('c'));
    assert!(
        matches!(&w.acts[..], [.., Act::Save(d), Act::Quit] if d.text == "half"),
        "{:?}",
        w.acts
    );
    // Another key between the two: somebody goes on.
    let mut w = world();
    w.write("half");
    w.key(Ctrl('c'));
    w.write("a");
    w.key(Ctrl('c'));
    assert!(!w.acts.contains(&Act::Quit));
    // Where something is written Ctrl-D deletes as in a shell, and says what it does at the end.
    let mut w = world();
    w.write("ab");
    w.key(Key::Home);
    w.key(Ctrl('d'));
    assert_eq!(w.text(), "b");
    w.key(Key::End);
    w.key(Ctrl('d'));
    assert_eq!(w.text(), "b");
    assert!(w.app.hint.as_ref().is_some_and(|h| h.contains("Ctrl-C clears")));
    assert!(!w.acts.contains(&Act::Quit));
    // Not twice, but two times.
    let mut w = world();
    w.key(Ctrl('c'));
    w.now += 3_000_000;
    w.key(Ctrl('c'));
    assert!(!w.acts.contains(&Act::Quit));
    w.key(Ctrl('d'));
    assert!(w.acts.contains(&Act::Quit));
}

#[test]
fn a_draft_is_saved_when_the_person_pauses_and_restored() {
    let mut w = world();
    assert_eq!(w.app.due(), None, "nothing ticks");
    w.write("half a thought");
    let due = w.app.due().unwrap();
    w.now = due;
    w.input(Input::Tick);
    assert_eq!(w.app.due(), None);
    let draft = Draft {
        text: "half a thought".into(),
        queue: vec![],
    };
    assert!(w.acts.contains(&Act::Save(draft.clone())));
    let again = World::unconnected(Setup {
        draft: Some(Draft {
            queue: vec!["queued".into()],
            ..draft
        }),
        ..Setup::default()
    });
    assert_eq!(again.text(), "half a thought");
    assert!(again.app.held && again.app.queue.len() == 1);
    // Gone in the middle of a word.
    let mut w = world();
    w.write("ha");
    w.input(Input::Hangup);
    assert!(
        matches!(&w.acts[..], [.., Act::Save(d), Act::Quit] if d.text == "ha"),
        "{:?}",
        w.acts
    );
}

#[test]
fn plain_mode_tells_every_change_in_a_line() {
    let mut w = World::unconnected(Setup {
        plain: true,
        rows: 24,
        ..Setup::default()
    });
    w.connect(1, 0);
    w.printed();
    w.input(Input::Line("fix it".into()));
    w.begun(1, "fix it");
    w.ready(1, 1, 4, &["    total = 0"], &["    total = 1"]);
    w.ended(1, StopReason::EndTurn, 1);
    let printed = w.printed();
    assert_eq!(
        printed,
        "\u{203a} fix it\nplace: shop.py:4-8 (symbol subtotal)\nroute: fast \u{b7} tiny (first that fits)\nhunk 1, shop.py line 5\ngoes:     total = 0\ncomes:     total = 1\n1 hunk on offer: Enter or /keep, /reject, /keep N, /reject N"
    );
    w.calls();
    w.input(Input::Line(String::new()));
    assert_eq!(w.calls(), [Call::Keep(HunkSet::All)]);
}

#[test]
fn the_daemon_is_told_what_each_turn_felt_like() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.write("two");
    w.key(Enter);
    w.ended(
        1,
        StopReason::Cancelled {
            cause: CancelReason::Steered,
        },
        0,
    );
    w.begun(2, "two");
    w.ready(2, 1, 4, &["a"], &["b"]);
    assert_eq!(
        w.app.painted(w.now + 5).len(),
        1,
        "the first turn's end is painted"
    );
    w.ended(2, StopReason::EndTurn, 1);
    let acts = w.app.painted(w.now + 5);
    let [Act::Send(Call::Felt(record))] = &acts[..] else {
        panic!("{acts:?}")
    };
    assert_eq!((record.session_id, record.turn), (SessionId(7), TurnId(2)));
    assert_eq!(w.app.painted(w.now + 9), []);
}

/// The client as it is after `/new` or `/reconnect`, and the acts that these make.
fn left(command: &str) -> World {
    let mut w = world();
    w.app.composer.set(command);
    w.key(Enter);
    w
}

#[test]
fn a_prompt_after_new_or_reconnect_waits_for_the_connection() {
    for (command, session, act) in [("/new", 8, Act::New), ("/reconnect", 7, Act::Reconnect)] {
        let mut w = left(command);
        assert!(w.acts.contains(&act));
        w.write("one");
        w.key(Enter);
        assert_eq!(w.prompts(), Vec::<String>::new(), "{command}");
        w.input(Input::Connected {
            session: SessionId(session),
            daemon: 1,
            last: 0,
            held: true,
        });
        assert_eq!(w.prompts(), ["one"], "{command}");
        assert!(w.app.queue.is_empty(), "{command}");
    }
}

#[test]
fn a_prompt_on_its_way_into_a_session_that_is_left_comes_back() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.app.composer.set("/new");
    w.key(Enter);
    w.input(Input::Connected {
        session: SessionId(8),
        daemon: 1,
        last: 0,
        held: true,
    });
    assert_eq!(w.text(), "one");
    // Where there is no new one, too.
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.app.composer.set("/new");
    w.key(Enter);
    w.input(Input::Failed("no daemon".into()));
    assert_eq!(w.text(), "one");
    assert!(w.app.live.is_none());
}

#[test]
fn what_was_on_its_way_when_the_connection_broke_is_to_be_sent_again() {
    // Nothing runs any more, and the queue goes on after the person has.
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.write("two");
    w.key(Tab);
    w.calls();
    w.input(Input::Lost);
    assert!(w.app.live.is_none());
    assert_eq!(w.text(), "one");
    w.connect(1, 0);
    assert_eq!(w.prompts(), Vec::<String>::new(), "not before what is given back");
    w.key(Enter);
    assert_eq!(w.prompts(), ["one"]);
    w.begun(1, "one");
    w.ended(1, StopReason::EndTurn, 0);
    assert_eq!(w.prompts(), ["two"]);
    // A decision.
    let mut w = world();
    w.offered();
    w.key(Enter);
    w.input(Input::Lost);
    let last = w.seq;
    w.connect(1, last);
    w.calls();
    w.key(Enter);
    assert_eq!(w.calls(), [Call::Keep(HunkSet::All)]);
    // The prompt comes back once, also where something else is written and another daemon answers.
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.write("half");
    w.input(Input::Lost);
    w.connect(2, 0);
    let queue: Vec<_> = w.app.queue.iter().map(|w| w.text.as_str()).collect();
    assert_eq!((w.text().as_str(), queue), ("half", vec!["one"]));
}

#[test]
fn a_refused_prompt_has_no_figures() {
    let figures = |refused: bool| {
        let mut w = world();
        if refused {
            w.write("refused");
            w.key(Enter);
            w.reply(Reply::Prompt {
                number: 1,
                outcome: Err("no".into()),
            });
            w.key(Ctrl('u'));
        }
        w.now += 5_000_000;
        w.write("two");
        w.key(Enter);
        w.begun(1, "two");
        w.ended(1, StopReason::EndTurn, 0);
        w.app.painted(w.now)
    };
    assert_eq!(figures(true).len(), 1);
    assert_eq!(figures(true), figures(false));
}

#[test]
fn plain_mode_says_what_is_held_and_sends_it_at_an_empty_line() {
    let draft = Draft {
        text: "of yesterday".into(),
        queue: vec!["queued".into()],
    };
    let mut w = World::unconnected(Setup {
        plain: true,
        rows: 24,
        draft: Some(draft),
        ..Setup::default()
    });
    w.connect(1, 0);
    let held = "not sent: of yesterday; an empty line sends it";
    assert_eq!(w.app.rest(), Rest::Done, "what is held waits for the person");
    assert_eq!(w.prompts(), Vec::<String>::new());
    assert_eq!(w.printed(), held);
    // Another prompt takes nothing of it along.
    w.input(Input::Line("first".into()));
    assert_eq!(w.prompts(), ["first"]);
    w.begun(1, "first");
    w.ended(1, StopReason::EndTurn, 0);
    assert_eq!(w.prompts(), Vec::<String>::new());
    assert!(w.printed().ends_with(held));
    w.input(Input::Line(String::new()));
    assert_eq!(w.prompts(), ["of yesterday"]);
    w.begun(2, "of yesterday");
    assert_eq!(w.app.rest(), Rest::Busy);
    w.ended(2, StopReason::EndTurn, 0);
    assert_eq!(w.prompts(), ["queued"]);
    // What was on its way is held, and said.
    w.printed();
    w.input(Input::Lost);
    assert!(w.printed().ends_with("not sent: queued; an empty line sends it"));
}

/// The log says that it ended; what the person asked for is theirs all the same.
#[test]
fn the_prompt_of_a_turn_that_died_with_its_daemon_comes_back() {
    for (cause, back) in [(CancelReason::Shutdown, "one"), (CancelReason::Interrupted, "")] {
        let mut w = world();
        w.write("one");
        w.key(Enter);
        w.begun(1, "one");
        w.input(Input::Lost);
        let last = w.seq + 1;
        w.connect(2, last);
        w.ended(1, StopReason::Cancelled { cause }, 0);
        assert_eq!(w.text(), back, "{cause:?}");
        assert!(w.app.live.is_none(), "{cause:?}");
    }
}
