//! What is sent: news alone where the server has the rest, all of it otherwise; warm-ups and interrupts.

use super::*;

#[test]
fn only_news_goes_over_a_kept_socket() {
    let server = server();
    let mut config = config(&server);
    config.endpoint.api_key = Secret::new("sk-test");
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
        let mut config = config(&server);
        config.patience = Duration::from_millis(50);
        let model = model(config);
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
    let mut config = config(&server);
    config.patience = Duration::from_secs(1);
    let model = model(config);
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
fn two_conversations_keep_a_socket_each() {
    let server = server();
    let model = model(config(&server));
    let other = |mut request: GenerateRequest| {
        request.cache_key = 8;
        request.messages[0].text = "Be short. Really.".into();
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
