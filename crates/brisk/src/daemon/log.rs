//! The event log behind the sessions: numbers are given at once, the line of an event is with the kernel before anybody
//! is told of it, and a thread writes to the database in batches.

use brisk_domain::{Event, SessionId};
use brisk_protocol::Envelope;
use brisk_store::{EventLog, Seq, Tail};
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::oneshot;

enum Job {
    Append(Envelope),
    Flush(oneshot::Sender<()>),
}

/// A handle to the log's writer. Clones share it.
#[derive(Clone)]
pub(crate) struct Log {
    front: Arc<Mutex<Front>>,
    reader: Arc<Mutex<EventLog>>,
}

/// Where events go in. One lock over line and queue, so that the writer knows when it has all lines.
struct Front {
    jobs: Sender<Job>,
    tail: Tail,
    /// Events so far.
    appended: u64,
    pushing: Trouble,
    settling: Trouble,
}

/// Whether something failed when it was last tried.
#[derive(Default)]
struct Trouble(bool);

impl Trouble {
    /// What to say: once for all failures in a row.
    fn heard(&mut self, outcome: std::io::Result<()>) -> Option<std::io::Error> {
        let before = std::mem::replace(&mut self.0, outcome.is_err());
        outcome.err().filter(|_| !before)
    }
}

fn lock(front: &Mutex<Front>) -> MutexGuard<'_, Front> {
    // Each field is whole at any moment: a panic elsewhere cannot leave it half changed.
    front.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    /// Starts the thread that writes with `writer`. It ends when every handle is gone and what they sent is written.
    pub(crate) fn start(
        mut writer: EventLog,
        tail: Tail,
        reader: EventLog,
    ) -> std::io::Result<(Log, std::thread::JoinHandle<()>)> {
        let (jobs, inbox) = channel();
        let front = Arc::new(Mutex::new(Front {
            jobs,
            tail,
            appended: 0,
            pushing: Trouble::default(),
            settling: Trouble::default(),
        }));
        // Weak: the writer ends when every handle is gone.
        let lines = Arc::downgrade(&front);
        let thread = std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write(&mut writer, &inbox, &lines))?;
        Ok((
            Log {
                front,
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

    /// Hands an event to the kernel and queues it for the database. Never waits for the latter.
    pub(crate) fn append(&self, envelope: Envelope) {
        let mut front = lock(&self.front);
        let Envelope {
            session_id,
            seq,
            at_us,
            event,
        } = &envelope;
        let pushed = front.tail.push(*session_id, Seq(*seq), *at_us, event);
        // Events still reach clients and the database.
        if let Some(error) = front.pushing.heard(pushed) {
            super::note(&format!(
                "the newest events are not safe from a kill for now: {error}"
            ));
        }
        front.appended += 1;
        // A failed send means that the daemon is going and the writer has ended.
        let _ = front.jobs.send(Job::Append(envelope));
    }

    /// Waits until everything queued before this call is on disk.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        let sent = lock(&self.front).jobs.send(Job::Flush(done));
        if sent.is_ok() {
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

/// Writes what has queued up; the first of a batch waits for nobody.
fn write(store: &mut EventLog, inbox: &Receiver<Job>, lines: &Weak<Mutex<Front>>) {
    const BATCH: usize = 2_000;
    let mut received = 0;
    let mut backlog = Backlog::default();
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
        received += batch.len() as u64;
        let said = backlog.write(batch, |session, events| {
            store.append(session, events).map_err(|e| e.to_string())?;
            Ok(())
        });
        said.iter().for_each(|line| super::note(line));
        if backlog.late.is_empty()
            && let Some(front) = lines.upgrade()
        {
            let mut front = lock(&front);
            if front.appended == received {
                let settled = front.tail.settled();
                if let Some(error) = front.settling.heard(settled) {
                    super::note(&format!(
                        "the file of the newest events cannot be emptied for now, which only costs room: {error}"
                    ));
                }
            }
        }
        for done in flushes {
            // A failed send means that whoever waited has gone.
            let _ = done.send(());
        }
    }
}

/// Events that wait in memory while the log cannot be written, at most.
const LATE: usize = 100_000;

/// What could not be written yet. It is tried again with the next batch and before anything newer, because the log
/// numbers the events of a session by their order.
#[derive(Default)]
struct Backlog {
    late: Vec<Envelope>,
    failing: bool,
    /// Sessions that lost events: what is newer would get wrong numbers.
    given_up: BTreeSet<SessionId>,
}

impl Backlog {
    /// Writes with `append`, one transaction a session; gives what the daemon's own log should say.
    fn write(
        &mut self,
        fresh: Vec<Envelope>,
        mut append: impl FnMut(SessionId, &[(u64, Event)]) -> Result<(), String>,
    ) -> Vec<String> {
        let mut said = Vec::new();
        let mut batch = std::mem::take(&mut self.late);
        batch.extend(fresh);
        batch.retain(|e| !self.given_up.contains(&e.session_id));
        let mut trouble = None;
        while let Some(session) = batch.first().map(|e| e.session_id) {
            let (mine, rest): (Vec<_>, Vec<_>) = batch.drain(..).partition(|e| e.session_id == session);
            batch = rest;
            let events: Vec<(u64, Event)> = mine.iter().map(|e| (e.at_us, e.event.clone())).collect();
            if let Err(error) = append(session, &events) {
                trouble = Some(error);
                self.late.extend(mine);
            }
        }
        // Said once for all failures in a row: the sessions go on, and nothing that they show is lost.
        if let Some(error) = &trouble
            && !self.failing
        {
            said.push(format!("the event log cannot be written for now: {error}"));
        }
        self.failing = trouble.is_some();
        if self.late.len() > LATE {
            self.given_up.extend(self.late.drain(..).map(|e| e.session_id));
            said.push(
                "the event log could not be written for too long: its sessions end where it ends".into(),
            );
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::TurnId;

    fn events(session: u64, numbers: std::ops::Range<u64>) -> Vec<Envelope> {
        let event = |n| Envelope {
            session_id: SessionId(session),
            seq: n,
            at_us: n,
            event: Event::FirstToken { turn: TurnId(n) },
        };
        numbers.map(event).collect()
    }

    /// Writes and gives what came to the log: session and moment of each event.
    fn write(backlog: &mut Backlog, fresh: Vec<Envelope>, full: Option<u64>) -> (Vec<(u64, u64)>, usize) {
        let mut log = Vec::new();
        let said = backlog.write(fresh, |session, events| {
            if full == Some(session.0) {
                return Err("disk full".to_owned());
            }
            log.extend(events.iter().map(|(at, _)| (session.0, *at)));
            Ok(())
        });
        (log, said.len())
    }

    #[test]
    fn trouble_is_said_once_until_it_is_over() {
        let mut trouble = Trouble::default();
        let said = [false, true, true, false, true].map(|fails| {
            let outcome = if fails {
                Err(std::io::Error::other("full"))
            } else {
                Ok(())
            };
            trouble.heard(outcome).is_some()
        });
        assert_eq!(said, [false, true, false, false, true]);
    }

    #[test]
    fn what_could_not_be_written_is_written_later_in_order() {
        let mut backlog = Backlog::default();
        let both = [events(1, 1..3), events(2, 1..2)].concat();
        assert_eq!(write(&mut backlog, both, Some(1)), (vec![(2, 1)], 1));
        assert_eq!(
            write(&mut backlog, events(1, 3..4), Some(1)),
            (vec![], 0),
            "said once"
        );
        let later = (vec![(1, 1), (1, 2), (1, 3), (1, 4)], 0);
        assert_eq!(write(&mut backlog, events(1, 4..5), None), later);
        assert_eq!(
            write(&mut backlog, events(1, 5..6), Some(1)),
            (vec![], 1),
            "a new failure"
        );
    }

    #[test]
    fn a_session_that_lost_events_is_logged_no_more() {
        let mut backlog = Backlog::default();
        let many = events(1, 0..LATE as u64 + 1);
        assert_eq!(write(&mut backlog, many, Some(1)), (vec![], 2));
        let both = [events(1, 7..8), events(2, 1..2)].concat();
        assert_eq!(write(&mut backlog, both, None), (vec![(2, 1)], 0));
    }
}
