//! JSON-RPC 2.0, one message a line. Parsing keeps `params` raw, so that a message is decoded once, by its handler.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Longest message that is read, bytes. A longer one ends the connection.
pub const MAX_LINE: usize = 32 * 1024 * 1024;

/// A request's id: a number or a text, given back as it came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// One message as it came.
#[derive(Debug)]
pub enum Incoming {
    /// A call that wants an answer.
    Request {
        /// To answer with.
        id: RequestId,
        /// Method name.
        method: String,
        /// Parameters, not yet decoded; `null` when absent.
        params: Box<RawValue>,
    },
    /// A call without an answer.
    Notification {
        /// Method name.
        method: String,
        /// Parameters, not yet decoded.
        params: Box<RawValue>,
    },
    /// The answer to a call of ours.
    Response {
        /// Which call.
        id: RequestId,
        /// Result, or what went wrong.
        outcome: Result<Box<RawValue>, ErrorBody>,
    },
}

/// The `error` member of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// JSON-RPC code, see [`ErrorCode`].
    pub code: i32,
    /// For the person: what, where, what to do next.
    pub message: String,
    /// The exit code that a command line client ends with, and other details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

/// Codes of [`ErrorBody`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// Not JSON.
    Parse,
    /// JSON, but not a request.
    InvalidRequest,
    /// Unknown method.
    MethodNotFound,
    /// Parameters of the wrong shape.
    InvalidParams,
    /// A failure of ours.
    Internal,
    /// A refusal in the domain's own words (no repository, conflict, no model, ...).
    Refused,
}

impl ErrorCode {
    /// The number on the wire.
    pub fn number(self) -> i32 {
        match self {
            ErrorCode::Parse => -32700,
            ErrorCode::InvalidRequest => -32600,
            ErrorCode::MethodNotFound => -32601,
            ErrorCode::InvalidParams => -32602,
            ErrorCode::Internal => -32603,
            ErrorCode::Refused => -32000,
        }
    }
}

/// A line that is no JSON-RPC message.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not JSON at all.
    #[error("not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// Neither a call nor an answer.
    #[error("neither a method nor an answer")]
    NoKind,
}

#[derive(Deserialize)]
struct Frame {
    id: Option<RequestId>,
    method: Option<String>,
    params: Option<Box<RawValue>>,
    result: Option<Box<RawValue>>,
    error: Option<ErrorBody>,
}

/// Reads one line.
pub fn parse(line: &str) -> Result<Incoming, Malformed> {
    let frame: Frame = serde_json::from_str(line)?;
    let null = || RawValue::NULL.to_owned();
    match frame {
        Frame {
            id: Some(id),
            method: Some(method),
            params,
            ..
        } => Ok(Incoming::Request {
            id,
            method,
            params: params.unwrap_or_else(null),
        }),
        Frame {
            id: None,
            method: Some(method),
            params,
            ..
        } => Ok(Incoming::Notification {
            method,
            params: params.unwrap_or_else(null),
        }),
        Frame {
            id: Some(id),
            error: Some(error),
            ..
        } => Ok(Incoming::Response {
            id,
            outcome: Err(error),
        }),
        Frame {
            id: Some(id), result, ..
        } => Ok(Incoming::Response {
            id,
            outcome: Ok(result.unwrap_or_else(null)),
        }),
        Frame {
            id: None,
            method: None,
            ..
        } => Err(Malformed::NoKind),
    }
}

#[derive(Serialize)]
struct Call<'a, P> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RequestId>,
    method: &'a str,
    params: &'a P,
}

#[derive(Serialize)]
struct Answer<'a, R> {
    jsonrpc: &'static str,
    id: Option<&'a RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a R>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorBody>,
}

fn line(message: &impl Serialize) -> String {
    // Our own types hold no maps with non-text keys and no failing serialisers: this cannot fail for them.
    let mut text = serde_json::to_string(message).unwrap_or_default();
    text.push('\n');
    text
}

/// A call that wants an answer, as a line with its newline.
pub fn request_line(id: &RequestId, method: &str, params: &impl Serialize) -> String {
    line(&Call {
        jsonrpc: "2.0",
        id: Some(id),
        method,
        params,
    })
}

/// A call without an answer.
pub fn notify_line(method: &str, params: &impl Serialize) -> String {
    line(&Call {
        jsonrpc: "2.0",
        id: None,
        method,
        params,
    })
}

/// The answer to a call.
pub fn result_line(id: &RequestId, result: &impl Serialize) -> String {
    line(&Answer {
        jsonrpc: "2.0",
        id: Some(id),
        result: Some(result),
        error: None,
    })
}

/// The refusal of a call. `id` is absent when the call could not even be read.
pub fn error_line(id: Option<&RequestId>, error: &ErrorBody) -> String {
    line(&Answer::<()> {
        jsonrpc: "2.0",
        id,
        result: None,
        error: Some(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str) -> String {
        match parse(line) {
            Ok(Incoming::Request { id, method, params }) => format!("request {id:?} {method} {params}"),
            Ok(Incoming::Notification { method, params }) => format!("notification {method} {params}"),
            Ok(Incoming::Response {
                id,
                outcome: Ok(result),
            }) => format!("result {id:?} {result}"),
            Ok(Incoming::Response {
                id,
                outcome: Err(error),
            }) => format!("error {id:?} {}", error.message),
            Err(Malformed::NotJson(_)) => "not json".into(),
            Err(Malformed::NoKind) => "no kind".into(),
        }
    }

    #[test]
    fn messages_are_told_apart() {
        let id = RequestId::Number(7);
        let body = ErrorBody {
            code: ErrorCode::Refused.number(),
            message: "no".into(),
            data: None,
        };
        let cases = [
            (
                request_line(&id, "a/b", &serde_json::json!({"x": 1})),
                "request Number(7) a/b {\"x\":1}",
            ),
            (notify_line("n", &serde_json::Value::Null), "notification n null"),
            (
                result_line(&RequestId::Text("q".into()), &3),
                "result Text(\"q\") 3",
            ),
            (error_line(Some(&id), &body), "error Number(7) no"),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}".into(),
                "request Number(1) m null",
            ),
            ("{\"jsonrpc\":\"2.0\"}".into(), "no kind"),
            ("{".into(), "not json"),
            ("".into(), "not json"),
        ];
        for (line, want) in cases {
            assert_eq!(kind(&line), want, "{line}");
        }
    }
}
