//! The Responses API: over a kept WebSocket that remembers the conversation, and over server-sent events.
//!
//! On a socket only news is sent: the server holds what was said before under the id of its last answer. Where there
//! is no socket, or it dies before the first text, the same request goes over HTTP at once, and sockets are tried
//! again later. Nothing is asked a second time once text was handed out.

mod begin;
mod body;
mod chain;
pub(crate) mod checks;
mod exchange;
mod health;
mod http;
mod interrupts;
mod lane;
mod pool;
mod reader;
mod socket;
mod told;
mod turn;

use crate::endpoint::{Auth, Endpoint};
use crate::server::Server;
use begin::{Berth, hand_over};
use body::Purpose;
use brisk_domain::ModelId;
use brisk_domain::port::{Fault, GenerateRequest, Model, ModelEvent, Running, Sink};
use brisk_domain::tool::{Calls, ToolRequest};
pub use brisk_protocol::responses::{Limit, RateLimits};
use health::Trouble;
use lane::{Job, Line, Outcome, Told, Way};
use pool::{Door, Hold, Pick, Pool, Taken};
use socket::{NotOpen, Opener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

/// How requests reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Over a WebSocket where there is one, else over HTTP.
    #[default]
    Auto,
    /// Always over HTTP, with server-sent events.
    Sse,
    /// Always over a WebSocket.
    WebSocket,
}

/// One server and one model on it.
#[derive(Debug, Clone)]
pub struct ResponsesConfig {
    /// The server and the model's name there.
    pub endpoint: Endpoint,
    /// How requests reach the server.
    pub transport: Transport,
    /// How much the model may think: `minimal`, `low`, `medium`, `high`.
    pub effort: Option<String>,
    /// Temperature 0 is asked for. Models that reason refuse it.
    pub greedy: bool,
    /// Requests name their conversation, so that a server finds its cached prefix again.
    pub cache_key: bool,
    /// The server may keep answers; then HTTP sends only news as well.
    pub store: bool,
    /// How long a socket may take to open before HTTP is used.
    pub upgrade: Duration,
    /// How long a request waits for the socket that knows its conversation and is about to be free, before it takes
    /// another way and sends everything.
    pub settle: Duration,
    /// How long each step of an interrupt may take before the socket is given up, at least; more on a slow line.
    pub patience: Duration,
    /// How old a socket may grow; the public service ends them at an hour.
    pub rollover: Duration,
}

impl ResponsesConfig {
    /// No key, no headers, both transports, nothing stored, usual timeouts; sockets open within 1.5 s and live 55
    /// minutes.
    pub fn new(id: ModelId, base_url: impl Into<String>, model: impl Into<String>) -> ResponsesConfig {
        ResponsesConfig::at(Endpoint::new(id, base_url, model))
    }

    /// The same for a server that is described already.
    pub fn at(endpoint: Endpoint) -> ResponsesConfig {
        ResponsesConfig {
            endpoint,
            transport: Transport::default(),
            effort: None,
            greedy: false,
            cache_key: true,
            store: false,
            upgrade: Duration::from_millis(1500),
            settle: Duration::from_millis(15),
            patience: Duration::from_millis(250),
            rollover: Duration::from_secs(55 * 60),
        }
    }
}

/// A model behind a Responses server. Sockets and connections are kept between generations.
pub struct ResponsesModel(Arc<Shared>);

struct Shared {
    config: ResponsesConfig,
    server: Server,
    opener: Opener,
    pool: Mutex<Pool>,
    /// A lane became free, or is gone.
    freed: Notify,
    stored: Mutex<http::Stored>,
    limits: Mutex<Option<RateLimits>>,
    handle: Handle,
    /// Ends the idle lanes with the model.
    closed: CancellationToken,
}

impl ResponsesModel {
    /// Checks the configuration; connects to nothing yet. Generations run on the runtime of `handle`, which needs I/O
    /// and time.
    ///
    /// # Errors
    /// A `Setup` fault: a wrong address, a key or header that cannot be sent, no trusted certificates (https only).
    pub fn new(config: ResponsesConfig, handle: Handle) -> Result<ResponsesModel, Fault> {
        let server = Server::new(&config.endpoint, Auth::Bearer)?;
        let headers = config.endpoint.header_map(Auth::Bearer)?;
        let opener = Opener::new(&server.upstream, server.opening(), headers);
        Ok(ResponsesModel(Arc::new(Shared {
            config,
            server,
            opener,
            pool: Mutex::default(),
            freed: Notify::new(),
            stored: Mutex::default(),
            limits: Mutex::default(),
            handle,
            closed: CancellationToken::new(),
        })))
    }

    /// The model's name as configuration knows it.
    pub fn id(&self) -> &ModelId {
        &self.0.config.endpoint.id
    }

    /// What the server last said of the account's quota, if it did.
    pub fn rate_limits(&self) -> Option<RateLimits> {
        *lock(&self.0.limits)
    }
}

impl Drop for ResponsesModel {
    fn drop(&mut self) {
        self.0.closed.cancel();
    }
}

/// Cancels its generation.
struct Generation {
    cancel: CancellationToken,
    shared: Arc<Shared>,
    /// The lane that it uses.
    hold: Arc<Mutex<Option<Hold>>>,
}

impl Running for Generation {}

impl Drop for Generation {
    fn drop(&mut self) {
        // The next request may come at once, and is to know that this lane is about to be free.
        if let Some(hold) = *lock(&self.hold) {
            self.shared.pool().settling(hold);
        }
        self.cancel.cancel();
    }
}

impl Model for ResponsesModel {
    fn generate(&self, request: GenerateRequest, sink: Sink) -> Box<dyn Running> {
        let cancel = CancellationToken::new();
        let shared = Arc::clone(&self.0);
        let hold = Arc::default();
        let (asked, held, sink) = (cancel.clone(), Arc::clone(&hold), sent_once(sink));
        let request = Arc::new(request);
        let begun = shared.begin(&request, &sink, &asked, &held);
        self.0.handle.spawn(async move {
            shared.answer(request, sink, asked, &held, begun).await;
        });
        let shared = Arc::clone(&self.0);
        Box::new(Generation { cancel, shared, hold })
    }

    /// Opens a socket and lets the server read the prompt ahead; without sockets, opens the connection.
    fn warm(&self, request: GenerateRequest) {
        let shared = Arc::clone(&self.0);
        self.0.handle.spawn(async move {
            shared.warm(Arc::new(request)).await;
        });
    }

    fn converse(&self, request: ToolRequest, sink: Sink, calls: Calls) -> Box<dyn Running> {
        let shared = Arc::clone(&self.0);
        let task = self.0.handle.spawn(async move {
            let last = shared.converse(&request, &sink, &calls).await;
            sink(last.unwrap_or_else(|fault| ModelEvent::Failed { fault }));
        });
        Box::new(crate::server::Generation(task.abort_handle()))
    }
}

/// A request may leave twice, over two ways; its owner hears of it once.
fn sent_once(sink: Sink) -> Sink {
    let sent = AtomicBool::new(false);
    Arc::new(move |event| {
        if event != ModelEvent::Sent || !sent.swap(true, Ordering::Relaxed) {
            sink(event);
        }
    })
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn pool(&self) -> MutexGuard<'_, Pool> {
        lock(&self.pool)
    }

    fn note_limits(&self, limits: Option<RateLimits>) {
        if limits.is_some() {
            *lock(&self.limits) = limits;
        }
    }

    fn trouble(&self, what: Trouble) {
        self.pool().health.trouble(what, Instant::now());
    }

    /// `begun`: what becomes of the request if a lane has it already.
    async fn answer(
        self: &Arc<Self>,
        request: Arc<GenerateRequest>,
        sink: Sink,
        cancel: CancellationToken,
        held: &Mutex<Option<Hold>>,
        mut begun: Option<oneshot::Receiver<Outcome>>,
    ) {
        let forced = self.config.transport == Transport::WebSocket;
        let mut patient = true;
        // A socket that is too old is replaced once.
        let mut sockets_left = 2;
        let mut token = None;
        loop {
            let told = match begun.take() {
                Some(told) => told,
                // Who does not want it any more takes no lane.
                None if cancel.is_cancelled() => return,
                None => {
                    let freed = self.freed.notified();
                    let pick = match self.config.transport {
                        Transport::Sse => Pick::Http { open: false },
                        Transport::Auto | Transport::WebSocket => {
                            self.pool().pick(&request, patient, forced, Instant::now())
                        }
                    };
                    match pick {
                        Pick::Wait => {
                            patient = false;
                            // In time or not: the next pick tells.
                            drop(tokio::time::timeout(self.config.settle, freed).await);
                            continue;
                        }
                        Pick::Lane(taken) => hand_over(taken, None, &request, &sink, &cancel, held),
                        Pick::Open => {
                            // Begun before anything is waited for: its place is taken.
                            let opening = self.open();
                            let opened = tokio::select! {
                                () = cancel.cancelled() => return,
                                opened = opening => opened,
                            };
                            match opened {
                                Ok(()) => continue,
                                Err(NotOpen { fault, .. }) if forced => {
                                    return sink(ModelEvent::Failed { fault });
                                }
                                Err(_) => return self.over_http(&request, &sink, &cancel, token).await,
                            }
                        }
                        Pick::Http { open } => {
                            if open {
                                drop(self.open());
                            }
                            return self.over_http(&request, &sink, &cancel, token).await;
                        }
                    }
                }
            };
            match told.await {
                Ok(Outcome::Over) => return,
                Ok(Outcome::Elsewhere { .. }) if cancel.is_cancelled() => return,
                Ok(Outcome::Elsewhere {
                    why,
                    fault,
                    token: given,
                }) => {
                    sockets_left -= 1;
                    token = given;
                    let again = why == Way::Socket && sockets_left > 0;
                    match (again, forced) {
                        (true, _) => {}
                        (false, true) => return sink(ModelEvent::Failed { fault }),
                        (false, false) => {
                            return self.over_http(&request, &sink, &cancel, token).await;
                        }
                    }
                }
                Err(_) => {}
            }
        }
    }

    async fn warm(self: &Arc<Self>, request: Arc<GenerateRequest>) {
        if self.config.transport == Transport::Sse {
            return self.server.warm().await;
        }
        let forced = self.config.transport == Transport::WebSocket;
        if self.pool().knows(&request) {
            return;
        }
        if self.pool().no_warm_ups {
            // A socket is all that can be made ready.
            if self.pool().is_empty() {
                self.open_beside();
            }
            return;
        }
        let mut pick = self.pool().pick(&request, false, forced, Instant::now());
        if matches!(pick, Pick::Open) {
            if self.open().await.is_err() {
                return self.server.warm().await;
            }
            pick = self.pool().pick(&request, false, forced, Instant::now());
        }
        match pick {
            Pick::Lane(Taken { door, hold, plan }) => {
                // A prompt that comes now waits a moment for it.
                self.pool().settling(hold);
                let (outcome, told) = oneshot::channel();
                drop(door.jobs.send(Job {
                    request,
                    hold,
                    plan,
                    purpose: Purpose::WarmUp,
                    sink: Told(Arc::new(|_| ())),
                    cancel: CancellationToken::new(),
                    outcome,
                    begun: None,
                }));
                drop(told.await);
            }
            Pick::Http { open } => {
                if open {
                    drop(self.open());
                }
                self.server.warm().await;
            }
            // Somebody was faster; the next prompt finds a socket all the same.
            Pick::Open => drop(self.open()),
            Pick::Wait => {}
        }
    }

    /// Opens a lane in a place that is taken; goes on when nobody waits for it any more.
    fn open(self: &Arc<Self>) -> impl Future<Output = Result<(), NotOpen>> + use<> {
        let shared = Arc::clone(self);
        let opening = self.handle.spawn(async move { shared.open_here().await });
        let fault = self.server.upstream.cut();
        async move {
            let trouble = Trouble::Failed;
            opening.await.unwrap_or(Err(NotOpen { trouble, fault }))
        }
    }

    /// Opens a lane for later.
    fn open_beside(self: &Arc<Self>) {
        self.pool().opening(Instant::now());
        // Its failure is in the record of the pool.
        drop(self.open());
    }

    async fn open_here(self: &Arc<Self>) -> Result<(), NotOpen> {
        let begun = Instant::now();
        let opened = self.opener.open(&self.server.upstream, self.config.upgrade).await;
        let now = Instant::now();
        match opened {
            Ok(socket) => {
                let (jobs, queue) = unbounded_channel();
                let patience = interrupts::patience(self.config.patience, now - begun);
                let berth = Arc::new(Berth::new(Box::new(Line::new(socket, patience))));
                let door = Door {
                    jobs,
                    berth: Arc::clone(&berth),
                };
                let id = self.pool().opened(Some(door), now);
                self.handle.spawn(lane::run(Arc::clone(self), id, berth, queue));
                Ok(())
            }
            Err(not) => {
                let mut pool = self.pool();
                pool.opened(None, now);
                pool.health.trouble(not.trouble, now);
                Err(not)
            }
        }
    }
}
