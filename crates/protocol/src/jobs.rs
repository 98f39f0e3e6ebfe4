//! Delegated work on the wire: the `_brisk/jobs/*` methods and what they carry.

use brisk_domain::evidence::Tree;
use brisk_domain::job::{End, JobState, PatchSize, Rivalry, Step};
use brisk_domain::parts::{Scope, Standing};
use brisk_domain::spending::{Budget, Spent};
use brisk_domain::{JobId, ModelId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Method names.
pub mod method {
    /// What they all begin with.
    pub const PREFIX: &str = "_brisk/jobs/";
    /// Request [`super::Delegate`] -> [`super::Delegated`]: takes a job in. It is on disk when the answer comes.
    pub const DELEGATE: &str = "_brisk/jobs/delegate";
    /// Request [`super::JobList`] -> [`super::JobsReply`].
    pub const LIST: &str = "_brisk/jobs/list";
    /// Request [`super::Watch`] -> [`super::Watched`]: answers once something has changed.
    pub const WATCH: &str = "_brisk/jobs/watch";
    /// Notification [`super::JobsNews`]: jobs of a repository began, ended or were decided about.
    pub const NEWS: &str = "_brisk/jobs/news";
    /// Request [`super::StepsRequest`] -> [`super::StepsReply`].
    pub const LOG: &str = "_brisk/jobs/log";
    /// Request [`super::AttemptRef`] -> [`super::DiffReply`].
    pub const DIFF: &str = "_brisk/jobs/diff";
    /// Request [`super::JobSteer`] -> [`super::Steered`]: words for every attempt, between two of its steps.
    pub const STEER: &str = "_brisk/jobs/steer";
    /// Request [`super::JobRef`] -> null: puts a job aside where it is.
    pub const PAUSE: &str = "_brisk/jobs/pause";
    /// Request [`super::JobRef`] -> null: lets a job go on that was put aside.
    pub const RESUME: &str = "_brisk/jobs/resume";
    /// Request [`super::JobRef`] -> null: stops a job.
    pub const CANCEL: &str = "_brisk/jobs/cancel";
    /// Request [`super::Merge`] -> [`super::Merged`].
    pub const MERGE: &str = "_brisk/jobs/merge";
    /// Request [`super::JobRef`] -> null: what a job made is not wanted.
    pub const DROP: &str = "_brisk/jobs/drop";
}

/// A task that is handed over.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Delegate {
    /// Absolute.
    pub cwd: PathBuf,
    /// The person's words.
    pub text: String,
    /// Files that it is about, relative to `cwd`.
    pub files: Vec<String>,
    /// How many attempts; none: one for each model, or one.
    pub attempts: Option<u32>,
    /// Who tries, in turn; none: Brisk chooses.
    pub models: Vec<ModelId>,
    /// A revision to start from; none: HEAD.
    pub base: Option<String>,
    /// Start from the worktree as it is, with what is not committed.
    pub with_draft: bool,
    /// How often the checks may run for each attempt.
    pub rounds: Option<u32>,
    /// Minutes until an attempt ends.
    pub minutes: Option<u32>,
    /// Lines that the patch may add and remove.
    pub lines: Option<usize>,
    /// What all attempts together may take.
    pub budget: Budget,
    /// What a proven attempt means for the others.
    pub rivalry: Rivalry,
    /// Ask a model for parts that need nothing of each other; each has an attempt of its own.
    pub split: bool,
    /// The parts, where the person divides it: no model is asked for them.
    pub parts: Vec<PartWish>,
    /// Settle for a sandbox without all of its parts.
    pub degraded: bool,
}

/// One part of a task, as the person wants it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PartWish {
    /// What is to be done.
    pub text: String,
    /// Files and folders that it may change, relative to `cwd`. No two parts may name the same.
    pub files: Vec<String>,
}

/// The answer to [`Delegate`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delegated {
    /// Its number.
    pub job: JobId,
    /// Who tries: one attempt for each.
    pub models: Vec<ModelId>,
    /// What it starts from.
    pub base: Tree,
}

/// Names a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRef {
    /// Which.
    pub job: JobId,
}

/// Names an attempt of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRef {
    /// Which job.
    pub job: JobId,
    /// Which attempt; none: the one that won, else the best.
    #[serde(default)]
    pub attempt: Option<u32>,
}

/// Asks for jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobList {
    /// Of the repository around this folder; none: of all.
    #[serde(default)]
    pub cwd: Option<PathBuf>,
    /// At most so many, the newest first.
    pub limit: usize,
}

/// One attempt, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptView {
    /// Counted from 1.
    pub number: u32,
    /// Of a divided job: at which part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// Who tries.
    pub model: ModelId,
    /// What it does now, in a few words; empty when it is over or waits.
    pub doing: String,
    /// Completed steps.
    pub steps: u64,
    /// How often the checks ran.
    pub rounds: u64,
    /// Tokens that it took, read and written.
    pub tokens: u64,
    /// Micro-dollars that it took, where the model's price is known.
    #[serde(default)]
    pub micros: u64,
    /// How it goes about it, where the same model tries more than once; else empty.
    #[serde(default)]
    pub strategy: String,
    /// What its model says that it is about to do; empty if it did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<String>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// One job, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobView {
    /// Its number.
    pub job: JobId,
    /// Root of its repository.
    pub root: PathBuf,
    /// The person's words.
    pub text: String,
    /// What it starts from.
    pub base: Tree,
    /// When it was handed over, microseconds since 1970.
    pub made_us: u64,
    /// Where it stands.
    pub state: JobState,
    /// The person has put it aside.
    #[serde(default)]
    pub paused: bool,
    /// Its change was merged, and an undo took that back since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undone: bool,
    /// What all attempts together may take.
    #[serde(default)]
    pub budget: Budget,
    /// What they took.
    #[serde(default)]
    pub spent: Spent,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptView>,
    /// Of a divided job: its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitView>,
}

/// The parts of a divided job, and what becomes of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitView {
    /// In order; empty while a model is asked for them.
    pub parts: Vec<PartView>,
    /// What is done now beside the attempts, in a few words; empty if nothing is.
    pub doing: String,
}

/// One part, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartView {
    /// Counted from 1.
    pub number: u32,
    /// What is to be done.
    pub text: String,
    /// What it may change.
    pub files: Vec<Scope>,
    /// Where it stands.
    #[serde(flatten)]
    pub standing: Standing,
}

/// The answer to [`JobList`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobsReply {
    /// The newest first.
    pub jobs: Vec<JobView>,
}

/// One job in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobBrief {
    /// Its number.
    pub job: JobId,
    /// The first line of the person's words, cut.
    pub text: String,
    /// Where it stands.
    pub state: JobState,
    /// An attempt of it runs now; an open one that does not waits for others.
    pub running: bool,
}

/// The newest jobs of a repository. What each attempt does is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobsNews {
    /// Root of the repository.
    pub root: PathBuf,
    /// The newest first.
    pub jobs: Vec<JobBrief>,
}

/// Waits for news of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Which.
    pub job: JobId,
    /// The `version` of the last answer; 0: answer at once.
    pub seen: u64,
}

/// The answer to [`Watch`]; after some seconds it comes without news, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// For the next question.
    pub version: u64,
    /// As it is now.
    pub job: JobView,
}

/// Asks for the steps of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepsRequest {
    /// Which job.
    pub job: JobId,
    /// Which attempt.
    pub attempt: u32,
    /// From this step on, counted from 1.
    pub from: u64,
}

/// One step with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    /// Counted from 1, without a gap.
    pub seq: u64,
    /// When it was completed, microseconds since 1970.
    pub at_us: u64,
    /// What happened.
    pub step: Step,
    /// Of an answer: what was refused of it, as its model was told; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// The answer to [`StepsRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepsReply {
    /// In order.
    pub steps: Vec<StepView>,
}

/// The answer to a request for a diff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiffReply {
    /// Whose change.
    pub attempt: u32,
    /// Against the base.
    pub size: PatchSize,
    /// A unified diff without lines of context.
    pub text: String,
}

/// Words for a job that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSteer {
    /// Which.
    pub job: JobId,
    /// The person's words.
    pub text: String,
}

/// The answer to words for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steered {
    /// Who hears them.
    pub hears: Hears,
}

/// Who hears what a person says to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hears {
    /// Attempts that work, each after its step, unless that step proves its change.
    AfterStep,
    /// Nobody works: what all parts come to is checked. An attempt hears them that has to mend it; where it passes,
    /// nobody does.
    IfRed,
}

/// Asks to bring what a job made into the worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// Absolute; of the job's repository.
    pub cwd: PathBuf,
    /// Which.
    pub job: JobId,
}

/// What came of [`Merge`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "merge", rename_all = "snake_case")]
pub enum Merged {
    /// It is in the worktree.
    Done {
        /// The operation that wrote it (`_brisk/undo`).
        op: u64,
        /// Files that changed.
        files: Vec<String>,
        /// Those of them that git ignores: no part of what was verified, and of what ships.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
        /// The worktree is exactly what was verified.
        verified: bool,
        /// Why it would not ship all the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        withheld: Option<String>,
    },
    /// The worktree differs from the job's base, and nobody has verified what the two come to. Verify this tree, then ask
    /// again.
    Unverified {
        /// Which.
        tree: Tree,
        /// Files of the job that are not in it, because git ignores them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
    },
    /// Something is in the way of the change; nothing was written.
    Conflicts {
        /// Which.
        conflicts: Vec<Clash>,
    },
    /// The worktree has all of it already; the job counts as merged.
    Nothing,
}

/// A place where the change does not fit: both sides changed it, or its file has gone, or is there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clash {
    /// The file, below the root.
    pub path: String,
    /// Why the change does not fit.
    pub why: String,
    /// What the job made, as a diff; empty where it is not about lines.
    pub diff: String,
    /// Where the place is now, counted from 1.
    pub line: usize,
    /// What stands there now; empty where lines were taken away.
    pub here: String,
}
