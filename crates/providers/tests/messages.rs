//! Anthropic Messages over the wire: what is sent, what comes back, every fault at every byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use brisk_domain::ModelId;
use brisk_domain::port::{Fault, FaultSource, Finish, Message, Model, ModelEvent, Retry, Role, Usage};
use brisk_providers::{EVENT_MAX, MessagesConfig, MessagesModel, Probe, Secret};
use brisk_testkit::{Act, FakeServer, Reply, WAIT};
use common::{request, runtime, start};
use serde_json::{Value, json};
use std::time::Duration;

const KEY: &str = "sk-ant-very-secret-0123456789";

fn config(url: &str) -> MessagesConfig {
    let mut config = MessagesConfig::new(ModelId("fake".to_owned()), url, "claude-fake");
    config.endpoint.api_key = Secret::new(KEY);
    config.endpoint.key_name = "the variable ANTHROPIC_API_KEY".to_owned();
    config
}

fn model(config: MessagesConfig) -> MessagesModel {
    MessagesModel::new(config, runtime().handle().clone()).unwrap()
}

/// One event as the vendor writes it: its name twice.
fn event(value: Value) -> Act {
    let name = value["type"].as_str().unwrap().to_owned();
    Act::raw(format!("event: {name}\ndata: {value}\n\n"))
}

fn began() -> Act {
    event(json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "claude-fake",
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 9, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 400,
                  "output_tokens": 1},
    }}))
}

fn text(text: &str) -> Act {
    event(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}))
}

fn ended(reason: &str) -> Act {
    event(
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
                 "usage": {"output_tokens": 12}}),
    )
}

fn stop() -> Act {
    event(json!({"type": "message_stop"}))
}

/// A whole answer with everything that surrounds its text.
fn answer(pieces: &[&str], reason: &str) -> Reply {
    let block =
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
    let mut acts = vec![began(), event(json!({"type": "ping"})), event(block)];
    acts.extend(pieces.iter().map(|piece| text(piece)));
    acts.push(event(json!({"type": "content_block_stop", "index": 0})));
    acts.push(ended(reason));
    acts.push(stop());
    Reply::stream(acts)
}

fn ask(server: &FakeServer) -> (String, ModelEvent) {
    start(&model(config(&server.url())), request()).end()
}

fn fault(end: ModelEvent) -> Fault {
    match end {
        ModelEvent::Failed { fault } => fault,
        other @ (ModelEvent::Sent | ModelEvent::Text { .. } | ModelEvent::Done { .. }) => {
            panic!("not a fault: {other:?}")
        }
    }
}

#[test]
fn an_answer_comes_with_its_counts_and_its_end() {
    let usage = Usage {
        input: 439,
        cached: 400,
        output: 12,
        accepted: 0,
    };
    for (reason, finish) in [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("something_new", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::Length),
    ] {
        let server = FakeServer::start().unwrap();
        server.reply(answer(&["one", " two"], reason));
        let (got, end) = ask(&server);
        assert_eq!(got, "one two");
        assert_eq!(end, ModelEvent::Done { finish, usage }, "{reason}");
    }
}

#[test]
fn thoughts_and_tools_are_no_answer() {
    let server = FakeServer::start().unwrap();
    let delta = |delta: Value| event(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    server.reply(Reply::stream(vec![
        began(),
        event(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}})),
        delta(json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(json!({"type": "signature_delta", "signature": "x"})),
        delta(json!({"type": "input_json_delta", "partial_json": "{"})),
        event(json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "a"}})),
        text("b"),
        event(json!({"type": "of_next_year", "x": 1})),
        ended("end_turn"),
        stop(),
    ]));
    assert_eq!(ask(&server).0, "ab");
}

#[test]
fn the_request_is_what_the_vendor_expects() {
    let server = FakeServer::start().unwrap();
    server.reply(answer(&["a"], "end_turn"));
    let mut config = config(&format!("{}/v1/", server.url()));
    config.effort = Some("low".to_owned());
    let mut request = request();
    request.stop = vec!["</edit>".to_owned(), "\n".to_owned()];
    request.prediction = Some("draft".to_owned());
    request.max_tokens = 99;
    start(&model(config), request).end();
    let got = server.wait_request(1).unwrap();
    assert_eq!(got.header("x-api-key"), Some(KEY));
    assert_eq!(got.header("authorization"), None);
    assert_eq!(got.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(
        got.body,
        json!({
            "model": "claude-fake",
            "max_tokens": 99,
            "system": [{"type": "text", "text": "Be short."}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}],
            "stream": true,
            "stop_sequences": ["</edit>"],
            "output_config": {"effort": "low"},
        })
    );
}

#[test]
fn older_models_take_a_temperature() {
    let server = FakeServer::start().unwrap();
    server.reply(answer(&["a"], "end_turn"));
    let mut config = config(&server.url());
    config.temperature = true;
    start(&model(config), request()).end();
    assert_eq!(server.wait_request(1).unwrap().body["temperature"], json!(0));
}

#[test]
fn the_stable_part_of_a_long_prompt_is_marked() {
    let file = format!("File a.py\n```\n{}```\n\n", "x = 1\n".repeat(1_000));
    for (caching, text, marked) in [
        (true, format!("{file}Request: double it\n"), true),
        (false, format!("{file}Request: double it\n"), false),
        (
            true,
            "File a.py\n```\nx\n```\n\nRequest: double it\n".to_owned(),
            false,
        ),
    ] {
        let server = FakeServer::start().unwrap();
        server.reply(answer(&["a"], "end_turn"));
        let mut config = config(&server.url());
        config.caching = caching;
        let mut request = request();
        request.messages[1].text = text.as_str().into();
        start(&model(config), request).end();
        let body = server.wait_request(1).unwrap().body;
        let content = body["messages"][0]["content"].as_array().unwrap().clone();
        let whole: String = content.iter().map(|b| b["text"].as_str().unwrap()).collect();
        assert_eq!(whole, text, "the cut changes nothing");
        let marks: Vec<bool> = content.iter().map(|b| !b["cache_control"].is_null()).collect();
        assert_eq!(marks, [marked, false], "caching {caching}, {} bytes", text.len());
        if marked {
            assert_eq!(content[0]["cache_control"], json!({"type": "ephemeral"}));
            assert_eq!(content[1]["text"], json!("Request: double it\n"));
        }
    }
}

#[test]
fn a_conversation_is_marked_before_its_last_message_and_at_most_twice() {
    let server = FakeServer::start().unwrap();
    server.reply(answer(&["a"], "end_turn"));
    let mut request = request();
    let say = |role, n: usize| Message {
        role,
        text: format!("{n}\n\n{}", "word ".repeat(1_200)).into(),
    };
    request.messages = vec![
        say(Role::System, 0),
        say(Role::User, 1),
        say(Role::Assistant, 2),
        say(Role::User, 3),
    ];
    start(&model(config(&server.url())), request).end();
    let body = server.wait_request(1).unwrap().body;
    let turns = body["messages"].as_array().unwrap();
    let marks = |turn: &Value| {
        let blocks = turn["content"].as_array().unwrap();
        blocks.iter().filter(|b| !b["cache_control"].is_null()).count()
    };
    assert_eq!(turns.iter().map(marks).collect::<Vec<_>>(), [0, 1, 1]);
}

#[test]
fn the_opening_is_continued_or_asked_for_and_never_repeated() {
    for (prefill, pieces) in [
        (true, &["\nfn a", "() {}\n```", " bye"][..]),
        (false, &["```rust\nfn a", "() {}\n```", " bye"][..]),
    ] {
        let server = FakeServer::start().unwrap();
        server.reply(answer(pieces, "end_turn"));
        let mut config = config(&server.url());
        config.prefill = prefill;
        let mut request = request();
        request.answer_prefix = "```rust\n".to_owned();
        request.stop = vec!["```".to_owned()];
        let (got, _) = start(&model(config), request).end();
        assert_eq!(got, "fn a() {}\n", "prefill {prefill}");
        let body = server.wait_request(1).unwrap().body;
        let last = body["messages"].as_array().unwrap().last().unwrap().clone();
        if prefill {
            // The API refuses an opening that ends in white space.
            let content = json!([{"type": "text", "text": "```rust"}]);
            assert_eq!(last, json!({"role": "assistant", "content": content}));
            assert_eq!(body["stop_sequences"], json!(["```"]));
        } else {
            assert_eq!(last["role"], json!("user"));
            assert!(
                last["content"][1]["text"]
                    .as_str()
                    .unwrap()
                    .ends_with("```rust\n")
            );
            assert_eq!(body["stop_sequences"], Value::Null);
        }
    }
}

#[test]
fn failures_inside_a_stream_are_typed_and_keep_the_text() {
    use FaultSource::{Quota, Request, Setup, Upstream};
    let cases = [
        (
            "overloaded_error",
            "Overloaded",
            Upstream,
            Retry::After { ms: 1000 },
            "overloaded",
        ),
        (
            "rate_limit_error",
            "slow down",
            Quota,
            Retry::Elsewhere,
            "used up for now",
        ),
        (
            "rate_limit_error",
            "try again in 7.5s",
            Quota,
            Retry::After { ms: 7500 },
            "8 s",
        ),
        (
            "api_error",
            "Internal server error",
            Upstream,
            Retry::After { ms: 0 },
            "broke",
        ),
        ("timeout_error", "late", Upstream, Retry::After { ms: 0 }, "late"),
        (
            "authentication_error",
            "invalid x-api-key",
            Setup,
            Retry::Elsewhere,
            "ANTHROPIC_API_KEY",
        ),
        (
            "invalid_request_error",
            "prompt is too long: 9 > 8",
            Request,
            Retry::Elsewhere,
            "fewer lines",
        ),
        ("billing_error", "no", Quota, Retry::Elsewhere, "add credit"),
    ];
    for (kind, message, source, retry, says) in cases {
        let server = FakeServer::start().unwrap();
        let error = json!({"type": "error", "error": {"type": kind, "message": message}});
        server.reply(Reply::stream(vec![began(), text("so far"), event(error)]));
        let (got, end) = ask(&server);
        let fault = fault(end);
        assert_eq!(got, "so far");
        assert_eq!(
            (fault.source, fault.retry),
            (source, retry),
            "{kind}: {}",
            fault.message
        );
        assert!(fault.message.contains(says), "{}", fault.message);
    }
}

#[test]
fn refusals_are_typed_and_say_what_to_do() {
    use FaultSource::{Quota, Request, Setup, Upstream};
    let error = |kind: &str, message: &str| {
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"r"}}"#)
    };
    let r = |status, kind: &str, message: &str| Reply::refusal(status, &error(kind, message));
    let key = format!("invalid x-api-key {KEY}");
    let reset = [
        ("date", "Sun, 22 Nov 2026 12:00:00 GMT"),
        ("anthropic-ratelimit-tokens-remaining", "0"),
        ("anthropic-ratelimit-tokens-reset", "2026-11-22T12:00:05Z"),
    ];
    let limited = r(429, "rate_limit_error", "limit");
    let limited = reset
        .iter()
        .fold(limited, |reply, (name, value)| reply.header(name, value));
    let cases = [
        (
            r(401, "authentication_error", &key),
            Setup,
            Retry::Elsewhere,
            "ANTHROPIC_API_KEY",
        ),
        (
            r(403, "permission_error", "no"),
            Setup,
            Retry::Elsewhere,
            "ANTHROPIC_API_KEY",
        ),
        (
            r(404, "not_found_error", "model: x"),
            Setup,
            Retry::Elsewhere,
            "claude-fake",
        ),
        (
            r(413, "request_too_large", "x"),
            Request,
            Retry::Elsewhere,
            "too long",
        ),
        (r(429, "rate_limit_error", "x"), Quota, Retry::Elsewhere, "429"),
        (limited, Quota, Retry::After { ms: 5000 }, "again in 5 s"),
        (
            r(500, "api_error", "x"),
            Upstream,
            Retry::After { ms: 0 },
            "broke",
        ),
        (
            r(529, "overloaded_error", "x"),
            Upstream,
            Retry::After { ms: 1000 },
            "overloaded",
        ),
        (
            r(
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the API",
            ),
            Quota,
            Retry::Elsewhere,
            "add credit",
        ),
        (
            r(400, "invalid_request_error", "messages: no"),
            Request,
            Retry::Elsewhere,
            "messages: no",
        ),
    ];
    for (reply, source, retry, says) in cases {
        let server = FakeServer::start().unwrap();
        server.reply(reply);
        let fault = fault(ask(&server).1);
        assert_eq!((fault.source, fault.retry), (source, retry), "{}", fault.message);
        assert!(fault.message.contains(says), "{says}: {}", fault.message);
        assert!(!fault.message.contains("very-secret"), "{}", fault.message);
        assert_eq!(server.requests().len(), 1, "nothing is retried in secret");
    }
}

#[test]
fn a_withheld_answer_goes_elsewhere() {
    let server = FakeServer::start().unwrap();
    server.reply(answer(&["I"], "refusal"));
    let fault = fault(ask(&server).1);
    assert_eq!(
        (fault.source, fault.retry),
        (FaultSource::Upstream, Retry::Elsewhere)
    );
}

#[test]
fn a_stream_split_at_every_byte_is_the_same_answer() {
    let reply = answer(&["fn é() {}\n", "€"], "end_turn");
    for at in 1..reply.body().len() {
        let server = FakeServer::start().unwrap();
        server.reply(reply.clone().split_at(vec![at]));
        let (got, end) = ask(&server);
        assert_eq!(got, "fn é() {}\n€", "split at {at}");
        assert!(matches!(end, ModelEvent::Done { .. }), "split at {at}: {end:?}");
    }
}

#[test]
fn a_stream_cut_at_every_byte_keeps_its_text_and_says_so() {
    let whole = "fn é() {}\n";
    let reply = answer(&[whole], "end_turn");
    let body = reply.body();
    let last = b"\"end_turn\"";
    let reason = body.windows(last.len()).position(|w| w == last).unwrap();
    let reason_whole = reason + body[reason..].windows(2).position(|w| w == b"\n\n").unwrap() + 2;
    for cut in 0..=body.len() {
        let server = FakeServer::start().unwrap();
        server.reply(reply.clone().cut_after(cut));
        let (got, end) = ask(&server);
        assert!(whole.starts_with(&got), "cut at {cut}: {got:?}");
        if cut >= reason_whole {
            let done = matches!(
                end,
                ModelEvent::Done {
                    finish: Finish::Stop,
                    ..
                }
            );
            assert!(done && got == whole, "cut at {cut}: {end:?}");
        } else {
            let fault = fault(end);
            let want = (FaultSource::Network, Retry::After { ms: 0 });
            assert_eq!(
                (fault.source, fault.retry),
                want,
                "cut at {cut}: {}",
                fault.message
            );
        }
    }
}

#[test]
fn an_event_beyond_the_bound_ends_the_stream_before_memory_does() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::stream(vec![
        began(),
        text("a"),
        Act::Big { letters: 100_000_000 },
    ]));
    let (got, end) = ask(&server);
    assert_eq!(got, "a");
    assert!(fault(end).message.contains(&EVENT_MAX.to_string()));
    server.wait_gone(1).unwrap();
}

#[test]
fn a_drop_closes_the_connection() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::stream(vec![began(), text("a"), Act::Hang]));
    let run = start(&model(config(&server.url())), request());
    assert_eq!(run.next(), ModelEvent::Sent);
    assert_eq!(run.next(), ModelEvent::Text { text: "a".to_owned() });
    run.stop();
    server.wait_gone(1).unwrap();
}

#[test]
fn a_stall_ends_the_answer_and_a_warm_up_keeps_its_connection() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::stream(vec![began(), text("a"), Act::Hang]));
    let mut config = config(&server.url());
    config.endpoint.timeouts.stall = Duration::from_millis(50);
    let model = model(config);
    model.warm(request());
    server.wait_model_lists(1).unwrap();
    let (got, end) = start(&model, request()).end();
    assert_eq!(got, "a");
    assert_eq!(fault(end).source, FaultSource::Network);
}

fn probe(url: &str) -> Result<Option<Vec<String>>, Fault> {
    let probe = Probe {
        base_url: url.to_owned(),
        allow_insecure: false,
        api_key: Secret::new(KEY),
        key_name: "the variable ANTHROPIC_API_KEY".to_owned(),
        anthropic: true,
    };
    runtime().block_on(probe.list(WAIT))
}

#[test]
fn a_probe_lists_the_models_and_generates_nothing() {
    let server = FakeServer::start().unwrap();
    assert_eq!(probe(&server.url()).unwrap(), Some(vec!["fake".to_owned()]));
    assert_eq!(server.requests().len(), 0);
    // A path without a list of models: the server is there.
    assert_eq!(probe(&format!("{}/elsewhere", server.url())).unwrap(), None);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let fault = probe(&format!("http://{nobody}")).unwrap_err();
    assert!(fault.message.contains("nothing listens"), "{}", fault.message);
    let fault = probe("http://example.com").unwrap_err();
    assert!(fault.message.contains("allow_insecure"), "{}", fault.message);
}
