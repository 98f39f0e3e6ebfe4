//! The git program as it is asked here, and an index of our own for it.

use super::{Git, GitSaid, PromoteError};
use brisk_domain::evidence::Tree;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Git without the settings that would run a program because of a worktree, or let it overlook a change.
pub(super) struct Careful<'a> {
    git: &'a mut dyn Git,
    /// Where it works, below the root; empty for the root itself.
    below: Vec<String>,
    /// Filters that are not the person's own.
    foreign: BTreeSet<String>,
}

/// Before every command.
const ALWAYS: [&str; 8] = [
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.trustctime=true",
    "-c",
    "core.checkStat=default",
    "-c",
    "core.ignoreStat=false",
];

/// Where an index is written only to look at it: there is a hook for that, too.
const NO_HOOKS: [&str; 2] = ["-c", "core.hooksPath=/dev/null"];

/// Parts of a filter that name a program.
const PROGRAMS: [&str; 3] = ["clean", "smudge", "process"];

impl<'a> Careful<'a> {
    /// For commands that read no file of the worktree.
    pub(super) fn new(git: &'a mut dyn Git) -> Careful<'a> {
        Careful {
            git,
            below: Vec::new(),
            foreign: BTreeSet::new(),
        }
    }

    /// For all others: filters that only the repository's own configuration names are not run.
    pub(super) fn wary(git: &'a mut dyn Git) -> Result<Careful<'a>, PromoteError> {
        let mut careful = Careful::new(git);
        careful.foreign = careful.foreign_filters()?;
        Ok(careful)
    }

    /// The same in a repository below this one.
    pub(super) fn inside<'b>(&'b mut self, path: &str) -> Result<Careful<'b>, PromoteError> {
        let mut inner = Careful::new(&mut *self.git);
        inner.below = vec!["-C".to_owned(), path.to_owned()];
        inner.foreign = inner.foreign_filters()?;
        Ok(inner)
    }

    /// Filters that are not the person's own: any that the repository's configuration has a word about, and that of LFS
    /// where its program was never set up.
    fn foreign_filters(&mut self) -> Result<BTreeSet<String>, PromoteError> {
        // Names only: a value could hold anything, even what looks like a line of its own.
        let said = self.run(
            &[
                "config",
                "--name-only",
                "--show-scope",
                "--get-regexp",
                "^(filter\\..*|lfs\\.extension\\..*)$",
            ],
            &[],
        )?;
        let mut foreign = BTreeSet::new();
        let mut own = BTreeSet::new();
        for (scope, name) in said.out.lines().filter_map(|l| l.split_once('\t')) {
            let of_repository = scope == "local" || scope == "worktree";
            // An extension is a program that the filter of LFS runs.
            let filter = match name.strip_prefix("filter.").and_then(|n| n.rsplit_once('.')) {
                Some((filter, _)) => filter,
                None => "lfs",
            };
            match of_repository {
                true => foreign.insert(filter.to_owned()),
                false => own.insert(filter.to_owned()),
            };
        }
        if !own.contains("lfs") {
            foreign.insert("lfs".to_owned());
        }
        Ok(foreign)
    }

    pub(super) fn run(&mut self, args: &[&str], env: &[(&str, OsString)]) -> Result<GitSaid, PromoteError> {
        let mut all: Vec<OsString> = self.below.iter().map(OsString::from).collect();
        all.extend(ALWAYS.map(OsString::from));
        // Hooks and pushes are the person's own, with their own filters.
        if !matches!(args.first(), Some(&"hook" | &"push")) {
            for filter in &self.foreign {
                let programs = PROGRAMS.map(|p| format!("filter.{filter}.{p}="));
                let optional = format!("filter.{filter}.required=false");
                for setting in programs.into_iter().chain([optional]) {
                    all.extend(["-c".into(), setting.into()]);
                }
            }
        }
        all.extend(args.iter().map(|a| OsStr::new(a).to_owned()));
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
    while let ["-c" | "-C", _, rest @ ..] = words {
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

    /// Stages all of the worktree here, as `git add` would do onto the person's index, and gives the tree that git makes
    /// of it.
    pub(super) fn stage(
        &self,
        git: &mut Careful<'_>,
        root: &Path,
        env: &[(&'static str, OsString)],
    ) -> Result<Staged, PromoteError> {
        self.clear();
        self.seed(git)?;
        let mut all = self.env().to_vec();
        all.extend_from_slice(env);
        let assumed = git
            .must(&["-c", "core.quotePath=false", "ls-files", "-v"], &all)?
            .out;
        let assumed: Vec<&str> = assumed.lines().filter_map(|l| l.strip_prefix("h ")).collect();
        for some in assumed.chunks(500) {
            let words = NO_HOOKS
                .into_iter()
                .chain(["update-index", "--no-assume-unchanged", "--"]);
            git.must(&words.chain(some.iter().copied()).collect::<Vec<_>>(), &all)?;
        }
        let before = git.filtered(&all)?;
        git.add_all(root, &all)?;
        let after = git.filtered(&all)?;
        Ok(Staged {
            tree: git.id(&[NO_HOOKS[0], NO_HOOKS[1], "write-tree"], &all)?,
            unfiltered: after.difference(&before).cloned().collect(),
        })
    }

    /// A copy of the person's index: what is tracked, and what files looked like when it was. Its time goes along, as
    /// git trusts no file that is as young as the index.
    fn seed(&self, git: &mut Careful<'_>) -> Result<(), PromoteError> {
        let theirs = git.paths(&["index"])?.remove(0);
        let copy = || {
            let found = std::fs::metadata(&theirs)?;
            std::fs::copy(&theirs, &self.0)?;
            File::options()
                .write(true)
                .open(&self.0)?
                .set_modified(found.modified()?)
        };
        match copy() {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(PromoteError::Git {
                doing: format!("reading {}", theirs.display()),
                said: e.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

/// What staging came to.
pub(super) struct Staged {
    /// The tree that git makes of it.
    pub(super) tree: Tree,
    /// A filter, and a new entry of a file that it should have changed and did not.
    pub(super) unfiltered: BTreeSet<(String, String)>,
}

impl Careful<'_> {
    /// `git add` of everything. Repositories that lie in this one and are not recorded in it are left out: nobody asked
    /// for those. Those that are recorded are so by what is checked out there; git itself would run their settings to
    /// look whether something changed.
    pub(super) fn add_all(&mut self, root: &Path, env: &[(&str, OsString)]) -> Result<(), PromoteError> {
        let said = self.must(
            &[
                "-c",
                "core.quotePath=false",
                "ls-files",
                "--cached",
                "--others",
                "--exclude-standard",
                "--stage",
            ],
            env,
        )?;
        let mut args = vec!["-c", "core.hooksPath=/dev/null", "add", "--all", "--", ":/"];
        let mut inner = Vec::new();
        let mut links = Vec::new();
        for line in said.out.lines() {
            match (line.strip_prefix("160000 "), line.split_once('\t')) {
                (Some(_), Some((_, path))) => links.push(path),
                (_, None) => inner.extend(line.strip_suffix('/')),
                _ => {}
            }
        }
        // What became a file is one.
        links.retain(|p| !root.join(p).symlink_metadata().is_ok_and(|m| !m.is_dir()));
        let left = inner.iter().chain(&links);
        let left: Vec<String> = left.map(|p| format!(":(exclude,top,literal){p}")).collect();
        args.extend(left.iter().map(String::as_str));
        self.must(&args, env)?;
        for path in links {
            self.add_link(root, path, env)?;
        }
        Ok(())
    }

    /// Records what is checked out in a submodule; nothing, where nothing is.
    fn add_link(&mut self, root: &Path, path: &str, env: &[(&str, OsString)]) -> Result<(), PromoteError> {
        let full = root.join(path);
        let quiet = ["-c", "core.hooksPath=/dev/null", "update-index"];
        if full.symlink_metadata().is_err() {
            let args = [&quiet[..], &["--force-remove", "--", path]].concat();
            return self.must(&args, env).map(drop);
        }
        if full.join(".git").symlink_metadata().is_err() {
            return Ok(());
        }
        let head = self.id(&["-C", path, "rev-parse", "--verify", "HEAD"], &[])?;
        let entry = format!("160000,{head},{path}");
        let args = [&quiet[..], &["--cacheinfo", &entry]].concat();
        self.must(&args, env).map(drop)
    }

    /// The entries of files that a foreign filter is for.
    fn filtered(&mut self, env: &[(&str, OsString)]) -> Result<BTreeSet<(String, String)>, PromoteError> {
        let mut out = BTreeSet::new();
        for filter in self.foreign.clone() {
            let of = format!(":(top,attr:filter={filter})");
            let said = self.must(
                &["-c", "core.quotePath=false", "ls-files", "--stage", "--", &of],
                env,
            )?;
            out.extend(said.out.lines().map(|entry| (filter.clone(), entry.to_owned())));
        }
        Ok(out)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.clear();
    }
}
