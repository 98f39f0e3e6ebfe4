//! What a person does in the live client.

use crate::house::{House, REGION, SHOP};
use crate::{client, say};
use brisk_testkit::{Act, Reply};

fn edited() -> String {
    SHOP.replace("item[\"price\"]\n", "item[\"price\"] * item[\"quantity\"]\n")
}

/// Both functions of the shop changed: two hunks.
fn both() -> String {
    edited().replace("return [item[\"name\"] for", "return [item[\"title\"] for")
}

fn halves() -> (&'static str, &'static str) {
    REGION.split_at(REGION.find("    return").unwrap())
}

#[test]
fn an_edit_streams_and_is_kept_undone_and_redone() {
    let house = House::new();
    let (first, then) = halves();
    house.answers_in_two(first, then);
    let mut terminal = client(&house, 100, 24, &[]);
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("shop.py:1-5 (symbol subtotal)");
    terminal.shows("+        total += item[\"price\"] * item[\"quantity\"]");
    assert_eq!(house.file("shop.py"), SHOP);
    house.server.open("more");
    terminal.shows("1 hunk on offer");
    terminal.shows("Enter keep \u{b7} x reject");
    terminal.press("\r");
    terminal.shows("kept 1 hunk (+1 -1)");
    assert_eq!(house.file("shop.py"), edited());
    terminal.press("u");
    terminal.shows("undone: multiply @shop.py:subtotal (shop.py)");
    assert_eq!(house.file("shop.py"), SHOP);
    terminal.press("r");
    terminal.shows("redone: multiply @shop.py:subtotal (shop.py)");
    assert_eq!(house.file("shop.py"), edited());
    // Not the command `u`, but a word that begins with it.
    terminal.press("use it");
    terminal.shows("> use it");
    terminal.press("\x15");
    terminal.shows("> what to change?");
    assert_eq!(house.file("shop.py"), edited());
    terminal.press("\x04");
    let (screen, code) = terminal.ends();
    assert_eq!(code, 0);
    // The pane is gone, what happened stays.
    assert!(
        screen.contains("shop.py:4 kept") && !screen.contains("ready"),
        "{screen}"
    );
}

#[test]
fn one_hunk_of_two_is_rejected() {
    let house = House::new();
    house.answers(&both());
    let mut terminal = client(&house, 100, 30, &[]);
    say(&mut terminal, "two things in @shop.py:1-9");
    terminal.shows("2 hunks on offer");
    terminal.press("j");
    terminal.shows("\u{25b6} @@ shop.py:9");
    terminal.press("n");
    terminal.shows("rejected 1 hunk");
    terminal.shows("1 hunk on offer");
    terminal.press("y");
    terminal.shows("kept 1 hunk");
    assert_eq!(house.file("shop.py"), edited());
}

#[test]
fn a_prompt_during_the_stream_redirects_it() {
    let house = House::new();
    let (first, then) = halves();
    house.answers_in_two(first, then);
    house.answers(REGION);
    let mut terminal = client(&house, 100, 24, &[]);
    say(&mut terminal, "add @shop.py:subtotal");
    terminal.shows("writing\u{2026}");
    say(&mut terminal, "no, multiply");
    terminal.shows("redirected");
    terminal.shows("\u{203a} no, multiply");
    terminal.shows("1 hunk on offer");
    terminal.press("\r");
    terminal.shows("kept 1 hunk");
    assert_eq!(house.file("shop.py"), edited());
}

#[test]
fn esc_stops_the_model_and_loses_nothing() {
    let house = House::new();
    let (first, then) = halves();
    house.answers_in_two(first, then);
    let mut terminal = client(&house, 100, 24, &[]);
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("writing\u{2026}");
    terminal.press("half a thought");
    terminal.shows("> half a thought");
    terminal.press("\x1b");
    let screen = terminal.shows("stopped");
    assert!(screen.contains("> half a thought"), "{screen}");
    house.server.wait_gone(1).unwrap();
    assert_eq!(house.file("shop.py"), SHOP);
    // Gone without a word, and back at the next start.
    terminal.press("\x15");
    terminal.press("unsent");
    terminal.shows("> unsent");
    terminal.signal(rustix::process::Signal::TERM);
    assert_eq!(terminal.ends().1, 130);
    let mut terminal = client(&house, 100, 24, &[]);
    terminal.shows("> unsent");
}

#[test]
fn queued_prompts_follow_and_places_are_completed() {
    let house = House::new();
    let (first, then) = halves();
    house.answers_in_two(first, then);
    house.answers("def names(items):\n    return sorted(item[\"name\"] for item in items)\n");
    let mut terminal = client(&house, 100, 24, &[]);
    terminal.press("multiply @shp");
    terminal.shows(" @shop.py");
    terminal.press("\t\x7f:sub");
    terminal.shows("@shop.py:subtotal  subtotal, lines 1-5");
    terminal.press("\t");
    terminal.shows("> multiply @shop.py:subtotal");
    terminal.press("\r");
    terminal.shows("writing\u{2026}");
    terminal.press("sort @shop.py:names \t");
    terminal.shows("\u{21b3} sort @shop.py:names");
    house.server.open("more");
    terminal.shows("2 hunks on offer");
    terminal.press("\r");
    terminal.shows("kept 2 hunks");
    assert!(house.file("shop.py").contains("sorted(") && house.file("shop.py").contains("quantity"));
}

#[test]
fn a_hunk_is_edited_in_the_persons_editor() {
    let house = House::new();
    house.answers(REGION);
    let mut terminal = client(&house, 100, 24, &[]);
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("1 hunk on offer");
    terminal.press("e");
    terminal.shows("item[\"amount\"]");
    terminal.press("\r");
    terminal.shows("kept 1 hunk");
    assert_eq!(house.file("shop.py"), edited().replace("quantity", "amount"));
}

#[test]
fn a_narrow_window_holds_it_all() {
    let house = House::new();
    house.answers(REGION);
    let mut terminal = client(&house, 100, 24, &[]);
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("1 hunk on offer");
    terminal.resize(60, 20);
    let screen = terminal.until("the narrow pane", |s| {
        s.contains("Enter keep")
            && s.lines()
                .any(|l| l.starts_with("1 hunk on offer") && l.chars().count() <= 60)
    });
    assert!(screen.contains("@@ shop.py:4"), "{screen}");
    terminal.resize(20, 6);
    terminal.shows("1 hunk on offer");
    terminal.press("\r");
    terminal.until("kept", |s| s.contains("kept 1 hunk"));
    assert_eq!(house.file("shop.py"), edited());
}

#[test]
fn a_question_is_answered_in_words() {
    let house = House::new();
    house.server.reply(Reply::stream(vec![
        Act::text("It adds up\nthe pri"),
        Act::gate("more"),
        Act::text("ces of all of the items that the person has put into the cart, and nothing else.\n"),
        Act::stop(),
        Act::Done,
    ]));
    let mut terminal = client(&house, 60, 24, &[]);
    say(&mut terminal, "/ask what is @shop.py:subtotal for?");
    terminal.shows("It adds up\nthe pri");
    house.server.open("more");
    // Rows end at spaces.
    terminal.shows(
        "\nthe prices of all of the items that the person has put into\nthe cart, and nothing else.\n",
    );
    terminal.shows("ready");
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn a_follow_up_stays_at_its_place_and_a_model_reads_no_raw_mention() {
    let house = House::new();
    house.answers(REGION);
    house.answers(&REGION.replace("return total", "return round(total)"));
    house.answers("def names(items):\n    return sorted(item[\"name\"] for item in items)\n");
    let mut terminal = client(&house, 100, 30, &[]);
    say(&mut terminal, "multiply them, please @shop.py:subtotal");
    terminal.shows("\u{203a} multiply them, please @shop.py:subtotal");
    terminal.shows("1 hunk on offer");
    // The key that begins to write, and words that name nothing, at once.
    terminal.press("inow round it to cents");
    terminal.shows("> now round it to cents");
    terminal.press("\r");
    terminal.shows("place: shop.py:1-5 (as before; symbol subtotal)");
    terminal.shows("withdrawn: a newer hunk changes the same lines");
    terminal.shows("+    return round(total)");
    let asked = house.server.wait_request(2).unwrap();
    assert!(asked.body.to_string().contains("def subtotal"), "{}", asked.body);
    // A name in it is another place.
    terminal.press("\r");
    terminal.shows("kept 1 hunk (+2 -2)");
    assert!(house.file("shop.py").contains("quantity") && house.file("shop.py").contains("round(total)"));
    say(&mut terminal, "the same in names");
    terminal.shows("1 hunk on offer");
    let screen = terminal.shows("@@ shop.py:9");
    assert!(
        screen.contains("(named by the request; symbol names)"),
        "{screen}"
    );
    for request in house.server.requests() {
        assert!(
            !request.body.to_string().contains("shop.py:subtotal"),
            "{}",
            request.body
        );
    }
}

#[test]
fn what_the_row_offers_is_done_in_a_session_that_goes_on() {
    let house = House::new();
    house.answers(REGION);
    let mut terminal = client(&house, 100, 24, &[]);
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("1 hunk on offer");
    terminal.press("\r");
    terminal.shows("> what to change? u undoes");
    // A command is no text.
    say(&mut terminal, "/verify");
    terminal.shows("brisk verify --accept");
    terminal.shows("> what to change? u undoes");
    // Ctrl-C clears, and leaves at the second time; what it cleared is back.
    terminal.press("half a thought");
    terminal.shows("> half a thought");
    terminal.press("\x03");
    terminal.shows("Ctrl-C again leaves");
    terminal.press("\x03");
    assert_eq!(terminal.ends().1, 0);
    let mut terminal = client(&house, 100, 24, &["--continue"]);
    terminal.shows("> half a thought");
    terminal.press("\x03");
    terminal.shows("> what to change? u undoes");
    terminal.press("u");
    terminal.shows("undone: multiply @shop.py:subtotal");
    assert_eq!(house.file("shop.py"), SHOP);
}
