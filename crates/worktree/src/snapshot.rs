//! The content of the whole worktree as a git tree in a folder of our own.
//!
//! A bare repository in the state folder takes the objects, so that git itself can read them. The person's `.git` is
//! only read (ignore rules and the list of tracked paths). Content goes in as it is on disk: no filter, no line end
//! conversion, no attribute is applied.

use crate::error::{WorktreeError, io_at};
use crate::ids::TreeId;
use crate::path::is_git_dir;
use crate::statcache::{Print, StatCache};
use crate::walk;
use gix_hash::{Kind as Hash, ObjectId};
use gix_object::tree::{Entry, EntryKind};
use gix_object::{Find as _, Kind, Tree, TreeRef, Write as _, WriteTo as _};
use gix_odb::{HandleArc, loose};
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Files above this many bytes are not copied; size and time of change stand for their content.
const MAX_COPIED: u64 = 64 * 1024 * 1024;

/// How a path differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delta {
    /// It was not there.
    Added,
    /// Its content, kind or executable bit changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// One path that differs between a snapshot and the worktree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Difference {
    /// Path below the root; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// How.
    pub delta: Delta,
}

/// The shadow git folder of one repository.
pub(crate) struct Snapshots {
    dir: PathBuf,
    /// Where new objects go, a file each.
    objects: loose::Store,
    /// All objects: those, and the packs of trees that were taken over.
    stored: Mutex<HandleArc>,
    cache: StatCache,
    /// Objects that this process has written or seen.
    known: HashSet<ObjectId>,
    /// Files of any size are copied, so that the tree is the one that git would make.
    whole: bool,
    /// Files of attributes that the last walk met.
    pub(crate) attributes: Vec<PathBuf>,
}

/// A folder on its way to becoming a tree.
#[derive(Default)]
struct Folder {
    files: Vec<Entry>,
    folders: BTreeMap<Vec<u8>, Folder>,
}

pub(crate) type Listing = BTreeMap<Vec<u8>, (EntryKind, ObjectId)>;

impl Snapshots {
    pub(crate) fn open(state: &Path) -> Result<Snapshots, WorktreeError> {
        Snapshots::open_with(state, "stat", false)
    }

    /// With files of any size, and a cache of its own: another process may take snapshots at the same time.
    pub(crate) fn open_whole(state: &Path) -> Result<Snapshots, WorktreeError> {
        Snapshots::open_with(state, "stat-whole", true)
    }

    fn open_with(state: &Path, cache: &str, whole: bool) -> Result<Snapshots, WorktreeError> {
        let dir = state.join("shadow.git");
        let make = || {
            std::fs::create_dir_all(dir.join("objects"))?;
            std::fs::create_dir_all(dir.join("refs"))?;
            std::fs::write(dir.join("HEAD"), "ref: refs/heads/brisk\n")?;
            std::fs::write(
                dir.join("config"),
                "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
            )
        };
        make().map_err(io_at("make", &dir))?;
        let objects = loose::Store::at(dir.join("objects"), Hash::Sha1);
        Ok(Snapshots {
            cache: StatCache::open(&state.join(cache)),
            stored: Mutex::new(stored(&dir)?),
            dir,
            objects,
            known: HashSet::new(),
            whole,
            attributes: Vec::new(),
        })
    }

    pub(crate) fn take(&mut self, root: &Path) -> Result<TreeId, WorktreeError> {
        let listing = self.list(root)?;
        self.write(&listing)
    }

    /// Stores a tree whose contents are stored already.
    pub(crate) fn write(&mut self, listing: &Listing) -> Result<TreeId, WorktreeError> {
        let mut top = Folder::default();
        for (path, (kind, oid)) in listing {
            let mut parts: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
            let name = parts.pop().unwrap_or_default();
            let folder = parts
                .into_iter()
                .fold(&mut top, |f, p| f.folders.entry(p.to_vec()).or_default());
            folder.files.push(Entry {
                mode: (*kind).into(),
                filename: name.into(),
                oid: *oid,
            });
        }
        let id = self.write_folder(top)?;
        Ok(TreeId(id.to_string()))
    }

    pub(crate) fn diff_since(
        &mut self,
        root: &Path,
        tree: &TreeId,
    ) -> Result<Vec<Difference>, WorktreeError> {
        let unknown = || WorktreeError::UnknownTree { tree: tree.0.clone() };
        let id = ObjectId::from_hex(tree.0.as_bytes()).map_err(|_| unknown())?;
        let mut then = Listing::new();
        self.reader()
            .folder(&id, &mut Vec::new(), &mut then)
            .ok_or_else(unknown)?;
        let now = self.list(root)?;
        let gone = then
            .keys()
            .filter(|p| !now.contains_key(*p))
            .map(|p| (p, Delta::Deleted));
        let here = now.iter().filter_map(|(p, e)| match then.get(p) {
            None => Some((p, Delta::Added)),
            Some(old) => (old != e).then_some((p, Delta::Modified)),
        });
        let mut out: Vec<Difference> = gone
            .chain(here)
            .map(|(p, delta)| Difference {
                path: String::from_utf8_lossy(p).into_owned(),
                delta,
            })
            .collect();
        out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(out)
    }

    /// Every path with its content, stored.
    fn list(&mut self, root: &Path) -> Result<Listing, WorktreeError> {
        let paths = walk::paths(root);
        let attributes = paths
            .iter()
            .filter(|p| p.as_os_str().as_bytes().ends_with(walk::ATTRIBUTES));
        self.attributes = attributes.cloned().collect();
        let mut out = Listing::new();
        for path in &paths {
            let full = root.join(path);
            match self.content(&full, path) {
                Ok(Some(found)) => {
                    out.insert(path.as_os_str().as_bytes().to_vec(), found);
                }
                Ok(None) => {}
                // Gone since the walk.
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(e) => return Err(io_at("take a snapshot of", full)(e)),
            }
        }
        self.cache.save(&paths).map_err(io_at("write in", &self.dir))?;
        Ok(out)
    }

    fn content(&mut self, full: &Path, path: &Path) -> io::Result<Option<(EntryKind, ObjectId)>> {
        let meta = full.symlink_metadata()?;
        let kind = match meta.file_type() {
            t if t.is_symlink() => EntryKind::Link,
            t if t.is_file() && meta.permissions().mode() & 0o100 != 0 => EntryKind::BlobExecutable,
            t if t.is_file() => EntryKind::Blob,
            _ => return Ok(None),
        };
        let print = Print::of(&meta);
        if let Some(id) = self.cache.get(path, &print) {
            return Ok(Some((kind, id)));
        }
        let now = SystemTime::now();
        let id = if kind == EntryKind::Link {
            self.store(Kind::Blob, std::fs::read_link(full)?.as_os_str().as_bytes())?
        } else if meta.len() > MAX_COPIED && !self.whole {
            self.store(Kind::Blob, format!("not copied: {print:?}\n").as_bytes())?
        } else {
            let limit = if self.whole { u64::MAX } else { MAX_COPIED + 1 };
            self.store(Kind::Blob, &read_plain(full, limit)?)?
        };
        self.cache.put(path.to_owned(), print, id, now);
        Ok(Some((kind, id)))
    }

    fn write_folder(&mut self, folder: Folder) -> Result<ObjectId, WorktreeError> {
        let mut entries = folder.files;
        for (name, sub) in folder.folders {
            let oid = self.write_folder(sub)?;
            entries.push(Entry {
                mode: EntryKind::Tree.into(),
                filename: name.into(),
                oid,
            });
        }
        entries.sort();
        let mut bytes = Vec::new();
        let written = Tree { entries }
            .write_to(&mut bytes)
            .and_then(|()| self.store(Kind::Tree, &bytes));
        written.map_err(io_at("write in", &self.dir))
    }

    /// One content of the shadow git folder.
    pub(crate) fn blob(&self, id: &ObjectId) -> Option<Vec<u8>> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        read(&stored, id, Kind::Blob)
    }

    /// Reads contents, for a thread of its own.
    pub(crate) fn reader(&self) -> Reader {
        Reader(self.stored.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Every path of a tree; `None` if the tree, or a part of it, is not there, or has a name that no file has.
    pub(crate) fn listing(&self, id: &ObjectId) -> Option<Listing> {
        let mut out = Listing::new();
        self.reader().folder(id, &mut Vec::new(), &mut out)?;
        Some(out)
    }

    /// What of a tree is not here yet, as far as `from` has it.
    pub(crate) fn missing(&self, from: &dyn gix_object::Find, tree: &ObjectId) -> Vec<ObjectId> {
        let (mut open, mut met, mut out) = (vec![*tree], HashSet::from([*tree]), Vec::new());
        let mut buffer = Vec::new();
        while let Some(id) = open.pop() {
            let Ok(Some(found)) = from.try_find(&id, &mut buffer) else {
                continue;
            };
            if !self.has(&id) {
                out.push(id);
            }
            let Ok(folder) = TreeRef::from_bytes(found.data, Hash::Sha1) else {
                continue;
            };
            for e in folder.entries.iter().filter(|e| !e.mode.is_commit()) {
                let id = e.oid.to_owned();
                if !met.insert(id) {
                    continue;
                }
                match e.mode.is_tree() {
                    true => open.push(id),
                    false if !self.has(&id) => out.push(id),
                    false => {}
                }
            }
        }
        out
    }

    /// Has a pack made at the path that `make` is given, to which its digest is added.
    pub(crate) fn pack(&mut self, make: impl FnOnce(&Path)) -> Result<(), WorktreeError> {
        let folder = self.dir.join("objects/pack");
        std::fs::create_dir_all(&folder).map_err(io_at("make", &folder))?;
        make(&folder.join("pack"));
        // One that is open does not look for packs that came since, as long as it finds what it is asked for.
        self.stored = Mutex::new(stored(&self.dir)?);
        Ok(())
    }

    /// Stores one content.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<ObjectId, WorktreeError> {
        self.store(Kind::Blob, bytes)
            .map_err(io_at("write in", &self.dir))
    }

    /// Copies a tree from another repository's objects.
    pub(crate) fn adopt(&mut self, from: &dyn gix_object::Find, id: &ObjectId) -> io::Result<()> {
        let mut buffer = Vec::new();
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("the object {id} is not there"));
        let (kind, data) = match from.try_find(id, &mut buffer) {
            Ok(Some(found)) => (found.kind, found.data.to_vec()),
            _ => return Err(missing()),
        };
        if kind == Kind::Tree {
            let tree = TreeRef::from_bytes(&data, Hash::Sha1).map_err(git)?;
            for e in tree.entries.iter().filter(|e| !e.mode.is_commit()) {
                let id = e.oid.to_owned();
                if e.mode.is_tree() || !self.has(&id) {
                    self.adopt(from, &id)?;
                }
            }
        }
        if self.store(kind, &data)? == *id {
            Ok(())
        } else {
            Err(missing())
        }
    }

    fn store(&mut self, kind: Kind, bytes: &[u8]) -> io::Result<ObjectId> {
        let id = gix_object::compute_hash(Hash::Sha1, kind, bytes).map_err(git)?;
        if self.known.contains(&id) {
            return Ok(id);
        }
        if !self.has(&id) {
            self.objects
                .write_buf_with_known_id(kind, bytes, id)
                .map_err(git)?;
        }
        self.known.insert(id);
        Ok(id)
    }

    /// Whether an object is there. A file of one is not synced: a power cut may leave an empty one under a right name,
    /// which is written again.
    fn has(&self, id: &ObjectId) -> bool {
        self.known.contains(id)
            || match std::fs::metadata(self.objects.object_path(id)) {
                Ok(meta) => meta.len() > 0,
                Err(_) => {
                    let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
                    stored.exists_without_refresh(id)
                }
            }
    }
}

fn stored(dir: &Path) -> Result<HandleArc, WorktreeError> {
    let odb = gix_odb::at(dir.join("objects"), Hash::Sha1).and_then(|odb| odb.into_arc());
    odb.map_err(io_at("open", dir))
}

/// What lies under a name, if it is what the name says: a pack is made of what another repository tells of its objects.
fn read(stored: &HandleArc, id: &ObjectId, kind: Kind) -> Option<Vec<u8>> {
    let mut buffer = Vec::new();
    let found = stored.try_find(id, &mut buffer).ok()??;
    let is = gix_object::compute_hash(Hash::Sha1, found.kind, found.data).ok()?;
    (found.kind == kind && is == *id).then(|| found.data.to_vec())
}

/// Reads what is in the shadow git folder.
pub(crate) struct Reader(HandleArc);

impl Reader {
    /// One content.
    pub(crate) fn blob(&self, id: &ObjectId) -> Option<Vec<u8>> {
        read(&self.0, id, Kind::Blob)
    }

    fn folder(&self, id: &ObjectId, above: &mut Vec<u8>, out: &mut Listing) -> Option<()> {
        let data = read(&self.0, id, Kind::Tree)?;
        let tree = TreeRef::from_bytes(&data, Hash::Sha1).ok()?;
        if !plain(&tree) {
            return None;
        }
        for e in &tree.entries {
            let len = above.len();
            above.extend_from_slice(e.filename);
            if e.mode.is_tree() {
                above.push(b'/');
                self.folder(&e.oid.to_owned(), above, out)?;
            } else {
                out.insert(above.clone(), (e.mode.kind(), e.oid.to_owned()));
            }
            above.truncate(len);
        }
        Some(())
    }
}

/// Whether every name of a folder is one of a file in it, and each is there once. A tree that git did not make may hold
/// others, which lead out of the folder: by `..`, or through a link beside a folder of the same name.
fn plain(tree: &TreeRef<'_>) -> bool {
    let mut names: Vec<&[u8]> = tree.entries.iter().map(|e| -> &[u8] { e.filename }).collect();
    names.sort_unstable();
    let twice = names.iter().zip(names.iter().skip(1)).any(|(a, b)| a == b);
    let fits = |name: &[u8]| {
        let odd = name.is_empty() || name == b"." || name == b".." || name.contains(&b'/');
        !odd && !str::from_utf8(name).is_ok_and(is_git_dir)
    };
    !twice && names.iter().all(|n| fits(n))
}

/// Reads a file that was plain a moment ago, without following a link or waiting on a pipe that took its place.
pub(crate) fn read_plain(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = std::fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, limit), &mut bytes)?;
    Ok(bytes)
}

/// The system's error inside one of gitoxide's, so that a full disk keeps its name.
fn git(e: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&e);
    while let Some(c) = cause {
        if let Some(io) = c.downcast_ref::<io::Error>() {
            return io::Error::new(io.kind(), e.to_string());
        }
        cause = c.source();
    }
    io::Error::other(e.to_string())
}
