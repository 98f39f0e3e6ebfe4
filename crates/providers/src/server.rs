//! One server over HTTP: its connections, and what every request to it carries.
//!
//! One request may be written twice by the connection pool: when a kept connection turns out to be closed before
//! any of it was sent. That is not a retry; no server has seen the first one.

use crate::base_url::BaseUrl;
use crate::connect::{Client, Outgoing, client, drain};
use crate::endpoint::{Auth, Endpoint};
use crate::fault::{Upstream, setup};
use crate::opening::{Opening, Roads};
use crate::stream::{Timeouts, bounded_body, short_body};
use brisk_domain::port::{Fault, Running, Sink};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// The bound of a list of models that is read, bytes. The longest known one has 600 KiB.
const LIST_MAX: usize = 4 << 20;

/// A server that can be asked.
pub(crate) struct Server {
    pub(crate) upstream: Upstream,
    pub(crate) timeouts: Timeouts,
    headers: HeaderMap,
    client: Client,
    roads: Roads,
}

impl Server {
    /// Checks the configuration and prepares a connection pool; connects to nothing yet.
    ///
    /// # Errors
    /// A `Setup` fault: a wrong address, a key or header that cannot be sent, no trusted certificates (https only).
    pub(crate) fn new(endpoint: &Endpoint, auth: Auth) -> Result<Server, Fault> {
        let timeouts = endpoint.timeouts;
        let base = BaseUrl::parse(&endpoint.base_url, endpoint.allow_insecure)
            .map_err(|bad| setup(bad.to_string()))?;
        let headers = endpoint.header_map(auth)?;
        // The variables that other programs read as well: HTTPS_PROXY, ALL_PROXY, NO_PROXY.
        let roads = Roads::to(&base, &Matcher::from_env(), timeouts.connect)
            .map_err(|error| setup(format!("there is no way to {base}: {error}")))?;
        Ok(Server {
            upstream: Upstream::new(base, endpoint),
            timeouts,
            headers,
            client: client(roads.opening(true)),
            roads,
        })
    }

    /// What opens connections that are not of the pool, for HTTP/1.1.
    pub(crate) fn opening(&self) -> Opening {
        self.roads.opening(false)
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
    /// The server could not be reached, or was silent for `first_text`.
    pub(crate) async fn post(
        &self,
        uri: &Uri,
        body: &impl Serialize,
        sink: &Sink,
    ) -> Result<Response<Incoming>, Fault> {
        self.post_with(uri, body, None, sink).await
    }

    /// As [`Server::post`], with one more header.
    pub(crate) async fn post_with(
        &self,
        uri: &Uri,
        body: &impl Serialize,
        header: Option<(HeaderName, HeaderValue)>,
        sink: &Sink,
    ) -> Result<Response<Incoming>, Fault> {
        let body = serde_json::to_vec(body)
            .map_err(|error| setup(format!("the request cannot be written as JSON: {error}")))?;
        let mut post = self.request(Method::POST, uri, body.into(), Some(Arc::clone(sink)));
        post.headers_mut().extend(header);
        self.response(post).await
    }

    async fn response(&self, request: Request<Outgoing>) -> Result<Response<Incoming>, Fault> {
        let wait = self.timeouts.first_text;
        tokio::time::timeout(wait, self.client.request(request))
            .await
            .map_err(|_| self.upstream.stalled(wait))?
            .map_err(|error| self.upstream.unreachable(&error))
    }

    /// Asks for the list of models: it costs nothing, opens the connection and shows whether the key is taken.
    async fn models(&self) -> Result<Response<Incoming>, Fault> {
        let models = self.upstream.base.models();
        self.response(self.request(Method::GET, models, Bytes::new(), None))
            .await
    }

    /// Opens the connection: name, handshake and TLS are done when the person presses return.
    pub(crate) async fn warm(&self) {
        let wait = self.timeouts.aside;
        if let Ok(Ok(response)) = tokio::time::timeout(wait, self.models()).await {
            drain(response.into_body(), wait).await;
        }
    }

    /// The names of the models that the server lists; `None` where it has no list.
    ///
    /// # Errors
    /// It cannot be reached, or refuses the key.
    pub(crate) async fn list(&self) -> Result<Option<Vec<String>>, Fault> {
        let (head, body) = self.models().await?.into_parts();
        match head.status {
            StatusCode::OK => Ok(names(&bounded_body(body, self.timeouts.aside, LIST_MAX).await)),
            StatusCode::NOT_FOUND => Ok(None),
            status => {
                let text = short_body(body, self.timeouts.aside).await;
                let now = Timestamp::now();
                Err(self.upstream.refused(status.as_u16(), &head.headers, &text, now))
            }
        }
    }
}

/// The names in `{"data": [{"id": ...}]}`.
fn names(body: &str) -> Option<Vec<String>> {
    let value: serde_json::Value = serde_json::from_str(body).ok()?;
    let data = value.get("data")?.as_array()?.iter();
    Some(
        data.filter_map(|entry| entry.get("id")?.as_str().map(str::to_owned))
            .collect(),
    )
}

/// Aborts the task, and with it closes the connection (HTTP/2: resets the stream).
pub(crate) struct Generation(pub(crate) AbortHandle);

impl Running for Generation {}

impl Drop for Generation {
    fn drop(&mut self) {
        self.0.abort();
    }
}
