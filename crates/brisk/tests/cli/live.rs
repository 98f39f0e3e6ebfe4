//! `edit` on a terminal.

use crate::fake::{Home, Peer, Prompted, accept};
use crate::terminal::Terminal;
use brisk_domain::{CancelReason, Event, HunkId, HunkState, StopReason};
use brisk_protocol::{ClientKind, Decided, FeltRecord, HunkSet, Stage, method};
use rustix::process::Signal;

const EDIT: &[&str] = &["edit", "rename it", "src/x.rs:parse_header"];

fn start(columns: u16, rows: u16) -> (Home, Terminal, Peer, Prompted) {
    let home = Home::new();
    let listener = home.listen();
    let terminal = Terminal::spawn(&home, columns, rows, EDIT);
    let mut peer = accept(&listener);
    let prompted = peer.prompted();
    (home, terminal, peer, prompted)
}

fn kept(ids: &[u64]) -> Decided {
    Decided {
        kept: ids.iter().copied().map(HunkId).collect(),
        ..Decided::default()
    }
}

fn rejected(ids: &[u64]) -> Decided {
    Decided {
        rejected: ids.iter().copied().map(HunkId).collect(),
        ..Decided::default()
    }
}

#[test]
fn lines_show_as_they_come_and_enter_keeps() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    assert_eq!(prompted.text, "rename it");
    assert_eq!(prompted.extras.targets, ["src/x.rs:parse_header"]);
    assert!(!prompted.extras.auto_keep);
    terminal.shows("reading… Esc stops");
    peer.begun();
    terminal.shows("place: src/x.rs:10-32 (symbol parse_header)");
    terminal.shows("route: fast lane, tiny (first that fits)");
    peer.opened(1, 11);
    terminal.shows("@@ 1 src/x.rs:12");
    peer.line(1, "-let a = 1;");
    terminal.shows("-let a = 1;");
    peer.line(1, "+let b = 1;");
    terminal.shows("+let b = 1;\nwriting… Esc stops");
    peer.ready(1, 11, &["-let a = 1;", "+let b = 1;"]);
    peer.ended(&prompted, StopReason::EndTurn, 1);
    terminal.shows("Enter keep · n reject · Esc leave");
    terminal.press("\r");
    let (id, decide) = peer.decide(method::KEEP);
    assert_eq!(decide.hunks, HunkSet::All);
    peer.reply(id, &kept(&[1]));
    let (screen, code) = terminal.ends();
    assert!(screen.contains("+let b = 1;\nkept 1 hunk, +1 -1, "), "{screen}");
    assert!(screen.contains(" to the first line, "), "{screen}");
    assert!(screen.trim_end().ends_with("undo: brisk undo"), "{screen}");
    assert_eq!(code, 0);
}

#[test]
fn what_it_felt_like_is_told_once_and_without_words() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.opened(1, 11);
    peer.line(1, "+let secret = 1;");
    terminal.shows("+let secret = 1;");
    terminal.press("\x1b");
    peer.expect("session/cancel");
    peer.ready(1, 11, &["+let secret = 1;"]);
    let cause = CancelReason::Interrupted;
    peer.ended(&prompted, StopReason::Cancelled { cause }, 1);
    terminal.shows("Enter keep");
    let (_, params) = peer.expect(method::FELT);
    let text = params.to_string();
    for word in ["secret", "src/x.rs", "rename"] {
        assert!(!text.contains(word), "{text}");
    }
    let record: FeltRecord = serde_json::from_value(params).unwrap();
    assert_eq!(
        (record.session_id, record.turn),
        (crate::fake::SESSION, crate::fake::TURN)
    );
    assert_eq!(record.client, ClientKind::Cli);
    for stage in Stage::ALL {
        // The request is the daemon's to know.
        assert_eq!(
            record.stages.at(stage).is_some(),
            stage != Stage::Request,
            "{stage:?}"
        );
    }
    let stop = record.stop.unwrap();
    let line = record.stages.at(Stage::FirstLine).unwrap();
    let end = record.stages.at(Stage::Complete).unwrap();
    assert!(line <= stop.key && stop.key <= end);
    assert_eq!(stop.silent_after, Some(end - stop.key));
    terminal.press("\r");
    let (id, _) = peer.decide(method::KEEP);
    peer.reply(id, &kept(&[1]));
    assert_eq!(terminal.ends().1, 0);
}

#[test]
fn a_hunk_that_turns_out_smaller_is_painted_anew() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.opened(1, 11);
    for line in ["-same", "-old", "+same", "+new"] {
        peer.line(1, line);
    }
    terminal.shows("+same\n+new");
    peer.ready(1, 12, &["-old", "+new"]);
    let screen = terminal.until("the smaller hunk", |t| t.contains("@@ 1 src/x.rs:13\n-old\n+new"));
    assert!(!screen.contains("same"), "{screen}");
    peer.ended(&prompted, StopReason::EndTurn, 1);
    terminal.shows("Enter keep");
    terminal.press("n");
    let (id, decide) = peer.decide(method::REJECT);
    assert_eq!(decide.hunks, HunkSet::All);
    peer.reply(id, &rejected(&[1]));
    let (screen, code) = terminal.ends();
    assert!(
        screen.contains("brisk: rejected; nothing was written"),
        "{screen}"
    );
    assert_eq!(code, 10);
}

#[test]
fn escape_stops_and_finished_hunks_stay_offered() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.ready(1, 11, &["-a", "+b"]);
    peer.opened(2, 20);
    peer.line(2, "+torn");
    terminal.shows("+torn");
    terminal.press("\x1b");
    peer.expect("session/cancel");
    peer.event(Event::HunkDropped {
        turn: crate::fake::TURN,
        hunk: HunkId(2),
    });
    peer.ended(
        &prompted,
        StopReason::Cancelled {
            cause: CancelReason::Interrupted,
        },
        1,
    );
    let screen = terminal.shows("Enter keep");
    assert!(screen.contains("@@ 1 src/x.rs:12\n-a\n+b"), "{screen}");
    assert!(!screen.contains("torn"), "{screen}");
    terminal.press("\r");
    let (id, _) = peer.decide(method::KEEP);
    peer.reply(id, &kept(&[1]));
    assert_eq!(terminal.ends().1, 0);
}

#[test]
fn ctrl_c_stops_and_nothing_is_left_to_keep() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    terminal.shows("writing");
    terminal.press("\x03");
    peer.expect("session/cancel");
    terminal.shows("stopping");
    let cause = CancelReason::Interrupted;
    peer.ended(&prompted, StopReason::Cancelled { cause }, 0);
    let (screen, code) = terminal.ends();
    assert!(screen.contains("brisk: interrupted"), "{screen}");
    assert_eq!(code, 3);
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let (_home, mut terminal, mut peer, _prompted) = start(80, 24);
    peer.begun();
    terminal.shows("writing");
    terminal.press("\x03");
    peer.expect("session/cancel");
    terminal.shows("stopping");
    terminal.press("\x03");
    assert_eq!(terminal.ends().1, 130);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let (_home, mut terminal, mut peer, _prompted) = start(80, 24);
    peer.begun();
    terminal.shows("writing");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.ends().1, 130);
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_the_command_is_brought_back() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    terminal.shows("writing");
    terminal.press("\x1a");
    terminal.sleeps();
    terminal.signal(Signal::CONT);
    peer.ready(1, 11, &["-a", "+b"]);
    terminal.shows("+b");
    peer.ended(&prompted, StopReason::EndTurn, 1);
    terminal.shows("Enter keep");
    terminal.press("\x1b");
    assert_eq!(terminal.ends().1, 3);
}

#[test]
fn a_daemon_that_vanishes_is_told() {
    let (_home, mut terminal, mut peer, _prompted) = start(80, 24);
    peer.begun();
    peer.ready(1, 11, &["-a", "+b"]);
    terminal.shows("+b");
    drop(peer);
    let (screen, code) = terminal.ends();
    assert!(
        screen.contains("the daemon went away in the middle of the turn"),
        "{screen}"
    );
    assert!(screen.contains("brisk log"), "{screen}");
    assert_eq!(code, 8);
}

#[test]
fn digits_leave_hunks_out() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.ready(1, 11, &["-a", "+b"]);
    peer.ready(2, 20, &["-c", "+d"]);
    peer.ended(&prompted, StopReason::EndTurn, 2);
    terminal.shows("Enter keep all · n reject · 1-9 toggle");
    terminal.press("2");
    terminal.shows("Enter keep all but 2");
    terminal.press("\r");
    let (id, decide) = peer.decide(method::KEEP);
    assert_eq!(decide.hunks, HunkSet::Ids(vec![HunkId(1)]));
    peer.reply(id, &kept(&[1]));
    let (id, decide) = peer.decide(method::REJECT);
    assert_eq!(decide.hunks, HunkSet::Ids(vec![HunkId(2)]));
    peer.reply(id, &rejected(&[2]));
    let (screen, code) = terminal.ends();
    assert!(screen.contains("kept 1 hunk, +1 -1"), "{screen}");
    assert_eq!(code, 0);
}

#[test]
fn hunks_are_asked_about_one_by_one() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.ready(1, 11, &["-a", "+b"]);
    peer.ready(2, 20, &["-c", "+d"]);
    peer.ended(&prompted, StopReason::EndTurn, 2);
    terminal.shows("s one by one");
    terminal.press("s");
    terminal.shows("keep 1?");
    terminal.press("n");
    terminal.shows("keep 2?");
    terminal.press("y");
    let (id, decide) = peer.decide(method::KEEP);
    assert_eq!(decide.hunks, HunkSet::Ids(vec![HunkId(2)]));
    peer.reply(id, &kept(&[2]));
    let (id, _) = peer.decide(method::REJECT);
    peer.reply(id, &rejected(&[1]));
    assert_eq!(terminal.ends().1, 0);
}

#[test]
fn a_conflict_is_shown_with_its_reason() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.ready(1, 11, &["-a", "+b"]);
    peer.ended(&prompted, StopReason::EndTurn, 1);
    terminal.shows("Enter keep");
    terminal.press("\r");
    let (id, _) = peer.decide(method::KEEP);
    let why = "line 12 was edited meanwhile".to_owned();
    peer.event(Event::HunkChanged {
        hunk: HunkId(1),
        state: HunkState::Conflicted { why: why.clone() },
    });
    peer.reply(
        id,
        &Decided {
            conflicted: vec![(HunkId(1), why)],
            ..Decided::default()
        },
    );
    let (screen, code) = terminal.ends();
    assert!(
        screen.contains("not written: line 12 was edited meanwhile"),
        "{screen}"
    );
    assert_eq!(code, 6);
}

#[test]
fn a_disk_that_refuses_is_told() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.ready(1, 11, &["-a", "+b"]);
    peer.ended(&prompted, StopReason::EndTurn, 1);
    terminal.shows("Enter keep");
    terminal.press("\r");
    let (id, _) = peer.decide(method::KEEP);
    peer.ready(1, 11, &["-a", "+b"]);
    peer.event(Event::Notice {
        turn: crate::fake::TURN,
        text: "no space left".into(),
    });
    peer.reply(id, &Decided::default());
    let (screen, code) = terminal.ends();
    assert!(screen.contains("brisk: not written: no space left"), "{screen}");
    assert_eq!(code, 9);
}

#[test]
fn over_budget_the_person_decides() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.ready(1, 11, &["-a", "+b"]);
    peer.at_budget();
    terminal.shows("the patch has 81 changed lines, its budget is 80");
    terminal.shows("g go on · Enter keep these · n reject · Esc stop");
    terminal.press("g");
    let (id, _) = peer.expect(method::RAISE_BUDGET);
    peer.reply(id, &());
    terminal.shows("writing");
    peer.ended(&prompted, StopReason::EndTurn, 1);
    terminal.shows("Enter keep");
    terminal.press("\r");
    let (id, _) = peer.decide(method::KEEP);
    peer.reply(id, &kept(&[1]));
    assert_eq!(terminal.ends().1, 0);
}

#[test]
fn over_budget_without_a_finished_hunk_there_is_nothing_to_keep() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.opened(1, 11);
    peer.line(1, "+b");
    peer.at_budget();
    terminal.shows("g go on · Esc stop");
    // Neither is a decision; the next key is the first that the daemon hears of.
    terminal.press("\rn\x1b");
    peer.expect("session/cancel");
    peer.ended(
        &prompted,
        StopReason::Cancelled {
            cause: CancelReason::Interrupted,
        },
        0,
    );
    let (screen, code) = terminal.ends();
    assert!(screen.contains("brisk: interrupted"), "{screen}");
    assert_eq!(code, 3);
}

#[test]
fn twenty_columns_hold_everything() {
    let (_home, mut terminal, mut peer, prompted) = start(20, 30);
    peer.begun();
    terminal.shows("place: src/x.rs:10-3\n2 (symbol parse_head\ner)");
    peer.opened(1, 11);
    peer.line(1, "-\tlet a_long_name = call(1);");
    peer.line(1, "+\tlet b = call(1);");
    terminal.shows("-    let a_long_name\n  = call(1);\n+    let b = call(1)\n ;");
    peer.ready(1, 11, &["+\tlet b = call(1);"]);
    let screen = terminal.until("the smaller hunk", |t| !t.contains("a_long_name"));
    assert!(
        screen.contains("@@ 1 src/x.rs:12\n+    let b = call(1)\n ;"),
        "{screen}"
    );
    peer.ended(&prompted, StopReason::EndTurn, 1);
    terminal.shows("Enter keep · n rejec\nt · Esc leave");
    terminal.press("\r");
    let (id, _) = peer.decide(method::KEEP);
    peer.reply(id, &kept(&[1]));
    let (screen, code) = terminal.ends();
    assert!(screen.contains(" ;\nkept 1 hunk, +1 -0, "), "{screen}");
    assert_eq!(code, 0);
}

#[test]
fn hostile_text_is_shown_not_obeyed() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.opened(1, 11);
    peer.line(1, "+\x1b[2J\x1b]0;owned\x07\r\u{9b}31m");
    terminal.shows("+␛[2J␛]0;owned␇␍<U+009B>31m");
    peer.event(Event::Notice {
        turn: crate::fake::TURN,
        text: "if admin\u{202e} {".into(),
    });
    let screen = terminal.shows("if admin<U+202E> {");
    assert!(screen.contains("place: src/x.rs"), "nothing was wiped: {screen}");
    let cause = CancelReason::Stalled;
    peer.ended(&prompted, StopReason::Cancelled { cause }, 0);
    let (screen, code) = terminal.ends();
    assert!(screen.contains("went silent or repeated itself"), "{screen}");
    assert_eq!(code, 7);
}

#[test]
fn a_window_that_changes_its_size_loses_nothing() {
    let (_home, mut terminal, mut peer, prompted) = start(80, 24);
    peer.begun();
    peer.opened(1, 11);
    peer.line(1, "+one");
    terminal.shows("+one");
    terminal.resize(40, 24);
    peer.line(1, "+two");
    terminal.shows("+two");
    peer.ready(1, 11, &["+two"]);
    terminal.shows("@@ 1 src/x.rs:12\n+two\n");
    peer.ended(&prompted, StopReason::EndTurn, 1);
    terminal.shows("Enter keep");
    terminal.press("\x03");
    assert_eq!(terminal.ends().1, 3);
}

#[test]
fn a_hunk_taller_than_the_window_is_shown_again_below() {
    let (_home, mut terminal, mut peer, prompted) = start(40, 8);
    peer.begun();
    peer.opened(1, 0);
    for n in 0..20 {
        peer.line(1, &format!("+line {n}"));
    }
    terminal.shows("+line 19");
    peer.ready(1, 19, &["+line 19"]);
    terminal.shows("+line 19\n@@ 1 src/x.rs:20\n+line 19\n");
    peer.ended(&prompted, StopReason::EndTurn, 1);
    terminal.shows("Enter keep");
    terminal.press("\x1b");
    assert_eq!(terminal.ends().1, 3);
}

#[test]
fn a_dumb_terminal_gets_lines_and_a_question() {
    let home = Home::new();
    let listener = home.listen();
    let mut terminal = Terminal::spawn_with(&home, 80, 24, EDIT, &[("TERM", "dumb")]);
    let mut peer = accept(&listener);
    let prompted = peer.prompted();
    peer.begun();
    peer.opened(1, 11);
    peer.line(1, "+torn");
    peer.ready(1, 11, &["-a", "+b"]);
    peer.ended(&prompted, StopReason::EndTurn, 1);
    let screen = terminal.shows("Enter keep");
    assert!(screen.contains("@@ -12,1 +12,1 @@\n-a\n+b"), "{screen}");
    assert!(!screen.contains("torn"), "{screen}");
    terminal.press("\r");
    let (id, _) = peer.decide(method::KEEP);
    peer.reply(id, &kept(&[1]));
    assert_eq!(terminal.ends().1, 0);
}
