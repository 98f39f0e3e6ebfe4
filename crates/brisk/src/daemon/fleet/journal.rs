//! The quota ledger on disk: what was lent and what it took, written by a thread of its own, so that a day's money is
//! spent once however often a daemon begins anew. The live path never waits for a disk: a daemon that is killed may
//! forget what it lent in its last moments, and nothing older.

use crate::daemon::{note, now};
use brisk_domain::Lane;
use brisk_router::quota::{Amount, DAY_US, Lease, Ledger, Past};
use brisk_store::{QuotaChange, QuotaRow, QuotaStore, StoreError};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a row may count: a window is at most so much longer than its span.
const KEPT_US: u64 = DAY_US + DAY_US / 6;

/// Changes that are written in one transaction.
const AT_ONCE: usize = 256;

/// Changes after which old rows are deleted.
const SWEEP: usize = 4_096;

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
            for row in store.take_over(wall.saturating_sub(KEPT_US))? {
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
            let thread = std::thread::spawn(move || work(store, &inbox));
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

fn work(mut store: QuotaStore, inbox: &Receiver<QuotaChange>) {
    let mut since = 0;
    while let Ok(first) = inbox.recv() {
        let mut changes = vec![first];
        changes.extend(inbox.try_iter().take(AT_ONCE - 1));
        since += changes.len();
        let written = store.write(&changes).and_then(|()| {
            if since < SWEEP {
                return Ok(());
            }
            since = 0;
            store.forget(wall_us().saturating_sub(KEPT_US))
        });
        if let Err(e) = written {
            note(&format!("what quotas are used for is kept no more: {e}"));
            return;
        }
    }
}

/// Microseconds since 1970.
fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
