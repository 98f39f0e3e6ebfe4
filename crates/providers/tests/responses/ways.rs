//! Which way a request takes: a socket, another one, or HTTP.

use super::*;

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
fn a_line_on_which_nothing_is_heard_is_gone_round() {
    let server = server();
    server.manners(Manners {
        deaf: true,
        ..Manners::default()
    });
    let model = model(config(&server));
    server.say(Speech::text("a"));
    ask(&model, request(), "a");
    let ways: Vec<bool> = server.asked().iter().map(|asked| asked.socket).collect();
    assert_eq!((ways, server.sockets()), (vec![false], 1));
}

#[test]
fn a_server_that_thinks_is_asked_whether_it_lives_and_waited_for() {
    let server = server();
    let model = model(config(&server));
    server.say(Speech::of(vec![Say::gate("thought"), Say::text("a"), Say::Complete]).bare());
    let run = start(&model, request());
    assert_eq!(run.next(), ModelEvent::Sent);
    server.wait_pings(1).unwrap();
    server.open("thought");
    let (text, end) = run.end();
    said(&text, &end, "a");
    assert!(server.asked().iter().all(|asked| asked.socket));
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
