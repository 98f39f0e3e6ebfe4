//! What a commit changes beside HEAD, so that a commit that is refused leaves it as it was.

use super::PromoteError;
use super::asked::Careful;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The index first: what the person staged is only there.
const NAMES: [&str; 8] = [
    "index",
    "MERGE_HEAD",
    "MERGE_MSG",
    "MERGE_MODE",
    "AUTO_MERGE",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "SQUASH_MSG",
];

/// The person's index, and the files that say what git was in the middle of.
pub(super) struct Saved(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Saved {
    pub(super) fn take(git: &mut Careful<'_>) -> Result<Saved, PromoteError> {
        let read = |path: PathBuf| match content(&path) {
            Ok(found) => Ok((path, found)),
            Err(e) => Err(failed(&path, &e)),
        };
        let paths = git.paths(&NAMES)?;
        paths.into_iter().map(read).collect::<Result<_, _>>().map(Saved)
    }

    /// Puts everything back that is not as it was.
    pub(super) fn restore(self) -> Result<(), PromoteError> {
        self.0
            .into_iter()
            .try_for_each(|(path, was)| put(&path, was.as_deref()).map_err(|e| failed(&path, &e)))
    }
}

fn content(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn put(path: &Path, was: Option<&[u8]>) -> io::Result<()> {
    if content(path)?.as_deref() == was {
        return Ok(());
    }
    let Some(bytes) = was else {
        return fs::remove_file(path);
    };
    // Git's own way: whoever has made the lock may write the file.
    let lock = path.with_extension("lock");
    let mut file = File::options().write(true).create_new(true).open(&lock)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&lock, path));
    if written.is_err() {
        let _ = fs::remove_file(&lock);
    }
    written
}

fn failed(path: &Path, e: &io::Error) -> PromoteError {
    PromoteError::Git {
        doing: format!("keeping {} as it was", path.display()),
        said: e.to_string(),
    }
}
