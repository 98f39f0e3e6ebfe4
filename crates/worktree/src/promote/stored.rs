//! The tree that git would store: after line ends, attributes and the person's own filters, with submodules by their
//! commits. What is tested is what is committed, byte for byte.
//!
//! Where git would store what lies on disk, nothing is asked of it. Else it stages the worktree into an index and a
//! folder of objects of our own; the person's are only read.

use super::PromoteError;
use super::asked::{Careful, Index, LINK, entry};
use super::converts::converts;
use super::look::here;
use crate::error::io_at;
use crate::shadow::Shadow;
use brisk_domain::evidence::Tree;
use std::fs;
use std::path::Path;

/// Content of the worktree now, as git would store it: tracked, and untracked but not ignored.
///
/// # Errors
/// `Git` where git cannot read the worktree; `Worktree`.
pub fn stored(shadow: &mut Shadow, git: &mut dyn super::Git) -> Result<Tree, PromoteError> {
    let root = shadow.root().to_owned();
    if !converts(&root, &[]) {
        let tree = shadow.tree()?;
        // The walk meets files of attributes that are not tracked yet.
        let met = std::mem::take(&mut shadow.snapshots.attributes);
        if !converts(&root, &met) {
            return Ok(tree);
        }
    }
    let mut git = Careful::wary(git)?;
    here(&mut git, &root)?;
    let objects = git.paths(&["objects"])?.remove(0);
    // Held to the end, for the folder of objects as well: a daemon looks while a command verifies.
    let index = Index::take(shadow.state(), "tree")?;
    let made = shadow.state().join("staged");
    fresh(&made, &objects).map_err(io_at("make", &made))?;
    let env = [("GIT_OBJECT_DIRECTORY", made.clone().into_os_string())];
    let tree = index.stage(&mut git, &root, &env)?.tree;
    shadow.take_over(&made, &tree)?;
    // It only costs room; the next call clears it too.
    let _ = fs::remove_dir_all(&made);
    Ok(tree)
}

/// An empty folder of objects beside the person's.
fn fresh(made: &Path, objects: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(made) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => fs::create_dir_all(made.join("info"))?,
    }
    let mut line = objects.as_os_str().to_owned();
    line.push("\n");
    use std::os::unix::ffi::OsStrExt as _;
    fs::write(made.join("info/alternates"), line.as_bytes())
}

/// Submodules in which somebody changed something: no check saw that, and it would not go along.
pub(super) fn dirty(
    shadow: &Shadow,
    git: &mut Careful<'_>,
    tree: &Tree,
) -> Result<Vec<String>, PromoteError> {
    let mut open = shadow.links(tree)?;
    let mut out = Vec::new();
    while let Some(path) = open.pop() {
        if fs::symlink_metadata(shadow.root().join(&path).join(".git")).is_err() {
            continue;
        }
        let at = path.to_string_lossy().into_owned();
        let mut inner = git.inside(path.as_os_str())?;
        // Those further in are asked themselves. It is only looked: no index is written, for which there is a hook.
        let status = inner.must(
            &[
                "-c",
                "core.hooksPath=/dev/null",
                "status",
                "--porcelain",
                "--untracked-files=normal",
                "--ignore-submodules=all",
            ],
            &[("GIT_OPTIONAL_LOCKS", "0".into())],
        )?;
        if !status.out.trim().is_empty() {
            out.push(at);
            continue;
        }
        let said = inner.files(&["--stage"], &[])?;
        let links = said
            .iter()
            .filter_map(|l| entry(l))
            .filter(|(mode, ..)| *mode == LINK);
        for (_, commit, below) in links {
            let further = path.join(below);
            let moved = inner
                .ask(&[
                    "-C".as_ref(),
                    below,
                    "rev-parse".as_ref(),
                    "--verify".as_ref(),
                    "--quiet".as_ref(),
                    "HEAD".as_ref(),
                ])
                .is_some_and(|is| is.as_str() != commit);
            let there = fs::symlink_metadata(shadow.root().join(&further).join(".git")).is_ok();
            match there && moved {
                true => out.push(further.to_string_lossy().into_owned()),
                false => open.push(further),
            }
        }
    }
    out.sort();
    Ok(out)
}
