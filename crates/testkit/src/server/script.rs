//! What the fake server answers: data, so that a test builds it and a file holds it.

use serde::{Deserialize, Serialize};
use serde_json::json;

/// One step of an answer's body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// A piece of the answer, in one well-formed frame.
    Text {
        /// The piece.
        text: String,
    },
    /// The same frame again and again.
    Repeat {
        /// The piece in each frame.
        text: String,
        /// How often; without it, for ever.
        count: Option<u64>,
    },
    /// A text at a constant rate, about four bytes (one token) in a frame.
    Rate {
        /// The text.
        text: String,
        /// Frames a second.
        per_s: f64,
    },
    /// One well-formed frame with this many letters.
    Big {
        /// How many.
        letters: usize,
    },
    /// Characters as they are, well-formed or not.
    Raw {
        /// The characters.
        text: String,
    },
    /// Bytes as they are, UTF-8 or not.
    Bytes {
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Waits until the gate of this name is opened or the client is gone.
    Gate {
        /// Its name.
        name: String,
    },
    /// The frame that says why the answer ended.
    Finish {
        /// `stop`, `length`, ...
        reason: String,
    },
    /// The frame with the counts.
    Usage {
        /// Tokens of the prompt.
        input: usize,
        /// Of these, from a cache.
        cached: usize,
        /// Tokens of the answer.
        output: usize,
    },
    /// `data: [DONE]`.
    Done,
    /// Says nothing more until the client goes.
    Hang,
    /// Closes the connection in the middle of the body.
    Cut,
}

impl Act {
    /// `Text`.
    pub fn text(text: impl Into<String>) -> Act {
        Act::Text { text: text.into() }
    }

    /// `Gate`.
    pub fn gate(name: impl Into<String>) -> Act {
        Act::Gate { name: name.into() }
    }

    /// `Raw`.
    pub fn raw(text: impl Into<String>) -> Act {
        Act::Raw { text: text.into() }
    }

    /// `Finish { "stop" }`.
    pub fn stop() -> Act {
        Act::Finish {
            reason: "stop".to_owned(),
        }
    }

    /// The bytes of this step, where it is one that writes something of fixed size.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Act::Text { text } | Act::Repeat { text, .. } | Act::Rate { text, .. } => text_frame(text),
            Act::Big { letters } => big_frame(*letters),
            Act::Raw { text } => text.clone().into_bytes(),
            Act::Bytes { bytes } => bytes.clone(),
            Act::Finish { reason } => {
                frame(&json!([{"index": 0, "delta": {}, "finish_reason": reason}]), None)
            }
            Act::Usage {
                input,
                cached,
                output,
            } => frame(
                &json!([]),
                Some(json!({
                    "prompt_tokens": input,
                    "completion_tokens": output,
                    "total_tokens": input + output,
                    "prompt_tokens_details": {"cached_tokens": cached},
                })),
            ),
            Act::Done => b"data: [DONE]\n\n".to_vec(),
            Act::Gate { .. } | Act::Hang | Act::Cut => Vec::new(),
        }
    }
}

/// One `chat.completion.chunk` as a server-sent event.
fn frame(choices: &serde_json::Value, usage: Option<serde_json::Value>) -> Vec<u8> {
    let mut chunk = json!({
        "id": "fake-1", "object": "chat.completion.chunk", "created": 0, "model": "fake", "choices": choices,
    });
    if let (Some(usage), Some(fields)) = (usage, chunk.as_object_mut()) {
        fields.insert("usage".to_owned(), usage);
    }
    format!("data: {chunk}\n\n").into_bytes()
}

pub(crate) fn text_frame(text: &str) -> Vec<u8> {
    frame(
        &json!([{"index": 0, "delta": {"content": text}, "finish_reason": null}]),
        None,
    )
}

/// Put together by hand: a JSON writer takes its time over 100 MB.
fn big_frame(letters: usize) -> Vec<u8> {
    let mut bytes = br#"data: {"choices":[{"index":0,"delta":{"content":""#.to_vec();
    bytes.resize(bytes.len() + letters, b'x');
    bytes.extend_from_slice(b"\"}}]}\n\n");
    bytes
}

/// Pieces of about four bytes, cut between characters: the size of a token.
pub fn tokens(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut cut = 4.min(rest.len());
        while !rest.is_char_boundary(cut) {
            cut += 1;
        }
        let (piece, tail) = rest.split_at(cut);
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

fn ok() -> u16 {
    200
}

/// One scripted answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Status code.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers on top of the content type.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Gate before the first byte of the answer's head.
    #[serde(default)]
    pub hold: Option<String>,
    /// The body.
    #[serde(default)]
    pub acts: Vec<Act>,
    /// The connection is closed after this many bytes of the body.
    #[serde(default)]
    pub cut_after: Option<usize>,
    /// Offsets in the body at which a new HTTP chunk begins, ascending: the client reads pieces that end there.
    #[serde(default)]
    pub split_at: Vec<usize>,
}

impl Reply {
    /// A stream of these steps.
    pub fn stream(acts: Vec<Act>) -> Reply {
        Reply {
            status: 200,
            headers: Vec::new(),
            hold: None,
            acts,
            cut_after: None,
            split_at: Vec::new(),
        }
    }

    /// A whole good answer: one frame a token, `stop`, counts, `[DONE]`.
    pub fn text(text: &str) -> Reply {
        let pieces = tokens(text);
        let mut acts: Vec<Act> = pieces.iter().map(|piece| Act::text(*piece)).collect();
        acts.push(Act::stop());
        acts.push(Act::Usage {
            input: 10,
            cached: 4,
            output: pieces.len(),
        });
        acts.push(Act::Done);
        Reply::stream(acts)
    }

    /// A refusal with a body.
    pub fn refusal(status: u16, body: &str) -> Reply {
        Reply {
            status,
            ..Reply::stream(vec![Act::raw(body)])
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits at a gate before the head.
    pub fn hold(mut self, gate: &str) -> Reply {
        self.hold = Some(gate.to_owned());
        self
    }

    /// Closes the connection after this many bytes of the body.
    pub fn cut_after(mut self, bytes: usize) -> Reply {
        self.cut_after = Some(bytes);
        self
    }

    /// Begins a new HTTP chunk at these offsets of the body.
    pub fn split_at(mut self, offsets: Vec<usize>) -> Reply {
        self.split_at = offsets;
        self
    }

    /// The whole body, for choosing where to cut it; steps that repeat or keep time count once.
    pub fn body(&self) -> Vec<u8> {
        self.acts.iter().flat_map(Act::bytes).collect()
    }
}

/// A file of replies for the program `brisk-fake-model`, for example
///
/// ```json
/// {"replies": [{"acts": [{"act": "text", "text": "hi"}, {"act": "gate", "name": "go"}, {"act": "done"}]},
///              {"status": 429, "headers": [["retry-after", "7"]], "acts": []}],
///  "otherwise": {"acts": [{"act": "rate", "text": "abc", "per_s": 100.0}, {"act": "hang"}]}}
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// Answers to the first requests, in order.
    #[serde(default)]
    pub replies: Vec<Reply>,
    /// The answer to every request after these; without it they get a 500 that says so.
    #[serde(default)]
    pub otherwise: Option<Reply>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_in_the_docs_is_a_script() {
        let source = include_str!("script.rs");
        let (_, example) = source.split_once("/// ```json\n").unwrap();
        let (example, _) = example.split_once("/// ```\n").unwrap();
        let script: Script = serde_json::from_str(&example.replace("///", "")).unwrap();
        assert_eq!(script.replies[0].acts[1], Act::gate("go"));
        assert_eq!(
            (script.replies[1].status, script.otherwise.unwrap().status),
            (429, 200)
        );
        assert_eq!(serde_json::from_str::<Script>("{}").unwrap(), Script::default());
    }

    #[test]
    fn a_script_survives_its_file() {
        let script = Script {
            replies: vec![
                Reply::text("é")
                    .hold("a")
                    .cut_after(3)
                    .split_at(vec![1])
                    .header("x", "y"),
            ],
            otherwise: Some(Reply::stream(vec![
                Act::Bytes { bytes: vec![0xff] },
                Act::Hang,
                Act::Cut,
            ])),
        };
        let text = serde_json::to_string(&script).unwrap();
        assert_eq!(serde_json::from_str::<Script>(&text).unwrap(), script);
    }
}
