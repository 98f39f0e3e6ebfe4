//! One check from its question to its line in the ledger.

use crate::exit::{CliError, Exit};
use crate::verify::{Base, Gate, origin, user, wall_ms, worktree};
use brisk_domain::evidence::{Asked, Build, Digest, Ended, Flag, Limit, Run, Summary, Tree};
use brisk_gate::report::{self, Before};
use brisk_gate::{Act, Check, Parse, Policy, digest};
use brisk_sandbox::{Accept, Confined, EnvRule, Lines, Network, Sandbox, Unavailable, toolchains};
use brisk_worktree::Slot;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many of the names of changed files evidence holds.
const LISTED: usize = 20;

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
            false => std::env::split_paths(&path)
                .map(|d| d.join(program))
                .find(|p| p.is_file()),
        };
        let borrowed = check.borrow.iter().map(|b| self.shadow.root().join(b));
        for path in found.into_iter().chain(borrowed) {
            let stamp = path
                .metadata()
                .map(|m| (m.len(), m.mtime(), m.mtime_nsec(), m.ino()));
            all.push_str(&format!("{} {:?}\n", path.display(), stamp.ok()));
        }
        digest(all.as_bytes())
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
        let sandbox = self.sandbox(plan)?;
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
                    self.shadow.adopt(&plan.base.objects, base).map_err(worktree)?;
                    let mut quiet = |_: &str| {};
                    self.run_on(
                        &sandbox,
                        &on_base,
                        name,
                        check,
                        &[],
                        &Before::default(),
                        &mut quiet,
                    )?;
                    self.before(plan, base, name)?.unwrap_or_default()
                }
            },
        };
        self.run_on(&sandbox, plan, name, check, flags, &before, heard)
    }

    /// What passed on the base, if it is known.
    fn before(&self, plan: &Plan<'_>, base: &Tree, name: &str) -> Result<Option<Before>, CliError> {
        let acts = self.ledger()?.about(base).map_err(super::ledger)?;
        let list = acts.into_iter().rev().find_map(|r| match r.act {
            Act::Ran(run) if run.check == name && run.policy == *plan.policy.digest() => Some(run.summary),
            Act::Ran(_) | Act::Acknowledged { .. } | Act::Shipped { .. } | Act::Waived { .. } => None,
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

    fn sandbox(&self, plan: &Plan<'_>) -> Result<Sandbox, CliError> {
        let helper = std::env::current_exe()
            .map_err(|e| CliError::new(Exit::Confinement, format!("our own program cannot be found: {e}")))?;
        let accept = if plan.degraded {
            Accept::Degraded
        } else {
            Accept::Full
        };
        Sandbox::probe(helper, accept).map_err(|e| {
            let hint = match e {
                Unavailable::Degraded { .. } => {
                    "`brisk verify --degraded` settles for it; the evidence says so"
                }
                Unavailable::NoBubblewrap(_) | Unavailable::Broken(_) => "nothing is run without a sandbox",
            };
            CliError::new(Exit::Confinement, e.to_string()).hint(hint)
        })
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "all of it is one run; a struct for one call would say no more"
    )]
    fn run_on(
        &mut self,
        sandbox: &Sandbox,
        plan: &Plan<'_>,
        name: &str,
        check: &Check,
        flags: &[Flag],
        before: &Before,
        heard: Heard<'_>,
    ) -> Result<Run, CliError> {
        let laid = match &self.attempt {
            Some((name, _)) => self.shadow.attempt_slot(name, plan.tree, &check.borrow),
            None => self.shadow.slot(plan.tree, &check.borrow),
        };
        let mut slot = laid.map_err(worktree)?;
        let stop = self.attempt.as_ref().map(|(_, stop)| stop.clone());
        if plan.fresh {
            slot.empty_build().map_err(worktree)?;
        }
        let _running = Running::mark(self.dir(), plan.tree, name);
        let build = if slot.fresh() { Build::Fresh } else { Build::Warm };
        let confined = self.confined(&slot, check);
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
        let ended = match outcome.exit {
            brisk_sandbox::Exit::Code(code) => Ended::Exited { code },
            brisk_sandbox::Exit::Signal(signal) => Ended::Signalled { signal },
            brisk_sandbox::Exit::TimedOut => Ended::TimedOut,
            brisk_sandbox::Exit::Stopped => Ended::Limited { what: Limit::Stopped },
            brisk_sandbox::Exit::OutputCap => Ended::Limited { what: Limit::Output },
        };
        let mut changed = self.shadow.changed(&mut slot, plan.tree).map_err(worktree)?;
        changed.truncate(LISTED);
        let summary = self.summary(&slot, check, &String::from_utf8_lossy(&output), before)?;
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

    fn confined(&self, slot: &Slot, check: &Check) -> Confined {
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
            set("PYTHONPYCACHEPREFIX", below("python")),
            EnvRule::Pass("CARGO_HOME".into()),
            EnvRule::Pass("RUSTUP_HOME".into()),
        ]);
        confined
            .env
            .extend(check.pass.iter().map(|n| EnvRule::Pass(n.into())));
        confined
            .env
            .extend(check.env.iter().map(|(n, v)| set(n, v.into())));
        let mut read_only: Vec<PathBuf> = std::env::home_dir().map(|h| toolchains(&h)).unwrap_or_default();
        for name in ["CARGO_HOME", "RUSTUP_HOME"] {
            let parts = ["bin", "registry", "git", "toolchains", "settings.toml"];
            let dir = std::env::var_os(name).map(PathBuf::from);
            read_only.extend(
                dir.iter()
                    .flat_map(|d| parts.iter().map(|p| d.join(p)))
                    .filter(|p| p.exists()),
            );
        }
        let borrowed = check.borrow.iter().map(|b| self.shadow.root().join(b));
        read_only.extend(borrowed.filter(|p| p.is_dir()));
        confined.read_only = read_only;
        confined.writable = vec![slot.work().to_owned(), slot.build().to_owned()];
        confined.hidden = vec![self.dir().to_owned()];
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
        output: &str,
        before: &Before,
    ) -> Result<Summary, CliError> {
        if check.parse == Parse::Exit {
            return Ok(Summary::ExitOnly);
        }
        let file = check
            .report
            .as_ref()
            .and_then(|r| plain_text(&slot.work().join(r)));
        Ok(match report::read(check.parse, output, file.as_deref()) {
            Err(why) => Summary::Unreadable { why },
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

/// A report that the check wrote: a plain file, never what a link leads to.
fn plain_text(path: &Path) -> Option<String> {
    path.symlink_metadata().ok().filter(fs::Metadata::is_file)?;
    fs::read_to_string(path).ok()
}

/// Says that a check runs, for as long as it lives.
struct Running(PathBuf);

impl Running {
    fn mark(dir: &Path, tree: &Tree, check: &str) -> Running {
        let path = dir.join("running");
        // Only a display depends on it.
        let _ = fs::write(&path, format!("{} {tree} {check}", std::process::id()));
        Running(path)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The check that another process, or this one, runs now.
pub(super) fn running(dir: &Path) -> Option<(Tree, String)> {
    let text = fs::read_to_string(dir.join("running")).ok()?;
    let mut words = text.split(' ');
    let pid = words.next()?;
    let found = (Tree::parse(words.next()?)?, words.next()?.to_owned());
    Path::new("/proc").join(pid).exists().then_some(found)
}
