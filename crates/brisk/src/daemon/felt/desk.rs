//! The thread behind the felt store. Telemetry is never in the way: a store that cannot be used is said once and then
//! left alone.

use super::{Exporter, Job, Moment};
use crate::daemon::note;
use brisk_domain::{HunkId, SessionId, TurnId};
use brisk_protocol::FeltRecord;
use brisk_store::{FeltStore, StoreError};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// A handle to the thread. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    /// None: nothing is stored and nothing is sent.
    jobs: Option<Sender<Job>>,
}

/// A request at a model; when the last part of the model that holds it lets go, the desk is told.
#[derive(Debug)]
pub(crate) struct Held {
    desk: Desk,
    session: SessionId,
    turn: TurnId,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.desk.send([Job::LetGo {
            session: self.session,
            turn: self.turn,
            at_us: crate::daemon::now().0,
        }]);
    }
}

impl Desk {
    /// A desk that does nothing.
    pub(crate) fn none() -> Desk {
        Desk { jobs: None }
    }

    /// Opens the store in `dir`, deletes what is older than `keep_days`, and starts the thread, which runs until
    /// [`Desk::close`]. With `keep_days` 0 nothing is stored.
    pub(crate) fn start(
        dir: &Path,
        keep_days: u32,
        export: Option<Exporter>,
    ) -> std::io::Result<(Desk, Option<JoinHandle<()>>)> {
        let store = match keep_days {
            0 => None,
            days => open(dir, days)
                .inspect_err(|e| note(&format!("figures of turns are not kept: {e}")))
                .ok(),
        };
        if store.is_none() && export.is_none() {
            return Ok((Desk::none(), None));
        }
        let (jobs, inbox) = channel();
        let thread = std::thread::Builder::new()
            .name("felt".into())
            .spawn(move || work(store, export.as_ref(), &inbox))?;
        Ok((Desk { jobs: Some(jobs) }, Some(thread)))
    }

    /// Queues jobs. Never waits.
    pub(crate) fn send(&self, jobs: impl IntoIterator<Item = Job>) {
        let Some(desk) = &self.jobs else { return };
        for job in jobs {
            // A failed send means that the daemon is going.
            let _ = desk.send(job);
        }
    }

    /// Ends the thread once everything queued so far is written. A model may still hold a handle then.
    pub(crate) fn close(&self) {
        self.send([Job::End]);
    }

    /// What a client felt.
    pub(crate) fn client(&self, record: FeltRecord) {
        self.send([Job::Client(Box::new(record))]);
    }

    /// Hunks that an undo took out.
    pub(crate) fn undone(&self, hunks: impl IntoIterator<Item = (SessionId, HunkId)>) {
        let at_us = crate::daemon::now().0;
        self.send(
            hunks
                .into_iter()
                .map(|(session, hunk)| Job::Undone { session, hunk, at_us }),
        );
    }

    /// To be kept as long as a model works on a request of this turn.
    pub(crate) fn hold(&self, of: Option<(SessionId, TurnId)>) -> Option<Held> {
        let (session, turn) = of?;
        Some(Held {
            desk: self.clone(),
            session,
            turn,
        })
    }
}

fn open(dir: &Path, keep_days: u32) -> Result<FeltStore, StoreError> {
    let mut store = FeltStore::open(dir)?;
    if let Some(aside) = store.set_aside() {
        note(&format!(
            "the figures of turns were damaged ({}); they lie in {} and new ones begin",
            aside.why,
            aside.path.display()
        ));
    }
    let keep_us = u64::from(keep_days) * 86_400_000_000;
    store.delete_before(Moment::take().wall_us.saturating_sub(keep_us))?;
    Ok(store)
}

fn work(mut store: Option<FeltStore>, export: Option<&Exporter>, inbox: &Receiver<Job>) {
    while let Ok(job) = inbox.recv()
        && !matches!(job, Job::End)
    {
        if let (Job::Turn(done), Some(export)) = (&job, export) {
            export.offer(done);
        }
        if let Some(open) = &mut store
            && let Err(error) = write(open, job)
        {
            note(&format!("figures of turns are kept no more: {error}"));
            store = None;
        }
    }
}

fn write(store: &mut FeltStore, job: Job) -> Result<(), StoreError> {
    match job {
        Job::End => Ok(()),
        Job::Turn(done) => store.turn(&done.felt),
        Job::Client(record) => store.client(&record).map(drop),
        Job::Outcome {
            session,
            hunk,
            outcome,
        } => store.outcome(session, hunk, outcome),
        Job::Undone { session, hunk, at_us } => store.undone(session, hunk, at_us),
        Job::LetGo { session, turn, at_us } => store.stopped(session, turn, at_us),
    }
}
