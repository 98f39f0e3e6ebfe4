//! More than a person ever meets: a model that writes ten times as fast as others, and a very large paste.

use super::keys::type_along;
use super::{Cat, NOTHING, WINDOW, is_over, say, sit_down, written};
use crate::metrics::figure::{Part, Reach, Unit};
use crate::metrics::{Measured, series};
use crate::rig::fake::{answer, rate};
use crate::rig::house::{BEFORE, FILE, House, Programs, TARGET};
use crate::rig::lines::now_us;
use crate::rig::terminal::Terminal;
use portable_pty::CommandBuilder;

/// Tokens a second.
const RATE: f64 = 10_000.0;
/// Bytes of a paste.
const LARGE: usize = 10_000_000;
/// Between two keys after the paste, microseconds: also longer than the pause after which the draft is saved.
const GAP: std::ops::Range<u64> = 50_000..700_000;

/// Key press to its character on the screen, while an answer in words rushes by.
pub(in crate::metrics) fn flood(programs: &Programs, quick: bool, random: &mut fastrand::Rng) -> Measured {
    let turns = if quick { 15 } else { 80 };
    // As long as an answer in words may be, about.
    let text: String = (0..60)
        .map(|n| format!("and another word of the answer, number {n}, which is a long one\n"))
        .collect();
    let house = House::new(programs, &answer(&[rate(&text, RATE)]), &[(FILE, BEFORE)])?;
    let mut terminal = sit_down(&house, &[])?;
    let mut cat = Cat::open()?;
    let (mut times, mut control) = (Vec::new(), Vec::new());
    let (mut tokens, mut took) = (0, 0);
    for _ in 0..turns {
        say(&mut terminal, &format!("/ask what is @{TARGET} for?"))?;
        let (_, request) = house.fake.request()?;
        terminal.shows("another word")?;
        type_along(&mut terminal, random, &mut times)?;
        terminal.until("the end of the turn", is_over)?;
        let sent = house.fake.chunks(request)?;
        tokens += sent.len();
        took += sent
            .last()
            .zip(sent.first())
            .map_or(0, |(last, first)| last - first);
        clear(&mut terminal)?;
        // In turn, so that both see the same machine.
        for _ in 0..4 {
            terminal.read_until(now_us() + random.u64(10_000..30_000))?;
            control.push(cat.echo()?);
        }
    }
    let keys = times.len();
    let told = [(50, Reach::Told), (99, Reach::Told)];
    let wanted = [(50, Reach::Told), (99, Reach::AtMost(16.0))];
    let mut parts = Part::times("", &series(times)?, &wanted);
    parts.extend(Part::times("`cat` instead of Brisk: ", &series(control)?, &told));
    // A stream that is held up would be no flood.
    let label = "tokens a second that came through";
    let reached = tokens as f64 / (took.max(1) as f64 / 1e6);
    parts.push(Part::new(label, reached, Unit::Count, Reach::AtLeast(RATE / 2.0)));
    let how = format!(
        "{keys} keys 10 to 30 ms apart during {turns} answers of {} tokens at {RATE} tok/s",
        tokens / turns
    );
    Ok((parts, how))
}

/// A paste, the key right behind it, and keys while the draft is saved.
pub(in crate::metrics) fn paste(programs: &Programs, quick: bool, random: &mut fastrand::Rng) -> Measured {
    let runs = if quick { 3 } else { 12 };
    let line = "a line of a log that somebody wants to be read, and it is a long one\n";
    let text = line.repeat(LARGE.div_ceil(line.len()));
    let house = House::shop(programs, &answer(&[]))?;
    let mut terminal = sit_down(&house, &[])?;
    let (mut whole, mut first, mut later, mut control) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        control.push(swallow(&text)?);
        let began = terminal.press(&format!("\x1b[200~{text}\x1b[201~"))?;
        let key = terminal.press("k")?;
        let seen = terminal.until("the paste and the key", |s| {
            written(s).is_some_and(|t| t.trim().ends_with("lines]k"))
        })?;
        whole.push(seen.saturating_sub(began));
        first.push(seen.saturating_sub(key));
        for n in 0..6 {
            terminal.read_until(now_us() + random.u64(GAP))?;
            let key = terminal.press("m")?;
            let wanted = format!("lines]k{}", "m".repeat(n + 1));
            let seen = terminal.until("a key after the paste", |s| {
                written(s).is_some_and(|t| t.trim().ends_with(&wanted))
            })?;
            later.push(seen.saturating_sub(key));
        }
        clear(&mut terminal)?;
    }
    let told = [(50, Reach::Told), (99, Reach::Told)];
    let wanted = [(50, Reach::Told), (99, Reach::AtMost(100.0))];
    let mut parts = Part::times("the key right behind it: ", &series(first)?, &wanted);
    parts.extend(Part::times("keys later on: ", &series(later)?, &wanted));
    parts.extend(Part::times(
        "its first byte to it and the key painted: ",
        &series(whole)?,
        &told,
    ));
    parts.extend(Part::times("`head` instead of Brisk: ", &series(control)?, &told));
    let how = format!(
        "{runs} pastes of {} MB in {} lines; keys later on are 50 to 700 ms apart, so that some meet the saving of the \
         draft",
        text.len() / 1_000_000,
        text.lines().count()
    );
    Ok((parts, how))
}

/// Takes everything out of the prompt, and everything off the screen.
fn clear(terminal: &mut Terminal) -> anyhow::Result<()> {
    terminal.press("\x15")?;
    terminal.until("an empty prompt", |s| {
        let text = written(s).map(str::trim);
        text.is_some_and(|t| t.is_empty() || t.starts_with(NOTHING))
    })?;
    terminal.press("\x0c")?;
    terminal.until("an empty screen", |screen| {
        screen.contains("ready") && screen.lines().filter(|l| !l.trim().is_empty()).count() <= 2
    })?;
    Ok(())
}

/// The control: how long the terminal itself takes for so many bytes, microseconds.
fn swallow(text: &str) -> anyhow::Result<u64> {
    let mut command = CommandBuilder::new("sh");
    let script = format!(
        "stty raw -echo && echo up && head -c {} >/dev/null && echo done",
        text.len()
    );
    command.args(["-c", &script]);
    let mut terminal = Terminal::open(command, WINDOW)?;
    terminal.shows("up")?;
    let began = terminal.press(text)?;
    Ok(terminal.shows("done")?.saturating_sub(began))
}
