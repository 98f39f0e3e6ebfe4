//! The client opened, opened again on a long session, and left alone.

use super::{WINDOW, say, sit_down};
use crate::metrics::figure::{Part, Reach, Unit};
use crate::metrics::{Measured, series};
use crate::rig::client::Ask;
use crate::rig::fake::{answer, whole};
use crate::rig::house::{ANSWER, House, Programs, REQUEST, TARGET};
use crate::rig::lines::now_us;
use crate::rig::terminal::Terminal;
use anyhow::{Context, bail};
use brisk_domain::Intent;
use std::fs;
use std::time::Duration;

/// The prompt can be seen: a person may type.
fn is_painted(screen: &str) -> bool {
    screen.lines().any(|line| line.starts_with('>'))
}

/// Leaves the client.
fn leave(mut terminal: Terminal) -> anyhow::Result<()> {
    terminal.press("\x04")?;
    match terminal.ended()? {
        0 => Ok(()),
        code => bail!("the client ended with {code}"),
    }
}

/// Moments of a start, microseconds after it.
#[derive(Debug, Default)]
struct Starts {
    painted: Vec<u64>,
    ready: Vec<u64>,
}

impl Starts {
    /// Opens the client, and leaves it.
    fn one(&mut self, house: &House) -> anyhow::Result<()> {
        let mut terminal = house.terminal(&[], WINDOW)?;
        let painted = terminal.until("a prompt", is_painted)?;
        let ready = terminal.shows("ready")?;
        self.painted.push(painted.saturating_sub(terminal.started_us));
        self.ready.push(ready.saturating_sub(terminal.started_us));
        leave(terminal)
    }
}

/// Process start of bare `brisk` to the first paint, with the daemon there and with none.
pub(in crate::metrics) fn start(programs: &Programs, quick: bool) -> Measured {
    let (runs, colds) = if quick { (20, 5) } else { (100, 20) };
    let house = House::shop(programs, &answer(&[]))?;
    let (mut warm, mut cold, mut control) = (Starts::default(), Starts::default(), Vec::new());
    for _ in 0..colds {
        // None running is as good.
        drop(house.command(&["daemon", "stop"]).output());
        cold.one(&house)?;
    }
    for _ in 0..runs {
        warm.one(&house)?;
        let mut version = house.terminal(&["--version"], WINDOW)?;
        control.push(version.shows("brisk ")?.saturating_sub(version.started_us));
        version.ended()?;
    }
    let told = [(50, Reach::Told), (99, Reach::Told)];
    let bound = |p, ms| [(p, Reach::AtMost(ms))];
    let mut parts = Part::times(
        "warm daemon, first paint: ",
        &series(warm.painted)?,
        &bound(50, 60.0),
    );
    parts.extend(Part::times(
        "warm daemon, connected: ",
        &series(warm.ready)?,
        &told,
    ));
    parts.extend(Part::times(
        "no daemon, first paint: ",
        &series(cold.painted)?,
        &bound(99, 250.0),
    ));
    parts.extend(Part::times("no daemon, connected: ", &series(cold.ready)?, &told));
    parts.extend(Part::times(
        "`brisk --version` on a terminal: ",
        &series(control)?,
        &told,
    ));
    let how = format!(
        "{runs} starts with the daemon running, {colds} without; the first paint shows the prompt, where one can type"
    );
    Ok((parts, how))
}

/// A long session opened again from the log, and what the client needs for it.
pub(in crate::metrics) fn again(programs: &Programs, quick: bool) -> Measured {
    const LONG: usize = 500;
    const SHORT: usize = 5;
    let runs = if quick { 5 } else { 30 };
    let (painted, shown, long) = opened(programs, LONG, runs)?;
    let (_, _, short) = opened(programs, SHORT, runs)?;
    let (long, short) = (series(long)?.percentile(50), series(short)?.percentile(50));
    let wanted = [(50, Reach::Told), (99, Reach::AtMost(200.0))];
    let mut parts = Part::times("first paint: ", &series(painted)?, &wanted);
    parts.extend(Part::times(
        "last turn of the session painted: ",
        &series(shown)?,
        &wanted,
    ));
    let mb = |kb: u64| kb as f64 * 1_024.0 / 1e6;
    parts.push(Part::new(
        format!("memory of the client, {LONG} turns"),
        mb(long),
        Unit::Mb,
        Reach::Told,
    ));
    parts.push(Part::new(
        format!("memory of the client, {SHORT} turns"),
        mb(short),
        Unit::Mb,
        Reach::Told,
    ));
    let ratio = long as f64 / short.max(1) as f64;
    parts.push(Part::new(
        "memory, long over short",
        ratio,
        Unit::Times,
        Reach::AtMost(1.1),
    ));
    let how = format!(
        "`brisk --continue`, {runs} times; every turn had a hunk, which was rejected; the daemon was started anew, so \
         that the first one comes from its log; resident memory, the middle one"
    );
    Ok((parts, how))
}

/// Opens a session of so many turns several times: first paint, last turn painted, both microseconds after the start,
/// and resident memory, KB.
fn opened(programs: &Programs, turns: usize, runs: usize) -> anyhow::Result<(Vec<u64>, Vec<u64>, Vec<u64>)> {
    let house = House::shop(programs, &answer(&[whole(&ANSWER.concat())]))?;
    let mut client = house.client()?;
    let session = client.session(house.root())?;
    for turn in 0..turns {
        let text = format!("{REQUEST}, turn {turn}.");
        let ask = Ask {
            text: &text,
            target: TARGET,
            intent: Intent::Edit,
            auto_keep: false,
        };
        let prompt = client.prompt(session, ask)?;
        client.ended()?;
        client.answer(&prompt)?;
        client.reject(session)?;
    }
    drop(client);
    house.run(&["daemon", "stop"])?;
    house.run(&["daemon", "start"])?;
    let last = format!(", turn {}.", turns - 1);
    let (mut painted, mut shown, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let mut terminal = house.terminal(&["--continue"], WINDOW)?;
        let first = terminal.until("a prompt", is_painted)?;
        painted.push(first.saturating_sub(terminal.started_us));
        shown.push(terminal.shows(&last)?.saturating_sub(terminal.started_us));
        terminal.shows("ready")?;
        let status = fs::read_to_string(format!("/proc/{}/status", terminal.pid()?))?;
        memory.push(kilobytes(&status).context("the system tells the memory of a process")?);
        leave(terminal)?;
    }
    Ok((painted, shown, memory))
}

/// `VmRSS` of `/proc/PID/status`.
fn kilobytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Ticks of the clock that a process has used, from `/proc/PID/stat`. The name may hold blanks and parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    Some(user + fields.next()?.parse::<u64>().ok()?)
}

/// What the client and the daemon do while nobody does anything.
pub(in crate::metrics) fn idle(programs: &Programs, quick: bool) -> Measured {
    let seconds = if quick { 4 } else { 20 };
    let house = House::shop(programs, &answer(&[whole(&ANSWER.concat())]))?;
    let mut terminal = sit_down(&house, &[])?;
    say(&mut terminal, &format!("@{TARGET} {REQUEST}"))?;
    terminal.shows("1 hunk on offer")?;
    // Colours of the code and the draft's file come a little later.
    terminal.quiet(Duration::from_secs(1))?;
    let daemon = house.daemon()?["pid"]
        .as_u64()
        .context("the daemon tells its process")?;
    let used = |pid: u64| -> anyhow::Result<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        ticks(&stat).context("the system counts the ticks of a process")
    };
    let client = u64::from(terminal.pid()?);
    let (before, before_daemon, bytes) = (used(client)?, used(daemon)?, terminal.bytes);
    terminal.read_until(now_us() + seconds * 1_000_000)?;
    let count = |label: &str, n: u64, reach| Part::new(label, n as f64, Unit::Count, reach);
    let parts = vec![
        count(
            "clock ticks of the client",
            used(client)? - before,
            Reach::AtMost(1.0),
        ),
        count(
            "clock ticks of the daemon",
            used(daemon)? - before_daemon,
            Reach::Told,
        ),
        Part::none_of("bytes painted", terminal.bytes - bytes),
    ];
    leave_offer(terminal)?;
    let how = format!("over {seconds} s with a hunk on offer; a tick is 10 ms of a core on most systems");
    Ok((parts, how))
}

/// Rejects what is on offer, then leaves.
fn leave_offer(mut terminal: Terminal) -> anyhow::Result<()> {
    terminal.press("x")?;
    terminal.shows("rejected 1 hunk")?;
    leave(terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_of_a_process_is_read() {
        let status = "Name:\tbrisk\nVmPeak:\t  10 kB\nVmRSS:\t   8472 kB\nThreads:\t3\n";
        assert_eq!(
            (kilobytes(status), kilobytes("Name:\tbrisk\n")),
            (Some(8_472), None)
        );
        let cases = [
            ("7 (brisk) S 1 7 7 0 -1 4 1 0 0 0 12 30 0 0 20 0", Some(42)),
            ("7 (a) b (c) R 1 7 7 0 -1 4 1 0 0 0 1 2 0 0 20 0", Some(3)),
            ("7 (brisk) S 1", None),
            ("", None),
        ];
        for (stat, want) in cases {
            assert_eq!(ticks(stat), want, "{stat}");
        }
    }
}
