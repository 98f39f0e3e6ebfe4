//! File contents by digest, on disk before the journal names them.

use crate::ids::Digest;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A folder of contents, each in a file that is named by its SHA-256.
pub(crate) struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    pub(crate) fn open(dir: &Path) -> io::Result<Blobs> {
        fs::create_dir_all(dir)?;
        // Left by a crash; nothing refers to them.
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "tmp") {
                fs::remove_file(path)?;
            }
        }
        Ok(Blobs { dir: dir.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// Stores contents and waits until all of them are on disk; their names are after [`Blobs::sync`].
    pub(crate) fn put<'a>(&self, contents: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        for bytes in contents {
            let name = Digest::of(bytes).to_string();
            let target = self.dir.join(&name);
            // A name only appears after its bytes were synced, so a whole length means whole bytes.
            if fs::metadata(&target).is_ok_and(|m| m.len() == bytes.len() as u64) {
                continue;
            }
            let temp = self.dir.join(format!("{name}.tmp"));
            let written = write_synced(&temp, bytes).and_then(|()| fs::rename(&temp, &target));
            if written.is_err() {
                // Best effort: a leftover is removed at the next start.
                fs::remove_file(&temp).unwrap_or(());
            }
            written?;
        }
        Ok(())
    }

    /// Waits until the names of all contents are on disk. Cheap after another sync of the same disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// Contents by digest; damaged ones are an error, never given back.
    pub(crate) fn get(&self, digest: &Digest) -> io::Result<Vec<u8>> {
        let bytes = fs::read(self.dir.join(digest.to_string()))?;
        if Digest::of(&bytes) != *digest {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a stored content does not match its digest",
            ));
        }
        Ok(bytes)
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_come_back_and_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        blobs.put([b"one".as_slice(), b"two", b"one", b""]).unwrap();
        assert_eq!(blobs.get(&Digest::of(b"two")).unwrap(), b"two");
        assert_eq!(blobs.get(&Digest::of(b"")).unwrap(), b"");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        assert!(blobs.get(&Digest::of(b"three")).is_err());
        fs::write(dir.path().join(Digest::of(b"two").to_string()), "owt").unwrap();
        assert!(blobs.get(&Digest::of(b"two")).is_err());
        fs::write(dir.path().join("x.tmp"), "").unwrap();
        Blobs::open(dir.path()).unwrap();
        assert!(!dir.path().join("x.tmp").exists());
    }
}
