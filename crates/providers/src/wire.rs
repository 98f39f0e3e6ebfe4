//! The subset of Chat Completions that Brisk speaks. Reading is tolerant: what is unknown or null is skipped.

use crate::chat::{ChatConfig, Prefill};
use crate::fault::Upstream;
use crate::sse::SseEvent;
use crate::stream::{Reader, Said, Unsaid};
use brisk_domain::port::{Finish, GenerateRequest, Message, Role, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Serialize)]
pub(crate) struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    prediction: Option<Prediction<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continue_final_message: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_generation_prompt: Option<bool>,
}

#[derive(Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Debug, Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    content: std::borrow::Cow<'a, str>,
}

#[derive(Debug, Serialize)]
struct Prediction<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    content: &'a str,
}

impl<'a> From<&'a Message> for WireMessage<'a> {
    fn from(message: &'a Message) -> WireMessage<'a> {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        WireMessage {
            role,
            content: message.text.as_str().into(),
        }
    }
}

/// The request's body. `stop` are the stop texts that may go over the wire.
pub(crate) fn body<'a>(config: &'a ChatConfig, request: &'a GenerateRequest, stop: &'a [String]) -> Body<'a> {
    let mut messages: Vec<WireMessage<'a>> = request.messages.iter().map(WireMessage::from).collect();
    let mut continues = false;
    if !request.answer_prefix.is_empty() {
        match config.prefill {
            Prefill::Unsupported => ask_for_opening(&mut messages, &request.answer_prefix),
            Prefill::TrailingMessage | Prefill::ContinueFinalMessage => {
                let content = request.answer_prefix.as_str().into();
                messages.push(WireMessage {
                    role: "assistant",
                    content,
                });
                continues = config.prefill == Prefill::ContinueFinalMessage;
            }
        }
    }
    let plain = !config.reasoning;
    let prediction = request
        .prediction
        .as_deref()
        .filter(|_| config.prediction && plain);
    Body {
        model: &config.model,
        messages,
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        temperature: plain.then_some(0),
        max_tokens: plain.then_some(request.max_tokens),
        max_completion_tokens: config.reasoning.then_some(request.max_tokens),
        reasoning_effort: config.effort.as_deref(),
        // What is not sent is seen to here.
        stop: if plain { stop } else { &[] },
        prediction: prediction.map(|content| Prediction {
            kind: "content",
            content,
        }),
        continue_final_message: continues.then_some(true),
        add_generation_prompt: continues.then_some(false),
    }
}

/// Where the server cannot continue our words, the model is asked to write them itself.
pub(crate) fn ask_for(opening: &str) -> String {
    format!("Begin your answer with exactly this, nothing before it:\n{opening}")
}

fn ask_for_opening(messages: &mut Vec<WireMessage<'_>>, opening: &str) {
    let ask = ask_for(opening);
    match messages.last_mut() {
        Some(last) if last.role == "user" => last.content = format!("{}\n\n{ask}", last.content).into(),
        _ => messages.push(WireMessage {
            role: "user",
            content: ask.into(),
        }),
    }
}

/// One event of the stream.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub(crate) usage: Option<WireUsage>,
    #[serde(default)]
    pub(crate) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
}

/// Reads the events of Chat Completions.
pub(crate) struct ChatReader;

impl Reader for ChatReader {
    fn read(&mut self, upstream: &Upstream, event: &SseEvent) -> Result<Said, Unsaid> {
        if event.data.trim() == "[DONE]" {
            return Ok(Said {
                last: true,
                ..Said::default()
            });
        }
        let chunk: Chunk = match serde_json::from_str(&event.data) {
            Ok(chunk) => chunk,
            Err(_) if event.event == "error" => {
                return Err(Unsaid::Broke(upstream.broke(&event.data.clone().into())));
            }
            Err(_) => return Err(Unsaid::Malformed),
        };
        if let Some(error) = &chunk.error {
            return Err(Unsaid::Broke(upstream.broke(error)));
        }
        let first = chunk.choices.and_then(|choices| choices.into_iter().next());
        let (delta, reason) = first.map_or((None, None), |choice| (choice.delta, choice.finish_reason));
        let finish = match reason.as_deref() {
            None | Some("") => None,
            Some("length" | "max_tokens") => Some(Finish::Length),
            Some("content_filter") => return Err(Unsaid::Broke(upstream.withheld("content filter"))),
            Some(_) => Some(Finish::Stop),
        };
        Ok(Said {
            text: delta.and_then(|delta| delta.content).unwrap_or_default(),
            finish,
            usage: chunk.usage.map(Usage::from),
            last: false,
        })
    }
}

/// Counts, under the names that servers give them.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WireUsage {
    #[serde(default)]
    prompt_tokens: Option<usize>,
    #[serde(default)]
    completion_tokens: Option<usize>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    prompt_cache_hit_tokens: Option<usize>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    accepted_prediction_tokens: Option<usize>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Usage {
        let cached = wire
            .prompt_tokens_details
            .and_then(|d| d.cached_tokens)
            .or(wire.prompt_cache_hit_tokens);
        Usage {
            input: wire.prompt_tokens.unwrap_or(0),
            cached: cached.unwrap_or(0),
            output: wire.completion_tokens.unwrap_or(0),
            accepted: wire
                .completion_tokens_details
                .and_then(|d| d.accepted_prediction_tokens)
                .unwrap_or(0),
        }
    }
}

/// The words and the code of an error that a server sent in any of the usual shapes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct WireError {
    pub(crate) message: String,
    /// `code` or `type` where they are words.
    pub(crate) code: String,
    /// `code` or `status` where they are numbers.
    pub(crate) status: Option<u16>,
}

impl WireError {
    /// Reads `{"error": {"message", "code"}}`, `{"error": "words"}`, `{"message"}`, `{"detail"}` or plain words.
    pub(crate) fn read(body: &str) -> WireError {
        match serde_json::from_str::<Value>(body) {
            Ok(value) => WireError::from_value(value.get("error").filter(|e| !e.is_null()).unwrap_or(&value)),
            Err(_) if body.trim_start().starts_with('<') => WireError::default(),
            Err(_) => WireError {
                message: body.trim().to_owned(),
                ..WireError::default()
            },
        }
    }

    pub(crate) fn from_value(error: &Value) -> WireError {
        let words = |names: &[&str]| {
            names
                .iter()
                .find_map(|n| error.get(n).and_then(Value::as_str))
                .unwrap_or_default()
                .to_owned()
        };
        let number = |name: &str| {
            error
                .get(name)
                .and_then(Value::as_u64)
                .and_then(|n| u16::try_from(n).ok())
        };
        let message = match error.as_str() {
            Some(text) => text.to_owned(),
            None => words(&["message", "detail", "error"]),
        };
        WireError {
            message,
            code: words(&["code", "type"]),
            status: number("code").or_else(|| number("status")),
        }
    }
}
