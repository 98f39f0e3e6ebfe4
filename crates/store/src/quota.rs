//! What requests took of the quotas, so that a day's money is spent once however often the daemon begins anew. One row a
//! request, for as long as the longest window. No words of the person, no code.

use crate::error::StoreError;
use crate::open::{self, SetAside};
use brisk_domain::Lane;
use rusqlite::{Connection, TransactionBehavior, params};
use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// `open`: nobody has said yet what it took; `tokens` and `money` are the estimate then. Moments are wall clock: the
/// monotonic one begins anew with the machine.
const SCHEMA: open::Schema = open::Schema {
    format: 1,
    tables: "
    CREATE TABLE requests (
        id     INTEGER PRIMARY KEY,
        lane   TEXT    NOT NULL,
        model  TEXT    NOT NULL,
        at_us  INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        money  INTEGER,
        open   INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX requests_by_time ON requests (at_us);
",
    upgrades: &[],
    after_loss: |_| Ok(()),
};

/// What one request took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRow {
    /// Its number; never given twice while it counts.
    pub id: u64,
    /// For which lane.
    pub lane: Lane,
    /// Of which model.
    pub model: String,
    /// When, microseconds since 1970.
    pub at_us: u64,
    /// Tokens, read and written.
    pub tokens: u64,
    /// Micro-dollars, where the price is known.
    pub money: Option<u64>,
}

/// A change of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotaChange {
    /// Something was lent by an estimate.
    Lent(QuotaRow),
    /// It is known what it took.
    Settled {
        /// Which.
        id: u64,
        /// From when on it counts, microseconds since 1970; `None`: as before.
        at_us: Option<u64>,
        /// Tokens.
        tokens: u64,
        /// Micro-dollars.
        money: Option<u64>,
    },
}

/// The store of one daemon.
#[derive(Debug)]
pub struct QuotaStore {
    db: Connection,
    path: PathBuf,
    set_aside: Option<SetAside>,
    /// Held so that nobody moves the file away under us.
    _in_use: File,
}

impl QuotaStore {
    /// Opens `quota.db` in `dir`, making both if they are missing. A damaged file is renamed, never deleted.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be used, or the file comes from a later version.
    pub fn open(dir: &Path) -> Result<QuotaStore, StoreError> {
        let path = dir.join("quota.db");
        let opened = open::open(&path, &SCHEMA)?;
        Ok(QuotaStore {
            db: opened.db,
            path,
            set_aside: opened.set_aside,
            _in_use: opened.in_use,
        })
    }

    /// The damaged file that [`QuotaStore::open`] moved away, if it did.
    pub fn set_aside(&self) -> Option<&SetAside> {
        self.set_aside.as_ref()
    }

    /// Everything in `span` (microseconds since 1970), oldest first. What is older is deleted; so is what is later, which
    /// a clock that went wrong wrote, and which would never grow old. Leases of a daemon that died are over: their
    /// estimates count as what they took, because nobody can say that it was less.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take_over(&mut self, span: RangeInclusive<u64>) -> Result<Vec<QuotaRow>, StoreError> {
        self.with(|db| {
            db.execute("UPDATE requests SET open = 0 WHERE open = 1", [])?;
            db.execute(
                "DELETE FROM requests WHERE at_us < ?1 OR at_us > ?2",
                [signed(*span.start()), signed(*span.end())],
            )?;
            let mut all =
                db.prepare("SELECT id, lane, model, at_us, tokens, money FROM requests ORDER BY at_us, id")?;
            let rows = all.query_map([], |row| {
                let lane: String = row.get(1)?;
                Ok(QuotaRow {
                    id: row.get::<_, i64>(0)?.unsigned_abs(),
                    lane: if lane == Lane::Fast.name() {
                        Lane::Fast
                    } else {
                        Lane::Slow
                    },
                    model: row.get(2)?,
                    at_us: row.get::<_, i64>(3)?.unsigned_abs(),
                    tokens: row.get::<_, i64>(4)?.unsigned_abs(),
                    money: row.get::<_, Option<i64>>(5)?.map(i64::unsigned_abs),
                })
            })?;
            rows.collect()
        })
    }

    /// Deletes what is older.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget(&mut self, before_us: u64) -> Result<(), StoreError> {
        self.with(|db| {
            db.execute(
                "DELETE FROM requests WHERE at_us < ?1 AND open = 0",
                [signed(before_us)],
            )
            .map(drop)
        })
    }

    /// Writes changes down, all or none.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of them is written then.
    pub fn write(&mut self, changes: &[QuotaChange]) -> Result<(), StoreError> {
        let mut done = || -> rusqlite::Result<()> {
            let all = self
                .db
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut lend = all.prepare_cached(
                    "INSERT OR REPLACE INTO requests (id, lane, model, at_us, tokens, money, open) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)",
                )?;
                let mut settle = all.prepare_cached(
                    "UPDATE requests SET at_us = coalesce(?2, at_us), tokens = ?3, money = ?4, open = 0 WHERE id = ?1",
                )?;
                for change in changes {
                    match change {
                        QuotaChange::Lent(row) => lend.execute(params![
                            signed(row.id),
                            row.lane.name(),
                            row.model,
                            signed(row.at_us),
                            signed(row.tokens),
                            row.money.map(signed),
                        ])?,
                        QuotaChange::Settled {
                            id,
                            at_us,
                            tokens,
                            money,
                        } => settle.execute(params![
                            signed(*id),
                            at_us.map(signed),
                            signed(*tokens),
                            money.map(signed)
                        ])?,
                    };
                }
            }
            all.commit()
        };
        done().map_err(|source| StoreError::of(&self.path, source))
    }

    fn with<T>(&mut self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        f(&self.db).map_err(|source| StoreError::of(&self.path, source))
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lent(id: u64, at_us: u64, tokens: u64) -> QuotaRow {
        QuotaRow {
            id,
            lane: Lane::Slow,
            model: "m".to_owned(),
            at_us,
            tokens,
            money: (id != 2).then_some(tokens * 2),
        }
    }

    #[test]
    fn what_was_taken_is_there_for_the_next_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = QuotaStore::open(dir.path()).unwrap();
        let settled = |id, at_us, tokens| QuotaChange::Settled {
            id,
            at_us,
            tokens,
            money: Some(1),
        };
        let changes = [
            QuotaChange::Lent(lent(1, 10, 100)),
            QuotaChange::Lent(lent(2, 20, 200)),
            QuotaChange::Lent(lent(3, 30, 300)),
            settled(1, None, 50),
            settled(3, Some(40), 500),
        ];
        store.write(&changes).unwrap();
        drop(store);
        let mut next = QuotaStore::open(dir.path()).unwrap();
        let rows = next.take_over(0..=40).unwrap();
        let told: Vec<_> = rows
            .iter()
            .map(|r| (r.id, r.at_us, r.tokens, r.money, r.lane))
            .collect();
        let slow = Lane::Slow;
        let want = [
            (1, 10, 50, Some(1), slow),
            // Nobody lived to settle it: its estimate stands.
            (2, 20, 200, None, slow),
            (3, 40, 500, Some(1), slow),
        ];
        assert_eq!(told, want);
        assert_eq!(
            next.take_over(25..=40).unwrap().len(),
            1,
            "what is too old is gone"
        );
    }

    #[test]
    fn what_a_wrong_clock_wrote_is_gone_with_the_next_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = QuotaStore::open(dir.path()).unwrap();
        let rows = [(1, 100), (2, 101), (3, u64::MAX)];
        let changes: Vec<_> = rows.map(|(id, at)| QuotaChange::Lent(lent(id, at, 5))).into();
        store.write(&changes).unwrap();
        for end in [100, u64::MAX] {
            let ids: Vec<_> = store.take_over(0..=end).unwrap().iter().map(|r| r.id).collect();
            assert_eq!(ids, [1], "{end}");
        }
    }
}
