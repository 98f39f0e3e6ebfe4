use super::*;
use proptest::prelude::*;
use serde_json::json;

fn ended(id: &str, output: Output) -> ServerEvent<'static> {
    ServerEvent::Ended(Terminal {
        id: id.to_owned().into(),
        output,
        usage: None,
    })
}

fn failure(status: Option<u16>, code: &str, error: Value) -> Failure {
    Failure {
        status,
        code: code.to_owned(),
        error,
        headers: Map::new(),
    }
}

fn place(response: Option<&'static str>, item: Option<&'static str>, index: Option<u64>) -> Place<'static> {
    Place {
        response: response.map(Into::into),
        item: item.map(Into::into),
        index,
    }
}

fn done(at: Place<'static>, item: Item<'static>) -> ServerEvent<'static> {
    ServerEvent::ItemDone { at, item }
}

#[test]
fn events_of_real_servers() {
    let usage = json!({"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 11});
    for (frame, want) in [
        (
            json!({"type": "response.created", "sequence_number": 0, "response": {"id": "r1", "status": "in_progress"}}),
            ServerEvent::Created { id: "r1".into() },
        ),
        (
            json!({"type": "response.created", "response": {}}),
            ServerEvent::Created { id: "".into() },
        ),
        (
            json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0,
                "delta": "a\n\u{e9}", "logprobs": []}),
            ServerEvent::Text {
                of: place(None, Some("m"), Some(0)),
                text: "a\né".into(),
            },
        ),
        (
            json!({"type": "response.refusal.delta", "delta": "no"}),
            ServerEvent::Text {
                of: Place::default(),
                text: "no".into(),
            },
        ),
        (
            json!({"type": "response.output_text.delta", "response_id": "r1", "item_id": null, "delta": "a"}),
            ServerEvent::Text {
                of: place(Some("r1"), None, None),
                text: "a".into(),
            },
        ),
        (
            json!({"type": "response.output_text.delta", "item_id": "\u{1}m", "response_id": 7, "delta": "a"}),
            ServerEvent::Text {
                of: place(None, Some("\u{1}m"), None),
                text: "a".into(),
            },
        ),
        (
            json!({"type": "response.reasoning_summary_text.delta", "delta": "hm"}),
            ServerEvent::Working,
        ),
        (
            json!({"type": "response.function_call_arguments.delta", "delta": {"odd": 1}}),
            ServerEvent::Working,
        ),
        (
            json!({"type": "response.in_progress", "response": {}}),
            ServerEvent::Working,
        ),
        (
            json!({"type": "response.output_item.added", "item": {"type": "message"}}),
            ServerEvent::ItemAdded,
        ),
        (
            json!({"type": "response.output_item.done", "item": {"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": "a", "annotations": []}, {"type": "refusal", "refusal": "b"}]}}),
            done(Place::default(), Item::Message("ab".into())),
        ),
        (
            json!({"type": "response.output_item.done", "item": {"type": "reasoning", "summary": []}}),
            done(Place::default(), Item::Other),
        ),
        (
            json!({"type": "response.output_item.done", "response_id": "r1", "output_index": 1,
                "item": {"id": "m1", "type": "message", "content": "whole"}}),
            done(
                place(Some("r1"), Some("m1"), Some(1)),
                Item::Message("whole".into()),
            ),
        ),
        // An item of an odd shape is no reason to give the answer up.
        (
            json!({"type": "response.output_item.done", "output_index": 1,
                "item": {"id": "m1", "type": "message", "content": [{"text": {"odd": 1}}]}}),
            done(place(None, Some("m1"), Some(1)), Item::Other),
        ),
        (
            json!({"type": "response.output_item.done", "item": {"type": "message", "content": 7}}),
            done(Place::default(), Item::Other),
        ),
        (
            json!({"type": "response.output_item.done", "item": "odd"}),
            done(Place::default(), Item::Other),
        ),
        (
            json!({"type": "response.output_item.done"}),
            done(Place::default(), Item::Other),
        ),
        (
            json!({"type": "response.completed", "response": {"id": "r1", "usage": usage, "error": null}}),
            ServerEvent::Ended(Terminal {
                id: "r1".into(),
                output: Output::Completed,
                usage: Some(TokenUsage {
                    input: 9,
                    cached: 4,
                    output: 2,
                }),
            }),
        ),
        (
            json!({"type": "response.completed", "response": {"id": "r1", "usage": {"input_tokens": 1, "input_tokens_details": null}}}),
            ServerEvent::Ended(Terminal {
                id: "r1".into(),
                output: Output::Completed,
                usage: Some(TokenUsage {
                    input: 1,
                    cached: 0,
                    output: 0,
                }),
            }),
        ),
        (
            json!({"type": "response.incomplete", "response": {"id": "r1", "incomplete_details": {"reason": "max_output_tokens"}}}),
            ended("r1", Output::Length),
        ),
        (
            json!({"type": "response.incomplete", "response": {"id": "r1", "incomplete_details": {"reason": "interrupted"}}}),
            ended("r1", Output::Interrupted),
        ),
        (
            json!({"type": "response.incomplete", "response": {"id": "r1", "incomplete_details": {"reason": "content_filter"}}}),
            ended("r1", Output::Filtered),
        ),
        (
            json!({"type": "response.incomplete", "response": {"incomplete_details": null}}),
            ended("", Output::Incomplete(String::new())),
        ),
        (
            json!({"type": "response.failed", "response": {"id": "r1", "error": {"code": "server_error", "message": "x"}}}),
            ended(
                "r1",
                Output::Failed(failure(
                    None,
                    "server_error",
                    json!({"code": "server_error", "message": "x"}),
                )),
            ),
        ),
        (
            json!({"type": "error", "status": 429, "error": {"type": "usage_limit_reached", "message": "x"}}),
            ServerEvent::Error(failure(
                Some(429),
                "usage_limit_reached",
                json!({"type": "usage_limit_reached", "message": "x"}),
            )),
        ),
        (
            json!({"type": "error", "code": "rate_limit_exceeded", "message": "x", "param": null}),
            ServerEvent::Error(failure(
                None,
                "rate_limit_exceeded",
                json!({"code": "rate_limit_exceeded", "message": "x", "param": null}),
            )),
        ),
        (
            json!({"type": "response.interrupt.accepted"}),
            ServerEvent::Interrupted,
        ),
        (
            json!({"type": "response.metadata", "headers": {TURN_STATE: "t1"}}),
            ServerEvent::TurnState("t1".to_owned()),
        ),
        (
            json!({"type": "response.metadata", "metadata": {TURN_STATE: "t1"}}),
            ServerEvent::TurnState("t1".to_owned()),
        ),
        (json!({"type": "response.metadata"}), ServerEvent::Other),
        (
            json!({"type": "response.output_text.done", "text": "a"}),
            ServerEvent::Other,
        ),
        (json!({"type": "keepalive", "delta": 7}), ServerEvent::Other),
        (
            json!({"type": "something.new", "response": 7}),
            ServerEvent::Other,
        ),
    ] {
        let text = frame.to_string();
        assert_eq!(ServerEvent::read(&text), Ok(want), "{text}");
    }
}

#[test]
fn an_error_carries_the_headers_that_tell_when() {
    let frame =
        json!({"type": "error", "status": 429, "error": {"message": "x"}, "headers": {"retry-after": "7"}});
    let text = frame.to_string();
    let Ok(ServerEvent::Error(failure)) = ServerEvent::read(&text) else {
        unreachable!("{text}")
    };
    assert_eq!(failure.headers.get("retry-after"), Some(&json!("7")));
}

#[test]
fn what_is_no_event_is_said_to_be_none() {
    for frame in [
        "",
        "7",
        "[]",
        "{}",
        "{\"type\":7}",
        "{\"type\":\"error\"",
        "nonsense",
        "{\"type\":\"response.output_text.delta\"}",
        "{\"type\":\"response.output_text.delta\",\"delta\":7}",
        "{\"type\":\"response.completed\"}",
        "{\"type\":\"response.completed\",\"response\":7}",
    ] {
        assert!(ServerEvent::read(frame).is_err(), "{frame}");
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>(), kind in "[a-z._]{0,30}") {
        drop(ServerEvent::read(&text));
        let frame = json!({"type": kind, "delta": text, "response": {"id": text}}).to_string();
        prop_assert!(ServerEvent::read(&frame).is_ok());
    }
}
