//! `kill -9` at random moments: of the daemon with its attempts, and of what runs in a sandbox. Every job ends once, with
//! evidence, and nothing that was done is done again.

use super::cancel::attempts;
use super::log::Done;
use super::processes::{below, kill, naming};
use super::site::{Plan, Site, Traffic, over, part, parts_there};
use crate::metrics::Measured;
use crate::metrics::figure::{Part, Reach, Unit};
use crate::rig::fake::answer;
use crate::rig::house::Programs;
use crate::rig::lines::now_us;
use anyhow::Context;
use brisk_domain::JobId;
use brisk_domain::job::JobState;
use brisk_protocol::jobs::{JobList, JobView, JobsReply, StepsReply, StepsRequest, method};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Jobs that are under way, and attempts of each.
const JOBS: usize = 3;
const ATTEMPTS: u32 = 2;

/// Parts that the check wants.
const PARTS: usize = 3;

/// How long a job may take once nobody kills any more.
const BOUND: Duration = Duration::from_secs(60);

/// An answer that came to its end so shortly before a kill may not be a step yet, microseconds.
const FRESH: u64 = 200_000;

/// What was found.
#[derive(Debug, Default)]
struct Found {
    daemons: usize,
    sandboxes: usize,
    lost: usize,
    doubled: usize,
    stuck: usize,
    without_evidence: Vec<String>,
    /// Commands after a kill that did not work.
    blocked: usize,
    /// Answers that were under way, or just over, when their daemon was killed.
    cut: usize,
    /// Every job as it was seen last.
    jobs: BTreeMap<JobId, JobView>,
}

impl Found {
    /// Compares a job with what was known of it: what was done stays done.
    fn saw(&mut self, now: &JobView) {
        if let Some(before) = self.jobs.get(&now.job) {
            let ended = before.state != JobState::Open && before.state != now.state;
            self.doubled += usize::from(ended);
            for (then, now) in before.attempts.iter().zip(&now.attempts) {
                let back = now.steps < then.steps || (then.end.is_some() && then.end != now.end);
                self.lost += usize::from(back);
            }
            self.lost += before.attempts.len().saturating_sub(now.attempts.len());
        }
        self.jobs.insert(now.job, now.clone());
    }

    /// All jobs that the daemon knows, after a kill.
    fn look(&mut self, now: &[JobView]) {
        let there = |id: &JobId| now.iter().any(|job| job.job == *id);
        self.lost += self.jobs.keys().filter(|id| !there(id)).count();
        now.iter().for_each(|job| self.saw(job));
    }

    fn open(&self) -> usize {
        self.jobs
            .values()
            .filter(|job| job.state == JobState::Open)
            .count()
    }
}

/// Kills at random moments while some jobs are always under way.
pub(in crate::metrics) fn survived(programs: &Programs, quick: bool, random: &mut fastrand::Rng) -> Measured {
    let kills = if quick { 40 } else { 500 };
    let replies: Vec<_> = (0..kills * 20 + 200).map(|n| part(n, 60, 400.0)).collect();
    let plan = Plan {
        hands: answer(&[]),
        brain: json!({"replies": replies}),
        files: &[],
        check: &parts_there(PARTS, "0.1"),
    };
    let site = Site::new(programs, &plan)?;
    site.house.run(&["daemon", "start"])?;
    let (mut found, mut traffic) = (Found::default(), Traffic::default());
    while found.daemons + found.sandboxes < kills {
        while found.open() < JOBS {
            let mut client = site.house.client()?;
            let id = site.delegate(&mut client, ATTEMPTS)?;
            let view = super::site::view(&mut client, id)?;
            found.saw(&view);
        }
        let moment = now_us() + random.u64(10_000..500_000);
        while now_us() < moment {
            traffic.read(&site.brain, Duration::from_millis(1))?;
        }
        let daemon = site.daemon()?;
        let inside: Vec<i32> = below(daemon).into_iter().collect();
        if random.bool()
            && let Some(one) = random.choice(&inside)
        {
            found.sandboxes += usize::from(kill(*one));
        } else {
            found.cut += traffic.open.len();
            found.cut += traffic.over.iter().filter(|(t, _)| t + FRESH > now_us()).count();
            found.daemons += usize::from(kill(daemon));
        }
        match list(&site) {
            Ok(jobs) => found.look(&jobs),
            Err(_) => found.blocked += 1,
        }
    }
    let mut client = site.house.client()?;
    let mut done = Done::default();
    let ids: Vec<JobId> = found.jobs.keys().copied().collect();
    for job in ids {
        let Ok(view) = over(&mut client, job, BOUND) else {
            found.stuck += 1;
            continue;
        };
        found.saw(&view);
        if !matches!(view.state, JobState::Ready(_)) {
            found.without_evidence.push(format!("{job}: {:?}", view.state));
        }
        for attempt in &view.attempts {
            let ask = StepsRequest {
                job,
                attempt: attempt.number,
                from: 1,
            };
            let reply: StepsReply = serde_json::from_value(client.call(method::LOG, &ask)?)?;
            done.take(&reply.steps)?;
        }
    }
    traffic.read(&site.brain, Duration::from_millis(100))?;
    let again = traffic.asked.saturating_sub(done.said);
    let left = naming(&attempts(&site)) + below(site.daemon()?).len() + folders(&site)?;
    Ok(told(&found, &done, &traffic, again, left))
}

fn told(found: &Found, done: &Done, traffic: &Traffic, again: usize, left: usize) -> (Vec<Part>, String) {
    let count = |label: &str, n: usize| Part::new(label, n as f64, Unit::Count, Reach::Told);
    let parts = vec![
        Part::none_of("jobs or steps lost", found.lost + done.lost),
        Part::none_of("jobs or steps doubled", found.doubled + done.doubled),
        Part::none_of("jobs stuck", found.stuck),
        Part::none_of("jobs that ended without evidence", found.without_evidence.len()),
        Part::none_of(
            "finished answers that were asked for again",
            again.saturating_sub(found.cut + done.stopped),
        ),
        Part::none_of("commands after a kill that did not work", found.blocked),
        Part::none_of("processes and folders left", left),
        count("kills of the daemon with its attempts", found.daemons),
        count("kills of what the daemon runs: sandboxes, git", found.sandboxes),
        count("jobs", found.jobs.len()),
        count("requests", traffic.asked),
        count("requests whose answers a kill cut off", again),
    ];
    let mut how = format!(
        "at random moments within half a second; always {JOBS} jobs of {ATTEMPTS} attempts under way, each an answer of 150 ms and \
         a check of 100 ms, {PARTS} times at least; attempts are threads of the daemon and die with it; after each kill \
         `brisk jobs list`; bounded: {} s after the last kill",
        BOUND.as_secs()
    );
    for why in &found.without_evidence {
        how.push_str(&format!("; {why}"));
    }
    (parts, how)
}

/// All jobs, asked by a command: it starts a daemon where there is none.
fn list(site: &Site) -> anyhow::Result<Vec<JobView>> {
    let mut client = site.house.client()?;
    let ask = JobList {
        cwd: None,
        limit: usize::MAX,
    };
    let reply: JobsReply = serde_json::from_value(client.call(method::LIST, &ask)?)?;
    Ok(reply.jobs)
}

/// Folders of attempts that are there.
fn folders(site: &Site) -> anyhow::Result<usize> {
    let repos = std::fs::read_dir(attempts(site)).context("the state of a repository")?;
    let below = repos.flatten().map(|repo| repo.path().join("attempts"));
    Ok(below
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .count())
}
