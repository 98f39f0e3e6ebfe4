//! Tools in a conversation, by the wire of each protocol: what is sent, and the calls that come back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use brisk_domain::ModelId;
use brisk_domain::port::{Finish, Model, ModelEvent};
use brisk_domain::tool::{Arguments, Calling, Tool, ToolCall, ToolName, ToolRequest, ToolResult, Turn};
use brisk_providers::{
    ChatConfig, ChatModel, MessagesConfig, MessagesModel, ResponsesConfig, ResponsesModel,
};
use brisk_testkit::{Act, FakeServer, Reply, WAIT};
use common::{request, runtime};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::mpsc::channel;

/// A call's id, its tool's name, and its arguments in pieces.
type Written<'a> = (&'a str, &'a str, &'a [&'a str]);

/// A protocol: its client, and how its servers write text, calls in pieces, and the end.
struct Row {
    name: &'static str,
    model: fn(&str) -> Box<dyn Model>,
    said: fn(&str, &[Written<'_>]) -> Vec<String>,
    end: fn(bool) -> Vec<String>,
}

fn id() -> ModelId {
    ModelId("fake".to_owned())
}

fn data(value: &Value) -> String {
    match value["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {value}\n\n"),
        None => format!("data: {value}\n\n"),
    }
}

fn chat(text: &str, calls: &[Written<'_>]) -> Vec<String> {
    let delta = |delta: Value| data(&json!({"choices": [{"index": 0, "delta": delta}]}));
    let mut out = vec![delta(json!({"content": text}))];
    for (n, (id, name, pieces)) in calls.iter().enumerate() {
        out.push(delta(
            json!({"tool_calls": [{"index": n, "id": id, "type": "function",
            "function": {"name": name, "arguments": ""}}]}),
        ));
        for piece in *pieces {
            out.push(delta(
                json!({"tool_calls": [{"index": n, "function": {"arguments": piece}}]}),
            ));
        }
    }
    out
}

fn messages(text: &str, calls: &[Written<'_>]) -> Vec<String> {
    let mut out = vec![
        data(&json!({"type": "message_start", "message": {"usage": {"input_tokens": 1}}})),
        data(
            &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        ),
    ];
    for (n, (id, name, pieces)) in (1..).zip(calls) {
        out.push(data(&json!({"type": "content_block_start", "index": n,
            "content_block": {"type": "tool_use", "id": id, "name": name, "input": {}}})));
        for piece in *pieces {
            out.push(data(&json!({"type": "content_block_delta", "index": n,
                "delta": {"type": "input_json_delta", "partial_json": piece}})));
        }
        out.push(data(&json!({"type": "content_block_stop", "index": n})));
    }
    out
}

fn responses(text: &str, calls: &[Written<'_>]) -> Vec<String> {
    let mut out = vec![
        data(&json!({"type": "response.created", "response": {"id": "r1"}})),
        data(&json!({"type": "response.output_text.delta", "delta": text, "output_index": 0})),
    ];
    for (n, (id, name, pieces)) in (1..).zip(calls) {
        let item = |arguments: &str| {
            json!({"type": "function_call", "id": format!("fc{n}"), "call_id": id, "name": name,
                "arguments": arguments})
        };
        out.push(data(
            &json!({"type": "response.output_item.added", "output_index": n, "item": item("")}),
        ));
        for piece in *pieces {
            out.push(data(&json!({"type": "response.function_call_arguments.delta",
                "output_index": n, "delta": piece})));
        }
        let whole = item(&pieces.concat());
        out.push(data(
            &json!({"type": "response.output_item.done", "output_index": n, "item": whole}),
        ));
    }
    out
}

fn rows() -> [Row; 3] {
    [
        Row {
            name: "Chat Completions",
            model: |url| {
                let config = ChatConfig::new(id(), url, "m");
                Box::new(ChatModel::new(config, runtime().handle().clone()).unwrap())
            },
            said: chat,
            end: |whole| {
                let reason = if whole { "tool_calls" } else { "length" };
                let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}],
                    "usage": {"prompt_tokens": 5, "completion_tokens": 2}});
                vec![data(&end), "data: [DONE]\n\n".to_owned()]
            },
        },
        Row {
            name: "Anthropic Messages",
            model: |url| {
                let config = MessagesConfig::new(id(), url, "m");
                Box::new(MessagesModel::new(config, runtime().handle().clone()).unwrap())
            },
            said: messages,
            end: |whole| {
                let reason = if whole { "tool_use" } else { "max_tokens" };
                vec![
                    data(&json!({"type": "message_delta", "delta": {"stop_reason": reason},
                        "usage": {"output_tokens": 2}})),
                    data(&json!({"type": "message_stop"})),
                ]
            },
        },
        Row {
            name: "Responses",
            model: |url| {
                let config = ResponsesConfig::new(id(), url, "m");
                Box::new(ResponsesModel::new(config, runtime().handle().clone()).unwrap())
            },
            said: responses,
            end: |whole| {
                vec![data(&match whole {
                    true => json!({"type": "response.completed", "response": {"id": "r1"}}),
                    false => json!({"type": "response.incomplete", "response": {"id": "r1",
                        "incomplete_details": {"reason": "max_output_tokens"}}}),
                })]
            },
        },
    ]
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: Arguments::read(arguments),
    }
}

fn conversation() -> ToolRequest {
    let Value::Object(takes) = json!({"type": "object", "properties": {"path": {"type": "string"}}}) else {
        panic!("no object");
    };
    ToolRequest {
        plain: request(),
        turns: vec![
            Turn::Assistant {
                text: "I look.".into(),
                calls: vec![
                    call("c1", "read", r#"{"path":"a.py"}"#),
                    call("c2", "no such/tool", "{broken"),
                ],
            },
            Turn::Results {
                results: vec![
                    ToolResult {
                        id: "c1".into(),
                        text: "x = 1".into(),
                        failed: false,
                    },
                    ToolResult {
                        id: "c2".into(),
                        text: "there is no such tool".into(),
                        failed: true,
                    },
                ],
            },
            Turn::User {
                text: "Go on.".into(),
            },
        ],
        tools: vec![Tool {
            name: ToolName::new("read").unwrap(),
            about: "reads".into(),
            takes,
        }],
    }
}

/// Text, calls and the end of one answer.
fn ask(model: &dyn Model, request: ToolRequest) -> (String, Vec<ToolCall>, ModelEvent) {
    let (tx, events) = channel();
    let (called, calls) = channel();
    let _running = model.converse(
        request,
        Arc::new(move |event| drop(tx.send(event))),
        Arc::new(move |calling| match calling {
            Calling::Writes { .. } => {}
            Calling::Whole(call) => drop(called.send(call)),
        }),
    );
    let mut text = String::new();
    loop {
        match events.recv_timeout(WAIT).unwrap() {
            ModelEvent::Sent => {}
            ModelEvent::Text { text: piece } => text.push_str(&piece),
            // Calls come before the end.
            last @ (ModelEvent::Done { .. } | ModelEvent::Failed { .. }) => {
                return (text, calls.try_iter().collect(), last);
            }
        }
    }
}

/// Two calls, the first in pieces that end anywhere; the second is no JSON.
const TWO: &[Written<'_>] = &[
    ("c7", "read", &["{\"pa", "th\":\"é/😀", ".rs\"", "}"]),
    ("c8", "search", &["{\"text\": \"x\""]),
];

fn check_two(name: &str, calls: &[ToolCall]) {
    let [first, second] = calls else {
        panic!("{name}: {calls:?}");
    };
    assert_eq!(*first, call("c7", "read", "{\"path\":\"é/😀.rs\"}"), "{name}");
    assert_eq!((&*second.id, &*second.name), ("c8", "search"), "{name}");
    let why = second.arguments.object().unwrap_err();
    assert!(why.contains("no JSON object"), "{name}: {why}");
}

fn reply(row: &Row, whole: bool) -> Reply {
    let said = (row.said)("I look: ", TWO);
    Reply::stream(said.into_iter().chain((row.end)(whole)).map(Act::raw).collect())
}

#[test]
fn calls_come_in_pieces_several_and_malformed() {
    for row in rows() {
        let server = FakeServer::start().unwrap();
        let model = (row.model)(&server.url());
        for (whole, want) in [(true, Finish::Stop), (false, Finish::Length)] {
            server.reply(reply(&row, whole));
            let (text, calls, end) = ask(&*model, conversation());
            assert_eq!(text, "I look: ", "{}", row.name);
            check_two(row.name, &calls);
            assert!(
                matches!(end, ModelEvent::Done { finish, .. } if finish == want),
                "{}: {end:?}",
                row.name
            );
        }
    }
}

/// Whoever waits for a long call sees that it is written, and how much.
#[test]
fn a_call_is_told_while_it_is_written() {
    let long = "x".repeat(100);
    let pieces = [&*format!("{{\"text\": \"{long}"), &*long];
    for row in rows() {
        let server = FakeServer::start().unwrap();
        let model = (row.model)(&server.url());
        let mut said = (row.said)("I look: ", &[("c7", "search", &pieces)]);
        // The end of the call, which tells all of it again, never comes.
        if row.name == "Responses" {
            said.pop();
        }
        let mut acts: Vec<Act> = said.into_iter().map(Act::raw).collect();
        acts.push(Act::gate("never"));
        server.reply(Reply::stream(acts));
        let (called, calls) = channel();
        let _running = model.converse(
            conversation(),
            Arc::new(drop),
            Arc::new(move |calling| drop(called.send(calling))),
        );
        let mut bytes = 0;
        while bytes < 2 * long.len() {
            match calls.recv_timeout(WAIT).unwrap() {
                Calling::Writes { bytes: more } => bytes += more,
                whole @ Calling::Whole(_) => panic!("{}: {whole:?}", row.name),
            }
        }
    }
}

/// What comes in pieces and again as a whole was written once.
#[test]
fn no_byte_of_a_call_is_told_twice() {
    for row in rows() {
        let server = FakeServer::start().unwrap();
        let model = (row.model)(&server.url());
        server.reply(reply(&row, true));
        let (told, all) = channel();
        let done = told.clone();
        let _running = model.converse(
            conversation(),
            Arc::new(move |event| {
                if matches!(event, ModelEvent::Done { .. }) {
                    let _ = done.send(None);
                }
            }),
            Arc::new(move |calling| {
                if let Calling::Writes { bytes } = calling {
                    let _ = told.send(Some(bytes));
                }
            }),
        );
        let mut bytes = 0;
        while let Some(more) = all.recv_timeout(WAIT).unwrap() {
            bytes += more;
        }
        let arguments: usize = TWO
            .iter()
            .flat_map(|(_, _, pieces)| *pieces)
            .map(|p| p.len())
            .sum();
        let names: usize = TWO.iter().map(|(_, name, _)| name.len()).sum();
        let want = arguments..=arguments + names;
        assert!(want.contains(&bytes), "{}: {bytes} of {want:?}", row.name);
    }
}

#[test]
fn where_a_stream_with_calls_is_split_does_not_matter_and_one_that_is_cut_calls_nothing() {
    for row in rows() {
        let server = FakeServer::start().unwrap();
        let model = (row.model)(&server.url());
        let size = reply(&row, true).body().len();
        for at in 1..size {
            server.reply(reply(&row, true).split_at(vec![at]));
            let (text, calls, _) = ask(&*model, conversation());
            assert_eq!(text, "I look: ", "{} {at}", row.name);
            check_two(row.name, &calls);
        }
        for at in 0..size {
            let mut cut = reply(&row, true);
            cut.cut_after = Some(at);
            server.reply(cut);
            let (_, calls, end) = ask(&*model, conversation());
            match end {
                // All of it had come by then.
                ModelEvent::Done { .. } => check_two(row.name, &calls),
                ModelEvent::Sent | ModelEvent::Text { .. } | ModelEvent::Failed { .. } => {
                    assert!(calls.is_empty(), "{} cut at {at}: {calls:?}", row.name)
                }
            }
        }
    }
}

#[test]
fn tools_turns_and_results_are_sent_as_each_protocol_writes_them() {
    let want = [
        (
            "messages",
            json!([
                {"role": "assistant", "content": "I look.", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{\"path\":\"a.py\"}"}},
                    {"id": "c2", "type": "function", "function": {"name": "no_such_tool", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "x = 1"},
                {"role": "tool", "tool_call_id": "c2", "content": "there is no such tool"},
                {"role": "user", "content": "Go on."},
            ]),
            "/tools/0/function/parameters",
        ),
        (
            "messages",
            json!([
                {"role": "assistant", "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "a.py"}},
                    {"type": "tool_use", "id": "c2", "name": "no_such_tool", "input": {}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "x = 1", "is_error": false},
                    {"type": "tool_result", "tool_use_id": "c2", "content": "there is no such tool", "is_error": true},
                    {"type": "text", "text": "Go on."}]},
            ]),
            "/tools/0/input_schema",
        ),
        (
            "input",
            json!([
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
                {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{\"path\":\"a.py\"}"},
                {"type": "function_call", "call_id": "c2", "name": "no_such_tool", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "x = 1"},
                {"type": "function_call_output", "call_id": "c2", "output": "there is no such tool"},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]},
            ]),
            "/tools/0/parameters",
        ),
    ];
    for (row, (under, turns, schema)) in rows().into_iter().zip(want) {
        let server = FakeServer::start().unwrap();
        let model = (row.model)(&server.url());
        server.reply(reply(&row, true));
        ask(&*model, conversation());
        let body = server.wait_request(1).unwrap().body;
        let said = body[under].as_array().unwrap();
        let turns = turns.as_array().unwrap();
        assert_eq!(said[said.len() - turns.len()..], turns[..], "{}", row.name);
        assert_eq!(
            body.pointer(schema).unwrap()["properties"]["path"]["type"],
            "string",
            "{}",
            row.name
        );
    }
}

#[test]
fn odd_servers_are_understood_and_floods_are_cut() {
    let row = &rows()[0];
    let server = FakeServer::start().unwrap();
    let model = (row.model)(&server.url());
    let delta = |calls: Value| data(&json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}));
    let one = |n: Value, id: &str, arguments: Value| json!({"index": n, "id": id, "function": {"name": "read", "arguments": arguments}});
    let names: Vec<(&str, Vec<String>, usize)> = vec![
        (
            "all are number 0",
            vec![
                delta(json!([one(json!(0), "a", json!("{}"))])),
                delta(json!([one(json!(0), "b", json!("{}"))])),
            ],
            2,
        ),
        (
            "no numbers, no ids, an object",
            vec![delta(json!([
                one(json!(null), "", json!({"path": "x"})),
                one(json!(null), "", json!({}))
            ]))],
            2,
        ),
    ];
    for (name, events, count) in names {
        server.reply(Reply::stream(
            events.into_iter().chain((row.end)(true)).map(Act::raw).collect(),
        ));
        let (_, calls, _) = ask(&*model, conversation());
        assert_eq!(calls.len(), count, "{name}: {calls:?}");
        assert!(calls.iter().all(|c| c.arguments.object().is_ok()), "{name}");
        assert_ne!(calls[0].id, calls[1].id, "{name}");
    }
    let many: Vec<Value> = (0..99)
        .map(|n| one(json!(n), &format!("c{n}"), json!("{}")))
        .collect();
    let long = one(json!(0), "a", json!("x".repeat(600 << 10)));
    for flood in [json!(many), json!([long])] {
        server.reply(Reply::stream(
            [delta(flood)]
                .into_iter()
                .chain((row.end)(true))
                .map(Act::raw)
                .collect(),
        ));
        let (_, calls, end) = ask(&*model, conversation());
        assert!(
            calls.is_empty() && matches!(end, ModelEvent::Failed { .. }),
            "{end:?}"
        );
    }
}
