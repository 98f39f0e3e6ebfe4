//! Trees of a repository for the gate: taken, compared, laid out in a slot. Needs no daemon, and none is disturbed.

use crate::error::{WorktreeError, io_at};
use crate::path::{find_root, resolve};
use crate::repo::state_folder;
use crate::slot::{Slot, lendable};
use crate::snapshot::{Listing, Snapshots};
use brisk_domain::evidence::Tree;
use brisk_gate::Change;
use gix_hash::ObjectId;
use gix_object::tree::EntryKind;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The shadow git folder of one repository, for trees that are exact: files of any size are in them.
pub struct Shadow {
    root: PathBuf,
    pub(crate) state: PathBuf,
    shared: PathBuf,
    pub(crate) snapshots: Snapshots,
    /// What was listed last, the newest at the end. A tree's name is its content, so none of it is ever out of date.
    listed: Mutex<Vec<(Tree, Arc<Listing>)>>,
}

/// Trees whose listing is kept: the one that is verified, and its base.
const LISTED: usize = 2;

/// Texts above this many bytes are not compared.
const MAX_TEXT: usize = 1 << 20;

impl Shadow {
    /// Opens the repository at or above `start`, with Brisk's own data below `state_home`.
    ///
    /// # Errors
    /// `NoRepository`; `StateInside` if `state_home` lies in the repository; `DiskFull`, `Io`.
    pub fn open(start: &Path, state_home: &Path) -> Result<Shadow, WorktreeError> {
        let none = || WorktreeError::NoRepository {
            start: start.to_owned(),
        };
        let canonical = start.canonicalize().ok();
        let root = canonical.and_then(|s| find_root(&s)).ok_or_else(none)?;
        let home = resolve(&std::path::absolute(state_home).map_err(io_at("find", state_home))?);
        if home.as_ref().is_none_or(|h| h.starts_with(&root)) {
            return Err(WorktreeError::StateInside {
                state: state_home.to_owned(),
                root,
            });
        }
        let state = state_folder(state_home, &root)?;
        let shared = match first_worktree(&root) {
            Some(first) => state_folder(state_home, &first)?,
            None => state.clone(),
        };
        let snapshots = Snapshots::open_whole(&state)?;
        Ok(Shadow {
            root,
            state,
            shared,
            snapshots,
            listed: Mutex::default(),
        })
    }

    /// The repository's top folder, canonical.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Brisk's own folder for this repository, outside of it.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Brisk's own folder for all worktrees of this repository: that of the first one.
    pub fn shared(&self) -> &Path {
        &self.shared
    }

    /// Content of the worktree now: tracked, and untracked but not ignored.
    ///
    /// # Errors
    /// `DiskFull`, `Io`.
    pub fn tree(&mut self) -> Result<Tree, WorktreeError> {
        let id = self.snapshots.take(&self.root)?;
        Tree::parse(&id.0).ok_or(WorktreeError::UnknownTree { tree: id.0 })
    }

    /// The id that git gives to a file with this content.
    pub fn id_of(content: impl AsRef<[u8]>) -> Option<Tree> {
        let id =
            gix_object::compute_hash(gix_hash::Kind::Sha1, gix_object::Kind::Blob, content.as_ref()).ok()?;
        Tree::parse(&id.to_string())
    }

    /// Every path of a tree, UTF-8 ones only.
    ///
    /// # Errors
    /// `UnknownTree`.
    pub fn paths(&self, tree: &Tree) -> Result<BTreeSet<String>, WorktreeError> {
        let listing = self.listing(tree)?;
        let paths = listing.keys().filter_map(|p| str::from_utf8(p).ok());
        Ok(paths.map(str::to_owned).collect())
    }

    /// The text of one file of a tree; `None` if it is not there, or no text.
    ///
    /// # Errors
    /// `UnknownTree`.
    pub fn text(&self, tree: &Tree, path: &str) -> Result<Option<String>, WorktreeError> {
        let found = self.listing(tree)?.get(path.as_bytes()).copied();
        Ok(found.and_then(|(_, id)| self.text_of(&id)))
    }

    /// What differs between two trees; everything, where there is no earlier one.
    ///
    /// # Errors
    /// `UnknownTree`.
    pub fn changes(&self, before: Option<&Tree>, after: &Tree) -> Result<Vec<Change>, WorktreeError> {
        let then = before.map_or_else(|| Ok(Arc::default()), |t| self.listing(t))?;
        let now = self.listing(after)?;
        let all: BTreeSet<&Vec<u8>> = then.keys().chain(now.keys()).collect();
        let differs = all.into_iter().filter(|p| then.get(*p) != now.get(*p));
        let text = |listing: &Listing, path: &Vec<u8>| {
            listing.get(path).and_then(|(kind, id)| match kind {
                // A link says where it leads, which is a text too.
                EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => {
                    Some(self.text_of(id).unwrap_or_default())
                }
                EntryKind::Tree | EntryKind::Commit => None,
            })
        };
        Ok(differs
            .map(|path| Change {
                path: String::from_utf8_lossy(path).into_owned(),
                before: text(&then, path),
                after: text(&now, path),
            })
            .collect())
    }

    /// The person's slot with this tree laid out in it. `None` while another check uses it.
    ///
    /// # Errors
    /// `UnknownTree`, `DiskFull`, `Io`.
    pub fn slot(&mut self, tree: &Tree, borrow: &[String]) -> Result<Option<Slot>, WorktreeError> {
        let slot = Slot::take(&self.state.join("slot"))?;
        self.laid(slot, tree, borrow)
    }

    pub(crate) fn laid(
        &mut self,
        slot: Option<Slot>,
        tree: &Tree,
        borrow: &[String],
    ) -> Result<Option<Slot>, WorktreeError> {
        let Some(mut slot) = slot else {
            return Ok(None);
        };
        self.lay_out(&mut slot, tree, borrow)?;
        Ok(Some(slot))
    }

    /// Which of these folders of the person's worktree can be lent to a check of a tree: real ones, and nothing that
    /// the tree itself has.
    ///
    /// # Errors
    /// `UnknownTree`.
    pub fn lendable(&self, tree: &Tree, borrow: &[String]) -> Result<Vec<String>, WorktreeError> {
        if borrow.is_empty() {
            return Ok(Vec::new());
        }
        let listing = self.listing(tree)?;
        let fits = borrow.iter().filter(|b| lendable(&self.root, b, &listing));
        Ok(fits.cloned().collect())
    }

    /// Lays another tree out in a slot.
    ///
    /// # Errors
    /// `UnknownTree`, `DiskFull`, `Io`.
    pub fn lay_out(&mut self, slot: &mut Slot, tree: &Tree, borrow: &[String]) -> Result<(), WorktreeError> {
        self.adopt_links(tree)?;
        let listing = self.with_links(tree)?;
        slot.lay_out(&listing, &self.snapshots, &self.root, borrow)
    }

    /// Paths of the tree in a slot that are no longer what was laid out, sorted.
    ///
    /// # Errors
    /// `UnknownTree`, `Io`.
    pub fn changed(&self, slot: &mut Slot, tree: &Tree) -> Result<Vec<String>, WorktreeError> {
        slot.changed(&*self.with_links(tree)?)
    }

    pub(crate) fn listing(&self, tree: &Tree) -> Result<Arc<Listing>, WorktreeError> {
        let unknown = || WorktreeError::UnknownTree {
            tree: tree.to_string(),
        };
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = listed.iter().find(|(t, _)| t == tree) {
            return Ok(known.clone());
        }
        let found = Arc::new(self.snapshots.listing(&oid(tree)?).ok_or_else(unknown)?);
        if listed.len() == LISTED {
            listed.remove(0);
        }
        listed.push((tree.clone(), found.clone()));
        Ok(found)
    }

    fn text_of(&self, id: &ObjectId) -> Option<String> {
        let bytes = self.snapshots.blob(id).filter(|b| b.len() <= MAX_TEXT)?;
        String::from_utf8(bytes).ok()
    }
}

/// The top folder of the repository that `root` is a linked worktree of. Each names the other, or it is none: a lone
/// `.git` file cannot make a folder part of another repository.
fn first_worktree(root: &Path) -> Option<PathBuf> {
    let dot = root.join(".git");
    let text = std::fs::read_to_string(&dot).ok()?;
    let own = root.join(text.strip_prefix("gitdir:")?.trim());
    let back = std::fs::read_to_string(own.join("gitdir")).ok()?;
    if own.join(back.trim()).canonicalize().ok()? != dot.canonicalize().ok()? {
        return None;
    }
    let common = std::fs::read_to_string(own.join("commondir")).ok()?;
    let common = own.join(common.trim()).canonicalize().ok()?;
    match common.file_name().is_some_and(|n| n == ".git") {
        true => common.parent().map(Path::to_owned),
        // Of a bare repository.
        false => Some(common),
    }
}

pub(crate) fn oid(tree: &Tree) -> Result<ObjectId, WorktreeError> {
    ObjectId::from_hex(tree.as_str().as_bytes()).map_err(|_| WorktreeError::UnknownTree {
        tree: tree.to_string(),
    })
}
