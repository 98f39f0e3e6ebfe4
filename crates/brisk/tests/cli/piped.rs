//! `edit` and `ask` without a terminal.

use crate::fake::{Home, Peer, Prompted, TURN, accept};
use brisk_domain::{CancelReason, Event, HunkId, HunkState, Intent, StopReason};
use serde_json::Value;
use std::process::{Child, Command, Output, Stdio};

fn brisk(home: &Home, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brisk"));
    command
        .args(args)
        .current_dir(home.path())
        .env_clear()
        .env("BRISK_HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn start(args: &[&str]) -> (Home, Child, Peer) {
    let home = Home::new();
    let listener = home.listen();
    let child = brisk(&home, args).spawn().unwrap();
    let peer = accept(&listener);
    (home, child, peer)
}

fn end(child: Child) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    (
        status.code(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

fn two_hunks(peer: &mut Peer, prompted: &Prompted) {
    peer.begun();
    peer.opened(1, 11);
    peer.line(1, "-not yet");
    peer.ready(1, 11, &["-a", "+b", "+\tc\x1b[m"]);
    peer.ready(2, 20, &["+d"]);
    peer.ended(prompted, StopReason::EndTurn, 2);
}

#[test]
fn a_pipe_gets_a_plain_diff_and_nothing_is_kept() {
    let (_home, child, mut peer) = start(&["edit", "x"]);
    let prompted = peer.prompted();
    two_hunks(&mut peer, &prompted);
    let (code, out, err) = end(child);
    let diff = "--- a/src/x.rs\n+++ b/src/x.rs\n@@ -12,1 +12,2 @@\n-a\n+b\n+\tc␛[m\n@@ -20,0 +22,1 @@\n+d\n";
    assert_eq!(out, diff);
    assert_eq!(
        err,
        "place: src/x.rs:10-32 (symbol parse_header)\nroute: fast lane, tiny (first that fits)\n\
         brisk: not kept: there is no terminal to press Enter on\nhint: add --yes to keep every hunk\n"
    );
    assert_eq!(code, Some(11));
}

#[test]
fn yes_lets_the_daemon_keep() {
    let (_home, child, mut peer) = start(&["edit", "x", "--yes", "--model", "m"]);
    let prompted = peer.prompted();
    assert!(prompted.extras.auto_keep);
    assert_eq!(prompted.extras.model.as_ref().unwrap().0, "m");
    peer.begun();
    peer.ready(1, 11, &["-a", "+b"]);
    peer.event(Event::HunkChanged {
        hunk: HunkId(1),
        state: HunkState::Kept,
    });
    peer.ended(&prompted, StopReason::EndTurn, 0);
    let (code, _, err) = end(child);
    assert!(err.contains("kept 1 hunk, +1 -1, "), "{err}");
    assert_eq!(code, Some(0));
}

#[test]
fn yes_waits_for_writes_that_end_after_the_turn() {
    let (_home, child, mut peer) = start(&["edit", "x", "--yes"]);
    let prompted = peer.prompted();
    peer.begun();
    peer.ready(1, 11, &["-a", "+b"]);
    peer.ended(&prompted, StopReason::EndTurn, 1);
    peer.event(Event::HunkChanged {
        hunk: HunkId(1),
        state: HunkState::Kept,
    });
    assert_eq!(end(child).0, Some(0));
}

/// The daemon was done before it heard of the stop.
#[test]
fn what_was_written_for_nobody_who_sees_it_is_told_all_the_same() {
    for (kept, want) in [
        (true, "`brisk undo` takes it back"),
        (false, "nothing was written to your files"),
    ] {
        let home = Home::new();
        let listener = home.listen();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = brisk(&home, &["edit", "x", "--yes", "--json"]);
        let child = command.stdout(full).spawn().unwrap();
        let mut peer = accept(&listener);
        let prompted = peer.prompted();
        peer.expect("session/cancel");
        peer.begun();
        peer.ready(1, 11, &["-a", "+b"]);
        let interrupted = StopReason::Cancelled {
            cause: CancelReason::Interrupted,
        };
        let (state, stop) = match kept {
            true => (HunkState::Kept, StopReason::EndTurn),
            false => (HunkState::Rejected, interrupted),
        };
        peer.event(Event::HunkChanged {
            hunk: HunkId(1),
            state,
        });
        peer.ended(&prompted, stop, 0);
        let (code, _, err) = end(child);
        assert_eq!(code, Some(130), "{err}");
        assert!(err.contains(want), "{err}");
    }
}

#[test]
fn json_tells_everything_in_order() {
    let (_home, child, mut peer) = start(&["--json", "edit", "x"]);
    let prompted = peer.prompted();
    two_hunks(&mut peer, &prompted);
    let (code, out, err) = end(child);
    assert_eq!(code, Some(11));
    assert_eq!(err, "");
    let lines: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let types: Vec<&str> = lines.iter().map(|l| l["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "started",
            "turn_started",
            "place",
            "route",
            "first_token",
            "hunk_opened",
            "hunk_line",
            "hunk_ready",
            "hunk_ready",
            "turn_ended",
            "error"
        ]
    );
    assert!(out.lines().all(|l| l.starts_with("{\"type\":\"")), "{out}");
    let times: Vec<u64> = lines.iter().map(|l| l["t_us"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(lines[7]["added"][1], "\tc\x1b[m", "text is exact");
    assert_eq!(lines[10]["exit"], 11);
}

#[test]
fn ask_prints_words_as_they_are() {
    let (_home, child, mut peer) = start(&["ask", "why", "src/x.rs"]);
    let prompted = peer.prompted();
    assert_eq!(prompted.extras.intent, Intent::Ask);
    for text in ["It counts ", "bytes.\nNot\u{7} characters", "."] {
        peer.event(Event::Prose {
            turn: TURN,
            text: text.into(),
        });
    }
    peer.ended(&prompted, StopReason::EndTurn, 0);
    let (code, out, _) = end(child);
    assert_eq!(out, "It counts bytes.\nNot␇ characters.\n");
    assert_eq!(code, Some(0));
}

#[test]
fn turns_that_come_to_nothing_have_their_exit() {
    let cancelled = |cause| StopReason::Cancelled { cause };
    let failed = StopReason::Failed {
        failure: brisk_domain::Failure::Unusable,
        message: "it does not parse".into(),
    };
    let cases = [
        (StopReason::EndTurn, 1, "the model proposed no change"),
        (failed, 1, "it does not parse"),
        (cancelled(CancelReason::Interrupted), 3, "interrupted"),
        (cancelled(CancelReason::Stalled), 7, "went silent"),
        (cancelled(CancelReason::Shutdown), 8, "the daemon is going"),
        (cancelled(CancelReason::OverBudget), 12, "patch budget"),
    ];
    for (stop, want, words) in cases {
        let (_home, child, mut peer) = start(&["edit", "x"]);
        let prompted = peer.prompted();
        peer.ended(&prompted, stop.clone(), 0);
        let (code, _, err) = end(child);
        assert_eq!(code, Some(want), "{stop:?}");
        assert!(err.contains(words), "{stop:?}: {err}");
    }
}

#[test]
fn over_budget_without_a_person_stops_the_turn() {
    let (_home, child, mut peer) = start(&["edit", "x"]);
    let prompted = peer.prompted();
    peer.begun();
    peer.at_budget();
    peer.expect("session/cancel");
    let cause = CancelReason::Interrupted;
    peer.ended(&prompted, StopReason::Cancelled { cause }, 0);
    assert_eq!(end(child).0, Some(12));
}

#[test]
fn refusals_are_told_with_their_exit() {
    let (_home, child, mut peer) = start(&["edit", "x"]);
    peer.greet();
    let (id, _) = peer.expect("session/new");
    peer.refuse(id, 4, "no repository here");
    let (code, out, err) = end(child);
    assert_eq!((code, out.as_str()), (Some(4), ""));
    assert_eq!(err, "brisk: no repository here\n");

    let (_home, child, mut peer) = start(&["edit", "x", "nope.rs", "--json"]);
    let prompted = peer.prompted();
    peer.refuse(prompted.id, 4, "nope.rs does not exist");
    let (code, out, _) = end(child);
    assert_eq!(code, Some(4));
    assert!(
        out.lines().last().unwrap().contains("nope.rs does not exist"),
        "{out}"
    );
}

#[test]
fn a_daemon_that_vanishes_is_told() {
    let (_home, child, mut peer) = start(&["edit", "x"]);
    peer.prompted();
    peer.begun();
    drop(peer);
    let (code, _, err) = end(child);
    assert_eq!(code, Some(8));
    assert!(
        err.contains("the daemon went away in the middle of the turn"),
        "{err}"
    );
}
