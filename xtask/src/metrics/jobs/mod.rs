//! Delegated work: what it costs the person's own edits, how fast it begins and ends, how much of it runs side by side,
//! and what kills leave of it.

mod beside;
mod cancel;
mod first;
mod kills;
mod log;
mod pace;
mod processes;
mod site;

pub(super) use beside::hands;
pub(super) use cancel::all_stopped;
pub(super) use first::request;
pub(super) use kills::survived;
pub(super) use pace::side_by_side;
