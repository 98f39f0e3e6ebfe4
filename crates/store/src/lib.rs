//! What Brisk remembers, in SQLite files: the event log (what every session told its clients, with gapless sequence
//! numbers) and the felt store (how long turns took and what became of their hunks; no words, no code).
//!
//! Synchronous: the daemon gives each a thread of its own. Clients that come back name the last number they saw and
//! get the rest ([`EventLog::read_from`]).

mod error;
pub mod felt;
mod log;
mod open;

pub use error::StoreError;
pub use felt::FeltStore;
pub use log::{EventLog, Logged, Seq, SessionInfo};
pub use open::SetAside;
