//! From the task to the merge, and what happens to a job when things end in the middle.

use crate::house::{House, WRONG, edit, requests, right};
use brisk_testkit::server::Script;
use brisk_testkit::{Act, Reply};
use serde_json::json;

#[test]
fn the_one_that_is_right_wins_by_evidence_and_undo_restores() {
    let house = House::new(&["liar", "broom", "right"]);
    house.servers[0].script(Script {
        replies: vec![],
        otherwise: Some(Reply::text(
            "I have fixed it. All tests pass now.\n```do\ndone\n```\n",
        )),
    });
    // One that rewrites all of it; what it makes passes too. It is proven before the right one is: else it would be
    // stopped, for it has grown too large to win.
    let all: String = (0..60).map(|n| format!("X{n} = {n}\n")).collect();
    house.says(1, &requests("read shop.py"));
    let new = format!("{all}{}", WRONG.replace(" + 1", ""));
    house.says(1, &edit("shop.py", WRONG, &new));
    house.says(2, &requests("list\nsearch total\nread shop.py"));
    house.servers[2].reply(Reply::stream(vec![
        Act::gate("last"),
        Act::text(right()),
        Act::stop(),
        Act::Done,
    ]));
    let before = house.persons();

    let mut news = house.start(&[
        "delegate",
        "make the tests pass",
        "-n",
        "3",
        "--models",
        "liar,broom,right",
        "--wait",
        "--json",
    ]);
    while news.next("job")["attempts"][1]["end"].is_null() {}
    house.servers[2].open("last");
    assert_eq!(news.finish(), Some(0));
    let said = house.ends(0, &["jobs", "show", "j1"]);
    for want in [
        "j1 ready",
        "a1 liar: 4 answers in a row led nowhere",
        "* a3 right: won: every check passes",
        "a2 broom: every check passes",
        "larger than the one that won",
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
    assert_eq!(house.persons(), before);
    assert_eq!(house.folders(), 0, "folders of attempts go with the job");
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    assert_eq!(job["state"]["state"], "ready");
    assert_eq!(
        (&job["state"]["winner"], &job["state"]["size"]["lines"]),
        (&json!(3), &json!(2))
    );
    assert!(!job["state"]["proof"]["lines"].as_array().unwrap().is_empty());
    let diff = house.ends(0, &["jobs", "diff", "j1"]);
    assert_eq!(
        diff,
        "diff --git a/shop.py b/shop.py\n--- a/shop.py\n+++ b/shop.py\n@@ -1,5 +1,5 @@\n def total(items):\n-    return sum(items) + 1\n+    return sum(items)\n \n \n def names(items):\n"
    );
    assert!(house.ends(0, &["jobs", "diff", "j1", "2"]).contains("+X59 = 59"));
    assert!(
        house
            .ends(0, &["jobs", "log", "j1", "1"])
            .contains("All tests pass now")
    );
    assert!(
        house
            .ends(0, &["jobs", "list"])
            .contains("ready     3/3 over  make the tests pass")
    );

    let merged = house.last(0, "merged", &["jobs", "merge", "j1"]);
    assert_eq!(merged["verified"], true);
    assert_eq!(house.file("shop.py"), WRONG.replace(" + 1", ""));
    // The evidence of the attempt is evidence about the worktree: nothing is run again.
    assert!(house.ends(0, &["status"]).contains("verified"));
    assert!(house.ends(4, &["jobs", "merge", "j1"]).contains("merged"));
    house.ends(0, &["undo"]);
    assert_eq!(house.persons()[..7], before[..7]);
}

#[test]
fn a_killed_daemon_goes_on_at_the_last_completed_step() {
    let house = House::new(&["m"]);
    house.says(0, &requests("read shop.py"));
    house.hangs(0);
    house.says(0, &right());
    house.ends(0, &["delegate", "make the tests pass"]);
    let before = house.servers[0].wait_request(2).unwrap();
    assert!(house.kill_daemon());
    let said = house.ends(0, &["jobs", "watch", "j1"]);
    assert!(said.contains("j1 ready"), "{said}");
    let after = house.servers[0].wait_request(3).unwrap();
    assert_eq!(
        after.body["messages"], before.body["messages"],
        "the same step, asked again"
    );
    assert_eq!(
        house.servers[0].requests().len(),
        3,
        "the first step was not done twice"
    );
    let log = house.ends(0, &["jobs", "log", "j1", "--json"]);
    let kinds: Vec<String> = log
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["step"]["step"].to_string())
        .collect();
    assert_eq!(kinds, ["\"said\"", "\"looked\"", "\"said\"", "\"checked\""]);
}

#[test]
fn a_daemon_that_is_told_to_go_leaves_its_jobs_for_the_next() {
    let house = House::new(&["m"]);
    house.hangs(0);
    house.says(0, &requests("read shop.py"));
    house.says(0, &right());
    house.ends(0, &["delegate", "make the tests pass"]);
    house.servers[0].wait_request(1).unwrap();
    house.ends(0, &["daemon", "stop"]);
    house.servers[0].wait_gone(1).unwrap();
    assert!(house.ends(0, &["jobs", "watch", "j1"]).contains("j1 ready"));
}

#[test]
fn a_cancelled_job_lets_its_model_go_and_stays_cancelled() {
    let house = House::new(&["m"]);
    house.hangs(0);
    house.ends(0, &["delegate", "make the tests pass"]);
    house.servers[0].wait_request(1).unwrap();
    house.ends(0, &["jobs", "steer", "j1", "only shop.py"]);
    house.ends(0, &["jobs", "cancel", "j1"]);
    house.servers[0].wait_gone(1).unwrap();
    assert!(
        house
            .ends(26, &["jobs", "watch", "j1"])
            .contains("it was cancelled")
    );
    assert!(house.ends(4, &["jobs", "cancel", "j1"]).contains("cancelled"));
    assert!(
        house
            .ends(4, &["jobs", "merge", "j1"])
            .contains("only a job that is ready")
    );
    assert!(house.kill_daemon());
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    assert_eq!(job["state"]["state"], "cancelled");
    let shown = house.ends(0, &["jobs", "show", "j1"]);
    assert!(shown.contains("a1 m: stopped where it was"), "{shown}");
    house.ends(0, &["jobs", "drop", "j1"]);
    assert_eq!(house.servers[0].requests().len(), 1);
}

#[test]
fn a_check_that_runs_is_ended_by_a_cancel() {
    let house = House::raw(&["m"]);
    // One that would outlast every patience.
    house.write(
        "brisk.toml",
        "[verify.checks.slow]\nrun = [\"sleep\", \"600\"]\nparse = \"exit\"\n",
    );
    house.git(&["commit", "-q", "-am", "slow"]);
    house.accept();
    house.says(0, &right());
    let mut news = house.start(&["delegate", "make the tests pass", "shop.py", "--wait", "--json"]);
    while news.next("job")["attempts"][0]["doing"] != "checks" {}
    house.ends(0, &["jobs", "cancel", "j1"]);
    assert_eq!(news.next("job")["state"]["state"], "cancelled");
    // The slot of checks is free again: another job gets as far as this one did, and ends as well.
    house.says(0, &right());
    let mut again = house.start(&["delegate", "once more", "shop.py", "--wait", "--json"]);
    while again.next("job")["attempts"][0]["doing"] != "checks" {}
    house.ends(0, &["jobs", "cancel", "j2"]);
    assert_eq!((news.finish(), again.finish()), (Some(26), Some(26)));
    house.ends(0, &["daemon", "stop"]);
}

#[test]
fn what_the_person_says_reaches_the_next_step() {
    let house = House::new(&["m"]);
    let gated = vec![
        Act::gate("said"),
        Act::text(requests("read shop.py")),
        Act::stop(),
        Act::Done,
    ];
    house.servers[0].reply(Reply::stream(gated));
    house.says(0, &right());
    house.ends(0, &["delegate", "make the tests pass"]);
    house.servers[0].wait_request(1).unwrap();
    house.ends(0, &["jobs", "steer", "j1", "keep names as it is"]);
    house.servers[0].open("said");
    house.ends(0, &["jobs", "watch", "j1"]);
    let second = house.servers[0].wait_request(2).unwrap().body.to_string();
    assert!(
        second.contains("The person says: keep names as it is"),
        "{second}"
    );
}

#[test]
fn killed_at_every_piece_of_news_a_job_is_neither_lost_nor_done_twice() {
    const KILLS: usize = 12;
    let house = House::new(&["m"]);
    // The same whenever it is asked: a question that was cut off is asked again.
    house.servers[0].script(Script {
        replies: vec![],
        otherwise: Some(Reply::text(&right())),
    });
    let args = [
        "delegate",
        "make the tests pass",
        "shop.py",
        "-n",
        "3",
        "--wait",
        "--json",
    ];
    let mut news = house.start(&args);
    let mut kills = 0;
    let end = loop {
        let job = news.next("job");
        if job["state"]["state"] != "open" {
            break job;
        }
        if kills < KILLS && house.kill_daemon() {
            kills += 1;
        }
    };
    assert_eq!((kills > 3, news.finish()), (true, Some(0)));
    assert_eq!(end["state"]["state"], "ready");
    for attempt in end["attempts"].as_array().unwrap() {
        assert_eq!(
            (&attempt["steps"], &attempt["end"]["end"]),
            (&json!(2), &json!("proven")),
            "{end}"
        );
    }
    assert_eq!(house.folders(), 0);
    house.ends(0, &["jobs", "merge", "j1"]);
    assert!(house.ends(0, &["status"]).contains("verified"));
}
