//! What attempts did: their steps, how they ended, what they took, and what they were told.

use super::{Claim, JobStore, StepRow, begin, decode, encode, key, signed};
use crate::error::StoreError;
use crate::open;
use brisk_domain::JobId;
use brisk_domain::job::{AttemptId, End, JobState, Step};
use brisk_domain::spending::Spent;
use rusqlite::params;

impl JobStore {
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
}
