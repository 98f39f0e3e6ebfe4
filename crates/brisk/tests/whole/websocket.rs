//! The WebSocket door: who gets in, who does not, and that inside it is what the unix socket is.

use crate::house::{House, REGION, SHOP};
use brisk_domain::{Event, Intent};
use brisk_protocol::{
    Envelope, Incoming, MAX_LINE, PromptExtras, RequestId, gate, greeting, jobs, method, notify_line, parse,
    request_line,
};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::Response;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

/// A test that waits longer than this for a step has failed.
const LIMIT: Duration = Duration::from_secs(20);

/// What `websocket.json` says.
struct Door {
    url: String,
    token: String,
}

impl Door {
    /// Starts the daemon where it does not run.
    fn of(house: &House) -> Door {
        house.ends(0, &["daemon", "start"]);
        let text = std::fs::read(house.home.path().join("run/websocket.json")).unwrap();
        let said: Value = serde_json::from_slice(&text).unwrap();
        let field = |name: &str| said[name].as_str().unwrap().to_owned();
        Door {
            url: field("url"),
            token: field("token"),
        }
    }

    fn tcp(&self) -> TcpStream {
        let address = self.url.strip_prefix("ws://").unwrap().trim_end_matches('/');
        let stream = TcpStream::connect(address.parse::<SocketAddr>().unwrap()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// Asks for an upgrade; headers replace those of the client. Refused: the status and the body.
    fn knock(&self, path: &str, headers: &[(&str, &str)]) -> Result<(Socket, Response), (u16, String)> {
        let mut request = format!("{}{path}", self.url.trim_end_matches('/'))
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request
                .headers_mut()
                .insert(name, HeaderValue::from_str(value).unwrap());
        }
        match tungstenite::client(request, self.tcp()) {
            Ok((ws, response)) => Ok((
                Socket {
                    ws,
                    next: 0,
                    events: vec![],
                    answers: vec![],
                },
                response,
            )),
            Err(HandshakeError::Failure(Error::Http(response))) => {
                let body = String::from_utf8(response.body().clone().unwrap_or_default()).unwrap();
                Err((response.status().as_u16(), body))
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// Gets in with the token and greets.
    fn enter(&self) -> Socket {
        let (mut socket, _) = self.knock("/", &[("authorization", &self.bearer())]).unwrap();
        socket.ask("initialize", &json!(greeting("test", ""))).unwrap();
        socket
    }
}

struct Socket {
    ws: WebSocket<TcpStream>,
    next: i64,
    events: Vec<Envelope>,
    answers: Vec<(RequestId, Result<Value, String>)>,
}

impl Socket {
    fn send(&mut self, name: &str, params: &Value) -> RequestId {
        self.next += 1;
        let id = RequestId::Number(self.next);
        self.ws
            .send(Message::text(request_line(&id, name, params)))
            .unwrap();
        id
    }

    fn read(&mut self) {
        let message = self.ws.read().unwrap();
        let text = message.to_text().unwrap();
        assert!(
            message.is_text() && !text.contains('\n'),
            "one message a frame: {text:?}"
        );
        match parse(text).unwrap() {
            // Told whenever it changes, whatever the test is about.
            Incoming::Notification { method, .. }
                if [gate::method::STATE, jobs::method::NEWS].contains(&&*method) => {}
            Incoming::Notification { method, params } => {
                assert_eq!(method, method::EVENT);
                self.events.push(serde_json::from_str(params.get()).unwrap());
            }
            Incoming::Response { id, outcome } => {
                let outcome = outcome
                    .map(|r| serde_json::from_str(r.get()).unwrap())
                    .map_err(|e| e.message);
                self.answers.push((id, outcome));
            }
            Incoming::Request { method, .. } => panic!("unexpected {method}"),
        }
    }

    fn answer(&mut self, id: &RequestId) -> Result<Value, String> {
        loop {
            if let Some(at) = self.answers.iter().position(|(i, _)| i == id) {
                return self.answers.swap_remove(at).1;
            }
            self.read();
        }
    }

    fn ask(&mut self, name: &str, params: &Value) -> Result<Value, String> {
        let id = self.send(name, params);
        self.answer(&id)
    }

    /// Opens a session and prompts in it; gives the session's name and the prompt's id.
    fn prompt(&mut self, house: &House) -> (String, RequestId) {
        let cwd = house.repo.path();
        let opened = self
            .ask("session/new", &json!({"cwd": cwd, "mcpServers": []}))
            .unwrap();
        let session = opened["sessionId"].as_str().unwrap().to_owned();
        let extras = PromptExtras {
            targets: vec!["shop.py:subtotal".into()],
            intent: Intent::Edit,
            model: None,
            lane: None,
            latency: None,
            auto_keep: false,
        };
        let prompt = json!({
            "sessionId": session,
            "prompt": [{"type": "text", "text": "multiply"}],
            "_meta": {"brisk": extras},
        });
        let id = self.send("session/prompt", &prompt);
        (session, id)
    }

    /// Reads up to the daemon's goodbye.
    fn closed_with(&mut self) -> CloseCode {
        loop {
            match self.ws.read().unwrap() {
                Message::Close(frame) => return frame.unwrap().code,
                other => assert!(other.is_text(), "{other}"),
            }
        }
    }
}

#[test]
fn an_edit_goes_through_the_door() {
    let house = House::new();
    let door = Door::of(&house);
    house.answers(REGION);
    let mut socket = door.enter();
    let (session, turn) = socket.prompt(&house);
    assert_eq!(socket.answer(&turn).unwrap()["stopReason"], "end_turn");
    assert_eq!(
        house.file("shop.py"),
        SHOP,
        "nothing is written before it is kept"
    );
    let number: u64 = session[1..].parse().unwrap();
    let decided = socket
        .ask(method::KEEP, &json!({"sessionId": number, "hunks": "all"}))
        .unwrap();
    assert_eq!(decided["kept"].as_array().unwrap().len(), 1);
    assert!(house.file("shop.py").contains("quantity"));
    let numbers: Vec<u64> = socket.events.iter().map(|e| e.seq).collect();
    assert!(numbers.windows(2).all(|w| w[0] < w[1]), "{numbers:?}");
    assert!(
        socket
            .events
            .iter()
            .any(|e| matches!(e.event, Event::HunkReady { .. }))
    );
    socket.ws.send(Message::Ping("still there?".into())).unwrap();
    loop {
        match socket.ws.read().unwrap() {
            Message::Pong(said) => break assert_eq!(&said[..], b"still there?"),
            other => assert!(other.is_text(), "{other}"),
        }
    }
}

#[test]
fn a_browser_gives_the_token_as_a_subprotocol() {
    let house = House::new();
    let door = Door::of(&house);
    let offer = format!("acp.v1, brisk.token.{}", door.token);
    let headers = [
        ("sec-websocket-protocol", offer.as_str()),
        ("origin", "vscode-webview://0f0f0f"),
    ];
    let (mut socket, response) = door.knock("/", &headers).unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "acp.v1");
    let hello = socket.ask("initialize", &json!(greeting("test", ""))).unwrap();
    assert_eq!(hello["agentInfo"]["name"], "brisk");
}

#[test]
fn nobody_else_gets_in() {
    let house = House::new();
    let door = Door::of(&house);
    let (right, wrong) = (door.bearer(), format!("Bearer {}", "0".repeat(64)));
    let auth = ("authorization", right.as_str());
    let wrong_offer = format!("acp.v1, brisk.token.{}", "0".repeat(64));
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let cases: &[(&str, Headers<'_>, u16)] = &[
        ("/", &[], 401),
        ("/", &[("authorization", &wrong)], 401),
        ("/", &[("sec-websocket-protocol", "acp.v1")], 401),
        ("/", &[("sec-websocket-protocol", &wrong_offer)], 401),
        ("/", &[auth, ("origin", "https://example.com")], 403),
        ("/", &[auth, ("origin", "null")], 403),
        ("/", &[auth, ("host", "rebound.example:80")], 403),
        ("/other", &[auth], 404),
        ("/?token=x", &[auth], 404),
    ];
    for (path, headers, want) in cases {
        let Err((status, body)) = door.knock(path, headers) else {
            panic!("{path} {headers:?} got in")
        };
        assert_eq!(status, *want, "{path} {headers:?}");
        assert!(
            body.lines().count() == 1 && !body.contains(&door.token),
            "{body:?}"
        );
    }
    let said = house.ends(0, &["daemon", "status", "--json"]);
    let status: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(status["sessions"], 0);
    assert_eq!(status["websocket"], door.url.as_str());
}

/// What comes right behind a refused request is never read as a message.
#[test]
fn nothing_is_done_before_the_token_was_seen() {
    let house = House::new();
    let door = Door::of(&house);
    let daemon = house.daemon_pid();
    let port = door.url.trim_end_matches('/').rsplit_once(':').unwrap().1;
    let mut request = format!(
        "GET / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes();
    // A text frame of a client, its mask all zero.
    let shutdown = request_line(&RequestId::Number(1), method::SHUTDOWN, &json!({}));
    request.extend_from_slice(&[0x81, 0x80 | u8::try_from(shutdown.len()).unwrap(), 0, 0, 0, 0]);
    request.extend_from_slice(shutdown.as_bytes());
    let mut tcp = door.tcp();
    tcp.write_all(&request).unwrap();
    let mut said = String::new();
    tcp.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
    assert!(!said.contains("jsonrpc"), "{said}");
    assert_eq!(house.daemon_pid(), daemon);
}

#[test]
fn the_address_is_the_persons_alone_and_goes_with_the_daemon() {
    let house = House::new();
    let door = Door::of(&house);
    let file = house.home.path().join("run/websocket.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let said = house.ends(0, &["daemon", "status"]);
    assert!(said.contains(&door.url) && !said.contains(&door.token), "{said}");
    let open = door.enter();
    house.ends(0, &["daemon", "stop"]);
    assert!(!file.exists());
    drop(open);
    assert_ne!(
        Door::of(&house).token,
        door.token,
        "the next daemon makes its own"
    );
}

#[test]
fn broken_rules_end_the_connection_only() {
    let house = House::new();
    let door = Door::of(&house);
    let mut other = door.enter();
    let too_long = u64::try_from(MAX_LINE + 1).unwrap().to_be_bytes();
    let head = |first: u8, len: &[u8]| [&[first], len, &[0; 4]].concat();
    let cases = [
        (
            "too long",
            head(0x81, &[&[0xFF], &too_long[..]].concat()),
            CloseCode::Size,
        ),
        (
            "binary",
            [head(0x82, &[0x82]), b"{}".to_vec()].concat(),
            CloseCode::Unsupported,
        ),
        (
            "no UTF-8",
            [head(0x81, &[0x82]), vec![0xFF, 0xFE]].concat(),
            CloseCode::Invalid,
        ),
        ("no mask", [&[0x81, 2][..], b"{}"].concat(), CloseCode::Protocol),
    ];
    for (name, bytes, want) in cases {
        let mut socket = door.enter();
        socket.ws.get_mut().write_all(&bytes).unwrap();
        assert_eq!(socket.closed_with(), want, "{name}");
        other.ask(method::DAEMON, &json!({})).unwrap();
    }
}

/// A client that reads nothing is still heard: its cancel stops the turn although its answers are stuck.
#[test]
fn a_client_that_does_not_read_is_still_heard() {
    let house = House::new();
    let door = Door::of(&house);
    house.answers_in_two("def subtotal(items):\n", "");
    let mut socket = door.enter();
    let (session, turn) = socket.prompt(&house);
    while !socket
        .events
        .iter()
        .any(|e| matches!(e.event, Event::FirstToken { .. }))
    {
        socket.read();
    }
    // More answers than the system's buffers hold: each names the method that it does not know.
    let long = "x".repeat(1 << 20);
    let asked: Vec<RequestId> = (0..24).map(|_| socket.send(&long, &json!({}))).collect();
    let cancel = notify_line("session/cancel", &json!({"sessionId": session}));
    socket.ws.send(Message::text(cancel)).unwrap();
    house.server.wait_gone(1).unwrap();
    // Others are served meanwhile.
    door.enter();
    for id in asked {
        assert!(socket.answer(&id).unwrap_err().contains(&long));
    }
    assert_eq!(socket.answer(&turn).unwrap()["stopReason"], "cancelled");
    assert_eq!(house.file("shop.py"), SHOP);
}
