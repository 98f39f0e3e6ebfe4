//! From a cancel until nothing of a job runs any more.

use super::processes::{below, naming};
use super::site::{Plan, Site, Traffic, part, parts_there, tell, view, works};
use crate::metrics::figure::{Part, Reach};
use crate::metrics::{Measured, series};
use crate::rig::client::Client;
use crate::rig::fake::answer;
use crate::rig::house::Programs;
use crate::rig::lines::now_us;
use anyhow::bail;
use brisk_protocol::jobs::method;
use serde_json::json;
use std::time::Duration;

/// Attempts of each job.
const ATTEMPTS: u32 = 4;

/// Tokens of the shortest answer, and how many more the next ones have: some attempts stream while another one checks.
const SHORT: usize = 40;
const MORE: usize = 30;

/// What was there in the moment of a cancel.
#[derive(Debug, Default)]
struct Met {
    streams: usize,
    checks: usize,
}

/// From each cancel, microseconds.
#[derive(Debug, Default)]
struct Times {
    answer: Vec<u64>,
    models: Vec<u64>,
    processes: Vec<u64>,
    last: Vec<u64>,
}

/// Since when no answer is under way, no process is there, no attempt does anything.
struct Gone {
    models: u64,
    processes: u64,
    attempts: u64,
}

/// Cancels at random moments of jobs that stream and check.
pub(in crate::metrics) fn all_stopped(
    programs: &Programs,
    quick: bool,
    random: &mut fastrand::Rng,
) -> Measured {
    let cancels = if quick { 25 } else { 300 };
    let replies: Vec<_> = (0..cancels * ATTEMPTS as usize * 2)
        .map(|n| part(n, SHORT + MORE * (n % ATTEMPTS as usize), 100.0))
        .collect();
    let plan = Plan {
        hands: answer(&[]),
        brain: json!({"replies": replies, "otherwise": {"acts": [{"act": "hang"}]}}),
        files: &[],
        // Never in time by itself.
        check: &parts_there(1, "600"),
    };
    let site = Site::new(programs, &plan)?;
    let mut client = site.house.client()?;
    let daemon = site.daemon()?;
    let (mut all, mut met, mut left) = (Times::default(), Met::default(), 0);
    let mut traffic = Traffic::default();
    for _ in 0..cancels {
        let asked = traffic.asked;
        let job = site.delegate(&mut client, ATTEMPTS)?;
        traffic.until(&site.brain, "the first request", |t| t.asked > asked)?;
        let key = now_us() + random.u64(0..1_800_000);
        while now_us() < key {
            traffic.read(&site.brain, Duration::from_millis(1))?;
        }
        met.streams += usize::from(!traffic.open.is_empty());
        met.checks += usize::from(!below(daemon).is_empty());
        let began = now_us();
        tell(&mut client, method::CANCEL, job)?;
        let answered = now_us();
        let gone = stopped(&site, &mut client, job, &mut traffic, daemon)?;
        all.answer.push(answered - began);
        all.models.push(gone.models.saturating_sub(began));
        all.processes.push(gone.processes.saturating_sub(began));
        let last = gone.models.max(gone.processes).max(gone.attempts);
        all.last.push(last.saturating_sub(began));
        left += below(daemon).len() + naming(&attempts(&site));
    }
    let wanted = [(50, Reach::Told), (99, Reach::AtMost(250.0)), (100, Reach::Told)];
    let mut parts = Part::times("cancel to all stopped: ", &series(all.last)?, &wanted);
    let told = [(50, Reach::Told), (99, Reach::Told)];
    for (label, times) in [
        ("cancel to its answer: ", all.answer),
        ("cancel to the last model let go: ", all.models),
        ("cancel to the last process gone: ", all.processes),
    ] {
        parts.extend(Part::times(label, &series(times)?, &told));
    }
    parts.push(Part::none_of("processes left after a cancel", left));
    let how = format!(
        "{cancels} cancels at random moments of jobs with {ATTEMPTS} attempts; answers streamed in {} of them, a check ran in \
         {}; stopped: no answer under way, no process below the daemon, no attempt that does anything",
        met.streams, met.checks
    );
    Ok((parts, how))
}

/// What only the processes of a check name.
pub(super) fn attempts(site: &Site) -> String {
    site.house
        .home()
        .join("state/repos")
        .to_string_lossy()
        .into_owned()
}

/// Waits until nothing of it runs.
fn stopped(
    site: &Site,
    client: &mut Client,
    job: brisk_domain::JobId,
    traffic: &mut Traffic,
    daemon: i32,
) -> anyhow::Result<Gone> {
    let until = now_us() + 30_000_000;
    // Each is looked at until it is so, and cannot come back.
    let (mut models, mut processes, mut attempts) = (None, None, None);
    loop {
        if processes.is_none() && below(daemon).is_empty() {
            processes = Some(now_us());
        }
        if attempts.is_none() && !works(&view(client, job)?) {
            attempts = Some(now_us());
        }
        traffic.read(&site.brain, Duration::from_millis(1))?;
        if attempts.is_some() && traffic.open.is_empty() {
            // The model has noted the moment itself.
            models = Some(traffic.over.last().map_or(0, |(t_us, _)| *t_us));
        }
        if let (Some(models), Some(processes), Some(attempts)) = (models, processes, attempts) {
            return Ok(Gone {
                models,
                processes,
                attempts,
            });
        }
        if now_us() > until {
            bail!("30 s after the cancel of {job} something still runs: {traffic:?}");
        }
    }
}
