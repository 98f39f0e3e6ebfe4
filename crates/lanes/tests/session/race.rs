//! A model that is late: its fallback is asked too, the first to speak goes on, the other one is not heard any more.

use crate::world::{ANSWER, FILE, World, model, prompt, world_with};
use brisk_domain::port::{FaultSource, Finish, ModelEvent, Usage};
use brisk_domain::{CancelReason, Command, EffectId, Event, HunkSelector, Now, StopReason};
use brisk_lanes::{Denied, Effect, Input, Limits, Reach};
use brisk_router::fleet::Member;
use brisk_router::quota::Frees;
use brisk_router::speed::Speed;

const P95: u64 = 500;

fn measured(name: &str, pool: &str) -> Member {
    Member {
        pool: pool.into(),
        quality: Some(90),
        speed: Some(Speed {
            ttft_p50_us: 100,
            ttft_p95_us: P95,
            tokens_per_s: 1_000,
        }),
        ..model(name)
    }
}

/// A turn whose first model has said nothing within its p95, and the two that now run.
fn raced() -> (World, EffectId, EffectId) {
    let mut w = world_with(
        Limits::default(),
        vec![measured("first", "a"), model("second"), model("third")],
    );
    w.ask(prompt("count both sides twice"));
    let (first, began) = (w.current(), w.now);
    w.wake(first);
    assert_eq!((w.now, w.asked()), (began + P95 + 1, vec!["first", "second"]));
    let second = w.current();
    (w, first, second)
}

fn text(text: &str) -> ModelEvent {
    ModelEvent::Text { text: text.into() }
}

fn done() -> ModelEvent {
    ModelEvent::Done {
        finish: Finish::Stop,
        usage: Usage::default(),
    }
}

fn edited() -> String {
    FILE.replace("w + h\n", "2 * (w + h)\n")
}

/// Late text of the loser never enters the turn: at every byte of the winner's answer the loser says something.
#[test]
fn the_loser_is_not_heard_at_any_byte() {
    for cut in 0..ANSWER.len() {
        for first_wins in [true, false] {
            let (mut w, first, second) = raced();
            let (winner, loser) = if first_wins {
                (first, second)
            } else {
                (second, first)
            };
            w.report(winner, ModelEvent::Sent);
            w.report(winner, text(&ANSWER[..cut]));
            assert_eq!(w.stopped, [(loser, CancelReason::Superseded)], "cut {cut}");
            let told = w.events.len();
            w.report(loser, text("def edge(w, h):\n    return 0\n"));
            w.report(loser, done());
            w.feed(Input::Woke { effect: loser });
            assert_eq!(w.events.len(), told, "cut {cut}: the loser was heard");
            w.report(winner, text(&ANSWER[cut..]));
            w.report(winner, done());
            assert_eq!(w.stop_reason(), Some(StopReason::EndTurn));
            w.tell(Command::Keep(HunkSelector::All));
            assert_eq!(w.disk.joined(), edited(), "cut {cut}");
            let said = w.notices();
            let want = ["first is late; second is asked, too", "second answered first"];
            assert_eq!(said, want[..if first_wins { 1 } else { 2 }], "cut {cut}");
        }
    }
}

/// A stop before either has spoken stops both, and neither is heard then.
#[test]
fn an_interrupt_stops_both() {
    let (mut w, first, second) = raced();
    w.tell(Command::Interrupt);
    let cause = CancelReason::Interrupted;
    assert_eq!(w.stopped, [(first, cause), (second, cause)]);
    let told = w.events.len();
    for effect in [first, second] {
        w.report(effect, text(ANSWER));
        w.report(effect, done());
    }
    assert_eq!(w.events.len(), told);
}

/// Whichever of two goes out before its first token, the other one goes on, and no third is asked for it.
#[test]
fn who_is_out_leaves_the_turn_to_the_other() {
    type Goes = fn(&mut World, EffectId);
    let ways: [(&str, Goes); 4] = [
        ("a fault", |w, who| w.fails(who, FaultSource::Network, "cut")),
        ("an empty answer", |w, who| w.report(who, done())),
        ("silence", |w, who| {
            w.now += 200_000_000;
            w.feed(Input::Woke { effect: who });
        }),
        ("no quota", |w, who| {
            let denied = Denied {
                message: "used up".into(),
                reach: Reach::Model,
                frees: Frees::Ended,
            };
            w.feed(Input::Denied { effect: who, denied });
        }),
    ];
    for (way, goes) in ways {
        for first_goes in [true, false] {
            let (mut w, first, second) = raced();
            let (out, on) = if first_goes {
                (first, second)
            } else {
                (second, first)
            };
            goes(&mut w, out);
            assert_eq!(w.asked().len(), 2, "{way}: nobody else is asked");
            assert_eq!(
                w.notices().len(),
                1 + usize::from(first_goes),
                "{way}: {:?}",
                w.notices()
            );
            w.report(on, text(ANSWER));
            w.report(on, done());
            assert_eq!(w.stop_reason(), Some(StopReason::EndTurn), "{way}");
        }
    }
}

/// Nothing goes to a second model before the person is told, and what the loser took is counted.
#[test]
fn the_second_is_told_of_and_the_loser_counted() {
    let mut w = world_with(Limits::default(), vec![measured("first", "a"), model("second")]);
    w.ask(prompt("count both sides twice"));
    let first = w.current();
    w.now = w.wakes[0].1.0;
    let effects = w.session.handle(Input::Woke { effect: first }, Now(w.now));
    let at = |what: fn(&Effect) -> bool| effects.iter().position(what).unwrap();
    let told = at(|e| matches!(e, Effect::Emit(Event::Notice { text, .. }) if text.contains("asked, too")));
    assert!(told < at(|e| matches!(e, Effect::Generate { .. })));

    let own = Usage {
        input: 7,
        cached: 3,
        output: 5,
        ..Usage::default()
    };
    // Whether the loser was on the wire, and who it is.
    for (sent, first_wins) in [(true, true), (true, false), (false, true)] {
        let (mut w, first, second) = raced();
        let (winner, loser) = if first_wins {
            (first, second)
        } else {
            (second, first)
        };
        w.report(winner, ModelEvent::Sent);
        if sent {
            w.report(loser, ModelEvent::Sent);
        }
        w.report(winner, text(ANSWER));
        w.report(
            winner,
            ModelEvent::Done {
                finish: Finish::Stop,
                usage: own,
            },
        );
        let (_, asked) = w.running.iter().find(|(id, _)| *id == loser).unwrap();
        let bytes: usize = asked.messages.iter().map(|m| m.text.len()).sum();
        let also = if sent { bytes.div_ceil(4) } else { 0 };
        let settled = w.settled().unwrap();
        assert_eq!(
            (settled.input_tokens, settled.cached_tokens, settled.output_tokens),
            (7 + also, 3, 5),
            "{sent} {first_wins}"
        );
    }
}

/// A second that was not let start may be the way out later; one that was passed over, too.
#[test]
fn who_was_not_asked_is_left_for_later() {
    let (mut w, first, second) = raced();
    let denied = Denied {
        message: "used up".into(),
        reach: Reach::Model,
        frees: Frees::Ended,
    };
    w.feed(Input::Denied {
        effect: second,
        denied,
    });
    w.fails(first, FaultSource::Upstream, "broken");
    assert_eq!(w.asked(), ["first", "second", "second"]);

    let twin = Member {
        pool: "a".into(),
        ..model("twin")
    };
    let fleet = vec![measured("first", "a"), twin, model("second")];
    let mut w = world_with(Limits::default(), fleet);
    w.ask(prompt("count both sides twice"));
    w.wake(w.current());
    let second = w.current();
    w.report(second, text("\n"));
    w.fails(second, FaultSource::Upstream, "broken");
    assert_eq!(w.asked(), ["first", "second", "twin"]);
}

/// Who is silent for too long gives back what it holds before the next one asks for it.
#[test]
fn who_is_silent_is_stopped_before_the_next_is_asked() {
    let mut w = world_with(Limits::default(), vec![model("first"), model("second")]);
    w.ask(prompt("count both sides twice"));
    w.now += 200_000_000;
    let effect = w.current();
    let effects = w.session.handle(Input::Woke { effect }, Now(w.now));
    let stop = effects
        .iter()
        .position(|e| matches!(e, Effect::Stop { id, cause: CancelReason::Stalled } if *id == effect));
    let next = effects.iter().position(|e| matches!(e, Effect::Generate { .. }));
    assert!(stop.unwrap() < next.unwrap(), "{effects:?}");
}

/// With both out, the one that was not asked yet is next.
#[test]
fn both_out_is_a_fallback_to_the_third() {
    for first_goes_first in [true, false] {
        let (mut w, first, second) = raced();
        let order = if first_goes_first {
            [first, second]
        } else {
            [second, first]
        };
        for effect in order {
            w.fails(effect, FaultSource::Upstream, "broken");
        }
        assert_eq!(w.asked(), ["first", "second", "third"]);
    }
}

#[test]
fn who_races_and_who_does_not() {
    let wake_of = |fleet: Vec<Member>| {
        let mut w = world_with(Limits::default(), fleet);
        w.ask(prompt("count both sides twice"));
        let began = w.now;
        w.wakes[0].1.0 - began
    };
    let silent = Limits::default().first_token_us;
    let cases = [
        (
            "measured, with a fallback",
            vec![measured("a", "a"), model("b")],
            P95,
        ),
        ("alone", vec![measured("a", "a")], silent),
        ("never measured", vec![model("a"), model("b")], silent),
        (
            "the fallback is of the same pool",
            vec![measured("a", "x"), {
                Member {
                    pool: "x".into(),
                    ..model("b")
                }
            }],
            silent,
        ),
    ];
    for (what, fleet, want) in cases {
        assert_eq!(wake_of(fleet), want, "{what}");
    }
    // A token in time, and the moment passes.
    let mut w = world_with(Limits::default(), vec![measured("a", "a"), model("b")]);
    w.ask(prompt("count both sides twice"));
    w.say(&ANSWER[..9]);
    w.wake(w.current());
    assert_eq!((w.asked(), w.stopped.len()), (vec!["a"], 0));
    assert!(w.events.iter().any(|e| matches!(e, Event::FirstToken { .. })));
}
