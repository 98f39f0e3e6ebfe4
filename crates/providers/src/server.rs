//! One server: its connections, and what every request to it carries. Shared by all protocols over HTTP.
//!
//! One request may be written twice by the connection pool: when a kept connection turns out to be closed before
//! any of it was sent. That is not a retry; no server has seen the first one.

use crate::base_url::BaseUrl;
use crate::connect::{Client, Outgoing, client, drain};
use crate::fault::{Upstream, setup};
use crate::secret::Secret;
use crate::stream::Timeouts;
use brisk_domain::ModelId;
use brisk_domain::port::{Fault, Running, Sink};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use serde::Serialize;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// How a server wants its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyHeader {
    /// `Authorization: Bearer`.
    Bearer,
    /// `x-api-key`.
    ApiKey,
}

/// Who asks, for requests and for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    pub(crate) id: &'a ModelId,
    pub(crate) base_url: &'a str,
    pub(crate) allow_insecure: bool,
    pub(crate) model: &'a str,
    pub(crate) key: Option<&'a Secret>,
    pub(crate) key_name: &'a str,
    pub(crate) key_header: KeyHeader,
    /// On top; values count as secrets.
    pub(crate) headers: &'a [(String, Secret)],
    pub(crate) timeouts: Timeouts,
}

/// A server that can be asked.
pub(crate) struct Server {
    pub(crate) upstream: Upstream,
    pub(crate) timeouts: Timeouts,
    headers: HeaderMap,
    client: Client,
}

impl Server {
    /// Checks the configuration and prepares a connection pool; connects to nothing yet.
    ///
    /// # Errors
    /// A `Setup` fault: a wrong address, a key or header that cannot be sent, no trusted certificates (https only).
    pub(crate) fn new(access: Access<'_>) -> Result<Server, Fault> {
        let base =
            BaseUrl::parse(access.base_url, access.allow_insecure).map_err(|bad| setup(bad.to_string()))?;
        let headers = headers(access)?;
        let client = client(base.tls(), access.timeouts.connect)
            .map_err(|error| setup(format!("no trusted certificates for {base}: {error}")))?;
        Ok(Server {
            upstream: Upstream::new(access, base),
            timeouts: access.timeouts,
            headers,
            client,
        })
    }

    fn request(&self, method: Method, uri: &Uri, body: Bytes, sent: Option<Sink>) -> Request<Outgoing> {
        let mut request = Request::new(Outgoing::new(body, sent));
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// Sends a request for a generation and waits for the answer's head, whatever its status.
    ///
    /// # Errors
    /// The server could not be reached, or was silent for `first_byte`.
    pub(crate) async fn post(
        &self,
        uri: &Uri,
        body: &impl Serialize,
        sink: &Sink,
    ) -> Result<Response<Incoming>, Fault> {
        let body = serde_json::to_vec(body)
            .map_err(|error| setup(format!("the request cannot be written as JSON: {error}")))?;
        let post = self.request(Method::POST, uri, body.into(), Some(Arc::clone(sink)));
        self.response(post).await
    }

    /// Asks for the list of models: it costs nothing, opens the connection and shows whether the key is taken.
    ///
    /// # Errors
    /// As [`Server::post`].
    pub(crate) async fn models(&self) -> Result<Response<Incoming>, Fault> {
        self.response(self.request(Method::GET, self.upstream.base.models(), Bytes::new(), None))
            .await
    }

    async fn response(&self, request: Request<Outgoing>) -> Result<Response<Incoming>, Fault> {
        let wait = self.timeouts.first_byte;
        tokio::time::timeout(wait, self.client.request(request))
            .await
            .map_err(|_| self.upstream.stalled(wait))?
            .map_err(|error| self.upstream.unreachable(&error))
    }

    /// Opens the connection: name, handshake and TLS are done when the person presses return.
    pub(crate) async fn warm(&self) {
        let wait = self.timeouts.stall;
        if let Ok(Ok(response)) = tokio::time::timeout(wait, self.models()).await {
            drain(response.into_body(), wait).await;
        }
    }
}

fn headers(access: Access<'_>) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    let confidential = |value: &str| {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        Some(value)
    };
    if let Some(key) = access.key {
        let (name, value) = match access.key_header {
            KeyHeader::Bearer => (AUTHORIZATION, confidential(&format!("Bearer {}", key.reveal()))),
            KeyHeader::ApiKey => (HeaderName::from_static("x-api-key"), confidential(key.reveal())),
        };
        let value = value.ok_or_else(|| {
            setup(format!(
                "the key in {} holds characters that cannot be sent",
                access.key_name
            ))
        })?;
        headers.insert(name, value);
    }
    for (name, value) in access.headers {
        let bad = || {
            setup(format!(
                "the header `{}` for {} cannot be sent",
                name.escape_debug(),
                access.id
            ))
        };
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        headers.insert(parsed, confidential(value.reveal()).ok_or_else(bad)?);
    }
    Ok(headers)
}

/// Aborts the task, and with it closes the connection (HTTP/2: resets the stream).
pub(crate) struct Generation(pub(crate) AbortHandle);

impl Running for Generation {}

impl Drop for Generation {
    fn drop(&mut self) {
        self.0.abort();
    }
}
