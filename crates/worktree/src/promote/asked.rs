//! The git program as it is asked here, and an index of our own for it.

use super::{Git, GitSaid, PromoteError};
use brisk_domain::evidence::Tree;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Git without the settings that would run a program because of a worktree.
pub(super) struct Careful<'a> {
    pub(super) git: &'a mut dyn Git,
}

impl Careful<'_> {
    pub(super) fn run(&mut self, args: &[&str], env: &[(&str, OsString)]) -> Result<GitSaid, PromoteError> {
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

    pub(super) fn must(&mut self, args: &[&str], env: &[(&str, OsString)]) -> Result<GitSaid, PromoteError> {
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

    pub(super) fn id(&mut self, args: &[&str], env: &[(&str, OsString)]) -> Result<Tree, PromoteError> {
        let said = self.must(args, env)?;
        Tree::parse(said.out.trim()).ok_or_else(|| PromoteError::Git {
            doing: doing(args),
            said: "it named no object".to_owned(),
        })
    }

    pub(super) fn ask(&mut self, args: &[&str]) -> Option<Tree> {
        let said = self.run(args, &[]).ok().filter(|s| s.code == 0)?;
        Tree::parse(said.out.trim())
    }

    /// Where git keeps files of these names.
    pub(super) fn paths(&mut self, names: &[&str]) -> Result<Vec<PathBuf>, PromoteError> {
        let mut args = vec!["rev-parse", "--path-format=absolute"];
        args.extend(names.iter().flat_map(|n| ["--git-path", n]));
        let said = self.must(&args, &[])?;
        let found: Vec<PathBuf> = said.out.lines().map(PathBuf::from).collect();
        match found.len() == names.len() {
            true => Ok(found),
            false => Err(PromoteError::Git {
                doing: doing(&args),
                said: "it does not say where its files are".to_owned(),
            }),
        }
    }

    /// Runs one of the person's hooks, if there is one.
    pub(super) fn hook(
        &mut self,
        name: &str,
        args: &[&str],
        env: &[(&str, OsString)],
    ) -> Result<(), PromoteError> {
        // Older gits cannot run a hook by name, and most have none to run.
        let found = self.paths(&[&format!("hooks/{name}")])?;
        if !found.iter().any(|p| p.is_file()) {
            return Ok(());
        }
        let mut all = vec!["hook", "run", "--ignore-missing", name];
        if !args.is_empty() {
            all.push("--");
            all.extend(args);
        }
        self.must(&all, env).map(drop)
    }
}

/// The word of git that is run.
fn doing(args: &[&str]) -> String {
    let mut words = args;
    while let ["-c", _, rest @ ..] = words {
        words = rest;
    }
    format!("git {}", words.first().unwrap_or(&""))
}

/// An index of our own beside the person's.
pub(super) struct Index(PathBuf);

impl Index {
    pub(super) fn new(state: &Path, name: &str) -> Index {
        Index(state.join(format!("{name}.index")))
    }

    pub(super) fn clear(&self) {
        // It may not be there.
        let _ = std::fs::remove_file(&self.0);
    }

    pub(super) fn env(&self) -> [(&'static str, OsString); 1] {
        [("GIT_INDEX_FILE", self.0.clone().into_os_string())]
    }

    /// Stages all of the worktree here and gives the tree that git makes of it.
    pub(super) fn stage(&self, git: &mut Careful<'_>, head: bool) -> Result<Tree, PromoteError> {
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
