//! Writing down what was completed. Where there is no room for it, the attempt waits for room and not for another answer:
//! this one was paid for.

use super::ask::Line;
use super::attempt::Halted;
use super::note;
use crate::exit::{CliError, Exit};
use brisk_domain::job::Step;
use brisk_store::StoreError;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(2);

impl Line<'_> {
    /// What the person has said to `number` since, written down as its steps from `seq` on.
    pub(super) fn hear(&self, number: u32, seq: u64) -> Result<Vec<Step>, Halted> {
        let heard = self.jobs.store().hear(&self.held.claim, number, seq);
        heard.map_err(|e| {
            note(&format!("{}: {e}", self.id));
            Halted
        })
    }

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
            self.rests(&e.to_string())?;
        }
    }

    /// Whether work failed only for want of room, and may be tried again: then some time has passed. What is to be
    /// checked waits for room as an answer does, for as long as the job has time.
    pub(super) fn waits_for_room(&self, e: &CliError) -> Result<bool, Halted> {
        let waits = e.exit == Exit::Disk && !self.left().is_zero();
        if waits {
            self.rests(&e.message)?;
        }
        Ok(waits)
    }

    fn rests(&self, why: &str) -> Result<(), Halted> {
        self.doing(&format!("waits: {why}"));
        match self.inbox.recv_timeout(PAUSE) {
            Ok(note) => self.heard(note),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(Halted),
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
