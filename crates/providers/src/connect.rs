//! The connection pool: keep-alive, no Nagle delay, HTTP/1.1 and 2, TLS by rustls on ring.

use brisk_domain::port::{ModelEvent, Sink};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

pub(crate) type Client = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Outgoing>;

/// A pool for one server. Certificates are read from the system, so that a company's own authority counts; for plain
/// HTTP none are read.
pub(crate) fn client(tls: bool, connect: Duration) -> io::Result<Client> {
    Ok(hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(90))
        .build(connector(tls, connect, true)?))
}

/// What opens one connection: name, both kinds of addresses at once, TCP without Nagle's delay, TLS. `http2`: offered.
pub(crate) fn connector(
    tls: bool,
    connect: Duration,
    http2: bool,
) -> io::Result<HttpsConnector<HttpConnector>> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(connect));
    http.set_keepalive(Some(Duration::from_secs(30)));
    // The provider is named: another crate of the same program may bring a second one, and then there is no default.
    let provider = rustls::crypto::ring::default_provider();
    if tls {
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)?
            .https_only()
            .enable_http1();
        Ok(match http2 {
            true => builder.enable_http2().wrap_connector(http),
            false => builder.wrap_connector(http),
        })
    } else {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Ok(HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http))
    }
}

/// A request's body in one piece, which reports `Sent` when the connection takes it.
pub(crate) struct Outgoing {
    body: Option<Bytes>,
    sent: Option<Sink>,
}

impl Outgoing {
    pub(crate) fn new(body: Bytes, sent: Option<Sink>) -> Outgoing {
        Outgoing {
            body: (!body.is_empty()).then_some(body),
            sent,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.body.take();
        if let (Some(_), Some(sink)) = (&piece, self.sent.take()) {
            sink(ModelEvent::Sent);
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |body| body.len() as u64))
    }
}

/// Reads what is left of a body, so that its connection can be used again; gives up after `wait` or 1 MiB.
pub(crate) async fn drain(mut body: Incoming, wait: Duration) {
    let rest = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > 1 << 20 {
                return;
            }
        }
    };
    // Whether it came in time makes no difference to anyone: a body that is dropped closes its connection.
    drop(tokio::time::timeout(wait, rest).await);
}
