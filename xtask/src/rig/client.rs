//! A client that speaks the daemon's protocol itself and stamps what it sends and what it gets.

use super::fake::LIMIT;
use super::lines::{Lines, now_us};
use anyhow::{Context, anyhow, bail};
use brisk_domain::{Event, Intent, SessionId, TurnId};
use brisk_protocol::{
    BRISK_META, Decide, Envelope, HunkSet, Incoming, PromptExtras, RequestId, Resume, greeting, method,
    notify_line, parse, request_line,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// An event and when it could be read here, microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) t_us: u64,
    pub(crate) event: Event,
}

/// The answer to a request.
type Outcome = Result<Value, String>;

/// A connection to the daemon. Events are kept until they are asked for.
#[derive(Debug)]
pub(crate) struct Client {
    write: UnixStream,
    lines: Lines,
    next: i64,
    events: Vec<Came>,
    answers: Vec<(RequestId, Outcome)>,
}

/// A request and when it was about to be written.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) id: RequestId,
    pub(crate) t_us: u64,
}

/// How a prompt is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) text: &'a str,
    pub(crate) target: &'a str,
    pub(crate) intent: Intent,
    pub(crate) auto_keep: bool,
}

impl Client {
    pub(crate) fn connect(socket: &Path) -> anyhow::Result<Client> {
        let write = UnixStream::connect(socket)?;
        let lines = Lines::of(write.try_clone()?);
        let mut client = Client {
            write,
            lines,
            next: 0,
            events: Vec::new(),
            answers: Vec::new(),
        };
        client.call("initialize", &greeting("xtask", ""))?;
        Ok(client)
    }

    pub(crate) fn send(&mut self, name: &str, params: &impl Serialize) -> anyhow::Result<Sent> {
        self.next += 1;
        let id = RequestId::Number(self.next);
        let line = request_line(&id, name, params);
        let t_us = now_us();
        self.write.write_all(line.as_bytes())?;
        Ok(Sent { id, t_us })
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn call(&mut self, name: &str, params: &impl Serialize) -> anyhow::Result<Value> {
        let sent = self.send(name, params)?;
        self.answer(&sent).with_context(|| name.to_owned())
    }

    /// Waits for the answer to a request.
    pub(crate) fn answer(&mut self, sent: &Sent) -> anyhow::Result<Value> {
        loop {
            if let Some(at) = self.answers.iter().position(|(id, _)| *id == sent.id) {
                return self.answers.swap_remove(at).1.map_err(|message| anyhow!(message));
            }
            self.read()?;
        }
    }

    pub(crate) fn session(&mut self, cwd: &Path) -> anyhow::Result<SessionId> {
        let opened = self.call("session/new", &json!({"cwd": cwd, "mcpServers": []}))?;
        let name = opened["sessionId"].as_str().unwrap_or_default();
        let number = name.strip_prefix('s').and_then(|n| n.parse().ok());
        Ok(SessionId(
            number.with_context(|| format!("a session called {name:?}"))?,
        ))
    }

    pub(crate) fn prompt(&mut self, session: SessionId, ask: Ask<'_>) -> anyhow::Result<Sent> {
        let extras = PromptExtras {
            targets: vec![ask.target.to_owned()],
            intent: ask.intent,
            model: None,
            lane: None,
            latency: None,
            auto_keep: ask.auto_keep,
        };
        let params = json!({
            "sessionId": session.to_string(),
            "prompt": [{"type": "text", "text": ask.text}],
            "_meta": {BRISK_META: extras},
        });
        self.send("session/prompt", &params)
    }

    /// Presses the key that stops; gives the moment.
    pub(crate) fn cancel(&mut self, session: SessionId) -> anyhow::Result<u64> {
        let line = notify_line("session/cancel", &json!({"sessionId": session.to_string()}));
        let t_us = now_us();
        self.write.write_all(line.as_bytes())?;
        Ok(t_us)
    }

    /// Keeps all hunks; the answer comes when they are on disk.
    pub(crate) fn keep(&mut self, session_id: SessionId) -> anyhow::Result<Sent> {
        let hunks = HunkSet::All;
        self.send(method::KEEP, &Decide { session_id, hunks })
    }

    /// Drops all hunks that are offered.
    pub(crate) fn reject(&mut self, session_id: SessionId) -> anyhow::Result<()> {
        let hunks = HunkSet::All;
        self.call(method::REJECT, &Decide { session_id, hunks }).map(drop)
    }

    /// Reads what comes until that moment.
    pub(crate) fn read_until(&mut self, t_us: u64) -> anyhow::Result<()> {
        loop {
            let left = t_us.saturating_sub(now_us());
            if left == 0 {
                return Ok(());
            }
            if let Some((t_us, line)) = self.lines.next(Duration::from_micros(left))? {
                self.take(t_us, &line)?;
            }
        }
    }

    /// Reads until such an event has come; gives it with everything before it.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> anyhow::Result<(Vec<Came>, Came)> {
        let mut seen = 0;
        loop {
            let found = self.events.iter().skip(seen).position(|came| wanted(&came.event));
            if let Some(at) = found {
                let mut before: Vec<Came> = self.events.drain(..=seen + at).collect();
                let last = before.pop().context("something was found")?;
                return Ok((before, last));
            }
            seen = self.events.len();
            self.read()?;
        }
    }

    /// Everything that came and was not asked for.
    pub(crate) fn events(&mut self) -> Vec<Came> {
        std::mem::take(&mut self.events)
    }

    /// Reads until the turn is over.
    pub(crate) fn ended(&mut self) -> anyhow::Result<(Vec<Came>, Came)> {
        self.until(|event| matches!(event, Event::TurnEnded { .. }))
    }

    fn read(&mut self) -> anyhow::Result<()> {
        match self.lines.next(LIMIT)? {
            Some((t_us, line)) => self.take(t_us, &line),
            None => bail!("the daemon said nothing for {} s", LIMIT.as_secs()),
        }
    }

    fn take(&mut self, t_us: u64, line: &str) -> anyhow::Result<()> {
        match parse(line)? {
            Incoming::Notification { method, params } => {
                if method == method::EVENT {
                    let Envelope { event, .. } = serde_json::from_str(params.get())?;
                    self.events.push(Came { t_us, event });
                }
            }
            Incoming::Response { id, outcome } => {
                let outcome = match outcome {
                    Ok(raw) => Ok(serde_json::from_str(raw.get())?),
                    Err(body) => Err(body.message),
                };
                self.answers.push((id, outcome));
            }
            Incoming::Request { method, .. } => bail!("the daemon asks for {method}"),
        }
        Ok(())
    }
}

/// A client that wants all events of a session and never reads one.
#[derive(Debug)]
pub(crate) struct Deaf {
    _stream: UnixStream,
}

impl Deaf {
    pub(crate) fn connect(socket: &Path, session_id: SessionId) -> anyhow::Result<Deaf> {
        let mut stream = UnixStream::connect(socket)?;
        let hello = request_line(&RequestId::Number(1), "initialize", &greeting("xtask", ""));
        let resume = Resume { session_id, from: 1 };
        let resume = request_line(&RequestId::Number(2), method::RESUME, &resume);
        stream.write_all((hello + &resume).as_bytes())?;
        Ok(Deaf { _stream: stream })
    }
}

/// The turn that an event of a stream belongs to; none for what may come at any time.
pub(crate) fn turn(event: &Event) -> Option<TurnId> {
    match event {
        Event::TurnStarted { turn, .. }
        | Event::PlaceFound { turn, .. }
        | Event::Routed { turn, .. }
        | Event::FirstToken { turn }
        | Event::HunkOpened { turn, .. }
        | Event::HunkLine { turn, .. }
        | Event::HunkDropped { turn, .. }
        | Event::HunkReady { turn, .. }
        | Event::Prose { turn, .. }
        | Event::Notice { turn, .. }
        | Event::BudgetReached { turn, .. }
        | Event::TurnEnded { turn, .. } => Some(*turn),
        Event::HunkChanged { .. } | Event::Queued { .. } | Event::Unqueued { .. } => None,
    }
}
