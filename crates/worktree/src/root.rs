//! Opening things below the repository root so that no name, link or race leads out of it.

use crate::error::{WorktreeError, io_at};
use crate::path::RelPath;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;
use std::fs::File as Handle;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The repository's top folder, held open.
pub(crate) struct Root {
    path: PathBuf,
    dir: OwnedFd,
    /// The kernel lacks `openat2`: walk component by component instead.
    walk: AtomicBool,
}

/// What the file system says of one regular file. Two equal values mean the same, untouched file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) size: u64,
    pub(crate) mtime_ns: i128,
    pub(crate) ctime_ns: i128,
    pub(crate) ino: u64,
    pub(crate) dev: u64,
    pub(crate) mode: u32,
    pub(crate) links: u64,
    pub(crate) owner: (u32, u32),
}

impl Meta {
    // The fields of `stat` differ in type from system to system; `as` widens each of them.
    #[allow(clippy::unnecessary_cast)]
    pub(crate) fn of(stat: &Stat) -> Meta {
        let ns = |s: i128, n: i128| s * 1_000_000_000 + n;
        Meta {
            size: stat.st_size as u64,
            mtime_ns: ns(stat.st_mtime as i128, stat.st_mtime_nsec as i128),
            ctime_ns: ns(stat.st_ctime as i128, stat.st_ctime_nsec as i128),
            ino: stat.st_ino as u64,
            dev: stat.st_dev as u64,
            mode: stat.st_mode as u32,
            links: stat.st_nlink as u64,
            owner: (stat.st_uid, stat.st_gid),
        }
    }

    /// Permission bits alone.
    pub(crate) fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }
}

/// A file's bytes and what the file system said of it at that moment.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) bytes: Vec<u8>,
    pub(crate) meta: Meta,
}

impl Root {
    /// `path` must be canonical.
    pub(crate) fn open(path: &Path) -> io::Result<Root> {
        let dir = openat(
            CWD,
            path,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        Ok(Root {
            path: path.to_owned(),
            dir,
            walk: AtomicBool::new(!cfg!(target_os = "linux")),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file without following any link. `None` if there is none; anything but a plain file is refused.
    pub(crate) fn read(&self, path: &RelPath) -> Result<Option<Seen>, WorktreeError> {
        let name = || path.as_str().to_owned();
        // Non-blocking, or a named pipe would hold us until somebody writes to it.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = match self.open_below(path.as_str(), flags) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(Errno::LOOP) => return Err(WorktreeError::Symlink { path: name() }),
            Err(Errno::XDEV) => return Err(WorktreeError::Outside { path: name() }),
            Err(Errno::NXIO | Errno::NODEV) => {
                return Err(WorktreeError::NotAFile {
                    path: name(),
                    what: "a socket or a device",
                });
            }
            Err(e) => return Err(io_at("read", self.path.join(path.as_str()))(e.into())),
        };
        let io = |e| io_at("read", self.path.join(path.as_str()))(e);
        let stat = fstat(&fd).map_err(|e| io(e.into()))?;
        if let Some(what) = not_a_file(&stat) {
            return Err(WorktreeError::NotAFile { path: name(), what });
        }
        let before = Meta::of(&stat);
        if before.size > brisk_patch::MAX_BYTES as u64 {
            return Err(WorktreeError::TooLarge {
                path: name(),
                bytes: before.size,
            });
        }
        let mut file = Handle::from(fd);
        let mut bytes = Vec::with_capacity(before.size as usize + 1);
        // A file that grows while it is read must not grow our memory with it.
        (&mut file)
            .take(brisk_patch::MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        if bytes.len() > brisk_patch::MAX_BYTES {
            return Err(WorktreeError::TooLarge {
                path: name(),
                bytes: bytes.len() as u64,
            });
        }
        // The older of the two: had the file changed while it was read, it will differ from this one later.
        Ok(Some(Seen { bytes, meta: before }))
    }

    /// Reads a file; a link to a file inside the repository is followed, to the path that is given back.
    pub(crate) fn read_through(&self, path: &RelPath) -> Result<(RelPath, Seen), WorktreeError> {
        let missing = || WorktreeError::Missing {
            path: path.as_str().to_owned(),
        };
        match self.read(path) {
            Ok(seen) => Ok((path.clone(), seen.ok_or_else(missing)?)),
            Err(WorktreeError::Symlink { .. }) => {
                // Resolved by name, checked, and opened again without links: a race ends in a refusal.
                let link = || WorktreeError::Symlink {
                    path: path.as_str().to_owned(),
                };
                let real = self.path.join(path.as_str()).canonicalize().map_err(|_| link())?;
                let below = real
                    .strip_prefix(&self.path)
                    .map_err(|_| link())?
                    .to_str()
                    .ok_or_else(link)?;
                let real = RelPath::new(below)?;
                let seen = self.read(&real)?.ok_or_else(missing)?;
                Ok((real, seen))
            }
            Err(e) => Err(e),
        }
    }

    /// Opens a folder below the root (the root itself for `None`), links refused.
    pub(crate) fn folder(&self, path: Option<&str>) -> io::Result<OwnedFd> {
        match path {
            None => Ok(self.dir.try_clone()?),
            Some(p) => Ok(self.open_below(p, OFlags::RDONLY | OFlags::DIRECTORY)?),
        }
    }

    fn open_below(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        #[cfg(target_os = "linux")]
        if !self.walk.load(Ordering::Relaxed) {
            use rustix::fs::{ResolveFlags, openat2};
            let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
            // EAGAIN: something was renamed while the kernel resolved the path.
            for _ in 0..8 {
                match openat2(&self.dir, path, flags, Mode::empty(), how) {
                    Err(Errno::AGAIN) => {}
                    // Old kernels lack it, and some seccomp filters answer EPERM for what they do not know.
                    Err(Errno::NOSYS | Errno::PERM) => {
                        self.walk.store(true, Ordering::Relaxed);
                        break;
                    }
                    other => return other,
                }
            }
        }
        self.open_by_walking(path, flags)
    }

    /// One component at a time, none of them a link. Components were checked by `RelPath`, so none leads upward.
    fn open_by_walking(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut dir: Option<OwnedFd> = None;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let here = dir.as_ref().map_or(self.dir.as_fd(), AsFd::as_fd);
            let last = parts.peek().is_none();
            let how = if last {
                flags
            } else {
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
            };
            match openat(here, part, how | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(fd) if last => return Ok(fd),
                Ok(fd) => dir = Some(fd),
                // With O_DIRECTORY a link answers ENOTDIR, as a plain file does.
                Err(Errno::NOTDIR) if is_link(here, part) => return Err(Errno::LOOP),
                Err(e) => return Err(e),
            }
        }
        Err(Errno::NOENT)
    }

    #[cfg(test)]
    pub(crate) fn without_openat2(self) -> Root {
        self.walk.store(true, Ordering::Relaxed);
        self
    }
}

fn is_link(dir: BorrowedFd<'_>, name: &str) -> bool {
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Symlink)
}

fn not_a_file(stat: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a folder"),
        FileType::Fifo => Some("a named pipe"),
        FileType::Symlink => Some("a symbolic link"),
        FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => {
            Some("a socket or a device")
        }
    }
}

/// What a folder has under `name`, links not followed.
pub(crate) fn stat_in(dir: BorrowedFd<'_>, name: &str) -> io::Result<Option<Meta>> {
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Meta::of(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn sample() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let root = top.join("repo");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::create_dir_all(top.join("out")).unwrap();
        std::fs::write(root.join("src/a.txt"), "a\n").unwrap();
        std::fs::write(root.join(".git/config"), "token\n").unwrap();
        std::fs::write(top.join("out/secret"), "s\n").unwrap();
        symlink("a.txt", root.join("src/link")).unwrap();
        symlink("../../out/secret", root.join("src/file-out")).unwrap();
        symlink("../../out", root.join("src/dir-out")).unwrap();
        symlink("../.git/config", root.join("src/git-in")).unwrap();
        symlink("/etc/hostname", root.join("src/absolute")).unwrap();
        symlink("/proc/self/root/etc/hostname", root.join("src/magic")).unwrap();
        symlink("loop", root.join("src/loop")).unwrap();
        (dir, root)
    }

    #[test]
    fn no_link_leads_out_with_and_without_openat2() {
        let (_keep, root) = sample();
        rustix::fs::mkfifoat(CWD, root.join("pipe"), Mode::RUSR).unwrap();
        for walk in [false, true] {
            let opened = Root::open(&root).unwrap();
            let r = if walk { opened.without_openat2() } else { opened };
            let strict = |p: &str| r.read(&RelPath::new(p).unwrap());
            assert_eq!(strict("src/a.txt").unwrap().unwrap().bytes, b"a\n");
            assert!(strict("src/none").unwrap().is_none());
            assert!(strict("none/at/all").unwrap().is_none());
            for link in [
                "src/link",
                "src/file-out",
                "src/dir-out/secret",
                "src/absolute",
                "src/magic",
                "src/loop",
            ] {
                assert!(
                    matches!(strict(link), Err(WorktreeError::Symlink { .. })),
                    "{link} walk={walk}"
                );
            }
            assert!(matches!(
                strict("src"),
                Err(WorktreeError::NotAFile { what: "a folder", .. })
            ));
            assert!(matches!(
                strict("pipe"),
                Err(WorktreeError::NotAFile {
                    what: "a named pipe",
                    ..
                })
            ));

            let through = |p: &str| r.read_through(&RelPath::new(p).unwrap());
            assert_eq!(through("src/link").unwrap().0.as_str(), "src/a.txt");
            for link in [
                "src/file-out",
                "src/dir-out/secret",
                "src/absolute",
                "src/magic",
                "src/loop",
            ] {
                assert!(
                    matches!(through(link), Err(WorktreeError::Symlink { .. })),
                    "{link} walk={walk}"
                );
            }
            assert!(matches!(
                through("src/git-in"),
                Err(WorktreeError::InGitDir { .. })
            ));
            assert!(matches!(through("src/none"), Err(WorktreeError::Missing { .. })));
        }
    }

    #[test]
    fn a_huge_file_is_refused_from_its_metadata() {
        let (_keep, root) = sample();
        // Sparse: reading it would show as a zero-filled 100 MB.
        std::fs::File::create(root.join("big"))
            .unwrap()
            .set_len(100 << 20)
            .unwrap();
        let r = Root::open(&root).unwrap();
        let got = r.read(&RelPath::new("big").unwrap());
        assert!(matches!(
            got,
            Err(WorktreeError::TooLarge {
                bytes: 104_857_600,
                ..
            })
        ));
    }
}
