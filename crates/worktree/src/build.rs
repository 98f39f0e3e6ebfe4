//! The build folder of a slot. What a check writes there is read by the compiler of the next one: a test of one tree
//! could leave results for another. So a tree begins with what it wrote itself, or with a copy of what a tree left that
//! is committed by now, and never with what another draft left.

use crate::error::{WorktreeError, io_at};
use crate::slot::{Slot, remove};
use brisk_domain::evidence::Tree;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

impl Slot {
    /// Makes the build folder ready for a tree. `base`: what it stands on, which is committed; what a check of that one
    /// left is kept from here on. Costs a copy of it for each new tree (shared blocks, where the file system has them).
    ///
    /// # Errors
    /// `Io`.
    pub fn settle_build(&mut self, tree: &Tree, base: Option<&Tree>) -> Result<(), WorktreeError> {
        let (kept, mark) = (self.beside("kept"), self.beside("build.of"));
        let of = fs::read_to_string(&mark).ok().and_then(|t| Tree::parse(&t));
        if of.as_ref() == Some(tree) {
            let mut entries = fs::read_dir(&self.build).map_err(io_at("read", &self.build))?;
            self.fresh = entries.next().is_none();
            return Ok(());
        }
        // Until it is whole again it is nobody's.
        remove(&mark).map_err(io_at("remove", &mark))?;
        if of.is_some() && of.as_ref() == base {
            let moved = remove(&kept).and_then(|()| fs::rename(&self.build, &kept));
            moved.map_err(io_at("keep", &self.build))?;
        }
        self.fresh = true;
        let emptied = remove(&self.build).and_then(|()| fs::create_dir(&self.build));
        emptied.map_err(io_at("empty", &self.build))?;
        if kept.exists() {
            match copy(&kept, &self.build) {
                Ok(any) => self.fresh = !any,
                Err(_) => {
                    // A build from nothing is slower and as right.
                    let emptied = remove(&self.build).and_then(|()| fs::create_dir(&self.build));
                    emptied.map_err(io_at("empty", &self.build))?;
                }
            }
        }
        fs::write(&mark, tree.as_str()).map_err(io_at("write", &mark))
    }

    /// Forgets everything that was built.
    ///
    /// # Errors
    /// `Io`.
    pub fn empty_build(&mut self) -> Result<(), WorktreeError> {
        for path in [self.beside("build.of"), self.beside("kept"), self.build.clone()] {
            remove(&path).map_err(io_at("empty", &path))?;
        }
        fs::create_dir(&self.build).map_err(io_at("make", &self.build))?;
        self.fresh = true;
        Ok(())
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.build.with_file_name(name)
    }
}

/// Copies what is in a folder with its times, which builds go by. Whether there was anything.
fn copy(from: &Path, to: &Path) -> io::Result<bool> {
    let mut any = false;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let meta = entry.metadata()?;
        any = true;
        if meta.is_dir() {
            fs::create_dir(&target)?;
            copy(&source, &target)?;
        } else if meta.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if meta.is_file() {
            fs::copy(&source, &target)?;
            File::open(&target)?.set_modified(meta.modified()?)?;
        }
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(c: char) -> Tree {
        Tree::parse(&c.to_string().repeat(40)).unwrap()
    }

    #[test]
    fn a_tree_begins_with_its_own_build_or_a_committed_one() {
        let dir = tempfile::tempdir().unwrap();
        let [base, one, two] = ['0', '1', '2'].map(tree);
        let read = |s: &Slot| fs::read_to_string(s.build().join("deep/made")).unwrap_or_default();
        let make = |s: &Slot, text: &str| {
            fs::create_dir_all(s.build().join("deep")).unwrap();
            fs::write(s.build().join("deep/made"), text).unwrap();
        };
        // Tree, base, what its check finds, and whether that is nothing. Each leaves its own name.
        let steps: [(&Tree, Option<&Tree>, &str, bool); 10] = [
            (&base, None, "", true),
            (&base, None, "0", false),
            (&one, Some(&base), "0", false),
            (&one, Some(&base), "1", false),
            (&two, Some(&base), "0", false),
            (&one, Some(&base), "0", false),
            // The draft is committed, and the next one stands on it.
            (&two, Some(&one), "1", false),
            (&base, None, "1", false),
            (&one, None, "1", false),
            (&two, None, "1", false),
        ];
        for (at, (tree, base, want, fresh)) in steps.into_iter().enumerate() {
            let mut slot = Slot::take(dir.path()).unwrap().unwrap();
            slot.settle_build(tree, base).unwrap();
            assert_eq!((read(&slot).as_str(), slot.fresh()), (want, fresh), "step {at}");
            make(&slot, &tree.as_str()[..1]);
        }
        let mut slot = Slot::take(dir.path()).unwrap().unwrap();
        slot.empty_build().unwrap();
        slot.settle_build(&two, Some(&one)).unwrap();
        assert_eq!((read(&slot).as_str(), slot.fresh()), ("", true));
    }

    #[test]
    fn a_copy_has_the_times_and_links_of_what_it_is_of() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::create_dir(&to).unwrap();
        assert!(copy(&from, &to).unwrap());
        fs::remove_dir(to.join("sub")).unwrap();
        fs::write(from.join("sub/x"), "x").unwrap();
        let past = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        File::options()
            .write(true)
            .open(from.join("sub/x"))
            .unwrap()
            .set_modified(past)
            .unwrap();
        symlink("sub/x", from.join("link")).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::metadata(to.join("sub/x")).unwrap().modified().unwrap(), past);
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("sub/x"));
    }
}
