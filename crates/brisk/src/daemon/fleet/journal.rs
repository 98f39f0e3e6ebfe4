//! The quota ledger on disk: what was lent and what it took, written by a thread of its own, so that a day's money is
//! spent once however often a daemon begins anew. The live path never waits for a disk: a daemon that is killed may
//! forget what it lent in its last moments, and nothing older.

use crate::daemon::{note, now};
use brisk_domain::Lane;
use brisk_router::quota::{Amount, DAY_US, Lease, Ledger, Past};
use brisk_store::{QuotaChange, QuotaRow, QuotaStore, StoreError};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a row may count: a window is at most so much longer than its span.
const KEPT_US: u64 = DAY_US + DAY_US / 6;

/// Changes that are written in one transaction.
const AT_ONCE: usize = 256;

/// Changes after which old rows are deleted.
const SWEEP: usize = 4_096;

/// Changes that wait at most while the disk takes none; the oldest are lost first.
const WAITING: usize = 16_384;

/// Between two tries, at first and at last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// None: nothing is kept.
    changes: Mutex<Option<(Sender<QuotaChange>, JoinHandle<()>)>>,
}

impl Journal {
    /// Opens the store in `dir` and counts what earlier daemons used. Where it cannot be used, that is said once, and
    /// quotas begin empty.
    pub(super) fn start(dir: &Path, ledger: &mut Ledger) -> Journal {
        let mut begun = || -> Result<Journal, StoreError> {
            let mut store = QuotaStore::open(dir)?;
            if let Some(aside) = store.set_aside() {
                note(&format!(
                    "what quotas were used for was damaged ({}); it lies in {}, and quotas begin empty",
                    aside.why,
                    aside.path.display()
                ));
            }
            let wall = wall_us();
            let span = wall.saturating_sub(KEPT_US)..=wall.saturating_add(DAY_US);
            for row in store.take_over(span)? {
                let past = Past {
                    lane: row.lane,
                    model: &row.model,
                    age_us: wall.saturating_sub(row.at_us),
                    used: Amount {
                        tokens: row.tokens,
                        money: row.money,
                    },
                };
                ledger.remember(&past, now());
                ledger.number_after(row.id);
            }
            let (changes, inbox) = channel();
            let thread = std::thread::spawn(move || work(keep(store), &inbox, PAUSES));
            Ok(Journal {
                changes: Mutex::new(Some((changes, thread))),
            })
        };
        begun().unwrap_or_else(|e| {
            note(&format!(
                "what quotas are used for is not kept, they begin empty: {e}"
            ));
            Journal::default()
        })
    }

    /// Something was lent.
    pub(super) fn lent(&self, lease: &Lease, lane: Lane, model: &str) {
        let estimate = lease.estimate();
        self.send(QuotaChange::Lent(QuotaRow {
            id: lease.id(),
            lane,
            model: model.to_owned(),
            at_us: wall_us(),
            tokens: estimate.tokens,
            money: estimate.money,
        }));
    }

    /// It is known what it took. What it took beyond the estimate counts from now on, and the rest with it: too long
    /// rather than too short.
    pub(super) fn settled(&self, lease: &Lease, used: Amount) {
        let estimate = lease.estimate();
        let more = used.tokens > estimate.tokens || used.money > estimate.money;
        self.send(QuotaChange::Settled {
            id: lease.id(),
            at_us: more.then(wall_us),
            tokens: used.tokens,
            money: used.money,
        });
    }

    /// Everything that was said so far is on disk when this returns; nothing is taken any more.
    pub(super) fn close(&self) {
        let open = self.changes.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((changes, thread)) = open {
            drop(changes);
            if thread.join().is_err() {
                note("the writer of quotas ended badly");
            }
        }
    }

    fn send(&self, change: QuotaChange) {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((changes, _)) = &*changes {
            // A failed send means that the store could not be used, which was said.
            let _ = changes.send(change);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

/// Writes changes down, and deletes old rows now and then. What was written may be written again.
fn keep(mut store: QuotaStore) -> impl FnMut(&[QuotaChange]) -> Result<(), StoreError> {
    let mut since = 0;
    move |changes| {
        store.write(changes)?;
        since += changes.len();
        if since >= SWEEP {
            store.forget(wall_us().saturating_sub(KEPT_US))?;
            since = 0;
        }
        Ok(())
    }
}

/// Writes until everybody who sends has gone. What cannot be written waits, and is tried again: a disk that is full for a
/// minute must not cost the day's count.
fn work(
    mut write: impl FnMut(&[QuotaChange]) -> Result<(), StoreError>,
    inbox: &Receiver<QuotaChange>,
    (shortest, longest): (Duration, Duration),
) {
    let mut waiting = VecDeque::new();
    let (mut open, mut lost) = (true, 0_usize);
    // Before the next try; none while all goes well.
    let mut pause: Option<Duration> = None;
    while open || !waiting.is_empty() {
        if waiting.is_empty() {
            match inbox.recv() {
                Ok(change) => waiting.push_back(change),
                Err(_) => return,
            }
        }
        let until = Instant::now() + pause.unwrap_or_default();
        while pause.is_some() && open {
            match inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(change) => waiting.push_back(change),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
            let over = waiting.len().saturating_sub(WAITING);
            lost += waiting.drain(..over).len();
        }
        waiting.extend(inbox.try_iter().take(AT_ONCE));
        let batch = waiting.len().min(AT_ONCE);
        match write(&waiting.make_contiguous()[..batch]) {
            Ok(()) => {
                waiting.drain(..batch);
                if pause.take().is_some() {
                    note(&format!(
                        "what quotas are used for is kept again; {lost} changes were lost"
                    ));
                    lost = 0;
                }
            }
            Err(e) => {
                if pause.is_none() {
                    note(&format!(
                        "what quotas are used for is not kept now, and tried again: {e}"
                    ));
                }
                if !open {
                    let lost = lost + waiting.len();
                    return note(&format!(
                        "what quotas are used for was not kept: {lost} changes are lost"
                    ));
                }
                pause = Some(pause.map_or(shortest, |p| (p * 2).min(longest)));
            }
        }
    }
}

/// Microseconds since 1970.
fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::JobId;

    const AT_ONCE_AGAIN: (Duration, Duration) = (Duration::ZERO, Duration::ZERO);

    fn change(id: u64) -> QuotaChange {
        QuotaChange::Settled {
            id,
            at_us: None,
            tokens: 1,
            money: None,
        }
    }

    fn failed() -> StoreError {
        StoreError::Fenced { job: JobId(1) }
    }

    /// Writes `count` changes to a disk that fails so many times first; gives what came to it.
    fn written(count: u64, fails: usize, hangs_up: bool) -> Vec<QuotaChange> {
        let (sender, inbox) = channel();
        (0..count).for_each(|id| sender.send(change(id)).unwrap());
        let mut sender = Some(sender).filter(|_| !hangs_up);
        let (mut kept, mut left) = (Vec::new(), fails);
        let write = |changes: &[QuotaChange]| {
            if left > 0 {
                left -= 1;
                return Err(failed());
            }
            kept.extend_from_slice(changes);
            if kept.len() as u64 == count {
                sender = None;
            }
            Ok(())
        };
        work(write, &inbox, AT_ONCE_AGAIN);
        kept
    }

    #[test]
    fn what_a_disk_refuses_for_a_while_is_kept_all_the_same() {
        for (count, fails) in [(3, 0), (3, 5), (2_000, 0), (2_000, 7)] {
            let want: Vec<_> = (0..count).map(change).collect();
            assert_eq!(written(count, fails, false), want, "{count} {fails}");
        }
        assert_eq!(written(3, 0, true).len(), 3, "all that was said before the end");
        assert!(written(3, 9, true).is_empty(), "a daemon that goes does not wait");
    }

    #[test]
    fn what_waits_for_a_disk_is_bounded() {
        let many = WAITING as u64 + 10;
        let (sender, inbox) = channel();
        (0..many).for_each(|id| sender.send(change(id)).unwrap());
        let mut sender = Some(sender);
        let (mut kept, mut tries) = (Vec::new(), 0);
        let write = |changes: &[QuotaChange]| {
            tries += 1;
            if tries == 1 {
                return Err(failed());
            }
            sender = None;
            kept.extend_from_slice(changes);
            Ok(())
        };
        work(write, &inbox, AT_ONCE_AGAIN);
        assert_eq!(kept.len(), WAITING);
        assert_eq!(kept.last(), Some(&change(many - 1)), "the newest");
    }
}
