//! From `brisk delegate` to the first request of the attempt.

use super::site::{Plan, Site, Traffic, tell};
use crate::metrics::figure::{Part, Reach};
use crate::metrics::{Measured, series};
use crate::rig::fake::answer;
use crate::rig::house::Programs;
use crate::rig::lines::now_us;
use anyhow::{Context, bail};
use brisk_domain::JobId;
use brisk_protocol::jobs::method;
use serde_json::{Value, json};
use std::process::Stdio;

/// Files of the repository.
const FILES: usize = 2_000;

/// Folders that they lie in.
const FOLDERS: usize = 40;

/// Runs that warm the caches, and do not count.
const WARM: usize = 3;

fn files() -> Vec<(String, String)> {
    let text = |n: usize| (0..60).map(|line| format!("file {n}, line {line}\n")).collect();
    let path = |n: usize| format!("part{:02}/sub{}/file{n}.txt", n % FOLDERS, n % 5);
    (0..FILES).map(|n| (path(n), text(n))).collect()
}

/// In a repository that was worked on before, after a commit there, and in one that is new to the daemon.
pub(in crate::metrics) fn request(programs: &Programs, quick: bool) -> Measured {
    let (again, new) = if quick { (15, 4) } else { (100, 20) };
    let files = files();
    let plan = Plan {
        hands: answer(&[]),
        // It is asked, and that is all.
        brain: json!({"otherwise": {"acts": [{"act": "hang"}]}}),
        files: &files,
        check: "echo \"ok 1 - all\"\necho 1..1\n",
    };
    let (mut used, mut moved, mut fresh) = (Vec::new(), Vec::new(), Vec::new());
    let site = Site::new(programs, &plan)?;
    site.house.run(&["daemon", "start"])?;
    for run in 0..WARM + again {
        let took = one(&site)?;
        let folder = site.house.root().join("part00/sub0/file0.txt");
        std::fs::write(folder, format!("round {run}\n"))?;
        site.commit()?;
        let after = one(&site)?;
        if run >= WARM {
            used.push(took);
            moved.push(after);
        }
    }
    drop(site);
    for _ in 0..new {
        let site = Site::new(programs, &plan)?;
        site.house.run(&["daemon", "start"])?;
        fresh.push(one(&site)?);
    }
    let at_most = |ms| [(50, Reach::AtMost(ms)), (99, Reach::AtMost(ms))];
    let mut parts = Part::times("the base was worked on before: ", &series(used)?, &at_most(150.0));
    parts.extend(Part::times(
        "the first after a commit: ",
        &series(moved)?,
        &[(50, Reach::AtMost(150.0)), (99, Reach::Told)],
    ));
    parts.extend(Part::times(
        "the first in a repository: ",
        &series(fresh)?,
        &at_most(1_500.0),
    ));
    let how = format!(
        "{again} times each, {new} new repositories; {FILES} files; from the start of the process `brisk delegate`, with the \
         daemon running; files of an attempt are laid out when its checks run first, not here"
    );
    Ok((parts, how))
}

/// One job from the start of the command to its first request, microseconds; then it is cancelled.
fn one(site: &Site) -> anyhow::Result<u64> {
    let mut command = site.delegating();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = now_us();
    let child = command.spawn()?;
    let out = child.wait_with_output()?;
    if !out.status.success() {
        bail!(
            "`brisk delegate`: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        );
    }
    let (came, request) = site.brain.request()?;
    let said: Value = serde_json::from_slice(&out.stdout)?;
    let job: JobId = serde_json::from_value(said["job"].clone()).context("a job has a number")?;
    tell(&mut site.house.client()?, method::CANCEL, job)?;
    let mut traffic = Traffic::default();
    traffic.open.insert(request);
    traffic.until(&site.brain, "the end of the request", |t| t.open.is_empty())?;
    Ok(came.saturating_sub(began))
}
