//! Models without tools that ask for what there is not, write where nothing of theirs is, or go round in circles.

use crate::house::{House, edit, requests};
use brisk_testkit::Reply;
use brisk_testkit::server::Script;

#[test]
fn bad_words_are_told_and_come_to_an_end() {
    let house = House::new(&["m"]);
    // A way out of the repository that the repository itself holds.
    std::os::unix::fs::symlink("..", house.repo.join("out")).unwrap();
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "a link"]);
    let outside = house.repo.parent().unwrap();
    let absolute = outside.join("loot.py").to_string_lossy().into_owned();
    let before = house.persons();
    let cases = [
        (requests("launch the missiles"), "launch"),
        (requests("run rm -rf /"), "there is no check"),
        (requests("read ../../../etc/passwd"), "not a path inside"),
        (requests("read out/repo/shop.py"), "out/repo/shop.py"),
        (edit("../loot.py", "", "x = 1\n"), "not a path inside"),
        (edit(&absolute, "", "x = 1\n"), "not a path inside"),
        (edit("out/loot.py", "", "x = 1\n"), "out"),
        (edit(".git/hooks/pre-commit", "", "#!/bin/sh\n"), ".git"),
        (edit("shop.py", "what was never there\n", "x = 1\n"), "shop.py"),
    ];
    for (n, (answer, want)) in (1..).zip(cases) {
        house.servers[0].script(Script {
            replies: vec![],
            otherwise: Some(Reply::text(&answer)),
        });
        let asked = house.servers[0].requests().len();
        let said = house.ends(26, &["delegate", "make the tests pass", "--wait"]);
        assert!(said.contains("answers in a row led nowhere"), "{answer}: {said}");
        // Where only the whole tree shows that it cannot be, the checks say so once.
        let after = house.servers[0].requests().len();
        assert!((4..=5).contains(&(after - asked)), "{answer}: {}", after - asked);
        let second = house.servers[0].wait_request(asked + 2).unwrap().body;
        let told = second["messages"].as_array().unwrap().last().unwrap().to_string();
        assert!(told.contains(want), "{answer}: {told}");
        assert!(
            house
                .ends(4, &["jobs", "merge", &format!("j{n}")])
                .contains("only a job that is ready")
        );
    }
    assert_eq!(house.persons(), before);
    assert!(!outside.join("loot.py").exists());
    assert!(!house.repo.join(".git/hooks/pre-commit").exists());
}

/// Each answer is another one than the last, and none leads anywhere.
#[test]
fn a_model_that_goes_round_in_circles_is_stopped() {
    let house = House::new(&["m"]);
    let round = ["read shop.py", "read test_shop.py", "list"].map(|r| Reply::text(&requests(r)));
    house.servers[0].script(Script {
        replies: round.iter().cycle().take(60).cloned().collect(),
        otherwise: Some(Reply::text("I give up.")),
    });
    let said = house.ends(
        26,
        &["delegate", "make the tests pass", "--rounds", "1", "--wait"],
    );
    assert!(house.servers[0].requests().len() <= 9, "{said}");
}
