//! Whether the model file in a folder is whole, and taking it away.

use crate::models::catalogue::Entry;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What is there of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The whole file, with the right checksum.
    Present,
    /// A part of it; the next pull goes on from there.
    Partial {
        /// How much, bytes.
        bytes: u64,
    },
    /// Nothing.
    Missing,
    /// A file of that name that is not the model, or cannot be read.
    Corrupt {
        /// What is wrong with it.
        why: String,
    },
}

/// The files that belong to one model in one folder.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// The model itself.
    pub(super) whole: PathBuf,
    /// Its beginning, whatever the source; always a prefix of the whole.
    pub(super) part: PathBuf,
    /// Which parts of the mirror the beginning is made of.
    pub(super) parts: PathBuf,
    /// Wheels on their way through.
    pub(super) wheels: PathBuf,
    verified: PathBuf,
    lock: PathBuf,
}

impl Files {
    pub(super) fn of(entry: &Entry, dir: &Path) -> Files {
        let with = |suffix: &str| dir.join(format!("{}{suffix}", entry.file));
        Files {
            whole: with(""),
            part: with(".part"),
            parts: with(".parts"),
            wheels: with(".wheels"),
            verified: with(".verified"),
            lock: with(".lock"),
        }
    }

    /// The lock that whoever changes these files holds. The file stays: deleting it would let two in.
    pub(super) fn lock_file(&self) -> io::Result<File> {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&self.lock)
    }

    /// Leaves word that the whole file, as it is now, has the right checksum.
    pub(super) fn mark_verified(&self, sha256: &str) -> io::Result<()> {
        let mark = Mark::of(&std::fs::metadata(&self.whole)?, sha256);
        std::fs::write(
            &self.verified,
            serde_json::to_vec(&mark).map_err(io::Error::other)?,
        )
    }

    fn is_marked(&self, whole: &std::fs::Metadata, sha256: &str) -> bool {
        let mark = std::fs::read(&self.verified)
            .ok()
            .and_then(|text| serde_json::from_slice::<Mark>(&text).ok());
        mark == Some(Mark::of(whole, sha256))
    }
}

/// Size and time of a file whose checksum was right, so that later starts need not read a gigabyte.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    bytes: u64,
    modified_s: i64,
    modified_ns: i64,
    sha256: String,
}

impl Mark {
    fn of(file: &std::fs::Metadata, sha256: &str) -> Mark {
        Mark {
            bytes: file.len(),
            modified_s: file.mtime(),
            modified_ns: file.mtime_nsec(),
            sha256: sha256.to_owned(),
        }
    }
}

/// Where the model's file lies, or would lie.
pub fn path(entry: &Entry, dir: &Path) -> PathBuf {
    Files::of(entry, dir).whole
}

/// What is there of a model. A file that nobody has checked yet (copied by hand, say) is read once, which takes about
/// a second; after that a look at size and time is enough.
pub fn status(entry: &Entry, dir: &Path) -> Status {
    let files = Files::of(entry, dir);
    let whole = match std::fs::metadata(&files.whole) {
        Ok(whole) => whole,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match std::fs::metadata(&files.part) {
                Ok(part) if part.len() > 0 => Status::Partial { bytes: part.len() },
                Ok(_) | Err(_) => Status::Missing,
            };
        }
        Err(error) => {
            return Status::Corrupt {
                why: error.to_string(),
            };
        }
    };
    if whole.len() != entry.bytes {
        return Status::Corrupt {
            why: format!("it has {} bytes instead of {}", whole.len(), entry.bytes),
        };
    }
    if files.is_marked(&whole, entry.sha256) {
        return Status::Present;
    }
    match sha256_of(&files.whole, &mut |_| true) {
        Ok(Some(found)) if found == entry.sha256 => {
            // Without the mark the next start reads the file again, no more.
            let _ = files.mark_verified(entry.sha256);
            Status::Present
        }
        Ok(found) => Status::Corrupt {
            why: format!("its SHA-256 is {}", found.unwrap_or_default()),
        },
        Err(error) => Status::Corrupt {
            why: error.to_string(),
        },
    }
}

/// Takes a model away, with everything that a pull left, and tells how many bytes that freed.
///
/// # Errors
/// `WouldBlock` while a pull of the same model runs; else what the system said.
pub fn remove(entry: &Entry, dir: &Path) -> io::Result<u64> {
    if !dir.exists() {
        return Ok(0);
    }
    let files = Files::of(entry, dir);
    let lock = files.lock_file()?;
    lock.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => io::Error::new(
            io::ErrorKind::WouldBlock,
            format!("{} is being fetched; stop that first", entry.id),
        ),
        std::fs::TryLockError::Error(error) => error,
    })?;
    let mut freed = 0;
    for file in [&files.whole, &files.verified, &files.part, &files.parts] {
        let bytes = std::fs::metadata(file).map_or(0, |file| file.len());
        if gone(std::fs::remove_file(file))? {
            freed += bytes;
        }
    }
    gone(std::fs::remove_dir_all(&files.wheels))?;
    Ok(freed)
}

/// Whether something was there to remove.
pub(super) fn gone(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// SHA-256 of a file in lower-case hex. `progress` gets the bytes read so far and may say `false` to stop: then the
/// result is `None`.
pub(super) fn sha256_of(path: &Path, progress: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        done += count as u64;
        if !progress(done) {
            return Ok(None);
        }
    }
    Ok(Some(
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
    ))
}
