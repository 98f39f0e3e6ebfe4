//! Delegated work: what an attempt starts from, what it made, and where its checks run.
//!
//! An attempt's files are a base tree and the texts that differ from it: nothing of the person's is needed to make
//! them again, and nothing of the person's is ever touched. Its folder below the state folder (files and builds) only
//! serves its checks; it can go at any time.

use crate::error::{WorktreeError, io_at};
use crate::path::RelPath;
use crate::shadow::Shadow;
use crate::slot::{Slot, remove};
use crate::snapshot::Listing;
use brisk_domain::evidence::Tree;
use brisk_patch::{Change, Hunk, Text, minimise};
use gix_object::tree::EntryKind;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Files above this many bytes are neither shown nor searched.
const MAX_TEXT: usize = 1 << 20;

/// The files of a tree, found by path.
pub struct Base {
    tree: Tree,
    pub(crate) listing: Arc<Listing>,
}

impl Base {
    /// Which tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Paths of its files, UTF-8 ones only; links and submodules are left out.
    pub fn paths(&self) -> BTreeSet<String> {
        let plain = self.listing.iter().filter(|(_, (kind, _))| is_file(*kind));
        plain
            .filter_map(|(p, _)| String::from_utf8(p.clone()).ok())
            .collect()
    }

    /// Paths of what is no file: links and submodules, UTF-8 ones only.
    pub fn links(&self) -> BTreeSet<String> {
        let others = self.listing.iter().filter(|(_, (kind, _))| !is_file(*kind));
        others
            .filter_map(|(p, _)| String::from_utf8(p.clone()).ok())
            .collect()
    }
}

fn is_file(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable)
}

impl Shadow {
    /// The files of a tree that was taken or adopted.
    ///
    /// # Errors
    /// `UnknownTree`.
    pub fn base(&self, tree: &Tree) -> Result<Base, WorktreeError> {
        Ok(Base {
            tree: tree.clone(),
            listing: self.listing(tree)?,
        })
    }

    /// The text of one file; `None` if it is not there, no plain file, no text, or above 1 MiB.
    pub fn file(&self, base: &Base, path: &str) -> Option<Text> {
        let (kind, id) = base.listing.get(path.as_bytes())?;
        let bytes = is_file(*kind).then(|| self.snapshots.blob(id)).flatten()?;
        (bytes.len() <= MAX_TEXT)
            .then(|| Text::decode(&bytes).ok())
            .flatten()
    }

    /// The tree that a base becomes with these texts in place of its own, or beside them. A file's mode stays.
    ///
    /// # Errors
    /// `Outside`, `InGitDir`; `NotAFile` where the base has a link, a submodule, or a file in place of a folder;
    /// `DiskFull`, `Io`.
    pub fn with_texts(&mut self, base: &Base, texts: &BTreeMap<String, Text>) -> Result<Tree, WorktreeError> {
        let mut listing = Listing::clone(&base.listing);
        for (path, text) in texts {
            let rel = RelPath::new(path)?;
            let not_a_file = || WorktreeError::NotAFile {
                path: path.clone(),
                what: "a link, a folder or a file in the way of one",
            };
            if rel.folders().any(|f| listing.contains_key(f.as_bytes())) {
                return Err(not_a_file());
            }
            let kind = match listing.get(path.as_bytes()) {
                Some((kind, _)) if is_file(*kind) => *kind,
                Some(_) => return Err(not_a_file()),
                None => EntryKind::Blob,
            };
            let id = self.snapshots.put(&text.encode())?;
            listing.insert(path.clone().into_bytes(), (kind, id));
        }
        let id = self.snapshots.write(&listing)?;
        Tree::parse(&id.0).ok_or(WorktreeError::UnknownTree { tree: id.0 })
    }

    /// What an attempt changed, as hunks that are as small as can be: files of `base` against `tree`.
    ///
    /// # Errors
    /// `UnknownTree`.
    pub fn patch(&self, base: &Base, tree: &Tree) -> Result<Vec<Change>, WorktreeError> {
        let after = self.base(tree)?;
        let mut out = Vec::new();
        for path in after.paths() {
            if after.listing.get(path.as_bytes()) == base.listing.get(path.as_bytes()) {
                continue;
            }
            let Some(new) = self.file(&after, &path) else {
                continue;
            };
            match self.file(base, &path) {
                None => out.push(Change::Create { path, text: new }),
                Some(old) => {
                    let whole = Hunk {
                        at: 0,
                        old: old.lines().to_vec(),
                        new: new.lines().to_vec(),
                    };
                    let hunks = minimise(&whole).into_iter();
                    out.extend(hunks.map(|hunk| Change::Modify {
                        path: path.clone(),
                        hunk,
                    }));
                }
            }
        }
        Ok(out)
    }

    /// An attempt's own slot, with a tree laid out in it; its build folder is shared with nobody. `None` while a check
    /// uses it.
    ///
    /// # Errors
    /// `UnknownTree`, `DiskFull`, `Io`.
    pub fn attempt_slot(
        &mut self,
        name: &str,
        tree: &Tree,
        borrow: &[String],
    ) -> Result<Option<Slot>, WorktreeError> {
        let slot = Slot::take(&self.attempts_dir().join(name))?;
        self.laid(slot, tree, borrow)
    }

    /// Names of the attempts whose folders are there.
    pub fn attempts(&self) -> Vec<String> {
        let entries = fs::read_dir(self.attempts_dir()).into_iter().flatten();
        let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Removes an attempt's folder, unless something still runs in it. What it made is in the shadow git folder.
    ///
    /// # Errors
    /// `Io`.
    pub fn drop_attempt(&self, name: &str) -> Result<(), WorktreeError> {
        let dir = self.attempts_dir().join(name);
        if Slot::in_use(&dir) {
            return Ok(());
        }
        remove(&dir).map_err(io_at("remove", &dir))
    }

    fn attempts_dir(&self) -> PathBuf {
        self.state.join("attempts")
    }
}

impl Slot {
    pub(crate) fn in_use(dir: &std::path::Path) -> bool {
        let Ok(lock) = fs::File::options().write(true).open(dir.join("lock")) else {
            return false;
        };
        let taken = rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive);
        taken
            .map_err(io::Error::from)
            .is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Needle;
    use crate::house::{LONG, house, texts};

    #[test]
    fn an_attempt_is_a_base_and_texts_and_touches_nothing_of_the_persons() {
        let mut house = house();
        let tree = house.shadow.tree().unwrap();
        let base = house.shadow.base(&tree).unwrap();
        assert_eq!(
            base.paths().into_iter().collect::<Vec<_>>(),
            ["long.txt", "src/x.txt"]
        );
        assert_eq!(house.shadow.file(&base, "out"), None, "a link is not followed");
        let made = texts(&[("src/x.txt", "y\n"), ("new/z.txt", "z\n")]);
        let after = house.shadow.with_texts(&base, &made).unwrap();
        let slot = house.shadow.attempt_slot("j1a1", &after, &[]).unwrap().unwrap();
        let laid = |p: &str| fs::read_to_string(slot.work().join(p)).unwrap();
        assert_eq!(
            (laid("src/x.txt"), laid("new/z.txt"), laid("long.txt")),
            ("y\n".into(), "z\n".into(), LONG.into())
        );
        assert!(!slot.work().starts_with(house.repo.path()));
        assert_eq!(house.shadow.tree().unwrap(), tree);
        assert_eq!(
            house
                .shadow
                .search(&base, &made, &Needle::text("y").unwrap(), "", 9)
                .lines,
            ["src/x.txt:1: y"]
        );
        let patch = house.shadow.patch(&base, &after).unwrap();
        let paths: Vec<&str> = patch.iter().map(Change::path).collect();
        assert_eq!(paths, ["new/z.txt", "src/x.txt"]);

        house.shadow.drop_attempt("j1a1").unwrap();
        assert_eq!(house.shadow.attempts(), ["j1a1"], "something still runs in it");
        drop(slot);
        house.shadow.drop_attempt("j1a1").unwrap();
        assert!(house.shadow.attempts().is_empty());
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        let mut house = house();
        let tree = house.shadow.tree().unwrap();
        let base = house.shadow.base(&tree).unwrap();
        for bad in [
            "../x",
            "/x",
            ".git/config",
            "out",
            "out/passwd",
            "long.txt/x",
            "a//b",
            "",
        ] {
            let refused = house.shadow.with_texts(&base, &texts(&[(bad, "1\n")]));
            assert!(refused.is_err(), "{bad}");
        }
    }
}
