//! The event log behind the sessions: numbers are given at once in memory, a thread writes in batches.

use brisk_domain::{Event, SessionId};
use brisk_protocol::Envelope;
use brisk_store::{EventLog, Seq};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

enum Job {
    Append(Envelope),
    Flush(oneshot::Sender<()>),
}

/// A handle to the log's writer. Clones share it.
#[derive(Clone)]
pub(crate) struct Log {
    jobs: Sender<Job>,
    reader: Arc<Mutex<EventLog>>,
}

impl Log {
    /// Starts the thread that writes with `writer`. It ends when every handle is gone and what they sent is written.
    pub(crate) fn start(
        mut writer: EventLog,
        reader: EventLog,
    ) -> std::io::Result<(Log, std::thread::JoinHandle<()>)> {
        let (jobs, inbox) = channel();
        let thread = std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write(&mut writer, &inbox))?;
        Ok((
            Log {
                jobs,
                reader: Arc::new(Mutex::new(reader)),
            },
            thread,
        ))
    }

    /// Calls `f` with the log on a blocking thread.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut EventLog) -> Result<T, brisk_store::StoreError> + Send + 'static,
    ) -> Result<T, String> {
        let reader = Arc::clone(&self.reader);
        let done = tokio::task::spawn_blocking(move || {
            f(&mut reader.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }

    /// Queues an event for writing. Never waits.
    pub(crate) fn append(&self, envelope: Envelope) {
        // A failed send means that the daemon is going and the writer has ended.
        let _ = self.jobs.send(Job::Append(envelope));
    }

    /// Waits until everything queued before this call is on disk.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.jobs.send(Job::Flush(done)).is_ok() {
            let _ = wait.await;
        }
    }

    /// Reads events of a session from a number on, at most `limit`.
    pub(crate) async fn read(
        &self,
        session: SessionId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Envelope>, String> {
        let events = self
            .with(move |log| log.read_from(session, Seq(from), limit))
            .await?;
        let envelope = |e: brisk_store::Logged| Envelope {
            session_id: session,
            seq: e.seq.0,
            at_us: e.at_us,
            event: e.event,
        };
        Ok(events.into_iter().map(envelope).collect())
    }
}

/// Writes what has queued up as one transaction a session; the first of a batch waits for nobody.
fn write(store: &mut EventLog, inbox: &Receiver<Job>) {
    const BATCH: usize = 2_000;
    let mut failed = false;
    while let Ok(first) = inbox.recv() {
        let mut batch: Vec<Envelope> = Vec::new();
        let mut flushes = Vec::new();
        let mut take = |job| match job {
            Job::Append(envelope) => batch.push(envelope),
            Job::Flush(done) => flushes.push(done),
        };
        take(first);
        let mut n = 1;
        while n < BATCH
            && let Ok(job) = inbox.try_recv()
        {
            take(job);
            n += 1;
        }
        while let Some(session) = batch.first().map(|e| e.session_id) {
            let (mine, rest): (Vec<_>, Vec<_>) = batch.drain(..).partition(|e| e.session_id == session);
            batch = rest;
            let events: Vec<(u64, Event)> = mine.into_iter().map(|e| (e.at_us, e.event)).collect();
            if let Err(error) = store.append(session, &events) {
                // Said once: the session goes on, what it shows is not lost, only a later resume is.
                if !std::mem::replace(&mut failed, true) {
                    super::note(&format!("the event log cannot be written: {error}"));
                }
            }
        }
        for done in flushes {
            // A failed send means that whoever waited has gone.
            let _ = done.send(());
        }
    }
}
