//! What a server sends.
//!
//! A frame is read twice: its `type` first, then the fields of that type. Both passes only borrow; the first skips
//! over what it does not need, and a token costs less than a microsecond.

use super::limits::RateLimits;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The name under which a server hands out the token of a turn, as header and in `response.metadata`. It is sent
/// back within that turn only.
pub const TURN_STATE: &str = "x-codex-turn-state";

/// One event, reduced to what a client of text needs.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerEvent<'a> {
    /// The server took the request; from now on it can be interrupted by this id.
    Created {
        /// The answer's id; empty if the server gives none.
        id: Cow<'a, str>,
    },
    /// A new item of the answer begins.
    ItemAdded,
    /// A piece of the answer's text.
    Text {
        /// Where it belongs.
        of: Place<'a>,
        /// The piece.
        text: Cow<'a, str>,
    },
    /// The model works, but not on text that is shown: reasoning, arguments of a tool.
    Working,
    /// An item is whole.
    ItemDone {
        /// Where it stands.
        at: Place<'a>,
        /// What it is.
        item: Item<'a>,
    },
    /// The token of this turn.
    TurnState(String),
    /// How much of the quota is used.
    Limits(RateLimits),
    /// The interrupt was taken; the end follows.
    Interrupted,
    /// The answer is over.
    Ended(Terminal<'a>),
    /// The request was refused, or the answer broke.
    Error(Failure),
    /// Nothing that matters here.
    Other,
}

/// To which answer and to which of its items an event belongs, as far as the server tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place<'a> {
    /// The answer's id.
    pub response: Option<Cow<'a, str>>,
    /// The item's id.
    pub item: Option<Cow<'a, str>>,
    /// Which item of the answer it is, from 0.
    pub index: Option<u64>,
}

/// A whole item of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Item<'a> {
    /// A message with its text.
    Message(Cow<'a, str>),
    /// Something else: reasoning, a tool's call, a message whose parts cannot be read.
    Other,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Terminal<'a> {
    /// The id that the next request may follow; empty if the server gives none.
    pub id: Cow<'a, str>,
    /// In which way.
    pub output: Output,
    /// Counts, where told.
    pub usage: Option<TokenUsage>,
}

/// In which way an answer ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Whole.
    Completed,
    /// At the bound of its length.
    Length,
    /// Because the client asked for it.
    Interrupted,
    /// The server withholds it.
    Filtered,
    /// For another reason, in the server's words.
    Incomplete(String),
    /// It broke.
    Failed(Failure),
}

/// Counts of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenUsage {
    /// Of the prompt.
    pub input: usize,
    /// Of these, from a cache.
    pub cached: usize,
    /// Of the answer, reasoning included.
    pub output: usize,
}

/// An error in the server's words. `error` is what was under that name, or the whole event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failure {
    /// The status that the same error has over HTTP, if told.
    pub status: Option<u16>,
    /// `code` or `type`: `previous_response_not_found`, `rate_limit_exceeded`, ...; empty if there is none.
    pub code: String,
    /// Code, type, message and whatever tells when to come back.
    pub error: Value,
    /// Headers that the same error has over HTTP, if told.
    pub headers: Map<String, Value>,
}

/// A frame that is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an event cannot be read: {0}")]
pub struct Unreadable(pub String);

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    delta: Cow<'a, str>,
    #[serde(borrow, default)]
    response_id: Name<'a>,
    #[serde(borrow, default)]
    item_id: Name<'a>,
    #[serde(default)]
    output_index: Option<u64>,
}

#[derive(Deserialize)]
struct WithResponse<'a> {
    #[serde(borrow)]
    response: Response<'a>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
}

#[derive(Deserialize)]
struct Incomplete {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default, deserialize_with = "or_zero")]
    input_tokens: usize,
    #[serde(default)]
    input_tokens_details: Option<Cached>,
    #[serde(default, deserialize_with = "or_zero")]
    output_tokens: usize,
}

#[derive(Deserialize)]
struct Cached {
    #[serde(default, deserialize_with = "or_zero")]
    cached_tokens: usize,
}

#[derive(Deserialize)]
struct WithItem<'a> {
    #[serde(borrow)]
    item: &'a RawValue,
    #[serde(borrow, default)]
    response_id: Name<'a>,
    #[serde(default)]
    output_index: Option<u64>,
}

/// Apart from the rest of an item, which may have any shape.
#[derive(Deserialize)]
struct ItemName<'a> {
    #[serde(borrow, default)]
    id: Name<'a>,
}

#[derive(Deserialize)]
struct WireItem<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Option<Parts<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Parts<'a> {
    One(#[serde(borrow)] Cow<'a, str>),
    Many(#[serde(borrow)] Vec<Part<'a>>),
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
}

/// A name that is borrowed where it can be, unlike an `Option<Cow>`: it comes with every token. What is no text is no
/// name.
#[derive(Default)]
struct Name<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Name<'a>, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Option<Cow<'de, str>>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Some(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Some(Cow::Owned(name.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(None)
            }
        }
        Ok(Name(from.deserialize_any(Any)?.filter(|name| !name.is_empty())))
    }
}

fn or_zero<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    Ok(Option::<usize>::deserialize(from)?.unwrap_or_default())
}

impl<'a> ServerEvent<'a> {
    /// Reads one frame, or the data of one server-sent event.
    ///
    /// # Errors
    /// [`Unreadable`]: no JSON object with a `type`, or a known type whose fields have the wrong shape.
    pub fn read(frame: &'a str) -> Result<ServerEvent<'a>, Unreadable> {
        let head: Head<'a> = parse(frame)?;
        Ok(match head.kind.as_ref() {
            "response.output_text.delta" | "response.refusal.delta" => {
                let delta = parse::<Delta<'a>>(frame)?;
                ServerEvent::Text {
                    of: Place {
                        response: delta.response_id.0,
                        item: delta.item_id.0,
                        index: delta.output_index,
                    },
                    text: delta.delta,
                }
            }
            "response.created" => ServerEvent::Created {
                id: parse::<WithResponse<'a>>(frame)?.response.id.unwrap_or_default(),
            },
            "response.output_item.added" => ServerEvent::ItemAdded,
            "response.output_item.done" => item_done(frame),
            "response.completed" | "response.done" => parse::<WithResponse<'a>>(frame)?
                .response
                .ended(|_| Output::Completed),
            "response.incomplete" => parse::<WithResponse<'a>>(frame)?.response.ended(|response| {
                let details = response.incomplete_details.as_ref();
                match details.and_then(|d| d.reason.as_deref()).unwrap_or_default() {
                    "max_output_tokens" | "max_tokens" => Output::Length,
                    "interrupted" => Output::Interrupted,
                    "content_filter" => Output::Filtered,
                    other => Output::Incomplete(other.to_owned()),
                }
            }),
            "response.failed" => parse::<WithResponse<'a>>(frame)?
                .response
                .ended(|response| Output::Failed(Failure::of(response.error.take().unwrap_or_default()))),
            "error" => ServerEvent::Error(Failure::read(frame)?),
            "response.interrupt.accepted" => ServerEvent::Interrupted,
            "response.metadata" => turn_state(&parse(frame)?),
            "codex.rate_limits" => {
                RateLimits::from_frame(&parse(frame)?).map_or(ServerEvent::Other, ServerEvent::Limits)
            }
            kind if kind.ends_with(".delta") || kind.ends_with(".in_progress") => ServerEvent::Working,
            _ => ServerEvent::Other,
        })
    }
}

fn parse<'a, T: Deserialize<'a>>(frame: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(frame).map_err(|error| Unreadable(error.to_string()))
}

/// One odd item is not the end of an answer.
fn item_done(frame: &str) -> ServerEvent<'_> {
    let Ok(with) = parse::<WithItem<'_>>(frame) else {
        return ServerEvent::ItemDone {
            at: Place::default(),
            item: Item::Other,
        };
    };
    let name = parse::<ItemName<'_>>(with.item.get()).map_or(None, |item| item.id.0);
    ServerEvent::ItemDone {
        at: Place {
            response: with.response_id.0,
            item: name,
            index: with.output_index,
        },
        item: parse::<WireItem<'_>>(with.item.get()).map_or(Item::Other, Item::from),
    }
}

/// The token may lie under `headers` or beside the type.
fn turn_state<'a>(event: &Value) -> ServerEvent<'a> {
    ["headers", "metadata"]
        .iter()
        .filter_map(|name| event.get(name))
        .chain([event])
        .find_map(|fields| fields.get(TURN_STATE)?.as_str())
        .map_or(ServerEvent::Other, |token| {
            ServerEvent::TurnState(token.to_owned())
        })
}

impl<'a> Response<'a> {
    fn ended(mut self, how: impl FnOnce(&mut Response<'a>) -> Output) -> ServerEvent<'a> {
        let output = how(&mut self);
        ServerEvent::Ended(Terminal {
            id: self.id.unwrap_or_default(),
            output,
            usage: self.usage.map(|usage| TokenUsage {
                input: usage.input_tokens,
                cached: usage.input_tokens_details.map_or(0, |d| d.cached_tokens),
                output: usage.output_tokens,
            }),
        })
    }
}

impl<'a> From<WireItem<'a>> for Item<'a> {
    fn from(item: WireItem<'a>) -> Item<'a> {
        if item.kind != "message" {
            return Item::Other;
        }
        let parts = match item.content {
            Some(Parts::One(text)) => return Item::Message(text),
            Some(Parts::Many(parts)) => parts,
            None => Vec::new(),
        };
        let mut texts = parts.into_iter().filter_map(|part| part.text.or(part.refusal));
        let first = texts.next().unwrap_or_default();
        Item::Message(texts.fold(first, |all, more| all + more))
    }
}

impl Failure {
    /// From what lies under `error`.
    pub fn of(error: Value) -> Failure {
        let code = ["code", "type"]
            .iter()
            .find_map(|name| error.get(name).and_then(Value::as_str))
            .unwrap_or_default()
            .to_owned();
        Failure {
            code,
            error,
            ..Failure::default()
        }
    }

    /// From an `error` event: the fields lie under `error`, or beside the type.
    fn read(frame: &str) -> Result<Failure, Unreadable> {
        let mut event: Map<String, Value> = parse(frame)?;
        let status = ["status", "status_code"]
            .iter()
            .find_map(|name| event.get(*name).and_then(Value::as_u64))
            .and_then(|status| u16::try_from(status).ok());
        let headers = match event.remove("headers") {
            Some(Value::Object(headers)) => headers,
            Some(_) | None => Map::new(),
        };
        let error = match event.remove("error") {
            Some(error) if !error.is_null() => error,
            Some(_) | None => {
                event.remove("type");
                Value::Object(event)
            }
        };
        Ok(Failure {
            status,
            headers,
            ..Failure::of(error)
        })
    }
}

#[cfg(test)]
mod tests;
