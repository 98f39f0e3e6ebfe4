//! How a connection is opened: name, both kinds of addresses at once, TCP without Nagle's delay, perhaps a proxy, TLS;
//! all of it within one bound.
//!
//! The connections of one model share one TLS configuration, so that a session that one of them has is resumed by the
//! next, whatever it is for.

use crate::base_url::BaseUrl;
use hyper::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

/// An open connection.
pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

type Failed = Box<dyn Error + Send + Sync>;
type Opened<T> = Pin<Box<dyn Future<Output = Result<T, Failed>> + Send>>;

/// A proxy did not open a way to the server.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {proxy} that the environment names opened no way: {why}")]
pub(crate) struct NoWay {
    proxy: String,
    why: String,
}

impl NoWay {
    /// It wants a name and a password.
    pub(crate) fn wants_name(&self) -> bool {
        self.why.contains("authorization required")
    }
}

/// Straight to the server, or through a proxy (`CONNECT`).
#[derive(Clone)]
enum Route {
    Straight(HttpConnector),
    Through {
        tunnel: Tunnel<HttpConnector>,
        /// As it is shown: without name and password.
        proxy: String,
    },
}

impl Route {
    /// The way to a server. Only what is encrypted goes through a proxy, and nothing that is on this machine.
    fn to(base: &BaseUrl, proxies: &Matcher, tcp: HttpConnector) -> io::Result<Route> {
        let proxy = match base.tls() && !base.is_here() {
            true => proxies.intercept(base.models()),
            false => None,
        };
        let Some(proxy) = proxy else {
            return Ok(Route::Straight(tcp));
        };
        let at = proxy.uri().clone();
        if at.scheme_str() != Some("http") {
            let shown = at.scheme_str().unwrap_or_default();
            return Err(io::Error::other(format!(
                "HTTPS_PROXY or ALL_PROXY names a proxy that is spoken to by {shown}://; write one of http://, or name \
                 the host in NO_PROXY"
            )));
        }
        Ok(Route::Through {
            proxy: format!("http://{}", at.authority().map_or("", |at| at.as_str())),
            tunnel: tunnel(&proxy, at, tcp),
        })
    }
}

fn tunnel(proxy: &Intercept, at: Uri, tcp: HttpConnector) -> Tunnel<HttpConnector> {
    let tunnel = Tunnel::new(at, tcp);
    match proxy.basic_auth() {
        Some(name) => tunnel.with_auth(name.clone()),
        None => tunnel,
    }
}

impl Service<Uri> for Route {
    type Response = TokioIo<TcpStream>;
    type Error = Failed;
    type Future = Opened<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        match self {
            Route::Straight(tcp) => tcp.poll_ready(cx).map_err(Into::into),
            Route::Through { tunnel, .. } => tunnel.poll_ready(cx).map_err(Into::into),
        }
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match self {
            Route::Straight(tcp) => {
                let opening = tcp.call(to);
                Box::pin(async move { opening.await.map_err(Into::into) })
            }
            Route::Through { tunnel, proxy } => {
                let (opening, proxy) = (tunnel.call(to), proxy.clone());
                Box::pin(async move {
                    opening.await.map_err(|error| {
                        let why = match error.source() {
                            Some(source) => format!("{error}: {source}"),
                            None => error.to_string(),
                        };
                        NoWay { proxy, why }.into()
                    })
                })
            }
        }
    }
}

/// What opens connections to one server.
pub(crate) struct Roads {
    route: Route,
    tls: ClientConfig,
    encrypted: bool,
    within: Duration,
}

impl Roads {
    /// Certificates are read from the system, so that a company's own authority counts; for plain HTTP none are read.
    ///
    /// # Errors
    /// No certificates, or a proxy that is not spoken to.
    pub(crate) fn to(base: &BaseUrl, proxies: &Matcher, within: Duration) -> io::Result<Roads> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(within));
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        // The provider is named: another crate of the same program may bring a second one, and then there is no
        // default.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let tls = match base.tls() {
            true => tls.with_native_roots()?,
            false => tls.with_root_certificates(rustls::RootCertStore::empty()),
        };
        Ok(Roads {
            route: Route::to(base, proxies, tcp)?,
            tls: tls.with_no_client_auth(),
            encrypted: base.tls(),
            within,
        })
    }

    /// `http2`: offered where the connection is encrypted.
    pub(crate) fn opening(&self, http2: bool) -> Opening {
        let builder = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone());
        let route = self.route.clone();
        let tls = match (self.encrypted, http2) {
            (true, true) => builder
                .https_only()
                .enable_http1()
                .enable_http2()
                .wrap_connector(route),
            (true, false) => builder.https_only().enable_http1().wrap_connector(route),
            (false, _) => builder.https_or_http().enable_http1().wrap_connector(route),
        };
        Opening {
            tls,
            within: self.within,
        }
    }
}

/// Opens one connection at a call.
#[derive(Clone)]
pub(crate) struct Opening {
    tls: HttpsConnector<Route>,
    within: Duration,
}

impl Service<Uri> for Opening {
    type Response = Stream;
    type Error = Failed;
    type Future = Opened<Stream>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.tls.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (opening, within) = (self.tls.call(to), self.within);
        Box::pin(async move {
            // TCP has a bound of its own; a proxy or a handshake that never ends has this one.
            match tokio::time::timeout(within, opening).await {
                Ok(opened) => opened,
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_requests_to_other_machines_take_a_proxy() {
        for (base, https, no, want) in [
            (
                "https://a.example",
                "http://proxy:3128",
                "",
                Ok(Some("http://proxy:3128")),
            ),
            (
                "https://a.example",
                "proxy:3128",
                "",
                Ok(Some("http://proxy:3128")),
            ),
            (
                "https://a.example",
                "http://me:pw@proxy:3128",
                "",
                Ok(Some("http://proxy:3128")),
            ),
            ("https://a.example", "", "", Ok(None)),
            ("https://a.example", "http://proxy:3128", "a.example", Ok(None)),
            (
                "https://x.a.example",
                "http://proxy:3128",
                ".a.example,b",
                Ok(None),
            ),
            ("https://a.example", "http://proxy:3128", "*", Ok(None)),
            ("https://127.0.0.1:1", "http://proxy:3128", "", Ok(None)),
            ("https://localhost", "http://proxy:3128", "", Ok(None)),
            ("http://[::1]:1", "http://proxy:3128", "", Ok(None)),
            ("http://10.0.0.1", "http://proxy:3128", "", Ok(None)),
            ("https://a.example", "socks5://proxy:1080", "", Err("socks5://")),
            ("https://a.example", "https://me:pw@proxy", "", Err("https://")),
        ] {
            let url = BaseUrl::parse(base, true).unwrap();
            let proxies = Matcher::builder().all(https).no(no).build();
            let got = match Route::to(&url, &proxies, HttpConnector::new()) {
                Ok(Route::Straight(_)) => Ok(None),
                Ok(Route::Through { proxy, .. }) => Ok(Some(proxy)),
                Err(error) => Err(error.to_string()),
            };
            match (&got, want) {
                (Ok(got), Ok(want)) => assert_eq!(got.as_deref(), want, "{base} {https} {no}"),
                (Err(got), Err(want)) => assert!(got.contains(want) && !got.contains("pw"), "{got}"),
                (got, want) => panic!("{base} {https} {no}: {got:?}, not {want:?}"),
            }
        }
    }
}
