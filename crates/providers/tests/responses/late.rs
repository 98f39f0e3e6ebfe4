//! What an earlier answer still says on a kept socket.

use super::*;

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
