//! The subset of the Responses API that Brisk speaks, as client and as server: one JSON object is a frame of a
//! WebSocket or the data of a server-sent event.
//!
//! Reading is tolerant: unknown events, items and fields are skipped, `null` is absence. Writing is strict: what is
//! not meant is not written.

mod event;
mod limits;
mod request;

pub use event::{Failure, Item, Output, Place, ServerEvent, TURN_STATE, Terminal, TokenUsage, Unreadable};
pub use limits::{Limit, RateLimits};
pub use request::{ClientFrame, Content, Create, InputItem, Interrupt, Reasoning, Role};
