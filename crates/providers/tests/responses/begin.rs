//! A request that follows a conversation begins on the thread that asks. The runtime here has one thread that runs only
//! while it is waited for: what happens in between is in the test's hand.

use super::*;
use std::sync::mpsc::{RecvTimeoutError, channel};
use tokio::runtime::Runtime;

fn idle_runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn model_in(runtime: &Runtime, server: &ResponsesServer) -> ResponsesModel {
    ResponsesModel::new(config(server), runtime.handle().clone()).unwrap()
}

/// Begins and ends an answer within the runtime.
fn ask_in(runtime: &Runtime, model: &ResponsesModel, request: GenerateRequest) {
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
}

#[test]
fn a_request_that_follows_is_at_the_server_before_the_runtime_runs() {
    let (runtime, server) = (idle_runtime(), server());
    let model = model_in(&runtime, &server);
    server.say(Speech::text("a"));
    ask_in(&runtime, &model, request());
    let next = then(request(), &["a:a", "u:b"]);
    server.say(Speech::text("c"));
    let (tx, rx) = channel();
    let (over, mut is_over) = tokio::sync::mpsc::unbounded_channel();
    let _running = model.generate(
        next.clone(),
        Arc::new(move |event| {
            if matches!(event, ModelEvent::Done { .. } | ModelEvent::Failed { .. }) {
                let _ = over.send(());
            }
            drop(tx.send(event));
        }),
    );
    // Nobody runs the runtime.
    let got = server.wait_asked(2).unwrap();
    assert_eq!((items(&got.body), got.whole), (1, Some(lines(&next))));
    assert_eq!(rx.try_recv().unwrap(), ModelEvent::Sent);
    runtime
        .block_on(async { tokio::time::timeout(WAIT, is_over.recv()).await })
        .unwrap();
    let told: Vec<ModelEvent> = rx.try_iter().collect();
    assert_eq!(told[0], ModelEvent::Text { text: "c".to_owned() });
    assert!(matches!(told[1], ModelEvent::Done { .. }), "{told:?}");
    assert_eq!((told.len(), server.sockets()), (2, 1));
}

#[test]
fn a_request_that_was_begun_and_dropped_is_interrupted() {
    let (runtime, server) = (idle_runtime(), server());
    let model = model_in(&runtime, &server);
    server.say(Speech::text("a"));
    ask_in(&runtime, &model, request());
    let next = then(request(), &["a:a", "u:b"]);
    server.say(Speech::of(vec![Say::Hang]));
    drop(model.generate(next, Arc::new(|_| ())));
    server.wait_asked(2).unwrap();
    let other = then(request(), &["a:a", "u:no, otherwise"]);
    server.say(Speech::text("c"));
    ask_in(&runtime, &model, other.clone());
    assert!(server.wait_unwanted(2).unwrap().1);
    let got = server.wait_asked(3).unwrap();
    assert_eq!((got.whole, server.sockets()), (Some(lines(&other)), 1));
}

/// What is too long for the thread that asks is the runtime's to send, and to leave.
#[test]
fn a_long_request_that_was_dropped_before_it_was_sent_leaves_the_conversation() {
    let (runtime, server) = (idle_runtime(), server());
    let model = model_in(&runtime, &server);
    // It opens no socket that nobody waits for.
    runtime.block_on(async { drop(model.generate(request(), Arc::new(|_| ()))) });
    server.say(Speech::text("a"));
    ask_in(&runtime, &model, request());
    let long = format!("u:{}", "b".repeat(100 << 10));
    let mut next = then(request(), &["a:a", &long]);
    for turn in [2, 3] {
        drop(model.generate(next.clone(), Arc::new(|_| ())));
        server.say(Speech::text("c"));
        ask_in(&runtime, &model, next.clone());
        let got = server.wait_asked(turn).unwrap();
        assert_eq!((items(&got.body), got.whole), (1, Some(lines(&next))));
        next = then(next, &["a:c", &long]);
    }
    assert_eq!((server.asked().len(), server.sockets()), (3, 1));
}

#[test]
fn without_a_runtime_nothing_is_told_and_nothing_breaks() {
    let (runtime, server) = (idle_runtime(), server());
    let model = model_in(&runtime, &server);
    server.say(Speech::text("a"));
    ask_in(&runtime, &model, request());
    drop(runtime);
    for text in ["u:b", "u:c"] {
        let (tx, rx) = channel();
        let next = then(request(), &["a:a", text]);
        let running = model.generate(next, Arc::new(move |event| drop(tx.send(event))));
        // Nothing came, and nobody is left who could tell.
        assert_eq!(rx.recv_timeout(WAIT), Err(RecvTimeoutError::Disconnected));
        drop(running);
    }
}
