//! What Brisk remembers, in SQLite files: the event log (what every session told its clients, with gapless sequence
//! numbers, and the newest of it as plain lines), the felt store (how long turns took and what became of their hunks; no words, no code), delegated jobs, what
//! the person said about repositories, and what requests took of the quotas. Beside them the gate's ledger, which is a plain file of lines, so that it can travel.
//!
//! Synchronous: the daemon gives each a thread of its own. Clients that come back name the last number they saw and
//! get the rest ([`EventLog::read_from`]).

mod error;
pub mod felt;
mod jobs;
mod ledger;
mod log;
mod open;
mod quota;
mod tail;
mod trust;

pub use error::StoreError;
pub use felt::FeltStore;
pub use jobs::{Claim, JobLine, JobRow, JobStore, StepRow};
pub use ledger::LedgerFile;
pub use log::{EventLog, Logged, Seq, SessionInfo};
pub use open::SetAside;
pub use quota::{QuotaChange, QuotaRow, QuotaStore};
pub use tail::Tail;
pub use trust::{TrustRow, TrustStore};
