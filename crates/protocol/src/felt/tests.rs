//! Event scripts in, records out.

use super::*;
use brisk_domain::{CancelReason, Event, HunkId, LineKind, Settled, StopReason};
use proptest::prelude::*;

const MINE: TurnId = TurnId(3);

fn opened(turn: TurnId) -> Event {
    Event::HunkOpened {
        turn,
        hunk: HunkId(1),
        path: "secret.rs".into(),
        at: 0,
    }
}

fn line(turn: TurnId) -> Event {
    Event::HunkLine {
        turn,
        hunk: HunkId(1),
        kind: LineKind::Added,
        text: "secret code".into(),
    }
}

fn ready(turn: TurnId) -> Event {
    Event::HunkReady {
        turn,
        hunk: HunkId(1),
        path: "secret.rs".into(),
        at: 0,
        removed: vec![],
        added: vec!["secret code".into()],
    }
}

fn started(turn: TurnId) -> Event {
    Event::TurnStarted {
        turn,
        text: "secret words".into(),
    }
}

fn ended(turn: TurnId) -> Event {
    Event::TurnEnded {
        turn,
        settled: Settled {
            stop: StopReason::Cancelled {
                cause: CancelReason::Interrupted,
            },
            ready: 1,
            input_tokens: 1,
            cached_tokens: 0,
            output_tokens: 1,
        },
    }
}

#[derive(Debug, Clone)]
enum Said {
    Event(Event),
    Paint,
    Stop,
}

fn felt(script: &[(u64, Said)]) -> Option<FeltRecord> {
    let mut felt = Felt::key(SessionId(7), ClientKind::Tui, 100);
    for (at, said) in script {
        match said {
            Said::Event(event) => felt.on_event(event, *at),
            Said::Paint => felt.on_painted(*at),
            Said::Stop => felt.on_stop(*at),
        }
    }
    felt.finish()
}

#[track_caller]
fn check(script: &[(u64, Said)], stages: &[(Stage, u64)], stop: Option<(u64, Option<u64>)>) {
    let record = felt(script).unwrap();
    let got: BTreeMap<Stage, u64> = record.stages.into();
    assert_eq!(got.into_iter().collect::<Vec<_>>(), stages);
    assert_eq!(record.stop.map(|s| (s.key, s.silent_after)), stop);
    assert_eq!(
        (record.session_id, record.turn, record.client),
        (SessionId(7), MINE, ClientKind::Tui)
    );
}

fn say(event: Event) -> Said {
    Said::Event(event)
}

#[test]
fn scripts_and_their_records() {
    use Stage::*;
    let token = || say(Event::FirstToken { turn: MINE });
    // A whole turn: what must be painted counts when it is painted, and only the first of each.
    check(
        &[
            (110, say(started(MINE))),
            (115, Said::Paint),
            (200, token()),
            (210, say(opened(MINE))),
            (220, say(line(MINE))),
            (225, Said::Paint),
            (226, say(line(MINE))),
            (230, Said::Paint),
            (240, say(ready(MINE))),
            (300, say(ended(MINE))),
            (305, Said::Paint),
            (900, Said::Paint),
        ],
        &[
            (Key, 100),
            (Acknowledged, 110),
            (FirstToken, 200),
            (Place, 210),
            (FirstLine, 225),
            (FirstHunk, 305),
            (Complete, 305),
        ],
        None,
    );
    // A stop: the last paint of the turn is its silence; a later stop key is none.
    check(
        &[
            (110, say(started(MINE))),
            (120, say(opened(MINE))),
            (130, Said::Stop),
            (131, say(line(MINE))),
            (132, Said::Paint),
            (133, Said::Stop),
            (140, say(ended(MINE))),
            (141, Said::Paint),
            (142, Said::Stop),
            (500, Said::Paint),
        ],
        &[
            (Key, 100),
            (Acknowledged, 110),
            (Place, 120),
            (FirstLine, 132),
            (Complete, 141),
        ],
        Some((130, Some(11))),
    );
    // Another turn's events are not ours, and a hunk that comes whole has a place and a line, too.
    check(
        &[
            (110, say(started(MINE))),
            (120, say(line(TurnId(9)))),
            (121, Said::Paint),
            (130, say(ready(MINE))),
            (140, Said::Paint),
            (150, Said::Stop),
        ],
        &[
            (Key, 100),
            (Acknowledged, 110),
            (Place, 130),
            (FirstLine, 140),
            (FirstHunk, 140),
        ],
        Some((150, None)),
    );
    // A clock that goes back stands still here.
    check(
        &[(90, say(started(MINE))), (50, token())],
        &[(Key, 100), (Acknowledged, 100), (FirstToken, 100)],
        None,
    );
}

#[test]
fn a_turn_that_never_began_has_no_record() {
    assert_eq!(felt(&[(110, say(line(MINE))), (120, Said::Paint)]), None);
}

#[test]
fn moments_that_run_backwards_are_refused() {
    let good = r#"{"key":5,"first_token":9}"#;
    let bad = r#"{"key":5,"first_token":4}"#;
    let stages: Stages = serde_json::from_str(good).unwrap();
    assert_eq!(stages.between(Stage::Key, Stage::FirstToken), Some(4));
    assert_eq!(serde_json::to_string(&stages).unwrap(), good);
    assert!(serde_json::from_str::<Stages>(bad).is_err());
}

#[test]
fn both_sides_of_a_turn_join() {
    let of = |moments: &[(Stage, u64)]| {
        let mut stages = Stages::default();
        moments.iter().for_each(|(stage, us)| stages.mark(*stage, *us));
        stages
    };
    use Stage::*;
    let client = of(&[(Key, 1), (Acknowledged, 9), (FirstToken, 30), (Complete, 50)]);
    let daemon = of(&[
        (Acknowledged, 3),
        (Request, 6),
        (FirstToken, 28),
        (FirstHunk, 44),
        (Complete, 48),
    ]);
    let want = of(&[
        (Key, 1),
        (Acknowledged, 3),
        (Request, 6),
        (FirstToken, 30),
        (FirstHunk, 44),
        (Complete, 50),
    ]);
    assert_eq!(Stages::joined(&client, &daemon), want);
    assert_eq!(Stages::joined(&Stages::default(), &daemon), daemon);
}

#[test]
fn prompts_that_ask_for_tests() {
    let yes = [
        "run the tests",
        "Write unit tests for the cart",
        "add a retry, with tests",
        "run all of the unit tests",
        "make it faster and run pytest",
        "then cargo test",
        "create a testcase for empty lists",
    ];
    let no = [
        "",
        "rename test to probe",
        "rename test_total to total",
        "fix the contest page",
        "what does the test check?",
        "add a docstring to the function that the long test uses",
        "the latest version",
    ];
    for prompt in yes {
        assert!(asks_for_tests(prompt), "{prompt}");
    }
    for prompt in no {
        assert!(!asks_for_tests(prompt), "{prompt}");
    }
}

fn said() -> impl Strategy<Value = Said> {
    let turn = prop_oneof![4 => Just(MINE), 1 => Just(TurnId(9))];
    let event = (turn, 0..6u8).prop_map(|(turn, kind)| match kind {
        0 => started(turn),
        1 => Event::FirstToken { turn },
        2 => opened(turn),
        3 => line(turn),
        4 => ready(turn),
        _ => ended(turn),
    });
    prop_oneof![6 => event.prop_map(Said::Event), 3 => Just(Said::Paint), 1 => Just(Said::Stop)]
}

proptest! {
    /// Whatever comes in whatever order, at whatever time: moments never run backwards, and the record says nothing
    /// but numbers and names of its own.
    #[test]
    fn every_record_is_in_order(script in prop::collection::vec((0..10_000u64, said()), 0..30)) {
        if let Some(record) = felt(&script) {
            for (at, from) in Stage::ALL.into_iter().enumerate() {
                for to in Stage::ALL.into_iter().skip(at) {
                    let both = record.stages.at(from).is_some() && record.stages.at(to).is_some();
                    prop_assert_eq!(record.stages.between(from, to).is_some(), both);
                }
            }
            let text = serde_json::to_string(&record).unwrap();
            prop_assert!(!text.contains("secret"), "{}", text);
            prop_assert_eq!(serde_json::from_str::<FeltRecord>(&text).unwrap(), record);
        }
    }

    /// However two sides disagree, what they join to is in order.
    #[test]
    fn joined_sides_are_in_order(
        a in prop::collection::vec((0..8usize, 0..1_000u64), 0..8),
        b in prop::collection::vec((0..8usize, 0..1_000u64), 0..8),
    ) {
        let of = |moments: &[(usize, u64)]| {
            let mut stages = Stages::default();
            moments.iter().for_each(|(stage, us)| stages.mark(Stage::ALL[*stage], *us));
            stages
        };
        let joined: BTreeMap<Stage, u64> = Stages::joined(&of(&a), &of(&b)).into();
        prop_assert!(joined.values().is_sorted());
    }
}
