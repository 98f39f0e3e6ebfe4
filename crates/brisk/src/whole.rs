//! Small files that are replaced as a whole. Whoever reads one finds the text before or the text after, never a half, also
//! while several processes write it at once: each writes beside it under a name of its own (the crate tempfile picks it).

use std::io::{self, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Puts these bytes in place of what is there, readable by the person alone. The folder must exist.
///
/// # Errors
/// What the system said; the file is then as it was, and nothing is left beside it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    beside(path, bytes)?.persist(path)?;
    Ok(())
}

/// Puts these bytes there, on disk when this returns, unless somebody was first. Then nothing changes, and what is there
/// is whole. The folder must exist.
///
/// # Errors
/// As [`replace`].
pub(crate) fn first(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = beside(path, bytes)?;
    fresh.as_file().sync_all()?;
    match fresh.persist_noclobber(path) {
        Err(e) if e.error.kind() != io::ErrorKind::AlreadyExists => Err(e.error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn beside(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let mut fresh = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    fresh.write_all(bytes)?;
    Ok(fresh)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const SAVERS: u8 = 4;

    /// What one saver writes: long enough that a half of it would be seen.
    fn text(saver: u8) -> Vec<u8> {
        vec![b'a' + saver; 50_000 + usize::from(saver)]
    }

    #[test]
    fn savers_at_the_same_time_leave_one_whole_text_and_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("policy.toml");
        replace(&file, &text(0)).unwrap();
        std::thread::scope(|s| {
            for saver in 0..SAVERS {
                let file = &file;
                s.spawn(move || {
                    for _ in 0..50 {
                        replace(file, &text(saver)).unwrap();
                        let read = std::fs::read(file).unwrap();
                        let by = read.first().unwrap() - b'a';
                        assert!(read == text(by), "{} bytes by {by}", read.len());
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn of_many_that_want_to_be_first_one_is() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("key");
            let found: Vec<Vec<u8>> = std::thread::scope(|s| {
                let savers = (0..SAVERS).map(|saver| {
                    let file = &file;
                    s.spawn(move || {
                        first(file, &text(saver)).unwrap();
                        std::fs::read(file).unwrap()
                    })
                });
                let savers: Vec<_> = savers.collect();
                savers.into_iter().map(|s| s.join().unwrap()).collect()
            });
            let by = found[0][0] - b'a';
            assert!(found.iter().all(|f| *f == text(by)));
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        assert!(replace(&folder, b"x").is_err());
        assert!(first(&dir.path().join("gone/key"), b"x").is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
