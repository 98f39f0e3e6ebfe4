//! Everything that crosses a process border: the client protocol is ACP v1 as JSON-RPC, one message a line, with
//! Brisk's own needs as `_brisk/*` extension methods. Any ACP client works without the extensions. What models speak
//! is in the modules of their own: [`chat`], [`responses`], [`messages`].

pub mod chat;
mod ext;
mod felt;
pub mod gate;
mod greeting;
pub mod jobs;
pub mod messages;
pub mod responses;
mod rpc;

pub use agent_client_protocol_schema::ProtocolVersion;
pub use agent_client_protocol_schema::v1 as acp;
/// The nouns that messages are made of, for clients that import this crate alone.
pub use brisk_domain as domain;
pub use ext::{
    Amend, BEGAN_META, BRISK_META, CompleteReply, CompleteRequest, Completion, DaemonStatus, Decide, Decided,
    Envelope, HunkSet, Limits, LogEntry, LogReply, LogRequest, ModelState, ModelsReply, NoParams, Place,
    PromptExtras, QuotaBound, QuotaLeft, QuotaOf, QuotaReply, RepoRequest, RepoStatus, Resume, Resumed,
    SessionRef, SessionSummary, SessionsReply, Steer, UndoReply, UndoRequest, UndoWhat, Unqueue, Unqueued,
    Warm, method,
};
pub use felt::{Backwards, ClientKind, Felt, FeltRecord, Stage, Stages, StopFelt, asks_for_tests};
pub use greeting::{greeting, knows_extensions};
pub use rpc::{
    ErrorBody, ErrorCode, Incoming, MAX_LINE, Malformed, RequestId, error_line, notify_line, parse,
    request_line, result_line,
};
