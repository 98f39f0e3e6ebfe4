//! Whatever is said in whatever order.

use super::*;
use crate::cli::outcome::Outcome;
use crate::exit::Exit;
use brisk_domain::{CancelReason, Intent, TurnId};
use proptest::prelude::*;

const TURN: TurnId = TurnId(1);

fn ready(hunk: u64) -> Event {
    Event::HunkReady {
        turn: TURN,
        hunk: HunkId(hunk),
        path: "a".into(),
        at: 0,
        removed: vec![],
        added: vec!["x".into()],
    }
}

fn ended(stop: StopReason) -> Event {
    Event::TurnEnded {
        turn: TURN,
        settled: Settled {
            stop,
            ready: 0,
            input_tokens: 0,
            cached_tokens: 0,
            output_tokens: 0,
        },
    }
}

#[derive(Debug, Clone)]
enum Said {
    Event(Event),
    Answered(bool),
    Decided(Vec<u64>, Vec<u64>),
    Key(Key),
    Interrupt,
    Gone,
}

fn said() -> impl Strategy<Value = Said> {
    let hunk = 1u64..4;
    let state = prop_oneof![
        Just(HunkState::Kept),
        Just(HunkState::Withdrawn { why: "w".into() }),
        Just(HunkState::Conflicted { why: "c".into() }),
    ];
    let cause = CancelReason::Interrupted;
    let stop = prop_oneof![Just(StopReason::EndTurn), Just(StopReason::Cancelled { cause })];
    let key = prop_oneof![
        Just(Key::Enter),
        Just(Key::Esc),
        Just(Key::CtrlC),
        prop::sample::select(vec!['n', 's', 'y', 'a', 'g', '1', '2']).prop_map(Key::Char),
    ];
    prop_oneof![
        4 => hunk.clone().prop_map(|h| Said::Event(ready(h))),
        1 => (hunk.clone(), state).prop_map(|(h, state)| Said::Event(Event::HunkChanged {
            hunk: HunkId(h),
            state,
        })),
        1 => Just(Said::Event(Event::BudgetReached { turn: TURN, lines: 2, max_lines: 1 })),
        2 => stop.prop_map(|s| Said::Event(ended(s))),
        1 => any::<bool>().prop_map(Said::Answered),
        2 => (prop::collection::vec(hunk.clone(), 0..3), prop::collection::vec(hunk, 0..3))
            .prop_map(|(kept, rejected)| Said::Decided(kept, rejected)),
        6 => key.prop_map(Said::Key),
        1 => Just(Said::Interrupt),
        1 => Just(Said::Gone),
    ]
}

proptest! {
    /// Whatever is said in whatever order: a turn ends once and is silent after; without a person nothing is
    /// asked to be kept; a success has kept something; two interrupts always end it.
    #[test]
    fn a_turn_ends_once(
        script in prop::collection::vec(said(), 0..40),
        interactive: bool,
        auto_keep: bool,
    ) {
        let mut turn = Turn::new(Setting { intent: Intent::Edit, interactive, auto_keep });
        let mut end: Option<Outcome> = None;
        let script = script.into_iter().chain([Said::Interrupt, Said::Interrupt]);
        for (at, said) in script.enumerate() {
            let ids = |list: Vec<u64>| list.into_iter().map(HunkId).collect();
            let input = match &said {
                Said::Event(event) => Input::Event(event),
                Said::Answered(well) => Input::Answered(
                    if *well { Ok(()) } else { Err(CliError::new(Exit::Target, "t")) },
                ),
                Said::Decided(kept, rejected) => Input::Decided(Ok(Decided {
                    kept: ids(kept.clone()),
                    rejected: ids(rejected.clone()),
                    ..Decided::default()
                })),
                Said::Key(_) if !interactive => continue,
                Said::Key(key) => Input::Key(*key),
                Said::Interrupt => Input::Interrupt,
                Said::Gone => Input::Gone,
            };
            for act in turn.on(input, at as u64) {
                prop_assert!(end.is_none(), "{act:?} after the end");
                match act {
                    Act::Send(Call::Keep(_)) => prop_assert!(interactive),
                    Act::Send(_) => {}
                    Act::End(outcome) => end = Some(outcome),
                }
            }
        }
        let end = end.expect("two interrupts end every turn");
        prop_assert_eq!(turn.question(), None);
        prop_assert_eq!(end.exit == Exit::Done, end.message.is_none());
        if end.exit == Exit::Done {
            prop_assert!(end.kept > 0);
        }
    }
}

#[test]
fn who_could_not_be_shown_anything_is_told_what_is_on_disk() {
    let decided = |kept: &[u64]| {
        Input::Decided(Ok(Decided {
            kept: kept.iter().copied().map(HunkId).collect(),
            ..Decided::default()
        }))
    };
    let well = ended(StopReason::EndTurn);
    let cases: [(Vec<Input<'_>>, &str); 5] = [
        (vec![decided(&[1])], "`brisk undo`"),
        (vec![decided(&[])], "nothing was written"),
        (vec![Input::Interrupt], "`brisk log` shows"),
        (vec![Input::Gone], "`brisk log` shows"),
        (
            vec![Input::Decided(Err(CliError::new(Exit::Target, "t").hint("h")))],
            "nothing was written",
        ),
    ];
    for (inputs, want) in cases {
        let mut turn = Turn::new(Setting {
            intent: Intent::Edit,
            interactive: true,
            auto_keep: false,
        });
        turn.on(Input::Event(&ready(1)), 0);
        turn.on(Input::Event(&well), 0);
        turn.on(Input::Key(Key::Enter), 0);
        let acts: Vec<Act> = inputs.into_iter().flat_map(|input| turn.on(input, 0)).collect();
        let [Act::End(outcome)] = &acts[..] else {
            panic!("{want}: {acts:?}");
        };
        assert!(outcome.on_disk().contains(want), "{outcome:?}");
    }
}
