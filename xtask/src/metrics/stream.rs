//! From the model to the person: how long a chunk and a changed line take.

use super::direct;
use super::figure::{Part, Reach};
use super::{Measured, series};
use crate::rig::client::{Ask, Client};
use crate::rig::fake::{FRAME, answer, frames, rate, whole};
use crate::rig::house::{ANSWER, House, Programs, REQUEST, TARGET};
use crate::rig::lines::Lines;
use anyhow::{Context, bail};
use brisk_domain::{Event, Intent, LineKind, SessionId};
use serde_json::Value;
use std::process::Stdio;

/// Tokens of one answer: below what an answer in words may have.
const TOKENS: usize = 1_000;

/// Words that never repeat, of that many frames.
fn words() -> String {
    let text: String = (0..TOKENS).map(|n| format!("{n:04} word ")).collect();
    text.chars().take(TOKENS * FRAME).collect()
}

/// Chunk at the provider to event at the client, and what is lost on the way, at two speeds.
pub(super) fn chunks(programs: &Programs, quick: bool) -> Measured {
    let text = words();
    let mut parts = Vec::new();
    for (per_s, turns) in [
        (1_000.0, if quick { 5 } else { 20 }),
        (10_000.0, if quick { 10 } else { 50 }),
    ] {
        let house = House::shop(programs, &answer(&[rate(&text, per_s)]))?;
        let mut client = house.client()?;
        let session = client.session(house.root())?;
        let (mut times, mut lost, mut control) = (Vec::new(), 0, Vec::new());
        for turn in 0..=turns {
            let (late, missing) = one(&house, &mut client, session, &text)?;
            // The first one opens the connection.
            if turn > 0 {
                times.extend(late);
                lost += missing;
                // Turn by turn, so that both see the same machine.
                control.extend(direct::chunks(&house.fake)?);
            }
        }
        let slow = per_s < 5_000.0;
        let reach = |ms| if slow { Reach::AtMost(ms) } else { Reach::Told };
        let label = format!("{per_s} tok/s: ");
        parts.extend(Part::times(
            &label,
            &series(times)?,
            &[(50, reach(0.2)), (99, reach(5.0))],
        ));
        let label = format!("{per_s} tok/s without Brisk between: ");
        parts.extend(Part::times(
            &label,
            &series(control)?,
            &[(50, Reach::Told), (99, Reach::Told)],
        ));
        parts.push(Part::none_of(
            format!("{per_s} tok/s: bytes lost or changed"),
            lost,
        ));
    }
    let how = format!(
        "answers of {TOKENS} chunks; from before the fake's write of a chunk to the read that brought its text"
    );
    Ok((parts, how))
}

/// One answer in words: how late each chunk was, and how many bytes differ.
fn one(
    house: &House,
    client: &mut Client,
    session: SessionId,
    text: &str,
) -> anyhow::Result<(Vec<u64>, usize)> {
    let ask = Ask {
        text: "what is it?",
        target: TARGET,
        intent: Intent::Ask,
        auto_keep: false,
    };
    let prompt = client.prompt(session, ask)?;
    let (_, request) = house.fake.request()?;
    let sent = house.fake.chunks(request)?;
    let (before, _) = client.ended()?;
    client.answer(&prompt)?;
    let (mut late, mut got) = (Vec::new(), String::new());
    for came in before {
        if let Event::Prose { text, .. } = &came.event {
            // Consecutive pieces may have been merged: every chunk that this one completes came now.
            let first = got.len() / FRAME;
            got.push_str(text);
            let now = sent
                .get(first..got.len() / FRAME)
                .context("more text than was sent")?;
            late.extend(now.iter().map(|t_us| came.t_us.saturating_sub(*t_us)));
        }
    }
    let differ = text.bytes().zip(got.bytes()).filter(|(a, b)| a != b).count();
    Ok((late, differ + text.len().abs_diff(got.len())))
}

/// Last byte of a hunk's first changed line to that line at the client, and on the output of `brisk edit --json`.
pub(super) fn first_line(programs: &Programs, quick: bool) -> Measured {
    let runs = if quick { 50 } else { 200 };
    let [head, changed, tail] = ANSWER;
    let steps = [rate(head, 1_000.0), whole(changed), rate(tail, 200.0)];
    let house = House::shop(programs, &answer(&steps))?;
    let at = frames(head);
    let mut client = house.client()?;
    let session = client.session(house.root())?;
    let added = |event: &Event| matches!(event, Event::HunkLine { kind: LineKind::Added, text, .. } if text.trim() == changed.trim());
    let (mut events, mut shown) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let ask = Ask {
            text: REQUEST,
            target: TARGET,
            intent: Intent::Edit,
            auto_keep: false,
        };
        let prompt = client.prompt(session, ask)?;
        let (_, request) = house.fake.request()?;
        let sent = house.fake.chunks(request)?;
        let (_, line) = client.until(added)?;
        client.ended()?;
        client.answer(&prompt)?;
        client.reject(session)?;
        let last = sent.get(at).context("the changed line was sent")?;
        events.push(line.t_us.saturating_sub(*last));
    }
    for _ in 0..runs {
        let mut edit = house
            .command(&["edit", "--json", REQUEST, TARGET])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let lines = Lines::of(edit.stdout.take().context("an output")?);
        let (_, request) = house.fake.request()?;
        let sent = house.fake.chunks(request)?;
        let mut seen = None;
        while let Ok(Some((t_us, line))) = lines.next(crate::rig::fake::LIMIT) {
            let line: Value = serde_json::from_str(&line)?;
            if line["type"] == "hunk_line" && line["kind"] == "added" {
                seen.get_or_insert(t_us);
            }
        }
        edit.wait()?;
        let (Some(seen), Some(last)) = (seen, sent.get(at)) else {
            bail!("`brisk edit --json` showed no line");
        };
        shown.push(seen.saturating_sub(*last));
    }
    let wanted = [(50, Reach::Told), (99, Reach::AtMost(16.0))];
    let mut parts = Part::times("event at a client: ", &series(events)?, &wanted);
    parts.extend(Part::times(
        "on the output of `brisk edit --json`: ",
        &series(shown)?,
        &wanted,
    ));
    Ok((
        parts,
        format!("{runs} edits each; the rest of the answer still streams"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_fills_its_frames() {
        let text = words();
        assert!(text.is_ascii());
        assert_eq!((frames(&text), text.len()), (TOKENS, TOKENS * FRAME));
    }
}
