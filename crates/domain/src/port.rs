//! The port that every model stands behind, local or remote: callbacks and a handle, no runtime.
//!
//! Dropping the handle is the cancel. A sink may still be called a few times after the drop (the call was on its
//! way); whoever owns the sink carries an id and ignores what is late.

use crate::ids::ModelId;
pub use crate::said::Said;
use crate::tool::{Calls, ToolRequest};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Standing instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who.
    pub role: Role,
    /// What.
    pub text: Said,
}

/// How urgent a request is. Interactive work goes before background work on a shared engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Prefill of an open file, delegated jobs.
    Background,
    /// A person waits.
    Interactive,
}

/// One generation. Temperature is 0: an edit is not a lottery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerateRequest {
    /// Which model.
    pub model: ModelId,
    /// System, file, region, instruction, in that order, so that the prefix stays the same between turns.
    pub messages: Vec<Message>,
    /// The answer's first characters, written by us (an opening fence). Not repeated in the output.
    pub answer_prefix: String,
    /// The answer ends before the first of these.
    pub stop: Vec<String>,
    /// Text that the answer will mostly repeat: the draft of speculative decoding, `prediction` on the wire.
    pub prediction: Option<String>,
    /// The answer must not be the prediction again. Upstreams that cannot see to it answer as they would.
    pub differ: Option<Differ>,
    /// How closely the answer keeps to the prediction. Upstreams that cannot see to it answer as they would.
    pub closeness: Closeness,
    /// Upper bound of the answer, tokens.
    pub max_tokens: usize,
    /// Requests with the same key share a cached prefix (a session's file).
    pub cache_key: u64,
    /// Urgency.
    pub priority: Priority,
}

/// How closely an answer keeps to the text that it rewrites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closeness {
    /// As the model likes best.
    #[default]
    Free,
    /// Once it has changed something, it changes something else only where the model is sure of that.
    OnceChanged,
    /// It changes anything only where the model is sure of that: a repair that names no change.
    Throughout,
}

/// A wish for an answer that is not the prediction: where a model would copy all of it, it takes its second choice
/// where it was least sure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Differ {
    /// Byte ranges of the prediction in which the departure must not begin: comments, say.
    pub except: Vec<Range<usize>>,
}

/// Token counts of one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input: usize,
    /// Of these, found in a cache.
    pub cached: usize,
    /// Tokens of the answer.
    pub output: usize,
    /// Drafted tokens that were accepted (speculative decoding).
    pub accepted: usize,
}

/// Why a generation ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended its answer, or a stop text was met.
    Stop,
    /// `max_tokens` or the context window was reached.
    Length,
}

/// What a fault means for a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same request may work at once, or after the given time.
    After {
        /// Milliseconds to wait.
        ms: u64,
    },
    /// Another candidate may work; this one will not.
    Elsewhere,
    /// No candidate will take this request as it is.
    Never,
}

/// Where a fault came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultSource {
    /// Could not be reached, or the stream was cut.
    Network,
    /// The server or the engine refused or broke.
    Upstream,
    /// Quota or rate limit.
    Quota,
    /// The model file or the configuration.
    Setup,
    /// The request itself (too long, say).
    Request,
}

/// A typed failure of a generation. `message` is for the person: what, where, what to do next; never a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where from.
    pub source: FaultSource,
    /// What now.
    pub retry: Retry,
    /// In words.
    pub message: String,
}

/// What a model reports. After `Done` or `Failed` nothing more comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum ModelEvent {
    /// The request has left for the model (bytes on the wire, or the engine took it).
    Sent,
    /// A piece of the answer, whole UTF-8 characters.
    Text {
        /// The piece.
        text: String,
    },
    /// The answer is whole.
    Done {
        /// Why it ended.
        finish: Finish,
        /// Counts.
        usage: Usage,
    },
    /// The answer failed; text that came before stays valid.
    Failed {
        /// What happened.
        fault: Fault,
    },
}

/// Where a model's reports go. Called from the provider's own threads, and from the one that asks while it asks; must
/// not block.
pub type Sink = Arc<dyn Fn(ModelEvent) + Send + Sync>;

/// A running generation. Drop it to cancel; the drop does not wait.
pub trait Running: Send {}

/// One upstream: an engine in this process, or a server.
pub trait Model: Send + Sync {
    /// Starts a generation; never blocks. Failures arrive through the sink too.
    fn generate(&self, request: GenerateRequest, sink: Sink) -> Box<dyn Running>;

    /// Reads a prompt ahead so that a later request with the same prefix starts faster. Dropped when something
    /// interactive comes. Upstreams without such a cache do nothing.
    fn warm(&self, request: GenerateRequest);

    /// Starts one answer of a conversation with tools. Calls come whole, in their order, before `Done`; an answer that
    /// fails brings none. Upstreams without tools fail at once.
    fn converse(&self, request: ToolRequest, sink: Sink, calls: Calls) -> Box<dyn Running> {
        drop(calls);
        sink(ModelEvent::Failed {
            fault: Fault {
                source: FaultSource::Setup,
                retry: Retry::Never,
                message: format!(
                    "{} takes no tools; take `tools = true` out of its configuration",
                    request.plain.model
                ),
            },
        });
        Box::new(Over)
    }
}

/// A generation that is over.
struct Over;

impl Running for Over {}
