//! Delegated work on disk. A job is whole before anything starts, belongs to one worker at a time, and goes on at its
//! last completed step after whatever happened to that worker.
//!
//! Whoever claims a job gets a *fence*, a number that only grows. Every write names it, and one with an older fence
//! changes nothing: a worker that was taken for dead and was not cannot spoil what its successor does. To cancel is to
//! raise the fence too.

use crate::error::StoreError;
use crate::open::{self, SetAside};
use brisk_domain::JobId;
use brisk_domain::job::{AttemptId, End, JobState, Step, Task};
use brisk_domain::spending::Spent;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

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

/// Leave to work on one job, for as long as its lease lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which job.
    pub job: JobId,
    fence: i64,
}

/// One job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// Which.
    pub id: JobId,
    /// Root of the repository it works in.
    pub root: PathBuf,
    /// What was handed over.
    pub task: Task,
    /// Where it stands.
    pub state: JobState,
    /// When it was handed over, microseconds since 1970.
    pub made_us: u64,
    /// The person has put it aside.
    pub paused: bool,
    /// How long it was put aside before, microseconds.
    pub rested_us: u64,
    /// Attempts that are over, by number.
    pub ends: Vec<(u32, End)>,
    /// What attempts took, by number; one that asked nobody is missing.
    pub spent: Vec<(u32, Spent)>,
}

impl JobRow {
    /// What an attempt took.
    pub fn spent_by(&self, attempt: u32) -> Spent {
        let found = self.spent.iter().find(|(number, _)| *number == attempt);
        found.map_or_else(Spent::default, |(_, spent)| *spent)
    }

    /// What all attempts took.
    pub fn spent(&self) -> Spent {
        self.spent
            .iter()
            .fold(Spent::default(), |all, (_, spent)| all.and(*spent))
    }
}

/// As much of a job as a line about it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct JobLine {
    /// Which.
    pub id: JobId,
    /// The person's words.
    pub text: String,
    /// Where it stands.
    pub state: JobState,
}

/// One completed step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    /// Its place in its attempt: 1, 2, 3, ... without a gap.
    pub seq: u64,
    /// When it was written down, microseconds since 1970.
    pub at_us: u64,
    /// What happened.
    pub step: Step,
}

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

    /// Takes a job in. When this returns it is on disk.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was taken in then.
    pub fn enqueue(&mut self, root: &Path, task: &Task) -> Result<JobId, StoreError> {
        let (task, state) = (encode(JobId(0), task)?, encode(JobId(0), &JobState::Open)?);
        let made = self.db.query_row(
            "INSERT INTO jobs (root, task, state, open, made_us) VALUES (?1, ?2, ?3, 1, ?4) RETURNING id",
            params![root.as_os_str().as_bytes(), task, state, open::wall_us()],
            |row| row.get::<_, i64>(0),
        );
        made.map(|id| JobId(id.unsigned_abs()))
            .map_err(|source| self.sort(source))
    }

    /// Takes the oldest open job whose lease is over, for `lease_us` microseconds from `now_us` (since 1970).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn claim(&mut self, owner: &str, now_us: u64, lease_us: u64) -> Result<Option<Claim>, StoreError> {
        // One statement: of several workers that ask at once each gets another job, or none.
        let claimed = self
            .db
            .query_row(
                "UPDATE jobs SET fence = fence + 1, owner = ?1, lease_us = ?3
                 WHERE id = (SELECT id FROM jobs WHERE open AND paused_us = 0 AND lease_us <= ?2 ORDER BY id LIMIT 1)
                 RETURNING id, fence",
                params![owner, signed(now_us), signed(now_us.saturating_add(lease_us))],
                |row| {
                    Ok(Claim {
                        job: JobId(row.get::<_, i64>(0)?.unsigned_abs()),
                        fence: row.get(1)?,
                    })
                },
            )
            .optional();
        claimed.map_err(|source| self.sort(source))
    }

    /// Ends every lease that is not `owner`'s. For a worker that knows that it is the only one that lives.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take_over(&mut self, owner: &str) -> Result<(), StoreError> {
        let freed = self.db.execute(
            "UPDATE jobs SET lease_us = 0, fence = fence + 1 WHERE open AND owner <> ?1",
            [owner],
        );
        freed.map(|_| ()).map_err(|source| self.sort(source))
    }

    /// Goes on owning a job until `until_us` (since 1970).
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when it is somebody else's by now, or over.
    pub fn renew(&mut self, claim: &Claim, until_us: u64) -> Result<(), StoreError> {
        self.fenced(claim, |db| {
            db.execute(
                "UPDATE jobs SET lease_us = ?2 WHERE id = ?1",
                params![key(claim.job), signed(until_us)],
            )
            .map(|_| ())
        })
    }

    /// Writes down a completed step, and gives its place. `seq` is what the caller takes that place to be: a step that is
    /// there already is not written twice.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]; [`StoreError::BadJob`] when steps before it are missing, or it is there and is another.
    pub fn append(&mut self, claim: &Claim, attempt: u32, seq: u64, step: &Step) -> Result<(), StoreError> {
        let job = claim.job;
        let body = encode(job, step)?;
        let last = self.fenced(claim, |db| {
            let last: i64 = db.query_row(
                "SELECT coalesce(max(seq), 0) FROM steps WHERE job = ?1 AND number = ?2",
                params![key(job), attempt],
                |row| row.get(0),
            )?;
            if last + 1 == signed(seq) {
                db.execute(
                    "INSERT INTO steps (job, number, seq, at_us, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![key(job), attempt, signed(seq), open::wall_us(), body],
                )?;
                return Ok(None);
            }
            Ok(Some(last))
        })?;
        match last {
            None => Ok(()),
            Some(last) => Err(StoreError::BadJob {
                job,
                detail: format!("step {seq} of attempt {attempt} cannot follow step {last}"),
            }),
        }
    }

    /// Says how an attempt ended. The second time changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    pub fn end(&mut self, claim: &Claim, attempt: u32, end: &End) -> Result<(), StoreError> {
        let body = encode(claim.job, end)?;
        self.fenced(claim, |db| {
            db.execute(
                "INSERT OR IGNORE INTO attempts (job, number, ended) VALUES (?1, ?2, ?3)",
                params![key(claim.job), attempt, body],
            )
            .map(|_| ())
        })
    }

    /// Ends a job; its claim is used up.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    pub fn finish(&mut self, claim: &Claim, state: &JobState) -> Result<(), StoreError> {
        let body = encode(claim.job, state)?;
        self.fenced(claim, |db| {
            db.execute(
                "UPDATE jobs SET state = ?2, open = 0, fence = fence + 1, lease_us = 0 WHERE id = ?1",
                params![key(claim.job), body],
            )
            .map(|_| ())
        })
    }

    /// Stops an open job. From here on its worker's writes are refused.
    ///
    /// # Errors
    /// [`StoreError::NoJob`]; [`StoreError::NotThen`] when it is over.
    pub fn cancel(&mut self, job: JobId) -> Result<(), StoreError> {
        self.change(job, &JobState::Cancelled, |state| matches!(state, JobState::Open))
    }

    /// Puts an open job aside from `now_us` (since 1970) on. From here on its worker's writes are refused, and nobody can
    /// claim it. One that is aside stays so.
    ///
    /// # Errors
    /// [`StoreError::NoJob`]; [`StoreError::NotThen`] when it is over.
    pub fn pause(&mut self, job: JobId, now_us: u64) -> Result<(), StoreError> {
        let sql = "UPDATE jobs SET paused_us = ?2, fence = fence + 1, lease_us = 0
             WHERE id = ?1 AND open AND paused_us = 0";
        self.while_open(job, sql, now_us)
    }

    /// Lets a job go on that was put aside. The time aside does not count.
    ///
    /// # Errors
    /// [`StoreError::NoJob`]; [`StoreError::NotThen`] when it is over.
    pub fn resume(&mut self, job: JobId, now_us: u64) -> Result<(), StoreError> {
        let sql = "UPDATE jobs SET rested_us = rested_us + max(?2 - paused_us, 0), paused_us = 0
             WHERE id = ?1 AND open AND paused_us > 0";
        self.while_open(job, sql, now_us)
    }

    fn while_open(&mut self, job: JobId, sql: &str, now_us: u64) -> Result<(), StoreError> {
        let state = self.job(job)?.state;
        if state != JobState::Open {
            let state = state.name();
            return Err(StoreError::NotThen { job, state });
        }
        let changed = self.db.execute(sql, params![key(job), signed(now_us)]);
        changed.map(|_| ()).map_err(|source| self.sort(source))
    }

    /// Notes what an attempt took, on top of what it took before. Whose job it is by now does not matter: what is spent
    /// is spent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn charge(&mut self, attempt: AttemptId, spent: Spent) -> Result<(), StoreError> {
        let charged = self.db.execute(
            "INSERT INTO spent (job, number, tokens, micros) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (job, number) DO UPDATE
             SET tokens = tokens + excluded.tokens, micros = micros + excluded.micros",
            params![
                key(attempt.job),
                attempt.number,
                signed(spent.tokens),
                signed(spent.micros)
            ],
        );
        charged.map(|_| ()).map_err(|source| self.sort(source))
    }

    /// Leaves words for attempts of a job; each hears them between two of its steps, also after a restart.
    ///
    /// # Errors
    /// [`StoreError::NoJob`]; [`StoreError::NotThen`] when it is over.
    pub fn say(&mut self, job: JobId, attempts: &[u32], text: &str) -> Result<(), StoreError> {
        let state = self.job(job)?.state;
        if state != JobState::Open {
            let state = state.name();
            return Err(StoreError::NotThen { job, state });
        }
        let path = self.path.clone();
        let sort = |source| StoreError::of(&path, source);
        let transaction = begin(&mut self.db).map_err(sort)?;
        for number in attempts {
            transaction
                .execute(
                    "INSERT INTO words (job, number, text) VALUES (?1, ?2, ?3)",
                    params![key(job), number, text],
                )
                .map_err(sort)?;
        }
        transaction.commit().map_err(sort)
    }

    /// Makes the words that wait for an attempt its next steps, and gives them. `seq`: the place of the first.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    pub fn hear(&mut self, claim: &Claim, attempt: u32, seq: u64) -> Result<Vec<Step>, StoreError> {
        let job = claim.job;
        self.fenced(claim, |db| {
            let words: Vec<(i64, String)> = db
                .prepare_cached("SELECT id, text FROM words WHERE job = ?1 AND number = ?2 ORDER BY id")?
                .query_map(params![key(job), attempt], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let mut steps = Vec::new();
            for (place, (id, text)) in (seq..).zip(words) {
                let step = Step::Steered { text };
                let body = serde_json::to_string(&step)
                    .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
                db.execute(
                    "INSERT INTO steps (job, number, seq, at_us, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![key(job), attempt, signed(place), open::wall_us(), body],
                )?;
                db.execute("DELETE FROM words WHERE id = ?1", [id])?;
                steps.push(step);
            }
            Ok(steps)
        })
    }

    /// Moves a job that is over to another state, if `from` holds for the one that it is in.
    ///
    /// # Errors
    /// [`StoreError::NoJob`]; [`StoreError::NotThen`].
    pub fn change(
        &mut self,
        job: JobId,
        to: &JobState,
        from: impl FnOnce(&JobState) -> bool,
    ) -> Result<(), StoreError> {
        let body = encode(job, to)?;
        let path = self.path.clone();
        let sort = |source| StoreError::of(&path, source);
        let transaction = begin(&mut self.db).map_err(sort)?;
        let found: Option<String> = transaction
            .query_row("SELECT state FROM jobs WHERE id = ?1", [key(job)], |row| {
                row.get(0)
            })
            .optional()
            .map_err(sort)?;
        let state: JobState = decode(job, &found.ok_or(StoreError::NoJob { job })?)?;
        if !from(&state) {
            let state = state.name();
            return Err(StoreError::NotThen { job, state });
        }
        transaction
            .execute(
                "UPDATE jobs SET state = ?2, open = 0, fence = fence + 1, lease_us = 0 WHERE id = ?1",
                params![key(job), body],
            )
            .map_err(sort)?;
        transaction.commit().map_err(sort)
    }

    /// One job.
    ///
    /// # Errors
    /// [`StoreError::NoJob`]; [`StoreError::BadJob`].
    pub fn job(&self, job: JobId) -> Result<JobRow, StoreError> {
        let mut found = self.rows("WHERE id = ?1", key(job))?;
        found.pop().ok_or(StoreError::NoJob { job })
    }

    /// The newest jobs, the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::BadJob`].
    pub fn jobs(&self, limit: usize) -> Result<Vec<JobRow>, StoreError> {
        self.rows(
            "ORDER BY id DESC LIMIT ?1",
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
    }

    /// The newest jobs of the repository with this root, at most `limit`, and with them every one that is not over or
    /// waits for the person; the newest first.
    ///
    /// # Errors
    /// [`StoreError::BadJob`].
    pub fn lines(&self, root: &Path, limit: usize) -> Result<Vec<JobLine>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(i64, String, String)>> {
            let mut select = self.db.prepare_cached(
                "SELECT id, json_extract(task, '$.text'), state FROM jobs WHERE id IN (
                     SELECT id FROM (SELECT id FROM jobs WHERE root = ?1 ORDER BY id DESC LIMIT ?2)
                     UNION
                     SELECT id FROM jobs WHERE root = ?1 AND (open OR json_extract(state, '$.state') = 'ready')
                 ) ORDER BY id DESC",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            select
                .query_map(params![root.as_os_str().as_bytes(), limit], row)?
                .collect()
        };
        let rows = read().map_err(|source| self.sort(source))?;
        let line = |(id, text, state): (i64, String, String)| {
            let id = JobId(id.unsigned_abs());
            let state = decode(id, &state)?;
            Ok(JobLine { id, text, state })
        };
        rows.into_iter().map(line).collect()
    }

    /// Every job that is not over, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::BadJob`].
    pub fn open_jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        self.rows("WHERE open AND ?1 = 0 ORDER BY id", 0)
    }

    /// Steps of an attempt, from a place on.
    ///
    /// # Errors
    /// [`StoreError::BadJob`].
    pub fn steps(&self, attempt: AttemptId, from: u64) -> Result<Vec<StepRow>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(i64, i64, String)>> {
            let mut select = self.db.prepare_cached(
                "SELECT seq, at_us, body FROM steps WHERE job = ?1 AND number = ?2 AND seq >= ?3 ORDER BY seq",
            )?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            select
                .query_map(params![key(attempt.job), attempt.number, signed(from)], row)?
                .collect()
        };
        let rows = read().map_err(|source| self.sort(source))?;
        rows.into_iter()
            .map(|(seq, at_us, body)| {
                Ok(StepRow {
                    seq: seq.unsigned_abs(),
                    at_us: at_us.unsigned_abs(),
                    step: decode(attempt.job, &body)?,
                })
            })
            .collect()
    }

    fn rows(&self, which: &str, value: i64) -> Result<Vec<JobRow>, StoreError> {
        struct Raw {
            id: i64,
            root: Vec<u8>,
            task: String,
            state: String,
            made_us: i64,
            paused_us: i64,
            rested_us: i64,
            ends: Vec<(u32, String)>,
            spent: Vec<(u32, Spent)>,
        }
        let read = || -> rusqlite::Result<Vec<Raw>> {
            let sql =
                format!("SELECT id, root, task, state, made_us, paused_us, rested_us FROM jobs {which}");
            let mut select = self.db.prepare_cached(&sql)?;
            let mut ends = self
                .db
                .prepare_cached("SELECT number, ended FROM attempts WHERE job = ?1 ORDER BY number")?;
            let mut spent = self
                .db
                .prepare_cached("SELECT number, tokens, micros FROM spent WHERE job = ?1 ORDER BY number")?;
            let row = |r: &rusqlite::Row<'_>| {
                Ok(Raw {
                    id: r.get(0)?,
                    root: r.get(1)?,
                    task: r.get(2)?,
                    state: r.get(3)?,
                    made_us: r.get(4)?,
                    paused_us: r.get(5)?,
                    rested_us: r.get(6)?,
                    ends: Vec::new(),
                    spent: Vec::new(),
                })
            };
            let mut found: Vec<Raw> = select.query_map([value], row)?.collect::<rusqlite::Result<_>>()?;
            for raw in &mut found {
                let of = ends.query_map([raw.id], |r| Ok((r.get(0)?, r.get(1)?)))?;
                raw.ends = of.collect::<rusqlite::Result<_>>()?;
                let of = spent.query_map([raw.id], |r| {
                    let spent = Spent {
                        tokens: r.get::<_, i64>(1)?.unsigned_abs(),
                        micros: r.get::<_, i64>(2)?.unsigned_abs(),
                    };
                    Ok((r.get(0)?, spent))
                })?;
                raw.spent = of.collect::<rusqlite::Result<_>>()?;
            }
            Ok(found)
        };
        let rows = read().map_err(|source| self.sort(source))?;
        rows.into_iter()
            .map(|raw| {
                let id = JobId(raw.id.unsigned_abs());
                let end = |(number, body): (u32, String)| Ok((number, decode(id, &body)?));
                Ok(JobRow {
                    id,
                    root: OsString::from_vec(raw.root).into(),
                    task: decode(id, &raw.task)?,
                    state: decode(id, &raw.state)?,
                    made_us: raw.made_us.unsigned_abs(),
                    paused: raw.paused_us > 0,
                    rested_us: raw.rested_us.unsigned_abs(),
                    ends: raw.ends.into_iter().map(end).collect::<Result<_, StoreError>>()?,
                    spent: raw.spent,
                })
            })
            .collect()
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
