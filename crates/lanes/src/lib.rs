//! The session, and an attempt at delegated work, as pure reducers. No tokio, no I/O, no clock, no randomness: inputs
//! and moments in, effects out.

mod attempt;
mod check;
pub mod checks;
mod io;
mod limits;
mod mention;
pub mod place;
mod prompt;
mod session;
pub mod slow;

pub use io::{Before, Denied, Effect, Gathered, Hint, Input, Reach, Wrote};
pub use limits::Limits;
pub use prompt::{open_file_request, open_request};
pub use session::{Recalled, Session, edits_first};
