//! The subset of Chat Completions that Brisk speaks. Reading is tolerant: what is unknown or null is skipped.

use brisk_domain::port::{Message, Role, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// The body of `POST /v1/chat/completions`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChatRequest<'a> {
    /// The model's name on the wire.
    pub model: &'a str,
    /// The conversation.
    pub messages: Vec<ChatMessage<'a>>,
    /// Always true here: the answer comes as server-sent events.
    pub stream: bool,
    /// What the stream tells beside the text.
    pub stream_options: StreamOptions,
    /// `None` for models that take none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<u8>,
    /// Upper bound of the answer, tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// The same, thoughts included, for models that refuse `max_tokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<usize>,
    /// How much the model thinks first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<&'a str>,
    /// The answer ends before the first of these; at most four.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub stop: &'a [String],
    /// Text that the answer will mostly repeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Prediction<'a>>,
    /// The last message is a begun answer (vLLM, SGLang).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_final_message: Option<bool>,
    /// Goes with `continue_final_message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_generation_prompt: Option<bool>,
}

/// What a stream tells beside the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StreamOptions {
    /// The counts, before the end.
    pub include_usage: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChatMessage<'a> {
    /// `system`, `user` or `assistant`.
    pub role: &'static str,
    /// Its text.
    pub content: Cow<'a, str>,
}

impl<'a> From<&'a Message> for ChatMessage<'a> {
    fn from(message: &'a Message) -> ChatMessage<'a> {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        ChatMessage {
            role,
            content: message.text.as_str().into(),
        }
    }
}

/// Text that the answer will mostly repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "content")]
pub struct Prediction<'a> {
    /// The text.
    pub content: &'a str,
}

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct ChatChunk {
    /// One for each answer that was asked for: one.
    #[serde(default)]
    pub choices: Option<Vec<ChatChoice>>,
    /// Counts, mostly in the last event.
    #[serde(default)]
    pub usage: Option<ChatUsage>,
    /// The answer failed.
    #[serde(default)]
    pub error: Option<Value>,
}

/// More of one answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct ChatChoice {
    /// What came.
    #[serde(default)]
    pub delta: Option<ChatDelta>,
    /// `stop`, `length` and others; empty and absent mean that it goes on.
    #[serde(default)]
    pub finish_reason: Option<String>,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct ChatDelta {
    /// Its text.
    #[serde(default)]
    pub content: Option<String>,
}

/// Counts, under the names that servers give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct ChatUsage {
    /// Of the prompt.
    #[serde(default)]
    pub prompt_tokens: Option<usize>,
    /// Of the answer.
    #[serde(default)]
    pub completion_tokens: Option<usize>,
    /// More about the prompt.
    #[serde(default)]
    pub prompt_tokens_details: Option<PromptDetails>,
    /// Of the prompt, read from a cache, as DeepSeek says it.
    #[serde(default)]
    pub prompt_cache_hit_tokens: Option<usize>,
    /// More about the answer.
    #[serde(default)]
    pub completion_tokens_details: Option<CompletionDetails>,
}

/// More about the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct PromptDetails {
    /// Read from a cache.
    #[serde(default)]
    pub cached_tokens: Option<usize>,
}

/// More about the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct CompletionDetails {
    /// Of the prediction, found in the answer.
    #[serde(default)]
    pub accepted_prediction_tokens: Option<usize>,
}

impl From<ChatUsage> for Usage {
    fn from(wire: ChatUsage) -> Usage {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_servers_write_them() {
        for (text, want) in [
            ("{}", (0, 0, 0, 0)),
            (
                r#"{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"accepted_prediction_tokens":1}}"#,
                (5, 3, 2, 1),
            ),
            (r#"{"prompt_tokens":5,"prompt_cache_hit_tokens":4}"#, (5, 4, 0, 0)),
            (
                r#"{"prompt_tokens":null,"prompt_tokens_details":null,"completion_tokens_details":{}}"#,
                (0, 0, 0, 0),
            ),
        ] {
            let usage = Usage::from(serde_json::from_str::<ChatUsage>(text).unwrap());
            assert_eq!(
                (usage.input, usage.cached, usage.output, usage.accepted),
                want,
                "{text}"
            );
        }
    }
}
