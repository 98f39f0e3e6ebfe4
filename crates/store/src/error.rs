//! What can go wrong with a database, for the person: what, where, and what to do next.

use crate::log::Seq;
use brisk_domain::{JobId, SessionId};
use rusqlite::ErrorCode;
use std::io;
use std::path::{Path, PathBuf};

/// A failure of the event log or the felt store. After any of them the database is as it was before the call.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room for the transaction.
    #[error("no space left for the database {}; free some space there, nothing that was written is lost", path.display())]
    DiskFull {
        /// The database file.
        path: PathBuf,
    },
    /// The file is damaged. The next [`EventLog::open`](crate::EventLog::open) sets it aside.
    #[error(
        "the database {} is damaged ({detail}); restart the daemon (`brisk daemon stop`): it sets the file aside, \
         keeps it, and begins a new one",
        path.display()
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// The file was written by a later version of Brisk.
    #[error(
        "the database {} has format {found}, this version of Brisk knows up to {known}; use the later version, or \
         move the file away",
        path.display()
    )]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The last format known here.
        known: i64,
    },
    /// Another process holds the write lock for longer than any transaction takes.
    #[error("the database {} is held by another process; see `brisk daemon status`, then try again", path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
    },
    /// The session was never created in this log.
    #[error("session {session} is not in the event log; see `brisk log` for those that are")]
    NoSession {
        /// As asked.
        session: SessionId,
    },
    /// The job was never handed over here.
    #[error("there is no job {job}; see `brisk jobs list`")]
    NoJob {
        /// As asked.
        job: JobId,
    },
    /// The job belongs to somebody else by now, or is over: what its earlier owner writes is refused.
    #[error("job {job} is not this worker's any more")]
    Fenced {
        /// Which.
        job: JobId,
    },
    /// The job is not in the state that the change begins with.
    #[error("job {job} is {state}{}", way_out(*job, state))]
    NotThen {
        /// Which.
        job: JobId,
        /// What it is.
        state: &'static str,
    },
    /// Something about a job cannot be read, or cannot be written down.
    #[error("job {job} is not readable by this version of Brisk: {detail}")]
    BadJob {
        /// Which.
        job: JobId,
        /// What the decoder said.
        detail: String,
    },
    /// One logged event cannot be read, or one to be logged cannot be written.
    #[error("event {} of session {session} is not readable by this version of Brisk: {detail}", seq.0)]
    BadEvent {
        /// Whose.
        session: SessionId,
        /// Which.
        seq: Seq,
        /// What the decoder said.
        detail: String,
    },
    /// Folder or file could not be made, opened or moved.
    #[error("the database {} could not be used: {source}; see the rights on its folder", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Everything else that SQLite says.
    #[error(
        "the database {} could not be used: {source}; see that there is space for it, and the rights on its folder",
        path.display()
    )]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// What ends a job that is not over.
fn way_out(job: JobId, state: &str) -> String {
    match state {
        "open" => format!("; `brisk jobs cancel {job}` stops it"),
        _ => String::new(),
    }
}

impl StoreError {
    /// Sorts what SQLite said about the database at `path`.
    pub(crate) fn of(path: &Path, source: rusqlite::Error) -> StoreError {
        let path = path.to_owned();
        let code = source.sqlite_error_code();
        if code == Some(ErrorCode::DiskFull) {
            StoreError::DiskFull { path }
        } else if code == Some(ErrorCode::DatabaseCorrupt) || code == Some(ErrorCode::NotADatabase) {
            StoreError::Corrupt {
                path,
                detail: source.to_string(),
            }
        } else if code == Some(ErrorCode::DatabaseBusy) || code == Some(ErrorCode::DatabaseLocked) {
            StoreError::Busy { path }
        } else {
            StoreError::Sqlite { path, source }
        }
    }
}
