//! The git program as it is asked here, and an index of our own for it.

use super::filters::{self, Filtered};
use super::{Git, GitSaid, PromoteError};
use crate::error::io_at;
use brisk_domain::evidence::Tree;
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Git without the settings that would run a program because of a worktree, or let it overlook a change.
pub(super) struct Careful<'a> {
    git: &'a mut dyn Git,
    /// Where it works, below the root; empty for the root itself.
    below: Vec<OsString>,
    /// Filters that are not the person's own.
    pub(super) foreign: BTreeSet<OsString>,
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

/// Nothing is fetched because somebody looks: that runs what the repository says how. Older gits know the second only.
const STAYS: [(&str, &str); 2] = [("GIT_NO_LAZY_FETCH", "1"), ("GIT_ALLOW_PROTOCOL", "none")];

/// The mode of a submodule.
pub(super) const LINK: &str = "160000";

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
    pub(super) fn inside<'b>(&'b mut self, path: &OsStr) -> Result<Careful<'b>, PromoteError> {
        let mut inner = Careful::new(&mut *self.git);
        inner.below = vec!["-C".into(), path.to_owned()];
        inner.foreign = inner.foreign_filters()?;
        Ok(inner)
    }

    pub(super) fn run<A: AsRef<OsStr>>(
        &mut self,
        args: &[A],
        env: &[(&str, OsString)],
    ) -> Result<GitSaid, PromoteError> {
        let all = self.words(args);
        self.git
            .run(&all, &variables(args, env))
            .map_err(|said| PromoteError::Git {
                doing: doing(args),
                said,
            })
    }

    /// All that git is called with.
    fn words<A: AsRef<OsStr>>(&self, args: &[A]) -> Vec<OsString> {
        let mut all = self.below.clone();
        all.extend(ALWAYS.map(OsString::from));
        // Hooks and pushes are the person's own, with their own filters.
        let theirs = args
            .first()
            .is_some_and(|a| a.as_ref() == "hook" || a.as_ref() == "push");
        if !theirs {
            all.extend(filters::off(&self.foreign));
        }
        all.extend(args.iter().map(|a| a.as_ref().to_owned()));
        all
    }

    pub(super) fn must<A: AsRef<OsStr>>(
        &mut self,
        args: &[A],
        env: &[(&str, OsString)],
    ) -> Result<GitSaid, PromoteError> {
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

    /// What git writes, byte for byte: names of files are no text.
    pub(super) fn bytes<A: AsRef<OsStr>>(
        &mut self,
        args: &[A],
        env: &[(&str, OsString)],
    ) -> Result<Vec<u8>, PromoteError> {
        let all = self.words(args);
        self.git
            .bytes(&all, &variables(args, env))
            .map_err(|said| PromoteError::Git {
                doing: doing(args),
                said,
            })
    }

    /// Has git work on something that it reads.
    pub(super) fn fed<A: AsRef<OsStr>>(
        &mut self,
        args: &[A],
        env: &[(&str, OsString)],
        input: &[u8],
    ) -> Result<(), PromoteError> {
        let all = self.words(args);
        self.git
            .fed(&all, &variables(args, env), input)
            .map_err(|said| PromoteError::Git {
                doing: doing(args),
                said,
            })
    }

    /// `git ls-files` with these arguments: its answers. A name may hold anything but the NUL that ends an answer.
    pub(super) fn files(
        &mut self,
        args: &[&str],
        env: &[(&str, OsString)],
    ) -> Result<Vec<Vec<u8>>, PromoteError> {
        let args = [&["ls-files", "-z"], args].concat();
        let said = self.bytes(&args, env)?;
        let answers = said.split(|b| *b == 0).filter(|a| !a.is_empty());
        Ok(answers.map(<[u8]>::to_vec).collect())
    }

    pub(super) fn id<A: AsRef<OsStr>>(
        &mut self,
        args: &[A],
        env: &[(&str, OsString)],
    ) -> Result<Tree, PromoteError> {
        let said = self.must(args, env)?;
        Tree::parse(said.out.trim()).ok_or_else(|| PromoteError::Git {
            doing: doing(args),
            said: "it named no object".to_owned(),
        })
    }

    pub(super) fn ask<A: AsRef<OsStr>>(&mut self, args: &[A]) -> Option<Tree> {
        let said = self.run(args, &[]).ok().filter(|s| s.code == 0)?;
        Tree::parse(said.out.trim())
    }

    /// Where git keeps files of these names.
    pub(super) fn paths(&mut self, names: &[&str]) -> Result<Vec<PathBuf>, PromoteError> {
        let mut args = vec!["rev-parse", "--path-format=absolute"];
        args.extend(names.iter().flat_map(|n| ["--git-path", n]));
        let said = self.bytes(&args, &[])?;
        let found: Vec<PathBuf> = said.strip_suffix(b"\n").map_or_else(Vec::new, |lines| {
            lines
                .split(|b| *b == b'\n')
                .map(|l| PathBuf::from(OsStr::from_bytes(l)))
                .collect()
        });
        match found.len() == names.len() {
            true => Ok(found),
            false => Err(PromoteError::Git {
                doing: doing(&args),
                said: "it does not say where its files are".to_owned(),
            }),
        }
    }

    /// The top folder of the worktree that git works on.
    pub(super) fn top(&mut self) -> Result<PathBuf, PromoteError> {
        let mut said = self.bytes(&["rev-parse", "--show-toplevel"], &[])?;
        // The end of the line, and nothing of a name that ends in another one.
        said.pop();
        Ok(OsString::from_vec(said).into())
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

/// What git is run with.
fn variables<'e, A: AsRef<OsStr>>(args: &[A], env: &[(&'e str, OsString)]) -> Vec<(&'e str, OsString)> {
    let mut all = vec![filters::NOTHING];
    // What the person makes and sends is with the programs that belong to it.
    if !["commit", "push", "hook"].iter().any(|w| word(args) == *w) {
        all.extend(STAYS);
    }
    let all = all.into_iter().map(|(name, value)| (name, value.into()));
    all.chain(env.iter().cloned()).collect()
}

/// What git is told that is run.
fn doing<A: AsRef<OsStr>>(args: &[A]) -> String {
    format!("git {}", word(args).display())
}

/// The word of git that is run.
fn word<A: AsRef<OsStr>>(args: &[A]) -> &OsStr {
    let mut words = args;
    while let [flag, _, rest @ ..] = words
        && (flag.as_ref() == "-c" || flag.as_ref() == "-C")
    {
        words = rest;
    }
    words.first().map_or(OsStr::new(""), AsRef::as_ref)
}

/// Mode, id and path of what `ls-files --stage` says of an entry: `MODE ID STAGE<tab>PATH`.
pub(super) fn entry(said: &[u8]) -> Option<(&str, &str, &OsStr)> {
    let tab = said.iter().position(|b| *b == b'\t')?;
    let (words, path) = said.split_at_checked(tab)?;
    let mut words = str::from_utf8(words).ok()?.split(' ');
    Some((words.next()?, words.next()?, OsStr::from_bytes(path.get(1..)?)))
}

/// An index of our own beside the person's, for one process at a time.
pub(super) struct Index {
    path: PathBuf,
    /// Unlocked when it is closed.
    _held: File,
}

impl Index {
    /// Waits while another process works on it. What a killed one has left is taken away.
    pub(super) fn take(state: &Path, name: &str) -> Result<Index, PromoteError> {
        let path = state.join(format!("{name}.index"));
        let lock = state.join(format!("{name}.index.held"));
        let held = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(io_at("open", &lock))?;
        flock(&held, FlockOperation::LockExclusive).map_err(|e| io_at("lock", &lock)(e.into()))?;
        let index = Index { path, _held: held };
        index.clear();
        Ok(index)
    }

    pub(super) fn clear(&self) {
        // They may not be there. The second one is git's own lock, which a kill leaves behind.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(self.path.with_extension("index.lock"));
    }

    pub(super) fn env(&self) -> [(&'static str, OsString); 1] {
        [("GIT_INDEX_FILE", self.path.clone().into_os_string())]
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
        let listed = git.files(&["-v"], &all)?;
        let assumed: Vec<&OsStr> = listed
            .iter()
            .filter_map(|l| Some(OsStr::from_bytes(l.strip_prefix(b"h ")?)))
            .collect();
        for some in assumed.chunks(500) {
            let words = ["update-index", "--no-assume-unchanged", "--"];
            let words = NO_HOOKS.into_iter().chain(words).map(OsStr::new);
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
            std::fs::copy(&theirs, &self.path)?;
            File::options()
                .write(true)
                .open(&self.path)?
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
    pub(super) unfiltered: Filtered,
}

impl Careful<'_> {
    /// `git add` of everything. Repositories that lie in this one and are not recorded in it are left out: nobody asked
    /// for those. Those that are recorded are so by what is checked out there; git itself would run their settings to
    /// look whether something changed.
    pub(super) fn add_all(&mut self, root: &Path, env: &[(&str, OsString)]) -> Result<(), PromoteError> {
        // With a letter before each: `?` is a path that is in no index, whatever it is called.
        let said = self.files(
            &["-t", "--cached", "--others", "--exclude-standard", "--stage"],
            env,
        )?;
        let mut args = ["-c", "core.hooksPath=/dev/null", "add", "--all", "--", ":/"]
            .map(OsString::from)
            .to_vec();
        let mut inner = Vec::new();
        let mut links = Vec::new();
        for line in &said {
            match line.strip_prefix(b"? ") {
                Some(other) => inner.extend(other.strip_suffix(b"/").map(OsStr::from_bytes)),
                None => {
                    let named = line.get(2..).and_then(entry);
                    links.extend(named.filter(|(mode, ..)| *mode == LINK).map(|(.., path)| path));
                }
            }
        }
        // What became a file is one.
        links.retain(|p| !root.join(p).symlink_metadata().is_ok_and(|m| !m.is_dir()));
        let left = inner.iter().chain(&links);
        args.extend(left.map(|p| joined(":(exclude,top,literal)", p)));
        self.must(&args, env)?;
        for path in links {
            self.add_link(root, path, env)?;
        }
        Ok(())
    }

    /// Records what is checked out in a submodule; nothing, where nothing is.
    fn add_link(&mut self, root: &Path, path: &OsStr, env: &[(&str, OsString)]) -> Result<(), PromoteError> {
        let full = root.join(path);
        let quiet = ["-c", "core.hooksPath=/dev/null", "update-index"].map(OsStr::new);
        if full.symlink_metadata().is_err() {
            let args = [&quiet[..], &["--force-remove".as_ref(), "--".as_ref(), path]].concat();
            return self.must(&args, env).map(drop);
        }
        if full.join(".git").symlink_metadata().is_err() {
            return Ok(());
        }
        let words = [
            "-C".as_ref(),
            path,
            "rev-parse".as_ref(),
            "--verify".as_ref(),
            "HEAD".as_ref(),
        ];
        let head = self.id(&words, &[])?;
        let entry = joined(&format!("{LINK},{head},"), path);
        let args = [&quiet[..], &["--cacheinfo".as_ref(), entry.as_os_str()]].concat();
        self.must(&args, env).map(drop)
    }
}

/// A path after the words that say what it is for.
fn joined(words: &str, path: &OsStr) -> OsString {
    let mut all = OsString::from(words);
    all.push(path);
    all
}

impl Drop for Index {
    fn drop(&mut self) {
        self.clear();
    }
}
