//! The live client on a pseudo terminal, with the real daemon and a model that says what the test wants.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../cli/fake.rs"]
#[allow(dead_code, reason = "shared with the tests of the commands")]
mod fake;
mod gate;
mod hostile;
#[path = "../whole/house.rs"]
#[allow(dead_code, reason = "shared with the tests of the whole product")]
mod house;
#[path = "../jobs/house.rs"]
#[allow(dead_code, reason = "shared with the tests of delegated work")]
mod jobs_house;
mod sessions;
#[path = "../cli/terminal.rs"]
#[allow(dead_code, reason = "shared with the tests of the commands")]
mod terminal;
mod turns;

use house::House;
use terminal::Terminal;

/// The live client in the house's repository.
fn client(house: &House, columns: u16, rows: u16, args: &[&str]) -> Terminal {
    let env = [("NO_COLOR", "1"), ("EDITOR", "sed -i s/quantity/amount/")];
    let env = [&env[..], &[("PATH", "/usr/local/bin:/usr/bin:/bin")]].concat();
    let mut terminal = Terminal::open(house.home.path(), house.repo.path(), columns, rows, args, &env);
    terminal.shows("ready");
    terminal
}

/// Types a text and waits until it is seen, then presses Enter.
#[track_caller]
fn say(terminal: &mut Terminal, text: &str) {
    terminal.press(text);
    terminal.shows(&format!("> {text}"));
    terminal.press("\r");
}
