//! A job's life between its beginning and its end: put aside, bounded, and stopped where it is needless.

use crate::house::{House, WRONG, edit, requests, right};
use brisk_testkit::{Act, Reply};
use serde_json::json;

/// An answer whose end waits for a gate, after so many words.
fn long(words: usize) -> Reply {
    let mut acts = vec![Act::text("word ".repeat(words))];
    acts.extend([Act::gate("end"), Act::stop(), Act::Done]);
    Reply::stream(acts)
}

#[test]
fn a_job_that_is_put_aside_lets_its_model_go_and_goes_on_after_a_restart() {
    let house = House::new(&["m"]);
    house.says(0, &requests("read shop.py"));
    house.hangs(0);
    house.says(0, &right());
    house.ends(0, &["delegate", "make the tests pass"]);
    house.servers[0].wait_request(2).unwrap();
    house.ends(0, &["jobs", "pause", "j1"]);
    house.servers[0].wait_gone(2).unwrap();
    assert!(house.ends(0, &["jobs", "list"]).contains("paused"));
    // Words reach it there, too.
    house.ends(0, &["jobs", "steer", "j1", "keep names as it is"]);
    assert!(house.kill_daemon());
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    assert_eq!(
        (&job["paused"], &job["attempts"][0]["doing"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(house.servers[0].requests().len(), 2, "nobody goes on with it");
    house.ends(0, &["jobs", "resume", "j1"]);
    assert!(house.ends(0, &["jobs", "watch", "j1"]).contains("j1 ready"));
    let third = house.servers[0].wait_request(3).unwrap().body.to_string();
    assert!(third.contains("The person says: keep names as it is"), "{third}");
    for command in ["pause", "resume", "steer"] {
        let args: Vec<&str> = match command {
            "steer" => vec!["jobs", "steer", "j1", "x"],
            other => vec!["jobs", other, "j1"],
        };
        assert!(house.ends(4, &args).contains("j1 is ready"), "{command}");
    }
}

#[test]
fn a_budget_of_tokens_ends_a_stream_in_the_middle_and_is_told() {
    let house = House::new(&["m"]);
    house.servers[0].reply(long(20_000));
    let said = house.ends(
        26,
        &[
            "delegate",
            "make the tests pass",
            "--budget",
            "8k-tokens",
            "--wait",
        ],
    );
    assert!(
        said.contains("the job's budget of 8000 tokens is used up"),
        "{said}"
    );
    house.servers[0].wait_gone(1).unwrap();
    assert_eq!(house.servers[0].requests().len(), 1);
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    let took = job["spent"]["tokens"].as_u64().unwrap();
    assert!(took >= 8_000, "{took}");
    assert!(
        house
            .ends(0, &["jobs", "list"])
            .contains(&format!("{took} tokens of 8000"))
    );
}

#[test]
fn a_budget_holds_over_all_attempts_and_a_restart() {
    let house = House::new(&["a", "b"]);
    // What the first takes leaves nothing for the second, which only waits.
    house.servers[0].reply(Reply::stream(vec![
        Act::gate("both"),
        Act::text("word ".repeat(9_000)),
        Act::stop(),
        Act::Done,
    ]));
    house.hangs(1);
    house.ends(
        0,
        &[
            "delegate",
            "make the tests pass",
            "--models",
            "a,b",
            "--budget",
            "10k-tokens",
        ],
    );
    house.servers[1].wait_request(1).unwrap();
    house.servers[0].open("both");
    let watched = house.ends(26, &["jobs", "watch", "j1"]);
    assert!(watched.matches("used up").count() >= 2, "{watched}");
    house.servers[1].wait_gone(1).unwrap();
    assert_eq!(house.servers[0].requests().len(), 1, "no second question");
    assert!(house.kill_daemon());
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    assert!(job["spent"]["tokens"].as_u64().unwrap() >= 10_000, "{job}");
}

#[test]
fn a_budget_that_cannot_be_held_is_refused() {
    let house = House::new(&["m"]);
    for (exit, budget, want) in [
        (2, "lots", "write 20k-tokens, 0.50usd or 10min"),
        (2, "0.50usd", "the price of m is not known"),
    ] {
        let said = house.ends(exit, &["delegate", "x", "--budget", budget]);
        assert!(said.contains(want), "{budget}: {said}");
    }
    assert!(house.ends(0, &["jobs", "list"]).contains("nothing was delegated"));
}

#[test]
fn money_is_counted_by_the_price_that_the_person_gave() {
    let house = House::new(&["m"]);
    std::fs::write(
        house.home.path().join("policy.toml"),
        "[models.m]\nprice = { input = 1000.0, output = 1000.0 }\n",
    )
    .unwrap();
    house.servers[0].reply(long(9_000));
    let said = house.ends(
        26,
        &["delegate", "make the tests pass", "--budget", "4usd", "--wait"],
    );
    assert!(said.contains("the job's budget of $4.00 is used up"), "{said}");
}

#[test]
fn the_first_that_is_proven_ends_the_others_if_so_asked() {
    let house = House::new(&["right", "slow"]);
    house.says(0, &right());
    house.hangs(1);
    let said = house.ends(
        0,
        &[
            "delegate",
            "make the tests pass",
            "shop.py",
            "--models",
            "slow,right",
            "--first",
            "--wait",
        ],
    );
    assert!(
        said.contains("* a2 right: won") && said.contains("a1 slow: another attempt made it needless"),
        "{said}"
    );
    house.servers[1].wait_gone(1).unwrap();
}

#[test]
fn an_attempt_that_has_grown_larger_than_a_proven_one_is_stopped_and_its_diff_kept() {
    let house = House::new(&["broom", "right"]);
    let all: String = (0..30).map(|n| format!("X{n} = {n}\n")).collect();
    house.says(0, &edit("shop.py", WRONG, &format!("{all}{WRONG}")));
    house.hangs(0);
    let gated = vec![Act::gate("go"), Act::text(right()), Act::stop(), Act::Done];
    house.servers[1].reply(Reply::stream(gated));
    house.ends(
        0,
        &[
            "delegate",
            "make the tests pass",
            "shop.py",
            "--models",
            "broom,right",
        ],
    );
    house.servers[0].wait_request(2).unwrap();
    house.servers[1].open("go");
    let said = house.ends(0, &["jobs", "watch", "j1"]);
    assert!(
        said.contains("a1 broom: another attempt made it needless"),
        "{said}"
    );
    house.servers[0].wait_gone(2).unwrap();
    assert!(house.ends(0, &["jobs", "diff", "j1", "1"]).contains("+X29 = 29"));
}

/// One request at once for both lanes: while a person's edit has it, the job says so and waits, and goes on after.
#[test]
fn a_job_waits_for_an_edit_that_has_the_quota_and_says_so() {
    let house = House::new(&["m"]);
    std::fs::write(
        house.home.path().join("policy.toml"),
        "[models.m]\nquota = { concurrent = 1 }\n",
    )
    .unwrap();
    house.servers[0].reply(Reply::stream(vec![
        Act::text("So:\n"),
        Act::gate("edit"),
        Act::text(right()),
        Act::stop(),
        Act::Done,
    ]));
    let gated = vec![Act::gate("job"), Act::text(right()), Act::stop(), Act::Done];
    house.servers[0].reply(Reply::stream(gated));
    let editing = house.start(&["edit", "add them up", "shop.py", "--json"]);
    house.servers[0].wait_request(1).unwrap();
    let mut news = house.start(&["delegate", "make the tests pass", "shop.py", "--wait", "--json"]);
    let doing = |job: &serde_json::Value| {
        job["attempts"][0]["doing"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let paused = loop {
        let job = news.next("job");
        assert_eq!(job["state"]["state"], "open", "{job}");
        if doing(&job).starts_with("paused for you") {
            break doing(&job);
        }
    };
    assert!(paused.contains("requests at once are used up"), "{paused}");
    assert!(
        house
            .ends(0, &["jobs", "show", "j1"])
            .contains("a1 m: paused for you")
    );
    assert_eq!(house.servers[0].requests().len(), 1, "nothing is asked meanwhile");
    house.servers[0].open("edit");
    // What is offered and not kept: no terminal is there.
    assert_eq!(editing.finish(), Some(11));
    while doing(&news.next("job")) != "asks m" {}
    house.servers[0].open("job");
    assert_eq!(news.finish(), Some(0));
}

#[test]
fn eight_jobs_ask_their_models_at_once_and_the_next_one_after_a_cancel() {
    let house = House::new(&["m"]);
    for _ in 0..9 {
        house.hangs(0);
        house.ends(0, &["delegate", "make the tests pass"]);
    }
    house.servers[0].wait_request(8).unwrap();
    house.ends(0, &["jobs", "cancel", "j1"]);
    house.servers[0].wait_request(9).unwrap();
}
