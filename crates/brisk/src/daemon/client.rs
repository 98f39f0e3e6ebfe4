//! One connected client: its requests in the order in which they come, each answered when it is done. Reading
//! never waits for an answer, so a cancel is always seen.

use super::actor::{Control, Handle};
use super::asking::Asking;
use super::hub::{Hub, refuse, refuse_worktree};
use super::mailbox::Mailbox;
use super::options::Choice;
use super::plain::{Plain, Reached, View};
use super::repository;
use crate::exit::Exit;
use brisk_domain::{Command, HunkSelector, ModelId, SessionId};
use brisk_protocol::gate::{self, VerifyStop};
use brisk_protocol::jobs::method as jobs_method;
use brisk_protocol::{
    BRISK_META, DaemonStatus, Decide, ErrorBody, ErrorCode, FeltRecord, HunkSet, Incoming, LogRequest,
    ModelsReply, RepoRequest, RequestId, Resume, Resumed, UndoRequest, Warm, acp, error_line, method, parse,
    result_line,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};

mod acp_only;
mod deliver;
mod jobs;
mod live;
mod turns;
mod verify;

use deliver::deliver;
use verify::Checks;

/// Bytes of events that may wait for one client.
const MAILBOX_CAP: usize = 1 << 20;

/// The model that the prompts of a new session will name, where its client says so.
fn named(meta: Option<&acp::Meta>) -> Option<ModelId> {
    let model = meta?.get(BRISK_META)?.get("model")?.as_str()?;
    Some(ModelId(model.to_owned()))
}

/// A connection after its transport: lines in, mail out.
pub(crate) struct Client {
    hub: Arc<Hub>,
    mailbox: Arc<Mailbox>,
    joined: BTreeMap<SessionId, Handle>,
    /// How it is told what happens; its writer reads this.
    view: Arc<Mutex<View>>,
    asking: Arc<Asking>,
    choices: BTreeMap<SessionId, Choice>,
    checks: Checks,
    /// Where its view reports turns that wait at their budget.
    reached: mpsc::UnboundedSender<Reached>,
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
        let (reached, mut waiting) = mpsc::unbounded_channel();
        // Whoever does not greet is taken for a client that knows nothing but ACP.
        let view = Arc::new(Mutex::new(View::Plain(Plain::new(reached.clone(), false))));
        let writer = tokio::spawn(deliver(
            Arc::clone(&hub),
            Arc::clone(&mailbox),
            Arc::clone(&view),
            outlet,
        ));
        let mut client = Client {
            hub,
            asking: Arc::new(Asking::new(Arc::clone(&mailbox))),
            mailbox,
            joined: BTreeMap::new(),
            view,
            choices: BTreeMap::new(),
            checks: Checks::default(),
            reached,
        };
        loop {
            tokio::select! {
                biased;
                line = lines.recv() => match line {
                    Some(line) => {
                        client.hub.touch();
                        client.line(&line).await;
                    }
                    None => break,
                },
                Some(reached) = waiting.recv() => client.ask_to_grow(reached),
            }
        }
        client.leave();
        client.checks.stop_all();
        client.hub.standings.left(&client.mailbox);
        client.asking.close();
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
            Ok(Incoming::Response { id, outcome }) => self.asking.answered(&id, outcome),
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
                    self.asking.cancel(id);
                    self.checks.stop_of(id);
                }
            }
            gate::method::VERIFY_STOP => {
                if let Ok(VerifyStop { run }) = decode(params) {
                    self.checks.stop(run);
                }
            }
            method::WARM => {
                if let Ok(warm) = decode::<Warm>(params)
                    && let Some(handle) = self.joined.get(&warm.session_id)
                {
                    let _ = handle.control.send(Control::Warm { path: warm.path });
                }
            }
            method::FELT => {
                // One that runs backwards or names no turn is dropped: nobody waits for an answer.
                if let Ok(record) = decode::<FeltRecord>(params) {
                    self.hub.desk.client(record);
                }
            }
            // Unknown notifications are ignored, as JSON-RPC asks.
            _ => {}
        }
    }

    async fn request(&mut self, id: RequestId, name: &str, params: &RawValue) {
        match name {
            "initialize" => {
                let hello = self.initialize(params);
                self.answer(&id, hello);
            }
            "session/new" => {
                let opened = self.new_session(params).await;
                let session = opened.as_ref().ok().and_then(|o| session_id(&o.session_id).ok());
                self.answer(&id, opened);
                if let Some(session) = session {
                    self.advertise(session);
                }
            }
            "session/load" => self.load_session(id, params).await,
            "session/set_mode" => {
                let set = self.set_mode(params).await;
                self.answer(&id, set);
            }
            "session/set_config_option" => {
                let set = self.set_option(params).await;
                self.answer(&id, set);
            }
            "session/prompt" => match self.command(params) {
                Some(slash) => self.run_command(id, params, slash).await,
                None => match self.prompt(params).await {
                    Ok(turn) => self.settle(id, turn),
                    Err(body) => self.answer::<()>(&id, Err(body)),
                },
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
                let raised = self.raise_budget(params).await;
                self.answer(&id, raised);
            }
            method::UNQUEUE => {
                let taken = self.unqueue(params).await;
                self.answer(&id, taken);
            }
            method::RESUME => self.resume(id, params).await,
            method::UNDO | method::REDO | method::STATUS | method::LOG => {
                self.repository(id, name, params).await
            }
            method::COMPLETE | method::SESSIONS | method::LIMITS | method::QUOTA | method::AMEND => {
                self.live(id, name, params).await;
            }
            gate::method::VERIFY => self.verify(id, params),
            name if name.starts_with(jobs_method::PREFIX) => self.job(id, name, params),
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
            if let Some(model) = named(request.meta.as_ref()) {
                return Err(refuse(Exit::NoModel, self.hub.models.refusal(&model)));
            }
            return Err(refuse(
                Exit::NoModel,
                "no model is configured or fetched; run `brisk model pull` (1.1 GB, once), or name a server in config.toml",
            ));
        }
        let id = self.hub.new_session(&request.cwd).await?;
        self.join(id).await?;
        let choice = Choice::default();
        Ok(acp::NewSessionResponse::new(id.to_string())
            .modes(choice.modes())
            .config_options(choice.options(&self.hub.models.states())))
    }

    async fn join(&mut self, id: SessionId) -> Result<u64, ErrorBody> {
        let handle = self.hub.session(id).await?;
        match &mut *look(&self.view) {
            View::Plain(plain) => plain.opened(id, handle.repo.root().to_owned()),
            View::Extended => self.hub.standings.watch(handle.repo.root(), &self.mailbox),
        }
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
                // Beyond the end there is nothing to wait for: what comes next is told, whatever its number.
                let from = resume.from.min(last + 1);
                self.mailbox.replay(resume.session_id, from);
            }
            Err(body) => {
                self.mailbox.release(resume.session_id);
                self.answer::<()>(&id, Err(body));
            }
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
        let hub = Arc::clone(&self.hub);
        let (name, params, mailbox) = (name.to_owned(), params.to_owned(), Arc::clone(&self.mailbox));
        tokio::task::spawn_blocking(move || {
            let of = |e| refuse_worktree(&e);
            match name.as_str() {
                method::UNDO => {
                    let done = decode::<UndoRequest>(&params)
                        .and_then(|request| repository::undo(&repo, &request.what, &hub.desk).map_err(of));
                    reply(&mailbox, &id, done);
                    hub.standings.poke(repo.root());
                }
                method::REDO => {
                    reply(&mailbox, &id, repository::redo(&repo).map_err(of));
                    hub.standings.poke(repo.root());
                }
                method::STATUS => hub.standings.alone(repo.root(), || {
                    let status = repository::status(&hub.home, &repo);
                    if let Ok(status) = &status {
                        hub.standings.answered(repo.root(), &status.state);
                    }
                    reply(&mailbox, &id, status.map_err(of));
                }),
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
            busy: self.hub.jobs.busy(),
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

/// The view, for a moment. Nobody waits while it is held.
fn look(view: &Mutex<View>) -> MutexGuard<'_, View> {
    // Only what was shown is behind the lock: a panic elsewhere cannot leave it half changed.
    view.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Resident memory of this process, bytes; zero where the kernel does not say.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|s| s.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()))
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}
