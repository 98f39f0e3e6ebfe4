//! Shipping: the only place that touches the person's index, HEAD and refs, and only with leave from the gate.
//!
//! The git program does it, because only it runs the person's own hooks and signs as they want; the binary lends it.
//! Whatever git makes is compared with the tree that leave was given for, before and after.

mod asked;
mod converts;
mod error;
mod filters;
mod ignores;
mod look;
mod outside;
mod saved;
mod stored;
mod taken;

use crate::shadow::Shadow;
use asked::{Careful, Index, entry};
use brisk_domain::evidence::Tree;
use brisk_gate::Promotable;
pub use error::PromoteError;
pub use ignores::{RULES, ignored};
use look::{differing, few, here, settled};
pub use outside::{Attested, attest, install_hook};
use saved::Saved;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
pub use stored::stored;
pub use taken::take;

/// How git ended and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GitSaid {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// The git program, lent by the binary.
pub trait Git {
    /// Runs `git` with these arguments and further variables in the repository's root.
    ///
    /// # Errors
    /// When it cannot be run at all, in words.
    fn run(&mut self, args: &[OsString], env: &[(&str, OsString)]) -> Result<GitSaid, String>;

    /// The same, for standard output that is no text: every byte of it.
    ///
    /// # Errors
    /// When it cannot be run at all, or does not end well, in words.
    fn bytes(&mut self, args: &[OsString], env: &[(&str, OsString)]) -> Result<Vec<u8>, String>;

    /// The same for git that has something to read, and says nothing that is of interest.
    ///
    /// # Errors
    /// As [`Git::bytes`].
    fn fed(&mut self, args: &[OsString], env: &[(&str, OsString)], input: &[u8]) -> Result<(), String>;
}

/// How a tree is shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A commit on the branch that is checked out.
    Commit {
        /// Its message.
        message: String,
    },
    /// A commit on a new branch; index and HEAD stay as they are.
    Branch {
        /// The branch.
        name: String,
        /// The message.
        message: String,
    },
    /// A patch against HEAD, written to a file.
    Patch {
        /// Which, outside of the repository.
        file: PathBuf,
    },
    /// A commit is pushed; leave must be for its tree.
    Push {
        /// Where to.
        remote: String,
        /// Which; exactly this one, wherever the branch is by then.
        commit: Tree,
        /// The branch that it is pushed to.
        branch: String,
        /// Refs that go with it.
        refs: Vec<String>,
    },
}

/// What was shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promoted {
    /// The tree.
    pub tree: Tree,
    /// The commit that holds it, where there is one.
    pub commit: Option<Tree>,
    /// HEAD had it already; nothing was done.
    pub already: bool,
}

const HOOK: &str = "a hook changed it; verify what the hook makes, then ship";

/// The tree without anything in it, which every repository knows.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// Ships. Leave is used up, whatever comes of it.
///
/// # Errors
/// [`PromoteError`]; nothing was shipped then.
pub fn promote(
    leave: Promotable,
    shadow: &mut Shadow,
    git: &mut dyn Git,
    way: &Way,
) -> Result<Promoted, PromoteError> {
    let tree = leave.tree().clone();
    let (prepared, mut git) = prepare(&tree, shadow, git, way)?;
    let (head, index) = match prepared {
        Prepared::There { head } => {
            return Ok(Promoted {
                tree,
                commit: head,
                already: true,
            });
        }
        Prepared::Staged { head, index } => (head, index),
    };
    let commit = match way {
        Way::Commit { message } => Some(commit(
            &mut git,
            shadow.root(),
            &index,
            &tree,
            head.as_ref(),
            message,
        )?),
        Way::Branch { name, message } => Some(branch(&mut git, &index, &tree, head.as_ref(), name, message)?),
        Way::Patch { file } => {
            patch(&mut git, &index, head.as_ref(), file)?;
            None
        }
        Way::Push {
            remote,
            commit,
            branch,
            refs,
        } => {
            let what = format!("{commit}:refs/heads/{branch}");
            let mut args = vec!["push", "--atomic", remote.as_str(), what.as_str()];
            args.extend(refs.iter().map(String::as_str));
            git.must(&args, &[])?;
            Some(commit.clone())
        }
    };
    Ok(Promoted {
        tree,
        commit,
        already: false,
    })
}

/// Whether git would ship exactly this tree, asked before anybody gives leave. Nothing is changed.
///
/// # Errors
/// [`PromoteError`], as from [`promote`].
pub fn ready(tree: &Tree, shadow: &mut Shadow, git: &mut dyn Git, way: &Way) -> Result<(), PromoteError> {
    prepare(tree, shadow, git, way).map(drop)
}

/// Refuses where the worktree is another than its tree, which is all that a check sees: git has conflicts to settle
/// first, files are not checked out, or a submodule has changes of its own.
///
/// # Errors
/// `Unmerged`, `Sparse`, `Submodule`; `Git`, `Worktree`.
pub fn overlooked(tree: &Tree, shadow: &Shadow, git: &mut dyn Git) -> Result<(), PromoteError> {
    let mut git = Careful::wary(git)?;
    settled(&mut git)?;
    inside(tree, shadow, &mut git)
}

/// Refuses where a submodule has changes of its own.
fn inside(tree: &Tree, shadow: &Shadow, git: &mut Careful<'_>) -> Result<(), PromoteError> {
    let dirty = stored::dirty(shadow, git, tree)?;
    match few(dirty.iter().map(OsStr::new)) {
        Some(paths) => Err(PromoteError::Submodule { paths }),
        None => Ok(()),
    }
}

enum Prepared {
    /// HEAD has it.
    There { head: Option<Tree> },
    /// It lies in an index of our own, except where it is a commit already.
    Staged { head: Option<Tree>, index: Index },
}

fn prepare<'a>(
    tree: &Tree,
    shadow: &mut Shadow,
    lent: &'a mut dyn Git,
    way: &Way,
) -> Result<(Prepared, Careful<'a>), PromoteError> {
    let is = match way {
        Way::Push { .. } => None,
        Way::Commit { .. } | Way::Branch { .. } | Way::Patch { .. } => Some(stored(shadow, lent)?),
    };
    let mut careful = Careful::wary(lent)?;
    let git = &mut careful;
    let head = git.ask(&["rev-parse", "--verify", "--quiet", "HEAD"]);
    let index = Index::take(shadow.state(), "ship")?;
    let stale = |is: Tree| PromoteError::Stale {
        verified: tree.clone(),
        is,
    };
    if let Way::Push { commit, .. } = way {
        let is = git.id(
            &["rev-parse", "--verify", "--quiet", &format!("{commit}^{{tree}}")],
            &[],
        )?;
        return match is == *tree {
            true => Ok((Prepared::Staged { head, index }, careful)),
            false => Err(stale(is)),
        };
    }
    here(git, shadow.root())?;
    settled(git)?;
    if let Some(is) = is.filter(|is| is != tree) {
        return Err(stale(is));
    }
    let head_tree = git.ask(&["rev-parse", "--verify", "--quiet", "HEAD^{tree}"]);
    // A merge may come to the same content; it is to be committed all the same.
    let merge = git.ask(&["rev-parse", "--verify", "--quiet", "MERGE_HEAD"]);
    if head_tree.as_ref() == Some(tree) && merge.is_none() && matches!(way, Way::Commit { .. }) {
        return Ok((Prepared::There { head }, careful));
    }
    let staged = index.stage(git, shadow.root(), &[])?;
    if let Some((filter, _)) = staged.unfiltered.first() {
        let of = staged.unfiltered.iter().filter(|(f, _)| f == filter);
        let paths = few(of.filter_map(|(_, said)| Some(entry(said)?.2)));
        return Err(PromoteError::Filter {
            filter: few(std::iter::once(filter.as_os_str())).unwrap_or_default(),
            paths: paths.unwrap_or_default(),
        });
    }
    inside(tree, shadow, git)?;
    if staged.tree != *tree {
        return Err(PromoteError::Other {
            verified: tree.clone(),
            is: staged.tree,
            why: differing(git, &index, shadow, tree)?,
        });
    }
    Ok((Prepared::Staged { head, index }, careful))
}

/// The message as the person's hooks leave it, in the file where git keeps it; `tree` lies in `index`.
fn hooks(git: &mut Careful<'_>, index: &Index, tree: &Tree, message: &str) -> Result<PathBuf, PromoteError> {
    let file = git.paths(&["COMMIT_EDITMSG"])?.remove(0);
    std::fs::write(&file, format!("{}\n", message.trim_end())).map_err(|e| PromoteError::Git {
        doing: format!("writing {}", file.display()),
        said: e.to_string(),
    })?;
    let at = file.to_string_lossy();
    git.hook("pre-commit", &[], &index.env())?;
    git.hook("prepare-commit-msg", &[&at, "message"], &index.env())?;
    git.hook("commit-msg", &[&at], &index.env())?;
    let is = git.id(&["write-tree"], &index.env())?;
    match is == *tree {
        true => Ok(file),
        false => Err(PromoteError::Other {
            verified: tree.clone(),
            is,
            why: HOOK.to_owned(),
        }),
    }
}

/// A commit on HEAD. The hooks run before the person's index is touched, so HEAD never names what a hook made.
fn commit(
    git: &mut Careful<'_>,
    root: &Path,
    index: &Index,
    tree: &Tree,
    head: Option<&Tree>,
    message: &str,
) -> Result<Tree, PromoteError> {
    let file = hooks(git, index, tree, message)?;
    let saved = Saved::take(git)?;
    let made = match commit_staged(git, root, tree, head, &file) {
        Ok(made) => made,
        Err(refused) => {
            saved.restore()?;
            return Err(refused);
        }
    };
    // As with git itself, it comes too late to refuse anything.
    let _ = git.hook("post-commit", &[], &[]);
    Ok(made)
}

fn commit_staged(
    git: &mut Careful<'_>,
    root: &Path,
    tree: &Tree,
    head: Option<&Tree>,
    message: &Path,
) -> Result<Tree, PromoteError> {
    let other = |is: Tree, why: String| PromoteError::Other {
        verified: tree.clone(),
        is,
        why,
    };
    git.add_all(root, &[])?;
    let staged = git.id(&["write-tree"], &[])?;
    if staged != *tree {
        let all = git.files(&["-v"], &[])?;
        let kept = all.iter().filter_map(|l| l.strip_prefix(b"h "));
        let why = few(kept.map(OsStr::from_bytes)).map(|paths| {
            format!("git is told to assume that these never change: {paths}; `git update-index --no-assume-unchanged` ends it")
        });
        return Err(other(staged, why.unwrap_or_else(|| HOOK.to_owned())));
    }
    let message = message.to_string_lossy();
    // The hooks have run.
    let quiet = [
        "-c",
        "core.hooksPath=/dev/null",
        "commit",
        "--quiet",
        "--file",
        &message,
    ];
    git.must(&quiet, &[])?;
    let made = git.id(&["rev-parse", "HEAD"], &[])?;
    let is = git.id(&["rev-parse", "HEAD^{tree}"], &[])?;
    if is == *tree {
        return Ok(made);
    }
    match head {
        Some(old) => git.must(&["update-ref", "HEAD", old.as_str(), made.as_str()], &[])?,
        None => git.must(&["update-ref", "-d", "HEAD", made.as_str()], &[])?,
    };
    Err(other(
        is,
        "something else wrote to the index meanwhile".to_owned(),
    ))
}

fn branch(
    git: &mut Careful<'_>,
    index: &Index,
    tree: &Tree,
    head: Option<&Tree>,
    name: &str,
    message: &str,
) -> Result<Tree, PromoteError> {
    git.must(&["check-ref-format", "--branch", name], &[])?;
    let file = hooks(git, index, tree, message)?;
    let file = file.to_string_lossy();
    let mut args = vec!["commit-tree", tree.as_str(), "-F", &file];
    // `commit-tree` does not look at this setting itself.
    let signs = git.run(&["config", "--type=bool", "--get", "commit.gpgSign"], &[])?;
    args.extend((signs.out.trim() == "true").then_some("-S"));
    args.extend(head.iter().flat_map(|h| ["-p", h.as_str()]));
    let made = git.id(&args, &[])?;
    // Forty zeros: it must not be there yet.
    let new = "0".repeat(made.as_str().len());
    git.must(
        &["update-ref", &format!("refs/heads/{name}"), made.as_str(), &new],
        &[],
    )?;
    Ok(made)
}

/// A patch that can be applied whatever the person's settings for diffs are.
fn patch(git: &mut Careful<'_>, index: &Index, head: Option<&Tree>, file: &Path) -> Result<(), PromoteError> {
    let output = format!("--output={}", file.display());
    let args = [
        "diff",
        "--cached",
        "--binary",
        "--full-index",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--no-relative",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        &output,
        head.map_or(EMPTY_TREE, Tree::as_str),
    ];
    git.must(&args, &index.env()).map(drop)
}
