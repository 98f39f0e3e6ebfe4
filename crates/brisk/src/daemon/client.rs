//! One connected client: its requests in the order in which they come, each answered when it is done. Reading
//! never waits for an answer, so a cancel is always seen.

use super::actor::{Control, Handle};
use super::gather::parse_target;
use super::hub::{Hub, refuse, refuse_worktree};
use super::mailbox::{Mail, Mailbox, Take};
use super::repository;
use crate::exit::Exit;
use brisk_domain::{CancelReason, Command, HunkSelector, Intent, Prompt, SessionId, StopReason};
use brisk_protocol::{
    BRISK_META, DaemonStatus, Decide, Envelope, ErrorBody, ErrorCode, HunkSet, Incoming, LogRequest,
    ModelsReply, PromptExtras, ProtocolVersion, RepoRequest, RequestId, Resume, Resumed, SessionRef, Steer,
    UndoRequest, Warm, acp, error_line, method, notify_line, parse, result_line,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{mpsc, oneshot};

/// Bytes of events that may wait for one client.
const MAILBOX_CAP: usize = 1 << 20;

/// A connection after its transport: lines in, mail out.
pub(crate) struct Client {
    hub: Arc<Hub>,
    mailbox: Arc<Mailbox>,
    joined: BTreeMap<SessionId, Handle>,
}

/// Where a client's bytes go; the transport says how.
pub(crate) trait Outlet: Send {
    /// Writes whole lines. An error ends the connection.
    fn write(&mut self, lines: String) -> impl Future<Output = std::io::Result<()>> + Send;
}

impl Client {
    /// Serves until the lines end.
    pub(crate) async fn serve(
        hub: Arc<Hub>,
        mut lines: mpsc::Receiver<String>,
        outlet: impl Outlet + 'static,
    ) {
        hub.clients.fetch_add(1, Ordering::Relaxed);
        let mailbox = Arc::new(Mailbox::new(MAILBOX_CAP));
        let writer = tokio::spawn(deliver(Arc::clone(&hub), Arc::clone(&mailbox), outlet));
        let mut client = Client {
            hub,
            mailbox,
            joined: BTreeMap::new(),
        };
        while let Some(line) = lines.recv().await {
            client.hub.touch();
            client.line(&line).await;
        }
        client.leave();
        client.mailbox.close();
        let _ = writer.await;
        client.hub.clients.fetch_sub(1, Ordering::Relaxed);
        client.hub.touch();
    }

    /// A client that goes ends the turns that only it was watching; what is finished stays offered.
    fn leave(&mut self) {
        for (id, handle) in std::mem::take(&mut self.joined) {
            let control = Control::Unsubscribe {
                mailbox: Arc::clone(&self.mailbox),
                hub: Arc::clone(&self.hub),
                id,
            };
            let _ = handle.control.send(control);
        }
    }

    fn answer<T: Serialize>(&self, id: &RequestId, outcome: Result<T, ErrorBody>) {
        reply(&self.mailbox, id, outcome);
    }

    async fn line(&mut self, line: &str) {
        match parse(line) {
            Ok(Incoming::Request { id, method, params }) => self.request(id, &method, &params).await,
            Ok(Incoming::Notification { method, params }) => self.notified(&method, &params),
            // This side asks its clients nothing yet.
            Ok(Incoming::Response { .. }) => {}
            Err(malformed) => {
                let body = ErrorBody {
                    code: ErrorCode::Parse.number(),
                    message: malformed.to_string(),
                    data: None,
                };
                self.mailbox.line(error_line(None, &body));
            }
        }
    }

    fn notified(&mut self, name: &str, params: &RawValue) {
        match name {
            "session/cancel" => {
                if let Ok(note) = decode::<acp::CancelNotification>(params)
                    && let Ok(id) = session_id(&note.session_id)
                    && let Some(handle) = self.joined.get(&id)
                {
                    let _ = handle.control.send(Control::Tell(Command::Interrupt));
                }
            }
            method::WARM => {
                if let Ok(warm) = decode::<Warm>(params)
                    && let Some(handle) = self.joined.get(&warm.session_id)
                {
                    let _ = handle.control.send(Control::Warm { path: warm.path });
                }
            }
            // Unknown notifications are ignored, as JSON-RPC asks.
            _ => {}
        }
    }

    async fn request(&mut self, id: RequestId, name: &str, params: &RawValue) {
        match name {
            "initialize" => self.answer(&id, initialize(params)),
            "session/new" => {
                let opened = self.new_session(params).await;
                self.answer(&id, opened);
            }
            "session/prompt" => match self.prompt(params).await {
                Ok(over) => self.later(id, over, |stop| Ok(acp::PromptResponse::new(stop_reason(&stop)))),
                Err(body) => self.answer::<()>(&id, Err(body)),
            },
            method::STEER | method::QUEUE => {
                let told = self.steer(params, name == method::QUEUE).await;
                self.answer(&id, told);
            }
            method::KEEP | method::REJECT => match self.decide(params, name == method::KEEP).await {
                Ok(done) => self.later(id, done, Ok),
                Err(body) => self.answer::<()>(&id, Err(body)),
            },
            method::RAISE_BUDGET => {
                let told = self.tell(params, Command::RaiseBudget).await;
                self.answer(&id, told);
            }
            method::RESUME => self.resume(id, params).await,
            method::UNDO | method::REDO | method::STATUS | method::LOG => {
                self.repository(id, name, params).await
            }
            method::MODELS => self.answer(
                &id,
                Ok(ModelsReply {
                    models: self.hub.models.states(),
                }),
            ),
            method::DAEMON => self.answer(&id, Ok(self.status())),
            method::SHUTDOWN => {
                // The writer asks the daemon to go once this is out.
                self.mailbox.farewell(result_line(&id, &()));
            }
            other => {
                let message = format!("unknown method {other}");
                let body = ErrorBody {
                    code: ErrorCode::MethodNotFound.number(),
                    message,
                    data: None,
                };
                self.answer::<()>(&id, Err(body));
            }
        }
    }

    /// Answers when the receiver has something, without holding up what this client says next.
    fn later<T, R>(&self, id: RequestId, value: oneshot::Receiver<T>, map: fn(T) -> Result<R, ErrorBody>)
    where
        T: Send + 'static,
        R: Serialize + 'static,
    {
        let mailbox = Arc::clone(&self.mailbox);
        tokio::spawn(async move {
            let outcome = match value.await {
                Ok(value) => map(value),
                Err(_) => Err(refuse(Exit::Daemon, "the session ended; start a new one")),
            };
            reply(&mailbox, &id, outcome);
        });
    }

    async fn new_session(&mut self, params: &RawValue) -> Result<acp::NewSessionResponse, ErrorBody> {
        let request: acp::NewSessionRequest = decode(params)?;
        if !request.cwd.is_absolute() {
            return Err(refuse(
                Exit::Target,
                format!("{} is not an absolute path", request.cwd.display()),
            ));
        }
        if self.hub.models.is_empty() {
            return Err(refuse(
                Exit::NoModel,
                "no model is configured or fetched; run `brisk model pull` (1.1 GB, once), or name a server in config.toml",
            ));
        }
        let id = self.hub.new_session(&request.cwd).await?;
        self.join(id).await?;
        Ok(acp::NewSessionResponse::new(id.to_string()))
    }

    async fn join(&mut self, id: SessionId) -> Result<u64, ErrorBody> {
        let handle = self.hub.session(id).await?;
        let (last, answer) = oneshot::channel();
        let mailbox = Arc::clone(&self.mailbox);
        let gone = |_| refuse(Exit::Daemon, "the session ended; start a new one");
        handle
            .control
            .send(Control::Subscribe { mailbox, last })
            .map_err(|_| gone(()))?;
        self.joined.insert(id, handle);
        answer.await.map_err(|_| gone(()))
    }

    async fn handle(&mut self, id: SessionId) -> Result<Handle, ErrorBody> {
        if !self.joined.contains_key(&id) {
            self.join(id).await?;
        }
        self.joined
            .get(&id)
            .cloned()
            .ok_or_else(|| refuse(Exit::Target, format!("there is no session {id}")))
    }

    async fn prompt(&mut self, params: &RawValue) -> Result<oneshot::Receiver<StopReason>, ErrorBody> {
        let request: acp::PromptRequest = decode(params)?;
        let id = session_id(&request.session_id)?;
        let extras = match request.meta.as_ref().and_then(|m| m.get(BRISK_META)) {
            Some(value) => serde_json::from_value(value.clone()).map_err(|e| invalid(&e))?,
            None => PromptExtras {
                targets: vec![],
                intent: Intent::Edit,
                model: None,
                auto_keep: false,
            },
        };
        let mut text = String::new();
        for block in &request.prompt {
            if let acp::ContentBlock::Text(t) = block {
                text.push_str(&t.text);
            }
        }
        let handle = self.handle(id).await?;
        let command = Command::Prompt(prompt_of(&handle, text, extras)?);
        let (over, answer) = oneshot::channel();
        send(&handle, Control::Prompt { command, over })?;
        Ok(answer)
    }

    async fn steer(&mut self, params: &RawValue, queue: bool) -> Result<(), ErrorBody> {
        let steer: Steer = decode(params)?;
        let handle = self.handle(steer.session_id).await?;
        let prompt = prompt_of(&handle, steer.text, steer.extras)?;
        let command = if queue {
            Command::Queue(prompt)
        } else {
            Command::Prompt(prompt)
        };
        send(&handle, Control::Tell(command))
    }

    async fn tell(&mut self, params: &RawValue, command: Command) -> Result<(), ErrorBody> {
        let session: SessionRef = decode(params)?;
        let handle = self.handle(session.session_id).await?;
        send(&handle, Control::Tell(command))
    }

    async fn decide(
        &mut self,
        params: &RawValue,
        keep: bool,
    ) -> Result<oneshot::Receiver<brisk_protocol::Decided>, ErrorBody> {
        let decide: Decide = decode(params)?;
        let handle = self.handle(decide.session_id).await?;
        let which = match decide.hunks {
            HunkSet::All => HunkSelector::All,
            HunkSet::Ids(ids) => HunkSelector::Ids(ids),
        };
        let command = if keep {
            Command::Keep(which)
        } else {
            Command::Reject(which)
        };
        let (done, answer) = oneshot::channel();
        send(&handle, Control::Decide { command, done })?;
        Ok(answer)
    }

    /// Joins a session and sends its events from a number on, then everything newer, each once.
    async fn resume(&mut self, id: RequestId, params: &RawValue) {
        let resume: Resume = match decode(params) {
            Ok(resume) => resume,
            Err(body) => return self.answer::<()>(&id, Err(body)),
        };
        // A client that already gets this session's events asks for them once more, in order.
        self.mailbox.hold(resume.session_id);
        let joined = match self.joined.contains_key(&resume.session_id) {
            true => self.hub.last(resume.session_id).await,
            false => self.join(resume.session_id).await,
        };
        match joined {
            Ok(last) => {
                self.answer(&id, Ok(Resumed { last }));
                self.mailbox.replay(resume.session_id, resume.from);
            }
            Err(body) => self.answer::<()>(&id, Err(body)),
        }
    }

    async fn repository(&mut self, id: RequestId, name: &str, params: &RawValue) {
        let cwd = match decode::<RepoRequest>(params) {
            Ok(request) => request.cwd,
            Err(body) => return self.answer::<()>(&id, Err(body)),
        };
        let repo = match self.hub.repo(&cwd).await {
            Ok(repo) => repo,
            Err(body) => return self.answer::<()>(&id, Err(body)),
        };
        let (name, params, mailbox) = (name.to_owned(), params.to_owned(), Arc::clone(&self.mailbox));
        tokio::task::spawn_blocking(move || {
            let of = |e| refuse_worktree(&e);
            match name.as_str() {
                method::UNDO => {
                    let done = decode::<UndoRequest>(&params)
                        .and_then(|request| repository::undo(&repo, &request.what).map_err(of));
                    reply(&mailbox, &id, done);
                }
                method::REDO => reply(&mailbox, &id, repository::redo(&repo).map_err(of)),
                method::STATUS => reply(&mailbox, &id, repository::status(&repo).map_err(of)),
                _ => {
                    let entries = decode::<LogRequest>(&params)
                        .and_then(|request| repository::log(&repo, request.limit).map_err(of));
                    reply(&mailbox, &id, entries);
                }
            }
        });
    }

    fn status(&self) -> DaemonStatus {
        DaemonStatus {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            up_s: self.hub.started.elapsed().as_secs(),
            sessions: self.hub.sessions(),
            clients: self.hub.clients.load(Ordering::Relaxed),
            rss: resident_bytes(),
            websocket: self.hub.websocket.lock().ok().and_then(|w| w.clone()),
        }
    }
}

fn reply<T: Serialize>(mailbox: &Mailbox, id: &RequestId, outcome: Result<T, ErrorBody>) {
    mailbox.line(match outcome {
        Ok(result) => result_line(id, &result),
        Err(body) => error_line(Some(id), &body),
    });
}

fn send(handle: &Handle, control: Control) -> Result<(), ErrorBody> {
    handle
        .control
        .send(control)
        .map_err(|_| refuse(Exit::Daemon, "the session ended; start a new one"))
}

fn prompt_of(handle: &Handle, text: String, extras: PromptExtras) -> Result<Prompt, ErrorBody> {
    if text.trim().is_empty() {
        return Err(refuse(Exit::Usage, "the request is empty; say what to change"));
    }
    let targets = extras
        .targets
        .iter()
        .map(|raw| parse_target(&handle.repo, &handle.cwd, raw))
        .collect::<Result<_, _>>()
        .map_err(|message| refuse(Exit::Target, message))?;
    Ok(Prompt {
        text,
        targets,
        intent: extras.intent,
        model: extras.model,
        auto_keep: extras.auto_keep,
    })
}

fn invalid(error: &serde_json::Error) -> ErrorBody {
    ErrorBody {
        code: ErrorCode::InvalidParams.number(),
        message: error.to_string(),
        data: None,
    }
}

fn decode<T: DeserializeOwned>(params: &RawValue) -> Result<T, ErrorBody> {
    serde_json::from_str(params.get()).map_err(|e| invalid(&e))
}

/// ACP's session ids are texts; ours are `s` and a number.
fn session_id(id: &acp::SessionId) -> Result<SessionId, ErrorBody> {
    let number = id.0.strip_prefix('s').and_then(|n| n.parse().ok());
    number
        .map(SessionId)
        .ok_or_else(|| refuse(Exit::Target, format!("there is no session {}", id.0)))
}

fn initialize(params: &RawValue) -> Result<acp::InitializeResponse, ErrorBody> {
    let _: acp::InitializeRequest = decode(params)?;
    let info = acp::Implementation::new("brisk", env!("CARGO_PKG_VERSION"));
    Ok(acp::InitializeResponse::new(ProtocolVersion::V1).agent_info(info))
}

fn stop_reason(stop: &StopReason) -> acp::StopReason {
    match stop {
        StopReason::EndTurn => acp::StopReason::EndTurn,
        StopReason::Cancelled {
            cause: CancelReason::OverBudget,
        } => acp::StopReason::MaxTurnRequests,
        StopReason::Cancelled { .. } => acp::StopReason::Cancelled,
        StopReason::Failed { .. } => acp::StopReason::Refusal,
    }
}

/// Resident memory of this process, bytes; zero where the kernel does not say.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|s| s.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()))
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// Writes a client's mail at the client's pace; a batch is one write.
async fn deliver(hub: Arc<Hub>, mailbox: Arc<Mailbox>, mut outlet: impl Outlet) {
    let event_line = |e: &Envelope| notify_line(method::EVENT, e);
    loop {
        let written = match mailbox.take().await {
            Take::Batch(batch) => {
                let mut text = String::new();
                for mail in &batch {
                    match mail {
                        Mail::Event(envelope) => text.push_str(&event_line(envelope)),
                        Mail::Line(line) | Mail::Farewell(line) => text.push_str(line),
                    }
                }
                let written = outlet.write(text).await;
                if batch.iter().any(|m| matches!(m, Mail::Farewell(_))) {
                    hub.leave.notify_one();
                }
                written
            }
            Take::CatchUp { session, after } => {
                mailbox.start_reading(session);
                hub.log.flush().await;
                let mut at = after;
                let mut outcome = Ok(());
                while let Ok(events) = hub.log.read(session, at + 1, 1_000).await
                    && let Some(last) = events.last()
                {
                    at = last.seq;
                    outcome = outlet.write(events.iter().map(event_line).collect()).await;
                    if outcome.is_err() {
                        break;
                    }
                }
                mailbox.read_up_to(session, at);
                outcome
            }
            Take::Closed => return,
        };
        if written.is_err() {
            // The reader sees the same end and takes the client down.
            mailbox.close();
            return;
        }
    }
}
