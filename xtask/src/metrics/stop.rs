//! Stops at random moments: how long until nothing more comes, and until the model has stopped.

use super::figure::{Part, Reach};
use super::{Measured, direct, sample, series};
use crate::rig::client::{Client, Deaf, turn};
use crate::rig::fake::{answer, rate};
use crate::rig::house::{House, Programs};
use crate::rig::lines::now_us;
use brisk_domain::{SessionId, TurnId};

/// Tokens a second.
const RATE: f64 = 1_000.0;

/// What a number of stops came to.
#[derive(Debug, Default)]
struct Stops {
    silence: Vec<u64>,
    model: Vec<u64>,
    /// Events of a turn that came after its end.
    late: usize,
    /// Turns that ended by themselves before the key was pressed.
    missed: usize,
}

/// Key to silence, and key to model stopped; alone, and beside a client that never reads.
pub(super) fn random(programs: &Programs, quick: bool, random: &mut fastrand::Rng) -> Measured {
    let stops = if quick { 100 } else { 1_000 };
    let (before, after) = (sample::function(false), sample::function(true));
    let house = House::new(
        programs,
        &answer(&[rate(&after, RATE)]),
        &[(sample::FILE, &before)],
    )?;
    let mut client = house.client()?;
    let alone = client.session(house.root())?;
    let mut beside = house.client()?;
    let crowded = beside.session(house.root())?;
    let _deaf = Deaf::connect(&house.socket(), crowded)?;
    let (mut without, mut with, mut control) = (Stops::default(), Stops::default(), Vec::new());
    // In turn, so that all see the same machine.
    for _ in 0..stops {
        one(&house, &mut client, alone, random, &mut without)?;
        one(&house, &mut beside, crowded, random, &mut with)?;
        control.extend(direct::stop(&house.fake)?);
    }
    let (late, missed) = (without.late + with.late, without.missed + with.missed);
    let mut parts = Vec::new();
    for (label, all) in [("", without), ("beside a deaf client, ", with)] {
        let wanted = [(50, Reach::AtMost(10.0)), (99, Reach::AtMost(50.0))];
        let (silence, model) = (series(all.silence)?, series(all.model)?);
        parts.extend(Part::times(
            &format!("{label}key to silence: "),
            &silence,
            &wanted,
        ));
        parts.extend(Part::times(
            &format!("{label}key to model stopped: "),
            &model,
            &wanted,
        ));
    }
    let told = [(50, Reach::Told), (99, Reach::Told)];
    parts.extend(Part::times(
        "close to model stopped without Brisk between: ",
        &series(control)?,
        &told,
    ));
    parts.push(Part::none_of("events of a turn after its end", late));
    let how = format!(
        "{stops} stops each at random moments of a stream of {RATE} tok/s ({missed} came after its end and do not count); a deaf client \
         subscribed and never reads"
    );
    Ok((parts, how))
}

fn one(
    house: &House,
    client: &mut Client,
    session: SessionId,
    random: &mut fastrand::Rng,
    all: &mut Stops,
) -> anyhow::Result<()> {
    let prompt = client.prompt(session, sample::ask())?;
    let (came, request) = house.fake.request()?;
    // Most of the stream; its very end would be a turn that is over already.
    let stream_us = sample::stream_us(RATE);
    client.read_until(came.max(now_us()) + random.u64(0..(stream_us * 0.8) as u64))?;
    let key = client.cancel(session)?;
    let (before, ended) = client.ended()?;
    client.answer(&prompt)?;
    let gone = house.fake.over(request)?;
    client.reject(session)?;
    let this = turn(&ended.event);
    let earlier = |other: Option<TurnId>| other.is_some() && other < this;
    all.late += before.iter().filter(|came| earlier(turn(&came.event))).count();
    let cancelled = sample::cancelled(&ended.event);
    match gone {
        Some(gone) if cancelled => {
            all.silence.push(ended.t_us.saturating_sub(key));
            all.model.push(gone.saturating_sub(key));
        }
        Some(_) | None => all.missed += 1,
    }
    Ok(())
}
