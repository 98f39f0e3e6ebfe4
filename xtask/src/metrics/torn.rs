//! What stops and kills leave in the repository: the file before or after, and nothing else.

use super::figure::{Part, Reach, Unit};
use super::{Measured, series};
use crate::rig::client::{Ask, Client};
use crate::rig::fake::{answer, whole};
use crate::rig::house::{ANSWER, BEFORE, House, Programs, REQUEST, TARGET, after};
use crate::rig::lines::now_us;
use anyhow::Context;
use brisk_domain::{Intent, SessionId};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Edits that only tell how long one takes, and of these the ones that open connections and fill caches.
const PROBES: usize = 25;
const COLD: usize = 5;

/// What was found after a number of interruptions.
#[derive(Debug, Default)]
struct Found {
    before: usize,
    after: usize,
    torn: usize,
    /// Paths that nobody put there: temporary files, locks.
    left: BTreeSet<PathBuf>,
    /// Commands after a kill that did not work.
    blocked: usize,
}

impl Found {
    fn look(&mut self, house: &House, clean: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
        match house.file() {
            Ok(text) if text == BEFORE => self.before += 1,
            Ok(text) if text == after() => self.after += 1,
            Ok(_) | Err(_) => self.torn += 1,
        }
        self.left.extend(house.paths()?.difference(clean).cloned());
        house.reset()
    }

    fn parts(&self, of: &str) -> Vec<Part> {
        let told =
            |label: &str, n: usize| Part::new(format!("{of}: {label}"), n as f64, Unit::Count, Reach::Told);
        vec![
            Part::none_of(format!("{of}: torn files"), self.torn),
            Part::none_of(format!("{of}: temporary or locked files"), self.left.len()),
            told("found as before", self.before),
            told("found as after", self.after),
        ]
    }
}

const ASK: Ask<'_> = Ask {
    text: REQUEST,
    target: TARGET,
    intent: Intent::Edit,
    auto_keep: true,
};

/// Stops at random moments of edits that keep by themselves, then kills of the daemon while it writes.
pub(super) fn files(programs: &Programs, quick: bool, random: &mut fastrand::Rng) -> Measured {
    let (stops, kills) = if quick { (200, 50) } else { (10_000, 1_000) };
    let house = House::shop(programs, &answer(&[whole(&ANSWER.concat())]))?;
    let stopped = stopped(&house, stops, random)?;
    let killed = killed(&house, kills, random)?;
    let mut parts = stopped.parts("stops");
    parts.extend(killed.parts("kills"));
    parts.push(Part::none_of(
        "kills: next commands that did not work",
        killed.blocked,
    ));
    let how = format!(
        "{stops} stops at random moments of an edit with --yes; {kills} times `kill -9` of the daemon at random \
         moments of a keep, each followed by `brisk status`"
    );
    Ok((parts, how))
}

fn stopped(house: &House, stops: usize, random: &mut fastrand::Rng) -> anyhow::Result<Found> {
    let mut client = house.client()?;
    let session = client.session(house.root())?;
    let (clean, mut found) = (house.paths()?, Found::default());
    let mut probes = Vec::new();
    for _ in 0..PROBES {
        let prompt = client.prompt(session, ASK)?;
        client.answer(&prompt)?;
        probes.push(now_us() - prompt.t_us);
        house.reset()?;
    }
    // Up to the usual end; most of it is the write, so every second stop is in what comes before.
    let span = usual(probes)?;
    for stop in 0..stops {
        let span = if stop % 2 == 0 { span } else { (span / 8).max(1) };
        let prompt = client.prompt(session, ASK)?;
        client.read_until(prompt.t_us + random.u64(0..span))?;
        client.cancel(session)?;
        client.answer(&prompt)?;
        client.reject(session)?;
        // Nothing of it is wanted, and it must not pile up.
        client.events();
        found.look(house, &clean)?;
    }
    Ok(found)
}

fn killed(house: &House, kills: usize, random: &mut fastrand::Rng) -> anyhow::Result<Found> {
    let (clean, mut found) = (house.paths()?, Found::default());
    let mut probes = Vec::new();
    let mut client = house.client()?;
    let session = client.session(house.root())?;
    for _ in 0..PROBES {
        offer(&mut client, session)?;
        let keep = client.keep(session)?;
        client.answer(&keep)?;
        probes.push(now_us() - keep.t_us);
        house.reset()?;
    }
    drop(client);
    let span = usual(probes)?;
    for _ in 0..kills {
        let mut client = house.client()?;
        let session = client.session(house.root())?;
        offer(&mut client, session)?;
        let pid = house.daemon()?["pid"]
            .as_i64()
            .and_then(|pid| i32::try_from(pid).ok());
        let pid = pid
            .and_then(Pid::from_raw)
            .context("the daemon tells its process id")?;
        let keep = client.keep(session)?;
        // The connection ends with the daemon; until then its messages are read.
        client.read_until(keep.t_us + random.u64(0..span))?;
        kill_process(pid, Signal::KILL)?;
        if house.run(&["status", "--json"]).is_err() {
            found.blocked += 1;
        }
        found.look(house, &clean)?;
    }
    Ok(found)
}

/// How long one of the later probes took, microseconds.
fn usual(probes: Vec<u64>) -> anyhow::Result<u64> {
    let later = probes.into_iter().skip(COLD).collect();
    Ok(series(later)?.percentile(50).max(1))
}

/// Brings a turn to the point where its hunks wait for the person.
fn offer(client: &mut Client, session: SessionId) -> anyhow::Result<()> {
    let prompt = client.prompt(
        session,
        Ask {
            auto_keep: false,
            ..ASK
        },
    )?;
    client.answer(&prompt).map(drop)
}
