//! A folder in which a tree is laid out to be checked: re-used, so that builds stay warm; outside of the person's
//! root, so that no draft can write to it; with a build folder of its own (see [`crate::build`]), because two trees
//! that share one can pass with each other's results.
//!
//! Files that are right already are left alone with their times. Everything else goes: what an earlier check left
//! behind must not count for the next one.

use crate::error::{WorktreeError, io_at};
use crate::snapshot::{Listing, Reader, Snapshots, read_plain};
use crate::statcache::{Print, StatCache};
use gix_hash::{Kind as Hash, ObjectId};
use gix_object::Kind;
use gix_object::tree::EntryKind;
use rustix::fs::FlockOperation;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

/// So many files are worth more than one thread.
const SHARED: usize = 1_000;

/// Threads that write files, at most.
const WORKERS: usize = 4;

/// A slot, held: nobody else uses it while this lives.
pub struct Slot {
    pub(crate) work: PathBuf,
    pub(crate) build: PathBuf,
    cache: StatCache,
    pub(crate) fresh: bool,
    _lock: File,
}

impl Slot {
    /// Takes the slot in a folder, which is made if it is missing. `None`: another one has it. Nobody waits in here: who
    /// waits wants to hear of other things, too.
    pub(crate) fn take(dir: &Path) -> Result<Option<Slot>, WorktreeError> {
        let (work, build) = (dir.join("work"), dir.join("build"));
        let made = build.exists();
        for folder in [&work, &build] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(io_at("make", folder))?;
        }
        let path = dir.join("lock");
        let open = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let lock = open.map_err(io_at("open", &path))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(e) => return Err(io_at("lock", &path)(e)),
        }
        Ok(Some(Slot {
            cache: StatCache::open(&dir.join("stat")),
            work,
            build,
            fresh: !made,
            _lock: lock,
        }))
    }

    /// Where the tree is laid out.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Where builds go. Checks may write here; what becomes of it is for [`Slot::settle_build`].
    pub fn build(&self) -> &Path {
        &self.build
    }

    /// The build folder was empty when the slot was taken, or since it was emptied.
    pub fn fresh(&self) -> bool {
        self.fresh
    }

    pub(crate) fn lay_out(
        &mut self,
        listing: &Listing,
        from: &Snapshots,
        root: &Path,
        borrow: &[String],
    ) -> Result<(), WorktreeError> {
        let mut folders = BTreeSet::from([PathBuf::new()]);
        for path in listing.keys() {
            for folder in path_of(path).ancestors().skip(1) {
                // Those above it are known by then.
                if !folders.insert(folder.to_owned()) {
                    break;
                }
            }
        }
        let work = self.work.clone();
        sweep(&work, Path::new(""), listing, &folders).map_err(io_at("clear", &work))?;
        let mut wrong = Vec::new();
        for (path, (kind, id)) in listing.iter().filter(|(_, (kind, _))| is_content(*kind)) {
            let rel = path_of(path);
            if !self.is(&work.join(&rel), &rel, *kind, id).unwrap_or(false) {
                wrong.push((rel, *kind, *id));
            }
        }
        let written = write(&work, from, &wrong)?;
        // Nobody else is in here before this has ended: what was written is there until now, and a later change shows.
        let now = SystemTime::now();
        for (rel, print, id) in written {
            self.cache.put(rel, print, id, now);
        }
        for name in borrow {
            if lendable(root, name, listing) {
                // The sandbox shows the folder in this place. A link would lead out of the tree: a package that is
                // linked from `node_modules` into the worktree would be the worktree's.
                let target = work.join(name);
                let made = remove(&target).and_then(|()| fs::create_dir_all(&target));
                made.map_err(io_at("write", &target))?;
            }
        }
        self.save(listing)
    }

    /// Paths that are no longer what was laid out.
    pub(crate) fn changed(&mut self, listing: &Listing) -> Result<Vec<String>, WorktreeError> {
        let work = self.work.clone();
        let mut out = Vec::new();
        for (path, (kind, id)) in listing {
            let rel = path_of(path);
            if *kind != EntryKind::Commit && !self.is(&work.join(&rel), &rel, *kind, id).unwrap_or(false) {
                out.push(String::from_utf8_lossy(path).into_owned());
            }
        }
        self.save(listing)?;
        Ok(out)
    }

    /// Whether a file has this kind and content.
    fn is(&mut self, full: &Path, rel: &Path, kind: EntryKind, id: &ObjectId) -> io::Result<bool> {
        let meta = full.symlink_metadata()?;
        let found = match meta.file_type() {
            t if t.is_symlink() => EntryKind::Link,
            t if t.is_file() && meta.permissions().mode() & 0o100 != 0 => EntryKind::BlobExecutable,
            t if t.is_file() => EntryKind::Blob,
            _ => return Ok(false),
        };
        if found != kind {
            return Ok(false);
        }
        let print = Print::of(&meta);
        if let Some(known) = self.cache.get(rel, &print) {
            return Ok(known == *id);
        }
        let now = SystemTime::now();
        let bytes = match kind {
            EntryKind::Link => fs::read_link(full)?.as_os_str().as_bytes().to_vec(),
            EntryKind::Tree | EntryKind::Commit | EntryKind::Blob | EntryKind::BlobExecutable => {
                read_plain(full, u64::MAX)?
            }
        };
        let content = gix_object::compute_hash(Hash::Sha1, Kind::Blob, &bytes).map_err(io::Error::other)?;
        self.cache.put(rel.to_owned(), print, content, now);
        Ok(content == *id)
    }

    fn save(&mut self, listing: &Listing) -> Result<(), WorktreeError> {
        // The listing is sorted by bytes, as the cache wants its paths.
        let paths: Vec<PathBuf> = listing.keys().map(|p| path_of(p)).collect();
        self.cache.save(&paths).map_err(io_at("write in", &self.work))
    }
}

/// Whether a folder of the person's worktree can be lent to a check: a real one, below real ones, and nothing that the
/// tree itself has. A draft can put a link anywhere, and must not choose what is lent.
pub(crate) fn lendable(root: &Path, name: &str, listing: &Listing) -> bool {
    let mut at = root.to_owned();
    let real = Path::new(name).components().all(|part| {
        at.push(part);
        at.symlink_metadata().is_ok_and(|m| m.is_dir())
    });
    let of_tree = |p: &[u8]| {
        let path = path_of(p);
        path.starts_with(name) || Path::new(name).starts_with(&path)
    };
    real && !listing.keys().any(|p| of_tree(p))
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

/// Removes everything that the listing does not have, and whatever stands where it has something of another kind.
fn sweep(work: &Path, below: &Path, listing: &Listing, folders: &BTreeSet<PathBuf>) -> io::Result<()> {
    let dir = work.join(below);
    for entry in fs::read_dir(&dir)? {
        let entry = entry?;
        let rel = below.join(entry.file_name());
        let is_dir = entry.file_type()?.is_dir();
        let listed = listing.contains_key(rel.as_os_str().as_bytes());
        match (is_dir, folders.contains(&rel)) {
            (true, true) => sweep(work, &rel, listing, folders)?,
            (false, false) if listed => {}
            _ => remove(&entry.path())?,
        }
    }
    Ok(())
}

/// Removes a file or a folder with all in it; no link is followed. What is not there is no failure.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let meta = match path.symlink_metadata() {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    if !meta.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            // A check may have left folders that not even their owner may change.
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        other => other,
    }
}

fn open_up(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

fn is_content(kind: EntryKind) -> bool {
    match kind {
        EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => true,
        EntryKind::Tree | EntryKind::Commit => false,
    }
}

/// A path of a slot with what belongs there.
type Wanted = (PathBuf, EntryKind, ObjectId);

/// A file that was written, and what the file system said of it then.
type Written = (PathBuf, Print, ObjectId);

/// Writes files anew, in as many threads as are of use.
fn write(work: &Path, from: &Snapshots, all: &[Wanted]) -> Result<Vec<Written>, WorktreeError> {
    let some = |share: &[Wanted], from: Reader| -> Result<Vec<Written>, WorktreeError> {
        let mut out = Vec::new();
        for (rel, kind, id) in share {
            let missing = || WorktreeError::UnknownTree { tree: id.to_string() };
            let bytes = from.blob(id).ok_or_else(missing)?;
            let print = put(work, rel, *kind, &bytes).map_err(|e| io_at("write", work.join(rel))(e))?;
            out.extend(print.map(|print| (rel.clone(), print, *id)));
        }
        Ok(out)
    };
    if all.len() < SHARED {
        return some(all, from.reader());
    }
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = all.len().div_ceil(cores.min(WORKERS));
    thread::scope(|threads| {
        let begin = |share| {
            let (some, reader) = (&some, from.reader());
            threads.spawn(move || some(share, reader))
        };
        let begun: Vec<_> = all.chunks(share).map(begin).collect();
        let mut out = Vec::new();
        for ended in begun {
            let lost = |_| Err(io_at("write in", work)(io::Error::other("a thread was lost")));
            out.extend(ended.join().unwrap_or_else(lost)?);
        }
        Ok(out)
    })
}

/// Writes one file anew: never into a file that is there, which may have other names. A link has no print.
fn put(work: &Path, rel: &Path, kind: EntryKind, bytes: &[u8]) -> io::Result<Option<Print>> {
    let full = work.join(rel);
    let first = create(&full, kind, bytes);
    match first.as_ref().map_err(io::Error::kind) {
        // Most often nothing is in the way and the folder is there: one call instead of four.
        Err(io::ErrorKind::NotFound) => {
            if let Some(folder) = full.parent() {
                fs::create_dir_all(folder)?;
            }
        }
        Err(io::ErrorKind::AlreadyExists) => remove(&full)?,
        _ => return first,
    }
    create(&full, kind, bytes)
}

/// Makes a file that is not there.
fn create(full: &Path, kind: EntryKind, bytes: &[u8]) -> io::Result<Option<Print>> {
    if kind == EntryKind::Link {
        return symlink(std::ffi::OsStr::from_bytes(bytes), full).map(|()| None);
    }
    let mode = if kind == EntryKind::BlobExecutable {
        0o755
    } else {
        0o644
    };
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(full)?;
    file.write_all(bytes)?;
    Ok(Some(Print::of(&file.metadata()?)))
}
