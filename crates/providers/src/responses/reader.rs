//! From events to what they mean for one answer. Pure.

use super::told::Told;
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

/// What is known of a socket from its earlier answers: what of them may still come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Past {
    /// The server begins each answer with an id and ends it with the same. Only then can the rest of an earlier answer
    /// be told from the next one.
    faithful: bool,
    /// The id of the last answer.
    last: String,
    /// The last answer ended with an error event; the end of that answer may follow.
    owed: bool,
}

/// Reads the events of one answer.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    past: Past,
    told: Told,
    /// The bound that was asked for, tokens.
    bound: Option<usize>,
    /// The id that the answer began with.
    begun: String,
    /// It ended with another id.
    faithless: bool,
    /// An error event came.
    pub(crate) refused: bool,
    /// A message of the answer was whole.
    pub(crate) item_whole: bool,
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
    /// The next answer on a socket.
    pub(crate) fn after(past: Past) -> EventReader {
        EventReader {
            past,
            ..EventReader::default()
        }
    }

    /// The answer was to have at most so many tokens.
    pub(crate) fn bounded(self, tokens: usize) -> EventReader {
        EventReader {
            bound: Some(tokens),
            ..self
        }
    }

    /// What the reader of the next answer on the same socket must know.
    pub(crate) fn past(&self) -> Past {
        Past {
            faithful: self.faithful(),
            last: self.id.clone(),
            owed: self.refused,
        }
    }

    /// Whether what is left of this answer will not be taken for a part of the next.
    pub(crate) fn faithful(&self) -> bool {
        !self.faithless && (self.past.faithful || !self.begun.is_empty())
    }

    pub(crate) fn step(&mut self, upstream: &Upstream, frame: &str) -> Step {
        let Ok(event) = ServerEvent::read(frame) else {
            return Step::Malformed;
        };
        if self.is_past(&event) {
            return Step::Nothing;
        }
        match event {
            ServerEvent::Created { id } => {
                self.begun = id.into_owned();
                self.id.clone_from(&self.begun);
                Step::Created(self.id.clone())
            }
            ServerEvent::ItemAdded => {
                self.told.began();
                Step::Nothing
            }
            ServerEvent::Text { of, text } => {
                self.told.piece(&of);
                self.said(text.into_owned())
            }
            // Small servers send whole messages only.
            ServerEvent::ItemDone {
                at,
                item: Item::Message(text),
            } => {
                self.item_whole = true;
                match self.told.ended(&at) {
                    true => Step::Nothing,
                    false => self.said(text.into_owned()),
                }
            }
            ServerEvent::ItemDone { .. } | ServerEvent::Working | ServerEvent::Other => Step::Nothing,
            ServerEvent::TurnState(token) => {
                self.token = Some(token);
                Step::Nothing
            }
            ServerEvent::Limits(limits) => {
                self.limits = Some(limits);
                Step::Nothing
            }
            ServerEvent::Interrupted => Step::InterruptTaken,
            ServerEvent::Error(failure) => {
                self.refused = true;
                failed(upstream, &failure)
            }
            ServerEvent::Ended(end) => self.ended(upstream, end),
        }
    }

    /// Whether an event belongs to an earlier answer of the same socket.
    fn is_past(&mut self, event: &ServerEvent<'_>) -> bool {
        let begun = !self.begun.is_empty();
        let other = |id: Option<&str>| id.is_some_and(|id| id != self.begun);
        match event {
            _ if !self.past.faithful => false,
            ServerEvent::Text { of: place, .. } | ServerEvent::ItemDone { at: place, .. } => {
                !begun || other(place.response.as_deref())
            }
            ServerEvent::ItemAdded | ServerEvent::Interrupted => !begun,
            ServerEvent::Ended(end) if begun => other(Some(&*end.id).filter(|id| !id.is_empty())),
            // A refusal may be an end without a beginning. What is owed comes once.
            ServerEvent::Ended(end) => {
                std::mem::take(&mut self.past.owed) || !end.id.is_empty() && end.id == self.past.last
            }
            ServerEvent::Created { .. }
            | ServerEvent::Error(_)
            | ServerEvent::Working
            | ServerEvent::TurnState(_)
            | ServerEvent::Limits(_)
            | ServerEvent::Other => false,
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
        self.faithless |= !id.is_empty() && !self.begun.is_empty() && id != self.begun;
        let id = match id.is_empty() {
            true => self.id.clone(),
            false => id.into_owned(),
        };
        self.id.clone_from(&id);
        let usage = usage.map_or_else(Usage::default, counts);
        let done = |finish, id| Step::Done { id, finish, usage };
        // Some servers call an answer completed that they cut at the bound. Half an edit must not pass for one.
        let at_bound = self.bound.is_some_and(|bound| usage.output >= bound);
        match output {
            Output::Completed if at_bound => done(Finish::Length, String::new()),
            Output::Completed => {
                self.whole = true;
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
