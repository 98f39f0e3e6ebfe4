//! Shipping: the only place that touches the person's index, HEAD and refs, and only with leave from the gate.
//!
//! The git program does it, because only it runs the person's own hooks and signs as they want; the binary lends it.
//! Whatever git makes is compared with the tree that leave was given for, before and after.

use crate::error::WorktreeError;
use crate::shadow::Shadow;
use brisk_domain::evidence::{Digest, Tree};
use brisk_gate::Promotable;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

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
    /// HEAD is pushed; leave must be for its tree.
    Push {
        /// Where to.
        remote: String,
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

/// Why nothing was shipped. HEAD and refs are as they were; after a refused commit everything may be staged, as by
/// `git add`.
#[derive(Debug, thiserror::Error)]
pub enum PromoteError {
    /// The worktree is no longer what leave was given for.
    #[error("the worktree changed: it is tree {} now, and what was verified is tree {}", .is.short(), .verified.short())]
    Stale {
        /// What leave was given for.
        verified: Tree,
        /// What is there.
        is: Tree,
    },
    /// Git would ship something else than what was verified.
    #[error("git would ship tree {}, not tree {} which was verified: {why}", .is.short(), .verified.short())]
    Other {
        /// What leave was given for.
        verified: Tree,
        /// What git would make of it.
        is: Tree,
        /// What makes the difference, as far as can be said.
        why: &'static str,
    },
    /// Git, or a hook, refused.
    #[error("git refused ({doing}): {said}")]
    Git {
        /// `git commit`.
        doing: String,
        /// Its words.
        said: String,
    },
    /// The worktree could not be read.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
}

const FILTERS: &str =
    "a filter, line end conversion, submodule or repository inside of it changes what git stores";
const HOOK: &str = "a hook changed it; verify what the hook makes, then ship";

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
    let mut git = Careful { git };
    let head = git.ask(&["rev-parse", "--verify", "--quiet", "HEAD"]);
    let head_tree = git.ask(&["rev-parse", "--verify", "--quiet", "HEAD^{tree}"]);
    if let Way::Push { remote, refs } = way {
        let is = head_tree.unwrap_or_else(|| tree.clone());
        if is != tree {
            return Err(PromoteError::Stale { verified: tree, is });
        }
        let mut args = vec!["push", "--atomic", remote.as_str(), "HEAD"];
        args.extend(refs.iter().map(String::as_str));
        git.must(&args, &[])?;
        return Ok(Promoted {
            tree,
            commit: head,
            already: false,
        });
    }
    let is = shadow.tree()?;
    if is != tree {
        return Err(PromoteError::Stale { verified: tree, is });
    }
    if head_tree.as_ref() == Some(&tree) && matches!(way, Way::Commit { .. }) {
        return Ok(Promoted {
            tree,
            commit: head,
            already: true,
        });
    }
    let index = Index::new(shadow.state(), "ship");
    let staged = index.stage(&mut git, head.is_some())?;
    if staged != tree {
        let why = FILTERS;
        return Err(PromoteError::Other {
            verified: tree,
            is: staged,
            why,
        });
    }
    let commit = match way {
        Way::Commit { message } => Some(commit(&mut git, &tree, head.as_ref(), message)?),
        Way::Branch { name, message } => Some(branch(&mut git, &index, &tree, head.as_ref(), name, message)?),
        Way::Patch { file } => {
            let output = format!("--output={}", file.display());
            let base = head.as_ref().map_or(EMPTY_TREE, Tree::as_str);
            let args = [
                "diff",
                "--cached",
                "--binary",
                "--full-index",
                "--no-ext-diff",
                "--no-textconv",
            ];
            let args: Vec<&str> = args.into_iter().chain([output.as_str(), base]).collect();
            git.must(&args, &index.env())?;
            None
        }
        Way::Push { .. } => None,
    };
    Ok(Promoted {
        tree,
        commit,
        already: false,
    })
}

/// The tree without anything in it, which every repository knows.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

fn commit(
    git: &mut Careful<'_>,
    tree: &Tree,
    head: Option<&Tree>,
    message: &str,
) -> Result<Tree, PromoteError> {
    git.must(&["add", "--all", "--", ":/"], &[])?;
    git.must(&["commit", "--quiet", "--message", message], &[])?;
    let made = git.id(&["rev-parse", "HEAD"], &[])?;
    let is = git.id(&["rev-parse", "HEAD^{tree}"], &[])?;
    if is == *tree {
        return Ok(made);
    }
    // The commit never left; HEAD goes back, the index keeps what the hook staged.
    match head {
        Some(old) => git.must(&["update-ref", "HEAD", old.as_str(), made.as_str()], &[])?,
        None => git.must(&["update-ref", "-d", "HEAD", made.as_str()], &[])?,
    };
    Err(PromoteError::Other {
        verified: tree.clone(),
        is,
        why: HOOK,
    })
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
    // `commit-tree` runs no hook by itself.
    git.must(&["hook", "run", "--ignore-missing", "pre-commit"], &index.env())?;
    let is = git.id(&["write-tree"], &index.env())?;
    if is != *tree {
        return Err(PromoteError::Other {
            verified: tree.clone(),
            is,
            why: HOOK,
        });
    }
    let mut args = vec!["commit-tree", tree.as_str(), "-m", message];
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

/// The ledger as a git ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// `refs/brisk/attestations/KEY`.
    pub name: String,
    /// The commit that it points to.
    pub commit: Tree,
}

/// Puts a ledger into a commit of its own, after the one before it, so that it travels with the branches that it is
/// about, and whoever receives it sees that it only grew.
///
/// # Errors
/// `Git`; the ref is as it was.
pub fn attest(
    shadow: &Shadow,
    git: &mut dyn Git,
    signer: &Digest,
    ledger: &Path,
) -> Result<Attested, PromoteError> {
    let mut git = Careful { git };
    let name = format!("refs/brisk/attestations/{}", signer.short());
    let file = ledger.to_string_lossy();
    let blob = git.id(&["hash-object", "-w", "--no-filters", "--", &file], &[])?;
    let index = Index::new(shadow.state(), "attest");
    index.clear();
    let entry = format!("100644,{blob},ledger");
    git.must(&["update-index", "--add", "--cacheinfo", &entry], &index.env())?;
    let tree = git.id(&["write-tree"], &index.env())?;
    let old = git.ask(&["rev-parse", "--verify", "--quiet", &name]);
    if let Some(old) = &old
        && git
            .ask(&["rev-parse", "--verify", "--quiet", &format!("{old}^{{tree}}")])
            .as_ref()
            == Some(&tree)
    {
        return Ok(Attested {
            name,
            commit: old.clone(),
        });
    }
    let mut args = vec!["commit-tree", tree.as_str(), "-m", "Attestations"];
    args.extend(old.iter().flat_map(|o| ["-p", o.as_str()]));
    let commit = git.id(&args, &[])?;
    let before = old.map_or_else(|| "0".repeat(40), |o| o.to_string());
    git.must(&["update-ref", &name, commit.as_str(), &before], &[])?;
    Ok(Attested { name, commit })
}

/// Writes one of git's hooks, where git looks for it. One that somebody else wrote stays.
///
/// # Errors
/// `Git` when there is another one already, or it cannot be written.
pub fn install_hook(git: &mut dyn Git, name: &str, script: &str) -> Result<PathBuf, PromoteError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut git = Careful { git };
    let hook = format!("hooks/{name}");
    let said = git.must(&["rev-parse", "--path-format=absolute", "--git-path", &hook], &[])?;
    let path = PathBuf::from(said.out.trim_end());
    let refuse = |said: String| PromoteError::Git {
        doing: format!("the hook {}", path.display()),
        said,
    };
    if std::fs::read_to_string(&path).is_ok_and(|found| found != script) {
        return Err(refuse("there is one already".to_owned()));
    }
    let write = || {
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&path, script)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
    };
    write().map_err(|e| refuse(e.to_string()))?;
    Ok(path)
}

/// An index of our own beside the person's.
struct Index(PathBuf);

impl Index {
    fn new(state: &Path, name: &str) -> Index {
        Index(state.join(format!("{name}.index")))
    }

    fn clear(&self) {
        // It may not be there.
        let _ = std::fs::remove_file(&self.0);
    }

    fn env(&self) -> [(&'static str, OsString); 1] {
        [("GIT_INDEX_FILE", self.0.clone().into_os_string())]
    }

    /// Stages all of the worktree here and gives the tree that git makes of it.
    fn stage(&self, git: &mut Careful<'_>, head: bool) -> Result<Tree, PromoteError> {
        self.clear();
        if head {
            git.must(&["read-tree", "HEAD"], &self.env())?;
        }
        git.must(&["add", "--all", "--", ":/"], &self.env())?;
        git.id(&["write-tree"], &self.env())
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Git without the settings that would run a program because of a worktree.
struct Careful<'a> {
    git: &'a mut dyn Git,
}

impl Careful<'_> {
    fn run(&mut self, args: &[&str], env: &[(&str, OsString)]) -> Result<GitSaid, PromoteError> {
        let fixed = ["-c", "core.fsmonitor=false"];
        let all: Vec<OsString> = fixed
            .iter()
            .chain(args)
            .map(|a| OsStr::new(a).to_owned())
            .collect();
        self.git.run(&all, env).map_err(|said| PromoteError::Git {
            doing: doing(args),
            said,
        })
    }

    fn must(&mut self, args: &[&str], env: &[(&str, OsString)]) -> Result<GitSaid, PromoteError> {
        let said = self.run(args, env)?;
        if said.code == 0 {
            return Ok(said);
        }
        let words = format!("{}{}", said.out, said.err);
        Err(PromoteError::Git {
            doing: doing(args),
            said: match words.trim_end() {
                "" => format!("exit code {}", said.code),
                words => words.to_owned(),
            },
        })
    }

    fn id(&mut self, args: &[&str], env: &[(&str, OsString)]) -> Result<Tree, PromoteError> {
        let said = self.must(args, env)?;
        Tree::parse(said.out.trim()).ok_or_else(|| PromoteError::Git {
            doing: doing(args),
            said: "it named no object".to_owned(),
        })
    }

    fn ask(&mut self, args: &[&str]) -> Option<Tree> {
        let said = self.run(args, &[]).ok().filter(|s| s.code == 0)?;
        Tree::parse(said.out.trim())
    }
}

fn doing(args: &[&str]) -> String {
    format!("git {}", args.first().unwrap_or(&""))
}
