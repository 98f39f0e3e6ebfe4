//! Through a proxy that the environment names: the way is asked for, TLS goes through it untouched, its refusals are
//! told. The variables are the process's, so that each case runs in a child of this test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests"
)]

mod common;

use brisk_domain::ModelId;
use brisk_domain::port::{Fault, ModelEvent};
use brisk_providers::{ResponsesConfig, ResponsesModel, Transport};
use brisk_testkit::responses::{ResponsesServer, Speech};
use common::{request, runtime, start};
use rustls::pki_types::PrivateKeyDer;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

/// Set in the child, to the server's address.
const CHILD: &str = "BRISK_TEST_PROXY_CHILD";

/// A name that no machine has: only the proxy can find it.
const HOST: &str = "models.invalid";

/// A server that speaks TLS under that name, and its certificate.
fn server() -> (ResponsesServer, String) {
    let cert = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(cert.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.cert.der().clone()], key)
        .unwrap();
    let server = ResponsesServer::start().unwrap();
    server.tls(Arc::new(config));
    (server, cert.cert.pem())
}

/// What a proxy does with a `CONNECT`.
#[derive(Clone, Copy)]
enum Proxy {
    Opens(SocketAddr),
    Says(&'static str),
    Hangs,
}

/// A proxy; the heads of the requests that it got.
fn proxy(kind: Proxy) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let (tell, heads) = channel();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || drop(serve(client, kind, |head| drop(tell.send(head)))));
        }
    });
    (at, heads)
}

fn serve(mut client: TcpStream, kind: Proxy, tell: impl Fn(String)) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    tell(String::from_utf8_lossy(&head).into_owned());
    let target = match kind {
        Proxy::Opens(target) => target,
        Proxy::Says(line) => return client.write_all(format!("HTTP/1.1 {line}\r\n\r\n").as_bytes()),
        // Until the client goes.
        Proxy::Hangs => return client.read(&mut [0]).map(drop),
    };
    let mut server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        drop(std::io::copy(&mut from, &mut to));
        to.shutdown(std::net::Shutdown::Both)
    });
    std::io::copy(&mut client, &mut server).map(drop)
}

/// The child's half: one request over each way, each told in a line.
fn child(url: &str) {
    for transport in [Transport::Sse, Transport::WebSocket, Transport::Auto] {
        let mut config = ResponsesConfig::new(ModelId("fake".to_owned()), url, "m");
        config.transport = transport;
        config.endpoint.timeouts.connect = std::time::Duration::from_millis(400);
        let told = match ResponsesModel::new(config, runtime().handle().clone()) {
            Err(Fault { message, .. }) => message,
            Ok(model) => match start(&model, request()).end() {
                (text, ModelEvent::Done { .. }) => text,
                (_, ModelEvent::Failed { fault }) => format!("{:?}: {}", fault.source, fault.message),
                (_, other) => panic!("{other:?}"),
            },
        };
        println!("told: {told}");
    }
}

/// What a child told of each way.
fn told(pem: &str, url: &str, variables: &[(&str, String)]) -> Vec<String> {
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), pem).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["a_proxy_of_the_environment", "--nocapture"])
        .env(CHILD, url)
        .env("SSL_CERT_FILE", ca.path())
        .env_remove("SSL_CERT_DIR");
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ] {
        command.env_remove(name);
    }
    let out = command.envs(variables.iter().cloned()).output().unwrap();
    let out = String::from_utf8_lossy(&out.stdout).into_owned();
    out.lines()
        .filter_map(|line| line.strip_prefix("told: "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_proxy_of_the_environment_is_used_and_its_refusals_are_told() {
    if let Ok(url) = std::env::var(CHILD) {
        return child(&url);
    }
    let (server, pem) = server();
    for _ in 0..3 {
        server.say(Speech::text("a"));
    }
    let url = format!("https://{HOST}:8443/v1");
    let (at, heads) = proxy(Proxy::Opens(server.address()));
    let all = told(
        &pem,
        &url,
        &[("HTTPS_PROXY", format!("http://me:pass%20word@{at}"))],
    );
    assert_eq!(all, ["a", "a", "a"]);
    let ways: Vec<bool> = server.asked().iter().map(|asked| asked.socket).collect();
    assert_eq!(ways, [false, true, true]);
    for head in heads.try_iter() {
        assert!(
            head.starts_with(&format!("CONNECT {HOST}:8443 HTTP/1.1\r\n")),
            "{head}"
        );
        // `me:pass word`.
        assert!(
            head.to_lowercase()
                .contains("proxy-authorization: basic bwu6cgfzcyb3b3jk\r\n"),
            "{head}"
        );
    }
    for (kind, says) in [
        (
            Proxy::Says("407 Proxy Authentication Required"),
            &["Setup", "name and password", "HTTPS_PROXY"][..],
        ),
        (Proxy::Says("403 Forbidden"), &["Network", "NO_PROXY"]),
        (Proxy::Says("502 Bad Gateway"), &["Network", "NO_PROXY"]),
        (Proxy::Says("no HTTP"), &["Network", "NO_PROXY"]),
        (Proxy::Hangs, &["Network", "in time"]),
    ] {
        let (at, _heads) = proxy(kind);
        let all = told(&pem, &url, &[("ALL_PROXY", format!("http://me:secret@{at}"))]);
        assert_eq!(all.len(), 3, "{all:?}");
        for line in all {
            for word in says {
                assert!(
                    line.contains(word) && !line.contains("secret"),
                    "`{word}` in {line}"
                );
            }
        }
    }
    // Nothing listens there any more.
    let gone = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    for line in told(&pem, &url, &[("https_proxy", format!("http://{gone}"))]) {
        assert!(line.contains("the proxy http://127.0.0.1"), "{line}");
    }
    for line in told(&pem, &url, &[("ALL_PROXY", format!("socks5://{gone}"))]) {
        assert!(line.contains("socks5://") && line.contains("NO_PROXY"), "{line}");
    }
    // Named as one that needs none, the host is not found.
    for line in told(
        &pem,
        &url,
        &[
            ("HTTPS_PROXY", format!("http://{at}")),
            ("NO_PROXY", HOST.to_owned()),
        ],
    ) {
        assert!(
            line.contains("is not known") || line.contains("cannot be reached"),
            "{line}"
        );
    }
}
