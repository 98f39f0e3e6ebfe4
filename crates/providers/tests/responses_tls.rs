//! A socket over TLS: a certificate that is trusted, and one that is not. The TLS is a relay in front of the fake.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use brisk_domain::ModelId;
use brisk_domain::port::{FaultSource, Finish, ModelEvent, Retry};
use brisk_providers::{ResponsesConfig, ResponsesModel, Transport};
use brisk_testkit::responses::{ResponsesServer, Speech};
use common::{request, runtime, start};
use rustls::pki_types::PrivateKeyDer;
use std::process::Command;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Set in the child that trusts the test's certificate.
const CHILD: &str = "BRISK_TEST_SOCKET_TLS_CHILD";

/// `https://localhost:PORT` in front of the server, and the certificate.
fn relay(server: &ResponsesServer) -> (String, String) {
    let cert = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(cert.signing_key.serialize_der()).unwrap();
    let mut tls =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.cert.der().clone()], key)
            .unwrap();
    // A client that wants a socket must not end up in HTTP/2.
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = runtime().block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = server.address();
    runtime().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let (Ok(mut outer), Ok(mut inner)) =
                    (acceptor.accept(stream).await, TcpStream::connect(target).await)
                {
                    drop(tokio::io::copy_bidirectional(&mut outer, &mut inner).await);
                }
            });
        }
    });
    (format!("https://localhost:{port}"), cert.cert.pem())
}

fn model(url: &str, transport: Transport) -> ResponsesModel {
    let mut config = ResponsesConfig::new(ModelId("fake".to_owned()), url, "m");
    config.transport = transport;
    ResponsesModel::new(config, runtime().handle().clone()).unwrap()
}

/// The trusted authorities are the process's, so the trusting half runs in a child of this test.
#[test]
fn a_socket_goes_over_tls() {
    if let Ok(url) = std::env::var(CHILD) {
        let model = model(&url, Transport::WebSocket);
        for _ in 0..2 {
            let (text, end) = start(&model, request()).end();
            let whole = matches!(
                end,
                ModelEvent::Done {
                    finish: Finish::Stop,
                    ..
                }
            );
            assert!(text == "a" && whole, "{text} {end:?}");
        }
        return;
    }
    let server = ResponsesServer::start().unwrap();
    for _ in 0..2 {
        server.say(Speech::text("a"));
    }
    let (url, pem) = relay(&server);
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), pem).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["a_socket_goes_over_tls", "--nocapture"])
        .env(CHILD, url)
        .env("SSL_CERT_FILE", ca.path())
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stderr)
    );
    let ways: Vec<bool> = server.asked().iter().map(|asked| asked.socket).collect();
    assert_eq!((ways, server.sockets()), (vec![true, true], 1));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_on_every_way() {
    let server = ResponsesServer::start().unwrap();
    let (url, _) = relay(&server);
    for transport in [Transport::WebSocket, Transport::Sse, Transport::Auto] {
        let (_, end) = start(&model(&url, transport), request()).end();
        let ModelEvent::Failed { fault } = end else {
            panic!("{end:?}")
        };
        assert_eq!(
            (fault.source, fault.retry),
            (FaultSource::Setup, Retry::Elsewhere),
            "{}",
            fault.message
        );
        assert!(fault.message.contains("not trusted"), "{}", fault.message);
    }
    assert_eq!(server.asked(), []);
}
