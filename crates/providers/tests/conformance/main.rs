//! What every client must do, whatever the protocol: one table of clients, each with a server of its protocol, and one
//! set of demands.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "../common/mod.rs"]
mod common;
mod table;

use brisk_domain::port::{Fault, FaultSource, Finish, ModelEvent, Retry};
use brisk_providers::{EVENT_MAX, Timeouts};
use brisk_testkit::WAIT;
use common::{request, start};
use serde_json::{Value, json};
use std::time::Duration;
use table::{Answer, KEY, Piece, answer, each, each_within, text};

/// Headers, what lies under `error`, and what it means.
type Shape = (&'static [(&'static str, &'static str)], Value, Retry);

fn fault(name: &str, end: ModelEvent) -> Fault {
    match end {
        ModelEvent::Failed { fault } => {
            assert!(!fault.message.contains("sk-very"), "{name}: {}", fault.message);
            fault
        }
        other @ (ModelEvent::Sent | ModelEvent::Text { .. } | ModelEvent::Done { .. }) => {
            panic!("{name}: not a fault: {other:?}")
        }
    }
}

fn finish(end: &ModelEvent) -> Option<Finish> {
    match end {
        ModelEvent::Done { finish, .. } => Some(*finish),
        ModelEvent::Sent | ModelEvent::Text { .. } | ModelEvent::Failed { .. } => None,
    }
}

const WORDS: [&str; 3] = ["fn é() ", "{ \"😀\\\" }", "\n"];

fn words() -> Vec<Piece> {
    WORDS.iter().map(|word| text(word)).collect()
}

fn spoken() -> Answer {
    let mut pieces = words();
    pieces.push(Piece::Stop);
    answer(pieces)
}

#[test]
fn text_comes_piece_by_piece_and_whole() {
    each(|stage| {
        let mut pieces = vec![text("one"), Piece::Gate("go"), text(" two"), Piece::Stop];
        stage.server.answer(&answer(pieces.clone()));
        let run = start(&stage.model, request());
        assert_eq!(run.next(), ModelEvent::Sent, "{}", stage.name);
        let one = ModelEvent::Text {
            text: "one".to_owned(),
        };
        assert_eq!(run.next(), one, "{}", stage.name);
        stage.server.open("go");
        let (rest, end) = run.end();
        assert_eq!(
            (rest.as_str(), finish(&end)),
            (" two", Some(Finish::Stop)),
            "{}",
            stage.name
        );
        pieces.retain(|piece| !matches!(piece, Piece::Gate(_)));
        for _ in 0..3 {
            let (all, end) = stage.ask(&answer(pieces.clone()));
            assert_eq!(
                (all.as_str(), finish(&end)),
                ("one two", Some(Finish::Stop)),
                "{}",
                stage.name
            );
        }
    });
}

#[test]
fn where_a_stream_is_split_does_not_matter() {
    each(|stage| {
        let whole = stage.ask(&spoken());
        assert_eq!(whole.0, WORDS.concat(), "{}", stage.name);
        let size = stage.server.written();
        for at in (1..size).map(|at| vec![at]).chain([(1..size).collect()]) {
            let split = Answer {
                split_at: at.clone(),
                ..spoken()
            };
            let (all, end) = stage.ask(&split);
            assert_eq!(
                (all, finish(&end)),
                (WORDS.concat(), Some(Finish::Stop)),
                "{} {at:?}",
                stage.name
            );
        }
    });
}

#[test]
fn a_stream_cut_anywhere_gives_a_prefix_and_a_fault_once() {
    each(|stage| {
        stage.ask(&spoken());
        let (mut texts, mut faults) = (Vec::new(), 0);
        let size = stage.server.written();
        for at in 0..size {
            let cut = Answer {
                cut_after: Some(at),
                ..spoken()
            };
            let (got, end) = stage.ask(&cut);
            let whole = WORDS.concat();
            assert!(whole.starts_with(&got), "{} cut at {at}: {got:?}", stage.name);
            match finish(&end) {
                Some(_) => assert_eq!(got, whole, "{} cut at {at}", stage.name),
                None => {
                    let fault = fault(stage.name, end);
                    let want = (FaultSource::Network, Retry::After { ms: 0 });
                    assert_eq!(
                        (fault.source, fault.retry),
                        want,
                        "{} cut at {at}: {}",
                        stage.name,
                        fault.message
                    );
                    faults += 1;
                }
            }
            texts.push(got);
        }
        // Nothing is asked again in secret. (What goes to a socket that is being cut may not come at all.)
        let asked = stage.server.asked();
        assert!(
            (size..=size + 1).contains(&asked),
            "{}: {asked} of {size}",
            stage.name
        );
        texts.dedup();
        // The text grows with the cut, and every piece arrives before the stream's end.
        assert!(texts.len() >= WORDS.len(), "{}: {texts:?}", stage.name);
        assert!(faults > 50, "{}: {faults}", stage.name);
    });
}

#[test]
fn stop_texts_openings_and_bounds_hold_whatever_the_server_does() {
    each(|stage| {
        stage
            .server
            .answer(&answer(vec![text("```rust\nx\n``"), text("`\nbye"), Piece::Hang]));
        let mut fenced = request();
        fenced.answer_prefix = "```rust\n".to_owned();
        fenced.stop = vec!["```".to_owned()];
        let (got, end) = start(&stage.model, fenced).end();
        assert_eq!(
            (got.as_str(), finish(&end)),
            ("x\n", Some(Finish::Stop)),
            "{}",
            stage.name
        );
        stage.server.wait_unwanted(1);

        stage.server.answer(&answer(vec![text("a"), Piece::Length]));
        let (got, end) = start(&stage.model, request()).end();
        assert_eq!(
            (got.as_str(), finish(&end)),
            ("a", Some(Finish::Length)),
            "{}",
            stage.name
        );

        stage.server.answer(&answer(vec![Piece::Many("ab", None)]));
        let mut bound = request();
        bound.max_tokens = 3;
        let (got, end) = start(&stage.model, bound).end();
        assert_eq!(
            (got.as_str(), finish(&end)),
            ("ababab", Some(Finish::Length)),
            "{}",
            stage.name
        );
        stage.server.wait_unwanted(3);
    });
}

#[test]
fn quota_refusals_say_when_in_every_known_shape() {
    const DATE: (&str, &str) = ("date", "Sun, 22 Nov 2026 12:00:00 GMT");
    let words = |text: &str| json!({"message": text, "code": "rate_limit_exceeded"});
    let plain = || words("slow down");
    let shapes: [Shape; 12] = [
        (&[], plain(), Retry::Elsewhere),
        (&[("retry-after", "7")], plain(), Retry::After { ms: 7000 }),
        (&[("retry-after-ms", "250")], plain(), Retry::After { ms: 250 }),
        (
            &[DATE, ("retry-after", "Sun, 22 Nov 2026 12:05:00 GMT")],
            plain(),
            Retry::After { ms: 300_000 },
        ),
        (
            &[
                ("x-ratelimit-reset-tokens", "7.66s"),
                ("x-ratelimit-remaining-tokens", "0"),
            ],
            plain(),
            Retry::After { ms: 7660 },
        ),
        (
            &[("x-ratelimit-reset-requests", "2m59.56s")],
            plain(),
            Retry::After { ms: 179_560 },
        ),
        (
            &[DATE, ("anthropic-ratelimit-tokens-reset", "2026-11-22T12:00:05Z")],
            plain(),
            Retry::After { ms: 5000 },
        ),
        (
            &[("x-codex-primary-reset-after-seconds", "90")],
            plain(),
            Retry::After { ms: 90_000 },
        ),
        (
            &[("ratelimit", "\"default\";r=0;t=40")],
            plain(),
            Retry::After { ms: 40_000 },
        ),
        (
            &[],
            words("Please try again in 1.898s."),
            Retry::After { ms: 1898 },
        ),
        (
            &[],
            json!({"message": "x", "resets_in_seconds": 12}),
            Retry::After { ms: 12_000 },
        ),
        (
            &[],
            json!({"message": "x", "type": "usage_limit_reached", "resets_in_seconds": 3600}),
            Retry::After { ms: 3_600_000 },
        ),
    ];
    each(|stage| {
        for (headers, error, retry) in &shapes {
            stage.server.refuse(429, headers, error);
            let (got, end) = start(&stage.model, request()).end();
            let fault = fault(stage.name, end);
            assert_eq!(
                (got.as_str(), fault.source, fault.retry),
                ("", FaultSource::Quota, *retry),
                "{} {headers:?} {error}: {}",
                stage.name,
                fault.message
            );
        }
        let spent = json!({"message": "You exceeded your quota", "code": "insufficient_quota"});
        stage.server.refuse(429, &[("retry-after", "1")], &spent);
        let last = fault(stage.name, start(&stage.model, request()).end().1);
        assert_eq!(
            (last.source, last.retry),
            (FaultSource::Quota, Retry::Elsewhere),
            "{}",
            stage.name
        );
        // Each was asked once.
        assert_eq!(stage.server.asked(), shapes.len() + 1, "{}", stage.name);
    });
}

#[test]
fn refusals_are_typed() {
    use FaultSource::{Request, Setup, Upstream};
    let said = |code: &str, message: &str| json!({"message": message, "code": code});
    let cases = [
        (
            401,
            said("invalid_api_key", &format!("Incorrect API key: {KEY}")),
            Setup,
            Retry::Elsewhere,
        ),
        (
            404,
            said("model_not_found", "no such model"),
            Setup,
            Retry::Elsewhere,
        ),
        (
            400,
            said("context_length_exceeded", "too big"),
            Request,
            Retry::Elsewhere,
        ),
        (400, said("x", "bad temperature"), Request, Retry::Elsewhere),
        (
            500,
            said("server_error", "oops"),
            Upstream,
            Retry::After { ms: 0 },
        ),
        (502, said("x", "bad gateway"), Upstream, Retry::After { ms: 0 }),
        (
            503,
            said("server_is_overloaded", "busy"),
            Upstream,
            Retry::After { ms: 1000 },
        ),
        (
            529,
            said("overloaded_error", "busy"),
            Upstream,
            Retry::After { ms: 1000 },
        ),
    ];
    each(|stage| {
        for (status, error, source, retry) in &cases {
            stage.server.refuse(*status, &[], error);
            let fault = fault(stage.name, start(&stage.model, request()).end().1);
            assert_eq!(
                (fault.source, fault.retry),
                (*source, *retry),
                "{} {status}: {}",
                stage.name,
                fault.message
            );
        }
        // And the client is as good as before.
        assert_eq!(stage.ask(&spoken()).0, WORDS.concat(), "{}", stage.name);
    });
}

#[test]
fn what_breaks_in_the_middle_is_typed_and_keeps_the_text() {
    let overloaded = json!({"message": "busy", "type": "overloaded_error"});
    let limited = json!({"message": "Please try again in 3s", "type": "rate_limit_error", "code": "rate_limit_exceeded"});
    let cases = [
        (
            Piece::Broken(overloaded),
            FaultSource::Upstream,
            Retry::After { ms: 1000 },
            "overloaded",
        ),
        (
            Piece::Broken(limited),
            FaultSource::Quota,
            Retry::After { ms: 3000 },
            "again in 3 s",
        ),
        (Piece::Noise, FaultSource::Upstream, Retry::Elsewhere, "malformed"),
        (
            Piece::Big(EVENT_MAX),
            FaultSource::Upstream,
            Retry::Elsewhere,
            "8388608 bytes",
        ),
    ];
    each(|stage| {
        for (piece, source, retry, says) in &cases {
            let (got, end) = stage.ask(&answer(vec![text("a"), piece.clone(), Piece::Hang]));
            let fault = fault(stage.name, end);
            assert_eq!(
                (got.as_str(), fault.source, fault.retry),
                ("a", *source, *retry),
                "{} {says}: {}",
                stage.name,
                fault.message
            );
            assert!(
                fault.message.contains(says),
                "{} {says}: {}",
                stage.name,
                fault.message
            );
        }
    });
}

#[test]
fn a_stream_that_stalls_is_given_up() {
    let timeouts = Timeouts {
        stall: Duration::from_millis(50),
        ..Timeouts::default()
    };
    each_within(timeouts, |stage| {
        let (got, end) = stage.ask(&answer(vec![text("a"), Piece::Hang]));
        let fault = fault(stage.name, end);
        assert_eq!(
            (got.as_str(), fault.source, fault.retry),
            ("a", FaultSource::Network, Retry::Elsewhere),
            "{}: {}",
            stage.name,
            fault.message
        );
        stage.server.wait_unwanted(1);
    });
}

#[test]
fn thoughts_do_not_end_the_patience_before_the_first_text() {
    let timeouts = Timeouts {
        first_text: Duration::from_millis(60),
        stall: WAIT * 2,
        ..Timeouts::default()
    };
    each_within(timeouts, |stage| {
        let (got, end) = stage.ask(&answer(vec![Piece::Thought, Piece::Thought, Piece::Hang]));
        let message = fault(stage.name, end).message;
        assert_eq!(got, "", "{}", stage.name);
        assert!(
            message.contains("sent nothing for 60 ms"),
            "{}: {message}",
            stage.name
        );
        stage.server.wait_unwanted(1);
    });
}

#[test]
fn a_drop_reaches_the_server_wherever_the_answer_stands() {
    each(|stage| {
        let cases = [
            (vec![Piece::Hang], false),
            (vec![text("a"), Piece::Hang], true),
            (
                vec![text("a"), Piece::Gate("never"), text("b"), Piece::Stop],
                true,
            ),
            (vec![Piece::Many("x", None)], true),
        ];
        for (at, (pieces, speaks)) in cases.into_iter().enumerate() {
            stage.server.answer(&answer(pieces));
            let mut endless = request();
            endless.max_tokens = usize::MAX;
            let run = start(&stage.model, endless);
            assert_eq!(run.next(), ModelEvent::Sent, "{}", stage.name);
            stage.server.wait_asked(at + 1);
            if speaks {
                assert!(matches!(run.next(), ModelEvent::Text { .. }), "{}", stage.name);
            }
            run.stop();
            stage.server.wait_unwanted(at + 1);
        }
        // And the next one is answered.
        assert_eq!(stage.ask(&spoken()).0, WORDS.concat(), "{}", stage.name);
    });
}

#[test]
fn very_many_tiny_events_arrive_in_order_without_loss() {
    each(|stage| {
        let count = 20_000;
        let (got, end) = stage.ask(&answer(vec![
            text("<"),
            Piece::Many("xy", Some(count)),
            text(">"),
            Piece::Stop,
        ]));
        // The bound of the request is 10,000 pieces.
        assert_eq!(finish(&end), Some(Finish::Length), "{}", stage.name);
        stage.server.answer(&answer(vec![
            text("<"),
            Piece::Many("xy", Some(count)),
            text(">"),
            Piece::Stop,
        ]));
        assert_eq!(got.len(), 1 + 2 * 9_999, "{}", stage.name);
        let mut all = request();
        all.max_tokens = usize::MAX;
        let (got, end) = start(&stage.model, all).end();
        assert_eq!(
            got,
            format!("<{}>", "xy".repeat(count as usize)),
            "{}",
            stage.name
        );
        assert_eq!(finish(&end), Some(Finish::Stop), "{}", stage.name);
    });
}
