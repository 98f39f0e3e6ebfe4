//! The same requests over HTTP, answered with server-sent events.

use super::body;
use super::chain::{Chain, Plan, Spoken};
use super::reader::EventReader;
use super::{Shared, lock};
use crate::answer::{Answer, StopTexts};
use crate::tools::{CallReader, Dialect};
use brisk_domain::port::{Fault, FaultSource, Finish, GenerateRequest, ModelEvent, Sink};
use brisk_domain::tool::{Calls, ToolRequest};
use brisk_protocol::responses::{RateLimits, TURN_STATE};
use hyper::header::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

/// Conversations that can be followed over HTTP.
const STORED_MAX: usize = 8;

/// What a server keeps for us, the last used at the end.
#[derive(Debug, Default)]
pub(super) struct Stored(Vec<Chain>);

impl Stored {
    /// Takes out the chain that spares most.
    fn take(&mut self, request: &GenerateRequest) -> Plan {
        let best = self
            .0
            .iter()
            .enumerate()
            .map(|(at, chain)| (chain.spares(&request.messages), at))
            .filter(|(spares, _)| *spares > 0)
            .max();
        match best {
            Some((_, at)) => self.0.remove(at).plan(&request.messages),
            None => Plan::Full,
        }
    }

    fn put(&mut self, id: String, request: Arc<GenerateRequest>, spoken: Spoken) {
        let mut chain = Chain::default();
        chain.settle(id, request, Some(spoken));
        self.0.push(chain);
        if self.0.len() > STORED_MAX {
            self.0.remove(0);
        }
    }
}

impl Shared {
    /// Asks over HTTP and tells the end, unless nobody wants it.
    pub(super) async fn over_http(
        &self,
        request: &Arc<GenerateRequest>,
        sink: &Sink,
        cancel: &CancellationToken,
        token: Option<String>,
    ) {
        let asked = async {
            let plan = match self.config.store {
                true => lock(&self.stored).take(request),
                false => Plan::Full,
            };
            let follows = plan != Plan::Full;
            let told = Arc::new(AtomicBool::new(false));
            let end = self
                .post(request, &plan, &watched(sink, &told), token.as_deref())
                .await;
            match end {
                // The server may have forgotten what the request follows.
                Err(fault) if follows && refused(&fault) && !told.load(Ordering::Relaxed) => {
                    self.post(request, &Plan::Full, sink, token.as_deref()).await
                }
                end => end,
            }
        };
        // Dropping the exchange closes its connection, and that stops the server.
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            end = asked => sink(end.unwrap_or_else(|fault| ModelEvent::Failed { fault })),
        }
    }

    async fn post(
        &self,
        request: &Arc<GenerateRequest>,
        plan: &Plan,
        sink: &Sink,
        token: Option<&str>,
    ) -> Result<ModelEvent, Fault> {
        let body = body::post(&self.config, request, plan);
        let token = token
            .and_then(|token| HeaderValue::from_str(token).ok())
            .map(|value| (HeaderName::from_static(TURN_STATE), value));
        let at = self.server.upstream.base.responses();
        let response = self.server.post_with(at, &body, token, sink).await?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        self.note_limits(RateLimits::from_headers(header));
        let opening = request.answer_prefix.as_str();
        let answer = Answer::new(
            StopTexts::new(&request.stop, opening),
            opening,
            request.max_tokens,
        );
        let mut reader = EventReader::default().bounded(body::bound(request));
        let shown = Arc::new(std::sync::Mutex::new(String::new()));
        let upstream = &self.server.upstream;
        let timeouts = self.config.endpoint.timeouts;
        let listening = listening(sink, &shown, self.config.store);
        let end = crate::stream::follow(upstream, timeouts, response, &mut reader, answer, &listening).await;
        self.note_limits(reader.limits);
        let stopped = matches!(
            end,
            Ok(ModelEvent::Done {
                finish: Finish::Stop,
                ..
            })
        );
        if self.config.store && reader.whole && stopped {
            let spoken = Spoken {
                raw: reader.raw,
                shown: lock(&shown).clone(),
            };
            lock(&self.stored).put(reader.id, Arc::clone(request), spoken);
        }
        end
    }
}

impl Shared {
    /// An answer with tools, always over HTTP and sent whole: what a socket remembers is the conversation of one file,
    /// and delegated work is to leave that alone.
    pub(super) async fn converse(
        &self,
        request: &ToolRequest,
        sink: &Sink,
        calls: &Calls,
    ) -> Result<ModelEvent, Fault> {
        let (server, plain) = (&self.server, &request.plain);
        let mut create = body::post(&self.config, plain, &Plan::Full);
        create.store = false;
        let body = Dialect::Responses.body(&create, request)?;
        let response = server.post(server.upstream.base.responses(), &body, sink).await?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        self.note_limits(RateLimits::from_headers(header));
        let answer = Answer::new(StopTexts::new(&plain.stop, ""), "", plain.max_tokens);
        let mut events = EventReader::default().bounded(body::bound(plain));
        let mut reader = CallReader::new(Dialect::Responses, &mut events, request, calls);
        let (upstream, timeouts) = (&server.upstream, self.config.endpoint.timeouts);
        let end = crate::stream::follow(upstream, timeouts, response, &mut reader, answer, sink).await;
        reader.tell(&end);
        self.note_limits(events.limits);
        end
    }
}

/// A refusal that may be about what the request follows.
fn refused(fault: &Fault) -> bool {
    matches!(fault.source, FaultSource::Request | FaultSource::Setup)
}

/// Notes whether text was handed out.
fn watched(sink: &Sink, told: &Arc<AtomicBool>) -> Sink {
    let (sink, told) = (Arc::clone(sink), Arc::clone(told));
    Arc::new(move |event| {
        if matches!(event, ModelEvent::Text { .. }) {
            told.store(true, Ordering::Relaxed);
        }
        sink(event);
    })
}

/// Keeps the text, where it will be compared with what the caller sends next.
fn listening(sink: &Sink, shown: &Arc<std::sync::Mutex<String>>, keep: bool) -> Sink {
    if !keep {
        return Arc::clone(sink);
    }
    let (sink, shown) = (Arc::clone(sink), Arc::clone(shown));
    Arc::new(move |event| {
        if let ModelEvent::Text { text } = &event {
            lock(&shown).push_str(text);
        }
        sink(event);
    })
}
