//! What the ledger says, checks and delegated work, from the live client.

use crate::house::{House, REGION, SHOP};
use crate::jobs_house::{self, WRONG, right};
use crate::terminal::Terminal;
use crate::{client, say};
use brisk_testkit::{Act, Reply};

/// Passes once the quantity is in the file.
const POLICY: &str =
    "[verify.checks.unit]\nrun = [\"grep\", \"-n\", \"quantity\", \"shop.py\"]\nparse = \"exit\"\n";

const ENV: [(&str, &str); 2] = [("NO_COLOR", "1"), ("PATH", "/usr/local/bin:/usr/bin:/bin")];

/// A house in which a person has confirmed this policy.
fn confirmed(policy: &str) -> House {
    let house = House::new();
    house.write("brisk.toml", policy);
    let args = ["verify", "--accept"];
    let mut terminal = Terminal::open(house.home.path(), house.repo.path(), 100, 24, &args, &ENV);
    terminal.shows("confirm it?");
    terminal.press("y\n");
    assert_eq!(terminal.ends().1, 0);
    house
}

/// Waits for the last row to end so.
#[track_caller]
fn stands(terminal: &mut Terminal, state: &str) {
    terminal.until(state, |screen| {
        let last = screen.trim_end().lines().next_back().unwrap_or_default();
        last.split(" \u{b7} ")
            .any(|part| part.split(", ").next() == Some(state))
    });
}

#[test]
fn the_last_row_says_what_the_ledger_says() {
    let house = confirmed(POLICY);
    house.answers(REGION);
    let mut terminal = client(&house, 100, 30, &[]);
    stands(&mut terminal, "draft");
    terminal.press("/verify \r");
    terminal.shows("unit: failed");
    terminal.shows("failed (unit: ");
    stands(&mut terminal, "failed");
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("1 hunk on offer");
    stands(&mut terminal, "failed");
    terminal.press("\r");
    terminal.shows("u takes it back, v verifies");
    stands(&mut terminal, "draft");
    terminal.press("v");
    terminal.shows("unit: passed");
    terminal.shows("verified (1 check: unit)");
    stands(&mut terminal, "verified");
    // The person's own hand, elsewhere.
    let kept = house.file("shop.py");
    house.write("shop.py", format!("{kept}# by hand\n"));
    stands(&mut terminal, "draft");
    house.write("shop.py", &kept);
    stands(&mut terminal, "verified");
    // Also a new file, in a folder that was not there.
    std::fs::create_dir(house.repo.path().join("more")).unwrap();
    house.write("more/new.py", "x = 1\n");
    stands(&mut terminal, "draft");
    std::fs::remove_dir_all(house.repo.path().join("more")).unwrap();
    stands(&mut terminal, "verified");
    terminal.press("u");
    terminal.shows("undone: ");
    stands(&mut terminal, "failed");
    terminal.press("r");
    terminal.shows("redone: ");
    stands(&mut terminal, "verified");
    // The same words as the command's, from the same place.
    let said = house.ends(0, &["status"]);
    assert!(said.contains("verified (1 check: unit)"), "{said}");
    assert_eq!(house.file("shop.py"), kept);
}

#[test]
fn checks_that_run_elsewhere_are_seen_too() {
    let house = confirmed(POLICY);
    house.write("shop.py", format!("{SHOP}# quantity\n"));
    let mut terminal = client(&house, 60, 24, &[]);
    stands(&mut terminal, "draft");
    house.ends(0, &["verify"]);
    stands(&mut terminal, "verified");
}

#[test]
fn a_tree_that_cannot_be_taken_is_looked_at_again() {
    let house = confirmed(POLICY);
    // A filter has git asked, which cannot read its index.
    house.write(".gitattributes", "shop.py text\n");
    let index = house.repo.path().join(".git/index");
    std::fs::write(&index, "no index").unwrap();
    let said = house.ends(0, &["status"]);
    assert!(
        said.contains("; `git status` says what is wrong with it"),
        "{said}"
    );
    let mut terminal = client(&house, 100, 24, &[]);
    stands(&mut terminal, "unknown");
    std::fs::remove_file(&index).unwrap();
    stands(&mut terminal, "draft");
}

#[test]
fn a_turn_that_hangs_or_waits_hides_no_edit_by_hand() {
    let house = confirmed(POLICY);
    house.write("shop.py", format!("{SHOP}# quantity\n"));
    house.ends(0, &["verify"]);
    let mut terminal = client(&house, 100, 30, &[]);
    stands(&mut terminal, "verified");
    house.server.reply(Reply::stream(vec![Act::Hang]));
    say(&mut terminal, "multiply @shop.py:subtotal");
    house.server.wait_request(1).unwrap();
    house.write("more.py", "x = 1\n");
    stands(&mut terminal, "draft");
    let more = house.repo.path().join("more.py");
    std::fs::remove_file(&more).unwrap();
    terminal.press("\x1b");
    terminal.shows("stopped");
    stands(&mut terminal, "verified");
    // At its budget a turn waits for the person: then somebody looks as ever.
    let long: String = (0..100).map(|n| format!("    total = {n}\n")).collect();
    house.answers(&format!("def subtotal(items):\n{long}    return total\n"));
    terminal.press("\x15");
    say(&mut terminal, "count @shop.py:subtotal");
    terminal.shows("the budget is 80");
    house.write("more.py", "x = 1\n");
    stands(&mut terminal, "draft");
    std::fs::remove_file(&more).unwrap();
    stands(&mut terminal, "verified");
    terminal.press("\x1b");
    terminal.shows("stopped");
}

#[test]
fn esc_stops_the_checks_and_nothing_is_said_of_the_tree() {
    let house = confirmed("[verify.checks.unit]\nrun = [\"sleep\", \"600\"]\nparse = \"exit\"\n");
    let mut terminal = client(&house, 100, 24, &[]);
    terminal.press("/verify \r");
    terminal.shows("unit runs\u{2026} Esc stops them");
    stands(&mut terminal, "verifying");
    terminal.press("\x1b");
    terminal.shows("the checks were stopped");
    stands(&mut terminal, "draft");
    let said = house.ends(0, &["status"]);
    assert!(said.contains(": draft\n"), "{said}");
    // A client that goes takes its checks with it.
    terminal.press("/verify \r");
    stands(&mut terminal, "verifying");
    terminal.press("\x04");
    assert_eq!(terminal.ends().1, 0);
    let mut terminal = client(&house, 100, 24, &[]);
    stands(&mut terminal, "draft");
}

#[test]
fn without_a_policy_it_says_how_to_confirm_one() {
    let house = House::new();
    let mut terminal = client(&house, 100, 24, &[]);
    terminal.press("/verify \r");
    terminal.shows("no policy was confirmed here");
    terminal.shows("brisk verify --accept");
    terminal.press("/delegate fix it\r");
    terminal.shows("not handed over: no policy was confirmed here");
    terminal.shows("> fix it");
}

/// The live client where work can be handed over.
fn brain(house: &jobs_house::House) -> Terminal {
    let mut terminal = Terminal::open(house.home.path(), &house.repo, 110, 30, &[], &ENV);
    terminal.shows("ready");
    terminal
}

#[test]
fn work_is_handed_over_counted_and_told_when_it_is_done() {
    let house = jobs_house::House::new(&["m"]);
    house.says(0, &right());
    let mut terminal = brain(&house);
    terminal.press("/delegate make the tests pass @shop.py \r");
    terminal.shows("handed over as j1 to m");
    terminal.shows("j1 is ready (2 lines): make the tests pass");
    terminal.shows("jobs: 1 ready");
    terminal.press("/jobs\r");
    terminal.shows("1/1 over  make the tests pass");
    // Nothing is in the worktree before somebody asks for it.
    assert_eq!(house.file("shop.py"), WRONG);
    house.ends(0, &["jobs", "merge", "j1"]);
    stands(&mut terminal, "verified");
    terminal.until("no jobs", |s| !s.contains("jobs: "));
}

#[test]
fn a_turn_that_runs_is_given_to_the_brain() {
    let house = jobs_house::House::new(&["m"]);
    house.hangs(0);
    house.says(0, &right());
    let mut terminal = brain(&house);
    say(&mut terminal, "make the tests pass @shop.py:total");
    house.servers[0].wait_request(1).unwrap();
    terminal.press("\x07");
    terminal.shows("handed over as j1 to m");
    terminal.shows("stopped");
    house.servers[0].wait_gone(1).unwrap();
    terminal.shows("j1 is ready");
    let asked = house.servers[0].wait_request(2).unwrap().body.to_string();
    assert!(
        asked.contains("make the tests pass") && asked.contains("shop.py"),
        "{asked}"
    );
}

#[test]
fn lane_model_and_latency_are_chosen_and_shown() {
    let house = House::new();
    house.answers(REGION);
    let mut terminal = client(&house, 110, 24, &[]);
    terminal.press("/lane fast\r");
    terminal.shows("lane: fast");
    terminal.press("/latency relaxed\r");
    terminal.shows("latency: relaxed");
    terminal.shows("lane fast, relaxed");
    terminal.press("/model fake\r");
    terminal.shows("model: fake");
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("1 hunk on offer");
    terminal.press("\r");
    terminal.shows("kept 1 hunk");
    terminal.press("/lane nowhere\r");
    terminal.shows("/lane [NAME]: ");
}

#[test]
fn a_quota_is_shown_where_there_is_one() {
    let house = House::new();
    std::fs::write(
        house.home.path().join("policy.toml"),
        "[lanes.fast]\nquota = { requests_per_min = 4 }\n",
    )
    .unwrap();
    house.answers(REGION);
    let mut terminal = client(&house, 110, 24, &[]);
    terminal.shows("quota 100 %");
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("1 hunk on offer");
    terminal.shows("quota 75 %");
    terminal.press("/status\r");
    terminal.shows("quota of the fast lane: 3 of 4 requests left this minute");
}
