//! Sessions that outlive a daemon or a client, and are watched by two.

use crate::house::{House, REGION, SHOP};
use crate::{client, say};
use brisk_domain::{Event, Settled, StopReason, TurnId};
use brisk_testkit::Act;
use brisk_testkit::Reply;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn a_killed_daemon_is_recovered_from() {
    let house = House::new();
    let (first, then) = REGION.split_at(REGION.find("    return").unwrap());
    house.answers_in_two(first, then);
    house.answers(REGION);
    let mut terminal = client(&house, 100, 24, &[]);
    say(&mut terminal, "multiply shop.py:subtotal @shop.py:subtotal");
    terminal.shows("writing\u{2026}");
    let pid = Pid::from_raw(house.daemon_pid()).unwrap();
    let daemon = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    pidfd_send_signal(&daemon, Signal::KILL).unwrap();
    terminal.shows("the connection to the daemon is lost");
    terminal.shows("connected again");
    terminal.shows("its prompt is back");
    // With its place: Enter is all that it takes.
    let screen = terminal.shows("> multiply");
    assert!(screen.contains("@shop.py:subtotal"), "{screen}");
    terminal.press("\r");
    terminal.shows("1 hunk on offer");
    terminal.press("\r");
    terminal.shows("kept 1 hunk");
    assert!(house.file("shop.py").contains("quantity"));
    // Its parent is the terminal, which leaves no dead entry behind: that could still be sent a signal.
    let until = Instant::now() + Duration::from_secs(20);
    while pidfd_send_signal(&daemon, Signal::KILL) != Err(Errno::SRCH) {
        assert!(Instant::now() < until, "the killed daemon was not waited for");
        std::thread::yield_now();
    }
}

/// Where the last turn worked is in the log; the words name nothing that a search would find there.
#[test]
fn a_follow_up_stays_at_its_place_with_another_daemon() {
    let house = House::new();
    house.answers(REGION);
    house.answers(&REGION.replace("return total", "return round(total)"));
    let mut terminal = client(&house, 100, 30, &[]);
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("1 hunk on offer");
    terminal.press("\r");
    terminal.shows("kept 1 hunk");
    terminal.press("\x04");
    assert_eq!(terminal.ends().1, 0);
    house.ends(0, &["daemon", "stop"]);
    let mut terminal = client(&house, 100, 30, &["--continue"]);
    say(&mut terminal, "now to cents");
    terminal.shows("place: shop.py:1-5 (as before; symbol subtotal)");
    let asked = house.server.wait_request(2).unwrap().body.to_string();
    assert!(
        asked.contains("Earlier request, which is done: multiply"),
        "{asked}"
    );
    terminal.shows("1 hunk on offer");
    terminal.press("\r");
    terminal.shows("kept 1 hunk");
    let file = house.file("shop.py");
    assert!(file.contains("quantity") && file.contains("round(total)"));
}

#[test]
fn the_configuration_turns_vi_keys_on() {
    let house = House::with("[client]\nkeys = \"vi\"\n");
    let mut terminal = client(&house, 100, 24, &[]);
    terminal.shows("INSERT");
    terminal.press("ffix it\x1b");
    terminal.shows("NORMAL");
    terminal.press("0x");
    terminal.shows(": fix it");
}

#[test]
fn two_terminals_share_a_session() {
    let house = House::new();
    house.answers(REGION);
    let mut one = client(&house, 100, 24, &[]);
    say(&mut one, "multiply @shop.py:subtotal");
    one.shows("1 hunk on offer");
    let mut two = client_joined(&house);
    two.shows("1 hunk on offer");
    two.press("\r");
    two.shows("kept 1 hunk");
    one.shows("shop.py:4 kept");
    one.until("no offer", |s| !s.contains("on offer"));
    assert!(house.file("shop.py").contains("quantity"));
}

fn client_joined(house: &House) -> crate::terminal::Terminal {
    crate::terminal::Terminal::open(
        house.home.path(),
        house.repo.path(),
        100,
        24,
        &["--session", "s1"],
        &[("NO_COLOR", "1")],
    )
}

#[test]
fn a_long_session_is_opened_at_its_end() {
    let house = House::new();
    {
        let mut log = brisk_store::EventLog::open(&house.home.path().join("state/events")).unwrap();
        let session = log.create_session(house.repo.path()).unwrap();
        for turn in 0..500 {
            let turn = TurnId(turn);
            let text = format!("prompt {turn}");
            let settled = Settled {
                stop: StopReason::EndTurn,
                ready: 0,
                input_tokens: 1,
                cached_tokens: 0,
                output_tokens: 1,
            };
            let events = [
                Event::TurnStarted { turn, text },
                Event::TurnEnded { turn, settled },
            ];
            log.append(session, &events.map(|e| (0, e))).unwrap();
        }
    }
    let mut terminal = client(&house, 100, 24, &["--continue"]);
    let screen = terminal.shows("\u{203a} prompt t499");
    assert!(!screen.contains("prompt t400"), "{screen}");
    house.answers(REGION);
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("1 hunk on offer");
}

#[test]
fn a_session_that_is_not_there_is_told() {
    let house = House::new();
    let mut terminal = crate::terminal::Terminal::open(
        house.home.path(),
        house.repo.path(),
        100,
        24,
        &["--session", "s99"],
        &[("NO_COLOR", "1")],
    );
    terminal.shows("there is no session s99");
    terminal.press("/new\r");
    terminal.shows("ready");
}

#[test]
fn a_prompt_right_after_new_is_not_lost() {
    let house = House::new();
    house.answers(REGION);
    let mut terminal = client(&house, 100, 24, &[]);
    // The second call to the daemon is the one that counts.
    terminal.press("/reconnect\r/new\rmultiply @shop.py:subtotal \r");
    terminal.shows("1 hunk on offer");
    terminal.press("\r");
    terminal.shows("kept 1 hunk");
}

#[test]
fn a_terminal_that_goes_away_leaves_nothing_behind() {
    let house = House::new();
    house.server.reply(Reply::stream(vec![
        Act::text("```python\ndef subtotal(items):\n    total = 0\n"),
        Act::Hang,
    ]));
    let mut terminal = client(&house, 100, 24, &[]);
    say(&mut terminal, "multiply @shop.py:subtotal");
    terminal.shows("writing\u{2026}");
    terminal.press("not sent");
    terminal.shows("> not sent");
    // What the system says when a window is closed.
    terminal.signal(Signal::HUP);
    assert_eq!(terminal.ends().1, 130);
    // Nobody watches the turn any more.
    house.server.wait_gone(1).unwrap();
    let mut terminal = client(&house, 100, 24, &[]);
    terminal.shows("> not sent");
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn a_signal_while_the_editor_is_open_is_heeded() {
    let house = House::new();
    let editor = house.home.path().join("editor.sh");
    std::fs::write(
        &editor,
        "echo mended > \"$1\"\nkill -INT $PPID\n[ -e \"$0.end\" ] && kill -TERM $PPID\nexit 0\n",
    )
    .unwrap();
    let editor = format!("/bin/sh {}", editor.display());
    let env = [
        ("NO_COLOR", "1"),
        ("EDITOR", editor.as_str()),
        ("PATH", "/usr/bin:/bin"),
    ];
    let mut terminal =
        crate::terminal::Terminal::open(house.home.path(), house.repo.path(), 100, 24, &[], &env);
    terminal.shows("ready");
    terminal.press("\x18");
    // The editor's own interrupt clears nothing.
    terminal.shows("> mended");
    terminal.press("!");
    terminal.shows("> mended!");
    std::fs::write(house.home.path().join("editor.sh.end"), "").unwrap();
    terminal.press("\x18");
    assert_eq!(terminal.ends().1, 130);
    // What was written there is in the draft.
    let mut terminal = client(&house, 100, 24, &[]);
    terminal.shows("> mended");
}

#[test]
fn plain_mode_reads_lines_and_tells_changes() {
    let house = House::new();
    house.answers(REGION);
    let mut child = house
        .command(&["--plain"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut until = |wanted: &str| {
        let mut seen = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            seen.push_str(&line);
            if line.contains(wanted) {
                assert!(!seen.contains('\x1b'), "{seen:?}");
                return seen;
            }
        }
        panic!("{wanted}: {seen}")
    };
    writeln!(input, "multiply @shop.py:subtotal").unwrap();
    until("place: shop.py:1-5 (symbol subtotal)");
    until("comes:         total += item[\"price\"] * item[\"quantity\"]");
    until("1 hunk on offer");
    writeln!(input).unwrap();
    until("kept 1 hunk");
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(house.file("shop.py").contains("quantity"));
}

#[test]
fn lines_of_a_pipe_are_dealt_with_before_it_leaves() {
    let cases: &[(&str, i32, &[&str])] = &[
        // Nobody can press Enter any more.
        (
            "multiply @shop.py:subtotal\n",
            11,
            &["comes: ", "1 hunk not decided", "--session s1"],
        ),
        // The last line is one without its break, too.
        ("/models\n/status", 0, &["fake", "tree "]),
        ("", 0, &[]),
    ];
    for (lines, exit, told) in cases {
        let house = House::new();
        house.answers(REGION);
        let mut child = house
            .command(&["--plain"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert_eq!(out.status.code(), Some(*exit), "{lines:?}: {said}");
        for told in *told {
            assert!(said.contains(told), "{lines:?}: {said}");
        }
        assert_eq!(house.file("shop.py"), SHOP);
    }
}

#[test]
fn without_a_terminal_it_says_what_works() {
    let house = House::new();
    let said = house.ends(2, &[]);
    assert!(
        said.contains("needs a terminal") && said.contains("brisk edit"),
        "{said}"
    );
}
