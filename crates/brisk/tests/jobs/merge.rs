//! Merging over what the person did meanwhile: verified anew, or shown, never guessed.

use crate::house::{House, WRONG, requests, right};

fn ready() -> House {
    let house = House::new(&["m"]);
    house.says(0, &requests("read shop.py"));
    house.says(0, &right());
    house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
    house
}

#[test]
fn an_edit_elsewhere_is_kept_and_both_are_verified_together() {
    let house = ready();
    let mine = WRONG.replace("    return found\n", "    return list(found)\n");
    house.write("shop.py", &mine);
    let said = house.ends(0, &["jobs", "merge", "j1"]);
    assert!(said.contains("verifying what both come to"), "{said}");
    assert_eq!(house.file("shop.py"), mine.replace(" + 1", ""));
    assert!(house.ends(0, &["status"]).contains("verified"));
    house.ends(0, &["undo"]);
    assert_eq!(house.file("shop.py"), mine);
}

#[test]
fn a_repository_that_lost_trust_gets_nothing_until_it_is_trusted_again() {
    let house = ready();
    let stale = ".brisk/policy.toml";
    house.ends(0, &["trust", "remove"]);
    let never = house.ends(17, &["jobs", "merge", "j1"]);
    house.accept();
    house.write(stale, "[models.m]\nquality = 1\n");
    let changed = house.ends(17, &["jobs", "merge", "j1"]);
    for (said, want) in [
        (never, "nobody said that this repository is trusted"),
        (changed, ".brisk/policy.toml changed since"),
    ] {
        assert!(
            said.contains(want) && said.contains("`brisk trust add`") && said.contains("j1 stays ready"),
            "{said}"
        );
    }
    assert_eq!(house.file("shop.py"), WRONG);
    // As it was when it was trusted.
    std::fs::remove_file(house.repo.join(stale)).unwrap();
    house.ends(0, &["jobs", "merge", "j1"]);
    assert_eq!(house.file("shop.py"), WRONG.replace(" + 1", ""));
}

#[test]
fn the_same_lines_are_shown_and_nothing_is_written() {
    let house = ready();
    let mine = WRONG.replace("sum(items) + 1", "len(items)");
    house.write("shop.py", &mine);
    let said = house.ends(6, &["jobs", "merge", "j1"]);
    assert!(
        said.contains("shop.py") && said.contains("+    return sum(items)"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), mine);
    // With the person's own change taken back it still can be merged.
    house.write("shop.py", WRONG);
    house.ends(0, &["jobs", "merge", "j1"]);
}

#[test]
fn what_does_not_pass_together_is_not_merged() {
    let house = ready();
    let mine = WRONG.replace("    return found\n", "    return []\n");
    house.write("shop.py", &mine);
    let said = house.ends(14, &["jobs", "merge", "j1"]);
    assert!(
        said.contains("with what you have here it does not pass"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), mine);
}

#[test]
fn work_on_a_draft_begins_with_what_is_not_committed_and_only_then() {
    for (with, flag) in [(true, "--with-draft"), (false, "--base=HEAD")] {
        let house = House::new(&["m"]);
        house.write("shop.py", &format!("# mine\n{WRONG}"));
        house.says(0, &requests("read shop.py"));
        house.says(0, &right());
        house.ends(0, &["delegate", "make the tests pass", "--wait", flag]);
        let second = house.servers[0].wait_request(2).unwrap().body.to_string();
        assert_eq!(second.contains("# mine"), with, "{second}");
        house.ends(0, &["jobs", "merge", "j1"]);
        assert_eq!(
            house.file("shop.py"),
            format!("# mine\n{}", WRONG.replace(" + 1", ""))
        );
    }
}
