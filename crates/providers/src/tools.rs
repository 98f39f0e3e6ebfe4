//! Tools in a conversation: how each protocol writes them, and how its events tell of calls.
//!
//! Both stand beside the wire of plain requests: what a live edit sends and reads is not touched by them.

use crate::fault::{Upstream, setup};
use crate::sse::SseEvent;
use crate::stream::{Reader, Said, Unsaid};
use brisk_domain::port::{Fault, ModelEvent};
use brisk_domain::tool::{Arguments, Calling, Calls, Tool, ToolCall, ToolName, ToolRequest, Turn};
use serde::Serialize;
use serde_json::{Value, json};

/// Bytes of the arguments of one answer, at most.
const ARGUMENTS_MAX: usize = 512 << 10;

/// Calls of one answer, at most.
const CALLS_MAX: usize = 32;

/// Whose words these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Responses,
    Messages,
}

impl Dialect {
    /// A plain request's body with the turns and tools of a conversation behind it.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(crate) fn body(self, plain: &impl Serialize, request: &ToolRequest) -> Result<Value, Fault> {
        let mut body = serde_json::to_value(plain)
            .map_err(|e| setup(format!("the request cannot be written as JSON: {e}")))?;
        let under = match self {
            Dialect::Chat | Dialect::Messages => "messages",
            Dialect::Responses => "input",
        };
        if let Some(Value::Array(said)) = body.get_mut(under) {
            for turn in &request.turns {
                match self {
                    Dialect::Chat => said.extend(chat(turn)),
                    Dialect::Responses => said.extend(responses(turn)),
                    Dialect::Messages => messages(said, turn),
                }
            }
        }
        if let (Value::Object(fields), false) = (&mut body, request.tools.is_empty()) {
            let tools = request.tools.iter().map(|tool| self.tool(tool)).collect();
            fields.insert("tools".to_owned(), Value::Array(tools));
        }
        Ok(body)
    }

    fn tool(self, tool: &Tool) -> Value {
        let Tool { name, about, takes } = tool;
        match self {
            Dialect::Chat => json!({
                "type": "function",
                "function": {"name": name, "description": about, "parameters": takes},
            }),
            Dialect::Responses => json!({
                "type": "function", "name": name, "description": about, "parameters": takes, "strict": false,
            }),
            Dialect::Messages => json!({"name": name, "description": about, "input_schema": takes}),
        }
    }
}

fn chat(turn: &Turn) -> Vec<Value> {
    match turn {
        Turn::User { text } => vec![json!({"role": "user", "content": text})],
        Turn::Assistant { text, calls } if calls.is_empty() => {
            vec![json!({"role": "assistant", "content": text})]
        }
        Turn::Assistant { text, calls } => {
            let call = |c: &ToolCall| {
                json!({
                    "id": c.id, "type": "function",
                    "function": {"name": sendable(&c.name), "arguments": c.arguments.repeated()},
                })
            };
            let calls: Vec<Value> = calls.iter().map(call).collect();
            vec![json!({"role": "assistant", "content": text, "tool_calls": calls})]
        }
        Turn::Results { results } => results
            .iter()
            .map(|r| json!({"role": "tool", "tool_call_id": r.id, "content": r.text}))
            .collect(),
    }
}

fn responses(turn: &Turn) -> Vec<Value> {
    let message = |role: &str, kind: &str, text: &str| json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]});
    match turn {
        Turn::User { text } => vec![message("user", "input_text", text)],
        Turn::Assistant { text, calls } => {
            let said = (!text.is_empty()).then(|| message("assistant", "output_text", text));
            let call = |c: &ToolCall| {
                json!({
                    "type": "function_call", "call_id": c.id, "name": sendable(&c.name),
                    "arguments": c.arguments.repeated(),
                })
            };
            said.into_iter().chain(calls.iter().map(call)).collect()
        }
        Turn::Results { results } => results
            .iter()
            .map(|r| json!({"type": "function_call_output", "call_id": r.id, "output": r.text}))
            .collect(),
    }
}

/// Messages of one role in a row are one message here, and no text may be empty.
fn messages(said: &mut Vec<Value>, turn: &Turn) {
    let words = |text: &str| (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}));
    let (role, blocks): (&str, Vec<Value>) = match turn {
        Turn::User { text } => ("user", words(text).into_iter().collect()),
        Turn::Assistant { text, calls } => {
            let call = |c: &ToolCall| {
                let input = c.arguments.object().unwrap_or_default();
                json!({"type": "tool_use", "id": c.id, "name": sendable(&c.name), "input": input})
            };
            let blocks = words(text).into_iter().chain(calls.iter().map(call));
            ("assistant", blocks.collect())
        }
        Turn::Results { results } => {
            let result = |r: &brisk_domain::tool::ToolResult| {
                json!({
                    "type": "tool_result", "tool_use_id": r.id, "content": r.text, "is_error": r.failed,
                })
            };
            ("user", results.iter().map(result).collect())
        }
    };
    if blocks.is_empty() {
        return;
    }
    let last = said
        .last_mut()
        .filter(|m| m.get("role").and_then(Value::as_str) == Some(role));
    match last.and_then(|m| m.get_mut("content")?.as_array_mut()) {
        Some(content) => content.extend(blocks),
        None => said.push(json!({"role": role, "content": blocks})),
    }
}

/// A name that a model made up may be one that no server takes back.
fn sendable(name: &str) -> String {
    if ToolName::new(name).is_some() {
        return name.to_owned();
    }
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '_' || c == '-' => c,
        _ => '_',
    };
    match name.chars().take(64).map(plain).collect::<String>() {
        none if none.is_empty() => "unnamed".to_owned(),
        some => some,
    }
}

/// A call on its way.
#[derive(Debug, Default)]
struct Open {
    /// By which its pieces are known.
    at: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

/// Reads the events of an answer, and collects its calls beside.
pub(crate) struct CallReader<R> {
    dialect: Dialect,
    inner: R,
    open: Vec<Open>,
    calls: Calls,
    /// Bytes of arguments in pieces, where the whole comes again behind them.
    pieces: usize,
    /// Bytes of calls that were told.
    told: usize,
    /// Makes the ids of calls differ that came without one.
    turn: usize,
}

impl<R: Reader> CallReader<R> {
    pub(crate) fn new(dialect: Dialect, inner: R, request: &ToolRequest, calls: &Calls) -> CallReader<R> {
        CallReader {
            dialect,
            inner,
            open: Vec::new(),
            calls: Calls::clone(calls),
            pieces: 0,
            told: 0,
            turn: request.turns.len(),
        }
    }

    /// Tells the calls of an answer that came to its good end.
    pub(crate) fn tell(self, end: &Result<ModelEvent, Fault>) {
        if !matches!(end, Ok(ModelEvent::Done { .. })) {
            return;
        }
        for (n, open) in self.open.into_iter().enumerate() {
            let id = match open.id.is_empty() {
                true => format!("call_{}_{n}", self.turn),
                false => open.id,
            };
            (self.calls)(Calling::Whole(ToolCall {
                id,
                name: open.name,
                arguments: Arguments::read(&open.arguments),
            }));
        }
    }

    fn collect(&mut self, event: &Value) {
        let text = |of: &Value, name: &str| {
            of.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let index = event.get("index").and_then(Value::as_u64);
        match self.dialect {
            Dialect::Chat => {
                let pieces = event
                    .pointer("/choices/0/delta/tool_calls")
                    .and_then(Value::as_array);
                for piece in pieces.into_iter().flatten() {
                    let function = piece.get("function").unwrap_or(&Value::Null);
                    self.piece(
                        piece.get("index").and_then(Value::as_u64),
                        &text(piece, "id"),
                        &text(function, "name"),
                        &written(function.get("arguments")),
                    );
                }
            }
            Dialect::Messages if kind == "content_block_start" => {
                let block = event.get("content_block").unwrap_or(&Value::Null);
                if text(block, "type") == "tool_use" {
                    self.open.push(Open {
                        at: index,
                        id: text(block, "id"),
                        name: text(block, "name"),
                        // Mostly empty, and then it follows in pieces.
                        arguments: written(block.get("input").filter(|i| **i != json!({}))),
                    });
                }
            }
            Dialect::Messages => {
                let delta = event.get("delta").unwrap_or(&Value::Null);
                if text(delta, "type") == "input_json_delta"
                    && let Some(open) = self.open.iter_mut().find(|o| o.at == index)
                {
                    open.arguments.push_str(&text(delta, "partial_json"));
                }
            }
            // The item holds all of it.
            Dialect::Responses if kind == "response.function_call_arguments.delta" => {
                self.pieces += text(event, "delta").len();
            }
            Dialect::Responses => {
                let item = event.get("item").unwrap_or(&Value::Null);
                if kind == "response.output_item.done" && text(item, "type") == "function_call" {
                    self.open.push(Open {
                        at: None,
                        id: text(item, "call_id"),
                        name: text(item, "name"),
                        arguments: written(item.get("arguments")),
                    });
                }
            }
        }
    }

    /// Bytes of calls so far. Never fewer than before.
    fn written(&self) -> usize {
        let open: usize = self.open.iter().map(|o| o.arguments.len() + o.name.len()).sum();
        open.max(self.pieces)
    }

    /// A piece of a call. Some servers number every call 0, and some none: a new id is a new call.
    fn piece(&mut self, at: Option<u64>, id: &str, name: &str, arguments: &str) {
        let goes_on = |o: &Open| o.at == at && (id.is_empty() || o.id == id);
        let known = match (at, id, name) {
            (None, "", "") => self.open.last_mut(),
            (None, "", _) => None,
            _ => self.open.iter_mut().rev().find(|o| goes_on(o)),
        };
        match known {
            Some(open) => {
                open.name.push_str(name);
                open.arguments.push_str(arguments);
            }
            None => self.open.push(Open {
                at,
                id: id.to_owned(),
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            }),
        }
    }
}

/// Arguments are JSON in a text; some servers send the JSON itself.
fn written(arguments: Option<&Value>) -> String {
    match arguments {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

impl<R: Reader> Reader for &mut CallReader<R> {
    fn read(&mut self, upstream: &Upstream, event: &SseEvent) -> Result<Said, Unsaid> {
        let said = self.inner.read(upstream, event)?;
        let signs = ["tool_calls", "tool_use", "input_json_delta", "function_call"];
        if signs.iter().any(|sign| event.data.contains(sign))
            && let Ok(value) = serde_json::from_str(&event.data)
        {
            self.collect(&value);
            let arguments = self.written();
            if self.open.len() > CALLS_MAX || arguments > ARGUMENTS_MAX {
                let what = format!(
                    "an answer holds more than {CALLS_MAX} calls or {ARGUMENTS_MAX} bytes of arguments"
                );
                return Err(Unsaid::Broke(upstream.malformed(&what, "")));
            }
        }
        let bytes = self.written() - self.told;
        if said.text.is_empty() || bytes > 0 {
            self.told += bytes;
            (self.calls)(Calling::Writes { bytes });
        }
        Ok(said)
    }
}
