//! Keys while the model writes: how long until what was typed is painted, and until Esc has the last word.

use super::{Cat, NOTHING, function, is_over, say, settle, sit_down, written};
use crate::metrics::figure::{Part, Reach};
use crate::metrics::{Measured, series};
use crate::rig::fake::{LIMIT, answer, rate};
use crate::rig::house::{House, Programs};
use crate::rig::lines::now_us;
use crate::rig::terminal::Terminal;
use anyhow::bail;
use std::collections::VecDeque;
use std::time::Duration;

/// Tokens a second.
const RATE: f64 = 1_000.0;
/// Keys in a turn: what fits a row.
const KEYS: usize = 90;
/// Lines whose rewriting a live edit allows, about.
const LONGEST: usize = 116;
/// Between two keys, microseconds: faster than people type.
const GAP: std::ops::Range<u64> = 10_000..30_000;
/// Who is silent for so long has painted its last.
const SILENCE: Duration = Duration::from_millis(150);

fn house(programs: &Programs, lines: usize) -> anyhow::Result<House> {
    let (before, after) = (function(lines, false), function(lines, true));
    House::new(programs, &answer(&[rate(&after, RATE)]), &[("sum.py", &before)])
}

/// Key press to its character on the screen, while a patch grows.
pub(in crate::metrics) fn echo(programs: &Programs, quick: bool, random: &mut fastrand::Rng) -> Measured {
    let turns = if quick { 7 } else { 30 };
    let house = house(programs, LONGEST)?;
    let mut terminal = sit_down(&house, &[])?;
    let mut cat = Cat::open()?;
    let (mut times, mut control) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        say(&mut terminal, "@sum.py:sum_up count them")?;
        terminal.shows("writing\u{2026}")?;
        type_along(&mut terminal, random, &mut times)?;
        terminal.press("\x15")?;
        terminal.until("an empty prompt", |s| {
            let text = written(s).map(str::trim);
            text.is_some_and(|t| t.is_empty() || t.starts_with(NOTHING))
        })?;
        settle(&mut terminal)?;
        // In turn, so that both see the same machine.
        for _ in 0..30 {
            terminal.read_until(now_us() + random.u64(GAP))?;
            control.push(cat.echo()?);
        }
    }
    let keys = times.len();
    let told = [(50, Reach::Told), (99, Reach::Told)];
    let wanted = [(50, Reach::Told), (99, Reach::AtMost(16.0))];
    let mut parts = Part::times("", &series(times)?, &wanted);
    parts.extend(Part::times("`cat` instead of Brisk: ", &series(control)?, &told));
    let how = format!(
        "{keys} keys 10 to 30 ms apart, each at its moment whether or not the one before is painted, while a patch \
         streams at {RATE} tok/s"
    );
    Ok((parts, how))
}

/// Types until the row is full or the stream is over.
pub(super) fn type_along(
    terminal: &mut Terminal,
    random: &mut fastrand::Rng,
    times: &mut Vec<u64>,
) -> anyhow::Result<()> {
    let mut typed = String::new();
    // How long the text is with a key, and when that was pressed.
    let mut pending: VecDeque<(usize, u64)> = VecDeque::new();
    let mut next = now_us();
    while !pending.is_empty() || (typed.len() < KEYS && !is_over(&terminal.text())) {
        if typed.len() < KEYS && now_us() >= next {
            let key = char::from(b'a' + (typed.len() % 26) as u8);
            typed.push(key);
            pending.push_back((typed.len(), terminal.press(key.encode_utf8(&mut [0; 4]))?));
            next += random.u64(GAP);
        }
        if now_us() > next + LIMIT.as_micros() as u64 {
            bail!("keys are not painted; the screen:\n{}", terminal.text());
        }
        let left = next.saturating_sub(now_us()).max(1);
        let left = if typed.len() < KEYS { left } else { 1_000_000 };
        if terminal.read(Duration::from_micros(left))? == Some(true) {
            let screen = terminal.text();
            let shown = written(&screen).unwrap_or_default().trim();
            let shown = if typed.starts_with(shown) { shown.len() } else { 0 };
            while let Some((_, pressed)) = pending.pop_front_if(|(length, _)| *length <= shown) {
                times.push(terminal.seen_us.saturating_sub(pressed));
            }
        }
    }
    Ok(())
}

/// Esc to "stopped" on the screen, to the last paint, and to the model let go.
pub(in crate::metrics) fn escape(programs: &Programs, quick: bool, random: &mut fastrand::Rng) -> Measured {
    let stops = if quick { 25 } else { 300 };
    let lines = 60;
    let house = house(programs, lines)?;
    let mut terminal = sit_down(&house, &[])?;
    let mut cat = Cat::open()?;
    let stream_us = function(lines, true).len() as f64 / 4.0 / RATE * 1e6;
    let (mut said, mut last, mut model, mut control) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut missed = 0;
    for _ in 0..stops {
        say(&mut terminal, "@sum.py:sum_up count them")?;
        let (came, request) = house.fake.request()?;
        // Most of the stream; its very end would be a turn that is over already.
        terminal.read_until(came.max(now_us()) + random.u64(0..(stream_us * 0.8) as u64))?;
        let key = terminal.press("\x1b")?;
        let stopped = terminal.until("the end of the turn", is_over)?;
        let silent = terminal.quiet(SILENCE)?;
        match house.fake.over(request)? {
            Some(gone) if terminal.text().contains("stopped") => {
                said.push(stopped.saturating_sub(key));
                last.push(silent.saturating_sub(key));
                model.push(gone.saturating_sub(key));
            }
            Some(_) | None => missed += 1,
        }
        settle(&mut terminal)?;
        control.push(cat.echo()?);
    }
    let told = [(50, Reach::Told), (99, Reach::Told)];
    let wanted = [(50, Reach::AtMost(10.0)), (99, Reach::AtMost(50.0))];
    let mut parts = Part::times("Esc to the end of the turn painted: ", &series(said)?, &wanted);
    parts.extend(Part::times("Esc to the last paint: ", &series(last)?, &wanted));
    parts.extend(Part::times("Esc to model stopped: ", &series(model)?, &told));
    parts.extend(Part::times("`cat` instead of Brisk: ", &series(control)?, &told));
    let how = format!(
        "{stops} stops at random moments of a stream of {RATE} tok/s ({missed} came after its end and do not count); \
         the last paint is what {} ms without a byte follow",
        SILENCE.as_millis()
    );
    Ok((parts, how))
}
