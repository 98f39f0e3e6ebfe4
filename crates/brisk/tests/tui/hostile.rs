//! Input that nobody hopes for.

use crate::house::{House, REGION};
use crate::{client, say};
use brisk_testkit::{Act, Reply};

#[test]
fn ten_megabytes_are_pasted_and_keys_still_work() {
    let house = House::new();
    let mut terminal = client(&house, 100, 24, &[]);
    let line = "a line of a large paste\n";
    let lines = 10_000_000 / line.len();
    terminal.press(&format!("\x1b[200~{}\x1b[201~!", line.repeat(lines)));
    terminal.shows(&format!("> [pasted {} lines]!", lines + 1));
    terminal.press("\x7f\x7fok");
    terminal.shows("> ok");
}

#[test]
fn what_a_model_writes_cannot_control_the_terminal() {
    let house = House::new();
    let hostile = REGION.replace(
        "* item[\"quantity\"]",
        "* 2  # \x1b]0;owned\x07\x1b[2J \u{202e}hidden\u{200b}",
    );
    house.answers(&hostile);
    let mut terminal = client(&house, 100, 24, &[]);
    say(&mut terminal, "multiply @shop.py:subtotal");
    let screen = terminal.shows("<U+202E>hidden<U+200B>");
    assert!(screen.contains("\u{241b}]0;owned\u{2407}\u{241b}[2J"), "{screen}");
    assert!(
        screen.contains("\u{203a} multiply"),
        "the screen was not cleared: {screen}"
    );
    terminal.shows("1 hunk on offer");
}

#[test]
fn a_flood_of_text_does_not_hold_up_a_key() {
    let house = House::new();
    // No line twice: a model that repeats itself is stopped by the session.
    let text = (0..40_000).map(|n| format!("line {n}\n")).collect::<String>();
    let acts = vec![
        Act::Rate {
            text,
            per_s: 10_000.0,
        },
        Act::Hang,
    ];
    house.server.reply(Reply::stream(acts));
    let mut terminal = client(&house, 100, 24, &[]);
    say(&mut terminal, "/ask what does @shop.py do?");
    terminal.until("much text", |s| s.matches("\nline ").count() > 10);
    terminal.press("still here");
    terminal.shows("> still here");
    terminal.press("\x1b");
    terminal.shows("stopped");
    house.server.wait_gone(1).unwrap();
}
