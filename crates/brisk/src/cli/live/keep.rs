//! What outlives a client: the history of prompts, and what was not sent. Nothing here may fail loudly: a full disk
//! must not end a session.

use brisk_tui::Draft;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Bytes of history that are read.
const MAX_HISTORY: usize = 4 << 20;

/// Files of one client in one folder.
pub(super) struct Keep {
    folder: PathBuf,
    /// Names the working folder in file names.
    place: String,
    /// Locked for as long as this client lives: a number alone could be another process's by now.
    _alive: Option<File>,
}

impl Keep {
    /// Below the state folder.
    pub(super) fn open(state: &Path, cwd: &Path) -> Keep {
        let folder = state.join("live");
        // The parents may not exist before the daemon's first start.
        let _ = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        let digest = Sha256::digest(cwd.as_os_str().as_encoded_bytes());
        let place: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let mut keep = Keep {
            folder,
            place,
            _alive: None,
        };
        let lock = write_own(&keep.lock_file(std::process::id()), b"");
        keep._alive = lock
            .ok()
            .filter(|f| flock(f, FlockOperation::NonBlockingLockExclusive).is_ok());
        keep
    }

    fn lock_file(&self, pid: u32) -> PathBuf {
        self.draft_file(pid).with_extension("lock")
    }

    /// Whether the client with this number still runs.
    fn is_alive(&self, pid: u32) -> bool {
        File::open(self.lock_file(pid)).is_ok_and(|f| {
            matches!(
                flock(&f, FlockOperation::NonBlockingLockShared),
                Err(rustix::io::Errno::WOULDBLOCK)
            )
        })
    }

    fn history_file(&self) -> PathBuf {
        self.folder.join("history.jsonl")
    }

    fn draft_file(&self, pid: u32) -> PathBuf {
        self.folder.join(format!("draft-{}-{pid}.json", self.place))
    }

    /// Earlier prompts, oldest first.
    pub(super) fn history(&self) -> Vec<String> {
        let text = fs::read_to_string(self.history_file()).unwrap_or_default();
        let mut from = text.len().saturating_sub(MAX_HISTORY);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        let lines = text.get(from..).unwrap_or_default().lines();
        lines.filter_map(|l| serde_json::from_str(l).ok()).collect()
    }

    /// Adds a prompt to the history.
    pub(super) fn remember(&self, text: &str) {
        if text.trim().is_empty() || text.len() > 64 * 1024 {
            return;
        }
        if let Ok(mut line) = serde_json::to_vec(text) {
            line.push(b'\n');
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(self.history_file());
            let _ = file.and_then(|mut f| f.write_all(&line));
        }
    }

    /// What a client that is gone had not sent in this folder; it is ours from now on.
    pub(super) fn draft(&self) -> Option<Draft> {
        let prefix = format!("draft-{}-", self.place);
        let mut found: Vec<(std::time::SystemTime, PathBuf)> = fs::read_dir(&self.folder)
            .ok()?
            .filter_map(Result::ok)
            .filter(|e| {
                let name = e.file_name();
                let pid = name
                    .to_str()
                    .and_then(|n| n.strip_prefix(&prefix)?.strip_suffix(".json")?.parse().ok());
                pid.is_some_and(|pid: u32| !self.is_alive(pid))
            })
            .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
            .collect();
        found.sort();
        let (_, newest) = found.pop()?;
        let ours = self.draft_file(std::process::id());
        fs::rename(newest, &ours).ok()?;
        serde_json::from_slice(&fs::read(&ours).ok()?).ok()
    }

    /// Saves what is not sent; nothing to save takes the file away.
    pub(super) fn save(&self, draft: &Draft) {
        let file = self.draft_file(std::process::id());
        if draft.is_empty() {
            let _ = fs::remove_file(file);
            return;
        }
        // Beside it first, then over it: a crash leaves the old one.
        let new = file.with_extension("new");
        let Ok(bytes) = serde_json::to_vec(draft) else {
            return;
        };
        if write_own(&new, &bytes).is_ok() {
            let _ = fs::rename(&new, &file);
        }
    }

    /// Runs an editor on a text; what the file holds when it is done, or why there is nothing.
    pub(super) fn edited(
        &self,
        text: &str,
        suffix: &str,
        run: impl FnOnce(&Path) -> io::Result<ExitStatus>,
    ) -> Result<String, String> {
        let file = self.folder.join(format!("edit-{}{suffix}", std::process::id()));
        let outcome = write_own(&file, text.as_bytes())
            .and_then(|_| run(&file))
            .map_err(|e| format!("the editor could not be run: {e}; set EDITOR"))
            .and_then(|status| match status.success() {
                true => fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display())),
                false => Err("the editor ended with an error; nothing was changed".to_owned()),
            });
        let _ = fs::remove_file(file);
        outcome
    }
}

fn write_own(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

impl Drop for Keep {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.lock_file(std::process::id()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_clients_draft_is_found_once() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep::open(dir.path(), Path::new("/a"));
        assert_eq!(keep.draft(), None);
        let draft = Draft {
            text: "half a".into(),
            queue: vec!["next".into()],
        };
        // Ours: this process lives, so it is not taken for another's.
        keep.save(&draft);
        assert_eq!(keep.draft(), None);
        let other = Keep::open(dir.path(), Path::new("/b"));
        // Another client's, that has no lock any more.
        fs::rename(keep.draft_file(std::process::id()), keep.draft_file(12_345)).unwrap();
        assert_eq!(other.draft(), None);
        assert_eq!(keep.draft(), Some(draft));
        assert_eq!(keep.draft(), None);
        keep.save(&Draft::default());
        assert!(!keep.draft_file(std::process::id()).exists());
    }

    #[test]
    fn history_is_read_back_and_bad_lines_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep::open(dir.path(), Path::new("/a"));
        keep.remember("one\ntwo");
        keep.remember("  ");
        let mut file = OpenOptions::new().append(true).open(keep.history_file()).unwrap();
        file.write_all(b"{broken\n").unwrap();
        keep.remember("three");
        assert_eq!(keep.history(), ["one\ntwo", "three"]);
    }
}
