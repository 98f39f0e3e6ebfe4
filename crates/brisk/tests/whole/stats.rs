//! What turns felt like, from the first key to `brisk stats`, and to a collector where one is named.

use crate::house::{House, REGION, SHOP};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const EDIT: [&str; 5] = [
    "edit",
    "--yes",
    "--json",
    "multiply zebracorn prices, then run the tests",
    "shop.py:subtotal",
];

/// Words of the prompt, code and names of files: none of them belongs into figures.
const SECRETS: [&str; 5] = ["zebracorn", "shop.py", "subtotal", "quantity", "prices"];

/// `stats --json` with these arguments, once what clients have told has arrived: nobody waits for that but us.
fn stats(house: &House, args: &[&str], arrived: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..500 {
        let said = house.ends(0, &[&["stats", "--json"], args].concat());
        let lines: Vec<Value> = said.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        if arrived(&lines) {
            return lines;
        }
    }
    panic!("the figures never came");
}

fn interval<'a>(lines: &'a [Value], group: &str, name: &str) -> &'a Value {
    lines
        .iter()
        .find(|l| l["type"] == "interval" && l["group"] == group && l["name"] == name)
        .unwrap_or(&Value::Null)
}

fn rates<'a>(lines: &'a [Value], group: &str) -> &'a Value {
    let mut of = lines
        .iter()
        .filter(|l| l["type"] == "rates" && l["group"] == group);
    of.next().unwrap_or(&Value::Null)
}

fn no_secrets(what: &str, bytes: &[u8]) {
    for secret in SECRETS {
        let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "{secret} is in {what}");
    }
}

#[test]
fn a_session_can_be_looked_at_as_figures() {
    let house = House::new();
    house.ends(0, &["stats"]);
    house.answers(REGION);
    house.ends(0, &EDIT);
    house.ends(0, &["undo"]);
    // Stopped by its person after the hunk: nothing is kept.
    house.answers_in_two(REGION, "");
    let mut stopped = house.start(&["edit", "--json", "multiply", "shop.py:subtotal"]);
    stopped.until("hunk_ready");
    let pid = rustix::process::Pid::from_raw(stopped.pid()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    stopped.until("error");
    stopped.finish();
    house.server.open("more");

    let lines = stats(&house, &["--by", "model"], |lines| {
        let told = interval(lines, "all", "key_to_complete")["n"] == 2;
        let silent = interval(lines, "all", "stop_to_silence")["n"] == 1;
        let let_go = interval(lines, "all", "stop_to_model_stopped")["n"] == 1;
        told && silent && let_go && rates(lines, "all")["undone_within_60s"]["n"] == 1
    });
    assert_eq!(lines[0]["turns"], 2);
    let mut earlier = 0;
    for name in [
        "key_to_acknowledged",
        "key_to_request",
        "key_to_first_token",
        "key_to_place",
        "key_to_first_line",
        "key_to_first_hunk",
        "key_to_complete",
    ] {
        let line = interval(&lines, "fake", name);
        assert_eq!(line["n"], 2, "{name}");
        let p99 = line["p99_us"].as_u64().unwrap();
        assert!(earlier <= p99, "{name} is not before the stage ahead of it");
        earlier = p99;
    }
    let rates = rates(&lines, "fake");
    assert_eq!(rates["turns"], 2);
    assert_eq!(rates["hunks"]["kept"], 1);
    assert_eq!(rates["undone_within_60s"], serde_json::json!({"n": 1, "of": 1}));
    assert_eq!(rates["asked_for_tests"], serde_json::json!({"n": 1, "of": 2}));
    assert_eq!(rates["stopped"], serde_json::json!({"n": 1, "of": 2}));
    assert_eq!(rates["ends"]["cancelled:interrupted"], 1);
    assert_eq!(rates["kept_lines"], 2);

    let said = house.ends(0, &["stats", "--by", "day", "--since", "1d"]);
    assert!(
        said.contains("2 turns") && said.contains("Enter to first line painted"),
        "{said}"
    );
    let page = house.home.path().join("page.html");
    let args = ["stats", "--html", page.to_str().unwrap()];
    assert!(house.ends(0, &args).contains("2 turns"));
    no_secrets("the page", &std::fs::read(&page).unwrap());
    let mut seen = 0;
    for file in std::fs::read_dir(store(&house)).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("felt.db") {
            no_secrets("the store", &std::fs::read(&path).unwrap());
            seen += 1;
        }
    }
    assert!(seen > 0, "there is a store");

    assert!(
        house
            .ends(0, &["stats", "--delete", "--before", "2020-01-01"])
            .contains("0 turns")
    );
    assert!(house.ends(0, &["stats", "--delete"]).contains("2 turns"));
    assert!(house.ends(0, &["stats"]).contains("no turn is stored"));
    assert_eq!(house.file("shop.py"), SHOP);
}

/// The folder of the databases.
fn store(house: &House) -> std::path::PathBuf {
    let found = walk(house.home.path());
    found.unwrap_or_else(|| panic!("no felt.db below {}", house.home.path().display()))
}

fn walk(dir: &Path) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_name() == "felt.db" {
            return Some(dir.to_owned());
        }
        if entry.file_type().unwrap().is_dir()
            && let Some(found) = walk(&entry.path())
        {
            return Some(found);
        }
    }
    None
}

#[test]
fn who_wants_no_figures_has_none() {
    let house = House::with("[telemetry]\nkeep_days = 0\n");
    house.answers(REGION);
    house.ends(0, &EDIT);
    house.ends(0, &["daemon", "stop"]);
    assert_eq!(walk(house.home.path()), None);
    assert!(house.ends(0, &["stats"]).contains("no turn is stored"));
}

/// A collector on loopback: path and body of everything that it is sent.
fn collector() -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if let Some(request) = serve(stream)
                && sender.send(request).is_err()
            {
                return;
            }
        }
    });
    (url, received)
}

fn serve(mut stream: TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    stream.write_all(answer.as_bytes()).ok()?;
    Some((path, String::from_utf8(body).ok()?))
}

#[test]
fn a_collector_gets_spans_and_metrics_and_no_words() {
    let (url, received) = collector();
    let house = House::with(&format!("[telemetry]\nendpoint = \"{url}/\"\n"));
    house.answers(REGION);
    house.ends(0, &EDIT);
    let mut bodies = Vec::new();
    for wanted in ["/v1/traces", "/v1/metrics"] {
        let (path, body) = received.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(path, wanted);
        no_secrets(wanted, body.as_bytes());
        bodies.push(serde_json::from_str::<Value>(&body).unwrap());
    }
    let spans = &bodies[0]["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans[0]["name"], "brisk.turn");
    assert_eq!(spans[1]["name"], "chat fake");
    assert_eq!(spans[1]["parentSpanId"], spans[0]["spanId"]);
    let metrics = &bodies[1]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    assert_eq!(metrics[0]["name"], "gen_ai.client.operation.duration");
}

#[test]
fn the_environment_names_the_collector_before_the_configuration() {
    let (unwanted, nothing) = collector();
    let (url, received) = collector();
    let house = House::with(&format!("[telemetry]\nendpoint = \"{unwanted}\"\n"));
    house.answers(REGION);
    let mut command = house.command(&EDIT);
    let out = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", url).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    for wanted in ["/v1/traces", "/v1/metrics"] {
        let (path, _) = received.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(path, wanted);
    }
    assert!(nothing.try_recv().is_err());
}

#[test]
fn a_killed_client_loses_its_own_part_and_no_more() {
    let house = House::new();
    house.answers_in_two(REGION, "");
    let mut edit = house.start(&["edit", "--json", "multiply", "shop.py:subtotal"]);
    edit.until("hunk_ready");
    let pid = rustix::process::Pid::from_raw(edit.pid()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    edit.finish();
    let lines = stats(&house, &[], |lines| lines[0]["turns"] == 1);
    assert_eq!(interval(&lines, "all", "request_to_first_token")["n"], 1);
    assert!(interval(&lines, "all", "key_to_complete").is_null());
    let rates = rates(&lines, "all");
    assert_eq!(rates["hunks"]["undecided"], 1);
    assert_eq!(rates["ends"]["cancelled:client_gone"], 1);
}

#[test]
fn a_collector_that_is_gone_is_in_nobodys_way() {
    // Bound and dropped: nobody listens there.
    let url = format!(
        "http://{}",
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    );
    let house = House::with(&format!("[telemetry]\nendpoint = \"{url}\"\n"));
    house.answers(REGION);
    house.ends(0, &EDIT);
    stats(&house, &[], |lines| lines[0]["turns"] == 1);
}
