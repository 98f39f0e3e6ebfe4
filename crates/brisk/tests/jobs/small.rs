//! Small models: code picks the place, the model rewrites it, and what does not help is taken back.

use crate::house::{House, WRONG};
use serde_json::json;

/// A house whose model rewrites places.
fn small() -> House {
    let house = House::new(&["m"]);
    let config = house.home.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("search_replace", "region")).unwrap();
    house
}

#[test]
fn a_small_model_is_given_the_place_and_what_fails_and_tries_again() {
    let house = small();
    let wrong = WRONG.replace("+ 1", "+ 2");
    house.says(0, &wrong);
    house.says(0, &WRONG.replace(" + 1", ""));
    let said = house.ends(0, &["delegate", "make the tests pass", "--wait"]);
    assert!(said.contains("j1 ready"), "{said}");
    let first = house.servers[0].wait_request(1).unwrap().body.to_string();
    assert!(
        first.contains("is to be rewritten") && first.contains("self.assertEqual(total([1, 2]), 3)"),
        "{first}"
    );
    let second = house.servers[0].wait_request(2).unwrap().body.to_string();
    assert!(second.contains("An earlier change was wrong"), "{second}");
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    assert_eq!(job["state"]["size"]["lines"], json!(2));
    house.ends(0, &["jobs", "merge", "j1"]);
    assert_eq!(house.file("shop.py"), WRONG.replace(" + 1", ""));
}

#[test]
fn a_small_model_that_copies_fails_honestly_and_soon() {
    let house = small();
    house.servers[0].script(brisk_testkit::server::Script {
        replies: vec![],
        otherwise: Some(brisk_testkit::Reply::text(WRONG)),
    });
    let said = house.ends(26, &["delegate", "make the tests pass", "--wait"]);
    assert!(
        said.contains("j1 failed") && said.contains("answers in a row changed nothing"),
        "{said}"
    );
    assert!(house.servers[0].requests().len() <= 10);
}

#[test]
fn a_killed_daemon_goes_on_with_a_small_model_where_it_was() {
    let house = small();
    house.says(0, &WRONG.replace("+ 1", "+ 2"));
    house.hangs(0);
    house.says(0, &WRONG.replace(" + 1", ""));
    house.ends(0, &["delegate", "make the tests pass"]);
    let before = house.servers[0].wait_request(2).unwrap();
    assert!(house.kill_daemon());
    assert!(house.ends(0, &["jobs", "watch", "j1"]).contains("j1 ready"));
    let after = house.servers[0].wait_request(3).unwrap();
    assert_eq!(after.body["messages"], before.body["messages"]);
}
