//! What the person said about repositories: how far each is trusted, who said so, when, and what was pinned by it. Kept
//! apart from every repository, so that none can speak for itself.

use crate::error::StoreError;
use crate::open::{self, SetAside};
use rusqlite::{Connection, OptionalExtension, params};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const SCHEMA: open::Schema = open::Schema {
    format: 1,
    tables: "
    CREATE TABLE trust (
        root   BLOB    NOT NULL PRIMARY KEY,
        level  TEXT    NOT NULL,
        who    TEXT    NOT NULL,
        at_ms  INTEGER NOT NULL,
        digest TEXT    NOT NULL,
        pins   TEXT    NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    upgrades: &[],
    // What is lost is not trusted any more.
    after_loss: |_| Ok(()),
};

/// One word of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRow {
    /// How far, as policies name it.
    pub level: String,
    /// Who said so.
    pub who: String,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// Digest of everything that was pinned.
    pub digest: String,
    /// The files that were pinned: path below the root, digest of the content.
    pub pins: Vec<(String, String)>,
}

/// The store. Several may be open on one folder: each reads what the others wrote.
#[derive(Debug)]
pub struct TrustStore {
    db: Connection,
    path: PathBuf,
    set_aside: Option<SetAside>,
    /// Held so that nobody moves the file away under us.
    _in_use: File,
}

impl TrustStore {
    /// Where the store lies below the state folder.
    pub fn path_in(dir: &Path) -> PathBuf {
        dir.join("trust.db")
    }

    /// Opens `trust.db` in `dir`, making both if they are missing. A damaged file is renamed, never deleted; then nothing
    /// is trusted.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be used, or the file comes from a later version.
    pub fn open(dir: &Path) -> Result<TrustStore, StoreError> {
        let path = TrustStore::path_in(dir);
        let opened = open::open(&path, &SCHEMA)?;
        let store = TrustStore {
            db: opened.db,
            path,
            set_aside: opened.set_aside,
            _in_use: opened.in_use,
        };
        // A word that was taken back must not come back after a power cut.
        store.with(|db| db.execute_batch("PRAGMA synchronous = FULL"))?;
        Ok(store)
    }

    /// The damaged file that [`TrustStore::open`] moved away, if it did.
    pub fn set_aside(&self) -> Option<&SetAside> {
        self.set_aside.as_ref()
    }

    /// What was said about the repository with this root (canonical).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn get(&self, root: &Path) -> Result<Option<TrustRow>, StoreError> {
        self.with(|db| {
            let mut found =
                db.prepare_cached("SELECT level, who, at_ms, digest, pins FROM trust WHERE root = ?1")?;
            let row = found.query_row([root.as_os_str().as_bytes()], |row| {
                Ok(TrustRow {
                    level: row.get(0)?,
                    who: row.get(1)?,
                    at_ms: row.get::<_, i64>(2)?.unsigned_abs(),
                    digest: row.get(3)?,
                    // What cannot be read pins nothing, and then its digest is another one.
                    pins: serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default(),
                })
            });
            row.optional()
        })
    }

    /// Writes the person's word down, in the place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError`]; the earlier one stands then.
    pub fn put(&self, root: &Path, row: &TrustRow) -> Result<(), StoreError> {
        let pins = serde_json::to_string(&row.pins).unwrap_or_default();
        let at_ms = i64::try_from(row.at_ms).unwrap_or(i64::MAX);
        self.with(|db| {
            db.execute(
                "INSERT OR REPLACE INTO trust (root, level, who, at_ms, digest, pins) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![root.as_os_str().as_bytes(), row.level, row.who, at_ms, row.digest, pins],
            )
            .map(drop)
        })
    }

    /// Takes it back. `false`: nothing was said.
    ///
    /// # Errors
    /// [`StoreError`]; it stands then.
    pub fn remove(&self, root: &Path) -> Result<bool, StoreError> {
        self.with(|db| {
            let gone = db.execute("DELETE FROM trust WHERE root = ?1", [root.as_os_str().as_bytes()])?;
            Ok(gone > 0)
        })
    }

    fn with<T>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        f(&self.db).map_err(|source| StoreError::of(&self.path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(level: &str, pins: &[(&str, &str)]) -> TrustRow {
        TrustRow {
            level: level.to_owned(),
            who: "me".to_owned(),
            at_ms: 7,
            digest: "d".to_owned(),
            pins: pins
                .iter()
                .map(|(p, d)| ((*p).to_owned(), (*d).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn the_last_word_stands_for_everybody_until_it_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let (here, there) = (
            TrustStore::open(dir.path()).unwrap(),
            TrustStore::open(dir.path()).unwrap(),
        );
        let root = Path::new("/r");
        assert_eq!(here.get(root).unwrap(), None);
        here.put(root, &row("known", &[("brisk.toml", "1")])).unwrap();
        let second = row("trusted", &[("brisk.toml", "2")]);
        there.put(root, &second).unwrap();
        assert_eq!(here.get(root).unwrap(), Some(second));
        assert_eq!(here.get(Path::new("/r/below")).unwrap(), None);
        assert!(here.remove(root).unwrap());
        assert_eq!(there.get(root).unwrap(), None);
        assert!(!there.remove(root).unwrap());
    }

    #[test]
    fn a_damaged_store_trusts_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = Path::new("/r");
        TrustStore::open(dir.path())
            .unwrap()
            .put(root, &row("known", &[]))
            .unwrap();
        std::fs::write(TrustStore::path_in(dir.path()), [7; 4096]).unwrap();
        let store = TrustStore::open(dir.path()).unwrap();
        assert!(store.set_aside().is_some());
        assert_eq!(store.get(root).unwrap(), None);
    }
}
