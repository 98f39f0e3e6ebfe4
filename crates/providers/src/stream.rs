//! From a response's head to the last event of a generation.

use crate::answer::Answer;
use crate::connect::drain;
use crate::fault::Upstream;
use crate::sse::{SseEvent, SseParser};
use brisk_domain::port::{Fault, Finish, ModelEvent, Sink, Usage};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::CONTENT_ENCODING;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use std::time::Duration;

/// The bound of one event of the stream, bytes. A token takes some 200.
pub const EVENT_MAX: usize = 8 << 20;

/// The bound of a refusal's body that is read, bytes.
const REFUSAL_MAX: usize = 64 << 10;

/// When a generation is given up. Whoever waits for it has a clock of its own; these bounds end what would never end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection alone.
    pub connect: Duration,
    /// Silence before the first text: queueing at the server, reading the prompt, thinking. Events without text count
    /// as a sign of life.
    pub first_text: Duration,
    /// Silence after the first text. A model may think in between.
    pub stall: Duration,
    /// For what nobody waits for: a request's way out, a refusal's body, a warm-up.
    pub aside: Duration,
}

impl Default for Timeouts {
    /// 3 s, 10 min (some models think that long without a word), 2 min, 15 s.
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(3),
            first_text: Duration::from_secs(10 * 60),
            stall: Duration::from_secs(2 * 60),
            aside: Duration::from_secs(15),
        }
    }
}

/// What one event says of the answer, whatever the protocol.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// A piece of the answer; empty if there is none.
    pub(crate) text: String,
    /// Why the answer ended.
    pub(crate) finish: Option<Finish>,
    /// Counts so far.
    pub(crate) usage: Option<Usage>,
    /// Nothing comes after this event.
    pub(crate) last: bool,
}

/// Why an event says nothing.
#[derive(Debug)]
pub(crate) enum Unsaid {
    /// It is not of this protocol. After the reason of the end nothing can spoil the answer any more: it is skipped.
    Malformed,
    /// The server tells of a failure.
    Broke(Fault),
}

/// How a protocol writes its events. It may remember what came before.
pub(crate) trait Reader: Send {
    fn read(&mut self, upstream: &Upstream, event: &SseEvent) -> Result<Said, Unsaid>;
}

/// Hands out text until the answer is over; gives the last event.
pub(crate) async fn follow(
    upstream: &Upstream,
    timeouts: Timeouts,
    response: Response<Incoming>,
    reader: impl Reader,
    answer: Answer,
    sink: &Sink,
) -> Result<ModelEvent, Fault> {
    let (head, mut body) = response.into_parts();
    if head.status != StatusCode::OK {
        let text = short_body(body, timeouts.aside).await;
        return Err(upstream.refused(head.status.as_u16(), &head.headers, &text, Timestamp::now()));
    }
    let coding = head
        .headers
        .get(CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok());
    if let Some(how) = coding.filter(|how| compresses(how)) {
        return Err(upstream.compressed(how));
    }
    let kind = head
        .headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    // Some servers name their streams oddly; these two are never streams.
    if kind.starts_with("text/html") || kind.starts_with("application/json") {
        let text = short_body(body, timeouts.aside).await;
        return Err(upstream.no_stream(kind, &text));
    }
    let mut parser = SseParser::new(EVENT_MAX);
    let mut state = State::new(upstream, reader, answer);
    let end = loop {
        let wait = match (state.finish, state.spoke) {
            (Some(_), _) => timeouts.aside,
            (None, true) => timeouts.stall,
            (None, false) => timeouts.first_text,
        };
        let mut text = String::new();
        let mut over = None;
        let bytes = match tokio::time::timeout(wait, body.frame()).await {
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            Ok(Some(Err(_))) => break state.ended_early(sink),
            Ok(None) => {
                if let Some(event) = parser.finish() {
                    over = state.take(&event, &mut text);
                    deliver(text, sink);
                }
                break over.unwrap_or_else(|| state.ended_early(sink));
            }
            // The reason of the end has come, the counts have not and need not.
            Err(_) if state.finish.is_some() => break state.ended_early(sink),
            Err(_) => {
                state.give_up_held(sink);
                break Err(upstream.stalled(wait));
            }
        };
        let fed = parser.feed(&bytes, |event| {
            if over.is_none() {
                over = state.take(&event, &mut text);
            }
        });
        if let (Err(error), None) = (fed, &over) {
            over = Some(Err(upstream.malformed(&error.to_string(), "")));
        }
        if matches!(over, Some(Err(_))) {
            state.answer.flush(&mut text);
        }
        deliver(text, sink);
        if let Some(over) = over {
            if state.finish.is_some() {
                // The handle is dropped as soon as the end is told; the connection is to outlive that.
                tokio::spawn(drain(body, timeouts.aside));
            }
            break over;
        }
    };
    let (finish, usage) = end?;
    Ok(ModelEvent::Done { finish, usage })
}

/// Whether a content coding is one that compresses. Other names stand for none: some write `none` so that nothing on
/// the way compresses either.
fn compresses(coding: &str) -> bool {
    const CODINGS: [&str; 7] = [
        "gzip",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "x-compress",
    ];
    let known = |name: &str| {
        CODINGS
            .iter()
            .any(|coding| name.trim().eq_ignore_ascii_case(coding))
    };
    coding.split(',').any(known)
}

fn deliver(text: String, sink: &Sink) {
    if !text.is_empty() {
        sink(ModelEvent::Text { text });
    }
}

/// The beginning of a body, as text; empty if it does not come.
pub(crate) async fn short_body(body: Incoming, wait: Duration) -> String {
    bounded_body(body, wait, REFUSAL_MAX).await
}

/// The first `max` bytes of a body, as text; what came in time.
pub(crate) async fn bounded_body(mut body: Incoming, wait: Duration, max: usize) -> String {
    let mut seen: Vec<u8> = Vec::new();
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            let piece = frame.into_data().unwrap_or_else(|_| Bytes::new());
            let room = max - seen.len();
            seen.extend_from_slice(&piece[..piece.len().min(room)]);
            if seen.len() == max {
                return;
            }
        }
    };
    // What came in time is enough for a message.
    drop(tokio::time::timeout(wait, read).await);
    String::from_utf8_lossy(&seen).into_owned()
}

pub(crate) type End = Result<(Finish, Usage), Fault>;

pub(crate) struct State<'a, R> {
    upstream: &'a Upstream,
    reader: R,
    answer: Answer,
    usage: Usage,
    /// Set when the server has said why the answer ended.
    finish: Option<Finish>,
    /// The answer's text has begun.
    spoke: bool,
}

impl<'a, R: Reader> State<'a, R> {
    pub(crate) fn new(upstream: &'a Upstream, reader: R, answer: Answer) -> State<'a, R> {
        State {
            upstream,
            reader,
            answer,
            usage: Usage::default(),
            finish: None,
            spoke: false,
        }
    }

    /// Takes one event; gives the end if it is one.
    pub(crate) fn take(&mut self, event: &SseEvent, text: &mut String) -> Option<End> {
        let said = match self.reader.read(self.upstream, event) {
            Ok(said) => said,
            Err(Unsaid::Malformed) if self.finish.is_some() => return None,
            Err(Unsaid::Malformed) => {
                let what = "an event is not of its protocol";
                return Some(Err(self.upstream.malformed(what, &event.data)));
            }
            Err(Unsaid::Broke(fault)) => return Some(Err(fault)),
        };
        if let Some(usage) = said.usage {
            self.usage = usage;
        }
        self.spoke |= !said.text.is_empty();
        if self.finish.is_none() {
            if let Some(finish) = self.answer.push(&said.text, text) {
                // The server goes on; dropping the body stops it. `finish` stays unset, so nothing is drained.
                return Some(Ok((finish, self.usage)));
            }
            self.finish = said.finish;
        }
        if said.last {
            self.answer.flush(text);
            let finish = *self.finish.get_or_insert(Finish::Stop);
            return Some(Ok((finish, self.usage)));
        }
        None
    }

    /// The connection is over: fine if the server had said why the answer ended.
    fn ended_early(&mut self, sink: &Sink) -> End {
        self.give_up_held(sink);
        self.finish
            .map(|finish| (finish, self.usage))
            .ok_or_else(|| self.upstream.cut())
    }

    fn give_up_held(&mut self, sink: &Sink) {
        let mut text = String::new();
        self.answer.flush(&mut text);
        deliver(text, sink);
    }
}
