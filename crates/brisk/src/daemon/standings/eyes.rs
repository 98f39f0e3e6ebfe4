//! Eyes on a repository: the folders of its files, the gate's own folders, HEAD. inotify by hand, because only the
//! folders that may hold files of the tree are wanted: a watch of everything below the root would wake for every build.

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Folders that are watched, at most.
const FOLDERS: usize = 4_096;

/// Folders can be made faster than they are watched; then the next change is waited for.
const ROUNDS: usize = 8;

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

/// What matters in the gate's folders.
const GATE: [&[u8]; 4] = [b"ledger", b"running", b"policy.toml", b"signer.json"];

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

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Woke {
    /// The time is up.
    Late,
    /// The bell, the gate or git.
    Other,
    /// A file, or something that may be one.
    Files,
}

/// See the module.
pub(super) struct Eyes {
    fd: Option<OwnedFd>,
    folders: BTreeMap<PathBuf, i32>,
    kinds: BTreeMap<i32, Of>,
    most: usize,
    blind: bool,
    /// What is recorded for git matters, too.
    index: bool,
}

impl Eyes {
    pub(super) fn open(root: &Path) -> Eyes {
        let mut eyes = Eyes {
            fd: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok(),
            folders: BTreeMap::new(),
            kinds: BTreeMap::new(),
            most: FOLDERS,
            blind: false,
            index: false,
        };
        // A linked worktree has its HEAD elsewhere.
        if let Some(git) = brisk_worktree::git_folder(root) {
            eyes.add(&git, Of::Git);
            eyes.add(&git.join("logs"), Of::Git);
        }
        eyes
    }

    /// Whether something can change that is not seen: more folders than are watched, or than the system watches.
    pub(super) fn are_blind(&self) -> bool {
        self.blind || self.fd.is_none()
    }

    /// Whether git's index matters: it does where no tree could be taken, as a merge that ends may be the cure.
    pub(super) fn on_index(&mut self, matters: bool) {
        self.index = matters;
    }

    /// Whether it was not watched before, and now is.
    fn add(&mut self, folder: &Path, of: Of) -> bool {
        let flags = match of {
            // A mode is a part of the tree.
            Of::Files => {
                WatchFlags::CLOSE_WRITE
                    | WatchFlags::ATTRIB
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
        let Some(fd) = &self.fd else { return false };
        if self.folders.contains_key(folder) {
            return false;
        }
        if self.folders.len() >= self.most {
            self.blind = true;
            return false;
        }
        match inotify::add_watch(fd, folder, flags | WatchFlags::ONLYDIR) {
            Ok(watch) => {
                // One that was moved keeps its watch; what has its old name now needs another one.
                self.folders.retain(|_, w| *w != watch);
                self.folders.insert(folder.to_owned(), watch);
                self.kinds.insert(watch, of);
                true
            }
            // A folder that is just gone has nothing to see.
            Err(Errno::NOENT | Errno::NOTDIR) => false,
            Err(_) => {
                self.blind = true;
                false
            }
        }
    }

    /// Watches the folders of a repository as they are now. To be called before its files are looked at: what changes
    /// after that is seen.
    pub(super) fn on_files(&mut self, root: &Path) {
        self.blind = false;
        for _ in 0..ROUNDS {
            let wanted = brisk_worktree::folders(root);
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
            let new = wanted.iter().filter(|f| self.add(f, Of::Files)).count();
            // In a new one another one may have been made before it was watched.
            if new == 0 {
                break;
            }
        }
    }

    /// The gate's folders, which come into being with the first question; whether one was not watched before.
    pub(super) fn on_gate(&mut self, folders: &[PathBuf]) -> bool {
        let new = folders.iter().filter(|f| self.add(f, Of::Gate)).count();
        new > 0
    }

    /// Waits until something has changed or the bell rings.
    pub(super) fn wait(&mut self, bell: &Bell, limit: Option<Duration>) -> Woke {
        loop {
            let timeout = limit.and_then(|l| rustix::time::Timespec::try_from(l).ok());
            let mut fds = vec![PollFd::new(&bell.0, PollFlags::IN)];
            if let Some(fd) = &self.fd {
                fds.push(PollFd::new(fd, PollFlags::IN));
            }
            match poll(&mut fds, timeout.as_ref()) {
                Ok(0) => return Woke::Late,
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(_) => return Woke::Late,
            }
            let rang = fds.first().is_some_and(|fd| !fd.revents().is_empty());
            if rang {
                bell.silence();
            }
            let woke = self.saw().max(if rang { Woke::Other } else { Woke::Late });
            if woke != Woke::Late {
                return woke;
            }
        }
    }

    /// Takes what has come in; what of it matters.
    fn saw(&mut self) -> Woke {
        let mut woke = Woke::Late;
        let mut gone = Vec::new();
        if let Some(fd) = &self.fd {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(fd, &mut buffer);
            while let Ok(event) = reader.next() {
                let name = event.file_name().map(std::ffi::CStr::to_bytes);
                let other = match self.kinds.get(&event.wd()) {
                    Some(Of::Files) => {
                        woke = Woke::Files;
                        false
                    }
                    Some(Of::Gate) => name.is_some_and(|n| GATE.contains(&n)),
                    Some(Of::Git) => name == Some(b"HEAD") || (self.index && name == Some(b"index")),
                    // Of one that is not watched any more; or more came than could be held.
                    None => event.wd() < 0,
                };
                if other {
                    woke = woke.max(Woke::Other);
                }
                if event.events().contains(inotify::ReadFlags::IGNORED) {
                    gone.push(event.wd());
                }
            }
        }
        for watch in gone {
            self.kinds.remove(&watch);
            self.folders.retain(|_, w| *w != watch);
        }
        woke
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    struct World {
        dir: tempfile::TempDir,
        root: PathBuf,
        bell: Bell,
        eyes: Eyes,
    }

    fn world(folders: &[&str]) -> World {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("repo");
        for folder in [".git/logs", "src", "target"].iter().chain(folders) {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join(".gitignore"), "target/\n").unwrap();
        fs::write(root.join("src/a.rs"), "a").unwrap();
        let mut eyes = Eyes::open(&root);
        eyes.on_files(&root);
        World {
            bell: Bell::new().unwrap(),
            dir,
            root,
            eyes,
        }
    }

    impl World {
        /// What is seen of one change. That nothing is seen is told by the bell, which rings after it.
        fn after(&mut self, change: impl FnOnce(&Path)) -> Woke {
            change(&self.root);
            self.bell.ring();
            let woke = self.eyes.wait(&self.bell, None);
            assert_eq!(self.eyes.wait(&self.bell, Some(Duration::ZERO)), Woke::Late);
            woke
        }

        fn saves(&mut self, path: &str) -> Woke {
            self.after(|root| fs::write(root.join(path), "x").unwrap())
        }
    }

    #[test]
    fn files_ledger_and_head_are_seen_and_builds_are_not() {
        let mut w = world(&[]);
        let gate = w.dir.path().join("gate");
        fs::create_dir(&gate).unwrap();
        assert!(w.eyes.on_gate(std::slice::from_ref(&gate)));
        assert!(!w.eyes.on_gate(&[gate]), "known");
        let cases = [
            ("src/a.rs", Woke::Files),
            ("new.txt", Woke::Files),
            ("target/debug", Woke::Late),
            (".git/index", Woke::Late),
            (".git/HEAD", Woke::Other),
            (".git/logs/HEAD", Woke::Other),
            ("../gate/ledger", Woke::Other),
            ("../gate/running", Woke::Other),
            ("../gate/signer.json", Woke::Other),
            ("../gate/head.tmp", Woke::Late),
        ];
        for (path, want) in cases {
            fs::write(w.root.join(path), "x").unwrap();
            assert_eq!(w.eyes.saw(), want, "{path}");
            assert_eq!(w.eyes.saw(), Woke::Late, "{path}");
        }
        w.eyes.on_index(true);
        fs::write(w.root.join(".git/index"), "x").unwrap();
        assert_eq!(w.eyes.saw(), Woke::Other);
        w.bell.ring();
        assert_eq!(w.eyes.wait(&w.bell, None), Woke::Other);
        let mode = fs::Permissions::from_mode(0o755);
        let woke = w.after(|root| fs::set_permissions(root.join("src/a.rs"), mode).unwrap());
        assert_eq!(woke, Woke::Files, "a mode");
    }

    #[test]
    fn folders_are_watched_before_they_hold_a_file_and_when_they_come_back() {
        let mut w = world(&["empty"]);
        assert_eq!(w.saves("empty/a.rs"), Woke::Files);
        type Step = (&'static str, fn(&Path), &'static str);
        let steps: [Step; 4] = [
            (
                "new",
                |root| fs::create_dir_all(root.join("src/new/deep")).unwrap(),
                "src/new/deep/a.rs",
            ),
            (
                "the same again",
                |root| {
                    fs::remove_dir_all(root.join("src/new")).unwrap();
                    fs::create_dir_all(root.join("src/new/deep")).unwrap();
                },
                "src/new/deep/a.rs",
            ),
            (
                "its name has gone to another",
                |root| {
                    fs::rename(root.join("src/new"), root.join("src/old")).unwrap();
                    fs::create_dir(root.join("src/new")).unwrap();
                },
                "src/new/b.rs",
            ),
            ("moved", |_| {}, "src/old/deep/b.rs"),
        ];
        for (name, change, file) in steps {
            change(&w.root);
            // What was waited for is looked at until nothing more comes, as after each wait.
            while w.eyes.saw() != Woke::Late {
                w.eyes.on_files(&w.root);
            }
            assert_eq!(w.saves(file), Woke::Files, "{name}");
        }
    }

    #[test]
    fn a_linked_worktree_has_its_head_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let (root, git) = (dir.path().join("linked"), dir.path().join("git"));
        for folder in [&root, &git] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(root.join(".git"), format!("gitdir: {}\n", git.display())).unwrap();
        let mut eyes = Eyes::open(&root);
        fs::write(git.join("HEAD"), "x").unwrap();
        assert_eq!(eyes.saw(), Woke::Other);
    }

    #[test]
    fn who_cannot_see_all_says_so() {
        let mut w = world(&["b", "c"]);
        assert!(!w.eyes.are_blind());
        w.eyes.most = w.eyes.folders.len();
        fs::create_dir(w.root.join("d")).unwrap();
        w.eyes.on_files(&w.root);
        assert!(w.eyes.are_blind());
        fs::remove_dir(w.root.join("d")).unwrap();
        w.eyes.on_files(&w.root);
        assert!(!w.eyes.are_blind());
    }
}
