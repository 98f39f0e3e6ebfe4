//! Jobs as they are read.

use super::{JobLine, JobRow, JobStore, decode, key};
use crate::error::StoreError;
use brisk_domain::JobId;
use brisk_domain::spending::Spent;
use rusqlite::params;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

impl JobStore {
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
}
