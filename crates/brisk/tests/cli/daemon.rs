//! Finding, starting and replacing daemons, and the commands that are one question.

use crate::fake::{Home, Peer, accept};
use brisk_protocol::gate::TreeState;
use brisk_protocol::{
    BEGAN_META, DaemonStatus, LogEntry, LogReply, QuotaReply, RepoStatus, UndoReply, method,
};
use serde_json::json;
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};

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

fn text(output: &Output) -> (Option<i32>, String, String) {
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn status(clients: usize) -> DaemonStatus {
    DaemonStatus {
        version: env!("CARGO_PKG_VERSION").into(),
        pid: 5,
        up_s: 60,
        sessions: 1,
        clients,
        busy: false,
        rss: 3 << 20,
        websocket: None,
    }
}

#[test]
fn a_daemon_of_another_version_is_replaced() {
    let home = Home::new();
    let listener = home.listen();
    let child = brisk(&home, &["daemon", "start"]).spawn().unwrap();
    let mut old = accept(&listener);
    old.greet_as("0.0.1");
    old.expect(method::DAEMON);
    let (id, _) = old.expect(method::DAEMON);
    old.reply(id, &status(1));
    let (id, _) = old.expect(method::SHUTDOWN);
    old.reply(id, &());
    std::fs::remove_file(home.socket()).unwrap();
    let listener = home.listen();
    drop(old);
    let mut new = accept(&listener);
    new.greet();
    let (id, _) = new.expect(method::DAEMON);
    new.reply(id, &status(1));
    let (code, out, err) = text(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("1 session, 1 client, 3.0 MiB of memory"), "{out}");
}

#[test]
fn a_daemon_of_another_version_that_is_in_use_is_left_alone() {
    let home = Home::new();
    let listener = home.listen();
    let child = brisk(&home, &["daemon", "start"]).spawn().unwrap();
    let mut old = accept(&listener);
    old.greet_as("0.0.1");
    old.expect(method::DAEMON);
    for _ in 0..ASKED {
        let (id, _) = old.expect(method::DAEMON);
        old.reply(id, &status(2));
    }
    let (code, _, err) = text(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(8));
    assert!(err.contains("1 more client(s)"), "{err}");
}

/// How often a daemon is asked whether its other clients have gone.
const ASKED: usize = 6;

/// Greets as a daemon that has read nothing.
fn greet_empty(peer: &mut Peer) {
    let (id, _) = peer.expect("initialize");
    let version = env!("CARGO_PKG_VERSION");
    let hello = json!({
        "protocolVersion": 1,
        "agentInfo": {"name": "brisk", "version": version},
        "_meta": {BEGAN_META: {"salt": "00", "marks": {}}},
    });
    peer.reply(id, &hello);
}

#[test]
fn a_daemon_that_has_not_seen_a_key_is_renewed_when_nobody_needs_it() {
    let busy = |clients| DaemonStatus {
        busy: true,
        ..status(clients)
    };
    for (said, renewed) in [
        (vec![status(1)], true),
        // The command before this one was just going.
        (vec![status(3), status(2), status(1)], true),
        (vec![status(2); ASKED], false),
        (vec![busy(1)], false),
        (vec![busy(2)], false),
    ] {
        let home = Home::new();
        let listener = home.listen();
        let mut command = brisk(&home, &["daemon", "start"]);
        let child = command.env("GROQ_API_KEY", "sk-secret").spawn().unwrap();
        let mut old = accept(&listener);
        greet_empty(&mut old);
        old.expect(method::DAEMON);
        for now in &said {
            let (id, params) = old.expect(method::DAEMON);
            assert_eq!(params, json!({}), "no key goes over the socket");
            old.reply(id, now);
        }
        if renewed {
            let (id, _) = old.expect(method::SHUTDOWN);
            old.reply(id, &());
        }
        drop(old);
        // Its successor, or itself once more.
        let mut next = accept(&listener);
        greet_empty(&mut next);
        let (id, _) = next.expect(method::DAEMON);
        next.reply(id, said.last().unwrap());
        let (code, _, err) = text(&child.wait_with_output().unwrap());
        assert_eq!(code, Some(0), "{err}");
    }
}

#[test]
fn a_daemon_that_was_just_going_is_tried_once_more() {
    let home = Home::new();
    let listener = home.listen();
    let child = brisk(&home, &["status"]).spawn().unwrap();
    drop(accept(&listener));
    let mut peer = accept(&listener);
    peer.greet();
    let (id, _) = peer.expect(method::STATUS);
    peer.reply(
        id,
        &RepoStatus {
            root: "/r".into(),
            tree: "0123456789abcdef".into(),
            state: TreeState::Draft { policy: true },
            undoable: 2,
            last: Some("rename".into()),
            recovered: None,
        },
    );
    let (id, _) = peer.expect(method::QUOTA);
    peer.reply(id, &QuotaReply { left: Vec::new() });
    let (code, out, _) = text(&child.wait_with_output().unwrap());
    assert_eq!(
        out,
        "/r: tree 0123456789ab: draft\n2 edits to undo\nnewest: rename\n\
         trust: not trusted: nobody said so (`brisk trust add`)\n"
    );
    assert_eq!(code, Some(0));
}

#[test]
fn a_daemon_that_cannot_start_says_why() {
    let home = Home::new();
    // A daemon that died leaves its socket.
    drop(home.listen());
    let config = home.path().join("config.toml");
    std::fs::write(&config, "nonsense = [").unwrap();
    let (code, _, err) = text(&brisk(&home, &["status"]).output().unwrap());
    assert_eq!(code, Some(2), "{err}");
    let at = format!("brisk: {}: line 1, column ", config.display());
    assert!(err.starts_with(&at), "{err}");
    assert!(err.contains("correct the file"), "{err}");
    assert!(!home.socket().exists(), "the stale socket is gone");

    let home = Home::new();
    let events = home.path().join("state/events");
    std::fs::create_dir_all(events.parent().unwrap()).unwrap();
    std::fs::write(events, "in the way").unwrap();
    let (code, _, err) = text(&brisk(&home, &["status"]).output().unwrap());
    assert_eq!(code, Some(8), "{err}");
    assert!(err.starts_with("brisk: the daemon ended at once: "), "{err}");
    assert!(err.contains("daemon.log"), "{err}");
}

#[test]
fn no_daemon_is_started_to_ask_whether_one_runs() {
    let home = Home::new();
    let (code, _, err) = text(&brisk(&home, &["daemon", "status"]).output().unwrap());
    assert_eq!(code, Some(8));
    assert!(err.contains("no daemon is running"), "{err}");
    let (code, out, _) = text(&brisk(&home, &["daemon", "stop"]).output().unwrap());
    assert_eq!((code, out.as_str()), (Some(0), "no daemon was running\n"));
}

fn answered(args: &[&str], method: &str, reply: &impl serde::Serialize) -> (Option<i32>, String, String) {
    let home = Home::new();
    let listener: UnixListener = home.listen();
    let child = brisk(&home, args).spawn().unwrap();
    let mut peer = accept(&listener);
    peer.greet();
    let (id, params) = peer.expect(method);
    assert!(params["cwd"].as_str().unwrap().starts_with('/'));
    peer.reply(id, reply);
    text(&child.wait_with_output().unwrap())
}

#[test]
fn one_question_one_answer() {
    let undone = UndoReply {
        op: Some(4),
        notes: vec!["rename x".into()],
        files: vec!["a.rs".into()],
        conflicts: vec![],
    };
    let (code, out, _) = answered(&["undo"], method::UNDO, &undone);
    assert_eq!((code, out.as_str()), (Some(0), "undone: rename x (a.rs)\n"));

    let conflict = UndoReply {
        op: None,
        notes: vec![],
        files: vec![],
        conflicts: vec!["a.rs h1: edited since".into()],
    };
    let (code, out, _) = answered(&["redo", "--json"], method::REDO, &conflict);
    assert_eq!(code, Some(6));
    assert!(out.starts_with("{\"type\":\"redo\",\"t_us\":"), "{out}");

    let log = LogReply {
        entries: vec![LogEntry {
            op: 3,
            kind: "edit".into(),
            note: "rename\u{1b}[m".into(),
            files: vec!["a.rs".into()],
            at: 0,
            undone: false,
        }],
    };
    let (code, out, _) = answered(&["log", "-n", "5"], method::LOG, &log);
    assert_eq!(code, Some(0));
    assert!(out.contains("edit a.rs: rename␛[m"), "{out}");
}

#[test]
fn texts_come_without_a_daemon() {
    let home = Home::new();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["help", "edit"], 0, "Esc or Ctrl-C stops"),
        (&["help", "exit-codes"], 0, "  11  hunks were shown but not kept"),
        (&["completions", "bash"], 0, "complete -F"),
        (&["man"], 0, "EXIT STATUS"),
        (&["--version"], 0, env!("CARGO_PKG_VERSION")),
    ];
    for (args, want, part) in cases {
        let (code, out, err) = text(&brisk(&home, args).output().unwrap());
        assert_eq!(code, Some(*want), "{args:?} {err}");
        assert!(out.contains(part), "{args:?} {out}");
    }
    let bad: &[&[&str]] = &[&[], &["help", "nope"], &["edit"], &["nope"]];
    for args in bad {
        let (code, _, err) = text(&brisk(&home, args).output().unwrap());
        assert_eq!(code, Some(2), "{args:?}");
        assert!(!err.is_empty(), "{args:?}");
    }
}
