//! What a client sends.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// One frame of a client on a WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ClientFrame<'a> {
    /// Asks for an answer.
    #[serde(rename = "response.create")]
    Create(Create<'a>),
    /// Ends an answer that is on its way; the connection stays.
    #[serde(rename = "response.interrupt")]
    Interrupt(Interrupt<'a>),
}

/// A request for an answer: the body of a POST, or a frame with a `type` beside it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Create<'a> {
    /// The model's name on the wire.
    pub model: Cow<'a, str>,
    /// Standing instructions. They are not part of what `previous_response_id` brings back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<Cow<'a, str>>,
    /// What is new since `previous_response_id`, or everything.
    #[serde(default)]
    pub input: Vec<InputItem<'a>>,
    /// Bound of the answer, tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<usize>,
    /// 0 for the likeliest answer; models that reason refuse it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// How much the model may think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning<'a>>,
    /// Whether the server keeps the answer beyond the connection.
    #[serde(default)]
    pub store: bool,
    /// Server-sent events are wanted; never on a WebSocket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// `false` reads the input ahead and answers with an id and no text; only on a WebSocket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<bool>,
    /// The answer that this one follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_response_id: Option<Cow<'a, str>>,
    /// Requests with the same key share a cached prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_cache_key: Option<Cow<'a, str>>,
    /// Facts of the client that the server asked to be told again, the turn's token among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<Map<String, Value>>,
}

/// How much the model may think before it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasoning<'a> {
    /// `minimal`, `low`, `medium`, `high`.
    pub effort: Cow<'a, str>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Standing instructions, by their old name.
    System,
    /// Standing instructions.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One piece of the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputItem<'a> {
    /// Something said.
    Message {
        /// Who.
        role: Role,
        /// What.
        content: Vec<Content<'a>>,
    },
    /// What a tool gave back.
    FunctionCallOutput {
        /// Which call.
        call_id: Cow<'a, str>,
        /// What came of it.
        output: Cow<'a, str>,
    },
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content<'a> {
    /// Text for the model.
    InputText {
        /// The text.
        text: Cow<'a, str>,
    },
    /// Text of the model.
    OutputText {
        /// The text.
        text: Cow<'a, str>,
    },
}

impl<'a> InputItem<'a> {
    /// A message with one text; the model's own words are marked as such.
    pub fn message(role: Role, text: impl Into<Cow<'a, str>>) -> InputItem<'a> {
        let text = text.into();
        let content = match role {
            Role::Assistant => Content::OutputText { text },
            Role::System | Role::Developer | Role::User => Content::InputText { text },
        };
        InputItem::Message {
            role,
            content: vec![content],
        }
    }
}

/// Ends an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupt<'a> {
    /// Which.
    pub response_id: Cow<'a, str>,
    /// What becomes of items that are not whole: `discard_partial_items` leaves the input as the state.
    pub mode: Cow<'a, str>,
}

impl<'a> Interrupt<'a> {
    /// Ends it and drops what is not whole.
    pub fn discarding(response_id: impl Into<Cow<'a, str>>) -> Interrupt<'a> {
        Interrupt {
            response_id: response_id.into(),
            mode: "discard_partial_items".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn frames_are_written_as_servers_read_them_and_read_again() {
        let message = InputItem::message;
        for (frame, want) in [
            (
                ClientFrame::Create(Create {
                    model: "m".into(),
                    input: vec![message(Role::User, "hi"), message(Role::Assistant, "ho")],
                    ..Create::default()
                }),
                json!({"type": "response.create", "model": "m", "store": false, "input": [
                    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ho"}]},
                ]}),
            ),
            (
                ClientFrame::Create(Create {
                    model: "m".into(),
                    instructions: Some("be short".into()),
                    max_output_tokens: Some(16),
                    reasoning: Some(Reasoning { effort: "low".into() }),
                    generate: Some(false),
                    previous_response_id: Some("r1".into()),
                    prompt_cache_key: Some("k".into()),
                    input: vec![InputItem::FunctionCallOutput {
                        call_id: "c".into(),
                        output: "7".into(),
                    }],
                    ..Create::default()
                }),
                json!({"type": "response.create", "model": "m", "store": false, "instructions": "be short",
                    "max_output_tokens": 16, "reasoning": {"effort": "low"}, "generate": false,
                    "previous_response_id": "r1", "prompt_cache_key": "k",
                    "input": [{"type": "function_call_output", "call_id": "c", "output": "7"}]}),
            ),
            (
                ClientFrame::Interrupt(Interrupt::discarding("r1")),
                json!({"type": "response.interrupt", "response_id": "r1", "mode": "discard_partial_items"}),
            ),
        ] {
            assert_eq!(serde_json::to_value(&frame).unwrap(), want);
            assert_eq!(serde_json::from_value::<ClientFrame<'_>>(want).unwrap(), frame);
        }
    }

    #[test]
    fn what_other_clients_add_is_skipped() {
        let body = json!({"model": "m", "input": [], "tools": [], "tool_choice": "auto", "store": false,
            "parallel_tool_calls": false, "include": ["reasoning.encrypted_content"], "instructions": null});
        let create: Create<'_> = serde_json::from_value(body).unwrap();
        assert_eq!((create.model.as_ref(), create.instructions), ("m", None));
    }
}
