//! The subset of Anthropic Messages that Brisk speaks. Reading is tolerant: what is unknown or null is skipped.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version that is sent with every request.
pub const MESSAGES_VERSION: &str = "2023-06-01";

/// The body of `POST /v1/messages`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessagesRequest<'a> {
    /// The model's name on the wire.
    pub model: &'a str,
    /// Upper bound of the answer, tokens.
    pub max_tokens: usize,
    /// Standing instructions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<TextBlock<'a>>,
    /// The conversation; a last message of the assistant is continued, by models that can.
    pub messages: Vec<MessagesTurn<'a>>,
    /// Always true here: the answer comes as server-sent events.
    pub stream: bool,
    /// `None` for models that take none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<u8>,
    /// The answer ends before the first of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<&'a str>,
    /// How much the model thinks first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_config: Option<OutputConfig<'a>>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessagesTurn<'a> {
    /// `user` or `assistant`.
    pub role: &'static str,
    /// Its text, in pieces.
    pub content: Vec<TextBlock<'a>>,
}

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "text")]
pub struct TextBlock<'a> {
    /// The text.
    pub text: std::borrow::Cow<'a, str>,
    /// The request up to here is kept for the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<CacheControl>,
}

/// For how long a prefix is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CacheControl {
    /// Five minutes after its last use.
    Ephemeral,
}

/// Settings of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OutputConfig<'a> {
    /// `low` to `max`.
    pub effort: &'a str,
}

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MessagesEvent {
    /// The first.
    MessageStart {
        /// The message, empty but for its counts.
        #[serde(default)]
        message: MessageHead,
    },
    /// A piece of the answer begins.
    ContentBlockStart {
        /// Its kind and first characters.
        #[serde(default)]
        content_block: Piece,
    },
    /// More of a piece.
    ContentBlockDelta {
        /// What.
        #[serde(default)]
        delta: Piece,
    },
    /// Why the answer ended, and the counts.
    MessageDelta {
        /// The reason.
        #[serde(default)]
        delta: MessageEnd,
        /// The counts so far.
        #[serde(default)]
        usage: Option<MessagesUsage>,
    },
    /// The last.
    MessageStop,
    /// The answer failed.
    Error {
        /// `type` and `message`.
        #[serde(default)]
        error: Value,
    },
    /// `ping`, the end of a piece, or what newer servers send.
    #[serde(other)]
    Other,
}

/// What `message_start` tells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct MessageHead {
    /// Counts of the prompt.
    #[serde(default)]
    pub usage: Option<MessagesUsage>,
}

/// What `message_delta` tells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct MessageEnd {
    /// `end_turn`, `max_tokens`, `stop_sequence`, `refusal` and others.
    #[serde(default)]
    pub stop_reason: Option<String>,
}

/// A piece of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Piece {
    /// The begin of a text.
    Text {
        /// Mostly empty.
        #[serde(default)]
        text: String,
    },
    /// More of a text.
    TextDelta {
        /// The text.
        #[serde(default)]
        text: String,
    },
    /// Thoughts, signatures, tools: no part of the answer.
    #[default]
    #[serde(other)]
    Other,
}

impl Piece {
    /// Its text; empty if it is none.
    pub fn into_text(self) -> String {
        match self {
            Piece::Text { text } | Piece::TextDelta { text } => text,
            Piece::Other => String::new(),
        }
    }
}

/// Token counts. Each event tells some; a later count takes the place of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct MessagesUsage {
    /// Of the prompt, neither read from a cache nor written to one.
    #[serde(default)]
    pub input_tokens: Option<usize>,
    /// Of the prompt, written to a cache.
    #[serde(default)]
    pub cache_creation_input_tokens: Option<usize>,
    /// Of the prompt, read from a cache.
    #[serde(default)]
    pub cache_read_input_tokens: Option<usize>,
    /// Of the answer.
    #[serde(default)]
    pub output_tokens: Option<usize>,
}

impl MessagesUsage {
    /// These counts where they are told, the earlier ones elsewhere.
    pub fn over(self, earlier: MessagesUsage) -> MessagesUsage {
        MessagesUsage {
            input_tokens: self.input_tokens.or(earlier.input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .or(earlier.cache_creation_input_tokens),
            cache_read_input_tokens: self.cache_read_input_tokens.or(earlier.cache_read_input_tokens),
            output_tokens: self.output_tokens.or(earlier.output_tokens),
        }
    }
}

impl From<MessagesUsage> for brisk_domain::port::Usage {
    fn from(wire: MessagesUsage) -> brisk_domain::port::Usage {
        let cached = wire.cache_read_input_tokens.unwrap_or(0);
        let parts = [wire.input_tokens, wire.cache_creation_input_tokens, Some(cached)];
        brisk_domain::port::Usage {
            input: parts.into_iter().flatten().fold(0, usize::saturating_add),
            cached,
            output: wire.output_tokens.unwrap_or(0),
            accepted: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_any_age_are_read() {
        let read = |text: &str| serde_json::from_str::<MessagesEvent>(text).unwrap();
        let cases = [
            (r#"{"type":"ping"}"#, MessagesEvent::Other),
            (r#"{"type":"new_thing","x":[1]}"#, MessagesEvent::Other),
            (r#"{"type":"content_block_stop","index":0}"#, MessagesEvent::Other),
            (r#"{"type":"message_stop"}"#, MessagesEvent::MessageStop),
            (
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
                MessagesEvent::ContentBlockDelta {
                    delta: Piece::TextDelta { text: "a".into() },
                },
            ),
            (
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"}}"#,
                MessagesEvent::ContentBlockDelta { delta: Piece::Other },
            ),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":null,"stop_sequence":null},"usage":null}"#,
                MessagesEvent::MessageDelta {
                    delta: MessageEnd::default(),
                    usage: None,
                },
            ),
        ];
        for (text, want) in cases {
            assert_eq!(read(text), want, "{text}");
        }
        assert!(serde_json::from_str::<MessagesEvent>("[1]").is_err());
        assert!(serde_json::from_str::<MessagesEvent>(r#"{"choices":[]}"#).is_err());
    }

    #[test]
    fn a_later_count_takes_the_place_of_an_earlier_one() {
        let first = MessagesUsage {
            input_tokens: Some(5),
            cache_creation_input_tokens: Some(7),
            cache_read_input_tokens: Some(100),
            output_tokens: Some(1),
        };
        let last = MessagesUsage {
            output_tokens: Some(40),
            ..MessagesUsage::default()
        };
        let usage = brisk_domain::port::Usage::from(last.over(first));
        assert_eq!((usage.input, usage.cached, usage.output), (112, 100, 40));
        let endless = MessagesUsage {
            input_tokens: Some(usize::MAX),
            ..first
        };
        assert_eq!(brisk_domain::port::Usage::from(endless).input, usize::MAX);
    }
}
