//! The gate's ledger on disk: lines that are only added, and, apart from them, what the last one was. What the lines
//! say is the gate's matter.

use crate::error::StoreError;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A ledger's file, locked: nobody else adds to it while this lives. Hold it for as long as reading and adding take,
/// not for as long as a check runs.
#[derive(Debug)]
pub struct LedgerFile {
    dir: PathBuf,
    file: File,
}

impl LedgerFile {
    /// Opens `ledger` in `dir`, making both if they are missing. Waits while another process has it.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(dir: &Path) -> Result<LedgerFile, StoreError> {
        let path = dir.join("ledger");
        let opened = || {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .mode(0o600)
                .open(&path)?;
            file.lock()?;
            Ok(file)
        };
        let file = opened().map_err(io_at(&path))?;
        Ok(LedgerFile {
            dir: dir.to_owned(),
            file,
        })
    }

    /// Where the lines are.
    pub fn path(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    /// All bytes; the last line may be torn.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn read(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let read = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(io_at(&self.path()))
    }

    /// What was said of the last line when it was added; `None` before the first.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn head(&self) -> Result<Option<String>, StoreError> {
        let path = self.dir.join("head");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io_at(&path)(e)),
        }
    }

    /// Says what is last before there is a first line, so that a ledger never has lines and no word on its end.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::DiskFull`]; no line is there then.
    pub fn begin(&self, head: &str) -> Result<(), StoreError> {
        self.say(head).map_err(io_at(&self.path()))
    }

    fn say(&self, head: &str) -> io::Result<()> {
        let fresh = self.dir.join("head.tmp");
        let mut file = File::create(&fresh)?;
        file.write_all(head.as_bytes())?;
        file.sync_data()?;
        fs::rename(&fresh, self.dir.join("head"))?;
        File::open(&self.dir)?.sync_all()
    }

    /// Adds a line (with its end) after the first `whole` bytes (what stands after them is the torn beginning of a
    /// line), then says what is last. Both are on disk when this returns; after a crash in between the line is there
    /// and the head is the older one.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::DiskFull`]; the line may then be there or not.
    pub fn append(&mut self, whole: u64, line: &str, head: &str) -> Result<(), StoreError> {
        let at = self.path();
        let mut add = || -> io::Result<()> {
            self.file.set_len(whole)?;
            self.file.seek(SeekFrom::Start(whole))?;
            self.file.write_all(line.as_bytes())?;
            self.file.sync_data()?;
            self.say(head)
        };
        add().map_err(io_at(&at))
    }
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| {
        if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ) {
            StoreError::DiskFull { path }
        } else {
            StoreError::Io { path, source }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_and_a_torn_one_gives_way() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("gate");
        let mut ledger = LedgerFile::open(&at).unwrap();
        assert_eq!((ledger.read().unwrap(), ledger.head().unwrap()), (vec![], None));
        ledger.append(0, "one\n", "1").unwrap();
        ledger.append(4, "two\n", "2").unwrap();
        drop(ledger);
        // As a crash leaves it.
        let mut file = OpenOptions::new().append(true).open(at.join("ledger")).unwrap();
        file.write_all(b"thr").unwrap();
        let mut ledger = LedgerFile::open(&at).unwrap();
        assert_eq!(ledger.read().unwrap(), b"one\ntwo\nthr");
        ledger.append(8, "4\n", "3").unwrap();
        assert_eq!(ledger.read().unwrap(), b"one\ntwo\n4\n");
        assert_eq!(ledger.head().unwrap().as_deref(), Some("3"));
    }
}
