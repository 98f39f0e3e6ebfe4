//! The person's own edits while eight jobs run, against none: the same turns in one run, block by block.

use super::site::{Plan, Site, Traffic, part, tell};
use crate::metrics::figure::{Part, Reach, Unit};
use crate::metrics::{Measured, direct, sample, series};
use crate::rig::client::Client;
use crate::rig::fake::{Fake, answer, rate};
use crate::rig::house::Programs;
use crate::rig::lines::now_us;
use anyhow::Context;
use brisk_domain::{Event, JobId, SessionId};
use brisk_protocol::jobs::method;
use serde_json::json;

/// Jobs that run.
const JOBS: usize = 8;

/// Tokens a second of the models that they ask.
const RATE: f64 = 100.0;

/// Tokens of their answers: more than this takes.
const LONG: usize = 60_000;

/// Tokens a second of the person's model.
const HANDS: f64 = 1_000.0;

/// Turns in a row before the other kind's turn.
const BLOCK: usize = 20;

/// Turns that warm a block, and do not count.
const WARM: usize = 2;

/// What turns came to, microseconds.
#[derive(Debug, Default)]
struct Turns {
    /// Prompt to the request at the model.
    request: Vec<u64>,
    /// Prompt to the first token at the client.
    token: Vec<u64>,
    /// Key to the end of the turn.
    silence: Vec<u64>,
    /// Key to the model's client gone.
    model: Vec<u64>,
    /// Close to the client gone without Brisk between.
    bare: Vec<u64>,
}

/// Turns and stops with eight jobs that run, and with the same jobs put aside.
pub(in crate::metrics) fn hands(programs: &Programs, quick: bool, random: &mut fastrand::Rng) -> Measured {
    let blocks = if quick { 4 } else { 15 };
    let files = [(sample::FILE.to_owned(), sample::function(false))];
    let plan = Plan {
        hands: answer(&[rate(&sample::function(true), HANDS)]),
        brain: json!({"otherwise": part(0, LONG, RATE)}),
        files: &files,
        check: "echo \"ok 1 - all\"\necho 1..1\n",
    };
    let site = Site::new(programs, &plan)?;
    let mut client = site.house.client()?;
    let session = client.session(site.house.root())?;
    let mut orders = site.house.client()?;
    let mut jobs = Vec::new();
    let mut traffic = Traffic::default();
    for _ in 0..JOBS {
        jobs.push(site.delegate(&mut orders, 1)?);
    }
    let (mut none, mut beside) = (Turns::default(), Turns::default());
    for block in 0..blocks {
        if block > 0 {
            all(&mut orders, method::RESUME, &jobs)?;
        }
        traffic.until(&site.brain, "every job's answer", |t| t.open.len() == JOBS)?;
        turns(&site.house.fake, &mut client, session, random, &mut beside)?;
        all(&mut orders, method::PAUSE, &jobs)?;
        traffic.until(&site.brain, "the end of all answers", |t| t.open.is_empty())?;
        turns(&site.house.fake, &mut client, session, random, &mut none)?;
    }
    let mut parts = Vec::new();
    let reach = Reach::AtMost(1.1);
    for (label, none, beside, reach) in [
        ("prompt to the request", &none.request, &beside.request, reach),
        ("prompt to the first token", &none.token, &beside.token, reach),
        ("key to silence", &none.silence, &beside.silence, reach),
        ("key to model stopped", &none.model, &beside.model, Reach::Told),
        (
            "close to model stopped without Brisk between",
            &none.bare,
            &beside.bare,
            Reach::Told,
        ),
    ] {
        let (none, beside) = (series(none.clone())?, series(beside.clone())?);
        let told = [(50, Reach::Told), (99, Reach::Told)];
        parts.extend(Part::times(&format!("{label}, no job: "), &none, &told));
        parts.extend(Part::times(&format!("{label}, {JOBS} jobs: "), &beside, &told));
        let times = beside.percentile(50) as f64 / none.percentile(50).max(1) as f64;
        parts.push(Part::new(
            format!("{label}, p50 over none"),
            times,
            Unit::Times,
            reach,
        ));
    }
    let how = format!(
        "{} turns of each kind, {BLOCK} in a row in turn; {JOBS} jobs whose models stream at {RATE} tok/s, and the same jobs put \
         aside; the person's model answers at once at {HANDS} tok/s and is stopped at a random moment",
        blocks * BLOCK
    );
    Ok((parts, how))
}

fn all(client: &mut Client, what: &str, jobs: &[JobId]) -> anyhow::Result<()> {
    jobs.iter().try_for_each(|job| tell(client, what, *job))
}

/// One block of turns.
fn turns(
    fake: &Fake,
    client: &mut Client,
    session: SessionId,
    random: &mut fastrand::Rng,
    all: &mut Turns,
) -> anyhow::Result<()> {
    for number in 0..WARM + BLOCK {
        let mut one = Turns::default();
        turn(fake, client, session, random, &mut one)?;
        one.bare.extend(direct::stop(fake)?);
        if number >= WARM {
            all.request.append(&mut one.request);
            all.token.append(&mut one.token);
            all.silence.append(&mut one.silence);
            all.model.append(&mut one.model);
            all.bare.append(&mut one.bare);
        }
    }
    Ok(())
}

fn turn(
    fake: &Fake,
    client: &mut Client,
    session: SessionId,
    random: &mut fastrand::Rng,
    all: &mut Turns,
) -> anyhow::Result<()> {
    let prompt = client.prompt(session, sample::ask())?;
    let (came, request) = fake.request()?;
    let (_, first) = client.until(|event| matches!(event, Event::FirstToken { .. }))?;
    // Most of the stream; its very end would be a turn that is over already.
    let stream_us = sample::stream_us(HANDS);
    client.read_until(now_us() + random.u64(0..(stream_us * 0.6) as u64))?;
    let key = client.cancel(session)?;
    let (_, ended) = client.ended()?;
    client.answer(&prompt)?;
    let gone = fake.over(request)?;
    client.reject(session)?;
    let cancelled = sample::cancelled(&ended.event);
    all.request.push(came.saturating_sub(prompt.t_us));
    all.token.push(first.t_us.saturating_sub(prompt.t_us));
    if cancelled {
        all.silence.push(ended.t_us.saturating_sub(key));
        all.model
            .push(gone.context("the model's client went")?.saturating_sub(key));
    }
    Ok(())
}
