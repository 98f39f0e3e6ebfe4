//! A Responses server on loopback, over WebSocket and server-sent events, that says what a script says and keeps its
//! own record of every conversation: it knows which request follows what, and refuses the others.
//!
//! Written without the client's code on purpose. One thread reads a connection, one more says each answer.

mod delay;
mod frames;
mod line;
mod memory;
mod play;
mod serve;
mod speech;

use crate::clock::monotonic_us;
use crate::signal::{Signal, TimedOut};
pub use delay::DelayedPort;
pub use memory::Line;
use memory::Memory;
use rustls::ServerConfig;
use serde::Serialize;
use serde_json::Value;
pub use speech::{Refusal, Say, Speech, SpeechScript};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// What kind of server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// The status that refuses an upgrade; without it, sockets are offered.
    pub no_sockets: Option<u16>,
    /// What an interrupt gets.
    pub interrupts: Interrupts,
    /// `generate: false` is honoured.
    pub warm_ups: bool,
    /// A socket ends when the next request on it has come, before anything is said.
    pub dies_on_request: bool,
    /// On a socket, a refusal is an error event, and the end of the same answer comes late: just before what is said
    /// to the next request.
    pub late_ends: bool,
    /// Nothing on a socket is heard: no request, no ping.
    pub deaf: bool,
}

/// What an interrupt gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupts {
    /// The answer stops; the state is what was sent.
    Taken,
    /// An error event, and the answer goes on.
    Refused,
    /// Nothing at all.
    Ignored,
}

impl Default for Manners {
    /// Sockets, interrupts and warm-ups.
    fn default() -> Manners {
        Manners {
            no_sockets: None,
            interrupts: Interrupts::Taken,
            warm_ups: true,
            dies_on_request: false,
            late_ends: false,
            deaf: false,
        }
    }
}

/// One request for an answer or a warm-up.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// When its last byte had come, microseconds of [`monotonic_us`].
    pub t_us: u64,
    /// On which connection, counted from 1.
    pub connection: usize,
    /// On a socket.
    pub socket: bool,
    /// Size of the body or of the message.
    pub bytes: usize,
    /// Of the request or of the upgrade; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The object.
    pub body: Value,
    /// The conversation that it stands for; `None` if it follows what the server does not know.
    pub whole: Option<Vec<Line>>,
    /// Nothing is to be said.
    pub warm_up: bool,
}

impl Asked {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What the server noticed. `t_us` is in microseconds of [`monotonic_us`], `request` counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Noticed {
    /// A request had come whole.
    Request {
        /// When.
        t_us: u64,
        /// Which.
        request: usize,
        /// Size of its body or message.
        bytes: usize,
        /// Bytes of text of the conversation that it stands for.
        whole: usize,
        /// On a socket.
        socket: bool,
        /// Nothing is to be said.
        warm_up: bool,
    },
    /// An event was written.
    Event {
        /// When its write began.
        t_us: u64,
        /// Of which request.
        request: usize,
        /// Its number within the answer, from 0.
        event: u64,
        /// Its size.
        bytes: usize,
    },
    /// The answer is about to end.
    Ended {
        /// When.
        t_us: u64,
        /// Of which request.
        request: usize,
        /// Bytes of it so far.
        bytes: usize,
    },
    /// Nobody wants the answer any more: an interrupt came, or the client went.
    Unwanted {
        /// When.
        t_us: u64,
        /// Of which request.
        request: usize,
        /// By an interrupt.
        interrupt: bool,
    },
}

/// Called for everything that the server notices, from its own threads.
pub type Onlooker = Arc<dyn Fn(&Noticed) + Send + Sync>;

/// Why an answer is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unwanted {
    Gone,
    Interrupted,
}

#[derive(Debug, Default)]
struct State {
    speeches: VecDeque<Speech>,
    otherwise: Option<Speech>,
    manners: Manners,
    open: BTreeSet<String>,
    asked: Vec<Asked>,
    unwanted: BTreeMap<usize, Unwanted>,
    told_at: BTreeMap<usize, u64>,
    /// With the bytes of the answer.
    finished: BTreeMap<usize, usize>,
    /// By connection on sockets, for all under 0.
    memories: BTreeMap<usize, Memory>,
    connections: usize,
    sockets: usize,
    upgrades: usize,
    pings: usize,
    closed: usize,
    closing: bool,
    tls: Option<Arc<ServerConfig>>,
    /// The streams, so that a test can cut them.
    streams: BTreeMap<usize, TcpStream>,
}

struct Shared {
    signal: Signal<State>,
    onlooker: Onlooker,
}

impl Shared {
    fn notice(&self, noticed: &Noticed) {
        (self.onlooker)(noticed);
    }

    fn unwanted(&self, request: usize) -> Option<Unwanted> {
        self.signal.lock().unwanted.get(&request).copied()
    }

    /// The answer is over; what the onlooker is to be told of that, stamped, unless it was told before.
    #[must_use]
    fn finished(&self, request: usize, bytes: usize) -> Option<Noticed> {
        let first = self
            .signal
            .change(|s| s.finished.insert(request, bytes).is_none());
        first.then(|| Noticed::Ended {
            t_us: monotonic_us(),
            request,
            bytes,
        })
    }

    /// Nobody wants this answer, unless it had ended before.
    fn not_wanted(&self, request: usize, why: Unwanted) {
        let t_us = monotonic_us();
        let first = self.signal.change(|s| {
            let first = !s.finished.contains_key(&request) && !s.unwanted.contains_key(&request);
            if first {
                s.unwanted.insert(request, why);
                s.told_at.insert(request, t_us);
            }
            first
        });
        if first {
            let interrupt = why == Unwanted::Interrupted;
            self.notice(&Noticed::Unwanted {
                t_us,
                request,
                interrupt,
            });
        }
    }

    fn remember(&self, request: usize, id: &str, state: Vec<Line>) {
        let mut s = self.signal.lock();
        let Some(asked) = s.asked.get(request - 1) else {
            return;
        };
        let (socket, connection, stored) = (asked.socket, asked.connection, asked.body["store"] == true);
        if socket {
            s.memories.entry(connection).or_default().only(id, state);
        } else if stored {
            s.memories.entry(0).or_default().keep(id, state);
        }
    }
}

/// The fake server. It stops listening when it is dropped.
pub struct ResponsesServer {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl ResponsesServer {
    /// Listens on a free port of 127.0.0.1.
    pub fn start() -> io::Result<ResponsesServer> {
        ResponsesServer::observed(Arc::new(|_| ()))
    }

    /// As `start`; the onlooker is told everything as it happens.
    pub fn observed(onlooker: Onlooker) -> io::Result<ResponsesServer> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            signal: Signal::default(),
            onlooker,
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || serve::accept(&accepting, &listener));
        Ok(ResponsesServer { shared, address })
    }

    /// `http://127.0.0.1:PORT`, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, connections that begin with a TLS handshake get one. Others are plain.
    pub fn tls(&self, config: Arc<ServerConfig>) {
        self.shared.signal.change(|s| s.tls = Some(config));
    }

    /// From now on it is such a server.
    pub fn manners(&self, manners: Manners) {
        self.shared.signal.change(|s| s.manners = manners);
    }

    /// Queues the answer to the next request that has none yet.
    pub fn say(&self, speech: Speech) {
        self.shared.signal.change(|s| s.speeches.push_back(speech));
    }

    /// Takes a whole script.
    pub fn script(&self, script: SpeechScript) {
        self.shared.signal.change(|s| {
            s.speeches.extend(script.speeches);
            s.otherwise = script.otherwise.or(s.otherwise.take());
        });
    }

    /// Opens a gate for good.
    pub fn open(&self, gate: &str) {
        self.shared.signal.change(|s| s.open.insert(gate.to_owned()));
    }

    /// Forgets all conversations.
    pub fn forget(&self) {
        self.shared.signal.change(|s| s.memories.clear());
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.shared.signal.change(|s| {
            for stream in s.streams.values() {
                drop(stream.shutdown(Shutdown::Both));
            }
        });
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.signal.lock().asked.clone()
    }

    /// Waits for the `n`th request, counted from 1, warm-ups included.
    pub fn wait_asked(&self, n: usize) -> Result<Asked, TimedOut> {
        self.shared
            .signal
            .within("a request", |s| s.asked.get(n.saturating_sub(1)).cloned())
    }

    /// Waits until the answer to request `n` is not wanted any more: when, and whether by an interrupt.
    pub fn wait_unwanted(&self, n: usize) -> Result<(u64, bool), TimedOut> {
        self.shared.signal.within("an answer to be unwanted", |s| {
            let why = s.unwanted.get(&n)?;
            Some((*s.told_at.get(&n)?, *why == Unwanted::Interrupted))
        })
    }

    /// Waits until the answer to request `n` has come to its end; gives its bytes.
    pub fn wait_ended(&self, n: usize) -> Result<usize, TimedOut> {
        self.shared
            .signal
            .within("an answer to end", |s| s.finished.get(&n).copied())
    }

    /// Waits until `n` sockets were opened.
    pub fn wait_sockets(&self, n: usize) -> Result<(), TimedOut> {
        self.shared
            .signal
            .within("a socket", |s| (s.sockets >= n).then_some(()))
    }

    /// Waits until `n` upgrades were asked for, granted or not.
    pub fn wait_upgrades(&self, n: usize) -> Result<(), TimedOut> {
        self.shared
            .signal
            .within("an upgrade", |s| (s.upgrades >= n).then_some(()))
    }

    /// Waits until `n` pings were answered.
    pub fn wait_pings(&self, n: usize) -> Result<(), TimedOut> {
        self.shared
            .signal
            .within("a ping", |s| (s.pings >= n).then_some(()))
    }

    /// Waits until `n` connections have ended.
    pub fn wait_closed(&self, n: usize) -> Result<(), TimedOut> {
        self.shared
            .signal
            .within("a connection to end", |s| (s.closed >= n).then_some(()))
    }

    /// How many sockets were opened so far.
    pub fn sockets(&self) -> usize {
        self.shared.signal.lock().sockets
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.signal.lock().connections
    }
}

impl Drop for ResponsesServer {
    fn drop(&mut self) {
        self.shared.signal.change(|s| s.closing = true);
        // Wakes the accepting thread; if nobody can connect any more it has ended already.
        drop(TcpStream::connect(self.address));
    }
}
