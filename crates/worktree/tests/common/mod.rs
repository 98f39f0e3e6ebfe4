//! A repository in a folder of its own, and words to build operations with.
#![allow(dead_code, reason = "each test file uses a part")]

use brisk_domain::{HunkId, SessionId, TurnId};
use brisk_patch::{Change, Hunk, Text, split_lines};
use brisk_worktree::{Applied, Operation, Repo, WorktreeError};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Path below the root -> permission bits and bytes.
pub(crate) type Tree = BTreeMap<String, (u32, Vec<u8>)>;

pub(crate) struct Place {
    _keep: tempfile::TempDir,
    pub(crate) root: PathBuf,
    pub(crate) state: PathBuf,
}

impl Place {
    /// A repository with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Place {
        let keep = tempfile::tempdir().unwrap();
        let top = keep.path().canonicalize().unwrap();
        let place = Place {
            root: top.join("repo"),
            state: top.join("state"),
            _keep: keep,
        };
        std::fs::create_dir_all(place.root.join(".git")).unwrap();
        std::fs::write(place.root.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        for (path, text) in files {
            place.put(path, text);
        }
        place
    }

    pub(crate) fn open(&self) -> Repo {
        Repo::open(&self.root, &self.state).unwrap()
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        let full = self.root.join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, text).unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.root.join(path).symlink_metadata().is_ok()
    }

    pub(crate) fn mode(&self, path: &str, mode: u32) {
        std::fs::set_permissions(self.root.join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Everything below the root, folders too, git's own and all temporary files included.
    pub(crate) fn tree(&self) -> Tree {
        let mut out = Tree::new();
        walk(&self.root, &self.root, &mut out);
        out
    }
}

fn walk(root: &Path, dir: &Path, out: &mut Tree) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let meta = path.symlink_metadata().unwrap();
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_dir() {
            out.insert(name + "/", (mode, Vec::new()));
            walk(root, &path, out);
        } else if meta.is_symlink() {
            let target = std::fs::read_link(&path)
                .unwrap()
                .into_os_string()
                .into_encoded_bytes();
            out.insert(name, (mode, target));
        } else {
            out.insert(name, (mode, std::fs::read(&path).unwrap()));
        }
    }
}

pub(crate) fn text(s: &str) -> Text {
    Text::from_str_lossless(s)
}

/// Lines `at..` that are `old` become `new`.
pub(crate) fn modify(path: &str, at: usize, old: &str, new: &str) -> Change {
    Change::Modify {
        path: path.into(),
        hunk: Hunk {
            at,
            old: split_lines(old),
            new: split_lines(new),
        },
    }
}

pub(crate) fn create(path: &str, body: &str) -> Change {
    Change::Create {
        path: path.into(),
        text: text(body),
    }
}

pub(crate) fn delete(path: &str, body: &str) -> Change {
    Change::Delete {
        path: path.into(),
        old: text(body),
    }
}

/// One operation of session 1; hunks are numbered from `first`.
pub(crate) fn operation(turn: u64, first: u64, changes: Vec<Change>) -> Operation {
    Operation {
        session: SessionId(1),
        turn: TurnId(turn),
        changes: changes
            .into_iter()
            .enumerate()
            .map(|(i, c)| (HunkId(first + i as u64), c))
            .collect(),
        bases: BTreeMap::new(),
        note: format!("turn {turn}"),
    }
}

pub(crate) fn write(
    repo: &Repo,
    turn: u64,
    first: u64,
    changes: Vec<Change>,
) -> Result<Applied, WorktreeError> {
    repo.write(operation(turn, first, changes))
}

pub(crate) fn hunks(ids: &[u64]) -> Vec<HunkId> {
    ids.iter().map(|i| HunkId(*i)).collect()
}
