//! A generation over the wire: what is sent, what comes back, and that stopping reaches the server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use brisk_domain::port::{Finish, Model, ModelEvent, Usage};
use brisk_providers::{Prefill, Secret};
use brisk_testkit::{Act, FakeServer, Reply};
use common::{ask, config, model, request, start};
use serde_json::{Value, json};

fn done(finish: Finish, usage: Usage) -> ModelEvent {
    ModelEvent::Done { finish, usage }
}

#[test]
fn an_answer_comes_in_order_with_its_counts() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::stream(vec![
        Act::gate("a"),
        Act::text("one"),
        Act::gate("b"),
        Act::text(" two"),
        Act::stop(),
        Act::Usage {
            input: 12,
            cached: 8,
            output: 2,
        },
        Act::Done,
    ]));
    let run = start(&model(config(&server.url())), request());
    assert_eq!(run.next(), ModelEvent::Sent);
    server.wait_request(1).unwrap();
    server.open("a");
    assert_eq!(
        run.next(),
        ModelEvent::Text {
            text: "one".to_owned()
        }
    );
    server.open("b");
    assert_eq!(
        run.next(),
        ModelEvent::Text {
            text: " two".to_owned()
        }
    );
    assert_eq!(
        run.next(),
        done(
            Finish::Stop,
            Usage {
                input: 12,
                cached: 8,
                output: 2,
                accepted: 0
            }
        )
    );
}

#[test]
fn the_request_is_what_servers_expect() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::text("a"));
    let mut config = config(&format!("{}/v1/", server.url()));
    config.endpoint.api_key = Secret::new("sk-test");
    config
        .endpoint
        .headers
        .push(("X-Title".to_owned(), Secret::new("brisk").unwrap()));
    let mut request = request();
    request.stop = ["<end>", "b", "c", "d", "fifth"].map(str::to_owned).into();
    request.prediction = Some("draft".to_owned());
    request.max_tokens = 99;
    start(&model(config), request).end();
    let got = server.wait_request(1).unwrap();
    assert_eq!(got.header("authorization"), Some("Bearer sk-test"));
    assert_eq!(got.header("x-title"), Some("brisk"));
    assert_eq!(
        got.body,
        json!({
            "model": "fake-wire",
            "messages": [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": "Say hello."},
            ],
            "stream": true,
            "stream_options": {"include_usage": true},
            "temperature": 0,
            "max_tokens": 99,
            "stop": ["<end>", "b", "c", "d"],
        })
    );
}

#[test]
fn a_reasoning_model_is_asked_as_it_wants_and_stopped_here() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::text("a<end>b"));
    let mut config = config(&server.url());
    config.reasoning = true;
    config.prediction = true;
    config.effort = Some("low".to_owned());
    let mut request = request();
    request.stop = vec!["<end>".to_owned()];
    request.prediction = Some("draft".to_owned());
    request.max_tokens = 99;
    assert_eq!(start(&model(config), request).end().0, "a");
    let body = server.wait_request(1).unwrap().body;
    assert_eq!(body["max_completion_tokens"], json!(99));
    assert_eq!(body["reasoning_effort"], json!("low"));
    for absent in ["temperature", "max_tokens", "stop", "prediction"] {
        assert_eq!(body.get(absent), None, "{absent}");
    }
}

#[test]
fn a_prediction_is_sent_where_the_server_knows_it() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::text("a"));
    let mut config = config(&server.url());
    config.prediction = true;
    let mut request = request();
    request.prediction = Some("draft".to_owned());
    start(&model(config), request).end();
    let got = server.wait_request(1).unwrap();
    assert_eq!(
        got.body["prediction"],
        json!({"type": "content", "content": "draft"})
    );
    assert_eq!(got.body["stop"], Value::Null);
}

#[test]
fn the_opening_is_continued_or_asked_for_and_never_repeated() {
    for (prefill, answer, last, flags) in [
        (
            Prefill::TrailingMessage,
            "x\n```\nbye",
            ("assistant", "```rust\n"),
            Value::Null,
        ),
        (
            Prefill::ContinueFinalMessage,
            "x\n```\nbye",
            ("assistant", "```rust\n"),
            json!(true),
        ),
        (
            Prefill::Unsupported,
            "```rust\nx\n```\nbye",
            (
                "user",
                "Say hello.\n\nBegin your answer with exactly this, nothing before it:\n```rust\n",
            ),
            Value::Null,
        ),
    ] {
        let server = FakeServer::start().unwrap();
        server.reply(Reply::text(answer));
        let mut config = config(&server.url());
        config.prefill = prefill;
        let mut request = request();
        request.answer_prefix = "```rust\n".to_owned();
        request.stop = vec!["```".to_owned()];
        let (text, end) = start(&model(config), request).end();
        assert_eq!(text, "x\n", "{prefill:?}");
        assert!(matches!(
            end,
            ModelEvent::Done {
                finish: Finish::Stop,
                ..
            }
        ));
        let body = server.wait_request(1).unwrap().body;
        let message = body["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (message["role"].as_str(), message["content"].as_str()),
            (Some(last.0), Some(last.1))
        );
        assert_eq!(body["continue_final_message"], flags);
        // The server must not stop at the fence that the model is asked to open.
        let told = prefill != Prefill::Unsupported;
        assert_eq!(body["stop"], if told { json!(["```"]) } else { Value::Null });
    }
}

#[test]
fn the_end_is_taken_as_servers_write_it() {
    let stop = r#"data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
    let none = Usage::default();
    for (acts, want) in [
        // No `[DONE]`, no counts, no blank line.
        (vec![Act::raw(format!("{stop}\n"))], done(Finish::Stop, none)),
        (
            vec![Act::raw(format!("{stop}\n\n")), Act::Cut],
            done(Finish::Stop, none),
        ),
        // No reason.
        (vec![Act::text("a"), Act::Done], done(Finish::Stop, none)),
        (
            vec![
                Act::text("a"),
                Act::Finish {
                    reason: "length".to_owned(),
                },
                Act::Done,
            ],
            done(Finish::Length, none),
        ),
        (
            vec![
                Act::text("a"),
                Act::Finish {
                    reason: "eos".to_owned(),
                },
                Act::Done,
            ],
            done(Finish::Stop, none),
        ),
        // Nulls, unknown fields, empty choices, comments, Windows line ends, no space.
        (
            vec![Act::raw(
                ": ping\r\n\r\ndata:{\"choices\":null,\"usage\":null,\"error\":null}\r\n\r\n\
                 data:{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null},\"x\":1}]}\r\n\r\n\
                 data:{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\ndata:[DONE]\r\n\r\n",
            )],
            done(Finish::Stop, none),
        ),
        // What comes after the reason cannot spoil the answer.
        (
            vec![Act::raw(format!("{stop}\n\ndata: {{nonsense\n\n")), Act::Done],
            done(Finish::Stop, none),
        ),
    ] {
        let server = FakeServer::start().unwrap();
        server.reply(Reply::stream(acts.clone()));
        assert_eq!(ask(&server), ("a".to_owned(), want), "{acts:?}");
    }
}

#[test]
fn a_stream_split_at_every_byte_is_the_same_answer() {
    let text = "fn é() { \"😀\" }\n";
    let reply = Reply::text(text);
    let server = FakeServer::start().unwrap();
    let model = model(config(&server.url()));
    let whole = {
        server.reply(reply.clone());
        start(&model, request()).end()
    };
    assert_eq!(whole.0, text);
    let size = reply.body().len();
    for at in 1..size {
        server.reply(reply.clone().split_at(vec![at]));
        assert_eq!(start(&model, request()).end(), whole, "split at {at}");
    }
    server.reply(reply.split_at((1..size).collect()));
    assert_eq!(start(&model, request()).end(), whole, "split at every byte");
}

#[test]
fn connections_are_kept() {
    const TURNS: usize = 50;
    let server = FakeServer::start().unwrap();
    let model = model(config(&server.url()));
    for _ in 0..TURNS {
        server.reply(Reply::text("a"));
        start(&model, request()).end();
    }
    // Whether one connection is free again when the next turn begins is a race; that all are lost is not.
    assert!(
        server.connections() < TURNS,
        "{} connections",
        server.connections()
    );
}

#[test]
fn a_warm_up_connects_and_a_dead_server_does_not_matter() {
    let server = FakeServer::start().unwrap();
    let model = model(config(&server.url()));
    model.warm(request());
    server.wait_model_lists(1).unwrap();
    assert_eq!(server.requests(), []);
    drop(server);
    model.warm(request());
}

#[test]
fn a_drop_closes_the_connection_wherever_the_answer_stands() {
    let endless = || Act::Repeat {
        text: "x".to_owned(),
        count: None,
    };
    for (reply, wait_for_text) in [
        (Reply::stream(vec![Act::Hang]).hold("never"), false),
        (Reply::stream(vec![Act::Hang]), false),
        (Reply::stream(vec![Act::text("a"), Act::Hang]), true),
        (Reply::stream(vec![Act::raw("data: {\"cho"), Act::Hang]), false),
        (Reply::stream(vec![endless()]), true),
        (Reply::stream(vec![Act::raw("wait")]).hold("never"), false),
    ] {
        let server = FakeServer::start().unwrap();
        server.reply(reply);
        let mut all = request();
        all.max_tokens = usize::MAX;
        let run = start(&model(config(&server.url())), all);
        assert_eq!(run.next(), ModelEvent::Sent);
        server.wait_request(1).unwrap();
        if wait_for_text {
            assert!(matches!(run.next(), ModelEvent::Text { .. }));
        }
        run.stop();
        server.wait_gone(1).unwrap();
    }
}

#[test]
fn a_server_that_ignores_stop_or_bound_is_stopped_here() {
    let server = FakeServer::start().unwrap();
    let endless = |text: &str| {
        Reply::stream(vec![Act::Repeat {
            text: text.to_owned(),
            count: None,
        }])
    };
    server.reply(endless("ab``` "));
    let mut stop = request();
    stop.stop = vec!["```".to_owned()];
    let model = model(config(&server.url()));
    let run = start(&model, stop);
    assert_eq!(run.end(), ("ab".to_owned(), done(Finish::Stop, Usage::default())));
    server.wait_gone(1).unwrap();

    server.reply(endless("ab"));
    let mut bound = request();
    bound.max_tokens = 3;
    assert_eq!(
        start(&model, bound).end(),
        ("ababab".to_owned(), done(Finish::Length, Usage::default()))
    );
    server.wait_gone(2).unwrap();
}

#[test]
fn very_many_tiny_frames_arrive_complete() {
    const FRAMES: u64 = 200_000;
    let server = FakeServer::start().unwrap();
    let many = Act::Repeat {
        text: "x".to_owned(),
        count: Some(FRAMES),
    };
    server.reply(Reply::stream(vec![many, Act::stop(), Act::Done]));
    let mut all = request();
    all.max_tokens = usize::MAX;
    let (text, end) = start(&model(config(&server.url())), all).end();
    assert_eq!(text.len() as u64, FRAMES);
    assert!(matches!(end, ModelEvent::Done { .. }));
}
