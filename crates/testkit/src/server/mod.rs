//! A Chat Completions server (Messages, too, with raw frames) on loopback that answers what a script says, byte for byte, and notes when each
//! request came and when its client went away. One thread reads a connection, one more writes each answer.

mod answer;
pub(crate) mod http;
mod script;

use crate::clock::monotonic_us;
use crate::signal::{Signal, TimedOut};
use http::{Incoming, Requests};
pub use script::{Act, Reply, Script, tokens};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// One request for a generation.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// When its last byte had come, microseconds of [`monotonic_us`].
    pub t_us: u64,
    /// Which connection, counted from 1.
    pub connection: usize,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; `Null` if it was no JSON.
    pub body: serde_json::Value,
}

impl Received {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the server noted. `t_us` is in microseconds of [`monotonic_us`], `request` counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Noted {
    /// A request for a generation had come whole.
    Request {
        /// When.
        t_us: u64,
        /// Which.
        request: usize,
        /// On which connection, counted from 1.
        connection: usize,
        /// Size of its body.
        bytes: usize,
    },
    /// A frame is about to be written.
    Chunk {
        /// When.
        t_us: u64,
        /// Of which request.
        request: usize,
        /// Its number within the answer, from 0.
        chunk: u64,
        /// Size of the frame.
        bytes: usize,
    },
    /// The answer was written to its end.
    Ended {
        /// When.
        t_us: u64,
        /// Of which request.
        request: usize,
    },
    /// The client closed the connection before the answer's end.
    Gone {
        /// When.
        t_us: u64,
        /// Of which request.
        request: usize,
    },
}

/// Called for everything that the server notes, from its own threads.
pub type Observer = Arc<dyn Fn(&Noted) + Send + Sync>;

#[derive(Debug, Default)]
struct State {
    replies: VecDeque<Reply>,
    otherwise: Option<Reply>,
    open: BTreeSet<String>,
    received: Vec<Received>,
    gone: BTreeMap<usize, u64>,
    finished: BTreeSet<usize>,
    connections: usize,
    model_lists: usize,
    closing: bool,
}

struct Shared {
    signal: Signal<State>,
    observer: Observer,
}

/// The fake server. It stops listening when it is dropped.
pub struct FakeServer {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl FakeServer {
    /// Listens on a free port of 127.0.0.1.
    pub fn start() -> io::Result<FakeServer> {
        FakeServer::observed(Arc::new(|_| ()))
    }

    /// As `start`; the observer is told everything as it happens.
    pub fn observed(observer: Observer) -> io::Result<FakeServer> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            signal: Signal::default(),
            observer,
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&accepting, &listener));
        Ok(FakeServer { shared, address })
    }

    /// `http://127.0.0.1:PORT`, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Queues the answer to the next request that has none yet.
    pub fn reply(&self, reply: Reply) {
        self.shared.signal.change(|s| s.replies.push_back(reply));
    }

    /// Takes a whole script.
    pub fn script(&self, script: Script) {
        self.shared.signal.change(|s| {
            s.replies.extend(script.replies);
            s.otherwise = script.otherwise.or(s.otherwise.take());
        });
    }

    /// Opens a gate for good.
    pub fn open(&self, gate: &str) {
        self.shared.signal.change(|s| s.open.insert(gate.to_owned()));
    }

    /// All requests for a generation so far.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.signal.lock().received.clone()
    }

    /// Waits for the `n`th request for a generation, counted from 1.
    pub fn wait_request(&self, n: usize) -> Result<Received, TimedOut> {
        self.shared
            .signal
            .within("a request", |s| s.received.get(n.saturating_sub(1)).cloned())
    }

    /// Waits until the client of request `n` has gone before the answer's end; gives the moment.
    pub fn wait_gone(&self, n: usize) -> Result<u64, TimedOut> {
        self.shared
            .signal
            .within("a client to go", |s| s.gone.get(&n).copied())
    }

    /// Waits until `n` answers were written to their scripted end, cuts included.
    pub fn wait_ended(&self, n: usize) -> Result<(), TimedOut> {
        self.shared
            .signal
            .within("an answer to end", |s| (s.finished.len() >= n).then_some(()))
    }

    /// Waits until the list of models was asked for `n` times.
    pub fn wait_model_lists(&self, n: usize) -> Result<(), TimedOut> {
        self.shared
            .signal
            .within("a request for the models", |s| (s.model_lists >= n).then_some(()))
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.signal.lock().connections
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.shared.signal.change(|s| s.closing = true);
        // Wakes the accepting thread; if nobody can connect any more it has ended already.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for stream in listener.incoming() {
        let connection = shared.signal.change(|s| {
            s.connections += 1;
            (!s.closing).then_some(s.connections)
        });
        let Some(connection) = connection else { return };
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || drop(serve(&shared, &stream, connection)));
    }
}

/// Reads one connection to its end. While an answer is being written this thread waits for the client's next byte,
/// so it is the one that sees the client go.
fn serve(shared: &Arc<Shared>, stream: &TcpStream, connection: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = Requests::new(stream.try_clone()?);
    let mut writing: Option<(usize, thread::JoinHandle<()>)> = None;
    loop {
        let incoming = requests.next();
        let t_us = monotonic_us();
        let Some(incoming) = incoming else {
            if let Some((request, _)) = writing {
                went_away(shared, request, t_us);
            }
            return Ok(());
        };
        if let Some((_, thread)) = writing.take() {
            drop(thread.join());
        }
        let path = incoming.path.trim_end_matches('/');
        match (incoming.method.as_str(), path) {
            ("POST", "/v1/chat/completions" | "/v1/messages" | "/v1/responses") => {
                let (request, reply) = take(shared, incoming, connection, t_us);
                let shared = Arc::clone(shared);
                let out = stream.try_clone()?;
                writing = Some((
                    request,
                    thread::spawn(move || write(&shared, out, request, reply)),
                ));
            }
            ("GET", "/v1/models") => {
                let body = r#"{"object":"list","data":[{"id":"fake","object":"model"}]}"#;
                plain(stream, "200 OK", body)?;
                shared.signal.change(|s| s.model_lists += 1);
            }
            _ => plain(stream, "404 Not Found", r#"{"error":{"message":"no such path"}}"#)?,
        }
    }
}

/// Notes that the client of a request went, unless its answer had come to an end before.
fn went_away(shared: &Shared, request: usize, t_us: u64) {
    let first = shared
        .signal
        .change(|s| !s.finished.contains(&request) && s.gone.insert(request, t_us).is_none());
    if first {
        (shared.observer)(&Noted::Gone { t_us, request });
    }
}

/// Writes down a request and picks its answer.
fn take(shared: &Shared, incoming: Incoming, connection: usize, t_us: u64) -> (usize, Reply) {
    let bytes = incoming.body.len();
    let body = serde_json::from_slice(&incoming.body).unwrap_or_default();
    let (request, reply) = shared.signal.change(|s| {
        s.received.push(Received {
            t_us,
            connection,
            headers: incoming.headers,
            body,
        });
        (
            s.received.len(),
            s.replies.pop_front().or_else(|| s.otherwise.clone()),
        )
    });
    (shared.observer)(&Noted::Request {
        t_us,
        request,
        connection,
        bytes,
    });
    let unscripted = || {
        Reply::refusal(
            500,
            r#"{"error":{"message":"the fake server has no reply for this request"}}"#,
        )
    };
    (request, reply.unwrap_or_else(unscripted))
}

/// Writes an answer and notes how it came out.
fn write(shared: &Shared, out: TcpStream, request: usize, reply: Reply) {
    if answer::write(shared, &out, request, reply).is_err() {
        went_away(shared, request, monotonic_us());
    }
}

fn plain(mut stream: &TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes())
}
