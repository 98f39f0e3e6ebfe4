//! A job from its beginning to its end: who works on it, and what a person decides about it.

use super::{Claim, JobStore, begin, decode, encode, key, signed};
use crate::error::StoreError;
use crate::open;
use brisk_domain::JobId;
use brisk_domain::job::{JobState, Task};
use rusqlite::{OptionalExtension, params};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

impl JobStore {
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
}
