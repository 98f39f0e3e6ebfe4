//! The output of a command by its digest.

use brisk_domain::evidence::Digest;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Hashes what comes, and keeps it where a folder is given.
#[derive(Debug)]
pub(crate) struct Log {
    hash: Sha256,
    bytes: u64,
    file: Option<Partial>,
}

/// A file that has no name yet; removed when dropped.
#[derive(Debug)]
struct Partial {
    file: File,
    path: PathBuf,
    folder: PathBuf,
}

impl Log {
    /// An empty log. The folder is made if it is missing.
    pub(crate) fn new(folder: Option<&Path>) -> io::Result<Log> {
        Ok(Log {
            hash: Sha256::new(),
            bytes: 0,
            file: folder.map(Partial::new).transpose()?,
        })
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        match &mut self.file {
            Some(partial) => partial.file.write_all(bytes),
            None => Ok(()),
        }
    }

    /// The digest, which is now also the name of the file.
    pub(crate) fn finish(self) -> io::Result<Digest> {
        let digest = digest(self.hash)?;
        if let Some(partial) = &self.file {
            fs::rename(&partial.path, partial.folder.join(digest.as_str()))?;
        }
        Ok(digest)
    }
}

impl Partial {
    fn new(folder: &Path) -> io::Result<Partial> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(folder)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".{}-{number}.partial", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Partial {
            file,
            path,
            folder: folder.to_owned(),
        })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Once it has its name there is nothing here to remove.
        let _ = fs::remove_file(&self.path);
    }
}

/// The digest of a text.
pub(crate) fn digest_of(text: &str) -> io::Result<Digest> {
    digest(Sha256::new().chain_update(text))
}

fn digest(hash: Sha256) -> io::Result<Digest> {
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Digest::parse(&hex).ok_or_else(|| io::Error::other("a digest that is none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_found_by_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        let mut log = Log::new(Some(&logs)).unwrap();
        log.push(b"ab").unwrap();
        log.push(b"c").unwrap();
        assert_eq!(log.bytes(), 3);
        let digest = log.finish().unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.as_str(), abc);
        assert_eq!(fs::read(logs.join(abc)).unwrap(), b"abc");
        assert_eq!(digest_of("abc").unwrap(), digest);

        drop(Log::new(Some(&logs)).unwrap());
        assert_eq!(
            fs::read_dir(&logs).unwrap().count(),
            1,
            "a dropped log leaves nothing"
        );
    }
}
