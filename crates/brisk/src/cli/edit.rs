//! `edit` and `ask`: the shell around [`Turn`]. One thread polls socket, keys and signals; the person comes first.

use crate::cli::args::RouteArgs;
use crate::cli::connect::{self, VERSION, acp_method};
use crate::cli::context::Context;
use crate::cli::face::{Face, Json, Live, Output, Plain};
use crate::cli::json;
use crate::cli::keys::keys;
use crate::cli::link::{Link, lost};
use crate::cli::outcome::Outcome;
use crate::cli::term::{self, Keyboard, Signals};
use crate::cli::turn::{Act, Call, Input, Setting, Turn};
use crate::exit::{CliError, Exit};
use crate::models::began::Asks;
use brisk_domain::{Intent, ModelId, SessionId};
use brisk_protocol::acp::{CancelNotification, ContentBlock, Meta, PromptRequest, TextContent};
use brisk_protocol::{
    BRISK_META, ClientKind, Decide, Envelope, Felt, Incoming, PromptExtras, RequestId, SessionRef, method,
};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, Write};
use std::os::fd::AsFd;

/// What the person asked for.
#[derive(Debug)]
pub(crate) struct Wish {
    /// In words.
    pub text: String,
    /// Places, as typed.
    pub targets: Vec<String>,
    /// Edit or ask.
    pub intent: Intent,
    /// Keep every hunk without a question.
    pub yes: bool,
    /// Where it goes.
    pub route: RouteArgs,
}

/// Runs one turn to its end.
pub(crate) fn run(context: &Context, wish: Wish) -> Result<Exit, CliError> {
    let cwd = crate::cli::cwd()?;
    let asks = wish.route.model.as_deref().map_or(Asks::Listed, Asks::Named);
    let (mut link, session) = connect::session(&context.home, cwd.clone(), asks)?;
    let name = session.session_id.0;
    let id = name
        .strip_prefix('s')
        .and_then(|n| n.parse().ok())
        .map(SessionId)
        .ok_or_else(|| lost(format!("unknown session name {name:?}")))?;

    let extras = PromptExtras {
        targets: wish.targets,
        intent: wish.intent,
        model: wish.route.model.map(ModelId),
        lane: wish.route.lane,
        latency: wish.route.latency,
        auto_keep: wish.yes,
    };
    let meta = Meta::from_iter([(BRISK_META.to_owned(), serde_json::to_value(extras).map_err(lost)?)]);
    let prompt = PromptRequest::new(
        name.to_string(),
        vec![ContentBlock::Text(TextContent::new(wish.text))],
    )
    .meta(meta);
    let prompt = link.request(acp_method::SESSION_PROMPT, &prompt)?;

    // Everything about the terminal waits until the prompt is on its way.
    let streams = context.streams;
    let interactive = streams.input && streams.output && !context.json;
    let keyboard = if interactive { Keyboard::take().ok() } else { None };
    let signals = Signals::take(keyboard.is_some())
        .map_err(|e| CliError::new(Exit::Killed, format!("signals cannot be handled: {e}")))?;
    let face = if context.json {
        let fields = serde_json::json!({
            "version": VERSION,
            "session": id,
            "cwd": cwd,
            "began_us": context.began_us(),
        });
        Face::Json(Json::new(json::line("started", context.t_us(), fields)))
    } else if streams.output && !streams.dumb {
        Face::Live(Live::new(term::size(), context.colour()))
    } else {
        Face::Plain(Plain::new(context.colour()))
    };
    let setting = Setting {
        intent: wish.intent,
        interactive: keyboard.is_some(),
        auto_keep: wish.yes,
    };
    let mut shell = Shell {
        context,
        link,
        name: name.to_string(),
        session: id,
        prompt,
        decisions: Vec::new(),
        turn: Turn::new(setting),
        face,
        keyboard,
        signals,
        outcome: None,
        unheard: None,
        // Enter was pressed when the command began.
        felt: Some(Felt::key(id, ClientKind::Cli, context.began_us())),
    };
    shell.run()
}

struct Shell<'a> {
    context: &'a Context,
    link: Link,
    name: String,
    session: SessionId,
    /// Request ids that the turn waits for.
    prompt: i64,
    decisions: Vec<i64>,
    turn: Turn,
    face: Face,
    keyboard: Option<Keyboard>,
    signals: Signals,
    outcome: Option<Outcome>,
    /// Why nothing more can be shown. The turn is stopped then, and its end awaited: only that says what was written.
    unheard: Option<CliError>,
    /// None once it was told.
    felt: Option<Felt>,
}

/// Which of the three has something.
struct Woken {
    keys: bool,
    signals: bool,
    socket: bool,
}

impl Shell<'_> {
    fn run(&mut self) -> Result<Exit, CliError> {
        // What came together with the session's answer.
        self.messages()?;
        loop {
            if let Some(outcome) = self.outcome.take() {
                self.face.end(&outcome, self.context.t_us());
                self.flush()?;
                if let Some(error) = self.unheard.take() {
                    return Err(error.hint(outcome.on_disk()));
                }
                self.painted();
                return Ok(outcome.exit);
            }
            self.face.ask(self.turn.question().as_ref());
            self.flush()?;
            let woken = self.wait()?;
            if woken.signals && self.told()? {
                self.flush()?;
                return Ok(Exit::Killed);
            }
            if woken.keys {
                self.read_keys()?;
            }
            if woken.socket && self.outcome.is_none() {
                if self.link.fill()? {
                    self.messages()?;
                } else {
                    self.input(Input::Gone)?;
                }
            }
        }
    }

    fn wait(&self) -> Result<Woken, CliError> {
        let stdin = io::stdin();
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.link.as_fd(), PollFlags::IN),
        ];
        if self.keyboard.is_some() {
            fds.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(lost(e)),
        }
        let woken = |i: usize| fds.get(i).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Woken {
            signals: woken(0),
            socket: woken(1),
            keys: woken(2),
        })
    }

    /// `true`: end now.
    fn told(&mut self) -> Result<bool, CliError> {
        let told = self.signals.told();
        if told.end {
            self.face.ask(None);
            return Ok(true);
        }
        if told.interrupt {
            self.input(Input::Interrupt)?;
        }
        if told.suspend
            && let Some(keyboard) = &self.keyboard
        {
            self.face.ask(None);
            write(self.face.take())?;
            keyboard
                .suspend()
                .map_err(|e| CliError::new(Exit::Killed, format!("the terminal is gone: {e}")))?;
            self.face.resumed(term::size());
        } else if told.resized {
            self.face.resize(term::size());
        }
        Ok(false)
    }

    fn read_keys(&mut self) -> Result<(), CliError> {
        let mut bytes = [0; 256];
        let n = match rustix::io::read(io::stdin(), &mut bytes) {
            Ok(n) => n,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(_) => 0,
        };
        if n == 0 {
            // The terminal went away: nobody can decide any more.
            self.keyboard = None;
            return self.input(Input::Interrupt);
        }
        for key in keys(bytes.get(..n).unwrap_or_default()) {
            self.input(Input::Key(key))?;
        }
        Ok(())
    }

    /// Every whole message that was read.
    fn messages(&mut self) -> Result<(), CliError> {
        while let Some(message) = self.link.next() {
            match message? {
                Incoming::Notification { method, params } if method == method::EVENT => {
                    let envelope: Envelope = serde_json::from_str(params.get()).map_err(lost)?;
                    if envelope.session_id != self.session {
                        continue;
                    }
                    if let Some(felt) = &mut self.felt {
                        felt.on_event(&envelope.event, self.context.now_us());
                    }
                    self.input(Input::Event(&envelope.event))?;
                    self.face.event(&envelope, self.turn.book(), self.context.t_us());
                }
                Incoming::Response { id, outcome } => {
                    let RequestId::Number(id) = id else { continue };
                    let outcome = outcome.map_err(CliError::from);
                    if id == self.prompt {
                        self.input(Input::Answered(outcome.map(drop)))?;
                    } else if self.decisions.contains(&id) {
                        let decided = match outcome {
                            Ok(raw) => serde_json::from_str(raw.get()).map_err(lost),
                            Err(e) => Err(e),
                        };
                        self.input(Input::Decided(decided))?;
                    } else {
                        outcome?;
                    }
                }
                Incoming::Notification { .. } | Incoming::Request { .. } => {}
            }
        }
        Ok(())
    }

    fn input(&mut self, input: Input<'_>) -> Result<(), CliError> {
        let by_person = matches!(input, Input::Key(_) | Input::Interrupt);
        let acts = self.turn.on(input, self.context.t_us());
        if by_person
            && acts.contains(&Act::Send(Call::Cancel))
            && let Some(felt) = &mut self.felt
        {
            felt.on_stop(self.context.now_us());
        }
        self.act(acts)
    }

    fn act(&mut self, acts: Vec<Act>) -> Result<(), CliError> {
        for act in acts {
            match act {
                Act::Send(call) => self.send(call)?,
                Act::End(outcome) => self.outcome = Some(outcome),
            }
        }
        Ok(())
    }

    fn send(&mut self, call: Call) -> Result<(), CliError> {
        let session_id = self.session;
        match call {
            Call::Cancel => self.link.notify(
                acp_method::SESSION_CANCEL,
                &CancelNotification::new(self.name.clone()),
            ),
            Call::RaiseBudget => self
                .link
                .request(method::RAISE_BUDGET, &SessionRef { session_id })
                .map(drop),
            Call::Keep(hunks) => {
                let id = self.link.request(method::KEEP, &Decide { session_id, hunks })?;
                self.decisions.push(id);
                Ok(())
            }
            Call::Reject(hunks) => {
                let id = self.link.request(method::REJECT, &Decide { session_id, hunks })?;
                self.decisions.push(id);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> Result<(), CliError> {
        let output = self.face.take();
        if self.unheard.is_some() || output == Output::default() {
            return Ok(());
        }
        if let Err(error) = write(output) {
            self.unheard = Some(error);
            let acts = self.turn.unheard();
            return self.act(acts);
        }
        self.painted();
        Ok(())
    }

    /// What came is on the screen. Tells the daemon what the turn felt like once its end is painted.
    fn painted(&mut self) {
        let Some(felt) = &mut self.felt else { return };
        felt.on_painted(self.context.now_us());
        if felt.is_over()
            && let Some(record) = self.felt.take().and_then(Felt::finish)
        {
            // Figures are no reason to fail: a daemon that is gone is noticed elsewhere.
            let _ = self.link.notify(method::FELT, &record);
        }
    }
}

/// Writes what a face has to show. A reader that went away ends the command like a stop.
fn write(output: Output) -> Result<(), CliError> {
    let send = |stream: &mut dyn Write, text: &str| -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        stream.write_all(text.as_bytes())?;
        stream.flush()
    };
    send(&mut io::stdout().lock(), &output.out)
        .and_then(|()| send(&mut io::stderr().lock(), &output.err))
        .map_err(|e| CliError::new(Exit::Killed, format!("the output cannot be written: {e}")))
}
