//! Sessions over the socket: several clients, slow clients, returning clients, interrupts.

use crate::house::{House, REGION, SHOP};
use brisk_domain::{CancelReason, Event, HunkState, SessionId, StopReason};
use brisk_protocol::{Decide, HunkSet, Resume, method};
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
