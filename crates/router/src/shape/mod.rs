//! The shape of a task: facts about it, each with what said so. No model is asked.
//!
//! [`shape`] reads the person's words, the places that they named and what the client knows. A fact that nothing
//! speaks for is unknown, which is a value of its own: a rule that asks for it does not match, a bound that asks for
//! it denies. Pure, and a matter of microseconds.

mod facts;
mod lexicon;
mod places;
mod read;
mod scan;

use crate::scale::{Ambiguity, Latency, Safety, Scope, Set, Task, Trust};
use brisk_domain::Intent;
pub use read::shape;
use serde::Serialize;

/// What says a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Evidence {
    /// Bytes `start..end` of the prompt's text.
    Words {
        /// First byte.
        start: usize,
        /// One past the last byte.
        end: usize,
    },
    /// The place with this number, counted from 0 over those that are given and then those in the text.
    Place {
        /// Which.
        index: usize,
    },
    /// The client or the configuration told it.
    Told {
        /// What.
        what: &'static str,
    },
    /// Nothing speaks against it.
    Silence,
}

/// The person said how urgent it is.
pub const SAID: Evidence = Evidence::Told { what: "--latency" };

/// One fact. `value` is `None` where nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact<T> {
    /// What is so.
    pub value: Option<T>,
    /// What says so, the strongest first.
    pub because: Vec<Evidence>,
}

impl<T> Fact<T> {
    /// Nobody knows.
    pub fn unknown() -> Fact<T> {
        Fact {
            value: None,
            because: Vec::new(),
        }
    }

    /// Something with one evidence.
    pub fn new(value: T, because: Evidence) -> Fact<T> {
        Fact {
            value: Some(value),
            because: vec![because],
        }
    }

    /// Something that the client or the person told.
    pub fn told(value: T, what: &'static str) -> Fact<T> {
        Fact::new(value, Evidence::Told { what })
    }
}

/// A place that a prompt is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Site {
    /// The file as it was named.
    pub path: String,
    /// Number of lines that were named, if lines were.
    pub lines: Option<u32>,
    /// A symbol was named.
    pub symbol: bool,
}

impl Site {
    /// Reads `FILE`, `FILE:10`, `FILE:10-30`, `FILE:SYMBOL`. Looks at no disk: a colon in a file's name misleads it.
    pub fn parse(text: &str) -> Site {
        let (path, part) = text.split_once(':').unwrap_or((text, ""));
        let number = |s: &str| s.trim().parse::<u32>().ok();
        let lines = match part.split_once('-') {
            Some((a, b)) => number(a)
                .zip(number(b))
                .map(|(a, b)| b.saturating_sub(a).saturating_add(1)),
            None => number(part).map(|_| 1),
        };
        Site {
            path: path.to_owned(),
            lines,
            symbol: lines.is_none() && !part.is_empty(),
        }
    }
}

/// What is known beside the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Edit or ask.
    pub intent: Intent,
    /// Places that the person named.
    pub sites: Vec<Site>,
    /// Places that were found for the person's words: what they are counts, and nobody said that they are all.
    pub found: Vec<Site>,
    /// Somebody waits for the answer.
    pub interactive: Option<bool>,
    /// Prompt size, tokens, where the files were read.
    pub context_tokens: Option<u32>,
    /// Size of the answer, tokens, where it is known how much is written again.
    pub answer_tokens: Option<u32>,
    /// Whether the repository is trusted, from a store outside of it.
    pub trust: Option<Trust>,
    /// How urgent it is, where the person said so.
    pub latency: Option<Latency>,
}

impl Given {
    /// Nothing but the intent.
    pub fn only(intent: Intent) -> Given {
        Given {
            intent,
            sites: Vec::new(),
            found: Vec::new(),
            interactive: None,
            context_tokens: None,
            answer_tokens: None,
            trust: None,
            latency: None,
        }
    }
}

/// Everything that routing knows about a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Kind of work.
    #[serde(rename = "intent")]
    pub task: Fact<Task>,
    /// How far it reaches.
    pub scope: Fact<Scope>,
    /// Files that it changes.
    pub files: Fact<u32>,
    /// Lines that it changes: an estimate from the place and the kind of work.
    pub lines: Fact<u32>,
    /// Size of the prompt, tokens.
    pub context: Fact<u32>,
    /// Size of the answer, tokens, where it is known how much is written again. No fact for policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<u32>,
    /// An undo brings everything back.
    pub reversible: Fact<bool>,
    /// How much is left open.
    pub ambiguity: Fact<Ambiguity>,
    /// What a mistake would cost.
    pub safety: Fact<Safety>,
    /// It is done when something passes, again and again.
    pub wants_tests: Fact<bool>,
    /// Tools that it needs, by position in `Tool`.
    #[serde(serialize_with = "tools")]
    pub tools: Fact<Set>,
    /// Somebody waits.
    pub interactive: Fact<bool>,
    /// How much waiting matters.
    pub latency: Fact<Latency>,
    /// What the person said about the repository.
    pub trust: Fact<Trust>,
    /// Places: those that were given, then those in the text, then those that were found.
    pub sites: Vec<Site>,
}

fn tools<S: serde::Serializer>(fact: &Fact<Set>, to: S) -> Result<S::Ok, S::Error> {
    let names = Fact {
        value: fact.value.map(|set| set.names(crate::scale::Tool::NAMES)),
        because: fact.because.clone(),
    };
    names.serialize(to)
}
