//! Evidence and policy to a verdict. The only maker of a [`Promotable`] and of attestations.
//!
//! Whether a tree is verified is a function over a ledger ([`Ledger::state`]), never a flag: an edit makes another
//! tree, which is a draft by definition, and undoing it makes it verified again. Nothing here runs, reads or writes
//! anything; the shell brings bytes and time.

mod chain;
pub mod checks;
mod detect;
mod digest;
mod envelope;
mod flags;
mod keys;
mod ledger;
mod policy;
mod promotable;
pub mod report;
mod ssh;
mod state;
mod statement;
mod verdict;

pub use chain::{ChainError, Head, Tail};
pub use detect::{Found, VENV, propose};
pub use digest::{brief, digest};
pub use envelope::{Envelope, EnvelopeError};
pub use flags::{Change, flags, shows_tests};
pub use keys::{KeyError, Keyring, PublicKey, SigningKey, Signs};
pub use ledger::{Adopted, Ledger, LedgerError, Recorded, Trust};
pub use policy::{Check, Parse, Policy, PolicyError};
pub use promotable::{Promotable, Refusal, Why};
pub use ssh::{SshKey, SshKeyError};
pub use state::{CheckState, Level, Reason, State};
pub use statement::{Act, Statement};
pub use verdict::{Doubt, Red, Verdict};
