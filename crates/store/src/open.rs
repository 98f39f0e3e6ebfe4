//! Opening the database: its form, the check for damage, and setting a damaged file aside.

use crate::error::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a database holds.
pub(crate) struct Schema {
    /// The form of the tables. Raised with every change of them.
    pub(crate) format: i64,
    /// Makes them.
    pub(crate) tables: &'static str,
    /// From each earlier form to the next one, from form 1 on.
    pub(crate) upgrades: &'static [&'static str],
    /// Called on the empty database that takes the place of a damaged one.
    pub(crate) after_loss: fn(&Connection) -> rusqlite::Result<()>,
}

/// A database up to this size, bytes, is checked page by page at every start (some 10 ms); a larger one only after
/// damage was met.
const ALWAYS_CHECKED: u64 = 16 << 20;

/// How long a write waits for another process. Transactions take milliseconds.
const BUSY: Duration = Duration::from_secs(5);

/// A damaged database that was moved away so that a new one could begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it lies now.
    pub path: PathBuf,
    /// What was wrong with it.
    pub why: String,
}

/// An open database with the lock that says that it is in use.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) db: Connection,
    pub(crate) set_aside: Option<SetAside>,
    pub(crate) in_use: File,
}

/// Opens `path`, making it and its folder if they are missing.
pub(crate) fn open(path: &Path, schema: &Schema) -> Result<Opened, StoreError> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(|source| io_error(dir, source))?;
    }
    let in_use = shared_lock(path)?;
    let why = match open_checked(path, schema) {
        Ok(db) => {
            return Ok(Opened {
                db,
                set_aside: None,
                in_use,
            });
        }
        Err(StoreError::Corrupt { detail, .. }) => detail,
        Err(other) => return Err(other),
    };
    drop(in_use);
    let aside = set_aside(path, &why)?;
    let in_use = shared_lock(path)?;
    let db = open_checked(path, schema)?;
    (schema.after_loss)(&db).map_err(|source| StoreError::of(path, source))?;
    Ok(Opened {
        db,
        set_aside: Some(SetAside { path: aside, why }),
        in_use,
    })
}

/// Leaves word that damage was met, so that the next start checks every page.
pub(crate) fn mark_suspect(path: &Path) {
    // Without the mark a small database is checked anyway.
    let _ = File::create(beside(path, "suspect"));
}

/// Wall clock in microseconds since 1970.
pub(crate) fn wall_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn open_checked(path: &Path, schema: &Schema) -> Result<Connection, StoreError> {
    let sort = |source| StoreError::of(path, source);
    // Made by us and not by SQLite, so that nobody else can read what the person says.
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| io_error(path, source))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(sort)?;
    db.busy_timeout(BUSY).map_err(sort)?;
    check(&db, path)?;

    // WAL: readers never wait, and a killed process leaves whole transactions. NORMAL: no fsync per transaction; a
    // power cut may cost the last ones, never the file.
    db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))
        .map_err(sort)?;
    db.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
        .map_err(sort)?;
    let transaction = db
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(sort)?;
    let format: i64 = transaction
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(sort)?;
    if format > schema.format {
        return Err(StoreError::TooNew {
            path: path.to_owned(),
            found: format,
            known: schema.format,
        });
    }
    if format < schema.format {
        match usize::try_from(format) {
            Ok(1..) => {
                let done = usize::try_from(format - 1).unwrap_or(0);
                for upgrade in schema.upgrades.iter().skip(done) {
                    transaction.execute_batch(upgrade).map_err(sort)?;
                }
            }
            Ok(0) | Err(_) => transaction.execute_batch(schema.tables).map_err(sort)?,
        }
        transaction
            .pragma_update(None, "user_version", schema.format)
            .map_err(sort)?;
    }
    transaction.commit().map_err(sort)?;
    Ok(db)
}

fn check(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let suspect = beside(path, "suspect");
    let size = std::fs::metadata(path)
        .map(|file| file.len())
        .map_err(|source| io_error(path, source))?;
    let sort = |source| StoreError::of(path, source);
    if size > ALWAYS_CHECKED && !suspect.exists() {
        return db.query_row("PRAGMA user_version", [], |_| Ok(())).map_err(sort);
    }
    let verdict: String = db
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(sort)?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            detail: verdict,
        });
    }
    // The mark is stale once every page was looked at; if it cannot go, the next start checks again.
    let _ = std::fs::remove_file(suspect);
    Ok(())
}

/// Moves the database with its journal away. Never while another process has it open.
fn set_aside(path: &Path, why: &str) -> Result<PathBuf, StoreError> {
    let lock = lock_file(path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Corrupt {
                path: path.to_owned(),
                detail: format!("{why}; another process still has it open"),
            });
        }
        Err(TryLockError::Error(source)) => return Err(io_error(path, source)),
    }
    let stamp = wall_us() / 1_000_000;
    let aside = (0..)
        .map(|n: u32| {
            beside(
                path,
                &if n == 0 {
                    format!("corrupt-{stamp}")
                } else {
                    format!("corrupt-{stamp}-{n}")
                },
            )
        })
        .find(|name| !name.exists())
        .ok_or_else(|| io_error(path, io::Error::other("no free name for the damaged file")))?;
    // The journal first: a new database next to an old journal would take its pages for its own.
    for suffix in ["-wal", "-shm", ""] {
        let from = with_suffix(path, suffix);
        match std::fs::rename(&from, with_suffix(&aside, suffix)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(io_error(&from, source)),
            _ => {}
        }
    }
    let _ = std::fs::remove_file(beside(path, "suspect"));
    Ok(aside)
}

fn shared_lock(path: &Path) -> Result<File, StoreError> {
    let file = lock_file(path)?;
    file.lock_shared().map_err(|source| io_error(path, source))?;
    Ok(file)
}

fn lock_file(path: &Path) -> Result<File, StoreError> {
    let path = beside(path, "lock");
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|source| io_error(&path, source))
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    with_suffix(path, &format!(".{extension}"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn io_error(path: &Path, source: io::Error) -> StoreError {
    if source.kind() == io::ErrorKind::StorageFull {
        StoreError::DiskFull {
            path: path.to_owned(),
        }
    } else {
        StoreError::Io {
            path: path.to_owned(),
            source,
        }
    }
}
