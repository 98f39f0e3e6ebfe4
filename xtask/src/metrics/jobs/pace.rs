//! Sixteen attempts side by side: whether they keep their models waiting, and what they need of memory.

use super::processes::memory;
use super::site::{Plan, Site, Traffic, over, part, parts_there};
use crate::metrics::Measured;
use crate::metrics::figure::{Part, Reach, Unit};
use crate::rig::client::Client;
use crate::rig::fake::answer;
use crate::rig::house::Programs;
use crate::rig::lines::now_us;
use anyhow::bail;
use brisk_domain::job::JobState;
use serde_json::json;
use std::time::Duration;

/// Jobs side by side, and attempts of each.
const JOBS: u32 = 4;
const ATTEMPTS: u32 = 4;
const ALL: usize = 16;

/// Tokens a second.
const RATE: f64 = 100.0;

/// What a number of attempts came to.
struct Run {
    /// From the first request to the last end, microseconds.
    took_us: u64,
    /// The most of the daemon's memory, bytes.
    most: u64,
}

/// One attempt alone, then sixteen.
pub(in crate::metrics) fn side_by_side(programs: &Programs, quick: bool) -> Measured {
    let (rounds, tokens) = if quick { (2, 1_500) } else { (6, 1_500) };
    let replies: Vec<_> = (0..(ALL + 2) * rounds).map(|n| part(n, tokens, RATE)).collect();
    let plan = Plan {
        hands: answer(&[]),
        brain: json!({"replies": replies}),
        files: &[],
        check: &parts_there(rounds, "0"),
    };
    let site = Site::new(programs, &plan)?;
    let mut client = site.house.client()?;
    let daemon = site.daemon()?;
    let alone = run(&site, &mut client, daemon, 1, 1, rounds)?;
    let before = memory(daemon)?;
    let all = run(&site, &mut client, daemon, JOBS, ATTEMPTS, rounds)?;
    let schedule = rounds as f64 * (tokens - 1) as f64 / RATE * 1e6;
    let times =
        |label: &str, value: u64, reach| Part::new(label, value as f64 / schedule, Unit::Times, reach);
    let each = all.most.saturating_sub(before) as f64 / ALL as f64 / 1e6;
    let parts = vec![
        times(
            "16 attempts over their models' own schedule",
            all.took_us,
            Reach::AtMost(1.05),
        ),
        times("one attempt alone over the same", alone.took_us, Reach::Told),
        Part::new(
            "their models' own schedule",
            schedule / 1e3,
            Unit::Ms,
            Reach::Told,
        ),
        Part::new(
            "memory of the daemon, an attempt",
            each,
            Unit::Mb,
            Reach::AtMost(20.0),
        ),
        Part::new(
            "memory of the daemon before",
            before as f64 / 1e6,
            Unit::Mb,
            Reach::Told,
        ),
    ];
    let how = format!(
        "{JOBS} jobs of {ATTEMPTS} attempts; each makes {rounds} answers of {tokens} tokens at {RATE} tok/s, a different edit \
         and a run of the checks after each, of which the last passes; from the first request to the last end; resident memory, \
         the most while they run"
    );
    Ok((parts, how))
}

fn run(
    site: &Site,
    client: &mut Client,
    daemon: i32,
    jobs: u32,
    attempts: u32,
    rounds: usize,
) -> anyhow::Result<Run> {
    let mut traffic = Traffic::default();
    let mut ids = Vec::new();
    for _ in 0..jobs {
        ids.push(site.delegate(client, attempts)?);
    }
    let wanted = (jobs * attempts) as usize * rounds;
    let until = now_us() + 600_000_000;
    let mut most = 0;
    while traffic.over.len() < wanted {
        traffic.read(&site.brain, Duration::from_millis(100))?;
        most = most.max(memory(daemon)?);
        if now_us() > until {
            bail!("{} of {wanted} answers were over after 600 s", traffic.over.len());
        }
    }
    for id in ids {
        let job = over(client, id, Duration::from_secs(60))?;
        if !matches!(job.state, JobState::Ready(_)) {
            bail!("{id} is {}", job.state.name());
        }
    }
    let ended = now_us();
    let began = traffic.first.unwrap_or(ended);
    Ok(Run {
        took_us: ended - began,
        most: most.max(memory(daemon)?),
    })
}
