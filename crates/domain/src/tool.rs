//! Tools in a conversation with a model.
//!
//! Only delegated work has them: the request of a live edit ([`GenerateRequest`]) has no place for a tool, and what it
//! reports ([`crate::port::ModelEvent`]) none for a call.
//!
//! ```compile_fail,E0560
//! use brisk_domain::port::GenerateRequest;
//! fn with_tools(plain: GenerateRequest) -> GenerateRequest {
//!     GenerateRequest { tools: Vec::new(), ..plain }
//! }
//! ```

use crate::port::GenerateRequest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// Longest name that every protocol takes.
const NAME_MAX: usize = 64;

/// Whether a model is told of its tools and answers with calls, or with words that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tooling {
    /// Plain text in both directions.
    #[default]
    Words,
    /// The protocol's own calls.
    Native,
}

/// A tool's name: 1 to 64 letters, digits, `_` and `-`, as every protocol takes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ToolName(String);

impl ToolName {
    /// `None` if it is none.
    pub fn new(name: impl Into<String>) -> Option<ToolName> {
        let name = name.into();
        let fits = (1..=NAME_MAX).contains(&name.len());
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        (fits && name.chars().all(plain)).then_some(ToolName(name))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ToolName {
    type Error = &'static str;
    fn try_from(name: String) -> Result<ToolName, &'static str> {
        ToolName::new(name).ok_or("a tool's name has 1 to 64 letters, digits, `_` and `-`")
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tool as a model is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: ToolName,
    /// What it does, for the model.
    pub about: String,
    /// JSON Schema of the object that it takes.
    pub takes: Map<String, Value>,
}

impl Tool {
    /// About how many bytes a model reads of it.
    pub fn bytes(&self) -> usize {
        let field = |(name, schema): (&String, &Value)| name.len() + schema.to_string().len();
        self.about.len() + self.takes.iter().map(field).sum::<usize>()
    }
}

/// What a model passes to a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "arguments", rename_all = "snake_case")]
pub enum Arguments {
    /// A JSON object, as the model wrote it.
    Object {
        /// The object's text.
        text: String,
    },
    /// No JSON object. That is the model's mistake, and the model is told.
    Malformed {
        /// What is wrong with it.
        why: String,
    },
}

impl Arguments {
    /// Reads what a model wrote. Nothing at all is an empty object.
    pub fn read(text: &str) -> Arguments {
        let text = match text.trim() {
            "" => "{}",
            some => some,
        };
        match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(_) => Arguments::Object {
                text: text.to_owned(),
            },
            Err(e) => Arguments::Malformed {
                why: format!("the arguments are no JSON object: {e}"),
            },
        }
    }

    /// The object.
    ///
    /// # Errors
    /// Why it is none, for the model.
    pub fn object(&self) -> Result<Map<String, Value>, String> {
        match self {
            Arguments::Object { text } => serde_json::from_str(text).map_err(|e| e.to_string()),
            Arguments::Malformed { why } => Err(why.clone()),
        }
    }

    /// As they are repeated to a server, which takes JSON objects only.
    pub fn repeated(&self) -> &str {
        match self {
            Arguments::Object { text } => text,
            Arguments::Malformed { .. } => "{}",
        }
    }
}

/// One call of a tool. The name is the model's: there may be no such tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// By which its result is known.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// With what.
    #[serde(flatten)]
    pub arguments: Arguments,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// Which call.
    pub id: String,
    /// For the model.
    pub text: String,
    /// It was refused or failed.
    pub failed: bool,
}

/// One turn of a conversation with tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "turn", rename_all = "snake_case")]
pub enum Turn {
    /// We say something.
    User {
        /// What.
        text: String,
    },
    /// The model answered.
    Assistant {
        /// What it said.
        text: String,
        /// What it called; each is followed by its result.
        calls: Vec<ToolCall>,
    },
    /// What came of the calls before.
    Results {
        /// One for each of them.
        results: Vec<ToolResult>,
    },
}

/// One answer of a conversation with tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRequest {
    /// Model, bounds and how the conversation begins; neither opening nor prediction.
    pub plain: GenerateRequest,
    /// What was said since.
    pub turns: Vec<Turn>,
    /// What may be called.
    pub tools: Vec<Tool>,
}

impl ToolRequest {
    /// About how many bytes its turns and tools have.
    pub fn bytes(&self) -> usize {
        let call = |c: &ToolCall| c.name.len() + c.arguments.repeated().len();
        let turn = |turn: &Turn| match turn {
            Turn::User { text } => text.len(),
            Turn::Assistant { text, calls } => text.len() + calls.iter().map(call).sum::<usize>(),
            Turn::Results { results } => results.iter().map(|r| r.text.len()).sum(),
        };
        let tools = self.tools.iter().map(Tool::bytes).sum::<usize>();
        self.turns.iter().map(turn).sum::<usize>() + tools
    }
}

/// What is told of an answer with calls, beside its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Calling {
    /// An event without text came: the model lives, and has written so many bytes more of its calls, perhaps none.
    Writes {
        /// Bytes of names and arguments.
        bytes: usize,
    },
    /// A call is whole, and the answer with it.
    Whole(ToolCall),
}

/// Where the calls of an answer go. Called from the provider's own threads; must not block.
pub type Calls = Arc<dyn Fn(Calling) + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_every_protocol_takes() {
        for (name, good) in [
            ("read", true),
            ("mcp__a-b_1", true),
            ("", false),
            ("a b", false),
            ("a.b", false),
            ("é", false),
            (&*"x".repeat(64), true),
            (&*"x".repeat(65), false),
        ] {
            assert_eq!(ToolName::new(name).is_some(), good, "{name}");
        }
        assert!(serde_json::from_str::<ToolName>("\"a b\"").is_err());
    }

    #[test]
    fn arguments_are_an_object_or_a_mistake_that_is_told() {
        for (text, good) in [
            ("", true),
            (" {} ", true),
            (r#"{"path":"a","lines":[1,2]}"#, true),
            ("[1]", false),
            (r#"{"path":"#, false),
            (r#"{"path":"a"} and more"#, false),
            ("null", false),
        ] {
            let arguments = Arguments::read(text);
            assert_eq!(arguments.object().is_ok(), good, "{text}");
            assert!(
                serde_json::from_str::<Map<String, Value>>(arguments.repeated()).is_ok(),
                "{text}: what is repeated is an object"
            );
            let call = ToolCall {
                id: "c1".into(),
                name: "read".into(),
                arguments,
            };
            let kept = serde_json::to_string(&call).unwrap();
            assert_eq!(serde_json::from_str::<ToolCall>(&kept).unwrap(), call, "{kept}");
        }
    }
}
