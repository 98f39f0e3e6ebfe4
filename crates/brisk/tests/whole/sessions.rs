//! Sessions over the socket: several clients, slow clients, returning clients, interrupts.

use crate::house::{House, REGION, SHOP};
use brisk_domain::{CancelReason, Event, HunkState, SessionId, StopReason};
use brisk_protocol::{Decide, HunkSet, MAX_LINE, Resume, method};
use brisk_testkit::{Act, Reply};
use serde_json::json;

fn ended(event: &Event) -> bool {
    matches!(event, Event::TurnEnded { .. })
}

fn ready(event: &Event) -> bool {
    matches!(event, Event::HunkReady { .. })
}

#[test]
fn an_interrupt_keeps_the_finished_hunk_and_stops_the_model() {
    let house = House::new();
    house.answers_in_two(REGION, "x = 1\n");
    let mut client = house.client();
    let session = client.session(house.repo.path());
    let turn = client.prompt(session, "multiply", "shop.py:subtotal");
    client.until(ready);
    client.tell("session/cancel", &json!({"sessionId": session.to_string()}));
    assert_eq!(client.answer(&turn).unwrap()["stopReason"], "cancelled");
    house.server.wait_gone(1).unwrap();
    let Event::TurnEnded { settled, .. } = client.until(ended) else {
        panic!()
    };
    assert_eq!(
        settled.stop,
        StopReason::Cancelled {
            cause: CancelReason::Interrupted
        }
    );
    assert_eq!(settled.ready, 1);
    let decided = client
        .ask(
            method::KEEP,
            &Decide {
                session_id: session,
                hunks: HunkSet::All,
            },
        )
        .unwrap();
    assert_eq!(decided["kept"].as_array().unwrap().len(), 1);
    assert!(house.file("shop.py").contains("quantity"));
}

#[test]
fn a_session_that_could_not_be_resumed_is_heard_once_it_is_there() {
    let house = House::new();
    house.answers(REGION);
    let mut client = house.client();
    let resume = Resume {
        session_id: SessionId(1),
        from: 1,
    };
    let refused = client.ask(method::RESUME, &resume);
    assert!(refused.unwrap_err().contains("s1"));
    assert_eq!(client.session(house.repo.path()), resume.session_id);
    let turn = client.prompt(resume.session_id, "multiply", "shop.py:subtotal");
    client.answer(&turn).unwrap();
    client.until(ended);
    let numbers: Vec<u64> = client.events.iter().map(|e| e.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_second_client_joins_and_sees_everything_once_without_a_gap() {
    let house = House::new();
    house.answers_in_two(
        "def subtotal(items):\n",
        &REGION["def subtotal(items):\n".len()..],
    );
    let mut first = house.client();
    let session = first.session(house.repo.path());
    let turn = first.prompt(session, "multiply", "shop.py:subtotal");
    first.until(|e| matches!(e, Event::FirstToken { .. }));
    let mut second = house.client();
    second
        .ask(
            method::RESUME,
            &Resume {
                session_id: session,
                from: 1,
            },
        )
        .unwrap();
    house.server.open("more");
    first.answer(&turn).unwrap();
    first.until(ended);
    second.until(ended);
    assert_eq!(first.events, second.events);
    let numbers: Vec<u64> = second.events.iter().map(|e| e.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    // Either may decide; both see it.
    second
        .ask(
            method::KEEP,
            &Decide {
                session_id: session,
                hunks: HunkSet::All,
            },
        )
        .unwrap();
    let kept = |e: &Event| {
        matches!(
            e,
            Event::HunkChanged {
                state: HunkState::Kept,
                ..
            }
        )
    };
    first.until(kept);
    second.until(kept);
}

#[test]
fn a_session_goes_on_in_the_next_daemon() {
    let house = House::new();
    house.answers(REGION);
    let mut client = house.client();
    let session = client.session(house.repo.path());
    let turn = client.prompt(session, "multiply", "shop.py:subtotal");
    client.answer(&turn).unwrap();
    let before = client.until(ended);
    let last = client.events.last().unwrap().seq;
    drop(client);
    house.ends(0, &["daemon", "stop"]);

    let mut client = house.client();
    let resumed = client
        .ask(
            method::RESUME,
            &Resume {
                session_id: session,
                from: 1,
            },
        )
        .unwrap();
    // What was on offer went with its daemon, and everybody is told so before a turn begins.
    assert_eq!(resumed["last"], last + 1);
    assert_eq!(client.until(ended), before);
    let withdrawn = |e: &Event| {
        matches!(
            e,
            Event::HunkChanged {
                state: HunkState::Withdrawn { .. },
                ..
            }
        )
    };
    client.until(withdrawn);
    // Once, not once more with each client that comes.
    let mut other = house.client();
    let resume = Resume {
        session_id: session,
        from: 1,
    };
    assert_eq!(other.ask(method::RESUME, &resume).unwrap()["last"], last + 1);
    other.until(withdrawn);
    drop((client, other));
    house.ends(0, &["daemon", "stop"]);
    let mut client = house.client();
    assert_eq!(client.ask(method::RESUME, &resume).unwrap()["last"], last + 1);
    house.answers("def names(items):\n    return []\n");
    let turn = client.prompt(session, "return nothing", "shop.py:names");
    client.answer(&turn).unwrap();
    let hunks: Vec<_> = client
        .events
        .iter()
        .filter_map(|e| match &e.event {
            Event::HunkReady { hunk, .. } => Some(*hunk),
            _ => None,
        })
        .collect();
    assert_eq!(hunks.len(), 2);
    assert_ne!(hunks[0], hunks[1], "ids are not used twice");
}

#[test]
fn a_steer_redirects_while_the_model_writes() {
    let house = House::new();
    house.answers_in_two(REGION, "x = 1\n");
    let mut client = house.client();
    let session = client.session(house.repo.path());
    let first = client.prompt(session, "multiply", "shop.py:subtotal");
    client.until(ready);
    house.answers(&REGION.replace("quantity", "count"));
    let second = client.prompt(session, "no, the key is count", "shop.py:subtotal");
    assert_eq!(client.answer(&first).unwrap()["stopReason"], "cancelled");
    house.server.wait_gone(1).unwrap();
    assert_eq!(client.answer(&second).unwrap()["stopReason"], "end_turn");
    client
        .ask(
            method::KEEP,
            &Decide {
                session_id: session,
                hunks: HunkSet::All,
            },
        )
        .unwrap();
    assert_eq!(
        house.file("shop.py"),
        SHOP.replace("item[\"price\"]\n", "item[\"price\"] * item[\"count\"]\n")
    );
    let body = house.server.requests()[1].body.to_string();
    assert!(
        body.contains("quantity"),
        "the partial answer is in the context: {body}"
    );
}

/// A client that reads nothing holds up nobody, costs bounded memory, and gets every hunk when it comes back.
#[test]
fn a_client_that_does_not_read_delays_nobody() {
    let house = House::made(
        "context = 100000000",
        "[lanes.fast]\nmax_patch = { files = 1, lines = 1000000 }\n",
    );
    // One function of 100 long lines, all of which change: more than a mailbox holds.
    let body = |word: &str| -> String {
        let line = |i| format!("    x{i} = '{}'  # {word}\n", "y".repeat(12_000));
        (0..100).map(line).collect()
    };
    house.write("long.py", format!("def long():\n{}", body("old")));
    house.server.reply(Reply::stream(vec![
        Act::text("```python\ndef long():\n"),
        Act::text(body("new")),
        Act::gate("more"),
        Act::text("```"),
        Act::stop(),
        Act::Done,
    ]));
    let mut quick = house.client();
    let session = quick.session(house.repo.path());
    let mut slow = house.client();
    slow.send(
        method::RESUME,
        &Resume {
            session_id: session,
            from: 1,
        },
    );
    let turn = quick.prompt(session, "write much", "long.py:long");
    quick.until(|e| matches!(e, Event::HunkLine { text, .. } if text.contains("x99 ")));
    quick.tell("session/cancel", &json!({"sessionId": session.to_string()}));
    assert_eq!(quick.answer(&turn).unwrap()["stopReason"], "cancelled");
    quick.until(ended);
    slow.until(ended);
    let last = |events: &[brisk_protocol::Envelope]| events.last().map(|e| e.seq);
    assert_eq!(last(&slow.events), last(&quick.events));
    assert!(
        slow.events.windows(2).all(|w| w[0].seq < w[1].seq),
        "in order, each once"
    );
}

/// An edit that would be written without a question.
fn kept_unasked() -> serde_json::Value {
    json!({"targets": ["shop.py:names"], "autoKeep": true})
}

#[test]
fn what_is_queued_goes_with_the_turn_that_it_waits_for() {
    for leaves in [false, true] {
        let house = House::new();
        house.answers_in_two(REGION, "x = 1\n");
        let mut client = house.client();
        let session = client.session(house.repo.path());
        let turn = client.prompt(session, "multiply", "shop.py:subtotal");
        client.until(ready);
        let queue = json!({"sessionId": session, "text": "return nothing", "extras": kept_unasked()});
        client.ask(method::QUEUE, &queue).unwrap();
        house.answers("def names(items):\n    return []\n");
        if leaves {
            client.leave();
            client = house.client();
            let resume = Resume {
                session_id: session,
                from: 1,
            };
            client.ask(method::RESUME, &resume).unwrap();
        } else {
            client.tell("session/cancel", &json!({"sessionId": session.to_string()}));
            assert_eq!(client.answer(&turn).unwrap()["stopReason"], "cancelled");
        }
        let dropped = client.until(|e| matches!(e, Event::Unqueued { .. }));
        assert!(
            matches!(&dropped, Event::Unqueued { text, .. } if text == "return nothing"),
            "{dropped:?}"
        );
        client.until(ended);
        // Another prompt brings nothing back.
        let next = client.prompt(session, "return nothing", "shop.py:names");
        client.answer(&next).unwrap();
        let begun = client
            .events
            .iter()
            .filter(|e| matches!(e.event, Event::TurnStarted { .. }));
        assert_eq!(begun.count(), 2, "{leaves}");
        assert_eq!(house.file("shop.py"), SHOP, "{leaves}");
    }
}

#[test]
fn what_changes_nothing_says_so() {
    let house = House::new();
    house.answers_in_two(REGION, "x = 1\n");
    let mut client = house.client();
    let session = client.session(house.repo.path());
    // The words alone are enough: an edit, whose place is found.
    let turn = client.send(
        "session/prompt",
        &json!({
            "sessionId": session.to_string(),
            "prompt": [{"type": "text", "text": "multiply"}],
            "_meta": {"brisk": {"targets": ["shop.py:subtotal"]}},
        }),
    );
    client.until(ready);
    let Event::HunkReady { hunk, .. } = client.until(ready) else {
        panic!()
    };
    let queue = json!({"sessionId": session, "text": "and then this"});
    client.ask(method::QUEUE, &queue).unwrap();
    let taken = client.ask(
        method::UNQUEUE,
        &json!({"sessionId": session, "text": "and then this"}),
    );
    assert_eq!(taken.unwrap(), json!({"taken": ["and then this"]}));
    let taken = client.ask(method::UNQUEUE, &json!({"sessionId": session}));
    assert_eq!(taken.unwrap(), json!({"taken": []}));
    let raised = client.ask(method::RAISE_BUDGET, &json!({"sessionId": session}));
    assert!(raised.unwrap_err().contains("no turn waits"));
    let amend = |hunk: u64| json!({"sessionId": session, "hunk": hunk, "added": ["x"]});
    assert!(
        client
            .ask(method::AMEND, &amend(999))
            .unwrap_err()
            .contains("no longer on offer")
    );
    assert!(client.ask(method::AMEND, &amend(hunk.0)).is_ok());
    for name in [method::KEEP, method::REJECT] {
        let decide = json!({"sessionId": session, "hunks": {"ids": [999]}});
        assert_eq!(
            client.ask(name, &decide).unwrap()["missing"],
            json!([999]),
            "{name}"
        );
    }
    let reject = json!({"sessionId": session, "hunks": {"ids": [hunk, 999]}});
    let rejected = client.ask(method::REJECT, &reject).unwrap();
    assert_eq!(
        (&rejected["rejected"], &rejected["missing"]),
        (&json!([hunk]), &json!([999]))
    );
    client.tell("session/cancel", &json!({"sessionId": session.to_string()}));
    client.answer(&turn).unwrap();
}

/// The database is held by somebody, so that nothing of the turn is in it when the daemon is killed.
#[test]
fn what_a_client_was_told_outlives_a_killed_daemon() {
    for over in [true, false] {
        let house = House::new();
        house.answers_in_two(REGION, "");
        let mut client = house.client();
        let pid = rustix::process::Pid::from_raw(house.daemon_pid()).unwrap();
        let session = client.session(house.repo.path());
        let events = house.home.path().join("state/events/events.db");
        let database = rusqlite::Connection::open(events).unwrap();
        database.execute_batch("BEGIN IMMEDIATE").unwrap();
        let turn = client.prompt(session, "multiply", "shop.py:subtotal");
        client.until(ready);
        let queue = json!({"sessionId": session, "text": "and then this"});
        if over {
            house.server.open("more");
            client.answer(&turn).unwrap();
            client.until(ended);
        } else {
            client.ask(method::QUEUE, &queue).unwrap();
            client.until(|e| matches!(e, Event::Queued { .. }));
        }
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        drop(database);
        let told = client.events;
        let last = told.last().unwrap().seq;

        house.wait_for_no_daemon();
        let mut client = house.client();
        let resume = Resume {
            session_id: session,
            from: 1,
        };
        let resumed = client.ask(method::RESUME, &resume).unwrap();
        client.until(|e| {
            matches!(
                e,
                Event::HunkChanged {
                    state: HunkState::Withdrawn { .. },
                    ..
                }
            )
        });
        assert_eq!(client.events[..told.len()], told, "{over}");
        let rest: Vec<&Event> = client.events[told.len()..].iter().map(|e| &e.event).collect();
        let stop = StopReason::Cancelled {
            cause: CancelReason::Shutdown,
        };
        match rest.as_slice() {
            [Event::HunkChanged { .. }] if over => {}
            [
                Event::Unqueued { text, .. },
                Event::TurnEnded { settled, .. },
                Event::HunkChanged { .. },
            ] if !over && text == "and then this" && settled.stop == stop => {}
            other => panic!("{over}: {other:?}"),
        }
        assert_eq!(resumed["last"], last + rest.len() as u64, "{over}");
    }
}

#[test]
fn who_asks_beyond_the_end_hears_what_comes() {
    let house = House::new();
    house.answers(REGION);
    let mut client = house.client();
    let session = client.session(house.repo.path());
    let resume = Resume {
        session_id: session,
        from: 99,
    };
    assert_eq!(client.ask(method::RESUME, &resume).unwrap()["last"], 0);
    let turn = client.prompt(session, "multiply", "shop.py:subtotal");
    client.answer(&turn).unwrap();
    client.until(ended);
    assert_eq!(client.events[0].seq, 1);
}

/// A client that writes on, as most do, finds the reason when it reads.
#[test]
fn a_message_that_is_too_long_ends_the_connection_with_a_word() {
    let house = House::new();
    let mut client = house.client();
    client.say_more_than(MAX_LINE);
    let said = client.last_words();
    assert!(said.contains("at most 33554432 bytes"), "{said}");
    // The daemon is there for the next.
    house.client().session(house.repo.path());
}

#[test]
fn unknown_methods_and_broken_lines_are_answered() {
    let house = House::new();
    let mut client = house.client();
    assert!(client.ask("no/such", &json!({})).unwrap_err().contains("no/such"));
    assert!(client.ask("session/prompt", &json!({"nonsense": 1})).is_err());
    assert!(
        client
            .ask(method::RESUME, &json!({"sessionId": 999, "from": 1}))
            .unwrap_err()
            .contains("s999")
    );
    client.session(house.repo.path());
}
