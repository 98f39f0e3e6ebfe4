//! The live client as a person has it: bare `brisk` on a pseudo terminal, keys in, painted screens out.

mod keys;
mod load;
mod open;
mod paint;

pub(super) use keys::{echo, escape};
pub(super) use load::{flood, paste};
pub(super) use open::{again, idle, start};
pub(super) use paint::first_line;

use crate::rig::house::House;
use crate::rig::terminal::{Terminal, Window};
use portable_pty::CommandBuilder;
use std::time::Duration;

/// The window of most people, about.
const WINDOW: Window = Window {
    columns: 100,
    rows: 30,
};

/// Lines of the function; every third one changes, which is below the budget of a turn.
fn function(lines: usize, changed: bool) -> String {
    let body: String = (0..lines)
        .map(|n| match changed && n % 3 == 0 {
            true => format!("    total += counted(\"k{n}\")\n"),
            false => format!("    total += item[\"k{n}\"]\n"),
        })
        .collect();
    format!("def sum_up(item):\n    total = 0\n{body}    return total\n")
}

/// A client that is connected and has nothing to do.
fn sit_down(house: &House, args: &[&str]) -> anyhow::Result<Terminal> {
    let mut terminal = house.terminal(args, WINDOW)?;
    terminal.shows("ready")?;
    Ok(terminal)
}

/// Writes a prompt and sends it. The place comes first, so that no menu is open at the end.
fn say(terminal: &mut Terminal, text: &str) -> anyhow::Result<()> {
    terminal.press(text)?;
    terminal.shows(&format!("> {text}"))?;
    terminal.press("\r")?;
    Ok(())
}

/// After a turn: rejects what is on offer and clears the screen, so that the next turn finds nothing of this one.
fn settle(terminal: &mut Terminal) -> anyhow::Result<()> {
    terminal.until("the end of the turn", is_over)?;
    if terminal.text().contains("on offer") {
        terminal.press("x")?;
        terminal.until("all rejected", |screen| {
            screen.lines().any(|line| line.starts_with("rejected ")) && is_over(screen)
        })?;
    }
    terminal.press("\x0c")?;
    terminal.until("an empty screen", |screen| {
        screen.contains("ready") && screen.lines().filter(|l| !l.trim().is_empty()).count() <= 2
    })?;
    Ok(())
}

/// Nothing streams: the last row says what can be done.
fn is_over(screen: &str) -> bool {
    let status = screen.lines().rfind(|l| !l.trim().is_empty());
    status.is_some_and(|l| l.contains(" on offer") || l.starts_with("ready"))
}

/// What may stand in a prompt that is empty.
const NOTHING: &str = "what to change?";

/// The row of the prompt: what is written, or [`NOTHING`] and more.
fn written(screen: &str) -> Option<&str> {
    screen.lines().rev().find_map(|line| line.strip_prefix('>'))
}

/// The control of everything that a key causes: `cat` on a terminal in raw mode. What is late here is late because of
/// the machine.
struct Cat(Terminal);

impl Cat {
    fn open() -> anyhow::Result<Cat> {
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", "stty raw -echo && echo up && exec cat"]);
        let mut terminal = Terminal::open(command, WINDOW)?;
        terminal.shows("up")?;
        Ok(Cat(terminal))
    }

    /// Key to its echo, microseconds.
    fn echo(&mut self) -> anyhow::Result<u64> {
        let pressed = self.0.press("k")?;
        while self.0.read(Duration::from_secs(1))?.is_none() {}
        Ok(self.0.seen_us.saturating_sub(pressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_differ_line_by_line() {
        let (before, after) = (function(60, false), function(60, true));
        let changed = before.lines().zip(after.lines()).filter(|(a, b)| a != b).count();
        assert_eq!((changed, before.lines().count()), (20, after.lines().count()));
    }

    #[test]
    fn the_screen_says_when_a_turn_is_over_and_what_is_written() {
        let cases = [
            ("", false, None),
            ("> \nready · draft\n", true, Some(" ")),
            ("+ready\n> ab\nwriting… · fast", false, Some(" ab")),
            ("x on offer\n> a\n> b\nstopping…", false, Some(" b")),
            (">\n1 hunk on offer · fast\n\n", true, Some("")),
        ];
        for (screen, over, text) in cases {
            assert_eq!((is_over(screen), written(screen)), (over, text), "{screen:?}");
        }
    }

    #[test]
    fn cat_echoes() {
        let mut cat = Cat::open().unwrap();
        assert!(cat.echo().unwrap() < 20_000_000);
    }
}
