//! Latency of the provider alone, against the fake server on loopback: prompt to request, chunk to event, drop to
//! the server seeing it. Prints one JSON object a line, times in microseconds. Run with `cargo bench -p
//! brisk-providers`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement for people"
)]

use brisk_domain::ModelId;
use brisk_domain::port::{Closeness, GenerateRequest, Message, Model, ModelEvent, Priority, Role, Running};
use brisk_providers::{ChatConfig, ChatModel};
use brisk_testkit::server::Noted;
use brisk_testkit::{Act, FakeServer, Reply, monotonic_us};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

fn request() -> GenerateRequest {
    let text = "x".repeat(8000);
    GenerateRequest {
        model: ModelId("fake".to_owned()),
        messages: vec![Message {
            role: Role::User,
            text: text.into(),
        }],
        answer_prefix: String::new(),
        stop: vec!["```".to_owned()],
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens: usize::MAX,
        cache_key: 0,
        priority: Priority::Interactive,
    }
}

/// Events with the moment at which the sink was called.
fn start(model: &ChatModel) -> (Box<dyn Running>, Receiver<(u64, ModelEvent)>) {
    let (tx, rx) = channel();
    (
        model.generate(
            request(),
            Arc::new(move |event| drop(tx.send((monotonic_us(), event)))),
        ),
        rx,
    )
}

fn print(what: &str, mut us: Vec<u64>) {
    us.sort_unstable();
    let at = |q: usize| {
        us.get((us.len() * q / 1000).min(us.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0)
    };
    let (p50, p99, max) = (at(500), at(990), at(1000));
    println!(
        r#"{{"figure":"{what}","n":{},"p50_us":{p50},"p99_us":{p99},"max_us":{max}}}"#,
        us.len()
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let chunks: Arc<Mutex<Vec<u64>>> = Arc::default();
    let noting = Arc::clone(&chunks);
    let server = FakeServer::observed(Arc::new(move |noted| {
        if let Noted::Chunk { t_us, .. } = noted {
            noting.lock().unwrap().push(*t_us);
        }
    }))
    .unwrap();
    let config = ChatConfig::new(ModelId("fake".to_owned()), server.url(), "fake");
    let model = ChatModel::new(config, runtime.handle().clone()).unwrap();

    let mut to_request = Vec::new();
    for turn in 1..=1000 {
        server.reply(Reply::text("a"));
        let begun = monotonic_us();
        let (_running, events) = start(&model);
        to_request.push(server.wait_request(turn).unwrap().t_us - begun);
        while !matches!(events.recv().unwrap().1, ModelEvent::Done { .. }) {}
    }
    print(
        "generate -> whole 8 KB request at the server, kept connection",
        to_request,
    );

    let mut stops = Vec::new();
    for turn in 1001..=2000 {
        server.reply(Reply::stream(vec![
            Act::text("a"),
            Act::Rate {
                text: "x".repeat(8000),
                per_s: 1000.0,
            },
        ]));
        let (running, events) = start(&model);
        for _ in 0..1 + turn % 7 {
            events.recv().unwrap();
        }
        let begun = monotonic_us();
        drop(running);
        stops.push(server.wait_gone(turn).unwrap().saturating_sub(begun));
    }
    print(
        "drop -> the server sees the connection closed, at 1,000 tok/s",
        stops,
    );

    for per_s in [1000.0, 10_000.0] {
        chunks.lock().unwrap().clear();
        let text = "abcd".repeat(per_s as usize * 3);
        server.reply(Reply::stream(vec![Act::Rate { text, per_s }, Act::Done]));
        let (_running, events) = start(&model);
        let mut bytes = 0;
        // Several chunks may arrive in one event: the last one of them is the one that the event is measured by.
        let mut seen = Vec::new();
        for (t_us, event) in events {
            if let ModelEvent::Text { text } = event {
                bytes += text.len();
                seen.push((t_us, bytes / 4 - 1));
            }
        }
        let sent = chunks.lock().unwrap().clone();
        let late = seen
            .iter()
            .map(|(t_us, chunk)| t_us.saturating_sub(sent[*chunk]))
            .collect();
        let lost = per_s as usize * 3 - bytes / 4;
        print(
            &format!("chunk written -> sink called, {per_s} tok/s, {lost} lost"),
            late,
        );
    }
}
