//! The WebSocket door, for editors and other clients that cannot open a unix socket: a port on loopback, and a token
//! that lies where only the person can read it. Beyond the handshake it is what the unix socket is, one message a
//! text frame.

use super::admission::{Gate, Refusal, Token};
use super::client::{Client, Outlet};
use super::hub::Hub;
use super::note;
use super::patience::{Accept, Patience};
use brisk_protocol::MAX_LINE;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A handshake takes no longer.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Longest head of a request, bytes.
const MAX_HEAD: usize = 8 * 1024;
/// Handshakes at a time. Anyone on this machine can begin one; they must not use up the daemon's files.
const MAX_HANDSHAKES: usize = 64;
/// How long the last frame may take: a peer that reads nothing gets none.
const GOODBYE: Duration = Duration::from_secs(1);

/// The open door. Dropping it closes it and removes its file; who is inside stays.
pub(super) struct Door {
    hub: Arc<Hub>,
    file: PathBuf,
    accepting: JoinHandle<()>,
}

/// What `websocket.json` says.
#[derive(Serialize)]
struct Address<'a> {
    url: &'a str,
    token: &'a str,
}

impl Door {
    /// Binds a free port on loopback, makes a new token and writes both for the person alone.
    pub(super) async fn open(hub: &Arc<Hub>) -> io::Result<Door> {
        let file = hub.home.run_dir().join("websocket.json");
        // One that is there belongs to a daemon that died; its port may be someone else's by now.
        remove(&file)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let token = Token::random().map_err(io::Error::other)?;
        let url = format!("ws://127.0.0.1:{port}/");
        let address = Address {
            url: &url,
            token: token.reveal(),
        };
        publish(&file, &serde_json::to_vec(&address)?)?;
        tell(hub, Some(url));
        let gate = Arc::new(Gate { port, token });
        Ok(Door {
            hub: Arc::clone(hub),
            file,
            accepting: tokio::spawn(accept(Arc::clone(hub), listener, gate)),
        })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
        tell(&self.hub, None);
        if let Err(e) = remove(&self.file) {
            note(&format!("{} stays: {e}", self.file.display()));
        }
    }
}

/// What `daemon status` shows; never the token.
fn tell(hub: &Hub, url: Option<String>) {
    *hub.websocket.lock().unwrap_or_else(PoisonError::into_inner) = url;
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a file that only the person can read, whole or not at all. The daemon's lock makes this the only writer.
fn publish(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    remove(&new)?;
    let mut open = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    open.write_all(bytes)?;
    std::fs::rename(&new, file)
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    async fn accept(&self) -> io::Result<TcpStream> {
        TcpListener::accept(self).await.map(|(stream, _)| stream)
    }
}

async fn accept(hub: Arc<Hub>, listener: TcpListener, gate: Arc<Gate>) {
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    let mut patience = Patience::default();
    loop {
        let stream = patience.next(&listener, "WebSocket").await;
        let Ok(permit) = Arc::clone(&handshakes).try_acquire_owned() else {
            continue;
        };
        let (hub, gate) = (Arc::clone(&hub), Arc::clone(&gate));
        tokio::spawn(async move {
            // Events are small and each counts at once.
            let _ = stream.set_nodelay(true);
            let admitted = timeout(HANDSHAKE, handshake(stream, &gate)).await;
            drop(permit);
            if let Ok(Ok(Some(socket))) = admitted {
                converse(hub, socket).await;
            }
        });
    }
}

/// Reads a request and lets it in, or answers why not. The library's own handshake answers nothing to a request that
/// is no upgrade, and looks at the rest before the token.
async fn handshake<S>(mut stream: S, gate: &Gate) -> io::Result<Option<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::with_capacity(MAX_HEAD);
    let (size, request) = loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
        match Request::try_parse(&head) {
            Ok(Some(found)) => break found,
            Ok(None) if head.len() < MAX_HEAD => {}
            Ok(None) => return refuse(stream, Refusal::TooLong).await,
            Err(_) => return refuse(stream, Refusal::Malformed).await,
        }
    };
    let subprotocol = match gate.admit(&request) {
        Ok(subprotocol) => subprotocol,
        Err(refusal) => return refuse(stream, refusal).await,
    };
    let Ok(mut response) = create_response(&request) else {
        return refuse(stream, Refusal::NoUpgrade).await;
    };
    if let Some(name) = subprotocol {
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    }
    let mut answer = vec![];
    write_response(&mut answer, &response).map_err(io::Error::other)?;
    stream.write_all(&answer).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(MAX_LINE))
        .max_frame_size(Some(MAX_LINE));
    // Frames may have come right behind the request.
    let early = head.split_off(size);
    let socket = WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await;
    Ok(Some(socket))
}

async fn refuse<T, S: AsyncWrite + Unpin>(mut stream: S, refusal: Refusal) -> io::Result<Option<T>> {
    stream.write_all(refusal.response().as_bytes()).await?;
    stream.shutdown().await?;
    Ok(None)
}

type Sink = SplitSink<WebSocketStream<TcpStream>, Message>;

/// Where a client's mail goes.
struct Frames {
    sink: Arc<Mutex<Sink>>,
    /// Its sender goes when nothing more is read.
    over: watch::Receiver<()>,
}

impl Outlet for Frames {
    async fn write(&mut self, lines: String) -> io::Result<()> {
        let Frames { sink, over } = self;
        let sending = async {
            let mut sink = sink.lock().await;
            for line in lines.lines() {
                sink.feed(Message::text(line)).await?;
            }
            sink.flush().await
        };
        tokio::select! {
            // What can be sent at once is, even when the connection is to end.
            biased;
            sent = sending => sent.map_err(io::Error::other),
            // A peer that broke the rules and reads nothing would hold this up for ever.
            _ = over.changed() => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

async fn converse(hub: Arc<Hub>, socket: WebSocketStream<TcpStream>) {
    let (sink, stream) = socket.split();
    let sink = Arc::new(Mutex::new(sink));
    let (reads, over) = watch::channel(());
    // A few messages of slack: the client handler takes them at once.
    let (lines, inbox) = mpsc::channel(16);
    let reading = tokio::spawn(async move {
        let fault = read_frames(stream, lines).await;
        drop(reads);
        fault
    });
    let outlet = Frames {
        sink: Arc::clone(&sink),
        over,
    };
    Client::serve(hub, inbox, outlet).await;
    if let Ok(Some(fault)) = reading.await {
        let goodbye = async { sink.lock().await.send(Message::Close(Some(fault))).await };
        // Best effort: the peer may be gone.
        let _ = timeout(GOODBYE, goodbye).await;
    }
}

/// Reads messages until the connection ends; gives what to tell a peer that broke a rule. Pings and closes are
/// answered by the library while this reads.
async fn read_frames(
    mut stream: SplitStream<WebSocketStream<TcpStream>>,
    lines: mpsc::Sender<String>,
) -> Option<CloseFrame> {
    loop {
        match stream.next().await? {
            Ok(Message::Text(text)) => {
                let text = text.trim();
                if !text.is_empty() && lines.send(text.to_owned()).await.is_err() {
                    return None;
                }
            }
            Ok(Message::Binary(_)) => return Some(fault(CloseCode::Unsupported, "messages are text")),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
            Err(error) => return blame(&error),
        }
    }
}

fn fault(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame {
        code,
        reason: reason.into(),
    }
}

/// What the peer did wrong, if it was the peer.
fn blame(error: &Error) -> Option<CloseFrame> {
    match error {
        Error::Capacity(_) => Some(fault(CloseCode::Size, "the message is too long")),
        Error::Utf8(_) => Some(fault(CloseCode::Invalid, "the message is not UTF-8")),
        Error::Protocol(_) => Some(fault(
            CloseCode::Protocol,
            "the frame is not allowed by the protocol",
        )),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn gate() -> Gate {
        Gate {
            port: 4100,
            token: Token::random().unwrap(),
        }
    }

    /// Sends bytes to the handshake; gives the first line of what it answers.
    async fn answer(gate: &Gate, sent: &str) -> String {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        far.write_all(sent.as_bytes()).await.unwrap();
        far.shutdown().await.unwrap();
        let admitted = handshake(near, gate).await.unwrap().is_some();
        let mut said = String::new();
        far.read_to_string(&mut said).await.unwrap();
        assert_eq!(admitted, said.starts_with("HTTP/1.1 101"), "{said}");
        said.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn requests_are_answered_with_the_first_thing_wrong() {
        let gate = gate();
        let host = "Host: localhost:4100\r\n";
        let token = format!("Authorization: Bearer {}\r\n", gate.token.reveal());
        let upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let long = format!("X: {}\r\n", "x".repeat(MAX_HEAD));
        let cases = [
            (
                format!("GET / HTTP/1.1\r\n{host}{token}{upgrade}\r\n"),
                "101 Switching Protocols",
            ),
            (
                format!("GET / HTTP/1.1\r\n{host}{upgrade}\r\n"),
                "401 Unauthorized",
            ),
            (format!("GET / HTTP/1.1\r\n{host}\r\n"), "401 Unauthorized"),
            (format!("GET / HTTP/1.1\r\n{host}{token}\r\n"), "400 Bad Request"),
            (
                format!("GET /x HTTP/1.1\r\n{host}{token}{upgrade}\r\n"),
                "404 Not Found",
            ),
            (format!("GET / HTTP/1.1\r\n{token}{upgrade}\r\n"), "403 Forbidden"),
            (
                format!("POST / HTTP/1.1\r\n{host}{token}{upgrade}\r\n{{}}"),
                "400 Bad Request",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}\n".to_owned(),
                "400 Bad Request",
            ),
            (
                format!("GET / HTTP/1.1\r\n{host}{long}\r\n"),
                "431 Request Header Fields Too Large",
            ),
        ];
        for (sent, want) in cases {
            assert_eq!(answer(&gate, &sent).await, format!("HTTP/1.1 {want}"), "{sent}");
        }
        assert_eq!(answer(&gate, "GET / HT").await, "", "an end before the head's");
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_says_nothing_is_dropped() {
        let (near, mut far) = tokio::io::duplex(1024);
        assert!(timeout(HANDSHAKE, handshake(near, &gate())).await.is_err());
        assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[test]
    fn the_file_is_the_persons_alone_and_replaces_what_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("websocket.json");
        std::fs::write(&file, "an older daemon's").unwrap();
        std::fs::write(file.with_extension("new"), "half of").unwrap();
        publish(&file, b"{}").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"{}");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!file.with_extension("new").exists());
    }
}
