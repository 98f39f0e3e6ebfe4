//! The git program, lent to `worktree` and asked by the gate.

use crate::exit::{CliError, Exit};
use brisk_domain::evidence::Tree;
use brisk_sandbox::{End, EnvRule, Line, RunOptions, Runner, Stream, captured, fed, foreground};
use brisk_worktree::{Git, GitSaid, Shadow};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

/// Git in one repository. It has the person's whole environment: it is their git, with their keys and hooks.
pub(crate) struct Lent {
    root: PathBuf,
    runtime: Runtime,
    /// Commits and pushes get the person's terminal: hooks, passphrases and editors may need it.
    pub terminal: bool,
    /// Variables that are not passed on.
    without: &'static [&'static str],
}

/// Variables that would have git work on another repository, worktree, index or history than those of the folder that
/// it runs in, or read pathspecs otherwise. A hook of git's own is run with some of them.
const ELSEWHERE: [&str; 21] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INDEX_VERSION",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// No object stands in for another one, nor does a file that tells other parents of a commit than the commit does.
const PLAIN: [(&str, &str); 2] = [("GIT_NO_REPLACE_OBJECTS", "1"), ("GIT_GRAFT_FILE", "/dev/null")];

/// Nothing is fetched because somebody looks: that runs what the repository says how. Older gits know the second only.
const STAYS: [(&str, &str); 2] = [("GIT_NO_LAZY_FETCH", "1"), ("GIT_ALLOW_PROTOCOL", "none")];

impl Lent {
    /// Git in the worktree whose top folder this is, whatever repository the environment names.
    pub(crate) fn of(root: &Path) -> Result<Lent, CliError> {
        Ok(Lent {
            without: &ELSEWHERE,
            ..Lent::new(root)?
        })
    }

    /// Git wherever the environment says that it works: a hook of a server, a job of CI.
    pub(crate) fn new(root: &Path) -> Result<Lent, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| CliError::new(Exit::Disk, format!("no command can be run: {e}")))?;
        Ok(Lent {
            root: root.to_owned(),
            runtime,
            terminal: false,
            without: &[],
        })
    }

    /// Where commands of other kinds run too.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Asks git something. No setting of the repository that names a program is heeded, nor what it wrote down of its
    /// history beside the commits.
    pub(crate) fn read(&mut self, args: &[&str]) -> Result<GitSaid, CliError> {
        let quiet = [
            "--no-optional-locks",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "core.commitGraph=false",
        ];
        let args: Vec<OsString> = quiet.iter().chain(args).map(OsString::from).collect();
        self.ask(&args, &STAYS.map(|(name, value)| (name, value.into())))
            .map_err(|e| CliError::new(Exit::Git, e).hint("the git program is needed here"))
    }

    /// The id of an object by name; `None` if there is none.
    pub(crate) fn id(&mut self, name: &str) -> Result<Option<Tree>, CliError> {
        let said = self.read(&["rev-parse", "--verify", "--quiet", "--end-of-options", name])?;
        Ok(Tree::parse(said.out.trim()).filter(|_| said.code == 0))
    }

    /// The commits that a list of revisions names, the newest first.
    pub(crate) fn commits(&mut self, revs: &[&str]) -> Result<Vec<String>, CliError> {
        let args: Vec<&str> = ["rev-list"].iter().chain(revs).copied().collect();
        let said = self.read(&args)?;
        if said.code != 0 {
            let why = format!("git cannot list the commits: {}", said.err.trim());
            return Err(CliError::new(Exit::Git, why));
        }
        Ok(said.out.lines().map(str::to_owned).collect())
    }

    /// A file in the object store, byte for byte; `None` if it is not there.
    pub(crate) fn blob(&mut self, name: &str) -> Result<Option<Vec<u8>>, CliError> {
        // A name that begins with a dash is an option here, so it is asked for by its id.
        let Some(id) = self.id(name)? else {
            return Ok(None);
        };
        let bad = |why: String| CliError::new(Exit::Git, format!("git cannot read {name}: {why}"));
        let args = ["cat-file", "blob", id.as_str()].map(OsString::from);
        let stays = STAYS.map(|(name, value)| (name, value.into()));
        let content = self.content(&args, &stays).map_err(bad)?;
        // Git reads what lies under a name. A policy and a ledger are believed by it, so it is looked at.
        match Shadow::id_of(&content) == Some(id) {
            true => Ok(Some(content)),
            false => Err(bad("what lies there is not what its name says".to_owned())),
        }
    }

    /// What a commit says itself that it follows; also those that are not here.
    pub(crate) fn parents(&mut self, commit: &str) -> Result<Vec<String>, CliError> {
        let said = self.read(&["cat-file", "commit", commit])?;
        if said.code != 0 {
            return Err(CliError::new(
                Exit::Git,
                format!("git cannot read the commit {commit}"),
            ));
        }
        let head = said.out.lines().take_while(|l| !l.is_empty());
        Ok(head
            .filter_map(|l| l.strip_prefix("parent "))
            .map(str::to_owned)
            .collect())
    }

    /// Git with its arguments, in the right environment, for whoever has none to give.
    fn argv(&self, args: &[OsString], env: &[(&str, OsString)]) -> Vec<OsString> {
        let mut argv = vec![OsString::from("env")];
        argv.extend(self.without.iter().flat_map(|n| ["-u".into(), OsString::from(n)]));
        argv.extend(PLAIN.map(|(n, v)| OsString::from(format!("{n}={v}"))));
        argv.extend(env.iter().map(|(name, value)| {
            let mut set = OsString::from(format!("{name}="));
            set.push(value);
            set
        }));
        argv.extend(["git".into(), "-C".into(), self.root.clone().into_os_string()]);
        argv.extend_from_slice(args);
        argv
    }

    /// Every byte that git writes; it must end well.
    fn content(&self, args: &[OsString], env: &[(&str, OsString)]) -> Result<Vec<u8>, String> {
        let out = captured(&self.argv(args, env), &self.root).map_err(|e| e.to_string())?;
        match out.status.success() {
            true => Ok(out.stdout),
            false => Err(String::from_utf8_lossy(&out.stderr).trim().to_owned()),
        }
    }

    fn ask(&mut self, args: &[OsString], env: &[(&str, OsString)]) -> Result<GitSaid, String> {
        let mut argv = vec![OsString::from("git")];
        argv.extend_from_slice(args);
        let theirs = std::env::vars_os().filter(|(n, _)| !self.without.iter().any(|w| n == w));
        let plain = PLAIN.iter().map(|(n, v)| EnvRule::Set((*n).into(), (*v).into()));
        let set = env.iter().map(|(n, v)| EnvRule::Set((*n).into(), v.clone()));
        let options = RunOptions {
            cwd: Some(self.root.clone()),
            env: theirs
                .map(|(n, v)| EnvRule::Set(n, v))
                .chain(plain)
                .chain(set)
                .collect(),
            ..RunOptions::default()
        };
        let mut said = GitSaid::default();
        let mut on_line = |line: Line<'_>| {
            let into = match line.stream {
                Stream::Out => &mut said.out,
                Stream::Err => &mut said.err,
            };
            into.push_str(line.text);
            into.push('\n');
        };
        let runner = Runner::plain();
        let run = runner.run(&argv, options, &mut on_line);
        let finished = self.runtime.block_on(run).map_err(|e| e.to_string())?;
        said.code = match finished.end {
            End::Exited(code) => code,
            End::Signalled(_) | End::TimedOut => -1,
        };
        Ok(said)
    }
}

/// The word that says what git is to do: no setting before it, and no value after it.
fn word(args: &[OsString]) -> Option<&OsString> {
    let mut args = args.iter();
    loop {
        match args.next()? {
            setting if setting == "-c" || setting == "-C" => drop(args.next()),
            setting if setting.as_encoded_bytes().starts_with(b"--") => {}
            word => return Some(word),
        }
    }
}

impl Git for Lent {
    fn run(&mut self, args: &[OsString], env: &[(&str, OsString)]) -> Result<GitSaid, String> {
        let theirs = word(args).is_some_and(|w| w == "commit" || w == "push" || w == "hook");
        if self.terminal && theirs {
            let status = foreground(&self.argv(args, env)).map_err(|e| e.to_string())?;
            return Ok(GitSaid {
                code: status.code().unwrap_or(-1),
                ..GitSaid::default()
            });
        }
        self.ask(args, env)
    }

    fn bytes(&mut self, args: &[OsString], env: &[(&str, OsString)]) -> Result<Vec<u8>, String> {
        self.content(args, env)
    }

    fn fed(&mut self, args: &[OsString], env: &[(&str, OsString)], input: &[u8]) -> Result<(), String> {
        let out = fed(&self.argv(args, env), &self.root, input).map_err(|e| e.to_string())?;
        match out.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&out.stderr).trim().to_owned()),
        }
    }
}
