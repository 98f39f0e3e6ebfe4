//! Writing down what was completed. Where there is no room for it, the attempt waits for room and not for another answer:
//! this one was paid for.

use super::ask::Line;
use super::attempt::Halted;
use super::note;
use brisk_domain::job::Step;
use brisk_store::StoreError;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(2);

impl Line<'_> {
    /// Puts step `seq` of `number` on disk. It counts from then on.
    pub(super) fn keep(&self, number: u32, seq: u64, step: &Step) -> Result<(), Halted> {
        let mut told = false;
        loop {
            let written = self.jobs.store().append(&self.held.claim, number, seq, step);
            let Err(e) = written else {
                return Ok(());
            };
            if !told {
                note(&format!("{}: {e}", self.id));
                told = true;
            }
            if !may_pass(&e) {
                return Err(Halted);
            }
            self.doing(&format!("waits: {e}"));
            match self.inbox.recv_timeout(PAUSE) {
                Ok(note) => self.heard(note)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Halted),
            }
        }
    }
}

/// Whether the same can be written later. Else it is somebody else's job by now, or whoever claims it next does better.
fn may_pass(e: &StoreError) -> bool {
    match e {
        StoreError::DiskFull { .. }
        | StoreError::Busy { .. }
        | StoreError::Io { .. }
        | StoreError::Sqlite { .. } => true,
        StoreError::Corrupt { .. }
        | StoreError::TooNew { .. }
        | StoreError::NoSession { .. }
        | StoreError::NoJob { .. }
        | StoreError::Fenced { .. }
        | StoreError::NotThen { .. }
        | StoreError::BadJob { .. }
        | StoreError::BadEvent { .. } => false,
    }
}
