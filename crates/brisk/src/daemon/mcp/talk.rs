//! One server: its process, a thread that reads it and one that writes to it, and one request at a time.

use super::line::Lines;
use crate::config::ToolServer;
use brisk_sandbox::{EnvRule, Server};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

/// The version of the protocol that is offered; a server may answer with another one, and the three requests are the
/// same in all of them.
const VERSION: &str = "2025-06-18";

/// Messages beside the answer that a server may send while it is asked something.
const CHATTER: usize = 1_000;

/// Bytes of all lines that may come while a server is asked something.
const FLOOD: usize = 16 << 20;

/// Lines that wait to be read; more make the server wait.
const WAITING: usize = 8;

/// How often whoever waits looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// Variables that any program of the person's needs.
const USUAL: [&str; 8] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
];

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server refused the request, in its own words. It goes on.
    Refused(String),
    /// It did not start.
    Start(String),
    /// It did not answer in time.
    Silent(Duration),
    /// It sent too much, or a line without end.
    Flood(String),
    /// It ended.
    Gone,
    /// Nobody wants the answer any more.
    Unwanted,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Refused(why) | Trouble::Start(why) | Trouble::Flood(why) => f.write_str(why),
            Trouble::Silent(wait) => write!(f, "it did not answer within {} s", wait.as_secs()),
            Trouble::Gone => f.write_str("it ended"),
            Trouble::Unwanted => f.write_str("it was stopped"),
        }
    }
}

/// A server that runs.
pub(super) struct Link {
    /// Ends with this.
    _server: Server,
    /// Written by a thread: a server that reads nothing blocks only that.
    out: Sender<String>,
    lines: Receiver<Result<String, String>>,
    timeout: Duration,
    next: u64,
}

impl Link {
    /// Starts it; says nothing yet.
    pub(super) fn open(config: &ToolServer) -> Result<Link, Trouble> {
        let argv: Vec<OsString> = config.command.iter().map(OsString::from).collect();
        let names = USUAL.into_iter().chain(config.pass.iter().map(String::as_str));
        let env: Vec<EnvRule> = names.map(|n| EnvRule::Pass(n.into())).collect();
        let begun = Server::start(&argv, &env, Path::new("/"));
        let (server, input, output) = begun.map_err(|e| Trouble::Start(e.to_string()))?;
        let (out, to_write) = channel();
        let (came, lines) = sync_channel(WAITING);
        std::thread::spawn(move || write(input, &to_write));
        std::thread::spawn(move || read(output, &came));
        Ok(Link {
            _server: server,
            out,
            lines,
            timeout: Duration::from_secs(config.timeout_s.max(1)),
            next: 0,
        })
    }

    /// The greeting with which every conversation begins.
    pub(super) fn greet(&mut self, wanted: &dyn Fn() -> bool) -> Result<(), Trouble> {
        let hello = json!({
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": {"name": "brisk", "version": env!("CARGO_PKG_VERSION")},
        });
        self.ask("initialize", &hello, wanted)?;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// [`Trouble::Refused`]: the next request may be asked. After any other the server is of no use.
    pub(super) fn ask(
        &mut self,
        method: &str,
        params: &Value,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Value, Trouble> {
        self.next += 1;
        let id = self.next;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        let until = Instant::now() + self.timeout;
        let mut bytes = 0;
        for _ in 0..CHATTER {
            let line = self.line(until, wanted)?;
            bytes += line.len();
            if bytes > FLOOD {
                return Err(Trouble::Flood(format!(
                    "it sent more than {FLOOD} bytes in one answer"
                )));
            }
            // What is no message at all may be a word for people that went the wrong way.
            let Ok(message) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            match (message.get("method"), message.get("id")) {
                (Some(_), Some(theirs)) => self.reply(&message, theirs)?,
                (None, Some(theirs)) if *theirs == json!(id) => return answer(message),
                _ => {}
            }
        }
        Err(Trouble::Flood(format!(
            "it sent {CHATTER} messages and no answer"
        )))
    }

    fn line(&self, until: Instant, wanted: &dyn Fn() -> bool) -> Result<String, Trouble> {
        loop {
            if !wanted() {
                return Err(Trouble::Unwanted);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Trouble::Silent(self.timeout));
            }
            match self.lines.recv_timeout(left.min(LOOK)) {
                Ok(Ok(line)) => return Ok(line),
                Ok(Err(why)) => return Err(Trouble::Flood(why)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Trouble::Gone),
            }
        }
    }

    /// What a server asks of us: whether we are there. It gets no model and no folders.
    fn reply(&self, request: &Value, id: &Value) -> Result<(), Trouble> {
        let ping = request.get("method").and_then(Value::as_str) == Some("ping");
        self.send(&match ping {
            true => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
            false => json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "not offered"}}),
        })
    }

    fn send(&self, message: &Value) -> Result<(), Trouble> {
        self.out.send(format!("{message}\n")).map_err(|_| Trouble::Gone)
    }
}

fn answer(mut message: Value) -> Result<Value, Trouble> {
    if let Some(error) = message.get("error") {
        let words = error
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or("it gave no reason");
        return Err(Trouble::Refused(words.chars().take(400).collect()));
    }
    Ok(message.get_mut("result").map(Value::take).unwrap_or_default())
}

fn write(mut input: impl Write, lines: &Receiver<String>) {
    while let Ok(line) = lines.recv() {
        // A server that is gone is found out by its silence.
        if input
            .write_all(line.as_bytes())
            .and_then(|()| input.flush())
            .is_err()
        {
            return;
        }
    }
}

fn read(output: impl std::io::Read, came: &SyncSender<Result<String, String>>) {
    for line in Lines::new(output) {
        let line = line.map_err(|e| e.to_string());
        let broken = line.is_err();
        if came.send(line).is_err() || broken {
            return;
        }
    }
}
