//! For tests: a repository with a shadow, and texts for it.

use crate::shadow::Shadow;
use brisk_patch::Text;
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;

/// Texts by their paths.
pub(crate) fn texts(all: &[(&str, &str)]) -> BTreeMap<String, Text> {
    all.iter()
        .map(|(p, t)| ((*p).to_owned(), Text::from_str_lossless(t)))
        .collect()
}

/// A repository with a shadow.
pub(crate) struct House {
    pub(crate) repo: TempDir,
    _state: TempDir,
    pub(crate) shadow: Shadow,
}

/// The text of its `long.txt`.
pub(crate) const LONG: &str = "a\nb\nc\nd\ne\nf\ng\nh\n";

/// It holds `long.txt`, `src/x.txt`, and a link that leads out.
pub(crate) fn house() -> House {
    let repo = tempfile::tempdir().unwrap();
    for folder in [".git", "src"] {
        fs::create_dir(repo.path().join(folder)).unwrap();
    }
    fs::write(repo.path().join("long.txt"), LONG).unwrap();
    fs::write(repo.path().join("src/x.txt"), "x\n").unwrap();
    std::os::unix::fs::symlink("/etc", repo.path().join("out")).unwrap();
    let state = tempfile::tempdir().unwrap();
    let shadow = Shadow::open(repo.path(), state.path()).unwrap();
    House {
        repo,
        _state: state,
        shadow,
    }
}
