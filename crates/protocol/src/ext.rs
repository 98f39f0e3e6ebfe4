//! Brisk's extensions of ACP: what a live edit needs and the protocol lacks. Method names are in [`method`].

use crate::gate::TreeState;
use brisk_domain::{Event, HunkId, Intent, Lane, Latency, ModelId, SessionId, TurnId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Method names of the extensions.
pub mod method {
    /// Notification to clients: an [`super::Envelope`].
    pub const EVENT: &str = "_brisk/event";
    /// Request [`super::Decide`] -> [`super::Decided`]: write hunks to disk.
    pub const KEEP: &str = "_brisk/keep";
    /// Request [`super::Decide`] -> [`super::Decided`]: drop hunks.
    pub const REJECT: &str = "_brisk/reject";
    /// Request [`super::Steer`] -> null: a new prompt during a turn redirects it at once.
    pub const STEER: &str = "_brisk/steer";
    /// Request [`super::Steer`] -> null: a prompt for when the current turn has ended.
    pub const QUEUE: &str = "_brisk/queue";
    /// Request [`super::Unqueue`] -> [`super::Unqueued`]: queued prompts come back.
    pub const UNQUEUE: &str = "_brisk/unqueue";
    /// Request [`super::SessionRef`] -> null: let the turn grow beyond its budget.
    pub const RAISE_BUDGET: &str = "_brisk/raise_budget";
    /// Request [`super::Resume`] -> [`super::Resumed`], then the events from there on as notifications.
    pub const RESUME: &str = "_brisk/resume";
    /// Notification [`super::Warm`]: a file was opened; read it ahead.
    pub const WARM: &str = "_brisk/warm";
    /// Notification [`crate::FeltRecord`]: what a turn felt like, once it is over.
    pub const FELT: &str = "_brisk/felt";
    /// Request [`super::UndoRequest`] -> [`super::UndoReply`].
    pub const UNDO: &str = "_brisk/undo";
    /// Request [`super::RepoRequest`] -> [`super::UndoReply`].
    pub const REDO: &str = "_brisk/redo";
    /// Request [`super::RepoRequest`] -> [`super::RepoStatus`].
    pub const STATUS: &str = "_brisk/status";
    /// Request [`super::LogRequest`] -> [`super::LogReply`].
    pub const LOG: &str = "_brisk/log";
    /// Request [`super::CompleteRequest`] -> [`super::CompleteReply`]: places for a begun target.
    pub const COMPLETE: &str = "_brisk/complete";
    /// Request [`super::RepoRequest`] -> [`super::SessionsReply`]: sessions that began in this folder.
    pub const SESSIONS: &str = "_brisk/sessions";
    /// Request [`super::NoParams`] -> [`super::Limits`]: bounds of a turn.
    pub const LIMITS: &str = "_brisk/limits";
    /// Request [`super::RepoRequest`] -> [`super::QuotaReply`]: what is left where the person set limits.
    pub const QUOTA: &str = "_brisk/quota";
    /// Request [`super::Amend`] -> null: other text in place of what a ready hunk adds.
    pub const AMEND: &str = "_brisk/amend";
    /// Request [`super::NoParams`] -> [`super::ModelsReply`].
    pub const MODELS: &str = "_brisk/models";
    /// Request [`super::NoParams`] -> [`super::DaemonStatus`].
    pub const DAEMON: &str = "_brisk/daemon";
    /// Request [`super::NoParams`] -> null: the daemon ends after it answered.
    pub const SHUTDOWN: &str = "_brisk/shutdown";
}

/// Key below `_meta` of `session/prompt` that holds [`PromptExtras`].
pub const BRISK_META: &str = "brisk";

/// Key below `_meta` of the answer to `initialize`: marks of what the daemon read when it began. Their form is the
/// daemon's own affair.
pub const BEGAN_META: &str = "brisk.began";

/// No parameters.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct NoParams {}

/// One event of a session with its place in the log. Numbers of one session have no gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Which session.
    pub session_id: SessionId,
    /// From 1.
    pub seq: u64,
    /// Microseconds of CLOCK_MONOTONIC when the daemon made it.
    pub at_us: u64,
    /// What happened.
    pub event: Event,
}

/// What `session/prompt` carries beyond its text, below `_meta.brisk`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PromptExtras {
    /// `FILE`, `FILE:A-B` or `FILE:SYMBOL`, relative to the session's working directory. Empty: Brisk finds the place.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Edit or ask; unsaid, it is an edit.
    #[serde(default)]
    pub intent: Intent,
    /// A model named by the person.
    #[serde(default)]
    pub model: Option<ModelId>,
    /// A lane named by the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// How much waiting matters, where the person said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// Keep every hunk as soon as the turn ends well.
    #[serde(default)]
    pub auto_keep: bool,
}

/// A place in a file; lines are 1-based and inclusive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Path below the repository root.
    pub path: String,
    /// First line.
    pub first: usize,
    /// Last line.
    pub last: usize,
}

/// Names a session.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRef {
    /// Which.
    pub session_id: SessionId,
}

/// Which hunks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HunkSet {
    /// Every one that is still offered.
    All,
    /// These.
    Ids(Vec<HunkId>),
}

/// Keep or reject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decide {
    /// Which session.
    pub session_id: SessionId,
    /// Which hunks.
    pub hunks: HunkSet,
}

/// What came of keep or reject.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Decided {
    /// Written to disk.
    pub kept: Vec<HunkId>,
    /// Dropped.
    pub rejected: Vec<HunkId>,
    /// Not written: the file changed underneath; with the reason.
    pub conflicted: Vec<(HunkId, String)>,
    /// Asked for by number and not on offer: decided before, or never there.
    #[serde(default)]
    pub missing: Vec<HunkId>,
}

/// A prompt outside of `session/prompt`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Steer {
    /// Which session.
    pub session_id: SessionId,
    /// The person's words.
    pub text: String,
    /// As with `session/prompt`.
    #[serde(default)]
    pub extras: PromptExtras,
}

/// Takes queued prompts back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unqueue {
    /// Which session.
    pub session_id: SessionId,
    /// The words of the prompt; of several that are the same, the newest. None: every one.
    #[serde(default)]
    pub text: Option<String>,
}

/// The answer to [`Unqueue`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unqueued {
    /// Words of the prompts that were taken back, oldest first.
    pub taken: Vec<String>,
}

/// Join a session, from an event on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resume {
    /// Which session.
    pub session_id: SessionId,
    /// First number wanted, from 1.
    pub from: u64,
}

/// The answer to [`Resume`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Resumed {
    /// Last number at this moment; everything up to it is sent before anything newer. Below `from` - 1 only where
    /// the log has lost its end (a power cut, a full disk): then events go on from `last` + 1.
    pub last: u64,
}

/// A file was opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warm {
    /// Which session.
    pub session_id: SessionId,
    /// Relative to the session's working directory.
    pub path: String,
}

/// Names a repository by a folder inside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RepoRequest {
    /// Absolute.
    pub cwd: PathBuf,
}

/// What to undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum UndoWhat {
    /// The newest operation that is not undone.
    Last,
    /// One operation of `log`.
    Op {
        /// Its number.
        op: u64,
    },
    /// Everything that one turn wrote.
    Turn {
        /// Whose.
        session: SessionId,
        /// Which.
        turn: TurnId,
    },
    /// One hunk.
    Hunk {
        /// Whose.
        session: SessionId,
        /// Which.
        hunk: HunkId,
    },
}

/// Undo in a repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UndoRequest {
    /// Absolute.
    pub cwd: PathBuf,
    /// What.
    #[serde(flatten)]
    pub what: UndoWhat,
}

/// What undo or redo did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoReply {
    /// The operation that this made; none if nothing could be written.
    pub op: Option<u64>,
    /// The person's words of the edits concerned, newest first.
    pub notes: Vec<String>,
    /// Files that changed.
    pub files: Vec<String>,
    /// What stays as it is, with the reason.
    pub conflicts: Vec<String>,
}

/// State of a repository as Brisk sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepoStatus {
    /// Its root.
    pub root: PathBuf,
    /// Tree of the files as they are (git object id of the shadow snapshot).
    pub tree: String,
    /// Where that tree stands, by the ledger.
    pub state: TreeState,
    /// Edits that are in effect and can be undone.
    pub undoable: usize,
    /// The newest operation's words.
    pub last: Option<String>,
    /// Something that recovery did when the repository was opened.
    pub recovered: Option<String>,
}

/// Asks for the operations of a repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogRequest {
    /// Absolute.
    pub cwd: PathBuf,
    /// Newest first, at most so many.
    pub limit: usize,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its number.
    pub op: u64,
    /// `edit`, `undo` or `redo`.
    pub kind: String,
    /// The person's words.
    pub note: String,
    /// Files it changed.
    pub files: Vec<String>,
    /// Seconds since 1970.
    pub at: u64,
    /// Whether all of it is undone at present.
    pub undone: bool,
}

/// The answer to [`LogRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogReply {
    /// Newest first.
    pub entries: Vec<LogEntry>,
}

/// One model as the daemon knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelState {
    /// Its name.
    pub id: ModelId,
    /// `embedded` or the base URL.
    pub source: String,
    /// Usable now.
    pub ready: bool,
    /// `loaded`, `on disk`, `not fetched`, a fault, ...
    pub state: String,
}

/// The answer to `_brisk/models`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelsReply {
    /// In the order in which the fast lane tries them.
    pub models: Vec<ModelState>,
}

/// The daemon about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Version of the binary.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Seconds since it began.
    pub up_s: u64,
    /// Open sessions.
    pub sessions: usize,
    /// Connected clients.
    pub clients: usize,
    /// It works on something that goes on without a client.
    #[serde(default)]
    pub busy: bool,
    /// Resident memory, bytes.
    pub rss: u64,
    /// Address of the WebSocket door.
    pub websocket: Option<String>,
}

/// Asks for places whose names fit what was typed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompleteRequest {
    /// Absolute.
    pub cwd: PathBuf,
    /// A begun `FILE`, `FILE:SYMBOL` or `FILE:A-B`; letters may be left out.
    pub query: String,
    /// At most so many.
    pub limit: usize,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// As a target, see [`PromptExtras::targets`].
    pub target: String,
    /// What it is, in a few words; may be empty.
    pub detail: String,
}

/// The answer to [`CompleteRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompleteReply {
    /// Best first.
    pub items: Vec<Completion>,
}

/// One session of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionSummary {
    /// Its number.
    pub session_id: SessionId,
    /// Number of its last event.
    pub last: u64,
    /// When it was made, microseconds since 1970.
    pub made_us: u64,
    /// The daemon holds it: what runs and what is on offer in it is there. Else it comes from the log alone.
    pub held: bool,
}

/// Sessions of a folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionsReply {
    /// Newest first, without those in which nothing happened.
    pub sessions: Vec<SessionSummary>,
}

/// Bounds of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Files that a patch may change.
    pub max_files: usize,
    /// Lines that a patch may add and remove together.
    pub max_lines: usize,
}

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaBound {
    /// Requests in any minute.
    Requests,
    /// Tokens in any minute.
    Tokens,
    /// Micro-dollars in any 24 hours.
    Money,
}

/// Whose quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaOf {
    /// A lane's.
    Lane(Lane),
    /// A model's.
    Model(ModelId),
}

/// What is left of one limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaLeft {
    /// Whose.
    pub of: QuotaOf,
    /// Of what.
    pub bound: QuotaBound,
    /// So much is left at this moment.
    pub left: u64,
    /// Of so much.
    pub limit: u64,
}

/// What is left of every limit that the policies of a folder set; empty without any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QuotaReply {
    /// Lanes first.
    pub left: Vec<QuotaLeft>,
}

/// The person's own text for a ready hunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amend {
    /// Which session.
    pub session_id: SessionId,
    /// Which hunk; it must be on offer.
    pub hunk: HunkId,
    /// What it adds from now on, lines without terminators.
    pub added: Vec<String>,
}
