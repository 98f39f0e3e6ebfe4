//! From events to what they mean for one answer. Pure.

use crate::fault::Upstream;
use crate::sse::SseEvent;
use crate::stream::{Reader, Said, Unsaid};
use brisk_domain::port::{Fault, Finish, Usage};
use brisk_protocol::responses::{Failure, Item, Output, RateLimits, ServerEvent, Terminal, TokenUsage};

/// What one event means.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Nothing for the caller.
    Nothing,
    /// The answer has an id and can be interrupted.
    Created(String),
    /// A piece of the answer.
    Text(String),
    /// The interrupt was taken.
    InterruptTaken,
    /// The answer is over, and the state behind the id holds it.
    Done {
        id: String,
        finish: Finish,
        usage: Usage,
    },
    /// The answer is over because it was interrupted; the state behind the id is what was sent.
    Interrupted { id: String },
    /// The server does not know the id that the request follows.
    Unknown(Fault),
    /// The connection is at the end of its life.
    Expired(Fault),
    /// It failed.
    Broke(Fault),
    /// It is no event.
    Malformed,
}

/// Reads the events of one answer.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    /// The item that is being written had text already; its end repeats it.
    item_told: bool,
    /// All text as it came.
    pub(crate) raw: String,
    /// The last id that a server gave.
    pub(crate) id: String,
    /// The token of this turn.
    pub(crate) token: Option<String>,
    /// The last word on quotas.
    pub(crate) limits: Option<RateLimits>,
    /// The answer came to its end, and the id stands for it.
    pub(crate) whole: bool,
}

impl EventReader {
    pub(crate) fn step(&mut self, upstream: &Upstream, frame: &str) -> Step {
        let Ok(event) = ServerEvent::read(frame) else {
            return Step::Malformed;
        };
        match event {
            ServerEvent::Created { id } => {
                self.id = id.into_owned();
                Step::Created(self.id.clone())
            }
            ServerEvent::ItemAdded => {
                self.item_told = false;
                Step::Nothing
            }
            ServerEvent::Text(text) => {
                self.item_told = true;
                self.said(text.into_owned())
            }
            // Small servers send whole messages only.
            ServerEvent::ItemDone(Item::Message(text)) if !std::mem::take(&mut self.item_told) => {
                self.said(text.into_owned())
            }
            ServerEvent::ItemDone(Item::Message(_) | Item::Other)
            | ServerEvent::Working
            | ServerEvent::Other => Step::Nothing,
            ServerEvent::TurnState(token) => {
                self.token = Some(token);
                Step::Nothing
            }
            ServerEvent::Limits(limits) => {
                self.limits = Some(limits);
                Step::Nothing
            }
            ServerEvent::Interrupted => Step::InterruptTaken,
            ServerEvent::Error(failure) => failed(upstream, &failure),
            ServerEvent::Ended(end) => self.ended(upstream, end),
        }
    }

    fn said(&mut self, text: String) -> Step {
        self.raw.push_str(&text);
        match text.is_empty() {
            true => Step::Nothing,
            false => Step::Text(text),
        }
    }

    fn ended(&mut self, upstream: &Upstream, end: Terminal<'_>) -> Step {
        let Terminal { id, output, usage } = end;
        let id = match id.is_empty() {
            true => std::mem::take(&mut self.id),
            false => id.into_owned(),
        };
        let usage = usage.map_or_else(Usage::default, counts);
        let done = |finish, id| Step::Done { id, finish, usage };
        match output {
            Output::Completed => {
                self.whole = true;
                self.id.clone_from(&id);
                done(Finish::Stop, id)
            }
            // Whether a server goes on from an answer that it did not finish is not said anywhere.
            Output::Length => done(Finish::Length, String::new()),
            Output::Interrupted => Step::Interrupted { id },
            Output::Filtered => Step::Broke(upstream.withheld("content filter")),
            Output::Incomplete(why) => {
                Step::Broke(upstream.withheld(if why.is_empty() { "it gave no reason" } else { &why }))
            }
            Output::Failed(failure) => failed(upstream, &failure),
        }
    }
}

fn counts(usage: TokenUsage) -> Usage {
    Usage {
        input: usage.input,
        cached: usage.cached,
        output: usage.output,
        accepted: 0,
    }
}

fn failed(upstream: &Upstream, failure: &Failure) -> Step {
    let fault = upstream.failed(failure);
    match failure.code.as_str() {
        "previous_response_not_found" => Step::Unknown(fault),
        "websocket_connection_limit_reached" => Step::Expired(fault),
        _ => Step::Broke(fault),
    }
}

impl Reader for &mut EventReader {
    fn read(&mut self, upstream: &Upstream, event: &SseEvent) -> Result<Said, Unsaid> {
        // Some servers end this stream as they end the other kind.
        if event.data.trim() == "[DONE]" {
            return Ok(Said::default());
        }
        match self.step(upstream, &event.data) {
            Step::Nothing | Step::Created(_) | Step::InterruptTaken => Ok(Said::default()),
            Step::Text(text) => Ok(Said {
                text,
                ..Said::default()
            }),
            Step::Done { finish, usage, .. } => Ok(Said {
                finish: Some(finish),
                usage: Some(usage),
                last: true,
                ..Said::default()
            }),
            Step::Interrupted { .. } => Err(Unsaid::Broke(upstream.withheld("interrupted"))),
            Step::Unknown(fault) | Step::Expired(fault) | Step::Broke(fault) => Err(Unsaid::Broke(fault)),
            Step::Malformed if event.event == "error" => {
                Err(Unsaid::Broke(upstream.broke(&event.data.clone().into())))
            }
            Step::Malformed => Err(Unsaid::Malformed),
        }
    }
}
