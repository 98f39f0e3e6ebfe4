//! What is written to a Chat Completions server, and how its events and the errors of all servers are read.

use crate::chat::{ChatConfig, Prefill};
use crate::fault::Upstream;
use crate::sse::SseEvent;
use crate::stream::{Reader, Said, Unsaid};
use brisk_domain::port::{Finish, GenerateRequest, Usage};
use brisk_protocol::chat::{ChatChunk, ChatMessage, ChatRequest, Prediction, StreamOptions};
use serde_json::Value;

/// The request's body. `stop` are the stop texts that may go over the wire.
pub(crate) fn body<'a>(
    config: &'a ChatConfig,
    request: &'a GenerateRequest,
    stop: &'a [String],
) -> ChatRequest<'a> {
    let mut messages: Vec<ChatMessage<'a>> = request.messages.iter().map(ChatMessage::from).collect();
    let mut continues = false;
    if !request.answer_prefix.is_empty() {
        match config.prefill {
            Prefill::Unsupported => ask_for_opening(&mut messages, &request.answer_prefix),
            Prefill::TrailingMessage | Prefill::ContinueFinalMessage => {
                let content = request.answer_prefix.as_str().into();
                messages.push(ChatMessage {
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
    ChatRequest {
        model: &config.endpoint.model,
        messages,
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        temperature: plain.then_some(0),
        max_tokens: plain.then_some(request.max_tokens),
        max_completion_tokens: config.reasoning.then_some(request.max_tokens),
        reasoning_effort: config.effort.as_deref(),
        // What is not sent is seen to here.
        stop: if plain { stop } else { &[] },
        prediction: prediction.map(|content| Prediction { content }),
        continue_final_message: continues.then_some(true),
        add_generation_prompt: continues.then_some(false),
    }
}

/// Where the server cannot continue our words, the model is asked to write them itself.
pub(crate) fn ask_for(opening: &str) -> String {
    format!("Begin your answer with exactly this, nothing before it:\n{opening}")
}

fn ask_for_opening(messages: &mut Vec<ChatMessage<'_>>, opening: &str) {
    let ask = ask_for(opening);
    match messages.last_mut() {
        Some(last) if last.role == "user" => last.content = format!("{}\n\n{ask}", last.content).into(),
        _ => messages.push(ChatMessage {
            role: "user",
            content: ask.into(),
        }),
    }
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
        let chunk: ChatChunk = match serde_json::from_str(&event.data) {
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
            Some("error") => return Err(Unsaid::Broke(upstream.gave_up())),
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

/// The words and the code of an error that a server sent in any of the usual shapes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct WireError {
    pub(crate) message: String,
    /// `code` or `type` where they are words.
    pub(crate) code: String,
    /// `type`, where it is a word: what `code` may say less well.
    pub(crate) kind: String,
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
            kind: words(&["type"]),
            status: number("code").or_else(|| number("status")),
        }
    }
}
