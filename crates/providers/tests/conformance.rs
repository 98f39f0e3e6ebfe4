//! What every client must do, whatever the protocol: one table of clients, each with a server of its protocol, and one
//! set of demands. A new client is a new row.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use brisk_domain::ModelId;
use brisk_domain::port::{
    Fault, FaultSource, Finish, GenerateRequest, Model, ModelEvent, Retry, Running, Sink,
};
use brisk_providers::{
    ChatConfig, ChatModel, EVENT_MAX, MessagesConfig, MessagesModel, ResponsesConfig, ResponsesModel, Secret,
    Timeouts, Transport,
};
use brisk_testkit::responses::{ResponsesServer, Say, Speech};
use brisk_testkit::{Act, FakeServer, Reply};
use common::{request, runtime, start};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::Duration;

const KEY: &str = "sk-very-secret-0123456789";

/// A piece of an answer, in no protocol's words.
#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    /// This piece very often.
    Many(&'static str, Option<u64>),
    /// One event of this size.
    Big(usize),
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
struct Answer {
    pieces: Vec<Piece>,
    cut_after: Option<usize>,
    split_at: Vec<usize>,
}

fn answer(pieces: Vec<Piece>) -> Answer {
    Answer {
        pieces,
        ..Answer::default()
    }
}

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

/// A server of one protocol.
trait Server {
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

struct AnyModel(Box<dyn Model>);

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
    config.api_key = Secret::new(KEY);
    config.timeouts = timeouts;
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
                config.api_key = Secret::new(KEY);
                config.timeouts = timeouts;
                Box::new(ChatModel::new(config, runtime().handle().clone()).unwrap())
            },
        },
        Row {
            name: "Anthropic Messages",
            server: || http(messages, messages_head),
            model: |url, timeouts| {
                let mut config = MessagesConfig::new(id(), url, "m");
                config.api_key = Secret::new(KEY);
                config.timeouts = timeouts;
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
struct Stage {
    name: &'static str,
    server: Box<dyn Server>,
    model: AnyModel,
}

impl Stage {
    fn ask(&self, answer: &Answer) -> (String, ModelEvent) {
        self.server.answer(answer);
        start(&self.model, request()).end()
    }
}

fn each_within(timeouts: Timeouts, demand: impl Fn(&Stage)) {
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

fn each(demand: impl Fn(&Stage)) {
    each_within(Timeouts::default(), demand);
}

fn fault(name: &str, end: ModelEvent) -> Fault {
    match end {
        ModelEvent::Failed { fault } => {
            assert!(!fault.message.contains("sk-very"), "{name}: {}", fault.message);
            fault
        }
        other @ (ModelEvent::Sent | ModelEvent::Text { .. } | ModelEvent::Done { .. }) => {
            panic!("{name}: not a fault: {other:?}")
        }
    }
}

fn finish(end: &ModelEvent) -> Option<Finish> {
    match end {
        ModelEvent::Done { finish, .. } => Some(*finish),
        ModelEvent::Sent | ModelEvent::Text { .. } | ModelEvent::Failed { .. } => None,
    }
}

const WORDS: [&str; 3] = ["fn é() ", "{ \"😀\\\" }", "\n"];

fn words() -> Vec<Piece> {
    WORDS.iter().map(|word| text(word)).collect()
}

fn spoken() -> Answer {
    let mut pieces = words();
    pieces.push(Piece::Stop);
    answer(pieces)
}

#[test]
fn text_comes_piece_by_piece_and_whole() {
    each(|stage| {
        let mut pieces = vec![text("one"), Piece::Gate("go"), text(" two"), Piece::Stop];
        stage.server.answer(&answer(pieces.clone()));
        let run = start(&stage.model, request());
        assert_eq!(run.next(), ModelEvent::Sent, "{}", stage.name);
        let one = ModelEvent::Text {
            text: "one".to_owned(),
        };
        assert_eq!(run.next(), one, "{}", stage.name);
        stage.server.open("go");
        let (rest, end) = run.end();
        assert_eq!(
            (rest.as_str(), finish(&end)),
            (" two", Some(Finish::Stop)),
            "{}",
            stage.name
        );
        pieces.retain(|piece| !matches!(piece, Piece::Gate(_)));
        for _ in 0..3 {
            let (all, end) = stage.ask(&answer(pieces.clone()));
            assert_eq!(
                (all.as_str(), finish(&end)),
                ("one two", Some(Finish::Stop)),
                "{}",
                stage.name
            );
        }
    });
}

#[test]
fn where_a_stream_is_split_does_not_matter() {
    each(|stage| {
        let whole = stage.ask(&spoken());
        assert_eq!(whole.0, WORDS.concat(), "{}", stage.name);
        let size = stage.server.written();
        for at in (1..size).map(|at| vec![at]).chain([(1..size).collect()]) {
            let split = Answer {
                split_at: at.clone(),
                ..spoken()
            };
            let (all, end) = stage.ask(&split);
            assert_eq!(
                (all, finish(&end)),
                (WORDS.concat(), Some(Finish::Stop)),
                "{} {at:?}",
                stage.name
            );
        }
    });
}

#[test]
fn a_stream_cut_anywhere_gives_a_prefix_and_a_fault_once() {
    each(|stage| {
        stage.ask(&spoken());
        let (mut texts, mut faults) = (Vec::new(), 0);
        let size = stage.server.written();
        for at in 0..size {
            let cut = Answer {
                cut_after: Some(at),
                ..spoken()
            };
            let (got, end) = stage.ask(&cut);
            let whole = WORDS.concat();
            assert!(whole.starts_with(&got), "{} cut at {at}: {got:?}", stage.name);
            match finish(&end) {
                Some(_) => assert_eq!(got, whole, "{} cut at {at}", stage.name),
                None => {
                    let fault = fault(stage.name, end);
                    let want = (FaultSource::Network, Retry::After { ms: 0 });
                    assert_eq!(
                        (fault.source, fault.retry),
                        want,
                        "{} cut at {at}: {}",
                        stage.name,
                        fault.message
                    );
                    faults += 1;
                }
            }
            texts.push(got);
        }
        // Nothing is asked again in secret. (What goes to a socket that is being cut may not come at all.)
        let asked = stage.server.asked();
        assert!(
            (size..=size + 1).contains(&asked),
            "{}: {asked} of {size}",
            stage.name
        );
        texts.dedup();
        // The text grows with the cut, and every piece arrives before the stream's end.
        assert!(texts.len() >= WORDS.len(), "{}: {texts:?}", stage.name);
        assert!(faults > 50, "{}: {faults}", stage.name);
    });
}

#[test]
fn stop_texts_openings_and_bounds_hold_whatever_the_server_does() {
    each(|stage| {
        stage
            .server
            .answer(&answer(vec![text("```rust\nx\n``"), text("`\nbye"), Piece::Hang]));
        let mut fenced = request();
        fenced.answer_prefix = "```rust\n".to_owned();
        fenced.stop = vec!["```".to_owned()];
        let (got, end) = start(&stage.model, fenced).end();
        assert_eq!(
            (got.as_str(), finish(&end)),
            ("x\n", Some(Finish::Stop)),
            "{}",
            stage.name
        );
        stage.server.wait_unwanted(1);

        stage.server.answer(&answer(vec![text("a"), Piece::Length]));
        let (got, end) = start(&stage.model, request()).end();
        assert_eq!(
            (got.as_str(), finish(&end)),
            ("a", Some(Finish::Length)),
            "{}",
            stage.name
        );

        stage.server.answer(&answer(vec![Piece::Many("ab", None)]));
        let mut bound = request();
        bound.max_tokens = 3;
        let (got, end) = start(&stage.model, bound).end();
        assert_eq!(
            (got.as_str(), finish(&end)),
            ("ababab", Some(Finish::Length)),
            "{}",
            stage.name
        );
        stage.server.wait_unwanted(3);
    });
}

#[test]
fn quota_refusals_say_when_in_every_known_shape() {
    let date = ("date", "Sun, 22 Nov 2026 12:00:00 GMT");
    let words = |text: &str| json!({"message": text, "code": "rate_limit_exceeded"});
    let plain = || words("slow down");
    let shapes: [(&[(&str, &str)], Value, Retry); 12] = [
        (&[], plain(), Retry::Elsewhere),
        (&[("retry-after", "7")], plain(), Retry::After { ms: 7000 }),
        (&[("retry-after-ms", "250")], plain(), Retry::After { ms: 250 }),
        (
            &[date, ("retry-after", "Sun, 22 Nov 2026 12:05:00 GMT")],
            plain(),
            Retry::After { ms: 300_000 },
        ),
        (
            &[
                ("x-ratelimit-reset-tokens", "7.66s"),
                ("x-ratelimit-remaining-tokens", "0"),
            ],
            plain(),
            Retry::After { ms: 7660 },
        ),
        (
            &[("x-ratelimit-reset-requests", "2m59.56s")],
            plain(),
            Retry::After { ms: 179_560 },
        ),
        (
            &[date, ("anthropic-ratelimit-tokens-reset", "2026-11-22T12:00:05Z")],
            plain(),
            Retry::After { ms: 5000 },
        ),
        (
            &[("x-codex-primary-reset-after-seconds", "90")],
            plain(),
            Retry::After { ms: 90_000 },
        ),
        (
            &[("ratelimit", "\"default\";r=0;t=40")],
            plain(),
            Retry::After { ms: 40_000 },
        ),
        (
            &[],
            words("Please try again in 1.898s."),
            Retry::After { ms: 1898 },
        ),
        (
            &[],
            json!({"message": "x", "resets_in_seconds": 12}),
            Retry::After { ms: 12_000 },
        ),
        (
            &[],
            json!({"message": "x", "type": "usage_limit_reached", "resets_in_seconds": 3600}),
            Retry::After { ms: 3_600_000 },
        ),
    ];
    each(|stage| {
        for (headers, error, retry) in &shapes {
            stage.server.refuse(429, headers, error);
            let (got, end) = start(&stage.model, request()).end();
            let fault = fault(stage.name, end);
            assert_eq!(
                (got.as_str(), fault.source, fault.retry),
                ("", FaultSource::Quota, *retry),
                "{} {headers:?} {error}: {}",
                stage.name,
                fault.message
            );
        }
        let spent = json!({"message": "You exceeded your quota", "code": "insufficient_quota"});
        stage.server.refuse(429, &[("retry-after", "1")], &spent);
        let last = fault(stage.name, start(&stage.model, request()).end().1);
        assert_eq!(
            (last.source, last.retry),
            (FaultSource::Quota, Retry::Elsewhere),
            "{}",
            stage.name
        );
        // Each was asked once.
        assert_eq!(stage.server.asked(), shapes.len() + 1, "{}", stage.name);
    });
}

#[test]
fn refusals_are_typed() {
    use FaultSource::{Request, Setup, Upstream};
    let said = |code: &str, message: &str| json!({"message": message, "code": code});
    let cases = [
        (
            401,
            said("invalid_api_key", &format!("Incorrect API key: {KEY}")),
            Setup,
            Retry::Elsewhere,
        ),
        (
            404,
            said("model_not_found", "no such model"),
            Setup,
            Retry::Elsewhere,
        ),
        (
            400,
            said("context_length_exceeded", "too big"),
            Request,
            Retry::Elsewhere,
        ),
        (400, said("x", "bad temperature"), Request, Retry::Elsewhere),
        (
            500,
            said("server_error", "oops"),
            Upstream,
            Retry::After { ms: 0 },
        ),
        (502, said("x", "bad gateway"), Upstream, Retry::After { ms: 0 }),
        (
            503,
            said("server_is_overloaded", "busy"),
            Upstream,
            Retry::After { ms: 1000 },
        ),
        (
            529,
            said("overloaded_error", "busy"),
            Upstream,
            Retry::After { ms: 1000 },
        ),
    ];
    each(|stage| {
        for (status, error, source, retry) in &cases {
            stage.server.refuse(*status, &[], error);
            let fault = fault(stage.name, start(&stage.model, request()).end().1);
            assert_eq!(
                (fault.source, fault.retry),
                (*source, *retry),
                "{} {status}: {}",
                stage.name,
                fault.message
            );
        }
        // And the client is as good as before.
        assert_eq!(stage.ask(&spoken()).0, WORDS.concat(), "{}", stage.name);
    });
}

#[test]
fn what_breaks_in_the_middle_is_typed_and_keeps_the_text() {
    let overloaded = json!({"message": "busy", "type": "overloaded_error"});
    let limited = json!({"message": "Please try again in 3s", "type": "rate_limit_error", "code": "rate_limit_exceeded"});
    let cases = [
        (
            Piece::Broken(overloaded),
            FaultSource::Upstream,
            Retry::After { ms: 1000 },
            "overloaded",
        ),
        (
            Piece::Broken(limited),
            FaultSource::Quota,
            Retry::After { ms: 3000 },
            "again in 3 s",
        ),
        (Piece::Noise, FaultSource::Upstream, Retry::Elsewhere, "malformed"),
        (
            Piece::Big(EVENT_MAX),
            FaultSource::Upstream,
            Retry::Elsewhere,
            "8388608 bytes",
        ),
    ];
    each(|stage| {
        for (piece, source, retry, says) in &cases {
            let (got, end) = stage.ask(&answer(vec![text("a"), piece.clone(), Piece::Hang]));
            let fault = fault(stage.name, end);
            assert_eq!(
                (got.as_str(), fault.source, fault.retry),
                ("a", *source, *retry),
                "{} {says}: {}",
                stage.name,
                fault.message
            );
            assert!(
                fault.message.contains(says),
                "{} {says}: {}",
                stage.name,
                fault.message
            );
        }
    });
}

#[test]
fn a_stream_that_stalls_is_given_up() {
    let timeouts = Timeouts {
        stall: Duration::from_millis(50),
        ..Timeouts::default()
    };
    each_within(timeouts, |stage| {
        let (got, end) = stage.ask(&answer(vec![text("a"), Piece::Hang]));
        let fault = fault(stage.name, end);
        assert_eq!(
            (got.as_str(), fault.source, fault.retry),
            ("a", FaultSource::Network, Retry::Elsewhere),
            "{}: {}",
            stage.name,
            fault.message
        );
        stage.server.wait_unwanted(1);
    });
}

#[test]
fn a_drop_reaches_the_server_wherever_the_answer_stands() {
    each(|stage| {
        let cases = [
            (vec![Piece::Hang], false),
            (vec![text("a"), Piece::Hang], true),
            (
                vec![text("a"), Piece::Gate("never"), text("b"), Piece::Stop],
                true,
            ),
            (vec![Piece::Many("x", None)], true),
        ];
        for (at, (pieces, speaks)) in cases.into_iter().enumerate() {
            stage.server.answer(&answer(pieces));
            let mut endless = request();
            endless.max_tokens = usize::MAX;
            let run = start(&stage.model, endless);
            assert_eq!(run.next(), ModelEvent::Sent, "{}", stage.name);
            stage.server.wait_asked(at + 1);
            if speaks {
                assert!(matches!(run.next(), ModelEvent::Text { .. }), "{}", stage.name);
            }
            run.stop();
            stage.server.wait_unwanted(at + 1);
        }
        // And the next one is answered.
        assert_eq!(stage.ask(&spoken()).0, WORDS.concat(), "{}", stage.name);
    });
}

#[test]
fn very_many_tiny_events_arrive_in_order_without_loss() {
    each(|stage| {
        let count = 20_000;
        let (got, end) = stage.ask(&answer(vec![
            text("<"),
            Piece::Many("xy", Some(count)),
            text(">"),
            Piece::Stop,
        ]));
        // The bound of the request is 10,000 pieces.
        assert_eq!(finish(&end), Some(Finish::Length), "{}", stage.name);
        stage.server.answer(&answer(vec![
            text("<"),
            Piece::Many("xy", Some(count)),
            text(">"),
            Piece::Stop,
        ]));
        assert_eq!(got.len(), 1 + 2 * 9_999, "{}", stage.name);
        let mut all = request();
        all.max_tokens = usize::MAX;
        let (got, end) = start(&stage.model, all).end();
        assert_eq!(
            got,
            format!("<{}>", "xy".repeat(count as usize)),
            "{}",
            stage.name
        );
        assert_eq!(finish(&end), Some(Finish::Stop), "{}", stage.name);
    });
}
