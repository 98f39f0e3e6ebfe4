//! The fake server, as a raw client sees it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use brisk_testkit::{Act, FakeServer, Reply, WAIT, monotonic_us};
use std::io::{Read, Write};
use std::net::TcpStream;

const BODY: &str = r#"{"model":"fake"}"#;

fn connect(server: &FakeServer) -> TcpStream {
    let stream = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream
}

fn post(stream: &mut TcpStream) {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        BODY.len()
    );
    stream.write_all(format!("{head}{BODY}").as_bytes()).unwrap();
}

/// Reads until the bytes read so far end with `end`, or the connection does.
fn read_to(stream: &mut TcpStream, end: &str) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(end.as_bytes()) && stream.read(&mut byte).unwrap_or(0) == 1 {
        seen.push(byte[0]);
    }
    String::from_utf8(seen).unwrap()
}

#[test]
fn requests_are_recorded_and_a_connection_serves_several() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::text("hello you"));
    server.reply(Reply::refusal(429, "slow").header("retry-after", "7"));
    let before = monotonic_us();
    let mut client = connect(&server);
    post(&mut client);
    let answer = read_to(&mut client, "0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("text/event-stream"));
    assert!(answer.contains(r#""content":"hell""#) && answer.contains("data: [DONE]"));
    post(&mut client);
    let refusal = read_to(&mut client, "0\r\n\r\n");
    assert!(
        refusal.starts_with("HTTP/1.1 429 ") && refusal.contains("retry-after: 7"),
        "{refusal}"
    );
    let second = server.wait_request(2).unwrap();
    assert_eq!((second.connection, &second.body["model"]), (1, &"fake".into()));
    assert!(second.t_us >= before);
    // Nothing was scripted for a third one.
    post(&mut client);
    assert!(read_to(&mut client, "0\r\n\r\n").starts_with("HTTP/1.1 500 "));
}

#[test]
fn gates_hold_the_head_and_the_body() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::stream(vec![Act::text("a"), Act::gate("b"), Act::text("b"), Act::Done]).hold("head"));
    let mut client = connect(&server);
    post(&mut client);
    server.wait_request(1).unwrap();
    client.set_nonblocking(true).unwrap();
    assert!(client.read(&mut [0]).is_err());
    client.set_nonblocking(false).unwrap();
    server.open("head");
    assert!(read_to(&mut client, "}\n\n\r\n").contains(r#""content":"a""#));
    server.open("b");
    assert!(read_to(&mut client, "0\r\n\r\n").contains(r#""content":"b""#));
}

#[test]
fn a_client_that_goes_is_noted_at_a_gate_in_a_hang_and_in_an_endless_stream() {
    let endless = Act::Repeat {
        text: "x".to_owned(),
        count: None,
    };
    let slow = Act::Rate {
        text: "abcdefgh".to_owned(),
        per_s: 0.01,
    };
    for stuck in [Act::gate("never"), Act::Hang, endless, slow] {
        let server = FakeServer::start().unwrap();
        server.reply(Reply::stream(vec![Act::text("a"), stuck]));
        let mut client = connect(&server);
        post(&mut client);
        read_to(&mut client, "}\n\n\r\n");
        let before = monotonic_us();
        drop(client);
        assert!(server.wait_gone(1).unwrap() >= before);
    }
}

#[test]
fn a_cut_ends_after_so_many_bytes_and_splits_make_chunks() {
    let whole = Reply::text("hello");
    let body = whole.body();
    for cut in 0..=body.len() {
        let server = FakeServer::start().unwrap();
        server.reply(whole.clone().cut_after(cut));
        let mut client = connect(&server);
        post(&mut client);
        read_to(&mut client, "\r\n\r\n");
        let mut rest = Vec::new();
        // A reset is as good an end as any here.
        drop(client.read_to_end(&mut rest));
        assert!(!rest.ends_with(b"0\r\n\r\n"), "cut at {cut}");
        server.wait_ended(1).unwrap();
    }
    let server = FakeServer::start().unwrap();
    server.reply(Reply::stream(vec![Act::raw("abcdef")]).split_at(vec![1, 3]));
    let mut client = connect(&server);
    post(&mut client);
    let answer = read_to(&mut client, "0\r\n\r\n");
    assert!(
        answer.ends_with("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"),
        "{answer}"
    );
}

#[test]
fn the_models_are_listed_and_other_paths_are_not_found() {
    let server = FakeServer::start().unwrap();
    let mut client = connect(&server);
    client.write_all(b"GET /v1/models HTTP/1.1\r\n\r\n").unwrap();
    assert!(read_to(&mut client, "]}").contains("\"data\""));
    client.write_all(b"GET /nowhere HTTP/1.1\r\n\r\n").unwrap();
    assert!(read_to(&mut client, "}}").starts_with("HTTP/1.1 404 "));
    server.wait_model_lists(1).unwrap();
    assert_eq!(server.connections(), 1);
}
