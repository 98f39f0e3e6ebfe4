//! What the fake says: data, the same for both transports.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One step of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum Say {
    /// A piece of the answer.
    Text {
        /// The piece.
        text: String,
    },
    /// The same piece again and again.
    Repeat {
        /// The piece.
        text: String,
        /// How often; without it, for ever.
        count: Option<u64>,
    },
    /// A text at a constant rate, about four bytes (one token) an event.
    Rate {
        /// The text.
        text: String,
        /// Events a second.
        per_s: f64,
    },
    /// One well-formed event with this many letters.
    Big {
        /// How many.
        letters: usize,
    },
    /// An event as it is.
    Event {
        /// The object.
        event: Value,
    },
    /// What stands where an event should be, JSON or not.
    Raw {
        /// The characters.
        text: String,
    },
    /// Bytes on the connection, between two frames or chunks.
    Wire {
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Waits until the gate of this name is opened or nobody wants the answer.
    Gate {
        /// Its name.
        name: String,
    },
    /// The whole item, counts, and the end: `response.completed`.
    Complete,
    /// The end at the bound of the length: `response.incomplete`.
    Length,
    /// Says nothing more until nobody wants the answer.
    Hang,
    /// Ends the connection.
    Cut,
}

impl Say {
    /// `Text`.
    pub fn text(text: impl Into<String>) -> Say {
        Say::Text { text: text.into() }
    }

    /// `Event`.
    pub fn event(event: Value) -> Say {
        Say::Event { event }
    }

    /// `Raw`.
    pub fn raw(text: impl Into<String>) -> Say {
        Say::Raw { text: text.into() }
    }

    /// `Gate`.
    pub fn gate(name: impl Into<String>) -> Say {
        Say::Gate { name: name.into() }
    }
}

/// A refusal: over HTTP a status, headers and a body; on a socket one error event that holds all of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// Its headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// What lies under `error`.
    pub error: Value,
}

/// One answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Speech {
    /// What is said after `response.created`.
    #[serde(default)]
    pub says: Vec<Say>,
    /// Instead of an answer.
    #[serde(default)]
    pub refusal: Option<Refusal>,
    /// Nothing is said before what `says` has, not even `response.created`.
    #[serde(default)]
    pub bare: bool,
    /// The connection ends after this many bytes of the answer: of frames on a socket, of the body over HTTP.
    #[serde(default)]
    pub cut_after: Option<usize>,
    /// Offsets in the events' bytes at which a new fragment (socket) or chunk (HTTP) begins, ascending.
    #[serde(default)]
    pub split_at: Vec<usize>,
}

impl Speech {
    /// These steps.
    pub fn of(says: Vec<Say>) -> Speech {
        Speech {
            says,
            ..Speech::default()
        }
    }

    /// A whole good answer, one event a token.
    pub fn text(text: &str) -> Speech {
        let mut says: Vec<Say> = crate::server::tokens(text).into_iter().map(Say::text).collect();
        says.push(Say::Complete);
        Speech::of(says)
    }

    /// A refusal.
    pub fn refusal(status: u16, headers: &[(&str, &str)], error: Value) -> Speech {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Speech {
            refusal: Some(Refusal {
                status,
                headers,
                error,
            }),
            ..Speech::default()
        }
    }

    /// Without `response.created`.
    pub fn bare(mut self) -> Speech {
        self.bare = true;
        self
    }

    /// Ends the connection after so many bytes.
    pub fn cut_after(mut self, bytes: usize) -> Speech {
        self.cut_after = Some(bytes);
        self
    }

    /// Splits at these offsets.
    pub fn split_at(mut self, offsets: Vec<usize>) -> Speech {
        self.split_at = offsets;
        self
    }
}

/// A file of answers for the program `brisk-fake-responses`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SpeechScript {
    /// Answers to the first requests, in order.
    #[serde(default)]
    pub speeches: Vec<Speech>,
    /// The answer to every request after these.
    #[serde(default)]
    pub otherwise: Option<Speech>,
}

/// A piece of text as an event.
pub(super) fn delta(text: &str) -> String {
    json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": text})
        .to_string()
}

/// Put together by hand: a JSON writer takes its time over 100 MB.
pub(super) fn big(letters: usize) -> String {
    format!(
        "{{\"type\":\"response.output_text.delta\",\"delta\":\"{}\"}}",
        "x".repeat(letters)
    )
}

/// The events that end a good answer.
pub(super) fn complete(id: &str, text: &str, usage: &Value) -> [String; 2] {
    [
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": []}]}})
        .to_string(),
        json!({"type": "response.completed", "response": {"id": id, "status": "completed", "usage": usage}}).to_string(),
    ]
}

/// The event that ends an answer early.
pub(super) fn incomplete(id: &str, reason: &str, usage: &Value) -> String {
    json!({"type": "response.incomplete", "response": {"id": id, "status": "incomplete",
        "incomplete_details": {"reason": reason}, "usage": usage}})
    .to_string()
}
