//! Models that do not do their work, and tasks that cannot be taken in.

use crate::house::{House, TESTS, edit, requests};
use brisk_testkit::Reply;
use brisk_testkit::server::Script;

#[test]
fn a_model_that_claims_success_gets_none() {
    let house = House::new(&["m"]);
    house.servers[0].script(Script {
        replies: vec![],
        otherwise: Some(Reply::text("Done! I ran the tests and they pass.")),
    });
    let said = house.ends(26, &["delegate", "make the tests pass", "--wait"]);
    assert!(
        said.contains("j1 failed") && said.contains("led nowhere"),
        "{said}"
    );
    assert!(house.servers[0].requests().len() < 6);
    assert!(
        house
            .ends(4, &["jobs", "diff", "j1"])
            .contains("no change that counts")
    );
}

#[test]
fn tests_that_are_bent_until_they_pass_prove_nothing() {
    let house = House::new(&["m"]);
    house.says(0, &requests("read test_shop.py"));
    house.says(
        0,
        &edit(
            "test_shop.py",
            "        self.assertEqual(total([1, 2]), 3)\n",
            "        pass\n",
        ),
    );
    let said = house.ends(
        26,
        &["delegate", "make the tests pass", "--rounds", "1", "--wait"],
    );
    assert!(
        said.contains("not proven after 1 round of checks: unit: test_shop.py"),
        "{said}"
    );
    assert_eq!(house.file("test_shop.py"), TESTS);
    // The best partial change is kept to be looked at.
    assert!(house.ends(0, &["jobs", "diff", "j1"]).contains("+        pass"));
}

#[test]
fn what_cannot_be_taken_in_is_refused_before_anything_starts() {
    let house = House::new(&["m"]);
    for (exit, args, want) in [
        (
            5,
            &["delegate", "x", "--models", "nobody"][..],
            "there is no model nobody",
        ),
        (4, &["delegate", "x", "gone.py"], "gone.py is not in the commit"),
        (
            4,
            &["delegate", "x", "--base", "nowhere"],
            "there is no commit nowhere",
        ),
        (2, &["delegate", " "], "say what is to be done"),
        (4, &["jobs", "show", "j7"], "there is no job j7"),
    ] {
        let said = house.ends(exit, args);
        assert!(said.contains(want), "{args:?}: {said}");
    }
    assert!(house.ends(0, &["jobs", "list"]).contains("nothing was delegated"));
    assert!(house.servers[0].requests().is_empty());

    let house = House::raw(&["m"]);
    let said = house.ends(17, &["delegate", "x"]);
    assert!(said.contains("brisk verify --accept"), "{said}");
}

#[test]
fn trust_that_is_taken_back_ends_the_work() {
    let house = House::new(&["m"]);
    let gated = vec![
        brisk_testkit::Act::gate("go"),
        brisk_testkit::Act::text(edit("new.py", "", "x = 1\n")),
        brisk_testkit::Act::stop(),
        brisk_testkit::Act::Done,
    ];
    house.servers[0].reply(Reply::stream(gated));
    house.ends(0, &["delegate", "add something"]);
    house.servers[0].wait_request(1).unwrap();
    house.ends(0, &["trust", "remove"]);
    house.servers[0].open("go");
    let said = house.ends(26, &["jobs", "watch", "j1"]);
    assert!(
        said.contains("nobody says now that this repository is trusted"),
        "{said}"
    );
    house.ends(17, &["delegate", "add something"]);

    // Trusted again, with another file than the one that is there.
    house.accept();
    house.write(".brisk/policy.toml", "[models.m]\nquality = 1\n");
    let said = house.ends(17, &["delegate", "add something"]);
    assert!(said.contains("stale: .brisk/policy.toml changed"), "{said}");
}

/// Whoever finds it damaged says so, once, and what is to be done.
#[test]
fn trust_that_was_damaged_is_said_to_be() {
    let house = House::new(&["m"]);
    house.kill_daemon();
    let path = house.home.path().join("state/trust.db");
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    std::fs::write(
        &path,
        "no database at all, and long enough to be looked at".repeat(99),
    )
    .unwrap();
    let show = || house.command(&["trust", "show"]).output().unwrap().stderr;
    let said = String::from_utf8(show()).unwrap();
    assert!(
        said.contains("what was said about trust was damaged") && said.contains("Next: `brisk trust add`"),
        "{said}"
    );
    let again = String::from_utf8(show()).unwrap();
    assert!(!again.contains("damaged"), "{again}");
}

#[test]
fn a_policy_that_is_not_confirmed_any_more_ends_the_work() {
    let house = House::new(&["m"]);
    let gated = vec![
        brisk_testkit::Act::gate("go"),
        brisk_testkit::Act::text(edit("new.py", "", "x = 1\n")),
        brisk_testkit::Act::stop(),
        brisk_testkit::Act::Done,
    ];
    house.servers[0].reply(Reply::stream(gated));
    house.ends(0, &["delegate", "add something"]);
    house.servers[0].wait_request(1).unwrap();
    house.write(
        "brisk.toml",
        "[verify.checks.unit]\nrun = [\"true\"]\nparse = \"exit\"\n",
    );
    house.git(&["commit", "-q", "-am", "weaker"]);
    house.servers[0].open("go");
    let said = house.ends(26, &["jobs", "watch", "j1"]);
    assert!(said.contains("nothing can be checked"), "{said}");
}

#[test]
fn a_folder_that_is_removed_by_hand_is_made_again() {
    let house = House::new(&["m"]);
    house.says(0, &requests("read shop.py"));
    house.says(
        0,
        &edit("shop.py", "    return sum(items) + 1\n", "    return 7\n"),
    );
    let gated = vec![
        brisk_testkit::Act::gate("go"),
        brisk_testkit::Act::text(edit("shop.py", "    return 7\n", "    return sum(items)\n")),
        brisk_testkit::Act::stop(),
        brisk_testkit::Act::Done,
    ];
    house.servers[0].reply(Reply::stream(gated));
    house.ends(0, &["delegate", "make the tests pass"]);
    house.servers[0].wait_request(3).unwrap();
    assert_eq!(house.folders(), 1);
    for repo in std::fs::read_dir(house.home.path().join("state/repos")).unwrap() {
        let _ = std::fs::remove_dir_all(repo.unwrap().path().join("attempts"));
    }
    house.servers[0].open("go");
    assert!(house.ends(0, &["jobs", "watch", "j1"]).contains("j1 ready"));
}
