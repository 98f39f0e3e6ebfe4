//! What it costs to run a command confined, and how fast everything in a sandbox is gone.

use super::figure::{Part, Reach};
use super::{Measured, series};
use crate::rig::house::Programs;
use crate::rig::lines::now_us;
use anyhow::{Context, bail};
use brisk_sandbox::{Accept, Confined, EnvRule, Exit, RunOptions, Runner, Sandbox, Stop};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use tokio::runtime::Runtime;

/// Runs that warm the caches, and do not count.
const WARM: usize = 5;

/// Processes of a tree, at least.
const TREE: usize = 50;

/// Processes in the sandbox once the whole tree stands: the first of all, the shell, twelve times five.
const ALL: usize = 62;

/// Variable by which the processes of one stop are found again.
const MARK: &str = "BRISK_METRICS_MARK";

/// A shell with a tree of processes below it: plain ones, some in sessions of their own, some forked twice. It says when
/// all are there.
fn tree() -> String {
    format!(
        "i=0
while [ $i -lt 12 ]; do
  sleep 600 &
  setsid sleep 600 &
  (setsid sh -c 'sleep 600 & sleep 600; :' &)
  i=$((i+1))
done
count() {{ set -- /proc/[0-9]*; test $# -ge {ALL}; }}
until count; do :; done
echo ready
wait"
    )
}

fn argv(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// The sandbox with the product itself as its inside, and something to wait with.
fn setup(programs: &Programs) -> anyhow::Result<(Sandbox, Runtime)> {
    let helper = programs.brisk.canonicalize()?;
    let sandbox = Sandbox::probe(helper, Accept::Degraded)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok((sandbox, runtime))
}

fn confined(words: &[&str], folder: &Path) -> Confined {
    Confined {
        read_only: vec![],
        writable: vec![folder.to_owned()],
        env: vec![EnvRule::Set("PATH".into(), "/usr/bin:/bin".into())],
        ..Confined::new(argv(words), folder.to_owned())
    }
}

/// Start of a sandbox, as what a command that does nothing takes more with it than without.
fn start(programs: &Programs, quick: bool) -> Measured {
    let runs = if quick { 100 } else { 500 };
    let (sandbox, runtime) = setup(programs)?;
    let folder = tempfile::tempdir()?;
    let (mut whole, mut over, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..WARM + runs {
        let began = now_us();
        let command = confined(&["/bin/true"], folder.path());
        let outcome = runtime.block_on(sandbox.run(command, None, &mut |_, _| ()))?;
        let with = now_us() - began;
        let began = now_us();
        let plain = runtime.block_on(Runner::plain().run(
            &argv(&["/bin/true"]),
            RunOptions::default(),
            &mut |_| (),
        ))?;
        let without = now_us() - began;
        if !outcome.success() || !plain.success() {
            bail!("`true` ended with {:?} and {:?}", outcome.exit, plain.end);
        }
        if run >= WARM {
            whole.push(with);
            bare.push(without);
            over.push(with.saturating_sub(without));
        }
    }
    let wanted = [(50, Reach::AtMost(25.0)), (99, Reach::AtMost(25.0))];
    // The least tells what it takes where nobody else wants a core.
    let told = [(0, Reach::Told), (50, Reach::Told), (99, Reach::Told)];
    let mut parts = Part::times("`true` confined over `true` alone: ", &series(over)?, &wanted);
    parts.extend(Part::times("`true` confined: ", &series(whole)?, &told));
    parts.extend(Part::times("`true` alone: ", &series(bare)?, &told));
    Ok((
        parts,
        format!("{runs} runs of each, in turn; level: {}", sandbox.level()),
    ))
}

/// From a stop until everything of a tree of processes is gone.
fn stops(programs: &Programs, quick: bool) -> Measured {
    let stops = if quick { 100 } else { 1_000 };
    let (sandbox, runtime) = setup(programs)?;
    let folder = tempfile::tempdir()?;
    let (mut gone, mut survivors, mut fewest) = (Vec::new(), 0, usize::MAX);
    for number in 0..stops {
        let mark = format!("{}-{number}", std::process::id());
        let stop = Stop::new()?;
        let mut command = confined(&["/bin/sh", "-c", &tree()], folder.path());
        command.env.push(EnvRule::Set(MARK.into(), (&mark).into()));
        let mut began = None;
        let mut on_output = |_, _: &[u8]| {
            fewest = fewest.min(bearers(&mark));
            began = Some(now_us());
            stop.stop();
        };
        let outcome = runtime.block_on(sandbox.run(command, Some(&stop), &mut on_output))?;
        let ended = now_us();
        if outcome.exit != Exit::Stopped {
            bail!("the tree ended with {:?}", outcome.exit);
        }
        gone.push(ended - began.context("the tree never stood")?);
        survivors += bearers(&mark);
    }
    if fewest < TREE {
        bail!("a tree had only {fewest} processes");
    }
    let wanted = [(50, Reach::Told), (99, Reach::AtMost(250.0)), (100, Reach::Told)];
    let mut parts = Part::times("stop to all processes gone: ", &series(gone)?, &wanted);
    parts.push(Part::none_of("processes that survived a stop", survivors));
    let how = format!(
        "{stops} stops of a tree of at least {fewest} processes, in sessions of their own and forked twice; afterwards they are \
         looked for by a variable in their environment"
    );
    Ok((parts, how))
}

/// Both.
pub(super) fn all(programs: &Programs, quick: bool) -> Measured {
    let (mut parts, how) = start(programs, quick)?;
    let (more, how_more) = stops(programs, quick)?;
    parts.extend(more);
    Ok((parts, format!("{how}; {how_more}")))
}

/// How many processes of this machine have the mark in their environment.
fn bearers(mark: &str) -> usize {
    let wanted = format!("{MARK}={mark}");
    let Ok(all) = fs::read_dir("/proc") else { return 0 };
    let has = |path: &Path| {
        let environ = fs::read(path.join("environ")).unwrap_or_default();
        environ
            .split(|byte| *byte == 0)
            .any(|one| one == wanted.as_bytes())
    };
    all.flatten().filter(|entry| has(&entry.path())).count()
}
