//! The program `brisk-fake-model`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use brisk_testkit::server::Script;
use brisk_testkit::{Act, Reply, monotonic_us};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

struct Fake {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Fake {
    fn start(args: &[&str]) -> Fake {
        let mut child = Command::new(env!("CARGO_BIN_EXE_brisk-fake-model"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Fake { child, out }
    }

    fn line(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn post(&mut self) -> TcpStream {
        let listening = self.line();
        assert_eq!(listening["type"], "listening");
        let address = listening["url"]
            .as_str()
            .unwrap()
            .strip_prefix("http://")
            .unwrap()
            .to_owned();
        let mut client = TcpStream::connect(address).unwrap();
        client
            .write_all(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
            .unwrap();
        client
    }
}

#[test]
fn a_rate_is_streamed_and_every_chunk_is_noted() {
    let mut fake = Fake::start(&["--rate", "100000", "--text", "12345678"]);
    let before = monotonic_us();
    let mut client = fake.post();
    let mut kinds = Vec::new();
    let mut last = before;
    loop {
        let line = fake.line();
        let t_us = line["t_us"].as_u64().unwrap();
        kinds.push(line["type"].as_str().unwrap().to_owned());
        match kinds.last().unwrap().as_str() {
            "chunk" => {
                assert!(t_us >= last);
                last = t_us;
            }
            "ended" => break,
            _ => assert!(t_us >= before),
        }
    }
    // Two tokens, the finish and the counts; `ended` is noted before `[DONE]` goes out.
    assert_eq!(kinds, ["request", "chunk", "chunk", "chunk", "chunk", "ended"]);
    assert!(client.read(&mut [0; 1]).unwrap() == 1);
    fake.child.stdin.take().unwrap().write_all(b"quit\n").unwrap();
    assert!(fake.child.wait().unwrap().success());
}

#[test]
fn a_script_file_is_played_and_gates_open_from_outside() {
    let script = Script {
        replies: vec![Reply::stream(vec![Act::gate("go"), Act::text("a"), Act::Hang])],
        otherwise: None,
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    serde_json::to_writer(file.as_file(), &script).unwrap();
    let mut fake = Fake::start(&[file.path().to_str().unwrap()]);
    let client = fake.post();
    assert_eq!(fake.line()["type"], "request");
    let mut stdin = fake.child.stdin.take().unwrap();
    stdin.write_all(b"open go\n").unwrap();
    assert_eq!(fake.line()["type"], "chunk");
    drop(client);
    let gone = fake.line();
    assert_eq!((&gone["type"], &gone["request"]), (&"gone".into(), &1.into()));
    drop(stdin);
    assert!(fake.child.wait().unwrap().success());
}

#[test]
fn wrong_arguments_are_named_with_the_usage() {
    for args in [
        &["--nope"][..],
        &["--rate"],
        &["--rate", "0", "--text", "a"],
        &["--rate", "5"],
        &["/no/such.json"],
    ] {
        let out = Command::new(env!("CARGO_BIN_EXE_brisk-fake-model"))
            .args(args)
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&out.stderr).contains("usage:"));
    }
}
