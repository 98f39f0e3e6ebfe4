//! The nouns of Brisk: ids, lanes, shapes, routes, commands, events, and the port that models stand behind.
//!
//! No tokio, no I/O, no clock, no randomness: time comes in as [`Now`], ids from counters.

mod cancel;
mod command;
mod event;
pub mod evidence;
mod ids;
pub mod job;
pub mod parts;
pub mod port;
mod route;
mod said;
pub mod spending;
pub mod tool;

pub use brisk_patch as patch;
pub use cancel::CancelReason;
pub use command::{Command, HunkSelector, Prompt, Target};
pub use event::{Event, Failure, HunkState, LineKind, Settled, StopReason};
pub use ids::{EffectId, HunkId, JobId, ModelId, Now, SessionId, TurnId};
pub use route::{Candidate, EditFormat, Intent, Lane, Latency, Reason, Route};
