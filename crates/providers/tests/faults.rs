//! Everything that can go wrong with a server: which fault it is, what it means for a retry, what the person reads.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use brisk_domain::port::{Fault, FaultSource, Finish, ModelEvent, Retry};
use brisk_providers::{ChatModel, EVENT_MAX, Secret};
use brisk_testkit::{Act, FakeServer, Reply};
use common::{ask, config, model, request, start};
use std::net::TcpListener;
use std::time::Duration;

const KEY: &str = "sk-very-secret-0123456789";

fn fault(end: ModelEvent) -> Fault {
    match end {
        ModelEvent::Failed { fault } => fault,
        other @ (ModelEvent::Sent | ModelEvent::Text { .. } | ModelEvent::Done { .. }) => {
            panic!("not a fault: {other:?}")
        }
    }
}

fn refusal(reply: Reply) -> Fault {
    let server = FakeServer::start().unwrap();
    server.reply(reply);
    let mut config = config(&server.url());
    config.endpoint.api_key = Secret::new(KEY);
    config.endpoint.key_name = "the variable FAKE_API_KEY".to_owned();
    let (text, end) = start(&model(config), request()).end();
    assert_eq!(text, "");
    // Nothing is retried in secret.
    assert_eq!(server.requests().len(), 1);
    let fault = fault(end);
    assert!(!fault.message.contains("sk-very"), "{}", fault.message);
    assert!(!fault.message.contains('\u{1b}'), "{:?}", fault.message);
    fault
}

fn check(reply: Reply, source: FaultSource, retry: Retry, says: &[&str]) {
    let fault = refusal(reply);
    assert_eq!((fault.source, fault.retry), (source, retry), "{}", fault.message);
    for word in says {
        assert!(fault.message.contains(word), "`{word}` in {}", fault.message);
    }
}

#[test]
fn refusals_are_typed_and_say_what_to_do() {
    use FaultSource::{Quota, Request, Setup, Upstream};
    use Retry::{After, Elsewhere};
    let error =
        |message: &str, code: &str| format!(r#"{{"error":{{"message":"{message}","code":"{code}"}}}}"#);
    let r = |status, body: &str| Reply::refusal(status, body);
    let echo = error(&format!("Incorrect API key provided: {KEY}"), "invalid_api_key");
    check(
        r(401, &echo),
        Setup,
        Elsewhere,
        &["the variable FAKE_API_KEY", "401"],
    );
    check(
        r(403, &error("your country", "x")),
        Setup,
        Elsewhere,
        &["the variable FAKE_API_KEY", "your country"],
    );
    check(
        r(404, &error("no", "model_not_found")),
        Setup,
        Elsewhere,
        &["fake-wire", "/v1/models"],
    );
    check(
        r(404, "page not found"),
        Setup,
        Elsewhere,
        &["fake-wire", "page not found"],
    );
    check(
        r(400, &error("The model does not exist", "")),
        Setup,
        Elsewhere,
        &["fake-wire"],
    );
    check(r(405, ""), Setup, Elsewhere, &["base_url"]);
    let moved = r(307, "").header(
        "location",
        "https://example.com/v1\u{1b}[31m".trim_end_matches("\u{1b}[31m"),
    );
    check(moved, Setup, Elsewhere, &["https://example.com/v1", "base_url"]);
    for (status, body) in [
        (400, error("too big", "context_length_exceeded")),
        (
            400,
            error("This model's maximum context length is 8192 tokens", "x"),
        ),
        (
            400,
            error(
                "the request exceeds the available context size",
                "exceed_context_size_error",
            ),
        ),
        (413, String::new()),
        (422, error("prompt is too long", "")),
        (500, error("input is too long: context window exceeded", "")),
    ] {
        check(
            r(status, &body),
            Request,
            Elsewhere,
            &["too long", "larger context"],
        );
    }
    check(
        r(400, &error("bad \\u001b[31mtemperature", "x")),
        Request,
        Elsewhere,
        &["temperature"],
    );
    check(
        r(400, &error(&format!("header Bearer {KEY} is odd"), "x")),
        Request,
        Elsewhere,
        &["***"],
    );
    check(r(418, "<html>no</html>"), Request, Elsewhere, &["418"]);
    check(r(408, ""), Upstream, After { ms: 0 }, &["408"]);
    check(r(500, &error("oops", "x")), Upstream, After { ms: 0 }, &["oops"]);
    check(
        r(502, "<html>bad gateway</html>"),
        Upstream,
        After { ms: 0 },
        &["502"],
    );
    check(r(501, ""), Upstream, Elsewhere, &["501"]);
    check(
        r(503, r#"{"error":"Loading model"}"#),
        Upstream,
        After { ms: 1000 },
        &["overloaded", "Loading model"],
    );
    check(
        r(529, "").header("retry-after", "9"),
        Upstream,
        After { ms: 9000 },
        &["overloaded", "again in 9 s"],
    );
    check(r(429, ""), Quota, Elsewhere, &["quota"]);
    check(
        r(429, "").header("retry-after", "0"),
        Quota,
        After { ms: 0 },
        &["again at once"],
    );
    check(
        r(429, "").header("retry-after", "7"),
        Quota,
        After { ms: 7000 },
        &["again in 7 s"],
    );
    let long = r(429, "").header("x-ratelimit-reset-requests", "6h0m0s");
    check(long, Quota, After { ms: 21_600_000 }, &["again in 6 h"]);
    let date = ("date", "Sun, 22 Nov 2026 12:00:00 GMT");
    let dated = r(429, "")
        .header("retry-after", "Sun, 22 Nov 2026 12:05:00 GMT")
        .header(date.0, date.1);
    check(dated, Quota, After { ms: 300_000 }, &["again in 5 min"]);
    check(
        r(429, &error("try again in 7.66s.", "")),
        Quota,
        After { ms: 7660 },
        &[],
    );
    check(
        r(402, &error("Insufficient credits", "")),
        Quota,
        Elsewhere,
        &["402"],
    );
    let spent = r(429, &error("You exceeded your quota", "insufficient_quota")).header("retry-after", "1");
    check(spent, Quota, Elsewhere, &["add credit"]);
}

#[test]
fn a_missing_key_is_named() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::refusal(401, ""));
    let mut config = config(&server.url());
    config.endpoint.key_name = "the variable FAKE_API_KEY".to_owned();
    let fault = fault(start(&model(config), request()).end().1);
    assert!(
        fault.message.contains("put one into the variable FAKE_API_KEY"),
        "{}",
        fault.message
    );
}

#[test]
fn answers_that_are_no_good_stream() {
    use FaultSource::{Quota, Setup, Upstream};
    use Retry::{After, Elsewhere};
    let html = Reply::stream(vec![Act::raw("<html>Sign in</html>")]).header("content-type", "text/html");
    check(html, Setup, Elsewhere, &["text/html", "base_url"]);
    let json = |body: &str| Reply::stream(vec![Act::raw(body)]).header("content-type", "application/json");
    check(json(r#"{"choices":[]}"#), Setup, Elsewhere, &["application/json"]);
    check(
        json(r#"{"error":{"message":"gone","code":429}}"#),
        Quota,
        Elsewhere,
        &["gone"],
    );
    let raw = |text: &str| Reply::stream(vec![Act::raw(text)]);
    for how in ["gzip", "BR", "identity, zstd"] {
        let packed = raw("\u{1f}garbage").header("content-encoding", how);
        check(packed, Setup, Elsewhere, &["compresses", how]);
    }
    for how in ["none", "identity", ""] {
        let plain = raw("data: {nonsense\n\n").header("content-encoding", how);
        check(plain, Upstream, Elsewhere, &["malformed"]);
    }
    check(
        raw(
            "data: {\"error\":{\"message\":\"busy\",\"type\":\"overloaded_error\",\"code\":\"overloaded\"}}\n\n",
        ),
        Upstream,
        After { ms: 1000 },
        &["overloaded (529)", "busy"],
    );
    check(
        raw("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n"),
        Upstream,
        After { ms: 0 },
        &["an error of its own"],
    );
    check(
        raw("data: {nonsense\n\n"),
        Upstream,
        Elsewhere,
        &["malformed", "{nonsense"],
    );
    check(
        raw("data: {\"choices\":7}\n\n"),
        Upstream,
        Elsewhere,
        &["malformed"],
    );
    check(raw("data: \u{1b}[31m\n\n"), Upstream, Elsewhere, &["malformed"]);
    check(
        raw("data: {\"error\":{\"message\":\"broke\",\"code\":502}}\n\n"),
        Upstream,
        After { ms: 0 },
        &["broke"],
    );
    check(
        raw("event: error\ndata: out of memory\n\n"),
        Upstream,
        After { ms: 0 },
        &["out of memory"],
    );
    let quota = raw("data: {\"error\":{\"message\":\"try again in 3s\",\"code\":429}}\n\n");
    check(quota, Quota, After { ms: 3000 }, &[]);
    let filtered = Reply::stream(vec![
        Act::Finish {
            reason: "content_filter".to_owned(),
        },
        Act::Done,
    ]);
    check(filtered, Upstream, Elsewhere, &["content filter"]);
    check(
        raw(""),
        FaultSource::Network,
        After { ms: 0 },
        &["before the answer's end"],
    );
}

#[test]
fn text_before_a_fault_stays_and_what_was_held_back_comes() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::stream(vec![
        Act::text("a ``"),
        Act::raw("data: {nonsense\n\n"),
    ]));
    let mut stop = request();
    stop.stop = vec!["```".to_owned()];
    let (text, end) = start(&model(config(&server.url())), stop).end();
    assert_eq!(text, "a ``");
    assert_eq!(fault(end).source, FaultSource::Upstream);
}

#[test]
fn invalid_utf8_is_replaced_and_a_character_may_be_cut() {
    let server = FakeServer::start().unwrap();
    let frame = |content: &[u8]| {
        let mut bytes = b"data: {\"choices\":[{\"delta\":{\"content\":\"".to_vec();
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(b"\"}}]}\n\n");
        Act::Bytes { bytes }
    };
    server
        .reply(Reply::stream(vec![frame(b"a\xff"), frame("€".as_bytes()), Act::Done]).split_at(vec![91, 92]));
    assert_eq!(ask(&server).0, "a\u{fffd}€");
}

#[test]
fn an_event_beyond_the_bound_ends_the_stream_before_memory_does() {
    let server = FakeServer::start().unwrap();
    server.reply(Reply::stream(vec![
        Act::text("a"),
        Act::Big { letters: 100_000_000 },
        Act::Done,
    ]));
    let (text, end) = ask(&server);
    assert_eq!(text, "a");
    assert!(fault(end).message.contains(&EVENT_MAX.to_string()));
    server.wait_gone(1).unwrap();
}

#[test]
fn a_stream_cut_at_every_byte_keeps_its_text_and_says_so() {
    let text = "fn é() {}\n";
    let reply = Reply::text(text);
    let body = reply.body();
    let at = |what: &str| {
        let found = body
            .windows(what.len())
            .position(|w| w == what.as_bytes())
            .unwrap();
        found + body[found..].windows(2).position(|w| w == b"\n\n").unwrap() + 2
    };
    let reason_whole = at("\"stop\"");
    for cut in 0..=body.len() {
        let server = FakeServer::start().unwrap();
        server.reply(reply.clone().cut_after(cut));
        let (got, end) = ask(&server);
        assert!(text.starts_with(&got), "cut at {cut}: {got:?}");
        if cut >= reason_whole {
            assert_eq!(got, text);
            assert!(
                matches!(
                    end,
                    ModelEvent::Done {
                        finish: Finish::Stop,
                        ..
                    }
                ),
                "cut at {cut}"
            );
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
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_silent_server_is_given_up() {
    for (reply, text) in [
        (Reply::stream(vec![Act::Hang]).hold("never"), ""),
        (Reply::stream(vec![Act::Hang]), ""),
        (Reply::stream(vec![Act::text("a"), Act::Hang]), "a"),
    ] {
        let server = FakeServer::start().unwrap();
        server.reply(reply);
        let mut config = config(&server.url());
        config.endpoint.timeouts.first_text = Duration::from_millis(300);
        config.endpoint.timeouts.stall = Duration::from_millis(300);
        let (got, end) = start(&model(config), request()).end();
        let fault = fault(end);
        assert_eq!(got, text);
        assert_eq!(
            (fault.source, fault.retry),
            (FaultSource::Network, Retry::Elsewhere)
        );
        assert!(
            fault.message.contains("sent nothing for 300 ms"),
            "{}",
            fault.message
        );
        server.wait_gone(1).unwrap();
    }
    // After the reason of the end nothing is missing but the counts.
    let server = FakeServer::start().unwrap();
    server.reply(Reply::stream(vec![Act::text("a"), Act::stop(), Act::Hang]));
    let mut config = config(&server.url());
    config.endpoint.timeouts.aside = Duration::from_millis(300);
    let (got, end) = start(&model(config), request()).end();
    assert_eq!(got, "a");
    assert!(matches!(
        end,
        ModelEvent::Done {
            finish: Finish::Stop,
            ..
        }
    ));
}

/// A port where nothing listens.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn nobody_listens() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let fault = fault(start(&model(config(&url)), request()).end().1);
    assert_eq!(
        (fault.source, fault.retry),
        (FaultSource::Network, Retry::Elsewhere)
    );
    assert!(
        fault.message.contains(&url) && fault.message.contains("ollama serve"),
        "{}",
        fault.message
    );
}

#[test]
fn configurations_that_cannot_work_are_refused_at_once() {
    let good = || config("http://127.0.0.1:1");
    let mut remote = good();
    remote.endpoint.base_url = "http://example.com/v1".to_owned();
    let mut key = good();
    key.endpoint.api_key = Secret::new("sk-very\nsecret");
    let mut header = good();
    header
        .endpoint
        .headers
        .push(("bad name".to_owned(), Secret::new(KEY).unwrap()));
    let mut value = good();
    value
        .endpoint
        .headers
        .push(("x-key".to_owned(), Secret::new("sk-very\u{1}").unwrap()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (config, says) in [
        (remote, "allow_insecure"),
        (key, "api_key"),
        (header, "bad name"),
        (value, "x-key"),
    ] {
        assert!(!format!("{config:?}").contains("sk-very"));
        let Err(fault) = ChatModel::new(config, runtime.handle().clone()) else {
            panic!("{says}")
        };
        assert_eq!(fault.source, FaultSource::Setup);
        assert!(
            fault.message.contains(says) && !fault.message.contains("sk-very"),
            "{}",
            fault.message
        );
    }
}
