//! The felt store: one row a turn, one a hunk, in a file of its own (`felt.db`), so that it can be deleted without
//! touching the event log. It holds moments, counts and names of models; no words of the person, no code, no paths.

mod figures;
mod record;

pub use figures::{By, Figures, Interval, Share, Spread, UNDO_WINDOW_US, figures_by};
pub use record::{FeltTurn, HunkFelt, HunkRow, Outcome, RetryCause, Tokens, TurnEnd, TurnFelt};

use crate::error::StoreError;
use crate::open::{self, SetAside};
use brisk_domain::{HunkId, ModelId, SessionId, TurnId};
use brisk_protocol::{ClientKind, FeltRecord, Stages, StopFelt};
use rusqlite::{Connection, Row, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Every moment is one of CLOCK_MONOTONIC, so that a clock that is set changes no figure: `daemon` and `felt` as each
/// side saw them, and all that end in `_us`. Only `began_us` is wall clock, for `day`, the person's own day.
const SCHEMA: open::Schema = open::Schema {
    format: 2,
    tables: "
    CREATE TABLE turns (
        session    INTEGER NOT NULL,
        turn       INTEGER NOT NULL,
        began_us   INTEGER NOT NULL,
        day        TEXT    NOT NULL,
        client     TEXT    NOT NULL,
        lane       TEXT,
        model      TEXT,
        intent     TEXT    NOT NULL,
        tests      INTEGER NOT NULL,
        ended      TEXT    NOT NULL,
        daemon     TEXT    NOT NULL,
        felt       TEXT,
        stop_us    INTEGER,
        silent_us  INTEGER,
        stopped_us INTEGER,
        input      INTEGER NOT NULL,
        cached     INTEGER NOT NULL,
        output     INTEGER NOT NULL,
        shape      TEXT,
        PRIMARY KEY (session, turn)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX turns_by_time ON turns (began_us);
    CREATE TABLE hunks (
        session   INTEGER NOT NULL,
        turn      INTEGER NOT NULL,
        hunk      INTEGER NOT NULL,
        added     INTEGER NOT NULL,
        removed   INTEGER NOT NULL,
        outcome   TEXT    NOT NULL,
        kept_us   INTEGER,
        undone_us INTEGER,
        PRIMARY KEY (session, hunk),
        FOREIGN KEY (session, turn) REFERENCES turns (session, turn) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX hunks_by_turn ON hunks (session, turn);
    CREATE TABLE retries (
        session INTEGER NOT NULL,
        turn    INTEGER NOT NULL,
        n       INTEGER NOT NULL,
        cause   TEXT    NOT NULL,
        PRIMARY KEY (session, turn, n),
        FOREIGN KEY (session, turn) REFERENCES turns (session, turn) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
",
    upgrades: &["ALTER TABLE turns ADD COLUMN shape TEXT;"],
    after_loss: |_| Ok(()),
};

/// The store. One per thread; several may be open on one folder.
#[derive(Debug)]
pub struct FeltStore {
    db: Connection,
    path: PathBuf,
    set_aside: Option<SetAside>,
    /// Held so that nobody moves the file away under us.
    _in_use: File,
}

impl FeltStore {
    /// Where the store lies below the daemon's state folder.
    pub fn path_in(dir: &Path) -> PathBuf {
        dir.join("felt.db")
    }

    /// Opens `felt.db` in `dir`, making both if they are missing. A damaged file is renamed and a new one begins.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be used, or the file comes from a later version.
    pub fn open(dir: &Path) -> Result<FeltStore, StoreError> {
        let path = FeltStore::path_in(dir);
        let opened = open::open(&path, &SCHEMA)?;
        let store = FeltStore {
            db: opened.db,
            path,
            set_aside: opened.set_aside,
            _in_use: opened.in_use,
        };
        // What is deleted is overwritten, not only forgotten.
        store.try_with(|db| db.execute_batch("PRAGMA secure_delete = ON"))?;
        Ok(store)
    }

    /// The damaged file that [`FeltStore::open`] moved away, if it did.
    pub fn set_aside(&self) -> Option<&SetAside> {
        self.set_aside.as_ref()
    }

    /// Writes a turn that is over down, as the daemon saw it. A turn that is there already is left as it is.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the turn is written then.
    pub fn turn(&mut self, turn: &TurnFelt) -> Result<(), StoreError> {
        let done = insert(&mut self.db, turn);
        done.map_err(|source| StoreError::of(&self.path, source))
    }

    /// Joins what the client felt. `false`: there is no such turn, or it was told already.
    ///
    /// # Errors
    /// [`StoreError`]; nothing changed then.
    pub fn client(&mut self, record: &FeltRecord) -> Result<bool, StoreError> {
        let stop = record.stop;
        self.try_with(|db| {
            let changed = db
                .prepare_cached(
                    "UPDATE turns SET client = ?3, felt = ?4, stop_us = ?5, silent_us = ?6
                     WHERE session = ?1 AND turn = ?2 AND felt IS NULL",
                )?
                .execute(params![
                    int(record.session_id.0),
                    int(record.turn.0),
                    word(&record.client),
                    json(&record.stages),
                    stop.map(|s| int(s.key)),
                    stop.and_then(|s| s.silent_after).map(int),
                ])?;
            Ok(changed > 0)
        })
    }

    /// What has become of a hunk after its turn.
    ///
    /// # Errors
    /// [`StoreError`]; nothing changed then.
    pub fn outcome(&mut self, session: SessionId, hunk: HunkId, outcome: Outcome) -> Result<(), StoreError> {
        self.try_with(|db| {
            db.prepare_cached(
                "UPDATE hunks SET outcome = ?3, kept_us = ?4 WHERE session = ?1 AND hunk = ?2",
            )?
            .execute(params![
                int(session.0),
                int(hunk.0),
                outcome.name(),
                outcome.kept_us().map(int)
            ])?;
            Ok(())
        })
    }

    /// A kept hunk was taken out again, CLOCK_MONOTONIC. Only the first time counts: redo and undo once more are second
    /// thoughts.
    ///
    /// # Errors
    /// [`StoreError`]; nothing changed then.
    pub fn undone(&mut self, session: SessionId, hunk: HunkId, at_us: u64) -> Result<(), StoreError> {
        self.try_with(|db| {
            db.prepare_cached(
                "UPDATE hunks SET undone_us = ?3
                 WHERE session = ?1 AND hunk = ?2 AND kept_us IS NOT NULL AND undone_us IS NULL",
            )?
            .execute(params![int(session.0), int(hunk.0), int(at_us)])?;
            Ok(())
        })
    }

    /// A model let go of a turn's request, CLOCK_MONOTONIC. With several requests the last one counts.
    ///
    /// # Errors
    /// [`StoreError`]; nothing changed then.
    pub fn stopped(&mut self, session: SessionId, turn: TurnId, at_us: u64) -> Result<(), StoreError> {
        self.try_with(|db| {
            db.prepare_cached(
                "UPDATE turns SET stopped_us = max(ifnull(stopped_us, 0), ?3) WHERE session = ?1 AND turn = ?2",
            )?
            .execute(params![int(session.0), int(turn.0), int(at_us)])?;
            Ok(())
        })
    }

    /// Deletes turns that began before a moment, microseconds since 1970. Gives how many.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is deleted then.
    pub fn delete_before(&mut self, before_us: u64) -> Result<usize, StoreError> {
        self.try_with(|db| {
            let deleted = db.execute("DELETE FROM turns WHERE began_us < ?1", [int(before_us)])?;
            if deleted > 0 {
                // The journal holds what was written before; it is emptied, too.
                db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            }
            Ok(deleted)
        })
    }

    /// Deletes turns of the days before `day` (`YYYY-MM-DD`, the person's own days); without one all of them. Gives
    /// how many.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is deleted then.
    pub fn delete_days(&mut self, before: Option<&str>) -> Result<usize, StoreError> {
        let Some(day) = before else {
            return self.delete_before(u64::MAX);
        };
        let start: Option<i64> = self.try_with(|db| {
            db.query_row("SELECT strftime('%s', ?1, 'utc')", [day], |row| {
                row.get::<_, Option<String>>(0)
            })
            .map(|text| text.and_then(|t| t.parse().ok()))
        })?;
        match start {
            Some(seconds) => self.delete_before(u64::try_from(seconds).unwrap_or(0) * 1_000_000),
            None => Ok(0),
        }
    }

    /// Every turn that began at or after a moment (microseconds since 1970), the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn turns(&self, since_us: u64) -> Result<Vec<FeltTurn>, StoreError> {
        self.try_with(|db| select(db, since_us))
    }

    fn try_with<T>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        f(&self.db).map_err(|source| {
            let error = StoreError::of(&self.path, source);
            if matches!(error, StoreError::Corrupt { .. }) {
                open::mark_suspect(&self.path);
            }
            error
        })
    }
}

fn insert(db: &mut Connection, turn: &TurnFelt) -> rusqlite::Result<()> {
    let key = (int(turn.session.0), int(turn.turn.0));
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let made = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO turns (session, turn, began_us, day, client, lane, model, intent, tests, ended,
                 daemon, input, cached, output, shape)
             VALUES (?1, ?2, ?3, date(?3 / 1000000, 'unixepoch', 'localtime'), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
                 ?12, ?13, ?14)",
        )?
        .execute(params![
            key.0,
            key.1,
            int(turn.began_us),
            word(&ClientKind::Other),
            turn.lane.as_ref().map(word),
            turn.model.as_ref().map(|m| &m.0),
            word(&turn.intent),
            turn.asked_for_tests,
            turn.end.name(),
            json(&turn.stages),
            int(turn.tokens.input),
            int(turn.tokens.cached),
            int(turn.tokens.output),
            (!turn.shape.is_empty()).then(|| json(&turn.shape)),
        ])?;
    if made == 0 {
        return Ok(());
    }
    {
        let mut hunks = transaction.prepare_cached(
            "INSERT OR IGNORE INTO hunks (session, turn, hunk, added, removed, outcome, kept_us)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        for hunk in &turn.hunks {
            let (outcome, kept) = (hunk.outcome.name(), hunk.outcome.kept_us().map(int));
            let id = int(hunk.hunk.0);
            hunks.execute(params![
                key.0,
                key.1,
                id,
                int(hunk.added),
                int(hunk.removed),
                outcome,
                kept
            ])?;
        }
        let mut retries = transaction
            .prepare_cached("INSERT INTO retries (session, turn, n, cause) VALUES (?1, ?2, ?3, ?4)")?;
        for (n, cause) in (1_i64..).zip(&turn.retries) {
            retries.execute(params![key.0, key.1, n, word(cause)])?;
        }
    }
    transaction.commit()
}

fn select(db: &Connection, since_us: u64) -> rusqlite::Result<Vec<FeltTurn>> {
    let since = int(since_us);
    let mut hunks: HashMap<(i64, i64), Vec<HunkRow>> = HashMap::new();
    let mut statement = db.prepare_cached(
        "SELECT h.session, h.turn, h.added, h.removed, h.outcome, h.kept_us, h.undone_us
         FROM hunks h JOIN turns t USING (session, turn) WHERE t.began_us >= ?1 ORDER BY h.session, h.hunk",
    )?;
    let mut rows = statement.query([since])?;
    while let Some(row) = rows.next()? {
        let kept = row.get::<_, Option<i64>>(5)?.map(i64::unsigned_abs);
        let undone: Option<i64> = row.get(6)?;
        hunks
            .entry((row.get(0)?, row.get(1)?))
            .or_default()
            .push(HunkRow {
                added: count(row, 2)?,
                removed: count(row, 3)?,
                outcome: Outcome::named(&row.get::<_, String>(4)?, kept),
                undone_after_us: undone
                    .zip(kept)
                    .and_then(|(u, k)| u.unsigned_abs().checked_sub(k)),
            });
    }
    let mut retries: HashMap<(i64, i64), Vec<RetryCause>> = HashMap::new();
    let mut statement = db.prepare_cached(
        "SELECT r.session, r.turn, r.cause FROM retries r JOIN turns t USING (session, turn)
         WHERE t.began_us >= ?1 ORDER BY r.session, r.turn, r.n",
    )?;
    let mut rows = statement.query([since])?;
    while let Some(row) = rows.next()? {
        let cause: Option<RetryCause> = parsed(&row.get::<_, String>(2)?);
        retries
            .entry((row.get(0)?, row.get(1)?))
            .or_default()
            .extend(cause);
    }
    let mut statement = db.prepare_cached(
        "SELECT session, turn, day, client, lane, model, intent, tests, ended, daemon, felt, stop_us, silent_us,
             stopped_us, input, cached, output, shape
         FROM turns WHERE began_us >= ?1 ORDER BY began_us, session, turn",
    )?;
    let rows = statement.query_map([since], |row| {
        let key = (row.get(0)?, row.get(1)?);
        let taken = (
            hunks.remove(&key).unwrap_or_default(),
            retries.remove(&key).unwrap_or_default(),
        );
        turn_of(row, taken.0, taken.1)
    })?;
    rows.collect()
}

fn turn_of(row: &Row<'_>, hunks: Vec<HunkRow>, retries: Vec<RetryCause>) -> rusqlite::Result<FeltTurn> {
    let text = |at: usize| row.get::<_, Option<String>>(at);
    let daemon: Stages = text(9)?
        .and_then(|t| serde_json::from_str(&t).ok())
        .unwrap_or_default();
    let felt: Option<Stages> = text(10)?.and_then(|t| serde_json::from_str(&t).ok());
    let stop_key: Option<i64> = row.get(11)?;
    let silent: Option<i64> = row.get(12)?;
    let stop = stop_key.map(|key| StopFelt {
        key: key.unsigned_abs(),
        silent_after: silent.map(i64::unsigned_abs),
    });
    let stopped = row.get::<_, Option<i64>>(13)?.map(i64::unsigned_abs);
    Ok(FeltTurn {
        session: SessionId(count(row, 0)?),
        turn: TurnId(count(row, 1)?),
        day: text(2)?.unwrap_or_default(),
        client: text(3)?.and_then(|w| parsed(&w)).unwrap_or(ClientKind::Other),
        lane: text(4)?.and_then(|w| parsed(&w)),
        model: text(5)?.map(ModelId),
        intent: text(6)?.and_then(|w| parsed(&w)),
        asked_for_tests: row.get(7)?,
        end: text(8)?.unwrap_or_default(),
        stages: match felt {
            Some(felt) => Stages::joined(&felt, &daemon),
            None => daemon,
        },
        stop,
        model_stopped_after: stop.and_then(|s| stopped?.checked_sub(s.key)),
        tokens: Tokens {
            input: count(row, 14)?,
            cached: count(row, 15)?,
            output: count(row, 16)?,
        },
        shape: text(17)?
            .and_then(|t| serde_json::from_str(&t).ok())
            .unwrap_or_default(),
        hunks,
        retries,
    })
}

/// A name without quotes, as serde writes it.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn parsed<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn count(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(i64::unsigned_abs)
}
