//! One check from its question to its line in the ledger.

use crate::exit::{CliError, Exit};
use crate::verify::{Base, Gate, origin, user, wall_ms, worktree};
use brisk_domain::evidence::{Asked, Build, Digest, Ended, Flag, Limit, Run, Summary, Tree};
use brisk_gate::report::{self, Before};
use brisk_gate::{Act, Check, Parse, Policy, brief, digest};
use brisk_sandbox::{Confined, EnvRule, Lines, Network, Stop, found_inside, toolchains};
use brisk_worktree::Slot;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many of the names of changed files evidence holds.
const LISTED: usize = 20;

/// How often whoever waits for the slot looks whether it is free.
const LOOK: Duration = Duration::from_millis(50);

/// What a whole `verify` needs beside the check.
pub(crate) struct Plan<'a> {
    pub policy: &'a Policy,
    pub base: &'a Base,
    pub tree: &'a Tree,
    /// Settled for a sandbox without all of its parts; evidence says so.
    pub degraded: bool,
    /// Begin with an empty build folder.
    pub fresh: bool,
    /// A terminal is there.
    pub terminal: bool,
    /// Told what takes time, or goes otherwise than somebody may think.
    pub note: &'a dyn Fn(&str),
}

impl<'a> Plan<'a> {
    /// One that nobody watches.
    fn quiet(policy: &'a Policy, base: &'a Base, tree: &'a Tree, degraded: bool) -> Plan<'a> {
        Plan {
            policy,
            base,
            tree,
            degraded,
            fresh: false,
            terminal: false,
            note: &|_| {},
        }
    }
}

/// What a check wrote.
pub(crate) type Heard<'a> = &'a mut (dyn FnMut(&str) + Send);

impl Gate {
    /// What the answer depends on beside tree and policy: programs, variables, borrowed folders.
    pub(crate) fn environment(&self, check: &Check) -> Digest {
        let mut all = format!("brisk {}\n", env!("CARGO_PKG_VERSION"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let plain = ["PATH", "HOME", "LANG", "TZ", "CARGO_HOME", "RUSTUP_HOME"];
        for name in plain.iter().copied().chain(check.pass.iter().map(String::as_str)) {
            all.push_str(&format!("{name}={:?}\n", std::env::var_os(name)));
        }
        let program = check.run.first().map(String::as_str).unwrap_or_default();
        let found = match program.contains('/') {
            true => None,
            false => found_inside(program, &path, &toolchain_folders()),
        };
        // A program of rustup's is another one for each toolchain.
        let compilers = rustup_compilers();
        for path in found.into_iter().chain(compilers) {
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            all.push_str(&format!("{} {}\n", path.display(), real.display()));
            stamp(&real, &mut all);
        }
        for name in &check.borrow {
            stamps(&self.shadow.root().join(name), &mut all);
        }
        digest(all.as_bytes())
    }

    /// That a check gets another program than the person's own shell would find, in words.
    fn replaced(check: &Check) -> Option<String> {
        let program = check.run.first().filter(|p| !p.contains('/'))?;
        let path = std::env::var_os("PATH")?;
        let theirs = std::env::split_paths(&path)
            .map(|d| d.join(program))
            .find(|p| p.is_file())?;
        let inside = found_inside(program, &path, &toolchain_folders());
        if inside.as_ref() == Some(&theirs) {
            return None;
        }
        let instead = match inside {
            Some(at) => format!("it gets {}", at.display()),
            None => "it finds none".to_owned(),
        };
        Some(format!(
            "no check sees {}, the first {program} of your PATH: {instead}. A program in an ignored folder is named by its path, and the folder lent: run = [\".venv/bin/python\", ...], borrow = [\".venv\"]",
            theirs.display()
        ))
    }

    /// Runs a check on the plan's tree and records what came of it. On a base whose tests are not known the check runs
    /// there first, so that a test that is gone is missed.
    pub(crate) fn run_check(
        &mut self,
        plan: &Plan<'_>,
        name: &str,
        check: &Check,
        flags: &[Flag],
        heard: Heard<'_>,
    ) -> Result<Run, CliError> {
        self.find_sandbox(plan.degraded);
        if let Some(text) = Gate::replaced(check) {
            (plan.note)(&text);
        }
        let before = match plan.base.tree.as_ref().filter(|b| *b != plan.tree) {
            None => Before::default(),
            Some(base) => match self.before(plan, base, name)? {
                Some(known) => known,
                None if check.parse == Parse::Exit => Before::default(),
                None => {
                    // What that one is compared with is not the question: it proves nothing but names.
                    let nothing = Base {
                        tree: None,
                        ..plan.base.clone()
                    };
                    let on_base = Plan {
                        tree: base,
                        base: &nothing,
                        fresh: false,
                        ..*plan
                    };
                    self.take_over(&plan.base.objects, base)?;
                    (plan.note)(&format!(
                        "runs on the base {} first, to know its tests",
                        base.short()
                    ));
                    let mut quiet = |_: &str| {};
                    self.run_on(&on_base, name, check, &[], &Before::default(), &mut quiet)?;
                    self.before(plan, base, name)?.unwrap_or_default()
                }
            },
        };
        self.run_on(plan, name, check, flags, &before, heard)
    }

    /// The same for delegated work, which nobody watches: only what came of it is of interest.
    pub(super) fn run_quietly(
        &mut self,
        policy: &Policy,
        (tree, base): (&Tree, &Base),
        (name, check): (&str, &Check),
        flags: &[Flag],
        degraded: bool,
    ) -> Result<Run, CliError> {
        let plan = Plan::quiet(policy, base, tree, degraded);
        self.run_check(&plan, name, check, flags, &mut |_| {})
    }

    /// What passed on the base, if it is known.
    fn before(&self, plan: &Plan<'_>, base: &Tree, name: &str) -> Result<Option<Before>, CliError> {
        let acts = self.ledger()?.about(base).map_err(super::ledger)?;
        let list = acts.into_iter().rev().find_map(|r| match r.act {
            Act::Ran(run) if run.check == name && run.policy == *plan.policy.digest() => Some(run.summary),
            Act::Ran(_)
            | Act::Acknowledged { .. }
            | Act::Shipped { .. }
            | Act::Adopted { .. }
            | Act::Waived { .. } => None,
        });
        Ok(match list {
            None => None,
            Some(Summary::Tests { passed, .. }) => {
                // A list that is lost is made anew by running the base again.
                let text = fs::read(self.names(&passed)).ok();
                let text = text.filter(|t| digest(t) == passed);
                text.map(|t| Before::parse(&String::from_utf8_lossy(&t)))
            }
            Some(Summary::ExitOnly | Summary::Unreadable { .. }) => Some(Before::default()),
        })
    }

    fn names(&self, of: &Digest) -> PathBuf {
        self.dir().join("names").join(of.as_str())
    }

    /// The slot with a tree in it, once no other check has it; or that nobody wants to wait any more.
    fn slot(
        &mut self,
        tree: &Tree,
        borrow: &[String],
        stop: Option<&Stop>,
        note: &dyn Fn(&str),
    ) -> Result<Slot, CliError> {
        let nobodys = Stop::new().map_err(|e| CliError::new(Exit::Confinement, e.to_string()))?;
        let stop = stop.unwrap_or(&nobodys);
        let mut waits = false;
        loop {
            let laid = match &self.attempt {
                Some((name, _)) => self.shadow.attempt_slot(name, tree, borrow),
                None => self.shadow.slot(tree, borrow),
            };
            if let Some(slot) = laid.map_err(worktree)? {
                return Ok(slot);
            }
            if !waits {
                note("waits: another check of this repository runs");
                waits = true;
            }
            if stop.within(LOOK) {
                return Err(CliError::new(
                    Exit::Interrupted,
                    "it was stopped while it waited for another check",
                ));
            }
        }
    }

    fn run_on(
        &mut self,
        plan: &Plan<'_>,
        name: &str,
        check: &Check,
        flags: &[Flag],
        before: &Before,
        heard: Heard<'_>,
    ) -> Result<Run, CliError> {
        let stop = match &self.attempt {
            Some((_, stop)) => Some(stop.clone()),
            None => self.stop.clone(),
        };
        let mut slot = self.slot(plan.tree, &check.borrow, stop.as_ref(), plan.note)?;
        if plan.fresh {
            slot.empty_build().map_err(worktree)?;
        }
        slot.settle_build(plan.tree, plan.base.tree.as_ref())
            .map_err(worktree)?;
        let sandbox = self.sandbox(plan.degraded)?;
        let _running = Running::mark(self.dir(), plan.tree, name);
        let build = if slot.fresh() { Build::Fresh } else { Build::Warm };
        let lent = self.shadow.lendable(plan.tree, &check.borrow).map_err(worktree)?;
        let confined = self.confined(&slot, check, &lent);
        let mut output = Vec::new();
        let mut lines = Lines::default();
        let began_ms = wall_ms();
        let mut on_output = |stream, bytes: &[u8]| {
            output.extend_from_slice(bytes);
            lines.push(stream, bytes, &mut |line| heard(line.text));
        };
        let runtime = self.git.runtime();
        let outcome = runtime
            .block_on(sandbox.run(confined, stop.as_ref(), &mut on_output))
            .map_err(|e| CliError::new(Exit::Confinement, format!("{name} could not be run: {e}")))?;
        let ended_ms = wall_ms();
        // That a person did not want to wait says nothing about the tree.
        if self.attempt.is_none() && outcome.exit == brisk_sandbox::Exit::Stopped {
            return Err(CliError::new(Exit::Interrupted, format!("{name} was stopped")));
        }
        let ended = match outcome.exit {
            brisk_sandbox::Exit::Code(code) => Ended::Exited { code },
            brisk_sandbox::Exit::Signal(signal) => Ended::Signalled { signal },
            brisk_sandbox::Exit::TimedOut => Ended::TimedOut,
            brisk_sandbox::Exit::Stopped => Ended::Limited { what: Limit::Stopped },
            brisk_sandbox::Exit::OutputCap => Ended::Limited { what: Limit::Output },
        };
        let mut changed = self.shadow.changed(&mut slot, plan.tree).map_err(worktree)?;
        changed.truncate(LISTED);
        changed.iter_mut().for_each(|path| *path = brief(path));
        let summary = self.summary(&slot, check, plan.tree, &String::from_utf8_lossy(&output), before)?;
        let run = Run {
            tree: plan.tree.clone(),
            base: plan.base.tree.clone(),
            policy: plan.policy.digest().clone(),
            check: name.to_owned(),
            argv: check.run.clone(),
            ended,
            summary,
            flags: flags.to_vec(),
            changed,
            environment: self.environment(check),
            log: outcome.log,
            sandbox: format!("{} ({})", outcome.profile, outcome.profile.digest.short()),
            build,
            asked: Asked::CommandLine {
                user: user(),
                terminal: plan.terminal,
            },
            origin: origin::newest(&self.events, self.shadow.root()),
            began_ms,
            ended_ms,
        };
        self.record(Act::Ran(Box::new(run.clone())))?;
        Ok(run)
    }

    fn confined(&self, slot: &Slot, check: &Check, lent: &[String]) -> Confined {
        let argv = check.run.iter().map(OsString::from).collect();
        let mut confined = Confined::new(argv, slot.work().to_owned());
        let set = |n: &str, v: OsString| EnvRule::Set(n.into(), v);
        let below = |name: &str| slot.build().join(name).into_os_string();
        confined.env.extend([
            set("TERM", "dumb".into()),
            // Builds go where no other worktree has its own.
            set("CARGO_TARGET_DIR", below("cargo")),
            set("GOCACHE", below("go")),
            set("npm_config_cache", below("npm")),
            // Compiled Python is believed by the second and the size of its source: too little between two trees.
            set("PYTHONDONTWRITEBYTECODE", "1".into()),
            EnvRule::Pass("CARGO_HOME".into()),
            EnvRule::Pass("RUSTUP_HOME".into()),
        ]);
        confined
            .env
            .extend(check.pass.iter().map(|n| EnvRule::Pass(n.into())));
        confined
            .env
            .extend(check.env.iter().map(|(n, v)| set(n, v.into())));
        let mut read_only = toolchain_folders();
        for name in lent {
            let source = self.shadow.root().join(name);
            // Scripts of a virtual environment name it by its own place.
            read_only.push(source.clone());
            confined.placed.push((source, slot.work().join(name)));
        }
        confined.read_only = read_only;
        confined.writable = vec![slot.work().to_owned(), slot.build().to_owned()];
        confined.hidden = vec![self.dir().to_owned(), self.shadow.shared().join("gate")];
        confined.hidden.extend(self.book.secrets());
        confined.network = if check.network {
            Network::Host
        } else {
            Network::None
        };
        confined.timeout = Some(Duration::from_secs(check.timeout_s));
        confined.logs = Some(self.dir().join("logs"));
        confined
    }

    fn summary(
        &self,
        slot: &Slot,
        check: &Check,
        tree: &Tree,
        output: &str,
        before: &Before,
    ) -> Result<Summary, CliError> {
        if check.parse == Parse::Exit {
            return Ok(Summary::ExitOnly);
        }
        if let Some(report) = &check.report
            && self.shadow.paths(tree).map_err(worktree)?.contains(report)
        {
            let why = format!("{report} is a file of the tree: the report was there before the check ran");
            return Ok(Summary::Unreadable { why });
        }
        let file = check.report.as_ref().and_then(|r| plain_text(slot.work(), r));
        Ok(match report::read(check.parse, output, file.as_deref()) {
            Err(why) => Summary::Unreadable { why: brief(&why) },
            Ok(report) => {
                let list = report.list();
                let at = self.names(&digest(list.as_bytes()));
                let kept = fs::create_dir_all(self.dir().join("names")).and_then(|()| fs::write(&at, &list));
                kept.map_err(|e| {
                    CliError::new(Exit::Disk, format!("{} cannot be written: {e}", at.display()))
                })?;
                report.summary(before)
            }
        })
    }
}

/// A report that the check wrote: a plain file in the tree's own folders, never what a link leads to.
fn plain_text(work: &Path, name: &str) -> Option<String> {
    let path = work.join(name);
    let folder = path.parent()?;
    if folder.canonicalize().ok()? != work.canonicalize().ok()?.join(folder.strip_prefix(work).ok()?) {
        return None;
    }
    path.symlink_metadata().ok().filter(fs::Metadata::is_file)?;
    fs::read_to_string(path).ok()
}

/// What tells one file from another of the same name without reading it.
fn stamp(path: &Path, into: &mut String) {
    let found = path.symlink_metadata().map(|m| {
        let changed = (m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
        (m.mode(), m.len(), m.ino(), changed)
    });
    into.push_str(&format!("{:?} {:?}\n", path, found.ok()));
}

/// The same of all that is below a folder; no link is followed.
fn stamps(path: &Path, into: &mut String) {
    stamp(path, into);
    if !path.symlink_metadata().is_ok_and(|m| m.is_dir()) {
        return;
    }
    let entries = fs::read_dir(path).into_iter().flatten();
    let mut below: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    below.sort();
    below.iter().for_each(|p| stamps(p, into));
}

/// Folders of toolchains outside of the system's own.
pub(super) fn toolchain_folders() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::env::home_dir().map(|h| toolchains(&h)).unwrap_or_default();
    for name in ["CARGO_HOME", "RUSTUP_HOME"] {
        let parts = ["bin", "registry", "git", "toolchains", "settings.toml"];
        let dir = std::env::var_os(name).map(PathBuf::from);
        let below = dir.iter().flat_map(|d| parts.iter().map(|p| d.join(p)));
        all.extend(below.filter(|p| p.exists()));
    }
    all
}

/// The compiler of each toolchain that rustup has.
fn rustup_compilers() -> Vec<PathBuf> {
    let own = || Some(std::env::home_dir()?.join(".rustup"));
    let home = std::env::var_os("RUSTUP_HOME").map(PathBuf::from).or_else(own);
    let entries = home.and_then(|h| fs::read_dir(h.join("toolchains")).ok());
    let all = entries.into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
    let mut all: Vec<PathBuf> = all.map(|p| p.join("bin/rustc")).collect();
    all.sort();
    all
}

/// Says that a check runs, for as long as it lives: by the lock that it holds, which ends with the process however that
/// ends.
struct Running(Option<File>);

impl Running {
    fn mark(dir: &Path, tree: &Tree, check: &str) -> Running {
        // Only a display depends on it. Where another check runs beside this one, that one is shown.
        let mark = || -> std::io::Result<Option<File>> {
            let options = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(dir.join("running"));
            let mut file = options?;
            if file.try_lock().is_err() {
                return Ok(None);
            }
            file.set_len(0)?;
            file.write_all(format!("{tree} {check}").as_bytes())?;
            Ok(Some(file))
        };
        Running(mark().ok().flatten())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            let _ = file.set_len(0);
        }
    }
}

/// The check that another process, or this one, runs now.
pub(super) fn running(dir: &Path) -> Option<(Tree, String)> {
    let mut file = File::open(dir.join("running")).ok()?;
    if file.try_lock_shared().is_ok() {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let (tree, check) = text.split_once(' ')?;
    Some((Tree::parse(tree)?, check.to_owned()))
}

#[cfg(test)]
mod tests;
