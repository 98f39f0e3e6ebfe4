//! Delegated work on disk. A job is whole before anything starts, belongs to one worker at a time, and goes on at its
//! last completed step after whatever happened to that worker.
//!
//! Whoever claims a job gets a *fence*, a number that only grows. Every write names it, and one with an older fence
//! changes nothing: a worker that was taken for dead and was not cannot spoil what its successor does. To cancel is to
//! raise the fence too.

mod life;
mod read;
mod rows;
mod steps;

use crate::error::StoreError;
use crate::open::{self, SetAside};
use brisk_domain::JobId;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::path::{Path, PathBuf};

pub use rows::{Claim, JobLine, JobRow, StepRow};

/// Tables that came with the second form.
macro_rules! since_form_2 {
    () => {
        "
    CREATE TABLE spent (
        job    INTEGER NOT NULL REFERENCES jobs(id),
        number INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        micros INTEGER NOT NULL,
        PRIMARY KEY (job, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE words (
        id     INTEGER PRIMARY KEY AUTOINCREMENT,
        job    INTEGER NOT NULL REFERENCES jobs(id),
        number INTEGER NOT NULL,
        text   TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX words_of ON words (job, number);
"
    };
}

/// What came with the third form: the jobs of a repository, and those of them that are not settled.
macro_rules! since_form_3 {
    () => {
        "
    CREATE INDEX jobs_of ON jobs (root, id);
    CREATE INDEX unsettled_jobs ON jobs (root, id) WHERE open OR json_extract(state, '$.state') = 'ready';
"
    };
}

/// `owner` and `lease_us` are those of the newest claim. `paused_us`: since when it rests (0: it does not), `rested_us`:
/// how long it has rested before. `words`: what the person said and attempts have not heard yet. Ids are never given
/// twice.
const SCHEMA: open::Schema = open::Schema {
    format: 3,
    tables: concat!(
        "
    CREATE TABLE jobs (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        root     BLOB    NOT NULL,
        task     TEXT    NOT NULL,
        state    TEXT    NOT NULL,
        open     INTEGER NOT NULL,
        made_us  INTEGER NOT NULL,
        fence    INTEGER NOT NULL DEFAULT 0,
        owner    TEXT    NOT NULL DEFAULT '',
        lease_us INTEGER NOT NULL DEFAULT 0,
        paused_us INTEGER NOT NULL DEFAULT 0,
        rested_us INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX open_jobs ON jobs (id) WHERE open;
    CREATE TABLE attempts (
        job    INTEGER NOT NULL REFERENCES jobs(id),
        number INTEGER NOT NULL,
        ended  TEXT    NOT NULL,
        PRIMARY KEY (job, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE steps (
        job    INTEGER NOT NULL REFERENCES jobs(id),
        number INTEGER NOT NULL,
        seq    INTEGER NOT NULL,
        at_us  INTEGER NOT NULL,
        body   TEXT    NOT NULL,
        PRIMARY KEY (job, number, seq)
    ) STRICT, WITHOUT ROWID;
",
        since_form_2!(),
        since_form_3!()
    ),
    upgrades: &[
        concat!(
            "
    ALTER TABLE jobs ADD COLUMN paused_us INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN rested_us INTEGER NOT NULL DEFAULT 0;
",
            since_form_2!()
        ),
        since_form_3!(),
    ],
    after_loss: |_| Ok(()),
};

/// The jobs. One per thread; several may be open on one folder.
#[derive(Debug)]
pub struct JobStore {
    db: Connection,
    path: PathBuf,
    set_aside: Option<SetAside>,
    /// Held so that nobody moves the file away under us.
    _in_use: File,
}

impl JobStore {
    /// Opens `jobs.db` in `dir`, making both if they are missing. A damaged file is renamed, never deleted.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be used, or the file comes from a later version.
    pub fn open(dir: &Path) -> Result<JobStore, StoreError> {
        let path = dir.join("jobs.db");
        let opened = open::open(&path, &SCHEMA)?;
        // A job that was taken in is a promise: it outlives a power cut too.
        opened
            .db
            .execute_batch("PRAGMA synchronous = FULL;")
            .map_err(|source| StoreError::of(&path, source))?;
        Ok(JobStore {
            db: opened.db,
            path,
            set_aside: opened.set_aside,
            _in_use: opened.in_use,
        })
    }

    /// The damaged file that [`JobStore::open`] moved away, if it did. Worth telling the person.
    pub fn set_aside(&self) -> Option<&SetAside> {
        self.set_aside.as_ref()
    }

    /// A write that counts only while the claim does: fence and write are one transaction.
    fn fenced<T>(
        &mut self,
        claim: &Claim,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let path = self.path.clone();
        let sort = |source| StoreError::of(&path, source);
        let transaction = begin(&mut self.db).map_err(sort)?;
        let holds: Option<i64> = transaction
            .query_row(
                "SELECT 1 FROM jobs WHERE id = ?1 AND fence = ?2 AND open",
                params![key(claim.job), claim.fence],
                |row| row.get(0),
            )
            .optional()
            .map_err(sort)?;
        if holds.is_none() {
            return Err(StoreError::Fenced { job: claim.job });
        }
        let written = write(&transaction).map_err(sort)?;
        transaction.commit().map_err(sort)?;
        Ok(written)
    }

    fn sort(&self, source: rusqlite::Error) -> StoreError {
        let error = StoreError::of(&self.path, source);
        if matches!(error, StoreError::Corrupt { .. }) {
            open::mark_suspect(&self.path);
        }
        error
    }
}

fn begin(db: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    db.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn encode(job: JobId, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::BadJob {
        job,
        detail: e.to_string(),
    })
}

fn decode<T: DeserializeOwned>(job: JobId, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::BadJob {
        job,
        detail: e.to_string(),
    })
}

fn key(job: JobId) -> i64 {
    signed(job.0)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
