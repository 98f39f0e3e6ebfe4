//! TLS: a certificate that is trusted, one that is not, HTTP/2 over it, and servers that do not speak it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use brisk_domain::port::{FaultSource, Finish, ModelEvent, Retry};
use brisk_providers::{Probe, Secret};
use brisk_testkit::{FakeServer, WAIT};
use bytes::Bytes;
use common::{config, model, request, start};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Set in the child that trusts the test's certificate.
const CHILD: &str = "BRISK_TEST_TLS_CHILD";

/// An answer's body; it tells when it is dropped, and never ends if nothing ends it.
struct Pieces {
    left: VecDeque<Bytes>,
    ends: bool,
    dropped: mpsc::Sender<()>,
}

impl Drop for Pieces {
    fn drop(&mut self) {
        // Nobody may listen any more.
        let _ = self.dropped.send(());
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.left.pop_front() {
            None if !self.ends => Poll::Pending,
            piece => Poll::Ready(piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }
}

struct Server {
    port: u16,
    pem: String,
    versions: mpsc::Receiver<Version>,
    dropped: mpsc::Receiver<()>,
    runtime: tokio::runtime::Runtime,
}

/// Answers every request with `a`; the second one never ends.
fn serve() -> Server {
    serve_with(|_| ())
}

fn serve_with(change: impl FnOnce(&mut CertificateParams)) -> Server {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    change(&mut params);
    let signing = KeyPair::generate().unwrap();
    let cert = params.self_signed(&signing).unwrap();
    let key = PrivateKeyDer::try_from(signing.serialize_der()).unwrap();
    let mut tls =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (version, versions) = mpsc::channel();
    let (gone, dropped) = mpsc::channel();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let (version, gone) = (version.clone(), gone.clone());
            let requests = AtomicUsize::new(0);
            let answer = service_fn(move |request: Request<Incoming>| {
                version.send(request.version()).unwrap();
                let text = Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n");
                let end = Bytes::from_static(b"data: [DONE]\n\n");
                let ends = requests.fetch_add(1, Ordering::Relaxed) == 0;
                let left = if ends { vec![text, end] } else { vec![text] };
                let body = Pieces {
                    left: left.into(),
                    ends,
                    dropped: gone.clone(),
                };
                async move { Ok::<_, Infallible>(Response::new(body)) }
            });
            tokio::spawn(async move {
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), answer).await);
            });
        }
    });
    Server {
        port,
        pem: cert.pem(),
        versions,
        dropped,
        runtime,
    }
}

/// The trusted authorities are the process's, so the trusting half runs in a child of this test.
#[test]
fn a_trusted_server_is_spoken_to_in_http_2_on_one_connection_and_a_stop_resets_the_stream() {
    if let Ok(url) = std::env::var(CHILD) {
        return trusting(&url);
    }
    let server = serve();
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), &server.pem).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["a_trusted_server", "--nocapture"])
        .env(CHILD, format!("https://localhost:{}", server.port))
        .env("SSL_CERT_FILE", ca.path())
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stderr)
    );
    for _ in 0..2 {
        assert_eq!(server.versions.recv_timeout(WAIT).unwrap(), Version::HTTP_2);
        server.dropped.recv_timeout(WAIT).unwrap();
    }
    server.runtime.shutdown_background();
}

fn trusting(url: &str) {
    let model = model(config(url));
    let (text, end) = start(&model, request()).end();
    assert_eq!(text, "a");
    assert!(
        matches!(
            end,
            ModelEvent::Done {
                finish: Finish::Stop,
                ..
            }
        ),
        "{end:?}"
    );
    // The same connection: only its second request gets an answer without an end.
    let run = start(&model, request());
    assert_eq!(run.next(), ModelEvent::Sent);
    assert_eq!(run.next(), ModelEvent::Text { text: "a".to_owned() });
    run.stop();
}

fn refused(url: &str, says: &[&str]) {
    let (_, end) = start(&model(config(url)), request()).end();
    let ModelEvent::Failed { fault } = end else {
        panic!("{end:?}")
    };
    assert_eq!(
        (fault.source, fault.retry),
        (FaultSource::Setup, Retry::Elsewhere),
        "{}",
        fault.message
    );
    for word in says {
        assert!(fault.message.contains(word), "`{word}` in {}", fault.message);
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused() {
    let server = serve();
    refused(
        &format!("https://localhost:{}", server.port),
        &["not trusted", "SSL_CERT_FILE"],
    );
    server.runtime.shutdown_background();
}

/// As `openssl req -x509` makes it. No list of authorities helps there.
#[test]
fn a_certificate_of_an_authority_is_told_as_one() {
    let server = serve_with(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    refused(
        &format!("https://localhost:{}", server.port),
        &["CA:TRUE", "CA:FALSE", "SSL_CERT_FILE"],
    );
    server.runtime.shutdown_background();
}

#[test]
fn a_certificate_that_is_not_of_this_time_is_told_as_one() {
    for (from, until, says) in [(1990, 1991, "has expired"), (2990, 2991, "is not valid yet")] {
        let server = serve_with(|params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(until, 1, 1);
        });
        refused(
            &format!("https://localhost:{}", server.port),
            &[says, "check this machine's clock"],
        );
        server.runtime.shutdown_background();
    }
}

#[test]
fn a_probe_says_what_is_wrong_with_a_certificate() {
    let server = serve();
    let probe = Probe {
        base_url: format!("https://localhost:{}", server.port),
        allow_insecure: false,
        api_key: Secret::new("sk-very-secret-0123456789"),
        key_name: "the variable X".to_owned(),
        anthropic: true,
    };
    let fault = common::runtime().block_on(probe.list(WAIT)).unwrap_err();
    assert!(fault.message.contains("not trusted") && fault.message.contains("SSL_CERT_FILE"));
    assert!(!fault.message.contains("very-secret"), "{}", fault.message);
    server.runtime.shutdown_background();
}

#[test]
fn the_wrong_scheme_is_named() {
    let plain = FakeServer::start().unwrap();
    refused(&plain.url().replace("http://", "https://"), &["plain HTTP"]);
    let tls = serve();
    refused(
        &format!("http://localhost:{}", tls.port),
        &["does not speak HTTP"],
    );
    tls.runtime.shutdown_background();
}

/// A handshake that never ends is bounded as the connection is, not as an answer is.
#[test]
fn a_handshake_that_never_ends_is_given_up() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut config = config(&format!("https://{}", silent.local_addr().unwrap()));
    config.endpoint.timeouts.connect = std::time::Duration::from_millis(100);
    let (_, end) = start(&model(config), request()).end();
    let ModelEvent::Failed { fault } = end else {
        panic!("{end:?}")
    };
    let want = (FaultSource::Network, Retry::Elsewhere);
    assert_eq!((fault.source, fault.retry), want, "{}", fault.message);
    assert!(fault.message.contains("in time"), "{}", fault.message);
}
