//! Appending to the log and reading from it.

use crate::error::StoreError;
use crate::open::{self, SetAside};
use brisk_domain::{Event, SessionId};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The log's tables. `sessions.id` is never given twice (AUTOINCREMENT). Events lie in the order in which they are
/// read, without a second index.
const SCHEMA: open::Schema = open::Schema {
    format: 1,
    tables: "
    CREATE TABLE sessions (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        root     BLOB    NOT NULL,
        title    TEXT    NOT NULL DEFAULT '',
        made_us  INTEGER NOT NULL,
        last_seq INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE events (
        session INTEGER NOT NULL REFERENCES sessions(id),
        seq     INTEGER NOT NULL,
        at_us   INTEGER NOT NULL,
        body    TEXT    NOT NULL,
        PRIMARY KEY (session, seq)
    ) STRICT, WITHOUT ROWID;
",
    upgrades: &[],
    after_loss: seed_ids,
};

/// The place of an event in its session: 1, 2, 3, ... without a gap. 0 stands for "nothing yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// One event as it was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its place.
    pub seq: Seq,
    /// When it was logged, microseconds of whatever clock the writer used.
    pub at_us: u64,
    /// What happened.
    pub event: Event,
}

/// One session in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its number.
    pub id: SessionId,
    /// Root of the repository it works in.
    pub root: PathBuf,
    /// A line for people; empty until [`EventLog::set_title`].
    pub title: String,
    /// When it was made, microseconds since 1970.
    pub made_us: u64,
    /// Its last event, `Seq(0)` before the first.
    pub last: Seq,
}

/// The log. One per thread; several may be open on one folder.
#[derive(Debug)]
pub struct EventLog {
    db: Connection,
    path: PathBuf,
    set_aside: Option<SetAside>,
    /// Held so that nobody moves the file away under us.
    _in_use: File,
}

impl EventLog {
    /// Opens `events.db` in `dir`, making both if they are missing. A damaged file is renamed, never deleted, and a
    /// new one begins: see [`EventLog::set_aside`].
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be used, or the file comes from a later version.
    pub fn open(dir: &Path) -> Result<EventLog, StoreError> {
        let path = dir.join("events.db");
        let opened = open::open(&path, &SCHEMA)?;
        Ok(EventLog {
            db: opened.db,
            path,
            set_aside: opened.set_aside,
            _in_use: opened.in_use,
        })
    }

    /// The damaged file that [`EventLog::open`] moved away, if it did. Worth telling the person.
    pub fn set_aside(&self) -> Option<&SetAside> {
        self.set_aside.as_ref()
    }

    /// Makes a session and gives it a number that no session of this log has or had.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was made then.
    pub fn create_session(&mut self, root: &Path) -> Result<SessionId, StoreError> {
        let made = self.db.query_row(
            "INSERT INTO sessions (root, made_us) VALUES (?1, ?2) RETURNING id",
            params![root.as_os_str().as_bytes(), open::wall_us()],
            |row| row.get::<_, i64>(0),
        );
        made.map(|id| SessionId(id.unsigned_abs()))
            .map_err(|source| self.sort(source))
    }

    /// Gives a session its line for people.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] if there is no such session.
    pub fn set_title(&mut self, session: SessionId, title: &str) -> Result<(), StoreError> {
        let changed = self
            .db
            .execute(
                "UPDATE sessions SET title = ?2 WHERE id = ?1",
                params![key(session), title],
            )
            .map_err(|source| self.sort(source))?;
        if changed == 0 {
            Err(StoreError::NoSession { session })
        } else {
            Ok(())
        }
    }

    /// Appends events, each with its moment in microseconds, in one transaction, all or none, and gives their numbers.
    ///
    /// # Errors
    /// [`StoreError`]; the log is as before then, and the numbers are not used up.
    pub fn append(&mut self, session: SessionId, events: &[(u64, Event)]) -> Result<Vec<Seq>, StoreError> {
        // Encoded before the write lock is taken.
        let mut bodies = Vec::with_capacity(events.len());
        for (at_us, event) in events {
            let body = serde_json::to_string(event).map_err(|error| StoreError::BadEvent {
                session,
                seq: Seq(0),
                detail: error.to_string(),
            })?;
            bodies.push((i64::try_from(*at_us).unwrap_or(i64::MAX), body));
        }
        match self.insert(session, &bodies) {
            Ok(Some(first)) => Ok((first..).take(bodies.len()).map(Seq).collect()),
            Ok(None) => Err(StoreError::NoSession { session }),
            Err(source) => Err(self.sort(source)),
        }
    }

    /// The number of the first of them; `None` without such a session.
    fn insert(&mut self, session: SessionId, bodies: &[(i64, String)]) -> rusqlite::Result<Option<u64>> {
        let count = i64::try_from(bodies.len()).unwrap_or(i64::MAX);
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let last: Option<i64> = transaction
            .prepare_cached("UPDATE sessions SET last_seq = last_seq + ?2 WHERE id = ?1 RETURNING last_seq")?
            .query_row(params![key(session), count], |row| row.get(0))
            .optional()?;
        let Some(last) = last else { return Ok(None) };
        let first = last - count + 1;
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO events (session, seq, at_us, body) VALUES (?1, ?2, ?3, ?4)")?;
            for (seq, (at_us, body)) in (first..).zip(bodies) {
                insert.execute(params![key(session), seq, at_us, body])?;
            }
        }
        transaction.commit()?;
        Ok(Some(first.unsigned_abs()))
    }

    /// Up to `limit` events from `from` on, in order. `Seq(0)` and `Seq(1)` both mean the beginning; a place beyond
    /// the end gives none.
    ///
    /// # Errors
    /// [`StoreError::BadEvent`] for an event that this version cannot read.
    pub fn read_from(&self, session: SessionId, from: Seq, limit: usize) -> Result<Vec<Logged>, StoreError> {
        let rows: Vec<(u64, u64, String)> = self
            .rows(session, from, limit)
            .map_err(|source| self.sort(source))?;
        let mut result = Vec::with_capacity(rows.len());
        for (seq, at_us, body) in rows {
            let seq = Seq(seq);
            let event = serde_json::from_str(&body).map_err(|error| StoreError::BadEvent {
                session,
                seq,
                detail: error.to_string(),
            })?;
            result.push(Logged { seq, at_us, event });
        }
        Ok(result)
    }

    fn rows(&self, session: SessionId, from: Seq, limit: usize) -> rusqlite::Result<Vec<(u64, u64, String)>> {
        let mut select = self.db.prepare_cached(
            "SELECT seq, at_us, body FROM events WHERE session = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3",
        )?;
        let from = i64::try_from(from.0).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select.query_map(params![key(session), from, limit], |row| {
            Ok((
                row.get::<_, i64>(0)?.unsigned_abs(),
                row.get::<_, i64>(1)?.unsigned_abs(),
                row.get(2)?,
            ))
        })?;
        rows.collect()
    }

    /// The number of the session's last event, `Seq(0)` before the first.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] if there is no such session.
    pub fn last(&self, session: SessionId) -> Result<Seq, StoreError> {
        let last = self
            .db
            .query_row(
                "SELECT last_seq FROM sessions WHERE id = ?1",
                [key(session)],
                |row| row.get::<_, i64>(0),
            )
            .optional()
            .map_err(|source| self.sort(source))?;
        last.map(|last| Seq(last.unsigned_abs()))
            .ok_or(StoreError::NoSession { session })
    }

    /// Every session, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn sessions(&self) -> Result<Vec<SessionInfo>, StoreError> {
        self.session_rows().map_err(|source| self.sort(source))
    }

    fn session_rows(&self) -> rusqlite::Result<Vec<SessionInfo>> {
        let mut select = self
            .db
            .prepare_cached("SELECT id, root, title, made_us, last_seq FROM sessions ORDER BY id")?;
        let rows = select.query_map([], |row| {
            Ok(SessionInfo {
                id: SessionId(row.get::<_, i64>(0)?.unsigned_abs()),
                root: OsString::from_vec(row.get(1)?).into(),
                title: row.get(2)?,
                made_us: row.get::<_, i64>(3)?.unsigned_abs(),
                last: Seq(row.get::<_, i64>(4)?.unsigned_abs()),
            })
        })?;
        rows.collect()
    }

    fn sort(&self, source: rusqlite::Error) -> StoreError {
        let error = StoreError::of(&self.path, source);
        if matches!(error, StoreError::Corrupt { .. }) {
            open::mark_suspect(&self.path);
        }
        error
    }
}

/// Numbers of a lost log must not come again: a client may still hold one. Seconds since 1970 grow faster than sessions
/// are made.
fn seed_ids(db: &Connection) -> rusqlite::Result<()> {
    let sessions: i64 = db.query_row(
        "SELECT count(*) FROM sqlite_sequence WHERE name = 'sessions'",
        [],
        |row| row.get(0),
    )?;
    if sessions == 0 {
        db.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('sessions', ?1)",
            [open::wall_us() / 1_000_000],
        )?;
    }
    Ok(())
}

fn key(session: SessionId) -> i64 {
    i64::try_from(session.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = EventLog::open(dir.path()).unwrap();
        let session = log.create_session(Path::new("/r")).unwrap();
        let event = Event::Queued {
            text: "x".repeat(10_000),
        };
        log.append(session, &[(1, event.clone())]).unwrap();
        // The nearest thing to a full disk that needs no disk: the file may not grow.
        let pages: i64 = log
            .db
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        log.db
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .unwrap();
        let error = log.append(session, &vec![(2, event.clone()); 50]).unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        assert_eq!(log.last(session).unwrap(), Seq(1));
        log.db
            .query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(()))
            .unwrap();
        assert_eq!(log.append(session, &[(3, event)]).unwrap(), [Seq(2)]);
    }

    #[test]
    fn a_later_format_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        EventLog::open(dir.path())
            .unwrap()
            .db
            .pragma_update(None, "user_version", 99)
            .unwrap();
        let error = EventLog::open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("events.db"), "{error}");
    }

    #[test]
    fn an_event_of_a_later_version_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = EventLog::open(dir.path()).unwrap();
        let session = log.create_session(Path::new("/r")).unwrap();
        log.append(session, &[(1, Event::Queued { text: "a".into() })])
            .unwrap();
        log.db
            .execute("UPDATE events SET body = '{\"event\":\"from_the_future\"}'", [])
            .unwrap();
        let error = log.read_from(session, Seq(1), 10).unwrap_err();
        assert!(
            matches!(error, StoreError::BadEvent { seq: Seq(1), .. }),
            "{error}"
        );
    }
}
