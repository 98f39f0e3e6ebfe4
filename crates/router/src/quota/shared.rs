//! The ledger for many callers at once.

use super::{Amount, Ask, Lease, Ledger, Short};
use brisk_domain::Now;
use std::sync::{Mutex, PoisonError};

/// A ledger behind a lock. What is held under it is arithmetic, never a wait.
#[derive(Debug, Default)]
pub struct Quotas(Mutex<Ledger>);

impl Quotas {
    /// For these accounts.
    pub fn new(ledger: Ledger) -> Quotas {
        Quotas(Mutex::new(ledger))
    }

    /// Does something with the ledger. A caller that panicked left it whole: every change is one call.
    pub fn with<T>(&self, f: impl FnOnce(&mut Ledger) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// See [`Ledger::borrow`].
    ///
    /// # Errors
    /// As there.
    pub fn borrow(&self, ask: &Ask<'_>, now: Now) -> Result<Lease, Short> {
        self.with(|ledger| ledger.borrow(ask, now))
    }

    /// See [`Ledger::settle`].
    pub fn settle(&self, lease: Lease, used: Amount, now: Now) {
        self.with(|ledger| ledger.settle(lease, used, now));
    }
}
