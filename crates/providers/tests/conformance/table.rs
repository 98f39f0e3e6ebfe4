//! The clients, each with a server of its protocol. A new client is a new row.

use crate::common::{request, runtime, start};
use brisk_domain::ModelId;
use brisk_domain::port::{GenerateRequest, Model, ModelEvent, Running, Sink};
use brisk_providers::{
    ChatConfig, ChatModel, MessagesConfig, MessagesModel, ResponsesConfig, ResponsesModel, Secret, Timeouts,
    Transport,
};
use brisk_testkit::responses::{ResponsesServer, Say, Speech};
use brisk_testkit::{Act, FakeServer, Reply};
use serde_json::{Value, json};
use std::cell::Cell;

pub(crate) const KEY: &str = "sk-very-secret-0123456789";

/// A piece of an answer, in no protocol's words.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Text(String),
    /// This piece very often.
    Many(&'static str, Option<u64>),
    /// One event of this size.
    Big(usize),
    /// An event of a model that thinks.
    Thought,
    /// No event at all, where one should be.
    Noise,
    /// An error of the server in the middle.
    Broken(Value),
    Gate(&'static str),
    Hang,
    /// The good end.
    Stop,
    /// The end at the bound.
    Length,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) cut_after: Option<usize>,
    pub(crate) split_at: Vec<usize>,
}

pub(crate) fn answer(pieces: Vec<Piece>) -> Answer {
    Answer {
        pieces,
        ..Answer::default()
    }
}

pub(crate) fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

/// A server of one protocol.
pub(crate) trait Server {
    fn url(&self) -> String;
    fn answer(&self, answer: &Answer);
    fn refuse(&self, status: u16, headers: &[(&str, &str)], error: &Value);
    /// How many bytes the last whole answer had.
    fn written(&self) -> usize;
    fn asked(&self) -> usize;
    fn wait_asked(&self, n: usize);
    /// The server knows that nobody wants answer `n` any more.
    fn wait_unwanted(&self, n: usize);
    fn open(&self, gate: &str);
}

/// The server with plain HTTP and scripted bytes, and how its protocol writes a piece.
struct Http {
    server: FakeServer,
    write: fn(&Piece) -> Vec<Act>,
    head: fn() -> Vec<Act>,
    written: Cell<usize>,
}

impl Server for Http {
    fn url(&self) -> String {
        self.server.url()
    }

    fn answer(&self, answer: &Answer) {
        let acts = (self.head)()
            .into_iter()
            .chain(answer.pieces.iter().flat_map(self.write))
            .collect();
        let mut reply = Reply::stream(acts).split_at(answer.split_at.clone());
        reply.cut_after = answer.cut_after;
        self.written.set(reply.body().len());
        self.server.reply(reply);
    }

    fn refuse(&self, status: u16, headers: &[(&str, &str)], error: &Value) {
        let reply = Reply::refusal(status, &json!({"error": error}).to_string());
        let reply = headers.iter().fold(reply, |reply, (n, v)| reply.header(n, v));
        self.server.reply(reply);
    }

    fn written(&self) -> usize {
        self.written.get()
    }

    fn asked(&self) -> usize {
        self.server.requests().len()
    }

    fn wait_asked(&self, n: usize) {
        self.server.wait_request(n).unwrap();
    }

    fn wait_unwanted(&self, n: usize) {
        self.server.wait_gone(n).unwrap();
    }

    fn open(&self, gate: &str) {
        self.server.open(gate);
    }
}

fn chat(piece: &Piece) -> Vec<Act> {
    match piece {
        Piece::Text(text) => vec![Act::text(text.as_str())],
        Piece::Many(text, count) => vec![Act::Repeat {
            text: (*text).to_owned(),
            count: *count,
        }],
        Piece::Big(letters) => vec![Act::Big { letters: *letters }],
        Piece::Thought => vec![Act::raw(format!(
            "data: {}\n\n",
            json!({"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]})
        ))],
        Piece::Noise => vec![Act::raw("data: {nonsense\n\n")],
        Piece::Broken(error) => vec![Act::raw(format!("data: {}\n\n", json!({"error": error})))],
        Piece::Gate(name) => vec![Act::gate(*name)],
        Piece::Hang => vec![Act::Hang],
        Piece::Stop => vec![Act::stop(), Act::Done],
        Piece::Length => vec![
            Act::Finish {
                reason: "length".to_owned(),
            },
            Act::Done,
        ],
    }
}

fn messages(piece: &Piece) -> Vec<Act> {
    let event = |value: Value| {
        let name = value["type"].as_str().unwrap().to_owned();
        Act::raw(format!("event: {name}\ndata: {value}\n\n"))
    };
    let delta = |text: &str| {
        event(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        )
    };
    let end = |reason: &str| {
        let delta = event(
            json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}}),
        );
        vec![delta, event(json!({"type": "message_stop"}))]
    };
    match piece {
        Piece::Text(text) => vec![delta(text)],
        // The fake repeats frames of the other protocol only: as many acts as needed to be far too many.
        Piece::Many(text, count) => {
            let count = count.unwrap_or(20_000) as usize;
            std::iter::repeat_n(delta(text), count).collect()
        }
        Piece::Big(letters) => vec![delta(&"x".repeat(*letters))],
        Piece::Thought => vec![event(json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "thinking_delta", "thinking": "hm"}}))],
        Piece::Noise => vec![Act::raw("data: {nonsense\n\n")],
        Piece::Broken(error) => vec![event(json!({"type": "error", "error": error}))],
        Piece::Gate(name) => vec![Act::gate(*name)],
        Piece::Hang => vec![Act::Hang],
        Piece::Stop => end("end_turn"),
        Piece::Length => end("max_tokens"),
    }
}

fn messages_head() -> Vec<Act> {
    let start = json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}});
    vec![Act::raw(format!("event: message_start\ndata: {start}\n\n"))]
}

struct Responses(ResponsesServer);

impl Server for Responses {
    fn url(&self) -> String {
        self.0.url()
    }

    fn answer(&self, answer: &Answer) {
        let say = |piece: &Piece| match piece {
            Piece::Text(text) => Say::text(text.as_str()),
            Piece::Many(text, count) => Say::Repeat {
                text: (*text).to_owned(),
                count: *count,
            },
            Piece::Big(letters) => Say::Big { letters: *letters },
            Piece::Thought => {
                Say::event(json!({"type": "response.reasoning_summary_text.delta", "delta": "hm"}))
            }
            Piece::Noise => Say::raw("{nonsense"),
            Piece::Broken(error) => Say::event(json!({"type": "error", "error": error})),
            Piece::Gate(name) => Say::gate(*name),
            Piece::Hang => Say::Hang,
            Piece::Stop => Say::Complete,
            Piece::Length => Say::Length,
        };
        let mut speech =
            Speech::of(answer.pieces.iter().map(say).collect()).split_at(answer.split_at.clone());
        speech.cut_after = answer.cut_after;
        self.0.say(speech);
    }

    fn refuse(&self, status: u16, headers: &[(&str, &str)], error: &Value) {
        self.0.say(Speech::refusal(status, headers, error.clone()));
    }

    fn written(&self) -> usize {
        // The end of the last event comes after the note of it.
        self.0.wait_ended(self.asked()).unwrap() + 300
    }

    fn asked(&self) -> usize {
        self.0.asked().len()
    }

    fn wait_asked(&self, n: usize) {
        self.0.wait_asked(n).unwrap();
    }

    fn wait_unwanted(&self, n: usize) {
        self.0.wait_unwanted(n).unwrap();
    }

    fn open(&self, gate: &str) {
        self.0.open(gate);
    }
}

/// A client and a server of its protocol.
struct Row {
    name: &'static str,
    server: fn() -> Box<dyn Server>,
    model: fn(&str, Timeouts) -> Box<dyn Model>,
}

pub(crate) struct AnyModel(Box<dyn Model>);

impl Model for AnyModel {
    fn generate(&self, request: GenerateRequest, sink: Sink) -> Box<dyn Running> {
        self.0.generate(request, sink)
    }

    fn warm(&self, request: GenerateRequest) {
        self.0.warm(request);
    }
}

fn id() -> ModelId {
    ModelId("fake".to_owned())
}

fn http(write: fn(&Piece) -> Vec<Act>, head: fn() -> Vec<Act>) -> Box<dyn Server> {
    Box::new(Http {
        server: FakeServer::start().unwrap(),
        write,
        head,
        written: Cell::default(),
    })
}

fn responses(url: &str, timeouts: Timeouts, transport: Transport) -> Box<dyn Model> {
    let mut config = ResponsesConfig::new(id(), url, "m");
    config.endpoint.api_key = Secret::new(KEY);
    config.endpoint.timeouts = timeouts;
    config.transport = transport;
    Box::new(ResponsesModel::new(config, runtime().handle().clone()).unwrap())
}

fn rows() -> [Row; 4] {
    [
        Row {
            name: "Chat Completions",
            server: || http(chat, Vec::new),
            model: |url, timeouts| {
                let mut config = ChatConfig::new(id(), url, "m");
                config.endpoint.api_key = Secret::new(KEY);
                config.endpoint.timeouts = timeouts;
                Box::new(ChatModel::new(config, runtime().handle().clone()).unwrap())
            },
        },
        Row {
            name: "Anthropic Messages",
            server: || http(messages, messages_head),
            model: |url, timeouts| {
                let mut config = MessagesConfig::new(id(), url, "m");
                config.endpoint.api_key = Secret::new(KEY);
                config.endpoint.timeouts = timeouts;
                Box::new(MessagesModel::new(config, runtime().handle().clone()).unwrap())
            },
        },
        Row {
            name: "Responses over HTTP",
            server: || Box::new(Responses(ResponsesServer::start().unwrap())),
            model: |url, timeouts| responses(url, timeouts, Transport::Sse),
        },
        Row {
            name: "Responses on a socket",
            server: || Box::new(Responses(ResponsesServer::start().unwrap())),
            model: |url, timeouts| responses(url, timeouts, Transport::WebSocket),
        },
    ]
}

/// A client with its server, ready.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) server: Box<dyn Server>,
    pub(crate) model: AnyModel,
}

impl Stage {
    pub(crate) fn ask(&self, answer: &Answer) -> (String, ModelEvent) {
        self.server.answer(answer);
        start(&self.model, request()).end()
    }
}

pub(crate) fn each_within(timeouts: Timeouts, demand: impl Fn(&Stage)) {
    for row in rows() {
        let server = (row.server)();
        let model = AnyModel((row.model)(&server.url(), timeouts));
        demand(&Stage {
            name: row.name,
            server,
            model,
        });
    }
}

pub(crate) fn each(demand: impl Fn(&Stage)) {
    each_within(Timeouts::default(), demand);
}
