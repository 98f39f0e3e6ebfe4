//! What comes while something is checked: the end of the job's time, and at a last join words that nobody may hear.

use crate::house::{House, edit, requests, right};
use crate::parts::{by_hand, name, total};
use serde_json::Value;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

/// Passes, but on both parts together: then a person says how it ends.
const TESTS: &str = "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_both(self):\n        both = open(\"shop.py\").read() + open(\"text.py\").read()\n        if \" if \" in both and \"strip\" in both:\n            with open(\"gate/way\") as way:\n                self.assertEqual(way.readline(), \"green\\n\")\n";

const POLICY: &str = "[verify.checks.unit]\nrun = [\"python3\", \"-m\", \"unittest\", \"-v\"]\nparse = \"unittest\"\nborrow = [\"gate\"]\n";

/// A job of two parts, which nobody works on any more: what both come to waits at its gate.
fn at_the_gate() -> (House, crate::house::Running) {
    let house = House::raw(&["a", "b"]);
    for (path, text) in [
        ("shop.py", "def total(items):\n    return sum(items)\n"),
        ("text.py", "def name(item):\n    return item\n"),
        ("test_shop.py", TESTS),
        ("brisk.toml", POLICY),
        (".gitignore", "gate/\n__pycache__/\n"),
    ] {
        house.write(path, text);
    }
    std::fs::create_dir(house.repo.join("gate")).unwrap();
    let made = Command::new("mkfifo").arg(house.repo.join("gate/way")).status();
    assert!(made.unwrap().success());
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "gated"]);
    house.accept();
    house.says(0, &total("0"));
    house.says(1, &name(".strip()"));
    let mut news = house.start(&by_hand(&["--wait", "--json"]));
    let over = |job: &Value| {
        let attempts = job["attempts"].as_array().unwrap();
        attempts.len() == 2 && attempts.iter().all(|a| !a["end"].is_null())
    };
    while !over(&news.next("job")) {}
    (house, news)
}

/// From here on every check that waits is told this.
fn opens(house: &House, word: &'static str) {
    let way = house.repo.join("gate/way");
    // Opening waits for a check, and the last one for the end of the test. A check that was stopped may be gone before
    // it hears anything, and so may the gate.
    std::thread::spawn(move || {
        while let Ok(mut check) = std::fs::OpenOptions::new().write(true).open(&way) {
            let _ = check.write_all(word.as_bytes());
        }
    });
}

#[test]
fn words_in_a_last_join_are_heard_only_where_it_is_red_and_the_answer_says_so() {
    for (word, mends) in [("green\n", 0), ("red\n", 1)] {
        let (house, news) = at_the_gate();
        // Whose part was the last to be joined is put back.
        let own = "    return sum(items) if items else 0\n";
        house.says(0, &edit("shop.py", own, "    return sum(items, 0)\n"));
        let own = "    return item.strip()\n";
        house.says(1, &edit("text.py", own, "    return item.lower()\n"));
        let said = house.ends(0, &["jobs", "steer", "j1", "keep names short"]);
        assert!(
            said.contains("late: nobody works on j1 now") && said.contains("delegate again"),
            "{said}"
        );
        let told = house.last(0, "steered", &["jobs", "steer", "j1", "and clear"]);
        assert_eq!(told["hears"], "if_red");
        opens(&house, word);
        assert_eq!(news.finish(), Some(0), "{word}");
        let asked = house.servers.iter().flat_map(|s| s.requests());
        let heard = |body: &String| body.contains("keep names short") && body.contains("and clear");
        let asked: Vec<String> = asked.map(|r| r.body.to_string()).collect();
        assert_eq!(asked.len(), 2 + mends, "{word}");
        assert_eq!(
            asked.iter().filter(|body| heard(body)).count(),
            mends,
            "{asked:?}"
        );
        let said = house.ends(4, &["jobs", "steer", "j1", "more"]);
        assert!(said.contains("j1 is ready"), "{said}");
    }
}

/// The time of the job is up.
fn two_hours_later(house: &House) {
    let store = house.home.path().join("state/jobs/jobs.db");
    let store = rusqlite::Connection::open(store).unwrap();
    store.busy_timeout(Duration::from_secs(60)).unwrap();
    let earlier = "UPDATE jobs SET made_us = made_us - 7200000000";
    assert_eq!(store.execute(earlier, []).unwrap(), 1);
}

/// Whether it is the base's check or the change's that never ends: what was made is there to be looked at.
#[test]
fn a_check_that_meets_the_end_of_the_jobs_time_is_ended() {
    let hangs = |on: &str| {
        format!(
            "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_it(self):\n        if {on}:\n            open(\"gate/way\").read()\n"
        )
    };
    for on in ["True", "\"+ 1\" not in open(\"shop.py\").read()"] {
        let house = House::raw(&["a"]);
        house.write("test_shop.py", &hangs(on));
        house.write("brisk.toml", POLICY);
        house.write(".gitignore", "gate/\n__pycache__/\n");
        std::fs::create_dir(house.repo.join("gate")).unwrap();
        let made = Command::new("mkfifo").arg(house.repo.join("gate/way")).status();
        assert!(made.unwrap().success());
        house.git(&["add", "-A"]);
        house.git(&["commit", "-q", "-m", "gated"]);
        house.accept();
        house.says(0, &requests("read shop.py"));
        house.says(0, &right());
        let mut news = house.start(&["delegate", "--wait", "--json", "fix the total"]);
        while news.next("job")["attempts"][0]["doing"] != "checks" {}
        two_hours_later(&house);
        assert_eq!(news.finish(), Some(26), "{on}");
        let shown = house.ends(0, &["jobs", "show", "j1"]);
        assert!(
            shown.contains("its time was up before its checks were"),
            "{shown}"
        );
        let made = house.ends(0, &["jobs", "diff", "j1"]);
        assert!(made.contains("+    return sum(items)"), "{made}");
    }
}

/// What was made in time is joined also after it; nobody begins to mend it then.
#[test]
fn a_join_that_meets_the_end_of_the_jobs_time_is_checked_to_its_end() {
    for (word, exit) in [("green\n", 0), ("red\n", 26)] {
        let (house, news) = at_the_gate();
        house.ends(0, &["jobs", "pause", "j1"]);
        two_hours_later(&house);
        opens(&house, word);
        house.ends(0, &["jobs", "resume", "j1"]);
        assert_eq!(news.finish(), Some(exit), "{word}");
        let asked = house.servers.iter().map(|s| s.requests().len());
        assert_eq!(asked.sum::<usize>(), 2, "{word}");
        let shown = house.ends(0, &["jobs", "show", "j1"]);
        let want = match exit {
            0 => "part 1: empty carts (shop.py): joined",
            _ => "its time was up",
        };
        assert!(shown.contains(want), "{word}: {shown}");
    }
}
