//! Which files of a worktree count: those that git tracks and those that it would.

use crate::path::is_git_dir;
use ignore::{DirEntry, WalkBuilder};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// UTF-8 paths below `root`, sorted, at most `limit`.
pub(crate) fn files(root: &Path, limit: usize) -> Vec<String> {
    let all = paths(root).into_iter();
    all.filter_map(|p| p.into_os_string().into_string().ok())
        .take(limit)
        .collect()
}

/// Files and links (by path below `root`, sorted by bytes) that are tracked, or untracked and not ignored. Other
/// repositories inside this one are passed over, as git does.
pub(crate) fn paths(root: &Path) -> Vec<PathBuf> {
    let walked = walked(root).filter(|e| e.file_type().is_some_and(|t| t.is_file() || t.is_symlink()));
    let mut out: Vec<PathBuf> = walked
        .filter_map(|e| Some(e.path().strip_prefix(root).ok()?.to_owned()))
        .collect();
    out.sort_unstable_by(|a, b| by_bytes(a, b));
    // What is tracked counts even where an ignore rule matches it.
    let hidden: Vec<PathBuf> = tracked(root)
        .into_iter()
        .filter(|p| out.binary_search_by(|q| by_bytes(q, p)).is_err())
        .filter(|p| {
            root.join(p)
                .symlink_metadata()
                .is_ok_and(|m| m.is_file() || m.is_symlink())
        })
        .collect();
    if !hidden.is_empty() {
        out.extend(hidden);
        out.sort_unstable_by(|a, b| by_bytes(a, b));
        // An index in the middle of a merge names a path up to three times.
        out.dedup();
    }
    out
}

/// Everything that git's rules do not leave out, the root too.
fn walked(root: &Path) -> impl Iterator<Item = DirEntry> {
    let mut builder = WalkBuilder::new(root);
    // Git's rules only: hidden files count, the rules of search tools do not.
    builder
        .hidden(false)
        .ignore(false)
        .parents(false)
        .require_git(false);
    let top = root.to_owned();
    builder.filter_entry(move |e| e.path() == top || wanted(e));
    builder.build().filter_map(Result::ok)
}

/// The folders in which a file that counts may be, now or soon: the root, all that git would look into, empty ones
/// too, and those above what is tracked.
pub fn folders(root: &Path) -> BTreeSet<PathBuf> {
    let is_folder = |e: &DirEntry| e.file_type().is_some_and(|t| t.is_dir());
    let mut out: BTreeSet<PathBuf> = walked(root).filter(is_folder).map(DirEntry::into_path).collect();
    out.insert(root.to_owned());
    for path in tracked(root) {
        for folder in path.ancestors().skip(1) {
            if !out.insert(root.join(folder)) {
                break;
            }
        }
    }
    out
}

/// The order of [`paths`], which is git's and not that of `Path`.
pub(crate) fn by_bytes(a: &Path, b: &Path) -> Ordering {
    a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes())
}

fn wanted(e: &DirEntry) -> bool {
    let name = e.file_name();
    let git = name.to_str().is_some_and(is_git_dir);
    let ours = name.as_bytes().starts_with(b".brisk-") && name.as_bytes().ends_with(b".tmp");
    let folder = e.file_type().is_some_and(|t| t.is_dir());
    let nested = folder && e.path().join(".git").symlink_metadata().is_ok();
    !(git || ours || nested)
}

/// Paths in the person's index, which is only read. An index that cannot be read (another hash, a newer format) tells
/// of no path: what it tracks is then found by walking, unless ignored.
fn tracked(root: &Path) -> Vec<PathBuf> {
    let Some(index) = git_folder(root).and_then(|git| read_index(&git)) else {
        return Vec::new();
    };
    let file = |e: &&gix_index::Entry| !e.mode.is_submodule() && !e.mode.is_sparse();
    index
        .entries()
        .iter()
        .filter(file)
        .map(|e| PathBuf::from(OsStr::from_bytes(e.path(&index))))
        .collect()
}

fn read_index(git: &Path) -> Option<gix_index::File> {
    let options = gix_index::decode::Options {
        thread_limit: Some(1),
        ..Default::default()
    };
    gix_index::File::at(git.join("index"), gix_hash::Kind::Sha1, true, options).ok()
}

/// What the person's index says about how git stores things.
pub(crate) enum Indexed {
    /// There is none.
    None,
    /// Only git can read it.
    Unreadable,
    /// It was read.
    Read {
        /// Other repositories are recorded in it.
        links: bool,
        /// Files of attributes.
        attributes: Vec<PathBuf>,
    },
}

/// Reads the person's index for [`Indexed`].
pub(crate) fn indexed(root: &Path) -> Indexed {
    let Some(git) = git_folder(root).filter(|git| git.join("index").exists()) else {
        return Indexed::None;
    };
    let Some(index) = read_index(&git) else {
        return Indexed::Unreadable;
    };
    let mut links = false;
    let mut attributes = Vec::new();
    for entry in index.entries() {
        if entry.mode.is_sparse() {
            return Indexed::Unreadable;
        }
        links |= entry.mode.is_submodule();
        let path: &[u8] = entry.path(&index);
        if path.ends_with(ATTRIBUTES) {
            attributes.push(PathBuf::from(OsStr::from_bytes(path)));
        }
    }
    Indexed::Read { links, attributes }
}

/// What files of attributes are called.
pub(crate) const ATTRIBUTES: &[u8] = b".gitattributes";

/// What all worktrees of a `.git` folder share.
pub(crate) fn common_folder(git: &Path) -> PathBuf {
    match std::fs::read_to_string(git.join("commondir")) {
        Ok(text) => git.join(text.trim()),
        Err(_) => git.to_owned(),
    }
}

/// The `.git` folder, or the one that a `.git` file of a linked worktree names.
pub fn git_folder(root: &Path) -> Option<PathBuf> {
    let dot = root.join(".git");
    if dot.is_dir() {
        return Some(dot);
    }
    let text = std::fs::read_to_string(&dot).ok()?;
    Some(root.join(text.strip_prefix("gitdir:")?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(root: &Path, path: &str, text: &str) {
        let full = root.join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, text).unwrap();
    }

    #[test]
    fn git_rules_decide_what_counts() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (path, text) in [
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/info/exclude", "excluded.txt\n"),
            (".gitignore", "target/\n*.log\n!keep.log\n"),
            (".ignore", "a.rs\n"),
            ("a.rs", ""),
            ("b.log", ""),
            ("keep.log", ""),
            ("excluded.txt", ""),
            ("target/x.o", ""),
            ("sub/.gitignore", "/only-here\n"),
            ("sub/only-here", ""),
            ("sub/deep/only-here", ""),
            ("sub/.hidden", ""),
            ("other/.git/HEAD", ""),
            ("other/file", ""),
            (".brisk-1-2-0.tmp", ""),
        ] {
            touch(&root, path, text);
        }
        std::os::unix::fs::symlink("a.rs", root.join("link")).unwrap();
        let want = [
            ".gitignore",
            ".ignore",
            "a.rs",
            "keep.log",
            "link",
            "sub/.gitignore",
            "sub/.hidden",
            "sub/deep/only-here",
        ];
        assert_eq!(files(&root, 100), want);
        assert_eq!(files(&root, 2), want[..2]);
    }

    #[test]
    fn folders_that_may_hold_files_are_known_before_they_do() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        touch(&root, ".gitignore", "target/\n");
        for folder in ["src/new/deep", "target/debug", "other/.git", ".git/logs"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        let want: BTreeSet<PathBuf> = ["src", "src/new", "src/new/deep"]
            .map(|f| root.join(f))
            .into_iter()
            .chain([root.clone()])
            .collect();
        assert_eq!(folders(&root), want);
    }
}
