//! What git leaves out by a rule, now or once a tree is there.

use super::asked::Careful;
use super::{Git, PromoteError};
use crate::error::io_at;
use crate::shadow::Shadow;
use brisk_domain::evidence::Tree;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use tempfile::TempDir;

/// The name of a file with rules.
pub const RULES: &str = ".gitignore";

/// Which of these paths below the root git leaves out by a rule to ignore them. What it tracks it does not leave out.
/// `after`: by the rules of this tree, and not by those that lie on disk.
///
/// # Errors
/// `Git`, `Worktree`.
pub fn ignored(
    shadow: &Shadow,
    git: &mut dyn Git,
    after: Option<&Tree>,
    paths: &[String],
) -> Result<BTreeSet<String>, PromoteError> {
    let mut git = Careful::new(git);
    let mut out = BTreeSet::new();
    if paths.is_empty() {
        return Ok(out);
    }
    let there = after.map(|tree| laid(shadow, tree)).transpose()?;
    let (mut args, mut env): (Vec<&OsStr>, Vec<(&str, OsString)>) = (Vec::new(), Vec::new());
    if let Some(dir) = &there {
        // The person's own repository, with their index and further rules, as if its files were there.
        let mut at = git.bytes(&["rev-parse", "--absolute-git-dir"], &[])?;
        at.pop();
        env.push(("GIT_DIR", OsString::from_vec(at)));
        env.push(("GIT_WORK_TREE", dir.path().into()));
        args.extend([OsStr::new("-C"), dir.path().as_os_str()]);
    }
    args.extend(["check-ignore", "--quiet", "--"].map(OsStr::new));
    // One at a time: what it writes of several it writes quoted.
    for path in paths {
        // Behind this no name is anything else than a name.
        let here = OsString::from(format!("./{path}"));
        let said = git.run(&[&args[..], &[&here]].concat(), &env)?;
        match said.code {
            0 => {
                out.insert(path.clone());
            }
            1 => {}
            code => {
                return Err(PromoteError::Git {
                    doing: "git check-ignore".to_owned(),
                    said: match said.err.trim_end() {
                        "" => format!("exit code {code}"),
                        words => words.to_owned(),
                    },
                });
            }
        }
    }
    Ok(out)
}

/// A folder that has the rules of a tree and nothing else of it.
fn laid(shadow: &Shadow, tree: &Tree) -> Result<TempDir, PromoteError> {
    let dir = TempDir::with_prefix_in("rules-", &shadow.state).map_err(io_at("make", &shadow.state))?;
    let base = shadow.base(tree)?;
    for path in base.paths() {
        let rel = Path::new(&path);
        if rel.file_name() != Some(OsStr::new(RULES)) {
            continue;
        }
        let Some(text) = shadow.file(&base, &path) else {
            continue;
        };
        let at = dir.path().join(rel);
        let write = || {
            at.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&at, text.encode())
        };
        write().map_err(io_at("write", &at))?;
    }
    Ok(dir)
}
