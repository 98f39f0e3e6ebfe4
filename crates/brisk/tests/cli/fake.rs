//! A daemon that does what the test says, step by step.

use brisk_domain::{
    Candidate, EditFormat, Event, HunkId, Lane, LineKind, ModelId, Reason, Route, SessionId, Settled,
    StopReason, TurnId,
};
use brisk_protocol::acp::{Implementation, InitializeResponse, NewSessionResponse};
use brisk_protocol::{
    Decide, Envelope, ErrorBody, Incoming, PromptExtras, ProtocolVersion, RequestId, error_line, method,
    notify_line, parse, result_line,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use tempfile::TempDir;

/// A test that waits longer than this for a step has failed.
pub(crate) const LIMIT: Timespec = Timespec {
    tv_sec: 20,
    tv_nsec: 0,
};

/// A hermetic home, where the test is the daemon.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Home {
        let dir = TempDir::new().unwrap();
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(dir.path().join("run"))
            .unwrap();
        Home { dir }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("run/daemon.sock")
    }

    pub(crate) fn listen(&self) -> UnixListener {
        UnixListener::bind(self.socket()).unwrap()
    }
}

/// The next client.
pub(crate) fn accept(listener: &UnixListener) -> Peer {
    let mut fds = [PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
    assert_eq!(poll(&mut fds, Some(&LIMIT)), Ok(1), "no client came");
    let (stream, _) = listener.accept().unwrap();
    let reader = BufReader::new(stream.try_clone().unwrap());
    Peer {
        stream,
        reader,
        seq: 0,
    }
}

/// One connected client, seen from the daemon.
pub(crate) struct Peer {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
    seq: u64,
}

pub(crate) const SESSION: SessionId = SessionId(7);
pub(crate) const TURN: TurnId = TurnId(1);

impl Peer {
    /// The next call, which must be this one. The id is absent for notifications.
    pub(crate) fn expect(&mut self, wanted: &str) -> (Option<RequestId>, Value) {
        let (id, name, params) = loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).unwrap();
            match parse(&line) {
                Ok(Incoming::Request { id, method, params }) => break (Some(id), method, params),
                // Told once a turn, whatever the test is about.
                Ok(Incoming::Notification { method, .. }) if method == method::FELT && wanted != method => {}
                Ok(Incoming::Notification { method, params }) => break (None, method, params),
                other => panic!("{wanted} was expected, not {other:?} ({line:?})"),
            }
        };
        assert_eq!(name, wanted, "{params}");
        (id, serde_json::from_str(params.get()).unwrap())
    }

    pub(crate) fn reply(&mut self, id: Option<RequestId>, result: &impl Serialize) {
        let line = result_line(&id.unwrap(), result);
        self.stream.write_all(line.as_bytes()).unwrap();
    }

    pub(crate) fn refuse(&mut self, id: Option<RequestId>, exit: u8, message: &str) {
        let body = ErrorBody {
            code: -32000,
            message: message.into(),
            data: Some(serde_json::json!({"exit": exit})),
        };
        let line = error_line(id.as_ref(), &body);
        self.stream.write_all(line.as_bytes()).unwrap();
    }

    pub(crate) fn greet_as(&mut self, version: &str) {
        let (id, _) = self.expect("initialize");
        let hello =
            InitializeResponse::new(ProtocolVersion::V1).agent_info(Implementation::new("brisk", version));
        self.reply(id, &hello);
    }

    pub(crate) fn greet(&mut self) {
        self.greet_as(env!("CARGO_PKG_VERSION"));
    }

    /// Greets, opens a session, takes the prompt.
    pub(crate) fn prompted(&mut self) -> Prompted {
        self.greet();
        let (id, _) = self.expect("session/new");
        self.reply(id, &NewSessionResponse::new(SESSION.to_string()));
        let (id, params) = self.expect("session/prompt");
        assert_eq!(params["sessionId"], "s7");
        Prompted {
            id,
            text: params["prompt"][0]["text"].as_str().unwrap().to_owned(),
            extras: serde_json::from_value(params["_meta"]["brisk"].clone()).unwrap(),
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        let line = self.event_line(event);
        self.stream.write_all(line.as_bytes()).unwrap();
    }

    fn event_line(&mut self, event: Event) -> String {
        self.seq += 1;
        let envelope = Envelope {
            session_id: SESSION,
            seq: self.seq,
            at_us: 0,
            event,
        };
        notify_line(method::EVENT, &envelope)
    }

    /// Everything up to the first token.
    pub(crate) fn begun(&mut self) {
        self.event(Event::TurnStarted {
            turn: TURN,
            text: "t".into(),
        });
        self.event(Event::PlaceFound {
            turn: TURN,
            path: "src/x.rs".into(),
            start: 9,
            end: 32,
            why: "symbol parse_header".into(),
        });
        let model = ModelId("tiny".into());
        let choice = Candidate {
            model: model.clone(),
            format: EditFormat::Region,
            context: 4096,
        };
        self.event(Event::Routed {
            turn: TURN,
            route: Route {
                lane: Lane::Fast,
                choice,
                fallbacks: vec![],
                reasons: vec![Reason::Best { model, of: 0 }],
                shape: Default::default(),
            },
        });
        self.event(Event::FirstToken { turn: TURN });
    }

    pub(crate) fn opened(&mut self, hunk: u64, at: usize) {
        self.event(Event::HunkOpened {
            turn: TURN,
            hunk: HunkId(hunk),
            path: "src/x.rs".into(),
            at,
        });
    }

    pub(crate) fn at_budget(&mut self) {
        self.event(Event::BudgetReached {
            turn: TURN,
            lines: 81,
            max_lines: 80,
        });
    }

    pub(crate) fn line(&mut self, hunk: u64, line: &str) {
        let (kind, text) = split(line);
        self.event(Event::HunkLine {
            turn: TURN,
            hunk: HunkId(hunk),
            kind,
            text,
        });
    }

    pub(crate) fn ready(&mut self, hunk: u64, at: usize, lines: &[&str]) {
        let side = |wanted| {
            lines
                .iter()
                .map(|l| split(l))
                .filter(|(kind, _)| *kind == wanted)
                .map(|(_, text)| text)
                .collect()
        };
        self.event(Event::HunkReady {
            turn: TURN,
            hunk: HunkId(hunk),
            path: "src/x.rs".into(),
            at,
            removed: side(LineKind::Removed),
            added: side(LineKind::Added),
        });
    }

    /// The turn ends, for the prompt too; in one write, because a client may go as soon as it knows.
    pub(crate) fn ended(&mut self, prompted: &Prompted, stop: StopReason, ready: usize) {
        let mut lines = self.event_line(Event::TurnEnded {
            turn: TURN,
            settled: Settled {
                stop,
                ready,
                input_tokens: 100,
                cached_tokens: 90,
                output_tokens: 12,
            },
        });
        let answer = serde_json::json!({"stopReason": "end_turn"});
        lines.push_str(&result_line(prompted.id.as_ref().unwrap(), &answer));
        self.stream.write_all(lines.as_bytes()).unwrap();
    }

    pub(crate) fn decide(&mut self, wanted: &str) -> (Option<RequestId>, Decide) {
        let (id, params) = self.expect(wanted);
        (id, serde_json::from_value(params).unwrap())
    }
}

/// What `session/prompt` said.
pub(crate) struct Prompted {
    pub(crate) id: Option<RequestId>,
    pub(crate) text: String,
    pub(crate) extras: PromptExtras,
}

fn split(line: &str) -> (LineKind, String) {
    match line.split_at(1) {
        ("-", text) => (LineKind::Removed, text.to_owned()),
        ("+", text) => (LineKind::Added, text.to_owned()),
        _ => panic!("{line:?} begins with neither - nor +"),
    }
}
