//! What only the Responses client does: news on a kept socket, warm-ups, interrupts, and the way round a socket that
//! fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use brisk_domain::ModelId;
use brisk_domain::port::{
    FaultSource, Finish, GenerateRequest, Message, Model, ModelEvent, Retry, Role, Usage,
};
use brisk_providers::{Limit, RateLimits, ResponsesConfig, ResponsesModel, Secret, Transport};
use brisk_testkit::WAIT;
use brisk_testkit::responses::{Interrupts, Manners, ResponsesServer, Say, Speech};
use common::{request, runtime, start};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn config(server: &ResponsesServer) -> ResponsesConfig {
    let mut config = ResponsesConfig::new(ModelId("fake".to_owned()), server.url(), "fake-wire");
    // However busy the machine is.
    config.settle = WAIT;
    config
}

fn model(config: ResponsesConfig) -> ResponsesModel {
    ResponsesModel::new(config, runtime().handle().clone()).unwrap()
}

fn server() -> ResponsesServer {
    ResponsesServer::start().unwrap()
}

/// The request with more said after it: `u:` or `a:` before each text.
fn then(mut request: GenerateRequest, more: &[&str]) -> GenerateRequest {
    request.messages.extend(more.iter().map(|line| {
        let (who, text) = line.split_once(':').unwrap();
        Message {
            role: if who == "a" { Role::Assistant } else { Role::User },
            text: text.to_owned(),
        }
    }));
    request
}

/// What a request stands for, as the server must see it.
fn lines(request: &GenerateRequest) -> Vec<(String, String)> {
    let role = |role| match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let line = |m: &Message| (role(m.role).to_owned(), m.text.clone());
    request.messages.iter().map(line).collect()
}

fn items(body: &Value) -> usize {
    body["input"].as_array().unwrap().len()
}

fn said(text: &str, end: &ModelEvent, want: &str) {
    assert!(
        matches!(
            end,
            ModelEvent::Done {
                finish: Finish::Stop,
                ..
            }
        ),
        "{end:?}"
    );
    assert_eq!(text, want);
}

fn ask(model: &ResponsesModel, request: GenerateRequest, want: &str) {
    let (text, end) = start(model, request).end();
    said(&text, &end, want);
}

#[test]
fn only_news_goes_over_a_kept_socket() {
    let server = server();
    let mut config = config(&server);
    config.api_key = Secret::new("sk-test");
    let model = model(config);
    let mut next = request();
    for turn in 0..20 {
        let answer = format!("answer {turn}");
        server.say(Speech::text(&answer));
        ask(&model, next.clone(), &answer);
        let got = server.wait_asked(turn + 1).unwrap();
        // By the server's own reading, nothing is missing and nothing is there twice.
        assert_eq!(got.whole, Some(lines(&next)), "turn {turn}");
        assert_eq!(items(&got.body), if turn == 0 { 2 } else { 1 });
        assert!(got.socket && got.bytes < 500, "{} bytes", got.bytes);
        next = then(next, &[&format!("a:{answer}"), &format!("u:and {turn}?")]);
    }
    assert_eq!((server.connections(), server.sockets()), (1, 1));
    let first = server.wait_asked(1).unwrap();
    assert_eq!(first.header("authorization"), Some("Bearer sk-test"));
    assert_eq!(
        first.header("openai-beta"),
        Some("responses_websockets=2026-02-06")
    );
    assert_eq!(
        first.body,
        json!({"type": "response.create", "model": "fake-wire", "store": false, "max_output_tokens": 10_000,
        "prompt_cache_key": "0000000000000007", "input": [
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be short."}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say hello."}]},
        ]})
    );
}

#[test]
fn counts_come_with_the_end() {
    let server = server();
    server.say(Speech::text("abcdefgh"));
    let (_, end) = start(&model(config(&server)), request()).end();
    let usage = Usage {
        input: 4,
        cached: 0,
        output: 2,
        accepted: 0,
    };
    let finish = Finish::Stop;
    assert_eq!(end, ModelEvent::Done { finish, usage });
}

#[test]
fn another_history_is_sent_whole_on_the_same_socket() {
    let server = server();
    let model = model(config(&server));
    server.say(Speech::text("a"));
    ask(&model, request(), "a");
    let other = then(request(), &["a:b", "u:c"]);
    server.say(Speech::text("d"));
    ask(&model, other.clone(), "d");
    let got = server.wait_asked(2).unwrap();
    assert_eq!(got.body["previous_response_id"], Value::Null);
    assert_eq!((got.whole, server.sockets()), (Some(lines(&other)), 1));
}

#[test]
fn the_opening_is_asked_for_beside_the_conversation() {
    let server = server();
    let model = model(config(&server));
    let mut first = request();
    first.answer_prefix = "```rust\n".to_owned();
    first.stop = vec!["```".to_owned()];
    server.say(Speech::text("```rust\nx\n"));
    ask(&model, first.clone(), "x\n");
    let mut second = then(first, &["a:x\n", "u:again"]);
    second.answer_prefix.clear();
    server.say(Speech::text("y"));
    ask(&model, second, "y");
    let asked = server.asked();
    assert_eq!((items(&asked[0].body), items(&asked[1].body)), (3, 1));
    let opening = "Begin your answer with exactly this, nothing before it:\n```rust\n";
    assert_eq!(asked[0].body["input"][2]["content"][0]["text"], opening);
}

#[test]
fn a_warm_up_leaves_only_the_prompt_to_send() {
    let server = server();
    let model = model(config(&server));
    model.warm(request());
    let warm = server.wait_asked(1).unwrap();
    assert_eq!((warm.warm_up, &warm.body["generate"]), (true, &json!(false)));
    let next = then(request(), &["u:now"]);
    server.say(Speech::text("a"));
    ask(&model, next.clone(), "a");
    let got = server.wait_asked(2).unwrap();
    assert_eq!((got.whole, server.sockets()), (Some(lines(&next)), 1));
    assert_eq!((items(&got.body), &got.body["generate"]), (1, &Value::Null));
    // What is known need not be read again.
    model.warm(next.clone());
    server.say(Speech::text("b"));
    ask(&model, then(next, &["a:a", "u:b"]), "b");
}

#[test]
fn a_server_that_talks_in_a_warm_up_is_stopped_and_not_asked_again() {
    let server = server();
    server.manners(Manners {
        warm_ups: false,
        ..Manners::default()
    });
    server.say(Speech::of(vec![Say::text("chatter"), Say::Hang]));
    let model = model(config(&server));
    model.warm(request());
    server.wait_unwanted(1).unwrap();
    server.say(Speech::text("a"));
    ask(&model, request(), "a");
    model.warm(then(request(), &["u:more"]));
    server.say(Speech::text("b"));
    ask(&model, then(request(), &["u:c"]), "b");
    assert!(server.asked()[1..].iter().all(|asked| !asked.warm_up));
}

#[test]
fn an_interrupt_keeps_socket_and_conversation() {
    let server = server();
    let model = model(config(&server));
    server.say(Speech::of(vec![Say::text("par"), Say::text("tial"), Say::Hang]));
    let run = start(&model, request());
    assert_eq!(run.next(), ModelEvent::Sent);
    let mut got = String::new();
    while got != "partial" {
        match run.next() {
            ModelEvent::Text { text } => got.push_str(&text),
            other @ (ModelEvent::Sent | ModelEvent::Done { .. } | ModelEvent::Failed { .. }) => {
                panic!("{other:?}")
            }
        }
    }
    run.stop();
    let (_, interrupt) = server.wait_unwanted(1).unwrap();
    assert!(interrupt);
    // The partial text is news to the server, which dropped it.
    let next = then(request(), &["a:partial", "u:no, otherwise"]);
    server.say(Speech::text("better"));
    ask(&model, next.clone(), "better");
    let got = server.wait_asked(2).unwrap();
    assert_eq!((got.whole, server.sockets()), (Some(lines(&next)), 1));
    assert_eq!(items(&got.body), 2);
}

#[test]
fn after_an_interrupt_of_an_answer_with_a_whole_message_everything_is_sent() {
    let server = server();
    let model = model(config(&server));
    let item = json!({"type": "response.output_item.done", "item": {"type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "one"}]}});
    server.say(Speech::of(vec![
        Say::text("one"),
        Say::event(item),
        Say::text("two"),
        Say::Hang,
    ]));
    let run = start(&model, request());
    let mut got = String::new();
    while got != "onetwo" {
        match run.next() {
            ModelEvent::Sent => {}
            ModelEvent::Text { text } => got.push_str(&text),
            other @ (ModelEvent::Done { .. } | ModelEvent::Failed { .. }) => panic!("{other:?}"),
        }
    }
    run.stop();
    server.wait_unwanted(1).unwrap();
    let next = then(request(), &["a:onetwo", "u:no, otherwise"]);
    server.say(Speech::text("better"));
    ask(&model, next.clone(), "better");
    let got = server.wait_asked(2).unwrap();
    assert_eq!(got.body["previous_response_id"], Value::Null);
    assert_eq!((got.whole, server.sockets()), (Some(lines(&next)), 1));
}

#[test]
fn a_stop_text_interrupts_the_server_and_keeps_the_conversation() {
    let server = server();
    let model = model(config(&server));
    server.say(Speech::of(vec![Say::text("x```"), Say::Hang]));
    let mut first = request();
    first.stop = vec!["```".to_owned()];
    ask(&model, first.clone(), "x");
    assert!(server.wait_unwanted(1).unwrap().1);
    let next = then(first, &["a:x", "u:on"]);
    server.say(Speech::text("y"));
    ask(&model, next.clone(), "y");
    let got = server.wait_asked(2).unwrap();
    assert_eq!((got.whole, server.sockets()), (Some(lines(&next)), 1));
    assert_eq!(got.body["previous_response_id"], "resp_1");
}

#[test]
fn a_server_without_interrupts_is_stopped_by_the_end_of_the_socket() {
    for interrupts in [Interrupts::Refused, Interrupts::Ignored] {
        let server = server();
        server.manners(Manners {
            interrupts,
            ..Manners::default()
        });
        let model = model(config(&server));
        for turn in 1..=2 {
            server.say(Speech::of(vec![Say::text("a"), Say::Hang]));
            let run = start(&model, request());
            assert_eq!(run.next(), ModelEvent::Sent);
            assert!(matches!(run.next(), ModelEvent::Text { .. }));
            run.stop();
            let (_, interrupt) = server.wait_unwanted(turn).unwrap();
            assert!(!interrupt, "{interrupts:?}");
        }
        server.say(Speech::text("b"));
        ask(&model, request(), "b");
    }
}

#[test]
fn one_interrupt_that_is_not_answered_does_not_end_them() {
    let server = server();
    let model = model(config(&server));
    for (turn, interrupts) in [Interrupts::Ignored, Interrupts::Taken].into_iter().enumerate() {
        server.manners(Manners {
            interrupts,
            ..Manners::default()
        });
        server.say(Speech::of(vec![Say::text("a"), Say::Hang]));
        let run = start(&model, request());
        assert_eq!(run.next(), ModelEvent::Sent);
        assert!(matches!(run.next(), ModelEvent::Text { .. }));
        run.stop();
        let (_, interrupt) = server.wait_unwanted(turn + 1).unwrap();
        assert_eq!(interrupt, interrupts == Interrupts::Taken);
    }
}

#[test]
fn a_forgotten_conversation_is_sent_whole_at_once() {
    for transport in [Transport::WebSocket, Transport::Sse] {
        let server = server();
        let mut config = config(&server);
        config.transport = transport;
        config.store = true;
        let model = model(config);
        server.say(Speech::text("a"));
        ask(&model, request(), "a");
        server.forget();
        let next = then(request(), &["a:a", "u:b"]);
        server.say(Speech::text("c"));
        ask(&model, next.clone(), "c");
        let asked = server.asked();
        assert_eq!((asked.len(), &asked[1].whole), (3, &None), "{transport:?}");
        assert_eq!(asked[2].whole, Some(lines(&next)), "{transport:?}");
        assert!(server.sockets() <= 1);
    }
}

#[test]
fn what_a_server_may_keep_is_followed_over_http_as_well() {
    for store in [true, false] {
        let server = server();
        let mut config = config(&server);
        config.transport = Transport::Sse;
        config.store = store;
        let model = model(config);
        server.say(Speech::text("a"));
        ask(&model, request(), "a");
        let next = then(request(), &["a:a", "u:b"]);
        server.say(Speech::text("c"));
        ask(&model, next.clone(), "c");
        let got = server.wait_asked(2).unwrap();
        assert_eq!(got.body["stream"], true);
        assert_eq!(items(&got.body), if store { 1 } else { 4 });
        assert_eq!((got.whole, server.sockets()), (Some(lines(&next)), 0));
    }
}

#[test]
fn without_sockets_requests_go_over_http() {
    for status in [426, 404, 400, 405, 501, 500, 503] {
        let server = server();
        server.manners(Manners {
            no_sockets: Some(status),
            ..Manners::default()
        });
        let model = model(config(&server));
        for turn in 1..=3 {
            server.say(Speech::text("a"));
            ask(&model, request(), "a");
            assert!(!server.wait_asked(turn).unwrap().socket);
        }
        // It is remembered: nobody waits for a second refusal.
        assert_eq!(server.sockets(), 0, "{status}");
    }
}

#[test]
fn a_socket_that_dies_before_the_first_text_is_gone_round_at_once() {
    let cases: [(&str, Speech); 4] = [
        ("at once", Speech::of(vec![Say::Cut]).bare()),
        ("after its beginning", Speech::of(vec![Say::Cut])),
        ("in a frame", Speech::text("abc").cut_after(20)),
        (
            "with a close",
            Speech::of(vec![Say::Wire {
                bytes: vec![0x88, 0x00],
            }])
            .bare(),
        ),
    ];
    for (when, speech) in cases {
        let server = server();
        let model = model(config(&server));
        server.say(speech);
        server.say(Speech::text("hello"));
        let run = start(&model, request());
        // Its owner hears once that it left.
        assert_eq!(run.next(), ModelEvent::Sent);
        assert_eq!(
            run.next(),
            ModelEvent::Text {
                text: "hell".to_owned()
            },
            "{when}"
        );
        let (text, end) = run.end();
        said(&text, &end, "o");
        let asked = server.asked();
        let ways: Vec<bool> = asked.iter().map(|asked| asked.socket).collect();
        assert_eq!(ways, [true, false], "{when}");
    }
}

#[test]
fn a_socket_that_dies_after_text_is_a_fault_and_nothing_is_asked_again() {
    let server = server();
    let model = model(config(&server));
    server.say(Speech::of(vec![Say::text("half"), Say::Cut]));
    let (text, end) = start(&model, request()).end();
    let ModelEvent::Failed { fault } = end else {
        panic!("{end:?}")
    };
    let want = ("half", FaultSource::Network, Retry::After { ms: 0 });
    assert_eq!((text.as_str(), fault.source, fault.retry), want);
    assert_eq!(server.asked().len(), 1);
    // The next one takes a new socket, and sends everything.
    let next = then(request(), &["a:half", "u:go on"]);
    server.say(Speech::text("b"));
    ask(&model, next.clone(), "b");
    let got = server.wait_asked(2).unwrap();
    assert_eq!((got.socket, got.whole), (true, Some(lines(&next))));
}

#[test]
fn a_kept_socket_that_died_unseen_costs_nothing_but_the_way() {
    for _ in 0..5 {
        let server = server();
        let model = model(config(&server));
        server.say(Speech::text("a"));
        ask(&model, request(), "a");
        server.cut();
        // Whether the client has seen the end by now is a race; either way the request is answered.
        let next = then(request(), &["a:a", "u:b"]);
        server.say(Speech::text("b"));
        ask(&model, next.clone(), "b");
        assert_eq!(server.asked().last().unwrap().whole, Some(lines(&next)));
    }
}

#[test]
fn a_socket_is_tried_again_beside_a_request() {
    let server = server();
    server.manners(Manners {
        dies_on_request: true,
        ..Manners::default()
    });
    let model = model(config(&server));
    server.say(Speech::text("a"));
    ask(&model, request(), "a");
    server.manners(Manners::default());
    // The pause after the first failure is a second; requests in between go over HTTP.
    let mut asked = 2;
    while server.sockets() < 2 {
        server.say(Speech::text("a"));
        ask(&model, request(), "a");
        asked += 1;
    }
    server.wait_sockets(2).unwrap();
    // It was opened beside one of them, and is taken as soon as it is there.
    loop {
        server.say(Speech::text("a"));
        ask(&model, request(), "a");
        asked += 1;
        if server.wait_asked(asked).unwrap().socket {
            break;
        }
    }
}

#[test]
fn the_end_of_a_sockets_life_is_not_felt() {
    let limit = json!({"type": "error", "status": 400, "error": {"type": "invalid_request_error",
        "code": "websocket_connection_limit_reached", "message": "Create a new connection."}});
    let server = server();
    let model = model(config(&server));
    server.say(Speech::of(vec![Say::event(limit)]).bare());
    server.say(Speech::text("a"));
    ask(&model, request(), "a");
    assert_eq!(server.sockets(), 2);
    assert!(server.asked().iter().all(|asked| asked.socket));
}

#[test]
fn a_socket_is_replaced_before_it_is_too_old() {
    let server = server();
    let mut config = config(&server);
    config.rollover = Duration::from_millis(20);
    let model = model(config);
    server.say(Speech::text("a"));
    ask(&model, request(), "a");
    server.wait_sockets(3).unwrap();
    server.say(Speech::text("b"));
    ask(&model, request(), "b");
}

#[test]
fn the_token_of_a_turn_stays_in_the_turn() {
    let metadata = json!({"type": "response.metadata", "headers": {"x-codex-turn-state": "t1"}});
    let server = server();
    let model = model(config(&server));
    server.say(Speech::of(vec![Say::event(metadata), Say::Cut]));
    server.say(Speech::text("a"));
    ask(&model, request(), "a");
    server.say(Speech::text("b"));
    ask(&model, request(), "b");
    let tokens: Vec<_> = server
        .asked()
        .iter()
        .map(|asked| asked.header("x-codex-turn-state").map(str::to_owned))
        .collect();
    assert_eq!(tokens, [None, Some("t1".to_owned()), None]);
}

#[test]
fn quotas_are_noted() {
    let limit = |used_percent| Limit {
        used_percent,
        window_minutes: Some(300),
        reset_at: Some(1_795_348_860),
    };
    let event =
        json!({"type": "codex.rate_limits", "rate_limits": {"primary": limit(12.0), "secondary": null}});
    let server = server();
    let model = model(config(&server));
    assert_eq!(model.rate_limits(), None);
    server.say(Speech::of(vec![Say::event(event), Say::text("a"), Say::Complete]));
    let run = start(&model, request());
    run.end();
    server.wait_ended(1).unwrap();
    server.say(Speech::text("b"));
    ask(&model, request(), "b");
    let want = RateLimits {
        primary: Some(limit(12.0)),
        secondary: None,
    };
    assert_eq!(model.rate_limits(), Some(want));
}

#[test]
fn a_request_that_was_dropped_before_it_was_sent_leaves_the_conversation() {
    // One thread that runs only while it is waited for: what happens in between is in the test's hand.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = server();
    let model = ResponsesModel::new(config(&server), runtime.handle().clone()).unwrap();
    // Begun within the runtime, so that tasks run in the order in which they were made ready.
    let ask = |request: GenerateRequest| {
        let end = async {
            let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
            let _running = model.generate(request, Arc::new(move |event| drop(tx.send(event))));
            loop {
                match rx.recv().await.unwrap() {
                    ModelEvent::Sent | ModelEvent::Text { .. } => {}
                    ModelEvent::Done { .. } => return,
                    ModelEvent::Failed { fault } => panic!("{}", fault.message),
                }
            }
        };
        runtime
            .block_on(async { tokio::time::timeout(WAIT, end).await })
            .unwrap();
    };
    // It opens no socket that nobody waits for.
    runtime.block_on(async { drop(model.generate(request(), Arc::new(|_| ()))) });
    server.say(Speech::text("a"));
    ask(request());
    let mut next = then(request(), &["a:a", "u:b"]);
    for (turn, sooner) in [true, false].into_iter().enumerate() {
        runtime.block_on(async {
            let dropped = model.generate(next.clone(), Arc::new(|_| ()));
            match sooner {
                // Before a lane is chosen.
                true => drop(dropped),
                // After that, and before the lane reads it.
                false => drop(tokio::spawn(async move { drop(dropped) })),
            }
        });
        server.say(Speech::text("c"));
        ask(next.clone());
        let got = server.wait_asked(turn + 2).unwrap();
        assert_eq!((items(&got.body), got.whole), (1, Some(lines(&next))), "{sooner}");
        next = then(next, &["a:c", "u:d"]);
    }
    assert_eq!(server.sockets(), 1);
}

#[test]
fn two_conversations_keep_a_socket_each() {
    let server = server();
    let model = model(config(&server));
    let other = |mut request: GenerateRequest| {
        request.cache_key = 8;
        request.messages[0].text.push_str(" Really.");
        request
    };
    let mut next = request();
    for turn in 0..5 {
        for request in [next.clone(), other(next.clone())] {
            server.say(Speech::text("a"));
            ask(&model, request, "a");
        }
        next = then(next, &["a:a", &format!("u:{turn}")]);
    }
    let asked = server.asked();
    assert!(asked[2..].iter().all(|asked| items(&asked.body) == 1));
    assert_eq!(server.sockets(), 2);
}

#[test]
fn pings_and_unknown_events_do_no_harm() {
    let server = server();
    let model = model(config(&server));
    server.say(Speech::of(vec![
        Say::Wire {
            bytes: vec![0x89, 0x01, b'?'],
        },
        Say::event(json!({"type": "of.next_year", "x": {"y": [1]}})),
        Say::event(json!({"type": "response.reasoning_summary_text.delta", "delta": "hm"})),
        Say::text("a"),
        Say::event(json!({"type": "response.output_text.done", "text": "a"})),
        Say::Complete,
    ]));
    ask(&model, request(), "a");
}

#[test]
fn a_small_server_says_no_more_than_it_must() {
    let server = server();
    let model = model(config(&server));
    let end = json!({"type": "response.completed", "response": {"id": "x"}});
    let item = json!({"type": "response.output_item.done", "item": {"type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "whole"}]}});
    for _ in 0..2 {
        server.say(Speech::of(vec![Say::event(item.clone()), Say::event(end.clone())]).bare());
        ask(&model, request(), "whole");
    }
    assert_eq!(server.sockets(), 1);
}

fn late_ends(server: &ResponsesServer) {
    server.manners(Manners {
        late_ends: true,
        ..Manners::default()
    });
}

#[test]
fn the_late_end_of_a_refused_request_is_not_the_end_of_the_same_request_sent_whole() {
    let server = server();
    late_ends(&server);
    let model = model(config(&server));
    server.say(Speech::text("a"));
    ask(&model, request(), "a");
    server.forget();
    let mut next = then(request(), &["a:a", "u:b"]);
    for (question, answer) in [("u:c", "first"), ("u:d", "second")] {
        server.say(Speech::text(answer));
        ask(&model, next.clone(), answer);
        next = then(next, &[&format!("a:{answer}"), question]);
    }
    let sockets: Vec<bool> = server.asked().iter().map(|asked| asked.socket).collect();
    assert_eq!((sockets, server.sockets()), (vec![true; 4], 1));
}

#[test]
fn a_socket_that_refuses_a_whole_request_for_what_it_follows_is_left() {
    let gone = json!({"type": "error", "error": {"code": "previous_response_not_found", "message": "x"}});
    let server = server();
    let model = model(config(&server));
    server.say(Speech::of(vec![
        Say::event(gone),
        Say::text("late"),
        Say::Complete,
    ]));
    server.say(Speech::text("a"));
    ask(&model, request(), "a");
    server.wait_closed(1).unwrap();
    server.say(Speech::text("b"));
    ask(&model, then(request(), &["a:a", "u:b"]), "b");
}

#[test]
fn the_late_end_of_a_failed_answer_is_not_the_end_of_the_next() {
    for known in [true, false] {
        let server = server();
        late_ends(&server);
        let model = model(config(&server));
        if known {
            server.say(Speech::text("a"));
            ask(&model, request(), "a");
        }
        server.say(Speech::refusal(500, &[], json!({"message": "r1 broke"})));
        let (_, end) = start(&model, request()).end();
        assert!(matches!(end, ModelEvent::Failed { .. }), "{end:?}");
        server.say(Speech::text("b"));
        ask(&model, request(), "b");
        // Only a server that names its answers keeps its socket after an error.
        assert_eq!(server.sockets(), if known { 1 } else { 2 });
    }
}

#[test]
fn a_hundred_megabytes_in_one_frame_are_refused_by_name() {
    for transport in [Transport::WebSocket, Transport::Sse] {
        let server = server();
        let mut config = config(&server);
        config.transport = transport;
        let model = model(config);
        server.say(Speech::of(vec![
            Say::text("a"),
            Say::Big { letters: 100_000_000 },
        ]));
        let (text, end) = start(&model, request()).end();
        let ModelEvent::Failed { fault } = end else {
            panic!("{end:?}")
        };
        assert_eq!((text.as_str(), fault.source), ("a", FaultSource::Upstream));
        assert!(
            fault.message.contains("larger than 8388608 bytes"),
            "{}",
            fault.message
        );
        server.say(Speech::text("b"));
        ask(&model, request(), "b");
    }
}

#[test]
fn a_million_tiny_frames_arrive_in_order() {
    const FRAMES: usize = 1_000_000;
    let server = server();
    let model = model(config(&server));
    server.say(Speech::of(vec![
        Say::text("<"),
        Say::Repeat {
            text: "x".to_owned(),
            count: Some(FRAMES as u64),
        },
        Say::text(">"),
        Say::Complete,
    ]));
    let mut all = request();
    all.max_tokens = usize::MAX;
    let (text, end) = start(&model, all).end();
    assert!(matches!(end, ModelEvent::Done { .. }), "{end:?}");
    assert_eq!(text.len(), FRAMES + 2);
    assert!(text.starts_with("<x") && text.ends_with("x>"));
}

#[test]
fn more_requests_than_sockets_are_answered_all_the_same() {
    let server = server();
    let model = model(config(&server));
    let runs: Vec<_> = (0..12)
        .map(|n| {
            server.say(Speech::of(vec![Say::gate("go"), Say::text("a"), Say::Complete]));
            let mut request = request();
            request.cache_key = n;
            start(&model, request)
        })
        .collect();
    server.wait_asked(12).unwrap();
    server.open("go");
    for run in runs {
        let (text, end) = run.end();
        said(&text, &end, "a");
    }
    assert!(server.sockets() <= 4, "{}", server.sockets());
}

#[test]
fn a_dropped_model_leaves_no_socket() {
    let server = server();
    let model = model(config(&server));
    server.say(Speech::text("a"));
    ask(&model, request(), "a");
    drop(model);
    server.wait_closed(1).unwrap();
}
