//! The event log: what every session told its clients, with gapless sequence numbers, in one SQLite file.
//!
//! Synchronous: the daemon gives it a thread of its own. Clients that come back name the last number they saw and
//! get the rest ([`EventLog::read_from`]).

mod error;
mod log;
mod open;

pub use error::StoreError;
pub use log::{EventLog, Logged, Seq, SessionInfo};
pub use open::SetAside;
