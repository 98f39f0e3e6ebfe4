use super::*;
use crate::answer::StopTexts;
use crate::base_url::BaseUrl;
use crate::endpoint::Endpoint;
use brisk_domain::ModelId;
use serde_json::{Value, json};

fn upstream() -> Upstream {
    let endpoint = Endpoint::new(ModelId("m".to_owned()), "http://127.0.0.1:1", "m");
    Upstream::new(BaseUrl::parse("http://127.0.0.1:1", false).unwrap(), &endpoint)
}

fn created() -> Value {
    json!({"type": "response.created", "response": {"id": "r1"}})
}

fn text(text: &str) -> Value {
    json!({"type": "response.output_text.delta", "delta": text})
}

fn completed() -> Value {
    json!({"type": "response.completed", "response": {"id": "r1"}})
}

fn completed_with(output: usize) -> Value {
    json!({"type": "response.completed", "response": {"id": "r1", "usage": {"output_tokens": output}}})
}

fn incomplete(reason: &str) -> Value {
    json!({"type": "response.incomplete", "response": {"id": "r1", "incomplete_details": {"reason": reason}}})
}

fn error(code: &str) -> Value {
    json!({"type": "error", "status": 400, "error": {"code": code, "message": "x"}})
}

/// What the last frame meant, in short, and all text.
fn told(frames: &[Value], stop: &[&str]) -> (String, String) {
    let upstream = upstream();
    told_after(&upstream, Past::default(), frames, stop)
}

fn told_after(upstream: &Upstream, past: Past, frames: &[Value], stop: &[&str]) -> (String, String) {
    let stop: Vec<String> = stop.iter().map(|s| (*s).to_owned()).collect();
    let answer = Answer::new(StopTexts::new(&stop, ""), "", 100);
    let mut turn = Turn::new(upstream, answer, past, 100);
    let mut all = String::new();
    let mut last = Next::More;
    for frame in frames {
        assert_eq!(last, Next::More, "before {frame}");
        last = turn.take(&frame.to_string(), &mut all);
    }
    assert_eq!(turn.told(), !all.is_empty());
    let last = match last {
        Next::More => "more".to_owned(),
        Next::Resend(_) => "resend".to_owned(),
        Next::Reopen(_) => "reopen".to_owned(),
        Next::Over { end, rest } => {
            let end = match end {
                Ok((finish, _)) => format!("{finish:?}"),
                Err(fault) => format!("{:?}", fault.source),
            };
            let rest = match rest {
                Rest::Settled { id, spoken } => format!("{id}: {} / {}", spoken.raw, spoken.shown),
                Rest::Forgotten => "forgotten".to_owned(),
                Rest::Writing => "writing".to_owned(),
                Rest::Lost => "lost".to_owned(),
            };
            format!("{end}, {rest}")
        }
    };
    (all, last)
}

#[test]
fn what_a_frame_means_for_caller_and_connection() {
    let gone = "previous_response_not_found";
    let old = "websocket_connection_limit_reached";
    for (frames, stop, want) in [
        (vec![created()], &[][..], ("", "more")),
        (
            vec![created(), text("a"), text("b"), completed()],
            &[],
            ("ab", "Stop, r1: ab / ab"),
        ),
        // The stop text was held back until the end.
        (
            vec![text("a`"), completed()],
            &["``"],
            ("a`", "Stop, r1: a` / a`"),
        ),
        (
            vec![text("a``"), text("b")][..1].to_vec(),
            &["``"],
            ("a", "Stop, writing"),
        ),
        (
            vec![text("a"), incomplete("max_output_tokens")],
            &[],
            ("a", "Length, forgotten"),
        ),
        // Called completed, but as long as it could be.
        (
            vec![text("a"), completed_with(100)],
            &[],
            ("a", "Length, forgotten"),
        ),
        (vec![text("a"), completed_with(99)], &[], ("a", "Stop, r1: a / a")),
        (
            vec![text("a"), incomplete("content_filter")],
            &[],
            ("a", "Upstream, forgotten"),
        ),
        (
            vec![text("a"), incomplete("interrupted")],
            &[],
            ("a", "Upstream, forgotten"),
        ),
        // Asked again only before the first text.
        (vec![created(), error(gone)], &[], ("", "resend")),
        (
            vec![created(), text("a"), error(gone)],
            &[],
            ("a", "Request, forgotten"),
        ),
        // Without ids nobody can tell whether more of it comes.
        (vec![error(gone)], &[], ("", "reopen")),
        (vec![text("a"), error(gone)], &[], ("a", "Request, lost")),
        (vec![error(old)], &[], ("", "reopen")),
        (
            vec![created(), text("a"), error(old)],
            &[],
            ("a", "Request, forgotten"),
        ),
        (
            vec![created(), error("rate_limit_exceeded")],
            &[],
            ("", "Request, forgotten"),
        ),
        (vec![text("a"), json!({"odd": 1})], &[], ("a", "Upstream, lost")),
        (
            vec![json!({"type": "response.completed", "response": {}})],
            &[],
            ("", "Stop, forgotten"),
        ),
    ] {
        let (text, last) = told(&frames, stop);
        assert_eq!((text.as_str(), last.as_str()), want, "{frames:?}");
    }
}

#[test]
fn what_is_left_of_an_earlier_answer_is_no_part_of_the_next() {
    let begins = |id: &str| json!({"type": "response.created", "response": {"id": id}});
    let ends = |id: &str| json!({"type": "response.completed", "response": {"id": id}});
    let fails = |id: &str| json!({"type": "response.failed", "response": {"id": id, "error": {"code": "server_error"}}});
    let of = |id: &str| json!({"type": "response.output_text.delta", "response_id": id, "delta": "stale"});
    let item = json!({"type": "response.output_item.done", "item": {"type": "message", "content": "stale"}});
    let gone = error("previous_response_not_found");
    let good = || vec![begins("r1"), ends("r1")];
    let broken = || vec![begins("r1"), error("server_error")];
    let next = || vec![begins("r2"), text("b"), ends("r2")];
    let well = ("b", "Stop, r2: b / b");
    let after = |stale: Vec<Value>| [stale, next()].concat();
    for (first, second, want) in [
        (good(), next(), well),
        (good(), after(vec![text("stale"), item, ends("r1")]), well),
        (good(), after(vec![fails("r1")]), well),
        (broken(), after(vec![fails("r1")]), well),
        (vec![begins("r1"), gone.clone()], after(vec![fails("r9")]), well),
        (
            broken(),
            vec![
                begins("r2"),
                of("r1"),
                fails("r1"),
                ends("r1"),
                text("b"),
                ends("r2"),
            ],
            well,
        ),
        // A refusal of this request, whatever its id is.
        (good(), vec![fails("r9")], ("", "Upstream, forgotten")),
        (
            broken(),
            vec![fails("r1"), fails("r9")],
            ("", "Upstream, forgotten"),
        ),
        (good(), vec![gone], ("", "resend")),
        (
            good(),
            vec![begins("r2"), fails("r2")],
            ("", "Upstream, forgotten"),
        ),
        // A server that does not begin its answers is believed.
        (vec![ends("r1")], vec![text("b"), ends("r2")], well),
        (
            vec![begins("r1"), ends("r0")],
            vec![begins("r2"), text("b"), ends("r3")],
            ("b", "Stop, r3: b / b"),
        ),
    ] {
        let upstream = upstream();
        let mut turn = Turn::new(
            &upstream,
            Answer::new(StopTexts::new(&[], ""), "", 100),
            Past::default(),
            100,
        );
        for frame in &first {
            turn.take(&frame.to_string(), &mut String::new());
        }
        let (text, last) = told_after(&upstream, turn.reader.past(), &second, &[]);
        assert_eq!((text.as_str(), last.as_str()), want, "{first:?} {second:?}");
    }
}

#[test]
fn an_answer_that_nobody_wants_runs_down() {
    let accepted = json!({"type": "response.interrupt.accepted"});
    let free = |spoken: Option<&str>| {
        Rundown::Free(Some(Remembered {
            id: "r1".to_owned(),
            spoken: spoken.map(|text| Spoken {
                raw: text.to_owned(),
                shown: text.to_owned(),
            }),
        }))
    };
    let item = json!({"type": "response.output_item.done", "item": {"type": "message", "content": "a"}});
    let thought = json!({"type": "response.output_item.done", "item": {"type": "reasoning"}});
    for (frames, taken, want) in [
        (vec![text("late"), accepted.clone()], true, Rundown::More),
        (
            vec![accepted.clone(), text("late"), incomplete("interrupted")],
            true,
            free(None),
        ),
        (vec![incomplete("interrupted")], true, free(None)),
        (vec![thought, incomplete("interrupted")], true, free(None)),
        // A message was whole: the server may keep it.
        (
            vec![item, accepted.clone(), incomplete("interrupted")],
            true,
            Rundown::Free(None),
        ),
        // It was whole before the interrupt came: the state holds all of it.
        (vec![text("b"), completed()], false, free(Some("ab"))),
        (vec![error("invalid_request_error")], false, Rundown::Refused),
        // The answer broke, whatever the interrupt would have come to.
        (
            vec![json!({"type": "error", "status": 500, "error": {"code": "server_error"}})],
            false,
            Rundown::Lost,
        ),
        (
            vec![
                json!({"type": "response.failed", "response": {"id": "r1", "error": {"code": "invalid_request_error"}}}),
            ],
            false,
            Rundown::Lost,
        ),
        (vec![json!("nonsense")], false, Rundown::Lost),
    ] {
        let upstream = upstream();
        let mut turn = Turn::new(
            &upstream,
            Answer::new(StopTexts::new(&[], ""), "", 100),
            Past::default(),
            100,
        );
        let mut all = String::new();
        for frame in [created(), text("a")] {
            assert_eq!(turn.take(&frame.to_string(), &mut all), Next::More);
        }
        assert_eq!(turn.id(), Some("r1"));
        let mut last = Rundown::More;
        for frame in &frames {
            last = turn.run_down(&frame.to_string());
        }
        assert_eq!((last, turn.stop_taken()), (want, taken), "{frames:?}");
    }
}

#[test]
fn small_servers_that_send_whole_items_are_understood() {
    let item = |text: &str| {
        json!({"type": "response.output_item.done", "item": {"type": "message",
            "content": [{"type": "output_text", "text": text}]}})
    };
    let added = json!({"type": "response.output_item.added", "item": {"type": "message"}});
    let at = |index: u64, mut event: Value| {
        event["output_index"] = index.into();
        event
    };
    for (frames, want) in [
        (vec![item("a")], "a"),
        (vec![added.clone(), text("a"), item("a")], "a"),
        (vec![text("a"), item("a"), added.clone(), item("b")], "ab"),
        // The second begins before the first has ended.
        (
            vec![
                added.clone(),
                at(0, text("a")),
                added,
                at(0, item("a")),
                at(1, item("b")),
            ],
            "ab",
        ),
    ] {
        assert_eq!(told(&frames, &[]).0, want, "{frames:?}");
    }
}

#[test]
fn faults_know_their_source() {
    let upstream = upstream();
    for (error, source, says) in [
        (
            json!({"code": "rate_limit_exceeded", "message": "Please try again in 3s."}),
            FaultSource::Quota,
            "(429)",
        ),
        (json!({"type": "rate_limit_error"}), FaultSource::Quota, "(429)"),
        // A code that says nothing beside a type that does.
        (
            json!({"type": "overloaded_error", "code": "busy"}),
            FaultSource::Upstream,
            "overloaded (529)",
        ),
        (
            json!({"type": "authentication_error", "code": null}),
            FaultSource::Setup,
            "(401)",
        ),
        (
            json!({"type": "odd", "code": "odd"}),
            FaultSource::Upstream,
            "(500)",
        ),
    ] {
        for frame in [
            json!({"type": "response.failed", "response": {"id": "r1", "error": error}}),
            json!({"type": "error", "error": error}),
        ] {
            let mut turn = Turn::new(
                &upstream,
                Answer::new(StopTexts::new(&[], ""), "", 100),
                Past::default(),
                100,
            );
            let Next::Over { end: Err(fault), .. } = turn.take(&frame.to_string(), &mut String::new()) else {
                unreachable!("a fault is an end: {frame}")
            };
            assert_eq!(fault.source, source, "{frame}: {}", fault.message);
            assert!(fault.message.contains(says), "{frame}: {}", fault.message);
        }
    }
}
