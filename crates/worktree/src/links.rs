//! Submodules: a tree names the commit of each, and a slot holds what that commit holds, so that a check sees what a
//! checkout would have. Where one is not checked out, its folder is not there either.

use crate::error::{WorktreeError, io_at};
use crate::shadow::{Shadow, oid};
use crate::snapshot::Listing;
use crate::walk;
use brisk_domain::evidence::Tree;
use gix_hash::{Kind as Hash, ObjectId};
use gix_object::tree::EntryKind;
use gix_object::{Find as _, Kind};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Shadow {
    /// Takes over what the submodules of a tree hold, as far as they are checked out. They are only read.
    pub(crate) fn adopt_links(&mut self, tree: &Tree) -> Result<(), WorktreeError> {
        let mut open = vec![(PathBuf::new(), self.listing(tree)?)];
        while let Some((below, listing)) = open.pop() {
            for (path, commit) in links(&listing) {
                let path = below.join(path);
                let full = self.root().join(&path);
                let Some((objects, id)) = content(&full, &commit) else {
                    continue;
                };
                let found = gix_odb::at(&objects, Hash::Sha1).map_err(io_at("read", &objects))?;
                self.snapshots
                    .adopt(&found, &id)
                    .map_err(io_at("read", &objects))?;
                let odd = || io::Error::other("a name in it leads out of it, or is there twice");
                let inner = self.snapshots.listing(&id).ok_or_else(odd);
                let inner = inner.map_err(io_at("lay out", full))?;
                open.push((path, Arc::new(inner)));
            }
        }
        Ok(())
    }

    /// Every path of a tree, with those of its submodules that were taken over.
    pub(crate) fn with_links(&self, tree: &Tree) -> Result<Arc<Listing>, WorktreeError> {
        let listing = self.listing(tree)?;
        if links(&listing).next().is_none() {
            return Ok(listing);
        }
        let mut out = Listing::new();
        let mut open = vec![(PathBuf::new(), listing)];
        while let Some((below, listing)) = open.pop() {
            for (path, commit) in links(&listing) {
                let path = below.join(path);
                let found = content(&self.root().join(&path), &commit);
                let inner = found.and_then(|(_, id)| self.snapshots.listing(&id));
                open.extend(inner.map(|l| (path, Arc::new(l))));
            }
            let at = |path: &[u8]| {
                below
                    .join(OsStr::from_bytes(path))
                    .as_os_str()
                    .as_bytes()
                    .to_vec()
            };
            out.extend(listing.iter().map(|(path, entry)| (at(path), *entry)));
        }
        Ok(Arc::new(out))
    }

    /// Paths of a tree's submodules, sorted.
    ///
    /// # Errors
    /// `UnknownTree`.
    pub(crate) fn links(&self, tree: &Tree) -> Result<Vec<PathBuf>, WorktreeError> {
        Ok(links(&*self.listing(tree)?).map(|(path, _)| path).collect())
    }

    /// Takes a tree over from a folder of objects that another program wrote.
    pub(crate) fn take_over(&mut self, objects: &Path, tree: &Tree) -> Result<(), WorktreeError> {
        let found = gix_odb::at(objects, Hash::Sha1).map_err(io_at("read", objects))?;
        self.snapshots
            .adopt(&found, &oid(tree)?)
            .map_err(io_at("read", objects))
    }
}

fn links(listing: &Listing) -> impl Iterator<Item = (PathBuf, ObjectId)> {
    let commits = listing.iter().filter(|(_, (kind, _))| *kind == EntryKind::Commit);
    commits.map(|(path, (_, id))| (PathBuf::from(OsStr::from_bytes(path)), *id))
}

/// Where the objects of a repository are, and the tree of one of its commits. The commit's name is its content's, so
/// whatever lies there under that name and is something else is not taken.
fn content(root: &Path, commit: &ObjectId) -> Option<(PathBuf, ObjectId)> {
    let git = walk::git_folder(root).filter(|g| g.is_dir())?;
    let objects = walk::common_folder(&git).join("objects");
    let found = gix_odb::at(&objects, Hash::Sha1).ok()?;
    let mut buffer = Vec::new();
    let data = found.try_find(commit, &mut buffer).ok()??;
    let named = gix_object::compute_hash(Hash::Sha1, Kind::Commit, data.data).ok()?;
    if data.kind != Kind::Commit || named != *commit {
        return None;
    }
    let line = data.data.strip_prefix(b"tree ")?.get(..40)?;
    Some((objects.clone(), ObjectId::from_hex(line).ok()?))
}
