//! What is removed by hand while a job needs it, and who else wants to own it.

use crate::house::{House, WRONG, right};
use brisk_testkit::{Act, Reply};

/// A job whose only answer waits.
fn waiting() -> House {
    let house = House::new(&["m"]);
    let gated = vec![Act::gate("go"), Act::text(right()), Act::stop(), Act::Done];
    house.servers[0].reply(Reply::stream(gated));
    house.ends(0, &["delegate", "make the tests pass", "shop.py"]);
    house.servers[0].wait_request(1).unwrap();
    house
}

#[test]
fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let house = waiting();
    let first = house.last(0, "daemon", &["daemon", "status"])["pid"].clone();
    let said = house.ends(8, &["daemon", "run"]);
    assert!(
        said.contains("a daemon runs already; `brisk daemon status`"),
        "{said}"
    );
    assert_eq!(house.last(0, "daemon", &["daemon", "status"])["pid"], first);
    house.servers[0].open("go");
    assert!(house.ends(0, &["jobs", "watch", "j1"]).contains("j1 ready"));
    assert_eq!(house.servers[0].requests().len(), 1, "one owner");
}

#[test]
fn a_worktree_that_is_removed_by_hand_ends_the_work_and_nothing_else() {
    let house = waiting();
    let aside = house.repo.with_extension("aside");
    std::fs::rename(&house.repo, &aside).unwrap();
    std::fs::create_dir(&house.repo).unwrap();
    house.servers[0].open("go");
    let said = house.ends(26, &["jobs", "watch", "j1"]);
    assert!(
        said.contains("nothing can be checked: git cannot read") && said.contains("Next: `git status`"),
        "{said}"
    );
    // There again, it is as it was, and so is the work on it.
    std::fs::remove_dir_all(&house.repo).unwrap();
    std::fs::rename(&aside, &house.repo).unwrap();
    assert_eq!(house.file("shop.py"), WRONG);
    let diff = house.ends(0, &["jobs", "diff", "j1"]);
    assert!(diff.contains("+    return sum(items)\n"), "{diff}");
    house.says(0, &right());
    assert!(
        house
            .ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"])
            .contains("j2 ready")
    );
}

#[test]
fn a_place_for_attempts_that_cannot_be_used_is_named() {
    let house = waiting();
    for repo in std::fs::read_dir(house.home.path().join("state/repos")).unwrap() {
        let attempts = repo.unwrap().path().join("attempts");
        let _ = std::fs::remove_dir_all(&attempts);
        std::fs::write(attempts, "in the way").unwrap();
    }
    house.servers[0].open("go");
    let said = house.ends(26, &["jobs", "watch", "j1"]);
    assert!(
        said.contains("nothing can be checked") && said.contains("attempts"),
        "{said}"
    );
    let diff = house.ends(0, &["jobs", "diff", "j1"]);
    assert!(diff.contains("+    return sum(items)\n"), "{diff}");
}
