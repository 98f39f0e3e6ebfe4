//! Eyes on a repository: the folders of its files, the gate's own folder, HEAD. inotify by hand, because only the
//! folders that hold files of the tree are wanted: a watch of everything below the root would wake for every build.

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Folders that are watched, at most; what lies in more is seen at the next other occasion.
const FOLDERS: usize = 4_096;

/// Wakes a thread from elsewhere.
pub(super) struct Bell(OwnedFd);

impl Bell {
    pub(super) fn new() -> io::Result<Bell> {
        Ok(Bell(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(super) fn ring(&self) {
        // It only fails while it rings.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    fn silence(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

/// What a change in a folder means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Files of the tree: whatever changes.
    Files,
    /// The ledger, the check that runs, the policy.
    Gate,
    /// Git's own: only where HEAD goes.
    Git,
}

/// See the module. Where the system has no eyes left, only the bell wakes.
pub(super) struct Eyes {
    fd: Option<OwnedFd>,
    folders: BTreeMap<PathBuf, i32>,
    kinds: BTreeMap<i32, Of>,
}

impl Eyes {
    pub(super) fn open(root: &Path) -> Eyes {
        let mut eyes = Eyes {
            fd: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok(),
            folders: BTreeMap::new(),
            kinds: BTreeMap::new(),
        };
        let git = root.join(".git");
        eyes.add(&git, Of::Git);
        eyes.add(&git.join("logs"), Of::Git);
        eyes
    }

    fn add(&mut self, folder: &Path, of: Of) {
        let flags = match of {
            Of::Files => {
                WatchFlags::CLOSE_WRITE
                    | WatchFlags::CREATE
                    | WatchFlags::DELETE
                    | WatchFlags::MOVED_FROM
                    | WatchFlags::MOVED_TO
            }
            // A ledger is opened for writing also by those who only read it.
            Of::Gate | Of::Git => {
                WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_TO
            }
        };
        let Some(fd) = &self.fd else { return };
        if self.folders.contains_key(folder) || self.folders.len() >= FOLDERS {
            return;
        }
        // A folder that is just gone has nothing to see.
        if let Ok(watch) = inotify::add_watch(fd, folder, flags | WatchFlags::ONLYDIR) {
            self.folders.insert(folder.to_owned(), watch);
            self.kinds.insert(watch, of);
        }
    }

    /// These are the files of the tree now.
    pub(super) fn on_files(&mut self, root: &Path, paths: &BTreeSet<String>) {
        let mut wanted = BTreeSet::from([root.to_owned()]);
        for path in paths {
            let above = Path::new(path).ancestors().skip(1);
            for folder in above {
                if !wanted.insert(root.join(folder)) {
                    break;
                }
            }
        }
        let gone: Vec<(PathBuf, i32)> = self
            .folders
            .iter()
            .filter(|(f, w)| self.kinds.get(w) == Some(&Of::Files) && !wanted.contains(*f))
            .map(|(f, w)| (f.clone(), *w))
            .collect();
        for (folder, watch) in gone {
            self.folders.remove(&folder);
            self.kinds.remove(&watch);
            // The folder may be gone, and its watch with it.
            let _ = self.fd.as_ref().map(|fd| inotify::remove_watch(fd, watch));
        }
        wanted.iter().for_each(|f| self.add(f, Of::Files));
    }

    /// The gate's folders; they come into being with the first question.
    pub(super) fn on_gate(&mut self, folders: &[PathBuf]) {
        folders.iter().for_each(|f| self.add(f, Of::Gate));
    }

    /// Waits until something has changed or the bell rings; false: the time is up.
    pub(super) fn wait(&mut self, bell: &Bell, limit: Option<Duration>) -> bool {
        loop {
            let timeout = limit.and_then(|l| rustix::time::Timespec::try_from(l).ok());
            let mut fds = vec![PollFd::new(&bell.0, PollFlags::IN)];
            if let Some(fd) = &self.fd {
                fds.push(PollFd::new(fd, PollFlags::IN));
            }
            match poll(&mut fds, timeout.as_ref()) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return false,
            }
            let rang = fds.first().is_some_and(|fd| !fd.revents().is_empty());
            if rang {
                bell.silence();
            }
            if self.saw() || rang {
                return true;
            }
        }
    }

    /// Takes what has come in; whether any of it matters.
    fn saw(&mut self) -> bool {
        let mut matters = false;
        let mut gone = Vec::new();
        if let Some(fd) = &self.fd {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(fd, &mut buffer);
            while let Ok(event) = reader.next() {
                let ours = event.file_name().map(std::ffi::CStr::to_bytes);
                matters |= match self.kinds.get(&event.wd()) {
                    Some(Of::Files) => true,
                    Some(Of::Gate) => {
                        ours.is_some_and(|n| matches!(n, b"ledger" | b"running" | b"policy.toml"))
                    }
                    Some(Of::Git) => ours == Some(b"HEAD"),
                    // Of one that is not watched any more; or more came than could be held.
                    None => event.wd() < 0,
                };
                if event.events().contains(inotify::ReadFlags::IGNORED) {
                    gone.push(event.wd());
                }
            }
        }
        for watch in gone {
            self.kinds.remove(&watch);
            self.folders.retain(|_, w| *w != watch);
        }
        matters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_ledger_and_head_are_seen_and_builds_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let (root, gate) = (dir.path().join("repo"), dir.path().join("gate"));
        for folder in [".git/logs", "src", "target"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::create_dir(&gate).unwrap();
        let bell = Bell::new().unwrap();
        let mut eyes = Eyes::open(&root);
        eyes.on_files(&root, &BTreeSet::from(["src/a.rs".to_owned()]));
        eyes.on_gate(std::slice::from_ref(&gate));
        let cases = [
            ("src/a.rs", true),
            ("new.txt", true),
            ("target/debug", false),
            (".git/index", false),
            (".git/HEAD", true),
            (".git/logs/HEAD", true),
            ("../gate/ledger", true),
            ("../gate/running", true),
            ("../gate/head.tmp", false),
        ];
        for (path, want) in cases {
            std::fs::write(root.join(path), "x").unwrap();
            // Not seen is told by the bell, which rings after it.
            if !want {
                bell.ring();
            }
            assert!(eyes.wait(&bell, None), "{path}");
            assert!(!eyes.saw(), "{path}");
            let nothing = eyes.wait(&bell, Some(Duration::ZERO));
            assert!(!nothing, "{path}");
        }
    }
}
