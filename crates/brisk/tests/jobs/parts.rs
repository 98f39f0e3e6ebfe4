//! A task in parts: each worked on by itself, all of them joined, and the checks run on what they come to.

use crate::house::{House, edit, requests, right};
use brisk_testkit::server::Script;
use brisk_testkit::{Act, Reply};
use serde_json::{Value, json};

/// A repository whose checks pass, with a file for each part to work in.
fn house(models: &[&str]) -> House {
    let house = House::raw(models);
    house.write("shop.py", "def total(items):\n    return sum(items)\n");
    house.write("text.py", "def name(item):\n    return item\n");
    house.write(
        "test_shop.py",
        "import unittest\nfrom shop import total\nfrom text import name\n\n\nclass T(unittest.TestCase):\n    def test_total(self):\n        self.assertEqual(total([1, 2]), 3)\n\n    def test_both(self):\n        self.assertNotEqual((total([]), name(\"a\")), (9, \"A\"))\n",
    );
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "green"]);
    house.accept();
    house
}

/// What each part changes, so that it passes alone.
pub(crate) fn total(value: &str) -> String {
    edit(
        "shop.py",
        "    return sum(items)\n",
        &format!("    return sum(items) if items else {value}\n"),
    )
}

pub(crate) fn name(value: &str) -> String {
    edit(
        "text.py",
        "    return item\n",
        &format!("    return item{value}\n"),
    )
}

const PLAN: &str =
    "Two parts.\n```parts\npart: empty carts\nfiles: shop.py\npart: names\nfiles: text.py\n```\n";

/// A person's own parts, each for the model of its number.
pub(crate) fn by_hand<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["delegate", "carts and names", "--models", "a,b"];
    args.extend(["--part", "empty carts @shop.py", "--part", "names @./text.py"]);
    args.extend(more);
    args
}

fn standings(job: &Value) -> Vec<&str> {
    let parts = job["split"]["parts"].as_array().unwrap();
    parts.iter().map(|p| p["standing"].as_str().unwrap()).collect()
}

#[test]
fn parts_that_a_model_finds_become_one_verified_tree() {
    let house = house(&["a", "b"]);
    // The first answer is no plan: it hears why, and says it again.
    house.says(0, "I would begin with the carts.");
    house.says(0, PLAN);
    house.says(0, &total("0"));
    house.says(1, &name(".strip()"));
    let before = house.persons();
    let said = house.ends(
        0,
        &[
            "delegate",
            "--split",
            "carts and names",
            "--models",
            "a,b",
            "--wait",
        ],
    );
    for want in [
        "part 1: empty carts (shop.py): joined",
        "part 2: names (text.py): joined",
        "a1 a [part 1]: every check passes",
        "a2 b [part 2]: every check passes",
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
    let again = house.servers[0].wait_request(2).unwrap().body.to_string();
    assert!(again.contains("That is no plan: there is no block"), "{again}");
    let part = house.servers[1].wait_request(1).unwrap().body.to_string();
    assert!(
        part.contains("You may change only: text.py.") && part.contains("- empty carts (shop.py)"),
        "{part}"
    );
    assert_eq!((house.persons(), house.folders()), (before, 0));
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    assert_eq!(standings(&job), ["joined", "joined"]);
    assert_eq!(
        (&job["state"]["state"], &job["state"]["winner"]),
        (&json!("ready"), &json!(0))
    );
    assert_eq!(job["state"]["size"], json!({"lines": 4, "files": 2}));
    assert!(!job["state"]["proof"]["lines"].as_array().unwrap().is_empty());
    assert!(
        house
            .ends(0, &["jobs", "list"])
            .contains("ready     2/2 joined  carts and names")
    );
    let log = house.ends(0, &["jobs", "log", "j1"]);
    assert!(
        log.contains("these are the parts") && log.contains("joined: every check passes on"),
        "{log}"
    );
    let diff = house.ends(0, &["jobs", "diff", "j1"]);
    assert!(
        diff.contains("+++ b/shop.py") && diff.contains("+++ b/text.py"),
        "{diff}"
    );
    let merged = house.last(0, "merged", &["jobs", "merge", "j1"]);
    assert_eq!(merged["verified"], true);
    assert!(house.file("text.py").contains("item.strip()"));
}

#[test]
fn parts_that_pass_alone_and_break_together_are_not_ready() {
    let house = house(&["a", "b"]);
    // The second waits until the first is joined, so that it is the one that does not fit.
    house.says(0, &total("9"));
    // One more go at what both come to leads nowhere.
    house.servers[1].script(Script {
        replies: vec![Reply::stream(vec![
            Act::gate("joined"),
            Act::text(name(".upper()")),
            Act::stop(),
            Act::Done,
        ])],
        otherwise: Some(Reply::text("I am done.\n```do\ndone\n```\n")),
    });
    let mut news = house.start(&by_hand(&["--wait", "--json"]));
    while standings(&news.next("job")).first() != Some(&"joined") {}
    house.servers[1].open("joined");
    assert_eq!(news.finish(), Some(26));
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    assert_eq!(
        (&job["state"]["state"], standings(&job)),
        (&json!("failed"), vec!["joined", "left_out"])
    );
    let said = house.ends(0, &["jobs", "show", "j1"]);
    assert!(
        said.contains("part 2: names (text.py): left out: with the other parts: unit:"),
        "{said}"
    );
    // Its attempt was told what the checks said about both, and saw both.
    let second = house.servers[1].wait_request(2).unwrap().body.to_string();
    assert!(
        second.contains("The checks do not pass on it") && second.contains("test_both"),
        "{second}"
    );
    assert!(second.contains("item.upper()"), "{second}");
    // What passes is kept to look at, and is not merged.
    assert!(house.ends(0, &["jobs", "diff", "j1"]).contains("+++ b/shop.py"));
    assert!(
        house
            .ends(4, &["jobs", "merge", "j1"])
            .contains("only a job that is ready")
    );
}

#[test]
fn a_part_that_was_put_back_mends_what_both_come_to() {
    let house = house(&["a", "b"]);
    house.says(0, &total("9"));
    house.servers[1].reply(Reply::stream(vec![
        Act::gate("joined"),
        Act::text(name(".upper()")),
        Act::stop(),
        Act::Done,
    ]));
    house.says(
        1,
        &edit(
            "text.py",
            "    return item.upper()\n",
            "    return item.strip()\n",
        ),
    );
    let mut news = house.start(&by_hand(&["--wait", "--json"]));
    while standings(&news.next("job")).first() != Some(&"joined") {}
    house.servers[1].open("joined");
    assert_eq!(news.finish(), Some(0));
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    assert_eq!(
        (&job["state"]["state"], standings(&job)),
        (&json!("ready"), vec!["joined", "joined"])
    );
    assert_eq!(job["attempts"][2]["part"], 2);
    let diff = house.ends(0, &["jobs", "diff", "j1"]);
    assert!(diff.contains("else 9") && diff.contains("item.strip()"), "{diff}");
}

#[test]
fn a_part_is_not_mended_by_taking_it_back() {
    let house = house(&["a", "b"]);
    house.says(0, &total("9"));
    house.servers[1].script(Script {
        replies: vec![
            Reply::stream(vec![
                Act::gate("joined"),
                Act::text(name(".upper()")),
                Act::stop(),
                Act::Done,
            ]),
            Reply::text(&edit("text.py", "    return item.upper()\n", "    return item\n")),
        ],
        otherwise: Some(Reply::text("I am done.\n```do\ndone\n```\n")),
    });
    let mut news = house.start(&by_hand(&["--wait", "--json"]));
    while standings(&news.next("job")).first() != Some(&"joined") {}
    house.servers[1].open("joined");
    assert_eq!(news.finish(), Some(26));
    let told = house.servers[1].wait_request(3).unwrap().body.to_string();
    assert!(told.contains("nothing of this part's change is left"), "{told}");
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    assert_eq!(standings(&job), ["joined", "left_out"]);
}

#[test]
fn a_part_that_could_make_nothing_is_not_joined() {
    let house = house(&["a", "b"]);
    house.write("documentation/a.md", "a\n");
    std::os::unix::fs::symlink("documentation", house.repo.join("docs")).unwrap();
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "a link"]);
    house.says(0, &total("0"));
    house.servers[1].script(Script {
        replies: vec![Reply::text(&edit("docs/new.md", "", "new\n"))],
        otherwise: Some(Reply::text("I am done.\n```do\ndone\n```\n")),
    });
    let said = house.ends(
        26,
        &[
            "delegate",
            "carts and docs",
            "--models",
            "a,b",
            "--part",
            "empty carts @shop.py",
            "--part",
            "docs @docs/",
            "--wait",
        ],
    );
    assert!(said.contains("part 2: docs (docs): left out"), "{said}");
    let told = house.servers[1].wait_request(2).unwrap().body.to_string();
    assert!(told.contains("docs/new.md: docs is a link"), "{told}");
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    assert_eq!(standings(&job), ["joined", "left_out"]);
    assert!(house.ends(0, &["jobs", "diff", "j1"]).contains("+++ b/shop.py"));
    house.ends(4, &["jobs", "merge", "j1"]);
}

#[test]
fn parts_that_pass_only_together_become_ready() {
    let house = House::raw(&["a", "b"]);
    house.write("text.py", "def name(item):\n    return \"x\"\n");
    house.write(
        "test_text.py",
        "import unittest\nfrom text import name\n\n\nclass N(unittest.TestCase):\n    def test_name(self):\n        self.assertEqual(name(\"a\"), \"a\")\n",
    );
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "two are red"]);
    house.accept();
    house.says(0, &right());
    house.says(1, &edit("text.py", "    return \"x\"\n", "    return item\n"));
    // What is red in the other's file is none of theirs, and each says that it is done.
    house.says(0, &requests("done"));
    house.says(1, &requests("done"));
    let said = house.ends(0, &by_hand(&["--wait"]));
    assert!(said.contains("part 1: empty carts (shop.py): joined"), "{said}");
    assert!(
        said.contains("a1 a [part 1]: it does not pass alone, and waits for the other parts"),
        "{said}"
    );
    assert_eq!(
        house.last(0, "merged", &["jobs", "merge", "j1"])["verified"],
        true
    );
}

#[test]
fn an_edit_outside_of_the_declared_files_is_refused_and_told() {
    let house = house(&["a", "b"]);
    house.says(
        0,
        &format!("{}{}", name(".strip()"), edit("new.py", "", "X = 1\n")),
    );
    house.says(0, &total("0"));
    house.says(1, &name(".strip()"));
    house.ends(0, &by_hand(&["--wait"]));
    let told = house.servers[0].wait_request(2).unwrap().body.to_string();
    for path in ["text.py", "new.py"] {
        let want = format!("{path}: this part may change nothing but shop.py");
        assert!(told.contains(&want), "{want}: {told}");
    }
    assert!(!house.ends(0, &["jobs", "diff", "j1"]).contains("new.py"));
}

#[test]
fn parts_that_are_none_are_refused() {
    let house = house(&["m"]);
    for (args, want) in [
        (
            &["--part", "a @shop.py", "--part", "b @./shop.py"][..],
            "parts 1 and 2 may both change shop.py",
        ),
        (
            &["--part", "a @src/", "--part", "b @src/x.py"],
            "parts 1 and 2 may both change src/x.py",
        ),
        (&["--part", "a @../x"], "is no path inside the repository"),
        (&["--part", "no file"], "which files it may change"),
        (&["--split", "-n", "2"], "cannot be used with"),
        (&["--split", "--part", "a @shop.py"], "cannot be used with"),
    ] {
        let all: Vec<&str> = ["delegate", "x"].iter().chain(args).copied().collect();
        let said = house.ends(2, &all);
        assert!(said.contains(want), "{args:?}: {said}");
    }
    assert!(house.ends(0, &["jobs", "list"]).contains("nothing was delegated"));
}

#[test]
fn a_plan_that_stays_nonsense_fails_the_job_and_says_why() {
    let house = house(&["m"]);
    let overlap = "```parts\npart: a\nfiles: shop.py\npart: b\nfiles: shop.py\n```";
    for answer in ["No.", overlap, "```parts\npart: a\n```"] {
        house.says(0, answer);
    }
    let said = house.ends(26, &["delegate", "--split", "x", "--wait"]);
    assert!(
        said.contains("3 answers in a row were no plan; the last: its last part has no line `files:`"),
        "{said}"
    );
    let third = house.servers[0].wait_request(3).unwrap().body.to_string();
    assert!(third.contains("parts 1 and 2 may both change shop.py"), "{third}");
    assert_eq!(house.servers[0].requests().len(), 3);
}

#[test]
fn killed_between_parts_and_joins_it_goes_on_where_it_was() {
    const KILLS: usize = 10;
    let house = house(&["p", "a", "b"]);
    // The same whenever they are asked: a question that was cut off is asked again.
    let always = |text: &str| Script {
        replies: vec![],
        otherwise: Some(Reply::text(text)),
    };
    house.servers[0].script(always(&total("0")));
    house.servers[1].script(always(&name(".strip()")));
    house.servers[2].script(always(&edit("more.py", "", "X = 1\n")));
    let mut news = house.start(&[
        "delegate",
        "three things",
        "--models",
        "p,a,b",
        "--part",
        "carts @shop.py",
        "--part",
        "names @text.py",
        "--part",
        "more @more.py",
        "--wait",
        "--json",
    ]);
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
    assert_eq!(
        (&end["state"]["state"], standings(&end)),
        (&json!("ready"), vec!["joined"; 3])
    );
    for attempt in end["attempts"].as_array().unwrap() {
        assert_eq!(
            (&attempt["steps"], &attempt["end"]["end"]),
            (&json!(2), &json!("proven")),
            "{end}"
        );
    }
    let log = house.ends(0, &["jobs", "log", "j1", "--json"]);
    assert_eq!(log.matches("\"step\":\"joined\"").count(), 3, "none twice: {log}");
    assert_eq!(house.folders(), 0);
    house.ends(0, &["jobs", "merge", "j1"]);
    assert!(house.ends(0, &["status"]).contains("verified"));
}

#[test]
fn a_divided_job_is_put_aside_steered_bounded_and_cancelled_as_one() {
    let house = house(&["a", "b"]);
    house.hangs(0);
    house.says(0, PLAN);
    house.ends(0, &["delegate", "--split", "carts and names", "--models", "a,b"]);
    house.servers[0].wait_request(1).unwrap();
    house.ends(0, &["jobs", "steer", "j1", "two parts at most"]);
    house.ends(0, &["jobs", "pause", "j1"]);
    house.servers[0].wait_gone(1).unwrap();
    assert!(house.ends(0, &["jobs", "list"]).contains("paused    in parts"));
    house.hangs(0);
    house.hangs(1);
    house.ends(0, &["jobs", "resume", "j1"]);
    let plan = house.servers[0].wait_request(2).unwrap().body.to_string();
    assert!(plan.contains("The person says: two parts at most"), "{plan}");
    // The parts that came of it hear it, too.
    for (server, nth) in [(0, 3), (1, 1)] {
        let part = house.servers[server].wait_request(nth).unwrap().body.to_string();
        assert!(part.contains("The person says: two parts at most"), "{part}");
    }
    house.ends(0, &["jobs", "cancel", "j1"]);
    house.servers[0].wait_gone(3).unwrap();
    house.servers[1].wait_gone(1).unwrap();
    assert!(
        house
            .ends(26, &["jobs", "watch", "j1"])
            .contains("it was cancelled")
    );
    house.ends(0, &["jobs", "drop", "j1"]);
    // A budget is one for the plan and all parts.
    house.servers[0].reply(Reply::stream(vec![
        Act::text("word ".repeat(20_000)),
        Act::gate("end"),
        Act::stop(),
        Act::Done,
    ]));
    let args = [
        "delegate",
        "--split",
        "x",
        "--models",
        "a",
        "--budget",
        "8k-tokens",
        "--wait",
    ];
    assert!(
        house
            .ends(26, &args)
            .contains("the job's budget of 8000 tokens is used up")
    );
}
