//! No room on the disk while a job runs. A full disk cannot be mounted everywhere: a bound on the size of the daemon's
//! files stands for it, which is lifted again.

use crate::house::{House, WRONG, right};
use brisk_testkit::{Act, Reply};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::process::Command;

/// Starts a daemon to which a file beyond its bound is an error, as a full disk is, and no signal.
fn daemon(house: &House) -> Pid {
    house.ends(0, &["daemon", "stop"]);
    let plain = house.command(&["daemon", "start"]);
    let mut command = Command::new("sh");
    // Ignored signals stay ignored over exec.
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    command.arg(plain.get_program()).args(plain.get_args());
    command.current_dir(&house.repo);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    assert!(command.status().unwrap().success());
    let status = house.last(0, "daemon", &["daemon", "status"]);
    let pid = i32::try_from(status["pid"].as_i64().unwrap()).unwrap();
    Pid::from_raw(pid).unwrap()
}

fn room(daemon: Pid, bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit {
        current: bytes.or(maximum),
        maximum,
    };
    prlimit(Some(daemon), Resource::Fsize, limit).unwrap();
}

#[test]
fn an_answer_waits_for_room_and_is_asked_for_once() {
    let house = House::new(&["m"]);
    let gated = vec![Act::gate("go"), Act::text(right()), Act::stop(), Act::Done];
    house.servers[0].reply(Reply::stream(gated));
    let pid = daemon(&house);
    let mut news = house.start(&["delegate", "make the tests pass", "shop.py", "--wait", "--json"]);
    house.servers[0].wait_request(1).unwrap();
    room(pid, Some(0));
    let said = house.ends(9, &["delegate", "another one"]);
    assert!(said.contains("space"), "{said}");
    house.servers[0].open("go");
    let waits = |doing: &str| doing.contains("space");
    while !waits(news.next("job")["attempts"][0]["doing"].as_str().unwrap()) {}
    let shown = house.ends(0, &["jobs", "show", "j1"]);
    assert!(waits(&shown), "{shown}");
    room(pid, None);
    assert_eq!(news.finish(), Some(0));
    assert_eq!(
        house.servers[0].requests().len(),
        1,
        "what was paid for is not lost"
    );
    house.ends(0, &["jobs", "merge", "j1"]);
    assert_eq!(house.file("shop.py"), WRONG.replace(" + 1", ""));
}

/// What is to be checked waits for room, too: it is no change that failed, and its model is not asked again.
#[test]
fn a_change_waits_for_room_to_be_checked() {
    /// Steps have room below it, and the file that is changed has none.
    const ROOM: u64 = 384 << 10;
    let house = House::raw(&["m"]);
    // Too mixed for compression to make it small.
    let mut n = 1u64;
    let line = |n: &mut u64| {
        let next = || {
            *n ^= *n << 13;
            *n ^= *n >> 7;
            *n ^= *n << 17;
            format!("{n:016x}")
        };
        let words: Vec<String> = std::iter::repeat_with(next).take(4).collect();
        format!("# {}\n", words.concat())
    };
    let mixed: String = (0..14_000).map(|_| line(&mut n)).collect();
    house.write("shop.py", &format!("{WRONG}{mixed}"));
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "a large one"]);
    house.accept();
    let gated = vec![Act::gate("go"), Act::text(right()), Act::stop(), Act::Done];
    house.servers[0].reply(Reply::stream(gated));
    let pid = daemon(&house);
    let mut news = house.start(&["delegate", "make the tests pass", "shop.py", "--wait", "--json"]);
    house.servers[0].wait_request(1).unwrap();
    room(pid, Some(ROOM));
    house.servers[0].open("go");
    loop {
        let job = news.next("job");
        assert_eq!(job["state"]["state"], "open", "{job}");
        let attempt = &job["attempts"][0];
        if attempt["doing"].as_str().unwrap().contains("disk is full") {
            assert_eq!(attempt["steps"], 1, "its answer has room: {job}");
            break;
        }
    }
    room(pid, None);
    assert_eq!(news.finish(), Some(0));
    house.ends(0, &["jobs", "merge", "j1"]);
}
