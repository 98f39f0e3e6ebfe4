//! Very much, very often, very many at once, and nothing left behind.

use super::*;

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
