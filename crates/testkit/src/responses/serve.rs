//! Reading connections: requests over HTTP, the upgrade, and the messages of a socket.

use super::frames::{Came, Frames, frame};
use super::line::Stream;
use super::memory::{Line, Memory};
use super::play::{Ended, Play, Wire};
use super::speech::{Say, Speech};
use super::{Asked, Interrupts, Noticed, Shared, Unwanted};
use crate::clock::monotonic_us;
use crate::server::http::{Incoming, Requests};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

pub(super) fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for stream in listener.incoming() {
        let next = shared.signal.change(|s| {
            s.connections += 1;
            (!s.closing).then(|| (s.connections, s.tls.clone()))
        });
        let Some((connection, tls)) = next else { return };
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            if let Ok(clone) = stream.try_clone() {
                shared.signal.change(|s| s.streams.insert(connection, clone));
            }
            drop(Stream::begin(stream, tls).and_then(|stream| serve(&shared, stream, connection)));
            shared.signal.change(|s| {
                s.closed += 1;
                s.streams.remove(&connection);
            });
        });
    }
}

/// The answer that a connection is saying.
struct Saying {
    request: usize,
    /// It is a refusal: what lies under `error`.
    refusal: Option<Value>,
    thread: thread::JoinHandle<()>,
}

fn serve(shared: &Arc<Shared>, mut stream: Stream, connection: usize) -> io::Result<()> {
    let mut requests = Requests::new(stream.try_clone()?);
    let out = Arc::new(Mutex::new(stream.try_clone()?));
    let mut saying: Option<Saying> = None;
    loop {
        let Some(incoming) = requests.next() else {
            if let Some(saying) = saying {
                shared.not_wanted(saying.request, Unwanted::Gone);
            }
            return Ok(());
        };
        if let Some(saying) = saying.take() {
            drop(saying.thread.join());
        }
        let key = incoming.header("sec-websocket-key").map(str::to_owned);
        match (incoming.method.as_str(), incoming.path.trim_end_matches('/'), key) {
            ("GET", "/v1/responses", Some(key)) => {
                let refused = shared.signal.change(|s| {
                    s.upgrades += 1;
                    s.sockets += usize::from(s.manners.no_sockets.is_none());
                    s.manners.no_sockets
                });
                if let Some(status) = refused {
                    let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(head.as_bytes())?;
                    continue;
                }
                let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
                let head = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
                );
                stream.write_all(head.as_bytes())?;
                let frames = Frames::new(stream, requests.into_rest());
                return socket(shared, frames, &out, connection, &incoming);
            }
            ("POST", "/v1/responses", _) => {
                let body = serde_json::from_slice(&incoming.body).unwrap_or_default();
                let bytes = incoming.body.len();
                saying = Some(ask(shared, &out, Wire::Http, connection, &incoming, body, bytes));
            }
            ("GET", "/v1/models", _) => {
                let body = r#"{"object":"list","data":[{"id":"fake","object":"model"}]}"#;
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(head.as_bytes())?;
            }
            _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?,
        }
    }
}

fn socket(
    shared: &Arc<Shared>,
    mut frames: Frames<Stream>,
    out: &Arc<Mutex<Stream>>,
    connection: usize,
    upgrade: &Incoming,
) -> io::Result<()> {
    let write = |opcode, payload: &[u8]| {
        let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(&frame(opcode, true, payload))
    };
    let mut saying: Option<Saying> = None;
    let gone = |saying: &Option<Saying>| {
        if let Some(saying) = saying {
            shared.not_wanted(saying.request, Unwanted::Gone);
        }
    };
    loop {
        let next = frames.next();
        if next.is_ok() && shared.signal.lock().manners.deaf {
            continue;
        }
        let came = match next {
            Ok(Came::Text(text)) => text,
            Ok(Came::Ping(payload)) => {
                // Whoever does not read the answer sees the end of the connection next.
                drop(write(0xa, &payload));
                shared.signal.change(|s| s.pings += 1);
                continue;
            }
            Ok(Came::Other) => continue,
            Ok(Came::Close) | Err(_) => {
                gone(&saying);
                return Ok(());
            }
        };
        let body: Value = serde_json::from_slice(&came).unwrap_or_default();
        match body["type"].as_str() {
            Some("response.create") => {
                if let Some(saying) = saying.take() {
                    // One answer at a time: an older one that still hangs is over.
                    shared.not_wanted(saying.request, Unwanted::Gone);
                    drop(saying.thread.join());
                    if let Some(error) = saying.refusal
                        && shared.signal.lock().manners.late_ends
                    {
                        let id = response_id(saying.request);
                        let end = json!({"type": "response.failed",
                            "response": {"id": id, "status": "failed", "error": error}});
                        write(1, end.to_string().as_bytes())?;
                    }
                }
                if shared.signal.lock().manners.dies_on_request {
                    note(shared, connection, true, upgrade, body, came.len());
                    return out
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .shutdown(Shutdown::Both);
                }
                saying = Some(ask(
                    shared,
                    out,
                    Wire::Socket,
                    connection,
                    upgrade,
                    body,
                    came.len(),
                ));
            }
            Some("response.interrupt") => {
                let current = saying.as_ref().filter(|saying| {
                    body["response_id"] == response_id(saying.request)
                        && !shared.signal.lock().finished.contains_key(&saying.request)
                });
                let interrupts = shared.signal.lock().manners.interrupts;
                match (interrupts, current) {
                    (Interrupts::Taken, Some(saying)) => {
                        shared.not_wanted(saying.request, Unwanted::Interrupted)
                    }
                    (Interrupts::Ignored, _) => {}
                    (Interrupts::Refused | Interrupts::Taken, _) => {
                        let error = json!({"type": "error", "status": 400, "error": {"code": "invalid_request_error",
                            "message": "there is nothing to interrupt"}});
                        drop(write(1, error.to_string().as_bytes()));
                    }
                }
            }
            _ => {
                let error = json!({"type": "error", "status": 400, "error": {"code": "invalid_request_error",
                    "message": "this is no request"}});
                drop(write(1, error.to_string().as_bytes()));
            }
        }
    }
}

fn response_id(request: usize) -> String {
    format!("resp_{request}")
}

/// Writes down a request; gives its number and the conversation that it stands for.
fn note(
    shared: &Shared,
    connection: usize,
    socket: bool,
    head: &Incoming,
    body: Value,
    bytes: usize,
) -> (usize, Option<Vec<Line>>, usize) {
    let t_us = monotonic_us();
    let warm_up = socket && body["generate"] == false;
    let (request, whole, sent) = shared.signal.change(|s| {
        let memory = s.memories.entry(if socket { connection } else { 0 }).or_default();
        let whole = memory.whole(&body);
        let sent: usize = Memory::default()
            .whole(&json!({"input": body["input"]}))
            .iter()
            .flatten()
            .map(|(_, text)| text.len())
            .sum();
        s.asked.push(Asked {
            t_us,
            connection,
            socket,
            bytes,
            headers: head.headers.clone(),
            body,
            whole: whole.clone(),
            warm_up,
        });
        (s.asked.len(), whole, sent)
    });
    let size = whole.iter().flatten().map(|(_, text)| text.len()).sum();
    shared.notice(&Noticed::Request {
        t_us,
        request,
        bytes,
        whole: size,
        socket,
        warm_up,
    });
    (request, whole, sent)
}

/// Writes down a request and begins its answer.
fn ask(
    shared: &Arc<Shared>,
    out: &Arc<Mutex<Stream>>,
    wire: Wire,
    connection: usize,
    head: &Incoming,
    body: Value,
    bytes: usize,
) -> Saying {
    let socket = wire == Wire::Socket;
    let warm_up = socket && body["generate"] == false;
    let (request, whole, sent) = note(shared, connection, socket, head, body, bytes);
    let speech = match &whole {
        None => Speech::refusal(
            400,
            &[],
            json!({"type": "invalid_request_error", "code": "previous_response_not_found",
                "message": "Previous response not found."}),
        ),
        Some(_) if warm_up && shared.signal.lock().manners.warm_ups => Speech::of(vec![Say::Complete]),
        Some(_) => shared
            .signal
            .change(|s| s.speeches.pop_front().or_else(|| s.otherwise.clone()))
            .unwrap_or_else(|| {
                Speech::refusal(500, &[], json!({"message": "the fake server has nothing to say"}))
            }),
    };
    let refusal = speech.refusal.as_ref().map(|refusal| refusal.error.clone());
    let (shared, out) = (Arc::clone(shared), Arc::clone(out));
    let thread = thread::spawn(move || {
        let input = whole.unwrap_or_default();
        let all: usize = input.iter().map(|(_, text)| text.len()).sum();
        let mut play = Play {
            shared: &shared,
            out: &out,
            wire,
            request,
            id: response_id(request),
            input: &input,
            known: all.saturating_sub(sent),
            said: String::new(),
            pieces: 0,
            events: 0,
            payload: 0,
            written: 0,
            cut_after: speech.cut_after,
            splits: speech.split_at.clone(),
        };
        let ended = play.run(speech);
        let (id, written) = (play.id.clone(), play.written);
        match ended {
            Ended::Whole | Ended::Cut => {
                if let Some(noticed) = shared.finished(request, written) {
                    shared.notice(&noticed);
                }
            }
            Ended::Interrupted => shared.remember(request, &id, input.clone()),
            Ended::Gone => shared.not_wanted(request, Unwanted::Gone),
        }
    });
    Saying {
        request,
        refusal,
        thread,
    }
}
